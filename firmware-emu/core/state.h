/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one token knows while it has power: struct fw. Everything that outlives power is in the journal (journal.h);
 * what is cached of it here is read back after each transaction, so RAM never runs ahead of the flash.
 */
#ifndef UKEY_FW_STATE_H
#define UKEY_FW_STATE_H

#include "common/apdu.h"
#include "common/bytes.h"
#include "common/scp.h"
#include "firmware-emu/core/config.h"
#include "firmware-emu/core/fw.h"
#include "firmware-emu/core/hal.h"
#include "firmware-emu/core/journal.h"

/* Security state of a channel (protocol 1.4), coded as tag 90 of the token information. */
#define FW_USER  0x01
#define FW_SO    0x02
#define FW_FRESH 0x04
/* Of the PIV application (piv.h); a channel has the one or the other, by what is selected on it. */
#define FW_PIV_PIN   0x08
#define FW_PIV_FRESH 0x10 /* nothing came between VERIFY and now */
#define FW_PIV_ADMIN 0x20 /* who knows the management key */

/* Life cycle (protocol 1.5). It is not stored: which PINs exist tells it. */
enum fw_life {
	FW_BLANK = 0x01,
	FW_INITIALISED = 0x03,
	FW_OPERATIONAL = 0x05,
	FW_TERMINATED = 0x0F,
};

enum fw_pin {
	FW_PIN_USER,
	FW_PIN_SO,
	FW_PIN_UNLOCK, /* no PIN, but the unlock key: it has tries as they have */
	FW_PIN_PIV,    /* of the PIV application: eight bytes as they come, padded */
	FW_PIN_PUK,
	FW_PINS,
};

#define FW_PIN_MIN      6
#define FW_PIN_MAX      32
#define FW_HISTORY_MAX  8 /* deepest PIN history */
#define FW_TRIES_MAX    15
#define FW_SO_TRIES     10
#define FW_UNLOCK_TRIES 10
#define FW_LABEL_MAX    32 /* the token's own */
#define FW_NAME_MAX     64 /* labels and names of objects */
#define FW_ID_MAX       32 /* CKA_ID, object identifiers */
#define FW_KEYS         (2 * FW_CONTAINERS)
#define FW_HEAD_MAX     704 /* longest head: a key's (directory.h) */

/* Flags of the policy (tag 8A). */
#define FW_POLICY_CHANNEL 0x01 /* PINs inside a secure channel only */
#define FW_POLICY_CHANGE  0x02 /* a user PIN that the SO set must be changed before use */
#define FW_POLICY_PIV     0x04 /* the PIV application is there */
#define FW_POLICY_YUBICO  0x08 /* and has Yubico's public extensions */

struct fw_policy {
	uint8_t min, max, classes, history, flags;
};

/* Of the PIV application, without its management key. */
struct fw_piv_settings {
	uint8_t defaults;  /* FW_PIV_DEFAULT_*: this is still what everybody knows */
	uint8_t algorithm; /* of the management key */
	uint8_t touch;     /* its policy */
};

struct fw_application;

#define FW_UNLOCK_GUESSES 3

/* What the desk's next response must answer (protocol 5.1). */
struct fw_unlock {
	uint8_t random[8]; /* R */
	uint8_t guesses;   /* responses that may still be wrong; 0: there is no R */
};

/* A challenge or witness that the PIV application gave: good for the next command only. */
struct fw_piv_step {
	uint8_t tag; /* 81: challenge, 80: witness; 0: there is none */
	uint8_t algorithm;
	uint8_t value[16], len;
};

struct fw_channel {
	bool open;
	uint8_t security;
	bool piv_fresh;                        /* the command before this one was a VERIFY that succeeded */
	struct fw_piv_step piv_step, piv_next; /* what the command before this one gave; what this one gives */
	struct fw_unlock unlock;
	const struct fw_application *application;
	struct scp_session session; /* messaging.h; the security state is its own */
};

struct fw_chain {
	bool running;
	bool proprietary, secure;
	uint8_t channel, ins, p1, p2;
};

struct fw {
	struct hal *hal;
	enum fw_card card;
	struct scp_crypto crypto; /* of this hal: messaging.h */
	struct fw_journal journal;

	/* Cached from the journal. */
	enum fw_life life;
	uint32_t generation;
	uint8_t tries[FW_PINS], tries_max[FW_PINS];
	uint8_t gave; /* by the factory: factory.h */
	uint16_t unlock_counter;
	struct fw_piv_settings piv;
	struct fw_policy policy;
	uint8_t label[FW_LABEL_MAX];
	uint8_t label_len;
	uint8_t digest[32]; /* of the directory */
	bool digest_valid;

	struct fw_channel channel[FW_CHANNELS];
	struct fw_chain chain;

	size_t command_len;
	size_t answer_len, answer_sent; /* what GET RESPONSE still has to fetch, and for which channel */
	uint8_t answer_channel;
	uint16_t answer_sw; /* comes with the last of it */

	uint8_t head[FW_HEAD_MAX];            /* scratch of one handler */
	uint8_t blob[HAL_KEY_BLOB_MAX];       /* a private key on its way; wiped by who put it here */
	uint8_t chunk[APDU_LE_SHORT_MAX + 2]; /* one short answer */
	uint8_t command[FW_COMMAND_DATA_MAX + SCP_OVERHEAD];
	uint8_t answer[FW_ANSWER_DATA_MAX + SCP_OVERHEAD + 2];
};

/* What holds on a blank token, and what INITIALIZE sets unless it says otherwise. */
struct fw_policy fw_policy_default(const struct fw *fw);

/* Read the cached part back. False: the flash cannot be read, and the token counts as terminated. */
bool fw_state_load(struct fw *fw);

/*
 * End these bits of the security state on all channels but one (FW_CHANNELS: on all); with FW_PIV_ADMIN, also what was
 * asked of the management key that they stood for.
 */
void fw_state_revoke(struct fw *fw, uint8_t bits, uint8_t except);

/*
 * The transaction of one command. Public changes show in the directory or the label: they take the generation on,
 * and are refused (6A84) when the directory would exceed its limit. All these answer a status word.
 */
struct fw_transaction {
	struct fw_change change[12];
	size_t count;
	uint8_t generation[4];
	uint8_t tries[FW_PINS];
};

void fw_transaction_put(struct fw_transaction *t, uint16_t object, struct bytes first, struct bytes second);
void fw_transaction_remove(struct fw *fw, struct fw_transaction *t, uint16_t object);
/* Put tries counters: `pin` gets `tries`, the others keep theirs or what this transaction gave them before. */
void fw_transaction_tries(struct fw *fw, struct fw_transaction *t, enum fw_pin pin, uint8_t tries);
uint16_t fw_commit(struct fw *fw, struct fw_transaction *t);
uint16_t fw_commit_public(struct fw *fw, struct fw_transaction *t);
/* Everything the token held is gone, and this is what it holds now. */
uint16_t fw_commit_replace(struct fw *fw, struct fw_transaction *t);
/* Everything of the PIV application is gone, and this is what it holds now. */
uint16_t fw_commit_piv_reset(struct fw *fw, struct fw_transaction *t);

#endif
