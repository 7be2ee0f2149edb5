/* SPDX-License-Identifier: Apache-2.0 */
/* A file with a private key in it: PKCS#8 or an older form, PEM or DER, encrypted or not; or PKCS#12. */
#ifndef UKEY_TOOLS_KEY_FILE_H
#define UKEY_TOOLS_KEY_FILE_H

#include <openssl/evp.h>
#include <openssl/x509.h>

#include "tools/tool.h"

struct key_file {
	EVP_PKEY *key;
	X509 *cert;      /* the key's, when it is there too; NULL: none */
	unsigned others; /* certificates beside it, of CAs as a rule */
};

/*
 * "-" is standard input. A password is asked for when the file needs one (--password-file, --password-fd, or the
 * terminal). UKEY_DATA_INVALID: no such file; UKEY_DECRYPT_FAILED: not this password. To be cleared in any case.
 */
enum ukey_status key_file_read(struct tool *t, const char *path, struct key_file *out);
void key_file_clear(struct key_file *f);

/*
 * What libukey wants of it: the public half (DER, OPENSSL_free) and the private value, at its length for this kind of
 * key. UKEY_ALGORITHM, UKEY_KEY_INVALID.
 */
#define KEY_FILE_VALUE_MAX 512
enum ukey_status key_file_halves(struct tool *t, EVP_PKEY *key, uint8_t **spki, size_t *spki_len,
	uint8_t value[KEY_FILE_VALUE_MAX], size_t *value_len);

#endif
