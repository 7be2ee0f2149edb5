/* SPDX-License-Identifier: Apache-2.0 */
/* Turns (driver/turn.h). What is counted here are uses and not times: a busy machine takes as long as it likes. */
#include "config.h"

#include "driver/turn.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CREW_MAX 16
/* Seconds after which something hangs. */
#define PATIENCE 60

/* A thing that threads take in turns; who has it counts. */
struct thing {
	pthread_mutex_t lock;
	struct turn turn;
	pthread_barrier_t ready;
	unsigned crew;
	bool stop;
	/* under the lock */
	unsigned used, longest_wait, row, longest_row;
	pthread_t last;
	long use_us, pause_us; /* what a use takes; and what is done between two uses */
	unsigned each;         /* uses of each; 0: until it stops */
	/* the owner's alone */
	bool inside, clash;
};

static void sleep_us(long us)
{
	if (us > 0)
		nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static void come_in(struct thing *x)
{
	x->clash = x->clash || x->inside;
	x->inside = true;
}

static void take(struct thing *x)
{
	pthread_mutex_lock(&x->lock);
	const unsigned before = x->used;
	turn_take(&x->turn, &x->lock);
	const unsigned others = x->used - before;
	x->used++;
	x->row = pthread_equal(x->last, pthread_self()) ? x->row + 1 : 1;
	x->last = pthread_self();
	x->longest_wait = others > x->longest_wait ? others : x->longest_wait;
	/* Somebody waits while the same one has it again. */
	if (x->turn.first && x->row > x->longest_row)
		x->longest_row = x->row;
	pthread_mutex_unlock(&x->lock);
	come_in(x);
}

static bool give(struct thing *x)
{
	x->inside = false;
	pthread_mutex_lock(&x->lock);
	turn_give(&x->turn);
	const bool stop = x->stop;
	pthread_mutex_unlock(&x->lock);
	return !stop;
}

static void *work(void *arg)
{
	struct thing *x = arg;
	uintptr_t n = 0;
	bool on = true;

	pthread_barrier_wait(&x->ready);
	while (on) {
		take(x);
		sleep_us(x->use_us);
		on = give(x);
		on = ++n != x->each && on;
		sleep_us(x->pause_us);
	}
	return (void *)n;
}

static struct thing thing(unsigned crew)
{
	struct thing x = {.lock = PTHREAD_MUTEX_INITIALIZER, .crew = crew};

	alarm(PATIENCE);
	return x;
}

/* Everybody works, until each is done or for so many milliseconds. The fewest uses and the most of one thread. */
static void run(struct thing *x, long ms, uintptr_t *fewest, uintptr_t *most)
{
	pthread_t threads[CREW_MAX];

	*fewest = UINTPTR_MAX;
	*most = 0;
	pthread_barrier_init(&x->ready, NULL, x->crew);
	for (unsigned i = 0; i < x->crew; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, x), 0);
	if (!x->each) {
		sleep_us(ms * 1000);
		pthread_mutex_lock(&x->lock);
		x->stop = true;
		pthread_mutex_unlock(&x->lock);
	}
	for (unsigned i = 0; i < x->crew; i++) {
		void *n;

		assert_int_equal(pthread_join(threads[i], &n), 0);
		*fewest = (uintptr_t)n < *fewest ? (uintptr_t)n : *fewest;
		*most = (uintptr_t)n > *most ? (uintptr_t)n : *most;
	}
	pthread_barrier_destroy(&x->ready);
	assert_true(turn_free(&x->turn));
	assert_false(x->clash);
	alarm(0);
}

/* Whoever waits sees at most a turn of each of those before it, and of who has it. */
static void nobody_waits_for_more_than_the_turns_of_the_others(void **state)
{
	struct thing x = thing(CREW_MAX);
	uintptr_t fewest, most;

	(void)state;
	run(&x, 700, &fewest, &most);
	assert_in_range(x.longest_wait, 0, (CREW_MAX - 1) * TURN_USES);
	assert_in_range(x.longest_row, 0, TURN_USES);
}

/* What all of it is for. How soon a machine finds the time for it is its own affair. */
static void who_comes_back_at_once_has_it_again(void **state)
{
	uintptr_t fewest, most;
	unsigned longest = 0;

	(void)state;
	for (int i = 0; i < 100 && longest < TURN_USES / 2; i++) {
		struct thing x = thing(4);

		run(&x, 50, &fewest, &most);
		longest = x.longest_row;
	}
	assert_in_range(longest, TURN_USES / 2, TURN_USES);
}

/* A key generation, a chip that takes long: each use is a turn. */
static void a_long_use_is_a_turn(void **state)
{
	struct thing x = thing(3);
	uintptr_t fewest, most;

	(void)state;
	x.each = 12;
	x.use_us = TURN_TIME + 100;
	run(&x, 0, &fewest, &most);
	assert_int_equal(x.used, 36);
	assert_in_range(x.longest_row, 0, 1);
	assert_in_range(x.longest_wait, 0, 2);
}

/* Nobody is left waiting when the one who was expected does not come back, not even for ever. */
static void who_does_not_come_back_loses_it(void **state)
{
	uintptr_t fewest, most;

	(void)state;
	for (unsigned i = 0; i < 40; i++) {
		struct thing x = thing(CREW_MAX / 2);

		x.each = TURN_USES / 2 + i % 7 * TURN_USES;
		run(&x, 0, &fewest, &most);
		assert_int_equal(x.used, x.crew * x.each);
	}
}

/* Others do something between two uses: then it is handed on, and does not lie idle until each turn is over. */
static void who_comes_back_late_is_not_expected(void **state)
{
	struct thing x = thing(8);
	uintptr_t fewest, most;

	(void)state;
	x.each = 60;
	x.use_us = 100;
	x.pause_us = 300;
	run(&x, 0, &fewest, &most);
	assert_int_equal(x.used, 480);
	assert_in_range(x.longest_row, 0, 1);
	assert_int_equal(x.turn.disappointed, 0);
}

static void a_try_takes_it_only_when_nobody_has_it(void **state)
{
	struct turn t = {0};

	(void)state;
	assert_true(turn_free(&t));
	assert_true(turn_try(&t));
	assert_false(turn_try(&t));
	assert_false(turn_free(&t));
	turn_give(&t);
	assert_true(turn_free(&t));
}

/* Closing and leaving try while others take turns: they lose nothing by it, and whoever waits comes next. */
static void *tries(void *arg)
{
	struct thing *x = arg;
	uintptr_t had = 0;

	pthread_mutex_lock(&x->lock);
	for (int i = 0; i < 4000 && !x->stop; i++) {
		const bool mine = turn_try(&x->turn);

		pthread_mutex_unlock(&x->lock);
		if (mine) {
			come_in(x);
			sleep_us(50);
			give(x);
			had++;
		}
		sleep_us(20);
		pthread_mutex_lock(&x->lock);
	}
	pthread_mutex_unlock(&x->lock);
	return (void *)had;
}

static void tries_in_the_middle_of_turns(void **state)
{
	struct thing x = thing(6);
	pthread_t other;
	uintptr_t fewest, most;

	(void)state;
	assert_int_equal(pthread_create(&other, NULL, tries, &x), 0);
	run(&x, 300, &fewest, &most);
	assert_int_equal(pthread_join(other, NULL), 0);
	assert_in_range(x.longest_wait, 0, 5 * TURN_USES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_try_takes_it_only_when_nobody_has_it),
		cmocka_unit_test(nobody_waits_for_more_than_the_turns_of_the_others),
		cmocka_unit_test(who_comes_back_at_once_has_it_again),
		cmocka_unit_test(a_long_use_is_a_turn),
		cmocka_unit_test(who_does_not_come_back_loses_it),
		cmocka_unit_test(who_comes_back_late_is_not_expected),
		cmocka_unit_test(tries_in_the_middle_of_turns),
	};

	return cmocka_run_group_tests_name("driver_turn", tests, NULL, NULL);
}
