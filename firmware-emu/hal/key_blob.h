/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How this hal writes a private key down: fields of fixed length, big-endian, in this order.
 *
 *	version (1) = 1 | algorithm (1) | fields | check (8): first bytes of SHA-256 over all before it
 *	RSA of k bytes:   n (k) e (4) d (k) p q dp dq qinv (k/2 each)
 *	EC of f bytes:    d (f) point 04 X Y (1 + 2 f)
 *
 * The check finds a damaged blob before a wrong key signs; it is no protection from whoever can write the flash.
 */
#ifndef UKEY_HAL_KEY_BLOB_H
#define UKEY_HAL_KEY_BLOB_H

#include "common/bytes.h"

#define KEY_BLOB_VERSION 1
#define KEY_BLOB_FIELDS  8

/* One row a supported algorithm (doc/token-protocol.md 2.3). */
struct key_kind {
	uint8_t algorithm;
	bool rsa;
	uint16_t bytes;    /* of the modulus, of a coordinate */
	uint16_t bits;     /* RSA: of the modulus */
	const char *group; /* EC: OpenSSL's name */
};

/* NULL: not supported. */
const struct key_kind *key_kind_find(uint8_t algorithm);

enum key_field {
	KEY_RSA_N,
	KEY_RSA_E,
	KEY_RSA_D,
	KEY_RSA_P,
	KEY_RSA_Q,
	KEY_RSA_DP,
	KEY_RSA_DQ,
	KEY_RSA_QINV,
	KEY_EC_D = 0,
	KEY_EC_POINT,
};

/* Fields of a kind of key, and the length of each. */
size_t key_field_count(const struct key_kind *kind);
size_t key_field_size(const struct key_kind *kind, size_t field);

/* Append `fields`, each of its exact length. False when they do not fit (the builder then has failed). */
bool key_blob_build(struct builder *b, const struct key_kind *kind, const struct bytes fields[KEY_BLOB_FIELDS]);
/* The fields of a blob; false unless every byte of it is right. */
bool key_blob_parse(struct bytes blob, const struct key_kind *kind, struct bytes fields[KEY_BLOB_FIELDS]);

#endif
