/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pcsc_talk READER: speak to a card through PC/SC, for shell tests. A line of hexadecimal digits from standard input is
 * a command APDU; its answer comes as a line "ANSWER MICROSECONDS", or "error CODE". "reconnect" resets the card.
 * READER is the start of its name. Exit status 1 when there is no such reader or no card in it.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <winscard.h>

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static int failed(const char *what, LONG code)
{
	printf("error %08lX\n", (unsigned long)code & 0xFFFFFFFF);
	fprintf(stderr, "pcsc_talk: %s: %s\n", what, pcsc_stringify_error(code));
	return 1;
}

/* The reader's whole name, out of the list of them all. */
static const char *find_reader(SCARDCONTEXT context, const char *start, char *names, DWORD size)
{
	names[0] = '\0';
	if (SCardListReaders(context, NULL, names, &size) != SCARD_S_SUCCESS)
		return NULL;
	for (const char *name = names; *name; name += strlen(name) + 1)
		if (strncmp(name, start, strlen(start)) == 0)
			return name;
	return NULL;
}

/* Digits to bytes; false when it is no even number of digits. */
static int unhex(const char *line, size_t digits, unsigned char *to)
{
	unsigned v;

	for (size_t i = 0; i < digits; i += 2) {
		if (sscanf(line + i, "%2x", &v) != 1)
			return 0;
		to[i / 2] = (unsigned char)v;
	}
	return digits % 2 == 0;
}

static void transmit(SCARDHANDLE card, DWORD protocol, const char *line, size_t digits)
{
	static unsigned char command[66000], answer[66000];
	DWORD n = sizeof(answer);

	if (digits / 2 > sizeof(command) || !unhex(line, digits, command)) {
		puts("error digits");
		return;
	}
	const SCARD_IO_REQUEST *pci = protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	uint64_t started = now_us();
	LONG r = SCardTransmit(card, pci, command, digits / 2, NULL, answer, &n);
	uint64_t took = now_us() - started;
	if (r != SCARD_S_SUCCESS) {
		(void)failed("transmit", r);
		return;
	}
	for (DWORD i = 0; i < n; i++)
		printf("%02X", answer[i]);
	printf(" %" PRIu64 "\n", took);
}

int main(int argc, char **argv)
{
	const DWORD protocols = SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1;
	char names[2048], *line = NULL;
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;
	size_t size = 0;
	ssize_t n;

	LONG r = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context);
	if (r != SCARD_S_SUCCESS)
		return failed("no pcscd", r);
	const char *reader = find_reader(context, argc > 1 ? argv[1] : "", names, sizeof(names));
	if (!reader)
		return failed("no such reader", SCARD_E_UNKNOWN_READER);
	r = SCardConnect(context, reader, SCARD_SHARE_SHARED, protocols, &card, &protocol);
	if (r != SCARD_S_SUCCESS)
		return failed("no card", r);
	setvbuf(stdout, NULL, _IOLBF, 0);
	while ((n = getline(&line, &size, stdin)) > 0) {
		size_t digits = strcspn(line, "\r\n");
		if (strncmp(line, "reconnect", 9) == 0) {
			r = SCardReconnect(card, SCARD_SHARE_SHARED, protocols, SCARD_RESET_CARD, &protocol);
			printf(r == SCARD_S_SUCCESS ? "ok\n" : "error %08lX\n", (unsigned long)r & 0xFFFFFFFF);
		} else {
			transmit(card, protocol, line, digits);
		}
	}
	free(line);
	SCardDisconnect(card, SCARD_LEAVE_CARD);
	SCardReleaseContext(context);
	return 0;
}
