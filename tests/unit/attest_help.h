/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A maker's CAs, a token's attestation key and a signer of statements as doc/token-protocol.md 8 wants them, made with
 * OpenSSL alone: what ukey_attestation_verify is held against, right and wrong in one thing each.
 */
#ifndef UKEY_TESTS_ATTEST_HELP_H
#define UKEY_TESTS_ATTEST_HELP_H

#include "common/bytes.h"
#include "common/tlv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#define ATTEST_OID    "2.25.182004042108879870736905472222074128224.1"
#define ATTEST_SERIAL "0102030405060708"

struct authority {
	EVP_PKEY *key;
	X509 *cert;
};

static inline void attest_require(bool good)
{
	if (!good)
		abort();
}

static inline void attest_extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

	attest_require(e && X509_add_ext(x, e, -1) == 1);
	X509_EXTENSION_free(e);
}

/* serial: the token's, in the subject; NULL: a CA of the maker. by NULL: self-signed. */
static inline struct authority attest_authority(
	const char *name, const char *serial, const char *constraints, const char *usage, const struct authority *by)
{
	struct authority a = {EVP_EC_gen("P-256"), X509_new()};
	static int number = 1;

	attest_require(a.key && a.cert && X509_set_version(a.cert, X509_VERSION_3) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(a.cert), number++);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(a.cert), "20200101000000Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(a.cert), "99991231235959Z");
	X509_NAME *n = X509_get_subject_name(a.cert);
	X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0);
	if (serial)
		X509_NAME_add_entry_by_NID(n, NID_serialNumber, MBSTRING_ASC, (const unsigned char *)serial, -1, -1, 0);
	X509_set_issuer_name(a.cert, by ? X509_get_subject_name(by->cert) : n);
	X509_set_pubkey(a.cert, a.key);
	if (constraints)
		attest_extension(a.cert, NID_basic_constraints, constraints);
	attest_extension(a.cert, NID_key_usage, usage);
	attest_require(X509_sign(a.cert, by ? by->key : a.key, EVP_sha256()) > 0);
	return a;
}

static inline void attest_authority_free(struct authority *a)
{
	EVP_PKEY_free(a->key);
	X509_free(a->cert);
}

static inline void attest_put(struct builder *b, const X509 *x)
{
	unsigned char *der = NULL;
	int n = i2d_X509(x, &der);

	attest_require(n > 0);
	builder_put(b, BYTES(der, (size_t)n));
	OPENSSL_free(der);
}

/* One wrong thing for each statement that is not true. */
struct claim {
	unsigned version, ref, algorithm, usage, pin_policy, touch_policy;
	uint8_t serial[8], firmware[3];
	bool exported, imported, critical, second_extension, without_extension, byte_behind;
	uint8_t nonce[40];
	size_t nonce_len;
	const char *subject, *not_before, *not_after;
	const EVP_MD *hash;
	struct bytes raw; /* the extension's value instead of the above, when its data is not NULL */
};

static inline struct claim attest_claim(void)
{
	struct claim c = {
		.version = 1,
		.ref = 0x0A,
		.algorithm = 0x11,
		.usage = 1,
		.serial = {1,  2, 3, 4, 5, 6, 7, 8},
		.firmware = {0, 2, 0},
		.nonce_len = 16,
		.subject = "key 0A of " ATTEST_SERIAL,
		.not_before = "20000101000000Z",
		.not_after = "99991231235959Z"
        };

	memset(c.nonce, 0x5A, sizeof c.nonce);
	return c;
}

static inline void attest_number(struct builder *b, unsigned n)
{
	if (n > 0xFF || n < 0x80)
		tlv_put(b, 0x02, BYTES(((uint8_t[2]){(uint8_t)(n >> 8), (uint8_t)n}) + (n < 0x80), n < 0x80 ? 1 : 2));
	else
		tlv_put_u16(b, 0x02, (uint16_t)n);
}

static inline size_t attest_extension_value(const struct claim *c, uint8_t *out, size_t cap)
{
	struct builder b = builder_of(out, cap);
	size_t mark = tlv_begin(&b, 0x30);

	attest_number(&b, c->version);
	tlv_put(&b, 0x04, BYTES_OF(c->serial));
	tlv_put(&b, 0x04, BYTES_OF(c->firmware));
	attest_number(&b, c->ref);
	attest_number(&b, c->algorithm);
	tlv_put_u8(&b, 0x01, c->imported ? 0x00 : 0xFF);
	tlv_put_u8(&b, 0x01, c->exported ? 0xFF : 0x00);
	attest_number(&b, c->usage);
	attest_number(&b, c->pin_policy);
	attest_number(&b, c->touch_policy);
	tlv_put(&b, 0x04, BYTES(c->nonce, c->nonce_len));
	tlv_end(&b, mark);
	if (c->byte_behind)
		builder_u8(&b, 0);
	attest_require(!b.failed);
	return b.len;
}

/* DER of the statement about `subject_key`; free with free(). */
static inline uint8_t *attest_statement(
	const struct claim *c, EVP_PKEY *subject_key, const struct authority *by, size_t *len)
{
	uint8_t value[256];
	X509 *x = X509_new();
	ASN1_OBJECT *oid = OBJ_txt2obj(ATTEST_OID, 1);
	ASN1_OCTET_STRING *octets = ASN1_OCTET_STRING_new();
	unsigned char *der = NULL;

	attest_require(x && oid && octets && X509_set_version(x, X509_VERSION_3) == 1);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 0x5EA1);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(x), c->not_before);
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x), c->not_after);
	X509_NAME_add_entry_by_NID(
		X509_get_subject_name(x), NID_commonName, MBSTRING_UTF8, (const unsigned char *)c->subject, -1, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(by->cert));
	X509_set_pubkey(x, subject_key);
	if (c->raw.data)
		ASN1_OCTET_STRING_set(octets, c->raw.data, (int)c->raw.len);
	else
		ASN1_OCTET_STRING_set(octets, value, (int)attest_extension_value(c, value, sizeof value));
	X509_EXTENSION *e = X509_EXTENSION_create_by_OBJ(NULL, oid, c->critical, octets);
	if (!c->without_extension)
		attest_require(X509_add_ext(x, e, -1) == 1);
	if (c->second_extension)
		attest_extension(x, NID_basic_constraints, "CA:FALSE");
	attest_require(X509_sign(x, by->key, c->hash ? c->hash : EVP_sha256()) > 0);
	int n = i2d_X509(x, &der);
	uint8_t *copy = malloc((size_t)n);
	attest_require(n > 0 && copy);
	memcpy(copy, der, (size_t)n);
	*len = (size_t)n;
	OPENSSL_free(der);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(octets);
	ASN1_OBJECT_free(oid);
	X509_free(x);
	return copy;
}

#endif
