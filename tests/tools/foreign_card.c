/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A card that is not ours, in a virtual reader (vpcd): it has an ATR and answers 6A82 to everything.
 *
 *	foreign_card PORT
 */
#include "config.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static int take(int fd, uint8_t *to, size_t len)
{
	while (len > 0) {
		ssize_t n = read(fd, to, len);
		if (n <= 0)
			return 0;
		to += n;
		len -= (size_t)n;
	}
	return 1;
}

int main(int argc, char **argv)
{
	static const uint8_t atr[] = {0, 4, 0x3B, 0x82, 0x41, 0x42}, not_found[] = {0, 2, 0x6A, 0x82};
	static uint8_t data[65536];
	struct sockaddr_in to = {.sin_family = AF_INET};
	uint8_t head[2];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (argc != 2)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
		perror("foreign_card");
		return 1;
	}
	while (take(fd, head, 2)) {
		size_t len = (size_t)head[0] << 8 | head[1];
		ssize_t sent = 0;
		if (!take(fd, data, len))
			break;
		if (len == 1 && data[0] == 4)
			sent = write(fd, atr, sizeof(atr));
		else if (len > 1)
			sent = write(fd, not_found, sizeof(not_found));
		if (sent < 0)
			break;
	}
	close(fd);
	return 0;
}
