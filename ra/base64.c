/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#define NO_DIGIT 64

static uint8_t digit_of(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (uint8_t)(c - 'A');
	if (c >= 'a' && c <= 'z')
		return (uint8_t)(c - 'a' + 26);
	if (c >= '0' && c <= '9')
		return (uint8_t)(c - '0' + 52);
	return c == '+' ? 62 : c == '/' ? 63 : NO_DIGIT;
}

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool base64_decode(struct bytes text, struct builder *out)
{
	struct cursor c = cursor_of(text);
	uint32_t bits = 0;
	unsigned digits = 0, pads = 0;

	while (c.left > 0) {
		uint8_t ch = cursor_u8(&c);
		if (is_space(ch))
			continue;
		if (ch == '=') {
			pads++;
			continue;
		}
		uint8_t digit = digit_of(ch);
		if (digit == NO_DIGIT || pads > 0)
			return false;
		bits = bits << 6 | digit;
		if (++digits == 4) {
			builder_u8(out, (uint8_t)(bits >> 16));
			builder_u16(out, (uint16_t)bits);
			digits = 0;
			bits = 0;
		}
	}
	switch (digits) {
	case 0:
		return pads == 0 && !out->failed;
	case 2:
		builder_u8(out, (uint8_t)(bits >> 4));
		return pads == 2 && (bits & 0xF) == 0 && !out->failed;
	case 3:
		builder_u16(out, (uint16_t)(bits >> 2));
		return pads == 1 && (bits & 0x3) == 0 && !out->failed;
	default:
		return false;
	}
}

static void put_group(struct builder *out, uint32_t bits, unsigned digits)
{
	for (unsigned i = 0; i < 4; i++)
		builder_u8(out, i < digits ? (uint8_t)alphabet[bits >> (18 - 6 * i) & 0x3F] : '=');
}

bool base64_encode(struct bytes in, struct builder *out)
{
	struct cursor c = cursor_of(in);

	while (c.left > 0) {
		struct bytes group = cursor_take(&c, c.left < 3 ? c.left : 3);
		uint32_t bits = 0;
		for (size_t i = 0; i < 3; i++)
			bits = bits << 8 | (i < group.len ? group.data[i] : 0);
		put_group(out, bits, (unsigned)group.len + 1);
	}
	return !out->failed;
}
