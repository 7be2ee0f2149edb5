/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/bench/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX   64
#define PROCESSES_MAX 64

double rate_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double rate_median(double *values, size_t count)
{
	qsort(values, count, sizeof *values, by_size);
	return values[count / 2];
}

struct crew {
	const struct rate *r;
	double seconds;
	pthread_barrier_t ready, go;
};

struct worker {
	struct crew *crew;
	pthread_t thread;
	bool failed;
	double done, took; /* operations; microseconds */
};

/*
 * libpcsclite 1.9.9 looks for a handle in the lists of all contexts, and SCardConnect and SCardDisconnect of another
 * thread change theirs meanwhile without the lock that this takes (a general protection fault, three times in some
 * thousands of these loops): so connections come and go one after the other here.
 */
static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;

static void *enter(const struct rate *r, bool *failed)
{
	pthread_mutex_lock(&door);
	void *state = r->open();
	*failed = !state || !r->once(state);
	pthread_mutex_unlock(&door);
	return state;
}

static void leave(const struct rate *r, void *state)
{
	pthread_mutex_lock(&door);
	if (state)
		r->close(state);
	pthread_mutex_unlock(&door);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	const struct rate *r = w->crew->r;
	void *state = enter(r, &w->failed);

	pthread_barrier_wait(&w->crew->ready);
	pthread_barrier_wait(&w->crew->go);
	const double begin = rate_now(), end = begin + w->crew->seconds * 1e6;
	while (!w->failed && begin + w->took < end) {
		w->failed = !r->once(state);
		w->done++;
		w->took = rate_now() - begin;
	}
	pthread_barrier_wait(&w->crew->ready);
	leave(r, state);
	return NULL;
}

static void say(int fd, double value)
{
	if (write(fd, &value, sizeof value) != sizeof value)
		_exit(1);
}

/* Ready is said by a number, go is heard as one, the rate is the second, and the last word is heard again. */
static void process(const struct rate *r, unsigned threads, double seconds, int out, int in)
{
	struct crew crew = {.r = r, .seconds = seconds};
	static struct worker workers[THREADS_MAX];
	double rate = 0, word;
	bool good = r->enter();

	pthread_barrier_init(&crew.ready, NULL, threads + 1);
	pthread_barrier_init(&crew.go, NULL, threads + 1);
	for (unsigned i = 0; good && i < threads; i++) {
		workers[i].crew = &crew;
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			_exit(1);
	}
	if (good)
		pthread_barrier_wait(&crew.ready);
	say(out, 0);
	if (read(in, &word, sizeof word) != sizeof word)
		_exit(1);
	if (good) {
		pthread_barrier_wait(&crew.go);
		pthread_barrier_wait(&crew.ready);
	}
	for (unsigned i = 0; good && i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		good = !workers[i].failed;
		rate += workers[i].took > 0 ? workers[i].done / workers[i].took * 1e6 : 0;
	}
	say(out, good ? rate : -1);
	if (read(in, &word, sizeof word) != sizeof word)
		_exit(1);
	r->leave();
	_exit(0);
}

struct child {
	pid_t pid;
	int in, out;
};

static bool spawn(const struct rate *r, unsigned threads, double seconds, struct child *c)
{
	int down[2], up[2];

	if (pipe(down) != 0 || pipe(up) != 0)
		return false;
	c->pid = fork();
	if (c->pid == 0) {
		close(down[1]);
		close(up[0]);
		process(r, threads, seconds, up[1], down[0]);
	}
	close(down[0]);
	close(up[1]);
	c->in = down[1];
	c->out = up[0];
	return c->pid > 0;
}

/* A word from each. Negative: one of them failed. */
static double hear_all(const struct child *children, unsigned count)
{
	double sum = 0, word;

	for (unsigned i = 0; i < count; i++)
		if (sum < 0 || read(children[i].out, &word, sizeof word) != sizeof word || word < 0)
			sum = -1;
		else
			sum += word;
	return sum;
}

static void tell_all(const struct child *children, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		say(children[i].in, 0);
}

double rate_run(const struct rate *r, unsigned processes, unsigned threads, double seconds)
{
	struct child children[PROCESSES_MAX];
	unsigned count = 0;
	double rate = -1;

	if (threads == 0 || threads > THREADS_MAX || processes == 0 || processes > PROCESSES_MAX)
		return -1;
	while (count < processes && spawn(r, threads, seconds, &children[count]))
		count++;
	if (count == processes && hear_all(children, count) == 0) {
		tell_all(children, count);
		rate = hear_all(children, count);
		tell_all(children, count);
	}
	for (unsigned i = 0; i < count; i++) {
		close(children[i].in);
		close(children[i].out);
		waitpid(children[i].pid, NULL, 0);
	}
	return rate;
}
