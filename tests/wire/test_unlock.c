/* SPDX-License-Identifier: Apache-2.0 */
/* Unlock by phone on the token (protocol 5): the desk's answer sets the user PIN, once, on this token only. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/phone.h"

/* ---- tests ---- */

static void the_example_of_the_document(void **state)
{
	struct ramtoken *t = phone_operational();

	(void)state;
	for (uint16_t n = 0; n < 5; n++) {
		struct phone_challenge c = phone_ask(t);
		assert_int_equal(phone_counter(&c), n);
		struct phone_response r = phone_answer(&c);
		phone_unlock(t, &r, NEW_PIN, SW_OK);
	}
	wire(t, PHONE_CHALLENGE, SW_OK);
	bytes_copy(t->fw->channel[0].unlock.random, wire_hex("A1A2A3A4A5A6A7A8"));
	struct bytes done = wire(t, "002C0181 15 8209 B41ADC33ECD94D4880 8108 383736353433326F 00", SW_OK);
	assert_true(bytes_equal(done, wire_hex("8905A8D9D8A8C0 880400000001")));
	assert_true(bytes_equal(
		wire(t, PHONE_PROOF, SW_OK), wire_hex("80080102030405060708 810101 82020006 8905A8D9D8A8C0")));
	wire_verify(t, 0x81, "8765432o", SW_OK);
	ramtoken_free(t);
}

/* Blocked user PIN, other channels logged in: what is as after any RESET RETRY COUNTER, and what the answer says. */
static void a_right_answer_sets_the_pin_once(void **state)
{
	struct ramtoken *t = phone_operational();

	(void)state;
	wire(t, "00700001", SW_OK);
	wire(t, "00700002", SW_OK);
	wire_apdu(t, 1, 0x20, 0, 0x81, wire_string(USER_PIN), 0, SW_OK);
	wire_apdu(t, 2, 0x20, 0, 0x82, wire_string(SO_PIN), 0, SW_OK);
	for (int i = 0; i < 6; i++)
		wire_any(t, 0, 0x20, 0, 0x81, wire_string("wrong PIN"), 0, NULL);
	wire_verify(t, 0x81, USER_PIN, SW_PIN_BLOCKED);
	struct phone_challenge c = phone_ask(t);
	assert_memory_equal(c.serial, t->hal.serial, 8);
	assert_int_equal(c.version, 1);
	struct phone_response r = phone_answer(&c), wrong = r;
	wrong.byte[3] ^= 1;
	phone_unlock(t, &wrong, NEW_PIN, 0x63C9);
	wire(t, "01200081", SW_OK); /* a wrong one logs nobody out */
	phone_unlock(t, &r, NEW_PIN, SW_OK);
	assert_int_equal(phone_tries(t), 10);
	assert_int_equal(wire_info(t, 0x85).data[0], 6);
	wire(t, "01200081", 0x63C6);
	wire(t, "02200082", SW_OK);
	wire(t, "00200081", 0x63C6); /* whoever unlocks is not logged in */
	wire_verify(t, 0x81, USER_PIN, 0x63C5);
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	phone_unlock(t, &r, "zweite-pin", SW_CONDITIONS);
	/* On the channel that unlocks, what was verified stays. */
	c = phone_ask(t);
	assert_int_equal(phone_counter(&c), 1);
	phone_unlock(t, &r, "zweite-pin", 0x63C9);
	r = phone_answer(&c);
	phone_unlock(t, &r, "zweite-pin", SW_OK);
	wire(t, "00200081", SW_OK);
	struct bytes told = wire(t, PHONE_PROOF, SW_OK);
	assert_true(bytes_equal(BYTES(told.data + told.len - 5, 5),
		phone_proof(1, BYTES_OF(c.serial), (uint16_t)(phone_counter(&c) + 1))));
	/* Without Le there is no answer data, as with the other commands. */
	c = phone_ask(t);
	r = phone_answer(&c);
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));
	tlv_put(&b, 0x81, wire_string("dritte-pin"));
	tlv_put(&b, 0x82, BYTES_OF(r.byte));
	assert_int_equal(wire_apdu(t, 0, 0x2C, 1, 0x81, builder_bytes(&b), APDU_LE_NONE, SW_OK).len, 0);
	wire_verify(t, 0x81, "dritte-pin", SW_OK);
	ramtoken_free(t);
}

#define NOTHING "002C0181 0D 8209 000000000000000000 8100"

static void what_is_checked_first(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire(t, PHONE_CHALLENGE, SW_CONDITIONS); /* life cycle */
	wire_initialize(t);
	wire(t, PHONE_CHALLENGE, SW_REFERENCE_NOT_FOUND);
	wire(t, PHONE_PROOF, SW_REFERENCE_NOT_FOUND);
	wire(t, NOTHING, SW_REFERENCE_NOT_FOUND);
	assert_true(bytes_equal(wire_info(t, 0x87), wire_hex("000000")));
	ramtoken_free(t);

	t = phone_operational();
	unsigned long writes = t->hal.writes;
	wire(t, PHONE_PROOF, SW_CONDITIONS); /* nothing was unlocked yet */
	wire(t, NOTHING, SW_CONDITIONS);
	wire(t, "002C0181 0D 8209 00000000000000007F 8100", SW_CONDITIONS);
	wire(t, PHONE_CHALLENGE, SW_OK);
	for (unsigned low = 1; low < 0x80; low++) {
		struct phone_response r = {
			.byte = {1, 2, 3, 4, 5, 6, 7, 8, (uint8_t)low}
                };
		phone_unlock(t, &r, NEW_PIN, SW_WRONG_DATA);
	}
	wire(t, "002C0181 0C 8208 0000000000000000 8100", SW_WRONG_DATA);
	wire(t, "002C0181 0B 8209 000000000000000000", SW_WRONG_DATA);
	wire(t, "002C0181 10 8209 000000000000000000 8100 830100", SW_WRONG_DATA);
	wire(t, "002C0181", SW_WRONG_LENGTH);
	assert_int_equal(t->hal.writes, writes); /* none of this took a try */
	assert_int_equal(phone_tries(t), 10);
	wire(t, NOTHING, 0x63C9); /* a wrong answer is told first, whatever the new PIN is */
	ramtoken_free(t);
}

/* Three wrong answers end a challenge, ten the unlock key, across power cycles. */
static void wrong_answers_are_counted(void **state)
{
	struct ramtoken *t = phone_operational();
	struct phone_response wrong = {.byte = {1}}, r;
	struct phone_challenge c;

	(void)state;
	c = phone_ask(t);
	r = phone_answer(&c);
	phone_unlock(t, &r, NEW_PIN, SW_OK);
	for (uint16_t left = 10; left > 0; left--) {
		if (left % 3 == 1)
			phone_unlock(t, &wrong, NEW_PIN, SW_CONDITIONS);
		if (left % 3 == 1)
			c = phone_ask(t);
		assert_int_equal(phone_tries(t), left);
		phone_unlock(t, &wrong, NEW_PIN, (uint16_t)(SW_TRIES_LEFT | (left - 1)));
	}
	/* Blocked, for the right one too, and before anything is compared or written. */
	unsigned long writes = t->hal.writes;
	for (int i = 0; i < 2; i++) {
		r = phone_answer(&c);
		phone_unlock(t, &r, NEW_PIN, SW_PIN_BLOCKED);
		wire(t, PHONE_CHALLENGE, SW_PIN_BLOCKED);
		wire(t, PHONE_PROOF, SW_OK); /* what was done can still be proved */
		assert_int_equal(phone_tries(t), 0);
		ramtoken_power_cycle(t);
	}
	assert_int_equal(t->hal.writes, writes);
	wire_verify(t, 0x81, NEW_PIN, SW_OK); /* the user PIN has nothing to do with it */
	/* So does the SO who sets the user PIN, in both ways of it; a wrong SO PIN does not. */
	wire(t, "002C0081 10 8006 393939393939 8106 313233343536", 0x63C9);
	assert_int_equal(phone_tries(t), 0);
	wire(t, "002C0081 12 8008 3837363534333231 8106 313233343536", SW_OK);
	assert_int_equal(phone_tries(t), 10);
	c = phone_ask(t);
	phone_unlock(t, &wrong, NEW_PIN, 0x63C9);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	wire(t, "002C0281 08 8106 313233343536", SW_OK);
	assert_int_equal(phone_tries(t), 10);
	/* INITIALIZE and FACTORY RESET give the tries back; the counter they never set back. */
	phone_initialize(t, 0, 0);
	assert_int_equal(phone_tries(t), 10);
	c = phone_ask(t);
	assert_int_equal(phone_counter(&c), 1);
	phone_unlock(t, &wrong, NEW_PIN, 0x63C9);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	wire(t, "80EE0000", SW_OK);
	assert_int_equal(phone_tries(t), 10);
	wire(t, PHONE_CHALLENGE, SW_CONDITIONS);
	phone_initialize(t, 0, 0);
	assert_int_equal(phone_tries(t), 10);
	c = phone_ask(t);
	assert_int_equal(phone_counter(&c), 1);
	ramtoken_free(t);
}

/* The holder may send the same answer with a better PIN. */
static void a_refused_pin_gives_the_try_back(void **state)
{
	static const char *const bad[] = {
		"short", "", "123456789012345678901234567890123", "tab\tbed", "first-pin", "second-pin", USER_PIN};
	struct ramtoken *t = phone_token("0102030405060708", NULL);
	struct phone_response wrong = {.byte = {1}};

	(void)state;
	phone_initialize(t, 3, 2);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8006313233343536 8109 66697273742D70696E"), 0, SW_OK);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8009 66697273742D70696E 810A 7365636F6E642D70696E"), 0, SW_OK);
	struct phone_challenge c = phone_ask(t);
	struct phone_response r = phone_answer(&c);
	phone_unlock(t, &wrong, NEW_PIN, 0x63C9);
	for (int i = 0; i < 5; i++) {
		for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
			phone_unlock(t, &r, bad[n], SW_WRONG_DATA);
			assert_int_equal(phone_tries(t), 9); /* this one, but not the one that was lost */
		}
	}
	phone_unlock(t, &wrong, "short", 0x63C8);
	wire_verify(t, 0x81, "second-pin", SW_OK);
	phone_unlock(t, &r, NEW_PIN, SW_OK);
	assert_int_equal(phone_tries(t), 10);
	assert_int_equal(wire_info(t, 0x85).data[2], 1); /* the holder chose it: nothing must be changed */
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	/* A PIN of the SO's must be changed; the desk's answer does that too. */
	wire_apdu(t, 0, 0x2C, 0, 0x81, wire_hex("8008 3837363534333231 8106 313131313131"), 0, SW_OK);
	assert_int_equal(wire_info(t, 0x85).data[2], 3);
	c = phone_ask(t);
	r = phone_answer(&c);
	phone_unlock(t, &r, "111111", SW_WRONG_DATA);
	phone_unlock(t, &r, "222222", SW_OK);
	assert_int_equal(wire_info(t, 0x85).data[2], 1);
	ramtoken_free(t);
}

/* The answer is for this token, this challenge, this counter, this purpose, and this key. */
static void another_answer_is_none(void **state)
{
	struct ramtoken *a = phone_operational(), *b = phone_token("0102030405060709", NULL);
	uint8_t *image = ramtoken_snapshot(a);

	(void)state;
	phone_initialize(b, 0, 0);
	const struct phone_challenge c = phone_ask(a);
	for (int i = 0; i < 8; i++) {
		struct phone_challenge other = c;
		ramtoken_restore(a, image);
		wire(a, PHONE_CHALLENGE, SW_OK);
		bytes_copy(a->fw->channel[0].unlock.random, BYTES_OF(c.random));
		struct phone_response r = phone_answer(&c);
		switch (i) {
		case 0:
			other.serial[7]++;
			break;
		case 1:
			other.version++;
			break;
		case 2:
			other.counter[1]++;
			break;
		case 3:
			other.random[7]++;
			break;
		case 4:
			r = phone_answer_with(PHONE_KEY, &c, 0);
			break;
		case 5:
			r = phone_answer_with(PHONE_KEY, &c, 2);
			break;
		case 6:
			r = phone_answer_with("8D745B60240AAA6278C9BFCB54B487D0", &c, 1);
			break;
		default:
			break;
		}
		if (i < 4)
			r = phone_answer(&other);
		phone_unlock(a, &r, NEW_PIN, i < 7 ? 0x63C9 : SW_OK);
	}
	/* Token b has the same key here, the same counter and is given the same challenge. */
	ramtoken_restore(a, image);
	struct phone_challenge ours = phone_ask(a), theirs = phone_ask(b);
	bytes_copy(b->fw->channel[0].unlock.random, BYTES_OF(ours.random));
	bytes_copy(theirs.random, BYTES_OF(ours.random));
	struct phone_response r = phone_answer(&ours), s = phone_answer(&theirs);
	phone_unlock(b, &r, NEW_PIN, 0x63C9);
	phone_unlock(a, &s, NEW_PIN, 0x63C9);
	phone_unlock(b, &s, NEW_PIN, SW_OK);
	phone_unlock(a, &r, NEW_PIN, SW_OK);
	/* At another counter: the desk answered before the token was unlocked on another channel. */
	wire(a, "00700001", SW_OK);
	struct phone_challenge first = phone_ask(a), second = phone_ask_on(a, 1);
	assert_memory_not_equal(first.random, second.random, 8);
	r = phone_answer(&first);
	s = phone_answer(&second);
	assert_int_equal(phone_unlock_any(a, 1, &r, NEW_PIN), 0x63C9); /* R is the channel's own */
	assert_int_equal(phone_unlock_any(a, 1, &s, NEW_PIN), SW_OK);
	phone_unlock(a, &r, "andere-pin", 0x63C9);
	wire_verify(a, 0x81, NEW_PIN, SW_OK);
	free(image);
	ramtoken_free(a);
	ramtoken_free(b);
}

/* Every one of the 65 bits counts. */
static void every_bit_of_the_answer_counts(void **state)
{
	struct ramtoken *t = phone_operational();
	struct phone_challenge c = phone_ask(t);
	struct phone_response r = phone_answer(&c);

	(void)state;
	for (unsigned bit = 0; bit < 72; bit++) {
		struct phone_response flipped = r;
		flipped.byte[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		t->fw->tries[FW_PIN_UNLOCK] = 10;
		t->fw->channel[0].unlock.guesses = 3;
		phone_unlock(t, &flipped, NEW_PIN, bit < 65 ? 0x63C9 : SW_WRONG_DATA);
	}
	t->fw->channel[0].unlock.guesses = 3;
	phone_unlock(t, &r, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* What ends R, and what does not. */
static void how_long_a_challenge_lasts(void **state)
{
	static const struct {
		const char *command;
		uint16_t sw;
		bool lasts;
	} between[] = {
		{SELECT_UKEY,										      SW_OK,                true },
		{"00200081 06 313233343536",								       SW_OK,                true },
		{"00200081 06 363636363636",								       0x63C5,               true },
		{"00840000 08",										    SW_OK,                true },
		{"002C0281 08 8106 363636363636",								  SW_SECURITY_STATUS,   true },
		{PHONE_PROOF,										      SW_CONDITIONS,        true },
		{"00FF0000",										       SW_INS_NOT_SUPPORTED, true },
		{PHONE_CHALLENGE,										  SW_OK,                false},
		{"80E00000 25 8000 8108 3837363534333231 8208 3837363534333231 8306 313233343536 8A05 0620000000",
                 SW_OK,														  false},
	};
	struct ramtoken *t = phone_operational();
	struct phone_challenge c;
	struct phone_response r;

	(void)state;
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		ramtoken_free(t);
		t = phone_operational();
		c = phone_ask(t);
		r = phone_answer(&c);
		wire(t, between[i].command, between[i].sw);
		uint16_t sw = phone_unlock_any(t, 0, &r, NEW_PIN);
		if (between[i].lasts ? sw != SW_OK : sw != SW_CONDITIONS && sw != 0x63C9)
			fail_msg("after %s the answer gives %04X", between[i].command, sw);
	}
	ramtoken_free(t);
	t = phone_operational();
	c = phone_ask(t);
	r = phone_answer(&c);
	ramtoken_power_cycle(t);
	phone_unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	wire(t, "00700001", SW_OK);
	c = phone_ask_on(t, 1);
	r = phone_answer(&c);
	wire(t, "00708001", SW_OK);
	wire(t, "00700001", SW_OK);
	assert_int_equal(phone_unlock_any(t, 1, &r, NEW_PIN), SW_CONDITIONS);
	phone_unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	/* A chip without chance gives no challenge, and the one before is gone. */
	c = phone_ask(t);
	r = phone_answer(&c);
	t->hal.no_chance = true;
	wire(t, PHONE_CHALLENGE, SW_INTERNAL);
	t->hal.no_chance = false;
	phone_unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	assert_int_equal(phone_tries(t), 10);
	ramtoken_free(t);
}

static uint16_t unlock_inside(
	struct ramtoken *t, struct scp_session *session, const struct phone_response *r, const char *pin)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x82, BYTES_OF(r->byte));
	tlv_put(&b, 0x81, wire_string(pin));
	const struct apdu a = {.ins = 0x2C, .p1 = 1, .p2 = 0x81, .data = builder_bytes(&b), .le = APDU_LE_MAX};
	return personal_send(t, 0, session, &a, NULL);
}

/* The challenge comes in clear, days before perhaps; the new PIN travels inside a channel that is opened for it. */
static void the_new_pin_travels_inside_the_channel(void **state)
{
	struct ramtoken *t = phone_token("0102030405060708", NULL);
	struct scp_session session = {0};
	struct phone_response wrong = {.byte = {1}};

	(void)state;
	phone_initialize(t, 0, 1);
	struct phone_challenge c = phone_ask(t);
	struct phone_response r = phone_answer(&c);
	unsigned long writes = t->hal.writes;
	phone_unlock(t, &r, NEW_PIN, SW_SECURITY_STATUS);
	phone_unlock(t, &wrong, NEW_PIN, SW_SECURITY_STATUS);
	assert_int_equal(t->hal.writes, writes);
	assert_int_equal(phone_tries(t), 10);
	personal_open(t, 0, t->device_point, &session);
	assert_int_equal(unlock_inside(t, &session, &wrong, NEW_PIN), 0x63C9);
	assert_int_equal(unlock_inside(t, &session, &r, "short"), SW_WRONG_DATA);
	/* Another session, the same challenge. */
	wire(t, SELECT_UKEY, SW_OK);
	personal_open(t, 0, t->device_point, &session);
	assert_int_equal(unlock_inside(t, &session, &r, NEW_PIN), SW_OK);
	assert_int_equal(unlock_inside(t, &session, &r, NEW_PIN), SW_CONDITIONS);
	const struct apdu verify = {.ins = 0x20, .p2 = 0x81, .data = wire_string(NEW_PIN)};
	assert_int_equal(personal_send(t, 0, &session, &verify, NULL), SW_OK);
	wire(t, SELECT_UKEY, SW_OK);
	assert_int_equal(phone_tries(t), 10);
	wire(t, PHONE_PROOF, SW_OK);
	ramtoken_free(t);
}

/* The counter's end is the end of unlocking: it does not begin again. */
static void the_last_unlock(void **state)
{
	const uint8_t nearly[2] = {0xFF, 0xFE};
	const struct fw_change change = {.object = FW_OBJECT_UNLOCK_COUNTER, .part = {BYTES_OF(nearly)}};
	struct ramtoken *t = phone_operational();

	(void)state;
	assert_int_equal(fw_journal_commit(t->fw, &change, 1), FW_JOURNAL_OK);
	ramtoken_power_cycle(t);
	wire(t, "00700001", SW_OK);
	struct phone_challenge c = phone_ask(t), other = phone_ask_on(t, 1);
	struct phone_response r = phone_answer(&c);
	assert_int_equal(phone_counter(&c), 0xFFFE);
	phone_unlock(t, &r, NEW_PIN, SW_OK);
	wire(t, PHONE_CHALLENGE, SW_CONDITIONS);
	other.counter[1] = 0xFF;
	r = phone_answer(&other);
	assert_int_equal(phone_unlock_any(t, 1, &r, "andere-pin"), SW_CONDITIONS);
	struct bytes told = wire(t, PHONE_PROOF, SW_OK);
	assert_true(bytes_equal(BYTES(told.data + told.len - 5, 5), phone_proof(1, BYTES_OF(c.serial), 0xFFFF)));
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* ---- guessing ---- */

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_document),
		cmocka_unit_test(a_right_answer_sets_the_pin_once),
		cmocka_unit_test(what_is_checked_first),
		cmocka_unit_test(wrong_answers_are_counted),
		cmocka_unit_test(a_refused_pin_gives_the_try_back),
		cmocka_unit_test(another_answer_is_none),
		cmocka_unit_test(every_bit_of_the_answer_counts),
		cmocka_unit_test(how_long_a_challenge_lasts),
		cmocka_unit_test(the_new_pin_travels_inside_the_channel),
		cmocka_unit_test(the_last_unlock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
