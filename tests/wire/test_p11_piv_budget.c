/* SPDX-License-Identifier: Apache-2.0 */
/* How many commands the PKCS#11 module costs a PIV card with four certificates. Requirement: issue PIV, "Shows". */
#include "config.h"

#include "tests/wire/p11_bench.h"
#include "tests/wire/piv_card.h"
#include "tests/wire/piv_clock.h"

#define FOUR  4 /* the first ones of piv_usual */
#define ID_9A 1
#define ID_9D 3

static CK_SESSION_HANDLE s;

static int setup(void **state)
{
	bench_setup(state);
	ramtoken_free(chip[0]);
	chip[0] = piv_card(0, piv_usual, FOUR);
	loop_plug(loop, 0, chip[0]);
	return 0;
}

static unsigned count(void)
{
	const unsigned n = (unsigned)loop->readers[0].apdus;

	loop->readers[0].apdus = 0;
	return n;
}

static void a_second_passes(void)
{
	piv_clock += 1000;
}

static CK_ULONG all(void)
{
	return bench_count(s, NULL, 0);
}

/* From nothing to the first RSA-2048 signature, as a TLS client goes there. */
static void begin(void)
{
	CK_ULONG n = 0;
	uint8_t value[4096];

	count();
	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	assert_int_equal(n, 1);
	s = bench_session(0, -1);
	for (CK_BYTE id = 1; id <= FOUR; id++)
		assert_true(bench_get(s, bench_find(s, CKO_CERTIFICATE, id), CKA_VALUE, value, sizeof(value)) <
			    sizeof(value));
	ok(f->C_Login(s, CKU_USER, PIN(PIV_PIN)));
}

static void sign(unsigned want)
{
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_BYTE text[] = "text", out[512];
	CK_ULONG len = sizeof(out);
	const CK_OBJECT_HANDLE key = bench_find(s, CKO_PRIVATE_KEY, ID_9A);

	const unsigned before = count();
	ok(f->C_SignInit(s, &m, key));
	ok(f->C_Sign(s, text, sizeof(text), out, &len));
	assert_int_equal(loop->readers[0].apdus, want);
	loop->readers[0].apdus += before;
}

static void a_cold_start_and_a_warm_one(void **state)
{
	(void)state;
	begin();
	sign(1);
	/* 8, and 1 a certificate, would be allowed. */
	assert_int_equal(count(), 6 + FOUR);
	sign(1);
	ok(f->C_Finalize(NULL));
	for (int i = 0; i < 10; i++) {
		begin();
		sign(1);
		assert_int_equal(count(), 5);
		for (int k = 0; k < 3; k++)
			sign(1);
		ok(f->C_Finalize(NULL));
	}
}

static void a_decryption_and_a_derivation(void **state)
{
	CK_MECHANISM m = {CKM_RSA_X_509, NULL, 0};
	CK_BYTE block[256] = {[255] = 3}, point[97];
	struct builder peer = builder_of(point, sizeof(point));
	const uint8_t one[48] = {[47] = 1};
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE secret[] = {
		{CKA_CLASS,    &class, sizeof(class)},
		{CKA_KEY_TYPE, &type,  sizeof(type) },
	};

	(void)state;
	assert_true(crypto_point_of(CRYPTO_EC_P384, BYTES_OF(one), &peer));
	CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, peer.len, point};
	CK_MECHANISM derive = {CKM_ECDH1_DERIVE, &ecdh, sizeof(ecdh)};
	begin();
	ok(f->C_Finalize(NULL));
	begin();
	CK_OBJECT_HANDLE rsa = bench_find(s, CKO_PRIVATE_KEY, ID_9A), ec = bench_find(s, CKO_PRIVATE_KEY, ID_9D), out;
	for (int i = 0; i < 3; i++) {
		CK_ULONG len = sizeof(block);
		count();
		ok(f->C_DecryptInit(s, &m, rsa));
		assert_int_equal(count(), 0);
		ok(f->C_Decrypt(s, block, sizeof(block), block, &len));
		assert_int_equal(count(), 1);
		ok(f->C_DeriveKey(s, &derive, ec, secret, COUNT(secret), &out));
		/* A look at its certificate before the first one. */
		assert_int_equal(count(), i == 0 ? 2 : 1);
	}
}

/* As NSS does, which looks for objects dozens of times. */
static void many_searches(void **state)
{
	(void)state;
	begin();
	count();
	const CK_ULONG objects = all();
	assert_true(objects >= 3 * FOUR);
	assert_true(count() <= 1);
	for (int i = 0; i < 3; i++) {
		a_second_passes();
		for (int k = 0; k < 60; k++)
			assert_int_equal(all(), objects);
		assert_true(count() <= 1);
	}
}

/* Somebody else's write: no value that the standard does not list, and the next search has the new key. */
static void another_key(void **state)
{
	const struct piv_key_wish wish = {0x9A, 0x11, 0x5FC105};
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0}, ecdsa = {CKM_ECDSA_SHA256, NULL, 0};
	CK_BYTE text[] = "text", out[512];
	CK_ULONG len = sizeof(out);
	size_t der_len;

	(void)state;
	begin();
	const CK_OBJECT_HANDLE key = bench_find(s, CKO_PRIVATE_KEY, ID_9A);
	piv_select(chip[0]);
	piv_admin(chip[0]);
	uint8_t *der = piv_make_key(chip[0], &wish, &der_len);
	piv_put_certificate(chip[0], wish.object, BYTES(der, der_len), 0);
	piv_log_in(chip[0]);
	free(der);
	ok(f->C_SignInit(s, &m, key));
	is(f->C_Sign(s, text, sizeof(text), out, &len), CKR_FUNCTION_FAILED);
	const CK_OBJECT_HANDLE now = bench_find(s, CKO_PRIVATE_KEY, ID_9A);
	assert_int_not_equal(now, key);
	len = sizeof(out);
	ok(f->C_SignInit(s, &ecdsa, now));
	ok(f->C_Sign(s, text, sizeof(text), out, &len));
	is(f->C_SignInit(s, &m, key), CKR_KEY_HANDLE_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_cold_start_and_a_warm_one, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(a_decryption_and_a_derivation, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(many_searches, setup, bench_teardown),
		cmocka_unit_test_setup_teardown(another_key, setup, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
