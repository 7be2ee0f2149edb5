/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/request.h"

#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/crypto.h"
#include "common/i18n.h"
#include "ra/base64.h"

#define RSA_BITS_MIN 2048
#define RSA_BITS_MAX 8192

/* The only keys that are looked at, by their AlgorithmIdentifier, before OpenSSL decodes any further: this keeps
 * explicit curve parameters and exotic types out. */
static enum ra_status check_algorithm(X509_PUBKEY *spki, struct ra_key *key)
{
	X509_ALGOR *algorithm = NULL;
	const ASN1_OBJECT *oid = NULL;
	const void *parameter = NULL;
	int parameter_type = 0;

	if (X509_PUBKEY_get0_param(NULL, NULL, NULL, &algorithm, spki) != 1)
		return RA_BAD_REQUEST;
	X509_ALGOR_get0(&oid, &parameter_type, &parameter, algorithm);
	switch (OBJ_obj2nid(oid)) {
	case NID_rsaEncryption:
		key->type = RA_KEY_RSA;
		key->curve_nid = NID_undef;
		return RA_OK;
	case NID_X9_62_id_ecPublicKey:
		key->type = RA_KEY_EC;
		key->curve_nid = parameter_type == V_ASN1_OBJECT ? OBJ_obj2nid(parameter) : NID_undef;
		if (key->curve_nid == NID_X9_62_prime256v1 || key->curve_nid == NID_secp384r1 ||
			key->curve_nid == NID_secp521r1)
			return RA_OK;
		return RA_KEY_TYPE;
	default:
		return RA_KEY_TYPE;
	}
}

static enum ra_status check_rsa(EVP_PKEY *key, int bits)
{
	BIGNUM *n = NULL, *e = NULL;
	enum ra_status status = RA_WEAK_KEY;

	if (bits < RSA_BITS_MIN || bits > RSA_BITS_MAX)
		return RA_WEAK_KEY;
	/* An exponent above 64 bits makes each verification slow and no honest key has one (NIST SP 800-56B allows
	 * 256). */
	if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
		EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_odd(n) && BN_is_odd(e) &&
		!BN_is_one(e) && BN_num_bits(e) <= 64)
		status = RA_OK;
	BN_free(n);
	BN_free(e);
	return status;
}

/* On the curve, not infinity, in the group; for RSA: no small factor and not a prime or a prime power. */
static enum ra_status check_public(EVP_PKEY *key)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	bool good = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return good ? RA_OK : RA_WEAK_KEY;
}

/* Of the key as our certificate will write it: a client may write it otherwise, without the NULL of rsaEncryption. */
static bool digest_key(EVP_PKEY *key, uint8_t digest[RA_SPKI_DIGEST])
{
	X509_PUBKEY *canonical = NULL;
	bool done = X509_PUBKEY_set(&canonical, key) == 1 && ra_spki_digest(canonical, digest);

	X509_PUBKEY_free(canonical);
	return done;
}

static enum ra_status check_key(struct ra_request *r)
{
	X509_PUBKEY *spki = X509_REQ_get_X509_PUBKEY(r->req);
	enum ra_status status = spki == NULL ? RA_BAD_REQUEST : check_algorithm(spki, &r->key);

	if (status != RA_OK)
		return status;
	r->public_key = X509_REQ_get_pubkey(r->req);
	if (r->public_key == NULL)
		return RA_WEAK_KEY;
	r->key.bits = EVP_PKEY_get_bits(r->public_key);
	if (r->key.type == RA_KEY_RSA)
		status = check_rsa(r->public_key, r->key.bits);
	if (status == RA_OK)
		status = check_public(r->public_key);
	if (status == RA_OK && !digest_key(r->public_key, r->spki_sha256))
		status = RA_CRYPTO;
	return status;
}

/* RSASSA-PSS names its digest in its parameters; SHA-1 when it names none (RFC 4055 3.1). */
static int pss_digest(const X509_REQ *req)
{
	const X509_ALGOR *algorithm = NULL;
	const void *value = NULL;
	int type = V_ASN1_UNDEF, digest = NID_undef;

	X509_REQ_get0_signature(req, NULL, &algorithm);
	X509_ALGOR_get0(NULL, &type, &value, algorithm);
	RSA_PSS_PARAMS *params =
		type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS)) : NULL;
	if (params != NULL)
		digest = params->hashAlgorithm == NULL ? NID_sha1 : OBJ_obj2nid(params->hashAlgorithm->algorithm);
	RSA_PSS_PARAMS_free(params);
	return digest;
}

static enum ra_status check_signature(struct ra_request *r)
{
	int digest = NID_undef, nid = X509_REQ_get_signature_nid(r->req);

	if (!OBJ_find_sigid_algs(nid, &digest, NULL))
		return RA_BAD_POP;
	if (nid == NID_rsassaPss)
		digest = pss_digest(r->req);
	if (digest == NID_md5 || digest == NID_sha1 || digest == NID_md4 || digest == NID_ripemd160 ||
		digest == NID_mdc2)
		return RA_WEAK_DIGEST;
	return X509_REQ_verify(r->req, r->public_key) == 1 ? RA_OK : RA_BAD_POP;
}

static enum ra_status find_san(struct ra_request *r)
{
	STACK_OF(X509_EXTENSION) *extensions = X509_REQ_get_extensions(r->req);
	enum ra_status status = RA_OK;
	int at = X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, -1);

	if (at >= 0) {
		r->san = ASN1_OCTET_STRING_dup(X509_EXTENSION_get_data(X509v3_get_ext(extensions, at)));
		if (r->san == NULL)
			status = RA_MEMORY;
		else if (X509v3_get_ext_by_NID(extensions, NID_subject_alt_name, at) >= 0)
			status = RA_BAD_REQUEST; /* which of the two is meant? */
	}
	sk_X509_EXTENSION_pop_free(extensions, X509_EXTENSION_free);
	return status;
}

static enum ra_status parse_der(struct bytes der, struct ra_request *r)
{
	const unsigned char *at = der.data;

	r->req = d2i_X509_REQ(NULL, &at, (long)der.len);
	if (r->req == NULL || at != der.data + der.len || X509_REQ_get_version(r->req) != X509_REQ_VERSION_1)
		return RA_BAD_REQUEST;
	enum ra_status status = check_key(r);
	if (status == RA_OK)
		status = check_signature(r);
	if (status == RA_OK)
		status = find_san(r);
	return status;
}

enum ra_status ra_request_parse(struct bytes body, struct ra_request **out)
{
	if (body.len > RA_BODY_MAX)
		return RA_TOO_LARGE;
	size_t cap = BASE64_DECODED_MAX(body.len);
	uint8_t *der = malloc(cap);
	struct ra_request *r = calloc(1, sizeof *r);
	enum ra_status status = RA_MEMORY;

	if (der != NULL && r != NULL) {
		struct builder b = builder_of(der, cap);
		bool decoded = base64_decode(body, &b);
		status = decoded ? parse_der(builder_bytes(&b), r) : RA_BAD_BASE64;
	}
	ERR_clear_error();
	free(der);
	if (status == RA_OK)
		*out = r;
	else
		ra_request_free(r);
	return status;
}

void ra_request_free(struct ra_request *request)
{
	if (request == NULL)
		return;
	X509_REQ_free(request->req);
	EVP_PKEY_free(request->public_key);
	ASN1_OCTET_STRING_free(request->san);
	free(request);
}

bool ra_spki_digest(X509_PUBKEY *spki, uint8_t digest[RA_SPKI_DIGEST])
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(spki, &der);
	bool done = len > 0 && crypto_digest(CRYPTO_SHA256, BYTES(der, (size_t)len), digest);

	OPENSSL_free(der);
	return done;
}
