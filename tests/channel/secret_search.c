/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for PINs in recordings, in every shape that somebody might think of: as they are, reversed, as UTF-16, as
 * packed digits, hashed, hashed as the token stores them; in raw bytes and in hexadecimal text of either case, with and
 * without spaces. Padding needs no shape of its own: the PIN stands in front of it.
 *
 *	secret_search [--flash FILE] SECRETS RECORDING...
 *
 * SECRETS: one a line; "hex:..." for bytes that are no text. --flash: a token's flash, for the salts of its PINs. Says
 * what it found and where; exit status 0: nothing is there, 1: something is, 2: it could not look.
 */
#include "config.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hashes are cut: a prefix in the recording is bad enough. Shorter, and chance finds it. */
#define PREFIX     8
#define SECRET_MAX 64
#define NEEDLES    4096

struct needle {
	const char *shape;
	unsigned secret; /* its line */
	uint8_t data[2 * SECRET_MAX];
	size_t len;
};

struct file {
	const char *name;
	uint8_t *data;
	size_t len;
};

static struct needle needles[NEEDLES];
static size_t needle_count;
static unsigned found;

static void give_up(const char *what, const char *name)
{
	fprintf(stderr, "secret_search: %s: %s\n", name, what);
	exit(2);
}

static struct file read_file(const char *name)
{
	struct file f = {.name = name};
	FILE *in = fopen(name, "rb");
	long len = 0;

	if (!in || fseek(in, 0, SEEK_END) != 0 || (len = ftell(in)) < 0 || fseek(in, 0, SEEK_SET) != 0)
		give_up("cannot be read", name);
	f.len = (size_t)len;
	f.data = malloc(f.len + 1);
	if (!f.data || fread(f.data, 1, f.len, in) != f.len)
		give_up("cannot be read", name);
	fclose(in);
	return f;
}

static void add(const char *shape, unsigned secret, const uint8_t *data, size_t len)
{
	struct needle *n = &needles[needle_count];

	if (needle_count == NEEDLES || len > sizeof(n->data))
		give_up("too much to look for", shape);
	*n = (struct needle){.shape = shape, .secret = secret, .len = len};
	memcpy(n->data, data, len);
	needle_count++;
}

static void add_utf16(unsigned secret, const uint8_t *pin, size_t len)
{
	uint8_t little[2 * SECRET_MAX], big[2 * SECRET_MAX];

	for (size_t i = 0; i < len; i++) {
		little[2 * i] = big[2 * i + 1] = pin[i];
		little[2 * i + 1] = big[2 * i] = 0;
	}
	add("UTF-16LE", secret, little, 2 * len);
	add("UTF-16BE", secret, big, 2 * len);
}

/* 12345678 as 12 34 56 78 and, in swapped nibbles, as 21 43 65 87. Less than five bytes would be found by chance. */
static void add_packed(unsigned secret, const uint8_t *pin, size_t len)
{
	uint8_t packed[SECRET_MAX], swapped[SECRET_MAX];

	for (size_t i = 0; i < len; i++)
		if (!isdigit(pin[i]))
			return;
	for (size_t i = 0; i + 1 < len; i += 2) {
		packed[i / 2] = (uint8_t)((pin[i] - '0') << 4 | (pin[i + 1] - '0'));
		swapped[i / 2] = (uint8_t)((pin[i + 1] - '0') << 4 | (pin[i] - '0'));
	}
	if (len / 2 >= 5) {
		add("packed digits", secret, packed, len / 2);
		add("packed digits, swapped", secret, swapped, len / 2);
	}
}

static void add_hash(const char *shape, const EVP_MD *md, unsigned secret, const uint8_t *pin, size_t len)
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(pin, len, digest, NULL, md, NULL) != 1)
		give_up("cannot be computed", shape);
	add(shape, secret, digest, PREFIX);
}

/*
 * What the token stores of a PIN: iterations (4), salt (16), hash (32). Wherever the flash looks like that, with few
 * enough iterations to be one, the hash is computed; it is a needle whether it is the stored one or not.
 */
static unsigned add_stored(unsigned secret, const uint8_t *pin, size_t len, const struct file *flash)
{
	unsigned stored = 0;

	for (size_t at = 0; at + 52 <= flash->len; at++) {
		const uint8_t *p = flash->data + at;
		uint32_t iterations = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
		uint8_t hash[32];
		if (p[0] != 0 || p[1] != 0 || iterations < 1024 || iterations % 1024 != 0)
			continue;
		if (PKCS5_PBKDF2_HMAC(
			    (const char *)pin, (int)len, p + 4, 16, (int)iterations, EVP_sha256(), 32, hash) != 1)
			give_up("cannot be computed", "PBKDF2");
		if (memcmp(hash, p + 20, 32) != 0)
			continue;
		add("PBKDF2 as stored", secret, hash, PREFIX);
		stored++;
	}
	return stored;
}

static void add_secret(unsigned number, char *line, const struct file *flash)
{
	uint8_t raw[SECRET_MAX], reversed[SECRET_MAX];
	size_t len = strcspn(line, "\r\n");
	bool text = strncmp(line, "hex:", 4) != 0;

	line[len] = 0;
	if (len == 0)
		return;
	if (len > SECRET_MAX)
		give_up("a secret is too long", "SECRETS");
	memcpy(raw, line, len);
	if (!text) {
		for (len = 0; isxdigit((unsigned char)line[4 + 2 * len]) && isxdigit((unsigned char)line[5 + 2 * len]);
			len++)
			sscanf(line + 4 + 2 * len, "%2hhx", &raw[len]);
	}
	for (size_t i = 0; i < len; i++)
		reversed[i] = raw[len - 1 - i];
	add("as it is", number, raw, len);
	add("reversed", number, reversed, len);
	if (!text)
		return;
	add_utf16(number, raw, len);
	add_packed(number, raw, len);
	add_hash("MD5", EVP_md5(), number, raw, len);
	add_hash("SHA-1", EVP_sha1(), number, raw, len);
	add_hash("SHA-256", EVP_sha256(), number, raw, len);
	if (flash->data)
		printf("secret %u: stored %u times in %s\n", number, add_stored(number, raw, len, flash), flash->name);
}

static void look(const struct file *f, const struct needle *n, const uint8_t *data, size_t len, const char *coding)
{
	uint8_t hex[4 * SECRET_MAX + 1];
	const uint8_t *needle = n->data;
	size_t needle_len = n->len;

	if (coding) {
		for (size_t i = 0; i < n->len; i++)
			sprintf((char *)hex + 2 * i, "%02x", n->data[i]);
		needle = hex;
		needle_len = 2 * n->len;
	}
	const uint8_t *at = memmem(data, len, needle, needle_len);
	if (!at)
		return;
	found++;
	printf("found: secret %u, %s%s, in %s at %zu of %zu\n", n->secret, n->shape, coding ? coding : "", f->name,
		(size_t)(at - data), len);
}

/* The digits of the text, lower case, without what stands between bytes: one line's end may cut a message. */
static struct file digits_of(const struct file *f)
{
	struct file out = {.name = f->name, .data = malloc(f->len + 1)};

	if (!out.data)
		give_up("no memory", f->name);
	for (size_t i = 0; i < f->len; i++)
		if (!isspace(f->data[i]) && f->data[i] != ':')
			out.data[out.len++] = (uint8_t)tolower(f->data[i]);
	return out;
}

static void search(const char *name)
{
	struct file f = read_file(name), digits = digits_of(&f);

	for (size_t i = 0; i < needle_count; i++) {
		look(&f, &needles[i], f.data, f.len, NULL);
		look(&f, &needles[i], digits.data, digits.len, " as hexadecimal text");
	}
	free(f.data);
	free(digits.data);
}

int main(int argc, char **argv)
{
	struct file flash = {.data = NULL};
	char line[256];
	unsigned number = 0;
	FILE *secrets;

	if (argc > 2 && strcmp(argv[1], "--flash") == 0) {
		flash = read_file(argv[2]);
		argv += 2;
		argc -= 2;
	}
	if (argc < 3)
		give_up("secret_search [--flash FILE] SECRETS RECORDING...", "usage");
	secrets = fopen(argv[1], "r");
	if (!secrets)
		give_up("cannot be read", argv[1]);
	while (fgets(line, sizeof line, secrets))
		add_secret(++number, line, &flash);
	fclose(secrets);
	for (int i = 2; i < argc; i++)
		search(argv[i]);
	printf("%zu shapes of %u secrets, %d recordings: %u found\n", needle_count, number, argc - 2, found);
	free(flash.data);
	return found > 0;
}
