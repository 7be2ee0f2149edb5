/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our tokens over USB, without pcscd: one reader a device, whose card cannot be taken out without it.
 *
 * The first connection to a device claims it, the last one gives it back; in between it is no other program's. All
 * connections of a transport to a device share the claim and take turns. A card gets its power with the claim, so no
 * log-in of another program is ever found.
 *
 * What is plugged in is looked up (usb_list.h) when somebody asks, and twice a second while somebody waits. That needs
 * neither a thread in other people's programs nor a running udevd.
 */
#include "config.h"

#include "driver/transport/usb.h"

#include "driver/log.h"
#include "driver/transport/clock.h"
#include "driver/transport/usb_device.h"
#include "driver/transport/usb_list.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Milliseconds: between two looks while waiting; for a device's notice of its card; for the kernel to notice that a
 * device was pulled, in so many steps. */
#define LOOK_AGAIN     500
#define NOTICE         20
#define REMOVAL_NOTICE 300
#define STEP           20
/* Another program often has a device for one command only. */
#define BUSY_PATIENCE 1000
#define BUSY_STEP     50

struct connection;

struct device {
	struct device *next;
	unsigned refs; /* under the transport's lock */

	/* Never changes. */
	char name[READER_NAME_MAX];
	unsigned bus, address;

	/* Whose turn it is; under `lock`. */
	pthread_mutex_t lock;
	pthread_cond_t free;
	struct connection *turn;
	unsigned depth;

	/* Theirs whose turn it is. */
	bool tried;
	enum ukey_status opened;
	struct usb_claim *claim;
	bool powered;
	unsigned sessions; /* of the card: each power-on begins another */
	struct ccid_slot slot;
};

struct connection {
	struct transport *transport;
	struct device *device;
	unsigned session; /* the one that it knows of */
};

/* A device as it was seen, so that it keeps its `events` for as long as it stays. */
struct sighting {
	char path[32];
	unsigned bus, address;
	uint64_t events;
	bool held; /* the last time, somebody else had it for longer than our patience */
};

struct waiter {
	struct waiter *next;
	bool cancelled;
};

struct transport {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct device *devices; /* those with connections */
	struct sighting seen[USB_LIST_MAX];
	size_t seen_count;
	uint64_t events;
	struct waiter *waiters;
	bool after_you;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static bool init_lock(pthread_mutex_t *lock, pthread_cond_t *cond)
{
	if (pthread_mutex_init(lock, NULL) != 0)
		return false;
	if (clock_cond_init(cond))
		return true;
	pthread_mutex_destroy(lock);
	return false;
}

static enum ukey_status usb_create(void *arg, struct transport **out)
{
	struct transport *t = calloc(1, sizeof *t);

	(void)arg;
	if (!t)
		return UKEY_MEMORY;
	if (!init_lock(&t->lock, &t->changed)) {
		free(t);
		return UKEY_MEMORY;
	}
	*out = t;
	return UKEY_OK;
}

static void usb_destroy(struct transport *t)
{
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/*
 * The claims are the parent's. Giving one back here would take it from under the parent's feet: the child has the same
 * open files.
 */
static void usb_forked(struct transport *t)
{
	(void)t;
}

void usb_after_you(struct transport *t, bool yes)
{
	pthread_mutex_lock(&t->lock);
	t->after_you = yes;
	pthread_mutex_unlock(&t->lock);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

#define MARK " USB "

static void name_reader(const struct usb_found *f, char name[READER_NAME_MAX])
{
	if (f->serial[0])
		snprintf(name, READER_NAME_MAX, "%s (%s)" MARK "%s", f->maker, f->serial, f->path);
	else
		snprintf(name, READER_NAME_MAX, "%s" MARK "%s", f->maker, f->path);
}

/* pcscd's end in the numbers of a reader and a slot, "00 00". */
bool usb_is_reader(const char *name)
{
	const char *mark = strstr(name, MARK);

	if (!mark)
		return false;
	mark += strlen(MARK);
	return strspn(mark, "0123456789") > 0 && strchr(mark, '-') && mark[strspn(mark, "0123456789-.")] == '\0';
}

/* NULL: not seen before. */
static const struct sighting *seen_before(const struct sighting *before, size_t count, const struct usb_found *f)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(before[i].path, f->path) == 0 && before[i].bus == f->bus && before[i].address == f->address)
			return &before[i];
	return NULL;
}

/* Everything that is there now. */
static size_t look(struct transport *t, struct transport_reader list[USB_LIST_MAX])
{
	struct usb_found found[USB_LIST_MAX];
	struct sighting before[USB_LIST_MAX];
	size_t there = usb_list(found), n = 0;

	pthread_mutex_lock(&t->lock);
	const size_t count = t->seen_count;
	memcpy(before, t->seen, sizeof before);
	t->seen_count = 0;
	for (size_t i = 0; i < there; i++) {
		struct sighting *s = &t->seen[t->seen_count];
		const struct sighting *old = seen_before(before, count, &found[i]);
		/* The file of one that we know changes too: when somebody else logs in, say. */
		if (t->after_you && found[i].fresh && !old)
			continue;
		t->seen_count++;
		*s = (struct sighting){.bus = found[i].bus, .address = found[i].address};
		memcpy(s->path, found[i].path, sizeof s->path);
		s->events = old ? old->events : ++t->events;
		s->held = old && old->held;
		list[n] = (struct transport_reader){
			.events = s->events, .present = true, .exclusive = found[i].denied, .usb = true};
		memcpy(list[n].serial, found[i].serial, sizeof list[n].serial);
		name_reader(&found[i], list[n++].name);
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

static enum ukey_status usb_enumerate(struct transport *t, struct transport_reader **list, size_t *count)
{
	struct transport_reader now[USB_LIST_MAX];
	size_t n = look(t, now);

	*list = malloc((n ? n : 1) * sizeof **list);
	if (!*list)
		return UKEY_MEMORY;
	memcpy(*list, now, n * sizeof *now);
	*count = n;
	return UKEY_OK;
}

/* ---- turns ------------------------------------------------------------------------------------------------------- */

static void take_turn(struct connection *c)
{
	struct device *d = c->device;

	pthread_mutex_lock(&d->lock);
	while (d->turn && d->turn != c)
		pthread_cond_wait(&d->free, &d->lock);
	d->turn = c;
	d->depth++;
	pthread_mutex_unlock(&d->lock);
}

static void end_turn(struct connection *c)
{
	struct device *d = c->device;

	pthread_mutex_lock(&d->lock);
	if (--d->depth == 0) {
		d->turn = NULL;
		pthread_cond_broadcast(&d->free);
	}
	pthread_mutex_unlock(&d->lock);
}

/* ---- devices ----------------------------------------------------------------------------------------------------- */

static bool find(const char *reader, struct usb_found *out)
{
	struct usb_found found[USB_LIST_MAX];
	size_t n = usb_list(found);

	for (size_t i = 0; i < n; i++) {
		char name[READER_NAME_MAX];
		name_reader(&found[i], name);
		if (strcmp(name, reader) == 0) {
			*out = found[i];
			return true;
		}
	}
	return false;
}

static struct device *device_new(const struct usb_found *f)
{
	struct device *d = calloc(1, sizeof *d);

	if (d && !init_lock(&d->lock, &d->free)) {
		free(d);
		d = NULL;
	}
	if (d) {
		name_reader(f, d->name);
		d->bus = f->bus;
		d->address = f->address;
	}
	return d;
}

static void device_free(struct device *d)
{
	usb_claim_free(d->claim);
	pthread_cond_destroy(&d->free);
	pthread_mutex_destroy(&d->lock);
	bytes_wipe(&d->slot, sizeof d->slot);
	free(d);
}

/* A reference to the one that others use already, or to a new one. NULL: no memory. */
static struct device *device_get(struct transport *t, const struct usb_found *f)
{
	struct device *d;

	pthread_mutex_lock(&t->lock);
	for (d = t->devices; d && (d->bus != f->bus || d->address != f->address);)
		d = d->next;
	if (!d && (d = device_new(f))) {
		d->next = t->devices;
		t->devices = d;
	}
	if (d)
		d->refs++;
	pthread_mutex_unlock(&t->lock);
	return d;
}

/* Given back under the lock: whoever comes next finds it free. */
static void device_put(struct transport *t, struct device *d)
{
	pthread_mutex_lock(&t->lock);
	if (--d->refs == 0) {
		struct device **at = &t->devices;
		while (*at != d)
			at = &(*at)->next;
		*at = d->next;
		device_free(d);
	}
	pthread_mutex_unlock(&t->lock);
}

static void log_why(const struct device *d, const char *what, enum ukey_status status, const char *why)
{
	struct ukey_holder holder;

	log_text("%s: %s: %s%s%s", d->name, what, ukey_status_name(status), why ? ": " : "", why ? why : "");
	/* Looking for it means looking at all programs. */
	if (status == UKEY_TOKEN_BUSY && log_wanted() && usb_list_holder(d->bus, d->address, &holder))
		log_text("%s: held by %s, process %ld", d->name, holder.name, holder.process);
}

/* ---- whoever has the turn ---------------------------------------------------------------------------------------- */

/* A pulled device first looks like a broken one; give the kernel a moment to say which. */
static enum ukey_status why_failed(const struct device *d)
{
	for (int ms = 0; ms < REMOVAL_NOTICE; ms += STEP) {
		if (!usb_list_has(d->bus, d->address))
			return UKEY_TOKEN_REMOVED;
		clock_sleep_ms(STEP);
	}
	return UKEY_COMMUNICATION;
}

static enum ukey_status told(struct device *d, const char *what, enum ukey_status status)
{
	if (status == UKEY_COMMUNICATION || status == UKEY_TOKEN_BUSY)
		log_why(d, what, status, d->slot.why);
	return status == UKEY_COMMUNICATION ? why_failed(d) : status;
}

static enum ukey_status power(struct device *d)
{
	enum ukey_status status = ccid_slot_power_on(&d->slot);

	d->powered = status == UKEY_OK;
	d->sessions++;
	return told(d, "power", status);
}

static enum ukey_status claim(struct device *d)
{
	const char *why = NULL;
	enum ukey_status status = usb_claim_new(d->bus, d->address, &d->claim, &why);

	if (status != UKEY_OK) {
		log_why(d, "claim", status, why);
		return status == UKEY_COMMUNICATION ? why_failed(d) : status;
	}
	status = ccid_slot_start(&d->slot, usb_claim_pipes(d->claim), usb_claim_description(d->claim));
	return told(d, "start", status);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static enum ukey_status join(struct connection *c)
{
	struct device *d = c->device;
	enum ukey_status status;

	take_turn(c);
	if (!d->tried) {
		d->tried = true;
		d->opened = claim(d);
	}
	status = d->opened;
	if (status == UKEY_OK && !d->powered)
		status = power(d);
	c->session = d->sessions;
	end_turn(c);
	return status;
}

static enum ukey_status open_once(struct transport *t, const struct usb_found *found, struct connection **out)
{
	struct connection *c = calloc(1, sizeof *c);
	enum ukey_status status;

	if (!c)
		return UKEY_MEMORY;
	c->transport = t;
	c->device = device_get(t, found);
	if (!c->device) {
		free(c);
		return UKEY_MEMORY;
	}
	status = join(c);
	if (status == UKEY_OK) {
		*out = c;
	} else {
		device_put(t, c->device);
		free(c);
	}
	return status;
}

/* Whether it was; it is `now`. */
static bool mark_held(struct transport *t, const struct usb_found *f, bool now)
{
	bool before = false;

	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->seen_count; i++) {
		if (t->seen[i].bus == f->bus && t->seen[i].address == f->address) {
			before = t->seen[i].held;
			t->seen[i].held = now;
		}
	}
	pthread_mutex_unlock(&t->lock);
	return before;
}

/* Who looks again and again waits once only for a program that keeps it. */
static enum ukey_status usb_open(struct transport *t, const char *reader, struct connection **out)
{
	struct usb_found found;
	enum ukey_status status;

	if (!find(reader, &found))
		return UKEY_TOKEN_REMOVED;
	const uint64_t begun = clock_ms(), patience = mark_held(t, &found, false) ? 0 : BUSY_PATIENCE;
	status = open_once(t, &found, out);
	while (status == UKEY_TOKEN_BUSY && clock_ms() - begun < patience) {
		clock_sleep_ms(BUSY_STEP);
		status = open_once(t, &found, out);
	}
	if (status == UKEY_TOKEN_BUSY)
		(void)mark_held(t, &found, true);
	return status;
}

static enum ukey_status usb_reopen(struct connection *c)
{
	struct device *d = c->device;

	take_turn(c);
	enum ukey_status status = d->powered ? UKEY_OK : power(d);
	if (status == UKEY_OK)
		c->session = d->sessions;
	end_turn(c);
	return status;
}

static void usb_close(struct connection *c, bool reset)
{
	struct device *d = c->device;

	take_turn(c);
	if (reset && d->powered) {
		(void)ccid_slot_power_off(&d->slot);
		d->powered = false;
	}
	end_turn(c);
	device_put(c->transport, d);
	free(c);
}

static size_t usb_max_apdu(struct connection *c)
{
	/* Never changes after the claim. */
	return usb_claim_description(c->device->claim)->extended ? 65535 : 255;
}

static enum ukey_status usb_begin(struct connection *c)
{
	take_turn(c);
	return UKEY_OK;
}

static enum ukey_status usb_transceive(struct connection *c, struct bytes command, struct builder *answer)
{
	struct device *d = c->device;
	enum ukey_status status = UKEY_TOKEN_RESET;

	take_turn(c);
	if (d->powered && c->session == d->sessions)
		status = told(d, "command", ccid_slot_transceive(&d->slot, command, answer));
	if (status == UKEY_TOKEN_RESET || status == UKEY_TOKEN_REMOVED)
		d->powered = false;
	end_turn(c);
	return status;
}

static bool usb_holder(struct transport *t, const char *reader, struct ukey_holder *out)
{
	struct usb_found found;

	(void)t;
	return find(reader, &found) && usb_list_holder(found.bus, found.address, out);
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* References to devices that we hold and that are not at work just now. */
static size_t idle_devices(struct transport *t, struct device *list[USB_LIST_MAX])
{
	size_t n = 0;

	pthread_mutex_lock(&t->lock);
	for (struct device *d = t->devices; d && n < USB_LIST_MAX; d = d->next) {
		pthread_mutex_lock(&d->lock);
		bool idle = !d->turn && d->powered;
		pthread_mutex_unlock(&d->lock);
		if (!idle)
			continue;
		d->refs++;
		list[n++] = d;
	}
	pthread_mutex_unlock(&t->lock);
	return n;
}

static void card_went(struct transport *t, const struct device *d)
{
	pthread_mutex_lock(&t->lock);
	for (size_t i = 0; i < t->seen_count; i++)
		if (t->seen[i].bus == d->bus && t->seen[i].address == d->address)
			t->seen[i].events = ++t->events;
	pthread_mutex_unlock(&t->lock);
}

/* Devices that we hold tell when their card goes; each of them is asked for a moment. */
static void hear_notices(struct transport *t)
{
	struct device *list[USB_LIST_MAX];
	size_t n = idle_devices(t, list);

	for (size_t i = 0; i < n; i++) {
		if (usb_claim_notice(list[i]->claim, NOTICE) == CCID_NOTICE_OUT)
			card_went(t, list[i]);
		device_put(t, list[i]);
	}
}

static bool differs(struct transport *t, const struct transport_reader *known, size_t count)
{
	struct transport_reader now[USB_LIST_MAX];
	size_t n = look(t, now), same = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < count; j++)
			same += strcmp(now[i].name, known[j].name) == 0 && now[i].events == known[j].events &&
				(!known[j].exclusive || now[i].exclusive);
	return n != count || same != count;
}

/* False when it was cancelled. */
static bool pause_for(struct transport *t, struct waiter *w, uint64_t ms)
{
	pthread_mutex_lock(&t->lock);
	if (!w->cancelled)
		clock_wait_ms(&t->changed, &t->lock, ms);
	bool go_on = !w->cancelled;
	pthread_mutex_unlock(&t->lock);
	return go_on;
}

static enum ukey_status wait_for_change(
	struct transport *t, struct waiter *w, const struct transport_reader *known, size_t count, int milliseconds)
{
	const uint64_t start = clock_ms();

	for (;;) {
		hear_notices(t);
		if (differs(t, known, count))
			return UKEY_OK;
		uint64_t gone = clock_ms() - start, left = LOOK_AGAIN;
		if (milliseconds >= 0)
			left = gone < (uint64_t)milliseconds ? (uint64_t)milliseconds - gone : 0;
		if (left == 0)
			return UKEY_TIMEOUT;
		if (!pause_for(t, w, left < LOOK_AGAIN ? left : LOOK_AGAIN))
			return UKEY_CANCELLED;
	}
}

/* Without a service there is nothing but UKEY_OK to know. */
static enum ukey_status usb_wait(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	struct waiter w = {0};

	if (outcome != UKEY_OK)
		return UKEY_OK;
	pthread_mutex_lock(&t->lock);
	w.next = t->waiters;
	/* cppcheck-suppress autoVariables ; taken out again below */
	t->waiters = &w;
	pthread_mutex_unlock(&t->lock);
	enum ukey_status status = wait_for_change(t, &w, known, count, milliseconds);
	pthread_mutex_lock(&t->lock);
	struct waiter **at = &t->waiters;
	while (*at != &w)
		at = &(*at)->next;
	*at = w.next;
	if (w.cancelled)
		status = UKEY_CANCELLED;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return status;
}

static bool any_cancelled(const struct transport *t)
{
	for (const struct waiter *w = t->waiters; w; w = w->next)
		if (w->cancelled)
			return true;
	return false;
}

static void usb_cancel(struct transport *t)
{
	pthread_mutex_lock(&t->lock);
	for (struct waiter *w = t->waiters; w; w = w->next)
		w->cancelled = true;
	pthread_cond_broadcast(&t->changed);
	while (any_cancelled(t))
		pthread_cond_wait(&t->changed, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

const struct transport_ops transport_usb = {
	.create = usb_create,
	.destroy = usb_destroy,
	.forked = usb_forked,
	.enumerate = usb_enumerate,
	.wait = usb_wait,
	.cancel = usb_cancel,
	.open = usb_open,
	.reopen = usb_reopen,
	.close = usb_close,
	.max_apdu = usb_max_apdu,
	.begin = usb_begin,
	.end = end_turn,
	.transceive = usb_transceive,
	.holder = usb_holder,
};
