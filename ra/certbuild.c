/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/certbuild.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>

#include "common/crypto.h"

#define SERIAL_SIZE 16
#define KEY_ID_SIZE 20

static bool set_serial(X509 *cert)
{
	uint8_t random[SERIAL_SIZE];

	if (!crypto_random(random, sizeof random))
		return false;
	/* Positive, and never shorter: all serials have the same length. */
	random[0] = (random[0] & 0x3F) | 0x40;
	BIGNUM *number = BN_bin2bn(random, sizeof random, NULL);
	bool done = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(cert)) != NULL;
	BN_free(number);
	return done;
}

static bool add_basic_constraints(X509 *cert, bool ca)
{
	BASIC_CONSTRAINTS *constraints = BASIC_CONSTRAINTS_new();
	bool done = constraints != NULL;

	if (done && ca) {
		constraints->ca = 0xFF;
		constraints->pathlen = ASN1_INTEGER_new();
		done = constraints->pathlen != NULL && ASN1_INTEGER_set(constraints->pathlen, 0) == 1;
	}
	done = done && X509_add1_ext_i2d(cert, NID_basic_constraints, constraints, 1, X509V3_ADD_DEFAULT) == 1;
	BASIC_CONSTRAINTS_free(constraints);
	return done;
}

static bool add_key_usage(X509 *cert, uint32_t usage)
{
	/* KU_* holds bit 0 of the BIT STRING in 0x80, bit 8 would be in 0x8000. */
	ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
	bool done = bits != NULL;

	for (int i = 0; i < 8 && done; i++)
		if (usage & 0x80U >> i)
			done = ASN1_BIT_STRING_set_bit(bits, i, 1) == 1;
	done = done && X509_add1_ext_i2d(cert, NID_key_usage, bits, 1, X509V3_ADD_DEFAULT) == 1;
	ASN1_BIT_STRING_free(bits);
	return done;
}

static bool add_extended_usage(X509 *cert, const int *nids, size_t count)
{
	EXTENDED_KEY_USAGE *usage = sk_ASN1_OBJECT_new_null();
	bool done = usage != NULL;

	for (size_t i = 0; i < count && done; i++)
		done = sk_ASN1_OBJECT_push(usage, OBJ_nid2obj(nids[i])) > 0;
	if (done && count > 0)
		done = X509_add1_ext_i2d(cert, NID_ext_key_usage, usage, 0, X509V3_ADD_DEFAULT) == 1;
	sk_ASN1_OBJECT_free(usage);
	return done;
}

/* RFC 7093 2, method 1: the first 160 bits of the SHA-256 of the public key's bits. */
static bool add_subject_key_id(X509 *cert)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	ASN1_OCTET_STRING *id = ASN1_OCTET_STRING_new();
	bool done = id != NULL && X509_pubkey_digest(cert, EVP_sha256(), digest, &size) == 1 && size >= KEY_ID_SIZE &&
		    ASN1_OCTET_STRING_set(id, digest, KEY_ID_SIZE) == 1 &&
		    X509_add1_ext_i2d(cert, NID_subject_key_identifier, id, 0, X509V3_ADD_DEFAULT) == 1;

	ASN1_OCTET_STRING_free(id);
	return done;
}

/* X509_get0_subject_key_id() would not do: it wants a finished certificate, and our own is not signed yet. */
static bool add_authority_key_id(X509 *cert, const X509 *issuer)
{
	AUTHORITY_KEYID *authority = AUTHORITY_KEYID_new();
	bool done = false;

	if (authority != NULL) {
		authority->keyid = X509_get_ext_d2i(issuer, NID_subject_key_identifier, NULL, NULL);
		done = authority->keyid != NULL &&
		       X509_add1_ext_i2d(cert, NID_authority_key_identifier, authority, 0, X509V3_ADD_DEFAULT) == 1;
	}
	AUTHORITY_KEYID_free(authority);
	return done;
}

static bool push_text(GENERAL_NAMES *names, int type, const char *text)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *string = ASN1_IA5STRING_new();

	if (name == NULL || string == NULL || ASN1_STRING_set(string, text, -1) != 1) {
		GENERAL_NAME_free(name);
		ASN1_IA5STRING_free(string);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, string);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

static bool push_host(GENERAL_NAMES *names, const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	GENERAL_NAME *name;

	if (address == NULL) {
		ERR_clear_error();
		return push_text(names, GEN_DNS, host);
	}
	name = GENERAL_NAME_new();
	if (name == NULL) {
		ASN1_OCTET_STRING_free(address);
		return false;
	}
	GENERAL_NAME_set0_value(name, GEN_IPADD, address);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

static bool add_alternative_names(X509 *cert, const struct ra_cert_plan *plan)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();
	bool done = names != NULL;

	if (done && plan->email != NULL)
		done = push_text(names, GEN_EMAIL, plan->email);
	for (const char *const *host = plan->hosts; done && host != NULL && *host != NULL; host++)
		done = push_host(names, *host);
	if (done && sk_GENERAL_NAME_num(names) > 0)
		done = X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) == 1;
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	return done;
}

/* A digest as strong as the signing key. */
static const EVP_MD *digest_for(const EVP_PKEY *key)
{
	if (!EVP_PKEY_is_a(key, "EC"))
		return EVP_sha256();
	int bits = EVP_PKEY_get_bits(key);
	return bits > 384 ? EVP_sha512() : bits > 256 ? EVP_sha384() : EVP_sha256();
}

enum ra_status ra_cert_build(const struct ra_cert_plan *plan, X509 *issuer, EVP_PKEY *issuer_key, X509 **out)
{
	X509 *cert = X509_new();
	bool done = cert != NULL && X509_set_version(cert, X509_VERSION_3) == 1 && set_serial(cert) &&
		    X509_set_subject_name(cert, plan->subject) == 1 &&
		    X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : plan->subject) == 1 &&
		    ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)plan->not_before) != NULL &&
		    ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)plan->not_after) != NULL &&
		    X509_set_pubkey(cert, plan->public_key) == 1 && add_basic_constraints(cert, plan->ca) &&
		    add_key_usage(cert, plan->key_usage) &&
		    add_extended_usage(cert, plan->extended_nids, plan->extended_count) && add_subject_key_id(cert) &&
		    add_authority_key_id(cert, issuer != NULL ? issuer : cert) && add_alternative_names(cert, plan) &&
		    X509_sign(cert, issuer_key, digest_for(issuer_key)) > 0;

	if (!done) {
		X509_free(cert);
		return ra_fail_crypto("certificate");
	}
	*out = cert;
	return RA_OK;
}

int64_t ra_years_later(int64_t from, unsigned years)
{
	time_t start = (time_t)from;
	struct tm date;

	gmtime_r(&start, &date);
	date.tm_year += (int)years;
	return (int64_t)timegm(&date) - 1;
}

bool ra_cert_time(const ASN1_TIME *time, int64_t *out)
{
	struct tm date;

	if (ASN1_TIME_to_tm(time, &date) != 1)
		return false;
	*out = (int64_t)timegm(&date);
	return true;
}

char *ra_cert_serial(const X509 *cert)
{
	BIGNUM *number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *text = number == NULL ? NULL : BN_bn2hex(number);

	BN_free(number);
	return text;
}
