/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CCID that says whatever it likes. The first bytes are its descriptors; what follows are its transfers, one byte
 * each that says what kind it is and two of a length for those with bytes. Whatever it does, a start, a power-on and
 * three APDUs end, in bounded time and after a bounded number of calls, with one of the outcomes that are documented.
 */
#include "tests/fuzz/fuzz.h"

#include "driver/transport/ccid.h"

#include <string.h>

#define CALLS_MAX 400000u
/* start, power-on, three commands; an abort before each */
#define TIME_MAX (6u * (CCID_SLOT_PATIENCE_MS + 60000u))

struct device {
	struct cursor script;
	uint64_t clock;
	unsigned long calls;
	uint8_t seq;
	struct bytes transfer;
	size_t at;
	bool first; /* the transfer's first packet is still to come: there stands the number */
	bool right; /* it bears the number of the question, whatever the script says */
};

static void count(struct device *d)
{
	FUZZ_REQUIRE(++d->calls < CALLS_MAX);
	FUZZ_REQUIRE(d->clock < TIME_MAX);
}

static enum ccid_io outcome(struct device *d, uint8_t v, unsigned ms)
{
	static const enum ccid_io ios[] = {CCID_IO_OK, CCID_IO_OK, CCID_IO_OK, CCID_IO_TIMEOUT, CCID_IO_STALLED,
		CCID_IO_FAILED, CCID_IO_GONE, CCID_IO_OK};
	enum ccid_io io = ios[v & 7];

	if (io == CCID_IO_TIMEOUT)
		d->clock += ms;
	return io;
}

static enum ccid_io control(void *ctx, uint8_t request, uint16_t value, unsigned ms)
{
	struct device *d = ctx;

	(void)request;
	(void)value;
	count(d);
	return outcome(d, cursor_u8(&d->script), ms);
}

static enum ccid_io bulk_out(void *ctx, struct bytes data, unsigned ms)
{
	struct device *d = ctx;

	count(d);
	FUZZ_REQUIRE(data.len >= CCID_SLOT_HEADER && data.len <= CCID_SLOT_MESSAGE_MAX);
	d->seq = data.data[6];
	return outcome(d, cursor_u8(&d->script) & 0x0F ? 0 : cursor_u8(&d->script), ms);
}

static enum ccid_io bulk_in(void *ctx, uint8_t *to, size_t room, size_t *got, unsigned ms)
{
	struct device *d = ctx;

	count(d);
	FUZZ_REQUIRE(ms > 0 && room > 0);
	if (d->at == d->transfer.len) {
		uint8_t kind = d->script.left ? cursor_u8(&d->script) : 3;
		enum ccid_io io = outcome(d, kind, ms);
		if (io != CCID_IO_OK)
			return io;
		size_t n = cursor_u16(&d->script);
		d->clock += kind >> 5;
		d->transfer = cursor_take(&d->script, n < d->script.left ? n : d->script.left);
		d->at = 0;
		d->first = true;
		d->right = kind & 0x08;
	}
	*got = d->transfer.len - d->at < room ? d->transfer.len - d->at : room;
	memcpy(to, d->transfer.data ? d->transfer.data + d->at : to, *got);
	if (d->first && d->right && *got > 6)
		to[6] = d->seq;
	d->first = false;
	d->at += *got;
	return CCID_IO_OK;
}

static enum ccid_io clear_halt(void *ctx, enum ccid_pipe pipe)
{
	struct device *d = ctx;

	(void)pipe;
	count(d);
	return cursor_u8(&d->script) == 0xFF ? CCID_IO_FAILED : CCID_IO_OK;
}

static uint64_t now(void *ctx)
{
	return ((struct device *)ctx)->clock;
}

static void known(enum ukey_status s)
{
	FUZZ_REQUIRE(s == UKEY_OK || s == UKEY_COMMUNICATION || s == UKEY_TOKEN_REMOVED || s == UKEY_TOKEN_RESET ||
		     s == UKEY_TOKEN_BUSY);
}

static bool describe(struct cursor *c, struct ccid_description *out)
{
	struct ccid_endpoint e[3];
	const char *why = NULL;

	for (size_t i = 0; i < 3; i++) {
		e[i].address = cursor_u8(c);
		e[i].attributes = cursor_u8(c);
		e[i].packet = cursor_u16(c);
	}
	size_t n = cursor_u8(c);
	struct bytes functional = cursor_take(c, n < c->left ? n : c->left);
	enum ukey_status s = ccid_describe(functional, e, 3, out, &why);
	FUZZ_REQUIRE(s == UKEY_OK || (why && (s == UKEY_TOKEN_PROTOCOL || s == UKEY_NOT_SUPPORTED)));
	return s == UKEY_OK;
}

static void talk(struct ccid_slot *s, size_t len)
{
	static const uint8_t apdu[70000];
	static uint8_t room[1000];
	struct builder b = builder_of(room, sizeof room);

	known(ccid_slot_transceive(s, BYTES(apdu, len), &b));
	FUZZ_REQUIRE(b.len <= sizeof room);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ccid_slot slot;
	struct device d = {.script = cursor_of(BYTES(data, size))};
	const struct ccid_pipes pipes = {.ctx = &d,
		.control = control,
		.bulk_out = bulk_out,
		.bulk_in = bulk_in,
		.clear_halt = clear_halt,
		.now = now};
	struct ccid_description is = {.out = 1, .in = 0x82, .packet = 64, .message_max = 271, .extended = true};

	(void)ccid_notice(BYTES(data, size));
	describe(&d.script, &is);
	FUZZ_REQUIRE(is.message_max <= CCID_SLOT_MESSAGE_MAX && is.packet <= CCID_SLOT_PACKET_MAX);
	enum ukey_status s = ccid_slot_start(&slot, &pipes, &is);
	known(s);
	s = ccid_slot_power_on(&slot);
	known(s);
	talk(&slot, 5);
	talk(&slot, 1000);
	talk(&slot, 261);
	return 0;
}
