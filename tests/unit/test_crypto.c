/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, keys, and verification, against OpenSSL's own. Certificates: test_cert.c; paddings: test_rsa_pad.c. */
#include "common/crypto.h"
#include "tests/unit/test.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const char *const type_names[CRYPTO_KEY_TYPES] = {
	[CRYPTO_RSA] = "RSA",
	[CRYPTO_EC_P256] = "P-256",
	[CRYPTO_EC_P384] = "P-384",
	[CRYPTO_EC_P521] = "P-521",
};

static EVP_PKEY *keys[CRYPTO_KEY_TYPES];
static struct bytes spkis[CRYPTO_KEY_TYPES]; /* as OpenSSL writes them */
static struct crypto_pubkey pubs[CRYPTO_KEY_TYPES];

static int make_keys(void **state)
{
	(void)state;
	for (int t = 0; t < CRYPTO_KEY_TYPES; t++) {
		keys[t] = t == CRYPTO_RSA ? EVP_RSA_gen(2048) : EVP_EC_gen(type_names[t]);
		unsigned char *der = NULL;
		int n = i2d_PUBKEY(keys[t], &der);
		if (n <= 0)
			return -1;
		spkis[t] = test_copy(BYTES(der, (size_t)n));
		OPENSSL_free(der);
		if (!crypto_pubkey_from_spki(spkis[t], &pubs[t]))
			return -1;
	}
	return 0;
}

static int drop_keys(void **state)
{
	(void)state;
	for (int t = 0; t < CRYPTO_KEY_TYPES; t++) {
		EVP_PKEY_free(keys[t]);
		test_drop(spkis[t]);
	}
	return 0;
}

/* ---- digests ---- */

/* The one-block examples for "abc": FIPS 180-4 and FIPS 202, as NIST publishes them. */
static const struct {
	enum crypto_hash hash;
	const char *digest;
} abc[] = {
	{CRYPTO_SHA1,     "A9993E364706816ABA3E25717850C26C9CD0D89D"                                             },
	{CRYPTO_SHA224,   "23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7"                             },
	{CRYPTO_SHA256,   "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"                     },
	{CRYPTO_SHA384,   "CB00753F45A35E8BB5A03D699AC65007272C32AB0EDED1631A8B605A43FF5BED"
			"8086072BA1E7CC2358BAECA134C825A7"                                },
	{CRYPTO_SHA512,   "DDAF35A193617ABACC417349AE20413112E6FA4E89A97EA20A9EEEE64B55D39A"
			"2192992A274FC1A836BA3C23A3FEEBBD454D4423643CE80E2A9AC94FA54CA49F"},
	{CRYPTO_SHA3_224, "E642824C3F8CF24AD09234EE7D3C766FC9A3A5168D0C94AD73B46FDF"                             },
	{CRYPTO_SHA3_256, "3A985DA74FE225B2045C172D6BD390BD855F086E3E9D525B46BFE24511431532"                     },
};

static void digests_the_published_examples(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(abc); i++) {
		uint8_t out[CRYPTO_DIGEST_MAX];
		assert_true(crypto_digest(abc[i].hash, BYTES((const uint8_t *)"abc", 3), out));
		assert_bytes_hex(BYTES(out, crypto_hash_size(abc[i].hash)), abc[i].digest);
	}
}

static void knows_each_hash(void **state)
{
	(void)state;
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		const struct crypto_hash_info *info = crypto_hash_info((enum crypto_hash)h);
		assert_non_null(info);
		EVP_MD *md = EVP_MD_fetch(NULL, info->name, NULL);
		assert_non_null(md);
		assert_int_equal(EVP_MD_get_size(md), info->size);
		assert_int_equal(EVP_MD_get_block_size(md), info->block);
		assert_true(info->size <= CRYPTO_DIGEST_MAX);
		EVP_MD_free(md);
	}
	static const int none[] = {CRYPTO_NO_HASH, CRYPTO_HASHES, 1000, -1};
	for (size_t i = 0; i < COUNT(none); i++) {
		uint8_t out[CRYPTO_DIGEST_MAX];
		assert_null(crypto_hash_info((enum crypto_hash)none[i]));
		assert_int_equal(crypto_hash_size((enum crypto_hash)none[i]), 0);
		assert_false(crypto_digest((enum crypto_hash)none[i], BYTES_NONE, out));
		assert_null(crypto_digest_new((enum crypto_hash)none[i]));
	}
}

/* In pieces of every size around the block, with a copy taken in the middle that goes its own way. */
static void pieces_give_the_same_digest(void **state)
{
	(void)state;
	uint8_t in[400];
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)i;
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		enum crypto_hash hash = (enum crypto_hash)h;
		size_t size = crypto_hash_size(hash);
		uint8_t whole[CRYPTO_DIGEST_MAX], half[CRYPTO_DIGEST_MAX], got[CRYPTO_DIGEST_MAX];
		assert_true(crypto_digest(hash, BYTES_OF(in), whole));
		assert_true(crypto_digest(hash, BYTES(in, 200), half));
		for (size_t piece = 1; piece < sizeof in; piece += 13) {
			struct crypto_digest_ctx *d = crypto_digest_new(hash);
			assert_non_null(d);
			assert_int_equal(crypto_digest_hash(d), hash);
			struct cursor c = cursor_of(BYTES(in, 200));
			while (c.left > 0)
				assert_true(crypto_digest_update(d, cursor_take(&c, c.left < piece ? c.left : piece)));
			assert_true(crypto_digest_update(d, BYTES_NONE));
			struct crypto_digest_ctx *copy = crypto_digest_copy(d);
			assert_non_null(copy);
			assert_int_equal(crypto_digest_hash(copy), hash);
			assert_true(crypto_digest_update(d, BYTES(in + 200, 200)));
			assert_true(crypto_digest_final(d, got));
			assert_bytes_equal(BYTES(got, size), BYTES(whole, size));
			crypto_digest_free(d);
			assert_true(crypto_digest_final(copy, got));
			assert_bytes_equal(BYTES(got, size), BYTES(half, size));
			crypto_digest_free(copy);
		}
	}
	crypto_digest_free(NULL);
}

static void randomness_differs(void **state)
{
	(void)state;
	uint8_t a[32] = {0}, b[32] = {0}, guard[3] = {1, 2, 3};
	assert_true(crypto_random(a, sizeof a));
	assert_true(crypto_random(b, sizeof b));
	assert_false(bytes_equal(BYTES_OF(a), BYTES_OF(b)));
	assert_true(crypto_random(guard + 1, 0));
	assert_bytes_hex(BYTES_OF(guard), "010203");
	assert_true(crypto_random(NULL, 0));
}

/* ---- public keys ---- */

static void spki_is_what_openssl_writes(void **state)
{
	(void)state;
	for (int t = 0; t < CRYPTO_KEY_TYPES; t++) {
		uint8_t out[CRYPTO_SPKI_MAX];
		struct builder b = builder_of(out, sizeof out);
		assert_int_equal(pubs[t].type, t);
		assert_true(crypto_pubkey_to_spki(&pubs[t], &b));
		assert_bytes_equal(builder_bytes(&b), spkis[t]);
		assert_true(crypto_pubkey_equal(&pubs[t], &pubs[t]));
		assert_false(crypto_pubkey_equal(&pubs[t], &pubs[(t + 1) % CRYPTO_KEY_TYPES]));
		assert_int_equal(crypto_pubkey_bits(&pubs[t]), EVP_PKEY_get_bits(keys[t]));

		/* no room: refused, and nothing changed */
		b = builder_of(out, spkis[t].len - 1);
		assert_false(crypto_pubkey_to_spki(&pubs[t], &b));
		assert_int_equal(b.len, 0);
		assert_false(b.failed);
	}
}

static void spki_cut_or_prolonged_is_refused(void **state)
{
	(void)state;
	for (int t = 0; t < CRYPTO_KEY_TYPES; t++) {
		struct crypto_pubkey key;
		for (size_t cut = 0; cut < spkis[t].len; cut++) {
			struct bytes exact = test_copy(BYTES(spkis[t].data, cut));
			assert_false(crypto_pubkey_from_spki(exact, &key));
			test_drop(exact);
		}
		uint8_t longer[CRYPTO_SPKI_MAX] = {0};
		bytes_copy(longer, spkis[t]);
		assert_false(crypto_pubkey_from_spki(BYTES(longer, spkis[t].len + 1), &key));
	}
}

/* With any byte changed the key is either refused, or is another key whose SPKI is exactly these bytes. */
static void spki_has_one_spelling(void **state)
{
	(void)state;
	for (int t = 0; t < CRYPTO_KEY_TYPES; t++) {
		for (size_t i = 0; i < spkis[t].len * 8; i++) {
			uint8_t changed[CRYPTO_SPKI_MAX], again[CRYPTO_SPKI_MAX];
			struct builder b = builder_of(again, sizeof again);
			struct crypto_pubkey key;
			bytes_copy(changed, spkis[t]);
			changed[i / 8] ^= (uint8_t)(1 << i % 8);
			struct bytes exact = test_copy(BYTES(changed, spkis[t].len));
			if (crypto_pubkey_from_spki(exact, &key)) {
				assert_true(crypto_pubkey_to_spki(&key, &b));
				assert_bytes_equal(builder_bytes(&b), exact);
				assert_false(crypto_pubkey_equal(&key, &pubs[t]));
			}
			test_drop(exact);
		}
	}
}

#define RSA_ID  "30 0D 06 09 2A864886F70D010101 05 00"
#define P256_ID "30 13 06 07 2A8648CE3D0201 06 08 2A8648CE3D030107"

static void spki_is_read_strictly(void **state)
{
	(void)state;
	/* clang-format off */
	static const struct {
		const char *der;
		bool ok;
	} rows[] = {
		{"30 1B " RSA_ID " 03 0A 00 30 07 02 02 00C1 02 01 03", true},
		{"30 1B " RSA_ID " 03 0A 00 30 07 02 02 00C0 02 01 03", false}, /* even modulus */
		{"30 1B " RSA_ID " 03 0A 00 30 07 02 02 00C1 02 01 02", false}, /* even exponent */
		{"30 1B " RSA_ID " 03 0A 00 30 07 02 02 00C1 02 01 01", false}, /* exponent of one */
		{"30 1B " RSA_ID " 03 0A 00 30 07 02 02 0041 02 01 03", false}, /* not the shortest integer */
		{"30 1A " RSA_ID " 03 09 00 30 06 02 01 C1 02 01 03", false}, /* negative modulus */
		{"30 1A " RSA_ID " 03 09 00 30 06 02 01 41 02 01 83", false}, /* negative exponent */
		{"30 19 " RSA_ID " 03 08 00 30 05 02 01 41 02 00", false}, /* empty exponent */
		{"30 17 " RSA_ID " 03 06 00 30 03 02 01 41", false}, /* no exponent */
		{"30 1B " RSA_ID " 03 0A 01 30 07 02 02 00C1 02 01 03", false}, /* unused bits */
		{"30 1D " RSA_ID " 03 0C 00 30 09 02 02 00C1 02 01 03 05 00", false}, /* a third element */
		{"30 1D " RSA_ID " 03 0A 00 30 07 02 02 00C1 02 01 03 05 00", false},
		{"30 1D " RSA_ID " 03 0C 00 30 07 02 02 00C1 02 01 03 05 00", false},
		{"30 19 30 0B 06 09 2A864886F70D010101 03 0A 00 30 07 02 02 00C1 02 01 03", false}, /* no NULL */
		{"30 1C 30 0E 06 09 2A864886F70D010101 05 01 00 03 0A 00 30 07 02 02 00C1 02 01 03", false},
		{"30 1D 30 0F 06 09 2A864886F70D010101 05 00 05 00 03 0A 00 30 07 02 02 00C1 02 01 03", false},
		{"30 1B 30 0D 06 09 2A864886F70D010102 05 00 03 0A 00 30 07 02 02 00C1 02 01 03", false}, /* md2RSA */
		{"30 18 " P256_ID " 03 01 00",							  false}, /* no point */
		{"30 17 " P256_ID " 03 00",							     false},
		{"30 19 " P256_ID " 03 02 00 00",						       false}, /* point at infinity */
		{"30 0B 30 09 06 07 2A8648CE3D0201", false},
		{"",										    false},
	};
	/* clang-format on */
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes der = test_hex(rows[i].der);
		struct crypto_pubkey key;
		if (crypto_pubkey_from_spki(der, &key) != rows[i].ok)
			fail_msg("%s: %s", rows[i].ok ? "refused" : "accepted", rows[i].der);
		test_drop(der);
	}
}

static void a_compressed_point_is_refused(void **state)
{
	(void)state;
	struct bytes head = test_hex("30 39 " P256_ID " 03 22 00 02");
	uint8_t der[59] = {0};
	struct crypto_pubkey key;
	bytes_copy(der, head);
	assert_false(crypto_pubkey_from_spki(BYTES_OF(der), &key));
	test_drop(head);
}

static void a_malformed_key_is_not_written(void **state)
{
	(void)state;
	static const uint8_t n[] = {0xC1}, zero_n[] = {0x00, 0xC1}, even[] = {0xC0}, e[] = {3}, one[] = {1},
			     zero[] = {0}, big_e[33] = {[0] = 1, [32] = 1};
	static uint8_t huge[CRYPTO_RSA_BYTES_MAX + 1], point[65] = {4}, hybrid[65] = {6};
	huge[0] = huge[sizeof huge - 1] = 1;
	const struct crypto_pubkey rows[] = {
		{CRYPTO_RSA,       BYTES_OF(n),      BYTES_OF(e),     BYTES_NONE      }, /* good; all below are not */
		{CRYPTO_RSA,       BYTES_OF(zero_n), BYTES_OF(e),     BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(even),   BYTES_OF(e),     BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(n),      BYTES_OF(one),   BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(n),      BYTES_OF(zero),  BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(n),      BYTES_NONE,      BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_NONE,       BYTES_OF(e),     BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(n),      BYTES_OF(big_e), BYTES_NONE      },
		{CRYPTO_RSA,       BYTES_OF(huge),   BYTES_OF(e),     BYTES_NONE      },
		{CRYPTO_EC_P256,   BYTES_NONE,       BYTES_NONE,      BYTES_NONE      },
		{CRYPTO_EC_P256,   BYTES_NONE,       BYTES_NONE,      BYTES_OF(hybrid)},
		{CRYPTO_EC_P384,   BYTES_NONE,       BYTES_NONE,      BYTES_OF(point) },
		{CRYPTO_KEY_TYPES, BYTES_NONE,       BYTES_NONE,      BYTES_OF(point) },
	};
	uint8_t out[2 * CRYPTO_SPKI_MAX];
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct builder b = builder_of(out, sizeof out);
		assert_int_equal(crypto_pubkey_check(&rows[i]), i == 0);
		assert_int_equal(crypto_pubkey_to_spki(&rows[i], &b), i == 0);
	}
	/* the largest of all fits into CRYPTO_SPKI_MAX */
	huge[0] = 0xFF;
	huge[CRYPTO_RSA_BYTES_MAX - 1] = 1;
	uint8_t wide_e[CRYPTO_RSA_EXPONENT_MAX];
	memset(wide_e, 0xFF, sizeof wide_e);
	struct crypto_pubkey largest = {CRYPTO_RSA, BYTES(huge, CRYPTO_RSA_BYTES_MAX), BYTES_OF(wide_e), BYTES_NONE},
			     back;
	struct builder b = builder_of(out, CRYPTO_SPKI_MAX);
	assert_true(crypto_pubkey_to_spki(&largest, &b));
	assert_true(crypto_pubkey_from_spki(builder_bytes(&b), &back));
	assert_true(crypto_pubkey_equal(&largest, &back));
	assert_int_equal(crypto_pubkey_bits(&back), 8192);
}

static void counts_the_bits_of_a_modulus(void **state)
{
	(void)state;
	static const struct {
		const char *n;
		size_t bits;
	} rows[] = {
		{"",       0 },
		{"01",     1 },
		{"03",     2 },
		{"7F",     7 },
		{"80",     8 },
		{"FF",     8 },
		{"0100",   9 },
		{"8001",   16},
		{"010000", 17},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes n = test_hex(rows[i].n);
		struct crypto_pubkey key = {.type = CRYPTO_RSA, .modulus = n};
		assert_int_equal(crypto_pubkey_bits(&key), rows[i].bits);
		test_drop(n);
	}
}

/* The curves by their OIDs (RFC 5480 2.1.1.1), as CKA_EC_PARAMS has them. */
static void knows_the_curves(void **state)
{
	(void)state;
	static const struct {
		enum crypto_key_type type;
		const char *oid;
		size_t field;
	} rows[] = {
		{CRYPTO_RSA,       "",                     0 },
		{CRYPTO_EC_P256,   "06082A8648CE3D030107", 32},
		{CRYPTO_EC_P384,   "06052B81040022",       48},
		{CRYPTO_EC_P521,   "06052B81040023",       66},
		{CRYPTO_KEY_TYPES, "",                     0 },
	};
	enum crypto_key_type type;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_bytes_hex(crypto_curve_oid(rows[i].type), rows[i].oid);
		assert_int_equal(crypto_field_size(rows[i].type), rows[i].field);
		struct bytes oid = test_hex(rows[i].oid);
		assert_int_equal(crypto_curve_type(oid, &type), rows[i].field > 0);
		if (rows[i].field > 0)
			assert_int_equal(type, rows[i].type);
		test_drop(oid);
	}
	struct bytes secp256k1 = test_hex("06052B8104000A");
	assert_false(crypto_curve_type(secp256k1, &type));
	test_drop(secp256k1);
}

static void a_point_must_be_on_its_curve(void **state)
{
	(void)state;
	assert_false(crypto_point_valid(&pubs[CRYPTO_RSA]));
	for (int t = CRYPTO_RSA + 1; t < CRYPTO_KEY_TYPES; t++) {
		uint8_t point[CRYPTO_POINT_MAX];
		struct crypto_pubkey key = pubs[t];
		assert_true(crypto_point_valid(&key));
		bytes_copy(point, pubs[t].point);
		key.point.data = point;
		assert_true(crypto_point_valid(&key));
		for (size_t i = 0; i < key.point.len; i++) {
			point[i] ^= 0x01;
			assert_false(crypto_point_valid(&key));
			point[i] ^= 0x01;
		}
		memset(point + 1, 0xFF, key.point.len - 1); /* coordinates above the prime */
		assert_false(crypto_point_valid(&key));
		memset(point + 1, 0, key.point.len - 1);
		assert_false(crypto_point_valid(&key));
	}
	assert_int_equal(ERR_peek_error(), 0); /* nothing of ours stays in the program's queue */
}

/* ---- ECDSA-Sig-Value ---- */

static void converts_ecdsa_signatures(void **state)
{
	(void)state;
	static const struct {
		size_t field;
		const char *rs, *der;
	} rows[] = {
		{1, "01 01",     "30 06 02 01 01 02 01 01"      },
		{1, "7F 80",     "30 07 02 01 7F 02 02 0080"    },
		{1, "FF FF",     "30 08 02 02 00FF 02 02 00FF"  },
		{2, "0001 0080", "30 07 02 01 01 02 02 0080"    },
		{2, "0100 8000", "30 09 02 02 0100 02 03 008000"},
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes rs = test_hex(rows[i].rs), der = test_hex(rows[i].der);
		uint8_t out[64];
		struct builder b = builder_of(out, sizeof out);
		assert_true(crypto_ecdsa_to_der(rs, &b));
		assert_bytes_equal(builder_bytes(&b), der);
		b = builder_of(out, sizeof out);
		assert_true(crypto_ecdsa_from_der(der, rows[i].field, &b));
		assert_bytes_equal(builder_bytes(&b), rs);
		for (size_t cap = 0; cap < der.len; cap++) {
			b = builder_of(out, cap);
			assert_false(crypto_ecdsa_to_der(rs, &b));
			assert_false(b.failed);
			b = builder_of(out, cap);
			assert_int_equal(crypto_ecdsa_from_der(der, rows[i].field, &b), cap >= rs.len);
		}
		for (size_t cut = 0; cut < der.len; cut++) {
			struct bytes exact = test_copy(BYTES(der.data, cut));
			b = builder_of(out, sizeof out);
			assert_false(crypto_ecdsa_from_der(exact, rows[i].field, &b));
			assert_int_equal(b.len, 0);
			test_drop(exact);
		}
		test_drop(rs);
		test_drop(der);
	}
}

static void refuses_malformed_ecdsa_signatures(void **state)
{
	(void)state;
	static const char *const der[] = {
		"",
		"31 06 02 01 01 02 01 01",
		"30 06 02 01 01 02 01 01 00", /* a byte left over */
		"30 07 02 01 01 02 01 01 00",
		"30 08 02 01 01 02 01 01 05 00", /* a third element */
		"30 81 06 02 01 01 02 01 01",    /* not the shortest length */
		"30 06 02 01 00 02 01 01",       /* r = 0 */
		"30 06 02 01 01 02 01 00",       /* s = 0 */
		"30 05 02 00 02 01 01",          /* no r */
		"30 06 02 01 81 02 01 01",       /* negative */
		"30 07 02 02 0001 02 01 01",     /* not the shortest integer */
		"30 08 02 03 000080 02 01 01",
		"30 07 02 02 0100 02 01 01", /* longer than the field */
		"30 03 02 01 01",
	};
	uint8_t out[64], rs[2 * 67] = {0};
	for (size_t i = 0; i < COUNT(der); i++) {
		struct bytes in = test_hex(der[i]);
		struct builder b = builder_of(out, sizeof out);
		if (crypto_ecdsa_from_der(in, 1, &b))
			fail_msg("accepted: %s", der[i]);
		assert_int_equal(b.len, 0);
		test_drop(in);
	}
	struct bytes fine = test_hex("30 06 02 01 01 02 01 01");
	struct builder b = builder_of(out, sizeof out);
	assert_false(crypto_ecdsa_from_der(fine, 0, &b));
	assert_false(crypto_ecdsa_from_der(fine, 67, &b));
	test_drop(fine);
	assert_false(crypto_ecdsa_to_der(BYTES(rs, 64), &b)); /* zeros */
	rs[0] = rs[66] = 1;
	assert_false(crypto_ecdsa_to_der(BYTES(rs, 3), &b)); /* odd */
	assert_false(crypto_ecdsa_to_der(BYTES_NONE, &b));
	assert_false(crypto_ecdsa_to_der(BYTES_OF(rs), &b)); /* longer than P-521's */
}

/* ---- verification ---- */

static size_t sign(
	EVP_PKEY *key, enum crypto_hash hash, int padding, const char *mgf, int salt, struct bytes digest, uint8_t *out)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
	size_t n = 1024;
	EVP_MD *md = hash ? EVP_MD_fetch(NULL, crypto_hash_info(hash)->name, NULL) : NULL;
	assert_true(EVP_PKEY_sign_init(ctx) > 0);
	if (padding)
		assert_true(EVP_PKEY_CTX_set_rsa_padding(ctx, padding) > 0);
	if (md)
		assert_true(EVP_PKEY_CTX_set_signature_md(ctx, md) > 0);
	if (mgf) {
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md_name(ctx, mgf, NULL) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, salt) > 0);
	}
	assert_true(EVP_PKEY_sign(ctx, out, &n, digest.data, digest.len) > 0);
	EVP_MD_free(md);
	EVP_PKEY_CTX_free(ctx);
	return n;
}

/* Good as it is; bad with any byte of it, of the input, or with a byte more or less. */
static void check_verify(
	const struct crypto_pubkey *key, struct crypto_scheme s, struct bytes input, struct bytes signature)
{
	uint8_t changed[1100] = {0};

	assert_int_equal(crypto_verify(key, &s, input, signature), CRYPTO_GOOD);
	assert_true(signature.len < sizeof changed);
	bytes_copy(changed, signature);
	assert_int_equal(crypto_verify(key, &s, input, BYTES(changed, signature.len + 1)), CRYPTO_BAD);
	assert_int_equal(crypto_verify(key, &s, input, BYTES(changed, signature.len - 1)), CRYPTO_BAD);
	assert_int_equal(crypto_verify(key, &s, input, BYTES_NONE), CRYPTO_BAD);
	for (size_t i = 0; i < signature.len; i += 17) {
		changed[i] ^= 0x10;
		assert_int_equal(crypto_verify(key, &s, input, BYTES(changed, signature.len)), CRYPTO_BAD);
		changed[i] ^= 0x10;
	}
	memset(changed, 0, signature.len);
	assert_int_equal(crypto_verify(key, &s, input, BYTES(changed, signature.len)), CRYPTO_BAD);
	memset(changed, 0xFF, signature.len);
	assert_int_equal(crypto_verify(key, &s, input, BYTES(changed, signature.len)), CRYPTO_BAD);
	memset(changed, 0, sizeof changed);
	bytes_copy(changed, input);
	/* ECDSA looks at the leftmost bits only (FIPS 186-5 6.4.2): change the first byte */
	changed[0] ^= 0x01;
	assert_int_equal(crypto_verify(key, &s, BYTES(changed, input.len), signature), CRYPTO_BAD);
}

static void verifies_rsa_pkcs1(void **state)
{
	(void)state;
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		const struct crypto_hash_info *info = crypto_hash_info((enum crypto_hash)h);
		uint8_t digest[CRYPTO_DIGEST_MAX], sig[1024], t[128];
		assert_true(crypto_random(digest, info->size));
		size_t n =
			sign(keys[0], (enum crypto_hash)h, RSA_PKCS1_PADDING, NULL, 0, BYTES(digest, info->size), sig);
		struct crypto_scheme s = {.kind = CRYPTO_RSA_PKCS1, .hash = (enum crypto_hash)h};
		check_verify(&pubs[0], s, BYTES(digest, info->size), BYTES(sig, n));

		/* CKM_RSA_PKCS: the DigestInfo itself */
		struct builder b = builder_of(t, sizeof t);
		builder_put(&b, info->digest_info);
		builder_put(&b, BYTES(digest, info->size));
		s.hash = CRYPTO_NO_HASH;
		check_verify(&pubs[0], s, builder_bytes(&b), BYTES(sig, n));
		assert_int_equal(crypto_verify(&pubs[0], &s, BYTES(digest, info->size), BYTES(sig, n)), CRYPTO_BAD);
	}
}

static void verifies_rsa_pss(void **state)
{
	(void)state;
	for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
		const struct crypto_hash_info *info = crypto_hash_info((enum crypto_hash)h);
		enum crypto_hash mgf = (enum crypto_hash)(CRYPTO_HASHES - h); /* another one, mostly */
		uint8_t digest[CRYPTO_DIGEST_MAX], sig[1024];
		assert_true(crypto_random(digest, info->size));
		size_t n = sign(keys[0], (enum crypto_hash)h, RSA_PKCS1_PSS_PADDING, crypto_hash_info(mgf)->name, 20,
			BYTES(digest, info->size), sig);
		struct crypto_scheme s = {CRYPTO_RSA_PSS, (enum crypto_hash)h, mgf, 20};
		check_verify(&pubs[0], s, BYTES(digest, info->size), BYTES(sig, n));
		s.salt_len = 21;
		assert_int_equal(crypto_verify(&pubs[0], &s, BYTES(digest, info->size), BYTES(sig, n)), CRYPTO_BAD);
		s.salt_len = 19;
		assert_int_equal(crypto_verify(&pubs[0], &s, BYTES(digest, info->size), BYTES(sig, n)), CRYPTO_BAD);
		s.salt_len = SIZE_MAX;
		assert_int_equal(crypto_verify(&pubs[0], &s, BYTES(digest, info->size), BYTES(sig, n)), CRYPTO_BAD);
		s.salt_len = 20;
		s.mgf_hash = CRYPTO_NO_HASH;
		assert_int_equal(crypto_verify(&pubs[0], &s, BYTES(digest, info->size), BYTES(sig, n)), CRYPTO_ERROR);
	}
}

static void verifies_raw_rsa(void **state)
{
	(void)state;
	uint8_t block[256], sig[1024], out[256];
	assert_true(crypto_random(block, sizeof block));
	block[0] = 0;
	size_t n = sign(keys[0], CRYPTO_NO_HASH, RSA_NO_PADDING, NULL, 0, BYTES_OF(block), sig);
	struct crypto_scheme s = {.kind = CRYPTO_RSA_RAW};
	check_verify(&pubs[0], s, BYTES_OF(block), BYTES(sig, n));
	check_verify(&pubs[0], s, BYTES(block + 1, 255), BYTES(sig, n)); /* zeros in front */
	uint8_t too_long[257] = {0};
	assert_int_equal(crypto_verify(&pubs[0], &s, BYTES_OF(too_long), BYTES(sig, n)), CRYPTO_ERROR);

	assert_true(crypto_rsa_public(&pubs[0], BYTES(sig, n), out));
	assert_bytes_equal(BYTES_OF(out), BYTES_OF(block));
	assert_false(crypto_rsa_public(&pubs[0], pubs[0].modulus, out)); /* not below the modulus */
	assert_false(crypto_rsa_public(&pubs[0], BYTES(sig, n - 1), out));
	assert_false(crypto_rsa_public(&pubs[CRYPTO_EC_P256], BYTES(sig, n), out));
}

static void verifies_ecdsa(void **state)
{
	(void)state;
	for (int t = CRYPTO_RSA + 1; t < CRYPTO_KEY_TYPES; t++) {
		size_t field = crypto_field_size((enum crypto_key_type)t);
		for (int h = CRYPTO_NO_HASH + 1; h < CRYPTO_HASHES; h++) {
			size_t size = crypto_hash_size((enum crypto_hash)h);
			uint8_t digest[CRYPTO_DIGEST_MAX], der[1024], rs[2 * 66];
			assert_true(crypto_random(digest, size));
			size_t n = sign(keys[t], (enum crypto_hash)h, 0, NULL, 0, BYTES(digest, size), der);
			struct builder b = builder_of(rs, sizeof rs);
			assert_true(crypto_ecdsa_from_der(BYTES(der, n), field, &b));
			assert_int_equal(b.len, 2 * field);
			struct crypto_scheme s = {.kind = CRYPTO_ECDSA};
			check_verify(&pubs[t], s, BYTES(digest, size), builder_bytes(&b));
			assert_int_equal(crypto_verify(&pubs[t], &s, BYTES_NONE, builder_bytes(&b)), CRYPTO_ERROR);
			assert_int_equal(crypto_verify(&pubs[t], &s, BYTES(digest, size), BYTES(der, n)), CRYPTO_BAD);
			/* another key's point, and a point off the curve */
			struct crypto_pubkey other = pubs[t];
			uint8_t point[CRYPTO_POINT_MAX];
			bytes_copy(point, other.point);
			other.point.data = point;
			point[other.point.len - 1] ^= 1;
			assert_int_equal(
				crypto_verify(&other, &s, BYTES(digest, size), builder_bytes(&b)), CRYPTO_ERROR);
		}
	}
	assert_int_equal(ERR_peek_error(), 0);
}

/* A scheme that doesn't fit the key, or a digest that doesn't fit the hash, is an error, not a bad signature. */
static void a_scheme_must_fit(void **state)
{
	(void)state;
	const uint8_t digest[32] = {1}, sig[256] = {1};
	const struct {
		enum crypto_key_type type;
		struct crypto_scheme s;
		size_t len;
	} rows[] = {
		{CRYPTO_RSA,     {.kind = CRYPTO_ECDSA},                              32},
		{CRYPTO_EC_P256, {.kind = CRYPTO_RSA_RAW},                            32},
		{CRYPTO_EC_P256, {.kind = CRYPTO_RSA_PKCS1, .hash = CRYPTO_SHA256},   32},
		{CRYPTO_RSA,     {.kind = CRYPTO_RSA_PKCS1, .hash = CRYPTO_SHA256},   31},
		{CRYPTO_RSA,     {.kind = CRYPTO_RSA_PKCS1, .hash = CRYPTO_HASHES},   32},
		{CRYPTO_RSA,     {CRYPTO_RSA_PSS, CRYPTO_SHA256, CRYPTO_SHA256, 32},  31},
		{CRYPTO_RSA,     {CRYPTO_RSA_PSS, CRYPTO_NO_HASH, CRYPTO_SHA256, 32}, 32},
		{CRYPTO_RSA,     {.kind = (enum crypto_scheme_kind)99},               32},
	};
	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(
			crypto_verify(&pubs[rows[i].type], &rows[i].s, BYTES(digest, rows[i].len), BYTES_OF(sig)),
			CRYPTO_ERROR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_the_published_examples),
		cmocka_unit_test(knows_each_hash),
		cmocka_unit_test(pieces_give_the_same_digest),
		cmocka_unit_test(randomness_differs),
		cmocka_unit_test(spki_is_what_openssl_writes),
		cmocka_unit_test(spki_cut_or_prolonged_is_refused),
		cmocka_unit_test(spki_has_one_spelling),
		cmocka_unit_test(spki_is_read_strictly),
		cmocka_unit_test(a_compressed_point_is_refused),
		cmocka_unit_test(a_malformed_key_is_not_written),
		cmocka_unit_test(counts_the_bits_of_a_modulus),
		cmocka_unit_test(knows_the_curves),
		cmocka_unit_test(a_point_must_be_on_its_curve),
		cmocka_unit_test(converts_ecdsa_signatures),
		cmocka_unit_test(refuses_malformed_ecdsa_signatures),
		cmocka_unit_test(verifies_rsa_pkcs1),
		cmocka_unit_test(verifies_rsa_pss),
		cmocka_unit_test(verifies_raw_rsa),
		cmocka_unit_test(verifies_ecdsa),
		cmocka_unit_test(a_scheme_must_fit),
	};
	return cmocka_run_group_tests_name("crypto", tests, make_keys, drop_keys);
}
