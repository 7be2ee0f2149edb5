/* SPDX-License-Identifier: Apache-2.0 */
/* RSA decryption on the token, and encryption with public keys here on the host. */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/rsa_pad.h"
#include "common/secmem.h"

/* The longest plaintext. */
static size_t plain_max(const struct p11_operation *op)
{
	size_t k = op->key.public.modulus.len, max = 0;

	if (op->mechanism->scheme == P11_RSA_PKCS1)
		return k - RSA_PAD_PKCS1_OVERHEAD;
	if (op->mechanism->scheme == P11_RSA_OAEP)
		return rsa_pad_oaep_message_max(op->hash, k, &max) ? max : 0;
	return k;
}

/* ---- decryption ---- */

static CK_RV on_token(struct p11_session *s, struct p11_operation *op, struct bytes in)
{
	static const enum ukey_padding paddings[] = {
		[P11_RSA_PKCS1] = UKEY_PKCS1,
		[P11_RSA_RAW] = UKEY_RAW,
		[P11_RSA_OAEP] = UKEY_OAEP,
	};
	struct ukey_scheme scheme = p11_operation_scheme(op, paddings[op->mechanism->scheme]);
	size_t len = op->key.public.modulus.len;
	CK_RV rv;

	if (in.len != len)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	rv = p11_key_alive(s, &op->key);
	if (rv != CKR_OK)
		return rv;
	if (op->key.always_authenticate && !p11_operation_authenticated(s, op))
		return CKR_USER_NOT_LOGGED_IN;
	op->result = secmem_alloc(len);
	if (!op->result)
		return CKR_HOST_MEMORY;
	rv = p11_rv(ukey_decrypt(s->token, op->key.ref, &scheme, in.data, in.len, op->result, &len));
	op->result_len = rv == CKR_OK ? len : 0;
	/* Another program deleted it since we looked. */
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		return CKR_KEY_HANDLE_INVALID;
	return rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE ? CKR_ENCRYPTED_DATA_INVALID : rv;
}

/*
 * How long the plaintext is, is known only afterwards. A caller with too little room gets its length and comes again;
 * the result is kept for that, so that the token works (and asks for its button) once.
 */
static CK_RV finish(struct p11_session *s, struct p11_operation *op, struct bytes in, CK_BYTE *out, CK_ULONG *out_len)
{
	CK_RV rv = CKR_OK;

	if (!out) {
		*out_len = op->result ? op->result_len : plain_max(op);
		return CKR_OK;
	}
	if (!op->result)
		rv = on_token(s, op, in);
	if (rv != CKR_OK)
		return rv;
	if (*out_len < op->result_len)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (op->result_len)
		memcpy(out, op->result, op->result_len);
	*out_len = op->result_len;
	return rv;
}

static CK_RV leave(struct p11_session *s, struct p11_operation *op, const void *out, CK_RV rv)
{
	if (!(rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && !out)))
		p11_operation_end(op);
	return p11_session_leave(s, rv);
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_operation_init(s, &s->decrypt, CKF_DECRYPT, pMechanism, hKey));
}

CK_RV C_Decrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedData, CK_ULONG ulEncryptedDataLen, CK_BYTE_PTR pData,
	CK_ULONG_PTR pulDataLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->decrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (s->decrypt.mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!pulDataLen || p11_bad_input(pEncryptedData, ulEncryptedDataLen))
		return leave(s, &s->decrypt, NULL, CKR_ARGUMENTS_BAD);
	rv = finish(s, &s->decrypt, BYTES(pEncryptedData, ulEncryptedDataLen), pData, pulDataLen);
	return leave(s, &s->decrypt, pData, rv);
}

/* RSA knows one block only: the parts are collected, and what comes out comes out at the end. */
CK_RV C_DecryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pEncryptedPart, CK_ULONG ulEncryptedPartLen,
	CK_BYTE_PTR pPart, CK_ULONG_PTR pulPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->decrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulPartLen)
		return leave(s, &s->decrypt, NULL, CKR_ARGUMENTS_BAD);
	*pulPartLen = 0;
	/* A question for the length, which takes nothing (2.40, 5.2). */
	if (!pPart)
		return p11_session_leave(s, CKR_OK);
	rv = p11_operation_update(&s->decrypt, pEncryptedPart, ulEncryptedPartLen, s->decrypt.key.public.modulus.len);
	return leave(s, &s->decrypt, NULL, rv == CKR_DATA_LEN_RANGE ? CKR_ENCRYPTED_DATA_LEN_RANGE : rv);
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastPart, CK_ULONG_PTR pulLastPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->decrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulLastPartLen)
		return leave(s, &s->decrypt, NULL, CKR_ARGUMENTS_BAD);
	rv = finish(s, &s->decrypt, BYTES(s->decrypt.input, s->decrypt.input_len), pLastPart, pulLastPartLen);
	return leave(s, &s->decrypt, pLastPart, rv);
}

/* ---- encryption ---- */

static bool pad(const struct p11_operation *op, struct bytes in, uint8_t *block, size_t k)
{
	struct rsa_pad_params params = {op->hash, op->mgf, 0};

	switch (op->mechanism->scheme) {
	case P11_RSA_PKCS1:
		return rsa_pad_pkcs1_encrypt(in, block, k);
	case P11_RSA_OAEP:
		return rsa_pad_oaep_encrypt(&params, BYTES(op->label, op->label_len), in, block, k);
	default:
		bytes_fill(block, 0, k - in.len);
		if (in.len)
			bytes_move(block + k - in.len, in.data, in.len);
		return true;
	}
}

static CK_RV encrypt(const struct p11_operation *op, struct bytes in, CK_BYTE *out, CK_ULONG *out_len)
{
	size_t k = op->key.public.modulus.len;
	uint8_t *block;
	CK_RV rv = CKR_OK;

	if (!out || *out_len < k) {
		*out_len = k;
		return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	if (in.len > plain_max(op))
		return CKR_DATA_LEN_RANGE;
	block = secmem_alloc(k);
	if (!block || !pad(op, in, block, k))
		rv = CKR_HOST_MEMORY;
	else if (op->mechanism->scheme == P11_RSA_RAW && memcmp(block, op->key.public.modulus.data, k) >= 0)
		rv = CKR_DATA_INVALID;
	else if (!crypto_rsa_public(&op->key.public, BYTES(block, k), out))
		rv = CKR_HOST_MEMORY;
	else
		*out_len = k;
	secmem_free(block);
	return rv;
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	return p11_session_leave(s, p11_operation_init(s, &s->encrypt, CKF_ENCRYPT, pMechanism, hKey));
}

CK_RV C_Encrypt(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pEncryptedData,
	CK_ULONG_PTR pulEncryptedDataLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->encrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (s->encrypt.mode == P11_MULTI)
		return p11_session_leave(s, CKR_OPERATION_ACTIVE);
	if (!pulEncryptedDataLen || p11_bad_input(pData, ulDataLen))
		return leave(s, &s->encrypt, NULL, CKR_ARGUMENTS_BAD);
	rv = encrypt(&s->encrypt, BYTES(pData, ulDataLen), pEncryptedData, pulEncryptedDataLen);
	return leave(s, &s->encrypt, pEncryptedData, rv);
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen, CK_BYTE_PTR pEncryptedPart,
	CK_ULONG_PTR pulEncryptedPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->encrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulEncryptedPartLen)
		return leave(s, &s->encrypt, NULL, CKR_ARGUMENTS_BAD);
	*pulEncryptedPartLen = 0;
	if (!pEncryptedPart)
		return p11_session_leave(s, CKR_OK);
	rv = p11_operation_update(&s->encrypt, pPart, ulPartLen, plain_max(&s->encrypt));
	return leave(s, &s->encrypt, NULL, rv);
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pLastEncryptedPart, CK_ULONG_PTR pulLastEncryptedPartLen)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->encrypt.mechanism)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulLastEncryptedPartLen)
		return leave(s, &s->encrypt, NULL, CKR_ARGUMENTS_BAD);
	rv = encrypt(&s->encrypt, BYTES(s->encrypt.input, s->encrypt.input_len), pLastEncryptedPart,
		pulLastEncryptedPartLen);
	return leave(s, &s->encrypt, pLastEncryptedPart, rv);
}
