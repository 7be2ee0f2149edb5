/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/assuan.h"

#include <string.h>

static const struct {
	const char *word;
	enum assuan_kind kind;
} words[] = {
	{"OK",      ASSUAN_OK     },
	{"ERR",     ASSUAN_ERR    },
	{"D",       ASSUAN_DATA   },
	{"S",       ASSUAN_STATUS },
	{"INQUIRE", ASSUAN_INQUIRE},
};

/* The text begins with the word, and then ends or goes on with a blank: what stands after that. */
static bool begins(struct bytes text, const char *word, struct bytes *rest)
{
	struct cursor c = cursor_of(text);
	const size_t n = strlen(word);
	struct bytes head = cursor_take(&c, n);

	if (c.failed || !bytes_equal(head, BYTES((const uint8_t *)word, n)))
		return false;
	if (c.left && cursor_u8(&c) != ' ')
		return false;
	*rest = cursor_rest(&c);
	return true;
}

static bool number(struct bytes text, unsigned *out)
{
	struct cursor c = cursor_of(text);
	uint64_t value = 0;
	size_t digits = 0;

	while (c.left) {
		uint8_t d = cursor_u8(&c);

		if (d == ' ')
			break;
		if (d < '0' || d > '9' || ++digits > 10)
			return false;
		value = 10 * value + (d - '0');
	}
	*out = (unsigned)(value & 0xFFFF);
	return digits && value <= UINT32_MAX;
}

struct assuan_line assuan_parse(struct bytes line)
{
	struct assuan_line out = {.kind = ASSUAN_BAD};

	if (line.len && line.data[line.len - 1] == '\r')
		line.len--;
	if (line.len > ASSUAN_LINE_MAX)
		return out;
	if (!line.len || line.data[0] == '#') {
		out.kind = ASSUAN_COMMENT;
		return out;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (begins(line, words[i].word, &out.rest))
			out.kind = words[i].kind;
	if (out.kind == ASSUAN_ERR && !number(out.rest, &out.error))
		out.kind = ASSUAN_BAD;
	return out;
}

bool assuan_names(const struct assuan_line *line, const char *word)
{
	struct bytes rest;

	return begins(line->rest, word, &rest);
}

static int digit(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool assuan_unescape(struct bytes text, struct builder *out)
{
	struct cursor c = cursor_of(text);

	while (c.left) {
		uint8_t byte = cursor_u8(&c);

		if (byte == '%') {
			int high = digit(cursor_u8(&c)), low = digit(cursor_u8(&c));

			if (c.failed || high < 0 || low < 0)
				return false;
			byte = (uint8_t)(high << 4 | low);
		}
		builder_u8(out, byte);
	}
	return !out->failed;
}

/* How many bytes the character at the front has, by its first byte; what is no UTF-8 goes byte by byte. */
static size_t character(struct bytes text)
{
	const uint8_t first = text.data[0];
	const size_t n = first < 0xC0 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;

	return n < text.len ? n : text.len;
}

static void escape(struct builder *out, struct bytes text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < text.len; i++) {
		const uint8_t byte = text.data[i];

		if (byte >= 0x20 && byte != '%' && byte != 0x7F) {
			builder_u8(out, byte);
			continue;
		}
		builder_u8(out, '%');
		builder_u8(out, (uint8_t)hex[byte >> 4]);
		builder_u8(out, (uint8_t)hex[byte & 15]);
	}
}

void assuan_command(struct builder *out, const char *command, const char *text)
{
	struct cursor c = cursor_of(BYTES((const uint8_t *)text, text ? strlen(text) : 0));
	size_t begin = out->len;

	builder_put(out, BYTES((const uint8_t *)command, strlen(command)));
	if (c.left)
		builder_u8(out, ' ');
	while (c.left) {
		uint8_t store[12];
		struct builder one = builder_of(store, sizeof(store));

		escape(&one, cursor_take(&c, character(BYTES(c.at, c.left))));
		if (out->len - begin + one.len > ASSUAN_LINE_MAX)
			break;
		builder_put(out, builder_bytes(&one));
	}
	builder_u8(out, '\n');
}
