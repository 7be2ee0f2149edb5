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

/* ---- tables ---- */

void piv_bench_make(struct piv_bench *b, uint8_t flags)
{
	struct ramtoken *t = b->t = piv_token(flags);

	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	piv_generate(t, 0x9D, 0x11, 0, 0);
	piv_generate(t, 0x9E, 0x07, 0, 0);
	piv_put(t, 0x5FC105, wire_hex("70020102710100FE00"), SW_OK);
	piv_put(t, 0x5FC109, wire_hex("01024D65FE00"), SW_OK);
	for (unsigned open = 0; open < 4; open++) {
		ramtoken_power_cycle(t);
		piv_select(t);
		if (open & PIV_WITH_KEY)
			piv_admin(t);
		if (open & PIV_WITH_PIN)
			piv_log_in(t);
		b->moment[open] = ramtoken_moment_take(t);
	}
}

void piv_bench_free(struct piv_bench *b)
{
	for (size_t i = 0; i < 4; i++)
		ramtoken_moment_free(b->moment[i]);
	ramtoken_free(b->t);
}

bool piv_play(struct piv_bench *b, enum piv_open open, const char *name, const struct piv_step steps[PIV_STEPS])
{
	ramtoken_moment_return(b->moment[open], b->t);
	for (size_t i = 0; i < PIV_STEPS && steps[i].command; i++) {
		struct bytes answer = ramtoken_transceive(b->t, wire_hex(steps[i].command));
		struct rapdu r = {BYTES_NONE, 0};
		bool whole = rapdu_parse(answer, &r);
		bool more = steps[i].sw == SW_BYTES_REMAIN && (r.sw & 0xFF00) == SW_BYTES_REMAIN;
		/* who is refused gets no data */
		if (whole && (more || r.sw == steps[i].sw) && (more || r.sw == SW_OK || r.data.len == 0))
			continue;
		print_message("%s: %s: %04X instead of %04X, data %s\n", name, steps[i].command, r.sw, steps[i].sw,
			wire_text(r.data));
		return false;
	}
	return true;
}

struct bytes piv_view(struct piv_bench *b)
{
	static const char *const questions[] = {"00200080", "00CB3FFF055C035FC10200", "00CB3FFF055C035FC10500",
		"00CB3FFF055C035FC10900", "00CB3FFF055C035FC10A00", "00CB3FFF035C017E00", "00CB3FFF045C027F6100",
		"00F7009A00", "00F7009C00", "00F7009D00", "00F7009E00", "00F7008200", "00F7008000", "00F7008100",
		"00F7009B00"};
	static uint8_t raw[4096];
	struct builder v = builder_of(raw, sizeof(raw));

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
		builder_put(&v, ramtoken_transceive(b->t, wire_hex(questions[i])));
	assert_false(v.failed);
	return builder_bytes(&v);
}
