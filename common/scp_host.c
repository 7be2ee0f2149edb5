/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scp_host.h"

#include "common/crypto_evp.h"
#include "common/scp_evp.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <stdlib.h>

#define FIELD (SCP_SECRET_SIZE / 2)

struct scp_host {
	EVP_PKEY *ephemeral;
	struct scp_params params;
	uint8_t command_data[SCP_AUTHENTICATE_SIZE]; /* as sent: the receipt covers it */
};

/* Uncompressed, as OpenSSL gives it unless told otherwise. */
static bool public_point(EVP_PKEY *key, uint8_t point[SCP_POINT_SIZE])
{
	size_t n = 0;

	return EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point, SCP_POINT_SIZE, &n) == 1 &&
	       n == SCP_POINT_SIZE;
}

bool scp_evp_agree(EVP_PKEY *own, struct bytes point, uint8_t x[32])
{
	const struct crypto_pubkey peer_key = {.type = CRYPTO_EC_P256, .point = point};
	EVP_PKEY *peer = crypto_pubkey_evp(&peer_key);
	EVP_PKEY_CTX *ctx = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
	size_t n = FIELD;
	bool ok = ctx && EVP_PKEY_derive_init(ctx) == 1 && EVP_PKEY_derive_set_peer_ex(ctx, peer, 1) == 1 &&
		  EVP_PKEY_derive(ctx, x, &n) == 1 && n == FIELD;

	if (!ok)
		bytes_wipe(x, FIELD);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	crypto_clear_errors();
	return ok;
}

struct scp_host *scp_host_begin_with(EVP_PKEY *ephemeral, const struct scp_params *p, struct builder *data)
{
	uint8_t point[SCP_POINT_SIZE];
	struct scp_host *h = calloc(1, sizeof(*h));

	if (!h) {
		EVP_PKEY_free(ephemeral);
		return NULL;
	}
	*h = (struct scp_host){.ephemeral = ephemeral, .params = *p};
	struct builder command = builder_of(h->command_data, sizeof(h->command_data));
	bool ok = ephemeral && public_point(ephemeral, point);
	if (ok) {
		scp_put_authenticate(&command, p, BYTES_OF(point));
		builder_put(data, builder_bytes(&command));
		ok = command.len == SCP_AUTHENTICATE_SIZE && !command.failed && !data->failed;
	}
	crypto_clear_errors();
	if (ok)
		return h;
	scp_host_free(h);
	return NULL;
}

/*
 * The algorithm by its object identifier: by the name "EC" OpenSSL 3.0 would ask an engine of the application first,
 * and libp11's, which is the usual one where our module is used, has no such keys.
 */
static EVP_PKEY *ephemeral_key(void)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "1.2.840.10045.2.1", NULL);
	EVP_PKEY *key = NULL;

	if (ctx && EVP_PKEY_keygen_init(ctx) > 0 && EVP_PKEY_CTX_set_group_name(ctx, "P-256") > 0 &&
		EVP_PKEY_generate(ctx, &key) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

struct scp_host *scp_host_begin(const struct scp_params *p, struct builder *data)
{
	return scp_host_begin_with(ephemeral_key(), p, data);
}

enum scp_host_result scp_host_finish(
	struct scp_host *h, struct bytes token_key, struct bytes answer, struct scp_session *s)
{
	enum scp_host_result result = SCP_HOST_MALFORMED;
	uint8_t z[SCP_SECRET_SIZE] = {0};
	struct scp_answer parsed;

	scp_session_close(s);
	if (!h->ephemeral)
		return SCP_HOST_FAILED;
	/* The ephemeral key agrees twice: with the token's ephemeral key, then with its static one. */
	if (scp_parse_answer(answer, &parsed) && scp_evp_agree(h->ephemeral, parsed.point, z) &&
		scp_evp_agree(h->ephemeral, token_key, z + FIELD))
		result = scp_open_host(s, &scp_openssl, &h->params, z, BYTES_OF(h->command_data), &parsed)
				 ? SCP_HOST_OK
				 : SCP_HOST_NOT_GENUINE;
	bytes_wipe(z, sizeof(z));
	EVP_PKEY_free(h->ephemeral);
	h->ephemeral = NULL;
	return result;
}

void scp_host_free(struct scp_host *h)
{
	if (!h)
		return;
	EVP_PKEY_free(h->ephemeral);
	free(h);
}
