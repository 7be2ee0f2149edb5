/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Somebody who speaks to the token with all that this protocol allows, and nothing else: commands in clear, sessions of
 * their own, on any channel, over whatever carries bytes. No certificate is checked: an attacker has no need to.
 *
 *	struct tunnel *u = tunnel_new(carry, ctx);
 *	tunnel_clear(u, 0x00, 0x84, 0, 0, BYTES_NONE, 8);	// on u->channel, which is 0
 *	u->channel = tunnel_channel(u);				// MANAGE CHANNEL
 *	tunnel_open(u);						// a session on it
 *	tunnel_secured(u, 0x00, 0x20, 0, 0x81, pin, 0);		// status word; 0: no answer, or one that is no answer
 *	tunnel_data(u)						// of the last answer
 */
#ifndef UKEY_TESTS_CHANNEL_TUNNEL_H
#define UKEY_TESTS_CHANNEL_TUNNEL_H

#include "common/apdu.h"
#include "common/scp_host.h"

#define TUNNEL_MAX 70000

/* One command, one answer; false when none came. The answer is appended. */
typedef bool tunnel_carry(void *ctx, struct bytes command, struct builder *answer);

struct tunnel {
	tunnel_carry *carry;
	void *ctx;
	uint8_t channel;
	bool short_apdus; /* commands travel short where they fit */
	struct scp_session session;
	uint8_t key[SCP_POINT_SIZE]; /* the token's, by its own word; read when first needed */
	bool key_known;
	uint8_t memory[TUNNEL_MAX];
	struct builder answer;
};

/* Aborts when memory is short. The key of `like` (NULL: nobody) is taken over. */
struct tunnel *tunnel_new(tunnel_carry *carry, void *ctx, const struct tunnel *like);
void tunnel_free(struct tunnel *u);

/* Any bytes. The status word; 0 when there is none. */
uint16_t tunnel_raw(struct tunnel *u, struct bytes command);
struct bytes tunnel_data(const struct tunnel *u);

/* A class byte with another channel in it, and with or without GlobalPlatform's secure messaging. */
uint8_t tunnel_class(uint8_t cla, uint8_t channel, bool secured);

uint16_t tunnel_clear(
	struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le);
/* Inside u's session. A session that can't go on is dead afterwards (u->session.state), and what was sent to the token
 * by then was sent. */
uint16_t tunnel_secured(
	struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le);
/* The same command as it would travel, without sending it. */
bool tunnel_wrap(struct tunnel *u, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le,
	struct builder *raw);

/* The next free channel, by a command on the basic one; -1: none. */
int tunnel_channel(struct tunnel *u);
bool tunnel_close_channel(struct tunnel *u, uint8_t channel);
/* INTERNAL AUTHENTICATE on u->channel: a new session. */
bool tunnel_open(struct tunnel *u);

#endif
