/* SPDX-License-Identifier: Apache-2.0 */
/* Answers of PIV cards as text: hex digits, with braces for lengths. */
#ifndef UKEY_TESTS_UNIT_PIV_TEXT_H
#define UKEY_TESTS_UNIT_PIV_TEXT_H

#include "common/bytes.h"
#include "tests/unit/test.h"

#define AID  "A00000030800001000"
#define FULL AID "0100"
#define X16  "11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 00"
#define X32  X16 X16
#define X64  X32 X32
#define X128 "80 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 00" X32 X64 "11 22 33 44 55 66 77 88 99 AA BB CC DD EE FF 01"
#define FASC "D4E739DA739CED39CE739D836858210842108421C84210C3EB"
#define SHA                                                                                                            \
	"3031323334353637 3839616263646566 3031323334353637 3839616263646566"                                          \
	"3031323334353637 3839616263646566 3031323334353637 3839616263646566"

/* `form` 0: the shortest; 1 to 4: that many bytes behind 81 to 84. False: the length does not fit it. */
static inline bool put_length(struct builder *b, size_t len, unsigned form)
{
	if (form == 0)
		form = len < 0x80 ? 0 : len < 0x100 ? 1 : 2;
	builder_u8(b, (uint8_t)(form == 0 ? len : 0x80 | form));
	for (unsigned shift = 8 * form; shift > 0; shift -= 8)
		builder_u8(b, (uint8_t)(len >> (shift - 8)));
	return form != 1 || len < 0x100;
}

/* Hex digits, where { } stand for a length in its shortest form and what it counts. */
static inline const char *put_text(struct builder *out, const char *text)
{
	uint8_t room[1024];

	while (*text && *text != '}') {
		if (*text == ' ') {
			text++;
		} else if (*text == '{') {
			struct builder inside = builder_of(room, sizeof room);
			text = put_text(&inside, text + 1);
			assert_int_equal(*text++, '}');
			put_length(out, inside.len, 0);
			builder_put(out, builder_bytes(&inside));
		} else {
			builder_u8(out, (uint8_t)(test_digit(text[0]) << 4 | test_digit(text[1])));
			text += 2;
		}
	}
	assert_false(out->failed);
	return text;
}

/* In a block of its own length, so that a sanitizer sees a read beyond. test_drop() gives it back. */
static inline struct bytes spell(const char *text)
{
	uint8_t room[2048];
	struct builder b = builder_of(room, sizeof room);

	assert_int_equal(*put_text(&b, text), 0);
	return test_copy(builder_bytes(&b));
}

#endif
