/* SPDX-License-Identifier: Apache-2.0 */
/* The objects that GET DATA and PUT DATA know (protocol 2), each with who may read and write it, and when. */
#ifndef UKEY_FW_ACCESS_H
#define UKEY_FW_ACCESS_H

#include "firmware-emu/core/dispatch.h"

typedef uint16_t fw_object_get(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer);
typedef uint16_t fw_object_put(struct fw *fw, uint8_t number, struct bytes body);

struct fw_object_row {
	uint8_t type;
	uint8_t first, last; /* numbers */
	enum fw_access read, write;
	uint8_t read_life, write_life;
	fw_object_get *get;
	fw_object_put *put;
};

/* cmd_factory.c's objects. */
fw_object_get fw_get_device_chain, fw_get_attestation_chain;

/* The row of an object as the wire names it; NULL when there is none. */
const struct fw_object_row *fw_object_row(uint16_t object);

/* Split the data of GET DATA (body NULL) and PUT DATA. */
bool fw_object_command(struct bytes data, uint16_t *object, struct bytes *body);

#endif
