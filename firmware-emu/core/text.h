/* SPDX-License-Identifier: Apache-2.0 */
/* Text that comes from outside: labels and PINs. */
#ifndef UKEY_FW_TEXT_H
#define UKEY_FW_TEXT_H

#include "common/bytes.h"

/* Well-formed UTF-8 (RFC 3629: shortest forms, no surrogates, at most U+10FFFF). */
bool fw_text_valid(struct bytes text);
/* The same, without the control characters 00-1F and 7F. */
bool fw_text_printable(struct bytes text);

#endif
