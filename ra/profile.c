/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/profile.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "common/i18n.h"

const struct ra_profile *ra_profile_find(const struct ra_profiles *profiles, const char *name)
{
	for (size_t i = 0; i < profiles->count; i++)
		if (strcmp(profiles->list[i].name, name) == 0)
			return &profiles->list[i];
	return NULL;
}

enum ra_status ra_profile_check_key(const struct ra_profile *profile, const struct ra_key *key)
{
	for (size_t i = 0; i < profile->key_count; i++) {
		const struct ra_key *rule = &profile->keys[i];
		if (rule->type != key->type)
			continue;
		if (key->type == RA_KEY_RSA ? key->bits >= rule->bits : key->curve_nid == rule->curve_nid)
			return RA_OK;
	}
	return RA_KEY_NOT_ALLOWED;
}

static bool contains(const int *nids, size_t count, int nid)
{
	for (size_t i = 0; i < count; i++)
		if (nids[i] == nid)
			return true;
	return false;
}

enum ra_status ra_profile_check_names(const struct ra_profile *profile, const X509_NAME *subject, const char *email)
{
	for (size_t i = 0; i < profile->required_count; i++)
		if (X509_NAME_get_index_by_NID((X509_NAME *)subject, profile->required_nids[i], -1) < 0)
			return ra_fail(RA_SUBJECT_RULE, _("profile %s requires %s"), profile->name,
				OBJ_nid2sn(profile->required_nids[i]));
	for (int i = 0; i < X509_NAME_entry_count(subject); i++) {
		int nid = OBJ_obj2nid(X509_NAME_ENTRY_get_object(X509_NAME_get_entry(subject, i)));
		if (!contains(profile->required_nids, profile->required_count, nid) &&
			!contains(profile->allowed_nids, profile->allowed_count, nid))
			return ra_fail(
				RA_SUBJECT_RULE, _("profile %s does not allow %s"), profile->name, OBJ_nid2sn(nid));
	}
	if (email == NULL && profile->email == RA_EMAIL_REQUIRED)
		return ra_fail(RA_SUBJECT_RULE, _("profile %s requires an e-mail address"), profile->name);
	if (email != NULL && profile->email == RA_EMAIL_FORBIDDEN)
		return ra_fail(RA_SUBJECT_RULE, _("profile %s does not allow an e-mail address"), profile->name);
	return RA_OK;
}

uint32_t ra_profile_key_usage(const struct ra_profile *profile, enum ra_key_type type)
{
	uint32_t unfit = type == RA_KEY_EC ? KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT : KU_KEY_AGREEMENT;

	return profile->key_usage & ~unfit;
}
