/* SPDX-License-Identifier: Apache-2.0 */
/* tools/token_provider.c: OpenSSL's own functions over a "token" that is a software key behind struct token_signer. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/cms.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tools/token_provider.h"

static EVP_PKEY *soft;  /* the key "on the token" */
static EVP_PKEY *token; /* the same through the provider */
static X509 *certificate;
static struct token_signer signer;
static unsigned calls;
static enum ukey_status refuse; /* what the token answers, once it is not OK */

static const EVP_MD *md_of(enum ukey_hash hash)
{
	return hash == UKEY_SHA1     ? EVP_sha1()
	       : hash == UKEY_SHA384 ? EVP_sha384()
	       : hash == UKEY_SHA512 ? EVP_sha512()
				     : EVP_sha256();
}

static enum ukey_status soft_sign(
	void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(soft, NULL);
	uint8_t der[160];
	size_t der_len = sizeof(der);

	assert_ptr_equal(arg, &calls);
	calls++;
	if (refuse != UKEY_OK) {
		EVP_PKEY_CTX_free(ctx);
		return refuse;
	}
	assert_int_equal(EVP_PKEY_sign_init(ctx), 1);
	if (scheme->padding == UKEY_ECDSA) {
		struct builder b = builder_of(out, *len);
		size_t field = ((size_t)EVP_PKEY_get_bits(soft) + 7) / 8;
		assert_int_equal(EVP_PKEY_sign(ctx, der, &der_len, in, in_len), 1);
		assert_true(crypto_ecdsa_from_der(BYTES(der, der_len), field, &b));
		*len = b.len;
	} else {
		int padding = scheme->padding == UKEY_PSS ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING;
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
		if (scheme->hash != UKEY_HASH_NONE)
			assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, md_of(scheme->hash)), 1);
		if (scheme->padding == UKEY_PSS) {
			assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)scheme->salt_len), 1);
			assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(scheme->mgf)), 1);
		}
		assert_int_equal(EVP_PKEY_sign(ctx, out, len, in, in_len), 1);
	}
	EVP_PKEY_CTX_free(ctx);
	return UKEY_OK;
}

static enum ukey_status soft_decrypt(
	void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(soft, NULL);
	enum ukey_status s = UKEY_OK;

	(void)arg;
	calls++;
	if (refuse == UKEY_OK) {
		assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(
					 ctx, scheme->padding == UKEY_OAEP ? RSA_PKCS1_OAEP_PADDING : RSA_NO_PADDING),
			1);
		if (scheme->padding == UKEY_OAEP) {
			assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(scheme->hash)), 1);
			assert_int_equal(EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(scheme->mgf)), 1);
		}
		if (EVP_PKEY_decrypt(ctx, out, len, in, in_len) != 1)
			s = UKEY_DECRYPT_FAILED;
	} else {
		s = refuse;
	}
	EVP_PKEY_CTX_free(ctx);
	return s;
}

static enum ukey_status soft_derive(void *arg, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len)
{
	EVP_PKEY *other = EVP_PKEY_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(soft, NULL);

	(void)arg;
	calls++;
	assert_int_equal(EVP_PKEY_copy_parameters(other, soft), 1);
	assert_int_equal(EVP_PKEY_set1_encoded_public_key(other, peer, peer_len), 1);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, other), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, out, len), 1);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(other);
	return UKEY_OK;
}

static X509 *self_signed(EVP_PKEY *key)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, name);
	X509_gmtime_adj(X509_getm_notBefore(cert), -60);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

static void set_up(EVP_PKEY *key)
{
	struct crypto_pubkey pub;
	unsigned char *spki = NULL;
	int len;

	assert_true(token_provider_load());
	soft = key;
	len = i2d_PUBKEY(soft, &spki);
	assert_true(len > 0 && crypto_pubkey_from_spki(BYTES(spki, (size_t)len), &pub));
	signer = (struct token_signer){soft_sign, soft_decrypt, soft_derive, &calls, UKEY_OK};
	calls = 0;
	refuse = UKEY_OK;
	token = token_key_new(&pub, &signer);
	assert_non_null(token);
	OPENSSL_free(spki);
	certificate = self_signed(soft);
}

/* The same two for all tests: under valgrind it takes up to minutes to make one. */
static EVP_PKEY *rsa_keys[2];

static EVP_PKEY *rsa_key(int which)
{
	if (!rsa_keys[which])
		rsa_keys[which] = EVP_RSA_gen(2048);
	assert_non_null(rsa_keys[which]);
	EVP_PKEY_up_ref(rsa_keys[which]);
	return rsa_keys[which];
}

static int rsa_setup(void **state)
{
	(void)state;
	assert_true(token_provider_load());
	set_up(rsa_key(0));
	return 0;
}

static int ec_setup(void **state)
{
	assert_true(token_provider_load());
	set_up(EVP_EC_gen(*state != NULL ? *state : "P-256"));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	X509_free(certificate);
	EVP_PKEY_free(token);
	EVP_PKEY_free(soft);
	return 0;
}

static void signs_by(const EVP_MD *md, int padding)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *pctx = NULL;
	uint8_t signature[512];
	size_t len = sizeof(signature);

	assert_int_equal(EVP_DigestSignInit(ctx, &pctx, md, NULL, token), 1);
	if (padding != 0) {
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, padding), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST), 1);
	}
	assert_int_equal(EVP_DigestSignUpdate(ctx, "in two ", 7), 1);
	assert_int_equal(EVP_DigestSignUpdate(ctx, "parts", 5), 1);
	assert_int_equal(EVP_DigestSignFinal(ctx, signature, &len), 1);
	EVP_MD_CTX_free(ctx);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, &pctx, md, NULL, soft), 1);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(pctx, padding), 1);
	assert_int_equal(EVP_DigestVerify(ctx, signature, len, (const uint8_t *)"in two parts", 12), 1);
	EVP_MD_CTX_free(ctx);
	assert_int_equal(calls, 1);
	calls = 0;
}

static void rsa_signs(void **state)
{
	(void)state;
	signs_by(EVP_sha256(), 0);
	signs_by(EVP_sha512(), 0);
	signs_by(EVP_sha256(), RSA_PKCS1_PSS_PADDING);
	signs_by(EVP_sha384(), RSA_PKCS1_PSS_PADDING);
}

static void ec_signs(void **state)
{
	(void)state;
	signs_by(EVP_sha256(), 0);
	signs_by(EVP_sha384(), 0);
}

/* The key is an ordinary one for OpenSSL: sizes, names, equality with the public key of a certificate. */
static void looks_like_a_key(void **state)
{
	bool rsa = EVP_PKEY_is_a(soft, "RSA");
	(void)state;

	assert_int_equal(EVP_PKEY_get_bits(token), EVP_PKEY_get_bits(soft));
	assert_int_equal(EVP_PKEY_get_id(token), EVP_PKEY_get_id(soft));
	assert_true(EVP_PKEY_is_a(token, rsa ? "RSA" : "EC"));
	assert_int_equal(EVP_PKEY_eq(token, soft), 1);
	assert_int_equal(EVP_PKEY_eq(soft, token), 1);
	assert_int_equal(X509_check_private_key(certificate, token), 1);
	EVP_PKEY *other = rsa ? rsa_key(1) : EVP_EC_gen("P-256");
	assert_int_not_equal(EVP_PKEY_eq(token, other), 1);
	EVP_PKEY_free(other);
}

/* Nobody gets more than the public half out, and OpenSSL's own keys do not land in our provider. */
static void stays_apart(void **state)
{
	BIO *bio = BIO_new(BIO_s_mem());
	EVP_KEYMGMT *first = EVP_KEYMGMT_fetch(NULL, EVP_PKEY_is_a(soft, "RSA") ? "RSA" : "EC", NULL);
	(void)state;

	assert_int_not_equal(i2d_PrivateKey_bio(bio, token), 1);
	BIO_free(bio);
	assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(first)), "default");
	EVP_KEYMGMT_free(first);
	ERR_clear_error();
}

static void signs_a_request(void **state)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *inside;
	unsigned char *der = NULL;
	const unsigned char *at;
	int der_len;
	(void)state;

	assert_int_equal(X509_REQ_set_pubkey(req, token), 1);
	assert_true(X509_REQ_sign(req, token, EVP_sha256()) > 0);
	/* as a stranger reads it: the request itself still holds the token's key */
	der_len = i2d_X509_REQ(req, &der);
	X509_REQ_free(req);
	at = der;
	req = d2i_X509_REQ(NULL, &at, der_len);
	OPENSSL_free(der);
	inside = X509_REQ_get0_pubkey(req);
	assert_int_equal(X509_REQ_verify(req, inside), 1);
	assert_int_equal(EVP_PKEY_eq(inside, soft), 1);
	X509_REQ_free(req);
}

static void cms_signs(int padding)
{
	BIO *content = BIO_new_mem_buf("content", 7);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, content, CMS_DETACHED | CMS_PARTIAL | CMS_BINARY);
	CMS_SignerInfo *si = CMS_add1_signer(cms, certificate, token, EVP_sha256(),
		CMS_BINARY | CMS_DETACHED | CMS_PARTIAL | (padding != 0 ? CMS_KEY_PARAM : 0));
	X509_STORE *store = X509_STORE_new();
	unsigned char *der = NULL;
	const unsigned char *at;
	int der_len;

	assert_non_null(si);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(si), padding), 1);
	assert_int_equal(CMS_final(cms, content, NULL, CMS_DETACHED | CMS_BINARY), 1);
	BIO_free(content);
	der_len = i2d_CMS_ContentInfo(cms, &der);
	CMS_ContentInfo_free(cms);
	at = der;
	cms = d2i_CMS_ContentInfo(NULL, &at, der_len);
	OPENSSL_free(der);
	content = BIO_new_mem_buf("content", 7);
	X509_STORE_add_cert(store, certificate);
	assert_int_equal(CMS_verify(cms, NULL, store, content, NULL, CMS_BINARY), 1);
	BIO_free(content);
	content = BIO_new_mem_buf("Content", 7);
	assert_int_not_equal(CMS_verify(cms, NULL, store, content, NULL, CMS_BINARY), 1);
	BIO_free(content);
	X509_STORE_free(store);
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
}

static void rsa_signs_cms(void **state)
{
	(void)state;
	cms_signs(0);
	cms_signs(RSA_PKCS1_PSS_PADDING);
}

static void ec_signs_cms(void **state)
{
	(void)state;
	cms_signs(0);
}

static void cms_decrypts(int padding)
{
	STACK_OF(X509) *to = sk_X509_new_null();
	BIO *in = BIO_new_mem_buf("secret content", 14), *out = BIO_new(BIO_s_mem());
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_cbc(), CMS_PARTIAL | CMS_BINARY);
	CMS_RecipientInfo *ri = CMS_add1_recipient_cert(cms, certificate, padding != 0 ? CMS_KEY_PARAM : 0);
	char *data;

	assert_non_null(ri);
	if (padding != 0)
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(CMS_RecipientInfo_get0_pkey_ctx(ri), padding), 1);
	assert_int_equal(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	assert_int_equal(CMS_decrypt(cms, token, certificate, NULL, out, 0), 1);
	assert_int_equal(BIO_get_mem_data(out, &data), 14);
	assert_memory_equal(data, "secret content", 14);
	assert_true(calls > 0);
	BIO_free(in);
	BIO_free(out);
	CMS_ContentInfo_free(cms);
	sk_X509_free(to);
}

static void rsa_decrypts_cms(void **state)
{
	(void)state;
	cms_decrypts(0);
	cms_decrypts(RSA_PKCS1_OAEP_PADDING);
}

static void ec_decrypts_cms(void **state)
{
	(void)state;
	cms_decrypts(0);
}

/* What a block is before the private operation. Any block would do, but one of thousands has a good padding by chance.
 */
static void without_padding(uint8_t last, uint8_t block[256])
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(soft, NULL);
	uint8_t bad[256];
	size_t len = sizeof(bad);

	memset(bad, 0x11, sizeof(bad));
	bad[255] = last;
	assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
	assert_int_equal(EVP_PKEY_encrypt(ctx, block, &len, bad, sizeof(bad)), 1);
	EVP_PKEY_CTX_free(ctx);
}

/* Bleichenbacher: a block with bad padding is no error and always the same message for the same block. */
static void rejects_implicitly(void **state)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(token, NULL);
	uint8_t block[256], first[256], second[256];
	size_t len = sizeof(first), again = sizeof(second);
	(void)state;

	without_padding(0x11, block);
	assert_int_equal(EVP_PKEY_decrypt_init(ctx), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, first, &len, block, sizeof(block)), 1);
	assert_int_equal(EVP_PKEY_decrypt(ctx, second, &again, block, sizeof(block)), 1);
	assert_int_equal(len, 32);
	assert_int_equal(again, 32);
	assert_memory_equal(first, second, 32);
	without_padding(0x12, block);
	len = sizeof(first);
	assert_int_equal(EVP_PKEY_decrypt(ctx, first, &len, block, sizeof(block)), 1);
	assert_memory_not_equal(first, second, 32);
	EVP_PKEY_CTX_free(ctx);
}

static void derives_plainly(void **state)
{
	EVP_PKEY *peer = EVP_EC_gen("P-256");
	EVP_PKEY_CTX *ours = EVP_PKEY_CTX_new(token, NULL), *theirs = EVP_PKEY_CTX_new(peer, NULL);
	uint8_t a[66], b[66];
	size_t a_len = sizeof(a), b_len = sizeof(b);
	(void)state;

	assert_int_equal(EVP_PKEY_derive_init(ours), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ours, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ours, a, &a_len), 1);
	assert_int_equal(EVP_PKEY_derive_init(theirs), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(theirs, soft), 1);
	assert_int_equal(EVP_PKEY_derive(theirs, b, &b_len), 1);
	assert_int_equal(a_len, 32);
	assert_int_equal(b_len, 32);
	assert_memory_equal(a, b, 32);
	EVP_PKEY_CTX_free(ours);
	EVP_PKEY_CTX_free(theirs);
	EVP_PKEY_free(peer);
}

/* What the token said is not lost in OpenSSL's error queue. */
static void keeps_the_tokens_failure(void **state)
{
	X509_REQ *req = X509_REQ_new();
	(void)state;

	refuse = UKEY_TOKEN_REMOVED;
	X509_REQ_set_pubkey(req, token);
	assert_int_equal(X509_REQ_sign(req, token, EVP_sha256()), 0);
	assert_int_equal(signer.failed, UKEY_TOKEN_REMOVED);
	X509_REQ_free(req);
	ERR_clear_error();
}

static void hand_over(SSL *from, SSL *to)
{
	char data[16384];
	int n;

	while ((n = BIO_read(SSL_get_wbio(from), data, sizeof(data))) > 0)
		BIO_write(SSL_get_rbio(to), data, n);
}

/* EST re-enrolment: the token's key as TLS client key, TLS 1.2 and 1.3. */
static void tls_client(void **state)
{
	static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
	(void)state;

	for (size_t i = 0; i < 2; i++) {
		SSL_CTX *client = SSL_CTX_new(TLS_client_method()), *server = SSL_CTX_new(TLS_server_method());
		SSL *c, *s;
		SSL_CTX_set_max_proto_version(client, versions[i]);
		assert_int_equal(SSL_CTX_use_certificate(client, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(client, token), 1);
		assert_int_equal(SSL_CTX_use_certificate(server, certificate), 1);
		assert_int_equal(SSL_CTX_use_PrivateKey(server, soft), 1);
		X509_STORE_add_cert(SSL_CTX_get_cert_store(server), certificate);
		SSL_CTX_set_verify(server, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
		c = SSL_new(client);
		s = SSL_new(server);
		SSL_set_bio(c, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_bio(s, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
		SSL_set_connect_state(c);
		SSL_set_accept_state(s);
		calls = 0;
		for (int round = 0; round < 6; round++) {
			SSL_do_handshake(c);
			hand_over(c, s);
			SSL_do_handshake(s);
			hand_over(s, c);
		}
		assert_true(SSL_is_init_finished(c) && SSL_is_init_finished(s));
		assert_int_equal(SSL_get_verify_result(s), X509_V_OK);
		assert_int_equal(calls, 1);
		SSL_free(c);
		SSL_free(s);
		SSL_CTX_free(client);
		SSL_CTX_free(server);
	}
	ERR_clear_error();
}

#define RSA_TEST(f) cmocka_unit_test_setup_teardown(f, rsa_setup, tear_down)
#define EC_TEST(f)  cmocka_unit_test_setup_teardown(f, ec_setup, tear_down)
#define P521_TEST(f)                                                                                                   \
	{                                                                                                              \
#f " on P-521", f, ec_setup, tear_down, (void *)"P-521"                                                \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RSA_TEST(rsa_signs),
		EC_TEST(ec_signs),
		P521_TEST(ec_signs),
		RSA_TEST(looks_like_a_key),
		EC_TEST(looks_like_a_key),
		RSA_TEST(stays_apart),
		EC_TEST(stays_apart),
		RSA_TEST(signs_a_request),
		EC_TEST(signs_a_request),
		P521_TEST(signs_a_request),
		RSA_TEST(rsa_signs_cms),
		EC_TEST(ec_signs_cms),
		RSA_TEST(rsa_decrypts_cms),
		EC_TEST(ec_decrypts_cms),
		P521_TEST(ec_decrypts_cms),
		RSA_TEST(rejects_implicitly),
		EC_TEST(derives_plainly),
		RSA_TEST(keeps_the_tokens_failure),
		EC_TEST(keeps_the_tokens_failure),
		RSA_TEST(tls_client),
		EC_TEST(tls_client),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	for (int i = 0; i < 2; i++)
		EVP_PKEY_free(rsa_keys[i]);
	token_provider_unload();
	return failed;
}
