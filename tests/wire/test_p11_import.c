/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C_CreateObject of a private key: an exchange pair comes in and says that it was made elsewhere; whatever would sign
 * is refused.
 */
#include "tests/wire/outside.h"
#include "tests/wire/p11_bench.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

static CK_OBJECT_CLASS prv_class = CKO_PRIVATE_KEY;
static CK_KEY_TYPE rsa_type = CKK_RSA, ec_type = CKK_EC;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;

/* A template under construction, with room for the numbers in it. */
struct template
{
	CK_ATTRIBUTE list[32];
	CK_ULONG count;
	uint8_t room[16][520];
	unsigned used;
};

static void put(struct template *t, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG len)
{
	assert_true(t->count < COUNT(t->list));
	t->list[t->count++] = (CK_ATTRIBUTE){type, value, len};
}

static void put_bool(struct template *t, CK_ATTRIBUTE_TYPE type, bool value)
{
	put(t, type, value ? &yes : &no, sizeof(CK_BBOOL));
}

static void put_number(struct template *t, CK_ATTRIBUTE_TYPE type, const struct outside *o, const char *name)
{
	BIGNUM *n = NULL;
	uint8_t *room = t->room[t->used++];

	assert_int_equal(EVP_PKEY_get_bn_param(o->key, name, &n), 1);
	room[0] = 0; /* a leading zero, as DER has it */
	put(t, type, room, (CK_ULONG)BN_bn2bin(n, room + 1) + 1);
	BN_clear_free(n);
}

static struct bytes oid_of(const struct outside *o)
{
	return crypto_curve_oid(o->algorithm == 0x11   ? CRYPTO_EC_P256
				: o->algorithm == 0x14 ? CRYPTO_EC_P384
						       : CRYPTO_EC_P521);
}

/* As programs send it: everything that a PKCS#8 file has. */
static void begin(struct template *t, const struct outside *o, CK_BYTE *id)
{
	t->count = t->used = 0;
	put(t, CKA_CLASS, &prv_class, sizeof(prv_class));
	put_bool(t, CKA_TOKEN, true);
	put_bool(t, CKA_PRIVATE, true);
	put_bool(t, CKA_SENSITIVE, true);
	put(t, CKA_LABEL, (void *)(uintptr_t) "escrowed", 8);
	put(t, CKA_ID, id, 1);
	if (EVP_PKEY_is_a(o->key, "RSA")) {
		put(t, CKA_KEY_TYPE, &rsa_type, sizeof(rsa_type));
		put_number(t, CKA_MODULUS, o, OSSL_PKEY_PARAM_RSA_N);
		put_number(t, CKA_PUBLIC_EXPONENT, o, OSSL_PKEY_PARAM_RSA_E);
		put_number(t, CKA_PRIVATE_EXPONENT, o, OSSL_PKEY_PARAM_RSA_D);
		put_number(t, CKA_PRIME_1, o, OSSL_PKEY_PARAM_RSA_FACTOR1);
		put_number(t, CKA_PRIME_2, o, OSSL_PKEY_PARAM_RSA_FACTOR2);
		put_number(t, CKA_EXPONENT_1, o, OSSL_PKEY_PARAM_RSA_EXPONENT1);
		put_number(t, CKA_EXPONENT_2, o, OSSL_PKEY_PARAM_RSA_EXPONENT2);
		put_number(t, CKA_COEFFICIENT, o, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
	} else {
		struct bytes oid = oid_of(o);
		put(t, CKA_KEY_TYPE, &ec_type, sizeof(ec_type));
		put(t, CKA_EC_PARAMS, (void *)(uintptr_t)oid.data, oid.len);
		put_number(t, CKA_VALUE, o, OSSL_PKEY_PARAM_PRIV_KEY);
	}
}

static CK_ATTRIBUTE *find(struct template *t, CK_ATTRIBUTE_TYPE type)
{
	for (CK_ULONG i = 0; i < t->count; i++)
		if (t->list[i].type == type)
			return &t->list[i];
	fail_msg("no attribute %lx", type);
	return NULL;
}

static void drop(struct template *t, CK_ATTRIBUTE_TYPE type)
{
	CK_ATTRIBUTE *gone = find(t, type);

	*gone = t->list[--t->count];
}

static CK_RV create(CK_SESSION_HANDLE s, struct template *t, CK_OBJECT_HANDLE *key)
{
	return f->C_CreateObject(s, t->list, t->count, key);
}

/* Encrypted outside with the public half, opened by the token. */
static void assert_decrypts(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, const struct outside *o)
{
	CK_MECHANISM pkcs1 = {CKM_RSA_PKCS, NULL, 0};
	uint8_t cipher[512], plain[512];
	size_t n = sizeof(cipher);
	CK_ULONG len = sizeof(plain);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);

	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, cipher, &n, (const uint8_t *)"letter", 6), 1);
	ok(f->C_DecryptInit(s, &pkcs1, key));
	ok(f->C_Decrypt(s, cipher, n, plain, &len));
	assert_int_equal(len, 6);
	assert_memory_equal(plain, "letter", 6);
	EVP_PKEY_CTX_free(ctx);
}

static void assert_derives(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE key, const struct outside *o)
{
	const struct outside *peer = outside_key(o->algorithm, 1);
	CK_ECDH1_DERIVE_PARAMS p = {.kdf = CKD_NULL};
	CK_MECHANISM ecdh = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
	CK_OBJECT_CLASS secret_class = CKO_SECRET_KEY;
	CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE secret[] = {
		{CKA_CLASS,       &secret_class, sizeof(secret_class)},
		{CKA_KEY_TYPE,    &generic,      sizeof(generic)     },
		{CKA_TOKEN,       &no,           sizeof(no)          },
		{CKA_SENSITIVE,   &no,           sizeof(no)          },
		{CKA_EXTRACTABLE, &yes,          sizeof(yes)         },
	};
	uint8_t point[133], expected[66], got[66];
	size_t len = sizeof(point), n = sizeof(expected);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);
	CK_OBJECT_HANDLE z;

	assert_int_equal(
		EVP_PKEY_get_octet_string_param(peer->key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len), 1);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer->key), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, expected, &n), 1);
	p.pPublicData = point;
	p.ulPublicDataLen = len;
	ok(f->C_DeriveKey(s, &ecdh, key, secret, COUNT(secret), &z));
	assert_int_equal(bench_get(s, z, CKA_VALUE, got, sizeof(got)), n);
	assert_memory_equal(got, expected, n);
	ok(f->C_DestroyObject(s, z));
	EVP_PKEY_CTX_free(ctx);
}

/* PKCS#11 4.9: what a key from outside says of itself. */
static void every_kind_comes_in_and_says_so(void **state)
{
	static const uint8_t algorithms[] = {0x07, 0x05, 0x16, 0x11, 0x14, 0x15};
	static struct template t;
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);

	(void)state;
	for (CK_BYTE i = 0; i < sizeof(algorithms); i++) {
		const struct outside *o = outside_key(algorithms[i], 0);
		const bool rsa = EVP_PKEY_is_a(o->key, "RSA");
		CK_OBJECT_HANDLE key = CK_INVALID_HANDLE, pub;
		CK_BYTE id = (CK_BYTE)(i + 1);

		begin(&t, o, &id);
		put_bool(&t, rsa ? CKA_DECRYPT : CKA_DERIVE, true);
		if (rsa)
			put_bool(&t, CKA_UNWRAP, true);
		ok(create(s, &t, &key));
		assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, id), key);
		pub = bench_find(s, CKO_PUBLIC_KEY, id);
		assert_int_not_equal(pub, CK_INVALID_HANDLE);
		assert_false(bench_bool(s, key, CKA_LOCAL));
		assert_false(bench_bool(s, key, CKA_ALWAYS_SENSITIVE));
		assert_false(bench_bool(s, key, CKA_NEVER_EXTRACTABLE));
		assert_true(bench_bool(s, key, CKA_SENSITIVE));
		assert_false(bench_bool(s, key, CKA_EXTRACTABLE));
		assert_false(bench_bool(s, key, CKA_SIGN));
		assert_int_equal(bench_bool(s, key, CKA_DECRYPT), rsa);
		assert_int_equal(bench_bool(s, key, CKA_DERIVE), !rsa);
		assert_false(bench_bool(s, pub, CKA_LOCAL));
		/* Nothing reads it out again. */
		assert_int_equal(bench_get(s, key, rsa ? CKA_PRIME_1 : CKA_VALUE, NULL, 0), CK_UNAVAILABLE_INFORMATION);
		if (rsa)
			assert_decrypts(s, key, o);
		else
			assert_derives(s, key, o);
	}
}

/* The key's certificate finds it, whoever made the key; and it is destroyed as any other. */
static void a_certificate_joins_it(void **state)
{
	static struct template t;
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_CLASS cert_class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE x509 = CKC_X_509;
	CK_OBJECT_HANDLE key, cert;
	CK_BYTE id = 7;
	size_t len;

	(void)state;
	begin(&t, outside_key(0x07, 0), &id);
	put_bool(&t, CKA_DECRYPT, true);
	ok(create(s, &t, &key));
	uint8_t *der = bench_certificate(s, bench_find(s, CKO_PUBLIC_KEY, 7), 1, &len);
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &cert_class, sizeof(cert_class)},
		{CKA_CERTIFICATE_TYPE, &x509,       sizeof(x509)      },
		{CKA_TOKEN,            &yes,        sizeof(yes)       },
		{CKA_ID,               &id,         sizeof(id)        },
		{CKA_VALUE,            der,         len               },
	};
	ok(f->C_CreateObject(s, list, COUNT(list), &cert));
	assert_int_equal(bench_find(s, CKO_CERTIFICATE, 7), cert);
	free(der);
	ok(f->C_DestroyObject(s, key));
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 7), CK_INVALID_HANDLE);
	assert_int_equal(bench_find(s, CKO_CERTIFICATE, 7), CK_INVALID_HANDLE);
}

/* No id is named: the first small number that is free. */
static void a_bare_template_gets_the_defaults(void **state)
{
	static struct template t;
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_OBJECT_HANDLE key;
	CK_BYTE id = 0;

	(void)state;
	begin(&t, outside_key(0x07, 0), &id);
	drop(&t, CKA_ID);
	drop(&t, CKA_LABEL);
	drop(&t, CKA_PRIVATE);
	drop(&t, CKA_SENSITIVE);
	drop(&t, CKA_PRIVATE_EXPONENT);
	drop(&t, CKA_PUBLIC_EXPONENT);
	is(create(s, &t, &key), CKR_TEMPLATE_INCOMPLETE); /* what for? */
	put_bool(&t, CKA_UNWRAP, true);
	ok(create(s, &t, &key));
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 1), key);
	assert_true(bench_bool(s, key, CKA_DECRYPT));
	assert_false(bench_bool(s, key, CKA_SIGN));
	assert_true(bench_bool(s, key, CKA_PRIVATE));
	assert_true(bench_bool(s, key, CKA_SENSITIVE));
}

static char logged[65536];
static void hear(void *arg, const char *text)
{
	(void)arg;
	strncat(logged, text, sizeof(logged) - strlen(logged) - 1);
}

static void what_signs_is_refused_with_the_reason(void **state)
{
	static const CK_ATTRIBUTE_TYPE signs[] = {CKA_SIGN, CKA_SIGN_RECOVER};
	static const uint8_t algorithms[] = {0x07, 0x11};
	static struct template t;
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER);
	CK_BYTE id = 9;

	(void)state;
	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 2; j++) {
			CK_OBJECT_HANDLE key = 4711;
			unsigned long before = bench_apdus();
			begin(&t, outside_key(algorithms[i], 0), &id);
			put_bool(&t, CKA_DECRYPT, true);
			put_bool(&t, signs[j], true);
			logged[0] = 0;
			ukey_set_log(hear, NULL);
			is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
			ukey_set_log(NULL, NULL);
			assert_non_null(strstr(logged, "never brought to it"));
			assert_int_equal(key, 4711);
			assert_int_equal(bench_apdus(), before);
		}
	assert_int_equal(bench_find(s, CKO_PRIVATE_KEY, 9), CK_INVALID_HANDLE);
}

static void begin_decrypt(struct template *t, const struct outside *o, CK_BYTE *id)
{
	begin(t, o, id);
	put_bool(t, CKA_DECRYPT, true);
}

static void begin_derive(struct template *t, const struct outside *o, CK_BYTE *id)
{
	begin(t, o, id);
	put_bool(t, CKA_DERIVE, true);
}

static void what_else_is_refused(void **state)
{
	static struct template t;
	CK_SESSION_HANDLE s = bench_session(CKF_RW_SESSION, CKU_USER), ro = bench_session(0, -1);
	const struct outside *rsa = outside_key(0x07, 0), *ec = outside_key(0x11, 0);
	uint8_t oid[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A}; /* secp256k1 */
	CK_KEY_TYPE odd = CKK_DSA;
	CK_OBJECT_HANDLE key;
	CK_BYTE id = 9;

	(void)state;
	begin_decrypt(&t, rsa, &id);
	is(create(ro, &t, &key), CKR_SESSION_READ_ONLY);
	find(&t, CKA_TOKEN)->pValue = &no;
	is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
	drop(&t, CKA_TOKEN); /* a session object by default */
	is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
	begin_decrypt(&t, rsa, &id);
	find(&t, CKA_SENSITIVE)->pValue = &no;
	is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
	begin_decrypt(&t, rsa, &id);
	put_bool(&t, CKA_EXTRACTABLE, true);
	is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
	begin_decrypt(&t, rsa, &id);
	put_bool(&t, CKA_LOCAL, true);
	is(create(s, &t, &key), CKR_ATTRIBUTE_READ_ONLY);
	begin_decrypt(&t, rsa, &id);
	put_bool(&t, CKA_TRUSTED, false);
	is(create(s, &t, &key), CKR_ATTRIBUTE_TYPE_INVALID);
	begin_decrypt(&t, rsa, &id);
	find(&t, CKA_DECRYPT)->pValue = &no;
	is(create(s, &t, &key), CKR_TEMPLATE_INCOMPLETE);
	put_bool(&t, CKA_DERIVE, true);
	is(create(s, &t, &key), CKR_TEMPLATE_INCONSISTENT);
	begin_decrypt(&t, rsa, &id);
	drop(&t, CKA_PRIME_2);
	is(create(s, &t, &key), CKR_TEMPLATE_INCOMPLETE);
	begin_decrypt(&t, rsa, &id);
	drop(&t, CKA_KEY_TYPE);
	is(create(s, &t, &key), CKR_TEMPLATE_INCOMPLETE);
	find(&t, CKA_CLASS)->pValue = NULL;
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	begin_decrypt(&t, rsa, &id);
	find(&t, CKA_KEY_TYPE)->pValue = &odd;
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	/* Halves that do not belong together: the token says so. */
	begin_decrypt(&t, rsa, &id);
	((uint8_t *)find(&t, CKA_PRIME_1)->pValue)[20] ^= 1;
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	begin_decrypt(&t, rsa, &id);
	find(&t, CKA_MODULUS)->ulValueLen--;
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	begin_derive(&t, ec, &id);
	drop(&t, CKA_VALUE);
	is(create(s, &t, &key), CKR_TEMPLATE_INCOMPLETE);
	begin_derive(&t, ec, &id);
	memset(find(&t, CKA_VALUE)->pValue, 0xFF, 33);
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	begin_derive(&t, ec, &id);
	put(&t, CKA_EC_POINT, (void *)(uintptr_t)(outside_key(0x11, 1)->public_key + 2), 65);
	is(create(s, &t, &key), CKR_ATTRIBUTE_VALUE_INVALID);
	find(&t, CKA_EC_POINT)->pValue = (void *)(uintptr_t)(ec->public_key + 2);
	ok(create(s, &t, &key));
	ok(f->C_DestroyObject(s, key));
	begin_derive(&t, ec, &id);
	find(&t, CKA_EC_PARAMS)->pValue = oid;
	find(&t, CKA_EC_PARAMS)->ulValueLen = sizeof(oid);
	is(create(s, &t, &key), CKR_CURVE_NOT_SUPPORTED);
	ok(f->C_Logout(s));
	begin_decrypt(&t, rsa, &id);
	is(create(s, &t, &key), CKR_USER_NOT_LOGGED_IN);
	assert_int_equal(bench_find(s, CKO_PUBLIC_KEY, 9), CK_INVALID_HANDLE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(every_kind_comes_in_and_says_so),
		T(a_certificate_joins_it),
		T(a_bare_template_gets_the_defaults),
		T(what_signs_is_refused_with_the_reason),
		T(what_else_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
