/* SPDX-License-Identifier: Apache-2.0 */
/* ukey_attestation_verify: a true statement, and each lie that it must see through (doc/token-protocol.md 8). */
#include "config.h"

#include "driver/ukey.h"
#include "tests/unit/attest_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/param_build.h>

static struct authority root, issuer, token, stranger_root, device_ca, device, other_token;
static EVP_PKEY *subject;
static char roots_path[] = "/tmp/ukey-roots.XXXXXX", other_path[] = "/tmp/ukey-roots.XXXXXX";

static void write_root(char *path, const struct authority *a)
{
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");

	assert_non_null(f);
	assert_int_equal(PEM_write_X509(f, a->cert), 1);
	assert_int_equal(fclose(f), 0);
}

static int setup(void **state)
{
	(void)state;
	root = attest_authority("Maker", NULL, "critical,CA:TRUE", "critical,keyCertSign", NULL);
	stranger_root = attest_authority("Maker", NULL, "critical,CA:TRUE", "critical,keyCertSign", NULL);
	issuer = attest_authority(
		"Maker Attestation CA", NULL, "critical,CA:TRUE,pathlen:1", "critical,keyCertSign", &root);
	device_ca =
		attest_authority("Maker Device CA", NULL, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", &root);
	token = attest_authority(
		"Attestation", ATTEST_SERIAL, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", &issuer);
	other_token = attest_authority(
		"Attestation", "0102030405060709", "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", &issuer);
	device = attest_authority("Device", ATTEST_SERIAL, NULL, "critical,keyAgreement", &device_ca);
	subject = EVP_EC_gen("P-256");
	write_root(roots_path, &root);
	write_root(other_path, &stranger_root);
	return subject ? 0 : -1;
}

static int teardown(void **state)
{
	struct authority *const all[] = {&root, &issuer, &token, &stranger_root, &device_ca, &device, &other_token};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		attest_authority_free(all[i]);
	EVP_PKEY_free(subject);
	unlink(roots_path);
	unlink(other_path);
	return 0;
}

struct question {
	const char *roots;
	const struct authority *above, *signer; /* the chain: above, signer */
	const EVP_PKEY *spki;
	const uint8_t *nonce;
	size_t nonce_len;
	bool cut, glued; /* a byte less, a byte more behind the statement */
	bool chain_byte; /* and behind the chain */
};

static struct question ask(void)
{
	return (struct question){.roots = roots_path, .above = &issuer, .signer = &token};
}

static enum ukey_status put(const struct question *q, const struct claim *c, struct ukey_attestation *out)
{
	uint8_t chain[8192];
	struct builder b = builder_of(chain, sizeof chain);
	unsigned char *spki = NULL;
	size_t len;
	uint8_t *statement = attest_statement(c, subject, q->signer, &len);
	int spki_len = q->spki ? i2d_PUBKEY(q->spki, &spki) : 0;

	attest_put(&b, q->above->cert);
	attest_put(&b, q->signer->cert);
	if (q->chain_byte)
		builder_u8(&b, 0);
	if (q->glued) {
		statement = realloc(statement, len + 1);
		assert_non_null(statement);
		statement[len++] = 0;
	}
	enum ukey_status s = ukey_attestation_verify(
		q->roots, chain, b.len, statement, len - q->cut, spki, (size_t)spki_len, q->nonce, q->nonce_len, out);
	OPENSSL_free(spki);
	free(statement);
	return s;
}

static void refused(const struct question *q, const struct claim *c, const char *why)
{
	struct ukey_attestation out;
	enum ukey_status s;

	memset(&out, 0xA5, sizeof out);
	s = put(q, c, &out);
	if (s != UKEY_ATTEST_INVALID || !strstr(ukey_attestation_problem(), why))
		fail_msg("%s, \"%s\"; wanted \"%s\"", ukey_status_name(s), ukey_attestation_problem(), why);
	assert_int_equal(((uint8_t *)&out)[0], 0xA5); /* filled only when it is true */
}

static void a_true_statement(void **state)
{
	struct question q = ask();
	struct claim c = attest_claim();
	struct ukey_attestation a;
	unsigned char *spki = NULL, digest[32];

	(void)state;
	assert_int_equal(put(&q, &c, &a), UKEY_OK);
	assert_string_equal(ukey_attestation_problem(), "");
	assert_string_equal(a.serial, ATTEST_SERIAL);
	assert_memory_equal(a.firmware, c.firmware, 3);
	assert_int_equal(a.ref, 0x0A);
	assert_int_equal(a.algorithm, UKEY_P256);
	assert_true(a.generated && !a.exportable && !a.always_authenticate && !a.touch);
	assert_int_equal(a.usage, UKEY_USE_SIGN);
	assert_int_equal(a.nonce_len, 16);
	assert_memory_equal(a.nonce, c.nonce, 16);
	int n = i2d_PUBKEY(subject, &spki);
	assert_true(EVP_Digest(spki, (size_t)n, digest, NULL, EVP_sha256(), NULL));
	assert_memory_equal(a.spki_sha256, digest, 32);
	OPENSSL_free(spki);
	/* asked for exactly this key and nonce; with the policies the other way */
	q.spki = subject;
	q.nonce = c.nonce;
	q.nonce_len = 16;
	c.pin_policy = c.touch_policy = 1;
	c.usage = 7;
	assert_int_equal(put(&q, &c, &a), UKEY_OK);
	assert_true(a.always_authenticate && a.touch);
	assert_int_equal(a.usage, 7);
}

/* Nobody signs with it, so its modulus need not be one: real ones take minutes to make under valgrind. */
static EVP_PKEY *rsa_public(unsigned bits)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
	BIGNUM *n = BN_new(), *e = BN_new();
	EVP_PKEY *key = NULL;

	for (unsigned i = 0; i < bits; i += 3)
		assert_int_equal(BN_set_bit(n, (int)i), 1);
	assert_true(BN_set_bit(n, (int)bits - 1) && BN_set_word(e, 65537));
	assert_true(OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, n) &&
		    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, e));
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(build);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params), 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	BN_free(n);
	BN_free(e);
	return key;
}

static void every_kind_of_key(void **state)
{
	static const struct {
		const char *curve;
		unsigned bits, algorithm;
	} kinds[] = {
		{NULL,    2048, UKEY_RSA_2048},
		{NULL,    3072, UKEY_RSA_3072},
		{"P-384", 0,    UKEY_P384    },
		{"P-521", 0,    UKEY_P521    },
	};
	EVP_PKEY *before = subject;

	(void)state;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		struct claim c = attest_claim();
		struct question q = ask();
		struct ukey_attestation a;
		subject = kinds[i].curve ? EVP_EC_gen(kinds[i].curve) : rsa_public(kinds[i].bits);
		c.algorithm = kinds[i].algorithm;
		assert_int_equal(put(&q, &c, &a), UKEY_OK);
		assert_int_equal(a.algorithm, kinds[i].algorithm);
		c.algorithm = UKEY_P256;
		refused(&q, &c, "not of the kind");
		EVP_PKEY_free(subject);
	}
	subject = before;
}

static void each_wrong_field(void **state)
{
	struct question q = ask();
	struct claim c;

	(void)state;
#define WRONG(field, value, why)                                                                                       \
	do {                                                                                                           \
		c = attest_claim();                                                                                    \
		c.field = (value);                                                                                     \
		refused(&q, &c, why);                                                                                  \
	} while (0)
	WRONG(version, 2, "malformed");
	WRONG(version, 0, "malformed");
	WRONG(serial[7], 9, "another token");
	WRONG(ref, 0x0B, "subject");
	WRONG(ref, 0x40, "malformed");
	WRONG(algorithm, 0x14, "not of the kind");
	WRONG(algorithm, 0xE0, "not of the kind");
	WRONG(algorithm, 0x1011, "malformed");
	WRONG(imported, true, "not made on the token");
	WRONG(exported, true, "can leave");
	WRONG(usage, 0, "malformed");
	WRONG(usage, 8, "malformed");
	WRONG(pin_policy, 2, "malformed");
	WRONG(touch_policy, 2, "malformed");
	WRONG(nonce_len, 7, "malformed");
	WRONG(nonce_len, 33, "malformed");
	WRONG(byte_behind, true, "malformed");
	WRONG(critical, true, "malformed");
	WRONG(second_extension, true, "malformed");
	WRONG(without_extension, true, "form");
	WRONG(subject, "key 0B of " ATTEST_SERIAL, "subject");
	WRONG(subject, "key 0a of " ATTEST_SERIAL, "subject");
	WRONG(subject, "key 0A of " ATTEST_SERIAL " ", "subject");
	WRONG(not_before, "20000102000000Z", "times");
	WRONG(not_after, "20991231235959Z", "times");
	WRONG(hash, EVP_sha384(), "form");
#undef WRONG
}

static void bytes_too_few_or_too_many(void **state)
{
	struct claim c = attest_claim();
	struct question q = ask();

	(void)state;
	q.cut = true;
	refused(&q, &c, "form");
	q = ask();
	q.glued = true;
	refused(&q, &c, "form");
	q = ask();
	q.chain_byte = true;
	refused(&q, &c, "");
}

static void another_question(void **state)
{
	struct claim c = attest_claim();
	struct question q = ask();
	EVP_PKEY *other = EVP_EC_gen("P-256");

	(void)state;
	q.spki = other;
	refused(&q, &c, "another key");
	EVP_PKEY_free(other);
	q = ask();
	q.nonce = c.nonce;
	q.nonce_len = 15;
	refused(&q, &c, "nonce");
	q.nonce_len = 17;
	refused(&q, &c, "nonce");
	q.nonce = (const uint8_t *)"0123456789abcdef";
	q.nonce_len = 16;
	refused(&q, &c, "nonce");
	q.nonce_len = 0; /* a nonce of no bytes is asked for, not any */
	refused(&q, &c, "nonce");
}

static void another_maker(void **state)
{
	struct claim c = attest_claim();
	struct question q = ask();
	struct ukey_attestation a;

	(void)state;
	q.roots = other_path;
	refused(&q, &c, "");
	q.roots = "/nonexistent/roots";
	assert_int_equal(put(&q, &c, &a), UKEY_NO_ROOTS);
	assert_non_null(strstr(ukey_attestation_problem(), "/nonexistent/roots"));
}

static void another_signer(void **state)
{
	struct claim c = attest_claim();
	struct question q = ask();

	(void)state;
	/* the attestation key of another token, about a key that it says is this one's */
	q.signer = &other_token;
	refused(&q, &c, "another token");
	/* the device key, whose certificate is no CA */
	q = ask();
	q.above = &device_ca;
	q.signer = &device;
	refused(&q, &c, "");
	/* the CA of device keys itself */
	q.above = &root;
	q.signer = &device_ca;
	refused(&q, &c, "");
	/* an attestation certificate by the CA of device keys */
	struct authority sneaky = attest_authority(
		"Attestation", ATTEST_SERIAL, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", &device_ca);
	q.above = &device_ca;
	q.signer = &sneaky;
	refused(&q, &c, "");
	attest_authority_free(&sneaky);
	/* a CA that is not bound to length 0: it could certify further CAs */
	sneaky = attest_authority("Attestation", ATTEST_SERIAL, "critical,CA:TRUE", "critical,keyCertSign", &issuer);
	q.above = &issuer;
	q.signer = &sneaky;
	refused(&q, &c, "");
	attest_authority_free(&sneaky);
	/* the right names, another key: the signature tells */
	sneaky = attest_authority(
		"Attestation", ATTEST_SERIAL, "critical,CA:TRUE,pathlen:0", "critical,keyCertSign", &issuer);
	EVP_PKEY *right = sneaky.key;
	sneaky.key = EVP_EC_gen("P-256");
	q.signer = &sneaky;
	refused(&q, &c, "signature");
	EVP_PKEY_free(right);
	attest_authority_free(&sneaky);
}

/* Any one bit of the signed part. */
static void a_changed_bit(void **state)
{
	struct claim c = attest_claim();
	uint8_t chain[8192];
	struct builder b = builder_of(chain, sizeof chain);
	struct ukey_attestation a;
	size_t len;
	uint8_t *statement = attest_statement(&c, subject, &token, &len);

	(void)state;
	attest_put(&b, issuer.cert);
	attest_put(&b, token.cert);
	for (size_t i = 0; i < len; i++) {
		statement[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(
			ukey_attestation_verify(roots_path, chain, b.len, statement, len, NULL, 0, NULL, 0, &a),
			UKEY_ATTEST_INVALID);
		statement[i] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(
		ukey_attestation_verify(roots_path, chain, b.len, statement, len, NULL, 0, NULL, 0, &a), UKEY_OK);
	free(statement);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_true_statement),
		cmocka_unit_test(every_kind_of_key),
		cmocka_unit_test(each_wrong_field),
		cmocka_unit_test(bytes_too_few_or_too_many),
		cmocka_unit_test(another_question),
		cmocka_unit_test(another_maker),
		cmocka_unit_test(another_signer),
		cmocka_unit_test(a_changed_bit),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
