/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

static void takes_integers_big_endian(void **state)
{
	(void)state;
	struct bytes b = test_hex("01 0203 04050607 FFFFFFFF");
	struct cursor c = cursor_of(b);
	assert_int_equal(cursor_u8(&c), 0x01);
	assert_int_equal(cursor_u16(&c), 0x0203);
	assert_int_equal(cursor_u32(&c), 0x04050607);
	assert_false(cursor_done(&c));
	assert_int_equal(cursor_u32(&c), 0xFFFFFFFF);
	assert_true(cursor_done(&c));
	test_drop(b);
}

/* Each kind of take, one byte before its end: zeros, and the failure stays. */
static void a_short_take_fails_for_good(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		static const size_t needs[] = {1, 2, 4, 9};
		for (size_t have = 0; have < needs[kind]; have++) {
			uint8_t *exact = malloc(have ? have : 1);
			assert_non_null(exact);
			memset(exact, 0xFF, have);
			struct cursor c = cursor_of(BYTES(exact, have));
			if (kind == 0)
				assert_int_equal(cursor_u8(&c), 0);
			else if (kind == 1)
				assert_int_equal(cursor_u16(&c), 0);
			else if (kind == 2)
				assert_int_equal(cursor_u32(&c), 0);
			else
				assert_int_equal(cursor_take(&c, 9).len, 0);
			assert_true(c.failed);
			assert_false(cursor_done(&c));
			assert_int_equal(cursor_u8(&c), 0);
			assert_int_equal(cursor_rest(&c).len, 0);
			assert_int_equal(cursor_take(&c, 0).len, 0);
			assert_true(c.failed);
			free(exact);
		}
	}
}

static void a_length_beyond_any_memory_fails(void **state)
{
	(void)state;
	const uint8_t one[1] = {1};
	struct cursor c = cursor_of(BYTES_OF(one));
	assert_int_equal(cursor_take(&c, SIZE_MAX).len, 0);
	assert_true(c.failed);
}

static void nothing_can_be_taken_from_nothing(void **state)
{
	(void)state;
	struct cursor c = cursor_of(BYTES_NONE);
	assert_true(cursor_done(&c));
	assert_int_equal(cursor_take(&c, 0).len, 0);
	assert_int_equal(cursor_rest(&c).len, 0);
	assert_true(cursor_done(&c));
	cursor_u8(&c);
	assert_false(cursor_done(&c));
}

static void takes_the_rest(void **state)
{
	(void)state;
	struct bytes b = test_hex("AABBCC");
	struct cursor c = cursor_of(b);
	cursor_u8(&c);
	assert_bytes_hex(cursor_rest(&c), "BBCC");
	assert_true(cursor_done(&c));
	cursor_fail(&c);
	assert_false(cursor_done(&c));
	test_drop(b);
}

static void builds_big_endian(void **state)
{
	(void)state;
	uint8_t buffer[10];
	const uint8_t tail[] = {8, 9, 10};
	struct builder b = builder_of(buffer, sizeof buffer);
	builder_u8(&b, 1);
	builder_u16(&b, 0x0203);
	builder_u32(&b, 0x04050607);
	builder_put(&b, BYTES_OF(tail));
	assert_false(b.failed);
	assert_bytes_hex(builder_bytes(&b), "0102030405060708090A");
}

/* At every capacity short of what is put, the builder fails once, for good, and writes nothing beyond its end. */
static void a_full_builder_fails_for_good(void **state)
{
	(void)state;
	const uint8_t tail[] = {8, 9, 10};
	for (size_t cap = 0; cap <= 10; cap++) {
		uint8_t *exact = malloc(cap ? cap : 1);
		assert_non_null(exact);
		struct builder b = builder_of(exact, cap);
		builder_u8(&b, 1);
		builder_u16(&b, 0x0203);
		builder_u32(&b, 0x04050607);
		builder_put(&b, BYTES_OF(tail));
		assert_int_equal(b.failed, cap < 10);
		assert_int_equal(builder_bytes(&b).len, cap < 10 ? 0 : 10);
		assert_null(builder_room(&b, SIZE_MAX));
		assert_null(builder_room(&b, 0));
		assert_true(b.failed);
		free(exact);
	}
}

static void a_builder_without_memory_takes_nothing(void **state)
{
	(void)state;
	struct builder b = builder_of(NULL, 0);
	builder_put(&b, BYTES_NONE);
	assert_false(b.failed);
	builder_u8(&b, 1);
	assert_true(b.failed);
}

static void compares(void **state)
{
	(void)state;
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{"",     "",       true },
		{"00",   "",       false},
		{"00",   "00",     true },
		{"0102", "0102",   true },
		{"0102", "0103",   false},
		{"0102", "8102",   false},
		{"0102", "010200", false},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes a = test_hex(rows[i].a), b = test_hex(rows[i].b);
		assert_int_equal(bytes_equal(a, b), rows[i].equal);
		assert_int_equal(bytes_equal_secret(a, b), rows[i].equal);
		test_drop(a);
		test_drop(b);
	}
	assert_true(bytes_equal(BYTES_NONE, BYTES_NONE));
	assert_true(bytes_equal_secret(BYTES_NONE, BYTES_NONE));
}

/* A difference in any single bit of any byte is seen. */
static void compares_every_bit(void **state)
{
	(void)state;
	uint8_t a[33] = {0}, b[33] = {0};
	for (size_t bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_false(bytes_equal(BYTES_OF(a), BYTES_OF(b)));
		assert_false(bytes_equal_secret(BYTES_OF(a), BYTES_OF(b)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_true(bytes_equal_secret(BYTES_OF(a), BYTES_OF(b)));
}

static void moves_overlapping_ranges_like_memmove(void **state)
{
	(void)state;
	for (size_t from = 0; from < 8; from++) {
		for (size_t to = 0; to < 8; to++) {
			for (size_t n = 0; n <= 8; n++) {
				uint8_t ours[16], theirs[16];
				for (size_t i = 0; i < sizeof ours; i++)
					ours[i] = theirs[i] = (uint8_t)(i + 1);
				bytes_move(ours + to, ours + from, n);
				memmove(theirs + to, theirs + from, n);
				assert_bytes_equal(BYTES_OF(ours), BYTES_OF(theirs));
			}
		}
	}
}

static void fills_copies_and_wipes_exactly(void **state)
{
	(void)state;
	uint8_t b[5] = {1, 2, 3, 4, 5};
	const uint8_t two[] = {9, 8};
	bytes_fill(b + 1, 0xAA, 3);
	assert_bytes_hex(BYTES_OF(b), "01AAAAAA05");
	bytes_copy(b + 2, BYTES_OF(two));
	assert_bytes_hex(BYTES_OF(b), "01AA090805");
	bytes_wipe(b + 1, 3);
	assert_bytes_hex(BYTES_OF(b), "0100000005");
	bytes_wipe(b, 0);
	bytes_wipe(NULL, 0);
	assert_bytes_hex(BYTES_OF(b), "0100000005");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_integers_big_endian),
		cmocka_unit_test(a_short_take_fails_for_good),
		cmocka_unit_test(a_length_beyond_any_memory_fails),
		cmocka_unit_test(nothing_can_be_taken_from_nothing),
		cmocka_unit_test(takes_the_rest),
		cmocka_unit_test(builds_big_endian),
		cmocka_unit_test(a_full_builder_fails_for_good),
		cmocka_unit_test(a_builder_without_memory_takes_nothing),
		cmocka_unit_test(compares),
		cmocka_unit_test(compares_every_bit),
		cmocka_unit_test(moves_overlapping_ranges_like_memmove),
		cmocka_unit_test(fills_copies_and_wipes_exactly),
	};
	return cmocka_run_group_tests_name("bytes", tests, NULL, NULL);
}
