/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/faults/scarce.h"

#include <stddef.h>
#include <sys/mman.h>

bool scarce_failed;
static unsigned long countdown; /* 0: never */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t offset);

static bool due(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	scarce_failed = true;
	return true;
}

unsigned long scarce_at(unsigned long nth)
{
	const unsigned long before = countdown;

	countdown = nth;
	return before;
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
