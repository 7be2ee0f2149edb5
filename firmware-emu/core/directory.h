/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory (protocol 2.2), and the heads it is made of. A head is stored exactly as the directory shows it, so
 * building the directory is joining heads:
 *
 *	key			value of A0/A1 without A8
 *	key's certificate	value of A8
 *	container		80 cc 81 name
 *	other certificate	value of E1
 *	data object		value of E2 with all its tags; what is private is left out when it is shown
 */
#ifndef UKEY_FW_DIRECTORY_H
#define UKEY_FW_DIRECTORY_H

#include "firmware-emu/core/state.h"

/* Appends the directory. A status word: 6A84 when it does not fit, 6581 when the flash failed. */
uint16_t fw_directory_build(struct fw *fw, struct builder *to);
/* Its SHA-256, over the present state or the previewed one. Uses fw->answer to build it in. */
uint16_t fw_directory_digest(struct fw *fw, uint8_t digest[32]);

struct fw_key {
	uint8_t algorithm, origin, pin_policy, touch;
	uint16_t usage;
	struct bytes id, label, public_key;
};

struct fw_data_head {
	uint8_t flags;
	struct bytes label, application, oid;
};

#define FW_DATA_PRIVATE 0x01

/* Is there such a data object, and is it private? One whose flags cannot be read is. */
bool fw_data_private(struct fw *fw, uint8_t number);

/* Loaded values point into fw->head. False: no such object, or the flash failed. */
bool fw_key_load(struct fw *fw, uint8_t key, struct fw_key *out);
/* The same of any object that holds a key's head. */
bool fw_key_load_from(struct fw *fw, uint16_t object, struct fw_key *out);
bool fw_data_head_load(struct fw *fw, uint8_t number, struct fw_data_head *out);

void fw_key_head(struct builder *b, const struct fw_key *key);
void fw_container_head(struct builder *b, uint8_t container, struct bytes name);
/* False: the SHA-256 could not be made. */
bool fw_key_cert_head(struct fw *fw, struct builder *b, struct bytes der, struct bytes label);
bool fw_cert_head(struct fw *fw, struct builder *b, uint8_t number, struct bytes id, struct bytes label,
	uint8_t category, struct bytes der);
bool fw_data_head(
	struct fw *fw, struct builder *b, uint8_t number, const struct fw_data_head *head, struct bytes value);

#endif
