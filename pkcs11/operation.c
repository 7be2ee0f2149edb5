/* SPDX-License-Identifier: Apache-2.0 */
/* How operations start, go on and end, whatever their scheme. */
#include "pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>

#include "common/secmem.h"

/* ---- which one ---- */

/* clang-format off */
static const struct {
	CK_FLAGS use;
	size_t at;
} operations[] = {
	{CKF_SIGN,            offsetof(struct p11_session, sign)},
	{CKF_VERIFY,          offsetof(struct p11_session, verify)},
	{CKF_SIGN_RECOVER,    offsetof(struct p11_session, sign_recover)},
	{CKF_VERIFY_RECOVER,  offsetof(struct p11_session, verify_recover)},
	{CKF_ENCRYPT,         offsetof(struct p11_session, encrypt)},
	{CKF_DECRYPT,         offsetof(struct p11_session, decrypt)},
	{CKF_DIGEST,          offsetof(struct p11_session, digest)},
	{CKF_MESSAGE_ENCRYPT, offsetof(struct p11_session, message_encrypt)},
	{CKF_MESSAGE_DECRYPT, offsetof(struct p11_session, message_decrypt)},
};

const CK_FLAGS p11_uses[] = {
	CKF_SIGN, CKF_VERIFY, CKF_SIGN_RECOVER, CKF_VERIFY_RECOVER, CKF_ENCRYPT, CKF_DECRYPT, CKF_DIGEST,
	CKF_MESSAGE_ENCRYPT, CKF_MESSAGE_DECRYPT, 0,
};
/* clang-format on */

struct p11_operation *p11_operation_of(struct p11_session *s, CK_FLAGS use)
{
	for (size_t i = 0; i < sizeof(operations) / sizeof(*operations); i++)
		if (operations[i].use == use)
			return (struct p11_operation *)(void *)((char *)s + operations[i].at);
	return NULL;
}

/* ---- beginning and end ---- */

void p11_operation_end(struct p11_operation *op)
{
	crypto_digest_free(op->digest);
	crypto_mac_free(op->mac);
	crypto_cipher_free(op->cipher);
	p11_key_close(&op->key);
	free(op->label);
	secmem_free(op->input);
	secmem_free(op->result);
	*op = (struct p11_operation){0};
}

CK_RV p11_no_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	(void)op;
	return m->ulParameterLen ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

CK_RV p11_keep_label(struct p11_operation *op, const void *data, CK_ULONG len)
{
	if (!len)
		return CKR_OK;
	op->label = malloc(len);
	if (!op->label)
		return CKR_HOST_MEMORY;
	memcpy(op->label, data, len);
	op->label_len = len;
	return CKR_OK;
}

static CK_RV start(struct p11_session *s, struct p11_operation *op, const CK_MECHANISM *m, CK_OBJECT_HANDLE key)
{
	const struct p11_mechanism *mechanism = p11_mechanism(m->mechanism);
	CK_RV rv = CKR_OK;

	if (!mechanism || !mechanism->scheme || !(mechanism->flags & op->use))
		return CKR_MECHANISM_INVALID;
	if (p11_bad_input(m->pParameter, m->ulParameterLen))
		return CKR_ARGUMENTS_BAD;
	if (op->use != CKF_DIGEST)
		rv = p11_key_open(s, key, mechanism, op->use, &op->key);
	if (rv != CKR_OK)
		return rv;
	op->mechanism = mechanism;
	op->hash = mechanism->hash;
	rv = mechanism->scheme->parameters ? mechanism->scheme->parameters(op, m) : p11_no_parameters(op, m);
	if (rv == CKR_OK && mechanism->scheme->start)
		rv = mechanism->scheme->start(op);
	return rv;
}

CK_RV p11_operation_start(struct p11_session *s, struct p11_operation *op, CK_FLAGS use, const CK_MECHANISM *mechanism,
	CK_OBJECT_HANDLE key)
{
	CK_RV rv;

	op->use = use;
	rv = start(s, op, mechanism, key);
	if (rv != CKR_OK)
		p11_operation_end(op);
	return rv;
}

/* One that nobody gave its PIN or anything else: ssh-agent leaves it so, and would never sign again. */
static bool abandoned(struct p11_session *s, const struct p11_operation *op)
{
	return op->mechanism && op->key.always_authenticate && op->mode == P11_SINGLE &&
	       !p11_operation_authenticated(s, op);
}

CK_RV p11_operation_init_from(
	CK_SESSION_HANDLE session, CK_FLAGS use, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_session_enter_from(session, &s, function);

	if (rv != CKR_OK)
		return rv;
	op = p11_operation_of(s, use);
	if (mechanism && abandoned(s, op))
		p11_operation_end(op);
	if (mechanism && op->mechanism)
		rv = CKR_OPERATION_ACTIVE;
	else if (mechanism)
		rv = p11_operation_start(s, op, use, mechanism, key);
	else if (!op->mechanism)
		/* 3.0: no mechanism ends an active operation. A 2.40 caller does this only by mistake. */
		rv = CKR_ARGUMENTS_BAD;
	else
		p11_operation_end(op);
	return p11_session_leave(s, rv);
}

void p11_operation_settle(struct p11_operation *op, const void *out, CK_RV rv)
{
	if (!(rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && !out)))
		p11_operation_end(op);
}

CK_RV p11_operation_enter_from(CK_SESSION_HANDLE session, CK_FLAGS use, struct p11_session **s,
	struct p11_operation **op, const char *function)
{
	CK_RV rv = p11_session_enter_from(session, s, function);

	if (rv != CKR_OK)
		return rv;
	*op = p11_operation_of(*s, use);
	return (*op)->mechanism ? CKR_OK : p11_session_leave_from(*s, CKR_OPERATION_NOT_INITIALIZED, function);
}

CK_RV p11_operation_leave(struct p11_session *s, struct p11_operation *op, const void *out, CK_RV rv)
{
	p11_operation_settle(op, out, rv);
	return p11_session_leave(s, rv);
}

CK_RV p11_operation_ready(struct p11_session *s, const struct p11_operation *op)
{
	CK_RV rv = p11_key_alive(s, &op->key);

	if (rv == CKR_OK && op->key.always_authenticate && !p11_operation_authenticated(s, op) &&
		!p11_operation_may_try(s, op))
		rv = CKR_USER_NOT_LOGGED_IN;
	return rv;
}

CK_RV p11_operation_owned(struct p11_session *s, const struct p11_operation *op)
{
	return op->key.is_private && p11_role(s) != UKEY_USER ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

/* ---- input ---- */

CK_RV p11_collect(struct p11_operation *op, struct bytes part, size_t max)
{
	size_t room = op->input_room ? op->input_room : 512;
	uint8_t *more;

	if (part.len > max - op->input_len)
		return CKR_DATA_LEN_RANGE;
	while (room < op->input_len + part.len)
		room *= 2;
	if (!op->input || room != op->input_room) {
		more = secmem_alloc(room);
		if (!more)
			return CKR_HOST_MEMORY;
		bytes_copy(more, BYTES(op->input, op->input_len));
		secmem_free(op->input);
		op->input = more;
		op->input_room = room;
	}
	bytes_copy(op->input + op->input_len, part);
	op->input_len += part.len;
	return CKR_OK;
}

/* ---- signatures, MACs, digests ---- */

CK_RV p11_operation_update(struct p11_operation *op, const void *part, CK_ULONG len)
{
	if (p11_bad_input(part, len))
		return CKR_ARGUMENTS_BAD;
	op->mode = P11_MULTI;
	return len ? op->mechanism->scheme->update(op, BYTES(part, len)) : CKR_OK;
}

static CK_RV make(struct p11_session *s, struct p11_operation *op, struct bytes data, CK_BYTE *out, CK_ULONG *out_len)
{
	const struct p11_scheme *scheme = op->mechanism->scheme;
	size_t need = scheme->size(op);
	CK_RV rv = p11_operation_owned(s, op);

	if (rv != CKR_OK)
		return rv;
	if (!out || *out_len < need) {
		*out_len = need;
		return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	if (data.len)
		rv = scheme->update(op, data);
	if (rv == CKR_OK)
		rv = scheme->make(s, op, out);
	if (rv == CKR_OK)
		*out_len = need;
	return rv;
}

CK_RV p11_make_at_once(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR data, CK_ULONG data_len, CK_BYTE_PTR out,
	CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	if (op->mode == P11_MULTI)
		return p11_session_leave_from(s, CKR_OPERATION_ACTIVE, function);
	if (!out_len || p11_bad_input(data, data_len))
		return p11_operation_leave(s, op, NULL, CKR_ARGUMENTS_BAD);
	return p11_operation_leave(s, op, out, make(s, op, BYTES(data, data_len), out, out_len));
}

CK_RV p11_make_part(CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR part, CK_ULONG part_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	return rv == CKR_OK ? p11_operation_leave(s, op, NULL, p11_operation_update(op, part, part_len)) : rv;
}

CK_RV p11_make_last(
	CK_SESSION_HANDLE session, CK_FLAGS use, CK_BYTE_PTR out, CK_ULONG_PTR out_len, const char *function)
{
	struct p11_operation *op;
	struct p11_session *s;
	CK_RV rv = p11_operation_enter_from(session, use, &s, &op, function);

	if (rv != CKR_OK)
		return rv;
	if (!out_len)
		return p11_operation_leave(s, op, NULL, CKR_ARGUMENTS_BAD);
	return p11_operation_leave(s, op, out, make(s, op, BYTES_NONE, out, out_len));
}

/* ---- encryption and decryption ---- */

/* Callers may work in one place (2.40, 5.2); the schemes may not. */
static bool overlap(struct bytes in, const CK_BYTE *out, size_t out_len)
{
	uintptr_t a = (uintptr_t)in.data, b = (uintptr_t)out;

	return in.len && out_len && a < b + out_len && b < a + in.len;
}

bool p11_apart(struct bytes *in, const uint8_t *out, size_t room, uint8_t **copy)
{
	*copy = NULL;
	if (!overlap(*in, out, room))
		return true;
	*copy = secmem_dup(*in);
	in->data = *copy;
	return *copy;
}

static CK_RV crypt(struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, uint8_t *out,
	size_t room, size_t *len)
{
	uint8_t *copy;
	CK_RV rv;

	if (!p11_apart(&in, out, room, &copy))
		return CKR_HOST_MEMORY;
	rv = op->mechanism->scheme->crypt(s, op, in, last, out, len);
	secmem_free(copy);
	return rv;
}

/* The call comes again. With another input, or in another function, it is another call: that result is not for it. */
static CK_RV check_repeated(const struct p11_operation *op, struct bytes in, bool last)
{
	uint8_t digest[32];

	if (!crypto_digest(CRYPTO_SHA256, in, digest))
		return CKR_HOST_MEMORY;
	return last && bytes_equal(BYTES_OF(digest), BYTES_OF(op->result_of)) ? CKR_OK : CKR_ENCRYPTED_DATA_INVALID;
}

static CK_RV give_result(const struct p11_operation *op, CK_BYTE *out, CK_ULONG *out_len)
{
	bool fits = *out_len >= op->result_len;

	*out_len = op->result_len;
	if (!out)
		return CKR_OK;
	if (fits)
		bytes_copy(out, BYTES(op->result, op->result_len));
	return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

/*
 * Where only the decryption tells how long the plaintext is, a caller with too little room gets its length and comes
 * again; the result is kept for that, so that the token works (and asks for its button) once.
 */
CK_RV p11_operation_crypt(
	struct p11_session *s, struct p11_operation *op, struct bytes in, bool last, CK_BYTE *out, CK_ULONG *out_len)
{
	const struct p11_scheme *scheme = op->mechanism->scheme;
	size_t room = 0, len = 0;
	CK_RV rv = p11_operation_owned(s, op);

	if (rv != CKR_OK)
		return rv;
	if (op->result) {
		rv = check_repeated(op, in, last);
		return rv == CKR_OK ? give_result(op, out, out_len) : rv;
	}
	rv = scheme->room(op, in.len, last, &room);
	if (rv != CKR_OK)
		return rv;
	if (out && *out_len >= room) {
		rv = crypt(s, op, in, last, out, room, &len);
		if (rv == CKR_OK)
			*out_len = len;
		return rv;
	}
	if (!out || !(scheme->unpads && p11_decrypts(op) && last)) {
		*out_len = room;
		return out ? CKR_BUFFER_TOO_SMALL : CKR_OK;
	}
	op->result = secmem_alloc(room);
	if (!op->result || !crypto_digest(CRYPTO_SHA256, in, op->result_of))
		return CKR_HOST_MEMORY;
	rv = crypt(s, op, in, last, op->result, room, &op->result_len);
	return rv == CKR_OK ? give_result(op, out, out_len) : rv;
}
