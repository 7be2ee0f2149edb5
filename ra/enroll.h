/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The decisions: may this request be answered with a certificate, and which one?
 *
 *	enrolment code --> registration (subject, e-mail, profile) --+
 *	body --> request (key sound, proof of possession) -----------+--> grant --> back end --> record --> answer
 *	                                                                  one database transaction with "code is used"
 *
 * An answer can get lost on its way. The same code with the same key gives the same certificate again until the code
 * expires; so does the same renewal. So a client may always simply try again with the key it has.
 *
 * Knows nothing of HTTP: the clock and the client's certificate are arguments.
 */
#ifndef RA_ENROLL_H
#define RA_ENROLL_H

#include <stdint.h>

#include <openssl/x509.h>

#include "common/bytes.h"
#include "ra/issue.h"
#include "ra/profile.h"
#include "ra/store.h"

struct ra {
	struct ra_store *store;
	struct ra_profiles *profiles;
	struct ra_backend backend;
};

/* `label` is the profile in the address, NULL when none. The caller frees *out. */
enum ra_status ra_enroll(
	struct ra *ra, const char *label, struct bytes code, struct bytes body, int64_t now, X509 **out);

/* `client` is the certificate whose key the TLS client has proved; NULL when it showed none. */
enum ra_status ra_reenroll(struct ra *ra, const char *label, X509 *client, struct bytes body, int64_t now, X509 **out);

/* A registration: checks subject and e-mail by the profile, makes the code. On RA_OK the caller clears *record. */
enum ra_status ra_register(struct ra *ra, const char *subject, const char *email, const char *profile, int64_t now,
	int64_t expires_at, struct ra_code_record *record, char code[RA_CODE_TEXT_SIZE]);

/* Keeps a certificate; its id is given back. SERIAL_TAKEN when another has its serial. */
enum ra_status ra_record_certificate(struct ra_store *store, X509 *cert, const char *profile, const char *email,
	int64_t replaces, int64_t now, int64_t *id);

#endif
