/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMPORT KEY (FE, protocol 9.8) as yubico-piv-tool sends it: keys made elsewhere come into the slots of the PIV
 * application, work as OpenSSL says they do, and say where they come from; everything else is refused, and leaves the
 * slot as it was.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "common/crypto.h"
#include "firmware-emu/core/key.h"
#include "tests/wire/outside.h"
#include "tests/wire/piv.h"

#define ALL      (PIV_FLAGS | PIV_YUBICO)
#define DATA_MAX 1400
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const uint8_t algorithms[] = {0x11, 0x14, 0x07, 0x05, 0x16};

static void put_number(struct builder *b, uint32_t tag, EVP_PKEY *key, const char *name, size_t size)
{
	BIGNUM *n = NULL;
	uint8_t raw[256];

	assert_int_equal(EVP_PKEY_get_bn_param(key, name, &n), 1);
	assert_int_equal(BN_bn2binpad(n, raw, (int)size), (int)size);
	tlv_put(b, tag, BYTES(raw, size));
	BN_clear_free(n);
}

/* The data of the command: p, q, dP, dQ, qInv, or d; and the policies that are not 0. */
static struct bytes parts(const struct outside *o, uint8_t pin, uint8_t touch)
{
	static const char *const names[] = {OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2,
		OSSL_PKEY_PARAM_RSA_EXPONENT1, OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};
	static uint8_t raw[DATA_MAX];
	struct builder b = builder_of(raw, sizeof(raw));

	if (EVP_PKEY_is_a(o->key, "RSA"))
		for (uint8_t i = 0; i < COUNT(names); i++)
			put_number(&b, i + 1u, o->key, names[i], o->value_len / 2);
	else
		tlv_put(&b, 0x06, BYTES(o->value, o->value_len));
	if (pin)
		tlv_put_u8(&b, 0xAA, pin);
	if (touch)
		tlv_put_u8(&b, 0xAB, touch);
	assert_false(b.failed);
	return builder_bytes(&b);
}

static void import(struct ramtoken *t, uint8_t algorithm, uint8_t slot, struct bytes data, uint16_t sw)
{
	wire_apdu(t, 0, 0xFE, algorithm, slot, data, 0, sw);
}

/* Metadata: algorithm, policies, origin, public key. */
static void metadata_is(struct ramtoken *t, uint8_t slot, const struct outside *o, const char *policies, uint8_t origin)
{
	uint8_t raw[600];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put_u8(&b, 0x01, o->algorithm);
	tlv_put(&b, 0x02, wire_hex(policies));
	tlv_put_u8(&b, 0x03, origin);
	tlv_put(&b, 0x04, BYTES(o->public_key, o->public_len));
	struct bytes is = wire_apdu(t, 0, 0xF7, 0, slot, BYTES_NONE, APDU_LE_MAX, SW_OK);
	assert_true(bytes_equal(is, builder_bytes(&b)));
}

static void signature_is_good(const struct outside *o, struct bytes message, struct bytes signature)
{
	uint8_t raw[160];
	struct builder rs = builder_of(raw, sizeof(raw));
	struct crypto_pubkey key = {.type = o->algorithm == 0x11 ? CRYPTO_EC_P256 : CRYPTO_EC_P384};
	struct crypto_scheme scheme = {.kind = CRYPTO_ECDSA};
	struct cursor c = cursor_of(BYTES(o->public_key, o->public_len));

	if (EVP_PKEY_is_a(o->key, "RSA")) {
		/* the raw operation undone is what was put in */
		uint8_t back[512];
		key = (struct crypto_pubkey){CRYPTO_RSA, .modulus = tlv_take(&c, 0x81)};
		key.exponent = tlv_take(&c, 0x82);
		assert_true(crypto_rsa_public(&key, signature, back));
		assert_true(bytes_equal(BYTES(back, message.len), message));
		return;
	}
	key.point = tlv_take(&c, 0x86);
	assert_true(crypto_ecdsa_from_der(signature, o->value_len, &rs));
	assert_int_equal(crypto_verify(&key, &scheme, message, builder_bytes(&rs)), CRYPTO_GOOD);
}

static void every_slot_takes_every_algorithm(void **state)
{
	static const uint8_t slots[] = {0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x95};
	static const char *const policies[] = {"0201", "0301", "0201", "0101", "0201", "0201"};
	struct ramtoken *t = piv_token(ALL);
	uint8_t message[512] = {0x00, 0x5A, 0x01};

	(void)state;
	piv_admin(t);
	for (size_t a = 0; a < COUNT(algorithms); a++)
		for (size_t i = 0; i < COUNT(slots); i++) {
			if ((algorithms[a] == 0x05 || algorithms[a] == 0x16) && slots[i] != 0x9C)
				continue; /* once: they are slow */
			const struct outside *o = outside_key(algorithms[a], (unsigned)i);
			struct bytes input = BYTES(message, EVP_PKEY_is_a(o->key, "RSA") ? o->value_len : 32);
			import(t, o->algorithm, slots[i], parts(o, 0, 0), SW_OK);
			metadata_is(t, slots[i], o, policies[i], 2);
			if (slots[i] != 0x9E)
				piv_log_in(t);
			struct bytes s = piv_use(t, slots[i], o->algorithm, 0x81, input, SW_OK);
			signature_is_good(o, input, s);
			/* without an attestation key there is none, of no key */
			assert_int_equal(wire_any(t, 0, 0xF9, slots[i], 0, BYTES_NONE, APDU_LE_MAX, NULL),
				SW_REFERENCE_NOT_FOUND);
		}
	/* it is there after the power was away, and gives its place to a key that is made here */
	ramtoken_power_cycle(t);
	piv_select(t);
	metadata_is(t, 0x9C, outside_key(0x16, 1), "0301", 2);
	piv_admin(t);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	struct bytes m = wire(t, "00F7009C00", SW_OK);
	assert_memory_equal(m.data, wire_hex("010111 02020301 030101").data, 10);
	ramtoken_free(t);
}

/* Key management is what a key is brought in for: what was encrypted for it long ago is read again. */
static void it_agrees_and_decrypts_as_it_did_elsewhere(void **state)
{
	static const uint8_t plain[256] = {0x00, 0x02, 0x77};
	struct ramtoken *t = piv_token(ALL);
	const struct outside *mine = outside_key(0x14, 0), *theirs = outside_key(0x14, 1), *rsa = outside_key(0x07, 0);
	uint8_t cipher[256], z[48];
	size_t len = sizeof(z);

	(void)state;
	piv_admin(t);
	piv_log_in(t);
	import(t, 0x14, 0x9D, parts(mine, 0, 0), SW_OK);
	struct cursor c = cursor_of(BYTES(theirs->public_key, theirs->public_len));
	struct bytes got = piv_use(t, 0x9D, 0x14, 0x85, tlv_take(&c, 0x86), SW_OK);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(mine->key, NULL);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, theirs->key), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, z, &len), 1);
	EVP_PKEY_CTX_free(ctx);
	assert_true(bytes_equal(got, BYTES(z, len)));
	import(t, 0x07, 0x83, parts(rsa, 0, 0), SW_OK);
	c = cursor_of(BYTES(rsa->public_key, rsa->public_len));
	struct crypto_pubkey key = {CRYPTO_RSA, .modulus = tlv_take(&c, 0x81)};
	key.exponent = tlv_take(&c, 0x82);
	assert_true(crypto_rsa_public(&key, BYTES_OF(plain), cipher));
	assert_true(bytes_equal(piv_use(t, 0x83, 0x07, 0x81, BYTES_OF(cipher), SW_OK), BYTES_OF(plain)));
	ramtoken_free(t);
}

static void policies_as_in_generate(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	const struct outside *o = outside_key(0x11, 0);

	(void)state;
	piv_admin(t);
	import(t, 0x11, 0x9A, parts(o, 1, 2), SW_OK);
	metadata_is(t, 0x9A, o, "0102", 2);
	t->hal.button = false;
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_SECURITY_STATUS);
	t->hal.button = true;
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_OK);
	import(t, 0x11, 0x9A, parts(o, 3, 3), SW_OK);
	metadata_is(t, 0x9A, o, "0303", 2);
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_SECURITY_STATUS);
	piv_log_in(t);
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_OK);
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_SECURITY_STATUS);
	ramtoken_free(t);
}

/* In three short blocks, and with Le on each, as the two generations of the tool send it. */
static void in_short_blocks(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	const struct outside *o = outside_key(0x07, 0);
	uint8_t block[5 + 255 + 1];

	(void)state;
	piv_admin(t);
	for (int le = 0; le < 2; le++) {
		struct cursor c = cursor_of(parts(o, (uint8_t)(1 + le), 1));
		while (c.left > 0) {
			size_t n = c.left > 255 ? 255 : c.left;
			struct builder b = builder_of(block, sizeof(block));
			builder_u8(&b, n < c.left ? 0x10 : 0x00);
			builder_put(&b, wire_hex("FE0795"));
			builder_u8(&b, (uint8_t)n);
			builder_put(&b, cursor_take(&c, n));
			if (le)
				builder_u8(&b, 0);
			wire_send(t, builder_bytes(&b), SW_OK);
		}
		metadata_is(t, 0x95, o, le ? "0201" : "0101", 2);
	}
	ramtoken_free(t);
}

/* ---- refused ---- */

/* `data` with the value of one tag another, left out (value NULL), or one more at its end. */
static struct bytes changed(struct bytes data, uint32_t wanted, struct bytes value)
{
	static uint8_t raw[2 * DATA_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	struct cursor c = cursor_of(data);
	struct bytes v;
	uint32_t tag;
	bool found = false;

	while (tlv_next(&c, &tag, &v)) {
		found = found || tag == wanted;
		if (tag != wanted)
			tlv_put(&b, tag, v);
		else if (value.data)
			tlv_put(&b, tag, value);
	}
	if (!found)
		tlv_put(&b, wanted, value);
	assert_false(b.failed);
	return builder_bytes(&b);
}

static struct bytes part(struct bytes data, uint32_t wanted)
{
	struct cursor c = cursor_of(data);
	struct bytes v;
	uint32_t tag;

	while (tlv_next(&c, &tag, &v))
		if (tag == wanted)
			return v;
	fail_msg("no part %02X", (unsigned)wanted);
	return BYTES_NONE;
}

static struct bytes flipped(struct bytes value, size_t at)
{
	static uint8_t copy[300];

	memcpy(copy, value.data, value.len);
	copy[at] ^= 0x01;
	return BYTES(copy, value.len);
}

static struct bytes longer(struct bytes value)
{
	static uint8_t copy[300];

	copy[0] = 0;
	memcpy(copy + 1, value.data, value.len);
	return BYTES(copy, value.len + 1);
}

static void a_key_that_is_none_is_refused(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	const struct outside *r = outside_key(0x07, 0), *e = outside_key(0x11, 0), *big = outside_key(0x14, 0);
	uint8_t rsa[DATA_MAX], ec[64];
	struct builder br = builder_of(rsa, sizeof(rsa)), be = builder_of(ec, sizeof(ec));
	static const uint8_t zero[128] = {0};
	struct bytes order = wire_hex("FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551");

	(void)state;
	builder_put(&br, parts(r, 0, 0));
	builder_put(&be, parts(e, 0, 0));
	const struct bytes R = builder_bytes(&br), E = builder_bytes(&be);
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	uint8_t before[128];
	struct bytes m = wire(t, "00F7009A00", SW_OK);
	const size_t before_len = m.len;
	memcpy(before, m.data, m.len);
	/* RSA: each of the five missing, too short, too long, nothing, wrong */
	for (uint32_t tag = 1; tag <= 5; tag++) {
		struct bytes v = part(R, tag);
		import(t, 0x07, 0x9A, changed(R, tag, BYTES_NONE), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, BYTES(v.data + 1, v.len - 1)), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, longer(v)), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, BYTES(v.data, 0)), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, BYTES_OF(zero)), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, flipped(v, v.len - 1)), SW_WRONG_DATA);
		import(t, 0x07, 0x9A, changed(R, tag, flipped(v, 40)), SW_WRONG_DATA);
	}
	import(t, 0x07, 0x9A, changed(R, 2, part(R, 1)), SW_WRONG_DATA); /* p twice */
	import(t, 0x07, 0x9A, changed(R, 6, part(E, 6)), SW_WRONG_DATA); /* both kinds */
	import(t, 0x05, 0x9A, R, SW_WRONG_DATA);
	import(t, 0x16, 0x9A, R, SW_WRONG_DATA);
	import(t, 0x11, 0x9A, R, SW_WRONG_DATA);
	/* EC: outside its range, of another curve, of none */
	import(t, 0x11, 0x9A, changed(E, 6, BYTES(zero, 32)), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 6, order), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 6, longer(part(E, 6))), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 6, BYTES(part(E, 6).data, 31)), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, parts(big, 0, 0), SW_WRONG_DATA);
	import(t, 0x14, 0x9A, E, SW_WRONG_DATA);
	import(t, 0x07, 0x9A, E, SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 1, part(R, 1)), SW_WRONG_DATA);
	/* what stands beside it */
	import(t, 0x11, 0x9A, changed(E, 7, part(E, 6)), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 0xAA, wire_hex("04")), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 0xAB, wire_hex("04")), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 0xAA, wire_hex("0101")), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 0xAB, BYTES(zero, 0)), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, changed(E, 0xAC, wire_hex("800111")), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, wire_hex("AA0101"), SW_WRONG_DATA);
	import(t, 0x11, 0x9A, BYTES(E.data, E.len - 1), SW_WRONG_DATA);
	uint8_t twice[128];
	struct builder b = builder_of(twice, sizeof(twice));
	builder_put(&b, E);
	builder_put(&b, E);
	import(t, 0x11, 0x9A, builder_bytes(&b), SW_WRONG_DATA);
	/* whose slot, which algorithm, who asks */
	import(t, 0x06, 0x9A, R, SW_WRONG_P1P2);
	import(t, 0x15, 0x9A, E, SW_WRONG_P1P2);
	import(t, 0x00, 0x9A, E, SW_WRONG_P1P2);
	import(t, 0x11, 0x9B, E, SW_WRONG_P1P2);
	import(t, 0x11, 0x81, E, SW_WRONG_P1P2);
	import(t, 0x11, 0x96, E, SW_WRONG_P1P2);
	import(t, 0x11, 0xF9, E, SW_WRONG_P1P2);
	import(t, 0x11, 0x9A, BYTES_NONE, SW_WRONG_LENGTH);
	t->hal.no_keys = true;
	import(t, 0x11, 0x9A, E, SW_INTERNAL);
	t->hal.no_keys = false;
	ramtoken_power_cycle(t);
	piv_select(t);
	piv_log_in(t);
	import(t, 0x11, 0x9A, E, SW_SECURITY_STATUS);
	/* the slot is as it was */
	assert_true(bytes_equal(wire(t, "00F7009A00", SW_OK), BYTES(before, before_len)));
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("01"), SW_OK);
	ramtoken_free(t);
}

/* A key for another public exponent signs what nobody accepts: its dP and dQ tell. */
static void another_exponent_is_refused(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	struct outside o = {.algorithm = 0x07, .value_len = 256};
	BIGNUM *three = BN_new();

	(void)state;
	assert_true(three && BN_set_word(three, 3));
	assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
	assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, three), 1);
	assert_int_equal(EVP_PKEY_generate(ctx, &o.key), 1);
	piv_admin(t);
	import(t, 0x07, 0x9A, parts(&o, 0, 0), SW_WRONG_DATA);
	wire(t, "00F7009A00", SW_REFERENCE_NOT_FOUND);
	EVP_PKEY_free(o.key);
	EVP_PKEY_CTX_free(ctx);
	BN_free(three);
	ramtoken_free(t);
}

/* What came in clear is nowhere in memory afterwards, done or refused. */
static void no_part_of_it_stays_in_memory(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	const struct outside *r = outside_key(0x07, 0);
	uint8_t copy[DATA_MAX];
	struct builder b = builder_of(copy, sizeof(copy));

	(void)state;
	builder_put(&b, parts(r, 0, 0));
	piv_admin(t);
	for (int good = 0; good < 2; good++) {
		struct bytes data = good ? builder_bytes(&b)
					 : changed(builder_bytes(&b), 3, flipped(part(builder_bytes(&b), 3), 9));
		import(t, 0x07, 0x82, data, good ? SW_OK : SW_WRONG_DATA);
		for (uint32_t tag = 1; tag <= 5; tag++) {
			struct bytes v = part(builder_bytes(&b), tag);
			assert_null(memmem(t->memory, fw_size(), v.data + 20, 16));
		}
	}
	ramtoken_free(t);
}

static void not_without_the_extensions(void **state)
{
	struct ramtoken *t = piv_token(PIV_FLAGS);

	(void)state;
	piv_admin(t);
	import(t, 0x11, 0x9A, parts(outside_key(0x11, 0), 0, 0), SW_INS_NOT_SUPPORTED);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_slot_takes_every_algorithm),
		cmocka_unit_test(it_agrees_and_decrypts_as_it_did_elsewhere),
		cmocka_unit_test(policies_as_in_generate),
		cmocka_unit_test(in_short_blocks),
		cmocka_unit_test(a_key_that_is_none_is_refused),
		cmocka_unit_test(another_exponent_is_refused),
		cmocka_unit_test(no_part_of_it_stays_in_memory),
		cmocka_unit_test(not_without_the_extensions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
