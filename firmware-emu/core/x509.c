/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/x509.h"
#include "firmware-emu/core/algorithm.h"
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/factory.h"

#define SERIAL_SIZE    16 /* of the certificate */
#define SIGNATURE_SIZE 64 /* r, s */

static const uint8_t oid_ecdsa_sha256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
static const uint8_t oid_rsa[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
static const uint8_t oid_ec[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};
static const uint8_t oid_p256[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t oid_p384[] = {0x2B, 0x81, 0x04, 0x00, 0x22};
static const uint8_t oid_p521[] = {0x2B, 0x81, 0x04, 0x00, 0x23};
static const uint8_t oid_common_name[] = {0x55, 0x04, 0x03};

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

/* ---- parts ---- */

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

void fw_x509_put_hex(struct builder *b, struct bytes value)
{
	static const uint8_t digits[] = {
		'0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'};

	for (size_t i = 0; i < value.len; i++) {
		builder_u8(b, digits[value.data[i] >> 4]);
		builder_u8(b, digits[value.data[i] & 0x0F]);
	}
}

/* CN = what the caller says */
static void put_subject(struct builder *b, const struct fw_x509 *x)
{
	size_t name = tlv_begin(b, DER_SEQUENCE), set = tlv_begin(b, DER_SET), pair = tlv_begin(b, DER_SEQUENCE);

	tlv_put(b, DER_OID, BYTES_OF(oid_common_name));
	size_t value = tlv_begin(b, DER_UTF8_STRING);
	x->subject(b, x->what);
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

static void put_extensions(struct builder *b, const struct fw_x509 *x)
{
	size_t all = tlv_begin(b, 0xA3), list = tlv_begin(b, DER_SEQUENCE);

	x->extensions(b, x->what);
	tlv_end(b, list);
	tlv_end(b, all);
}

struct fw_x509_extension fw_x509_begin_extension(struct builder *b, struct bytes oid)
{
	struct fw_x509_extension e = {.whole = tlv_begin(b, DER_SEQUENCE)};

	tlv_put(b, DER_OID, oid);
	e.value = tlv_begin(b, DER_OCTET_STRING);
	return e;
}

void fw_x509_end_extension(struct builder *b, struct fw_x509_extension e)
{
	tlv_end(b, e.value);
	tlv_end(b, e.whole);
}

/* ---- the whole ---- */

static bool put_tbs(struct builder *b, const struct fw_x509 *x, struct bytes serial, struct bytes issuer)
{
	size_t tbs = tlv_begin(b, DER_SEQUENCE), version = tlv_begin(b, 0xA0);

	der_put_number(b, 2); /* v3 */
	tlv_end(b, version);
	der_put_unsigned(b, serial);
	put_signature_algorithm(b);
	builder_put(b, issuer);
	put_validity(b);
	put_subject(b, x);
	bool ok = put_public_key(b, x->key);
	put_extensions(b, x);
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

static uint16_t put_certificate(
	struct fw *fw, struct builder *b, const struct fw_x509 *x, struct bytes serial, struct bytes issuer)
{
	uint8_t signature[SIGNATURE_SIZE];
	size_t whole = tlv_begin(b, DER_SEQUENCE), from = b->len;

	if (!put_tbs(b, x, serial, issuer) || !sign(fw, BYTES(b->data + from, b->len - from), signature))
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

/* All of a certificate but the issuer's name; that is at most as long as the chain. */
#define CERTIFICATE_MAX 1536

_Static_assert(FW_ANSWER_DATA_MAX >= CERTIFICATE_MAX + 2 * FW_FACTORY_CHAIN_MAX, "a certificate would reach the chain");

/*
 * The chain is read to the far end of the answer's buffer, where what is made does not reach; nobody else uses it
 * meanwhile.
 */
uint16_t fw_x509_attestation_leaf(struct fw *fw, struct bytes *leaf)
{
	struct builder chain = builder_of(fw->answer + FW_ANSWER_DATA_MAX - FW_FACTORY_CHAIN_MAX, FW_FACTORY_CHAIN_MAX);

	*leaf = BYTES_NONE;
	if (!fw_object_append(fw, FW_OBJECT_ATTESTATION_CHAIN, &chain))
		return SW_MEMORY_FAILURE;
	struct cursor c = cursor_of(builder_bytes(&chain));
	while (c.left > 0 && !c.failed)
		*leaf = tlv_take_whole(&c, DER_SEQUENCE);
	return cursor_done(&c) && leaf->len > 0 ? SW_OK : SW_CONDITIONS;
}

uint16_t fw_x509_put(struct fw *fw, const struct fw_x509 *x, struct builder *answer)
{
	uint8_t serial[SERIAL_SIZE];
	struct bytes leaf, issuer;
	uint16_t sw = fw_x509_attestation_leaf(fw, &leaf);

	if (sw != SW_OK)
		return sw;
	if (!der_subject(leaf, &issuer))
		return SW_CONDITIONS;
	if (!hal_random(fw->hal, serial, sizeof(serial)))
		return SW_INTERNAL;
	serial[0] = (serial[0] & 0x7F) | 0x40; /* positive, and never shorter */
	return put_certificate(fw, answer, x, BYTES_OF(serial), issuer);
}
