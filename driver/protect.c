/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a token's commands travel inside a secure channel, and what is to be done when they did not arrive so
 * (doc/token-protocol.md 6).
 *
 *	no channel --- token_protect ---> channel --- idle, close, unplugged ---> no channel
 *	                                   |   ^
 *	              lost, reset: dropped v   | opened again before the next command, which never goes in clear
 *	                                  wanted
 *
 * A bare error status may be anybody's. So a bare 6982, which is also what a dead session answers, is asked back inside
 * the channel; and after a command that changes something the token's own state is read inside, not guessed.
 */
#include "driver/protect.h"

#include "common/i18n.h"
#include "driver/context.h"
#include "driver/devices.h"
#include "driver/log.h"
#include "driver/trust.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Why the token was given no PIN; for the thread that asked. */
static _Thread_local char problem[512];

static void say(const char *why)
{
	snprintf(problem, sizeof problem, "%s", why);
}

const char *ukey_protect_problem(void)
{
	return problem;
}

void protect_drop(struct ukey_token *t)
{
	channel_free(t->channel);
	t->channel = NULL;
	pthread_mutex_lock(&t->lock);
	t->info.channel = false;
	/* What proved itself was on the other end of this channel. */
	if (t->info.genuine == UKEY_GENUINE_YES)
		t->info.genuine = UKEY_GENUINE_UNKNOWN;
	pthread_mutex_unlock(&t->lock);
}

enum ukey_status protect_close(struct ukey_token *t, struct card_port *bare)
{
	enum ukey_status status = UKEY_OK;

	if (t->channel) {
		status = t->card->close_channel(bare, channel_number(t->channel));
		protect_drop(t);
	}
	t->channel_wanted = false;
	return status;
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void set_genuine(struct ukey_token *t, enum ukey_genuine genuine, bool channel)
{
	pthread_mutex_lock(&t->lock);
	t->info.genuine = genuine;
	t->info.channel = channel;
	pthread_mutex_unlock(&t->lock);
}

static void forget_chain(struct ukey_token *t)
{
	free(t->chain);
	t->chain = NULL;
	t->chain_len = 0;
}

/* The chain that is known, if it is (still) good: 0 commands. */
static bool known_key(struct ukey_token *t, const struct trust_roots *roots, struct trust_leaf *leaf)
{
	if (!t->chain)
		t->chain = devices_load(t->serial, &t->chain_len);
	if (t->chain && trust_check(roots, TRUST_DEVICE, BYTES(t->chain, t->chain_len), t->serial, leaf) == UKEY_OK)
		return true;
	forget_chain(t);
	return false;
}

/* Asked of the token: 1 command. */
static enum ukey_status read_key(
	struct ukey_token *t, struct card_port *bare, const struct trust_roots *roots, struct trust_leaf *leaf)
{
	uint8_t *chain;
	size_t len;
	enum ukey_status status = t->card->read_chain(bare, CARD_DEVICE_CHAIN, &chain, &len);

	/* It announced a key, and has no certificate for it. */
	if (status == UKEY_NOT_FOUND) {
		say(_("it says that it has a device key, and has no certificate for it"));
		return UKEY_NOT_GENUINE;
	}
	if (status != UKEY_OK)
		return status;
	status = trust_check(roots, TRUST_DEVICE, BYTES(chain, len), t->serial, leaf);
	if (status != UKEY_OK) {
		log_text("%s: not genuine: %s", t->serial, trust_problem());
		say(trust_problem());
		free(chain);
		return status;
	}
	forget_chain(t);
	t->chain = chain;
	t->chain_len = len;
	leaf->der = BYTES_NONE;
	return UKEY_OK;
}

/* A key that the token no longer owns may have been replaced: the certificate is read once more, and then believed. */
static enum ukey_status open_with_roots(struct ukey_token *t, struct card_port *bare, const struct trust_roots *roots)
{
	struct trust_leaf leaf;
	bool known = known_key(t, roots, &leaf);
	enum ukey_status status = known ? UKEY_OK : read_key(t, bare, roots, &leaf);

	if (status == UKEY_OK)
		status = channel_open(t->card, bare, BYTES_OF(leaf.point), &t->channel);
	if (status == UKEY_NOT_GENUINE && known) {
		struct trust_leaf now;

		status = read_key(t, bare, roots, &now);
		if (status == UKEY_OK && memcmp(now.point, leaf.point, sizeof now.point) == 0)
			status = UKEY_NOT_GENUINE;
		known = false;
		if (status == UKEY_OK)
			status = channel_open(t->card, bare, BYTES_OF(now.point), &t->channel);
	}
	if (status == UKEY_OK && !known)
		devices_keep(t->serial, BYTES(t->chain, t->chain_len));
	return status;
}

static enum ukey_status open_channel(struct ukey_token *t)
{
	struct card_port bare = {.send = token_send_bare, .ctx = t, .max_answer = t->port.max_answer};
	struct trust_roots *roots = NULL;
	enum ukey_status status = trust_open(&t->ukey->settings, &roots);

	if (status == UKEY_NO_ROOTS) {
		log_text("no roots: %s", trust_problem());
		say(trust_problem());
	} else {
		say(_("it does not have the key of its certificate"));
	}
	if (status == UKEY_OK)
		status = open_with_roots(t, &bare, roots);
	trust_close(roots);
	if (status == UKEY_OK) {
		t->channel_wanted = t->proved = true;
		set_genuine(t, UKEY_GENUINE_YES, true);
		log_text("%s: genuine; secure channel %u", t->serial, channel_number(t->channel));
	} else if (status == UKEY_NOT_GENUINE) {
		forget_chain(t);
		set_genuine(t, UKEY_GENUINE_NO, false);
	}
	return status;
}

/* It says that it has no device key. Who had one does not lose it. */
static enum ukey_status without_key(struct ukey_token *t)
{
	bool had_one = t->proved;

	if (!had_one && !devices_known(t->serial, &had_one))
		return UKEY_MEMORY;
	if (!had_one && !t->ukey->settings.channel_required)
		return UKEY_OK;
	log_text("%s: not genuine: no device key%s", t->serial, had_one ? ", though it had one" : "");
	say(had_one ? _("it has no device key, and a token with this serial number had one before")
		    : _("it has no device key, and openukey.conf says secure-channel = required"));
	set_genuine(t, UKEY_GENUINE_NO, false);
	return UKEY_NOT_GENUINE;
}

/*
 * The token is full. Of programs that were killed it does not know that they are gone, and it keeps their channels
 * until it loses power: when nobody else is connected, all of them are such.
 */
static enum ukey_status open_or_clear(struct ukey_token *t)
{
	enum ukey_status status = open_channel(t), cleared;

	if (status != UKEY_CHANNEL_FULL)
		return status;
	cleared = token_reset_alone(t);
	if (cleared == UKEY_TOKEN_BUSY)
		return status;
	log_text("%s: full, and nobody here: reset (%s)", t->serial, ukey_status_name(cleared));
	return cleared == UKEY_OK ? open_channel(t) : cleared;
}

enum ukey_status token_protect(struct ukey_token *t)
{
	if (t->channel && channel_alive(t->channel))
		return UKEY_OK;
	pthread_mutex_lock(&t->lock);
	const bool device_key = t->info.device_key;
	pthread_mutex_unlock(&t->lock);
	if (t->channel)
		protect_drop(t);
	return device_key ? open_or_clear(t) : without_key(t);
}

/* The opening goes over the bare link, which mends nothing by itself. */
static enum ukey_status protect(struct ukey_token *t)
{
	enum ukey_status status = token_protect(t);

	if (status == UKEY_TOKEN_RESET) {
		status = token_recover(t);
		if (status == UKEY_OK)
			status = token_protect(t);
	}
	return t->link ? token_failed(t, status) : status;
}

enum ukey_status ukey_protect(struct ukey_token *t)
{
	enum ukey_status status = token_begin(t);

	return status == UKEY_OK ? token_finish(t, protect(t)) : status;
}

enum ukey_status token_begin_protected(struct ukey_token *t)
{
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = protect(t);
	return status == UKEY_OK ? UKEY_OK : token_finish(t, status);
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* What a bare error leaves open: whether it was carried out. */
static const struct {
	uint8_t cla, ins;
	bool repeat;  /* a second time does no harm, and a dead session did not look at it */
	bool changes; /* something that we should know of */
} commands[] = {
	{0x00, 0xCB, true,  false}, /* GET DATA */
	{0x00, 0x84, true,  false}, /* GET CHALLENGE */
	{0x80, 0x84, true,  false}, /* UNLOCK CHALLENGE, UNLOCK PROOF */
	{0x80, 0xCC, true,  false}, /* ATTEST */
	{0x00, 0x20, true,  true }, /* VERIFY */
	{0x00, 0x24, false, true }, /* CHANGE REFERENCE DATA */
	{0x00, 0x2C, false, true }, /* RESET RETRY COUNTER */
	{0x00, 0x47, false, true }, /* GENERATE ASYMMETRIC KEY PAIR */
	{0x00, 0xDB, false, true }, /* PUT DATA */
	{0x80, 0xE0, false, true }, /* INITIALIZE */
	{0x80, 0xE4, false, true }, /* DELETE */
	{0x80, 0xEE, false, true }, /* FACTORY RESET */
};

static bool may_repeat(const struct apdu *a)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (commands[i].cla == a->cla && commands[i].ins == a->ins)
			return commands[i].repeat;
	return false;
}

static bool changes(const struct apdu *a)
{
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		if (commands[i].cla == a->cla && commands[i].ins == a->ins)
			return commands[i].changes;
	return false;
}

static enum ukey_status send_inside(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	struct ukey_token *t = ctx;
	enum ukey_status status = channel_send(t->channel, t->link, command, answer, sw);

	token_count_commands(t);
	return status;
}

/* Token information through the channel: it is there and its own, or the channel is not. */
static enum ukey_status ask_inside(struct ukey_token *t)
{
	struct card_port inside = {.send = send_inside, .ctx = t, .max_answer = t->port.max_answer};
	struct card_info info;
	enum ukey_status status = t->card->info(&inside, &info);

	if (status != UKEY_OK && inside.sw != 0)
		return UKEY_CHANNEL_LOST;
	if (status == UKEY_OK && strcmp(info.token.serial, t->serial) != 0)
		return UKEY_CHANNEL_LOST;
	if (status == UKEY_OK)
		token_set_info(t, &info);
	return status;
}

/* `there`: the logical channel is still ours, and to be given back. Returns whether somebody was logged in through it.
 */
static bool lose(struct ukey_token *t, bool there)
{
	struct card_port bare = {.send = token_send_bare, .ctx = t};
	const bool logged_in = token_require_any(t) == UKEY_OK;

	log_text("%s: secure channel %u is lost", t->serial, channel_number(t->channel));
	if (there)
		t->card->close_channel(&bare, channel_number(t->channel));
	protect_drop(t);
	token_set_role(t, UKEY_NOBODY);
	return logged_in;
}

/* What the link said, or this machine; it is not the token's word. */
static enum ukey_status broken(struct ukey_token *t, enum ukey_status status)
{
	if (channel_alive(t->channel))
		return status;
	switch (status) {
	case UKEY_NO_SERVICE:
	case UKEY_TOKEN_REMOVED:
	case UKEY_TOKEN_RESET:
	case UKEY_COMMUNICATION:
		/* The link goes too, and the log-in with it (token.c). */
		protect_drop(t);
		break;
	default:
		lose(t, true);
		break;
	}
	return status;
}

static bool is_gone(uint16_t sw)
{
	return sw == SW_CHANNEL_NOT_SUPPORTED || sw == SW_SM_NOT_SUPPORTED;
}

/* UKEY_CHANNEL_LOST, with the channel dropped; or the outcome, with *dead saying that the session did not look at it.
 */
static enum ukey_status send_once(
	struct ukey_token *t, const struct apdu *command, struct builder *answer, uint16_t *sw, bool *dead)
{
	enum ukey_status status = send_inside(t, command, answer, sw), asked;

	*dead = false;
	if (status == UKEY_CHANNEL_LOST) {
		lose(t, true);
		return status;
	}
	if (status != UKEY_OK)
		return broken(t, status);
	if (is_gone(*sw)) {
		*dead = true;
		return UKEY_OK;
	}
	if (channel_proves(*sw) || (*sw != SW_SECURITY_STATUS && !changes(command)))
		return UKEY_OK;
	asked = ask_inside(t);
	if (asked == UKEY_OK)
		return UKEY_OK;
	if (asked != UKEY_CHANNEL_LOST)
		return broken(t, asked);
	if (*sw == SW_SECURITY_STATUS) {
		*dead = true;
		return UKEY_OK;
	}
	lose(t, true);
	return UKEY_CHANNEL_LOST;
}

/* Whether it was carried out is not known: what we knew may be wrong now, so the token is asked, if it can be. */
static void learn(struct ukey_token *t)
{
	token_stale(t);
	if (token_protect(t) == UKEY_OK && ask_inside(t) != UKEY_OK && t->channel && !channel_alive(t->channel))
		protect_drop(t);
}

enum ukey_status protect_send(struct ukey_token *t, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	enum ukey_status status = token_protect(t);
	bool dead;

	for (int round = 0; status == UKEY_OK; round++) {
		status = send_once(t, command, answer, sw, &dead);
		if (status != UKEY_OK || !dead)
			break;
		const bool logged_in = lose(t, !is_gone(*sw));
		*sw = 0;
		status = logged_in || round > 0 || !may_repeat(command) ? UKEY_CHANNEL_LOST : token_protect(t);
	}
	if (status == UKEY_CHANNEL_LOST && changes(command))
		learn(t);
	if (status != UKEY_OK)
		*sw = 0;
	return status;
}
