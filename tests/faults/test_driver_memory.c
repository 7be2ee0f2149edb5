/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every allocation of libukey fails, one after another, through a session: the call says MEMORY, nothing leaks (the
 * address sanitizer looks), nothing is lost, and the same call works when there is memory again.
 */
#include "config.h"

#include "tests/faults/scarce.h"
#include "tests/wire/driver_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the session ------------------------------------------------------------------------------------------------- */

struct session {
	struct bench *b;
	uint8_t *der;
	size_t len;
};

static enum ukey_status refresh(struct session *s)
{
	return ukey_refresh(s->b->u);
}

static enum ukey_status tokens(struct session *s)
{
	struct ukey_token **list;
	size_t count;
	enum ukey_status status = ukey_tokens(s->b->u, &list, &count);

	if (status == UKEY_OK) {
		assert_int_equal(count, 1);
		if (!s->b->t)
			s->b->t = ukey_token_ref(list[0]);
		ukey_tokens_free(list, count);
	}
	return status;
}

static enum ukey_status readers(struct session *s)
{
	struct ukey_reader_info *list;
	size_t count;
	enum ukey_status status = ukey_readers(s->b->u, &list, &count);

	if (status == UKEY_OK)
		free(list);
	return status;
}

static enum ukey_status wait_now(struct session *s)
{
	enum ukey_status status = ukey_wait(s->b->u, 0);
	return status == UKEY_TIMEOUT ? UKEY_OK : status;
}

static enum ukey_status initialize(struct session *s)
{
	const struct ukey_initialize how = {.label = "Memory",
		.so_pin = (const uint8_t *)SO_PIN,
		.so_len = 8,
		.user_pin = (const uint8_t *)USER_PIN,
		.user_len = 6};
	return ukey_initialize(s->b->t, &how);
}

static enum ukey_status login(struct session *s)
{
	return ukey_login(s->b->t, UKEY_USER, PIN(USER_PIN));
}

static enum ukey_status generate(struct session *s)
{
	const struct ukey_generate how = {.ref = 1, .algorithm = UKEY_P256};
	return ukey_generate(s->b->t, &how, NULL);
}

static enum ukey_status generate_rsa(struct session *s)
{
	const struct ukey_generate how = {.ref = 3, .algorithm = UKEY_RSA_2048};
	return ukey_generate(s->b->t, &how, NULL);
}

/* The private value 1, whose point is the curve's generator. */
static enum ukey_status import(struct session *s)
{
	static const char generator[] = "\x04\x6B\x17\xD1\xF2\xE1\x2C\x42\x47\xF8\xBC\xE6\xE5\x63\xA4\x40\xF2\x77\x03"
					"\x7D\x81\x2D\xEB\x33\xA0\xF4\xA1\x39\x45\xD8\x98\xC2\x96"
					"\x4F\xE3\x42\xE2\xFE\x1A\x7F\x9B\x8E\xE7\xEB\x4A\x7C\x0F\x9E\x16\x2B\xCE\x33"
					"\x57\x6B\x31\x5E\xCE\xCB\xB6\x40\x68\x37\xBF\x51\xF5";
	static const uint8_t one[32] = {[31] = 1};
	const struct crypto_pubkey half = {.type = CRYPTO_EC_P256, .point = BYTES((const uint8_t *)generator, 65)};
	const struct ukey_generate how = {.ref = 5, .label = "escrow", .container_name = "escrow"};
	uint8_t spki[128];
	struct builder b = builder_of(spki, sizeof spki);
	const struct ukey_outside key = {.spki = spki, .spki_len = 91, .value = one, .value_len = sizeof one};

	assert_true(crypto_pubkey_to_spki(&half, &b));
	assert_int_equal(b.len, key.spki_len);
	return ukey_import_key(s->b->t, &how, &key, NULL);
}

static enum ukey_status directory(struct session *s)
{
	const struct ukey_directory *d;
	uint8_t *der;
	size_t len;
	enum ukey_status status = ukey_directory(s->b->t, &d);

	if (status != UKEY_OK)
		return status;
	status = ukey_key_spki(&d->keys[0], &der, &len);
	if (status == UKEY_OK)
		free(der);
	ukey_directory_unref(d);
	return status;
}

static enum ukey_status write_certificate(struct session *s)
{
	return ukey_write_certificate(s->b->t, 1, s->der, s->len, NULL);
}

static enum ukey_status read_certificate(struct session *s)
{
	uint8_t *der;
	size_t len;
	enum ukey_status status = ukey_read_certificate(s->b->t, 1, &der, &len);

	if (status == UKEY_OK)
		free(der);
	return status;
}

static enum ukey_status write_data(struct session *s)
{
	const struct ukey_data d = {.label = "x", .value = s->der, .length = s->len};
	return ukey_write_data(s->b->t, 0, &d, NULL);
}

static enum ukey_status read_data(struct session *s)
{
	struct ukey_data d;
	enum ukey_status status = ukey_read_data(s->b->t, 0, &d);

	if (status == UKEY_OK)
		ukey_data_clear(&d);
	return status;
}

static enum ukey_status sign(struct session *s)
{
	const struct ukey_scheme pss = {.padding = UKEY_PSS, .hash = UKEY_SHA256, .mgf = UKEY_SHA256, .salt_len = 32};
	uint8_t out[256];
	size_t len = sizeof out;
	return ukey_sign(s->b->t, 3, &pss, s->der, 32, out, &len);
}

static enum ukey_status decrypt(struct session *s)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t in[256] = {0}, out[256];
	size_t len = sizeof out;
	return ukey_decrypt(s->b->t, 3, &raw, in, sizeof in, out, &len);
}

static enum ukey_status random_bytes(struct session *s)
{
	uint8_t out[64];
	return ukey_random(s->b->t, out, sizeof out);
}

static enum ukey_status change(struct session *s)
{
	return ukey_change_pin(s->b->t, UKEY_USER, PIN(USER_PIN), PIN("another"));
}

static enum ukey_status idle_and_back(struct session *s)
{
	ukey_token_idle(s->b->t);
	return ukey_token_reload(s->b->t);
}

/* Known to the files alone: another process. */
static enum ukey_status from_files(struct session *s)
{
	struct bench b = {.loop = s->b->loop};
	struct session now = {.b = &b};
	enum ukey_status status = ukey_open(&b.u);

	if (status != UKEY_OK)
		return status;
	status = refresh(&now);
	if (status == UKEY_OK)
		status = tokens(&now);
	if (status == UKEY_OK)
		status = directory(&now);
	if (status == UKEY_OK)
		status = read_certificate(&now);
	ukey_token_unref(b.t);
	ukey_close(b.u);
	return status;
}

static enum ukey_status again(struct session *s)
{
	struct ukey *u;
	enum ukey_status status = ukey_open(&u);

	(void)s;
	if (status == UKEY_OK) {
		status = ukey_refresh(u);
		ukey_close(u);
	}
	return status;
}

static enum ukey_status (*const calls[])(struct session *s) = {refresh, tokens, readers, wait_now, initialize, login,
	generate, generate_rsa, import, directory, write_certificate, read_certificate, write_data, read_data, sign,
	decrypt, random_bytes, change, idle_and_back, again, from_files};

/* The nth allocation of each call fails; how many calls had so many. */
static unsigned calls_with(void **state, unsigned long nth)
{
	unsigned hit = 0;

	bench_setup(state);
	struct session s = {.b = *state};
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		if (calls[i] == write_certificate)
			s.der = bench_certificate_for(s.b, 1, 0, &s.len);
		scarce_failed = false;
		scarce_at(nth);
		enum ukey_status status = calls[i](&s);
		scarce_at(0);
		/* Some memory is only for convenience: a certificate that is not kept is read again. */
		if (scarce_failed && status != UKEY_OK) {
			is(status, UKEY_MEMORY);
			status = calls[i](&s);
		}
		ok(status);
		hit += scarce_failed;
	}
	free(s.der);
	bench_teardown(state);
	return hit;
}

static void every_allocation_fails_once(void **state)
{
	unsigned failures = 0, hit;
	unsigned long nth = 1;

	while ((hit = calls_with(state, nth++)) > 0)
		failures += hit;
	printf("%u failed allocations\n", failures);
	assert_true(failures > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_fails_once)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
