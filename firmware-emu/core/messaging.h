/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token's end of the secure channel (protocol 6): one session a channel, none of which knows of the others.
 *
 *	no session  -- INTERNAL AUTHENTICATE -->  alive  -- a command in clear, a wrong MAC -->  dead
 *	no session  <-- SELECT, channel closed, INTERNAL AUTHENTICATE that fails --  alive, dead
 *
 * The security state of a channel with a session is the session's: it begins empty and ends with it.
 */
#ifndef UKEY_FW_MESSAGING_H
#define UKEY_FW_MESSAGING_H

#include "firmware-emu/core/dispatch.h"

/* common/scp.h's engine, over this hal; scp_cmac() takes it too. */
struct scp_crypto fw_crypto(struct hal *hal);

/* Alive or dead. */
bool fw_session_exists(const struct fw_channel *channel);
/* The orderly end, with the security state; nothing happens to a channel without a session. */
void fw_session_end(struct fw_channel *channel);

/*
 * May a command, protected or not, or one that always goes in clear, come on this channel? False: 6982, and the session
 * is dead. A protected one needs a session (6882, not looked at here).
 */
bool fw_session_admits(struct fw_channel *channel, bool protected, bool always_clear);

/* `data` is the whole of the chain whose last command is `a`. False: 6982, bare, and the session is dead. */
bool fw_session_unwrap(struct fw_channel *channel, const struct apdu *a, struct builder *data);
/* False, too: 6982, bare, and the session is dead. */
bool fw_session_wrap(struct fw_channel *channel, uint16_t sw, struct builder *data);

#endif
