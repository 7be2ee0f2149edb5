/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes as hexadecimal text, strictly: an even number of digits, either case, and nothing else. */
#ifndef UKEY_COMMON_HEX_H
#define UKEY_COMMON_HEX_H

#include "common/bytes.h"

/* Characters that n bytes need, with the closing NUL. */
#define HEX_SIZE(n) (2 * (n) + 1)

/* Lower case, NUL at the end. False, and an empty text when there is room for one, when `cap` is below
 * HEX_SIZE(in.len). */
bool hex_encode(struct bytes in, char *out, size_t cap);

/* Append the bytes that the text spells. False (and the builder unchanged) for anything but pairs of digits, or no
 * room. */
bool hex_decode(const char *text, struct builder *out);

#endif
