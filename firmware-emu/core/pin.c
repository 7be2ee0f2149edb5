/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/pin.h"
#include "firmware-emu/core/text.h"

#define SALT_LEN 16
#define HASH_LEN 32

enum fw_pin fw_pin_of(uint8_t reference)
{
	return reference == 0x81 ? FW_PIN_USER : FW_PIN_SO;
}

uint8_t fw_pin_role(enum fw_pin pin)
{
	return pin == FW_PIN_USER ? FW_USER | FW_FRESH : FW_SO;
}

bool fw_pin_possible(struct bytes value)
{
	return value.len >= FW_PIN_MIN && value.len <= FW_PIN_MAX && fw_text_printable(value);
}

static uint8_t class_of(uint8_t byte)
{
	if (byte >= 'a' && byte <= 'z')
		return 0x01;
	if (byte >= 'A' && byte <= 'Z')
		return 0x02;
	if (byte >= '0' && byte <= '9')
		return 0x04;
	return 0x08;
}

bool fw_pin_meets(const struct fw_policy *policy, struct bytes value)
{
	uint8_t seen = 0, classes = 0;

	if (!fw_pin_possible(value) || value.len < policy->min || value.len > policy->max)
		return false;
	for (size_t i = 0; i < value.len; i++)
		seen = (uint8_t)(seen | class_of(value.data[i]));
	for (; seen; seen = (uint8_t)(seen >> 1))
		classes = (uint8_t)(classes + (seen & 1));
	return classes >= policy->classes;
}

bool fw_pin_make(struct fw *fw, struct bytes value, uint8_t record[FW_PIN_RECORD])
{
	struct builder b = builder_of(record, FW_PIN_RECORD);

	builder_u32(&b, FW_PIN_ITERATIONS);
	uint8_t *salt = builder_room(&b, SALT_LEN), *hash = builder_room(&b, HASH_LEN);
	return hal_random(fw->hal, salt, SALT_LEN) &&
	       hal_pin_hash(fw->hal, value, BYTES(salt, SALT_LEN), FW_PIN_ITERATIONS, hash);
}

static uint16_t compare(struct fw *fw, enum fw_pin pin, struct bytes value, bool *right)
{
	uint8_t record[FW_PIN_RECORD], hash[HASH_LEN];
	uint16_t sw = SW_INTERNAL;

	*right = false;
	if (!fw_object_read(fw, FW_OBJECT_PIN(pin), 0, record, sizeof(record)))
		goto out;
	struct cursor c = cursor_of(BYTES_OF(record));
	uint32_t iterations = cursor_u32(&c);
	struct bytes salt = cursor_take(&c, SALT_LEN);
	if (!hal_pin_hash(fw->hal, value, salt, iterations, hash))
		goto out;
	*right = bytes_equal_secret(cursor_rest(&c), BYTES_OF(hash));
	sw = SW_OK;
out:
	bytes_wipe(record, sizeof(record));
	bytes_wipe(hash, sizeof(hash));
	return sw;
}

uint16_t fw_pin_try(struct fw *fw, const struct fw_command *command, enum fw_pin pin, struct bytes value)
{
	struct fw_transaction t = {.count = 0};
	bool right;

	if (!fw_pin_possible(value))
		return SW_WRONG_DATA;
	if (!fw_object_exists(fw, FW_OBJECT_PIN(pin)))
		return SW_REFERENCE_NOT_FOUND;
	if (fw->tries[pin] == 0)
		return SW_PIN_BLOCKED;
	fw_transaction_tries(fw, &t, pin, (uint8_t)(fw->tries[pin] - 1));
	uint16_t sw = fw_commit(fw, &t);
	if (sw != SW_OK)
		return sw;
	sw = compare(fw, pin, value, &right);
	if (sw != SW_OK || right)
		return sw;
	command->channel->security = (uint8_t)(command->channel->security & ~fw_pin_role(pin));
	return (uint16_t)(SW_TRIES_LEFT | fw->tries[pin]);
}
