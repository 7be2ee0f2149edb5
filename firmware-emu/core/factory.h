/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the factory gave (protocol 7): device key, attestation key, their certificates, the unlock key. It lies in the
 * journal as objects of FW_TYPE_FACTORY, which outlive INITIALIZE and FACTORY RESET. That there are certificates tells
 * that the factory is closed; before, the keys serve nobody.
 */
#ifndef UKEY_FW_FACTORY_H
#define UKEY_FW_FACTORY_H

#include "firmware-emu/core/state.h"

#define FW_FACTORY_ALGORITHM  0x11 /* of device key and attestation key: P-256 */
#define FW_FACTORY_CHAIN_MAX  8192
#define FW_FACTORY_POINT_SIZE 65
#define FW_FACTORY_BLOB_MAX   (HAL_KEY_BLOB_MAX / 2) /* two of these blobs fit fw->blob */

/* Bits of tag 91. */
#define FW_GAVE_DEVICE_KEY      0x01
#define FW_GAVE_ATTESTATION_KEY 0x02
#define FW_GAVE_UNLOCK_KEY      0x04

/* Did the factory give all of these? */
bool fw_factory_has(const struct fw *fw, uint8_t what);

/* Read it, for fw->gave; state.c's. */
bool fw_factory_load(struct fw *fw);

#define FW_UNLOCK_KEY_SIZE 16

struct fw_unlock_key {
	uint8_t version;
	uint8_t key[FW_UNLOCK_KEY_SIZE];
};

/* The caller wipes it. False: there is none, or the flash failed; it is zeros then. */
bool fw_factory_unlock_key(struct fw *fw, struct fw_unlock_key *out);

/* A new key of this algorithm, the public half as a point. False: the chip could not. The caller wipes the blob. */
bool fw_factory_generate(struct fw *fw, struct builder *blob, uint8_t point[FW_FACTORY_POINT_SIZE]);

/* Append a private key's blob. False: not there, or the flash failed. The caller wipes it. */
bool fw_factory_device_key(struct fw *fw, struct builder *blob);
bool fw_factory_attestation_key(struct fw *fw, struct builder *blob);

#endif
