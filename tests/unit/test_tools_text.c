/* SPDX-License-Identifier: Apache-2.0 */
/* tools/: names, distinguished names, display width, cleaning, EST parsing, addresses, enrolment ids, token specs. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <locale.h>
#include <openssl/cms.h>
#include <openssl/pkcs7.h>
#include <openssl/x509v3.h>

#include "tools/cms.h"
#include "tools/enroll_state.h"
#include "tools/enroll_trust.h"
#include "tools/est.h"
#include "tools/names.h"
#include "tools/pick_token.h"
#include "tools/token_session.h"
#include "tools/ui.h"

static struct tool tool;

static int fresh(void **state)
{
	(void)state;
	json_decref(tool.result);
	memset(&tool, 0, sizeof(tool));
	tool.result = json_object();
	return 0;
}

/* ---- names ---- */

static void key_references(void **state)
{
	static const char *const bad[] = {
		"", "0", "0/", "/s", "32/s", "100/s", "0/y", "0/ss", "-1/s", "0x/s", " 0/s", "0000/s"};
	ukey_key_ref ref = 0xFF;
	char text[NAME_REF_SIZE];
	(void)state;

	assert_true(name_parse_ref("0/s", &ref) && ref == 0);
	assert_true(name_parse_ref("31/x", &ref) && ref == 63);
	assert_true(name_parse_ref("5/exchange", &ref) && ref == 11);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(name_parse_ref(bad[i], &ref));
	for (unsigned r = 0; r < 64; r++) {
		ukey_key_ref back;
		name_key_ref((ukey_key_ref)r, text);
		assert_true(name_parse_ref(text, &back));
		assert_int_equal(back, r);
	}
}

static void usages(void **state)
{
	unsigned usage;
	char text[32];
	(void)state;

	assert_true(name_parse_usage("sign,decrypt", &usage));
	assert_int_equal(usage, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	assert_true(name_parse_usage("derive", &usage));
	assert_false(name_parse_usage("", &usage));
	assert_false(name_parse_usage("sign,", &usage));
	assert_false(name_parse_usage("signs", &usage));
	name_usage(7, text);
	assert_string_equal(text, "sign,decrypt,derive");
	name_usage_text(7, text, sizeof(text));
	assert_string_equal(text, "sign,decrypt,derive");
	name_usage_text(7, text, 7);
	assert_string_equal(text, "sign,d");
}

static void algorithms(void **state)
{
	(void)state;
	assert_int_equal(name_algorithm_option("p256")->algorithm, UKEY_P256);
	assert_int_equal(name_algorithm_option("RSA-4096")->algorithm, UKEY_RSA_4096);
	assert_null(name_algorithm_option("rsa1024"));
}

static void subject_is(const char *in, const char *out)
{
	const char *why = "";
	X509_NAME *name = name_parse_subject(in, &why);
	char *text;

	if (name == NULL)
		fail_msg("%s: %s", in, why);
	text = name_text(name);
	assert_string_equal(text, out);
	free(text);
	X509_NAME_free(name);
}

/* RFC 4514: the text begins with the most specific part, the encoding ends with it; slashes keep the order. */
static void subjects(void **state)
{
	static const char *const bad[] = {"", ",", "CN", "CN=", "=x", "CN=a,", "CN=a,,O=b", "XYZ=a", "CN=a\\",
		"C=China", "CN=a\\00b", "/", "/CN=a/", "CN=a+"};
	(void)state;

	subject_is("CN=Zhang San,O=Unit,C=CN", "CN=Zhang San,O=Unit,C=CN");
	subject_is("/C=CN/O=Unit/CN=Zhang San", "CN=Zhang San,O=Unit,C=CN");
	subject_is("CN=张三, O=单位 ,C=CN", "CN=张三,O=单位,C=CN");
	subject_is("CN=a\\,b,O=c\\2Cd", "CN=a\\,b,O=c\\,d");
	subject_is("CN=a+UID=7,O=x", "CN=a+UID=7,O=x");
	subject_is("E=a@b.example,CN=x", "emailAddress=a@b.example,CN=x");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *why = NULL;
		X509_NAME *name = name_parse_subject(bad[i], &why);
		if (name != NULL)
			fail_msg("\"%s\" was taken", bad[i]);
		assert_non_null(why);
	}
}

/* ---- what is shown ---- */

static void width(void **state)
{
	(void)state;
	if (setlocale(LC_ALL, "C.UTF-8") == NULL)
		skip();
	assert_int_equal(ui_width("abc"), 3);
	assert_int_equal(ui_width("张三"), 4);
	assert_int_equal(ui_width("e\xCC\x81"), 1);
	assert_int_equal(ui_width("\xFF\xFE"), 2);
}

static void cleaned(const char *in, const char *out)
{
	char text[64];

	snprintf(text, sizeof(text), "%s", in);
	assert_string_equal(ui_clean(text), out);
}

/* A label must not command the terminal. */
static void cleaning(void **state)
{
	(void)state;
	cleaned("plain 张", "plain 张");
	cleaned("\033[2Jx", "?[2Jx");
	cleaned("a\nb\x7F", "a?b?");
	cleaned("\xC2\x9B", "? ");
	cleaned("\xC0\xAF\xED\xA0\x80", "?????");
	cleaned("cut \xE5\xBC", "cut ??");
}

static void times(void **state)
{
	char text[UI_TIME_SIZE];
	(void)state;

	ui_time(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00Z");
	ui_time(4102444800, text);
	assert_string_equal(text, "2100-01-01T00:00:00Z");
	ui_time_asn1("20260131120059", text);
	assert_string_equal(text, "2026-01-31T12:00:59Z");
}

/* ---- EST ---- */

static bool decodes(const char *text, const char *wanted)
{
	uint8_t out[64];
	struct builder b = builder_of(out, sizeof(out));

	if (!est_base64_decode(BYTES((const uint8_t *)text, strlen(text)), &b))
		return false;
	assert_int_equal(b.len, strlen(wanted));
	assert_memory_equal(out, wanted, b.len);
	return true;
}

/* RFC 8951 3.1: with and without line breaks; RFC 4648 3.5: pad bits are zero. */
static void base64(void **state)
{
	static const char *const bad[] = {"Zg", "Zg=", "Zg===", "Zh==", "Zm8", "Zm9=", "Zm9v=", "Zm9vY", "Z", "=",
		"====", "Zm9v!", "Zg==Zg==", "Zm-v", "Zm9vYg==x"};
	(void)state;

	assert_true(decodes("", ""));
	assert_true(decodes("Zg==", "f"));
	assert_true(decodes("Zm8=", "fo"));
	assert_true(decodes("Zm9v", "foo"));
	assert_true(decodes("Zm9v\r\nYmFy\n", "foobar"));
	assert_true(decodes(" Z m\t9\nvYg = =\r\n", "foob"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (decodes(bad[i], ""))
			fail_msg("\"%s\" was taken", bad[i]);
}

static void base64_round_trip(void **state)
{
	uint8_t in[40], out[48];
	(void)state;

	for (size_t n = 0; n <= sizeof(in); n++) {
		struct builder b = builder_of(out, sizeof(out));
		char *text;
		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)(i * 37 + n);
		text = est_base64_encode(BYTES(in, n));
		assert_non_null(text);
		assert_true(est_base64_decode(BYTES((const uint8_t *)text, strlen(text)), &b));
		assert_int_equal(b.len, n);
		assert_memory_equal(out, in, n);
		free(text);
	}
}

static void addresses(void **state)
{
	static const char *const bad[] = {"http://ca", "ca", "https://", "https:///x", "https://ca/other",
		"https://user:pass@ca", "https://ca?x", "https://ca#x", "https://c a",
		"https://ca/.well-known/est/label", ""};
	char out[256];
	(void)state;

	assert_true(est_address("https://ca.example:8443", NULL, out, sizeof(out)));
	assert_string_equal(out, "https://ca.example:8443/.well-known/est");
	assert_true(est_address("https://ca.example/", "person-sign", out, sizeof(out)));
	assert_string_equal(out, "https://ca.example/.well-known/est/person-sign");
	assert_true(est_address("https://[::1]:1/.well-known/est", NULL, out, sizeof(out)));
	assert_string_equal(out, "https://[::1]:1/.well-known/est");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (est_address(bad[i], NULL, out, sizeof(out)))
			fail_msg("\"%s\" was taken", bad[i]);
	assert_false(est_address("https://ca", "a/b", out, sizeof(out)));
	assert_false(est_address("https://ca", "", out, sizeof(out)));
	assert_false(est_address("https://ca.example", NULL, out, 20));
}

static void http_outcomes(void **state)
{
	(void)state;
	assert_int_equal(est_http_outcome(200, true, "", ""), UKEY_OK);
	assert_int_equal(est_http_outcome(202, true, "", ""), UKEY_CA_PENDING);
	assert_int_equal(est_http_outcome(204, true, "", ""), UKEY_CA_PROTOCOL);
	assert_int_equal(est_http_outcome(302, true, "", ""), UKEY_CA_PROTOCOL);
	assert_int_equal(est_http_outcome(400, true, "", "bad"), UKEY_CA_REFUSED);
	assert_int_equal(est_http_outcome(401, true, "", ""), UKEY_CA_CODE);
	assert_int_equal(est_http_outcome(401, false, "", ""), UKEY_CA_REFUSED);
	assert_int_equal(est_http_outcome(403, true, "CODE_EXPIRED", ""), UKEY_CA_CODE);
	assert_int_equal(est_http_outcome(403, true, "", "the enrolment code has expired"), UKEY_CA_CODE);
	assert_int_equal(est_http_outcome(403, true, "PROFILE_MISMATCH", "no such code"), UKEY_CA_REFUSED);
	assert_int_equal(est_http_outcome(403, false, "CERT_STATE", ""), UKEY_CA_REFUSED);
	assert_int_equal(est_http_outcome(404, true, "", ""), UKEY_CA_PROTOCOL);
	assert_int_equal(est_http_outcome(500, true, "", ""), UKEY_CA_UNREACHABLE);
	assert_int_equal(est_http_outcome(99, true, "", ""), UKEY_CA_PROTOCOL);
}

static X509 *certificate_of(
	EVP_PKEY *key, const char *common, X509 *issuer, EVP_PKEY *issuer_key, long from, long until)
{
	X509 *cert = X509_new();
	X509_NAME *name = X509_get_subject_name(cert);

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common, -1, -1, 0);
	X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : name);
	X509_gmtime_adj(X509_getm_notBefore(cert), from);
	X509_gmtime_adj(X509_getm_notAfter(cert), until);
	X509_set_pubkey(cert, key);
	if (issuer == NULL) {
		X509_EXTENSION *ca = X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
		assert_int_equal(X509_add_ext(cert, ca, -1), 1);
		X509_EXTENSION_free(ca);
	}
	assert_true(X509_sign(cert, issuer_key, EVP_sha256()) > 0);
	return cert;
}

static void certs_only(void **state)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = certificate_of(key, "one", NULL, key, -60, 3600);
	PKCS7 *p7 = PKCS7_new();
	CMS_ContentInfo *signed_one;
	BIO *content = BIO_new_mem_buf("x", 1);
	uint8_t der[4096], *at = der, *made = NULL;
	STACK_OF(X509) * list;
	int len;
	(void)state;

	PKCS7_set_type(p7, NID_pkcs7_signed);
	PKCS7_content_new(p7, NID_pkcs7_data);
	PKCS7_add_certificate(p7, cert);
	len = i2d_PKCS7(p7, &at);
	list = est_parse_certs(BYTES(der, (size_t)len));
	assert_non_null(list);
	assert_int_equal(sk_X509_num(list), 1);
	sk_X509_pop_free(list, X509_free);
	assert_null(est_parse_certs(BYTES(der, (size_t)len - 1)));
	der[len] = 0;
	assert_null(est_parse_certs(BYTES(der, (size_t)len + 1)));
	assert_null(est_parse_certs(BYTES(der, 0)));
	/* no certificate at all; and one that is signed data in earnest */
	PKCS7_free(p7);
	p7 = PKCS7_new();
	PKCS7_set_type(p7, NID_pkcs7_signed);
	PKCS7_content_new(p7, NID_pkcs7_data);
	at = der;
	len = i2d_PKCS7(p7, &at);
	assert_null(est_parse_certs(BYTES(der, (size_t)len)));
	signed_one = CMS_sign(cert, key, NULL, content, CMS_BINARY);
	len = i2d_CMS_ContentInfo(signed_one, &made);
	assert_null(est_parse_certs(BYTES(made, (size_t)len)));
	OPENSSL_free(made);
	CMS_ContentInfo_free(signed_one);
	BIO_free(content);
	PKCS7_free(p7);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void chains(void **state)
{
	EVP_PKEY *ca_key = EVP_EC_gen("P-256"), *key = EVP_EC_gen("P-256");
	X509 *ca = certificate_of(ca_key, "CA", NULL, ca_key, -60, 3600);
	X509 *other = certificate_of(key, "other CA", NULL, key, -60, 3600);
	X509 *good = certificate_of(key, "good", ca, ca_key, -60, 3600);
	X509 *old = certificate_of(key, "old", ca, ca_key, -3600, -60);
	X509 *early = certificate_of(key, "early", ca, ca_key, 3600, 7200);
	STACK_OF(X509) *anchors = sk_X509_new_null(), *wrong = sk_X509_new_null();
	(void)state;

	sk_X509_push(anchors, ca);
	sk_X509_push(wrong, other);
	assert_int_equal(trust_check(&tool, good, anchors, NULL), UKEY_OK);
	assert_int_equal(trust_check(&tool, good, wrong, anchors), UKEY_CERT_UNTRUSTED);
	assert_int_equal(trust_check(&tool, old, anchors, NULL), UKEY_CERT_EXPIRED);
	assert_int_equal(trust_check(&tool, early, anchors, NULL), UKEY_CERT_EXPIRED);
	sk_X509_free(anchors);
	sk_X509_free(wrong);
	X509_free(ca);
	X509_free(other);
	X509_free(good);
	X509_free(old);
	X509_free(early);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(key);
}

static void fingerprints(void **state)
{
	char out[65];
	(void)state;

	assert_true(
		trust_parse_fingerprint("AB:cd:0000000000000000000000000000000000000000000000000000000000 00", out));
	assert_memory_equal(out, "abcd0", 5);
	assert_false(trust_parse_fingerprint("abcd", out));
	assert_false(trust_parse_fingerprint("g000000000000000000000000000000000000000000000000000000000000000", out));
	assert_false(trust_parse_fingerprint("00000000000000000000000000000000000000000000000000000000000000000", out));
}

/* ---- the state of an enrolment ---- */

static void state_file(void **state)
{
	char folder[] = "/tmp/ukey-state.XXXXXX", path[128];
	struct enroll_state s = {.serial = "0011223344556677",
		.url = "https://ca",
		.profile = "p",
		.algorithm = "p256",
		.pair = UKEY_EXCHANGE,
		.ref = 7,
		.certificate = strdup("-----BEGIN")};
	struct enroll_state back;
	FILE *f;
	(void)state;

	assert_non_null(mkdtemp(folder));
	setenv("XDG_STATE_HOME", folder, 1);
	assert_false(enroll_state_load(s.serial, &back));
	assert_int_equal(enroll_state_save(&tool, &s), UKEY_OK);
	assert_true(enroll_state_load(s.serial, &back));
	assert_true(enroll_state_same(&back, &s));
	assert_int_equal(back.ref, 7);
	assert_string_equal(back.certificate, "-----BEGIN");
	back.url[0] = 'H';
	assert_false(enroll_state_same(&back, &s));
	enroll_state_clear(&back);
	/* damaged, or another token's: no state */
	snprintf(path, sizeof(path), "%s/openukey/enroll-0011223344556677.json", folder);
	f = fopen(path, "w");
	fputs("{\"serial\": \"8811223344556677\"", f);
	fclose(f);
	assert_false(enroll_state_load(s.serial, &back));
	enroll_state_remove(s.serial);
	assert_int_equal(access(path, F_OK), -1);
	snprintf(path, sizeof(path), "rm -r %s", folder);
	assert_int_equal(system(path), 0);
	free(s.certificate);
}

static void enrolment_ids(void **state)
{
	struct enroll_state s = {.serial = "0011223344556677", .url = "https://ca", .algorithm = "p256"};
	uint8_t a[ENROLL_ID_SIZE], b[ENROLL_ID_SIZE];
	(void)state;

	assert_true(enroll_id(&s, a) && enroll_id(&s, b));
	assert_memory_equal(a, b, sizeof(a));
	s.renew = true;
	assert_true(enroll_id(&s, b));
	assert_memory_not_equal(a, b, sizeof(a));
}

/* ---- --token ---- */

static unsigned fits(const char *text, const char *serial, const char *label)
{
	struct ukey_token_info info = {.manufacturer = "OpenUKey", .model = "OpenUKey 1"};
	struct token_spec spec;
	unsigned fit;

	snprintf(info.serial, sizeof(info.serial), "%s", serial);
	snprintf(info.label, sizeof(info.label), "%s", label);
	assert_int_equal(token_spec_parse(&tool, text, &spec), UKEY_OK);
	fit = token_spec_fits(&spec, &info);
	token_spec_clear(&spec);
	return fit;
}

static void token_specs(void **state)
{
	(void)state;
	assert_int_equal(fits(NULL, "00AB", "x"), 3);
	assert_int_equal(fits("00AB", "00AB", "x"), 3);
	assert_int_equal(fits("00ab", "00AB", "x"), 3);
	assert_int_equal(fits("00", "00AB", "x"), 1);
	assert_int_equal(fits("Work", "00AB", "Work"), 2);
	assert_int_equal(fits("work", "00AB", "Work"), 0);
	assert_int_equal(fits("", "00AB", ""), 0);
	assert_int_equal(fits("pkcs11:serial=00AB", "00AB", "x"), 3);
	assert_int_equal(fits("pkcs11:serial=00AC", "00AB", "x"), 0);
	assert_int_equal(fits("pkcs11:token=%E5%BC%A0%E4%B8%89", "00AB", "张三"), 3);
	assert_int_equal(fits("pkcs11:token=x;object=key;id=%01", "00AB", "x"), 3);
	assert_int_equal(fits("pkcs11:manufacturer=Somebody", "00AB", "x"), 0);
}

static void bad_uris(void **state)
{
	static const char *const bad[] = {
		"pkcs11:nonsense", "pkcs11:token=%zz", "pkcs11:token=x?pin-value=123456", "pkcs11:xyz=1"};
	(void)state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct token_spec spec;
		assert_int_equal(token_spec_parse(&tool, bad[i], &spec), UKEY_ARGUMENT);
		token_spec_clear(&spec);
	}
	assert_non_null(strstr(tool.context, "not known"));
}

/* ---- --json ---- */

static void json_shapes(void **state)
{
	struct ukey_token_info info = {
		.serial = "00AB",
		.label = "broken \xFF",
		.life_cycle = UKEY_OPERATIONAL,
		.user_pin = {.exists = true, .tries_left = 0, .tries_max = 6}
        };
	struct ukey_key key = {
		.ref = 3, .algorithm = UKEY_P384, .id = {1, 0xAB},
                        .id_len = 2, .label = "张", .usage = 5
        };
	json_t *j = token_json(&info), *user;
	(void)state;

	assert_string_equal(json_string_value(json_object_get(j, "state")), "operational");
	assert_string_equal(json_string_value(json_object_get(j, "label")), "broken ?");
	user = json_object_get(j, "user_pin");
	assert_true(json_is_true(json_object_get(user, "blocked")));
	assert_int_equal(json_integer_value(json_object_get(user, "tries_left")), 0);
	json_decref(j);
	j = key_json(&key);
	assert_string_equal(json_string_value(json_object_get(j, "ref")), "1/x");
	assert_string_equal(json_string_value(json_object_get(j, "id")), "01ab");
	assert_string_equal(json_string_value(json_object_get(j, "algorithm")), "p384");
	assert_string_equal(json_string_value(json_object_get(j, "usage")), "sign,derive");
	json_decref(j);
}

static void numbers(void **state)
{
	static const char *const bad[] = {"", "x", "5x", "2", "16", "99999999999999999999", "-1"};
	long n = 0;
	(void)state;

	tool.opt[OPT_TRIES] = "15";
	assert_int_equal(tool_number(&tool, OPT_TRIES, 3, 15, &n), UKEY_OK);
	assert_int_equal(n, 15);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		tool.opt[OPT_TRIES] = bad[i];
		assert_int_equal(tool_number(&tool, OPT_TRIES, 3, 15, &n), UKEY_USAGE);
	}
	assert_int_equal(n, 15);
}

#define TEST(f) cmocka_unit_test_setup(f, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(key_references),
		TEST(usages),
		TEST(algorithms),
		TEST(subjects),
		TEST(width),
		TEST(cleaning),
		TEST(times),
		TEST(base64),
		TEST(base64_round_trip),
		TEST(addresses),
		TEST(http_outcomes),
		TEST(certs_only),
		TEST(chains),
		TEST(fingerprints),
		TEST(state_file),
		TEST(enrolment_ids),
		TEST(token_specs),
		TEST(bad_uris),
		TEST(json_shapes),
		TEST(numbers),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	json_decref(tool.result);
	return failed;
}
