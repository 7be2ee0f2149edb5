/* SPDX-License-Identifier: Apache-2.0 */
/* ATTEST (protocol 8): a certificate that says where a key of this token comes from, and what it lets be done. */
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/factory.h"
#include "firmware-emu/core/x509.h"

#define NONCE_MIN         8
#define NONCE_MAX         32
#define TOKEN_SERIAL_SIZE 8
#define ORIGIN_TOKEN      0

static const uint8_t oid_statement[] = {0x69, 0x82, 0x91, 0xEC, 0xDA, 0x85, 0xD2, 0xF1, 0xF2, 0xAD, 0xB3, 0x8F, 0x80,
	0xFF, 0x97, 0x84, 0xC7, 0xD9, 0x8E, 0x60, 0x01};

struct attestation {
	uint8_t number; /* of the key */
	struct fw_key key;
	struct bytes nonce;
	uint8_t token[TOKEN_SERIAL_SIZE];
};

/* "key kk of SERIAL" */
static void put_subject(struct builder *b, const void *what)
{
	static const uint8_t key[] = {'k', 'e', 'y', ' '}, of[] = {' ', 'o', 'f', ' '};
	const struct attestation *a = what;

	builder_put(b, BYTES_OF(key));
	fw_x509_put_hex(b, BYTES(&a->number, 1));
	builder_put(b, BYTES_OF(of));
	fw_x509_put_hex(b, BYTES_OF(a->token));
}

static void put_statement(struct builder *b, const void *what)
{
	const struct attestation *a = what;
	struct fw_x509_extension extension = fw_x509_begin_extension(b, BYTES_OF(oid_statement));
	size_t statement = tlv_begin(b, DER_SEQUENCE);

	der_put_number(b, 1);
	tlv_put(b, DER_OCTET_STRING, BYTES_OF(a->token));
	tlv_put(b, DER_OCTET_STRING, fw_firmware_version());
	der_put_number(b, a->number);
	der_put_number(b, a->key.algorithm);
	der_put_boolean(b, a->key.origin == ORIGIN_TOKEN);
	der_put_boolean(b, false); /* exportable: nothing reads a private key out */
	der_put_number(b, a->key.usage);
	der_put_number(b, a->key.pin_policy);
	der_put_number(b, a->key.touch);
	tlv_put(b, DER_OCTET_STRING, a->nonce);
	tlv_end(b, statement);
	fw_x509_end_extension(b, extension);
}

uint16_t fw_attest(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct attestation a = {.number = command->p2};
	const struct fw_x509 x = {&a.key, put_subject, put_statement, &a};
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, NONCE_MIN, NONCE_MAX, &a.nonce}
        };

	if (!tlv_parse(command->data, fields, 1))
		return SW_WRONG_DATA;
	if (!fw_factory_has(fw, FW_GAVE_ATTESTATION_KEY))
		return SW_CONDITIONS;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, a.number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load(fw, a.number, &a.key))
		return SW_INTERNAL;
	if (a.key.origin != ORIGIN_TOKEN)
		return SW_CONDITIONS; /* who else has it, the token cannot know */
	hal_serial(fw->hal, a.token);
	return fw_x509_put(fw, &x, answer);
}
