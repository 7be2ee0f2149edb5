/* SPDX-License-Identifier: Apache-2.0 */
/* Lengths and chains (protocol 1.2): every way a long command comes in and a long answer goes out. */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/wire.h"

static struct ramtoken *operational(void)
{
	struct ramtoken *t = ramtoken_new(NULL);
	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	return t;
}

static struct rapdu transceive(struct ramtoken *t, struct bytes command)
{
	struct rapdu r;
	assert_true(rapdu_parse(ramtoken_transceive(t, command), &r));
	return r;
}

/* Send as a chain of short commands with n bytes of data each; the last one's answer. */
static struct rapdu chain(struct ramtoken *t, uint8_t cla, uint8_t ins, struct bytes data, size_t n, uint32_t le)
{
	struct cursor c = cursor_of(data);
	struct rapdu r = {.sw = 0};

	while (c.left > 0) {
		uint8_t raw[APDU_SHORT_MAX];
		struct builder b = builder_of(raw, sizeof(raw));
		bool last = c.left <= n;
		struct apdu a = {(uint8_t)(last ? cla : cla | 0x10), ins, 0x3F, 0xFF,
			cursor_take(&c, last ? c.left : n), last ? le : 0, false, false};
		apdu_encode(&b, &a);
		r = transceive(t, builder_bytes(&b));
		if (last || r.sw != SW_OK)
			break;
		assert_int_equal(r.data.len, 0);
	}
	return r;
}

static struct bytes put_body(uint16_t object, struct bytes body)
{
	static uint8_t raw[20000];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put_u16(&b, 0x5C, object);
	tlv_put(&b, 0x53, body);
	assert_false(b.failed);
	return builder_bytes(&b);
}

/* A certificate of the largest size, in by chains of each segment size, out by GET RESPONSE of each piece size. */
static void the_largest_certificate_goes_in_and_out_in_pieces(void **state)
{
	static uint8_t out[FW_OBJECT_MAX + 300], whole[FW_OBJECT_MAX];
	static const size_t sizes[] = {255, 200, 128, 37};
	struct ramtoken *t = operational();

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bytes body = wire_certificate(FW_OBJECT_MAX, (uint8_t)i);
		struct rapdu r = chain(t, 0x00, 0xDB, put_body(0x0200, body), sizes[i], 6);
		assert_int_equal(r.sw, SW_OK);
		assert_int_equal(r.data.len, 6);
		assert_int_equal(r.data.data[0], 0x88);
		struct bytes direct = wire_get(t, 0x0200, SW_OK);
		assert_int_equal(direct.len, FW_OBJECT_MAX);
		memcpy(whole, direct.data, direct.len);
		uint8_t get[] = {0x00, 0xCB, 0x3F, 0xFF, 4, 0x5C, 2, 2, 0, (uint8_t)sizes[i]};
		uint8_t more[] = {0x00, 0xC0, 0, 0, (uint8_t)sizes[i]};
		size_t got = 0;
		for (r = transceive(t, BYTES_OF(get)); r.sw != SW_OK; r = transceive(t, BYTES_OF(more))) {
			size_t left = FW_OBJECT_MAX - got - r.data.len;
			assert_int_equal(r.sw, 0x6100 | (left > 0xFF ? 0 : left));
			assert_int_equal(r.data.len, sizes[i]);
			memcpy(out + got, r.data.data, r.data.len);
			got += r.data.len;
		}
		memcpy(out + got, r.data.data, r.data.len);
		assert_int_equal(got + r.data.len, FW_OBJECT_MAX);
		assert_memory_equal(out, whole, FW_OBJECT_MAX);
	}
	ramtoken_free(t);
}

static void a_chain_is_one_command_on_one_channel(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire(t, "0070000001", SW_OK);
	/* PUT DATA 0200 in two; the chain begins, and another command comes. */
	static const char *const others[] = {"0084000008", "10DB3FFE0100", "10DB3EFF0100", "10CB3FFF0100",
		"90DB3FFF0100", "11DB3FFF0100", "00C0000000"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		wire(t, "10DB3FFF04 5C020200", SW_OK);
		wire(t, others[i], SW_LAST_OF_CHAIN_EXPECTED);
		/* It is dropped: what was the second half is no command by itself now. */
		wire(t, "00DB3FFF05 5303700141", SW_WRONG_DATA);
	}
	wire_get(t, 0x0200, SW_NOT_FOUND);
	/* So does one that is no command, or on no channel. */
	wire(t, "10DB3FFF04 5C020200", SW_OK);
	wire(t, "00DB", SW_WRONG_LENGTH);
	wire(t, "00DB3FFF05 5303700141", SW_WRONG_DATA);
	wire(t, "10DB3FFF04 5C020200", SW_OK);
	wire(t, "02DB3FFF05 5303700141", SW_CHANNEL_NOT_SUPPORTED);
	wire(t, "00DB3FFF05 5303700141", SW_WRONG_DATA);
	/* And undisturbed it works, empty segments and extended ones among them. */
	wire(t, "10DB3FFF04 5C020200", SW_OK);
	wire(t, "10DB3FFF", SW_OK);
	wire(t, "10DB3FFF000002 5303", SW_OK);
	wire(t, "00DB3FFF03 700141", SW_OK);
	assert_int_equal(wire_get(t, 0x0200, SW_OK).len, 1);
	/* A chain with a PIN in it ends with the power. */
	wire(t, "1020008103313233", SW_OK);
	ramtoken_power_cycle(t);
	wire(t, "0020008103343536", SW_WRONG_DATA);
	wire(t, "1020008103313233", SW_OK);
	wire(t, "0020008103343536", SW_OK);
	ramtoken_free(t);
}

static void a_command_longer_than_max_is_refused(void **state)
{
	static uint8_t data[FW_COMMAND_DATA_MAX + 1];
	struct ramtoken *t = operational();
	struct rapdu r;

	(void)state;
	wire_apdu(t, 0, 0xDB, 0x3F, 0xFF, BYTES(data, FW_COMMAND_DATA_MAX + 1), 0, SW_WRONG_LENGTH);
	wire_apdu(t, 0, 0xDB, 0x3F, 0xFF, BYTES(data, FW_COMMAND_DATA_MAX), 0, SW_WRONG_DATA);
	r = chain(t, 0x00, 0xDB, BYTES(data, FW_COMMAND_DATA_MAX + 1), 255, 0);
	assert_int_equal(r.sw, SW_WRONG_LENGTH);
	r = chain(t, 0x00, 0xDB, BYTES(data, FW_COMMAND_DATA_MAX), 255, 0);
	assert_int_equal(r.sw, SW_WRONG_DATA);
	/* What a link may never hand over. */
	uint8_t *huge = calloc(1, FW_COMMAND_MAX + 1);
	assert_non_null(huge);
	wire_send(t, BYTES(huge, FW_COMMAND_MAX + 1), SW_WRONG_LENGTH);
	free(huge);
	ramtoken_free(t);
}

static void an_answer_waits_for_get_response_only(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_put(t, 0x0200, wire_certificate(1000, 1), SW_OK);
	wire(t, "0070000001", SW_OK);
	/* Extended: whole. Short: piece by piece; extended GET RESPONSE takes all the rest. */
	assert_int_equal(wire(t, "00CB3FFF0000045C0202000000", SW_OK).len, 1000);
	assert_int_equal(wire(t, "00CB3FFF0000045C020200", SW_OK).len, 1000);
	assert_int_equal(wire(t, "00CB3FFF045C0202000A", 0x6100).len, 10);
	assert_int_equal(wire(t, "00C00000000000", SW_OK).len, 990);
	wire(t, "00C0000000", SW_CONDITIONS);
	/* Without Le nothing comes at once. */
	assert_int_equal(wire(t, "00CB3FFF045C020200", 0x6100).len, 0);
	assert_int_equal(wire(t, "00C00000", 0x6100).len, 256);
	assert_int_equal(wire(t, "00C0000000", 0x6100).len, 256);
	assert_int_equal(wire(t, "00C00000FF", 0x61E9).len, 255);
	assert_int_equal(wire(t, "00C0000001", 0x61E8).len, 1);
	assert_int_equal(wire(t, "00C0000000", SW_OK).len, 232);
	wire(t, "00C0000000", SW_CONDITIONS);
	/* Another command, one in error, and another channel discard it. */
	static const char *const others[] = {"00200081", "00FE0000", "00C0", "01C0000000", "00C0010000"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct bytes command = wire_hex(others[i]);
		wire(t, "00CB3FFF045C02020000", 0x6100);
		transceive(t, command);
		wire(t, "00C0000000", SW_CONDITIONS);
	}
	/* On its own channel it is fetched. */
	wire(t, "01CB3FFF045C02020000", 0x6100);
	wire(t, "01C0000000", 0x6100);
	ramtoken_free(t);
}

/* The first segment of a chain is answered at once, but by nothing: not with what another channel left behind. */
static void no_chain_fetches_an_answer(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_put(t, 0x0301, wire_data_object(600, 1, 7), SW_OK); /* private */
	wire(t, "0070000001", SW_OK);
	static const char *const others[] = {
		"10C0000000", "10C00000", "11C0000000", "11C00000", "11C00000000000", "91C0000000", "11C0123400"};
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		assert_int_equal(wire(t, "00CB3FFF045C020301", 0x6100).len, 0);
		assert_int_equal(wire(t, others[i], SW_OK).len, 0);
		transceive(t, wire_hex("00FE0000")); /* ends the chain */
		wire(t, "00C0000000", SW_CONDITIONS);
	}
	/* And a chain that ends as a GET RESPONSE has nothing left to fetch. */
	wire(t, "00CB3FFF045C020301", 0x6100);
	wire(t, "10C0000000", SW_OK);
	wire(t, "00C0000000", SW_CONDITIONS);
	ramtoken_free(t);
}

static void le_of_a_challenge(void **state)
{
	(void)state;
	struct ramtoken *t = ramtoken_new(NULL);
	assert_int_equal(wire(t, "0084000001", SW_OK).len, 1);
	assert_int_equal(wire(t, "0084000000", SW_OK).len, 256);
	assert_int_equal(wire(t, "00840000000000", SW_OK).len, FW_ANSWER_DATA_MAX);
	assert_int_equal(wire(t, "00840000001234", SW_OK).len, 0x1234);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_largest_certificate_goes_in_and_out_in_pieces),
		cmocka_unit_test(a_chain_is_one_command_on_one_channel),
		cmocka_unit_test(a_command_longer_than_max_is_refused),
		cmocka_unit_test(an_answer_waits_for_get_response_only),
		cmocka_unit_test(no_chain_fetches_an_answer),
		cmocka_unit_test(le_of_a_challenge),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
