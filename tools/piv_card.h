/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PIV card is to this tool: which commands it has nothing for, and why; and who may write to it. All other
 * commands treat it as a token.
 */
#ifndef UKEY_TOOLS_PIV_CARD_H
#define UKEY_TOOLS_PIV_CARD_H

#include "tools/pick_token.h"

bool session_is_piv(const struct session *s);
/* UKEY_NOT_SUPPORTED, with the reason and what to do instead, when the command or an option is not for such a card. */
enum ukey_status piv_card_allows(struct session *s);
/*
 * Log in to change keys and certificates: the user; on a PIV card its management key, or the PIN of a card that keeps
 * the key behind it.
 */
enum ukey_status session_login_writer(struct session *s);
/* Log in to use this key, unless it is one that needs no PIN. The PIN is kept where the key wants it each time. */
enum ukey_status session_login_for(struct session *s, const struct ukey_key *key);

#endif
