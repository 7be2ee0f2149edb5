/* SPDX-License-Identifier: Apache-2.0 */
/* Verification, here on the host: a public key is no secret. */
#include "pkcs11/p11.h"

static CK_RV check(const struct p11_operation *op, struct bytes in, struct bytes signature)
{
	static const enum crypto_scheme_kind kinds[] = {
		[P11_RSA_PKCS1] = CRYPTO_RSA_PKCS1,
		[P11_RSA_RAW] = CRYPTO_RSA_RAW,
		[P11_RSA_PSS] = CRYPTO_RSA_PSS,
		[P11_ECDSA] = CRYPTO_ECDSA,
	};
	struct crypto_scheme scheme = {kinds[op->mechanism->scheme], op->hash, op->mgf, op->salt_len};

	switch (crypto_verify(&op->key.public, &scheme, in, signature)) {
	case CRYPTO_GOOD:
		return CKR_OK;
	case CRYPTO_BAD:
		return CKR_SIGNATURE_INVALID;
	default:
		/* The key and the lengths were looked at before: what is left is memory. */
		return CKR_HOST_MEMORY;
	}
}

static CK_RV finish(struct p11_operation *op, struct bytes data, CK_BYTE *sig, CK_ULONG sig_len)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	size_t len = 0;
	CK_RV rv;

	if (p11_bad_input(sig, sig_len))
		return CKR_ARGUMENTS_BAD;
	if (sig_len != p11_signature_size(&op->key))
		return CKR_SIGNATURE_LEN_RANGE;
	if (op->mechanism->hash) {
		rv = p11_operation_digest(op, data, digest, &len);
		data = BYTES(digest, len);
	} else {
		rv = p11_input_check(op, data.len);
	}
	return rv == CKR_OK ? check(op, data, BYTES(sig, sig_len)) : rv;
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_operation_init(s, &s->verify, CKF_VERIFY, pMechanism, hKey));
}

CK_RV C_Verify(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG ulSignatureLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->verify.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (s->verify.mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (p11_bad_input(pData, ulDataLen))
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = finish(&s->verify, BYTES(pData, ulDataLen), pSignature, ulSignatureLen);
	p11_operation_end(&s->verify);
	return p11_session_leave(s, rv);
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->verify.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	rv = p11_operation_update(&s->verify, pPart, ulPartLen, p11_input_max(&s->verify));
	if (rv != CKR_OK)
		p11_operation_end(&s->verify);
	return p11_session_leave(s, rv);
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pSignature, CK_ULONG ulSignatureLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->verify.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	rv = finish(&s->verify, BYTES(s->verify.input, s->verify.input_len), pSignature, ulSignatureLen);
	p11_operation_end(&s->verify);
	return p11_session_leave(s, rv);
}
