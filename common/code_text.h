/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Codes that people read to each other over the phone: Base32 in Crockford's alphabet (no I, L, O, U; read without
 * regard to case, I and L as 1, O as 0), in groups of five, with check characters at the end.
 *
 *	kind       bytes  characters  of them check  groups
 *	challenge  19     35          4              7       version, serial, counter, random
 *	answer     9      15          2              3       65 bits; the low 7 bits are zero
 *	proof      5      10          2              2
 *
 * The characters are the coefficients of a polynomial over GF(32), modulo x^5 + x^2 + 1, the first character's the
 * highest. Its remainder modulo the kind's generator is the kind's constant:
 *	two check characters: (x + 2)(x + 4), a Reed-Solomon code of distance 3: one or two wrong characters, and so
 * every exchange of two, are seen; four: x^4 + x^3 + 3 x^2 + x + 1, found by search: distance 4, up to three wrong
 * characters are seen. The constants differ by kind, so a code of one kind is none of another, whatever their lengths.
 */
#ifndef UKEY_COMMON_CODE_TEXT_H
#define UKEY_COMMON_CODE_TEXT_H

#include "common/bytes.h"

enum code_kind {
	CODE_CHALLENGE,
	CODE_ANSWER,
	CODE_PROOF,
	CODE_KINDS, /* count */
};

/* Longest text with its hyphens and the closing NUL. */
#define CODE_TEXT_SIZE 42

enum code_error {
	CODE_OK,
	CODE_LENGTH,    /* too few or too many characters */
	CODE_CHARACTER, /* one that is not in the alphabet */
	CODE_CHECK,     /* mistyped or misheard somewhere */
	CODE_OTHER,     /* a good code, but of another kind */
};

struct code_fault {
	enum code_error error;
	size_t have, want; /* LENGTH: characters, without separators */
	size_t at;         /* CHARACTER: its index in the text */
	unsigned group;    /* CHARACTER: the group it is in, from 1 */
	/*
	 * CHECK: bit n set (from bit 1): one wrong character in group n, or two neighbours exchanged there, would
	 * explain it. Usually one bit. 0: there is more wrong than that.
	 */
	unsigned groups;
	enum code_kind other; /* OTHER: the kind that it is */
};

size_t code_text_bytes(enum code_kind kind);
/* Characters with the check characters and without separators. */
size_t code_text_length(enum code_kind kind);
unsigned code_text_groups(enum code_kind kind);

/* Upper case, groups joined by hyphens. False, and an empty text when there is room for one, for bytes that are not of
 * this kind or a `cap` that is too short; CODE_TEXT_SIZE is always enough. */
bool code_text_encode(enum code_kind kind, struct bytes in, char *out, size_t cap);

/* Append the bytes. Hyphens and white space are skipped wherever they stand. False leaves the builder unchanged and
 * says in *fault what is wrong (CODE_OK there: the builder has no room). */
bool code_text_decode(enum code_kind kind, const char *text, struct builder *out, struct code_fault *fault);

#endif
