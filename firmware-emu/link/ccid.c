/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/link/ccid.h"

/* bStatus (6.2.6) */
#define STATUS_FAILED    0x40
#define STATUS_EXTENSION 0x80

/* wLevelParameter and bChainParameter (6.1.4, 6.2.1) */
#define CHAIN_WHOLE    0x00
#define CHAIN_BEGIN    0x01
#define CHAIN_END      0x02
#define CHAIN_MIDDLE   0x03
#define CHAIN_CONTINUE 0x10

#define PROTOCOL_T1 1

/* A message's header, taken apart. */
struct request {
	uint8_t type, slot, seq;
	uint8_t byte7, byte8, byte9;
	struct bytes data;
};

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void put_le32(struct builder *b, uint32_t v)
{
	builder_u8(b, (uint8_t)v);
	builder_u8(b, (uint8_t)(v >> 8));
	builder_u8(b, (uint8_t)(v >> 16));
	builder_u8(b, (uint8_t)(v >> 24));
}

/* ---- to the host ---- */

static uint8_t icc_status(const struct ccid *c)
{
	if (!c->present)
		return 2;
	return c->powered ? 0 : 1;
}

static struct ccid_queued *enqueue(
	struct ccid *c, uint8_t type, uint8_t slot, uint8_t seq, uint8_t status, uint8_t error, uint8_t byte9, size_t n)
{
	/* A host that fetches nothing loses answers, not us our memory. */
	if (c->queued == CCID_QUEUE)
		return NULL;
	struct ccid_queued *q = &c->queue[(c->queue_first + c->queued++) % CCID_QUEUE];
	struct builder b = builder_of(q->header, sizeof(q->header));

	builder_u8(&b, type);
	put_le32(&b, (uint32_t)n);
	builder_u8(&b, slot);
	builder_u8(&b, seq);
	builder_u8(&b, (uint8_t)(status | (slot == 0 ? icc_status(c) : 2)));
	builder_u8(&b, error);
	builder_u8(&b, byte9);
	q->data = BYTES_NONE;
	q->big = false;
	return q;
}

static void reply_small(struct ccid *c, uint8_t type, uint8_t seq, uint8_t byte9, struct bytes data)
{
	struct ccid_queued *q = enqueue(c, type, 0, seq, 0, 0, byte9, data.len);

	if (!q || data.len == 0)
		return;
	bytes_copy(q->small, data);
	q->data = BYTES(q->small, data.len);
}

static void reply_failed(struct ccid *c, uint8_t type, uint8_t slot, uint8_t seq, enum ccid_error error)
{
	enqueue(c, type, slot, seq, STATUS_FAILED, (uint8_t)error, 0, 0);
}

/* The next piece of the chip's answer. */
static void reply_answer(struct ccid *c, uint8_t seq)
{
	size_t left = c->answer_len - c->answer_sent, most = c->message_max - CCID_HEADER_SIZE;
	size_t n = left < most ? left : most;
	bool first = c->answer_sent == 0, last = n == left;
	uint8_t chain = first ? (last ? CHAIN_WHOLE : CHAIN_BEGIN) : (last ? CHAIN_END : CHAIN_MIDDLE);
	struct ccid_queued *q = enqueue(c, CCID_DATA_BLOCK, 0, seq, 0, 0, chain, n);

	if (!q)
		return;
	q->data = BYTES(c->answer + c->answer_sent, n);
	q->big = true;
	c->answer_sent += n;
}

static bool answer_unfetched(const struct ccid *c)
{
	for (size_t i = 0; i < c->queued; i++)
		if (c->queue[(c->queue_first + i) % CCID_QUEUE].big)
			return true;
	return false;
}

bool ccid_ready(const struct ccid *c)
{
	return c->queued > 0;
}

bool ccid_in(struct ccid *c, struct builder *to)
{
	if (c->queued == 0)
		return false;
	struct ccid_queued *q = &c->queue[c->queue_first];
	size_t whole = sizeof(q->header) + q->data.len;

	for (; to->len < to->cap && c->out_sent < sizeof(q->header); c->out_sent++)
		builder_u8(to, q->header[c->out_sent]);
	if (to->len < to->cap && c->out_sent < whole) {
		size_t at = c->out_sent - sizeof(q->header), left = q->data.len - at;
		size_t n = left < to->cap - to->len ? left : to->cap - to->len;
		builder_put(to, BYTES(q->data.data + at, n));
		c->out_sent += n;
	}
	if (c->out_sent == whole) {
		c->out_sent = 0;
		c->queue_first = (c->queue_first + 1) % CCID_QUEUE;
		c->queued--;
	}
	return true;
}

bool ccid_interrupt(struct ccid *c, struct builder *to)
{
	if (!c->notify)
		return false;
	c->notify = false;
	builder_u8(to, CCID_NOTIFY_SLOT_CHANGE);
	builder_u8(to, (uint8_t)(0x02 | (c->present ? 0x01 : 0x00)));
	return true;
}

/* ---- what the host asks ---- */

static void slot_status(struct ccid *c, const struct request *r)
{
	enqueue(c, CCID_SLOT_STATUS, 0, r->seq, 0, 0, 0, 0);
}

static void begin_job(struct ccid *c, enum ccid_job job, uint8_t seq, uint64_t now)
{
	c->job = job;
	c->job_seq = seq;
	c->job_said = now;
	c->job_aborted = false;
}

static void power_on(struct ccid *c, const struct request *r, uint64_t now)
{
	if (r->byte7 > 3)
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_BAD_BYTE_7);
	else if (!c->present)
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_MUTE);
	else
		begin_job(c, CCID_DO_POWER_ON, r->seq, now);
	c->chaining = false;
}

static void power_off(struct ccid *c, const struct request *r, uint64_t now)
{
	(void)now;
	c->powered = false;
	c->chaining = false;
	slot_status(c, r);
}

static void get_slot_status(struct ccid *c, const struct request *r, uint64_t now)
{
	(void)now;
	slot_status(c, r);
}

/* A piece of a command, or all of it: gathered until it is whole. */
static void xfr_block(struct ccid *c, const struct request *r, uint64_t now)
{
	unsigned level = (unsigned)r->byte9 << 8 | r->byte8;
	bool continues = level == CHAIN_END || level == CHAIN_MIDDLE;

	if (!c->present || !c->powered) {
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_MUTE);
		return;
	}
	if (level == CHAIN_CONTINUE && r->data.len == 0 && c->answer_sent < c->answer_len) {
		reply_answer(c, r->seq);
		return;
	}
	if (level > CHAIN_MIDDLE || continues != c->chaining) {
		c->chaining = false;
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_BAD_LEVEL);
		return;
	}
	if (!continues)
		c->command_len = 0;
	if (r->data.len > sizeof(c->command) - c->command_len) {
		c->chaining = false;
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_BAD_LENGTH);
		return;
	}
	bytes_copy(c->command + c->command_len, r->data);
	c->command_len += r->data.len;
	c->chaining = level == CHAIN_BEGIN || level == CHAIN_MIDDLE;
	if (c->chaining)
		enqueue(c, CCID_DATA_BLOCK, 0, r->seq, 0, 0, CHAIN_CONTINUE, 0);
	else if (c->command_len == 0)
		reply_failed(c, CCID_DATA_BLOCK, 0, r->seq, CCID_BAD_LENGTH);
	else
		begin_job(c, CCID_DO_TRANSCEIVE, r->seq, now);
}

/* Parameters of T=1 (6.2.3) as the ATR has them: nobody negotiates here. */
static void parameters(struct ccid *c, const struct request *r, uint64_t now)
{
	static const uint8_t t1[] = {0x11, 0x10, 0x00, 0x4D, 0x00, 0x20, 0x00};

	(void)now;
	if (r->type == CCID_SET_PARAMETERS && r->byte7 != PROTOCOL_T1)
		reply_failed(c, CCID_PARAMETERS, 0, r->seq, CCID_BAD_BYTE_7);
	else if (r->type == CCID_SET_PARAMETERS && r->data.len != sizeof(t1))
		reply_failed(c, CCID_PARAMETERS, 0, r->seq, CCID_BAD_LENGTH);
	else
		reply_small(c, CCID_PARAMETERS, r->seq, PROTOCOL_T1, BYTES_OF(t1));
}

static void finish_abort(struct ccid *c)
{
	if (!c->abort_control || !c->abort_bulk)
		return;
	if (c->job != CCID_IDLE) { /* the chip cannot be interrupted: when it is done */
		c->job_aborted = true;
		return;
	}
	c->abort_control = c->abort_bulk = false;
	c->chaining = false;
	c->answer_len = c->answer_sent = 0;
	enqueue(c, CCID_SLOT_STATUS, 0, c->abort_seq, 0, 0, 0, 0);
}

static void abort_bulk(struct ccid *c, const struct request *r, uint64_t now)
{
	(void)now;
	if (c->abort_control && c->abort_seq != r->seq) {
		reply_failed(c, CCID_SLOT_STATUS, 0, r->seq, CCID_ABORTED);
		return;
	}
	c->abort_bulk = true;
	c->abort_seq = r->seq;
	finish_abort(c);
}

bool ccid_control_abort(struct ccid *c, uint8_t slot, uint8_t seq)
{
	if (slot != 0)
		return false;
	if (c->abort_bulk && c->abort_seq != seq)
		c->abort_bulk = false;
	c->abort_control = true;
	c->abort_seq = seq;
	finish_abort(c);
	return true;
}

/* Which answer each request has, and who gives it; no handler: a command that this device has no use for (6.1). */
static const struct {
	uint8_t type, answer;
	void (*handler)(struct ccid *c, const struct request *r, uint64_t now);
} rows[] = {
	{CCID_POWER_ON,         CCID_DATA_BLOCK,    power_on       },
        {CCID_POWER_OFF,        CCID_SLOT_STATUS,   power_off      },
	{CCID_GET_SLOT_STATUS,  CCID_SLOT_STATUS,   get_slot_status},
        {CCID_XFR_BLOCK,        CCID_DATA_BLOCK,    xfr_block      },
	{CCID_GET_PARAMETERS,   CCID_PARAMETERS,    parameters     },
        {CCID_RESET_PARAMETERS, CCID_PARAMETERS,    parameters     },
	{CCID_SET_PARAMETERS,   CCID_PARAMETERS,    parameters     },
        {CCID_ABORT,            CCID_SLOT_STATUS,   abort_bulk     },
	{CCID_ESCAPE,           CCID_ESCAPE_ANSWER, NULL           },
        {CCID_SECURE,           CCID_DATA_BLOCK,    NULL           },
	{CCID_SET_DATA_RATE,    CCID_DATA_RATE,     NULL           },
        {0,                     CCID_SLOT_STATUS,   NULL           }, /* all others */
};

static void request(struct ccid *c, const struct request *r, uint64_t now)
{
	size_t i = 0;

	while (rows[i].type && rows[i].type != r->type)
		i++;
	if (!rows[i].handler)
		reply_failed(c, rows[i].answer, r->slot, r->seq, CCID_UNSUPPORTED);
	else if (r->slot != 0)
		reply_failed(c, rows[i].answer, r->slot, r->seq, CCID_BAD_SLOT);
	else if (rows[i].handler == abort_bulk)
		abort_bulk(c, r, now);
	else if (c->abort_control)
		reply_failed(c, rows[i].answer, 0, r->seq, CCID_ABORTED);
	else if (c->job != CCID_IDLE || (r->type == CCID_XFR_BLOCK && answer_unfetched(c)))
		reply_failed(c, rows[i].answer, 0, r->seq, CCID_SLOT_BUSY);
	else
		rows[i].handler(c, r, now);
}

/* ---- bytes into messages ---- */

static void message(struct ccid *c, uint64_t now)
{
	const uint8_t *h = c->in;
	const struct request r = {
		.type = h[0],
		.slot = h[5],
		.seq = h[6],
		.byte7 = h[7],
		.byte8 = h[8],
		.byte9 = h[9],
		.data = BYTES(c->in + CCID_HEADER_SIZE, c->in_len - CCID_HEADER_SIZE),
	};

	request(c, &r, now);
	bytes_wipe(c->in, c->in_len);
	c->in_len = 0;
}

/* The header is here and promises more than a message may have: refuse it, and skip what follows of it. */
static void too_long(struct ccid *c, uint32_t promised)
{
	reply_failed(c, CCID_SLOT_STATUS, c->in[5], c->in[6], CCID_BAD_LENGTH);
	c->discard = promised;
	c->in_len = 0;
}

void ccid_out(struct ccid *c, struct bytes data, bool last, uint64_t now)
{
	struct cursor in = cursor_of(data);

	while (in.left > 0) {
		size_t want = CCID_HEADER_SIZE;

		if (c->discard > 0) {
			size_t n = in.left < c->discard ? in.left : c->discard;
			(void)cursor_take(&in, n);
			c->discard -= (uint32_t)n;
			continue;
		}
		if (c->in_len >= CCID_HEADER_SIZE)
			want += le32(c->in + 1);
		struct bytes piece = cursor_take(&in, want - c->in_len < in.left ? want - c->in_len : in.left);
		bytes_copy(c->in + c->in_len, piece);
		c->in_len += piece.len;
		if (c->in_len < CCID_HEADER_SIZE)
			break;
		uint32_t promised = le32(c->in + 1);
		if (promised > c->message_max - CCID_HEADER_SIZE)
			too_long(c, promised);
		else if (c->in_len == CCID_HEADER_SIZE + promised)
			message(c, now);
	}
	/* A short packet ends a message: what is not whole then never will be. */
	if (last && (c->in_len > 0 || c->discard > 0)) {
		if (c->in_len >= CCID_HEADER_SIZE)
			reply_failed(c, CCID_SLOT_STATUS, c->in[5], c->in[6], CCID_BAD_LENGTH);
		bytes_wipe(c->in, c->in_len);
		c->in_len = 0;
		c->discard = 0;
	}
}

/* ---- the chip's work ---- */

enum ccid_job ccid_take_job(struct ccid *c, struct bytes *command)
{
	*command = BYTES(c->command, c->job == CCID_DO_TRANSCEIVE ? c->command_len : 0);
	return c->job;
}

static void answered(struct ccid *c, struct bytes answer)
{
	if (c->job == CCID_DO_POWER_ON) {
		c->powered = true;
		reply_small(c, CCID_DATA_BLOCK, c->job_seq, 0, answer);
		return;
	}
	bytes_copy(c->answer, answer);
	c->answer_len = answer.len;
	c->answer_sent = 0;
	reply_answer(c, c->job_seq);
}

void ccid_done(struct ccid *c, bool ok, struct bytes answer)
{
	size_t most = c->job == CCID_DO_POWER_ON ? CCID_ATR_MAX : sizeof(c->answer);

	if (c->job == CCID_IDLE)
		return;
	if (!c->job_aborted && ok && answer.len <= most)
		answered(c, answer);
	else if (!c->job_aborted)
		reply_failed(c, CCID_DATA_BLOCK, 0, c->job_seq, ok ? CCID_HARDWARE : CCID_MUTE);
	bytes_wipe(c->command, c->command_len);
	c->command_len = 0;
	c->job = CCID_IDLE;
	finish_abort(c);
}

unsigned ccid_tick(struct ccid *c, uint64_t now)
{
	if (c->job == CCID_IDLE)
		return 0;
	if (now - c->job_said >= CCID_EXTENSION_MS) {
		c->job_said = now;
		/* One that was not fetched yet says it too. */
		if (c->queued == 0 && !c->job_aborted)
			enqueue(c, CCID_DATA_BLOCK, 0, c->job_seq, STATUS_EXTENSION, 1, 0, 0);
	}
	return (unsigned)(c->job_said + CCID_EXTENSION_MS - now);
}

/* ---- slot ---- */

void ccid_start(struct ccid *c, size_t message_max, bool present)
{
	bytes_wipe(c, sizeof(*c));
	c->message_max = message_max;
	c->present = present;
	c->notify = true;
}

void ccid_forget(struct ccid *c, bool present)
{
	c->present = present;
	c->powered = c->chaining = false;
	c->notify = true;
	c->job_aborted = true;
	c->abort_control = c->abort_bulk = false;
	c->queued = c->out_sent = 0;
	c->in_len = 0;
	c->discard = 0;
	c->answer_len = c->answer_sent = 0;
}

void ccid_set_present(struct ccid *c, bool present)
{
	if (c->present == present)
		return;
	c->present = present;
	c->powered = c->chaining = false;
	c->notify = true;
}

/* ---- descriptor ---- */

#define MESSAGE_MAX 16 /* the row that depends on the device */

void ccid_descriptor(struct builder *b, size_t message_max)
{
	static const struct {
		uint8_t size;
		uint32_t value;
	} fields[] = {
		{1, CCID_DESCRIPTOR_SIZE}, /* bLength */
		{1, 0x21                }, /* bDescriptorType */
		{2, 0x0110              }, /* bcdCCID */
		{1, 0                   }, /* bMaxSlotIndex */
		{1, 0x07                }, /* bVoltageSupport: 5, 3, 1.8 V */
		{4, 0x00000002          }, /* dwProtocols: T=1 */
		{4, 4000                }, /* dwDefaultClock, kHz */
		{4, 4000                }, /* dwMaximumClock */
		{1, 0                   }, /* bNumClockSupported */
		{4, 10752               }, /* dwDataRate, bit/s */
		{4, 10752               }, /* dwMaxDataRate */
		{1, 0                   }, /* bNumDataRatesSupported */
		{4, 254                 }, /* dwMaxIFSD */
		{4, 0                   }, /* dwSynchProtocols */
		{4, 0                   }, /* dwMechanical */
  /* dwFeatures: configuration by ATR, activation, voltage, clock, rate, parameters and IFSD automatic;
  * short and   extended APDUs */
		{4, 0x0004047E          },
                {4, 0                   }, /* [MESSAGE_MAX] dwMaxCCIDMessageLength */
		{1, 0xFF                }, /* bClassGetResponse: as the command */
		{1, 0xFF                }, /* bClassEnvelope */
		{2, 0                   }, /* wLcdLayout */
		{1, 0                   }, /* bPINSupport */
		{1, 1                   }, /* bMaxCCIDBusySlots */
	};

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		uint32_t value = i == MESSAGE_MAX ? (uint32_t)message_max : fields[i].value;
		for (unsigned n = 0; n < fields[i].size; n++)
			builder_u8(b, (uint8_t)(value >> (8 * n)));
	}
}
