/* SPDX-License-Identifier: Apache-2.0 */
/* What the journal makes of a flash that is not as it left it. Power cuts are tests/faults/test_powercut.c's. */
#include <stdlib.h>
#include <string.h>

#include "firmware-emu/core/journal.h"
#include "firmware-emu/core/state.h"
#include "tests/wire/wire.h"

#define FLASH (64 * 1024)
#define BANK  (FLASH / 2)

static struct ramtoken *small(const uint8_t *image)
{
	const struct ramtoken_options o = {.flash_size = FLASH, .sector = 2048, .image = image};
	return ramtoken_new(&o);
}

static uint8_t life(struct ramtoken *t)
{
	return wire_info(t, 0x84).data[0];
}

/* A snapshot was whole before its header was written: damage in it is no torn write, and the PIN counters are not safe.
 */
static void a_damaged_snapshot_ends_the_token_and_is_not_written_over(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	uint8_t *image = ramtoken_snapshot(t);
	for (size_t at = 16; at < 200; at += 11) {
		image[at] ^= 0x10;
		ramtoken_restore(t, image);
		assert_int_equal(life(t), FW_TERMINATED);
		unsigned long operations = t->hal.writes + t->hal.erases;
		wire_verify(t, 0x81, USER_PIN, SW_CONDITIONS);
		wire(t, "80E000000D 800141 81083837363534333231", SW_CONDITIONS);
		assert_int_equal(t->hal.writes + t->hal.erases, operations);
		image[at] ^= 0x10;
	}
	ramtoken_restore(t, image);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	free(image);
	ramtoken_free(t);
}

static void a_flash_that_cannot_be_read_is_not_a_blank_token(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	t->hal.fail_reads = true;
	ramtoken_power_cycle(t);
	assert_int_equal(life(t), FW_TERMINATED);
	t->hal.fail_reads = false;
	assert_int_equal(life(t), FW_TERMINATED);
	ramtoken_power_cycle(t);
	assert_int_equal(life(t), FW_OPERATIONAL);
	ramtoken_free(t);
}

/* No header was ever written: whatever the factory left there, the token is blank and works. */
static void rubbish_without_a_header_is_a_blank_token(void **state)
{
	static uint8_t image[FLASH];

	(void)state;
	for (size_t i = 0; i < FLASH; i++)
		image[i] = (uint8_t)(i * 31 + 7);
	struct ramtoken *t = small(image);
	assert_int_equal(life(t), FW_BLANK);
	wire_initialize(t);
	ramtoken_power_cycle(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	ramtoken_free(t);
}

static void the_newer_bank_counts_and_a_damaged_header_does_not(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	while (t->hal.erases < 2 * BANK / 2048) /* until the bank has changed */
		wire_put(t, 0x0200, wire_certificate(5000, 1), SW_OK);
	wire_put(t, 0x0200, wire_certificate(100, 2), SW_OK);
	ramtoken_power_cycle(t);
	assert_int_equal(wire_get(t, 0x0200, SW_OK).len, 100);
	/* Both headers are there. Without the newer one the older bank is the token: whole, and as it was. */
	uint8_t *image = ramtoken_snapshot(t);
	assert_memory_equal(image, "UKEY", 4);
	assert_memory_equal(image + BANK, "UKEY", 4);
	image[BANK + 9] ^= 1;
	ramtoken_restore(t, image);
	assert_int_equal(wire_get(t, 0x0200, SW_OK).len, 5000);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	free(image);
	ramtoken_free(t);
}

/* An object that this firmware does not know was written by another one: it would be lost by the next reorganisation.
 */
static void an_unknown_object_is_not_thrown_away(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	const struct fw_change change = {
		.object = 0x7700, .part = {wire_string("future"), BYTES_NONE}
        };
	(void)fw_journal_commit(t->fw, &change, 1);
	ramtoken_power_cycle(t);
	assert_int_equal(life(t), FW_TERMINATED);
	ramtoken_free(t);
}

static void previews_are_seen_by_reads_and_leave_no_trace(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	const struct fw_change change[] = {
		{.object = FW_OBJECT(FW_TYPE_CERT, 1), .part = {wire_string("abc"), wire_string("defg")}},
		{.object = FW_OBJECT_TOKEN,                                .remove = true         },
	};
	uint8_t got[4];
	fw_journal_preview(t->fw, change, 2);
	assert_int_equal(fw_object_len(t->fw, FW_OBJECT(FW_TYPE_CERT, 1)), 7);
	assert_true(fw_object_read(t->fw, FW_OBJECT(FW_TYPE_CERT, 1), 2, got, 4));
	assert_memory_equal(got, "cdef", 4);
	assert_false(fw_object_read(t->fw, FW_OBJECT(FW_TYPE_CERT, 1), 4, got, 4));
	assert_false(fw_object_exists(t->fw, FW_OBJECT_TOKEN));
	fw_journal_preview(t->fw, NULL, 0);
	assert_false(fw_object_exists(t->fw, FW_OBJECT(FW_TYPE_CERT, 1)));
	assert_true(fw_object_exists(t->fw, FW_OBJECT_TOKEN));
	ramtoken_free(t);
}

/* Page and unit: writes are whole units, and none crosses a page (ramhal would not tell; the bytes do). */
static void writes_keep_to_units_and_pages(void **state)
{
	(void)state;
	struct ramtoken *t = small(NULL);
	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	for (size_t n = 1; n < 40; n++) {
		t->hal.writes = t->hal.bytes_written = 0;
		wire_put(t, 0x0200, wire_certificate(n, 1), SW_OK);
		assert_int_equal(t->hal.bytes_written % FW_FLASH_UNIT, 0);
		assert_in_range(t->hal.writes, 1, t->hal.bytes_written / FW_FLASH_PAGE + 2);
	}
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_snapshot_ends_the_token_and_is_not_written_over),
		cmocka_unit_test(a_flash_that_cannot_be_read_is_not_a_blank_token),
		cmocka_unit_test(rubbish_without_a_header_is_a_blank_token),
		cmocka_unit_test(the_newer_bank_counts_and_a_damaged_header_does_not),
		cmocka_unit_test(an_unknown_object_is_not_thrown_away),
		cmocka_unit_test(previews_are_seen_by_reads_and_leave_no_trace),
		cmocka_unit_test(writes_keep_to_units_and_pages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
