/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BER-TLV (ISO 7816-4 5.2.2, X.690): tags of one to three bytes, definite lengths of up to four bytes, and only the
 * shortest coding of each. A tag is the number its bytes spell: 0x82, 0x7F49, 0x5FC102; 0 is no tag.
 *
 * Reading never skips: tlv_parse() accepts a range only when every byte of it belongs to a field that the table
 * names, no field occurs twice, and each length is inside its bounds.
 *
 * Freestanding: no libc.
 */
#ifndef UKEY_COMMON_TLV_H
#define UKEY_COMMON_TLV_H

#include "common/bytes.h"

/* Take one TLV. False at the end of the range (cursor_done) or when it is malformed (cursor failed). */
bool tlv_next(struct cursor *c, uint32_t *tag, struct bytes *value);

/*
 * The same as ISO 7816-4 5.2.2 lets any card write it: a length in any definite form, shortest or not (81 05 and 82
 * 0005 are 5), and filler bytes 00 before, between and behind TLVs, so that a range with nothing but filler left is at
 * its end. For what makers and issuers of cards wrote; what is ours is always in its shortest form.
 */
bool tlv_next_any(struct cursor *c, uint32_t *tag, struct bytes *value);
/* Only tag and length of it: of a value that may be cut off. */
bool tlv_header_any(struct cursor *c, uint32_t *tag, size_t *len);

/* Take one TLV that must have this tag, and give its value, or the whole of it with tag and length. Anything else fails
 * the cursor. */
struct bytes tlv_take(struct cursor *c, uint32_t tag);
struct bytes tlv_take_whole(struct cursor *c, uint32_t tag);
/* The tag that comes next, for optional elements; 0 (which is no tag) at the end and where no tag can be read. */
uint32_t tlv_peek(const struct cursor *c);

enum tlv_presence {
	TLV_OPTIONAL,
	TLV_REQUIRED,
};

struct tlv_field {
	uint32_t tag;
	enum tlv_presence presence;
	size_t min, max;     /* length of the value */
	struct bytes *value; /* set when present, BYTES_NONE when not; a present empty value has non-NULL data */
};

/* Parse a whole range by a table of at most 32 fields, in any order. False leaves the values undefined. */
bool tlv_parse(struct bytes in, const struct tlv_field *fields, size_t count);

/* The same of what tlv_next_any() reads; tags that the table does not name are stepped over (they must be whole). */
bool tlv_parse_any(struct bytes in, const struct tlv_field *fields, size_t count);

/* The value of the one TLV that fills the whole range and has this tag. */
bool tlv_unwrap(struct bytes in, uint32_t tag, struct bytes *value);

void tlv_put(struct builder *b, uint32_t tag, struct bytes value);
void tlv_put_u8(struct builder *b, uint32_t tag, uint8_t v);
void tlv_put_u16(struct builder *b, uint32_t tag, uint16_t v);
void tlv_put_u32(struct builder *b, uint32_t tag, uint32_t v);

/*
 * A constructed value of unknown length: what is put between begin and end becomes its value.
 *	size_t mark = tlv_begin(b, 0xE0);  tlv_put_u8(b, 0x80, 1);  tlv_end(b, mark);
 */
size_t tlv_begin(struct builder *b, uint32_t tag);
void tlv_end(struct builder *b, size_t mark);

/* Bytes that tag and length take for a value of n bytes. */
size_t tlv_header_size(uint32_t tag, size_t n);

#endif
