/* SPDX-License-Identifier: Apache-2.0 */
/* The steps of making an X.509 v3 certificate (RFC 5280), shared by the CA itself and by what it issues. */
#ifndef RA_CERTBUILD_H
#define RA_CERTBUILD_H

#include <stdbool.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "ra/status.h"

struct ra_cert_plan {
	const X509_NAME *subject;
	EVP_PKEY *public_key;
	int64_t not_before, not_after; /* seconds since 1970, UTC */
	bool ca;
	uint32_t key_usage;       /* KU_* bits */
	const int *extended_nids; /* NULL when none */
	size_t extended_count;
	const char *email;        /* into subjectAltName; NULL when none */
	const char *const *hosts; /* DNS names and IP addresses into subjectAltName, closed by NULL; NULL when none */
};

/*
 * A certificate with a random serial of 16 octets (126 random bits, always positive), SKI, AKI, basicConstraints, key
 * usage and the rest of the plan, signed by issuer_key. `issuer` is NULL for a self-signed one. The caller frees.
 */
enum ra_status ra_cert_build(const struct ra_cert_plan *plan, X509 *issuer, EVP_PKEY *issuer_key, X509 **out);

/* The same day `years` later, one second earlier: LC-10's "1 year" or "2 years". */
int64_t ra_years_later(int64_t from, unsigned years);

/* Seconds since 1970 of a certificate's time. False when it cannot be told. */
bool ra_cert_time(const ASN1_TIME *time, int64_t *out);

/* Upper-case hexadecimal as `openssl x509 -serial` prints it; OPENSSL_free(). NULL when there is no memory. */
char *ra_cert_serial(const X509 *cert);

#endif
