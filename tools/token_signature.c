/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures of the provider (provider-signature(7)): the host hashes, the token signs; padding is libukey's. */
#include "config.h"

#include "tools/token_provider_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_names.h>
#include <openssl/objects.h>
#include <openssl/params.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "common/rsa_pad.h"
#include "common/tlv.h"

struct signing {
	struct token_key *key;
	struct crypto_digest_ctx *digest;
	enum ukey_hash hash, mgf; /* mgf: NONE means as hash */
	int padding;              /* RSA_PKCS1_PADDING or RSA_PKCS1_PSS_PADDING */
	int salt;                 /* bytes, or RSA_PSS_SALTLEN_... */
};

static void *signing_new(void *context, const char *properties)
{
	struct signing *s = calloc(1, sizeof(*s));

	(void)context;
	(void)properties;
	if (s != NULL) {
		s->padding = RSA_PKCS1_PADDING;
		s->salt = RSA_PSS_SALTLEN_DIGEST;
	}
	return s;
}

static void signing_free(void *object)
{
	struct signing *s = object;

	if (s == NULL)
		return;
	token_key_unref(s->key);
	crypto_digest_free(s->digest);
	free(s);
}

static void *signing_dup(void *object)
{
	struct signing *s = object;
	struct signing *copy = malloc(sizeof(*copy));

	if (copy == NULL)
		return NULL;
	*copy = *s;
	if (copy->key != NULL)
		token_key_ref(copy->key);
	if (s->digest != NULL) {
		copy->digest = crypto_digest_copy(s->digest);
		if (copy->digest == NULL) {
			signing_free(copy);
			return NULL;
		}
	}
	return copy;
}

/* ---- parameters ---- */

struct word {
	const char *text;
	int value;
};

static const struct word paddings[] = {
	{OSSL_PKEY_RSA_PAD_MODE_PKCSV15, RSA_PKCS1_PADDING    },
	{OSSL_PKEY_RSA_PAD_MODE_PSS,     RSA_PKCS1_PSS_PADDING},
	{NULL,			   0		    },
};

static const struct word salts[] = {
	{OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST, RSA_PSS_SALTLEN_DIGEST},
	{OSSL_PKEY_RSA_PSS_SALT_LEN_MAX,    RSA_PSS_SALTLEN_MAX   },
	{OSSL_PKEY_RSA_PSS_SALT_LEN_AUTO,   RSA_PSS_SALTLEN_AUTO  },
	{NULL,			      0		     },
};

/* OpenSSL passes these as a number or as a word. */
static bool set_int_or_word(const OSSL_PARAM params[], const char *name, const struct word *words, int *value)
{
	const OSSL_PARAM *p = OSSL_PARAM_locate_const(params, name);
	const char *text = NULL;
	char *end;

	if (p == NULL)
		return true;
	if (p->data_type != OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_get_int(p, value);
	if (!OSSL_PARAM_get_utf8_string_ptr(p, &text))
		return false;
	for (; words->text != NULL; words++) {
		if (strcmp(words->text, text) == 0) {
			*value = words->value;
			return true;
		}
	}
	*value = (int)strtol(text, &end, 10);
	return end != text && *end == '\0';
}

static int signing_set_params(void *object, const OSSL_PARAM params[])
{
	struct signing *s = object;

	if (params == NULL)
		return 1;
	if (!token_hash_param(params, OSSL_SIGNATURE_PARAM_DIGEST, &s->hash))
		return 0;
	if (s->key != NULL && s->key->is_ec)
		return 1;
	return token_hash_param(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST, &s->mgf) &&
	       set_int_or_word(params, OSSL_SIGNATURE_PARAM_PAD_MODE, paddings, &s->padding) &&
	       (s->padding == RSA_PKCS1_PADDING || s->padding == RSA_PKCS1_PSS_PADDING) &&
	       set_int_or_word(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN, salts, &s->salt);
}

static const OSSL_PARAM settable[] = {
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PROPERTIES, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_PROPERTIES, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *signing_settable_params(void *object, void *context)
{
	(void)object;
	(void)context;
	return settable;
}

/* The salt's length in bytes; false when the hash is too long for the modulus. */
static bool salt_length(const struct signing *s, size_t *len)
{
	size_t max = 0;

	if (!rsa_pad_pss_salt_max(token_hash_crypto(s->hash), crypto_pubkey_bits(&s->key->pub), &max))
		return false;
	if (s->salt == RSA_PSS_SALTLEN_DIGEST)
		*len = crypto_hash_size(token_hash_crypto(s->hash));
	else if (s->salt < 0)
		*len = max;
	else
		*len = (size_t)s->salt;
	return *len <= max;
}

/* AlgorithmIdentifier of a hash: the first part of the DigestInfo that is known for it. */
static struct bytes hash_identifier(enum ukey_hash hash)
{
	const struct crypto_hash_info *info = crypto_hash_info(token_hash_crypto(hash));

	return info != NULL ? BYTES(info->digest_info.data + 2, info->digest_info.data[3] + 2u) : BYTES_NONE;
}

/* AlgorithmIdentifier of RSASSA-PSS (RFC 4055 3.1); what has its default value is left out. */
static void pss_identifier(const struct signing *s, struct builder *b)
{
	static const uint8_t oid_pss[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0A};
	static const uint8_t oid_mgf1[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x08};
	enum ukey_hash mgf = s->mgf != UKEY_HASH_NONE ? s->mgf : s->hash;
	size_t outer, parameters, part, inner, salt = 0;

	if (!salt_length(s, &salt))
		b->failed = true;
	outer = tlv_begin(b, 0x30);
	tlv_put(b, 0x06, BYTES_OF(oid_pss));
	parameters = tlv_begin(b, 0x30);
	if (s->hash != UKEY_SHA1) {
		part = tlv_begin(b, 0xA0);
		builder_put(b, hash_identifier(s->hash));
		tlv_end(b, part);
	}
	if (mgf != UKEY_SHA1) {
		part = tlv_begin(b, 0xA1);
		inner = tlv_begin(b, 0x30);
		tlv_put(b, 0x06, BYTES_OF(oid_mgf1));
		builder_put(b, hash_identifier(mgf));
		tlv_end(b, inner);
		tlv_end(b, part);
	}
	if (salt != 20) {
		part = tlv_begin(b, 0xA2);
		if (salt < 0x80)
			tlv_put_u8(b, 0x02, (uint8_t)salt);
		else
			tlv_put_u16(b, 0x02, (uint16_t)salt);
		tlv_end(b, part);
	}
	tlv_end(b, parameters);
	tlv_end(b, outer);
}

static void plain_identifier(const struct signing *s, struct builder *b)
{
	int hash_nid = OBJ_sn2nid(token_hash_name(s->hash));
	int key_nid = s->key->is_ec ? NID_X9_62_id_ecPublicKey : NID_rsaEncryption;
	X509_ALGOR *algorithm = X509_ALGOR_new();
	unsigned char *der = NULL;
	int nid = NID_undef, len = -1;

	if (algorithm != NULL && OBJ_find_sigid_by_algs(&nid, hash_nid, key_nid) &&
		X509_ALGOR_set0(algorithm, OBJ_nid2obj(nid), s->key->is_ec ? V_ASN1_UNDEF : V_ASN1_NULL, NULL))
		len = i2d_X509_ALGOR(algorithm, &der);
	if (len > 0)
		builder_put(b, BYTES(der, (size_t)len));
	else
		b->failed = true;
	OPENSSL_free(der);
	X509_ALGOR_free(algorithm);
}

static int signing_get_params(void *object, OSSL_PARAM params[])
{
	struct signing *s = object;
	OSSL_PARAM *p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_ALGORITHM_ID);
	uint8_t der[256];
	struct builder b = builder_of(der, sizeof(der));
	bool pss = s->padding == RSA_PKCS1_PSS_PADDING;

	if (p != NULL) {
		if (s->key == NULL || s->hash == UKEY_HASH_NONE)
			return 0;
		if (!s->key->is_ec && pss)
			pss_identifier(s, &b);
		else
			plain_identifier(s, &b);
		if (b.failed || !OSSL_PARAM_set_octet_string(p, der, b.len))
			return 0;
	}
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, token_hash_name(s->hash)))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PAD_MODE);
	if (p != NULL && p->data_type == OSSL_PARAM_UTF8_STRING)
		return OSSL_PARAM_set_utf8_string(p, pss ? OSSL_PKEY_RSA_PAD_MODE_PSS : OSSL_PKEY_RSA_PAD_MODE_PKCSV15);
	if (p != NULL && !OSSL_PARAM_set_int(p, s->padding))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
	if (p != NULL && !OSSL_PARAM_set_utf8_string(p, token_hash_name(s->mgf != UKEY_HASH_NONE ? s->mgf : s->hash)))
		return 0;
	p = OSSL_PARAM_locate(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN);
	return p == NULL || p->data_type == OSSL_PARAM_UTF8_STRING || OSSL_PARAM_set_int(p, s->salt);
}

static const OSSL_PARAM gettable[] = {
	OSSL_PARAM_octet_string(OSSL_SIGNATURE_PARAM_ALGORITHM_ID, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
	OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
	OSSL_PARAM_int(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL),
	OSSL_PARAM_END,
};

static const OSSL_PARAM *signing_gettable_params(void *object, void *context)
{
	(void)object;
	(void)context;
	return gettable;
}

/* ---- signing ---- */

static int signing_init(void *object, void *key, const OSSL_PARAM params[])
{
	struct signing *s = object;
	struct token_key *k = key;

	if (k != NULL && k->signer == NULL)
		return 0;
	if (k != NULL) {
		token_key_ref(k);
		token_key_unref(s->key);
		s->key = k;
	}
	return s->key != NULL && signing_set_params(s, params);
}

static int digest_init(void *object, const char *hash, void *key, const OSSL_PARAM params[])
{
	struct signing *s = object;

	if (!signing_init(s, key, NULL))
		return 0;
	if (hash != NULL && hash[0] != '\0')
		s->hash = token_hash_of(hash);
	else if (s->hash == UKEY_HASH_NONE)
		s->hash = UKEY_SHA256;
	if (s->hash == UKEY_HASH_NONE || !signing_set_params(s, params))
		return 0;
	crypto_digest_free(s->digest);
	s->digest = crypto_digest_new(token_hash_crypto(s->hash));
	return s->digest != NULL;
}

static int digest_update(void *object, const unsigned char *data, size_t len)
{
	struct signing *s = object;

	return s->digest != NULL && crypto_digest_update(s->digest, BYTES(data, len));
}

static enum ukey_status sign_rsa(struct signing *s, struct bytes in, unsigned char *out, size_t *len)
{
	struct ukey_scheme scheme = {.padding = UKEY_PKCS1, .hash = s->hash};

	if (s->padding == RSA_PKCS1_PSS_PADDING) {
		scheme.padding = UKEY_PSS;
		scheme.mgf = s->mgf != UKEY_HASH_NONE ? s->mgf : s->hash;
		if (!salt_length(s, &scheme.salt_len))
			return UKEY_ARGUMENT;
	}
	return s->key->signer->sign(s->key->signer->arg, &scheme, in.data, in.len, out, len);
}

/* r and s become ECDSA-Sig-Value. */
static enum ukey_status sign_ecdsa(struct signing *s, struct bytes in, unsigned char *out, size_t *len)
{
	struct ukey_scheme scheme = {.padding = UKEY_ECDSA, .hash = s->hash};
	uint8_t rs[2 * 66];
	size_t rs_len = sizeof(rs);
	struct builder b = builder_of(out, *len);
	enum ukey_status r = s->key->signer->sign(s->key->signer->arg, &scheme, in.data, in.len, rs, &rs_len);

	if (r == UKEY_OK && !crypto_ecdsa_to_der(BYTES(rs, rs_len), &b))
		r = UKEY_TOKEN_PROTOCOL;
	*len = b.len;
	return r;
}

static size_t signature_room(const struct signing *s)
{
	return s->key->is_ec ? 2 * (crypto_field_size(s->key->pub.type) + 3) + 4 : s->key->pub.modulus.len;
}

static int sign(void *object, unsigned char *out, size_t *out_len, size_t room, const unsigned char *in, size_t in_len)
{
	struct signing *s = object;
	size_t len = signature_room(s);

	if (out == NULL) {
		*out_len = len;
		return 1;
	}
	if (room < len)
		return 0;
	if (!token_outcome(s->key, s->key->is_ec ? sign_ecdsa(s, BYTES(in, in_len), out, &len)
						 : sign_rsa(s, BYTES(in, in_len), out, &len)))
		return 0;
	*out_len = len;
	return 1;
}

static int digest_final(void *object, unsigned char *out, size_t *out_len, size_t room)
{
	struct signing *s = object;
	uint8_t digest[CRYPTO_DIGEST_MAX];

	if (s->digest == NULL)
		return 0;
	if (out == NULL)
		return sign(s, NULL, out_len, 0, NULL, 0);
	return crypto_digest_final(s->digest, digest) &&
	       sign(s, out, out_len, room, digest, crypto_hash_size(token_hash_crypto(s->hash)));
}

#define ENTRY(id, function)                                                                                            \
	{                                                                                                              \
		OSSL_FUNC_SIGNATURE_##id, (void (*)(void))(function)                                                   \
	}

#define SIGNATURE_ENTRIES                                                                                              \
	ENTRY(NEWCTX, signing_new), ENTRY(FREECTX, signing_free), ENTRY(DUPCTX, signing_dup),                          \
		ENTRY(SIGN_INIT, signing_init), ENTRY(SIGN, sign), ENTRY(DIGEST_SIGN_INIT, digest_init),               \
		ENTRY(DIGEST_SIGN_UPDATE, digest_update), ENTRY(DIGEST_SIGN_FINAL, digest_final),                      \
		ENTRY(GET_CTX_PARAMS, signing_get_params), ENTRY(GETTABLE_CTX_PARAMS, signing_gettable_params),        \
		ENTRY(SET_CTX_PARAMS, signing_set_params), ENTRY(SETTABLE_CTX_PARAMS, signing_settable_params),        \
	{                                                                                                              \
		0, NULL                                                                                                \
	}

const OSSL_DISPATCH token_rsa_signature[] = {SIGNATURE_ENTRIES};
const OSSL_DISPATCH token_ecdsa_signature[] = {SIGNATURE_ENTRIES};
