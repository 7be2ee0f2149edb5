/* SPDX-License-Identifier: Apache-2.0 */
/* C_Initialize, C_Finalize, fork, and what every call does at its door. */
#include "pkcs11/p11.h"

#include "pkcs11/pinentry.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct p11_library p11 = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};

/* What a parent had when it forked: never touched again, and kept reachable so that leak checkers stay quiet. */
static struct p11_library orphan;
static bool fork_watched, exit_watched, exiting;
/* The process that all of this belongs to; 0: none yet. */
static atomic_int owner;

static void in_child(void);
static void at_exit(void);

/* An application's own fork handlers may call us before ours have run (pain 13). */
static void check_fork(void)
{
	const int pid = atomic_load(&owner);

	if (pid && pid != getpid())
		in_child();
}

void p11_log(const char *format, ...)
{
	char line[512] = "ukey-pkcs11: ";
	const size_t head = strlen(line);
	va_list args;

	va_start(args, format);
	vsnprintf(line + head, sizeof(line) - head, format, args);
	va_end(args);
	ukey_log(line);
}

CK_RV p11_rv(enum ukey_status status)
{
	if (status != UKEY_OK)
		p11_log("%s: %s", ukey_status_name(status), ukey_status_message(status));
	return ukey_status_ckr(status);
}

void p11_pad(CK_UTF8CHAR *field, size_t size, const char *text)
{
	size_t n = strlen(text);

	if (n > size)
		for (n = size; n && ((unsigned char)text[n] & 0xC0) == 0x80;)
			n--;
	memset(field, ' ', size);
	memcpy(field, text, n);
}

CK_RV p11_enter(void)
{
	CK_RV rv = CKR_OK;

	check_fork();
	p11_lock();
	if (p11.initialized)
		p11.inside++;
	else
		rv = CKR_CRYPTOKI_NOT_INITIALIZED;
	p11_unlock();
	return rv;
}

CK_RV p11_leave_from(CK_RV rv, const char *function)
{
	p11_lock();
	if (--p11.inside == 0)
		pthread_cond_broadcast(&p11.idle);
	p11_unlock();
	return p11_returned(function, rv);
}

/*
 * The child starts as if C_Initialize had never been called. Its parent's locks may be held by threads that do not
 * exist here, and its connections belong to the parent: the locks are made anew, the rest is set aside untouched.
 */
static void in_child(void)
{
	/* Once a child. */
	if (atomic_exchange(&owner, getpid()) == getpid())
		return;
	if (p11.ukey)
		orphan = p11;
	pthread_mutex_init(&p11.lock, NULL);
	pthread_cond_init(&p11.idle, NULL);
	p11_slots_forked();
	pinentry_forked();
	p11.initialized = p11.ending = p11.prompting = false;
	p11.inside = 0;
	p11.ukey = NULL;
	p11.slots = NULL;
	p11.sessions = NULL;
	p11.slot_count = p11.session_count = p11.session_room = 0;
}

/*
 * Ours are the system's locks, always. An application that wants its own used instead (2.40, 5.4: four callbacks
 * without CKF_OS_LOCKING_OK) hears that this can't be: whoever must not use the system's locks has other threads than
 * we know. No thread is ever made here, so CKF_LIBRARY_CANT_CREATE_OS_THREADS asks for nothing.
 */
static CK_RV check_arguments(const CK_C_INITIALIZE_ARGS *args)
{
	int callbacks;

	if (!args)
		return CKR_OK;
	callbacks = !!args->CreateMutex + !!args->DestroyMutex + !!args->LockMutex + !!args->UnlockMutex;
	if (args->pReserved || (callbacks != 0 && callbacks != 4))
		return CKR_ARGUMENTS_BAD;
	return callbacks && !(args->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

/* After libcrypto has registered its own handler, so that ours runs first. */
static bool watch_exit(void)
{
	uint8_t digest[32];

	if (!exit_watched)
		exit_watched = crypto_digest(CRYPTO_SHA256, BYTES_NONE, digest) && atexit(at_exit) == 0;
	return exit_watched;
}

static CK_RV start(void)
{
	enum ukey_status status;

	if (p11.initialized || p11.ending)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	if (!fork_watched && pthread_atfork(NULL, NULL, in_child) != 0)
		return CKR_HOST_MEMORY;
	fork_watched = true;
	if (!watch_exit())
		return CKR_HOST_MEMORY;
	atomic_store(&owner, getpid());
	if (orphan.ukey) {
		ukey_forked(orphan.ukey);
		orphan.ukey = NULL;
	}
	status = ukey_open(&p11.ukey);
	if (status != UKEY_OK) {
		p11.ukey = NULL;
		if (status == UKEY_CONFIG)
			p11_log("%s", ukey_config_problem());
		return p11_rv(status);
	}
	p11.initialized = true;
	p11.looked = false;
	return CKR_OK;
}

/* No card is spoken to here (facts: users' first complaint about every other module). */
CK_RV C_Initialize(CK_VOID_PTR pInitArgs)
{
	CK_RV rv = check_arguments(pInitArgs);

	if (rv != CKR_OK)
		return rv;
	check_fork();
	p11_lock();
	rv = start();
	p11_unlock();
	return p11_returned(__func__, rv);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

/*
 * Ends waits and lets everybody out; a wait may start just after a cancel, hence again and again. At most so many
 * rounds of 10 ms; -1: however long it takes.
 */
static void let_out(long rounds)
{
	for (; p11.inside && rounds; rounds -= rounds > 0) {
		p11_unlock();
		ukey_wait_cancel(p11.ukey);
		p11_lock();
		if (!p11.inside)
			break;
		const struct timespec until = in_ms(10);
		pthread_cond_timedwait(&p11.idle, &p11.lock, &until);
	}
}

CK_RV C_Finalize(CK_VOID_PTR pReserved)
{
	CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;

	if (pReserved)
		return CKR_ARGUMENTS_BAD;
	check_fork();
	p11_lock();
	if (p11.initialized) {
		p11.initialized = false;
		p11.ending = true;
		let_out(-1);
		p11_sessions_close(NULL);
		free(p11.sessions);
		p11.sessions = NULL;
		p11.session_room = 0;
		p11_slots_free();
		ukey_close(p11.ukey);
		p11.ukey = NULL;
		p11.ending = false;
		pthread_cond_broadcast(&p11.idle);
		rv = CKR_OK;
	}
	p11_unlock();
	return rv;
}

/* Milliseconds that an exit waits for calls that are inside. */
#define EXIT_PATIENCE 3000

/*
 * exit() runs this handler, then libcrypto's, and then those that were there before us; other threads go on all the
 * while, and whoever needs libcrypto after its end crashes (pain 15). So from here on nobody comes in any more, and who
 * is inside is waited for. Nothing is freed: late calls hear CKR_CRYPTOKI_NOT_INITIALIZED, and that is all.
 *
 * OpenSSL's engine, and with it curl, end without C_Finalize; pcscd then leaves the token as it is. A log-in that
 * nobody has any more would stay on it, and its channel taken.
 */
static void at_exit(void)
{
	const struct timespec until = in_ms(EXIT_PATIENCE);

	check_fork();
	/* Not for ever: a signal handler may have called exit() in the middle of a call. */
	if (pthread_mutex_timedlock(&p11.lock, &until) != 0)
		return;
	exiting = true;
	while (p11.ending && pthread_cond_timedwait(&p11.idle, &p11.lock, &until) == 0)
		;
	struct ukey *const u = p11.initialized ? p11.ukey : NULL;
	if (u) {
		p11.initialized = false;
		p11.ending = true;
		let_out(EXIT_PATIENCE / 10);
	}
	p11_unlock();
	ukey_depart(u);
}

/* Whoever unloads the module makes no more calls, and gets everything back. */
__attribute__((destructor)) static void unloaded(void)
{
	check_fork();
	if (!exiting)
		C_Finalize(NULL);
}
