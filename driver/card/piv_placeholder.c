/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/card/piv_placeholder.h"

#include "common/tlv.h"

/* RFC 5280 4.1. The name is how it is known again: CN=OpenUKey: key without certificate */
static const uint8_t name[] = {0x30, 0x2C, 0x31, 0x2A, 0x30, 0x28, 0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 0x21, 'O', 'p',
	'e', 'n', 'U', 'K', 'e', 'y', ':', ' ', 'k', 'e', 'y', ' ', 'w', 'i', 't', 'h', 'o', 'u', 't', ' ', 'c', 'e',
	'r', 't', 'i', 'f', 'i', 'c', 'a', 't', 'e'};
/* From 1970-01-01 00:00:00 to 1970-01-01 00:00:00 */
static const uint8_t validity[] = {0x30, 0x1E, 0x17, 0x0D, '7', '0', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0',
	'Z', 0x17, 0x0D, '7', '0', '0', '1', '0', '1', '0', '0', '0', '0', '0', '0', 'Z'};
/* sha256WithRSAEncryption; ecdsa-with-SHA256 */
static const uint8_t rsa[] = {0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00};
static const uint8_t ecdsa[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
/* r = s = 1: the form of a signature, and none of this world */
static const uint8_t no_ecdsa[] = {0x30, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};

#define SERIAL_SIZE 16
/* Its first byte's upper half: never negative, never zero. */
#define SERIAL_KIND 0x60
#define SERIAL_MADE 0x40
#define SERIAL_LEFT 0x20

/* Of the key: two placeholders that differ, do so in their beginning, which is all that a look at a card reads. */
static bool put_serial(struct builder *b, enum piv_placeholder kind, struct bytes spki)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	if (!crypto_digest(CRYPTO_SHA256, spki, digest))
		return false;
	digest[0] = (digest[0] & 0x1F) | (kind == PIV_PLACEHOLDER_MADE ? SERIAL_MADE : SERIAL_LEFT);
	tlv_put(b, 0x02, BYTES(digest, SERIAL_SIZE));
	return true;
}

static void put_signature(struct builder *b, const struct crypto_pubkey *key)
{
	const size_t mark = tlv_begin(b, 0x03);

	builder_u8(b, 0); /* unused bits */
	if (key->type == CRYPTO_RSA) {
		uint8_t *zeros = builder_room(b, key->modulus.len);
		if (zeros)
			bytes_fill(zeros, 0, key->modulus.len);
	} else {
		builder_put(b, BYTES_OF(no_ecdsa));
	}
	tlv_end(b, mark);
}

bool piv_placeholder_make(enum piv_placeholder kind, const struct crypto_pubkey *key, struct builder *der)
{
	const struct bytes algorithm = key->type == CRYPTO_RSA ? BYTES_OF(rsa) : BYTES_OF(ecdsa);
	uint8_t memory[CRYPTO_SPKI_MAX];
	struct builder spki = builder_of(memory, sizeof memory);
	const size_t whole = tlv_begin(der, 0x30), signed_part = tlv_begin(der, 0x30);

	bool good = crypto_pubkey_to_spki(key, &spki) && put_serial(der, kind, builder_bytes(&spki));
	builder_put(der, algorithm);
	builder_put(der, BYTES_OF(name));
	builder_put(der, BYTES_OF(validity));
	builder_put(der, BYTES_OF(name));
	builder_put(der, builder_bytes(&spki));
	tlv_end(der, signed_part);
	builder_put(der, algorithm);
	put_signature(der, key);
	tlv_end(der, whole);
	return good && !der->failed;
}

enum piv_placeholder piv_placeholder_kind(struct bytes der)
{
	struct crypto_cert cert;

	if (!crypto_cert_parse(der, &cert) || !bytes_equal(cert.issuer, BYTES_OF(name)) ||
		!bytes_equal(cert.subject, BYTES_OF(name)) || cert.serial.len != 2 + SERIAL_SIZE)
		return PIV_PLACEHOLDER_NONE;
	return (cert.serial.data[2] & SERIAL_KIND) == SERIAL_LEFT ? PIV_PLACEHOLDER_LEFT : PIV_PLACEHOLDER_MADE;
}
