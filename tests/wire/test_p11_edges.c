/* SPDX-License-Identifier: Apache-2.0 */
/* At the edges: lengths that nothing has, calls that end while another one ends what they work for. */
#include "config.h"

#include "tests/wire/secret_bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define KEY    "000102030405060708090a0b0c0d0e0f"
#define ABSURD ((CK_ULONG)-1)

static CK_SESSION_HANDLE s, other;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY;

static int setup(void **state)
{
	bench_setup_operational(state);
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	other = bench_session(0, -1);
	return 0;
}

/* ---- lengths ---- */

/* What C_GetAttributeValue leaves for what could not be had comes back in the next template. */
static void test_absurd_template(void **state)
{
	static const CK_ATTRIBUTE_TYPE types[] = {CKA_ID, CKA_LABEL, CKA_VALUE, CKA_CLASS};
	CK_BYTE value[8] = {0};
	CK_OBJECT_HANDLE o;

	(void)state;
	for (size_t i = 0; i < COUNT(types); i++) {
		CK_ATTRIBUTE a = {types[i], value, ABSURD};

		is(f->C_FindObjectsInit(s, &a, 1), CKR_ATTRIBUTE_VALUE_INVALID);
		is(f->C_CreateObject(s, &a, 1, &o), CKR_ATTRIBUTE_VALUE_INVALID);
	}
}

static void test_absurd_data(void **state)
{
	CK_MECHANISM sha = {CKM_SHA256, NULL, 0}, mac = {CKM_AES_CMAC, NULL, 0}, ecb = {CKM_AES_ECB, NULL, 0};
	CK_MECHANISM kw = {CKM_AES_KEY_WRAP, NULL, 0};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY, NULL, 0), o;
	CK_BYTE in[32] = {0}, out[64];
	CK_ULONG n = sizeof(out);

	(void)state;
	ok(f->C_DigestInit(s, &sha));
	is(f->C_DigestUpdate(s, in, ABSURD), CKR_ARGUMENTS_BAD);
	ok(f->C_SignInit(s, &mac, key));
	is(f->C_Sign(s, in, ABSURD, out, &n), CKR_ARGUMENTS_BAD);
	/* What is held back and what is new: together they would be nothing. */
	ok(f->C_EncryptInit(s, &ecb, key));
	n = sizeof(out);
	ok(f->C_EncryptUpdate(s, in, 1, out, &n));
	n = sizeof(out);
	is(f->C_EncryptUpdate(s, in, ABSURD, out, &n), CKR_ARGUMENTS_BAD);
	is(f->C_UnwrapKey(s, &kw, key, in, ABSURD, NULL, 0, &o), CKR_ARGUMENTS_BAD);
}

/* A modulus with no room for the padding. */
static void test_tiny_modulus(void **state)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE rsa = CKK_RSA;
	CK_BYTE n[63], e[] = {1, 0, 1}, out[200];
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,           &class, sizeof(class)},
		{CKA_KEY_TYPE,        &rsa,   sizeof(rsa)  },
		{CKA_PUBLIC_EXPONENT, e,      sizeof(e)    },
		{CKA_MODULUS,         n,      8            },
	};
	const CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_RSA_X_509};
	CK_OBJECT_HANDLE o;

	(void)state;
	memset(n, 0xC1, sizeof(n));
	for (size_t i = 0; i < COUNT(types); i++)
		for (list[3].ulValueLen = 8; list[3].ulValueLen <= 63; list[3].ulValueLen += 55) {
			CK_MECHANISM m = {types[i], NULL, 0};

			ok(f->C_CreateObject(s, list, 4, &o));
			is(f->C_EncryptInit(s, &m, o), CKR_KEY_SIZE_RANGE);
			is(f->C_VerifyInit(s, &m, o), CKR_KEY_SIZE_RANGE);
			is(f->C_VerifyRecoverInit(s, &m, o), CKR_KEY_SIZE_RANGE);
			is(f->C_WrapKey(s, &m, o, secret_key(s, CKK_AES, KEY, NULL, 0), out, &(CK_ULONG){sizeof(out)}),
				i ? CKR_MECHANISM_INVALID : CKR_WRAPPING_KEY_SIZE_RANGE);
		}
}

/* ---- a result that waits ---- */

/* Who had too little room for one plaintext and comes with another ciphertext does not get the first one for it. */
static void test_result_of_another(void **state)
{
	CK_BYTE iv[16] = {0}, box[2][48], out[48];
	CK_MECHANISM pad = {CKM_AES_CBC_PAD, iv, 16};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY, NULL, 0);
	CK_ULONG n;

	(void)state;
	for (int i = 0; i < 2; i++) {
		CK_BYTE in[33] = {(CK_BYTE)i};

		n = sizeof(box[i]);
		ok(f->C_EncryptInit(s, &pad, key));
		ok(f->C_Encrypt(s, in, sizeof(in), box[i], &n));
	}
	for (int i = 0; i < 2; i++) {
		ok(f->C_DecryptInit(s, &pad, key));
		n = 8;
		is(f->C_Decrypt(s, box[0], 48, out, &n), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(n, 33);
		is(f->C_Decrypt(s, box[i], 48, out, &n), i ? CKR_ENCRYPTED_DATA_INVALID : CKR_OK);
	}
	ok(f->C_DecryptInit(s, &pad, key));
	n = 8;
	is(f->C_Decrypt(s, box[0], 48, out, &n), CKR_BUFFER_TOO_SMALL);
	is(f->C_DecryptUpdate(s, box[1], 16, out, &n), CKR_ENCRYPTED_DATA_INVALID);
	is(f->C_DecryptFinal(s, out, &n), CKR_OPERATION_NOT_INITIALIZED);
}

/* ---- what ends while it is made ---- */

static void close_session(void *arg, struct bytes command, struct builder *answer)
{
	(void)command;
	(void)answer;
	loop->readers[0].falsify = NULL;
	ok(f->C_CloseSession(*(const CK_SESSION_HANDLE *)arg));
}

/* The token works for a key, and meanwhile the session is closed that it would belong to: no key is left behind. */
static void test_closed_while_made(void **state)
{
	CK_BYTE point[80];
	CK_ECDH1_DERIVE_PARAMS p = {CKD_NULL, 0, NULL, 0, point};
	CK_MECHANISM m = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
	CK_ATTRIBUTE class = {CKA_CLASS, &secret, sizeof(secret)};
	CK_OBJECT_HANDLE pub, prv, o = 0;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_DERIVE, 1, &pub, &prv);
	p.ulPublicDataLen = bench_get(s, pub, CKA_EC_POINT, point, sizeof(point));
	ok(f->C_DeriveKey(s, &m, prv, NULL, 0, &o));
	assert_int_equal(bench_count(other, &class, 1), 1);
	loop->readers[0].falsify_arg = &s;
	loop->readers[0].falsify = close_session;
	is(f->C_DeriveKey(s, &m, prv, NULL, 0, &o), CKR_SESSION_CLOSED);
	assert_int_equal(bench_count(other, &class, 1), 0);
}

/* Private keys work for who is logged in; what they had begun ends with the log-in, as their handles do. */
static void test_logged_out_between(void **state)
{
	CK_BYTE iv[16] = {0}, tag[16], in[32] = {0}, out[64];
	CK_GCM_MESSAGE_PARAMS p = {iv, 12, 0, CKG_NO_GENERATE, tag, 128};
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, gcm = {CKM_AES_GCM, NULL, 0}, mac = {CKM_AES_CMAC, NULL, 0};
	CK_OBJECT_HANDLE private = secret_key(s, CKK_AES, KEY, &(CK_ATTRIBUTE){CKA_PRIVATE, &yes, 1}, 1);
	CK_OBJECT_HANDLE public = secret_key(s, CKK_AES, KEY, NULL, 0);
	CK_ULONG n = sizeof(out);

	(void)state;
	ok(f->C_DecryptInit(s, &ecb, private));
	ok(f->C_DecryptUpdate(s, in, 16, out, &n));
	ok(f->C_MessageDecryptInit(s, &gcm, private));
	ok(f->C_SignInit(s, &mac, private));
	ok(f->C_SignUpdate(s, in, 16));
	ok(f->C_VerifyInit(s, &mac, private));
	ok(f->C_EncryptInit(s, &ecb, public));
	ok(f->C_Logout(other));
	n = sizeof(out);
	is(f->C_DecryptUpdate(s, in, 16, out, &n), CKR_USER_NOT_LOGGED_IN);
	is(f->C_DecryptUpdate(s, in, 16, out, &n), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_DecryptMessage(s, &p, sizeof(p), NULL, 0, in, 16, out, &n), CKR_USER_NOT_LOGGED_IN);
	is(f->C_MessageDecryptFinal(s), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_SignFinal(s, out, &n), CKR_USER_NOT_LOGGED_IN);
	is(f->C_Verify(s, in, 16, out, 16), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_Encrypt(s, in, 32, out, &n));
}

/* ---- changes that meet ---- */

#define MEETINGS 120

static CK_OBJECT_HANDLE shared;
static atomic_bool stop;
static atomic_uint labelled, wrong;

static void *label_it(void *arg)
{
	CK_BYTE n = 0;

	(void)arg;
	while (!stop) {
		if (f->C_SetAttributeValue(other, shared, &(CK_ATTRIBUTE){CKA_LABEL, &n, 1}, 1) != CKR_OK)
			wrong++;
		labelled++;
		n++;
	}
	return NULL;
}

static void wait_for_labels(unsigned more)
{
	const unsigned first = labelled;

	while (labelled - first < more)
		sched_yield();
}

/* What one thread makes sensitive stays so, whatever another one changes in the same moment. */
static void test_one_way_for_all(void **state)
{
	CK_ATTRIBUTE change[] = {
		{CKA_SENSITIVE,   &yes, 1},
                {CKA_EXTRACTABLE, &no,  1}
        };

	(void)state;
	for (int i = 0; i < MEETINGS; i++) {
		pthread_t thread;

		shared = secret_key(s, CKK_AES, KEY, NULL, 0);
		stop = false;
		assert_int_equal(pthread_create(&thread, NULL, label_it, NULL), 0);
		wait_for_labels(2);
		ok(f->C_SetAttributeValue(s, shared, change, 2));
		wait_for_labels(2);
		stop = true;
		pthread_join(thread, NULL);
		assert_true(bench_bool(s, shared, CKA_SENSITIVE));
		assert_false(bench_bool(s, shared, CKA_EXTRACTABLE));
		ok(f->C_DestroyObject(s, shared));
	}
	assert_int_equal(wrong, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_absurd_template),
		TEST(test_absurd_data),
		TEST(test_tiny_modulus),
		TEST(test_result_of_another),
		TEST(test_closed_while_made),
		TEST(test_logged_out_between),
		TEST(test_one_way_for_all),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
