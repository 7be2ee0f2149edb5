/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/hal/key_import.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "common/tlv.h"
#include "firmware-emu/core/hal.h"

#define RSA_EXPONENT 65537u

/* A secure number: the parameter builder wipes its copy of such a one. */
static BIGNUM *secret(struct bytes from)
{
	BIGNUM *n = BN_secure_new();

	if (n && from.data && !BN_bin2bn(from.data, (int)from.len, n)) {
		BN_clear_free(n);
		n = NULL;
	}
	if (n)
		BN_set_flags(n, BN_FLG_CONSTTIME);
	return n;
}

/* What the two primes and the exponent give: d = 1/e mod lcm(p-1, q-1), and the numbers of the remainder theorem. */
enum rsa_number {
	RSA_N,
	RSA_E,
	RSA_D,
	RSA_P,
	RSA_Q,
	RSA_DP,
	RSA_DQ,
	RSA_QINV,
	RSA_P1, /* not of the key: p-1, q-1, lcm */
	RSA_Q1,
	RSA_LCM,
	RSA_NUMBERS,
};
static const char *const rsa_names[] = {OSSL_PKEY_PARAM_RSA_N, OSSL_PKEY_PARAM_RSA_E, OSSL_PKEY_PARAM_RSA_D,
	OSSL_PKEY_PARAM_RSA_FACTOR1, OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_RSA_EXPONENT1,
	OSSL_PKEY_PARAM_RSA_EXPONENT2, OSSL_PKEY_PARAM_RSA_COEFFICIENT1};

/* The primes may not be odd, or one, or the same: then there is no inverse, and this fails. */
static bool rsa_numbers(BIGNUM *const n[RSA_NUMBERS], BN_CTX *ctx)
{
	BIGNUM *product = BN_CTX_get(ctx), *gcd = BN_CTX_get(ctx);

	return gcd && BN_mul(product, n[RSA_P], n[RSA_Q], ctx) && BN_cmp(product, n[RSA_N]) == 0 &&
	       BN_set_word(n[RSA_E], RSA_EXPONENT) && BN_sub(n[RSA_P1], n[RSA_P], BN_value_one()) &&
	       BN_sub(n[RSA_Q1], n[RSA_Q], BN_value_one()) && BN_gcd(gcd, n[RSA_P1], n[RSA_Q1], ctx) &&
	       BN_mul(product, n[RSA_P1], n[RSA_Q1], ctx) && BN_div(n[RSA_LCM], NULL, product, gcd, ctx) &&
	       BN_mod_inverse(n[RSA_D], n[RSA_E], n[RSA_LCM], ctx) && BN_mod(n[RSA_DP], n[RSA_D], n[RSA_P1], ctx) &&
	       BN_mod(n[RSA_DQ], n[RSA_D], n[RSA_Q1], ctx) && BN_mod_inverse(n[RSA_QINV], n[RSA_Q], n[RSA_P], ctx);
}

/* What may have been given beside the primes is what they make. */
static bool rsa_given(BIGNUM *const n[RSA_NUMBERS], struct cursor *c, size_t size)
{
	bool same = true;

	for (size_t i = RSA_DP; i <= RSA_QINV && c->left > 0; i++) {
		BIGNUM *given = secret(cursor_take(c, size));
		same = given && !c->failed && BN_cmp(given, n[i]) == 0 && same;
		BN_clear_free(given);
	}
	return same && cursor_done(c);
}

static bool rsa_params(OSSL_PARAM_BLD *build, const struct key_kind *kind, struct bytes value, struct bytes modulus,
	BIGNUM *n[RSA_NUMBERS])
{
	struct cursor c = cursor_of(value);
	BN_CTX *ctx = BN_CTX_secure_new();
	bool ok = ctx != NULL;

	for (size_t i = 0; ok && i < RSA_NUMBERS; i++) {
		struct bytes from = i == RSA_N                 ? modulus
				    : i == RSA_P || i == RSA_Q ? cursor_take(&c, kind->bytes / 2u)
							       : BYTES_NONE;
		n[i] = secret(from);
		ok = n[i] != NULL;
	}
	if (ctx)
		BN_CTX_start(ctx);
	ok = ok && BN_num_bits(n[RSA_N]) == kind->bits && rsa_numbers(n, ctx) && rsa_given(n, &c, kind->bytes / 2u);
	for (size_t i = 0; ok && i <= RSA_QINV; i++)
		ok = OSSL_PARAM_BLD_push_BN(build, rsa_names[i], n[i]);
	if (ctx)
		BN_CTX_end(ctx);
	BN_CTX_free(ctx);
	return ok;
}

static bool ec_params(
	OSSL_PARAM_BLD *build, const struct key_kind *kind, struct bytes d, struct bytes point, BIGNUM **number)
{
	*number = secret(d);
	return *number && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0) &&
	       OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len) &&
	       OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, *number);
}

/* Primes are prime, e and d undo each other; d is in its range, and its point is this one. */
static bool consistent(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	bool ok = ctx && EVP_PKEY_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return ok;
}

EVP_PKEY *key_import(const struct key_kind *kind, struct bytes value, struct bytes public_key)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind->rsa ? "RSA" : "EC", NULL);
	struct cursor c = cursor_of(public_key);
	struct bytes half = tlv_take(&c, kind->rsa ? 0x81 : 0x86);
	BIGNUM *n[RSA_NUMBERS] = {NULL};
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (!build || !ctx || c.failed)
		goto out;
	if (kind->rsa ? !rsa_params(build, kind, value, half, n) : !ec_params(build, kind, value, half, &n[0]))
		goto out;
	params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) <= 0)
		key = NULL;
	if (key && !consistent(key)) {
		EVP_PKEY_free(key);
		key = NULL;
	}
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < RSA_NUMBERS; i++)
		BN_clear_free(n[i]);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* ---- the public half ---- */

static bool rsa_public(const struct key_kind *kind, struct bytes value, BN_CTX *ctx, struct builder *to)
{
	static const uint8_t exponent[] = {0x01, 0x00, 0x01};
	uint8_t modulus[HAL_RESULT_MAX];
	struct cursor c = cursor_of(value);
	BIGNUM *p = secret(cursor_take(&c, kind->bytes / 2u)), *q = secret(cursor_take(&c, kind->bytes / 2u));
	BIGNUM *n = BN_new();
	bool ok = p && q && n && !c.failed && BN_mul(n, p, q, ctx) && BN_num_bits(n) == kind->bits &&
		  BN_bn2binpad(n, modulus, kind->bytes) == kind->bytes;

	if (ok) {
		tlv_put(to, 0x81, BYTES(modulus, kind->bytes));
		tlv_put(to, 0x82, BYTES_OF(exponent));
	}
	BN_clear_free(p);
	BN_clear_free(q);
	BN_free(n);
	return ok;
}

static bool ec_public(const struct key_kind *kind, struct bytes value, BN_CTX *ctx, struct builder *to)
{
	uint8_t raw[HAL_PUBLIC_MAX];
	EC_GROUP *group = EC_GROUP_new_by_curve_name(EC_curve_nist2nid(kind->group));
	EC_POINT *point = group ? EC_POINT_new(group) : NULL;
	BIGNUM *d = secret(value);
	/* d G has no affine coordinates when d is a multiple of the order */
	bool ok = point && d && value.len == kind->bytes && BN_cmp(d, EC_GROUP_get0_order(group)) < 0 &&
		  EC_POINT_mul(group, point, d, NULL, NULL, ctx) == 1 && !EC_POINT_is_at_infinity(group, point);
	size_t len = ok ? EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, raw, sizeof(raw), ctx) : 0;

	if (len > 0)
		tlv_put(to, 0x86, BYTES(raw, len));
	BN_clear_free(d);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	return len > 0;
}

bool key_public_of(const struct key_kind *kind, struct bytes value, struct builder *public_key)
{
	BN_CTX *ctx = BN_CTX_secure_new();
	bool ok =
		ctx && (kind->rsa ? rsa_public(kind, value, ctx, public_key) : ec_public(kind, value, ctx, public_key));

	BN_CTX_free(ctx);
	return ok && !public_key->failed;
}
