/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that uses the PKCS#11 module on a real pcscd, for tests/road/programs.sh and hotplug.sh: threads, forks,
 * unloading, and a dialogue about slots. A hang ends with 99 and the stacks of the threads.
 *
 *	p11_program MODULE PIN COMMAND
 *	sign THREADS SECONDS	log in; each thread signs on a session of its own; "N signatures"
 *	pulled THREADS		the same until the token is pulled: each thread hears so, exactly
 *	hold			log in, say "in", and wait to be killed
 *	fork N			N forks while threads sign
 *	load N MODE		N times dlopen to dlclose; MODE "clean", "session", "left" (without C_Finalize)
 *	exit			ends while threads sign and wait
 *	talk			a line of standard input is a call, and is answered by a line
 *
 *	p11_program descriptors N	are no more than N files open?
 *
 * The token has a P-256 signature key. The exit status is 0 when all was as it should be.
 */
#include "config.h"

#include "pkcs11/pkcs11.h"
#include "tests/lib/watchdog.h"

#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 100
#define SLOTS    16

static const char *self, *module, *pin;
static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE session;
static char files_at_start[16];
static atomic_bool stop, ending;
static atomic_ulong signatures, wrong;

static CK_RV note(const char *what, CK_RV rv)
{
	if (rv != CKR_OK && !ending) {
		fprintf(stderr, "%s: CKR 0x%lx\n", what, rv);
		wrong++;
	}
	return rv;
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}, NULL);
}

static void *load(void)
{
	void *lib = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = lib ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : NULL;

	if (!get || get(&f) != CKR_OK) {
		fprintf(stderr, "%s cannot be used: %s\n", module, dlerror());
		exit(2);
	}
	return lib;
}

static CK_RV first_slot(CK_SLOT_ID *id)
{
	CK_SLOT_ID list[SLOTS];
	CK_ULONG n = SLOTS;
	CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &n);

	if (rv == CKR_OK)
		rv = f->C_GetSlotList(CK_TRUE, list, &n);
	if (rv == CKR_OK && n == 0)
		rv = CKR_TOKEN_NOT_PRESENT;
	*id = list[0];
	return rv;
}

static CK_RV open_session(CK_SESSION_HANDLE *s)
{
	CK_SLOT_ID id;
	CK_RV rv = first_slot(&id);

	return rv == CKR_OK ? f->C_OpenSession(id, CKF_SERIAL_SESSION, NULL, NULL, s) : rv;
}

static CK_RV log_in(CK_SESSION_HANDLE s)
{
	return f->C_Login(s, CKU_USER, (CK_UTF8CHAR_PTR)(uintptr_t)pin, strlen(pin));
}

static CK_RV find_key(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *key)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_ATTRIBUTE which[] = {
		{CKA_CLASS,    &class, sizeof(class)},
		{CKA_KEY_TYPE, &type,  sizeof(type) },
	};
	CK_ULONG n = 0;
	CK_RV rv = f->C_FindObjectsInit(s, which, 2);

	if (rv == CKR_OK)
		rv = f->C_FindObjects(s, key, 1, &n);
	if (rv == CKR_OK)
		rv = f->C_FindObjectsFinal(s);
	return rv == CKR_OK && n == 0 ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV sign_with(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key)
{
	CK_MECHANISM m = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE signature[64];
	CK_ULONG len = sizeof(signature);
	CK_RV rv = f->C_SignInit(s, &m, key);

	if (rv == CKR_OK)
		rv = f->C_Sign(s, (CK_BYTE_PTR) "data", 4, signature, &len);
	signatures += rv == CKR_OK;
	return rv;
}

static CK_RV sign(CK_SESSION_HANDLE s)
{
	CK_OBJECT_HANDLE key;
	CK_RV rv = find_key(s, &key);

	return rv == CKR_OK ? sign_with(s, key) : rv;
}

/* All that a program does: C_Initialize to a signature. */
static CK_RV begin(void)
{
	CK_RV rv = f->C_Initialize(NULL);

	if (rv == CKR_OK)
		rv = open_session(&session);
	if (rv == CKR_OK)
		rv = log_in(session);
	return rv == CKR_OK ? sign(session) : rv;
}

static void *sign_always(void *arg)
{
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE key;

	(void)arg;
	if (note("C_OpenSession", open_session(&s)) || note("C_FindObjects", find_key(s, &key)))
		return NULL;
	while (!stop)
		if (note("C_Sign", sign_with(s, key)))
			return NULL;
	note("C_CloseSession", f->C_CloseSession(s));
	return NULL;
}

static void *wait_always(void *arg)
{
	CK_SLOT_ID id;

	(void)arg;
	while (f->C_WaitForSlotEvent(0, &id, NULL) == CKR_OK)
		;
	return NULL;
}

/* ---- threads ---- */

static void run_threads(pthread_t *threads, unsigned n, unsigned seconds)
{
	for (unsigned i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, sign_always, NULL);
	sleep_ms(1000L * (long)seconds);
	stop = true;
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

static int sign_many(unsigned n, unsigned seconds)
{
	pthread_t threads[64];

	if (n > 64 || note("begin", begin()))
		return 1;
	run_threads(threads, n, seconds);
	note("C_Finalize", f->C_Finalize(NULL));
	printf("%lu signatures\n", (unsigned long)signatures);
	return wrong || signatures < n;
}

static void *sign_until_pulled(void *arg)
{
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE key;
	CK_RV rv;

	(void)arg;
	if (note("C_OpenSession", open_session(&s)) || note("C_FindObjects", find_key(s, &key)))
		return NULL;
	do
		rv = sign_with(s, key);
	while (rv == CKR_OK);
	if (rv != CKR_DEVICE_REMOVED && rv != CKR_SESSION_HANDLE_INVALID)
		note("pulled", rv);
	rv = sign_with(s, key);
	if (rv != CKR_SESSION_HANDLE_INVALID)
		note("after it", rv);
	return NULL;
}

/* Then it waits for the token, and works. */
static int pulled(unsigned n)
{
	pthread_t threads[64];
	CK_SLOT_ID id;

	if (n > 64 || note("begin", begin()))
		return 1;
	for (unsigned i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, sign_until_pulled, NULL);
	sleep_ms(300);
	puts("in");
	fflush(stdout);
	for (unsigned i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
	puts("out");
	fflush(stdout);
	while (first_slot(&id) == CKR_TOKEN_NOT_PRESENT)
		sleep_ms(50);
	note("C_OpenSession", open_session(&session));
	note("C_Login", log_in(session));
	note("C_Sign", sign(session));
	note("C_Finalize", f->C_Finalize(NULL));
	return wrong != 0;
}

static int hold(void)
{
	CK_RV rv = begin();

	if (rv != CKR_OK) {
		printf("%08lX\n", rv);
		return 1;
	}
	puts("in");
	fflush(stdout);
	for (;;)
		pause();
}

/* ---- fork ---- */

static int in_child(bool all)
{
	CK_SESSION_INFO info;
	CK_SLOT_ID id;
	CK_SESSION_HANDLE parents = session;

	watchdog(40);
	if (f->C_GetSessionInfo(parents, &info) != CKR_CRYPTOKI_NOT_INITIALIZED ||
		first_slot(&id) != CKR_CRYPTOKI_NOT_INITIALIZED || sign(parents) != CKR_CRYPTOKI_NOT_INITIALIZED ||
		f->C_Finalize(NULL) != CKR_CRYPTOKI_NOT_INITIALIZED)
		return 1;
	if (!all)
		return 0;
	if (note("in the child", begin()))
		return 2;
	return note("C_Finalize in the child", f->C_Finalize(NULL)) ? 3 : 0;
}

/* What the child runs instead of us inherits nothing of ours. */
static int exec_other(void)
{
	execl(self, self, "descriptors", files_at_start, (char *)NULL);
	return 4;
}

static void fork_once(unsigned i)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(i % 4 == 3 ? exec_other() : in_child(i % 4 != 2));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		fprintf(stderr, "child %u: %x\n", i, (unsigned)status);
		wrong++;
	}
}

struct forks {
	unsigned n;
};

static void *fork_in_thread(void *arg)
{
	const struct forks *forks = arg;
	CK_SESSION_HANDLE s;

	if (note("C_OpenSession", open_session(&s)))
		return NULL;
	for (unsigned i = 0; i < forks->n; i++) {
		fork_once(i);
		note("after a fork", sign(s));
	}
	note("C_CloseSession", f->C_CloseSession(s));
	return NULL;
}

static int fork_many(unsigned n)
{
	enum { SIGNERS = 4, FORKERS = 2 };
	pthread_t signers[SIGNERS], forkers[FORKERS], waiter;
	struct forks forks = {n / FORKERS};

	if (note("begin", begin()))
		return 1;
	for (unsigned i = 0; i < SIGNERS; i++)
		pthread_create(&signers[i], NULL, sign_always, NULL);
	pthread_create(&waiter, NULL, wait_always, NULL);
	for (unsigned i = 0; i < FORKERS; i++)
		pthread_create(&forkers[i], NULL, fork_in_thread, &forks);
	for (unsigned i = 0; i < FORKERS; i++)
		pthread_join(forkers[i], NULL);
	stop = true;
	for (unsigned i = 0; i < SIGNERS; i++)
		pthread_join(signers[i], NULL);
	note("C_Finalize", f->C_Finalize(NULL));
	pthread_join(waiter, NULL);
	printf("%u forks, %lu signatures meanwhile\n", n, (unsigned long)signatures);
	return wrong != 0;
}

/* ---- dlopen, dlclose ---- */

static size_t entries(const char *folder)
{
	DIR *d = opendir(folder);
	size_t n = 0;

	while (d && readdir(d))
		n++;
	if (d)
		closedir(d);
	return n;
}

static long resident_kib(void)
{
	FILE *statm = fopen("/proc/self/statm", "r");
	long size, resident = 0;

	if (statm && fscanf(statm, "%ld %ld", &size, &resident) != 2)
		resident = 0;
	if (statm)
		fclose(statm);
	return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

static void load_once(const char *mode)
{
	void *lib = load();

	note("C_Initialize", f->C_Initialize(NULL));
	note("C_OpenSession", open_session(&session));
	if (strcmp(mode, "clean") == 0)
		note("C_CloseSession", f->C_CloseSession(session));
	if (strcmp(mode, "left") != 0)
		note("C_Finalize", f->C_Finalize(NULL));
	dlclose(lib);
}

static int load_many(unsigned n, const char *mode)
{
	const unsigned warm = n / 5;
	size_t files = 0, threads = 0, memory = 0;
	long resident = 0;

	for (unsigned i = 0; i < n && !wrong; i++) {
		if (i == warm) {
			files = entries("/proc/self/fd");
			threads = entries("/proc/self/task");
			memory = mallinfo2().uordblks;
			resident = resident_kib();
		}
		load_once(mode);
	}
	/* Before anything is printed: that takes memory, too. */
	const size_t memory_now = mallinfo2().uordblks, files_now = entries("/proc/self/fd"),
		     threads_now = entries("/proc/self/task");
	const long resident_now = resident_kib();
	printf("%u times: %zd files, %zd threads, %zd bytes, %ld KiB resident more\n", n, (ssize_t)(files_now - files),
		(ssize_t)(threads_now - threads), (ssize_t)(memory_now - memory), resident_now - resident);
	return wrong || files_now > files || threads_now > threads || memory_now > memory + 16 * (n - warm) ||
	       resident_now > resident + 1024;
}

/* ---- the end ---- */

static void finalize_late(void)
{
	f->C_CloseSession(session);
	f->C_Finalize(NULL);
}

static int end_early(void)
{
	pthread_t threads[5];

	atexit(finalize_late);
	if (note("begin", begin()))
		return 1;
	for (unsigned i = 0; i < 5; i++)
		pthread_create(&threads[i], NULL, i ? sign_always : wait_always, NULL);
	sleep_ms(200);
	/* The threads' calls fail from now on, and there is nobody to be told. */
	ending = true;
	exit(0);
}

/* ---- a dialogue ---- */

static void said(CK_RV rv)
{
	printf("%s %08lX\n", rv == CKR_OK ? "ok" : "rv", rv);
}

/* "slots": ID:SERIAL of each, "-" where none is in it. */
static void say_slots(void)
{
	CK_SLOT_ID list[SLOTS];
	CK_TOKEN_INFO info;
	CK_ULONG n = SLOTS;
	CK_RV rv = f->C_GetSlotList(CK_FALSE, NULL, &n);

	if (rv == CKR_OK)
		rv = f->C_GetSlotList(CK_FALSE, list, &n);
	printf("%s", rv == CKR_OK ? "ok" : "rv");
	for (CK_ULONG i = 0; rv == CKR_OK && i < n; i++) {
		if (f->C_GetTokenInfo(list[i], &info) == CKR_OK)
			printf(" %lu:%.16s", list[i], (char *)info.serialNumber);
		else
			printf(" %lu:-", list[i]);
	}
	putchar('\n');
}

static void say_event(CK_FLAGS flags)
{
	CK_SLOT_ID id = 0;
	CK_RV rv = f->C_WaitForSlotEvent(flags, &id, NULL);

	if (rv == CKR_OK)
		printf("ok %lu\n", id);
	else
		said(rv);
}

static void answer(char *line)
{
	const char *word = strtok(line, " \n"), *argument = strtok(NULL, " \n");
	const CK_ULONG number = argument ? strtoul(argument, NULL, 10) : 0;

	if (!word)
		return;
	if (strcmp(word, "slots") == 0)
		say_slots();
	else if (strcmp(word, "poll") == 0)
		say_event(CKF_DONT_BLOCK);
	else if (strcmp(word, "wait") == 0)
		say_event(0);
	else if (strcmp(word, "open") == 0)
		said(f->C_OpenSession(number, CKF_SERIAL_SESSION, NULL, NULL, &session));
	else if (strcmp(word, "login") == 0)
		said(log_in(session));
	else if (strcmp(word, "sign") == 0)
		said(sign(session));
	else if (strcmp(word, "initialize") == 0)
		said(f->C_Initialize(NULL));
	else
		puts("what?");
}

static int talk(void)
{
	char line[64];

	if (note("C_Initialize", f->C_Initialize(NULL)))
		return 1;
	while (fgets(line, sizeof(line), stdin)) {
		answer(line);
		fflush(stdout);
		watchdog(PATIENCE);
	}
	return note("C_Finalize", f->C_Finalize(NULL)) != CKR_OK;
}

int main(int argc, char **argv)
{
	self = argv[0];
	if (argc == 3 && strcmp(argv[1], "descriptors") == 0)
		return entries("/proc/self/fd") <= strtoul(argv[2], NULL, 10) ? 0 : 1;
	snprintf(files_at_start, sizeof(files_at_start), "%zu", entries("/proc/self/fd"));
	if (argc < 4)
		return 2;
	module = argv[1];
	pin = argv[2];
	const unsigned n = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : 0;
	watchdog(PATIENCE);
	if (strcmp(argv[3], "load") == 0)
		return load_many(n, argc > 5 ? argv[5] : "clean");
	load();
	if (strcmp(argv[3], "sign") == 0)
		return sign_many(n, argc > 5 ? (unsigned)strtoul(argv[5], NULL, 10) : 1);
	if (strcmp(argv[3], "pulled") == 0)
		return pulled(n);
	if (strcmp(argv[3], "hold") == 0)
		return hold();
	if (strcmp(argv[3], "fork") == 0)
		return fork_many(n);
	if (strcmp(argv[3], "exit") == 0)
		return end_early();
	return strcmp(argv[3], "talk") == 0 ? talk() : 2;
}
