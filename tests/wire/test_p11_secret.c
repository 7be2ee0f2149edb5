/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys as objects: where they come from, what they say of themselves, who may see, change, copy and use them. */
#include "config.h"

#include "tests/wire/secret_bench.h"

#define KEY "000102030405060708090a0b0c0d0e0f"

static CK_SESSION_HANDLE s;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET, des = CKK_DES3, hmac = CKK_SHA256_HMAC;
static CK_ULONG n16 = 16, n15 = 15, n0 = 0, n2000 = 2000;

static int setup(void **state)
{
	bench_setup_operational(state);
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	return 0;
}

static CK_ULONG number(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_ULONG value = 4711;

	assert_int_equal(bench_get(s, o, type, &value, sizeof(value)), sizeof(value));
	return value;
}

static CK_OBJECT_HANDLE generate(CK_MECHANISM_TYPE type, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	CK_MECHANISM m = {type, NULL, 0};
	CK_OBJECT_HANDLE o = 0;

	ok(f->C_GenerateKey(s, &m, (CK_ATTRIBUTE_PTR)list, count, &o));
	return o;
}

static CK_RV set(CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, const void *value, CK_ULONG len)
{
	return f->C_SetAttributeValue(s, o, &(CK_ATTRIBUTE){type, (void *)value, len}, 1);
}

/* ---- making ---- */

static void test_generated(void **state)
{
	CK_ATTRIBUTE list[] = {
		{CKA_VALUE_LEN,   &n16, sizeof(n16)},
		{CKA_LABEL,       "k",  1          },
		{CKA_EXTRACTABLE, &yes, 1          },
	};
	CK_OBJECT_HANDLE a = generate(CKM_AES_KEY_GEN, list, 2), b = generate(CKM_AES_KEY_GEN, list, 3);
	CK_OBJECT_HANDLE g = generate(CKM_GENERIC_SECRET_KEY_GEN, list, 1);
	CK_BYTE value[32], check[4];
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};
	CK_BYTE zeros[16] = {0}, out[16];
	CK_ULONG n = sizeof(out);

	(void)state;
	assert_int_equal(number(a, CKA_CLASS), CKO_SECRET_KEY);
	assert_int_equal(number(a, CKA_KEY_TYPE), CKK_AES);
	assert_int_equal(number(g, CKA_KEY_TYPE), CKK_GENERIC_SECRET);
	assert_int_equal(number(a, CKA_VALUE_LEN), 16);
	assert_int_equal(number(a, CKA_KEY_GEN_MECHANISM), CKM_AES_KEY_GEN);
	assert_true(bench_bool(s, a, CKA_LOCAL) && bench_bool(s, a, CKA_SENSITIVE));
	assert_true(bench_bool(s, a, CKA_ALWAYS_SENSITIVE) && bench_bool(s, a, CKA_NEVER_EXTRACTABLE));
	assert_false(bench_bool(s, a, CKA_EXTRACTABLE) || bench_bool(s, a, CKA_TOKEN));
	assert_false(bench_bool(s, b, CKA_NEVER_EXTRACTABLE));
	assert_true(bench_bool(s, a, CKA_ENCRYPT) && bench_bool(s, a, CKA_UNWRAP));
	assert_true(bench_bool(s, g, CKA_SIGN) && !bench_bool(s, g, CKA_ENCRYPT) && !bench_bool(s, g, CKA_DERIVE));
	assert_int_equal(bench_get(s, a, CKA_START_DATE, value, sizeof(value)), 0);
	assert_int_equal(bench_get(s, a, CKA_ALLOWED_MECHANISMS, value, sizeof(value)), 0);
	/* Sensitive, or not extractable: no value either way. */
	is(f->C_GetAttributeValue(s, a, &(CK_ATTRIBUTE){CKA_VALUE, value, 32}, 1), CKR_ATTRIBUTE_SENSITIVE);
	is(f->C_GetAttributeValue(s, b, &(CK_ATTRIBUTE){CKA_VALUE, value, 32}, 1), CKR_ATTRIBUTE_SENSITIVE);
	/* The check value is the beginning of a block of zeros. */
	assert_int_equal(bench_get(s, a, CKA_CHECK_VALUE, check, sizeof(check)), 3);
	ok(f->C_EncryptInit(s, &ecb, a));
	ok(f->C_Encrypt(s, zeros, 16, out, &n));
	assert_memory_equal(out, check, 3);
}

static void test_generate_refused(void **state)
{
	CK_BYTE seven[16] = {7};
	CK_ATTRIBUTE len = {CKA_VALUE_LEN, &n16, sizeof(n16)};
	const struct {
		CK_MECHANISM_TYPE m;
		CK_ATTRIBUTE list[2];
		CK_RV rv;
	} rows[] = {
		{CKM_SHA256,                 {len, {CKA_LABEL, "", 0}},                                    CKR_MECHANISM_INVALID      },
		{CKM_AES_KEY_GEN,            {{CKA_ID, "", 0}, {CKA_LABEL, "", 0}},                        CKR_TEMPLATE_INCOMPLETE    },
		{CKM_AES_KEY_GEN,            {{CKA_VALUE_LEN, &n15, sizeof(n15)}, {CKA_LABEL, "", 0}},     CKR_KEY_SIZE_RANGE         },
		{CKM_GENERIC_SECRET_KEY_GEN, {{CKA_VALUE_LEN, &n0, sizeof(n0)}, {CKA_LABEL, "", 0}},
                 CKR_KEY_SIZE_RANGE												   },
		{CKM_GENERIC_SECRET_KEY_GEN, {{CKA_VALUE_LEN, &n2000, sizeof(n2000)}, {CKA_LABEL, "", 0}},
                 CKR_KEY_SIZE_RANGE												   },
		{CKM_AES_KEY_GEN,            {len, {CKA_VALUE, seven, 16}},                                CKR_ATTRIBUTE_READ_ONLY    },
		{CKM_AES_KEY_GEN,            {len, {CKA_LOCAL, &yes, 1}},                                  CKR_ATTRIBUTE_READ_ONLY    },
		{CKM_AES_KEY_GEN,            {len, {CKA_KEY_TYPE, &generic, sizeof(generic)}},             CKR_TEMPLATE_INCONSISTENT  },
		{CKM_GENERIC_SECRET_KEY_GEN, {len, {CKA_KEY_TYPE, &aes, sizeof(aes)}},                     CKR_TEMPLATE_INCONSISTENT  },
		{CKM_GENERIC_SECRET_KEY_GEN, {len, {CKA_KEY_TYPE, &hmac, sizeof(hmac)}},                   CKR_OK                     },
		{CKM_AES_KEY_GEN,            {len, {CKA_KEY_TYPE, &des, sizeof(des)}},                     CKR_ATTRIBUTE_VALUE_INVALID},
		{CKM_AES_KEY_GEN,            {len, {CKA_TOKEN, &yes, 1}},                                  CKR_TEMPLATE_INCONSISTENT  },
		{CKM_AES_KEY_GEN,            {len, {CKA_MODULUS, seven, 16}},                              CKR_ATTRIBUTE_TYPE_INVALID },
		{CKM_AES_KEY_GEN,            {len, {CKA_SIGN, seven, 2}},                                  CKR_ATTRIBUTE_VALUE_INVALID},
		{CKM_AES_KEY_GEN,            {len, {CKA_START_DATE, seven, 2}},                            CKR_ATTRIBUTE_VALUE_INVALID},
		{CKM_AES_KEY_GEN,            {len, {CKA_TRUSTED, &yes, 1}},                                CKR_ATTRIBUTE_READ_ONLY    },
		{CKM_AES_KEY_GEN,            {len, len},						   CKR_TEMPLATE_INCONSISTENT  },
	};
	CK_MECHANISM m = {CKM_AES_KEY_GEN, seven, 1};
	CK_OBJECT_HANDLE o = 0;
	CK_SESSION_HANDLE ro = bench_session(0, -1);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_MECHANISM one = {rows[i].m, NULL, 0};
		CK_RV rv = f->C_GenerateKey(s, &one, (CK_ATTRIBUTE_PTR)rows[i].list, 2, &o);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	is(f->C_GenerateKey(s, &m, &len, 1, &o), CKR_MECHANISM_PARAM_INVALID);
	m.ulParameterLen = 0;
	is(f->C_GenerateKey(s, &m, &len, 1, NULL), CKR_ARGUMENTS_BAD);
	is(f->C_GenerateKey(ro, &m,
		   (CK_ATTRIBUTE[]){
			   len, {CKA_TOKEN, &yes, 1}
        },
		   2, &o),
		CKR_SESSION_READ_ONLY);
	ok(f->C_GenerateKey(ro, &m, &len, 1, &o));
	ok(f->C_Logout(s));
	is(f->C_GenerateKey(ro, &m,
		   (CK_ATTRIBUTE[]){
			   len, {CKA_PRIVATE, &yes, 1}
        },
		   2, &o),
		CKR_USER_NOT_LOGGED_IN);
	ok(f->C_GenerateKey(ro, &m, &len, 1, &o));
}

static void test_created(void **state)
{
	struct hex h = hex(KEY);
	CK_BYTE check[] = {0xC6, 0xA1, 0x3B}, value[32];
	CK_ATTRIBUTE class = {CKA_CLASS, &secret, sizeof(secret)}, type = {CKA_KEY_TYPE, &aes, sizeof(aes)},
		     v = {CKA_VALUE, h.data, h.len}, none = {CKA_LABEL, "", 0};
	const struct {
		CK_ATTRIBUTE list[4];
		CK_RV rv;
	} rows[] = {
		{{class, type, v, none},                                CKR_OK                     },
		{{class, type, v, {CKA_CHECK_VALUE, check, 3}},         CKR_OK                     },
		{{class, type, v, {CKA_CHECK_VALUE, "", 0}},            CKR_OK                     },
		{{class, type, v, {CKA_CHECK_VALUE, "abc", 3}},         CKR_ATTRIBUTE_VALUE_INVALID},
		{{class, type, v, {CKA_VALUE_LEN, &n16, sizeof(n16)}},  CKR_ATTRIBUTE_READ_ONLY    },
		{{class, type, v, {CKA_NEVER_EXTRACTABLE, &yes, 1}},    CKR_ATTRIBUTE_READ_ONLY    },
		{{class, type, {CKA_ID, "", 0}, none},                  CKR_TEMPLATE_INCOMPLETE    },
		{{class, v, {CKA_ID, "", 0}, none},                     CKR_TEMPLATE_INCOMPLETE    },
		{{class, type, {CKA_VALUE, h.data, 15}, none},          CKR_ATTRIBUTE_VALUE_INVALID},
		{{class, type, {CKA_VALUE, h.data, 0}, none},           CKR_ATTRIBUTE_VALUE_INVALID},
		{{class, type, v, {CKA_TOKEN, &yes, 1}},                CKR_TEMPLATE_INCONSISTENT  },
		{{class, type, v, {CKA_ALLOWED_MECHANISMS, h.data, 5}}, CKR_ATTRIBUTE_VALUE_INVALID},
	};
	CK_OBJECT_HANDLE o = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv = f->C_CreateObject(s, (CK_ATTRIBUTE_PTR)rows[i].list, 4, &o);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	o = secret_key(s, CKK_AES, KEY, NULL, 0);
	assert_int_equal(bench_get(s, o, CKA_VALUE, value, sizeof(value)), 16);
	assert_memory_equal(value, h.data, 16);
	assert_int_equal(bench_get(s, o, CKA_CHECK_VALUE, value, sizeof(value)), 3);
	assert_memory_equal(value, check, 3);
	assert_false(bench_bool(s, o, CKA_LOCAL) || bench_bool(s, o, CKA_ALWAYS_SENSITIVE));
	assert_int_equal(number(o, CKA_KEY_GEN_MECHANISM), CK_UNAVAILABLE_INFORMATION);
	assert_int_equal(number(o, CKA_VALUE_LEN), 16);
	/* Found by what it is. */
	assert_true(bench_count(s, (CK_ATTRIBUTE[]){class, type}, 2) >= 4);
}

/* ---- changing and copying ---- */

static void test_one_way(void **state)
{
	CK_OBJECT_HANDLE o = secret_key(s, CKK_AES, KEY, NULL, 0), copy = 0;
	CK_ATTRIBUTE stay = {CKA_MODIFIABLE, &no, 1}, alone = {CKA_COPYABLE, &no, 1};
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};
	CK_BYTE value[16];

	(void)state;
	ok(set(o, CKA_LABEL, "new", 3));
	ok(set(o, CKA_ENCRYPT, &no, 1));
	is(f->C_EncryptInit(s, &ecb, o), CKR_KEY_FUNCTION_NOT_PERMITTED);
	ok(f->C_DecryptInit(s, &ecb, o));
	ok(f->C_SessionCancel(s, CKF_DECRYPT));
	ok(set(o, CKA_ENCRYPT, &yes, 1));
	is(set(o, CKA_ENCRYPT, "xx", 2), CKR_ATTRIBUTE_VALUE_INVALID);
	is(set(o, CKA_KEY_TYPE, &generic, sizeof(generic)), CKR_ATTRIBUTE_READ_ONLY);
	is(set(o, CKA_VALUE, "x", 1), CKR_ATTRIBUTE_READ_ONLY);
	is(set(o, CKA_TOKEN, &no, 1), CKR_ATTRIBUTE_READ_ONLY);
	is(set(o, CKA_TRUSTED, &yes, 1), CKR_ATTRIBUTE_READ_ONLY);
	is(set(o, CKA_MODULUS, "x", 1), CKR_ATTRIBUTE_TYPE_INVALID);
	/* A copy may be stricter, never looser. */
	ok(f->C_CopyObject(s, o,
		(CK_ATTRIBUTE[]){
			{CKA_SENSITIVE, &yes, 1}
        },
		1, &copy));
	is(f->C_GetAttributeValue(s, copy, &(CK_ATTRIBUTE){CKA_VALUE, value, 16}, 1), CKR_ATTRIBUTE_SENSITIVE);
	assert_false(bench_bool(s, copy, CKA_ALWAYS_SENSITIVE));
	is(f->C_CopyObject(s, copy,
		   (CK_ATTRIBUTE[]){
			   {CKA_SENSITIVE, &no, 1}
        },
		   1, &copy),
		CKR_ATTRIBUTE_READ_ONLY);
	is(set(copy, CKA_SENSITIVE, &no, 1), CKR_ATTRIBUTE_READ_ONLY);
	ok(set(copy, CKA_EXTRACTABLE, &no, 1));
	is(set(copy, CKA_EXTRACTABLE, &yes, 1), CKR_ATTRIBUTE_READ_ONLY);
	ok(set(copy, CKA_WRAP_WITH_TRUSTED, &yes, 1));
	is(set(copy, CKA_WRAP_WITH_TRUSTED, &no, 1), CKR_ATTRIBUTE_READ_ONLY);
	is(f->C_CopyObject(s, o,
		   (CK_ATTRIBUTE[]){
			   {CKA_TOKEN, &yes, 1}
        },
		   1, &copy),
		CKR_TEMPLATE_INCONSISTENT);
	o = secret_key(s, CKK_AES, KEY, &stay, 1);
	is(set(o, CKA_LABEL, "new", 3), CKR_ACTION_PROHIBITED);
	o = secret_key(s, CKK_AES, KEY, &alone, 1);
	is(f->C_CopyObject(s, o, NULL, 0, &copy), CKR_ACTION_PROHIBITED);
}

/* Private ones are seen by who is logged in, and go with the log-in (2.40, 5.6). */
static void test_private(void **state)
{
	CK_ATTRIBUTE hidden = {CKA_PRIVATE, &yes, 1};
	CK_OBJECT_HANDLE o = secret_key(s, CKK_AES, KEY, &hidden, 1), open = secret_key(s, CKK_AES, KEY, NULL, 0);
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0};

	(void)state;
	ok(f->C_EncryptInit(s, &ecb, o));
	ok(f->C_EncryptInit(s, NULL, 0));
	ok(f->C_Logout(s));
	is(f->C_EncryptInit(s, &ecb, o), CKR_KEY_HANDLE_INVALID);
	ok(f->C_EncryptInit(s, &ecb, open));
	ok(f->C_EncryptInit(s, NULL, 0));
	is(f->C_CopyObject(s, open, &hidden, 1, &o), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	is(f->C_EncryptInit(s, &ecb, o), CKR_KEY_HANDLE_INVALID);
}

static void test_allowed(void **state)
{
	CK_MECHANISM_TYPE only[] = {CKM_AES_CBC, CKM_AES_CMAC};
	CK_ATTRIBUTE allowed = {CKA_ALLOWED_MECHANISMS, only, sizeof(only)};
	CK_OBJECT_HANDLE o = secret_key(s, CKK_AES, KEY, &allowed, 1);
	CK_BYTE iv[16] = {0};
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, cbc = {CKM_AES_CBC, iv, 16}, mac = {CKM_AES_CMAC, NULL, 0};

	(void)state;
	is(f->C_EncryptInit(s, &ecb, o), CKR_MECHANISM_INVALID);
	ok(f->C_EncryptInit(s, &cbc, o));
	ok(f->C_SignInit(s, &mac, o));
}

/* ---- derivation ---- */

/* RFC 5869 A.1: in one step, in two, and with the salt in a key. */
static void test_hkdf(void **state)
{
	static const char *okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865";
	struct hex salt = hex("000102030405060708090a0b0c"), info = hex("f0f1f2f3f4f5f6f7f8f9");
	CK_ATTRIBUTE derive = {CKA_DERIVE, &yes, 1};
	CK_OBJECT_HANDLE base =
		secret_key(s, CKK_GENERIC_SECRET, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", &derive, 1);
	CK_OBJECT_HANDLE salt_key = secret_key(s, CKK_HKDF, "000102030405060708090a0b0c", &derive, 1), prk = 0, o = 0;
	CK_HKDF_PARAMS p = {
		CK_TRUE, CK_TRUE, CKM_SHA256, CKF_HKDF_SALT_DATA, salt.data, salt.len, 0, info.data, info.len};
	CK_MECHANISM m = {CKM_HKDF_DERIVE, &p, sizeof(p)};
	CK_ULONG len = 42, much = 8161;
	CK_ATTRIBUTE list[] = {
		{CKA_SENSITIVE,   &no,  1          },
		{CKA_EXTRACTABLE, &yes, 1          },
		{CKA_DERIVE,      &yes, 1          },
		{CKA_VALUE_LEN,   &len, sizeof(len)},
	};
	CK_BYTE out[64];

	(void)state;
	ok(f->C_DeriveKey(s, &m, base, list, 4, &o));
	is_hex(out, bench_get(s, o, CKA_VALUE, out, sizeof(out)), okm);
	p.ulSaltType = CKF_HKDF_SALT_KEY;
	p.hSaltKey = salt_key;
	ok(f->C_DeriveKey(s, &m, base, list, 4, &o));
	is_hex(out, bench_get(s, o, CKA_VALUE, out, sizeof(out)), okm);
	p.bExpand = CK_FALSE;
	ok(f->C_DeriveKey(s, &m, base, list, 3, &prk));
	is_hex(out, bench_get(s, prk, CKA_VALUE, out, sizeof(out)),
		"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5");
	p.bExpand = CK_TRUE;
	p.bExtract = CK_FALSE;
	ok(f->C_DeriveKey(s, &m, prk, list, 4, &o));
	is_hex(out, bench_get(s, o, CKA_VALUE, out, sizeof(out)), okm);
	/* What is derived from an open key was not always sensitive. */
	ok(f->C_DeriveKey(s, &m, prk, NULL, 0, &o));
	assert_true(bench_bool(s, o, CKA_SENSITIVE) && !bench_bool(s, o, CKA_ALWAYS_SENSITIVE));
	/* Refused. */
	is(f->C_DeriveKey(s, &m, base, list, 4, &o), CKR_KEY_SIZE_RANGE);
	list[3].pValue = &much;
	is(f->C_DeriveKey(s, &m, prk, list, 4, &o), CKR_KEY_SIZE_RANGE);
	p.bExpand = CK_FALSE;
	is(f->C_DeriveKey(s, &m, prk, list, 3, &o), CKR_MECHANISM_PARAM_INVALID);
	p = (CK_HKDF_PARAMS){CK_TRUE, CK_TRUE, CKM_AES_GCM, CKF_HKDF_SALT_NULL, NULL, 0, 0, NULL, 0};
	is(f->C_DeriveKey(s, &m, base, list, 3, &o), CKR_MECHANISM_PARAM_INVALID);
	p.prfHashMechanism = CKM_SHA512;
	p.ulSaltType = 9;
	is(f->C_DeriveKey(s, &m, base, list, 3, &o), CKR_MECHANISM_PARAM_INVALID);
	p.ulSaltType = CKF_HKDF_SALT_KEY;
	p.hSaltKey = 4711;
	is(f->C_DeriveKey(s, &m, base, list, 3, &o), CKR_KEY_HANDLE_INVALID);
	p.ulSaltType = CKF_HKDF_SALT_NULL;
	ok(f->C_DeriveKey(s, &m, base, list, 3, &o));
	ok(set(base, CKA_DERIVE, &no, 1));
	is(f->C_DeriveKey(s, &m, base, list, 3, &o), CKR_KEY_FUNCTION_NOT_PERMITTED);
	is(f->C_DeriveKey(s, &m, secret_key(s, CKK_AES, KEY, &derive, 1), list, 3, &o), CKR_KEY_TYPE_INCONSISTENT);
}

/* ECDH's secret at once as an AES key, which works. */
static void test_ecdh(void **state)
{
	CK_OBJECT_HANDLE pub[2], prv[2], keys[2];
	CK_BYTE iv[12] = {0}, data[20] = "agreed", box[36], out[20];
	CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 128};
	CK_MECHANISM seal = {CKM_AES_GCM, &gcm, sizeof(gcm)};
	CK_ATTRIBUTE list[] = {
		{CKA_KEY_TYPE,  &aes, sizeof(aes)},
		{CKA_VALUE_LEN, &n16, sizeof(n16)},
	};
	CK_ULONG n = sizeof(box);

	(void)state;
	for (CK_BYTE i = 0; i < 2; i++)
		bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_DERIVE, i + 1, &pub[i], &prv[i]);
	for (int i = 0; i < 2; i++) {
		CK_BYTE point[80];
		CK_ECDH1_DERIVE_PARAMS p = {CKD_SHA256_KDF, 4, (CK_BYTE_PTR) "both",
			bench_get(s, pub[!i], CKA_EC_POINT, point, sizeof(point)), point};
		CK_MECHANISM m = {CKM_ECDH1_DERIVE, &p, sizeof(p)};

		is(f->C_DeriveKey(s, &m, prv[i], list, 1, &keys[i]), CKR_TEMPLATE_INCOMPLETE);
		ok(f->C_DeriveKey(s, &m, prv[i], list, 2, &keys[i]));
		assert_true(
			bench_bool(s, keys[i], CKA_ALWAYS_SENSITIVE) && bench_bool(s, keys[i], CKA_NEVER_EXTRACTABLE));
	}
	ok(f->C_EncryptInit(s, &seal, keys[0]));
	ok(f->C_Encrypt(s, data, sizeof(data), box, &n));
	ok(f->C_DecryptInit(s, &seal, keys[1]));
	n = sizeof(out);
	ok(f->C_Decrypt(s, box, sizeof(box), out, &n));
	assert_memory_equal(out, data, sizeof(data));
}

/* ---- signatures that give the data back ---- */

static void test_recover(void **state)
{
	CK_MECHANISM rows[] =
		{
			{CKM_RSA_PKCS,  NULL, 0},
                        {CKM_RSA_X_509, NULL, 0}
        },
		     ec = {CKM_ECDSA, NULL, 0};
	CK_OBJECT_HANDLE pub, prv;
	CK_BYTE sig[256], out[256], data[40] = "the text itself";
	CK_ULONG n, len;

	(void)state;
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN, 1, &pub, &prv);
	for (size_t i = 0; i < COUNT(rows); i++) {
		unsigned long before = bench_apdus();

		ok(f->C_SignRecoverInit(s, &rows[i], prv));
		n = 255;
		is(f->C_SignRecover(s, data, sizeof(data), sig, &n), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(n, 256);
		ok(f->C_SignRecover(s, data, sizeof(data), sig, &n));
		assert_int_equal(bench_apdus() - before, 1);
		ok(f->C_VerifyRecoverInit(s, &rows[i], pub));
		ok(f->C_VerifyRecover(s, sig, n, NULL, &len));
		assert_int_equal(len, 256);
		len = 39;
		is(f->C_VerifyRecover(s, sig, n, out, &len), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(len, i == 0 ? 40 : 256);
		ok(f->C_VerifyRecover(s, sig, n, out, &len));
		assert_memory_equal(out + len - 40, data, 40);
		ok(f->C_VerifyRecoverInit(s, &rows[i], pub));
		is(f->C_VerifyRecover(s, sig, 255, out, &len), CKR_SIGNATURE_LEN_RANGE);
		is(f->C_VerifyRecover(s, sig, 256, out, &len), CKR_OPERATION_NOT_INITIALIZED);
		memset(sig, 0xFF, sizeof(sig));
		ok(f->C_VerifyRecoverInit(s, &rows[i], pub));
		is(f->C_VerifyRecover(s, sig, 256, out, &len), CKR_SIGNATURE_INVALID);
	}
	memset(sig, 1, sizeof(sig));
	ok(f->C_VerifyRecoverInit(s, &rows[0], pub));
	is(f->C_VerifyRecover(s, sig, 256, out, &len), CKR_SIGNATURE_INVALID);
	is(f->C_SignRecoverInit(s, &ec, prv), CKR_MECHANISM_INVALID);
	is(f->C_SignRecoverInit(s, &rows[0], pub), CKR_KEY_TYPE_INCONSISTENT);
	/* With a key that asks for the PIN each time, like C_Sign. */
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN | USE_ALWAYS, 2, &pub, &prv);
	ok(f->C_SignRecoverInit(s, &rows[0], prv));
	n = 256;
	is(f->C_SignRecover(s, data, 40, sig, &n), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_SignRecoverInit(s, &rows[0], prv));
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)));
	ok(f->C_SignRecover(s, data, 40, sig, &n));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_generated),
		TEST(test_generate_refused),
		TEST(test_created),
		TEST(test_one_way),
		TEST(test_private),
		TEST(test_allowed),
		TEST(test_hkdf),
		TEST(test_ecdh),
		TEST(test_recover),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
