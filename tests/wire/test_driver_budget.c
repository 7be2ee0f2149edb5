/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that each step costs, against doc/architecture's budget: counted by libukey and by the token. */
#include "tests/wire/driver_bench.h"

#include <stdlib.h>
#include <string.h>

static uint64_t commands;
static unsigned long apdus;

static void begin(struct bench *b)
{
	commands = b->t ? ukey_token_commands(b->t) : 0;
	apdus = b->chip[0]->apdus;
}

/* Both counters moved by exactly n since begin(). */
static void cost(struct bench *b, unsigned n)
{
	assert_int_equal(ukey_token_commands(b->t) - commands, n);
	assert_int_equal(b->chip[0]->apdus - apdus, n);
	begin(b);
}

static void first_look_costs_one_command(void **state)
{
	struct bench *b = *state;

	begin(b);
	bench_refresh(b);
	cost(b, 1);
	bench_refresh(b);
	cost(b, 0);
	struct ukey_token_info info = bench_info(b);
	assert_string_equal(info.serial, "00554B4559000001");
	assert_true(info.present);
	assert_int_equal(info.life_cycle, UKEY_BLANK);
	cost(b, 0);
}

static void every_step_costs_what_the_header_says(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t digest[32] = {1}, out[512], *der, *again;
	size_t len, again_len, out_len = sizeof out;

	bench_refresh(b);
	begin(b);
	bench_initialize(b->t);
	cost(b, 1);
	bench_login(b, UKEY_USER);
	cost(b, 1);
	ok(ukey_directory(b->t, &d));
	cost(b, 1);
	assert_int_equal(d->key_count, 0);
	ukey_directory_unref(d);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	cost(b, 1);
	/* What we wrote ourselves is known. */
	der = bench_certificate_for(b, 0, 3000, &len);
	cost(b, 0);
	ok(ukey_write_certificate(b->t, 0, der, len, "cert"));
	cost(b, 1);
	ok(ukey_directory(b->t, &d));
	cost(b, 0);
	ukey_directory_unref(d);
	ok(ukey_read_certificate(b->t, 0, &again, &again_len));
	cost(b, 0);
	assert_int_equal(again_len, len);
	assert_memory_equal(again, der, len);
	free(again);
	free(der);
	for (int i = 0; i < 3; i++) {
		out_len = sizeof out;
		ok(ukey_sign(b->t, 0, &pkcs1, digest, sizeof digest, out, &out_len));
		assert_int_equal(out_len, 256);
		cost(b, 1);
	}
	ok(ukey_token_reload(b->t));
	cost(b, 1);
	ok(ukey_logout(b->t));
	cost(b, 1);
	ok(ukey_logout(b->t));
	cost(b, 0);
}

static void listing_cold_costs_one_and_one_a_certificate(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t *der;
	size_t len;

	bench_login(b, UKEY_USER);
	for (int ref = 0; ref < 6; ref += 2) {
		bench_generate(b, ref, UKEY_P256, 0);
		bench_certify(b, (ukey_key_ref)ref, 0);
	}
	/* Another process, of a user who knows nothing. */
	trusted_forget_cache();
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	begin(b);
	bench_refresh(b);
	cost(b, 1);
	for (int round = 0; round < 2; round++) {
		ok(ukey_directory(b->t, &d));
		assert_int_equal(d->key_count, 3);
		for (size_t i = 0; i < d->key_count; i++) {
			ok(ukey_read_certificate(b->t, d->keys[i].ref, &der, &len));
			free(der);
		}
		ukey_directory_unref(d);
		cost(b, round == 0 ? 4 : 0);
	}
	/* A change of ours elsewhere on the token brings nothing again. */
	bench_login(b, UKEY_USER);
	bench_generate(b, 6, UKEY_P256, 0);
	begin(b);
	ok(ukey_read_certificate(b->t, 0, &der, &len));
	free(der);
	cost(b, 0);
}

static void a_derivation_and_a_decryption_cost_one(void **state)
{
	struct bench *b = *state;
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	const struct ukey_directory *d;
	uint8_t out[512], block[256] = {0};
	size_t len = sizeof out;

	bench_login(b, UKEY_USER);
	bench_generate(b, 1, UKEY_P256, UKEY_USE_DERIVE);
	bench_generate(b, 2, UKEY_RSA_2048, UKEY_USE_DECRYPT);
	struct crypto_pubkey own = bench_public(b, 1, &d);
	begin(b);
	ok(ukey_derive(b->t, 1, own.point.data, own.point.len, out, &len));
	assert_int_equal(len, 32);
	cost(b, 1);
	ukey_directory_unref(d);
	block[255] = 2;
	len = sizeof out;
	ok(ukey_decrypt(b->t, 2, &raw, block, sizeof block, out, &len));
	cost(b, 1);
}

static void idle_costs_a_select_afterwards(void **state)
{
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	begin(b);
	ukey_token_idle(b->t);
	cost(b, 1); /* the log-out */
	assert_int_equal(b->loop->readers[0].connections, 0);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_token_reload(b->t));
	cost(b, 2);
}

static void a_foreign_card_sees_two_commands_in_its_life(void **state)
{
	struct bench *b = *state;
	struct ukey_reader_info *list;
	size_t count;

	b->loop->readers[1].foreign = true;
	loop_plug(b->loop, 1, NULL);
	for (int i = 0; i < 5; i++)
		bench_refresh(b);
	/* Ours? PIV? Nobody we know. */
	assert_int_equal(b->loop->readers[1].apdus, 2);
	assert_int_equal(b->loop->readers[1].closing_resets, 0);
	assert_int_equal(b->loop->readers[1].connections, 0);
	ok(ukey_readers(b->u, &list, &count));
	assert_int_equal(count, 2);
	assert_int_equal(list[0].state, UKEY_READER_TOKEN);
	assert_string_equal(list[0].serial, "00554B4559000001");
	assert_int_equal(list[1].state, UKEY_READER_FOREIGN);
	assert_string_equal(list[1].serial, "");
	free(list);
	loop_unplug(b->loop, 1);
	loop_plug(b->loop, 1, NULL);
	bench_refresh(b);
	assert_int_equal(b->loop->readers[1].apdus, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_look_costs_one_command, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(every_step_costs_what_the_header_says, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			listing_cold_costs_one_and_one_a_certificate, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_derivation_and_a_decryption_cost_one, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(
			idle_costs_a_select_afterwards, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_foreign_card_sees_two_commands_in_its_life, bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
