/* SPDX-License-Identifier: Apache-2.0 */
/* sign, verify, decrypt, encrypt: CMS (RFC 5652) by OpenSSL, with the token's key through the provider. */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/pem.h> /* before cms.h, which declares its PEM functions only then */
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "tools/cms.h"
#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/request.h"
#include "tools/ui.h"

#define MESSAGE_MAX ((size_t)1 << 30)

/* ---- shared ---- */

static enum ukey_status open_input(struct tool *t, const char *path, BIO **out)
{
	*out = strcmp(path, "-") == 0 ? BIO_new_fp(stdin, BIO_NOCLOSE) : BIO_new_file(path, "rb");
	if (*out != NULL)
		return UKEY_OK;
	ERR_clear_error();
	return tool_fail_file(t, path);
}

/* The default name is the file's with an ending; standard input has none, so that standard output it is. */
static enum ukey_status output_name(struct tool *t, const char *input, const char *ending, char *out, size_t cap)
{
	int n;

	if (tool_has(t, OPT_OUTPUT))
		n = snprintf(out, cap, "%s", t->opt[OPT_OUTPUT]);
	else if (strcmp(input, "-") == 0)
		n = snprintf(out, cap, "-");
	else
		n = snprintf(out, cap, "%s%s", input, ending);
	if (n < 0 || (size_t)n >= cap)
		return tool_fail(t, UKEY_USAGE, _("the file name is too long"));
	t->data_on_stdout = strcmp(out, "-") == 0;
	if (t->data_on_stdout && tool_has(t, OPT_JSON))
		return tool_fail(
			t, UKEY_USAGE, _("--json and the result on standard output: name a file with --output"));
	return UKEY_OK;
}

static enum ukey_status put_cms(struct tool *t, CMS_ContentInfo *cms, bool pem, const char *path)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len;
	enum ukey_status r = UKEY_MEMORY;

	if (bio != NULL && (pem ? PEM_write_bio_CMS(bio, cms) : i2d_CMS_bio(bio, cms)) > 0) {
		len = BIO_get_mem_data(bio, &data);
		r = ui_write_file(t, path, data, (size_t)len, 0644);
	}
	BIO_free(bio);
	return r;
}

CMS_ContentInfo *cms_parse(const uint8_t *data, size_t len)
{
	const unsigned char *at = data;
	CMS_ContentInfo *cms = NULL;
	BIO *bio;

	if (len > INT32_MAX)
		return NULL;
	if (len > 0 && data[0] == 0x30) {
		cms = d2i_CMS_ContentInfo(NULL, &at, (long)len);
		if (cms != NULL && at != data + len) {
			CMS_ContentInfo_free(cms);
			return NULL;
		}
		return cms;
	}
	bio = BIO_new_mem_buf(data, (int)len);
	if (bio != NULL && len > 10 && memcmp(data, "-----BEGIN", 10) == 0)
		cms = PEM_read_bio_CMS(bio, NULL, NULL, NULL);
	else if (bio != NULL)
		cms = SMIME_read_CMS(bio, NULL);
	BIO_free(bio);
	return cms;
}

static enum ukey_status read_cms(struct tool *t, const char *path, CMS_ContentInfo **out)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ukey_status r = ui_read_file(t, path, MESSAGE_MAX, &data, &len);

	if (r == UKEY_OK) {
		*out = cms_parse(data, len);
		if (*out == NULL) {
			ERR_clear_error();
			r = tool_fail(t, UKEY_DATA_INVALID, _("%s is not a CMS message in DER, PEM or S/MIME"), path);
		}
	}
	free(data);
	return r;
}

/* ---- sign ---- */

static enum ukey_status sign_with(
	struct token_key_handle *h, X509 *cert, const EVP_MD *hash, BIO *in, CMS_ContentInfo **out)
{
	struct tool *t = h->session->tool;
	bool pss = tool_has(t, OPT_PSS) && EVP_PKEY_is_a(h->pkey, "RSA");
	unsigned flags = CMS_BINARY | CMS_PARTIAL | (tool_has(t, OPT_ATTACHED) ? 0 : CMS_DETACHED);
	CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags);
	CMS_SignerInfo *si = NULL;

	if (cms != NULL)
		si = CMS_add1_signer(cms, cert, h->pkey, hash, flags | (pss ? CMS_KEY_PARAM : 0));
	if (si == NULL ||
		(pss && (EVP_PKEY_CTX_set_rsa_padding(CMS_SignerInfo_get0_pkey_ctx(si), RSA_PKCS1_PSS_PADDING) <= 0 ||
				EVP_PKEY_CTX_set_rsa_pss_saltlen(
					CMS_SignerInfo_get0_pkey_ctx(si), RSA_PSS_SALTLEN_DIGEST) <= 0)) ||
		CMS_final(cms, in, NULL, flags & ~(unsigned)CMS_PARTIAL) != 1) {
		CMS_ContentInfo_free(cms);
		return key_handle_failed(h, UKEY_INTERNAL);
	}
	*out = cms;
	return UKEY_OK;
}

static enum ukey_status sign_file(struct session *s, const EVP_MD *hash, BIO *in, const char *path)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	struct token_key_handle h = {0};
	CMS_ContentInfo *cms = NULL;
	X509 *cert = NULL;
	char ref[NAME_REF_SIZE];
	enum ukey_status r = ukey_directory(s->token, &d);

	if (r == UKEY_OK)
		r = pick_key(s, d, key_signs_with_certificate, &key);
	if (r == UKEY_OK)
		r = key_certificate(s, key->ref, &cert);
	if (r == UKEY_OK)
		r = session_login_for(s, key);
	if (r == UKEY_OK)
		r = key_handle_open(s, key, &h);
	if (r == UKEY_OK)
		r = sign_with(&h, cert, hash, in, &cms);
	if (r == UKEY_OK)
		r = put_cms(s->tool, cms, tool_has(s->tool, OPT_PEM), path);
	if (r == UKEY_OK) {
		name_key_ref(key->ref, ref);
		json_object_set_new(s->tool->result, "ref", json_string(ref));
		json_object_set_new(s->tool->result, "output", ui_json_text(path));
		json_object_set_new(s->tool->result, "signer", certificate_json(cert));
		ui_note(s->tool, _("Signed with key %s: %s"), ref, path);
	}
	CMS_ContentInfo_free(cms);
	key_handle_close(&h);
	X509_free(cert);
	ukey_directory_unref(d);
	return r;
}

enum ukey_status cmd_sign(struct tool *t)
{
	struct session s = {0};
	const EVP_MD *hash = NULL;
	BIO *in = NULL;
	char path[4096];
	enum ukey_status r = hash_option(t, &hash);

	if (r == UKEY_OK)
		r = output_name(t, t->args[0], tool_has(t, OPT_ATTACHED) ? ".p7m" : ".p7s", path, sizeof(path));
	if (r == UKEY_OK)
		r = open_input(t, t->args[0], &in);
	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = sign_file(&s, hash, in, path);
	BIO_free(in);
	session_close(&s);
	return r;
}

/* ---- verify ---- */

static X509_STORE *trust(struct tool *t)
{
	X509_STORE *store = X509_STORE_new();

	if (store == NULL)
		return NULL;
	X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN); /* any certificate in --ca is trusted, as it says */
	if (tool_has(t, OPT_CA) ? !X509_STORE_load_file(store, t->opt[OPT_CA]) : !X509_STORE_set_default_paths(store)) {
		X509_STORE_free(store);
		return NULL;
	}
	return store;
}

/* Signatures first, then who made them: two different answers for the person. */
static enum ukey_status check_chain(struct tool *t, X509 *signer, STACK_OF(X509) * others, X509_STORE *store)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	enum ukey_status r = UKEY_MEMORY;
	int error;

	if (ctx != NULL && X509_STORE_CTX_init(ctx, store, signer, others)) {
		X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_ANY);
		if (X509_verify_cert(ctx) == 1) {
			r = UKEY_OK;
		} else {
			error = X509_STORE_CTX_get_error(ctx);
			r = error == X509_V_ERR_CERT_HAS_EXPIRED || error == X509_V_ERR_CERT_NOT_YET_VALID
				    ? UKEY_CERT_EXPIRED
				    : UKEY_CERT_UNTRUSTED;
			tool_fail(t, r, "%s", X509_verify_cert_error_string(error));
			if (r == UKEY_CERT_EXPIRED)
				tool_hint(t,
					_("the signature itself is right; the signer's certificate is not valid now"));
		}
	}
	X509_STORE_CTX_free(ctx);
	ERR_clear_error();
	return r;
}

static void tell_signer(struct tool *t, json_t *array, X509 *signer)
{
	char *subject = name_text(X509_get_subject_name(signer));

	json_array_append_new(array, certificate_json(signer));
	ui_note(t, _("Good signature by %s"), subject != NULL ? subject : "?");
	free(subject);
}

static enum ukey_status verify_with(struct tool *t, CMS_ContentInfo *cms, BIO *content, BIO *out, X509_STORE *store)
{
	STACK_OF(X509) *signers = NULL, *others = CMS_get1_certs(cms);
	json_t *array = json_array();
	enum ukey_status r = UKEY_OK;

	json_object_set_new(t->result, "signers", array);
	if (CMS_verify(cms, NULL, NULL, content, out, CMS_BINARY | CMS_NO_SIGNER_CERT_VERIFY) != 1)
		r = tool_fail_openssl(t, UKEY_SIGNATURE_INVALID);
	if (r == UKEY_OK) {
		signers = CMS_get0_signers(cms);
		if (signers == NULL || sk_X509_num(signers) == 0)
			r = tool_fail(t, UKEY_SIGNATURE_INVALID, _("nobody signed it"));
	}
	for (int i = 0; r == UKEY_OK && i < sk_X509_num(signers); i++)
		r = check_chain(t, sk_X509_value(signers, i), others, store);
	for (int i = 0; r == UKEY_OK && i < sk_X509_num(signers); i++)
		tell_signer(t, array, sk_X509_value(signers, i));
	sk_X509_free(signers);
	sk_X509_pop_free(others, X509_free);
	return r;
}

static enum ukey_status verify_parts(struct tool *t, CMS_ContentInfo *cms, const char *content_path)
{
	X509_STORE *store = trust(t);
	BIO *content = NULL, *out = NULL;
	char *data = NULL;
	long len;
	enum ukey_status r = UKEY_OK;

	if (store == NULL) {
		ERR_clear_error();
		r = tool_fail(
			t, UKEY_FILE, "%s", tool_has(t, OPT_CA) ? t->opt[OPT_CA] : _("the system's CA certificates"));
	}
	if (r == UKEY_OK && content_path != NULL)
		r = open_input(t, content_path, &content);
	if (r == UKEY_OK && tool_has(t, OPT_OUTPUT)) {
		out = BIO_new(BIO_s_mem());
		r = out != NULL ? UKEY_OK : UKEY_MEMORY;
	}
	if (r == UKEY_OK)
		r = verify_with(t, cms, content, out, store);
	if (r == UKEY_OK && out != NULL) {
		len = BIO_get_mem_data(out, &data);
		r = ui_write_file(t, t->opt[OPT_OUTPUT], data, (size_t)len, 0644);
	}
	BIO_free(content);
	BIO_free(out);
	X509_STORE_free(store);
	return r;
}

enum ukey_status cmd_verify(struct tool *t)
{
	CMS_ContentInfo *cms = NULL;
	char path[4096];
	bool attached = tool_has(t, OPT_ATTACHED);
	enum ukey_status r = UKEY_OK;

	t->data_on_stdout = tool_has(t, OPT_OUTPUT) && strcmp(t->opt[OPT_OUTPUT], "-") == 0;
	if (t->data_on_stdout && tool_has(t, OPT_JSON))
		return tool_fail(
			t, UKEY_USAGE, _("--json and the result on standard output: name a file with --output"));
	if (attached)
		snprintf(path, sizeof(path), "%s", t->args[0]);
	else if (tool_has(t, OPT_SIGNATURE))
		snprintf(path, sizeof(path), "%s", t->opt[OPT_SIGNATURE]);
	else
		snprintf(path, sizeof(path), "%s.p7s", t->args[0]);
	r = read_cms(t, path, &cms);
	if (r == UKEY_OK && OBJ_obj2nid(CMS_get0_type(cms)) != NID_pkcs7_signed)
		r = tool_fail(t, UKEY_DATA_INVALID, _("%s is no CMS signature"), path);
	if (r == UKEY_OK)
		r = verify_parts(t, cms, attached ? NULL : t->args[0]);
	CMS_ContentInfo_free(cms);
	return r;
}

/* ---- decrypt ---- */

static bool recipient_is(CMS_RecipientInfo *ri, X509 *cert)
{
	STACK_OF(CMS_RecipientEncryptedKey) * keys;

	switch (CMS_RecipientInfo_type(ri)) {
	case CMS_RECIPINFO_TRANS:
		return CMS_RecipientInfo_ktri_cert_cmp(ri, cert) == 0;
	case CMS_RECIPINFO_AGREE:
		keys = CMS_RecipientInfo_kari_get0_reks(ri);
		for (int i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
			if (CMS_RecipientEncryptedKey_cert_cmp(sk_CMS_RecipientEncryptedKey_value(keys, i), cert) == 0)
				return true;
		return false;
	default:
		return false;
	}
}

static bool message_is_for(CMS_ContentInfo *cms, X509 *cert)
{
	STACK_OF(CMS_RecipientInfo) *list = CMS_get0_RecipientInfos(cms);

	for (int i = 0; i < sk_CMS_RecipientInfo_num(list); i++)
		if (recipient_is(sk_CMS_RecipientInfo_value(list, i), cert))
			return true;
	return false;
}

/* The key whose certificate the message names. */
static enum ukey_status find_recipient(struct session *s, const struct ukey_directory *d, CMS_ContentInfo *cms,
	const struct ukey_key **key, X509 **cert)
{
	const struct ukey_key *named = NULL;
	enum ukey_status r = UKEY_OK;

	if (tool_has(s->tool, OPT_KEY_REF))
		r = pick_key(s, d, key_has_certificate, &named);
	for (size_t i = 0; r == UKEY_OK && i < d->key_count; i++) {
		if (!d->keys[i].certificate.exists || (named != NULL && named->ref != d->keys[i].ref))
			continue;
		r = key_certificate(s, d->keys[i].ref, cert);
		if (r != UKEY_OK)
			return r;
		if (message_is_for(cms, *cert)) {
			*key = &d->keys[i];
			return UKEY_OK;
		}
		X509_free(*cert);
		*cert = NULL;
	}
	if (r != UKEY_OK)
		return r;
	tool_fail(s->tool, UKEY_NOT_FOUND, _("the message is for none of the certificates on this token"));
	tool_hint(s->tool, _("plug in the token it was encrypted for"));
	return UKEY_NOT_FOUND;
}

static enum ukey_status decrypt_message(struct session *s, CMS_ContentInfo *cms, const char *path)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	struct token_key_handle h = {0};
	X509 *cert = NULL;
	BIO *out = BIO_new(BIO_s_secmem());
	char *data = NULL, ref[NAME_REF_SIZE];
	long len = 0;
	enum ukey_status r = out != NULL ? ukey_directory(s->token, &d) : UKEY_MEMORY;

	if (r == UKEY_OK)
		r = find_recipient(s, d, cms, &key, &cert);
	if (r == UKEY_OK && (key->usage & (UKEY_USE_DECRYPT | UKEY_USE_DERIVE)) == 0) {
		name_key_ref(key->ref, ref);
		r = tool_fail(s->tool, UKEY_KEY_USAGE, _("key %s"), ref);
	}
	if (r == UKEY_OK)
		r = session_login_for(s, key);
	if (r == UKEY_OK)
		r = key_handle_open(s, key, &h);
	/* one answer for everything that can go wrong inside, so that nobody can use us as an oracle */
	if (r == UKEY_OK && CMS_decrypt(cms, h.pkey, cert, NULL, out, 0) != 1) {
		ERR_clear_error();
		r = h.signer.failed != UKEY_OK ? h.signer.failed : UKEY_DECRYPT_FAILED;
	}
	if (r == UKEY_OK) {
		len = BIO_get_mem_data(out, &data);
		r = ui_write_file(s->tool, path, data, (size_t)len, 0600);
	}
	if (r == UKEY_OK) {
		name_key_ref(key->ref, ref);
		json_object_set_new(s->tool->result, "ref", json_string(ref));
		json_object_set_new(s->tool->result, "output", ui_json_text(path));
		if (!s->tool->data_on_stdout)
			ui_note(s->tool, _("Decrypted with key %s: %s"), ref, path);
	}
	if (data != NULL)
		OPENSSL_cleanse(data, (size_t)len);
	BIO_free(out);
	key_handle_close(&h);
	X509_free(cert);
	ukey_directory_unref(d);
	return r;
}

enum ukey_status cmd_decrypt(struct tool *t)
{
	const char *path = tool_has(t, OPT_OUTPUT) ? t->opt[OPT_OUTPUT] : "-";
	CMS_ContentInfo *cms = NULL;
	struct session s = {0};
	enum ukey_status r;

	t->data_on_stdout = strcmp(path, "-") == 0;
	if (t->data_on_stdout && tool_has(t, OPT_JSON))
		return tool_fail(
			t, UKEY_USAGE, _("--json and the result on standard output: name a file with --output"));
	r = read_cms(t, t->args[0], &cms);
	if (r == UKEY_OK && CMS_get0_RecipientInfos(cms) == NULL)
		r = tool_fail(t, UKEY_DATA_INVALID, _("%s is not encrypted"), t->args[0]);
	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = decrypt_message(&s, cms, path);
	CMS_ContentInfo_free(cms);
	session_close(&s);
	return r;
}

/* ---- encrypt ---- */

enum ukey_status cmd_encrypt(struct tool *t)
{
	STACK_OF(X509) *to = sk_X509_new_null();
	CMS_ContentInfo *cms = NULL;
	X509 *cert = NULL;
	BIO *in = NULL;
	char path[4096];
	enum ukey_status r = output_name(t, t->args[0], ".p7m", path, sizeof(path));

	if (r == UKEY_OK && !tool_has(t, OPT_TO))
		r = tool_fail(t, UKEY_USAGE, _("--to is missing"));
	if (r == UKEY_OK)
		r = certificate_read(t, t->opt[OPT_TO], &cert);
	if (r == UKEY_OK)
		r = open_input(t, t->args[0], &in);
	if (r == UKEY_OK && (to == NULL || sk_X509_push(to, cert) <= 0))
		r = UKEY_MEMORY;
	if (r == UKEY_OK) {
		cms = CMS_encrypt(to, in, EVP_aes_256_cbc(), CMS_BINARY);
		r = cms != NULL ? put_cms(t, cms, tool_has(t, OPT_PEM), path) : tool_fail_openssl(t, UKEY_CERT_INVALID);
	}
	if (r == UKEY_OK) {
		json_object_set_new(t->result, "output", ui_json_text(path));
		ui_note(t, _("Encrypted: %s"), path);
	}
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	sk_X509_free(to);
	X509_free(cert);
	return r;
}
