/* SPDX-License-Identifier: Apache-2.0 */
/* What a command leaves in the token's memory: no PIN, no key, no plain text of a session (protocol 6, security.md 3).
 */
#define _GNU_SOURCE /* memmem */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/factory.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define NEW_PIN "a new PIN of mine"
#define BAD_PIN "a PIN that is wrong"
#define PRIVATE "nobody but the holder reads this"

static struct ramtoken *token;
static struct personal maker;

/* The flash is not memory: everything else that the token knows. */
static bool remembers(struct bytes secret)
{
	return memmem(token->memory, fw_size(), secret.data, secret.len) != NULL;
}

static void assert_forgotten(const char *after)
{
	static const char *const pins[] = {SO_PIN, USER_PIN, NEW_PIN, BAD_PIN, PRIVATE};
	static const uint8_t nothing[HAL_KEY_BLOB_MAX];
	uint8_t raw[HAL_KEY_BLOB_MAX];

	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++)
		if (remembers(wire_string(pins[i])))
			fail_msg("after %s: %s", after, pins[i]);
	for (uint8_t n = 0; n < 2; n++) {
		struct builder b = builder_of(raw, sizeof(raw));
		assert_true(fw_object_append(token->fw, FW_OBJECT(FW_TYPE_FACTORY, n), &b));
		if (remembers(builder_bytes(&b)))
			fail_msg("after %s: key %d of the factory", after, n);
	}
	if (remembers(BYTES_OF(maker.unlock_key)))
		fail_msg("after %s: the unlock key", after);
	assert_memory_equal(token->fw->blob, nothing, sizeof(nothing));
}

static struct bytes two(uint8_t tag, const char *first, const char *second)
{
	static uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, tag, wire_string(first));
	tlv_put(&b, 0x81, wire_string(second));
	return builder_bytes(&b);
}

/* In clear when there is no session. */
static void step(const char *name, struct scp_session *s, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data,
	uint16_t expected)
{
	/* Commands of our own have bit 8: INITIALIZE, ATTEST, UNLOCK CHALLENGE. */
	const uint8_t cla = ins == 0xE0 || ins == 0xCC || (ins == 0x84 && p2 == 0x83) ? 0x80 : 0x00;
	const struct apdu a = {cla, ins, p1, p2, data, APDU_LE_MAX, true, false};
	uint16_t sw = s ? personal_send(token, 0, s, &a, NULL) : wire_any(token, cla, ins, p1, p2, data, a.le, NULL);

	if (sw != expected)
		fail_msg("%s: %04X", name, sw);
	assert_forgotten(name);
}

static struct bytes setup(void)
{
	static uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, wire_string("A"));
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x83, wire_string(USER_PIN));
	return builder_bytes(&b);
}

static struct bytes private_object(void)
{
	static uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	builder_put(&b, wire_hex("5C020301"));
	size_t body = tlv_begin(&b, 0x53);
	tlv_put(&b, 0x81, wire_string(PRIVATE));
	tlv_put_u8(&b, 0x84, 1);
	tlv_put(&b, 0x85, wire_string(PRIVATE));
	tlv_end(&b, body);
	return builder_bytes(&b);
}

static void nothing_stays_in_memory(void **state)
{
	struct scp_session s;

	(void)state;
	token = ramtoken_new(NULL);
	personal_make(token, NULL, &maker);
	wire(token, "00CB3FFF 04 5C020001 00", SW_OK);
	assert_forgotten("the factory");
	step("INITIALIZE in clear", NULL, 0xE0, 0, 0, setup(), SW_SECURITY_STATUS);
	personal_open(token, 0, maker.device_point, &s);
	assert_forgotten("INTERNAL AUTHENTICATE");
	step("INITIALIZE", &s, 0xE0, 0, 0, setup(), SW_OK);
	step("wrong VERIFY", &s, 0x20, 0, 0x81, wire_string(BAD_PIN), SW_TRIES_LEFT | 5);
	step("VERIFY", &s, 0x20, 0, 0x81, wire_string(USER_PIN), SW_OK);
	step("PUT DATA", &s, 0xDB, 0x3F, 0xFF, private_object(), SW_OK);
	step("GET DATA", &s, 0xCB, 0x3F, 0xFF, wire_hex("5C020301"), SW_OK);
	step("CHANGE REFERENCE DATA", &s, 0x24, 0, 0x81, two(0x80, USER_PIN, NEW_PIN), SW_OK);
	step("the same PIN", &s, 0x24, 0, 0x81, two(0x80, NEW_PIN, NEW_PIN), SW_WRONG_DATA);
	step("RESET RETRY COUNTER", &s, 0x2C, 0, 0x81, two(0x80, SO_PIN, USER_PIN), SW_OK);
	step("UNLOCK CHALLENGE", &s, 0x84, 0, 0x83, BYTES_NONE, SW_OK);
	step("wrong response", &s, 0x2C, 1, 0x81, two(0x82, "12345678\x80", NEW_PIN), SW_TRIES_LEFT | 9);
	step("GENERATE", &s, 0x47, 0x11, 0, wire_hex("AC 04 83020005"), SW_OK);
	step("ATTEST", &s, 0xCC, 0, 0, wire_hex("80 08 0102030405060708"), SW_OK);
	step("VERIFY in clear, which ends the session", NULL, 0x20, 0, 0x81, wire_string(USER_PIN), SW_SECURITY_STATUS);
	step("VERIFY in clear", NULL, 0x20, 0, 0x81, wire_string(USER_PIN), SW_SECURITY_STATUS);
	ramtoken_free(token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_stays_in_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
