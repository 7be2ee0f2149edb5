/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tlv.h"
#include "tests/unit/test.h"

/* X.690 8.1.2, 8.1.3 and 10.1 (the shortest form only); ISO 7816-4 5.2.2 (tags up to three bytes). */
static const struct {
	const char *in;
	uint32_t tag;
	const char *value;
} good[] = {
	{"01 00",        0x01,     ""    },
	{"82 01 AA",     0x82,     "AA"  },
	{"1E 00",        0x1E,     ""    },
	{"7F49 02 AABB", 0x7F49,   "AABB"},
	{"1F1F 00",      0x1F1F,   ""    },
	{"5F7F 00",      0x5F7F,   ""    },
	{"5FC102 01 AA", 0x5FC102, "AA"  },
	{"5F8101 01 AA", 0x5F8101, "AA"  },
	{"FFFF7F 01 AA", 0xFFFF7F, "AA"  },
};

static const char *const malformed[] = {
	"00 00",          /* end-of-contents is no element (8.1.5) */
	"82",             /* no length */
	"82 01",          /* no value */
	"82 02 AA",       /* value too short */
	"82 80 AA 00 00", /* indefinite length */
	"82 FF AA",       /* reserved (8.1.3.5 c) */
	"82 81 01 AA",    /* not the shortest length */
	"82 81 7F",       /* the same at the boundary */
	"82 82 00 80",    /* leading zero in the length */
	"82 82 00 FF", "82 83 00 FF FF", "82 84 00 FF FF FF", "82 84 FF FF FF FF", /* longer than the range */
	"82 85 01 00 00 00 00",                                                    /* more length bytes than we read */
	"82 81",                                                                   /* length cut off */
	"82 82 01", "1F",                                                          /* tag cut off */
	"1F 1E 00",                /* a number below 31 has the short form (8.1.2.2) */
	"1F 00 00", "1F 80 01 00", /* leading zero in the tag (8.1.2.4.2 c) */
	"5F C1", "5F C1 82 01 00", /* tag of four bytes */
};

static void takes_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		struct bytes in = test_hex(good[i].in), value;
		struct cursor c = cursor_of(in);
		uint32_t tag;
		assert_int_equal(tlv_peek(&c), good[i].tag);
		assert_true(tlv_next(&c, &tag, &value));
		assert_int_equal(tag, good[i].tag);
		assert_bytes_hex(value, good[i].value);
		assert_non_null(value.data);
		assert_true(cursor_done(&c));
		assert_false(tlv_next(&c, &tag, &value));
		assert_true(cursor_done(&c)); /* the end is no failure */
		assert_int_equal(tlv_peek(&c), 0);

		uint8_t again[16];
		struct builder b = builder_of(again, sizeof again);
		tlv_put(&b, good[i].tag, value);
		assert_bytes_equal(builder_bytes(&b), in);
		test_drop(in);
	}
}

static void refuses_what_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(malformed); i++) {
		struct bytes in = test_hex(malformed[i]), value;
		struct cursor c = cursor_of(in);
		uint32_t tag;
		if (tlv_next(&c, &tag, &value) || !c.failed)
			fail_msg("accepted: %s", malformed[i]);
		assert_false(tlv_unwrap(in, 0x82, &value));
		struct tlv_field field = {0x82, TLV_OPTIONAL, 0, SIZE_MAX, &value};
		assert_false(tlv_parse(in, &field, 1));
		test_drop(in);
	}
}

/* X.690 10.1, with a value as long as the length says: it is the spelling alone that is refused. */
static void refuses_lengths_that_are_not_the_shortest(void **state)
{
	(void)state;
	static const struct {
		const char *header;
		size_t length;
	} rows[] = {
		{"82 81 00",             0       },
		{"82 81 7F",             127     },
		{"82 82 00 00",          0       },
		{"82 82 00 7F",          127     },
		{"82 82 00 80",          128     },
		{"82 82 00 FF",          255     },
		{"82 83 00 01 00",       256     },
		{"82 83 00 FF FF",       65535   },
		{"82 84 00 01 00 00",    65536   },
		{"82 84 00 FF FF FF",    0xFFFFFF},
		{"82 85 00 00 00 00 80", 128     },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes header = test_hex(rows[i].header), value;
		uint8_t *in = calloc(1, header.len + rows[i].length);
		assert_non_null(in);
		bytes_copy(in, header);
		if (tlv_unwrap(BYTES(in, header.len + rows[i].length), 0x82, &value))
			fail_msg("accepted: %s", rows[i].header);
		free(in);
		test_drop(header);
	}
}

/* Every length at which the coding changes: built, read back, and refused when cut off anywhere or followed by a byte.
 */
static void lengths_round_trip_at_every_boundary(void **state)
{
	(void)state;
	static const struct {
		size_t length;
		const char *header;
	} rows[] = {
		{0,         "5A 00"            },
		{1,         "5A 01"            },
		{127,       "5A 7F"            },
		{128,       "5A 81 80"         },
		{255,       "5A 81 FF"         },
		{256,       "5A 82 01 00"      },
		{65535,     "5A 82 FF FF"      },
		{65536,     "5A 83 01 00 00"   },
		{0xFFFFFF,  "5A 83 FF FF FF"   },
		{0x1000000, "5A 84 01 00 00 00"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		size_t n = rows[i].length, header = tlv_header_size(0x5A, n);
		uint8_t *plain = calloc(1, n + 1), *out = malloc(header + n + 1);
		assert_non_null(plain);
		assert_non_null(out);
		struct builder b = builder_of(out, header + n);
		tlv_put(&b, 0x5A, BYTES(plain, n));
		assert_false(b.failed);
		assert_int_equal(b.len, header + n);
		assert_bytes_hex(BYTES(out, header), rows[i].header);

		struct builder nested = builder_of(out, header + n);
		size_t mark = tlv_begin(&nested, 0x5A);
		builder_put(&nested, BYTES(plain, n));
		tlv_end(&nested, mark);
		assert_false(nested.failed);
		assert_bytes_hex(BYTES(out, header), rows[i].header);

		struct builder tight = builder_of(out, header + n - 1);
		tlv_put(&tight, 0x5A, BYTES(plain, n));
		assert_true(tight.failed);
		tight = builder_of(out, header + n - 1);
		mark = tlv_begin(&tight, 0x5A);
		builder_put(&tight, BYTES(plain, n));
		tlv_end(&tight, mark);
		assert_true(tight.failed);

		b = builder_of(out, header + n);
		tlv_put(&b, 0x5A, BYTES(plain, n));
		struct bytes value;
		assert_true(tlv_unwrap(BYTES(out, header + n), 0x5A, &value));
		assert_int_equal(value.len, n);
		out[header + n] = 0;
		assert_false(tlv_unwrap(BYTES(out, header + n + 1), 0x5A, &value));
		for (size_t cut = 0; cut < header + n; cut += cut < 300 ? 1 : 65521)
			assert_false(tlv_unwrap(BYTES(out, cut), 0x5A, &value));
		free(plain);
		free(out);
	}
}

/* A length that tlv_next() would refuse is not written either. */
static void a_length_beyond_four_bytes_is_not_built(void **state)
{
	(void)state;
#if SIZE_MAX > 0xFFFFFFFF
	uint8_t out[16];
	struct builder b = builder_of(out, sizeof out);
	tlv_put(&b, 0x5A, BYTES(out, (size_t)1 << 32));
	assert_true(b.failed);
#endif
}

static void unwraps_the_one_tag(void **state)
{
	(void)state;
	struct bytes in = test_hex("7C 03 82 01 AA"), value;
	assert_true(tlv_unwrap(in, 0x7C, &value));
	assert_bytes_hex(value, "8201AA");
	assert_false(tlv_unwrap(in, 0x7D, &value));
	assert_false(tlv_unwrap(BYTES_NONE, 0x7C, &value));
	test_drop(in);
}

static void takes_the_tag_that_must_come(void **state)
{
	(void)state;
	struct bytes in = test_hex("02 01 05 30 02 05 00 04 00");
	struct cursor c = cursor_of(in);
	assert_bytes_hex(tlv_take_whole(&c, 0x02), "02 01 05");
	assert_int_equal(tlv_peek(&c), 0x30);
	assert_bytes_hex(tlv_take(&c, 0x30), "05 00");
	struct cursor other = c;
	assert_int_equal(tlv_take(&other, 0x05).len, 0);
	assert_true(other.failed);
	other = c;
	assert_int_equal(tlv_take_whole(&other, 0x05).len, 0);
	assert_true(other.failed);
	assert_int_equal(tlv_take(&c, 0x04).len, 0);
	assert_true(cursor_done(&c));
	assert_int_equal(tlv_take(&c, 0x04).len, 0); /* at the end something that must come is missing */
	assert_true(c.failed);
	test_drop(in);
}

/* tlv_parse: the table is the grammar. */
static void parses_by_table(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		bool ok;
	} rows[] = {
		{"80 01 01 81 02 AABB",           true },
                {"81 02 AABB 80 01 01",           true }, /* any order */
		{"80 01 01 81 02 AABB 5FC102 00", true }, /* optional, and empty */
		{"80 01 01",                      false}, /* required one missing */
		{"",			      false},
                {"80 01 01 81 02 AABB 82 00",     false}, /* unknown */
		{"80 01 01 80 01 01 81 02 AABB",  false}, /* twice */
		{"80 00 81 02 AABB",              false}, /* below the minimum */
		{"80 02 0101 81 02 AABB",         false}, /* above the maximum */
		{"80 01 01 81 01 AA",             false},
                {"80 01 01 81 05 AABBCCDDEE",     false},
		{"80 01 01 81 02 AABB 00",        false}, /* a byte left over */
		{"80 01 01 81 02 AABB 00 00",     false},
                {"80 01 01 81 03 AABB",           false}, /* cut off */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes in = test_hex(rows[i].in), version, data, extra;
		const struct tlv_field fields[] = {
			{0x80,     TLV_REQUIRED, 1, 1, &version},
			{0x81,     TLV_REQUIRED, 2, 4, &data   },
			{0x5FC102, TLV_OPTIONAL, 0, 8, &extra  },
		};
		if (tlv_parse(in, fields, COUNT(fields)) != rows[i].ok)
			fail_msg("%s: %s", rows[i].ok ? "refused" : "accepted", rows[i].in);
		if (rows[i].ok) {
			assert_bytes_hex(version, "01");
			assert_bytes_hex(data, "AABB");
			assert_int_equal(extra.len, 0);
			assert_int_equal(extra.data != NULL, i == 2); /* empty is not absent */
		}
		test_drop(in);
	}
}

static void a_message_cut_anywhere_is_refused(void **state)
{
	(void)state;
	struct bytes whole = test_hex("80 01 01 7F49 81 80 00"), version, key;
	uint8_t in[3 + 4 + 128] = {0};
	memcpy(in, whole.data, whole.len);
	const struct tlv_field fields[] = {
		{0x80,   TLV_REQUIRED, 1, 1,     &version},
		{0x7F49, TLV_REQUIRED, 0, 65535, &key    },
	};
	assert_true(tlv_parse(BYTES_OF(in), fields, 2));
	assert_int_equal(key.len, 128);
	for (size_t cut = 0; cut < sizeof in; cut++) {
		struct bytes exact = test_copy(BYTES(in, cut));
		assert_false(tlv_parse(exact, fields, 2));
		test_drop(exact);
	}
	test_drop(whole);
}

static void a_table_has_at_most_32_fields(void **state)
{
	(void)state;
	struct tlv_field fields[33];
	struct bytes values[33];
	for (size_t i = 0; i < 33; i++)
		fields[i] = (struct tlv_field){(uint32_t)(0x5F21 + i), TLV_OPTIONAL, 0, 9, &values[i]};
	assert_true(tlv_parse(BYTES_NONE, fields, 32));
	assert_false(tlv_parse(BYTES_NONE, fields, 33));
	assert_true(tlv_parse(BYTES_NONE, fields, 0));
	struct bytes last = test_hex("5F40 01 AA 5F21 01 BB"), twice = test_hex("5F40 00 5F40 00");
	assert_true(tlv_parse(last, fields, 32));
	assert_bytes_hex(values[31], "AA");
	assert_false(tlv_parse(twice, fields, 32));
	test_drop(last);
	test_drop(twice);
}

static void nests(void **state)
{
	(void)state;
	uint8_t out[300];
	const uint8_t long_value[128] = {0};
	struct builder b = builder_of(out, sizeof out);
	size_t outer = tlv_begin(&b, 0x7F49);
	tlv_put_u8(&b, 0x80, 0x01);
	size_t inner = tlv_begin(&b, 0xA1);
	tlv_put_u16(&b, 0x81, 0x0203);
	tlv_put_u32(&b, 0x82, 0x04050607);
	tlv_end(&b, inner);
	tlv_end(&b, outer);
	assert_bytes_hex(builder_bytes(&b), "7F49 0F 80 01 01 A1 0A 81 02 0203 82 04 04050607");

	/* an inner length that grows to two bytes grows the outer one */
	b = builder_of(out, sizeof out);
	outer = tlv_begin(&b, 0x30);
	inner = tlv_begin(&b, 0x30);
	builder_put(&b, BYTES_OF(long_value));
	tlv_end(&b, inner);
	tlv_end(&b, outer);
	assert_false(b.failed);
	assert_bytes_hex(BYTES(out, 7), "30 81 83 30 81 80 00");
	assert_int_equal(b.len, 3 + 3 + 128);
}

/* A nested value is refused at every capacity below its size. */
static void nesting_fails_when_room_is_short(void **state)
{
	(void)state;
	for (size_t cap = 0; cap <= 9; cap++) {
		uint8_t *out = malloc(cap ? cap : 1);
		assert_non_null(out);
		struct builder b = builder_of(out, cap);
		size_t outer = tlv_begin(&b, 0x7F49), inner = tlv_begin(&b, 0xA1);
		tlv_put_u16(&b, 0x81, 0x0203);
		tlv_end(&b, inner);
		tlv_end(&b, outer);
		assert_int_equal(b.failed, cap < 9);
		free(out);
	}
}

/* What cards of others send: lengths as ISO 7816-4 5.2.2 allows them, and filler. */
static void the_patient_form_takes_any_definite_length(void **state)
{
	static const struct {
		const char *in;
		bool taken;
	} rows[] = {
		{"82 01 AA",            true },
		{"82 81 01 AA",         true },
		{"82 82 0001 AA",       true },
		{"82 83 000001 AA",     true },
		{"82 84 00000001 AA",   true },
		{"00 00 82 01 AA",      true },
		{"82 01 AA 00 00",      true }, /* what is left is filler */
		{"82 85 0000000001 AA", false},
		{"82 80 AA 00 00",      false},
		{"82 FF AA",            false},
		{"82 84 00000002 AA",   false},
		{"82 81",               false},
		{"FF 01 AA",            false}, /* FF is no filler: a tag of more bytes begins */
		{"",                    false},
		{"00 00",               false},
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes in = test_hex(rows[i].in), value;
		struct cursor c = cursor_of(in);
		uint32_t tag;
		assert_int_equal(tlv_next_any(&c, &tag, &value), rows[i].taken);
		if (rows[i].taken) {
			assert_int_equal(tag, 0x82);
			assert_bytes_hex(value, "AA");
			assert_false(tlv_next_any(&c, &tag, &value));
			assert_true(cursor_done(&c));
		}
		test_drop(in);
	}
	struct cursor filler = cursor_of(BYTES((const uint8_t *)"\0\0", 2));
	struct bytes value;
	uint32_t tag;
	assert_false(tlv_next_any(&filler, &tag, &value));
	assert_true(cursor_done(&filler));
}

static void a_header_may_promise_more_than_there_is(void **state)
{
	struct bytes in = test_hex("00 5FC102 84 FFFFFFFF AA");
	struct cursor c = cursor_of(in);
	uint32_t tag;
	size_t len;

	(void)state;
	assert_true(tlv_header_any(&c, &tag, &len));
	assert_int_equal(tag, 0x5FC102);
	assert_int_equal(len, 0xFFFFFFFF);
	assert_int_equal(c.left, 1);
	test_drop(in);
}

static void the_patient_table_steps_over_what_it_does_not_name(void **state)
{
	static const struct {
		const char *in;
		bool parsed;
	} rows[] = {
		{"81 01 AA 90 02 AABB 00 82 81 01 BB FE 00", true },
                {"FE 00 82 01 BB 81 01 AA",                  true },
		{"81 01 AA",				 false}, /* 82 is required */
		{"81 01 AA 82 01 BB 81 01 AA",               false},
                {"81 01 AA 82 00",                           false},
                {"81 01 AA 82 02 BBBB",                      false},
		{"81 01 AA 82 01 BB 90 02 AA",               false}, /* what is stepped over must be whole */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes a, b, in = test_hex(rows[i].in);
		const struct tlv_field fields[] = {
			{0x81, TLV_OPTIONAL, 1, 1, &a},
			{0x82, TLV_REQUIRED, 1, 1, &b},
		};
		assert_int_equal(tlv_parse_any(in, fields, COUNT(fields)), rows[i].parsed);
		if (rows[i].parsed) {
			assert_bytes_hex(a, "AA");
			assert_bytes_hex(b, "BB");
		}
		assert_false(tlv_parse(in, fields, COUNT(fields)));
		test_drop(in);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_one),
		cmocka_unit_test(refuses_what_is_malformed),
		cmocka_unit_test(refuses_lengths_that_are_not_the_shortest),
		cmocka_unit_test(lengths_round_trip_at_every_boundary),
		cmocka_unit_test(a_length_beyond_four_bytes_is_not_built),
		cmocka_unit_test(unwraps_the_one_tag),
		cmocka_unit_test(takes_the_tag_that_must_come),
		cmocka_unit_test(parses_by_table),
		cmocka_unit_test(a_message_cut_anywhere_is_refused),
		cmocka_unit_test(a_table_has_at_most_32_fields),
		cmocka_unit_test(nests),
		cmocka_unit_test(nesting_fails_when_room_is_short),
		cmocka_unit_test(the_patient_form_takes_any_definite_length),
		cmocka_unit_test(a_header_may_promise_more_than_there_is),
		cmocka_unit_test(the_patient_table_steps_over_what_it_does_not_name),
	};
	return cmocka_run_group_tests_name("tlv", tests, NULL, NULL);
}
