/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The body of an EST enrolment: base64 -> one DER PKCS#10 (RFC 2986) -> key sound -> proof of possession.
 * A pure function of its bytes: no clock, no file, no database, so that it can be fuzzed.
 */
#ifndef RA_REQUEST_H
#define RA_REQUEST_H

#include <openssl/x509.h>

#include "common/bytes.h"
#include "ra/status.h"

#define RA_BODY_MAX    (64 * 1024)
#define RA_SPKI_DIGEST 32

enum ra_key_type { RA_KEY_RSA, RA_KEY_EC };

/* What a profile decides on. */
struct ra_key {
	enum ra_key_type type;
	int bits;      /* of the modulus or of the curve's field */
	int curve_nid; /* EC */
};

struct ra_request {
	X509_REQ *req;
	EVP_PKEY *public_key;
	struct ra_key key;
	uint8_t spki_sha256[RA_SPKI_DIGEST];
	ASN1_OCTET_STRING *san; /* the requested subjectAltName's value, NULL when none */
};

/*
 * On RA_OK the caller frees with ra_request_free(). Otherwise one of BAD_BASE64, BAD_REQUEST, TOO_LARGE, KEY_TYPE,
 * WEAK_KEY, WEAK_DIGEST, BAD_POP, MEMORY. The key is checked before the signature, so that a hostile key costs little.
 */
enum ra_status ra_request_parse(struct bytes body, struct ra_request **out);
void ra_request_free(struct ra_request *request);

/* SHA-256 of the SubjectPublicKeyInfo as it stands in the DER. */
bool ra_spki_digest(X509_PUBKEY *spki, uint8_t digest[RA_SPKI_DIGEST]);

#endif
