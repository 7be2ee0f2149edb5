/* SPDX-License-Identifier: Apache-2.0 */
/* Codes that people type: what is accepted is written back as the same code, and nothing else is accepted. */
#include "common/code_text.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void read_text(enum code_kind kind, const char *text, size_t size)
{
	uint8_t bytes[CODE_TEXT_SIZE], again[CODE_TEXT_SIZE];
	char code[CODE_TEXT_SIZE];
	struct code_fault fault;
	struct builder b = builder_of(bytes, sizeof(bytes)), c = builder_of(again, sizeof(again));

	if (!code_text_decode(kind, text, &b, &fault)) {
		FUZZ_REQUIRE(fault.error != CODE_OK && b.len == 0);
		FUZZ_REQUIRE(fault.error != CODE_CHARACTER || fault.at < size);
		FUZZ_REQUIRE(fault.error != CODE_CHECK || fault.groups >> (code_text_groups(kind) + 1) == 0);
		return;
	}
	FUZZ_REQUIRE(b.len == code_text_bytes(kind));
	FUZZ_REQUIRE(code_text_encode(kind, builder_bytes(&b), code, sizeof(code)));
	FUZZ_REQUIRE(code_text_decode(kind, code, &c, &fault));
	FUZZ_REQUIRE(bytes_equal(builder_bytes(&b), builder_bytes(&c)));
	for (int other = 0; other < CODE_KINDS; other++)
		FUZZ_REQUIRE(other == (int)kind || !code_text_decode((enum code_kind)other, text, &c, &fault));
}

/* Any bytes of the right number make a code that comes back. */
static void write_bytes(enum code_kind kind, const uint8_t *data, size_t size)
{
	uint8_t in[CODE_TEXT_SIZE] = {0}, out[CODE_TEXT_SIZE];
	char code[CODE_TEXT_SIZE];
	struct code_fault fault;
	struct builder b = builder_of(out, sizeof(out));
	size_t n = code_text_bytes(kind);

	memcpy(in, data, size < n ? size : n);
	if (!code_text_encode(kind, BYTES(in, n), code, sizeof(code))) {
		FUZZ_REQUIRE(kind == CODE_ANSWER && (in[n - 1] & 0x7F) != 0);
		return;
	}
	FUZZ_REQUIRE(code_text_decode(kind, code, &b, &fault) && bytes_equal(builder_bytes(&b), BYTES(in, n)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	FUZZ_REQUIRE(text);
	memcpy(text, data, size);
	text[size] = '\0';
	for (int kind = 0; kind < CODE_KINDS; kind++) {
		read_text((enum code_kind)kind, text, strlen(text));
		write_bytes((enum code_kind)kind, data, size);
	}
	free(text);
	return 0;
}
