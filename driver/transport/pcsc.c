/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PC/SC (pcsc-lite). Calls on one SCARDCONTEXT wait for each other inside the client library, so each connection and
 * each wait has a context of its own: a key generation of minutes stops nobody else.
 */
#include "config.h"

#include "driver/transport/transport.h"

#include "driver/log.h"
#include "driver/transport/clock.h"
#include "driver/transport/pcsc_call.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <winscard.h>
#include <reader.h>

#define SOCKET_DEFAULT "/run/pcscd/pcscd.comm"
#define PNP            "\\\\?PnP?\\Notification"

/* Milliseconds: looking for a service that is not there; the longest single wait for a change, after which the list of
 * readers is compared again; between two attempts to cancel; for pcscd to notice that a card was pulled; for another
 * program's transaction; for pcscd to notice that a program is dead. */
#define SERVICE_POLL   1000
#define WAIT_SLICE     5000
#define CANCEL_AGAIN   20
#define REMOVAL_NOTICE 1000
#define BUSY_PATIENCE  5000
#define ALONE_PATIENCE 400
#define STEP           20

struct waiter {
	struct waiter *next;
	SCARDCONTEXT context; /* 0: none */
	bool cancelled;
};

struct transport {
	/* enumerate's alone */
	SCARDCONTEXT context; /* 0: none */
	uint32_t epoch;       /* how many contexts there were: pcscd counts events anew in each life */

	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct waiter *waiters;
};

struct connection {
	SCARDCONTEXT context;
	SCARDHANDLE card;
	DWORD protocol;
	char reader[READER_NAME_MAX];
};

/* ---- errors ------------------------------------------------------------------------------------------------------ */

/* pcsc-lite says "no service" also when the socket is there and we may not use it. */
static enum ukey_status no_service(void)
{
	const char *path = secure_getenv("PCSCLITE_CSOCK_NAME");

	return access(path ? path : SOCKET_DEFAULT, W_OK) != 0 && errno == EACCES ? UKEY_NO_PERMISSION
										  : UKEY_NO_SERVICE;
}

static const struct {
	LONG code;
	enum ukey_status status;
} errors[] = {
	{SCARD_S_SUCCESS,            UKEY_OK           },
	{SCARD_W_RESET_CARD,         UKEY_TOKEN_RESET  },
	{SCARD_W_UNPOWERED_CARD,     UKEY_TOKEN_RESET  },
	{SCARD_W_REMOVED_CARD,       UKEY_TOKEN_REMOVED},
	{SCARD_E_NO_SMARTCARD,       UKEY_TOKEN_REMOVED},
	{SCARD_E_UNKNOWN_READER,     UKEY_TOKEN_REMOVED},
	{SCARD_E_READER_UNAVAILABLE, UKEY_TOKEN_REMOVED},
	{SCARD_E_SHARING_VIOLATION,  UKEY_TOKEN_BUSY   },
	{SCARD_W_SECURITY_VIOLATION, UKEY_NO_PERMISSION},
	{SCARD_E_NO_MEMORY,          UKEY_MEMORY       },
	{SCARD_E_CANCELLED,          UKEY_CANCELLED    },
	{SCARD_E_TIMEOUT,            UKEY_TIMEOUT      },
};

static enum ukey_status status_of(LONG code)
{
	for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
		if (errors[i].code == code)
			return errors[i].status;
	switch (code) {
	/* The connection to pcscd broke, or pcscd is another one now that knows nothing of us. */
	case SCARD_E_NO_SERVICE:
	case SCARD_E_SERVICE_STOPPED:
	case SCARD_F_COMM_ERROR:
	case SCARD_E_INVALID_HANDLE:
		return no_service();
	default:
		log_text("pcsc: %08lX", (unsigned long)code & 0xFFFFFFFF);
		return UKEY_COMMUNICATION;
	}
}

static enum ukey_status establish(SCARDCONTEXT *out)
{
	SCARDCONTEXT context;
	LONG rv = PCSC(PCSC_BRIEF, SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context));

	if (rv == SCARD_S_SUCCESS)
		*out = context;
	return status_of(rv);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ukey_status pcsc_create(void *arg, struct transport **out)
{
	struct transport *t = calloc(1, sizeof *t);

	(void)arg;
	if (!t)
		return UKEY_MEMORY;
	if (!pcsc_watch_fork() || pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return UKEY_MEMORY;
	}
	if (!clock_cond_init(&t->changed)) {
		pthread_mutex_destroy(&t->lock);
		free(t);
		return UKEY_MEMORY;
	}
	*out = t;
	return UKEY_OK;
}

static void pcsc_destroy(struct transport *t)
{
	if (t->context)
		PCSC(PCSC_BRIEF, SCardReleaseContext(t->context));
	pthread_cond_destroy(&t->changed);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* Even releasing a context would speak on the parent's socket: all of it stays as it is, unused. */
static void pcsc_forked(struct transport *t)
{
	(void)t;
}

/* ---- the list of readers ----------------------------------------------------------------------------------------- */

/* Names and states as PC/SC wants them, with room for the PnP entry. */
struct states {
	char *names; /* one after the other, an empty one at the end */
	SCARD_READERSTATE *list;
	DWORD count;
};

static void states_free(struct states *s)
{
	free(s->names);
	free(s->list);
	*s = (struct states){0};
}

static LONG list_names(SCARDCONTEXT context, char **names)
{
	DWORD size = 0;
	LONG rv = PCSC(PCSC_BRIEF, SCardListReaders(context, NULL, NULL, &size));

	*names = NULL;
	if (rv != SCARD_S_SUCCESS)
		return rv;
	*names = calloc(1, size + 2);
	if (!*names)
		return SCARD_E_NO_MEMORY;
	rv = PCSC(PCSC_BRIEF, SCardListReaders(context, NULL, *names, &size));
	if (rv != SCARD_S_SUCCESS) {
		free(*names);
		*names = NULL;
	}
	return rv;
}

static LONG states_take(SCARDCONTEXT context, struct states *s)
{
	LONG rv = list_names(context, &s->names);

	*s = (struct states){.names = s->names};
	if (rv == SCARD_E_NO_READERS_AVAILABLE)
		rv = SCARD_S_SUCCESS;
	if (rv != SCARD_S_SUCCESS)
		return rv;
	for (const char *name = s->names; name && *name; name += strlen(name) + 1)
		s->count++;
	s->list = calloc(s->count + 1, sizeof *s->list);
	if (!s->list) {
		states_free(s);
		return SCARD_E_NO_MEMORY;
	}
	DWORD i = 0;
	for (const char *name = s->names; name && *name; name += strlen(name) + 1)
		s->list[i++].szReader = name;
	if (s->count > 0)
		rv = PCSC(PCSC_LONG, SCardGetStatusChange(context, 0, s->list, s->count));
	if (rv == SCARD_E_TIMEOUT)
		rv = SCARD_S_SUCCESS;
	if (rv != SCARD_S_SUCCESS)
		states_free(s);
	return rv;
}

/* A reader may go between its name and its state. */
static enum ukey_status states_get(SCARDCONTEXT context, struct states *s)
{
	LONG rv = SCARD_E_UNKNOWN_READER;

	for (int i = 0; i < 5 && rv == SCARD_E_UNKNOWN_READER; i++)
		rv = states_take(context, s);
	return status_of(rv);
}

static void describe(const SCARD_READERSTATE *state, uint32_t epoch, struct transport_reader *r)
{
	*r = (struct transport_reader){0};
	strncpy(r->name, state->szReader, sizeof r->name - 1);
	/* pcsc-lite counts cards in and out in the upper half. */
	r->events = (uint64_t)epoch << 32 | (state->dwEventState >> 16 & 0xFFFF);
	r->present = state->dwEventState & SCARD_STATE_PRESENT;
	r->mute = state->dwEventState & SCARD_STATE_MUTE;
	r->exclusive = state->dwEventState & SCARD_STATE_EXCLUSIVE;
	if (r->present && state->cbAtr <= sizeof r->atr) {
		memcpy(r->atr, state->rgbAtr, state->cbAtr);
		r->atr_len = state->cbAtr;
	}
}

static enum ukey_status describe_all(
	const struct states *s, uint32_t epoch, struct transport_reader **list, size_t *count)
{
	struct transport_reader *readers = calloc(s->count ? s->count : 1, sizeof *readers);
	size_t n = 0;

	if (!readers)
		return UKEY_MEMORY;
	for (DWORD i = 0; i < s->count; i++)
		if (!(s->list[i].dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE)))
			describe(&s->list[i], epoch, &readers[n++]);
	*list = readers;
	*count = n;
	return UKEY_OK;
}

static enum ukey_status enumerate_once(struct transport *t, struct transport_reader **list, size_t *count)
{
	struct states s = {0};
	enum ukey_status status = UKEY_OK;

	if (!t->context) {
		t->epoch++;
		status = establish(&t->context);
	}
	if (status == UKEY_OK)
		status = states_get(t->context, &s);
	if (status == UKEY_OK)
		status = describe_all(&s, t->epoch, list, count);
	states_free(&s);
	return status;
}

static enum ukey_status pcsc_enumerate(struct transport *t, struct transport_reader **list, size_t *count)
{
	const bool had_context = t->context != 0;
	enum ukey_status status = enumerate_once(t, list, count);

	for (int i = 0; i < 2 && status != UKEY_OK && status != UKEY_MEMORY && t->context; i++) {
		PCSC(PCSC_BRIEF, SCardReleaseContext(t->context));
		t->context = 0;
		/* The context was one of a pcscd that is gone; perhaps another one is there. */
		if (i == 0 && had_context)
			status = enumerate_once(t, list, count);
	}
	return status;
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

static bool same_reader(const struct transport_reader *known, const SCARD_READERSTATE *now)
{
	struct transport_reader r;

	describe(now, (uint32_t)(known->events >> 32), &r);
	return strcmp(known->name, r.name) == 0 && known->events == r.events && known->present == r.present &&
	       known->mute == r.mute && (!known->exclusive || r.exclusive);
}

static bool differs(const struct states *now, const struct transport_reader *known, size_t count)
{
	size_t same = 0, there = 0;

	for (DWORD i = 0; i < now->count; i++) {
		if (now->list[i].dwEventState & (SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE))
			continue;
		there++;
		for (size_t j = 0; j < count; j++)
			same += same_reader(&known[j], &now->list[i]);
	}
	return there != count || same != count;
}

/* Until something may have changed, at most `ms`. */
static enum ukey_status wait_slice(SCARDCONTEXT context, struct states *s, DWORD ms)
{
	if (!s->list)
		return UKEY_INTERNAL;
	for (DWORD i = 0; i < s->count; i++)
		s->list[i].dwCurrentState = s->list[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
	s->list[s->count] = (SCARD_READERSTATE){.szReader = PNP};
	LONG rv = PCSC(PCSC_LONG, SCardGetStatusChange(context, ms, s->list, s->count + 1));
	return rv == SCARD_E_UNKNOWN_READER ? UKEY_OK : status_of(rv);
}

static bool cancelled(struct transport *t, struct waiter *w)
{
	pthread_mutex_lock(&t->lock);
	bool yes = w->cancelled;
	pthread_mutex_unlock(&t->lock);
	return yes;
}

static void set_context(struct transport *t, struct waiter *w, SCARDCONTEXT context)
{
	pthread_mutex_lock(&t->lock);
	SCARDCONTEXT old = w->context;
	w->context = context;
	pthread_mutex_unlock(&t->lock);
	if (old)
		PCSC(PCSC_BRIEF, SCardReleaseContext(old));
}

/* The service cannot be reached and could not before. */
static void wait_for_service(struct transport *t, struct waiter *w, uint64_t left)
{
	pthread_mutex_lock(&t->lock);
	if (!w->cancelled)
		clock_wait_ms(&t->changed, &t->lock, left < SERVICE_POLL ? left : SERVICE_POLL);
	pthread_mutex_unlock(&t->lock);
}

/* `now` is what the look found. UKEY_TIMEOUT: nothing yet. */
static enum ukey_status compare_or_wait(struct transport *t, struct waiter *w, enum ukey_status now, struct states *s,
	enum ukey_status outcome, const struct transport_reader *known, size_t count, uint64_t left)
{
	if (now != outcome || (now == UKEY_OK && differs(s, known, count)))
		return UKEY_OK;
	if (now != UKEY_OK) {
		set_context(t, w, 0);
		wait_for_service(t, w, left);
		return UKEY_TIMEOUT;
	}
	/* What ended it is seen in the next look; one that does not even begin must not make us spin. */
	now = left > 0 ? wait_slice(w->context, s, (DWORD)(left < WAIT_SLICE ? left : WAIT_SLICE)) : UKEY_OK;
	if (now != UKEY_OK && now != UKEY_TIMEOUT && now != UKEY_CANCELLED)
		wait_for_service(t, w, left);
	return now == UKEY_MEMORY ? now : UKEY_TIMEOUT;
}

/* One look and one wait. UKEY_TIMEOUT: nothing yet. */
static enum ukey_status wait_once(struct transport *t, struct waiter *w, enum ukey_status outcome,
	const struct transport_reader *known, size_t count, uint64_t left)
{
	SCARDCONTEXT context = w->context;
	struct states s = {0};
	enum ukey_status status = context ? UKEY_OK : establish(&context);

	if (status == UKEY_OK) {
		if (!w->context)
			set_context(t, w, context);
		status = states_get(context, &s);
	}
	if (status != UKEY_MEMORY)
		status = compare_or_wait(t, w, status, &s, outcome, known, count, left);
	states_free(&s);
	return status;
}

static void enter(struct transport *t, struct waiter *w)
{
	pthread_mutex_lock(&t->lock);
	w->next = t->waiters;
	t->waiters = w;
	pthread_mutex_unlock(&t->lock);
}

static void leave(struct transport *t, struct waiter *w)
{
	pthread_mutex_lock(&t->lock);
	struct waiter **at = &t->waiters;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	pthread_cond_broadcast(&t->changed);
	pthread_mutex_unlock(&t->lock);
}

static enum ukey_status pcsc_wait(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	const uint64_t start = clock_ms();
	struct waiter w = {0};
	enum ukey_status status;

	enter(t, &w);
	do {
		uint64_t gone = clock_ms() - start, left = WAIT_SLICE;
		if (milliseconds >= 0)
			left = gone < (uint64_t)milliseconds ? (uint64_t)milliseconds - gone : 0;
		status = wait_once(t, &w, outcome, known, count, left);
		if (cancelled(t, &w))
			status = UKEY_CANCELLED;
		else if (status == UKEY_TIMEOUT && left > 0)
			status = UKEY_INTERNAL; /* go on */
	} while (status == UKEY_INTERNAL);
	set_context(t, &w, 0);
	leave(t, &w);
	return status;
}

/* The first waiter that is to end and has not yet. */
static struct waiter *cancelled_waiter(struct transport *t)
{
	struct waiter *w = t->waiters;

	while (w && !w->cancelled)
		w = w->next;
	return w;
}

static void pcsc_cancel(struct transport *t)
{
	struct waiter *w;

	pthread_mutex_lock(&t->lock);
	for (w = t->waiters; w; w = w->next)
		w->cancelled = true;
	pthread_cond_broadcast(&t->changed);
	/* SCardCancel is lost on a wait that is just about to begin: again, until it has ended. */
	while ((w = cancelled_waiter(t))) {
		SCARDCONTEXT context = w->context;
		pthread_mutex_unlock(&t->lock);
		if (context)
			PCSC(PCSC_BRIEF, SCardCancel(context));
		pthread_mutex_lock(&t->lock);
		if (cancelled_waiter(t))
			clock_wait_ms(&t->changed, &t->lock, CANCEL_AGAIN);
	}
	pthread_mutex_unlock(&t->lock);
}

/* ---- connections ------------------------------------------------------------------------------------------------- */

static enum ukey_status pcsc_open(struct transport *t, const char *reader, struct connection **out)
{
	struct connection *c = calloc(1, sizeof *c);
	enum ukey_status status;

	(void)t;
	if (!c)
		return UKEY_MEMORY;
	strncpy(c->reader, reader, sizeof c->reader - 1);
	pcsc_arrive();
	status = establish(&c->context);
	if (status == UKEY_OK) {
		status = status_of(
			PCSC(PCSC_BRIEF, SCardConnect(c->context, reader, SCARD_SHARE_SHARED,
						 SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &c->card, &c->protocol)));
		if (status == UKEY_TOKEN_RESET)
			status = UKEY_COMMUNICATION;
		if (status != UKEY_OK)
			PCSC(PCSC_BRIEF, SCardReleaseContext(c->context));
	}
	pcsc_arrived();
	if (status == UKEY_OK)
		*out = c;
	else
		free(c);
	return status;
}

static enum ukey_status pcsc_reopen(struct connection *c)
{
	return status_of(
		PCSC(PCSC_BRIEF, SCardReconnect(c->card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
					 SCARD_LEAVE_CARD, &c->protocol)));
}

static LONG connect_again(struct connection *c, DWORD share)
{
	return PCSC(PCSC_BRIEF, SCardConnect(c->context, c->reader, share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
					&c->card, &c->protocol));
}

/*
 * Whom pcscd gives the card for itself is alone. SCardReconnect would wait for that for ever, and reset the card before
 * it looks who else is there. A program that has just been killed is gone for pcscd a moment later.
 */
static enum ukey_status pcsc_reset_alone(struct connection *c)
{
	LONG rv = PCSC(PCSC_BRIEF, SCardDisconnect(c->card, SCARD_LEAVE_CARD));

	if (rv == SCARD_S_SUCCESS)
		rv = connect_again(c, SCARD_SHARE_EXCLUSIVE);
	for (int ms = 0; rv == SCARD_E_SHARING_VIOLATION && ms < ALONE_PATIENCE; ms += STEP) {
		clock_sleep_ms(STEP);
		rv = connect_again(c, SCARD_SHARE_EXCLUSIVE);
	}
	if (rv != SCARD_S_SUCCESS && rv != SCARD_E_SHARING_VIOLATION)
		return status_of(rv);
	/* Not by SCardReconnect: coming from a card of one's own it leaves pcscd's lock on the reader, for all others.
	 */
	const bool alone = rv == SCARD_S_SUCCESS;
	if (alone)
		PCSC(PCSC_BRIEF, SCardDisconnect(c->card, SCARD_RESET_CARD));
	/* Who holds it for itself now has done what we wanted to do; it will not take long. */
	rv = connect_again(c, SCARD_SHARE_SHARED);
	for (int ms = 0; rv == SCARD_E_SHARING_VIOLATION && ms < BUSY_PATIENCE; ms += STEP) {
		clock_sleep_ms(STEP);
		rv = connect_again(c, SCARD_SHARE_SHARED);
	}
	if (rv == SCARD_S_SUCCESS)
		return alone ? UKEY_OK : UKEY_TOKEN_BUSY;
	return status_of(rv) == UKEY_TOKEN_BUSY ? UKEY_COMMUNICATION : status_of(rv);
}

static void pcsc_close(struct connection *c, bool reset)
{
	if (reset)
		PCSC(PCSC_BRIEF, SCardDisconnect(c->card, SCARD_RESET_CARD));
	/* This leaves the card, too. */
	PCSC(PCSC_BRIEF, SCardReleaseContext(c->context));
	free(c);
}

/* PC/SC part 10, 2.2 and 2.6.14: the control code of a feature of this reader; 0 when it has not got it. */
static DWORD feature(struct connection *c, uint8_t wanted)
{
	uint8_t buffer[256];
	DWORD len = 0;

	if (PCSC(PCSC_BRIEF, SCardControl(c->card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer,
				     &len)) != SCARD_S_SUCCESS ||
		len > sizeof buffer)
		return 0;
	struct cursor features = cursor_of(BYTES(buffer, len));
	while (features.left > 0 && !features.failed) {
		uint8_t tag = cursor_u8(&features), size = cursor_u8(&features);
		struct cursor value = cursor_of(cursor_take(&features, size));
		uint32_t code = cursor_u32(&value);
		if (tag == wanted && cursor_done(&value) && !features.failed)
			return code;
	}
	return 0;
}

static size_t little_endian(struct bytes b)
{
	struct cursor c = cursor_of(b);
	size_t v = 0;

	for (unsigned shift = 0; shift < 32 && c.left > 0; shift += 8)
		v |= (size_t)cursor_u8(&c) << shift;
	return v;
}

static size_t pcsc_max_apdu(struct connection *c)
{
	uint8_t buffer[256];
	DWORD len = 0, code = feature(c, FEATURE_GET_TLV_PROPERTIES);

	if (code == 0 ||
		PCSC(PCSC_BRIEF, SCardControl(c->card, code, NULL, 0, buffer, sizeof buffer, &len)) !=
			SCARD_S_SUCCESS ||
		len > sizeof buffer)
		return 0;
	struct cursor properties = cursor_of(BYTES(buffer, len));
	while (properties.left > 0 && !properties.failed) {
		uint8_t tag = cursor_u8(&properties), size = cursor_u8(&properties);
		struct bytes value = cursor_take(&properties, size);
		if (tag == PCSCv2_PART10_PROPERTY_dwMaxAPDUDataSize && !properties.failed)
			return little_endian(value);
	}
	return 0;
}

static enum ukey_status pcsc_begin(struct connection *c)
{
	return status_of(PCSC(PCSC_LONG, SCardBeginTransaction(c->card)));
}

static void pcsc_end(struct connection *c)
{
	PCSC(PCSC_BRIEF, SCardEndTransaction(c->card, SCARD_LEAVE_CARD));
}

/* A pulled card first looks like a broken one; pcscd polls, so give it a moment to say which. */
static enum ukey_status why_failed(struct connection *c)
{
	for (int ms = 0; ms < REMOVAL_NOTICE; ms += STEP) {
		DWORD state, protocol, name_len = 0, atr_len = 0;
		enum ukey_status status = status_of(
			PCSC(PCSC_BRIEF, SCardStatus(c->card, NULL, &name_len, &state, &protocol, NULL, &atr_len)));
		if (status == UKEY_TOKEN_REMOVED || status == UKEY_NO_SERVICE)
			return status;
		clock_sleep_ms(STEP);
	}
	return UKEY_COMMUNICATION;
}

/* Largest answer that pcsc-lite takes a buffer for. */
#define ANSWER_MAX (65536u + 2)

static LONG transmit(struct connection *c, struct bytes command, struct builder *answer)
{
	const SCARD_IO_REQUEST *pci = c->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	const size_t before = answer->len, room = answer->cap - before;
	DWORD len = (DWORD)(room < ANSWER_MAX ? room : ANSWER_MAX);
	const DWORD most = len;
	uint8_t *to = builder_room(answer, len);
	LONG rv = SCARD_E_INSUFFICIENT_BUFFER;

	if (to)
		rv = PCSC(PCSC_LONG, SCardTransmit(c->card, pci, command.data, (DWORD)command.len, NULL, to, &len));
	answer->len = before;
	if (rv == SCARD_E_INSUFFICIENT_BUFFER)
		answer->failed = true;
	else if (rv == SCARD_S_SUCCESS && len <= most)
		answer->len = before + len;
	return rv;
}

static enum ukey_status pcsc_transceive(struct connection *c, struct bytes command, struct builder *answer)
{
	const size_t before = answer->len;
	LONG rv = transmit(c, command, answer);

	/* Another program's transaction: it will not take long. */
	for (int ms = 0; rv == SCARD_E_SHARING_VIOLATION && ms < BUSY_PATIENCE; ms += STEP) {
		clock_sleep_ms(STEP);
		rv = transmit(c, command, answer);
	}
	if (rv == SCARD_E_INSUFFICIENT_BUFFER)
		return UKEY_OK;
	enum ukey_status status = status_of(rv);
	/* No answer has less than a status word: so some readers (vpcd's) say that the card went away in mid-command.
	 */
	if (status == UKEY_OK && answer->len < before + 2)
		status = UKEY_COMMUNICATION;
	return status == UKEY_COMMUNICATION ? why_failed(c) : status;
}

const struct transport_ops transport_pcsc = {
	.create = pcsc_create,
	.destroy = pcsc_destroy,
	.forked = pcsc_forked,
	.enumerate = pcsc_enumerate,
	.wait = pcsc_wait,
	.cancel = pcsc_cancel,
	.open = pcsc_open,
	.reopen = pcsc_reopen,
	.reset_alone = pcsc_reset_alone,
	.close = pcsc_close,
	.max_apdu = pcsc_max_apdu,
	.begin = pcsc_begin,
	.end = pcsc_end,
	.transceive = pcsc_transceive,
};
