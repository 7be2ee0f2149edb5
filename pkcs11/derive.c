/* SPDX-License-Identifier: Apache-2.0 */
/* C_DeriveKey: ECDH on the token, with its key derivation functions here, and HKDF. What comes out is a session object.
 */
#include "pkcs11/secret.h"

#include <string.h>

#include "common/secmem.h"

struct derivation {
	struct p11_session *s;
	const struct p11_mechanism *mechanism;
	struct p11_key base;
	struct p11_secret wanted;
	uint8_t *value; /* secure memory, P11_SECRET_MAX */
	size_t len;
};

/* ---- CKM_ECDH1_DERIVE (2.40 mechanisms, 2.3.8) ---- */

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

/* Without a function the leading end of the shared X is cut off. */
static CK_RV ecdh_value(struct derivation *d, enum crypto_hash hash, struct bytes z, struct bytes shared)
{
	d->len = d->wanted.len ? d->wanted.len : hash ? crypto_hash_size(hash) : z.len;
	if (hash)
		return x963(hash, z, shared, d->value, d->len) ? CKR_OK : CKR_HOST_MEMORY;
	if (d->len > z.len)
		return CKR_KEY_SIZE_RANGE;
	memcpy(d->value, z.data + z.len - d->len, d->len);
	return CKR_OK;
}

static CK_RV shared_secret(struct derivation *d, const CK_ECDH1_DERIVE_PARAMS *p, uint8_t *z, size_t *z_len)
{
	struct crypto_pubkey peer = {.type = d->base.public.type};
	CK_RV rv;

	peer.point = p11_point(BYTES(p->pPublicData, p->ulPublicDataLen), crypto_field_size(peer.type));
	/* Whether it lies on the curve is for the token to check. */
	if (!crypto_pubkey_check(&peer))
		return CKR_MECHANISM_PARAM_INVALID;
	rv = p11_rv(ukey_derive(d->s->token, d->base.ref, peer.point.data, peer.point.len, z, z_len));
	if (rv == CKR_OBJECT_HANDLE_INVALID)
		return CKR_KEY_HANDLE_INVALID;
	return rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE ? CKR_MECHANISM_PARAM_INVALID : rv;
}

static CK_RV ecdh(struct derivation *d, const CK_MECHANISM *m)
{
	enum crypto_hash hash = CRYPTO_NO_HASH;
	CK_ECDH1_DERIVE_PARAMS p;
	size_t z_len = CRYPTO_POINT_MAX;
	uint8_t *z;
	CK_RV rv = read_parameters(m, &p, &hash);

	if (rv != CKR_OK)
		return rv;
	z = secmem_alloc(z_len);
	rv = z ? shared_secret(d, &p, z, &z_len) : CKR_HOST_MEMORY;
	if (rv == CKR_OK)
		rv = ecdh_value(d, hash, BYTES(z, z_len), BYTES(p.pSharedData, p.ulSharedDataLen));
	secmem_free(z);
	return rv;
}

/* ---- CKM_HKDF_DERIVE (3.0 mechanisms, 2.62) ---- */

static CK_RV hkdf_parameters(const CK_MECHANISM *m, CK_HKDF_PARAMS *p, enum crypto_hash *hash)
{
	if (!m->pParameter || m->ulParameterLen != sizeof(*p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(p, m->pParameter, sizeof(*p));
	*hash = p11_hash(p->prfHashMechanism);
	if (!*hash || (!p->bExtract && !p->bExpand) || p11_bad_input(p->pInfo, p->ulInfoLen))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!p->bExtract)
		return CKR_OK;
	switch (p->ulSaltType) {
	case CKF_HKDF_SALT_NULL:
	case CKF_HKDF_SALT_KEY:
		return CKR_OK;
	case CKF_HKDF_SALT_DATA:
		return p->pSalt && p->ulSaltLen ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
	default:
		return CKR_MECHANISM_PARAM_INVALID;
	}
}

static CK_RV extract(
	struct derivation *d, const CK_HKDF_PARAMS *p, enum crypto_hash hash, struct bytes secret, uint8_t *prk)
{
	struct bytes salt = BYTES_NONE;
	struct p11_key key = {0};
	CK_RV rv = CKR_OK;

	if (p->ulSaltType == CKF_HKDF_SALT_DATA)
		salt = BYTES(p->pSalt, p->ulSaltLen);
	if (p->ulSaltType == CKF_HKDF_SALT_KEY) {
		rv = p11_key_open(d->s, p->hSaltKey, d->mechanism, CKF_DERIVE, &key);
		salt = BYTES(key.secret, key.secret_len);
	}
	if (rv == CKR_OK && !crypto_hkdf_extract(hash, salt, secret, prk))
		rv = CKR_HOST_MEMORY;
	p11_key_close(&key);
	return rv;
}

/* A pseudorandom key alone has the length of its hash. */
static CK_RV hkdf(struct derivation *d, const CK_MECHANISM *m)
{
	enum crypto_hash hash = CRYPTO_NO_HASH;
	struct bytes secret = BYTES(d->base.secret, d->base.secret_len);
	uint8_t prk[CRYPTO_DIGEST_MAX];
	CK_HKDF_PARAMS p;
	size_t size;
	CK_RV rv = hkdf_parameters(m, &p, &hash);

	if (rv != CKR_OK)
		return rv;
	size = crypto_hash_size(hash);
	d->len = d->wanted.len ? d->wanted.len : size;
	if (d->len > (p.bExpand ? 255 * size : size))
		return CKR_KEY_SIZE_RANGE;
	if (p.bExtract) {
		rv = extract(d, &p, hash, secret, prk);
		secret = BYTES(prk, size);
	} else if (secret.len < size) {
		/* RFC 5869 2.3: not shorter than a digest. */
		rv = CKR_KEY_SIZE_RANGE;
	}
	if (rv == CKR_OK && !p.bExpand)
		bytes_copy(d->value, BYTES(prk, d->len));
	else if (rv == CKR_OK && !crypto_hkdf_expand(hash, secret, BYTES(p.pInfo, p.ulInfoLen), d->value, d->len))
		rv = CKR_HOST_MEMORY;
	bytes_wipe(prk, sizeof(prk));
	return rv;
}

/* ---- the call ---- */

static const struct {
	CK_MECHANISM_TYPE type;
	CK_RV (*derive)(struct derivation *d, const CK_MECHANISM *m);
} methods[] = {
	{CKM_ECDH1_DERIVE, ecdh},
	{CKM_HKDF_DERIVE,  hkdf},
};

static CK_RV run(struct derivation *d, const CK_MECHANISM *m)
{
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++)
		if (methods[i].type == m->mechanism)
			return methods[i].derive(d, m);
	return CKR_MECHANISM_INVALID;
}

static CK_RV derive(
	struct derivation *d, const CK_MECHANISM *m, CK_OBJECT_HANDLE base, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	CK_RV rv;

	d->mechanism = p11_mechanism(m->mechanism);
	if (!d->mechanism || !(d->mechanism->flags & CKF_DERIVE))
		return CKR_MECHANISM_INVALID;
	rv = p11_key_open(d->s, base, d->mechanism, CKF_DERIVE, &d->base);
	if (rv == CKR_OK)
		rv = p11_secret_read(d->s, list, count, P11_DERIVED, CKK_GENERIC_SECRET, &d->wanted);
	if (rv == CKR_OK && d->wanted.type == CKK_AES && !d->wanted.len)
		rv = CKR_TEMPLATE_INCOMPLETE;
	if (rv != CKR_OK)
		return rv;
	d->wanted.always_sensitive = d->base.always_sensitive;
	d->wanted.never_extractable = d->base.never_extractable;
	d->value = secmem_alloc(P11_SECRET_MAX);
	return d->value ? run(d, m) : CKR_HOST_MEMORY;
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_OBJECT_HANDLE hBaseKey,
	CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulAttributeCount, CK_OBJECT_HANDLE_PTR phKey)
{
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	struct derivation d = {0};
	CK_RV rv = p11_session_enter(hSession, &d.s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !phKey || p11_bad_input(pTemplate, ulAttributeCount))
		rv = CKR_ARGUMENTS_BAD;
	else
		rv = derive(&d, pMechanism, hBaseKey, pTemplate, ulAttributeCount);
	if (rv == CKR_OK)
		rv = p11_secret_add(d.s, &d.wanted, BYTES(d.value, d.len), &handle);
	p11_key_close(&d.base);
	secmem_free(d.value);
	if (rv == CKR_OK)
		*phKey = handle;
	return p11_session_leave(d.s, rv);
}
