/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/text.h"

/* RFC 3629 4, the syntax of UTF-8: first byte, bounds of the second, how many follow it. */
static const struct {
	uint8_t first, last, second_min, second_max, more;
} forms[] = {
	{0xC2, 0xDF, 0x80, 0xBF, 0},
	{0xE0, 0xE0, 0xA0, 0xBF, 1},
	{0xE1, 0xEC, 0x80, 0xBF, 1},
	{0xED, 0xED, 0x80, 0x9F, 1},
	{0xEE, 0xEF, 0x80, 0xBF, 1},
	{0xF0, 0xF0, 0x90, 0xBF, 2},
	{0xF1, 0xF3, 0x80, 0xBF, 2},
	{0xF4, 0xF4, 0x80, 0x8F, 2},
};

static bool take_form(struct cursor *c, uint8_t first)
{
	size_t i = 0;

	while (i < sizeof(forms) / sizeof(forms[0]) && (first < forms[i].first || first > forms[i].last))
		i++;
	if (i == sizeof(forms) / sizeof(forms[0]))
		return false;
	uint8_t second = cursor_u8(c);
	if (second < forms[i].second_min || second > forms[i].second_max)
		return false;
	for (size_t n = 0; n < forms[i].more; n++)
		if ((cursor_u8(c) & 0xC0) != 0x80)
			return false;
	return !c->failed;
}

bool fw_text_valid(struct bytes text)
{
	struct cursor c = cursor_of(text);

	while (c.left > 0) {
		uint8_t first = cursor_u8(&c);
		if (first >= 0x80 && !take_form(&c, first))
			return false;
	}
	return cursor_done(&c);
}

bool fw_text_printable(struct bytes text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] < 0x20 || text.data[i] == 0x7F)
			return false;
	return fw_text_valid(text);
}
