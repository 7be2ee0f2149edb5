/* SPDX-License-Identifier: Apache-2.0 */
/* What a user PIN's past forbids (protocol 1.6): the history, and a PIN that must be changed before use. */
#include <stdio.h>
#include <stdlib.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/wire.h"

#define CHANGE_FIRST 0x02

/* n-th PIN of a family that no policy here refuses. */
static const char *pin(unsigned n)
{
	static char ring[4][16];
	static unsigned turn;
	char *to = ring[turn++ % 4];

	snprintf(to, sizeof(ring[0]), "pin-%04u", n);
	return to;
}

static struct bytes two(const char *first, const char *second)
{
	static uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	if (first)
		tlv_put(&b, 0x80, wire_string(first));
	tlv_put(&b, 0x81, wire_string(second));
	return builder_bytes(&b);
}

static void change(struct ramtoken *t, const char *from, const char *to, uint16_t sw)
{
	wire_apdu(t, 0, 0x24, 0, 0x81, two(from, to), 0, sw);
}

static void set_by_so_pin(struct ramtoken *t, const char *to, uint16_t sw)
{
	wire_apdu(t, 0, 0x2C, 0, 0x81, two(SO_PIN, to), 0, sw);
}

static void set_by_so(struct ramtoken *t, const char *to, uint16_t sw)
{
	wire_apdu(t, 0, 0x2C, 2, 0x81, two(NULL, to), 0, sw);
}

static void initialize(struct ramtoken *t, uint8_t history, uint8_t flags, const char *user_pin, uint16_t sw)
{
	const uint8_t policy[5] = {6, 32, 0, history, flags};
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, BYTES_NONE);
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x82, wire_string(SO_PIN)); /* a blank token ignores it */
	if (user_pin)
		tlv_put(&b, 0x83, wire_string(user_pin));
	tlv_put(&b, 0x8A, BYTES_OF(policy));
	wire_apdu(t, 0x80, 0xE0, 0, 0, builder_bytes(&b), 0, sw);
}

static void assert_user_pin(struct ramtoken *t, uint8_t left, uint8_t flags)
{
	struct bytes state = wire_info(t, 0x85);

	assert_int_equal(state.data[0], left);
	assert_int_equal(state.data[2], flags);
}

/* The PIN before the n-th is refused exactly as long as the history covers it. */
static void a_history_of_every_depth(void **state)
{
	(void)state;
	for (uint8_t depth = 0; depth <= 8; depth++) {
		struct ramtoken *t = ramtoken_new(NULL);
		initialize(t, depth, 0, pin(0), SW_OK);
		assert_int_equal(wire_info(t, 0x8A).data[3], depth);
		for (unsigned now = 0; now < 12; now++) {
			unsigned covered = depth == 0 ? 1 : depth; /* the present one never comes again */
			for (unsigned ago = 0; ago <= now && ago < covered; ago++)
				change(t, pin(now), pin(now - ago), SW_WRONG_DATA);
			assert_user_pin(t, 6, 1);
			change(t, pin(now), pin(now + 1), SW_OK);
			ramtoken_power_cycle(t);
		}
		/* The first that is not covered any more is welcome. */
		if (depth > 0)
			change(t, pin(12), pin(12 - depth), SW_OK);
		ramtoken_free(t);
	}
	struct ramtoken *t = ramtoken_new(NULL);
	initialize(t, 9, 0, pin(0), SW_WRONG_DATA);
	initialize(t, 0, 0x04, pin(0), SW_WRONG_DATA);
	ramtoken_free(t);
}

/* PINs that the SO set count; the SO may set one that was; a wrong old PIN is told first. */
static void whoever_sets_a_pin_fills_the_history(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	initialize(t, 3, 0, NULL, SW_OK);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	set_by_so(t, pin(1), SW_OK);
	set_by_so_pin(t, pin(2), SW_OK);
	change(t, pin(2), pin(1), SW_WRONG_DATA);
	change(t, "wrong PIN", pin(1), 0x63C5);
	change(t, pin(2), pin(3), SW_OK);
	change(t, pin(3), pin(1), SW_WRONG_DATA);
	change(t, pin(3), pin(2), SW_WRONG_DATA);
	set_by_so_pin(t, pin(1), SW_OK);
	set_by_so(t, pin(1), SW_SECURITY_STATUS); /* setting the PIN did not log the SO in */
	change(t, pin(1), pin(3), SW_WRONG_DATA);
	change(t, pin(1), pin(2), SW_WRONG_DATA); /* 1, 3, 2 */
	set_by_so_pin(t, pin(4), SW_OK);
	change(t, pin(4), pin(2), SW_OK); /* 4, 1, 3 */
	/* The SO PIN has no history. */
	for (int i = 0; i < 2; i++) {
		wire_apdu(t, 0, 0x24, 0, 0x82, two(SO_PIN, "another-so"), 0, SW_OK);
		wire_apdu(t, 0, 0x24, 0, 0x82, two("another-so", SO_PIN), 0, SW_OK);
	}
	/* INITIALIZE forgets, also where it sets no PIN. */
	initialize(t, 8, 0, pin(9), SW_OK);
	change(t, pin(9), pin(2), SW_OK);
	initialize(t, 8, 0, NULL, SW_OK);
	set_by_so_pin(t, pin(5), SW_OK);
	change(t, pin(5), pin(9), SW_OK);
	ramtoken_free(t);
}

/* How long a refusal takes tells nothing about which PIN it was: the same work whatever fits. */
static void every_pin_of_the_history_is_compared(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	initialize(t, 5, 0, pin(0), SW_OK);
	for (unsigned n = 0; n < 6; n++)
		change(t, pin(n), pin(n + 1), SW_OK);
	unsigned long before = t->hal.pin_hashes;
	change(t, pin(6), pin(2), SW_WRONG_DATA);
	unsigned long took = t->hal.pin_hashes - before;
	assert_int_equal(took, 6); /* the old one, and the five */
	for (unsigned ago = 1; ago < 5; ago++) {
		before = t->hal.pin_hashes;
		change(t, pin(6), pin(6 - ago), SW_WRONG_DATA);
		assert_int_equal(t->hal.pin_hashes - before, took);
	}
	ramtoken_free(t);
}

/* Such a PIN is good for one thing only. */
static void a_pin_that_the_so_set_must_be_changed(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	initialize(t, 0, CHANGE_FIRST, pin(0), SW_OK);
	t->hal.fail_reads = true; /* what cannot be read makes no PIN good */
	assert_user_pin(t, 6, 3);
	t->hal.fail_reads = false;
	for (int i = 0; i < 3; i++) {
		assert_user_pin(t, 6, 3);
		wire_verify(t, 0x81, "wrong PIN", 0x63C5);
		wire_verify(t, 0x81, pin(0), SW_REFERENCE_NOT_USABLE);
		assert_user_pin(t, 6, 3); /* no try is lost */
		wire(t, "00200081", 0x63C6);
		assert_int_equal(wire_info(t, 0x90).data[0], 0);
		wire(t, "0047110006 AC04 83020001 00", SW_SECURITY_STATUS);
		ramtoken_power_cycle(t);
	}
	change(t, pin(0), pin(0), SW_WRONG_DATA);
	change(t, pin(0), "short", SW_WRONG_DATA);
	assert_user_pin(t, 6, 3);
	change(t, pin(0), pin(1), SW_OK);
	assert_user_pin(t, 6, 1);
	assert_int_equal(wire_info(t, 0x90).data[0], FW_USER | FW_FRESH);
	ramtoken_power_cycle(t);
	wire_verify(t, 0x81, pin(1), SW_OK);

	/* A state that the old PIN opened ends where the new one is tried, as on all other channels. */
	wire(t, "00700001", SW_OK);
	wire_apdu(t, 1, 0x2C, 0, 0x81, two(SO_PIN, pin(2)), 0, SW_OK);
	assert_int_equal(wire_info(t, 0x90).data[0], 0);
	set_by_so_pin(t, pin(3), SW_OK);
	change(t, pin(3), pin(4), SW_OK);
	set_by_so_pin(t, pin(5), SW_OK);
	assert_int_equal(wire_info(t, 0x90).data[0], FW_USER | FW_FRESH); /* as 4.8 says: it does not change here */
	wire_verify(t, 0x81, pin(5), SW_REFERENCE_NOT_USABLE);
	assert_int_equal(wire_info(t, 0x90).data[0], 0);

	wire_verify(t, 0x82, SO_PIN, SW_OK);
	wire_verify(t, 0x81, pin(5), SW_REFERENCE_NOT_USABLE);
	assert_int_equal(wire_info(t, 0x90).data[0], FW_SO); /* of this PIN only */
	set_by_so(t, pin(6), SW_OK);
	assert_user_pin(t, 6, 3);
	/* Blocked is blocked, and without the flag nothing must be changed. */
	for (uint16_t left = 6; left > 0; left--)
		wire_verify(t, 0x81, "wrong PIN", (uint16_t)(SW_TRIES_LEFT | (left - 1)));
	wire_verify(t, 0x81, pin(6), SW_PIN_BLOCKED);
	initialize(t, 4, 0, pin(0), SW_OK);
	set_by_so_pin(t, pin(1), SW_OK);
	wire_verify(t, 0x81, pin(1), SW_OK);
	assert_user_pin(t, 6, 1);
	ramtoken_free(t);
}

/* What is known of the PIN changes with the PIN, or not at all: at every flash operation, torn in every way. */
static void power_goes_while_a_pin_is_changed(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	unsigned long olds = 0, news = 0;

	(void)state;
	initialize(t, 3, CHANGE_FIRST, pin(0), SW_OK);
	change(t, pin(0), pin(1), SW_OK);
	set_by_so_pin(t, pin(2), SW_OK);
	uint8_t *image = ramtoken_snapshot(t);
	for (int torn = 0; torn < RAMHAL_TORN_MODES; torn++) {
		for (unsigned long k = 1;; k++) {
			ramtoken_restore(t, image);
			t->hal.cut_at = k;
			t->hal.torn = (enum ramhal_torn)torn;
			uint16_t sw = wire_any(t, 0, 0x24, 0, 0x81, two(pin(2), pin(3)), 0, NULL);
			t->hal.cut_at = 0;
			if (sw != 0)
				break;
			ramtoken_power_cycle(t);
			if (wire_info(t, 0x85).data[2] == 3) {
				wire_verify(t, 0x81, pin(2), SW_REFERENCE_NOT_USABLE);
				change(t, pin(2), pin(0), SW_WRONG_DATA);
				change(t, pin(2), pin(3), SW_OK);
				olds++;
			} else {
				wire_verify(t, 0x81, pin(3), SW_OK);
				news++;
			}
			change(t, pin(3), pin(2), SW_WRONG_DATA);
			change(t, pin(3), pin(1), SW_WRONG_DATA);
			change(t, pin(3), pin(0), SW_OK);
		}
	}
	assert_true(olds > 0 && news > 0);
	free(image);
	ramtoken_free(t);
}

/* The history has its place from the first day: a PIN can be changed on a token without a free byte. */
static void a_full_token_keeps_its_history(void **state)
{
	const struct ramtoken_options small = {.flash_size = 16 * 1024, .sector = 2048};
	struct ramtoken *t = ramtoken_new(&small);

	(void)state;
	initialize(t, 8, 0, pin(0), SW_OK);
	wire_verify(t, 0x81, pin(0), SW_OK);
	for (uint16_t n = 0, size = 512; size > 0; n++) {
		uint8_t raw[1024];
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put_u16(&b, 0x5C, (uint16_t)(0x0300 + n));
		tlv_put(&b, 0x53, wire_data_object(size, 0, 1));
		if (wire_any(t, 0, 0xDB, 0x3F, 0xFF, builder_bytes(&b), 0, NULL) == SW_OK)
			continue;
		size = (uint16_t)(size / 2);
	}
	for (unsigned n = 0; n < 20; n++) {
		change(t, pin(n), pin(n + 1), SW_OK);
		for (unsigned ago = 1; ago < 8 && ago <= n; ago++)
			change(t, pin(n + 1), pin(n + 1 - ago), SW_WRONG_DATA);
	}
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_history_of_every_depth),
		cmocka_unit_test(whoever_sets_a_pin_fills_the_history),
		cmocka_unit_test(every_pin_of_the_history_is_compared),
		cmocka_unit_test(a_pin_that_the_so_set_must_be_changed),
		cmocka_unit_test(power_goes_while_a_pin_is_changed),
		cmocka_unit_test(a_full_token_keeps_its_history),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
