/* SPDX-License-Identifier: Apache-2.0 */
/* Private keys of the CA as PEM: made, written, read. */
#ifndef RA_KEYFILE_H
#define RA_KEYFILE_H

#include <openssl/evp.h>

#include "ra/status.h"

#define RA_PASSPHRASE_MIN 8
#define RA_PASSPHRASE_MAX 256

/* "p256", "p384", "p521", "rsa2048", "rsa3072", "rsa4096"; USAGE with a detail for another. The caller frees. */
enum ra_status ra_key_generate(const char *kind, EVP_PKEY **out);

/* PKCS#8 as PEM text, encrypted (PBES2: scrypt, AES-256-CBC) unless passphrase is NULL. Give it to ra_pem_free(). */
enum ra_status ra_key_to_pem(EVP_PKEY *key, const char *passphrase, char **out);
/* Wipes and frees. */
void ra_pem_free(char *pem);

/* PASSPHRASE when it does not open; DAMAGED when the text is no encrypted PKCS#8. The caller frees the key. */
enum ra_status ra_key_from_pem(const char *pem, const char *passphrase, EVP_PKEY **out);

#endif
