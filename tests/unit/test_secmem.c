/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/secmem.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* The sanitizers of both compilers let mlock() do nothing; each compiler says in its own way that they are on. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MLOCK_WORKS false
#elif defined(__has_feature)
#define MLOCK_WORKS (!__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer))
#else
#define MLOCK_WORKS true
#endif

/* The flags that the kernel shows for the mapping that holds p ("VmFlags:" of smaps). */
static bool vm_flags(const void *p, char *flags, size_t cap)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];
	bool inside = false, found = false;

	assert_non_null(f);
	while (!found && fgets(line, sizeof line, f)) {
		char *end;
		uintptr_t from = strtoul(line, &end, 16);
		if (*end == '-')
			inside = (uintptr_t)p >= from && (uintptr_t)p < strtoul(end + 1, NULL, 16);
		else if (inside && strncmp(line, "VmFlags:", 8) == 0)
			found = snprintf(flags, cap, "%s", line) > 0;
	}
	fclose(f);
	return found;
}

static void is_zeroed_aligned_and_writable(void **state)
{
	(void)state;
	static const size_t sizes[] = {0, 1, 15, 16, 17, 4079, 4080, 4081, 4096, 65536, 1000000};
	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint8_t *p = secmem_alloc(sizes[i]);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
		for (size_t k = 0; k < sizes[i]; k++)
			assert_int_equal(p[k], 0);
		memset(p, 0xAA, sizes[i]);
		secmem_free(p);
	}
	secmem_free(NULL);
}

static void more_than_there_is_gives_null(void **state)
{
	(void)state;
	assert_null(secmem_alloc(SIZE_MAX));
	assert_null(secmem_alloc(SIZE_MAX - 4096));
	assert_null(secmem_alloc(SIZE_MAX / 2));
}

static void is_locked_and_left_out_of_core_dumps(void **state)
{
	(void)state;
	char flags[512];
	struct rlimit limit;
	void *p = secmem_alloc(32);

	assert_non_null(p);
	if (!vm_flags(p, flags, sizeof flags)) {
		secmem_free(p);
		print_message("SKIP: /proc/self/smaps has no VmFlags here\n");
		skip();
	}
	assert_non_null(strstr(flags, " dd")); /* MADV_DONTDUMP */
	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_cur >= 65536 && MLOCK_WORKS)
		assert_non_null(strstr(flags, " lo")); /* mlock */
	secmem_free(p);
}

/* What was given back is wiped before it is given to another, and is as protected then as it was. */
static void what_comes_back_is_wiped_and_locked(void **state)
{
	(void)state;
	void *seen[64];
	size_t again = 0;

	for (size_t i = 0; i < COUNT(seen); i++) {
		uint8_t *p = secmem_alloc(3000), *q = secmem_alloc(1 + i * 40);
		char flags[512];
		struct rlimit limit;

		assert_non_null(p);
		assert_non_null(q);
		for (size_t k = 0; k < 3000; k++)
			assert_int_equal(p[k], 0);
		for (size_t k = 0; k < 1 + i * 40; k++)
			assert_int_equal(q[k], 0);
		for (size_t k = 0; k < i; k++)
			again += seen[k] == p;
		if (vm_flags(p, flags, sizeof flags)) {
			assert_non_null(strstr(flags, " dd"));
			assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
			if (limit.rlim_cur >= 65536 && MLOCK_WORKS)
				assert_non_null(strstr(flags, " lo"));
		}
		seen[i] = p;
		memset(p, 0xAA, 3000);
		memset(q, 0xBB, 1 + i * 40);
		secmem_free(i % 2 ? p : q);
		secmem_free(i % 2 ? q : p);
	}
	/* Otherwise this test looked at fresh memory only. */
	assert_true(again > 0);
}

/* A child has no locks of its parent's: it takes none of the parent's spare pages. */
static void a_child_locks_its_own(void **state)
{
	(void)state;
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
	if (limit.rlim_cur < 65536 || !MLOCK_WORKS)
		skip();
	secmem_free(secmem_alloc(32));
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char flags[512];
		void *p = secmem_alloc(32);

		_exit(!p ? 1 : !vm_flags(p, flags, sizeof flags) || strstr(flags, " lo") ? 0 : 2);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* In a child, with the limit at zero and no privilege to pass it: the memory serves, unlocked. */
static void works_when_the_limit_of_locked_memory_is_reached(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const struct rlimit none = {0, 0};
		if (setrlimit(RLIMIT_MEMLOCK, &none) != 0 || (geteuid() == 0 && setuid(65534) != 0))
			_exit(77);
		uint8_t *p = secmem_alloc(100);
		if (!p)
			_exit(1);
		memset(p, 1, 100);
		secmem_free(p);
		_exit(0);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: the limit can't be lowered here\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void copies(void **state)
{
	(void)state;
	const uint8_t bytes[] = {1, 2, 3};
	char *text = secmem_strdup("1234\xE5\x8F\xA3"), *empty = secmem_strdup("");
	uint8_t *copy = secmem_dup(BYTES_OF(bytes)), *nothing = secmem_dup(BYTES_NONE);
	assert_string_equal(text, "1234\xE5\x8F\xA3");
	assert_string_equal(empty, "");
	assert_bytes_equal(BYTES(copy, 3), BYTES_OF(bytes));
	assert_non_null(nothing);
	assert_null(secmem_strdup(NULL));
	secmem_free(text);
	secmem_free(empty);
	secmem_free(copy);
	secmem_free(nothing);
}

/* What was freed is not mapped any more, or it is one of the spare pages, without a byte of the secret. */
static void freed_memory_is_gone_or_wiped(void **state)
{
	(void)state;
	const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	static const size_t sizes[] = {32, 3000, 9000};
	unsigned char resident;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		uint8_t *p = secmem_alloc(sizes[i]);
		assert_non_null(p);
		volatile uint8_t *start = p - (uintptr_t)p % page;
		assert_int_equal(mincore((void *)start, 1, &resident), 0);
		memset(p, 0xA5, sizes[i]);
		secmem_free(p);
		if (mincore((void *)start, 1, &resident) != 0) {
			assert_int_equal(errno, ENOMEM);
			continue;
		}
		assert_true(sizes[i] < page);
		for (size_t k = 64; k < page; k++)
			assert_int_equal(start[k], 0);
	}
}

static void *churn(void *arg)
{
	uint8_t tag = *(uint8_t *)arg;
	for (size_t i = 0; i < 500; i++) {
		size_t n = 1 + i * 37 % 9000;
		uint8_t *p = secmem_alloc(n);
		if (!p)
			return NULL;
		memset(p, tag, n);
		for (size_t k = 0; k < n; k++)
			if (p[k] != tag)
				return NULL;
		secmem_free(p);
	}
	return arg;
}

static void threads_do_not_meet(void **state)
{
	(void)state;
	pthread_t threads[4];
	uint8_t tags[4] = {1, 2, 3, 4};
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, churn, &tags[i]), 0);
	for (size_t i = 0; i < 4; i++) {
		void *result;
		assert_int_equal(pthread_join(threads[i], &result), 0);
		assert_ptr_equal(result, &tags[i]);
	}
}

static void a_program_can_forbid_its_core(void **state)
{
	(void)state;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct rlimit limit;
		bool ok = secmem_disable_core() && prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0 &&
			  getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == 0 && limit.rlim_max == 0;
		_exit(ok ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_zeroed_aligned_and_writable),
		cmocka_unit_test(more_than_there_is_gives_null),
		cmocka_unit_test(is_locked_and_left_out_of_core_dumps),
		cmocka_unit_test(what_comes_back_is_wiped_and_locked),
		cmocka_unit_test(a_child_locks_its_own),
		cmocka_unit_test(works_when_the_limit_of_locked_memory_is_reached),
		cmocka_unit_test(copies),
		cmocka_unit_test(freed_memory_is_gone_or_wiped),
		cmocka_unit_test(threads_do_not_meet),
		cmocka_unit_test(a_program_can_forbid_its_core),
	};
	return cmocka_run_group_tests_name("secmem", tests, NULL, NULL);
}
