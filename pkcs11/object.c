/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects of a slot: handles over the token's directory, and session objects.
 *
 * A handle stands for an object as long as that object is there, and is never given to another one while the process
 * lives. Which object it is: its kind, its place on the token, and a print of what makes it itself (a public key, a
 * certificate's digest), so that a key made by another program in the place of an old one gets a handle of its own.
 */
#include "pkcs11/p11.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static _Atomic CK_OBJECT_HANDLE last_handle;

/*
 * What we conform to (PKCS#11 Profiles 3.2, 5). Public certificates: they can be read without a log-in, and so can a
 * public key by the CKA_ID of its certificate; NSS logs in to read certificates unless it finds this one. Not the
 * complete provider (every mechanism there is), not HKDF TLS.
 */
static const uint8_t profiles[] = {
	CKP_BASELINE_PROVIDER,
	CKP_EXTENDED_PROVIDER,
	CKP_AUTHENTICATION_TOKEN,
	CKP_PUBLIC_CERTIFICATES_TOKEN,
};
#define PROFILES (sizeof(profiles) / sizeof(*profiles))

/* ---- the table; the slot's lock is held ---- */

static size_t position(const struct p11_slot *slot, CK_OBJECT_HANDLE handle)
{
	size_t low = 0, high = slot->object_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (slot->objects[middle].handle < handle)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct p11_object *lookup(const struct p11_slot *slot, CK_OBJECT_HANDLE handle)
{
	size_t i = position(slot, handle);

	return i < slot->object_count && slot->objects[i].handle == handle ? &slot->objects[i] : NULL;
}

static struct p11_object *lookup_place(const struct p11_slot *slot, enum p11_kind kind, uint8_t number)
{
	for (size_t i = 0; i < slot->object_count; i++)
		if (slot->objects[i].kind == kind && slot->objects[i].number == number)
			return &slot->objects[i];
	return NULL;
}

static bool make_room(struct p11_slot *slot, size_t more)
{
	size_t need = slot->object_count + more, room = slot->object_room ? slot->object_room : 32;
	struct p11_object *list;

	while (room < need)
		room *= 2;
	if (room == slot->object_room)
		return true;
	list = realloc(slot->objects, room * sizeof(*list));
	if (!list)
		return false;
	slot->objects = list;
	slot->object_room = room;
	return true;
}

static void attributes_let_go(struct p11_attributes *a)
{
	if (a && --a->users == 0)
		p11_attributes_free(a);
}

static void forget(struct p11_slot *slot, size_t i)
{
	attributes_let_go(slot->objects[i].attributes);
	memmove(&slot->objects[i], &slot->objects[i + 1], (slot->object_count - i - 1) * sizeof(*slot->objects));
	slot->object_count--;
}

/* There is room: make_room() was asked. */
static void append(struct p11_slot *slot, struct p11_object object)
{
	object.handle = atomic_fetch_add(&last_handle, 1) + 1;
	slot->objects[slot->object_count++] = object;
}

/* ---- the directory ---- */

static void snapshot_let_go(struct p11_snapshot *snapshot)
{
	if (snapshot && --snapshot->users == 0) {
		ukey_directory_unref(snapshot->directory);
		free(snapshot);
	}
}

static void key_print(const struct ukey_key *key, uint8_t print[8])
{
	struct bytes b = key->modulus ? BYTES(key->modulus, key->modulus_len) : BYTES(key->point, key->point_len);

	memset(print, 0, 8);
	/* The last bytes: the first ones of a modulus or a point are not as random. */
	if (b.len >= 8)
		memcpy(print, b.data + b.len - 8, 8);
}

static uint32_t text_hint(const char *text)
{
	return p11_hint(BYTES((const uint8_t *)text, strlen(text)));
}

/* Every object of a directory, one after another, without the handle; false at the end. */
static bool walk(const struct ukey_directory *d, size_t *step, struct p11_object *out)
{
	size_t i = (*step)++;

	memset(out, 0, sizeof(*out));
	if (i < 3 * d->key_count) {
		const struct ukey_key *key = &d->keys[i / 3];

		out->kind = P11_PRIVATE_KEY + i % 3;
		out->number = key->ref;
		out->is_private = out->kind == P11_PRIVATE_KEY && !key->no_pin;
		out->id_hint = p11_hint(BYTES(key->id, key->id_len));
		out->label_hint = text_hint(out->kind == P11_CERTIFICATE ? key->certificate.label : key->label);
		if (out->kind != P11_CERTIFICATE)
			key_print(key, out->print);
		else if (key->certificate.exists)
			memcpy(out->print, key->certificate.sha256, sizeof(out->print));
		else
			return walk(d, step, out);
		return true;
	}
	i -= 3 * d->key_count;
	if (i < d->certificate_count) {
		out->kind = P11_OTHER_CERTIFICATE;
		out->number = d->certificates[i].number;
		out->id_hint = p11_hint(BYTES(d->certificates[i].id, d->certificates[i].id_len));
		out->label_hint = text_hint(d->certificates[i].certificate.label);
		memcpy(out->print, d->certificates[i].certificate.sha256, sizeof(out->print));
		return true;
	}
	i -= d->certificate_count;
	if (i < d->data_count) {
		out->kind = P11_DATA;
		out->number = d->data[i].number;
		out->id_hint = P11_HINT_ABSENT;
		out->is_private = d->data[i].is_private;
		out->label_hint = out->is_private ? P11_NO_HINT : text_hint(d->data[i].label);
		return true;
	}
	i -= d->data_count;
	if (i < PROFILES) {
		out->kind = P11_PROFILE;
		out->id_hint = P11_HINT_ABSENT;
		out->number = profiles[i];
		return true;
	}
	i -= PROFILES;
	out->kind = P11_MECHANISM;
	out->number = (uint8_t)i;
	return p11_mechanism_at(i) != NULL;
}

/* As attribute.c says it; of kinds and lists alike. */
static CK_OBJECT_CLASS class_of(const struct p11_object *object)
{
	return p11_class(&(const struct p11_view){.object = *object});
}

/* Where in the table the object of a place on the token stands, from 1; 0: there is none. */
struct places {
	uint32_t at[P11_SESSION_OBJECT][UINT8_MAX + 1];
};

static void places_fill(struct places *places, const struct p11_slot *slot)
{
	memset(places, 0, sizeof(*places));
	for (size_t i = 0; i < slot->object_count; i++)
		if (slot->objects[i].kind < P11_SESSION_OBJECT)
			places->at[slot->objects[i].kind][slot->objects[i].number] = (uint32_t)i + 1;
}

/* What is at the object's place is the object itself. */
static struct p11_object *standing(const struct p11_slot *slot, const struct places *places, const struct p11_object *o)
{
	const uint32_t at = places->at[o->kind][o->number];
	struct p11_object *there = at ? &slot->objects[at - 1] : NULL;

	return there && memcmp(there->print, o->print, sizeof(o->print)) == 0 ? there : NULL;
}

/* What the directory says of an object that it still has; the handle stays. */
static void update(struct p11_object *object, const struct p11_object *now)
{
	const CK_OBJECT_HANDLE handle = object->handle;

	*object = *now;
	object->handle = handle;
	object->listed = true;
}

static void forget_unlisted(struct p11_slot *slot)
{
	size_t left = 0;

	for (size_t i = 0; i < slot->object_count; i++)
		if (slot->objects[i].kind >= P11_SESSION_OBJECT || slot->objects[i].listed)
			slot->objects[left++] = slot->objects[i];
	slot->object_count = left;
}

static CK_RV adopt(struct p11_slot *slot, const struct ukey_directory *d)
{
	struct places places;
	struct p11_object o, *there;
	size_t step = 0, more = 0;

	while (walk(d, &step, &o))
		more++;
	/* At worst all of them are new, while session objects stay. */
	if (!make_room(slot, more))
		return CKR_HOST_MEMORY;
	for (size_t i = 0; i < slot->object_count; i++)
		slot->objects[i].listed = false;
	places_fill(&places, slot);
	for (step = 0; walk(d, &step, &o);) {
		o.class = class_of(&o);
		there = standing(slot, &places, &o);
		if (there)
			update(there, &o);
	}
	forget_unlisted(slot);
	places_fill(&places, slot);
	for (step = 0; walk(d, &step, &o);)
		if (!places.at[o.kind][o.number]) {
			o.class = class_of(&o);
			o.listed = true;
			append(slot, o);
		}
	return CKR_OK;
}

/*
 * The generation is what was known when the directory was read: one that was read again because something was not as it
 * said may bear the same, and so do all of a PIV card. Then the one that was read later counts.
 */
static bool is_older(const struct ukey_directory *d, const struct ukey_directory *than)
{
	const int32_t ahead = (int32_t)(d->generation - than->generation);

	return ahead < 0 || (ahead == 0 && d->order <= than->order);
}

/* Takes the directory over. Two threads may come with two of them: the younger one stays. */
static CK_RV snapshot_take(struct p11_slot *slot, const struct ukey_directory *d)
{
	struct p11_snapshot *snapshot;
	CK_RV rv = CKR_OK;

	if (slot->snapshot && is_older(d, slot->snapshot->directory)) {
		ukey_directory_unref(d);
		return CKR_OK;
	}
	snapshot = malloc(sizeof(*snapshot));
	rv = snapshot ? adopt(slot, d) : CKR_HOST_MEMORY;
	if (rv != CKR_OK) {
		free(snapshot);
		ukey_directory_unref(d);
		return rv;
	}
	*snapshot = (struct p11_snapshot){1, d};
	snapshot_let_go(slot->snapshot);
	slot->snapshot = snapshot;
	return CKR_OK;
}

CK_RV p11_objects_sync(struct p11_slot *slot, struct ukey_token *token)
{
	const struct ukey_directory *d = NULL;
	CK_RV rv = p11_rv(ukey_directory(token, &d));

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&slot->lock);
	rv = snapshot_take(slot, d);
	pthread_mutex_unlock(&slot->lock);
	return rv;
}

bool p11_object_exists(struct p11_slot *slot, CK_OBJECT_HANDLE handle)
{
	bool exists;

	pthread_mutex_lock(&slot->lock);
	exists = lookup(slot, handle) && lookup(slot, handle)->kind != P11_GONE;
	pthread_mutex_unlock(&slot->lock);
	return exists;
}

void p11_object_forget(struct p11_slot *slot, CK_OBJECT_HANDLE handle)
{
	pthread_mutex_lock(&slot->lock);
	if (lookup(slot, handle))
		forget(slot, position(slot, handle));
	pthread_mutex_unlock(&slot->lock);
}

void p11_objects_forget_private(struct p11_slot *slot)
{
	pthread_mutex_lock(&slot->lock);
	for (size_t i = slot->object_count; i-- > 0;)
		if (slot->objects[i].is_private)
			forget(slot, i);
	/* New handles for the same objects. Without memory for it now, the next look takes the directory anew. */
	if (slot->snapshot && adopt(slot, slot->snapshot->directory) != CKR_OK) {
		snapshot_let_go(slot->snapshot);
		slot->snapshot = NULL;
	}
	pthread_mutex_unlock(&slot->lock);
}

void p11_objects_bury(struct p11_session *s, ukey_key_ref ref)
{
	struct p11_object *object;

	pthread_mutex_lock(&s->slot->lock);
	for (size_t i = 0; i < s->slot->object_count; i++) {
		object = &s->slot->objects[i];
		if ((object->kind == P11_PUBLIC_KEY || object->kind == P11_CERTIFICATE) && object->number == ref) {
			object->kind = P11_GONE;
			object->owner = s->handle;
		}
	}
	pthread_mutex_unlock(&s->slot->lock);
}

bool p11_object_exhume(struct p11_slot *slot, CK_OBJECT_HANDLE handle)
{
	const struct p11_object *object;
	bool gone;

	pthread_mutex_lock(&slot->lock);
	object = lookup(slot, handle);
	gone = object && object->kind == P11_GONE;
	if (gone)
		forget(slot, position(slot, handle));
	pthread_mutex_unlock(&slot->lock);
	return gone;
}

void p11_objects_forget_session(struct p11_slot *slot, CK_SESSION_HANDLE session)
{
	pthread_mutex_lock(&slot->lock);
	for (size_t i = slot->object_count; i-- > 0;)
		if (slot->objects[i].kind >= P11_SESSION_OBJECT && slot->objects[i].owner == session)
			forget(slot, i);
	pthread_mutex_unlock(&slot->lock);
}

void p11_objects_forget_all(struct p11_slot *slot)
{
	pthread_mutex_lock(&slot->lock);
	while (slot->object_count)
		forget(slot, slot->object_count - 1);
	snapshot_let_go(slot->snapshot);
	slot->snapshot = NULL;
	pthread_mutex_unlock(&slot->lock);
}

/* ---- views ---- */

/* Entries ascend by their numbers: none stands behind the place that its number would give it. */
static size_t last_place(uint8_t number, size_t count)
{
	return number < count ? number + 1u : count;
}

static const struct ukey_other_certificate *other_of(const struct ukey_directory *d, uint8_t number)
{
	for (size_t i = last_place(number, d->certificate_count); i-- > 0;)
		if (d->certificates[i].number == number)
			return &d->certificates[i];
	return NULL;
}

static const struct ukey_data_entry *data_of(const struct ukey_directory *d, uint8_t number)
{
	for (size_t i = last_place(number, d->data_count); i-- > 0;)
		if (d->data[i].number == number)
			return &d->data[i];
	return NULL;
}

static bool view_entries(struct p11_view *v)
{
	const struct ukey_directory *d = v->directory;
	uint8_t number = v->object.number;

	switch (v->object.kind) {
	case P11_PRIVATE_KEY:
	case P11_PUBLIC_KEY:
	case P11_CERTIFICATE:
		v->key = ukey_directory_key(d, number);
		return v->key != NULL;
	case P11_OTHER_CERTIFICATE:
		v->other = other_of(d, number);
		return v->other != NULL;
	case P11_DATA:
		v->data = data_of(d, number);
		return v->data != NULL;
	default:
		return v->object.kind != P11_GONE;
	}
}

/* The slot's lock is held; `object` stands in its table. */
static bool view_fill(struct p11_view *v, struct p11_session *s, const struct p11_object *object)
{
	*v = (struct p11_view){.slot = s->slot, .token = s->token, .snapshot = s->slot->snapshot, .object = *object};
	v->directory = v->snapshot->directory;
	if (!view_entries(v))
		return false;
	v->snapshot->users++;
	if (v->object.attributes)
		v->object.attributes->users++;
	return true;
}

bool p11_view_take(struct p11_session *s, CK_OBJECT_HANDLE handle, bool user, struct p11_view *view)
{
	const struct p11_object *object;
	bool taken;

	pthread_mutex_lock(&s->slot->lock);
	object = lookup(s->slot, handle);
	taken = object && s->slot->snapshot && (user || !object->is_private) && view_fill(view, s, object);
	pthread_mutex_unlock(&s->slot->lock);
	return taken;
}

CK_RV p11_view_open(struct p11_session *s, CK_OBJECT_HANDLE handle, struct p11_view *view)
{
	CK_RV rv = p11_objects_sync(s->slot, s->token);

	if (rv != CKR_OK)
		return rv;
	return p11_view_take(s, handle, p11_role(s) == UKEY_USER, view) ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

void p11_view_close(struct p11_view *v)
{
	free(v->certificate);
	if (v->has_content)
		ukey_data_clear(&v->content);
	pthread_mutex_lock(&v->slot->lock);
	snapshot_let_go(v->snapshot);
	attributes_let_go(v->object.attributes);
	pthread_mutex_unlock(&v->slot->lock);
}

CK_RV p11_object_handle(struct p11_session *s, enum p11_kind kind, uint8_t number, CK_OBJECT_HANDLE *handle)
{
	CK_RV rv = p11_objects_sync(s->slot, s->token);
	const struct p11_object *object;

	if (rv != CKR_OK)
		return rv;
	pthread_mutex_lock(&s->slot->lock);
	object = lookup_place(s->slot, kind, number);
	if (object)
		*handle = object->handle;
	else
		rv = CKR_FUNCTION_FAILED;
	pthread_mutex_unlock(&s->slot->lock);
	return rv;
}

/*
 * An attribute that needs nothing but the object itself. A long CKA_ID as the token would keep it: so the one of a
 * template is taken, too.
 */
static uint32_t hint_of(const struct p11_object *object, CK_ATTRIBUTE_TYPE type)
{
	struct p11_view view = {.object = *object};
	struct p11_value value;
	struct p11_id_store store;
	struct bytes b;
	uint32_t hint;

	switch (p11_attribute(&view, type, &value)) {
	case CKR_OK:
		b = BYTES(value.data, value.len);
		hint = p11_hint(type == CKA_ID ? p11_id(b, &store) : b);
		p11_value_clear(&value);
		return hint;
	case CKR_ATTRIBUTE_TYPE_INVALID:
		return P11_HINT_ABSENT;
	default:
		return P11_NO_HINT;
	}
}

/* What finding asks first of a session object. */
static void take_attributes(struct p11_object *object, struct p11_attributes *attributes)
{
	object->attributes = attributes;
	object->class = class_of(object);
	object->id_hint = hint_of(object, CKA_ID);
	object->label_hint = hint_of(object, CKA_LABEL);
	object->is_private = false;
	p11_take_bool(attributes->list, attributes->count, CKA_PRIVATE, &object->is_private, NULL);
}

/*
 * While the value was made, by the token perhaps, another thread may have closed the session or logged out: what ends
 * with those has ended already, and nobody would look for this one again. Both locks are held.
 */
static CK_RV still_welcome(struct p11_session *s, const struct p11_object *o)
{
	if (s->closed)
		return CKR_SESSION_CLOSED;
	return o->is_private && p11_role(s) != UKEY_USER ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

CK_RV p11_object_add(struct p11_session *s, struct p11_attributes *attributes, CK_OBJECT_HANDLE *handle)
{
	struct p11_object o = {.kind = P11_SESSION_OBJECT, .owner = s->handle};
	CK_RV rv;

	take_attributes(&o, attributes);
	p11_lock();
	pthread_mutex_lock(&s->slot->lock);
	rv = still_welcome(s, &o);
	if (rv == CKR_OK && !make_room(s->slot, 1))
		rv = CKR_HOST_MEMORY;
	if (rv == CKR_OK) {
		append(s->slot, o);
		*handle = s->slot->objects[s->slot->object_count - 1].handle;
	} else {
		attributes_let_go(attributes);
	}
	pthread_mutex_unlock(&s->slot->lock);
	p11_unlock();
	return rv;
}

CK_RV p11_object_replace(const struct p11_view *view, struct p11_attributes *attributes, bool *changed)
{
	struct p11_slot *slot = view->slot;
	struct p11_object *object;
	CK_RV rv = CKR_OBJECT_HANDLE_INVALID;

	*changed = false;
	pthread_mutex_lock(&slot->lock);
	object = lookup(slot, view->object.handle);
	if (object) {
		*changed = object->attributes == view->object.attributes;
		attributes_let_go(*changed ? object->attributes : attributes);
		if (*changed)
			take_attributes(object, attributes);
		rv = CKR_OK;
	} else {
		attributes_let_go(attributes);
	}
	pthread_mutex_unlock(&slot->lock);
	return rv;
}
