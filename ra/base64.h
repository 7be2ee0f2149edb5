/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 4) as EST bodies carry it: RFC 8951 3.1 wants line breaks tolerated anywhere. */
#ifndef RA_BASE64_H
#define RA_BASE64_H

#include "common/bytes.h"

/* Room that n characters of base64 need at most when decoded, and n bytes when encoded with line breaks and a NUL. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3 + 3)
#define BASE64_ENCODED_MAX(n) (((n) + 2) / 3 * 4 + ((n) + 47) / 48 + 1)

/*
 * Append what the text spells. Spaces, tabs and line breaks are skipped; padding is required and nothing may follow it;
 * unused bits must be zero. False (and the builder failed or partly filled) for anything else.
 */
bool base64_decode(struct bytes text, struct builder *out);

/* Append base64 in lines of 64 characters, each ended by a line feed. False when there is no room. */
bool base64_encode(struct bytes in, struct builder *out);

#endif
