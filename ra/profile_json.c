/* SPDX-License-Identifier: Apache-2.0 */
/* profiles.json read into struct ra_profile, strictly. */
#include "config.h"

#include "ra/profile.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <openssl/x509v3.h>

#include "common/i18n.h"
#include "ra/file.h"
#include "ra/name.h"

#define LIST_MAX  64
#define YEARS_MAX 10

static const struct ra_word key_usages[] = {
	{"digitalSignature",  KU_DIGITAL_SIGNATURE},
	{"nonRepudiation",    KU_NON_REPUDIATION  },
	{"contentCommitment", KU_NON_REPUDIATION  },
	{"keyEncipherment",   KU_KEY_ENCIPHERMENT },
	{"dataEncipherment",  KU_DATA_ENCIPHERMENT},
	{"keyAgreement",      KU_KEY_AGREEMENT    },
	{NULL,		0		   },
};

static const struct ra_word extended_usages[] = {
	{"clientAuth",      NID_client_auth       },
	{"serverAuth",      NID_server_auth       },
	{"emailProtection", NID_email_protect     },
	{"codeSigning",     NID_code_sign         },
	{"smartcardLogon",  NID_ms_smartcard_login},
	{"ipsecIKE",        NID_ipsec_IKE         },
	{NULL,              0		     },
};

static const struct ra_word curves[] = {
	{"P-256", NID_X9_62_prime256v1},
	{"P-384", NID_secp384r1       },
	{"P-521", NID_secp521r1       },
	{NULL,    0		   },
};

static const struct ra_word email_rules[] = {
	{"optional",  RA_EMAIL_OPTIONAL },
	{"required",  RA_EMAIL_REQUIRED },
	{"forbidden", RA_EMAIL_FORBIDDEN},
	{NULL,        0		 },
};

static const struct ra_word name_rules[] = {
	{"match",  RA_NAMES_MATCH },
	{"ignore", RA_NAMES_IGNORE},
	{NULL,     0              },
};

static const char default_json[] =
	"{\n"
	"  \"profiles\": {\n"
	"    \"person-sign\": {\n"
	"      \"description\": \"Signature and log-in of a person; the key is made on the token\",\n"
	"      \"keys\": [\"P-256\", \"P-384\", \"P-521\", {\"rsa_min_bits\": 2048}],\n"
	"      \"validity_years\": 1,\n"
	"      \"key_usage\": [\"digitalSignature\", \"nonRepudiation\"],\n"
	"      \"extended_key_usage\": [\"clientAuth\", \"emailProtection\"],\n"
	"      \"subject_required\": [\"CN\"],\n"
	"      \"subject_allowed\": [\"O\", \"OU\", \"C\", \"ST\", \"L\", \"SN\", \"GN\", \"title\", "
	"\"serialNumber\", \"UID\"],\n"
	"      \"email\": \"optional\",\n"
	"      \"request_names\": \"match\"\n"
	"    },\n"
	"    \"person-exchange\": {\n"
	"      \"description\": \"Decryption and key exchange of a person\",\n"
	"      \"keys\": [{\"rsa_min_bits\": 2048}, \"P-256\", \"P-384\", \"P-521\"],\n"
	"      \"validity_years\": 1,\n"
	"      \"key_usage\": [\"keyEncipherment\", \"dataEncipherment\", \"keyAgreement\"],\n"
	"      \"extended_key_usage\": [\"emailProtection\"],\n"
	"      \"subject_required\": [\"CN\"],\n"
	"      \"subject_allowed\": [\"O\", \"OU\", \"C\", \"ST\", \"L\", \"SN\", \"GN\", \"title\", "
	"\"serialNumber\", \"UID\"],\n"
	"      \"email\": \"optional\",\n"
	"      \"request_names\": \"match\"\n"
	"    },\n"
	"    \"device\": {\n"
	"      \"description\": \"A device that logs in to servers\",\n"
	"      \"keys\": [\"P-256\", \"P-384\", {\"rsa_min_bits\": 2048}],\n"
	"      \"validity_years\": 2,\n"
	"      \"key_usage\": [\"digitalSignature\", \"keyAgreement\", \"keyEncipherment\"],\n"
	"      \"extended_key_usage\": [\"clientAuth\"],\n"
	"      \"subject_required\": [\"CN\"],\n"
	"      \"subject_allowed\": [\"O\", \"OU\", \"C\", \"ST\", \"L\", \"serialNumber\"],\n"
	"      \"email\": \"forbidden\",\n"
	"      \"request_names\": \"ignore\"\n"
	"    }\n"
	"  }\n"
	"}\n";

const char *ra_profiles_default(void)
{
	return default_json;
}

/* Where we are in the file, for the details of errors. */
struct place {
	const char *file;
	const char *profile;
};

static enum ra_status wrong(const struct place *at, const char *member, const char *what)
{
	return ra_fail(RA_BAD_PROFILE, "%s: %s: %s: %s", at->file, at->profile, member, what);
}

static const struct ra_word *look_up(const struct ra_word *words, const json_t *value)
{
	const char *text = json_string_value(value);

	for (; text != NULL && words->name != NULL; words++)
		if (strcmp(words->name, text) == 0)
			return words;
	return NULL;
}

/* An array of words into a fresh array of their values. */
static enum ra_status read_words(const struct place *at, const char *member, json_t *value, const struct ra_word *words,
	int **out, size_t *count)
{
	size_t n = json_array_size(value);
	int *values = calloc(n + 1, sizeof *values);

	if (values == NULL)
		return RA_MEMORY;
	*out = values;
	if (!json_is_array(value) || n > LIST_MAX)
		return wrong(at, member, _("a list of words is wanted"));
	for (size_t i = 0; i < n; i++) {
		const struct ra_word *word = look_up(words, json_array_get(value, i));
		if (word == NULL)
			return wrong(at, member, _("unknown word in the list"));
		values[i] = word->value;
	}
	*count = n;
	return RA_OK;
}

static enum ra_status read_key(const struct place *at, json_t *value, struct ra_key *key)
{
	const struct ra_word *curve = look_up(curves, value);

	if (curve != NULL) {
		*key = (struct ra_key){.type = RA_KEY_EC, .curve_nid = curve->value};
		return RA_OK;
	}
	json_t *bits = json_object_get(value, "rsa_min_bits");
	if (json_object_size(value) != 1 || json_integer_value(bits) < 2048 || json_integer_value(bits) > 8192)
		return wrong(at, "keys", _("\"P-256\", \"P-384\", \"P-521\" or {\"rsa_min_bits\": 2048 to 8192}"));
	*key = (struct ra_key){.type = RA_KEY_RSA, .bits = (int)json_integer_value(bits)};
	return RA_OK;
}

static enum ra_status read_keys(const struct place *at, json_t *value, struct ra_profile *profile)
{
	size_t n = json_array_size(value);
	enum ra_status status = RA_OK;

	if (n == 0 || n > LIST_MAX)
		return wrong(at, "keys", _("a list of keys is wanted"));
	profile->keys = calloc(n, sizeof *profile->keys);
	if (profile->keys == NULL)
		return RA_MEMORY;
	profile->key_count = n;
	for (size_t i = 0; i < n && status == RA_OK; i++)
		status = read_key(at, json_array_get(value, i), &profile->keys[i]);
	return status;
}

static enum ra_status read_usage(const struct place *at, json_t *value, struct ra_profile *profile)
{
	int *bits = NULL;
	size_t count = 0;
	enum ra_status status = read_words(at, "key_usage", value, key_usages, &bits, &count);

	for (size_t i = 0; status == RA_OK && i < count; i++)
		profile->key_usage |= (uint32_t)bits[i];
	free(bits);
	if (status == RA_OK && profile->key_usage == 0)
		status = wrong(at, "key_usage", _("a list of words is wanted"));
	return status;
}

static enum ra_status read_word(
	const struct place *at, const char *member, json_t *value, const struct ra_word *words, int *out)
{
	const struct ra_word *word = look_up(words, value);

	if (word == NULL)
		return wrong(at, member, _("unknown word"));
	*out = word->value;
	return RA_OK;
}

static enum ra_status read_member(const struct place *at, const char *member, json_t *value, struct ra_profile *p)
{
	enum ra_status status;
	int word = 0;

	if (strcmp(member, "description") == 0) {
		p->description = json_is_string(value) ? strdup(json_string_value(value)) : NULL;
		return p->description != NULL ? RA_OK : wrong(at, member, _("a text is wanted"));
	}
	if (strcmp(member, "keys") == 0)
		return read_keys(at, value, p);
	if (strcmp(member, "validity_years") == 0) {
		if (json_integer_value(value) < 1 || json_integer_value(value) > YEARS_MAX)
			return wrong(at, member, _("a number from 1 to 10 is wanted"));
		p->validity_years = (unsigned)json_integer_value(value);
		return RA_OK;
	}
	if (strcmp(member, "key_usage") == 0)
		return read_usage(at, value, p);
	if (strcmp(member, "extended_key_usage") == 0)
		return read_words(at, member, value, extended_usages, &p->extended_nids, &p->extended_count);
	if (strcmp(member, "subject_required") == 0)
		return read_words(at, member, value, ra_subject_attributes, &p->required_nids, &p->required_count);
	if (strcmp(member, "subject_allowed") == 0)
		return read_words(at, member, value, ra_subject_attributes, &p->allowed_nids, &p->allowed_count);
	if (strcmp(member, "email") == 0) {
		status = read_word(at, member, value, email_rules, &word);
		p->email = (enum ra_email_rule)word;
		return status;
	}
	if (strcmp(member, "request_names") == 0) {
		status = read_word(at, member, value, name_rules, &word);
		p->request_names = (enum ra_request_names)word;
		return status;
	}
	return wrong(at, member, _("unknown member"));
}

/* A segment of an address: not one of EST's operations, nor what the records call the CA's own certificates. */
static bool name_good(const char *name)
{
	static const char *const reserved[] = {
		"cacerts", "csrattrs", "simpleenroll", "simplereenroll", "serverkeygen", "fullcmc", "ca", "tls"};
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++)
		if (strcmp(name, reserved[i]) == 0)
			return false;
	return n > 0 && n <= RA_PROFILE_NAME_MAX && name[n] == '\0';
}

static enum ra_status read_profile(const char *file, const char *name, json_t *object, struct ra_profile *profile)
{
	struct place at = {file, name};
	const char *member;
	json_t *value;
	enum ra_status status = RA_OK;

	if (!name_good(name))
		return wrong(&at, "name", _("a name has 1 to 32 of a to z, 0 to 9 and hyphens, and is not reserved"));
	memcpy(profile->name, name, strlen(name) + 1);
	json_object_foreach(object, member, value)
	{
		status = read_member(&at, member, value, profile);
		if (status != RA_OK)
			return status;
	}
	if (profile->key_count == 0 || profile->validity_years == 0 || profile->key_usage == 0)
		return wrong(&at, "keys, validity_years, key_usage", _("each of these is required"));
	/* RFC 5280 4.2.1.3: a keyUsage has a bit set. */
	for (size_t i = 0; i < profile->key_count; i++)
		if (ra_profile_key_usage(profile, profile->keys[i].type) == 0)
			return wrong(&at, "key_usage", _("none of these usages fits a key that the profile allows"));
	return RA_OK;
}

enum ra_status ra_profiles_parse(const char *json, const char *file, struct ra_profiles **out)
{
	json_error_t error;
	json_t *root = json_loads(json, JSON_REJECT_DUPLICATES, &error);
	json_t *all = json_object_get(root, "profiles"), *object;
	struct ra_profiles *profiles = calloc(1, sizeof *profiles);
	enum ra_status status = RA_OK;
	const char *name;

	if (root == NULL)
		status = ra_fail(RA_BAD_PROFILE, _("%s: line %d: %s"), file, error.line, error.text);
	else if (json_object_size(root) != 1 || json_object_size(all) == 0)
		status = ra_fail(RA_BAD_PROFILE, _("%s: one member \"profiles\" with profiles in it is wanted"), file);
	if (profiles != NULL && status == RA_OK)
		profiles->list = calloc(json_object_size(all), sizeof *profiles->list);
	if (profiles == NULL || (status == RA_OK && profiles->list == NULL))
		status = RA_MEMORY;
	if (status == RA_OK) {
		json_object_foreach(all, name, object)
		{
			status = read_profile(file, name, object, &profiles->list[profiles->count++]);
			if (status != RA_OK)
				break;
		}
	}
	json_decref(root);
	if (status == RA_OK)
		*out = profiles;
	else
		ra_profiles_free(profiles);
	return status;
}

enum ra_status ra_profiles_load(const char *path, struct ra_profiles **out)
{
	char *text = NULL;
	enum ra_status status = ra_file_read(path, &text);

	if (status == RA_OK)
		status = ra_profiles_parse(text, path, out);
	free(text);
	return status;
}

void ra_profiles_free(struct ra_profiles *profiles)
{
	if (profiles == NULL)
		return;
	for (size_t i = 0; i < profiles->count; i++) {
		struct ra_profile *p = &profiles->list[i];
		free(p->description);
		free(p->keys);
		free(p->extended_nids);
		free(p->required_nids);
		free(p->allowed_nids);
	}
	free(profiles->list);
	free(profiles);
}
