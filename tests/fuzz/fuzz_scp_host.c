/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token, or whoever sits between, can send to the host's end of the secure channel.
 *
 * First byte 00: the rest is the answer to INTERNAL AUTHENTICATE. Otherwise: answers to a command, each
 *	how, status (2), length (2), data
 * how: 02 give the data a right R-MAC; 04 let the token wrap it; 08 a new session without encryption; 10 with it.
 */
#include "tests/fuzz/fuzz_scp.h"

static void authenticated(struct bytes data)
{
	static const struct scp_params params = {SCP_USAGE_MAC_ENC, 16};
	uint8_t z[SCP_SECRET_SIZE] = {1};
	struct scp_answer a;
	struct scp_session s;

	if (!scp_parse_answer(data, &a))
		return;
	/* There is one way to write an answer, and nothing of it is skipped. */
	FUZZ_REQUIRE(data.len == SCP_ANSWER_SIZE && a.point.len == SCP_POINT_SIZE && a.receipt.len == SCP_BLOCK);
	FUZZ_REQUIRE(a.point_tlv.data == data.data && a.receipt.data + SCP_BLOCK == data.data + data.len);
	/* No one can know the receipt for a secret that isn't theirs. */
	FUZZ_REQUIRE(!scp_open_host(&s, &scp_openssl, &params, z, data, &a));
	FUZZ_REQUIRE(s.state == SCP_CLOSED);
}

static void put_mac(const struct scp_session *s, uint16_t sw, struct builder *data)
{
	const uint8_t status[] = {(uint8_t)(sw >> 8), (uint8_t)sw};
	const struct bytes part[] = {BYTES_OF(s->chain), builder_bytes(data), BYTES_OF(status)};
	uint8_t mac[SCP_BLOCK];

	FUZZ_REQUIRE(scp_cmac(s->crypto, BYTES(s->rmac, s->key_len), part, 3, mac));
	builder_put(data, BYTES(mac, SCP_MAC_SIZE));
}

/* The next command, so that there is something to answer. */
static void send(struct scp_session *host, struct scp_session *token)
{
	uint8_t memory[SCP_OVERHEAD];
	struct builder data = builder_of(memory, sizeof memory);
	struct apdu a = {.ins = 0xCA};

	FUZZ_REQUIRE(scp_wrap_command(host, &a, &data));
	FUZZ_REQUIRE(scp_unwrap_command(token, &a, &data));
	FUZZ_REQUIRE(data.len == 0);
}

static void response(struct scp_session *host, struct scp_session *token, struct cursor *c)
{
	uint8_t memory[FUZZ_DATA_MAX + SCP_OVERHEAD], sent[FUZZ_DATA_MAX + SCP_OVERHEAD];
	struct builder data = builder_of(memory, sizeof memory);
	uint8_t how = cursor_u8(c);
	uint16_t sw = cursor_u16(c);
	size_t n = cursor_u16(c) % FUZZ_DATA_MAX;
	const bool with_mac = sw == SW_OK || sw >> 8 == 0x62 || sw >> 8 == 0x63;

	if (how & 0x18)
		*host = *token = fuzz_session(how & 0x10 ? SCP_USAGE_MAC_ENC : SCP_USAGE_MAC);
	builder_put(&data, cursor_take(c, n < c->left ? n : c->left));
	if (c->failed)
		return;
	const bool alive = host->state == SCP_READY;
	if (alive)
		send(host, token);
	struct scp_session twin = *token;
	if (alive && (how & 0x04))
		FUZZ_REQUIRE(scp_wrap_response(&twin, sw, &data));
	else if (alive && (how & 0x02))
		put_mac(token, sw, &data);
	struct bytes wire = BYTES(sent, data.len);
	bytes_copy(sent, builder_bytes(&data));
	if (!scp_unwrap_response(host, sw, &data)) {
		FUZZ_REQUIRE(!alive || !(how & 0x04));
		must_be_dead(host, &data, wire.len);
		return;
	}
	FUZZ_REQUIRE(alive && (with_mac ? wire.len >= SCP_MAC_SIZE : wire.len == 0 && data.len == 0));
	/* What the host took is what a token would have sent for it. */
	FUZZ_REQUIRE(scp_wrap_response(token, sw, &data));
	FUZZ_REQUIRE(bytes_equal(builder_bytes(&data), wire));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));
	struct scp_session host = fuzz_session(SCP_USAGE_MAC_ENC), token = host;

	if (size > 0 && data[0] == 0) {
		authenticated(BYTES(data + 1, size - 1));
		return 0;
	}
	while (c.left > 0)
		response(&host, &token, &c);
	return 0;
}
