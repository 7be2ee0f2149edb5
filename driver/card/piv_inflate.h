/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A compressed certificate. SP 800-73-4 part 1, appendix A has one form: a gzip member (RFC 1952). Another is found on
 * people's cards, written by Net iD as Microsoft's GIDS has it: 01 00, the length of what is in it (2 bytes, the lower
 * one first), zlib (RFC 1950).
 */
#ifndef UKEY_DRIVER_CARD_PIV_INFLATE_H
#define UKEY_DRIVER_CARD_PIV_INFLATE_H

#include "common/bytes.h"
#include "driver/ukey.h"

/*
 * The whole of `b` is one of these, its checksum and length are right, and it holds 1 to `max` bytes. *out is malloc'd.
 * UKEY_TOKEN_PROTOCOL: it is not, or bytes follow it. UKEY_TOO_LARGE: it holds more; no more than `max` bytes and a
 * fixed amount of work memory are spent to find that out. UKEY_MEMORY.
 */
enum ukey_status piv_inflate(struct bytes b, size_t max, uint8_t **out, size_t *len);
/* It begins like one of these, which no certificate does. */
bool piv_is_compressed(struct bytes b);

#endif
