/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decryption and key agreement of the provider (provider-asym_cipher(7), provider-keyexch(7)).
 *
 * RSA v1.5 with implicit rejection: the token gives the raw block and the padding is taken off here. A block with a
 * bad padding becomes a random message, the same one for the same ciphertext, so that neither an error nor a length
 * tells an attacker anything (Bleichenbacher): the content simply does not decrypt.
 */
#include "config.h"

#include "tools/token_provider_private.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include "common/rsa_pad.h"

/* ---- RSA ---- */

struct decrypting {
	struct token_key *key;
	int padding;
	enum ukey_hash hash, mgf;
	uint8_t *label;
	size_t label_len;
};

static void *decrypting_new(void *context)
{
	struct decrypting *d = calloc(1, sizeof(*d));

	(void)context;
	if (d != NULL)
		d->padding = RSA_PKCS1_PADDING;
	return d;
}

static void decrypting_free(void *object)
{
	struct decrypting *d = object;

	if (d == NULL)
		return;
	token_key_unref(d->key);
	free(d->label);
	free(d);
}

static bool take_padding(const OSSL_PARAM params[], int *padding)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_PAD_MODE);
	const char *text = NULL;

	if (p == NULL)
		return true;
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, padding);
	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
		return false;
	if (strcmp(text, OSSL_PKEY_RSA_PAD_MODE_OAEP) == 0)
		*padding = RSA_PKCS1_OAEP_PADDING;
	else if (strcmp(text, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0)
		*padding = RSA_PKCS1_PADDING;
	else
		return false;
	return true;
}

static bool take_label(struct decrypting *d, const OSSL_PARAM params[])
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL);
	void *label = NULL;

	if (p == NULL)
		return true;
	if (p->data_type != OSSL_PARAM_OCTET_STRING)
		return false;
	if (p->data_size > 0) {
		label = malloc(p->data_size);
		if (label == NULL)
			return false;
		memcpy(label, p->data, p->data_size);
	}
	free(d->label);
	d->label = label;
	d->label_len = p->data_size;
	return true;
}

static int decrypting_set_params(void *object, const OSSL_PARAM params[])
{
	struct decrypting *d = object;

	if (params == NULL)
		return 1;
	return take_padding(params, &d->padding) &&
	       (d->padding == RSA_PKCS1_PADDING || d->padding == RSA_PKCS1_OAEP_PADDING) &&
	       token_hash_param(params, OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, &d->hash) &&
	       token_hash_param(params, OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, &d->mgf) && take_label(d, params);
}

static const OSSL_PARAM decrypting_settable[] = {
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_PAD_MODE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_OAEP_DIGEST_PROPS, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_ASYM_CIPHER_PARAM_MGF1_DIGEST_PROPS, NULL, 0),
	OSSL_PARAM_octet_string(OSSL_ASYM_CIPHER_PARAM_OAEP_LABEL, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *decrypting_settable_params(void *object, void *context)
{
	(void)object;
	(void)context;
	return decrypting_settable;
}

static int decrypting_init(void *object, void *key, const OSSL_PARAM params[])
{
	struct decrypting *d = object;
	struct token_key *k = key;

	if (k == NULL || k->signer == NULL)
		return 0;
	token_key_ref(k);
	token_key_unref(d->key);
	d->key = k;
	return decrypting_set_params(d, params);
}

/* What a ciphertext with bad padding "decrypts" to: a fixed function of it and of a secret of this process. */
static bool rejection(struct bytes ciphertext, uint8_t out[32])
{
	static uint8_t secret[32];
	static bool have_secret;
	struct crypto_digest_ctx *d = NULL;
	bool good;

	if (!have_secret)
		have_secret = crypto_random(secret, sizeof(secret));
	d = have_secret ? crypto_digest_new(CRYPTO_SHA256) : NULL;
	good = d != NULL && crypto_digest_update(d, BYTES_OF(secret)) && crypto_digest_update(d, ciphertext) &&
	       crypto_digest_final(d, out);
	crypto_digest_free(d);
	return good;
}

static enum ukey_status decrypt_pkcs1(struct decrypting *d, struct bytes in, uint8_t *out, size_t *len)
{
	struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t block[CRYPTO_RSA_BYTES_MAX], message[CRYPTO_RSA_BYTES_MAX], random[32];
	size_t block_len = sizeof(block), message_len = 0;
	enum ukey_status s;

	if (!rejection(in, random))
		return UKEY_MEMORY;
	s = d->key->signer->decrypt(d->key->signer->arg, &raw, in.data, in.len, block, &block_len);
	if (s == UKEY_OK && block_len != in.len)
		s = UKEY_TOKEN_PROTOCOL;
	if (s == UKEY_OK) {
		/* after a failure `message` is zeros: the choice below copies the same number of bytes either way */
		size_t good = rsa_pad_pkcs1_decrypt(BYTES(block, block_len), message, &message_len);
		uint8_t mask = (uint8_t)(0 - good);
		for (size_t i = 0; i < block_len; i++)
			out[i] = (uint8_t)((message[i] & mask) | (random[i % sizeof(random)] & (uint8_t)~mask));
		*len = (message_len & (0 - good)) | (sizeof(random) & ~(0 - good));
	}
	bytes_wipe(block, sizeof(block));
	bytes_wipe(message, sizeof(message));
	bytes_wipe(random, sizeof(random));
	return s;
}

static enum ukey_status decrypt_oaep(struct decrypting *d, struct bytes in, uint8_t *out, size_t *len)
{
	struct ukey_scheme scheme = {
		.padding = UKEY_OAEP,
		.hash = d->hash != UKEY_HASH_NONE ? d->hash : UKEY_SHA1, /* RFC 4055 4.1: the default */
		.label = d->label,
		.label_len = d->label_len,
	};

	scheme.mgf = d->mgf != UKEY_HASH_NONE ? d->mgf : scheme.hash;
	return d->key->signer->decrypt(d->key->signer->arg, &scheme, in.data, in.len, out, len);
}

static int decrypt(
	void *object, unsigned char *out, size_t *out_len, size_t room, const unsigned char *in, size_t in_len)
{
	struct decrypting *d = object;
	size_t k = d->key->pub.modulus.len;
	uint8_t plain[CRYPTO_RSA_BYTES_MAX];
	size_t len = sizeof(plain);
	int good;

	if (out == NULL) {
		*out_len = k;
		return 1;
	}
	if (in_len != k)
		return 0;
	good = token_outcome(d->key, d->padding == RSA_PKCS1_OAEP_PADDING
					     ? decrypt_oaep(d, BYTES(in, in_len), plain, &len)
					     : decrypt_pkcs1(d, BYTES(in, in_len), plain, &len));
	if (good && len <= room) {
		memcpy(out, plain, len);
		*out_len = len;
	} else {
		good = 0;
	}
	bytes_wipe(plain, sizeof(plain));
	return good;
}

#define CIPHER_ENTRY(id, function)                                                                                     \
	{                                                                                                              \
		OSSL_FUNC_ASYM_CIPHER_##id, (void (*)(void))(function)                                                 \
	}

const OSSL_DISPATCH token_rsa_asym_cipher[] = {
	CIPHER_ENTRY(NEWCTX, decrypting_new),
	CIPHER_ENTRY(FREECTX, decrypting_free),
	CIPHER_ENTRY(DECRYPT_INIT, decrypting_init),
	CIPHER_ENTRY(DECRYPT, decrypt),
	CIPHER_ENTRY(SET_CTX_PARAMS, decrypting_set_params),
	CIPHER_ENTRY(SETTABLE_CTX_PARAMS, decrypting_settable_params),
	{0, NULL},
};

/* ---- ECDH ---- */

struct agreeing {
	struct token_key *key, *peer;
	bool x963;
	char digest[32];
	uint8_t *ukm;
	size_t ukm_len;
	size_t length; /* of the derived key */
};

static void *agreeing_new(void *context)
{
	(void)context;
	return calloc(1, sizeof(struct agreeing));
}

static void agreeing_free(void *object)
{
	struct agreeing *a = object;

	if (a == NULL)
		return;
	token_key_unref(a->key);
	token_key_unref(a->peer);
	free(a->ukm);
	free(a);
}

/* CMS makes a context for each recipient and copies it. */
static void *agreeing_dup(void *object)
{
	struct agreeing *a = object;
	struct agreeing *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *a;
	if (a->ukm != NULL) {
		copy->ukm = malloc(a->ukm_len);
		if (copy->ukm == NULL) {
			free(copy);
			return NULL;
		}
		memcpy(copy->ukm, a->ukm, a->ukm_len);
	}
	if (copy->key != NULL)
		token_key_ref(copy->key);
	if (copy->peer != NULL)
		token_key_ref(copy->peer);
	return copy;
}

static int agreeing_set_params(void *object, const OSSL_PARAM params[])
{
	struct agreeing *a = object;
	const OSSL_PARAM *p;
	const char *text = NULL;
	int mode = 0;

	if (params == NULL)
		return 1;
	p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);
	if (p != NULL) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &text) ||
			(text[0] != '\0' && strcmp(text, OSSL_KDF_NAME_X963KDF) != 0))
			return 0;
		a->x963 = text[0] != '\0';
	}
	p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
	if (p != NULL) {
		if (!OSSL_PARAM_get_utf8_string_ptr(p, &text) || strlen(text) >= sizeof(a->digest))
			return 0;
		memcpy(a->digest, text, strlen(text) + 1);
	}
	p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
	if (p != NULL && !OSSL_PARAM_get_size_t(p, &a->length))
		return 0;
	p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_KDF_UKM);
	if (p != NULL) {
		void *ukm = NULL;
		if (p->data_type != OSSL_PARAM_OCTET_STRING)
			return 0;
		if (p->data != NULL && p->data_size > 0) {
			ukm = malloc(p->data_size);
			if (ukm == NULL)
				return 0;
			memcpy(ukm, p->data, p->data_size);
		}
		free(a->ukm);
		a->ukm = ukm;
		a->ukm_len = ukm != NULL ? p->data_size : 0;
	}
	/* the NIST curves have cofactor 1: both modes are the same */
	p = OSSL_PARAM_locate_const(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
	return p == NULL || OSSL_PARAM_get_int(p, &mode);
}

static const OSSL_PARAM agreeing_settable[] = {
	OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
	OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST_PROPS, NULL, 0),
	OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
	OSSL_PARAM_octet_string(OSSL_EXCHANGE_PARAM_KDF_UKM, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *agreeing_settable_params(void *object, void *context)
{
	(void)object;
	(void)context;
	return agreeing_settable;
}

static int agreeing_get_params(void *object, OSSL_PARAM params[])
{
	struct agreeing *a = object;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_TYPE);

	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, a->x963 ? OSSL_KDF_NAME_X963KDF : ""))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, a->digest))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_KDF_OUTLEN);
	if (p != NULL && !OSSL_PARAM_set_size_t(p, a->length))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE);
	return p == NULL || OSSL_PARAM_set_int(p, 0);
}

static const OSSL_PARAM agreeing_gettable[] = {
	OSSL_PARAM_int(OSSL_EXCHANGE_PARAM_EC_ECDH_COFACTOR_MODE, NULL),
	OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_TYPE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_EXCHANGE_PARAM_KDF_DIGEST, NULL, 0),
	OSSL_PARAM_size_t(OSSL_EXCHANGE_PARAM_KDF_OUTLEN, NULL),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *agreeing_gettable_params(void *object, void *context)
{
	(void)object;
	(void)context;
	return agreeing_gettable;
}

static int agreeing_init(void *object, void *key, const OSSL_PARAM params[])
{
	struct agreeing *a = object;
	struct token_key *k = key;

	if (k == NULL || k->signer == NULL)
		return 0;
	token_key_ref(k);
	token_key_unref(a->key);
	a->key = k;
	return agreeing_set_params(a, params);
}

static int agreeing_set_peer(void *object, void *key)
{
	struct agreeing *a = object;
	struct token_key *k = key;

	if (k == NULL || !k->has_public || a->key == NULL || k->pub.type != a->key->pub.type)
		return 0;
	token_key_ref(k);
	token_key_unref(a->peer);
	a->peer = k;
	return 1;
}

/* ANSI X9.63 (SEC 1 3.6.1), as RFC 5753 7.1 wants it. */
static bool derive_x963(struct agreeing *a, struct bytes z, unsigned char *out, size_t len)
{
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_X963KDF, NULL);
	EVP_KDF_CTX *ctx = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	OSSL_PARAM params[4];
	size_t count = 0;
	bool good;

	params[count++] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, a->digest, 0);
	params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)z.data, z.len);
	if (a->ukm != NULL)
		params[count++] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, a->ukm, a->ukm_len);
	params[count] = OSSL_PARAM_construct_end();
	good = ctx != NULL && EVP_KDF_derive(ctx, out, len, params) > 0;
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
	return good;
}

static int derive(void *object, unsigned char *out, size_t *out_len, size_t room)
{
	struct agreeing *a = object;
	uint8_t z[66];
	size_t z_len = sizeof(z), wanted;
	int good;

	if (a->key == NULL || a->peer == NULL)
		return 0;
	wanted = a->x963 ? a->length : crypto_field_size(a->key->pub.type);
	if (out == NULL || room < wanted) {
		*out_len = wanted;
		return out == NULL;
	}
	good = token_outcome(
		a->key, a->key->signer->derive(a->key->signer->arg, a->peer->point, a->peer->pub.point.len, z, &z_len));
	if (good && a->x963) {
		good = derive_x963(a, BYTES(z, z_len), out, wanted);
	} else if (good) {
		good = z_len == wanted;
		memcpy(out, z, good ? wanted : 0);
	}
	*out_len = good ? wanted : 0;
	bytes_wipe(z, sizeof(z));
	return good;
}

#define EXCHANGE_ENTRY(id, function)                                                                                   \
	{                                                                                                              \
		OSSL_FUNC_KEYEXCH_##id, (void (*)(void))(function)                                                     \
	}

const OSSL_DISPATCH token_ecdh_keyexch[] = {
	EXCHANGE_ENTRY(NEWCTX, agreeing_new),
	EXCHANGE_ENTRY(FREECTX, agreeing_free),
	EXCHANGE_ENTRY(DUPCTX, agreeing_dup),
	EXCHANGE_ENTRY(INIT, agreeing_init),
	EXCHANGE_ENTRY(SET_PEER, agreeing_set_peer),
	EXCHANGE_ENTRY(DERIVE, derive),
	EXCHANGE_ENTRY(SET_CTX_PARAMS, agreeing_set_params),
	EXCHANGE_ENTRY(SETTABLE_CTX_PARAMS, agreeing_settable_params),
	EXCHANGE_ENTRY(GET_CTX_PARAMS, agreeing_get_params),
	EXCHANGE_ENTRY(GETTABLE_CTX_PARAMS, agreeing_gettable_params),
	{0, NULL},
};
