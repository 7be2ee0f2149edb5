/* SPDX-License-Identifier: Apache-2.0 */
#include "common/exchange.h"
#include "tests/unit/test.h"

/* A card that follows a script: each command must be the one that the next line expects. */
struct line {
	const char *command; /* NULL: any */
	const char *answer;
	int error; /* of the transport */
};

struct card {
	const struct line *at;
	size_t lines;
	size_t used;
	bool repeat; /* the last line again and again */
};

static int play(void *ctx, struct bytes command, struct builder *answer)
{
	struct card *card = ctx;

	assert_true(card->used < card->lines || card->repeat);
	const struct line *line = &card->at[card->used < card->lines ? card->used : card->lines - 1];
	card->used++;
	if (line->command) {
		struct bytes want = test_hex(line->command);
		assert_bytes_equal(command, want);
		test_drop(want);
	}
	if (line->error)
		return line->error;
	struct bytes a = test_hex(line->answer);
	builder_put(answer, a);
	test_drop(a);
	return 0;
}

struct row {
	const char *name;
	const char *command; /* as apdu_parse() reads it */
	bool extended, part;
	size_t max_command_data, max_answer, buffer;
	struct line lines[6];
	bool repeat;
	enum exchange_result result;
	const char *data;
	uint16_t sw;
	int error;
	unsigned count; /* 0: not looked at */
};

/* ISO 7816-4 5.3.4 (61xx), 5.6 (6Cxx) and the failures. A buffer of 0 is a roomy one. */
/* clang-format off */
static const struct row rows[] = {
	{.name = "a plain command",
		.command = "00A4040002AABB00",
		.lines = {{"00A4040002AABB00", "01029000", 0}},
		.data = "0102",
		.sw = 0x9000,
		.count = 1},
	{.name = "an error status is an answer",
		.command = "00A4040002AABB",
		.lines = {{"00A4040002AABB", "6A82", 0}},
		.data = "",
		.sw = 0x6A82,
		.count = 1},
	{.name = "a warning keeps its data",
		.command = "00CB3FFF00",
		.lines = {{NULL, "AA6282", 0}},
		.data = "AA",
		.sw = 0x6282,
		.count = 1},
	{.name = "data with an error is nobody's",
		.command = "00CB3FFF00",
		.lines = {{NULL, "AA6A80", 0}},
		.data = "",
		.sw = 0x6A80,
		.count = 1},
	{.name = "61xx is left where a part is wanted",
		.command = "00CB3FFF02",
		.part = true,
		.lines = {{"00CB3FFF02", "53046110", 0}},
		.data = "5304",
		.sw = 0x9000,
		.count = 1},
	{.name = "all of it may come",
		.command = "00CB3FFF02",
		.part = true,
		.lines = {{"00CB3FFF02", "5304010203049000", 0}},
		.data = "530401020304",
		.sw = 0x9000,
		.count = 1},
	{.name = "or nothing",
		.command = "00CB3FFF02",
		.part = true,
		.lines = {{"00CB3FFF02", "6A82", 0}},
		.data = "",
		.sw = 0x6A82,
		.count = 1},
	{.name = "61xx is fetched",
		.command = "00CB3FFF00",
		.lines = {{"00CB3FFF00", "6103", 0}, {"00C0000003", "AABBCC9000", 0}},
		.data = "AABBCC",
		.sw = 0x9000,
		.count = 2},
	{.name = "61xx with data, twice, with 00 for 256",
		.command = "00CB3FFF00",
		.lines = {{"00CB3FFF00", "AA6100", 0}, {"00C0000000", "BB6102", 0}, {"00C0000002", "CCDD9000", 0}},
		.data = "AABBCCDD",
		.sw = 0x9000,
		.count = 3},
	{.name = "GET RESPONSE on the same channel, without secure messaging and chaining",
		.command = "8FCB3FFF00",
		.lines = {{"8FCB3FFF00", "6101", 0}, {"03C0000001", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 2},
	{.name = "GET RESPONSE on a further channel",
		.command = "EACB3FFF00",
		.lines = {{"EACB3FFF00", "6101", 0}, {"4AC0000001", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 2},
	{.name = "an error in GET RESPONSE takes the pieces along",
		.command = "00CB3FFF00",
		.lines = {{NULL, "AA6101", 0}, {NULL, "6F00", 0}},
		.data = "",
		.sw = 0x6F00,
		.count = 2},
	{.name = "6Cxx is repeated with the right Le",
		.command = "00CB3FFF0100",
		.lines = {{"00CB3FFF0100", "6C05", 0}, {"00CB3FFF010005", "01020304059000", 0}},
		.data = "0102030405",
		.sw = 0x9000,
		.count = 2},
	{.name = "6C00 stands for 256",
		.command = "00CB3FFF05",
		.lines = {{"00CB3FFF05", "6C00", 0}, {"00CB3FFF00", "019000", 0}},
		.data = "01",
		.sw = 0x9000,
		.count = 2},
	{.name = "6Cxx keeps the data",
		.command = "00CB3FFF02AABB01",
		.lines = {{NULL, "6C02", 0}, {"00CB3FFF02AABB02", "01029000", 0}},
		.data = "0102",
		.sw = 0x9000,
		.count = 2},
	{.name = "6Cxx on GET RESPONSE",
		.command = "00CB3FFF00",
		.lines = {{NULL, "6105", 0}, {"00C0000005", "6C02", 0}, {"00C0000002", "01029000", 0}},
		.data = "0102",
		.sw = 0x9000,
		.count = 3},
	{.name = "6Cxx then 61xx",
		.command = "00CB3FFF01",
		.lines = {{NULL, "6C00", 0}, {NULL, "AA6101", 0}, {NULL, "BB9000", 0}},
		.data = "AABB",
		.sw = 0x9000,
		.count = 3},
	{.name = "6Cxx for ever",
		.command = "00CB3FFF01",
		.lines = {{NULL, "6C02", 0}},
		.repeat = true,
		.result = EXCHANGE_PROTOCOL,
		.count = 2},
	{.name = "6Cxx for ever in GET RESPONSE",
		.command = "00CB3FFF01",
		.lines = {{NULL, "6102", 0}, {NULL, "6C02", 0}},
		.repeat = true,
		.result = EXCHANGE_PROTOCOL,
		.count = 3},
	{.name = "6Cxx with data",
		.command = "00CB3FFF01",
		.lines = {{NULL, "AA6C02", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "61xx for ever without data",
		.command = "00CB3FFF00",
		.lines = {{NULL, "6101", 0}},
		.repeat = true,
		.result = EXCHANGE_PROTOCOL,
		.count = 2},
	{.name = "61xx for ever with data meets the end of the buffer",
		.command = "00CB3FFF00",
		.buffer = 100,
		.lines = {{NULL, "AA6101", 0}},
		.repeat = true,
		.result = EXCHANGE_TOO_LONG,
		.count = 99},
	{.name = "61xx for ever in a large buffer meets the bound of rounds",
		.command = "00CB3FFF00",
		.buffer = 4096,
		.lines = {{NULL, "AA6101", 0}},
		.repeat = true,
		.result = EXCHANGE_PROTOCOL,
		.count = EXCHANGE_ROUNDS_MAX},
	{.name = "an answer of exactly the buffer",
		.command = "00CB3FFF00",
		.buffer = 4,
		.lines = {{NULL, "AABB9000", 0}},
		.data = "AABB",
		.sw = 0x9000,
		.count = 1},
	{.name = "an answer longer than the buffer",
		.command = "00CB3FFF00",
		.buffer = 4,
		.lines = {{NULL, "AABBCC9000", 0}},
		.result = EXCHANGE_TOO_LONG,
		.count = 1},
	{.name = "an answer longer than the buffer in the second piece",
		.command = "00CB3FFF00",
		.buffer = 4,
		.lines = {{NULL, "AA6102", 0}, {NULL, "BBCC9000", 0}},
		.result = EXCHANGE_TOO_LONG,
		.count = 2},
	{.name = "an empty answer",
		.command = "00CB3FFF00",
		.lines = {{NULL, "", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "half a status word",
		.command = "00CB3FFF00",
		.lines = {{NULL, "90", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "half a status word after a good piece",
		.command = "00CB3FFF00",
		.lines = {{NULL, "AA6101", 0}, {NULL, "90", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 2},
	{.name = "the transport fails",
		.command = "00CB3FFF00",
		.lines = {{NULL, NULL, 17}},
		.result = EXCHANGE_TRANSPORT,
		.error = 17,
		.count = 1},
	{.name = "the transport fails in GET RESPONSE",
		.command = "00CB3FFF00",
		.lines = {{NULL, "AA6101", 0}, {NULL, NULL, -5}},
		.result = EXCHANGE_TRANSPORT,
		.error = -5,
		.count = 2},
	{.name = "an extended Le becomes a short one where extended is not allowed",
		.command = "00CB3FFF000000",
		.lines = {{"00CB3FFF00", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 1},
	{.name = "an extended command of short lengths too",
		.command = "00CB3FFF000001AA0005",
		.lines = {{"00CB3FFF01AA05", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 1},
	{.name = "extended stays extended where allowed",
		.command = "00CB3FFF000001AA0000",
		.extended = true,
		.lines = {{"00CB3FFF000001AA0000", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 1},
	{.name = "Le is kept to what the transport can bring",
		.command = "00CB3FFF000000",
		.extended = true,
		.max_answer = 2048,
		.lines = {{"00CB3FFF000800", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 1},
	{.name = "data longer than the transport's limit is chained",
		.command = "80DB3FFF 05 0102030405 00",
		.max_command_data = 2,
		.lines = {{"90DB3FFF020102", "9000", 0}, {"90DB3FFF020304", "9000", 0}, {"80DB3FFF010500", "AA9000", 0}},
		.data = "AA",
		.sw = 0x9000,
		.count = 3},
	{.name = "data of exactly the limit is not",
		.command = "80DB3FFF 04 01020304",
		.max_command_data = 4,
		.lines = {{"80DB3FFF0401020304", "9000", 0}},
		.data = "",
		.sw = 0x9000,
		.count = 1},
	{.name = "a multiple of the limit has no empty last piece",
		.command = "04DB3FFF 04 01020304",
		.max_command_data = 2,
		.lines = {{"14DB3FFF020102", "9000", 0}, {"04DB3FFF020304", "9000", 0}},
		.data = "",
		.sw = 0x9000,
		.count = 2},
	{.name = "extended, too long: the chain is of short commands",
		.command = "00DB3FFF 000003 010203 0000",
		.extended = true,
		.max_command_data = 2,
		.lines = {{"10DB3FFF020102", "9000", 0}, {"00DB3FFF010300", "9000", 0}},
		.data = "",
		.sw = 0x9000,
		.count = 2},
	{.name = "a chain refused in the middle ends there",
		.command = "00DB3FFF 05 0102030405",
		.max_command_data = 2,
		.lines = {{NULL, "9000", 0}, {NULL, "6A84", 0}},
		.data = "",
		.sw = 0x6A84,
		.count = 2},
	{.name = "chaining not supported",
		.command = "00DB3FFF 05 0102030405",
		.max_command_data = 2,
		.lines = {{NULL, "6884", 0}},
		.data = "",
		.sw = 0x6884,
		.count = 1},
	{.name = "a chain of which the last piece gets 6Cxx and 61xx",
		.command = "00DB3FFF 03 010203 00",
		.max_command_data = 2,
		.lines = {{NULL, "9000", 0}, {"00DB3FFF010300", "6C01", 0}, {"00DB3FFF010301", "AA6101", 0},
			{"00C0000001", "BB9000", 0}},
		.data = "AABB",
		.sw = 0x9000,
		.count = 4},
	{.name = "61xx in the middle of a chain",
		.command = "00DB3FFF 03 010203",
		.max_command_data = 2,
		.lines = {{NULL, "6101", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "6Cxx in the middle of a chain",
		.command = "00DB3FFF 03 010203",
		.max_command_data = 2,
		.lines = {{NULL, "6C01", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "data in the middle of a chain",
		.command = "00DB3FFF 03 010203",
		.max_command_data = 2,
		.lines = {{NULL, "AA9000", 0}},
		.result = EXCHANGE_PROTOCOL,
		.count = 1},
	{.name = "the transport fails in the middle of a chain",
		.command = "00DB3FFF 03 010203",
		.max_command_data = 2,
		.lines = {{NULL, "9000", 0}, {NULL, NULL, 3}},
		.result = EXCHANGE_TRANSPORT,
		.error = 3,
		.count = 2},
};
/* clang-format on */

static size_t lines_of(const struct row *r)
{
	size_t n = 0;
	while (n < COUNT(r->lines) && (r->lines[n].answer || r->lines[n].error))
		n++;
	return n;
}

static void follows_the_script(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *r = &rows[i];
		fprintf(stderr, "    %s\n", r->name);
		struct card card = {r->lines, lines_of(r), 0, r->repeat};
		struct exchange x = {.transceive = play,
			.ctx = &card,
			.extended = r->extended,
			.max_command_data = r->max_command_data,
			.max_answer = r->max_answer};
		struct bytes raw = test_hex(r->command);
		struct apdu command;
		size_t cap = 1 + (r->buffer ? r->buffer : 8192);
		uint8_t *buffer = malloc(cap);
		assert_non_null(buffer);
		struct builder answer = builder_of(buffer, cap);
		uint16_t sw = 0xFFFF;
		builder_u8(&answer, 0x77); /* what is there already stays */
		assert_true(apdu_parse(raw, &command));
		command.part = r->part;

		assert_int_equal(exchange(&x, &command, &answer, &sw), r->result);
		assert_int_equal(sw, r->sw);
		assert_false(answer.failed);
		assert_int_equal(buffer[0], 0x77);
		assert_bytes_hex(BYTES(buffer + 1, answer.len - 1), r->data ? r->data : "");
		assert_int_equal(x.count, r->count);
		assert_int_equal(x.count, card.used);
		if (r->result == EXCHANGE_TRANSPORT)
			assert_int_equal(x.transport_error, r->error);
		free(buffer);
		test_drop(raw);
	}
}

/* A card that knows its part of the standard: joins chains, and gives the same bytes back in pieces. */
struct echo {
	uint8_t data[65535];
	size_t len, sent;
	size_t piece; /* of the answer */
	bool saw_extended;
};

static int echo_transceive(void *ctx, struct bytes raw, struct builder *answer)
{
	struct echo *e = ctx;
	struct apdu a;

	assert_true(apdu_parse(raw, &a));
	e->saw_extended |= a.extended;
	if (a.ins != 0xC0) {
		if (e->sent != 0)
			e->len = e->sent = 0;
		assert_true(e->len + a.data.len <= sizeof e->data);
		bytes_copy(e->data + e->len, a.data);
		e->len += a.data.len;
		if (a.cla & 0x10) {
			assert_int_equal(a.le, 0);
			builder_u16(answer, SW_OK);
			return 0;
		}
	}
	size_t left = e->len - e->sent, n = left < a.le ? left : a.le;
	if (n > e->piece)
		n = e->piece;
	builder_put(answer, BYTES(e->data + e->sent, n));
	e->sent += n;
	left -= n;
	builder_u16(answer, (uint16_t)(left == 0 ? SW_OK : SW_BYTES_REMAIN | (left > 255 ? 0 : left)));
	return 0;
}

static void long_data_comes_back_whole(void **state)
{
	(void)state;
	static const size_t lengths[] = {1, 254, 255, 256, 257, 510, 511, 4096, 65535};
	static const size_t pieces[] = {256, 255, 200, 65536};
	struct echo *e = malloc(sizeof *e);
	uint8_t *data = malloc(65535), *back = malloc(65537);
	assert_non_null(e);
	assert_non_null(data);
	assert_non_null(back);
	for (size_t i = 0; i < 65535; i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	for (size_t i = 0; i < COUNT(lengths) * COUNT(pieces) * 2; i++) {
		size_t n = lengths[i / 2 % COUNT(lengths)];
		e->len = e->sent = 0;
		e->piece = pieces[i / 2 / COUNT(lengths)];
		e->saw_extended = false;
		struct exchange x = {.transceive = echo_transceive, .ctx = e, .extended = i & 1};
		struct apdu a = {.ins = 0xCB, .data = BYTES(data, n), .le = APDU_LE_MAX};
		struct builder answer = builder_of(back, n + 2);
		uint16_t sw;
		assert_int_equal(exchange(&x, &a, &answer, &sw), EXCHANGE_OK);
		assert_int_equal(sw, SW_OK);
		assert_bytes_equal(builder_bytes(&answer), BYTES(data, n));
		assert_int_equal(e->saw_extended, x.extended);
		if (x.extended && e->piece == 65536)
			assert_int_equal(x.count, 1);
		if (!x.extended && e->piece >= 256) /* as few as the standard allows */
			assert_int_equal(x.count, (n + 254) / 255 + (n + 255) / 256 - 1);
	}
	free(e);
	free(data);
	free(back);
}

static void refuses_a_command_that_no_apdu_can_hold(void **state)
{
	(void)state;
	struct card card = {0};
	struct exchange x = {.transceive = play, .ctx = &card, .extended = true};
	uint8_t buffer[16];
	struct builder answer = builder_of(buffer, sizeof buffer), failed = answer;
	struct apdu a = {.le = APDU_LE_MAX + 1}, fine = {.le = 1};
	uint16_t sw;
	failed.failed = true;
	assert_int_equal(exchange(&x, &a, &answer, &sw), EXCHANGE_INVALID);
	assert_int_equal(exchange(&x, &fine, &failed, &sw), EXCHANGE_INVALID);
	assert_int_equal(x.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(follows_the_script),
		cmocka_unit_test(long_data_comes_back_whole),
		cmocka_unit_test(refuses_a_command_that_no_apdu_can_hold),
	};
	return cmocka_run_group_tests_name("exchange", tests, NULL, NULL);
}
