/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has something that one thread at a time can have. First come, first served, and in turns.
 *
 * To hand it on after each use costs a switch of threads, and a quick token answers sooner than a thread wakes up. So
 * whoever comes back at once may have it again though others wait, until its turn is over: so often, or so long. Then
 * the one who has waited longest gets it, and with it a turn of its own. One long use is a turn. Nobody waits longer
 * than the turns of those who came before, and one use each.
 *
 * That it comes back at once has to be expected, and is a loss when it does not: the others wait for nothing, until the
 * turn is over. So it is expected only where it was so the last times, and after each disappointment, of twice as many.
 *
 * The lock is the caller's, and held in each call.
 */
#ifndef UKEY_DRIVER_TURN_H
#define UKEY_DRIVER_TURN_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* A turn: uses, and microseconds. */
#define TURN_USES 32u
#define TURN_TIME 2000u

struct turn_waiter;

/* All zero: nobody has it. */
struct turn {
	bool taken;
	struct turn_waiter *first, *last;
	pthread_t whose; /* the turn; also between two uses */
	uint64_t began;  /* the turn, in microseconds */
	unsigned uses;   /* in it */
	pthread_t gave;  /* it back last, while others waited; at this time: */
	uint64_t ended;
	int trust;             /* so many came back at once; below zero: are still to, to make up for who did not */
	unsigned disappointed; /* so often, and less one for each turn that was used */
};

/* Waits until it is ours. */
void turn_take(struct turn *t, pthread_mutex_t *lock);
/* Takes it unless somebody has it. */
bool turn_try(struct turn *t);
void turn_give(struct turn *t);
/* Nobody has it, and nobody waits for it. */
bool turn_free(const struct turn *t);

#endif
