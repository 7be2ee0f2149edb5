/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is short once: the allocation at which the count comes to zero fails. The linker
 * leads malloc, calloc and mmap of our own objects here ($(scarce_ldflags)); OpenSSL's and cmocka's are left alone.
 */
#ifndef UKEY_TESTS_SCARCE_H
#define UKEY_TESTS_SCARCE_H

#include <stdbool.h>

extern unsigned long scarce_countdown; /* 0: never */
extern bool scarce_failed;             /* it did */

#endif
