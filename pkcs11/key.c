/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of operations: from an object to what the operation needs of it. */
#include "pkcs11/p11.h"

#include <string.h>

#include "common/secmem.h"

static bool keep(struct p11_key *key, size_t *at, struct bytes *b)
{
	if (b->len > sizeof(key->store) - *at)
		return false;
	if (b->len)
		bytes_copy(key->store + *at, *b);
	*b = BYTES(key->store + *at, b->len);
	*at += b->len;
	return true;
}

static CK_RV take_public(struct p11_key *key, struct crypto_pubkey public)
{
	size_t at = 0;

	key->public = public;
	if (!keep(key, &at, &key->public.modulus) || !keep(key, &at, &key->public.exponent) ||
		!keep(key, &at, &key->public.point))
		return CKR_KEY_SIZE_RANGE;
	return CKR_OK;
}

/* The point in an attribute or a parameter: DER of an OCTET STRING, or bare as many write it. */
struct bytes p11_point(struct bytes b, size_t field)
{
	struct bytes inner;

	if (b.len != 1 + 2 * field && tlv_unwrap(b, 0x04, &inner))
		return inner;
	return b;
}

CK_RV p11_public_from_attributes(const CK_ATTRIBUTE *list, CK_ULONG count, struct crypto_pubkey *out)
{
	CK_ULONG type = CK_UNAVAILABLE_INFORMATION;
	struct bytes oid;

	*out = (struct crypto_pubkey){0};
	if (p11_take_ulong(list, count, CKA_KEY_TYPE, &type, NULL) != CKR_OK)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (type == CKK_RSA) {
		out->type = CRYPTO_RSA;
		out->modulus = p11_take_bytes(list, count, CKA_MODULUS);
		out->exponent = p11_take_bytes(list, count, CKA_PUBLIC_EXPONENT);
		if (!out->modulus.len || !out->exponent.len)
			return CKR_TEMPLATE_INCOMPLETE;
		return crypto_pubkey_check(out) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
	}
	if (type != CKK_EC)
		return p11_find(list, count, CKA_KEY_TYPE) ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_TEMPLATE_INCOMPLETE;
	oid = p11_take_bytes(list, count, CKA_EC_PARAMS);
	out->point = p11_take_bytes(list, count, CKA_EC_POINT);
	if (!oid.len || !out->point.len)
		return CKR_TEMPLATE_INCOMPLETE;
	if (!crypto_curve_type(oid, &out->type))
		return CKR_CURVE_NOT_SUPPORTED;
	out->point = p11_point(out->point, crypto_field_size(out->type));
	return crypto_pubkey_check(out) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* ---- what a key may be used for ---- */

/* clang-format off */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_FLAGS use;
} uses[] = {
	{CKA_ENCRYPT,        CKF_ENCRYPT | CKF_MESSAGE_ENCRYPT},
	{CKA_DECRYPT,        CKF_DECRYPT | CKF_MESSAGE_DECRYPT},
	{CKA_SIGN,           CKF_SIGN},
	{CKA_VERIFY,         CKF_VERIFY},
	{CKA_SIGN_RECOVER,   CKF_SIGN_RECOVER},
	{CKA_VERIFY_RECOVER, CKF_VERIFY_RECOVER},
	{CKA_WRAP,           CKF_WRAP},
	{CKA_UNWRAP,         CKF_UNWRAP},
	{CKA_DERIVE,         CKF_DERIVE},
};
/* clang-format on */

static bool truth(struct p11_view *v, CK_ATTRIBUTE_TYPE type)
{
	struct p11_value value;
	bool yes = false;

	if (p11_attribute(v, type, &value) == CKR_OK) {
		yes = value.len == sizeof(CK_BBOOL) && *(const CK_BBOOL *)value.data != CK_FALSE;
		p11_value_clear(&value);
	}
	return yes;
}

static bool may(struct p11_view *v, CK_FLAGS use)
{
	bool yes = false;

	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses) && !yes; i++)
		yes = (uses[i].use & use) && truth(v, uses[i].type);
	return yes;
}

/* What only these ask for; signatures should not pay for it. */
static void take_bookkeeping(struct p11_view *v, CK_FLAGS use, struct p11_key *key)
{
	if (!(use & (CKF_DERIVE | CKF_WRAP)))
		return;
	key->always_sensitive = truth(v, CKA_ALWAYS_SENSITIVE);
	key->never_extractable = truth(v, CKA_NEVER_EXTRACTABLE);
	key->trusted = truth(v, CKA_TRUSTED);
}

/* No list, or an empty one, forbids nothing; the token's keys have the mechanisms that fit. */
static bool allowed(const struct p11_attributes *a, CK_MECHANISM_TYPE type)
{
	struct bytes list = a ? p11_take_bytes(a->list, a->count, CKA_ALLOWED_MECHANISMS) : BYTES_NONE;
	struct cursor c = cursor_of(list);
	CK_MECHANISM_TYPE one;

	while (c.left >= sizeof(one)) {
		struct bytes b = cursor_take(&c, sizeof(one));

		memcpy(&one, b.data, sizeof(one));
		if (one == type)
			return true;
	}
	return !list.len;
}

/* ---- from an object to a key ---- */

static CK_OBJECT_CLASS class_for(const struct p11_mechanism *m, CK_FLAGS use)
{
	if (m->key_type != CKK_RSA && m->key_type != CKK_EC)
		return CKO_SECRET_KEY;
	return use & P11_USES_PRIVATE ? CKO_PRIVATE_KEY : CKO_PUBLIC_KEY;
}

/* HMAC takes generic secrets and those made for its hash; HKDF has a type of its own beside. */
static bool type_fits(const struct p11_mechanism *m, CK_KEY_TYPE type)
{
	if (m->key_type == type)
		return true;
	if (m->key_type != CKK_GENERIC_SECRET)
		return false;
	return m->hash ? p11_hmac_hash(type) == m->hash : type == CKK_HKDF;
}

static CK_RV take_secret(const struct p11_attributes *a, struct p11_key *key)
{
	struct bytes value = p11_take_bytes(a->list, a->count, CKA_VALUE);

	p11_take_ulong(a->list, a->count, CKA_KEY_TYPE, &key->type, NULL);
	key->secret = secmem_dup(value);
	key->secret_len = value.len;
	return key->secret ? CKR_OK : CKR_HOST_MEMORY;
}

/* Bytes. A shorter modulus has no room for every padding, and protects nothing. */
#define MODULUS_MIN 64

static CK_RV take_session_public(const struct p11_attributes *a, struct p11_key *key)
{
	struct crypto_pubkey public;
	CK_RV rv = p11_public_from_attributes(a->list, a->count, &public);

	if (rv != CKR_OK)
		return rv == CKR_HOST_MEMORY ? rv : CKR_KEY_TYPE_INCONSISTENT;
	key->type = public.type == CRYPTO_RSA ? CKK_RSA : CKK_EC;
	if (public.type == CRYPTO_RSA && public.modulus.len < MODULUS_MIN)
		return CKR_KEY_SIZE_RANGE;
	return take_public(key, public);
}

static CK_RV take_token_key(const struct p11_view *v, struct p11_key *key)
{
	struct crypto_pubkey public;

	if (!p11_key_public(v->key, &public))
		return CKR_KEY_TYPE_INCONSISTENT;
	key->type = public.type == CRYPTO_RSA ? CKK_RSA : CKK_EC;
	key->ref = v->key->ref;
	key->always_authenticate = key->class == CKO_PRIVATE_KEY && v->key->always_authenticate;
	return take_public(key, public);
}

static CK_RV take(struct p11_view *v, const struct p11_mechanism *m, CK_FLAGS use, struct p11_key *key)
{
	CK_RV rv;

	key->class = p11_class(v);
	if (key->class != CKO_PRIVATE_KEY && key->class != CKO_PUBLIC_KEY && key->class != CKO_SECRET_KEY)
		return CKR_KEY_HANDLE_INVALID;
	if (key->class != class_for(m, use))
		return CKR_KEY_TYPE_INCONSISTENT;
	if (v->key)
		rv = take_token_key(v, key);
	else if (key->class == CKO_SECRET_KEY)
		rv = take_secret(v->object.attributes, key);
	else
		rv = take_session_public(v->object.attributes, key);
	if (rv == CKR_OK && !type_fits(m, key->type))
		rv = CKR_KEY_TYPE_INCONSISTENT;
	if (rv == CKR_OK && !allowed(v->object.attributes, m->type))
		rv = CKR_MECHANISM_INVALID;
	take_bookkeeping(v, use, key);
	key->is_private = key->class == CKO_SECRET_KEY && v->object.is_private;
	if (rv == CKR_OK && !may(v, use))
		rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
	return rv;
}

CK_RV p11_key_open(struct p11_session *s, CK_OBJECT_HANDLE handle, const struct p11_mechanism *m, CK_FLAGS use,
	struct p11_key *key)
{
	struct p11_view view;
	CK_RV rv = p11_view_open(s, handle, &view);

	*key = (struct p11_key){.handle = handle};
	if (rv == CKR_OBJECT_HANDLE_INVALID) {
		/* It may be there for who logs in: programs log in again when they hear so. */
		bool hidden = class_for(m, use) != CKO_PUBLIC_KEY && p11_object_exists(s->slot, handle);

		return hidden ? CKR_USER_NOT_LOGGED_IN : CKR_KEY_HANDLE_INVALID;
	}
	if (rv != CKR_OK)
		return rv;
	rv = take(&view, m, use, key);
	p11_view_close(&view);
	return rv;
}

void p11_key_close(struct p11_key *key)
{
	secmem_free(key->secret);
	key->secret = NULL;
	key->secret_len = 0;
}

CK_RV p11_key_alive(struct p11_session *s, const struct p11_key *key)
{
	CK_RV rv = p11_objects_sync(s->slot, s->token);

	if (rv == CKR_OK && !p11_object_exists(s->slot, key->handle))
		rv = CKR_KEY_HANDLE_INVALID;
	return rv;
}
