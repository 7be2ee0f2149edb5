/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/enroll_trust.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/hex.h"
#include "tools/names.h"
#include "tools/token_session.h"
#include "tools/ui.h"

enum ukey_status trust_read_file(struct tool *t, const char *path, STACK_OF(X509) * *list)
{
	uint8_t *data = NULL;
	size_t len = 0;
	X509 *cert = NULL;
	STACK_OF(X509) *found = sk_X509_new_null();
	BIO *bio = NULL;
	enum ukey_status s = ui_read_file(t, path, 1 << 20, &data, &len);

	if (s == UKEY_OK && len > 0 && data[0] == 0x30) {
		s = certificate_parse(t, data, len, &cert);
		if (s == UKEY_OK && (found == NULL || sk_X509_push(found, cert) <= 0))
			s = UKEY_MEMORY;
	} else if (s == UKEY_OK) {
		bio = BIO_new_mem_buf(data, (int)len);
		while (bio != NULL && found != NULL && sk_X509_num(found) <= EST_CERTS_MAX &&
			(cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL)
			sk_X509_push(found, cert);
		BIO_free(bio);
		ERR_clear_error();
	}
	free(data);
	if (s == UKEY_OK && (found == NULL || sk_X509_num(found) < 1 || sk_X509_num(found) > EST_CERTS_MAX))
		s = tool_fail(t, UKEY_CERT_INVALID, _("%s holds no certificates of a CA"), path);
	if (s != UKEY_OK) {
		sk_X509_pop_free(found, X509_free);
		return s;
	}
	*list = found;
	return UKEY_OK;
}

bool trust_fingerprint(X509 *cert, char out[65])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;

	return X509_digest(cert, EVP_sha256(), digest, &len) && hex_encode(BYTES(digest, len), out, 65);
}

bool trust_parse_fingerprint(const char *text, char out[65])
{
	size_t n = 0;

	for (; *text != '\0'; text++) {
		if (*text == ':' || *text == ' ')
			continue;
		if (!isxdigit((unsigned char)*text) || n == 64)
			return false;
		out[n++] = (char)tolower((unsigned char)*text);
	}
	out[n] = '\0';
	return n == 64;
}

enum ukey_status trust_check(struct tool *t, X509 *cert, STACK_OF(X509) * anchors, STACK_OF(X509) * cas)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum ukey_status s = UKEY_MEMORY;
	int error;

	if (store != NULL && ctx != NULL) {
		for (int i = 0; i < sk_X509_num(anchors); i++)
			X509_STORE_add_cert(store, sk_X509_value(anchors, i));
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		if (X509_STORE_CTX_init(ctx, store, cert, cas)) {
			X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
			s = UKEY_OK;
		}
	}
	if (s == UKEY_OK && X509_verify_cert(ctx) != 1) {
		error = X509_STORE_CTX_get_error(ctx);
		s = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID
			    ? UKEY_CERT_EXPIRED
			    : UKEY_CERT_UNTRUSTED;
		tool_fail(t, s, "%s", X509_verify_cert_error_string(error));
		if (error == X509_V_ERR_CERT_NOT_YET_VALID)
			tool_hint(t, _("is this machine's clock right? Then run the same command again"));
	}
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return s;
}

/* ---- the first contact ---- */

static bool self_signed(X509 *cert)
{
	return X509_NAME_cmp(X509_get_subject_name(cert), X509_get_issuer_name(cert)) == 0;
}

/* The one to show: the root when it is there. */
static X509 *to_show(STACK_OF(X509) * cas)
{
	for (int i = 0; i < sk_X509_num(cas); i++)
		if (self_signed(sk_X509_value(cas, i)))
			return sk_X509_value(cas, i);
	return sk_X509_value(cas, 0);
}

static X509 *with_fingerprint(STACK_OF(X509) * cas, const char *wanted)
{
	char own[65];

	for (int i = 0; i < sk_X509_num(cas); i++)
		if (trust_fingerprint(sk_X509_value(cas, i), own) && strcmp(own, wanted) == 0)
			return sk_X509_value(cas, i);
	return NULL;
}

static enum ukey_status ask_person(struct tool *t, X509 *ca, char fingerprint[65])
{
	char *subject = name_text(X509_get_subject_name(ca));
	enum ukey_status s;

	if (!trust_fingerprint(ca, fingerprint)) {
		free(subject);
		return UKEY_MEMORY;
	}
	s = ui_confirm(t, "yes",
		_("The CA says it is: %s\nSHA-256 of its certificate: %s\nCompare this with what the CA's office gave "
		  "you."),
		subject != NULL ? subject : "?", fingerprint);
	if (s == UKEY_USAGE) { /* nobody to ask */
		s = tool_fail(t, UKEY_CA_IDENTITY, _("it is not known yet: SHA-256 %s"), fingerprint);
		tool_hint(t, _("give its certificate with --ca, or the fingerprint that its office names with "
			       "--ca-fingerprint"));
	}
	free(subject);
	return s;
}

static enum ukey_status by_fingerprint(struct tool *t, STACK_OF(X509) * cas, char accepted[65], X509 **anchor)
{
	char wanted[65] = "";
	enum ukey_status s;

	if (tool_has(t, OPT_CA_FINGERPRINT) && !trust_parse_fingerprint(t->opt[OPT_CA_FINGERPRINT], wanted))
		return tool_fail(t, UKEY_USAGE, _("--ca-fingerprint is a SHA-256: 64 hexadecimal digits"));
	if (wanted[0] == '\0')
		snprintf(wanted, sizeof(wanted), "%s", accepted);
	if (wanted[0] != '\0') {
		*anchor = with_fingerprint(cas, wanted);
		if (*anchor == NULL)
			return tool_fail(t, UKEY_CA_IDENTITY, _("none of its certificates has the SHA-256 %s"), wanted);
	} else {
		*anchor = to_show(cas);
		s = ask_person(t, *anchor, wanted);
		if (s != UKEY_OK)
			return s;
	}
	snprintf(accepted, 65, "%s", wanted);
	return UKEY_OK;
}

/* The CA's own list has to belong to what we trust. */
static enum ukey_status check_cas(struct tool *t, STACK_OF(X509) * anchors, STACK_OF(X509) * cas)
{
	enum ukey_status s = UKEY_CERT_UNTRUSTED;

	for (int i = 0; i < sk_X509_num(cas) && s != UKEY_OK; i++)
		s = trust_check(t, sk_X509_value(cas, i), anchors, cas);
	return s == UKEY_OK ? s
			    : tool_fail(t, UKEY_CA_IDENTITY, _("its CA certificates do not belong to the trusted one"));
}

enum ukey_status trust_establish(
	struct tool *t, struct est *e, char accepted[65], STACK_OF(X509) * *anchors, STACK_OF(X509) * *cas)
{
	STACK_OF(X509) *unproved = NULL;
	X509 *anchor = NULL;
	enum ukey_status s;

	if (tool_has(t, OPT_CA)) {
		accepted[0] = '\0';
		s = trust_read_file(t, t->opt[OPT_CA], anchors);
	} else {
		s = est_cacerts(e, &unproved);
		if (s == UKEY_OK)
			s = by_fingerprint(t, unproved, accepted, &anchor);
		if (s == UKEY_OK) {
			*anchors = sk_X509_new_null();
			if (*anchors == NULL || !X509_up_ref(anchor) || sk_X509_push(*anchors, anchor) <= 0)
				s = UKEY_MEMORY;
		}
		sk_X509_pop_free(unproved, X509_free);
	}
	if (s == UKEY_OK) {
		est_trust(e, *anchors);
		s = est_cacerts(e, cas);
	}
	return s == UKEY_OK ? check_cas(t, *anchors, *cas) : s;
}
