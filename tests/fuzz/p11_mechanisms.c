/* SPDX-License-Identifier: Apache-2.0 */
/* Mechanisms and their parameters: what a step chooses. */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <stdlib.h>
#include <string.h>

/* Layouts of parameters (3.1 mechanisms, 2.11 to 2.15, 2.62); by themselves, whatever pkcs11.h has already. */
struct ctr {
	CK_ULONG bits;
	CK_BYTE block[16];
};
struct gcm {
	CK_BYTE *iv;
	CK_ULONG iv_len, iv_bits;
	CK_BYTE *aad;
	CK_ULONG aad_len, tag_bits;
};
struct ccm {
	CK_ULONG data_len;
	CK_BYTE *nonce;
	CK_ULONG nonce_len;
	CK_BYTE *aad;
	CK_ULONG aad_len, mac_len;
};
struct string {
	CK_BYTE *data;
	CK_ULONG len;
};
struct cbc_data {
	CK_BYTE iv[16];
	CK_BYTE *data;
	CK_ULONG len;
};
struct hkdf {
	CK_BBOOL extract, expand;
	CK_MECHANISM_TYPE prf;
	CK_ULONG salt_type;
	CK_BYTE *salt;
	CK_ULONG salt_len;
	CK_OBJECT_HANDLE salt_key;
	CK_BYTE *info;
	CK_ULONG info_len;
};

/* A hash that stands in a mechanism's name. */
static const struct {
	CK_MECHANISM_TYPE type, hash;
	CK_ULONG mgf, size;
} pss[] = {
	{CKM_RSA_PKCS_PSS,          CKM_SHA256,   CKG_MGF1_SHA256,   32},
	{CKM_SHA1_RSA_PKCS_PSS,     CKM_SHA_1,    CKG_MGF1_SHA1,     20},
	{CKM_SHA224_RSA_PKCS_PSS,   CKM_SHA224,   CKG_MGF1_SHA224,   28},
	{CKM_SHA256_RSA_PKCS_PSS,   CKM_SHA256,   CKG_MGF1_SHA256,   32},
	{CKM_SHA384_RSA_PKCS_PSS,   CKM_SHA384,   CKG_MGF1_SHA384,   48},
	{CKM_SHA512_RSA_PKCS_PSS,   CKM_SHA512,   CKG_MGF1_SHA512,   64},
	{CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224, CKG_MGF1_SHA3_224, 28},
	{CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256, CKG_MGF1_SHA3_256, 32},
	{CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384, CKG_MGF1_SHA3_384, 48},
	{CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512, CKG_MGF1_SHA3_512, 64},
};

CK_KEY_TYPE mechanism_key_type(CK_MECHANISM_TYPE m)
{
	if (m <= 0x0E || (m >= 0x40 && m <= 0x47) || (m >= 0x60 && m <= 0x68))
		return CKK_RSA;
	if (m >= 0x1040 && m <= 0x105F)
		return CKK_EC;
	if ((m >= 0x1070 && m <= 0x1110) || (m >= 0x2104 && m <= 0x210F))
		return CKK_AES;
	return CKK_GENERIC_SECRET;
}

/* The parameter as it should be, into `to`; its length. */
static size_t pss_parameter(const struct program *p, const struct step *s, CK_MECHANISM_TYPE type, void *to)
{
	CK_RSA_PKCS_PSS_PARAMS v = {CKM_SHA256, CKG_MGF1_SHA256, 32};

	for (size_t i = 0; i < sizeof pss / sizeof *pss; i++)
		if (pss[i].type == type)
			v = (CK_RSA_PKCS_PSS_PARAMS){pss[i].hash, pss[i].mgf, pss[i].size};
	if (s->parameter % 8 == 1)
		v.sLen = 0;
	if (s->parameter % 8 == 2)
		v.sLen = p->tame ? 20 : 1000;
	if (s->parameter % 8 == 3 && !p->tame)
		v.mgf = s->variant;
	memcpy(to, &v, sizeof v);
	return sizeof v;
}

static size_t oaep_parameter(const struct program *p, const struct step *s, uint8_t *data, void *to)
{
	CK_RSA_PKCS_OAEP_PARAMS v = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};

	if (!p->tame && s->parameter % 4 == 1) {
		v.hashAlg = CKM_SHA256;
		v.mgf = CKG_MGF1_SHA256;
	}
	if (!p->tame && s->parameter % 4 >= 2) {
		v.pSourceData = data;
		v.ulSourceDataLen = s->variant % 64;
	}
	memcpy(to, &v, sizeof v);
	return sizeof v;
}

static size_t ecdh_parameter(const struct program *p, const struct step *s, void *to)
{
	CK_ECDH1_DERIVE_PARAMS v = {CKD_NULL, 0, NULL, p->point.len, (CK_BYTE *)p->point.data};

	if (!p->tame && s->parameter % 4 == 1)
		v.kdf = s->variant;
	if (!p->tame && s->parameter % 4 == 2)
		v.ulPublicDataLen = p->point.len ? s->variant % p->point.len : 0;
	memcpy(to, &v, sizeof v);
	return sizeof v;
}

static size_t gcm_parameter(const struct program *p, const struct step *s, uint8_t *data, void *to)
{
	struct gcm v = {data, 12, 96, data + 16, s->variant % 32, 128};

	if (s->parameter % 8 == 1)
		v.aad = NULL, v.aad_len = 0;
	if (s->parameter % 8 == 2)
		v.tag_bits = 96;
	if (!p->tame && s->parameter % 8 == 3)
		v.iv_len = s->variant % 200, v.iv_bits = v.iv_len * 8;
	if (!p->tame && s->parameter % 8 == 4)
		v.tag_bits = s->variant;
	memcpy(to, &v, sizeof v);
	return sizeof v;
}

static size_t other_parameter(
	const struct program *p, const struct step *s, CK_MECHANISM_TYPE m, uint8_t *data, void *to)
{
	switch (m) {
	case CKM_AES_CTR: {
		struct ctr v = {p->tame ? 128 : 1 + s->variant % 130, {0}};
		memcpy(v.block, data, 16);
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_AES_CCM: {
		struct ccm v = {s->length, data, 12, data + 16, s->variant % 32, 16};
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_AES_CBC:
	case CKM_AES_CBC_PAD:
	case CKM_AES_OFB:
	case CKM_AES_CFB8:
	case CKM_AES_CFB128:
		memcpy(to, data, 16);
		return 16;
	case CKM_AES_GMAC:
		memcpy(to, data, 12);
		return 12;
	case CKM_AES_ECB_ENCRYPT_DATA:
	case CKM_CONCATENATE_BASE_AND_DATA:
	case CKM_CONCATENATE_DATA_AND_BASE: {
		struct string v = {data, 16u * (1 + s->variant % 4)};
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_AES_CBC_ENCRYPT_DATA: {
		struct cbc_data v = {{0}, data, 16u * (1 + s->variant % 4)};
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_CONCATENATE_BASE_AND_KEY: {
		CK_OBJECT_HANDLE v = p->object_count ? p->objects[s->other % p->object_count].handle : 0;
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_HKDF_DERIVE:
	case CKM_HKDF_DATA: {
		struct hkdf v = {s->variant % 2, 1, CKM_SHA256, s->parameter % 4, data, s->parameter % 32, 0, data, 20};
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	case CKM_SHA_1_HMAC_GENERAL:
	case CKM_SHA224_HMAC_GENERAL:
	case CKM_SHA256_HMAC_GENERAL:
	case CKM_SHA384_HMAC_GENERAL:
	case CKM_SHA512_HMAC_GENERAL:
	case CKM_SHA3_224_HMAC_GENERAL:
	case CKM_SHA3_256_HMAC_GENERAL:
	case CKM_SHA3_384_HMAC_GENERAL:
	case CKM_SHA3_512_HMAC_GENERAL:
	case CKM_AES_CMAC_GENERAL:
	case CKM_AES_MAC_GENERAL: {
		CK_ULONG v = p->tame ? 8 : s->variant % 70;
		memcpy(to, &v, sizeof v);
		return sizeof v;
	}
	default:
		return 0;
	}
}

static size_t good_parameter(
	const struct program *p, const struct step *s, CK_MECHANISM_TYPE m, uint8_t *data, void *to)
{
	for (size_t i = 0; i < sizeof pss / sizeof *pss; i++)
		if (pss[i].type == m)
			return pss_parameter(p, s, m, to);
	if (m == CKM_RSA_PKCS_OAEP)
		return oaep_parameter(p, s, data, to);
	if (m == CKM_ECDH1_DERIVE || m == CKM_ECDH1_COFACTOR_DERIVE)
		return ecdh_parameter(p, s, to);
	if (m == CKM_AES_GCM)
		return gcm_parameter(p, s, data, to);
	return other_parameter(p, s, m, data, to);
}

/* ---- which one ---- */

static CK_FLAGS flag_of(const char *function)
{
	static const struct {
		const char *part;
		CK_FLAGS flag;
	} parts[] = {
		{"GenerateKeyPair", CKF_GENERATE_KEY_PAIR},
		{"GenerateKey",     CKF_GENERATE         },
		{"Unwrap",          CKF_UNWRAP           },
		{"Wrap",            CKF_WRAP             },
		{"Derive",          CKF_DERIVE           },
		{"Digest",          CKF_DIGEST           },
		{"Encrypt",         CKF_ENCRYPT          },
		{"Decrypt",         CKF_DECRYPT          },
		{"Sign",            CKF_SIGN             },
		{"Verify",          CKF_VERIFY           },
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strstr(function, parts[i].part))
			return parts[i].flag;
	return 0;
}

static CK_MECHANISM_TYPE type_of(const struct program *p, const struct step *s, const char *function)
{
	static const CK_MECHANISM_TYPE strange[] = {0xFFFFFFFF, CKM_VENDOR_DEFINED, CKM_MD5_HMAC, CKM_DES3_CBC};
	CK_FLAGS flag = flag_of(function);
	size_t fitting = 0, nth;

	if (!p->tame && s->mechanism >= 0xF8)
		return strange[s->mechanism % 4];
	if (!p->tame && s->mechanism >= 0xE8)
		flag = 0;
	for (size_t i = 0; i < p->mechanism_count; i++)
		fitting += (p->mechanisms[i].flags & flag) == flag;
	if (!fitting)
		return CKM_RSA_PKCS;
	nth = s->mechanism % fitting;
	for (size_t i = 0; i < p->mechanism_count; i++)
		if ((p->mechanisms[i].flags & flag) == flag && nth-- == 0)
			return p->mechanisms[i].type;
	return CKM_RSA_PKCS;
}

CK_MECHANISM *choose_mechanism(struct program *p, const struct step *s, const char *function, struct parameter *store)
{
	const unsigned bent = p->tame || s->parameter < 0xC0 ? 0 : 1 + s->parameter % 8;
	uint64_t to[32] = {0};

	*store = (struct parameter){.mechanism = {.mechanism = type_of(p, s, function)}};
	for (size_t i = 0; i < sizeof store->data; i++)
		store->data[i] = (uint8_t)(s->variant + i * 3);
	size_t len = good_parameter(p, s, store->mechanism.mechanism, store->data, to);
	if (bent == 1)
		return NULL;
	if (bent == 2)
		len = len ? len - 1 : 1;
	if (bent == 3)
		len++;
	if (bent == 4)
		memset(to, 0, sizeof to);
	if (len && bent != 5) {
		store->heap = malloc(len);
		if (!store->heap)
			abort();
		memcpy(store->heap, to, len);
	}
	store->mechanism.pParameter = store->heap;
	store->mechanism.ulParameterLen = bent == 6 && !store->heap ? 16 : len;
	return &store->mechanism;
}

void choose_mechanism_free(struct parameter *store)
{
	free(store->heap);
}
