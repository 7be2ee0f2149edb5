/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C_WrapKey and C_UnwrapKey: secret keys that travel under another key. Wrapping with a public RSA key and everything
 * with AES happens here; unwrapping with a private RSA key is one decryption on the token.
 *
 * Nothing of the token's own is ever wrapped: its private keys are not extractable.
 */
#include "pkcs11/secret.h"

#include "common/secmem.h"

/* What the operation beneath says, in the words of these two calls. */
static CK_RV translated(CK_RV rv, bool wraps)
{
	/* clang-format off */
	static const struct {
		CK_RV from, wrapping, unwrapping;
	} words[] = {
		{CKR_KEY_HANDLE_INVALID,       CKR_WRAPPING_KEY_HANDLE_INVALID,    CKR_UNWRAPPING_KEY_HANDLE_INVALID},
		{CKR_KEY_TYPE_INCONSISTENT,    CKR_WRAPPING_KEY_TYPE_INCONSISTENT, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
		{CKR_KEY_SIZE_RANGE,           CKR_WRAPPING_KEY_SIZE_RANGE,        CKR_UNWRAPPING_KEY_SIZE_RANGE},
		{CKR_DATA_LEN_RANGE,           CKR_KEY_SIZE_RANGE,                 CKR_WRAPPED_KEY_LEN_RANGE},
		{CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE,                 CKR_WRAPPED_KEY_LEN_RANGE},
		{CKR_ENCRYPTED_DATA_INVALID,   CKR_FUNCTION_FAILED,                CKR_WRAPPED_KEY_INVALID},
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (words[i].from == rv)
			return wraps ? words[i].wrapping : words[i].unwrapping;
	return rv;
}

/* ---- wrapping ---- */

static bool truth(const struct p11_attributes *a, CK_ATTRIBUTE_TYPE type)
{
	bool value = false;

	p11_take_bool(a->list, a->count, type, &value, NULL);
	return value;
}

static CK_RV may_leave(const struct p11_view *v, const struct p11_key *under)
{
	CK_OBJECT_CLASS class = p11_class(v);

	if (class == CKO_PRIVATE_KEY)
		return CKR_KEY_UNEXTRACTABLE;
	if (class != CKO_SECRET_KEY)
		return class == CKO_PUBLIC_KEY ? CKR_KEY_NOT_WRAPPABLE : CKR_KEY_HANDLE_INVALID;
	if (!truth(v->object.attributes, CKA_EXTRACTABLE))
		return CKR_KEY_UNEXTRACTABLE;
	if (truth(v->object.attributes, CKA_WRAP_WITH_TRUSTED) && !under->trusted)
		return CKR_KEY_NOT_WRAPPABLE;
	return CKR_OK;
}

static CK_RV wrap(struct p11_session *s, struct p11_operation *op, CK_OBJECT_HANDLE key, CK_BYTE *out, CK_ULONG *len)
{
	const struct p11_attributes *a;
	struct p11_view view;
	CK_RV rv = p11_view_open(s, key, &view);

	if (rv != CKR_OK)
		return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
	rv = may_leave(&view, &op->key);
	a = view.object.attributes;
	if (rv == CKR_OK)
		rv = translated(
			p11_operation_crypt(s, op, p11_take_bytes(a->list, a->count, CKA_VALUE), true, out, len), true);
	p11_view_close(&view);
	return rv;
}

CK_RV C_WrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hWrappingKey,
	CK_OBJECT_HANDLE hKey, CK_BYTE_PTR pWrappedKey, CK_ULONG_PTR pulWrappedKeyLen)
{
	struct p11_operation op = {0};
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !pulWrappedKeyLen)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = translated(p11_operation_start(s, &op, CKF_WRAP, pMechanism, hWrappingKey), true);
	if (rv == CKR_OK) {
		rv = wrap(s, &op, hKey, pWrappedKey, pulWrappedKeyLen);
		p11_operation_end(&op);
	}
	return p11_session_leave(s, rv);
}

/* ---- unwrapping ---- */

static CK_RV open_wrapped(
	struct p11_session *s, struct p11_operation *op, struct bytes wrapped, uint8_t *value, CK_ULONG *len)
{
	/* C_Login for one use needs an operation to belong to, and there is none. */
	if (op->key.always_authenticate)
		p11_log("the key asks for the PIN at each use: decrypt with C_Decrypt, then C_CreateObject");
	*len = wrapped.len;
	return translated(p11_operation_crypt(s, op, wrapped, true, value, len), false);
}

static CK_RV unwrap_secret(struct p11_session *s, struct p11_operation *op, struct bytes wrapped,
	const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	struct p11_secret k;
	uint8_t *value;
	CK_ULONG len = 0;
	CK_RV rv = p11_secret_read(s, list, count, P11_UNWRAPPED, CK_UNAVAILABLE_INFORMATION, &k);

	if (rv != CKR_OK)
		return rv;
	value = secmem_alloc(wrapped.len);
	rv = value ? open_wrapped(s, op, wrapped, value, &len) : CKR_HOST_MEMORY;
	/* The answer to a wrong padding, too: two answers tell an attacker that he met a right one, bit by bit of the
	 * key. */
	if (rv == CKR_OK && (!p11_secret_size(k.type, len) || (k.len && k.len != len)))
		rv = CKR_WRAPPED_KEY_INVALID;
	if (rv == CKR_OK)
		rv = p11_secret_add(s, &k, BYTES(value, len), handle);
	secmem_free(value);
	return rv;
}

static CK_RV unwrap(struct p11_session *s, struct p11_operation *op, struct bytes wrapped, const CK_ATTRIBUTE *list,
	CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;
	CK_RV rv = p11_template_check(list, count);

	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_CLASS, &class, NULL);
	if (rv != CKR_OK)
		return rv;
	switch (class) {
	case CKO_SECRET_KEY:
		return unwrap_secret(s, op, wrapped, list, count, handle);
	case CKO_PRIVATE_KEY:
		p11_log("private keys are made on the token and never brought to it: use C_GenerateKeyPair");
		return CKR_TEMPLATE_INCONSISTENT;
	default:
		return p11_find(list, count, CKA_CLASS) ? CKR_TEMPLATE_INCONSISTENT : CKR_TEMPLATE_INCOMPLETE;
	}
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hUnwrappingKey,
	CK_BYTE_PTR pWrappedKey, CK_ULONG ulWrappedKeyLen, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount,
	CK_OBJECT_HANDLE_PTR phKey)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct p11_operation op = {0};
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !phKey || !pWrappedKey || p11_bad_input(pWrappedKey, ulWrappedKeyLen) ||
		p11_bad_input(pTemplate, ulAttributeCount))
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = translated(p11_operation_start(s, &op, CKF_UNWRAP, pMechanism, hUnwrappingKey), false);
	if (rv == CKR_OK) {
		rv = unwrap(s, &op, BYTES(pWrappedKey, ulWrappedKeyLen), pTemplate, ulAttributeCount, &handle);
		p11_operation_end(&op);
	}
	if (rv == CKR_OK)
		*phKey = handle;
	return p11_session_leave(s, rv);
}
