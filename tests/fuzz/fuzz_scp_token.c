/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a host, or whoever sits between, can send to the token's end of the secure channel.
 *
 * First byte 00: the rest is the data of INTERNAL AUTHENTICATE. Otherwise: commands, each
 *	how, CLA, INS, P1, P2, status (2), length (2), data
 * how: 01 extended; 02 give the data a right C-MAC; 04 let the host wrap it; 08 a new session without encryption;
 * 10 with it.
 */
#include "tests/fuzz/fuzz_scp.h"

static void authenticate(struct bytes data)
{
	uint8_t memory[SCP_AUTHENTICATE_SIZE], reply[SCP_ANSWER_SIZE], z[SCP_SECRET_SIZE] = {1};
	struct builder again = builder_of(memory, sizeof memory), answer = builder_of(reply, sizeof reply);
	struct scp_params p, q;
	struct bytes point, same;
	struct scp_session token, host;
	struct scp_answer parsed;

	if (!scp_parse_authenticate(data, &p, &point))
		return;
	FUZZ_REQUIRE(data.len == SCP_AUTHENTICATE_SIZE);
	scp_put_authenticate(&again, &p, point);
	FUZZ_REQUIRE(scp_parse_authenticate(builder_bytes(&again), &q, &same));
	FUZZ_REQUIRE(q.usage == p.usage && q.key_len == p.key_len && bytes_equal(point, same));
	FUZZ_REQUIRE(scp_open_token(&token, &scp_openssl, &p, z, data, point, &answer));
	FUZZ_REQUIRE(scp_parse_answer(builder_bytes(&answer), &parsed));
	z[0] = 1;
	FUZZ_REQUIRE(scp_open_host(&host, &scp_openssl, &p, z, data, &parsed));
	FUZZ_REQUIRE(memcmp(&host, &token, sizeof host) == 0);
}

/* The right C-MAC over whatever data there is: what only the key's owner can do, and may do badly. */
static void put_mac(const struct scp_session *s, const struct apdu *a, struct builder *data)
{
	const size_t lc = data->len + SCP_MAC_SIZE;
	const bool three = a->extended || lc > 255;
	const uint8_t header[] = {(uint8_t)((a->cla & 0x80) | 4), a->ins, a->p1, a->p2, three ? 0 : (uint8_t)lc,
		(uint8_t)(lc >> 8), (uint8_t)lc};
	const struct bytes part[] = {BYTES_OF(s->chain), BYTES(header, three ? 7 : 5), builder_bytes(data)};
	uint8_t mac[SCP_BLOCK];

	FUZZ_REQUIRE(scp_cmac(s->crypto, BYTES(s->mac, s->key_len), part, 3, mac));
	builder_put(data, BYTES(mac, SCP_MAC_SIZE));
}

/* What the token took must be what a host would have sent for it; `host` has sent it afterwards. */
static void must_be_canonical(
	struct scp_session *host, const struct apdu *a, struct bytes plain, struct bytes wire, uint32_t number)
{
	uint8_t memory[FUZZ_DATA_MAX + SCP_OVERHEAD];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu_class class;
	struct apdu again = *a;

	FUZZ_REQUIRE(apdu_class_parse(a->cla, &class));
	class.secure = false;
	again.cla = apdu_class_encode(&class);
	again.le = APDU_LE_NONE;
	again.extended = a->extended || wire.len > 255;
	builder_put(&data, plain);
	host->counter = number - 1;
	FUZZ_REQUIRE(scp_wrap_command(host, &again, &data));
	FUZZ_REQUIRE(again.cla == a->cla);
	/* nothing may also come as a block of padding, as some hosts send it */
	if (plain.len > 0 || host->usage == SCP_USAGE_MAC || wire.len == SCP_MAC_SIZE)
		FUZZ_REQUIRE(bytes_equal(builder_bytes(&data), wire));
	else
		FUZZ_REQUIRE(wire.len == SCP_BLOCK + SCP_MAC_SIZE);
}

static void answer(struct scp_session *host, struct scp_session *token, uint16_t sw, struct builder *data)
{
	const bool with_mac = sw == SW_OK || sw >> 8 == 0x62 || sw >> 8 == 0x63;
	uint8_t copy[FUZZ_DATA_MAX];
	const size_t n = data->len;

	bytes_copy(copy, BYTES(data->data, n));
	host->counter = token->counter;
	bytes_copy(host->chain, BYTES_OF(token->chain));
	FUZZ_REQUIRE(scp_wrap_response(token, sw, data));
	FUZZ_REQUIRE(with_mac ? data->len >= SCP_MAC_SIZE : data->len == 0);
	FUZZ_REQUIRE(scp_unwrap_response(host, sw, data));
	FUZZ_REQUIRE(bytes_equal(builder_bytes(data), with_mac ? BYTES(copy, n) : BYTES_NONE));
}

static void command(struct scp_session *host, struct scp_session *token, struct cursor *c)
{
	uint8_t memory[FUZZ_DATA_MAX + SCP_OVERHEAD], sent[FUZZ_DATA_MAX + SCP_OVERHEAD];
	struct builder data = builder_of(memory, sizeof memory);
	uint8_t how = cursor_u8(c);
	struct apdu a = {.cla = cursor_u8(c), .ins = cursor_u8(c), .p1 = cursor_u8(c), .p2 = cursor_u8(c)};
	uint16_t sw = cursor_u16(c);
	size_t n = cursor_u16(c) % FUZZ_DATA_MAX;
	struct apdu_class class;

	if (how & 0x18)
		*host = *token = fuzz_session(how & 0x10 ? SCP_USAGE_MAC_ENC : SCP_USAGE_MAC);
	a.extended = how & 0x01;
	builder_put(&data, cursor_take(c, n < c->left ? n : c->left));
	if (c->failed)
		return;
	const bool was_ready = token->state == SCP_READY;
	const uint32_t number = token->counter + 1;
	struct scp_session twin = *host;
	bool must = false;
	if (was_ready && (how & 0x04) && apdu_class_parse(a.cla, &class) && !class.secure && !class.chained &&
		a.cla != 0xCF) {
		must = scp_wrap_command(&twin, &a, &data);
		FUZZ_REQUIRE(must);
	} else if (was_ready && (how & 0x02)) {
		put_mac(token, &a, &data);
	}
	struct bytes wire = BYTES(sent, data.len);
	bytes_copy(sent, builder_bytes(&data));
	if (!scp_unwrap_command(token, &a, &data)) {
		FUZZ_REQUIRE(!must);
		must_be_dead(token, &data, wire.len);
		return;
	}
	FUZZ_REQUIRE(was_ready && scp_class_secured(a.cla));
	must_be_canonical(host, &a, builder_bytes(&data), wire, number);
	answer(host, token, sw, &data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));
	struct scp_session host = fuzz_session(SCP_USAGE_MAC_ENC), token = host;

	if (size > 0 && data[0] == 0) {
		authenticate(BYTES(data + 1, size - 1));
		return 0;
	}
	while (c.left > 0)
		command(&host, &token, &c);
	return 0;
}
