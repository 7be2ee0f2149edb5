/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/outside.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "common/tlv.h"

#define KEYS 2

static const struct kind {
	uint8_t algorithm;
	size_t size;
	const char *curve;
} kinds[] = {
	{0x07, 256, NULL   },
	{0x05, 384, NULL   },
	{0x16, 512, NULL   },
	{0x11, 32,  "P-256"},
	{0x14, 48,  "P-384"},
	{0x15, 66,  "P-521"},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

#define REQUIRE(what)                                                                                                  \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			fprintf(stderr, "outside: %s\n", #what);                                                       \
			abort();                                                                                       \
		}                                                                                                      \
	} while (0)

static const struct kind *kind_of(uint8_t algorithm)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].algorithm == algorithm)
			return &kinds[i];
	abort();
}

static void put_number(EVP_PKEY *key, const char *name, struct builder *to, size_t size)
{
	BIGNUM *n = NULL;
	uint8_t *room = builder_room(to, size);

	REQUIRE(room && EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_bn2binpad(n, room, (int)size) == (int)size);
	BN_clear_free(n);
}

void outside_of(struct outside *o, uint8_t algorithm, EVP_PKEY *key)
{
	const struct kind *k = kind_of(algorithm);
	uint8_t raw[512];
	struct builder value = builder_of(o->value, sizeof(o->value)), half = builder_of(raw, sizeof(raw));
	struct builder public_key = builder_of(o->public_key, sizeof(o->public_key));
	static const uint8_t exponent[] = {1, 0, 1};
	size_t len = 0;

	if (k->curve) {
		put_number(key, OSSL_PKEY_PARAM_PRIV_KEY, &value, k->size);
		REQUIRE(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, raw, sizeof(raw), &len) == 1);
		tlv_put(&public_key, 0x86, BYTES(raw, len));
	} else {
		put_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, &value, k->size / 2);
		put_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2, &value, k->size / 2);
		put_number(key, OSSL_PKEY_PARAM_RSA_N, &half, k->size);
		tlv_put(&public_key, 0x81, builder_bytes(&half));
		tlv_put(&public_key, 0x82, BYTES_OF(exponent));
	}
	REQUIRE(!value.failed && !public_key.failed);
	o->algorithm = algorithm;
	o->key = key;
	o->value_len = value.len;
	o->public_len = public_key.len;
}

static struct outside made[KINDS][KEYS];

static void free_made(void)
{
	for (size_t i = 0; i < KINDS; i++)
		for (size_t n = 0; n < KEYS; n++)
			EVP_PKEY_free(made[i][n].key);
}

const struct outside *outside_key(uint8_t algorithm, unsigned n)
{
	const struct kind *k = kind_of(algorithm);
	struct outside *o = &made[k - kinds][n % KEYS];
	static bool registered;

	if (!registered)
		atexit(free_made);
	registered = true;
	if (!o->key)
		outside_of(o, algorithm, k->curve ? EVP_EC_gen(k->curve) : EVP_RSA_gen((unsigned)k->size * 8));
	return o;
}

/* ---- a key centre ---- */

static EVP_PKEY *public_of(struct bytes in)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	struct cursor c = cursor_of(in);
	bool rsa = tlv_peek(&c) == 0x81;
	struct bytes first = tlv_take(&c, rsa ? 0x81 : 0x86), exponent = rsa ? tlv_take(&c, 0x82) : BYTES_NONE;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", NULL);
	BIGNUM *n = BN_bin2bn(first.data, (int)first.len, NULL), *e = BN_bin2bn(exponent.data, (int)exponent.len, NULL);
	EVP_PKEY *key = NULL;

	REQUIRE(build && ctx && n && e && cursor_done(&c));
	if (rsa) {
		REQUIRE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n));
		REQUIRE(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e));
	} else {
		const char *curve = first.len == 65 ? "P-256" : first.len == 97 ? "P-384" : "P-521";
		REQUIRE(OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, curve, 0));
		REQUIRE(OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, first.data, first.len));
	}
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	REQUIRE(params && EVP_PKEY_fromdata_init(ctx) == 1);
	REQUIRE(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

/* A secret for the owner of the signature key: a random number under RSA, or key agreement with a key made for once. */
static size_t encapsulate(EVP_PKEY *peer, struct builder *transport, uint8_t z[512])
{
	EVP_PKEY *once = NULL;
	uint8_t out[512];
	size_t out_len = sizeof(out), z_len = 512;
	EVP_PKEY_CTX *ctx;

	if (EVP_PKEY_is_a(peer, "RSA")) {
		ctx = EVP_PKEY_CTX_new(peer, NULL);
		REQUIRE(ctx && EVP_PKEY_encapsulate_init(ctx, NULL) == 1 &&
			EVP_PKEY_CTX_set_kem_op(ctx, "RSASVE") == 1);
		REQUIRE(EVP_PKEY_encapsulate(ctx, out, &out_len, z, &z_len) == 1);
	} else {
		char curve[32];
		REQUIRE(EVP_PKEY_get_utf8_string_param(peer, OSSL_PKEY_PARAM_GROUP_NAME, curve, sizeof(curve), NULL) ==
			1);
		once = EVP_EC_gen(curve);
		ctx = EVP_PKEY_CTX_new(once, NULL);
		REQUIRE(ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1);
		REQUIRE(EVP_PKEY_derive(ctx, z, &z_len) == 1);
		REQUIRE(EVP_PKEY_get_octet_string_param(once, OSSL_PKEY_PARAM_PUB_KEY, out, sizeof(out), &out_len) ==
			1);
	}
	builder_put(transport, BYTES(out, out_len));
	EVP_PKEY_free(once);
	EVP_PKEY_CTX_free(ctx);
	return z_len;
}

static void derive(uint8_t *z, size_t z_len, const uint8_t serial[8], uint8_t algorithm, uint8_t kek[32])
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "X963KDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	uint8_t raw[32];
	struct builder info = builder_of(raw, sizeof(raw));

	builder_put(&info, BYTES((const uint8_t *)"OpenUKey import", 15));
	builder_put(&info, BYTES(serial, 8));
	builder_u8(&info, algorithm);
	const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)"SHA256", 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, z, z_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, raw, info.len), OSSL_PARAM_construct_end()};
	REQUIRE(ctx && EVP_KDF_derive(ctx, kek, 32, params) == 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

void outside_wrap(const struct outside *o, const uint8_t serial[8], struct bytes signature_public,
	struct builder *transport, struct builder *wrapped)
{
	EVP_PKEY *peer = public_of(signature_public);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	uint8_t z[512], kek[32], out[600];
	int n = 0, m = 0;

	derive(z, encapsulate(peer, transport, z), serial, o->algorithm, kek);
	REQUIRE(ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_wrap_pad(), NULL, kek, NULL) == 1);
	REQUIRE(EVP_EncryptUpdate(ctx, out, &n, o->value, (int)o->value_len) == 1);
	REQUIRE(EVP_EncryptFinal_ex(ctx, out + n, &m) == 1);
	builder_put(wrapped, BYTES(out, (size_t)(n + m)));
	REQUIRE(!transport->failed && !wrapped->failed);
	EVP_CIPHER_CTX_free(ctx);
	EVP_PKEY_free(peer);
}

void outside_put(struct builder *b, const struct outside *o, struct bytes transport, struct bytes wrapped)
{
	size_t body = tlv_begin(b, 0xAC);

	tlv_put_u16(b, 0x83, kind_of(o->algorithm)->curve ? 4 : 2);
	tlv_put(b, 0x87, BYTES(o->public_key, o->public_len));
	if (transport.data) {
		tlv_put(b, 0x89, transport);
		tlv_put(b, 0x8B, wrapped);
	} else {
		tlv_put(b, 0x88, BYTES(o->value, o->value_len));
	}
	tlv_end(b, body);
}
