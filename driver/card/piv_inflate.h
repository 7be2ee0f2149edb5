/* SPDX-License-Identifier: Apache-2.0 */
/* A compressed certificate: one gzip member (RFC 1952), as a PIV card keeps it (SP 800-73-4 part 1, appendix A). */
#ifndef UKEY_DRIVER_CARD_PIV_INFLATE_H
#define UKEY_DRIVER_CARD_PIV_INFLATE_H

#include "common/bytes.h"
#include "driver/ukey.h"

/*
 * The whole of `gzip` is one member whose checksum and length are right, and it holds 1 to `max` bytes. *out is
 * malloc'd. UKEY_TOKEN_PROTOCOL: it is not, or bytes follow it. UKEY_TOO_LARGE: it holds more; no more than `max` bytes
 * and a fixed amount of work memory are spent to find that out. UKEY_MEMORY.
 */
enum ukey_status piv_inflate(struct bytes gzip, size_t max, uint8_t **out, size_t *len);
/* It says of itself that it is one. */
bool piv_is_gzip(struct bytes b);

#endif
