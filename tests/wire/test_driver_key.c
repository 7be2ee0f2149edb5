/* SPDX-License-Identifier: Apache-2.0 */
/* Generating and using keys through libukey; results are checked with the public key. */
#include "tests/wire/driver_bench.h"

#include "common/rsa_pad.h"

#include <stdlib.h>
#include <string.h>

static const enum ukey_algorithm algorithms[] = {
	UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384, UKEY_P521};

static void every_algorithm_generates_and_signs(void **state)
{
	struct bench *b = *state;
	uint8_t digest[64], out[512];
	size_t len;

	for (size_t i = 0; i < sizeof digest; i++)
		digest[i] = (uint8_t)(0xF0 + i);
	bench_login(b, UKEY_USER);
	for (size_t i = 0; i < 6; i++) {
		const struct ukey_directory *d;
		ukey_key_ref ref = bench_generate(b, -1, algorithms[i], 0);
		assert_int_equal(ref, 2 * i);
		struct crypto_pubkey key = bench_public(b, ref, &d);
		const bool rsa = key.type == CRYPTO_RSA;
		const struct ukey_scheme scheme = {
			.padding = rsa ? UKEY_PKCS1 : UKEY_ECDSA, .hash = rsa ? UKEY_SHA512 : UKEY_HASH_NONE};
		const struct crypto_scheme check = {
			.kind = rsa ? CRYPTO_RSA_PKCS1 : CRYPTO_ECDSA, .hash = rsa ? CRYPTO_SHA512 : CRYPTO_NO_HASH};
		len = ukey_result_size(algorithms[i]) - 1;
		is(ukey_sign(b->t, ref, &scheme, digest, 64, out, &len), UKEY_BUFFER_TOO_SMALL);
		len = sizeof out;
		ok(ukey_sign(b->t, ref, &scheme, digest, 64, out, &len));
		assert_int_equal(len, ukey_result_size(algorithms[i]));
		assert_int_equal(crypto_verify(&key, &check, BYTES_OF(digest), BYTES(out, len)), CRYPTO_GOOD);
		ukey_directory_unref(d);
	}
	assert_int_equal(ukey_result_size((enum ukey_algorithm)0), 0);
}

static void generating(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .pair = UKEY_EXCHANGE, .algorithm = UKEY_P256, .label = "l"};
	const struct ukey_directory *d;
	ukey_key_ref ref;

	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_SO);
	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_LOGGED_IN);
	ok(ukey_logout(b->t));
	bench_login(b, UKEY_USER);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, 1);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, 3);
	how.ref = 1;
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	how.ref = 0;
	how.container_name = "ignored: the container is there";
	ok(ukey_generate(b->t, &how, &ref));
	how.ref = 64;
	is(ukey_generate(b->t, &how, &ref), UKEY_ARGUMENT);
	how.ref = 10;
	how.algorithm = (enum ukey_algorithm)0x17;
	is(ukey_generate(b->t, &how, &ref), UKEY_ALGORITHM);
	how.algorithm = UKEY_P256;
	how.usage = UKEY_USE_DECRYPT;
	is(ukey_generate(b->t, &how, &ref), UKEY_KEY_USAGE);
	how.usage = 0;
	b->chip[0]->hal.no_keys = true;
	is(ukey_generate(b->t, &how, &ref), UKEY_KEYGEN_FAILED);
	b->chip[0]->hal.no_keys = false;
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 3);
	assert_int_equal(ukey_directory_key(d, 0)->usage, UKEY_USE_SIGN);
	assert_int_equal(ukey_directory_key(d, 1)->usage, UKEY_USE_SIGN | UKEY_USE_DERIVE);
	ukey_directory_unref(d);
	assert_true(ukey_token_supports(b->t, UKEY_P521));
	assert_false(ukey_token_supports(b->t, (enum ukey_algorithm)0x17));
	how.ref = -1;
	how.container_name = NULL;
	for (int i = 2; i < 32; i++)
		ok(ukey_generate(b->t, &how, &ref));
	is(ukey_generate(b->t, &how, &ref), UKEY_TOKEN_FULL);
}

static void paddings_for_signing(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t digest[64] = {7}, block[256] = {0}, out[256], back[256];
	size_t len = sizeof out;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN);
	struct crypto_pubkey key = bench_public(b, 0, &d);

	static const struct {
		enum ukey_hash hash;
		enum crypto_hash same;
	} hashes[] = {
		{UKEY_SHA1,     CRYPTO_SHA1    },
                {UKEY_SHA224,   CRYPTO_SHA224  },
                {UKEY_SHA256,   CRYPTO_SHA256  },
		{UKEY_SHA384,   CRYPTO_SHA384  },
                {UKEY_SHA512,   CRYPTO_SHA512  },
                {UKEY_SHA3_224, CRYPTO_SHA3_224},
		{UKEY_SHA3_256, CRYPTO_SHA3_256},
                {UKEY_SHA3_384, CRYPTO_SHA3_384},
                {UKEY_SHA3_512, CRYPTO_SHA3_512}
        };
	for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
		const size_t n = crypto_hash_size(hashes[i].same);
		const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = hashes[i].hash},
					 pss = {.padding = UKEY_PSS,
						 .hash = hashes[i].hash,
						 .mgf = hashes[i].hash,
						 .salt_len = n};
		const struct crypto_scheme check1 = {.kind = CRYPTO_RSA_PKCS1, .hash = hashes[i].same},
					   check2 = {.kind = CRYPTO_RSA_PSS,
						   .hash = hashes[i].same,
						   .mgf_hash = hashes[i].same,
						   .salt_len = n};
		ok(ukey_sign(b->t, 0, &pkcs1, digest, n, out, &len));
		assert_int_equal(crypto_verify(&key, &check1, BYTES(digest, n), BYTES(out, len)), CRYPTO_GOOD);
		is(ukey_sign(b->t, 0, &pkcs1, digest, n - 1, out, &len), UKEY_DATA_LENGTH);
		ok(ukey_sign(b->t, 0, &pss, digest, n, out, &len));
		assert_int_equal(crypto_verify(&key, &check2, BYTES(digest, n), BYTES(out, len)), CRYPTO_GOOD);
		is(ukey_sign(b->t, 0, &pss, digest, n + 1, out, &len), UKEY_DATA_LENGTH);
	}

	const struct ukey_scheme raw = {.padding = UKEY_RAW}, bare = {.padding = UKEY_PKCS1},
				 ecdsa = {.padding = UKEY_ECDSA}, oaep = {.padding = UKEY_OAEP, .hash = UKEY_SHA1},
				 salty = {.padding = UKEY_PSS,
					 .hash = UKEY_SHA256,
					 .mgf = UKEY_SHA256,
					 .salt_len = 223},
				 no_hash = {.padding = UKEY_PSS, .mgf = UKEY_SHA256},
				 odd_hash = {.padding = UKEY_PKCS1, .hash = (enum ukey_hash)99};
	block[200] = 1;
	ok(ukey_sign(b->t, 0, &raw, block, 256, out, &len));
	assert_true(crypto_rsa_public(&key, BYTES(out, 256), back));
	assert_memory_equal(back, block, 256);
	is(ukey_sign(b->t, 0, &raw, block, 255, out, &len), UKEY_DATA_LENGTH);
	memset(block, 0xFF, sizeof block);
	is(ukey_sign(b->t, 0, &raw, block, 256, out, &len), UKEY_DATA_INVALID);
	ok(ukey_sign(b->t, 0, &bare, block, 245, out, &len));
	is(ukey_sign(b->t, 0, &bare, block, 246, out, &len), UKEY_DATA_LENGTH);
	is(ukey_sign(b->t, 0, &ecdsa, block, 32, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 0, &oaep, block, 32, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 0, &salty, block, 32, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 0, &no_hash, block, 32, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 0, &odd_hash, block, 32, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 2, &raw, block, 256, out, &len), UKEY_NOT_FOUND);
	is(ukey_decrypt(b->t, 0, &raw, block, 256, out, &len), UKEY_KEY_USAGE);
	ukey_directory_unref(d);
}

static void decrypting(void **state)
{
	struct bench *b = *state;
	const struct rsa_pad_params p = {.hash = CRYPTO_SHA256, .mgf_hash = CRYPTO_SHA1};
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1},
				 oaep = {.padding = UKEY_OAEP,
					 .hash = UKEY_SHA256,
					 .mgf = UKEY_SHA1,
					 .label = (const uint8_t *)"L",
					 .label_len = 1},
				 raw = {.padding = UKEY_RAW}, pss = {.padding = UKEY_PSS, .hash = UKEY_SHA1},
				 no_hash = {.padding = UKEY_OAEP};
	const uint8_t message[] = "attack at dawn";
	const struct ukey_directory *d;
	uint8_t block[256], cipher[256], out[256];
	size_t len;

	bench_login(b, UKEY_USER);
	bench_generate(b, 1, UKEY_RSA_2048, UKEY_USE_DECRYPT);
	bench_generate(b, 3, UKEY_P256, UKEY_USE_DERIVE);
	struct crypto_pubkey key = bench_public(b, 1, &d);

	assert_true(rsa_pad_pkcs1_encrypt(BYTES_OF(message), block, 256));
	assert_true(crypto_rsa_public(&key, BYTES_OF(block), cipher));
	len = sizeof message;
	ok(ukey_decrypt(b->t, 1, &pkcs1, cipher, 256, out, &len));
	assert_int_equal(len, sizeof message);
	assert_memory_equal(out, message, len);
	len = sizeof message - 1;
	is(ukey_decrypt(b->t, 1, &pkcs1, cipher, 256, out, &len), UKEY_BUFFER_TOO_SMALL);
	len = sizeof out;
	ok(ukey_decrypt(b->t, 1, &raw, cipher, 256, out, &len));
	assert_memory_equal(out, block, 256);
	is(ukey_decrypt(b->t, 1, &oaep, cipher, 256, out, &len), UKEY_DECRYPT_FAILED);

	assert_true(rsa_pad_oaep_encrypt(&p, BYTES((const uint8_t *)"L", 1), BYTES_OF(message), block, 256));
	assert_true(crypto_rsa_public(&key, BYTES_OF(block), cipher));
	len = sizeof out;
	ok(ukey_decrypt(b->t, 1, &oaep, cipher, 256, out, &len));
	assert_int_equal(len, sizeof message);
	assert_memory_equal(out, message, len);
	is(ukey_decrypt(b->t, 1, &pkcs1, cipher, 255, out, &len), UKEY_DATA_LENGTH);
	/* No padding for certain: a block of the other kind, or of chance, has one now and then. */
	assert_true(rsa_pad_pkcs1_encrypt(BYTES_OF(message), block, 256));
	block[1] = 1;
	assert_true(crypto_rsa_public(&key, BYTES_OF(block), cipher));
	len = sizeof out;
	is(ukey_decrypt(b->t, 1, &pkcs1, cipher, 256, out, &len), UKEY_DECRYPT_FAILED);
	memset(cipher, 0xFF, sizeof cipher);
	is(ukey_decrypt(b->t, 1, &pkcs1, cipher, 256, out, &len), UKEY_DECRYPT_FAILED);
	is(ukey_decrypt(b->t, 1, &pss, cipher, 256, out, &len), UKEY_ARGUMENT);
	is(ukey_decrypt(b->t, 1, &no_hash, cipher, 256, out, &len), UKEY_ARGUMENT);
	is(ukey_sign(b->t, 1, &raw, cipher, 256, out, &len), UKEY_KEY_USAGE);
	is(ukey_decrypt(b->t, 3, &pkcs1, cipher, 256, out, &len), UKEY_KEY_USAGE);
	ukey_directory_unref(d);
}

/* Both ends of an agreement, for each curve. */
static void deriving(void **state)
{
	struct bench *b = *state;
	uint8_t one[66], two[66];
	size_t one_len, two_len;

	bench_login(b, UKEY_USER);
	for (int i = 0; i < 3; i++) {
		const struct ukey_directory *d, *e;
		ukey_key_ref mine = (ukey_key_ref)(4 * i + 1), theirs = (ukey_key_ref)(4 * i + 3);
		bench_generate(b, mine, algorithms[3 + i], UKEY_USE_DERIVE);
		bench_generate(b, theirs, algorithms[3 + i], UKEY_USE_DERIVE);
		struct crypto_pubkey k = bench_public(b, mine, &d), l = bench_public(b, theirs, &e);
		one_len = two_len = sizeof one;
		ok(ukey_derive(b->t, mine, l.point.data, l.point.len, one, &one_len));
		ok(ukey_derive(b->t, theirs, k.point.data, k.point.len, two, &two_len));
		assert_int_equal(one_len, crypto_field_size(k.type));
		assert_int_equal(two_len, one_len);
		assert_memory_equal(one, two, one_len);
		ukey_directory_unref(d);
		ukey_directory_unref(e);
	}
	const struct ukey_directory *d;
	struct crypto_pubkey k = bench_public(b, 1, &d);
	uint8_t point[65];
	memcpy(point, k.point.data, 65);
	one_len = sizeof one;
	is(ukey_derive(b->t, 1, point, 64, one, &one_len), UKEY_DATA_LENGTH);
	point[64] ^= 1;
	is(ukey_derive(b->t, 1, point, 65, one, &one_len), UKEY_DATA_INVALID);
	point[64] ^= 1;
	one_len = 31;
	is(ukey_derive(b->t, 1, point, 65, one, &one_len), UKEY_BUFFER_TOO_SMALL);
	ukey_directory_unref(d);
	bench_generate(b, 0, UKEY_RSA_2048, 0);
	is(ukey_derive(b->t, 0, point, 65, one, &one_len), UKEY_KEY_USAGE);
}

/* Any length, on every curve: P-521's 66 bytes have seven bits more than its order. */
static void ecdsa_takes_the_leftmost_bits(void **state)
{
	static const enum ukey_algorithm curves[] = {UKEY_P256, UKEY_P384, UKEY_P521};
	struct bench *b = *state;
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA}, raw = {.padding = UKEY_RAW};
	const struct crypto_scheme check = {.kind = CRYPTO_ECDSA};
	const struct ukey_directory *d;
	uint8_t digest[100], out[132];

	for (size_t i = 0; i < sizeof digest; i++)
		digest[i] = (uint8_t)(0xA5 + 31 * i);
	bench_login(b, UKEY_USER);
	for (size_t i = 0; i < sizeof curves / sizeof curves[0]; i++) {
		size_t len = sizeof out;
		ukey_key_ref ref = bench_generate(b, -1, curves[i], 0);
		struct crypto_pubkey key = bench_public(b, ref, &d);

		for (size_t n = 1; n <= sizeof digest; n += n < 30 || n > 68 ? 7 : 1) {
			len = sizeof out;
			ok(ukey_sign(b->t, ref, &ecdsa, digest, n, out, &len));
			assert_int_equal(crypto_verify(&key, &check, BYTES(digest, n), BYTES(out, len)), CRYPTO_GOOD);
		}
		is(ukey_sign(b->t, ref, &ecdsa, digest, 0, out, &len), UKEY_DATA_LENGTH);
		is(ukey_sign(b->t, ref, &raw, digest, 32, out, &len), UKEY_ARGUMENT);
		ukey_directory_unref(d);
	}
}

static void keys_that_ask_each_time(void **state)
{
	struct bench *b = *state;
	const struct ukey_generate how = {
		.ref = 0, .algorithm = UKEY_P256, .always_authenticate = true, .label = "always"};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	const struct ukey_directory *d;
	uint8_t digest[32] = {1}, out[64];
	size_t len = sizeof out;

	bench_login(b, UKEY_USER);
	ok(ukey_generate(b->t, &how, NULL));
	ok(ukey_directory(b->t, &d));
	assert_true(d->keys[0].always_authenticate);
	ukey_directory_unref(d);
	ok(ukey_sign(b->t, 0, &ecdsa, digest, 32, out, &len));
	is(ukey_sign(b->t, 0, &ecdsa, digest, 32, out, &len), UKEY_NOT_LOGGED_IN);
	/* The log-in itself stands. */
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(ukey_login_again(b->t, PIN(USER_PIN)));
	ok(ukey_sign(b->t, 0, &ecdsa, digest, 32, out, &len));
}

static void keys_that_want_a_touch(void **state)
{
	struct bench *b = *state;
	const struct ukey_generate how = {.ref = 0, .algorithm = UKEY_P256, .touch = true};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	uint8_t digest[32] = {1}, out[64];
	size_t len = sizeof out;

	bench_login(b, UKEY_USER);
	ok(ukey_generate(b->t, &how, NULL));
	b->chip[0]->hal.button = false;
	is(ukey_sign(b->t, 0, &ecdsa, digest, 32, out, &len), UKEY_TOUCH_TIMEOUT);
	b->chip[0]->hal.button = true;
	ok(ukey_sign(b->t, 0, &ecdsa, digest, 32, out, &len));
}

static void random_bytes(void **state)
{
	struct bench *b = *state;
	static uint8_t many[100000];
	uint8_t few[32] = {0}, none[32] = {0};
	unsigned long before = b->chip[0]->apdus;

	ok(ukey_random(b->t, few, sizeof few));
	assert_memory_not_equal(few, none, sizeof few);
	ok(ukey_random(b->t, many, 32768));
	assert_int_equal(b->chip[0]->apdus, before + 2);
	ok(ukey_random(b->t, many, sizeof many));
	assert_memory_not_equal(many + sizeof many - 32, none, 32);
	ok(ukey_random(b->t, few, 0));
}

static void spki_of_every_key(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	struct crypto_pubkey parsed;
	uint8_t *der;
	size_t len;

	bench_login(b, UKEY_USER);
	for (size_t i = 0; i < 6; i++) {
		ukey_key_ref ref = bench_generate(b, -1, algorithms[i], 0);
		struct crypto_pubkey key = bench_public(b, ref, &d);
		ok(ukey_key_spki(ukey_directory_key(d, ref), &der, &len));
		assert_true(crypto_pubkey_from_spki(BYTES(der, len), &parsed));
		assert_true(crypto_pubkey_equal(&parsed, &key));
		free(der);
		ukey_directory_unref(d);
	}
}

/*
 * The whole way again on a reader without extended lengths, which says so, or fails, or lies. (pain 24: what a reader
 * can carry is guessed by nobody.)
 */
static void short_readers_work_as_well(void **state)
{
	struct bench *b = *state;
	struct loop_reader *r = &b->loop->readers[0];
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t digest[32] = {1}, out[512];
	size_t len = sizeof out;
	static uint8_t many[5000];

	for (int tells = 0; tells < 2; tells++) {
		ukey_token_idle(b->t);
		r->short_only = true;
		r->max_apdu = tells ? 255 : 0;
		const unsigned long begins = r->begins;
		bench_login(b, UKEY_USER);
		bench_generate(b, 2 * tells, UKEY_RSA_4096, 0);
		bench_certify(b, (ukey_key_ref)(2 * tells), 5000);
		len = sizeof out;
		ok(ukey_sign(b->t, (ukey_key_ref)(2 * tells), &pkcs1, digest, 32, out, &len));
		ok(ukey_random(b->t, many, sizeof many));
		/* Nobody comes in between the pieces. */
		assert_true(r->begins > begins);
	}
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(every_algorithm_generates_and_signs),
		ROW(generating),
		ROW(paddings_for_signing),
		ROW(decrypting),
		ROW(deriving),
		ROW(ecdsa_takes_the_leftmost_bits),
		ROW(keys_that_ask_each_time),
		ROW(keys_that_want_a_touch),
		ROW(random_bytes),
		ROW(spki_of_every_key),
		ROW(short_readers_work_as_well),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
