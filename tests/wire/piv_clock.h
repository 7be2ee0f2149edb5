/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that a busy machine does not move. A PIV card is looked at again when a second has passed (driver/fresh.c),
 * so whoever counts commands would count one more where a second passes by itself. Programs that are linked with
 * --wrap=clock_ms (piv_clock_ldflags) have this clock.
 */
#ifndef UKEY_TESTS_PIV_CLOCK_H
#define UKEY_TESTS_PIV_CLOCK_H

#include <stdint.h>

extern uint64_t piv_clock; /* milliseconds */

#endif
