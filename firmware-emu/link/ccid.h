/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CCID class (USB Smart Card Devices, revision 1.1) as the token speaks it: one slot, extended APDU level.
 *
 *	bulk OUT bytes -> ccid_out() -> [a job] -> ccid_done() -> bulk IN bytes <- ccid_in()
 *
 * Pure: no thread, no socket, no clock of its own. Whoever holds it calls one function at a time; a job (the chip's
 * work) is done outside, however long it takes, and while it runs ccid_tick() keeps the host waiting.
 */
#ifndef UKEY_LINK_CCID_H
#define UKEY_LINK_CCID_H

#include "common/bytes.h"

#define CCID_HEADER_SIZE   10u
#define CCID_DATA_MAX      65544u /* of one message at extended APDU level */
#define CCID_MESSAGE_MAX   (CCID_HEADER_SIZE + CCID_DATA_MAX)
#define CCID_MESSAGE_LEAST 271u /* smallest dwMaxCCIDMessageLength that makes sense */
#define CCID_ATR_MAX       33u
#define CCID_QUEUE         8u   /* answers that the host has not fetched yet */
#define CCID_EXTENSION_MS  400u /* "still at work" is said so often */

/* Of messages from the host and to it (6.1, 6.2, 6.3). */
enum ccid_message {
	CCID_SET_PARAMETERS = 0x61,
	CCID_POWER_ON = 0x62,
	CCID_POWER_OFF = 0x63,
	CCID_GET_SLOT_STATUS = 0x65,
	CCID_SECURE = 0x69,
	CCID_T0_APDU = 0x6A,
	CCID_ESCAPE = 0x6B,
	CCID_GET_PARAMETERS = 0x6C,
	CCID_RESET_PARAMETERS = 0x6D,
	CCID_CLOCK = 0x6E,
	CCID_XFR_BLOCK = 0x6F,
	CCID_MECHANICAL = 0x71,
	CCID_ABORT = 0x72,
	CCID_SET_DATA_RATE = 0x73,

	CCID_DATA_BLOCK = 0x80,
	CCID_SLOT_STATUS = 0x81,
	CCID_PARAMETERS = 0x82,
	CCID_ESCAPE_ANSWER = 0x83,
	CCID_DATA_RATE = 0x84,

	CCID_NOTIFY_SLOT_CHANGE = 0x50,
};

/* bError of a failed command (6.2.6); below 80: the offset of the header's byte that is wrong. */
enum ccid_error {
	CCID_UNSUPPORTED = 0x00,
	CCID_BAD_LENGTH = 0x01,
	CCID_BAD_SLOT = 0x05,
	CCID_BAD_BYTE_7 = 0x07, /* voltage, protocol */
	CCID_BAD_LEVEL = 0x08,  /* wLevelParameter */
	CCID_SLOT_BUSY = 0xE0,
	CCID_HARDWARE = 0xFB,
	CCID_MUTE = 0xFE,
	CCID_ABORTED = 0xFF,
};

/* What the chip is asked to do. */
enum ccid_job {
	CCID_IDLE,
	CCID_DO_POWER_ON,   /* ccid_done() with the ATR */
	CCID_DO_TRANSCEIVE, /* ccid_done() with the answer */
};

struct ccid_queued {
	uint8_t header[CCID_HEADER_SIZE];
	uint8_t small[CCID_ATR_MAX];
	struct bytes data; /* in `small` of this entry, or in `answer` */
	bool big;
};

struct ccid {
	size_t message_max; /* dwMaxCCIDMessageLength */

	bool present, powered, notify;
	uint32_t discard; /* bytes to come of a message that is too long */

	enum ccid_job job;
	uint8_t job_seq;
	uint64_t job_said; /* when the host last heard of it */
	bool job_aborted;

	bool abort_control, abort_bulk; /* which halves of an abort have come */
	uint8_t abort_seq;

	bool chaining; /* a command is coming in pieces */
	size_t command_len;
	size_t answer_len, answer_sent;

	size_t in_len; /* of the message that is coming in */
	size_t out_sent;
	size_t queue_first, queued;
	struct ccid_queued queue[CCID_QUEUE];
	uint8_t in[CCID_MESSAGE_MAX];
	uint8_t command[CCID_DATA_MAX];
	uint8_t answer[CCID_DATA_MAX];
};

/* As after the device was configured. message_max from CCID_MESSAGE_LEAST to CCID_MESSAGE_MAX. */
void ccid_start(struct ccid *c, size_t message_max, bool present);
/* The same while a job is in work: its answer will go nowhere. */
void ccid_forget(struct ccid *c, bool present);
/* The chip leaves the slot, or comes back: the host is notified. */
void ccid_set_present(struct ccid *c, bool present);

/*
 * What one transfer brought; `last`: it ended with a short packet, and a message with it. Messages may come in pieces.
 * Every complete message is answered, or becomes the job.
 */
void ccid_out(struct ccid *c, struct bytes data, bool last, uint64_t now);
/* Up to `room` bytes of the next message to the host; a message ends a transfer. False: there is none. */
bool ccid_in(struct ccid *c, struct builder *to);
/* Something waits for ccid_in(). */
bool ccid_ready(const struct ccid *c);
/* NotifySlotChange, when there is news. */
bool ccid_interrupt(struct ccid *c, struct builder *to);

/* What is to be done, and once: CCID_IDLE afterwards until it is done. `command` stays until ccid_done(). */
enum ccid_job ccid_take_job(struct ccid *c, struct bytes *command);
/* `ok`: the chip answered. Else it is mute. */
void ccid_done(struct ccid *c, bool ok, struct bytes answer);
/* Say "still at work" when it is time. Milliseconds until the next call is due; 0: no need. */
unsigned ccid_tick(struct ccid *c, uint64_t now);

/* EP0 (5.3.1): the first half of an abort. False: to be stalled. */
bool ccid_control_abort(struct ccid *c, uint8_t slot, uint8_t seq);

/* The CCID's functional descriptor (5.1), 54 bytes. */
#define CCID_DESCRIPTOR_SIZE 54u
void ccid_descriptor(struct builder *b, size_t message_max);

#endif
