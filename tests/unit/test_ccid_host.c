/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's side of CCID against devices that lie: a table of named misbehaviours, each with the status that it ends
 * in, and whether the next command is well again. The clock is the test's: what waits for minutes costs nothing, and
 * what would wait for ever is found.
 */
#include "config.h"

#include "tests/unit/test.h"

#include "driver/transport/ccid.h"
#include "firmware-emu/link/ccid.h"

/* ---- a device that plays a script -------------------------------------------------------------------------------- */

/*
 * A script is what the device sends for one message: transfers, separated by '/'. A transfer is bytes in hexadecimal
 * digits, where qq is the number of the question and ww another; or Z and a number: so many zeros after them. Or one
 * letter: T nothing comes, S a stalled pipe, G unplugged, F a broken transfer, E an empty packet, + ten seconds pass
 * before the next. An '*' behind a transfer: again and again; '~': nothing tells that it is over, so whoever asks for
 * more waits in vain. ';' separates the answers to consecutive questions; where there is no script any more the device
 * is honest.
 */
struct fake {
	const char *script;
	bool playing; /* the script is for the question in work */
	uint8_t seq;
	uint64_t clock;
	unsigned calls, aborts;
	enum ccid_io out;      /* of the next question */
	bool out_stays, halts; /* of each question; clearing a halt fails */
	bool mute_abort;       /* it answers no abort and no question after it */
	uint8_t icc;           /* as the slot's status tells it */

	uint8_t transfer[70000];
	size_t len, at;
	bool full; /* a transfer lies there */
	bool open; /* whose end is not told */
};

static const char *script_end(const char *p)
{
	return p + strcspn(p, "/;");
}

/* Between two hexadecimal digits blanks may stand. */
static void play_bytes(struct fake *f, const char *p, const char *end)
{
	f->len = 0;
	f->open = end > p && end[-1] == '~';
	while (p < end && *p != '*' && *p != '~') {
		if (*p == ' ') {
			p++;
		} else if (*p == 'Z') {
			char *after;
			size_t n = strtoul(p + 1, &after, 10);
			assert_true(f->len + n <= sizeof f->transfer);
			memset(f->transfer + f->len, 0, n);
			f->len += n;
			p = after;
		} else {
			uint8_t v = p[0] == 'q'   ? f->seq
				    : p[0] == 'w' ? (uint8_t)(f->seq + 100)
						  : (uint8_t)(test_digit(p[0]) << 4 | test_digit(p[1]));
			assert_true(f->len < sizeof f->transfer);
			f->transfer[f->len++] = v;
			p += 2;
		}
	}
	f->at = 0;
	f->full = true;
}

static enum ccid_io play(struct fake *f)
{
	const char *p = f->script + strspn(f->script, " "), *end = script_end(p);
	enum ccid_io io = CCID_IO_OK;
	bool again = end > p && end[-1] == '*';

	switch (*p) {
	case 'T':
		io = CCID_IO_TIMEOUT;
		break;
	case 'S':
		io = CCID_IO_STALLED;
		break;
	case 'G':
		io = CCID_IO_GONE;
		break;
	case 'F':
		io = CCID_IO_FAILED;
		break;
	case 'E':
		f->len = f->at = 0;
		f->full = true;
		break;
	case '+':
		f->clock += 10000;
		play_bytes(f, p + 1, end);
		break;
	case '\0':
	case ';':
	case '/':
		io = CCID_IO_TIMEOUT;
		break;
	default:
		play_bytes(f, p, end);
		break;
	}
	if (!again)
		f->script = *end == '/' ? end + 1 : end;
	return io;
}

static void put(struct fake *f, const char *hex)
{
	play_bytes(f, hex, hex + strlen(hex));
}

static void honest(struct fake *f, const uint8_t *m)
{
	switch (m[0]) {
	case 0x62:
		f->icc = 0;
		put(f, "80 05000000 00 qq 00 00 00 3B80800101");
		break;
	case 0x6F:
		put(f, f->icc == 0    ? (m[8] == 1 || m[8] == 3 ? "80 00000000 00 qq 00 00 10"
								: "80 02000000 00 qq 00 00 00 9000")
			: f->icc == 1 ? "80 00000000 00 qq 41 FE 00"
				      : "80 00000000 00 qq 42 FE 00");
		break;
	default:
		put(f, "81 00000000 00 qq 00 00 00");
		f->transfer[7] = f->icc;
		break;
	}
}

static enum ccid_io fake_control(void *ctx, uint8_t request, uint16_t value, unsigned ms)
{
	struct fake *f = ctx;

	(void)ms;
	assert_int_equal(request, 1);
	assert_int_equal(value & 0xFF, 0);
	f->calls++;
	f->aborts++;
	return f->mute_abort ? CCID_IO_STALLED : CCID_IO_OK;
}

static enum ccid_io fake_out(void *ctx, struct bytes data, unsigned ms)
{
	struct fake *f = ctx;
	enum ccid_io io = f->out;

	f->calls++;
	assert_true(data.len >= 10);
	assert_int_equal(data.data[1] | data.data[2] << 8 | data.data[3] << 16, data.len - 10);
	if (!f->out_stays)
		f->out = CCID_IO_OK;
	if (io != CCID_IO_OK) {
		f->clock += io == CCID_IO_TIMEOUT ? ms : 0;
		return io;
	}
	f->seq = data.data[6];
	f->full = false;
	f->playing = false;
	if (f->script && (data.data[0] == 0x6F || data.data[0] == 0x62) && *f->script) {
		f->playing = true;
		if (*f->script == ';')
			f->script++;
	} else if (f->aborts == 0 || !f->mute_abort) {
		honest(f, data.data);
	}
	return CCID_IO_OK;
}

static enum ccid_io fake_in(void *ctx, uint8_t *to, size_t room, size_t *got, unsigned ms)
{
	struct fake *f = ctx;
	enum ccid_io io = CCID_IO_OK;

	f->calls++;
	assert_true(ms > 0);
	assert_int_equal(room % 64, 0);
	if (!f->full)
		io = f->playing ? play(f) : CCID_IO_TIMEOUT;
	if (io == CCID_IO_TIMEOUT)
		f->clock += ms;
	if (io != CCID_IO_OK)
		return io;
	*got = f->len - f->at < room ? f->len - f->at : room;
	memcpy(to, f->transfer + f->at, *got);
	f->at += *got;
	f->full = f->at < f->len;
	if (f->open && *got < room) {
		f->clock += ms;
		return CCID_IO_TIMEOUT;
	}
	return CCID_IO_OK;
}

static enum ccid_io fake_clear(void *ctx, enum ccid_pipe pipe)
{
	struct fake *f = ctx;

	(void)pipe;
	f->calls++;
	return f->halts ? CCID_IO_FAILED : CCID_IO_OK;
}

static uint64_t fake_now(void *ctx)
{
	return ((struct fake *)ctx)->clock;
}

static struct fake fake;
static struct ccid_slot slot;
static const struct ccid_pipes fake_pipes = {
	.ctx = &fake,
	.control = fake_control,
	.bulk_out = fake_out,
	.bulk_in = fake_in,
	.clear_halt = fake_clear,
	.now = fake_now,
};

static const struct ccid_endpoint endpoints[] = {
	{0x01, 2, 64},
	{0x82, 2, 64},
	{0x83, 3, 8 },
};

static struct ccid_description description(size_t message_max, bool extended)
{
	return (struct ccid_description){
		.out = 1, .in = 0x82, .packet = 64, .message_max = message_max, .extended = extended};
}

static void begin(size_t message_max, bool extended)
{
	const struct ccid_description is = description(message_max, extended);

	fake = (struct fake){.icc = 1};
	assert_int_equal(ccid_slot_start(&slot, &fake_pipes, &is), UKEY_OK);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
}

static uint8_t got[CCID_SLOT_ANSWER_MAX];
static struct builder answer;

static enum ukey_status command(size_t len)
{
	static uint8_t apdu[70000] = {0x00, 0x84, 0x00, 0x00, 0x08};

	answer = builder_of(got, sizeof got);
	return ccid_slot_transceive(&slot, BYTES(apdu, len), &answer);
}

/* ---- the misbehaviours ------------------------------------------------------------------------------------------- */

#define OK_MESSAGE "80 02000000 00 qq 00 00 00 9000"
#define STRAY      "80 02000000 00 ww 00 00 00 6300"
#define EXTENSION  "80 00000000 00 qq 80 01 00"
#define PIECE(c)   "80 04000000 00 qq 00 00 " c " 01020304"

struct misbehaviour {
	const char *name, *script;
	enum ukey_status status, then; /* of the command, and of the one after it */
	size_t len;                    /* of the command; 0: 5 */
	enum ccid_io out;
	bool out_stays, halts, mute_abort;
};

/* clang-format off */
static const struct misbehaviour misbehaviours[] = {
	{"none at all",                          OK_MESSAGE,                                    UKEY_OK,            UKEY_OK, .len = 0},
	{"no answer",                            "T",                                           UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"no answer, and none to an abort",      "T",                                           UKEY_COMMUNICATION, UKEY_COMMUNICATION, .mute_abort = true},
	{"an answer to another question",        STRAY "/" OK_MESSAGE,                          UKEY_OK,            UKEY_OK, .len = 0},
	{"three answers to other questions",     STRAY "/" STRAY "/" STRAY "/" OK_MESSAGE,      UKEY_OK,            UKEY_OK, .len = 0},
	{"answers to other questions for ever",  STRAY "*",                                     UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"another slot's answer",                "80 02000000 01 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"an answer of another kind",            "82 02000000 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a slot status for success",            "81 00000000 00 qq 00 00 00",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a slot status for failure",            "81 00000000 00 qq 40 01 00",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a message of the host's",              "6F 02000000 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"an empty packet first",                "E/" OK_MESSAGE,                               UKEY_OK,            UKEY_OK, .len = 0},
	{"empty packets for ever",               "E*",                                          UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"one byte",                             "80",                                          UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"nine bytes of a header",               "80 02000000 00 qq 00 00",                     UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a header in two transfers",            "80 02000000 / 00 qq 00 00 00 9000",           UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"one byte less than it says",           "80 03000000 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"one byte more than it says",           "80 01000000 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"data though it says none",             "80 00000000 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a packet more than it says",           "80 36000000 00 qq 00 00 00 Z54 / Z64",        UKEY_OK,            UKEY_OK, .len = 0},
	{"it says 4 GiB",                        "80 FFFFFFFF 00 qq 00 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"it says 2 GiB",                        "80 00000080 00 qq 00 00 00 Z54",              UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"one more than its longest message",    "80 09000100 00 qq 00 00 00 Z65545",           UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"its longest message, all of it",       "80 08000100 00 qq 00 00 00 Z65544",           UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"64 KiB and a status word",             "80 02000100 00 qq 00 00 00 Z65538",           UKEY_OK,            UKEY_OK, .len = 0},
	{"64 KiB said, two packets sent",        "80 00000100 00 qq 00 00 00 Z118",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a long answer that stops on a packet", "80 00010000 00 qq 00 00 00 Z118 / T",         UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a long answer and then an empty one",  "80 00010000 00 qq 00 00 00 Z118 / E",         UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a long answer in two transfers",       "80 76000000 00 qq 00 00 00 Z54 / Z64",        UKEY_OK,            UKEY_OK, .len = 0},
	{"full packets without an end",          "80 36000000 00 qq 00 00 00 Z54~",             UKEY_OK,            UKEY_OK, .len = 0},
	{"unplugged inside the answer",          "80 00010000 00 qq 00 00 00 Z54 / G",          UKEY_TOKEN_REMOVED, UKEY_OK, .len = 0},
	{"unplugged before the answer",          "G",                                           UKEY_TOKEN_REMOVED, UKEY_OK, .len = 0},
	{"unplugged before the command",         "",                                            UKEY_TOKEN_REMOVED, UKEY_TOKEN_REMOVED, .out = CCID_IO_GONE, .out_stays = true},
	{"a broken transfer",                    "F",                                           UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a stalled answer",                     "S/" OK_MESSAGE,                               UKEY_OK,            UKEY_OK, .len = 0},
	{"answers stalled for ever",             "S*",                                          UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a halt that cannot be cleared",        "S*",                                          UKEY_COMMUNICATION, UKEY_OK,            .halts = true},
	{"a stalled command",                    "",                                            UKEY_OK,            UKEY_OK,            .out = CCID_IO_STALLED},
	{"commands stalled for ever",            "",                                            UKEY_COMMUNICATION, UKEY_COMMUNICATION, .out = CCID_IO_STALLED, .out_stays = true},
	{"it takes no command",                  "",                                            UKEY_COMMUNICATION, UKEY_COMMUNICATION, .out = CCID_IO_TIMEOUT, .out_stays = true},
	{"it breaks a command once",             "",                                            UKEY_COMMUNICATION, UKEY_OK,            .out = CCID_IO_FAILED},
	{"at work, then the answer",             "+" EXTENSION "/" OK_MESSAGE,                  UKEY_OK,            UKEY_OK, .len = 0},
	{"still at work three times",            EXTENSION "/" EXTENSION "/" EXTENSION "/" OK_MESSAGE, UKEY_OK,     UKEY_OK, .len = 0},
	{"still at work for ever, at once",      EXTENSION "*",                                 UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"still at work and then nothing",       "80 00000000 00 qq 80 FF 00 / T",              UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"still at work, with data",             "80 02000000 00 qq 80 01 00 9000 / " OK_MESSAGE, UKEY_COMMUNICATION, UKEY_OK,          .len = 0},
	{"somebody else still at work",          "80 00000000 00 ww 80 01 00 / " OK_MESSAGE,    UKEY_OK,            UKEY_OK, .len = 0},
	{"a status that is none",                "80 02000000 00 qq C0 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a presence that is none",              "80 02000000 00 qq 03 00 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a failure with data",                  "80 02000000 00 qq 40 FE 00 9000",             UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"the card is mute",                     "80 00000000 00 qq 40 FE 00",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"the card is out",                      "80 00000000 00 qq 42 FE 00",                  UKEY_TOKEN_REMOVED, UKEY_OK, .len = 0},
	{"the card has lost its power",          "80 00000000 00 qq 41 FE 00",                  UKEY_TOKEN_RESET,   UKEY_OK, .len = 0},
	{"at work, then without power",          EXTENSION "/80 00000000 00 qq 41 FE 00",       UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"busy once",                            "80 00000000 00 qq 40 E0 00",                  UKEY_OK,            UKEY_OK, .len = 0},
	{"busy for ever",                        "80 00000000 00 qq 40 E0 00*",                 UKEY_COMMUNICATION, UKEY_COMMUNICATION, .len = 0},
	{"it does not know the command",         "80 00000000 00 qq 40 00 00",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"an answer without status word",        "80 01000000 00 qq 00 00 00 90",               UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"no answer, politely",                  "80 00000000 00 qq 00 00 00",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"the answer in three pieces",           PIECE("01") ";" PIECE("03") ";" PIECE("02"),   UKEY_OK,            UKEY_OK, .len = 0},
	{"a middle piece first",                 PIECE("03") ";" PIECE("02"),                   UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a last piece first",                   PIECE("02"),                                   UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a first piece twice",                  PIECE("01") ";" PIECE("01"),                   UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"a whole one after a first piece",      PIECE("01") ";" PIECE("00"),                   UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"an empty first piece",                 "80 00000000 00 qq 00 00 01",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"it asks for more of a whole command",  "80 00000000 00 qq 00 00 10",                  UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"pieces that are no chain",             PIECE("7F"),                                   UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"out in the middle of the answer",      PIECE("01") ";80 00000000 00 qq 42 FE 00",     UKEY_TOKEN_REMOVED, UKEY_OK, .len = 0},
	{"no power in the middle of the answer", PIECE("01") ";80 00000000 00 qq 41 FE 00",     UKEY_COMMUNICATION, UKEY_OK, .len = 0},
	{"an answer in the middle of a command", OK_MESSAGE,                                    UKEY_COMMUNICATION, UKEY_OK,            .len = 66000},
	{"refused in the middle of a command",   "80 00000000 00 qq 40 08 00",                  UKEY_COMMUNICATION, UKEY_OK,            .len = 66000},
	{"no power in the middle of a command",  "80 00000000 00 qq 00 00 10;80 00000000 00 qq 41 FE 00", UKEY_COMMUNICATION, UKEY_OK,  .len = 66000},
	{"a long command, honestly",             "",                                            UKEY_OK,            UKEY_OK,            .len = 66000},
};
/* clang-format on */

static void each_misbehaviour_has_its_status(void **state)
{
	/* For doc/usb.md, where the table stands (tests/usb/misbehaviours.sh). */
	const char *path = getenv("MISBEHAVIOURS");
	FILE *table = path ? fopen(path, "w") : NULL;
	unsigned wrong = 0;

	(void)state;
	assert_true(COUNT(misbehaviours) >= 40);
	for (size_t i = 0; i < COUNT(misbehaviours); i++) {
		const struct misbehaviour *m = &misbehaviours[i];
		begin(CCID_SLOT_MESSAGE_MAX, true);
		fake.script = m->script;
		fake.out = m->out;
		fake.out_stays = m->out_stays;
		fake.halts = m->halts;
		fake.mute_abort = m->mute_abort;
		fake.calls = 0;
		uint64_t before = fake.clock;
		enum ukey_status status = command(m->len ? m->len : 5);
		/* No lie costs more than a moment beyond what patience was promised. */
		bool ended = fake.clock - before <= CCID_SLOT_PATIENCE_MS + 30000 && fake.calls < 20000;
		if (table)
			fprintf(table, "| %s | %s%s%s | %s |\n", m->name, ukey_status_name(status),
				status == UKEY_OK || !slot.why ? "" : ": ",
				status == UKEY_OK || !slot.why ? "" : slot.why, ukey_status_name(m->then));
		if (!m->script || strcmp(m->script, "80 00000000 00 qq 40 E0 00*") != 0)
			fake.script = NULL;
		fake.halts = false;
		before = fake.clock;
		enum ukey_status then = command(5);
		ended = ended && fake.clock - before <= 60000;
		if (status != m->status || then != m->then || !ended) {
			wrong++;
			print_error("%s: %s, then %s%s (%s)\n", m->name, ukey_status_name(status),
				ukey_status_name(then), ended ? "" : ", and it took too long",
				slot.why ? slot.why : "");
		}
	}
	if (table)
		assert_int_equal(fclose(table), 0);
	assert_int_equal(wrong, 0);
	print_message("%zu misbehaviours\n", COUNT(misbehaviours));
}

/* A device that does not tell where a message of full packets ends costs a time-out once, not each time. */
static void full_packets_cost_one_wait(void **state)
{
	static const char full[] = "80 36000000 00 qq 00 00 00 Z54~";

	(void)state;
	begin(CCID_SLOT_MESSAGE_MAX, true);
	for (int i = 0; i < 5; i++) {
		fake.script = full;
		const uint64_t before = fake.clock;
		assert_int_equal(command(5), UKEY_OK);
		assert_int_equal(answer.len, 54);
		assert_int_equal(fake.clock - before, i == 0 ? CCID_SLOT_ANSWER_MS : 0);
	}
}

/* Ten seconds of work between each, and no end: the patience is over after the minutes that it was given. */
static void patience_has_an_end(void **state)
{
	(void)state;
	begin(CCID_SLOT_MESSAGE_MAX, true);
	fake.script = "+80 00000000 00 qq 80 64 00*";
	uint64_t before = fake.clock;
	assert_int_equal(command(5), UKEY_COMMUNICATION);
	assert_in_range(fake.clock - before, CCID_SLOT_PATIENCE_MS - 10000, CCID_SLOT_PATIENCE_MS + 20000);
	/* But a key that takes four minutes is waited for. */
	begin(CCID_SLOT_MESSAGE_MAX, true);
	static char script[24 * 64 + 64];
	for (int i = 0; i < 24; i++)
		strcat(script, "+80 00000000 00 qq 80 02 00/");
	strcat(script, OK_MESSAGE);
	fake.script = script;
	assert_int_equal(command(5), UKEY_OK);
}

/* A device that gives an endless answer in pieces of one byte. */
static void endless_pieces(void **state)
{
	static char script[(CCID_SLOT_ANSWER_MAX + 8) * 34];
	size_t n = 0;

	(void)state;
	n += (size_t)sprintf(script, "80 01000000 00 qq 00 00 01 00");
	for (size_t i = 0; i < CCID_SLOT_ANSWER_MAX + 1; i++)
		n += (size_t)sprintf(script + n, ";80 01000000 00 qq 00 00 03 00");
	begin(CCID_SLOT_MESSAGE_MAX, true);
	fake.script = script;
	assert_int_equal(command(5), UKEY_COMMUNICATION);
	assert_string_equal(slot.why, "its answer is longer than any");
}

/* An answer that has no room fails the builder, and the slot is not astray. */
static void no_room_for_the_answer(void **state)
{
	static const uint8_t apdu[] = {0x00, 0x84, 0x00, 0x00, 0x03};
	uint8_t small[4];
	struct builder b = builder_of(small, sizeof small);

	(void)state;
	begin(CCID_SLOT_MESSAGE_MAX, true);
	fake.script = "80 05000000 00 qq 00 00 00 0102039000";
	assert_int_equal(ccid_slot_transceive(&slot, BYTES_OF(apdu), &b), UKEY_OK);
	assert_true(b.failed);
	fake.script = NULL;
	assert_int_equal(command(5), UKEY_OK);
	assert_bytes_hex(builder_bytes(&answer), "9000");
}

static void numbers_go_round(void **state)
{
	(void)state;
	begin(CCID_SLOT_MESSAGE_MAX, true);
	for (int i = 0; i < 600; i++)
		assert_int_equal(command(5), UKEY_OK);
}

static void short_level_takes_short_apdus_only(void **state)
{
	(void)state;
	begin(271, false);
	assert_int_equal(command(261), UKEY_OK);
	assert_int_equal(command(262), UKEY_COMMUNICATION);
	assert_int_equal(command(5), UKEY_OK);
	fake.script = PIECE("01");
	assert_int_equal(command(5), UKEY_COMMUNICATION);
}

/* ---- power-on, and the first questions --------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *name, *script;
	enum ukey_status status;
	bool mute_abort;
} power_ons[] = {
	{"no card",                       "80 00000000 00 qq 42 FE 00",                               UKEY_TOKEN_REMOVED, false},
	{"a mute card",                   "80 00000000 00 qq 41 FE 00",                               UKEY_COMMUNICATION, false},
	{"an ATR of nothing",             "80 00000000 00 qq 00 00 00",                               UKEY_COMMUNICATION, false},
	{"an ATR of one byte",            "80 01000000 00 qq 00 00 00 3B",                            UKEY_COMMUNICATION, false},
	{"an ATR of 34 bytes",            "80 22000000 00 qq 00 00 00 Z34",                           UKEY_COMMUNICATION, false},
	{"an ATR of 64 KiB",              "80 00000100 00 qq 00 00 00 Z65536",                        UKEY_COMMUNICATION, false},
	{"an ATR in pieces",              "80 05000000 00 qq 00 00 01 3B80800101",                    UKEY_COMMUNICATION, false},
	{"power, and no power",           "80 05000000 00 qq 01 00 00 3B80800101",                    UKEY_COMMUNICATION, false},
	{"busy once",                     "80 00000000 00 qq 40 E0 00",                               UKEY_OK,            false},
	{"busy for ever",                 "80 00000000 00 qq 40 E0 00*",                              UKEY_TOKEN_BUSY,    false},
	{"busy, and mute to aborts",      "80 00000000 00 qq 40 E0 00*",                              UKEY_TOKEN_BUSY,    true},
	{"a slow card",                   EXTENSION "/" EXTENSION "/80 05000000 00 qq 00 00 00 3B80800101", UKEY_OK,      false},
	{"a card that is slow for ever",  "+80 00000000 00 qq 80 09 00*",                             UKEY_COMMUNICATION, false},
	{"an answer of another kind",     "81 00000000 00 qq 00 00 00",                               UKEY_COMMUNICATION, false},
	{"unplugged",                     "G",                                                        UKEY_TOKEN_REMOVED, false},
	{"no answer",                     "T",                                                        UKEY_COMMUNICATION, false},
};
/* clang-format on */

static void power_on_misbehaviours(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(power_ons); i++) {
		const struct ccid_description is = description(CCID_SLOT_MESSAGE_MAX, true);
		fake = (struct fake){.icc = 1};
		assert_int_equal(ccid_slot_start(&slot, &fake_pipes, &is), UKEY_OK);
		fake.script = power_ons[i].script;
		fake.mute_abort = power_ons[i].mute_abort;
		enum ukey_status status = ccid_slot_power_on(&slot);
		if (status != power_ons[i].status)
			print_error("%s: %s\n", power_ons[i].name, ukey_status_name(status));
		assert_int_equal(status, power_ons[i].status);
		assert_true(fake.clock < 60000);
	}
}

static void start_finds_the_way(void **state)
{
	const struct ccid_description is = description(CCID_SLOT_MESSAGE_MAX, true);
	enum ccid_presence presence;

	(void)state;
	/* mute for good: a few seconds, and no more */
	fake = (struct fake){.icc = 1, .out = CCID_IO_TIMEOUT, .out_stays = true};
	assert_int_equal(ccid_slot_start(&slot, &fake_pipes, &is), UKEY_COMMUNICATION);
	assert_true(fake.clock < 30000);
	fake = (struct fake){.icc = 1, .out = CCID_IO_GONE, .out_stays = true};
	assert_int_equal(ccid_slot_start(&slot, &fake_pipes, &is), UKEY_TOKEN_REMOVED);
	/* what somebody before us left in the pipe */
	fake = (struct fake){.icc = 1};
	put(&fake, "80 02000000 00 00 00 00 00 9000");
	assert_int_equal(ccid_slot_start(&slot, &fake_pipes, &is), UKEY_OK);
	assert_int_equal(ccid_slot_presence(&slot, &presence), UKEY_OK);
	assert_int_equal(presence, CCID_INACTIVE);
	assert_int_equal(ccid_slot_power_on(&slot), UKEY_OK);
	assert_int_equal(ccid_slot_power_off(&slot), UKEY_OK);
	fake.icc = 2;
	assert_int_equal(ccid_slot_presence(&slot, &presence), UKEY_OK);
	assert_int_equal(presence, CCID_ABSENT);
}

/* ---- descriptors ------------------------------------------------------------------------------------------------- */

static uint8_t functional[CCID_DESCRIPTOR_SIZE];

static void honest_functional(void)
{
	struct builder b = builder_of(functional, sizeof functional);

	ccid_descriptor(&b, CCID_MESSAGE_MAX);
	assert_false(b.failed);
}

static enum ukey_status describe(const struct ccid_endpoint *e, size_t count, struct ccid_description *d)
{
	const char *why = NULL;
	enum ukey_status status = ccid_describe(BYTES_OF(functional), e, count, d, &why);

	assert_true(status == UKEY_OK || why);
	return status;
}

/* Four bytes of the descriptor, little-endian. */
static void set(size_t at, uint32_t v)
{
	for (size_t i = 0; i < 4; i++)
		functional[at + i] = (uint8_t)(v >> (8 * i));
}

static const struct {
	const char *name;
	size_t at;
	uint32_t value;
	enum ukey_status status;
} lies[] = {
	{"the TPDU level",              40, 0x000100FE, UKEY_NOT_SUPPORTED },
	{"the character level",         40, 0x000000FE, UKEY_NOT_SUPPORTED },
	{"the short level",             40, 0x000200FE, UKEY_OK            },
	{"two levels",                  40, 0x000600FE, UKEY_TOKEN_PROTOCOL},
	{"three levels",                40, 0x000700FE, UKEY_TOKEN_PROTOCOL},
	{"parameters to be negotiated", 40, 0x0004003E, UKEY_NOT_SUPPORTED },
	{"messages of nothing",         44, 0,          UKEY_TOKEN_PROTOCOL},
	{"messages of a header",        44, 10,         UKEY_TOKEN_PROTOCOL},
	{"messages one byte too short", 44, 270,        UKEY_TOKEN_PROTOCOL},
	{"messages of 4 GiB",           44, 0xFFFFFFFF, UKEY_OK            },
	{"another descriptor's type",   0,  0x01100236, UKEY_TOKEN_PROTOCOL},
	{"a length of zero",            0,  0x01102100, UKEY_TOKEN_PROTOCOL},
	{"a length beyond the end",     0,  0x011021FF, UKEY_TOKEN_PROTOCOL},
	{"a length one too short",      0,  0x01102135, UKEY_TOKEN_PROTOCOL},
};

static void descriptors_that_lie(void **state)
{
	struct ccid_description d;

	(void)state;
	honest_functional();
	assert_int_equal(describe(endpoints, COUNT(endpoints), &d), UKEY_OK);
	assert_int_equal(d.out, 0x01);
	assert_int_equal(d.in, 0x82);
	assert_int_equal(d.interrupt, 0x83);
	assert_int_equal(d.packet, 64);
	assert_int_equal(d.message_max, CCID_SLOT_MESSAGE_MAX);
	assert_true(d.extended);
	for (size_t i = 0; i < COUNT(lies); i++) {
		honest_functional();
		set(lies[i].at, lies[i].value);
		enum ukey_status status = describe(endpoints, COUNT(endpoints), &d);
		if (status != lies[i].status)
			print_error("%s: %s\n", lies[i].name, ukey_status_name(status));
		assert_int_equal(status, lies[i].status);
		assert_true(status != UKEY_OK || d.message_max <= CCID_SLOT_MESSAGE_MAX);
	}
}

static void endpoints_that_lie(void **state)
{
	static const struct {
		const char *name;
		struct ccid_endpoint list[4];
		size_t count;
	} rows[] = {
		{"none",               {{0}},					 0},
		{"no way in",          {{0x01, 2, 64}},                               1},
		{"no way out",         {{0x82, 2, 64}},                               1},
		{"two ways in",        {{0x01, 2, 64}, {0x82, 2, 64}, {0x84, 2, 64}}, 3},
		{"no packet",          {{0x01, 2, 64}, {0x82, 2, 0}},                 2},
		{"a packet of 8",      {{0x01, 2, 64}, {0x82, 2, 8}},                 2},
		{"a packet of 2047",   {{0x01, 2, 64}, {0x82, 2, 0x7FF}},             2},
		{"endpoint zero",      {{0x00, 2, 64}, {0x82, 2, 64}},                2},
		{"isochronous",        {{0x01, 1, 64}, {0x82, 1, 64}},                2},
		{"an empty interrupt", {{0x01, 2, 64}, {0x82, 2, 64}, {0x83, 3, 0}},  3},
	};
	static const struct ccid_endpoint without[] = {
		{0x01, 2, 64},
		{0x82, 2, 64},
	};
	struct ccid_description d;

	(void)state;
	honest_functional();
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(describe(rows[i].list, rows[i].count, &d), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(describe(without, COUNT(without), &d), UKEY_OK);
	assert_int_equal(d.interrupt, 0);
}

static void notices(void **state)
{
	static const struct {
		uint8_t message[3];
		size_t len;
		enum ccid_notice notice;
	} rows[] = {
		{{0x50, 0x03},       2, CCID_NOTICE_IN      },
		{{0x50, 0x02},       2, CCID_NOTICE_OUT     },
		{{0x50, 0x01},       2, CCID_NOTICE_NONE    },
		{{0x50, 0x03, 0xFF}, 3, CCID_NOTICE_IN      },
		{{0x50},             1, CCID_NOTICE_NONE    },
		{{0},                0, CCID_NOTICE_NONE    },
		{{0x51, 0x00, 0x01}, 3, CCID_NOTICE_HARDWARE},
		{{0x99, 0x03},       2, CCID_NOTICE_NONE    },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(ccid_notice(BYTES(rows[i].message, rows[i].len)), rows[i].notice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_misbehaviour_has_its_status),
		cmocka_unit_test(full_packets_cost_one_wait),
		cmocka_unit_test(patience_has_an_end),
		cmocka_unit_test(endless_pieces),
		cmocka_unit_test(no_room_for_the_answer),
		cmocka_unit_test(numbers_go_round),
		cmocka_unit_test(short_level_takes_short_apdus_only),
		cmocka_unit_test(power_on_misbehaviours),
		cmocka_unit_test(start_finds_the_way),
		cmocka_unit_test(descriptors_that_lie),
		cmocka_unit_test(endpoints_that_lie),
		cmocka_unit_test(notices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
