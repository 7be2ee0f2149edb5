/* SPDX-License-Identifier: Apache-2.0 */
/* Unlock by phone: the holder's end (doc/token-protocol.md 5). The keys are the token's and the desk's alone. */
#include "common/hex.h"
#include "common/unlock.h"
#include "driver/token.h"

#include <string.h>
#include <strings.h>

_Static_assert(UKEY_CHALLENGE_SIZE == UNLOCK_CHALLENGE_SIZE, "one challenge");
_Static_assert(UKEY_RESPONSE_SIZE == UNLOCK_RESPONSE_SIZE, "one response");
_Static_assert(UKEY_PROOF_SIZE == UNLOCK_PROOF_SIZE, "one proof");

/* 6985 says that the life cycle forbids it; these deserve the better word. */
static enum ukey_status explain(struct ukey_token *t, enum ukey_status status)
{
	struct ukey_token_info info;

	if (status != UKEY_TOKEN_STATE && status != UKEY_UNLOCK_OVER && status != UKEY_NOT_FOUND)
		return status;
	ukey_token_info(t, &info);
	if (info.life_cycle == UKEY_BLANK)
		return UKEY_TOKEN_BLANK;
	return info.life_cycle == UKEY_INITIALISED ? UKEY_PIN_NOT_SET : status;
}

/* The token knows better than what was read before. */
static void tries_are(struct ukey_token *t, enum ukey_status status)
{
	const int tries = card_tries(t->port.sw);

	if (status != UKEY_UNLOCK_WRONG && status != UKEY_UNLOCK_BLOCKED)
		return;
	pthread_mutex_lock(&t->lock);
	t->info.unlock_key.tries_left = tries > 0 ? (unsigned)tries : 0;
	pthread_mutex_unlock(&t->lock);
}

/*
 * "Blocked" and "none" come bare, from anybody, and send the holder to the window: inside a channel the token is asked
 * what is so. 1 command more.
 */
static enum ukey_status judged(struct ukey_token *t, enum ukey_status status)
{
	struct card_info now;

	if (!t->channel || (status != UKEY_UNLOCK_BLOCKED && status != UKEY_UNLOCK_NONE)) {
		tries_are(t, status);
		return status;
	}
	const enum ukey_status asked = t->card->info(&t->port, &now);
	if (asked != UKEY_OK)
		return asked;
	token_set_info(t, &now);
	const struct ukey_pin_info *key = &now.token.unlock_key;
	return (status == UKEY_UNLOCK_BLOCKED ? key->tries_left > 0 : key->exists) ? UKEY_CHANNEL_LOST : status;
}

/* A challenge of another token, read out to the desk, would be answered for that one. */
static bool is_of(struct ukey_token *t, const uint8_t challenge[UKEY_CHALLENGE_SIZE])
{
	char serial[HEX_SIZE(UNLOCK_SERIAL_SIZE)];
	struct unlock_challenge c;

	return unlock_challenge_parse(BYTES(challenge, UKEY_CHALLENGE_SIZE), &c) &&
	       hex_encode(BYTES_OF(c.serial), serial, sizeof serial) && strcasecmp(serial, t->serial) == 0;
}

enum ukey_status ukey_unlock_challenge(struct ukey_token *t, uint8_t challenge[UKEY_CHALLENGE_SIZE])
{
	uint8_t got[UKEY_CHALLENGE_SIZE];
	/* The response will carry a PIN: the challenge has to live where that can be sent. */
	enum ukey_status status = token_begin_protected(t);

	if (status != UKEY_OK)
		return status;
	status = t->card->unlock_challenge(&t->port, got);
	if (status == UKEY_OK && !is_of(t, got))
		status = UKEY_TOKEN_PROTOCOL;
	status = judged(t, status);
	if (status == UKEY_OK)
		memcpy(challenge, got, sizeof got);
	return token_finish(t, explain(t, status));
}

static enum ukey_status check_pin(struct ukey_token *t, const uint8_t *pin, size_t len)
{
	struct ukey_token_info info;

	if (!pin)
		return UKEY_ARGUMENT;
	ukey_token_info(t, &info);
	switch (ukey_pin_advise(&info, pin, len)) {
	case UKEY_PIN_TOO_SHORT:
	case UKEY_PIN_TOO_LONG:
		return UKEY_PIN_LENGTH;
	case UKEY_PIN_CHARACTERS:
		return UKEY_PIN_POLICY;
	default: /* the token judges the rest */
		return UKEY_OK;
	}
}

static void unlocked(struct ukey_token *t, uint32_t generation)
{
	token_generation(t, generation, false);
	pthread_mutex_lock(&t->lock);
	t->info.user_pin.exists = true;
	t->info.user_pin.tries_left = t->info.user_pin.tries_max;
	t->info.user_pin.must_change = false;
	t->info.unlock_key.tries_left = t->info.unlock_key.tries_max;
	pthread_mutex_unlock(&t->lock);
}

enum ukey_status ukey_unlock_respond(struct ukey_token *t, const uint8_t response[UKEY_RESPONSE_SIZE],
	const uint8_t *new_pin, size_t new_len, uint8_t proof[UKEY_PROOF_SIZE])
{
	uint8_t got[UKEY_PROOF_SIZE];
	uint32_t generation;
	enum ukey_status status = unlock_response_shape(response) ? check_pin(t, new_pin, new_len) : UKEY_ARGUMENT;

	if (status != UKEY_OK)
		return status;
	status = token_begin_protected(t);
	if (status != UKEY_OK)
		return status;
	status = t->card->unlock_respond(&t->port, response, BYTES(new_pin, new_len), got, &generation);
	status = judged(t, status);
	if (status == UKEY_OK) {
		unlocked(t, generation);
		memcpy(proof, got, sizeof got);
	}
	return token_finish(t, explain(t, status));
}

enum ukey_status ukey_unlock_proof(struct ukey_token *t, uint8_t proof[UKEY_PROOF_SIZE])
{
	uint8_t got[UKEY_PROOF_SIZE];
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = t->card->unlock_proof(&t->port, got);
	if (status == UKEY_OK)
		memcpy(proof, got, sizeof got);
	return token_finish(t, explain(t, status));
}
