/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Using keys: the host pads and unpads, the token does the raw operation (doc/token-protocol.md 2.3, 4.7).
 *
 * A signature of a token of ours is not verified here: that would cost more than it guards against on a genuine token.
 * Whoever must guard against a faulty chip verifies with the public key. Of a card that tells nothing it is: another
 * program may have put another key there, and the listed one's is the only result that anybody can want.
 */
#include "common/rsa_pad.h"
#include "common/secmem.h"
#include "driver/directory.h"
#include "driver/token.h"

#include <string.h>

#define RANDOM_PIECE 32768u

/* One use of a key. */
struct use {
	enum card_operation operation;
	enum ukey_usage usage;
	ukey_key_ref ref;
	const struct ukey_directory *directory; /* holds the key */
	const struct ukey_key *key;
	const struct algorithm *algorithm;
};

static const enum crypto_hash hashes[] = {
	[UKEY_HASH_NONE] = CRYPTO_NO_HASH,
	[UKEY_SHA1] = CRYPTO_SHA1,
	[UKEY_SHA224] = CRYPTO_SHA224,
	[UKEY_SHA256] = CRYPTO_SHA256,
	[UKEY_SHA384] = CRYPTO_SHA384,
	[UKEY_SHA512] = CRYPTO_SHA512,
	[UKEY_SHA3_224] = CRYPTO_SHA3_224,
	[UKEY_SHA3_256] = CRYPTO_SHA3_256,
	[UKEY_SHA3_384] = CRYPTO_SHA3_384,
	[UKEY_SHA3_512] = CRYPTO_SHA3_512,
};

static enum crypto_hash hash_of(enum ukey_hash h)
{
	return (unsigned)h < sizeof hashes / sizeof hashes[0] ? hashes[h] : CRYPTO_NO_HASH;
}

/* The token is owned, the key there and made for this, and the user in where it needs that. On success use_end() must
 * follow. */
static enum ukey_status use_begin(struct ukey_token *t, struct use *u)
{
	enum ukey_status status = token_begin(t), in;

	if (status != UKEY_OK)
		return status;
	in = token_require(t, UKEY_USER);
	/* Only where some keys ask for no PIN does it matter which one this is. */
	status = in == UKEY_OK || t->card->keys_without_pin ? token_directory(t, &u->directory) : in;
	if (status != UKEY_OK) {
		token_finish(t, status);
		return status;
	}
	u->key = ukey_directory_key(u->directory, u->ref);
	u->algorithm = u->key ? algorithm_of(u->key->algorithm) : NULL;
	status = in != UKEY_OK && !(u->key && u->key->no_pin) ? in
		 : !u->algorithm                              ? UKEY_NOT_FOUND
		 : u->key->usage & u->usage                   ? UKEY_OK
							      : UKEY_KEY_USAGE;
	if (status != UKEY_OK) {
		ukey_directory_unref(u->directory);
		/* What the reading showed counts; the refusal is ours. */
		token_finish(t, UKEY_OK);
	}
	return status;
}

static enum ukey_status use_end(struct ukey_token *t, struct use *u, enum ukey_status status)
{
	/* 6982 on such a key asks for the PIN once more; the log-in itself stands. */
	const bool again = u->key->always_authenticate && status == UKEY_NOT_LOGGED_IN && !t->memory.deselected;

	if (status == UKEY_NOT_FOUND)
		token_stale(t);
	ukey_directory_unref(u->directory);
	if (!again)
		return token_finish(t, status);
	token_end(t);
	return status;
}

static enum ukey_status key_changed(struct ukey_token *t)
{
	token_stale(t);
	return UKEY_KEY_CHANGED;
}

static enum ukey_status operate(struct ukey_token *t, const struct use *u, struct bytes in, uint8_t *out, size_t len)
{
	const enum ukey_algorithm a = u->algorithm->algorithm;
	enum ukey_status status = t->card->operate(&t->port, u->operation, a, u->ref, in, out, len);

	/* The log-in went with somebody's reset: no loss to a key that wants none. */
	if (status == UKEY_TOKEN_RESET && u->key->no_pin)
		status = t->card->operate(&t->port, u->operation, a, u->ref, in, out, len);
	/* What was sent is right for the key that we know. */
	if (t->card->tells_nothing && (status == UKEY_NOT_FOUND || status == UKEY_DATA_INVALID ||
					      status == UKEY_DECRYPT_FAILED || status == UKEY_KEY_USAGE))
		return key_changed(t);
	return status;
}

/* The public key takes `result` back to `in`: the private one made it. */
static enum ukey_status check(
	struct ukey_token *t, const struct use *u, enum crypto_scheme_kind kind, struct bytes in, const uint8_t *result)
{
	const struct crypto_scheme scheme = {.kind = kind};
	const struct crypto_pubkey key = key_public(u->key);

	switch (crypto_verify(&key, &scheme, in, BYTES(result, u->algorithm->result))) {
	case CRYPTO_GOOD:
		return UKEY_OK;
	case CRYPTO_BAD:
		return key_changed(t);
	default:
		return UKEY_MEMORY;
	}
}

static bool below_modulus(const struct ukey_key *k, const uint8_t *block)
{
	return memcmp(block, k->modulus, k->modulus_len) < 0;
}

/* ---- sign -------------------------------------------------------------------------------------------------------- */

/* The block that the raw operation takes, k bytes. */
static enum ukey_status pad(const struct use *u, const struct ukey_scheme *s, struct bytes in, uint8_t *block)
{
	const size_t k = u->algorithm->size;
	const enum crypto_hash hash = hash_of(s->hash);
	const struct rsa_pad_params pss = {.hash = hash, .mgf_hash = hash_of(s->mgf), .salt_len = s->salt_len};
	size_t salt_max;

	switch (s->padding) {
	case UKEY_RAW:
		if (in.len != k)
			return UKEY_DATA_LENGTH;
		bytes_copy(block, in);
		return below_modulus(u->key, block) ? UKEY_OK : UKEY_DATA_INVALID;
	case UKEY_PKCS1:
		if (s->hash == UKEY_HASH_NONE)
			return rsa_pad_pkcs1_sign(in, block, k) ? UKEY_OK : UKEY_DATA_LENGTH;
		if (hash == CRYPTO_NO_HASH)
			return UKEY_ARGUMENT;
		return rsa_pad_pkcs1_sign_digest(hash, in, block, k) ? UKEY_OK : UKEY_DATA_LENGTH;
	case UKEY_PSS:
		if (hash == CRYPTO_NO_HASH || pss.mgf_hash == CRYPTO_NO_HASH ||
			!rsa_pad_pss_salt_max(hash, 8 * k, &salt_max) || s->salt_len > salt_max)
			return UKEY_ARGUMENT;
		if (in.len != crypto_hash_size(hash))
			return UKEY_DATA_LENGTH;
		return rsa_pad_pss_encode(&pss, in, BYTES_NONE, 8 * k, block) ? UKEY_OK : UKEY_MEMORY;
	default:
		return UKEY_ARGUMENT;
	}
}

static enum ukey_status sign_rsa(
	struct ukey_token *t, const struct use *u, const struct ukey_scheme *s, struct bytes in, uint8_t *out)
{
	const size_t k = u->algorithm->size;
	uint8_t *block = secmem_alloc(k);
	enum ukey_status status = block ? pad(u, s, in, block) : UKEY_MEMORY;

	if (status == UKEY_OK)
		status = operate(t, u, BYTES(block, k), out, k);
	if (status == UKEY_OK && t->card->tells_nothing)
		status = check(t, u, CRYPTO_RSA_RAW, BYTES(block, k), out);
	/* A result that is not below the modulus is none. */
	if (status == UKEY_OK && !below_modulus(u->key, out))
		status = UKEY_TOKEN_PROTOCOL;
	secmem_free(block);
	return status;
}

/* FIPS 186-5 6.4.1: the leftmost bits of the digest, as many as the order has. */
static struct bytes ecdsa_integer(enum crypto_key_type type, struct bytes in, uint8_t store[CRYPTO_POINT_MAX])
{
	const size_t field = crypto_field_size(type);

	if (in.len < field)
		return in;
	bytes_copy(store, BYTES(in.data, field));
	if (type == CRYPTO_EC_P521)
		/* 521 bits of 528 */
		for (size_t i = field; i-- > 0;)
			store[i] = (uint8_t)(store[i] >> 7 | (i ? store[i - 1] << 1 : 0));
	return BYTES(store, field);
}

static enum ukey_status sign_ecdsa(
	struct ukey_token *t, const struct use *u, const struct ukey_scheme *s, struct bytes in, uint8_t *out)
{
	uint8_t store[CRYPTO_POINT_MAX];

	if (s->padding != UKEY_ECDSA)
		return UKEY_ARGUMENT;
	if (in.len == 0)
		return UKEY_DATA_LENGTH;
	const struct bytes number = ecdsa_integer(u->algorithm->type, in, store);
	enum ukey_status status = operate(t, u, number, out, u->algorithm->result);
	if (status == UKEY_OK && t->card->tells_nothing)
		status = check(t, u, CRYPTO_ECDSA, number, out);
	return status;
}

enum ukey_status ukey_sign(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme, const uint8_t *in,
	size_t in_len, uint8_t *out, size_t *len)
{
	struct use u = {.operation = CARD_SIGN, .usage = UKEY_USE_SIGN, .ref = ref};
	uint8_t result[CRYPTO_RSA_BYTES_MAX];
	enum ukey_status status = use_begin(t, &u);

	if (status != UKEY_OK)
		return status;
	if (*len < u.algorithm->result)
		status = UKEY_BUFFER_TOO_SMALL;
	else if (u.algorithm->type == CRYPTO_RSA)
		status = sign_rsa(t, &u, scheme, BYTES(in, in_len), result);
	else
		status = sign_ecdsa(t, &u, scheme, BYTES(in, in_len), result);
	if (status == UKEY_OK) {
		bytes_copy(out, BYTES(result, u.algorithm->result));
		*len = u.algorithm->result;
	}
	return use_end(t, &u, status);
}

/* ---- decrypt ----------------------------------------------------------------------------------------------------- */

static enum ukey_status unpad(const struct ukey_scheme *s, struct bytes block, uint8_t *message, size_t *len)
{
	const struct rsa_pad_params oaep = {.hash = hash_of(s->hash), .mgf_hash = hash_of(s->mgf)};
	bool good;

	switch (s->padding) {
	case UKEY_RAW:
		bytes_copy(message, block);
		*len = block.len;
		return UKEY_OK;
	case UKEY_PKCS1:
		good = rsa_pad_pkcs1_decrypt(block, message, len);
		break;
	default:
		good = rsa_pad_oaep_decrypt(&oaep, BYTES(s->label, s->label_len), block, message, len);
		break;
	}
	return good ? UKEY_OK : UKEY_DECRYPT_FAILED;
}

static enum ukey_status check_decrypt(const struct use *u, const struct ukey_scheme *s, struct bytes in)
{
	size_t max;

	if (u->algorithm->type != CRYPTO_RSA)
		return UKEY_ARGUMENT;
	if (s->padding == UKEY_OAEP) {
		if (hash_of(s->mgf) == CRYPTO_NO_HASH ||
			!rsa_pad_oaep_message_max(hash_of(s->hash), u->algorithm->size, &max))
			return UKEY_ARGUMENT;
	} else if (s->padding != UKEY_RAW && s->padding != UKEY_PKCS1) {
		return UKEY_ARGUMENT;
	}
	if (in.len != u->algorithm->size)
		return UKEY_DATA_LENGTH;
	return below_modulus(u->key, in.data) ? UKEY_OK : UKEY_DECRYPT_FAILED;
}

static enum ukey_status decrypt(struct ukey_token *t, const struct use *u, const struct ukey_scheme *s, struct bytes in,
	uint8_t *out, size_t *len)
{
	const size_t k = u->algorithm->size;
	size_t message_len = 0;
	uint8_t *block = secmem_alloc(2 * k), *message = block ? block + k : NULL;
	enum ukey_status status = block ? operate(t, u, in, block, k) : UKEY_MEMORY;

	/* Before anything is said of its padding. */
	if (status == UKEY_OK && t->card->tells_nothing)
		status = check(t, u, CRYPTO_RSA_RAW, in, block);
	if (status == UKEY_OK && !below_modulus(u->key, block))
		status = UKEY_TOKEN_PROTOCOL;
	if (status == UKEY_OK)
		status = unpad(s, BYTES(block, k), message, &message_len);
	if (status == UKEY_OK && message_len > *len)
		status = UKEY_BUFFER_TOO_SMALL;
	if (status == UKEY_OK) {
		bytes_copy(out, BYTES(message, message_len));
		*len = message_len;
	}
	secmem_free(block);
	return status;
}

enum ukey_status ukey_decrypt(struct ukey_token *t, ukey_key_ref ref, const struct ukey_scheme *scheme,
	const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	struct use u = {.operation = CARD_DECRYPT, .usage = UKEY_USE_DECRYPT, .ref = ref};
	enum ukey_status status = use_begin(t, &u);

	if (status != UKEY_OK)
		return status;
	status = check_decrypt(&u, scheme, BYTES(in, in_len));
	if (status == UKEY_OK)
		status = decrypt(t, &u, scheme, BYTES(in, in_len), out, len);
	return use_end(t, &u, status);
}

/* ---- derive ------------------------------------------------------------------------------------------------------ */

static enum ukey_status check_peer(const struct use *u, struct bytes peer)
{
	const struct crypto_pubkey key = {.type = u->algorithm->type, .point = peer};

	if (u->algorithm->type == CRYPTO_RSA)
		return UKEY_ARGUMENT;
	if (peer.len != 1 + 2 * u->algorithm->size)
		return UKEY_DATA_LENGTH;
	return crypto_point_valid(&key) ? UKEY_OK : UKEY_DATA_INVALID;
}

/*
 * Nobody can tell a wrong secret from a right one. Where the PIN is asked for each time, nothing may come between it
 * and the operation.
 */
static enum ukey_status confirm(struct ukey_token *t, struct use *u)
{
	if (!t->card->tells_nothing || u->key->always_authenticate)
		return UKEY_OK;
	enum ukey_status status = fresh_confirm_key(t, u->ref, &u->directory);
	if (status == UKEY_OK)
		u->key = ukey_directory_key(u->directory, u->ref);
	return status;
}

enum ukey_status ukey_derive(
	struct ukey_token *t, ukey_key_ref ref, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len)
{
	struct use u = {.operation = CARD_DERIVE, .usage = UKEY_USE_DERIVE, .ref = ref};
	uint8_t secret[CRYPTO_POINT_MAX];
	enum ukey_status status = use_begin(t, &u);

	if (status != UKEY_OK)
		return status;
	status = check_peer(&u, BYTES(peer, peer_len));
	if (status == UKEY_OK && *len < u.algorithm->size)
		status = UKEY_BUFFER_TOO_SMALL;
	if (status == UKEY_OK)
		status = confirm(t, &u);
	if (status == UKEY_OK)
		status = operate(t, &u, BYTES(peer, peer_len), secret, u.algorithm->size);
	if (status == UKEY_OK) {
		bytes_copy(out, BYTES(secret, u.algorithm->size));
		*len = u.algorithm->size;
	}
	bytes_wipe(secret, sizeof secret);
	return use_end(t, &u, status);
}

/* ---- random ------------------------------------------------------------------------------------------------------ */

enum ukey_status ukey_random(struct ukey_token *t, uint8_t *out, size_t len)
{
	struct builder b = builder_of(out, len);
	enum ukey_status status = token_begin(t);

	if (status != UKEY_OK)
		return status;
	while (status == UKEY_OK && b.len < len) {
		size_t piece = len - b.len < RANDOM_PIECE ? len - b.len : RANDOM_PIECE;
		status = t->card->random(&t->port, out + b.len, &piece);
		if (status == UKEY_OK)
			builder_room(&b, piece);
	}
	/* Half an answer is none. */
	if (status != UKEY_OK)
		bytes_wipe(out, len);
	return token_finish(t, status);
}
