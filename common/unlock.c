/* SPDX-License-Identifier: Apache-2.0 */
#include "common/unlock.h"

/* The low bits of the last byte that are not part of a response. */
#define SPARE 0x7F

static const uint8_t vendor[] = {'O', 'p', 'e', 'n', 'U', 'K', 'e', 'y'};
/* doc/token-protocol.md 1.1: a key derived for another application of the same token is another key. */
static const uint8_t application[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

static void put_text(struct builder *out, const char *text)
{
	for (; *text; text++)
		builder_u8(out, (uint8_t)*text);
}

void unlock_challenge_put(struct builder *out, const struct unlock_challenge *c)
{
	builder_u8(out, c->version);
	builder_put(out, BYTES_OF(c->serial));
	builder_u16(out, c->counter);
	builder_put(out, BYTES_OF(c->random));
}

bool unlock_challenge_parse(struct bytes in, struct unlock_challenge *out)
{
	struct cursor c = cursor_of(in);
	uint8_t version = cursor_u8(&c);
	struct bytes serial = cursor_take(&c, UNLOCK_SERIAL_SIZE);
	uint16_t counter = cursor_u16(&c);
	struct bytes random = cursor_take(&c, UNLOCK_RANDOM_SIZE);

	if (!cursor_done(&c))
		return false;
	out->version = version;
	out->counter = counter;
	bytes_copy(out->serial, serial);
	bytes_copy(out->random, random);
	return true;
}

void unlock_kdf_input(struct builder *out, uint32_t i, const char *label, uint8_t version,
	const uint8_t serial[UNLOCK_SERIAL_SIZE], uint32_t bits)
{
	builder_u32(out, i);
	put_text(out, label);
	builder_u8(out, 0);
	builder_u8(out, version);
	builder_put(out, BYTES_OF(vendor));
	builder_put(out, BYTES(serial, UNLOCK_SERIAL_SIZE));
	builder_put(out, BYTES_OF(application));
	builder_u32(out, bits);
}

void unlock_response_input(struct builder *out, const struct unlock_challenge *c, uint8_t purpose)
{
	put_text(out, "UNLOCK");
	unlock_challenge_put(out, c);
	builder_u8(out, purpose);
}

void unlock_proof_input(
	struct builder *out, uint8_t version, const uint8_t serial[UNLOCK_SERIAL_SIZE], uint16_t counter)
{
	put_text(out, "DONE");
	builder_u8(out, version);
	builder_put(out, BYTES(serial, UNLOCK_SERIAL_SIZE));
	builder_u16(out, counter);
}

void unlock_response_cut(const uint8_t mac[UNLOCK_MAC_SIZE], uint8_t out[UNLOCK_RESPONSE_SIZE])
{
	bytes_copy(out, BYTES(mac, UNLOCK_RESPONSE_SIZE));
	out[UNLOCK_RESPONSE_SIZE - 1] &= (uint8_t)~SPARE;
}

void unlock_proof_cut(const uint8_t mac[UNLOCK_MAC_SIZE], uint8_t out[UNLOCK_PROOF_SIZE])
{
	bytes_copy(out, BYTES(mac, UNLOCK_PROOF_SIZE));
}

bool unlock_response_shape(const uint8_t response[UNLOCK_RESPONSE_SIZE])
{
	return (response[UNLOCK_RESPONSE_SIZE - 1] & SPARE) == 0;
}
