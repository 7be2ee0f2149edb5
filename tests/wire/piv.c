/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/piv.h"

#include <string.h>

#include <openssl/evp.h>

uint16_t piv_initialize(struct ramtoken *t, uint8_t flags, const char *template)
{
	const uint8_t policy[] = {6, 32, 0, 0, flags};
	uint8_t raw[256];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, wire_string("Test"));
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x82, wire_string(SO_PIN));
	tlv_put(&b, 0x83, wire_string(USER_PIN));
	tlv_put(&b, 0x8A, BYTES_OF(policy));
	if (template)
		tlv_put(&b, 0xA9, wire_hex(template));
	return wire_any(t, 0x80, 0xE0, 0, 0, builder_bytes(&b), 0, NULL);
}

static struct ramtoken *token(uint8_t flags, const char *template)
{
	struct ramtoken *t = ramtoken_new(NULL);

	assert_int_equal(piv_initialize(t, flags, template), SW_OK);
	piv_select(t);
	return t;
}

struct ramtoken *piv_token(uint8_t flags)
{
	return token(flags, PIV_TEMPLATE);
}

struct ramtoken *piv_token_aes(uint8_t flags)
{
	return token(flags, PIV_TEMPLATE_AES);
}

void piv_select(struct ramtoken *t)
{
	wire(t, PIV_SELECT, SW_OK);
}

void piv_log_in(struct ramtoken *t)
{
	wire(t, "0020008008" PIN_246813, SW_OK);
}

/* ---- the management key ---- */

struct bytes piv_encrypt(uint8_t algorithm, const char *key, struct bytes block, int decrypt)
{
	static uint8_t out[32];
	const char *name = algorithm == 0x03   ? "DES-EDE3"
			   : algorithm == 0x08 ? "AES-128-ECB"
			   : algorithm == 0x0A ? "AES-192-ECB"
					       : "AES-256-ECB";
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	assert_true(cipher && ctx);
	assert_int_equal(EVP_CipherInit_ex2(ctx, cipher, wire_hex(key).data, NULL, !decrypt, NULL), 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	assert_int_equal(EVP_CipherUpdate(ctx, out, &n, block.data, (int)block.len), 1);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return BYTES(out, block.len);
}

/* The value of `tag` in an answer's 7C. */
static struct bytes inside(struct bytes answer, uint32_t tag)
{
	struct bytes body, value = BYTES_NONE;

	if (!tlv_unwrap(answer, 0x7C, &body) || !tlv_unwrap(body, tag, &value))
		fail_msg("not 7C with %02X: %s", (unsigned)tag, wire_text(answer));
	return value;
}

void piv_admin_with(struct ramtoken *t, uint8_t algorithm, const char *key, uint16_t sw)
{
	uint8_t raw[64], copy[16];
	struct builder b = builder_of(raw, sizeof(raw));
	struct bytes challenge =
		inside(wire_apdu(t, 0, 0x87, algorithm, 0x9B, wire_hex("7C028100"), APDU_LE_MAX, SW_OK), 0x81);

	bytes_copy(copy, challenge);
	size_t body = tlv_begin(&b, 0x7C);
	tlv_put(&b, 0x82, piv_encrypt(algorithm, key, BYTES(copy, challenge.len), 0));
	tlv_end(&b, body);
	wire_apdu(t, 0, 0x87, algorithm, 0x9B, builder_bytes(&b), 0, sw);
}

void piv_admin(struct ramtoken *t)
{
	piv_admin_with(t, 0x03, KEY_OURS, SW_OK);
}

/* ---- keys ---- */

struct bytes piv_generate(struct ramtoken *t, uint8_t slot, uint8_t algorithm, uint8_t pin, uint8_t touch)
{
	uint8_t raw[32];
	struct builder b = builder_of(raw, sizeof(raw));
	struct bytes key;
	size_t body = tlv_begin(&b, 0xAC);

	tlv_put_u8(&b, 0x80, algorithm);
	if (pin)
		tlv_put_u8(&b, 0xAA, pin);
	if (touch)
		tlv_put_u8(&b, 0xAB, touch);
	tlv_end(&b, body);
	struct bytes answer = wire_apdu(t, 0, 0x47, 0, slot, builder_bytes(&b), APDU_LE_MAX, SW_OK);
	assert_true(tlv_unwrap(answer, 0x7F49, &key));
	return key;
}

struct bytes piv_use(struct ramtoken *t, uint8_t slot, uint8_t algorithm, uint8_t tag, struct bytes input, uint16_t sw)
{
	uint8_t raw[1100];
	struct builder b = builder_of(raw, sizeof(raw));
	size_t body = tlv_begin(&b, 0x7C);

	tlv_put(&b, 0x82, BYTES_NONE);
	tlv_put(&b, tag, input);
	tlv_end(&b, body);
	struct bytes answer = wire_apdu(t, 0, 0x87, algorithm, slot, builder_bytes(&b), APDU_LE_MAX, sw);
	return sw == SW_OK ? inside(answer, 0x82) : BYTES_NONE;
}

/* ---- objects ---- */

static void put_name(struct builder *b, uint32_t tag)
{
	uint8_t raw[4];
	struct builder name = builder_of(raw, sizeof(raw));

	if (tag > 0xFFFF)
		builder_u8(&name, (uint8_t)(tag >> 16));
	if (tag > 0xFF)
		builder_u8(&name, (uint8_t)(tag >> 8));
	builder_u8(&name, (uint8_t)tag);
	tlv_put(b, 0x5C, builder_bytes(&name));
}

struct bytes piv_get(struct ramtoken *t, uint32_t tag, uint16_t sw)
{
	uint8_t raw[8];
	struct builder b = builder_of(raw, sizeof(raw));

	put_name(&b, tag);
	return wire_apdu(t, 0, 0xCB, 0x3F, 0xFF, builder_bytes(&b), APDU_LE_MAX, sw);
}

struct bytes piv_put_data(uint32_t tag, struct bytes value)
{
	static uint8_t raw[20000];
	struct builder b = builder_of(raw, sizeof(raw));

	if (tag == 0x7E || tag == 0x7F61) {
		tlv_put(&b, tag, value);
	} else {
		put_name(&b, tag);
		tlv_put(&b, 0x53, value);
	}
	assert_false(b.failed);
	return builder_bytes(&b);
}

void piv_put(struct ramtoken *t, uint32_t tag, struct bytes value, uint16_t sw)
{
	wire_apdu(t, 0, 0xDB, 0x3F, 0xFF, piv_put_data(tag, value), 0, sw);
}
