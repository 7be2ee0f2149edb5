/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMPORT KEY PAIR (protocol 4.12): exchange pairs from outside, bare and wrapped for the signature key, work and say
 * where they come from; everything else is refused, and leaves the token as it was.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include "tests/wire/outside.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

static const uint8_t algorithms[] = {0x11, 0x14, 0x15, 0x07, 0x05, 0x16};
#define ALGORITHMS sizeof(algorithms)

static struct ramtoken *operational(void)
{
	struct ramtoken *t = ramtoken_new(NULL);

	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	return t;
}

static uint16_t import(struct ramtoken *t, uint8_t algorithm, uint8_t key, struct bytes data)
{
	return wire_any(t, 0x80, 0xDA, algorithm, key, data, 4, NULL);
}

/* Bare, with everything else as outside_put has it. */
static uint16_t import_bare(struct ramtoken *t, const struct outside *o, uint8_t key)
{
	uint8_t raw[2048];
	struct builder b = builder_of(raw, sizeof(raw));

	outside_put(&b, o, BYTES_NONE, BYTES_NONE);
	return import(t, o->algorithm, key, builder_bytes(&b));
}

/* Wrapped, for a token with this serial number whose signature key has this public half. */
static uint16_t import_wrapped(struct ramtoken *t, const struct outside *o, uint8_t key, const uint8_t serial[8],
	struct bytes signature_public)
{
	uint8_t raw[2048], raw_transport[512], raw_wrapped[600];
	struct builder b = builder_of(raw, sizeof(raw));
	struct builder transport = builder_of(raw_transport, sizeof(raw_transport));
	struct builder wrapped = builder_of(raw_wrapped, sizeof(raw_wrapped));

	outside_wrap(o, serial, signature_public, &transport, &wrapped);
	outside_put(&b, o, builder_bytes(&transport), builder_bytes(&wrapped));
	return import(t, o->algorithm, key, builder_bytes(&b));
}

/* The entry of the directory's only container. */
static struct bytes entry(struct ramtoken *t, uint32_t pair)
{
	struct bytes container, none, entries[2] = {BYTES_NONE, BYTES_NONE};
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1,    &none      },
		{0x81, TLV_REQUIRED, 0, 64,   &none      },
		{0xA0, TLV_OPTIONAL, 0, 4000, &entries[0]},
		{0xA1, TLV_OPTIONAL, 0, 4000, &entries[1]},
	};

	assert_true(tlv_unwrap(wire_get(t, 0x0002, SW_OK), 0xE0, &container));
	assert_true(tlv_parse(container, fields, 4));
	return entries[pair - 0xA0];
}

static struct bytes field_of(struct bytes in, uint32_t wanted)
{
	struct cursor c = cursor_of(in);
	struct bytes value;
	uint32_t tag;

	while (tlv_next(&c, &tag, &value))
		if (tag == wanted)
			return value;
	fail_msg("no field %02X", (unsigned)wanted);
	return BYTES_NONE;
}

/* GENERAL AUTHENTICATE: a point to derive with, or something to decrypt. */
static struct bytes use(struct ramtoken *t, const struct outside *o, uint8_t key, struct bytes input)
{
	uint8_t raw[1024];
	struct builder b = builder_of(raw, sizeof(raw));
	struct bytes answer, body, result = BYTES_NONE;
	size_t mark = tlv_begin(&b, 0x7C);

	tlv_put(&b, 0x82, BYTES_NONE);
	tlv_put(&b, 0x85, input);
	tlv_end(&b, mark);
	answer = wire_apdu(t, 0, 0x87, o->algorithm, key, builder_bytes(&b), APDU_LE_MAX, SW_OK);
	assert_true(tlv_unwrap(answer, 0x7C, &body) && tlv_unwrap(body, 0x82, &result));
	return result;
}

/* The token has what OpenSSL has: both come to the same result. */
static void assert_works(struct ramtoken *t, const struct outside *o, uint8_t key)
{
	uint8_t in[512] = {0}, expected[512];
	size_t in_len = sizeof(in), len = sizeof(expected);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);
	struct bytes got;

	if (EVP_PKEY_is_a(o->key, "RSA")) {
		in_len = o->value_len;
		in[in_len - 1] = 42;
		memset(in + 8, 0x5A, 16);
		got = use(t, o, key, BYTES(in, in_len));
		assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
		assert_int_equal(EVP_PKEY_decrypt(ctx, expected, &len, in, in_len), 1);
	} else {
		const struct outside *peer = outside_key(o->algorithm, 1);
		assert_int_equal(
			EVP_PKEY_get_octet_string_param(peer->key, OSSL_PKEY_PARAM_PUB_KEY, in, sizeof(in), &in_len),
			1);
		got = use(t, o, key, BYTES(in, in_len));
		assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
		assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer->key), 1);
		assert_int_equal(EVP_PKEY_derive(ctx, expected, &len), 1);
	}
	assert_string_equal(wire_text(got), wire_text(BYTES(expected, len)));
	EVP_PKEY_CTX_free(ctx);
}

static void every_algorithm_comes_in_and_works(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct ramtoken *t = operational();
		const struct outside *o = outside_key(algorithms[i], 0);
		uint32_t before = wire_generation(t);

		assert_int_equal(import_bare(t, o, 1), SW_OK);
		assert_int_equal(wire_generation(t), before + 1);
		struct bytes e = entry(t, 0xA1);
		assert_string_equal(wire_text(field_of(e, 0x84)), "01"); /* imported */
		assert_string_equal(wire_text(field_of(e, 0x87)), wire_text(BYTES(o->public_key, o->public_len)));
		assert_works(t, o, 1);
		ramtoken_power_cycle(t);
		wire_verify(t, 0x81, USER_PIN, SW_OK);
		assert_works(t, o, 1);
		/* It does what it was brought for, and signs nothing. */
		if (algorithms[i] == 0x11)
			wire(t, "008711010A 7C088200810401020304 00", SW_CONDITIONS);
		ramtoken_free(t);
	}
}

static void every_signature_key_unwraps(void **state)
{
	(void)state;
	for (size_t i = 0; i < ALGORITHMS; i++) {
		struct ramtoken *t = operational();
		/* The signature key's algorithm and the pair's need not be the same. */
		const struct outside *o = outside_key(algorithms[(i + 1) % ALGORITHMS], 0);
		uint8_t signature[600];

		wire_generate(t, algorithms[i], 0, 1, SW_OK);
		struct bytes half = field_of(entry(t, 0xA0), 0x87);
		bytes_copy(signature, half);
		assert_int_equal(import_wrapped(t, o, 1, t->hal.serial, BYTES(signature, half.len)), SW_OK);
		assert_string_equal(wire_text(field_of(entry(t, 0xA1), 0x84)), "01");
		assert_works(t, o, 1);
		ramtoken_free(t);
	}
}

static void a_value_wrapped_for_another_is_refused(void **state)
{
	static const uint8_t others[8] = {0x00, 0x55, 0x4B, 0x45, 0x59, 0x00, 0x00, 0x02};
	static const uint8_t signatures[] = {0x11, 0x07};

	(void)state;
	for (size_t i = 0; i < sizeof(signatures); i++) {
		struct ramtoken *t = operational();
		const struct outside *o = outside_key(0x11, 0), *stranger = outside_key(signatures[i], 1);
		uint8_t raw[600];

		/* No signature key to unwrap it with. */
		assert_int_equal(
			import_wrapped(t, o, 1, t->hal.serial, BYTES(stranger->public_key, stranger->public_len)),
			SW_REFERENCE_NOT_FOUND);
		wire_generate(t, signatures[i], 0, 1, SW_OK);
		struct bytes half = field_of(entry(t, 0xA0), 0x87);
		bytes_copy(raw, half);
		half.data = raw;
		uint16_t sw = import_wrapped(t, o, 1, t->hal.serial, BYTES(stranger->public_key, stranger->public_len));
		assert_int_equal(sw, SW_WRONG_DATA); /* a number above the modulus too */
		assert_int_equal(import_wrapped(t, o, 1, others, half), SW_WRONG_DATA);
		assert_null(entry(t, 0xA1).data);
		assert_int_equal(import_wrapped(t, o, 1, t->hal.serial, half), SW_OK);
		ramtoken_free(t);
	}
}

static void the_signature_keys_policies_hold(void **state)
{
	struct ramtoken *t = operational();
	const struct outside *o = outside_key(0x11, 0);
	uint8_t raw[600];

	(void)state;
	/* PIN always, button always */
	wire(t, "004711000C AC0A 83020001 850101 860101 00", SW_OK);
	struct bytes half = field_of(entry(t, 0xA0), 0x87);
	bytes_copy(raw, half);
	half.data = raw;
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	t->hal.button = false;
	assert_int_equal(import_wrapped(t, o, 1, t->hal.serial, half), SW_TOUCH_TIMEOUT);
	t->hal.button = true;
	assert_int_equal(import_wrapped(t, o, 1, t->hal.serial, half), SW_SECURITY_STATUS); /* no longer fresh */
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	assert_int_equal(import_wrapped(t, o, 1, t->hal.serial, half), SW_OK);
	ramtoken_free(t);
}

/* Every octet of transport and wrapped value counts. */
static void a_changed_octet_is_noticed(void **state)
{
	struct ramtoken *t = operational();
	const struct outside *o = outside_key(0x15, 0); /* 66 octets: with zeros behind */
	uint8_t raw[2048], half_raw[600], transport_raw[512], wrapped_raw[600];
	struct builder transport = builder_of(transport_raw, sizeof(transport_raw));
	struct builder wrapped = builder_of(wrapped_raw, sizeof(wrapped_raw));

	(void)state;
	wire_generate(t, 0x11, 0, 1, SW_OK);
	struct bytes half = field_of(entry(t, 0xA0), 0x87);
	bytes_copy(half_raw, half);
	outside_wrap(o, t->hal.serial, BYTES(half_raw, half.len), &transport, &wrapped);
	assert_int_equal(wrapped.len, 80);
	for (size_t i = 0; i <= transport.len + wrapped.len; i++) {
		struct builder b = builder_of(raw, sizeof(raw));
		uint8_t *at = i < transport.len                 ? &transport_raw[i]
			      : i < transport.len + wrapped.len ? &wrapped_raw[i - transport.len]
								: NULL;
		if (at)
			*at ^= 0x01;
		outside_put(&b, o, builder_bytes(&transport), builder_bytes(&wrapped));
		uint16_t sw = import(t, o->algorithm, 1, builder_bytes(&b));
		if (sw != (at ? SW_WRONG_DATA : SW_OK))
			fail_msg("octet %zu: %04X", i, sw);
		if (at)
			*at ^= 0x01;
	}
	ramtoken_free(t);
}

/* A copy of a pair with its halves changed. */
enum flaw {
	OTHER_VALUE,
	OTHER_PUBLIC,
	ZERO,
	ORDER,  /* EC: d = n */
	BEYOND, /* EC: all ones */
	EVEN,   /* RSA: p even */
	ONE,    /* RSA: q = 1, p = n cannot be; a prime with its top bits gone */
	TWICE,  /* RSA: p = q */
	NOT_ON_CURVE,
	FLAWS,
};

static void spoil(struct outside *o, enum flaw flaw)
{
	static const char order[] = "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551";
	const struct outside *other = outside_key(o->algorithm, 1);
	bool rsa = o->algorithm == 0x07;

	switch (flaw) {
	case OTHER_VALUE:
		memcpy(o->value, other->value, o->value_len);
		break;
	case OTHER_PUBLIC:
		memcpy(o->public_key, other->public_key, o->public_len);
		break;
	case ZERO:
		memset(o->value, 0, o->value_len);
		break;
	case ORDER:
		if (!rsa)
			bytes_copy(o->value, wire_hex(order));
		else
			memset(o->value, 0xFF, o->value_len);
		break;
	case BEYOND:
		memset(o->value, 0xFF, o->value_len);
		break;
	case EVEN:
		o->value[rsa ? o->value_len / 2 - 1 : o->value_len - 1] ^= 1;
		break;
	case ONE:
		o->value[0] &= 0x7F;
		o->value[1] ^= 0x10;
		break;
	case TWICE:
		memcpy(o->value + o->value_len / 2, o->value, o->value_len / 2);
		break;
	case NOT_ON_CURVE:
		o->public_key[o->public_len - 1] ^= 1;
		break;
	case FLAWS:
		break;
	}
}

static void halves_that_do_not_belong_together_are_refused(void **state)
{
	static const uint8_t kinds[] = {0x11, 0x07};

	(void)state;
	for (size_t i = 0; i < sizeof(kinds); i++) {
		struct ramtoken *t = operational();
		uint32_t before = wire_generation(t);

		for (int flaw = 0; flaw < FLAWS; flaw++) {
			struct outside o = *outside_key(kinds[i], 0);
			spoil(&o, (enum flaw)flaw);
			uint16_t sw = import_bare(t, &o, 1);
			if (sw != SW_WRONG_DATA)
				fail_msg("algorithm %02X, flaw %d: %04X", kinds[i], flaw, sw);
		}
		assert_int_equal(wire_generation(t), before);
		assert_int_equal(wire_get(t, 0x0002, SW_OK).len, 0);
		ramtoken_free(t);
	}
}

/* n = p q holds, but p is no prime: 65537 may be invertible, and the key would still be nobody's. */
static void a_modulus_of_three_primes_is_refused(void **state)
{
	struct ramtoken *t = operational();
	struct outside o = {.algorithm = 0x07, .value_len = 256};
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *a = BN_new(), *b = BN_new(), *p = BN_new(), *q = BN_new(), *n = BN_new();
	struct builder public_key = builder_of(o.public_key, sizeof(o.public_key));
	static const uint8_t exponent[] = {1, 0, 1};
	uint8_t modulus[256];

	(void)state;
	do {
		assert_true(BN_generate_prime_ex(a, 512, 0, NULL, NULL, NULL));
		assert_true(BN_generate_prime_ex(b, 512, 0, NULL, NULL, NULL));
		assert_true(BN_generate_prime_ex(q, 1024, 0, NULL, NULL, NULL));
		assert_true(BN_mul(p, a, b, ctx) && BN_mul(n, p, q, ctx));
	} while (BN_num_bits(p) != 1024 || BN_num_bits(n) != 2048);
	assert_int_equal(BN_bn2binpad(p, o.value, 128), 128);
	assert_int_equal(BN_bn2binpad(q, o.value + 128, 128), 128);
	assert_int_equal(BN_bn2binpad(n, modulus, 256), 256);
	tlv_put(&public_key, 0x81, BYTES_OF(modulus));
	tlv_put(&public_key, 0x82, BYTES_OF(exponent));
	o.public_len = public_key.len;
	assert_int_equal(import_bare(t, &o, 1), SW_WRONG_DATA);
	BN_free(a);
	BN_free(b);
	BN_free(p);
	BN_free(q);
	BN_free(n);
	BN_CTX_free(ctx);
	ramtoken_free(t);
}

/* ---- what is wrong with a command ---- */

#define D "0000000000000000000000000000000000000000000000000000000000000001"
#define G                                                                                                              \
	"86 41 04 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"                                    \
	"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5"
#define PUBLIC "87 43" G
#define VALUE  "88 20" D
#define USE    "83 02 0004"

/* clang-format off */
static const struct {
	const char *why, *body;
	uint8_t p1, p2;
	uint16_t sw;
} misuses[] = {
	{"d = 1 is in its range", USE PUBLIC VALUE, 0x11, 0x01, SW_OK},
	{"a name for a new container", USE PUBLIC VALUE "8A 02 4142", 0x11, 0x01, SW_OK},
	{"all fields, in another order", VALUE "86 01 01" "85 01 01" "82 01 41" "81 02 0102" PUBLIC USE, 0x11, 0x01, SW_OK},
	{"the signature pair", USE PUBLIC VALUE, 0x11, 0x00, SW_CONDITIONS},
	{"a signature pair that is there", USE PUBLIC VALUE, 0x11, 0x04, SW_CONDITIONS},
	{"a pair that is there", USE PUBLIC VALUE, 0x11, 0x05, SW_EXISTS},
	{"a name for an old container", USE PUBLIC VALUE "8A 01 41", 0x11, 0x07, SW_WRONG_DATA},
	{"no such reference", USE PUBLIC VALUE, 0x11, 0x41, SW_REFERENCE_NOT_FOUND},
	{"no such algorithm", USE PUBLIC VALUE, 0x12, 0x01, SW_WRONG_P1P2},
	{"another algorithm", USE PUBLIC VALUE, 0x14, 0x01, SW_WRONG_DATA},
	{"RSA's", USE PUBLIC VALUE, 0x07, 0x01, SW_WRONG_DATA},
	{"usage sign", "83 02 0001" PUBLIC VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"usage sign, too", "83 02 0005" PUBLIC VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"usage decrypt", "83 02 0002" PUBLIC VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"no usage", PUBLIC VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"usage of nothing", "83 02 0000" PUBLIC VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"no public half", USE VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"no value", USE PUBLIC, 0x11, 0x01, SW_WRONG_DATA},
	{"a value too short", USE PUBLIC "88 01 01", 0x11, 0x01, SW_WRONG_DATA},
	{"a value too long", USE PUBLIC "88 21 00" D, 0x11, 0x01, SW_WRONG_DATA},
	{"a transport value alone", USE PUBLIC "89 41" "04" D D, 0x11, 0x01, SW_WRONG_DATA},
	{"a wrapped value alone", USE PUBLIC "8B 28 0102030405060708" D, 0x11, 0x01, SW_WRONG_DATA},
	{"bare and wrapped", USE PUBLIC VALUE "89 41" "04" D D "8B 28 0102030405060708" D, 0x11, 0x01, SW_WRONG_DATA},
	{"bare with a transport value", USE PUBLIC VALUE "89 41" "04" D D, 0x11, 0x01, SW_WRONG_DATA},
	{"a transport value of the wrong length", USE PUBLIC "89 01 04" "8B 28 0102030405060708" D, 0x11, 0x07, SW_WRONG_DATA},
	{"a compressed point", USE "87 43 86 41 02" D D VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"a point and more", USE "87 45" G "8000" VALUE, 0x11, 0x01, SW_WRONG_DATA},
	{"an unknown field", USE PUBLIC VALUE "84 01 00", 0x11, 0x01, SW_WRONG_DATA},
	{"a PIN policy that is none", USE PUBLIC VALUE "85 01 02", 0x11, 0x01, SW_WRONG_DATA},
	{"a label that is no text", USE PUBLIC VALUE "82 01 FF", 0x11, 0x01, SW_WRONG_DATA},
};
/* clang-format on */

static void what_is_wrong_is_refused(void **state)
{
	struct ramtoken *t = operational();

	(void)state;
	wire_generate(t, 0x11, 4, 1, SW_OK);
	wire_generate(t, 0x11, 5, 4, SW_OK);
	wire_generate(t, 0x11, 6, 1, SW_OK);
	for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
		uint8_t raw[512];
		struct builder b = builder_of(raw, sizeof(raw));
		uint32_t before = wire_generation(t);

		tlv_put(&b, 0xAC, wire_hex(misuses[i].body));
		uint16_t sw = import(t, misuses[i].p1, misuses[i].p2, builder_bytes(&b));
		if (sw != misuses[i].sw)
			fail_msg("%s: %04X instead of %04X", misuses[i].why, sw, misuses[i].sw);
		assert_int_equal(wire_generation(t), before + (sw == SW_OK));
		if (sw == SW_OK)
			wire_any(t, 0x80, 0xE4, 0, misuses[i].p2, BYTES_NONE, 0, NULL);
	}
	ramtoken_free(t);
}

static void a_chip_that_fails_changes_nothing(void **state)
{
	struct ramtoken *t = operational();

	(void)state;
	t->hal.no_keys = true;
	assert_int_equal(import_bare(t, outside_key(0x11, 0), 1), SW_INTERNAL);
	assert_int_equal(wire_get(t, 0x0002, SW_OK).len, 0);
	ramtoken_free(t);
}

/* A token with a device key takes a private key inside a session only, also where PINs may travel in clear. */
static void a_private_key_travels_inside_the_channel(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	const struct outside *o = outside_key(0x11, 0);
	uint8_t raw[512];
	struct builder b = builder_of(raw, sizeof(raw));
	struct personal p;
	struct scp_session s;

	(void)state;
	personal_make(t, NULL, &p);
	assert_int_equal(
		personal_initialize(t, wire_hex("8000 8108 3837363534333231 8306 313233343536 8A05 0620000000")),
		SW_OK);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	outside_put(&b, o, BYTES_NONE, BYTES_NONE);
	assert_int_equal(import(t, 0x11, 1, builder_bytes(&b)), SW_SECURITY_STATUS);
	const struct apdu verify = {.ins = 0x20, .p2 = 0x81, .data = wire_string(USER_PIN)};
	struct apdu command = {.cla = 0x80, .ins = 0xDA, .p1 = 0x11, .p2 = 1, .data = builder_bytes(&b), .le = 4};
	personal_open(t, 0, p.device_point, &s);
	assert_int_equal(personal_send(t, 0, &s, &command, NULL), SW_SECURITY_STATUS); /* nobody is logged in */
	assert_int_equal(personal_send(t, 0, &s, &verify, NULL), SW_OK);
	assert_int_equal(personal_send(t, 0, &s, &command, NULL), SW_OK);
	/* 8: of a key from outside the token says nothing. */
	const struct apdu attest = {
		.cla = 0x80, .ins = 0xCC, .p2 = 1, .data = wire_hex("80 08 0102030405060708"), .le = APDU_LE_MAX};
	assert_int_equal(personal_send(t, 0, &s, &attest, NULL), SW_CONDITIONS);
	ramtoken_free(t);
}

/* What was brought is in the flash as a key, and nothing of the command stays in the token's RAM. */
static void nothing_of_it_stays_in_ram(void **state)
{
	struct ramtoken *t = operational();
	const struct outside *o = outside_key(0x11, 0);
	const uint8_t *ram = t->memory;

	(void)state;
	assert_int_equal(import_bare(t, o, 1), SW_OK);
	for (size_t i = 0; i + 16 <= fw_size(); i++)
		assert_false(memcmp(ram + i, o->value + 8, 16) == 0);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_algorithm_comes_in_and_works),
		cmocka_unit_test(every_signature_key_unwraps),
		cmocka_unit_test(a_value_wrapped_for_another_is_refused),
		cmocka_unit_test(the_signature_keys_policies_hold),
		cmocka_unit_test(a_changed_octet_is_noticed),
		cmocka_unit_test(halves_that_do_not_belong_together_are_refused),
		cmocka_unit_test(a_modulus_of_three_primes_is_refused),
		cmocka_unit_test(what_is_wrong_is_refused),
		cmocka_unit_test(a_chip_that_fails_changes_nothing),
		cmocka_unit_test(a_private_key_travels_inside_the_channel),
		cmocka_unit_test(nothing_of_it_stays_in_ram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
