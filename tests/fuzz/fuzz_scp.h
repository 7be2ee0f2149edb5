/* SPDX-License-Identifier: Apache-2.0 */
/* What both secure channel targets share. The keys are the published example's, so that its messages are good seeds. */
#ifndef UKEY_TESTS_FUZZ_SCP_H
#define UKEY_TESTS_FUZZ_SCP_H

#include "common/scp_host.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define FUZZ_DATA_MAX 1024

/* A session right after its handshake; without encryption when `usage` says so. */
static inline struct scp_session fuzz_session(uint8_t usage)
{
	static const uint8_t enc[] = {
		0x83, 0xCD, 0x45, 0xBD, 0x44, 0x9D, 0xC3, 0x00, 0x48, 0x6B, 0xEF, 0xE7, 0xC7, 0x93, 0x94, 0x13};
	static const uint8_t mac[] = {
		0x00, 0xC1, 0x18, 0x91, 0xA7, 0x48, 0x1C, 0x70, 0x42, 0x8E, 0x0A, 0x4B, 0x66, 0x4C, 0xAF, 0xD0};
	static const uint8_t rmac[] = {
		0xFE, 0x98, 0x92, 0x29, 0xF2, 0x90, 0x58, 0x53, 0x49, 0x20, 0x9B, 0x07, 0x52, 0x45, 0x7F, 0x85};
	static const uint8_t receipt[] = {
		0xAA, 0xD4, 0x65, 0x9B, 0x2D, 0x08, 0xA4, 0x6C, 0x14, 0xD2, 0xC4, 0xFF, 0xDC, 0x3B, 0x33, 0xA2};
	struct scp_session s = {.crypto = &scp_openssl, .state = SCP_READY, .usage = usage, .key_len = 16};

	bytes_copy(s.enc, BYTES_OF(enc));
	bytes_copy(s.mac, BYTES_OF(mac));
	bytes_copy(s.rmac, BYTES_OF(rmac));
	bytes_copy(s.chain, BYTES_OF(receipt));
	return s;
}

/* After a refusal nothing is left: no keys, no data. */
static inline void must_be_dead(const struct scp_session *s, const struct builder *data, size_t had)
{
	struct scp_session dead;

	memset(&dead, 0, sizeof dead);
	dead.state = SCP_DEAD;
	FUZZ_REQUIRE(memcmp(s, &dead, sizeof dead) == 0);
	FUZZ_REQUIRE(data->failed && data->len == 0);
	/* what take_mac cut off is a MAC, no secret */
	for (size_t i = 0; i + SCP_MAC_SIZE < had; i++)
		FUZZ_REQUIRE(data->data[i] == 0);
}

#endif
