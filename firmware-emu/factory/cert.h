/* SPDX-License-Identifier: Apache-2.0 */
/* The certificates of a factory (RFC 5280; doc/token-protocol.md 6.1 and 8). */
#ifndef UKEY_EMU_FACTORY_CERT_H
#define UKEY_EMU_FACTORY_CERT_H

#include <openssl/x509.h>

#include "common/bytes.h"
#include "firmware-emu/factory/outcome.h"

#define CERT_CHAIN_MAX   8192 /* one of the token's objects 0003 and 0004 */
#define CERT_SERIAL_SIZE 33   /* hexadecimal text */

enum cert_kind {
	CERT_ROOT,
	CERT_DEVICE_CA,
	CERT_ATTESTATION_CA,
	CERT_DEVICE,
	CERT_ATTESTATION,
};

/*
 * Without an end (99991231235959Z): a token has no clock, and its keys can't be replaced. `serial_number` is the
 * subject's attribute, NULL for none; a root is signed by its own key, issuer NULL. The caller frees it.
 */
enum factory_status cert_make(enum cert_kind kind, const char *common_name, const char *serial_number, EVP_PKEY *key,
	X509 *issuer, EVP_PKEY *issuer_key, X509 **out);

/* The leaf is certified by the CA, and that by the root: every extension, no time. */
bool cert_verify(X509 *root, X509 *ca, X509 *leaf);

/* A P-256 public key from its point, which must be on the curve. */
enum factory_status cert_point(struct bytes point, EVP_PKEY **out);

/* Issuer first, leaf last, glued together. */
enum factory_status cert_chain_put(X509 *ca, X509 *leaf, struct builder *out);
/* The last certificate of such a chain whose first one is the CA; NULL when it is not. */
X509 *cert_chain_leaf(X509 *ca, struct bytes chain);

/* The serial number as `openssl x509 -serial` prints it. */
bool cert_serial(X509 *cert, char out[CERT_SERIAL_SIZE]);
/* Whether the subject has this one attribute serialNumber. */
bool cert_names_token(X509 *cert, const char *serial_number);

#endif
