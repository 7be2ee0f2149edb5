/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/enroll.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "common/i18n.h"
#include "ra/certbuild.h"
#include "ra/name.h"

/* Two equal serials out of 2^126 mean a broken random source; a few tries tell that from an accident. */
#define SERIAL_TRIES 3

enum ra_status ra_record_certificate(struct ra_store *store, X509 *cert, const char *profile, const char *email,
	int64_t replaces, int64_t now, int64_t *id)
{
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	char *serial = ra_cert_serial(cert), *subject = ra_name_text(X509_get_subject_name(cert));
	struct ra_cert_record record = {
		.serial = serial,
		.profile = (char *)profile,
		.subject = subject,
		.email = (char *)email,
		.state = RA_CERT_VALID,
		.issued_at = now,
		.replaces = replaces,
		.der = der,
		.der_len = len > 0 ? (size_t)len : 0,
	};
	enum ra_status status = RA_CRYPTO;

	if (len > 0 && serial != NULL && subject != NULL &&
		ra_cert_time(X509_get0_notBefore(cert), &record.not_before) &&
		ra_cert_time(X509_get0_notAfter(cert), &record.not_after) &&
		ra_spki_digest(X509_get_X509_PUBKEY(cert), record.spki_sha256))
		status = ra_store_cert_add(store, &record);
	*id = record.id;
	free(subject);
	OPENSSL_free(serial);
	OPENSSL_free(der);
	return status;
}

static enum ra_status issue_and_record(
	struct ra *ra, const struct ra_grant *grant, int64_t replaces, X509 **out, int64_t *id)
{
	enum ra_status status = RA_SERIAL_TAKEN;

	for (int i = 0; i < SERIAL_TRIES && status == RA_SERIAL_TAKEN; i++) {
		X509 *cert = NULL;
		status = ra->backend.ops->issue(ra->backend.self, grant, &cert);
		if (status == RA_OK)
			status = ra_record_certificate(
				ra->store, cert, grant->profile->name, grant->email, replaces, grant->now, id);
		if (status == RA_OK)
			*out = cert;
		else
			X509_free(cert);
	}
	return status;
}

/* A certificate that was issued before, when it still is one to hand out. */
static enum ra_status same_again(const struct ra_cert_record *record, int64_t now, X509 **out)
{
	const unsigned char *at = record->der;

	if (record->state != RA_CERT_VALID || now >= record->not_after)
		return RA_CERT_STATE;
	*out = d2i_X509(NULL, &at, (long)record->der_len);
	return *out != NULL ? RA_OK : ra_fail_crypto("recorded certificate");
}

/* No alternative name in the request, or just the registered e-mail address. */
static bool san_agrees(const ASN1_OCTET_STRING *san, const char *email)
{
	if (san == NULL)
		return true;
	const unsigned char *at = ASN1_STRING_get0_data(san), *end = at + ASN1_STRING_length(san);
	GENERAL_NAMES *names = d2i_GENERAL_NAMES(NULL, &at, ASN1_STRING_length(san));
	bool agrees = false;

	if (names != NULL && at == end && sk_GENERAL_NAME_num(names) == 1 && email != NULL) {
		int type = -1;
		const ASN1_STRING *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, 0), &type);
		agrees = type == GEN_EMAIL && (size_t)ASN1_STRING_length(value) == strlen(email) &&
			 memcmp(ASN1_STRING_get0_data(value), email, strlen(email)) == 0;
	}
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
	ERR_clear_error();
	return agrees;
}

/* Empty subject: the client leaves the name to us. */
static enum ra_status check_request_names(const struct ra_grant *grant)
{
	const X509_NAME *asked = X509_REQ_get_subject_name(grant->request->req);

	if (grant->profile->request_names == RA_NAMES_IGNORE)
		return RA_OK;
	if (X509_NAME_entry_count(asked) > 0 && !ra_name_equal(asked, grant->subject))
		return RA_SUBJECT_MISMATCH;
	return san_agrees(grant->request->san, grant->email) ? RA_OK : RA_SAN_MISMATCH;
}

/* ---- by an enrolment code ---- */

static enum ra_status find_code(struct ra *ra, struct bytes typed, int64_t now, struct ra_code_record *out)
{
	char canonical[RA_CODE_CHARS + 1];
	uint8_t hash[RA_CODE_HASH_SIZE];
	enum ra_status status = RA_CODE_MISTYPED;

	if (ra_code_normalise(typed, canonical))
		status = ra_code_hash(canonical, hash) ? ra_store_code_find(ra->store, hash, out) : RA_CRYPTO;
	bytes_wipe(canonical, sizeof canonical);
	if (status != RA_OK)
		return status;
	if (out->state == RA_CODE_VOID)
		status = RA_CODE_CANCELLED;
	else if (now >= out->expires_at)
		status = RA_CODE_EXPIRED;
	if (status != RA_OK)
		ra_code_record_clear(out);
	return status;
}

/* The code was used: the same key gets the same certificate, any other key nothing. */
static enum ra_status answer_again(
	struct ra *ra, const struct ra_code_record *code, const struct ra_grant *grant, X509 **out)
{
	struct ra_cert_record record = {0};
	enum ra_status status = ra_store_cert_by_id(ra->store, code->certificate_id, &record);

	if (status == RA_OK && !bytes_equal(BYTES_OF(record.spki_sha256), BYTES_OF(grant->request->spki_sha256)))
		status = RA_CODE_USED;
	if (status == RA_OK)
		status = same_again(&record, grant->now, out);
	if (status == RA_OK)
		status = ra_store_event(ra->store, grant->now, "answered-again", code->id, record.id);
	ra_cert_record_clear(&record);
	return status;
}

static enum ra_status issue_by_code(
	struct ra *ra, const struct ra_code_record *code, const struct ra_grant *grant, X509 **out)
{
	int64_t id = 0;
	enum ra_status status = issue_and_record(ra, grant, 0, out, &id);

	if (status == RA_OK)
		status = ra_store_code_spend(ra->store, code->id, id, grant->now);
	if (status == RA_OK)
		status = ra_store_event(ra->store, grant->now, "issued", code->id, id);
	return status;
}

static enum ra_status enroll_in_transaction(struct ra *ra, struct bytes typed, const struct ra_grant *grant, X509 **out)
{
	struct ra_code_record code = {0};
	enum ra_status status = ra_store_begin(ra->store);

	if (status != RA_OK)
		return status;
	/* Read again under the lock: another request may have used the code, or an operator cancelled it. */
	status = find_code(ra, typed, grant->now, &code);
	if (status == RA_OK && code.state == RA_CODE_SPENT)
		status = answer_again(ra, &code, grant, out);
	else if (status == RA_OK)
		status = issue_by_code(ra, &code, grant, out);
	ra_code_record_clear(&code);
	status = ra_store_end(ra->store, status);
	if (status != RA_OK) {
		X509_free(*out);
		*out = NULL;
	}
	return status;
}

static enum ra_status find_profile(
	struct ra *ra, const char *label, const char *registered, const struct ra_profile **out)
{
	if (label != NULL && strcmp(label, registered) != 0)
		return RA_PROFILE_MISMATCH;
	*out = ra_profile_find(ra->profiles, registered);
	return *out != NULL ? RA_OK : RA_PROFILE_UNKNOWN;
}

enum ra_status ra_enroll(
	struct ra *ra, const char *label, struct bytes code, struct bytes body, int64_t now, X509 **out)
{
	struct ra_code_record record = {0};
	struct ra_request *request = NULL;
	X509_NAME *subject = NULL;
	struct ra_grant grant = {.now = now};
	enum ra_status status = RA_OK;

	*out = NULL;
	if (label != NULL && ra_profile_find(ra->profiles, label) == NULL)
		return RA_PROFILE_UNKNOWN;
	/* Who asks comes before what is asked: a stranger's body is not even decoded. */
	status = find_code(ra, code, now, &record);
	if (status == RA_OK)
		status = find_profile(ra, label, record.profile, &grant.profile);
	if (status == RA_OK)
		status = ra_request_parse(body, &request);
	if (status == RA_OK)
		status = ra_profile_check_key(grant.profile, &request->key);
	if (status == RA_OK)
		status = ra_name_parse(record.subject, &subject);
	if (status == RA_OK) {
		grant.request = request;
		grant.subject = subject;
		grant.email = record.email;
		status = check_request_names(&grant);
	}
	if (status == RA_OK)
		status = enroll_in_transaction(ra, code, &grant, out);
	X509_NAME_free(subject);
	ra_request_free(request);
	ra_code_record_clear(&record);
	return status;
}

/* ---- by the current certificate ---- */

/* Signed by our CA, in its time, for logging in. */
static enum ra_status check_chain(struct ra *ra, X509 *client, int64_t now)
{
	X509_STORE *trusted = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum ra_status status = RA_MEMORY;

	if (trusted != NULL && ctx != NULL &&
		X509_STORE_add_cert(trusted, ra->backend.ops->issuer(ra->backend.self)) == 1 &&
		X509_STORE_CTX_init(ctx, trusted, client, NULL) == 1) {
		X509_STORE_CTX_set_time(ctx, 0, (time_t)now);
		if (X509_verify_cert(ctx) == 1)
			status = X509_check_purpose(client, X509_PURPOSE_SSL_CLIENT, 0) == 1 ? RA_OK : RA_CERT_PURPOSE;
		else
			status = X509_STORE_CTX_get_error(ctx) == X509_V_ERR_CERT_HAS_EXPIRED ? RA_CERT_EXPIRED
											      : RA_CERT_UNKNOWN;
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(trusted);
	ERR_clear_error();
	return status;
}

/* The very same bytes in our records, and valid. */
static enum ra_status check_record(struct ra *ra, X509 *client, struct ra_cert_record *out)
{
	unsigned char *der = NULL;
	char *serial = ra_cert_serial(client);
	int len = i2d_X509(client, &der);
	enum ra_status status = RA_MEMORY;

	if (serial != NULL && len > 0)
		status = ra_store_cert_by_serial(ra->store, serial, out);
	if (status == RA_NOT_FOUND ||
		(status == RA_OK && !bytes_equal(BYTES(out->der, out->der_len), BYTES(der, (size_t)len))))
		status = RA_CERT_UNKNOWN;
	else if (status == RA_OK && out->state != RA_CERT_VALID)
		status = RA_CERT_STATE;
	OPENSSL_free(serial);
	OPENSSL_free(der);
	return status;
}

static enum ra_status renew_in_transaction(struct ra *ra, X509 *client, const struct ra_grant *grant, X509 **out)
{
	struct ra_cert_record old = {0}, renewed = {0};
	int64_t id = 0;
	enum ra_status status = ra_store_begin(ra->store);

	if (status != RA_OK)
		return status;
	/* Read again under the lock: it may have been put on hold in this moment. */
	status = check_record(ra, client, &old);
	if (status == RA_OK)
		status = ra_store_cert_renewal(ra->store, old.id, grant->request->spki_sha256, &renewed);
	if (status == RA_OK) {
		status = same_again(&renewed, grant->now, out);
		if (status == RA_OK)
			status = ra_store_event(ra->store, grant->now, "answered-again", 0, renewed.id);
	} else if (status == RA_NOT_FOUND) {
		status = issue_and_record(ra, grant, old.id, out, &id);
		if (status == RA_OK)
			status = ra_store_event(ra->store, grant->now, "renewed", 0, id);
	}
	ra_cert_record_clear(&renewed);
	ra_cert_record_clear(&old);
	status = ra_store_end(ra->store, status);
	if (status != RA_OK) {
		X509_free(*out);
		*out = NULL;
	}
	return status;
}

enum ra_status ra_reenroll(struct ra *ra, const char *label, X509 *client, struct bytes body, int64_t now, X509 **out)
{
	struct ra_cert_record old = {0};
	struct ra_request *request = NULL;
	struct ra_grant grant = {.now = now};
	enum ra_status status = RA_OK;

	*out = NULL;
	if (label != NULL && ra_profile_find(ra->profiles, label) == NULL)
		return RA_PROFILE_UNKNOWN;
	if (client == NULL)
		return RA_CERT_MISSING;
	status = check_chain(ra, client, now);
	if (status == RA_OK)
		status = check_record(ra, client, &old);
	if (status == RA_OK)
		status = find_profile(ra, label, old.profile, &grant.profile);
	if (status == RA_OK)
		status = ra_request_parse(body, &request);
	if (status == RA_OK)
		status = ra_profile_check_key(grant.profile, &request->key);
	if (status == RA_OK) {
		grant.request = request;
		grant.subject = X509_get_subject_name(client);
		grant.email = old.email;
		/* RFC 7030 4.2.2: the subject is identical; a missing alternative name is read as "the same". */
		if (!ra_name_equal(X509_REQ_get_subject_name(request->req), grant.subject))
			status = RA_CERT_SUBJECT;
		else if (!san_agrees(request->san, old.email))
			status = RA_CERT_SAN;
	}
	if (status == RA_OK)
		status = renew_in_transaction(ra, client, &grant, out);
	ra_request_free(request);
	ra_cert_record_clear(&old);
	return status;
}

/* ---- registration ---- */

enum ra_status ra_register(struct ra *ra, const char *subject, const char *email, const char *profile, int64_t now,
	int64_t expires_at, struct ra_code_record *record, char code[RA_CODE_TEXT_SIZE])
{
	const struct ra_profile *rules = ra_profile_find(ra->profiles, profile);
	char canonical[RA_CODE_CHARS + 1];
	uint8_t hash[RA_CODE_HASH_SIZE];
	X509_NAME *name = NULL;
	enum ra_status status = rules == NULL ? RA_PROFILE_UNKNOWN : ra_name_parse(subject, &name);

	*record = (struct ra_code_record){.created_at = now, .expires_at = expires_at};
	if (status == RA_OK && email != NULL && !ra_email_good(email))
		status = RA_BAD_EMAIL;
	if (status == RA_OK)
		status = ra_profile_check_names(rules, name, email);
	if (status == RA_OK) {
		record->subject = ra_name_text(name);
		record->profile = strdup(profile);
		record->email = email == NULL ? NULL : strdup(email);
		if (record->subject == NULL || record->profile == NULL || (email != NULL && record->email == NULL))
			status = RA_MEMORY;
	}
	if (status == RA_OK &&
		(!ra_code_make(code) || !ra_code_normalise(BYTES((const uint8_t *)code, strlen(code)), canonical) ||
			!ra_code_hash(canonical, hash)))
		status = RA_CRYPTO;
	if (status == RA_OK)
		status = ra_store_begin(ra->store);
	if (status == RA_OK) {
		status = ra_store_code_add(ra->store, record, hash);
		if (status == RA_OK)
			status = ra_store_event(ra->store, now, "code-created", record->id, 0);
		status = ra_store_end(ra->store, status);
	}
	X509_NAME_free(name);
	bytes_wipe(canonical, sizeof canonical);
	if (status != RA_OK)
		ra_code_record_clear(record);
	return status;
}
