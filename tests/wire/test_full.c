/* SPDX-License-Identifier: Apache-2.0 */
/* A full token (protocol 1.7, 3): 6A84 leaves everything as it was, what is deleted makes room, all limits are reached.
 */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/wire.h"

static struct ramtoken *operational(uint32_t flash)
{
	const struct ramtoken_options o = {.flash_size = flash, .sector = 2048};
	struct ramtoken *t = ramtoken_new(&o);

	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	return t;
}

static uint32_t free_bytes(struct ramtoken *t)
{
	struct cursor c = cursor_of(wire_info(t, 0x8B));
	return cursor_u32(&c);
}

static void put_data(struct ramtoken *t, uint8_t n, size_t len, uint16_t sw)
{
	wire_put(t, (uint16_t)(0x0300 | n), wire_data_object(len, n & 1, n), sw);
}

static void data_is(struct ramtoken *t, uint8_t n, size_t len)
{
	struct bytes got = wire_get(t, (uint16_t)(0x0300 | n), SW_OK);
	assert_true(got.len > len);
	for (size_t i = 0; i < len; i++)
		if (got.data[got.len - len + i] != (uint8_t)(n + 7 * i))
			fail_msg("data object %d is damaged at %zu", n, i);
}

static void nothing_is_lost_when_it_is_full(void **state)
{
	struct ramtoken *t = operational(64 * 1024);
	uint8_t n = 0;

	(void)state;
	while (free_bytes(t) > 1200)
		put_data(t, n++, 1000, SW_OK);
	assert_in_range(n, 20, 28);
	uint32_t generation = wire_generation(t), left = free_bytes(t);
	uint8_t *directory = malloc(60000);
	struct bytes d = wire_get(t, 0x0002, SW_OK);
	size_t directory_len = d.len;
	memcpy(directory, d.data, d.len);
	/* What does not fit changes nothing, again and again, whatever it is. */
	for (int i = 0; i < 20; i++) {
		put_data(t, 60, 1200, SW_FULL);
		put_data(t, 3, 2500, SW_FULL);
		wire_put(t, 0x0200, wire_certificate(1200, 1), SW_FULL);
		wire_generate(t, 0x07, 0, 1, SW_FULL);
	}
	assert_int_equal(wire_generation(t), generation);
	assert_int_equal(free_bytes(t), left);
	d = wire_get(t, 0x0002, SW_OK);
	assert_true(bytes_equal(d, BYTES(directory, directory_len)));
	/* A full token still counts tries, changes PINs, and replaces what is no longer. */
	for (int i = 0; i < 200; i++) {
		wire_verify(t, 0x81, "wrong PIN", 0x63C5);
		wire_verify(t, 0x81, USER_PIN, SW_OK);
	}
	wire(t, "0024008110 8006313233343536 8106363636363636", SW_OK);
	wire(t, "0024008110 8006363636363636 8106313233343536", SW_OK);
	for (uint8_t i = 0; i < n; i++)
		put_data(t, i, 1000, SW_OK);
	ramtoken_power_cycle(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	for (uint8_t i = 0; i < n; i++)
		data_is(t, i, 1000);
	/* Deleting makes room, and it is as much as before. */
	for (uint8_t i = 0; i < n; i++)
		wire_put(t, (uint16_t)(0x0300 | i), BYTES_NONE, SW_OK);
	put_data(t, 60, FW_OBJECT_MAX, SW_OK);
	data_is(t, 60, FW_OBJECT_MAX);
	free(directory);
	ramtoken_free(t);
}

/* What a holder must be able to do with a full token: log in, have the PIN reset, delete. */
static void a_full_token_is_unlocked_and_emptied(void **state)
{
	struct ramtoken *t = operational(64 * 1024);
	uint8_t n = 0;

	(void)state;
	wire_generate(t, 0x11, 0, 1, SW_OK);
	while (free_bytes(t) > 1200)
		put_data(t, n++, 1000, SW_OK);
	for (int i = 5; i >= 0; i--)
		wire_verify(t, 0x81, "wrong PIN", (uint16_t)(0x63C0 | i));
	for (int i = 0; i < 200; i++)
		wire(t, "002C008112 80083837363534333231 8106363636363636", SW_OK);
	wire_verify(t, 0x81, "666666", SW_OK);
	wire(t, "80E40000", SW_OK);
	put_data(t, 0, 1000, SW_OK);
	ramtoken_free(t);
}

/* The first user PIN needs room. Without it the SO PIN was right all the same, and costs no try. */
static void no_room_for_a_pin_costs_no_try(void **state)
{
	const struct ramtoken_options o = {.flash_size = 64 * 1024, .sector = 2048};
	struct ramtoken *t = ramtoken_new(&o);
	uint16_t object = 0x0200;

	(void)state;
	wire(t, "80E000000D 800141 81083837363534333231", SW_OK); /* initialised: no user PIN */
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	while (free_bytes(t) > 2200)
		wire_put(t, object++, wire_certificate(1000, 1), SW_OK);
	wire_put(t, object, wire_certificate(free_bytes(t) - 100, 1), SW_OK);
	assert_in_range(free_bytes(t), 0, 59);
	for (int i = 0; i < 12; i++)
		wire(t, "002C008112 80083837363534333231 8106363636363636", SW_FULL);
	assert_int_equal(wire_info(t, 0x86).data[0], 10);
	wire(t, "002C02810881 06363636363636", SW_FULL);
	wire_put(t, object, BYTES_NONE, SW_OK);
	wire(t, "002C008112 80083837363534333231 8106363636363636", SW_OK);
	wire_verify(t, 0x81, "666666", SW_OK);
	ramtoken_free(t);
}

static void objects_of_the_largest_size_and_no_larger(void **state)
{
	struct ramtoken *t = operational(1 << 20);

	(void)state;
	wire_generate(t, 0x11, 0, 1, SW_OK);
	static const uint16_t objects[] = {0x0100, 0x0200};
	for (size_t i = 0; i < 2; i++) {
		wire_put(t, objects[i], wire_certificate(FW_OBJECT_MAX, 1), SW_OK);
		assert_int_equal(wire_get(t, objects[i], SW_OK).len, FW_OBJECT_MAX);
		wire_put(t, objects[i], wire_certificate(FW_OBJECT_MAX + 1, 2), SW_WRONG_LENGTH);
		assert_int_equal(wire_get(t, objects[i], SW_OK).len, FW_OBJECT_MAX);
	}
	put_data(t, 0, FW_OBJECT_MAX, SW_OK);
	put_data(t, 0, FW_OBJECT_MAX + 1, SW_WRONG_LENGTH);
	data_is(t, 0, FW_OBJECT_MAX);
	put_data(t, 0, 0, SW_OK);
	data_is(t, 0, 0);
	/* Longest labels and identifiers, and one byte more. */
	uint8_t text[65];
	uint8_t raw[300];
	memset(text, 'x', sizeof(text));
	for (size_t more = 0; more < 2; more++) {
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put(&b, 0x70, BYTES(text, 1));
		tlv_put(&b, 0x81, BYTES(text, 32 + more));
		tlv_put(&b, 0x82, BYTES(text, 64));
		wire_put(t, 0x0201, builder_bytes(&b), more ? SW_WRONG_DATA : SW_OK);
		b = builder_of(raw, sizeof(raw));
		tlv_put(&b, 0x81, BYTES(text, 64 + more));
		wire_put(t, 0x0600, builder_bytes(&b), more ? SW_WRONG_DATA : SW_OK);
	}
	ramtoken_free(t);
}

/* 32 containers with both pairs, a certificate each, 32 other certificates, 64 data objects: all there is room for. */
static void every_object_at_once(void **state)
{
	struct ramtoken *t = operational(2 << 20);

	(void)state;
	for (uint8_t key = 0; key < FW_KEYS; key++) {
		wire_generate(t, 0x11, key, 5, SW_OK);
		wire_put(t, (uint16_t)(0x0100 | key), wire_certificate(1500, key), SW_OK);
	}
	wire_generate(t, 0x11, FW_KEYS, 5, SW_REFERENCE_NOT_FOUND);
	for (uint8_t n = 0; n < FW_CERTIFICATES; n++)
		wire_put(t, (uint16_t)(0x0200 | n), wire_certificate(1500, n), SW_OK);
	wire_put(t, 0x0200 | FW_CERTIFICATES, wire_certificate(1500, 0), SW_NOT_FOUND);
	for (uint8_t n = 0; n < FW_DATA_OBJECTS; n++)
		put_data(t, n, 100, SW_OK);
	wire_put(t, 0x0300 | FW_DATA_OBJECTS, wire_data_object(1, 0, 0), SW_NOT_FOUND);
	ramtoken_power_cycle(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	for (uint8_t key = 0; key < FW_KEYS; key++) {
		struct bytes cert = wire_get(t, (uint16_t)(0x0100 | key), SW_OK);
		assert_int_equal(cert.len, 1500);
		assert_int_equal(cert.data[0], key);
		wire_apdu(t, 0, 0x87, 0x11, key, wire_hex("7C04 81021234"), APDU_LE_MAX, SW_OK);
	}
	for (uint8_t n = 0; n < FW_DATA_OBJECTS; n++)
		data_is(t, n, 100);
	ramtoken_free(t);
}

/* RSA-4096 pairs with the longest texts: the directory's limit is met before the last one, and says so. */
static void the_directory_has_a_limit(void **state)
{
	struct ramtoken *t = operational(2 << 20);
	uint8_t raw[300], text[64];
	uint8_t key = 0;

	(void)state;
	memset(text, 'y', sizeof(text));
	for (; key < FW_KEYS; key++) {
		struct builder b = builder_of(raw, sizeof(raw));
		size_t body = tlv_begin(&b, 0xAC);
		tlv_put(&b, 0x81, BYTES(text, 32));
		tlv_put(&b, 0x82, BYTES(text, 64));
		tlv_put_u16(&b, 0x83, 3);
		if (key % 2 == 0)
			tlv_put(&b, 0x8A, BYTES(text, 64));
		tlv_end(&b, body);
		uint16_t sw = wire_any(t, 0, 0x47, 0x16, key, builder_bytes(&b), APDU_LE_MAX, NULL);
		if (sw == SW_FULL)
			break;
		assert_int_equal(sw, SW_OK);
		b = builder_of(raw, sizeof(raw));
		tlv_put(&b, 0x70, BYTES(text, 1));
		tlv_put(&b, 0x82, BYTES(text, 64));
		uint8_t whole[400];
		struct builder w = builder_of(whole, sizeof(whole));
		tlv_put_u16(&w, 0x5C, (uint16_t)(0x0100 | key));
		tlv_put(&w, 0x53, builder_bytes(&b));
		sw = wire_any(t, 0, 0xDB, 0x3F, 0xFF, builder_bytes(&w), 0, NULL);
		if (sw == SW_FULL)
			break;
		assert_int_equal(sw, SW_OK);
	}
	assert_in_range(key, 50, FW_KEYS - 1);
	struct bytes directory = wire_get(t, 0x0002, SW_OK);
	assert_in_range(directory.len, FW_ANSWER_DATA_MAX - 1000, FW_ANSWER_DATA_MAX);
	/* And what fits still does. */
	wire(t, "00DB3FFF09 5C020600 5303810141", SW_OK);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_lost_when_it_is_full),
		cmocka_unit_test(a_full_token_is_unlocked_and_emptied),
		cmocka_unit_test(no_room_for_a_pin_costs_no_try),
		cmocka_unit_test(objects_of_the_largest_size_and_no_larger),
		cmocka_unit_test(every_object_at_once),
		cmocka_unit_test(the_directory_has_a_limit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
