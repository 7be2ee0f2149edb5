/* SPDX-License-Identifier: Apache-2.0 */
/* Encryption and decryption: the same calls in two directions, and those that do two things with one part. */
#include "pkcs11/p11.h"

/* All at once. */
static CK_RV at_once(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR in, CK_ULONG in_len, CK_BYTE_PTR out,
	CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	if (op->mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!out_len || p11_bad_input(in, in_len))
		return p11_operation_leave(s, op, NULL, CKR_ARGUMENTS_BAD);
	return p11_operation_leave(s, op, out, p11_operation_crypt(s, op, BYTES(in, in_len), true, out, out_len));
}

/*
 * One more part. `beside`: a digest, signature or verification (CKF_DIGEST ...) that takes the plaintext, too; 0: none.
 * An encryption feeds it with what goes in, a decryption with what comes out.
 */
static CK_RV one_part(struct p11_session *s, struct p11_operation *op, struct p11_operation *beside, struct bytes in,
	CK_BYTE_PTR out, CK_ULONG_PTR out_len)
{
	CK_ULONG room = 0;
	CK_RV rv = CKR_OK;

	/* Before the ciphertext takes its place, and only if there is room for that. */
	if (beside && out && !p11_decrypts(op)) {
		rv = p11_operation_crypt(s, op, in, false, NULL, &room);
		if (rv == CKR_OK && *out_len >= room)
			rv = p11_operation_update(beside, in.data, in.len);
	}
	if (rv == CKR_OK)
		rv = p11_operation_crypt(s, op, in, false, out, out_len);
	if (rv != CKR_OK || !out)
		return rv;
	op->mode = P11_MULTI;
	return beside && p11_decrypts(op) ? p11_operation_update(beside, out, *out_len) : CKR_OK;
}

static CK_RV part(CK_SESSION_HANDLE session, CK_FLAGS use, CK_FLAGS beside, CK_BYTE_PTR in, CK_ULONG in_len,
	CK_BYTE_PTR out, CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op, *other;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	other = p11_operation_of(s, beside);
	if (other && !other->mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!out_len || p11_bad_input(in, in_len))
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = one_part(s, op, other, BYTES(in, in_len), out, out_len);
	if (other)
		p11_operation_settle(other, NULL, rv);
	return p11_operation_leave(s, op, NULL, rv);
}

static CK_RV last_part(
	CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR out, CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	if (!out_len)
		return p11_operation_leave(s, op, NULL, CKR_ARGUMENTS_BAD);
	return p11_operation_leave(s, op, out, p11_operation_crypt(s, op, BYTES_NONE, true, out, out_len));
}

/* ---- calls ---- */

CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_ENCRYPT, pMechanism, hKey);
}

CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pEncryptedData,
	CK_ULONG_PTR pulEncryptedDataLen)
{
	return at_once(hSession, CKF_ENCRYPT, pData, ulDataLen, pEncryptedData, pulEncryptedDataLen, __func__);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart,
	CK_ULONG_PTR pulEncryptedPartLen)
{
	return part(hSession, CKF_ENCRYPT, 0, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen, __func__);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart, CK_ULONG_PTR pulLastEncryptedPartLen)
{
	return last_part(hSession, CKF_ENCRYPT, pLastEncryptedPart, pulLastEncryptedPartLen, __func__);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_DECRYPT, pMechanism, hKey);
}

CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedData, CK_ULONG ulEncryptedDataLen, CK_BYTE_PTR pData,
	CK_ULONG_PTR pulDataLen)
{
	return at_once(hSession, CKF_DECRYPT, pEncryptedData, ulEncryptedDataLen, pData, pulDataLen, __func__);
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen,
	CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
	return part(hSession, CKF_DECRYPT, 0, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen, __func__);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart, CK_ULONG_PTR pulLastPartLen)
{
	return last_part(hSession, CKF_DECRYPT, pLastPart, pulLastPartLen, __func__);
}

/* ---- two at once (2.40, 5.13) ---- */

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen,
	CK_BYTE_PTR pEncryptedPart, CK_ULONG_PTR pulEncryptedPartLen)
{
	return part(hSession, CKF_ENCRYPT, CKF_DIGEST, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen, __func__);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen,
	CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
	return part(hSession, CKF_DECRYPT, CKF_DIGEST, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen, __func__);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart,
	CK_ULONG_PTR pulEncryptedPartLen)
{
	return part(hSession, CKF_ENCRYPT, CKF_SIGN, pPart, ulPartLen, pEncryptedPart, pulEncryptedPartLen, __func__);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen,
	CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
	return part(hSession, CKF_DECRYPT, CKF_VERIFY, pEncryptedPart, ulEncryptedPartLen, pPart, pulPartLen, __func__);
}
