/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most PIV cards show a key by its certificate alone, and a new key has none. Until it gets its own, this stands in its
 * place: an X.509 certificate by nobody, without a real signature, expired in 1970, that holds the public key. Programs
 * that know nothing of it read the public key, and believe the rest as little as anybody should.
 */
#ifndef UKEY_DRIVER_CARD_PIV_PLACEHOLDER_H
#define UKEY_DRIVER_CARD_PIV_PLACEHOLDER_H

#include "common/crypto.h"

/* RSA of 4096 bits: public key, a signature of as many zeros, names. */
#define PIV_PLACEHOLDER_MAX 2048u

/* Appends its DER. False: the key is malformed, or room is short. */
bool piv_placeholder_make(const struct crypto_pubkey *key, struct builder *der);
/* Any bytes. */
bool piv_placeholder_is(struct bytes der);

#endif
