/* SPDX-License-Identifier: Apache-2.0 */
/* How many commands a PIV card with four certificates costs. Requirement: issue PIV, "Shows". */
#include "tests/wire/piv_bench.h"
#include "tests/wire/piv_clock.h"

#include <stdlib.h>
#include <string.h>

#define FOUR 4 /* the first ones of piv_usual */

static struct ramtoken *four(void)
{
	static uint8_t *image;
	struct ramtoken *t;

	if (!image) {
		t = piv_card(0, piv_usual, FOUR);
		image = ramtoken_snapshot(t);
		return t;
	}
	t = ramtoken_new(NULL);
	t->piv_only = true;
	ramtoken_restore(t, image);
	return t;
}

static int setup(void **state)
{
	*state = piv_bench_with(four());
	return 0;
}

static void another_process(struct bench *b)
{
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
}

static unsigned count(struct bench *b)
{
	const unsigned n = (unsigned)b->loop->readers[0].apdus;

	b->loop->readers[0].apdus = 0;
	return n;
}

static void list(struct bench *b)
{
	const struct ukey_directory *d;
	uint8_t *der;
	size_t len;

	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, FOUR);
	for (size_t i = 0; i < d->key_count; i++) {
		ok(ukey_read_certificate(b->t, d->keys[i].ref, &der, &len));
		free(der);
	}
	ukey_directory_unref(d);
}

static void a_second_passes(struct bench *b)
{
	(void)b;
	piv_clock += 1000;
}

static void begin(struct bench *b)
{
	count(b);
	piv_bench_refresh(b);
	list(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
}

static void use(struct bench *b, unsigned each)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t block[256] = {[255] = 7}, secret[48], point[97];
	struct builder peer = builder_of(point, sizeof point);
	const uint8_t one[48] = {[47] = 1};
	size_t len;

	assert_true(crypto_point_of(CRYPTO_EC_P384, BYTES_OF(one), &peer));
	count(b);
	for (int i = 0; i < 3; i++) {
		ok(piv_bench_sign(b, REF_9A));
		assert_int_equal(count(b), each);
		len = sizeof block;
		ok(ukey_decrypt(b->t, REF_9A, &raw, block, sizeof block, block, &len));
		assert_int_equal(count(b), each);
		ok(piv_bench_sign(b, REF_9E));
		assert_int_equal(count(b), 1);
		len = sizeof secret;
		ok(ukey_derive(b->t, REF_9D, point, peer.len, secret, &len));
		/* The first one looks at its certificate, unless all was just read. */
		assert_in_range(count(b), 1, i == 0 ? 2 : 1);
	}
}

static void an_unknown_card(void **state)
{
	struct bench *b = *state;

	begin(b);
	ok(piv_bench_sign(b, REF_9A));
	/* SELECT, CHUID, discovery, history, four certificates, VERIFY, the signature. */
	assert_int_equal(count(b), 6 + FOUR);
	use(b, 1);
}

static void a_known_card(void **state)
{
	struct bench *b = *state;

	begin(b);
	for (int i = 0; i < 12; i++) {
		another_process(b);
		begin(b);
		ok(piv_bench_sign(b, REF_9A));
		/* SELECT, CHUID, one look, VERIFY, the signature. */
		assert_int_equal(count(b), 5);
	}
	/* Who logs in first does not pay for it. */
	another_process(b);
	count(b);
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	list(b);
	ok(piv_bench_sign(b, REF_9A));
	assert_int_equal(count(b), 5);
	use(b, 1);
}

static void in_short_apdus(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].short_only = true;
	begin(b);
	ok(piv_bench_sign(b, REF_9A));
	another_process(b);
	begin(b);
	ok(piv_bench_sign(b, REF_9A));
	/* The reader refuses the first extended one, once a connection. */
	assert_in_range(count(b), 7, 8);
	use(b, 3);
}

static void listing_again(void **state)
{
	struct bench *b = *state;

	begin(b);
	count(b);
	for (int i = 0; i < 50; i++)
		list(b);
	assert_int_equal(count(b), 0);
	for (int i = 0; i < 12; i++) {
		a_second_passes(b);
		for (int k = 0; k < 50; k++)
			list(b);
		assert_int_equal(count(b), 1);
	}
	/* Out and in again. */
	loop_plug(b->loop, 0, b->chip[0]);
	piv_bench_refresh(b);
	for (int k = 0; k < 50; k++)
		list(b);
	assert_int_equal(count(b), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_unknown_card, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_known_card, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(in_short_apdus, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(listing_again, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
