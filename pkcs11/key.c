/* SPDX-License-Identifier: Apache-2.0 */
/* Keys of operations: from an object to what the operation needs of it. */
#include "pkcs11/p11.h"

#include <string.h>

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

static CK_RV session_key(const struct p11_attributes *a, struct p11_key *key)
{
	bool verify = true, encrypt = true;
	struct crypto_pubkey public;
	CK_RV rv = p11_public_from_attributes(a->list, a->count, &public);

	if (rv != CKR_OK)
		return rv == CKR_HOST_MEMORY ? rv : CKR_KEY_TYPE_INCONSISTENT;
	p11_take_bool(a->list, a->count, CKA_VERIFY, &verify, NULL);
	p11_take_bool(a->list, a->count, CKA_ENCRYPT, &encrypt, NULL);
	key->usage = (verify ? UKEY_USE_SIGN : 0) | (encrypt ? UKEY_USE_DECRYPT : 0);
	return take_public(key, public);
}

static CK_RV token_key(const struct p11_view *v, struct p11_key *key)
{
	struct crypto_pubkey public;

	if (!p11_key_public(v->key, &public))
		return CKR_KEY_TYPE_INCONSISTENT;
	key->on_token = true;
	key->ref = v->key->ref;
	key->usage = v->key->usage;
	key->always_authenticate = v->key->always_authenticate;
	return take_public(key, public);
}

CK_RV p11_key_open(struct p11_session *s, CK_OBJECT_HANDLE handle, bool is_private, struct p11_key *key)
{
	struct p11_view view;
	CK_OBJECT_CLASS class;
	CK_RV rv = p11_view_open(s, handle, &view);

	*key = (struct p11_key){.handle = handle, .is_private = is_private};
	if (rv == CKR_OBJECT_HANDLE_INVALID) {
		/* It may be there for who logs in: programs log in again when they hear so. */
		bool hidden = is_private && p11_object_exists(s->slot, handle);

		return hidden ? CKR_USER_NOT_LOGGED_IN : CKR_KEY_HANDLE_INVALID;
	}
	if (rv != CKR_OK)
		return rv;
	class = p11_class(&view);
	if (class != CKO_PRIVATE_KEY && class != CKO_PUBLIC_KEY)
		rv = class == CKO_SECRET_KEY ? CKR_KEY_TYPE_INCONSISTENT : CKR_KEY_HANDLE_INVALID;
	else if ((class == CKO_PRIVATE_KEY) != is_private)
		rv = CKR_KEY_TYPE_INCONSISTENT;
	else if (view.key)
		rv = token_key(&view, key);
	else
		rv = session_key(view.object.attributes, key);
	p11_view_close(&view);
	return rv;
}

CK_RV p11_key_alive(struct p11_session *s, const struct p11_key *key)
{
	CK_RV rv = p11_objects_sync(s->slot, s->token);

	if (rv == CKR_OK && !p11_object_exists(s->slot, key->handle))
		rv = CKR_KEY_HANDLE_INVALID;
	return rv;
}
