/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tlv.h"

/* X.690 8.1.2: low five bits all set announce more tag bytes, each but the last with bit 8 set. */
static uint32_t take_tag(struct cursor *c)
{
	uint32_t tag = cursor_u8(c);
	if (tag == 0) /* X.690 8.1.5: end-of-contents, which definite lengths never need */
		cursor_fail(c);
	if ((tag & 0x1F) != 0x1F)
		return tag;
	uint8_t more = cursor_u8(c);
	if (more < 0x1F || more == 0x80) /* a number below 31 fits the short form; leading zero */
		cursor_fail(c);
	tag = tag << 8 | more;
	if (more & 0x80) {
		more = cursor_u8(c);
		if (more & 0x80)
			cursor_fail(c);
		tag = tag << 8 | more;
	}
	return tag;
}

enum forms {
	SHORTEST,
	ANY,
};

static size_t take_length(struct cursor *c, enum forms forms)
{
	uint8_t first = cursor_u8(c);
	if (first < 0x80)
		return first;
	size_t n = first & 0x7F;
	if (n == 0 || n > 4) { /* indefinite, or more than we can hold */
		cursor_fail(c);
		return 0;
	}
	uint32_t len = 0;
	for (size_t i = 0; i < n; i++)
		len = len << 8 | cursor_u8(c);
	if (forms == SHORTEST && (len < 0x80 || (n > 1 && len >> (8 * (n - 1)) == 0)))
		cursor_fail(c);
	return len;
}

static bool header(struct cursor *c, enum forms forms, uint32_t *tag, size_t *len)
{
	while (forms == ANY && !c->failed && c->left > 0 && *c->at == 0x00)
		cursor_u8(c);
	if (c->failed || c->left == 0)
		return false;
	*tag = take_tag(c);
	*len = take_length(c, forms);
	return !c->failed;
}

static bool next(struct cursor *c, enum forms forms, uint32_t *tag, struct bytes *value)
{
	size_t len;

	if (!header(c, forms, tag, &len))
		return false;
	*value = cursor_take(c, len);
	return !c->failed;
}

bool tlv_next(struct cursor *c, uint32_t *tag, struct bytes *value)
{
	return next(c, SHORTEST, tag, value);
}

bool tlv_next_any(struct cursor *c, uint32_t *tag, struct bytes *value)
{
	return next(c, ANY, tag, value);
}

bool tlv_header_any(struct cursor *c, uint32_t *tag, size_t *len)
{
	return header(c, ANY, tag, len);
}

struct bytes tlv_take_whole(struct cursor *c, uint32_t tag)
{
	struct cursor start = *c;
	struct bytes value;
	uint32_t got;

	if (!tlv_next(c, &got, &value) || got != tag) {
		cursor_fail(c);
		return BYTES_NONE;
	}
	return cursor_take(&start, start.left - c->left);
}

struct bytes tlv_take(struct cursor *c, uint32_t tag)
{
	struct bytes value;
	uint32_t got;

	if (!tlv_next(c, &got, &value) || got != tag) {
		cursor_fail(c);
		return BYTES_NONE;
	}
	return value;
}

uint32_t tlv_peek(const struct cursor *c)
{
	struct cursor ahead = *c;
	uint32_t tag = take_tag(&ahead);
	return ahead.failed ? 0 : tag;
}

static bool parse(struct bytes in, enum forms forms, const struct tlv_field *fields, size_t count)
{
	struct cursor c = cursor_of(in);
	uint32_t seen = 0, tag;
	struct bytes value;

	if (count > 32)
		return false;
	for (size_t i = 0; i < count; i++)
		*fields[i].value = BYTES_NONE;
	while (next(&c, forms, &tag, &value)) {
		size_t i = 0;
		while (i < count && fields[i].tag != tag)
			i++;
		if (i == count && forms == ANY)
			continue;
		if (i == count || (seen >> i & 1) || value.len < fields[i].min || value.len > fields[i].max)
			return false;
		seen |= (uint32_t)1 << i;
		*fields[i].value = value;
	}
	if (!cursor_done(&c))
		return false;
	for (size_t i = 0; i < count; i++)
		if (fields[i].presence == TLV_REQUIRED && !(seen >> i & 1))
			return false;
	return true;
}

bool tlv_parse(struct bytes in, const struct tlv_field *fields, size_t count)
{
	return parse(in, SHORTEST, fields, count);
}

bool tlv_parse_any(struct bytes in, const struct tlv_field *fields, size_t count)
{
	return parse(in, ANY, fields, count);
}

bool tlv_unwrap(struct bytes in, uint32_t tag, struct bytes *value)
{
	struct cursor c = cursor_of(in);
	uint32_t got;
	return tlv_next(&c, &got, value) && got == tag && cursor_done(&c);
}

static size_t tag_size(uint32_t tag)
{
	return tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1;
}

static size_t length_size(size_t n)
{
	return n < 0x80 ? 1 : n <= 0xFF ? 2 : n <= 0xFFFF ? 3 : n <= 0xFFFFFF ? 4 : 5;
}

size_t tlv_header_size(uint32_t tag, size_t n)
{
	return tag_size(tag) + length_size(n);
}

static void put_tag(struct builder *b, uint32_t tag)
{
	for (size_t i = tag_size(tag); i > 0; i--)
		builder_u8(b, (uint8_t)(tag >> (8 * (i - 1))));
}

static void put_length(struct builder *b, size_t n)
{
	if (n >> 16 > 0xFFFF) /* what tlv_next() would refuse */
		b->failed = true;
	size_t bytes = length_size(n) - 1;
	if (bytes > 0)
		builder_u8(b, (uint8_t)(0x80 | bytes));
	else
		bytes = 1;
	for (size_t i = bytes; i > 0; i--)
		builder_u8(b, (uint8_t)(n >> (8 * (i - 1))));
}

void tlv_put(struct builder *b, uint32_t tag, struct bytes value)
{
	put_tag(b, tag);
	put_length(b, value.len);
	builder_put(b, value);
}

void tlv_put_u8(struct builder *b, uint32_t tag, uint8_t v)
{
	tlv_put(b, tag, BYTES(&v, 1));
}

void tlv_put_u16(struct builder *b, uint32_t tag, uint16_t v)
{
	const uint8_t be[2] = {(uint8_t)(v >> 8), (uint8_t)v};
	tlv_put(b, tag, BYTES_OF(be));
}

void tlv_put_u32(struct builder *b, uint32_t tag, uint32_t v)
{
	const uint8_t be[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
	tlv_put(b, tag, BYTES_OF(be));
}

size_t tlv_begin(struct builder *b, uint32_t tag)
{
	put_tag(b, tag);
	return b->len;
}

/* The length is known only now: make room for it between the tag and the value. */
void tlv_end(struct builder *b, size_t mark)
{
	if (b->failed)
		return;
	size_t n = b->len - mark;
	size_t need = length_size(n);
	if (!builder_room(b, need))
		return;
	bytes_move(b->data + mark + need, b->data + mark, n);
	struct builder head = builder_of(b->data + mark, need);
	put_length(&head, n);
}
