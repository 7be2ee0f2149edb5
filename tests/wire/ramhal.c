/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/ramhal.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/scp_host.h"
#include "common/tlv.h"
#include "firmware-emu/hal/key_import.h"

static void give_up(const char *what, uint32_t at)
{
	fprintf(stderr, "ramhal: %s at %#x\n", what, (unsigned)at);
	abort();
}

/* splitmix64: repeatable, which is what a test wants. */
static uint8_t chance(struct hal *hal)
{
	uint64_t z = hal->chance += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint8_t)(z ^ z >> 31);
}

void ramhal_init(struct hal *hal, uint32_t size, uint32_t sector)
{
	*hal = (struct hal){
		.size = size,
		.sector = sector,
		.button = true,
		.chance = 1,
		.serial = {0x00, 0x55, 0x4B, 0x45, 0x59, 0x00, 0x00, 0x01}
        };
	hal->flash = malloc(size);
	hal->programmed = calloc(size, 1);
	if (!hal->flash || !hal->programmed)
		abort();
	memset(hal->flash, 0xFF, size);
}

void ramhal_free(struct hal *hal)
{
	free(hal->flash);
	free(hal->programmed);
}

void ramhal_load(struct hal *hal, const uint8_t *image)
{
	memcpy(hal->flash, image, hal->size);
	for (uint32_t i = 0; i < hal->size; i++)
		hal->programmed[i] = image[i] != 0xFF;
}

/* ---- flash ---- */

uint32_t hal_flash_size(struct hal *hal)
{
	return hal->size;
}

uint32_t hal_flash_sector(struct hal *hal)
{
	return hal->sector;
}

bool hal_flash_read(struct hal *hal, uint32_t at, uint8_t *to, size_t n)
{
	if (at > hal->size || n > hal->size - at)
		give_up("read outside the flash", at);
	if (hal->fail_reads)
		return false;
	memcpy(to, hal->flash + at, n);
	return true;
}

static void program(struct hal *hal, uint32_t at, uint8_t v, bool torn)
{
	if (hal->programmed[at])
		give_up("byte programmed twice", at);
	if (v & ~hal->flash[at])
		give_up("bit set by a write", at);
	/* A torn write that left FF left nothing that anybody could see. */
	hal->programmed[at] = !torn || v != 0xFF;
	hal->flash[at] = v;
}

static bool counted_down(unsigned long *n)
{
	return *n > 0 && --*n == 0;
}

static void tear_write(struct hal *hal, uint32_t at, struct bytes data)
{
	size_t whole = 0, end = data.len, dent = SIZE_MAX;

	if (hal->torn == RAMHAL_TORN_NOTHING)
		end = 0;
	else if (hal->torn == RAMHAL_TORN_PREFIX)
		whole = end = data.len / 2;
	else if (hal->torn == RAMHAL_TORN_GARBAGE)
		whole = chance(hal) % data.len;
	else
		whole = data.len;
	if (hal->torn == RAMHAL_TORN_DENTED)
		dent = chance(hal) % data.len;
	for (size_t i = 0; i < end; i++) {
		uint8_t v = i < whole ? data.data[i] : chance(hal);
		program(hal, at + (uint32_t)i, i == dent ? v | (uint8_t)(chance(hal) | 1) : v, true);
	}
}

bool hal_flash_write(struct hal *hal, uint32_t at, struct bytes data)
{
	if (at > hal->size || data.len > hal->size - at)
		give_up("write outside the flash", at);
	if (counted_down(&hal->fail_at))
		return false;
	if (counted_down(&hal->cut_at)) {
		tear_write(hal, at, data);
		longjmp(*hal->cut, 1);
	}
	for (size_t i = 0; i < data.len; i++)
		program(hal, at + (uint32_t)i, data.data[i], false);
	hal->writes++;
	hal->bytes_written += data.len;
	return true;
}

static void erase(struct hal *hal, uint32_t at, uint32_t n)
{
	memset(hal->flash + at, 0xFF, n);
	memset(hal->programmed + at, 0, n);
}

static void tear_erase(struct hal *hal, uint32_t at)
{
	if (hal->torn == RAMHAL_TORN_PREFIX)
		erase(hal, at, hal->sector / 2);
	if (hal->torn == RAMHAL_TORN_WHOLE)
		erase(hal, at, hal->sector);
	if (hal->torn == RAMHAL_TORN_GARBAGE || hal->torn == RAMHAL_TORN_DENTED) {
		for (uint32_t i = 0; i < hal->sector; i++) {
			hal->flash[at + i] = chance(hal);
			hal->programmed[at + i] = true;
		}
	}
}

bool hal_flash_erase(struct hal *hal, uint32_t at)
{
	if (at % hal->sector || at >= hal->size)
		give_up("erase of no sector", at);
	if (counted_down(&hal->fail_at))
		return false;
	if (counted_down(&hal->cut_at)) {
		tear_erase(hal, at);
		longjmp(*hal->cut, 1);
	}
	erase(hal, at, hal->sector);
	hal->erases++;
	return true;
}

/* ---- the small things ---- */

bool hal_random(struct hal *hal, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = chance(hal);
	return !hal->no_chance;
}

void hal_serial(struct hal *hal, uint8_t serial[8])
{
	memcpy(serial, hal->serial, 8);
}

bool hal_touch(struct hal *hal, uint32_t milliseconds)
{
	(void)milliseconds;
	hal->touches++;
	return hal->button;
}

bool hal_sha256(struct hal *hal, struct bytes in, uint8_t digest[32])
{
	(void)hal;
	return SHA256(in.data ? in.data : (const uint8_t *)"", in.len, digest) != NULL;
}

bool hal_aes_cbc_encrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	(void)hal;
	return scp_openssl.aes_cbc_encrypt(NULL, key, iv, data, n);
}

bool hal_aes_cbc_decrypt(struct hal *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	(void)hal;
	return scp_openssl.aes_cbc_decrypt(NULL, key, iv, data, n);
}

/* Few iterations: the tests try PINs by the thousand. */
bool hal_pin_hash(struct hal *hal, struct bytes pin, struct bytes salt, uint32_t iterations, uint8_t hash[32])
{
	hal->pin_hashes++;
	return PKCS5_PBKDF2_HMAC((const char *)pin.data, (int)pin.len, salt.data, (int)salt.len,
		       (int)(iterations / 1024 + 1), EVP_sha256(), 32, hash) == 1;
}

/* ---- keys ---- */

static const struct kind {
	uint8_t algorithm;
	int bits;
	const char *curve;
} kinds[] = {
	{0x07, 2048, NULL   },
	{0x05, 3072, NULL   },
	{0x16, 4096, NULL   },
	{0x11, 256,  "P-256"},
	{0x14, 384,  "P-384"},
	{0x15, 521,  "P-521"},
};

#define KINDS  (sizeof(kinds) / sizeof(kinds[0]))
#define CACHED 3

static const struct kind *kind_of(uint8_t algorithm)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].algorithm == algorithm)
			return &kinds[i];
	return NULL;
}

bool hal_key_supported(struct hal *hal, uint8_t algorithm)
{
	(void)hal;
	return kind_of(algorithm) != NULL;
}

static EVP_PKEY *make_key(const struct kind *k)
{
	return k->curve ? EVP_EC_gen(k->curve) : EVP_RSA_gen((unsigned)k->bits);
}

static EVP_PKEY *cache[KINDS][CACHED];

static void free_cache(void)
{
	for (size_t i = 0; i < KINDS; i++)
		for (size_t n = 0; n < CACHED; n++)
			EVP_PKEY_free(cache[i][n]);
}

/* Owned by the caller. */
static EVP_PKEY *serve_key(struct hal *hal, const struct kind *k)
{
	EVP_PKEY **cached = &cache[k - kinds][hal->served++ % CACHED];
	static bool registered;

	if (hal->fresh_keys)
		return make_key(k);
	if (!registered) {
		atexit(free_cache);
		registered = true;
	}
	if (!*cached)
		*cached = make_key(k);
	if (*cached)
		EVP_PKEY_up_ref(*cached);
	return *cached;
}

EVP_PKEY *ramhal_key(uint8_t algorithm, unsigned n)
{
	const struct kind *k = kind_of(algorithm);

	return k ? cache[k - kinds][n % CACHED] : NULL;
}

static size_t put_secret(EVP_PKEY *key, const char *name, struct ramhal_secret *to)
{
	uint8_t raw[512];
	BIGNUM *n = NULL;
	const bool there = EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_num_bytes(n) >= 16;

	if (there) {
		BN_bn2bin(n, raw);
		memcpy(to->bytes, raw, sizeof to->bytes);
	}
	BN_clear_free(n);
	return there;
}

size_t ramhal_secrets(struct ramhal_secret *to, size_t max)
{
	static const char *const names[] = {OSSL_PKEY_PARAM_RSA_D, OSSL_PKEY_PARAM_RSA_FACTOR1,
		OSSL_PKEY_PARAM_RSA_FACTOR2, OSSL_PKEY_PARAM_PRIV_KEY};
	size_t found = 0;

	for (size_t k = 0; k < KINDS * CACHED; k++) {
		EVP_PKEY *const key = cache[k / CACHED][k % CACHED];
		for (size_t i = 0; key && i < sizeof names / sizeof *names && found < max; i++)
			found += put_secret(key, names[i], &to[found]);
	}
	return found;
}

static bool put_number(struct builder *b, EVP_PKEY *key, const char *name, uint32_t tag)
{
	uint8_t raw[512];
	BIGNUM *n = NULL;
	bool ok = EVP_PKEY_get_bn_param(key, name, &n) == 1 && BN_num_bytes(n) <= (int)sizeof(raw);

	if (ok)
		tlv_put(b, tag, BYTES(raw, (size_t)BN_bn2bin(n, raw)));
	BN_free(n);
	return ok;
}

static bool put_public(struct builder *b, EVP_PKEY *key, const struct kind *k)
{
	uint8_t point[133];
	size_t len;

	if (!k->curve)
		return put_number(b, key, OSSL_PKEY_PARAM_RSA_N, 0x81) &&
		       put_number(b, key, OSSL_PKEY_PARAM_RSA_E, 0x82);
	if (EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) != 1)
		return false;
	tlv_put(b, 0x86, BYTES(point, len));
	return true;
}

bool hal_key_generate(struct hal *hal, uint8_t algorithm, struct builder *blob, struct builder *public_key)
{
	const struct kind *k = kind_of(algorithm);
	EVP_PKEY *key = hal->no_keys || !k ? NULL : serve_key(hal, k);
	uint8_t *der = NULL;
	int len = key ? i2d_PrivateKey(key, &der) : -1;
	bool ok = len > 0 && put_public(public_key, key, k);

	if (ok)
		builder_put(blob, BYTES(der, (size_t)len));
	OPENSSL_free(der);
	EVP_PKEY_free(key);
	return ok;
}

enum hal_result hal_key_import(
	struct hal *hal, uint8_t algorithm, struct bytes value, struct bytes public_key, struct builder *blob)
{
	const struct key_kind *k = key_kind_find(algorithm);
	EVP_PKEY *key = hal->no_keys || !k ? NULL : key_import(k, value, public_key);
	uint8_t *der = NULL;
	int len = key ? i2d_PrivateKey(key, &der) : -1;

	if (len > 0)
		builder_put(blob, BYTES(der, (size_t)len));
	OPENSSL_clear_free(der, len > 0 ? (size_t)len : 0);
	EVP_PKEY_free(key);
	return hal->no_keys ? HAL_FAILED : len > 0 ? HAL_OK : HAL_BAD_INPUT;
}

enum hal_result hal_key_public(struct hal *hal, uint8_t algorithm, struct bytes value, struct builder *public_key)
{
	const struct key_kind *k = key_kind_find(algorithm);

	if (hal->no_keys || !k)
		return HAL_FAILED;
	return key_public_of(k, value, public_key) ? HAL_OK : HAL_BAD_INPUT;
}

static enum hal_result rsa(EVP_PKEY *key, struct bytes input, struct builder *result)
{
	BIGNUM *n = NULL, *m = BN_bin2bn(input.data, (int)input.len, NULL);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	enum hal_result done = HAL_FAILED;
	uint8_t out[512];
	size_t len = sizeof(out);

	if (!ctx || !m || EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n) != 1)
		goto out;
	if (BN_cmp(m, n) >= 0) {
		done = HAL_BAD_INPUT;
		goto out;
	}
	if (EVP_PKEY_decrypt_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) == 1 &&
		EVP_PKEY_decrypt(ctx, out, &len, input.data, input.len) == 1) {
		builder_put(result, BYTES(out, len));
		done = HAL_OK;
	}
out:
	BN_free(n);
	BN_free(m);
	EVP_PKEY_CTX_free(ctx);
	return done;
}

static enum hal_result ecdsa(EVP_PKEY *key, int size, struct bytes input, struct builder *result)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	ECDSA_SIG *sig = NULL;
	uint8_t der[160], uncut[66];
	size_t len = sizeof(der);
	const uint8_t *at = der;
	enum hal_result done = HAL_FAILED;

	/* P-521: the integer comes with its 521 bits to the right; OpenSSL takes the leftmost ones of what it is given.
	 */
	if (input.len == sizeof(uncut)) {
		for (size_t i = 0; i < sizeof(uncut); i++)
			uncut[i] = (uint8_t)(input.data[i] << 7 | (i + 1 < input.len ? input.data[i + 1] >> 1 : 0));
		input = BYTES_OF(uncut);
	}
	if (ctx && EVP_PKEY_sign_init(ctx) == 1 && EVP_PKEY_sign(ctx, der, &len, input.data, input.len) == 1)
		sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	if (sig) {
		uint8_t *r = builder_room(result, (size_t)size), *s = builder_room(result, (size_t)size);
		if (r && s && BN_bn2binpad(ECDSA_SIG_get0_r(sig), r, size) == size &&
			BN_bn2binpad(ECDSA_SIG_get0_s(sig), s, size) == size)
			done = HAL_OK;
	}
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return done;
}

static enum hal_result ecdh(EVP_PKEY *key, struct bytes input, struct builder *result)
{
	EVP_PKEY *peer = EVP_PKEY_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	enum hal_result done = HAL_FAILED;
	uint8_t out[66];
	size_t len = sizeof(out);

	if (!peer || !ctx || EVP_PKEY_copy_parameters(peer, key) != 1)
		goto out;
	done = HAL_BAD_INPUT;
	if (input.data[0] != 4 || EVP_PKEY_set1_encoded_public_key(peer, input.data, input.len) != 1)
		goto out;
	if (EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer(ctx, peer) == 1 &&
		EVP_PKEY_derive(ctx, out, &len) == 1) {
		builder_put(result, BYTES(out, len));
		done = HAL_OK;
	}
out:
	EVP_PKEY_free(peer);
	EVP_PKEY_CTX_free(ctx);
	return done;
}

/* Keys that were used last, parsed: reading a blob takes OpenSSL longer than using it. */
static struct {
	uint8_t digest[32];
	EVP_PKEY *key;
} parsed[8];

static void free_parsed(void)
{
	for (size_t i = 0; i < sizeof(parsed) / sizeof(parsed[0]); i++)
		EVP_PKEY_free(parsed[i].key);
}

/* Borrowed. */
static EVP_PKEY *parse_key(struct bytes blob)
{
	const size_t count = sizeof(parsed) / sizeof(parsed[0]);
	static unsigned turn;
	uint8_t digest[32];
	const uint8_t *at = blob.data;

	SHA256(blob.data, blob.len, digest);
	for (size_t i = 0; i < count; i++)
		if (parsed[i].key && memcmp(parsed[i].digest, digest, sizeof(digest)) == 0)
			return parsed[i].key;
	if (turn == 0)
		atexit(free_parsed);
	size_t slot = turn++ % count;
	EVP_PKEY_free(parsed[slot].key);
	parsed[slot].key = d2i_AutoPrivateKey(NULL, &at, (long)blob.len);
	memcpy(parsed[slot].digest, digest, sizeof(digest));
	return parsed[slot].key;
}

enum hal_result hal_key_operate(struct hal *hal, uint8_t algorithm, enum hal_operation operation, struct bytes blob,
	struct bytes input, struct builder *result)
{
	const struct kind *k = kind_of(algorithm);
	EVP_PKEY *key = k ? parse_key(blob) : NULL;

	(void)hal;
	if (key && !k->curve)
		return rsa(key, input, result);
	if (key && operation == HAL_SIGN)
		return ecdsa(key, (k->bits + 7) / 8, input, result);
	if (key && operation == HAL_DERIVE)
		return ecdh(key, input, result);
	return HAL_FAILED;
}
