/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers and tokens of this process: what came, what went, and waiting for it.
 *
 * A refresh compares the transport's list with the last one. Only a reader whose `events` differ, or whose answer was
 * not final (busy, or its token got lost since), is asked again who it is.
 */
#include "driver/context.h"

#include "driver/card/piv_object.h"
#include "driver/log.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

struct ukey *context_ref(struct ukey *u)
{
	atomic_fetch_add_explicit(&u->references, 1, memory_order_relaxed);
	return u;
}

void context_unref(struct ukey *u)
{
	if (atomic_fetch_sub_explicit(&u->references, 1, memory_order_acq_rel) != 1)
		return;
	pthread_cond_destroy(&u->changed);
	pthread_mutex_destroy(&u->lock);
	free(u);
}

static enum ukey_status context_new(struct ukey **out)
{
	struct ukey *u = calloc(1, sizeof *u);

	if (!u)
		return UKEY_MEMORY;
	if (pthread_mutex_init(&u->lock, NULL) != 0) {
		free(u);
		return UKEY_MEMORY;
	}
	if (pthread_cond_init(&u->changed, NULL) != 0) {
		pthread_mutex_destroy(&u->lock);
		free(u);
		return UKEY_MEMORY;
	}
	atomic_init(&u->references, 1);
	atomic_init(&u->forked, false);
	*out = u;
	return UKEY_OK;
}

enum ukey_status ukey_open(struct ukey **out)
{
	struct ukey *u = NULL;
	void *arg;
	enum ukey_status status = context_new(&u);

	if (status != UKEY_OK)
		return status;
	status = settings_load(&u->settings);
	/* Also when the configuration is wrong: somebody is looking for the reason. */
	log_open(u->settings.debug);
	if (status == UKEY_OK) {
		u->ops = transport_chosen(!u->settings.no_usb, &arg);
		status = u->ops->create(arg, &u->transport);
	}
	if (status == UKEY_OK)
		*out = u;
	else
		context_unref(u);
	return status;
}

/* Everybody out. A wait that has not got to the readers yet does not hear a cancel: hence again and again. */
static void let_out(struct ukey *u)
{
	pthread_mutex_lock(&u->lock);
	while (u->waits > 0 || u->refreshing) {
		struct timespec until;

		pthread_mutex_unlock(&u->lock);
		ukey_wait_cancel(u);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 10 * 1000 * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_mutex_lock(&u->lock);
		if (u->waits > 0 || u->refreshing)
			pthread_cond_timedwait(&u->changed, &u->lock, &until);
	}
	pthread_mutex_unlock(&u->lock);
}

void ukey_close(struct ukey *u)
{
	if (!u || atomic_load(&u->forked))
		return;
	let_out(u);
	for (size_t i = 0; i < u->token_count; i++) {
		token_seize(u->tokens[i]);
		token_release(u->tokens[i], true);
		token_end(u->tokens[i]);
		ukey_token_unref(u->tokens[i]);
	}
	free(u->tokens);
	free(u->readers);
	u->ops->destroy(u->transport);
	context_unref(u);
}

void ukey_depart(struct ukey *u)
{
	if (!u || atomic_load(&u->forked) || pthread_mutex_trylock(&u->lock) != 0)
		return;
	/* As a refresh of our own: nobody else changes the list of tokens meanwhile. */
	const bool ours = !u->refreshing;
	u->refreshing = true; /* it was, or it is ours */
	pthread_mutex_unlock(&u->lock);
	if (!ours)
		return;
	for (size_t i = 0; i < u->token_count; i++) {
		if (!token_try_seize(u->tokens[i]))
			continue;
		token_release(u->tokens[i], false);
		token_end(u->tokens[i]);
	}
	pthread_mutex_lock(&u->lock);
	u->refreshing = false;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
}

void ukey_forked(struct ukey *u)
{
	if (!u || atomic_exchange(&u->forked, true))
		return;
	log_forked();
	u->ops->forked(u->transport);
}

const char *ukey_setting_pinentry(const struct ukey *u)
{
	return u->settings.pinentry[0] ? u->settings.pinentry : NULL;
}

void context_lost(struct ukey *u)
{
	pthread_mutex_lock(&u->lock);
	u->refreshed = false;
	pthread_mutex_unlock(&u->lock);
}

/* ---- refresh ----------------------------------------------------------------------------------------------------- */

static struct reader *reader_named(struct reader *readers, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(readers[i].seen.name, name) == 0)
			return &readers[i];
	return NULL;
}

static struct ukey_token *token_with(struct ukey *u, const char *serial)
{
	for (size_t i = 0; i < u->token_count; i++)
		if (strcmp(u->tokens[i]->serial, serial) == 0)
			return u->tokens[i];
	return NULL;
}

static bool token_present(struct ukey_token *t)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return info.present;
}

static bool token_is_in(struct ukey_token *t, const char *reader)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return info.present && strcmp(info.reader, reader) == 0;
}

/* A token never seen before takes its place in the list. */
static enum ukey_status add_token(struct ukey *u, const struct answer *a, const char *reader, struct ukey_token **out)
{
	struct ukey_token **more = malloc((u->token_count + 1) * sizeof *more), **old = NULL;
	enum ukey_status status = more ? token_new(u, a, reader, out) : UKEY_MEMORY;

	if (status == UKEY_OK) {
		if (u->token_count > 0)
			memcpy(more, u->tokens, u->token_count * sizeof *more);
		more[u->token_count] = *out;
		pthread_mutex_lock(&u->lock);
		old = u->tokens;
		u->tokens = more;
		u->token_count++;
		pthread_mutex_unlock(&u->lock);
		more = NULL;
	}
	free(old);
	free(more);
	return status;
}

static enum ukey_status hold_link(void *ctx)
{
	return link_hold(ctx);
}

static void let_go_of_link(void *ctx)
{
	link_let_go(ctx);
}

static enum ukey_status send_link(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	return link_send(ctx, command, answer, sw);
}

/* Our own tokens say so in their ATR; where there is none to be seen, they are the likelier ones. */
static bool asks_for_ours_first(const struct card_memory *m)
{
	return m->atr_len == 0 || piv_family_of(BYTES(m->atr, m->atr_len)) == PIV_OWN_TOKEN;
}

static void remember(const struct ukey *u, const struct transport_reader *seen, struct card_memory *m)
{
	*m = (struct card_memory){.atr_len = seen->atr_len, .all_slots = u->settings.piv_all_slots};
	memcpy(m->reader, seen->name, sizeof m->reader);
	memcpy(m->atr, seen->atr, sizeof m->atr);
}

/* Who are you? A command for each application that it could be; one more only when another program reset it meanwhile.
 */
static enum ukey_status ask_for(const struct card_ops *card, struct link *l, struct answer *a)
{
	struct card_port port = {
		.send = send_link, .hold = hold_link, .let_go = let_go_of_link, .ctx = l, .memory = &a->memory};
	enum ukey_status status = card->select(&port, &a->info);

	if (status == UKEY_TOKEN_RESET) {
		status = link_reopen(l);
		if (status == UKEY_OK)
			status = card->select(&port, &a->info);
	}
	return status;
}

/* Whoever knows neither name is somebody else's, and is left alone after these two commands. */
static enum ukey_status ask(struct link *l, struct answer *a)
{
	const bool ours_first = asks_for_ours_first(&a->memory);

	a->card = ours_first ? &card_ukey : &card_piv;
	enum ukey_status status = ask_for(a->card, l, a);
	if (status == UKEY_FOREIGN_CARD) {
		a->card = ours_first ? &card_piv : &card_ukey;
		status = ask_for(a->card, l, a);
	}
	return status;
}

/* The reader's card answered as ours. Takes the link over. */
static enum ukey_status found(struct ukey *u, struct reader *r, struct link *l, const struct answer *a)
{
	struct ukey_token *t = token_with(u, a->info.token.serial);
	enum ukey_status status = UKEY_OK;

	/* A card of another kind that bears a number of one that was here. */
	if (t && t->card != a->card) {
		log_text("%s: left alone: its number is another token's", r->seen.name);
		link_close(l, false);
		r->state = UKEY_READER_FOREIGN;
		return UKEY_OK;
	}

	if (!t)
		status = add_token(u, a, r->seen.name, &t);
	/*
	 * One token cannot be in two readers: the first stays. But a USB device that we gave back, and that pcscd has
	 * taken since, is now the reader's.
	 */
	bool twice = status == UKEY_OK && t->seen == u->refreshes && (r->seen.usb || !token_rests_on_usb(t));
	if (status != UKEY_OK || twice) {
		link_close(l, false);
	} else {
		t->seen = u->refreshes;
		token_adopt(t, l, a, &r->seen);
	}
	if (status == UKEY_OK) {
		r->token = t;
		r->state = UKEY_READER_TOKEN;
	}
	return status;
}

/* UKEY_OK unless memory or the service is gone; the rest is the reader's state. */
static enum ukey_status look(struct ukey *u, struct reader *r)
{
	struct link *l = NULL;
	struct answer a;
	enum ukey_status status = link_open(u->ops, u->transport, r->seen.name, u->settings.no_extended, &l);

	remember(u, &r->seen, &a.memory);
	if (status == UKEY_OK)
		status = ask(l, &a);
	r->looked = true;
	/* One device that is not ours to open says nothing of all others. */
	if (r->seen.usb && status == UKEY_NO_PERMISSION) {
		r->state = UKEY_READER_DENIED;
		r->looked = false;
		link_close(l, false);
		return UKEY_OK;
	}
	switch (status) {
	case UKEY_OK:
		return found(u, r, l, &a);
	case UKEY_MEMORY:
	case UKEY_NO_SERVICE:
	case UKEY_NO_PERMISSION:
		break;
	case UKEY_TOKEN_BUSY:
		r->state = UKEY_READER_BUSY;
		r->looked = false;
		status = UKEY_OK;
		break;
	case UKEY_TOKEN_REMOVED:
	case UKEY_TOKEN_RESET:
		r->state = UKEY_READER_EMPTY;
		r->looked = false;
		status = UKEY_OK;
		break;
	case UKEY_COMMUNICATION:
		r->state = UKEY_READER_MUTE;
		status = UKEY_OK;
		break;
	default:
		/* Not ours, or not in a way that we understand: left alone until it is taken out. */
		log_text("%s: not ours (%s)", r->seen.name, ukey_status_name(status));
		r->state = UKEY_READER_FOREIGN;
		status = UKEY_OK;
		break;
	}
	link_close(l, false);
	return status;
}

/* What was known of it still holds. */
static bool carry_over(struct ukey *u, struct reader *now, bool valid)
{
	const struct reader *before = valid ? reader_named(u->readers, u->reader_count, now->seen.name) : NULL;

	now->ignored = settings_ignores(&u->settings, now->seen.name);
	now->state = now->seen.mute ? UKEY_READER_MUTE : UKEY_READER_EMPTY;
	now->looked = now->ignored || !now->seen.present || now->seen.mute;
	if (now->looked)
		return true;
	if (!before || !before->looked || !before->seen.present || before->seen.events != now->seen.events)
		return false;
	if (before->token && !token_present(before->token))
		return false;
	now->state = before->state;
	now->token = before->token;
	now->looked = true;
	if (now->token && token_is_in(now->token, now->seen.name))
		now->token->seen = u->refreshes;
	return true;
}

/*
 * A token that was found in another reader just now, and its own USB device: whoever drives the reader drives the
 * device. Which serial number a device has, it says itself; who says another's is not looked at while that one is here.
 */
static bool is_twin(struct ukey *u, const struct reader *r)
{
	struct ukey_token *t = r->seen.usb && r->seen.serial[0] ? token_with(u, r->seen.serial) : NULL;

	return t && t->seen == u->refreshes;
}

/* What was carried over of a USB device holds no more when its token was just found in a reader. */
static void leave_to_reader(struct reader *r)
{
	struct ukey_token_info info;

	if (!r->seen.usb || !r->token)
		return;
	ukey_token_info(r->token, &info);
	if (info.road == UKEY_ROAD_USB)
		return;
	r->twin = true;
	r->token = NULL;
	r->state = UKEY_READER_EMPTY;
	r->looked = false;
}

static enum ukey_status look_at_all(struct ukey *u, struct reader *readers, size_t count, bool valid)
{
	enum ukey_status status = UKEY_OK;

	for (size_t i = 0; i < count; i++)
		carry_over(u, &readers[i], valid);
	for (size_t i = 0; i < count && status == UKEY_OK; i++) {
		/* Of two cards that say they are the same token one was left aside, until the other has gone. */
		const bool aside = readers[i].token && readers[i].token->seen != u->refreshes;
		if (readers[i].looked && !aside)
			continue;
		readers[i].token = NULL;
		readers[i].twin = is_twin(u, &readers[i]);
		if (!readers[i].twin)
			status = look(u, &readers[i]);
	}
	for (size_t i = 0; i < count; i++)
		leave_to_reader(&readers[i]);
	return status;
}

/* Tokens that no reader has any more. */
static void drop_missing(struct ukey *u)
{
	for (size_t i = 0; i < u->token_count; i++)
		if (u->tokens[i]->seen != u->refreshes)
			token_gone(u->tokens[i]);
}

static void publish(struct ukey *u, struct reader *readers, size_t count, enum ukey_status outcome, bool complete)
{
	pthread_mutex_lock(&u->lock);
	free(u->readers);
	u->readers = readers;
	u->reader_count = count;
	u->outcome = outcome;
	u->refreshed = complete;
	for (size_t i = 0; i < u->token_count; i++)
		u->tokens[i]->listed = u->tokens[i]->seen == u->refreshes;
	pthread_mutex_unlock(&u->lock);
}

static enum ukey_status list_readers(struct ukey *u, struct reader **out, size_t *count)
{
	struct transport_reader *list = NULL;
	enum ukey_status status = u->ops->enumerate(u->transport, &list, count);

	if (status != UKEY_OK)
		return status;
	*out = calloc(*count ? *count : 1, sizeof **out);
	for (size_t i = 0; *out && i < *count; i++)
		(*out)[i].seen = list[i];
	free(list);
	return *out ? UKEY_OK : UKEY_MEMORY;
}

static enum ukey_status refresh(struct ukey *u, bool valid)
{
	struct reader *readers = NULL;
	size_t count = 0;
	enum ukey_status status = list_readers(u, &readers, &count);

	if (status == UKEY_MEMORY)
		return status;
	u->refreshes++;
	if (status == UKEY_OK)
		status = look_at_all(u, readers, count, valid);
	if (status == UKEY_MEMORY) {
		/* Half a look is none: what the last whole one saw stands, and what differs from it is asked again. */
		free(readers);
		return status;
	}
	if (status != UKEY_OK) {
		free(readers);
		readers = NULL;
		count = 0;
		u->refreshes++; /* whatever was just seen is out of reach */
	}
	drop_missing(u);
	publish(u, readers, count, status, true);
	return status;
}

enum ukey_status ukey_refresh(struct ukey *u)
{
	pthread_mutex_lock(&u->lock);
	while (u->refreshing)
		pthread_cond_wait(&u->changed, &u->lock);
	u->refreshing = true;
	const bool valid = u->refreshed;
	pthread_mutex_unlock(&u->lock);
	enum ukey_status status = refresh(u, valid);
	pthread_mutex_lock(&u->lock);
	u->refreshing = false;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
	return status;
}

/* ---- what the last refresh saw ----------------------------------------------------------------------------------- */

enum ukey_status ukey_tokens(struct ukey *u, struct ukey_token ***list, size_t *count)
{
	struct ukey_token **found_ones;
	size_t n = 0;

	pthread_mutex_lock(&u->lock);
	found_ones = malloc((u->token_count ? u->token_count : 1) * sizeof *found_ones);
	for (size_t i = 0; found_ones && i < u->token_count; i++)
		if (u->tokens[i]->listed)
			found_ones[n++] = ukey_token_ref(u->tokens[i]);
	pthread_mutex_unlock(&u->lock);
	if (!found_ones)
		return UKEY_MEMORY;
	*list = found_ones;
	*count = n;
	return UKEY_OK;
}

void ukey_tokens_free(struct ukey_token **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		ukey_token_unref(list[i]);
	free(list);
}

enum ukey_status ukey_readers(struct ukey *u, struct ukey_reader_info **list, size_t *count)
{
	struct ukey_reader_info *infos;
	size_t n = 0;

	pthread_mutex_lock(&u->lock);
	infos = calloc(u->reader_count ? u->reader_count : 1, sizeof *infos);
	for (size_t i = 0; infos && i < u->reader_count; i++) {
		const struct reader *r = &u->readers[i];
		if (r->ignored || r->twin)
			continue;
		memcpy(infos[n].name, r->seen.name, sizeof infos[n].name);
		infos[n].state = r->state;
		infos[n].road = r->seen.usb ? UKEY_ROAD_USB : UKEY_ROAD_PCSC;
		if (r->token)
			memcpy(infos[n].serial, r->token->serial, sizeof infos[n].serial);
		n++;
	}
	pthread_mutex_unlock(&u->lock);
	if (!infos)
		return UKEY_MEMORY;
	*list = infos;
	*count = n;
	return UKEY_OK;
}

bool ukey_reader_holder(struct ukey *u, const char *reader, struct ukey_holder *out)
{
	return u->ops->holder && u->ops->holder(u->transport, reader, out);
}

/* ---- wait -------------------------------------------------------------------------------------------------------- */

/* A copy of what the last refresh saw; *known is false when it says nothing any more. */
static enum ukey_status copy_known(
	struct ukey *u, struct transport_reader **out, size_t *count, enum ukey_status *outcome, bool *known)
{
	struct transport_reader *list = NULL;

	pthread_mutex_lock(&u->lock);
	*known = u->refreshed;
	*outcome = u->outcome;
	*count = u->reader_count;
	list = malloc((u->reader_count ? u->reader_count : 1) * sizeof *list);
	for (size_t i = 0; list && i < u->reader_count; i++) {
		list[i] = u->readers[i].seen;
		/*
		 * A busy reader is worth another look as soon as nobody holds it for itself, and a USB device as soon
		 * as it may be opened: that often comes a moment after the device.
		 */
		list[i].exclusive = u->readers[i].state == (list[i].usb ? UKEY_READER_DENIED : UKEY_READER_BUSY);
	}
	if (list)
		u->waits++;
	pthread_mutex_unlock(&u->lock);
	*out = list;
	return list ? UKEY_OK : UKEY_MEMORY;
}

enum ukey_status ukey_wait(struct ukey *u, int milliseconds)
{
	struct transport_reader *known;
	enum ukey_status outcome, status;
	size_t count;
	bool valid;

	status = copy_known(u, &known, &count, &outcome, &valid);
	if (status != UKEY_OK)
		return status;
	if (valid)
		status = u->ops->wait(u->transport, outcome, known, count, milliseconds);
	free(known);
	pthread_mutex_lock(&u->lock);
	u->waits--;
	pthread_cond_broadcast(&u->changed);
	pthread_mutex_unlock(&u->lock);
	return status;
}

void ukey_wait_cancel(struct ukey *u)
{
	u->ops->cancel(u->transport);
}
