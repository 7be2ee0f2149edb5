/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hex.h"

#include <string.h>

bool hex_encode(struct bytes in, char *out, size_t cap)
{
	static const char digits[] = "0123456789abcdef";

	if (cap == 0 || in.len > (cap - 1) / 2) {
		if (cap > 0)
			out[0] = '\0';
		return false;
	}
	for (size_t i = 0; i < in.len; i++) {
		out[2 * i] = digits[in.data[i] >> 4];
		out[2 * i + 1] = digits[in.data[i] & 0x0F];
	}
	out[2 * in.len] = '\0';
	return true;
}

/* 16 for what is no digit. The locale has no say. */
static unsigned digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

bool hex_decode(const char *text, struct builder *out)
{
	size_t digits = strlen(text);

	if (digits % 2 != 0)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (digit_value(text[i]) > 15)
			return false;
	struct builder whole = *out;
	for (size_t i = 0; i < digits; i += 2)
		builder_u8(&whole, (uint8_t)(digit_value(text[i]) << 4 | digit_value(text[i + 1])));
	if (whole.failed)
		return false;
	*out = whole;
	return true;
}
