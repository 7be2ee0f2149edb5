/* SPDX-License-Identifier: Apache-2.0 */
/* The EST body: base64 (RFC 8951 3.1), PKCS#10 (RFC 2986), key quality, proof of possession. */
#include "tests/unit/ra_help.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>

#include "ra/request.h"

static struct text body;

static enum ra_status parse(const struct text *text)
{
	struct ra_request *request = NULL;
	enum ra_status status = ra_request_parse(text_bytes(text), &request);

	assert_int_equal(status == RA_OK, request != NULL);
	ra_request_free(request);
	assert_int_equal(ERR_peek_error(), 0);
	return status;
}

static void base64_reads_what_it_writes(void **state)
{
	uint8_t in[200], text[400], out[200];

	(void)state;
	for (size_t i = 0; i < sizeof in; i++)
		in[i] = (uint8_t)(i * 7);
	for (size_t n = 0; n <= sizeof in; n++) {
		struct builder b = builder_of(text, BASE64_ENCODED_MAX(n)), back = builder_of(out, sizeof out);
		assert_true(base64_encode(BYTES(in, n), &b));
		assert_true(base64_decode(builder_bytes(&b), &back));
		assert_true(bytes_equal(builder_bytes(&back), BYTES(in, n)));
	}
}

static void base64_is_strict(void **state)
{
	static const char *const bad[] = {
		"A", "AA", "AAA", "AA=", "AAA==", "AAAA=", "=AAA", "AA==AA==", "AB==", "AAB=", "A-__", "AAAA!", "AA=A"};
	static const char *const good[] = {"", "AA==", "A A\r\n=\t=\n", "AAA=", "AAAA", "\nAAAA\n"};
	uint8_t out[16];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct builder b = builder_of(out, sizeof out);
		assert_false(base64_decode(BYTES((const uint8_t *)bad[i], strlen(bad[i])), &b));
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct builder b = builder_of(out, sizeof out);
		assert_true(base64_decode(BYTES((const uint8_t *)good[i], strlen(good[i])), &b));
	}
}

static void encode_request(X509_REQ *req, struct text *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509_REQ(req, &der);

	assert_true(len > 0);
	struct builder b = builder_of(out->data, sizeof out->data);
	assert_true(base64_encode(BYTES(der, (size_t)len), &b));
	out->len = b.len;
	OPENSSL_free(der);
}

static void good_keys_are_read(void **state)
{
	static const struct {
		const char *type, *curve;
		size_t bits;
		struct ra_key key;
	} rows[] = {
		{"EC",  "P-256", 0,    {RA_KEY_EC, 256, NID_X9_62_prime256v1}},
		{"EC",  "P-384", 0,    {RA_KEY_EC, 384, NID_secp384r1}       },
		{"EC",  "P-521", 0,    {RA_KEY_EC, 521, NID_secp521r1}       },
		{"RSA", NULL,    2048, {RA_KEY_RSA, 2048, NID_undef}         },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		EVP_PKEY *key = make_key(rows[i].type, rows[i].curve, rows[i].bits);
		struct ra_request *request = NULL;
		make_request(&(struct request_plan){.key = key, .subject = "CN=a"}, &body);
		assert_int_equal(ra_request_parse(text_bytes(&body), &request), RA_OK);
		assert_memory_equal(&request->key, &rows[i].key, sizeof request->key);
		assert_null(request->san);
		ra_request_free(request);
		EVP_PKEY_free(key);
	}
}

static void line_breaks_do_not_matter(void **state)
{
	static struct text lines;
	EVP_PKEY *key = make_key("EC", "P-256", 0);

	(void)state;
	make_request(&(struct request_plan){.key = key, .email = "a@b.c"}, &body);
	assert_int_equal(parse(&body), RA_OK);
	lines.len = 0;
	for (size_t i = 0; i < body.len; i++) {
		lines.data[lines.len++] = body.data[i];
		if (i % 64 == 63) {
			lines.data[lines.len++] = '\r';
			lines.data[lines.len++] = '\n';
		}
	}
	assert_true(lines.len > body.len);
	assert_int_equal(parse(&lines), RA_OK);
	EVP_PKEY_free(key);
}

static void garbage_is_refused(void **state)
{
	static const struct {
		const char *text;
		enum ra_status expected;
	} rows[] = {
		{"",				    RA_BAD_REQUEST},
		{"AAAA",				RA_BAD_REQUEST},
		{"hello world",                         RA_BAD_BASE64 },
		{"-----BEGIN CERTIFICATE REQUEST-----", RA_BAD_BASE64 },
		{"MAA=",				RA_BAD_REQUEST},
		{"MIIBBzCBrQIBADAAMFkw",                RA_BAD_REQUEST},
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		body.len = strlen(rows[i].text);
		memcpy(body.data, rows[i].text, body.len);
		assert_int_equal(parse(&body), rows[i].expected);
	}
	memset(body.data, 'A', sizeof body.data);
	body.len = RA_BODY_MAX + 1;
	assert_int_equal(parse(&body), RA_TOO_LARGE);
}

static void every_cut_is_refused(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);
	uint8_t der[1024];
	struct builder b = builder_of(der, sizeof der);

	(void)state;
	make_request(&(struct request_plan){.key = key, .subject = "CN=a", .email = "a@b.c"}, &body);
	assert_true(base64_decode(text_bytes(&body), &b));
	for (size_t n = 0; n < b.len; n++) {
		struct builder text = builder_of(body.data, sizeof body.data);
		assert_true(base64_encode(BYTES(der, n), &text));
		body.len = text.len;
		assert_int_equal(parse(&body), RA_BAD_REQUEST);
	}
	EVP_PKEY_free(key);
}

/* A key that no honest generator makes; the request is signed by another, because the key is looked at first. */
static EVP_PKEY *rsa_with_exponent(unsigned long exponent)
{
	EVP_PKEY *good = make_key("RSA", NULL, 2048), *bad = NULL;
	BIGNUM *n = NULL, *e = BN_new();
	OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);

	assert_int_equal(EVP_PKEY_get_bn_param(good, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	BN_set_word(e, exponent);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
	OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &bad, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(good);
	BN_free(n);
	BN_free(e);
	return bad;
}

static void weak_and_foreign_keys_are_refused(void **state)
{
	EVP_PKEY *signer = make_key("EC", "P-256", 0);
	const struct {
		EVP_PKEY *key;
		enum ra_status expected;
	} rows[] = {
		{make_key("RSA", NULL,                1024), RA_WEAK_KEY},
		{make_key("RSA",   NULL,                      2040), RA_WEAK_KEY},
		{make_key("EC",        "secp256k1", 0), RA_KEY_TYPE},
		{make_key("EC",              "P-224",                     0), RA_KEY_TYPE},
		{make_key("ED25519",            NULL,                    0), RA_KEY_TYPE},
		{rsa_with_exponent(1),  RA_WEAK_KEY},
		{rsa_with_exponent(65536),   RA_WEAK_KEY                     },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		make_request(&(struct request_plan){.key = rows[i].key, .signer = signer}, &body);
		assert_int_equal(parse(&body), rows[i].expected);
		EVP_PKEY_free(rows[i].key);
	}
	EVP_PKEY_free(signer);
}

static void explicit_curve_parameters_are_refused(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0);

	(void)state;
	assert_int_equal(
		EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING, OSSL_PKEY_EC_ENCODING_EXPLICIT), 1);
	make_request(&(struct request_plan){.key = key}, &body);
	assert_int_equal(parse(&body), RA_KEY_TYPE);
	EVP_PKEY_free(key);
}

static void possession_is_proved(void **state)
{
	EVP_PKEY *key = make_key("EC", "P-256", 0), *other = make_key("EC", "P-256", 0),
		 *rsa = make_key("RSA", NULL, 2048);

	(void)state;
	make_request(&(struct request_plan){.key = key, .signer = other}, &body);
	assert_int_equal(parse(&body), RA_BAD_POP);
	make_request(&(struct request_plan){.key = key, .signer = rsa}, &body);
	assert_int_equal(parse(&body), RA_BAD_POP);
	make_request(&(struct request_plan){.key = key, .spoil = 1}, &body);
	assert_int_equal(parse(&body), RA_BAD_POP);
	make_request(&(struct request_plan){.key = rsa, .spoil = 100}, &body);
	assert_int_equal(parse(&body), RA_BAD_POP);
	make_request(&(struct request_plan){.key = key, .digest = EVP_sha1()}, &body);
	assert_int_equal(parse(&body), RA_WEAK_DIGEST);
	make_request(&(struct request_plan){.key = key, .trailing = 1}, &body);
	assert_int_equal(parse(&body), RA_BAD_REQUEST);
	EVP_PKEY_free(key);
	EVP_PKEY_free(other);
	EVP_PKEY_free(rsa);
}

/* RSASSA-PSS carries its digest in its parameters, not in its object identifier. */
static void pss_is_as_good_as_its_digest(void **state)
{
	static const struct {
		const char *digest, *mask;
		enum ra_status expected;
	} rows[] = {
		{"SHA256", "SHA256", RA_OK         },
		{"SHA512", "SHA512", RA_OK         },
		{"SHA1",   "SHA1",   RA_WEAK_DIGEST},
		{"SHA1",   "SHA256", RA_WEAK_DIGEST},
	};
	EVP_PKEY *key = make_key("RSA", NULL, 2048);

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509_REQ *req = X509_REQ_new();
		EVP_MD_CTX *ctx = EVP_MD_CTX_new();
		EVP_PKEY_CTX *params = NULL;
		assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
		assert_int_equal(EVP_DigestSignInit(ctx, &params, EVP_get_digestbyname(rows[i].digest), NULL, key), 1);
		assert_true(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) > 0);
		assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(params, EVP_get_digestbyname(rows[i].mask)) > 0);
		assert_true(X509_REQ_sign_ctx(req, ctx) > 0);
		encode_request(req, &body);
		assert_int_equal(parse(&body), rows[i].expected);
		EVP_MD_CTX_free(ctx);
		X509_REQ_free(req);
	}
	EVP_PKEY_free(key);
}

/* A key is known again by its digest, however the request wrote it and as the certificate will: some clients leave out
 * the NULL of rsaEncryption's parameters. */
static void a_key_has_one_digest(void **state)
{
	EVP_PKEY *key = make_key("RSA", NULL, 2048);
	X509_PUBKEY *canonical = NULL;
	X509_REQ *req = X509_REQ_new();
	struct ra_request *request = NULL;
	unsigned char *der = NULL;
	uint8_t digest[RA_SPKI_DIGEST];

	(void)state;
	assert_int_equal(X509_PUBKEY_set(&canonical, key), 1);
	assert_true(ra_spki_digest(canonical, digest));
	assert_int_equal(X509_REQ_set_pubkey(req, key), 1);
	int len = i2d_PublicKey(key, &der);
	assert_int_equal(X509_PUBKEY_set0_param(X509_REQ_get_X509_PUBKEY(req), OBJ_nid2obj(NID_rsaEncryption),
				 V_ASN1_UNDEF, NULL, der, len),
		1);
	assert_true(X509_REQ_sign(req, key, EVP_sha256()) > 0);
	encode_request(req, &body);
	assert_int_equal(ra_request_parse(text_bytes(&body), &request), RA_OK);
	assert_memory_equal(request->spki_sha256, digest, sizeof digest);
	ra_request_free(request);
	X509_REQ_free(req);
	X509_PUBKEY_free(canonical);
	EVP_PKEY_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64_reads_what_it_writes),
		cmocka_unit_test(base64_is_strict),
		cmocka_unit_test(good_keys_are_read),
		cmocka_unit_test(line_breaks_do_not_matter),
		cmocka_unit_test(garbage_is_refused),
		cmocka_unit_test(every_cut_is_refused),
		cmocka_unit_test(weak_and_foreign_keys_are_refused),
		cmocka_unit_test(explicit_curve_parameters_are_refused),
		cmocka_unit_test(possession_is_proved),
		cmocka_unit_test(pss_is_as_good_as_its_digest),
		cmocka_unit_test(a_key_has_one_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
