/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making, changing, copying and destroying objects.
 *
 * On the token: certificates and data. A certificate whose public key is that of a key on the token becomes that key's
 * certificate, unless the template asks for a CKA_ID that differs from the key's; there is one such place a key, and a
 * second certificate replaces the first one (a renewal needs no deletion). All others are kept beside.
 *
 * Keys are born on the token, except exchange pairs that somebody else keeps (import.c). A public key alone has no
 * place there, but as a session object it can verify and encrypt.
 */
#include "pkcs11/secret.h"

#include <stdlib.h>
#include <string.h>

struct template
{
	const CK_ATTRIBUTE *list;
	CK_ULONG count;
	CK_OBJECT_CLASS class;
	bool token, is_private;
};

/* What a template for each class may name, and what a value of it looks like. */
/* clang-format off */
enum { IN_DATA = 1, IN_CERT = 2, IN_PUB = 4, IN_ALL = 7 };
enum form { OCTETS, TRUTH, NUMBER, DATE };
static const struct {
	CK_ATTRIBUTE_TYPE type;
	unsigned in;
	enum form form;
} known[] = {
	{CKA_CLASS, IN_ALL, NUMBER}, {CKA_TOKEN, IN_ALL, TRUTH}, {CKA_PRIVATE, IN_ALL, TRUTH},
	{CKA_MODIFIABLE, IN_ALL, TRUTH}, {CKA_COPYABLE, IN_ALL, TRUTH}, {CKA_DESTROYABLE, IN_ALL, TRUTH},
	{CKA_LABEL, IN_ALL, OCTETS}, {CKA_APPLICATION, IN_DATA, OCTETS}, {CKA_OBJECT_ID, IN_DATA, OCTETS},
	{CKA_VALUE, IN_DATA | IN_CERT, OCTETS}, {CKA_CERTIFICATE_TYPE, IN_CERT, NUMBER},
	{CKA_TRUSTED, IN_CERT | IN_PUB, TRUTH}, {CKA_CERTIFICATE_CATEGORY, IN_CERT, NUMBER},
	{CKA_CHECK_VALUE, IN_CERT, OCTETS}, {CKA_START_DATE, IN_CERT | IN_PUB, DATE},
	{CKA_END_DATE, IN_CERT | IN_PUB, DATE}, {CKA_PUBLIC_KEY_INFO, IN_CERT | IN_PUB, OCTETS},
	{CKA_SUBJECT, IN_CERT | IN_PUB, OCTETS}, {CKA_ID, IN_CERT | IN_PUB, OCTETS}, {CKA_ISSUER, IN_CERT, OCTETS},
	{CKA_SERIAL_NUMBER, IN_CERT, OCTETS}, {CKA_URL, IN_CERT, OCTETS},
	{CKA_HASH_OF_SUBJECT_PUBLIC_KEY, IN_CERT, OCTETS}, {CKA_HASH_OF_ISSUER_PUBLIC_KEY, IN_CERT, OCTETS},
	{CKA_JAVA_MIDP_SECURITY_DOMAIN, IN_CERT, NUMBER}, {CKA_NAME_HASH_ALGORITHM, IN_CERT, NUMBER},
	{CKA_KEY_TYPE, IN_PUB, NUMBER}, {CKA_DERIVE, IN_PUB, TRUTH}, {CKA_ENCRYPT, IN_PUB, TRUTH},
	{CKA_VERIFY, IN_PUB, TRUTH}, {CKA_VERIFY_RECOVER, IN_PUB, TRUTH}, {CKA_WRAP, IN_PUB, TRUTH},
	{CKA_ALLOWED_MECHANISMS, IN_PUB, OCTETS}, {CKA_MODULUS, IN_PUB, OCTETS}, {CKA_MODULUS_BITS, IN_PUB, NUMBER},
	{CKA_PUBLIC_EXPONENT, IN_PUB, OCTETS}, {CKA_EC_PARAMS, IN_PUB, OCTETS}, {CKA_EC_POINT, IN_PUB, OCTETS},
	{CKA_WRAP_TEMPLATE, IN_PUB, OCTETS}, {CKA_ENCAPSULATE, IN_PUB, TRUTH},
};
/* Bookkeeping that only the token does. */
static const CK_ATTRIBUTE_TYPE ours[] = {
	CKA_UNIQUE_ID, CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE,
};
/* clang-format on */

static bool has_form(const CK_ATTRIBUTE *a, enum form form)
{
	switch (form) {
	case TRUTH:
		return a->ulValueLen == sizeof(CK_BBOOL);
	case NUMBER:
		return a->ulValueLen == sizeof(CK_ULONG);
	case DATE:
		return !a->ulValueLen || a->ulValueLen == sizeof(CK_DATE);
	default:
		return true;
	}
}

static CK_RV check_known(const struct template *t)
{
	unsigned in = t->class == CKO_DATA ? IN_DATA : t->class == CKO_CERTIFICATE ? IN_CERT : IN_PUB;

	for (CK_ULONG i = 0; i < t->count; i++) {
		bool found = false;

		for (size_t j = 0; j < sizeof(ours) / sizeof(*ours); j++)
			if (ours[j] == t->list[i].type)
				return CKR_ATTRIBUTE_READ_ONLY;
		for (size_t j = 0; j < sizeof(known) / sizeof(*known) && !found; j++) {
			found = known[j].type == t->list[i].type && (known[j].in & in);
			if (found && !has_form(&t->list[i], known[j].form))
				return CKR_ATTRIBUTE_VALUE_INVALID;
		}
		if (!found)
			return CKR_ATTRIBUTE_TYPE_INVALID;
	}
	return CKR_OK;
}

/* Only what is as the object will be may be asked for. Trust is for nobody here to give, on the token or off it. */
static CK_RV check_fixed(const struct template *t)
{
	/* clang-format off */
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		bool value, in_session;
	} fixed[] = {
		{CKA_TRUSTED,     false, true},
		{CKA_MODIFIABLE,  true,  false},
		{CKA_DESTROYABLE, true,  false},
	};
	/* What the token has no place for: may be named when it is empty. */
	static const CK_ATTRIBUTE_TYPE empty[] = {
		CKA_URL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY,
	};
	/* clang-format on */

	for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) {
		bool value = fixed[i].value;
		CK_RV rv = p11_take_bool(t->list, t->count, fixed[i].type, &value, NULL);

		if (rv != CKR_OK)
			return rv;
		if (value != fixed[i].value && (t->token || fixed[i].in_session))
			return CKR_TEMPLATE_INCONSISTENT;
	}
	for (size_t i = 0; t->token && i < sizeof(empty) / sizeof(*empty); i++)
		if (p11_take_bytes(t->list, t->count, empty[i]).len)
			return CKR_TEMPLATE_INCONSISTENT;
	return CKR_OK;
}

static CK_RV read_template(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, struct template *t)
{
	bool present;
	CK_RV rv = p11_template_check(list, count);

	*t = (struct template){.list = list, .count = count};
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_CLASS, &t->class, &present);
	if (rv == CKR_OK && !present)
		rv = CKR_TEMPLATE_INCOMPLETE;
	if (rv == CKR_OK && t->class != CKO_DATA && t->class != CKO_CERTIFICATE && t->class != CKO_PUBLIC_KEY)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv == CKR_OK)
		rv = p11_take_bool(list, count, CKA_TOKEN, &t->token, NULL);
	if (rv == CKR_OK)
		rv = p11_take_bool(list, count, CKA_PRIVATE, &t->is_private, NULL);
	if (rv == CKR_OK)
		rv = check_known(t);
	if (rv == CKR_OK)
		rv = check_fixed(t);
	if (rv == CKR_OK && t->token && !p11_session_rw(s))
		rv = CKR_SESSION_READ_ONLY;
	if (rv == CKR_OK && t->is_private && p11_role(s) != UKEY_USER)
		rv = CKR_USER_NOT_LOGGED_IN;
	return rv;
}

/* What libukey says about a value, in the words that C_CreateObject has. */
static CK_RV write_rv(enum ukey_status status)
{
	switch (status) {
	case UKEY_TOO_LARGE:
		p11_rv(status);
		return CKR_DEVICE_MEMORY;
	case UKEY_CERT_INVALID:
	case UKEY_DATA_INVALID:
	case UKEY_DATA_LENGTH:
	case UKEY_ARGUMENT:
		p11_rv(status);
		return CKR_ATTRIBUTE_VALUE_INVALID;
	default:
		return p11_rv(status);
	}
}

/* ---- data ---- */

static CK_RV data_fields(const CK_ATTRIBUTE *list, CK_ULONG count, struct ukey_data *data)
{
	struct bytes oid = p11_take_bytes(list, count, CKA_OBJECT_ID);
	struct bytes value = p11_take_bytes(list, count, CKA_VALUE);
	CK_RV rv = CKR_OK;

	if (p11_find(list, count, CKA_LABEL))
		rv = p11_take_text(list, count, CKA_LABEL, data->label, UKEY_LABEL_MAX);
	if (rv == CKR_OK && p11_find(list, count, CKA_APPLICATION))
		rv = p11_take_text(list, count, CKA_APPLICATION, data->application, UKEY_LABEL_MAX);
	if (rv == CKR_OK && oid.len > sizeof(data->oid))
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv == CKR_OK && p11_find(list, count, CKA_OBJECT_ID)) {
		bytes_copy(data->oid, oid);
		data->oid_len = oid.len;
	}
	if (rv == CKR_OK && p11_find(list, count, CKA_VALUE)) {
		data->value = (uint8_t *)value.data;
		data->length = value.len;
	}
	return rv;
}

static CK_RV create_data(struct p11_session *s, const struct template *t, CK_OBJECT_HANDLE *handle)
{
	struct ukey_data data = {.is_private = t->is_private};
	uint8_t place = 0;
	CK_RV rv = data_fields(t->list, t->count, &data);

	if (rv == CKR_OK)
		rv = write_rv(ukey_write_data(s->token, -1, &data, &place));
	return rv == CKR_OK ? p11_object_handle(s, P11_DATA, place, handle) : rv;
}

/* ---- certificates ---- */

static bool key_of(struct p11_session *s, const struct crypto_cert *cert, struct ukey_key *out, CK_RV *rv)
{
	const struct ukey_directory *d = NULL;
	struct crypto_pubkey wanted, have;
	bool found = false;

	*rv = CKR_OK;
	if (!crypto_pubkey_from_spki(cert->spki, &wanted))
		return false;
	*rv = p11_rv(ukey_directory(s->token, &d));
	if (*rv != CKR_OK)
		return false;
	for (size_t i = 0; i < d->key_count && !found; i++)
		if (p11_key_public(&d->keys[i], &have) && crypto_pubkey_equal(&wanted, &have)) {
			*out = d->keys[i];
			found = true;
		}
	ukey_directory_unref(d);
	return found;
}

static CK_RV attach(struct p11_session *s, const struct ukey_key *key, struct bytes der, const char *label,
	struct bytes id, CK_OBJECT_HANDLE *handle)
{
	enum ukey_status status = UKEY_OK;
	CK_RV rv;

	/* A key without an id takes the certificate's, so that programs find the one by the other. */
	if (id.len && !key->id_len)
		status = ukey_set_key_attributes(s->token, key->ref, id.data, id.len, NULL, NULL);
	if (status == UKEY_OK)
		status = ukey_write_certificate(s->token, key->ref, der.data, der.len, label);
	rv = write_rv(status);
	return rv == CKR_OK ? p11_object_handle(s, P11_CERTIFICATE, key->ref, handle) : rv;
}

static CK_RV create_certificate(struct p11_session *s, const struct template *t, CK_OBJECT_HANDLE *handle)
{
	CK_ULONG type = CKC_X_509, category = CK_CERTIFICATE_CATEGORY_UNSPECIFIED;
	struct p11_id_store store;
	struct bytes der = p11_take_bytes(t->list, t->count, CKA_VALUE);
	struct bytes id = p11_id(p11_take_bytes(t->list, t->count, CKA_ID), &store);
	char label[UKEY_LABEL_MAX + 1];
	struct crypto_cert cert;
	struct ukey_key key;
	uint8_t place = 0;
	bool own;
	CK_RV rv = p11_take_ulong(t->list, t->count, CKA_CERTIFICATE_TYPE, &type, NULL);

	if (rv == CKR_OK)
		rv = p11_take_ulong(t->list, t->count, CKA_CERTIFICATE_CATEGORY, &category, NULL);
	if (rv == CKR_OK)
		rv = p11_take_text(t->list, t->count, CKA_LABEL, label, UKEY_LABEL_MAX);
	if (rv != CKR_OK)
		return rv;
	if (!der.len)
		return CKR_TEMPLATE_INCOMPLETE;
	if (t->is_private)
		return CKR_TEMPLATE_INCONSISTENT;
	if (type != CKC_X_509 || category > CK_CERTIFICATE_CATEGORY_OTHER_ENTITY || id.len > UKEY_ID_MAX ||
		!crypto_cert_parse(der, &cert))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	own = key_of(s, &cert, &key, &rv);
	if (rv != CKR_OK)
		return rv;
	if (own && (!id.len || !key.id_len || bytes_equal(id, BYTES(key.id, key.id_len))))
		return attach(s, &key, der, label[0] ? label : NULL, id, handle);
	rv = write_rv(ukey_write_other_certificate(
		s->token, -1, der.data, der.len, id.data, id.len, label, (uint8_t)category, &place));
	return rv == CKR_OK ? p11_object_handle(s, P11_OTHER_CERTIFICATE, place, handle) : rv;
}

/* ---- session objects ---- */

/* Once here, so that using the key later need not ask again. */
static CK_RV session_public(const struct template *t)
{
	struct crypto_pubkey public;
	CK_RV rv = p11_public_from_attributes(t->list, t->count, &public);

	if (rv == CKR_OK && public.type != CRYPTO_RSA && !crypto_point_valid(&public))
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	return rv;
}

/* Its other attributes are read out of it when they are asked for. */
static CK_RV session_certificate(const struct template *t)
{
	struct bytes der = p11_take_bytes(t->list, t->count, CKA_VALUE);
	CK_ULONG type = CKC_X_509;
	struct crypto_cert cert;
	bool present;
	CK_RV rv = p11_take_ulong(t->list, t->count, CKA_CERTIFICATE_TYPE, &type, &present);

	if (rv != CKR_OK)
		return rv;
	if (!der.len || !present)
		return CKR_TEMPLATE_INCOMPLETE;
	return type == CKC_X_509 && crypto_cert_parse(der, &cert) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV create_session(struct p11_session *s, const struct template *t, CK_OBJECT_HANDLE *handle)
{
	struct p11_attributes *attributes;
	CK_RV rv = CKR_OK;

	if (t->class == CKO_PUBLIC_KEY)
		rv = session_public(t);
	else if (t->class == CKO_CERTIFICATE)
		rv = session_certificate(t);
	if (rv != CKR_OK)
		return rv;
	attributes = p11_attributes_new(t->list, t->count, NULL, 0);
	return attributes ? p11_object_add(s, attributes, handle) : CKR_HOST_MEMORY;
}

static CK_RV create(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;
	struct template t;
	CK_RV rv = p11_template_check(list, count);

	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_CLASS, &class, NULL);
	if (rv == CKR_OK && class == CKO_PRIVATE_KEY)
		return p11_import(s, list, count, handle);
	if (rv == CKR_OK && class == CKO_SECRET_KEY)
		return p11_secret_create(s, list, count, handle);
	if (rv == CKR_OK)
		rv = read_template(s, list, count, &t);
	if (rv != CKR_OK)
		return rv;
	if (!t.token)
		return create_session(s, &t, handle);
	if (t.class == CKO_DATA)
		return create_data(s, &t, handle);
	if (t.class == CKO_CERTIFICATE)
		return create_certificate(s, &t, handle);
	p11_log("a public key lives on the token beside its private key only; as a session object it can be used");
	return CKR_TEMPLATE_INCONSISTENT;
}

CK_RV C_CreateObject(
	CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount, CK_OBJECT_HANDLE_PTR phObject)
{
	struct p11_session *s;
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!phObject || p11_bad_input(pTemplate, ulCount))
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = create(s, pTemplate, ulCount, &handle);
	if (rv == CKR_OK)
		*phObject = handle;
	return p11_session_leave(s, rv);
}

/* ---- copies ---- */

/* Values of the right form; and what the standard lets nobody change in an object of that class (2.40, 4.1.3, 4.6). */
static CK_RV check_values(const struct p11_attributes *old, const CK_ATTRIBUTE *list, CK_ULONG count, bool in_copy)
{
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;
	unsigned in;
	bool copyable = true, then = true;

	p11_take_ulong(old->list, old->count, CKA_CLASS, &class, NULL);
	in = class == CKO_DATA ? IN_DATA : class == CKO_CERTIFICATE ? IN_CERT : class == CKO_PUBLIC_KEY ? IN_PUB : 0;
	p11_take_bool(old->list, old->count, CKA_COPYABLE, &copyable, NULL);
	for (CK_ULONG i = 0; i < count; i++) {
		const CK_ATTRIBUTE_TYPE type = list[i].type;

		for (size_t j = 0; j < sizeof(known) / sizeof(*known); j++) {
			if (known[j].type == type && in && !(known[j].in & in))
				return CKR_ATTRIBUTE_TYPE_INVALID;
			if (known[j].type == type && !has_form(&list[i], known[j].form))
				return CKR_ATTRIBUTE_VALUE_INVALID;
		}
		if (class == CKO_CERTIFICATE && (type == CKA_SUBJECT || type == CKA_START_DATE || type == CKA_END_DATE))
			return CKR_ATTRIBUTE_READ_ONLY;
		if (!in_copy && (type == CKA_MODIFIABLE || type == CKA_DESTROYABLE))
			return CKR_ATTRIBUTE_READ_ONLY;
		if (type == CKA_COPYABLE && p11_take_bool(&list[i], 1, type, &then, NULL) == CKR_OK && then &&
			!copyable)
			return CKR_ATTRIBUTE_READ_ONLY;
	}
	return CKR_OK;
}

static bool is_data(const struct p11_attributes *a)
{
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;

	return p11_take_ulong(a->list, a->count, CKA_CLASS, &class, NULL) == CKR_OK && class == CKO_DATA;
}

/* In a copy and in a session object these may be changed. */
static CK_RV check_change(struct p11_session *s, const struct p11_attributes *old, const CK_ATTRIBUTE *a)
{
	static const CK_ATTRIBUTE_TYPE free_ones[] = {CKA_LABEL, CKA_ID, CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE,
		CKA_COPYABLE, CKA_DESTROYABLE, CKA_APPLICATION, CKA_OBJECT_ID, CKA_SUBJECT, CKA_START_DATE,
		CKA_END_DATE};
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;

	p11_take_ulong(old->list, old->count, CKA_CLASS, &class, NULL);
	if (class == CKO_SECRET_KEY)
		return p11_secret_change(s, old, a);
	for (size_t i = 0; i < sizeof(free_ones) / sizeof(*free_ones); i++)
		if (free_ones[i] == a->type)
			return CKR_OK;
	if (a->type == CKA_VALUE && is_data(old))
		return CKR_OK;
	return p11_find(old->list, old->count, a->type) ? CKR_ATTRIBUTE_READ_ONLY : CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV copy(struct p11_session *s, const struct p11_view *from, const CK_ATTRIBUTE *list, CK_ULONG count,
	CK_OBJECT_HANDLE *handle)
{
	const struct p11_attributes *old = from->object.attributes;
	struct p11_attributes *new;
	bool token = false, copyable = true, is_private = false;
	CK_RV rv = p11_template_check(list, count);

	if (!old)
		return CKR_ACTION_PROHIBITED;
	p11_take_bool(old->list, old->count, CKA_COPYABLE, &copyable, NULL);
	if (!copyable)
		return CKR_ACTION_PROHIBITED;
	if (rv == CKR_OK)
		rv = check_values(old, list, count, true);
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
		rv = check_change(s, old, &list[i]);
	if (rv == CKR_OK)
		rv = p11_take_bool(list, count, CKA_TOKEN, &token, NULL);
	if (rv == CKR_OK)
		rv = p11_take_bool(list, count, CKA_PRIVATE, &is_private, NULL);
	if (rv == CKR_OK && is_private && p11_role(s) != UKEY_USER)
		rv = CKR_USER_NOT_LOGGED_IN;
	if (rv != CKR_OK)
		return rv;
	new = p11_attributes_new(list, count, old->list, old->count);
	if (!new)
		return CKR_HOST_MEMORY;
	if (!token)
		return p11_object_add(s, new, handle);
	rv = create(s, new->list, new->count, handle);
	p11_attributes_free(new);
	return rv;
}

CK_RV C_CopyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount,
	CK_OBJECT_HANDLE_PTR phNewObject)
{
	struct p11_session *s;
	struct p11_view view;
	CK_OBJECT_HANDLE handle = CK_INVALID_HANDLE;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!phNewObject || p11_bad_input(pTemplate, ulCount))
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	rv = copy(s, &view, pTemplate, ulCount, &handle);
	p11_view_close(&view);
	if (rv == CKR_OK)
		*phNewObject = handle;
	return p11_session_leave(s, rv);
}

/* ---- destroying ---- */

static CK_RV destroy(struct p11_session *s, const struct p11_view *v)
{
	bool destroyable = true;

	if (v->object.kind == P11_SESSION_OBJECT) {
		p11_take_bool(
			v->object.attributes->list, v->object.attributes->count, CKA_DESTROYABLE, &destroyable, NULL);
		return destroyable ? CKR_OK : CKR_ACTION_PROHIBITED;
	}
	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	switch (v->object.kind) {
	case P11_PRIVATE_KEY:
		return p11_rv(ukey_delete_key(s->token, v->object.number));
	case P11_CERTIFICATE:
		return p11_rv(ukey_delete_certificate(s->token, v->object.number));
	case P11_OTHER_CERTIFICATE:
		return p11_rv(ukey_delete_other_certificate(s->token, v->object.number));
	case P11_DATA:
		return p11_rv(ukey_delete_data(s->token, v->object.number));
	default:
		/* A public key goes with its private key, and never before. */
		return CKR_ACTION_PROHIBITED;
	}
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject)
{
	struct p11_session *s;
	struct p11_view view;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_object_exhume(s->slot, hObject))
		return p11_session_leave(s, CKR_OK);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	rv = destroy(s, &view);
	if (rv == CKR_OK && view.object.kind == P11_PRIVATE_KEY)
		p11_objects_bury(s, view.object.number);
	p11_view_close(&view);
	if (rv == CKR_OK)
		p11_object_forget(s->slot, hObject);
	return p11_session_leave(s, rv);
}

/* ---- changing ---- */

struct change {
	const CK_ATTRIBUTE *list;
	CK_ULONG count;
	struct bytes id;
	struct p11_id_store id_store;
	bool has_id, has_label;
	char label[UKEY_LABEL_MAX + 1];
};

static CK_RV read_change(struct p11_view *v, struct change *c)
{
	static const CK_ATTRIBUTE_TYPE of_data[] = {CKA_LABEL, CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE};
	static const CK_ATTRIBUTE_TYPE of_others[] = {CKA_LABEL, CKA_ID};
	const CK_ATTRIBUTE_TYPE *may = v->object.kind == P11_DATA ? of_data : of_others;
	size_t n = v->object.kind == P11_DATA ? 4 : 2;
	size_t len;

	for (CK_ULONG i = 0; i < c->count; i++) {
		bool found = false;

		for (size_t j = 0; j < n && !found; j++)
			found = may[j] == c->list[i].type;
		if (!found)
			return p11_attribute_length(v, c->list[i].type, &len) == CKR_ATTRIBUTE_TYPE_INVALID
				       ? CKR_ATTRIBUTE_TYPE_INVALID
				       : CKR_ATTRIBUTE_READ_ONLY;
	}
	c->has_id = p11_find(c->list, c->count, CKA_ID) != NULL;
	c->id = p11_id(p11_take_bytes(c->list, c->count, CKA_ID), &c->id_store);
	c->has_label = p11_find(c->list, c->count, CKA_LABEL) != NULL;
	if (c->id.len > UKEY_ID_MAX)
		return CKR_ATTRIBUTE_VALUE_INVALID;
	return p11_take_text(c->list, c->count, CKA_LABEL, c->label, UKEY_LABEL_MAX);
}

/* Key pair and certificate share one CKA_ID, private and public key one label. */
static CK_RV change_key(struct p11_session *s, const struct p11_view *v, const struct change *c)
{
	const uint8_t *id = c->has_id ? (c->id.data ? c->id.data : (const uint8_t *)"") : NULL;
	const char *label = c->has_label ? c->label : NULL;
	bool cert = v->object.kind == P11_CERTIFICATE;

	return write_rv(ukey_set_key_attributes(
		s->token, v->object.number, id, c->id.len, cert ? NULL : label, cert ? label : NULL));
}

static CK_RV change_other(struct p11_session *s, struct p11_view *v, const struct change *c)
{
	struct p11_value value;
	struct bytes id = c->has_id ? c->id : BYTES(v->other->id, v->other->id_len);
	CK_RV rv = p11_attribute(v, CKA_VALUE, &value);

	if (rv != CKR_OK)
		return rv;
	rv = write_rv(ukey_write_other_certificate(s->token, v->other->number, value.data, value.len, id.data, id.len,
		c->has_label ? c->label : v->other->certificate.label, v->other->category, NULL));
	p11_value_clear(&value);
	return rv;
}

static CK_RV change_data(struct p11_session *s, const struct p11_view *v, const struct change *c)
{
	struct ukey_data old, new;
	CK_RV rv = p11_rv(ukey_read_data(s->token, v->data->number, &old));

	if (rv != CKR_OK)
		return rv;
	new = old;
	rv = data_fields(c->list, c->count, &new);
	if (rv == CKR_OK)
		rv = write_rv(ukey_write_data(s->token, v->data->number, &new, NULL));
	bytes_wipe(&new, sizeof(new));
	ukey_data_clear(&old);
	return rv;
}

static CK_RV change_session(struct p11_session *s, const struct p11_view *v, const struct change *c, bool *changed)
{
	const struct p11_attributes *old = v->object.attributes;
	struct p11_attributes *new;
	bool modifiable = true;
	CK_RV rv = CKR_OK;

	*changed = false;
	p11_take_bool(old->list, old->count, CKA_MODIFIABLE, &modifiable, NULL);
	if (!modifiable)
		return CKR_ACTION_PROHIBITED;
	rv = check_values(old, c->list, c->count, false);
	for (CK_ULONG i = 0; rv == CKR_OK && i < c->count; i++)
		rv = c->list[i].type == CKA_TOKEN || c->list[i].type == CKA_PRIVATE ? CKR_ATTRIBUTE_READ_ONLY
										    : check_change(s, old, &c->list[i]);
	if (rv != CKR_OK)
		return rv;
	new = p11_attributes_new(c->list, c->count, old->list, old->count);
	return new ? p11_object_replace(v, new, changed) : CKR_HOST_MEMORY;
}

static CK_RV change(struct p11_session *s, struct p11_view *v, struct change *c)
{
	CK_RV rv;

	if (v->object.kind == P11_PROFILE || v->object.kind == P11_MECHANISM)
		return CKR_ACTION_PROHIBITED;
	rv = read_change(v, c);
	if (rv != CKR_OK)
		return rv;
	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	if (v->object.kind == P11_DATA)
		return change_data(s, v, c);
	if (v->object.kind == P11_OTHER_CERTIFICATE)
		return change_other(s, v, c);
	return change_key(s, v, c);
}

CK_RV C_SetAttributeValue(
	CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
	struct change c = {.list = pTemplate, .count = ulCount};
	struct p11_session *s;
	struct p11_view view;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_bad_input(pTemplate, ulCount) || !ulCount)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_template_check(pTemplate, ulCount);
	for (bool changed = false; rv == CKR_OK && !changed;) {
		rv = p11_view_open(s, hObject, &view);
		if (rv != CKR_OK)
			break;
		changed = view.object.kind != P11_SESSION_OBJECT;
		rv = changed ? change(s, &view, &c) : change_session(s, &view, &c, &changed);
		p11_view_close(&view);
	}
	return p11_session_leave(s, rv);
}
