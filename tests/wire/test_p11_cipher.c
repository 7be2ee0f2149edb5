/* SPDX-License-Identifier: Apache-2.0 */
/* AES and MACs with secret session keys: the standards' vectors through the calls, and what the calls refuse. */
#include "config.h"

#include "tests/wire/secret_bench.h"

#define KEY_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY_192 "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
#define KEY_256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define IV      "000102030405060708090a0b0c0d0e0f"
#define COUNTER "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define PLAIN                                                                                                          \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                             \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"
#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_IN                                                                                                         \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"     \
	"aa0de657ba637b39"
#define GCM_OUT                                                                                                        \
	"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b39"     \
	"6a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"

static CK_SESSION_HANDLE s;

static int setup(void **state)
{
	bench_setup_operational(state);
	s = bench_session(0, -1);
	return 0;
}

typedef CK_RV start_call(CK_SESSION_HANDLE, CK_MECHANISM_PTR, CK_OBJECT_HANDLE);
typedef CK_RV whole_call(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR);
typedef CK_RV last_call(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG_PTR);

struct direction {
	start_call *start;
	whole_call *whole, *part;
	last_call *last;
};

static struct direction direction(bool encrypt)
{
	return encrypt ? (struct direction){f->C_EncryptInit, f->C_Encrypt, f->C_EncryptUpdate, f->C_EncryptFinal}
		       : (struct direction){f->C_DecryptInit, f->C_Decrypt, f->C_DecryptUpdate, f->C_DecryptFinal};
}

/* At once, after a question for the length and with a buffer that is a byte too short. */
static CK_ULONG at_once(struct direction d, struct hex in, CK_BYTE *out)
{
	CK_ULONG room = 0, len;

	ok(d.whole(s, in.data, in.len, NULL, &room));
	len = room;
	ok(d.whole(s, in.data, in.len, NULL, &len));
	assert_int_equal(len, room);
	ok(d.whole(s, in.data, in.len, out, &len));
	is(d.whole(s, in.data, in.len, out, &len), CKR_OPERATION_NOT_INITIALIZED);
	return len;
}

/* In pieces, each one asked for first and refused once: neither changes anything. */
static CK_ULONG in_pieces(struct direction d, struct hex in, CK_ULONG piece, CK_BYTE *out)
{
	CK_ULONG total = 0, len;

	for (CK_ULONG at = 0; at < in.len; at += piece) {
		CK_ULONG n = in.len - at < piece ? in.len - at : piece, room = 0;

		ok(d.part(s, in.data + at, n, NULL, &room));
		if (room) {
			len = room - 1;
			is(d.part(s, in.data + at, n, out + total, &len), CKR_BUFFER_TOO_SMALL);
			assert_int_equal(len, room);
		}
		len = room;
		ok(d.part(s, in.data + at, n, out + total, &len));
		assert_int_equal(len, room);
		is(d.whole(s, in.data, in.len, out + total, &len), CKR_OPERATION_ACTIVE);
		total += room;
	}
	ok(d.last(s, NULL, &len));
	if (len) {
		CK_ULONG room = 0;
		CK_RV rv = d.last(s, out + total, &room);

		/* Only now is known that the last block was padding and nothing else. */
		if (rv == CKR_OK) {
			assert_int_equal(room, 0);
			return total;
		}
		is(rv, CKR_BUFFER_TOO_SMALL);
		assert_true(room && room <= len);
	}
	ok(d.last(s, out + total, &len));
	is(d.last(s, out + total, &len), CKR_OPERATION_NOT_INITIALIZED);
	return total + len;
}

/* ---- vectors ---- */

static void test_vectors(void **state)
{
	struct hex iv = hex(IV), aad = hex(GCM_AAD), gcm_iv = hex("cafebabefacedbaddecaf888");
	CK_AES_CTR_PARAMS ctr = {128, {0}};
	CK_GCM_PARAMS gcm = {gcm_iv.data, gcm_iv.len, 8 * gcm_iv.len, aad.data, aad.len, 128};
	/* clang-format off */
	const struct {
		CK_MECHANISM m;
		const char *key, *in, *out;
	} rows[] = {
		/* SP 800-38A, F */
		{{CKM_AES_ECB, NULL, 0}, KEY_128, PLAIN,
			"3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
			"43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
		{{CKM_AES_ECB, NULL, 0}, KEY_256, PLAIN,
			"f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
			"b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"},
		{{CKM_AES_CBC, iv.data, iv.len}, KEY_192, PLAIN,
			"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
			"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
		{{CKM_AES_CTR, &ctr, sizeof(ctr)}, KEY_128, PLAIN,
			"874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
			"5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
		/* The GCM specification's test case 4 */
		{{CKM_AES_GCM, &gcm, sizeof(gcm)}, GCM_KEY, GCM_IN, GCM_OUT},
		/* SP 800-38A's CBC, and a whole block of padding after it (made with openssl enc) */
		{{CKM_AES_CBC_PAD, iv.data, iv.len}, KEY_128, PLAIN,
			"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
			"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"
			"8cb82807230e1321d3fae00d18cc2012"},
		/* RFC 3394 4.1, RFC 5649 6 */
		{{CKM_AES_KEY_WRAP, NULL, 0}, IV, "00112233445566778899aabbccddeeff",
			"1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		{{CKM_AES_KEY_WRAP_KWP, NULL, 0}, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
			"c37b7e6492584340bed12207808941155068f738",
			"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{{CKM_AES_KEY_WRAP_PAD, NULL, 0}, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "466f7250617369",
			"afbeb0f07dfbf5419200f2ccb50bb24f"},
	};
	/* clang-format on */

	(void)state;
	memcpy(ctr.cb, hex(COUNTER).data, sizeof(ctr.cb));
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, rows[i].key, NULL, 0);
		CK_BYTE out[256];

		for (CK_ULONG piece = 0; piece < 40; piece += 9)
			for (int encrypt = 0; encrypt < 2; encrypt++) {
				struct direction d = direction(encrypt);
				struct hex in = hex(encrypt ? rows[i].in : rows[i].out);
				CK_ULONG n;

				ok(d.start(s, (CK_MECHANISM_PTR)&rows[i].m, key));
				n = piece ? in_pieces(d, in, piece, out) : at_once(d, in, out);
				is_hex(out, n, encrypt ? rows[i].out : rows[i].in);
			}
		ok(f->C_DestroyObject(s, key));
	}
}

/* A caller who knows how long the plaintext is needs no more room than that; others learn it. */
static void test_short_buffer(void **state)
{
	struct hex iv = hex(IV);
	CK_MECHANISM m = {CKM_AES_CBC_PAD, iv.data, iv.len};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY_256, NULL, 0);
	CK_BYTE box[64], out[64], data[20] = "exactly twenty byte";
	CK_ULONG n = sizeof(box), len;

	(void)state;
	ok(f->C_EncryptInit(s, &m, key));
	ok(f->C_Encrypt(s, data, sizeof(data), box, &n));
	assert_int_equal(n, 32);
	ok(f->C_DecryptInit(s, &m, key));
	len = 19;
	is(f->C_Decrypt(s, box, n, out, &len), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(len, 20);
	ok(f->C_Decrypt(s, box, n, out, &len));
	assert_int_equal(len, 20);
	assert_memory_equal(out, data, 20);
	/* In one place (2.40, 5.2). */
	ok(f->C_DecryptInit(s, &m, key));
	len = sizeof(box);
	ok(f->C_Decrypt(s, box, n, box, &len));
	assert_memory_equal(box, data, 20);
	ok(f->C_EncryptInit(s, &m, key));
	ok(f->C_EncryptUpdate(s, data, 7, out, &len));
	memcpy(box, data + 7, 13);
	len = sizeof(box);
	ok(f->C_EncryptUpdate(s, box, 13, box, &len));
	assert_int_equal(len, 16);
	memcpy(out, box, 16);
	len = 16;
	ok(f->C_EncryptFinal(s, out + 16, &len));
	ok(f->C_DecryptInit(s, &m, key));
	len = sizeof(box);
	ok(f->C_Decrypt(s, out, 32, box, &len));
	assert_memory_equal(box, data, 20);
}

/* ---- refused ---- */

static void test_parameters(void **state)
{
	CK_BYTE iv[129] = {0};
	CK_AES_CTR_PARAMS no_bits = {0, {0}}, many_bits = {129, {0}}, ctr = {1, {0}};
	CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 128}, no_iv = gcm, long_iv = gcm, short_tag = gcm, odd_tag = gcm,
		      no_aad = gcm;
	CK_MAC_GENERAL_PARAMS much = 17, none = 0;
	const struct {
		CK_MECHANISM m;
		CK_RV rv;
	} rows[] = {
		{{CKM_AES_ECB, iv, 16},                  CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CBC, NULL, 0},                 CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CBC, iv, 15},                  CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CBC, NULL, 16},                CKR_ARGUMENTS_BAD          },
		{{CKM_AES_CBC_PAD, iv, 17},              CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CTR, &no_bits, sizeof(ctr)},   CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CTR, &many_bits, sizeof(ctr)}, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CTR, &ctr, sizeof(ctr) - 1},   CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, NULL, 0},                 CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &gcm, sizeof(gcm) - 8},   CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &no_iv, sizeof(gcm)},     CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &long_iv, sizeof(gcm)},   CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &short_tag, sizeof(gcm)}, CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &odd_tag, sizeof(gcm)},   CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_GCM, &no_aad, sizeof(gcm)},    CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_KEY_WRAP, iv, 4},              CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_KEY_WRAP_KWP, iv, 8},          CKR_MECHANISM_PARAM_INVALID},
		{{CKM_AES_CMAC, NULL, 0},                CKR_MECHANISM_INVALID      },
		{{CKM_AES_KEY_GEN, NULL, 0},             CKR_MECHANISM_INVALID      },
		{{CKM_AES_XTS, NULL, 0},                 CKR_MECHANISM_INVALID      },
		{{CKM_RSA_PKCS, NULL, 0},                CKR_KEY_TYPE_INCONSISTENT  },
	};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY_128, NULL, 0);
	CK_OBJECT_HANDLE generic = secret_key(s, CKK_GENERIC_SECRET, KEY_128, NULL, 0);
	CK_MECHANISM m = {CKM_AES_ECB, NULL, 0}, mac = {CKM_AES_CMAC_GENERAL, &much, sizeof(much)};

	(void)state;
	no_iv.ulIvLen = 0;
	long_iv.ulIvLen = 129;
	short_tag.ulTagBits = 24;
	odd_tag.ulTagBits = 100;
	no_aad.ulAADLen = 5;
	for (size_t i = 0; i < COUNT(rows); i++) {
		CK_RV rv = f->C_EncryptInit(s, (CK_MECHANISM_PTR)&rows[i].m, key);

		if (rv != rows[i].rv)
			fprintf(stderr, "row %zu\n", i);
		is(rv, rows[i].rv);
	}
	is(f->C_EncryptInit(s, &m, generic), CKR_KEY_TYPE_INCONSISTENT);
	is(f->C_EncryptInit(s, &m, 4711), CKR_KEY_HANDLE_INVALID);
	is(f->C_SignInit(s, &mac, key), CKR_MECHANISM_PARAM_INVALID);
	mac.pParameter = &none;
	is(f->C_SignInit(s, &mac, key), CKR_MECHANISM_PARAM_INVALID);
	ok(f->C_EncryptInit(s, &m, key));
	is(f->C_EncryptInit(s, &m, key), CKR_OPERATION_ACTIVE);
	ok(f->C_EncryptInit(s, NULL, 0));
	is(f->C_EncryptInit(s, NULL, 0), CKR_ARGUMENTS_BAD);
}

/* Lengths, padding and tags that are wrong end the operation. */
static void test_data(void **state)
{
	struct hex iv = hex(IV), aad = hex(GCM_AAD), box = hex(GCM_OUT);
	CK_AES_CTR_PARAMS ctr = {2, {0}};
	CK_GCM_PARAMS gcm = {iv.data, 12, 96, aad.data, aad.len, 128};
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, pad = {CKM_AES_CBC_PAD, iv.data, iv.len},
		     count = {CKM_AES_CTR, &ctr, sizeof(ctr)}, seal = {CKM_AES_GCM, &gcm, sizeof(gcm)},
		     wrap = {CKM_AES_KEY_WRAP, NULL, 0};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, GCM_KEY, NULL, 0);
	const struct {
		CK_MECHANISM *m;
		bool encrypt;
		CK_ULONG len;
		CK_RV rv;
	} rows[] = {
		{&ecb,   true,  15, CKR_DATA_LEN_RANGE          },
		{&ecb,   false, 17, CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&pad,   false, 17, CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&pad,   false, 0,  CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&pad,   false, 32, CKR_ENCRYPTED_DATA_INVALID  },
		{&count, true,  65, CKR_DATA_LEN_RANGE          },
		{&count, false, 65, CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&count, true,  64, CKR_OK                      },
		{&seal,  false, 15, CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&seal,  false, 76, CKR_ENCRYPTED_DATA_INVALID  },
		{&wrap,  true,  8,  CKR_DATA_LEN_RANGE          },
		{&wrap,  true,  20, CKR_DATA_LEN_RANGE          },
		{&wrap,  false, 16, CKR_ENCRYPTED_DATA_LEN_RANGE},
		{&wrap,  false, 24, CKR_ENCRYPTED_DATA_INVALID  },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int multi = 0; multi < 2; multi++) {
			struct direction d = direction(rows[i].encrypt);
			CK_BYTE out[128];
			CK_ULONG n = sizeof(out), sum = 0;
			CK_RV rv;

			ok(d.start(s, rows[i].m, key));
			if (multi) {
				rv = d.part(s, box.data, rows[i].len, out, &n);
				sum = n;
				n = sizeof(out) - sum;
				if (rv == CKR_OK)
					rv = d.last(s, out + sum, &n);
			} else {
				rv = d.whole(s, box.data, rows[i].len, out, &n);
			}
			if (rv != rows[i].rv)
				fprintf(stderr, "row %zu %d\n", i, multi);
			is(rv, rows[i].rv);
			is(d.last(s, out, &n), CKR_OPERATION_NOT_INITIALIZED);
		}
}

/* ---- MACs ---- */

static void test_macs(void **state)
{
	/* clang-format off */
	static const struct {
		CK_MECHANISM_TYPE m, general;
		CK_KEY_TYPE type, own;
		const char *key, *in, *mac;
	} rows[] = {
		/* RFC 4493 4 */
		{CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, CKK_AES, 0, KEY_128, "", "bb1d6929e95937287fa37d129b756746"},
		{CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, CKK_AES, 0, KEY_128, PLAIN, "51f0bebf7e3b9d92fc49741779363cfe"},
		/* RFC 2202 3, RFC 4231 4.2 ("Hi There") and 4.3 ("Jefe") */
		{CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA_1_HMAC,
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"b617318655057264e28bc0b6fb378c8ef146be00"},
		{CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA224_HMAC,
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"},
		{CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA256_HMAC,
			"4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
			"5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
		{CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA384_HMAC,
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
		{CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA512_HMAC,
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
			"daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854"},
		{CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, CKK_GENERIC_SECRET, CKK_SHA3_256_HMAC,
			"0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
			"ba85192310dffa96e2a3a40e69774351140bb7185e1202cdcc917589f95e16bb"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int own = 0; own < 2; own++) {
			CK_KEY_TYPE type = own && rows[i].own ? rows[i].own : rows[i].type;
			CK_OBJECT_HANDLE key = secret_key(s, type, rows[i].key, NULL, 0);
			CK_MECHANISM m = {rows[i].m, NULL, 0};
			CK_MAC_GENERAL_PARAMS part = 10;
			CK_MECHANISM general = {rows[i].general, &part, sizeof(part)};
			struct hex in = hex(rows[i].in), want = hex(rows[i].mac);
			CK_BYTE out[64];
			CK_ULONG n = 0;

			ok(f->C_SignInit(s, &m, key));
			ok(f->C_Sign(s, in.data, in.len, NULL, &n));
			assert_int_equal(n, want.len);
			n--;
			is(f->C_Sign(s, in.data, in.len, out, &n), CKR_BUFFER_TOO_SMALL);
			ok(f->C_Sign(s, in.data, in.len, out, &n));
			is_hex(out, n, rows[i].mac);
			ok(f->C_SignInit(s, &general, key));
			ok(f->C_SignUpdate(s, in.data, in.len / 2));
			ok(f->C_SignUpdate(s, in.data + in.len / 2, in.len - in.len / 2));
			ok(f->C_SignFinal(s, out, &n));
			assert_int_equal(n, 10);
			assert_memory_equal(out, want.data, 10);
			ok(f->C_VerifyInit(s, &general, key));
			ok(f->C_Verify(s, in.data, in.len, out, 10));
			ok(f->C_VerifyInit(s, &general, key));
			is(f->C_Verify(s, in.data, in.len, want.data, 11), CKR_SIGNATURE_LEN_RANGE);
			ok(f->C_VerifyInit(s, &m, key));
			ok(f->C_VerifyUpdate(s, in.data, in.len));
			ok(f->C_VerifyFinal(s, want.data, want.len));
			want.data[want.len - 1] ^= 1;
			ok(f->C_VerifyInit(s, &m, key));
			is(f->C_Verify(s, in.data, in.len, want.data, want.len), CKR_SIGNATURE_INVALID);
			ok(f->C_DestroyObject(s, key));
		}
	/* A key made for one hash is none for another. */
	{
		CK_MECHANISM m = {CKM_SHA256_HMAC, NULL, 0};

		is(f->C_SignInit(s, &m, secret_key(s, CKK_SHA512_HMAC, KEY_128, NULL, 0)), CKR_KEY_TYPE_INCONSISTENT);
	}
}

/* ---- two at once ---- */

static void test_dual(void **state)
{
	struct hex iv = hex(IV), plain = hex(PLAIN);
	CK_MECHANISM aes = {CKM_AES_CBC, iv.data, iv.len}, sha = {CKM_SHA256, NULL, 0}, mac = {CKM_AES_CMAC, NULL, 0};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY_192, NULL, 0);
	CK_OBJECT_HANDLE mac_key = secret_key(s, CKK_AES, KEY_128, NULL, 0);
	CK_BYTE box[64], out[64], digest[32], want[32];
	CK_ULONG n = 5, len = sizeof(digest);

	(void)state;
	assert_true(crypto_digest(CRYPTO_SHA256, BYTES(plain.data, plain.len), want));
	ok(f->C_EncryptInit(s, &aes, key));
	is(f->C_DigestEncryptUpdate(s, plain.data, 32, box, &n), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_DigestInit(s, &sha));
	/* Refused for the buffer: neither of the two has taken it. */
	is(f->C_DigestEncryptUpdate(s, plain.data, 32, box, &n), CKR_BUFFER_TOO_SMALL);
	assert_int_equal(n, 32);
	ok(f->C_DigestEncryptUpdate(s, plain.data, 32, NULL, &n));
	/* In one place. */
	memcpy(box, plain.data, 64);
	n = 32;
	ok(f->C_DigestEncryptUpdate(s, box, 32, box, &n));
	ok(f->C_DigestEncryptUpdate(s, box + 32, 32, box + 32, &n));
	n = 0;
	ok(f->C_EncryptFinal(s, box, &n));
	ok(f->C_DigestFinal(s, digest, &len));
	assert_memory_equal(digest, want, 32);
	ok(f->C_DecryptInit(s, &aes, key));
	ok(f->C_DigestInit(s, &sha));
	n = sizeof(out);
	ok(f->C_DecryptDigestUpdate(s, box, 64, out, &n));
	ok(f->C_DecryptFinal(s, out + n, &(CK_ULONG){0}));
	ok(f->C_DigestFinal(s, digest, &len));
	assert_memory_equal(digest, want, 32);
	is_hex(out, n, PLAIN);
	ok(f->C_EncryptInit(s, &aes, key));
	ok(f->C_SignInit(s, &mac, mac_key));
	ok(f->C_SignEncryptUpdate(s, plain.data, 64, out, &n));
	assert_memory_equal(out, box, 64);
	len = sizeof(digest);
	ok(f->C_SignFinal(s, digest, &len));
	is_hex(digest, len, "51f0bebf7e3b9d92fc49741779363cfe");
	ok(f->C_SessionCancel(s, CKF_ENCRYPT));
	ok(f->C_DecryptInit(s, &aes, key));
	ok(f->C_VerifyInit(s, &mac, mac_key));
	ok(f->C_DecryptVerifyUpdate(s, box, 64, out, &n));
	ok(f->C_VerifyFinal(s, digest, len));
}

static void test_digest_key(void **state)
{
	CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY_128, NULL, 0);
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE out[32], want[32];
	CK_ULONG n = sizeof(out);
	struct hex h = hex("0102" KEY_128);

	(void)state;
	is(f->C_DigestKey(s, key), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_DigestInit(s, &sha));
	ok(f->C_DigestUpdate(s, h.data, 2));
	ok(f->C_DigestKey(s, key));
	ok(f->C_DigestFinal(s, out, &n));
	assert_true(crypto_digest(CRYPTO_SHA256, BYTES(h.data, h.len), want));
	assert_memory_equal(out, want, 32);
	ok(f->C_SetAttributeValue(s, key, &(CK_ATTRIBUTE){CKA_SENSITIVE, &yes, 1}, 1));
	ok(f->C_DigestInit(s, &sha));
	is(f->C_DigestKey(s, key), CKR_KEY_INDIGESTIBLE);
	ok(f->C_DigestInit(s, &sha));
	is(f->C_DigestKey(s, 4711), CKR_KEY_HANDLE_INVALID);
}

/* Each operation of a session is ended by its own flag, and by nothing else (3.0, 5.6.9). */
static void test_cancel(void **state)
{
	CK_MECHANISM ecb = {CKM_AES_ECB, NULL, 0}, mac = {CKM_AES_CMAC, NULL, 0}, sha = {CKM_SHA256, NULL, 0};
	CK_OBJECT_HANDLE key = secret_key(s, CKK_AES, KEY_128, NULL, 0);
	CK_BYTE out[64];
	CK_ULONG n = sizeof(out);

	(void)state;
	ok(f->C_EncryptInit(s, &ecb, key));
	ok(f->C_DecryptInit(s, &ecb, key));
	ok(f->C_SignInit(s, &mac, key));
	ok(f->C_VerifyInit(s, &mac, key));
	ok(f->C_DigestInit(s, &sha));
	ok(f->C_SessionCancel(s, CKF_ENCRYPT | CKF_VERIFY));
	is(f->C_EncryptUpdate(s, out, 16, out, &n), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_VerifyUpdate(s, out, 16), CKR_OPERATION_NOT_INITIALIZED);
	ok(f->C_SignUpdate(s, out, 16));
	ok(f->C_DigestUpdate(s, out, 16));
	n = sizeof(out);
	ok(f->C_DecryptUpdate(s, out, 16, out, &n));
	ok(f->C_SessionCancel(s, ~0UL));
	is(f->C_SignUpdate(s, out, 16), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_DigestUpdate(s, out, 16), CKR_OPERATION_NOT_INITIALIZED);
	is(f->C_DecryptUpdate(s, out, 16, out, &n), CKR_OPERATION_NOT_INITIALIZED);
}

/* What is announced is what works: every mechanism's sizes and flags. */
static void test_info(void **state)
{
	static const struct {
		CK_MECHANISM_TYPE type;
		CK_ULONG min, max;
		CK_FLAGS flags;
	} rows[] = {
		{CKM_AES_KEY_GEN,            16, 32,   CKF_GENERATE                                     },
		{CKM_AES_GCM,                16, 32,   CKF_ENCRYPT | CKF_DECRYPT                        },
		{CKM_AES_CMAC,               16, 32,   CKF_SIGN | CKF_VERIFY                            },
		{CKM_AES_KEY_WRAP_KWP,       16, 32,   CKF_ENCRYPT | CKF_DECRYPT | CKF_WRAP | CKF_UNWRAP},
		{CKM_GENERIC_SECRET_KEY_GEN, 8,  8192, CKF_GENERATE                                     },
		{CKM_SHA256_HMAC,            1,  1024, CKF_SIGN | CKF_VERIFY                            },
		{CKM_HKDF_DERIVE,            1,  1024, CKF_DERIVE                                       },
		{CKM_SHA256,                 0,  0,    CKF_DIGEST                                       },
	};
	CK_MECHANISM_INFO info;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		ok(f->C_GetMechanismInfo(0, rows[i].type, &info));
		assert_int_equal(info.ulMinKeySize, rows[i].min);
		assert_int_equal(info.ulMaxKeySize, rows[i].max);
		assert_int_equal(
			info.flags & ~(CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE), rows[i].flags);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_vectors),
		TEST(test_short_buffer),
		TEST(test_parameters),
		TEST(test_data),
		TEST(test_macs),
		TEST(test_dual),
		TEST(test_digest_key),
		TEST(test_cancel),
		TEST(test_info),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
