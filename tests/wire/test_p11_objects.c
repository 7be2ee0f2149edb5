/* SPDX-License-Identifier: Apache-2.0 */
/* Objects: attributes, searches, handles; creating, changing, copying, destroying. PKCS#11 2.40, 4 and 5.7. */
#include "config.h"

#include "tests/wire/p11_bench.h"

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS data_class = CKO_DATA, cert_class = CKO_CERTIFICATE, pub_class = CKO_PUBLIC_KEY,
		       prv_class = CKO_PRIVATE_KEY, secret_class = CKO_SECRET_KEY, profile_class = CKO_PROFILE;
static CK_CERTIFICATE_TYPE x509 = CKC_X_509;
static CK_KEY_TYPE rsa = CKK_RSA, ec = CKK_EC;

static CK_OBJECT_HANDLE create(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG n)
{
	CK_OBJECT_HANDLE o = 0;

	ok(f->C_CreateObject(s, list, n, &o));
	assert_true(o != CK_INVALID_HANDLE);
	return o;
}

static void is_text(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, const char *want)
{
	char got[256];
	CK_ULONG n = bench_get(s, o, type, got, sizeof(got));

	assert_int_equal(n, strlen(want));
	assert_memory_equal(got, want, n);
}

/* ---- attributes of keys ---- */

/* facts 6.2: what Java, pkcs11-tool and Go wrappers ask must be there; booleans of every class. */
static void test_key_attributes(void **state)
{
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		CK_BBOOL prv, pub; /* 2: not there */
	} rows[] = {
		{CKA_TOKEN,               1, 1},
		{CKA_PRIVATE,             1, 0},
		{CKA_MODIFIABLE,          1, 1},
		{CKA_COPYABLE,            0, 0},
		{CKA_DESTROYABLE,         1, 0},
		{CKA_LOCAL,               1, 1},
		{CKA_DERIVE,              1, 0},
		{CKA_SIGN,                1, 2},
		{CKA_VERIFY,              2, 1},
		{CKA_DECRYPT,             0, 2},
		{CKA_ENCRYPT,             2, 0},
		{CKA_SIGN_RECOVER,        0, 2},
		{CKA_VERIFY_RECOVER,      2, 0},
		{CKA_UNWRAP,              0, 2},
		{CKA_WRAP,                2, 0},
		{CKA_SENSITIVE,           1, 2},
		{CKA_ALWAYS_SENSITIVE,    1, 2},
		{CKA_EXTRACTABLE,         0, 2},
		{CKA_NEVER_EXTRACTABLE,   1, 2},
		{CKA_WRAP_WITH_TRUSTED,   0, 2},
		{CKA_ALWAYS_AUTHENTICATE, 0, 2},
		{CKA_TRUSTED,             2, 0},
	};
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE value[600], other[600];
	CK_ULONG n, number;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_DERIVE, 7, &pub, &prv);
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int p = 0; p < 2; p++) {
			CK_BBOOL want = p ? rows[i].pub : rows[i].prv, got = 77;
			CK_ULONG len = bench_get(s, p ? pub : prv, rows[i].type, &got, 1);

			if (want == 2 ? len != CK_UNAVAILABLE_INFORMATION : len != 1 || got != want)
				fprintf(stderr, "attribute 0x%lx\n", rows[i].type);
			assert_int_equal(len, want == 2 ? CK_UNAVAILABLE_INFORMATION : 1);
			if (want != 2)
				assert_int_equal(got, want);
		}
	is_text(s, prv, CKA_ID, "\7");
	is_text(s, pub, CKA_ID, "\7");
	is_text(s, prv, CKA_LABEL, "key");
	is_text(s, prv, CKA_SUBJECT, "");
	is_text(s, prv, CKA_EC_PARAMS, "\x06\x08\x2A\x86\x48\xCE\x3D\x03\x01\x07");
	/* A DER OCTET STRING (facts 6.2). */
	assert_int_equal(bench_get(s, pub, CKA_EC_POINT, value, sizeof(value)), 67);
	assert_int_equal(value[0], 0x04);
	assert_int_equal(value[1], 65);
	assert_int_equal(value[2], 0x04);
	n = bench_get(s, pub, CKA_PUBLIC_KEY_INFO, other, sizeof(other));
	assert_int_equal(n, 91);
	assert_memory_equal(other + n - 65, value + 2, 65);
	assert_int_equal(bench_get(s, prv, CKA_PUBLIC_KEY_INFO, value, sizeof(value)), 91);
	assert_int_equal(bench_get(s, prv, CKA_KEY_GEN_MECHANISM, &number, sizeof(number)), sizeof(number));
	assert_int_equal(number, CKM_EC_KEY_PAIR_GEN);
	assert_int_equal(bench_get(s, prv, CKA_ALLOWED_MECHANISMS, value, sizeof(value)), 11 * sizeof(CK_ULONG));
	assert_true(bench_get(s, prv, CKA_UNIQUE_ID, value, sizeof(value)) > 16);
	assert_true(bench_get(s, pub, CKA_UNIQUE_ID, other, sizeof(other)) > 16);
	assert_memory_not_equal(value, other, 30);
	assert_int_equal(bench_get(s, prv, CKA_MODULUS, NULL, 0), CK_UNAVAILABLE_INFORMATION);
}

/* 5.7: each attribute has its own outcome, and all that can be had is given. */
static void test_several(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE id[4], value[100], small[1];
	CK_ATTRIBUTE list[] = {
		{CKA_VALUE,     value, sizeof(value)},
		{CKA_ID,        id,    sizeof(id)   },
		{CKA_MODULUS,   value, sizeof(value)},
		{CKA_EC_PARAMS, small, sizeof(small)},
		{CKA_EC_POINT,  NULL,  0            },
	};

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 384, USE_SIGN, 7, &pub, &prv);
	is(f->C_GetAttributeValue(s, prv, list, 1), CKR_ATTRIBUTE_SENSITIVE);
	is(f->C_GetAttributeValue(s, prv, list + 2, 1), CKR_ATTRIBUTE_TYPE_INVALID);
	is(f->C_GetAttributeValue(s, prv, list + 3, 1), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(list[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	list[0].ulValueLen = list[2].ulValueLen = sizeof(value);
	list[3].ulValueLen = 1;
	is(f->C_GetAttributeValue(s, prv, list, COUNT(list)), CKR_ATTRIBUTE_SENSITIVE);
	assert_int_equal(list[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(list[1].ulValueLen, 1);
	assert_int_equal(id[0], 7);
	assert_int_equal(list[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(list[4].ulValueLen, 99);
	is(f->C_GetAttributeValue(s, prv, NULL, 1), CKR_ARGUMENTS_BAD);
	is(f->C_GetAttributeValue(s, 4711, list, 1), CKR_OBJECT_HANDLE_INVALID);
}

static void test_rsa_attributes(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE a[256], b[256];
	CK_ULONG bits = 0;

	(void)state;
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN | USE_DECRYPT, 1, &pub, &prv);
	assert_int_equal(bench_get(s, pub, CKA_MODULUS, a, 256), 256);
	assert_int_equal(bench_get(s, prv, CKA_MODULUS, b, 256), 256);
	assert_memory_equal(a, b, 256);
	assert_int_equal(bench_get(s, pub, CKA_PUBLIC_EXPONENT, a, 256), 3);
	assert_memory_equal(a, "\1\0\1", 3);
	assert_int_equal(bench_get(s, pub, CKA_MODULUS_BITS, &bits, sizeof(bits)), sizeof(bits));
	assert_int_equal(bits, 2048);
	assert_int_equal(bench_bool(s, pub, CKA_ENCRYPT), 1);
	is(f->C_GetAttributeValue(s, prv, &(CK_ATTRIBUTE){CKA_PRIME_1, a, 256}, 1), CKR_ATTRIBUTE_SENSITIVE);
}

/* ---- searches ---- */

static void test_find(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv, found[10];
	CK_ATTRIBUTE by_class = {CKA_CLASS, &prv_class, sizeof(prv_class)};
	CK_ATTRIBUTE nothing = {CKA_VENDOR_DEFINED | 7, &yes, 1};
	CK_ATTRIBUTE profile = {CKA_CLASS, &profile_class, sizeof(profile_class)};
	CK_ULONG n;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 2, &pub, &prv);
	assert_int_equal(bench_count(s, NULL, 0), 4 + 4);
	assert_int_equal(bench_count(s, &by_class, 1), 2);
	assert_int_equal(bench_count(s, &nothing, 1), 0);
	assert_int_equal(bench_count(s, &profile, 1), 4);
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 2), prv);
	assert_int_equal(bench_find(s, CKO_PUBLIC_KEY, 2), pub);
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 3), CK_INVALID_HANDLE);
	ok(f->C_FindObjectsInit(s, NULL, 0));
	is(f->C_FindObjectsInit(s, NULL, 0), CKR_OPERATION_ACTIVE);
	is(f->C_FindObjects(s, found, 10, NULL), CKR_ARGUMENTS_BAD);
	ok(f->C_FindObjects(s, found, 5, &n));
	assert_int_equal(n, 5);
	ok(f->C_FindObjects(s, found, 5, &n));
	assert_int_equal(n, 3);
	ok(f->C_FindObjects(s, found, 5, &n));
	assert_int_equal(n, 0);
	ok(f->C_SessionCancel(s, CKF_FIND_OBJECTS));
	is(f->C_FindObjectsFinal(s), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_FindObjectsInit(s, NULL, 1), CKR_ARGUMENTS_BAD);
	is(f->C_FindObjectsInit(s, &(CK_ATTRIBUTE){CKA_ID, NULL, 1}, 1), CKR_ATTRIBUTE_VALUE_INVALID);
	/* What a C_GetAttributeValue left there that found none. */
	for (CK_ULONG i = 0; i < 3; i++)
		is(f->C_FindObjectsInit(s,
			   &(CK_ATTRIBUTE){i == 0   ? CKA_ID
					   : i == 1 ? CKA_LABEL
						    : CKA_VALUE,
				   "x", CK_UNAVAILABLE_INFORMATION},
			   1),
			CKR_ATTRIBUTE_VALUE_INVALID);
	/* Private objects are the user's; their handles end with the log-in (5.6). */
	ok(f->C_Logout(s));
	assert_int_equal(bench_count(s, &by_class, 1), 0);
	is(f->C_GetAttributeValue(s, prv, &(CK_ATTRIBUTE){CKA_ID, NULL, 0}, 1), CKR_OBJECT_HANDLE_INVALID);
	assert_int_equal(bench_find(s, CKO_PUBLIC_KEY, 2), pub);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	assert_true(bench_find(s, CKO_PRIVATE_KEY, 2) > prv);
	is(f->C_GetAttributeValue(s, prv, &(CK_ATTRIBUTE){CKA_ID, NULL, 0}, 1), CKR_OBJECT_HANDLE_INVALID);
}

/* ---- certificates ---- */

static void test_certificates(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv, cert, cert2, third;
	size_t len, len2;
	uint8_t *der, *der2, back[1024];
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &cert_class, sizeof(cert_class)},
		{CKA_CERTIFICATE_TYPE, &x509,       sizeof(x509)      },
		{CKA_TOKEN,            &yes,        1                 },
		{CKA_LABEL,            "holder",    6                 },
		{CKA_VALUE,            NULL,        0                 },
		{CKA_ID,               "\1",        1                 },
	};
	CK_ATTRIBUTE all = {CKA_CLASS, &cert_class, sizeof(cert_class)};
	CK_ULONG n;
	unsigned long before;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	der = bench_certificate(s, pub, 1, &len);
	der2 = bench_certificate(s, pub, 2, &len2);
	is(f->C_CreateObject(s, list, COUNT(list), &cert), CKR_TEMPLATE_INCOMPLETE);
	list[4] = (CK_ATTRIBUTE){CKA_VALUE, "no certificate", 14};
	is(f->C_CreateObject(s, list, COUNT(list), &cert), CKR_ATTRIBUTE_VALUE_INVALID);
	list[4] = (CK_ATTRIBUTE){CKA_VALUE, der, len};
	cert = create(s, list, COUNT(list));
	is_text(s, cert, CKA_LABEL, "holder");
	is_text(s, cert, CKA_ID, "\1");
	before = bench_apdus();
	assert_int_equal(bench_get(s, cert, CKA_VALUE, NULL, 0), len);
	assert_int_equal(bench_apdus(), before);
	assert_int_equal(bench_get(s, cert, CKA_VALUE, back, sizeof(back)), len);
	assert_memory_equal(back, der, len);
	is_text(s, cert, CKA_SERIAL_NUMBER, "\x02\x01\x01");
	n = bench_get(s, cert, CKA_SUBJECT, back, sizeof(back));
	assert_int_equal(back[0], 0x30);
	assert_int_equal(bench_get(s, cert, CKA_ISSUER, back, sizeof(back)), n);
	assert_int_equal(bench_get(s, cert, CKA_START_DATE, back, sizeof(back)), 8);
	assert_int_equal(bench_get(s, cert, CKA_CHECK_VALUE, back, sizeof(back)), 3);
	assert_int_equal(bench_get(s, cert, CKA_PUBLIC_KEY_INFO, back, sizeof(back)), 91);
	assert_int_equal(bench_get(s, cert, CKA_CERTIFICATE_CATEGORY, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, CK_CERTIFICATE_CATEGORY_TOKEN_USER);
	assert_int_equal(bench_bool(s, cert, CKA_TRUSTED), 0);
	/* A second one for the key takes the place; the first one's handle is no more. */
	list[4] = (CK_ATTRIBUTE){CKA_VALUE, der2, len2};
	cert2 = create(s, list, COUNT(list));
	assert_true(cert2 != cert);
	assert_int_equal(bench_count(s, &all, 1), 1);
	assert_int_equal(bench_get(s, cert, CKA_LABEL, NULL, 0), CK_UNAVAILABLE_INFORMATION);
	/* The same once more is the same object. */
	assert_int_equal(create(s, list, COUNT(list)), cert2);
	/* With another id it is what was asked for: an object of its own. */
	list[5] = (CK_ATTRIBUTE){CKA_ID, "\x42", 1};
	third = create(s, list, COUNT(list));
	assert_int_equal(bench_count(s, &all, 1), 2);
	is_text(s, third, CKA_ID, "\x42");
	ok(f->C_SetAttributeValue(s, third, &(CK_ATTRIBUTE){CKA_LABEL, "other", 5}, 1));
	is_text(s, third, CKA_LABEL, "other");
	is_text(s, third, CKA_ID, "\x42");
	ok(f->C_SetAttributeValue(s, cert2, &(CK_ATTRIBUTE){CKA_LABEL, "mine", 4}, 1));
	is_text(s, cert2, CKA_LABEL, "mine");
	is_text(s, prv, CKA_LABEL, "key");
	is(f->C_SetAttributeValue(s, cert2, &(CK_ATTRIBUTE){CKA_VALUE, der, len}, 1), CKR_ATTRIBUTE_READ_ONLY);
	is(f->C_SetAttributeValue(s, cert2, &(CK_ATTRIBUTE){CKA_MODULUS, der, len}, 1), CKR_ATTRIBUTE_TYPE_INVALID);
	ok(f->C_DestroyObject(s, third));
	is(f->C_DestroyObject(s, third), CKR_OBJECT_HANDLE_INVALID);
	ok(f->C_DestroyObject(s, cert2));
	assert_int_equal(bench_count(s, &all, 1), 0);
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 1), prv);
	free(der);
	free(der2);
}

/* Java's CKA_ID of a certificate is its subject, issuer and number: the token keeps its SHA-256, either finds it. */
static void test_long_id(void **state)
{
	static CK_BYTE id[100] = "cn=test ca/cn=test ca/123456789", sha256[32], got[200];
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv, o;
	size_t len;
	uint8_t *der;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &cert_class, sizeof(cert_class)},
		{CKA_CERTIFICATE_TYPE, &x509,       sizeof(x509)      },
		{CKA_TOKEN,            &yes,        1                 },
		{CKA_ID,               id,          sizeof(id)        },
		{CKA_VALUE,            NULL,        0                 },
	};
	CK_ATTRIBUTE by_long = {CKA_ID, id, sizeof(id)}, by_short = {CKA_ID, sha256, sizeof(sha256)};

	(void)state;
	assert_true(crypto_digest(CRYPTO_SHA256, BYTES(id, sizeof(id)), sha256));
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	der = bench_certificate(s, pub, 1, &len);
	ok(f->C_DestroyObject(s, prv));
	list[4] = (CK_ATTRIBUTE){CKA_VALUE, der, len};
	o = create(s, list, COUNT(list));
	assert_int_equal(bench_get(s, o, CKA_ID, got, sizeof(got)), sizeof(sha256));
	assert_memory_equal(got, sha256, sizeof(sha256));
	assert_int_equal(bench_count(s, &by_long, 1), 1);
	assert_int_equal(bench_count(s, &by_short, 1), 1);
	/* Of a key, too, and the other way round. */
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 2, &pub, &prv);
	ok(f->C_SetAttributeValue(s, prv, &by_long, 1));
	assert_int_equal(bench_count(s, &by_long, 1), 3);
	/* One more byte is another one. */
	by_long.ulValueLen--;
	assert_int_equal(bench_count(s, &by_long, 1), 0);
	/* A session object keeps what it got. */
	list[2].pValue = &no;
	o = create(s, list, COUNT(list));
	assert_int_equal(bench_get(s, o, CKA_ID, got, sizeof(got)), sizeof(id));
	by_long.ulValueLen++;
	assert_int_equal(bench_count(s, &by_long, 1), 4);
	free(der);
}

/* ---- data ---- */

static void test_data(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER), ro = bench_session(0, -1);
	CK_OBJECT_HANDLE open, hidden;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,       &data_class,            sizeof(data_class)},
		{CKA_TOKEN,       &yes,                   1                 },
		{CKA_PRIVATE,     &no,                    1                 },
		{CKA_LABEL,       "note",                 4                 },
		{CKA_APPLICATION, "app",                  3                 },
		{CKA_OBJECT_ID,   "\x06\x03\x2A\x03\x04", 5                 },
		{CKA_VALUE,       "some text",            9                 },
	};
	CK_ATTRIBUTE by_label = {CKA_LABEL, "diary", 5};

	(void)state;
	is(f->C_CreateObject(ro, list, COUNT(list), &open), CKR_SESSION_READ_ONLY);
	open = create(s, list, COUNT(list));
	list[2].pValue = &yes;
	list[3] = by_label;
	hidden = create(s, list, COUNT(list));
	is_text(s, hidden, CKA_LABEL, "diary");
	is_text(s, hidden, CKA_APPLICATION, "app");
	is_text(s, hidden, CKA_VALUE, "some text");
	is_text(s, hidden, CKA_OBJECT_ID, "\x06\x03\x2A\x03\x04");
	assert_int_equal(bench_bool(s, hidden, CKA_PRIVATE), 1);
	assert_int_equal(bench_bool(s, open, CKA_PRIVATE), 0);
	assert_int_equal(bench_count(s, &by_label, 1), 1);
	ok(f->C_SetAttributeValue(s, hidden, &(CK_ATTRIBUTE){CKA_VALUE, "other", 5}, 1));
	is_text(s, hidden, CKA_VALUE, "other");
	is_text(s, hidden, CKA_LABEL, "diary");
	is(f->C_SetAttributeValue(ro, open, &(CK_ATTRIBUTE){CKA_VALUE, "other", 5}, 1), CKR_SESSION_READ_ONLY);
	is(f->C_DestroyObject(ro, open), CKR_SESSION_READ_ONLY);
	is(f->C_CopyObject(s, open, NULL, 0, &hidden), CKR_ACTION_PROHIBITED);
	ok(f->C_Logout(s));
	assert_int_equal(bench_count(s, &by_label, 1), 0);
	is_text(s, open, CKA_VALUE, "some text");
	is(f->C_CreateObject(s, list, COUNT(list), &hidden), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	ok(f->C_DestroyObject(s, open));
}

/* What another program does to the token's first data object: a new value, or NULL: away with it. */
static void another_program(const char *value)
{
	struct ukey_data data = {.label = "note", .value = (uint8_t *)(uintptr_t)value};
	struct ukey *other;
	struct ukey_token **list;
	size_t count;

	assert_int_equal(ukey_open(&other), UKEY_OK);
	assert_int_equal(ukey_refresh(other), UKEY_OK);
	assert_int_equal(ukey_tokens(other, &list, &count), UKEY_OK);
	assert_int_equal(ukey_login(list[0], UKEY_USER, (const uint8_t *)USER_PIN, strlen(USER_PIN)), UKEY_OK);
	data.length = value ? strlen(value) : 0;
	assert_int_equal(value ? ukey_write_data(list[0], 0, &data, NULL) : ukey_delete_data(list[0], 0), UKEY_OK);
	assert_int_equal(ukey_logout(list[0]), UKEY_OK);
	ukey_tokens_free(list, count);
	ukey_close(other);
}

/* The value grew since we looked: it must not be written over the end of the caller's room. */
static void test_changed_data(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_TOKEN, &yes,        1                 },
		{CKA_LABEL, "note",      4                 },
		{CKA_VALUE, "short",     5                 },
	};
	CK_OBJECT_HANDLE o;
	char room[64];
	CK_ATTRIBUTE value = {CKA_VALUE, room, 5};

	(void)state;
	o = create(s, list, COUNT(list));
	ok(f->C_Logout(s));
	is_text(s, o, CKA_VALUE, "short");
	another_program("as long as another program likes");
	memset(room, '.', sizeof(room));
	is(f->C_GetAttributeValue(s, o, &value, 1), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(value.ulValueLen, CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(room[5], '.');
	/* And a caller who asks again hears the new length. */
	assert_int_equal(bench_get(s, o, CKA_VALUE, NULL, 0), 32);
	is_text(s, o, CKA_VALUE, "as long as another program likes");
}

/* The new directory counts also when no answer told a new generation. */
static void test_vanished_data(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_TOKEN, &yes,        1                 },
		{CKA_LABEL, "note",      4                 },
		{CKA_VALUE, "short",     5                 },
	};
	CK_OBJECT_HANDLE o;
	char room[64];

	(void)state;
	o = create(s, list, COUNT(list));
	ok(f->C_Logout(s));
	assert_int_equal(bench_count(s, list, 1), 1);
	another_program(NULL);
	is(f->C_GetAttributeValue(s, o, &(CK_ATTRIBUTE){CKA_VALUE, room, sizeof(room)}, 1), CKR_OBJECT_HANDLE_INVALID);
	assert_int_equal(bench_count(s, list, 1), 0);
}

/* A search does not fail because an object went while it ran. */
static void test_vanished_search(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_TOKEN, &yes,        1                 },
		{CKA_LABEL, "note",      4                 },
		{CKA_VALUE, "short",     5                 },
	};

	(void)state;
	create(s, list, COUNT(list));
	ok(f->C_Logout(s));
	assert_int_equal(bench_count(s, list, COUNT(list)), 1);
	another_program(NULL);
	assert_int_equal(bench_count(s, list, COUNT(list)), 0);
}

/* ---- what is refused, and why ---- */

static void test_refused(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_CLASS nonsense = 4711;
	const struct {
		CK_ATTRIBUTE list[4];
		CK_ULONG n;
		CK_RV rv;
	} rows[] = {
		{{{CKA_TOKEN, &yes, 1}},									 1, CKR_TEMPLATE_INCOMPLETE    },
		{{{CKA_CLASS, &nonsense, sizeof(nonsense)}},                                                     1, CKR_ATTRIBUTE_VALUE_INVALID},
		{{{CKA_CLASS, &yes, 1}},									 1, CKR_ATTRIBUTE_VALUE_INVALID},
		{{{CKA_CLASS, &prv_class, sizeof(prv_class)}, {CKA_TOKEN, &yes, 1}},                             2, CKR_TEMPLATE_INCOMPLETE    },
		{{{CKA_CLASS, &secret_class, sizeof(secret_class)}},                                             1, CKR_TEMPLATE_INCOMPLETE    },
		{{{CKA_CLASS, &pub_class, sizeof(pub_class)}, {CKA_KEY_TYPE, &rsa, sizeof(rsa)}},                2,
                 CKR_TEMPLATE_INCOMPLETE												       },
		{{{CKA_CLASS, &pub_class, sizeof(pub_class)}},                                                   1, CKR_TEMPLATE_INCOMPLETE    },
		{{{CKA_CLASS, &pub_class, sizeof(pub_class)}, {CKA_KEY_TYPE, &ec, sizeof(ec)},
			 {CKA_EC_PARAMS, "\6\1\1", 3}, {CKA_EC_POINT, "x", 1}},
                 4,												 CKR_CURVE_NOT_SUPPORTED    },
		{{{CKA_CLASS, &pub_class, sizeof(pub_class)}, {CKA_TOKEN, &yes, 1}},                             2, CKR_TEMPLATE_INCONSISTENT  },
		{{{CKA_CLASS, &data_class, sizeof(data_class)}, {CKA_MODULUS, "x", 1}},                          2, CKR_ATTRIBUTE_TYPE_INVALID },
		{{{CKA_CLASS, &data_class, sizeof(data_class)}, {CKA_LOCAL, &yes, 1}},                           2, CKR_ATTRIBUTE_READ_ONLY    },
		{{{CKA_CLASS, &data_class, sizeof(data_class)}, {CKA_LABEL, "a", 1}, {CKA_LABEL, "b", 1}},       3,
                 CKR_TEMPLATE_INCONSISTENT												     },
		{{{CKA_CLASS, &data_class, sizeof(data_class)}, {CKA_TOKEN, &yes, 1}, {CKA_MODIFIABLE, &no, 1}}, 3,
                 CKR_TEMPLATE_INCONSISTENT												     },
		{{{CKA_CLASS, &cert_class, sizeof(cert_class)}, {CKA_TOKEN, &yes, 1}, {CKA_TRUSTED, &yes, 1}},   3,
                 CKR_TEMPLATE_INCONSISTENT												     },
	};
	CK_OBJECT_HANDLE o;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv = f->C_CreateObject(s, (CK_ATTRIBUTE_PTR)rows[i].list, rows[i].n, &o);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	/* A template that came back from C_GetAttributeValue with a value that could not be had. */
	is(f->C_CreateObject(s,
		   (CK_ATTRIBUTE[]){
			   {CKA_CLASS, &data_class, sizeof(data_class)        },
                           {CKA_VALUE, "x",         CK_UNAVAILABLE_INFORMATION}
        },
		   2, &o),
		CKR_ATTRIBUTE_VALUE_INVALID);
}

/* ---- session objects ---- */

static void test_session_objects(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, -1), other = bench_session(0, -1);
	CK_OBJECT_HANDLE o, copy, third;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &data_class, sizeof(data_class)},
		{CKA_LABEL, "temp",      4                 },
		{CKA_VALUE, "x",         1                 },
	};
	CK_ATTRIBUTE by_label = {CKA_LABEL, "temp", 4};

	(void)state;
	o = create(s, list, COUNT(list));
	assert_int_equal(bench_bool(s, o, CKA_TOKEN), 0);
	assert_int_equal(bench_bool(s, o, CKA_COPYABLE), 1);
	is_text(s, o, CKA_APPLICATION, "");
	/* Seen by every session, gone with its own. */
	assert_int_equal(bench_count(other, &by_label, 1), 1);
	ok(f->C_CopyObject(s, o, &(CK_ATTRIBUTE){CKA_LABEL, "copy", 4}, 1, &copy));
	is_text(s, copy, CKA_LABEL, "copy");
	is_text(s, copy, CKA_VALUE, "x");
	is(f->C_CopyObject(s, o, &(CK_ATTRIBUTE){CKA_CLASS, &cert_class, sizeof(cert_class)}, 1, &third),
		CKR_ATTRIBUTE_READ_ONLY);
	/* A data object may be changed in everything (2.40, 4.5). */
	ok(f->C_CopyObject(s, o, &(CK_ATTRIBUTE){CKA_VALUE, "y", 1}, 1, &third));
	is_text(s, third, CKA_VALUE, "y");
	ok(f->C_DestroyObject(s, third));
	ok(f->C_SetAttributeValue(s, o, &(CK_ATTRIBUTE){CKA_LABEL, "new", 3}, 1));
	is_text(other, o, CKA_LABEL, "new");
	is(f->C_SetAttributeValue(s, o, &(CK_ATTRIBUTE){CKA_TOKEN, &yes, 1}, 1), CKR_ATTRIBUTE_READ_ONLY);
	ok(f->C_DestroyObject(s, o));
	assert_int_equal(bench_get(s, o, CKA_LABEL, NULL, 0), CK_UNAVAILABLE_INFORMATION);
	ok(f->C_CloseSession(s));
	assert_int_equal(bench_get(other, copy, CKA_LABEL, NULL, 0), CK_UNAVAILABLE_INFORMATION);
}

/* Private session objects end with the log-in (2.40, 5.6), also when nobody ever looked for an object. */
static void test_session_private(void **state)
{
	CK_SESSION_HANDLE s = bench_session(0, CKU_USER);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,   &data_class, sizeof(data_class)},
		{CKA_PRIVATE, &yes,        1                 },
		{CKA_VALUE,   "x",         1                 },
	};
	CK_OBJECT_HANDLE o;

	(void)state;
	o = create(s, list, COUNT(list));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	assert_int_equal(bench_get(s, o, CKA_VALUE, NULL, 0), CK_UNAVAILABLE_INFORMATION);
}

/* ---- destroying keys ---- */

/* The pair and its certificate are one thing; their handles may still be destroyed, once. */
static void test_destroy_key(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv, pub2, prv2;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	is(f->C_DestroyObject(s, pub), CKR_ACTION_PROHIBITED);
	ok(f->C_DestroyObject(s, prv));
	assert_int_equal(bench_count(s, NULL, 0), 4);
	assert_int_equal(bench_get(s, pub, CKA_LABEL, NULL, 0), CK_UNAVAILABLE_INFORMATION);
	/* Another key in the same place is another object. */
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub2, &prv2);
	assert_true(pub2 > pub && prv2 > prv);
	ok(f->C_DestroyObject(s, pub));
	is(f->C_DestroyObject(s, pub), CKR_OBJECT_HANDLE_INVALID);
	assert_int_equal(bench_find(s, CKO_PUBLIC_KEY, 1), pub2);
}

static void test_set_key(void **state)
{
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE pub, prv;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN, 1, &pub, &prv);
	ok(f->C_SetAttributeValue(s, prv,
		(CK_ATTRIBUTE[]){
			{CKA_ID,    "\x11\x22", 2},
                        {CKA_LABEL, "new",      3}
        },
		2));
	is_text(s, prv, CKA_ID, "\x11\x22");
	is_text(s, pub, CKA_ID, "\x11\x22");
	is_text(s, pub, CKA_LABEL, "new");
	/* Nothing is changed when one of them cannot be. */
	is(f->C_SetAttributeValue(s, prv,
		   (CK_ATTRIBUTE[]){
			   {CKA_LABEL, "x", 1},
                           {CKA_SIGN,  &no, 1}
        },
		   2),
		CKR_ATTRIBUTE_READ_ONLY);
	is_text(s, prv, CKA_LABEL, "new");
	ok(f->C_Logout(s));
	is(f->C_SetAttributeValue(s, pub, &(CK_ATTRIBUTE){CKA_LABEL, "y", 1}, 1), CKR_USER_NOT_LOGGED_IN);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_key_attributes),
		TEST(test_several),
		TEST(test_rsa_attributes),
		TEST(test_find),
		TEST(test_certificates),
		TEST(test_long_id),
		TEST(test_data),
		TEST(test_changed_data),
		TEST(test_vanished_data),
		TEST(test_vanished_search),
		TEST(test_refused),
		TEST(test_session_objects),
		TEST(test_session_private),
		TEST(test_destroy_key),
		TEST(test_set_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
