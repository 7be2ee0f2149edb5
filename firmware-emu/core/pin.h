/* SPDX-License-Identifier: Apache-2.0 */
/* PINs (protocol 1.6): how they are stored, tried and judged. */
#ifndef UKEY_FW_PIN_H
#define UKEY_FW_PIN_H

#include "firmware-emu/core/dispatch.h"

/* What is stored of a PIN: iterations(4) salt(16) hash(32). */
#define FW_PIN_RECORD 52

/* The PIN that P2 81 or 82 names. */
enum fw_pin fw_pin_of(uint8_t reference);
/* Its bit in the security state. */
uint8_t fw_pin_role(enum fw_pin pin);

/* 6 to 32 bytes of UTF-8 without control characters: anything else was never a PIN. */
bool fw_pin_possible(struct bytes value);
bool fw_pin_meets(const struct fw_policy *policy, struct bytes value);
/* Hash a new PIN with a new salt. False: the hardware failed. */
bool fw_pin_make(struct fw *fw, struct bytes value, uint8_t record[FW_PIN_RECORD]);

/*
 * Try a PIN. One try is taken and durable before the comparison; when the PIN is right (SW_OK) the caller's own
 * transaction gives the tries back. Wrong: 63Cx, and the role ends on this channel. Also 6A80, 6A88, 6983, 6581.
 */
uint16_t fw_pin_try(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value);

#endif
