/* SPDX-License-Identifier: Apache-2.0 */
/* key generate, list, delete. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "tools/key_make.h"
#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/token_session.h"
#include "tools/ui.h"

/* ---- making a key (key_make.h) ---- */

enum ukey_status key_id_of(struct bytes spki, uint8_t id[20])
{
	X509_PUBKEY *key;
	const unsigned char *at = spki.data, *bits = NULL;
	int bit_len = 0;
	enum ukey_status r = UKEY_OK;

	key = d2i_X509_PUBKEY(NULL, &at, (long)spki.len);
	if (key == NULL || !X509_PUBKEY_get0_param(NULL, &bits, &bit_len, NULL, key) ||
		!crypto_digest(CRYPTO_SHA1, BYTES(bits, (size_t)bit_len), id))
		r = UKEY_MEMORY;
	X509_PUBKEY_free(key);
	return r;
}

enum ukey_status key_default_id(const struct ukey_key *key, uint8_t id[20])
{
	uint8_t *der = NULL;
	size_t len = 0;
	enum ukey_status r = ukey_key_spki(key, &der, &len);

	if (r == UKEY_OK)
		r = key_id_of(BYTES(der, len), id);
	free(der);
	return r;
}

enum ukey_status key_make(struct session *s, struct ukey_generate *how, ukey_key_ref *ref)
{
	const struct algorithm_name *a = name_algorithm(how->algorithm);
	struct ui_progress *p;
	enum ukey_status r;

	if (!ukey_token_supports(s->token, how->algorithm))
		return tool_fail(s->tool, UKEY_ALGORITHM, "%s", a->shown);
	p = ui_progress_start(s->tool,
		how->algorithm == UKEY_RSA_2048 || a->bits > 2048
			? _("The token makes an %s key; this may take a minute. Leave it plugged in.")
			: _("The token makes a %s key."),
		a->shown);
	r = ukey_generate(s->token, how, ref);
	ui_progress_end(p, r == UKEY_OK);
	return r;
}

/* ---- key generate ---- */

enum ukey_status key_options(struct tool *t, struct ukey_generate *how, struct builder *id)
{
	const char *kind = tool_has(t, OPT_KEY) ? t->opt[OPT_KEY] : "rsa2048";
	const struct algorithm_name *a = name_algorithm_option(kind);
	long container = -1;
	enum ukey_status r;

	if (a == NULL)
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is no kind of key"), kind);
	how->algorithm = a->algorithm;
	if (tool_has(t, OPT_PAIR) && !name_parse_pair(t->opt[OPT_PAIR], &how->pair))
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is neither signature nor exchange"), t->opt[OPT_PAIR]);
	r = tool_number(t, OPT_CONTAINER, 0, 31, &container);
	if (r != UKEY_OK)
		return r;
	how->ref = container < 0 ? -1 : UKEY_KEY_REF(container, how->pair);
	if (tool_has(t, OPT_SLOT)) {
		ukey_key_ref ref;
		if (!name_parse_slot(t->opt[OPT_SLOT], &ref))
			return tool_fail(
				t, UKEY_USAGE, _("\"%s\" is no slot: 9a, 9c, 9d, 9e or 82 to 95"), t->opt[OPT_SLOT]);
		how->ref = ref;
	}
	how->replace = tool_has(t, OPT_REPLACE);
	if (how->replace && !tool_has(t, OPT_SLOT))
		return tool_fail(t, UKEY_USAGE, _("--replace needs --slot"));
	if (tool_has(t, OPT_USAGE) && !name_parse_usage(t->opt[OPT_USAGE], &how->usage))
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is not of sign, decrypt, derive"), t->opt[OPT_USAGE]);
	if (tool_has(t, OPT_ID) && (!hex_decode(t->opt[OPT_ID], id) || id->len == 0))
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is not a hexadecimal id of 1 to 32 bytes"), t->opt[OPT_ID]);
	how->label = t->opt[OPT_LABEL];
	how->container_name = t->opt[OPT_NAME];
	if ((how->label != NULL && strlen(how->label) > UKEY_LABEL_MAX) ||
		(how->container_name != NULL && strlen(how->container_name) > UKEY_LABEL_MAX))
		return tool_fail(t, UKEY_USAGE, _("a label is longer than %d bytes"), UKEY_LABEL_MAX);
	how->id = id->data;
	how->id_len = id->len;
	how->always_authenticate = tool_has(t, OPT_ALWAYS);
	how->touch = tool_has(t, OPT_TOUCH);
	return UKEY_OK;
}

/* The id that others derive from the public key, so that they find the key of a certificate. */
static enum ukey_status give_id(struct session *s, ukey_key_ref ref, bool wanted)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key;
	uint8_t id[20];
	char name[NAME_REF_SIZE];
	enum ukey_status r;

	if (wanted) {
		r = ukey_directory(s->token, &d);
		key = r == UKEY_OK ? ukey_directory_key(d, ref) : NULL;
		if (r == UKEY_OK)
			r = key != NULL ? key_default_id(key, id) : UKEY_NOT_FOUND;
		if (r == UKEY_OK)
			r = ukey_set_key_attributes(s->token, ref, id, sizeof(id), NULL, NULL);
		ukey_directory_unref(d);
		d = NULL;
		if (r != UKEY_OK)
			return r;
	}
	r = ukey_directory(s->token, &d);
	key = r == UKEY_OK ? ukey_directory_key(d, ref) : NULL;
	if (r == UKEY_OK && key == NULL)
		r = UKEY_NOT_FOUND;
	if (r == UKEY_OK) {
		json_object_set_new(s->tool->result, "key", key_json(key));
		name_key_ref(ref, name);
		ui_note(s->tool, _("Made key %s (%s)."), name, name_algorithm(key->algorithm)->shown);
	}
	ukey_directory_unref(d);
	return r;
}

static enum ukey_status finish_key(struct session *s, ukey_key_ref ref, bool id_wanted)
{
	char name[NAME_REF_SIZE];
	enum ukey_status r = give_id(s, ref, id_wanted);

	if (r != UKEY_OK) {
		name_key_ref(ref, name);
		tool_fail(s->tool, r, NULL);
		tool_hint(s->tool, _("key %s was made all the same: use it, or delete it with ukey key delete"), name);
	}
	return r;
}

/* Only when there is one to be lost. */
static enum ukey_status confirm_replace(struct session *s, ukey_key_ref ref)
{
	const struct ukey_directory *d = NULL;
	char name[NAME_REF_SIZE];
	enum ukey_status r = ukey_directory(s->token, &d);
	const struct ukey_key *key = r == UKEY_OK ? ukey_directory_key(d, ref) : NULL;

	name_key_ref(ref, name);
	if (key != NULL)
		r = ui_confirm(s->tool, name, _("This DELETES key %s \"%s\"%s; nothing brings it back."), name,
			key->label, key->certificate.exists ? _(" and its certificate") : "");
	ukey_directory_unref(d);
	return r;
}

enum ukey_status cmd_key_generate(struct tool *t)
{
	uint8_t id_bytes[UKEY_ID_MAX];
	struct builder id = builder_of(id_bytes, sizeof(id_bytes));
	struct ukey_generate how = {.ref = -1};
	struct session s = {0};
	ukey_key_ref ref = 0;
	enum ukey_status r = key_options(t, &how, &id);

	if (r != UKEY_OK)
		return r;
	r = session_open(t, &s);
	if (r == UKEY_OK && how.replace)
		r = confirm_replace(&s, (ukey_key_ref)how.ref);
	if (r == UKEY_OK)
		r = session_login_writer(&s);
	if (r == UKEY_OK)
		r = key_make(&s, &how, &ref);
	if (r == UKEY_EXISTS && session_is_piv(&s)) {
		tool_fail(t, r, NULL);
		tool_hint(t, "%s", _("another slot, or --replace: then the key that is there is lost for ever"));
	}
	if (r == UKEY_OK)
		r = finish_key(&s, ref, id.len == 0 && !session_is_piv(&s));
	session_close(&s);
	return r;
}

/* ---- key list ---- */

static const char *container_name(const struct ukey_directory *d, ukey_key_ref ref)
{
	for (size_t i = 0; i < d->container_count; i++)
		if (d->containers[i].number == ref / 2)
			return d->containers[i].name;
	return "";
}

static void list_keys(struct tool *t, const struct session *s, const struct ukey_directory *d)
{
	const char *const headings[] = {_("KEY"), _("KIND"), _("USE"), _("CERT"), _("ID"), _("LABEL")};
	struct ui_table *table = ui_table_new(headings, 6);
	json_t *keys = json_array();

	for (size_t i = 0; i < d->key_count; i++) {
		const struct ukey_key *key = &d->keys[i];
		const struct algorithm_name *a = name_algorithm(key->algorithm);
		char ref[NAME_REF_SIZE], id[HEX_SIZE(UKEY_ID_MAX)], usage[96];
		json_t *j = key_json(key);
		name_key_ref(key->ref, ref);
		name_usage_text(key->usage, usage, sizeof(usage));
		hex_encode(BYTES(key->id, key->id_len), id, sizeof(id));
		ui_table_cell(table, "%s", ref);
		ui_table_cell(table, "%s", a != NULL ? a->shown : "?");
		ui_table_cell(table, "%s", usage);
		ui_table_cell(table, "%s", key->certificate.exists ? _("yes") : _("no"));
		ui_table_cell(table, "%.12s%s", id, strlen(id) > 12 ? ".." : "");
		ui_table_cell(table, "%s%s%s%s", key->label,
			key->generated || session_is_piv(s) ? "" : _(" [imported]"),
			key->always_authenticate ? _(" [PIN each time]")
			: key->no_pin            ? _(" [no PIN]")
						 : "",
			key->touch ? _(" [button]") : "");
		json_object_set_new(j, "container_name", ui_json_text(container_name(d, key->ref)));
		json_array_append_new(keys, j);
	}
	json_object_set_new(t->result, "keys", keys);
	ui_table_print(table, d->key_count > 0 && !tool_has(t, OPT_JSON) ? stdout : NULL);
	if (d->key_count == 0 && s->info.life_cycle == UKEY_BLANK)
		ui_note(t, _("No keys on this token: it is blank. Initialise it first: ukey init"));
	else if (d->key_count == 0)
		ui_note(t, _("No keys on this token. Make one: ukey key generate"));
}

enum ukey_status cmd_key_list(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK) {
		json_object_set_new(t->result, "serial", json_string(s.info.serial));
		list_keys(t, &s, d);
		ukey_directory_unref(d);
	}
	session_close(&s);
	return r;
}

/* ---- key delete ---- */

enum ukey_status cmd_key_delete(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	struct session s;
	char ref[NAME_REF_SIZE] = "";
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK)
		r = pick_key(&s, d, key_fits_any, &key);
	if (r == UKEY_OK) {
		name_key_ref(key->ref, ref);
		r = ui_confirm(t, ref, _("This DELETES key %s \"%s\"%s; nothing brings it back."), ref, key->label,
			key->certificate.exists ? _(" and its certificate") : "");
	}
	if (r == UKEY_OK)
		r = session_login(&s, UKEY_USER, false);
	if (r == UKEY_OK)
		r = ukey_delete_key(s.token, key->ref);
	if (r == UKEY_OK) {
		json_object_set_new(t->result, "deleted", json_string(ref));
		ui_note(t, _("Key %s is deleted."), ref);
	}
	ukey_directory_unref(d);
	session_close(&s);
	return r;
}
