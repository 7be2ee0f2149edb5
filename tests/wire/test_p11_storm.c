/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sixteen threads (issue 4, 3; pain 14): they sign for UKEY_STORM_SECONDS (default 2) while tokens come and go beside
 * them, while their token is pulled, while C_Finalize is called, while the process forks. And a hundred thousand
 * sessions, after which nothing has grown. A watchdog ends what hangs.
 */
#include "config.h"

#include "tests/lib/watchdog.h"
#include "tests/wire/p11_bench.h"

#include <dirent.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define SANITIZED true
#else
#define SANITIZED false
#endif

#define THREADS  16
#define PATIENCE 120

static CK_SESSION_HANDLE keeper; /* while it is open the log-in stays */
static CK_OBJECT_HANDLE pub, prv;
static atomic_bool stop;
static atomic_uint wrong, signatures;

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static unsigned seconds(void)
{
	const char *text = getenv("UKEY_STORM_SECONDS");

	return text ? (unsigned)atoi(text) : 2;
}

static int setup(void **state)
{
	bench_setup_operational(state);
	keeper = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(keeper, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	wrong = signatures = 0;
	stop = false;
	watchdog(PATIENCE + seconds());
	return 0;
}

static int teardown(void **state)
{
	watchdog(0);
	return bench_teardown(state);
}

static CK_RV note(CK_RV rv, const char *what)
{
	fprintf(stderr, "%s: CKR 0x%lx\n", what, rv);
	wrong++;
	return rv;
}

static void must(CK_RV rv, const char *what)
{
	if (rv != CKR_OK)
		note(rv, what);
}

static CK_RV sign(CK_SESSION_HANDLE s, CK_BYTE signature[64])
{
	CK_MECHANISM m = {CKM_ECDSA_SHA256, NULL, 0};
	CK_ULONG len = 64;
	CK_RV rv = f->C_SignInit(s, &m, prv);

	if (rv == CKR_OK)
		rv = f->C_Sign(s, (CK_BYTE_PTR) "data", 4, signature, &len);
	if (rv == CKR_OK)
		signatures++;
	return rv;
}

static void start(pthread_t *threads, unsigned n, void *(*work)(void *), void *arg)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, work, arg), 0);
}

static void join(pthread_t *threads, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

/* ---- all day ---- */

static void one_visit(void)
{
	CK_MECHANISM m = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE signature[64], label[16];
	CK_ATTRIBUTE a = {CKA_LABEL, label, sizeof(label)};
	CK_OBJECT_HANDLE found[8];
	CK_SESSION_HANDLE s = 0;
	CK_SESSION_INFO info;
	CK_ULONG n;

	must(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), "C_OpenSession");
	must(f->C_FindObjectsInit(s, NULL, 0), "C_FindObjectsInit");
	must(f->C_FindObjects(s, found, 8, &n), "C_FindObjects");
	must(f->C_FindObjectsFinal(s), "C_FindObjectsFinal");
	must(f->C_GetAttributeValue(s, prv, &a, 1), "C_GetAttributeValue");
	must(sign(s, signature), "C_Sign");
	must(f->C_VerifyInit(s, &m, pub), "C_VerifyInit");
	must(f->C_Verify(s, (CK_BYTE_PTR) "data", 4, signature, 64), "C_Verify");
	must(f->C_GetSessionInfo(s, &info), "C_GetSessionInfo");
	must(f->C_CloseSession(s), "C_CloseSession");
}

static void *visit(void *arg)
{
	(void)arg;
	while (!stop)
		one_visit();
	return NULL;
}

static void *watch_slots(void *arg)
{
	CK_TOKEN_INFO info;
	CK_SLOT_ID id;
	CK_ULONG n;

	(void)arg;
	while (!stop) {
		CK_RV rv = f->C_WaitForSlotEvent(0, &id, NULL);

		if (rv != CKR_OK)
			return rv == CKR_CRYPTOKI_NOT_INITIALIZED ? NULL : (note(rv, "C_WaitForSlotEvent"), NULL);
		rv = f->C_GetSlotList(CK_TRUE, NULL, &n);
		if (rv == CKR_OK)
			rv = f->C_GetTokenInfo(id, &info);
		if (rv == CKR_CRYPTOKI_NOT_INITIALIZED)
			return NULL;
		if (rv != CKR_OK && rv != CKR_TOKEN_NOT_PRESENT)
			note(rv, "of the slot");
	}
	return NULL;
}

/* Another token comes and goes: theirs is not concerned. */
static void test_storm(void **state)
{
	pthread_t threads[THREADS], watcher;
	const time_t end = time(NULL) + (time_t)seconds();

	(void)state;
	start(threads, THREADS, visit, NULL);
	start(&watcher, 1, watch_slots, NULL);
	for (unsigned i = 0; time(NULL) < end; i++) {
		sleep_ms(20);
		if (i % 2)
			loop_unplug(loop, 1);
		else
			loop_plug(loop, 1, i % 4 ? NULL : chip[1]);
	}
	stop = true;
	join(threads, THREADS);
	assert_int_equal(wrong, 0);
	assert_true(signatures > 0 || !seconds());
	ok(f->C_Finalize(NULL));
	pthread_join(watcher, NULL);
	assert_int_equal(wrong, 0);
	fprintf(stderr, "%u signatures in %u s\n", (unsigned)signatures, seconds());
}

/* ---- the token is pulled ---- */

static atomic_uint ready;

/* The first failure says that the token went, in one of the two ways there are; from then on the session is none. */
static void *sign_until_pulled(void *arg)
{
	CK_SESSION_HANDLE s = 0;
	CK_BYTE signature[64];
	CK_RV rv;

	(void)arg;
	must(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), "C_OpenSession");
	ready++;
	do
		rv = sign(s, signature);
	while (rv == CKR_OK);
	if (rv != CKR_DEVICE_REMOVED && rv != CKR_SESSION_HANDLE_INVALID)
		note(rv, "pulled");
	for (int i = 0; i < 3; i++) {
		rv = sign(s, signature);
		if (rv != CKR_SESSION_HANDLE_INVALID)
			note(rv, "after it");
	}
	return NULL;
}

static void pulled_once(bool back_at_once)
{
	pthread_t threads[THREADS];
	CK_ULONG n;

	ready = 0;
	start(threads, THREADS, sign_until_pulled, NULL);
	while (ready < THREADS)
		sleep_ms(1);
	sleep_ms(10);
	loop_unplug(loop, 0);
	if (back_at_once) {
		/* And somebody looks, so that the new stay has begun before most of them noticed. */
		loop_plug(loop, 0, chip[0]);
		ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	}
	join(threads, THREADS);
	assert_int_equal(wrong, 0);
	if (!back_at_once)
		loop_plug(loop, 0, chip[0]);
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	keeper = bench_session(CKF_RW_SESSION, CKU_USER);
	prv = bench_find(keeper, CKO_PRIVATE_KEY, 1);
	pub = bench_find(keeper, CKO_PUBLIC_KEY, 1);
	one_visit();
	assert_int_equal(wrong, 0);
}

static void test_pulled(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++)
		pulled_once(i % 2);
}

/* ---- C_Finalize in the middle (pain 15) ---- */

static void *sign_until_over(void *arg)
{
	CK_SESSION_HANDLE s = 0;
	CK_BYTE signature[64];
	CK_RV rv = f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s);

	(void)arg;
	ready++;
	while (rv == CKR_OK)
		rv = sign(s, signature);
	if (rv != CKR_CRYPTOKI_NOT_INITIALIZED)
		note(rv, "finalized");
	return NULL;
}

static void test_finalize(void **state)
{
	pthread_t signers[THREADS], watchers[4];

	(void)state;
	for (int i = 0; i < 8; i++) {
		ready = 0;
		start(signers, THREADS, sign_until_over, NULL);
		start(watchers, 4, watch_slots, NULL);
		while (ready < THREADS)
			sleep_ms(1);
		sleep_ms(i * 3);
		ok(f->C_Finalize(NULL));
		join(signers, THREADS);
		join(watchers, 4);
		assert_int_equal(wrong, 0);
		assert_int_equal(loop->readers[0].connections, 0);
		ok(f->C_Initialize(NULL));
		keeper = bench_session(CKF_RW_SESSION, CKU_USER);
		prv = bench_find(keeper, CKO_PRIVATE_KEY, 1);
	}
}

static pthread_barrier_t gate;
static atomic_uint initialized, finalized;

static void *come_and_go(void *arg)
{
	CK_RV rv;

	(void)arg;
	pthread_barrier_wait(&gate);
	rv = f->C_Initialize(NULL);
	initialized += rv == CKR_OK;
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)
		note(rv, "C_Initialize");
	pthread_barrier_wait(&gate);
	rv = f->C_Finalize(NULL);
	finalized += rv == CKR_OK;
	if (rv != CKR_OK && rv != CKR_CRYPTOKI_NOT_INITIALIZED)
		note(rv, "C_Finalize");
	return NULL;
}

/* Of many that begin at once one is the first, of many that end at once one is the last (OpenSC PR 2067). */
static void test_begin_and_end(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	ok(f->C_Finalize(NULL));
	pthread_barrier_init(&gate, NULL, THREADS);
	initialized = finalized = 0;
	for (int i = 0; i < 20; i++) {
		start(threads, THREADS, come_and_go, NULL);
		join(threads, THREADS);
	}
	pthread_barrier_destroy(&gate);
	assert_int_equal(wrong, 0);
	assert_int_equal(initialized, 20);
	assert_int_equal(finalized, 20);
}

/* ---- fork in the middle (pain 13; the whole of it, on pcscd: tests/road/programs.sh) ---- */

/* The tokens of this test are the parent's threads' too: the child leaves them alone. */
static int in_child(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;
	CK_ULONG n;

	watchdog(30);
	if (f->C_GetSessionInfo(s, &info) != CKR_CRYPTOKI_NOT_INITIALIZED ||
		f->C_GetSlotList(CK_FALSE, NULL, &n) != CKR_CRYPTOKI_NOT_INITIALIZED ||
		f->C_CloseSession(s) != CKR_CRYPTOKI_NOT_INITIALIZED ||
		f->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (f->C_Initialize(NULL) != CKR_OK || f->C_GetSessionInfo(s, &info) != CKR_SESSION_HANDLE_INVALID)
		return 2;
	return f->C_Finalize(NULL) == CKR_OK ? 0 : 3;
}

static void fork_once(CK_SESSION_HANDLE s)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(in_child(s));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0)
		note((CK_RV)status, "the child");
}

static void *fork_with_sessions(void *arg)
{
	CK_SESSION_HANDLE s = 0;
	CK_BYTE signature[64];

	(void)arg;
	must(f->C_OpenSession(0, CKF_SERIAL_SESSION, NULL, NULL, &s), "C_OpenSession");
	for (int i = 0; i < (SANITIZED ? 3 : 10); i++) {
		fork_once(s);
		must(sign(s, signature), "the parent");
	}
	must(f->C_CloseSession(s), "C_CloseSession");
	return NULL;
}

static void test_fork(void **state)
{
	pthread_t threads[THREADS], forkers[2];

	(void)state;
	start(threads, THREADS, visit, NULL);
	start(forkers, 2, fork_with_sessions, NULL);
	for (int i = 0; i < (SANITIZED ? 3 : 20); i++)
		fork_once(keeper);
	join(forkers, 2);
	stop = true;
	join(threads, THREADS);
	assert_int_equal(wrong, 0);
}

static bool initialize_in_child;

/* An application's handler, there before the module was: it runs before the module's own (pkcs11-helper 5, 16). */
static void begin_in_child(void)
{
	if (initialize_in_child)
		wrong += f->C_Initialize(NULL) != CKR_OK;
}

static int after_handler(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info;

	watchdog(30);
	return wrong == 0 && f->C_GetSessionInfo(s, &info) == CKR_SESSION_HANDLE_INVALID &&
			       f->C_Initialize(NULL) == CKR_CRYPTOKI_ALREADY_INITIALIZED &&
			       f->C_Finalize(NULL) == CKR_OK
		       ? 0
		       : 1;
}

static void test_fork_handler(void **state)
{
	pthread_t threads[4];
	int status = 0;

	(void)state;
	start(threads, 4, visit, NULL);
	initialize_in_child = true;
	for (int i = 0; i < (SANITIZED ? 3 : 20) && status == 0; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(after_handler(keeper));
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	initialize_in_child = false;
	stop = true;
	join(threads, 4);
	assert_int_equal(status, 0);
	assert_int_equal(wrong, 0);
}

/* ---- nothing grows ---- */

static size_t entries(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static long resident_kib(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%ld %ld", &size, &resident), 2);
	fclose(statm);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void open_and_close(unsigned n)
{
	enum { AT_ONCE = 50 };
	CK_SESSION_HANDLE s[AT_ONCE];

	for (unsigned i = 0; i < n; i += AT_ONCE) {
		for (unsigned j = 0; j < AT_ONCE; j++)
			ok(f->C_OpenSession(0, CKF_SERIAL_SESSION | (j % 3 ? 0 : CKF_RW_SESSION), NULL, NULL, &s[j]));
		ok(f->C_FindObjectsInit(s[7], NULL, 0));
		for (unsigned j = 0; j < AT_ONCE; j += 2)
			ok(f->C_CloseSession(s[j]));
		for (unsigned j = AT_ONCE - 1; j < AT_ONCE; j -= 2)
			ok(f->C_CloseSession(s[j]));
	}
}

static void test_sessions(void **state)
{
	const unsigned n = SANITIZED ? 5000 : 100000;
	struct mallinfo2 before, after;
	size_t files, threads;
	long resident;

	(void)state;
	/* Where the kernel makes huge pages by itself it may do so now, and two megabytes of them. */
	prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
	open_and_close(1000);
	before = mallinfo2();
	files = entries("/proc/self/fd");
	threads = entries("/proc/self/task");
	resident = resident_kib();
	open_and_close(n);
	after = mallinfo2();
	fprintf(stderr, "%u sessions: %ld KiB resident before, %ld after; %zu bytes allocated before, %zu after\n", n,
		resident, resident_kib(), before.uordblks, after.uordblks);
	assert_int_equal(entries("/proc/self/fd"), files);
	assert_int_equal(entries("/proc/self/task"), threads);
	if (SANITIZED)
		return;
	assert_true(after.uordblks <= before.uordblks + 4096);
	assert_true(resident_kib() <= resident + 512);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_storm),
		TEST(test_pulled),
		TEST(test_finalize),
		TEST(test_begin_and_end),
		TEST(test_fork),
		TEST(test_fork_handler),
		TEST(test_sessions),
	};
	/* Before the module registers its own. */
	pthread_atfork(NULL, NULL, begin_in_child);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
