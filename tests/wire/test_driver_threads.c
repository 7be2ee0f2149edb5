/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Eight threads on two tokens, while a ninth looks, waits and pulls plugs; for the thread sanitizer above all. And a
 * token that works for long stops nobody.
 */
#include "config.h"

#include "tests/wire/driver_bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define THREADS 8
#define ROUNDS  60

struct job {
	struct bench *b;
	struct ukey_token *t;
	unsigned seed;
	atomic_uint *good;
};

static enum ukey_status step(struct job *j, unsigned n)
{
	static const uint8_t digest[32] = {1};
	const struct ukey_scheme ecdsa = {.padding = UKEY_ECDSA};
	const struct ukey_directory *d;
	struct ukey_token_info info;
	uint8_t out[64], *der;
	size_t len = sizeof out;
	enum ukey_status s;

	switch (n % 8) {
	case 0:
		return ukey_login(j->t, UKEY_USER, PIN(USER_PIN));
	case 1:
		s = ukey_directory(j->t, &d);
		if (s == UKEY_OK)
			ukey_directory_unref(d);
		return s;
	case 2:
		s = ukey_read_certificate(j->t, 0, &der, &len);
		if (s == UKEY_OK)
			free(der);
		return s;
	case 3:
		ukey_token_info(j->t, &info);
		return ukey_random(j->t, out, sizeof out);
	case 4:
		ukey_token_commands(j->t);
		if (j->seed % 4 == 0)
			ukey_token_idle(j->t);
		return UKEY_OK;
	case 5:
		return j->seed % 4 == 1 ? ukey_logout(j->t) : UKEY_OK;
	default:
		return ukey_sign(j->t, 0, &ecdsa, digest, sizeof digest, out, &len);
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

static void *disturb(void *arg)
{
	struct bench *b = arg;

	for (int i = 0; i < 12; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
		if (i % 4 == 1)
			loop_reset(b->loop, (unsigned)i / 4 % 2);
		if (i % 4 == 2)
			loop_unplug(b->loop, 1);
		if (i % 4 == 3)
			loop_plug(b->loop, 1, b->chip[1]);
		ukey_wait(b->u, 1);
		ukey_refresh(b->u);
	}
	return NULL;
}

static void prepare(struct bench *b, struct ukey_token *t)
{
	const struct ukey_generate how = {.ref = 0, .algorithm = UKEY_P256};
	const struct ukey_directory *d;
	uint8_t *spki, *der;
	size_t spki_len, len;

	(void)b;
	bench_initialize(t);
	ok(ukey_login(t, UKEY_USER, PIN(USER_PIN)));
	ok(ukey_generate(t, &how, NULL));
	ok(ukey_directory(t, &d));
	ok(ukey_key_spki(&d->keys[0], &spki, &spki_len));
	der = bench_certificate(BYTES(spki, spki_len), 0, &len);
	ok(ukey_write_certificate(t, 0, der, len, NULL));
	free(der);
	free(spki);
	ukey_directory_unref(d);
}

static void eight_threads_on_two_tokens(void **state)
{
	struct bench *b = *state;
	struct job jobs[THREADS];
	pthread_t threads[THREADS], disturber;
	struct ukey_token **list;
	atomic_uint good = 0;
	size_t count;

	loop_plug(b->loop, 1, b->chip[1]);
	bench_refresh(b);
	ok(ukey_tokens(b->u, &list, &count));
	assert_int_equal(count, 2);
	prepare(b, list[0]);
	prepare(b, list[1]);
	for (unsigned i = 0; i < THREADS; i++) {
		jobs[i] = (struct job){.b = b, .t = list[i % 2], .seed = i, .good = &good};
		assert_int_equal(pthread_create(&threads[i], NULL, work, &jobs[i]), 0);
	}
	assert_int_equal(pthread_create(&disturber, NULL, disturb, b), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_join(disturber, NULL);
	assert_true(good > THREADS * ROUNDS / 8);
	/* And all is well in the end. */
	loop_unplug(b->loop, 1);
	loop_plug(b->loop, 1, b->chip[1]);
	bench_refresh(b);
	for (size_t i = 0; i < count; i++) {
		struct ukey_token_info info;
		/* A reset that took a log-in along is told once. */
		enum ukey_status told = ukey_token_reload(list[i]);
		if (told != UKEY_TOKEN_RESET)
			ok(told);
		ok(ukey_token_reload(list[i]));
		ukey_token_info(list[i], &info);
		assert_true(info.present);
		assert_int_equal(info.user_pin.tries_left, 6);
	}
	ukey_tokens_free(list, count);
}

static void *reload(void *arg)
{
	ok(ukey_token_reload(arg));
	return NULL;
}

static atomic_bool at_work, may_end, gave_up;

/* The card works until it is told to end; for ever would be a test that hangs. */
static void work_until_told(void *arg, struct builder *command)
{
	(void)arg;
	(void)command;
	at_work = true;
	for (int ms = 0; !may_end && !gave_up; ms++) {
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
		gave_up = ms >= 20000;
	}
}

static void a_token_that_works_for_long_stops_nobody(void **state)
{
	struct bench *b = *state;
	struct ukey_token **list;
	struct ukey_token_info info;
	pthread_t thread;
	size_t count;

	loop_plug(b->loop, 1, b->chip[1]);
	bench_refresh(b);
	ok(ukey_tokens(b->u, &list, &count));
	b->loop->readers[0].alter = work_until_told;
	assert_int_equal(pthread_create(&thread, NULL, reload, b->t), 0);
	while (!at_work)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	ok(ukey_token_reload(list[1]));
	ukey_token_info(b->t, &info);
	ok(ukey_refresh(b->u));
	is(ukey_wait(b->u, 0), UKEY_TIMEOUT);
	may_end = true;
	pthread_join(thread, NULL);
	assert_false(gave_up);
	b->loop->readers[0].alter = NULL;
	ukey_tokens_free(list, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(eight_threads_on_two_tokens, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_token_that_works_for_long_stops_nobody, bench_setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
