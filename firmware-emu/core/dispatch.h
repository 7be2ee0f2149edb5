/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a command reaches its handler:
 *
 *	link -> fw_transceive: APDU, class, channel, chain  (protocol 1.3, gate 1)
 *	     -> messaging.c unwraps it, when its channel has a session
 *	     -> row of the command table: instruction, P1 P2, data (2, 3), life cycle (4), access condition (5)
 *	     -> handler (6)
 *	     -> messaging.c wraps the answer
 *	     -> answer, whole or piece by piece
 */
#ifndef UKEY_FW_DISPATCH_H
#define UKEY_FW_DISPATCH_H

#include "firmware-emu/core/state.h"

struct fw_command {
	uint8_t number; /* of the channel */
	struct fw_channel *channel;
	bool secured; /* it came protected, by this channel's session */
	uint8_t ins, p1, p2;
	struct bytes data; /* of the whole chain; stays in place until the answer is made */
	uint32_t le;       /* APDU_LE_NONE: no answer data wanted */
};

/* Appends answer data; the status word is the return value. Answer data of a failed command is dropped. */
typedef uint16_t fw_handler(struct fw *fw, const struct fw_command *command, struct builder *answer);

/* Who may. Checked in one place, fw_access() (access.c), before the handler runs. */
enum fw_access {
	FW_ACCESS_ALWAYS,
	FW_ACCESS_USER,
	FW_ACCESS_SO,
	FW_ACCESS_USER_OR_SO,
	FW_ACCESS_SO_OR_BLOCKED, /* the SO, or anybody once the SO PIN is blocked */
	FW_ACCESS_READ,          /* as the object in tag 5C says */
	FW_ACCESS_WRITE,
	FW_ACCESS_USER_IF_PRIVATE, /* of a data object: as its flags say */
	FW_ACCESS_FACTORY,         /* anybody, until the factory is closed */
	FW_ACCESS_NEVER,           /* the object cannot be read, or written: to this command it is not there */
	FW_ACCESS_PIV_PIN,         /* the PIV application's PIN */
	FW_ACCESS_PIV_ADMIN,       /* its management key */
	FW_ACCESS_PIV_BOTH,
	FW_ACCESS_PIV_READ,    /* as the object in tag 5C says */
	FW_ACCESS_PIV_KEY,     /* as the policy of the key in P2 says */
	FW_ACCESS_PIV_BLOCKED, /* anybody, once PIN and PUK are blocked */
};

/* Life cycles in which a command works. */
#define FW_IN_B   0x01
#define FW_IN_I   0x02
#define FW_IN_O   0x04
#define FW_IN_T   0x08
#define FW_IN_ANY (FW_IN_B | FW_IN_I | FW_IN_O)

enum fw_p1 {
	FW_P1_IS,        /* the row's value */
	FW_P1_ALGORITHM, /* any of protocol 2.3 */
	FW_P1_ANY,       /* the handler's to judge */
};

enum fw_data {
	FW_DATA_NONE,
	FW_DATA_REQUIRED,
	FW_DATA_OPTIONAL,
};

/* How a command may travel (protocol 6.3, 6.4). */
enum fw_way {
	FW_WAY_ANY,
	FW_WAY_CLEAR, /* never protected; on a channel with a session in clear all the same */
	FW_WAY_PIN,   /* its data carries a PIN: protected, where the policy demands it */
	FW_WAY_KEY,   /* a private key: protected, wherever the token can be asked to, whatever its policy */
};

struct fw_row {
	bool proprietary;
	uint8_t ins;
	enum fw_p1 p1_is;
	uint8_t p1;
	uint8_t p2_first, p2_last;
	enum fw_data data;
	uint8_t life;
	enum fw_access access;
	enum fw_way way;
	fw_handler *handler;
};

/* An application that SELECT can find: its name and its commands, beside those that belong to every application. */
struct fw_application {
	struct bytes aid;
	size_t aid_least; /* shortest prefix that names it */
	const struct fw_row *row;
	size_t rows;
	fw_handler *select;                         /* appends the answer to SELECT */
	bool (*present)(const struct fw *fw);       /* NULL: always */
	void (*before)(struct fw_channel *channel); /* each command on a channel where it is selected; NULL: nothing */
	/* An unfinished chain is forgotten, not missed; a short command without Le may have all that fits. */
	bool lenient;
};

extern const struct fw_application fw_ukey_application;

/* What is selected on a channel that was just opened, and at power-on. */
const struct fw_application *fw_first_application(const struct fw *fw);

/* SW_OK, or the status of the gate that is closed (6985, 6982; 6A80 when tag 5C cannot be read). */
uint16_t fw_access(struct fw *fw, const struct fw_row *row, const struct fw_command *command);

fw_handler fw_select, fw_manage_channel, fw_get_response, fw_get_challenge;
fw_handler fw_get_data, fw_put_data;
fw_handler fw_verify, fw_log_out, fw_change_reference_data, fw_reset_by_so_pin, fw_reset_by_so;
fw_handler fw_generate, fw_import, fw_general_authenticate, fw_delete_key, fw_delete_container;
fw_handler fw_initialize, fw_factory_reset;
fw_handler fw_unlock_challenge, fw_reset_by_response, fw_unlock_proof, fw_attest;
fw_handler fw_factory_keys, fw_factory_close;
fw_handler fw_internal_authenticate;

/* What several handlers need. */
uint16_t fw_token_information(struct fw *fw, const struct fw_command *command, struct builder *answer);
struct bytes fw_firmware_version(void);
/* `88` generation, when answer data is wanted; passes the status through. */
uint16_t fw_answer_generation(struct fw *fw, const struct fw_command *command, struct builder *answer, uint16_t sw);

#endif
