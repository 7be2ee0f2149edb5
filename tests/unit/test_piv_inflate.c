/* SPDX-License-Identifier: Apache-2.0 */
/* driver/card/piv_inflate.c: one gzip member (RFC 1952) or one of Net iD's, bounded, and nothing but one. */
#include "driver/card/piv_inflate.h"

#include "tests/unit/test.h"

#include <zlib.h>

#define MAX 16384

/* What gzip(1) made of "hello PIV\n". */
#define HEADER  "1F8B0800000000000203"
#define STREAM  "CB48CDC9C95708F00CE30200"
#define TRAILER "D6430D7C0A000000"

/* `raw`: the deflate stream alone; otherwise a member. test_drop() gives it back. */
static struct bytes deflated(const uint8_t *data, size_t len, bool raw)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len};

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, raw ? -15 : 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	const size_t room = deflateBound(&z, len);
	uint8_t *out = malloc(room);
	assert_non_null(out);
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	struct bytes exact = test_copy(BYTES(out, z.total_out));
	deflateEnd(&z);
	free(out);
	return exact;
}

static enum ukey_status status_of(struct bytes gzip, size_t max)
{
	struct bytes exact = test_copy(gzip);
	uint8_t *out = NULL;
	size_t len = 0;
	const enum ukey_status s = piv_inflate(exact, max, &out, &len);

	assert_int_equal(s == UKEY_OK, out != NULL);
	assert_true(s != UKEY_OK || (len > 0 && len <= max));
	free(out);
	test_drop(exact);
	return s;
}

static enum ukey_status status_of_hex(const char *text)
{
	struct bytes b = test_hex(text);
	const enum ukey_status s = status_of(b, MAX);

	test_drop(b);
	return s;
}

static void what_gzip_made_is_read(void **state)
{
	static const char *const members[] = {
		HEADER STREAM TRAILER,
		"1F8B08 1F 00000000 0000 0300 414200 6E616D6500 636F6D6D656E7400 0000" STREAM TRAILER, /* see below */
		"1F8B08 08 00000000 0003 612E64657200" STREAM TRAILER,     /* with a file's name */
		"1F8B08 01 00000000 0003" STREAM TRAILER,                  /* FTEXT */
		"1F8B08 04 00000000 0003 0600 415002000102" STREAM TRAILER /* extra field */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(members); i++) {
		struct bytes b = test_hex(members[i]);
		uint8_t *out = NULL;
		size_t len;
		if (i == 1) { /* all fields, with a CRC of the header that is wrong */
			assert_int_equal(piv_inflate(b, MAX, &out, &len), UKEY_TOKEN_PROTOCOL);
			assert_null(out);
		} else {
			assert_int_equal(piv_inflate(b, MAX, &out, &len), UKEY_OK);
			assert_bytes_hex(BYTES(out, len), "68656C6C6F205049560A");
		}
		free(out);
		test_drop(b);
	}
}

static void anything_else_is_refused(void **state)
{
	static const char *const bad[] = {
		"", "1F", "1F8B", HEADER, "1F8C0800000000000203" STREAM TRAILER, /* magic */
		"1F8B0700000000000203" STREAM TRAILER,                           /* another method */
		"1F8B0820000000000203" STREAM TRAILER,                           /* reserved flags */
		HEADER STREAM "D6430D7D0A000000",                                /* CRC */
		HEADER STREAM "D6430D7C0B000000",                                /* length */
		HEADER "0700" TRAILER,                                           /* a block of the reserved type */
		HEADER "0300 00000000 00000000",                                 /* nothing in it */
		HEADER STREAM TRAILER "00",                                      /* something behind it */
		HEADER STREAM TRAILER HEADER STREAM TRAILER,                     /* a second member */
		"789CCB48CDC9C95708F00CE302001406032E",                          /* zlib's own header */
		STREAM,                                                          /* none */
		"300A020101",                                                    /* DER */
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		if (status_of_hex(bad[i]) != UKEY_TOKEN_PROTOCOL) {
			print_message("%s\n", bad[i]);
			fail();
		}
}

static void a_member_cut_off_anywhere_is_refused(void **state)
{
	struct bytes b = test_hex(HEADER STREAM TRAILER);

	(void)state;
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(status_of(BYTES(b.data, n), MAX), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(status_of(b, MAX), UKEY_OK);
	test_drop(b);
}

static void any_bit_may_be_wrong(void **state)
{
	struct bytes b = test_hex(HEADER STREAM TRAILER);
	uint8_t *at = (uint8_t *)(uintptr_t)b.data;
	unsigned harmless = 0;

	(void)state;
	for (size_t n = 0; n < 8 * b.len; n++) {
		at[n / 8] ^= (uint8_t)(1 << n % 8);
		const bool header_says_nothing = n / 8 >= 4 && n / 8 < 10; /* time, extra flags, system */
		const bool text = n == 24, padding = n >= 170 && n < 176;  /* behind the last block */
		const enum ukey_status s = status_of(b, MAX);
		if (!header_says_nothing && !text && !padding)
			assert_int_not_equal(s, UKEY_OK);
		harmless += s == UKEY_OK;
		at[n / 8] ^= (uint8_t)(1 << n % 8);
	}
	assert_int_equal(harmless, 6 * 8 + 1 + 6);
	test_drop(b);
}

static void the_bound_is_exact(void **state)
{
	uint8_t *data = calloc(1, MAX + 1);

	(void)state;
	assert_non_null(data);
	for (size_t i = 0; i < 3000; i++)
		data[i] = (uint8_t)(i * i >> 3);
	for (size_t n = 1; n <= MAX + 1; n += n < 20 ? 1 : n < MAX - 20 ? 511 : 1) {
		struct bytes b = deflated(data, n, false);
		assert_int_equal(status_of(b, MAX), n <= MAX ? UKEY_OK : UKEY_TOO_LARGE);
		assert_int_equal(status_of(b, n), UKEY_OK);
		assert_int_equal(status_of(BYTES(b.data, b.len - 8), n), UKEY_TOKEN_PROTOCOL); /* no trailer */
		if (n > 1)
			assert_int_equal(status_of(b, n - 1), UKEY_TOO_LARGE);
		test_drop(b);
	}
	free(data);
}

/* 10 MB of zeros in 10 kB; what they may cost is malloc's to tell (under valgrind and the sanitizers: the test's time).
 */
static void a_bomb_is_refused(void **state)
{
	const size_t len = 10 * 1024 * 1024;
	uint8_t *zeros = calloc(1, len);

	(void)state;
	assert_non_null(zeros);
	struct bytes b = deflated(zeros, len, false);
	free(zeros);
	assert_in_range(b.len, 5000, 20000);
	assert_int_equal(status_of(b, MAX), UKEY_TOO_LARGE);
	test_drop(b);
}

/* More than any object of a card holds is not even begun: with a name for its file that is so long. */
static void what_no_card_holds_is_refused(void **state)
{
	struct bytes head = test_hex("1F8B0808000000000003"), tail = test_hex("00" STREAM TRAILER);
	uint8_t *member = malloc(65536);

	(void)state;
	assert_non_null(member);
	for (size_t len = 65535; len <= 65536; len++) {
		memset(member, 'n', len);
		memcpy(member, head.data, head.len);
		memcpy(member + len - tail.len, tail.data, tail.len);
		assert_int_equal(status_of(BYTES(member, len), MAX), len == 65535 ? UKEY_OK : UKEY_TOKEN_PROTOCOL);
	}
	free(member);
	test_drop(head);
	test_drop(tail);
}

#define ZLIB "789CCB48CDC9C95708F00CE302001406032E" /* what Python's zlib made of it */

/* Net iD's form: 01 00, length, zlib. */
static void what_net_id_wrote_is_read(void **state)
{
	static const struct {
		const char *in;
		enum ukey_status status;
	} rows[] = {
		{"0100 0A00" ZLIB,                                 UKEY_OK            },
		{"0100 0900" ZLIB,                                 UKEY_TOKEN_PROTOCOL}, /* it holds more than it says */
		{"0100 0B00" ZLIB,                                 UKEY_TOKEN_PROTOCOL}, /* less */
		{"0100 000A" ZLIB,                                 UKEY_TOKEN_PROTOCOL}, /* the other order */
		{"0100 0040" ZLIB,                                 UKEY_TOKEN_PROTOCOL}, /* 16384, as much as may be */
		{"0100 0140" ZLIB,                                 UKEY_TOO_LARGE     },
		{"0100 0000" ZLIB,                                 UKEY_TOKEN_PROTOCOL},
		{"0100 0000 789C030000000001",                     UKEY_TOKEN_PROTOCOL}, /* nothing in it */
		{"0100 0A00" ZLIB "00",                            UKEY_TOKEN_PROTOCOL},
		{"0100 0A00 789CCB48CDC9C95708F00CE302001406032F", UKEY_TOKEN_PROTOCOL}, /* checksum */
		{"0100 0A00" HEADER STREAM TRAILER,                UKEY_TOKEN_PROTOCOL},
		{"0101 0A00" ZLIB,                                 UKEY_TOKEN_PROTOCOL},
		{"0100 0A",					UKEY_TOKEN_PROTOCOL},
		{"0100",					   UKEY_TOKEN_PROTOCOL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		if (status_of_hex(rows[i].in) != rows[i].status) {
			print_message("%s\n", rows[i].in);
			fail();
		}
	struct bytes b = test_hex(rows[0].in);
	uint8_t *out = NULL;
	size_t len = 0;
	assert_int_equal(piv_inflate(b, 10, &out, &len), UKEY_OK);
	assert_bytes_hex(BYTES(out, len), "68656C6C6F205049560A");
	free(out);
	assert_int_equal(piv_inflate(b, 9, &out, &len), UKEY_TOO_LARGE);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(status_of(BYTES(b.data, n), MAX), UKEY_TOKEN_PROTOCOL);
	test_drop(b);
}

static void it_is_known_by_its_first_bytes(void **state)
{
	(void)state;
	assert_true(piv_is_compressed(BYTES((const uint8_t *)"\x1F\x8B", 2)));
	assert_true(piv_is_compressed(BYTES((const uint8_t *)"\x01\0\x05", 3)));
	assert_false(piv_is_compressed(BYTES((const uint8_t *)"\x1F", 1)));
	assert_false(piv_is_compressed(BYTES((const uint8_t *)"\x01\x01", 2)));
	assert_false(piv_is_compressed(BYTES((const uint8_t *)"\x30\x8B\x08", 3)));
	assert_false(piv_is_compressed(BYTES_NONE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_gzip_made_is_read),
		cmocka_unit_test(anything_else_is_refused),
		cmocka_unit_test(a_member_cut_off_anywhere_is_refused),
		cmocka_unit_test(any_bit_may_be_wrong),
		cmocka_unit_test(the_bound_is_exact),
		cmocka_unit_test(a_bomb_is_refused),
		cmocka_unit_test(what_no_card_holds_is_refused),
		cmocka_unit_test(what_net_id_wrote_is_read),
		cmocka_unit_test(it_is_known_by_its_first_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
