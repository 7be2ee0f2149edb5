/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CA behind the RA. What signs certificates is a struct of functions (T10): here the embedded CA with a key in a
 * file; an upstream CA reached by EST, CMP or REST is another struct. Whether something MAY be issued is decided
 * before, in enroll.c; a back end only carries it out.
 */
#ifndef RA_ISSUE_H
#define RA_ISSUE_H

#include <stdint.h>

#include <openssl/x509.h>

#include "ra/profile.h"
#include "ra/request.h"
#include "ra/status.h"

/* A decision to issue. Everything is borrowed. */
struct ra_grant {
	const struct ra_profile *profile;
	const struct ra_request *request; /* with the whole PKCS#10, for a back end that must pass it on */
	const X509_NAME *subject;
	const char *email; /* NULL when none */
	int64_t now;       /* seconds since 1970, UTC */
};

struct ra_backend_ops {
	/* A fresh certificate for the grant. The caller frees. */
	enum ra_status (*issue)(void *self, const struct ra_grant *grant, X509 **out);
	/* The certificate that signs; borrowed. */
	X509 *(*issuer)(void *self);
	void (*close)(void *self);
};

struct ra_backend {
	const struct ra_backend_ops *ops;
	void *self;
};

/* The embedded CA. Takes over one reference of each on RA_OK; DAMAGED when key and certificate do not belong together.
 */
enum ra_status ra_local_ca_open(X509 *cert, EVP_PKEY *key, struct ra_backend *out);

#endif
