/* SPDX-License-Identifier: Apache-2.0 */
/* A token's secure channel (protect.c): for its owner. */
#ifndef UKEY_DRIVER_PROTECT_H
#define UKEY_DRIVER_PROTECT_H

#include "driver/channel.h"
#include "driver/token.h"

/* As link_send, inside the channel, which is opened (again) first: 1 command, and at most 3 before it. */
enum ukey_status protect_send(struct ukey_token *t, const struct apdu *command, struct builder *answer, uint16_t *sw);
/* The channel is no more: its keys are wiped, nothing is sent. */
void protect_drop(struct ukey_token *t);
/* Give it back to the token, and want none any more: 1 command, through `bare`. */
enum ukey_status protect_close(struct ukey_token *t, struct card_port *bare);

#endif
