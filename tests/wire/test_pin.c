/* SPDX-License-Identifier: Apache-2.0 */
/* PINs (protocol 1.6, 4.8): counters that no power cycle gives back, policy, and what a PIN may be. */
#define _GNU_SOURCE /* memmem */

#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/wire.h"

static struct ramtoken *operational(void)
{
	struct ramtoken *t = ramtoken_new(NULL);
	wire_initialize(t);
	return t;
}

static uint8_t tries(struct ramtoken *t, uint8_t reference)
{
	return wire_info(t, reference == 0x81 ? 0x85 : 0x86).data[0];
}

static void wrong_tries_are_counted_across_power_cycles(void **state)
{
	static const struct {
		uint8_t reference, most;
		const char *pin;
	} pins[] = {
		{0x81, 6,  USER_PIN},
                {0x82, 10, SO_PIN  }
        };
	struct ramtoken *t = operational();

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (uint8_t left = pins[i].most; left > 0; left--) {
			assert_int_equal(tries(t, pins[i].reference), left);
			wire_verify(t, pins[i].reference, "wrong PIN", (uint16_t)(SW_TRIES_LEFT | (left - 1)));
			ramtoken_power_cycle(t);
		}
		/* Blocked: the right PIN too, and without a comparison. */
		unsigned long hashes = t->hal.pin_hashes, writes = t->hal.writes;
		wire_verify(t, pins[i].reference, pins[i].pin, SW_PIN_BLOCKED);
		assert_int_equal(t->hal.pin_hashes, hashes);
		assert_int_equal(t->hal.writes, writes);
	}
	ramtoken_free(t);
}

static void the_right_pin_gives_all_tries_back(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	for (int i = 0; i < 3; i++) {
		for (uint16_t left = 5; left > 0; left--)
			wire_verify(t, 0x81, "wrong PIN", (uint16_t)(SW_TRIES_LEFT | left));
		wire_verify(t, 0x81, USER_PIN, SW_OK);
		assert_int_equal(tries(t, 0x81), 6);
	}
	/* Other PINs' counters are their own. */
	wire_verify(t, 0x82, "wrong PIN", 0x63C9);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	assert_int_equal(tries(t, 0x82), 9);
	ramtoken_free(t);
}

/*
 * Power goes as soon as the first write of VERIFY is done: the try is gone, although no comparison was made. And a
 * wrong PIN, cut at any operation, never leaves more tries than there were.
 */
static void a_try_is_taken_before_the_comparison(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	unsigned long hashes = t->hal.pin_hashes;
	for (uint8_t left = 5; left > 0; left--) {
		t->hal.cut_at = 1;
		t->hal.torn = RAMHAL_TORN_WHOLE;
		assert_int_equal(ramtoken_transceive(t, wire_hex("0020008106313233343536")).len, 0);
		ramtoken_power_cycle(t);
		assert_int_equal(tries(t, 0x81), left);
	}
	assert_int_equal(t->hal.pin_hashes, hashes);
	/* The flash fails: no comparison either. */
	t->hal.fail_at = 1;
	wire_verify(t, 0x81, USER_PIN, SW_MEMORY_FAILURE);
	assert_int_equal(t->hal.pin_hashes, hashes);
	wire(t, "00200081", 0x63C1);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	ramtoken_free(t);
}

static void only_what_can_be_a_pin_costs_a_try(void **state)
{
	static const struct {
		const char *pin;
		uint16_t sw;
	} pins[] = {
		{"12345",				  SW_WRONG_DATA}, /* 5 bytes */
		{"123456789012345678901234567890123",      SW_WRONG_DATA}, /* 33 */
		{"1234\t6",				SW_WRONG_DATA},
		{"12345\x7F",			      SW_WRONG_DATA},
		{"12345\xC3",			      SW_WRONG_DATA}, /* cut short */
		{"12345\x80",			      SW_WRONG_DATA}, /* begins with a continuation */
		{"1234\xC0\xAF",                           SW_WRONG_DATA}, /* not the shortest form */
		{"123\xE0\x9F\xBF",                        SW_WRONG_DATA},
		{"123\xED\xA0\x80",                        SW_WRONG_DATA}, /* surrogate */
		{"12\xF0\x8F\xBF\xBF",                     SW_WRONG_DATA},
		{"12\xF4\x90\x80\x80",                     SW_WRONG_DATA}, /* above U+10FFFF */
		{"12\xF5\x80\x80\x80",                     SW_WRONG_DATA},
		{"1234\xC3\xBC",                           0x63C5       },
		{"\xE5\x8F\xA3\xE4\xBB\xA4",               0x63C4       },
		{"12\xF0\x9F\x94\x91",                     0x63C3       },
		{"123456789012345678901234567890\xC3\xBC", 0x63C2       }, /* 32 */
		{"ABCDEF",				 0x63C1       },
	};
	struct ramtoken *t = operational();

	(void)state;
	for (size_t i = 0; i < sizeof(pins) / sizeof(pins[0]); i++) {
		unsigned long writes = t->hal.writes;
		wire_verify(t, 0x81, pins[i].pin, pins[i].sw);
		if (pins[i].sw == SW_WRONG_DATA)
			assert_int_equal(t->hal.writes, writes);
	}
	ramtoken_free(t);
}

/* Policies: minimum, maximum, classes; each new PIN is judged by them, whoever sets it. */
static void the_policy_judges_every_new_pin(void **state)
{
	static const struct {
		uint8_t policy[5];
		const char *bad[4], *good[3];
	} cases[] = {
		{{8, 12, 0, 0, 0}, {"1234567", "1234567890123", NULL},   {"12345678", "123456789012", NULL} },
		{{6, 32, 2, 0, 0}, {"123456", "abcdef", "ABCDEF", NULL}, {"abcde1", "12345-", NULL}         },
		{{6, 32, 3, 0, 0}, {"abcde1", "ABCDE1", NULL},           {"abCde1", "abC,ef", NULL}         },
		{{6, 32, 4, 0, 0}, {"abCde1", "ab,de1", NULL},           {"abC,e1", "aB1\xE5\x8F\xA3", NULL}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ramtoken *t = ramtoken_new(NULL);
		uint8_t raw[128];
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put(&b, 0x80, BYTES_NONE);
		tlv_put(&b, 0x81, wire_string("SO-pin-2"));
		tlv_put(&b, 0x83, wire_string("aB3-xyz0"));
		tlv_put(&b, 0x8A, BYTES(cases[i].policy, 5));
		wire_apdu(t, 0x80, 0xE0, 0, 0, builder_bytes(&b), 0, SW_OK);
		wire_verify(t, 0x82, "SO-pin-2", SW_OK);
		for (size_t n = 0; n < 7; n++) {
			const char *pin = n < 4 ? cases[i].bad[n] : cases[i].good[n - 4];
			uint16_t sw = n < 4 ? SW_WRONG_DATA : SW_OK;
			if (!pin)
				continue;
			b = builder_of(raw, sizeof(raw));
			tlv_put(&b, 0x81, wire_string(pin));
			wire_apdu(t, 0, 0x2C, 2, 0x81, builder_bytes(&b), 0, sw);
			b = builder_of(raw, sizeof(raw));
			tlv_put(&b, 0x80, wire_string("SO-pin-2"));
			tlv_put(&b, 0x81, wire_string(pin));
			wire_apdu(t, 0, 0x2C, 0, 0x81, builder_bytes(&b), 0, sw);
			assert_int_equal(tries(t, 0x82), 10);
			wire_apdu(t, 0, 0x24, 0, 0x82, builder_bytes(&b), 0, sw);
			if (sw == SW_OK) {
				wire_verify(t, 0x81, pin, SW_OK);
				b = builder_of(raw, sizeof(raw));
				tlv_put(&b, 0x80, wire_string(pin));
				tlv_put(&b, 0x81, wire_string("SO-pin-2"));
				wire_apdu(t, 0, 0x24, 0, 0x82, builder_bytes(&b), 0, SW_OK);
			}
		}
		ramtoken_free(t);
	}
}

static void a_refused_new_pin_leaves_the_old_one_and_its_tries(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_verify(t, 0x81, "wrong PIN", 0x63C5);
	wire(t, "0024008109 8006313233343536 8101 31", SW_WRONG_LENGTH);
	wire(t, "002400810B 8006313233343536 8101 31", SW_WRONG_DATA);
	assert_int_equal(tries(t, 0x81), 6);
	assert_int_equal(wire_info(t, 0x90).data[0], 0);
	wire(t, "0024008110 8006313233343536 8106313233343536", SW_WRONG_DATA);
	wire(t, "0024008110 8006363636363636 8106363636363636", 0x63C5);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	/* The power goes while it is changed: the old or the new, never neither. */
	uint8_t *image = ramtoken_snapshot(t);
	for (unsigned long k = 1; k < 10; k++) {
		ramtoken_restore(t, image);
		t->hal.cut_at = k;
		t->hal.torn = RAMHAL_TORN_WHOLE;
		struct bytes answer = ramtoken_transceive(t, wire_hex("0024008110 8006313233343536 8106363636363636"));
		t->hal.cut_at = 0;
		if (answer.len > 0)
			break;
		ramtoken_power_cycle(t);
		bool old = wire_any(t, 0, 0x20, 0, 0x81, wire_string(USER_PIN), 0, NULL) == SW_OK;
		bool new = wire_any(t, 0, 0x20, 0, 0x81, wire_string("666666"), 0, NULL) == SW_OK;
		assert_true(old != new);
	}
	free(image);
	ramtoken_free(t);
}

static void the_maximum_of_tries_is_as_initialised(void **state)
{
	(void)state;
	for (uint8_t most = 3; most <= 15; most++) {
		struct ramtoken *t = ramtoken_new(NULL);
		uint8_t setup[] = {0x80, 0, 0x81, 6, '8', '7', '6', '5', '4', '3', 0x83, 6, '1', '2', '3', '4', '5',
			'6', 0x8B, 1, most};
		wire_apdu(t, 0x80, 0xE0, 0, 0, BYTES_OF(setup), 0, SW_OK);
		assert_int_equal(wire_info(t, 0x85).data[0], most);
		assert_int_equal(wire_info(t, 0x85).data[1], most);
		wire(t, "00200081", (uint16_t)(SW_TRIES_LEFT | most));
		for (uint8_t left = most; left > 0; left--)
			wire_verify(t, 0x81, "000000", (uint16_t)(SW_TRIES_LEFT | (left - 1)));
		wire_verify(t, 0x81, "123456", SW_PIN_BLOCKED);
		ramtoken_free(t);
	}
}

/* After any command, right or wrong, no PIN is left in the firmware's memory or in the flash. */
static void no_pin_stays_in_memory_or_flash(void **state)
{
	static const char *const secrets[] = {"tresor-7", "gehe1m-8", "unl0ck-9"};
	static const char *const commands[] = {
		"80E00000 16 80 00 81 08 747265736F722D37 83 08 67656865316D2D38",
		"00200082 08 747265736F722D37",
		"00200081 08 67656865316D2D38",
		"00200081 08 756E6C30636B2D39",
		"00240081 14 80 08 67656865316D2D38 81 08 756E6C30636B2D39",
		"002C0081 14 80 08 747265736F722D37 81 08 67656865316D2D38",
		"002C0081 14 80 08 67656865316D2D38 81 08 756E6C30636B2D39",
		"10200081 08 756E6C30636B2D39",
		"00840000 08",
	};
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		ramtoken_transceive(t, wire_hex(commands[i]));
		if (i == 7) /* a chain waits for its end, and the PIN's first half with it */
			continue;
		for (size_t s = 0; s < 3; s++) {
			assert_null(memmem(t->memory, fw_size(), secrets[s], 8));
			assert_null(memmem(t->hal.flash, t->hal.size, secrets[s], 8));
		}
	}
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(wrong_tries_are_counted_across_power_cycles),
		cmocka_unit_test(the_right_pin_gives_all_tries_back),
		cmocka_unit_test(a_try_is_taken_before_the_comparison),
		cmocka_unit_test(only_what_can_be_a_pin_costs_a_try),
		cmocka_unit_test(the_policy_judges_every_new_pin),
		cmocka_unit_test(a_refused_new_pin_leaves_the_old_one_and_its_tries),
		cmocka_unit_test(the_maximum_of_tries_is_as_initialised),
		cmocka_unit_test(no_pin_stays_in_memory_or_flash),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
