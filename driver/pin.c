/* SPDX-License-Identifier: Apache-2.0 */
/* PINs, roles and the token's life cycle. */
#include "driver/text.h"
#include "driver/token.h"

#include <string.h>

/* doc/token-protocol.md 1.6, 4.10 */
#define PIN_LEAST   6u
#define PIN_MOST    32u
#define CLASSES_MAX 4u
#define HISTORY_MAX 8u
#define TRIES_LEAST 3u
#define TRIES_MOST  15u
#define SO_TRIES    10u
/* A management key in hexadecimal digits, generously. */
#define MANAGER_MOST 255u

static enum ukey_status check_pin(struct bytes pin, unsigned least, unsigned most)
{
	if (!pin.data && pin.len > 0)
		return UKEY_ARGUMENT;
	if (pin.len < least || pin.len > most)
		return UKEY_PIN_LENGTH;
	return text_valid(pin) ? UKEY_OK : UKEY_PIN_POLICY;
}

/* By the limits that the token told. */
static enum ukey_status check_for(struct ukey_token *t, struct bytes pin)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return check_pin(pin, info.pin_min, info.pin_max);
}

static enum ukey_role role_now(struct ukey_token *t)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return info.role;
}

/* ---- what an answer tells of the PINs ---------------------------------------------------------------------------- */

static struct ukey_pin_info *pin_of(struct ukey_token *t, enum ukey_role role)
{
	return role == UKEY_SO ? &t->info.so_pin : &t->info.user_pin;
}

/* A card that never said how many tries there are still does not. */
static void full_locked(struct ukey_pin_info *pin)
{
	pin->tries_left = pin->tries_max > 0 ? pin->tries_max : UKEY_TRIES_UNKNOWN;
}

/* One was just lost, of as many as there were at least. */
static void left_locked(struct ukey_pin_info *pin, unsigned tries)
{
	pin->tries_left = tries;
	if (pin->tries_max <= tries)
		pin->tries_max = tries + 1;
}

/*
 * The PIN of `role` was compared, or blocked: the tries that are left now. A wrong PIN ends its own log-in on the token
 * (doc/token-protocol.md 4.8). After success the counter is full.
 */
static enum ukey_status compared(struct ukey_token *t, enum ukey_role role, enum ukey_status status)
{
	const int tries = card_tries(t->port.sw);
	/*
	 * "Blocked" and "right, but to be changed" come bare, and the token was asked inside the channel what is so:
	 * somebody lied.
	 */
	bool lie = false;

	pthread_mutex_lock(&t->lock);
	struct ukey_pin_info *pin = pin_of(t, role);
	if (t->channel && status == UKEY_PIN_EXPIRED)
		lie = !pin->must_change;
	else if (t->channel && t->port.sw == SW_PIN_BLOCKED)
		lie = pin->tries_left > 0;
	else if (status == UKEY_OK || status == UKEY_PIN_EXPIRED)
		full_locked(pin);
	else if (tries >= 0)
		left_locked(pin, (unsigned)tries);
	if (status == UKEY_PIN_EXPIRED && !lie)
		pin->must_change = true;
	if ((status == UKEY_PIN_EXPIRED || (status != UKEY_OK && tries >= 0)) && !lie && t->info.role == role)
		t->info.role = UKEY_NOBODY;
	pthread_mutex_unlock(&t->lock);
	return lie ? UKEY_CHANNEL_LOST : status;
}

/* By its holder. */
static void pin_was_chosen(struct ukey_token *t, enum ukey_role role)
{
	pthread_mutex_lock(&t->lock);
	pin_of(t, role)->must_change = false;
	pthread_mutex_unlock(&t->lock);
}

/* By the SO. */
static void user_pin_was_set(struct ukey_token *t)
{
	struct card_info now;

	pthread_mutex_lock(&t->lock);
	t->info.user_pin.exists = true;
	full_locked(&t->info.user_pin);
	t->info.user_pin.must_change = t->info.pin_change_first;
	t->info.unlock_key.tries_left = t->info.unlock_key.tries_max; /* doc/token-protocol.md 5.1 */
	if (t->info.life_cycle == UKEY_INITIALISED)
		t->info.life_cycle = UKEY_OPERATIONAL;
	const bool unknown = t->info.user_pin.tries_max == 0 && !t->card->tells_nothing;
	pthread_mutex_unlock(&t->lock);
	/* A token without user PIN does not tell how many tries it would have: it does now. */
	if (unknown && t->card->info(&t->port, &now) == UKEY_OK)
		token_set_info(t, &now);
}

/* 6985 says that the life cycle forbids it; a blank token deserves the better word. So does who typed a PUK. */
static enum ukey_status explain(struct ukey_token *t, enum ukey_status status)
{
	struct ukey_token_info info;

	if (t->card->puk && (status == UKEY_SO_PIN_INCORRECT || status == UKEY_SO_PIN_BLOCKED))
		return status == UKEY_SO_PIN_INCORRECT ? UKEY_PUK_INCORRECT : UKEY_PUK_BLOCKED;
	ukey_token_info(t, &info);
	return status == UKEY_TOKEN_STATE && info.life_cycle == UKEY_BLANK ? UKEY_TOKEN_BLANK : status;
}

/* ---- log in, log out --------------------------------------------------------------------------------------------- */

/*
 * A command that may let us in is sent between these two. Without a clear answer nobody knows whether it did: then the
 * link is closed with a reset, at once by what fails below us, or whenever it is closed.
 */
static bool doubt_begin(struct ukey_token *t)
{
	const bool before = t->uncertain;

	t->uncertain = true;
	return before;
}

static void doubt_end(struct ukey_token *t, bool before, enum ukey_status status)
{
	const bool answered = t->port.sw != 0 && (t->port.sw != SW_OK || status == UKEY_OK);

	/* What a session let in ends with its keys, and those are gone when anything went wrong. */
	if (!t->link || status == UKEY_OK || status == UKEY_TOKEN_RESET || t->channel_wanted)
		t->uncertain = false;
	else if (answered)
		t->uncertain = before;
}

static enum ukey_status verify(struct ukey_token *t, enum ukey_role role, struct bytes pin)
{
	uint32_t generation = 0;
	const bool before = doubt_begin(t);
	token_recall(t);
	enum ukey_status status = t->card->verify(&t->port, role, pin, &generation);

	doubt_end(t, before, status);
	if (role == UKEY_USER || !t->card->authorize)
		status = compared(t, role, status);
	else if (status == UKEY_PIN_INCORRECT || status == UKEY_PIN_BLOCKED)
		/* The manager came by the PIN; a management key has no tries. */
		status = compared(t, UKEY_USER, status);
	if (status == UKEY_OK) {
		token_set_role(t, role);
		token_generation(t, generation, false);
	}
	return explain(t, status);
}

enum ukey_status ukey_login(struct ukey_token *t, enum ukey_role role, const uint8_t *pin, size_t len)
{
	enum ukey_status status = role == UKEY_USER || role == UKEY_SO ? UKEY_OK : UKEY_ARGUMENT;

	/* What a manager has is another thing than a PIN, and the card driver knows it. */
	if (status == UKEY_OK && role == UKEY_SO && t->card->authorize)
		status = check_pin(BYTES(pin, len), 1, MANAGER_MOST);
	else if (status == UKEY_OK)
		status = check_for(t, BYTES(pin, len));
	/* A PIN of no PIN's length or form is a wrong one, which needs no try to be known. */
	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	const enum ukey_role now = role_now(t);
	if (now == role)
		status = UKEY_ALREADY_LOGGED_IN;
	else if (now != UKEY_NOBODY)
		status = UKEY_OTHER_ROLE;
	else
		status = verify(t, role, BYTES(pin, len));
	if (status == UKEY_OK)
		fresh_verified(t);
	return token_finish(t, status);
}

enum ukey_status ukey_login_again(struct ukey_token *t, const uint8_t *pin, size_t len)
{
	enum ukey_status status = check_for(t, BYTES(pin, len));

	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = verify(t, UKEY_USER, BYTES(pin, len));
	if (status == UKEY_OK)
		fresh_verified(t);
	return token_finish(t, status);
}

/* Of a card that knows no other way. Where it would disturb others it waits until the link is closed. */
static enum ukey_status log_out_by_reset(struct ukey_token *t)
{
	enum ukey_status status = token_reset_alone(t);

	if (status != UKEY_TOKEN_BUSY)
		return status == UKEY_OK ? status : token_failed(t, status);
	t->uncertain = true;
	return UKEY_OK;
}

enum ukey_status ukey_logout(struct ukey_token *t)
{
	enum ukey_status status;

	if (role_now(t) == UKEY_NOBODY)
		return UKEY_OK;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	struct ukey_token_info info;
	ukey_token_info(t, &info);
	if (info.role != UKEY_NOBODY) {
		status = t->card->logout(&t->port, info.role);
		/* Our own application knows how: from it that is somebody else's answer on the bus. */
		if (status == UKEY_NOT_SUPPORTED && info.application != UKEY_APPLICATION_OWN)
			status = log_out_by_reset(t);
		/* A reset logged out as well. */
		if (status == UKEY_TOKEN_RESET)
			status = UKEY_OK;
		if (status == UKEY_OK)
			token_set_role(t, UKEY_NOBODY);
	}
	return token_finish(t, status);
}

/* ---- change and unlock ------------------------------------------------------------------------------------------- */

enum ukey_status ukey_change_pin(struct ukey_token *t, enum ukey_role role, const uint8_t *old_pin, size_t old_len,
	const uint8_t *new_pin, size_t new_len)
{
	enum ukey_status status = role == UKEY_USER || role == UKEY_SO ? UKEY_OK : UKEY_ARGUMENT;

	if (status == UKEY_OK)
		status = check_for(t, BYTES(old_pin, old_len));
	if (status == UKEY_OK)
		status = check_for(t, BYTES(new_pin, new_len));
	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	const bool before = doubt_begin(t);
	token_recall(t);
	status = t->card->change_pin(&t->port, role, BYTES(old_pin, old_len), BYTES(new_pin, new_len));
	doubt_end(t, before, status);
	status = compared(t, role, status);
	/* A PUK lets nobody in. */
	if (status == UKEY_OK && (role == UKEY_USER || !t->card->puk))
		token_set_role(t, role);
	if (status == UKEY_OK)
		pin_was_chosen(t, role);
	return token_finish(t, explain(t, status));
}

enum ukey_status ukey_pin_makes_manager(struct ukey_token *t, bool *yes)
{
	*yes = false;
	if (!t->card->key_of_pin)
		return UKEY_OK;
	enum ukey_status status = token_begin(t);
	return status == UKEY_OK ? token_finish(t, t->card->key_of_pin(&t->port, yes)) : status;
}

enum ukey_status ukey_unlock_pin(
	struct ukey_token *t, const uint8_t *so_pin, size_t so_len, const uint8_t *new_pin, size_t new_len)
{
	enum ukey_status status = check_for(t, BYTES(so_pin, so_len));

	if (status == UKEY_OK)
		status = check_for(t, BYTES(new_pin, new_len));
	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	status = t->card->unlock_pin(&t->port, BYTES(so_pin, so_len), BYTES(new_pin, new_len));
	status = compared(t, UKEY_SO, status);
	if (status == UKEY_OK)
		user_pin_was_set(t);
	return token_finish(t, explain(t, status));
}

enum ukey_status ukey_set_user_pin(struct ukey_token *t, const uint8_t *new_pin, size_t new_len)
{
	enum ukey_status status = check_for(t, BYTES(new_pin, new_len));

	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_SO);
	if (status == UKEY_OK)
		status = t->card->set_pin(&t->port, BYTES(new_pin, new_len));
	if (status == UKEY_OK)
		user_pin_was_set(t);
	return token_finish(t, status);
}

/* ---- life cycle -------------------------------------------------------------------------------------------------- */

static enum ukey_status check_policy(const struct ukey_initialize *how, unsigned *least, unsigned *most)
{
	*least = how->pin_min ? how->pin_min : PIN_LEAST;
	*most = how->pin_max ? how->pin_max : PIN_MOST;
	if (*least < PIN_LEAST || *most > PIN_MOST || *least > *most || how->pin_classes > CLASSES_MAX ||
		how->pin_history > HISTORY_MAX)
		return UKEY_ARGUMENT;
	if (how->user_tries && (how->user_tries < TRIES_LEAST || how->user_tries > TRIES_MOST))
		return UKEY_ARGUMENT;
	return UKEY_OK;
}

static enum ukey_status check_label(const char *label)
{
	struct bytes text = text_bytes(label);
	return text.len <= 32 && text_valid(text) ? UKEY_OK : UKEY_ARGUMENT;
}

/* By form; the token judges what it says. */
static enum ukey_status check_piv(const struct ukey_piv_setup *piv)
{
	return piv->pin && piv->puk && piv->key && strlen(piv->pin) <= 8 && strlen(piv->puk) <= 8 && piv->key_len <= 32
		       ? UKEY_OK
		       : UKEY_ARGUMENT;
}

static enum ukey_status check_initialize(const struct ukey_initialize *how)
{
	unsigned least, most;
	enum ukey_status status = check_policy(how, &least, &most);

	if (status == UKEY_OK)
		status = check_label(how->label);
	if (status == UKEY_OK)
		status = how->so_pin ? check_pin(BYTES(how->so_pin, how->so_len), least, most) : UKEY_ARGUMENT;
	if (status == UKEY_OK && how->user_pin)
		status = check_pin(BYTES(how->user_pin, how->user_len), least, most);
	if (status == UKEY_OK && how->present_so_pin)
		status = check_pin(BYTES(how->present_so_pin, how->present_so_len), PIN_LEAST, PIN_MOST);
	if (status == UKEY_OK && how->piv)
		status = check_piv(how->piv);
	return status;
}

/* Everything is erased and made anew: what that leaves needs no command to be known, but the free space. */
static void initialised(struct ukey_token *t, const struct ukey_initialize *how, uint32_t generation)
{
	const unsigned tries = how->user_tries ? how->user_tries : 6;

	token_generation(t, generation, true);
	pthread_mutex_lock(&t->lock);
	struct ukey_token_info *i = &t->info;
	text_copy(text_bytes(how->label), i->label, sizeof i->label);
	i->life_cycle = how->user_pin ? UKEY_OPERATIONAL : UKEY_INITIALISED;
	i->role = UKEY_NOBODY;
	i->so_pin = (struct ukey_pin_info){.exists = true, .tries_left = SO_TRIES, .tries_max = SO_TRIES};
	i->user_pin = (struct ukey_pin_info){.exists = how->user_pin != NULL,
		.tries_left = how->user_pin ? tries : 0,
		.tries_max = tries,
		.must_change = how->user_pin && how->pin_change_first};
	i->pin_min = how->pin_min ? how->pin_min : PIN_LEAST;
	i->pin_max = how->pin_max ? how->pin_max : PIN_MOST;
	i->pin_classes = how->pin_classes;
	i->pin_history = how->pin_history;
	i->pin_in_channel = i->device_key && !how->pin_in_clear;
	i->unlock_key.tries_left = i->unlock_key.tries_max;
	i->pin_change_first = how->pin_change_first;
	i->piv = how->piv != NULL;
	i->piv_yubico = how->piv && how->piv->yubico;
	pthread_mutex_unlock(&t->lock);
	token_forget_files(t);
}

enum ukey_status ukey_initialize(struct ukey_token *t, const struct ukey_initialize *how)
{
	uint32_t generation;
	enum ukey_status status = check_initialize(how);
	struct ukey_token_info info;

	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	ukey_token_info(t, &info);
	if (info.life_cycle != UKEY_BLANK && !how->present_so_pin)
		status = UKEY_PIN_INPUT;
	else
		status = t->card->initialize(&t->port, how, info.device_key, &generation);
	if (how->present_so_pin && status != UKEY_OK)
		status = compared(t, UKEY_SO, status);
	if (status == UKEY_OK)
		initialised(t, how, generation);
	return token_finish(t, status);
}

static void blanked(struct ukey_token *t)
{
	pthread_mutex_lock(&t->lock);
	struct ukey_token_info *i = &t->info;
	i->label[0] = '\0';
	i->life_cycle = UKEY_BLANK;
	i->role = UKEY_NOBODY;
	i->so_pin = i->user_pin = (struct ukey_pin_info){0};
	i->pin_min = PIN_LEAST;
	i->pin_max = PIN_MOST;
	i->pin_classes = i->pin_history = 0;
	i->pin_in_channel = i->device_key;
	i->unlock_key.tries_left = i->unlock_key.tries_max;
	i->pin_change_first = i->piv = i->piv_yubico = false;
	token_stale_locked(t);
	pthread_mutex_unlock(&t->lock);
	token_forget_files(t);
}

enum ukey_status ukey_factory_reset(struct ukey_token *t)
{
	struct ukey_token_info info;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	ukey_token_info(t, &info);
	if (info.role != UKEY_SO && (!info.so_pin.exists || info.so_pin.tries_left > 0))
		status = info.life_cycle == UKEY_BLANK ? UKEY_TOKEN_BLANK : UKEY_NOT_LOGGED_IN;
	else
		status = t->card->factory_reset(&t->port);
	if (status == UKEY_OK)
		blanked(t);
	return token_finish(t, explain(t, status));
}

enum ukey_status ukey_set_label(struct ukey_token *t, const char *label)
{
	const struct card_body body = {.label = label ? text_bytes(label) : BYTES_NONE, .number = -1};
	uint32_t generation;
	enum ukey_status status = label ? check_label(label) : UKEY_ARGUMENT;

	if (status != UKEY_OK)
		return status;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_SO);
	if (status == UKEY_OK)
		status = t->card->write(&t->port, CARD_LABEL, 0, &body, &generation);
	if (status == UKEY_OK) {
		/* The directory does not show the label; but whoever wrote in between is found by the number. */
		pthread_mutex_lock(&t->lock);
		if (generation != t->info.generation + 1)
			token_stale_locked(t);
		t->info.generation = generation;
		text_copy(text_bytes(label), t->info.label, sizeof t->info.label);
		pthread_mutex_unlock(&t->lock);
	}
	return token_finish(t, status);
}
