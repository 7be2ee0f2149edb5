/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hang is a failure that says where: when the time is over every thread writes its stack to standard error, and the
 * process ends with 99.
 */
#ifndef UKEY_TESTS_WATCHDOG_H
#define UKEY_TESTS_WATCHDOG_H

/* From now on; 0: all is well, no more. In a forked child: again, for it has none. */
void watchdog(unsigned seconds);

#endif
