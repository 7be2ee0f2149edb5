/* SPDX-License-Identifier: Apache-2.0 */
/* Mechanisms: one table, and what callers may ask of it. */
#include "pkcs11/p11.h"

#define SV_HERE  (CKF_SIGN | CKF_VERIFY)
#define ED_HERE  (CKF_ENCRYPT | CKF_DECRYPT)
#define WRAPS    (CKF_WRAP | CKF_UNWRAP)
#define MESSAGES (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE)
#define SV       (CKF_HW | SV_HERE)
#define SVR      (CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER)
#define ED       (CKF_HW | ED_HERE)
#define EC       (CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS)
#define ANY      CK_UNAVAILABLE_INFORMATION /* no key */

/*
 * Private keys work on the token, public and secret ones and digests here. A mechanism that hashes hashes here: the
 * data need not travel. Order: what programs that take the first fitting one should find first.
 */
/* clang-format off */
static const struct p11_mechanism mechanisms[] = {
	{CKM_RSA_PKCS,                &p11_rsa_pkcs1,    CRYPTO_NO_HASH,  CKK_RSA,            SV | SVR | ED | WRAPS},
	{CKM_SHA256_RSA_PKCS,         &p11_rsa_pkcs1,    CRYPTO_SHA256,   CKK_RSA,            SV},
	{CKM_SHA384_RSA_PKCS,         &p11_rsa_pkcs1,    CRYPTO_SHA384,   CKK_RSA,            SV},
	{CKM_SHA512_RSA_PKCS,         &p11_rsa_pkcs1,    CRYPTO_SHA512,   CKK_RSA,            SV},
	{CKM_SHA224_RSA_PKCS,         &p11_rsa_pkcs1,    CRYPTO_SHA224,   CKK_RSA,            SV},
	{CKM_SHA1_RSA_PKCS,           &p11_rsa_pkcs1,    CRYPTO_SHA1,     CKK_RSA,            SV},
	{CKM_SHA3_224_RSA_PKCS,       &p11_rsa_pkcs1,    CRYPTO_SHA3_224, CKK_RSA,            SV},
	{CKM_SHA3_256_RSA_PKCS,       &p11_rsa_pkcs1,    CRYPTO_SHA3_256, CKK_RSA,            SV},
	{CKM_SHA3_384_RSA_PKCS,       &p11_rsa_pkcs1,    CRYPTO_SHA3_384, CKK_RSA,            SV},
	{CKM_SHA3_512_RSA_PKCS,       &p11_rsa_pkcs1,    CRYPTO_SHA3_512, CKK_RSA,            SV},
	{CKM_RSA_PKCS_PSS,            &p11_rsa_pss,      CRYPTO_NO_HASH,  CKK_RSA,            SV},
	{CKM_SHA256_RSA_PKCS_PSS,     &p11_rsa_pss,      CRYPTO_SHA256,   CKK_RSA,            SV},
	{CKM_SHA384_RSA_PKCS_PSS,     &p11_rsa_pss,      CRYPTO_SHA384,   CKK_RSA,            SV},
	{CKM_SHA512_RSA_PKCS_PSS,     &p11_rsa_pss,      CRYPTO_SHA512,   CKK_RSA,            SV},
	{CKM_SHA224_RSA_PKCS_PSS,     &p11_rsa_pss,      CRYPTO_SHA224,   CKK_RSA,            SV},
	{CKM_SHA1_RSA_PKCS_PSS,       &p11_rsa_pss,      CRYPTO_SHA1,     CKK_RSA,            SV},
	{CKM_SHA3_224_RSA_PKCS_PSS,   &p11_rsa_pss,      CRYPTO_SHA3_224, CKK_RSA,            SV},
	{CKM_SHA3_256_RSA_PKCS_PSS,   &p11_rsa_pss,      CRYPTO_SHA3_256, CKK_RSA,            SV},
	{CKM_SHA3_384_RSA_PKCS_PSS,   &p11_rsa_pss,      CRYPTO_SHA3_384, CKK_RSA,            SV},
	{CKM_SHA3_512_RSA_PKCS_PSS,   &p11_rsa_pss,      CRYPTO_SHA3_512, CKK_RSA,            SV},
	{CKM_RSA_PKCS_OAEP,           &p11_rsa_oaep,     CRYPTO_NO_HASH,  CKK_RSA,            ED | WRAPS},
	{CKM_RSA_X_509,               &p11_rsa_raw,      CRYPTO_NO_HASH,  CKK_RSA,            SV | SVR | ED},
	{CKM_ECDSA,                   &p11_ecdsa,        CRYPTO_NO_HASH,  CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA256,            &p11_ecdsa,        CRYPTO_SHA256,   CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA384,            &p11_ecdsa,        CRYPTO_SHA384,   CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA512,            &p11_ecdsa,        CRYPTO_SHA512,   CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA224,            &p11_ecdsa,        CRYPTO_SHA224,   CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA1,              &p11_ecdsa,        CRYPTO_SHA1,     CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA3_224,          &p11_ecdsa,        CRYPTO_SHA3_224, CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA3_256,          &p11_ecdsa,        CRYPTO_SHA3_256, CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA3_384,          &p11_ecdsa,        CRYPTO_SHA3_384, CKK_EC,             SV | EC},
	{CKM_ECDSA_SHA3_512,          &p11_ecdsa,        CRYPTO_SHA3_512, CKK_EC,             SV | EC},
	{CKM_ECDH1_DERIVE,            NULL,              CRYPTO_NO_HASH,  CKK_EC,             CKF_HW | CKF_DERIVE | EC},
	{CKM_RSA_PKCS_KEY_PAIR_GEN,   NULL,              CRYPTO_NO_HASH,  CKK_RSA,            CKF_HW | CKF_GENERATE_KEY_PAIR},
	{CKM_EC_KEY_PAIR_GEN,         NULL,              CRYPTO_NO_HASH,  CKK_EC,             CKF_HW | CKF_GENERATE_KEY_PAIR | EC},
	{CKM_SHA_1,                   &p11_digesting,    CRYPTO_SHA1,     ANY,                CKF_DIGEST},
	{CKM_SHA224,                  &p11_digesting,    CRYPTO_SHA224,   ANY,                CKF_DIGEST},
	{CKM_SHA256,                  &p11_digesting,    CRYPTO_SHA256,   ANY,                CKF_DIGEST},
	{CKM_SHA384,                  &p11_digesting,    CRYPTO_SHA384,   ANY,                CKF_DIGEST},
	{CKM_SHA512,                  &p11_digesting,    CRYPTO_SHA512,   ANY,                CKF_DIGEST},
	{CKM_SHA3_224,                &p11_digesting,    CRYPTO_SHA3_224, ANY,                CKF_DIGEST},
	{CKM_SHA3_256,                &p11_digesting,    CRYPTO_SHA3_256, ANY,                CKF_DIGEST},
	{CKM_SHA3_384,                &p11_digesting,    CRYPTO_SHA3_384, ANY,                CKF_DIGEST},
	{CKM_SHA3_512,                &p11_digesting,    CRYPTO_SHA3_512, ANY,                CKF_DIGEST},
	{CKM_AES_KEY_GEN,             NULL,              CRYPTO_NO_HASH,  CKK_AES,            CKF_GENERATE},
	{CKM_AES_ECB,                 &p11_aes_ecb,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE},
	{CKM_AES_CBC,                 &p11_aes_cbc,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE},
	{CKM_AES_CBC_PAD,             &p11_aes_cbc_pad,  CRYPTO_NO_HASH,  CKK_AES,            ED_HERE | WRAPS},
	{CKM_AES_CTR,                 &p11_aes_ctr,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE},
	{CKM_AES_GCM,                 &p11_aes_gcm,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE | MESSAGES},
	{CKM_AES_CMAC,                &p11_cmac,         CRYPTO_NO_HASH,  CKK_AES,            SV_HERE},
	{CKM_AES_CMAC_GENERAL,        &p11_cmac_general, CRYPTO_NO_HASH,  CKK_AES,            SV_HERE},
	{CKM_AES_KEY_WRAP,            &p11_aes_kw,       CRYPTO_NO_HASH,  CKK_AES,            ED_HERE | WRAPS},
	{CKM_AES_KEY_WRAP_KWP,        &p11_aes_kwp,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE | WRAPS},
	/* Its number is older than its definition; all who have it mean RFC 5649 (3.0, 2.14.2: deprecated for KWP). */
	{CKM_AES_KEY_WRAP_PAD,        &p11_aes_kwp,      CRYPTO_NO_HASH,  CKK_AES,            ED_HERE | WRAPS},
	{CKM_GENERIC_SECRET_KEY_GEN,  NULL,              CRYPTO_NO_HASH,  CKK_GENERIC_SECRET, CKF_GENERATE},
	{CKM_SHA256_HMAC,             &p11_hmac,         CRYPTO_SHA256,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA256_HMAC_GENERAL,     &p11_hmac_general, CRYPTO_SHA256,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA384_HMAC,             &p11_hmac,         CRYPTO_SHA384,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA384_HMAC_GENERAL,     &p11_hmac_general, CRYPTO_SHA384,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA512_HMAC,             &p11_hmac,         CRYPTO_SHA512,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA512_HMAC_GENERAL,     &p11_hmac_general, CRYPTO_SHA512,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA224_HMAC,             &p11_hmac,         CRYPTO_SHA224,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA224_HMAC_GENERAL,     &p11_hmac_general, CRYPTO_SHA224,   CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA_1_HMAC,              &p11_hmac,         CRYPTO_SHA1,     CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA_1_HMAC_GENERAL,      &p11_hmac_general, CRYPTO_SHA1,     CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_224_HMAC,           &p11_hmac,         CRYPTO_SHA3_224, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_224_HMAC_GENERAL,   &p11_hmac_general, CRYPTO_SHA3_224, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_256_HMAC,           &p11_hmac,         CRYPTO_SHA3_256, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_256_HMAC_GENERAL,   &p11_hmac_general, CRYPTO_SHA3_256, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_384_HMAC,           &p11_hmac,         CRYPTO_SHA3_384, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_384_HMAC_GENERAL,   &p11_hmac_general, CRYPTO_SHA3_384, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_512_HMAC,           &p11_hmac,         CRYPTO_SHA3_512, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_SHA3_512_HMAC_GENERAL,   &p11_hmac_general, CRYPTO_SHA3_512, CKK_GENERIC_SECRET, SV_HERE},
	{CKM_HKDF_DERIVE,             NULL,              CRYPTO_NO_HASH,  CKK_GENERIC_SECRET, CKF_DERIVE},
};

static const struct {
	CK_MECHANISM_TYPE mechanism;
	CK_RSA_PKCS_MGF_TYPE mgf;
	CK_KEY_TYPE hmac;
	enum crypto_hash hash;
} hashes[] = {
	{CKM_SHA_1,    CKG_MGF1_SHA1,     CKK_SHA_1_HMAC,     CRYPTO_SHA1},
	{CKM_SHA224,   CKG_MGF1_SHA224,   CKK_SHA224_HMAC,    CRYPTO_SHA224},
	{CKM_SHA256,   CKG_MGF1_SHA256,   CKK_SHA256_HMAC,    CRYPTO_SHA256},
	{CKM_SHA384,   CKG_MGF1_SHA384,   CKK_SHA384_HMAC,    CRYPTO_SHA384},
	{CKM_SHA512,   CKG_MGF1_SHA512,   CKK_SHA512_HMAC,    CRYPTO_SHA512},
	{CKM_SHA3_224, CKG_MGF1_SHA3_224, CKK_SHA3_224_HMAC,  CRYPTO_SHA3_224},
	{CKM_SHA3_256, CKG_MGF1_SHA3_256, CKK_SHA3_256_HMAC,  CRYPTO_SHA3_256},
	{CKM_SHA3_384, CKG_MGF1_SHA3_384, CKK_SHA3_384_HMAC,  CRYPTO_SHA3_384},
	{CKM_SHA3_512, CKG_MGF1_SHA3_512, CKK_SHA3_512_HMAC,  CRYPTO_SHA3_512},
};
/* clang-format on */

#define MECHANISMS (sizeof(mechanisms) / sizeof(*mechanisms))
#define HASHES     (sizeof(hashes) / sizeof(*hashes))

const struct p11_mechanism *p11_mechanism(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < MECHANISMS; i++)
		if (mechanisms[i].type == type)
			return &mechanisms[i];
	return NULL;
}

/* struct p11_object's number is one byte. */
_Static_assert(MECHANISMS <= 256, "too many mechanisms for their objects");
const struct p11_mechanism *p11_mechanism_at(size_t i)
{
	return i < MECHANISMS ? &mechanisms[i] : NULL;
}

enum crypto_hash p11_hash(CK_MECHANISM_TYPE type)
{
	for (size_t i = 0; i < HASHES; i++)
		if (hashes[i].mechanism == type)
			return hashes[i].hash;
	return CRYPTO_NO_HASH;
}

enum crypto_hash p11_mgf(CK_RSA_PKCS_MGF_TYPE type)
{
	for (size_t i = 0; i < HASHES; i++)
		if (hashes[i].mgf == type)
			return hashes[i].hash;
	return CRYPTO_NO_HASH;
}

enum crypto_hash p11_hmac_hash(CK_KEY_TYPE type)
{
	for (size_t i = 0; i < HASHES; i++)
		if (hashes[i].hmac == type)
			return hashes[i].hash;
	return CRYPTO_NO_HASH;
}

size_t p11_mechanisms_of(CK_KEY_TYPE type, CK_FLAGS flags, CK_MECHANISM_TYPE *list, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < MECHANISMS; i++) {
		if (mechanisms[i].key_type != type || !(mechanisms[i].flags & flags))
			continue;
		if (n < room)
			list[n] = mechanisms[i].type;
		n++;
	}
	return n;
}

/* ---- calls ---- */

CK_RV C_GetMechanismList(CK_SLOT_ID slotID, CK_MECHANISM_TYPE_PTR pMechanismList, CK_ULONG_PTR pulCount)
{
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pulCount)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, &token);
	if (rv != CKR_OK)
		return p11_leave(rv);
	ukey_token_unref(token);
	if (pMechanismList && *pulCount < MECHANISMS)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (pMechanismList)
		for (size_t i = 0; i < MECHANISMS; i++)
			pMechanismList[i] = mechanisms[i].type;
	*pulCount = MECHANISMS;
	return p11_leave(rv);
}

/* Sizes of the keys that this token can have, in bits. */
static void token_key_sizes(struct ukey_token *token, CK_KEY_TYPE type, CK_MECHANISM_INFO *info)
{
	static const struct {
		CK_KEY_TYPE type;
		enum ukey_algorithm algorithm;
		CK_ULONG bits;
	} sizes[] = {
		{CKK_RSA, UKEY_RSA_2048, 2048},
		{CKK_RSA, UKEY_RSA_3072, 3072},
		{CKK_RSA, UKEY_RSA_4096, 4096},
		{CKK_EC,  UKEY_P256,     256 },
		{CKK_EC,  UKEY_P384,     384 },
		{CKK_EC,  UKEY_P521,     521 },
	};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		if (sizes[i].type != type || !ukey_token_supports(token, sizes[i].algorithm))
			continue;
		if (!info->ulMinKeySize)
			info->ulMinKeySize = sizes[i].bits;
		info->ulMaxKeySize = sizes[i].bits;
	}
}

/* Of secret keys in bytes; but generic ones are generated by the bit (2.40 mechanisms, 2.9.1, 2.7.2, 2.20). */
static void key_sizes(struct ukey_token *token, const struct p11_mechanism *m, CK_MECHANISM_INFO *info)
{
	const CK_ULONG unit = m->flags & CKF_GENERATE ? 8 : 1;

	token_key_sizes(token, m->key_type, info);
	if (m->key_type == CKK_AES) {
		info->ulMinKeySize = 16;
		info->ulMaxKeySize = 32;
	} else if (m->key_type == CKK_GENERIC_SECRET) {
		info->ulMinKeySize = unit;
		info->ulMaxKeySize = unit * P11_SECRET_MAX;
	}
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slotID, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR pInfo)
{
	const struct p11_mechanism *m = p11_mechanism(type);
	struct p11_slot *slot;
	struct ukey_token *token = NULL;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!pInfo)
		return p11_leave(CKR_ARGUMENTS_BAD);
	rv = p11_slot_token(slotID, &slot, &token);
	if (rv != CKR_OK)
		return p11_leave(rv);
	if (m) {
		*pInfo = (CK_MECHANISM_INFO){.flags = m->flags};
		key_sizes(token, m, pInfo);
	}
	ukey_token_unref(token);
	return p11_leave(m ? CKR_OK : CKR_MECHANISM_INVALID);
}
