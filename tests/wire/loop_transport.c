/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/loop_transport.h"

#include "driver/transport/transport.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct transport {
	struct loop *loop;
};

struct connection {
	struct loop *loop;
	struct loop_reader *reader;
	uint32_t events, resets, epoch;
};

/* ---- for the test ------------------------------------------------------------------------------------------------ */

static void must(bool ok)
{
	if (!ok)
		abort();
}

static const struct transport_ops loop_ops;

struct loop *loop_new(unsigned readers)
{
	struct loop *l = calloc(1, sizeof *l);
	pthread_condattr_t attr;

	must(l && readers <= LOOP_READERS);
	must(pthread_mutex_init(&l->lock, NULL) == 0 && pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0 && pthread_cond_init(&l->changed, &attr) == 0);
	pthread_condattr_destroy(&attr);
	for (unsigned i = 0; i < LOOP_READERS; i++) {
		must(pthread_mutex_init(&l->readers[i].working, NULL) == 0);
		l->readers[i].there = i < readers;
	}
	transport_use(&loop_ops, l);
	return l;
}

void loop_free(struct loop *l)
{
	transport_use(NULL, NULL);
	for (unsigned i = 0; i < LOOP_READERS; i++)
		pthread_mutex_destroy(&l->readers[i].working);
	pthread_cond_destroy(&l->changed);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

void loop_plug(struct loop *l, unsigned reader, struct ramtoken *t)
{
	struct loop_reader *r = &l->readers[reader];

	pthread_mutex_lock(&r->working);
	if (t)
		ramtoken_power_cycle(t);
	pthread_mutex_lock(&l->lock);
	r->token = t;
	r->present = true;
	r->events++;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&r->working);
}

void loop_unplug(struct loop *l, unsigned reader)
{
	pthread_mutex_lock(&l->lock);
	l->readers[reader].present = false;
	l->readers[reader].events++;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void loop_reset(struct loop *l, unsigned reader)
{
	struct loop_reader *r = &l->readers[reader];

	pthread_mutex_lock(&r->working);
	if (r->token)
		ramtoken_power_cycle(r->token);
	pthread_mutex_lock(&l->lock);
	r->resets++;
	pthread_mutex_unlock(&l->lock);
	pthread_mutex_unlock(&r->working);
}

void loop_reader_there(struct loop *l, unsigned reader, bool there)
{
	pthread_mutex_lock(&l->lock);
	l->readers[reader].there = there;
	l->readers[reader].events++;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

void loop_service(struct loop *l, enum ukey_status status)
{
	pthread_mutex_lock(&l->lock);
	l->service = status;
	l->epoch++;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
}

/* ---- transport_ops ----------------------------------------------------------------------------------------------- */

static enum ukey_status loop_create(void *arg, struct transport **out)
{
	*out = malloc(sizeof **out);
	if (!*out)
		return UKEY_MEMORY;
	(*out)->loop = arg;
	return UKEY_OK;
}

static void loop_destroy(struct transport *t)
{
	free(t);
}

static void loop_forked(struct transport *t)
{
	(void)t;
}

static size_t describe_locked(struct loop *l, struct transport_reader list[LOOP_READERS])
{
	size_t n = 0;

	for (unsigned i = 0; i < LOOP_READERS; i++) {
		const struct loop_reader *r = &l->readers[i];
		if (!r->there)
			continue;
		list[n] = (struct transport_reader){.events = (uint64_t)l->epoch << 32 | r->events,
			.present = r->present,
			.mute = r->present && r->mute,
			.exclusive = r->exclusive};
		if (r->present && r->token && !r->foreign && r->token->atr.len <= sizeof list[n].atr) {
			bytes_copy(list[n].atr, r->token->atr);
			list[n].atr_len = r->token->atr.len;
		}
		snprintf(list[n++].name, READER_NAME_MAX, "Loop %02u", i);
	}
	return n;
}

static enum ukey_status loop_enumerate(struct transport *t, struct transport_reader **list, size_t *count)
{
	struct transport_reader *all = calloc(LOOP_READERS, sizeof *all);

	if (!all)
		return UKEY_MEMORY;
	pthread_mutex_lock(&t->loop->lock);
	enum ukey_status status = t->loop->service;
	size_t n = describe_locked(t->loop, all);
	pthread_mutex_unlock(&t->loop->lock);
	if (status != UKEY_OK) {
		free(all);
		return status;
	}
	*list = all;
	*count = n;
	return UKEY_OK;
}

static bool differs_locked(struct loop *l, enum ukey_status outcome, const struct transport_reader *known, size_t count)
{
	struct transport_reader now[LOOP_READERS] = {0};
	size_t n = describe_locked(l, now), same = 0;

	if (l->service != outcome)
		return true;
	if (outcome != UKEY_OK)
		return false;
	for (size_t i = 0; i < n && i < count; i++)
		same += strcmp(now[i].name, known[i].name) == 0 && now[i].events == known[i].events &&
			now[i].mute == known[i].mute && (!known[i].exclusive || now[i].exclusive);
	return n != count || same != n;
}

static enum ukey_status loop_wait(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
	size_t count, int milliseconds)
{
	struct loop *l = t->loop;
	struct timespec until;
	enum ukey_status status = UKEY_TIMEOUT;
	bool over = milliseconds == 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)(milliseconds % 1000) * 1000000;
	until.tv_sec += milliseconds / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&l->lock);
	const unsigned cancels = l->cancels;
	l->waiting++;
	for (;;) {
		if (l->cancels != cancels)
			status = UKEY_CANCELLED;
		else if (differs_locked(l, outcome, known, count))
			status = UKEY_OK;
		if (over || status != UKEY_TIMEOUT)
			break;
		over = milliseconds >= 0 && pthread_cond_timedwait(&l->changed, &l->lock, &until) != 0;
		if (milliseconds < 0)
			pthread_cond_wait(&l->changed, &l->lock);
	}
	l->waiting--;
	pthread_cond_broadcast(&l->changed);
	pthread_mutex_unlock(&l->lock);
	return status;
}

static void loop_cancel(struct transport *t)
{
	struct loop *l = t->loop;

	pthread_mutex_lock(&l->lock);
	l->cancels++;
	pthread_cond_broadcast(&l->changed);
	while (l->waiting > 0)
		pthread_cond_wait(&l->changed, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static struct loop_reader *reader_named(struct loop *l, const char *name)
{
	char own[READER_NAME_MAX];

	for (unsigned i = 0; i < LOOP_READERS; i++) {
		snprintf(own, sizeof own, "Loop %02u", i);
		if (strcmp(own, name) == 0)
			return &l->readers[i];
	}
	return NULL;
}

static enum ukey_status openable_locked(const struct loop *l, const struct loop_reader *r)
{
	if (l->service != UKEY_OK)
		return l->service;
	if (!r || !r->there || !r->present)
		return UKEY_TOKEN_REMOVED;
	if (r->mute)
		return UKEY_COMMUNICATION;
	return r->exclusive ? UKEY_TOKEN_BUSY : UKEY_OK;
}

static enum ukey_status loop_open(struct transport *t, const char *name, struct connection **out)
{
	struct loop_reader *r = reader_named(t->loop, name);
	struct connection *c = calloc(1, sizeof *c);

	if (!c)
		return UKEY_MEMORY;
	pthread_mutex_lock(&t->loop->lock);
	enum ukey_status status = openable_locked(t->loop, r);
	if (status == UKEY_OK) {
		r->opens++;
		r->connections++;
		*c = (struct connection){.loop = t->loop,
			.reader = r,
			.events = r->events,
			.resets = r->resets,
			.epoch = t->loop->epoch};
		*out = c;
		c = NULL;
	}
	pthread_mutex_unlock(&t->loop->lock);
	free(c);
	return status;
}

static void loop_close(struct connection *c, bool reset)
{
	struct loop_reader *r = c->reader;

	pthread_mutex_lock(&c->loop->lock);
	reset = reset && r->present && r->events == c->events;
	r->closes++;
	r->closing_resets += reset;
	r->connections--;
	pthread_mutex_unlock(&c->loop->lock);
	if (reset)
		loop_reset(c->loop, (unsigned)(r - c->loop->readers));
	free(c);
}

/* Is the connection still one to the card that it was opened to? */
static enum ukey_status alive(struct connection *c)
{
	pthread_mutex_lock(&c->loop->lock);
	const struct loop_reader *r = c->reader;
	enum ukey_status status = c->loop->service != UKEY_OK             ? c->loop->service
				  : c->loop->epoch != c->epoch            ? UKEY_NO_SERVICE
				  : !r->present || r->events != c->events ? UKEY_TOKEN_REMOVED
				  : r->resets != c->resets                ? UKEY_TOKEN_RESET
									  : UKEY_OK;
	pthread_mutex_unlock(&c->loop->lock);
	return status;
}

static enum ukey_status loop_reopen(struct connection *c)
{
	enum ukey_status status;

	pthread_mutex_lock(&c->loop->lock);
	c->resets = c->reader->resets;
	pthread_mutex_unlock(&c->loop->lock);
	status = alive(c);
	return status;
}

static enum ukey_status loop_reset_alone(struct connection *c)
{
	pthread_mutex_lock(&c->loop->lock);
	bool alone = c->reader->connections == 1;
	pthread_mutex_unlock(&c->loop->lock);
	enum ukey_status status = alone ? alive(c) : UKEY_TOKEN_BUSY;

	if (status != UKEY_OK)
		return status;
	loop_reset(c->loop, (unsigned)(c->reader - c->loop->readers));
	return loop_reopen(c);
}

static size_t loop_max_apdu(struct connection *c)
{
	return c->reader->max_apdu;
}

static enum ukey_status loop_begin(struct connection *c)
{
	c->reader->begins++;
	return alive(c);
}

static void loop_end(struct connection *c)
{
	(void)c;
}

static bool due(unsigned *countdown)
{
	return *countdown > 0 && --*countdown == 0;
}

static void sleep_ms(unsigned ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};

	if (ms > 0)
		nanosleep(&t, NULL);
}

static bool is_extended(struct bytes command)
{
	struct apdu a;

	return apdu_parse(command, &a) && a.extended;
}

/* ramhal's chips share a pool of ready keys. */
static pthread_mutex_t chips = PTHREAD_MUTEX_INITIALIZER;

/* The card's own work. UKEY_TOKEN_REMOVED: power was cut inside. */
static enum ukey_status work(struct loop_reader *r, struct bytes command, struct builder *answer)
{
	static const uint8_t not_found[] = {0x6A, 0x82};
	const size_t before = answer->len;
	const struct bytes sent = command;
	uint8_t *altered = NULL;

	if (r->alter && (altered = malloc(command.len)) != NULL) {
		struct builder b = builder_of(altered, command.len);
		builder_put(&b, command);
		r->alter(r->falsify_arg, &b);
		command = builder_bytes(&b);
	}
	pthread_mutex_lock(&chips);
	struct bytes said = r->foreign || !r->token ? BYTES_OF(not_found) : ramtoken_transceive(r->token, command);
	pthread_mutex_unlock(&chips);
	free(altered);
	if (!said.data)
		return UKEY_TOKEN_REMOVED;
	builder_put(answer, said);
	if (r->falsify && !answer->failed && before == 0)
		r->falsify(r->falsify_arg, sent, answer);
	return UKEY_OK;
}

static enum ukey_status loop_transceive(struct connection *c, struct bytes command, struct builder *answer)
{
	struct loop_reader *r = c->reader;
	enum ukey_status status;

	pthread_mutex_lock(&r->working);
	bool reset = due(&r->reset_at);
	pthread_mutex_unlock(&r->working);
	if (reset)
		loop_reset(c->loop, (unsigned)(r - c->loop->readers));
	pthread_mutex_lock(&r->working);
	bool pulled = due(&r->unplug_at);
	sleep_ms(r->delay_ms);
	if (pulled && r->pull == LOOP_BEFORE)
		loop_unplug(c->loop, (unsigned)(r - c->loop->readers));
	status = alive(c);
	if (status == UKEY_OK && due(&r->busy_at))
		status = UKEY_TOKEN_BUSY;
	if (status == UKEY_OK && r->short_only && is_extended(command))
		status = UKEY_COMMUNICATION;
	if (status == UKEY_OK) {
		r->apdus++;
		status = work(r, command, answer);
	}
	if (pulled && r->pull == LOOP_AFTER)
		loop_unplug(c->loop, (unsigned)(r - c->loop->readers));
	if (status == UKEY_OK)
		status = alive(c);
	pthread_mutex_unlock(&r->working);
	return status;
}

static const struct transport_ops loop_ops = {
	.create = loop_create,
	.destroy = loop_destroy,
	.forked = loop_forked,
	.enumerate = loop_enumerate,
	.wait = loop_wait,
	.cancel = loop_cancel,
	.open = loop_open,
	.reopen = loop_reopen,
	.reset_alone = loop_reset_alone,
	.close = loop_close,
	.max_apdu = loop_max_apdu,
	.begin = loop_begin,
	.end = loop_end,
	.transceive = loop_transceive,
};
