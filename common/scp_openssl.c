/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scp_host.h"

#include "common/crypto_evp.h"

#include <limits.h>

static const EVP_CIPHER *cbc_of(size_t key_len)
{
	switch (key_len) {
	case 16:
		return EVP_aes_128_cbc();
	case 24:
		return EVP_aes_192_cbc();
	case 32:
		return EVP_aes_256_cbc();
	default:
		return NULL;
	}
}

static bool cbc(bool forward, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	const EVP_CIPHER *cipher = cbc_of(key.len);
	uint8_t last[SCP_BLOCK];
	int done = 0;

	if (!cipher || n == 0 || n % SCP_BLOCK != 0 || n > INT_MAX)
		return false;
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	if (!forward)
		bytes_copy(last, BYTES(data + n - SCP_BLOCK, SCP_BLOCK));
	bool ok = ctx && EVP_CipherInit_ex2(ctx, cipher, key.data, iv, forward, NULL) == 1 &&
		  EVP_CIPHER_CTX_set_padding(ctx, 0) == 1 && EVP_CipherUpdate(ctx, data, &done, data, (int)n) == 1 &&
		  (size_t)done == n;
	EVP_CIPHER_CTX_free(ctx);
	if (ok && forward)
		bytes_copy(last, BYTES(data + n - SCP_BLOCK, SCP_BLOCK));
	if (ok)
		bytes_copy(iv, BYTES_OF(last));
	crypto_clear_errors();
	return ok;
}

static bool cbc_encrypt(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	(void)ctx;
	return cbc(true, key, iv, data, n);
}

static bool cbc_decrypt(void *ctx, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	(void)ctx;
	return cbc(false, key, iv, data, n);
}

static bool sha256(void *ctx, struct bytes in, uint8_t digest[32])
{
	(void)ctx;
	return crypto_digest(CRYPTO_SHA256, in, digest);
}

const struct scp_crypto scp_openssl = {NULL, sha256, cbc_encrypt, cbc_decrypt};
