/* SPDX-License-Identifier: Apache-2.0 */
/* What a token is, and its randomness. */
#include "pkcs11/p11.h"
#include "pkcs11/prompt.h"

#include <string.h>

/* AES-256, as text */
#define MANAGEMENT_KEY_MAX 64

static CK_FLAGS pin_flags(const struct ukey_pin_info *pin, CK_FLAGS low, CK_FLAGS final, CK_FLAGS locked)
{
	/* Also when nobody knows how many there are. */
	if (!pin->exists || pin->tries_left >= pin->tries_max)
		return 0;
	if (!pin->tries_left)
		return low | locked;
	return low | (pin->tries_left == 1 ? final : 0);
}

static CK_FLAGS token_flags(const struct ukey_token_info *info)
{
	CK_FLAGS flags = CKF_LOGIN_REQUIRED | CKF_DUAL_CRYPTO_OPERATIONS;

	/* PIV has no command for it. */
	if (info->application == UKEY_APPLICATION_OWN)
		flags |= CKF_RNG;
	if (info->life_cycle == UKEY_INITIALISED || info->life_cycle == UKEY_OPERATIONAL)
		flags |= CKF_TOKEN_INITIALIZED;
	if (info->life_cycle == UKEY_TERMINATED)
		flags |= CKF_ERROR_STATE | CKF_WRITE_PROTECTED;
	if (info->user_pin.exists)
		flags |= CKF_USER_PIN_INITIALIZED;
	if (info->user_pin.must_change)
		flags |= CKF_USER_PIN_TO_BE_CHANGED;
	if (info->so_pin.must_change)
		flags |= CKF_SO_PIN_TO_BE_CHANGED;
	if (p11_prompt_on())
		flags |= CKF_PROTECTED_AUTHENTICATION_PATH;
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
	/* The SO's is the management key in hexadecimal. */
	if (info->application == UKEY_APPLICATION_PIV)
		out->ulMaxPinLen = MANAGEMENT_KEY_MAX;
	out->ulMinPinLen = info->pin_min ? info->pin_min : 6;
	/* Public and private objects share one flash. */
	out->ulTotalPublicMemory = out->ulTotalPrivateMemory = info->total_bytes;
	out->ulFreePublicMemory = out->ulFreePrivateMemory = info->free_bytes;
	out->firmwareVersion = (CK_VERSION){info->firmware[0], info->firmware[1]};
}

void p11_token_look(struct ukey_token *token, struct ukey_token_info *info)
{
	ukey_token_info(token, info);
	if (info->life_cycle != UKEY_BLANK && info->life_cycle != UKEY_INITIALISED)
		return;
	p11_rv(ukey_token_reload(token));
	ukey_token_info(token, info);
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
	p11_token_look(token, &info);
	ukey_token_unref(token);
	fill(&info, pInfo);
	p11_lock();
	p11_sessions_count(slot, &pInfo->ulSessionCount, &pInfo->ulRwSessionCount);
	p11_unlock();
	return p11_leave(CKR_OK);
}

/* ---- randomness ---- */

/* The token's generator takes no seed. */
CK_RV C_SeedRandom(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSeed, CK_ULONG ulSeedLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_bad_input(pSeed, ulSeedLen) ? CKR_ARGUMENTS_BAD
				    : p11_is_piv(s->token)          ? CKR_RANDOM_NO_RNG
								    : CKR_RANDOM_SEED_NOT_SUPPORTED);
}

static CK_RV random_of(struct ukey_token *token, CK_BYTE_PTR out, CK_ULONG len)
{
	const enum ukey_status status = ukey_random(token, out, len);

	return status == UKEY_NOT_SUPPORTED ? CKR_RANDOM_NO_RNG : p11_rv(status);
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
		rv = random_of(s->token, pRandomData, ulRandomLen);
	return p11_session_leave(s, rv);
}
