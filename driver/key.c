/* SPDX-License-Identifier: Apache-2.0 */
/* Making, naming and deleting keys. */
#include "driver/directory.h"
#include "driver/directory_change.h"
#include "driver/key.h"
#include "driver/text.h"
#include "driver/token.h"

#include <stdlib.h>

/* Tags, a modulus of 4096 bits, exponent, generation. */
#define GENERATED_MAX 768

enum ukey_status ukey_key_spki(const struct ukey_key *k, uint8_t **der, size_t *len)
{
	const struct crypto_pubkey key = key_public(k);
	uint8_t *memory = malloc(CRYPTO_SPKI_MAX);
	struct builder b = builder_of(memory, CRYPTO_SPKI_MAX);

	if (!memory)
		return UKEY_MEMORY;
	if (!crypto_pubkey_to_spki(&key, &b)) {
		free(memory);
		return UKEY_ARGUMENT;
	}
	*der = memory;
	*len = b.len;
	return UKEY_OK;
}

static bool name_valid(const char *name)
{
	struct bytes text = text_bytes(name);
	return text.len <= UKEY_LABEL_MAX && text_valid(text);
}

/* ---- generate ---------------------------------------------------------------------------------------------------- */

enum ukey_status key_check(struct ukey_token *t, const struct ukey_generate *how)
{
	const struct algorithm *a = algorithm_of(how->algorithm);

	if (how->ref < -1 || how->ref >= REF_COUNT || (how->pair != UKEY_SIGNATURE && how->pair != UKEY_EXCHANGE) ||
		how->id_len > UKEY_ID_MAX || (!how->id && how->id_len > 0) || !name_valid(how->label) ||
		!name_valid(how->container_name))
		return UKEY_ARGUMENT;
	if (!a || !ukey_token_supports(t, how->algorithm))
		return UKEY_ALGORITHM;
	return how->usage & ~a->usage ? UKEY_KEY_USAGE : UKEY_OK;
}

/* The places for it, best first; -1: no more. */
static int place(struct ukey_token *t, const struct ukey_generate *how, unsigned turn)
{
	if (t->card->place)
		return t->card->place(how, turn);
	return turn < REF_COUNT / 2 ? (int)UKEY_KEY_REF(turn, how->pair) : -1;
}

/* The first of them, from this turn on, whose container is not there. */
static enum ukey_status choose_free(
	struct ukey_token *t, const struct ukey_directory *d, struct ukey_generate *how, unsigned *turn)
{
	int ref = place(t, how, *turn);

	while (ref >= 0 && directory_container(d, (uint8_t)(ref / 2)))
		ref = place(t, how, ++*turn);
	if (ref >= 0) {
		how->ref = ref;
		return UKEY_OK;
	}
	/* None is made for this; or the one that was named is taken. */
	if (t->card->place && place(t, how, 1) < 0)
		return place(t, how, 0) < 0 ? UKEY_KEY_USAGE : UKEY_EXISTS;
	return UKEY_TOKEN_FULL;
}

static enum ukey_status choose(struct ukey_token *t, struct ukey_generate *how, unsigned *turn)
{
	const struct ukey_directory *d;
	struct ukey_token_info info;
	enum ukey_status status = token_directory(t, &d);

	if (status != UKEY_OK)
		return status;
	ukey_token_info(t, &info);
	const bool named = how->ref >= 0;
	if (!named)
		status = choose_free(t, d, how, turn);
	if (status == UKEY_OK) {
		const unsigned number = (unsigned)how->ref / 2;
		const struct ukey_container *c = directory_container(d, (uint8_t)number);
		const bool replace = named && how->replace && t->card->place;
		if (c)
			how->container_name = NULL;
		if (number >= info.max_containers)
			status = named && t->card->place ? UKEY_NOT_SUPPORTED : UKEY_TOKEN_FULL;
		else if (c && c->pair[how->ref % 2] && !replace)
			status = UKEY_EXISTS;
	}
	ukey_directory_unref(d);
	return status;
}

enum ukey_status key_choose_place(struct ukey_token *t, struct ukey_generate *how)
{
	unsigned turn = 0;

	return choose(t, how, &turn);
}

static enum ukey_status generate(struct ukey_token *t, struct ukey_generate *how)
{
	const struct algorithm *a = algorithm_of(how->algorithm);
	uint8_t buffer[GENERATED_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct card_public made = {BYTES_NONE, BYTES_NONE, BYTES_NONE};
	uint32_t generation;
	enum ukey_status status;

	if (how->usage == 0)
		how->usage = how->ref % 2 == UKEY_SIGNATURE ? UKEY_USE_SIGN : a->usage;
	status = t->card->generate(&t->port, how, &answer, &made, &generation);
	if (status != UKEY_OK) {
		/* There may be a key now that we know nothing of. */
		token_stale(t);
		return status;
	}
	token_wrote(t, generation,
		&(struct directory_change){
			.verb = DIRECTORY_GENERATE, .number = (uint8_t)how->ref, .how = how, .made = &made});
	const struct crypto_pubkey key = {
		.type = a->type, .modulus = made.modulus, .exponent = made.exponent, .point = made.point};
	return algorithm_fits(a, &key) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

enum ukey_status ukey_generate(struct ukey_token *t, const struct ukey_generate *how, ukey_key_ref *ref)
{
	struct ukey_generate exact;
	unsigned turn = 0;
	enum ukey_status status = key_check(t, how);

	if (status != UKEY_OK)
		return status;
	status = token_begin_writing(t, false);
	if (status != UKEY_OK)
		return status;
	/* In a place that seems free there may be what the directory cannot show: then the next one. */
	do {
		exact = *how;
		status = choose(t, &exact, &turn);
		if (status == UKEY_OK)
			status = generate(t, &exact);
	} while (status == UKEY_EXISTS && how->ref < 0 && exact.ref >= 0 && t->card->place && ++turn > 0);
	if (status == UKEY_OK && ref)
		*ref = (ukey_key_ref)exact.ref;
	return token_finish_writing(t, status);
}

/* ---- delete ------------------------------------------------------------------------------------------------------ */

static enum ukey_status delete_key(struct ukey_token *t, bool container, uint8_t number)
{
	uint32_t generation;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = t->card->delete_key(&t->port, container, number, &generation);
	if (status == UKEY_OK)
		token_wrote(t, generation,
			&(struct directory_change){
				.verb = container ? DIRECTORY_DELETE_CONTAINER : DIRECTORY_DELETE_KEY,
				.number = number});
	else if (status == UKEY_NOT_FOUND || status == UKEY_TOKEN_PROTOCOL)
		token_stale(t);
	return token_finish(t, status);
}

enum ukey_status ukey_delete_key(struct ukey_token *t, ukey_key_ref ref)
{
	return ref < REF_COUNT ? delete_key(t, false, ref) : UKEY_ARGUMENT;
}

enum ukey_status ukey_delete_container(struct ukey_token *t, uint8_t number)
{
	return number < REF_COUNT / 2 ? delete_key(t, true, number) : UKEY_ARGUMENT;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

static enum ukey_status write_attributes(
	struct ukey_token *t, enum card_object kind, uint8_t number, const struct card_body *body)
{
	uint32_t generation;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = t->card->write(&t->port, kind, number, body, &generation);
	if (status == UKEY_OK)
		token_wrote(t, generation,
			&(struct directory_change){
				.verb = DIRECTORY_WRITE, .kind = kind, .number = number, .body = body});
	else if (status == UKEY_TOKEN_PROTOCOL)
		token_stale(t);
	return token_finish(t, status);
}

enum ukey_status ukey_set_key_attributes(struct ukey_token *t, ukey_key_ref ref, const uint8_t *id, size_t id_len,
	const char *label, const char *certificate_label)
{
	const struct card_body body = {.id = id ? BYTES(id, id_len) : BYTES_NONE,
		.label = text_bytes(label),
		.certificate_label = text_bytes(certificate_label),
		.number = -1};

	if (ref >= REF_COUNT || (id && id_len > UKEY_ID_MAX) || !name_valid(label) || !name_valid(certificate_label) ||
		(!id && !label && !certificate_label))
		return UKEY_ARGUMENT;
	return write_attributes(t, CARD_KEY_ATTRIBUTES, ref, &body);
}

enum ukey_status ukey_set_container_name(struct ukey_token *t, uint8_t container, const char *name)
{
	const struct card_body body = {.name = text_bytes(name), .number = -1};

	if (container >= REF_COUNT / 2 || !name || !name_valid(name))
		return UKEY_ARGUMENT;
	return write_attributes(t, CARD_CONTAINER_ATTRIBUTES, container, &body);
}
