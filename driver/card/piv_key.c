/* SPDX-License-Identifier: Apache-2.0 */
/* What a PIV card answers about its keys and with them, and how PINs go to it. */
#include "driver/card/piv_object.h"

#include "common/crypto.h"
#include "common/tlv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- public keys ------------------------------------------------------------------------------------------------- */

enum shape {
	RSA,
	POINT, /* 04 X Y */
	RAW,   /* Ed25519, X25519: the octets of RFC 8032, 7748 */
};

/* SP 800-78-5 table 6-2; 16, E0, E1 are Yubico's. */
static const struct shape_of {
	uint8_t algorithm;
	enum shape shape;
	size_t size; /* of the modulus, or of the whole of 86 */
} shapes[] = {
	{0x05, RSA,   384},
	{0x06, RSA,   128},
	{0x07, RSA,   256},
	{0x16, RSA,   512},
	{0x11, POINT, 65 },
	{0x14, POINT, 97 },
	{0xE0, RAW,   32 },
	{0xE1, RAW,   32 },
};

static const struct shape_of *shape_of(uint8_t algorithm)
{
	for (size_t i = 0; i < COUNT(shapes); i++)
		if (shapes[i].algorithm == algorithm)
			return &shapes[i];
	return NULL;
}

bool piv_algorithm_known(uint8_t algorithm)
{
	return shape_of(algorithm) != NULL;
}

/* As long as its algorithm says, to the bit; odd, as products of large primes are. */
static bool modulus_fits(struct bytes n, size_t size)
{
	return n.len == size && n.data[0] & 0x80 && n.data[n.len - 1] & 0x01;
}

/* Some cards fill it up with zeros to a fixed length. */
static bool exponent_fits(struct bytes *e)
{
	struct cursor c = cursor_of(*e);

	while (e->len > 0 && e->data[0] == 0) {
		cursor_u8(&c);
		*e = BYTES(c.at, c.left);
	}
	return e->len > 0 && e->data[e->len - 1] & 0x01 && (e->len > 1 || e->data[0] > 1);
}

static bool point_fits(struct bytes p, const struct shape_of *shape)
{
	return p.len == shape->size && (shape->shape == RAW || p.data[0] == 0x04);
}

bool piv_public_parse(struct bytes in, uint8_t algorithm, struct card_public *out)
{
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 1, 512, &out->modulus },
		{0x82, TLV_OPTIONAL, 1, 512, &out->exponent},
		{0x86, TLV_OPTIONAL, 1, 133, &out->point   },
	};
	const struct shape_of *shape = shape_of(algorithm);

	*out = (struct card_public){0};
	if (!shape || !tlv_parse_any(in, fields, COUNT(fields)))
		return false;
	if (shape->shape == RSA)
		return !out->point.data && modulus_fits(out->modulus, shape->size) && exponent_fits(&out->exponent);
	return !out->modulus.data && !out->exponent.data && point_fits(out->point, shape);
}

bool piv_generated_parse(struct bytes answer, uint8_t algorithm, struct card_public *out)
{
	struct bytes key;
	return piv_unwrap(answer, 0x7F49, &key) && piv_public_parse(key, algorithm, out);
}

/* ---- GENERAL AUTHENTICATE ---------------------------------------------------------------------------------------- */

/* What the host asked for is known, so another element is no answer to it, nor one more (CVE-2024-45615). */
bool piv_dynamic_parse(struct bytes answer, uint8_t tag, struct bytes *value)
{
	struct bytes template;
	return piv_unwrap(answer, 0x7C, &template) && piv_unwrap(template, tag, value) && value->len > 0;
}

bool piv_ecdsa_parse(struct bytes der, size_t field, uint8_t *rs)
{
	struct builder out = builder_of(rs, 2 * field);
	return crypto_ecdsa_from_der(der, field, &out);
}

/* ---- PINs -------------------------------------------------------------------------------------------------------- */

#define PIN_LEAST 6u
#define PIN_FILL  0xFF

bool piv_pin_pad(struct bytes pin, uint8_t out[PIV_PIN_SIZE])
{
	if (pin.len < PIN_LEAST || pin.len > PIV_PIN_SIZE)
		return false;
	for (size_t i = 0; i < pin.len; i++)
		if (pin.data[i] == PIN_FILL)
			return false;
	bytes_fill(out, PIN_FILL, PIV_PIN_SIZE);
	bytes_copy(out, pin);
	return true;
}
