/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations a second, of several processes with several threads each: all are ready before any begins, and nobody
 * leaves before all have ended (whoever leaves may log the others out).
 */
#ifndef UKEY_TESTS_BENCH_RATE_H
#define UKEY_TESTS_BENCH_RATE_H

#include <stdbool.h>
#include <stddef.h>

struct rate {
	bool (*enter)(void); /* in each process, before its threads */
	void *(*open)(void); /* in each thread; NULL: failed */
	bool (*once)(void *thread);
	void (*close)(void *thread);
	void (*leave)(void);
};

/* Negative: something failed. */
double rate_run(const struct rate *r, unsigned processes, unsigned threads, double seconds);

/* Microseconds since some moment of this machine's. */
double rate_now(void);
double rate_median(double *values, size_t count);

#endif
