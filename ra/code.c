/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/code.h"

#include <string.h>

#include "common/crypto.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define GROUP    5
#define NO_VALUE 32

static uint8_t value_of(uint8_t c)
{
	if (c >= 'a' && c <= 'z')
		c = (uint8_t)(c - 'a' + 'A');
	if (c == 'O')
		c = '0';
	if (c == 'I' || c == 'L')
		c = '1';
	const char *at = c == '\0' ? NULL : strchr(alphabet, c);
	return at == NULL ? NO_VALUE : (uint8_t)(at - alphabet);
}

/* Times x in GF(2^5) with x^5 + x^2 + 1, where x generates all 31 elements: so the places' weights all differ. */
static uint8_t times_x(uint8_t v)
{
	return (uint8_t)((v << 1 & 0x1F) ^ (v & 0x10 ? 0x05 : 0));
}

/* Horner: the sum of value[i] * x^(19-i). The last character is chosen so that it is zero. */
static uint8_t checksum(const uint8_t values[RA_CODE_CHARS])
{
	uint8_t sum = 0;

	for (size_t i = 0; i < RA_CODE_CHARS; i++)
		sum = times_x(sum) ^ values[i];
	return sum;
}

bool ra_code_make(char text[RA_CODE_TEXT_SIZE])
{
	uint8_t values[RA_CODE_CHARS];
	char *to = text;

	if (!crypto_random(values, sizeof values))
		return false;
	for (size_t i = 0; i < RA_CODE_CHARS; i++)
		values[i] &= 0x1F;
	values[RA_CODE_CHARS - 1] = 0;
	values[RA_CODE_CHARS - 1] = checksum(values);
	for (size_t i = 0; i < RA_CODE_CHARS; i++) {
		if (i > 0 && i % GROUP == 0)
			*to++ = '-';
		*to++ = alphabet[values[i]];
	}
	*to = '\0';
	bytes_wipe(values, sizeof values);
	return true;
}

bool ra_code_normalise(struct bytes typed, char canonical[RA_CODE_CHARS + 1])
{
	struct cursor c = cursor_of(typed);
	uint8_t values[RA_CODE_CHARS];
	size_t n = 0;
	bool good = true;

	while (c.left > 0 && good) {
		uint8_t ch = cursor_u8(&c);
		if (ch == '-' || ch == ' ')
			continue;
		uint8_t value = value_of(ch);
		if (value == NO_VALUE || n == RA_CODE_CHARS) {
			good = false;
			break;
		}
		values[n] = value;
		canonical[n++] = alphabet[value];
	}
	good = good && n == RA_CODE_CHARS && checksum(values) == 0;
	canonical[good ? n : 0] = '\0';
	bytes_wipe(values, sizeof values);
	return good;
}

bool ra_code_hash(const char canonical[RA_CODE_CHARS + 1], uint8_t hash[RA_CODE_HASH_SIZE])
{
	static const char label[] = "OpenUKey enrolment code 1:";
	uint8_t text[sizeof label - 1 + RA_CODE_CHARS];
	struct builder b = builder_of(text, sizeof text);

	builder_put(&b, BYTES((const uint8_t *)label, sizeof label - 1));
	builder_put(&b, BYTES((const uint8_t *)canonical, RA_CODE_CHARS));
	bool done = crypto_digest(CRYPTO_SHA256, builder_bytes(&b), hash);
	bytes_wipe(text, sizeof text);
	return done;
}
