/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A secure channel (doc/token-protocol.md 6) on a logical channel of our own: plain commands go in, plain answers come
 * out, and nobody above knows. It recovers from nothing; protect.c does. One thread at a time.
 */
#ifndef UKEY_DRIVER_CHANNEL_H
#define UKEY_DRIVER_CHANNEL_H

#include "driver/card/card.h"
#include "driver/link.h"

struct channel;

/*
 * MANAGE CHANNEL and INTERNAL AUTHENTICATE, both through `bare`: 2 commands, a third when it fails after the first.
 * `key` is of a certificate that was checked. UKEY_NOT_GENUINE: whoever answers does not own it. UKEY_CHANNEL_FULL.
 */
enum ukey_status channel_open(
	const struct card_ops *card, struct card_port *bare, struct bytes key, struct channel **out);
/* The keys are wiped and nothing is sent. NULL is allowed. */
void channel_free(struct channel *c);

uint8_t channel_number(const struct channel *c);
/* False: it takes no command any more. */
bool channel_alive(const struct channel *c);
/* With this status word an answer and its data are the token's own; any other may have been sent by anybody. */
bool channel_proves(uint16_t sw);

/*
 * As link_send. UKEY_CHANNEL_LOST: the answer was not the token's, or not to this command. After any failure the
 * channel is dead, unless nothing was sent (out of memory, busy).
 */
enum ukey_status channel_send(
	struct channel *c, struct link *l, const struct apdu *command, struct builder *answer, uint16_t *sw);

#endif
