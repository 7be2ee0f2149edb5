/* SPDX-License-Identifier: Apache-2.0 */
/* PIN and PUK of a PIV card. */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

static struct ukey_pin_info user(struct bench *b)
{
	return bench_info(b).user_pin;
}

static void a_wrong_pin_tells_what_is_left(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(user(b).tries_left, 2);
	assert_int_equal(user(b).tries_max, 3);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	assert_int_equal(user(b).tries_left, 3);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_ALREADY_LOGGED_IN);
	/* A wrong one ends the log-in that there was. */
	is(ukey_login_again(b->t, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	is(piv_bench_sign(b, REF_9A), UKEY_NOT_LOGGED_IN);
}

static void a_blocked_pin_is_unblocked_by_the_puk(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	for (int left = 2; left >= 0; left--) {
		is(ukey_login(b->t, UKEY_USER, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
		assert_int_equal(user(b).tries_left, left);
	}
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_PIN_BLOCKED);
	is(ukey_unlock_pin(b->t, PIN("00000000"), PIN("135790")), UKEY_PUK_INCORRECT);
	assert_int_equal(bench_info(b).so_pin.tries_left, 2);
	assert_int_equal(user(b).tries_left, 0);
	ok(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN("135790")));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	assert_int_equal(user(b).tries_left, 3);
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_login(b->t, UKEY_USER, PIN("135790")));
	ok(piv_bench_sign(b, REF_9A));
	/* and what is not a PIN is told before it is sent */
	const unsigned long before = b->loop->readers[0].apdus;
	is(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN("12345")), UKEY_PIN_LENGTH);
	is(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN("123456789")), UKEY_PIN_LENGTH);
	is(ukey_login_again(b->t, PIN("12345")), UKEY_PIN_LENGTH);
	assert_int_equal(b->loop->readers[0].apdus, before);
}

static void a_blocked_puk_is_told(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	for (int left = 2; left >= 0; left--) {
		is(ukey_unlock_pin(b->t, PIN("00000000"), PIN("135790")), UKEY_PUK_INCORRECT);
		assert_int_equal(bench_info(b).so_pin.tries_left, left);
	}
	is(ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN("135790")), UKEY_PUK_BLOCKED);
	is(ukey_change_pin(b->t, UKEY_SO, PIN(PIV_PUK), PIN("11223344")), UKEY_PUK_BLOCKED);
	/* The PIN is what it was. */
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
}

static void pin_and_puk_are_changed(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	is(ukey_change_pin(b->t, UKEY_USER, PIN(PIV_WRONG_PIN), PIN("135790")), UKEY_PIN_INCORRECT);
	assert_int_equal(user(b).tries_left, 2);
	is(ukey_change_pin(b->t, UKEY_USER, PIN(PIV_PIN), PIN("abcdef")), UKEY_PIN_POLICY);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(PIV_PIN), PIN("13579024")));
	/* The card takes it as a log-in. */
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(piv_bench_sign(b, REF_9A));
	ok(ukey_logout(b->t));
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_login(b->t, UKEY_USER, PIN("13579024")));
	/* The PUK lets nobody in, nor out. */
	is(ukey_change_pin(b->t, UKEY_SO, PIN("00000000"), PIN("11223344")), UKEY_PUK_INCORRECT);
	assert_int_equal(bench_info(b).so_pin.tries_left, 2);
	assert_int_equal(bench_info(b).role, UKEY_USER);
	ok(ukey_change_pin(b->t, UKEY_SO, PIN(PIV_PUK), PIN("11223344")));
	assert_int_equal(bench_info(b).role, UKEY_USER);
	assert_int_equal(bench_info(b).so_pin.tries_left, 3);
	ok(piv_bench_sign(b, REF_9A));
	ok(ukey_unlock_pin(b->t, PIN("11223344"), PIN(PIV_PIN)));
}

/* ---- how cards differ -------------------------------------------------------------------------------------------- */

/* What the card says to VERIFY, by what is in it. */
static struct {
	uint16_t pin, out, ask; /* 0: what it really says */
} says;
static uint8_t verified_reference;

static void say(void *arg, struct bytes command, struct builder *answer)
{
	struct apdu a;

	(void)arg;
	if (!apdu_parse(command, &a) || a.ins != 0x20)
		return;
	const uint16_t sw = a.p1 == 0xFF ? says.out : a.data.len ? says.pin : says.ask;
	if (sw) {
		answer->len = 0;
		builder_u16(answer, sw);
	}
}

/* A card that does not know the log-out does not log out. */
static void ignore(void *arg, struct builder *command)
{
	(void)arg;
	if (!says.out || command->len < 4 || command->data[1] != 0x20 || command->data[2] != 0xFF)
		return;
	command->len = 0;
	builder_put(command, wire_hex("00FE0000"));
}

static void every_answer_to_a_pin_has_its_meaning(void **state)
{
	static const struct {
		uint16_t sw;
		enum ukey_status status;
		unsigned left; /* 255: not told */
	} rows[] = {
		{0x63C5, UKEY_PIN_INCORRECT,  5  },
		{0x63CF, UKEY_PIN_INCORRECT,  15 },
		{0x63C0, UKEY_PIN_INCORRECT,  0  },
		{0x6302, UKEY_PIN_INCORRECT,  2  }, /* YubiKey NEO */
		{0x6983, UKEY_PIN_BLOCKED,    0  },
		{0x6984, UKEY_PIN_BLOCKED,    255},
		{0x6A80, UKEY_PIN_LENGTH,     255},
		{0x6A88, UKEY_PIN_NOT_SET,    255},
		{0x6982, UKEY_NOT_SUPPORTED,  255},
		{0x6A81, UKEY_NOT_SUPPORTED,  255},
		{0x6581, UKEY_TOKEN_FAILURE,  255},
		{0x6F42, UKEY_TOKEN_PROTOCOL, 255},
	};
	struct bench *b = *state;

	b->loop->readers[0].falsify = say;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		piv_bench_restart(b);
		piv_bench_refresh(b);
		says.pin = rows[i].sw;
		is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), rows[i].status);
		assert_int_equal(user(b).tries_left, rows[i].left);
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		/* Another try is as good as the first. */
		says.pin = 0;
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(piv_bench_sign(b, REF_9A));
	}
}

/* P1 FF came with SP 800-73-4. Other cards are reset, so that nobody stays logged in. */
static void a_card_without_log_out_is_reset(void **state)
{
	static const uint16_t words[] = {0x6A86, 0x6A80, 0x6D00, 0x6700, 0x6B00, 0x6A88, 0x63C3};
	struct bench *b = *state;

	b->loop->readers[0].falsify = say;
	b->loop->readers[0].alter = ignore;
	piv_bench_refresh(b);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		says.out = words[i];
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ok(ukey_logout(b->t));
		assert_int_equal(bench_info(b).role, UKEY_NOBODY);
		assert_int_equal(wire_any(b->chip[0], 0, 0x20, 0, 0x80, BYTES_NONE, 0, NULL), 0x63C3);
		/* Given back: the same. */
		ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
		ukey_token_idle(b->t);
		assert_int_equal(wire_any(b->chip[0], 0, 0x20, 0, 0x80, BYTES_NONE, 0, NULL), 0x63C3);
	}
	says.out = 0;
}

static void log_out_leaves_nobody_in(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(ukey_logout(b->t));
	assert_int_equal(wire_any(b->chip[0], 0, 0x20, 0, 0x80, BYTES_NONE, 0, NULL), 0x63C3);
	assert_int_equal(b->loop->readers[0].closing_resets, 0);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ukey_token_idle(b->t);
	assert_int_equal(wire_any(b->chip[0], 0, 0x20, 0, 0x80, BYTES_NONE, 0, NULL), 0x63C3);
	assert_int_equal(b->loop->readers[0].closing_resets, 0);
}

/* Asked again, a card that tells of its PIN is believed, and costs no try. */
static void reload_asks_about_the_pin(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	ok(ukey_token_reload(b->t));
	assert_int_equal(user(b).tries_left, 3);
	assert_int_equal(user(b).tries_max, 3);
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_WRONG_PIN)), UKEY_PIN_INCORRECT);
	ok(ukey_token_reload(b->t));
	assert_int_equal(user(b).tries_left, 2);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).role, UKEY_USER);
	assert_int_equal(user(b).tries_left, 3);
	/* Another program logged out. */
	wire(b->chip[0], "0020FF80", SW_OK);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).role, UKEY_NOBODY);
	b->loop->readers[0].falsify = say;
	says.ask = 0x6700;
	ok(ukey_token_reload(b->t));
	says.ask = 0;
	/* Whoever has the management key stays in. */
	ok(ukey_login(b->t, UKEY_SO, PIN(KEY_OURS)));
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).role, UKEY_SO);
}

/* ---- which PIN --------------------------------------------------------------------------------------------------- */

static void global_pin_first(void *arg, struct bytes command, struct builder *answer)
{
	struct apdu a;

	(void)arg;
	if (!apdu_parse(command, &a))
		return;
	if (a.ins == 0x20)
		verified_reference = a.p2;
	if (a.ins != 0xCB || a.data.len != 3)
		return;
	answer->len = 0;
	builder_put(answer, wire_hex("7E124F0BA0000003080000100001005F2F026020"));
	builder_u16(answer, SW_OK);
}

static void discovery_says_which_pin(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].falsify = global_pin_first;
	piv_bench_refresh(b);
	verified_reference = 0x55;
	/* This card has none of it. */
	is(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)), UKEY_PIN_NOT_SET);
	assert_int_equal(verified_reference, 0x00);
}

/* A PIN is asked for once: not again with every log-in. */
static void which_pin_is_asked_once(void **state)
{
	struct bench *b = *state;

	piv_bench_refresh(b);
	const unsigned long before = b->loop->readers[0].apdus;
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	assert_int_equal(b->loop->readers[0].apdus - before, 2);
	ok(ukey_logout(b->t));
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	assert_int_equal(b->loop->readers[0].apdus - before, 4);
}

/* ---- what a PIV card has no command for -------------------------------------------------------------------------- */

static void what_it_cannot_sends_nothing(void **state)
{
	struct bench *b = *state;
	uint8_t buffer[UKEY_CHALLENGE_SIZE], *der;
	size_t len;

	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	const unsigned long before = b->loop->readers[0].apdus;
	is(ukey_random(b->t, buffer, sizeof buffer), UKEY_NOT_SUPPORTED);
	is(ukey_unlock_challenge(b->t, buffer), UKEY_NOT_SUPPORTED);
	is(ukey_attestation_chain(b->t, &der, &len), UKEY_NOT_SUPPORTED);
	is(ukey_attest(b->t, REF_9A, buffer, 8, &der, &len), UKEY_NOT_SUPPORTED);
	assert_int_equal(b->loop->readers[0].apdus, before);
	ok(piv_bench_sign(b, REF_9A));
}

#define USUAL(test) cmocka_unit_test_setup_teardown(test, piv_bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		USUAL(a_wrong_pin_tells_what_is_left),
		USUAL(a_blocked_pin_is_unblocked_by_the_puk),
		USUAL(a_blocked_puk_is_told),
		USUAL(pin_and_puk_are_changed),
		USUAL(every_answer_to_a_pin_has_its_meaning),
		USUAL(a_card_without_log_out_is_reset),
		USUAL(log_out_leaves_nobody_in),
		USUAL(reload_asks_about_the_pin),
		USUAL(discovery_says_which_pin),
		USUAL(which_pin_is_asked_once),
		USUAL(what_it_cannot_sends_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
