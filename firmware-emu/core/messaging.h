/* SPDX-License-Identifier: Apache-2.0 */
/* The token's end of the secure channel (protocol 6), one session a channel. */
#ifndef UKEY_FW_MESSAGING_H
#define UKEY_FW_MESSAGING_H

#include "firmware-emu/core/dispatch.h"

/* common/scp.h's engine, over this hal; scp_cmac() takes it too. */
struct scp_crypto fw_crypto(struct hal *hal);

#endif
