/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of the master key: a token's unlock key, for as long as one answer takes, and its escrow key. */
#include "config.h"

#include "desk/private.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/secmem.h"
#include "common/unlock.h"

#define ESCROW_KEY_SIZE 32
#define TAG_SIZE        16
#define NONCE_SIZE      12

/* Everything secret of one computation lies here, in locked memory. */
struct secrets {
	uint8_t key[ESCROW_KEY_SIZE]; /* or K_u in the first half */
	uint8_t mac[UNLOCK_MAC_SIZE];
};

enum desk_status desk_master_open(struct desk *desk, const struct desk_master **out)
{
	enum desk_status status = DESK_OK;

	if (desk->master == NULL && desk->own_master.cmac == NULL)
		status = desk_master_p11(desk, &desk->own_master);
	if (status == DESK_OK)
		*out = desk->master != NULL ? desk->master : &desk->own_master;
	return status;
}

/* SP 800-108 with as many blocks as the key has. */
static enum desk_status derive(struct desk *desk, const char *label, uint8_t version,
	const uint8_t serial[UNLOCK_SERIAL_SIZE], uint8_t *key, size_t len)
{
	const struct desk_master *master = NULL;
	uint8_t input[UNLOCK_INPUT_MAX];
	enum desk_status status = desk_master_open(desk, &master);

	for (uint32_t i = 0; status == DESK_OK && i * UNLOCK_MAC_SIZE < len; i++) {
		struct builder b = builder_of(input, sizeof(input));
		unlock_kdf_input(&b, i + 1, label, version, serial, (uint32_t)(8 * len));
		status = master->cmac(master->arg, version, builder_bytes(&b), key + i * UNLOCK_MAC_SIZE);
	}
	return status;
}

static bool cmac(const uint8_t key[UNLOCK_KEY_SIZE], struct bytes in, uint8_t out[UNLOCK_MAC_SIZE])
{
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
	size_t n = 0;

	return EVP_Q_mac(NULL, "CMAC", NULL, NULL, params, key, UNLOCK_KEY_SIZE, in.data, in.len, out, UNLOCK_MAC_SIZE,
		       &n) != NULL &&
	       n == UNLOCK_MAC_SIZE;
}

/* The first bytes of a MAC with the token's unlock key over what `input` holds. */
static enum desk_status unlock_mac(struct desk *desk, uint8_t version, const uint8_t serial[UNLOCK_SERIAL_SIZE],
	struct bytes input, struct secrets *s)
{
	enum desk_status status = derive(desk, UNLOCK_LABEL_PIN, version, serial, s->key, UNLOCK_KEY_SIZE);

	return status == DESK_OK && !cmac(s->key, input, s->mac) ? DESK_CRYPTO : status;
}

enum desk_status desk_key_answer(struct desk *desk, struct bytes challenge, uint8_t response[9])
{
	struct secrets *s = secmem_alloc(sizeof(*s));
	uint8_t input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(input, sizeof(input));
	struct unlock_challenge c;
	enum desk_status status = s != NULL ? DESK_OK : DESK_MEMORY;

	if (status == DESK_OK && !unlock_challenge_parse(challenge, &c))
		status = DESK_DAMAGED;
	if (status == DESK_OK) {
		unlock_response_input(&b, &c, UNLOCK_SET_USER_PIN);
		status = unlock_mac(desk, c.version, c.serial, builder_bytes(&b), s);
	}
	if (status == DESK_OK)
		unlock_response_cut(s->mac, response);
	secmem_free(s);
	return status;
}

enum desk_status desk_key_proof(
	struct desk *desk, uint8_t version, const uint8_t serial[8], uint16_t counter, uint8_t proof[5])
{
	struct secrets *s = secmem_alloc(sizeof(*s));
	uint8_t input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(input, sizeof(input));
	enum desk_status status = s != NULL ? DESK_OK : DESK_MEMORY;

	if (status == DESK_OK) {
		unlock_proof_input(&b, version, serial, counter);
		status = unlock_mac(desk, version, serial, builder_bytes(&b), s);
	}
	if (status == DESK_OK)
		unlock_proof_cut(s->mac, proof);
	secmem_free(s);
	return status;
}

/* AES-256-GCM; the token is authenticated with it, so that no sealed PIN passes for another token's. */
static bool gcm(bool seal, const uint8_t *key, const uint8_t nonce[NONCE_SIZE], struct bytes token, struct bytes in,
	uint8_t *out, uint8_t tag[TAG_SIZE])
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = 0, last = 0;
	bool ok = ctx != NULL && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce, seal ? 1 : 0) == 1 &&
		  (seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_SIZE, tag) == 1) &&
		  EVP_CipherUpdate(ctx, NULL, &n, token.data, (int)token.len) == 1 &&
		  EVP_CipherUpdate(ctx, out, &n, in.data, (int)in.len) == 1 &&
		  EVP_CipherFinal_ex(ctx, out + n, &last) == 1 &&
		  (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_SIZE, tag) == 1);

	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

static enum desk_status escrow(struct desk *desk, bool seal, uint8_t version, const uint8_t serial[8],
	const uint8_t nonce[12], struct bytes in, uint8_t *out, uint8_t tag[TAG_SIZE])
{
	struct secrets *s = secmem_alloc(sizeof(*s));
	uint8_t token[1 + UNLOCK_SERIAL_SIZE] = {version};
	enum desk_status status;

	if (s == NULL)
		return DESK_MEMORY;
	bytes_copy(token + 1, BYTES(serial, UNLOCK_SERIAL_SIZE));
	status = derive(desk, UNLOCK_LABEL_ESCROW, version, serial, s->key, ESCROW_KEY_SIZE);
	if (status == DESK_OK && !gcm(seal, s->key, nonce, BYTES_OF(token), in, out, tag))
		status = seal ? DESK_CRYPTO : DESK_DAMAGED;
	secmem_free(s);
	return status;
}

enum desk_status desk_key_seal(struct desk *desk, uint8_t version, const uint8_t serial[8], const uint8_t nonce[12],
	struct bytes plain, uint8_t *sealed)
{
	return escrow(desk, true, version, serial, nonce, plain, sealed, sealed + plain.len);
}

enum desk_status desk_key_open(struct desk *desk, uint8_t version, const uint8_t serial[8], const uint8_t nonce[12],
	struct bytes sealed, uint8_t *plain)
{
	uint8_t tag[TAG_SIZE];

	if (sealed.len < TAG_SIZE)
		return DESK_DAMAGED;
	bytes_copy(tag, BYTES(sealed.data + (sealed.len - TAG_SIZE), TAG_SIZE));
	return escrow(desk, false, version, serial, nonce, BYTES(sealed.data, sealed.len - TAG_SIZE), plain, tag);
}
