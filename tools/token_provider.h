/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token's private key as OpenSSL's EVP_PKEY, by a provider inside this program:
 *
 *	token_provider_load --> token_key_new --> X509_REQ_sign, CMS_sign, CMS_decrypt, SSL_CTX_use_PrivateKey, ...
 *	                                              |
 *	                                       struct token_signer's functions --> the token
 *
 * Signature: RSA PKCS#1 v1.5 and PSS, ECDSA. Decryption: RSA v1.5 (with implicit rejection: bad padding gives a random
 * message, never an error) and OAEP. Agreement: ECDH, plain and with the X9.63 derivation that CMS uses.
 *
 * OpenSSL can export the public half (certificates, requests and comparisons need it), nothing else.
 */
#ifndef UKEY_TOOLS_TOKEN_PROVIDER_H
#define UKEY_TOOLS_TOKEN_PROVIDER_H

#include <openssl/evp.h>

#include "common/crypto.h"
#include "driver/ukey.h"

/* Who does the private operations: as ukey_sign, ukey_decrypt and ukey_derive without token and reference. */
struct token_signer {
	enum ukey_status (*sign)(void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len,
		uint8_t *out, size_t *len);
	enum ukey_status (*decrypt)(void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len,
		uint8_t *out, size_t *len);
	enum ukey_status (*derive)(void *arg, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len);
	void *arg;
	/*
	 * The first failure of one of the functions above, UKEY_OK before: OpenSSL's own errors can't carry it. It
	 * belongs to the caller, who looks here after OpenSSL said no.
	 */
	enum ukey_status failed;
};

/* Once in a process, before any other use of OpenSSL (its own provider has to stay the first choice). */
bool token_provider_load(void);
/* After the last EVP_PKEY is freed. */
void token_provider_unload(void);

/* The signer is borrowed and has to outlive the key. NULL for a malformed public key or no memory. */
EVP_PKEY *token_key_new(const struct crypto_pubkey *public_key, struct token_signer *signer);

#endif
