/* SPDX-License-Identifier: Apache-2.0 */
/* FACTORY KEYS, FACTORY CLOSE (protocol 7), and what others ask of what the factory gave. */
#include "common/tlv.h"
#include "firmware-emu/core/access.h"
#include "firmware-emu/core/factory.h"

#define ATTESTATION_HALF FW_FACTORY_BLOB_MAX

/* ---- what the factory gave ---- */

bool fw_factory_has(const struct fw *fw, uint8_t what)
{
	return (fw->gave & what) == what;
}

bool fw_factory_load(struct fw *fw)
{
	static const struct {
		uint8_t bit;
		uint16_t key, chain;
	} gifts[] = {
		{FW_GAVE_DEVICE_KEY,      FW_OBJECT_DEVICE_KEY,      FW_OBJECT_DEVICE_CHAIN     },
		{FW_GAVE_ATTESTATION_KEY, FW_OBJECT_ATTESTATION_KEY, FW_OBJECT_ATTESTATION_CHAIN},
		{FW_GAVE_UNLOCK_KEY,      FW_OBJECT_UNLOCK_KEY,      FW_OBJECT_UNLOCK_KEY       },
	};
	uint8_t counter[2] = {0};

	fw->gave = 0;
	fw->unlock_counter = 0;
	if (!fw_object_exists(fw, FW_OBJECT_DEVICE_CHAIN))
		return true; /* not closed yet */
	for (size_t i = 0; i < sizeof(gifts) / sizeof(gifts[0]); i++)
		if (fw_object_exists(fw, gifts[i].key) && fw_object_exists(fw, gifts[i].chain))
			fw->gave = (uint8_t)(fw->gave | gifts[i].bit);
	if (fw_object_exists(fw, FW_OBJECT_UNLOCK_COUNTER) &&
		!fw_object_read(fw, FW_OBJECT_UNLOCK_COUNTER, 0, counter, sizeof(counter)))
		return false;
	struct cursor c = cursor_of(BYTES_OF(counter));
	fw->unlock_counter = cursor_u16(&c);
	return true;
}

bool fw_factory_unlock_key(struct fw *fw, struct fw_unlock_key *out)
{
	uint8_t raw[1 + FW_UNLOCK_KEY_SIZE];
	bool ok =
		fw_factory_has(fw, FW_GAVE_UNLOCK_KEY) && fw_object_read(fw, FW_OBJECT_UNLOCK_KEY, 0, raw, sizeof(raw));

	*out = (struct fw_unlock_key){0};
	if (ok) {
		struct cursor c = cursor_of(BYTES_OF(raw));
		out->version = cursor_u8(&c);
		bytes_copy(out->key, cursor_rest(&c));
	}
	bytes_wipe(raw, sizeof(raw));
	return ok;
}

bool fw_factory_device_key(struct fw *fw, struct builder *blob)
{
	return fw_factory_has(fw, FW_GAVE_DEVICE_KEY) && fw_object_append(fw, FW_OBJECT_DEVICE_KEY, blob);
}

bool fw_factory_attestation_key(struct fw *fw, struct builder *blob)
{
	return fw_factory_has(fw, FW_GAVE_ATTESTATION_KEY) && fw_object_append(fw, FW_OBJECT_ATTESTATION_KEY, blob);
}

static uint16_t get_chain(struct fw *fw, uint8_t gift, uint16_t object, struct builder *answer)
{
	if (!fw_factory_has(fw, gift))
		return SW_NOT_FOUND;
	return fw_object_append(fw, object, answer) ? SW_OK : SW_MEMORY_FAILURE;
}

uint16_t fw_get_device_chain(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)command;
	(void)number;
	return get_chain(fw, FW_GAVE_DEVICE_KEY, FW_OBJECT_DEVICE_CHAIN, answer);
}

uint16_t fw_get_attestation_chain(
	struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)command;
	(void)number;
	return get_chain(fw, FW_GAVE_ATTESTATION_KEY, FW_OBJECT_ATTESTATION_CHAIN, answer);
}

/* ---- FACTORY KEYS ---- */

bool fw_factory_generate(struct fw *fw, struct builder *blob, uint8_t point[FW_FACTORY_POINT_SIZE])
{
	uint8_t raw[HAL_PUBLIC_MAX];
	struct builder public_key = builder_of(raw, sizeof(raw));
	struct bytes value;

	if (!hal_key_generate(fw->hal, FW_FACTORY_ALGORITHM, blob, &public_key) || blob->failed)
		return false;
	if (!tlv_unwrap(builder_bytes(&public_key), 0x86, &value) || value.len != FW_FACTORY_POINT_SIZE)
		return false;
	bytes_copy(point, value);
	return true;
}

uint16_t fw_factory_keys(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	struct builder device = builder_of(fw->blob, FW_FACTORY_BLOB_MAX);
	struct builder attestation = builder_of(fw->blob + ATTESTATION_HALF, FW_FACTORY_BLOB_MAX);
	uint8_t point[2][FW_FACTORY_POINT_SIZE];
	uint16_t sw = SW_NVM_UNCHANGED;

	(void)command;
	if (fw_factory_generate(fw, &device, point[0]) && fw_factory_generate(fw, &attestation, point[1])) {
		fw_transaction_put(&t, FW_OBJECT_DEVICE_KEY, builder_bytes(&device), BYTES_NONE);
		fw_transaction_put(&t, FW_OBJECT_ATTESTATION_KEY, builder_bytes(&attestation), BYTES_NONE);
		sw = fw_commit(fw, &t);
	}
	bytes_wipe(fw->blob, sizeof(fw->blob));
	if (sw != SW_OK)
		return sw;
	tlv_put(answer, 0x80, BYTES_OF(point[0]));
	tlv_put(answer, 0x81, BYTES_OF(point[1]));
	return SW_OK;
}

/* ---- FACTORY CLOSE ---- */

uint16_t fw_factory_close(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	static const uint8_t counter[2];
	struct bytes device, attestation, key, version;
	const struct tlv_field fields[] = {
		{0xA0, TLV_REQUIRED, 1,                  FW_FACTORY_CHAIN_MAX, &device     },
		{0xA1, TLV_REQUIRED, 1,                  FW_FACTORY_CHAIN_MAX, &attestation},
		{0x82, TLV_OPTIONAL, FW_UNLOCK_KEY_SIZE, FW_UNLOCK_KEY_SIZE,   &key        },
		{0x83, TLV_OPTIONAL, 1,                  1,                    &version    },
	};

	if (!tlv_parse(command->data, fields, sizeof(fields) / sizeof(fields[0])) || !key.data != !version.data ||
		(version.data && version.data[0] == 0))
		return SW_WRONG_DATA;
	if (!fw_object_exists(fw, FW_OBJECT_DEVICE_KEY) || !fw_object_exists(fw, FW_OBJECT_ATTESTATION_KEY))
		return SW_CONDITIONS;
	fw_transaction_put(&t, FW_OBJECT_DEVICE_CHAIN, device, BYTES_NONE);
	fw_transaction_put(&t, FW_OBJECT_ATTESTATION_CHAIN, attestation, BYTES_NONE);
	if (key.data) {
		fw_transaction_put(&t, FW_OBJECT_UNLOCK_KEY, version, key);
		/* It has its place from now on: an unlock takes no space on a token that is full. */
		fw_transaction_put(&t, FW_OBJECT_UNLOCK_COUNTER, BYTES_OF(counter), BYTES_NONE);
	}
	return fw_answer_generation(fw, command, answer, fw_commit(fw, &t));
}
