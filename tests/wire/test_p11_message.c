/* SPDX-License-Identifier: Apache-2.0 */
/* Many messages under one key: C_MessageEncryptInit and its family, with AES-GCM and IVs made here (3.0, 5.9, 5.11). */
#include "config.h"

#include "tests/wire/secret_bench.h"

/* The GCM specification's test case 4 */
#define KEY "feffe9928665731c6d6a8f9467308308"
#define AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define IN                                                                                                             \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"     \
	"aa0de657ba637b39"
#define OUT                                                                                                            \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39"     \
	"6a0aac973d58e091"
#define TAG "5bc94fbc3221a5db94fae95ae7121a47"

static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE key;
static CK_MECHANISM gcm = {CKM_AES_GCM, NULL, 0};
static CK_BYTE iv[16], tag[16], out[64];
static CK_ULONG n;

static int setup(void **state)
{
	bench_setup_operational(state);
	s = bench_session(0, -1);
	key = secret_key(s, CKK_AES, KEY, NULL, 0);
	memcpy(iv, hex("cafebabefacedbaddecaf888").data, 12);
	return 0;
}

static CK_GCM_MESSAGE_PARAMS parameters(CK_GENERATOR_FUNCTION generator, CK_ULONG fixed)
{
	return (CK_GCM_MESSAGE_PARAMS){iv, 12, fixed, generator, tag, 128};
}

static void test_whole(void **state)
{
	CK_GCM_MESSAGE_PARAMS p = parameters(CKG_NO_GENERATE, 0);
	struct hex aad = hex(AAD), in = hex(IN);

	(void)state;
	ok(f->C_MessageEncryptInit(s, &gcm, key));
	ok(f->C_MessageDecryptInit(s, &gcm, key));
	is(f->C_MessageEncryptInit(s, &gcm, key), CKR_OPERATION_ACTIVE);
	for (int i = 0; i < 3; i++) {
		memset(tag, 0, sizeof(tag));
		ok(f->C_EncryptMessage(s, &p, sizeof(p), aad.data, aad.len, in.data, in.len, NULL, &n));
		assert_int_equal(n, in.len);
		n--;
		is(f->C_EncryptMessage(s, &p, sizeof(p), aad.data, aad.len, in.data, in.len, out, &n),
			CKR_BUFFER_TOO_SMALL);
		ok(f->C_EncryptMessage(s, &p, sizeof(p), aad.data, aad.len, in.data, in.len, out, &n));
		is_hex(out, n, OUT);
		is_hex(tag, 16, TAG);
		/* In one place; then with a tag that is not right: nothing comes out, and the next one may. */
		ok(f->C_DecryptMessage(s, &p, sizeof(p), aad.data, aad.len, out, n, out, &n));
		is_hex(out, n, IN);
		tag[0] ^= 1;
		is(f->C_DecryptMessage(s, &p, sizeof(p), aad.data, aad.len, hex(OUT).data, n, out, &n),
			CKR_AEAD_DECRYPT_FAILED);
		assert_int_equal(out[0] | out[59], 0);
	}
	ok(f->C_MessageEncryptFinal(s));
	is(f->C_MessageEncryptFinal(s), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_EncryptMessage(s, &p, sizeof(p), NULL, 0, in.data, in.len, out, &n), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_SessionCancel(s, CKF_MESSAGE_DECRYPT));
	is(f->C_MessageDecryptFinal(s), CKR_OPERATION_NOT_INITIALIZED);
}

static void test_parts(void **state)
{
	CK_GCM_MESSAGE_PARAMS p = parameters(CKG_NO_GENERATE, 0);
	struct hex aad = hex(AAD), in = hex(IN), box = hex(OUT);

	(void)state;
	ok(f->C_MessageEncryptInit(s, &gcm, key));
	is(f->C_EncryptMessageNext(s, &p, sizeof(p), in.data, 20, out, &n, 0), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_EncryptMessageBegin(s, &p, sizeof(p), aad.data, aad.len));
	is(f->C_EncryptMessageBegin(s, &p, sizeof(p), aad.data, aad.len), CKR_OPERATION_ACTIVE);
	is(f->C_EncryptMessage(s, &p, sizeof(p), NULL, 0, in.data, 1, out, &n), CKR_OPERATION_ACTIVE);
	is(f->C_MessageEncryptFinal(s), CKR_OPERATION_ACTIVE);
	n = 19;
	is(f->C_EncryptMessageNext(s, &p, sizeof(p), in.data, 20, out, &n, 0), CKR_BUFFER_TOO_SMALL);
	ok(f->C_EncryptMessageNext(s, &p, sizeof(p), in.data, 20, out, &n, 0));
	n = 40;
	ok(f->C_EncryptMessageNext(s, &p, sizeof(p), in.data + 20, 40, out + 20, &n, CKF_END_OF_MESSAGE));
	is_hex(out, 60, OUT);
	is_hex(tag, 16, TAG);
	ok(f->C_MessageEncryptFinal(s));
	ok(f->C_MessageDecryptInit(s, &gcm, key));
	for (int bad = 0; bad < 2; bad++) {
		tag[15] ^= (CK_BYTE)bad;
		ok(f->C_DecryptMessageBegin(s, &p, sizeof(p), aad.data, aad.len));
		n = 60;
		ok(f->C_DecryptMessageNext(s, &p, sizeof(p), box.data, 60, out, &n, 0));
		is_hex(out, n, IN);
		n = 0;
		is(f->C_DecryptMessageNext(s, &p, sizeof(p), NULL, 0, NULL, &n, CKF_END_OF_MESSAGE),
			bad ? CKR_AEAD_DECRYPT_FAILED : CKR_OK);
	}
	is(f->C_DecryptMessageNext(s, &p, sizeof(p), box.data, 1, out, &n, 0), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_MessageDecryptFinal(s));
}

/*
 * Who begins anew with the same key and the same fixed bits gets no IV again: one that comes twice gives away what was
 * encrypted, and the key that authenticates.
 */
static void test_no_iv_twice(void **state)
{
	static const struct {
		CK_GENERATOR_FUNCTION generator;
		CK_ULONG fixed;
	} rows[] = {
		{CKG_GENERATE,         64},
                {CKG_GENERATE_COUNTER, 32},
                {CKG_GENERATE,         32},
                {CKG_GENERATE_COUNTER, 64}
        };
	CK_OBJECT_HANDLE copy;
	CK_BYTE seen[3][12], in[5] = {0};

	(void)state;
	ok(f->C_CopyObject(s, key, NULL, 0, &copy));
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int k = 0; k < 3; k++) {
			CK_GCM_MESSAGE_PARAMS p = parameters(rows[i].generator, rows[i].fixed);

			n = sizeof(out);
			ok(f->C_MessageEncryptInit(s, &gcm, k == 2 ? copy : key));
			ok(f->C_EncryptMessage(s, &p, sizeof(p), NULL, 0, in, sizeof(in), out, &n));
			ok(f->C_MessageEncryptFinal(s));
			memcpy(seen[k], iv, 12);
			for (int j = 0; j < k; j++)
				assert_memory_not_equal(seen[j], iv, 12);
		}
}

/* IVs made here: each message has one that none had before, and what is fixed stays. */
static void test_generators(void **state)
{
	static const struct {
		CK_GENERATOR_FUNCTION generator;
		CK_ULONG fixed;
		bool counts;
	} rows[] = {
		{CKG_GENERATE,             0,  false},
		{CKG_GENERATE,             32, true },
		{CKG_GENERATE_COUNTER,     32, true },
		{CKG_GENERATE_COUNTER,     64, true },
		{CKG_GENERATE_RANDOM,      32, false},
		{CKG_GENERATE_COUNTER_XOR, 32, false},
		{CKG_GENERATE_COUNTER_XOR, 93, false},
	};
	CK_BYTE start[12], seen[8][12], in[5] = {1, 2, 3, 4, 5}, back[5];

	(void)state;
	memcpy(start, iv, 12);
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_GCM_MESSAGE_PARAMS p = parameters(rows[i].generator, rows[i].fixed), q;

		memcpy(iv, start, 12);
		ok(f->C_MessageEncryptInit(s, &gcm, key));
		ok(f->C_MessageDecryptInit(s, &gcm, key));
		for (CK_BYTE k = 0; k < 8; k++) {
			n = sizeof(out);
			ok(f->C_EncryptMessage(s, &p, sizeof(p), NULL, 0, in, sizeof(in), out, &n));
			memcpy(seen[k], iv, 12);
			assert_memory_equal(iv, start, rows[i].fixed / 8);
			for (CK_BYTE j = 0; j < k; j++)
				assert_memory_not_equal(seen[j], iv, 12);
			if (rows[i].counts)
				assert_int_equal((CK_BYTE)(iv[11] - seen[0][11]), k);
			if (rows[i].generator == CKG_GENERATE_COUNTER_XOR)
				assert_int_equal(iv[11], start[11] ^ k);
			q = parameters(CKG_NO_GENERATE, 0);
			ok(f->C_DecryptMessage(s, &q, sizeof(q), NULL, 0, out, n, back, &n));
			assert_memory_equal(back, in, sizeof(in));
		}
		/* Three bits count to eight. */
		n = sizeof(out);
		is(f->C_EncryptMessage(s, &p, sizeof(p), NULL, 0, in, sizeof(in), out, &n),
			rows[i].fixed == 93 ? CKR_TOKEN_RESOURCE_EXCEEDED : CKR_OK);
		ok(f->C_MessageEncryptFinal(s));
		ok(f->C_MessageDecryptFinal(s));
	}
}

static void test_refused(void **state)
{
	CK_GCM_MESSAGE_PARAMS good = parameters(CKG_NO_GENERATE, 0), bad[9];
	CK_MECHANISM cbc = {CKM_AES_CBC, iv, 16};
	CK_BBOOL no = CK_FALSE;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		bad[i] = good;
	bad[0].pIv = NULL;
	bad[1].ulIvLen = 0;
	bad[2].ulIvLen = 129;
	bad[3].ulIvFixedBits = 97;
	bad[4].ivGenerator = 5;
	bad[5].pTag = NULL;
	bad[6].ulTagBits = 24;
	bad[7].ivGenerator = CKG_GENERATE_RANDOM;
	bad[7].ulIvFixedBits = 96;
	bad[8].ivGenerator = CKG_GENERATE_COUNTER;
	bad[8].ulIvFixedBits = 65;
	is(f->C_MessageEncryptInit(s, &cbc, key), CKR_MECHANISM_INVALID);
	is(f->C_MessageEncryptInit(s, &gcm, 4711), CKR_KEY_HANDLE_INVALID);
	is(f->C_MessageEncryptInit(s, NULL, 0), CKR_ARGUMENTS_BAD);
	ok(f->C_MessageEncryptInit(s, &gcm, key));
	for (size_t i = 0; i < COUNT(bad); i++) {
		n = sizeof(out);
		is(f->C_EncryptMessage(s, &bad[i], sizeof(good), NULL, 0, iv, 5, out, &n), CKR_MECHANISM_PARAM_INVALID);
		is(f->C_EncryptMessageBegin(s, &bad[i], sizeof(good), NULL, 0), CKR_MECHANISM_PARAM_INVALID);
	}
	is(f->C_EncryptMessage(s, &good, 8, NULL, 0, iv, 5, out, &n), CKR_MECHANISM_PARAM_INVALID);
	is(f->C_EncryptMessage(s, NULL, 0, NULL, 0, iv, 5, out, &n), CKR_MECHANISM_PARAM_INVALID);
	is(f->C_EncryptMessage(s, &good, sizeof(good), NULL, 5, iv, 5, out, &n), CKR_ARGUMENTS_BAD);
	is(f->C_EncryptMessage(s, &good, sizeof(good), NULL, 0, iv, 5, out, NULL), CKR_ARGUMENTS_BAD);
	ok(f->C_EncryptMessageBegin(s, &good, sizeof(good), NULL, 0));
	is(f->C_EncryptMessageNext(s, &good, sizeof(good), iv, 5, out, &n, 2), CKR_ARGUMENTS_BAD);
	ok(f->C_MessageEncryptInit(s, NULL, 0));
	ok(f->C_SetAttributeValue(s, key, &(CK_ATTRIBUTE){CKA_DECRYPT, &no, 1}, 1));
	is(f->C_MessageDecryptInit(s, &gcm, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_whole),
		TEST(test_parts),
		TEST(test_no_iv_twice),
		TEST(test_generators),
		TEST(test_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
