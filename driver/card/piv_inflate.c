/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/card/piv_inflate.h"

#include <stdlib.h>
#include <zlib.h>

static const uint8_t gzip[] = {0x1F, 0x8B};
static const uint8_t gids[] = {0x01, 0x00};

static bool starts_with(struct bytes b, struct bytes with)
{
	struct cursor c = cursor_of(b);
	return bytes_equal(cursor_take(&c, with.len), with);
}

bool piv_is_compressed(struct bytes b)
{
	return starts_with(b, BYTES_OF(gzip)) || starts_with(b, BYTES_OF(gids));
}

/* zlib takes its input through a pointer to what is not const, and does not write there. */
static Bytef *input(struct bytes b)
{
	return (Bytef *)(uintptr_t)b.data;
}

#define ZLIB_FORMAT MAX_WBITS
#define GZIP_FORMAT (16 + MAX_WBITS)

/*
 * One call with the whole input and all the room there may be: Z_FINISH, so that zlib keeps no window (a copy of what
 * it gave). It ends in Z_STREAM_END when the stream ended and its checksum (and gzip's length) was right.
 */
static enum ukey_status inflate_into(struct bytes in, int format, uint8_t *room, size_t max, size_t *len)
{
	z_stream z = {.next_in = input(in), .avail_in = (uInt)in.len, .next_out = room, .avail_out = (uInt)max};

	if (inflateInit2(&z, format) != Z_OK)
		return UKEY_MEMORY;
	const int result = inflate(&z, Z_FINISH);
	*len = max - z.avail_out;
	const bool trailing = z.avail_in > 0, full = z.avail_out == 0;
	inflateEnd(&z);
	if (result == Z_STREAM_END)
		return trailing || *len == 0 ? UKEY_TOKEN_PROTOCOL : UKEY_OK;
	if (result == Z_MEM_ERROR)
		return UKEY_MEMORY;
	/* The room is full and the stream goes on; or the input ended first, which is a broken one. */
	return result == Z_BUF_ERROR && full && trailing ? UKEY_TOO_LARGE : UKEY_TOKEN_PROTOCOL;
}

/* The length that stands before it is that of what comes out: no room is needed for more. */
static enum ukey_status inflate_gids(struct bytes b, uint8_t *room, size_t max, size_t *len)
{
	struct cursor c = cursor_of(b);

	cursor_take(&c, sizeof gids);
	const size_t low = cursor_u8(&c), told = low | (size_t)cursor_u8(&c) << 8;
	if (told > max)
		return UKEY_TOO_LARGE;
	enum ukey_status status = inflate_into(cursor_rest(&c), ZLIB_FORMAT, room, told, len);
	return status == UKEY_TOO_LARGE || (status == UKEY_OK && *len != told) ? UKEY_TOKEN_PROTOCOL : status;
}

enum ukey_status piv_inflate(struct bytes b, size_t max, uint8_t **out, size_t *len)
{
	size_t got = 0;

	if (b.len > UINT16_MAX) /* more than an object of a card holds */
		return UKEY_TOKEN_PROTOCOL;
	uint8_t *room = malloc(max);
	if (!room)
		return UKEY_MEMORY;
	enum ukey_status s = starts_with(b, BYTES_OF(gids)) ? inflate_gids(b, room, max, &got)
							    : inflate_into(b, GZIP_FORMAT, room, max, &got);
	if (s != UKEY_OK) {
		free(room);
		return s;
	}
	uint8_t *less = realloc(room, got);
	if (less)
		room = less;
	*out = room;
	*len = got;
	return UKEY_OK;
}
