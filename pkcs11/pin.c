/* SPDX-License-Identifier: Apache-2.0 */
/* PINs are set and changed: C_InitToken, C_InitPIN, C_SetPIN. */
#include "pkcs11/p11.h"
#include "pkcs11/prompt.h"

#include <string.h>

/* Below this many tries left, unlocking through C_SetPIN never spends one of the SO PIN's. */
#define SO_TRIES_KEPT 3
/* A PUK has three, as a rule, and is for nothing else than this. */
#define PUK_TRIES_KEPT 1
#define PUK_LENGTH     8

/* Of a length that the token's policy does not allow; the token would say only that something is wrong. */
static bool bad_length(const struct ukey_token_info *info, size_t len)
{
	size_t min = info->pin_min ? info->pin_min : 6, max = info->pin_max ? info->pin_max : 32;

	return len < min || len > max;
}

/* ---- C_InitToken ------------------------------------------------------------------------------------------------- */

static CK_RV no_sessions(struct p11_slot *slot)
{
	CK_ULONG all, rw;

	p11_lock();
	p11_sessions_count(slot, &all, &rw);
	p11_unlock();
	return all ? CKR_SESSION_EXISTS : CKR_OK;
}

static CK_RV init_token_gated(struct p11_slot *slot, struct ukey_token *token, struct bytes pin,
	const CK_UTF8CHAR *label_field, enum ukey_status *status)
{
	char label[33] = "";
	struct ukey_initialize how = {.label = label, .so_pin = pin.data, .so_len = pin.len};
	struct ukey_token_info info;
	size_t n = 32;
	CK_RV rv = no_sessions(slot);

	*status = UKEY_OK;
	if (rv != CKR_OK)
		return rv;
	if (p11_is_piv(token)) {
		p11_log("a PIV card is not initialised: it comes from its issuer with its codes set");
		return CKR_TOKEN_WRITE_PROTECTED;
	}
	while (n && (label_field[n - 1] == ' ' || label_field[n - 1] == 0))
		n--;
	memcpy(label, label_field, n);
	ukey_token_info(token, &info);
	/* The SO PIN is checked, and stays; a blank token gets it. */
	if (info.life_cycle != UKEY_BLANK) {
		how.present_so_pin = pin.data;
		how.present_so_len = pin.len;
	}
	*status = bad_length(&info, pin.len) ? UKEY_PIN_LENGTH : ukey_initialize(token, &how);
	return p11_rv(*status);
}

static CK_RV init_token(struct p11_slot *slot, struct ukey_token *token, struct bytes pin,
	const CK_UTF8CHAR *label_field, enum ukey_status *status)
{
	CK_RV rv;

	*status = UKEY_OK;
	pthread_mutex_lock(&slot->gate);
	rv = init_token_gated(slot, token, pin, label_field, status);
	pthread_mutex_unlock(&slot->gate);
	return rv;
}

static CK_RV ask_and_init_token(struct p11_slot *slot, struct ukey_token *token, const CK_UTF8CHAR *label_field)
{
	struct p11_prompt *p;
	struct ukey_token_info info;
	enum ukey_status status;
	struct bytes pin;
	bool ignored;
	CK_RV rv = p11_prompt_begin(&p, slot, token, NULL);

	if (rv == CKR_OK)
		rv = no_sessions(slot);
	ukey_token_info(token, &info);
	if (rv == CKR_OK)
		do {
			rv = p11_prompt_pin(p, info.life_cycle == UKEY_BLANK ? P11_ASK_NEW_SO : P11_ASK_ERASE, &pin);
			if (rv != CKR_OK)
				break;
			rv = init_token(slot, token, pin, label_field, &status);
		} while (p11_prompt_again(p, status, &ignored, &rv));
	return p11_prompt_end(p, rv);
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pLabel)
{
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	enum ukey_status status;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if ((!pPin && !p11_prompt_on()) || !pLabel)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, &token);
	if (rv != CKR_OK)
		return p11_leave(rv);
	if (pPin)
		rv = init_token(slot, token, BYTES(pPin, ulPinLen), pLabel, &status);
	else
		rv = ask_and_init_token(slot, token, pLabel);
	if (rv == CKR_DEVICE_REMOVED)
		p11_slot_vanished(slot, token);
	ukey_token_unref(token);
	return p11_leave(rv);
}

/* ---- C_InitPIN --------------------------------------------------------------------------------------------------- */

/* The session is locked. */
static CK_RV may_init_pin(struct p11_session *s)
{
	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	if (p11_role(s) != UKEY_SO)
		return CKR_USER_NOT_LOGGED_IN;
	if (!p11_is_piv(s->token))
		return CKR_OK;
	p11_log("a PIV card's PIN is set with its PUK, not with the management key: C_SetPIN while it is blocked, or "
		"ukey pin unlock");
	return CKR_FUNCTION_FAILED;
}

static CK_RV init_pin(struct p11_session *s, struct bytes pin, enum ukey_status *status)
{
	struct ukey_token_info info;
	CK_RV rv = may_init_pin(s);

	*status = UKEY_OK;
	if (rv != CKR_OK)
		return rv;
	ukey_token_info(s->token, &info);
	*status = bad_length(&info, pin.len) ? UKEY_PIN_LENGTH : ukey_set_user_pin(s->token, pin.data, pin.len);
	return p11_rv(*status);
}

/* The gate: not while another thread logs the SO out by closing the last session. */
static CK_RV init_pin_unlocked(struct p11_session *s, struct bytes pin, enum ukey_status *status)
{
	CK_RV rv;

	*status = UKEY_OK;
	pthread_mutex_lock(&s->lock);
	rv = p11_session_gate(s);
	if (rv == CKR_OK) {
		rv = init_pin(s, pin, status);
		pthread_mutex_unlock(&s->slot->gate);
	}
	pthread_mutex_unlock(&s->lock);
	return rv;
}

static CK_RV ask_and_init_pin(struct p11_session *s)
{
	struct p11_prompt *p;
	enum ukey_status status;
	struct bytes pin;
	bool ignored;
	CK_RV rv = may_init_pin(s);

	if (rv != CKR_OK)
		return rv;
	rv = p11_prompt_begin(&p, s->slot, s->token, s);
	if (rv == CKR_OK)
		do {
			rv = p11_prompt_pin(p, P11_ASK_NEW_USER, &pin);
			if (rv != CKR_OK)
				break;
			rv = init_pin_unlocked(s, pin, &status);
		} while (p11_prompt_again(p, status, &ignored, &rv));
	return p11_prompt_end(p, rv);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen)
{
	struct p11_session *s;
	enum ukey_status status;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (pPin)
		rv = init_pin(s, BYTES(pPin, ulPinLen), &status);
	else
		rv = p11_prompt_on() ? ask_and_init_pin(s) : CKR_ARGUMENTS_BAD;
	return p11_session_leave(s, rv);
}

/* ---- C_SetPIN: the PIN of who is logged in, or of the user when nobody is (2.40, 5.5) -----------------------------
 */

/* To the token a changed PIN is a log-in; to PKCS#11 it is not. Nobody shall see it, and nothing of it shall stay. */
static enum ukey_status change_unseen(struct p11_session *s, struct bytes old, struct bytes new)
{
	struct ukey_token_info info;
	enum ukey_status status;

	atomic_store(&s->slot->changing, true);
	status = ukey_change_pin(s->token, UKEY_USER, old.data, old.len, new.data, new.len);
	ukey_token_info(s->token, &info);
	if (info.role != UKEY_NOBODY && ukey_logout(s->token) != UKEY_OK)
		ukey_token_idle(s->token);
	atomic_store(&s->slot->changing, false);
	return status;
}

/*
 * A locked user PIN has no answer in the standard but CKR_PIN_LOCKED. Programs unlock here with an unblocking PIN as
 * the old one (pkcs11-tool --unlock-pin --puk). So in a public session, with the user PIN locked, and only then, the
 * old PIN is tried as the SO PIN. A holder who merely does not know that the PIN is locked spends tries of the SO PIN
 * that way: never its last three.
 */
static enum ukey_status change_or_unlock(struct p11_session *s, struct bytes old, struct bytes new)
{
	enum ukey_status status;
	struct ukey_token_info info;

	ukey_token_info(s->token, &info);
	if (info.role != UKEY_NOBODY)
		return ukey_change_pin(s->token, info.role, old.data, old.len, new.data, new.len);
	if (info.user_pin.tries_left) {
		status = change_unseen(s, old, new);
		/* That its PIN is locked, a PIV card has now said for the first time, maybe to somebody with its PUK.
		 */
		if (status != UKEY_PIN_BLOCKED || info.application != UKEY_APPLICATION_PIV || old.len != PUK_LENGTH)
			return status;
		ukey_token_info(s->token, &info);
	}
	if (info.so_pin.tries_left <= (info.application == UKEY_APPLICATION_PIV ? PUK_TRIES_KEPT : SO_TRIES_KEPT))
		return UKEY_PIN_BLOCKED;
	return ukey_unlock_pin(s->token, old.data, old.len, new.data, new.len);
}

/*
 * Asked for by ourselves, the old PIN is that of who was logged in when the window opened, and is tried as nothing
 * else. A wrong one has ended that log-in; the right one brings it back.
 */
static enum ukey_status change_asked(struct p11_session *s, enum ukey_role role, struct bytes old, struct bytes new)
{
	if (role == UKEY_NOBODY)
		return change_unseen(s, old, new);
	return ukey_change_pin(s->token, role, old.data, old.len, new.data, new.len);
}

static CK_RV may_set_pin(struct p11_session *s)
{
	struct ukey_token_info info;

	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	ukey_token_info(s->token, &info);
	if (info.role == UKEY_SO && info.application == UKEY_APPLICATION_PIV) {
		p11_log("the management key of a PIV card is not changed here; its maker's tool does that");
		return CKR_FUNCTION_FAILED;
	}
	return info.role != UKEY_SO && !info.user_pin.exists ? CKR_USER_PIN_NOT_INITIALIZED : CKR_OK;
}

/* The session is locked. `asked`: the role, NULL when the application gave the PINs. */
static CK_RV set_pin(struct p11_session *s, struct bytes old, struct bytes new, const enum ukey_role *asked,
	enum ukey_status *status)
{
	struct ukey_token_info info;
	CK_RV rv = p11_session_gate(s);

	*status = UKEY_OK;
	if (rv != CKR_OK)
		return rv;
	rv = may_set_pin(s);
	ukey_token_info(s->token, &info);
	if (rv == CKR_OK) {
		if (bad_length(&info, new.len))
			*status = UKEY_PIN_LENGTH;
		else if (bad_length(&info, old.len))
			/* It cannot be the right one, and costs no try. */
			*status = UKEY_PIN_INCORRECT;
		else
			*status = asked ? change_asked(s, *asked, old, new) : change_or_unlock(s, old, new);
		rv = p11_rv(*status);
	}
	pthread_mutex_unlock(&s->slot->gate);
	return rv;
}

static CK_RV converse(struct p11_prompt *p, struct p11_session *s, enum ukey_role role)
{
	const bool so = role == UKEY_SO;
	struct bytes old = BYTES_NONE, new = BYTES_NONE;
	enum ukey_status status;
	bool present = true;
	CK_RV rv;

	do {
		rv = CKR_OK;
		if (present)
			rv = p11_prompt_pin(p, so ? P11_ASK_OLD_SO : P11_ASK_OLD_USER, &old);
		if (rv == CKR_OK && (!present || !new.len))
			rv = p11_prompt_pin(p, so ? P11_ASK_NEW_SO : P11_ASK_NEW_USER, &new);
		if (rv != CKR_OK)
			return rv;
		pthread_mutex_lock(&s->lock);
		rv = set_pin(s, old, new, &role, &status);
		pthread_mutex_unlock(&s->lock);
	} while (p11_prompt_again(p, status, &present, &rv));
	return rv;
}

static CK_RV ask_and_set_pin(struct p11_session *s)
{
	struct p11_prompt *p;
	const enum ukey_role role = p11_role(s);
	bool present;
	CK_RV rv = may_set_pin(s);

	if (rv != CKR_OK)
		return rv;
	rv = p11_prompt_begin(&p, s->slot, s->token, s);
	if (rv == CKR_OK) {
		enum ukey_status status = p11_blocked(s->token, role == UKEY_SO ? UKEY_SO : UKEY_USER);

		rv = p11_rv(status);
		if (status == UKEY_OK)
			rv = converse(p, s, role);
		else
			p11_prompt_again(p, status, &present, &rv);
	}
	return p11_prompt_end(p, rv);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR_PTR pNewPin,
	CK_ULONG ulNewLen)
{
	struct p11_session *s;
	enum ukey_status status;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pOldPin && !pNewPin && p11_prompt_on())
		rv = ask_and_set_pin(s);
	else if (!pOldPin || !pNewPin)
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = set_pin(s, BYTES(pOldPin, ulOldLen), BYTES(pNewPin, ulNewLen), NULL, &status);
	return p11_session_leave(s, rv);
}
