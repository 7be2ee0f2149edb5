/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/secmem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* In front of each piece; as large as the strictest alignment. */
union header {
	struct {
		size_t mapped, used;
	} size;
	max_align_t align;
};

/*
 * A few pages that are free, wiped and locked: every command takes one or two, and mapping and locking cost more than
 * all else that a program does for a signature. NULL: none here.
 */
#define SPARE 4
static _Atomic(union header *) spare[SPARE];

static void unmap_spare(void)
{
	for (size_t i = 0; i < SPARE; i++) {
		union header *h = atomic_exchange(&spare[i], NULL);
		if (h)
			(void)munmap(h, h->size.mapped);
	}
}

/* Locks of memory are not inherited: a child begins without spare pages. */
static void watch_forks(void)
{
	(void)pthread_atfork(NULL, NULL, unmap_spare);
}

/* When the library is unloaded. Who comes after that from an exit handler finds none, and maps anew. */
__attribute__((destructor)) static void leave(void)
{
	unmap_spare();
}

static union header *take_spare(void)
{
	union header *h = NULL;

	for (size_t i = 0; i < SPARE && !h; i++)
		if (atomic_load_explicit(&spare[i], memory_order_relaxed))
			h = atomic_exchange(&spare[i], NULL);
	return h;
}

static bool keep_spare(union header *h)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, watch_forks);
	for (size_t i = 0; i < SPARE; i++) {
		union header *none = NULL;
		if (atomic_compare_exchange_strong(&spare[i], &none, h))
			return true;
	}
	return false;
}

static union header *map(size_t size)
{
	union header *h = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (h == MAP_FAILED)
		return NULL;
	h->size.mapped = size;
	/* Both are best effort: memory that can't be locked still serves. */
	(void)mlock(h, size);
	(void)madvise(h, size, MADV_DONTDUMP);
	return h;
}

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

void *secmem_alloc(size_t n)
{
	const size_t page = page_size();

	if (n > SIZE_MAX / 2)
		return NULL;
	const size_t size = (sizeof(union header) + (n ? n : 1) + page - 1) / page * page;
	union header *h = size == page ? take_spare() : NULL;
	if (!h)
		h = map(size);
	if (!h)
		return NULL;
	h->size.used = n;
	return h + 1;
}

void secmem_free(void *p)
{
	if (!p)
		return;
	union header *h = (union header *)p - 1;
	explicit_bzero(p, h->size.used);
	if (h->size.mapped != page_size() || !keep_spare(h))
		(void)munmap(h, h->size.mapped);
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
