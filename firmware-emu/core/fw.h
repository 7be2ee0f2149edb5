/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token's firmware: one APDU in, one APDU out.
 *
 *	hal (flash, keys, chance, button)  <--  struct fw  <--  fw_transceive()  <--  a link: vpcd, USB, AT, SD
 *
 * The core allocates nothing, calls no operating system and keeps no global state: everything lives in the caller's
 * struct fw, so one process can run several tokens. doc/token-protocol.md says what the commands do.
 *
 * Power: the link calls fw_power_on() when the token gets power and before each first command after a reset. Losing
 * power needs no call: whatever the moment, the next fw_power_on() finds the flash in the state before or after the
 * interrupted command. A hal may leave a core function by longjmp() when power is cut; the struct fw is then good for
 * fw_power_on() only.
 */
#ifndef UKEY_FW_H
#define UKEY_FW_H

#include "common/bytes.h"
#include "firmware-emu/core/config.h"

struct hal;
struct fw;

/* Bytes that a struct fw takes, and its alignment (max_align_t is enough). */
size_t fw_size(void);

/*
 * What it shows itself as. FW_CARD_PIV is for whoever tests programs with a card that is not ours: the PIV application
 * is there, selected from the start, and one without any command (F0 54 45 53 54), to have something to switch to; our
 * own application, our commands and logical channels are not, nor is anything of ours in the answer to reset. It is
 * asked for at each power-on and stored nowhere.
 */
enum fw_card {
	FW_CARD_UKEY,
	FW_CARD_PIV,
};

/* Power-on or reset: channels closed but 0, no PIN verified, flash mounted. `memory` has fw_size() bytes. */
struct fw *fw_power_on(void *memory, struct hal *hal, enum fw_card card);

/*
 * Work on one command. The answer, data and status word, is never empty; it stays valid until the next call.
 * `command` is at most FW_COMMAND_MAX bytes long; longer is answered 6700.
 */
struct bytes fw_transceive(struct fw *fw, struct bytes command);

/* Answer to reset, constant. */
struct bytes fw_atr(enum fw_card card);

#endif
