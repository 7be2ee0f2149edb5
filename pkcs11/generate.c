/* SPDX-License-Identifier: Apache-2.0 */
/* C_GenerateKey: secret keys, of the host's randomness. */
#include "pkcs11/secret.h"

#include "common/secmem.h"

static CK_RV read_template(struct p11_session *s, const struct p11_mechanism *m, const CK_ATTRIBUTE *list,
	CK_ULONG count, struct p11_secret *k)
{
	CK_RV rv = p11_secret_read(s, list, count, P11_GENERATED, m->key_type, k);

	if (rv != CKR_OK)
		return rv;
	/* CKM_GENERIC_SECRET_KEY_GEN makes those for HMAC and HKDF, too: they are as good as any. */
	if ((k->type == CKK_AES) != (m->key_type == CKK_AES))
		return CKR_TEMPLATE_INCONSISTENT;
	k->mechanism = m->type;
	k->always_sensitive = k->never_extractable = true;
	return k->len ? CKR_OK : CKR_TEMPLATE_INCOMPLETE;
}

static CK_RV generate(struct p11_session *s, const CK_MECHANISM *mechanism, const CK_ATTRIBUTE *list, CK_ULONG count,
	CK_OBJECT_HANDLE *handle)
{
	const struct p11_mechanism *m = p11_mechanism(mechanism->mechanism);
	struct p11_secret k;
	uint8_t *value;
	CK_RV rv;

	if (!m || !(m->flags & CKF_GENERATE))
		return CKR_MECHANISM_INVALID;
	if (mechanism->ulParameterLen)
		return CKR_MECHANISM_PARAM_INVALID;
	rv = read_template(s, m, list, count, &k);
	if (rv != CKR_OK)
		return rv;
	value = secmem_alloc(k.len);
	if (!value || !crypto_random(value, k.len))
		rv = value ? CKR_FUNCTION_FAILED : CKR_HOST_MEMORY;
	else
		rv = p11_secret_add(s, &k, BYTES(value, k.len), handle);
	secmem_free(value);
	return rv;
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_ATTRIBUTE_PTR pTemplate,
	CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phKey)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !phKey || p11_bad_input(pTemplate, ulCount))
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = generate(s, pMechanism, pTemplate, ulCount, &handle);
	if (rv == CKR_OK)
		*phKey = handle;
	return p11_session_leave(s, rv);
}
