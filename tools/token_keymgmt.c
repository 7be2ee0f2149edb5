/* SPDX-License-Identifier: Apache-2.0 */
/* Key management of the provider (provider-keymgmt(7)): the public half can come and go, the private half is the
 * signer. */
#include "config.h"

#include "tools/token_provider_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>

struct token_key *token_key_ref(struct token_key *key)
{
	atomic_fetch_add(&key->references, 1);
	return key;
}

void token_key_unref(struct token_key *key)
{
	if (key != NULL && atomic_fetch_sub(&key->references, 1) == 1)
		free(key);
}

static struct token_key *key_new(bool is_ec)
{
	struct token_key *key = calloc(1, sizeof(*key));

	if (key != NULL) {
		atomic_init(&key->references, 1);
		key->is_ec = is_ec;
		key->pub.type = is_ec ? CRYPTO_KEY_TYPES : CRYPTO_RSA;
	}
	return key;
}

static void *rsa_new(void *context)
{
	(void)context;
	return key_new(false);
}

static void *ec_new(void *context)
{
	(void)context;
	return key_new(true);
}

static void key_free(void *key)
{
	token_key_unref(key);
}

static int key_has(const void *object, int selection)
{
	const struct token_key *key = object;

	if (key == NULL)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 && key->signer == NULL)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && !key->has_public)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0 && key->is_ec && key->pub.type == CRYPTO_KEY_TYPES)
		return 0;
	return 1;
}

static int key_match(const void *one, const void *other, int selection)
{
	const struct token_key *a = one, *b = other;

	if (a->is_ec != b->is_ec)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_DOMAIN_PARAMETERS) != 0 && a->is_ec && a->pub.type != b->pub.type)
		return 0;
	/* the private half is compared by the public one: there is no other way */
	if ((selection & OSSL_KEYMGMT_SELECT_KEYPAIR) != 0)
		return a->has_public && b->has_public && crypto_pubkey_equal(&a->pub, &b->pub);
	return 1;
}

/* ---- in ---- */

static bool take_integer(const OSSL_PARAM params[], const char *name, uint8_t *buffer, size_t cap, struct bytes *out)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
	BIGNUM *n = NULL;
	int len = -1;

	if (p != NULL && OSSL_PARAM_get_BN(p, &n) && (size_t)BN_num_bytes(n) <= cap)
		len = BN_bn2bin(n, buffer);
	BN_free(n);
	*out = BYTES(buffer, len > 0 ? (size_t)len : 0);
	return len > 0;
}

/* OpenSSL hands over peers' public keys with "all" selected: a key without our handle is a public one, whatever was
 * asked. */
static int signer_import(struct token_key *key, int selection, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, TOKEN_KEY_SIGNER);
	uintptr_t handle = 0;

	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || p == NULL)
		return 1;
	if (p->data_type != OSSL_PARAM_OCTET_STRING || p->data_size != sizeof(handle))
		return 0;
	memcpy(&handle, p->data, sizeof(handle));
	key->signer = (struct token_signer *)handle;
	return key->signer != NULL;
}

static int rsa_import(void *object, int selection, const OSSL_PARAM params[])
{
	struct token_key *key = object;

	if (!take_integer(params, OSSL_PKEY_PARAM_RSA_N, key->modulus, sizeof(key->modulus), &key->pub.modulus) ||
		!take_integer(params, OSSL_PKEY_PARAM_RSA_E, key->exponent, sizeof(key->exponent), &key->pub.exponent))
		return 0;
	key->has_public = crypto_pubkey_check(&key->pub);
	return key->has_public && signer_import(key, selection, params);
}

static enum crypto_key_type group_type(const char *name)
{
	switch (OBJ_txt2nid(name)) {
	case NID_X9_62_prime256v1:
		return CRYPTO_EC_P256;
	case NID_secp384r1:
		return CRYPTO_EC_P384;
	case NID_secp521r1:
		return CRYPTO_EC_P521;
	}
	if (strcmp(name, "P-256") == 0)
		return CRYPTO_EC_P256;
	if (strcmp(name, "P-384") == 0)
		return CRYPTO_EC_P384;
	return strcmp(name, "P-521") == 0 ? CRYPTO_EC_P521 : CRYPTO_KEY_TYPES;
}

static int take_point(struct token_key *key, const OSSL_PARAM *p)
{
	void *to = key->point;
	size_t len = 0;

	if (!OSSL_PARAM_get_octet_string(p, &to, sizeof(key->point), &len))
		return 0;
	key->pub.point = BYTES(key->point, len);
	key->has_public = crypto_pubkey_check(&key->pub) && crypto_point_valid(&key->pub);
	return key->has_public;
}

static int ec_import(void *object, int selection, const OSSL_PARAM params[])
{
	struct token_key *key = object;
	const OSSL_PARAM *group = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_GROUP_NAME);
	const OSSL_PARAM *point = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);
	const char *name = NULL;

	if (group == NULL || !OSSL_PARAM_get_utf8_string_ptr(group, &name))
		return 0;
	key->pub.type = group_type(name);
	if (key->pub.type == CRYPTO_KEY_TYPES)
		return 0;
	if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0 && point != NULL && !take_point(key, point))
		return 0;
	return signer_import(key, selection, params);
}

/* EVP_PKEY_set1_encoded_public_key: CMS puts the sender's ephemeral point into a copy of our group. */
static int ec_set_params(void *object, const OSSL_PARAM params[])
{
	struct token_key *key = object;
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY);

	return p == NULL || (key->signer == NULL && take_point(key, p));
}

static const OSSL_PARAM ec_settable[] = {
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *ec_settable_params(void *context)
{
	(void)context;
	return ec_settable;
}

static const OSSL_PARAM rsa_types[] = {
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
	OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
	OSSL_PARAM_octet_string(TOKEN_KEY_SIGNER, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM ec_types[] = {
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	OSSL_PARAM_octet_string(TOKEN_KEY_SIGNER, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *rsa_import_types(int selection)
{
	(void)selection;
	return rsa_types;
}

static const OSSL_PARAM *ec_import_types(int selection)
{
	(void)selection;
	return ec_types;
}

/* ---- out ---- */

/* Whoever asks for more than the public half (the default provider, to sign in our stead) is told no. */
static bool exportable(const struct token_key *key, int selection)
{
	if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0)
		return false;
	return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) == 0 || key->has_public;
}

static int rsa_export(void *object, int selection, OSSL_CALLBACK *callback, void *arg)
{
	struct token_key *key = object;
	uint8_t n[CRYPTO_RSA_BYTES_MAX], e[CRYPTO_RSA_EXPONENT_MAX];
	OSSL_PARAM params[3];

	if (!exportable(key, selection) || !key->has_public)
		return 0;
	token_native_order(n, key->pub.modulus);
	token_native_order(e, key->pub.exponent);
	params[0] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, key->pub.modulus.len);
	params[1] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, key->pub.exponent.len);
	params[2] = OSSL_PARAM_construct_end();
	return callback(params, arg);
}

static int ec_export(void *object, int selection, OSSL_CALLBACK *callback, void *arg)
{
	struct token_key *key = object;
	OSSL_PARAM params[3];
	size_t count = 0;

	if (!exportable(key, selection) || key->pub.type == CRYPTO_KEY_TYPES)
		return 0;
	params[count++] = OSSL_PARAM_construct_utf8_string(
		OSSL_PKEY_PARAM_GROUP_NAME, (char *)token_group_name(key->pub.type), 0);
	if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) != 0)
		params[count++] =
			OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, key->point, key->pub.point.len);
	params[count] = OSSL_PARAM_construct_end();
	return callback(params, arg);
}

static bool put_int(OSSL_PARAM params[], const char *name, int value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return p == NULL || OSSL_PARAM_set_int(p, value);
}

static bool put_text(OSSL_PARAM params[], const char *name, const char *value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return p == NULL || OSSL_PARAM_set_utf8_string(p, value);
}

static bool put_bytes(OSSL_PARAM params[], const char *name, struct bytes value)
{
	OSSL_PARAM *p = OSSL_PARAM_locate(params, name);

	return p == NULL || OSSL_PARAM_set_octet_string(p, value.data, value.len);
}

/* SP 800-57 part 1, table 2. */
static int security_bits(const struct token_key *key)
{
	size_t bits = crypto_pubkey_bits(&key->pub);

	if (key->is_ec)
		return bits == 521 ? 256 : (int)bits / 2;
	return bits >= 15360  ? 256
	       : bits >= 7680 ? 192
	       : bits >= 4096 ? 152
	       : bits >= 3072 ? 128
	       : bits >= 2048 ? 112
			      : 80;
}

static int max_size(const struct token_key *key)
{
	if (!key->is_ec)
		return (int)key->pub.modulus.len;
	return (int)(2 * (crypto_field_size(key->pub.type) + 3) + 4); /* ECDSA-Sig-Value */
}

static int key_get_params(void *object, OSSL_PARAM params[])
{
	struct token_key *key = object;

	if (!key->has_public)
		return !key->is_ec || key->pub.type == CRYPTO_KEY_TYPES ||
		       put_text(params, OSSL_PKEY_PARAM_GROUP_NAME, token_group_name(key->pub.type));
	return put_int(params, OSSL_PKEY_PARAM_BITS, (int)crypto_pubkey_bits(&key->pub)) &&
	       put_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, security_bits(key)) &&
	       put_int(params, OSSL_PKEY_PARAM_MAX_SIZE, max_size(key)) &&
	       put_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256") &&
	       (!key->is_ec || (put_text(params, OSSL_PKEY_PARAM_GROUP_NAME, token_group_name(key->pub.type)) &&
				       put_text(params, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") &&
				       put_bytes(params, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, key->pub.point) &&
				       put_bytes(params, OSSL_PKEY_PARAM_PUB_KEY, key->pub.point)));
}

static const OSSL_PARAM gettable[] = {
	OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
	OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *key_gettable_params(void *context)
{
	(void)context;
	return gettable;
}

static const char *rsa_operation_name(int operation)
{
	(void)operation;
	return "RSA";
}

static const char *ec_operation_name(int operation)
{
	return operation == OSSL_OP_KEYEXCH ? "ECDH" : "ECDSA";
}

#define ENTRY(id, function)                                                                                            \
	{                                                                                                              \
		OSSL_FUNC_KEYMGMT_##id, (void (*)(void))(function)                                                     \
	}

#define KEYMGMT_COMMON                                                                                                 \
	ENTRY(FREE, key_free), ENTRY(HAS, key_has), ENTRY(MATCH, key_match), ENTRY(GET_PARAMS, key_get_params),        \
		ENTRY(GETTABLE_PARAMS, key_gettable_params)

const OSSL_DISPATCH token_rsa_keymgmt[] = {
	KEYMGMT_COMMON,
	ENTRY(NEW, rsa_new),
	ENTRY(IMPORT, rsa_import),
	ENTRY(IMPORT_TYPES, rsa_import_types),
	ENTRY(EXPORT, rsa_export),
	ENTRY(EXPORT_TYPES, rsa_import_types),
	ENTRY(QUERY_OPERATION_NAME, rsa_operation_name),
	{0, NULL},
};

const OSSL_DISPATCH token_ec_keymgmt[] = {
	KEYMGMT_COMMON,
	ENTRY(NEW, ec_new),
	ENTRY(IMPORT, ec_import),
	ENTRY(IMPORT_TYPES, ec_import_types),
	ENTRY(EXPORT, ec_export),
	ENTRY(EXPORT_TYPES, ec_import_types),
	ENTRY(SET_PARAMS, ec_set_params),
	ENTRY(SETTABLE_PARAMS, ec_settable_params),
	ENTRY(QUERY_OPERATION_NAME, ec_operation_name),
	{0, NULL},
};
