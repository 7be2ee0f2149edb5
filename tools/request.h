/* SPDX-License-Identifier: Apache-2.0 */
/* A PKCS#10 certification request (RFC 2986) signed by a key on the token. */
#ifndef UKEY_TOOLS_REQUEST_H
#define UKEY_TOOLS_REQUEST_H

#include <openssl/x509.h>

#include "tools/token_session.h"

/*
 * subject may be NULL (an empty name: the CA knows it), extensions from `like` (the certificate to be renewed; may be
 * NULL) are its alternative names. The signature is checked before *der is given; free with OPENSSL_free().
 */
enum ukey_status request_make(struct token_key_handle *h, const struct ukey_key *key, const X509_NAME *subject,
	X509 *like, const EVP_MD *hash, uint8_t **der, size_t *len);

/* By --hash; NULL and UKEY_USAGE for an unknown one. */
enum ukey_status hash_option(struct tool *t, const EVP_MD **hash);

#endif
