/* SPDX-License-Identifier: Apache-2.0 */
/* The emulator's hal: keys and digests against known answers and OpenSSL, the button, power, latency. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/tlv.h"
#include "firmware-emu/hal/key_blob.h"
#include "firmware-emu/hal/state.h"

#define MS 1000000ull

static char folder[] = "/tmp/ukey-test.XXXXXX";
static char path[64];
static struct hal *hal;

struct pair {
	uint8_t blob[HAL_KEY_BLOB_MAX], public_key[HAL_PUBLIC_MAX];
	struct builder b, p;
};

static int setup(void **state)
{
	char error[256];
	(void)state;

	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/token", folder);
	hal = hal_open(&(struct hal_options){.flash = path, .create = true}, error, sizeof(error));
	return hal ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	hal_close(hal);
	unlink(path);
	return rmdir(folder);
}

static bool generate(struct pair *k, uint8_t algorithm)
{
	k->b = builder_of(k->blob, sizeof(k->blob));
	k->p = builder_of(k->public_key, sizeof(k->public_key));
	return hal_key_generate(hal, algorithm, &k->b, &k->p);
}

static enum hal_result operate(const struct pair *k, uint8_t algorithm, enum hal_operation operation,
	struct bytes input, uint8_t *to, size_t *n)
{
	struct builder b = builder_of(to, HAL_RESULT_MAX);
	enum hal_result r = hal_key_operate(hal, algorithm, operation, builder_bytes(&k->b), input, &b);

	*n = builder_bytes(&b).len;
	return r;
}

static size_t unhex(const char *hex, uint8_t *to)
{
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++) {
		unsigned v;
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &v), 1);
		to[i] = (uint8_t)v;
	}
	return n;
}

static void digests_are_the_known_ones(void **state)
{
	uint8_t got[32], wanted[32];
	(void)state;

	assert_true(hal_sha256(hal, BYTES((const uint8_t *)"abc", 3), got)); /* FIPS 180-2 B.1 */
	unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", wanted);
	assert_memory_equal(got, wanted, 32);
	assert_true(hal_sha256(hal, BYTES_NONE, got));
	unhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", wanted);
	assert_memory_equal(got, wanted, 32);
	/* RFC 7914 clause 11 */
	assert_true(hal_pin_hash(hal, BYTES((const uint8_t *)"passwd", 6), BYTES((const uint8_t *)"salt", 4), 1, got));
	unhex("55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc", wanted);
	assert_memory_equal(got, wanted, 32);
	assert_true(hal_pin_hash(
		hal, BYTES((const uint8_t *)"Password", 8), BYTES((const uint8_t *)"NaCl", 4), 80000, got));
	unhex("4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56", wanted);
	assert_memory_equal(got, wanted, 32);
	assert_false(hal_pin_hash(hal, BYTES_NONE, BYTES_NONE, 0, got));
}

/* NIST SP 800-38A F.2.1, F.2.2: CBC-AES128; and the iv goes on, so that a message may come in pieces. */
static void aes_cbc_is_the_known_one(void **state)
{
	static const uint8_t key[16] = {
		0x2B, 0x7E, 0x15, 0x16, 0x28, 0xAE, 0xD2, 0xA6, 0xAB, 0xF7, 0x15, 0x88, 0x09, 0xCF, 0x4F, 0x3C};
	static const uint8_t plain[32] = {0x6B, 0xC1, 0xBE, 0xE2, 0x2E, 0x40, 0x9F, 0x96, 0xE9, 0x3D, 0x7E, 0x11, 0x73,
		0x93, 0x17, 0x2A, 0xAE, 0x2D, 0x8A, 0x57, 0x1E, 0x03, 0xAC, 0x9C, 0x9E, 0xB7, 0x6F, 0xAC, 0x45, 0xAF,
		0x8E, 0x51};
	static const uint8_t cipher[32] = {0x76, 0x49, 0xAB, 0xAC, 0x81, 0x19, 0xB2, 0x46, 0xCE, 0xE9, 0x8E, 0x9B, 0x12,
		0xE9, 0x19, 0x7D, 0x50, 0x86, 0xCB, 0x9B, 0x50, 0x72, 0x19, 0xEE, 0x95, 0xDB, 0x11, 0x3A, 0x91, 0x76,
		0x78, 0xB2};
	uint8_t iv[16], data[32];

	(void)state;
	for (size_t piece = 16; piece <= 32; piece += 16) {
		for (uint8_t i = 0; i < 16; i++)
			iv[i] = i;
		memcpy(data, plain, 32);
		for (size_t at = 0; at < 32; at += piece)
			assert_true(hal_aes_cbc_encrypt(hal, BYTES_OF(key), iv, data + at, piece));
		assert_memory_equal(data, cipher, 32);
		assert_memory_equal(iv, cipher + 16, 16);
		for (uint8_t i = 0; i < 16; i++)
			iv[i] = i;
		for (size_t at = 0; at < 32; at += piece)
			assert_true(hal_aes_cbc_decrypt(hal, BYTES_OF(key), iv, data + at, piece));
		assert_memory_equal(data, plain, 32);
		assert_memory_equal(iv, cipher + 16, 16);
	}
	assert_false(hal_aes_cbc_encrypt(hal, BYTES(key, 15), iv, data, 32));
	assert_false(hal_aes_cbc_decrypt(hal, BYTES_OF(key), iv, data, 17));
}

static void chance_is_not_the_same_twice(void **state)
{
	uint8_t a[32], b[32];
	(void)state;

	assert_true(hal_random(hal, a, sizeof(a)) && hal_random(hal, b, sizeof(b)));
	assert_memory_not_equal(a, b, sizeof(a));
}

/* input = result ^ e mod n, by the definition. */
static void check_raw_rsa(const struct pair *k, struct bytes input, struct bytes result)
{
	struct cursor c = cursor_of(builder_bytes(&k->p));
	struct bytes n, e;
	uint32_t tag;
	uint8_t back[512];

	assert_true(tlv_next(&c, &tag, &n) && tag == 0x81);
	assert_true(tlv_next(&c, &tag, &e) && tag == 0x82);
	assert_true(cursor_done(&c));
	assert_int_equal(n.len, input.len);
	assert_int_not_equal(n.data[0] & 0x80, 0);
	assert_memory_equal(e.data, "\x01\x00\x01", 3);
	BN_CTX *ctx = BN_CTX_new();
	BIGNUM *bn = BN_bin2bn(n.data, (int)n.len, NULL), *be = BN_bin2bn(e.data, (int)e.len, NULL);
	BIGNUM *s = BN_bin2bn(result.data, (int)result.len, NULL);
	assert_int_equal(BN_mod_exp(s, s, be, bn, ctx), 1);
	assert_int_equal(BN_bn2binpad(s, back, (int)input.len), (int)input.len);
	assert_memory_equal(back, input.data, input.len);
	/* the modulus itself and what lies above are no input */
	uint8_t out[HAL_RESULT_MAX];
	size_t got;
	uint8_t algorithm = k->blob[1];
	assert_int_equal(operate(k, algorithm, HAL_SIGN, n, out, &got), HAL_BAD_INPUT);
	bytes_fill(back, 0xFF, sizeof(back));
	assert_int_equal(operate(k, algorithm, HAL_SIGN, BYTES(back, n.len), out, &got), HAL_BAD_INPUT);
	BN_free(bn);
	BN_free(be);
	BN_free(s);
	BN_CTX_free(ctx);
}

static void rsa_is_raw_and_inverts_the_public_operation(void **state)
{
	static const struct {
		uint8_t algorithm;
		size_t bytes;
	} rows[] = {
		{0x07, 256},
                {0x05, 384},
                {0x16, 512}
        };
	uint8_t input[512], result[HAL_RESULT_MAX];
	struct pair k;
	size_t n;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		uint8_t a = rows[i].algorithm;
		assert_true(hal_key_supported(hal, a));
		assert_true(generate(&k, a));
		assert_true(hal_random(hal, input, sizeof(input)));
		input[0] &= 0x7F;
		struct bytes in = {input, rows[i].bytes};
		assert_int_equal(operate(&k, a, HAL_SIGN, in, result, &n), HAL_OK);
		assert_int_equal(n, in.len);
		check_raw_rsa(&k, in, BYTES(result, n));
		assert_int_equal(operate(&k, a, HAL_DECRYPT, in, result, &n), HAL_OK);
		check_raw_rsa(&k, in, BYTES(result, n));
		/* small numbers keep their leading zeros */
		bytes_fill(input, 0, sizeof(input));
		assert_int_equal(operate(&k, a, HAL_SIGN, in, result, &n), HAL_OK);
		assert_int_equal(n, in.len);
		assert_memory_equal(result, input, n);
		in.len--;
		assert_int_equal(operate(&k, a, HAL_SIGN, in, result, &n), HAL_BAD_INPUT);
		in.len = rows[i].bytes;
		assert_int_equal(operate(&k, a, HAL_DERIVE, in, result, &n), HAL_BAD_INPUT);
	}
}

static const struct {
	uint8_t algorithm;
	size_t bytes;
	const char *group;
} curves[] = {
	{0x11, 32, "P-256"},
        {0x14, 48, "P-384"},
        {0x15, 66, "P-521"}
};

static EVP_PKEY *public_of(const struct pair *k, const char *group)
{
	struct bytes point;
	EVP_PKEY *key = NULL;

	assert_true(tlv_unwrap(builder_bytes(&k->p), 0x86, &point));
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, (char *)(uintptr_t)group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t)point.data, point.len),
		OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static bool verifies(EVP_PKEY *key, struct bytes digest, struct bytes rs)
{
	ECDSA_SIG *signature = ECDSA_SIG_new();
	int half = (int)rs.len / 2;
	unsigned char *der = NULL;

	ECDSA_SIG_set0(signature, BN_bin2bn(rs.data, half, NULL), BN_bin2bn(rs.data + half, half, NULL));
	int n = i2d_ECDSA_SIG(signature, &der);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
	bool ok = EVP_PKEY_verify(ctx, der, (size_t)n, digest.data, digest.len) == 1;
	EVP_PKEY_CTX_free(ctx);
	OPENSSL_free(der);
	ECDSA_SIG_free(signature);
	return ok;
}

static void ecdsa_gives_r_and_s_of_fixed_length(void **state)
{
	uint8_t digest[67], result[HAL_RESULT_MAX];
	struct pair k;
	size_t n = 0;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		uint8_t a = curves[i].algorithm;
		assert_true(generate(&k, a));
		EVP_PKEY *key = public_of(&k, curves[i].group);
		assert_true(hal_random(hal, digest, sizeof(digest)));
		for (size_t len = 1; len <= curves[i].bytes; len++) {
			uint8_t integer[66];

			/* P-521's longest: cut to 521 bits by the host (protocol 2.3), where OpenSSL cuts by itself. */
			for (size_t j = 0; j < len; j++)
				integer[j] = len < sizeof(integer)
						     ? digest[j]
						     : (uint8_t)(digest[j] >> 7 | (j ? digest[j - 1] << 1 : 0));
			assert_int_equal(operate(&k, a, HAL_SIGN, BYTES(integer, len), result, &n), HAL_OK);
			assert_int_equal(n, 2 * curves[i].bytes);
			assert_true(verifies(key, BYTES(digest, len), BYTES(result, n)));
		}
		digest[0] ^= 1;
		assert_false(verifies(key, BYTES(digest, curves[i].bytes), BYTES(result, n)));
		assert_int_equal(operate(&k, a, HAL_SIGN, BYTES_NONE, result, &n), HAL_BAD_INPUT);
		assert_int_equal(
			operate(&k, a, HAL_SIGN, BYTES(digest, curves[i].bytes + 1), result, &n), HAL_BAD_INPUT);
		assert_int_equal(operate(&k, a, HAL_DECRYPT, BYTES(digest, 32), result, &n), HAL_BAD_INPUT);
		EVP_PKEY_free(key);
	}
}

static void ecdh_agrees_and_refuses_points_off_the_curve(void **state)
{
	uint8_t x[HAL_RESULT_MAX], y[HAL_RESULT_MAX], bad[140];
	struct pair k, l;
	struct bytes p, q;
	size_t n, m;
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		uint8_t a = curves[i].algorithm;
		assert_true(generate(&k, a) && generate(&l, a));
		assert_true(tlv_unwrap(builder_bytes(&k.p), 0x86, &p) && tlv_unwrap(builder_bytes(&l.p), 0x86, &q));
		assert_int_equal(operate(&k, a, HAL_DERIVE, q, x, &n), HAL_OK);
		assert_int_equal(operate(&l, a, HAL_DERIVE, p, y, &m), HAL_OK);
		assert_int_equal(n, curves[i].bytes);
		assert_int_equal(m, n);
		assert_memory_equal(x, y, n);
		bytes_copy(bad, q);
		bad[q.len - 1] ^= 1;
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(bad, q.len), x, &n), HAL_BAD_INPUT);
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(q.data, q.len - 1), x, &n), HAL_BAD_INPUT);
		bytes_fill(bad, 0, sizeof(bad)); /* the point at infinity, in any length */
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(bad, q.len), x, &n), HAL_BAD_INPUT);
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(bad, 1), x, &n), HAL_BAD_INPUT);
		bad[0] = 4; /* (0, 0) is on none of them */
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(bad, q.len), x, &n), HAL_BAD_INPUT);
		bytes_fill(bad + 1, 0xFF, q.len - 1);
		assert_int_equal(operate(&k, a, HAL_DERIVE, BYTES(bad, q.len), x, &n), HAL_BAD_INPUT);
	}
}

/* NIST CAVP, KAS ECC CDH primitive, P-256, count 0. */
static void ecdh_gives_the_known_answer(void **state)
{
	const struct key_kind *kind = key_kind_find(0x11);
	uint8_t d[32], own[65] = {4}, peer[65] = {4}, wanted[32], x[HAL_RESULT_MAX];
	struct pair k;
	size_t n;
	(void)state;

	unhex("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534", d);
	unhex("ead218590119e8876b29146ff89ca61770c4edbbf97d38ce385ed281d8a6b230"
	      "28af61281fd35e2fa7002523acc85a429cb06ee6648325389f59edfce1405141",
		own + 1);
	unhex("700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287"
	      "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac",
		peer + 1);
	unhex("46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b", wanted);
	struct bytes fields[KEY_BLOB_FIELDS] = {[KEY_EC_D] = BYTES_OF(d), [KEY_EC_POINT] = BYTES_OF(own)};
	k.b = builder_of(k.blob, sizeof(k.blob));
	assert_true(key_blob_build(&k.b, kind, fields));
	assert_int_equal(operate(&k, 0x11, HAL_DERIVE, BYTES_OF(peer), x, &n), HAL_OK);
	assert_int_equal(n, 32);
	assert_memory_equal(x, wanted, 32);
}

static void a_changed_blob_makes_no_result(void **state)
{
	uint8_t digest[32] = {1}, result[HAL_RESULT_MAX];
	struct pair k;
	size_t n;
	(void)state;

	assert_true(generate(&k, 0x11));
	for (size_t i = 0; i < k.b.len; i++) {
		k.blob[i] ^= 0x20;
		assert_int_equal(operate(&k, 0x11, HAL_SIGN, BYTES_OF(digest), result, &n), HAL_FAILED);
		k.blob[i] ^= 0x20;
	}
	size_t whole = k.b.len;
	for (k.b.len = 0; k.b.len < whole; k.b.len++)
		assert_int_equal(operate(&k, 0x11, HAL_SIGN, BYTES_OF(digest), result, &n), HAL_FAILED);
	k.b.len = whole + 1;
	assert_int_equal(operate(&k, 0x11, HAL_SIGN, BYTES_OF(digest), result, &n), HAL_FAILED);
	k.b.len = whole;
	assert_int_equal(operate(&k, 0x14, HAL_SIGN, BYTES_OF(digest), result, &n), HAL_FAILED);
	assert_int_equal(operate(&k, 0x11, HAL_SIGN, BYTES_OF(digest), result, &n), HAL_OK);
}

static void unknown_algorithms_and_small_buffers_fail(void **state)
{
	struct pair k;
	(void)state;

	assert_false(hal_key_supported(hal, 0x17));
	assert_false(generate(&k, 0x17));
	k.b = builder_of(k.blob, 100);
	k.p = builder_of(k.public_key, sizeof(k.public_key));
	assert_false(hal_key_generate(hal, 0x11, &k.b, &k.p));
	k.b = builder_of(k.blob, sizeof(k.blob));
	k.p = builder_of(k.public_key, 60);
	assert_false(hal_key_generate(hal, 0x11, &k.b, &k.p));
}

static void *press_when_it_blinks(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000 && !hal_touch_waiting(hal); i++)
		usleep(1000);
	return hal_touch_press(hal) ? hal : NULL;
}

static void *cut_soon(void *arg)
{
	(void)arg;
	usleep(30000);
	hal_power_cut(hal);
	return NULL;
}

static void the_button(void **state)
{
	pthread_t t;
	void *pressed;
	(void)state;

	assert_true(hal_touch(hal, 0));
	hal_touch_set(hal, HAL_TOUCH_NEVER);
	assert_false(hal_touch(hal, 20));
	assert_false(hal_touch_press(hal)); /* nobody waits, and it is not kept for later */
	assert_false(hal_touch(hal, 20));
	assert_int_equal(pthread_create(&t, NULL, press_when_it_blinks, NULL), 0);
	assert_true(hal_touch(hal, 5000));
	pthread_join(t, &pressed);
	assert_non_null(pressed);
	hal_touch_set(hal, HAL_TOUCH_AUTO);
}

static uint64_t interrupted(bool (*work)(void))
{
	pthread_t t;
	uint64_t started = hal_now();
	volatile bool left = false;

	assert_int_equal(pthread_create(&t, NULL, cut_soon, NULL), 0);
	if (setjmp(*hal_power_trap(hal)) == 0) {
		hal_power_trap_arm(hal, true);
		(void)work();
	} else {
		left = true;
	}
	hal_power_trap_arm(hal, false);
	pthread_join(t, NULL);
	hal_power_up(hal);
	assert_true(left);
	return hal_now() - started;
}

static bool wait_for_button(void)
{
	return hal_touch(hal, 15000);
}

static bool generate_slowly(void)
{
	struct pair k;

	return generate(&k, 0x11);
}

static bool generate_long(void)
{
	struct pair k;

	/* 4096 bits, again and again: power goes during one of them */
	while (generate(&k, 0x16))
		;
	return false;
}

static void loss_of_power_ends_every_work_at_once(void **state)
{
	static const struct latency slow = {.name = "slow", .keys = {{0x11, 20000, 20000}}};
	(void)state;

	hal_touch_set(hal, HAL_TOUCH_NEVER);
	assert_true(interrupted(wait_for_button) < 5000 * MS);
	hal_touch_set(hal, HAL_TOUCH_AUTO);
	hal_latency_set(hal, &slow);
	assert_true(interrupted(generate_slowly) < 5000 * MS);
	hal_latency_set(hal, &latency_none);
	(void)interrupted(generate_long);
}

static void a_profile_stretches_but_does_not_add(void **state)
{
	static const struct latency slow = {
		.name = "slow", .flash_write_us = 3000, .pin_hash_ms = 40, .keys = {{0x11, 60, 50}}};
	uint8_t digest[32] = {1}, out[HAL_RESULT_MAX];
	struct pair k;
	size_t n;
	(void)state;

	hal_latency_set(hal, &slow);
	uint64_t t = hal_now();
	assert_true(generate(&k, 0x11));
	assert_true(hal_now() - t >= 60 * MS);
	t = hal_now();
	assert_int_equal(operate(&k, 0x11, HAL_SIGN, BYTES_OF(digest), out, &n), HAL_OK);
	assert_true(hal_now() - t >= 50 * MS);
	t = hal_now();
	assert_true(hal_pin_hash(hal, BYTES_OF(digest), BYTES_OF(digest), 1, out));
	assert_true(hal_now() - t >= 40 * MS);
	t = hal_now();
	assert_true(hal_flash_write(hal, 0, BYTES_OF(digest)));
	assert_true(hal_now() - t >= 3 * MS);
	hal_latency_set(hal, &latency_none);
}

static void the_profiles(void **state)
{
	(void)state;
	assert_ptr_equal(latency_find("none"), &latency_none);
	assert_null(latency_find("chi"));
	assert_null(latency_at(2));
	const struct latency *chip = latency_find("chip");
	assert_non_null(chip);
	assert_int_equal(latency_command(chip, 100), 5 * MS);
	assert_int_equal(latency_command(&latency_none, 100000), 0);
	assert_int_equal(latency_operate(chip, 0x07), 150 * MS);
	assert_int_equal(latency_operate(chip, 0x11), 40 * MS);
	assert_int_equal(latency_operate(chip, 0x17), 0);
	/* every algorithm that the hal has, and generation is the longer of the two */
	for (unsigned a = 0; a < 256; a++) {
		if (!hal_key_supported(hal, (uint8_t)a))
			continue;
		assert_true(latency_operate(chip, (uint8_t)a) > 0);
		assert_true(latency_generate(chip, (uint8_t)a) > latency_operate(chip, (uint8_t)a));
	}
}

/* Brought back in, a key is the key that it was; with another's public half, or changed, it is none. */
static void a_key_comes_in_from_outside(void **state)
{
	static const uint8_t algorithms[] = {0x11, 0x14, 0x15, 0x07};
	static const uint8_t two[256] = {[255] = 2};
	(void)state;

	for (size_t i = 0; i < sizeof(algorithms); i++) {
		const uint8_t algorithm = algorithms[i];
		const struct key_kind *kind = key_kind_find(algorithm);
		struct bytes fields[KEY_BLOB_FIELDS];
		uint8_t raw[1024], a[HAL_RESULT_MAX], b[HAL_RESULT_MAX];
		struct builder value = builder_of(raw, sizeof(raw));
		struct pair made, other, again;
		size_t a_len, b_len;

		assert_true(generate(&made, algorithm) && generate(&other, algorithm));
		assert_true(key_blob_parse(builder_bytes(&made.b), kind, fields));
		if (kind->rsa)
			builder_put(&value, fields[KEY_RSA_P]);
		builder_put(&value, kind->rsa ? fields[KEY_RSA_Q] : fields[KEY_EC_D]);
		again.b = builder_of(again.blob, sizeof(again.blob));
		assert_int_equal(
			hal_key_import(hal, algorithm, builder_bytes(&value), builder_bytes(&other.p), &again.b),
			HAL_BAD_INPUT);
		assert_int_equal(again.b.len, 0);
		assert_int_equal(
			hal_key_import(hal, algorithm, builder_bytes(&value), builder_bytes(&made.p), &again.b),
			HAL_OK);
		struct bytes input = kind->rsa ? BYTES_OF(two)
					       : BYTES(made.public_key + made.p.len - fields[KEY_EC_POINT].len,
							 fields[KEY_EC_POINT].len);
		enum hal_operation operation = kind->rsa ? HAL_DECRYPT : HAL_DERIVE;
		assert_int_equal(operate(&made, algorithm, operation, input, a, &a_len), HAL_OK);
		assert_int_equal(operate(&again, algorithm, operation, input, b, &b_len), HAL_OK);
		assert_int_equal(a_len, b_len);
		assert_memory_equal(a, b, a_len);
		/* its public half is computed as it was made */
		uint8_t computed[HAL_PUBLIC_MAX];
		struct builder p = builder_of(computed, sizeof(computed));
		assert_int_equal(hal_key_public(hal, algorithm, builder_bytes(&value), &p), HAL_OK);
		assert_true(bytes_equal(builder_bytes(&p), builder_bytes(&made.p)));
		if (kind->rsa) {
			/* with what stands in it beside the primes, too, when that is right */
			for (size_t f = KEY_RSA_DP; f <= KEY_RSA_QINV; f++)
				builder_put(&value, fields[f]);
			assert_int_equal(
				hal_key_import(hal, algorithm, builder_bytes(&value), builder_bytes(&made.p), &again.b),
				HAL_OK);
			raw[value.len - 1] ^= 1;
			assert_int_equal(
				hal_key_import(hal, algorithm, builder_bytes(&value), builder_bytes(&made.p), &again.b),
				HAL_BAD_INPUT);
			value.len = 256;
		}
		raw[value.len - 1] ^= 1;
		assert_int_equal(
			hal_key_import(hal, algorithm, builder_bytes(&value), builder_bytes(&made.p), &again.b),
			HAL_BAD_INPUT);
	}
	assert_int_equal(hal_key_public(hal, 0x11, BYTES(two, 32), &(struct builder){0}), HAL_BAD_INPUT); /* nought */
	assert_int_equal(hal_key_public(hal, 0x12, BYTES_NONE, &(struct builder){0}), HAL_FAILED);
	assert_int_equal(hal_key_import(hal, 0x12, BYTES_NONE, BYTES_NONE, &(struct builder){0}), HAL_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_the_known_ones),
		cmocka_unit_test(aes_cbc_is_the_known_one),
		cmocka_unit_test(chance_is_not_the_same_twice),
		cmocka_unit_test(rsa_is_raw_and_inverts_the_public_operation),
		cmocka_unit_test(ecdsa_gives_r_and_s_of_fixed_length),
		cmocka_unit_test(ecdh_agrees_and_refuses_points_off_the_curve),
		cmocka_unit_test(ecdh_gives_the_known_answer),
		cmocka_unit_test(a_changed_blob_makes_no_result),
		cmocka_unit_test(unknown_algorithms_and_small_buffers_fail),
		cmocka_unit_test(a_key_comes_in_from_outside),
		cmocka_unit_test(the_button),
		cmocka_unit_test(loss_of_power_ends_every_work_at_once),
		cmocka_unit_test(a_profile_stretches_but_does_not_add),
		cmocka_unit_test(the_profiles),
	};

	return cmocka_run_group_tests_name("emulator's hal", tests, setup, teardown);
}
