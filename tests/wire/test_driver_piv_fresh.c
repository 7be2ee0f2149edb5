/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIV card does not say that something on it has changed. What another program writes is seen nevertheless, whatever
 * was kept in memory or in files; and no result is given out that the listed key has not made.
 */
#include "config.h"

#include "driver/cache_file.h"
#include "driver/token.h"
#include "tests/wire/cache_files.h"
#include "tests/wire/piv_bench.h"
#include "tests/wire/piv_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* What is looked at: the five certificates of piv_usual and the key history; and every other turn the one that is
 * about to end, as all of them are here. */
#define LISTINGS (2 * 6)

static unsigned long apdus(struct bench *b)
{
	return b->loop->readers[0].apdus;
}

/* ---- ways in which time passes ----------------------------------------------------------------------------------- */

static void a_second_passes(struct bench *b)
{
	(void)b;
	piv_clock += 1000;
}

static void it_is_replugged(struct bench *b)
{
	loop_unplug(b->loop, 0);
	ok(ukey_refresh(b->u));
	loop_plug(b->loop, 0, b->chip[0]);
	piv_bench_refresh(b);
}

/* All that is left is in files. */
static void another_process(struct bench *b)
{
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	piv_bench_refresh(b);
}

static void (*const passing[])(struct bench *) = {a_second_passes, it_is_replugged, another_process};
#define PASSING (sizeof passing / sizeof passing[0])

/* ---- what is seen ------------------------------------------------------------------------------------------------ */

/* Who is in the slot: the certificate itself, malloc'd; NULL: no key, or one without. */
static uint8_t *seen(struct bench *b, ukey_key_ref ref, size_t *len)
{
	const struct ukey_directory *d;
	uint8_t *der = NULL;

	*len = 0;
	ok(ukey_directory(b->t, &d));
	const struct ukey_key *k = ukey_directory_key(d, ref);
	if (k && k->certificate.exists)
		ok(ukey_read_certificate(b->t, ref, &der, len));
	ukey_directory_unref(d);
	return der;
}

static bool shows(struct bench *b, ukey_key_ref ref, struct bytes der)
{
	size_t len;
	uint8_t *now = seen(b, ref, &len);
	const bool so = bytes_equal(BYTES(now, len), der);

	free(now);
	return so;
}

/* Listings until it shows. */
static int listings_until(struct bench *b, void (*pass)(struct bench *), ukey_key_ref ref, struct bytes der)
{
	int n = 0;

	do {
		pass(b);
		n++;
	} while (!shows(b, ref, der) && n < 100);
	return n;
}

static void know_the_card(struct bench *b)
{
	size_t len;

	piv_bench_refresh(b);
	free(seen(b, REF_9A, &len));
}

static uint32_t object_of(ukey_key_ref ref)
{
	return piv_usual[ref / 2].object;
}

/* Another program: a certificate for the key that is there, which is `old`'s. */
static uint8_t *renew(struct bench *b, ukey_key_ref ref, long serial, size_t *len)
{
	size_t old_len;
	uint8_t *old = seen(b, ref, &old_len);
	struct crypto_cert cert;

	assert_true(crypto_cert_parse(BYTES(old, old_len), &cert));
	uint8_t *der = piv_certificate(cert.spki, serial, len);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put_certificate(b->chip[0], object_of(ref), BYTES(der, *len), 0);
	free(old);
	return der;
}

/* Another program: another key, with its certificate. */
static uint8_t *make_anew(struct bench *b, ukey_key_ref ref, size_t *len)
{
	struct piv_key_wish wish = piv_usual[ref / 2];

	if (wish.algorithm == 0x07)
		wish.algorithm = 0x11;
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	uint8_t *der = piv_make_key(b->chip[0], &wish, len);
	piv_put_certificate(b->chip[0], wish.object, BYTES(der, *len), 0);
	return der;
}

/* ---- listings ---------------------------------------------------------------------------------------------------- */

/* pain 12: a renewed certificate is seen, and nobody deletes files by hand. */
static void a_renewed_certificate_is_seen(void **state)
{
	struct bench *b = *state;
	long serial = 70000;
	int most = 0;

	know_the_card(b);
	for (size_t how = 0; how < PASSING; how++)
		for (size_t i = 0; i < PIV_USUAL; i++) {
			const ukey_key_ref ref = (ukey_key_ref)(2 * i + (i == 2 || i == 4));
			size_t len;
			uint8_t *der = renew(b, ref, serial++, &len);
			const int n = listings_until(b, passing[how], ref, BYTES(der, len));
			assert_in_range(n, 1, LISTINGS);
			most = n > most ? n : most;
			free(der);
		}
	/* They took turns. */
	assert_true(most > 2);
}

/* For a person who looks it does not depend on whose turn it is. */
static void after_a_doubt_everything_is_read(void **state)
{
	struct bench *b = *state;

	know_the_card(b);
	for (size_t how = 0; how < PASSING; how++)
		for (size_t i = 0; i < PIV_USUAL; i++) {
			const ukey_key_ref ref = (ukey_key_ref)(2 * i + (i == 2 || i == 4));
			size_t len;
			uint8_t *der = renew(b, ref, 71000 + (long)(how * PIV_USUAL + i), &len);
			passing[how](b);
			const unsigned long before = apdus(b);
			ukey_directory_doubt(b->t);
			assert_int_equal(apdus(b), before);
			assert_true(shows(b, ref, BYTES(der, len)));
			free(der);
		}
}

static void a_deleted_certificate_and_a_new_one_are_seen(void **state)
{
	struct bench *b = *state;

	know_the_card(b);
	for (size_t how = 0; how < PASSING; how++) {
		size_t len;
		uint8_t *der = seen(b, REF_9C, &len);
		piv_select(b->chip[0]);
		piv_admin(b->chip[0]);
		piv_put(b->chip[0], object_of(REF_9C), BYTES_NONE, SW_OK);
		assert_in_range(listings_until(b, passing[how], REF_9C, BYTES_NONE), 1, LISTINGS);
		/* An empty slot is looked at, too. */
		piv_select(b->chip[0]);
		piv_admin(b->chip[0]);
		piv_put_certificate(b->chip[0], object_of(REF_9C), BYTES(der, len), 0);
		assert_in_range(listings_until(b, passing[how], REF_9C, BYTES(der, len)), 1, LISTINGS);
		free(der);
	}
}

static void one_more_retired_key_is_seen(void **state)
{
	struct bench *b = *state;
	const struct piv_key_wish wish = {0x83, 0x11, 0x5FC10E};
	size_t len;

	know_the_card(b);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	uint8_t *der = piv_make_key(b->chip[0], &wish, &len);
	piv_put_certificate(b->chip[0], wish.object, BYTES(der, len), 0);
	piv_put_history(b->chip[0], 2, 0);
	assert_in_range(
		listings_until(b, another_process, UKEY_KEY_REF(5, UKEY_EXCHANGE), BYTES(der, len)), 1, LISTINGS);
	free(der);
}

/* Certificates that are long, and differ in their last bytes alone: compressed, their beginnings are the same. */
static void put_compressed(struct bench *b, struct bytes der)
{
	static uint8_t packed[8192];
	z_stream z = {.next_in = (uint8_t *)(uintptr_t)der.data, .avail_in = (uInt)der.len};

	z.next_out = packed;
	z.avail_out = sizeof packed;
	assert_int_equal(deflateInit2(&z, 0, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put_certificate(b->chip[0], object_of(REF_9E), BYTES(packed, z.total_out), 1);
	deflateEnd(&z);
}

static void a_compressed_certificate_is_read_whole(void **state)
{
	struct bench *b = *state;
	size_t len;

	know_the_card(b);
	uint8_t *der = seen(b, REF_9E, &len);
	for (size_t how = 0; how < PASSING; how++)
		for (int i = 0; i < 3; i++) {
			/* In the signature. */
			der[len - 1] ^= 1;
			put_compressed(b, BYTES(der, len));
			assert_in_range(listings_until(b, passing[how], REF_9E, BYTES(der, len)), 1, LISTINGS);
		}
	/* The same is the same. */
	for (int i = 0; i < LISTINGS; i++) {
		const unsigned long before = apdus(b);
		a_second_passes(b);
		assert_true(shows(b, REF_9E, BYTES(der, len)));
		assert_int_equal(apdus(b) - before, 1);
	}
	free(der);
}

/* The same serial number, another card: its name says so. */
static void another_name_is_another_card_s_directory(void **state)
{
	static const char *const other_card = "3019D4E739DA739CED39CE739D836858210842108421C84210C3EB"
					      "3410%s350832303530303130313E00FE00";
	struct bench *b = *state;
	char first[128], second[128];
	size_t len;

	piv_bench_refresh(b);
	snprintf(first, sizeof first, other_card, "00112233445566778899AABBCCDDEEFF");
	snprintf(second, sizeof second, other_card, "FF112233445566778899AABBCCDDEEFF");
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC102, wire_hex(first), SW_OK);
	another_process(b);
	assert_string_equal(bench_info(b).serial, "8899AABBCCDDEEFF");
	free(seen(b, REF_9A, &len));
	another_process(b);
	unsigned long before = apdus(b);
	free(seen(b, REF_9A, &len));
	assert_int_equal(apdus(b) - before, 1);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC102, wire_hex(second), SW_OK);
	another_process(b);
	assert_string_equal(bench_info(b).serial, "8899AABBCCDDEEFF");
	before = apdus(b);
	free(seen(b, REF_9A, &len));
	assert_true(apdus(b) - before > 5);
}

static void without_a_name_nothing_is_kept(void **state)
{
	struct bench *b = *state;
	size_t len;

	piv_bench_refresh(b);
	piv_select(b->chip[0]);
	piv_admin(b->chip[0]);
	piv_put(b->chip[0], 0x5FC102, BYTES_NONE, SW_OK);
	for (size_t how = 1; how < PASSING; how++)
		for (int i = 0; i < 2; i++) {
			it_is_replugged(b);
			another_process(b);
			passing[how](b);
			const unsigned long before = apdus(b);
			free(seen(b, REF_9A, &len));
			assert_true(apdus(b) - before > 5);
		}
}

/* ---- results ----------------------------------------------------------------------------------------------------- */

/* Sign with what the directory in memory says, as who holds a handle of a listing before. */
static enum ukey_status sign_now(struct bench *b, ukey_key_ref ref, bool rsa)
{
	static const uint8_t digest[32] = "an older listing's key";
	const struct ukey_scheme scheme = {
		.padding = rsa ? UKEY_PKCS1 : UKEY_ECDSA, .hash = rsa ? UKEY_SHA256 : UKEY_HASH_NONE};
	uint8_t out[512], untouched[512];
	size_t len = sizeof out;

	memset(out, 0x5A, sizeof out);
	memset(untouched, 0x5A, sizeof untouched);
	enum ukey_status status = ukey_sign(b->t, ref, &scheme, digest, sizeof digest, out, &len);
	if (status != UKEY_OK)
		assert_memory_equal(out, untouched, sizeof out);
	return status;
}

static void log_in(struct bench *b)
{
	if (bench_info(b).role != UKEY_NOBODY)
		ok(ukey_logout(b->t));
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
}

static void another_key_signs_nothing(void **state)
{
	struct bench *b = *state;

	for (size_t how = 0; how < PASSING; how++) {
		size_t len;
		know_the_card(b);
		uint8_t *der = make_anew(b, REF_9D, &len);
		passing[how](b);
		log_in(b);
		is(sign_now(b, REF_9D, false), UKEY_KEY_CHANGED);
		/* And now it is known. */
		assert_true(shows(b, REF_9D, BYTES(der, len)));
		ok(sign_now(b, REF_9D, false));
		free(der);
		/* For the next process, too. */
		der = make_anew(b, REF_9D, &len);
		another_process(b);
		log_in(b);
		is(sign_now(b, REF_9D, false), UKEY_KEY_CHANGED);
		another_process(b);
		assert_true(shows(b, REF_9D, BYTES(der, len)));
		free(der);
	}
}

/* Of another kind, the card refuses it: that is no fault of the data. */
static void a_key_of_another_kind_signs_nothing(void **state)
{
	struct bench *b = *state;
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t block[256] = {0}, out[256];
	size_t len;

	know_the_card(b);
	uint8_t *der = make_anew(b, REF_9A, &len);
	log_in(b);
	is(sign_now(b, REF_9A, true), UKEY_KEY_CHANGED);
	assert_true(shows(b, REF_9A, BYTES(der, len)));
	ok(sign_now(b, REF_9A, false));
	free(der);
	der = make_anew(b, REF_82, &len);
	log_in(b);
	len = sizeof out;
	block[255] = 2;
	is(ukey_decrypt(b->t, REF_82, &raw, block, sizeof block, out, &len), UKEY_KEY_CHANGED);
	free(der);
}

/* A card whose answers are of another key than it says. */
static void (*lie)(struct builder *);

static void falsify(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	if (command.len > 4 && (command.data[1] == 0x87 || command.data[1] == 0xC0) && answer->len > 8)
		lie(answer);
}

static void a_bit(struct builder *answer)
{
	answer->data[answer->len - 12] ^= 0x10;
}

static void a_false_result_is_never_given_out(void **state)
{
	struct bench *b = *state;
	const struct ukey_scheme raw = {.padding = UKEY_RAW}, pkcs1 = {.padding = UKEY_PKCS1},
				 pss = {.padding = UKEY_PSS, .hash = UKEY_SHA256, .mgf = UKEY_SHA256, .salt_len = 32};
	uint8_t block[256] = {0}, out[256], digest[32] = {0};
	size_t len;

	know_the_card(b);
	log_in(b);
	b->loop->readers[0].falsify = falsify;
	lie = a_bit;
	block[255] = 9;
	for (int i = 0; i < 3; i++) {
		is(sign_now(b, REF_9A, true), UKEY_KEY_CHANGED);
		is(sign_now(b, REF_9D, false), UKEY_KEY_CHANGED);
		is(sign_now(b, REF_9E, false), UKEY_KEY_CHANGED);
		len = sizeof out;
		is(ukey_sign(b->t, REF_9A, &raw, block, sizeof block, out, &len), UKEY_KEY_CHANGED);
		is(ukey_sign(b->t, REF_9A, &pss, digest, sizeof digest, out, &len), UKEY_KEY_CHANGED);
		is(ukey_decrypt(b->t, REF_9A, &raw, block, sizeof block, out, &len), UKEY_KEY_CHANGED);
		/* Nothing is said of the padding of what another key has made of it. */
		is(ukey_decrypt(b->t, REF_9A, &pkcs1, block, sizeof block, out, &len), UKEY_KEY_CHANGED);
	}
	b->loop->readers[0].falsify = NULL;
	ok(sign_now(b, REF_9A, true));
	/* What was no padding before the public operation is none after the private one. */
	const struct ukey_directory *d;
	const struct crypto_pubkey key = bench_public(b, REF_9A, &d);
	uint8_t cipher[256];
	assert_true(crypto_rsa_public(&key, BYTES_OF(block), cipher));
	ukey_directory_unref(d);
	len = sizeof out;
	ok(ukey_decrypt(b->t, REF_9A, &raw, cipher, sizeof cipher, out, &len));
	assert_memory_equal(out, block, sizeof block);
	is(ukey_decrypt(b->t, REF_9A, &pkcs1, cipher, sizeof cipher, out, &len), UKEY_DECRYPT_FAILED);
}

/* A secret cannot be checked: so the certificate is looked at before the first one. */
static void another_key_agrees_on_nothing(void **state)
{
	struct bench *b = *state;
	uint8_t secret[48], point[97];
	struct builder peer = builder_of(point, sizeof point);
	const uint8_t one[48] = {[47] = 1};
	size_t len = sizeof secret, der_len;

	assert_true(crypto_point_of(CRYPTO_EC_P384, BYTES_OF(one), &peer));
	for (size_t how = 1; how < PASSING; how++) {
		know_the_card(b);
		/* The same key, another certificate. */
		free(renew(b, REF_9D, 4000 + (long)how, &der_len));
		passing[how](b);
		log_in(b);
		ok(ukey_derive(b->t, REF_9D, point, peer.len, secret, &len));
		free(make_anew(b, REF_9D, &der_len));
		passing[how](b);
		log_in(b);
		is(ukey_derive(b->t, REF_9D, point, peer.len, secret, &len), UKEY_KEY_CHANGED);
		ok(ukey_derive(b->t, REF_9D, point, peer.len, secret, &len));
	}
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void damage_costs_time_never_correctness(void **state)
{
	struct bench *b = *state;
	char names[16][NAME_MAX + 1];
	uint8_t *der[PIV_USUAL];
	size_t len[PIV_USUAL];

	know_the_card(b);
	for (size_t i = 0; i < PIV_USUAL; i++)
		der[i] = seen(b, (ukey_key_ref)(2 * i + (i == 2 || i == 4)), &len[i]);
	const size_t n = cache_names(names, 16);
	assert_int_equal(n, 1 + PIV_USUAL);
	for (size_t f = 0; f < n; f++) {
		size_t size;
		uint8_t *good = cache_read(names[f], &size), *bad = malloc(size + 1);
		for (size_t at = 0; at <= size; at += at < 80 ? 1 : 41) {
			memcpy(bad, good, size);
			bad[size] = 0;
			bad[at] ^= (uint8_t)(1u << at % 8);
			cache_write(names[f], bad, at < size ? size : size + 1);
			another_process(b);
			for (size_t i = 0; i < PIV_USUAL; i++)
				assert_true(
					shows(b, (ukey_key_ref)(2 * i + (i == 2 || i == 4)), BYTES(der[i], len[i])));
			cache_write(names[f], good, at % size);
			another_process(b);
			for (size_t i = 0; i < PIV_USUAL; i++)
				assert_true(
					shows(b, (ukey_key_ref)(2 * i + (i == 2 || i == 4)), BYTES(der[i], len[i])));
		}
		free(good);
		free(bad);
	}
	/* Without a certificate that it names a directory is not believed. */
	for (size_t f = 0; f < n; f++) {
		another_process(b);
		free(seen(b, REF_9A, &len[0]));
		assert_int_equal(remove(cache_path(names[f])), 0);
		another_process(b);
		assert_true(shows(b, REF_9A, BYTES(der[0], len[0])));
	}
	for (size_t i = 0; i < PIV_USUAL; i++)
		free(der[i]);
}

/* A file that is made well, and names a key that is not the certificate's: it is not believed. */
static void a_false_file_is_not_believed(void **state)
{
	struct bench *b = *state;
	char names[16][NAME_MAX + 1];
	size_t len;

	know_the_card(b);
	uint8_t *der = seen(b, REF_9A, &len);
	size_t n = cache_names(names, 16), size;
	for (size_t f = 0; f < n; f++) {
		if (!strstr(names[f], ".directory"))
			continue;
		uint8_t *file = cache_read(names[f], &size);
		const struct cache_key k = {CACHE_NAMED_DIRECTORY, b->t->serial, b->t->fresh.identity};
		struct bytes content;
		assert_true(cache_content(BYTES(file, size), &k, &content));
		uint8_t *forged = malloc(content.len);
		bytes_copy(forged, content);
		/* In the middle of the first key's modulus. */
		forged[4 + 200] ^= 1;
		cache_save(&k, BYTES(forged, content.len));
		free(forged);
		free(file);
		another_process(b);
		const unsigned long before = apdus(b);
		assert_true(shows(b, REF_9A, BYTES(der, len)));
		assert_true(apdus(b) - before > 5);
		log_in(b);
		ok(piv_bench_sign(b, REF_9A));
	}
	free(der);
}

static void it_can_be_switched_off(void **state)
{
	struct bench *b = *state;
	char names[16][NAME_MAX + 1];
	size_t len;

	trusted_configure("cache = no\n");
	trusted_forget_cache();
	for (int i = 0; i < 2; i++) {
		another_process(b);
		const unsigned long before = apdus(b);
		free(seen(b, REF_9A, &len));
		assert_true(apdus(b) - before > 5);
		assert_int_equal(cache_names(names, 16), 0);
	}
	trusted_configure(NULL);
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, piv_bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USUAL(a_renewed_certificate_is_seen),
		USUAL(after_a_doubt_everything_is_read),
		USUAL(a_deleted_certificate_and_a_new_one_are_seen),
		USUAL(one_more_retired_key_is_seen),
		USUAL(a_compressed_certificate_is_read_whole),
		USUAL(another_name_is_another_card_s_directory),
		USUAL(without_a_name_nothing_is_kept),
		USUAL(another_key_signs_nothing),
		USUAL(a_key_of_another_kind_signs_nothing),
		USUAL(a_false_result_is_never_given_out),
		USUAL(another_key_agrees_on_nothing),
		USUAL(damage_costs_time_never_correctness),
		USUAL(a_false_file_is_not_believed),
		USUAL(it_can_be_switched_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
