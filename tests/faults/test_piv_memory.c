/* SPDX-License-Identifier: Apache-2.0 */
/* As test_driver_memory.c, with a PIV card: every allocation fails once. */
#include "config.h"

#include "tests/faults/scarce.h"
#include "tests/wire/piv_bench.h"

#include "driver/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the session ------------------------------------------------------------------------------------------------- */

static enum ukey_status refresh(struct bench *b)
{
	return ukey_refresh(b->u);
}

static enum ukey_status tokens(struct bench *b)
{
	struct ukey_token **list;
	size_t count;
	enum ukey_status status = ukey_tokens(b->u, &list, &count);

	if (status == UKEY_OK) {
		assert_int_equal(count, 1);
		if (!b->t)
			b->t = ukey_token_ref(list[0]);
		ukey_tokens_free(list, count);
	}
	return status;
}

static enum ukey_status directory(struct bench *b)
{
	const struct ukey_directory *d;
	enum ukey_status status = ukey_directory(b->t, &d);

	if (status != UKEY_OK)
		return status;
	/* Memory that is short hides no key. */
	assert_int_equal(d->key_count, PIV_USUAL);
	ukey_directory_unref(d);
	return status;
}

static enum ukey_status read_certificate(struct bench *b)
{
	uint8_t *der;
	size_t len;
	enum ukey_status status = ukey_read_certificate(b->t, REF_9C, &der, &len);

	if (status == UKEY_OK)
		free(der);
	return status;
}

static enum ukey_status login(struct bench *b)
{
	return ukey_login(b->t, UKEY_USER, PIN(PIV_PIN));
}

static enum ukey_status sign_with(struct bench *b, ukey_key_ref ref, enum ukey_padding padding)
{
	const struct ukey_scheme scheme = {.padding = padding, .hash = UKEY_SHA256};
	static const uint8_t digest[32] = "digest";
	uint8_t out[256];
	size_t len = sizeof out;

	return ukey_sign(b->t, ref, &scheme, digest, sizeof digest, out, &len);
}

static enum ukey_status sign_rsa(struct bench *b)
{
	return sign_with(b, REF_9A, UKEY_PKCS1);
}

static enum ukey_status sign_ec(struct bench *b)
{
	return sign_with(b, REF_9E, UKEY_ECDSA);
}

static enum ukey_status decrypt(struct bench *b)
{
	const struct ukey_scheme raw = {.padding = UKEY_RAW};
	uint8_t in[256] = {0}, out[256];
	size_t len = sizeof out;

	return ukey_decrypt(b->t, REF_82, &raw, in, sizeof in, out, &len);
}

static enum ukey_status change(struct bench *b)
{
	return ukey_change_pin(b->t, UKEY_USER, PIN(PIV_PIN), PIN(PIV_PIN));
}

static enum ukey_status unlock(struct bench *b)
{
	return ukey_unlock_pin(b->t, PIN(PIV_PUK), PIN(PIV_PIN));
}

static enum ukey_status logout(struct bench *b)
{
	return ukey_logout(b->t);
}

static enum ukey_status reload(struct bench *b)
{
	ukey_token_idle(b->t);
	return ukey_token_reload(b->t);
}

static enum ukey_status certificate_lost(struct bench *b)
{
	token_forget_certificates(b->t);
	trusted_forget_cache();
	return read_certificate(b);
}

/* Another application was selected: a card of ours behind a foreign ATR. */
static enum ukey_status select_other(struct bench *b)
{
	wire(b->chip[0], SELECT_UKEY, SW_OK);
	return sign_ec(b);
}

/* ---- what changes the card ---- */

#define REF_83 UKEY_KEY_REF(5, UKEY_EXCHANGE)

static enum ukey_status manage(struct bench *b)
{
	return ukey_login(b->t, UKEY_SO, PIN(KEY_OURS));
}

static enum ukey_status generate(struct bench *b)
{
	const struct ukey_generate how = {.ref = REF_83, .algorithm = UKEY_P256, .replace = true};
	ukey_key_ref ref;

	return ukey_generate(b->t, &how, &ref);
}

static enum ukey_status write_certificate(struct bench *b)
{
	const unsigned long nth = scarce_at(0);
	size_t len;
	uint8_t *der = bench_certificate_for(b, REF_83, 0, &len);
	scarce_at(nth);
	enum ukey_status status = ukey_write_certificate(b->t, REF_83, der, len, NULL);
	free(der);
	return status;
}

static enum ukey_status erase_certificate(struct bench *b)
{
	return ukey_delete_certificate(b->t, REF_83);
}

static enum ukey_status (*const calls[])(struct bench *b) = {refresh, tokens, directory, read_certificate, login,
	sign_rsa, sign_ec, decrypt, change, unlock, reload, directory, login, logout, certificate_lost, select_other,
	manage, generate, write_certificate, erase_certificate, logout};

static unsigned calls_with(void **state, unsigned long nth)
{
	unsigned hit = 0;

	piv_bench_setup(state);
	struct bench *b = *state;
	const struct bytes atr = b->chip[0]->atr;
	b->chip[0]->piv_only = false;
	loop_plug(b->loop, 0, b->chip[0]);
	b->chip[0]->atr = atr;
	for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
		scarce_failed = false;
		scarce_at(nth);
		enum ukey_status status = calls[i](b);
		scarce_at(0);
		/* Some memory is only for convenience. */
		if (scarce_failed && status != UKEY_OK) {
			is(status, UKEY_MEMORY);
			status = calls[i](b);
		}
		ok(status);
		hit += scarce_failed;
	}
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
	assert_true(failures > 35);
}

/* A look at another reader that memory was too short for is made again, and costs nobody the log-in. */
static void a_look_that_failed_logs_nobody_out(void **state)
{
	unsigned long nth = 0;

	do {
		piv_bench_setup(state);
		struct bench *b = *state;
		piv_bench_refresh(b);
		ok(login(b));
		loop_plug(b->loop, 1, b->chip[1]);
		scarce_failed = false;
		scarce_at(++nth);
		enum ukey_status status = ukey_refresh(b->u);
		scarce_at(0);
		if (status != UKEY_OK)
			is(status, UKEY_MEMORY);
		ok(ukey_refresh(b->u));
		assert_int_equal(bench_info(b).role, UKEY_USER);
		ok(sign_rsa(b));
		ukey_token_idle(b->t);
		wire(b->chip[0], "00200080", SW_TRIES_LEFT | 3);
		bench_teardown(state);
	} while (scarce_failed);
	assert_true(nth > 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_fails_once), cmocka_unit_test(a_look_that_failed_logs_nobody_out)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
