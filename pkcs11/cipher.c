/* SPDX-License-Identifier: Apache-2.0 */
/* The schemes of AES (2.40 mechanisms, 2.9 to 2.13), here on the host. */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/secmem.h"

/* What is collected at once: wrapped keys, and ciphertext whose tag comes last. */
#define WRAP_INPUT_MAX (2 * P11_SECRET_MAX)
#define GCM_INPUT_MAX  ((size_t)1 << 30)

/* The input has no length that the mode takes. */
static CK_RV length_range(const struct p11_operation *op)
{
	return p11_decrypts(op) ? CKR_ENCRYPTED_DATA_LEN_RANGE : CKR_DATA_LEN_RANGE;
}

/* ---- parameters ---- */

static CK_RV take_iv(struct p11_operation *op, const void *iv, CK_ULONG len)
{
	if (!iv || len > sizeof(op->iv))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(op->iv, iv, len);
	op->iv_len = len;
	return CKR_OK;
}

static CK_RV cbc_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	if (m->ulParameterLen != CRYPTO_AES_BLOCK)
		return CKR_MECHANISM_PARAM_INVALID;
	return take_iv(op, m->pParameter, m->ulParameterLen);
}

/* So many bytes until the counter has come round: its first `bits` from the right count. */
static uint64_t counter_room(const CK_BYTE cb[CRYPTO_AES_BLOCK], CK_ULONG bits)
{
	uint64_t more = 0;

	for (CK_ULONG i = bits; i-- > 0;) {
		if (more >> 58)
			return UINT64_MAX;
		more = more << 1 | !(cb[CRYPTO_AES_BLOCK - 1 - i / 8] >> i % 8 & 1);
	}
	return (more + 1) * CRYPTO_AES_BLOCK;
}

static CK_RV ctr_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	CK_AES_CTR_PARAMS p;

	if (!m->pParameter || m->ulParameterLen != sizeof(p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&p, m->pParameter, sizeof(p));
	if (!p.ulCounterBits || p.ulCounterBits > 8 * sizeof(p.cb))
		return CKR_MECHANISM_PARAM_INVALID;
	op->left = counter_room(p.cb, p.ulCounterBits);
	return take_iv(op, p.cb, sizeof(p.cb));
}

/* ulIvBits says what ulIvLen says, and nobody fills it alike: it is not looked at (3.0, 2.13.3 says so). */
static CK_RV gcm_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	CK_GCM_PARAMS p;
	CK_RV rv;

	/* C_MessageEncryptInit: the parameters come with each message. */
	if (op->use & (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT))
		return CKR_OK;
	if (!m->pParameter || m->ulParameterLen != sizeof(p))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&p, m->pParameter, sizeof(p));
	if (!p.ulIvLen || p11_bad_input(p.pAAD, p.ulAADLen) || !p11_gcm_tag_bits(p.ulTagBits))
		return CKR_MECHANISM_PARAM_INVALID;
	op->mac_len = p.ulTagBits / 8;
	rv = take_iv(op, p.pIv, p.ulIvLen);
	return rv == CKR_OK ? p11_keep_label(op, p.pAAD, p.ulAADLen) : rv;
}

bool p11_gcm_tag_bits(CK_ULONG bits)
{
	return bits >= 32 && bits <= 8 * CRYPTO_GCM_TAG_MAX && bits % 8 == 0;
}

/* RFC 3394's or RFC 5649's own value when there is none. */
static CK_RV wrap_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	if (!m->ulParameterLen)
		return CKR_OK;
	if (m->ulParameterLen != (op->mechanism->scheme->mode == CRYPTO_AES_KW ? 8 : 4))
		return CKR_MECHANISM_PARAM_INVALID;
	return take_iv(op, m->pParameter, m->ulParameterLen);
}

/* ---- modes ---- */

static CK_RV start(struct p11_operation *op)
{
	static const uint8_t zeros[12];
	bool messages = op->use & (CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT);
	struct bytes iv = messages ? BYTES_OF(zeros) : BYTES(op->iv, op->iv_len);
	CK_RV rv = CKR_OK;

	op->cipher = crypto_cipher_new((enum crypto_cipher)op->mechanism->scheme->mode, !p11_decrypts(op),
		BYTES(op->key.secret, op->key.secret_len), iv);
	p11_key_close(&op->key);
	if (!op->cipher || !crypto_cipher_aad(op->cipher, BYTES(op->label, op->label_len)))
		rv = CKR_HOST_MEMORY;
	return rv;
}

static CK_RV block_room(const struct p11_operation *op, size_t in, bool last, size_t *room)
{
	size_t all = crypto_cipher_held(op->cipher) + in;
	bool pads = op->mechanism->scheme->unpads;

	*room = crypto_cipher_room(op->cipher, in);
	if (!last)
		return CKR_OK;
	*room = pads && !p11_decrypts(op) ? all - all % CRYPTO_AES_BLOCK + CRYPTO_AES_BLOCK : all;
	if (*room % CRYPTO_AES_BLOCK || (pads && !*room))
		return length_range(op);
	return CKR_OK;
}

static CK_RV ctr_room(const struct p11_operation *op, size_t in, bool last, size_t *room)
{
	(void)last;
	*room = in;
	return in <= op->left ? CKR_OK : length_range(op);
}

static CK_RV stream(
	struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len)
{
	size_t n = 0, rest = 0;

	(void)s;
	if (in.len && !crypto_cipher_update(op->cipher, in, out, &n))
		return CKR_HOST_MEMORY;
	if (last && !crypto_cipher_final(op->cipher, out + n, &rest)) {
		bytes_wipe(out, n);
		return p11_decrypts(op) ? CKR_ENCRYPTED_DATA_INVALID : CKR_HOST_MEMORY;
	}
	*len = n + rest;
	return CKR_OK;
}

static CK_RV ctr(struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len)
{
	op->left -= in.len;
	return stream(s, op, in, last, out, len);
}

/* ---- GCM: the tag follows the ciphertext. Nothing of a plaintext is given out before its tag was checked. ---- */

static CK_RV gcm_room(const struct p11_operation *op, size_t in, bool last, size_t *room)
{
	size_t all = op->input_len + in;

	*room = 0;
	if (!p11_decrypts(op))
		*room = in + (last ? op->mac_len : 0);
	else if (last && all < op->mac_len)
		return CKR_ENCRYPTED_DATA_LEN_RANGE;
	else if (last)
		*room = all - op->mac_len;
	return CKR_OK;
}

static CK_RV gcm_open(struct p11_operation *op, struct bytes in, uint8_t *out, size_t *len)
{
	struct cursor c = cursor_of(in);
	struct bytes box = cursor_take(&c, in.len - op->mac_len), tag = cursor_rest(&c);

	if (!crypto_cipher_expect(op->cipher, tag))
		return CKR_HOST_MEMORY;
	return stream(NULL, op, box, true, out, len);
}

static CK_RV gcm(struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len)
{
	CK_RV rv;

	if (p11_decrypts(op) && last && !op->input_len)
		return gcm_open(op, in, out, len);
	if (p11_decrypts(op)) {
		*len = 0;
		rv = p11_collect(op, in, GCM_INPUT_MAX);
		if (rv != CKR_OK)
			return rv == CKR_DATA_LEN_RANGE ? CKR_ENCRYPTED_DATA_LEN_RANGE : rv;
		return last ? gcm_open(op, BYTES(op->input, op->input_len), out, len) : CKR_OK;
	}
	rv = stream(s, op, in, last, out, len);
	if (rv != CKR_OK || !last)
		return rv;
	if (!crypto_cipher_tag(op->cipher, out + *len, op->mac_len))
		return CKR_HOST_MEMORY;
	*len += op->mac_len;
	return CKR_OK;
}

/* ---- key wrapping: one piece, which parts are collected for ---- */

static CK_RV wrap_room(const struct p11_operation *op, size_t in, bool last, size_t *room)
{
	enum crypto_wrap wrap = (enum crypto_wrap)op->mechanism->scheme->mode;
	size_t all = op->input_len + in;

	*room = 0;
	if (!last)
		return CKR_OK;
	if (!p11_decrypts(op))
		*room = crypto_wrapped_size(wrap, all);
	else if (all % 8 == 0 && all >= (wrap == CRYPTO_AES_KW ? 24 : 16))
		*room = all - 8;
	return *room ? CKR_OK : length_range(op);
}

static CK_RV unwrap(struct p11_operation *op, struct bytes in, uint8_t *out, size_t *len)
{
	uint8_t *key = secmem_alloc(in.len);
	enum crypto_verdict verdict = CRYPTO_ERROR;

	if (key)
		verdict = crypto_key_unwrap((enum crypto_wrap)op->mechanism->scheme->mode,
			BYTES(op->key.secret, op->key.secret_len), BYTES(op->iv, op->iv_len), in, key, len);
	if (verdict == CRYPTO_GOOD)
		bytes_copy(out, BYTES(key, *len));
	secmem_free(key);
	return verdict == CRYPTO_GOOD ? CKR_OK : verdict == CRYPTO_BAD ? CKR_ENCRYPTED_DATA_INVALID : CKR_HOST_MEMORY;
}

static CK_RV wrap(
	struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out, size_t *len)
{
	CK_RV rv;

	(void)s;
	*len = 0;
	if (!last || op->input_len) {
		rv = p11_collect(op, in, WRAP_INPUT_MAX);
		if (rv != CKR_OK)
			return rv == CKR_DATA_LEN_RANGE ? length_range(op) : rv;
		in = BYTES(op->input, op->input_len);
	}
	if (!last)
		return CKR_OK;
	if (p11_decrypts(op))
		return unwrap(op, in, out, len);
	return crypto_key_wrap((enum crypto_wrap)op->mechanism->scheme->mode, BYTES(op->key.secret, op->key.secret_len),
		       BYTES(op->iv, op->iv_len), in, out, len)
		       ? CKR_OK
		       : CKR_HOST_MEMORY;
}

/* ---- the schemes ---- */

/* clang-format off */
#define BLOCKS .start = start, .room = block_room, .crypt = stream

const struct p11_scheme p11_aes_ecb = {BLOCKS, .mode = CRYPTO_AES_ECB};
const struct p11_scheme p11_aes_cbc = {BLOCKS, .parameters = cbc_parameters, .mode = CRYPTO_AES_CBC};
const struct p11_scheme p11_aes_cbc_pad = {
	BLOCKS, .parameters = cbc_parameters, .mode = CRYPTO_AES_CBC_PAD, .unpads = true,
};
const struct p11_scheme p11_aes_ctr = {
	.start = start, .room = ctr_room, .crypt = ctr, .parameters = ctr_parameters, .mode = CRYPTO_AES_CTR,
};
const struct p11_scheme p11_aes_gcm = {
	.start = start, .room = gcm_room, .crypt = gcm, .parameters = gcm_parameters, .mode = CRYPTO_AES_GCM,
};
const struct p11_scheme p11_aes_kw = {
	.room = wrap_room, .crypt = wrap, .parameters = wrap_parameters, .mode = CRYPTO_AES_KW, .unpads = true,
};
const struct p11_scheme p11_aes_kwp = {
	.room = wrap_room, .crypt = wrap, .parameters = wrap_parameters, .mode = CRYPTO_AES_KWP, .unpads = true,
};
/* clang-format on */
