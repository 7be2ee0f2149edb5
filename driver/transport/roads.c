/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both roads to tokens behind one set of functions: PC/SC, and USB without it. The readers of both are listed, PC/SC's
 * first; a token that both reach is told apart by its serial number (context.c), and PC/SC keeps it.
 *
 *	wait:	the caller's thread waits on PC/SC, a thread of its own on USB; what ends one ends the other
 */
#include "config.h"

#include "driver/transport/clock.h"
#include "driver/transport/usb.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define CANCEL_AGAIN 20 /* milliseconds */

static const struct transport_ops *const pcsc = &transport_pcsc;
static const struct transport_ops *const usb = &transport_usb;

struct waiter {
	struct waiter *next;
	struct transport *transport;
	const struct transport_reader *known; /* USB's */
	size_t count;
	int milliseconds;
	uint64_t start;

	/* Under the transport's lock. */
	bool cancelled; /* by the user */
	bool stop;      /* the caller needs USB's half no more */
	bool seen;      /* USB's half has seen a change */
	bool ended;     /* USB's half is over */
};

struct transport {
	struct transport *pcsc, *usb;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	enum ukey_status service; /* what PC/SC's last enumerate said */
	struct waiter *waiters;
};

struct connection {
	const struct transport_ops *ops;
	struct connection *inner;
};

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ukey_status create_both(struct transport *t)
{
	enum ukey_status status = pcsc->create(NULL, &t->pcsc);

	if (status != UKEY_OK)
		return status;
	status = usb->create(NULL, &t->usb);
	if (status != UKEY_OK)
		pcsc->destroy(t->pcsc);
	return status;
}

static enum ukey_status roads_create(void *arg, struct transport **out)
{
	struct transport *t = calloc(1, sizeof *t);
	enum ukey_status status = UKEY_MEMORY;

	(void)arg;
	if (!t)
		return UKEY_MEMORY;
	if (pthread_mutex_init(&t->lock, NULL) != 0)
		goto no_lock;
	if (!clock_cond_init(&t->changed))
		goto no_cond;
	status = create_both(t);
	if (status == UKEY_OK) {
		*out = t;
		return UKEY_OK;
	}
	pthread_cond_destroy(&t->changed);
no_cond:
	pthread_mutex_destroy(&t->lock);
no_lock:
	free(t);
	return status;
}

static void roads_destroy(struct transport *t)
{
	usb->destroy(t->usb);
	pcsc->destroy(t->pcsc);
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static void roads_forked(struct transport *t)
{
	pcsc->forked(t->pcsc);
	usb->forked(t->usb);
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

/* Appends what `more` holds; frees it. */
static enum ukey_status append(
	struct transport_reader **list, size_t *count, struct transport_reader *more, size_t more_count)
{
	struct transport_reader *both = realloc(*list, (*count + more_count + 1) * sizeof *both);

	if (both) {
		memcpy(both + *count, more, more_count * sizeof *both);
		*list = both;
		*count += more_count;
	}
	free(more);
	return both ? UKEY_OK : UKEY_MEMORY;
}

/* Without pcscd there is still USB; when there is nothing there either, what PC/SC said is what is wrong. */
static enum ukey_status roads_enumerate(struct transport *t, struct transport_reader **list, size_t *count)
{
	struct transport_reader *devices = NULL, *readers = NULL;
	size_t device_count = 0, reader_count = 0;
	enum ukey_status service = pcsc->enumerate(t->pcsc, &readers, &reader_count), status;

	if (service == UKEY_MEMORY)
		return service;
	pthread_mutex_lock(&t->lock);
	t->service = service;
	pthread_mutex_unlock(&t->lock);
	usb_after_you(t->usb, service == UKEY_OK);
	status = usb->enumerate(t->usb, &devices, &device_count);
	if (status == UKEY_OK && (service == UKEY_OK || device_count > 0))
		status = append(&readers, &reader_count, devices, device_count);
	else if (status == UKEY_OK) {
		free(devices);
		status = service;
	}
	if (status == UKEY_OK) {
		*list = readers;
		*count = reader_count;
	} else {
		free(readers);
	}
	return status;
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

static int left_of(const struct waiter *w)
{
	if (w->milliseconds < 0)
		return -1;
	uint64_t gone = clock_ms() - w->start;
	return gone < (uint64_t)w->milliseconds ? (int)((uint64_t)w->milliseconds - gone) : 0;
}

static bool told_to(struct waiter *w, const bool *what)
{
	pthread_mutex_lock(&w->transport->lock);
	bool yes = *what || w->cancelled;
	pthread_mutex_unlock(&w->transport->lock);
	return yes;
}

/* USB's half. A cancel ends all waits of a transport, those that were not meant too: they begin again. */
static void *watch_usb(void *arg)
{
	struct waiter *w = arg;
	struct transport *t = w->transport;
	enum ukey_status status = UKEY_CANCELLED;

	while (status == UKEY_CANCELLED && !told_to(w, &w->stop))
		status = usb->wait(t->usb, UKEY_OK, w->known, w->count, left_of(w));
	pthread_mutex_lock(&t->lock);
	w->seen = status == UKEY_OK;
	w->ended = true;
	pthread_cond_broadcast(&t->changed);
	bool rouse = w->seen && !w->stop;
	pthread_mutex_unlock(&t->lock);
	/* A cancel is lost on a wait that is just about to begin: again, until it was heard. */
	while (rouse) {
		pcsc->cancel(t->pcsc);
		pthread_mutex_lock(&t->lock);
		if (!w->stop)
			clock_wait_ms(&t->changed, &t->lock, CANCEL_AGAIN);
		rouse = !w->stop;
		pthread_mutex_unlock(&t->lock);
	}
	return NULL;
}

/* The program's signals are not for this thread. */
static bool start_watching(struct waiter *w, pthread_t *thread)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	bool ok = pthread_create(thread, NULL, watch_usb, w) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

static void stop_watching(struct waiter *w, pthread_t thread)
{
	struct transport *t = w->transport;

	pthread_mutex_lock(&t->lock);
	w->stop = true;
	pthread_cond_broadcast(&t->changed);
	while (!w->ended) {
		pthread_mutex_unlock(&t->lock);
		usb->cancel(t->usb);
		pthread_mutex_lock(&t->lock);
		if (!w->ended)
			clock_wait_ms(&t->changed, &t->lock, CANCEL_AGAIN);
	}
	pthread_mutex_unlock(&t->lock);
	pthread_join(thread, NULL);
}

/* PC/SC's half, in the caller's thread. */
static enum ukey_status wait_for_pcsc(
	struct waiter *w, enum ukey_status service, const struct transport_reader *known, size_t count)
{
	enum ukey_status status = UKEY_CANCELLED;

	while (status == UKEY_CANCELLED && !told_to(w, &w->seen))
		status = pcsc->wait(w->transport->pcsc, service, known, count, left_of(w));
	return status;
}

static void enter(struct transport *t, struct waiter *w)
{
	pthread_mutex_lock(&t->lock);
	w->next = t->waiters;
	t->waiters = w;
	pthread_mutex_unlock(&t->lock);
}

static bool leave(struct transport *t, struct waiter *w)
{
	pthread_mutex_lock(&t->lock);
	struct waiter **at = &t->waiters;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	bool cancelled = w->cancelled;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
	return cancelled;
}

/* `known` has PC/SC's readers before USB's, as enumerate listed them. */
static size_t pcsc_part(const struct transport_reader *known, size_t count)
{
	size_t n = 0;

	while (n < count && !known[n].usb)
		n++;
	return n;
}

static enum ukey_status service_of(struct transport *t)
{
	pthread_mutex_lock(&t->lock);
	enum ukey_status s = t->service;
	pthread_mutex_unlock(&t->lock);
	return s;
}

static enum ukey_status roads_wait(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	const size_t readers = outcome == UKEY_OK ? pcsc_part(known, count) : 0;
	struct waiter w = {.transport = t,
		.known = known + readers,
		.count = outcome == UKEY_OK ? count - readers : 0,
		.milliseconds = milliseconds,
		.start = clock_ms()};
	enum ukey_status status, service = outcome;
	pthread_t thread;

	/* A look needs no second thread. */
	if (milliseconds == 0 && usb->wait(t->usb, UKEY_OK, w.known, w.count, 0) == UKEY_OK)
		return UKEY_OK;
	if (milliseconds == 0)
		return pcsc->wait(t->pcsc, outcome == UKEY_OK ? service_of(t) : outcome, known, readers, 0);
	enter(t, &w);
	if (outcome == UKEY_OK)
		service = service_of(t);
	if (start_watching(&w, &thread)) {
		status = wait_for_pcsc(&w, service, known, readers);
		stop_watching(&w, thread);
		if (w.seen && status != UKEY_MEMORY)
			status = UKEY_OK;
	} else {
		status = UKEY_MEMORY;
	}
	return leave(t, &w) ? UKEY_CANCELLED : status;
}

static bool any_cancelled(const struct transport *t)
{
	for (const struct waiter *w = t->waiters; w; w = w->next)
		if (w->cancelled)
			return true;
	return false;
}

static void roads_cancel(struct transport *t)
{
	pthread_mutex_lock(&t->lock);
	for (struct waiter *w = t->waiters; w; w = w->next)
		w->cancelled = true;
	pthread_cond_broadcast(&t->changed);
	while (any_cancelled(t)) {
		pthread_mutex_unlock(&t->lock);
		pcsc->cancel(t->pcsc);
		usb->cancel(t->usb);
		pthread_mutex_lock(&t->lock);
		if (any_cancelled(t))
			clock_wait_ms(&t->changed, &t->lock, CANCEL_AGAIN);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static enum ukey_status roads_open(struct transport *t, const char *reader, struct connection **out)
{
	const bool is_usb = usb_is_reader(reader);
	struct connection *c = calloc(1, sizeof *c);
	enum ukey_status status;

	if (!c)
		return UKEY_MEMORY;
	c->ops = is_usb ? usb : pcsc;
	status = c->ops->open(is_usb ? t->usb : t->pcsc, reader, &c->inner);
	if (status == UKEY_OK)
		*out = c;
	else
		free(c);
	return status;
}

static enum ukey_status roads_reopen(struct connection *c)
{
	return c->ops->reopen(c->inner);
}

static enum ukey_status roads_reset_alone(struct connection *c)
{
	return c->ops->reset_alone ? c->ops->reset_alone(c->inner) : UKEY_TOKEN_BUSY;
}

static void roads_close(struct connection *c, bool reset)
{
	c->ops->close(c->inner, reset);
	free(c);
}

static size_t roads_max_apdu(struct connection *c)
{
	return c->ops->max_apdu(c->inner);
}

static enum ukey_status roads_begin(struct connection *c)
{
	return c->ops->begin(c->inner);
}

static void roads_end(struct connection *c)
{
	c->ops->end(c->inner);
}

static enum ukey_status roads_transceive(struct connection *c, struct bytes command, struct builder *answer)
{
	return c->ops->transceive(c->inner, command, answer);
}

static bool roads_holder(struct transport *t, const char *reader, struct ukey_holder *out)
{
	return usb_is_reader(reader) && usb->holder(t->usb, reader, out);
}

const struct transport_ops transport_roads = {
	.create = roads_create,
	.destroy = roads_destroy,
	.forked = roads_forked,
	.enumerate = roads_enumerate,
	.wait = roads_wait,
	.cancel = roads_cancel,
	.open = roads_open,
	.reopen = roads_reopen,
	.reset_alone = roads_reset_alone,
	.close = roads_close,
	.max_apdu = roads_max_apdu,
	.begin = roads_begin,
	.end = roads_end,
	.transceive = roads_transceive,
	.holder = roads_holder,
};
