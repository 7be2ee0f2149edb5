/* SPDX-License-Identifier: Apache-2.0 */
/* ATTEST (protocol 8): a certificate that says where a key of this token comes from, and what it lets be done. */
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/der.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/factory.h"

#define NONCE_MIN         8
#define NONCE_MAX         32
#define SERIAL_SIZE       16 /* of the certificate */
#define TOKEN_SERIAL_SIZE 8
#define SIGNATURE_SIZE    64 /* r, s */
#define ORIGIN_TOKEN      0

static const uint8_t oid_ecdsa_sha256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
static const uint8_t oid_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
static const uint8_t oid_ec[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
static const uint8_t oid_p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};
static const uint8_t oid_p521[] = {0x2B, 0x81, 0x04, 0x00, 0x23};
static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};
static const uint8_t oid_statement[] = {0x69, 0x82, 0x91, 0xEC, 0xDA, 0x85, 0xD2, 0xF1, 0xF2, 0xAD, 0xB3, 0x8F, 0x80,
	0xFF, 0x97, 0x84, 0xC7, 0xD9, 0x8E, 0x60, 0x01};

struct attestation {
	uint8_t number; /* of the key */
	struct fw_key key;
	struct bytes issuer, nonce;
	uint8_t serial[SERIAL_SIZE], token[TOKEN_SERIAL_SIZE];
};

static struct bytes curve_of(uint8_t algorithm)
{
	switch (algorithm) {
	case 0x11:
		return BYTES_OF(oid_p256);
	case 0x14:
		return BYTES_OF(oid_p384);
	default:
		return BYTES_OF(oid_p521);
	}
}

/* ---- the certificate ---- */

static void put_signature_algorithm(struct builder *b)
{
	size_t mark = tlv_begin(b, DER_SEQUENCE);

	tlv_put(b, DER_OID, BYTES_OF(oid_ecdsa_sha256));
	tlv_end(b, mark);
}

/* RFC 5280 4.1.2.5: UTCTime before 2050, GeneralizedTime from then on. */
static void put_validity(struct builder *b)
{
	size_t mark = tlv_begin(b, DER_SEQUENCE);

	der_put_text(b, DER_UTC_TIME, "000101000000Z");
	der_put_text(b, DER_GENERALIZED_TIME, "99991231235959Z");
	tlv_end(b, mark);
}

static void put_hex(struct builder *b, struct bytes value)
{
	static const uint8_t digits[] = {
		'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

	for (size_t i = 0; i < value.len; i++) {
		builder_u8(b, digits[value.data[i] >> 4]);
		builder_u8(b, digits[value.data[i] & 0x0F]);
	}
}

/* CN = "key kk of SERIAL" */
static void put_subject(struct builder *b, const struct attestation *a)
{
	static const uint8_t key[] = {'k', 'e', 'y', ' '}, of[] = {' ', 'o', 'f', ' '};
	size_t name = tlv_begin(b, DER_SEQUENCE), set = tlv_begin(b, DER_SET), pair = tlv_begin(b, DER_SEQUENCE);

	tlv_put(b, DER_OID, BYTES_OF(oid_common_name));
	size_t value = tlv_begin(b, DER_UTF8_STRING);
	builder_put(b, BYTES_OF(key));
	put_hex(b, BYTES(&a->number, 1));
	builder_put(b, BYTES_OF(of));
	put_hex(b, BYTES_OF(a->token));
	tlv_end(b, value);
	tlv_end(b, pair);
	tlv_end(b, set);
	tlv_end(b, name);
}

static bool put_rsa_key(struct builder *b, struct bytes public_key)
{
	struct bytes modulus, exponent;
	const struct tlv_field fields[] = {
		{0x81, TLV_REQUIRED, 1, HAL_PUBLIC_MAX, &modulus },
		{0x82, TLV_REQUIRED, 1, HAL_PUBLIC_MAX, &exponent},
	};

	if (!tlv_parse(public_key, fields, 2))
		return false;
	size_t algorithm = tlv_begin(b, DER_SEQUENCE);
	tlv_put(b, DER_OID, BYTES_OF(oid_rsa));
	tlv_put(b, DER_NULL, BYTES_NONE);
	tlv_end(b, algorithm);
	size_t bits = der_begin_bits(b), pair = tlv_begin(b, DER_SEQUENCE);
	der_put_unsigned(b, modulus);
	der_put_unsigned(b, exponent);
	tlv_end(b, pair);
	tlv_end(b, bits);
	return true;
}

static bool put_ec_key(struct builder *b, uint8_t number, struct bytes public_key)
{
	struct bytes point;

	if (!tlv_unwrap(public_key, 0x86, &point))
		return false;
	size_t algorithm = tlv_begin(b, DER_SEQUENCE);
	tlv_put(b, DER_OID, BYTES_OF(oid_ec));
	tlv_put(b, DER_OID, curve_of(number));
	tlv_end(b, algorithm);
	der_put_bits(b, point);
	return true;
}

static bool put_public_key(struct builder *b, const struct fw_key *key)
{
	const struct fw_algorithm *algorithm = fw_algorithm(key->algorithm);
	size_t mark = tlv_begin(b, DER_SEQUENCE);

	bool ok = algorithm && (algorithm->rsa ? put_rsa_key(b, key->public_key)
					       : put_ec_key(b, algorithm->number, key->public_key));
	tlv_end(b, mark);
	return ok;
}

static void put_statement(struct builder *b, const struct attestation *a)
{
	size_t all = tlv_begin(b, 0xA3), list = tlv_begin(b, DER_SEQUENCE), one = tlv_begin(b, DER_SEQUENCE);

	tlv_put(b, DER_OID, BYTES_OF(oid_statement));
	size_t value = tlv_begin(b, DER_OCTET_STRING), statement = tlv_begin(b, DER_SEQUENCE);
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
	tlv_end(b, value);
	tlv_end(b, one);
	tlv_end(b, list);
	tlv_end(b, all);
}

static bool put_tbs(struct builder *b, const struct attestation *a)
{
	size_t tbs = tlv_begin(b, DER_SEQUENCE), version = tlv_begin(b, 0xA0);

	der_put_number(b, 2); /* v3 */
	tlv_end(b, version);
	der_put_unsigned(b, BYTES_OF(a->serial));
	put_signature_algorithm(b);
	builder_put(b, a->issuer);
	put_validity(b);
	put_subject(b, a);
	bool ok = put_public_key(b, &a->key);
	put_statement(b, a);
	tlv_end(b, tbs);
	return ok && !b->failed;
}

static bool sign(struct fw *fw, struct bytes tbs, uint8_t signature[SIGNATURE_SIZE])
{
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob)), out = builder_of(signature, SIGNATURE_SIZE);
	uint8_t digest[32];

	bool ok = hal_sha256(fw->hal, tbs, digest) && fw_factory_attestation_key(fw, &blob) &&
		  hal_key_operate(fw->hal, FW_FACTORY_ALGORITHM, HAL_SIGN, builder_bytes(&blob), BYTES_OF(digest),
			  &out) == HAL_OK;
	bytes_wipe(fw->blob, sizeof(fw->blob));
	return ok && !out.failed && out.len == SIGNATURE_SIZE;
}

static uint16_t put_certificate(struct fw *fw, struct builder *b, const struct attestation *a)
{
	uint8_t signature[SIGNATURE_SIZE];
	size_t whole = tlv_begin(b, DER_SEQUENCE), from = b->len;

	if (!put_tbs(b, a) || !sign(fw, BYTES(b->data + from, b->len - from), signature))
		return SW_INTERNAL;
	put_signature_algorithm(b);
	size_t bits = der_begin_bits(b), pair = tlv_begin(b, DER_SEQUENCE);
	struct cursor c = cursor_of(BYTES_OF(signature));
	der_put_unsigned(b, cursor_take(&c, SIGNATURE_SIZE / 2));
	der_put_unsigned(b, cursor_rest(&c));
	tlv_end(b, pair);
	tlv_end(b, bits);
	tlv_end(b, whole);
	return SW_OK;
}

/* ---- the command ---- */

/* All of a statement but the issuer's name; that is at most as long as the chain. */
#define STATEMENT_MAX 1536

_Static_assert(FW_ANSWER_DATA_MAX >= STATEMENT_MAX + 2 * FW_FACTORY_CHAIN_MAX, "a statement would reach the chain");

/*
 * The subject of the chain's last certificate. The chain is read to the far end of the answer's buffer, where the
 * statement does not reach; nobody else uses it meanwhile.
 */
static uint16_t find_issuer(struct fw *fw, struct bytes *issuer)
{
	struct builder chain = builder_of(fw->answer + FW_ANSWER_DATA_MAX - FW_FACTORY_CHAIN_MAX, FW_FACTORY_CHAIN_MAX);
	struct bytes leaf = BYTES_NONE;

	if (!fw_object_append(fw, FW_OBJECT_ATTESTATION_CHAIN, &chain))
		return SW_MEMORY_FAILURE;
	struct cursor c = cursor_of(builder_bytes(&chain));
	while (c.left > 0 && !c.failed)
		leaf = tlv_take_whole(&c, DER_SEQUENCE);
	return cursor_done(&c) && der_subject(leaf, issuer) ? SW_OK : SW_CONDITIONS;
}

static bool take_chance(struct fw *fw, struct attestation *a)
{
	if (!hal_random(fw->hal, a->serial, sizeof(a->serial)))
		return false;
	a->serial[0] = (a->serial[0] & 0x7F) | 0x40; /* positive, and never shorter */
	return true;
}

uint16_t fw_attest(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct attestation a = {.number = command->p2};
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
	uint16_t sw = find_issuer(fw, &a.issuer);
	if (sw != SW_OK)
		return sw;
	hal_serial(fw->hal, a.token);
	return take_chance(fw, &a) ? put_certificate(fw, answer, &a) : SW_INTERNAL;
}
