/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys and certificates of PIV cards, through libukey: from a key's making over its certificate to a new one; where a
 * key goes; and what is not overwritten.
 */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

#define REF_95 UKEY_KEY_REF(23, UKEY_EXCHANGE)
#define REF_83 UKEY_KEY_REF(5, UKEY_EXCHANGE)

static const struct {
	ukey_key_ref ref;
	enum ukey_algorithm algorithm;
} everywhere[] = {
	{REF_9A, UKEY_RSA_2048},
	{REF_9C, UKEY_P256    },
	{REF_9D, UKEY_P384    },
	{REF_9E, UKEY_P256    },
	{REF_82, UKEY_P256    },
	{REF_95, UKEY_P256    },
};

/* Made, shown without certificate, in another process too; used; certified. Whether the card tells or not. */
static void a_key_from_its_making_to_its_certificate(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;

	for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
		piv_bench_manage(b);
		ok(piv_bench_generate(b, everywhere[i].ref, everywhere[i].algorithm, &ref));
		assert_int_equal(ref, everywhere[i].ref);
		piv_bench_is_shown(b, ref, false);
		piv_bench_restart(b);
		piv_bench_refresh(b);
		piv_bench_is_shown(b, ref, false);
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, ref));
		ok(ukey_logout(b->t));
		size_t len;
		uint8_t *der = bench_certificate_for(b, ref, 0, &len), *back;
		is(ukey_write_certificate(b->t, ref, der, len, NULL), UKEY_MANAGEMENT_KEY_NEEDED);
		piv_bench_manage(b);
		ok(ukey_write_certificate(b->t, ref, der, len, NULL));
		piv_bench_is_shown(b, ref, true);
		piv_bench_restart(b);
		piv_bench_refresh(b);
		size_t back_len;
		ok(ukey_read_certificate(b->t, ref, &back, &back_len));
		assert_true(bytes_equal(BYTES(back, back_len), BYTES(der, len)));
		free(back);
		free(der);
		is(piv_bench_generate(b, ref, UKEY_P256, &ref), UKEY_MANAGEMENT_KEY_NEEDED);
		piv_bench_manage(b);
		is(piv_bench_generate(b, ref, UKEY_P256, &ref), UKEY_EXISTS);
		ok(ukey_logout(b->t));
	}
}

/* The key stays: seen, used, certified again; on cards that tell of keys, and on those that only have certificates. */
static void a_key_outlives_its_certificate(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	size_t len;

	for (size_t i = 0; i < sizeof everywhere / sizeof everywhere[0]; i++) {
		piv_bench_manage(b);
		ok(piv_bench_generate(b, everywhere[i].ref, everywhere[i].algorithm, &ref));
		uint8_t *der = bench_certificate_for(b, ref, 0, &len);
		ok(ukey_write_certificate(b->t, ref, der, len, NULL));
		piv_bench_is_shown(b, ref, true);
		ok(ukey_delete_certificate(b->t, ref));
		piv_bench_is_shown(b, ref, false);
		is(ukey_delete_certificate(b->t, ref), UKEY_NOT_FOUND);
		piv_bench_restart(b);
		piv_bench_refresh(b);
		piv_bench_is_shown(b, ref, false);
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, ref));
		ok(ukey_logout(b->t));
		piv_bench_manage(b);
		ok(ukey_write_certificate(b->t, ref, der, len, NULL));
		piv_bench_is_shown(b, ref, true);
		ok(ukey_logout(b->t));
		free(der);
	}
}

static bool said_to_be_made_here(struct bench *b, ukey_key_ref ref)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	const struct ukey_key *k = ukey_directory_key(d, ref);
	const bool generated = k && k->generated;
	ukey_directory_unref(d);
	return generated;
}

/* A plain card does not know who made its keys. What stands for a deleted certificate must not vouch for that either.
 */
static void a_deleted_certificate_vouches_for_nothing(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	size_t len;

	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	assert_true(said_to_be_made_here(b, ref));
	uint8_t *der = bench_certificate_for(b, ref, 0, &len);
	ok(ukey_write_certificate(b->t, ref, der, len, NULL));
	free(der);
	ok(ukey_delete_certificate(b->t, ref));
	piv_bench_is_shown(b, ref, false);
	assert_false(said_to_be_made_here(b, ref));
}

static void only_its_own_certificate(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	size_t len;

	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	ok(piv_bench_generate(b, REF_9C, UKEY_P256, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9C, 0, &len);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_CERT_MISMATCH);
	is(ukey_write_certificate(b->t, REF_9D, der, len, NULL), UKEY_NOT_FOUND);
	is(ukey_write_other_certificate(b->t, -1, der, len, NULL, 0, "CA", 2, NULL), UKEY_NOT_SUPPORTED);
	free(der);
	/* Too large for the card: said so, and what was there is there. */
	der = bench_certificate_for(b, REF_9A, 17000, &len);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_TOO_LARGE);
	free(der);
	piv_bench_is_shown(b, REF_9A, false);
}

static void a_key_in_the_place_of_another(void **state)
{
	struct bench *b = *state;
	const struct ukey_generate how = {.ref = REF_9A, .algorithm = UKEY_P384, .replace = true};
	ukey_key_ref ref;
	size_t len;

	piv_bench_manage(b);
	ok(piv_bench_generate(b, REF_9A, UKEY_P256, &ref));
	uint8_t *der = bench_certificate_for(b, REF_9A, 0, &len);
	ok(ukey_write_certificate(b->t, REF_9A, der, len, NULL));
	ok(ukey_generate(b->t, &how, &ref));
	piv_bench_is_shown(b, REF_9A, false);
	is(ukey_write_certificate(b->t, REF_9A, der, len, NULL), UKEY_CERT_MISMATCH);
	free(der);
	ok(ukey_logout(b->t));
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
}

/* Not in the directory, and there: no key is lost because it could not be shown. */
static void a_slot_that_cannot_be_shown_is_not_free(void **state)
{
	static const uint8_t broken[] = {0x70, 0x03, 0x01, 0x02, 0x03, 0x71, 0x01, 0x00, 0xFE, 0x00};
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	ukey_key_ref ref;
	bool has;

	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x9A, 0x11, 0, 0);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(broken), SW_OK);
	piv_bench_manage(b);
	assert_false(piv_bench_shown(b, REF_9A, &has));
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	how.id = (const uint8_t *)"\x01";
	how.id_len = 1;
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	/* Who names no place gets the next one. */
	how.id_len = 0;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	piv_get(b->chip[0], 0x5FC105, SW_OK);
	/* Whoever says that it may go. */
	how = (struct ukey_generate){.ref = REF_9A, .algorithm = UKEY_P256, .replace = true};
	ok(ukey_generate(b->t, &how, &ref));
	assert_true(piv_bench_shown(b, REF_9A, &has));
}

/* Nor when there is more in it than in a small object: most certificates are longer. */
static void a_long_object_that_cannot_be_shown_is_not_free(void **state)
{
	uint8_t broken[700] = {0x70, 0x82, 0x02, 0xB3, 0x30, 0x01};
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	ukey_key_ref ref;
	bool has;

	memcpy(broken + sizeof broken - 5, (const uint8_t[]){0x71, 0x01, 0x00, 0xFE, 0x00}, 5);
	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x9A, 0x11, 0, 0);
	piv_put(b->chip[0], 0x5FC105, BYTES_OF(broken), SW_OK);
	piv_bench_manage(b);
	assert_false(piv_bench_shown(b, REF_9A, &has));
	is(piv_bench_generate(b, REF_9A, UKEY_P256, &ref), UKEY_EXISTS);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	piv_get(b->chip[0], 0x5FC105, SW_OK);
}

/* A retired key that the key history does not count; the card tells of it. */
static void a_key_that_only_the_card_tells_of_is_not_overwritten(void **state)
{
	struct bench *b = *state;
	ukey_key_ref ref;
	bool has;

	piv_admin(b->chip[0]);
	piv_generate(b->chip[0], 0x83, 0x11, 0, 0);
	piv_bench_manage(b);
	assert_false(piv_bench_shown(b, UKEY_KEY_REF(5, UKEY_EXCHANGE), &has));
	is(piv_bench_generate(b, UKEY_KEY_REF(5, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_EXISTS);
	ok(piv_bench_generate(b, UKEY_KEY_REF(6, UKEY_EXCHANGE), UKEY_P256, &ref));
}

static void where_a_key_goes_that_names_no_place(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256};
	ukey_key_ref ref;

	piv_bench_manage(b);
	how.id = (const uint8_t *)"\x04";
	how.id_len = 1;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9E);
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	how.id_len = 0;
	how.label = "Retired Key 1";
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_82);
	how.label = "my key";
	how.usage = UKEY_USE_SIGN;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9A);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9C);
	how.usage = UKEY_USE_DERIVE;
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, REF_9D);
	ok(ukey_generate(b->t, &how, &ref));
	assert_int_equal(ref, UKEY_KEY_REF(5, UKEY_EXCHANGE));
	/* A slot with another pair is none; nor is one beyond the last. */
	is(piv_bench_generate(b, UKEY_KEY_REF(0, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_NOT_SUPPORTED);
	is(piv_bench_generate(b, UKEY_KEY_REF(24, UKEY_EXCHANGE), UKEY_P256, &ref), UKEY_NOT_SUPPORTED);
	/* What the slot's keys are not for. */
	how = (struct ukey_generate){.ref = REF_9C, .algorithm = UKEY_RSA_2048, .usage = UKEY_USE_DECRYPT};
	is(ukey_generate(b->t, &how, &ref), UKEY_EXISTS);
	how.replace = true;
	is(ukey_generate(b->t, &how, &ref), UKEY_KEY_USAGE);
	is(piv_bench_generate(b, REF_9A, UKEY_P521, &ref), UKEY_ALGORITHM);
}

/* 9E's keys are anybody's who has the card: none gets there that was not sent there. */
static void nothing_goes_to_9e_by_itself(void **state)
{
	static const ukey_key_ref want[] = {REF_9A, REF_9C, REF_9D, REF_82};
	const struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	struct bench *b = *state;
	ukey_key_ref ref;

	piv_bench_manage(b);
	for (size_t i = 0; i < sizeof want; i++) {
		ok(ukey_generate(b->t, &how, &ref));
		assert_int_equal(ref, want[i]);
	}
}

/* A card without Yubico's extensions might make such a key, and forget the wish. */
static void wishes_that_the_card_does_not_know(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = REF_9D, .algorithm = UKEY_P256, .always_authenticate = true};
	ukey_key_ref ref;
	bool has;

	piv_bench_manage(b);
	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_SUPPORTED);
	how = (struct ukey_generate){.ref = REF_9D, .algorithm = UKEY_P256, .touch = true};
	is(ukey_generate(b->t, &how, &ref), UKEY_NOT_SUPPORTED);
	assert_false(piv_bench_shown(b, REF_9D, &has));
	/* What the slot is anyway needs no extension. */
	how = (struct ukey_generate){.ref = REF_9C, .algorithm = UKEY_P256, .always_authenticate = true};
	ok(ukey_generate(b->t, &how, &ref));
}

static void wishes_that_a_yubikey_knows(void **state)
{
	struct bench *b = *state;
	struct ukey_generate how = {.ref = REF_9D, .algorithm = UKEY_P256, .always_authenticate = true};
	const struct ukey_directory *d;
	ukey_key_ref ref;

	piv_bench_manage(b);
	ok(ukey_generate(b->t, &how, &ref));
	ok(ukey_directory(b->t, &d));
	assert_true(ukey_directory_key(d, ref)->always_authenticate);
	assert_true(ukey_directory_key(d, ref)->generated);
	ukey_directory_unref(d);
}

int main(void)
{
#define T(f, with) cmocka_unit_test_setup_teardown(f, with, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(a_key_from_its_making_to_its_certificate, piv_bench_new),
		T(a_key_from_its_making_to_its_certificate, piv_bench_new_yubico),
		T(a_key_outlives_its_certificate, piv_bench_new),
		T(a_key_outlives_its_certificate, piv_bench_new_yubico),
		T(a_deleted_certificate_vouches_for_nothing, piv_bench_new),
		T(only_its_own_certificate, piv_bench_new),
		T(a_key_in_the_place_of_another, piv_bench_new),
		T(a_key_in_the_place_of_another, piv_bench_new_yubico),
		T(a_slot_that_cannot_be_shown_is_not_free, piv_bench_new),
		T(a_long_object_that_cannot_be_shown_is_not_free, piv_bench_new),
		T(a_key_that_only_the_card_tells_of_is_not_overwritten, piv_bench_new_yubico),
		T(where_a_key_goes_that_names_no_place, piv_bench_new),
		T(nothing_goes_to_9e_by_itself, piv_bench_new),
		T(wishes_that_the_card_does_not_know, piv_bench_new),
		T(wishes_that_a_yubikey_knows, piv_bench_new_yubico),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
