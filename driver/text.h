/* SPDX-License-Identifier: Apache-2.0 */
/* Text that comes from tokens and callers: UTF-8, shortest form, no surrogates, no control characters. */
#ifndef UKEY_DRIVER_TEXT_H
#define UKEY_DRIVER_TEXT_H

#include "common/bytes.h"

bool text_valid(struct bytes text);
/* Into a C string with room for `cap` bytes. False when it is not valid or does not fit. */
bool text_copy(struct bytes text, char *out, size_t cap);
/* Of a C string; NULL is empty. */
struct bytes text_bytes(const char *text);

#endif
