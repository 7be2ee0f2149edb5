/* SPDX-License-Identifier: Apache-2.0 */
/* Ciphers, key wrapping, MACs and HKDF against the vectors of their standards. */
#include "common/crypto_secret.h"
#include "tests/unit/test.h"

#define KEY_128 "2b7e151628aed2a6abf7158809cf4f3c"
#define KEY_192 "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b"
#define KEY_256 "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
#define IV      "000102030405060708090a0b0c0d0e0f"
#define COUNTER "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define PLAIN                                                                                                          \
	"6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"                                             \
	"30c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710"

/* A text in hex into a buffer of its own. */
struct hex {
	uint8_t data[256];
	size_t len;
};

static struct hex hex(const char *text)
{
	struct hex h = {.len = strlen(text) / 2};

	for (size_t i = 0; i < h.len; i++) {
		unsigned v = 0;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
		h.data[i] = (uint8_t)v;
	}
	return h;
}

static struct bytes of(const struct hex *h)
{
	return BYTES(h->data, h->len);
}

static void equal(struct bytes got, const char *want)
{
	struct hex h = hex(want);

	assert_int_equal(got.len, h.len);
	assert_memory_equal(got.data, h.data, h.len);
}

/* In pieces of a size; each update gives exactly what crypto_cipher_room() says. */
static bool run(struct crypto_cipher_ctx *c, struct bytes in, size_t piece, struct builder *out)
{
	size_t n = 0;

	for (size_t at = 0; at < in.len; at += piece) {
		size_t part = in.len - at < piece ? in.len - at : piece, room = crypto_cipher_room(c, part);

		assert_true(crypto_cipher_update(c, BYTES(in.data + at, part), out->data + out->len, &n));
		assert_int_equal(n, room);
		builder_room(out, n);
	}
	if (!crypto_cipher_final(c, out->data + out->len, &n))
		return false;
	builder_room(out, n);
	return !out->failed;
}

/* SP 800-38A, F.1 to F.5 */
static void test_modes(void **state)
{
	/* clang-format off */
	static const struct {
		enum crypto_cipher cipher;
		const char *key, *iv, *out;
	} rows[] = {
		{CRYPTO_AES_ECB, KEY_128, "",
			"3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf"
			"43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4"},
		{CRYPTO_AES_ECB, KEY_256, "",
			"f3eed1bdb5d2a03c064b5a7e3db181f8591ccb10d410ed26dc5ba74a31362870"
			"b6ed21b99ca6f4f9f153e7b1beafed1d23304b7a39f9f3ff067d8d8f9e24ecc7"},
		{CRYPTO_AES_CBC, KEY_128, IV,
			"7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2"
			"73bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7"},
		{CRYPTO_AES_CBC, KEY_192, IV,
			"4f021db243bc633d7178183a9fa071e8b4d9ada9ad7dedf4e5e738763f69145a"
			"571b242012fb7ae07fa9baac3df102e008b0e27988598881d920a9e64f5615cd"},
		{CRYPTO_AES_CTR, KEY_128, COUNTER,
			"874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff"
			"5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee"},
	};
	/* clang-format on */

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (size_t piece = 1; piece <= 64; piece += 7) {
			struct hex key = hex(rows[i].key), iv = hex(rows[i].iv), plain = hex(PLAIN);
			struct crypto_cipher_ctx *c = crypto_cipher_new(rows[i].cipher, true, of(&key), of(&iv));
			uint8_t box[256], back[256];
			struct builder b = builder_of(box, sizeof box), p = builder_of(back, sizeof back);

			assert_non_null(c);
			assert_true(run(c, of(&plain), piece, &b));
			crypto_cipher_free(c);
			equal(builder_bytes(&b), rows[i].out);
			c = crypto_cipher_new(rows[i].cipher, false, of(&key), of(&iv));
			assert_true(run(c, builder_bytes(&b), piece, &p));
			crypto_cipher_free(c);
			equal(builder_bytes(&p), PLAIN);
		}
}

/* Every length around two blocks comes back, in every piece; what is no padding does not. */
static void test_padding(void **state)
{
	struct hex key = hex(KEY_256), iv = hex(IV), plain = hex(PLAIN);

	(void)state;
	for (size_t len = 0; len <= 33; len++)
		for (size_t piece = 1; piece <= 33; piece += 4) {
			struct crypto_cipher_ctx *c = crypto_cipher_new(CRYPTO_AES_CBC_PAD, true, of(&key), of(&iv));
			uint8_t box[256], back[256];
			struct builder b = builder_of(box, sizeof box), p = builder_of(back, sizeof back);

			assert_true(run(c, BYTES(plain.data, len), piece, &b));
			assert_int_equal(b.len, (len / 16 + 1) * 16);
			crypto_cipher_free(c);
			c = crypto_cipher_new(CRYPTO_AES_CBC_PAD, false, of(&key), of(&iv));
			assert_true(run(c, builder_bytes(&b), piece, &p));
			crypto_cipher_free(c);
			assert_int_equal(p.len, len);
			assert_memory_equal(back, plain.data, len);
			box[b.len - 1] ^= 1;
			p = builder_of(back, sizeof back);
			c = crypto_cipher_new(CRYPTO_AES_CBC_PAD, false, of(&key), of(&iv));
			assert_false(run(c, builder_bytes(&b), piece, &p) && p.len == len);
			crypto_cipher_free(c);
		}
	/* Half a block without padding. */
	{
		struct crypto_cipher_ctx *c = crypto_cipher_new(CRYPTO_AES_CBC, true, of(&key), of(&iv));
		uint8_t box[64];
		struct builder b = builder_of(box, sizeof box);

		assert_false(run(c, BYTES(plain.data, 24), 24, &b));
		crypto_cipher_free(c);
	}
}

#define GCM_KEY "feffe9928665731c6d6a8f9467308308"
#define GCM_AAD "feedfacedeadbeeffeedfacedeadbeefabaddad2"
#define GCM_IN                                                                                                         \
	"d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5"     \
	"aa0de657ba637b39"

/* The GCM specification's test cases 4 and 5, one context for both. */
static void test_gcm(void **state)
{
	/* clang-format off */
	static const struct {
		const char *iv, *out, *tag;
	} rows[] = {
		{"cafebabefacedbaddecaf888",
			"42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84"
			"aa051ba30b396a0aac973d58e091",
			"5bc94fbc3221a5db94fae95ae7121a47"},
		{"cafebabefacedbad",
			"61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d489"
			"6b424989b5e1ebac0f07c23f4598",
			"3612d2e79e3b0785561be14aaca2fccb"},
	};
	/* clang-format on */
	struct hex key = hex(GCM_KEY), aad = hex(GCM_AAD), plain = hex(GCM_IN), iv = hex(rows[0].iv);
	struct crypto_cipher_ctx *e = crypto_cipher_new(CRYPTO_AES_GCM, true, of(&key), of(&iv)),
				 *d = crypto_cipher_new(CRYPTO_AES_GCM, false, of(&key), of(&iv));

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		for (int bad = 0; bad < 2; bad++) {
			uint8_t box[256], back[256], tag[16];
			struct builder b = builder_of(box, sizeof box), p = builder_of(back, sizeof back);

			iv = hex(rows[i].iv);
			assert_true(crypto_cipher_restart(e, of(&iv)));
			assert_true(crypto_cipher_aad(e, of(&aad)));
			assert_true(run(e, of(&plain), 9, &b));
			assert_true(crypto_cipher_tag(e, tag, sizeof tag));
			equal(builder_bytes(&b), rows[i].out);
			equal(BYTES_OF(tag), rows[i].tag);
			tag[3] ^= (uint8_t)bad;
			assert_true(crypto_cipher_restart(d, of(&iv)));
			assert_true(crypto_cipher_aad(d, of(&aad)));
			assert_true(crypto_cipher_expect(d, BYTES(tag, 12)));
			assert_int_equal(run(d, builder_bytes(&b), 11, &p), !bad);
			if (!bad)
				equal(builder_bytes(&p), GCM_IN);
		}
	crypto_cipher_free(e);
	crypto_cipher_free(d);
}

static void test_cipher_refused(void **state)
{
	static const uint8_t zeros[200];

	(void)state;
	assert_null(crypto_cipher_new(CRYPTO_AES_ECB, true, BYTES(zeros, 15), BYTES_NONE));
	assert_null(crypto_cipher_new(CRYPTO_AES_ECB, true, BYTES(zeros, 16), BYTES(zeros, 16)));
	assert_null(crypto_cipher_new(CRYPTO_AES_CBC, true, BYTES(zeros, 16), BYTES(zeros, 15)));
	assert_null(crypto_cipher_new(CRYPTO_AES_GCM, true, BYTES(zeros, 16), BYTES_NONE));
	assert_null(crypto_cipher_new(CRYPTO_AES_GCM, true, BYTES(zeros, 16), BYTES(zeros, 129)));
	assert_null(crypto_cipher_new(CRYPTO_CIPHERS, true, BYTES(zeros, 16), BYTES_NONE));
	assert_null(crypto_cmac_new(BYTES(zeros, 20)));
	assert_null(crypto_hmac_new(CRYPTO_NO_HASH, BYTES(zeros, 20)));
}

/* RFC 3394 4.1 and 4.6, RFC 5649 6 */
static void test_wrap(void **state)
{
	/* clang-format off */
	static const struct {
		enum crypto_wrap wrap;
		const char *kek, *key, *out;
	} rows[] = {
		{CRYPTO_AES_KW, IV, "00112233445566778899aabbccddeeff",
			"1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5"},
		{CRYPTO_AES_KW, IV "101112131415161718191a1b1c1d1e1f",
			"00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f",
			"28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21"},
		{CRYPTO_AES_KWP, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8",
			"c37b7e6492584340bed12207808941155068f738",
			"138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a"},
		{CRYPTO_AES_KWP, "5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8", "466f7250617369",
			"afbeb0f07dfbf5419200f2ccb50bb24f"},
	};
	/* clang-format on */
	static const uint8_t other[8] = {1, 2, 3, 4, 5, 6, 7, 8};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hex kek = hex(rows[i].kek), key = hex(rows[i].key);
		struct bytes iv = BYTES(other, rows[i].wrap == CRYPTO_AES_KW ? 8 : 4);
		uint8_t box[64], back[64];
		size_t n, m;

		assert_true(crypto_key_wrap(rows[i].wrap, of(&kek), BYTES_NONE, of(&key), box, &n));
		equal(BYTES(box, n), rows[i].out);
		assert_int_equal(crypto_wrapped_size(rows[i].wrap, key.len), n);
		assert_int_equal(
			crypto_key_unwrap(rows[i].wrap, of(&kek), BYTES_NONE, BYTES(box, n), back, &m), CRYPTO_GOOD);
		equal(BYTES(back, m), rows[i].key);
		assert_int_equal(crypto_key_unwrap(rows[i].wrap, of(&kek), iv, BYTES(box, n), back, &m), CRYPTO_BAD);
		assert_int_equal(
			crypto_key_unwrap(rows[i].wrap, of(&kek), BYTES_NONE, BYTES(box, n - 8), back, &m), CRYPTO_BAD);
		box[n / 2] ^= 1;
		memset(back, 7, sizeof back);
		assert_int_equal(
			crypto_key_unwrap(rows[i].wrap, of(&kek), BYTES_NONE, BYTES(box, n), back, &m), CRYPTO_BAD);
		assert_int_equal(back[0] | back[n - 1], 0);
		assert_true(crypto_key_wrap(rows[i].wrap, of(&kek), iv, of(&key), box, &n));
		assert_int_equal(crypto_key_unwrap(rows[i].wrap, of(&kek), iv, BYTES(box, n), back, &m), CRYPTO_GOOD);
		equal(BYTES(back, m), rows[i].key);
	}
	assert_int_equal(crypto_wrapped_size(CRYPTO_AES_KW, 8), 0);
	assert_int_equal(crypto_wrapped_size(CRYPTO_AES_KW, 20), 0);
	assert_int_equal(crypto_wrapped_size(CRYPTO_AES_KWP, 0), 0);
	assert_int_equal(crypto_wrapped_size(CRYPTO_AES_KWP, 1), 16);
}

/* RFC 4493 4 */
static void test_cmac(void **state)
{
	/* clang-format off */
	static const struct {
		size_t len;
		const char *mac;
	} rows[] = {
		{0, "bb1d6929e95937287fa37d129b756746"},
		{16, "070a16b46b4d4144f79bdd9dd04a287c"},
		{40, "dfa66747de9ae63030ca32611497c827"},
		{64, "51f0bebf7e3b9d92fc49741779363cfe"},
	};
	/* clang-format on */
	struct hex key = hex(KEY_128), plain = hex(PLAIN);

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct crypto_mac *m = crypto_cmac_new(of(&key));
		uint8_t out[16];

		assert_int_equal(crypto_mac_size(m), 16);
		assert_true(crypto_mac_update(m, BYTES(plain.data, rows[i].len / 2)));
		assert_true(crypto_mac_update(m, BYTES(plain.data + rows[i].len / 2, rows[i].len - rows[i].len / 2)));
		assert_true(crypto_mac_final(m, out));
		equal(BYTES_OF(out), rows[i].mac);
		crypto_mac_free(m);
	}
}

/* RFC 2202 3, RFC 4231 4.2; SHA-3 against OpenSSL's one call. */
static void test_hmac(void **state)
{
	/* clang-format off */
	static const struct {
		enum crypto_hash hash;
		const char *mac;
	} rows[] = {
		{CRYPTO_SHA1, "b617318655057264e28bc0b6fb378c8ef146be00"},
		{CRYPTO_SHA224, "896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22"},
		{CRYPTO_SHA256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
		{CRYPTO_SHA384,
			"afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6"},
		{CRYPTO_SHA512,
			"87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4"
			"be9d914eeb61f1702e696c203a126854"},
		{CRYPTO_SHA3_256, "ba85192310dffa96e2a3a40e69774351140bb7185e1202cdcc917589f95e16bb"},
	};
	/* clang-format on */
	uint8_t key[20];

	(void)state;
	memset(key, 0x0b, sizeof key);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct crypto_mac *m = crypto_hmac_new(rows[i].hash, BYTES_OF(key));
		uint8_t out[CRYPTO_DIGEST_MAX];

		assert_true(crypto_mac_update(m, BYTES((const uint8_t *)"Hi There", 8)));
		assert_true(crypto_mac_final(m, out));
		equal(BYTES(out, crypto_mac_size(m)), rows[i].mac);
		crypto_mac_free(m);
	}
}

/* RFC 5869 A.1 and A.3 */
static void test_hkdf(void **state)
{
	/* clang-format off */
	static const struct {
		const char *salt, *info, *prk, *okm;
	} rows[] = {
		{"000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
			"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
			"3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
		{"", "", "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
			"8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
	};
	/* clang-format on */
	uint8_t secret[22], prk[32], okm[42], much[1];

	(void)state;
	memset(secret, 0x0b, sizeof secret);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct hex salt = hex(rows[i].salt), info = hex(rows[i].info);

		assert_true(crypto_hkdf_extract(CRYPTO_SHA256, of(&salt), BYTES_OF(secret), prk));
		equal(BYTES_OF(prk), rows[i].prk);
		assert_true(crypto_hkdf_expand(CRYPTO_SHA256, BYTES_OF(prk), of(&info), okm, sizeof okm));
		equal(BYTES_OF(okm), rows[i].okm);
	}
	assert_false(crypto_hkdf_expand(CRYPTO_SHA256, BYTES_OF(prk), BYTES_NONE, much, 255 * 32 + 1));
}

/* SP 800-67 appendix B; FIPS 197 appendix C. */
static void test_one_block(void **state)
{
	static const char *const rows[][3] = {
		{"0123456789abcdef23456789abcdef01456789abcdef0123", "5468652071756663",                 "a826fd8ce53b855f"},
		{"0123456789abcdef23456789abcdef01456789abcdef0123", "6b2062726f776e20",                 "cce21c8112256fe6"},
		{"000102030405060708090a0b0c0d0e0f",                 "00112233445566778899aabbccddeeff",
                 "69c4e0d86a7b0430d8cdb78070b4c55a"									},
		{"000102030405060708090a0b0c0d0e0f1011121314151617", "00112233445566778899aabbccddeeff",
                 "dda97ca4864cdfe06eaf70a0ec0d7191"									},
	};
	uint8_t block[CRYPTO_AES_BLOCK];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct hex key = hex(rows[i][0]), plain = hex(rows[i][1]);
		memcpy(block, plain.data, plain.len);
		assert_true(crypto_one_block(plain.len, true, of(&key), block, block));
		equal(BYTES(block, plain.len), rows[i][2]);
		assert_true(crypto_one_block(plain.len, false, of(&key), block, block));
		equal(BYTES(block, plain.len), rows[i][1]);
	}
	struct hex key = hex(KEY_128);
	assert_false(crypto_one_block(CRYPTO_TDES_BLOCK, true, of(&key), block, block));
	assert_false(crypto_one_block(12, true, of(&key), block, block));
	assert_false(crypto_one_block(CRYPTO_AES_BLOCK, true, BYTES(key.data, 15), block, block));
}

/* RFC 6070 */
static void test_pbkdf2(void **state)
{
	static const char long_password[] = "passwordPASSWORDpassword",
			  long_salt[] = "saltSALTsaltSALTsaltSALTsaltSALTsalt";
	uint8_t out[25];

	(void)state;
	assert_true(crypto_pbkdf2(
		CRYPTO_SHA1, BYTES((const uint8_t *)"password", 8), BYTES((const uint8_t *)"salt", 4), 4096, out, 20));
	equal(BYTES(out, 20), "4b007901b765489abead49d926f721d065a429c1");
	assert_true(crypto_pbkdf2(CRYPTO_SHA1, BYTES((const uint8_t *)long_password, sizeof long_password - 1),
		BYTES((const uint8_t *)long_salt, sizeof long_salt - 1), 4096, out, 25));
	equal(BYTES_OF(out), "3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038");
	assert_false(crypto_pbkdf2(CRYPTO_NO_HASH, BYTES_NONE, BYTES_NONE, 1, out, 20));
	assert_false(crypto_pbkdf2(CRYPTO_SHA1, BYTES_NONE, BYTES_NONE, 0, out, 20));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_padding),
		cmocka_unit_test(test_gcm),
		cmocka_unit_test(test_cipher_refused),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_cmac),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_hkdf),
		cmocka_unit_test(test_one_block),
		cmocka_unit_test(test_pbkdf2),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
