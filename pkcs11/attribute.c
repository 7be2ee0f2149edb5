/* SPDX-License-Identifier: Apache-2.0 */
/* What attributes an object has: the tables, one lookup, and what compares and hands out values. */
#include "pkcs11/attribute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"

/* ---- values ---- */

CK_RV p11_give_text(struct p11_value *value, const char *text)
{
	return p11_give(value, text, strlen(text));
}

CK_RV p11_get_truth(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	static const CK_BBOOL values[2] = {CK_FALSE, CK_TRUE};

	(void)view;
	return p11_give(value, &values[argument != 0], sizeof(CK_BBOOL));
}

CK_RV p11_get_number(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	memcpy(value->store, &argument, sizeof(argument));
	return p11_give(value, value->store, sizeof(argument));
}

CK_RV p11_get_empty(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	(void)argument;
	return p11_give(value, "", 0);
}

CK_RV p11_get_sensitive(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	(void)argument;
	(void)value;
	return CKR_ATTRIBUTE_SENSITIVE;
}

/* ---- of every object ---- */

static CK_RV label(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	if (v->data)
		return p11_data_label(v, value);
	if (v->object.kind == P11_CERTIFICATE || v->object.kind == P11_OTHER_CERTIFICATE)
		return p11_give_text(value, p11_certificate_entry(v)->label);
	return p11_give_text(value, v->key->label);
}

/* A key that anybody may use is to be seen by anybody. */
static CK_RV is_guarded(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, argument && !(v->key && v->key->no_pin), value);
}

static CK_RV is_private(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, argument || (v->data && v->data->is_private), value);
}

/* PIV deletes no key, and gives nothing a name but the slot's. */
static CK_RV not_on_piv(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, argument && !p11_is_piv(v->token), value);
}

/* Kind, place and print: another object in the same place later is another one. */
static CK_RV unique_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	static const char *const kinds[] = {"profile", "prv", "pub", "cert", "cert2", "data", "mechanism"};
	char print[HEX_SIZE(sizeof(v->object.print))];
	char *text = (char *)value->store;

	(void)argument;
	hex_encode(BYTES_OF(v->object.print), print, sizeof(print));
	snprintf(text, sizeof(value->store), "%s/%s/%02x/%s", v->slot->serial, kinds[v->object.kind], v->object.number,
		print);
	return p11_give_text(value, text);
}

static CK_RV profile_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_get_number(v, v->object.number, value);
}

static CK_RV mechanism_type(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_get_number(v, p11_mechanism_at(v->object.number)->type, value);
}

/* ---- the table ---- */

/* clang-format off */
static const struct p11_row common[] = {
	{CKA_CLASS,       P11_PRV,                           p11_get_number, CKO_PRIVATE_KEY, P11_KNOWN},
	{CKA_CLASS,       P11_PUB,                           p11_get_number, CKO_PUBLIC_KEY,  P11_KNOWN},
	{CKA_CLASS,       P11_CERT,                          p11_get_number, CKO_CERTIFICATE, P11_KNOWN},
	{CKA_CLASS,       P11_DATUM,                         p11_get_number, CKO_DATA,        P11_KNOWN},
	{CKA_CLASS,       P11_PROFILED,                      p11_get_number, CKO_PROFILE,     P11_KNOWN},
	{CKA_CLASS,       P11_MECHANISED,                    p11_get_number, CKO_MECHANISM,   P11_KNOWN},
	{CKA_TOKEN,       P11_ALL,                           p11_get_truth,  true,            P11_KNOWN},
	{CKA_PRIVATE,     P11_PRV,                           is_guarded,     true,            P11_KNOWN},
	{CKA_PRIVATE,     P11_PUB | P11_CERT | P11_BUILT_IN, p11_get_truth,  false,           P11_KNOWN},
	{CKA_PRIVATE,     P11_DATUM,                         is_private,     false,           P11_KNOWN},
	{CKA_MODIFIABLE,  P11_STORED,                        not_on_piv,     true,            P11_KNOWN},
	{CKA_MODIFIABLE,  P11_BUILT_IN,                      p11_get_truth,  false,           P11_KNOWN},
	{CKA_COPYABLE,    P11_ALL,                           p11_get_truth,  false,           P11_KNOWN},
	/* A public key is the other face of its private key, and goes with it. */
	{CKA_DESTROYABLE, P11_PRV,                           not_on_piv,     true,            P11_KNOWN},
	{CKA_DESTROYABLE, P11_CERT | P11_DATUM,              p11_get_truth,  true,            P11_KNOWN},
	{CKA_DESTROYABLE, P11_PUB | P11_BUILT_IN,            p11_get_truth,  false,           P11_KNOWN},
	{CKA_LABEL,       P11_STORED,                        label,          0,               P11_READ_PRIVATE},
	{CKA_LABEL,       P11_BUILT_IN,                      p11_get_empty,  0,               P11_KNOWN},
	{CKA_UNIQUE_ID,   P11_ALL,                           unique_id,      0,               P11_KNOWN},
	{CKA_PROFILE_ID,  P11_PROFILED,                      profile_id,     0,               P11_KNOWN},
	{CKA_MECHANISM_TYPE, P11_MECHANISED,                 mechanism_type, 0,               P11_KNOWN},
};
/* clang-format on */

static const struct p11_rows common_rows = P11_ROWS(common);

static unsigned who(const struct p11_view *v)
{
	bool rsa = v->key && v->key->modulus;

	switch (v->object.kind) {
	case P11_PRIVATE_KEY:
		return rsa ? P11_PRV_RSA : P11_PRV_EC;
	case P11_PUBLIC_KEY:
		return rsa ? P11_PUB_RSA : P11_PUB_EC;
	case P11_CERTIFICATE:
	case P11_OTHER_CERTIFICATE:
		return P11_CERT;
	case P11_DATA:
		return P11_DATUM;
	case P11_PROFILE:
		return P11_PROFILED;
	case P11_MECHANISM:
		return P11_MECHANISED;
	default:
		return 0;
	}
}

static const struct p11_row *row_in(const struct p11_rows *table, CK_ATTRIBUTE_TYPE type, unsigned me)
{
	for (size_t i = 0; i < table->count; i++)
		if (table->rows[i].type == type && (table->rows[i].who & me))
			return &table->rows[i];
	return NULL;
}

static const struct p11_row *row_of(const struct p11_view *v, CK_ATTRIBUTE_TYPE type)
{
	unsigned me = who(v);
	const struct p11_row *row = row_in(&common_rows, type, me);

	if (!row && (me & P11_KEYS))
		row = row_in(&p11_key_rows, type, me);
	if (!row && (me & (P11_CERT | P11_DATUM)))
		row = row_in(&p11_stored_rows, type, me);
	return row;
}

/* ---- for the others ---- */

CK_OBJECT_CLASS p11_class(const struct p11_view *v)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PROFILE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE,
		CKO_CERTIFICATE, CKO_DATA, CKO_MECHANISM};
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;

	if (v->object.kind != P11_SESSION_OBJECT)
		return classes[v->object.kind];
	p11_take_ulong(v->object.attributes->list, v->object.attributes->count, CKA_CLASS, &class, NULL);
	return class;
}

CK_RV p11_attribute(struct p11_view *view, CK_ATTRIBUTE_TYPE type, struct p11_value *value)
{
	const struct p11_row *row;
	CK_RV rv;

	value->data = NULL;
	value->len = 0;
	value->heap = NULL;
	row = row_of(view, type);
	if (view->object.kind == P11_SESSION_OBJECT)
		rv = p11_session_attribute(view, type, value);
	else
		rv = row ? row->get(view, row->argument, value) : CKR_ATTRIBUTE_TYPE_INVALID;
	if (rv != CKR_OK)
		p11_value_clear(value);
	return rv;
}

void p11_value_clear(struct p11_value *value)
{
	free(value->heap);
	value->heap = NULL;
}

CK_RV p11_attribute_length(struct p11_view *view, CK_ATTRIBUTE_TYPE type, size_t *len)
{
	struct p11_value value;
	CK_RV rv;

	if (type == CKA_VALUE && who(view) == P11_CERT) {
		*len = p11_certificate_entry(view)->length;
		return CKR_OK;
	}
	if (type == CKA_VALUE && who(view) == P11_DATUM) {
		*len = view->data->length;
		return CKR_OK;
	}
	rv = p11_attribute(view, type, &value);
	if (rv == CKR_OK) {
		*len = value.len;
		p11_value_clear(&value);
	}
	return rv;
}

/* Known from the directory alone. */
static bool is_cheap(const struct p11_view *view, CK_ATTRIBUTE_TYPE type)
{
	const struct p11_row *row;

	if (view->object.kind == P11_SESSION_OBJECT)
		return true;
	row = row_of(view, type);
	if (!row || row->cost == P11_KNOWN)
		return true;
	return row->cost == P11_READ_PRIVATE && !(view->data && view->data->is_private);
}

/* Whatever an object on the token is asked for by, its CKA_ID is asked for as the token would keep it. */
static struct bytes wanted(const struct p11_view *view, const CK_ATTRIBUTE *a, struct p11_id_store *store)
{
	struct bytes value = BYTES(a->pValue, a->ulValueLen);

	return a->type == CKA_ID && view->object.kind != P11_SESSION_OBJECT ? p11_id(value, store) : value;
}

static CK_RV matches_one(struct p11_view *view, const CK_ATTRIBUTE *a, bool *matches)
{
	struct p11_value value;
	struct p11_id_store store;
	struct bytes want = wanted(view, a, &store);
	size_t len = 0;
	CK_RV rv = p11_attribute_length(view, a->type, &len);

	if (rv == CKR_OK && len == want.len)
		rv = p11_attribute(view, a->type, &value);
	else
		*matches = false;
	/* The last two: the object went just now by another program's hand, or the log-in that it takes to see it. */
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_OBJECT_HANDLE_INVALID ||
		rv == CKR_USER_NOT_LOGGED_IN) {
		*matches = false;
		return CKR_OK;
	}
	if (rv != CKR_OK || !*matches)
		return rv;
	*matches = bytes_equal(BYTES(value.data, value.len), want);
	p11_value_clear(&value);
	return CKR_OK;
}

CK_RV p11_matches(struct p11_view *view, const CK_ATTRIBUTE *list, CK_ULONG count, bool *matches)
{
	CK_RV rv = CKR_OK;

	*matches = true;
	for (int costly = 0; costly <= 1; costly++)
		for (CK_ULONG i = 0; rv == CKR_OK && *matches && i < count; i++)
			if (is_cheap(view, list[i].type) == !costly)
				rv = matches_one(view, &list[i], matches);
	return rv;
}

/* ---- calls ---- */

/* What is read may be longer than the directory said: another program wrote meanwhile, or the token lies. */
static CK_RV give_out(struct p11_view *view, const CK_ATTRIBUTE *a, size_t *len)
{
	struct p11_value value;
	CK_RV rv = p11_attribute(view, a->type, &value);

	if (rv != CKR_OK)
		return rv;
	*len = value.len;
	if (value.len > a->ulValueLen)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (value.len)
		memcpy(a->pValue, value.data, value.len);
	p11_value_clear(&value);
	return rv;
}

static CK_RV get_one(struct p11_view *view, CK_ATTRIBUTE *a)
{
	size_t len = 0;
	CK_RV rv = p11_attribute_length(view, a->type, &len);

	if (rv == CKR_OK && a->pValue && a->ulValueLen < len)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (rv == CKR_OK && a->pValue)
		rv = give_out(view, a, &len);
	a->ulValueLen = rv == CKR_OK ? len : CK_UNAVAILABLE_INFORMATION;
	return rv;
}

/* Each attribute has an outcome of its own; the caller gets all that can be had, and hears of one failure (5.7). */
CK_RV C_GetAttributeValue(
	CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
	struct p11_session *s;
	struct p11_view view;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_bad_input(pTemplate, ulCount) || !ulCount)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	for (CK_ULONG i = 0; i < ulCount; i++) {
		CK_RV one = get_one(&view, &pTemplate[i]);

		if (rv == CKR_OK || (one != CKR_OK && one != CKR_ATTRIBUTE_TYPE_INVALID &&
					    one != CKR_ATTRIBUTE_SENSITIVE && one != CKR_BUFFER_TOO_SMALL))
			rv = one;
	}
	p11_view_close(&view);
	return p11_session_leave(s, rv);
}

/* What the object takes on the token as far as we know; the token's own bookkeeping is not in it. */
CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize)
{
	static const CK_ATTRIBUTE_TYPE parts[] = {
		CKA_LABEL, CKA_ID, CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE, CKA_MODULUS, CKA_EC_POINT};
	struct p11_session *s;
	struct p11_view view;
	CK_ULONG size = 0;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pulSize)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		size_t len = 0;

		if (is_cheap(&view, parts[i]) || parts[i] == CKA_VALUE)
			if (p11_attribute_length(&view, parts[i], &len) == CKR_OK)
				size += len;
	}
	p11_view_close(&view);
	*pulSize = size;
	return p11_session_leave(s, CKR_OK);
}
