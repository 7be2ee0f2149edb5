/* SPDX-License-Identifier: Apache-2.0 */
#include "common/apdu.h"

/* ISO 7816-3 12.1.3: the length alone tells the case; a fifth byte of zero announces extended lengths. */
static bool parse_body(struct cursor *c, struct apdu *out)
{
	uint8_t first = cursor_u8(c);

	if (first != 0 || c->left == 0) {
		if (c->left == 0) { /* case 2 short: Le alone */
			out->le = first ? first : APDU_LE_SHORT_MAX;
			return true;
		}
		out->data = cursor_take(c, first); /* case 3 or 4 short */
		if (c->left == 1) {
			uint8_t le = cursor_u8(c);
			out->le = le ? le : APDU_LE_SHORT_MAX;
		}
		return cursor_done(c);
	}
	out->extended = true;
	uint16_t length = cursor_u16(c);
	if (c->failed)
		return false;
	if (c->left == 0) { /* case 2 extended */
		out->le = length ? length : APDU_LE_MAX;
		return true;
	}
	if (length == 0)
		return false;
	out->data = cursor_take(c, length);
	if (c->left == 2) {
		uint16_t le = cursor_u16(c);
		out->le = le ? le : APDU_LE_MAX;
	}
	return cursor_done(c);
}

bool apdu_parse(struct bytes raw, struct apdu *out)
{
	struct cursor c = cursor_of(raw);

	*out = (struct apdu){0};
	out->cla = cursor_u8(&c);
	out->ins = cursor_u8(&c);
	out->p1 = cursor_u8(&c);
	out->p2 = cursor_u8(&c);
	if (c.failed)
		return false;
	return c.left == 0 || parse_body(&c, out);
}

void apdu_encode(struct builder *b, const struct apdu *a)
{
	bool extended = a->extended || a->data.len > 255 || a->le > APDU_LE_SHORT_MAX;

	if (a->data.len > APDU_DATA_MAX || a->le > APDU_LE_MAX) {
		b->failed = true;
		return;
	}
	builder_u8(b, a->cla);
	builder_u8(b, a->ins);
	builder_u8(b, a->p1);
	builder_u8(b, a->p2);
	if (!extended) {
		if (a->data.len > 0) {
			builder_u8(b, (uint8_t)a->data.len);
			builder_put(b, a->data);
		}
		if (a->le != APDU_LE_NONE)
			builder_u8(b, (uint8_t)a->le);
		return;
	}
	if (a->data.len > 0 || a->le != APDU_LE_NONE)
		builder_u8(b, 0);
	if (a->data.len > 0) {
		builder_u16(b, (uint16_t)a->data.len);
		builder_put(b, a->data);
	}
	if (a->le != APDU_LE_NONE)
		builder_u16(b, (uint16_t)a->le);
}

bool rapdu_parse(struct bytes raw, struct rapdu *out)
{
	if (raw.len < 2)
		return false;
	struct cursor c = cursor_of(raw);
	out->data = cursor_take(&c, raw.len - 2);
	out->sw = cursor_u16(&c);
	return cursor_done(&c);
}

bool apdu_class_parse(uint8_t cla, struct apdu_class *out)
{
	uint8_t low = cla & 0x7F;

	if (cla == 0xFF || (low & 0x60) == 0x20)
		return false;
	out->proprietary = cla & 0x80;
	out->chained = cla & 0x10;
	if (low & 0x40) {
		out->secure = cla & 0x20;
		out->channel = (uint8_t)(4 + (cla & 0x0F));
	} else {
		out->secure = cla & 0x0C;
		out->channel = cla & 0x03;
	}
	return true;
}

uint8_t apdu_class_encode(const struct apdu_class *c)
{
	uint8_t cla = (uint8_t)((c->proprietary ? 0x80 : 0) | (c->chained ? 0x10 : 0));

	if (c->channel < 4)
		return (uint8_t)(cla | c->channel | (c->secure ? 0x04 : 0));
	return (uint8_t)(cla | 0x40 | (c->secure ? 0x20 : 0) | ((c->channel - 4) & 0x0F));
}
