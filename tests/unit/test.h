/* SPDX-License-Identifier: Apache-2.0 */
/* What the unit tests share: bytes from hex, and failures that show the bytes. */
#ifndef UKEY_TESTS_UNIT_TEST_H
#define UKEY_TESTS_UNIT_TEST_H

#include "common/bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A wrong digit in a test's own text ends the test. */
static inline unsigned test_digit(char c)
{
	const char *digits = "0123456789ABCDEF";
	char upper = c >= 'a' && c <= 'f' ? (char)(c - 32) : c;
	const char *at = c ? strchr(digits, upper) : NULL;
	assert_non_null(at);
	return at ? (unsigned)(at - digits) : 0;
}

/*
 * The bytes that `text` spells; blanks are skipped. They lie in a block of their own of exactly this length, so that a
 * read beyond the end is seen by the sanitizers; test_drop() gives it back.
 */
static inline struct bytes test_hex(const char *text)
{
	uint8_t *out = malloc(strlen(text) / 2 + 1);
	size_t n = 0;

	assert_non_null(out);
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		unsigned high = test_digit(text[0]);
		out[n++] = (uint8_t)(high << 4 | test_digit(text[1]));
		text++;
	}
	uint8_t *exact = malloc(n ? n : 1);
	assert_non_null(exact);
	memcpy(exact, out, n);
	free(out);
	return BYTES(exact, n);
}

/* A copy in a block of exactly its length. */
static inline struct bytes test_copy(struct bytes b)
{
	uint8_t *exact = malloc(b.len ? b.len : 1);

	assert_non_null(exact);
	if (b.len > 0)
		memcpy(exact, b.data, b.len);
	return BYTES(exact, b.len);
}

static inline void test_drop(struct bytes b)
{
	free((void *)(uintptr_t)b.data);
}

static inline void test_print(const char *name, struct bytes b)
{
	fprintf(stderr, "%s (%zu):", name, b.len);
	for (size_t i = 0; i < b.len; i++)
		fprintf(stderr, " %02X", b.data[i]);
	fprintf(stderr, "\n");
}

static inline void test_bytes_equal(struct bytes got, struct bytes want, const char *file, int line)
{
	if (got.len == want.len && (got.len == 0 || memcmp(got.data, want.data, got.len) == 0))
		return;
	test_print("got ", got);
	test_print("want", want);
	_fail(file, line);
}

#define assert_bytes_equal(got, want) test_bytes_equal(got, want, __FILE__, __LINE__)

/* The same, with the wanted bytes as hex text. */
static inline void test_bytes_hex(struct bytes got, const char *want, const char *file, int line)
{
	struct bytes w = test_hex(want);
	test_bytes_equal(got, w, file, line);
	test_drop(w);
}

#define assert_bytes_hex(got, want) test_bytes_hex(got, want, __FILE__, __LINE__)

#endif
