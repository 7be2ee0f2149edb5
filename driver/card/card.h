/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a card application can do, whatever its commands look like: one struct of operations for each application.
 *
 * An operation sends its commands through the port and never knows what lies behind it: the bare link, or a secure
 * channel. It returns UKEY_OK only when the card did what was asked and its whole answer made sense;
 * UKEY_TOKEN_PROTOCOL when the answer did not. It keeps nothing but what lies in the port's memory.
 */
#ifndef UKEY_DRIVER_CARD_H
#define UKEY_DRIVER_CARD_H

#include "common/apdu.h"
#include "driver/ukey.h"

struct card_memory;

struct card_port {
	enum ukey_status (*send)(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw);
	/* Nobody else's command comes in between these two; they may be nested. */
	enum ukey_status (*hold)(void *ctx);
	void (*let_go)(void *ctx);
	/* A certificate that came along with what was asked for. NULL: nobody wants it. */
	void (*keep)(void *ctx, struct bytes certificate);
	void *ctx;
	struct card_memory *memory; /* NULL: an application that needs none */
	size_t max_answer;          /* most data of one answer */
	uint16_t sw;                /* out: status word of the last command, 0 when none came */
};

/* Of the answer to SELECT. `token.reader`, `present` and `role` are not the card's to know. */
struct card_info {
	struct ukey_token_info token;
	size_t max_command, max_answer;
	bool user_verified, so_verified;
	/* Of a card that tells nothing: it has a name of its own, and with this digest no other card has. */
	bool named;
	uint8_t identity[32];
};

#define CARD_NOTES_MAX 16

/* What is known of a card from when it was found until it is taken out. */
struct card_memory {
	/* Told before SELECT. */
	char reader[128];
	uint8_t atr[33];
	size_t atr_len; /* 0: not known */
	bool all_slots; /* settings: look into every slot there may be */
	/* Told before a PIN is sent: the beginning of what directory_notes() says, or nothing. */
	uint8_t notes[CARD_NOTES_MAX];
	size_t notes_len;

	/* The application's own, from SELECT on. */
	struct card_info info;
	bool named;           /* it has an object that says who it is */
	bool reference_known; /* of the PIN: */
	uint8_t pin_reference;
	bool version_asked;
	uint8_t version[3]; /* of Yubico's extensions; 0.0.0: none */
	/* For the caller to set: beginnings are not the same though nothing has changed. */
	bool look_whole;
	/* The directory as it was read leaves out what made no sense: perhaps an accident, so nothing to keep. */
	bool doubtful;
	/*
	 * For the caller to see and clear: another program had selected its own application, so nobody is logged in any
	 * more, whatever the operation came to.
	 */
	bool deselected;
	bool manager; /* it was shown its management key, and only a reset makes it forget */
};

enum card_object {
	CARD_CERTIFICATE = 0x01,
	CARD_OTHER_CERTIFICATE = 0x02,
	CARD_DATA = 0x03,
	CARD_KEY_ATTRIBUTES = 0x04,
	CARD_CONTAINER_ATTRIBUTES = 0x06,
	CARD_LABEL = 0x07,
};

/* Values of an object to write; a field with data NULL is left out. */
struct card_body {
	struct bytes certificate, value, label, id, name, application, oid, certificate_label;
	int number; /* category or flags; -1: none */
};

/* Certificates of the factory. */
enum card_chain {
	CARD_DEVICE_CHAIN = 0x0003,
	CARD_ATTESTATION_CHAIN = 0x0004,
};

enum card_operation {
	CARD_SIGN,
	CARD_DECRYPT,
	CARD_DERIVE,
};

struct card_public {
	struct bytes modulus, exponent, point; /* in the answer buffer that the caller gave */
};

/* A private key on its way to the card. */
struct card_private {
	struct bytes value, transport, wrapped; /* data NULL: not so */
};

struct card_ops {
	const char *name;
	/* It says of itself neither a digest of its directory nor how many tries its PINs have. */
	bool tells_nothing;
	/* Some of its keys may be used by whoever holds it. */
	bool keys_without_pin;
	/* What stands in the SO PIN's place unlocks the user PIN and lets nobody in. */
	bool puk;
	/*
	 * Whose keys and certificates are written by a manager, who is the SO here: may the user who is in do it, too?
	 * NULL: the card itself says who may. UKEY_MANAGEMENT_KEY_NEEDED.
	 */
	enum ukey_status (*authorize)(struct card_port *p);
	/* Is the manager's key made of the user's PIN, so that who changes the PIN has to change both? NULL: never. */
	enum ukey_status (*key_of_pin)(struct card_port *p, bool *yes);
	/*
	 * The reference where a key goes that names none: at the first turn the best place, and so on; -1: no more.
	 * NULL: the first free container.
	 */
	int (*place)(const struct ukey_generate *how, unsigned turn);
	/* UKEY_FOREIGN_CARD: not this application. */
	enum ukey_status (*select)(struct card_port *p, struct card_info *info);
	enum ukey_status (*info)(struct card_port *p, struct card_info *info);
	/* The PIN bare; *generation of the public data. */
	enum ukey_status (*verify)(struct card_port *p, enum ukey_role role, struct bytes pin, uint32_t *generation);
	enum ukey_status (*logout)(struct card_port *p, enum ukey_role role);
	enum ukey_status (*change_pin)(struct card_port *p, enum ukey_role role, struct bytes old, struct bytes new);
	enum ukey_status (*unlock_pin)(struct card_port *p, struct bytes so_pin, struct bytes new);
	enum ukey_status (*set_pin)(struct card_port *p, struct bytes new);
	/* `device_key`: the token has one, so its PINs are for the inside of a channel unless how->pin_in_clear. */
	enum ukey_status (*initialize)(
		struct card_port *p, const struct ukey_initialize *how, bool device_key, uint32_t *generation);
	enum ukey_status (*factory_reset)(struct card_port *p);
	/* *out is malloc'd, as it came. */
	enum ukey_status (*read_directory)(struct card_port *p, uint8_t **out, size_t *len);
	/*
	 * Of a card that tells nothing: is in one of the places that were read for the directory with these notes what
	 * was there then? 1 command, or 2 where the beginning does not tell. The places take turns, one each time; or
	 * it is the certificate's of this key.
	 */
	enum ukey_status (*look)(struct card_port *p, struct bytes notes, unsigned turn, bool *same);
	enum ukey_status (*look_at)(struct card_port *p, struct bytes notes, ukey_key_ref ref, bool *same);
	enum ukey_status (*read_certificate)(
		struct card_port *p, enum card_object kind, uint8_t number, uint8_t **out, size_t *len);
	enum ukey_status (*read_data)(struct card_port *p, uint8_t number, struct ukey_data *out);
	enum ukey_status (*write)(struct card_port *p, enum card_object kind, uint8_t number,
		const struct card_body *body, uint32_t *generation);
	enum ukey_status (*erase)(struct card_port *p, enum card_object kind, uint8_t number, uint32_t *generation);
	/* how->ref is set; container_name NULL when the container is there. */
	enum ukey_status (*generate)(struct card_port *p, const struct ukey_generate *how, struct builder *answer,
		struct card_public *out, uint32_t *generation);
	/* The same for a pair from outside, with its value bare, or transport and wrapped. NULL: the card takes none.
	 */
	enum ukey_status (*import)(struct card_port *p, const struct ukey_generate *how,
		const struct card_public *public_key, const struct card_private *private_key, uint32_t *generation);
	enum ukey_status (*delete_key)(struct card_port *p, bool container, uint8_t number, uint32_t *generation);
	/* Exactly `len` bytes of result. */
	enum ukey_status (*operate)(struct card_port *p, enum card_operation operation, enum ukey_algorithm algorithm,
		ukey_key_ref ref, struct bytes input, uint8_t *result, size_t len);
	/* At least one byte of *len wanted; *len: how many came. */
	enum ukey_status (*random)(struct card_port *p, uint8_t *out, size_t *len);

	/* Unlock by phone. UKEY_UNLOCK_NONE. Whether the serial number in it is the token's is for the caller. */
	enum ukey_status (*unlock_challenge)(struct card_port *p, uint8_t challenge[UKEY_CHALLENGE_SIZE]);
	enum ukey_status (*unlock_respond)(struct card_port *p, const uint8_t response[UKEY_RESPONSE_SIZE],
		struct bytes new, uint8_t proof[UKEY_PROOF_SIZE], uint32_t *generation);
	/* UKEY_NOT_FOUND: nothing was ever unlocked. */
	enum ukey_status (*unlock_proof)(struct card_port *p, uint8_t proof[UKEY_PROOF_SIZE]);
	/* *out is malloc'd, as it came. */
	enum ukey_status (*attest)(
		struct card_port *p, ukey_key_ref ref, struct bytes nonce, uint8_t **out, size_t *len);
	/* UKEY_NOT_FOUND: the factory gave none. *out is malloc'd, as it came. */
	enum ukey_status (*read_chain)(struct card_port *p, enum card_chain which, uint8_t **out, size_t *len);

	/* A logical channel of our own, and its end. UKEY_CHANNEL_FULL. Sent on the basic channel, in clear. */
	enum ukey_status (*open_channel)(struct card_port *p, uint8_t *number);
	enum ukey_status (*close_channel)(struct card_port *p, uint8_t number);
	/* SCP11b on that channel: data of the command, data of the answer. */
	enum ukey_status (*authenticate)(
		struct card_port *p, uint8_t channel, struct bytes data, struct builder *answer);
};

extern const struct card_ops card_ukey;
/* Any PIV card (card/piv.c). */
extern const struct card_ops card_piv;

/* ---- between the files of card/ ---- */

/* What was asked of the card, for the meaning of its status word. */
enum card_command {
	CARD_CMD_SELECT,
	CARD_CMD_READ,
	CARD_CMD_WRITE,
	CARD_CMD_ERASE,
	CARD_CMD_VERIFY_USER,
	CARD_CMD_VERIFY_SO,
	CARD_CMD_LOGOUT,
	CARD_CMD_CHANGE_USER,
	CARD_CMD_CHANGE_SO,
	CARD_CMD_UNLOCK,
	CARD_CMD_SET_PIN,
	CARD_CMD_INITIALIZE,
	CARD_CMD_FACTORY_RESET,
	CARD_CMD_GENERATE,
	CARD_CMD_IMPORT,
	CARD_CMD_DELETE,
	CARD_CMD_SIGN,
	CARD_CMD_DECRYPT,
	CARD_CMD_DERIVE,
	CARD_CMD_RANDOM,
	CARD_CMD_UNLOCK_CHALLENGE,
	CARD_CMD_UNLOCK_RESPOND,
	CARD_CMD_UNLOCK_PROOF,
	CARD_CMD_ATTEST,
	CARD_CMD_OPEN_CHANNEL,
	CARD_CMD_CLOSE_CHANNEL,
	CARD_CMD_AUTHENTICATE,
	CARD_COMMANDS,
};

/* A row of a table of status words: the first that fits says what one means. The last fits everything. */
struct card_meaning {
	enum card_command command; /* CARD_COMMANDS: every one */
	uint16_t sw, mask;
	enum ukey_status status;
};
enum ukey_status card_meaning_of(const struct card_meaning *table, enum card_command command, uint16_t sw);

/* Of our own tokens (card/sw.c). */
enum ukey_status card_status(enum card_command command, uint16_t sw);

/* An answer that is no object. */
#define CARD_SMALL_MAX 512
/* One command; `answer` may be NULL when the card must send no data. After a failure it is as it was. */
enum ukey_status card_transact(struct card_port *p, enum ukey_status (*meaning)(enum card_command command, uint16_t sw),
	enum card_command command, const struct apdu *a, struct builder *answer);

/* Tries left that a status word tells, or -1. */
int card_tries(uint16_t sw);

/* Token information, doc/token-protocol.md 2.1 (card/info.c). */
bool card_is_ours(struct bytes answer);
bool card_info_parse(struct bytes answer, struct card_info *out);

#endif
