/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret-key cryptography of the host, behind the same door as crypto.h: AES in its modes, key wrapping, MACs and the
 * key derivation that is made of them. OpenSSL 3 stands behind it and is seen in no header.
 *
 * Keys are borrowed for the call that takes them; the contexts keep what they need and wipe it when they are freed.
 */
#ifndef UKEY_COMMON_CRYPTO_SECRET_H
#define UKEY_COMMON_CRYPTO_SECRET_H

#include "common/crypto.h"

#define CRYPTO_AES_BLOCK 16u

/* 16, 24 or 32 bytes. */
bool crypto_aes_key_size(size_t n);

/* ---- ciphers (crypto_cipher.c) ---- */

enum crypto_cipher {
	CRYPTO_AES_ECB,     /* whole blocks, no IV */
	CRYPTO_AES_CBC,     /* whole blocks, IV of one block */
	CRYPTO_AES_CBC_PAD, /* PKCS#7 padding, IV of one block */
	CRYPTO_AES_CTR,     /* IV: the first counter block */
	CRYPTO_AES_GCM,     /* IV: 1 to CRYPTO_GCM_IV_MAX bytes */
	CRYPTO_CIPHERS,     /* count */
};

#define CRYPTO_GCM_IV_MAX  128u /* OpenSSL's limit */
#define CRYPTO_GCM_TAG_MAX 16u

struct crypto_cipher_ctx;

/* NULL when key or IV have no size that the mode knows, or memory is out. */
struct crypto_cipher_ctx *crypto_cipher_new(enum crypto_cipher cipher, bool encrypt, struct bytes key, struct bytes iv);
void crypto_cipher_free(struct crypto_cipher_ctx *c);
/* GCM: another message under the same key. */
bool crypto_cipher_restart(struct crypto_cipher_ctx *c, struct bytes iv);
/* GCM: what is authenticated but not encrypted; before the first update. */
bool crypto_cipher_aad(struct crypto_cipher_ctx *c, struct bytes aad);
/* Exactly what crypto_cipher_update() will put out for so much input, given what it holds back now. */
size_t crypto_cipher_room(const struct crypto_cipher_ctx *c, size_t in);
/* What it holds back: the beginning of a block, and when padding comes off the last whole one. */
size_t crypto_cipher_held(const struct crypto_cipher_ctx *c);
/* `out` may be where `in` is when nothing is held back, and must not overlap it otherwise. */
bool crypto_cipher_update(struct crypto_cipher_ctx *c, struct bytes in, uint8_t *out, size_t *len);
/* At most one block. False: part of a block is left over, or the padding or the tag is wrong. */
bool crypto_cipher_final(struct crypto_cipher_ctx *c, uint8_t *out, size_t *len);
/* GCM: the first n bytes of the tag, after the final of an encryption; the tag to be met, before that of a decryption.
 */
bool crypto_cipher_tag(struct crypto_cipher_ctx *c, uint8_t *tag, size_t n);
bool crypto_cipher_expect(struct crypto_cipher_ctx *c, struct bytes tag);

/*
 * One block under one key, as a challenge of a card is answered: Triple DES (24 bytes of key; the parity bits mean
 * nothing) where `block` is CRYPTO_TDES_BLOCK, AES where it is CRYPTO_AES_BLOCK. `out` may be `in`. False when the key
 * has no such size, or memory is out.
 */
#define CRYPTO_TDES_BLOCK 8u
#define CRYPTO_TDES_KEY   24u
bool crypto_one_block(size_t block, bool encrypt, struct bytes key, const uint8_t *in, uint8_t *out);

/* ---- key wrapping (crypto_cipher.c) ---- */

enum crypto_wrap {
	CRYPTO_AES_KW,  /* RFC 3394: at least two half blocks, whole ones */
	CRYPTO_AES_KWP, /* RFC 5649: any length */
};

#define CRYPTO_WRAP_OVERHEAD 15u /* at most so much longer */

/* The length of what comes out; 0 when so much can't be wrapped. */
size_t crypto_wrapped_size(enum crypto_wrap wrap, size_t in);
/* `iv`: BYTES_NONE for the standard's, else 8 bytes (KW) or 4 (KWP). `out` has room for crypto_wrapped_size(). */
bool crypto_key_wrap(
	enum crypto_wrap wrap, struct bytes key, struct bytes iv, struct bytes in, uint8_t *out, size_t *len);
/* `out` has room for in.len. CRYPTO_BAD: it does not come out whole. After anything but CRYPTO_GOOD `out` holds zeros.
 */
enum crypto_verdict crypto_key_unwrap(
	enum crypto_wrap wrap, struct bytes key, struct bytes iv, struct bytes in, uint8_t *out, size_t *len);

/* ---- MACs and derivation (crypto_mac.c) ---- */

struct crypto_mac;

struct crypto_mac *crypto_hmac_new(enum crypto_hash hash, struct bytes key);
struct crypto_mac *crypto_cmac_new(struct bytes key);
/* Of the whole MAC: the digest's, or a block's. */
size_t crypto_mac_size(const struct crypto_mac *m);
bool crypto_mac_update(struct crypto_mac *m, struct bytes in);
bool crypto_mac_final(struct crypto_mac *m, uint8_t *out);
void crypto_mac_free(struct crypto_mac *m);

/* RFC 5869. Extract: `prk` has room for a digest, no salt is one of zeros. Expand: at most 255 digests. */
bool crypto_hkdf_extract(enum crypto_hash hash, struct bytes salt, struct bytes secret, uint8_t *prk);
bool crypto_hkdf_expand(enum crypto_hash hash, struct bytes prk, struct bytes info, uint8_t *out, size_t len);
/* RFC 8018 5.2, PBKDF2 with HMAC; `rounds` from 1. */
bool crypto_pbkdf2(
	enum crypto_hash hash, struct bytes password, struct bytes salt, unsigned rounds, uint8_t *out, size_t len);

#endif
