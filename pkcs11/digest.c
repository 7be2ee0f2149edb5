/* SPDX-License-Identifier: Apache-2.0 */
/* Message digests, on the host. */
#include "pkcs11/p11.h"

static CK_RV start(struct p11_operation *op)
{
	op->digest = crypto_digest_new(op->mechanism->hash);
	return op->digest ? CKR_OK : CKR_HOST_MEMORY;
}

static size_t size(const struct p11_operation *op)
{
	return crypto_hash_size(op->mechanism->hash);
}

static CK_RV update(struct p11_operation *op, struct bytes part)
{
	return crypto_digest_update(op->digest, part) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV make(struct p11_session *s, struct p11_operation *op, uint8_t *out)
{
	(void)s;
	return crypto_digest_final(op->digest, out) ? CKR_OK : CKR_HOST_MEMORY;
}

const struct p11_scheme p11_digesting = {.start = start, .size = size, .update = update, .make = make};

CK_RV C_DigestInit(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism)
{
	return p11_operation_init(hSession, CKF_DIGEST, pMechanism, CK_INVALID_HANDLE);
}

CK_RV C_Digest(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pData, CK_ULONG ulDataLen, CK_BYTE_PTR pDigest,
	CK_ULONG_PTR pulDigestLen)
{
	return p11_make_at_once(hSession, CKF_DIGEST, pData, ulDataLen, pDigest, pulDigestLen, __func__);
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pPart, CK_ULONG ulPartLen)
{
	return p11_make_part(hSession, CKF_DIGEST, pPart, ulPartLen, __func__);
}

/* A digest tells of a short key what the key is: only one whose value may be read goes in. */
static CK_RV digest_key(struct p11_session *s, CK_OBJECT_HANDLE handle)
{
	struct p11_view view;
	struct p11_value value;
	CK_RV rv = p11_view_open(s, handle, &view);

	if (rv != CKR_OK)
		return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
	if (p11_class(&view) != CKO_SECRET_KEY)
		rv = p11_class(&view) == CKO_PRIVATE_KEY || p11_class(&view) == CKO_PUBLIC_KEY ? CKR_KEY_INDIGESTIBLE
											       : CKR_KEY_HANDLE_INVALID;
	else
		rv = p11_attribute(&view, CKA_VALUE, &value);
	if (rv == CKR_OK) {
		rv = p11_operation_update(&s->digest, value.data, value.len);
		p11_value_clear(&value);
	} else if (rv == CKR_ATTRIBUTE_SENSITIVE) {
		rv = CKR_KEY_INDIGESTIBLE;
	}
	p11_view_close(&view);
	return rv;
}

CK_RV C_DigestKey(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hKey)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter(hSession, CKF_DIGEST, &s, &op);

	return rv == CKR_OK ? p11_operation_leave(s, op, NULL, digest_key(s, hKey)) : rv;
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE hSession, CK_BYTE_PTR pDigest, CK_ULONG_PTR pulDigestLen)
{
	return p11_make_last(hSession, CKF_DIGEST, pDigest, pulDigestLen, __func__);
}
