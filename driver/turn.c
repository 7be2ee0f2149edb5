/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/turn.h"

#include <errno.h>
#include <time.h>

/* Microseconds in which one comes back "at once"; how many have to, before it is expected; and how often that doubles.
 */
#define AT_ONCE     100u
#define TRUST       4
#define DOUBLES_MAX 8u

struct turn_waiter {
	struct turn_waiter *next;
	pthread_t thread;
	pthread_cond_t changed;
	bool has;       /* it was handed over */
	bool watches;   /* it was given back in the middle of a turn: takes it at the end of that, */
	uint64_t until; /* this */
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void begin(struct turn *t, pthread_t whose, uint64_t now)
{
	t->taken = true;
	t->whose = whose;
	t->began = now;
	t->uses = 1;
}

static bool over(const struct turn *t, uint64_t now)
{
	return t->uses >= TURN_USES || now - t->began >= TURN_TIME;
}

static void use_again(struct turn *t)
{
	t->taken = true;
	if (t->uses < TURN_USES)
		t->uses++;
}

static void learn(struct turn *t, uint64_t now)
{
	if (!pthread_equal(t->gave, pthread_self()))
		return;
	if (now - t->ended < AT_ONCE)
		t->trust += t->trust < TRUST;
	else if (t->trust > 0)
		t->trust = 0;
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

static struct turn_waiter *leave(struct turn *t)
{
	struct turn_waiter *w = t->first;

	t->first = w->next;
	if (!t->first)
		t->last = NULL;
	return w;
}

/* On a clock that nobody sets. Without one of its own the condition takes times for those of another: it only times
 * out. */
static void wait_init(struct turn_waiter *w)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
}

static bool wait_until(struct turn_waiter *w, pthread_mutex_t *lock)
{
	const struct timespec until = {
		.tv_sec = (time_t)(w->until / 1000000), .tv_nsec = (long)(w->until % 1000000 * 1000)};

	return pthread_cond_timedwait(&w->changed, lock, &until) != ETIMEDOUT;
}

/* The turn of who has not come back is over. Only the first who waits ever watches. */
static void take_over(struct turn *t)
{
	leave(t);
	t->disappointed += t->disappointed < DOUBLES_MAX;
	t->trust = -(TRUST << t->disappointed);
	begin(t, pthread_self(), now_us());
}

static void wait_for_turn(struct turn *t, pthread_mutex_t *lock)
{
	struct turn_waiter me = {.thread = pthread_self()};
	bool mine = false;

	wait_init(&me);
	*(t->last ? &t->last->next : &t->first) = &me;
	/* cppcheck-suppress autoVariables ; who hands over takes it out before it lets us go on */
	t->last = &me;
	while (!me.has && !mine) {
		if (!me.watches) {
			pthread_cond_wait(&me.changed, lock);
		} else if (!wait_until(&me, lock) && !me.has) {
			/* Somebody has it again, and hands it over when that use ends. */
			me.watches = false;
			mine = !t->taken;
		}
	}
	if (mine)
		take_over(t);
	pthread_cond_destroy(&me.changed);
}

/* ---- taking and giving ------------------------------------------------------------------------------------------- */

void turn_take(struct turn *t, pthread_mutex_t *lock)
{
	const bool mine = pthread_equal(t->whose, pthread_self());
	const bool nobody = !t->taken && !t->first;

	if (nobody && mine) {
		use_again(t);
		return;
	}
	const uint64_t now = now_us();
	learn(t, now);
	if (nobody)
		begin(t, pthread_self(), now);
	else if (!t->taken && mine && !over(t, now))
		use_again(t);
	else
		wait_for_turn(t, lock);
}

bool turn_try(struct turn *t)
{
	if (t->taken)
		return false;
	begin(t, pthread_self(), now_us());
	/* Whoever waits comes next. */
	t->uses = TURN_USES;
	return true;
}

static void hand_over(struct turn *t, uint64_t now)
{
	struct turn_waiter *next = leave(t);

	begin(t, next->thread, now);
	next->has = true;
	pthread_cond_signal(&next->changed);
}

/* Free, for who is expected back, and the first who waits sees to it that it is not for longer than the turn. */
static void keep(struct turn *t)
{
	struct turn_waiter *first = t->first;

	t->taken = false;
	if (first->watches)
		return;
	first->watches = true;
	first->until = t->began + TURN_TIME;
	pthread_cond_signal(&first->changed);
}

void turn_give(struct turn *t)
{
	if (!t->first) {
		t->taken = false;
		t->gave = (pthread_t){0};
		return;
	}
	const uint64_t now = now_us();
	const bool ends = over(t, now);

	t->gave = pthread_self();
	t->ended = now;
	if (!ends && t->trust >= TRUST) {
		keep(t);
		return;
	}
	if (ends && t->uses > 1 && t->disappointed > 0)
		t->disappointed--;
	hand_over(t, now);
}

bool turn_free(const struct turn *t)
{
	return !t->taken && !t->first;
}
