/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/issue.h"

#include <stdlib.h>

#include <openssl/err.h>

#include "common/i18n.h"
#include "ra/certbuild.h"

/* Clocks of others may be slow: a certificate is good a little before now. */
#define BACKDATE 300

struct local_ca {
	X509 *cert;
	EVP_PKEY *key;
	int64_t not_before, not_after;
};

static enum ra_status local_issue(void *self, const struct ra_grant *grant, X509 **out)
{
	struct local_ca *ca = self;

	if (grant->now < ca->not_before || grant->now >= ca->not_after)
		return RA_CA_EXPIRED;
	int64_t start = grant->now - BACKDATE, end = ra_years_later(grant->now, grant->profile->validity_years);
	struct ra_cert_plan plan = {
		.subject = grant->subject,
		.public_key = grant->request->public_key,
		/* Never outside of the CA's own time. */
		.not_before = start < ca->not_before ? ca->not_before : start,
		.not_after = end > ca->not_after ? ca->not_after : end,
		.key_usage = ra_profile_key_usage(grant->profile, grant->request->key.type),
		.extended_nids = grant->profile->extended_nids,
		.extended_count = grant->profile->extended_count,
		.email = grant->email,
	};
	return ra_cert_build(&plan, ca->cert, ca->key, out);
}

static X509 *local_issuer(void *self)
{
	struct local_ca *ca = self;

	return ca->cert;
}

static void local_close(void *self)
{
	struct local_ca *ca = self;

	X509_free(ca->cert);
	EVP_PKEY_free(ca->key);
	free(ca);
}

enum ra_status ra_local_ca_open(X509 *cert, EVP_PKEY *key, struct ra_backend *out)
{
	static const struct ra_backend_ops ops = {local_issue, local_issuer, local_close};
	struct local_ca *ca = calloc(1, sizeof *ca);

	if (ca == NULL)
		return RA_MEMORY;
	ca->cert = cert;
	ca->key = key;
	if (X509_check_private_key(cert, key) != 1 || !ra_cert_time(X509_get0_notBefore(cert), &ca->not_before) ||
		!ra_cert_time(X509_get0_notAfter(cert), &ca->not_after)) {
		ERR_clear_error();
		free(ca);
		return ra_fail(RA_DAMAGED, _("the CA's key and certificate do not belong together"));
	}
	*out = (struct ra_backend){&ops, ca};
	return RA_OK;
}
