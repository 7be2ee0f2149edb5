/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/token.h"

#include "driver/context.h"
#include "driver/directory.h"
#include "driver/log.h"
#include "driver/protect.h"

#include <stdlib.h>
#include <string.h>

/* ---- life -------------------------------------------------------------------------------------------------------- */

static enum ukey_status send_recovering(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw);
static enum ukey_status hold_recovering(void *ctx);
static void let_go(void *ctx);
static void keep(void *ctx, struct bytes certificate);

enum ukey_status token_new(struct ukey *u, const struct answer *a, const char *reader, struct ukey_token **out)
{
	struct ukey_token *t = calloc(1, sizeof *t);

	if (!t)
		return UKEY_MEMORY;
	if (pthread_mutex_init(&t->lock, NULL) != 0) {
		free(t);
		return UKEY_MEMORY;
	}
	t->ukey = context_ref(u);
	t->card = a->card;
	t->port = (struct card_port){.send = send_recovering,
		.hold = hold_recovering,
		.let_go = let_go,
		.keep = keep,
		.ctx = t,
		.memory = &t->memory};
	atomic_init(&t->references, 1);
	memcpy(t->serial, a->info.token.serial, sizeof t->serial);
	t->info = a->info.token;
	strncpy(t->info.reader, reader, sizeof t->info.reader - 1);
	*out = t;
	return UKEY_OK;
}

static void token_free(struct ukey_token *t)
{
	struct ukey *u = t->ukey;

	/* After a fork the links are the parent's: their memory goes, and nothing is sent. */
	if (atomic_load(&u->forked)) {
		link_forget(t->link);
		link_forget(t->incoming);
	} else {
		link_close(t->link, false);
		link_close(t->incoming, false);
	}
	channel_free(t->channel);
	free(t->chain);
	ukey_directory_unref(t->directory);
	token_forget_certificates(t);
	free(t->attestation_chain);
	pthread_mutex_destroy(&t->lock);
	free(t);
	context_unref(u);
}

struct ukey_token *ukey_token_ref(struct ukey_token *t)
{
	atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
	return t;
}

void ukey_token_unref(struct ukey_token *t)
{
	if (t && atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) == 1)
		token_free(t);
}

/* ---- what is known ----------------------------------------------------------------------------------------------- */

/* What this card did not say, because it never does, is what it was. */
static void keep_locked(struct ukey_token *t, const struct ukey_token_info *before)
{
	if (t->info.user_pin.tries_max == 0)
		t->info.user_pin = before->user_pin;
	if (t->info.user_pin.tries_max < before->user_pin.tries_max)
		t->info.user_pin.tries_max = before->user_pin.tries_max;
	if (t->info.so_pin.tries_max == 0)
		t->info.so_pin = before->so_pin;
	t->info.generation = before->generation;
	memcpy(t->info.digest, before->digest, sizeof t->info.digest);
}

static void set_info_locked(struct ukey_token *t, const struct card_info *info)
{
	char reader[sizeof t->info.reader];
	const bool present = t->info.present;
	const enum ukey_role role = t->info.role;
	const enum ukey_genuine genuine = t->info.genuine;
	const bool channel = t->info.channel;
	const enum ukey_road road = t->info.road;
	const unsigned plugged = t->info.plugged;
	const struct ukey_token_info before = t->info;

	memcpy(reader, t->info.reader, sizeof reader);
	t->info = info->token;
	memcpy(t->info.reader, reader, sizeof reader);
	t->info.road = road;
	t->info.plugged = plugged;
	t->info.present = present;
	t->info.channel = channel;
	/* What was proved, or failed to be, is not for the token to say. */
	if (genuine == UKEY_GENUINE_YES || genuine == UKEY_GENUINE_NO)
		t->info.genuine = genuine;
	/* A role is ours only when we logged in and the card still says so. */
	t->info.role = (role == UKEY_USER && info->user_verified) || (role == UKEY_SO && info->so_verified)
			       ? role
			       : UKEY_NOBODY;
	t->max_command = info->max_command;
	t->max_answer = info->max_answer;
	if (t->card->tells_nothing) {
		keep_locked(t, &before);
		fresh_selected_locked(t, info);
		return;
	}
	t->told = true;
	t->stale = !t->directory || memcmp(directory_digest(t->directory), t->info.digest, 32) != 0;
}

/* What the card's own information tells of lengths; of a card that says nothing, nothing is known. */
static void set_link(struct link *l, const struct card_ops *card, const struct card_info *info)
{
	link_set_limits(l, info->max_command, info->max_answer);
	if (card->tells_nothing)
		link_doubt_extended(l);
}

void token_set_info(struct ukey_token *t, const struct card_info *info)
{
	pthread_mutex_lock(&t->lock);
	set_info_locked(t, info);
	pthread_mutex_unlock(&t->lock);
	if (t->link)
		set_link(t->link, t->card, info);
	t->port.max_answer = info->max_answer;
}

void token_set_role(struct ukey_token *t, enum ukey_role role)
{
	pthread_mutex_lock(&t->lock);
	t->info.role = role;
	pthread_mutex_unlock(&t->lock);
}

void token_generation(struct ukey_token *t, uint32_t generation, bool ours)
{
	pthread_mutex_lock(&t->lock);
	/* After a write of ours the directory is another one even when nobody else wrote. */
	if (ours || generation != t->info.generation)
		token_stale_locked(t);
	t->info.generation = generation;
	pthread_mutex_unlock(&t->lock);
}

enum ukey_status token_outcome(struct ukey_token *t, enum ukey_status s)
{
	const bool deselected = t->memory.deselected;

	if (deselected) {
		t->memory.deselected = false;
		token_set_role(t, UKEY_NOBODY);
	}
	/*
	 * 6982 though we are logged in: the log-in ended behind our back (another program logged out). Inside a channel
	 * nobody can, and the token was asked what it says of it.
	 */
	if (s == UKEY_NOT_LOGGED_IN && t->port.sw == SW_SECURITY_STATUS && !t->channel) {
		/* Or it stands, on a PIV card, and this key wants the PIN each time without anything that says so. */
		if (t->card->tells_nothing && !deselected && token_require(t, UKEY_USER) == UKEY_OK)
			t->uncertain = true;
		token_set_role(t, UKEY_NOBODY);
	}
	return s;
}

enum ukey_status token_require(struct ukey_token *t, enum ukey_role role)
{
	pthread_mutex_lock(&t->lock);
	bool in = t->info.role == role;
	pthread_mutex_unlock(&t->lock);
	return in ? UKEY_OK : UKEY_NOT_LOGGED_IN;
}

enum ukey_status token_require_any(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	bool in = t->info.role != UKEY_NOBODY;
	pthread_mutex_unlock(&t->lock);
	return in ? UKEY_OK : UKEY_NOT_LOGGED_IN;
}

void ukey_token_info(struct ukey_token *t, struct ukey_token_info *out)
{
	pthread_mutex_lock(&t->lock);
	*out = t->info;
	pthread_mutex_unlock(&t->lock);
}

uint64_t ukey_token_commands(struct ukey_token *t)
{
	return atomic_load_explicit(&t->commands, memory_order_relaxed);
}

bool ukey_token_supports(struct ukey_token *t, enum ukey_algorithm a)
{
	const struct algorithm *alg = algorithm_of(a);

	pthread_mutex_lock(&t->lock);
	bool can = alg && (t->info.algorithms & alg->bit);
	pthread_mutex_unlock(&t->lock);
	return can;
}

/* ---- links ------------------------------------------------------------------------------------------------------- */

void token_count_commands(struct ukey_token *t)
{
	atomic_fetch_add_explicit(&t->commands, link_take_count(t->link), memory_order_relaxed);
}

/* The bare link: for SELECT, for opening a channel, and for what must not recover. */
enum ukey_status token_send_bare(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	struct ukey_token *t = ctx;
	enum ukey_status status = link_send(t->link, command, answer, sw);

	token_count_commands(t);
	return status;
}

/* The channel goes with the link: to what is found at its end another time it has to be opened anew. */
static void drop_link(struct ukey_token *t, bool reset)
{
	if (t->channel)
		protect_drop(t);
	link_close(t->link, reset || t->uncertain || t->memory.manager);
	t->link = NULL;
	t->uncertain = t->memory.manager = false;
}

/* The owner found it gone. A link that came in meanwhile means that it is back already. */
static void lost(struct ukey_token *t)
{
	drop_link(t, false);
	t->channel_wanted = false;
	pthread_mutex_lock(&t->lock);
	if (!t->incoming)
		t->info.present = false;
	t->info.role = UKEY_NOBODY;
	pthread_mutex_unlock(&t->lock);
}

void token_gone(struct ukey_token *t)
{
	struct link *incoming;

	pthread_mutex_lock(&t->lock);
	incoming = t->incoming;
	t->incoming = NULL;
	t->info.present = false;
	t->info.role = UKEY_NOBODY;
	/* Nobody works with it: its link is of no more use, and costs a connection. */
	const bool own = turn_try(&t->turn);
	pthread_mutex_unlock(&t->lock);
	link_close(incoming, false);
	if (own) {
		drop_link(t, false);
		t->channel_wanted = false;
		token_end(t);
	}
}

/* Out and in again between two looks is one too: what belonged to the time before is over. */
static void count_plug_locked(struct ukey_token *t, const struct transport_reader *seen)
{
	if (t->info.plugged == 0 || !t->info.present || t->events != seen->events ||
		strcmp(t->info.reader, seen->name) != 0)
		t->info.plugged++;
	t->events = seen->events;
	memcpy(t->info.reader, seen->name, sizeof t->info.reader);
}

void token_adopt(struct ukey_token *t, struct link *l, const struct answer *a, const struct transport_reader *seen)
{
	struct link *old;
	uint64_t commands = link_take_count(l);

	set_link(l, a->card, &a->info);
	pthread_mutex_lock(&t->lock);
	old = t->incoming;
	t->incoming = l;
	t->incoming_memory = a->memory;
	t->info.channel = false;
	t->info.genuine = a->info.token.genuine;
	/* What was known of PINs is of the time before. */
	t->info.user_pin = a->info.token.user_pin;
	t->info.so_pin = a->info.token.so_pin;
	set_info_locked(t, &a->info);
	if (a->card->tells_nothing)
		fresh_came_locked(t);
	count_plug_locked(t, seen);
	t->info.present = true;
	t->info.road = seen->usb ? UKEY_ROAD_USB : UKEY_ROAD_PCSC;
	atomic_fetch_add_explicit(&t->commands, commands, memory_order_relaxed);
	pthread_mutex_unlock(&t->lock);
	link_close(old, false);
}

bool token_rests_on_usb(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	/* Whoever owns it has, or is about to have, its device; the link is the owner's, and there is none. */
	bool rests = t->info.road == UKEY_ROAD_USB && turn_free(&t->turn) && !t->link && !t->incoming;
	pthread_mutex_unlock(&t->lock);
	return rests;
}

static enum ukey_status hold_bare(void *ctx)
{
	struct ukey_token *t = ctx;

	return link_hold(t->link);
}

/* The link may have gone in between, and what it held with it. */
static void let_go(void *ctx)
{
	struct ukey_token *t = ctx;

	if (t->link)
		link_let_go(t->link);
}

static struct card_port bare_port(struct ukey_token *t)
{
	return (struct card_port){.send = token_send_bare,
		.hold = hold_bare,
		.let_go = let_go,
		.ctx = t,
		.memory = &t->memory,
		.max_answer = t->port.max_answer};
}

/* SELECT on the link that is there; it must be the same token. */
static enum ukey_status select_again(struct ukey_token *t)
{
	struct card_port bare = bare_port(t);
	struct card_info info;
	enum ukey_status status = t->card->select(&bare, &info);

	/* Another card in this place, ours or not: the token itself is gone. */
	if (status == UKEY_FOREIGN_CARD || (status == UKEY_OK && strcmp(info.token.serial, t->serial) != 0))
		return UKEY_TOKEN_REMOVED;
	if (status == UKEY_OK)
		token_set_info(t, &info);
	/* Who knows who wrote meanwhile. */
	if (status == UKEY_OK && t->card->tells_nothing) {
		pthread_mutex_lock(&t->lock);
		fresh_came_locked(t);
		pthread_mutex_unlock(&t->lock);
	}
	return status;
}

enum ukey_status token_failed(struct ukey_token *t, enum ukey_status s)
{
	switch (s) {
	case UKEY_NO_SERVICE:
		lost(t);
		context_lost(t->ukey);
		break;
	case UKEY_TOKEN_REMOVED:
		lost(t);
		break;
	case UKEY_COMMUNICATION:
		/*
		 * Who knows what it took: let nobody stay logged in through us, and no logical channel of ours be left
		 * open, and begin anew next time.
		 */
		drop_link(t, t->channel_wanted || token_require_any(t) == UKEY_OK);
		token_set_role(t, UKEY_NOBODY);
		break;
	case UKEY_TOKEN_RESET:
		drop_link(t, false);
		token_set_role(t, UKEY_NOBODY);
		break;
	default:
		break;
	}
	return s;
}

enum ukey_status token_recover(struct ukey_token *t)
{
	const bool logged_in = token_require_any(t) == UKEY_OK;
	enum ukey_status status = link_reopen(t->link);

	token_set_role(t, UKEY_NOBODY);
	if (t->channel)
		protect_drop(t);
	if (status == UKEY_OK)
		status = select_again(t);
	if (status != UKEY_OK)
		return status;
	return logged_in ? UKEY_TOKEN_RESET : UKEY_OK;
}

enum ukey_status token_reset_alone(struct ukey_token *t)
{
	enum ukey_status status = link_reset_alone(t->link);

	if (status != UKEY_OK)
		return status;
	token_set_role(t, UKEY_NOBODY);
	t->memory.manager = false;
	status = select_again(t);
	/* Our own reset, told once. */
	if (status == UKEY_TOKEN_RESET) {
		status = link_reopen(t->link);
		if (status == UKEY_OK)
			status = select_again(t);
	}
	return status;
}

/* Inside the channel from the first time on that there was one. */
static enum ukey_status send_through(
	struct ukey_token *t, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	return t->channel_wanted ? protect_send(t, command, answer, sw) : token_send_bare(t, command, answer, sw);
}

static enum ukey_status send_recovering(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	struct ukey_token *t = ctx;
	enum ukey_status status = t->link ? send_through(t, command, answer, sw) : UKEY_TOKEN_REMOVED;

	if (status == UKEY_TOKEN_RESET) {
		status = token_recover(t);
		/* The link is good again: only the log-in is lost. */
		if (status == UKEY_TOKEN_RESET)
			return status;
		if (status == UKEY_OK)
			status = send_through(t, command, answer, sw);
	}
	return t->link ? token_failed(t, status) : status;
}

static enum ukey_status hold_recovering(void *ctx)
{
	struct ukey_token *t = ctx;
	enum ukey_status status = t->link ? link_hold(t->link) : UKEY_TOKEN_REMOVED;

	if (status == UKEY_TOKEN_RESET) {
		status = token_recover(t);
		if (status == UKEY_TOKEN_RESET)
			return status;
		if (status == UKEY_OK)
			status = link_hold(t->link);
	}
	return t->link ? token_failed(t, status) : status;
}

enum ukey_status token_hold(struct ukey_token *t)
{
	return hold_recovering(t);
}

void token_let_go(struct ukey_token *t)
{
	let_go(t);
}

static void keep(void *ctx, struct bytes certificate)
{
	uint8_t digest[32];

	if (crypto_digest(CRYPTO_SHA256, certificate, digest))
		token_keep(ctx, digest, certificate);
}

void token_recall(struct ukey_token *t)
{
	const struct ukey_directory *d = t->card->tells_nothing ? token_kept_directory(t) : NULL;
	const struct bytes notes = d ? directory_notes(d) : BYTES_NONE;

	t->memory.notes_len = notes.len < sizeof t->memory.notes ? notes.len : sizeof t->memory.notes;
	bytes_copy(t->memory.notes, BYTES(notes.data, t->memory.notes_len));
	ukey_directory_unref(d);
}

/* Connect to an idle token: 1 command. */
static enum ukey_status wake(struct ukey_token *t)
{
	char reader[READER_NAME_MAX];
	enum ukey_status status;

	pthread_mutex_lock(&t->lock);
	memcpy(reader, t->info.reader, sizeof reader);
	pthread_mutex_unlock(&t->lock);
	status = link_open(t->ukey->ops, t->ukey->transport, reader, t->ukey->settings.no_extended, &t->link);
	if (status == UKEY_OK)
		status = select_again(t);
	if (status == UKEY_TOKEN_RESET) {
		status = link_reopen(t->link);
		if (status == UKEY_OK)
			status = select_again(t);
	}
	if (status == UKEY_OK)
		return UKEY_OK;
	token_failed(t, status);
	drop_link(t, false);
	return status;
}

/* The lock is held, and the token just became ours: then the lock is free. Returns whether the token is here. */
static bool take_over(struct ukey_token *t)
{
	struct link *incoming;

	incoming = t->incoming;
	t->incoming = NULL;
	const size_t max_answer = t->max_answer;
	const bool present = t->info.present;
	if (incoming)
		t->memory = t->incoming_memory;
	pthread_mutex_unlock(&t->lock);
	t->port.sw = 0;
	if (incoming) {
		if (t->channel)
			protect_drop(t);
		t->channel_wanted = false;
		link_close(t->link, false);
		t->link = incoming;
		t->port.max_answer = max_answer;
	}
	return present;
}

static bool seize(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	turn_take(&t->turn, &t->lock);
	return take_over(t);
}

void token_seize(struct ukey_token *t)
{
	(void)seize(t);
}

bool token_try_seize(struct ukey_token *t)
{
	if (pthread_mutex_trylock(&t->lock) != 0)
		return false;
	if (!turn_try(&t->turn)) {
		pthread_mutex_unlock(&t->lock);
		return false;
	}
	(void)take_over(t);
	return true;
}

enum ukey_status token_begin(struct ukey_token *t)
{
	enum ukey_status status = UKEY_OK;

	if (atomic_load(&t->ukey->forked))
		return UKEY_TOKEN_REMOVED;
	if (!seize(t)) {
		status = UKEY_TOKEN_REMOVED;
		drop_link(t, false);
	} else if (!t->link) {
		status = wake(t);
	}
	if (status != UKEY_OK)
		token_end(t);
	return status;
}

void token_end(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	turn_give(&t->turn);
	pthread_mutex_unlock(&t->lock);
}

enum ukey_status token_finish(struct ukey_token *t, enum ukey_status s)
{
	s = token_outcome(t, s);
	token_end(t);
	return s;
}

void token_release(struct ukey_token *t, bool remove)
{
	struct card_port bare = bare_port(t);
	bool reset = false;

	pthread_mutex_lock(&t->lock);
	const enum ukey_role role = t->info.role;
	t->info.role = UKEY_NOBODY;
	if (remove)
		t->info.present = false;
	pthread_mutex_unlock(&t->lock);
	if (!t->link) {
		t->channel_wanted = false;
		return;
	}
	/* The log-in inside a channel ends with it. */
	if (t->channel)
		reset = protect_close(t, &bare) != UKEY_OK && role != UKEY_NOBODY;
	else if (role != UKEY_NOBODY)
		reset = t->card->logout(&bare, role) != UKEY_OK;
	/* A card that knows how to log out is not reset under other programs. */
	else if (t->uncertain && t->card->tells_nothing)
		t->uncertain = t->card->logout(&bare, UKEY_USER) != UKEY_OK;
	t->channel_wanted = false;
	drop_link(t, reset);
}

void ukey_token_idle(struct ukey_token *t)
{
	if (atomic_load(&t->ukey->forked))
		return;
	token_seize(t);
	token_release(t, false);
	token_end(t);
}

enum ukey_status ukey_token_reload(struct ukey_token *t)
{
	struct card_info info;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = t->card->info(&t->port, &info);
	if (status == UKEY_OK && strcmp(info.token.serial, t->serial) != 0)
		status = UKEY_TOKEN_PROTOCOL;
	if (status == UKEY_OK)
		token_set_info(t, &info);
	return token_finish(t, status);
}
