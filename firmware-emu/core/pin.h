/* SPDX-License-Identifier: Apache-2.0 */
/* PINs (protocol 1.6): how they are stored, tried and judged. */
#ifndef UKEY_FW_PIN_H
#define UKEY_FW_PIN_H

#include "firmware-emu/core/dispatch.h"

/* What is stored of a PIN: iterations(4) salt(16) hash(32). */
#define FW_PIN_RECORD 52

/*
 * FW_OBJECT_PIN_PAST, one byte and the user PINs before the present one, the last one first; zeros where there was none
 * yet. The first user PIN makes it as long as the policy's history needs, so that changing the PIN takes no space.
 */
#define FW_PIN_PAST_MAX (1 + (FW_HISTORY_MAX - 1) * FW_PIN_RECORD)

/* Longest new PIN that passes the syntax: a wrong old PIN is told first, whatever the new one is. */
#define FW_PIN_NEW_ANY FW_COMMAND_DATA_MAX

/* The PIN that P2 81 or 82 names. */
enum fw_pin fw_pin_of(uint8_t reference);
/* Its bit in the security state. */
uint8_t fw_pin_role(enum fw_pin pin);

/* 6 to 32 bytes of UTF-8 without control characters: anything else was never a PIN. */
bool fw_pin_possible(struct bytes value);
bool fw_pin_meets(const struct fw_policy *policy, struct bytes value);
/* What its holder may choose: what meets the policy and, for the user PIN, none that its history covers. 6A80, 6F00. */
uint16_t fw_pin_judge(struct fw *fw, enum fw_pin pin, struct bytes value);
/* The user PIN was set by somebody else, and must be changed before it is good for anything. */
bool fw_pin_change_first(struct fw *fw);

enum fw_pin_chooser {
	FW_PIN_BY_HOLDER,
	FW_PIN_BY_SO,
	FW_PIN_AT_INITIALIZE, /* by the SO; and what was before does not count */
};

/* A PIN on its way into a transaction, which borrows it until the commit. The caller wipes it. */
struct fw_pin_new {
	uint8_t record[FW_PIN_RECORD];
	uint8_t past[FW_PIN_PAST_MAX];
};

/* Put a PIN, hashed with a new salt, and what becomes of its history. False: the hardware failed. */
bool fw_pin_put(struct fw *fw, struct fw_transaction *t, const struct fw_policy *policy, enum fw_pin pin,
	enum fw_pin_chooser chooser, struct bytes value, struct fw_pin_new *new);

/*
 * Try a PIN. One try is taken and durable before the comparison; when the PIN is right (SW_OK) the caller's own
 * transaction gives the tries back. Wrong: 63Cx, and the role ends on this channel. Also 6A80, 6A88, 6983, 6581.
 */
uint16_t fw_pin_try(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value);
/* The same whatever the value is: what can be no PIN is a wrong one. */
uint16_t fw_pin_try_any(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value);
/* 63Cx with the tries that are left; it can say no more than 15. */
uint16_t fw_pin_wrong(const struct fw *fw, enum fw_pin pin);
/* The PIN that was tried was right. */
uint16_t fw_pin_give_back(struct fw *fw, enum fw_pin pin);
/* It was right, but what it was given for is refused: no try is lost. Passes `why` through. */
uint16_t fw_pin_refuse(struct fw *fw, enum fw_pin tried, uint16_t why);

#endif
