/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA's directory (mode 0700) and its files (mode 0600):
 *
 *	ca.key         private key of the CA, encrypted PKCS#8
 *	ca.crt         its self-signed certificate
 *	tls.key        private key of the HTTPS server, not encrypted
 *	tls.crt        its certificate, issued by the CA
 *	profiles.json  profile.h
 *	ra.db          store.h
 */
#ifndef RA_CADIR_H
#define RA_CADIR_H

#include <stdint.h>

#include "ra/enroll.h"
#include "ra/status.h"

struct ra_init_plan {
	const char *dir;
	const char *subject;      /* of the CA, RFC 4514 */
	const char *key;          /* ra_key_generate() */
	const char *const *hosts; /* names and addresses of the HTTPS server, closed by NULL */
	const char *passphrase;
	int64_t now;
};

/*
 * Makes a CA. Everything is made and flushed in a directory beside it, which then takes the name in one step: after a
 * crash there is the whole CA or none. EXISTS unless the directory is missing or empty.
 */
enum ra_status ra_cadir_init(const struct ra_init_plan *plan);

/* Profiles and database; no passphrase, and no back end in it. ra_cadir_close() for both. */
enum ra_status ra_cadir_open_records(const char *dir, struct ra *out);
/* The same with the CA's key: ready to issue. */
enum ra_status ra_cadir_open(const char *dir, const char *passphrase, struct ra *out);
void ra_cadir_close(struct ra *ra);

/* A whole file of the directory as text. NO_CA when there is no such file; IO for a *.key that others may open. Give it
 * to ra_pem_free(). */
enum ra_status ra_cadir_read(const char *dir, const char *name, char **out);
/* The CA's certificate. The caller frees. */
enum ra_status ra_cadir_certificate(const char *dir, const char *name, X509 **out);

#endif
