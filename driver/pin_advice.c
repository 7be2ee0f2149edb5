/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be said of a new PIN before it is sent: what the token would refuse, and what others would guess first. */
#include "common/i18n.h"
#include "driver/text.h"
#include "driver/ukey.h"

#include <string.h>

#define PIN_MOST 32u /* doc/token-protocol.md 1.6 */
#define RUN_MIN  3u  /* so many neighbours in a row are a sequence */

/* A PIN in lower case. Wiped by who makes one. */
struct candidate {
	uint8_t text[PIN_MOST];
	size_t len;
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c - 'A' + 'a') : c;
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

/* ---- what the token refuses ---- */

/* doc/token-protocol.md 1.6: bytes outside a-z, A-Z, 0-9 are one kind. */
static unsigned classes(struct bytes pin)
{
	unsigned kinds = 0;

	for (size_t i = 0; i < pin.len; i++) {
		const uint8_t c = pin.data[i];
		const bool small = c >= 'a' && c <= 'z', capital = c >= 'A' && c <= 'Z';
		kinds |= small ? 1u : capital ? 2u : is_digit(c) ? 4u : 8u;
	}
	return (kinds & 1) + (kinds >> 1 & 1) + (kinds >> 2 & 1) + (kinds >> 3 & 1);
}

/* ---- repetitions ---- */

/* The whole of it is a piece again and again (the last time perhaps cut short), or but two different characters. */
static bool repeated(const struct candidate *c)
{
	size_t different = 0;

	for (size_t period = 1; 2 * period <= c->len; period++)
		if (memcmp(c->text, c->text + period, c->len - period) == 0)
			return true;
	for (size_t i = 0; i < c->len; i++)
		different += memchr(c->text, c->text[i], i) == NULL;
	return different <= 2;
}

/* ---- sequences ---- */

/* Rows of the alphabet and of the keyboard; each is looked at in both directions. */
static const char *const rows[] = {
	"abcdefghijklmnopqrstuvwxyz",
	"01234567890",
	"qwertyuiop[]\\",
	"asdfghjkl;'",
	"zxcvbnm,./",
	"~!@#$%^&*()_+",
	"13579",
	"24680",
	/* columns of the keyboard and of the number pad */
	"1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
	"147258369",
	"159",
	"357",
};

/* How far the text goes along with the row from this place of it. */
static size_t along(const struct candidate *c, size_t at, const char *row, size_t len, size_t place, int step)
{
	size_t n = 0;

	while (at + n < c->len && place < len && (uint8_t)row[place] == c->text[at + n]) {
		n++;
		place += (size_t)step; /* wraps below 0, and is then beyond the end */
	}
	return n;
}

static size_t longest_run(const struct candidate *c, size_t at)
{
	size_t best = 0;

	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		const size_t len = strlen(rows[r]);
		for (size_t place = 0; place < len; place++) {
			const size_t up = along(c, at, rows[r], len, place, 1);
			const size_t down = along(c, at, rows[r], len, place, -1);
			best = up > best ? up : best;
			best = down > best ? down : best;
		}
	}
	return best;
}

/* The same character three times or more, as in 111222. */
static size_t same_run(const struct candidate *c, size_t at)
{
	size_t n = 1;

	while (at + n < c->len && c->text[at + n] == c->text[at])
		n++;
	return n;
}

/* Nothing but runs, one behind the other: 123456, abc123, 123321, 1qaz2wsx, 111222. */
static bool sequence(const struct candidate *c)
{
	size_t at = 0;

	while (at < c->len) {
		const size_t run = longest_run(c, at), same = same_run(c, at);
		const size_t best = run > same ? run : same;
		if (best < RUN_MIN)
			return false;
		at += best;
	}
	return true;
}

/* ---- dates ---- */

static unsigned number(const uint8_t *digits, size_t n)
{
	unsigned v = 0;

	for (size_t i = 0; i < n; i++)
		v = 10 * v + (unsigned)(digits[i] - '0');
	return v;
}

static bool day_and_month(unsigned day, unsigned month)
{
	static const uint8_t most[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	return month >= 1 && month <= 12 && day >= 1 && day <= most[month - 1];
}

/* Day and month in either order. */
static bool either_way(const uint8_t *four)
{
	const unsigned a = number(four, 2), b = number(four + 2, 2);
	return day_and_month(a, b) || day_and_month(b, a);
}

static bool year(unsigned y)
{
	return y >= 1900 && y <= 2099;
}

static bool date(const struct candidate *c)
{
	uint8_t d[PIN_MOST];
	size_t n = 0;
	bool found = false, only = true;

	for (size_t i = 0; i < c->len; i++) {
		if (is_digit(c->text[i]))
			d[n++] = c->text[i];
		else if (!memchr("-./ _", c->text[i], 5))
			only = false;
	}
	if (only && n == 8)
		found = (year(number(d, 4)) && either_way(d + 4)) || (year(number(d + 4, 4)) && either_way(d));
	else if (only && n == 6)
		found = either_way(d) || either_way(d + 2) ||
			(year(number(d, 4)) && day_and_month(1, number(d + 4, 2)));
	bytes_wipe(d, sizeof d);
	return found;
}

/* ---- what everybody takes ---- */

/* Well-known favourites that none of the rules above sees; lower case. */
static const char *const favourites[] = {
	"password",
	"passw0rd",
	"p@ssw0rd",
	"p@ssword",
	"password1",
	"password123",
	"password!",
	"passwort",
	"iloveyou",
	"sunshine",
	"princess",
	"football",
	"baseball",
	"monkey",
	"dragon",
	"letmein",
	"welcome",
	"welcome1",
	"master",
	"shadow",
	"superman",
	"batman",
	"michael",
	"jordan",
	"charlie",
	"freedom",
	"whatever",
	"trustno1",
	"starwars",
	"computer",
	"internet",
	"secret",
	"changeme",
	"change-me",
	"default",
	"administrator",
	"admin123",
	"admin888",
	"administrator1",
	"root123",
	"test123",
	"tester",
	"testing",
	"a123456",
	"a1234567",
	"a12345678",
	"a123456789",
	"aa123456",
	"aaa123456",
	"qq123456",
	"q1w2e3",
	"q1w2e3r4",
	"q1w2e3r4t5",
	"1q2w3e",
	"1q2w3e4r",
	"1q2w3e4r5t",
	"zaq12wsx",
	"1qazxsw2",
	"123456a",
	"123456aa",
	"123456789a",
	"woaini",
	"woaini520",
	"woaini1314",
	"5201314",
	"520131",
	"1314520",
	"13145200",
	"147852",
	"147896",
	"159357",
	"159753",
	"112233",
	"11223344",
	"1122334455",
	"112358",
	"142857",
	"314159",
	"31415926",
	"654123",
	"888168",
	"nihao123",
	"caonima",
	"zhongguo",
	"beijing",
	"shanghai",
	"口令123",
	"密码",
	"我的密码",
	"我爱你",
};

static bool common(const struct candidate *c)
{
	for (size_t i = 0; i < sizeof favourites / sizeof favourites[0]; i++)
		if (strlen(favourites[i]) == c->len && memcmp(favourites[i], c->text, c->len) == 0)
			return true;
	return false;
}

/* ---- what stands on the token ---- */

static bool contains(struct bytes whole, struct bytes part)
{
	for (size_t at = 0; part.len > 0 && at + part.len <= whole.len; at++)
		if (memcmp(whole.data + at, part.data, part.len) == 0)
			return true;
	return false;
}

/* Part of the other text, or the other text with something around it. */
static bool of_text(const struct candidate *c, const char *text)
{
	uint8_t other[64];
	const size_t len = strlen(text);
	const struct bytes pin = BYTES(c->text, c->len);

	if (len < 4 || len > sizeof other)
		return false;
	for (size_t i = 0; i < len; i++)
		other[i] = lower((uint8_t)text[i]);
	return contains(BYTES(other, len), pin) || contains(pin, BYTES(other, len));
}

/* ---- the table ---- */

static enum ukey_pin_advice weak(const struct ukey_token_info *info, const struct candidate *c)
{
	if (repeated(c))
		return UKEY_PIN_REPEATED;
	if (sequence(c))
		return UKEY_PIN_SEQUENCE;
	if (date(c))
		return UKEY_PIN_DATE;
	if (common(c))
		return UKEY_PIN_COMMON;
	return of_text(c, info->serial) || of_text(c, info->label) ? UKEY_PIN_SERIAL : UKEY_PIN_GOOD;
}

enum ukey_pin_advice ukey_pin_advise(const struct ukey_token_info *info, const uint8_t *pin, size_t len)
{
	const struct bytes bytes = BYTES(pin, len);
	struct candidate c = {.len = len};

	if (len < info->pin_min || len == 0)
		return UKEY_PIN_TOO_SHORT;
	if (len > info->pin_max || len > PIN_MOST)
		return UKEY_PIN_TOO_LONG;
	if (!text_valid(bytes))
		return UKEY_PIN_CHARACTERS;
	if (classes(bytes) < info->pin_classes)
		return UKEY_PIN_CLASSES;
	for (size_t i = 0; i < len; i++)
		c.text[i] = lower(pin[i]);
	const enum ukey_pin_advice advice = weak(info, &c);
	bytes_wipe(&c, sizeof c);
	return advice;
}

bool ukey_pin_refused(enum ukey_pin_advice a)
{
	return a >= UKEY_PIN_TOO_SHORT && a <= UKEY_PIN_CLASSES;
}

static const char *const texts[] = {
	[UKEY_PIN_GOOD] = "",
	[UKEY_PIN_TOO_SHORT] = N_("the PIN is too short; take a longer one"),
	[UKEY_PIN_TOO_LONG] = N_("the PIN is too long; take a shorter one"),
	[UKEY_PIN_CHARACTERS] = N_("the PIN has control characters or broken UTF-8; take letters, digits and signs"),
	[UKEY_PIN_CLASSES] =
		N_("the PIN has too few kinds of characters; mix lower case, upper case, digits and signs"),
	[UKEY_PIN_REPEATED] = N_("the PIN repeats itself and is easy to guess; take one without a pattern"),
	[UKEY_PIN_SEQUENCE] =
		N_("the PIN is a sequence or a row of the keyboard and is easy to guess; take one without a pattern"),
	[UKEY_PIN_DATE] =
		N_("the PIN looks like a date, which others may know; take one that has nothing to do with you"),
	[UKEY_PIN_COMMON] = N_("the PIN is one of those that everybody tries first; take another"),
	[UKEY_PIN_SERIAL] = N_("the PIN is part of the serial number or label, which all can read; take another"),
};

const char *ukey_pin_advice_text(enum ukey_pin_advice a)
{
	const size_t i = (size_t)a;

	return i < sizeof texts / sizeof texts[0] && texts[i][0] != '\0' ? _(texts[i]) : "";
}
