/* SPDX-License-Identifier: Apache-2.0 */
/* key import: an exchange pair that was made elsewhere, with its certificate. */
#include "config.h"

#include <stdlib.h>

#include <openssl/x509v3.h>

#include "common/secmem.h"
#include "tools/key_file.h"
#include "tools/key_make.h"
#include "tools/names.h"
#include "tools/token_session.h"
#include "tools/ui.h"

#define ENCIPHERS (KU_KEY_ENCIPHERMENT | KU_DATA_ENCIPHERMENT | KU_KEY_AGREEMENT)

struct import {
	struct key_file file;
	struct ukey_generate how;
	uint8_t id[UKEY_ID_MAX];
	struct ukey_outside halves;
	uint8_t *spki, *value; /* the latter secmem */
	ukey_key_ref ref;
	bool there; /* on the token already; only its certificate is missing */
};

static enum ukey_status no_signature_key(struct tool *t, const char *why)
{
	if (why != NULL)
		tool_fail(t, UKEY_KEY_ORIGIN, "%s", why);
	else
		tool_fail(t, UKEY_KEY_ORIGIN, NULL);
	tool_hint(t,
		_("whoever keeps a copy of a signature key can sign as you. Make one on the token: ukey key generate"));
	return UKEY_KEY_ORIGIN;
}

static enum ukey_status read_options(struct tool *t, struct import *i)
{
	struct builder id = builder_of(i->id, sizeof(i->id));
	enum ukey_status r;

	i->how = (struct ukey_generate){.ref = -1, .pair = UKEY_EXCHANGE};
	r = key_options(t, &i->how, &id);
	return r == UKEY_OK && i->how.pair != UKEY_EXCHANGE ? no_signature_key(t, NULL) : r;
}

/* What the certificate says of its key: one that is for signatures alone has no place here. */
static enum ukey_status check_certificate(struct tool *t, const struct key_file *f, const struct session *s)
{
	if (f->cert == NULL)
		return UKEY_OK;
	if (X509_check_private_key(f->cert, f->key) != 1)
		return tool_fail(t, UKEY_CERT_MISMATCH, NULL);
	if (i2d_X509(f->cert, NULL) > (int)s->info.max_object)
		return tool_fail(t, UKEY_TOO_LARGE, _("the certificate"));
	/* all bits are set where the certificate does not say */
	if ((X509_get_key_usage(f->cert) & ENCIPHERS) == 0)
		return no_signature_key(t, _("its certificate is for signatures"));
	return UKEY_OK;
}

static enum ukey_status read_halves(struct tool *t, struct import *i)
{
	enum ukey_status r;

	i->value = secmem_alloc(KEY_FILE_VALUE_MAX);
	if (i->value == NULL)
		return UKEY_MEMORY;
	r = key_file_halves(t, i->file.key, &i->spki, &i->halves.spki_len, i->value, &i->halves.value_len);
	i->halves.spki = i->spki;
	i->halves.value = i->value;
	if (r == UKEY_OK && i->how.id_len == 0) {
		r = key_id_of(BYTES(i->spki, i->halves.spki_len), i->id);
		i->how.id_len = 20;
	}
	i->how.id = i->id;
	return r;
}

static bool same_key(const struct ukey_key *key, const struct import *i)
{
	uint8_t *spki = NULL;
	size_t len = 0;
	bool same = ukey_key_spki(key, &spki, &len) == UKEY_OK &&
		    bytes_equal(BYTES(spki, len), BYTES(i->spki, i->halves.spki_len));

	free(spki);
	return same && !key->generated;
}

/* This key is there already: from a run that was broken off, which goes on; by mistake; or another copy is wanted. */
static enum ukey_status met(struct tool *t, struct import *i, const struct ukey_key *key)
{
	const bool here = i->how.ref < 0 || i->how.ref == key->ref;
	char ref[NAME_REF_SIZE];

	name_key_ref(key->ref, ref);
	if (here && !key->certificate.exists && i->file.cert != NULL) {
		i->there = true;
		i->ref = key->ref;
	} else if (i->how.ref < 0) {
		tool_fail(t, UKEY_EXISTS, _("key %s is the same"), ref);
		tool_hint(t, _("nothing is to be done; to have it in another place too, add --container N"));
		return UKEY_EXISTS;
	} else if (!here) {
		ui_warn(t, _("The token has this key already: %s. One of them can go with: ukey key delete"), ref);
	}
	return UKEY_OK;
}

static enum ukey_status look_for_it(struct session *s, struct import *i)
{
	const struct ukey_directory *d = NULL;
	enum ukey_status r = ukey_directory(s->token, &d);

	for (size_t k = 0; r == UKEY_OK && !i->there && k < d->key_count; k++)
		if (same_key(&d->keys[k], i))
			r = met(s->tool, i, &d->keys[k]);
	ukey_directory_unref(d);
	return r;
}

static enum ukey_status write_certificate(struct session *s, const struct import *i, const struct ukey_key *key)
{
	char label[UKEY_LABEL_MAX + 1] = "";
	unsigned char *der = NULL;
	int len = i2d_X509(i->file.cert, &der);
	enum ukey_status r = UKEY_MEMORY;

	name_certificate(i->file.cert, key, label);
	if (len > 0)
		r = ukey_write_certificate(s->token, i->ref, der, (size_t)len, label[0] != '\0' ? label : NULL);
	OPENSSL_free(der);
	if (r == UKEY_OK)
		json_object_set_new(s->tool->result, "certificate", certificate_json(i->file.cert));
	return r;
}

static enum ukey_status finish(struct session *s, const struct import *i)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key;
	char ref[NAME_REF_SIZE];
	enum ukey_status r = ukey_directory(s->token, &d);

	if (r != UKEY_OK)
		return r;
	key = ukey_directory_key(d, i->ref);
	if (key == NULL)
		r = UKEY_NOT_FOUND;
	if (r == UKEY_OK) {
		name_key_ref(key->ref, ref);
		ui_note(s->tool,
			i->there ? _("Key %s (%s) is on the token already; its certificate was missing.")
				 : _("Key %s (%s) is imported. It decrypts and agrees on keys; it signs nothing."),
			ref, name_algorithm(key->algorithm)->shown);
		json_object_set_new(s->tool->result, "key", key_json(key));
	}
	if (r == UKEY_OK && i->file.cert != NULL) {
		r = write_certificate(s, i, key);
		if (r == UKEY_OK) {
			ui_note(s->tool, _("The certificate of key %s is written."), ref);
		} else {
			tool_fail(s->tool, r, NULL);
			tool_hint(s->tool, _("key %s is on the token; repeat the command for its certificate"), ref);
		}
	}
	if (r == UKEY_OK && i->file.others > 0)
		ui_note(s->tool, _("Other certificates of the file (%u) stay outside: ukey cert import --authority"),
			i->file.others);
	ukey_directory_unref(d);
	return r;
}

enum ukey_status cmd_key_import(struct tool *t)
{
	struct import i = {0};
	struct session s = {0};
	enum ukey_status r = read_options(t, &i);

	if (r == UKEY_OK)
		r = key_file_read(t, t->args[0], &i.file);
	if (r == UKEY_OK)
		r = session_open(t, &s);
	if (r == UKEY_OK)
		r = check_certificate(t, &i.file, &s);
	if (r == UKEY_OK)
		r = read_halves(t, &i);
	if (r == UKEY_OK)
		r = session_login(&s, UKEY_USER, false);
	if (r == UKEY_OK)
		r = look_for_it(&s, &i);
	if (r == UKEY_OK && !i.there)
		r = ukey_import_key(s.token, &i.how, &i.halves, &i.ref);
	if (r == UKEY_OK)
		r = finish(&s, &i);
	secmem_free(i.value);
	OPENSSL_free(i.spki);
	key_file_clear(&i.file);
	session_close(&s);
	return r;
}
