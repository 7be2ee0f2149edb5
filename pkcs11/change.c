/* SPDX-License-Identifier: Apache-2.0 */
/* Copying, changing and destroying objects, on the token and in a session. */
#include "pkcs11/secret.h"

/* ---- copies ---- */

/* Values of the right form; and what the standard lets nobody change in an object of that class (2.40, 4.1.3, 4.6). */
static CK_RV check_values(const struct p11_attributes *old, const CK_ATTRIBUTE *list, CK_ULONG count, bool in_copy)
{
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;
	bool copyable = true, then = true, found;

	p11_take_ulong(old->list, old->count, CKA_CLASS, &class, NULL);
	p11_take_bool(old->list, old->count, CKA_COPYABLE, &copyable, NULL);
	for (CK_ULONG i = 0; i < count; i++) {
		const CK_ATTRIBUTE_TYPE type = list[i].type;
		CK_RV rv = p11_template_value(class, &list[i], &found);

		if (rv != CKR_OK)
			return rv;
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
	if (a->type == CKA_VALUE && class == CKO_DATA)
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
	rv = p11_create(s, new->list, new->count, handle);
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
		/* CKA_DESTROYABLE is false: PIV has no command for it. */
		if (p11_is_piv(s->token))
			return CKR_ACTION_PROHIBITED;
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

	return p11_write_rv(ukey_set_key_attributes(
		s->token, v->object.number, id, c->id.len, cert ? NULL : label, cert ? label : NULL));
}

static CK_RV change_other(struct p11_session *s, struct p11_view *v, const struct change *c)
{
	struct p11_value value;
	struct bytes id = c->has_id ? c->id : BYTES(v->other->id, v->other->id_len);
	CK_RV rv = p11_attribute(v, CKA_VALUE, &value);

	if (rv != CKR_OK)
		return rv;
	rv = p11_write_rv(ukey_write_other_certificate(s->token, v->other->number, value.data, value.len, id.data,
		id.len, c->has_label ? c->label : v->other->certificate.label, v->other->category, NULL));
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
	rv = p11_data_fields(c->list, c->count, &new);
	if (rv == CKR_OK)
		rv = p11_write_rv(ukey_write_data(s->token, v->data->number, &new, NULL));
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
	/* CKA_MODIFIABLE is false: nothing but the slot says what an object is called. */
	if (p11_is_piv(s->token))
		return CKR_ACTION_PROHIBITED;
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
