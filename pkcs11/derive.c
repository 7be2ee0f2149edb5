/* SPDX-License-Identifier: Apache-2.0 */
/* C_DeriveKey: ECDH on the token, the key derivation function and the resulting session object on the host. */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/secmem.h"

#define SECRET_MAX 1024

struct wanted {
	CK_KEY_TYPE type;
	CK_ULONG len;
	bool has_len;
};

static const struct {
	CK_EC_KDF_TYPE kdf;
	enum crypto_hash hash;
} kdfs[] = {
	{CKD_NULL,         CRYPTO_NO_HASH },
	{CKD_SHA1_KDF,     CRYPTO_SHA1    },
	{CKD_SHA224_KDF,   CRYPTO_SHA224  },
	{CKD_SHA256_KDF,   CRYPTO_SHA256  },
	{CKD_SHA384_KDF,   CRYPTO_SHA384  },
	{CKD_SHA512_KDF,   CRYPTO_SHA512  },
	{CKD_SHA3_224_KDF, CRYPTO_SHA3_224},
	{CKD_SHA3_256_KDF, CRYPTO_SHA3_256},
	{CKD_SHA3_384_KDF, CRYPTO_SHA3_384},
	{CKD_SHA3_512_KDF, CRYPTO_SHA3_512},
};

static CK_RV read_parameters(const CK_MECHANISM *m, CK_ECDH1_DERIVE_PARAMS *p, enum crypto_hash *hash)
{
	if (!m->pParameter || m->ulParameterLen != sizeof(*p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(p, m->pParameter, sizeof(*p));
	if (p11_bad_input(p->pSharedData, p->ulSharedDataLen) || !p->pPublicData || !p->ulPublicDataLen)
		return CKR_MECHANISM_PARAM_INVALID;
	if (p->kdf == CKD_NULL && p->ulSharedDataLen)
		return CKR_MECHANISM_PARAM_INVALID;
	for (size_t i = 0; i < sizeof(kdfs) / sizeof(*kdfs); i++)
		if (kdfs[i].kdf == p->kdf) {
			*hash = kdfs[i].hash;
			return CKR_OK;
		}
	return CKR_MECHANISM_PARAM_INVALID;
}

/* Secret keys that come out are generic secrets or AES keys, and session objects. */
static CK_RV read_template(const CK_ATTRIBUTE *list, CK_ULONG count, struct wanted *w)
{
	static const CK_ATTRIBUTE_TYPE known[] = {CKA_CLASS, CKA_KEY_TYPE, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_ID,
		CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_ENCRYPT, CKA_DECRYPT,
		CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE, CKA_VALUE_LEN, CKA_START_DATE, CKA_END_DATE,
		CKA_TRUSTED, CKA_WRAP_WITH_TRUSTED, CKA_ALLOWED_MECHANISMS};
	CK_ULONG class = CKO_SECRET_KEY;
	bool token = false;
	CK_RV rv = p11_template_check(list, count);

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		bool found = false;

		for (size_t j = 0; j < sizeof(known) / sizeof(*known) && !found; j++)
			found = known[j] == list[i].type;
		if (!found)
			rv = CKR_ATTRIBUTE_TYPE_INVALID;
	}
	w->type = CKK_GENERIC_SECRET;
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_CLASS, &class, NULL);
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_KEY_TYPE, &w->type, NULL);
	if (rv == CKR_OK)
		rv = p11_take_bool(list, count, CKA_TOKEN, &token, NULL);
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_VALUE_LEN, &w->len, &w->has_len);
	if (rv != CKR_OK)
		return rv;
	if (class != CKO_SECRET_KEY || token || (w->type != CKK_GENERIC_SECRET && w->type != CKK_AES))
		return CKR_TEMPLATE_INCONSISTENT;
	if (w->has_len && (w->len == 0 || w->len > SECRET_MAX))
		return CKR_KEY_SIZE_RANGE;
	if (w->type == CKK_AES && w->has_len && w->len != 16 && w->len != 24 && w->len != 32)
		return CKR_KEY_SIZE_RANGE;
	return w->type == CKK_AES && !w->has_len ? CKR_TEMPLATE_INCOMPLETE : CKR_OK;
}

/* ANSI X9.63: hash(Z, counter, shared data), as often as needed. */
static bool x963(enum crypto_hash hash, struct bytes z, struct bytes shared, uint8_t *out, size_t len)
{
	size_t step = crypto_hash_size(hash);
	uint8_t digest[CRYPTO_DIGEST_MAX];
	bool ok = true;

	for (uint32_t n = 1; ok && len; n++) {
		const uint8_t counter[] = {(uint8_t)(n >> 24), (uint8_t)(n >> 16), (uint8_t)(n >> 8), (uint8_t)n};
		struct crypto_digest_ctx *d = crypto_digest_new(hash);
		size_t part = len < step ? len : step;

		ok = d && crypto_digest_update(d, z) && crypto_digest_update(d, BYTES_OF(counter)) &&
		     (!shared.len || crypto_digest_update(d, shared)) && crypto_digest_final(d, digest);
		crypto_digest_free(d);
		if (ok)
			memcpy(out, digest, part);
		out += part;
		len -= part;
	}
	bytes_wipe(digest, sizeof(digest));
	return ok;
}

/* Without a function the leading end of the shared X is cut off (2.40 mechanisms, 2.3.8). */
static CK_RV value_of(
	enum crypto_hash hash, struct bytes z, struct bytes shared, const struct wanted *w, uint8_t *out, size_t *len)
{
	*len = w->has_len ? w->len : hash ? crypto_hash_size(hash) : z.len;
	if (hash)
		return x963(hash, z, shared, out, *len) ? CKR_OK : CKR_HOST_MEMORY;
	if (*len > z.len)
		return CKR_KEY_SIZE_RANGE;
	memcpy(out, z.data + z.len - *len, *len);
	return CKR_OK;
}

static CK_RV make_object(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, const struct wanted *w,
	uint8_t *value, CK_ULONG len, CK_OBJECT_HANDLE *handle)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = w->type;
	CK_ATTRIBUTE rest[] = {
		{CKA_CLASS,     &class, sizeof(class)},
		{CKA_KEY_TYPE,  &type,  sizeof(type) },
		{CKA_VALUE,     value,  len          },
		{CKA_VALUE_LEN, &len,   sizeof(len)  },
	};
	struct p11_attributes *a = p11_attributes_new(list, count, rest, sizeof(rest) / sizeof(*rest));

	return a ? p11_object_add(s, a, handle) : CKR_HOST_MEMORY;
}

static CK_RV shared_secret(
	struct p11_session *s, const struct p11_key *key, const CK_ECDH1_DERIVE_PARAMS *p, uint8_t *z, size_t *z_len)
{
	struct crypto_pubkey peer = {.type = key->public.type};
	CK_RV rv;

	peer.point = p11_point(BYTES(p->pPublicData, p->ulPublicDataLen), crypto_field_size(peer.type));
	/* Whether it lies on the curve is for the token to check. */
	if (!crypto_pubkey_check(&peer))
		return CKR_MECHANISM_PARAM_INVALID;
	rv = p11_rv(ukey_derive(s->token, key->ref, peer.point.data, peer.point.len, z, z_len));
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		return CKR_KEY_HANDLE_INVALID;
	return rv == CKR_DATA_INVALID ? CKR_MECHANISM_PARAM_INVALID : rv;
}

static CK_RV base_key(struct p11_session *s, CK_OBJECT_HANDLE handle, struct p11_key *key)
{
	CK_RV rv = p11_key_open(s, handle, true, key);

	if (rv != CKR_OK)
		return rv;
	if (key->public.type == CRYPTO_RSA)
		return CKR_KEY_TYPE_INCONSISTENT;
	if (!(key->usage & UKEY_USE_DERIVE))
		return CKR_KEY_FUNCTION_NOT_PERMITTED;
	return CKR_OK;
}

static CK_RV derive(struct p11_session *s, const CK_MECHANISM *m, CK_OBJECT_HANDLE base, const CK_ATTRIBUTE *list,
	CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	CK_ECDH1_DERIVE_PARAMS p;
	struct wanted w = {0};
	struct p11_key key;
	enum crypto_hash hash = CRYPTO_NO_HASH;
	size_t z_len = SECRET_MAX, len = 0;
	uint8_t *z, *value;
	CK_RV rv = read_parameters(m, &p, &hash);

	if (rv == CKR_OK)
		rv = base_key(s, base, &key);
	if (rv == CKR_OK)
		rv = read_template(list, count, &w);
	if (rv != CKR_OK)
		return rv;
	z = secmem_alloc(SECRET_MAX);
	value = secmem_alloc(SECRET_MAX);
	rv = z && value ? shared_secret(s, &key, &p, z, &z_len) : CKR_HOST_MEMORY;
	if (rv == CKR_OK)
		rv = value_of(hash, BYTES(z, z_len), BYTES(p.pSharedData, p.ulSharedDataLen), &w, value, &len);
	if (rv == CKR_OK)
		rv = make_object(s, list, count, &w, value, len, handle);
	secmem_free(z);
	secmem_free(value);
	return rv;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hBaseKey,
	CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE_PTR phKey)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !phKey || p11_bad_input(pTemplate, ulAttributeCount))
		rv = CKR_ARGUMENTS_BAD;
	else if (pMechanism->mechanism != CKM_ECDH1_DERIVE)
		rv = CKR_MECHANISM_INVALID;
	else
		rv = derive(s, pMechanism, hBaseKey, pTemplate, ulAttributeCount, &handle);
	if (rv == CKR_OK)
		*phKey = handle;
	return p11_session_leave(s, rv);
}
