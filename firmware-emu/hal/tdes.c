/* SPDX-License-Identifier: Apache-2.0 */
/* Triple DES, for PIV's management key alone. A file of its own, so that another hal can have it too. */
#include "config.h"

#include <openssl/evp.h>

#include "firmware-emu/core/hal.h"

bool hal_tdes_encrypt(struct hal *hal, const uint8_t key[24], uint8_t block[8])
{
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "DES-EDE3", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0;

	(void)hal;
	bool ok = cipher && ctx && EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_EncryptUpdate(ctx, block, &n, block, 8) == 1 && n == 8;
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}
