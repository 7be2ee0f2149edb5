/* SPDX-License-Identifier: Apache-2.0 */
/* The files that libukey remembers tokens in, for tests that look into them and damage them (trusted.h says where). */
#ifndef UKEY_TESTS_CACHE_FILES_H
#define UKEY_TESTS_CACHE_FILES_H

#include <limits.h>
#include <stddef.h>
#include <stdint.h>

/* The path of a file, valid until the next call; NULL: the folder's. */
const char *cache_path(const char *name);
/* The names of all. Returns how many; more than `cap` fails the test. */
size_t cache_names(char names[][NAME_MAX + 1], size_t cap);
/* malloc'd. */
uint8_t *cache_read(const char *name, size_t *len);
/* Makes the file, or puts other content into it. */
void cache_write(const char *name, const uint8_t *content, size_t len);

#endif
