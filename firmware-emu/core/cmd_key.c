/* SPDX-License-Identifier: Apache-2.0 */
/* GENERATE ASYMMETRIC KEY PAIR, GENERAL AUTHENTICATE, DELETE (protocol 4.6, 4.7, 4.9). */
#include "common/tlv.h"
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/key.h"
#include "firmware-emu/core/text.h"

#define TOUCH_MS 15000

/* A one-byte policy: absent is 0, and only 0 and 1 are known. */
static bool take_policy(struct bytes value, uint8_t *policy)
{
	struct cursor c = cursor_of(value);

	*policy = value.len > 0 ? cursor_u8(&c) : FW_KEY_POLICY_NEVER;
	return *policy <= FW_KEY_POLICY_ALWAYS;
}

bool fw_key_terms(const struct fw_algorithm *algorithm, const struct fw_key_wishes *wishes, struct fw_key *key)
{
	struct cursor c = cursor_of(wishes->usage);

	key->usage = cursor_u16(&c);
	key->algorithm = algorithm->number;
	return fw_algorithm_usage(algorithm, key->usage) && take_policy(wishes->pin_policy, &key->pin_policy) &&
	       take_policy(wishes->touch, &key->touch) && fw_text_valid(key->label) && fw_text_valid(wishes->name);
}

uint16_t fw_key_place(struct fw *fw, uint8_t key, struct bytes name)
{
	if (fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, key)))
		return SW_EXISTS;
	if (name.data && fw_object_exists(fw, FW_OBJECT(FW_TYPE_CONTAINER, key / 2)))
		return SW_WRONG_DATA;
	return SW_OK;
}

uint16_t fw_key_store(struct fw *fw, uint8_t number, const struct fw_key *key, struct bytes blob, struct bytes name)
{
	struct fw_transaction t = {.count = 0};
	struct builder head = builder_of(fw->head, sizeof(fw->head));
	uint8_t container = number / 2, raw[5 + FW_NAME_MAX];
	struct builder named = builder_of(raw, sizeof(raw));

	fw_key_head(&head, key);
	fw_container_head(&named, container, name);
	if (head.failed || named.failed)
		return SW_INTERNAL;
	fw_transaction_put(&t, FW_OBJECT(FW_TYPE_KEY, number), builder_bytes(&head), BYTES_NONE);
	fw_transaction_put(&t, FW_OBJECT(FW_TYPE_KEY_BLOB, number), blob, BYTES_NONE);
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_CONTAINER, container)))
		fw_transaction_put(&t, FW_OBJECT(FW_TYPE_CONTAINER, container), builder_bytes(&named), BYTES_NONE);
	return fw_commit_public(fw, &t);
}

/* ---- GENERATE ASYMMETRIC KEY PAIR ---- */

static bool parse_generate(
	struct bytes data, const struct fw_algorithm *algorithm, struct fw_key *key, struct fw_key_wishes *wishes)
{
	struct bytes body;
	const struct tlv_field fields[] = {FW_KEY_FIELDS(key, wishes)};

	return tlv_unwrap(data, 0xAC, &body) && tlv_parse(body, fields, sizeof(fields) / sizeof(fields[0])) &&
	       fw_key_terms(algorithm, wishes, key);
}

/* Make the pair and store it. The public half goes to the end of the answer's buffer: nothing else needs room yet. */
static uint16_t generate(
	struct fw *fw, uint8_t number, struct fw_key *key, struct bytes name, struct builder *public_key)
{
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob));

	if (!hal_key_generate(fw->hal, key->algorithm, &blob, public_key) || blob.failed || public_key->failed)
		return SW_NVM_UNCHANGED;
	key->origin = FW_KEY_GENERATED;
	key->public_key = builder_bytes(public_key);
	return fw_key_store(fw, number, key, builder_bytes(&blob), name);
}

uint16_t fw_generate(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_algorithm *algorithm = fw_algorithm(command->p1);
	struct fw_key_wishes wishes;
	struct fw_key key;
	uint8_t raw[HAL_PUBLIC_MAX];
	struct builder public_key = builder_of(raw, sizeof(raw));

	if (!parse_generate(command->data, algorithm, &key, &wishes))
		return SW_WRONG_DATA;
	if (!hal_key_supported(fw->hal, algorithm->number))
		return SW_WRONG_P1P2;
	if (command->p2 >= FW_KEYS)
		return SW_REFERENCE_NOT_FOUND;
	uint16_t sw = fw_key_place(fw, command->p2, wishes.name);
	if (sw != SW_OK)
		return sw;
	sw = generate(fw, command->p2, &key, wishes.name, &public_key);
	bytes_wipe(fw->blob, sizeof(fw->blob));
	if (sw != SW_OK)
		return sw;
	tlv_put(answer, 0x7F49, builder_bytes(&public_key));
	return fw_answer_generation(fw, command, answer, sw);
}

/* ---- GENERAL AUTHENTICATE ---- */

struct use {
	struct bytes input;
	enum hal_operation operation;
	uint16_t usage;
};

static bool parse_use(struct bytes data, const struct fw_algorithm *algorithm, struct use *u)
{
	struct bytes body, response, sign, other;
	const struct tlv_field fields[] = {
		{0x82, TLV_OPTIONAL, 0, 0,              &response},
		{0x81, TLV_OPTIONAL, 1, HAL_RESULT_MAX, &sign    },
		{0x85, TLV_OPTIONAL, 1, HAL_RESULT_MAX, &other   },
	};

	if (!tlv_unwrap(data, 0x7C, &body) || !tlv_parse(body, fields, sizeof(fields) / sizeof(fields[0])))
		return false;
	if (!sign.data == !other.data)
		return false;
	if (sign.data)
		*u = (struct use){sign, HAL_SIGN, FW_USAGE_SIGN};
	else if (algorithm->rsa)
		*u = (struct use){other, HAL_DECRYPT, FW_USAGE_DECRYPT};
	else
		*u = (struct use){other, HAL_DERIVE, FW_USAGE_DERIVE};
	return fw_algorithm_input(algorithm, u->operation, u->input.len);
}

uint16_t fw_key_policies(struct fw *fw, struct fw_channel *channel, const struct fw_key *key)
{
	if (key->pin_policy == FW_KEY_POLICY_ALWAYS) {
		if (!(channel->security & FW_FRESH))
			return SW_SECURITY_STATUS;
		channel->security = (uint8_t)(channel->security & ~FW_FRESH);
	}
	if (key->touch == FW_KEY_POLICY_ALWAYS && !hal_touch(fw->hal, TOUCH_MS))
		return SW_TOUCH_TIMEOUT;
	return SW_OK;
}

uint16_t fw_key_operate(struct fw *fw, uint16_t object, uint8_t algorithm, enum hal_operation operation,
	struct bytes input, struct builder *result)
{
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob));
	enum hal_result done = HAL_FAILED;

	if (fw_object_append(fw, object, &blob))
		done = hal_key_operate(fw->hal, algorithm, operation, builder_bytes(&blob), input, result);
	bytes_wipe(fw->blob, sizeof(fw->blob));
	if (done == HAL_BAD_INPUT)
		return SW_WRONG_DATA;
	return done == HAL_OK && !result->failed ? SW_OK : SW_INTERNAL;
}

uint16_t fw_general_authenticate(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_algorithm *algorithm = fw_algorithm(command->p1);
	struct fw_key key;
	struct use use;

	if (!parse_use(command->data, algorithm, &use))
		return SW_WRONG_DATA;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, command->p2)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load(fw, command->p2, &key))
		return SW_INTERNAL;
	if (key.algorithm != algorithm->number)
		return SW_WRONG_P1P2;
	if (!(key.usage & use.usage))
		return SW_CONDITIONS;
	uint16_t sw = fw_key_policies(fw, command->channel, &key);
	if (sw != SW_OK)
		return sw;
	size_t whole = tlv_begin(answer, 0x7C), value = tlv_begin(answer, 0x82);
	sw = fw_key_operate(
		fw, FW_OBJECT(FW_TYPE_KEY_BLOB, command->p2), algorithm->number, use.operation, use.input, answer);
	tlv_end(answer, value);
	tlv_end(answer, whole);
	return sw;
}

/* ---- DELETE ---- */

static void remove_key(struct fw *fw, struct fw_transaction *t, uint8_t key)
{
	fw_transaction_remove(fw, t, FW_OBJECT(FW_TYPE_KEY, key));
	fw_transaction_remove(fw, t, FW_OBJECT(FW_TYPE_KEY_BLOB, key));
	fw_transaction_remove(fw, t, FW_OBJECT(FW_TYPE_KEY_CERT, key));
	fw_transaction_remove(fw, t, FW_OBJECT(FW_TYPE_KEY_CERT_DER, key));
}

uint16_t fw_delete_key(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	uint8_t key = command->p2, sibling = key ^ 1;

	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, key)))
		return SW_REFERENCE_NOT_FOUND;
	remove_key(fw, &t, key);
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, sibling)))
		fw_transaction_remove(fw, &t, FW_OBJECT(FW_TYPE_CONTAINER, key / 2));
	return fw_answer_generation(fw, command, answer, fw_commit_public(fw, &t));
}

uint16_t fw_delete_container(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	uint8_t container = command->p2;

	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_CONTAINER, container)))
		return SW_REFERENCE_NOT_FOUND;
	remove_key(fw, &t, (uint8_t)(2 * container));
	remove_key(fw, &t, (uint8_t)(2 * container + 1));
	fw_transaction_remove(fw, &t, FW_OBJECT(FW_TYPE_CONTAINER, container));
	return fw_answer_generation(fw, command, answer, fw_commit_public(fw, &t));
}
