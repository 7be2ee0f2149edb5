/* SPDX-License-Identifier: Apache-2.0 */
/* Log-in and log-out, with the PIN of the caller or with one that we ask for ourselves. */
#include "pkcs11/p11.h"
#include "pkcs11/prompt.h"

/* C_Login knows only one kind of wrong PIN; a length that cannot be right costs no try. */
static CK_RV login_rv(enum ukey_status status)
{
	/* A PIN, and the card does not keep its management key behind it. */
	if (status == UKEY_MANAGEMENT_KEY_NEEDED || status == UKEY_PIN_LENGTH || status == UKEY_PIN_POLICY ||
		status == UKEY_DATA_INVALID)
		return CKR_PIN_INCORRECT;
	return p11_rv(status);
}

/* ---- once for each use of a key with CKA_ALWAYS_AUTHENTICATE, after the operation's Init (2.40, 5.6) ------------- */

/*
 * The token is *fresh* for one use, whoever makes it. So one operation of a slot has the log-in, the one that was
 * logged in for last: its ticket is the slot's. Any other that had one before must log in again.
 */
bool p11_operation_authenticated(struct p11_session *s, const struct p11_operation *op)
{
	return op->ticket && op->ticket == atomic_load(&s->slot->ticket);
}

/*
 * A PIV card knows by itself whether the PIN came just before, and programs (ssh -I) count on it: right after the
 * user's log-in they use such a key without another. One may try, so long as nobody else's log-in is there to be used
 * up.
 */
bool p11_operation_may_try(struct p11_session *s, const struct p11_operation *op)
{
	uint_fast64_t last = atomic_load(&s->slot->ticket);
	struct ukey_token_info info;

	if (op->ticket)
		return false;
	ukey_token_info(s->token, &info);
	return info.application == UKEY_APPLICATION_PIV && last &&
	       atomic_compare_exchange_strong(&s->slot->unused, &last, 0);
}

static struct p11_operation *waiting_for_pin(struct p11_session *s)
{
	struct p11_operation *const list[] = {&s->sign, &s->sign_recover, &s->decrypt};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (list[i]->mechanism && list[i]->key.always_authenticate && !p11_operation_authenticated(s, list[i]))
			return list[i];
	return NULL;
}

/* `retry`: a wrong PIN has just ended the log-in on the token; the right one, asked for in the same call, mends it. */
static CK_RV may_log_in_again(struct p11_session *s, bool retry)
{
	enum ukey_role role = p11_role(s);

	if (!waiting_for_pin(s))
		return CKR_OPERATION_NOT_INITIALIZED;
	/* An operation whose user is gone is none. */
	return role == UKEY_USER || (retry && role == UKEY_NOBODY) ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

static CK_RV log_in_again(struct p11_session *s, struct bytes pin, bool retry, enum ukey_status *status)
{
	CK_RV rv = may_log_in_again(s, retry);

	if (rv != CKR_OK)
		return rv;
	if (p11_role(s) == UKEY_USER)
		*status = ukey_login_again(s->token, pin.data, pin.len);
	else
		*status = ukey_login(s->token, UKEY_USER, pin.data, pin.len);
	if (*status == UKEY_OK)
		waiting_for_pin(s)->ticket = atomic_fetch_add(&s->slot->ticket, 1) + 1;
	return login_rv(*status);
}

/* ---- the user, the SO; the gate is held -------------------------------------------------------------------------- */

static CK_RV may_log_in(struct p11_session *s, enum ukey_role role)
{
	struct ukey_token_info info;
	CK_ULONG all, rw;

	ukey_token_info(s->token, &info);
	if (info.role != UKEY_NOBODY)
		return info.role == role ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
	if (role == UKEY_USER && !info.user_pin.exists)
		return CKR_USER_PIN_NOT_INITIALIZED;
	p11_lock();
	p11_sessions_count(s->slot, &all, &rw);
	p11_unlock();
	return role == UKEY_SO && all != rw ? CKR_SESSION_READ_ONLY_EXISTS : CKR_OK;
}

/* `new`: the user's own PIN, in place of one that is good for nothing but that; the token takes it as a log-in. */
static CK_RV log_in(
	struct p11_session *s, enum ukey_role role, struct bytes pin, struct bytes new, enum ukey_status *status)
{
	CK_RV rv = may_log_in(s, role);

	if (rv != CKR_OK)
		return rv;
	if (new.len)
		*status = ukey_change_pin(s->token, role, pin.data, pin.len, new.data, new.len);
	else
		*status = ukey_login(s->token, role, pin.data, pin.len);
	if (*status == UKEY_OK && p11_role(s) != role)
		*status = ukey_login(s->token, role, new.len ? new.data : pin.data, new.len ? new.len : pin.len);
	if (*status == UKEY_OK)
		atomic_store(&s->slot->unused, atomic_fetch_add(&s->slot->ticket, 1) + 1);
	return login_rv(*status);
}

/* ---- both -------------------------------------------------------------------------------------------------------- */

static enum ukey_role role_of(CK_USER_TYPE type)
{
	return type == CKU_SO ? UKEY_SO : UKEY_USER;
}

/* Would a PIN be of any use? The session is locked. */
static CK_RV may(struct p11_session *s, CK_USER_TYPE type)
{
	CK_RV rv = p11_session_gate(s);

	if (rv != CKR_OK)
		return rv;
	rv = type == CKU_CONTEXT_SPECIFIC ? may_log_in_again(s, false) : may_log_in(s, role_of(type));
	pthread_mutex_unlock(&s->slot->gate);
	return rv;
}

/* The PINs of one call. */
struct given {
	struct bytes pin, new; /* new: see log_in */
	bool retry;            /* the PIN before was wrong */
};

/* The session is locked. *status: what libukey said, UKEY_OK when it was not asked. */
static CK_RV attempt(struct p11_session *s, CK_USER_TYPE type, const struct given *given, enum ukey_status *status)
{
	CK_RV rv = p11_session_gate(s);

	*status = UKEY_OK;
	if (rv != CKR_OK)
		return rv;
	if (type == CKU_CONTEXT_SPECIFIC)
		rv = log_in_again(s, given->pin, given->retry, status);
	else
		rv = log_in(s, role_of(type), given->pin, given->new, status);
	pthread_mutex_unlock(&s->slot->gate);
	return rv;
}

/* One known to be blocked may have been unlocked elsewhere since: one command tells, before anybody types. */
enum ukey_status p11_blocked(struct ukey_token *token, enum ukey_role role)
{
	struct ukey_token_info info;

	for (int look = 0; look < 2; look++) {
		const struct ukey_pin_info *pin;

		ukey_token_info(token, &info);
		pin = role == UKEY_SO ? &info.so_pin : &info.user_pin;
		if (!pin->exists || pin->tries_left)
			return UKEY_OK;
		/* Inside the channel: what was read before it may be anybody's. */
		if (look == 0 && (ukey_protect(token) != UKEY_OK || ukey_token_reload(token) != UKEY_OK))
			break;
	}
	return role == UKEY_SO ? UKEY_SO_PIN_BLOCKED : UKEY_PIN_BLOCKED;
}

/* The steps of a log-in through windows; the session is unlocked in between. */
static CK_RV converse(struct p11_prompt *p, struct p11_session *s, CK_USER_TYPE type)
{
	static const enum p11_ask asks[] = {
		[CKU_SO] = P11_ASK_SO, [CKU_USER] = P11_ASK_USER, [CKU_CONTEXT_SPECIFIC] = P11_ASK_USE};
	const enum p11_ask ask = type == CKU_SO && p11_is_piv(s->token) ? P11_ASK_MANAGEMENT_KEY : asks[type];
	struct given given = {.retry = false};
	enum ukey_status status = UKEY_OK;
	bool present = true;
	CK_RV rv = CKR_OK;

	do {
		if (present)
			rv = p11_prompt_pin(p, ask, &given.pin);
		else
			rv = p11_prompt_pin(p, P11_ASK_OWN, &given.new);
		if (rv != CKR_OK)
			return rv;
		pthread_mutex_lock(&s->lock);
		rv = attempt(s, type, &given, &status);
		pthread_mutex_unlock(&s->lock);
		given.retry = true;
		present = status != UKEY_PIN_EXPIRED;
	} while (!present || p11_prompt_again(p, status, &present, &rv));
	return rv;
}

static CK_RV ask_and_log_in(struct p11_session *s, CK_USER_TYPE type)
{
	struct p11_prompt *p;
	enum ukey_status status;
	bool present;
	CK_RV rv = p11_prompt_begin(&p, s->slot, s->token, s);

	if (!p)
		return rv;
	if (rv == CKR_OK) {
		pthread_mutex_lock(&s->lock);
		rv = may(s, type);
		pthread_mutex_unlock(&s->lock);
	}
	if (rv == CKR_OK) {
		status = p11_blocked(s->token, role_of(type));
		rv = p11_rv(status);
		p11_prompt_again(p, status, &present, &rv);
	}
	if (rv == CKR_OK)
		rv = converse(p, s, type);
	return p11_prompt_end(p, rv);
}

CK_RV C_Login(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen)
{
	struct p11_session *s;
	enum ukey_status status;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (userType > CKU_CONTEXT_SPECIFIC)
		rv = CKR_USER_TYPE_INVALID;
	else if (p11_prompt_on() && (!pPin || !ulPinLen))
		rv = ask_and_log_in(s, userType);
	else if (!pPin)
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = attempt(s, userType, &(struct given){.pin = BYTES(pPin, ulPinLen)}, &status);
	return p11_session_leave(s, rv);
}

/* There is one user and one SO, and they have no names (no value of the standard's is for a name that is not known). */
CK_RV C_LoginUser(CK_SESSION_HANDLE hSession, CK_USER_TYPE userType, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen,
	CK_UTF8CHAR_PTR pUsername, CK_ULONG ulUsernameLen)
{
	struct p11_session *s;
	CK_RV rv;

	if (!ulUsernameLen)
		return C_Login(hSession, userType, pPin, ulPinLen);
	rv = p11_session_enter(hSession, &s);
	if (rv != CKR_OK)
		return rv;
	if (pUsername)
		p11_log("the token's users have no names: C_LoginUser takes none");
	return p11_session_leave(s, CKR_ARGUMENTS_BAD);
}

/* Handles of private objects end with the log-in and do not come back (2.40, 5.6). */
CK_RV C_Logout(CK_SESSION_HANDLE hSession)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_role(s) == UKEY_NOBODY)
		return p11_session_leave(s, CKR_USER_NOT_LOGGED_IN);
	rv = p11_rv(ukey_logout(s->token));
	p11_objects_forget_private(s->slot);
	return p11_session_leave(s, rv);
}
