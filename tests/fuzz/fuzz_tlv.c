/* SPDX-License-Identifier: Apache-2.0 */
/* BER-TLV: what is read and written again is the same bytes, for there is one spelling of each element only. */
#include "common/tlv.h"
#include "tests/fuzz/fuzz.h"

#define DEPTH 8

/* Constructed elements (X.690 8.1.2.5: bit 6 of the first byte) are opened. */
static bool constructed(struct bytes element)
{
	return element.data[0] & 0x20;
}

static void walk(struct bytes in, unsigned depth)
{
	struct cursor c = cursor_of(in);
	uint8_t *out = malloc(in.len + 1);
	struct bytes value;
	uint32_t tag;

	FUZZ_REQUIRE(out);
	while (c.left > 0) {
		struct cursor start = c, by_tag = c, by_value = c;
		uint32_t ahead = tlv_peek(&c);
		if (!tlv_next(&c, &tag, &value)) {
			FUZZ_REQUIRE(c.failed && c.left == 0);
			break;
		}
		struct bytes whole = cursor_take(&start, start.left - c.left);
		FUZZ_REQUIRE(tag != 0 && ahead == tag && fuzz_inside(value, whole));
		FUZZ_REQUIRE(tlv_header_size(tag, value.len) + value.len == whole.len);

		struct builder b = builder_of(out, in.len);
		tlv_put(&b, tag, value);
		FUZZ_REQUIRE(bytes_equal(builder_bytes(&b), whole));
		b = builder_of(out, in.len);
		size_t mark = tlv_begin(&b, tag);
		builder_put(&b, value);
		tlv_end(&b, mark);
		FUZZ_REQUIRE(bytes_equal(builder_bytes(&b), whole));
		b = builder_of(out, whole.len - 1);
		tlv_put(&b, tag, value);
		FUZZ_REQUIRE(b.failed);

		struct bytes again;
		FUZZ_REQUIRE(tlv_unwrap(whole, tag, &again) && again.data == value.data && again.len == value.len);
		FUZZ_REQUIRE(!tlv_unwrap(whole, tag ^ 1, &again));
		FUZZ_REQUIRE(bytes_equal(tlv_take_whole(&by_tag, tag), whole) && by_tag.left == c.left);
		FUZZ_REQUIRE(bytes_equal(tlv_take(&by_value, tag), value) && by_value.left == c.left);
		if (depth > 0 && constructed(whole))
			walk(value, depth - 1);
	}
	free(out);
}

/* tlv_parse() accepts only what the table says, and then each byte belongs to a field. */
static void parse_by_table(struct bytes in)
{
	struct bytes a, b, c;
	const struct tlv_field fields[] = {
		{0x80,     TLV_REQUIRED, 1, 1,   &a},
		{0x7F49,   TLV_OPTIONAL, 0, 300, &b},
		{0x5FC102, TLV_OPTIONAL, 2, 8,   &c},
	};
	if (!tlv_parse(in, fields, 3))
		return;
	FUZZ_REQUIRE(a.len == 1 && b.len <= 300 && (!c.data || (c.len >= 2 && c.len <= 8)));
	FUZZ_REQUIRE(fuzz_inside(a, in) && fuzz_inside(b, in) && fuzz_inside(c, in));
	size_t total = tlv_header_size(0x80, 1) + 1;
	total += b.data ? tlv_header_size(0x7F49, b.len) + b.len : 0;
	total += c.data ? tlv_header_size(0x5FC102, c.len) + c.len : 0;
	FUZZ_REQUIRE(total == in.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	walk(BYTES(data, size), DEPTH);
	parse_by_table(BYTES(data, size));
	return 0;
}
