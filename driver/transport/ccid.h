/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of the CCID class (USB Smart Card Devices, revision 1.1): whole APDUs to the one slot of a device and
 * back. Nothing that the device says is believed: not its descriptors, not a length, not a number.
 *
 *	ccid_describe() --> ccid_slot_start() --> ccid_slot_power_on() --> ccid_slot_transceive() ...
 *
 * No USB library inside: the pipes are functions (struct ccid_pipes), and so is the clock. Every call ends in bounded
 * time, whatever the device does. One thread at a time.
 *
 * After a failed conversation the slot is `astray`: what the device sends next may belong to what was asked before. The
 * next call begins with an abort (5.3.1) then, and goes on when the device has answered that.
 */
#ifndef UKEY_DRIVER_TRANSPORT_CCID_H
#define UKEY_DRIVER_TRANSPORT_CCID_H

#include "common/bytes.h"
#include "driver/ukey.h"

#define CCID_SLOT_HEADER      10u
#define CCID_SLOT_MESSAGE_MAX (CCID_SLOT_HEADER + 65544u)
#define CCID_SLOT_ANSWER_MAX  (65536u + 2u) /* of one APDU */
#define CCID_SLOT_PACKET_MAX  1024u
#define CCID_SLOT_FIRST       4096u /* is asked for at once */

/*
 * Milliseconds. A message must be taken, and answered, within ANSWER; "still at work" begins ANSWER anew, as many times
 * as the device says, but after PATIENCE the command (after POWER the power-on) has failed: no key takes so long to
 * make. START: the answer to the first question, when nobody knows what the device is busy with; ABORT: that of an
 * abort.
 */
#define CCID_SLOT_SEND_MS     5000u
#define CCID_SLOT_ANSWER_MS   10000u
#define CCID_SLOT_PATIENCE_MS 300000u
#define CCID_SLOT_POWER_MS    30000u
#define CCID_SLOT_START_MS    1000u
#define CCID_SLOT_ABORT_MS    3000u
/* So many answers to other questions, "still at work"s, and empty packets are borne before the right answer. */
#define CCID_SLOT_STRAYS     32u
#define CCID_SLOT_EXTENSIONS 4096u
#define CCID_SLOT_EMPTIES    4u

/* ---- the seam ---- */

enum ccid_io {
	CCID_IO_OK,
	CCID_IO_TIMEOUT, /* some bytes may have come through */
	CCID_IO_STALLED,
	CCID_IO_GONE,   /* the device is no longer there */
	CCID_IO_FAILED, /* anything else; also: more came than there was room for */
};

enum ccid_pipe {
	CCID_PIPE_OUT,
	CCID_PIPE_IN,
	CCID_PIPE_INTERRUPT,
};

struct ccid_pipes {
	void *ctx;
	/* A class request without data to the interface. */
	enum ccid_io (*control)(void *ctx, uint8_t request, uint16_t value, unsigned ms);
	enum ccid_io (*bulk_out)(void *ctx, struct bytes data, unsigned ms);
	/* One transfer: at most `room` bytes, a multiple of the packet size; a short packet ends it. */
	enum ccid_io (*bulk_in)(void *ctx, uint8_t *to, size_t room, size_t *got, unsigned ms);
	enum ccid_io (*clear_halt)(void *ctx, enum ccid_pipe pipe);
	uint64_t (*now)(void *ctx); /* milliseconds; only forward */
};

/* ---- what the device says of itself ---- */

struct ccid_endpoint {
	uint8_t address, attributes;
	uint16_t packet;
};

struct ccid_description {
	uint8_t out, in, interrupt; /* addresses; interrupt 0: none */
	size_t packet;              /* of `in` */
	size_t interrupt_packet;
	size_t message_max; /* dwMaxCCIDMessageLength */
	bool extended;      /* the extended APDU level; else short APDUs only */
	uint8_t power;      /* bPowerSelect */
};

/*
 * `functional`: the class's descriptor (5.1), perhaps among others. UKEY_NOT_SUPPORTED: an honest device that we cannot
 * drive (TPDU level, parameters to be negotiated); UKEY_TOKEN_PROTOCOL: what it says cannot be. *why in one line.
 */
enum ukey_status ccid_describe(struct bytes functional, const struct ccid_endpoint *endpoints, size_t count,
	struct ccid_description *out, const char **why);

/* What came through the interrupt pipe (6.3). */
enum ccid_notice {
	CCID_NOTICE_NONE, /* nothing that we understand */
	CCID_NOTICE_IN,
	CCID_NOTICE_OUT,
	CCID_NOTICE_HARDWARE, /* it complains of itself */
};
enum ccid_notice ccid_notice(struct bytes message);

/* ---- the slot ---- */

struct ccid_slot {
	struct ccid_pipes pipes;
	struct ccid_description is;
	uint8_t seq;
	bool astray;
	bool one_by_one; /* the device does not tell where a message of full packets ends */
	size_t used;     /* of `message`, by what came */
	const char *why; /* after a failure: what the device did, in one line */
	uint8_t message[CCID_SLOT_MESSAGE_MAX + CCID_SLOT_PACKET_MAX];
};

enum ccid_presence {
	CCID_ACTIVE,
	CCID_INACTIVE,
	CCID_ABSENT,
};

/* The device was just claimed, or must be found again: until it answers what it is asked. */
enum ukey_status ccid_slot_start(
	struct ccid_slot *s, const struct ccid_pipes *pipes, const struct ccid_description *is);
enum ukey_status ccid_slot_presence(struct ccid_slot *s, enum ccid_presence *out);
/* A new session of the card. UKEY_TOKEN_REMOVED: there is none. UKEY_TOKEN_BUSY: the device is still at work with what
 * somebody else asked of it. */
enum ukey_status ccid_slot_power_on(struct ccid_slot *s);
enum ukey_status ccid_slot_power_off(struct ccid_slot *s);
/*
 * As transport_ops.transceive. UKEY_TOKEN_RESET: the card has lost its power since, and got nothing.
 * UKEY_COMMUNICATION: s->why says what went wrong.
 */
enum ukey_status ccid_slot_transceive(struct ccid_slot *s, struct bytes command, struct builder *answer);

#endif
