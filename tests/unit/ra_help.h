/* SPDX-License-Identifier: Apache-2.0 */
/* Requests as clients make them, good and bad, for the tests of ra/. Everything asserts; nothing returns an error. */
#ifndef TEST_RA_HELP_H
#define TEST_RA_HELP_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "common/bytes.h"
#include "ra/base64.h"
#include "ra/name.h"

struct text {
	uint8_t data[96 * 1024];
	size_t len;
};

static inline struct bytes text_bytes(const struct text *text)
{
	return BYTES(text->data, text->len);
}

/* One of each size, for all who ask: under valgrind it takes up to minutes to make one. */
static inline EVP_PKEY *rsa_key(size_t bits)
{
	static EVP_PKEY *made[4];
	EVP_PKEY **at = made;

	while (*at && (size_t)EVP_PKEY_get_bits(*at) != bits)
		assert_true(++at < made + 4);
	if (!*at)
		*at = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", bits);
	assert_int_equal(EVP_PKEY_up_ref(*at), 1);
	return *at;
}

static inline EVP_PKEY *make_key(const char *type, const char *curve, size_t bits)
{
	EVP_PKEY *key = strcmp(type, "EC") == 0    ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve)
			: strcmp(type, "RSA") == 0 ? rsa_key(bits)
						   : EVP_PKEY_Q_keygen(NULL, NULL, type);
	assert_non_null(key);
	return key;
}

struct request_plan {
	EVP_PKEY *key;
	EVP_PKEY *signer;     /* NULL: key */
	const char *subject;  /* NULL: empty */
	const char *email;    /* into subjectAltName; NULL: none */
	const EVP_MD *digest; /* NULL: SHA-256 */
	int spoil;            /* bytes from the end of the DER to spoil; 0: none */
	int trailing;         /* bytes to add after the DER */
};

static inline void add_san(X509_REQ *req, const char *email)
{
	char value[300];
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();

	assert_true(strlen(email) < 280);
	strcpy(value, "email:");
	strcat(value, email);
	X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, NULL, NID_subject_alt_name, value);
	assert_non_null(extension);
	assert_true(sk_X509_EXTENSION_push(list, extension) > 0);
	assert_int_equal(X509_REQ_add_extensions(req, list), 1);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
}

static inline void make_request(const struct request_plan *plan, struct text *out)
{
	X509_REQ *req = X509_REQ_new();
	X509_NAME *name = NULL;
	unsigned char *der = NULL;
	EVP_PKEY *signer = plan->signer != NULL ? plan->signer : plan->key;

	if (plan->subject != NULL) {
		assert_int_equal(ra_name_parse(plan->subject, &name), RA_OK);
		assert_int_equal(X509_REQ_set_subject_name(req, name), 1);
	}
	assert_int_equal(X509_REQ_set_pubkey(req, plan->key), 1);
	if (plan->email != NULL)
		add_san(req, plan->email);
	const EVP_MD *digest = plan->digest != NULL ? plan->digest : EVP_sha256();
	if (EVP_PKEY_is_a(signer, "ED25519"))
		digest = NULL;
	assert_true(X509_REQ_sign(req, signer, digest) > 0);
	int len = i2d_X509_REQ(req, &der);
	assert_true(len > 0);
	der = OPENSSL_realloc(der, (size_t)(len + plan->trailing));
	memset(der + len, 0, (size_t)plan->trailing);
	if (plan->spoil > 0)
		der[len - plan->spoil] ^= 1;
	struct builder b = builder_of(out->data, sizeof out->data);
	assert_true(base64_encode(BYTES(der, (size_t)(len + plan->trailing)), &b));
	out->len = b.len;
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_REQ_free(req);
}

#endif
