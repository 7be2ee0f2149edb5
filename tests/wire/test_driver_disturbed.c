/* SPDX-License-Identifier: Apache-2.0 */
/* libukey's side of the secure channel when somebody disturbs it, or lies. */
#include "config.h"

#include "tests/wire/channel_bench.h"

#include "common/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- disturbed ----------------------------------------------------------------------------------------------------
 */

/* Another program sends this on our channel, which is the first. */
static void inject(struct bench *b, const char *hex)
{
	uint8_t command[64];
	size_t n = strlen(hex) / 2;

	for (size_t i = 0; i < n; i++)
		sscanf(hex + 2 * i, "%2hhx", &command[i]);
	ramtoken_transceive(b->chip[0], BYTES(command, n));
}

static void a_clear_command_inside_ends_the_session(void **state)
{
	struct bench *b = *state;

	inject(b, "01840000"
		  "08");
	is(channel_sign(b), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	assert_false(bench_info(b).channel);
	/* The next use opens it again, and the log-in is asked for. */
	is(channel_sign(b), UKEY_NOT_LOGGED_IN);
	channel_wire = (struct channel_wire){0};
	ok(ukey_token_reload(b->t));
	assert_int_equal(channel_wire.secured, 1);
	assert_true(bench_info(b).channel);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	/* Nobody logged in: nobody notices. */
	ok(ukey_logout(b->t));
	inject(b, "01840000"
		  "08");
	ok(ukey_token_reload(b->t));
	inject(b, "01840000"
		  "08");
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	/* What may have been carried out is not repeated. */
	ok(ukey_logout(b->t));
	inject(b, "01840000"
		  "08");
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")), UKEY_CHANNEL_LOST);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")));
	assert_int_equal(channel_wire.pins, 0);
}

static void a_channel_closed_by_others_is_opened_again(void **state)
{
	struct bench *b = *state;

	inject(b, "00708001");
	is(channel_sign(b), UKEY_CHANNEL_LOST);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	ok(ukey_logout(b->t));
	inject(b, "00708001");
	ok(ukey_token_reload(b->t));
	/* The number went to somebody else: theirs stays open. */
	inject(b, "00708001");
	inject(b, "0070000001");
	ok(ukey_token_reload(b->t));
	const uint8_t status[] = {0x01, 0x20, 0x00, 0x81};
	struct bytes said = ramtoken_transceive(b->chip[0], BYTES_OF(status));
	assert_int_equal(said.data[0], 0x63);
}

static void a_reset_ends_it_and_is_noticed(void **state)
{
	struct bench *b = *state;

	loop_reset(b->loop, 0);
	channel_wire = (struct channel_wire){0};
	is(channel_sign(b), UKEY_TOKEN_RESET);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	ok(ukey_logout(b->t));
	loop_reset(b->loop, 0);
	ok(ukey_token_reload(b->t));
	assert_true(bench_info(b).channel);
	loop_reset(b->loop, 0);
	bench_login(b, UKEY_USER);
	/* Power that was lost without anybody's word. */
	ramtoken_power_cycle(b->chip[0]);
	is(channel_sign(b), UKEY_CHANNEL_LOST);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	assert_int_equal(channel_wire.pins, 0);
	/* Unplugged and plugged in again. */
	loop_unplug(b->loop, 0);
	is(channel_sign(b), UKEY_TOKEN_REMOVED);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	assert_false(bench_info(b).channel);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
}

static void a_reset_before_the_opening_is_mended(void **state)
{
	struct bench *b = *state;

	channel_another_process(b);
	loop_reset(b->loop, 0);
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
	/* In the middle of it, too: MANAGE CHANNEL, INTERNAL AUTHENTICATE. */
	for (unsigned at = 1; at <= 2; at++) {
		channel_another_process(b);
		b->loop->readers[0].reset_at = at;
		bench_login(b, UKEY_USER);
		ok(channel_sign(b));
	}
	channel_another_process(b);
	loop_unplug(b->loop, 0);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_TOKEN_REMOVED);
	assert_false(bench_info(b).present);
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_refresh(b->u));
	bench_login(b, UKEY_USER);
	assert_int_equal(channel_wire.pins, 0);
}

/* pain 7: a program that holds the reader (gpg, an OTP program) delays us, and takes nothing away. */
static void a_busy_reader_costs_no_log_in(void **state)
{
	struct bench *b = *state;

	/* What was not sent leaves the session as it is. */
	b->loop->readers[0].busy_at = 1;
	is(channel_sign(b), UKEY_TOKEN_BUSY);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(channel_sign(b));
	/* In the middle of a chain it is lost, and with it the log-in; the logical channel is given back. */
	b->loop->readers[0].short_only = true;
	channel_another_process(b);
	for (int i = 0; i < 25; i++) {
		uint8_t value[700] = {0};
		const struct ukey_data in = {.label = "d", .value = value, .length = sizeof value};

		bench_login(b, UKEY_USER);
		b->loop->readers[0].busy_at = 2;
		is(ukey_write_data(b->t, 0, &in, NULL), UKEY_TOKEN_BUSY);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		assert_false(bench_info(b).channel);
	}
	bench_login(b, UKEY_USER);
	ok(channel_sign(b));
}

/* ---- lied to ------------------------------------------------------------------------------------------------------
 */

static enum ukey_status call_reload(struct bench *b)
{
	return ukey_token_reload(b->t);
}

static enum ukey_status call_login(struct bench *b)
{
	return ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
}

static enum ukey_status call_random(struct bench *b)
{
	uint8_t out[24];
	return ukey_random(b->t, out, sizeof out);
}

static enum ukey_status call_attributes(struct bench *b)
{
	return ukey_set_key_attributes(b->t, 2, NULL, 0, "name", NULL);
}

static enum ukey_status (*const calls[])(struct bench *b) = {
	call_reload, call_login, channel_sign, call_random, call_attributes};

static const uint8_t instruction[] = {0xCB, 0x20, 0x87, 0x84, 0xDB};

static void ready(struct bench *b)
{
	const struct ukey_directory *d;

	channel_wire = (struct channel_wire){0};
	if (bench_info(b).role == UKEY_NOBODY)
		bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
}

static void every_changed_answer_ends_the_channel(void **state)
{
	struct bench *b = *state;

	for (size_t c = 0; c < sizeof calls / sizeof calls[0]; c++) {
		bool touched = true;
		for (size_t at = 0; touched; at++) {
			ready(b);
			if (calls[c] == call_login)
				ok(ukey_logout(b->t));
			channel_wire.at = 1;
			channel_wire.flip = at;
			channel_wire.ins = instruction[c];
			enum ukey_status status = calls[c](b);
			touched = channel_wire.touched;
			if (!touched) {
				ok(status);
			} else if (status != UKEY_CHANNEL_LOST) {
				/* A changed status word may be any error, but never a success. */
				assert_int_not_equal(status, UKEY_OK);
				assert_int_not_equal(status, UKEY_PIN_INCORRECT);
			}
		}
	}
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	assert_int_equal(channel_wire.pins, 0);
}

static void what_anybody_can_say_is_not_believed(void **state)
{
	struct bench *b = *state;
	static const char *const lies[] = {
		"9000", "63C2", "6300", "6282", "8804000000019000", "88046982", "00000000000000009000", "90", ""};

	for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
		ready(b);
		channel_wire.at = 1;
		channel_wire.instead = lies[i];
		is(channel_sign(b), UKEY_CHANNEL_LOST);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	}
	/* "Log in first": the token was asked, and we are. */
	ready(b);
	channel_wire.at = 1;
	channel_wire.instead = "6982";
	is(channel_sign(b), UKEY_NOT_LOGGED_IN);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(channel_sign(b));
	/* "Blocked": the token was asked, and it is not. */
	ok(ukey_logout(b->t));
	channel_wire = (struct channel_wire){.at = 1, .instead = "6983", .ins = 0x20};
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 6);
	/* "Right, but to be changed first": it was wrong, and is not to be changed. */
	channel_wire = (struct channel_wire){.at = 1, .instead = "6984", .ins = 0x20};
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	assert_false(bench_info(b).user_pin.must_change);
	ready(b);
	ok(channel_sign(b));
	/* "Nothing was written": it was, and that is seen. */
	channel_wire = (struct channel_wire){.at = 1, .instead = "6581", .ins = 0xDB};
	is(ukey_set_key_attributes(b->t, 2, NULL, 0, "told", NULL), UKEY_TOKEN_FAILURE);
	const struct ukey_directory *d;
	ok(ukey_directory(b->t, &d));
	assert_string_equal(ukey_directory_key(d, 2)->label, "told");
	ukey_directory_unref(d);
	/* A wrong Le: the command does not go out again. */
	channel_wire = (struct channel_wire){.at = 1, .instead = "6C08"};
	const unsigned long before = b->chip[0]->apdus;
	is(channel_sign(b), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(b->chip[0]->apdus, before + 1);
	ok(channel_sign(b));
}

static void what_was_done_unseen_is_looked_up(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;

	/* Each is carried out, and its answer changed on the way. */
	channel_wire = (struct channel_wire){.at = 1, .ins = 0x24};
	is(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), PIN("another")), UKEY_CHANNEL_LOST);
	is(ukey_login(b->t, UKEY_USER, PIN(USER_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_login(b->t, UKEY_USER, PIN("another")));
	channel_wire = (struct channel_wire){.at = 1, .ins = 0xE4};
	is(ukey_delete_key(b->t, 2), UKEY_CHANNEL_LOST);
	ok(ukey_directory(b->t, &d));
	assert_null(ukey_directory_key(d, 2));
	ukey_directory_unref(d);
	ok(ukey_login(b->t, UKEY_USER, PIN("another")));
	channel_wire = (struct channel_wire){.at = 1, .ins = 0x47};
	is(ukey_generate(b->t, &(struct ukey_generate){.ref = 4, .algorithm = UKEY_P256}, NULL), UKEY_CHANNEL_LOST);
	ok(ukey_directory(b->t, &d));
	assert_non_null(ukey_directory_key(d, 4));
	ukey_directory_unref(d);
	/* A wrong PIN whose answer is swallowed costs a try, and it is known. */
	channel_wire = (struct channel_wire){.at = 1, .ins = 0x20, .instead = "9000"};
	is(ukey_login(b->t, UKEY_USER, PIN("654321")), UKEY_CHANNEL_LOST);
	assert_int_equal(bench_info(b).user_pin.tries_left, 5);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	channel_wire = (struct channel_wire){.at = 1, .ins = 0xE0};
	const struct ukey_initialize how = {.label = "Anew",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = 8,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8};
	is(ukey_initialize(b->t, &how), UKEY_CHANNEL_LOST);
	assert_string_equal(bench_info(b).label, "Anew");
	assert_int_equal(bench_info(b).life_cycle, UKEY_INITIALISED);
	assert_int_equal(channel_wire.pins, 0);
}

static void a_changed_opening_is_no_opening(void **state)
{
	struct bench *b = *state;
	bool touched = true;

	/* Certificates, channel number, points and receipt come in clear; each bit of them is checked by what follows.
	 */
	for (size_t at = 0; touched; at++) {
		ukey_token_idle(b->t);
		channel_wire = (struct channel_wire){.at = 1, .flip = at, .ins = 0x88};
		enum ukey_status status = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
		touched = channel_wire.touched;
		assert_int_equal(status == UKEY_OK, !touched);
		assert_int_equal(channel_wire.secured, !touched);
	}
	touched = true;
	for (size_t at = 0; touched; at += 7) {
		trusted_forget();
		channel_another_process(b);
		channel_wire = (struct channel_wire){.at = 1, .flip = at, .ins = 0xCB};
		enum ukey_status status = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
		touched = channel_wire.touched;
		assert_int_equal(status == UKEY_OK, !touched);
		assert_int_equal(channel_wire.secured, !touched);
	}
	/* None of that used the channels up. */
	channel_wire = (struct channel_wire){0};
	ukey_token_idle(b->t);
	bench_login(b, UKEY_USER);
	assert_int_equal(channel_wire.pins, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_clear_command_inside_ends_the_session, channel_setup_keys),
		TEST(a_channel_closed_by_others_is_opened_again, channel_setup_keys),
		TEST(a_reset_ends_it_and_is_noticed, channel_setup_keys),
		TEST(a_reset_before_the_opening_is_mended, channel_setup_keys),
		TEST(a_busy_reader_costs_no_log_in, channel_setup_keys),
		TEST(every_changed_answer_ends_the_channel, channel_setup_keys),
		TEST(what_anybody_can_say_is_not_believed, channel_setup_keys),
		TEST(what_was_done_unseen_is_looked_up, channel_setup_keys),
		TEST(a_changed_opening_is_no_opening, channel_setup_operational),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
