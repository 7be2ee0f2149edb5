/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Four threads on a PIV card, while a fifth looks, resets it and pulls it out; for the thread sanitizer above all. Of
 * such a card more is remembered than of a token of ours.
 */
#include "config.h"

#include "tests/wire/piv_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#define THREADS 4
#define ROUNDS  32

struct job {
	struct ukey_token *t;
	unsigned seed;
	atomic_uint *good;
};

static enum ukey_status step(struct job *j, unsigned n)
{
	static const uint8_t digest[32] = {1};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	const struct ukey_directory *d;
	uint8_t out[64], *der;
	size_t len = sizeof out;
	enum ukey_status s;

	switch (n % 8) {
	case 0:
		return ukey_login(j->t, UKEY_USER, PIN(PIV_PIN));
	case 1:
		s = ukey_directory(j->t, &d);
		if (s == UKEY_OK)
			ukey_directory_unref(d);
		return s;
	case 2:
		s = ukey_read_certificate(j->t, REF_9E, &der, &len);
		if (s == UKEY_OK)
			free(der);
		return s;
	case 3:
		ukey_directory_doubt(j->t);
		return ukey_token_reload(j->t);
	case 4:
		if (j->seed % 4 == 0)
			ukey_token_idle(j->t);
		return UKEY_OK;
	case 5:
		return j->seed % 2 == 1 ? ukey_logout(j->t) : UKEY_OK;
	default:
		return ukey_sign(j->t, REF_9E, &ecdsa, digest, sizeof digest, out, &len);
	}
}

static void *work(void *arg)
{
	struct job *j = arg;

	for (unsigned i = 0; i < ROUNDS; i++) {
		enum ukey_status s = step(j, i + j->seed);
		if (!bench_may_happen(s)) {
			bench_status(s, UKEY_OK, __FILE__, __LINE__);
			return NULL;
		}
		*j->good += s == UKEY_OK;
	}
	return NULL;
}

/* It does not know how to log out, so it is reset. */
static void no_log_out(void *arg, struct builder *command)
{
	(void)arg;
	if (command->len >= 4 && command->data[1] == 0x20 && command->data[2] == 0xFF)
		command->data[2] = 0x01;
}

static void *disturb(void *arg)
{
	struct bench *b = arg;

	for (int i = 0; i < 12; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		if (i % 4 == 1)
			loop_reset(b->loop, 0);
		if (i % 4 == 2)
			loop_unplug(b->loop, 0);
		if (i % 4 == 3)
			loop_plug(b->loop, 0, b->chip[0]);
		ukey_refresh(b->u);
	}
	return NULL;
}

static void four_threads_on_a_piv_card(void **state)
{
	struct bench *b = *state;
	struct job jobs[THREADS];
	pthread_t threads[THREADS], disturber;
	atomic_uint good = 0;

	b->loop->readers[0].alter = no_log_out;
	piv_bench_refresh(b);
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.t = b->t, .seed = i, .good = &good};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	assert_int_equal(pthread_create(&disturber, NULL, disturb, b), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(disturber, NULL);
	assert_true(good > ROUNDS / 2);
	/* And all is well in the end. */
	ok(ukey_refresh(b->u));
	ukey_token_idle(b->t);
	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
	ok(piv_bench_sign(b, REF_9A));
	/* No try was lost by anybody's confusion. */
	ukey_token_idle(b->t);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).user_pin.tries_left, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(four_threads_on_a_piv_card, piv_bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
