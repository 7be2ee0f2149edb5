/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions, and whose they are. Logged in or not is libukey's knowledge alone: here is no copy that could differ. */
#include "pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>

/* ---- the table; the library lock is held ---- */

static size_t position(CK_SESSION_HANDLE handle)
{
	size_t low = 0, high = p11.session_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (p11.sessions[middle]->handle < handle)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct p11_session *lookup(CK_SESSION_HANDLE handle)
{
	size_t i = position(handle);

	return i < p11.session_count && p11.sessions[i]->handle == handle ? p11.sessions[i] : NULL;
}

static void session_free(struct p11_session *s)
{
	for (size_t i = 0; p11_uses[i]; i++)
		p11_operation_end(p11_operation_of(s, p11_uses[i]));
	free(s->found);
	ukey_token_unref(s->token);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static void session_close(size_t i)
{
	struct p11_session *s = p11.sessions[i];

	memmove(&p11.sessions[i], &p11.sessions[i + 1], (p11.session_count - i - 1) * sizeof(*p11.sessions));
	p11.session_count--;
	s->closed = true;
	p11_objects_forget_session(s->slot, s->handle);
	if (!s->users)
		session_free(s);
}

void p11_sessions_close(struct p11_slot *slot)
{
	for (size_t i = p11.session_count; i-- > 0;)
		if (!slot || p11.sessions[i]->slot == slot)
			session_close(i);
}

void p11_sessions_count(const struct p11_slot *slot, CK_ULONG *all, CK_ULONG *rw)
{
	*all = *rw = 0;
	for (size_t i = 0; i < p11.session_count; i++)
		if (p11.sessions[i]->slot == slot) {
			++*all;
			*rw += p11_session_rw(p11.sessions[i]);
		}
}

static CK_RV session_add(struct p11_session *s)
{
	if (p11.session_count == p11.session_room) {
		size_t room = p11.session_room ? 2 * p11.session_room : 16;
		struct p11_session **list = realloc(p11.sessions, room * sizeof(*list));

		if (!list)
			return CKR_HOST_MEMORY;
		p11.sessions = list;
		p11.session_room = room;
	}
	s->handle = ++p11.last_session;
	p11.sessions[p11.session_count++] = s;
	return CKR_OK;
}

/* ---- at the door ---- */

static void let_go(struct p11_session *s)
{
	p11_lock();
	if (--s->users == 0 && s->closed)
		session_free(s);
	p11_unlock();
}

CK_RV p11_session_enter_from(CK_SESSION_HANDLE handle, struct p11_session **out, const char *function)
{
	struct p11_session *s;
	bool closed;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	p11_lock();
	s = lookup(handle);
	if (s)
		s->users++;
	p11_unlock();
	if (!s) {
		p11_leave(CKR_OK);
		return CKR_SESSION_HANDLE_INVALID;
	}
	pthread_mutex_lock(&s->lock);
	p11_lock();
	closed = s->closed;
	p11_unlock();
	if (closed) {
		pthread_mutex_unlock(&s->lock);
		let_go(s);
		p11_leave(CKR_OK);
		return CKR_SESSION_HANDLE_INVALID;
	}
	s->function = function;
	*out = s;
	return CKR_OK;
}

/*
 * Another thread's call met the removal first: nobody is logged in any more and private keys are out of sight, but that
 * is not what happened.
 */
static CK_RV removed_meanwhile(const struct p11_session *s, CK_RV rv)
{
	struct ukey_token_info info;

	if (rv != CKR_USER_NOT_LOGGED_IN && rv != CKR_KEY_HANDLE_INVALID && rv != CKR_OBJECT_HANDLE_INVALID &&
		rv != CKR_SESSION_CLOSED)
		return rv;
	ukey_token_info(s->token, &info);
	return info.present && info.plugged == s->plugged ? rv : CKR_DEVICE_REMOVED;
}

CK_RV p11_session_leave_from(struct p11_session *s, CK_RV rv, const char *function)
{
	/* A helper's name is not the function's; but while a window was open another call may have had the session. */
	if (rv != CKR_OK && !p11_returned_known(function))
		function = s->function;
	rv = removed_meanwhile(s, rv);
	pthread_mutex_unlock(&s->lock);
	if (rv == CKR_DEVICE_REMOVED)
		p11_slot_vanished(s->slot, s->token);
	let_go(s);
	return p11_leave_from(rv, function);
}

bool p11_is_piv(struct ukey_token *token)
{
	struct ukey_token_info info;

	ukey_token_info(token, &info);
	return info.application == UKEY_APPLICATION_PIV;
}

enum ukey_role p11_role(struct p11_session *s)
{
	struct ukey_token_info info;

	if (atomic_load(&s->slot->changing))
		return UKEY_NOBODY;
	ukey_token_info(s->token, &info);
	return info.role;
}

CK_RV p11_session_gate(struct p11_session *s)
{
	bool closed;

	pthread_mutex_lock(&s->slot->gate);
	p11_lock();
	closed = s->closed;
	p11_unlock();
	if (closed)
		pthread_mutex_unlock(&s->slot->gate);
	return closed ? CKR_SESSION_CLOSED : CKR_OK;
}

/* ---- opening and closing ---- */

static struct p11_session *session_new(struct p11_slot *slot, struct ukey_token *token, CK_FLAGS flags)
{
	struct p11_session *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->slot = slot;
	s->token = ukey_token_ref(token);
	s->flags = flags & (CKF_RW_SESSION | CKF_SERIAL_SESSION);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static CK_RV open_session(CK_SLOT_ID id, CK_FLAGS flags, CK_SESSION_HANDLE *handle)
{
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	struct ukey_token_info info;
	struct p11_session *s;
	CK_RV rv = p11_slot_token(id, &slot, &token);

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&slot->gate);
	p11_token_look(token, &info);
	if (info.life_cycle == UKEY_BLANK)
		rv = CKR_TOKEN_NOT_RECOGNIZED;
	else if (info.role == UKEY_SO && !(flags & CKF_RW_SESSION))
		rv = CKR_SESSION_READ_WRITE_SO_EXISTS;
	s = rv == CKR_OK ? session_new(slot, token, flags) : NULL;
	if (rv == CKR_OK && !s)
		rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK) {
		p11_lock();
		s->plugged = slot->plugged;
		rv = slot->token == token ? session_add(s) : CKR_DEVICE_REMOVED;
		if (rv == CKR_OK)
			*handle = s->handle;
		else
			session_free(s);
		p11_unlock();
	}
	pthread_mutex_unlock(&slot->gate);
	ukey_token_unref(token);
	return rv;
}

CK_RV C_OpenSession(
	CK_SLOT_ID slotID, CK_FLAGS flags, CK_VOID_PTR pApplication, CK_NOTIFY Notify, CK_SESSION_HANDLE_PTR phSession)
{
	CK_RV rv = p11_enter();

	/* Surrender callbacks are never made: no call here can be interrupted in the middle. */
	(void)pApplication;
	(void)Notify;
	if (rv != CKR_OK)
		return rv;
	if (!phSession)
		rv = CKR_ARGUMENTS_BAD;
	else if (!(flags & CKF_SERIAL_SESSION))
		rv = CKR_SESSION_PARALLEL_NOT_SUPPORTED;
	else if (flags & CKF_ASYNC_SESSION)
		rv = CKR_SESSION_ASYNC_NOT_SUPPORTED;
	else
		rv = open_session(slotID, flags, phSession);
	return p11_leave(rv);
}

/*
 * Close one session, or all of the slot. With the last one the log-in ends (2.40, 5.6). The gate keeps a session that
 * another thread opens meanwhile from being logged out by us.
 */
static CK_RV close_sessions(struct p11_slot *slot, struct ukey_token *token, CK_SESSION_HANDLE only)
{
	CK_ULONG left = 0, rw;
	bool closed = false;

	pthread_mutex_lock(&slot->gate);
	p11_lock();
	if (!only) {
		p11_sessions_count(slot, &left, &rw);
		closed = left != 0;
		p11_sessions_close(slot);
	} else if (lookup(only)) {
		session_close(position(only));
		closed = true;
	}
	p11_sessions_count(slot, &left, &rw);
	p11_unlock();
	if (closed && !left) {
		p11_objects_forget_private(slot);
		ukey_token_idle(token);
	}
	pthread_mutex_unlock(&slot->gate);
	return closed || !only ? CKR_OK : CKR_SESSION_HANDLE_INVALID;
}

CK_RV C_CloseSession(CK_SESSION_HANDLE hSession)
{
	struct p11_session *s;
	struct p11_slot *slot = NULL;
	struct ukey_token *token = NULL;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	p11_lock();
	s = lookup(hSession);
	if (s) {
		slot = s->slot;
		token = ukey_token_ref(s->token);
	}
	p11_unlock();
	rv = s ? close_sessions(slot, token, hSession) : CKR_SESSION_HANDLE_INVALID;
	if (token)
		ukey_token_unref(token);
	return p11_leave(rv);
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slotID)
{
	struct p11_slot *slot = NULL;
	struct ukey_token *token = NULL;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	/* Not by p11_slot_token: a late call must not need the readers. */
	p11_lock();
	if (slotID < p11.slot_count) {
		slot = p11.slots[slotID];
		token = slot->token ? ukey_token_ref(slot->token) : NULL;
	}
	p11_unlock();
	if (!slot)
		rv = CKR_SLOT_ID_INVALID;
	else if (token)
		rv = close_sessions(slot, token, 0);
	if (token)
		ukey_token_unref(token);
	return p11_leave(rv);
}

static CK_STATE session_state(struct p11_session *s)
{
	bool rw = p11_session_rw(s);

	switch (p11_role(s)) {
	case UKEY_SO:
		return CKS_RW_SO_FUNCTIONS;
	case UKEY_USER:
		return rw ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
	default:
		return rw ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
	}
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE hSession, CK_SESSION_INFO_PTR pInfo)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pInfo)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	pInfo->slotID = s->slot->id;
	pInfo->state = session_state(s);
	pInfo->flags = s->flags;
	pInfo->ulDeviceError = 0;
	return p11_session_leave(s, CKR_OK);
}

/* Each operation by the flag of its use (3.0, 5.6.9); what else a flag may name is never active here. */
CK_RV C_SessionCancel(CK_SESSION_HANDLE hSession, CK_FLAGS flags)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; p11_uses[i]; i++)
		if (flags & p11_uses[i])
			p11_operation_end(p11_operation_of(s, p11_uses[i]));
	if (flags & CKF_FIND_OBJECTS) {
		free(s->found);
		s->found = NULL;
		s->finding = false;
	}
	return p11_session_leave(s, CKR_OK);
}
