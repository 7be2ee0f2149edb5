/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to PC/SC: a client of vpcd (vsmartcard), the virtual reader in pcscd. The reader listens, the card connects;
 * a closed connection is a pulled card.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware-emu/link/link.h"
#include "firmware-emu/link/socket.h"
#include "firmware-emu/link/vpcd_stream.h"

#define RETRY_FIRST_MS 20
#define RETRY_LAST_MS  500
#define READ_SIZE      8192

struct vpcd {
	struct link link;
	struct link_token token;
	struct addrinfo *addresses;
	char name[80];   /* host:port, for messages */
	bool complained; /* once is enough, until a connection succeeded. The token's thread's */
	struct vpcd_stream stream;
	uint8_t answer[VPCD_LENGTH_SIZE + VPCD_MESSAGE_MAX];

	/* Under the lock. The socket is closed by the token's thread only; others shut it down. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool plugged, stopped;
	bool pulled; /* this connection was ended by somebody's unplug() or stop() */
	int socket;  /* -1: not connected */
};

static struct vpcd *vpcd_of(struct link *link)
{
	return (struct vpcd *)link;
}

static void vpcd_close(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	if (v->addresses)
		freeaddrinfo(v->addresses);
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

static struct link *vpcd_open(const struct link_options *o, char *error, size_t error_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct vpcd *v = calloc(1, sizeof(*v));
	const char *port = o->port ? o->port : "35963";
	pthread_condattr_t attributes;

	if (!v) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	v->link.ops = &link_vpcd;
	v->token = o->token;
	v->plugged = o->plugged;
	v->socket = -1;
	pthread_mutex_init(&v->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&v->changed, &attributes);
	pthread_condattr_destroy(&attributes);
	snprintf(v->name, sizeof(v->name), "%s:%s", o->host, port);
	int wrong = getaddrinfo(o->host, port, &hints, &v->addresses);
	if (wrong) {
		v->addresses = NULL;
		snprintf(error, error_size, "%s: %s; --host and --port say where vpcd listens", v->name,
			gai_strerror(wrong));
		vpcd_close(&v->link);
		return NULL;
	}
	return &v->link;
}

/* Any thread */

static void vpcd_plug(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	pthread_mutex_lock(&v->lock);
	v->plugged = true;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

/* Under the lock: out of the reader and without power, in one moment for all who hold it. */
static void pull(struct vpcd *v)
{
	v->pulled = true;
	v->token.power_cut(v->token.self);
	if (v->socket >= 0)
		shutdown(v->socket, SHUT_RDWR);
	pthread_cond_broadcast(&v->changed);
}

static void vpcd_unplug(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	pthread_mutex_lock(&v->lock);
	v->plugged = false;
	pull(v);
	pthread_mutex_unlock(&v->lock);
}

static void vpcd_stop(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	pthread_mutex_lock(&v->lock);
	v->stopped = true;
	pull(v);
	pthread_mutex_unlock(&v->lock);
}

static bool vpcd_plugged(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	pthread_mutex_lock(&v->lock);
	bool plugged = v->plugged;
	pthread_mutex_unlock(&v->lock);
	return plugged;
}

static bool vpcd_connected(struct link *link)
{
	struct vpcd *v = vpcd_of(link);

	pthread_mutex_lock(&v->lock);
	bool connected = v->plugged && v->socket >= 0;
	pthread_mutex_unlock(&v->lock);
	return connected;
}

/* The token's thread */

/*
 * vpcd 3.3 sends length and body in two segments with Nagle's algorithm on, and so waits for our acknowledgement of
 * the first, which Linux delays by 40 ms: per command. Acknowledge at once; the option does not stick, so each time.
 */
static ssize_t receive(int fd, uint8_t *to, size_t n)
{
	const int on = 1;
	ssize_t r;

	do {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
		r = recv(fd, to, n, 0);
	} while (r < 0 && errno == EINTR);
	return r;
}

static bool answer(struct vpcd *v, int fd, struct bytes data)
{
	struct builder b = builder_of(v->answer, sizeof(v->answer));

	vpcd_frame(&b, data);
	if (b.failed) { /* vpcd's length has 16 bits */
		fprintf(stderr, "ukey-emu: an answer of %zu bytes does not fit vpcd\n", data.len);
		b = builder_of(v->answer, sizeof(v->answer));
		vpcd_frame(&b, BYTES((const uint8_t *)"\x6F\x00", 2));
	}
	bool ok = socket_send_all(fd, builder_bytes(&b));
	bytes_wipe(v->answer, b.len);
	return ok;
}

/*
 * The token lost power in mid-command. If by unplug(), a plug() may have come since and must not be undone; if by
 * itself, it stays out until somebody plugs it.
 */
static void fall_out(struct vpcd *v)
{
	pthread_mutex_lock(&v->lock);
	if (!v->pulled) {
		v->plugged = false;
		pull(v);
	}
	pthread_mutex_unlock(&v->lock);
}

/* False: the connection is over. */
static bool message(struct vpcd *v, int fd, enum vpcd_message kind, struct bytes apdu)
{
	struct bytes data;

	switch (kind) {
	case VPCD_POWER_OFF:
	case VPCD_POWER_ON:
	case VPCD_RESET:
		v->token.reset(v->token.self);
		return true;
	case VPCD_GET_ATR:
		return answer(v, fd, v->token.atr(v->token.self));
	case VPCD_APDU:
		if (v->token.transceive(v->token.self, apdu, &data))
			return answer(v, fd, data);
		fall_out(v);
		return false;
	default:
		return true;
	}
}

static void serve(struct vpcd *v, int fd)
{
	uint8_t piece[READ_SIZE];
	struct bytes apdu;
	ssize_t n;

	vpcd_stream_start(&v->stream);
	while ((n = receive(fd, piece, sizeof(piece))) > 0) {
		struct cursor in = cursor_of(BYTES(piece, (size_t)n));
		enum vpcd_message kind;
		while ((kind = vpcd_stream_next(&v->stream, &in, &apdu)) != VPCD_INCOMPLETE)
			if (!message(v, fd, kind, apdu))
				goto out;
	}
out:
	bytes_wipe(piece, sizeof(piece)); /* PINs pass here */
	bytes_wipe(v->stream.memory, sizeof(v->stream.memory));
}

static int dial(struct vpcd *v)
{
	const struct timeval bounded = {.tv_sec = 2}, unbounded = {0};
	const int on = 1;
	int fd = -1, wrong = 0;

	for (const struct addrinfo *a = v->addresses; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd >= 0) /* of connect(), which nobody could interrupt */
			(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &bounded, sizeof(bounded));
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) == 0)
			break;
		wrong = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	if (fd >= 0) {
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &unbounded, sizeof(unbounded));
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		v->complained = false;
	} else if (!v->complained) {
		fprintf(stderr, "ukey-emu: %s: %s; waiting for pcscd with vpcd to listen there\n", v->name,
			strerror(wrong));
		v->complained = true;
	}
	return fd;
}

/* Into the reader, if it is still to be there. */
static bool enter(struct vpcd *v, int fd)
{
	pthread_mutex_lock(&v->lock);
	bool in = v->plugged && !v->stopped;
	if (in) {
		v->socket = fd;
		v->pulled = false;
		v->token.power_up(v->token.self);
	}
	pthread_mutex_unlock(&v->lock);
	return in;
}

static void leave(struct vpcd *v, int fd)
{
	pthread_mutex_lock(&v->lock);
	v->socket = -1;
	v->token.power_cut(v->token.self);
	pthread_mutex_unlock(&v->lock);
	close(fd);
}

/* Wait until the token is plugged, or for a while between two attempts; false when all is over. */
static bool wait_for_work(struct vpcd *v, unsigned pause_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(pause_ms % 1000) * 1000000;
	until.tv_sec += (time_t)(pause_ms / 1000) + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&v->lock);
	bool waiting = pause_ms > 0;
	while (waiting && v->plugged && !v->stopped)
		waiting = pthread_cond_timedwait(&v->changed, &v->lock, &until) != ETIMEDOUT;
	while (!v->plugged && !v->stopped)
		pthread_cond_wait(&v->changed, &v->lock);
	bool go_on = !v->stopped;
	pthread_mutex_unlock(&v->lock);
	return go_on;
}

static void vpcd_run(struct link *link)
{
	struct vpcd *v = vpcd_of(link);
	unsigned pause_ms = 0;

	while (wait_for_work(v, pause_ms)) {
		int fd = dial(v);
		if (fd < 0) {
			pause_ms = pause_ms == 0 ? RETRY_FIRST_MS : pause_ms * 2;
			pause_ms = pause_ms > RETRY_LAST_MS ? RETRY_LAST_MS : pause_ms;
			continue;
		}
		if (enter(v, fd)) {
			serve(v, fd);
			leave(v, fd);
			pause_ms = RETRY_FIRST_MS; /* a host that throws us out at once is not asked all the time */
		} else {
			close(fd);
		}
	}
}

const struct link_ops link_vpcd = {
	.name = "vpcd",
	.open = vpcd_open,
	.run = vpcd_run,
	.plug = vpcd_plug,
	.unplug = vpcd_unplug,
	.stop = vpcd_stop,
	.plugged = vpcd_plugged,
	.connected = vpcd_connected,
	.close = vpcd_close,
};
