/* SPDX-License-Identifier: Apache-2.0 */
/* Logical channels (protocol 1.4, 4.2): twenty of them, and what one program does shows on no other's channel. */
#include "tests/wire/wire.h"

#define USER  0x01
#define SO    0x02
#define FRESH 0x04

static uint8_t class_of(uint8_t channel, bool proprietary)
{
	struct apdu_class c = {.proprietary = proprietary, .channel = channel};
	return apdu_class_encode(&c);
}

static uint8_t security(struct ramtoken *t, uint8_t channel)
{
	struct bytes info;
	uint16_t sw = wire_any(t, class_of(channel, false), 0xA4, 4, 0, wire_hex("F04F70656E"), APDU_LE_MAX, &info);

	assert_int_equal(sw, SW_OK);
	return wire_info_of(info, 0x90).data[0];
}

static void open_all(struct ramtoken *t)
{
	for (uint8_t i = 1; i < FW_CHANNELS; i++)
		assert_int_equal(wire(t, "0070000001", SW_OK).data[0], i);
}

static void verify(struct ramtoken *t, uint8_t channel, uint8_t reference, const char *pin, uint16_t sw)
{
	wire_apdu(t, class_of(channel, false), 0x20, 0, reference, wire_string(pin), 0, sw);
}

static struct ramtoken *operational(void)
{
	struct ramtoken *t = ramtoken_new(NULL);
	wire_initialize(t);
	return t;
}

static void twenty_channels_and_no_more(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	open_all(t);
	wire(t, "0070000001", SW_FUNCTION_NOT_SUPPORTED);
	for (uint8_t i = 0; i < FW_CHANNELS; i++)
		assert_int_equal(security(t, i), 0);
	/* Closing from elsewhere and from within; the lowest free one comes back. */
	wire(t, "00708007", SW_OK);
	wire(t, "4F708000", SW_OK);
	wire(t, "4F84000008", SW_CHANNEL_NOT_SUPPORTED);
	assert_int_equal(wire(t, "4170000001", SW_OK).data[0], 7);
	assert_int_equal(wire(t, "0070000001", SW_OK).data[0], 19);
	ramtoken_free(t);
}

static void channels_are_opened_and_closed_as_written(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire(t, "00708000", SW_WRONG_P1P2);
	wire(t, "00708003", SW_CHANNEL_NOT_SUPPORTED);
	wire(t, "01708000", SW_CHANNEL_NOT_SUPPORTED);
	wire(t, "00700014", SW_WRONG_P1P2);
	wire(t, "00708014", SW_WRONG_P1P2);
	wire(t, "00700100", SW_WRONG_P1P2);
	assert_int_equal(wire(t, "00700005", SW_OK).len, 0);
	wire(t, "00700005", SW_FUNCTION_NOT_SUPPORTED);
	assert_int_equal(wire(t, "4170000001", SW_OK).data[0], 1);
	wire(t, "8070000001", SW_INS_NOT_SUPPORTED);
	/* Without Le the number waits for GET RESPONSE. */
	wire(t, "00700000", 0x6101);
	assert_int_equal(wire(t, "00C0000000", SW_OK).data[0], 2);
	ramtoken_power_cycle(t);
	wire(t, "4184000008", SW_CHANNEL_NOT_SUPPORTED);
	ramtoken_free(t);
}

static void a_log_in_is_seen_on_its_own_channel_only(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	open_all(t);
	for (uint8_t me = 0; me < FW_CHANNELS; me++) {
		verify(t, me, 0x81, USER_PIN, SW_OK);
		for (uint8_t i = 0; i < FW_CHANNELS; i++)
			assert_int_equal(security(t, i), i == me ? USER | FRESH : 0);
		wire_apdu(t, class_of(me, false), 0x20, 0xFF, 0x81, BYTES_NONE, 0, SW_OK);
		assert_int_equal(security(t, me), 0);
	}
	verify(t, 3, 0x81, USER_PIN, SW_OK);
	verify(t, 9, 0x82, SO_PIN, SW_OK);
	verify(t, 5, 0x81, "wrong1", 0x63C5);
	assert_int_equal(security(t, 3), USER | FRESH);
	assert_int_equal(security(t, 9), SO);
	/* One role at a time. */
	verify(t, 3, 0x82, SO_PIN, SW_OK);
	assert_int_equal(security(t, 3), SO);
	/* A wrong PIN ends its role here and nowhere else. */
	verify(t, 9, 0x82, "wrong1", 0x63C9);
	assert_int_equal(security(t, 9), 0);
	assert_int_equal(security(t, 3), SO);
	/* Closing ends the state: the next one on this channel finds nothing. */
	wire(t, "00708003", SW_OK);
	wire(t, "00700003", SW_OK);
	assert_int_equal(security(t, 3), 0);
	ramtoken_free(t);
}

/* 1.4: a changed PIN ends its state on all other channels, and only its. */
static void a_new_pin_ends_the_others_log_in(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	open_all(t);
	verify(t, 1, 0x81, USER_PIN, SW_OK);
	verify(t, 2, 0x81, USER_PIN, SW_OK);
	verify(t, 4, 0x82, SO_PIN, SW_OK);
	verify(t, 19, 0x82, SO_PIN, SW_OK);
	wire(t, "01 24 00 81 10 80 06 313233343536 81 06 363534333231", SW_OK);
	assert_int_equal(security(t, 1), USER | FRESH);
	assert_int_equal(security(t, 2), 0);
	assert_int_equal(security(t, 4), SO);
	/* The SO sets the user PIN: the user's state ends everywhere else, the SO's stays. */
	wire(t, "40 2C 02 81 08 81 06 313233343536", SW_OK);
	assert_int_equal(security(t, 1), 0);
	assert_int_equal(security(t, 4), SO);
	assert_int_equal(security(t, 19), SO);
	verify(t, 1, 0x81, USER_PIN, SW_OK);
	wire(t, "C0 EE 00 00", SW_OK);
	for (uint8_t i = 0; i < FW_CHANNELS; i++)
		assert_int_equal(security(t, i), 0);
	ramtoken_free(t);
}

static void selecting_again_logs_nobody_out(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	wire(t, SELECT_UKEY, SW_OK);
	assert_int_equal(security(t, 0), USER | FRESH);
	wire(t, "00A4040007A000000003000000", SW_NOT_FOUND);
	wire(t, "00A4040004F04F7065", SW_NOT_FOUND);
	wire(t, "00A404000BF04F70656E554B6579010000", SW_NOT_FOUND);
	wire(t, "00A40400", SW_WRONG_LENGTH);
	assert_int_equal(security(t, 0), USER | FRESH);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(twenty_channels_and_no_more),
		cmocka_unit_test(channels_are_opened_and_closed_as_written),
		cmocka_unit_test(a_log_in_is_seen_on_its_own_channel_only),
		cmocka_unit_test(a_new_pin_ends_the_others_log_in),
		cmocka_unit_test(selecting_again_logs_nobody_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
