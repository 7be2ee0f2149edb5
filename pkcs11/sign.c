/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and MACs. */
#include "pkcs11/p11.h"

static CK_RV leave(struct p11_session *s, struct p11_operation *op, const void *out, CK_RV rv)
{
	p11_operation_settle(op, out, rv);
	return p11_session_leave(s, rv);
}

/* C_Sign and C_SignRecover: all of the data at once. */
static CK_RV at_once(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR out,
	CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_session_enter_from(session, &s, function);

	if (rv != CKR_OK)
		return rv;
	op = p11_operation_of(s, use);
	if (!op->mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (op->mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!out_len || p11_bad_input(data, data_len))
		return leave(s, op, NULL, CKR_ARGUMENTS_BAD);
	return leave(s, op, out, p11_operation_make(s, op, BYTES(data, data_len), out, out_len));
}

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_SIGN, pMechanism, hKey);
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG_PTR pulSignatureLen)
{
	return at_once(hSession, CKF_SIGN, pData, ulDataLen, pSignature, pulSignatureLen, __func__);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->sign.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	return leave(s, &s->sign, NULL, p11_operation_update(&s->sign, pPart, ulPartLen));
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->sign.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulSignatureLen)
		return leave(s, &s->sign, NULL, CKR_ARGUMENTS_BAD);
	rv = p11_operation_make(s, &s->sign, BYTES_NONE, pSignature, pulSignatureLen);
	return leave(s, &s->sign, pSignature, rv);
}

/* The same operation of the key: what differs is that the data can be had back from the signature. */
CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_SIGN_RECOVER, pMechanism, hKey);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG_PTR pulSignatureLen)
{
	return at_once(hSession, CKF_SIGN_RECOVER, pData, ulDataLen, pSignature, pulSignatureLen, __func__);
}
