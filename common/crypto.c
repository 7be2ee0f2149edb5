/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto.h"

#include <stdlib.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

/* RFC 8017 9.2 note 1: SEQUENCE { SEQUENCE { OID, NULL }, OCTET STRING }; the OIDs of FIPS 180 and 202 differ in a
 * byte. */
#define NIST_DIGEST_INFO(oid, size)                                                                                    \
	{                                                                                                              \
		(const uint8_t[]){0x30, 0x11 + (size), 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03,     \
			0x04, 0x02, (oid), 0x05, 0x00, 0x04, (size)},                                                  \
			19                                                                                             \
	}
#define SHA1_DIGEST_INFO                                                                                               \
	{                                                                                                              \
		(const uint8_t[]){                                                                                     \
			0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2B, 0x0E, 0x03, 0x02, 0x1A, 0x05, 0x00, 0x04, 0x14},     \
			15                                                                                             \
	}

static const struct crypto_hash_info hashes[CRYPTO_HASHES] = {
	[CRYPTO_SHA1] = {"SHA1", 20,  64,                  SHA1_DIGEST_INFO},
	[CRYPTO_SHA224] = { "SHA2-224",    28,  64,  NIST_DIGEST_INFO(4,              28)},
	[CRYPTO_SHA256] = { "SHA2-256",    32,  64,  NIST_DIGEST_INFO(1,              32)},
	[CRYPTO_SHA384] = { "SHA2-384",    48, 128,  NIST_DIGEST_INFO(2,              48)},
	[CRYPTO_SHA512] = { "SHA2-512",    64, 128,  NIST_DIGEST_INFO(3,              64)},
	[CRYPTO_SHA3_224] = { "SHA3-224",    28, 144,  NIST_DIGEST_INFO(7,              28)},
	[CRYPTO_SHA3_256] = { "SHA3-256",    32, 136,  NIST_DIGEST_INFO(8,              32)},
	[CRYPTO_SHA3_384] = { "SHA3-384",    48, 104,  NIST_DIGEST_INFO(9,              48)},
	[CRYPTO_SHA3_512] = { "SHA3-512",    64,  72, NIST_DIGEST_INFO(10,              64)},
};

const struct crypto_hash_info *crypto_hash_info(enum crypto_hash hash)
{
	return hash > CRYPTO_NO_HASH && hash < CRYPTO_HASHES ? &hashes[hash] : NULL;
}

size_t crypto_hash_size(enum crypto_hash hash)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);
	return info ? info->size : 0;
}

struct crypto_digest_ctx {
	EVP_MD_CTX *evp;
	enum crypto_hash hash;
};

static struct crypto_digest_ctx *ctx_new(enum crypto_hash hash)
{
	struct crypto_digest_ctx *d = calloc(1, sizeof *d);
	if (!d)
		return NULL;
	d->hash = hash;
	d->evp = EVP_MD_CTX_new();
	if (!d->evp) {
		free(d);
		return NULL;
	}
	return d;
}

struct crypto_digest_ctx *crypto_digest_new(enum crypto_hash hash)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);
	struct crypto_digest_ctx *d = info ? ctx_new(hash) : NULL;
	EVP_MD *md = d ? EVP_MD_fetch(NULL, info->name, NULL) : NULL;

	if (!md || !EVP_DigestInit_ex2(d->evp, md, NULL)) {
		crypto_digest_free(d);
		d = NULL;
	}
	EVP_MD_free(md);
	return d;
}

bool crypto_digest_update(struct crypto_digest_ctx *d, struct bytes in)
{
	return in.len == 0 || EVP_DigestUpdate(d->evp, in.data, in.len);
}

bool crypto_digest_final(struct crypto_digest_ctx *d, uint8_t *out)
{
	return EVP_DigestFinal_ex(d->evp, out, NULL);
}

struct crypto_digest_ctx *crypto_digest_copy(const struct crypto_digest_ctx *d)
{
	struct crypto_digest_ctx *copy = ctx_new(d->hash);
	if (copy && !EVP_MD_CTX_copy_ex(copy->evp, d->evp)) {
		crypto_digest_free(copy);
		copy = NULL;
	}
	return copy;
}

void crypto_digest_free(struct crypto_digest_ctx *d)
{
	if (!d)
		return;
	EVP_MD_CTX_free(d->evp);
	free(d);
}

enum crypto_hash crypto_digest_hash(const struct crypto_digest_ctx *d)
{
	return d->hash;
}

bool crypto_digest(enum crypto_hash hash, struct bytes in, uint8_t *out)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);

	return info && EVP_Q_digest(NULL, info->name, NULL, in.data, in.len, out, NULL) == 1;
}

bool crypto_random(uint8_t *out, size_t n)
{
	for (size_t done = 0; done < n;) {
		int piece = n - done > INT_MAX ? INT_MAX : (int)(n - done);
		if (RAND_bytes(out + done, piece) != 1) {
			bytes_wipe(out, n);
			return false;
		}
		done += (size_t)piece;
	}
	return true;
}
