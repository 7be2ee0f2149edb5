/* SPDX-License-Identifier: Apache-2.0 */
/* cert import, export, list, delete. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/x509v3.h>

#include "common/hex.h"
#include "tools/key_make.h"
#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/token_session.h"
#include "tools/ui.h"

/* ---- import ---- */

/* The key whose public half the certificate holds; NULL when there is none. */
static const struct ukey_key *key_of(const struct ukey_directory *d, X509 *cert)
{
	EVP_PKEY *inside = X509_get0_pubkey(cert);

	for (size_t i = 0; inside != NULL && i < d->key_count; i++) {
		EVP_PKEY *ours = key_public(&d->keys[i]);
		bool same = ours != NULL && EVP_PKEY_eq(ours, inside) == 1;
		EVP_PKEY_free(ours);
		if (same)
			return &d->keys[i];
	}
	return NULL;
}

static enum ukey_status import_target(
	struct session *s, const struct ukey_directory *d, X509 *cert, const struct ukey_key **key)
{
	const struct ukey_key *owner = key_of(d, cert), *named = NULL;
	char ref[NAME_REF_SIZE];
	enum ukey_status r;

	*key = NULL;
	if (tool_has(s->tool, OPT_AUTHORITY))
		return UKEY_OK;
	if (tool_has(s->tool, OPT_KEY_REF)) {
		r = pick_key(s, d, key_fits_any, &named);
		if (r != UKEY_OK)
			return r;
		name_key_ref(named->ref, ref);
		if (owner == NULL || owner->ref != named->ref)
			return tool_fail(s->tool, UKEY_CERT_MISMATCH, _("key %s"), ref);
	}
	if (owner == NULL) {
		tool_fail(s->tool, UKEY_CERT_MISMATCH, _("no key on this token has its public key"));
		if (X509_check_ca(cert) > 0)
			tool_hint(s->tool, _("it is a CA certificate: add --authority to store it without a key"));
		return UKEY_CERT_MISMATCH;
	}
	name_key_ref(owner->ref, ref);
	if (owner->certificate.exists && !tool_has(s->tool, OPT_FORCE)) {
		tool_fail(s->tool, UKEY_EXISTS, _("key %s has a certificate"), ref);
		tool_hint(s->tool, _("add --force to replace it"));
		return UKEY_EXISTS;
	}
	*key = owner;
	return UKEY_OK;
}

static enum ukey_status write_authority(struct session *s, const uint8_t *der, size_t len, const char *label)
{
	uint8_t id[20], number = 0;
	enum ukey_status r;

	if (!crypto_digest(CRYPTO_SHA1, BYTES(der, len), id))
		return UKEY_MEMORY;
	r = ukey_write_other_certificate(s->token, -1, der, len, id, sizeof(id), label, 2, &number);
	if (r == UKEY_OK) {
		json_object_set_new(s->tool->result, "other", json_integer(number));
		ui_note(s->tool, _("CA certificate %u is written."), number);
	}
	return r;
}

/* A key whose making was broken off before its id came gets it now: by it programs find the key of a certificate. */
static enum ukey_status complete_id(struct session *s, const struct ukey_key *key)
{
	uint8_t id[20];
	enum ukey_status r = key->id_len > 0 ? UKEY_OK : key_default_id(key, id);

	return r != UKEY_OK || key->id_len > 0
		       ? r
		       : ukey_set_key_attributes(s->token, key->ref, id, sizeof(id), NULL, NULL);
}

static enum ukey_status import(struct session *s, X509 *cert)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	char common[UKEY_LABEL_MAX + 1] = "", ref[NAME_REF_SIZE];
	const char *label = s->tool->opt[OPT_LABEL];
	unsigned char *der = NULL;
	int len = i2d_X509(cert, &der);
	enum ukey_status r = len > 0 ? UKEY_OK : UKEY_MEMORY;

	if (r == UKEY_OK && label != NULL && strlen(label) > UKEY_LABEL_MAX)
		r = tool_fail(s->tool, UKEY_USAGE, _("a label is longer than %d bytes"), UKEY_LABEL_MAX);
	if (r == UKEY_OK && (size_t)len > s->info.max_object)
		r = tool_fail(s->tool, UKEY_TOO_LARGE, _("%d bytes; the token takes %zu"), len, s->info.max_object);
	if (r == UKEY_OK)
		r = ukey_directory(s->token, &d);
	if (r == UKEY_OK)
		r = import_target(s, d, cert, &key);
	if (r == UKEY_OK)
		name_certificate(cert, key, common);
	if (r == UKEY_OK)
		r = session_login_writer(s);
	if (r == UKEY_OK && key == NULL) {
		r = write_authority(s, der, (size_t)len, label != NULL ? label : common);
	} else if (r == UKEY_OK) {
		name_key_ref(key->ref, ref);
		r = ukey_write_certificate(s->token, key->ref, der, (size_t)len,
			label != NULL       ? label
			: common[0] != '\0' ? common
					    : NULL);
		if (r == UKEY_OK)
			r = complete_id(s, key);
		if (r == UKEY_OK) {
			json_object_set_new(s->tool->result, "ref", json_string(ref));
			ui_note(s->tool, _("The certificate of key %s is written."), ref);
		}
	}
	if (r == UKEY_OK)
		json_object_set_new(s->tool->result, "certificate", certificate_json(cert));
	OPENSSL_free(der);
	ukey_directory_unref(d);
	return r;
}

enum ukey_status cmd_cert_import(struct tool *t)
{
	struct session s = {0};
	X509 *cert = NULL;
	enum ukey_status r = certificate_read(t, t->args[0], &cert);

	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = import(&s, cert);
	X509_free(cert);
	session_close(&s);
	return r;
}

/* ---- list ---- */

static void list_one(
	struct tool *t, struct ui_table *table, json_t *array, X509 *cert, const char *where, const char *label)
{
	json_t *j = certificate_json(cert);
	char until[UI_TIME_SIZE];
	int64_t end = certificate_until(cert), now = (int64_t)time(NULL);
	char *subject = name_text(X509_get_subject_name(cert));

	(void)t;
	ui_time(end, until);
	ui_table_cell(table, "%s", where);
	ui_table_cell(table, "%.10s%s", until, end < now ? _(" EXPIRED") : "");
	ui_table_cell(table, "%s", label);
	ui_table_cell(table, "%s", subject != NULL ? subject : "");
	json_object_set_new(j, "label", ui_json_text(label));
	json_object_set_new(j, "expired", json_boolean(end < now));
	json_array_append_new(array, j);
	free(subject);
}

static enum ukey_status list_certificates(
	struct session *s, const struct ukey_directory *d, struct ui_table *table, json_t *array)
{
	enum ukey_status r = UKEY_OK;
	X509 *cert = NULL;
	char where[16];

	for (size_t i = 0; r == UKEY_OK && i < d->key_count; i++) {
		const struct ukey_key *key = &d->keys[i];
		if (!key->certificate.exists)
			continue;
		r = key_certificate(s, key->ref, &cert);
		if (r != UKEY_OK)
			break;
		name_key_ref(key->ref, where);
		list_one(s->tool, table, array, cert, where, key->certificate.label);
		json_object_set_new(json_array_get(array, json_array_size(array) - 1), "ref", json_string(where));
		X509_free(cert);
	}
	for (size_t i = 0; r == UKEY_OK && i < d->certificate_count; i++) {
		const struct ukey_other_certificate *other = &d->certificates[i];
		uint8_t *der = NULL;
		size_t len = 0;
		r = ukey_read_other_certificate(s->token, other->number, &der, &len);
		if (r == UKEY_OK)
			r = certificate_parse(s->tool, der, len, &cert);
		free(der);
		if (r != UKEY_OK)
			break;
		snprintf(where, sizeof(where), _("other %u"), other->number);
		list_one(s->tool, table, array, cert, where, other->certificate.label);
		json_object_set_new(
			json_array_get(array, json_array_size(array) - 1), "other", json_integer(other->number));
		X509_free(cert);
	}
	return r;
}

enum ukey_status cmd_cert_list(struct tool *t)
{
	const char *const headings[] = {_("KEY"), _("VALID UNTIL"), _("LABEL"), _("SUBJECT")};
	const struct ukey_directory *d = NULL;
	struct ui_table *table = NULL;
	json_t *array = json_array();
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK) {
		table = ui_table_new(headings, 4);
		r = list_certificates(&s, d, table, array);
		ui_table_print(table, json_array_size(array) > 0 && !tool_has(t, OPT_JSON) ? stdout : NULL);
		if (r == UKEY_OK && json_array_size(array) == 0)
			ui_note(t, _("No certificates on this token. Get one: ukey enroll"));
	}
	json_object_set_new(t->result, "serial", json_string(s.info.serial));
	json_object_set_new(t->result, "certificates", array);
	ukey_directory_unref(d);
	session_close(&s);
	return r;
}

/* ---- export ---- */

static enum ukey_status fetch(struct session *s, long other, X509 **cert)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	uint8_t *der = NULL;
	size_t len = 0;
	enum ukey_status r;

	if (other >= 0) {
		r = ukey_read_other_certificate(s->token, (uint8_t)other, &der, &len);
		if (r == UKEY_OK)
			r = certificate_parse(s->tool, der, len, cert);
		free(der);
		return r;
	}
	r = ukey_directory(s->token, &d);
	if (r == UKEY_OK)
		r = pick_key(s, d, key_has_certificate, &key);
	if (r == UKEY_OK)
		r = key_certificate(s, key->ref, cert);
	ukey_directory_unref(d);
	return r;
}

static enum ukey_status put_certificate(struct tool *t, X509 *cert)
{
	const char *path = tool_has(t, OPT_OUTPUT) ? t->opt[OPT_OUTPUT] : "-";
	unsigned char *der = NULL;
	char *pem = certificate_pem(cert);
	int len = i2d_X509(cert, &der);
	enum ukey_status r = UKEY_OK;

	if (pem == NULL || len <= 0)
		r = UKEY_MEMORY;
	else
		json_object_set_new(t->result, "pem", json_string(pem));
	/* the document has it: nothing else belongs on stdout then */
	if (r == UKEY_OK && !(tool_has(t, OPT_JSON) && strcmp(path, "-") == 0))
		r = tool_has(t, OPT_DER) ? ui_write_file(t, path, der, (size_t)len, 0644)
					 : ui_write_file(t, path, pem, strlen(pem), 0644);
	OPENSSL_free(der);
	free(pem);
	return r;
}

enum ukey_status cmd_cert_export(struct tool *t)
{
	struct session s = {0};
	X509 *cert = NULL;
	long other = -1;
	enum ukey_status r = tool_number(t, OPT_OTHER, 0, 31, &other);

	t->data_on_stdout = !tool_has(t, OPT_OUTPUT) || strcmp(t->opt[OPT_OUTPUT], "-") == 0;
	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = fetch(&s, other, &cert);
	if (r == UKEY_OK)
		r = put_certificate(t, cert);
	if (r == UKEY_OK)
		json_object_set_new(t->result, "certificate", certificate_json(cert));
	X509_free(cert);
	session_close(&s);
	return r;
}

/* ---- delete ---- */

enum ukey_status cmd_cert_delete(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	struct session s = {0};
	char name[32] = "";
	long other = -1;
	enum ukey_status r = tool_number(t, OPT_OTHER, 0, 31, &other);

	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK && other < 0)
		r = pick_key(&s, d, key_has_certificate, &key);
	if (r == UKEY_OK && other >= 0)
		snprintf(name, sizeof(name), "%ld", other);
	else if (r == UKEY_OK)
		name_key_ref(key->ref, name);
	if (r == UKEY_OK)
		r = ui_confirm(t, name, _("This deletes the certificate %s from the token."), name);
	if (r == UKEY_OK)
		r = session_login_writer(&s);
	if (r == UKEY_OK)
		r = other >= 0 ? ukey_delete_other_certificate(s.token, (uint8_t)other)
			       : ukey_delete_certificate(s.token, key->ref);
	if (r == UKEY_OK) {
		json_object_set_new(t->result, "deleted", json_string(name));
		ui_note(t, _("Certificate %s is deleted."), name);
	}
	ukey_directory_unref(d);
	session_close(&s);
	return r;
}
