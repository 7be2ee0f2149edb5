/* SPDX-License-Identifier: Apache-2.0 */
/* The log of a whole life shows the commands, and nothing secret: no PIN, input, result, random byte, data. */
#include "config.h"

#include "common/hex.h"
#include "tests/wire/driver_bench.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *all;
static size_t all_len;

static void keep(void *arg, const char *line)
{
	(void)arg;
	size_t n = strlen(line);
	all = realloc(all, all_len + n + 2);
	memcpy(all + all_len, line, n);
	all_len += n;
	all[all_len++] = '\n';
	all[all_len] = '\0';
}

/* As it is, whatever bytes it has; but digits amid the digits of something else are chance: keys are in the log. */
static bool stands_in_the_log(struct bytes secret)
{
	const char *at = all, *const end = all + all_len;
	bool digits = true;

	for (size_t i = 0; i < secret.len; i++)
		digits = digits && isxdigit(secret.data[i]);
	for (; (at = memmem(at, (size_t)(end - at), secret.data, secret.len)); at++)
		if (!digits ||
			((at == all || !isxdigit((unsigned char)at[-1])) && !isxdigit((unsigned char)at[secret.len])))
			return true;
	return false;
}

/* Neither as text nor as digits of either case. */
static void hidden(const char *what, struct bytes secret)
{
	char hex[2048];

	assert_true(hex_encode(secret, hex, sizeof hex));
	if (strcasestr(all, hex) || stands_in_the_log(secret))
		fail_msg("%s stands in the log", what);
}

static void nothing_secret_stands_in_the_log(void **state)
{
	struct bench *b = *state;
	const char pin_2[] = "third-secret-pin";
	const struct ukey_scheme raw = {.padding = UKEY_RAW}, ecdsa = {.padding = UKEY_ECDSA};
	uint8_t digest[32], plain[256], out[256], random_bytes[64], peer_x[32], secret[] = "the private data object";
	const struct ukey_data data = {.label = "hidden label", .is_private = true, .value = secret, .length = 23},
			       open_data = {.label = "open",
				       .value = (uint8_t *)(uintptr_t) "open data value",
				       .length = 15};
	struct ukey_data read;
	const struct ukey_directory *d;
	size_t len;

	ukey_set_log(keep, NULL);
	bench_refresh(b);
	bench_initialize(b->t);
	is(ukey_login(b->t, UKEY_USER, PIN("wrong-guess")), UKEY_PIN_INCORRECT);
	bench_login(b, UKEY_USER);
	bench_generate(b, 1, UKEY_RSA_2048, UKEY_USE_DECRYPT | UKEY_USE_SIGN);
	bench_generate(b, 3, UKEY_P256, UKEY_USE_DERIVE | UKEY_USE_SIGN);
	memset(digest, 0xD1, sizeof digest);
	memset(plain, 0x17, sizeof plain);
	len = sizeof out;
	ok(ukey_sign(b->t, 3, &ecdsa, digest, sizeof digest, out, &len));
	hidden("a signature", BYTES(out, 32));
	len = sizeof out;
	ok(ukey_decrypt(b->t, 1, &raw, plain, sizeof plain, out, &len));
	hidden("a plaintext", BYTES(out, 256));
	hidden("a plaintext's end", BYTES(out + 200, 56));
	struct crypto_pubkey own = bench_public(b, 3, &d);
	len = sizeof peer_x;
	ok(ukey_derive(b->t, 3, own.point.data, own.point.len, peer_x, &len));
	ukey_directory_unref(d);
	ok(ukey_random(b->t, random_bytes, sizeof random_bytes));
	ok(ukey_write_data(b->t, 0, &data, NULL));
	ok(ukey_write_data(b->t, 1, &open_data, NULL));
	ok(ukey_read_data(b->t, 0, &read));
	ukey_data_clear(&read);
	ok(ukey_change_pin(b->t, UKEY_USER, PIN(USER_PIN), (const uint8_t *)pin_2, sizeof pin_2 - 1));
	ok(ukey_unlock_pin(b->t, PIN(SO_PIN), PIN("fourth-pin")));
	ok(ukey_logout(b->t));
	bench_login(b, UKEY_SO);
	ok(ukey_set_user_pin(b->t, PIN("fifth-pin")));
	const struct ukey_initialize again = {.label = "x",
		.so_pin = (const uint8_t *)"next-so-pin",
		.so_len = 11,
		.present_so_pin = (const uint8_t *)SO_PIN,
		.present_so_len = 8};
	ok(ukey_initialize(b->t, &again));
	ukey_set_log(NULL, NULL);

	static const char *const pins[] = {
		USER_PIN, SO_PIN, "wrong-guess", "third-secret-pin", "fourth-pin", "fifth-pin", "next-so-pin"};
	for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++)
		hidden(pins[i], BYTES((const uint8_t *)pins[i], strlen(pins[i])));
	hidden("a digest", BYTES_OF(digest));
	hidden("a ciphertext", BYTES(plain, 32));
	hidden("a shared secret", BYTES_OF(peer_x));
	hidden("random bytes", BYTES_OF(random_bytes));
	hidden("private data", BYTES(secret, 23));
	hidden("a private label", BYTES((const uint8_t *)"hidden label", 12));
	hidden("data", BYTES((const uint8_t *)"open data value", 15));
	/* It is a log all the same. */
	assert_non_null(strstr(all, "Loop 00: > 00A40400 Lc=10"));
	assert_non_null(strstr(all, "f04f70656e554b657901"));
	assert_non_null(strstr(all, "> 00200081 Lc=6 Le=256 (6 bytes)"));
	assert_non_null(strstr(all, "< 63C5"));
	assert_non_null(strstr(all, "> 00CB3FFF"));
	free(all);
	all = NULL;
	all_len = 0;
}

/* OPENUKEY_DEBUG: a file of the user's own. */
static void the_log_goes_to_a_file(void **state)
{
	struct bench *b = *state;
	char path[] = "/tmp/ukey-log.XXXXXX", text[4096];
	struct ukey *u;
	int fd = mkstemp(path);

	(void)b;
	assert_true(fd >= 0);
	setenv("OPENUKEY_DEBUG", path, 1);
	ok(ukey_open(&u));
	ok(ukey_refresh(u));
	unsetenv("OPENUKEY_DEBUG");
	ukey_close(u);
	ssize_t n = read(fd, text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, "Loop 00: > 00A40400"));
	close(fd);
	unlink(path);
	/* Closed again by the next one. */
	ok(ukey_open(&u));
	ukey_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_secret_stands_in_the_log, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(the_log_goes_to_a_file, bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
