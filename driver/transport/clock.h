/* SPDX-License-Identifier: Apache-2.0 */
/* Time that nobody sets, and waiting by it. */
#ifndef DRIVER_TRANSPORT_CLOCK_H
#define DRIVER_TRANSPORT_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

uint64_t clock_ms(void);
void clock_sleep_ms(long ms);
/* A condition for clock_wait_ms. */
bool clock_cond_init(pthread_cond_t *cond);
/* At most so long; why it ended is for the caller to look at. */
void clock_wait_ms(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t ms);

#endif
