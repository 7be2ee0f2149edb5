/* SPDX-License-Identifier: Apache-2.0 */
/* The module's tables, and the templates that callers hand in: what needs no token. */
#include "pkcs11/p11.h"

#include "tests/unit/test.h"

/* ---- interfaces ---- */

static void no_hole(const void *table, size_t size)
{
	void (*const *entry)(void) = (void (*const *)(void))((const char *)table + sizeof(void *));

	for (size_t i = 0; i < size / sizeof(void *) - 1; i++)
		assert_non_null(entry[i]);
}

/* facts 6.2, pain 16: C_GetFunctionList is 2.40 and says so; no entry of any table is empty. */
static void test_lists(void **state)
{
	CK_FUNCTION_LIST_PTR list = NULL;
	CK_INTERFACE all[8];
	CK_ULONG n = 8;

	(void)state;
	assert_int_equal(C_GetFunctionList(NULL), CKR_ARGUMENTS_BAD);
	assert_int_equal(C_GetFunctionList(&list), CKR_OK);
	assert_int_equal(list->version.major, 2);
	assert_int_equal(list->version.minor, 40);
	no_hole(list, sizeof(*list));
	assert_int_equal(C_GetInterfaceList(NULL, NULL), CKR_ARGUMENTS_BAD);
	assert_int_equal(C_GetInterfaceList(all, &n), CKR_OK);
	assert_int_equal(n, 3);
	no_hole(all[0].pFunctionList, sizeof(CK_FUNCTION_LIST_3_2));
	no_hole(all[1].pFunctionList, sizeof(CK_FUNCTION_LIST_3_0));
	assert_ptr_equal(all[2].pFunctionList, list);
	n = 2;
	assert_int_equal(C_GetInterfaceList(all, &n), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(n, 3);
	assert_int_equal(C_GetInterfaceList(NULL, &n), CKR_OK);
}

static void test_get_interface(void **state)
{
	static const struct {
		const char *name;
		int major, minor; /* -1: any */
		CK_FLAGS flags;
		CK_RV rv;
		int gives;
	} rows[] = {
		{NULL,      -1, 0,  0,                       CKR_OK,              3202},
		{"PKCS 11", -1, 0,  0,                       CKR_OK,              3202},
		{"PKCS 11", 3,  2,  0,                       CKR_OK,              3202},
		{NULL,      3,  0,  0,                       CKR_OK,              3200},
		{NULL,      2,  40, 0,                       CKR_OK,              2240},
		{NULL,      3,  1,  0,                       CKR_FUNCTION_FAILED, 0   },
		{NULL,      2,  20, 0,                       CKR_FUNCTION_FAILED, 0   },
		{"Vendor",  -1, 0,  0,                       CKR_FUNCTION_FAILED, 0   },
		{NULL,      -1, 0,  CKF_INTERFACE_FORK_SAFE, CKR_FUNCTION_FAILED, 0   },
	};

	(void)state;
	assert_int_equal(C_GetInterface(NULL, NULL, NULL, 0), CKR_ARGUMENTS_BAD);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_VERSION version = {(CK_BYTE)rows[i].major, (CK_BYTE)rows[i].minor};
		CK_INTERFACE_PTR got = NULL;

		assert_int_equal(C_GetInterface((CK_UTF8CHAR_PTR)rows[i].name, rows[i].major < 0 ? NULL : &version,
					 &got, rows[i].flags),
			rows[i].rv);
		if (rows[i].rv != CKR_OK)
			continue;
		const CK_VERSION *v = got->pFunctionList;
		assert_int_equal(v->major * 1000 + 200 + v->minor, rows[i].gives);
		assert_string_equal((const char *)got->pInterfaceName, "PKCS 11");
	}
}

/* ---- mechanisms ---- */

static void test_mechanisms(void **state)
{
	CK_MECHANISM_TYPE list[64];
	size_t n = p11_mechanisms_of(CKK_RSA, CKF_SIGN, list, 64);

	(void)state;
	assert_int_equal(n, 21);
	assert_int_equal(p11_mechanisms_of(CKK_RSA, CKF_DECRYPT, list, 64), 3);
	assert_int_equal(p11_mechanisms_of(CKK_EC, CKF_SIGN, list, 64), 10);
	assert_int_equal(p11_mechanisms_of(CKK_EC, CKF_DERIVE, list, 64), 1);
	assert_int_equal(list[0], CKM_ECDH1_DERIVE);
	assert_int_equal(p11_mechanisms_of(CKK_AES, ~0UL, list, 64), 11);
	assert_int_equal(p11_mechanisms_of(CKK_DES3, ~0UL, list, 64), 0);
	/* A short list is filled as far as it goes. */
	list[1] = 77;
	assert_int_equal(p11_mechanisms_of(CKK_RSA, CKF_SIGN, list, 1), 21);
	assert_int_equal(list[1], 77);
	assert_null(p11_mechanism(CKM_DES3_CBC));
	assert_int_equal(p11_mechanism(CKM_SHA384_RSA_PKCS_PSS)->hash, CRYPTO_SHA384);
	assert_int_equal(p11_hash(CKM_SHA3_384), CRYPTO_SHA3_384);
	assert_int_equal(p11_hash(CKM_AES_GCM), CRYPTO_NO_HASH);
	assert_int_equal(p11_mgf(CKG_MGF1_SHA512), CRYPTO_SHA512);
	assert_int_equal(p11_mgf(0), CRYPTO_NO_HASH);
}

/* ---- templates ---- */

static void test_templates(void **state)
{
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG number = 5;
	CK_ATTRIBUTE list[] = {
		{CKA_TOKEN, &yes,    1             },
		{CKA_CLASS, &number, sizeof(number)},
		{CKA_LABEL, "abc",   3             },
		{CKA_ID,    NULL,    0             },
	};
	char text[4];
	bool b = false, present;
	CK_ULONG u = 0;

	(void)state;
	assert_int_equal(p11_template_check(list, 4), CKR_OK);
	assert_int_equal(p11_template_check(NULL, 0), CKR_OK);
	assert_int_equal(p11_template_check(NULL, 1), CKR_ARGUMENTS_BAD);
	assert_int_equal(p11_take_bool(list, 4, CKA_TOKEN, &b, &present), CKR_OK);
	assert_true(b && present);
	assert_int_equal(p11_take_bool(list, 4, CKA_PRIVATE, &b, &present), CKR_OK);
	assert_false(present);
	assert_int_equal(p11_take_bool(list, 4, CKA_CLASS, &b, NULL), CKR_ATTRIBUTE_VALUE_INVALID);
	assert_int_equal(p11_take_ulong(list, 4, CKA_CLASS, &u, NULL), CKR_OK);
	assert_int_equal(u, 5);
	assert_int_equal(p11_take_ulong(list, 4, CKA_TOKEN, &u, NULL), CKR_ATTRIBUTE_VALUE_INVALID);
	assert_int_equal(p11_take_text(list, 4, CKA_LABEL, text, 3), CKR_OK);
	assert_string_equal(text, "abc");
	assert_int_equal(p11_take_text(list, 4, CKA_LABEL, text, 2), CKR_ATTRIBUTE_VALUE_INVALID);
	list[2] = (CK_ATTRIBUTE){CKA_LABEL, "a\0c", 3};
	assert_int_equal(p11_take_text(list, 4, CKA_LABEL, text, 3), CKR_ATTRIBUTE_VALUE_INVALID);
	list[2] = (CK_ATTRIBUTE){CKA_LABEL, "ab", 3};
	assert_int_equal(p11_take_text(list, 4, CKA_LABEL, text, 3), CKR_OK);
	assert_string_equal(text, "ab");
	list[3] = (CK_ATTRIBUTE){CKA_LABEL, "x", 1};
	assert_int_equal(p11_template_check(list, 4), CKR_TEMPLATE_INCONSISTENT);
	list[3] = (CK_ATTRIBUTE){CKA_ID, NULL, 1};
	assert_int_equal(p11_template_check(list, 4), CKR_ATTRIBUTE_VALUE_INVALID);
}

static void test_merge(void **state)
{
	CK_ATTRIBUTE first[] = {
		{CKA_LABEL, "new", 3}
        };
	CK_ATTRIBUTE second[] = {
		{CKA_LABEL, "older", 5},
		{CKA_ID,    "\1",    1},
	};
	struct p11_attributes *a = p11_attributes_new(first, 1, second, 2);

	(void)state;
	assert_non_null(a);
	assert_int_equal(a->count, 2);
	assert_memory_equal(p11_find(a->list, a->count, CKA_LABEL)->pValue, "new", 3);
	assert_int_equal(p11_find(a->list, a->count, CKA_ID)->ulValueLen, 1);
	p11_attributes_free(a);
}

/* Fields are cut between characters. */
static void test_pad(void **state)
{
	CK_UTF8CHAR field[5];

	(void)state;
	p11_pad(field, sizeof(field), "ab");
	assert_memory_equal(field, "ab   ", 5);
	p11_pad(field, sizeof(field), "abc\xE4\xB8\xAD");
	assert_memory_equal(field, "abc  ", 5);
	p11_pad(field, sizeof(field), "ab\xE4\xB8\xADx");
	assert_memory_equal(field, "ab\xE4\xB8\xAD", 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_get_interface),
		cmocka_unit_test(test_mechanisms),
		cmocka_unit_test(test_templates),
		cmocka_unit_test(test_merge),
		cmocka_unit_test(test_pad),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
