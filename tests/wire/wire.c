/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/wire.h"

#include <ctype.h>
#include <string.h>

#define BIG (3 + FW_COMMAND_MAX)

struct bytes wire_hex(const char *hex)
{
	static uint8_t ring[8][4096];
	static unsigned turn;
	uint8_t *to = ring[turn++ % 8];
	size_t n = 0;

	for (; *hex; hex++) {
		if (isspace((unsigned char)*hex))
			continue;
		unsigned v = 0;
		if (n == sizeof(ring[0]) || !isxdigit((unsigned char)hex[0]) || !isxdigit((unsigned char)hex[1]) ||
			sscanf(hex, "%2x", &v) != 1)
			fail_msg("not hexadecimal: %s", hex);
		to[n++] = (uint8_t)v;
		hex++;
	}
	return BYTES(to, n);
}

const char *wire_text(struct bytes b)
{
	static char ring[8][1 + 2 * 512];
	static unsigned turn;
	char *to = ring[turn++ % 8];

	to[0] = 0;
	for (size_t i = 0; i < b.len && i < 512; i++)
		snprintf(to + 2 * i, 3, "%02X", b.data[i]);
	return to;
}

struct bytes wire_string(const char *s)
{
	return BYTES((const uint8_t *)s, strlen(s));
}

struct bytes wire_send(struct ramtoken *t, struct bytes command, uint16_t sw)
{
	struct bytes answer = ramtoken_transceive(t, command);
	struct rapdu r;

	if (!rapdu_parse(answer, &r))
		fail_msg("%s: no answer", wire_text(command));
	if (r.sw != sw)
		fail_msg("%s: %04X instead of %04X, data %s", wire_text(command), r.sw, sw, wire_text(r.data));
	return r.data;
}

struct bytes wire(struct ramtoken *t, const char *hex, uint16_t sw)
{
	return wire_send(t, wire_hex(hex), sw);
}

static struct bytes encode(uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le)
{
	static uint8_t raw[BIG];
	struct builder b = builder_of(raw, sizeof(raw));

	apdu_encode(&b, &(struct apdu){cla, ins, p1, p2, data, le, true, false});
	assert_false(b.failed);
	return builder_bytes(&b);
}

struct bytes wire_apdu(struct ramtoken *t, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data,
	uint32_t le, uint16_t sw)
{
	return wire_send(t, encode(cla, ins, p1, p2, data, le), sw);
}

uint16_t wire_any(struct ramtoken *t, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le,
	struct bytes *answer)
{
	struct rapdu r;

	if (!rapdu_parse(ramtoken_transceive(t, encode(cla, ins, p1, p2, data, le)), &r))
		return 0;
	if (answer)
		*answer = r.data;
	return r.sw;
}

void wire_initialize(struct ramtoken *t)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, wire_string("Test"));
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x83, wire_string(USER_PIN));
	wire_apdu(t, 0x80, 0xE0, 0, 0, builder_bytes(&b), 0, SW_OK);
}

void wire_verify(struct ramtoken *t, uint8_t reference, const char *pin, uint16_t sw)
{
	wire_apdu(t, 0x00, 0x20, 0, reference, wire_string(pin), 0, sw);
}

void wire_generate(struct ramtoken *t, uint8_t algorithm, uint8_t key, uint16_t usage, uint16_t sw)
{
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));
	size_t body = tlv_begin(&b, 0xAC);

	tlv_put_u8(&b, 0x81, key);
	tlv_put(&b, 0x82, wire_string("key"));
	tlv_put_u16(&b, 0x83, usage);
	tlv_end(&b, body);
	wire_apdu(t, 0x00, 0x47, algorithm, key, builder_bytes(&b), APDU_LE_MAX, sw);
}

void wire_put(struct ramtoken *t, uint16_t object, struct bytes body, uint16_t sw)
{
	static uint8_t raw[40000];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put_u16(&b, 0x5C, object);
	tlv_put(&b, 0x53, body);
	assert_false(b.failed);
	wire_apdu(t, 0x00, 0xDB, 0x3F, 0xFF, builder_bytes(&b), 0, sw);
}

struct bytes wire_get(struct ramtoken *t, uint16_t object, uint16_t sw)
{
	uint8_t raw[4] = {0x5C, 2, (uint8_t)(object >> 8), (uint8_t)object};

	return wire_apdu(t, 0x00, 0xCB, 0x3F, 0xFF, BYTES_OF(raw), APDU_LE_MAX, sw);
}

static struct bytes filled(struct builder *b, uint32_t tag, size_t n, uint8_t seed)
{
	static uint8_t value[20000];

	assert_true(n <= sizeof(value));
	for (size_t i = 0; i < n; i++)
		value[i] = (uint8_t)(seed + i * 7);
	tlv_put(b, tag, BYTES(value, n));
	assert_false(b->failed);
	return builder_bytes(b);
}

struct bytes wire_certificate(size_t n, uint8_t seed)
{
	static uint8_t raw[21000];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x82, wire_string("certificate"));
	return filled(&b, 0x70, n, seed);
}

struct bytes wire_data_object(size_t n, uint8_t flags, uint8_t seed)
{
	static uint8_t raw[21000];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x81, wire_string("data"));
	tlv_put(&b, 0x82, wire_string("application"));
	tlv_put_u8(&b, 0x84, flags);
	return filled(&b, 0x85, n, seed);
}

struct bytes wire_info_of(struct bytes whole, uint32_t tag)
{
	struct bytes inner, value;
	struct cursor c;
	uint32_t got;

	assert_true(tlv_unwrap(whole, 0x6F, &inner));
	c = cursor_of(inner);
	while (tlv_next(&c, &got, &value))
		if (got == 0xA5)
			break;
	assert_int_equal(got, 0xA5);
	c = cursor_of(value);
	while (tlv_next(&c, &got, &value))
		if (got == tag)
			return value;
	fail_msg("no tag %02X in the token information", (unsigned)tag);
	return BYTES_NONE;
}

struct bytes wire_info(struct ramtoken *t, uint32_t tag)
{
	return wire_info_of(wire(t, SELECT_UKEY, SW_OK), tag);
}

uint32_t wire_generation(struct ramtoken *t)
{
	struct cursor c = cursor_of(wire_info(t, 0x88));
	return cursor_u32(&c);
}
