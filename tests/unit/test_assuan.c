/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/assuan.h"
#include "tests/unit/test.h"

static struct bytes text(const char *s)
{
	return BYTES((const uint8_t *)s, strlen(s));
}

static void reads_what_a_server_says(void **state)
{
	static const struct {
		const char *line;
		enum assuan_kind kind;
		const char *rest;
		unsigned error;
	} rows[] = {
		{"OK Pleased to meet you",          ASSUAN_OK,      "Pleased to meet you",         0  },
		{"OK",			      ASSUAN_OK,      "",                            0  },
		{"OK\r",			    ASSUAN_OK,      "",                            0  },
		{"OKAY",			    ASSUAN_BAD,     "",                            0  },
		{"ok",			      ASSUAN_BAD,     "",                            0  },
		{"ERR 83886179 cancelled",          ASSUAN_ERR,     "83886179 cancelled",          99 },
		{"ERR 83886278",                    ASSUAN_ERR,     "83886278",                    198},
		{"ERR 83886142 Timeout <Pinentry>", ASSUAN_ERR,     "83886142 Timeout <Pinentry>", 62 },
		{"ERR",			     ASSUAN_BAD,     "",                            0  },
		{"ERR x",			   ASSUAN_BAD,     "x",                           0  },
		{"ERR 4294967296",                  ASSUAN_BAD,     "4294967296",                  0  },
		{"ERR 99999999999999999999",        ASSUAN_BAD,     "99999999999999999999",        0  },
		{"D 123456",                        ASSUAN_DATA,    "123456",                      0  },
		{"D  12 ",                          ASSUAN_DATA,    " 12 ",                        0  },
		{"D",			       ASSUAN_DATA,    "",                            0  },
		{"S PIN_REPEATED",                  ASSUAN_STATUS,  "PIN_REPEATED",                0  },
		{"INQUIRE QUALITY 1+2",             ASSUAN_INQUIRE, "QUALITY 1+2",                 0  },
		{"# D 123456",                      ASSUAN_COMMENT, "",                            0  },
		{"",				ASSUAN_COMMENT, "",                            0  },
		{"END",			     ASSUAN_BAD,     "",                            0  },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct assuan_line line = assuan_parse(text(rows[i].line));

		assert_int_equal(line.kind, rows[i].kind);
		if (line.kind == ASSUAN_BAD || line.kind == ASSUAN_COMMENT)
			continue;
		assert_true(bytes_equal(line.rest, text(rows[i].rest)));
		if (line.kind == ASSUAN_ERR)
			assert_int_equal(line.error & 0xFFFF, rows[i].error);
	}
	struct assuan_line line = assuan_parse(text("S PIN_REPEATED"));
	assert_true(assuan_names(&line, "PIN_REPEATED"));
	assert_false(assuan_names(&line, "PIN"));
}

static void a_line_has_an_end(void **state)
{
	uint8_t line[ASSUAN_LINE_MAX + 2];

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "D ", 2);
	line[ASSUAN_LINE_MAX] = '\r';
	assert_int_equal(assuan_parse(BYTES(line, ASSUAN_LINE_MAX + 1)).kind, ASSUAN_DATA);
	line[ASSUAN_LINE_MAX] = 'x';
	assert_int_equal(assuan_parse(BYTES(line, ASSUAN_LINE_MAX + 1)).kind, ASSUAN_BAD);
}

static bool unescapes(const char *in, const char *want)
{
	uint8_t out[16];
	struct builder b = builder_of(out, sizeof out);

	return assuan_unescape(text(in), &b) && bytes_equal(builder_bytes(&b), text(want));
}

static void undoes_escapes_strictly(void **state)
{
	(void)state;
	assert_true(unescapes("12%2534%0a%0D", "12%34\n\r"));
	assert_true(unescapes("", ""));
	assert_true(unescapes("+ +", "+ +"));
	assert_false(unescapes("12%", "12"));
	assert_false(unescapes("12%2", "12"));
	assert_false(unescapes("%g0", ""));
	assert_false(unescapes("%0-", ""));
	assert_false(unescapes("12345678901234567", "12345678901234567"));
}

static void writes_commands(void **state)
{
	uint8_t out[ASSUAN_LINE_MAX + 1];
	struct builder b = builder_of(out, sizeof out);
	char longest[3000];

	(void)state;
	assuan_command(&b, "SETDESC", "100%\nzwei\r\x7F \xE5\x8F\xA3");
	assert_true(bytes_equal(builder_bytes(&b), text("SETDESC 100%25%0Azwei%0D%7F \xE5\x8F\xA3\n")));
	b = builder_of(out, sizeof out);
	assuan_command(&b, "GETPIN", NULL);
	assert_true(bytes_equal(builder_bytes(&b), text("GETPIN\n")));
	/* Cut, but not through a character, nor through an escape. */
	for (size_t shift = 0; shift < 3; shift++) {
		memset(longest, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof longest; i += 3)
			memcpy(longest + i, "\xE5\x8F\xA3", 4);
		b = builder_of(out, sizeof out);
		assuan_command(&b, "SETDESC", longest);
		struct bytes line = builder_bytes(&b);
		assert_true(line.len > ASSUAN_LINE_MAX - 3 && line.len <= ASSUAN_LINE_MAX + 1);
		assert_int_equal(line.data[line.len - 1], '\n');
		assert_int_equal(line.data[line.len - 2], 0xA3);
	}
	memset(longest, '%', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	b = builder_of(out, sizeof out);
	assuan_command(&b, "D", longest);
	assert_int_equal(builder_bytes(&b).len % 3, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_a_server_says),
		cmocka_unit_test(a_line_has_an_end),
		cmocka_unit_test(undoes_escapes_strictly),
		cmocka_unit_test(writes_commands),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
