/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What DER (X.690) needs beyond common/tlv.h: a sequence is tlv_begin(b, DER_SEQUENCE) ... tlv_end().
 */
#ifndef UKEY_FW_DER_H
#define UKEY_FW_DER_H

#include "common/tlv.h"

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0C,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
};

/* INTEGERs that are not negative: of big-endian bytes, leading zeros or not; of a small number. */
void der_put_unsigned(struct builder *b, struct bytes value);
void der_put_number(struct builder *b, uint16_t value);
void der_put_boolean(struct builder *b, bool value);
void der_put_text(struct builder *b, uint8_t tag, const char *text);
/* A BIT STRING of whole bytes; the second form of what is put between begin and tlv_end(). */
void der_put_bits(struct builder *b, struct bytes value);
size_t der_begin_bits(struct builder *b);

/* The subject (the Name, whole) of an X.509 certificate; false when this is none. */
bool der_subject(struct bytes certificate, struct bytes *subject);

#endif
