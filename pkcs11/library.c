/* SPDX-License-Identifier: Apache-2.0 */
/* C_Initialize, C_Finalize, fork, and what every call does at its door. */
#include "pkcs11/p11.h"

#include "pkcs11/pinentry.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct p11_library p11 = {.lock = PTHREAD_MUTEX_INITIALIZER, .idle = PTHREAD_COND_INITIALIZER};

/* What a parent had when it forked: never touched again, and kept reachable so that leak checkers stay quiet. */
static struct p11_library orphan;
static bool fork_watched;

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

static CK_RV start(void)
{
	enum ukey_status status;

	if (p11.initialized || p11.ending)
		return CKR_CRYPTOKI_ALREADY_INITIALIZED;
	if (!fork_watched && pthread_atfork(NULL, NULL, in_child) != 0)
		return CKR_HOST_MEMORY;
	fork_watched = true;
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
	p11_lock();
	rv = start();
	p11_unlock();
	return p11_returned(__func__, rv);
}

/* Ends waits and lets everybody out; a wait may start just after a cancel, hence again and again. */
static void let_out(void)
{
	while (p11.inside) {
		struct timespec until;

		p11_unlock();
		ukey_wait_cancel(p11.ukey);
		p11_lock();
		if (!p11.inside)
			break;
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 10 * 1000 * 1000;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&p11.idle, &p11.lock, &until);
	}
}

CK_RV C_Finalize(CK_VOID_PTR pReserved)
{
	CK_RV rv = CKR_CRYPTOKI_NOT_INITIALIZED;

	if (pReserved)
		return CKR_ARGUMENTS_BAD;
	p11_lock();
	if (p11.initialized) {
		p11.initialized = false;
		p11.ending = true;
		let_out();
		p11_sessions_close(NULL);
		free(p11.sessions);
		p11.sessions = NULL;
		p11.session_room = 0;
		p11_slots_free();
		ukey_close(p11.ukey);
		p11.ukey = NULL;
		p11.ending = false;
		rv = CKR_OK;
	}
	p11_unlock();
	return rv;
}

/*
 * OpenSSL's engine, and with it curl, end without C_Finalize; pcscd then leaves the token as it is. A log-in that
 * nobody has any more would stay on it, and its channel taken: after 19 such programs none could log in.
 */
__attribute__((destructor)) static void depart(void)
{
	if (pthread_mutex_trylock(&p11.lock) != 0)
		return;
	struct ukey *const u = p11.initialized ? p11.ukey : NULL;
	p11_unlock();
	ukey_depart(u);
}
