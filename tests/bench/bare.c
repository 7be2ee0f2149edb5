/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The peer of the PKCS#11 module: a loop that sends the same command with SCardTransmit and does nothing else.
 *
 *	bare [--inside] [--shared] READER SECONDS PROCESSES THREADS <APDUS
 *
 * Each thread has a connection of its own; with --shared all threads of a process have one. In clear the lines of APDUS
 * go as they are. Inside: each connection has a channel and a session of its own, and commands are wrapped and
 * unwrapped, as the module does.
 *
 * APDUS: a line of hexadecimal digits for each command; each connection sends all of them once, and then the last one
 * for so many seconds. READER: the start of its name. Prints commands a second; every answer must be 9000.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <winscard.h>

#include "tests/bench/rate.h"
#include "tests/channel/tunnel.h"

#define APDUS_MAX 8
#define APDU_MAX  1024

static struct {
	uint8_t raw[APDU_MAX];
	size_t len;
} apdus[APDUS_MAX];
static size_t apdu_count;
static bool inside, shared;
static char reader[256];

struct bare {
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;
	struct tunnel *tunnel;
	pthread_mutex_t lock; /* of a tunnel that is shared: commands inside have an order */
};

static struct bare *everybodys;

/* PC/SC's word. */
static bool succeeds(const char *what, LONG rv)
{
	if (rv != SCARD_S_SUCCESS)
		fprintf(stderr, "bare: %s: %08lX\n", what, (unsigned long)rv & 0xFFFFFFFF);
	return rv == SCARD_S_SUCCESS;
}

/* The card's. */
static bool agrees(size_t i, unsigned sw)
{
	if (sw != SW_OK)
		fprintf(stderr, "bare: command %zu: status word %04X\n", i + 1, sw);
	return sw == SW_OK;
}

static bool transmit(struct bare *b, struct bytes command, uint8_t *answer, DWORD *len)
{
	const SCARD_IO_REQUEST *pci = b->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;

	return succeeds("SCardTransmit", SCardTransmit(b->card, pci, command.data, command.len, NULL, answer, len));
}

static bool carry(void *ctx, struct bytes command, struct builder *answer)
{
	uint8_t raw[4096];
	DWORD len = sizeof raw;

	if (!transmit(ctx, command, raw, &len))
		return false;
	builder_put(answer, BYTES(raw, len));
	return true;
}

static bool in_clear(struct bare *b, size_t i)
{
	uint8_t answer[4096];
	DWORD len = sizeof answer;

	return transmit(b, BYTES(apdus[i].raw, apdus[i].len), answer, &len) &&
	       agrees(i, len >= 2 ? (unsigned)answer[len - 2] << 8 | answer[len - 1] : 0);
}

static bool in_session(struct bare *b, size_t i)
{
	struct apdu a;

	if (!apdu_parse(BYTES(apdus[i].raw, apdus[i].len), &a))
		return agrees(i, 0);
	pthread_mutex_lock(&b->lock);
	const uint16_t sw = tunnel_secured(b->tunnel, a.cla, a.ins, a.p1, a.p2, a.data, a.le);
	pthread_mutex_unlock(&b->lock);
	return agrees(i, sw);
}

static bool send(struct bare *b, size_t i)
{
	return inside ? in_session(b, i) : in_clear(b, i);
}

static bool once(void *thread)
{
	return send(thread, apdu_count - 1);
}

/* A channel with the application on it (by the first command, a SELECT), and a session. */
static bool tunnel_begin(struct bare *b)
{
	struct apdu a;
	int channel;

	b->tunnel = tunnel_new(carry, b, NULL);
	channel = tunnel_channel(b->tunnel);
	if (channel < 0 || !apdu_parse(BYTES(apdus[0].raw, apdus[0].len), &a))
		return false;
	b->tunnel->channel = (uint8_t)channel;
	return tunnel_clear(b->tunnel, a.cla, a.ins, a.p1, a.p2, a.data, a.le) == SW_OK && tunnel_open(b->tunnel);
}

static bool ready(struct bare *b)
{
	bool good =
		succeeds("SCardEstablishContext", SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &b->context)) &&
		succeeds("SCardConnect", SCardConnect(b->context, reader, SCARD_SHARE_SHARED,
						 SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &b->card, &b->protocol));

	if (good && inside) {
		good = tunnel_begin(b);
		if (!good)
			fprintf(stderr, "bare: no secure channel\n");
	}
	for (size_t i = inside ? 1 : 0; good && i + 1 < apdu_count; i++)
		good = send(b, i);
	return good;
}

static struct bare *connection_new(void)
{
	struct bare *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	pthread_mutex_init(&b->lock, NULL);
	if (ready(b))
		return b;
	free(b);
	return NULL;
}

static void connection_free(struct bare *b)
{
	if (b->tunnel) {
		const uint8_t channel = b->tunnel->channel;

		b->tunnel->channel = 0;
		tunnel_close_channel(b->tunnel, channel);
		tunnel_free(b->tunnel);
	}
	SCardDisconnect(b->card, SCARD_LEAVE_CARD);
	SCardReleaseContext(b->context);
	pthread_mutex_destroy(&b->lock);
	free(b);
}

static void *open_card(void)
{
	return shared ? everybodys : connection_new();
}

static void close_card(void *thread)
{
	if (!shared)
		connection_free(thread);
}

static bool enter(void)
{
	if (shared)
		everybodys = connection_new();
	return !shared || everybodys;
}

static void leave(void)
{
	if (everybodys)
		connection_free(everybodys);
}

static bool find_reader(const char *start)
{
	SCARDCONTEXT context;
	char names[2048];
	DWORD size = sizeof names;
	bool found = false;

	if (SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) != SCARD_S_SUCCESS)
		return false;
	if (SCardListReaders(context, NULL, names, &size) == SCARD_S_SUCCESS)
		for (const char *name = names; *name && !found; name += strlen(name) + 1) {
			found = strncmp(name, start, strlen(start)) == 0 && strlen(name) < sizeof reader;
			if (found)
				snprintf(reader, sizeof reader, "%s", name);
		}
	SCardReleaseContext(context);
	return found;
}

static bool read_apdus(void)
{
	char line[2 * APDU_MAX + 2];

	for (; apdu_count < APDUS_MAX && fgets(line, sizeof line, stdin); apdu_count++) {
		const size_t digits = strcspn(line, "\r\n");

		for (size_t i = 0; i + 1 < digits; i += 2)
			if (sscanf(line + i, "%2hhx", &apdus[apdu_count].raw[i / 2]) != 1)
				return false;
		apdus[apdu_count].len = digits / 2;
	}
	return apdu_count > 0;
}

int main(int argc, char **argv)
{
	static const struct rate bare = {enter, open_card, once, close_card, leave};

	for (; argc > 1 && strncmp(argv[1], "--", 2) == 0; argc--, argv++) {
		inside = inside || strcmp(argv[1], "--inside") == 0;
		shared = shared || strcmp(argv[1], "--shared") == 0;
	}
	if (argc != 5 || !read_apdus()) {
		fprintf(stderr, "usage: bare [--inside] [--shared] READER SECONDS PROCESSES THREADS <APDUS\n");
		return 2;
	}
	if (!find_reader(argv[1])) {
		fprintf(stderr, "bare: no reader %s\n", argv[1]);
		return 1;
	}
	const double rate = rate_run(&bare, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]), atof(argv[2]));
	printf("%.1f\n", rate);
	return rate < 0;
}
