/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many messages under one key (3.0, 5.9 and 5.11), each with its own IV and tag: AES-GCM.
 *
 *	Init --> { whole message | begin, part, ... part with CKF_END_OF_MESSAGE } ... --> Final
 *
 * What fails ends its message, and the next one may follow. Parts of a plaintext are given out before the tag was
 * checked, as 3.0 has it for parts; a whole message is not.
 */
#include "pkcs11/p11.h"

#include <stdatomic.h>
#include <string.h>

#include "common/secmem.h"

/* Fewer random bits than these would meet again too soon. */
#define RANDOM_BITS_MIN  64
#define COUNTER_BITS_MIN 32

/*
 * Messages whose IV is a count have one for all operations and keys: the next operation with the same key (or a copy of
 * it) and the same fixed bits would begin with the same IVs otherwise, and two of those open GCM to everybody.
 */
static _Atomic uint64_t counted;

/* ---- parameters ---- */

static CK_RV read_parameters(const void *parameter, CK_ULONG len, CK_GCM_MESSAGE_PARAMS *p)
{
	if (!parameter || len != sizeof(*p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(p, parameter, sizeof(*p));
	if (!p->pIv || !p->ulIvLen || p->ulIvLen > CRYPTO_GCM_IV_MAX || p->ulIvFixedBits > 8 * p->ulIvLen)
		return CKR_MECHANISM_PARAM_INVALID;
	if (!p->pTag || !p11_gcm_tag_bits(p->ulTagBits) || p->ivGenerator > CKG_GENERATE_COUNTER_XOR)
		return CKR_MECHANISM_PARAM_INVALID;
	return CKR_OK;
}

/* A count in the bits from the right, put there or mixed in. */
static CK_RV count_in(struct p11_operation *op, uint64_t count, CK_ULONG bits, bool mix)
{
	if (bits < 64 && count >> bits)
		return CKR_TOKEN_RESOURCE_EXCEEDED;
	for (CK_ULONG i = 0; i < bits; i++) {
		uint8_t *byte = &op->iv[op->iv_len - 1 - i / 8];
		const uint8_t bit = (uint8_t)(1u << i % 8);
		const bool one = i < 64 && count >> i & 1;

		if (!mix)
			*byte = one ? *byte | bit : *byte & (uint8_t)~bit;
		else if (one)
			*byte ^= bit;
	}
	return CKR_OK;
}

static CK_RV counter_in(struct p11_operation *op, CK_ULONG bits)
{
	if (bits < COUNTER_BITS_MIN)
		return CKR_MECHANISM_PARAM_INVALID;
	return count_in(op, atomic_fetch_add(&counted, 1), bits, false);
}

static CK_RV random_in(struct p11_operation *op, CK_ULONG bits)
{
	uint8_t fresh[CRYPTO_GCM_IV_MAX];

	if (bits < RANDOM_BITS_MIN)
		return CKR_MECHANISM_PARAM_INVALID;
	if (!crypto_random(fresh, op->iv_len))
		return CKR_FUNCTION_FAILED;
	for (CK_ULONG i = 0; i < bits; i++) {
		const size_t at = op->iv_len - 1 - i / 8;
		const uint8_t bit = (uint8_t)(1u << i % 8);

		op->iv[at] = (uint8_t)((op->iv[at] & ~bit) | (fresh[at] & bit));
	}
	return CKR_OK;
}

/*
 * The first message's IV is what the counts of this operation are mixed into, its own count included; it is not asked
 * for again. Both ends of a TLS 1.3 connection count so, from 0: that IV must be a new one each time.
 */
static CK_RV mixed(struct p11_operation *op, CK_ULONG bits)
{
	if (!op->label) {
		CK_RV rv = p11_keep_label(op, op->iv, op->iv_len);

		if (rv != CKR_OK)
			return rv;
	}
	if (op->label_len != op->iv_len)
		return CKR_MECHANISM_PARAM_INVALID;
	bytes_copy(op->iv, BYTES(op->label, op->label_len));
	return count_in(op, op->messages, bits, true);
}

/* An IV by the wish of the caller, who finds it in his parameters. */
static CK_RV make_iv(struct p11_operation *op, const CK_GCM_MESSAGE_PARAMS *p)
{
	const CK_ULONG bits = 8 * p->ulIvLen - p->ulIvFixedBits;
	CK_GENERATOR_FUNCTION generator = p11_decrypts(op) ? CKG_NO_GENERATE : p->ivGenerator;
	CK_RV rv;

	memcpy(op->iv, p->pIv, p->ulIvLen);
	op->iv_len = p->ulIvLen;
	if (generator == CKG_NO_GENERATE)
		return CKR_OK;
	if (generator == CKG_GENERATE)
		generator = bits >= 96 ? CKG_GENERATE_RANDOM : CKG_GENERATE_COUNTER;
	if (!bits)
		return CKR_MECHANISM_PARAM_INVALID;
	if (generator == CKG_GENERATE_RANDOM)
		rv = random_in(op, bits);
	else
		rv = generator == CKG_GENERATE_COUNTER ? counter_in(op, bits) : mixed(op, bits);
	if (rv != CKR_OK)
		return rv;
	op->messages++;
	memcpy(p->pIv, op->iv, op->iv_len);
	return CKR_OK;
}

/* ---- a message ---- */

static CK_RV begin(struct p11_operation *op, const CK_GCM_MESSAGE_PARAMS *p, struct bytes aad)
{
	CK_RV rv = make_iv(op, p);

	if (rv != CKR_OK)
		return rv;
	if (!crypto_cipher_restart(op->cipher, BYTES(op->iv, op->iv_len)) || !crypto_cipher_aad(op->cipher, aad))
		return CKR_HOST_MEMORY;
	op->in_message = true;
	return CKR_OK;
}

static CK_RV end(struct p11_operation *op, const CK_GCM_MESSAGE_PARAMS *p)
{
	const size_t tag = p->ulTagBits / 8;
	uint8_t none[CRYPTO_AES_BLOCK];
	size_t n = 0;

	op->in_message = false;
	if (p11_decrypts(op)) {
		if (!crypto_cipher_expect(op->cipher, BYTES(p->pTag, tag)))
			return CKR_HOST_MEMORY;
		return crypto_cipher_final(op->cipher, none, &n) ? CKR_OK : CKR_AEAD_DECRYPT_FAILED;
	}
	return crypto_cipher_final(op->cipher, none, &n) && crypto_cipher_tag(op->cipher, p->pTag, tag)
		       ? CKR_OK
		       : CKR_HOST_MEMORY;
}

/* As long as what goes in. */
static CK_RV crypt(struct p11_operation *op, const CK_GCM_MESSAGE_PARAMS *p, struct bytes in, bool last, CK_BYTE *out)
{
	uint8_t *copy = NULL;
	size_t n = 0;
	CK_RV rv = CKR_OK;

	if (!p11_apart(&in, out, in.len, &copy) || (in.len && !crypto_cipher_update(op->cipher, in, out, &n)))
		rv = CKR_HOST_MEMORY;
	secmem_free(copy);
	if (rv == CKR_OK && last)
		rv = end(op, p);
	if (rv != CKR_OK) {
		op->in_message = false;
		bytes_wipe(out, in.len);
	}
	return rv;
}

/* True: the caller has been answered with the length. */
static bool answered(CK_ULONG need, const CK_BYTE *out, CK_ULONG *out_len, CK_RV *rv)
{
	const bool asks = !out && need, short_of = out && *out_len < need;

	*out_len = need;
	*rv = short_of ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	return asks || short_of;
}

/* ---- the calls, in both directions ---- */

struct message {
	struct p11_session *s;
	struct p11_operation *op;
	CK_GCM_MESSAGE_PARAMS p;
};

/* The session, the operation and the parameters; on failure the session is left. */
static CK_RV enter(struct message *m, CK_SESSION_HANDLE session, CK_FLAGS use, bool in_message, const void *parameter,
	CK_ULONG len, const char *function)
{
	CK_RV rv = p11_operation_enter_from(session, use, &m->s, &m->op, function);

	if (rv != CKR_OK)
		return rv;
	if (in_message && !m->op->in_message)
		rv = CKR_OPERATION_NOT_INITIALIZED;
	else if (!in_message && m->op->in_message)
		rv = CKR_OPERATION_ACTIVE;
	else
		rv = p11_operation_owned(m->s, m->op);
	if (rv == CKR_USER_NOT_LOGGED_IN)
		p11_operation_end(m->op);
	if (rv == CKR_OK)
		rv = read_parameters(parameter, len, &m->p);
	return rv == CKR_OK ? rv : p11_session_leave_from(m->s, rv, function);
}

static CK_RV whole(CK_SESSION_HANDLE session, CK_FLAGS use, const void *parameter, CK_ULONG len, struct bytes aad,
	struct bytes in, CK_BYTE *out, CK_ULONG *out_len, const char *function)
{
	struct message m;
	CK_RV rv = enter(&m, session, use, false, parameter, len, function);

	if (rv != CKR_OK)
		return rv;
	if (!out_len || p11_bad_input(aad.data, aad.len) || p11_bad_input(in.data, in.len))
		return p11_session_leave_from(m.s, CKR_ARGUMENTS_BAD, function);
	if (answered(in.len, out, out_len, &rv))
		return p11_session_leave_from(m.s, rv, function);
	rv = begin(m.op, &m.p, aad);
	if (rv == CKR_OK)
		rv = crypt(m.op, &m.p, in, true, out);
	return p11_session_leave_from(m.s, rv, function);
}

static CK_RV first(CK_SESSION_HANDLE session, CK_FLAGS use, const void *parameter, CK_ULONG len, struct bytes aad,
	const char *function)
{
	struct message m;
	CK_RV rv = enter(&m, session, use, false, parameter, len, function);

	if (rv != CKR_OK)
		return rv;
	rv = p11_bad_input(aad.data, aad.len) ? CKR_ARGUMENTS_BAD : begin(m.op, &m.p, aad);
	return p11_session_leave_from(m.s, rv, function);
}

static CK_RV next(CK_SESSION_HANDLE session, CK_FLAGS use, const void *parameter, CK_ULONG len, struct bytes in,
	CK_BYTE *out, CK_ULONG *out_len, CK_FLAGS flags, const char *function)
{
	struct message m;
	CK_RV rv = enter(&m, session, use, true, parameter, len, function);

	if (rv != CKR_OK)
		return rv;
	if (!out_len || p11_bad_input(in.data, in.len) || (flags & ~CKF_END_OF_MESSAGE))
		rv = CKR_ARGUMENTS_BAD;
	else if (!answered(in.len, out, out_len, &rv))
		rv = crypt(m.op, &m.p, in, flags & CKF_END_OF_MESSAGE, out);
	return p11_session_leave_from(m.s, rv, function);
}

static CK_RV finish(CK_SESSION_HANDLE session, CK_FLAGS use, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	if (op->in_message)
		rv = CKR_OPERATION_ACTIVE;
	else
		p11_operation_end(op);
	return p11_session_leave_from(s, rv, function);
}

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_MESSAGE_ENCRYPT, pMechanism, hKey);
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE_PTR pPlaintext, CK_ULONG ulPlaintextLen,
	CK_BYTE_PTR pCiphertext, CK_ULONG_PTR pulCiphertextLen)
{
	return whole(hSession, CKF_MESSAGE_ENCRYPT, pParameter, ulParameterLen,
		BYTES(pAssociatedData, ulAssociatedDataLen), BYTES(pPlaintext, ulPlaintextLen), pCiphertext,
		pulCiphertextLen, __func__);
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen)
{
	return first(hSession, CKF_MESSAGE_ENCRYPT, pParameter, ulParameterLen,
		BYTES(pAssociatedData, ulAssociatedDataLen), __func__);
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pPlaintextPart, CK_ULONG ulPlaintextPartLen, CK_BYTE_PTR pCiphertextPart,
	CK_ULONG_PTR pulCiphertextPartLen, CK_FLAGS flags)
{
	return next(hSession, CKF_MESSAGE_ENCRYPT, pParameter, ulParameterLen,
		BYTES(pPlaintextPart, ulPlaintextPartLen), pCiphertextPart, pulCiphertextPartLen, flags, __func__);
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE hSession)
{
	return finish(hSession, CKF_MESSAGE_ENCRYPT, __func__);
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hKey)
{
	return p11_operation_init(hSession, CKF_MESSAGE_DECRYPT, pMechanism, hKey);
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen, CK_BYTE_PTR pCiphertext, CK_ULONG ulCiphertextLen,
	CK_BYTE_PTR pPlaintext, CK_ULONG_PTR pulPlaintextLen)
{
	return whole(hSession, CKF_MESSAGE_DECRYPT, pParameter, ulParameterLen,
		BYTES(pAssociatedData, ulAssociatedDataLen), BYTES(pCiphertext, ulCiphertextLen), pPlaintext,
		pulPlaintextLen, __func__);
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pAssociatedData, CK_ULONG ulAssociatedDataLen)
{
	return first(hSession, CKF_MESSAGE_DECRYPT, pParameter, ulParameterLen,
		BYTES(pAssociatedData, ulAssociatedDataLen), __func__);
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE hSession, CK_VOID_PTR pParameter, CK_ULONG ulParameterLen,
	CK_BYTE_PTR pCiphertextPart, CK_ULONG ulCiphertextPartLen, CK_BYTE_PTR pPlaintextPart,
	CK_ULONG_PTR pulPlaintextPartLen, CK_FLAGS flags)
{
	return next(hSession, CKF_MESSAGE_DECRYPT, pParameter, ulParameterLen,
		BYTES(pCiphertextPart, ulCiphertextPartLen), pPlaintextPart, pulPlaintextPartLen, flags, __func__);
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE hSession)
{
	return finish(hSession, CKF_MESSAGE_DECRYPT, __func__);
}
