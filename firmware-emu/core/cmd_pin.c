/* SPDX-License-Identifier: Apache-2.0 */
/* VERIFY, CHANGE REFERENCE DATA, RESET RETRY COUNTER (protocol 4.8). */
#include "common/tlv.h"
#include "firmware-emu/core/pin.h"

/* One role at a time. */
static void log_in(struct fw_channel *channel, enum fw_pin pin)
{
	channel->security = fw_pin_role(pin);
}

static void log_out(struct fw_channel *channel, enum fw_pin pin)
{
	channel->security = (uint8_t)(channel->security & ~fw_pin_role(pin));
}

static uint16_t verify_state(struct fw *fw, const struct fw_command *command, enum fw_pin pin)
{
	if (!fw_object_exists(fw, FW_OBJECT_PIN(pin)))
		return SW_REFERENCE_NOT_FOUND;
	if (command->channel->security & fw_pin_role(pin))
		return SW_OK;
	return fw->tries[pin] == 0 ? SW_PIN_BLOCKED : (uint16_t)(SW_TRIES_LEFT | fw->tries[pin]);
}

uint16_t fw_verify(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	enum fw_pin pin = fw_pin_of(command->p2);
	uint16_t sw;

	if (command->data.len == 0)
		return verify_state(fw, command, pin);
	sw = fw_pin_try(fw, command, pin, command->data);
	if (sw == SW_OK)
		sw = fw_pin_give_back(fw, pin);
	if (sw == SW_OK && pin == FW_PIN_USER && fw_pin_change_first(fw)) {
		log_out(command->channel, pin);
		sw = SW_REFERENCE_NOT_USABLE;
	}
	if (sw == SW_OK)
		log_in(command->channel, pin);
	return fw_answer_generation(fw, command, answer, sw);
}

uint16_t fw_log_out(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	enum fw_pin pin = fw_pin_of(command->p2);

	(void)answer;
	if (!fw_object_exists(fw, FW_OBJECT_PIN(pin)))
		return SW_REFERENCE_NOT_FOUND;
	log_out(command->channel, pin);
	return SW_OK;
}

/* Set a PIN after `tried` was given rightly (FW_PINS: nothing was tried); one transaction for all. */
static uint16_t set_pin(struct fw *fw, const struct fw_command *command, enum fw_pin pin, enum fw_pin_chooser chooser,
	struct bytes value, enum fw_pin tried)
{
	struct fw_transaction t = {.count = 0};
	struct fw_pin_new new;
	uint16_t sw = SW_INTERNAL;

	if (fw_pin_put(fw, &t, &fw->policy, pin, chooser, value, &new)) {
		fw_transaction_tries(fw, &t, pin, fw->tries_max[pin]);
		if (tried != FW_PINS)
			fw_transaction_tries(fw, &t, tried, fw->tries_max[tried]);
		/* Anybody can use up the tries of the unlock key; the SO gives back those too. */
		if (chooser == FW_PIN_BY_SO)
			fw_transaction_tries(fw, &t, FW_PIN_UNLOCK, fw->tries_max[FW_PIN_UNLOCK]);
		sw = fw_commit(fw, &t);
	}
	bytes_wipe(&new, sizeof(new));
	if (sw == SW_OK)
		fw_state_revoke(fw, fw_pin_role(pin), command->number);
	else if (sw != SW_MEMORY_FAILURE && tried != FW_PINS)
		sw = fw_pin_refuse(fw, tried, sw);
	return sw;
}

uint16_t fw_change_reference_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	enum fw_pin pin = fw_pin_of(command->p2);
	struct bytes old, new;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, FW_PIN_MIN, FW_PIN_MAX,     &old},
		{0x81, TLV_REQUIRED, 0,          FW_PIN_NEW_ANY, &new},
	};

	if (!tlv_parse(command->data, fields, 2))
		return SW_WRONG_DATA;
	uint16_t sw = fw_pin_try(fw, command, pin, old);
	if (sw != SW_OK)
		return sw;
	sw = bytes_equal_secret(old, new) ? SW_WRONG_DATA : fw_pin_judge(fw, pin, new);
	if (sw != SW_OK)
		return fw_pin_refuse(fw, pin, sw);
	sw = set_pin(fw, command, pin, FW_PIN_BY_HOLDER, new, pin);
	if (sw == SW_OK)
		log_in(command->channel, pin);
	return fw_answer_generation(fw, command, answer, sw);
}

uint16_t fw_reset_by_so_pin(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct bytes so_pin, new;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, FW_PIN_MIN, FW_PIN_MAX,     &so_pin},
		{0x81, TLV_REQUIRED, 0,          FW_PIN_NEW_ANY, &new   },
	};

	if (!tlv_parse(command->data, fields, 2))
		return SW_WRONG_DATA;
	uint16_t sw = fw_pin_try(fw, command, FW_PIN_SO, so_pin);
	if (sw != SW_OK)
		return sw;
	if (!fw_pin_meets(&fw->policy, new))
		return fw_pin_refuse(fw, FW_PIN_SO, SW_WRONG_DATA);
	sw = set_pin(fw, command, FW_PIN_USER, FW_PIN_BY_SO, new, FW_PIN_SO);
	return fw_answer_generation(fw, command, answer, sw);
}

uint16_t fw_reset_by_so(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct bytes new;
	const struct tlv_field fields[] = {
		{0x81, TLV_REQUIRED, 0, FW_PIN_NEW_ANY, &new}
        };

	if (!tlv_parse(command->data, fields, 1) || !fw_pin_meets(&fw->policy, new))
		return SW_WRONG_DATA;
	return fw_answer_generation(fw, command, answer, set_pin(fw, command, FW_PIN_USER, FW_PIN_BY_SO, new, FW_PINS));
}
