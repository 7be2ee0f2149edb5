/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding objects. Most of them are refused by what the slot's table itself says of them (class, and hashes of CKA_ID
 * and CKA_LABEL, taken from the directory when it changed); only the others are looked at, one after another.
 */
#include "pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>

/* FNV-1a. */
uint32_t p11_hint(struct bytes value)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < value.len; i++)
		h = (h ^ value.data[i]) * 16777619u;
	return h <= P11_HINT_ABSENT ? h + 2 : h;
}

/* What the table can tell of a template. */
struct filter {
	bool has_class, has_token, has_private;
	CK_OBJECT_CLASS class;
	CK_BBOOL token, private;
	uint32_t id, label; /* P11_NO_HINT: not asked for */
	bool whole;         /* that is all that the template asks */
};

static bool filter_bool(const CK_ATTRIBUTE *a, bool *has, CK_BBOOL *value)
{
	if (*has || a->ulValueLen != sizeof(CK_BBOOL))
		return false;
	*has = true;
	memcpy(value, a->pValue, sizeof(*value));
	return true;
}

static bool filter_class(const CK_ATTRIBUTE *a, struct filter *f)
{
	if (f->has_class || a->ulValueLen != sizeof(f->class))
		return false;
	f->has_class = true;
	memcpy(&f->class, a->pValue, sizeof(f->class));
	return true;
}

/* Of what is asked twice, or with a strange length, the first stands here: matching sees the rest. */
static struct filter filter_of(const CK_ATTRIBUTE *list, CK_ULONG count)
{
	struct filter f = {.whole = true};

	for (CK_ULONG i = 0; i < count; i++) {
		const struct bytes value = BYTES(list[i].pValue, list[i].ulValueLen);
		struct p11_id_store store;
		bool told = false;

		if (list[i].type == CKA_CLASS)
			told = filter_class(&list[i], &f);
		else if (list[i].type == CKA_TOKEN)
			told = filter_bool(&list[i], &f.has_token, &f.token);
		else if (list[i].type == CKA_PRIVATE)
			told = filter_bool(&list[i], &f.has_private, &f.private);
		else if (list[i].type == CKA_ID && f.id == P11_NO_HINT)
			f.id = p11_hint(p11_id(value, &store));
		else if (list[i].type == CKA_LABEL && f.label == P11_NO_HINT)
			f.label = p11_hint(value);
		f.whole = f.whole && told;
	}
	return f;
}

static bool differ(uint32_t asked, uint32_t has)
{
	return asked != P11_NO_HINT && has != P11_NO_HINT && asked != has;
}

enum verdict {
	REFUSED,
	TO_BE_LOOKED_AT,
	FOUND,
};

static enum verdict judge(const struct filter *f, const struct p11_object *o)
{
	/* Kinds whose CKA_TOKEN and CKA_PRIVATE the table has. */
	const bool stored = o->kind >= P11_PRIVATE_KEY && o->kind <= P11_DATA;

	if (o->kind == P11_GONE || (f->has_class && o->class != f->class) || differ(f->id, o->id_hint) ||
		differ(f->label, o->label_hint))
		return REFUSED;
	/*
	 * Mechanism objects are found only by a template that names their class (2.40, 4.12): nobody who lists
	 * everything meets a class that he has never heard of.
	 */
	if (o->kind == P11_MECHANISM && !f->has_class)
		return REFUSED;
	if (!stored)
		return TO_BE_LOOKED_AT;
	if ((f->has_token && f->token != CK_TRUE) || (f->has_private && f->private != o->is_private))
		return REFUSED;
	return f->whole ? FOUND : TO_BE_LOOKED_AT;
}

/*
 * What may be seen and is not refused; the slot's lock is held. Returns how many; with `handles` puts them there, and
 * into `sure` whether they need no second look.
 */
static size_t sift(
	const struct p11_slot *slot, const struct filter *f, bool user, CK_OBJECT_HANDLE *handles, bool *sure)
{
	size_t n = 0;

	for (size_t i = 0; slot->snapshot && i < slot->object_count; i++) {
		const struct p11_object *o = &slot->objects[i];
		const enum verdict verdict = user || !o->is_private ? judge(f, o) : REFUSED;

		if (verdict == REFUSED)
			continue;
		if (handles) {
			handles[n] = o->handle;
			sure[n] = verdict == FOUND;
		}
		n++;
	}
	return n;
}

/* One that went meanwhile is not found. */
static CK_RV look_at(
	struct p11_session *s, CK_OBJECT_HANDLE handle, bool user, const CK_ATTRIBUTE *list, CK_ULONG count, bool *hit)
{
	struct p11_view view;
	CK_RV rv;

	*hit = false;
	if (!p11_view_take(s, handle, user, &view))
		return CKR_OK;
	rv = p11_matches(&view, list, count, hit);
	p11_view_close(&view);
	return rv;
}

/* The candidates' handles, and behind them, in the same memory, whether they are found already. */
static CK_RV candidates(
	struct p11_session *s, const struct filter *filter, bool user, CK_OBJECT_HANDLE **handles, size_t *count)
{
	pthread_mutex_lock(&s->slot->lock);
	*count = sift(s->slot, filter, user, NULL, NULL);
	*handles = calloc(*count + 1, sizeof(**handles) + sizeof(bool));
	if (*handles)
		sift(s->slot, filter, user, *handles, (bool *)(*handles + *count));
	pthread_mutex_unlock(&s->slot->lock);
	return *handles ? CKR_OK : CKR_HOST_MEMORY;
}

/* Matching may read from the token, and holds no lock. */
static CK_RV find(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	const struct filter filter = filter_of(list, count);
	CK_OBJECT_HANDLE *handles = NULL;
	size_t n = 0, found = 0;
	CK_RV rv = p11_objects_sync(s->slot, s->token);
	const bool user = p11_role(s) == UKEY_USER;

	if (rv == CKR_OK)
		rv = candidates(s, &filter, user, &handles, &n);
	for (size_t i = 0; rv == CKR_OK && i < n; i++) {
		bool hit = ((const bool *)(handles + n))[i];

		if (!hit)
			rv = look_at(s, handles[i], user, list, count, &hit);
		if (rv == CKR_OK && hit)
			handles[found++] = handles[i];
	}
	if (rv != CKR_OK) {
		free(handles);
		return rv;
	}
	s->found = handles;
	s->found_count = found;
	s->found_next = 0;
	s->finding = true;
	return CKR_OK;
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE hSession, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (s->finding)
		rv = CKR_OPERATION_ACTIVE;
	else if (p11_bad_input(pTemplate, ulCount))
		rv = CKR_ARGUMENTS_BAD;
	/* The second: what C_GetAttributeValue left there for an attribute that could not be had. */
	for (CK_ULONG i = 0; rv == CKR_OK && i < ulCount; i++)
		if (p11_bad_input(pTemplate[i].pValue, pTemplate[i].ulValueLen) ||
			pTemplate[i].ulValueLen == CK_UNAVAILABLE_INFORMATION)
			rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv == CKR_OK)
		rv = find(s, pTemplate, ulCount);
	return p11_session_leave(s, rv);
}

CK_RV C_FindObjects(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE_PTR phObject, CK_ULONG ulMaxObjectCount,
	CK_ULONG_PTR pulObjectCount)
{
	struct p11_session *s;
	CK_ULONG n;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->finding)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	if (!pulObjectCount || (!phObject && ulMaxObjectCount))
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	n = s->found_count - s->found_next;
	if (n > ulMaxObjectCount)
		n = ulMaxObjectCount;
	if (n)
		memcpy(phObject, s->found + s->found_next, n * sizeof(*phObject));
	s->found_next += n;
	*pulObjectCount = n;
	return p11_session_leave(s, CKR_OK);
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE hSession)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!s->finding)
		return p11_session_leave(s, CKR_OPERATION_NOT_INITIALIZED);
	free(s->found);
	s->found = NULL;
	s->finding = false;
	return p11_session_leave(s, CKR_OK);
}
