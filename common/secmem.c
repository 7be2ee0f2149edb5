/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/secmem.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* In front of each piece; as large as the strictest alignment. */
union header {
	size_t mapped;
	max_align_t align;
};

void *secmem_alloc(size_t n)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (n > SIZE_MAX / 2)
		return NULL;
	size_t mapped = (sizeof(union header) + (n ? n : 1) + page - 1) / page * page;
	union header *h = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (h == MAP_FAILED)
		return NULL;
	h->mapped = mapped;
	/* Both are best effort: memory that can't be locked still serves. */
	(void)mlock(h, mapped);
	(void)madvise(h, mapped, MADV_DONTDUMP);
	return h + 1;
}

void secmem_free(void *p)
{
	if (!p)
		return;
	union header *h = (union header *)p - 1;
	size_t mapped = h->mapped;
	bytes_wipe(h, mapped);
	(void)munmap(h, mapped);
}

char *secmem_strdup(const char *text)
{
	if (!text)
		return NULL;
	size_t n = strlen(text) + 1;
	char *copy = secmem_alloc(n);
	if (copy)
		memcpy(copy, text, n);
	return copy;
}

uint8_t *secmem_dup(struct bytes b)
{
	uint8_t *copy = secmem_alloc(b.len);
	if (copy)
		bytes_copy(copy, b);
	return copy;
}

bool secmem_disable_core(void)
{
	const struct rlimit none = {0, 0};

	bool limited = setrlimit(RLIMIT_CORE, &none) == 0;
	/* A pipe in core_pattern ignores the limit; it honours this. */
	return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && limited;
}
