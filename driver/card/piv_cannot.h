/* SPDX-License-Identifier: Apache-2.0 */
/* What a PIV card has no command for: UKEY_NOT_SUPPORTED, and nothing is sent. */
#ifndef UKEY_DRIVER_CARD_PIV_CANNOT_H
#define UKEY_DRIVER_CARD_PIV_CANNOT_H

#include "driver/card/card.h"

enum ukey_status piv_cannot_set_pin(struct card_port *p, struct bytes new);
enum ukey_status piv_cannot_initialize(
	struct card_port *p, const struct ukey_initialize *how, bool device_key, uint32_t *generation);
enum ukey_status piv_cannot_factory_reset(struct card_port *p);
enum ukey_status piv_cannot_read_data(struct card_port *p, uint8_t number, struct ukey_data *out);
enum ukey_status piv_cannot_delete_key(struct card_port *p, bool container, uint8_t number, uint32_t *generation);
enum ukey_status piv_cannot_random(struct card_port *p, uint8_t *out, size_t *len);
enum ukey_status piv_cannot_unlock_challenge(struct card_port *p, uint8_t challenge[UKEY_CHALLENGE_SIZE]);
enum ukey_status piv_cannot_unlock_respond(struct card_port *p, const uint8_t response[UKEY_RESPONSE_SIZE],
	struct bytes new, uint8_t proof[UKEY_PROOF_SIZE], uint32_t *generation);
enum ukey_status piv_cannot_unlock_proof(struct card_port *p, uint8_t proof[UKEY_PROOF_SIZE]);
enum ukey_status piv_cannot_attest(
	struct card_port *p, ukey_key_ref ref, struct bytes nonce, uint8_t **out, size_t *len);
enum ukey_status piv_cannot_read_chain(struct card_port *p, enum card_chain which, uint8_t **out, size_t *len);
enum ukey_status piv_cannot_open_channel(struct card_port *p, uint8_t *number);
enum ukey_status piv_cannot_close_channel(struct card_port *p, uint8_t number);
enum ukey_status piv_cannot_authenticate(
	struct card_port *p, uint8_t channel, struct bytes data, struct builder *answer);

#endif
