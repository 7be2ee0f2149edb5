/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tlv.h"
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/pin.h"

#define PIN_EXISTS       0x01
#define PIN_CHANGE_FIRST 0x02

static const uint8_t protocol_version[] = {1, 2};
static const uint8_t firmware_version[] = {0, 2, 0};

struct bytes fw_firmware_version(void)
{
	return BYTES_OF(firmware_version);
}

static bool pin_exists(struct fw *fw, enum fw_pin pin)
{
	if (pin == FW_PIN_UNLOCK)
		return fw_factory_has(fw, FW_GAVE_UNLOCK_KEY);
	return fw_object_exists(fw, FW_OBJECT_PIN(pin));
}

/* 85, 86, 87: tries left, maximum, flags; all 0 while the PIN does not exist. */
static void put_pin(struct fw *fw, struct builder *b, uint32_t tag, enum fw_pin pin)
{
	uint8_t state[3] = {fw->tries[pin], fw->tries_max[pin], PIN_EXISTS};

	if (pin == FW_PIN_USER && fw_pin_change_first(fw))
		state[2] |= PIN_CHANGE_FIRST;
	if (!pin_exists(fw, pin))
		bytes_fill(state, 0, sizeof(state));
	tlv_put(b, tag, BYTES_OF(state));
}

static void put_pair(struct builder *b, uint32_t tag, uint32_t first, uint32_t second)
{
	uint8_t raw[8];
	struct builder pair = builder_of(raw, sizeof(raw));

	builder_u32(&pair, first);
	builder_u32(&pair, second);
	tlv_put(b, tag, builder_bytes(&pair));
}

static void put_pins(struct fw *fw, struct builder *b)
{
	put_pin(fw, b, 0x85, FW_PIN_USER);
	put_pin(fw, b, 0x86, FW_PIN_SO);
	put_pin(fw, b, 0x87, FW_PIN_UNLOCK);
}

static void put_limits(struct fw *fw, struct builder *b)
{
	static const uint8_t limits[] = {FW_CONTAINERS, FW_CERTIFICATES, FW_DATA_OBJECTS, FW_CHANNELS};

	put_pair(b, 0x8B, fw_journal_free(fw), fw_journal_total(fw));
	put_pair(b, 0x8C, FW_COMMAND_DATA_MAX, FW_ANSWER_DATA_MAX);
	tlv_put_u16(b, 0x8D, fw_algorithms(fw));
	tlv_put(b, 0x8E, BYTES_OF(limits));
	tlv_put_u16(b, 0x8F, FW_OBJECT_MAX);
}

/* The digest is made when somebody asks, not at power-on: a reader that resets the card waits for its first answer. */
static bool refresh_digest(struct fw *fw)
{
	if (!fw->digest_valid && !fw->journal.damaged)
		fw->digest_valid = fw_directory_digest(fw, fw->digest) == SW_OK;
	return fw->digest_valid;
}

uint16_t fw_token_information(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_policy *p = &fw->policy;
	const uint8_t policy[5] = {p->min, p->max, p->classes, p->history, p->flags};
	uint8_t serial[8];

	if (!refresh_digest(fw)) /* it uses the answer's buffer: before anything is in it */
		bytes_fill(fw->digest, 0, sizeof(fw->digest));
	hal_serial(fw->hal, serial);
	size_t whole = tlv_begin(answer, 0x6F);
	tlv_put(answer, 0x84, fw_ukey_application.aid);
	size_t body = tlv_begin(answer, 0xA5);
	tlv_put(answer, 0x80, BYTES_OF(protocol_version));
	tlv_put(answer, 0x81, BYTES_OF(firmware_version));
	tlv_put(answer, 0x82, BYTES_OF(serial));
	tlv_put(answer, 0x83, BYTES(fw->label, fw->label_len));
	tlv_put_u8(answer, 0x84, (uint8_t)fw->life);
	put_pins(fw, answer);
	tlv_put_u32(answer, 0x88, fw->generation);
	tlv_put(answer, 0x89, BYTES_OF(fw->digest));
	tlv_put(answer, 0x8A, BYTES_OF(policy));
	put_limits(fw, answer);
	tlv_put_u8(answer, 0x90, command->channel->security & (FW_USER | FW_SO | FW_FRESH));
	tlv_put_u8(answer, 0x91, fw->gave);
	tlv_end(answer, body);
	tlv_end(answer, whole);
	return SW_OK;
}
