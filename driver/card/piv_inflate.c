/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/card/piv_inflate.h"

#include <stdlib.h>
#include <zlib.h>

static const uint8_t magic[] = {0x1F, 0x8B};

bool piv_is_gzip(struct bytes b)
{
	struct cursor c = cursor_of(b);
	return bytes_equal(cursor_take(&c, sizeof magic), BYTES_OF(magic));
}

/* zlib takes its input through a pointer to what is not const, and does not write there. */
static Bytef *input(struct bytes b)
{
	return (Bytef *)(uintptr_t)b.data;
}

/*
 * One call with the whole input and all the room there may be: Z_FINISH, so that zlib keeps no window (a copy of what
 * it gave). It ends in Z_STREAM_END when the member ended and its CRC and length were right.
 */
static enum ukey_status inflate_into(struct bytes gzip, uint8_t *room, size_t max, size_t *len)
{
	z_stream z = {.next_in = input(gzip), .avail_in = (uInt)gzip.len, .next_out = room, .avail_out = (uInt)max};

	if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) /* 16: gzip, nothing else */
		return UKEY_MEMORY;
	const int result = inflate(&z, Z_FINISH);
	*len = max - z.avail_out;
	const bool trailing = z.avail_in > 0, full = z.avail_out == 0;
	inflateEnd(&z);
	if (result == Z_STREAM_END)
		return trailing || *len == 0 ? UKEY_TOKEN_PROTOCOL : UKEY_OK;
	if (result == Z_MEM_ERROR)
		return UKEY_MEMORY;
	/* The room is full and the member goes on; or the input ended first, which is a broken one. */
	return result == Z_BUF_ERROR && full && trailing ? UKEY_TOO_LARGE : UKEY_TOKEN_PROTOCOL;
}

enum ukey_status piv_inflate(struct bytes gzip, size_t max, uint8_t **out, size_t *len)
{
	size_t got = 0;

	if (gzip.len > UINT16_MAX) /* more than an object of a card holds */
		return UKEY_TOKEN_PROTOCOL;
	uint8_t *room = malloc(max);
	if (!room)
		return UKEY_MEMORY;
	enum ukey_status s = inflate_into(gzip, room, max, &got);
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
