/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/factory/cert.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/crypto.h"
#include "common/i18n.h"

#define NEVER       "99991231235959Z"
#define BACKDATE    300 /* clocks differ */
#define SERIAL_SIZE 16

/* GlobalPlatform's policies: a key of a card for the key agreement; and, on a CA, that it certifies such keys. */
#define POLICY_SD_ECKA "1.2.840.114283.100.0.10.2.1.10"
#define POLICY_KLCC    "1.2.840.114283.100.0.10.2.1.50"

static const struct profile {
	const char *constraints, *usage, *policies;
} profiles[] = {
	[CERT_ROOT] = {"critical,CA:TRUE",           "critical,keyCertSign,cRLSign", NULL                      },
	[CERT_DEVICE_CA] = {"critical,CA:TRUE,pathlen:0", "critical,keyCertSign,cRLSign",
		       "critical," POLICY_SD_ECKA "," POLICY_KLCC                                              },
	[CERT_ATTESTATION_CA] = {"critical,CA:TRUE,pathlen:1", "critical,keyCertSign,cRLSign", NULL                      },
	[CERT_DEVICE] = {"critical,CA:FALSE",          "critical,keyAgreement",        "critical," POLICY_SD_ECKA},
	[CERT_ATTESTATION] = {"critical,CA:TRUE,pathlen:0", "critical,keyCertSign",         NULL                      },
};

static bool set_serial(X509 *cert)
{
	uint8_t random[SERIAL_SIZE];
	BIGNUM *number;
	bool done;

	if (!crypto_random(random, sizeof(random)))
		return false;
	/* positive, and of one length */
	random[0] = (random[0] & 0x3F) | 0x40;
	number = BN_bin2bn(random, sizeof(random), NULL);
	done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return done;
}

static bool add_name(X509 *cert, int nid, const char *text)
{
	return text == NULL || X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), nid, MBSTRING_UTF8,
				       (const unsigned char *)text, -1, -1, 0) == 1;
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *extension = NULL;
	CONF *nothing; /* policies want a configuration, though they need none */
	bool done;

	if (value == NULL)
		return true;
	nothing = NCONF_new(NULL);
	if (nothing != NULL) {
		X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
		X509V3_set_nconf(&ctx, nothing);
		extension = X509V3_EXT_nconf_nid(nothing, &ctx, nid, value);
	}
	done = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	NCONF_free(nothing);
	return done;
}

static bool set_validity(X509 *cert)
{
	return ASN1_TIME_set(X509_getm_notBefore(cert), time(NULL) - BACKDATE) != NULL &&
	       ASN1_TIME_set_string(X509_getm_notAfter(cert), NEVER) == 1;
}

enum factory_status cert_make(enum cert_kind kind, const char *common_name, const char *serial_number, EVP_PKEY *key,
	X509 *issuer, EVP_PKEY *issuer_key, X509 **out)
{
	const struct profile *p = &profiles[kind];
	X509 *cert = X509_new(), *above = issuer != NULL ? issuer : cert;
	bool done = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
		    add_name(cert, NID_commonName, common_name) && add_name(cert, NID_serialNumber, serial_number) &&
		    X509_set_issuer_name(cert, X509_get_subject_name(above)) == 1 && set_validity(cert) &&
		    X509_set_pubkey(cert, key) == 1 &&
		    add_extension(cert, above, NID_basic_constraints, p->constraints) &&
		    add_extension(cert, above, NID_key_usage, p->usage) &&
		    add_extension(cert, above, NID_certificate_policies, p->policies) &&
		    add_extension(cert, above, NID_subject_key_identifier, "hash") &&
		    add_extension(cert, above, NID_authority_key_identifier, "keyid:always") &&
		    X509_sign(cert, issuer_key, EVP_PKEY_get_bits(issuer_key) > 256 ? EVP_sha384() : EVP_sha256()) > 0;

	if (!done) {
		X509_free(cert);
		return factory_crypto(_("a certificate cannot be made"));
	}
	*out = cert;
	return FACTORY_OK;
}

bool cert_verify(X509 *root, X509 *ca, X509 *leaf)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *between = sk_X509_new_null();
	bool good = store != NULL && ctx != NULL && between != NULL && sk_X509_push(between, ca) > 0 &&
		    X509_STORE_add_cert(store, root) == 1 && X509_STORE_CTX_init(ctx, store, leaf, between) == 1;

	if (good) {
		X509_STORE_CTX_set_flags(ctx, X509_V_FLAG_X509_STRICT | X509_V_FLAG_NO_CHECK_TIME);
		good = X509_verify_cert(ctx) == 1;
	}
	ERR_clear_error();
	X509_STORE_CTX_free(ctx);
	sk_X509_free(between);
	X509_STORE_free(store);
	return good;
}

enum factory_status cert_point(struct bytes point, EVP_PKEY **out)
{
	struct crypto_pubkey key = {.type = CRYPTO_EC_P256, .point = point};
	uint8_t spki[CRYPTO_SPKI_MAX];
	struct builder b = builder_of(spki, sizeof(spki));
	const uint8_t *at = spki;

	if (!crypto_pubkey_check(&key) || !crypto_point_valid(&key))
		return factory_fail(
			FACTORY_REFUSED, "%s", _("the token's key is no point of P-256; do not use this token"));
	*out = crypto_pubkey_to_spki(&key, &b) ? d2i_PUBKEY(NULL, &at, (long)b.len) : NULL;
	return *out != NULL ? FACTORY_OK : factory_crypto(_("the token's key"));
}

static bool put_der(X509 *cert, struct builder *out)
{
	int n = i2d_X509(cert, NULL);
	uint8_t *at = n > 0 ? builder_room(out, (size_t)n) : NULL;

	return at != NULL && i2d_X509(cert, &at) == n;
}

enum factory_status cert_chain_put(X509 *ca, X509 *leaf, struct builder *out)
{
	if (!put_der(ca, out) || !put_der(leaf, out))
		return factory_fail(FACTORY_FAILED,
			_("the certificates are longer than %d bytes; give the factory a shorter name"),
			CERT_CHAIN_MAX);
	return FACTORY_OK;
}

X509 *cert_chain_leaf(X509 *ca, struct bytes chain)
{
	const uint8_t *at = chain.data, *end = chain.data + chain.len;
	X509 *first = d2i_X509(NULL, &at, (long)chain.len);
	X509 *leaf = first != NULL && X509_cmp(first, ca) == 0 ? d2i_X509(NULL, &at, (long)(end - at)) : NULL;

	X509_free(first);
	ERR_clear_error();
	if (leaf != NULL && at != end) {
		X509_free(leaf);
		leaf = NULL;
	}
	return leaf;
}

bool cert_serial(X509 *cert, char out[CERT_SERIAL_SIZE])
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = number != NULL ? BN_bn2hex(number) : NULL;
	bool fits = text != NULL && strlen(text) < CERT_SERIAL_SIZE;

	if (fits)
		snprintf(out, CERT_SERIAL_SIZE, "%s", text);
	OPENSSL_free(text);
	BN_free(number);
	return fits;
}

bool cert_names_token(X509 *cert, const char *serial_number)
{
	X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_serialNumber, -1);
	const ASN1_STRING *text;

	if (at < 0 || X509_NAME_get_index_by_NID(subject, NID_serialNumber, at) >= 0)
		return false;
	text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at));
	return bytes_equal(BYTES(ASN1_STRING_get0_data(text), (size_t)ASN1_STRING_length(text)),
		BYTES((const uint8_t *)serial_number, strlen(serial_number)));
}
