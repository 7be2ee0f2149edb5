/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making objects (what becomes of them later: change.c).
 *
 * On the token: certificates and data. A certificate whose public key is that of a key on the token becomes that key's
 * certificate, unless the template asks for a CKA_ID that differs from the key's; there is one such place a key, and a
 * second certificate replaces the first one (a renewal needs no deletion). All others are kept beside.
 *
 * Keys are born on the token, except exchange pairs that somebody else keeps (import.c). A public key alone has no
 * place there, but as a session object it can verify and encrypt.
 */
#include "pkcs11/secret.h"

struct template
{
	const CK_ATTRIBUTE *list;
	CK_ULONG count;
	CK_OBJECT_CLASS class;
	bool token, is_private;
};

/* clang-format off */
/* Bookkeeping that only the token does. */
static const CK_ATTRIBUTE_TYPE ours[] = {
	CKA_UNIQUE_ID, CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE,
};
/* clang-format on */

static CK_RV check_known(const struct template *t)
{
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; rv == CKR_OK && i < t->count; i++) {
		bool found;

		for (size_t j = 0; j < sizeof(ours) / sizeof(*ours); j++)
			if (ours[j] == t->list[i].type)
				return CKR_ATTRIBUTE_READ_ONLY;
		rv = p11_template_value(t->class, &t->list[i], &found);
		if (rv == CKR_OK && !found)
			rv = CKR_ATTRIBUTE_TYPE_INVALID;
	}
	return rv;
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

CK_RV p11_write_rv(enum ukey_status status)
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

CK_RV p11_data_fields(const CK_ATTRIBUTE *list, CK_ULONG count, struct ukey_data *data)
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
	CK_RV rv = p11_data_fields(t->list, t->count, &data);

	if (rv == CKR_OK)
		rv = p11_write_rv(ukey_write_data(s->token, -1, &data, &place));
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
	rv = p11_write_rv(status);
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
	/* On a PIV card the slot gives the id, and there is no place for a certificate beside. */
	if (own && (p11_is_piv(s->token) || !id.len || !key.id_len || bytes_equal(id, BYTES(key.id, key.id_len))))
		return attach(s, &key, der, label[0] ? label : NULL, id, handle);
	rv = p11_write_rv(ukey_write_other_certificate(
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

CK_RV p11_create(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle)
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
	rv = p11_create(s, pTemplate, ulCount, &handle);
	if (rv == CKR_OK)
		*phObject = handle;
	return p11_session_leave(s, rv);
}
