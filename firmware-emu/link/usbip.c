/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The link to USB: the device of usb_device.h, carried by USB/IP. Either a host comes to us over TCP ("usbip attach"),
 * or, on the machine whose kernel shall see the device, one end of a socketpair is handed to its virtual host
 * controller (vhci_hcd), and no network is involved.
 *
 *	run(): the token's thread, usb_work()
 *	       + the carrier's thread: accept, requests, answers, timer
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "firmware-emu/link/socket.h"
#include "firmware-emu/link/usb_device.h"
#include "firmware-emu/link/usbip_wire.h"

#define PENDING_MAX 64 /* requests of a host that wait for us */
#define VHCI_ATTACH "/sys/devices/platform/vhci_hcd.0/attach"

/* A request to an IN endpoint that has nothing yet. */
struct pending {
	uint32_t seqnum, length;
	uint8_t endpoint;
	bool used;
};

struct usbip {
	struct link link;
	struct link_token token;
	struct usb_device *device;
	struct usbip_device record;
	int listener; /* link_usbip: where hosts come; else -1 */
	int vhci_port;
	int event; /* eventfd: something is to be looked at */

	/* The carrier's thread's alone. */
	struct pending pending[PENDING_MAX];
	uint8_t input[USBIP_HEADER_SIZE + USBIP_TRANSFER_MAX];
	uint8_t output[USBIP_HEADER_SIZE + USBIP_TRANSFER_MAX];

	/* Under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool plugged, stopped;
	bool pulled; /* this session was ended by somebody's unplug() or stop() */
	int host;    /* socket of the host that has the device; -1: none */
};

static struct usbip *usbip_of(struct link *link)
{
	return (struct usbip *)link;
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void signal_event(void *arg)
{
	struct usbip *u = arg;
	const uint64_t one = 1;

	(void)!write(u->event, &one, sizeof(one));
}

/* ---- open, close ---- */

static int listen_on(const char *host, const char *port, char *error, size_t error_size)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE}, *list = NULL;
	const int on = 1;
	int fd = -1, wrong = getaddrinfo(host, port, &hints, &list);

	if (wrong) {
		snprintf(error, error_size, "%s:%s: %s; --host and --port say where to listen", host, port,
			gai_strerror(wrong));
		return -1;
	}
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
		if (fd < 0)
			continue;
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
		if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 4) == 0)
			break;
		close(fd);
		fd = -1;
	}
	if (fd < 0)
		snprintf(error, error_size, "%s:%s: %s", host, port, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

static void usbip_close(struct link *link)
{
	struct usbip *u = usbip_of(link);

	if (u->listener >= 0)
		close(u->listener);
	if (u->event >= 0)
		close(u->event);
	usb_device_free(u->device);
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	bytes_wipe(u, sizeof(*u));
	free(u);
}

/* A carrier without its way to a host yet. */
static struct usbip *carrier_new(const struct link_options *o, const struct link_ops *ops)
{
	struct usbip *u = calloc(1, sizeof(*u));
	struct usb_options device = {
		.vendor = o->usb_vendor ? o->usb_vendor : USB_DEFAULT_VENDOR,
		.product = o->usb_product ? o->usb_product : USB_DEFAULT_PRODUCT,
		.message_max = o->usb_message_max,
		.token = o->token,
		.wake = signal_event,
		.wake_arg = u,
	};

	if (!u)
		return NULL;
	u->link.ops = ops;
	u->token = o->token;
	u->plugged = o->plugged;
	u->listener = u->host = -1;
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->changed, NULL);
	u->record = (struct usbip_device){.vendor = device.vendor, .product = device.product, .configuration = 1};
	snprintf(device.serial, sizeof(device.serial), "%s", o->serial ? o->serial : "");
	u->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	u->device = usb_device_new(&device);
	if (u->device && u->event >= 0)
		return u;
	usbip_close(&u->link);
	return NULL;
}

static struct link *usbip_open(const struct link_options *o, char *error, size_t error_size)
{
	struct usbip *u = carrier_new(o, &link_usbip);

	if (!u) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	u->listener = listen_on(o->host, o->port ? o->port : "3240", error, error_size);
	if (u->listener >= 0)
		return &u->link;
	usbip_close(&u->link);
	return NULL;
}

static struct link *vhci_open(const struct link_options *o, char *error, size_t error_size)
{
	const char *text = o->port ? o->port : "0";
	char *end;
	long port = strtol(text, &end, 10);

	if (end == text || *end || port < 0 || port > 127) {
		snprintf(error, error_size, "--port %s: vhci_hcd's ports are numbers, from 0", text);
		return NULL;
	}
	if (access(VHCI_ATTACH, W_OK) != 0) {
		snprintf(error, error_size, VHCI_ATTACH ": %s; load the module vhci_hcd, and be root", strerror(errno));
		return NULL;
	}
	struct usbip *u = carrier_new(o, &link_vhci);
	if (!u) {
		snprintf(error, error_size, "out of memory");
		return NULL;
	}
	u->vhci_port = (int)port;
	return &u->link;
}

/* ---- any thread ---- */

/* Under the lock: out of the port. */
static void pull(struct usbip *u)
{
	u->pulled = true;
	u->token.power_cut(u->token.self);
	if (u->host >= 0)
		shutdown(u->host, SHUT_RDWR);
	pthread_cond_broadcast(&u->changed);
	signal_event(u);
}

static void usbip_plug(struct link *link)
{
	struct usbip *u = usbip_of(link);

	pthread_mutex_lock(&u->lock);
	u->plugged = true;
	pthread_cond_broadcast(&u->changed);
	signal_event(u);
	pthread_mutex_unlock(&u->lock);
}

static void usbip_unplug(struct link *link)
{
	struct usbip *u = usbip_of(link);

	pthread_mutex_lock(&u->lock);
	u->plugged = false;
	pull(u);
	pthread_mutex_unlock(&u->lock);
}

static void usbip_stop(struct link *link)
{
	struct usbip *u = usbip_of(link);

	pthread_mutex_lock(&u->lock);
	u->stopped = true;
	pull(u);
	pthread_mutex_unlock(&u->lock);
	usb_stop(u->device);
}

static bool usbip_plugged(struct link *link)
{
	struct usbip *u = usbip_of(link);

	pthread_mutex_lock(&u->lock);
	bool plugged = u->plugged;
	pthread_mutex_unlock(&u->lock);
	return plugged;
}

static bool usbip_connected(struct link *link)
{
	struct usbip *u = usbip_of(link);

	pthread_mutex_lock(&u->lock);
	bool connected = u->plugged && u->host >= 0;
	pthread_mutex_unlock(&u->lock);
	return connected;
}

/* ---- the carrier's thread: bytes ---- */

static bool send_submitted(struct usbip *u, int fd, uint32_t seqnum, int32_t status, uint32_t actual, struct bytes in)
{
	struct builder b = builder_of(u->output, sizeof(u->output));

	usbip_put_ret_submit(&b, seqnum, status, actual, in);
	bool ok = !b.failed && socket_send_all(fd, builder_bytes(&b));
	bytes_wipe(u->output, b.len);
	return ok;
}

/* ---- the carrier's thread: requests ---- */

static bool control(struct usbip *u, int fd, const struct usbip_request *r, struct bytes out)
{
	uint8_t raw[USB_CONTROL_MAX];
	struct builder in = builder_of(raw, sizeof(raw));
	const uint8_t *s = r->setup;
	const struct usb_setup setup = {
		.request_type = s[0],
		.request = s[1],
		.value = (uint16_t)(s[3] << 8 | s[2]),
		.index = (uint16_t)(s[5] << 8 | s[4]),
		.length = (uint16_t)(s[7] << 8 | s[6]),
	};
	enum usb_outcome outcome = usb_control(u->device, &setup, out, &in);

	if (outcome != USB_DONE || in.len > r->length)
		return send_submitted(u, fd, r->seqnum, USBIP_EPIPE, 0, BYTES_NONE);
	if (r->in)
		return send_submitted(u, fd, r->seqnum, 0, (uint32_t)in.len, builder_bytes(&in));
	return send_submitted(u, fd, r->seqnum, 0, r->length, BYTES_NONE);
}

static bool keep(struct usbip *u, int fd, const struct usbip_request *r)
{
	for (size_t i = 0; i < PENDING_MAX; i++) {
		if (u->pending[i].used)
			continue;
		u->pending[i] = (struct pending){r->seqnum, r->length, (uint8_t)(0x80 | r->endpoint), true};
		return true;
	}
	return send_submitted(u, fd, r->seqnum, USBIP_EPIPE, 0, BYTES_NONE);
}

/* The pending request to this endpoint that came first; sequence numbers grow, and wrap. */
static struct pending *oldest(struct usbip *u, uint8_t endpoint)
{
	struct pending *first = NULL;

	for (size_t i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &u->pending[i];
		if (p->used && p->endpoint == endpoint && (!first || (int32_t)(p->seqnum - first->seqnum) < 0))
			first = p;
	}
	return first;
}

/* Give what the device has to who waits for it. */
static bool pump(struct usbip *u, int fd)
{
	static const uint8_t endpoints[] = {USB_BULK_IN, USB_INTERRUPT_IN};
	uint8_t data[USBIP_TRANSFER_MAX];
	bool ok = true;

	for (size_t i = 0; i < sizeof(endpoints) && ok; i++) {
		struct pending *p;
		while (ok && (p = oldest(u, endpoints[i]))) {
			struct builder b = builder_of(data, p->length);
			enum usb_outcome outcome = usb_in(u->device, p->endpoint, &b);
			if (outcome == USB_NOTHING)
				break;
			p->used = false;
			ok = send_submitted(u, fd, p->seqnum, outcome == USB_DONE ? 0 : USBIP_EPIPE, (uint32_t)b.len,
				builder_bytes(&b));
		}
	}
	bytes_wipe(data, sizeof(data));
	return ok;
}

static bool unlink_request(struct usbip *u, int fd, const struct usbip_request *r)
{
	uint8_t raw[USBIP_HEADER_SIZE];
	struct builder b = builder_of(raw, sizeof(raw));
	int32_t status = 0;

	for (size_t i = 0; i < PENDING_MAX; i++) {
		if (u->pending[i].used && u->pending[i].seqnum == r->victim) {
			u->pending[i].used = false;
			status = USBIP_ECONNRESET;
		}
	}
	usbip_put_ret_unlink(&b, r->seqnum, status);
	return socket_send_all(fd, builder_bytes(&b));
}

static bool submit(struct usbip *u, int fd, const struct usbip_request *r, struct bytes out)
{
	if (r->endpoint == 0)
		return control(u, fd, r, out);
	if (r->in)
		return keep(u, fd, r);
	bool taken = usb_out(u->device, (uint8_t)r->endpoint, out) == USB_DONE;
	return send_submitted(u, fd, r->seqnum, taken ? 0 : USBIP_EPIPE, taken ? r->length : 0, BYTES_NONE);
}

static bool one_request(struct usbip *u, int fd)
{
	struct usbip_request r;
	struct bytes out = BYTES_NONE;

	if (!socket_read_all(fd, u->input, USBIP_HEADER_SIZE) ||
		!usbip_request_parse(BYTES(u->input, USBIP_HEADER_SIZE), &r))
		return false;
	if (r.command == USBIP_CMD_UNLINK)
		return unlink_request(u, fd, &r);
	if (!r.in && r.length > 0) {
		if (!socket_read_all(fd, u->input + USBIP_HEADER_SIZE, r.length))
			return false;
		out = BYTES(u->input + USBIP_HEADER_SIZE, r.length);
	}
	bool ok = submit(u, fd, &r, out);
	bytes_wipe(u->input, USBIP_HEADER_SIZE + out.len);
	return ok;
}

/* ---- the carrier's thread: a host has the device ---- */

static bool enter(struct usbip *u, int fd)
{
	pthread_mutex_lock(&u->lock);
	bool in = u->plugged && !u->stopped && u->host < 0;
	if (in) {
		u->host = fd;
		u->pulled = false;
		u->token.power_up(u->token.self);
	}
	pthread_mutex_unlock(&u->lock);
	return in;
}

static void leave(struct usbip *u)
{
	pthread_mutex_lock(&u->lock);
	u->host = -1;
	u->token.power_cut(u->token.self);
	pthread_mutex_unlock(&u->lock);
}

static void serve(struct usbip *u, int fd)
{
	struct pollfd polled[2] = {
		{.fd = fd,       .events = POLLIN},
		{.fd = u->event, .events = POLLIN},
	};
	uint64_t events;
	bool ok = true;

	memset(u->pending, 0, sizeof(u->pending));
	usb_attach(u->device);
	while (ok) {
		unsigned next = usb_tick(u->device, now_ms());
		if (poll(polled, 2, next ? (int)next : -1) < 0 && errno != EINTR)
			break;
		if (polled[1].revents)
			(void)!read(u->event, &events, sizeof(events));
		if (polled[0].revents)
			ok = one_request(u, fd);
		if (ok)
			ok = pump(u, fd);
	}
	usb_detach(u->device);
}

/* "usbip list", or "usbip attach": then the device is theirs for as long as they stay. */
static void guest(struct usbip *u, int fd)
{
	const struct timeval bounded = {.tv_sec = 5}, unbounded = {0};
	uint8_t raw[USBIP_OP_SIZE + 4 + USBIP_RECORD_SIZE + 4];
	struct builder reply = builder_of(raw, sizeof(raw));
	struct usbip_op_header op;
	char busid[USBIP_BUSID_SIZE];
	const int on = 1;
	bool taken = false;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &bounded, sizeof(bounded));
	if (!socket_read_all(fd, raw, USBIP_OP_SIZE) || !usbip_op_parse(BYTES(raw, USBIP_OP_SIZE), &op))
		return;
	if (op.code == USBIP_REQ_DEVLIST) {
		usbip_put_devlist(&reply, usbip_plugged(&u->link) ? &u->record : NULL);
	} else {
		if (!socket_read_all(fd, (uint8_t *)busid, sizeof(busid)))
			return;
		taken = strncmp(busid, usbip_busid, sizeof(busid)) == 0 && enter(u, fd);
		usbip_put_import(&reply, taken ? &u->record : NULL);
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &unbounded, sizeof(unbounded));
	if (socket_send_all(fd, builder_bytes(&reply)) && taken)
		serve(u, fd);
	if (taken)
		leave(u);
}

/* ---- the carrier's thread: hosts come and go ---- */

/* True: plugged. False: it is over. */
static bool wait_until_plugged(struct usbip *u)
{
	pthread_mutex_lock(&u->lock);
	while (!u->plugged && !u->stopped)
		pthread_cond_wait(&u->changed, &u->lock);
	bool go_on = !u->stopped;
	pthread_mutex_unlock(&u->lock);
	return go_on;
}

static bool hand_to_kernel(struct usbip *u, int fd)
{
	char line[64];
	int attach = open(VHCI_ATTACH, O_WRONLY | O_CLOEXEC);
	/* port, socket, device id (bus and device), speed 2: full */
	int n = snprintf(line, sizeof(line), "%d %d %u %u", u->vhci_port, fd, 1u << 16 | 2u, 2u);
	bool ok = attach >= 0 && write(attach, line, (size_t)n) == n;

	if (!ok)
		fprintf(stderr, "ukey-emu: " VHCI_ATTACH ": %s; is the module vhci_hcd loaded, and the port free?\n",
			strerror(errno));
	if (attach >= 0)
		close(attach);
	return ok;
}

/* The kernel's controller on this machine is the only host there is. */
static void by_vhci(struct usbip *u)
{
	while (wait_until_plugged(u)) {
		int pair[2];
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			return;
		bool taken = enter(u, pair[0]);
		bool attached = taken && hand_to_kernel(u, pair[1]);
		close(pair[1]);
		if (attached)
			serve(u, pair[0]);
		if (taken)
			leave(u);
		close(pair[0]);
		/* Detached by hand, or refused: out until somebody plugs it again. */
		pthread_mutex_lock(&u->lock);
		u->plugged = false;
		pthread_mutex_unlock(&u->lock);
	}
}

static bool over(struct usbip *u)
{
	pthread_mutex_lock(&u->lock);
	bool stopped = u->stopped;
	pthread_mutex_unlock(&u->lock);
	return stopped;
}

static void by_tcp(struct usbip *u)
{
	struct pollfd polled[2] = {
		{.fd = u->listener, .events = POLLIN},
		{.fd = u->event,    .events = POLLIN},
	};
	uint64_t events;

	while (!over(u)) {
		if (poll(polled, 2, -1) < 0 && errno != EINTR)
			return;
		if (polled[1].revents)
			(void)!read(u->event, &events, sizeof(events));
		if (!(polled[0].revents & POLLIN))
			continue;
		int fd = accept4(u->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		guest(u, fd);
		close(fd);
	}
}

static void *carrier(void *arg)
{
	struct usbip *u = arg;

	if (u->link.ops == &link_vhci)
		by_vhci(u);
	else
		by_tcp(u);
	return NULL;
}

static void usbip_run(struct link *link)
{
	struct usbip *u = usbip_of(link);
	pthread_t thread;

	if (pthread_create(&thread, NULL, carrier, u) != 0) {
		fprintf(stderr, "ukey-emu: cannot start a thread\n");
		return;
	}
	/* A token that lost its power in mid-command is out of its port, unless somebody put it in again since. */
	while (!over(u)) {
		if (usb_work(u->device))
			continue;
		pthread_mutex_lock(&u->lock);
		if (!u->pulled) {
			u->plugged = false;
			pull(u);
		}
		pthread_mutex_unlock(&u->lock);
	}
	pthread_join(thread, NULL);
}

const struct link_ops link_usbip = {
	.name = "usbip",
	.open = usbip_open,
	.run = usbip_run,
	.plug = usbip_plug,
	.unplug = usbip_unplug,
	.stop = usbip_stop,
	.plugged = usbip_plugged,
	.connected = usbip_connected,
	.close = usbip_close,
};

const struct link_ops link_vhci = {
	.name = "vhci",
	.open = vhci_open,
	.run = usbip_run,
	.plug = usbip_plug,
	.unplug = usbip_unplug,
	.stop = usbip_stop,
	.plugged = usbip_plugged,
	.connected = usbip_connected,
	.close = usbip_close,
};
