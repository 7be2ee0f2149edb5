/* SPDX-License-Identifier: Apache-2.0 */
/* Between the token_*.c files of the provider only. */
#ifndef UKEY_TOOLS_TOKEN_PROVIDER_PRIVATE_H
#define UKEY_TOOLS_TOKEN_PROVIDER_PRIVATE_H

#include <stdatomic.h>

#include <openssl/core.h>
#include <openssl/core_dispatch.h>

#include "tools/token_provider.h"

#define TOKEN_KEY_SIGNER "openukey-signer" /* parameter of fromdata: the struct token_signer's address */
#define TOKEN_SIGN_MAX   CRYPTO_RSA_BYTES_MAX

/* The provider's key object. Public keys of peers are such objects too, without a signer. */
struct token_key {
	atomic_int references;
	bool has_public, is_ec;
	struct crypto_pubkey pub;
	uint8_t modulus[CRYPTO_RSA_BYTES_MAX], exponent[CRYPTO_RSA_EXPONENT_MAX], point[CRYPTO_POINT_MAX];
	struct token_signer *signer;
};

struct token_key *token_key_ref(struct token_key *key);
void token_key_unref(struct token_key *key);

/* A scheme hash by OpenSSL's name ("SHA256", "SHA2-256", an alias); UKEY_HASH_NONE when there is none. */
enum ukey_hash token_hash_of(const char *name);
/* The same of a parameter, if it is there; false: it is none. */
bool token_hash_param(const OSSL_PARAM params[], const char *name, enum ukey_hash *hash);
enum crypto_hash token_hash_crypto(enum ukey_hash hash);
const char *token_hash_name(enum ukey_hash hash);

/* OpenSSL's name of the curve. */
const char *token_group_name(enum crypto_key_type type);
/* A big-endian number in this machine's byte order, as OSSL_PARAM wants integers. */
void token_native_order(uint8_t *to, struct bytes from);

/* Keeps the signer's first failure and turns a status into OpenSSL's 1 or 0. */
int token_outcome(struct token_key *key, enum ukey_status s);

extern const OSSL_DISPATCH token_rsa_keymgmt[], token_ec_keymgmt[];
extern const OSSL_DISPATCH token_rsa_signature[], token_ecdsa_signature[];
extern const OSSL_DISPATCH token_rsa_asym_cipher[], token_ecdh_keyexch[];

#endif
