/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paddings of RFC 8017, around a raw RSA operation that the token does.
 *
 * A block has always k bytes, the length of the modulus. Decoders that see plaintext run in a time that depends on k
 * and the hash only, up to the one answer they give (RFC 8017 7.1.2 and 7.2.2: which step failed must not be told).
 */
#ifndef UKEY_COMMON_RSA_PAD_H
#define UKEY_COMMON_RSA_PAD_H

#include "common/crypto.h"

#define RSA_PAD_PKCS1_OVERHEAD 11u /* 00 01|02, at least eight bytes, 00 */

/* EMSA-PKCS1-v1_5 (9.2) of a ready DigestInfo (or of whatever the caller signs); false when t is longer than k - 11. */
bool rsa_pad_pkcs1_sign(struct bytes t, uint8_t *block, size_t k);
/* DigestInfo and padding of a digest by `hash`. */
bool rsa_pad_pkcs1_sign_digest(enum crypto_hash hash, struct bytes digest, uint8_t *block, size_t k);

/* What such a block holds, borrowed from it; nothing in it is secret. */
bool rsa_pad_pkcs1_recover(struct bytes block, struct bytes *t);

/* Hashes of PSS and OAEP; salt_len for PSS only. */
struct rsa_pad_params {
	enum crypto_hash hash;
	enum crypto_hash mgf_hash;
	size_t salt_len;
};

/*
 * EMSA-PSS (9.1) for a modulus of `bits` bits; the block has (bits + 7) / 8 bytes (a zero in front where EM is a byte
 * shorter). `salt` has salt_len bytes; BYTES_NONE draws a random one.
 */
bool rsa_pad_pss_encode(
	const struct rsa_pad_params *p, struct bytes digest, struct bytes salt, size_t bits, uint8_t *block);
bool rsa_pad_pss_verify(const struct rsa_pad_params *p, struct bytes digest, size_t bits, struct bytes block);
/* Longest salt for this modulus and hash; false when not even an empty one fits. */
bool rsa_pad_pss_salt_max(enum crypto_hash hash, size_t bits, size_t *max);

/* EME-PKCS1-v1_5 (7.2). */
bool rsa_pad_pkcs1_encrypt(struct bytes message, uint8_t *block, size_t k);
/* `out` has room for k bytes; *len is the message's length. After false `out` holds zeros. */
bool rsa_pad_pkcs1_decrypt(struct bytes block, uint8_t *out, size_t *len);

/* EME-OAEP (7.1). */
bool rsa_pad_oaep_encrypt(
	const struct rsa_pad_params *p, struct bytes label, struct bytes message, uint8_t *block, size_t k);
bool rsa_pad_oaep_decrypt(
	const struct rsa_pad_params *p, struct bytes label, struct bytes block, uint8_t *out, size_t *len);
/* Longest message; false when k is too small for the hash. */
bool rsa_pad_oaep_message_max(enum crypto_hash hash, size_t k, size_t *max);

#endif
