/* SPDX-License-Identifier: Apache-2.0 */
/* PINs inside the secure channel only (protocol 6.4): the policy, its default, and what it refuses. */
#include "tests/wire/session_bench.h"

#define SO "80 08 3837363534333231"

/* ---- PINs inside the channel only ---- */

static void a_blank_token_takes_its_first_pin_inside(void **state)
{
	struct scp_session s;

	(void)state;
	ramtoken_restore(token, blank);
	assert_int_equal(wire_info(token, 0x84).data[0], 0x01);
	assert_true(bytes_equal(wire_info(token, 0x8A), wire_hex("0620000001")));
	wire(token, "80E00000 15" SETUP, DEAD);
	assert_int_equal(wire_info(token, 0x84).data[0], 0x01);
	personal_open(token, 0, maker.device_point, &s);
	assert_int_equal(send(0, &s, 0x80, 0xE0, 0, 0, wire_hex(SETUP), NULL), SW_OK);
	wire(token, SELECT_UKEY, SW_OK);
	assert_true(bytes_equal(wire_info(token, 0x8A), wire_hex("0620000001")));
	assert_int_equal(wire_info(token, 0x84).data[0], 0x05);
}

static void a_pin_in_clear_is_refused_and_no_try_is_used(void **state)
{
	static const char *const commands[] = {
		"00200081 06 313233343536",
		"00200081 06 363636363636",
		"00200081 01 00", /* nothing is looked at */
		"00200082 08 3837363534333231",
		"00240081 10 8006313233343536 8106363636363636",
		"00240082 12" SO "8106363636363636",
		"002C0081 12" SO "8106363636363636",
		"002C0281 08 8106363636363636",
		"80E00000 1F" SETUP "8208 3837363534333231",
		"80E00000 01 00",
	};
	struct scp_session s;

	(void)state;
	unsigned long operations = token->hal.writes, hashes = token->hal.pin_hashes;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		wire(token, commands[i], DEAD);
	assert_int_equal(token->hal.writes, operations);
	assert_int_equal(token->hal.pin_hashes, hashes);
	assert_true(bytes_equal(wire_info(token, 0x85), wire_hex("060601")));
	assert_true(bytes_equal(wire_info(token, 0x86), wire_hex("0A0A01")));
	/* what carries none */
	wire(token, "00200081", SW_TRIES_LEFT | 6);
	wire(token, "0020FF81", SW_OK);
	/* the same inside */
	personal_open(token, 0, maker.device_point, &s);
	assert_int_equal(verify(0, &s, USER_PIN), SW_OK);
}

static void initialize_may_say_otherwise(void **state)
{
	struct scp_session s;

	(void)state;
	personal_open(token, 0, maker.device_point, &s);
	struct bytes data = wire_hex(SETUP "8208 3837363534333231 8A05 0620000800");
	assert_int_equal(send(0, &s, 0x80, 0xE0, 0, 0, data, NULL), SW_OK);
	wire(token, SELECT_UKEY, SW_OK);
	wire_verify(token, 0x81, USER_PIN, SW_OK);
	assert_true(bytes_equal(wire_info(token, 0x8A), wire_hex("0620000800")));
	/* and back, in clear; FACTORY RESET makes it the default again */
	wire(token, "80E00000 26" SETUP "8208 3837363534333231 8A05 0620000001", SW_OK);
	wire(token, "00200081 06 313233343536", DEAD);
	personal_open(token, 0, maker.device_point, &s);
	assert_int_equal(send(0, &s, 0x00, 0x20, 0, 0x82, wire_string(SO_PIN), NULL), SW_OK);
	assert_int_equal(send(0, &s, 0x80, 0xEE, 0, 0, BYTES_NONE, NULL), SW_OK);
	assert_int_equal(security(0, &s), 0);
	wire(token, SELECT_UKEY, SW_OK);
	wire(token, "80E00000 15" SETUP, DEAD);
	/* history and flags that there are not */
	personal_open(token, 0, maker.device_point, &s);
	static const char *const bad[] = {SETUP "8A05 0620000900", SETUP "8A05 0620000004", SETUP "8A05 0620000080"};
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(send(0, &s, 0x80, 0xE0, 0, 0, wire_hex(bad[i]), NULL), SW_WRONG_DATA);
	assert_int_equal(send(0, &s, 0x80, 0xE0, 0, 0, wire_hex(SETUP "8A05 0620000803"), NULL), SW_OK);
}

static void without_a_device_key_there_is_no_such_policy(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire(t, "80E00000 1C" SETUP "8A05 0620000001", SW_WRONG_DATA);
	wire(t, "80E00000 15" SETUP, SW_OK);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_blank_token_takes_its_first_pin_inside, as_new),
		cmocka_unit_test_setup(a_pin_in_clear_is_refused_and_no_try_is_used, as_new),
		cmocka_unit_test_setup(initialize_may_say_otherwise, as_new),
		cmocka_unit_test_setup(without_a_device_key_there_is_no_such_policy, as_new),
	};
	return cmocka_run_group_tests(tests, make_token, free_token);
}
