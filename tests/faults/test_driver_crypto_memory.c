/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenSSL is short of memory while a token proves itself: no PIN is lost, no token is called a fake or a root missing
 * because of certificates that could not be looked at, and the next log-in works. Nor is a key of a PIV card called
 * another one because its signature could not be checked.
 */
#include "config.h"

#include "tests/wire/piv_bench.h"

#include <openssl/crypto.h>

#include <stdlib.h>

static unsigned long countdown; /* 0: never */
static bool in_token, failed;

static bool due(void)
{
	if (in_token || countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

static void *get(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return due() ? NULL : malloc(n);
}

static void *get_more(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return due() ? NULL : realloc(p, n);
}

static void give_back(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* The token has memory of its own. */
static void into_token(void *arg, struct builder *command)
{
	(void)arg;
	(void)command;
	in_token = true;
}

static void out_of_token(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	(void)command;
	(void)answer;
	in_token = false;
}

static enum ukey_status log_in(struct bench *b, unsigned long nth)
{
	failed = false;
	countdown = nth;
	enum ukey_status status = ukey_login(b->t, UKEY_USER, PIN(USER_PIN));
	countdown = 0;
	ukey_token_idle(b->t);
	return status;
}

static void want_of_memory_is_no_proof_of_anything(void **state)
{
	struct personal personal;
	struct bench *b;
	unsigned misled = 0;

	bench_setup(state);
	b = *state;
	personal_make(b->chip[0], NULL, &personal);
	b->loop->readers[0].alter = into_token;
	b->loop->readers[0].falsify = out_of_token;
	bench_refresh(b);
	bench_initialize(b->t);
	ukey_token_idle(b->t);
	for (unsigned long nth = 1; nth == 1 || failed; nth += 1 + nth / 20) {
		const enum ukey_status status = log_in(b, nth);

		misled += status == UKEY_NOT_GENUINE || status == UKEY_NO_ROOTS;
		assert_int_equal(bench_info(b).user_pin.tries_left, 6);
		if (failed) {
			ok(log_in(b, 0));
			failed = true;
		}
	}
	/* OpenSSL does not always tell why it failed. */
	assert_in_range(misled, 0, 8);
}

static void want_of_memory_changes_no_key(void **state)
{
	static const uint8_t digest[32] = "digest";
	const struct ukey_scheme scheme = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t out[256];
	unsigned failures = 0;

	piv_bench_setup(state);
	struct bench *b = *state;
	b->loop->readers[0].alter = into_token;
	b->loop->readers[0].falsify = out_of_token;
	piv_bench_refresh(b);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	for (unsigned long nth = 1; nth == 1 || failed; nth += 1 + nth / 10) {
		size_t len = sizeof out;

		failed = false;
		countdown = nth;
		enum ukey_status status = ukey_sign(b->t, REF_9A, &scheme, digest, sizeof digest, out, &len);
		countdown = 0;
		if (status != UKEY_OK)
			is(status, UKEY_MEMORY);
		failures += status != UKEY_OK;
	}
	assert_true(failures > 5);
	ok(piv_bench_sign(b, REF_9A));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(want_of_memory_is_no_proof_of_anything, bench_teardown),
		cmocka_unit_test_teardown(want_of_memory_changes_no_key, bench_teardown)};

	if (CRYPTO_set_mem_functions(get, get_more, give_back) != 1)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
