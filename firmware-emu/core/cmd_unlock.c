/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlock by phone (protocol 5): UNLOCK CHALLENGE, RESET RETRY COUNTER with a response, UNLOCK PROOF. What the MACs are
 * taken over is common/unlock.c's, so that desk and token cannot differ.
 */
#include "common/tlv.h"
#include "common/unlock.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/pin.h"

#define COUNTER_LAST 0xFFFF

static bool mac_of(struct fw *fw, const struct fw_unlock_key *key, const struct builder *input, uint8_t mac[SCP_BLOCK])
{
	const struct bytes part = builder_bytes(input);

	return !input->failed && scp_cmac(&fw->crypto, BYTES_OF(key->key), &part, 1, mac);
}

static bool make_response(struct fw *fw, const struct fw_unlock_key *key, const struct fw_unlock *unlock,
	uint8_t response[UNLOCK_RESPONSE_SIZE])
{
	struct unlock_challenge c = {.version = key->version, .counter = fw->unlock_counter};
	uint8_t raw[UNLOCK_INPUT_MAX], mac[SCP_BLOCK];
	struct builder input = builder_of(raw, sizeof(raw));

	hal_serial(fw->hal, c.serial);
	bytes_copy(c.random, BYTES_OF(unlock->random));
	unlock_response_input(&input, &c, UNLOCK_SET_USER_PIN);
	bool ok = mac_of(fw, key, &input, mac);
	if (ok)
		unlock_response_cut(mac, response);
	bytes_wipe(mac, sizeof(mac));
	return ok;
}

static bool make_proof(
	struct fw *fw, const struct fw_unlock_key *key, uint16_t counter, uint8_t proof[UNLOCK_PROOF_SIZE])
{
	uint8_t raw[UNLOCK_INPUT_MAX], mac[SCP_BLOCK], serial[UNLOCK_SERIAL_SIZE];
	struct builder input = builder_of(raw, sizeof(raw));

	hal_serial(fw->hal, serial);
	unlock_proof_input(&input, key->version, serial, counter);
	bool ok = mac_of(fw, key, &input, mac);
	if (ok)
		unlock_proof_cut(mac, proof);
	bytes_wipe(mac, sizeof(mac));
	return ok;
}

/* Serial, key version, unlock counter: what challenge and proof begin with. */
static void put_state(struct fw *fw, struct builder *answer, uint8_t version)
{
	uint8_t serial[UNLOCK_SERIAL_SIZE];

	hal_serial(fw->hal, serial);
	tlv_put(answer, 0x80, BYTES_OF(serial));
	tlv_put_u8(answer, 0x81, version);
	tlv_put_u16(answer, 0x82, fw->unlock_counter);
}

/* ---- UNLOCK CHALLENGE, UNLOCK PROOF ---- */

/* Is there an unlock key that can still be tried? */
static uint16_t check_key(struct fw *fw)
{
	if (!fw_factory_has(fw, FW_GAVE_UNLOCK_KEY))
		return SW_REFERENCE_NOT_FOUND;
	return fw->tries[FW_PIN_UNLOCK] == 0 ? SW_PIN_BLOCKED : SW_OK;
}

uint16_t fw_unlock_challenge(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_unlock *unlock = &command->channel->unlock;
	struct fw_unlock_key key;
	uint16_t sw = check_key(fw);

	if (sw == SW_OK && fw->unlock_counter == COUNTER_LAST)
		sw = SW_CONDITIONS;
	if (sw != SW_OK)
		return sw;
	bytes_wipe(unlock, sizeof(*unlock));
	if (!fw_factory_unlock_key(fw, &key))
		return SW_MEMORY_FAILURE;
	if (hal_random(fw->hal, unlock->random, sizeof(unlock->random)))
		unlock->guesses = FW_UNLOCK_GUESSES;
	put_state(fw, answer, key.version);
	tlv_put(answer, 0x83, BYTES_OF(unlock->random));
	bytes_wipe(&key, sizeof(key));
	return unlock->guesses > 0 ? SW_OK : SW_INTERNAL;
}

uint16_t fw_unlock_proof(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_unlock_key key;
	uint8_t proof[UNLOCK_PROOF_SIZE];

	(void)command;
	if (!fw_factory_has(fw, FW_GAVE_UNLOCK_KEY))
		return SW_REFERENCE_NOT_FOUND;
	if (fw->unlock_counter == 0)
		return SW_CONDITIONS;
	bool read = fw_factory_unlock_key(fw, &key);
	bool made = read && make_proof(fw, &key, fw->unlock_counter, proof);
	put_state(fw, answer, key.version);
	bytes_wipe(&key, sizeof(key));
	if (!made)
		return read ? SW_INTERNAL : SW_MEMORY_FAILURE;
	tlv_put(answer, 0x89, BYTES_OF(proof));
	return SW_OK;
}

/* ---- RESET RETRY COUNTER with a response ---- */

static uint16_t set_tries(struct fw *fw, uint8_t tries)
{
	struct fw_transaction t = {.count = 0};

	fw_transaction_tries(fw, &t, FW_PIN_UNLOCK, tries);
	return fw_commit(fw, &t);
}

/* One try is taken and durable before the comparison, as a PIN's is. */
static uint16_t try_response(
	struct fw *fw, const struct fw_unlock_key *key, struct fw_unlock *unlock, struct bytes response)
{
	uint8_t expected[UNLOCK_RESPONSE_SIZE];
	uint16_t sw = set_tries(fw, (uint8_t)(fw->tries[FW_PIN_UNLOCK] - 1));

	if (sw != SW_OK)
		return sw;
	if (!make_response(fw, key, unlock, expected))
		return SW_INTERNAL;
	bool right = bytes_equal_secret(response, BYTES_OF(expected));
	bytes_wipe(expected, sizeof(expected));
	if (right)
		return SW_OK;
	if (--unlock->guesses == 0)
		bytes_wipe(unlock, sizeof(*unlock));
	return (uint16_t)(SW_TRIES_LEFT | fw->tries[FW_PIN_UNLOCK]);
}

/* The response was right: PIN, counters, tries, all at once. */
static uint16_t unlock_pin(struct fw *fw, const struct fw_command *command, struct bytes new)
{
	struct fw_transaction t = {.count = 0};
	const uint16_t next = (uint16_t)(fw->unlock_counter + 1);
	const uint8_t counter[2] = {(uint8_t)(next >> 8), (uint8_t)next};
	struct fw_pin_new pin;
	uint16_t sw = SW_INTERNAL;

	if (fw_pin_put(fw, &t, &fw->policy, FW_PIN_USER, FW_PIN_BY_HOLDER, new, &pin)) {
		fw_transaction_tries(fw, &t, FW_PIN_USER, fw->tries_max[FW_PIN_USER]);
		fw_transaction_tries(fw, &t, FW_PIN_UNLOCK, fw->tries_max[FW_PIN_UNLOCK]);
		fw_transaction_put(&t, FW_OBJECT_UNLOCK_COUNTER, BYTES_OF(counter), BYTES_NONE);
		sw = fw_commit(fw, &t);
	}
	bytes_wipe(&pin, sizeof(pin));
	if (sw != SW_OK)
		return sw;
	bytes_wipe(&command->channel->unlock, sizeof(command->channel->unlock));
	fw_state_revoke(fw, fw_pin_role(FW_PIN_USER), command->number);
	return SW_OK;
}

static uint16_t use_response(struct fw *fw, const struct fw_command *command, const struct fw_unlock_key *key,
	struct bytes response, struct bytes new, struct builder *answer)
{
	const uint8_t tries = fw->tries[FW_PIN_UNLOCK];
	uint8_t proof[UNLOCK_PROOF_SIZE];
	uint16_t sw = try_response(fw, key, &command->channel->unlock, response);

	if (sw != SW_OK)
		return sw;
	/* Before the counter has moved: what can fail fails while nothing has happened. */
	if (!make_proof(fw, key, (uint16_t)(fw->unlock_counter + 1), proof))
		sw = SW_INTERNAL;
	if (sw == SW_OK)
		sw = fw_pin_judge(fw, FW_PIN_USER, new);
	if (sw == SW_OK)
		sw = unlock_pin(fw, command, new);
	if (sw != SW_OK && sw != SW_MEMORY_FAILURE) {
		uint16_t undone = set_tries(fw, tries);
		return undone == SW_OK ? sw : undone;
	}
	if (sw == SW_OK && command->le != APDU_LE_NONE)
		tlv_put(answer, 0x89, BYTES_OF(proof));
	return fw_answer_generation(fw, command, answer, sw);
}

uint16_t fw_reset_by_response(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_unlock_key key;
	struct bytes response, new;
	const struct tlv_field fields[] = {
		{0x82, TLV_REQUIRED, UNLOCK_RESPONSE_SIZE, UNLOCK_RESPONSE_SIZE, &response},
		{0x81, TLV_REQUIRED, 0,                    FW_PIN_NEW_ANY,       &new     },
	};

	if (!tlv_parse(command->data, fields, 2))
		return SW_WRONG_DATA;
	uint16_t sw = check_key(fw);
	if (sw != SW_OK)
		return sw;
	/* The last counter ends the unlocking, also by a challenge that another channel had got before. */
	if (command->channel->unlock.guesses == 0 || fw->unlock_counter == COUNTER_LAST)
		return SW_CONDITIONS;
	if (!unlock_response_shape(response.data))
		return SW_WRONG_DATA;
	if (fw_factory_unlock_key(fw, &key))
		sw = use_response(fw, command, &key, response, new, answer);
	else
		sw = SW_MEMORY_FAILURE;
	bytes_wipe(&key, sizeof(key));
	return sw;
}
