/* SPDX-License-Identifier: Apache-2.0 */
/* What the commands that make and use keys share (cmd_key.c). */
#ifndef UKEY_FW_KEY_H
#define UKEY_FW_KEY_H

#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/directory.h"

/* Origin, and PIN and touch policy, as the directory codes them. */
#define FW_KEY_GENERATED     0
#define FW_KEY_IMPORTED      1
#define FW_KEY_POLICY_NEVER  0
#define FW_KEY_POLICY_ALWAYS 1

/* What a command asks of a new key, as it came; `name` (of a new container) has data NULL when absent. */
struct fw_key_wishes {
	struct bytes usage, pin_policy, touch, name;
};

/* The fields of template AC that every new key has (protocol 4.6). */
#define FW_KEY_FIELDS(key, wishes)                                                                                     \
	{0x81, TLV_OPTIONAL, 0, FW_ID_MAX, &(key)->id}, {0x82, TLV_OPTIONAL, 0, FW_NAME_MAX, &(key)->label},           \
		{0x83, TLV_REQUIRED, 2, 2, &(wishes)->usage}, {0x85, TLV_OPTIONAL, 1, 1, &(wishes)->pin_policy},       \
		{0x86, TLV_OPTIONAL, 1, 1, &(wishes)->touch},                                                          \
	{                                                                                                              \
		0x8A, TLV_OPTIONAL, 0, FW_NAME_MAX, &(wishes)->name                                                    \
	}

/* Fill in algorithm, usage and policies. False: a value that such a key cannot have, or a text that is none. */
bool fw_key_terms(const struct fw_algorithm *algorithm, const struct fw_key_wishes *wishes, struct fw_key *key);
/* Is the place free, and the container's name given only where there is none yet? A status word. */
uint16_t fw_key_place(struct fw *fw, uint8_t key, struct bytes name);
/* Store a key, and its container if it is the first one in it: one transaction. Uses fw->head. */
uint16_t fw_key_store(struct fw *fw, uint8_t number, const struct fw_key *key, struct bytes blob, struct bytes name);

/* The key's own policies, before each use: who must have agreed. A status word. */
uint16_t fw_key_policies(struct fw *fw, struct fw_channel *channel, const struct fw_key *key);
/* Use the private half in this object. 6A80 for a wrong input. Uses fw->blob. */
uint16_t fw_key_operate(struct fw *fw, uint16_t object, uint8_t algorithm, enum hal_operation operation,
	struct bytes input, struct builder *result);

#endif
