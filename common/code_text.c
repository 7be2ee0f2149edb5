/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code_text.h"

#include <string.h>

#define GROUP     5
#define BITS      5
#define SYMBOLS   32
#define CHECK_MAX 4
#define CHARS_MAX 35

static const struct kind {
	size_t bytes, data, check; /* data: characters that carry the bits */
	size_t spare;              /* low bits of the last byte that are not carried and must be zero */
	uint8_t generator[CHECK_MAX];
	uint8_t constant[CHECK_MAX];
} kinds[CODE_KINDS] = {
	[CODE_CHALLENGE] = {19, 31, 4, 0, {1, 3, 1, 1}, {12, 17, 1, 14}},
	[CODE_ANSWER] = {9,  13, 2, 7, {6, 8},       {10, 23}       },
	[CODE_PROOF] = {5,  8,  2, 0, {6, 8},       {22, 15}       },
};

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

size_t code_text_bytes(enum code_kind kind)
{
	return kinds[kind].bytes;
}

size_t code_text_length(enum code_kind kind)
{
	return kinds[kind].data + kinds[kind].check;
}

unsigned code_text_groups(enum code_kind kind)
{
	return (unsigned)(code_text_length(kind) / GROUP);
}

/* In GF(32) modulo x^5 + x^2 + 1. */
static uint8_t multiply(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b != 0; b >>= 1) {
		if (b & 1)
			product ^= a;
		a = (uint8_t)(a << 1);
		if (a & SYMBOLS)
			a ^= 0x25;
	}
	return product;
}

/* Times x, plus the next coefficient, modulo the generator. */
static void step(const struct kind *k, uint8_t rest[CHECK_MAX], uint8_t next)
{
	uint8_t top = rest[0];

	for (size_t j = 0; j < k->check; j++)
		rest[j] = (j + 1 < k->check ? rest[j + 1] : next) ^ multiply(top, k->generator[j]);
}

/* The remainder of the polynomial, added to the kind's constant: all zero for a good code. */
static void remainder_of(const struct kind *k, const uint8_t *symbols, uint8_t rest[CHECK_MAX])
{
	memset(rest, 0, CHECK_MAX);
	for (size_t i = 0; i < k->data + k->check; i++)
		step(k, rest, symbols[i]);
	for (size_t j = 0; j < k->check; j++)
		rest[j] ^= k->constant[j];
}

static bool good(const struct kind *k, const uint8_t *symbols)
{
	static const uint8_t zero[CHECK_MAX];
	uint8_t rest[CHECK_MAX];

	remainder_of(k, symbols, rest);
	return memcmp(rest, zero, k->check) == 0;
}

/* The characters' values from the bits of the bytes, the highest first; bits beyond the last byte are zero. */
static void spread(const struct kind *k, struct bytes in, uint8_t *symbols)
{
	for (size_t i = 0; i < k->data; i++) {
		unsigned value = 0;
		for (size_t bit = i * BITS; bit < (i + 1) * BITS; bit++) {
			unsigned byte = bit / 8 < in.len ? in.data[bit / 8] : 0;
			value = value << 1 | (byte >> (7 - bit % 8) & 1);
		}
		symbols[i] = (uint8_t)value;
	}
}

/* And back. False when a bit that must be zero is not: such a text is not one that spread() makes. */
static bool gather(const struct kind *k, const uint8_t *symbols, uint8_t *out)
{
	memset(out, 0, k->bytes);
	for (size_t bit = 0; bit < k->data * BITS; bit++) {
		unsigned value = symbols[bit / BITS] >> (BITS - 1 - bit % BITS) & 1;
		if (bit / 8 < k->bytes)
			out[bit / 8] |= (uint8_t)(value << (7 - bit % 8));
		else if (value != 0)
			return false;
	}
	return true;
}

bool code_text_encode(enum code_kind kind, struct bytes in, char *out, size_t cap)
{
	const struct kind *k = &kinds[kind];
	size_t total = k->data + k->check, n = 0;
	uint8_t symbols[CHARS_MAX] = {0}, rest[CHECK_MAX];

	if (cap > 0)
		out[0] = '\0';
	if (in.len != k->bytes || cap < total + total / GROUP)
		return false;
	if ((in.data[in.len - 1] & ((1u << k->spare) - 1)) != 0)
		return false;
	spread(k, in, symbols);
	remainder_of(k, symbols, rest);
	memcpy(symbols + k->data, rest, k->check);
	for (size_t i = 0; i < total; i++) {
		if (i > 0 && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = alphabet[symbols[i]];
	}
	out[n] = '\0';
	bytes_wipe(symbols, sizeof(symbols));
	return true;
}

/* SYMBOLS for a character that is none of the alphabet. */
static uint8_t value_of(char c)
{
	const char *at;

	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	if (c == 'I' || c == 'L')
		c = '1';
	if (c == 'O')
		c = '0';
	at = c != '\0' ? strchr(alphabet, c) : NULL;
	return at != NULL ? (uint8_t)(at - alphabet) : SYMBOLS;
}

static bool separator(char c)
{
	return c == '-' || c == ' ' || (c >= '\t' && c <= '\r');
}

/* The values of the text; counts further than CHARS_MAX without storing. */
static bool read_symbols(const char *text, uint8_t symbols[CHARS_MAX], size_t *count, struct code_fault *fault)
{
	size_t n = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		uint8_t value = value_of(text[i]);
		if (separator(text[i]))
			continue;
		if (value == SYMBOLS) {
			*fault = (struct code_fault){
				.error = CODE_CHARACTER, .at = i, .group = (unsigned)(n / GROUP + 1)};
			return false;
		}
		if (n < CHARS_MAX)
			symbols[n] = value;
		n++;
	}
	*count = n;
	return true;
}

static unsigned group_bit(size_t i)
{
	return 1u << (i / GROUP + 1);
}

/* Adding `factor` to the coefficient whose remainders are `column` would make the code good. */
static bool explains(const struct kind *k, const uint8_t rest[CHECK_MAX], const uint8_t *column, uint8_t factor)
{
	for (size_t j = 0; j < k->check; j++)
		if (multiply(column[j], factor) != rest[j])
			return false;
	return true;
}

/* The groups in which one wrong character, or two neighbours exchanged, explain a bad code. */
static unsigned explain(const struct kind *k, const uint8_t *symbols)
{
	uint8_t rest[CHECK_MAX], column[CHECK_MAX] = {0}, lower[CHECK_MAX] = {0}, pair[CHECK_MAX];
	unsigned groups = 0;

	remainder_of(k, symbols, rest);
	column[k->check - 1] = 1; /* x^0: the last character */
	for (size_t i = k->data + k->check; i-- > 0;) {
		for (unsigned change = 1; change < SYMBOLS; change++)
			if (explains(k, rest, column, (uint8_t)change))
				groups |= group_bit(i);
		for (size_t j = 0; j < k->check; j++)
			pair[j] = column[j] ^ lower[j];
		if (i + 1 < k->data + k->check && symbols[i] != symbols[i + 1] &&
			explains(k, rest, pair, symbols[i] ^ symbols[i + 1]))
			groups |= group_bit(i) | group_bit(i + 1);
		memcpy(lower, column, sizeof(lower));
		step(k, column, 0);
	}
	return groups;
}

/* A code of this many characters that is good for another kind. */
static bool other_kind(enum code_kind kind, const uint8_t *symbols, size_t count, struct code_fault *fault)
{
	for (int other = 0; other < CODE_KINDS; other++) {
		if (other == (int)kind || code_text_length((enum code_kind)other) != count ||
			!good(&kinds[other], symbols))
			continue;
		*fault = (struct code_fault){.error = CODE_OTHER, .other = (enum code_kind)other};
		return true;
	}
	return false;
}

static bool check_symbols(enum code_kind kind, uint8_t *symbols, size_t count, struct code_fault *fault)
{
	const struct kind *k = &kinds[kind];

	if (count == k->data + k->check && good(k, symbols))
		return true;
	if (other_kind(kind, symbols, count, fault))
		return false;
	if (count != k->data + k->check)
		*fault = (struct code_fault){.error = CODE_LENGTH, .have = count, .want = k->data + k->check};
	else
		*fault = (struct code_fault){.error = CODE_CHECK, .groups = explain(k, symbols)};
	return false;
}

bool code_text_decode(enum code_kind kind, const char *text, struct builder *out, struct code_fault *fault)
{
	const struct kind *k = &kinds[kind];
	uint8_t symbols[CHARS_MAX] = {0}, bytes[CHARS_MAX];
	size_t count = 0;
	bool ok = read_symbols(text, symbols, &count, fault) && check_symbols(kind, symbols, count, fault);

	if (ok && !gather(k, symbols, bytes)) {
		*fault = (struct code_fault){.error = CODE_CHECK};
		ok = false;
	}
	if (ok) {
		*fault = (struct code_fault){.error = CODE_OK};
		builder_put(out, BYTES(bytes, k->bytes));
		ok = !out->failed;
	}
	bytes_wipe(symbols, sizeof(symbols));
	bytes_wipe(bytes, sizeof(bytes));
	return ok;
}
