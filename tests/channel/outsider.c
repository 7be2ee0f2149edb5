/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other program on the reader: no PIN, PC/SC only, and the recording of everything that the victim sends. It tries
 * what it can think of, lists what it tried, and says of each answer whether it got something it must not get.
 *
 *	outsider READER WIRE-LOG ATTEMPTS	never a PIN inside a session of its own: no counter may move
 *	outsider --guess READER WIRE-LOG WIDTH	wrong user PINs over so many channels at once, until it is of no use
 *
 * READER: the start of its name. WIRE-LOG: the emulator's, which grows meanwhile. Exit status 1: it got something.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <winscard.h>

#include "tests/channel/tunnel.h"

/* ---- the reader ---- */

static SCARDCONTEXT context;
static SCARDHANDLE card;
static char names[2048];
static const char *reader;
static unsigned long resets;

static bool connect_card(void)
{
	DWORD protocol;

	return SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card,
		       &protocol) == SCARD_S_SUCCESS;
}

static bool find_reader(const char *start)
{
	DWORD size = sizeof names;

	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS ||
		SCardListReaders(context, NULL, names, &size) != SCARD_S_SUCCESS)
		return false;
	for (reader = names; *reader; reader += strlen(reader) + 1)
		if (strncmp(reader, start, strlen(start)) == 0)
			return connect_card();
	return false;
}

/* ---- what we said: it is in the log too, and must not be taken for the victim's ---- */

static uint32_t ours[65536];

static uint32_t hash_of(struct bytes b)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < b.len; i++)
		h = (h ^ b.data[i]) * 16777619u;
	return h | 1;
}

static bool is_ours(struct bytes b)
{
	return ours[hash_of(b) % 65536] == hash_of(b);
}

static bool carry(void *ctx, struct bytes command, struct builder *answer)
{
	static uint8_t raw[66000];
	DWORD n = sizeof raw, protocol;

	(void)ctx;
	ours[hash_of(command) % 65536] = hash_of(command);
	LONG r = SCardTransmit(card, SCARD_PCI_T1, command.data, command.len, NULL, raw, &n);
	if (r == (LONG)SCARD_W_RESET_CARD) {
		resets++;
		SCardReconnect(
			card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol);
		n = sizeof raw;
		r = SCardTransmit(card, SCARD_PCI_T1, command.data, command.len, NULL, raw, &n);
	}
	if (r != SCARD_S_SUCCESS)
		return false;
	builder_put(answer, BYTES(raw, n));
	return true;
}

/* ---- what the victim says ---- */

#define HEARD 64 /* the last so many of its protected commands */

static struct heard {
	uint8_t raw[512];
	size_t len;
} heard[HEARD];
static size_t heard_count;
static uint8_t victim; /* the channel it spoke on last */
static uint8_t agreement[256];
static size_t agreement_len;
static FILE *wire_log;
static void hear(struct bytes raw)
{
	struct apdu_class class;

	if (raw.len < 4 || raw.len > sizeof heard[0].raw || is_ours(raw) || !apdu_class_parse(raw.data[0], &class))
		return;
	if (class.secure) {
		struct heard *one = &heard[heard_count++ % HEARD];
		bytes_copy(one->raw, raw);
		one->len = raw.len;
		victim = class.channel;
	} else if (raw.data[1] == SCP_INS_INTERNAL_AUTHENTICATE && raw.len <= sizeof agreement) {
		bytes_copy(agreement, raw);
		agreement_len = raw.len;
	}
}

static void listen_on(void)
{
	static char line[4096];
	uint8_t raw[1024];

	while (fgets(line, sizeof line, wire_log)) {
		const char *at = strchr(line, '>');
		size_t n = 0;
		if (!at)
			continue;
		for (at += 2; n < sizeof raw && sscanf(at + 2 * n, "%2hhx", &raw[n]) == 1; n++)
			;
		hear(BYTES(raw, n));
	}
	clearerr(wire_log);
}

/* ---- what is tried ---- */

/* What would be a success of ours. */
enum harm {
	HARM_OK,   /* 9000, 61xx */
	HARM_PIN,  /* it carries a PIN: in clear only, and anything but a refusal that looked at nothing */
	HARM_NONE, /* public */
};

static const struct row {
	const char *name;
	const char *hex; /* class, INS, P1, P2, data */
	enum harm harm;
} rows[] = {
	{"sign, P-256",               "00871100 7C25 8200 8121 00 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
         HARM_OK															      },
	{"sign, short",               "00871100 7C06 8200 8102 1234",								HARM_OK  },
	{"derive",
         "00871101 7C45 8200 8541 04 6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296"
		"4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",						  HARM_OK  },
	{"read a private object",     "00CB3FFF 5C020300",									   HARM_OK  },
	{"read the next one",         "00CB3FFF 5C020301",									   HARM_OK  },
	{"write a data object",       "00DB3FFF 5C020302 5307 840100 8502 6869",                                                     HARM_OK  },
	{"delete a data object",      "00DB3FFF 5C020300 5300",								      HARM_OK  },
	{"delete a certificate",      "00DB3FFF 5C020100 5300",								      HARM_OK  },
	{"write a certificate",       "00DB3FFF 5C020200 5304 70023000",                                                             HARM_OK  },
	{"rename a key",              "00DB3FFF 5C020400 5304 8202 6D65",                                                            HARM_OK  },
	{"rename the container",      "00DB3FFF 5C020600 5304 8102 6D65",                                                            HARM_OK  },
	{"rename the token",          "00DB3FFF 5C020700 5304 8302 6D65",                                                            HARM_OK  },
	{"generate a key",            "00471102 AC04 83020001",								      HARM_OK  },
	{"delete a key",              "80E40000",										    HARM_OK  },
	{"delete the container",      "80E40100",										    HARM_OK  },
	{"is the user logged in",     "00200081",										    HARM_OK  },
	{"is the SO logged in",       "00200082",										    HARM_OK  },
	{"set the user PIN as SO",    "002C0281 8108 3132333435363738",                                                              HARM_OK  },
	{"respond unasked",           "002C0181 8209 000000000000000000 8108 3132333435363738",                                      HARM_OK  },
	{"initialise, no SO PIN",     "80E00000 8000 8108 3132333435363738",                                                         HARM_OK  },
	{"factory reset",             "80EE0000",										    HARM_OK  },
	{"factory keys",              "80F00000",										    HARM_OK  },
	{"factory close",             "80F20000 A0023000 A1023000",								  HARM_OK  },
	{"a PIN",		     "00200081 3132333435363738",								   HARM_PIN },
	{"an SO PIN",                 "00200082 3132333435363738",								   HARM_PIN },
	{"change the PIN",            "00240081 8008 3132333435363738 8108 3837363534333231",                                        HARM_PIN },
	{"unblock with an SO PIN",    "002C0081 8008 3132333435363738 8108 3837363534333231",                                        HARM_PIN },
	{"initialise with an SO PIN", "80E00000 8000 8108 3132333435363738 8208 3132333435363738",                                   HARM_PIN },
	{"token information",         "00CB3FFF 5C020001",									   HARM_NONE},
	{"directory",                 "00CB3FFF 5C020002",									   HARM_NONE},
};

#define ROWS (sizeof(rows) / sizeof(rows[0]))

static struct command {
	uint8_t raw[128];
	size_t len;
} commands[ROWS];

enum kind {
	IN_CLEAR,
	EVERY_INSTRUCTION,
	AGAIN,
	AGAIN_ELSEWHERE,
	AGAIN_CHANGED,
	AGAIN_IN_PIECES,
	OWN_SESSION,
	OWN_KEYS_THERE,
	OWN_SESSION_THERE,
	AGREED_AGAIN,
	CLOSED_AND_OPENED,
	SELECTED,
	REST_OF_ANSWER,
	BY_CHANCE,
	KINDS,
};

static const char *const kind_names[KINDS] = {
	[IN_CLEAR] = "each command in clear, on each channel",
	[EVERY_INSTRUCTION] = "every instruction in clear, on each channel",
	[AGAIN] = "the victim's bytes again",
	[AGAIN_ELSEWHERE] = "the victim's bytes on another channel",
	[AGAIN_CHANGED] = "the victim's bytes with one bit changed",
	[AGAIN_IN_PIECES] = "the victim's bytes as a chain",
	[OWN_SESSION] = "each command in a session of one's own",
	[OWN_KEYS_THERE] = "one's own session's keys on the victim's channel",
	[OWN_SESSION_THERE] = "a session of one's own on the victim's channel",
	[AGREED_AGAIN] = "the victim's agreement again, then its bytes",
	[CLOSED_AND_OPENED] = "the victim's channel closed and opened, then each command",
	[SELECTED] = "SELECT on the victim's channel, then each command",
	[REST_OF_ANSWER] = "GET RESPONSE on each channel",
	[BY_CHANCE] = "chance with the secure messaging bit, on each channel",
};

static unsigned long tried[KINDS], all_tried, silent, harms;
static struct tunnel *own;

static bool success(uint16_t sw)
{
	return sw == SW_OK || (sw & 0xFF00) == SW_BYTES_REMAIN || (sw & 0xFF00) == 0x6200;
}

static void count(enum kind k, uint16_t sw, bool harm, const char *what)
{
	tried[k]++;
	all_tried++;
	silent += sw == 0;
	if (!harm)
		return;
	harms++;
	printf("GOT IT: %s: %s: %04X\n", kind_names[k], what, sw);
}

/* A command in clear, on this channel. */
static void try_clear(enum kind k, size_t i, uint8_t channel)
{
	const struct command *c = &commands[i];

	own->channel = channel;
	uint16_t sw = tunnel_clear(
		own, c->raw[0], c->raw[1], c->raw[2], c->raw[3], BYTES(c->raw + 4, c->len - 4), APDU_LE_MAX);
	bool harm = rows[i].harm == HARM_OK && success(sw);
	if (rows[i].harm == HARM_PIN)
		harm = success(sw) || (sw & 0xFF00) == 0x6300 || sw == SW_PIN_BLOCKED || sw == SW_REFERENCE_NOT_USABLE;
	count(k, sw, harm, rows[i].name);
}

/* Inside a session; never a PIN. */
static void try_secured(enum kind k, size_t i)
{
	const struct command *c = &commands[i];
	uint8_t memory[512];
	struct builder raw = builder_of(memory, sizeof memory);

	if (rows[i].harm == HARM_PIN)
		return;
	/* The victim's channel may be another one by now, and closed: nothing was tried. */
	if (own->session.state != SCP_READY && !tunnel_open(own))
		return;
	if (!tunnel_wrap(
		    own, c->raw[0], c->raw[1], c->raw[2], c->raw[3], BYTES(c->raw + 4, c->len - 4), APDU_LE_MAX, &raw))
		return;
	uint16_t sw = tunnel_raw(own, builder_bytes(&raw));
	if (sw == 0 || !scp_unwrap_response(&own->session, sw, &own->answer))
		scp_session_abort(&own->session);
	count(k, sw, rows[i].harm == HARM_OK && success(sw), rows[i].name);
}

/* What the victim said: on this channel, or its own (-1). */
static void try_again(enum kind k, const struct heard *h, int channel)
{
	uint8_t raw[sizeof h->raw];

	if (h->len == 0)
		return;
	memcpy(raw, h->raw, h->len);
	if (channel >= 0)
		raw[0] = tunnel_class(raw[0], (uint8_t)channel, true);
	uint16_t sw = tunnel_raw(own, BYTES(raw, h->len));
	count(k, sw, success(sw) || (sw & 0xFF00) == 0x6300, "accepted");
}

static void try_changed(const struct heard *h)
{
	uint8_t raw[sizeof h->raw];
	size_t bit = (size_t)rand() % (8 * h->len);

	memcpy(raw, h->raw, h->len);
	if (bit < 8) /* the class: another channel's command, or one in clear */
		bit += 8;
	raw[bit / 8] = (uint8_t)(raw[bit / 8] ^ (1u << bit % 8));
	uint16_t sw = tunnel_raw(own, BYTES(raw, h->len));
	count(AGAIN_CHANGED, sw, success(sw) || (sw & 0xFF00) == 0x6300, "accepted");
}

/* Cut in two: a first command of a chain, a last one. */
static void try_in_pieces(const struct heard *h)
{
	struct apdu a;
	uint8_t memory[2][512];

	if (!apdu_parse(BYTES(h->raw, h->len), &a) || a.data.len < 2)
		return;
	const struct bytes data = a.data;
	const size_t cut = 1 + (size_t)rand() % (data.len - 1);
	for (int i = 0; i < 2; i++) {
		struct builder b = builder_of(memory[i], sizeof memory[i]);
		struct apdu piece = a;
		piece.cla = (uint8_t)(i == 0 ? a.cla | 0x10 : a.cla);
		piece.data = i == 0 ? BYTES(data.data, cut) : BYTES(data.data + cut, data.len - cut);
		if (i == 0)
			piece.le = APDU_LE_NONE;
		apdu_encode(&b, &piece);
		uint16_t sw = tunnel_raw(own, builder_bytes(&b));
		count(AGAIN_IN_PIECES, sw, i == 1 && (success(sw) || (sw & 0xFF00) == 0x6300), "accepted");
	}
}

/* ---- the games ---- */

static const struct heard *any_heard(void)
{
	const size_t n = heard_count < HEARD ? heard_count : HEARD;
	static const struct heard nothing;

	return n == 0 ? &nothing : &heard[(size_t)rand() % n];
}

static void in_clear(void)
{
	for (uint8_t channel = 0; channel < APDU_CHANNELS; channel++)
		for (unsigned n = 0; n < 3; n++)
			try_clear(IN_CLEAR, (size_t)rand() % ROWS, channel);
}

/* Public ones answer 9000, whoever asks. */
static bool is_public(uint8_t ins)
{
	static const uint8_t public[] = {0xA4, 0x70, 0xC0, 0x84, 0xCB, 0x20, 0x88, 0xCC};

	return memchr(public, ins, sizeof public) != NULL;
}

static void every_instruction(void)
{
	static uint8_t next;

	for (uint8_t channel = 0; channel < APDU_CHANNELS; channel += 3) {
		for (unsigned n = 0; n < 2; n++) {
			const uint8_t cla = tunnel_class(n ? 0x80 : 0x00, channel, false);
			const uint8_t raw[] = {
				cla, next, (uint8_t)(rand() & 1), (uint8_t)(rand() & 3), 0x02, 0x5C, 0x00, 0x00};
			if (next == 0x70) /* channels are a game of their own */
				continue;
			uint16_t sw = tunnel_raw(own, BYTES_OF(raw));
			count(EVERY_INSTRUCTION, sw, success(sw) && !is_public(next), "accepted");
		}
	}
	next++;
}

static void again(void)
{
	for (unsigned n = 0; n < 10; n++)
		try_again(AGAIN, any_heard(), -1);
	/* In order, the whole of it. */
	for (size_t i = heard_count < HEARD ? 0 : heard_count - HEARD, n = 0; i < heard_count && n < HEARD; i++, n++)
		try_again(AGAIN, &heard[i % HEARD], -1);
}

static void again_elsewhere(void)
{
	for (int channel = 0; channel < APDU_CHANNELS; channel++)
		if (channel != victim)
			try_again(AGAIN_ELSEWHERE, any_heard(), channel);
}

static void again_changed(void)
{
	for (unsigned n = 0; n < 12 && any_heard()->len > 0; n++)
		try_changed(any_heard());
	for (unsigned n = 0; n < 6 && any_heard()->len > 0; n++)
		try_in_pieces(any_heard());
}

/* The games leave channels open, until there is none for ourselves. */
static int own_channel(void)
{
	own->channel = 0;
	scp_session_close(&own->session);
	int channel = tunnel_channel(own);
	for (uint8_t i = 1; channel < 0 && i < APDU_CHANNELS; i++)
		if (i != victim && tunnel_close_channel(own, i))
			channel = tunnel_channel(own);
	return channel;
}

static void own_session(void)
{
	const int channel = own_channel();

	if (channel < 0)
		return;
	own->channel = (uint8_t)channel;
	for (size_t i = 0; i < ROWS; i++)
		try_secured(OWN_SESSION, i);
	/* The same keys, the victim's number. */
	for (size_t i = 0; i < ROWS; i += 4) {
		own->channel = (uint8_t)channel;
		if (own->session.state != SCP_READY && !tunnel_open(own))
			break;
		own->channel = victim;
		try_secured(OWN_KEYS_THERE, i);
	}
	own->channel = 0;
	tunnel_close_channel(own, (uint8_t)channel);
	scp_session_close(&own->session);
}

static void own_session_there(void)
{
	own->channel = victim;
	scp_session_close(&own->session);
	for (size_t i = 0; i < ROWS; i += 2)
		try_secured(OWN_SESSION_THERE, i);
	scp_session_close(&own->session);
}

static void agreed_again(void)
{
	if (agreement_len == 0)
		return;
	uint16_t sw = tunnel_raw(own, BYTES(agreement, agreement_len));
	count(AGREED_AGAIN, sw, false, "");
	for (size_t i = heard_count < HEARD ? 0 : heard_count - HEARD, n = 0; i < heard_count && n < 16; i++, n++)
		try_again(AGREED_AGAIN, &heard[i % HEARD], -1);
}

static void closed_and_opened(void)
{
	const uint8_t open[] = {0x00, 0x70, 0x00, victim};

	if (victim == 0)
		return;
	tunnel_close_channel(own, victim);
	count(CLOSED_AND_OPENED, tunnel_raw(own, BYTES_OF(open)), false, "");
	for (size_t i = 0; i < ROWS; i += 3)
		try_clear(CLOSED_AND_OPENED, i, victim);
	try_again(CLOSED_AND_OPENED, any_heard(), -1);
}

static void selected(void)
{
	static const uint8_t aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

	own->channel = victim;
	count(SELECTED, tunnel_clear(own, 0x00, 0xA4, 0x04, 0x00, BYTES_OF(aid), APDU_LE_MAX), false, "");
	for (size_t i = 0; i < ROWS; i += 3)
		try_clear(SELECTED, i, victim);
	try_again(SELECTED, any_heard(), -1);
}

/* What waits for GET RESPONSE is encrypted, and the victim's commands are extended: there should be nothing. */
static void rest_of_answer(void)
{
	for (uint8_t channel = 0; channel < APDU_CHANNELS; channel++) {
		const uint8_t raw[] = {tunnel_class(0x00, channel, false), 0xC0, 0x00, 0x00, 0x00};
		uint16_t sw = tunnel_raw(own, BYTES_OF(raw));
		count(REST_OF_ANSWER, sw, success(sw), "an answer");
	}
}

static void by_chance(void)
{
	for (uint8_t channel = 0; channel < APDU_CHANNELS; channel++) {
		static const uint8_t ins[] = {0x87, 0xCB, 0xDB, 0x20, 0x24, 0x2C, 0x47, 0xE0, 0xE4, 0xEE};
		uint8_t raw[5 + 24] = {tunnel_class((uint8_t)(rand() & 0x80), channel, true),
			ins[rand() % (int)sizeof ins], (uint8_t)rand(), (uint8_t)rand(), 24};
		for (size_t i = 5; i < sizeof raw; i++)
			raw[i] = (uint8_t)rand();
		uint16_t sw = tunnel_raw(own, BYTES_OF(raw));
		count(BY_CHANCE, sw, success(sw) || (sw & 0xFF00) == 0x6300, "accepted");
	}
}

/* The victim gets a moment after each. */
static void attack(unsigned long attempts)
{
	static void (*const games[])(void) = {in_clear, every_instruction, again, again_elsewhere, again_changed,
		own_session, own_session_there, agreed_again, closed_and_opened, selected, rest_of_answer, by_chance};

	for (unsigned long idle = 0; all_tried < attempts && idle < attempts;) {
		const unsigned long before = all_tried;
		listen_on();
		games[(size_t)rand() % (sizeof games / sizeof games[0])]();
		idle += all_tried == before;
		usleep(4000);
	}
	/* Channels that the games left open are not ours to keep. */
	for (uint8_t channel = 1; channel < APDU_CHANNELS; channel++)
		tunnel_close_channel(own, channel);
	for (int k = 0; k < KINDS; k++)
		printf("%8lu  %s\n", tried[k], kind_names[k]);
	printf("%lu attempts, %lu without an answer, %lu resets; %lu got something\n", all_tried, silent, resets,
		harms);
}

/* ---- guesses ---- */

static void guess(unsigned width)
{
	struct tunnel *at[APDU_CHANNELS];
	unsigned wrong = 0, blocked = 0, opened = 0;

	for (; opened < width && opened < APDU_CHANNELS; opened++) {
		const int channel = tunnel_channel(own);
		if (channel < 0)
			break;
		at[opened] = tunnel_new(carry, NULL, own);
		at[opened]->channel = (uint8_t)channel;
		if (!tunnel_open(at[opened]))
			break;
		memcpy(own->key, at[opened]->key, sizeof own->key);
		own->key_known = true;
	}
	for (unsigned n = 0; opened > 0 && blocked < opened && n < 200; n++) {
		char pin[32];
		int len = snprintf(pin, sizeof pin, "guess-%06u", n);
		uint16_t sw = tunnel_secured(
			at[n % opened], 0x00, 0x20, 0, 0x81, BYTES((const uint8_t *)pin, (size_t)len), APDU_LE_NONE);
		wrong += (sw & 0xFFF0) == SW_TRIES_LEFT;
		blocked += sw == SW_PIN_BLOCKED;
		harms += sw == SW_OK;
	}
	printf("%u channels, %u wrong PINs, then blocked %u times\n", opened, wrong, blocked);
	for (unsigned i = 0; i < opened; i++) {
		tunnel_close_channel(own, at[i]->channel);
		tunnel_free(at[i]);
	}
}

static void read_rows(void)
{
	for (size_t i = 0; i < ROWS; i++) {
		const char *at = rows[i].hex;
		for (; *at; at++) {
			if (*at == ' ')
				continue;
			if (commands[i].len == sizeof commands[i].raw ||
				sscanf(at, "%2hhx", &commands[i].raw[commands[i].len++]) != 1)
				abort();
			at++;
		}
	}
}

int main(int argc, char **argv)
{
	const bool guesses = argc > 1 && strcmp(argv[1], "--guess") == 0;

	if (argc != 4 + guesses) {
		fputs("usage: outsider [--guess] READER WIRE-LOG ATTEMPTS|WIDTH\n", stderr);
		return 2;
	}
	argv += guesses;
	wire_log = fopen(argv[2], "r");
	if (!wire_log || !find_reader(argv[1])) {
		fprintf(stderr, "outsider: no such reader or log\n");
		return 2;
	}
	read_rows();
	srand(3);
	own = tunnel_new(carry, NULL, NULL);
	if (guesses)
		guess((unsigned)atoi(argv[3]));
	else
		attack(strtoul(argv[3], NULL, 10));
	tunnel_free(own);
	SCardDisconnect(card, SCARD_LEAVE_CARD);
	SCardReleaseContext(context);
	fclose(wire_log);
	return harms > 0;
}
