/* SPDX-License-Identifier: Apache-2.0 */
/* Signatures, made on the token: one command each. */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/rsa_pad.h"

size_t p11_signature_size(const struct p11_key *key)
{
	return key->public.type == CRYPTO_RSA ? key->public.modulus.len : 2 * crypto_field_size(key->public.type);
}

/* The longest input of a mechanism that does not hash. */
size_t p11_input_max(const struct p11_operation *op)
{
	size_t k = op->key.public.modulus.len;

	switch (op->mechanism->scheme) {
	case P11_RSA_PKCS1:
		return k - RSA_PAD_PKCS1_OVERHEAD;
	case P11_RSA_PSS:
		return crypto_hash_size(op->hash);
	case P11_ECDSA:
		/* Any length; what is longer than the curve's order is cut (2.40 mechanisms, 2.3.1). */
		return 1024;
	default:
		return k;
	}
}

CK_RV p11_input_check(const struct p11_operation *op, size_t len)
{
	if (len > p11_input_max(op))
		return CKR_DATA_LEN_RANGE;
	if (op->mechanism->scheme == P11_RSA_PSS && len != crypto_hash_size(op->hash))
		return CKR_DATA_LEN_RANGE;
	if (op->mechanism->scheme == P11_ECDSA && !len)
		return CKR_DATA_LEN_RANGE;
	return CKR_OK;
}

/* An RSA block: zeros in front of what is shorter than the modulus. */
static struct bytes rsa_block(struct bytes in, size_t k, uint8_t *store)
{
	bytes_fill(store, 0, k - in.len);
	if (in.len)
		bytes_move(store + k - in.len, in.data, in.len);
	return BYTES(store, k);
}

static CK_RV on_token(struct p11_session *s, struct p11_operation *op, struct bytes in, uint8_t *out, size_t *len)
{
	static const enum ukey_padding paddings[] = {
		[P11_RSA_PKCS1] = UKEY_PKCS1,
		[P11_RSA_RAW] = UKEY_RAW,
		[P11_RSA_PSS] = UKEY_PSS,
		[P11_ECDSA] = UKEY_ECDSA,
	};
	struct ukey_scheme scheme = p11_operation_scheme(op, paddings[op->mechanism->scheme]);
	uint8_t store[CRYPTO_RSA_BYTES_MAX];
	CK_RV rv;

	rv = p11_key_alive(s, &op->key);
	if (rv != CKR_OK)
		return rv;
	if (op->key.always_authenticate && !p11_operation_authenticated(s, op))
		return CKR_USER_NOT_LOGGED_IN;
	if (op->mechanism->scheme == P11_RSA_RAW)
		in = rsa_block(in, op->key.public.modulus.len, store);
	rv = p11_rv(ukey_sign(s->token, op->key.ref, &scheme, in.data, in.len, out, len));
	bytes_wipe(store, sizeof(store));
	/* Another program deleted it since we looked. */
	return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV finish(struct p11_session *s, struct p11_operation *op, struct bytes data, CK_BYTE *out, CK_ULONG *out_len)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	size_t need = p11_signature_size(&op->key), len = 0;
	CK_RV rv;

	if (!out || *out_len < need) {
		*out_len = need;
		return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	if (op->mechanism->hash) {
		rv = p11_operation_digest(op, data, digest, &len);
		data = BYTES(digest, len);
	} else {
		rv = p11_input_check(op, data.len);
	}
	if (rv != CKR_OK)
		return rv;
	len = *out_len;
	rv = on_token(s, op, data, out, &len);
	if (rv == CKR_OK)
		*out_len = len;
	return rv;
}

/* A length query and a buffer too small leave the operation as it is; everything else ends it (2.40, 5.2). */
static CK_RV leave(struct p11_session *s, const void *out, CK_RV rv)
{
	if (!(rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && !out)))
		p11_operation_end(&s->sign);
	return p11_session_leave(s, rv);
}

CK_RV C_SignInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_operation_init(s, &s->sign, CKF_SIGN, pMechanism, hKey));
}

CK_RV C_Sign(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pSignature,
	CK_ULONG_PTR pulSignatureLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->sign.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (s->sign.mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!pulSignatureLen || p11_bad_input(pData, ulDataLen))
		return leave(s, NULL, CKR_ARGUMENTS_BAD);
	return leave(s, pSignature, finish(s, &s->sign, BYTES(pData, ulDataLen), pSignature, pulSignatureLen));
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->sign.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	rv = p11_operation_update(&s->sign, pPart, ulPartLen, p11_input_max(&s->sign));
	if (rv != CKR_OK)
		p11_operation_end(&s->sign);
	return p11_session_leave(s, rv);
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
		return leave(s, NULL, CKR_ARGUMENTS_BAD);
	rv = finish(s, &s->sign, BYTES(s->sign.input, s->sign.input_len), pSignature, pulSignatureLen);
	return leave(s, pSignature, rv);
}
