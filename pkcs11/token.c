/* SPDX-License-Identifier: Apache-2.0 */
/* What a token is, its PINs, and its randomness. */
#include "pkcs11/p11.h"

#include <string.h>

/* Below this many tries left, unlocking through C_SetPIN never spends one of the SO PIN's. */
#define SO_TRIES_KEPT 3

static CK_FLAGS pin_flags(const struct ukey_pin_info *pin, CK_FLAGS low, CK_FLAGS final, CK_FLAGS locked)
{
	if (!pin->exists || pin->tries_left >= pin->tries_max)
		return 0;
	if (!pin->tries_left)
		return low | locked;
	return low | (pin->tries_left == 1 ? final : 0);
}

static CK_FLAGS token_flags(const struct ukey_token_info *info)
{
	CK_FLAGS flags = CKF_RNG | CKF_LOGIN_REQUIRED;

	if (info->life_cycle == UKEY_INITIALISED || info->life_cycle == UKEY_OPERATIONAL)
		flags |= CKF_TOKEN_INITIALIZED;
	if (info->life_cycle == UKEY_TERMINATED)
		flags |= CKF_ERROR_STATE | CKF_WRITE_PROTECTED;
	if (info->user_pin.exists)
		flags |= CKF_USER_PIN_INITIALIZED;
	flags |= pin_flags(&info->user_pin, CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED);
	flags |= pin_flags(&info->so_pin, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED);
	return flags;
}

static void fill(const struct ukey_token_info *info, CK_TOKEN_INFO *out)
{
	memset(out, 0, sizeof(*out));
	p11_pad(out->label, sizeof(out->label), info->label);
	p11_pad(out->manufacturerID, sizeof(out->manufacturerID), info->manufacturer);
	p11_pad(out->model, sizeof(out->model), info->model);
	p11_pad(out->serialNumber, sizeof(out->serialNumber), info->serial);
	p11_pad(out->utcTime, sizeof(out->utcTime), "");
	out->flags = token_flags(info);
	out->ulMaxSessionCount = CK_EFFECTIVELY_INFINITE;
	out->ulMaxRwSessionCount = CK_EFFECTIVELY_INFINITE;
	out->ulMaxPinLen = info->pin_max ? info->pin_max : 32;
	out->ulMinPinLen = info->pin_min ? info->pin_min : 6;
	/* Public and private objects share one flash. */
	out->ulTotalPublicMemory = out->ulTotalPrivateMemory = info->total_bytes;
	out->ulFreePublicMemory = out->ulFreePrivateMemory = info->free_bytes;
	out->firmwareVersion = (CK_VERSION){info->firmware[0], info->firmware[1]};
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slotID, CK_TOKEN_INFO_PTR pInfo)
{
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	struct ukey_token_info info;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pInfo)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, &token);
	if (rv != CKR_OK)
		return p11_leave(rv);
	ukey_token_info(token, &info);
	ukey_token_unref(token);
	fill(&info, pInfo);
	p11_lock();
	p11_sessions_count(slot, &pInfo->ulSessionCount, &pInfo->ulRwSessionCount);
	p11_unlock();
	return p11_leave(CKR_OK);
}

/* ---- PINs ---- */

/* A new PIN of a length that the token's policy does not allow; the token would say only that something is wrong. */
static bool bad_length(const struct ukey_token_info *info, size_t len)
{
	size_t min = info->pin_min ? info->pin_min : 6, max = info->pin_max ? info->pin_max : 32;

	return len < min || len > max;
}

static CK_RV init_token(struct p11_slot *slot, struct ukey_token *token, const CK_UTF8CHAR *pin, CK_ULONG len,
	const CK_UTF8CHAR *label_field)
{
	char label[33] = "";
	struct ukey_initialize how = {.label = label, .so_pin = pin, .so_len = len};
	struct ukey_token_info info;
	CK_ULONG all, rw;
	size_t n = 32;

	p11_lock();
	p11_sessions_count(slot, &all, &rw);
	p11_unlock();
	if (all)
		return CKR_SESSION_EXISTS;
	while (n && (label_field[n - 1] == ' ' || label_field[n - 1] == 0))
		n--;
	memcpy(label, label_field, n);
	ukey_token_info(token, &info);
	if (info.life_cycle == UKEY_BLANK) {
		if (bad_length(&info, len))
			return CKR_PIN_LEN_RANGE;
	} else {
		/* The SO PIN is checked, and stays. */
		how.present_so_pin = pin;
		how.present_so_len = len;
	}
	return p11_rv(ukey_initialize(token, &how));
}

CK_RV C_InitToken(CK_SLOT_ID slotID, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen, CK_UTF8CHAR_PTR pLabel)
{
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pPin || !pLabel)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, &token);
	if (rv != CKR_OK)
		return p11_leave(rv);
	pthread_mutex_lock(&slot->gate);
	rv = init_token(slot, token, pPin, ulPinLen, pLabel);
	pthread_mutex_unlock(&slot->gate);
	if (rv == CKR_DEVICE_REMOVED)
		p11_slot_vanished(slot, token);
	ukey_token_unref(token);
	return p11_leave(rv);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pPin, CK_ULONG ulPinLen)
{
	struct p11_session *s;
	struct ukey_token_info info;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	ukey_token_info(s->token, &info);
	if (!pPin)
		rv = CKR_ARGUMENTS_BAD;
	else if (!p11_session_rw(s))
		rv = CKR_SESSION_READ_ONLY;
	else if (info.role != UKEY_SO)
		rv = CKR_USER_NOT_LOGGED_IN;
	else if (bad_length(&info, ulPinLen))
		rv = CKR_PIN_LEN_RANGE;
	else
		rv = p11_rv(ukey_set_user_pin(s->token, pPin, ulPinLen));
	return p11_session_leave(s, rv);
}

/*
 * The PIN of who is logged in, or of the user when nobody is (2.40, 5.5).
 *
 * A locked user PIN has no answer in the standard but CKR_PIN_LOCKED. Programs unlock here with an unblocking PIN as
 * the old one (pkcs11-tool --unlock-pin --puk). So in a public session, with the user PIN locked, and only then, the
 * old PIN is tried as the SO PIN. A holder who merely does not know that the PIN is locked spends tries of the SO PIN
 * that way: never its last three.
 */
static CK_RV set_pin(
	struct p11_session *s, const CK_UTF8CHAR *old, CK_ULONG old_len, const CK_UTF8CHAR *new, CK_ULONG new_len)
{
	struct ukey_token_info info;
	enum ukey_status status;

	ukey_token_info(s->token, &info);
	if (info.role != UKEY_SO && !info.user_pin.exists)
		return CKR_USER_PIN_NOT_INITIALIZED;
	if (bad_length(&info, new_len))
		return CKR_PIN_LEN_RANGE;
	if (old_len < 6 || old_len > 32)
		return CKR_PIN_INCORRECT;
	if (info.role != UKEY_NOBODY || info.user_pin.tries_left) {
		status = ukey_change_pin(
			s->token, info.role == UKEY_SO ? UKEY_SO : UKEY_USER, old, old_len, new, new_len);
	} else {
		if (info.so_pin.tries_left <= SO_TRIES_KEPT)
			return CKR_PIN_LOCKED;
		status = ukey_unlock_pin(s->token, old, old_len, new, new_len);
	}
	/* To the token a changed PIN is a log-in; to PKCS#11 it is not. */
	if (status == UKEY_OK && info.role == UKEY_NOBODY && p11_role(s) != UKEY_NOBODY)
		ukey_logout(s->token);
	return p11_rv(status);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE hSession, CK_UTF8CHAR_PTR pOldPin, CK_ULONG ulOldLen, CK_UTF8CHAR_PTR pNewPin,
	CK_ULONG ulNewLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pOldPin || !pNewPin)
		rv = CKR_ARGUMENTS_BAD;
	else if (!p11_session_rw(s))
		rv = CKR_SESSION_READ_ONLY;
	else
		rv = p11_session_gate(s);
	if (rv == CKR_OK) {
		rv = set_pin(s, pOldPin, ulOldLen, pNewPin, ulNewLen);
		pthread_mutex_unlock(&s->slot->gate);
	}
	return p11_session_leave(s, rv);
}

/* ---- randomness ---- */

/* The token's generator takes no seed. */
CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(
		s, p11_bad_input(pSeed, ulSeedLen) ? CKR_ARGUMENTS_BAD : CKR_RANDOM_SEED_NOT_SUPPORTED);
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pRandomData, CK_ULONG ulRandomLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_bad_input(pRandomData, ulRandomLen))
		rv = CKR_ARGUMENTS_BAD;
	else if (ulRandomLen)
		rv = p11_rv(ukey_random(s->token, pRandomData, ulRandomLen));
	return p11_session_leave(s, rv);
}
