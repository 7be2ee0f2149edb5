/* SPDX-License-Identifier: Apache-2.0 */
/* C_WrapKey and C_UnwrapKey, with AES on the host and with RSA: one command of the token for each key. */
#include "config.h"

#include "tests/wire/secret_bench.h"

#define KEK    "000102030405060708090a0b0c0d0e0f"
#define TARGET "00112233445566778899aabbccddeeff"

static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE rsa_pub, rsa_prv;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY, prv_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE aes = CKK_AES, generic = CKK_GENERIC_SECRET;
static CK_MECHANISM kw = {CKM_AES_KEY_WRAP, NULL, 0}, kwp = {CKM_AES_KEY_WRAP_KWP, NULL, 0},
		    rsa = {CKM_RSA_PKCS, NULL, 0};

static int setup(void **state)
{
	bench_setup_operational(state);
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_DECRYPT, 1, &rsa_pub, &rsa_prv);
	return 0;
}

static CK_ATTRIBUTE open_template[] = {
	{CKA_CLASS,       &secret,  sizeof(secret) },
	{CKA_KEY_TYPE,    &generic, sizeof(generic)},
	{CKA_SENSITIVE,   &no,      1              },
	{CKA_EXTRACTABLE, &yes,     1              },
};

/* Every mechanism and back; what comes back is the key. */
static void test_round(void **state)
{
	CK_BYTE iv[16] = {1, 2, 3};
	CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
	const struct {
		CK_MECHANISM m;
		const char *target;
		CK_ULONG size;
		bool rsa;
	} rows[] = {
		{{CKM_AES_KEY_WRAP, NULL, 0},              TARGET,           24,  false},
		{{CKM_AES_KEY_WRAP, iv, 8},                TARGET,           24,  false},
		{{CKM_AES_KEY_WRAP_KWP, NULL, 0},          "466f7250617369", 16,  false},
		{{CKM_AES_KEY_WRAP_KWP, iv, 4},            "466f7250617369", 16,  false},
		{{CKM_AES_KEY_WRAP_PAD, NULL, 0},          "466f7250617369", 16,  false},
		{{CKM_AES_CBC_PAD, iv, 16},                TARGET,           32,  false},
		{{CKM_RSA_PKCS, NULL, 0},                  TARGET,           256, true },
		{{CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)}, TARGET,           256, true },
	};
	CK_OBJECT_HANDLE kek = secret_key(s, CKK_AES, KEK, NULL, 0), got = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_MECHANISM *m = (CK_MECHANISM_PTR)&rows[i].m;
		CK_OBJECT_HANDLE target = secret_key(s, CKK_GENERIC_SECRET, rows[i].target, NULL, 0);
		CK_OBJECT_HANDLE over = rows[i].rsa ? rsa_pub : kek, under = rows[i].rsa ? rsa_prv : kek;
		CK_BYTE box[256], value[32];
		CK_ULONG n = 0;
		unsigned long before = bench_apdus();

		/* Sensitive keys may be wrapped, if they are extractable. */
		ok(f->C_SetAttributeValue(s, target, &(CK_ATTRIBUTE){CKA_SENSITIVE, &yes, 1}, 1));
		ok(f->C_WrapKey(s, m, over, target, NULL, &n));
		assert_int_equal(n, rows[i].size);
		n--;
		is(f->C_WrapKey(s, m, over, target, box, &n), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(n, rows[i].size);
		ok(f->C_WrapKey(s, m, over, target, box, &n));
		assert_int_equal(bench_apdus(), before);
		ok(f->C_UnwrapKey(s, m, under, box, n, open_template, 4, &got));
		assert_int_equal(bench_apdus() - before, rows[i].rsa);
		is_hex(value, bench_get(s, got, CKA_VALUE, value, sizeof(value)), rows[i].target);
		assert_false(bench_bool(s, got, CKA_LOCAL) || bench_bool(s, got, CKA_ALWAYS_SENSITIVE) ||
			     bench_bool(s, got, CKA_NEVER_EXTRACTABLE));
		/* Damaged, and cut off. Of what is damaged chance makes a good padding now and then. */
		box[n / 2] ^= 1;
		if (rows[i].m.mechanism == CKM_RSA_PKCS &&
			f->C_UnwrapKey(s, m, under, box, n, open_template, 4, &got) == CKR_OK)
			box[n / 3] ^= 1;
		if (rows[i].m.mechanism != CKM_AES_CBC_PAD)
			is(f->C_UnwrapKey(s, m, under, box, n, open_template, 4, &got), CKR_WRAPPED_KEY_INVALID);
		is(f->C_UnwrapKey(s, m, under, box, n - 1, open_template, 4, &got), CKR_WRAPPED_KEY_LEN_RANGE);
	}
}

/* RFC 3394 4.1 through the calls, at its own numbers. */
static void test_vector(void **state)
{
	CK_OBJECT_HANDLE kek = secret_key(s, CKK_AES, KEK, NULL, 0), target = secret_key(s, CKK_AES, TARGET, NULL, 0);
	CK_BYTE box[64];
	CK_ULONG n = sizeof(box);

	(void)state;
	ok(f->C_WrapKey(s, &kw, kek, target, box, &n));
	is_hex(box, n, "1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
}

static void test_wrap_refused(void **state)
{
	CK_ATTRIBUTE fixed = {CKA_EXTRACTABLE, &no, 1}, trusted = {CKA_WRAP_WITH_TRUSTED, &yes, 1},
		     no_wrap = {CKA_WRAP, &no, 1};
	CK_OBJECT_HANDLE kek = secret_key(s, CKK_AES, KEK, NULL, 0), target = secret_key(s, CKK_AES, TARGET, NULL, 0);
	CK_OBJECT_HANDLE stays = secret_key(s, CKK_AES, TARGET, NULL, 0);
	CK_OBJECT_HANDLE careful = secret_key(s, CKK_AES, TARGET, &trusted, 1);
	CK_OBJECT_HANDLE other = secret_key(s, CKK_AES, KEK, &no_wrap, 1);
	CK_OBJECT_HANDLE generic_kek = secret_key(s, CKK_GENERIC_SECRET, KEK, NULL, 0);
	CK_OBJECT_HANDLE odd = secret_key(s, CKK_GENERIC_SECRET, "010203", NULL, 0);
	CK_MECHANISM gcm = {CKM_AES_GCM, NULL, 0};
	struct {
		CK_MECHANISM *m;
		CK_OBJECT_HANDLE kek, key;
		CK_RV rv;
	} rows[] = {
		{&kw,  4711,        target,  CKR_WRAPPING_KEY_HANDLE_INVALID   },
		{&kw,  generic_kek, target,  CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
		{&kw,  rsa_pub,     target,  CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
		{&rsa, rsa_prv,     target,  CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
		{&kw,  other,       target,  CKR_KEY_FUNCTION_NOT_PERMITTED    },
		{&kw,  kek,         4711,    CKR_KEY_HANDLE_INVALID            },
		{&kw,  kek,         stays,   CKR_KEY_UNEXTRACTABLE             },
		{&kw,  kek,         rsa_prv, CKR_KEY_UNEXTRACTABLE             },
		{&kw,  kek,         rsa_pub, CKR_KEY_NOT_WRAPPABLE             },
		{&kw,  kek,         careful, CKR_KEY_NOT_WRAPPABLE             },
		{&kw,  kek,         odd,     CKR_KEY_SIZE_RANGE                },
		{&kwp, kek,         odd,     CKR_OK                            },
		{&gcm, kek,         target,  CKR_MECHANISM_INVALID             },
	};
	CK_BYTE box[256];
	CK_ULONG n;

	(void)state;
	ok(f->C_SetAttributeValue(s, stays, &fixed, 1));
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv;

		n = sizeof(box);
		rv = f->C_WrapKey(s, rows[i].m, rows[i].kek, rows[i].key, box, &n);
		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	is(f->C_WrapKey(s, &kw, kek, target, box, NULL), CKR_ARGUMENTS_BAD);
}

static void test_unwrap_refused(void **state)
{
	CK_ATTRIBUTE no_unwrap = {CKA_UNWRAP, &no, 1};
	CK_OBJECT_HANDLE kek = secret_key(s, CKK_AES, KEK, NULL, 0), other = secret_key(s, CKK_AES, KEK, &no_unwrap, 1);
	CK_ULONG n15 = 15, n32 = 32;
	CK_ATTRIBUTE class = {CKA_CLASS, &secret, sizeof(secret)}, type = {CKA_KEY_TYPE, &aes, sizeof(aes)},
		     generic_type = {CKA_KEY_TYPE, &generic, sizeof(generic)}, label = {CKA_LABEL, "", 0},
		     private = {CKA_CLASS, &prv_class, sizeof(prv_class)};
	struct hex good = hex("1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5");
	/* "ForPasi": seven bytes, no AES key */
	struct hex seven = hex("afbeb0f07dfbf5419200f2ccb50bb24f");
	CK_OBJECT_HANDLE seven_kek =
		secret_key(s, CKK_AES, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", NULL, 0);
	struct {
		CK_MECHANISM *m;
		CK_OBJECT_HANDLE kek;
		struct hex *box;
		CK_ATTRIBUTE list[3];
		CK_RV rv;
	} rows[] = {
		{&kw,  kek,       &good,  {class, type, label},                              CKR_OK                              },
		{&kw,  4711,      &good,  {class, type, label},                              CKR_UNWRAPPING_KEY_HANDLE_INVALID   },
		{&kw,  rsa_prv,   &good,  {class, type, label},                              CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
		{&rsa, rsa_pub,   &good,  {class, type, label},                              CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
		{&kw,  other,     &good,  {class, type, label},                              CKR_KEY_FUNCTION_NOT_PERMITTED      },
		{&kwp, kek,       &good,  {class, type, label},                              CKR_WRAPPED_KEY_INVALID             },
		{&rsa, rsa_prv,   &good,  {class, type, label},                              CKR_WRAPPED_KEY_LEN_RANGE           },
		{&kwp, seven_kek, &seven, {class, type, label},                              CKR_WRAPPED_KEY_INVALID             },
		{&kwp, seven_kek, &seven, {class, generic_type, label},                      CKR_OK                              },
		{&kw,  kek,       &good,  {class, label, {CKA_ID, "", 0}},                   CKR_TEMPLATE_INCOMPLETE             },
		{&kw,  kek,       &good,  {type, label, {CKA_ID, "", 0}},                    CKR_TEMPLATE_INCOMPLETE             },
		{&kw,  kek,       &good,  {private, label, {CKA_ID, "", 0}},                 CKR_TEMPLATE_INCONSISTENT           },
		{&kw,  kek,       &good,  {class, type, {CKA_TOKEN, &yes, 1}},               CKR_TEMPLATE_INCONSISTENT           },
		{&kw,  kek,       &good,  {class, type, {CKA_VALUE, "x", 1}},                CKR_ATTRIBUTE_READ_ONLY             },
		{&kw,  kek,       &good,  {class, type, {CKA_VALUE_LEN, &n32, sizeof(n32)}}, CKR_WRAPPED_KEY_INVALID             },
		{&kw,  kek,       &good,  {class, type, {CKA_VALUE_LEN, &n15, sizeof(n15)}}, CKR_TEMPLATE_INCONSISTENT           },
		{&kw,  kek,       &good,  {class, type, type},                               CKR_TEMPLATE_INCONSISTENT           },
	};
	CK_OBJECT_HANDLE o, pub, prv;
	CK_BYTE box[256];
	CK_ULONG n = sizeof(box);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv = f->C_UnwrapKey(
			s, rows[i].m, rows[i].kek, rows[i].box->data, rows[i].box->len, rows[i].list, 3, &o);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	is(f->C_UnwrapKey(s, &kw, kek, NULL, 0, open_template, 4, &o), CKR_ARGUMENTS_BAD);
	/* No operation that a log-in for one use could belong to. */
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_DECRYPT | USE_ALWAYS, 2, &pub, &prv);
	ok(f->C_WrapKey(s, &rsa, pub, secret_key(s, CKK_AES, TARGET, NULL, 0), box, &n));
	is(f->C_UnwrapKey(s, &rsa, prv, box, n, open_template, 4, &o), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_Logout(s));
	is(f->C_UnwrapKey(s, &rsa, rsa_prv, box, n, open_template, 4, &o), CKR_UNWRAPPING_KEY_HANDLE_INVALID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_round),
		TEST(test_vector),
		TEST(test_wrap_refused),
		TEST(test_unwrap_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
