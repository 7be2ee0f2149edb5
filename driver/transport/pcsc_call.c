/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/transport/pcsc_call.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/*
 * Milliseconds: how long a fork waits for brief calls (a pcscd that does not answer shall not stop it for ever); after
 * which a long call is surely past its beginning; and how long a new call waits for a fork. This one must end, too:
 * other fork handlers run after ours, and may wait for the very thread that waits here. The last: as long as a card
 * needs to be powered.
 */
#define PATIENCE    1000
#define BEGINNING   5
#define FORK_MAX    200
#define ARRIVAL_MAX 500

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned inside[2]; /* calls of both kinds */
static unsigned forking, arriving;
static pthread_t forker;
static bool watched;
static atomic_int owner; /* the process that all of this is about */

static void forked(void)
{
	/* Once a child. */
	if (atomic_exchange(&owner, getpid()) == getpid())
		return;
	forking = arriving = 0;
	inside[PCSC_BRIEF] = inside[PCSC_LONG] = 0;
	pthread_mutex_init(&lock, NULL);
	pthread_cond_init(&changed, NULL);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

void pcsc_call_in(enum pcsc_call kind)
{
	/* Somebody else's fork handler may call before ours has run. */
	if (atomic_load(&owner) != getpid())
		forked();
	pthread_mutex_lock(&lock);
	if (forking && !pthread_equal(forker, pthread_self())) {
		const struct timespec until = in_ms(FORK_MAX);

		while (forking && pthread_cond_timedwait(&changed, &lock, &until) == 0)
			;
	}
	inside[kind]++;
	pthread_mutex_unlock(&lock);
}

long pcsc_call_out(enum pcsc_call kind, long rv)
{
	pthread_mutex_lock(&lock);
	if (--inside[kind] == 0 && forking)
		pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return rv;
}

void pcsc_arrive(void)
{
	const struct timespec until = in_ms(ARRIVAL_MAX);

	if (atomic_load(&owner) != getpid())
		forked();
	pthread_mutex_lock(&lock);
	while (arriving > 0 && pthread_cond_timedwait(&changed, &lock, &until) == 0)
		;
	arriving++;
	pthread_mutex_unlock(&lock);
}

void pcsc_arrived(void)
{
	pthread_mutex_lock(&lock);
	arriving--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

static void before(void)
{
	const struct timespec until = in_ms(PATIENCE), beginning = {0, BEGINNING * 1000000L};

	pthread_mutex_lock(&lock);
	forking++;
	forker = pthread_self();
	while (inside[PCSC_BRIEF] > 0 && pthread_cond_timedwait(&changed, &lock, &until) == 0)
		;
	const bool somebody = inside[PCSC_LONG] > 0;
	pthread_mutex_unlock(&lock);
	if (somebody)
		nanosleep(&beginning, NULL);
}

static void after(void)
{
	pthread_mutex_lock(&lock);
	forking--;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

bool pcsc_watch_fork(void)
{
	pthread_mutex_lock(&lock);
	if (!watched) {
		atomic_store(&owner, getpid());
		watched = pthread_atfork(before, after, forked) == 0;
	}
	const bool yes = watched;
	pthread_mutex_unlock(&lock);
	return yes;
}
