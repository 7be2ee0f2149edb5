/* SPDX-License-Identifier: Apache-2.0 */
/* PIV cards: who they are, what is on them, PINs, keys. Requirement: issue PIV, 2. */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

static unsigned long apdus(struct bench *b)
{
	return b->loop->readers[0].apdus;
}

/* ---- who answers ------------------------------------------------------------------------------------------------- */

static void a_piv_card_costs_select_and_its_name(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	assert_int_equal(apdus(b), 2);
	piv_bench_refresh(b);
	assert_int_equal(apdus(b), 2);
	struct ukey_token_info info = bench_info(b);
	assert_int_equal(info.application, UKEY_APPLICATION_PIV);
	assert_string_equal(info.label, "OpenUKey PIV");
	assert_int_equal(strlen(info.serial), 16);
	assert_int_equal(info.life_cycle, UKEY_OPERATIONAL);
	assert_int_equal(info.genuine, UKEY_GENUINE_NONE);
	assert_int_equal(info.pin_min, 6);
	assert_int_equal(info.pin_max, 8);
	assert_true(info.user_pin.exists);
	assert_int_equal(info.user_pin.tries_max, 0);
	assert_int_equal(info.max_containers, 24);
}

/* ---- what is on it ----------------------------------------------------------------------------------------------- */

static void the_slots_are_containers(void **state)
{
	static const struct {
		ukey_key_ref ref;
		const char *label;
		enum ukey_algorithm algorithm;
		unsigned usage;
		bool always, never;
		uint8_t id;
	} rows[] = {
		{REF_9A, "PIV Authentication",  UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT, false, false, 1},
		{REF_9C, "Digital Signature",   UKEY_P256,     UKEY_USE_SIGN,                    true,  false, 2},
		{REF_9D, "Key Management",      UKEY_P384,     UKEY_USE_SIGN | UKEY_USE_DERIVE,  false, false, 3},
		{REF_9E, "Card Authentication", UKEY_P256,     UKEY_USE_SIGN,                    false, true,  4},
		{REF_82, "Retired Key 1",       UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT, false, false, 5},
	};
	struct bench *b = *state;
	const struct ukey_directory *d;

	piv_bench_refresh(b);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, PIV_USUAL);
	assert_int_equal(d->container_count, PIV_USUAL);
	for (size_t i = 0; i < PIV_USUAL; i++) {
		const struct ukey_key *k = ukey_directory_key(d, rows[i].ref);
		uint8_t *der;
		size_t len;
		assert_non_null(k);
		assert_string_equal(k->label, rows[i].label);
		assert_string_equal(d->containers[i].name, rows[i].label);
		assert_int_equal(k->algorithm, rows[i].algorithm);
		assert_int_equal(k->usage, rows[i].usage);
		assert_int_equal(k->always_authenticate, rows[i].always);
		assert_int_equal(k->no_pin, rows[i].never);
		assert_int_equal(k->id_len, 1);
		assert_int_equal(k->id[0], rows[i].id);
		/* It came along with the key. */
		const unsigned long before = apdus(b);
		ok(ukey_read_certificate(b->t, k->ref, &der, &len));
		assert_int_equal(len, k->certificate.length);
		assert_int_equal(apdus(b), before);
		free(der);
	}
	ukey_directory_unref(d);
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

static void keys_sign_and_derive(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(piv_bench_sign(b, REF_9E)); /* nobody logged in */
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	ok(piv_bench_sign(b, REF_9D));
	ok(piv_bench_sign(b, REF_82));
	is(piv_bench_sign(b, REF_9C), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(ukey_login_again(b->t, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9C));
	is(piv_bench_sign(b, REF_9C), UKEY_NOT_LOGGED_IN);
	ok(piv_bench_sign(b, REF_9A));
	ok(ukey_logout(b->t));
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_piv_card_costs_select_and_its_name, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(the_slots_are_containers, piv_bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(keys_sign_and_derive, piv_bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
