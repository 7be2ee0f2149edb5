/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool valid(const char *s)
{
	return text_valid(text_bytes(s));
}

static void utf8_in_its_shortest_form_without_controls(void **state)
{
	(void)state;
	assert_true(valid(""));
	assert_true(valid("plain ~"));
	assert_true(valid("äöü 口令 \xF0\x9F\x94\x91"));
	assert_true(valid("\xC2\xA0\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"));
	static const char *const bad[] = {"\x01", "\x1F", "\x7F", "\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC2",
		"\xC2\x41", "\xC2\x80", "\xC2\x9B", "\xC2\x9F", "\xE0\x9F\xBF", "\xE1\x80", "\xED\xA0\x80",
		"\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "good\xE4", "a\nb"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(valid(bad[i]));
	assert_false(text_valid(BYTES((const uint8_t *)"a\0b", 3)));
}

static void copies_fit_or_fail(void **state)
{
	char out[4];

	(void)state;
	assert_true(text_copy(text_bytes("abc"), out, sizeof out));
	assert_string_equal(out, "abc");
	assert_false(text_copy(text_bytes("abcd"), out, sizeof out));
	assert_false(text_copy(text_bytes("\x01"), out, sizeof out));
	assert_true(text_copy(BYTES_NONE, out, sizeof out));
	assert_string_equal(out, "");
	assert_null(text_bytes(NULL).data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utf8_in_its_shortest_form_without_controls),
		cmocka_unit_test(copies_fit_or_fail),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
