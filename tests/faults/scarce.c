/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/scarce.h"

#include <stddef.h>
#include <sys/mman.h>

unsigned long scarce_countdown;
bool scarce_failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);

static bool due(void)
{
	if (scarce_countdown == 0 || --scarce_countdown > 0)
		return false;
	scarce_failed = true;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return due() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return due() ? NULL : __real_calloc(n, size);
}

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset)
{
	return due() ? MAP_FAILED : __real_mmap(at, n, prot, flags, fd, offset);
}
