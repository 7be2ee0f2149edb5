/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key pairs made outside any token, by OpenSSL, for IMPORT KEY PAIR (protocol 4.12): their values, and the wrapping
 * that a key centre does. Aborts when something fails that never should. Link: $(ramtoken_ldadd).
 */
#ifndef UKEY_TESTS_OUTSIDE_H
#define UKEY_TESTS_OUTSIDE_H

#include <openssl/evp.h>

#include "common/bytes.h"

struct outside {
	uint8_t algorithm; /* protocol 2.3 */
	EVP_PKEY *key;
	uint8_t value[512], public_key[528]; /* p || q or d; 81 and 82, or 86 */
	size_t value_len, public_len;
};

/* Two keys of each algorithm, made when first asked for; they stay until the process ends. */
const struct outside *outside_key(uint8_t algorithm, unsigned n);

/* Of a key that is there already. */
void outside_of(struct outside *o, uint8_t algorithm, EVP_PKEY *key);

/* Transport value and wrapped value for a signature key with this public half (as tag 87 codes it). */
void outside_wrap(const struct outside *o, const uint8_t serial[8], struct bytes signature_public,
	struct builder *transport, struct builder *wrapped);

/* The data of IMPORT KEY PAIR: the usual usage, no name, and the value bare or (transport not NULL) wrapped. */
void outside_put(struct builder *b, const struct outside *o, struct bytes transport, struct bytes wrapped);

#endif
