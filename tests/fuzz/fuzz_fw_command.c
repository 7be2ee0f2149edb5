/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of commands against the firmware. Input: one byte that chooses the token's state (40: from the factory,
 * 60: with PINs inside the channel only), then commands, each after its length in two bytes; a length of FFFF cuts the
 * power at the flash operation that the next byte names, in the command after; FFFE opens a session on the channel that
 * the next byte names; a length with bit 8000 set is of a command that is wrapped in its channel's session, if there is
 * one. Whatever comes: an answer with a status word of the protocol, none in a session that the host's end refuses, the
 * flash rules kept (ramhal aborts), and the flash mounts at the next power-on with its label, digest and directory
 * readable.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/wire/personal.h"

#define FLASH  (64 * 1024)
#define SECTOR 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define REQUIRE(what)                                                                                                  \
	do {                                                                                                           \
		if (!(what))                                                                                           \
			abort();                                                                                       \
	} while (0)

static struct ramtoken *token;
static uint8_t *images[3][3]; /* without a factory, with one, with PINs inside; blank, initialised, operational */
static struct scp_session sessions[FW_CHANNELS];

#define CUT        0xFFFF
#define OPEN       0xFFFE
#define INSIDE     0x8000
#define INSIDE_MAX 4096 /* data of a command that is wrapped */

static struct bytes run(const char *hex)
{
	uint8_t raw[256];
	size_t n = 0;

	for (; hex[0] && hex[1]; hex += 2) {
		char digits[3] = {hex[0], hex[1], 0};
		raw[n++] = (uint8_t)strtoul(digits, NULL, 16);
	}
	struct rapdu r;
	REQUIRE(rapdu_parse(ramtoken_transceive(token, BYTES(raw, n)), &r));
	REQUIRE(r.sw == SW_OK || (r.sw & 0xFF00) == SW_BYTES_REMAIN);
	return r.data;
}

static void furnish(uint8_t *to[3])
{
	to[1] = ramtoken_snapshot(token);
	run("00200082083837363534333231");
	run("002C0281088106313233343536");
	run("0020008106313233343536");
	run("0047110006AC048302000500");
	run("0047070109AC078302000385010100");
	run("00DB3FFF095C0201005303700141");
	run("00DB3FFF0E5C02030153088401018503414243");
	to[2] = ramtoken_snapshot(token);
}

static void prepare(void)
{
	const struct ramtoken_options o = {.flash_size = FLASH, .sector = SECTOR};
	static const uint8_t setup[] = {
		0x80, 1, 'A', 0x81, 8, '8', '7', '6', '5', '4', '3', '2', '1', 0x8A, 5, 6, 32, 0, 3, 0};

	static const uint8_t inside[] = {
		0x80, 1, 'A', 0x81, 8, '8', '7', '6', '5', '4', '3', '2', '1', 0x83, 6, '1', '2', '3', '4', '5', '6'};

	token = ramtoken_new(&o);
	images[0][0] = ramtoken_snapshot(token);
	run("80E000000D80014181083837363534333231");
	furnish(images[0]);
	ramtoken_restore(token, images[0][0]);
	/* The least that passes for a certificate where its subject is looked for; PINs may travel in clear. */
	struct bytes keys = run("80F00000000000");
	bytes_copy(token->device_point, BYTES(keys.data + 2, sizeof(token->device_point)));
	run("80F200002DA001AAA1133011300B0201013000300030003000300003008210000102030405060708090A0B0C0D0E0F830101");
	images[1][0] = ramtoken_snapshot(token);
	REQUIRE(personal_initialize(token, BYTES_OF(setup)) == SW_OK);
	furnish(images[1]);
	images[2][0] = images[1][0];
	ramtoken_restore(token, images[1][0]);
	REQUIRE(personal_initialize(token, BYTES(inside, 13)) == SW_OK); /* without the user PIN */
	images[2][1] = ramtoken_snapshot(token);
	ramtoken_restore(token, images[1][0]);
	REQUIRE(personal_initialize(token, BYTES_OF(inside)) == SW_OK);
	images[2][2] = ramtoken_snapshot(token);
}

static bool known(uint16_t sw)
{
	static const uint16_t words[] = {0x9000, 0x6400, 0x6401, 0x6581, 0x6700, 0x6881, 0x6882, 0x6883, 0x6982, 0x6983,
		0x6984, 0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6A89, 0x6D00, 0x6E00};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sw == words[i])
			return true;
	return (sw >> 8) == 0x61 || (sw >> 4) == 0x63C;
}

/* Token information, directory: what a reader sees first. */
static void look(void)
{
	static const uint8_t select[] = {0x00, 0xA4, 0x04, 0x00, 5, 0xF0, 0x4F, 0x70, 0x65, 0x6E, 0};
	static const uint8_t directory[] = {0x00, 0xCB, 0x3F, 0xFF, 0, 0, 4, 0x5C, 2, 0, 2, 0, 0};
	unsigned long operations = token->hal.writes + token->hal.erases;
	struct rapdu r;

	token->hal.cut_at = 0;
	ramtoken_power_cycle(token);
	REQUIRE(rapdu_parse(ramtoken_transceive(token, BYTES_OF(select)), &r) && r.sw == SW_OK);
	REQUIRE(r.data.data[r.data.len - 4] == 0); /* tag 90, before 91: nobody is logged in */
	REQUIRE(rapdu_parse(ramtoken_transceive(token, BYTES_OF(directory)), &r) && r.sw == SW_OK);
	REQUIRE(token->hal.writes + token->hal.erases == operations);
}

/* A session on the basic channel, and who of the two is logged in inside it. */
static void begin_inside(uint8_t state)
{
	static const uint8_t user_pin[] = {'1', '2', '3', '4', '5', '6'};
	static const uint8_t so_pin[] = {'8', '7', '6', '5', '4', '3', '2', '1'};
	struct apdu verify = {.ins = 0x20, .p2 = 0x81, .data = BYTES_OF(user_pin)};

	personal_open(token, 0, token->device_point, &sessions[0]);
	if (state & 0x04)
		(void)personal_send(token, 0, &sessions[0], &verify, NULL);
	verify.p2 = 0x82;
	verify.data = BYTES_OF(so_pin);
	if (state & 0x08)
		(void)personal_send(token, 0, &sessions[0], &verify, NULL);
}

/* Begin on any channel state that the first byte asks for. */
static void begin(uint8_t state)
{
	token->hal.chance = token->hal.served = 0;
	token->hal.cut_at = 0;
	token->hal.torn = (enum ramhal_torn)((state >> 4) % RAMHAL_TORN_MODES);
	token->hal.button = !(state & 0x80);
	memset(sessions, 0, sizeof(sessions));
	unsigned kind = state & 0x40 ? (state & 0x20 ? 2 : 1) : 0;
	ramtoken_restore(token, images[kind][state % 3]);
	if (kind == 2) {
		if (state & 0x0C)
			begin_inside(state);
		return;
	}
	if (state & 0x04 && state % 3 == 2)
		run("0020008106313233343536");
	if (state & 0x08 && state % 3 > 0)
		run("00200082083837363534333231");
}

/* The host's end thinks of its own commands only: what else came on the channel may have killed the token's end. */
static void inside(struct bytes raw)
{
	struct apdu_class class;
	struct apdu a;

	if (!apdu_parse(raw, &a) || !apdu_class_parse(a.cla, &class) || class.secure || class.chained ||
		a.data.len > INSIDE_MAX)
		return;
	struct scp_session *s = &sessions[class.channel];
	if (s->state != SCP_READY)
		return;
	uint16_t sw = personal_send(token, class.channel, s, &a, NULL);
	REQUIRE(token->off || (sw != 0 && known(sw)));
	/* INTERNAL AUTHENTICATE and SELECT of the input's own leave a host that does not know: its session is over. */
	if (sw == SW_SECURITY_STATUS || sw == SW_SM_NOT_SUPPORTED)
		scp_session_abort(s);
}

/* 6881 and the like: no session then. */
static void open_session(uint8_t channel)
{
	if (channel < FW_CHANNELS)
		(void)personal_try_open(token, channel, token->device_point, &sessions[channel], NULL);
}

static void command(struct bytes raw)
{
	struct rapdu r;

	struct bytes answer = ramtoken_transceive(token, raw);
	if (token->off)
		return;
	REQUIRE(rapdu_parse(answer, &r) && known(r.sw));
	REQUIRE(r.data.len == 0 || r.sw == SW_OK || (r.sw >> 8) == 0x61 || (r.sw >> 4) == 0x63C);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));

	if (!token)
		prepare();
	begin(cursor_u8(&c));
	while (c.left > 0 && !c.failed) {
		size_t len = cursor_u16(&c);
		if (len == CUT) {
			token->hal.cut_at = cursor_u8(&c);
			continue;
		}
		if (len == OPEN) {
			open_session(cursor_u8(&c));
			continue;
		}
		bool protected = len & INSIDE;
		len &= INSIDE - 1;
		struct bytes raw = cursor_take(&c, len < c.left ? len : c.left);
		if (protected)
			inside(raw);
		else
			command(raw);
		if (token->off) {
			memset(sessions, 0, sizeof(sessions));
			look();
		}
	}
	look();
	return 0;
}
