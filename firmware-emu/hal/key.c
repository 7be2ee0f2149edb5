/* SPDX-License-Identifier: Apache-2.0 */
/* The key functions of core/hal.h, over OpenSSL. */
#include "config.h"

#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "common/tlv.h"
#include "firmware-emu/hal/key_blob.h"
#include "firmware-emu/hal/key_import.h"
#include "firmware-emu/hal/state.h"

#define RSA_EXPONENT  65537u
#define FIELDS_BYTES  HAL_KEY_BLOB_MAX
#define EC_COORDINATE 66u

static const char *const rsa_names[KEY_BLOB_FIELDS] = {
	[KEY_RSA_N] = OSSL_PKEY_PARAM_RSA_N,
	[KEY_RSA_E] = OSSL_PKEY_PARAM_RSA_E,
	[KEY_RSA_D] = OSSL_PKEY_PARAM_RSA_D,
	[KEY_RSA_P] = OSSL_PKEY_PARAM_RSA_FACTOR1,
	[KEY_RSA_Q] = OSSL_PKEY_PARAM_RSA_FACTOR2,
	[KEY_RSA_DP] = OSSL_PKEY_PARAM_RSA_EXPONENT1,
	[KEY_RSA_DQ] = OSSL_PKEY_PARAM_RSA_EXPONENT2,
	[KEY_RSA_QINV] = OSSL_PKEY_PARAM_RSA_COEFFICIENT1,
};

bool hal_key_supported(struct hal *hal, uint8_t algorithm)
{
	(void)hal;
	return key_kind_find(algorithm) != NULL;
}

/* Generation */

/* OpenSSL asks now and then whether to go on: not without power. */
static int may_go_on(EVP_PKEY_CTX *ctx)
{
	return hal_powered(EVP_PKEY_CTX_get_app_data(ctx));
}

static EVP_PKEY *generate(struct hal *hal, const struct key_kind *kind)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind->rsa ? "RSA" : "EC", NULL);
	EVP_PKEY *key = NULL;

	if (!ctx || EVP_PKEY_keygen_init(ctx) <= 0)
		goto out;
	if (kind->rsa ? EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, kind->bits) <= 0
		      : EVP_PKEY_CTX_set_group_name(ctx, kind->group) <= 0)
		goto out;
	EVP_PKEY_CTX_set_app_data(ctx, hal);
	EVP_PKEY_CTX_set_cb(ctx, may_go_on);
	if (EVP_PKEY_generate(ctx, &key) <= 0)
		key = NULL;
out:
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* A number of the key, to its fixed length. */
static bool export_number(EVP_PKEY *key, const char *name, struct builder *room, size_t size, struct bytes *field)
{
	BIGNUM *n = NULL;
	uint8_t *to = builder_room(room, size);
	bool ok = to && EVP_PKEY_get_bn_param(key, name, &n) && BN_bn2binpad(n, to, (int)size) == (int)size;

	*field = BYTES(to, ok ? size : 0);
	BN_clear_free(n);
	return ok;
}

static bool export_point(EVP_PKEY *key, const struct key_kind *kind, struct builder *room, struct bytes *field)
{
	size_t size = key_field_size(kind, KEY_EC_POINT);
	uint8_t *to = builder_room(room, size);
	BIGNUM *x = NULL, *y = NULL;
	bool ok = to && EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x) &&
		  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y);

	if (ok) {
		struct builder point = builder_of(to, size);
		builder_u8(&point, 0x04);
		uint8_t *to_x = builder_room(&point, kind->bytes), *to_y = builder_room(&point, kind->bytes);
		ok = to_x && to_y && BN_bn2binpad(x, to_x, kind->bytes) > 0 && BN_bn2binpad(y, to_y, kind->bytes) > 0;
	}
	*field = BYTES(to, ok ? size : 0);
	BN_free(x);
	BN_free(y);
	return ok;
}

static bool export_fields(EVP_PKEY *key, const struct key_kind *kind, struct builder *room, struct bytes *fields)
{
	if (!kind->rsa)
		return export_number(key, OSSL_PKEY_PARAM_PRIV_KEY, room, key_field_size(kind, KEY_EC_D),
			       &fields[KEY_EC_D]) &&
		       export_point(key, kind, room, &fields[KEY_EC_POINT]);
	for (size_t i = 0; i < key_field_count(kind); i++)
		if (!export_number(key, rsa_names[i], room, key_field_size(kind, i), &fields[i]))
			return false;
	return true;
}

/* The public half as tag 87's value: minimal numbers, no leading zeros. */
static void put_public(struct builder *b, const struct key_kind *kind, const struct bytes *fields)
{
	static const uint8_t exponent[] = {0x01, 0x00, 0x01};

	if (kind->rsa) {
		tlv_put(b, 0x81, fields[KEY_RSA_N]); /* its top bit is set: the modulus has exactly so many bits */
		tlv_put(b, 0x82, BYTES_OF(exponent));
	} else {
		tlv_put(b, 0x86, fields[KEY_EC_POINT]);
	}
}

bool hal_key_generate(struct hal *hal, uint8_t algorithm, struct builder *blob, struct builder *public_key)
{
	const struct key_kind *kind = key_kind_find(algorithm);
	uint64_t started = hal_now();
	struct bytes fields[KEY_BLOB_FIELDS] = {BYTES_NONE};
	uint8_t memory[FIELDS_BYTES];
	struct builder room = builder_of(memory, sizeof(memory));

	if (!hal_still_powered(hal) || !kind)
		return false;
	EVP_PKEY *key = generate(hal, kind);
	bool ok = key && export_fields(key, kind, &room, fields) && key_blob_build(blob, kind, fields);
	if (ok)
		put_public(public_key, kind, fields);
	EVP_PKEY_free(key);
	bytes_wipe(memory, sizeof(memory));
	ERR_clear_error();
	(void)hal_spend_until(hal, started + latency_generate(hal_latency(hal), algorithm));
	return hal_still_powered(hal) && ok && !public_key->failed;
}

/* From outside */

enum hal_result hal_key_import(
	struct hal *hal, uint8_t algorithm, struct bytes value, struct bytes public_key, struct builder *blob)
{
	const struct key_kind *kind = key_kind_find(algorithm);
	uint64_t started = hal_now();
	struct bytes fields[KEY_BLOB_FIELDS] = {BYTES_NONE};
	uint8_t memory[FIELDS_BYTES];
	struct builder room = builder_of(memory, sizeof(memory));
	enum hal_result outcome = HAL_BAD_INPUT;

	if (!hal_still_powered(hal) || !kind)
		return HAL_FAILED;
	EVP_PKEY *key = key_import(kind, value, public_key);
	if (key)
		outcome = export_fields(key, kind, &room, fields) && key_blob_build(blob, kind, fields) ? HAL_OK
													: HAL_FAILED;
	EVP_PKEY_free(key);
	bytes_wipe(memory, sizeof(memory));
	ERR_clear_error();
	/* The check is an operation with the key. */
	(void)hal_spend_until(hal, started + latency_operate(hal_latency(hal), algorithm));
	return hal_still_powered(hal) ? outcome : HAL_FAILED;
}

enum hal_result hal_key_public(struct hal *hal, uint8_t algorithm, struct bytes value, struct builder *public_key)
{
	const struct key_kind *kind = key_kind_find(algorithm);

	if (!hal_still_powered(hal) || !kind)
		return HAL_FAILED;
	bool ok = key_public_of(kind, value, public_key);
	ERR_clear_error();
	return ok ? HAL_OK : HAL_BAD_INPUT;
}

/* Loading */

/* A "secure" number is one that the parameter builder wipes its copy of. */
static BIGNUM *secret_number(struct bytes from)
{
	BIGNUM *n = BN_secure_new();

	if (!n || !BN_bin2bn(from.data, (int)from.len, n)) {
		BN_clear_free(n);
		return NULL;
	}
	BN_set_flags(n, BN_FLG_CONSTTIME);
	return n;
}

/* n = p q: one multiplication that finds a key put together wrongly. */
static bool rsa_consistent(BIGNUM *const numbers[KEY_BLOB_FIELDS])
{
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *n = BN_secure_new();
	bool ok = ctx && n && BN_mul(n, numbers[KEY_RSA_P], numbers[KEY_RSA_Q], ctx) &&
		  BN_cmp(n, numbers[KEY_RSA_N]) == 0 && BN_is_word(numbers[KEY_RSA_E], RSA_EXPONENT);

	BN_clear_free(n);
	BN_CTX_free(ctx);
	return ok;
}

static bool rsa_params(OSSL_PARAM_BLD *build, const struct bytes *fields, BIGNUM *numbers[KEY_BLOB_FIELDS])
{
	for (size_t i = 0; i <= KEY_RSA_QINV; i++) {
		numbers[i] = secret_number(fields[i]);
		if (!numbers[i])
			return false;
		if (!OSSL_PARAM_BLD_push_BN(build, rsa_names[i], numbers[i]))
			return false;
	}
	return rsa_consistent(numbers);
}

static bool ec_params(OSSL_PARAM_BLD *build, const struct key_kind *kind, struct bytes point, struct bytes d,
	BIGNUM *numbers[KEY_BLOB_FIELDS])
{
	if (!OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, kind->group, 0) ||
		!OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.data, point.len))
		return false;
	if (d.len == 0)
		return true;
	numbers[KEY_EC_D] = secret_number(d);
	return numbers[KEY_EC_D] && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, numbers[KEY_EC_D]);
}

/* NULL when the numbers make no key: a point that is not on the curve, for one. */
static EVP_PKEY *key_from(const struct key_kind *kind, const struct bytes *fields, int selection)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind->rsa ? "RSA" : "EC", NULL);
	BIGNUM *numbers[KEY_BLOB_FIELDS] = {NULL};
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (!build || !ctx)
		goto out;
	if (kind->rsa ? !rsa_params(build, fields, numbers)
		      : !ec_params(build, kind, fields[KEY_EC_POINT], fields[KEY_EC_D], numbers))
		goto out;
	params = OSSL_PARAM_BLD_to_param(build);
	if (!params || EVP_PKEY_fromdata_init(ctx) <= 0 || EVP_PKEY_fromdata(ctx, &key, selection, params) <= 0)
		key = NULL;
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	for (size_t i = 0; i < KEY_BLOB_FIELDS; i++)
		BN_clear_free(numbers[i]);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Operations */

/* Below the modulus? Both have its length, and the input of a decryption is not secret. */
static bool below(struct bytes input, struct bytes modulus)
{
	for (size_t i = 0; i < input.len; i++)
		if (input.data[i] != modulus.data[i])
			return input.data[i] < modulus.data[i];
	return false;
}

/* RSADP = RSASP1 (RFC 8017 5.1.2, 5.2.1). OpenSSL blinds, and checks its result against the public exponent. */
static enum hal_result rsa_raw(
	const struct key_kind *kind, EVP_PKEY *key, struct bytes modulus, struct bytes input, struct builder *result)
{
	if (input.len != kind->bytes || !below(input, modulus))
		return HAL_BAD_INPUT;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t *to = builder_room(result, kind->bytes);
	size_t n = kind->bytes;
	bool ok = ctx && to && EVP_PKEY_decrypt_init(ctx) > 0 &&
		  EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0 &&
		  EVP_PKEY_decrypt(ctx, to, &n, input.data, input.len) > 0 && n == kind->bytes;
	EVP_PKEY_CTX_free(ctx);
	return ok ? HAL_OK : HAL_FAILED;
}

/* The host has cut the integer to the bits of the order (protocol 2.3); OpenSSL cuts bytes, and must find it uncut. */
static struct bytes whole_bytes(EVP_PKEY *key, struct bytes integer, uint8_t whole[EC_COORDINATE])
{
	const unsigned spare = 8 * (unsigned)integer.len - (unsigned)EVP_PKEY_get_bits(key);

	for (size_t i = 0; i < integer.len; i++) {
		uint8_t next = i + 1 < integer.len ? integer.data[i + 1] : 0;

		whole[i] = (uint8_t)(integer.data[i] << spare | next >> (8 - spare));
	}
	return BYTES(whole, integer.len);
}

static enum hal_result ecdsa(const struct key_kind *kind, EVP_PKEY *key, struct bytes digest, struct builder *result)
{
	uint8_t der[16 + 2 * (EC_COORDINATE + 1)], whole[EC_COORDINATE];
	size_t n = sizeof(der);
	ECDSA_SIG *signature = NULL;

	if (digest.len == 0 || digest.len > kind->bytes)
		return HAL_BAD_INPUT;
	if (digest.len == kind->bytes)
		digest = whole_bytes(key, digest, whole);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool ok = ctx && EVP_PKEY_sign_init(ctx) > 0 && EVP_PKEY_sign(ctx, der, &n, digest.data, digest.len) > 0;
	if (ok) {
		const uint8_t *at = der;
		signature = d2i_ECDSA_SIG(NULL, &at, (long)n);
	}
	uint8_t *r = builder_room(result, kind->bytes), *s = builder_room(result, kind->bytes);
	ok = signature && r && s && BN_bn2binpad(ECDSA_SIG_get0_r(signature), r, kind->bytes) > 0 &&
	     BN_bn2binpad(ECDSA_SIG_get0_s(signature), s, kind->bytes) > 0;
	ECDSA_SIG_free(signature);
	EVP_PKEY_CTX_free(ctx);
	return ok ? HAL_OK : HAL_FAILED;
}

/* X of d times the peer's point. OpenSSL refuses a point off the curve when it loads it, and checks it once more. */
static enum hal_result ecdh(const struct key_kind *kind, EVP_PKEY *key, struct bytes point, struct builder *result)
{
	struct bytes fields[KEY_BLOB_FIELDS] = {[KEY_EC_D] = BYTES_NONE, [KEY_EC_POINT] = point};

	if (point.len != key_field_size(kind, KEY_EC_POINT) || point.data[0] != 0x04)
		return HAL_BAD_INPUT;
	EVP_PKEY *peer = key_from(kind, fields, EVP_PKEY_PUBLIC_KEY);
	if (!peer)
		return HAL_BAD_INPUT;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t *x = builder_room(result, kind->bytes);
	size_t n = kind->bytes;
	enum hal_result outcome = HAL_FAILED;
	if (ctx && x && EVP_PKEY_derive_init(ctx) > 0) {
		if (EVP_PKEY_derive_set_peer(ctx, peer) <= 0)
			outcome = HAL_BAD_INPUT;
		else if (EVP_PKEY_derive(ctx, x, &n) > 0 && n == kind->bytes)
			outcome = HAL_OK;
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return outcome;
}

static enum hal_result operate(const struct key_kind *kind, enum hal_operation operation, EVP_PKEY *key,
	const struct bytes *fields, struct bytes input, struct builder *result)
{
	if (kind->rsa)
		return operation == HAL_DERIVE ? HAL_BAD_INPUT : rsa_raw(kind, key, fields[KEY_RSA_N], input, result);
	switch (operation) {
	case HAL_SIGN:
		return ecdsa(kind, key, input, result);
	case HAL_DERIVE:
		return ecdh(kind, key, input, result);
	default:
		return HAL_BAD_INPUT;
	}
}

enum hal_result hal_key_operate(struct hal *hal, uint8_t algorithm, enum hal_operation operation, struct bytes blob,
	struct bytes input, struct builder *result)
{
	const struct key_kind *kind = key_kind_find(algorithm);
	uint64_t started = hal_now();
	struct bytes fields[KEY_BLOB_FIELDS] = {BYTES_NONE};
	enum hal_result outcome = HAL_FAILED;
	EVP_PKEY *key = NULL;

	if (!hal_still_powered(hal) || !kind || !key_blob_parse(blob, kind, fields))
		return HAL_FAILED;
	key = key_from(kind, fields, EVP_PKEY_KEYPAIR);
	if (key)
		outcome = operate(kind, operation, key, fields, input, result);
	EVP_PKEY_free(key);
	ERR_clear_error();
	if (outcome == HAL_OK)
		(void)hal_spend_until(hal, started + latency_operate(hal_latency(hal), algorithm));
	return hal_still_powered(hal) ? outcome : HAL_FAILED;
}
