/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <jansson.h>

#include "firmware-emu/control.h"

#define CLIENTS    8
#define SEND_LIMIT 2 /* seconds for a client that does not read */

static bool address_of(struct sockaddr_un *a, const char *path)
{
	size_t n = strlen(path);

	*a = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (n == 0 || n >= sizeof(a->sun_path))
		return false;
	memcpy(a->sun_path, path, n + 1);
	return true;
}

static int dial(const char *path)
{
	struct sockaddr_un a;
	int fd;

	if (!address_of(&a, path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) {
		int saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

int control_listen(const char *path, char *error, size_t error_size)
{
	struct sockaddr_un a;
	struct stat st;
	int fd = -1, other = dial(path);

	if (other >= 0) {
		close(other);
		snprintf(error, error_size, "%s: another ukey-emu listens there; stop it, or use another path", path);
		return -1;
	}
	if (errno == ECONNREFUSED && lstat(path, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid())
		unlink(path);
	if (!address_of(&a, path)) {
		snprintf(error, error_size, "%s: too long for a socket's path (%zu bytes at most)", path,
			sizeof(a.sun_path) - 1);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(S_IRWXG | S_IRWXO | S_IXUSR);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, CLIENTS) == 0;
	int saved = errno;
	umask(mask);
	if (!ok) {
		snprintf(error, error_size, "%s: cannot listen: %s", path, strerror(saved));
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	return fd;
}

struct client {
	int fd; /* -1: free */
	uint8_t line[COMMAND_LINE_MAX + 1];
	size_t have;
};

static void client_end(struct client *c)
{
	close(c->fd);
	*c = (struct client){.fd = -1};
}

static bool send_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t r = send(fd, text, n, MSG_NOSIGNAL);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return false;
		text += r;
		n -= (size_t)r;
	}
	return true;
}

static bool client_answer(struct bench *bench, struct client *c, struct bytes line)
{
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	char *text = command_answer(bench, line);
	bool ok = text && send_all(c->fd, text, strlen(text));

	free(text);
	return ok;
}

/* Answer every whole line; the rest stays. False: the client is done with, or too long a line. */
static bool client_lines(struct bench *bench, struct client *c)
{
	struct cursor in = cursor_of(BYTES(c->line, c->have));
	const uint8_t *end;

	while (in.left > 0 && !bench->quit && (end = memchr(in.at, '\n', in.left)) != NULL) {
		struct bytes line = cursor_take(&in, (size_t)(end - in.at));
		(void)cursor_u8(&in);
		if (!client_answer(bench, c, line))
			return false;
	}
	size_t rest = in.left;
	if (rest > 0)
		bytes_move(c->line, in.at, rest);
	c->have = rest;
	return rest < sizeof(c->line);
}

static void client_read(struct bench *bench, struct client *c)
{
	ssize_t n = recv(c->fd, c->line + c->have, sizeof(c->line) - c->have, 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		client_end(c);
		return;
	}
	c->have += (size_t)n;
	if (!client_lines(bench, c))
		client_end(c);
}

static void client_accept(int listener, struct client clients[CLIENTS])
{
	const struct timeval limit = {.tv_sec = SEND_LIMIT};
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	for (size_t i = 0; i < CLIENTS; i++)
		if (clients[i].fd < 0) {
			clients[i].fd = fd;
			return;
		}
	static const char full[] = "{\"ok\":false,\"error\":\"too many control connections\"}\n";
	(void)send_all(fd, full, sizeof(full) - 1);
	close(fd);
}

void control_serve(struct bench *bench, int listener, int stop)
{
	struct client clients[CLIENTS];
	struct pollfd polled[2 + CLIENTS];

	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = (struct client){.fd = -1};
	while (!bench->quit) {
		polled[0] = (struct pollfd){.fd = stop, .events = POLLIN};
		polled[1] = (struct pollfd){.fd = listener, .events = POLLIN};
		for (size_t i = 0; i < CLIENTS; i++)
			polled[2 + i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
		if (poll(polled, 2 + CLIENTS, -1) < 0 && errno != EINTR)
			break;
		if (polled[0].revents)
			break;
		for (size_t i = 0; i < CLIENTS; i++)
			if (clients[i].fd >= 0 && polled[2 + i].revents)
				client_read(bench, &clients[i]);
		if (polled[1].revents)
			client_accept(listener, clients);
	}
	for (size_t i = 0; i < CLIENTS; i++)
		if (clients[i].fd >= 0)
			client_end(&clients[i]);
}

/* The other side */

static bool send_words(int fd, int count, char *const words[])
{
	for (int i = 0; i < count; i++)
		if (!send_all(fd, words[i], strlen(words[i])) || !send_all(fd, i + 1 < count ? " " : "\n", 1))
			return false;
	return shutdown(fd, SHUT_WR) == 0;
}

int control_ask(const char *path, int count, char *const words[])
{
	int fd = dial(path), status = 2;
	json_error_t ignored;
	char *line = NULL;
	size_t size = 0;
	FILE *in = NULL;

	if (fd < 0) {
		fprintf(stderr, "ukey-emu: %s: %s; is the emulator running with --control %s?\n", path, strerror(errno),
			path);
		return status;
	}
	if (!send_words(fd, count, words) || !(in = fdopen(fd, "r")) || getline(&line, &size, in) <= 0) {
		fprintf(stderr, "ukey-emu: %s: no answer\n", path);
	} else {
		json_t *answer = json_loads(line, 0, &ignored);
		status = json_is_true(json_object_get(answer, "ok")) ? 0 : 1;
		fputs(line, stdout);
		json_decref(answer);
	}
	free(line);
	if (in)
		fclose(in);
	else
		close(fd);
	return status;
}
