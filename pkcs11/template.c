/* SPDX-License-Identifier: Apache-2.0 */
/* Templates that callers hand in, and attribute lists of our own. */
#include "pkcs11/p11.h"

#include <stdlib.h>
#include <string.h>

#include "common/secmem.h"

const CK_ATTRIBUTE *p11_find(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < count; i++)
		if (list[i].type == type)
			return &list[i];
	return NULL;
}

CK_RV p11_template_check(const CK_ATTRIBUTE *list, CK_ULONG count)
{
	if (p11_bad_input(list, count))
		return CKR_ARGUMENTS_BAD;
	for (CK_ULONG i = 0; i < count; i++) {
		if (p11_bad_input(list[i].pValue, list[i].ulValueLen))
			return CKR_ATTRIBUTE_VALUE_INVALID;
		if (p11_find(list, i, list[i].type))
			return CKR_TEMPLATE_INCONSISTENT;
	}
	return CKR_OK;
}

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

CK_RV p11_template_value(CK_OBJECT_CLASS class, const CK_ATTRIBUTE *a, bool *found)
{
	unsigned in = class == CKO_DATA          ? IN_DATA
		      : class == CKO_CERTIFICATE ? IN_CERT
		      : class == CKO_PUBLIC_KEY  ? IN_PUB
						 : 0;

	*found = false;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (known[i].type != a->type)
			continue;
		*found = true;
		if (in && !(known[i].in & in))
			return CKR_ATTRIBUTE_TYPE_INVALID;
		return has_form(a, known[i].form) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
	}
	return CKR_OK;
}

CK_RV p11_take_bool(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool *value, bool *present)
{
	const CK_ATTRIBUTE *a = p11_find(list, count, type);

	if (present)
		*present = a != NULL;
	if (!a)
		return CKR_OK;
	if (a->ulValueLen != sizeof(CK_BBOOL))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	*value = *(const CK_BBOOL *)a->pValue != CK_FALSE;
	return CKR_OK;
}

static CK_RV check_demand(const CK_ATTRIBUTE *a, enum p11_demand demand)
{
	bool value = demand == P11_TRUE;
	CK_RV rv = CKR_OK;

	if (demand == P11_READ_ONLY)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (demand == P11_TRUE || demand == P11_FALSE)
		rv = p11_take_bool(a, 1, a->type, &value, NULL);
	if (rv == CKR_OK && (demand == P11_ABSENT || value != (demand == P11_TRUE))) {
		p11_log("attribute 0x%lx: the token's keys cannot be so", a->type);
		rv = CKR_TEMPLATE_INCONSISTENT;
	}
	return rv;
}

CK_RV p11_known_check(const struct p11_known *row, size_t rows, unsigned in, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		size_t j = 0;

		while (j < rows && !(row[j].type == list[i].type && (row[j].in & in)))
			j++;
		rv = j == rows ? CKR_ATTRIBUTE_TYPE_INVALID : check_demand(&list[i], row[j].demand);
	}
	return rv;
}

CK_RV p11_take_ulong(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, CK_ULONG *value, bool *present)
{
	const CK_ATTRIBUTE *a = p11_find(list, count, type);

	if (present)
		*present = a != NULL;
	if (!a)
		return CKR_OK;
	if (a->ulValueLen != sizeof(CK_ULONG))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	/* Nobody promises that it is aligned. */
	memcpy(value, a->pValue, sizeof(*value));
	return CKR_OK;
}

struct bytes p11_take_bytes(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
	const CK_ATTRIBUTE *a = p11_find(list, count, type);

	return a ? BYTES(a->pValue, a->ulValueLen) : BYTES_NONE;
}

CK_RV p11_take_text(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, char *text, size_t max)
{
	struct bytes b = p11_take_bytes(list, count, type);

	text[0] = 0;
	if (!b.len)
		return CKR_OK;
	/* Some callers count the closing zero of their string. */
	if (b.data[b.len - 1] == 0)
		b.len--;
	if (b.len > max || (b.len && memchr(b.data, 0, b.len)))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	memcpy(text, b.data, b.len);
	text[b.len] = 0;
	return CKR_OK;
}

struct bytes p11_id(struct bytes id, struct p11_id_store *store)
{
	if (id.len <= UKEY_ID_MAX || !crypto_digest(CRYPTO_SHA256, id, store->sha256))
		return id;
	return BYTES(store->sha256, sizeof(store->sha256));
}

struct p11_attributes *p11_attributes_new(
	const CK_ATTRIBUTE *first, CK_ULONG first_count, const CK_ATTRIBUTE *second, CK_ULONG second_count)
{
	size_t size = sizeof(struct p11_attributes) + (first_count + second_count) * sizeof(CK_ATTRIBUTE);
	struct p11_attributes *a;
	uint8_t *at;

	for (CK_ULONG i = 0; i < first_count; i++)
		size += first[i].ulValueLen;
	for (CK_ULONG i = 0; i < second_count; i++)
		size += second[i].ulValueLen;
	a = secmem_alloc(size);
	if (!a)
		return NULL;
	a->users = 1;
	a->list = (CK_ATTRIBUTE *)(a + 1);
	at = (uint8_t *)(a->list + first_count + second_count);
	for (CK_ULONG i = 0; i < first_count + second_count; i++) {
		const CK_ATTRIBUTE *from = i < first_count ? &first[i] : &second[i - first_count];

		if (i >= first_count && p11_find(first, first_count, from->type))
			continue;
		a->list[a->count++] = (CK_ATTRIBUTE){from->type, at, from->ulValueLen};
		if (from->ulValueLen)
			memcpy(at, from->pValue, from->ulValueLen);
		at += from->ulValueLen;
	}
	return a;
}

void p11_attributes_free(struct p11_attributes *a)
{
	secmem_free(a);
}
