/* SPDX-License-Identifier: Apache-2.0 */
/* driver/trust.c: the chain that doc/token-protocol.md 6.1 describes, and every way in which one is another. */
#include "config.h"

#include "driver/trust.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <openssl/conf.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#define SERIAL "00554B4559000001"
#define POLICY "critical,1.2.840.114283.100.0.10.2.1.10"
#define FROM   "20200101000000Z"
#define END    "99991231235959Z"

struct certificate {
	EVP_PKEY *key;
	X509 *x;
};

struct how {
	const char *cn, *serial, *constraints, *usage, *policy, *extra, *from, *until;
	const char *kind; /* of the key: "P-256", "P-384", "RSA" */
	const EVP_MD *hash;
};

static char folder[] = "/tmp/ukey-trust.XXXXXX", roots_path[64];
static struct certificate root, device_ca, attestation_ca, device, attestation, stranger;
static struct trust_roots *roots;

static void extend(X509 *x, int nid, const char *value)
{
	CONF *conf = NCONF_new(NULL);
	X509V3_CTX ctx;

	if (!value) {
		NCONF_free(conf);
		return;
	}
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509V3_set_nconf(&ctx, conf);
	X509_EXTENSION *e = nid ? X509V3_EXT_conf_nid(NULL, &ctx, nid, value)
				: X509V3_EXT_conf(NULL, &ctx, "1.3.6.1.4.1.99999.1", value);
	assert_non_null(e);
	assert_true(X509_add_ext(x, e, -1));
	X509_EXTENSION_free(e);
	NCONF_free(conf);
}

static EVP_PKEY *make_key(const char *kind)
{
	if (kind && strcmp(kind, "RSA") == 0)
		return EVP_RSA_gen(2048);
	return EVP_EC_gen(kind ? kind : "P-256");
}

static struct certificate issue(const struct how *h, const struct certificate *issuer)
{
	static long number = 100;
	struct certificate c = {.key = make_key(h->kind), .x = X509_new()};
	X509_NAME *name = X509_NAME_new();

	assert_non_null(c.key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)h->cn, -1, -1, 0);
	if (h->serial)
		X509_NAME_add_entry_by_txt(name, "serialNumber", MBSTRING_ASC, (const uint8_t *)h->serial, -1, -1, 0);
	X509_set_version(c.x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(c.x), number++);
	X509_set_subject_name(c.x, name);
	X509_set_issuer_name(c.x, issuer ? X509_get_subject_name(issuer->x) : name);
	ASN1_TIME_set_string_X509(X509_getm_notBefore(c.x), h->from ? h->from : FROM);
	ASN1_TIME_set_string_X509(X509_getm_notAfter(c.x), h->until ? h->until : END);
	X509_set_pubkey(c.x, c.key);
	extend(c.x, NID_basic_constraints, h->constraints);
	extend(c.x, NID_key_usage, h->usage);
	extend(c.x, NID_certificate_policies, h->policy);
	extend(c.x, NID_undef, h->extra);
	assert_true(X509_sign(c.x, issuer ? issuer->key : c.key, h->hash ? h->hash : EVP_sha256()) > 0);
	X509_NAME_free(name);
	return c;
}

static void drop(struct certificate *c)
{
	EVP_PKEY_free(c->key);
	X509_free(c->x);
}

static const struct how is_root = {
	.cn = "Root", .constraints = "critical,CA:TRUE", .usage = "critical,keyCertSign,cRLSign"};
static const struct how is_ca = {
	.cn = "Device CA", .constraints = "critical,CA:TRUE,pathlen:0", .usage = "critical,keyCertSign"};
static const struct how is_attestation_ca = {
	.cn = "Attestation CA", .constraints = "critical,CA:TRUE,pathlen:1", .usage = "critical,keyCertSign"};
static const struct how is_device = {
	.cn = "Device", .serial = SERIAL, .usage = "critical,keyAgreement", .policy = POLICY};
static const struct how is_attestation = {.cn = "Attestation",
	.serial = SERIAL,
	.constraints = "critical,CA:TRUE,pathlen:0",
	.usage = "critical,keyCertSign"};

static int make_all(void **state)
{
	(void)state;
	root = issue(&is_root, NULL);
	stranger = issue(&is_root, NULL);
	device_ca = issue(&is_ca, &root);
	attestation_ca = issue(&is_attestation_ca, &root);
	device = issue(&is_device, &device_ca);
	attestation = issue(&is_attestation, &attestation_ca);
	assert_non_null(mkdtemp(folder));
	snprintf(roots_path, sizeof roots_path, "%s/root.pem", folder);
	FILE *f = fopen(roots_path, "w");
	assert_int_equal(PEM_write_X509(f, root.x), 1);
	fclose(f);
	assert_int_equal(trust_open_path(roots_path, &roots), UKEY_OK);
	return 0;
}

static int drop_all(void **state)
{
	(void)state;
	trust_close(roots);
	unlink(roots_path);
	rmdir(folder);
	drop(&root);
	drop(&stranger);
	drop(&device_ca);
	drop(&attestation_ca);
	drop(&device);
	drop(&attestation);
	return 0;
}

/* ---- the chain --------------------------------------------------------------------------------------------------- */

static enum ukey_status check(enum trust_kind kind, const char *serial, struct trust_leaf *leaf, size_t extra, size_t n,
	const struct certificate *const *list)
{
	struct trust_leaf other;
	size_t len = 0, room = extra;

	for (size_t i = 0; i < n; i++)
		room += (size_t)i2d_X509(list[i]->x, NULL);
	uint8_t *der = malloc(room);
	assert_non_null(der);
	for (size_t i = 0; i < n; i++) {
		int more = i2d_X509(list[i]->x, NULL);
		uint8_t *at = der + len;
		i2d_X509(list[i]->x, &at);
		len += (size_t)more;
	}
	if (extra > 0)
		memset(der + len, 0, extra);
	enum ukey_status status = trust_check(roots, kind, BYTES(der, len + extra), serial, leaf ? leaf : &other);
	free(der);
	return status;
}

#define CHAIN(...)    ((const struct certificate *const[]){__VA_ARGS__})
#define CHECK(n, ...) check(TRUST_DEVICE, SERIAL, NULL, 0, n, CHAIN(__VA_ARGS__))

static void refused(enum ukey_status status, const char *because)
{
	if (status != UKEY_NOT_GENUINE || !strstr(trust_problem(), because))
		fail_msg("%s: \"%s\" instead of \"%s\"", ukey_status_name(status), trust_problem(), because);
}

static void a_device_chain_is_taken(void **state)
{
	struct trust_leaf leaf;
	size_t n = 0;
	uint8_t point[65];

	(void)state;
	assert_int_equal(check(TRUST_DEVICE, SERIAL, &leaf, 0, 2, CHAIN(&device_ca, &device)), UKEY_OK);
	assert_string_equal(leaf.serial, SERIAL);
	EVP_PKEY_get_octet_string_param(device.key, "pub", point, sizeof point, &n);
	assert_memory_equal(leaf.point, point, sizeof point);
	assert_int_equal(check(TRUST_DEVICE, NULL, &leaf, 0, 2, CHAIN(&device_ca, &device)), UKEY_OK);
	/* With the root, for makers who cannot leave it out. */
	assert_int_equal(CHECK(3, &root, &device_ca, &device), UKEY_OK);
	assert_int_equal(check(TRUST_ATTESTATION, SERIAL, &leaf, 0, 2, CHAIN(&attestation_ca, &attestation)), UKEY_OK);
	assert_int_equal(check(TRUST_ATTESTATION, NULL, &leaf, 0, 2, CHAIN(&attestation_ca, &attestation)), UKEY_OK);
}

static void the_order_and_every_byte_count(void **state)
{
	struct trust_leaf leaf;

	(void)state;
	refused(CHECK(2, &device, &device_ca), "the leaf is a CA");
	refused(CHECK(3, &device_ca, &root, &device), "not in order");
	refused(CHECK(1, &device), "lead to no root");
	refused(CHECK(3, &device_ca, &device_ca, &device), "not in order");
	refused(CHECK(3, &attestation_ca, &device_ca, &device), "not in order");
	refused(CHECK(4, &root, &attestation_ca, &device_ca, &device), "do not belong");
	refused(CHECK(6, &device_ca, &device_ca, &device_ca, &device_ca, &device_ca, &device), "malformed");
	refused(check(TRUST_DEVICE, SERIAL, NULL, 1, 2, CHAIN(&device_ca, &device)), "malformed");
	refused(trust_check(roots, TRUST_DEVICE, BYTES_NONE, SERIAL, &leaf), "malformed");
	refused(trust_check(roots, TRUST_DEVICE, BYTES((const uint8_t *)"\x30\x03\x02\x01\x01", 5), SERIAL, &leaf),
		"malformed");
}

/* A leaf that is right but for one thing. */
static void leaf_refused(struct how h, const char *because)
{
	struct certificate leaf = issue(&h, &device_ca);

	refused(CHECK(2, &device_ca, &leaf), because);
	drop(&leaf);
}

static void the_leaf_is_a_device_keys(void **state)
{
	struct how h;

	(void)state;
	refused(check(TRUST_DEVICE, "00554B4559000002", NULL, 0, 2, CHAIN(&device_ca, &device)), "serial number");
	h = is_device, h.constraints = "critical,CA:TRUE";
	leaf_refused(h, "the leaf is a CA");
	h = is_device, h.usage = NULL;
	leaf_refused(h, "key usage");
	h = is_device, h.usage = "keyAgreement";
	leaf_refused(h, "not critical");
	h = is_device, h.usage = "critical,keyAgreement,digitalSignature";
	leaf_refused(h, "key agreement alone");
	h = is_device, h.policy = NULL;
	leaf_refused(h, "policy");
	h = is_device, h.policy = "1.2.840.114283.100.0.10.2.1.10";
	leaf_refused(h, "policy");
	h = is_device, h.policy = "critical,1.2.840.114283.100.0.10.2.1.0";
	leaf_refused(h, "policy");
	h = is_device, h.kind = "RSA";
	leaf_refused(h, "P-256");
	h = is_device, h.kind = "P-384";
	leaf_refused(h, "P-256");
	h = is_device, h.serial = NULL;
	leaf_refused(h, "no serial number");
	h = is_device, h.serial = "554B4559000001";
	leaf_refused(h, "no serial number");
	h = is_device, h.until = "20210101000000Z";
	leaf_refused(h, "has an end");
	h = is_device, h.until = "20990101000000Z";
	leaf_refused(h, "has an end");
	h = is_device, h.hash = EVP_sha1();
	leaf_refused(h, "");
	h = is_device, h.extra = "critical,ASN1:NULL";
	leaf_refused(h, "unhandled critical");
}

/* A CA that is right but for one thing. */
static void issuer_refused(struct how h, const struct certificate *above, const char *because)
{
	struct certificate ca = issue(&h, above), leaf = issue(&is_device, &ca);

	refused(CHECK(2, &ca, &leaf), because);
	drop(&leaf);
	drop(&ca);
}

static void the_issuers_are_a_makers(void **state)
{
	struct certificate self = issue(&is_device, NULL), direct = issue(&is_device, &root);
	struct certificate from_attestation = issue(&is_device, &attestation_ca);
	struct certificate from_token = issue(&is_device, &attestation);
	struct how h;

	(void)state;
	issuer_refused(is_ca, &stranger, "");
	h = is_ca, h.constraints = NULL;
	issuer_refused(h, &root, "");
	h = is_ca, h.constraints = "critical,CA:FALSE";
	issuer_refused(h, &root, "");
	h = is_ca, h.usage = "critical,digitalSignature";
	issuer_refused(h, &root, "");
	h = is_ca, h.usage = NULL;
	issuer_refused(h, &root, "may not sign");
	h = is_ca, h.constraints = "critical,CA:TRUE,pathlen:1";
	issuer_refused(h, &root, "path length 0");
	h = is_ca, h.constraints = "critical,CA:TRUE";
	issuer_refused(h, &root, "path length 0");
	h = is_ca, h.until = "20190101000000Z", h.from = "20180101000000Z";
	issuer_refused(h, &root, "past its end");
	h = is_ca, h.serial = SERIAL;
	issuer_refused(h, &root, "itself a token's");
	/* Below a CA of path length 0. */
	h = is_ca, h.cn = "Below";
	struct certificate below = issue(&h, &device_ca), leaf = issue(&is_device, &below);
	refused(CHECK(3, &device_ca, &below, &leaf), "path length");
	refused(CHECK(1, &self), "");
	refused(CHECK(1, &direct), "path length 0");
	/* What attestation issues vouches for no device. */
	refused(CHECK(2, &attestation_ca, &from_attestation), "path length 0");
	refused(CHECK(3, &attestation_ca, &attestation, &from_token), "itself a token's");
	refused(CHECK(2, &attestation_ca, &attestation), "CA");
	refused(check(TRUST_ATTESTATION, SERIAL, NULL, 0, 2, CHAIN(&device_ca, &device)), "");
	drop(&below);
	drop(&leaf);
	drop(&self);
	drop(&direct);
	drop(&from_attestation);
	drop(&from_token);
}

/* Whatever the clock says: neither a long ended CA nor one of the far future locks a holder out. */
static void no_clock_locks_out(void **state)
{
	struct how h = is_ca, l = is_device;
	struct certificate ca, leaf;

	(void)state;
	h.until = "20210101000000Z";
	ca = issue(&h, &root);
	leaf = issue(&is_device, &ca);
	assert_int_equal(CHECK(2, &ca, &leaf), UKEY_OK);
	drop(&leaf);
	l.from = "20210101000001Z";
	leaf = issue(&l, &ca);
	refused(CHECK(2, &ca, &leaf), "past its end");
	drop(&leaf);
	drop(&ca);
	h.from = l.from = "20900101000000Z", h.until = "20910101000000Z";
	ca = issue(&h, &root);
	leaf = issue(&l, &ca);
	assert_int_equal(CHECK(2, &ca, &leaf), UKEY_OK);
	drop(&leaf);
	drop(&ca);
}

/* Any bit of it. */
static void a_changed_chain_is_no_chain(void **state)
{
	uint8_t *der = NULL, *at;
	struct trust_leaf leaf;
	int a = i2d_X509(device_ca.x, NULL), b = i2d_X509(device.x, NULL);

	(void)state;
	at = der = malloc((size_t)(a + b));
	i2d_X509(device_ca.x, &at);
	i2d_X509(device.x, &at);
	for (size_t i = 0; i < (size_t)(a + b); i++) {
		der[i] ^= (uint8_t)(1u << i % 8);
		assert_int_equal(
			trust_check(roots, TRUST_DEVICE, BYTES(der, (size_t)(a + b)), SERIAL, &leaf), UKEY_NOT_GENUINE);
		der[i] ^= (uint8_t)(1u << i % 8);
	}
	assert_int_equal(trust_check(roots, TRUST_DEVICE, BYTES(der, (size_t)(a + b)), SERIAL, &leaf), UKEY_OK);
	free(der);
}

/* ---- roots ------------------------------------------------------------------------------------------------------- */

static void write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void roots_come_from_files_and_folders(void **state)
{
	char other[96], fifo[96];
	struct settings s = {.roots_count = 2};
	struct trust_roots *r;

	(void)state;
	assert_int_equal(trust_open_path("/nonexistent/roots", &r), UKEY_NO_ROOTS);
	assert_non_null(strstr(trust_problem(), "/nonexistent/roots: "));
	snprintf(other, sizeof other, "%s/readme.txt", folder);
	write_text(other, "not one");
	assert_int_equal(trust_open_path(other, &r), UKEY_NO_ROOTS);
	assert_non_null(strstr(trust_problem(), "no certificate in PEM"));
	/* A folder: what is not named so is left alone, a FIFO hangs nobody. */
	snprintf(fifo, sizeof fifo, "%s/a.pem", folder);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(trust_open_path(folder, &r), UKEY_OK);
	trust_close(r);
	unlink(fifo);
	/* One bad place among the configured ones does not take the others away. */
	snprintf(s.roots[0], sizeof s.roots[0], "%s", other);
	snprintf(s.roots[1], sizeof s.roots[1], "%s", roots_path);
	assert_int_equal(trust_open(&s, &r), UKEY_OK);
	trust_close(r);
	s.roots_count = 1;
	assert_int_equal(trust_open(&s, &r), UKEY_NO_ROOTS);
	unlink(other);
	snprintf(s.roots[0], sizeof s.roots[0], "%s/empty", folder);
	mkdir(s.roots[0], 0700);
	assert_int_equal(trust_open(&s, &r), UKEY_NO_ROOTS);
	assert_non_null(strstr(trust_problem(), "no root certificates"));
	rmdir(s.roots[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_chain_is_taken),
		cmocka_unit_test(the_order_and_every_byte_count),
		cmocka_unit_test(the_leaf_is_a_device_keys),
		cmocka_unit_test(the_issuers_are_a_makers),
		cmocka_unit_test(no_clock_locks_out),
		cmocka_unit_test(a_changed_chain_is_no_chain),
		cmocka_unit_test(roots_come_from_files_and_folders),
	};
	return cmocka_run_group_tests(tests, make_all, drop_all);
}
