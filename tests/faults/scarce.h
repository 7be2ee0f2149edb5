/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that is short once: one allocation fails. The linker leads malloc, calloc and mmap of our own objects here
 * ($(scarce_ldflags)); OpenSSL's and cmocka's are left alone.
 */
#ifndef UKEY_TESTS_SCARCE_H
#define UKEY_TESTS_SCARCE_H

#include <stdbool.h>

/* The nth allocation from now on fails; 0: none. Returns how many there were to go. */
unsigned long scarce_at(unsigned long nth);
extern bool scarce_failed; /* one did */

#endif
