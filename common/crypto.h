/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the host side needs of cryptography, behind one door: digests, randomness, public keys, certificates, and the
 * verification of signatures. No private key ever passes here. OpenSSL 3 stands behind it and is seen in no header.
 *
 * Parsed keys and certificates are borrowed ranges of the DER they came from: no copy, no release; they live as long as
 * the DER does. Every parser takes DER strictly and refuses bytes that are left over.
 */
#ifndef UKEY_COMMON_CRYPTO_H
#define UKEY_COMMON_CRYPTO_H

#include "common/bytes.h"

/* ---- digests and randomness (crypto.c) ---- */

enum crypto_hash {
	CRYPTO_NO_HASH,
	CRYPTO_SHA1,
	CRYPTO_SHA224,
	CRYPTO_SHA256,
	CRYPTO_SHA384,
	CRYPTO_SHA512,
	CRYPTO_SHA3_224,
	CRYPTO_SHA3_256,
	CRYPTO_SHA3_384,
	CRYPTO_SHA3_512,
	CRYPTO_HASHES, /* count, with CRYPTO_NO_HASH */
};

#define CRYPTO_DIGEST_MAX 64

struct crypto_hash_info {
	const char *name;         /* as OpenSSL and FIPS 180/202 spell it: "SHA2-256", "SHA3-256" */
	size_t size;              /* of the digest */
	size_t block;             /* of the input */
	struct bytes digest_info; /* DER of a DigestInfo (RFC 8017 9.2) up to the digest itself */
};

/* NULL for CRYPTO_NO_HASH and for no hash at all. */
const struct crypto_hash_info *crypto_hash_info(enum crypto_hash hash);
/* 0 where there is no such hash. */
size_t crypto_hash_size(enum crypto_hash hash);

/* `out` has room for crypto_hash_size(hash). False only when the hash is unknown or memory is out. */
bool crypto_digest(enum crypto_hash hash, struct bytes in, uint8_t *out);

/* The same in pieces. After a failed update or a final only copy and free make sense. */
struct crypto_digest_ctx;
struct crypto_digest_ctx *crypto_digest_new(enum crypto_hash hash);
bool crypto_digest_update(struct crypto_digest_ctx *d, struct bytes in);
bool crypto_digest_final(struct crypto_digest_ctx *d, uint8_t *out);
struct crypto_digest_ctx *crypto_digest_copy(const struct crypto_digest_ctx *d);
void crypto_digest_free(struct crypto_digest_ctx *d);
enum crypto_hash crypto_digest_hash(const struct crypto_digest_ctx *d);

/* False when there is no randomness; `out` is then zeroed and must not be used. */
bool crypto_random(uint8_t *out, size_t n);

/* ---- public keys (crypto_key.c) ---- */

enum crypto_key_type {
	CRYPTO_RSA,
	CRYPTO_EC_P256,
	CRYPTO_EC_P384,
	CRYPTO_EC_P521,
	CRYPTO_KEY_TYPES,
};

#define CRYPTO_RSA_BYTES_MAX    1024 /* 8192 bits */
#define CRYPTO_RSA_EXPONENT_MAX 32   /* FIPS 186-5 5.1: below 2^256 */
#define CRYPTO_POINT_MAX        133  /* 04 || X || Y on P-521 */
/* Longest SubjectPublicKeyInfo that crypto_pubkey_to_spki() writes. */
#define CRYPTO_SPKI_MAX (CRYPTO_RSA_BYTES_MAX + CRYPTO_RSA_EXPONENT_MAX + 48)

struct crypto_pubkey {
	enum crypto_key_type type;
	struct bytes modulus, exponent; /* RSA: big-endian, no leading zeros */
	struct bytes point;             /* EC: 04 || X || Y */
};

/* Shape only: sizes, minimal integers, an odd modulus and exponent, 04 in front of the point. See crypto_point_valid().
 */
bool crypto_pubkey_check(const struct crypto_pubkey *key);
/* Append the DER of a SubjectPublicKeyInfo (RFC 3279 2.3.1, RFC 5480). False when the key is malformed or room is
 * short. */
bool crypto_pubkey_to_spki(const struct crypto_pubkey *key, struct builder *out);
/* The key inside; borrowed from `spki`. False for malformed DER and for kinds of keys that we don't know. */
bool crypto_pubkey_from_spki(struct bytes spki, struct crypto_pubkey *out);
bool crypto_pubkey_equal(const struct crypto_pubkey *a, const struct crypto_pubkey *b);
/* Of the modulus, or of the curve's field (256, 384, 521). */
size_t crypto_pubkey_bits(const struct crypto_pubkey *key);
/* Bytes of one coordinate (32, 48, 66); 0 for RSA. An ECDSA signature r || s has two of them. */
size_t crypto_field_size(enum crypto_key_type type);
/* DER of the curve's OBJECT IDENTIFIER (CKA_EC_PARAMS), BYTES_NONE for RSA; and back. */
struct bytes crypto_curve_oid(enum crypto_key_type type);
bool crypto_curve_type(struct bytes oid_der, enum crypto_key_type *type);
/* An EC key whose point is on its curve and is not the point at infinity. */
bool crypto_point_valid(const struct crypto_pubkey *key);
/* d G for a private value d (big-endian), as 04 || X || Y. False when d is not from 1 to the order less one. */
bool crypto_point_of(enum crypto_key_type type, struct bytes d, struct builder *point);

/* ---- signatures (crypto_verify.c) ---- */

enum crypto_scheme_kind {
	CRYPTO_RSA_RAW,   /* input: the padded block, as long as the modulus (or shorter: zeros in front) */
	CRYPTO_RSA_PKCS1, /* input: a digest by `hash`; with CRYPTO_NO_HASH the DigestInfo (or anything) itself */
	CRYPTO_RSA_PSS,   /* input: a digest by `hash` */
	CRYPTO_ECDSA,     /* input: a digest; signature: r || s */
};

struct crypto_scheme {
	enum crypto_scheme_kind kind;
	enum crypto_hash hash;
	enum crypto_hash mgf_hash; /* PSS */
	size_t salt_len;           /* PSS */
};

enum crypto_verdict {
	CRYPTO_GOOD,
	CRYPTO_BAD,   /* the signature is not one by this key over this input */
	CRYPTO_ERROR, /* it could not be checked: malformed key, scheme that doesn't fit the key, no memory */
};

enum crypto_verdict crypto_verify(const struct crypto_pubkey *key, const struct crypto_scheme *scheme,
	struct bytes input, struct bytes signature);

/* in^e mod n; `in` and `out` are as long as the modulus. False when in >= n or the key is malformed. */
bool crypto_rsa_public(const struct crypto_pubkey *key, struct bytes in, uint8_t *out);

/* ECDSA-Sig-Value (RFC 3279 2.2.3) from r || s (two equal halves) and back into halves of `field` bytes each. Neither
 * half may be zero; DER is strict. False leaves the builder unchanged. */
bool crypto_ecdsa_to_der(struct bytes rs, struct builder *out);
bool crypto_ecdsa_from_der(struct bytes der, size_t field, struct builder *out);

/* ---- certificates (crypto_cert.c) ---- */

struct crypto_cert {
	struct bytes serial;  /* DER of the INTEGER, tag and length included (CKA_SERIAL_NUMBER) */
	struct bytes issuer;  /* DER of the Name (CKA_ISSUER) */
	struct bytes subject; /* DER of the Name (CKA_SUBJECT) */
	struct bytes spki;    /* DER of the SubjectPublicKeyInfo */
	char not_before[15];  /* "YYYYMMDDHHMMSS" in UTC: sorts as text, and begins with a CK_DATE */
	char not_after[15];
	bool is_ca; /* basicConstraints with cA TRUE (RFC 5280 4.2.1.9) */
};

/* An X.509 certificate (RFC 5280 4.1); all ranges are borrowed from `der`. Its signature is not checked. */
bool crypto_cert_parse(struct bytes der, struct crypto_cert *out);
/* A Name on one line (RFC 2253, UTF-8): the caller frees it with free(). NULL when it isn't a Name or memory is out. */
char *crypto_name_text(struct bytes name);

#endif
