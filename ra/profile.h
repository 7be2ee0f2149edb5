/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificate profiles are data: profiles.json in the CA's directory. Each says which keys, how long (LC-10), for which
 * use, and which names. Unknown members and values are errors, so that a typing error cannot loosen a rule.
 */
#ifndef RA_PROFILE_H
#define RA_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/x509.h>

#include "ra/request.h"
#include "ra/status.h"

#define RA_PROFILE_NAME_MAX 32

/* What to do with names that the client put into its request; the certificate's come from the registration always. */
enum ra_request_names {
	RA_NAMES_MATCH,  /* empty, or equal to the registered ones */
	RA_NAMES_IGNORE, /* anything, unread */
};

enum ra_email_rule { RA_EMAIL_OPTIONAL, RA_EMAIL_REQUIRED, RA_EMAIL_FORBIDDEN };

struct ra_profile {
	char name[RA_PROFILE_NAME_MAX + 1]; /* a to z, digits, hyphens: it is a segment of the EST address */
	char *description;
	struct ra_key *keys; /* RSA: bits is the minimum; EC: the curve. The first is the preferred one. */
	size_t key_count;
	unsigned validity_years;
	uint32_t key_usage; /* bits of X509_get_key_usage(): KU_DIGITAL_SIGNATURE ... */
	int *extended_nids; /* NID_client_auth ... */
	size_t extended_count;
	int *required_nids, *allowed_nids; /* of the subject; what is required is allowed */
	size_t required_count, allowed_count;
	enum ra_email_rule email;
	enum ra_request_names request_names;
};

struct ra_profiles {
	struct ra_profile *list;
	size_t count;
};

/* The profiles that `init` writes: person-sign, person-exchange, device. */
const char *ra_profiles_default(void);

/* BAD_PROFILE with a detail; `file` is its name in the detail. The caller frees with ra_profiles_free(). */
enum ra_status ra_profiles_parse(const char *json, const char *file, struct ra_profiles **out);
enum ra_status ra_profiles_load(const char *path, struct ra_profiles **out);
void ra_profiles_free(struct ra_profiles *profiles);

/* NULL when there is none of this name. Borrowed. */
const struct ra_profile *ra_profile_find(const struct ra_profiles *profiles, const char *name);

/* KEY_NOT_ALLOWED unless a row allows this key. */
enum ra_status ra_profile_check_key(const struct ra_profile *profile, const struct ra_key *key);
/* For a registration: required attributes there, no others than the allowed, the e-mail rule. SUBJECT_RULE + detail. */
enum ra_status ra_profile_check_names(const struct ra_profile *profile, const X509_NAME *subject, const char *email);
/* The usages that make sense for the key: no keyEncipherment and dataEncipherment by EC, no keyAgreement by RSA. */
uint32_t ra_profile_key_usage(const struct ra_profile *profile, enum ra_key_type type);

#endif
