/* SPDX-License-Identifier: Apache-2.0 */
/* Mechanisms: one table, and how an operation starts and ends. */
#include "pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>

#include "common/rsa_pad.h"
#include "common/secmem.h"

#define SV  (CKF_HW | CKF_SIGN | CKF_VERIFY)
#define ED  (CKF_HW | CKF_ENCRYPT | CKF_DECRYPT)
#define EC  (CKF_EC_F_P | CKF_EC_OID | CKF_EC_UNCOMPRESS)
#define ANY CK_UNAVAILABLE_INFORMATION /* no key */

/*
 * Private keys work on the token, public ones and digests here. A mechanism that hashes hashes here: the data need not
 * travel. Order: what programs that take the first fitting one should find first.
 */
/* clang-format off */
static const struct p11_mechanism mechanisms[] = {
	{CKM_RSA_PKCS,               P11_RSA_PKCS1,    CRYPTO_NO_HASH,  CKK_RSA, SV | ED},
	{CKM_SHA256_RSA_PKCS,        P11_RSA_PKCS1,    CRYPTO_SHA256,   CKK_RSA, SV},
	{CKM_SHA384_RSA_PKCS,        P11_RSA_PKCS1,    CRYPTO_SHA384,   CKK_RSA, SV},
	{CKM_SHA512_RSA_PKCS,        P11_RSA_PKCS1,    CRYPTO_SHA512,   CKK_RSA, SV},
	{CKM_SHA224_RSA_PKCS,        P11_RSA_PKCS1,    CRYPTO_SHA224,   CKK_RSA, SV},
	{CKM_SHA1_RSA_PKCS,          P11_RSA_PKCS1,    CRYPTO_SHA1,     CKK_RSA, SV},
	{CKM_SHA3_224_RSA_PKCS,      P11_RSA_PKCS1,    CRYPTO_SHA3_224, CKK_RSA, SV},
	{CKM_SHA3_256_RSA_PKCS,      P11_RSA_PKCS1,    CRYPTO_SHA3_256, CKK_RSA, SV},
	{CKM_SHA3_384_RSA_PKCS,      P11_RSA_PKCS1,    CRYPTO_SHA3_384, CKK_RSA, SV},
	{CKM_SHA3_512_RSA_PKCS,      P11_RSA_PKCS1,    CRYPTO_SHA3_512, CKK_RSA, SV},
	{CKM_RSA_PKCS_PSS,           P11_RSA_PSS,      CRYPTO_NO_HASH,  CKK_RSA, SV},
	{CKM_SHA256_RSA_PKCS_PSS,    P11_RSA_PSS,      CRYPTO_SHA256,   CKK_RSA, SV},
	{CKM_SHA384_RSA_PKCS_PSS,    P11_RSA_PSS,      CRYPTO_SHA384,   CKK_RSA, SV},
	{CKM_SHA512_RSA_PKCS_PSS,    P11_RSA_PSS,      CRYPTO_SHA512,   CKK_RSA, SV},
	{CKM_SHA224_RSA_PKCS_PSS,    P11_RSA_PSS,      CRYPTO_SHA224,   CKK_RSA, SV},
	{CKM_SHA1_RSA_PKCS_PSS,      P11_RSA_PSS,      CRYPTO_SHA1,     CKK_RSA, SV},
	{CKM_SHA3_224_RSA_PKCS_PSS,  P11_RSA_PSS,      CRYPTO_SHA3_224, CKK_RSA, SV},
	{CKM_SHA3_256_RSA_PKCS_PSS,  P11_RSA_PSS,      CRYPTO_SHA3_256, CKK_RSA, SV},
	{CKM_SHA3_384_RSA_PKCS_PSS,  P11_RSA_PSS,      CRYPTO_SHA3_384, CKK_RSA, SV},
	{CKM_SHA3_512_RSA_PKCS_PSS,  P11_RSA_PSS,      CRYPTO_SHA3_512, CKK_RSA, SV},
	{CKM_RSA_PKCS_OAEP,          P11_RSA_OAEP,     CRYPTO_NO_HASH,  CKK_RSA, ED},
	{CKM_RSA_X_509,              P11_RSA_RAW,      CRYPTO_NO_HASH,  CKK_RSA, SV | ED},
	{CKM_ECDSA,                  P11_ECDSA,        CRYPTO_NO_HASH,  CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA256,           P11_ECDSA,        CRYPTO_SHA256,   CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA384,           P11_ECDSA,        CRYPTO_SHA384,   CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA512,           P11_ECDSA,        CRYPTO_SHA512,   CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA224,           P11_ECDSA,        CRYPTO_SHA224,   CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA1,             P11_ECDSA,        CRYPTO_SHA1,     CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA3_224,         P11_ECDSA,        CRYPTO_SHA3_224, CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA3_256,         P11_ECDSA,        CRYPTO_SHA3_256, CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA3_384,         P11_ECDSA,        CRYPTO_SHA3_384, CKK_EC,  SV | EC},
	{CKM_ECDSA_SHA3_512,         P11_ECDSA,        CRYPTO_SHA3_512, CKK_EC,  SV | EC},
	{CKM_ECDH1_DERIVE,           P11_ECDH,         CRYPTO_NO_HASH,  CKK_EC,  CKF_HW | CKF_DERIVE | EC},
	{CKM_RSA_PKCS_KEY_PAIR_GEN,  P11_GENERATE_RSA, CRYPTO_NO_HASH,  CKK_RSA, CKF_HW | CKF_GENERATE_KEY_PAIR},
	{CKM_EC_KEY_PAIR_GEN,        P11_GENERATE_EC,  CRYPTO_NO_HASH,  CKK_EC,  CKF_HW | CKF_GENERATE_KEY_PAIR | EC},
	{CKM_SHA_1,                  P11_DIGEST,       CRYPTO_SHA1,     ANY,     CKF_DIGEST},
	{CKM_SHA224,                 P11_DIGEST,       CRYPTO_SHA224,   ANY,     CKF_DIGEST},
	{CKM_SHA256,                 P11_DIGEST,       CRYPTO_SHA256,   ANY,     CKF_DIGEST},
	{CKM_SHA384,                 P11_DIGEST,       CRYPTO_SHA384,   ANY,     CKF_DIGEST},
	{CKM_SHA512,                 P11_DIGEST,       CRYPTO_SHA512,   ANY,     CKF_DIGEST},
	{CKM_SHA3_224,               P11_DIGEST,       CRYPTO_SHA3_224, ANY,     CKF_DIGEST},
	{CKM_SHA3_256,               P11_DIGEST,       CRYPTO_SHA3_256, ANY,     CKF_DIGEST},
	{CKM_SHA3_384,               P11_DIGEST,       CRYPTO_SHA3_384, ANY,     CKF_DIGEST},
	{CKM_SHA3_512,               P11_DIGEST,       CRYPTO_SHA3_512, ANY,     CKF_DIGEST},
};

static const struct {
	CK_MECHANISM_TYPE mechanism;
	CK_RSA_PKCS_MGF_TYPE mgf;
	enum crypto_hash hash;
} hashes[] = {
	{CKM_SHA_1,    CKG_MGF1_SHA1,     CRYPTO_SHA1},
	{CKM_SHA224,   CKG_MGF1_SHA224,   CRYPTO_SHA224},
	{CKM_SHA256,   CKG_MGF1_SHA256,   CRYPTO_SHA256},
	{CKM_SHA384,   CKG_MGF1_SHA384,   CRYPTO_SHA384},
	{CKM_SHA512,   CKG_MGF1_SHA512,   CRYPTO_SHA512},
	{CKM_SHA3_224, CKG_MGF1_SHA3_224, CRYPTO_SHA3_224},
	{CKM_SHA3_256, CKG_MGF1_SHA3_256, CRYPTO_SHA3_256},
	{CKM_SHA3_384, CKG_MGF1_SHA3_384, CRYPTO_SHA3_384},
	{CKM_SHA3_512, CKG_MGF1_SHA3_512, CRYPTO_SHA3_512},
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

/* Sizes of the keys that this token can have. */
static void key_sizes(struct ukey_token *token, CK_KEY_TYPE type, CK_MECHANISM_INFO *info)
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
		key_sizes(token, m->key_type, pInfo);
	}
	ukey_token_unref(token);
	return p11_leave(m ? CKR_OK : CKR_MECHANISM_INVALID);
}

/* ---- operations ---- */

void p11_operation_end(struct p11_operation *op)
{
	crypto_digest_free(op->digest);
	free(op->label);
	secmem_free(op->input);
	secmem_free(op->result);
	*op = (struct p11_operation){0};
}

static CK_RV no_parameters(const CK_MECHANISM *m)
{
	return m->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

static CK_RV pss_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	CK_RSA_PKCS_PSS_PARAMS p;
	size_t max;

	if (!m->pParameter || m->ulParameterLen != sizeof(p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&p, m->pParameter, sizeof(p));
	op->hash = p11_hash(p.hashAlg);
	op->mgf = p11_mgf(p.mgf);
	op->salt_len = p.sLen;
	if (!op->hash || !op->mgf || (op->mechanism->hash && op->mechanism->hash != op->hash))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!rsa_pad_pss_salt_max(op->hash, crypto_pubkey_bits(&op->key.public), &max) || p.sLen > max)
		return CKR_MECHANISM_PARAM_INVALID;
	return CKR_OK;
}

/* Source 0 without a label is what pkcs11-tool sends for "no label". */
static CK_RV oaep_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	CK_RSA_PKCS_OAEP_PARAMS p;
	size_t max;

	if (!m->pParameter || m->ulParameterLen != sizeof(p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&p, m->pParameter, sizeof(p));
	op->hash = p11_hash(p.hashAlg);
	op->mgf = p11_mgf(p.mgf);
	if (!op->hash || !op->mgf || p11_bad_input(p.pSourceData, p.ulSourceDataLen) ||
		(p.source != CKZ_DATA_SPECIFIED && (p.source != 0 || p.ulSourceDataLen)))
		return CKR_MECHANISM_PARAM_INVALID;
	if (!rsa_pad_oaep_message_max(op->hash, op->key.public.modulus.len, &max))
		return CKR_MECHANISM_PARAM_INVALID;
	if (p.ulSourceDataLen) {
		op->label = malloc(p.ulSourceDataLen);
		if (!op->label)
			return CKR_HOST_MEMORY;
		memcpy(op->label, p.pSourceData, p.ulSourceDataLen);
		op->label_len = p.ulSourceDataLen;
	}
	return CKR_OK;
}

static CK_RV parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	op->hash = op->mechanism->hash;
	if (op->mechanism->scheme == P11_RSA_PSS)
		return pss_parameters(op, m);
	if (op->mechanism->scheme == P11_RSA_OAEP)
		return oaep_parameters(op, m);
	return no_parameters(m);
}

static CK_RV take_key(struct p11_session *s, struct p11_operation *op, CK_FLAGS flag, CK_OBJECT_HANDLE handle)
{
	unsigned use = flag & (CKF_SIGN | CKF_VERIFY) ? UKEY_USE_SIGN : UKEY_USE_DECRYPT;
	CK_KEY_TYPE type;
	CK_RV rv = p11_key_open(s, handle, flag & (CKF_SIGN | CKF_DECRYPT), &op->key);

	if (rv != CKR_OK)
		return rv;
	type = op->key.public.type == CRYPTO_RSA ? CKK_RSA : CKK_EC;
	if (op->mechanism->key_type != type)
		return CKR_KEY_TYPE_INCONSISTENT;
	return op->key.usage & use ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED;
}

static CK_RV start(
	struct p11_session *s, struct p11_operation *op, CK_FLAGS flag, const CK_MECHANISM *m, CK_OBJECT_HANDLE handle)
{
	CK_RV rv = CKR_OK;

	op->mechanism = p11_mechanism(m->mechanism);
	if (!op->mechanism || !(op->mechanism->flags & flag))
		return CKR_MECHANISM_INVALID;
	if (p11_bad_input(m->pParameter, m->ulParameterLen))
		return CKR_ARGUMENTS_BAD;
	if (flag != CKF_DIGEST)
		rv = take_key(s, op, flag, handle);
	if (rv == CKR_OK)
		rv = parameters(op, m);
	if (rv == CKR_OK && op->mechanism->hash) {
		op->digest = crypto_digest_new(op->mechanism->hash);
		if (!op->digest)
			rv = CKR_HOST_MEMORY;
	}
	return rv;
}

CK_RV p11_operation_init(struct p11_session *s, struct p11_operation *op, CK_FLAGS flag, CK_MECHANISM_PTR mechanism,
	CK_OBJECT_HANDLE key)
{
	CK_RV rv;

	if (!mechanism) {
		/* 3.0: ends an active operation. A 2.40 caller does this only by mistake. */
		if (!op->mechanism)
			return CKR_ARGUMENTS_BAD;
		p11_operation_end(op);
		return CKR_OK;
	}
	if (op->mechanism)
		return CKR_OPERATION_ACTIVE;
	rv = start(s, op, flag, mechanism, key);
	if (rv != CKR_OK)
		p11_operation_end(op);
	return rv;
}

static CK_RV feed(struct p11_operation *op, struct bytes part, size_t max)
{
	if (!op->input) {
		op->input = secmem_alloc(max);
		if (!op->input)
			return CKR_HOST_MEMORY;
	}
	if (part.len > max - op->input_len)
		return CKR_DATA_LEN_RANGE;
	bytes_copy(op->input + op->input_len, part);
	op->input_len += part.len;
	return CKR_OK;
}

CK_RV p11_operation_update(struct p11_operation *op, const void *part, size_t len, size_t max)
{
	if (p11_bad_input(part, len))
		return CKR_ARGUMENTS_BAD;
	op->mode = P11_MULTI;
	if (!op->digest)
		return feed(op, BYTES(part, len), max);
	return !len || crypto_digest_update(op->digest, BYTES(part, len)) ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV p11_operation_digest(struct p11_operation *op, struct bytes data, uint8_t *out, size_t *len)
{
	if (data.len && !crypto_digest_update(op->digest, data))
		return CKR_HOST_MEMORY;
	if (!crypto_digest_final(op->digest, out))
		return CKR_HOST_MEMORY;
	*len = crypto_hash_size(op->mechanism->hash);
	return CKR_OK;
}

/* libukey's hashes and ours have the same order. */
_Static_assert((int)UKEY_SHA1 == (int)CRYPTO_SHA1 && (int)UKEY_SHA512 == (int)CRYPTO_SHA512 &&
		       (int)UKEY_SHA3_224 == (int)CRYPTO_SHA3_224 && (int)UKEY_SHA3_512 == (int)CRYPTO_SHA3_512,
	"the two lists of hashes differ");

struct ukey_scheme p11_operation_scheme(const struct p11_operation *op, enum ukey_padding padding)
{
	return (struct ukey_scheme){
		.padding = padding,
		.hash = (enum ukey_hash)op->hash,
		.mgf = (enum ukey_hash)op->mgf,
		.salt_len = op->salt_len,
		.label = op->label,
		.label_len = op->label_len,
	};
}
