/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/piv_codes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "common/secmem.h"
#include "tools/ui.h"

#define CODE_MAX 8
#define KEY_MAX  32
#define FILE_MAX 4096

struct piv_codes {
	char pin[CODE_MAX + 1], puk[CODE_MAX + 1];
	uint8_t algorithm;
	uint8_t key[KEY_MAX];
	size_t key_len;
};

static const struct {
	const char *name;
	uint8_t algorithm;
	size_t key_len;
} kinds[] = {
	{"tdes",   0x03, 24},
	{"aes128", 0x08, 16},
	{"aes192", 0x0A, 24},
	{"aes256", 0x0C, 32},
};

/* What is made where there is none: every PIV client of today knows it. */
#define MADE_KIND 0

/* ---- reading ---- */

static bool digits(const char *text)
{
	return strspn(text, "0123456789") == strlen(text);
}

/* Six to eight; a PIN has digits only. */
static bool take_code(const char *value, bool digits_only, char out[CODE_MAX + 1])
{
	size_t n = strlen(value);

	if (n < 6 || n > CODE_MAX || (digits_only && !digits(value)))
		return false;
	memcpy(out, value, n + 1);
	return true;
}

static bool take_key(char *value, struct piv_codes *c)
{
	char *hex = strchr(value, ' ');
	struct builder b = builder_of(c->key, sizeof(c->key));

	if (hex == NULL)
		return false;
	*hex++ = '\0';
	if (!hex_decode(hex, &b))
		return false;
	c->key_len = b.len;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, value) == 0) {
			c->algorithm = kinds[i].algorithm;
			return kinds[i].key_len == c->key_len;
		}
	return false;
}

/* Editors leave a return or blanks at a line's end, where nobody sees them. */
static void trim(char *line)
{
	size_t n = strlen(line);

	while (n > 0 && strchr(" \t\r", line[n - 1]) != NULL)
		line[--n] = '\0';
}

static bool take_line(char *line, struct piv_codes *c)
{
	char *value;

	trim(line);
	value = strchr(line, ' ');
	if (line[0] == '\0' || line[0] == '#')
		return true;
	if (value == NULL)
		return false;
	*value++ = '\0';
	if (strcmp(line, "pin") == 0)
		return take_code(value, true, c->pin);
	if (strcmp(line, "puk") == 0)
		return take_code(value, false, c->puk);
	return strcmp(line, "management-key") == 0 && take_key(value, c);
}

static enum ukey_status no_codes(struct tool *t)
{
	tool_hint(t, _("mend the file, or name one that is not there yet: it is made, with codes of chance"));
	return UKEY_USAGE;
}

static enum ukey_status parse(struct tool *t, const char *path, char *text, struct piv_codes *c)
{
	unsigned number = 0;

	for (char *line = text; line != NULL; number++) {
		char *end = strchr(line, '\n');
		if (end != NULL)
			*end = '\0';
		if (!take_line(line, c)) {
			tool_fail(t, UKEY_USAGE,
				_("%s, line %u: expected \"pin\" and 6 to 8 digits, \"puk\" and 6 to 8 characters, or "
				  "\"management-key\", tdes, aes128, aes192 or aes256, and the key in hexadecimal "
				  "digits"),
				path, number + 1);
			return no_codes(t);
		}
		line = end != NULL ? end + 1 : NULL;
	}
	if (c->pin[0] == '\0' || c->puk[0] == '\0' || c->key_len == 0) {
		tool_fail(t, UKEY_USAGE, _("%s: a line is missing: pin, puk and management-key are needed"), path);
		return no_codes(t);
	}
	return UKEY_OK;
}

static enum ukey_status read_codes(struct tool *t, const char *path, int fd, struct piv_codes *c)
{
	char *text = secmem_alloc(FILE_MAX);
	size_t len = 0;
	ssize_t n = 1;
	enum ukey_status s = UKEY_MEMORY;

	if (text == NULL)
		return s;
	while (n > 0 && len < FILE_MAX - 1) {
		n = read(fd, text + len, FILE_MAX - 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	if (n < 0)
		s = tool_fail(t, UKEY_FILE, "%s: %s", path, strerror(errno));
	else
		s = parse(t, path, text, c);
	secmem_free(text);
	return s;
}

/* ---- making ---- */

/* Digits of chance, each as likely as the others. */
static bool make_digits(char *out, size_t n)
{
	uint8_t byte;

	for (size_t i = 0; i < n;) {
		if (!crypto_random(&byte, 1))
			return false;
		if (byte < 250)
			out[i++] = (char)('0' + byte % 10);
	}
	out[n] = '\0';
	return true;
}

static bool make(struct piv_codes *c)
{
	c->algorithm = kinds[MADE_KIND].algorithm;
	c->key_len = kinds[MADE_KIND].key_len;
	return make_digits(c->pin, CODE_MAX) && make_digits(c->puk, CODE_MAX) && crypto_random(c->key, c->key_len);
}

/* Written and durable before the token learns of it: a code that nobody has is a token that nobody opens. */
static enum ukey_status write_codes(struct tool *t, const char *path, const struct piv_codes *c)
{
	char *text = secmem_alloc(FILE_MAX), hex[HEX_SIZE(KEY_MAX)];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), n = 0;
	bool ok = text != NULL && fd >= 0 && hex_encode(BYTES(c->key, c->key_len), hex, sizeof(hex));

	if (ok) {
		n = snprintf(text, FILE_MAX, "pin %s\npuk %s\nmanagement-key %s %s\n", c->pin, c->puk,
			kinds[MADE_KIND].name, hex);
		ok = n > 0 && write(fd, text, (size_t)n) == n && fsync(fd) == 0;
	}
	int why = errno;
	if (fd >= 0 && close(fd) != 0)
		ok = false;
	if (!ok && fd >= 0)
		(void)unlink(path);
	bytes_wipe(hex, sizeof(hex));
	secmem_free(text);
	return ok ? UKEY_OK : tool_fail(t, UKEY_FILE, "%s: %s", path, strerror(why));
}

enum ukey_status piv_codes_open(struct tool *t, const char *path, struct piv_codes **out, bool *made)
{
	struct piv_codes *c = secmem_alloc(sizeof(*c));
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum ukey_status s;

	*made = fd < 0 && errno == ENOENT;
	if (c == NULL)
		s = UKEY_MEMORY;
	else if (fd >= 0)
		s = read_codes(t, path, fd, c);
	else if (!*made)
		s = tool_fail(t, UKEY_FILE, "%s: %s", path, strerror(errno));
	else
		s = make(c) ? write_codes(t, path, c) : UKEY_INTERNAL;
	if (fd >= 0)
		(void)close(fd);
	if (s == UKEY_OK)
		*out = c;
	else
		secmem_free(c);
	return s;
}

void piv_codes_setup(const struct piv_codes *c, struct ukey_piv_setup *setup)
{
	setup->pin = c->pin;
	setup->puk = c->puk;
	setup->algorithm = c->algorithm;
	setup->key = c->key;
	setup->key_len = c->key_len;
}

static bool same(const char *code, struct bytes pin)
{
	return bytes_equal_secret(BYTES((const uint8_t *)code, strlen(code)), pin);
}

bool piv_codes_have(const struct piv_codes *c, struct bytes pin)
{
	return same(c->pin, pin) || same(c->puk, pin);
}

void piv_codes_free(struct piv_codes *c)
{
	secmem_free(c);
}
