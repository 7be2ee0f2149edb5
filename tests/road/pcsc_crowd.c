/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads of one process that come to pcscd and go again, each for itself, as those of a browser with several tokens do
 * (libpcsclite 1.9.9 does not expect it: driver/transport/pcsc_call.h).
 *
 *	pcsc_crowd THREADS SECONDS	prints how often; every answer must be one of the card's
 */
#include "config.h"

#include "driver/transport/transport.h"
#include "tests/lib/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define THREADS_MAX 64
#define COMMANDS    3 /* between coming and going */

static struct transport *transport;
static const char *reader;
static time_t end;
static atomic_ulong visits;
static atomic_bool failed;

static time_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec;
}

static enum ukey_status challenge(struct connection *c)
{
	static const uint8_t get_challenge[] = {0x00, 0x84, 0x00, 0x00, 0x08};
	uint8_t room[258];
	struct builder answer = builder_of(room, sizeof room);
	enum ukey_status status = transport_pcsc.transceive(c, BYTES_OF(get_challenge), &answer);

	return status == UKEY_OK && answer.len < 2 ? UKEY_COMMUNICATION : status;
}

static enum ukey_status visit(void)
{
	struct connection *c;
	enum ukey_status status = transport_pcsc.open(transport, reader, &c);

	if (status != UKEY_OK)
		return status;
	for (int i = 0; i < COMMANDS && status == UKEY_OK; i++)
		status = challenge(c);
	transport_pcsc.close(c, false);
	return status;
}

static void *come_and_go(void *arg)
{
	enum ukey_status status = UKEY_OK;

	(void)arg;
	while (status == UKEY_OK && now() < end) {
		status = visit();
		atomic_fetch_add(&visits, 1);
	}
	if (status != UKEY_OK) {
		fprintf(stderr, "pcsc_crowd: %s\n", ukey_status_name(status));
		atomic_store(&failed, true);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	const unsigned threads = argc == 3 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	struct transport_reader *list = NULL;
	pthread_t thread[THREADS_MAX];
	size_t count = 0;

	if (threads == 0 || threads > THREADS_MAX) {
		fputs("usage: pcsc_crowd THREADS SECONDS\n", stderr);
		return 2;
	}
	const unsigned seconds = (unsigned)strtoul(argv[2], NULL, 10);
	watchdog(seconds + 60);
	if (transport_pcsc.create(NULL, &transport) != UKEY_OK ||
		transport_pcsc.enumerate(transport, &list, &count) != UKEY_OK)
		return 1;
	for (size_t i = 0; i < count && !reader; i++)
		if (list[i].present)
			reader = list[i].name;
	if (!reader) {
		fputs("pcsc_crowd: no card\n", stderr);
		return 1;
	}
	end = now() + (time_t)seconds;
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&thread[i], NULL, come_and_go, NULL) != 0)
			return 1;
	for (unsigned i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	free(list);
	transport_pcsc.destroy(transport);
	printf("%lu visits\n", (unsigned long)visits);
	return failed;
}
