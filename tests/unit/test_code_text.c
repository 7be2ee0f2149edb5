/* SPDX-License-Identifier: Apache-2.0 */
/* Codes for the phone (LC-18): what a person mistypes or mishears is seen, always, and mostly where. */
#include "common/code_text.h"
#include "tests/unit/test.h"

#define ROUNDS 300

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* xorshift32: the same codes in every run. */
static uint32_t seed = 0x2545F491;

static uint32_t any(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed % below;
}

static void any_code(enum code_kind kind, uint8_t bytes[CODE_TEXT_SIZE], char text[CODE_TEXT_SIZE])
{
	size_t n = code_text_bytes(kind);

	for (size_t i = 0; i < n; i++)
		bytes[i] = (uint8_t)any(256);
	if (kind == CODE_ANSWER)
		bytes[n - 1] &= 0x80;
	assert_true(code_text_encode(kind, BYTES(bytes, n), text, CODE_TEXT_SIZE));
}

static struct code_fault decode(enum code_kind kind, const char *text)
{
	struct code_fault fault;
	uint8_t out[CODE_TEXT_SIZE];
	struct builder b = builder_of(out, sizeof(out));
	bool ok = code_text_decode(kind, text, &b, &fault);

	assert_int_equal(ok, fault.error == CODE_OK);
	assert_int_equal(b.len, ok ? code_text_bytes(kind) : 0);
	return fault;
}

static unsigned group_of(size_t at)
{
	return (unsigned)(at / 6 + 1); /* five characters and a hyphen */
}

/* The shapes of the contract, and what every other implementation must come to. */
static void writes_these_texts(void **state)
{
	static const struct {
		enum code_kind kind;
		const char *bytes, *text;
	} rows[] = {
		{CODE_CHALLENGE, "00 0000000000000000 0000 0000000000000000",
                 "00000-00000-00000-00000-00000-00000-0CH1E"                                     },
		{CODE_CHALLENGE, "01 0102030405060708 0005 A1A2A3A4A5A6A7A8",
                 "040G4-0R40M-30E20-00PGT-58X4M-PKAFA-0GSYM"                                     },
		{CODE_ANSWER,    "00 00 00 00 00 00 00 00 00",                "00000-00000-000AQ"},
		{CODE_ANSWER,    "FF FF FF FF FF FF FF FF 80",                "ZZZZZ-ZZZZZ-ZZZW2"},
		{CODE_PROOF,     "00 00 00 00 00",                            "00000-000PF"      },
		{CODE_ANSWER,    "B4 1A DC 33 EC D9 4D 48 80",                "PGDDR-CZCV5-6MHDZ"},
		{CODE_PROOF,     "A8 D9 D8 A8 C0",                            "N3CXH-A6060"      },
	};
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes in = test_hex(rows[i].bytes);
		char text[CODE_TEXT_SIZE];
		uint8_t out[CODE_TEXT_SIZE];
		struct builder b = builder_of(out, sizeof(out));
		struct code_fault fault;
		assert_true(code_text_encode(rows[i].kind, in, text, sizeof(text)));
		assert_string_equal(text, rows[i].text);
		assert_true(code_text_decode(rows[i].kind, text, &b, &fault));
		assert_bytes_equal(builder_bytes(&b), in);
		test_drop(in);
	}
}

static void reads_what_people_type(void **state)
{
	static const char *const texts[] = {
		"00000-000PF", "00000000pf", "ooooo ooopf", " 0 0000\t00-0-pF\r\n", "OOOOO-OOOPF"};
	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++)
		assert_int_equal(decode(CODE_PROOF, texts[i]).error, CODE_OK);
}

static void every_code_comes_back(void **state)
{
	(void)state;
	for (int kind = 0; kind < CODE_KINDS; kind++) {
		for (int round = 0; round < ROUNDS; round++) {
			uint8_t bytes[CODE_TEXT_SIZE], out[CODE_TEXT_SIZE];
			char text[CODE_TEXT_SIZE];
			struct builder b = builder_of(out, sizeof(out));
			struct code_fault fault;
			any_code((enum code_kind)kind, bytes, text);
			assert_true(code_text_decode((enum code_kind)kind, text, &b, &fault));
			assert_bytes_equal(builder_bytes(&b), BYTES(bytes, code_text_bytes((enum code_kind)kind)));
		}
	}
}

/* One wrong character: always seen, and its group always among those named; in a challenge it is the only one. */
static void sees_every_wrong_character(void **state)
{
	size_t named = 0, alone = 0;

	(void)state;
	for (int kind = 0; kind < CODE_KINDS; kind++) {
		for (int round = 0; round < ROUNDS / 10; round++) {
			uint8_t bytes[CODE_TEXT_SIZE];
			char text[CODE_TEXT_SIZE];
			any_code((enum code_kind)kind, bytes, text);
			for (size_t i = 0; text[i]; i++) {
				char right = text[i];
				for (size_t c = 0; right != '-' && alphabet[c]; c++) {
					if (alphabet[c] == right)
						continue;
					text[i] = alphabet[c];
					struct code_fault fault = decode((enum code_kind)kind, text);
					assert_int_equal(fault.error, CODE_CHECK);
					assert_true(fault.groups & 1u << group_of(i));
					named++;
					alone += fault.groups == 1u << group_of(i);
					if (kind == CODE_CHALLENGE)
						assert_int_equal(fault.groups, 1u << group_of(i));
				}
				text[i] = right;
			}
		}
	}
	print_message("the one group named: %zu of %zu\n", alone, named);
	assert_true(alone * 10 > named * 9);
}

static void sees_every_exchange_of_neighbours(void **state)
{
	(void)state;
	for (int kind = 0; kind < CODE_KINDS; kind++) {
		for (int round = 0; round < ROUNDS; round++) {
			uint8_t bytes[CODE_TEXT_SIZE];
			char text[CODE_TEXT_SIZE];
			any_code((enum code_kind)kind, bytes, text);
			for (size_t i = 0; text[i + 1]; i++) {
				size_t next = text[i + 1] == '-' ? i + 2 : i + 1;
				char first = text[i];
				if (first == '-' || first == text[next])
					continue;
				text[i] = text[next];
				text[next] = first;
				struct code_fault fault = decode((enum code_kind)kind, text);
				assert_int_equal(fault.error, CODE_CHECK);
				assert_true(fault.groups & 1u << group_of(i));
				assert_true(fault.groups & 1u << group_of(next));
				text[next] = text[i];
				text[i] = first;
			}
		}
	}
}

/* Distance 3: any two wrong characters; distance 4 (challenge): any three. By linearity one code stands for all. */
static void sees_two_and_three_wrong(void **state)
{
	(void)state;
	for (int kind = 0; kind < CODE_KINDS; kind++) {
		for (int round = 0; round < 20000; round++) {
			static char text[CODE_TEXT_SIZE], wrong[CODE_TEXT_SIZE];
			uint8_t bytes[CODE_TEXT_SIZE];
			size_t n = code_text_length((enum code_kind)kind);
			if (round % 1000 == 0)
				any_code((enum code_kind)kind, bytes, text);
			memcpy(wrong, text, sizeof(wrong));
			for (int k = 0; k < (kind == CODE_CHALLENGE ? 3 : 2); k++) {
				size_t i = any((uint32_t)n);
				wrong[i + i / 5] = alphabet[any(32)];
			}
			if (strcmp(wrong, text) != 0) {
				struct code_fault fault;
				uint8_t out[CODE_TEXT_SIZE];
				struct builder b = builder_of(out, sizeof(out));
				assert_false(code_text_decode((enum code_kind)kind, wrong, &b, &fault));
			}
		}
	}
}

static void names_what_is_wrong(void **state)
{
	struct code_fault fault;

	(void)state;
	fault = decode(CODE_PROOF, "00000-000P");
	assert_int_equal(fault.error, CODE_LENGTH);
	assert_int_equal(fault.have, 9);
	assert_int_equal(fault.want, 10);
	fault = decode(CODE_PROOF, "");
	assert_int_equal(fault.error, CODE_LENGTH);
	assert_int_equal(fault.have, 0);
	fault = decode(CODE_CHALLENGE, "00000-00000-00000-00000-00000-00000-0CH1E-00000-00000");
	assert_int_equal(fault.error, CODE_LENGTH);
	assert_int_equal(fault.have, 45);
	fault = decode(CODE_PROOF, "00000-00uPF");
	assert_int_equal(fault.error, CODE_CHARACTER);
	assert_int_equal(fault.at, 8);
	assert_int_equal(fault.group, 2);
	fault = decode(CODE_PROOF, "0\xC3\xA4");
	assert_int_equal(fault.error, CODE_CHARACTER);
	assert_int_equal(fault.at, 1);
	assert_int_equal(fault.group, 1);
}

/* A proof typed where an answer is asked for is told apart from a mistyped answer. */
static void tells_kinds_apart(void **state)
{
	(void)state;
	for (int is = 0; is < CODE_KINDS; is++) {
		for (int as = 0; as < CODE_KINDS; as++) {
			uint8_t bytes[CODE_TEXT_SIZE];
			char text[CODE_TEXT_SIZE];
			any_code((enum code_kind)is, bytes, text);
			struct code_fault fault = decode((enum code_kind)as, text);
			assert_int_equal(fault.error, is == as ? CODE_OK : CODE_OTHER);
			if (is != as)
				assert_int_equal(fault.other, is);
		}
	}
}

static void refuses_bytes_of_another_shape(void **state)
{
	static const uint8_t bytes[20] = {[8] = 1};
	char text[CODE_TEXT_SIZE] = "x";

	(void)state;
	assert_false(code_text_encode(CODE_CHALLENGE, BYTES(bytes, 18), text, sizeof(text)));
	assert_string_equal(text, "");
	assert_false(code_text_encode(CODE_CHALLENGE, BYTES(bytes, 20), text, sizeof(text)));
	assert_false(code_text_encode(CODE_ANSWER, BYTES(bytes, 9), text, sizeof(text)));
	assert_false(code_text_encode(CODE_CHALLENGE, BYTES(bytes, 19), text, CODE_TEXT_SIZE - 1));
	assert_true(code_text_encode(CODE_CHALLENGE, BYTES(bytes, 19), text, CODE_TEXT_SIZE));
	assert_int_equal(strlen(text), CODE_TEXT_SIZE - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_these_texts),
		cmocka_unit_test(reads_what_people_type),
		cmocka_unit_test(every_code_comes_back),
		cmocka_unit_test(sees_every_wrong_character),
		cmocka_unit_test(sees_every_exchange_of_neighbours),
		cmocka_unit_test(sees_two_and_three_wrong),
		cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(tells_kinds_apart),
		cmocka_unit_test(refuses_bytes_of_another_shape),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
