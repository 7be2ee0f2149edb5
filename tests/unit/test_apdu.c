/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apdu.h"
#include "tests/unit/test.h"

/* ISO 7816-3 12.1.3, table 13: the cases 1, 2S, 3S, 4S, 2E, 3E, 4E by hand. */
static const struct {
	const char *raw;
	const char *data;
	uint32_t le;
	bool extended;
} cases[] = {
	{"00A4040C",             "",     0,     false},
	{"00CB3FFF00",           "",     256,   false},
	{"00CB3FFF01",           "",     1,     false},
	{"00CB3FFFFF",           "",     255,   false},
	{"00A4040001AA",         "AA",   0,     false},
	{"00A4040002AABB",       "AABB", 0,     false},
	{"00A4040001AA00",       "AA",   256,   false},
	{"00A4040001AA05",       "AA",   5,     false},
	{"00CB3FFF000000",       "",     65536, true },
	{"00CB3FFF000001",       "",     1,     true },
	{"00CB3FFF000100",       "",     256,   true },
	{"00CB3FFF00FFFF",       "",     65535, true },
	{"00DB3FFF000001AA",     "AA",   0,     true },
	{"00DB3FFF000001AA0000", "AA",   65536, true },
	{"00DB3FFF000001AA0101", "AA",   257,   true },
};

static void parses_every_case_and_writes_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct bytes raw = test_hex(cases[i].raw);
		struct apdu a;
		if (!apdu_parse(raw, &a))
			fail_msg("refused: %s", cases[i].raw);
		assert_int_equal(a.cla, raw.data[0]);
		assert_int_equal(a.ins, raw.data[1]);
		assert_int_equal(a.p1, raw.data[2]);
		assert_int_equal(a.p2, raw.data[3]);
		assert_bytes_hex(a.data, cases[i].data);
		assert_int_equal(a.le, cases[i].le);
		assert_int_equal(a.extended, cases[i].extended);
		uint8_t out[32];
		struct builder b = builder_of(out, sizeof out);
		apdu_encode(&b, &a);
		assert_bytes_equal(builder_bytes(&b), raw);
		test_drop(raw);
	}
}

static const char *const malformed[] = {
	"",
	"00",
	"00A4",
	"00A404",
	"00A4040002AA",     /* data cut off */
	"00A4040001AABBCC", /* two bytes after the data: no short Le */
	"00A404000100AABB00",
	"00CB3FFF0000", /* six bytes are no case */
	"00CB3FFF0001",
	"00DB3FFF0000000001", /* extended Lc of zero */
	"00DB3FFF000000AA",
	"00DB3FFF000002AA",   /* extended data cut off */
	"00DB3FFF000001AA00", /* Le of one byte after extended Lc */
	"00DB3FFF000001AA000000",
};

static void refuses_what_is_no_case(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(malformed); i++) {
		struct bytes raw = test_hex(malformed[i]);
		struct apdu a;
		if (apdu_parse(raw, &a))
			fail_msg("accepted: %s", malformed[i]);
		test_drop(raw);
	}
}

/* Every data length and every Le at the boundaries, short and extended, cut off and prolonged at each end. */
static void lengths_round_trip_at_every_boundary(void **state)
{
	(void)state;
	static const size_t lengths[] = {0, 1, 127, 128, 254, 255, 256, 257, 65534, 65535};
	static const uint32_t les[] = {0, 1, 127, 128, 255, 256, 257, 65535, 65536};
	uint8_t *data = malloc(APDU_DATA_MAX), *out = malloc(APDU_COMMAND_MAX + 1);
	assert_non_null(data);
	assert_non_null(out);
	for (size_t i = 0; i < APDU_DATA_MAX; i++)
		data[i] = (uint8_t)(i * 7 + 1);
	for (size_t i = 0; i < COUNT(lengths) * COUNT(les) * 2; i++) {
		struct apdu a = {0x00, 0xDB, 0x3F, 0xFF, BYTES(data, lengths[i / 2 % COUNT(lengths)]),
				    les[i / 2 / COUNT(lengths)], i & 1, false},
			    back;
		struct builder b = builder_of(out, APDU_COMMAND_MAX);
		bool extended = a.extended || a.data.len > 255 || a.le > 256;
		apdu_encode(&b, &a);
		assert_false(b.failed);
		assert_true(apdu_parse(builder_bytes(&b), &back));
		assert_bytes_equal(back.data, a.data);
		assert_int_equal(back.le, a.le);
		assert_int_equal(back.extended, extended && (a.data.len > 0 || a.le > 0));
		for (size_t cut = 0; cut < b.len; cut += cut < 300 ? 1 : 4093) {
			struct bytes exact = test_copy(BYTES(out, cut));
			if (apdu_parse(exact, &back)) { /* an APDU without its Le, or a case 1, is one too */
				bool le_cut = a.le > 0 && back.le == 0 && back.data.len == a.data.len;
				bool header = cut == 4 || cut == 5;
				assert_true(le_cut || header || cut == 7);
			}
			test_drop(exact);
		}
		struct builder tight = builder_of(out, b.len - 1);
		apdu_encode(&tight, &a);
		assert_true(tight.failed);
	}
	free(data);
	free(out);
}

static void does_not_encode_what_no_apdu_can_hold(void **state)
{
	(void)state;
	uint8_t *data = calloc(1, APDU_DATA_MAX + 1), *out = malloc(2 * APDU_COMMAND_MAX);
	assert_non_null(data);
	assert_non_null(out);
	struct apdu long_data = {.data = BYTES(data, APDU_DATA_MAX + 1)}, long_le = {.le = APDU_LE_MAX + 1};
	struct builder b = builder_of(out, 2 * APDU_COMMAND_MAX);
	apdu_encode(&b, &long_data);
	assert_true(b.failed);
	b = builder_of(out, 2 * APDU_COMMAND_MAX);
	apdu_encode(&b, &long_le);
	assert_true(b.failed);
	free(data);
	free(out);
}

static void answers_end_with_a_status_word(void **state)
{
	(void)state;
	static const struct {
		const char *raw;
		bool ok;
		const char *data;
		uint16_t sw;
	} rows[] = {
		{"",         false, "",     0     },
		{"90",       false, "",     0     },
		{"9000",     true,  "",     0x9000},
		{"AA9000",   true,  "AA",   0x9000},
		{"90006A82", true,  "9000", 0x6A82},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes raw = test_hex(rows[i].raw);
		struct rapdu r = {0};
		assert_int_equal(rapdu_parse(raw, &r), rows[i].ok);
		assert_bytes_hex(r.data, rows[i].data);
		assert_int_equal(r.sw, rows[i].sw);
		test_drop(raw);
	}
}

/* ISO 7816-4 5.4.1, tables 2 and 3, written down once more bit by bit. */
static void reads_all_256_class_bytes(void **state)
{
	(void)state;
	for (unsigned cla = 0; cla < 256; cla++) {
		struct apdu_class c;
		bool first = (cla & 0x60) == 0x00, further = cla & 0x40;
		bool ok = apdu_class_parse((uint8_t)cla, &c);
		if (cla == 0xFF || (!first && !further)) {
			assert_false(ok);
			continue;
		}
		assert_true(ok);
		assert_int_equal(c.proprietary, cla >> 7 & 1);
		assert_int_equal(c.chained, cla >> 4 & 1);
		assert_int_equal(c.channel, first ? cla & 3 : (cla & 15) + 4);
		assert_int_equal(c.secure, first ? (cla & 0x0C) != 0 : cla >> 5 & 1);
		assert_true(c.channel < APDU_CHANNELS);
		struct apdu_class back;
		assert_true(apdu_class_parse(apdu_class_encode(&c), &back) || (cla & 0xEF) == 0xEF);
		if ((cla & 0xEF) != 0xEF) {
			assert_int_equal(back.proprietary, c.proprietary);
			assert_int_equal(back.chained, c.chained);
			assert_int_equal(back.secure, c.secure);
			assert_int_equal(back.channel, c.channel);
		}
	}
}

static void writes_the_classes_that_we_use(void **state)
{
	(void)state;
	static const struct {
		struct apdu_class c;
		uint8_t cla;
	} rows[] = {
		{{false, false, false, 0},  0x00},
		{{false, false, false, 3},  0x03},
		{{false, true, false, 1},   0x11},
		{{false, false, true, 0},   0x04},
		{{true, false, true, 0},    0x84}, /* GlobalPlatform 11.1.4 */
		{{true, false, false, 0},   0x80},
		{{false, false, false, 4},  0x40},
		{{false, false, false, 19}, 0x4F},
		{{false, true, true, 4},    0x70},
		{{true, false, true, 19},   0xEF},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(apdu_class_encode(&rows[i].c), rows[i].cla);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_every_case_and_writes_it_back),
		cmocka_unit_test(refuses_what_is_no_case),
		cmocka_unit_test(lengths_round_trip_at_every_boundary),
		cmocka_unit_test(does_not_encode_what_no_apdu_can_hold),
		cmocka_unit_test(answers_end_with_a_status_word),
		cmocka_unit_test(reads_all_256_class_bytes),
		cmocka_unit_test(writes_the_classes_that_we_use),
	};
	return cmocka_run_group_tests_name("apdu", tests, NULL, NULL);
}
