/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648 4) as EST bodies carry it: RFC 8951 3.1 wants line breaks tolerated anywhere. */
#ifndef RA_BASE64_H
#define RA_BASE64_H

#include "common/bytes.h"

/* Room that n characters of base64 need at most when decoded, and n bytes when encoded. */
#define BASE64_DECODED_MAX(n) ((n) / 4 * 3 + 3)
#define BASE64_ENCODED_MAX(n) (((n) + 2) / 3 * 4)

/*
 * Append what the text spells. Spaces, tabs and line breaks are skipped; padding is required and nothing may follow it;
 * unused bits must be zero. False (and the builder failed or partly filled) for anything else.
 */
bool base64_decode(struct bytes text, struct builder *out);

/* Append base64 in one line, as RFC 4648 3.1 rules and strongSwan needs it. False when there is no room. */
bool base64_encode(struct bytes in, struct builder *out);

#endif
