/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/phone.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#define FACTORY "80F20000 1B A001AA A101BB 8210 " PHONE_KEY " 830101"

/* From the factory, with an unlock key. */
struct ramtoken *phone_token(const char *serial, const struct ramtoken_options *options)
{
	struct ramtoken *t = ramtoken_new(options);

	bytes_copy(t->hal.serial, wire_hex(serial));
	struct bytes keys = wire(t, "80F00000 000000", SW_OK);
	bytes_copy(t->device_point, BYTES(keys.data + 2, sizeof(t->device_point)));
	wire(t, FACTORY, SW_OK);
	return t;
}

/* PINs may travel in clear from then on, so that the commands below are seen bare. */
void phone_initialize(struct ramtoken *t, uint8_t history, uint8_t flags)
{
	const uint8_t policy[5] = {6, 32, 0, history, flags};
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, BYTES_NONE);
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x82, wire_string(SO_PIN));
	tlv_put(&b, 0x83, wire_string(USER_PIN));
	tlv_put(&b, 0x8A, BYTES_OF(policy));
	assert_int_equal(personal_initialize(t, builder_bytes(&b)), SW_OK);
}

struct ramtoken *phone_operational(void)
{
	struct ramtoken *t = phone_token("0102030405060708", NULL);

	phone_initialize(t, 0, 0);
	return t;
}

/* ---- the desk ---- */

struct phone_challenge phone_challenge(struct bytes answer)
{
	struct bytes serial, version, counter, random;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 8, 8, &serial },
		{0x81, TLV_REQUIRED, 1, 1, &version},
		{0x82, TLV_REQUIRED, 2, 2, &counter},
		{0x83, TLV_REQUIRED, 8, 8, &random },
	};
	struct phone_challenge c;

	assert_true(tlv_parse(answer, fields, 4));
	bytes_copy(c.serial, serial);
	bytes_copy(&c.version, version);
	bytes_copy(c.counter, counter);
	bytes_copy(c.random, random);
	return c;
}

/* On a channel. */
struct phone_challenge phone_ask_on(struct ramtoken *t, uint8_t channel)
{
	return phone_challenge(wire_apdu(t, 0x80 | channel, 0x84, 0, 0x83, BYTES_NONE, APDU_LE_MAX, SW_OK));
}

struct phone_challenge phone_ask(struct ramtoken *t)
{
	return phone_ask_on(t, 0);
}

static void cmac(struct bytes key, const struct bytes *parts, size_t count, uint8_t mac[16])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)(uintptr_t) "AES-128-CBC", 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(algorithm);
	size_t len = 0;

	assert_int_equal(EVP_MAC_init(ctx, key.data, key.len, params), 1);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(EVP_MAC_update(ctx, parts[i].data, parts[i].len), 1);
	assert_int_equal(EVP_MAC_final(ctx, mac, &len, 16), 1);
	assert_int_equal(len, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(algorithm);
}

struct phone_response phone_answer_with(const char *key, const struct phone_challenge *c, uint8_t purpose)
{
	const struct bytes parts[] = {wire_string("UNLOCK"), BYTES(&c->version, 1), BYTES_OF(c->serial),
		BYTES_OF(c->counter), BYTES_OF(c->random), BYTES(&purpose, 1)};
	struct phone_response r;
	uint8_t mac[16];

	cmac(wire_hex(key), parts, 6, mac);
	memcpy(r.byte, mac, 9);
	r.byte[8] &= 0x80;
	return r;
}

struct phone_response phone_answer(const struct phone_challenge *c)
{
	return phone_answer_with(PHONE_KEY, c, 1);
}

struct bytes phone_proof(uint8_t version, struct bytes serial, uint16_t counter)
{
	static uint8_t mac[16];
	const uint8_t be[2] = {(uint8_t)(counter >> 8), (uint8_t)counter};
	const struct bytes parts[] = {wire_string("DONE"), BYTES(&version, 1), serial, BYTES_OF(be)};

	cmac(wire_hex(PHONE_KEY), parts, 4, mac);
	return BYTES(mac, 5);
}

/* ---- the holder ---- */

uint16_t phone_unlock_any(struct ramtoken *t, uint8_t channel, const struct phone_response *r, const char *pin)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x82, BYTES_OF(r->byte));
	tlv_put(&b, 0x81, wire_string(pin));
	return wire_any(t, channel, 0x2C, 1, 0x81, builder_bytes(&b), APDU_LE_MAX, NULL);
}

void phone_unlock(struct ramtoken *t, const struct phone_response *r, const char *pin, uint16_t sw)
{
	assert_int_equal(phone_unlock_any(t, 0, r, pin), sw);
}

uint8_t phone_tries(struct ramtoken *t)
{
	struct bytes state = wire_info(t, 0x87);

	assert_int_equal(state.data[1], 10);
	assert_int_equal(state.data[2], 1);
	return state.data[0];
}

uint16_t phone_counter(const struct phone_challenge *c)
{
	return (uint16_t)(c->counter[0] << 8 | c->counter[1]);
}
