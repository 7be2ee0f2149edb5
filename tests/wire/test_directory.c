/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory (protocol 2.2): its digest in the token information is always that of the octets, the generation goes
 * on with each change and with nothing else, and the order of its entries is that of their numbers.
 */
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/wire.h"

static struct ramtoken *operational(void)
{
	struct ramtoken *t = ramtoken_new(NULL);
	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	return t;
}

/* Length of the directory, once its digest is right in three ways: cached, and after a power cycle. */
static size_t directory(struct ramtoken *t)
{
	uint8_t digest[32];

	struct bytes d = wire_get(t, 0x0002, SW_OK);
	size_t len = d.len;
	SHA256(d.data ? d.data : (const uint8_t *)"", d.len, digest);
	assert_memory_equal(wire_info(t, 0x89).data, digest, 32);
	uint8_t *image = ramtoken_snapshot(t);
	const struct ramtoken_options o = {.image = image};
	struct ramtoken *other = ramtoken_new(&o);
	assert_memory_equal(wire_info(other, 0x89).data, digest, 32);
	ramtoken_free(other);
	free(image);
	return len;
}

static void the_digest_and_generation_follow_every_change(void **state)
{
	static const struct {
		const char *apdu;
		int step; /* of the generation */
	} commands[] = {
		{"0047110006 AC0483020001 00",                                  1 },
		{"0047110106 AC0483020005 00",                                  1 },
		{"0047110006 AC0483020001 00",                                  -1},
		{"00DB3FFF09 5C020100 5303700141",                              1 },
		{"00DB3FFF0C 5C020100 5306700142820131",                        1 },
		{"00DB3FFF09 5C020400 5303880132",                              1 },
		{"00DB3FFF09 5C020400 5303810132",                              1 },
		{"00DB3FFF09 5C020600 5303810132",                              1 },
		{"00DB3FFF09 5C020210 5303700141",                              1 },
		{"00DB3FFF09 5C020205 5303700141",                              1 },
		{"00DB3FFF0B 5C020309 5305840100 8500",                         1 },
		{"00DB3FFF0B 5C020303 5305840101 8500",                         1 },
		{"00DB3FFF0B 5C020303 5305840102 8500",                         -1},
		{"0020008106 313233343536",                                     0 },
		{"0020008106 363636363636",                                     -1},
		{"0020008106 313233343536",                                     0 },
		{"0024008110 8006313233343536 8106363636363636",                0 },
		{"002C008112 80083837363534333231 8106313233343536",            0 },
		{"008711000A 7C08820081040102030400",                           0 },
		{"0084000008",						  0 },
		{"00DB3FFF06 5C020205 5300",                                    1 },
		{"00DB3FFF06 5C020303 5300",                                    1 },
		{"80E40000",						    1 },
		{"80E40100",						    1 },
		{"00200082083837363534333231",                                  0 },
		{"00DB3FFF09 5C020700 5303830141",                              1 },
		{"80E0000017 800141 81083837363534333231 82083837363534333231", 1 },
		{"00200082083837363534333231",                                  0 },
		{"80EE0000",						    1 },
	};
	struct ramtoken *t = operational();
	uint32_t generation = wire_generation(t);

	(void)state;
	assert_int_equal(generation, 1);
	assert_int_equal(directory(t), 0);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		struct rapdu r;
		assert_true(rapdu_parse(ramtoken_transceive(t, wire_hex(commands[i].apdu)), &r));
		if ((r.sw == SW_OK) != (commands[i].step >= 0))
			fail_msg("%s: %04X", commands[i].apdu, r.sw);
		generation += commands[i].step > 0 ? 1 : 0;
		assert_int_equal(wire_generation(t), generation);
		directory(t);
	}
	ramtoken_free(t);
}

/* A change that fails right after power-on, before anybody asked for the digest. */
static void a_failed_change_leaves_the_digest(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_put(t, 0x0200, wire_certificate(100, 1), SW_OK);
	ramtoken_power_cycle(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	t->hal.fail_at = 1;
	wire_put(t, 0x0201, wire_certificate(100, 1), SW_MEMORY_FAILURE);
	directory(t);
	ramtoken_free(t);
}

static void entries_stand_in_the_order_of_their_numbers(void **state)
{
	static const uint8_t keys[] = {63, 0, 7, 6, 40}, numbers[] = {31, 0, 12}, data[] = {63, 1, 30};
	static const uint16_t order[] = {
		0xE000, 0xE003, 0xE014, 0xE01F, 0xE100, 0xE10C, 0xE11F, 0xE201, 0xE21E, 0xE23F};
	struct ramtoken *t = operational();
	uint32_t tag;
	struct bytes value;
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(keys); i++)
		wire_generate(t, 0x11, keys[i], 1, SW_OK);
	for (size_t i = 0; i < 3; i++) {
		wire_put(t, (uint16_t)(0x0200 | numbers[i]), wire_certificate(9, 1), SW_OK);
		wire_put(t, (uint16_t)(0x0300 | data[i]), wire_data_object(9, 1, 1), SW_OK);
	}
	struct cursor c = cursor_of(wire_get(t, 0x0002, SW_OK));
	for (; tlv_next(&c, &tag, &value); n++) {
		assert_true(n < sizeof(order) / sizeof(order[0]));
		assert_int_equal(tag << 8 | value.data[2], order[n]);
	}
	assert_true(cursor_done(&c));
	assert_int_equal(n, sizeof(order) / sizeof(order[0]));
	ramtoken_free(t);
}

/* Of a private data object nothing but its length is public, whoever asks: the digest is the same for all. */
static void a_private_object_shows_its_length_only(void **state)
{
	(void)state;
	struct ramtoken *t = operational();
	wire_put(t, 0x0300, wire_data_object(77, 1, 1), SW_OK);
	struct bytes d = wire_get(t, 0x0002, SW_OK);
	assert_true(bytes_equal(d, wire_hex("E20A 800100 840101 8502004D")));
	wire(t, "0020FF81", SW_OK);
	d = wire_get(t, 0x0002, SW_OK);
	assert_true(bytes_equal(d, wire_hex("E20A 800100 840101 8502004D")));
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_digest_and_generation_follow_every_change),
		cmocka_unit_test(a_failed_change_leaves_the_digest),
		cmocka_unit_test(entries_stand_in_the_order_of_their_numbers),
		cmocka_unit_test(a_private_object_shows_its_length_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
