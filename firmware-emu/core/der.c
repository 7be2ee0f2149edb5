/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/der.h"

#define VERSION_TAG 0xA0 /* [0] of TBSCertificate */

void der_put_unsigned(struct builder *b, struct bytes value)
{
	struct cursor c = cursor_of(value), rest = c;

	/* Shortest form: no leading zeros, but one where the first bit would make it negative. */
	while (c.left > 0 && cursor_u8(&c) == 0)
		rest = c;
	struct bytes digits = cursor_rest(&rest);
	size_t mark = tlv_begin(b, DER_INTEGER);
	if (digits.len == 0 || digits.data[0] & 0x80)
		builder_u8(b, 0);
	builder_put(b, digits);
	tlv_end(b, mark);
}

void der_put_number(struct builder *b, uint16_t value)
{
	const uint8_t be[2] = {(uint8_t)(value >> 8), (uint8_t)value};

	der_put_unsigned(b, BYTES_OF(be));
}

void der_put_boolean(struct builder *b, bool value)
{
	tlv_put_u8(b, DER_BOOLEAN, value ? 0xFF : 0x00);
}

void der_put_text(struct builder *b, uint8_t tag, const char *text)
{
	size_t mark = tlv_begin(b, tag);

	for (; *text; text++)
		builder_u8(b, (uint8_t)*text);
	tlv_end(b, mark);
}

size_t der_begin_bits(struct builder *b)
{
	size_t mark = tlv_begin(b, DER_BIT_STRING);

	builder_u8(b, 0);
	return mark;
}

void der_put_bits(struct builder *b, struct bytes value)
{
	size_t mark = der_begin_bits(b);

	builder_put(b, value);
	tlv_end(b, mark);
}

bool der_subject(struct bytes certificate, struct bytes *subject)
{
	struct bytes inside;

	if (!tlv_unwrap(certificate, DER_SEQUENCE, &inside))
		return false;
	struct cursor c = cursor_of(inside), tbs = cursor_of(tlv_take(&c, DER_SEQUENCE));
	tlv_take(&c, DER_SEQUENCE); /* signatureAlgorithm */
	tlv_take(&c, DER_BIT_STRING);
	if (tlv_peek(&tbs) == VERSION_TAG)
		tlv_take(&tbs, VERSION_TAG);
	tlv_take(&tbs, DER_INTEGER);  /* serialNumber */
	tlv_take(&tbs, DER_SEQUENCE); /* signature */
	tlv_take(&tbs, DER_SEQUENCE); /* issuer */
	tlv_take(&tbs, DER_SEQUENCE); /* validity */
	*subject = tlv_take_whole(&tbs, DER_SEQUENCE);
	return cursor_done(&c) && !tbs.failed;
}
