/* SPDX-License-Identifier: Apache-2.0 */
/*
 * EST (RFC 7030, RFC 8951) without its transport: an address is routed, a request answered. http.c carries the bytes.
 *
 *	/.well-known/est[/PROFILE]/cacerts          GET
 *	/.well-known/est[/PROFILE]/csrattrs         GET
 *	/.well-known/est[/PROFILE]/simpleenroll     POST, enrolment code as Basic password
 *	/.well-known/est[/PROFILE]/simplereenroll   POST, current certificate as TLS client certificate
 */
#ifndef RA_EST_H
#define RA_EST_H

#include <stdint.h>

#include <openssl/x509.h>

#include "common/bytes.h"
#include "ra/enroll.h"

enum est_operation { EST_CACERTS, EST_CSRATTRS, EST_SIMPLEENROLL, EST_SIMPLEREENROLL };

struct est_route {
	enum est_operation operation;
	char label[RA_PROFILE_NAME_MAX + 1]; /* "" when none */
};

/* NO_RESOURCE, or METHOD when the address is good and the method is not. */
enum ra_status est_route(const char *method, const char *path, struct est_route *out);
/* What "Allow" says, for an answer with METHOD. */
const char *est_allowed(const char *path);
bool est_takes_body(const struct est_route *route);

struct est_request {
	struct est_route route;
	const char *authorization; /* the header's value, NULL when none; the same below */
	const char *content_type;
	struct bytes body;
	X509 *client; /* the TLS client's certificate, NULL when none */
	int64_t now;
};

struct est_answer {
	enum ra_status status; /* RA_OK, or what the plain text in the body says */
	unsigned http;         /* 204: no body */
	const char *content_type;
	uint8_t *body; /* malloc'ed; the caller frees */
	size_t body_len;
	char serial[64]; /* of the certificate inside, for the log; "" when none */
};

/* Always makes an answer; body is NULL when even the memory for it is missing. */
void est_answer(struct ra *ra, const struct est_request *request, struct est_answer *out);
/* An answer that only says what is wrong. */
void est_refuse(enum ra_status status, struct est_answer *out);

#endif
