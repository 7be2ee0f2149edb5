/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/link/usb_device.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* bmRequestType and bRequest (USB 2.0, 9.3, 9.4; CCID 5.3) */
#define TO_HOST        0x80
#define TYPE_MASK      0x60
#define TYPE_STANDARD  0x00
#define TYPE_CLASS     0x20
#define RECIPIENT_MASK 0x1F

enum recipient {
	OF_DEVICE,
	OF_INTERFACE,
	OF_ENDPOINT,
};

enum standard_request {
	GET_STATUS = 0,
	CLEAR_FEATURE = 1,
	SET_FEATURE = 3,
	GET_DESCRIPTOR = 6,
	GET_CONFIGURATION = 8,
	SET_CONFIGURATION = 9,
	GET_INTERFACE = 10,
	SET_INTERFACE = 11,
};

enum class_request {
	CLASS_ABORT = 1,
	CLASS_GET_CLOCK_FREQUENCIES = 2,
	CLASS_GET_DATA_RATES = 3,
};

enum descriptor {
	DESCRIPTOR_DEVICE = 1,
	DESCRIPTOR_CONFIG = 2,
	DESCRIPTOR_STRING = 3,
	DESCRIPTOR_INTERFACE = 4,
	DESCRIPTOR_ENDPOINT = 5,
};

#define FEATURE_HALT 0

struct usb_device {
	struct usb_options o;
	pthread_mutex_t lock;
	pthread_cond_t work; /* a job, or the end */
	bool attached, stopping;
	uint8_t configuration;
	bool halted[3]; /* by halt_of() */
	bool present;
	uint64_t now; /* as usb_tick() last heard */
	struct ccid ccid;
};

static const char *const strings[] = {"OpenUKey", "OpenUKey token"}; /* 1 and 2; 3 is the serial number */

/* ---- life ---- */

struct usb_device *usb_device_new(const struct usb_options *o)
{
	size_t most = o->message_max ? o->message_max : CCID_MESSAGE_MAX;

	if (most < CCID_MESSAGE_LEAST || most > CCID_MESSAGE_MAX)
		return NULL;
	struct usb_device *d = calloc(1, sizeof(*d));
	if (!d)
		return NULL;
	d->o = *o;
	d->o.message_max = most;
	d->present = true;
	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->work, NULL);
	ccid_start(&d->ccid, most, true);
	return d;
}

void usb_device_free(struct usb_device *d)
{
	if (!d)
		return;
	pthread_cond_destroy(&d->work);
	pthread_mutex_destroy(&d->lock);
	bytes_wipe(d, sizeof(*d));
	free(d);
}

/* Under the lock. A job in work keeps its place: the chip goes on, and nobody hears of it. */
static void restart(struct usb_device *d)
{
	bool working = d->ccid.job != CCID_IDLE;

	d->configuration = 0;
	memset(d->halted, 0, sizeof(d->halted));
	if (working)
		ccid_forget(&d->ccid, d->present);
	else
		ccid_start(&d->ccid, d->o.message_max, d->present);
}

void usb_attach(struct usb_device *d)
{
	pthread_mutex_lock(&d->lock);
	restart(d);
	d->attached = true;
	pthread_mutex_unlock(&d->lock);
}

void usb_detach(struct usb_device *d)
{
	pthread_mutex_lock(&d->lock);
	restart(d);
	d->attached = false;
	pthread_mutex_unlock(&d->lock);
}

static void wake(struct usb_device *d)
{
	if (d->o.wake)
		d->o.wake(d->o.wake_arg);
}

void usb_card(struct usb_device *d, bool present)
{
	pthread_mutex_lock(&d->lock);
	d->present = present;
	ccid_set_present(&d->ccid, present);
	pthread_mutex_unlock(&d->lock);
	wake(d);
}

/* ---- descriptors ---- */

static void put_le16(struct builder *b, uint16_t v)
{
	builder_u8(b, (uint8_t)v);
	builder_u8(b, (uint8_t)(v >> 8));
}

void usb_device_descriptor(const struct usb_device *d, struct builder *b)
{
	builder_u8(b, USB_DEVICE_SIZE);
	builder_u8(b, DESCRIPTOR_DEVICE);
	put_le16(b, 0x0200); /* bcdUSB */
	builder_u8(b, 0);    /* class, subclass, protocol: the interface's */
	builder_u8(b, 0);
	builder_u8(b, 0);
	builder_u8(b, USB_PACKET);
	put_le16(b, d->o.vendor);
	put_le16(b, d->o.product);
	put_le16(b, 0x0100); /* bcdDevice */
	builder_u8(b, 1);    /* manufacturer, product, serial number: strings */
	builder_u8(b, 2);
	builder_u8(b, 3);
	builder_u8(b, 1); /* configurations */
}

static void put_endpoint(struct builder *b, uint8_t address, uint8_t attributes, uint16_t packet, uint8_t interval)
{
	builder_u8(b, 7);
	builder_u8(b, DESCRIPTOR_ENDPOINT);
	builder_u8(b, address);
	builder_u8(b, attributes);
	put_le16(b, packet);
	builder_u8(b, interval);
}

void usb_config_descriptor(const struct usb_device *d, struct builder *b)
{
	static const uint8_t interface[] = {9, DESCRIPTOR_INTERFACE, 0, 0, 3, 0x0B, 0, 0, 2};

	builder_u8(b, 9);
	builder_u8(b, DESCRIPTOR_CONFIG);
	put_le16(b, USB_CONFIG_SIZE);
	builder_u8(b, 1);    /* interfaces */
	builder_u8(b, 1);    /* its number */
	builder_u8(b, 0);    /* no string */
	builder_u8(b, 0x80); /* powered by the bus */
	builder_u8(b, 50);   /* 100 mA */
	builder_put(b, BYTES_OF(interface));
	ccid_descriptor(b, d->o.message_max);
	put_endpoint(b, USB_BULK_OUT, 2, USB_PACKET, 0);
	put_endpoint(b, USB_BULK_IN, 2, USB_PACKET, 0);
	put_endpoint(b, USB_INTERRUPT_IN, 3, 8, 16);
}

static enum usb_outcome string_descriptor(const struct usb_device *d, uint8_t index, struct builder *b)
{
	static const uint8_t languages[] = {4, DESCRIPTOR_STRING, 0x09, 0x04};

	if (index == 0) {
		builder_put(b, BYTES_OF(languages));
		return USB_DONE;
	}
	if (index > 3)
		return USB_STALLED;
	const char *text = index == 3 ? d->o.serial : strings[index - 1];
	size_t n = strlen(text);
	builder_u8(b, (uint8_t)(2 + 2 * n));
	builder_u8(b, DESCRIPTOR_STRING);
	for (size_t i = 0; i < n; i++)
		put_le16(b, (uint8_t)text[i]);
	return USB_DONE;
}

static enum usb_outcome get_descriptor(const struct usb_device *d, uint16_t value, struct builder *b)
{
	switch (value >> 8) {
	case DESCRIPTOR_DEVICE:
		usb_device_descriptor(d, b);
		return USB_DONE;
	case DESCRIPTOR_CONFIG:
		if ((value & 0xFF) != 0)
			return USB_STALLED;
		usb_config_descriptor(d, b);
		return USB_DONE;
	case DESCRIPTOR_STRING:
		return string_descriptor(d, (uint8_t)value, b);
	default: /* device qualifier, BOS: a full-speed device has none */
		return USB_STALLED;
	}
}

/* ---- endpoint 0 ---- */

/* Where an endpoint's halt is kept; NULL: no such endpoint. */
static bool *halt_of(struct usb_device *d, uint16_t endpoint)
{
	static const uint8_t endpoints[] = {USB_BULK_OUT, USB_BULK_IN, USB_INTERRUPT_IN};

	for (size_t i = 0; i < sizeof(endpoints); i++)
		if (endpoints[i] == endpoint)
			return &d->halted[i];
	return NULL;
}

static enum usb_outcome get_status(struct usb_device *d, const struct usb_setup *s, struct builder *b)
{
	uint16_t status = 0;

	if ((s->request_type & RECIPIENT_MASK) == OF_ENDPOINT && (s->index & 0x7F) != 0) {
		bool *halt = halt_of(d, s->index);
		if (!halt)
			return USB_STALLED;
		status = *halt;
	}
	put_le16(b, status);
	return USB_DONE;
}

static enum usb_outcome set_halt(struct usb_device *d, const struct usb_setup *s, bool on)
{
	if ((s->request_type & RECIPIENT_MASK) != OF_ENDPOINT || s->value != FEATURE_HALT)
		return USB_STALLED;
	bool *halt = halt_of(d, s->index);
	if (!halt)
		return USB_STALLED;
	*halt = on;
	return USB_DONE;
}

static enum usb_outcome set_configuration(struct usb_device *d, uint16_t value)
{
	if (value > 1)
		return USB_STALLED;
	restart(d);
	d->configuration = (uint8_t)value;
	return USB_DONE;
}

static enum usb_outcome standard(struct usb_device *d, const struct usb_setup *s, struct builder *b)
{
	switch (s->request_type & TO_HOST ? TO_HOST | s->request : s->request) {
	case TO_HOST | GET_DESCRIPTOR:
		return get_descriptor(d, s->value, b);
	case TO_HOST | GET_STATUS:
		return get_status(d, s, b);
	case TO_HOST | GET_CONFIGURATION:
		builder_u8(b, d->configuration);
		return USB_DONE;
	case TO_HOST | GET_INTERFACE:
		builder_u8(b, 0);
		return s->index == 0 ? USB_DONE : USB_STALLED;
	case CLEAR_FEATURE:
		return set_halt(d, s, false);
	case SET_FEATURE:
		return set_halt(d, s, true);
	case SET_CONFIGURATION:
		return set_configuration(d, s->value);
	case SET_INTERFACE:
		return s->value == 0 && s->index == 0 ? USB_DONE : USB_STALLED;
	default:
		return USB_STALLED;
	}
}

static enum usb_outcome class(struct usb_device *d, const struct usb_setup *s) {
	if ((s->request_type & RECIPIENT_MASK) != OF_INTERFACE || s->index != 0 ||
		d->configuration == 0) return USB_STALLED;
	/* The descriptor announces no clock frequencies and no data rates (5.3.2, 5.3.3). */
	if (s->request_type & TO_HOST || s->request != CLASS_ABORT) return USB_STALLED;
	return ccid_control_abort(&d->ccid, (uint8_t)s->value, (uint8_t)(s->value >> 8)) ? USB_DONE : USB_STALLED;
}

enum usb_outcome usb_control(struct usb_device *d, const struct usb_setup *s, struct bytes out, struct builder *in)
{
	uint8_t raw[USB_CONTROL_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	enum usb_outcome outcome = USB_STALLED;

	(void)out; /* no request of ours has a data stage to the device */
	pthread_mutex_lock(&d->lock);
	if (d->attached && (s->request_type & TYPE_MASK) == TYPE_STANDARD)
		outcome = standard(d, s, &b);
	else if (d->attached && (s->request_type & TYPE_MASK) == TYPE_CLASS)
		outcome = class(d, s);
	pthread_mutex_unlock(&d->lock);
	if (outcome == USB_DONE)
		builder_put(in, BYTES(raw, b.len < s->length ? b.len : s->length));
	wake(d);
	return in->failed ? USB_STALLED : outcome;
}

/* ---- the other endpoints ---- */

/* Under the lock. */
static bool serves(struct usb_device *d, uint8_t endpoint)
{
	const bool *halt = halt_of(d, endpoint);

	return d->attached && d->configuration != 0 && halt && !*halt;
}

enum usb_outcome usb_out(struct usb_device *d, uint8_t endpoint, struct bytes data)
{
	enum usb_outcome outcome = USB_STALLED;
	bool ready = false;

	pthread_mutex_lock(&d->lock);
	if (endpoint == USB_BULK_OUT && serves(d, endpoint)) {
		ccid_out(&d->ccid, data, data.len % USB_PACKET != 0 || data.len == 0, d->now);
		pthread_cond_signal(&d->work);
		ready = ccid_ready(&d->ccid);
		outcome = USB_DONE;
	}
	pthread_mutex_unlock(&d->lock);
	if (ready)
		wake(d);
	return outcome;
}

enum usb_outcome usb_in(struct usb_device *d, uint8_t endpoint, struct builder *to)
{
	enum usb_outcome outcome = USB_STALLED;

	pthread_mutex_lock(&d->lock);
	if ((endpoint == USB_BULK_IN || endpoint == USB_INTERRUPT_IN) && serves(d, endpoint)) {
		bool sent = endpoint == USB_BULK_IN ? ccid_in(&d->ccid, to) : ccid_interrupt(&d->ccid, to);
		outcome = sent ? USB_DONE : USB_NOTHING;
	}
	pthread_mutex_unlock(&d->lock);
	return outcome;
}

unsigned usb_tick(struct usb_device *d, uint64_t now)
{
	pthread_mutex_lock(&d->lock);
	d->now = now;
	/* What was there before waits for the host: whoever is woken for that does nothing but wake up. */
	bool before = ccid_ready(&d->ccid);
	unsigned next = ccid_tick(&d->ccid, now);
	bool ready = ccid_ready(&d->ccid);
	pthread_mutex_unlock(&d->lock);
	if (ready && !before)
		wake(d);
	return next;
}

/* ---- the token's thread ---- */

/* Without the lock: as long as the chip takes. False: the token lost its power. */
static bool perform(struct usb_device *d, enum ccid_job job, struct bytes command, struct bytes *answer)
{
	const struct link_token *t = &d->o.token;

	if (job == CCID_DO_TRANSCEIVE)
		return t->transceive(t->self, command, answer);
	t->reset(t->self);
	*answer = t->atr(t->self);
	return true;
}

bool usb_work(struct usb_device *d)
{
	struct bytes command, answer = BYTES_NONE;
	enum ccid_job job;
	bool alive = true;

	pthread_mutex_lock(&d->lock);
	while (alive && !d->stopping) {
		job = ccid_take_job(&d->ccid, &command);
		if (job == CCID_IDLE) {
			pthread_cond_wait(&d->work, &d->lock);
			continue;
		}
		pthread_mutex_unlock(&d->lock);
		alive = perform(d, job, command, &answer);
		pthread_mutex_lock(&d->lock);
		ccid_done(&d->ccid, alive, answer);
		pthread_mutex_unlock(&d->lock);
		wake(d);
		pthread_mutex_lock(&d->lock);
	}
	pthread_mutex_unlock(&d->lock);
	return alive;
}

void usb_stop(struct usb_device *d)
{
	pthread_mutex_lock(&d->lock);
	d->stopping = true;
	pthread_cond_broadcast(&d->work);
	pthread_mutex_unlock(&d->lock);
}
