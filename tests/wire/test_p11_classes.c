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

/* ---- session objects: whatever their template leaves out ---- */

struct expected {
	CK_ATTRIBUTE_TYPE type;
	long size;  /* -1: any but none; -2: any */
	long value; /* of one of that size; -1: any */
};

static void answers(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, const struct expected *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		CK_BYTE room[2048];
		CK_ULONG number = 0, len = bench_get(s, o, rows[i].type, room, sizeof(room));

		if (len == CK_UNAVAILABLE_INFORMATION || (rows[i].size >= 0 && len != (CK_ULONG)rows[i].size))
			fprintf(stderr, "attribute 0x%lx: %lu bytes\n", rows[i].type, len);
		assert_true(len != CK_UNAVAILABLE_INFORMATION);
		if (rows[i].size >= 0)
			assert_int_equal(len, rows[i].size);
		else if (rows[i].size == -1)
			assert_true(len > 0);
		if (rows[i].value < 0)
			continue;
		assert_true(len == 1 || len == sizeof(number));
		if (len == 1)
			number = room[0];
		else
			memcpy(&number, room, sizeof(number));
		assert_int_equal(number, rows[i].value);
	}
}

#define BOOL(value)  1, value
#define ULONG(value) sizeof(CK_ULONG), value
#define EMPTY        0, -1
#define SOME         -1, -1
/* clang-format off */
#define OF_ALL \
	{CKA_CLASS, sizeof(CK_ULONG), -1}, {CKA_UNIQUE_ID, SOME}, {CKA_TOKEN, BOOL(0)}, {CKA_PRIVATE, BOOL(0)}, \
	{CKA_MODIFIABLE, BOOL(1)}, {CKA_COPYABLE, BOOL(1)}, {CKA_DESTROYABLE, BOOL(1)}, {CKA_LABEL, EMPTY}

static const struct expected of_data[] = {
	OF_ALL, {CKA_APPLICATION, EMPTY}, {CKA_OBJECT_ID, EMPTY}, {CKA_VALUE, EMPTY},
};
static const struct expected of_certificate[] = {
	OF_ALL, {CKA_CERTIFICATE_TYPE, ULONG(CKC_X_509)}, {CKA_TRUSTED, BOOL(0)},
	{CKA_CERTIFICATE_CATEGORY, ULONG(CK_CERTIFICATE_CATEGORY_UNSPECIFIED)}, {CKA_CHECK_VALUE, 3, -1},
	{CKA_START_DATE, 8, -1}, {CKA_END_DATE, 8, -1}, {CKA_PUBLIC_KEY_INFO, 91, -1}, {CKA_SUBJECT, SOME}, {CKA_ID, EMPTY},
	{CKA_ISSUER, SOME}, {CKA_SERIAL_NUMBER, 3, -1}, {CKA_VALUE, SOME}, {CKA_URL, EMPTY},
	{CKA_HASH_OF_SUBJECT_PUBLIC_KEY, EMPTY}, {CKA_HASH_OF_ISSUER_PUBLIC_KEY, EMPTY},
	{CKA_NAME_HASH_ALGORITHM, ULONG(CKM_SHA_1)},
	{CKA_JAVA_MIDP_SECURITY_DOMAIN, ULONG(CK_SECURITY_DOMAIN_UNSPECIFIED)},
};
#define OF_PUBLIC \
	OF_ALL, {CKA_ID, EMPTY}, {CKA_START_DATE, EMPTY}, {CKA_END_DATE, EMPTY}, {CKA_DERIVE, BOOL(0)}, \
	{CKA_LOCAL, BOOL(0)}, {CKA_KEY_GEN_MECHANISM, sizeof(CK_ULONG), -1}, {CKA_ALLOWED_MECHANISMS, SOME}, \
	{CKA_SUBJECT, EMPTY}, {CKA_ENCRYPT, BOOL(1)}, {CKA_VERIFY, BOOL(1)}, {CKA_VERIFY_RECOVER, 1, -1}, \
	{CKA_WRAP, 1, -1}, {CKA_TRUSTED, BOOL(0)}, {CKA_WRAP_TEMPLATE, EMPTY}, {CKA_ENCAPSULATE, BOOL(0)}
static const struct expected of_rsa[] = {
	OF_PUBLIC, {CKA_KEY_TYPE, ULONG(CKK_RSA)}, {CKA_MODULUS, 256, -1}, {CKA_MODULUS_BITS, ULONG(2048)},
	{CKA_PUBLIC_EXPONENT, 3, -1}, {CKA_PUBLIC_KEY_INFO, 294, -1},
};
static const struct expected of_ec[] = {
	OF_PUBLIC, {CKA_KEY_TYPE, ULONG(CKK_EC)}, {CKA_EC_PARAMS, 10, -1}, {CKA_EC_POINT, 67, -1},
	{CKA_PUBLIC_KEY_INFO, 91, -1},
};
static const struct expected of_secret[] = {
	OF_ALL, {CKA_KEY_TYPE, ULONG(CKK_GENERIC_SECRET)}, {CKA_ID, EMPTY}, {CKA_START_DATE, EMPTY}, {CKA_END_DATE, EMPTY},
	{CKA_DERIVE, 1, -1}, {CKA_LOCAL, BOOL(0)}, {CKA_KEY_GEN_MECHANISM, sizeof(CK_ULONG), -1},
	{CKA_ALLOWED_MECHANISMS, -2, -1}, {CKA_SENSITIVE, 1, -1}, {CKA_ENCRYPT, 1, -1}, {CKA_DECRYPT, 1, -1},
	{CKA_SIGN, 1, -1}, {CKA_VERIFY, 1, -1}, {CKA_WRAP, 1, -1}, {CKA_UNWRAP, 1, -1}, {CKA_EXTRACTABLE, 1, -1},
	{CKA_ALWAYS_SENSITIVE, BOOL(0)}, {CKA_NEVER_EXTRACTABLE, BOOL(0)}, {CKA_CHECK_VALUE, -2, -1},
	{CKA_WRAP_WITH_TRUSTED, BOOL(0)}, {CKA_TRUSTED, BOOL(0)}, {CKA_WRAP_TEMPLATE, EMPTY},
	{CKA_UNWRAP_TEMPLATE, EMPTY}, {CKA_DERIVE_TEMPLATE, EMPTY}, {CKA_VALUE_LEN, ULONG(16)},
};
/* clang-format on */

static CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_OBJECT_CLASS data_class = CKO_DATA, cert_class = CKO_CERTIFICATE, pub_class = CKO_PUBLIC_KEY;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_KEY_TYPE rsa = CKK_RSA, ec = CKK_EC;

static void certificate_answers(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pub)
{
	size_t len;
	uint8_t *der = bench_certificate(s, pub, 1, &len);
	CK_OBJECT_HANDLE o;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &cert_class, sizeof(cert_class)},
		{CKA_CERTIFICATE_TYPE, &x509,       sizeof(x509)      },
		{CKA_VALUE,            der,         0                 },
	};

	list[2].ulValueLen = len;
	ok(f->C_CreateObject(s, list, COUNT(list), &o));
	answers(s, o, of_certificate, COUNT(of_certificate));
	list[2].ulValueLen = len - 1;
	is(f->C_CreateObject(s, list, COUNT(list), &o), CKR_ATTRIBUTE_VALUE_INVALID);
	free(der);
}

static void public_answers(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pub, bool is_rsa)
{
	CK_BYTE first[256], second[80];
	CK_OBJECT_HANDLE o;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,     &pub_class, sizeof(pub_class)},
		{CKA_KEY_TYPE,  &ec,        sizeof(ec)       },
		{CKA_EC_PARAMS, first,      0                },
		{CKA_EC_POINT,  second,     0                },
	};

	if (is_rsa) {
		list[1].pValue = &rsa;
		list[2].type = CKA_MODULUS;
		list[3].type = CKA_PUBLIC_EXPONENT;
	}
	list[2].ulValueLen = bench_get(s, pub, list[2].type, first, sizeof(first));
	list[3].ulValueLen = bench_get(s, pub, list[3].type, second, sizeof(second));
	ok(f->C_CreateObject(s, list, COUNT(list), &o));
	answers(s, o, is_rsa ? of_rsa : of_ec, is_rsa ? COUNT(of_rsa) : COUNT(of_ec));
}

/* pain 25: every attribute of its class, with the standard's default; Java and pkcs11-tool give up without. */
static void test_session_defaults(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv, o;

	(void)state;
	ok(f->C_CreateObject(s, &(CK_ATTRIBUTE){CKA_CLASS, &data_class, sizeof(data_class)}, 1, &o));
	answers(s, o, of_data, COUNT(of_data));
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	certificate_answers(s, pub);
	public_answers(s, pub, false);
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN, 2, &pub, &prv);
	public_answers(s, pub, true);
}

static void test_secret_defaults(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1);
	CK_OBJECT_HANDLE o;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,    &secret_class,      sizeof(secret_class)},
		{CKA_KEY_TYPE, &generic,           sizeof(generic)     },
		{CKA_VALUE,    "sixteen bytes...", 16                  },
	};

	(void)state;
	ok(f->C_CreateObject(s, list, COUNT(list), &o));
	answers(s, o, of_secret, COUNT(of_secret));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_profiles),
		TEST(test_mechanisms),
		TEST(test_hardware),
		TEST(test_built_in_stay),
		TEST(test_session_defaults),
		TEST(test_secret_defaults),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
