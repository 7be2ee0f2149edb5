/* SPDX-License-Identifier: Apache-2.0 */
/* What each class of objects answers: the objects that nobody made, and the defaults of those that callers make. */
#include "config.h"

#include "tests/wire/p11_bench.h"

/* ---- profiles, mechanisms, hardware features ---- */

static CK_ULONG count_class(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{type,      &value, sizeof(value)},
	};

	return bench_count(s, list, type ? 2 : 1);
}

static CK_OBJECT_HANDLE first_of(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class)
{
	CK_ATTRIBUTE list = {CKA_CLASS, &class, sizeof(class)};
	CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
	CK_ULONG n = 0;

	ok(f->C_FindObjectsInit(s, &list, 1));
	ok(f->C_FindObjects(s, &found, 1, &n));
	ok(f->C_FindObjectsFinal(s));
	assert_int_equal(n, 1);
	return found;
}

/*
 * pain 8: NSS logs in to every token to read its certificates, unless the token says that they are public. So it does,
 * before anybody logs in; and no profile that we do not satisfy.
 */
static void test_profiles(void **state)
{
	static const CK_ULONG ours[] = {
		CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN, CKP_PUBLIC_CERTIFICATES_TOKEN};
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_int_equal(count_class(s, CKO_PROFILE, CKA_PROFILE_ID, ours[i]), 1);
	assert_int_equal(count_class(s, CKO_PROFILE, 0, 0), COUNT(ours));
}

/* One for each mechanism of the list; hidden from who does not ask for the class (2.40, 4.12). */
static void test_mechanisms(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);
	CK_ULONG n = 0, all = bench_count(s, NULL, 0);
	CK_MECHANISM_TYPE *types;

	(void)state;
	ok(f->C_GetMechanismList(0, NULL, &n));
	types = calloc(n, sizeof(*types));
	ok(f->C_GetMechanismList(0, types, &n));
	assert_int_equal(count_class(s, CKO_MECHANISM, 0, 0), n);
	for (CK_ULONG i = 0; i < n; i++)
		assert_int_equal(count_class(s, CKO_MECHANISM, CKA_MECHANISM_TYPE, types[i]), 1);
	assert_int_equal(count_class(s, CKO_MECHANISM, CKA_MECHANISM_TYPE, CKM_VENDOR_DEFINED), 0);
	assert_int_equal(bench_count(s, &(CK_ATTRIBUTE){CKA_MECHANISM_TYPE, types, sizeof(*types)}, 1), 0);
	assert_int_equal(all, 4);
	free(types);
}

/* The token has no clock and no screen; its generation counter does not grow by being read (4.3.3 demands that). */
static void test_hardware(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);

	(void)state;
	assert_int_equal(count_class(s, CKO_HW_FEATURE, 0, 0), 0);
}

/* Nobody made them, and nobody may change them. */
static void test_built_in_stay(void **state)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PROFILE, CKO_MECHANISM};
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE copy;
	char id[64], again[64];

	(void)state;
	for (size_t i = 0; i < COUNT(classes); i++) {
		CK_OBJECT_HANDLE o = first_of(s, classes[i]);
		CK_ULONG n = bench_get(s, o, CKA_UNIQUE_ID, id, sizeof(id));

		is(f->C_SetAttributeValue(s, o, &(CK_ATTRIBUTE){CKA_LABEL, "x", 1}, 1), CKR_ACTION_PROHIBITED);
		is(f->C_CopyObject(s, o, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
		is(f->C_DestroyObject(s, o), CKR_ACTION_PROHIBITED);
		assert_int_equal(bench_bool(s, o, CKA_TOKEN), 1);
		assert_int_equal(bench_bool(s, o, CKA_PRIVATE), 0);
		assert_int_equal(bench_bool(s, o, CKA_MODIFIABLE), 0);
		assert_int_equal(first_of(s, classes[i]), o);
		assert_int_equal(bench_get(s, o, CKA_UNIQUE_ID, again, sizeof(again)), n);
		assert_memory_equal(id, again, n);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_profiles),
		TEST(test_mechanisms),
		TEST(test_hardware),
		TEST(test_built_in_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
