/* SPDX-License-Identifier: Apache-2.0 */
/* One-time enrolment codes: what a person mistypes is found, what a person writes differently is accepted. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <ctype.h>
#include <string.h>

#include <cmocka.h>

#include "ra/code.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static bool accepted(const char *text, char canonical[RA_CODE_CHARS + 1])
{
	return ra_code_normalise(BYTES((const uint8_t *)text, strlen(text)), canonical);
}

static void made_codes_are_good_and_differ(void **state)
{
	char text[RA_CODE_TEXT_SIZE], canonical[RA_CODE_CHARS + 1], seen[200][RA_CODE_CHARS + 1];

	(void)state;
	for (size_t i = 0; i < 200; i++) {
		assert_true(ra_code_make(text));
		assert_int_equal(strlen(text), 23);
		assert_true(text[5] == '-' && text[11] == '-' && text[17] == '-');
		assert_int_equal(strspn(text, "0123456789ABCDEFGHJKMNPQRSTVWXYZ-"), 23);
		assert_true(accepted(text, canonical));
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(seen[j], canonical);
		strcpy(seen[i], canonical);
	}
}

static void every_single_error_is_found(void **state)
{
	char text[RA_CODE_TEXT_SIZE], canonical[RA_CODE_CHARS + 1], wrong[RA_CODE_CHARS + 1],
		ignored[RA_CODE_CHARS + 1];

	(void)state;
	assert_true(ra_code_make(text) && accepted(text, canonical));
	for (size_t i = 0; i < RA_CODE_CHARS; i++) {
		for (size_t v = 0; v < 32; v++) {
			strcpy(wrong, canonical);
			wrong[i] = alphabet[v];
			assert_int_equal(accepted(wrong, ignored), alphabet[v] == canonical[i]);
		}
	}
}

static void every_exchange_of_two_is_found(void **state)
{
	char text[RA_CODE_TEXT_SIZE], canonical[RA_CODE_CHARS + 1], wrong[RA_CODE_CHARS + 1],
		ignored[RA_CODE_CHARS + 1];

	(void)state;
	assert_true(ra_code_make(text) && accepted(text, canonical));
	for (size_t i = 0; i < RA_CODE_CHARS; i++) {
		for (size_t j = i + 1; j < RA_CODE_CHARS; j++) {
			strcpy(wrong, canonical);
			wrong[i] = canonical[j];
			wrong[j] = canonical[i];
			assert_int_equal(accepted(wrong, ignored), canonical[i] == canonical[j]);
		}
	}
}

static void writing_habits_do_not_matter(void **state)
{
	/* Found by trying: a good code with 0 and 1 in it. */
	char canonical[RA_CODE_CHARS + 1] = "01000000000000000000", habit[64] = "", other[RA_CODE_CHARS + 1];

	(void)state;
	for (size_t v = 0; v < 32 && !accepted(canonical, other); v++)
		canonical[RA_CODE_CHARS - 1] = alphabet[v];
	assert_true(accepted(canonical, other));
	for (size_t i = 0; canonical[i] != '\0'; i++) {
		char c = canonical[i] == '0' ? 'o' : canonical[i] == '1' ? 'l' : (char)tolower(canonical[i]);
		habit[2 * i] = c;
		habit[2 * i + 1] = i % 2 ? ' ' : '-';
	}
	assert_true(accepted(habit, other));
	assert_string_equal(other, canonical);
}

static void other_lengths_and_characters_are_refused(void **state)
{
	static const char *const bad[] = {"", "-", "0", "0000000000000000000", "000000000000000000000",
		"0000000000000000000U", "0000000000000000000\xc3\xa9", "00000_00000_00000_00000"};
	char canonical[RA_CODE_CHARS + 1];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_false(accepted(bad[i], canonical));
		assert_string_equal(canonical, "");
	}
}

static void hashes_depend_on_the_code(void **state)
{
	uint8_t a[RA_CODE_HASH_SIZE], b[RA_CODE_HASH_SIZE], again[RA_CODE_HASH_SIZE];

	(void)state;
	assert_true(ra_code_hash("00000000000000000000", a) && ra_code_hash("00000000000000000001", b));
	assert_true(ra_code_hash("00000000000000000000", again));
	assert_memory_equal(a, again, sizeof a);
	assert_memory_not_equal(a, b, sizeof a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(made_codes_are_good_and_differ),
		cmocka_unit_test(every_single_error_is_found),
		cmocka_unit_test(every_exchange_of_two_is_found),
		cmocka_unit_test(writing_habits_do_not_matter),
		cmocka_unit_test(other_lengths_and_characters_are_refused),
		cmocka_unit_test(hashes_depend_on_the_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
