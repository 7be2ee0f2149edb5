/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/transport/ccid.h"

/* Messages to the device (6.1) and from it (6.2). */
enum {
	POWER_ON = 0x62,
	POWER_OFF = 0x63,
	GET_SLOT_STATUS = 0x65,
	XFR_BLOCK = 0x6F,
	ABORT = 0x72,
	DATA_BLOCK = 0x80,
	SLOT_STATUS = 0x81,
};

#define REQUEST_ABORT 0x01 /* on endpoint 0 (5.3.1) */

/* bStatus (6.2.6) */
#define ICC_MASK          0x03
#define COMMAND_MASK      0xC0
#define COMMAND_DONE      0x00
#define COMMAND_FAILED    0x40
#define COMMAND_EXTENSION 0x80

/* bError */
#define ERROR_MUTE 0xFE
#define ERROR_BUSY 0xE0

/* wLevelParameter and bChainParameter */
#define CHAIN_WHOLE    0x00
#define CHAIN_BEGIN    0x01
#define CHAIN_END      0x02
#define CHAIN_MIDDLE   0x03
#define CHAIN_CONTINUE 0x10

#define ATR_LEAST 2u
#define ATR_MAX   33u

/* An answer taken apart; `data` lies in the slot's `message`. */
struct answer {
	uint8_t type, slot, seq, status, error, extra;
	struct bytes data;
	bool extended; /* the device said "still at work" before it */
};

/* What is asked. */
struct question {
	uint8_t type, byte7;
	uint16_t level;
	struct bytes data;
	uint8_t expected; /* type of the answer */
	uint64_t end;     /* when patience is over */
};

static uint64_t now(const struct ccid_slot *s)
{
	return s->pipes.now(s->pipes.ctx);
}

/* The conversation went wrong: nobody knows what comes next. */
static enum ukey_status lost(struct ccid_slot *s, const char *why)
{
	s->astray = true;
	s->why = why;
	return UKEY_COMMUNICATION;
}

static enum ukey_status io_failed(struct ccid_slot *s, enum ccid_io io, const char *timeout, const char *stall)
{
	switch (io) {
	case CCID_IO_GONE:
		s->astray = true;
		s->why = "it was unplugged";
		return UKEY_TOKEN_REMOVED;
	case CCID_IO_TIMEOUT:
		return lost(s, timeout);
	case CCID_IO_STALLED:
		return lost(s, stall);
	default:
		return lost(s, "a transfer failed");
	}
}

/* ---- messages out ------------------------------------------------------------------------------------------------ */

static void put_le32(struct builder *b, uint32_t v)
{
	for (unsigned shift = 0; shift < 32; shift += 8)
		builder_u8(b, (uint8_t)(v >> shift));
}

static enum ukey_status send_question(struct ccid_slot *s, const struct question *q)
{
	struct builder b = builder_of(s->message, sizeof s->message);
	enum ccid_io io;

	builder_u8(&b, q->type);
	put_le32(&b, (uint32_t)q->data.len);
	builder_u8(&b, 0); /* bSlot */
	builder_u8(&b, ++s->seq);
	builder_u8(&b, q->byte7);
	builder_u8(&b, (uint8_t)q->level);
	builder_u8(&b, (uint8_t)(q->level >> 8));
	builder_put(&b, q->data);
	if (b.failed)
		return UKEY_INTERNAL;
	io = s->pipes.bulk_out(s->pipes.ctx, builder_bytes(&b), CCID_SLOT_SEND_MS);
	/* A stalled pipe took nothing: once more when it is clear. */
	if (io == CCID_IO_STALLED && s->pipes.clear_halt(s->pipes.ctx, CCID_PIPE_OUT) == CCID_IO_OK)
		io = s->pipes.bulk_out(s->pipes.ctx, builder_bytes(&b), CCID_SLOT_SEND_MS);
	bytes_wipe(s->message, b.len);
	return io == CCID_IO_OK ? UKEY_OK
				: io_failed(s, io, "it takes no command", "its pipe for commands stays stalled");
}

/* ---- messages in ------------------------------------------------------------------------------------------------- */

/* One transfer into `message` from `at` on. A stalled pipe is cleared once: the answer may come yet. */
static enum ukey_status receive(struct ccid_slot *s, size_t at, size_t room, size_t *got, uint64_t until)
{
	enum ccid_io io = CCID_IO_STALLED;

	for (int i = 0; i < 2 && io == CCID_IO_STALLED; i++) {
		uint64_t time = now(s);
		*got = 0;
		if (time >= until)
			return lost(s, "it does not answer in time");
		if (i > 0 && s->pipes.clear_halt(s->pipes.ctx, CCID_PIPE_IN) != CCID_IO_OK)
			break;
		io = s->pipes.bulk_in(s->pipes.ctx, s->message + at, room, got, (unsigned)(until - time));
		if (*got <= room && at + *got > s->used)
			s->used = at + *got;
	}
	/*
	 * It ends a message with a full packet and does not say that this was all: the message is there, and from now
	 * on packets are fetched one by one.
	 */
	if (io == CCID_IO_TIMEOUT && !s->one_by_one && at == 0 && *got > 0 && *got < room && *got % s->is.packet == 0) {
		s->one_by_one = true;
		io = CCID_IO_OK;
	}
	if (io != CCID_IO_OK)
		return io_failed(s, io, at ? "its answer stops in the middle" : "it does not answer in time",
			"its pipe for answers stays stalled");
	return *got <= room ? UKEY_OK : lost(s, "more came than was asked for");
}

/* The first transfer: with it comes the header, and most answers whole. Empty ones end what was sent before. */
static enum ukey_status receive_first(struct ccid_slot *s, size_t *got, uint64_t until)
{
	for (unsigned i = 0; i <= CCID_SLOT_EMPTIES; i++) {
		const size_t packets = s->one_by_one ? 1 : CCID_SLOT_FIRST / s->is.packet;
		enum ukey_status status = receive(s, 0, packets * s->is.packet, got, until);
		if (status != UKEY_OK || *got > 0)
			return status;
	}
	return lost(s, "it sends empty packets without end");
}

/*
 * A whole message. What follows the first transfer is asked for by its exact length: a device that ends a message of
 * full packets with an empty one and a device that does not are both understood, and at most one answer waits for a
 * time-out: the first that fills its packets, of a device that does not.
 */
static enum ukey_status receive_message(struct ccid_slot *s, struct answer *a, uint64_t until)
{
	size_t have, whole;
	enum ukey_status status = receive_first(s, &have, until);

	if (status != UKEY_OK)
		return status;
	struct cursor c = cursor_of(BYTES(s->message, have));
	a->type = cursor_u8(&c);
	size_t length = 0;
	for (unsigned shift = 0; shift < 32; shift += 8)
		length |= (size_t)cursor_u8(&c) << shift;
	a->slot = cursor_u8(&c);
	a->seq = cursor_u8(&c);
	a->status = cursor_u8(&c);
	a->error = cursor_u8(&c);
	a->extra = cursor_u8(&c);
	if (c.failed)
		return lost(s, "an answer is shorter than its header");
	if (length > s->is.message_max - CCID_SLOT_HEADER)
		return lost(s, "an answer says that it is longer than the device's longest");
	whole = CCID_SLOT_HEADER + length;
	while (have < whole) {
		/* A short packet was the end. */
		if (have % s->is.packet != 0)
			return lost(s, "an answer is shorter than it says");
		size_t got = 0, room = (whole - have + s->is.packet - 1) / s->is.packet * s->is.packet;
		status = receive(s, have, room, &got, until);
		if (status != UKEY_OK)
			return status;
		if (got == 0)
			return lost(s, "an answer is shorter than it says");
		have += got;
	}
	if (have > whole)
		return lost(s, "an answer is longer than it says");
	a->data = BYTES(s->message + CCID_SLOT_HEADER, length);
	return UKEY_OK;
}

/* It is for the question that was asked last. */
static bool belongs(const struct ccid_slot *s, const struct answer *a)
{
	return a->seq == s->seq;
}

/* What cannot be an answer to this question; NULL: it can. */
static const char *nonsense(const struct answer *a, const struct question *q)
{
	/* A command that was refused before it was understood is answered with the slot's status. */
	bool refused = a->type == SLOT_STATUS && (a->status & COMMAND_MASK) == COMMAND_FAILED;

	if (a->slot != 0)
		return "it answers for a slot that was not asked";
	if (a->type != q->expected && !refused)
		return "its answer is of another kind than the question";
	if ((a->status & COMMAND_MASK) == COMMAND_MASK || (a->status & ICC_MASK) == ICC_MASK)
		return "its status cannot be";
	if ((a->status & COMMAND_MASK) != COMMAND_DONE && a->data.len > 0)
		return "an answer without success has data";
	if (a->type == SLOT_STATUS && a->data.len > 0)
		return "a slot's status has data";
	return NULL;
}

/* Until the answer to the last question is here. `strays`: answers to others are dropped, so many. */
static enum ukey_status await(struct ccid_slot *s, const struct question *q, struct answer *a)
{
	uint64_t until = now(s) + CCID_SLOT_ANSWER_MS;
	unsigned strays = 0, extensions = 0;

	for (;;) {
		enum ukey_status status = receive_message(s, a, until < q->end ? until : q->end);
		if (status != UKEY_OK)
			return status;
		if (!belongs(s, a)) {
			if (++strays > CCID_SLOT_STRAYS)
				return lost(s, "it answers other questions than those that were asked");
			continue;
		}
		s->why = nonsense(a, q);
		if (s->why)
			return lost(s, s->why);
		a->extended = extensions > 0;
		if ((a->status & COMMAND_MASK) != COMMAND_EXTENSION)
			return UKEY_OK;
		if (++extensions > CCID_SLOT_EXTENSIONS)
			return lost(s, "it says without end that it is still at work");
		until = now(s) + (uint64_t)CCID_SLOT_ANSWER_MS * (a->error ? a->error : 1);
	}
}

static enum ukey_status ask(struct ccid_slot *s, const struct question *q, struct answer *a)
{
	enum ukey_status status = send_question(s, q);

	*a = (struct answer){0};
	return status == UKEY_OK ? await(s, q, a) : status;
}

/* ---- finding the way again --------------------------------------------------------------------------------------- */

/* Whatever the device had to say before is dropped, of any kind, until the answer to this question. */
static enum ukey_status ask_astray(struct ccid_slot *s, uint8_t type, unsigned patience, struct answer *a)
{
	const uint64_t until = now(s) + patience;
	const struct question q = {.type = type, .expected = SLOT_STATUS, .end = until};
	enum ukey_status status = send_question(s, &q);

	*a = (struct answer){0};
	for (unsigned i = 0; i <= CCID_SLOT_STRAYS && status == UKEY_OK; i++) {
		status = receive_message(s, a, until);
		/* Half an answer was left behind, or one with too much: the next may be whole. */
		if (status == UKEY_COMMUNICATION && now(s) < until)
			status = UKEY_OK;
		else if (status == UKEY_OK && belongs(s, a) && !nonsense(a, &q) &&
			 (a->status & COMMAND_MASK) != COMMAND_EXTENSION)
			return UKEY_OK;
	}
	return status == UKEY_OK ? lost(s, "it answers other questions than those that were asked") : status;
}

/* Both halves of an abort with one number (5.3.1, 6.1.13). A device that knows no abort stalls the first. */
static enum ukey_status abort_all(struct ccid_slot *s, struct answer *a)
{
	enum ccid_io io = s->pipes.control(
		s->pipes.ctx, REQUEST_ABORT, (uint16_t)((unsigned)(uint8_t)(s->seq + 1) << 8), CCID_SLOT_START_MS);

	if (io == CCID_IO_GONE)
		return io_failed(s, io, NULL, NULL);
	return ask_astray(s, ABORT, CCID_SLOT_ABORT_MS, a);
}

static enum ukey_status resume(struct ccid_slot *s, struct answer *a)
{
	enum ukey_status status = abort_all(s, a);

	if (status == UKEY_COMMUNICATION) {
		/* From the beginning then, as after the device was plugged in. */
		s->pipes.clear_halt(s->pipes.ctx, CCID_PIPE_OUT);
		s->pipes.clear_halt(s->pipes.ctx, CCID_PIPE_IN);
		status = ask_astray(s, GET_SLOT_STATUS, CCID_SLOT_START_MS, a);
	}
	if (status == UKEY_OK)
		s->astray = false;
	return status;
}

enum ukey_status ccid_slot_start(struct ccid_slot *s, const struct ccid_pipes *pipes, const struct ccid_description *is)
{
	struct answer a;

	s->pipes = *pipes;
	s->is = *is;
	s->why = NULL;
	s->astray = false;
	s->one_by_one = false;
	s->used = 0;
	/* What somebody before us did not fetch has another number, most likely. */
	s->seq = (uint8_t)now(s);
	enum ukey_status status = ask_astray(s, GET_SLOT_STATUS, CCID_SLOT_START_MS, &a);
	if (status == UKEY_COMMUNICATION)
		status = resume(s, &a);
	if (status == UKEY_OK)
		s->astray = false;
	return status;
}

/* Before each question. */
static enum ukey_status ready(struct ccid_slot *s, struct answer *a)
{
	*a = (struct answer){0};
	return s->astray ? resume(s, a) : UKEY_OK;
}

/* ---- power ------------------------------------------------------------------------------------------------------- */

static enum ukey_status ask_status(struct ccid_slot *s, uint8_t type, struct answer *a)
{
	enum ukey_status status = ready(s, a);
	const struct question q = {.type = type, .expected = SLOT_STATUS, .end = now(s) + CCID_SLOT_ANSWER_MS};

	return status == UKEY_OK ? ask(s, &q, a) : status;
}

enum ukey_status ccid_slot_presence(struct ccid_slot *s, enum ccid_presence *out)
{
	struct answer a;
	enum ukey_status status = ask_status(s, GET_SLOT_STATUS, &a);

	if (status == UKEY_OK)
		*out = (enum ccid_presence)(a.status & ICC_MASK);
	return status;
}

enum ukey_status ccid_slot_power_off(struct ccid_slot *s)
{
	struct answer a;

	return ask_status(s, POWER_OFF, &a);
}

static bool is_failed(const struct answer *a)
{
	return (a->status & COMMAND_MASK) == COMMAND_FAILED;
}

static bool is_busy(const struct answer *a)
{
	return is_failed(a) && a->error == ERROR_BUSY;
}

static enum ccid_presence presence(const struct answer *a)
{
	return (enum ccid_presence)(a->status & ICC_MASK);
}

static enum ukey_status powered(struct ccid_slot *s, const struct answer *a)
{
	if (is_failed(a) && presence(a) == CCID_ABSENT)
		return UKEY_TOKEN_REMOVED;
	if (is_failed(a)) {
		s->why = "the card does not answer to power";
		return UKEY_COMMUNICATION;
	}
	if (presence(a) != CCID_ACTIVE || a->extra != CHAIN_WHOLE)
		return lost(s, "it says that the card has power, and that it has none");
	if (a->data.len < ATR_LEAST || a->data.len > ATR_MAX)
		return lost(s, "the card's answer to reset cannot be one");
	return UKEY_OK;
}

enum ukey_status ccid_slot_power_on(struct ccid_slot *s)
{
	struct answer a;
	enum ukey_status status = ready(s, &a);
	const struct question q = {
		.type = POWER_ON, .byte7 = s->is.power, .expected = DATA_BLOCK, .end = now(s) + CCID_SLOT_POWER_MS};

	if (status == UKEY_OK)
		status = ask(s, &q, &a);
	/* At work for whoever was here before: it shall stop. A chip that cannot be stopped does not answer that. */
	if (status == UKEY_OK && is_busy(&a)) {
		status = abort_all(s, &a);
		if (status == UKEY_COMMUNICATION)
			return UKEY_TOKEN_BUSY;
		if (status == UKEY_OK)
			status = ask(s, &q, &a);
		if (status == UKEY_OK && is_busy(&a))
			return UKEY_TOKEN_BUSY;
	}
	return status == UKEY_OK ? powered(s, &a) : status;
}

/* ---- APDUs ------------------------------------------------------------------------------------------------------- */

/* The device refused a piece. `first`: of a command that it had nothing of yet. */
static enum ukey_status refused(struct ccid_slot *s, const struct answer *a, bool first)
{
	if (presence(a) == CCID_ABSENT) {
		s->why = "the card was taken out";
		return UKEY_TOKEN_REMOVED;
	}
	/* Without power it cannot have begun; said after "still at work", it has. */
	if (presence(a) == CCID_INACTIVE && first && !a->extended)
		return UKEY_TOKEN_RESET;
	return lost(s, a->error == ERROR_MUTE ? "the card does not answer" : "it refuses a command");
}

static struct question piece(struct bytes data, uint16_t level, uint64_t end)
{
	return (struct question){.type = XFR_BLOCK, .level = level, .data = data, .expected = DATA_BLOCK, .end = end};
}

/* The command, in as many messages as it takes. UKEY_OK: *a is the first piece of the answer. */
static enum ukey_status send_command(struct ccid_slot *s, struct bytes command, uint64_t end, struct answer *a)
{
	const size_t most = s->is.message_max - CCID_SLOT_HEADER;
	struct cursor c = cursor_of(command);
	bool first = true;

	if (!s->is.extended && command.len > most) {
		s->why = "the command is too long for it";
		return UKEY_COMMUNICATION;
	}
	for (;;) {
		struct bytes data = cursor_take(&c, c.left < most ? c.left : most);
		const bool last = c.left == 0;
		struct question q = piece(data,
			(uint16_t)(first ? (last ? CHAIN_WHOLE : CHAIN_BEGIN) : (last ? CHAIN_END : CHAIN_MIDDLE)),
			end);
		enum ukey_status status = ask(s, &q, a);
		/* Busy with something else: it has not begun with ours. */
		if (status == UKEY_OK && first && is_busy(a)) {
			status = resume(s, a);
			if (status == UKEY_OK)
				status = ask(s, &q, a);
		}
		if (status != UKEY_OK)
			return status;
		if (is_failed(a))
			return refused(s, a, first);
		if (last)
			return UKEY_OK;
		if (a->extra != CHAIN_CONTINUE || a->data.len > 0)
			return lost(s, "it answers in the middle of a command");
		first = false;
	}
}

/* Whether this piece may come here; `more`: others follow. */
static bool chained_well(const struct ccid_slot *s, const struct answer *a, bool first, bool *more)
{
	*more = a->extra == (first ? CHAIN_BEGIN : CHAIN_MIDDLE);
	if (*more)
		return s->is.extended && a->data.len > 0;
	return a->extra == (first ? CHAIN_WHOLE : CHAIN_END);
}

static enum ukey_status take_answer(struct ccid_slot *s, struct answer *a, uint64_t end, struct builder *out)
{
	const struct question next = piece(BYTES_NONE, CHAIN_CONTINUE, end);
	size_t total = 0;
	bool more, first = true;

	for (;;) {
		if (!chained_well(s, a, first, &more))
			return lost(s, "the pieces of its answer do not fit together");
		total += a->data.len;
		if (total > CCID_SLOT_ANSWER_MAX)
			return lost(s, "its answer is longer than any");
		builder_put(out, a->data);
		if (!more)
			break;
		enum ukey_status status = ask(s, &next, a);
		if (status == UKEY_OK && is_failed(a))
			status = refused(s, a, false);
		if (status != UKEY_OK)
			return status;
		first = false;
	}
	/* No answer has less than a status word. */
	return total >= 2 ? UKEY_OK : lost(s, "its answer has no status word");
}

enum ukey_status ccid_slot_transceive(struct ccid_slot *s, struct bytes command, struct builder *answer)
{
	const size_t before = answer->len;
	const bool astray = s->astray;
	struct answer a;
	enum ukey_status status = ready(s, &a);
	const uint64_t end = now(s) + CCID_SLOT_PATIENCE_MS;

	/* What led astray may have cost the card its power; nothing was sent yet. */
	if (status == UKEY_OK && astray && presence(&a) != CCID_ACTIVE)
		status = presence(&a) == CCID_ABSENT ? UKEY_TOKEN_REMOVED : UKEY_TOKEN_RESET;
	if (status == UKEY_OK)
		status = send_command(s, command, end, &a);
	if (status == UKEY_OK)
		status = take_answer(s, &a, end, answer);
	bytes_wipe(s->message, s->used);
	s->used = 0;
	if (status != UKEY_OK)
		answer->len = before;
	return status;
}
