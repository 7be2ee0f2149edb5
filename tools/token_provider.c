/* SPDX-License-Identifier: Apache-2.0 */
/* The provider itself: what it offers, and how a key gets into it. */
#include "config.h"

#include "tools/token_provider_private.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#define PROVIDER_NAME "openukey"
#define PROPERTIES    "provider=" PROVIDER_NAME

static const OSSL_ALGORITHM keymgmt[] = {
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, token_rsa_keymgmt, "keys on a token"},
	{"EC:id-ecPublicKey:1.2.840.10045.2.1",    PROPERTIES, token_ec_keymgmt,  "keys on a token"},
	{NULL,				     NULL,       NULL,              NULL             },
};

static const OSSL_ALGORITHM signature[] = {
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, token_rsa_signature,   "signed by a token"},
	{"ECDSA",				  PROPERTIES, token_ecdsa_signature, "signed by a token"},
	{NULL,				     NULL,       NULL,                  NULL               },
};

static const OSSL_ALGORITHM asym_cipher[] = {
	{"RSA:rsaEncryption:1.2.840.113549.1.1.1", PROPERTIES, token_rsa_asym_cipher, "decrypted by a token"},
	{NULL,				     NULL,       NULL,                  NULL                  },
};

static const OSSL_ALGORITHM keyexch[] = {
	{"ECDH", PROPERTIES, token_ecdh_keyexch, "agreed on by a token"},
	{NULL,   NULL,       NULL,               NULL                  },
};

static const OSSL_ALGORITHM *query(void *context, int operation, int *no_cache)
{
	(void)context;
	*no_cache = 0;
	switch (operation) {
	case OSSL_OP_KEYMGMT:
		return keymgmt;
	case OSSL_OP_SIGNATURE:
		return signature;
	case OSSL_OP_ASYM_CIPHER:
		return asym_cipher;
	case OSSL_OP_KEYEXCH:
		return keyexch;
	default:
		return NULL;
	}
}

static int provider_context;

static const OSSL_DISPATCH provider_functions[] = {
	{OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query},
	{0,				  NULL		 },
};

static int provider_init(
	const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *core, const OSSL_DISPATCH **functions, void **context)
{
	(void)handle;
	(void)core;
	*functions = provider_functions;
	*context = &provider_context;
	return 1;
}

static OSSL_PROVIDER *own, *standard;

bool token_provider_load(void)
{
	if (own != NULL)
		return true;
	standard = OSSL_PROVIDER_load(NULL, "default");
	if (standard == NULL || OSSL_PROVIDER_add_builtin(NULL, PROVIDER_NAME, provider_init) != 1)
		return false;
	own = OSSL_PROVIDER_load(NULL, PROVIDER_NAME);
	return own != NULL;
}

void token_provider_unload(void)
{
	if (own != NULL)
		OSSL_PROVIDER_unload(own);
	if (standard != NULL)
		OSSL_PROVIDER_unload(standard);
	own = standard = NULL;
}

/* ---- hashes ---- */

static const struct {
	enum ukey_hash hash;
	enum crypto_hash crypto;
	const char *name, *alias;
} hashes[] = {
	{UKEY_SHA1,     CRYPTO_SHA1,     "SHA1",     "SHA-1"   },
	{UKEY_SHA224,   CRYPTO_SHA224,   "SHA224",   "SHA2-224"},
	{UKEY_SHA256,   CRYPTO_SHA256,   "SHA256",   "SHA2-256"},
	{UKEY_SHA384,   CRYPTO_SHA384,   "SHA384",   "SHA2-384"},
	{UKEY_SHA512,   CRYPTO_SHA512,   "SHA512",   "SHA2-512"},
	{UKEY_SHA3_224, CRYPTO_SHA3_224, "SHA3-224", "SHA3-224"},
	{UKEY_SHA3_256, CRYPTO_SHA3_256, "SHA3-256", "SHA3-256"},
	{UKEY_SHA3_384, CRYPTO_SHA3_384, "SHA3-384", "SHA3-384"},
	{UKEY_SHA3_512, CRYPTO_SHA3_512, "SHA3-512", "SHA3-512"},
};
#define HASH_COUNT (sizeof(hashes) / sizeof(hashes[0]))

enum ukey_hash token_hash_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < HASH_COUNT; i++)
		if (OPENSSL_strcasecmp(name, hashes[i].name) == 0 || OPENSSL_strcasecmp(name, hashes[i].alias) == 0)
			return hashes[i].hash;
	return UKEY_HASH_NONE;
}

bool token_hash_param(const OSSL_PARAM params[], const char *name, enum ukey_hash *hash)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
	const char *text = NULL;

	if (p == NULL)
		return true;
	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
		return false;
	*hash = token_hash_of(text);
	return *hash != UKEY_HASH_NONE;
}

enum crypto_hash token_hash_crypto(enum ukey_hash hash)
{
	for (size_t i = 0; i < HASH_COUNT; i++)
		if (hashes[i].hash == hash)
			return hashes[i].crypto;
	return CRYPTO_NO_HASH;
}

const char *token_hash_name(enum ukey_hash hash)
{
	for (size_t i = 0; i < HASH_COUNT; i++)
		if (hashes[i].hash == hash)
			return hashes[i].name;
	return "";
}

int token_outcome(struct token_key *key, enum ukey_status s)
{
	if (s != UKEY_OK && key->signer->failed == UKEY_OK)
		key->signer->failed = s;
	return s == UKEY_OK;
}

/* ---- a key's way in ---- */

const char *token_group_name(enum crypto_key_type type)
{
	return type == CRYPTO_EC_P256 ? "prime256v1" : type == CRYPTO_EC_P384 ? "secp384r1" : "secp521r1";
}

/* OSSL_PARAM's integers are in the machine's order; the token's are big-endian. */
void token_native_order(uint8_t *to, struct bytes from)
{
	const union {
		uint16_t word;
		uint8_t first;
	} probe = {1};

	for (size_t i = 0; i < from.len; i++)
		to[i] = probe.first == 1 ? from.data[from.len - 1 - i] : from.data[i];
}

EVP_PKEY *token_key_new(const struct crypto_pubkey *public_key, struct token_signer *signer)
{
	bool rsa = public_key->type == CRYPTO_RSA;
	uint8_t n[CRYPTO_RSA_BYTES_MAX], e[CRYPTO_RSA_EXPONENT_MAX];
	OSSL_PARAM params[4];
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *pkey = NULL;
	uintptr_t handle = (uintptr_t)signer;
	size_t count = 0;

	if (!crypto_pubkey_check(public_key))
		return NULL;
	if (rsa) {
		token_native_order(n, public_key->modulus);
		token_native_order(e, public_key->exponent);
		params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n, public_key->modulus.len);
		params[count++] = OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e, public_key->exponent.len);
	} else {
		params[count++] = OSSL_PARAM_construct_utf8_string(
			OSSL_PKEY_PARAM_GROUP_NAME, (char *)token_group_name(public_key->type), 0);
		params[count++] = OSSL_PARAM_construct_octet_string(
			OSSL_PKEY_PARAM_PUB_KEY, (void *)public_key->point.data, public_key->point.len);
	}
	params[count++] = OSSL_PARAM_construct_octet_string(TOKEN_KEY_SIGNER, &handle, sizeof(handle));
	params[count] = OSSL_PARAM_construct_end();
	ctx = EVP_PKEY_CTX_new_from_name(NULL, rsa ? "RSA" : "EC", PROPERTIES);
	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) <= 0 ||
		EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) <= 0)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}
