/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The emulated token as a USB device without any USB: a third carrier of the device model, for machines whose kernel
 * has no USB and for fast tests. umockdev shows a program a /sys and a /dev of our making, and asks us what the usbfs
 * calls of libusb answer.
 *
 *	umockdev-wrapper umock_token [OPTION]... FLASH PROGRAM ARG...
 *
 * runs PROGRAM with the token plugged in, and ends with its exit status. In it, UMOCK_PID is our process:
 *	SIGUSR1		unplug
 *	SIGUSR2		plug in again, as the kernel does it: with another device number
 *	SIGWINCH	a sleep of the machine: transfers under way are cut off, the chip loses its power, and the
 *			device is where it was
 * Options: --message N   dwMaxCCIDMessageLength
 *          --serial HEX  of a new token
 *          --id V:P      vendor and product
 *          --held        another program has claimed the interface
 *          --denied      the device's file may not be opened
 *          --slow MS     each command takes so long
 *          --slow-at INS only those with this instruction byte (hex) do
 *          --pull N      pulled inside the N-th APDU
 *          --cut INS     the first command with this instruction byte (hex) takes the time of --slow, and never ends:
 *                        pulled
 *          --piv-only    it is a PIV card, and nothing of ours
 *          --second FLASH  another token in the next port; nothing of the above happens to it
 */
#include "config.h"

#include "firmware-emu/link/usb_device.h"
#include "firmware-emu/token.h"

#include <errno.h>
#include <glib-unix.h>
#include <linux/usbdevice_fs.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <umockdev.h>
#include <unistd.h>

/* A transfer that a host waits for. */
struct flight {
	struct flight *next;
	UMockdevIoctlClient *client;
	UMockdevIoctlData *urb, *buffer;
	gulong address; /* of the host's struct */
	bool done;
};

/* One port, and the device that belongs into it. */
struct port {
	unsigned place;  /* on the bus: 1-1, 1-2 */
	unsigned number; /* of the device on its bus */
	struct usb_device *device;
	struct link_token token, real;
	bool plugged, shown, held, denied;
	unsigned slow, slow_at, pull, cut, apdus;
	uint16_t vendor, product;
	char serial[17];
	struct flight *flights;
	UMockdevIoctlClient *claimer;
};

struct mock {
	UMockdevTestbed *testbed;
	GMainLoop *loop;
	int child_status;
	pthread_mutex_t lock; /* both ports' */
	pthread_cond_t woken;
	struct port ports[2];
};

static struct mock mock = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.woken = PTHREAD_COND_INITIALIZER,
	.ports = {{.place = 1, .number = 2}, {.place = 2, .number = 100}},
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "umock_token: %s: %s\n", what, why);
	exit(99);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- transfers ----------------------------------------------------------------------------------------------------
 */

static struct usbdevfs_urb *urb_of(const struct flight *f)
{
	return (struct usbdevfs_urb *)(void *)f->urb->data;
}

/* Under the lock. `at`: where the data goes in the host's buffer. */
static void finish(struct flight *f, int status, struct bytes data, size_t at, size_t length)
{
	int actual = (int)length;

	if (data.len > 0)
		umockdev_ioctl_data_update(f->buffer, (gint)at, (guint8 *)(uintptr_t)data.data, (gint)data.len);
	umockdev_ioctl_data_update(f->urb, offsetof(struct usbdevfs_urb, status), (guint8 *)&status, sizeof status);
	umockdev_ioctl_data_update(
		f->urb, offsetof(struct usbdevfs_urb, actual_length), (guint8 *)&actual, sizeof actual);
	f->done = true;
}

static int error_of(enum usb_outcome outcome)
{
	return outcome == USB_STALLED ? -EPIPE : 0;
}

static void serve_in(struct port *p, struct flight *f)
{
	static uint8_t room[CCID_MESSAGE_MAX + 64];
	const struct usbdevfs_urb *u = urb_of(f);
	size_t most = (size_t)u->buffer_length < sizeof room ? (size_t)u->buffer_length : sizeof room;
	struct builder b = builder_of(room, most);
	enum usb_outcome outcome = usb_in(p->device, u->endpoint, &b);

	if (outcome != USB_NOTHING)
		finish(f, error_of(outcome), builder_bytes(&b), 0, b.len);
}

static void serve_control(struct port *p, struct flight *f)
{
	uint8_t room[USB_CONTROL_MAX];
	const uint8_t *s = f->buffer->data;
	const struct usb_setup setup = {.request_type = s[0],
		.request = s[1],
		.value = (uint16_t)(s[2] | s[3] << 8),
		.index = (uint16_t)(s[4] | s[5] << 8),
		.length = (uint16_t)(s[6] | s[7] << 8)};
	struct builder b = builder_of(room, sizeof room);
	enum usb_outcome outcome = usb_control(p->device, &setup, BYTES_NONE, &b);

	finish(f, error_of(outcome), builder_bytes(&b), 8, b.len);
}

static void serve(struct port *p, struct flight *f)
{
	const struct usbdevfs_urb *u = urb_of(f);

	if (u->type == USBDEVFS_URB_TYPE_CONTROL) {
		serve_control(p, f);
	} else if (u->endpoint & 0x80) {
		serve_in(p, f);
	} else {
		enum usb_outcome outcome =
			usb_out(p->device, u->endpoint, BYTES(f->buffer->data, (size_t)u->buffer_length));
		finish(f, error_of(outcome), BYTES_NONE, 0, outcome == USB_DONE ? (size_t)u->buffer_length : 0);
	}
}

/* ---- usbfs --------------------------------------------------------------------------------------------------------
 */

static int submit(struct port *p, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	struct flight *f = calloc(1, sizeof *f), **at = &p->flights;

	if (!f)
		return ENOMEM;
	f->client = client;
	f->urb = umockdev_ioctl_data_resolve(arg, 0, sizeof(struct usbdevfs_urb), NULL);
	f->address = f->urb->client_addr;
	int length = urb_of(f)->buffer_length;
	f->buffer = umockdev_ioctl_data_resolve(
		f->urb, offsetof(struct usbdevfs_urb, buffer), (gsize)(length > 0 ? length : 1), NULL);
	while (*at)
		at = &(*at)->next;
	*at = f;
	serve(p, f);
	return 0;
}

static void drop(struct flight **at)
{
	struct flight *f = *at;

	*at = f->next;
	free(f);
}

static int reap(struct port *p, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	for (int round = 0; round < 2; round++) {
		usb_tick(p->device, now_ms());
		for (struct flight **at = &p->flights; *at; at = &(*at)->next) {
			struct flight *f = *at;
			if (f->client != client)
				continue;
			if (!f->done && p->plugged)
				serve(p, f);
			if (!f->done)
				continue;
			UMockdevIoctlData *to = umockdev_ioctl_data_resolve(arg, 0, sizeof(void *), NULL);
			umockdev_ioctl_data_set_ptr(to, 0, f->urb);
			drop(at);
			return 0;
		}
		/* The mocked file is always ready, so the host asks without a pause: here it is made. */
		struct timespec until;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 500 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		if (round == 0)
			pthread_cond_timedwait(&mock.woken, &mock.lock, &until);
	}
	return p->plugged ? EAGAIN : ENODEV;
}

static int discard(struct port *p, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	gulong address = *(gulong *)(void *)arg->data;

	for (struct flight *f = p->flights; f; f = f->next) {
		if (f->client == client && f->address == address && !f->done) {
			finish(f, -ENOENT, BYTES_NONE, 0, 0);
			return 0;
		}
	}
	return EINVAL;
}

static void set_claimer(struct port *p, UMockdevIoctlClient *client)
{
	UMockdevIoctlClient *before = p->claimer;

	p->claimer = client ? g_object_ref(client) : NULL;
	if (before)
		g_object_unref(before);
}

/* Programs that have the device's file open. */
static unsigned count_holders(const struct port *p)
{
	char file[64], path[300], target[512];
	GDir *processes = g_dir_open("/proc", 0, NULL);
	unsigned n = 0;
	const char *process, *fd;

	snprintf(file, sizeof file, "/dev/bus/usb/001/%03u", p->number);
	while (processes && (process = g_dir_read_name(processes))) {
		snprintf(path, sizeof path, "/proc/%.16s/fd", process);
		GDir *files = g_ascii_isdigit(process[0]) ? g_dir_open(path, 0, NULL) : NULL;
		bool has = false;
		while (files && !has && (fd = g_dir_read_name(files))) {
			snprintf(path, sizeof path, "/proc/%.16s/fd/%.16s", process, fd);
			ssize_t length = readlink(path, target, sizeof target - 1);
			target[length > 0 ? length : 0] = '\0';
			has = g_str_has_suffix(target, file);
		}
		n += has;
		if (files)
			g_dir_close(files);
	}
	if (processes)
		g_dir_close(processes);
	return n;
}

/*
 * A program that ended without giving it back has no claim any more. umockdev does not notice each one that is killed
 * inside a call: so when nobody has the file open but the one that asks, that was it.
 */
static int claim(struct port *p, UMockdevIoctlClient *client)
{
	if (p->claimer && p->claimer != client &&
		(!umockdev_ioctl_client_get_connected(p->claimer) || count_holders(p) <= 1))
		set_claimer(p, NULL);
	if (p->held || (p->claimer && p->claimer != client))
		return EBUSY;
	set_claimer(p, client);
	return 0;
}

static int clear_halt(struct port *p, UMockdevIoctlData *arg)
{
	UMockdevIoctlData *d = umockdev_ioctl_data_resolve(arg, 0, sizeof(unsigned), NULL);
	const struct usb_setup s = {
		.request_type = 0x02, .request = 1, .index = (uint16_t) * (unsigned *)(void *)d->data};
	struct builder none = builder_of(NULL, 0);

	return usb_control(p->device, &s, BYTES_NONE, &none) == USB_DONE ? 0 : EPIPE;
}

/* An errno. Under the lock. */
static int answer(struct port *p, gulong request, UMockdevIoctlClient *client, UMockdevIoctlData *arg)
{
	if (!p->plugged && request != USBDEVFS_REAPURB && request != USBDEVFS_REAPURBNDELAY)
		return ENODEV;
	switch (request) {
	case USBDEVFS_GET_CAPABILITIES: {
		uint32_t capabilities = USBDEVFS_CAP_NO_PACKET_SIZE_LIM;
		UMockdevIoctlData *d = umockdev_ioctl_data_resolve(arg, 0, sizeof capabilities, NULL);
		umockdev_ioctl_data_update(d, 0, (guint8 *)&capabilities, sizeof capabilities);
		return 0;
	}
	case USBDEVFS_CLAIMINTERFACE:
	case USBDEVFS_DISCONNECT_CLAIM:
		return claim(p, client);
	case USBDEVFS_RELEASEINTERFACE:
		if (p->claimer == client)
			set_claimer(p, NULL);
		return 0;
	case USBDEVFS_CLEAR_HALT:
		return clear_halt(p, arg);
	case USBDEVFS_SETINTERFACE:
	case USBDEVFS_SETCONFIGURATION:
	case USBDEVFS_RESET:
		return 0;
	case USBDEVFS_GETDRIVER:
	case USBDEVFS_IOCTL: /* no kernel driver to be taken off, or given back */
		return ENODATA;
	case USBDEVFS_SUBMITURB:
		return submit(p, client, arg);
	case USBDEVFS_REAPURB:
	case USBDEVFS_REAPURBNDELAY:
		return reap(p, client, arg);
	case USBDEVFS_DISCARDURB:
		return discard(p, client, arg);
	default:
		return ENOTTY;
	}
}

static gboolean on_ioctl(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer data)
{
	(void)base;
	pthread_mutex_lock(&mock.lock);
	int error =
		answer(data, umockdev_ioctl_client_get_request(client), client, umockdev_ioctl_client_get_arg(client));
	pthread_mutex_unlock(&mock.lock);
	umockdev_ioctl_client_complete(client, error ? -1 : 0, error);
	return TRUE;
}

/* Its file was closed. */
static void on_vanished(UMockdevIoctlBase *base, UMockdevIoctlClient *client, gpointer data)
{
	struct port *p = data;

	(void)base;
	pthread_mutex_lock(&mock.lock);
	for (struct flight **at = &p->flights; *at;) {
		if ((*at)->client == client)
			drop(at);
		else
			at = &(*at)->next;
	}
	if (p->claimer == client)
		set_claimer(p, NULL);
	pthread_mutex_unlock(&mock.lock);
}

/* ---- the device in its port ---------------------------------------------------------------------------------------
 */

static void put_hex(struct port *p, GString *s, void (*descriptor)(const struct usb_device *, struct builder *))
{
	uint8_t raw[USB_CONFIG_SIZE];
	struct builder b = builder_of(raw, sizeof raw);

	descriptor(p->device, &b);
	for (size_t i = 0; i < b.len; i++)
		g_string_append_printf(s, "%02X", raw[i]);
}

static void show_device(struct port *p)
{
	GString *hex = g_string_new(NULL), *text = g_string_new(NULL);
	GError *error = NULL;
	char node[64];

	put_hex(p, hex, usb_device_descriptor);
	put_hex(p, hex, usb_config_descriptor);
	snprintf(node, sizeof node, "/dev/bus/usb/001/%03u", p->number);
	g_string_printf(text,
		"P: /devices/usb1/1-%u\nN: bus/usb/001/%03u=%s\nE: DEVNAME=%s\nE: DEVTYPE=usb_device\n"
		"E: SUBSYSTEM=usb\nE: BUSNUM=001\nE: DEVNUM=%03u\nE: MAJOR=189\nE: MINOR=%u\n"
		"A: bConfigurationValue=1\\n\nA: busnum=1\\n\nA: devnum=%u\\n\nA: speed=12\\n\n"
		"A: idVendor=%04x\\n\nA: idProduct=%04x\\n\nA: bNumConfigurations=1\\n\nA: serial=%s\\n\n"
		"A: manufacturer=OpenUKey\\n\nA: product=OpenUKey token\\n\nH: descriptors=%s\n\n"
		"P: /devices/usb1/1-%u/1-%u:1.0\nE: DEVTYPE=usb_interface\nE: SUBSYSTEM=usb\nE: INTERFACE=11/0/0\n"
		"A: bInterfaceNumber=00\\n\nA: bInterfaceClass=0b\\n\n\n",
		p->place, p->number, hex->str, node, p->number, p->number - 1, p->number, p->vendor, p->product,
		p->serial, hex->str, p->place, p->place);
	if (!umockdev_testbed_add_from_string(mock.testbed, text->str, &error))
		die("testbed", error->message);
	UMockdevIoctlBase *handler = g_object_new(UMOCKDEV_TYPE_IOCTL_BASE, NULL);
	g_signal_connect(handler, "handle-ioctl", G_CALLBACK(on_ioctl), p);
	g_signal_connect(handler, "client-vanished", G_CALLBACK(on_vanished), p);
	if (!umockdev_testbed_attach_ioctl(mock.testbed, node, handler, &error))
		die("ioctl", error->message);
	g_string_free(hex, TRUE);
	g_string_free(text, TRUE);
	if (p->denied) {
		char path[512];
		snprintf(path, sizeof path, "%s%s", umockdev_testbed_get_root_dir(mock.testbed), node);
		if (chmod(path, 0) != 0)
			die(path, strerror(errno));
	}
}

static void plug(struct port *p)
{
	const struct usb_setup configure = {.request = 9, .value = 1};
	struct builder none = builder_of(NULL, 0);

	p->real.power_up(p->real.self);
	usb_attach(p->device);
	(void)usb_control(p->device, &configure, BYTES_NONE, &none);
	pthread_mutex_lock(&mock.lock);
	p->plugged = true;
	set_claimer(p, NULL);
	while (p->flights)
		drop(&p->flights);
	pthread_mutex_unlock(&mock.lock);
	show_device(p);
	p->shown = true;
}

/* Whoever has the file open hears of it before umockdev takes it away, which hears nobody any more. */
#define GONE_AFTER 150 /* milliseconds */

static gboolean remove_now(gpointer data)
{
	struct port *p = data;
	char path[64];

	snprintf(path, sizeof path, "/sys/devices/usb1/1-%u/1-%u:1.0", p->place, p->place);
	umockdev_testbed_remove_device(mock.testbed, path);
	snprintf(path, sizeof path, "/sys/devices/usb1/1-%u", p->place);
	umockdev_testbed_remove_device(mock.testbed, path);
	p->number++;
	p->shown = false;
	return G_SOURCE_REMOVE;
}

static void pull(struct port *p)
{
	pthread_mutex_lock(&mock.lock);
	bool was = p->plugged;
	p->plugged = false;
	/* As the kernel does: what is under way comes back, and says why. */
	for (struct flight *f = p->flights; f; f = f->next)
		if (!f->done)
			finish(f, -ESHUTDOWN, BYTES_NONE, 0, 0);
	pthread_cond_broadcast(&mock.woken);
	pthread_mutex_unlock(&mock.lock);
	if (!was)
		return;
	p->real.power_cut(p->real.self);
	usb_detach(p->device);
	g_timeout_add(GONE_AFTER, remove_now, p);
}

static gboolean on_unplug(gpointer data)
{
	pull(data);
	return G_SOURCE_CONTINUE;
}

/*
 * The machine slept, and the port had no power: what was under way ends as the kernel ends it (libusb says "no device",
 * though the device is still there), and the chip is as if it had just been plugged in. The claims stay.
 */
static gboolean on_sleep(gpointer data)
{
	const struct usb_setup configure = {.request = 9, .value = 1};
	struct builder none = builder_of(NULL, 0);
	struct port *p = data;

	pthread_mutex_lock(&mock.lock);
	for (struct flight *f = p->flights; f; f = f->next)
		if (!f->done)
			finish(f, -ESHUTDOWN, BYTES_NONE, 0, 0);
	pthread_cond_broadcast(&mock.woken);
	pthread_mutex_unlock(&mock.lock);
	p->real.power_cut(p->real.self);
	usb_detach(p->device);
	p->real.power_up(p->real.self);
	usb_attach(p->device);
	(void)usb_control(p->device, &configure, BYTES_NONE, &none);
	return G_SOURCE_CONTINUE;
}

static gboolean plug_when_gone(gpointer data)
{
	struct port *p = data;

	if (p->shown)
		return G_SOURCE_CONTINUE;
	plug(p);
	return G_SOURCE_REMOVE;
}

static gboolean on_plug(gpointer data)
{
	g_timeout_add(20, plug_when_gone, data);
	return G_SOURCE_CONTINUE;
}

static gboolean pull_now(gpointer data)
{
	pull(data);
	return G_SOURCE_REMOVE;
}

/* ---- the token's thread -------------------------------------------------------------------------------------------
 */

static bool transceive(void *self, struct bytes command, struct bytes *out)
{
	struct port *p = self;
	struct timespec pause = {.tv_sec = p->slow / 1000, .tv_nsec = (long)(p->slow % 1000) * 1000000};
	struct cursor c = cursor_of(command);
	bool cut = p->pull && ++p->apdus == p->pull;

	(void)cursor_u8(&c);
	const uint8_t ins = cursor_u8(&c);
	if (p->cut)
		cut = ins == p->cut;
	if (p->slow && (!p->cut || cut) && (!p->slow_at || ins == p->slow_at))
		nanosleep(&pause, NULL);
	if (cut) {
		p->pull = p->cut = 0;
		g_idle_add(pull_now, p);
		return false;
	}
	return p->real.transceive(p->real.self, command, out);
}

static void reset(void *self)
{
	struct port *p = self;

	p->real.reset(p->real.self);
}

static struct bytes atr(void *self)
{
	struct port *p = self;

	return p->real.atr(p->real.self);
}

static void *work(void *arg)
{
	/* A token that lost its power in mid-command goes on when it is plugged in again. */
	while (!usb_work(arg))
		;
	return NULL;
}

static void wake(void *arg)
{
	(void)arg;
	pthread_cond_broadcast(&mock.woken);
}

/* ---- the program --------------------------------------------------------------------------------------------------
 */

static void on_exit_of_child(GPid pid, gint status, gpointer data)
{
	(void)pid;
	(void)data;
	mock.child_status = WIFEXITED(status) ? WEXITSTATUS(status) : 98;
	g_main_loop_quit(mock.loop);
}

static void make_token(struct port *p, const char *flash, const uint8_t *serial, size_t message_max, enum fw_card card)
{
	const struct hal_options h = {.flash = flash, .create = true, .serial = serial};
	char error[512] = "out of memory";
	uint8_t number[8];

	struct hal *hal = hal_open(&h, error, sizeof error);
	struct token *token = hal ? token_new(hal) : NULL;
	if (!token)
		die(flash, error);
	token_card_set(token, card);
	p->real = token_for_link(token);
	p->token = (struct link_token){.self = p, .reset = reset, .transceive = transceive, .atr = atr};
	hal_serial(hal, number);
	for (size_t i = 0; i < sizeof number; i++)
		snprintf(p->serial + 2 * i, 3, "%02X", number[i]);
	struct usb_options o = {.vendor = p->vendor,
		.product = p->product,
		.message_max = message_max,
		.token = p->token,
		.wake = wake};
	memcpy(o.serial, p->serial, sizeof o.serial);
	p->device = usb_device_new(&o);
	if (!p->device)
		die("device", "out of memory");
}

static unsigned long number_of(const char *text, int base)
{
	char *end;
	unsigned long v = strtoul(text ? text : "", &end, base);

	if (!text || end == text || (*end && *end != ':'))
		die("not a number", text ? text : "(nothing)");
	return v;
}

struct options {
	size_t message_max;
	uint8_t serial[8];
	bool has_serial;
	enum fw_card card;
	const char *second;
};

/* Of the first port's device; returns where the operands begin. */
static int take_options(struct port *p, int argc, char **argv, struct options *o)
{
	int i = 1;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
		const char *name = argv[i];
		if (strcmp(name, "--held") == 0 || strcmp(name, "--denied") == 0) {
			p->held = p->held || name[2] == 'h';
			p->denied = p->denied || name[2] == 'd';
			continue;
		}
		if (strcmp(name, "--piv-only") == 0) {
			o->card = FW_CARD_PIV;
			continue;
		}
		const char *value = ++i < argc ? argv[i] : "";
		if (strcmp(name, "--message") == 0) {
			o->message_max = number_of(value, 10);
		} else if (strcmp(name, "--slow") == 0) {
			p->slow = (unsigned)number_of(value, 10);
		} else if (strcmp(name, "--slow-at") == 0) {
			p->slow_at = (unsigned)number_of(value, 16);
		} else if (strcmp(name, "--pull") == 0) {
			p->pull = (unsigned)number_of(value, 10);
		} else if (strcmp(name, "--cut") == 0) {
			p->cut = (unsigned)number_of(value, 16);
		} else if (strcmp(name, "--second") == 0) {
			o->second = value;
		} else if (strcmp(name, "--serial") == 0) {
			uint64_t v = strtoull(value, NULL, 16);
			for (size_t k = 0; k < 8; k++)
				o->serial[k] = (uint8_t)(v >> (56 - 8 * k));
			o->has_serial = true;
		} else if (strcmp(name, "--id") == 0) {
			p->vendor = (uint16_t)number_of(value, 16);
			p->product = (uint16_t)number_of(strchr(value, ':') ? strchr(value, ':') + 1 : "", 16);
		} else {
			die("unknown option", name);
		}
	}
	return i;
}

static void start(struct port *p)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, p->device) != 0)
		die("thread", "cannot start one");
	plug(p);
}

int main(int argc, char **argv)
{
	struct port *first = &mock.ports[0], *second = &mock.ports[1];
	struct options o = {0};
	GPid child;
	GError *error = NULL;
	char self[16];

	first->vendor = second->vendor = USB_DEFAULT_VENDOR;
	first->product = second->product = USB_DEFAULT_PRODUCT;
	const int i = take_options(first, argc, argv, &o);
	if (argc - i < 2)
		die("usage", "umock_token [OPTION]... FLASH PROGRAM ARG...");
	make_token(first, argv[i], o.has_serial ? o.serial : NULL, o.message_max, o.card);
	if (o.second)
		make_token(second, o.second, NULL, 0, FW_CARD_UKEY);
	mock.testbed = umockdev_testbed_new();
	mock.loop = g_main_loop_new(NULL, FALSE);
	g_unix_signal_add(SIGUSR1, on_unplug, first);
	g_unix_signal_add(SIGUSR2, on_plug, first);
	g_unix_signal_add(SIGWINCH, on_sleep, first);
	start(first);
	if (o.second)
		start(second);
	snprintf(self, sizeof self, "%ld", (long)getpid());
	g_setenv("UMOCK_PID", self, TRUE);
	if (!g_spawn_async(NULL, argv + i + 1, NULL,
		    G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_SEARCH_PATH | G_SPAWN_CHILD_INHERITS_STDIN, NULL, NULL, &child,
		    &error))
		die(argv[i + 1], error->message);
	g_child_watch_add(child, on_exit_of_child, NULL);
	g_main_loop_run(mock.loop);
	/* The chip may be at work for ever: it ends with us. The testbed takes its folder along. */
	g_object_unref(mock.testbed);
	fflush(stdout);
	_exit(mock.child_status);
}
