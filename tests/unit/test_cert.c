/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates: OpenSSL's read whole and right, built ones refused for one wrong thing each. */
#include "common/crypto.h"
#include "common/tlv.h"
#include "tests/unit/test.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/* ---- certificates made by OpenSSL ---- */

static struct bytes openssl_cert(const char *curve, bool ca, const char *serial_hex)
{
	EVP_PKEY *key = curve ? EVP_EC_gen(curve) : EVP_RSA_gen(1024);
	X509 *x = X509_new();
	BIGNUM *serial = NULL;
	unsigned char *der = NULL;

	assert_true(key && x && BN_hex2bn(&serial, serial_hex) > 0);
	assert_true(X509_set_version(x, X509_VERSION_3));
	assert_non_null(BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(x)));
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20260102030405Z");
	ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "20551231235959Z"); /* GeneralizedTime */
	X509_NAME *n = X509_get_subject_name(x);
	X509_NAME_add_entry_by_txt(n, "C", MBSTRING_ASC, (const unsigned char *)"CN", -1, -1, 0);
	X509_NAME_add_entry_by_txt(n, "O", MBSTRING_ASC, (const unsigned char *)"A, B+C", -1, -1, 0);
	X509_NAME_add_entry_by_txt(
		n, "CN", MBSTRING_UTF8, (const unsigned char *)"\xE5\xBC\xA0\xE4\xB8\x89", -1, -1, 0);
	X509_set_issuer_name(x, n);
	X509_set_pubkey(x, key);
	X509_EXTENSION *e =
		X509V3_EXT_conf_nid(NULL, NULL, NID_basic_constraints, ca ? "critical,CA:TRUE,pathlen:0" : "CA:FALSE");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_key_usage, "critical,digitalSignature");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	int n_der = i2d_X509(x, &der);
	assert_true(n_der > 0);
	struct bytes exact = test_copy(BYTES(der, (size_t)n_der));
	OPENSSL_free(der);
	X509_free(x);
	EVP_PKEY_free(key);
	BN_free(serial);
	return exact;
}

static void same_der(struct bytes ours, int (*i2d)(const void *, unsigned char **), const void *theirs)
{
	unsigned char *der = NULL;
	int n = i2d(theirs, &der);
	assert_true(n > 0);
	assert_bytes_equal(ours, BYTES(der, (size_t)n));
	OPENSSL_free(der);
}

static int name_der(const void *name, unsigned char **out)
{
	return i2d_X509_NAME(name, out);
}

static int spki_der(const void *spki, unsigned char **out)
{
	return i2d_X509_PUBKEY(spki, out);
}

static int serial_der(const void *serial, unsigned char **out)
{
	return i2d_ASN1_INTEGER(serial, out);
}

static void reads_what_openssl_writes(void **state)
{
	(void)state;
	static const struct {
		const char *curve;
		enum crypto_key_type type;
		bool ca;
		const char *serial, *serial_der;
	} rows[] = {
		{NULL,    CRYPTO_RSA,     false, "01",                                       "020101"  },
		{"P-256", CRYPTO_EC_P256, true,  "80",                                       "02020080"},
		{"P-384", CRYPTO_EC_P384, false, "7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
                 "02147FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"                                        },
		{"P-521", CRYPTO_EC_P521, true,  "0",                                        "020100"  },
	};
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct bytes der = openssl_cert(rows[i].curve, rows[i].ca, rows[i].serial);
		const unsigned char *at = der.data;
		X509 *x = d2i_X509(NULL, &at, (long)der.len);
		struct crypto_cert cert;
		struct crypto_pubkey key;
		assert_true(crypto_cert_parse(der, &cert));
		same_der(cert.subject, name_der, X509_get_subject_name(x));
		same_der(cert.issuer, name_der, X509_get_issuer_name(x));
		same_der(cert.spki, spki_der, X509_get_X509_PUBKEY(x));
		same_der(cert.serial, serial_der, X509_get0_serialNumber(x));
		assert_bytes_hex(cert.serial, rows[i].serial_der);
		assert_string_equal(cert.not_before, "20260102030405");
		assert_string_equal(cert.not_after, "20551231235959");
		assert_int_equal(cert.is_ca, rows[i].ca);
		assert_true(crypto_pubkey_from_spki(cert.spki, &key));
		assert_int_equal(key.type, rows[i].type);
		X509_free(x);
		test_drop(der);
	}
}

static void a_certificate_cut_or_prolonged_is_refused(void **state)
{
	(void)state;
	struct bytes der = openssl_cert("P-256", true, "1234");
	struct crypto_cert cert;
	for (size_t cut = 0; cut < der.len; cut++) {
		struct bytes exact = test_copy(BYTES(der.data, cut));
		assert_false(crypto_cert_parse(exact, &cert));
		test_drop(exact);
	}
	uint8_t *longer = calloc(1, der.len + 1);
	assert_non_null(longer);
	bytes_copy(longer, der);
	assert_false(crypto_cert_parse(BYTES(longer, der.len + 1), &cert));
	free(longer);
	test_drop(der);
}

/* Any bit changed: refused, or ranges that lie inside the certificate and times that are times. */
static void a_damaged_certificate_does_no_harm(void **state)
{
	(void)state;
	struct bytes der = openssl_cert("P-256", true, "1234");
	for (size_t i = 0; i < 8 * der.len; i++) {
		struct bytes copy = test_copy(der);
		((uint8_t *)(uintptr_t)copy.data)[i / 8] ^= (uint8_t)(1 << i % 8);
		struct crypto_cert cert;
		if (crypto_cert_parse(copy, &cert)) {
			const struct bytes ranges[] = {cert.serial, cert.issuer, cert.subject, cert.spki};
			for (size_t r = 0; r < COUNT(ranges); r++)
				assert_true(ranges[r].data >= copy.data &&
					    ranges[r].data + ranges[r].len <= copy.data + copy.len);
			assert_int_equal(strlen(cert.not_before), 14);
			assert_int_equal(strlen(cert.not_after), 14);
			free(crypto_name_text(cert.subject));
		}
		test_drop(copy);
	}
	test_drop(der);
}

/* ---- certificates built from parts, one of them changed ---- */

struct parts {
	const char *version, *serial, *inner_algorithm, *issuer, *validity, *subject, *spki, *tail, *algorithm,
		*signature, *more;
};

#define ALG      "300A 0608 2A8648CE3D040302"
#define NAME     "300C 310A 3008 0603 550403 0C01 41"
#define UTC(t)   "170D " t
#define GEN(t)   "180F " t
#define Y2026    "323630313032303330343035 5A" /* 26 01 02 03:04:05 Z */
#define Y2049    "343931323331323335393539 5A"
#define VALIDITY "301E " UTC(Y2026) UTC(Y2049)
#define SPKI     "3008 3003 0601 2A 0301 00"
#define BC       "0603 551D13"

static const struct parts standard = {
	"A003 0201 02", "0201 05", ALG, NAME, VALIDITY, NAME, SPKI, "", ALG, "0302 00AA", ""};

static void put_hex(struct builder *b, const char *hex)
{
	struct bytes v = test_hex(hex);
	builder_put(b, v);
	test_drop(v);
}

#define PICK(field) (p->field ? p->field : standard.field)

static struct bytes build(const struct parts *p, uint8_t *out, size_t cap)
{
	struct builder b = builder_of(out, cap);
	size_t cert = tlv_begin(&b, 0x30), tbs = tlv_begin(&b, 0x30);
	put_hex(&b, PICK(version));
	put_hex(&b, PICK(serial));
	put_hex(&b, PICK(inner_algorithm));
	put_hex(&b, PICK(issuer));
	put_hex(&b, PICK(validity));
	put_hex(&b, PICK(subject));
	put_hex(&b, PICK(spki));
	put_hex(&b, PICK(tail));
	tlv_end(&b, tbs);
	put_hex(&b, PICK(algorithm));
	put_hex(&b, PICK(signature));
	put_hex(&b, PICK(more));
	tlv_end(&b, cert);
	assert_false(b.failed);
	return test_copy(builder_bytes(&b));
}

/* RFC 5280 4.1: what each field may be. */
/* clang-format off */
static const struct {
	const char *name;
	struct parts parts;
	bool ok, ca;
} rows[] = {
	{"nothing changed", {0}, true, false},
	{"version 1", {.version = ""}, true, false},
	{"version 2", {.version = "A003 0201 01"}, true, false},
	{"version 1 written", {.version = "A003 0201 00"}, true, false},
	{"version 4", {.version = "A003 0201 03"}, false, false},
	{"version empty", {.version = "A002 0200"}, false, false},
	{"version of two bytes", {.version = "A004 0202 0002"}, false, false},
	{"version and more", {.version = "A005 0201 02 0500"}, false, false},
	{"serial zero", {.serial = "0201 00"}, true, false},
	{"serial negative", {.serial = "0201 FF"}, true, false},
	{"serial empty", {.serial = "0200"}, false, false},
	{"serial not the shortest", {.serial = "0202 0005"}, false, false},
	{"serial not the shortest, negative", {.serial = "0202 FF80"}, false, false},
	{"serial no integer", {.serial = "0401 05"}, false, false},
	{"serial missing", {.serial = ""}, false, false},
	{"algorithms differ (4.1.1.2)", {.algorithm = "300A 0608 2A8648CE3D040303"}, false, false},
	{"algorithm without OID", {.algorithm = "3000", .inner_algorithm = "3000"}, false, false},
	{"algorithm with empty OID", {.algorithm = "3002 0600", .inner_algorithm = "3002 0600"}, false, false},
	{"algorithm with parameters", {.algorithm = "3005 0601 2A 0500", .inner_algorithm = "3005 0601 2A 0500"}, true, false},
	{"algorithm with too much",
		{.algorithm = "3007 0601 2A 0500 0500", .inner_algorithm = "3007 0601 2A 0500 0500"}, false, false},
	{"issuer empty", {.issuer = "3000"}, true, false},
	{"issuer no sequence", {.issuer = "3100"}, false, false},
	{"issuer with an empty set", {.issuer = "3002 3100"}, false, false},
	{"issuer with a sequence in place of a set", {.issuer = "300A 3008 0603 550403 0C01 41"}, false, false},
	{"issuer attribute without value", {.issuer = "3009 3107 3005 0603 550403"}, false, false},
	{"issuer attribute with two values", {.issuer = "300F 310D 300B 0603 550403 0C01 41 0C01 42"}, false, false},
	{"issuer with two attributes in a set",
		{.issuer = "3014 3112 3007 0603 550403 0C00 3007 0603 550404 0C00"}, true, false},
	{"subject malformed", {.subject = "3002 3100"}, false, false},
	{"times generalized",
		{.validity = "3022 " GEN("32303236303130323033303430355A") GEN("39393939313233313233353935395A")}, true, false},
	{"no seconds", {.validity = "301C 170B 323630313032303330345A " UTC(Y2049)}, false, false},
	{"an offset in place of Z", {.validity = "3022 1711 3236303130323033303430352B30383030 " UTC(Y2049)}, false, false},
	{"month 13", {.validity = "301E " UTC("323631333032303330343035 5A") UTC(Y2049)}, false, false},
	{"month 0", {.validity = "301E " UTC("323630303032303330343035 5A") UTC(Y2049)}, false, false},
	{"day 0", {.validity = "301E " UTC("323630313030303330343035 5A") UTC(Y2049)}, false, false},
	{"31 April", {.validity = "301E " UTC("323630343331303330343035 5A") UTC(Y2049)}, false, false},
	{"29 February 2026", {.validity = "301E " UTC("323630323239303330343035 5A") UTC(Y2049)}, false, false},
	{"29 February 2028", {.validity = "301E " UTC("323830323239303330343035 5A") UTC(Y2049)}, true, false},
	{"29 February 2000", {.validity = "301E " UTC("303030323239303330343035 5A") UTC(Y2049)}, true, false},
	{"29 February 2100", {.validity = "3020 " UTC(Y2026) GEN("32313030303232393030303030305A")}, false, false},
	{"hour 24", {.validity = "301E " UTC("323630313032323430343035 5A") UTC(Y2049)}, false, false},
	{"minute 60", {.validity = "301E " UTC("323630313032303336303035 5A") UTC(Y2049)}, false, false},
	{"second 60", {.validity = "301E " UTC("323630313032303330343630 5A") UTC(Y2049)}, false, false},
	{"a letter", {.validity = "301E " UTC("323630313032303330343041 5A") UTC(Y2049)}, false, false},
	{"a colon for a digit", {.validity = "301E " UTC("3236303130323033303430 3A5A") UTC(Y2049)}, false, false},
	{"one time only", {.validity = "300F " UTC(Y2026)}, false, false},
	{"three times", {.validity = "302D " UTC(Y2026) UTC(Y2049) UTC(Y2049)}, false, false},
	{"time of another type", {.validity = "301E 130D " Y2026 UTC(Y2049)}, false, false},
	{"key without bits", {.spki = "3005 3003 0601 2A"}, false, false},
	{"key with eight unused bits", {.spki = "3008 3003 0601 2A 0301 08"}, false, false},
	{"key bits empty", {.spki = "3007 3003 0601 2A 0300"}, false, false},
	{"key and more", {.spki = "300A 3003 0601 2A 0301 00 0500"}, false, false},
	{"signature with unused bits", {.signature = "0302 07AA"}, true, false},
	{"signature with eight unused bits", {.signature = "0302 08AA"}, false, false},
	{"signature empty", {.signature = "0300"}, false, false},
	{"signature no bits", {.signature = "0402 00AA"}, false, false},
	{"something after the signature", {.more = "0500"}, false, false},
	{"unique identifiers", {.tail = "8102 00AA 8202 00BB"}, true, false},
	{"unique identifiers in version 1", {.version = "", .tail = "8102 00AA"}, false, false},
	{"unique identifiers in the wrong order", {.tail = "8202 00BB 8102 00AA"}, false, false},
	{"extensions in version 2", {.version = "A003 0201 01", .tail = "A30D 300B 3009 " BC " 0402 3000"}, false, false},
	{"extensions empty", {.tail = "A302 3000"}, false, false},
	{"extensions and more", {.tail = "A30F 300B 3009 " BC " 0402 3000 0500"}, false, false},
	{"extensions, then more", {.tail = "A30D 300B 3009 " BC " 0402 3000 0500"}, false, false},
	{"basicConstraints empty", {.tail = "A30D 300B 3009 " BC " 0402 3000"}, true, false},
	{"basicConstraints cA", {.tail = "A310 300E 300C " BC " 0405 3003 0101 FF"}, true, true},
	{"basicConstraints cA, critical", {.tail = "A313 3011 300F " BC " 0101 FF 0405 3003 0101 FF"}, true, true},
	{"cA, critical written as FALSE", {.tail = "A313 3011 300F " BC " 0101 00 0405 3003 0101 FF"}, true, true},
	{"basicConstraints cA written as FALSE", {.tail = "A310 300E 300C " BC " 0405 3003 0101 00"}, true, false},
	{"basicConstraints cA of 01", {.tail = "A310 300E 300C " BC " 0405 3003 0101 01"}, false, false},
	{"basicConstraints cA empty", {.tail = "A30F 300D 300B " BC " 0404 3002 0100"}, false, false},
	{"basicConstraints with a path length", {.tail = "A313 3011 300F " BC " 0408 3006 0101 FF 0201 00"}, true, true},
	{"basicConstraints with an empty path length", {.tail = "A312 3010 300E " BC " 0407 3005 0101 FF 0200"}, false, false},
	{"basicConstraints and more", {.tail = "A312 3010 300E " BC " 0407 3003 0101 FF 0500"}, false, false},
	{"basicConstraints twice (4.2)", {.tail = "A318 3016 3009 " BC " 0402 3000 3009 " BC " 0402 3000"}, false, false},
	{"another one after it", {.tail = "A31A 3018 300C " BC " 0405 3003 0101 FF 3008 0603 551D0F 0401 00"}, true, true},
	{"extension without value", {.tail = "A309 3007 3005 " BC}, false, false},
	{"extension without OID", {.tail = "A308 3006 3004 0402 3000"}, false, false},
	{"extension and more", {.tail = "A30F 300D 300B " BC " 0402 3000 0500"}, false, false},
};
/* clang-format on */

static void is_read_strictly(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		uint8_t out[512];
		struct bytes der = build(&rows[i].parts, out, sizeof out);
		struct crypto_cert cert;
		if (crypto_cert_parse(der, &cert) != rows[i].ok)
			fail_msg("%s: %s", rows[i].ok ? "refused" : "accepted", rows[i].name);
		if (rows[i].ok && cert.is_ca != rows[i].ca)
			fail_msg("cA wrong: %s", rows[i].name);
		test_drop(der);
	}
}

/* RFC 5280 4.1.2.5.1: YY from 50 on is 19YY. */
static void two_digit_years_are_from_1950_to_2049(void **state)
{
	(void)state;
	const struct parts p = {.validity = "301E " UTC("353030313031303030303030 5A") UTC(Y2049)};
	uint8_t out[512];
	struct bytes der = build(&p, out, sizeof out);
	struct crypto_cert cert;
	assert_true(crypto_cert_parse(der, &cert));
	assert_string_equal(cert.not_before, "19500101000000");
	assert_string_equal(cert.not_after, "20491231235959");
	test_drop(der);
}

static void names_are_written_as_rfc_2253(void **state)
{
	(void)state;
	static const struct {
		const char *der, *text;
	} names[] = {
		{"3000",									""			   },
		{NAME,									  "CN=A"                       },
 /* last first; a comma escaped; Chinese as it is */
		{"301D 310B 3009 0603 550406 1302 434E 310E 300C 0603 55040A 0C05 412C20 4242", "O=A\\, BB,C=CN"             },
		{"3011 310F 300D 0603 550403 0C06 E5BCA0E4B889",                                "CN=\xE5\xBC\xA0\xE4\xB8\x89"},
		{"3001",									NULL                         },
		{"3002 3100",								   NULL                         },
		{NAME "00",								     NULL                         },
		{"",									    NULL			 },
	};
	for (size_t i = 0; i < COUNT(names); i++) {
		struct bytes der = test_hex(names[i].der);
		char *text = crypto_name_text(der);
		if (names[i].text) {
			assert_non_null(text);
			assert_string_equal(text, names[i].text);
		} else {
			assert_null(text);
		}
		free(text);
		test_drop(der);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_openssl_writes),
		cmocka_unit_test(a_certificate_cut_or_prolonged_is_refused),
		cmocka_unit_test(a_damaged_certificate_does_no_harm),
		cmocka_unit_test(is_read_strictly),
		cmocka_unit_test(two_digit_years_are_from_1950_to_2049),
		cmocka_unit_test(names_are_written_as_rfc_2253),
	};
	return cmocka_run_group_tests_name("cert", tests, NULL, NULL);
}
