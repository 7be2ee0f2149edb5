/* SPDX-License-Identifier: Apache-2.0 */
/* What Yubico's extensions tell: version, serial number, metadata, attestation (protocol 9.8). */
#include "common/tlv.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/key.h"
#include "firmware-emu/core/piv.h"
#include "firmware-emu/core/x509.h"

#define REFERENCE_PIN 0x80
#define REFERENCE_PUK 0x81
#define REFERENCE_KEY 0x9B
#define NO_ALGORITHM  0xFF

/* What clients judge the extensions by: up to 5.6 the set is the one that is built here. */
static const uint8_t version[] = {5, 4, 3};

uint16_t fw_piv_version(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	(void)fw;
	(void)command;
	builder_put(answer, BYTES_OF(version));
	return SW_OK;
}

uint16_t fw_piv_serial(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	uint8_t serial[8];

	(void)command;
	hal_serial(fw->hal, serial);
	struct cursor c = cursor_of(BYTES_OF(serial));
	cursor_u32(&c);
	builder_put(answer, cursor_rest(&c));
	return SW_OK;
}

/* ---- metadata ---- */

static void put_two(struct builder *b, uint8_t tag, uint8_t first, uint8_t second)
{
	const uint8_t pair[] = {first, second};

	tlv_put(b, tag, BYTES_OF(pair));
}

static uint16_t code_metadata(struct fw *fw, enum fw_pin pin, uint8_t bit, struct builder *answer)
{
	tlv_put_u8(answer, 0x01, NO_ALGORITHM);
	tlv_put_u8(answer, 0x05, (fw->piv.defaults & bit) != 0);
	put_two(answer, 0x06, fw->tries_max[pin], fw->tries[pin]);
	return SW_OK;
}

static uint16_t management_metadata(struct fw *fw, struct builder *answer)
{
	tlv_put_u8(answer, 0x01, fw->piv.algorithm);
	put_two(answer, 0x02, FW_PIV_PIN_DEFAULT, fw->piv.touch);
	tlv_put_u8(answer, 0x05, (fw->piv.defaults & FW_PIV_DEFAULT_KEY) != 0);
	return SW_OK;
}

uint16_t fw_piv_metadata(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_key key;
	uint8_t number;

	switch (command->p2) {
	case REFERENCE_PIN:
		return code_metadata(fw, FW_PIN_PIV, FW_PIV_DEFAULT_PIN, answer);
	case REFERENCE_PUK:
		return code_metadata(fw, FW_PIN_PUK, FW_PIV_DEFAULT_PUK, answer);
	case REFERENCE_KEY:
		return management_metadata(fw, answer);
	default:
		break;
	}
	if (!fw_piv_slot(command->p2, &number) || !fw_object_exists(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load_from(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number), &key))
		return SW_INTERNAL;
	tlv_put_u8(answer, 0x01, key.algorithm);
	put_two(answer, 0x02, key.pin_policy, key.touch);
	tlv_put_u8(answer, 0x03, (uint8_t)(key.origin + 1));
	tlv_put(answer, 0x04, key.public_key);
	return SW_OK;
}

/* ---- attestation ---- */

/* 1.3.6.1.4.1.41482.3.n: firmware, serial number, policies. */
#define EXTENSION(n)                                                                                                   \
	{                                                                                                              \
		0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0xC4, 0x0A, 0x03, (n)                                              \
	}
static const uint8_t oid_firmware[] = EXTENSION(3), oid_serial[] = EXTENSION(7), oid_policy[] = EXTENSION(8);

struct about {
	uint8_t slot;
	uint8_t serial[8];
	const struct fw_key *key;
};

static void put_subject_text(struct builder *b, const void *what)
{
	static const uint8_t text[] = {'P', 'I', 'V', ' ', 'k', 'e', 'y', ' '}, of[] = {' ', 'o', 'f', ' '};
	const struct about *a = what;

	builder_put(b, BYTES_OF(text));
	fw_x509_put_hex(b, BYTES(&a->slot, 1));
	builder_put(b, BYTES_OF(of));
	fw_x509_put_hex(b, BYTES_OF(a->serial));
}

static void put_extensions(struct builder *b, const void *what)
{
	const struct about *a = what;
	const uint8_t policy[] = {a->key->pin_policy, a->key->touch};
	struct cursor c = cursor_of(BYTES_OF(a->serial));

	struct fw_x509_extension e = fw_x509_begin_extension(b, BYTES_OF(oid_firmware));
	builder_put(b, BYTES_OF(version));
	fw_x509_end_extension(b, e);
	e = fw_x509_begin_extension(b, BYTES_OF(oid_serial));
	cursor_u32(&c);
	der_put_unsigned(b, cursor_rest(&c));
	fw_x509_end_extension(b, e);
	e = fw_x509_begin_extension(b, BYTES_OF(oid_policy));
	builder_put(b, BYTES_OF(policy));
	fw_x509_end_extension(b, e);
}

uint16_t fw_piv_attest(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_key key;
	struct about about = {.slot = command->p1, .key = &key};
	const struct fw_x509 x = {&key, put_subject_text, put_extensions, &about};
	uint8_t number;

	if (!fw_piv_slot(command->p1, &number))
		return SW_WRONG_P1P2;
	if (!fw_factory_has(fw, FW_GAVE_ATTESTATION_KEY) || !fw_object_exists(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load_from(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number), &key))
		return SW_INTERNAL;
	if (key.origin != FW_KEY_GENERATED)
		return SW_CONDITIONS;
	hal_serial(fw->hal, about.serial);
	return fw_x509_put(fw, &x, answer);
}
