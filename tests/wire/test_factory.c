/* SPDX-License-Identifier: Apache-2.0 */
/* The factory (protocol 7): once for each token, and for ever. Power cuts are tests/faults/test_powercut.c's. */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/factory.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define KEYS  "80F00000 00"
#define GIVEN (FW_GAVE_DEVICE_KEY | FW_GAVE_ATTESTATION_KEY | FW_GAVE_UNLOCK_KEY)

static struct bytes close_data(struct ramtoken *t, struct personal *p, bool unlock)
{
	static uint8_t raw[64 + 2 * PERSONAL_CHAIN_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	uint8_t point[2][PERSONAL_POINT_SIZE];
	struct bytes keys = wire(t, KEYS, SW_OK), value;
	struct cursor c = cursor_of(keys);

	for (uint32_t i = 0; i < 2; i++) {
		value = tlv_take(&c, 0x80 + i);
		assert_int_equal(value.len, PERSONAL_POINT_SIZE);
		bytes_copy(point[i], value);
	}
	assert_true(cursor_done(&c));
	personal_certify(t, NULL, point[0], point[1], p);
	personal_put_close(&b, p, unlock);
	return builder_bytes(&b);
}

static uint16_t close_factory(struct ramtoken *t, struct bytes data)
{
	return wire_any(t, 0x80, 0xF2, 0, 0, data, 0, NULL);
}

static void assert_given(struct ramtoken *t, const struct personal *p)
{
	assert_int_equal(wire_info(t, 0x91).data[0], GIVEN);
	struct bytes chain = wire_get(t, 0x0003, SW_OK);
	assert_true(bytes_equal(chain, BYTES(p->device_chain, p->device_chain_len)));
	chain = wire_get(t, 0x0004, SW_OK);
	assert_true(bytes_equal(chain, BYTES(p->attestation_chain, p->attestation_chain_len)));
	assert_true(bytes_equal(wire_info(t, 0x87), wire_hex("0A0A01")));
	struct fw_unlock_key key;
	assert_true(fw_factory_unlock_key(t->fw, &key));
	assert_int_equal(key.version, PERSONAL_UNLOCK_VERSION);
	assert_memory_equal(key.key, p->unlock_key, sizeof(key.key));
}

static void a_token_as_made_was_given_nothing(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct fw_unlock_key key;

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wire_info(t, 0x91).data[0], 0);
		assert_true(bytes_equal(wire_info(t, 0x87), wire_hex("000000")));
		assert_true(bytes_equal(wire_info(t, 0x8A), wire_hex("0620000000")));
		wire_get(t, 0x0003, SW_NOT_FOUND);
		wire_get(t, 0x0004, SW_NOT_FOUND);
		assert_false(fw_factory_unlock_key(t->fw, &key));
		wire(t, "80F2000001 00", SW_WRONG_DATA);
		wire(t, KEYS, SW_OK); /* keys alone are nothing that was given */
	}
	ramtoken_free(t);
}

static void closing_needs_keys_and_all_that_belongs_to_it(void **state)
{
	static const struct {
		const char *data;
		uint16_t sw;
	} bad[] = {
		{"A00130 A10130",					      SW_CONDITIONS}, /* no keys */
		{"A00130",						     SW_WRONG_DATA},
		{"A000 A10130",						SW_WRONG_DATA},
		{"A00130 A10130 8210 000102030405060708090A0B0C0D0E0F",        SW_WRONG_DATA}, /* half a key */
		{"A00130 A10130 830101",                                       SW_WRONG_DATA},
		{"A00130 A10130 8210 000102030405060708090A0B0C0D0E0F 830100", SW_WRONG_DATA},
		{"A00130 A10130 820F 000102030405060708090A0B0C0D0E 830101",   SW_WRONG_DATA},
		{"A00130 A10130 8401FF",                                       SW_WRONG_DATA},
	};
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bytes data = wire_hex(bad[i].data);
		assert_int_equal(close_factory(t, data), bad[i].sw);
		if (i == 0)
			wire(t, KEYS, SW_OK);
	}
	static uint8_t raw[8 + FW_FACTORY_CHAIN_MAX + 1];
	static const uint8_t chain[FW_FACTORY_CHAIN_MAX + 1];
	struct builder b = builder_of(raw, sizeof(raw));
	tlv_put(&b, 0xA0, BYTES_OF(chain));
	assert_int_equal(close_factory(t, builder_bytes(&b)), SW_WRONG_DATA);
	assert_int_equal(wire_info(t, 0x91).data[0], 0);
	assert_int_equal(close_factory(t, wire_hex("A00130 A10130")), SW_OK);
	ramtoken_free(t);
}

static void the_longest_chains_fit(void **state)
{
	static uint8_t raw[64 + 2 * FW_FACTORY_CHAIN_MAX];
	static uint8_t chain[FW_FACTORY_CHAIN_MAX];
	struct ramtoken *t = ramtoken_new(NULL);
	struct builder b = builder_of(raw, sizeof(raw));

	(void)state;
	memset(chain, 0x5A, sizeof(chain));
	wire(t, KEYS, SW_OK);
	tlv_put(&b, 0xA0, BYTES_OF(chain));
	tlv_put(&b, 0xA1, BYTES_OF(chain));
	assert_int_equal(close_factory(t, builder_bytes(&b)), SW_OK);
	assert_true(bytes_equal(wire_get(t, 0x0003, SW_OK), BYTES_OF(chain)));
	ramtoken_free(t);
}

static void the_factory_closes_once_and_nothing_opens_it(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct personal p;
	struct bytes data = close_data(t, &p, true);

	(void)state;
	assert_int_equal(close_factory(t, data), SW_OK);
	assert_given(t, &p);
	for (int i = 0; i < 2; i++) {
		wire(t, KEYS, SW_CONDITIONS);
		assert_int_equal(close_factory(t, data), SW_CONDITIONS);
		ramtoken_power_cycle(t);
	}
	assert_given(t, &p);
	ramtoken_free(t);
}

/* INITIALIZE and FACTORY RESET erase all but what the factory gave. */
static void what_was_given_survives_every_reset(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct scp_session s;
	struct personal p;

	(void)state;
	personal_make(t, NULL, &p);
	for (int life = 0; life < 3; life++) {
		struct bytes setup = wire_hex("800141 81083837363534333231 82083837363534333231");
		assert_int_equal(personal_initialize(t, setup), SW_OK);
		assert_given(t, &p);
		assert_int_equal(personal_initialize(t, setup), SW_OK); /* over what is there */
		ramtoken_power_cycle(t);
		assert_given(t, &p);
		personal_open(t, 0, p.device_point, &s);
		struct apdu verify = {.ins = 0x20, .p2 = 0x82, .data = wire_string(SO_PIN)},
			    reset = {.cla = 0x80, .ins = 0xEE};
		assert_int_equal(personal_send(t, 0, &s, &verify, NULL), SW_OK);
		assert_int_equal(personal_send(t, 0, &s, &reset, NULL), SW_OK);
		assert_given(t, &p);
		assert_int_equal(wire_info(t, 0x84).data[0], FW_BLANK);
		wire(t, KEYS, SW_CONDITIONS);
		wire(t, "80F2000006 A00130 A10130", SW_CONDITIONS);
	}
	ramtoken_free(t);
}

/* The keys of the last FACTORY KEYS are the ones; a repeated one replaces both. */
static void keys_may_be_made_again_before_the_end(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct personal p;

	(void)state;
	t->hal.fresh_keys = true;
	struct bytes first = wire(t, KEYS, SW_OK);
	assert_int_equal(first.len, 2 * (2 + PERSONAL_POINT_SIZE));
	uint8_t old[2 * (2 + PERSONAL_POINT_SIZE)];
	bytes_copy(old, first);
	ramtoken_power_cycle(t);
	struct bytes data = close_data(t, &p, true);
	assert_memory_not_equal(old + 2, p.device_point, PERSONAL_POINT_SIZE);
	assert_memory_not_equal(old + 4 + PERSONAL_POINT_SIZE, p.attestation_point, PERSONAL_POINT_SIZE);
	assert_memory_not_equal(p.device_point, p.attestation_point, PERSONAL_POINT_SIZE);
	assert_int_equal(close_factory(t, data), SW_OK);
	assert_given(t, &p);
	ramtoken_free(t);
}

static void keys_that_cannot_be_made_change_nothing(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	t->hal.no_keys = true;
	wire(t, KEYS, SW_NVM_UNCHANGED);
	assert_int_equal(close_factory(t, wire_hex("A00130 A10130")), SW_CONDITIONS);
	ramtoken_free(t);
}

static void an_initialised_token_is_out_of_the_factory(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire_initialize(t);
	wire(t, KEYS, SW_CONDITIONS);
	wire(t, "80F2000006 A00130 A10130", SW_CONDITIONS);
	ramtoken_free(t);
}

static void a_token_may_have_no_unlock_key(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	struct personal p;
	struct fw_unlock_key key;

	(void)state;
	personal_make(t, &(struct personal_options){.no_unlock_key = true}, &p);
	assert_int_equal(wire_info(t, 0x91).data[0], FW_GAVE_DEVICE_KEY | FW_GAVE_ATTESTATION_KEY);
	assert_true(bytes_equal(wire_info(t, 0x87), wire_hex("000000")));
	assert_false(fw_factory_unlock_key(t->fw, &key));
	wire(t, KEYS, SW_CONDITIONS);
	ramtoken_free(t);
}

/* Of an old token's counters there are two: the file of an emulator of before, whose token was never personalised. */
static void counters_of_an_old_token_are_read(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);
	static const uint8_t old[2] = {5, 9};
	const struct fw_change shorter = {.object = FW_OBJECT_TRIES, .part = {BYTES_OF(old)}};

	(void)state;
	wire_initialize(t);
	assert_int_equal(fw_journal_commit(t->fw, &shorter, 1), FW_JOURNAL_OK);
	ramtoken_power_cycle(t);
	assert_int_equal(wire_info(t, 0x84).data[0], FW_OPERATIONAL);
	assert_true(bytes_equal(wire_info(t, 0x85), wire_hex("050601")));
	assert_true(bytes_equal(wire_info(t, 0x86), wire_hex("090A01")));
	wire_verify(t, 0x81, "no such PIN", SW_TRIES_LEFT | 4);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	assert_true(bytes_equal(wire_info(t, 0x85), wire_hex("040601")));
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_as_made_was_given_nothing),
		cmocka_unit_test(closing_needs_keys_and_all_that_belongs_to_it),
		cmocka_unit_test(the_longest_chains_fit),
		cmocka_unit_test(the_factory_closes_once_and_nothing_opens_it),
		cmocka_unit_test(what_was_given_survives_every_reset),
		cmocka_unit_test(keys_may_be_made_again_before_the_end),
		cmocka_unit_test(keys_that_cannot_be_made_change_nothing),
		cmocka_unit_test(an_initialised_token_is_out_of_the_factory),
		cmocka_unit_test(a_token_may_have_no_unlock_key),
		cmocka_unit_test(counters_of_an_old_token_are_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
