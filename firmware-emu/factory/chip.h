/* SPDX-License-Identifier: Apache-2.0 */
/* A token on the factory's bench: its file, with the firmware running on it in this process. */
#ifndef UKEY_EMU_FACTORY_CHIP_H
#define UKEY_EMU_FACTORY_CHIP_H

#include "common/bytes.h"
#include "firmware-emu/factory/outcome.h"
#include "firmware-emu/token.h"

#define CHIP_POINT_SIZE        65
#define CHIP_DEVICE_CHAIN      0x0003
#define CHIP_ATTESTATION_CHAIN 0x0004

/* Tag 91. */
#define CHIP_HAS_DEVICE_KEY      0x01
#define CHIP_HAS_ATTESTATION_KEY 0x02
#define CHIP_HAS_UNLOCK_KEY      0x04

#define CHIP_BLANK 0x01

struct chip {
	struct hal *hal;
	struct token *token;
	struct link_token link;
	uint8_t serial[8];
	char serial_text[17]; /* upper case */
	uint8_t life_cycle, given;
	bool unlock_key; /* by tag 87 */
};

/* What a token's file must be, or how it is made when it is not there. */
struct chip_options {
	bool create;
	const uint8_t *serial; /* 8 bytes; NULL: any, of a new one random */
};

/* Opens the file, gives power and looks at the token. chip_close() also after a failure. */
enum factory_status chip_open(const char *path, const struct chip_options *o, struct chip *c);
void chip_close(struct chip *c);

/* Reads the token information again. */
enum factory_status chip_look(struct chip *c);
/* FACTORY KEYS: the points as the token says them, not looked at. */
enum factory_status chip_make_keys(
	struct chip *c, uint8_t device[CHIP_POINT_SIZE], uint8_t attestation[CHIP_POINT_SIZE]);
/* FACTORY CLOSE; `unlock_key` (16 bytes) NULL: none. */
enum factory_status chip_finish(struct chip *c, struct bytes device_chain, struct bytes attestation_chain,
	const uint8_t *unlock_key, uint8_t version);
/* GET DATA. */
enum factory_status chip_read(struct chip *c, uint16_t object, struct builder *out);

#endif
