/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/pick_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/hex.h"
#include "tools/names.h"
#include "tools/piv_card.h"
#include "tools/ui.h"

/* ---- what --token says ---- */

enum ukey_status token_spec_parse(struct tool *t, const char *text, struct token_spec *out)
{
	int r;

	out->text = text;
	out->uri = NULL;
	if (text == NULL || strncasecmp(text, "pkcs11:", 7) != 0)
		return UKEY_OK;
	out->uri = p11_kit_uri_new();
	if (out->uri == NULL)
		return UKEY_MEMORY;
	r = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, out->uri);
	if (r != P11_KIT_URI_OK)
		return tool_fail(t, UKEY_ARGUMENT, "%s: %s", text, p11_kit_uri_message(r));
	if (p11_kit_uri_any_unrecognized(out->uri))
		return tool_fail(t, UKEY_ARGUMENT, _("the pkcs11: URI has parts that are not known"));
	if (p11_kit_uri_get_pin_value(out->uri) != NULL) {
		tool_fail(t, UKEY_ARGUMENT, _("a PIN in a URI can be seen by others"));
		tool_hint(t, _("leave pin-value out; use the prompt, --pin-file or --pin-fd"));
		return UKEY_ARGUMENT;
	}
	return UKEY_OK;
}

void token_spec_clear(struct token_spec *spec)
{
	p11_kit_uri_free(spec->uri);
	spec->uri = NULL;
}

/* PKCS#11 pads its texts with blanks. */
static void pad(unsigned char *to, size_t size, const char *text)
{
	size_t len = strlen(text);

	memset(to, ' ', size);
	memcpy(to, text, len < size ? len : size);
}

static bool uri_fits(P11KitUri *uri, const struct ukey_token_info *info)
{
	CK_TOKEN_INFO token = {0};

	pad(token.label, sizeof(token.label), info->label);
	pad(token.manufacturerID, sizeof(token.manufacturerID), info->manufacturer);
	pad(token.model, sizeof(token.model), info->model);
	pad(token.serialNumber, sizeof(token.serialNumber), info->serial);
	return p11_kit_uri_match_token_info(uri, &token) != 0;
}

unsigned token_spec_fits(const struct token_spec *spec, const struct ukey_token_info *info)
{
	if (spec->uri != NULL)
		return uri_fits(spec->uri, info) ? 3 : 0;
	if (spec->text == NULL || strcasecmp(spec->text, info->serial) == 0)
		return 3;
	if (spec->text[0] == '\0')
		return 0;
	if (strcmp(spec->text, info->label) == 0)
		return 2;
	return strncasecmp(spec->text, info->serial, strlen(spec->text)) == 0 ? 1 : 0;
}

/* ---- the session ---- */

/* Somebody else has the token: who, where that can be seen. */
static enum ukey_status why_busy(struct tool *t, const struct ukey_reader_info *list, size_t count)
{
	struct ukey_holder holder;

	for (size_t i = 0; i < count; i++)
		if (list[i].state == UKEY_READER_BUSY && ukey_reader_holder(t->library, list[i].name, &holder))
			return tool_fail(t, UKEY_TOKEN_BUSY, _("it is %s, process %ld"), holder.name, holder.process);
	return UKEY_TOKEN_BUSY;
}

/* No token at all: the readers tell why. */
static enum ukey_status why_none(struct tool *t)
{
	struct ukey_reader_info *list = NULL;
	size_t count = 0;
	unsigned seen[UKEY_READER_DENIED + 1] = {0};
	enum ukey_status s = ukey_readers(t->library, &list, &count);

	if (s != UKEY_OK)
		return s;
	for (size_t i = 0; i < count; i++)
		if (list[i].state <= UKEY_READER_DENIED)
			seen[list[i].state]++;
	if (count == 0)
		s = UKEY_NO_READER;
	else if (seen[UKEY_READER_BUSY] > 0)
		s = why_busy(t, list, count);
	else if (seen[UKEY_READER_DENIED] > 0)
		s = UKEY_NO_PERMISSION;
	else if (seen[UKEY_READER_MUTE] > 0)
		s = UKEY_COMMUNICATION;
	else
		s = seen[UKEY_READER_FOREIGN] > 0 ? UKEY_FOREIGN_CARD : UKEY_NO_TOKEN;
	free(list);
	return s;
}

static enum ukey_status choose(struct session *s, struct ukey_token **list, size_t count)
{
	char names[512] = "";
	size_t best = 0, fitting = 0, at = 0, present = 0;
	unsigned best_fit = 0;

	for (size_t i = 0; i < count; i++) {
		struct ukey_token_info info;
		ukey_token_info(list[i], &info);
		unsigned fit = info.present ? token_spec_fits(&s->spec, &info) : 0;
		present += info.present;
		if (fit == 0 || fit < best_fit)
			continue;
		if (fit > best_fit) {
			best_fit = fit;
			fitting = at = 0;
			best = i;
		}
		fitting++;
		if (at < sizeof(names))
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s \"%s\"", at > 0 ? ", " : "",
				info.serial, info.label);
	}
	if (fitting > 1)
		return tool_fail(s->tool, UKEY_TOKEN_AMBIGUOUS, "%s", names);
	if (fitting == 0 && present > 0) {
		tool_fail(s->tool, UKEY_NO_TOKEN, _("none fits \"%s\""), s->spec.text);
		tool_hint(s->tool, _("see which ones are there: ukey list"));
		return UKEY_NO_TOKEN;
	}
	if (fitting == 0)
		return why_none(s->tool);
	s->token = ukey_token_ref(list[best]);
	ukey_token_info(s->token, &s->info);
	/* A person sees what is on the card now, not what it was when another program had not written yet. */
	ukey_directory_doubt(s->token);
	/* Over USB the others are nobody else's before we let go of them. */
	for (size_t i = 0; i < count; i++)
		if (i != best)
			ukey_token_idle(list[i]);
	return UKEY_OK;
}

enum ukey_status session_open(struct tool *t, struct session *s)
{
	struct ukey_token **list = NULL;
	size_t count = 0;
	enum ukey_status r;

	memset(s, 0, sizeof(*s));
	s->tool = t;
	r = token_spec_parse(t, t->opt[OPT_TOKEN], &s->spec);
	if (r != UKEY_OK)
		return r;
	r = tool_open_library(t);
	if (r == UKEY_OK)
		r = ukey_refresh(t->library);
	if (r == UKEY_OK)
		r = ukey_tokens(t->library, &list, &count);
	if (r == UKEY_OK) {
		r = choose(s, list, count);
		ukey_tokens_free(list, count);
	}
	if (r == UKEY_OK) {
		name_by_slots(session_is_piv(s));
		r = piv_card_allows(s);
	}
	return r;
}

void session_close(struct session *s)
{
	pin_clear(&s->pin);
	if (s->token != NULL) {
		ukey_logout(s->token);
		ukey_token_unref(s->token);
	}
	s->token = NULL;
	token_spec_clear(&s->spec);
}

void session_name(const struct session *s, char *out, size_t cap)
{
	if (s->info.label[0] != '\0')
		snprintf(out, cap, "%s (%s)", s->info.serial, s->info.label);
	else
		snprintf(out, cap, "%s", s->info.serial);
}

/* ---- keys ---- */

bool key_fits_any(const struct ukey_key *key)
{
	(void)key;
	return true;
}

bool key_fits_sign(const struct ukey_key *key)
{
	return (key->usage & UKEY_USE_SIGN) != 0;
}

bool key_has_certificate(const struct ukey_key *key)
{
	return key->certificate.exists;
}

bool key_signs_with_certificate(const struct ukey_key *key)
{
	return key_fits_sign(key) && key_has_certificate(key);
}

struct key_spec {
	bool by_ref, by_id, by_label;
	ukey_key_ref ref;
	uint8_t id[UKEY_ID_MAX];
	size_t id_len;
	char label[UKEY_LABEL_MAX + 1];
};

static void copy_label(struct key_spec *k, const void *text, size_t len)
{
	k->by_label = true;
	len = len < UKEY_LABEL_MAX ? len : UKEY_LABEL_MAX;
	memcpy(k->label, text, len);
	k->label[len] = '\0';
}

static enum ukey_status key_spec_of(struct session *s, struct key_spec *k)
{
	const char *text = s->tool->opt[OPT_KEY_REF];
	struct builder id = builder_of(k->id, sizeof(k->id));
	CK_ATTRIBUTE *a;

	if (text != NULL && strncmp(text, "id:", 3) == 0) {
		if (!hex_decode(text + 3, &id))
			return tool_fail(s->tool, UKEY_USAGE, _("\"%s\" is not a hexadecimal id"), text);
		k->by_id = true;
		k->id_len = id.len;
	} else if (text != NULL) {
		k->by_ref = name_parse_ref(text, &k->ref);
		if (!k->by_ref)
			copy_label(k, text, strlen(text));
	} else if (s->spec.uri != NULL) {
		a = p11_kit_uri_get_attribute(s->spec.uri, CKA_ID);
		if (a != NULL && a->pValue != NULL && a->ulValueLen <= UKEY_ID_MAX) {
			k->by_id = true;
			k->id_len = a->ulValueLen;
			memcpy(k->id, a->pValue, a->ulValueLen);
		}
		a = p11_kit_uri_get_attribute(s->spec.uri, CKA_LABEL);
		if (a != NULL && a->pValue != NULL)
			copy_label(k, a->pValue, a->ulValueLen);
	}
	return UKEY_OK;
}

static bool key_spec_fits(const struct key_spec *k, const struct ukey_key *key)
{
	if (k->by_ref && k->ref != key->ref)
		return false;
	if (k->by_id && !bytes_equal(BYTES(k->id, k->id_len), BYTES(key->id, key->id_len)))
		return false;
	return !k->by_label || strcmp(k->label, key->label) == 0 || strcmp(k->label, key->certificate.label) == 0;
}

enum ukey_status pick_key(
	struct session *s, const struct ukey_directory *d, key_fits *fits, const struct ukey_key **out)
{
	struct key_spec spec = {0};
	const struct ukey_key *found = NULL, *unfit = NULL;
	char names[128] = "", ref[NAME_REF_SIZE];
	size_t count = 0, at = 0;
	enum ukey_status r = key_spec_of(s, &spec);

	if (r != UKEY_OK)
		return r;
	for (size_t i = 0; i < d->key_count; i++) {
		const struct ukey_key *key = &d->keys[i];
		if (!key_spec_fits(&spec, key))
			continue;
		if (!fits(key)) {
			unfit = key;
			continue;
		}
		found = key;
		count++;
		name_key_ref(key->ref, ref);
		if (at < sizeof(names))
			at += (size_t)snprintf(names + at, sizeof(names) - at, "%s%s", at > 0 ? ", " : "", ref);
	}
	if (count > 1) {
		tool_fail(s->tool, UKEY_USAGE, _("more than one key fits: %s"), names);
		tool_hint(s->tool, _("name one with --key-ref"));
		return UKEY_USAGE;
	}
	if (count == 0 && unfit != NULL) {
		name_key_ref(unfit->ref, ref);
		if (fits != key_fits_sign && !unfit->certificate.exists) {
			tool_fail(s->tool, UKEY_NOT_FOUND, _("key %s has no certificate"), ref);
			tool_hint(s->tool, _("get one: ukey enroll, or ukey request and ukey cert import"));
			return UKEY_NOT_FOUND;
		}
		return tool_fail(s->tool, UKEY_KEY_USAGE, _("key %s"), ref);
	}
	if (count == 0 && s->info.life_cycle == UKEY_BLANK)
		return UKEY_TOKEN_BLANK;
	if (count == 0)
		return tool_fail(s->tool, UKEY_NOT_FOUND, "%s",
			s->tool->opt[OPT_KEY_REF] != NULL ? s->tool->opt[OPT_KEY_REF] : _("no key"));
	*out = found;
	return UKEY_OK;
}
