/* SPDX-License-Identifier: Apache-2.0 */
/* Message digests, on the host. */
#include "pkcs11/p11.h"

static CK_RV finish(struct p11_operation *op, struct bytes data, CK_BYTE *out, CK_ULONG *out_len)
{
	size_t need = crypto_hash_size(op->mechanism->hash), len = 0;
	CK_RV rv;

	if (!out || *out_len < need) {
		*out_len = need;
		return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	rv = p11_operation_digest(op, data, out, &len);
	if (rv == CKR_OK)
		*out_len = len;
	return rv;
}

static CK_RV leave(struct p11_session *s, const void *out, CK_RV rv)
{
	if (!(rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && !out)))
		p11_operation_end(&s->digest);
	return p11_session_leave(s, rv);
}

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_operation_init(s, &s->digest, CKF_DIGEST, pMechanism, CK_INVALID_HANDLE));
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pDigest,
	CK_ULONG_PTR pulDigestLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->digest.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (s->digest.mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!pulDigestLen || p11_bad_input(pData, ulDataLen))
		return leave(s, NULL, CKR_ARGUMENTS_BAD);
	return leave(s, pDigest, finish(&s->digest, BYTES(pData, ulDataLen), pDigest, pulDigestLen));
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->digest.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	rv = p11_operation_update(&s->digest, pPart, ulPartLen, 0);
	return leave(s, NULL, rv);
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->digest.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulDigestLen)
		return leave(s, NULL, CKR_ARGUMENTS_BAD);
	return leave(s, pDigest, finish(&s->digest, BYTES_NONE, pDigest, pulDigestLen));
}
