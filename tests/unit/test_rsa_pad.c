/* SPDX-License-Identifier: Apache-2.0 */
/* Our paddings against OpenSSL's, in both directions, around a raw RSA operation as the token does it. */
#include "common/rsa_pad.h"
#include "tests/unit/test.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

/* Under valgrind a block that is "undefined" shows every branch and every address that depends on it. */
#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_MAKE_MEM_UNDEFINED
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) ((void)(p), (void)(n))
#define VALGRIND_MAKE_MEM_DEFINED(p, n)   ((void)(p), (void)(n))
#define RUNNING_ON_VALGRIND               0
#endif

/* Moduli around a byte's edge: EM of PSS is a byte shorter than the modulus where bits = 8k + 1. */
static const unsigned sizes[] = {1024, 1025, 1026, 1031, 1032, 2048};
#define KEYS  COUNT(sizes)
#define LARGE (KEYS - 1)

static EVP_PKEY *keys[KEYS];

static int make_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		if (!(keys[i] = EVP_RSA_gen(sizes[i])))
			return -1;
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	for (size_t i = 0; i < KEYS; i++)
		EVP_PKEY_free(keys[i]);
	return 0;
}

static const char *name_of(enum crypto_hash h)
{
	return crypto_hash_info(h)->name;
}

typedef int evp_operation(
	EVP_PKEY_CTX *ctx, unsigned char *out, size_t *out_len, const unsigned char *in, size_t in_len);
typedef int evp_init(EVP_PKEY_CTX *ctx);

/* One OpenSSL operation with a padding; p for PSS and OAEP. 0 when it failed. */
static size_t openssl(EVP_PKEY *key, evp_init *init, evp_operation *operation, int padding,
	const struct rsa_pad_params *p, struct bytes label, struct bytes in, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t n = 512;

	assert_true(init(ctx) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0);
	if (padding == RSA_PKCS1_OAEP_PADDING) {
		assert_true(EVP_PKEY_CTX_set_rsa_oaep_md_name(ctx, name_of(p->hash), NULL) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, name_of(p->mgf_hash), NULL) > 0);
		if (label.len > 0)
			assert_true(EVP_PKEY_CTX_set0_rsa_oaep_label(
					    ctx, OPENSSL_memdup(label.data, label.len), (int)label.len) > 0);
	}
	if (padding == RSA_PKCS1_PSS_PADDING) {
		EVP_MD *md = EVP_MD_fetch(NULL, name_of(p->hash), NULL);
		assert_true(EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, name_of(p->mgf_hash), NULL) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)p->salt_len) > 0);
		EVP_MD_free(md);
	}
	if (operation(ctx, out, &n, in.data, in.len) <= 0)
		n = 0;
	EVP_PKEY_CTX_free(ctx);
	return n;
}

static size_t k_of(size_t key)
{
	return (sizes[key] + 7) / 8;
}

/* What the token does: the block to the power of d. */
static void raw_private(size_t key, const uint8_t *block, uint8_t *out)
{
	size_t n = openssl(keys[key], EVP_PKEY_sign_init, EVP_PKEY_sign, RSA_NO_PADDING, NULL, BYTES_NONE,
		BYTES(block, k_of(key)), out);
	assert_int_equal(n, k_of(key));
}

static void raw_decrypt(size_t key, const uint8_t *in, uint8_t *block)
{
	size_t n = openssl(keys[key], EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, RSA_NO_PADDING, NULL, BYTES_NONE,
		BYTES(in, k_of(key)), block);
	assert_int_equal(n, k_of(key));
}

static void raw_public(size_t key, const uint8_t *in, uint8_t *out)
{
	size_t n = openssl(keys[key], EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, RSA_NO_PADDING, NULL, BYTES_NONE,
		BYTES(in, k_of(key)), out);
	assert_int_equal(n, k_of(key));
}

static size_t random_below(size_t n)
{
	uint32_t v;
	assert_true(crypto_random((uint8_t *)&v, sizeof v));
	return v % n;
}

/* ---- EMSA-PKCS1-v1_5 (RFC 8017 9.2) ---- */

static void pkcs1_signs_like_openssl(void **state)
{
	(void)state;
	for (size_t key = 0; key < KEYS; key++) {
		for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
			enum crypto_hash hash = (enum crypto_hash)h;
			size_t size = crypto_hash_size(hash), k = k_of(key);
			uint8_t digest[CRYPTO_DIGEST_MAX], block[512], ours[512], theirs[512];
			assert_true(crypto_random(digest, size));
			assert_true(rsa_pad_pkcs1_sign_digest(hash, BYTES(digest, size), block, k));
			raw_private(key, block, ours);
			EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[key], NULL);
			EVP_MD *md = EVP_MD_fetch(NULL, name_of(hash), NULL);
			size_t n = sizeof theirs;
			assert_true(EVP_PKEY_sign_init(ctx) > 0 &&
				    EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) > 0);
			assert_true(EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);
			assert_true(EVP_PKEY_sign(ctx, theirs, &n, digest, size) > 0);
			assert_bytes_equal(BYTES(ours, k), BYTES(theirs, n));
			EVP_MD_free(md);
			EVP_PKEY_CTX_free(ctx);
		}
	}
}

static void pkcs1_sign_boundaries(void **state)
{
	(void)state;
	uint8_t block[32], t[32] = {0x77};
	assert_true(rsa_pad_pkcs1_sign(BYTES_NONE, block, 11));
	assert_bytes_hex(BYTES(block, 11), "0001 FFFFFFFFFFFFFFFF 00");
	assert_true(rsa_pad_pkcs1_sign(BYTES(t, 1), block, 12));
	assert_bytes_hex(BYTES(block, 12), "0001 FFFFFFFFFFFFFFFF 00 77");
	assert_true(rsa_pad_pkcs1_sign(BYTES(t, 1), block, 13));
	assert_bytes_hex(BYTES(block, 13), "0001 FFFFFFFFFFFFFFFFFF 00 77");
	assert_false(rsa_pad_pkcs1_sign(BYTES(t, 1), block, 11));
	assert_false(rsa_pad_pkcs1_sign(BYTES_NONE, block, 10));
	assert_false(rsa_pad_pkcs1_sign(BYTES_NONE, block, 0));
	assert_false(rsa_pad_pkcs1_sign_digest(CRYPTO_SHA256, BYTES(t, 31), block, 32));
	assert_false(rsa_pad_pkcs1_sign_digest(CRYPTO_SHA256, BYTES(t, 32), block, 32));
	assert_false(rsa_pad_pkcs1_sign_digest(CRYPTO_NO_HASH, BYTES_NONE, block, 32));
}

/* RFC 8017 9.2: what was put in comes out, and nothing out of a block that is no such one. */
static void pkcs1_recovers(void **state)
{
	static const uint8_t text[] = "signed";
	uint8_t block[64];
	struct bytes got;

	(void)state;
	for (size_t n = 0; n < sizeof text; n++) {
		assert_true(rsa_pad_pkcs1_sign(BYTES(text, n), block, sizeof block));
		assert_true(rsa_pad_pkcs1_recover(BYTES_OF(block), &got));
		assert_int_equal(got.len, n);
		assert_memory_equal(got.data, text, n);
	}
	/* Eight bytes of padding are enough, seven are not. */
	assert_true(rsa_pad_pkcs1_sign(BYTES(text, 6), block, 17));
	assert_true(rsa_pad_pkcs1_recover(BYTES(block, 17), &got));
	block[9] = 0;
	assert_false(rsa_pad_pkcs1_recover(BYTES(block, 17), &got));
	block[9] = 0xFE;
	assert_false(rsa_pad_pkcs1_recover(BYTES(block, 17), &got));
	block[9] = 0xFF;
	block[10] = 0xFF;
	for (size_t n = 0; n < 11; n++)
		assert_false(rsa_pad_pkcs1_recover(BYTES(block, n), &got));
	block[1] = 2;
	assert_false(rsa_pad_pkcs1_recover(BYTES(block, 17), &got));
}

/* ---- EMSA-PSS (9.1) ---- */

static void pss_both_ways(size_t key, const struct rsa_pad_params *p)
{
	size_t size = crypto_hash_size(p->hash), k = k_of(key);
	uint8_t digest[CRYPTO_DIGEST_MAX], block[512], sig[512], back[512];

	assert_true(crypto_random(digest, size));
	/* ours to theirs: EVP_PKEY_verify over what the raw operation made */
	assert_true(rsa_pad_pss_encode(p, BYTES(digest, size), BYTES_NONE, sizes[key], block));
	assert_true(rsa_pad_pss_verify(p, BYTES(digest, size), sizes[key], BYTES(block, k)));
	raw_private(key, block, sig);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, keys[key], NULL);
	EVP_MD *md = EVP_MD_fetch(NULL, name_of(p->hash), NULL);
	assert_true(EVP_PKEY_verify_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) > 0);
	assert_true(EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, name_of(p->mgf_hash), NULL) > 0);
	assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)p->salt_len) > 0);
	assert_int_equal(EVP_PKEY_verify(ctx, sig, k, digest, size), 1);
	EVP_MD_free(md);
	EVP_PKEY_CTX_free(ctx);
	/* theirs to ours */
	assert_int_equal(openssl(keys[key], EVP_PKEY_sign_init, EVP_PKEY_sign, RSA_PKCS1_PSS_PADDING, p, BYTES_NONE,
				 BYTES(digest, size), sig),
		k);
	raw_public(key, sig, back);
	assert_true(rsa_pad_pss_verify(p, BYTES(digest, size), sizes[key], BYTES(back, k)));
	back[random_below(k)] ^= (uint8_t)(1 << random_below(8));
	assert_false(rsa_pad_pss_verify(p, BYTES(digest, size), sizes[key], BYTES(back, k)));
}

/* Every pair of hashes, every key, salts from none to the longest. */
static void pss_agrees_with_openssl(void **state)
{
	(void)state;
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		for (int m = CRYPTO_NO_HASH + 1; m < CRYPTO_HASHES; m++) {
			for (size_t key = 0; key < KEYS; key++) {
				struct rsa_pad_params p = {(enum crypto_hash)h, (enum crypto_hash)m, 0};
				size_t max;
				if (RUNNING_ON_VALGRIND && (h + m + key) % 9 != 0) /* a sample is enough there */
					continue;
				if (key == LARGE && (h + m) % 4 != 0)
					continue;
				if (!rsa_pad_pss_salt_max(p.hash, sizes[key], &max))
					continue;
				p.salt_len = crypto_hash_size(p.hash) < max ? crypto_hash_size(p.hash) : max;
				pss_both_ways(key, &p);
				p.salt_len = random_below(max + 1);
				pss_both_ways(key, &p);
				if (m == h) {
					p.salt_len = max;
					pss_both_ways(key, &p);
					p.salt_len = 0;
					pss_both_ways(key, &p);
				}
			}
		}
	}
}

/* Any other bit in any place, another salt length, hash, digest or size: refused. */
static void pss_refuses_every_change(void **state)
{
	(void)state;
	static const size_t bits[] = {1024, 1025, 1026, 1031};
	for (size_t b = 0; b < COUNT(bits); b++) {
		struct rsa_pad_params p = {CRYPTO_SHA256, CRYPTO_SHA1, 20}, other;
		uint8_t digest[32], block[160] = {0};
		size_t k = (bits[b] + 7) / 8;
		struct bytes d = BYTES_OF(digest), em = BYTES(block, k);
		assert_true(crypto_random(digest, sizeof digest));
		assert_true(rsa_pad_pss_encode(&p, d, BYTES_NONE, bits[b], block));
		for (size_t i = 0; i < 8 * k; i++) {
			block[i / 8] ^= (uint8_t)(1 << i % 8);
			assert_false(rsa_pad_pss_verify(&p, d, bits[b], em));
			block[i / 8] ^= (uint8_t)(1 << i % 8);
		}
		assert_true(rsa_pad_pss_verify(&p, d, bits[b], em));
		other = p;
		other.salt_len = 19;
		assert_false(rsa_pad_pss_verify(&other, d, bits[b], em));
		other.salt_len = 21;
		assert_false(rsa_pad_pss_verify(&other, d, bits[b], em));
		other.salt_len = SIZE_MAX;
		assert_false(rsa_pad_pss_verify(&other, d, bits[b], em));
		other = p;
		other.mgf_hash = CRYPTO_SHA256;
		assert_false(rsa_pad_pss_verify(&other, d, bits[b], em));
		other = p;
		other.hash = CRYPTO_SHA3_256;
		assert_false(rsa_pad_pss_verify(&other, d, bits[b], em));
		assert_false(rsa_pad_pss_verify(&p, d, bits[b], BYTES(block, k - 1)));
		assert_false(rsa_pad_pss_verify(&p, d, bits[b], BYTES(block, k + 1)));
		assert_false(rsa_pad_pss_verify(&p, d, bits[b], BYTES_NONE));
		assert_false(rsa_pad_pss_verify(&p, BYTES(digest, 31), bits[b], em));
		digest[0] ^= 1;
		assert_false(rsa_pad_pss_verify(&p, d, bits[b], em));
	}
}

static void pss_boundaries(void **state)
{
	(void)state;
	uint8_t digest[64] = {1}, salt[64] = {2}, block[1025];
	size_t max;
	/* emLen >= hLen + sLen + 2 (9.1.1 step 3) */
	assert_true(rsa_pad_pss_salt_max(CRYPTO_SHA512, 528 + 1, &max));
	assert_int_equal(max, 0);
	assert_true(rsa_pad_pss_salt_max(CRYPTO_SHA512, 528 + 2, &max));
	assert_int_equal(max, 1);
	assert_false(rsa_pad_pss_salt_max(CRYPTO_SHA512, 520 + 1, &max));
	assert_false(rsa_pad_pss_salt_max(CRYPTO_SHA512, 0, &max));
	assert_false(rsa_pad_pss_salt_max(CRYPTO_NO_HASH, 2048, &max));
	assert_true(rsa_pad_pss_salt_max(CRYPTO_SHA256, 8192, &max));
	assert_false(rsa_pad_pss_salt_max(CRYPTO_SHA256, 8193, &max));

	struct rsa_pad_params p = {CRYPTO_SHA512, CRYPTO_SHA512, 1};
	assert_false(rsa_pad_pss_encode(&p, BYTES_OF(digest), BYTES(salt, 1), 529, block));
	assert_true(rsa_pad_pss_encode(&p, BYTES_OF(digest), BYTES(salt, 1), 530, block));
	assert_false(rsa_pad_pss_encode(&p, BYTES_OF(digest), BYTES(salt, 2), 1024, block)); /* not salt_len */
	assert_false(rsa_pad_pss_encode(&p, BYTES(digest, 63), BYTES(salt, 1), 1024, block));
	p.salt_len = SIZE_MAX;
	assert_false(rsa_pad_pss_encode(&p, BYTES_OF(digest), BYTES_NONE, 1024, block));
	/* the given salt is the one used: the same block twice; a random one: never */
	uint8_t again[128];
	p = (struct rsa_pad_params){CRYPTO_SHA256, CRYPTO_SHA256, 32};
	assert_true(rsa_pad_pss_encode(&p, BYTES(digest, 32), BYTES(salt, 32), 1024, block));
	assert_true(rsa_pad_pss_encode(&p, BYTES(digest, 32), BYTES(salt, 32), 1024, again));
	assert_bytes_equal(BYTES(block, 128), BYTES(again, 128));
	assert_true(rsa_pad_pss_encode(&p, BYTES(digest, 32), BYTES_NONE, 1024, block));
	assert_true(rsa_pad_pss_encode(&p, BYTES(digest, 32), BYTES_NONE, 1024, again));
	assert_false(bytes_equal(BYTES(block, 128), BYTES(again, 128)));
}

/* ---- EME-PKCS1-v1_5 (7.2) ---- */

static void pkcs1_encryption_agrees_with_openssl(void **state)
{
	(void)state;
	for (size_t round = 0; round < 300; round++) {
		size_t key = round % KEYS, k = k_of(key),
		       n = round < 2 * KEYS ? (k - 11) * (round / KEYS) : random_below(k - 10);
		uint8_t message[512], block[512], cipher[512], out[512];
		size_t len;
		assert_true(crypto_random(message, n ? n : 1));
		/* ours to theirs */
		assert_true(rsa_pad_pkcs1_encrypt(BYTES(message, n), block, k));
		raw_public(key, block, cipher);
		size_t got = openssl(keys[key], EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, RSA_PKCS1_PADDING, NULL,
			BYTES_NONE, BYTES(cipher, k), out);
		assert_bytes_equal(BYTES(out, got), BYTES(message, n));
		/* theirs to ours */
		assert_int_equal(openssl(keys[key], EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, RSA_PKCS1_PADDING, NULL,
					 BYTES_NONE, BYTES(message, n), cipher),
			k);
		raw_decrypt(key, cipher, block);
		assert_true(rsa_pad_pkcs1_decrypt(BYTES(block, k), out, &len));
		assert_bytes_equal(BYTES(out, len), BYTES(message, n));
		for (size_t i = len; i < k; i++)
			assert_int_equal(out[i], 0);
	}
}

/* The definition, written down with branches, decides over blocks with every byte changed to each critical value. */
static bool plain_pkcs1(struct bytes block, struct bytes *message)
{
	if (block.len < 11 || block.data[0] != 0 || block.data[1] != 2)
		return false;
	for (size_t i = 2; i < block.len; i++) {
		if (block.data[i] == 0) {
			*message = BYTES(block.data + i + 1, block.len - i - 1);
			return i >= 10;
		}
	}
	return false;
}

static void pkcs1_decrypts_by_the_definition(void **state)
{
	(void)state;
	static const uint8_t critical[] = {0, 1, 2, 3, 0x80, 0xFF};
	static const size_t lengths[] = {0, 1, 2, 31, 53};
	for (size_t l = 0; l < COUNT(lengths); l++) {
		uint8_t message[64], block[64], changed[64], out[64];
		assert_true(crypto_random(message, sizeof message));
		assert_true(rsa_pad_pkcs1_encrypt(BYTES(message, lengths[l]), block, sizeof block));
		for (size_t i = 0; i < sizeof block * COUNT(critical); i++) {
			struct bytes want = BYTES_NONE;
			size_t len = 99;
			bytes_copy(changed, BYTES_OF(block));
			changed[i / COUNT(critical)] = critical[i % COUNT(critical)];
			bool good = plain_pkcs1(BYTES_OF(changed), &want);
			assert_int_equal(rsa_pad_pkcs1_decrypt(BYTES_OF(changed), out, &len), good);
			assert_int_equal(len, good ? want.len : 0);
			if (good)
				assert_bytes_equal(BYTES(out, len), want);
			for (size_t j = len; j < sizeof out; j++)
				assert_int_equal(out[j], 0); /* nothing of a refused plaintext gets out */
		}
	}
}

static void pkcs1_encryption_boundaries(void **state)
{
	(void)state;
	uint8_t block[CRYPTO_RSA_BYTES_MAX + 1] = {0, 2}, out[CRYPTO_RSA_BYTES_MAX + 1], message[2] = {9, 9};
	size_t len;
	assert_false(rsa_pad_pkcs1_encrypt(BYTES(message, 2), block, 12));
	assert_true(rsa_pad_pkcs1_encrypt(BYTES(message, 1), block, 12));
	assert_true(rsa_pad_pkcs1_decrypt(BYTES(block, 12), out, &len));
	assert_bytes_hex(BYTES(out, len), "09");
	assert_true(rsa_pad_pkcs1_encrypt(BYTES_NONE, block, 11));
	assert_true(rsa_pad_pkcs1_decrypt(BYTES(block, 11), out, &len));
	assert_int_equal(len, 0);
	assert_false(rsa_pad_pkcs1_encrypt(BYTES_NONE, block, 10));
	for (size_t k = 0; k < 11; k++)
		assert_false(rsa_pad_pkcs1_decrypt(BYTES(block, k), out, &len));
	assert_false(rsa_pad_pkcs1_decrypt(BYTES_OF(block), out, &len));
}

/* The eight or more random bytes are never zero (7.2.1 step 2a). */
static void pkcs1_padding_has_no_zero(void **state)
{
	(void)state;
	for (size_t round = 0; round < 200; round++) {
		uint8_t block[256];
		assert_true(rsa_pad_pkcs1_encrypt(BYTES_NONE, block, sizeof block));
		for (size_t i = 2; i < 255; i++)
			assert_int_not_equal(block[i], 0);
	}
}

/* ---- EME-OAEP (7.1) ---- */

static void oaep_both_ways(size_t key, const struct rsa_pad_params *p, struct bytes label, struct bytes message)
{
	size_t k = k_of(key), len;
	uint8_t block[512], cipher[512], out[512];

	assert_true(rsa_pad_oaep_encrypt(p, label, message, block, k));
	raw_public(key, block, cipher);
	len = openssl(keys[key], EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, RSA_PKCS1_OAEP_PADDING, p, label,
		BYTES(cipher, k), out);
	assert_bytes_equal(BYTES(out, len), message);

	assert_int_equal(openssl(keys[key], EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, RSA_PKCS1_OAEP_PADDING, p, label,
				 message, cipher),
		k);
	raw_decrypt(key, cipher, block);
	assert_true(rsa_pad_oaep_decrypt(p, label, BYTES(block, k), out, &len));
	assert_bytes_equal(BYTES(out, len), message);
	for (size_t i = len; i < k; i++)
		assert_int_equal(out[i], 0);

	block[random_below(k)] ^= (uint8_t)(1 << random_below(8));
	assert_false(rsa_pad_oaep_decrypt(p, label, BYTES(block, k), out, &len));
	assert_int_equal(len, 0);
	for (size_t i = 0; i < k; i++)
		assert_int_equal(out[i], 0);
}

static void oaep_agrees_with_openssl(void **state)
{
	(void)state;
	uint8_t message[512], label[40];
	assert_true(crypto_random(message, sizeof message) && crypto_random(label, sizeof label));
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		for (int m = CRYPTO_NO_HASH + 1; m < CRYPTO_HASHES; m++) {
			for (size_t key = 0; key < KEYS; key++) {
				struct rsa_pad_params p = {(enum crypto_hash)h, (enum crypto_hash)m, 0};
				size_t max;
				if (RUNNING_ON_VALGRIND && (h + m + key) % 9 != 0) /* a sample is enough there */
					continue;
				if (!rsa_pad_oaep_message_max(p.hash, k_of(key), &max))
					continue;
				size_t n = random_below(max + 1);
				oaep_both_ways(key, &p, BYTES(label, random_below(sizeof label)), BYTES(message, n));
				if (m == h) {
					oaep_both_ways(key, &p, BYTES_NONE, BYTES(message, max));
					/* an empty one is not given to OpenSSL as NULL */
					oaep_both_ways(key, &p, BYTES_NONE, BYTES(message, 0));
				}
			}
		}
	}
}

/* Any other bit in any place, another label, another hash: refused. */
static void oaep_refuses_every_change(void **state)
{
	(void)state;
	struct rsa_pad_params p = {CRYPTO_SHA256, CRYPTO_SHA1, 0}, other;
	uint8_t block[128], out[128];
	const uint8_t label[] = {1, 2, 3}, message[] = {0, 1, 0, 1};
	size_t len;
	struct bytes em = BYTES_OF(block);
	assert_true(rsa_pad_oaep_encrypt(&p, BYTES_OF(label), BYTES_OF(message), block, sizeof block));
	for (size_t i = 0; i < 8 * sizeof block; i++) {
		block[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_false(rsa_pad_oaep_decrypt(&p, BYTES_OF(label), em, out, &len));
		block[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_true(rsa_pad_oaep_decrypt(&p, BYTES_OF(label), em, out, &len));
	assert_bytes_equal(BYTES(out, len), BYTES_OF(message));
	assert_false(rsa_pad_oaep_decrypt(&p, BYTES(label, 2), em, out, &len));
	assert_false(rsa_pad_oaep_decrypt(&p, BYTES_NONE, em, out, &len));
	other = p;
	other.hash = CRYPTO_SHA3_256;
	assert_false(rsa_pad_oaep_decrypt(&other, BYTES_OF(label), em, out, &len));
	other = p;
	other.mgf_hash = CRYPTO_SHA256;
	assert_false(rsa_pad_oaep_decrypt(&other, BYTES_OF(label), em, out, &len));
	other.mgf_hash = CRYPTO_NO_HASH;
	assert_false(rsa_pad_oaep_decrypt(&other, BYTES_OF(label), em, out, &len));
	assert_false(rsa_pad_oaep_encrypt(&other, BYTES_OF(label), BYTES_OF(message), block, sizeof block));
	other = (struct rsa_pad_params){CRYPTO_NO_HASH, CRYPTO_SHA1, 0};
	assert_false(rsa_pad_oaep_decrypt(&other, BYTES_OF(label), em, out, &len));
}

/* MGF1 written down once more, from whole digests, to open a block and close it again with another DB. */
static void mask_by_mgf1(enum crypto_hash hash, struct bytes seed, uint8_t *out, size_t n)
{
	uint8_t in[256], digest[CRYPTO_DIGEST_MAX];
	size_t size = crypto_hash_size(hash);
	bytes_copy(in, seed);
	for (size_t i = 0; i < n; i++) {
		if (i % size == 0) {
			const uint8_t counter[4] = {0, 0, 0, (uint8_t)(i / size)};
			bytes_copy(in + seed.len, BYTES_OF(counter));
			assert_true(crypto_digest(hash, BYTES(in, seed.len + 4), digest));
		}
		out[i] ^= digest[i % size];
	}
}

/* What only a malicious sender makes: a right hash and a wrong byte in PS, no 01 at all, or a wrong first byte. */
static void oaep_refuses_what_is_wrong_inside(void **state)
{
	(void)state;
	struct rsa_pad_params p = {CRYPTO_SHA1, CRYPTO_SHA1, 0};
	static const struct {
		size_t at; /* in DB: 20 of lHash, PS, 01 at 106 */
		uint8_t value;
		bool good;
	} rows[] = {
		{0,   0xDA, true }, /* SHA-1 of nothing begins so */
		{0,   0xDB, false},
		{19,  0x00, false},
		{20,  0x02, false},
		{20,  0x01, true }, /* a longer message */
		{60,  0xFF, false},
		{105, 0x80, false},
		{105, 0x01, true },
		{106, 0x00, false}, /* zeros to the end */
		{106, 0x02, false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t block[128], out[128], *seed = block + 1, *db = block + 21;
		size_t len;
		assert_true(rsa_pad_oaep_encrypt(&p, BYTES_NONE, BYTES_NONE, block, sizeof block));
		mask_by_mgf1(CRYPTO_SHA1, BYTES(db, 107), seed, 20);
		mask_by_mgf1(CRYPTO_SHA1, BYTES(seed, 20), db, 107);
		assert_int_equal(db[106], 0x01);
		db[rows[i].at] = rows[i].value;
		mask_by_mgf1(CRYPTO_SHA1, BYTES(seed, 20), db, 107);
		mask_by_mgf1(CRYPTO_SHA1, BYTES(db, 107), seed, 20);
		assert_int_equal(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES_OF(block), out, &len), rows[i].good);
		block[0] = 1;
		assert_false(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES_OF(block), out, &len));
	}
}

static void oaep_boundaries(void **state)
{
	(void)state;
	struct rsa_pad_params p = {CRYPTO_SHA256, CRYPTO_SHA256, 0};
	uint8_t block[CRYPTO_RSA_BYTES_MAX + 1] = {0}, out[CRYPTO_RSA_BYTES_MAX + 1], message[1] = {5};
	size_t max, len;
	assert_true(rsa_pad_oaep_message_max(CRYPTO_SHA256, 66, &max));
	assert_int_equal(max, 0);
	assert_true(rsa_pad_oaep_message_max(CRYPTO_SHA256, 256, &max));
	assert_int_equal(max, 190);
	assert_false(rsa_pad_oaep_message_max(CRYPTO_SHA256, 65, &max));
	assert_true(rsa_pad_oaep_encrypt(&p, BYTES_NONE, BYTES_NONE, block, 66));
	assert_true(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES(block, 66), out, &len));
	assert_int_equal(len, 0);
	assert_false(rsa_pad_oaep_encrypt(&p, BYTES_NONE, BYTES_OF(message), block, 66));
	assert_true(rsa_pad_oaep_encrypt(&p, BYTES_NONE, BYTES_OF(message), block, 67));
	for (size_t k = 0; k < 67; k++)
		assert_false(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES(block, k), out, &len));
	assert_true(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES(block, 67), out, &len));
	assert_bytes_hex(BYTES(out, len), "05");
	assert_false(rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES_OF(block), out, &len));
}

/* Says nothing by itself: run under valgrind, a decoder that branches on its plaintext is reported. */
static void decoders_do_not_branch_on_the_plaintext(void **state)
{
	(void)state;
	struct rsa_pad_params p = {CRYPTO_SHA256, CRYPTO_SHA1, 0};
	uint8_t block[256], out[256];
	const uint8_t message[] = {1, 2, 3};
	for (int wrong = 0; wrong < 2; wrong++) {
		size_t len;
		bool good;
		assert_true(rsa_pad_pkcs1_encrypt(BYTES_OF(message), block, sizeof block));
		block[5] = wrong ? 0 : block[5];
		VALGRIND_MAKE_MEM_UNDEFINED(block, sizeof block);
		good = rsa_pad_pkcs1_decrypt(BYTES_OF(block), out, &len);
		VALGRIND_MAKE_MEM_DEFINED(&good, sizeof good);
		VALGRIND_MAKE_MEM_DEFINED(&len, sizeof len);
		assert_int_equal(good, !wrong);
		assert_int_equal(len, wrong ? 0 : 3);
		VALGRIND_MAKE_MEM_DEFINED(block, sizeof block);

		assert_true(rsa_pad_oaep_encrypt(&p, BYTES_NONE, BYTES_OF(message), block, sizeof block));
		block[255] ^= (uint8_t)wrong;
		VALGRIND_MAKE_MEM_UNDEFINED(block, sizeof block);
		good = rsa_pad_oaep_decrypt(&p, BYTES_NONE, BYTES_OF(block), out, &len);
		VALGRIND_MAKE_MEM_DEFINED(&good, sizeof good);
		VALGRIND_MAKE_MEM_DEFINED(&len, sizeof len);
		assert_int_equal(good, !wrong);
		assert_int_equal(len, wrong ? 0 : 3);
		VALGRIND_MAKE_MEM_DEFINED(block, sizeof block);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pkcs1_signs_like_openssl),
		cmocka_unit_test(pkcs1_sign_boundaries),
		cmocka_unit_test(pkcs1_recovers),
		cmocka_unit_test(pss_agrees_with_openssl),
		cmocka_unit_test(pss_refuses_every_change),
		cmocka_unit_test(pss_boundaries),
		cmocka_unit_test(pkcs1_encryption_agrees_with_openssl),
		cmocka_unit_test(pkcs1_decrypts_by_the_definition),
		cmocka_unit_test(pkcs1_encryption_boundaries),
		cmocka_unit_test(pkcs1_padding_has_no_zero),
		cmocka_unit_test(oaep_agrees_with_openssl),
		cmocka_unit_test(oaep_refuses_every_change),
		cmocka_unit_test(oaep_refuses_what_is_wrong_inside),
		cmocka_unit_test(oaep_boundaries),
		cmocka_unit_test(decoders_do_not_branch_on_the_plaintext),
	};
	return cmocka_run_group_tests_name("rsa_pad", tests, make_keys, drop_keys);
}
