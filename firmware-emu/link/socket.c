/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/link/socket.h"

#include <errno.h>
#include <sys/socket.h>

bool socket_read_all(int fd, uint8_t *to, size_t n)
{
	struct builder b = builder_of(to, n);

	while (b.len < n) {
		ssize_t r = recv(fd, to + b.len, n - b.len, 0);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		b.len += (size_t)r;
	}
	return true;
}

bool socket_send_all(int fd, struct bytes data)
{
	struct cursor c = cursor_of(data);

	while (c.left > 0) {
		ssize_t r = send(fd, c.at, c.left, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		(void)cursor_take(&c, (size_t)r);
	}
	return true;
}
