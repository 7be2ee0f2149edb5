/* SPDX-License-Identifier: Apache-2.0 */
/* PINs, roles and the life cycle through libukey: exact statuses, tries without further commands. */
#include "tests/wire/driver_bench.h"

#include <string.h>

static void logging_in_and_out(void **state)
{
	struct bench *b = *state;

	is(ukey_login(b->t, UKEY_NOBODY, PIN(USER_PIN)), UKEY_ARGUMENT);
	ok(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)));
	assert_int_equal(bench_info(b).role, UKEY_USER);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_ALREADY_LOGGED_IN);
	is(ukey_login(b->t, UKEY_SO, PIN(SO_PIN)), UKEY_OTHER_ROLE);
	ok(ukey_logout(b->t));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_login(b->t, UKEY_SO, PIN(SO_PIN)));
	assert_int_equal(bench_info(b).role, UKEY_SO);
	is(ukey_login_again(b->t, PIN(USER_PIN)), UKEY_NOT_LOGGED_IN);
}

static void a_wrong_pin_tells_the_tries_and_then_blocks(void **state)
{
	struct bench *b = *state;
	unsigned long before;

	for (unsigned left = 6; left-- > 0;) {
		is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_PIN_INCORRECT);
		assert_int_equal(bench_info(b).user_pin.tries_left, left);
	}
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_PIN_BLOCKED);
	assert_int_equal(bench_info(b).user_pin.tries_left, 0);
	before = b->chip[0]->apdus;
	ok(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN("new-pin")));
	assert_int_equal(b->chip[0]->apdus, before + 1);
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	ok(ukey_login(b->t, UKEY_USER, PIN("new-pin")));
}

static void a_right_pin_fills_the_counter(void **state)
{
	struct bench *b = *state;

	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	bench_login(b, UKEY_USER);
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	/* A wrong PIN asked for again ends the log-in, on the token as here. */
	is(ukey_login_again(b->t, PIN("654321")), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
}

static void pins_of_no_pins_form_never_reach_the_token(void **state)
{
	struct bench *b = *state;
	const unsigned long before = b->chip[0]->apdus;
	const char long_pin[] = "123456789012345678901234567890123";

	is(ukey_login(b->t, UKEY_USER, PIN("12345")), UKEY_PIN_LENGTH);
	is(ukey_login(b->t, UKEY_USER, PIN(long_pin)), UKEY_PIN_LENGTH);
	is(ukey_login(b->t, UKEY_USER, PIN("")), UKEY_PIN_LENGTH);
	is(ukey_login(b->t, UKEY_USER,
		   PIN("1234\x01"
		       "56")),
		UKEY_PIN_POLICY);
	is(ukey_login(b->t, UKEY_USER, PIN("12345\xC3")), UKEY_PIN_POLICY);
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("12345")), UKEY_PIN_LENGTH);
	is(ukey_unlock_pin(b->t, PIN("1"), PIN(USER_PIN)), UKEY_PIN_LENGTH);
	is(ukey_set_user_pin(b->t, PIN("1")), UKEY_PIN_LENGTH);
	assert_int_equal(b->chip[0]->apdus, before);
	/* UTF-8 as it is given. */
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("口令一二三")));
	ok(ukey_logout(b->t));
	ok(ukey_login(b->t, UKEY_USER, PIN("口令一二三")));
}

static void changing_pins(void **state)
{
	struct bench *b = *state;

	is(ukey_change_pin(b->t, UKEY_USER, PIN("654321"), PIN("new-pin")), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN(USER_PIN)), UKEY_PIN_POLICY);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("new-pin")));
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(ukey_logout(b->t));
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_login(b->t, UKEY_USER, PIN("new-pin")));

	is(ukey_change_pin(b->t, UKEY_SO, PIN("wrong-so"), PIN("new-so-pin")), UKEY_SO_PIN_INCORRECT);
	assert_int_equal(bench_info(b).so_pin.tries_left, 9);
	ok(ukey_change_pin(b->t, UKEY_SO, PIN(SO_PIN), PIN("new-so-pin")));
	assert_int_equal(bench_info(b).role, UKEY_SO);
}

static void the_so_sets_the_users_first_pin(void **state)
{
	struct bench *b = *state;
	const struct ukey_initialize how = {
		.label = "Büro", .so_pin = (const uint8_t *)SO_PIN, .so_len = 8, .user_tries = 3};

	bench_refresh(b);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_TOKEN_BLANK);
	is(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN(USER_PIN)), UKEY_TOKEN_BLANK);
	ok(ukey_initialize(b->t, &how));
	assert_int_equal(bench_info(b).life_cycle, UKEY_INITIALISED);
	assert_string_equal(bench_info(b).label, "Büro");
	assert_false(bench_info(b).user_pin.exists);
	assert_int_equal(bench_info(b).user_pin.tries_max, 3);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_PIN_NOT_SET);
	is(ukey_set_user_pin(b->t, PIN(USER_PIN)), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_SO);
	ok(ukey_set_user_pin(b->t, PIN(USER_PIN)));
	assert_int_equal(bench_info(b).life_cycle, UKEY_OPERATIONAL);
	assert_int_equal(bench_info(b).user_pin.tries_left, 3);
	/* What we believe is what the token says. */
	struct ukey_token_info before = bench_info(b);
	ok(ukey_token_reload(b->t));
	struct ukey_token_info after = bench_info(b);
	before.free_bytes = after.free_bytes;
	memcpy(before.digest, after.digest, sizeof before.digest);
	assert_memory_equal(&before, &after, sizeof before);
}

static void a_blocked_so_pin_is_told(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 10; i++)
		is(ukey_unlock_pin(b->t, PIN("wrong-so"), PIN("new-pin")), UKEY_SO_PIN_INCORRECT);
	is(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN("new-pin")), UKEY_SO_PIN_BLOCKED);
	is(ukey_login(b->t, UKEY_SO, PIN(SO_PIN)), UKEY_SO_PIN_BLOCKED);
	const struct ukey_initialize how = {.label = "x",
		.so_pin = (const uint8_t *)"another1",
		.so_len = 8,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8};
	is(ukey_initialize(b->t, &how), UKEY_SO_PIN_BLOCKED);
	/* Then anybody may bring the token back to blank. */
	ok(ukey_factory_reset(b->t));
	assert_int_equal(bench_info(b).life_cycle, UKEY_BLANK);
	bench_initialize(b->t);
	bench_login(b, UKEY_USER);
}

static void initialising(void **state)
{
	struct bench *b = *state;
	struct ukey_initialize how = {.label = "Again",
		.so_pin = (const uint8_t *)"new-so-pin",
		.so_len = 10,
		.pin_min = 8,
		.pin_max = 16,
		.pin_classes = 2};
	const struct ukey_directory *d;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	is(ukey_initialize(b->t, &how), UKEY_PIN_INPUT);
	how.present_so_pin = (const uint8_t *)"wrong-so";
	how.present_so_len = 8;
	is(ukey_initialize(b->t, &how), UKEY_SO_PIN_INCORRECT);
	assert_int_equal(bench_info(b).so_pin.tries_left, 9);
	how.present_so_pin = (const uint8_t *)SO_PIN;
	ok(ukey_initialize(b->t, &how));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	assert_int_equal(bench_info(b).pin_min, 8);
	assert_int_equal(bench_info(b).pin_max, 16);
	assert_int_equal(bench_info(b).pin_classes, 2);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 0);
	ukey_directory_unref(d);
	/* The token's own policy: two kinds of characters. */
	is(ukey_unlock_pin(b->t, PIN("new-so-pin"), PIN("12345678")), UKEY_PIN_POLICY);
	is(ukey_unlock_pin(b->t, PIN("new-so-pin"), PIN("1234567")), UKEY_PIN_LENGTH);
	ok(ukey_unlock_pin(b->t, PIN("new-so-pin"), PIN("1234567a")));
}

static void bad_initialisations_are_refused_here(void **state)
{
	struct bench *b = *state;
	const struct ukey_initialize good = {.label = "x", .so_pin = (const uint8_t *)SO_PIN, .so_len = 8};
	struct ukey_initialize how;
	unsigned long before;

	bench_refresh(b);
	before = b->chip[0]->apdus;
	how = good, how.label = "123456789012345678901234567890123";
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.label = "\xFF";
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.so_pin = NULL;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.so_len = 5;
	is(ukey_initialize(b->t, &how), UKEY_PIN_LENGTH);
	how = good, how.pin_min = 5;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.pin_max = 33;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.pin_min = 12, how.pin_max = 10;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.pin_classes = 5;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.user_tries = 16;
	is(ukey_initialize(b->t, &how), UKEY_ARGUMENT);
	how = good, how.user_pin = (const uint8_t *)"123", how.user_len = 3;
	is(ukey_initialize(b->t, &how), UKEY_PIN_LENGTH);
	assert_int_equal(b->chip[0]->apdus, before);
}

static void factory_reset_is_the_sos(void **state)
{
	struct bench *b = *state;

	is(ukey_factory_reset(b->t), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_USER);
	is(ukey_factory_reset(b->t), UKEY_NOT_LOGGED_IN);
	ok(ukey_logout(b->t));
	bench_login(b, UKEY_SO);
	ok(ukey_factory_reset(b->t));
	struct ukey_token_info before = bench_info(b);
	ok(ukey_token_reload(b->t));
	struct ukey_token_info after = bench_info(b);
	assert_int_equal(before.life_cycle, after.life_cycle);
	assert_string_equal(before.label, after.label);
	assert_int_equal(before.user_pin.exists, after.user_pin.exists);
	assert_int_equal(before.so_pin.exists, after.so_pin.exists);
	assert_int_equal(before.pin_min, after.pin_min);
	assert_int_equal(before.role, after.role);
	is(ukey_factory_reset(b->t), UKEY_TOKEN_BLANK);
}

static void the_label_is_the_sos(void **state)
{
	struct bench *b = *state;

	is(ukey_set_label(b->t, "Neu"), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_SO);
	is(ukey_set_label(b->t, NULL), UKEY_ARGUMENT);
	is(ukey_set_label(b->t, "123456789012345678901234567890123"), UKEY_ARGUMENT);
	ok(ukey_set_label(b->t, "Neu"));
	assert_string_equal(bench_info(b).label, "Neu");
	ok(ukey_set_label(b->t, ""));
	ok(ukey_token_reload(b->t));
	assert_string_equal(bench_info(b).label, "");
}

/* Another program on the same reader logs out behind our back. */
static void a_log_in_that_ended_elsewhere_is_noticed(void **state)
{
	struct bench *b = *state;
	const uint8_t logout[] = {0x00, 0x20, 0xFF, 0x81}, digest[32] = {1};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	uint8_t out[64];
	size_t len = sizeof out;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	ok(ukey_sign(b->t, 0, &ecdsa, digest, sizeof digest, out, &len));
	ramtoken_transceive(b->chip[0], BYTES_OF(logout));
	if (trusted_personal()) {
		/* Not behind the back of who has a channel. */
		ok(ukey_sign(b->t, 0, &ecdsa, digest, sizeof digest, out, &len));
		return;
	}
	is(ukey_sign(b->t, 0, &ecdsa, digest, sizeof digest, out, &len), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	bench_login(b, UKEY_USER);
	ok(ukey_sign(b->t, 0, &ecdsa, digest, sizeof digest, out, &len));
}

#define ROW(name, setup) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(logging_in_and_out, bench_setup_operational),
		ROW(a_wrong_pin_tells_the_tries_and_then_blocks, bench_setup_operational),
		ROW(a_right_pin_fills_the_counter, bench_setup_operational),
		ROW(pins_of_no_pins_form_never_reach_the_token, bench_setup_operational),
		ROW(changing_pins, bench_setup_operational),
		ROW(the_so_sets_the_users_first_pin, bench_setup),
		ROW(a_blocked_so_pin_is_told, bench_setup_operational),
		ROW(initialising, bench_setup_operational),
		ROW(bad_initialisations_are_refused_here, bench_setup),
		ROW(factory_reset_is_the_sos, bench_setup_operational),
		ROW(the_label_is_the_sos, bench_setup_operational),
		ROW(a_log_in_that_ended_elsewhere_is_noticed, bench_setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
