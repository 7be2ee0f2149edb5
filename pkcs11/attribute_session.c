/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of session objects: what their list says, and what the standard says where the list is silent. */
#include "pkcs11/attribute.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- what follows from the rest of the list ---- */

static struct bytes listed(const struct p11_view *v, CK_ATTRIBUTE_TYPE type)
{
	return p11_take_bytes(v->object.attributes->list, v->object.attributes->count, type);
}

static bool listed_bool(const struct p11_view *v, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	p11_take_bool(v->object.attributes->list, v->object.attributes->count, type, &otherwise, NULL);
	return otherwise;
}

static CK_RV certificate(struct p11_view *v, CK_ULONG part, struct p11_value *value)
{
	struct bytes der = listed(v, CKA_VALUE);
	struct crypto_cert cert;
	bool is_parsed = crypto_cert_parse(der, &cert);

	return p11_give_part(value, (enum p11_part)part, der, is_parsed ? &cert : NULL);
}

static CK_RV modulus_bits(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct crypto_pubkey key;

	(void)argument;
	if (p11_public_from_attributes(v->object.attributes->list, v->object.attributes->count, &key) != CKR_OK ||
		key.type != CRYPTO_RSA)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	return p11_get_number(v, crypto_pubkey_bits(&key), value);
}

/* The standard's default is empty; programs that read it (p11tool, Go) are glad of the key. */
static CK_RV public_key_info(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct crypto_pubkey key;
	struct builder b;

	(void)argument;
	if (p11_public_from_attributes(v->object.attributes->list, v->object.attributes->count, &key) != CKR_OK)
		return p11_give(value, "", 0);
	value->heap = malloc(CRYPTO_SPKI_MAX);
	if (!value->heap)
		return CKR_HOST_MEMORY;
	b = builder_of(value->heap, CRYPTO_SPKI_MAX);
	if (!crypto_pubkey_to_spki(&key, &b))
		return p11_give(value, "", 0);
	return p11_give_bytes(value, builder_bytes(&b));
}

static CK_RV allowed_mechanisms(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_ULONG type = CK_UNAVAILABLE_INFORMATION;
	CK_FLAGS flags = listed_bool(v, CKA_VERIFY, true) ? CKF_VERIFY : 0;

	(void)argument;
	if (listed_bool(v, CKA_ENCRYPT, true))
		flags |= CKF_ENCRYPT;
	p11_take_ulong(v->object.attributes->list, v->object.attributes->count, CKA_KEY_TYPE, &type, NULL);
	return p11_give_mechanisms(value, type, flags);
}

/* ---- the defaults ---- */

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
	{CKA_SUBJECT,            CKO_CERTIFICATE, certificate,    P11_PART_SUBJECT},
	{CKA_ISSUER,             CKO_CERTIFICATE, certificate,    P11_PART_ISSUER},
	{CKA_SERIAL_NUMBER,      CKO_CERTIFICATE, certificate,    P11_PART_SERIAL},
	{CKA_START_DATE,         CKO_CERTIFICATE, certificate,    P11_PART_START},
	{CKA_END_DATE,           CKO_CERTIFICATE, certificate,    P11_PART_END},
	{CKA_PUBLIC_KEY_INFO,    CKO_CERTIFICATE, certificate,    P11_PART_SPKI},
	{CKA_CHECK_VALUE,        CKO_CERTIFICATE, certificate,    P11_PART_CHECK},
	{CKA_URL,                CKO_CERTIFICATE, p11_get_empty,  0},
	{CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKO_CERTIFICATE, p11_get_empty, 0},
	{CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKO_CERTIFICATE, p11_get_empty, 0},
	{CKA_NAME_HASH_ALGORITHM, CKO_CERTIFICATE, p11_get_number, CKM_SHA_1},
	{CKA_JAVA_MIDP_SECURITY_DOMAIN, CKO_CERTIFICATE, p11_get_number, CK_SECURITY_DOMAIN_UNSPECIFIED},
	{CKA_MODULUS_BITS,       CKO_PUBLIC_KEY,  modulus_bits,   0},
	{CKA_PUBLIC_KEY_INFO,    CKO_PUBLIC_KEY,  public_key_info, 0},
	{CKA_ALLOWED_MECHANISMS, CKO_PUBLIC_KEY,  allowed_mechanisms, 0},
	{CKA_WRAP_TEMPLATE,      CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_ENCAPSULATE,        CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_LABEL,              CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_ID,                 CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_SUBJECT,            CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_START_DATE,         CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_END_DATE,           CKO_PUBLIC_KEY,  p11_get_empty,  0},
	{CKA_ENCRYPT,            CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_VERIFY,             CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_VERIFY_RECOVER,     CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_WRAP,               CKO_PUBLIC_KEY,  p11_get_truth,  true},
	{CKA_DERIVE,             CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_TRUSTED,            CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_LOCAL,              CKO_PUBLIC_KEY,  p11_get_truth,  false},
	{CKA_KEY_GEN_MECHANISM,  CKO_PUBLIC_KEY,  p11_get_number, CK_UNAVAILABLE_INFORMATION},
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
