/* SPDX-License-Identifier: Apache-2.0 */
#include "common/bytes.h"

struct cursor cursor_of(struct bytes b)
{
	return (struct cursor){.at = b.data, .left = b.len, .failed = false};
}

void cursor_fail(struct cursor *c)
{
	c->failed = true;
	c->left = 0;
}

struct bytes cursor_take(struct cursor *c, size_t n)
{
	if (c->failed || n > c->left) {
		cursor_fail(c);
		return BYTES_NONE;
	}
	struct bytes taken = {c->at, n};
	if (n > 0)
		c->at += n;
	c->left -= n;
	return taken;
}

struct bytes cursor_rest(struct cursor *c)
{
	return cursor_take(c, c->left);
}

static uint32_t cursor_be(struct cursor *c, size_t n)
{
	struct bytes b = cursor_take(c, n);
	uint32_t v = 0;
	for (size_t i = 0; i < b.len; i++)
		v = v << 8 | b.data[i];
	return v;
}

uint8_t cursor_u8(struct cursor *c)
{
	return (uint8_t)cursor_be(c, 1);
}

uint16_t cursor_u16(struct cursor *c)
{
	return (uint16_t)cursor_be(c, 2);
}

uint32_t cursor_u32(struct cursor *c)
{
	return cursor_be(c, 4);
}

bool cursor_done(const struct cursor *c)
{
	return !c->failed && c->left == 0;
}

struct builder builder_of(uint8_t *data, size_t cap)
{
	return (struct builder){.data = data, .cap = cap, .len = 0, .failed = false};
}

uint8_t *builder_room(struct builder *b, size_t n)
{
	if (b->failed || n > b->cap - b->len) {
		b->failed = true;
		return NULL;
	}
	uint8_t *room = b->data + b->len;
	b->len += n;
	return room;
}

void builder_put(struct builder *b, struct bytes v)
{
	if (v.len == 0) /* nothing may come from, or go to, nowhere */
		return;
	uint8_t *room = builder_room(b, v.len);
	if (room)
		bytes_copy(room, v);
}

static void builder_be(struct builder *b, uint32_t v, size_t n)
{
	uint8_t *room = builder_room(b, n);
	for (size_t i = 0; room && i < n; i++)
		room[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
}

void builder_u8(struct builder *b, uint8_t v)
{
	builder_be(b, v, 1);
}

void builder_u16(struct builder *b, uint16_t v)
{
	builder_be(b, v, 2);
}

void builder_u32(struct builder *b, uint32_t v)
{
	builder_be(b, v, 4);
}

struct bytes builder_bytes(const struct builder *b)
{
	return b->failed ? BYTES_NONE : (struct bytes){b->data, b->len};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (a.data[i] != b.data[i])
			return false;
	return true;
}

bool bytes_equal_secret(struct bytes a, struct bytes b)
{
	if (a.len != b.len)
		return false;
	volatile uint8_t differ = 0;
	for (size_t i = 0; i < a.len; i++)
		differ = (uint8_t)(differ | (a.data[i] ^ b.data[i]));
	return differ == 0;
}

void bytes_copy(uint8_t *to, struct bytes from)
{
	for (size_t i = 0; i < from.len; i++)
		to[i] = from.data[i];
}

void bytes_move(uint8_t *to, const uint8_t *from, size_t n)
{
	if (to <= from) {
		for (size_t i = 0; i < n; i++)
			to[i] = from[i];
	} else {
		for (size_t i = n; i > 0; i--)
			to[i - 1] = from[i - 1];
	}
}

void bytes_fill(uint8_t *to, uint8_t v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		to[i] = v;
}

void bytes_wipe(void *p, size_t n)
{
	bytes_fill(p, 0, n);
	/* Somebody may look, as far as the compiler knows: what is never read again would not be written. */
	__asm__ volatile("" : : "r"(p) : "memory");
}
