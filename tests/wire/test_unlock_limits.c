/* SPDX-License-Identifier: Apache-2.0 */
/* Unlock by phone at its limits: guessing, power that goes, a flash that fails or is full. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/phone.h"

#define MILLION 1000000

static struct phone_response random_response(uint64_t *x)
{
	struct phone_response r;

	for (size_t i = 0; i < sizeof(r.byte); i++) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		r.byte[i] = (uint8_t)(*x >> 56);
	}
	r.byte[8] &= 0x80;
	return r;
}

/*
 * A token takes ten guesses, whatever happens in between. So that a million tell anything, their counters are put back
 * behind the token's back each time: then each of them is compared, and none is right.
 */
static void a_million_answers_at_random(void **state)
{
	struct ramtoken *t = phone_operational();
	struct phone_challenge c = phone_ask(t);
	uint64_t x = 20260101;
	unsigned long accepted = 0, compared = 0;

	(void)state;
	for (unsigned n = 0; n < 100; n++) {
		struct phone_response r = random_response(&x);
		uint16_t sw = phone_unlock_any(t, 0, &r, NEW_PIN);
		compared += (sw & 0xFFF0) == SW_TRIES_LEFT;
		accepted += sw == SW_OK;
		if (n % 7 == 6)
			ramtoken_power_cycle(t);
		if (n % 2 == 1)
			wire_any(t, 0x80, 0x84, 0, 0x83, BYTES_NONE, APDU_LE_MAX, NULL);
	}
	assert_in_range(compared, 1, 10);
	assert_int_equal(accepted, 0);
	assert_int_equal(phone_tries(t), 0);
	ramtoken_free(t);

	t = phone_operational();
	c = phone_ask(t);
	struct phone_response right = phone_answer(&c);
	for (unsigned n = 0; n < MILLION; n++) {
		struct phone_response r = random_response(&x);
		t->fw->tries[FW_PIN_UNLOCK] = 10;
		t->fw->channel[0].unlock.guesses = 3;
		uint16_t sw = phone_unlock_any(t, 0, &r, NEW_PIN);
		if (sw != 0x63C9)
			fail_msg("%04X", sw);
	}
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	phone_unlock(t, &right, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* ---- power and flash ---- */

struct seen {
	uint8_t tries;
	uint16_t counter;
	bool old_pin, new_pin;
};

static struct seen look(struct ramtoken *t)
{
	struct seen s = {.tries = phone_tries(t)};

	if (s.tries > 0) {
		struct phone_challenge c = phone_ask(t);
		s.counter = phone_counter(&c);
	}
	s.old_pin = wire_any(t, 0, 0x20, 0, 0x81, wire_string(USER_PIN), 0, NULL) == SW_OK;
	s.new_pin = wire_any(t, 0, 0x20, 0, 0x81, wire_string(NEW_PIN), 0, NULL) == SW_OK;
	return s;
}

/* A right and a wrong answer, and a right one with a bad PIN, with the power cut at every flash operation. */
static void power_goes_while_it_is_unlocked(void **state)
{
	struct ramtoken *t = phone_operational();
	struct phone_response wrong = {.byte = {1}};
	unsigned long before = 0, after = 0;

	(void)state;
	struct phone_challenge c = phone_ask(t);
	struct phone_response r = phone_answer(&c);
	phone_unlock(t, &r, USER_PIN, SW_OK);
	phone_unlock(t, &wrong, NEW_PIN, SW_CONDITIONS);
	phone_ask(t);
	phone_unlock(t, &wrong, NEW_PIN, 0x63C9);
	uint8_t *image = ramtoken_snapshot(t);
	for (int what = 0; what < 3; what++) {
		for (int torn = 0; torn < RAMHAL_TORN_MODES; torn++) {
			for (unsigned long k = 1;; k++) {
				ramtoken_restore(t, image);
				c = phone_ask(t);
				r = what == 1 ? wrong : phone_answer(&c);
				const char *pin = what == 2 ? "short" : NEW_PIN;
				t->hal.cut_at = k;
				t->hal.torn = (enum ramhal_torn)torn;
				uint16_t sw = phone_unlock_any(t, 0, &r, pin);
				t->hal.cut_at = 0;
				if (sw != 0)
					break;
				ramtoken_power_cycle(t);
				phone_unlock(t, &r, NEW_PIN, SW_CONDITIONS); /* R went with the power */
				struct seen s = look(t);
				assert_true(s.old_pin != s.new_pin);
				if (s.new_pin) {
					assert_int_equal(what, 0);
					assert_int_equal(s.counter, 2);
					assert_int_equal(s.tries, 10);
					after++;
				} else {
					assert_int_equal(s.counter, 1);
					assert_in_range(s.tries, 8, 9);
					before++;
				}
				phone_unlock(t, &r, "andere-pin", (uint16_t)(SW_TRIES_LEFT | (s.tries - 1)));
			}
		}
	}
	assert_true(before > 0 && after > 0);
	free(image);
	ramtoken_free(t);
}

/* The flash fails once, and the token goes on: never done by half, and no guess is free. */
static void the_flash_fails_while_it_is_unlocked(void **state)
{
	struct ramtoken *t = phone_operational();
	uint8_t *image = ramtoken_snapshot(t);
	unsigned failures = 0;

	(void)state;
	for (unsigned long k = 1;; k++) {
		ramtoken_restore(t, image);
		struct phone_challenge c = phone_ask(t);
		struct phone_response r = phone_answer(&c);
		t->hal.fail_at = k;
		uint16_t sw = phone_unlock_any(t, 0, &r, NEW_PIN);
		if (t->hal.fail_at > 0)
			break;
		failures++;
		struct seen s = look(t);
		assert_true(s.old_pin != s.new_pin);
		assert_int_equal(sw, s.new_pin ? SW_OK : SW_MEMORY_FAILURE);
		assert_int_equal(s.counter, s.new_pin ? 1 : 0);
		assert_in_range(s.tries, 9, 10);
	}
	assert_true(failures >= 2);
	/* Where the try cannot be taken, right and wrong look the same. */
	for (int right = 0; right < 2; right++) {
		ramtoken_restore(t, image);
		struct phone_challenge c = phone_ask(t);
		struct phone_response r = right ? phone_answer(&c) : (struct phone_response){.byte = {1}};
		t->hal.fail_at = 1;
		phone_unlock(t, &r, NEW_PIN, SW_MEMORY_FAILURE);
		t->hal.fail_at = 1;
		phone_unlock(t, &r, "short", SW_MEMORY_FAILURE);
		assert_int_equal(phone_tries(t), 10);
	}
	free(image);
	ramtoken_free(t);
}

/* No byte left for objects: the holder gets in all the same. */
static void a_full_token_can_be_unlocked(void **state)
{
	const struct ramtoken_options small = {.flash_size = 32 * 1024, .sector = 2048};
	struct ramtoken *t = phone_token("0102030405060708", &small);

	(void)state;
	phone_initialize(t, 8, 2);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8006313233343536 8106 363636363636"), 0, SW_OK);
	wire_verify(t, 0x81, "666666", SW_OK);
	for (uint16_t n = 0, size = 2048; size > 0; n++) {
		uint8_t raw[3000];
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put_u16(&b, 0x5C, (uint16_t)(0x0300 + n));
		tlv_put(&b, 0x53, wire_data_object(size, 0, 1));
		if (wire_any(t, 0, 0xDB, 0x3F, 0xFF, builder_bytes(&b), 0, NULL) != SW_OK)
			size = (uint16_t)(size / 2);
	}
	for (unsigned n = 0; n < 20; n++) {
		struct phone_challenge c = phone_ask(t);
		struct phone_response r = phone_answer(&c);
		char pin[16];
		snprintf(pin, sizeof(pin), "new-pin-%u", n);
		phone_unlock(t, &r, pin, SW_OK);
	}
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_answers_at_random),
		cmocka_unit_test(power_goes_while_it_is_unlocked),
		cmocka_unit_test(the_flash_fails_while_it_is_unlocked),
		cmocka_unit_test(a_full_token_can_be_unlocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
