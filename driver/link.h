/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link to one card: whole commands go in, whole answers come out, whatever lengths the reader can carry. It recovers
 * from nothing; token.c does. One thread at a time.
 */
#ifndef UKEY_DRIVER_LINK_H
#define UKEY_DRIVER_LINK_H

#include "common/exchange.h"
#include "driver/transport/transport.h"

struct link;

/* As transport_ops.open. */
enum ukey_status link_open(
	const struct transport_ops *ops, struct transport *t, const char *reader, bool no_extended, struct link **out);
enum ukey_status link_reopen(struct link *l);
/* As transport_ops.reset_alone; UKEY_TOKEN_BUSY too where there is none. */
enum ukey_status link_reset_alone(struct link *l);
/* NULL is allowed. */
void link_close(struct link *l, bool reset);
/* In the child of a fork. */
void link_forget(struct link *l);

const char *link_reader(const struct link *l);
/* APDUs sent since the last call of this. */
uint64_t link_take_count(struct link *l);
/* What the token information says of lengths; 0: unknown. */
void link_set_limits(struct link *l, size_t max_command, size_t max_answer);

/*
 * Nobody else's command comes in between these two; they may be nested. What transport_ops.begin says. A link that is
 * closed in between has let go.
 */
enum ukey_status link_hold(struct link *l);
void link_let_go(struct link *l);

/*
 * That the reader carries extended lengths says nothing of this card: until one came through, a length refused counts
 * as "none of these, please".
 */
void link_doubt_extended(struct link *l);

/*
 * The card's answer (UKEY_OK: *sw is set and the data stands in `answer`), or what transport_ops.transceive says, or
 * UKEY_TOKEN_PROTOCOL for an answer that cannot be one.
 */
enum ukey_status link_send(struct link *l, const struct apdu *command, struct builder *answer, uint16_t *sw);

/*
 * For a secure channel, whose commands are good once and depend on how they are coded: the same without the log, and
 * nothing is ever sent a second time. link_is_extended() says how commands travel.
 */
enum ukey_status link_carry(struct link *l, const struct apdu *wrapped, struct builder *answer, uint16_t *sw);
bool link_is_extended(const struct link *l);
/* APDUs since the last link_take_count(). */
uint64_t link_count(const struct link *l);

#endif
