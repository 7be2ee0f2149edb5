/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes that cannot be overrun.
 *
 * A `struct bytes` is a borrowed range; it owns nothing. A `struct cursor` takes bytes from the front of a range; a
 * `struct builder` appends to a buffer that the caller owns. Both remember the first failure: after it every further
 * take gives zeros or an empty range, every further put does nothing, and ONE look at the end (cursor_done, builder
 * `failed`) tells whether the whole chain went well:
 *
 *	struct cursor c = cursor_of(command);
 *	uint8_t  version = cursor_u8(&c);
 *	uint16_t count   = cursor_u16(&c);
 *	struct bytes name = cursor_take(&c, 8);
 *	if (!cursor_done(&c))
 *		return BAD;		// too short, or bytes left over
 *
 * Freestanding: no libc. All integers on the wire are big-endian.
 */
#ifndef UKEY_COMMON_BYTES_H
#define UKEY_COMMON_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	const uint8_t *data;
	size_t len;
};

#define BYTES_NONE  ((struct bytes){NULL, 0})
#define BYTES(p, n) ((struct bytes){(p), (n)})
/* Of an array (not a pointer): the whole of it. */
#define BYTES_OF(array) ((struct bytes){(array), sizeof(array)})

struct cursor {
	const uint8_t *at;
	size_t left;
	bool failed;
};

struct builder {
	uint8_t *data;
	size_t cap;
	size_t len;
	bool failed;
};

struct cursor cursor_of(struct bytes b);
uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_u16(struct cursor *c);
uint32_t cursor_u32(struct cursor *c);
/* The next n bytes; an empty range and failure when fewer are left. */
struct bytes cursor_take(struct cursor *c, size_t n);
/* All that is left, possibly nothing. */
struct bytes cursor_rest(struct cursor *c);
/* Mark the chain as failed: for a caller that found the value wrong. */
void cursor_fail(struct cursor *c);
/* No failure, and every byte consumed. */
bool cursor_done(const struct cursor *c);

struct builder builder_of(uint8_t *data, size_t cap);
void builder_u8(struct builder *b, uint8_t v);
void builder_u16(struct builder *b, uint16_t v);
void builder_u32(struct builder *b, uint32_t v);
void builder_put(struct builder *b, struct bytes v);
/* Room for n bytes that the caller fills at once; NULL (and failure) when there is none. */
uint8_t *builder_room(struct builder *b, size_t n);
/* What was built so far; empty after a failure. */
struct bytes builder_bytes(const struct builder *b);

bool bytes_equal(struct bytes a, struct bytes b);
/* In time that depends on the lengths only. For PINs, MACs, digests of secrets. */
bool bytes_equal_secret(struct bytes a, struct bytes b);
/* Copies and fills that work without libc; ranges of bytes_move may overlap. */
void bytes_copy(uint8_t *to, struct bytes from);
void bytes_move(uint8_t *to, const uint8_t *from, size_t n);
void bytes_fill(uint8_t *to, uint8_t v, size_t n);
/* Zeros that the compiler may not drop. */
void bytes_wipe(void *p, size_t n);

#endif
