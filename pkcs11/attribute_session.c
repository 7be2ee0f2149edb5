/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of session objects: what their list says, and what the standard says where the list is silent. */
#include "pkcs11/attribute.h"

#include <stdio.h>

/* What the list of a session object does not say. */
/* clang-format off */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_OBJECT_CLASS class;
	p11_getter *get;
	CK_ULONG argument;
} defaults[] = {
	{CKA_LABEL,              CKO_DATA,        p11_get_empty,  0},
	{CKA_APPLICATION,        CKO_DATA,        p11_get_empty,  0},
	{CKA_OBJECT_ID,          CKO_DATA,        p11_get_empty,  0},
	{CKA_VALUE,              CKO_DATA,        p11_get_empty,  0},
	{CKA_LABEL,              CKO_CERTIFICATE, p11_get_empty,  0},
	{CKA_ID,                 CKO_CERTIFICATE, p11_get_empty,  0},
	{CKA_TRUSTED,            CKO_CERTIFICATE, p11_get_truth,  false},
	{CKA_CERTIFICATE_CATEGORY, CKO_CERTIFICATE, p11_get_number, CK_CERTIFICATE_CATEGORY_UNSPECIFIED},
	{CKA_LABEL,              CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_ID,                 CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_SUBJECT,            CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_START_DATE,         CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_END_DATE,           CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_ENCRYPT,            CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_VERIFY,             CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_VERIFY_RECOVER,     CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_WRAP,               CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_DERIVE,             CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_TRUSTED,            CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_LOCAL,              CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_KEY_GEN_MECHANISM,  CKO_PUBLIC_KEY,  p11_get_number, CK_UNAVAILABLE_INFORMATION},
	{CKA_LABEL,              CKO_SECRET_KEY,  p11_get_empty,  0},
	{CKA_ID,                 CKO_SECRET_KEY,  p11_get_empty,  0},
	{CKA_START_DATE,         CKO_SECRET_KEY,  p11_get_empty,  0},
	{CKA_END_DATE,           CKO_SECRET_KEY,  p11_get_empty,  0},
	{CKA_SENSITIVE,          CKO_SECRET_KEY,  p11_get_truth,  true},
	{CKA_EXTRACTABLE,        CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_ENCRYPT,            CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_DECRYPT,            CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_SIGN,               CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_VERIFY,             CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_WRAP,               CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_UNWRAP,             CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_DERIVE,             CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_TRUSTED,            CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_WRAP_WITH_TRUSTED,  CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_LOCAL,              CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_ALWAYS_SENSITIVE,   CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_NEVER_EXTRACTABLE,  CKO_SECRET_KEY,  p11_get_truth,  false},
	{CKA_KEY_GEN_MECHANISM,  CKO_SECRET_KEY,  p11_get_number, CK_UNAVAILABLE_INFORMATION},
};

/* Of session objects of every class. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_BBOOL value;
} common[] = {
	{CKA_TOKEN,       false},
	{CKA_PRIVATE,     false},
	{CKA_MODIFIABLE,  true},
	{CKA_COPYABLE,    true},
	{CKA_DESTROYABLE, true},
};
/* clang-format on */

static CK_RV session_unique_id(const struct p11_view *v, struct p11_value *value)
{
	char *text = (char *)value->store;

	snprintf(text, sizeof(value->store), "session/%lu/%lu", v->object.owner, v->object.handle);
	return p11_give_text(value, text);
}

static bool is_secret(const struct p11_view *v)
{
	const struct p11_attributes *a = v->object.attributes;
	bool is_sensitive = true, extractable = false;

	if (p11_class(v) != CKO_SECRET_KEY)
		return false;
	p11_take_bool(a->list, a->count, CKA_SENSITIVE, &is_sensitive, NULL);
	p11_take_bool(a->list, a->count, CKA_EXTRACTABLE, &extractable, NULL);
	return is_sensitive || !extractable;
}

CK_RV p11_session_attribute(struct p11_view *v, CK_ATTRIBUTE_TYPE type, struct p11_value *value)
{
	const struct p11_attributes *a = v->object.attributes;
	const CK_ATTRIBUTE *attribute = p11_find(a->list, a->count, type);
	CK_OBJECT_CLASS class = p11_class(v);

	if (type == CKA_VALUE && is_secret(v))
		return CKR_ATTRIBUTE_SENSITIVE;
	if (attribute)
		return p11_give(value, attribute->pValue, attribute->ulValueLen);
	if (type == CKA_UNIQUE_ID)
		return session_unique_id(v, value);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (defaults[i].type == type && defaults[i].class == class)
			return defaults[i].get(v, defaults[i].argument, value);
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (common[i].type == type)
			return p11_get_truth(v, common[i].value, value);
	return CKR_ATTRIBUTE_TYPE_INVALID;
}
