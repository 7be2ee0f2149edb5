/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schemes of key pairs. The private half works on the token, one command for each use; the public half is no secret
 * and works here.
 */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/rsa_pad.h"
#include "common/secmem.h"

/* libukey's hashes and ours have the same order. */
_Static_assert((int)UKEY_SHA1 == (int)CRYPTO_SHA1 && (int)UKEY_SHA512 == (int)CRYPTO_SHA512 &&
		       (int)UKEY_SHA3_224 == (int)CRYPTO_SHA3_224 && (int)UKEY_SHA3_512 == (int)CRYPTO_SHA3_512,
	"the two lists of hashes differ");

static size_t modulus_len(const struct p11_operation *op)
{
	return op->key.public.modulus.len;
}

static size_t signature_size(const struct p11_operation *op)
{
	enum crypto_key_type type = op->key.public.type;

	return type == CRYPTO_RSA ? modulus_len(op) : 2 * crypto_field_size(type);
}

/* ---- parameters ---- */

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
	if (!rsa_pad_oaep_message_max(op->hash, modulus_len(op), &max))
		return CKR_MECHANISM_PARAM_INVALID;
	return p11_keep_label(op, p.pSourceData, p.ulSourceDataLen);
}

/* ---- the input of a signature ---- */

static CK_RV begin_hash(struct p11_operation *op)
{
	if (!op->mechanism->hash)
		return CKR_OK;
	op->digest = crypto_digest_new(op->mechanism->hash);
	return op->digest ? CKR_OK : CKR_HOST_MEMORY;
}

/* The longest that a mechanism signs that does not hash. */
static size_t input_max(const struct p11_operation *op)
{
	const struct p11_scheme *scheme = op->mechanism->scheme;

	if (scheme == &p11_rsa_pkcs1)
		return modulus_len(op) - RSA_PAD_PKCS1_OVERHEAD;
	return scheme == &p11_rsa_pss ? crypto_hash_size(op->hash) : modulus_len(op);
}

static CK_RV update(struct p11_operation *op, struct bytes part)
{
	if (op->digest)
		return crypto_digest_update(op->digest, part) ? CKR_OK : CKR_HOST_MEMORY;
	return p11_collect(op, part, input_max(op));
}

/* Any length; only the leftmost bits count (2.40 mechanisms, 2.3.1), and none after them need be kept. */
static CK_RV ecdsa_update(struct p11_operation *op, struct bytes part)
{
	size_t left = crypto_field_size(op->key.public.type) - op->input_len;

	if (!op->digest && part.len > left)
		part.len = left;
	return op->digest ? update(op, part) : p11_collect(op, part, op->input_len + part.len);
}

/* What the scheme signs: the digest, or what was collected. `digest` holds the first. */
static CK_RV signed_input(struct p11_operation *op, uint8_t digest[CRYPTO_DIGEST_MAX], struct bytes *in)
{
	*in = BYTES(op->input, op->input_len);
	if (op->digest) {
		*in = BYTES(digest, crypto_hash_size(op->mechanism->hash));
		return crypto_digest_final(op->digest, digest) ? CKR_OK : CKR_HOST_MEMORY;
	}
	if (op->mechanism->scheme == &p11_rsa_pss && in->len != crypto_hash_size(op->hash))
		return CKR_DATA_LEN_RANGE;
	if (op->mechanism->scheme == &p11_ecdsa && !in->len)
		return CKR_DATA_LEN_RANGE;
	return CKR_OK;
}

/* ---- signatures ---- */

static struct ukey_scheme token_scheme(const struct p11_operation *op)
{
	return (struct ukey_scheme){
		.padding = (enum ukey_padding)op->mechanism->scheme->mode,
		.hash = (enum ukey_hash)op->hash,
		.mgf = (enum ukey_hash)op->mgf,
		.salt_len = op->salt_len,
		.label = op->label,
		.label_len = op->label_len,
	};
}

/* An RSA block: zeros in front of what is shorter than the modulus. */
static struct bytes rsa_block(struct bytes in, size_t k, uint8_t *store)
{
	bytes_fill(store, 0, k - in.len);
	if (in.len)
		bytes_move(store + k - in.len, in.data, in.len);
	return BYTES(store, k);
}

/* Another program may have deleted the key since we looked. */
static CK_RV token_rv(enum ukey_status status)
{
	CK_RV rv = p11_rv(status);

	return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

static CK_RV make(struct p11_session *s, struct p11_operation *op, uint8_t *out)
{
	struct ukey_scheme scheme = token_scheme(op);
	uint8_t digest[CRYPTO_DIGEST_MAX], store[CRYPTO_RSA_BYTES_MAX];
	size_t len = signature_size(op);
	struct bytes in;
	CK_RV rv = signed_input(op, digest, &in);

	if (rv == CKR_OK)
		rv = p11_operation_ready(s, op);
	if (rv != CKR_OK)
		return rv;
	if (scheme.padding == UKEY_RAW)
		in = rsa_block(in, modulus_len(op), store);
	rv = token_rv(ukey_sign(s->token, op->key.ref, &scheme, in.data, in.len, out, &len));
	bytes_wipe(store, sizeof(store));
	return rv;
}

static CK_RV check(struct p11_operation *op, struct bytes signature)
{
	const struct crypto_scheme scheme = {op->mechanism->scheme->kind, op->hash, op->mgf, op->salt_len};
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct bytes in;
	CK_RV rv;

	if (signature.len != signature_size(op))
		return CKR_SIGNATURE_LEN_RANGE;
	rv = signed_input(op, digest, &in);
	if (rv != CKR_OK)
		return rv;
	switch (crypto_verify(&op->key.public, &scheme, in, signature)) {
	case CRYPTO_GOOD:
		return CKR_OK;
	case CRYPTO_BAD:
		return CKR_SIGNATURE_INVALID;
	default:
		/* The key and the lengths were looked at before: what is left is memory. */
		return CKR_HOST_MEMORY;
	}
}

/* A signature is no secret, nor is what it signs. */
static CK_RV recover(struct p11_operation *op, struct bytes signature, uint8_t *out, size_t *len)
{
	const size_t k = modulus_len(op);
	uint8_t block[CRYPTO_RSA_BYTES_MAX];
	struct bytes data = BYTES(block, k);

	if (signature.len != k)
		return CKR_SIGNATURE_LEN_RANGE;
	if (memcmp(signature.data, op->key.public.modulus.data, k) >= 0)
		return CKR_SIGNATURE_INVALID;
	if (!crypto_rsa_public(&op->key.public, signature, block))
		return CKR_HOST_MEMORY;
	if (op->mechanism->scheme == &p11_rsa_pkcs1 && !rsa_pad_pkcs1_recover(BYTES(block, k), &data))
		return CKR_SIGNATURE_INVALID;
	bytes_copy(out, data);
	*len = data.len;
	return CKR_OK;
}

/* ---- encryption and decryption: RSA knows one block, which parts are collected for ---- */

/* The longest plaintext. */
static size_t plain_max(const struct p11_operation *op)
{
	size_t k = modulus_len(op), max = 0;

	switch (op->mechanism->scheme->mode) {
	case UKEY_PKCS1:
		return k - RSA_PAD_PKCS1_OVERHEAD;
	case UKEY_OAEP:
		return rsa_pad_oaep_message_max(op->hash, k, &max) ? max : 0;
	default:
		return k;
	}
}

static CK_RV rsa_room(const struct p11_operation *op, size_t in, bool last, size_t *room)
{
	(void)in;
	*room = !last ? 0 : p11_decrypts(op) ? plain_max(op) : modulus_len(op);
	return CKR_OK;
}

static CK_RV decrypt(struct p11_session *s, struct p11_operation *op, struct bytes in, uint8_t *out, size_t *len)
{
	struct ukey_scheme scheme = token_scheme(op);
	CK_RV rv;

	if (in.len != modulus_len(op))
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	rv = p11_operation_ready(s, op);
	if (rv != CKR_OK)
		return rv;
	*len = plain_max(op);
	rv = token_rv(ukey_decrypt(s->token, op->key.ref, &scheme, in.data, in.len, out, len));
	return rv == CKR_DATA_INVALID || rv == CKR_DATA_LEN_RANGE ? CKR_ENCRYPTED_DATA_INVALID : rv;
}

static bool pad(const struct p11_operation *op, struct bytes in, uint8_t *block, size_t k)
{
	const struct rsa_pad_params params = {op->hash, op->mgf, 0};

	switch (op->mechanism->scheme->mode) {
	case UKEY_PKCS1:
		return rsa_pad_pkcs1_encrypt(in, block, k);
	case UKEY_OAEP:
		return rsa_pad_oaep_encrypt(&params, BYTES(op->label, op->label_len), in, block, k);
	default:
		rsa_block(in, k, block);
		return true;
	}
}

static CK_RV encrypt(const struct p11_operation *op, struct bytes in, uint8_t *out, size_t *len)
{
	size_t k = modulus_len(op);
	uint8_t *block;
	CK_RV rv = CKR_OK;

	if (in.len > plain_max(op))
		return CKR_DATA_LEN_RANGE;
	block = secmem_alloc(k);
	if (!block || !pad(op, in, block, k))
		rv = CKR_HOST_MEMORY;
	else if (op->mechanism->scheme == &p11_rsa_raw && memcmp(block, op->key.public.modulus.data, k) >= 0)
		rv = CKR_DATA_INVALID;
	else if (!crypto_rsa_public(&op->key.public, BYTES(block, k), out))
		rv = CKR_HOST_MEMORY;
	secmem_free(block);
	*len = k;
	return rv;
}

static CK_RV rsa_crypt(
	struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len)
{
	CK_RV rv = CKR_OK;

	*len = 0;
	if (!last || op->input_len) {
		rv = p11_collect(op, in, p11_decrypts(op) ? modulus_len(op) : plain_max(op));
		if (rv == CKR_DATA_LEN_RANGE && p11_decrypts(op))
			rv = CKR_ENCRYPTED_DATA_LEN_RANGE;
		in = BYTES(op->input, op->input_len);
	}
	if (rv != CKR_OK || !last)
		return rv;
	return p11_decrypts(op) ? decrypt(s, op, in, out, len) : encrypt(op, in, out, len);
}

/* ---- the schemes ---- */

/* clang-format off */
#define SIGNS   .start = begin_hash, .size = signature_size, .update = update, .make = make, .check = check
#define CRYPTS  .room = rsa_room, .crypt = rsa_crypt, .unpads = true

const struct p11_scheme p11_rsa_pkcs1 = {
	SIGNS, CRYPTS, .recover = recover, .mode = UKEY_PKCS1, .kind = CRYPTO_RSA_PKCS1,
};
const struct p11_scheme p11_rsa_raw = {
	SIGNS, CRYPTS, .recover = recover, .mode = UKEY_RAW, .kind = CRYPTO_RSA_RAW,
};
const struct p11_scheme p11_rsa_pss = {
	SIGNS, .parameters = pss_parameters, .mode = UKEY_PSS, .kind = CRYPTO_RSA_PSS,
};
const struct p11_scheme p11_rsa_oaep = {
	CRYPTS, .parameters = oaep_parameters, .mode = UKEY_OAEP,
};
const struct p11_scheme p11_ecdsa = {
	.start = begin_hash, .size = signature_size, .update = ecdsa_update, .make = make, .check = check,
	.mode = UKEY_ECDSA, .kind = CRYPTO_ECDSA,
};
/* clang-format on */
