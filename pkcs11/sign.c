/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures and MACs. */
#include "pkcs11/p11.h"

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_SIGN, pMechanism, hKey);
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG_PTR pulSignatureLen)
{
	return p11_make_at_once(hSession, CKF_SIGN, pData, ulDataLen, pSignature, pulSignatureLen, __func__);
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	return p11_make_part(hSession, CKF_SIGN, pPart, ulPartLen, __func__);
}

CK_RV C_SignFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG_PTR pulSignatureLen)
{
	return p11_make_last(hSession, CKF_SIGN, pSignature, pulSignatureLen, __func__);
}

/* The same operation of the key: what differs is that the data can be had back from the signature. */
CK_RV C_SignRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_SIGN_RECOVER, pMechanism, hKey);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG_PTR pulSignatureLen)
{
	return p11_make_at_once(hSession, CKF_SIGN_RECOVER, pData, ulDataLen, pSignature, pulSignatureLen, __func__);
}
