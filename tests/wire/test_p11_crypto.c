/* SPDX-License-Identifier: Apache-2.0 */
/* Signing, verifying, decrypting, deriving, digesting, making keys: results, state rules, and what each costs. */
#include "config.h"

#include "tests/wire/p11_bench.h"
#include "tests/wire/trusted.h"

#include "common/crypto.h"

static CK_SESSION_HANDLE s;
static CK_OBJECT_HANDLE rsa_pub, rsa_prv, ec_pub, ec_prv;
static CK_BYTE data[300], sig[512];
static CK_ULONG len;
static unsigned long before;

static int setup_keys(void **state)
{
	bench_setup_operational(state);
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN | USE_DECRYPT, 1, &rsa_pub, &rsa_prv);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_DERIVE, 2, &ec_pub, &ec_prv);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (CK_BYTE)i;
	return 0;
}

/* One command, exactly. */
static void costs(unsigned long n)
{
	assert_int_equal(bench_apdus() - before, n);
	before = bench_apdus();
}

static CK_RSA_PKCS_PSS_PARAMS pss(CK_MECHANISM_TYPE hash, CK_ULONG mgf, CK_ULONG salt)
{
	return (CK_RSA_PKCS_PSS_PARAMS){hash, mgf, salt};
}

/* ---- signatures ---- */

/* Every signature mechanism, single- and multi-part, verified by the module's other half (which is OpenSSL). */
static void test_sign_all(void **state)
{
	static const struct {
		CK_MECHANISM_TYPE m;
		CK_ULONG n; /* input; 0: any */
		CK_MECHANISM_TYPE hash;
		CK_ULONG mgf;
	} rows[] = {
		{CKM_RSA_PKCS,              100, 0,            0                },
		{CKM_RSA_X_509,             200, 0,            0                },
		{CKM_SHA1_RSA_PKCS,         0,   0,            0                },
		{CKM_SHA224_RSA_PKCS,       0,   0,            0                },
		{CKM_SHA256_RSA_PKCS,       0,   0,            0                },
		{CKM_SHA384_RSA_PKCS,       0,   0,            0                },
		{CKM_SHA512_RSA_PKCS,       0,   0,            0                },
		{CKM_SHA3_256_RSA_PKCS,     0,   0,            0                },
		{CKM_RSA_PKCS_PSS,          32,  CKM_SHA256,   CKG_MGF1_SHA256  },
		{CKM_RSA_PKCS_PSS,          20,  CKM_SHA_1,    CKG_MGF1_SHA256  },
		{CKM_SHA1_RSA_PKCS_PSS,     0,   CKM_SHA_1,    CKG_MGF1_SHA1    },
		{CKM_SHA256_RSA_PKCS_PSS,   0,   CKM_SHA256,   CKG_MGF1_SHA256  },
		{CKM_SHA512_RSA_PKCS_PSS,   0,   CKM_SHA512,   CKG_MGF1_SHA512  },
		{CKM_SHA3_384_RSA_PKCS_PSS, 0,   CKM_SHA3_384, CKG_MGF1_SHA3_384},
		{CKM_ECDSA,                 32,  0,            0                },
		{CKM_ECDSA,                 20,  0,            0                },
		{CKM_ECDSA,                 64,  0,            0                },
		{CKM_ECDSA_SHA1,            0,   0,            0                },
		{CKM_ECDSA_SHA224,          0,   0,            0                },
		{CKM_ECDSA_SHA256,          0,   0,            0                },
		{CKM_ECDSA_SHA384,          0,   0,            0                },
		{CKM_ECDSA_SHA512,          0,   0,            0                },
		{CKM_ECDSA_SHA3_512,        0,   0,            0                },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RSA_PKCS_PSS_PARAMS p = pss(rows[i].hash, rows[i].mgf, 20);
		CK_MECHANISM m = {rows[i].m, rows[i].hash ? &p : NULL, rows[i].hash ? sizeof(p) : 0};
		bool ec = rows[i].m >= CKM_ECDSA;
		CK_OBJECT_HANDLE prv = ec ? ec_prv : rsa_prv, pub = ec ? ec_pub : rsa_pub;
		CK_ULONG n = rows[i].n ? rows[i].n : sizeof(data), want = ec ? 64 : 256;

		for (int multi = 0; multi < 2; multi++) {
			ok(f->C_SignInit(s, &m, prv));
			before = bench_apdus();
			len = 0;
			if (multi) {
				ok(f->C_SignUpdate(s, data, 7));
				is(f->C_Sign(s, data, n, sig, &len), CKR_OPERATION_ACTIVE);
				ok(f->C_SignUpdate(s, data + 7, n - 7));
				ok(f->C_SignFinal(s, NULL, &len));
				assert_int_equal(len, want);
				len--;
				is(f->C_SignFinal(s, sig, &len), CKR_BUFFER_TOO_SMALL);
				ok(f->C_SignFinal(s, sig, &len));
				is(f->C_SignFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
			} else {
				ok(f->C_Sign(s, data, n, NULL, &len));
				assert_int_equal(len, want);
				len--;
				is(f->C_Sign(s, data, n, sig, &len), CKR_BUFFER_TOO_SMALL);
				ok(f->C_Sign(s, data, n, sig, &len));
				is(f->C_Sign(s, data, n, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
			}
			assert_int_equal(len, want);
			costs(1);
			ok(f->C_VerifyInit(s, &m, pub));
			if (multi) {
				ok(f->C_VerifyUpdate(s, data, n));
				ok(f->C_VerifyFinal(s, sig, len));
			} else {
				ok(f->C_Verify(s, data, n, sig, len));
			}
			sig[len / 2] ^= 1;
			ok(f->C_VerifyInit(s, &m, pub));
			is(f->C_Verify(s, data, n, sig, len), CKR_SIGNATURE_INVALID);
			ok(f->C_VerifyInit(s, &m, pub));
			is(f->C_Verify(s, data, n, sig, len - 1), CKR_SIGNATURE_LEN_RANGE);
			is(f->C_Verify(s, data, n, sig, len), CKR_OPERATION_NOT_INITIALIZED);
			costs(0);
		}
	}
}

static void test_sign_refused(void **state)
{
	CK_RSA_PKCS_PSS_PARAMS good = pss(CKM_SHA256, CKG_MGF1_SHA256, 32),
			       wrong_hash = pss(CKM_SHA384, CKG_MGF1_SHA256, 32),
			       no_hash = pss(CKM_AES_GCM, CKG_MGF1_SHA256, 32), no_mgf = pss(CKM_SHA256, 0, 32),
			       long_salt = pss(CKM_SHA256, CKG_MGF1_SHA256, 223);
	const struct {
		CK_MECHANISM m;
		CK_OBJECT_HANDLE key;
		CK_RV rv;
	} rows[] = {
		{{CKM_AES_GCM, NULL, 0},                               rsa_prv, CKR_MECHANISM_INVALID      },
		{{CKM_SHA256, NULL, 0},                                rsa_prv, CKR_MECHANISM_INVALID      },
		{{CKM_RSA_PKCS_OAEP, NULL, 0},                         rsa_prv, CKR_MECHANISM_INVALID      },
		{{CKM_RSA_PKCS, NULL, 0},                              4711,    CKR_KEY_HANDLE_INVALID     },
		{{CKM_RSA_PKCS, NULL, 0},                              rsa_pub, CKR_KEY_TYPE_INCONSISTENT  },
		{{CKM_RSA_PKCS, NULL, 0},                              ec_prv,  CKR_KEY_TYPE_INCONSISTENT  },
		{{CKM_ECDSA, NULL, 0},                                 rsa_prv, CKR_KEY_TYPE_INCONSISTENT  },
		{{CKM_RSA_PKCS, &good, sizeof(good)},                  rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, NULL, 0},                          rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, &good, 5},                         rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, NULL, sizeof(good)},               rsa_prv, CKR_ARGUMENTS_BAD          },
		{{CKM_SHA256_RSA_PKCS_PSS, &wrong_hash, sizeof(good)}, rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, &no_hash, sizeof(good)},           rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, &no_mgf, sizeof(good)},            rsa_prv, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_RSA_PKCS_PSS, &long_salt, sizeof(good)},         rsa_prv, CKR_MECHANISM_PARAM_INVALID},
	};
	CK_MECHANISM m = {CKM_RSA_PKCS, NULL, 0}, p = {CKM_RSA_PKCS_PSS, &good, sizeof(good)}, e = {CKM_ECDSA, NULL, 0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv = f->C_SignInit(s, (CK_MECHANISM_PTR)&rows[i].m, rows[i].key);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	len = sizeof(sig);
	ok(f->C_SignInit(s, &m, rsa_prv));
	is(f->C_SignInit(s, &m, rsa_prv), CKR_OPERATION_ACTIVE);
	is(f->C_Sign(s, data, 246, sig, &len), CKR_DATA_LEN_RANGE);
	is(f->C_Sign(s, data, 10, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_SignInit(s, &m, rsa_prv));
	ok(f->C_SignUpdate(s, data, 200));
	is(f->C_SignUpdate(s, data, 200), CKR_DATA_LEN_RANGE);
	is(f->C_SignFinal(s, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_SignInit(s, &p, rsa_prv));
	is(f->C_Sign(s, data, 31, sig, &len), CKR_DATA_LEN_RANGE);
	ok(f->C_SignInit(s, &e, ec_prv));
	is(f->C_Sign(s, data, 0, sig, &len), CKR_DATA_LEN_RANGE);
	/* 3.0: no mechanism ends the operation, and C_SessionCancel does. */
	ok(f->C_SignInit(s, &m, rsa_prv));
	ok(f->C_SignInit(s, NULL, 0));
	is(f->C_Sign(s, data, 10, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_SignInit(s, &m, rsa_prv));
	ok(f->C_SessionCancel(s, CKF_SIGN));
	is(f->C_Sign(s, data, 10, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	/* A key that is destroyed while its operation lasts. */
	ok(f->C_SignInit(s, &e, ec_prv));
	ok(f->C_DestroyObject(s, ec_prv));
	is(f->C_Sign(s, data, 32, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
}

static void no_such_key(void *arg, struct bytes command, struct builder *answer)
{
	(void)arg;
	if (command.len > 1 && command.data[1] == 0x87) {
		answer->len = 0;
		builder_put(answer, BYTES_OF(((const uint8_t[]){0x6A, 0x88})));
	}
}

/* Another program deleted it since we looked: each call in its own words. */
static void test_key_gone(void **state)
{
	CK_MECHANISM e = {CKM_ECDSA, NULL, 0}, r = {CKM_RSA_PKCS, NULL, 0};

	(void)state;
	ok(f->C_SignInit(s, &e, ec_prv));
	ok(f->C_DecryptInit(s, &r, rsa_prv));
	loop->readers[0].falsify = no_such_key;
	len = sizeof(sig);
	is(f->C_Sign(s, data, 32, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	len = sizeof(sig);
	memset(sig, 0, sizeof(sig));
	is(f->C_Decrypt(s, sig, 256, sig, &len), CKR_OPERATION_NOT_INITIALIZED);
	loop->readers[0].falsify = NULL;
}

/* pain 9: CKA_ALWAYS_AUTHENTICATE: a log-in for each use, after Init (2.40, 5.6), and asked for once. */
static void test_always(void **state)
{
	CK_MECHANISM e = {CKM_ECDSA, NULL, 0};
	CK_OBJECT_HANDLE pub, prv;

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_ALWAYS, 9, &pub, &prv);
	assert_int_equal(bench_bool(s, prv, CKA_ALWAYS_AUTHENTICATE), 1);
	for (int i = 0; i < 2; i++) {
		ok(f->C_SignInit(s, &e, prv));
		len = sizeof(sig);
		if (i == 0) {
			is(f->C_Sign(s, data, 32, sig, &len), CKR_USER_NOT_LOGGED_IN);
			ok(f->C_SignInit(s, &e, prv));
		}
		ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)));
		is(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)), CKR_OPERATION_NOT_INITIALIZED);
		len = 5;
		is(f->C_Sign(s, data, 32, sig, &len), CKR_BUFFER_TOO_SMALL);
		ok(f->C_Sign(s, data, 32, sig, &len));
	}
	ok(f->C_SignInit(s, &e, prv));
	is(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN("000000")), CKR_PIN_INCORRECT);
}

/* Two at once: the token knows one use, and it is that of the last log-in; the other one is told so. */
static void test_always_two(void **state)
{
	CK_MECHANISM e = {CKM_ECDSA, NULL, 0};
	CK_SESSION_HANDLE other = bench_session(0, -1);
	CK_OBJECT_HANDLE pub, prv[2];

	(void)state;
	for (CK_BYTE i = 0; i < 2; i++)
		bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_ALWAYS, 10 + i, &pub, &prv[i]);
	ok(f->C_SignInit(s, &e, prv[0]));
	ok(f->C_SignInit(other, &e, prv[1]));
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)));
	/* The log-in for one is none for the other. */
	len = sizeof(sig);
	is(f->C_Sign(other, data, 32, sig, &len), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_SignInit(other, &e, prv[1]));
	ok(f->C_Login(other, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)));
	/* The first one may log in again, and then the second one has to. */
	ok(f->C_Login(s, CKU_CONTEXT_SPECIFIC, PIN(USER_PIN)));
	len = sizeof(sig);
	ok(f->C_Sign(s, data, 32, sig, &len));
	before = bench_apdus();
	len = sizeof(sig);
	is(f->C_Sign(other, data, 32, sig, &len), CKR_USER_NOT_LOGGED_IN);
	assert_int_equal(bench_apdus(), before);
	ok(f->C_CloseSession(other));
}

/* ---- encryption ---- */

static void test_decrypt(void **state)
{
	CK_RSA_PKCS_OAEP_PARAMS plain_oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0},
				labelled = {CKM_SHA384, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, "label", 5},
				tool = {CKM_SHA_1, CKG_MGF1_SHA1, 0, NULL, 0};
	CK_MECHANISM rows[] = {
		{CKM_RSA_PKCS,      NULL,        0                 },
		{CKM_RSA_PKCS_OAEP, &plain_oaep, sizeof(plain_oaep)},
		{CKM_RSA_PKCS_OAEP, &labelled,   sizeof(labelled)  },
		{CKM_RSA_PKCS_OAEP, &tool,       sizeof(tool)      },
	};
	static const CK_ULONG longest[] = {245, 190, 158, 214};
	CK_BYTE box[256], out[256];
	CK_ULONG n, out_len;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ok(f->C_EncryptInit(s, &rows[i], rsa_pub));
		before = bench_apdus();
		n = 255;
		is(f->C_Encrypt(s, data, 40, box, &n), CKR_BUFFER_TOO_SMALL);
		ok(f->C_Encrypt(s, data, 40, box, &n));
		assert_int_equal(n, 256);
		costs(0);
		ok(f->C_DecryptInit(s, &rows[i], rsa_prv));
		ok(f->C_Decrypt(s, box, n, NULL, &out_len));
		assert_int_equal(out_len, longest[i]);
		out_len = 39;
		is(f->C_Decrypt(s, box, n, out, &out_len), CKR_BUFFER_TOO_SMALL);
		assert_int_equal(out_len, 40);
		ok(f->C_Decrypt(s, box, n, out, &out_len));
		assert_int_equal(out_len, 40);
		assert_memory_equal(out, data, 40);
		/* The token worked once. */
		costs(1);
		ok(f->C_DecryptInit(s, &rows[i], rsa_prv));
		/* No buffer: a question, and nothing is taken (2.40, 5.2). */
		ok(f->C_DecryptUpdate(s, box, 100, NULL, &out_len));
		ok(f->C_DecryptUpdate(s, box, 100, out, &out_len));
		assert_int_equal(out_len, 0);
		ok(f->C_DecryptUpdate(s, box + 100, 156, out, &out_len));
		out_len = sizeof(out);
		ok(f->C_DecryptFinal(s, out, &out_len));
		assert_memory_equal(out, data, 40);
		ok(f->C_EncryptInit(s, &rows[i], rsa_pub));
		n = 256;
		is(f->C_Encrypt(s, data, longest[i] + 1, box, &n), CKR_DATA_LEN_RANGE);
	}
	ok(f->C_DecryptInit(s, &rows[2], rsa_prv));
	is(f->C_Decrypt(s, box, 255, out, &out_len), CKR_ENCRYPTED_DATA_LEN_RANGE);
	box[0] = 0;
	out_len = sizeof(out);
	ok(f->C_DecryptInit(s, &rows[2], rsa_prv));
	is(f->C_Decrypt(s, box, 256, out, &out_len), CKR_ENCRYPTED_DATA_INVALID);
	memset(box, 0xFF, sizeof(box));
	ok(f->C_DecryptInit(s, &rows[0], rsa_prv));
	is(f->C_Decrypt(s, box, 256, out, &out_len), CKR_ENCRYPTED_DATA_INVALID);
	is(f->C_DecryptInit(s, &rows[0], ec_prv), CKR_KEY_TYPE_INCONSISTENT);
}

/* Public keys that came from outside verify and encrypt as session objects. */
static void test_session_key(void **state)
{
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_RSA;
	CK_BYTE modulus[256], exponent[] = {1, 0, 1};
	CK_BBOOL no = CK_FALSE;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,           &class,   sizeof(class)   },
		{CKA_KEY_TYPE,        &type,    sizeof(type)    },
		{CKA_MODULUS,         modulus,  sizeof(modulus) },
		{CKA_PUBLIC_EXPONENT, exponent, sizeof(exponent)},
		{CKA_ENCRYPT,         &no,      1               },
	};
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0}, e = {CKM_RSA_PKCS, NULL, 0};
	CK_OBJECT_HANDLE o;

	(void)state;
	bench_get(s, rsa_pub, CKA_MODULUS, modulus, sizeof(modulus));
	ok(f->C_CreateObject(s, list, COUNT(list), &o));
	ok(f->C_SignInit(s, &m, rsa_prv));
	len = sizeof(sig);
	ok(f->C_Sign(s, data, 100, sig, &len));
	ok(f->C_VerifyInit(s, &m, o));
	ok(f->C_Verify(s, data, 100, sig, len));
	is(f->C_EncryptInit(s, &e, o), CKR_KEY_FUNCTION_NOT_PERMITTED);
	is(f->C_SignInit(s, &m, o), CKR_KEY_TYPE_INCONSISTENT);
}

/* ---- derivation ---- */

static void test_derive(void **state)
{
	CK_OBJECT_HANDLE pub2, prv2, a, b;
	CK_BYTE p1[80], p2[80], z1[64], z2[64];
	CK_ULONG n1 = bench_get(s, ec_pub, CKA_EC_POINT, p1, sizeof(p1)), n2;
	CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
	CK_ULONG wanted = 48;
	CK_ATTRIBUTE open[] = {
		{CKA_SENSITIVE,   &no,     1             },
		{CKA_EXTRACTABLE, &yes,    1             },
		{CKA_VALUE_LEN,   &wanted, sizeof(wanted)},
	};
	CK_ECDH1_DERIVE_PARAMS params = {CKD_NULL, 0, NULL, n1, p1};
	CK_MECHANISM m = {CKM_ECDH1_DERIVE, &params, sizeof(params)};

	(void)state;
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_DERIVE, 3, &pub2, &prv2);
	n2 = bench_get(s, pub2, CKA_EC_POINT, p2, sizeof(p2));
	/* One side with the DER of the point, the other with the bare one. */
	before = bench_apdus();
	ok(f->C_DeriveKey(s, &m, prv2, open, 2, &a));
	costs(1);
	params.ulPublicDataLen = n2 - 2;
	params.pPublicData = p2 + 2;
	ok(f->C_DeriveKey(s, &m, ec_prv, open, 2, &b));
	assert_int_equal(bench_get(s, a, CKA_VALUE, z1, sizeof(z1)), 32);
	assert_int_equal(bench_get(s, b, CKA_VALUE, z2, sizeof(z2)), 32);
	assert_memory_equal(z1, z2, 32);
	/* More than there is needs a function. */
	is(f->C_DeriveKey(s, &m, ec_prv, open, 3, &b), CKR_KEY_SIZE_RANGE);
	params.kdf = CKD_SHA256_KDF;
	params.pSharedData = data;
	params.ulSharedDataLen = 5;
	ok(f->C_DeriveKey(s, &m, ec_prv, open, 3, &b));
	assert_int_equal(bench_get(s, b, CKA_VALUE, z2, sizeof(z2)), 48);
	{
		/* X9.63, first block: SHA-256(Z, 00000001, shared). */
		uint8_t in[41], want[32];

		memcpy(in, z1, 32);
		memcpy(in + 32, "\0\0\0\1", 4);
		memcpy(in + 36, data, 5);
		crypto_digest(CRYPTO_SHA256, BYTES_OF(in), want);
		assert_memory_equal(z2, want, 32);
	}
	/* By default a secret is one. */
	ok(f->C_DeriveKey(s, &m, ec_prv, NULL, 0, &a));
	is(f->C_GetAttributeValue(s, a, &(CK_ATTRIBUTE){CKA_VALUE, z1, sizeof(z1)}, 1), CKR_ATTRIBUTE_SENSITIVE);
	is(f->C_SetAttributeValue(s, b, &(CK_ATTRIBUTE){CKA_EXTRACTABLE, &yes, 1}, 1), CKR_OK);
	ok(f->C_SetAttributeValue(s, b, &(CK_ATTRIBUTE){CKA_EXTRACTABLE, &no, 1}, 1));
	is(f->C_SetAttributeValue(s, b, &(CK_ATTRIBUTE){CKA_EXTRACTABLE, &yes, 1}, 1), CKR_ATTRIBUTE_READ_ONLY);
	is(f->C_GetAttributeValue(s, b, &(CK_ATTRIBUTE){CKA_VALUE, z1, sizeof(z1)}, 1), CKR_ATTRIBUTE_SENSITIVE);
	/* Refused. */
	is(f->C_DeriveKey(s, &m, rsa_prv, NULL, 0, &a), CKR_KEY_TYPE_INCONSISTENT);
	is(f->C_DeriveKey(s, &m, ec_prv, &(CK_ATTRIBUTE){CKA_TOKEN, &yes, 1}, 1, &a), CKR_TEMPLATE_INCONSISTENT);
	p2[10] ^= 1;
	is(f->C_DeriveKey(s, &m, ec_prv, NULL, 0, &a), CKR_MECHANISM_PARAM_INVALID);
	params.kdf = 99;
	is(f->C_DeriveKey(s, &m, ec_prv, NULL, 0, &a), CKR_MECHANISM_PARAM_INVALID);
	m.mechanism = CKM_AES_GCM;
	is(f->C_DeriveKey(s, &m, ec_prv, NULL, 0, &a), CKR_MECHANISM_INVALID);
}

/* ---- digests ---- */

static void test_digest(void **state)
{
	static const CK_MECHANISM_TYPE rows[] = {CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512,
		CKM_SHA3_224, CKM_SHA3_256, CKM_SHA3_384, CKM_SHA3_512};
	uint8_t want[64], got[64];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_MECHANISM m = {rows[i], NULL, 0};
		enum crypto_hash hash = CRYPTO_SHA1 + (enum crypto_hash)i;

		assert_true(crypto_digest(hash, BYTES_OF(data), want));
		ok(f->C_DigestInit(s, &m));
		is(f->C_DigestInit(s, &m), CKR_OPERATION_ACTIVE);
		ok(f->C_Digest(s, data, sizeof(data), NULL, &len));
		assert_int_equal(len, crypto_hash_size(hash));
		len--;
		is(f->C_Digest(s, data, sizeof(data), got, &len), CKR_BUFFER_TOO_SMALL);
		ok(f->C_Digest(s, data, sizeof(data), got, &len));
		assert_memory_equal(got, want, len);
		ok(f->C_DigestInit(s, &m));
		ok(f->C_DigestUpdate(s, data, 100));
		is(f->C_Digest(s, data, 1, got, &len), CKR_OPERATION_ACTIVE);
		ok(f->C_DigestUpdate(s, data + 100, sizeof(data) - 100));
		ok(f->C_DigestFinal(s, got, &len));
		assert_memory_equal(got, want, len);
	}
	is(f->C_DigestInit(s, &(CK_MECHANISM){CKM_ECDSA, NULL, 0}), CKR_MECHANISM_INVALID);
}

/* ---- making keys ---- */

static void test_generate_refused(void **state)
{
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	CK_ULONG bits = 2048, odd = 1024;
	CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7}, name[] = "\x13\x0Aprime256v1",
		secp256k1[] = {6, 5, 0x2B, 0x81, 4, 0, 10}, exponent[] = {3};
	CK_KEY_TYPE ec = CKK_EC;
	CK_ATTRIBUTE size = {CKA_MODULUS_BITS, &bits, sizeof(bits)}, token = {CKA_TOKEN, &yes, 1};
	const struct {
		CK_MECHANISM_TYPE m;
		CK_ATTRIBUTE pub[2], prv[2];
		CK_RV rv;
	} rows[] = {
		{CKM_SHA256,                {size},					  {token},                             CKR_MECHANISM_INVALID      },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {{CKA_LABEL, "x", 1}},                           {token},                             CKR_TEMPLATE_INCOMPLETE    },
		{CKM_EC_KEY_PAIR_GEN,       {{CKA_LABEL, "x", 1}},                           {token},                             CKR_TEMPLATE_INCOMPLETE    },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {{CKA_MODULUS_BITS, &odd, sizeof(odd)}},         {token},                             CKR_KEY_SIZE_RANGE         },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size, {CKA_PUBLIC_EXPONENT, exponent, 1}},      {token},
                 CKR_ATTRIBUTE_VALUE_INVALID														 },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size, {CKA_EC_PARAMS, oid, sizeof(oid)}},       {token},
                 CKR_TEMPLATE_INCONSISTENT														   },
		{CKM_EC_KEY_PAIR_GEN,       {{CKA_EC_PARAMS, name, 12}},                     {token},                             CKR_CURVE_NOT_SUPPORTED    },
		{CKM_EC_KEY_PAIR_GEN,       {{CKA_EC_PARAMS, secp256k1, sizeof(secp256k1)}}, {token},
                 CKR_CURVE_NOT_SUPPORTED														     },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {{CKA_TOKEN, &no, 1}},               CKR_TEMPLATE_INCONSISTENT  },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {{CKA_LABEL, "x", 1}},               CKR_TEMPLATE_INCONSISTENT  },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {token, {CKA_EXTRACTABLE, &yes, 1}}, CKR_TEMPLATE_INCONSISTENT  },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {token, {CKA_SENSITIVE, &no, 1}},    CKR_TEMPLATE_INCONSISTENT  },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {token, {CKA_LOCAL, &yes, 1}},       CKR_ATTRIBUTE_READ_ONLY    },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {token, {CKA_VALUE, "x", 1}},        CKR_ATTRIBUTE_TYPE_INVALID },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size},                                          {token, {CKA_SIGN, "xx", 2}},        CKR_ATTRIBUTE_VALUE_INVALID},
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size, {CKA_KEY_TYPE, &ec, sizeof(ec)}},         {token},
                 CKR_TEMPLATE_INCONSISTENT														   },
		{CKM_RSA_PKCS_KEY_PAIR_GEN, {size, {CKA_ID, "\1", 1}},                       {token, {CKA_ID, "\2", 1}},
                 CKR_TEMPLATE_INCONSISTENT														   },
	};
	CK_OBJECT_HANDLE pub = 0, prv = 0;

	(void)state;
	before = bench_apdus();
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_MECHANISM m = {rows[i].m, NULL, 0};
		CK_ULONG pubs = rows[i].pub[1].ulValueLen ? 2 : 1, prvs = rows[i].prv[1].ulValueLen ? 2 : 1;
		CK_RV rv = f->C_GenerateKeyPair(
			s, &m, (CK_ATTRIBUTE_PTR)rows[i].pub, pubs, (CK_ATTRIBUTE_PTR)rows[i].prv, prvs, &pub, &prv);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
		assert_int_equal(pub | prv, 0);
	}
	costs(0);
}

/* No use named: all that the algorithm can do. No id named: the first small one that is free. */
static void test_generate_defaults(void **state)
{
	CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7}, id[4];
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE pub_list = {CKA_EC_PARAMS, oid, sizeof(oid)}, prv_list = {CKA_TOKEN, &yes, 1};
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_OBJECT_HANDLE pub, prv;

	(void)state;
	before = bench_apdus();
	ok(f->C_GenerateKeyPair(s, &m, &pub_list, 1, &prv_list, 1, &pub, &prv));
	assert_int_equal(bench_bool(s, prv, CKA_SIGN), 1);
	assert_int_equal(bench_bool(s, prv, CKA_DERIVE), 1);
	/* The new pair, and the directory as it is now. */
	assert_true(bench_apdus() - before <= 2);
	assert_int_equal(bench_get(s, prv, CKA_ID, id, sizeof(id)), 1);
	assert_int_equal(id[0], 3);
	ok(f->C_Logout(s));
	is(f->C_GenerateKeyPair(s, &m, &pub_list, 1, &prv_list, 1, &pub, &prv), CKR_USER_NOT_LOGGED_IN);
	ok(f->C_CloseSession(s));
	s = bench_session(0, CKU_USER);
	is(f->C_GenerateKeyPair(s, &m, &pub_list, 1, &prv_list, 1, &pub, &prv), CKR_SESSION_READ_ONLY);
}

/* ---- the budget (design 4) ---- */

/* pain 1: nothing is read before it is asked for. C_Initialize says nothing to the card, the slot list one word. */
static void test_budget(void **state)
{
	CK_MECHANISM m = {CKM_SHA256_RSA_PKCS, NULL, 0};
	CK_OBJECT_HANDLE prv;
	CK_TOKEN_INFO info;
	CK_ULONG n;

	(void)state;
	ok(f->C_Finalize(NULL));
	before = bench_apdus();
	ok(f->C_Initialize(NULL));
	costs(0);
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	ok(f->C_GetTokenInfo(0, &info));
	costs(1);
	s = bench_session(0, CKU_USER);
	prv = bench_find(s, CKO_PRIVATE_KEY, 1);
	/* VERIFY; the directory, which nobody cached yet; the channel, by certificates that are remembered. */
	assert_true(bench_apdus() - before <= (trusted_personal() ? 4u : 2u));
	before = bench_apdus();
	for (int i = 0; i < 3; i++) {
		ok(f->C_SignInit(s, &m, prv));
		len = sizeof(sig);
		ok(f->C_Sign(s, data, sizeof(data), sig, &len));
		costs(1);
	}
	assert_true(bench_count(s, NULL, 0) > 4);
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	ok(f->C_GetTokenInfo(0, &info));
	costs(0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_keys, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_sign_all),
		TEST(test_sign_refused),
		TEST(test_key_gone),
		TEST(test_always),
		TEST(test_always_two),
		TEST(test_decrypt),
		TEST(test_session_key),
		TEST(test_derive),
		TEST(test_digest),
		TEST(test_generate_refused),
		TEST(test_generate_defaults),
		TEST(test_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
