/* SPDX-License-Identifier: Apache-2.0 */
/* Verification, of signatures and MACs. */
#include "pkcs11/p11.h"

static CK_RV leave(struct p11_session *s, struct p11_operation *op, CK_RV rv)
{
	p11_operation_end(op);
	return p11_session_leave(s, rv);
}

static CK_RV check(struct p11_session *s, struct p11_operation *op, struct bytes data, CK_BYTE *signature, CK_ULONG len)
{
	const struct p11_scheme *scheme = op->mechanism->scheme;
	CK_RV rv = p11_operation_owned(s, op);

	if (rv != CKR_OK)
		return rv;
	if (p11_bad_input(signature, len))
		return CKR_ARGUMENTS_BAD;
	if (len != scheme->size(op))
		return CKR_SIGNATURE_LEN_RANGE;
	if (data.len)
		rv = scheme->update(op, data);
	return rv == CKR_OK ? scheme->check(op, BYTES(signature, len)) : rv;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_VERIFY, pMechanism, hKey);
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG ulSignatureLen)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter(hSession, CKF_VERIFY, &s, &op);

	if (rv != CKR_OK)
		return rv;
	if (op->mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (p11_bad_input(pData, ulDataLen))
		return leave(s, op, CKR_ARGUMENTS_BAD);
	return leave(s, op, check(s, op, BYTES(pData, ulDataLen), pSignature, ulSignatureLen));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	return p11_make_part(hSession, CKF_VERIFY, pPart, ulPartLen, __func__);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter(hSession, CKF_VERIFY, &s, &op);

	return rv == CKR_OK ? leave(s, op, check(s, op, BYTES_NONE, pSignature, ulSignatureLen)) : rv;
}

/* ---- the data out of the signature ---- */

static CK_RV recover(struct p11_operation *op, struct bytes signature, CK_BYTE *out, CK_ULONG *out_len)
{
	uint8_t data[CRYPTO_RSA_BYTES_MAX];
	size_t len = 0;
	CK_RV rv;

	if (!out) {
		*out_len = op->mechanism->scheme->size(op);
		return CKR_OK;
	}
	rv = op->mechanism->scheme->recover(op, signature, data, &len);
	if (rv != CKR_OK)
		return rv;
	if (*out_len < len)
		rv = CKR_BUFFER_TOO_SMALL;
	else
		bytes_copy(out, BYTES(data, len));
	*out_len = len;
	return rv;
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_VERIFY_RECOVER, pMechanism, hKey);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen, CK_BYTE_PTR pData,
	CK_ULONG_PTR pulDataLen)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter(hSession, CKF_VERIFY_RECOVER, &s, &op);

	if (rv != CKR_OK)
		return rv;
	if (!pulDataLen || p11_bad_input(pSignature, ulSignatureLen))
		return leave(s, op, CKR_ARGUMENTS_BAD);
	return p11_operation_leave(s, op, pData, recover(op, BYTES(pSignature, ulSignatureLen), pData, pulDataLen));
}
