/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most PIV cards show a key by its certificate alone, and a new key has none. Until it gets its own, this stands in its
 * place: an X.509 certificate by nobody, without a real signature, expired in 1970, that holds the public key. Programs
 * that know nothing of it read the public key, and believe the rest as little as anybody should. It stands in the place
 * of a certificate that was deleted, too.
 */
#ifndef UKEY_DRIVER_CARD_PIV_PLACEHOLDER_H
#define UKEY_DRIVER_CARD_PIV_PLACEHOLDER_H

#include "common/crypto.h"

/* RSA of 4096 bits: public key, a signature of as many zeros, names. */
#define PIV_PLACEHOLDER_MAX 2048u

enum piv_placeholder {
	PIV_PLACEHOLDER_NONE,
	PIV_PLACEHOLDER_MADE, /* whoever wrote it had just had the card make the key */
	PIV_PLACEHOLDER_LEFT, /* of a key whose certificate was deleted: who made it is not known */
};

/* Appends its DER. False: the key is malformed, or room is short. */
bool piv_placeholder_make(enum piv_placeholder kind, const struct crypto_pubkey *key, struct builder *der);
/* Any bytes; PIV_PLACEHOLDER_NONE: it is something else. */
enum piv_placeholder piv_placeholder_kind(struct bytes der);

#endif
