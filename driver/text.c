/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/text.h"

#include <string.h>

/* Unicode 15, table 3-7: a lead byte tells how many follow and what the first of them may be. */
static const struct {
	uint8_t lead_min, lead_max, first_min, first_max;
	size_t following;
} forms[] = {
	{0x20, 0x7E, 0x00, 0x00, 0},
	{0xC2, 0xC2, 0xA0, 0xBF, 1}, /* 80 to 9F are control characters, too, and terminals obey them */
	{0xC3, 0xDF, 0x80, 0xBF, 1},
	{0xE0, 0xE0, 0xA0, 0xBF, 2},
	{0xE1, 0xEC, 0x80, 0xBF, 2},
	{0xED, 0xED, 0x80, 0x9F, 2},
	{0xEE, 0xEF, 0x80, 0xBF, 2},
	{0xF0, 0xF0, 0x90, 0xBF, 3},
	{0xF1, 0xF3, 0x80, 0xBF, 3},
	{0xF4, 0xF4, 0x80, 0x8F, 3},
};

static bool take_character(struct cursor *c)
{
	uint8_t lead = cursor_u8(c);
	size_t f = 0;

	while (f < sizeof forms / sizeof forms[0] && (lead < forms[f].lead_min || lead > forms[f].lead_max))
		f++;
	if (f == sizeof forms / sizeof forms[0])
		return false;
	for (size_t i = 0; i < forms[f].following; i++) {
		uint8_t next = cursor_u8(c);
		if (next < (i == 0 ? forms[f].first_min : 0x80) || next > (i == 0 ? forms[f].first_max : 0xBF))
			return false;
	}
	return !c->failed;
}

bool text_valid(struct bytes text)
{
	struct cursor c = cursor_of(text);

	while (c.left > 0)
		if (!take_character(&c))
			return false;
	return true;
}

bool text_copy(struct bytes text, char *out, size_t cap)
{
	if (text.len >= cap || !text_valid(text))
		return false;
	bytes_copy((uint8_t *)out, text);
	out[text.len] = '\0';
	return true;
}

struct bytes text_bytes(const char *text)
{
	return text ? BYTES((const uint8_t *)text, strlen(text)) : BYTES_NONE;
}
