/* SPDX-License-Identifier: Apache-2.0 */
/* Distinguished names as text (RFC 4514) and e-mail addresses. */
#include "tests/unit/ra_help.h"

static void good_names_come_back(void **state)
{
	static const struct {
		const char *in, *out;
	} names[] = {
		{"CN=Li Lei,O=Example,C=CN",                     "CN=Li Lei,O=Example,C=CN"                    },
		{"cn=Li Lei, o=Example",                         "CN=Li Lei,O=Example"                         },
		{"CN=李雷,O=福建省经济信息中心,C=CN", "CN=李雷,O=福建省经济信息中心,C=CN"},
		{"CN=Smith\\, John,O=A \\+ B",                   "CN=Smith\\, John,O=A \\+ B"                  },
		{"CN=a=b",				       "CN=a=b"				      },
		{"CN=x  ",				       "CN=x"					},
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		X509_NAME *name = NULL;
		assert_int_equal(ra_name_parse(names[i].in, &name), RA_OK);
		char *text = ra_name_text(name);
		assert_string_equal(text, names[i].out);
		free(text);
		X509_NAME_free(name);
	}
}

static void bad_names_are_refused(void **state)
{
	static const char *const bad[] = {"", "Li Lei", "CN=", "CN=a,", ",CN=a", "CN=a,,O=b", "XX=a", "CN=a+O=b",
		"CN=a\\", "CN=\xff\xfe", "C=China", "CN=a\nb", "emailAddress=a@b", "=a",
		"CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a,CN=a",
		"CN=0123456789012345678901234567890123456789012345678901234567890123456789"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		X509_NAME *name = NULL;
		assert_int_equal(ra_name_parse(bad[i], &name), RA_BAD_SUBJECT);
		assert_null(name);
	}
}

static bool equal(const char *a, const char *b)
{
	X509_NAME *na = NULL, *nb = NULL;

	assert_int_equal(ra_name_parse(a, &na), RA_OK);
	assert_int_equal(ra_name_parse(b, &nb), RA_OK);
	bool result = ra_name_equal(na, nb);
	assert_int_equal(result, ra_name_equal(nb, na));
	X509_NAME_free(na);
	X509_NAME_free(nb);
	return result;
}

static void names_compare_by_their_attributes(void **state)
{
	(void)state;
	assert_true(equal("CN=a,O=b", "O=b,CN=a"));
	assert_true(equal("CN=a,OU=x,OU=y", "CN=a,OU=y,OU=x"));
	assert_false(equal("CN=a,OU=x,OU=x", "CN=a,OU=x,OU=y"));
	assert_false(equal("CN=a", "CN=a,O=b"));
	assert_false(equal("CN=a", "CN=A"));
	assert_false(equal("CN=a,O=b", "CN=b,O=a"));
}

static void string_types_do_not_matter(void **state)
{
	X509_NAME *utf8 = X509_NAME_new(), *printable = X509_NAME_new();

	(void)state;
	assert_true(X509_NAME_add_entry_by_NID(
		utf8, NID_commonName, V_ASN1_UTF8STRING, (const unsigned char *)"Li Lei", -1, -1, 0));
	assert_true(X509_NAME_add_entry_by_NID(
		printable, NID_commonName, V_ASN1_PRINTABLESTRING, (const unsigned char *)"Li Lei", -1, -1, 0));
	assert_true(ra_name_equal(utf8, printable));
	X509_NAME_free(utf8);
	X509_NAME_free(printable);
}

static void email_addresses(void **state)
{
	static const char *const bad[] = {
		"", "@", "a@", "@b", "a b@c", "a@b@c", "a,b@c", "a@b\n", "\"a\"@b", "李@example.com"};

	(void)state;
	assert_true(ra_email_good("li.lei+x@example.com"));
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_false(ra_email_good(bad[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_names_come_back),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(names_compare_by_their_attributes),
		cmocka_unit_test(string_types_do_not_matter),
		cmocka_unit_test(email_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
