/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of a PIV card at work: every algorithm, over readers and cards with and without extended lengths. */
#include "config.h"

#include "tests/wire/piv_bench.h"
#include "tests/wire/piv_clock.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static unsigned long apdus(struct bench *b)
{
	return b->loop->readers[0].apdus;
}

/* Every size and curve, each with its certificate. */
static const struct piv_key_wish sizes[] = {
	{0x9A, 0x07, 0x5FC105},
	{0x9D, 0x07, 0x5FC10B},
	{0x82, 0x05, 0x5FC10D},
	{0x83, 0x16, 0x5FC10E},
	{0x84, 0x11, 0x5FC10F},
	{0x85, 0x14, 0x5FC110},
};
#define SIZES 6

static const ukey_key_ref refs[SIZES] = {REF_9A, REF_9D, REF_82, UKEY_KEY_REF(5, UKEY_EXCHANGE),
	UKEY_KEY_REF(6, UKEY_EXCHANGE), UKEY_KEY_REF(7, UKEY_EXCHANGE)};

static int setup_sizes(void **state)
{
	*state = piv_bench_with(piv_card(PIV_YUBICO, sizes, SIZES));
	return 0;
}

static EVP_PKEY *key_of(struct bench *b, ukey_key_ref ref)
{
	const struct ukey_directory *d;
	uint8_t *spki;
	size_t len;

	ok(ukey_directory(b->t, &d));
	ok(ukey_key_spki(ukey_directory_key(d, ref), &spki, &len));
	ukey_directory_unref(d);
	const uint8_t *at = spki;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)len);
	assert_non_null(key);
	free(spki);
	return key;
}

static void decrypts(struct bench *b, ukey_key_ref ref)
{
	static const uint8_t plain[] = "what nobody else shall read";
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1};
	EVP_PKEY *key = key_of(b, ref);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t cipher[512], out[512];
	size_t len = sizeof cipher, out_len = sizeof out;

	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, cipher, &len, plain, sizeof plain), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(key);
	ok(ukey_decrypt(b->t, ref, &pkcs1, cipher, len, out, &out_len));
	assert_int_equal(out_len, sizeof plain);
	assert_memory_equal(out, plain, sizeof plain);
}

static void derives(struct bench *b, ukey_key_ref ref, const char *curve)
{
	EVP_PKEY *theirs = key_of(b, ref), *own = EVP_EC_gen(curve);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	uint8_t expected[66], got[66], point[133];
	size_t expected_len = sizeof expected, got_len = sizeof got, point_len = 0;

	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, theirs), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, expected, &expected_len), 1);
	assert_int_equal(EVP_PKEY_get_octet_string_param(own, "encoded-pub-key", point, sizeof point, &point_len), 1);
	ok(ukey_derive(b->t, ref, point, point_len, got, &got_len));
	assert_int_equal(got_len, expected_len);
	assert_memory_equal(got, expected, expected_len);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	EVP_PKEY_free(theirs);
}

static void all_at_work(struct bench *b)
{
	for (size_t i = 0; i < SIZES; i++)
		ok(piv_bench_sign(b, refs[i]));
	for (size_t i = 0; i < 4; i++)
		decrypts(b, refs[i]);
	derives(b, refs[4], "P-256");
	derives(b, refs[5], "P-384");
}

static void every_algorithm_works(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	/* The card says that it has the longer ones, too. */
	assert_true(ukey_token_supports(b->t, UKEY_RSA_4096));
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	const unsigned long before = apdus(b);
	all_at_work(b);
	/* One command each, but for what was read of the directory. */
	assert_int_equal(apdus(b) - before, 12 + 1 + 4 + 4 + 3);
	assert_true(b->loop->readers[0].begins >= 12);
}

static void every_algorithm_works_in_short_apdus(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].short_only = true;
	b->loop->readers[0].max_apdu = 256;
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	all_at_work(b);
}

/* The reader says nothing of its lengths and refuses the first long one. */
static void a_reader_without_extended_lengths_is_found_out(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].short_only = true;
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	all_at_work(b);
}

/* The reader can, and the card says so in one of the ways that cards have. */
static uint16_t refusal;
static unsigned refused;

static void refuse_extended(void *arg, struct bytes command, struct builder *answer)
{
	struct apdu a;

	(void)arg;
	if (!apdu_parse(command, &a) || !a.extended)
		return;
	refused++;
	answer->len = 0;
	builder_u16(answer, refusal);
}

static void a_card_without_extended_lengths_is_found_out(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].falsify = refuse_extended;
	b->loop->readers[0].max_apdu = 65544;
	for (int round = 0; round < 2; round++) {
		refusal = round ? SW_LAST_OF_CHAIN_EXPECTED : SW_WRONG_LENGTH;
		refused = 0;
		piv_bench_restart(b);
		piv_bench_refresh(b);
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		all_at_work(b);
		assert_int_equal(refused, 1);
	}
}

/* Once one came through, a length that is refused is that command's, and is told. */
static void a_length_refused_later_is_an_answer(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	ok(ukey_token_reload(b->t));
	b->loop->readers[0].falsify = refuse_extended;
	refusal = SW_WRONG_LENGTH;
	refused = 0;
	is(piv_bench_sign(b, REF_9A), UKEY_TOKEN_PROTOCOL);
	is(piv_bench_sign(b, REF_9A), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(refused, 2);
	b->loop->readers[0].falsify = NULL;
	ok(piv_bench_sign(b, REF_9A));
}

static void pss_oaep_and_raw(void **state)
{
	static const uint8_t digest[32] = "a digest of something important";
	const struct ukey_scheme pss = {.padding = UKEY_PSS, .hash = UKEY_SHA256, .mgf = UKEY_SHA256, .salt_len = 32};
	const struct crypto_scheme check = {CRYPTO_RSA_PSS, CRYPTO_SHA256, CRYPTO_SHA256, 32};
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t signature[512], block[256] = {0};
	size_t len = sizeof signature;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(ukey_sign(b->t, REF_9A, &pss, digest, sizeof digest, signature, &len));
	struct crypto_pubkey key = bench_public(b, REF_9A, &d);
	assert_int_equal(crypto_verify(&key, &check, BYTES_OF(digest), BYTES(signature, len)), CRYPTO_GOOD);
	ukey_directory_unref(d);
	block[255] = 2;
	len = sizeof signature;
	ok(ukey_sign(b->t, REF_9A, &(struct ukey_scheme){.padding = UKEY_RAW}, block, sizeof block, signature, &len));
	assert_int_equal(len, 256);
}

/* Digests of any length: the leftmost bits count, and zeros before a short one change nothing. */
static void ecdsa_takes_digests_of_any_length(void **state)
{
	static const size_t lengths[] = {1, 20, 28, 31, 32, 33, 48, 64};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	const struct crypto_scheme check = {.kind = CRYPTO_ECDSA};
	struct bench *b = *state;
	const struct ukey_directory *d;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++)
		for (int large = 0; large < 2; large++) {
			uint8_t digest[64], signature[96];
			size_t len = sizeof signature;
			const ukey_key_ref ref = large ? REF_9D : REF_9E;
			memset(digest, 0xA5, sizeof digest);
			ok(ukey_sign(b->t, ref, &ecdsa, digest, lengths[i], signature, &len));
			struct crypto_pubkey key = bench_public(b, ref, &d);
			assert_int_equal(crypto_verify(&key, &check, BYTES(digest, lengths[i]), BYTES(signature, len)),
				CRYPTO_GOOD);
			ukey_directory_unref(d);
		}
}

/* 9C: the PIN each time, and nothing of ours between the two. */
static void always_means_each_time(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	is(piv_bench_sign(b, REF_9C), UKEY_NOT_LOGGED_IN);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9C)); /* the log-in was the PIN for it */
	for (int i = 0; i < 2; i++) {
		is(piv_bench_sign(b, REF_9C), UKEY_NOT_LOGGED_IN);
		assert_int_equal(bench_info(b).role, UKEY_USER);
		ok(piv_bench_sign(b, REF_9A));
		const unsigned long before = apdus(b);
		ok(ukey_login_again(b->t, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9C));
		assert_int_equal(apdus(b) - before, 2);
	}
	is(ukey_login_again(b->t, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
}

/* Who types takes longer than a second, after which the card is looked at again: not between his PIN and the signature.
 */
static void always_is_for_who_types_too(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(piv_bench_sign(b, REF_9E)); /* and the directory is known */
	for (int i = 0; i < 2; i++) {
		piv_clock += 5000;
		ok(i == 0 ? ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)) : ukey_login_again(b->t, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9C));
	}
}

static void never_means_without_log_in(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(piv_bench_sign(b, REF_9E));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9E));
	ok(ukey_logout(b->t));
	ok(piv_bench_sign(b, REF_9E));
}

static void what_a_slot_is_not_for(void **state)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	struct bench *b = *state;
	uint8_t block[256] = {1}, out[256];
	size_t len = sizeof out;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	const unsigned long before = apdus(b);
	is(ukey_decrypt(b->t, REF_9C, &raw, block, sizeof block, out, &len), UKEY_KEY_USAGE);
	is(ukey_derive(b->t, REF_9C, block, 65, out, &len), UKEY_KEY_USAGE);
	is(ukey_derive(b->t, REF_9A, block, 65, out, &len), UKEY_KEY_USAGE);
	is(ukey_sign(b->t, UKEY_KEY_REF(20, UKEY_EXCHANGE), &raw, block, sizeof block, out, &len), UKEY_NOT_FOUND);
	is(ukey_sign(b->t, UKEY_KEY_REF(0, UKEY_EXCHANGE), &raw, block, sizeof block, out, &len), UKEY_NOT_FOUND);
	is(ukey_sign(b->t, 255, &raw, block, sizeof block, out, &len), UKEY_NOT_FOUND);
	assert_int_equal(apdus(b), before);
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, piv_bench_setup, bench_teardown)
#define SIZED(test) cmocka_unit_test_setup_teardown(test, setup_sizes, bench_teardown)

/* The card asks for the PIN each time, which a certificate does not tell: who is out for us is not left in there. */
static void who_is_asked_again_is_not_left_in(void **state)
{
	const struct ukey_generate how = {.ref = REF_9A, .algorithm = UKEY_P256, .always_authenticate = true};
	struct bench *b = piv_bench_with(piv_card(PIV_YUBICO, NULL, 0));
	uint8_t *der;
	size_t len;

	*state = b;
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_SO, PIN(KEY_OURS)));
	ok(ukey_generate(b->t, &how, NULL));
	der = bench_certificate_for(b, REF_9A, 0, &len);
	ok(ukey_write_certificate(b->t, REF_9A, der, len, NULL));
	free(der);
	ok(ukey_logout(b->t));
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	const unsigned long resets = b->loop->readers[0].closing_resets;
	ukey_token_idle(b->t);
	assert_int_equal(b->loop->readers[0].closing_resets, resets);
	piv_select(b->chip[0]);
	wire(b->chip[0], "00200080", SW_TRIES_LEFT | 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SIZED(every_algorithm_works),
		SIZED(every_algorithm_works_in_short_apdus),
		SIZED(a_reader_without_extended_lengths_is_found_out),
		SIZED(a_card_without_extended_lengths_is_found_out),
		USUAL(a_length_refused_later_is_an_answer),
		USUAL(pss_oaep_and_raw),
		USUAL(ecdsa_takes_digests_of_any_length),
		USUAL(always_means_each_time),
		USUAL(always_is_for_who_types_too),
		cmocka_unit_test_teardown(who_is_asked_again_is_not_left_in, bench_teardown),
		USUAL(never_means_without_log_in),
		USUAL(what_a_slot_is_not_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
