/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/piv_clock.h"

uint64_t piv_clock = 1000000;

uint64_t __wrap_clock_ms(void);

uint64_t __wrap_clock_ms(void)
{
	return piv_clock;
}
