/* SPDX-License-Identifier: Apache-2.0 */
/* Exchange pairs that were made elsewhere (doc/token-protocol.md 4.12). */
#include "driver/directory.h"
#include "driver/directory_change.h"
#include "driver/key.h"

/* The version of the token's protocol that brought it. A private key is sent to nobody who would not know it. */
#define IMPORT_MINOR 2

static bool algorithm_of_public(const struct crypto_pubkey *key, enum ukey_algorithm *algorithm)
{
	static const enum ukey_algorithm known[] = {
		UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384, UKEY_P521};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (algorithm_fits(algorithm_of(known[i]), key)) {
			*algorithm = known[i];
			return true;
		}
	return false;
}

/* The value's length is the algorithm's, or there are both halves of a wrapped one. */
static bool shape_good(const struct algorithm *a, const struct ukey_outside *key)
{
	if (key->value)
		return !key->transport && !key->wrapped && key->value_len == a->size;
	return key->transport && key->wrapped;
}

static enum ukey_status check(
	struct ukey_token *t, struct ukey_generate *how, const struct ukey_outside *key, struct crypto_pubkey *half)
{
	struct ukey_token_info info;
	enum ukey_status status;

	ukey_token_info(t, &info);
	if (!crypto_pubkey_from_spki(BYTES(key->spki, key->spki_len), half))
		return UKEY_KEY_INVALID;
	if (!algorithm_of_public(half, &how->algorithm))
		return UKEY_ALGORITHM;
	if ((how->ref >= 0 && how->ref % 2 == UKEY_SIGNATURE) || (how->usage & UKEY_USE_SIGN))
		return UKEY_KEY_ORIGIN;
	how->pair = UKEY_EXCHANGE;
	status = key_check(t, how);
	if (status != UKEY_OK)
		return status;
	if (!shape_good(algorithm_of(how->algorithm), key))
		return UKEY_KEY_INVALID;
	if (how->usage == 0)
		how->usage = algorithm_of(how->algorithm)->usage & ~(unsigned)UKEY_USE_SIGN;
	return t->card->import && (info.protocol_major > 1 || info.protocol_minor >= IMPORT_MINOR) ? UKEY_OK
												   : UKEY_NOT_SUPPORTED;
}

static enum ukey_status import(struct ukey_token *t, const struct ukey_generate *how, const struct ukey_outside *key,
	const struct crypto_pubkey *half)
{
	const struct card_public public_key = {half->modulus, half->exponent, half->point};
	const struct card_private private_key = {BYTES(key->value, key->value_len),
		BYTES(key->transport, key->transport_len), BYTES(key->wrapped, key->wrapped_len)};
	uint32_t generation;
	enum ukey_status status = t->card->import(&t->port, how, &public_key, &private_key, &generation);

	if (status != UKEY_OK) {
		/* There may be a key now that we know nothing of. */
		token_stale(t);
		return status;
	}
	token_wrote(t, generation,
		&(struct directory_change){
			.verb = DIRECTORY_IMPORT, .number = (uint8_t)how->ref, .how = how, .made = &public_key});
	return UKEY_OK;
}

enum ukey_status ukey_import_key(
	struct ukey_token *t, const struct ukey_generate *how, const struct ukey_outside *key, ukey_key_ref *ref)
{
	struct ukey_generate exact = *how;
	struct crypto_pubkey half;
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	status = check(t, &exact, key, &half);
	if (status == UKEY_OK)
		status = token_require(t, UKEY_USER);
	if (status == UKEY_OK)
		status = key_choose_place(t, &exact);
	if (status == UKEY_OK)
		status = import(t, &exact, key, &half);
	if (status == UKEY_OK && ref)
		*ref = (ukey_key_ref)exact.ref;
	return token_finish(t, status);
}
