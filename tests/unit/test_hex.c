/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hex.h"
#include "tests/unit/test.h"

static void writes_lower_case_pairs(void **state)
{
	(void)state;
	const uint8_t in[] = {0x00, 0x0F, 0xF0, 0xAB, 0xFF};
	char out[HEX_SIZE(sizeof in)];
	assert_true(hex_encode(BYTES_OF(in), out, sizeof out));
	assert_string_equal(out, "000ff0abff");
	assert_true(hex_encode(BYTES_NONE, out, 1));
	assert_string_equal(out, "");
}

/* At every capacity: the whole text or an empty one, never half of it. */
static void writes_all_or_nothing(void **state)
{
	(void)state;
	const uint8_t in[] = {1, 2, 3};
	for (size_t cap = 0; cap <= HEX_SIZE(sizeof in); cap++) {
		char *out = malloc(cap ? cap : 1);
		assert_non_null(out);
		out[0] = 'x';
		assert_int_equal(hex_encode(BYTES_OF(in), out, cap), cap == HEX_SIZE(sizeof in));
		if (cap == HEX_SIZE(sizeof in))
			assert_string_equal(out, "010203");
		else
			assert_int_equal(out[0], cap ? '\0' : 'x');
		free(out);
	}
}

static void reads_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool ok;
		const char *bytes;
	} rows[] = {
		{"",                   true,  ""                },
                {"00",                 true,  "00"              },
                {"0123456789abcdef",   true,  "0123456789ABCDEF"},
		{"ABCDEFabcdef",       true,  "ABCDEFABCDEF"    },
                {"0",                  false, ""                },
                {"012",                false, ""                },
                {" 01",                false, ""                },
		{"01 ",                false, ""                },
                {"01 2",               false, ""                },
                {"01:2",               false, ""                },
                {"0x01",               false, ""                },
                {"0g",                 false, ""                },
		{"g0",                 false, ""                },
                {"/0",                 false, ""                },
                {":0",                 false, ""                },
                {"@0",                 false, ""                },
                {"G0",                 false, ""                },
		{"`0",                 false, ""                },
                {"-1",                 false, ""                },
                {"0\n",                false, ""                },
		{"\xEF\xBC\x91"
		 "0", false, ""                }, /* a full-width digit */
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[16];
		struct builder b = builder_of(out, sizeof out);
		builder_u8(&b, 0x77); /* appended to, and untouched by a refusal */
		if (hex_decode(rows[i].text, &b) != rows[i].ok)
			fail_msg("%s", rows[i].text);
		assert_false(b.failed);
		assert_int_equal(out[0], 0x77);
		assert_bytes_hex(BYTES(out + 1, b.len - 1), rows[i].bytes);
	}
}

static void accepts_only_the_22_digits(void **state)
{
	(void)state;
	unsigned accepted = 0;
	for (int c = 1; c < 256; c++) {
		const char text[] = {'0', (char)c, '\0'};
		uint8_t out[1];
		struct builder b = builder_of(out, 1);
		accepted += hex_decode(text, &b);
	}
	assert_int_equal(accepted, 22);
}

static void does_not_write_beyond_its_room(void **state)
{
	(void)state;
	uint8_t *out = malloc(2);
	assert_non_null(out);
	struct builder b = builder_of(out, 2);
	assert_false(hex_decode("010203", &b));
	assert_int_equal(b.len, 0);
	assert_false(b.failed);
	assert_true(hex_decode("0102", &b));
	assert_bytes_hex(builder_bytes(&b), "0102");
	free(out);
}

static void round_trips_every_byte(void **state)
{
	(void)state;
	uint8_t in[256], out[256];
	char text[HEX_SIZE(256)];
	for (size_t i = 0; i < 256; i++)
		in[i] = (uint8_t)i;
	struct builder b = builder_of(out, sizeof out);
	assert_true(hex_encode(BYTES_OF(in), text, sizeof text));
	assert_true(hex_decode(text, &b));
	assert_bytes_equal(builder_bytes(&b), BYTES_OF(in));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_lower_case_pairs),
		cmocka_unit_test(writes_all_or_nothing),
		cmocka_unit_test(reads_strictly),
		cmocka_unit_test(accepts_only_the_22_digits),
		cmocka_unit_test(does_not_write_beyond_its_room),
		cmocka_unit_test(round_trips_every_byte),
	};
	return cmocka_run_group_tests_name("hex", tests, NULL, NULL);
}
