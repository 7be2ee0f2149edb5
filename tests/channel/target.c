/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/channel/target.h"

#include <stdlib.h>
#include <string.h>

#include "common/unlock.h"

struct bytes target_text(const char *s)
{
	return BYTES((const uint8_t *)s, strlen(s));
}

bool target_carry(void *ctx, struct bytes command, struct builder *answer)
{
	struct bytes said = ramtoken_transceive(ctx, command);

	builder_put(answer, said);
	return said.data != NULL;
}

static void put_key(struct tunnel *u)
{
	static const uint8_t how[] = {0xAC, 0x0B, 0x81, 0x01, 0x01, 0x82, 0x02, 'e', 'c', 0x83, 0x02, 0x00, 0x05};

	assert_int_equal(tunnel_secured(u, 0x00, 0x47, 0x11, 0x00, BYTES_OF(how), APDU_LE_MAX), SW_OK);
}

static void put_data(struct tunnel *u)
{
	uint8_t memory[64];
	struct builder b = builder_of(memory, sizeof memory);

	tlv_put_u16(&b, 0x5C, 0x0300);
	size_t body = tlv_begin(&b, 0x53);
	tlv_put_u8(&b, 0x84, 0x01);
	tlv_put(&b, 0x85, target_text("nobody else's business"));
	tlv_end(&b, body);
	assert_int_equal(tunnel_secured(u, 0x00, 0xDB, 0x3F, 0xFF, builder_bytes(&b), APDU_LE_NONE), SW_OK);
}

struct target *target_new(bool fresh_keys)
{
	const struct ramtoken_options small = {.flash_size = 64 * 1024, .sector = 2048};
	struct target *t = calloc(1, sizeof *t);
	uint8_t memory[128];
	struct builder b = builder_of(memory, sizeof memory);

	assert_non_null(t);
	t->token = ramtoken_new(&small);
	t->token->hal.fresh_keys = fresh_keys;
	t->owner = tunnel_new(target_carry, t->token, NULL);
	personal_make(t->token, NULL, &t->made);
	memcpy(t->owner->key, t->made.device_point, sizeof t->owner->key);
	t->owner->key_known = true;
	assert_true(tunnel_open(t->owner));
	tlv_put(&b, 0x80, target_text("Target"));
	tlv_put(&b, 0x81, target_text(TARGET_SO_PIN));
	tlv_put(&b, 0x83, target_text(TARGET_USER_PIN));
	assert_int_equal(tunnel_secured(t->owner, 0x80, 0xE0, 0, 0, builder_bytes(&b), APDU_LE_NONE), SW_OK);
	assert_int_equal(target_verify(t->owner, 0x81, TARGET_USER_PIN), SW_OK);
	put_key(t->owner);
	put_data(t->owner);
	assert_int_equal(tunnel_secured(t->owner, 0x00, 0x20, 0xFF, 0x81, BYTES_NONE, APDU_LE_NONE), SW_OK);
	return t;
}

void target_free(struct target *t)
{
	tunnel_free(t->owner);
	ramtoken_free(t->token);
	free(t);
}

struct tunnel *target_tunnel(struct target *t)
{
	return tunnel_new(target_carry, t->token, t->owner);
}

uint16_t target_verify(struct tunnel *u, uint8_t reference, const char *pin)
{
	return tunnel_secured(u, 0x00, 0x20, 0x00, reference, target_text(pin), APDU_LE_NONE);
}

uint16_t target_challenge(const struct target *t, struct tunnel *u, uint8_t response[9])
{
	const uint16_t sw = tunnel_secured(u, 0x80, 0x84, 0x00, 0x83, BYTES_NONE, APDU_LE_MAX);
	struct unlock_challenge c = {.version = 0};
	uint8_t memory[UNLOCK_INPUT_MAX], mac[16];
	struct builder in = builder_of(memory, sizeof memory);
	struct cursor at = cursor_of(tunnel_data(u));

	if (sw != SW_OK)
		return sw;
	bytes_copy(c.serial, tlv_take(&at, 0x80));
	c.version = tlv_take(&at, 0x81).data[0];
	struct bytes counter = tlv_take(&at, 0x82);
	c.counter = (uint16_t)(counter.data[0] << 8 | counter.data[1]);
	bytes_copy(c.random, tlv_take(&at, 0x83));
	assert_true(cursor_done(&at));
	unlock_response_input(&in, &c, UNLOCK_SET_USER_PIN);
	const struct bytes part = builder_bytes(&in);
	assert_true(scp_cmac(&scp_openssl, BYTES_OF(t->made.unlock_key), &part, 1, mac));
	unlock_response_cut(mac, response);
	return sw;
}

uint16_t target_respond(struct tunnel *u, const uint8_t response[9], const char *new_pin)
{
	uint8_t memory[128];
	struct builder b = builder_of(memory, sizeof memory);

	tlv_put(&b, 0x82, BYTES(response, 9));
	tlv_put(&b, 0x81, target_text(new_pin));
	return tunnel_secured(u, 0x00, 0x2C, 0x01, 0x81, builder_bytes(&b), APDU_LE_MAX);
}
