/* SPDX-License-Identifier: Apache-2.0 */
/* request: a PKCS#10 signed by the token. */
#include "config.h"

#include "tools/request.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/ui.h"

enum ukey_status hash_option(struct tool *t, const EVP_MD **hash)
{
	const char *text = tool_has(t, OPT_HASH) ? t->opt[OPT_HASH] : "sha256";

	if (strcmp(text, "sha256") == 0)
		*hash = EVP_sha256();
	else if (strcmp(text, "sha384") == 0)
		*hash = EVP_sha384();
	else if (strcmp(text, "sha512") == 0)
		*hash = EVP_sha512();
	else
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is not sha256, sha384 or sha512"), text);
	return UKEY_OK;
}

/* Renewal: subject and alternative names have to be those of the old certificate (RFC 7030 4.2.2). */
static bool copy_names(X509_REQ *req, X509 *like)
{
	int at = like != NULL ? X509_get_ext_by_NID(like, NID_subject_alt_name, -1) : -1;
	STACK_OF(X509_EXTENSION) * list;
	X509_EXTENSION *copy;
	bool good;

	if (at < 0)
		return true;
	list = sk_X509_EXTENSION_new_null();
	copy = X509_EXTENSION_dup(X509_get_ext(like, at));
	good = list != NULL && copy != NULL && sk_X509_EXTENSION_push(list, copy) > 0;
	if (!good)
		X509_EXTENSION_free(copy);
	good = good && X509_REQ_add_extensions(req, list);
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	return good;
}

/* As a stranger would: parse what was written, and verify it with the key inside. */
static bool request_verifies(const uint8_t *der, size_t len)
{
	const unsigned char *at = der;
	X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)len);
	bool good = req != NULL && X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) == 1;

	X509_REQ_free(req);
	return good;
}

enum ukey_status request_make(struct token_key_handle *h, const struct ukey_key *key, const X509_NAME *subject,
	X509 *like, const EVP_MD *hash, uint8_t **der, size_t *len)
{
	X509_REQ *req = X509_REQ_new();
	EVP_PKEY *pub = key_public(key);
	unsigned char *out = NULL;
	int n = -1;
	enum ukey_status r = UKEY_OK;

	if (req == NULL || pub == NULL || !X509_REQ_set_version(req, 0) || !X509_REQ_set_pubkey(req, pub) ||
		(subject != NULL && !X509_REQ_set_subject_name(req, (X509_NAME *)subject)) || !copy_names(req, like))
		r = tool_fail_openssl(h->session->tool, UKEY_INTERNAL);
	else if (X509_REQ_sign(req, h->pkey, hash) <= 0)
		r = key_handle_failed(h, UKEY_INTERNAL);
	else if ((n = i2d_X509_REQ(req, &out)) <= 0)
		r = UKEY_MEMORY;
	else if (!request_verifies(out, (size_t)n))
		r = tool_fail(h->session->tool, UKEY_TOKEN_FAILURE, _("its signature over the request is wrong"));
	if (r == UKEY_OK) {
		*der = out;
		*len = (size_t)n;
	} else {
		OPENSSL_free(out);
	}
	X509_REQ_free(req);
	EVP_PKEY_free(pub);
	return r;
}

/* ---- the command ---- */

static char *request_pem(const uint8_t *der, size_t len)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *data;

	if (bio != NULL && PEM_write_bio(bio, PEM_STRING_X509_REQ, "", der, (long)len) > 0) {
		long n = BIO_get_mem_data(bio, &data);
		text = strndup(data, (size_t)n);
	}
	BIO_free(bio);
	return text;
}

static enum ukey_status put_request(struct tool *t, const uint8_t *der, size_t len)
{
	const char *path = tool_has(t, OPT_OUTPUT) ? t->opt[OPT_OUTPUT] : "-";
	char *pem = request_pem(der, len);
	enum ukey_status r = UKEY_OK;

	if (pem == NULL)
		return UKEY_MEMORY;
	json_object_set_new(t->result, "request", json_string(pem));
	if (!(tool_has(t, OPT_JSON) && strcmp(path, "-") == 0))
		r = tool_has(t, OPT_DER) ? ui_write_file(t, path, der, len, 0644)
					 : ui_write_file(t, path, pem, strlen(pem), 0644);
	free(pem);
	return r;
}

/* --subject, else the certificate's; a key without either needs --subject. */
static enum ukey_status find_subject(struct session *s, const struct ukey_key *key, X509_NAME **own, X509 **like)
{
	const char *why = "";

	if (tool_has(s->tool, OPT_SUBJECT)) {
		*own = name_parse_subject(s->tool->opt[OPT_SUBJECT], &why);
		return *own != NULL ? UKEY_OK : tool_fail(s->tool, UKEY_ARGUMENT, "--subject: %s", _(why));
	}
	if (key->certificate.exists)
		return key_certificate(s, key->ref, like);
	tool_fail(s->tool, UKEY_USAGE, _("the key has no certificate to take the subject from"));
	tool_hint(s->tool, _("give it: --subject \"CN=...\""));
	return UKEY_USAGE;
}

enum ukey_status cmd_request(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	struct token_key_handle h = {0};
	struct session s = {0};
	const EVP_MD *hash = NULL;
	X509_NAME *subject = NULL;
	X509 *like = NULL;
	uint8_t *der = NULL;
	size_t len = 0;
	enum ukey_status r = hash_option(t, &hash);

	t->data_on_stdout = !tool_has(t, OPT_OUTPUT) || strcmp(t->opt[OPT_OUTPUT], "-") == 0;
	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK)
		r = pick_key(&s, d, key_fits_sign, &key);
	if (r == UKEY_OK)
		r = find_subject(&s, key, &subject, &like);
	if (r == UKEY_OK)
		r = session_login_for(&s, key);
	if (r == UKEY_OK)
		r = key_handle_open(&s, key, &h);
	if (r == UKEY_OK)
		r = request_make(
			&h, key, subject != NULL ? subject : X509_get_subject_name(like), like, hash, &der, &len);
	if (r == UKEY_OK)
		r = put_request(t, der, len);
	OPENSSL_free(der);
	X509_NAME_free(subject);
	X509_free(like);
	key_handle_close(&h);
	ukey_directory_unref(d);
	session_close(&s);
	return r;
}
