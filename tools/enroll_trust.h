/* SPDX-License-Identifier: Apache-2.0 */
/* Which CA an enrolment trusts, and whether a certificate is what was asked for. */
#ifndef UKEY_TOOLS_ENROLL_TRUST_H
#define UKEY_TOOLS_ENROLL_TRUST_H

#include <openssl/x509.h>

#include "tools/est.h"

/* Certificates in PEM, one after another (or one in DER): at least one, at most EST_CERTS_MAX. */
enum ukey_status trust_read_file(struct tool *t, const char *path, STACK_OF(X509) * *list);

/*
 * --ca: from the file. Else by a fingerprint (--ca-fingerprint, or `accepted` from an earlier run), else a person
 * decides, who is shown it. Fetches the CA's certificates into *cas and authenticates the server with *anchors; writes
 * the fingerprint that was taken to `accepted` (65 bytes; "" with --ca). The caller frees both lists.
 */
enum ukey_status trust_establish(
	struct tool *t, struct est *e, char accepted[65], STACK_OF(X509) * *anchors, STACK_OF(X509) * *cas);

/* Chains to the anchors and is valid now: UKEY_CERT_UNTRUSTED, UKEY_CERT_EXPIRED. cas may be NULL. */
enum ukey_status trust_check(struct tool *t, X509 *cert, STACK_OF(X509) * anchors, STACK_OF(X509) * cas);

/* SHA-256 as 64 lower-case digits; and such a text from "AB:CD:..", "abcd..": false when it is none. */
bool trust_fingerprint(X509 *cert, char out[65]);
bool trust_parse_fingerprint(const char *text, char out[65]);

#endif
