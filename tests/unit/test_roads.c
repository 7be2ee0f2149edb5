/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both roads behind one set of functions, where neither leads anywhere: no pcscd, and no token of ours on USB. Waiting
 * on two things at once, from many threads, and ending it, is what can go wrong here.
 */
#include "config.h"

#include "tests/unit/test.h"

#include "driver/transport/usb.h"

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#define WAITERS 6

static struct transport *t;

static int start(void **state)
{
	(void)state;
	setenv("PCSCLITE_CSOCK_NAME", "/nonexistent/pcscd.comm", 1);
	return transport_roads.create(NULL, &t) == UKEY_OK ? 0 : -1;
}

static int stop(void **state)
{
	(void)state;
	transport_roads.destroy(t);
	return 0;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_nsec = ms * 1000000}, NULL);
}

static void nothing_anywhere(void **state)
{
	struct transport_reader *list = NULL;
	struct connection *c = NULL;
	size_t count = 0;

	(void)state;
	assert_int_equal(transport_roads.enumerate(t, &list, &count), UKEY_NO_SERVICE);
	assert_int_equal(transport_roads.open(t, "OpenUKey token (00) USB 9-9", &c), UKEY_TOKEN_REMOVED);
	assert_int_equal(transport_roads.open(t, "Virtual PCD 00 00", &c), UKEY_NO_SERVICE);
	assert_null(c);
}

static void names_tell_the_road(void **state)
{
	(void)state;
	assert_true(usb_is_reader("OpenUKey token (0123456789ABCDEF) USB 1-1"));
	assert_true(usb_is_reader("OpenUKey token USB 12-4.1.3"));
	assert_false(usb_is_reader("Virtual PCD 00 00"));
	assert_false(usb_is_reader("OpenUKey token (0123) 00 00"));
	assert_false(usb_is_reader("ACS ACR 38U-CCID USB 00 00"));
	assert_false(usb_is_reader("A reader for USB 1-1 and more 00 00"));
}

static enum ukey_status wait_for(int milliseconds)
{
	const struct transport_reader none = {0};

	return transport_roads.wait(t, UKEY_NO_SERVICE, &none, 0, milliseconds);
}

static void waits_end_in_time(void **state)
{
	static const int rows[] = {0, 1, 50, 700};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		double begun = seconds();
		assert_int_equal(wait_for(rows[i]), UKEY_TIMEOUT);
		assert_true(seconds() - begun >= rows[i] / 1000.0 - 0.01);
		assert_true(seconds() - begun < rows[i] / 1000.0 + 5);
	}
}

struct waiting {
	int milliseconds;
	enum ukey_status outcome;
};

static atomic_int begun;

static int threads_now(void)
{
	DIR *tasks = opendir("/proc/self/task");
	int n = 0;

	assert_non_null(tasks);
	for (const struct dirent *e; (e = readdir(tasks));)
		n += e->d_name[0] != '.';
	closedir(tasks);
	return n;
}

/* Each wait starts a thread of its own when it can be cancelled; where it is over already nobody needs to wait for it.
 */
static void all_wait(int threads_before)
{
	const double start = seconds();

	while (atomic_load(&begun) < WAITERS)
		pause_ms(10);
	while (threads_now() < threads_before + 2 * WAITERS && seconds() - start < 5)
		pause_ms(10);
}

static void *wait_so_long(void *arg)
{
	struct waiting *w = arg;

	atomic_fetch_add(&begun, 1);
	w->outcome = wait_for(w->milliseconds);
	return NULL;
}

/*
 * Some wait for ever, some for a while: one cancel ends all that still wait, and none is left. In every other round the
 * short ones end on their own before it. The time is for the last ones to go deep into the wait.
 */
static void one_cancel_ends_all(void **state)
{
	(void)state;
	for (int round = 0; round < 8; round++) {
		const bool on_their_own = round % 2;
		pthread_t threads[WAITERS];
		struct waiting waiting[WAITERS];
		const int threads_before = threads_now();

		atomic_store(&begun, 0);
		for (int i = 0; i < WAITERS; i++) {
			waiting[i].milliseconds = i % 3 != 2 ? -1 : on_their_own ? 300 : 60 * 1000;
			assert_int_equal(pthread_create(&threads[i], NULL, wait_so_long, &waiting[i]), 0);
		}
		all_wait(threads_before);
		pause_ms(400);
		for (int i = 2; on_their_own && i < WAITERS; i += 3) {
			pthread_join(threads[i], NULL);
			assert_int_equal(waiting[i].outcome, UKEY_TIMEOUT);
		}
		transport_roads.cancel(t);
		for (int i = 0; i < WAITERS; i++) {
			if (i % 3 == 2 && on_their_own)
				continue;
			pthread_join(threads[i], NULL);
			assert_int_equal(waiting[i].outcome, UKEY_CANCELLED);
		}
	}
	/* With nobody there it does nothing. */
	transport_roads.cancel(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(nothing_anywhere, start, stop),
		cmocka_unit_test(names_tell_the_road),
		cmocka_unit_test_setup_teardown(waits_end_in_time, start, stop),
		cmocka_unit_test_setup_teardown(one_cancel_ends_all, start, stop),
	};

	alarm(120); /* nothing may hang */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
