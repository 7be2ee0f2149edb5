/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An EST client (RFC 7030, RFC 8951) over libcurl:
 *
 *	est_open --> est_cacerts --> est_trust --> est_enroll (again while UKEY_CA_PENDING) --> est_close
 *
 * Before est_trust the server is not authenticated: only est_cacerts may run, and nothing it gave may be believed
 * before a person or a fingerprint confirmed it (RFC 7030 4.1.1). TLS 1.2 at least, no redirects, answers of limited
 * size.
 */
#ifndef UKEY_TOOLS_EST_H
#define UKEY_TOOLS_EST_H

#include <openssl/x509.h>

#include "common/bytes.h"
#include "tools/pin_source.h"
#include "tools/tool.h"

#define EST_ANSWER_MAX (256 * 1024)
#define EST_CERTS_MAX  16

struct est;

/* url: "https://host[:port]" with or without "/.well-known/est"; label may be NULL. UKEY_USAGE for anything else. */
enum ukey_status est_open(struct tool *t, const char *url, const char *label, struct est **out);
void est_close(struct est *e);

/* Certificates that the server's certificate has to chain to; borrowed, to outlive `e`. */
void est_trust(struct est *e, STACK_OF(X509) * anchors);
/* Who asks: the enrolment code (HTTP Basic), or the current certificate and its key (TLS client); borrowed. */
void est_code(struct est *e, const char *user, const struct pin *code);
void est_client(struct est *e, X509 *cert, EVP_PKEY *key);

/* The caller frees with sk_X509_pop_free(list, X509_free). */
enum ukey_status est_cacerts(struct est *e, STACK_OF(X509) * *list);
/* simpleenroll, or simplereenroll with the TLS client. UKEY_CA_PENDING: est_retry_after() says when to ask again. */
enum ukey_status est_enroll(struct est *e, bool renew, struct bytes request, STACK_OF(X509) * *list);
long est_retry_after(const struct est *e);

/* ---- the parsers, for tests ---- */

/* Base64 (RFC 4648 4) with line breaks and blanks anywhere; padding required, unused bits zero, nothing behind it. */
bool est_base64_decode(struct bytes text, struct builder *out);
/* In one line, zero-terminated; free with free(). NULL without memory. */
char *est_base64_encode(struct bytes in);
/* A CMS SignedData with certificates and without signers (RFC 5272 4.1), nothing behind it; NULL when it is none. */
STACK_OF(X509) * est_parse_certs(struct bytes der);
/* What an HTTP status means; `status_header` is the server's OpenUKey-Status (may be ""), `text` its plain answer. */
enum ukey_status est_http_outcome(long http, bool with_code, const char *status_header, const char *text);
/* "https://host[:port]/.well-known/est[/label]" into out; false for anything but an https address. */
bool est_address(const char *url, const char *label, char *out, size_t cap);

#endif
