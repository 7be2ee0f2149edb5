/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/channel/tunnel.h"

#include <openssl/evp.h>
#include <openssl/core_names.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

struct tunnel *tunnel_new(tunnel_carry *carry, void *ctx, const struct tunnel *like)
{
	struct tunnel *u = calloc(1, sizeof *u);

	if (!u)
		abort();
	u->carry = carry;
	u->ctx = ctx;
	if (like && like->key_known) {
		memcpy(u->key, like->key, sizeof u->key);
		u->key_known = true;
	}
	return u;
}

void tunnel_free(struct tunnel *u)
{
	if (u)
		scp_session_close(&u->session);
	free(u);
}

uint16_t tunnel_raw(struct tunnel *u, struct bytes command)
{
	struct rapdu r;

	u->answer = builder_of(u->memory, sizeof u->memory);
	if (!u->carry(u->ctx, command, &u->answer) || !rapdu_parse(builder_bytes(&u->answer), &r)) {
		u->answer.len = 0;
		return 0;
	}
	u->answer.len -= 2;
	return r.sw;
}

struct bytes tunnel_data(const struct tunnel *u)
{
	return BYTES(u->answer.data, u->answer.failed ? 0 : u->answer.len);
}

uint8_t tunnel_class(uint8_t cla, uint8_t channel, bool secured)
{
	struct apdu_class c = {.proprietary = (cla & 0x80) != 0, .channel = channel, .secure = secured};

	return apdu_class_encode(&c);
}

static uint16_t send(struct tunnel *u, const struct apdu *a)
{
	uint8_t raw[TUNNEL_MAX];
	struct builder b = builder_of(raw, sizeof raw);

	apdu_encode(&b, a);
	return b.failed ? 0 : tunnel_raw(u, builder_bytes(&b));
}

/* Extended, so that no answer comes in pieces. */
static struct apdu command(
	struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le)
{
	return (struct apdu){.cla = tunnel_class(cla, u->channel, false),
		.ins = ins,
		.p1 = p1,
		.p2 = p2,
		.data = data,
		.le = le,
		.extended = !u->short_apdus};
}

uint16_t tunnel_clear(
	struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le)
{
	struct apdu a = command(u, cla, ins, p1, p2, data, le);

	return send(u, &a);
}

bool tunnel_wrap(struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le,
	struct builder *raw)
{
	uint8_t memory[TUNNEL_MAX];
	struct builder b = builder_of(memory, sizeof memory);
	struct apdu a = command(u, cla, ins, p1, p2, data, le);

	builder_put(&b, data);
	if (!scp_wrap_command(&u->session, &a, &b))
		return false;
	apdu_encode(raw, &a);
	return !raw->failed;
}

uint16_t tunnel_secured(
	struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le)
{
	uint8_t memory[TUNNEL_MAX];
	struct builder raw = builder_of(memory, sizeof memory);

	if (!tunnel_wrap(u, cla, ins, p1, p2, data, le, &raw))
		return 0;
	uint16_t sw = tunnel_raw(u, builder_bytes(&raw));
	if (sw == 0)
		scp_session_abort(&u->session);
	return sw != 0 && scp_unwrap_response(&u->session, sw, &u->answer) ? sw : 0;
}

int tunnel_channel(struct tunnel *u)
{
	static const uint8_t open[] = {0x00, 0x70, 0x00, 0x00, 0x01};

	return tunnel_raw(u, BYTES_OF(open)) == SW_OK && tunnel_data(u).len == 1 ? tunnel_data(u).data[0] : -1;
}

bool tunnel_close_channel(struct tunnel *u, uint8_t channel)
{
	const uint8_t close[] = {0x00, 0x70, 0x80, channel};

	return tunnel_raw(u, BYTES_OF(close)) == SW_OK;
}

/* The point of the last certificate of the chain. */
static bool read_key(struct tunnel *u)
{
	static const uint8_t chain[] = {0x00, 0xCB, 0x3F, 0xFF, 0, 0, 4, 0x5C, 2, 0x00, 0x03, 0, 0};
	uint8_t command[sizeof chain];
	X509 *leaf = NULL;
	size_t len = 0;

	memcpy(command, chain, sizeof chain);
	command[0] = tunnel_class(0, u->channel, false);
	if (tunnel_raw(u, BYTES_OF(command)) != SW_OK)
		return false;
	const uint8_t *at = tunnel_data(u).data, *end = at + tunnel_data(u).len;
	while (at < end) {
		X509 *next = d2i_X509(NULL, &at, end - at);
		if (!next)
			break;
		X509_free(leaf);
		leaf = next;
	}
	u->key_known = leaf &&
		       EVP_PKEY_get_octet_string_param(
			       X509_get0_pubkey(leaf), OSSL_PKEY_PARAM_PUB_KEY, u->key, sizeof u->key, &len) == 1 &&
		       len == sizeof u->key;
	X509_free(leaf);
	return u->key_known;
}

bool tunnel_open(struct tunnel *u)
{
	static const struct scp_params params = {SCP_USAGE_MAC_ENC, 16};
	uint8_t memory[SCP_AUTHENTICATE_SIZE];
	struct builder data = builder_of(memory, sizeof memory);
	struct scp_host *host;
	bool ok = false;

	if (!u->key_known && !read_key(u))
		return false;
	host = scp_host_begin(&params, &data);
	if (host && tunnel_clear(u, 0x80, SCP_INS_INTERNAL_AUTHENTICATE, 0x01, SCP_KID_SCP11B, builder_bytes(&data),
			    APDU_LE_MAX) == SW_OK)
		ok = scp_host_finish(host, BYTES_OF(u->key), tunnel_data(u), &u->session) == SCP_HOST_OK;
	scp_host_free(host);
	return ok;
}
