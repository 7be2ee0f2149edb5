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
