/* SPDX-License-Identifier: Apache-2.0 */
/*
 * X.509 certificates that the token's attestation key signs: each says something of one key of this token, whose
 * public key it is about. What it says is its caller's.
 */
#ifndef UKEY_FW_X509_H
#define UKEY_FW_X509_H

#include "firmware-emu/core/der.h"
#include "firmware-emu/core/directory.h"

struct fw_x509 {
	const struct fw_key *key;
	void (*subject)(struct builder *b, const void *what);    /* text of the common name */
	void (*extensions)(struct builder *b, const void *what); /* fw_x509_begin_extension ... */
	const void *what;
};

/* Appends it, signed; a status word. The factory gave an attestation key. */
uint16_t fw_x509_put(struct fw *fw, const struct fw_x509 *x, struct builder *answer);

/* The certificate of the attestation key, in the far end of the answer's buffer. */
uint16_t fw_x509_attestation_leaf(struct fw *fw, struct bytes *leaf);

void fw_x509_put_hex(struct builder *b, struct bytes value);
/* One extension, not critical: what is put between begin and end is inside its OCTET STRING. */
struct fw_x509_extension {
	size_t whole, value; /* marks of tlv_begin() */
};
struct fw_x509_extension fw_x509_begin_extension(struct builder *b, struct bytes oid);
void fw_x509_end_extension(struct builder *b, struct fw_x509_extension e);

#endif
