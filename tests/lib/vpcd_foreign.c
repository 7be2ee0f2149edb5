/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vpcd_foreign PORT FILE: somebody else's card in vpcd's reader. It answers 6A82 to every command; FILE gets a line for
 * each. Ends when the reader closes the connection or a signal comes.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/bytes.h"

static bool read_all(int fd, uint8_t *to, size_t n)
{
	/* vpcd sends length and body apart; without this each waits for the other's acknowledgement. */
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
	while (n > 0) {
		ssize_t got = read(fd, to, n);
		if (got <= 0)
			return false;
		to += got;
		n -= (size_t)got;
	}
	return true;
}

static bool answer(int fd, struct bytes data)
{
	uint8_t buffer[64];
	struct builder b = builder_of(buffer, sizeof buffer);

	builder_u16(&b, (uint16_t)data.len);
	builder_put(&b, data);
	return write(fd, b.data, b.len) == (ssize_t)b.len;
}

static void serve(int fd, FILE *commands)
{
	static const uint8_t atr[] = {0x3B, 0x80, 0x01, 0x81}, not_found[] = {0x6A, 0x82};
	static uint8_t body[65536];
	uint8_t head[2];
	bool on = true;

	while (on && read_all(fd, head, 2)) {
		size_t n = (size_t)head[0] << 8 | head[1];
		on = read_all(fd, body, n);
		if (on && n == 1 && body[0] == 4)
			on = answer(fd, BYTES_OF(atr));
		if (on && n > 1) {
			fprintf(commands, "%02X%02X\n", body[0], body[1]);
			fflush(commands);
			on = answer(fd, BYTES_OF(not_found));
		}
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 3 || fd < 0)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	FILE *commands = fopen(argv[2], "w");
	if (!commands || connect(fd, (struct sockaddr *)&at, sizeof at) != 0)
		return 1;
	serve(fd, commands);
	fclose(commands);
	close(fd);
	return 0;
}
