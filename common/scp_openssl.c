/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scp_host.h"

#include "common/crypto_evp.h"

#include <limits.h>
#include <stdatomic.h>

/*
 * Fetched once, and never given back: EVP_aes_128_cbc() and its like are looked for among all providers in each use,
 * which takes longer than a command's blocks, and a command has eight of them. NULL: no memory, or no such cipher here.
 */
static const EVP_CIPHER *fetched(_Atomic(EVP_CIPHER *) *cipher, const char *name)
{
	EVP_CIPHER *c = atomic_load_explicit(cipher, memory_order_acquire), *none = NULL;

	if (c)
		return c;
	c = EVP_CIPHER_fetch(NULL, name, NULL);
	crypto_clear_errors();
	if (!c || atomic_compare_exchange_strong(cipher, &none, c))
		return c;
	/* Another thread was first. */
	EVP_CIPHER_free(c);
	return none;
}

static const EVP_CIPHER *cbc_of(size_t key_len)
{
	static _Atomic(EVP_CIPHER *) ciphers[3];
	static const char *const names[3] = {"AES-128-CBC", "AES-192-CBC", "AES-256-CBC"};

	if (key_len != 16 && key_len != 24 && key_len != 32)
		return NULL;
	return fetched(&ciphers[key_len / 8 - 2], names[key_len / 8 - 2]);
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
	/* Padding would hold the last block back in decryption only, as long as nobody asks for an end. */
	bool ok = ctx && EVP_CipherInit_ex2(ctx, cipher, key.data, iv, forward, NULL) == 1 &&
		  (forward || EVP_CIPHER_CTX_set_padding(ctx, 0) == 1) &&
		  EVP_CipherUpdate(ctx, data, &done, data, (int)n) == 1 && (size_t)done == n;
	EVP_CIPHER_CTX_free(ctx);
	if (ok && forward)
		bytes_copy(last, BYTES(data + n - SCP_BLOCK, SCP_BLOCK));
	if (ok)
		bytes_copy(iv, BYTES_OF(last));
	else
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
