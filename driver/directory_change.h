/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a command of ours makes of the directory, computed instead of read: its coding is defined byte for byte
 * (doc/token-protocol.md 2.2). Whether the token thinks so too is seen at the next look, by the digest.
 */
#ifndef UKEY_DRIVER_DIRECTORY_CHANGE_H
#define UKEY_DRIVER_DIRECTORY_CHANGE_H

#include "driver/card/card.h"
#include "driver/directory.h"

enum directory_verb {
	DIRECTORY_WRITE,            /* kind, number, body: as card_ops.write */
	DIRECTORY_ERASE,            /* kind, number: as card_ops.erase */
	DIRECTORY_GENERATE,         /* how, made: as card_ops.generate */
	DIRECTORY_IMPORT,           /* the same, from outside: as card_ops.import */
	DIRECTORY_DELETE_KEY,       /* number: as card_ops.delete_key */
	DIRECTORY_DELETE_CONTAINER, /* likewise */
};

struct directory_change {
	enum directory_verb verb;
	enum card_object kind;
	uint8_t number;
	const struct card_body *body;
	const struct ukey_generate *how;
	const struct card_public *made;
};

/* The directory after a command that succeeded on `d`. Not UKEY_OK: it cannot be told, and has to be read. */
enum ukey_status directory_change(const struct ukey_directory *d, const struct directory_change *change,
	uint32_t generation, const struct ukey_directory **out);

#endif
