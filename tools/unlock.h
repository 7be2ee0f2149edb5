/* SPDX-License-Identifier: Apache-2.0 */
/* pin unlock --remote and --confirm (cmd_unlock.c), and the QR code (qr.c). */
#ifndef UKEY_TOOLS_UNLOCK_H
#define UKEY_TOOLS_UNLOCK_H

#include "tools/tool.h"

/* The holder's end of unlock by phone, doc/token-protocol.md 5. */
enum ukey_status unlock_remote(struct tool *t);
/* The proof of the last unlock, for who lost it. */
enum ukey_status unlock_confirm(struct tool *t);

/*
 * A QR code (ISO/IEC 18004, level M) for a UTF-8 terminal: half blocks, black on white by explicit colours, with its
 * quiet zone. Lines end with a newline. malloc'd; NULL when there is no memory or the text does not fit.
 */
char *qr_text(const char *text);

#endif
