/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is attacked: a personalised token in the test's own process, with PINs, keys and objects, and its owner's tunnel
 * to it. The wire between them can be listened to.
 */
#ifndef UKEY_TESTS_CHANNEL_TARGET_H
#define UKEY_TESTS_CHANNEL_TARGET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/tlv.h"
#include "tests/channel/tunnel.h"
#include "tests/wire/personal.h"

#define TARGET_USER_PIN "7391-user-pin"
#define TARGET_SO_PIN   "8264-so-pin"

struct target {
	struct ramtoken *token;
	struct personal made;
	struct tunnel *owner; /* of channel 0, with a session after target_new() */
};

/* Small flash, so that the journal changes banks within a test; true: keys are made afresh each time, as on a chip. */
struct target *target_new(bool fresh_keys);
void target_free(struct target *t);
/* A tunnel to the token for somebody else, on the basic channel; the caller frees it. */
struct tunnel *target_tunnel(struct target *t);
/* Tunnel's carry; ctx is the struct ramtoken. */
bool target_carry(void *ctx, struct bytes command, struct builder *answer);

/* Inside this session: VERIFY. */
uint16_t target_verify(struct tunnel *u, uint8_t reference, const char *pin);
/* The response that the desk would give to the challenge (UNLOCK CHALLENGE's answer on u's channel); SW of that. */
uint16_t target_challenge(const struct target *t, struct tunnel *u, uint8_t response[9]);
/* RESET RETRY COUNTER with it. */
uint16_t target_respond(struct tunnel *u, const uint8_t response[9], const char *new_pin);

struct bytes target_text(const char *s);

#endif
