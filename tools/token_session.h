/* SPDX-License-Identifier: Apache-2.0 */
/* A key of an open session as OpenSSL sees it, and its certificate. */
#ifndef UKEY_TOOLS_TOKEN_SESSION_H
#define UKEY_TOOLS_TOKEN_SESSION_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tools/pick_token.h"
#include "tools/token_provider.h"

struct token_key_handle {
	struct session *session;
	ukey_key_ref ref;
	bool always; /* the PIN before each use */
	bool touch;  /* the button before each use */
	struct token_signer signer;
	EVP_PKEY *pkey;
};

/* The session has to be logged in (with keep, for a key that is `always`) before the key is used. Close in any case. */
enum ukey_status key_handle_open(struct session *s, const struct ukey_key *key, struct token_key_handle *out);
void key_handle_close(struct token_key_handle *h);
/* After OpenSSL failed: what the token said, or `otherwise` with OpenSSL's own reason as the context. */
enum ukey_status key_handle_failed(struct token_key_handle *h, enum ukey_status otherwise);

/* OpenSSL's first error as the context of the failure; empties its queue. */
enum ukey_status tool_fail_openssl(struct tool *t, enum ukey_status s);

/* The public key of a key on the token, of OpenSSL's own provider; NULL without memory. */
EVP_PKEY *key_public(const struct ukey_key *key);
/* Certificate of the key; the caller frees. */
enum ukey_status key_certificate(struct session *s, ukey_key_ref ref, X509 **out);

/* One certificate in PEM or DER, strictly one; UKEY_CERT_INVALID. */
enum ukey_status certificate_parse(struct tool *t, const uint8_t *data, size_t len, X509 **out);
enum ukey_status certificate_read(struct tool *t, const char *path, X509 **out);
/* {"subject", "issuer", "serial", "not_before", "not_after", "sha256"}. */
json_t *certificate_json(X509 *cert);
/* Seconds since 1970; 0 when the date can't be read. */
int64_t certificate_until(const X509 *cert);
int64_t certificate_from(const X509 *cert);
/* "-----BEGIN CERTIFICATE-----", malloc'd; NULL without memory. */
char *certificate_pem(X509 *cert);

/* {"ref", "algorithm", "id", "label", ...}. */
json_t *key_json(const struct ukey_key *key);
json_t *token_json(const struct ukey_token_info *info);

#endif
