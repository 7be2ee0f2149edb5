/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/card/piv_cannot.h"

static enum ukey_status cannot(struct card_port *p)
{
	p->sw = 0;
	return UKEY_NOT_SUPPORTED;
}

enum ukey_status piv_cannot_set_pin(struct card_port *p, struct bytes new)
{
	(void)new;
	return cannot(p);
}

enum ukey_status piv_cannot_initialize(
	struct card_port *p, const struct ukey_initialize *how, bool device_key, uint32_t *generation)
{
	(void)how;
	(void)device_key;
	(void)generation;
	return cannot(p);
}

enum ukey_status piv_cannot_factory_reset(struct card_port *p)
{
	return cannot(p);
}

enum ukey_status piv_cannot_read_data(struct card_port *p, uint8_t number, struct ukey_data *out)
{
	(void)number;
	(void)out;
	return cannot(p);
}

enum ukey_status piv_cannot_delete_key(struct card_port *p, bool container, uint8_t number, uint32_t *generation)
{
	(void)container;
	(void)number;
	(void)generation;
	return cannot(p);
}

enum ukey_status piv_cannot_random(struct card_port *p, uint8_t *out, size_t *len)
{
	(void)out;
	(void)len;
	return cannot(p);
}

enum ukey_status piv_cannot_unlock_challenge(struct card_port *p, uint8_t challenge[UKEY_CHALLENGE_SIZE])
{
	(void)challenge;
	return cannot(p);
}

enum ukey_status piv_cannot_unlock_respond(struct card_port *p, const uint8_t response[UKEY_RESPONSE_SIZE],
	struct bytes new, uint8_t proof[UKEY_PROOF_SIZE], uint32_t *generation)
{
	(void)response;
	(void)new;
	(void)proof;
	(void)generation;
	return cannot(p);
}

enum ukey_status piv_cannot_unlock_proof(struct card_port *p, uint8_t proof[UKEY_PROOF_SIZE])
{
	(void)proof;
	return cannot(p);
}

enum ukey_status piv_cannot_attest(
	struct card_port *p, ukey_key_ref ref, struct bytes nonce, uint8_t **out, size_t *len)
{
	(void)ref;
	(void)nonce;
	(void)out;
	(void)len;
	return cannot(p);
}

enum ukey_status piv_cannot_read_chain(struct card_port *p, enum card_chain which, uint8_t **out, size_t *len)
{
	(void)which;
	(void)out;
	(void)len;
	return cannot(p);
}

enum ukey_status piv_cannot_open_channel(struct card_port *p, uint8_t *number)
{
	(void)number;
	return cannot(p);
}

enum ukey_status piv_cannot_close_channel(struct card_port *p, uint8_t number)
{
	(void)number;
	return cannot(p);
}

enum ukey_status piv_cannot_authenticate(
	struct card_port *p, uint8_t channel, struct bytes data, struct builder *answer)
{
	(void)channel;
	(void)data;
	(void)answer;
	return cannot(p);
}
