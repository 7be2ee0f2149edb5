/* SPDX-License-Identifier: Apache-2.0 */
/* Between the crypto_*.c files only: the one place where our keys become OpenSSL's. */
#ifndef UKEY_COMMON_CRYPTO_EVP_H
#define UKEY_COMMON_CRYPTO_EVP_H

#include "common/crypto.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

/* Owned by the caller; NULL when the key is malformed, its point is not on the curve, or memory is out. */
EVP_PKEY *crypto_pubkey_evp(const struct crypto_pubkey *key);

/* OpenSSL queues errors per thread; the program that loads us must not find ours there. */
static inline void crypto_clear_errors(void)
{
	ERR_clear_error();
}

#endif
