/* SPDX-License-Identifier: Apache-2.0 */
/* Statements of the token about its keys, and the certificates above them (doc/token-protocol.md 8). */
#include "driver/token.h"

#include <stdlib.h>
#include <string.h>

#define NONCE_LEAST 8u
#define NONCE_MOST  32u

/* 6985 says that the life cycle forbids it, too. */
static enum ukey_status explain(struct ukey_token *t, enum ukey_status status)
{
	struct ukey_token_info info;

	ukey_token_info(t, &info);
	return status == UKEY_ATTEST_NONE && info.life_cycle == UKEY_BLANK ? UKEY_TOKEN_BLANK : status;
}

enum ukey_status ukey_attest(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *nonce, size_t nonce_len, uint8_t **der, size_t *len)
{
	uint8_t *got = NULL;
	size_t got_len = 0;
	enum ukey_status status;

	if (!nonce || nonce_len < NONCE_LEAST || nonce_len > NONCE_MOST)
		return UKEY_ARGUMENT;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	status = t->card->attest(&t->port, ref, BYTES(nonce, nonce_len), &got, &got_len);
	if (status == UKEY_OK) {
		*der = got;
		*len = got_len;
	}
	return token_finish(t, explain(t, status));
}

/* ---- the chain, which the factory wrote once for ever ---- */

static enum ukey_status copy_of(struct bytes from, uint8_t **der, size_t *len)
{
	uint8_t *copy = malloc(from.len ? from.len : 1);

	if (!copy)
		return UKEY_MEMORY;
	bytes_copy(copy, from);
	*der = copy;
	*len = from.len;
	return UKEY_OK;
}

/* UKEY_NOT_FOUND: not read yet. */
static enum ukey_status known_chain(struct ukey_token *t, uint8_t **der, size_t *len)
{
	enum ukey_status status = UKEY_NOT_FOUND;

	pthread_mutex_lock(&t->lock);
	if (t->attestation_chain)
		status = copy_of(BYTES(t->attestation_chain, t->attestation_chain_len), der, len);
	pthread_mutex_unlock(&t->lock);
	return status;
}

/* Takes it over. */
static void keep_chain(struct ukey_token *t, uint8_t *der, size_t len)
{
	pthread_mutex_lock(&t->lock);
	free(t->attestation_chain);
	t->attestation_chain = der;
	t->attestation_chain_len = len;
	pthread_mutex_unlock(&t->lock);
}

enum ukey_status ukey_attestation_chain(struct ukey_token *t, uint8_t **der, size_t *len)
{
	uint8_t *got = NULL;
	size_t got_len = 0;
	enum ukey_status status = known_chain(t, der, len);

	if (status != UKEY_NOT_FOUND)
		return status;
	status = token_begin(t);
	if (status != UKEY_OK)
		return status;
	status = t->card->read_chain(&t->port, CARD_ATTESTATION_CHAIN, &got, &got_len);
	if (status == UKEY_OK) {
		status = copy_of(BYTES(got, got_len), der, len);
		keep_chain(t, got, got_len);
	}
	return token_finish(t, status == UKEY_NOT_FOUND ? UKEY_ATTEST_NONE : status);
}
