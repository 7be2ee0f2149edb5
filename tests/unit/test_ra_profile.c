/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: the default set, the strictness of the reader, the rules. */
#include "tests/unit/ra_help.h"

#include <stdio.h>

#include "ra/profile.h"

static struct ra_profiles *defaults(void)
{
	struct ra_profiles *profiles = NULL;

	assert_int_equal(ra_profiles_parse(ra_profiles_default(), "default", &profiles), RA_OK);
	return profiles;
}

static void the_default_set_is_good(void **state)
{
	struct ra_profiles *profiles = defaults();
	const struct ra_profile *person = ra_profile_find(profiles, "person-sign");

	(void)state;
	assert_int_equal(profiles->count, 3);
	assert_non_null(person);
	assert_non_null(ra_profile_find(profiles, "person-exchange"));
	assert_non_null(ra_profile_find(profiles, "device"));
	assert_null(ra_profile_find(profiles, "nobody"));
	assert_int_equal(person->validity_years, 1); /* LC-10 */
	assert_int_equal(ra_profile_find(profiles, "device")->validity_years, 2);
	assert_int_equal(person->key_usage, KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION);
	ra_profiles_free(profiles);
}

static void keys_are_allowed_by_type_and_size(void **state)
{
	static const struct {
		struct ra_key key;
		enum ra_status person, device;
	} rows[] = {
		{{RA_KEY_EC, 256, NID_X9_62_prime256v1}, RA_OK,              RA_OK             },
		{{RA_KEY_EC, 521, NID_secp521r1},        RA_OK,              RA_KEY_NOT_ALLOWED},
		{{RA_KEY_RSA, 2048, NID_undef},          RA_OK,              RA_OK             },
		{{RA_KEY_RSA, 4096, NID_undef},          RA_OK,              RA_OK             },
		{{RA_KEY_RSA, 2047, NID_undef},          RA_KEY_NOT_ALLOWED, RA_KEY_NOT_ALLOWED},
		{{RA_KEY_EC, 256, NID_secp256k1},        RA_KEY_NOT_ALLOWED, RA_KEY_NOT_ALLOWED},
	};
	struct ra_profiles *profiles = defaults();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(
			ra_profile_check_key(ra_profile_find(profiles, "person-sign"), &rows[i].key), rows[i].person);
		assert_int_equal(
			ra_profile_check_key(ra_profile_find(profiles, "device"), &rows[i].key), rows[i].device);
	}
	ra_profiles_free(profiles);
}

static void usages_fit_the_key(void **state)
{
	struct ra_profiles *profiles = defaults();
	const struct ra_profile *exchange = ra_profile_find(profiles, "person-exchange");

	(void)state;
	assert_int_equal(ra_profile_key_usage(exchange, RA_KEY_RSA), KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT);
	assert_int_equal(ra_profile_key_usage(exchange, RA_KEY_EC), KU_KEY_AGREEMENT);
	ra_profiles_free(profiles);
}

static void subjects_follow_the_rules(void **state)
{
	static const struct {
		const char *profile, *subject, *email;
		enum ra_status expected;
	} rows[] = {
		{"person-sign", "CN=Li Lei,O=Example,C=CN", NULL,             RA_OK          },
		{"person-sign", "CN=Li Lei",                "li@example.com", RA_OK          },
		{"person-sign", "O=Example",                NULL,             RA_SUBJECT_RULE},
		{"person-sign", "CN=Li Lei,DC=example",     NULL,             RA_SUBJECT_RULE},
		{"device",      "CN=gate 1",                NULL,             RA_OK          },
		{"device",      "CN=gate 1",                "li@example.com", RA_SUBJECT_RULE},
		{"device",      "CN=gate 1,SN=Li",          NULL,             RA_SUBJECT_RULE},
	};
	struct ra_profiles *profiles = defaults();

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		X509_NAME *name = NULL;
		assert_int_equal(ra_name_parse(rows[i].subject, &name), RA_OK);
		assert_int_equal(
			ra_profile_check_names(ra_profile_find(profiles, rows[i].profile), name, rows[i].email),
			rows[i].expected);
		X509_NAME_free(name);
	}
	ra_profiles_free(profiles);
}

/* Each is the good profile with one member changed. */
static void wrong_files_are_refused(void **state)
{
	static const char *const bad[] = {"", "{}", "[]", "{\"profiles\": {}}", "{\"profiles\": []}",
		"{\"profiles\": {\"p\": {}}}", "{\"profiles\": {\"p\": 1}}", "{\"profiles\": {\"p\": {}}, \"x\": 1}"};
	static const char *const members[] = {"\"keys\": []", "\"keys\": [\"P-192\"]",
		"\"keys\": [{\"rsa_min_bits\": 1024}]", "\"keys\": [{\"rsa_min_bits\": 2048, \"x\": 1}]",
		"\"keys\": \"P-256\"", "\"validity_years\": 0", "\"validity_years\": \"1\"", "\"validity_years\": 11",
		"\"key_usage\": []", "\"key_usage\": [\"keyCertSign\"]",
		"\"key_usage\": [\"keyEncipherment\"]", /* not by EC */
		"\"extended_key_usage\": [\"anyExtendedKeyUsage\"]", "\"subject_allowed\": [\"emailAddress\"]",
		"\"subject_required\": {}", "\"email\": \"maybe\"", "\"request_names\": 1", "\"keyusage\": []"};
	struct ra_profiles *profiles = NULL;
	char json[512];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(ra_profiles_parse(bad[i], "bad", &profiles), RA_BAD_PROFILE);
	for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
		int rest = strncmp(members[i], "\"keys\"", 6) == 0              ? 1
			   : strncmp(members[i], "\"validity_years\"", 16) == 0 ? 2
			   : strncmp(members[i], "\"key_usage\"", 11) == 0      ? 3
										: 0;
		snprintf(json, sizeof json, "{\"profiles\": {\"p\": {%s%s%s%s}}}", members[i],
			rest == 1 ? "" : ", \"keys\": [\"P-256\"]", rest == 2 ? "" : ", \"validity_years\": 1",
			rest == 3 ? "" : ", \"key_usage\": [\"digitalSignature\"]");
		assert_int_equal(ra_profiles_parse(json, "bad", &profiles), RA_BAD_PROFILE);
		assert_null(strstr(ra_detail(), "line"));
	}
	assert_null(profiles);
}

static void names_are_segments_of_an_address(void **state)
{
	static const char *const bad[] = {
		"", "A", "a b", "a/b", "cacerts", "simpleenroll", "ca", "tls", "0123456789012345678901234567890123"};
	static const char *const good[] = {"p", "person-2", "01234567890123456789012345678901"};
	struct ra_profiles *profiles = NULL;
	char json[512];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0] + sizeof good / sizeof good[0]; i++) {
		bool is_bad = i < sizeof bad / sizeof bad[0];
		snprintf(json, sizeof json,
			"{\"profiles\": {\"%s\": {\"keys\": [\"P-256\"], \"validity_years\": 1,"
			" \"key_usage\": [\"digitalSignature\"]}}}",
			is_bad ? bad[i] : good[i - sizeof bad / sizeof bad[0]]);
		assert_int_equal(ra_profiles_parse(json, "x", &profiles), is_bad ? RA_BAD_PROFILE : RA_OK);
		if (!is_bad)
			ra_profiles_free(profiles);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_set_is_good),
		cmocka_unit_test(keys_are_allowed_by_type_and_size),
		cmocka_unit_test(usages_fit_the_key),
		cmocka_unit_test(subjects_follow_the_rules),
		cmocka_unit_test(wrong_files_are_refused),
		cmocka_unit_test(names_are_segments_of_an_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
