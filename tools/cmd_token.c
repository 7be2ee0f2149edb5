/* SPDX-License-Identifier: Apache-2.0 */
/* list, init, reset: the token as a whole. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tools/names.h"
#include "tools/piv_codes.h"
#include "tools/token_session.h"
#include "tools/ui.h"

/* ---- list ---- */

static enum ukey_status list_tokens(struct tool *t, json_t *tokens)
{
	const char *const headings[] = {_("SERIAL"), _("LABEL"), _("STATE"), _("PIN"), _("READER")};
	struct ui_table *table = ui_table_new(headings, 5);
	struct ukey_token **list = NULL;
	size_t count = 0, present = 0;
	enum ukey_status s = ukey_tokens(t->library, &list, &count);

	for (size_t i = 0; s == UKEY_OK && i < count; i++) {
		struct ukey_token_info info;
		char pin[64];
		ukey_token_info(list[i], &info);
		if (!info.present)
			continue;
		present++;
		name_tries(&info.user_pin, pin, sizeof(pin));
		if (info.user_pin.must_change && info.user_pin.tries_left == info.user_pin.tries_max)
			snprintf(pin, sizeof(pin), "%s", _("must be changed"));
		ui_table_cell(table, "%s", info.serial);
		ui_table_cell(table, "%s", info.label);
		ui_table_cell(table, "%s", name_life_cycle(info.life_cycle));
		ui_table_cell(table, "%s", pin);
		ui_table_cell(table, "%s", info.reader);
		json_array_append_new(tokens, token_json(&info));
	}
	ukey_tokens_free(list, count);
	ui_table_print(table, present > 0 && !tool_has(t, OPT_JSON) ? stdout : NULL);
	return s;
}

/* What a person reads of a reader without a token of ours; of a busy one also who has it, where that can be seen. */
static void show_reader(struct tool *t, const struct ukey_reader_info *r, json_t *readers)
{
	struct ukey_holder holder;
	json_t *entry = json_pack("{s:o, s:s, s:s, s:s}", "name", ui_json_text(r->name), "state",
		name_reader_state_id(r->state), "serial", r->serial, "road", name_road(r->road));

	if (r->state == UKEY_READER_BUSY && ukey_reader_holder(t->library, r->name, &holder)) {
		ui_note(t, _("Reader %s: in use by %s (process %ld)"), r->name, holder.name, holder.process);
		json_object_set_new(entry, "holder",
			json_pack("{s:o, s:I}", "name", ui_json_text(holder.name), "process",
				(json_int_t)holder.process));
	} else if (r->state != UKEY_READER_TOKEN) {
		ui_note(t, _("Reader %s: %s"), r->name, name_reader_state(r->state));
	}
	json_array_append_new(readers, entry);
}

static enum ukey_status list_readers(struct tool *t, json_t *readers, size_t *seen, size_t *count)
{
	struct ukey_reader_info *list = NULL;
	enum ukey_status s = ukey_readers(t->library, &list, count);

	for (size_t i = 0; s == UKEY_OK && i < *count; i++) {
		/* what is in a reader that another program holds, nobody knows */
		if (list[i].state == UKEY_READER_TOKEN || list[i].state == UKEY_READER_BUSY)
			(*seen)++;
		show_reader(t, &list[i], readers);
	}
	free(list);
	return s;
}

/* Nothing to see is an answer, not a failure: an empty list with exit 0, unless not even a look was possible. */
enum ukey_status cmd_list(struct tool *t)
{
	json_t *tokens = json_array(), *readers = json_array();
	size_t seen = 0, count = 0;
	enum ukey_status s;

	json_object_set_new(t->result, "tokens", tokens);
	json_object_set_new(t->result, "readers", readers);
	s = tool_open_library(t);
	if (s == UKEY_OK)
		s = ukey_refresh(t->library);
	if (s == UKEY_OK)
		s = list_tokens(t, tokens);
	if (s == UKEY_OK)
		s = list_readers(t, readers, &seen, &count);
	if (s == UKEY_OK && count == 0)
		s = UKEY_NO_READER;
	else if (s == UKEY_OK && seen == 0)
		ui_note(t, _("No token is plugged in."));
	return s;
}

/* ---- init ---- */

static enum ukey_status init_policy(struct session *s, struct ukey_initialize *how)
{
	long min = 0, max = 0, classes = 0, tries = 0, history = 0;
	enum ukey_status r = tool_number(s->tool, OPT_PIN_MIN, 6, 32, &min);

	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_PIN_MAX, 6, 32, &max);
	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_PIN_CLASSES, 0, 4, &classes);
	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_TRIES, 3, 15, &tries);
	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_PIN_HISTORY, 0, 8, &history);
	if (r == UKEY_OK && min > 0 && max > 0 && min > max)
		r = tool_fail(s->tool, UKEY_USAGE, _("--pin-min is above --pin-max"));
	if (r != UKEY_OK)
		return r;
	how->pin_min = (uint8_t)min;
	how->pin_max = (uint8_t)max;
	how->pin_classes = (uint8_t)classes;
	how->user_tries = (uint8_t)tries;
	how->pin_history = (uint8_t)history;
	how->pin_change_first = tool_has(s->tool, OPT_MUST_CHANGE);
	how->pin_in_clear = tool_has(s->tool, OPT_ALLOW_CLEAR_PIN);
	return UKEY_OK;
}

struct init {
	struct ukey_initialize how;
	struct pin so, user;     /* the new ones; kept while the present SO PIN is asked for again */
	struct piv_codes *codes; /* of --with-piv, or NULL */
};

/*
 * A blank token takes --so-pin-* as its SO PIN. One that has a SO PIN wants it, and keeps it unless --new-so-pin-*
 * names another.
 */
static enum ukey_status init_ask(struct session *s, const struct pin *present, struct init *i)
{
	struct tool *t = s->tool;
	const bool as_new = pin_is_given(t, PIN_NEW_SO) || (present == NULL && !pin_is_given(t, PIN_SO));
	enum ukey_status r = UKEY_OK;

	/* the policy that the new PINs will meet: the given one, else the default of doc/token-protocol.md 4.10 */
	s->info.pin_min = i->how.pin_min > 0 ? i->how.pin_min : 6;
	s->info.pin_max = i->how.pin_max > 0 ? i->how.pin_max : 32;
	s->info.pin_classes = i->how.pin_classes;
	s->info.pin_history = 0; /* INITIALIZE forgets it */
	if (i->so.data == NULL && (as_new || present == NULL))
		r = session_ask_new_pin(s, as_new ? PIN_NEW_SO : PIN_SO, NULL, &i->so);
	if (r == UKEY_OK && i->user.data == NULL && !tool_has(t, OPT_NO_USER_PIN))
		r = session_ask_new_pin(s, PIN_NEW_USER, NULL, &i->user);
	return r;
}

/* PIV sends its codes in the clear: a PIN of ours among them would be everybody's on the bus. */
static enum ukey_status init_apart(struct tool *t, const struct init *i, const struct pin *so)
{
	if (i->codes == NULL || (!piv_codes_have(i->codes, BYTES(so->data, so->len)) &&
					!piv_codes_have(i->codes, BYTES(i->user.data, i->user.len))))
		return UKEY_OK;
	tool_fail(t, UKEY_PIN_POLICY,
		_("PIN and PUK of the PIV application go over the bus in the clear, and one of them is this token's, "
		  "too"));
	tool_hint(t, _("choose another PIN for the token, or another code in %s; nothing was changed"),
		t->opt[OPT_WITH_PIV]);
	return UKEY_PIN_POLICY;
}

/* present: the SO PIN that the token has; NULL for a blank one. */
static enum ukey_status init_with(struct session *s, const struct pin *present, void *arg)
{
	struct init *i = arg;
	struct ukey_initialize how = i->how;
	enum ukey_status r = init_ask(s, present, i);

	if (r != UKEY_OK)
		return r;
	const struct pin *so = i->so.data != NULL ? &i->so : present;
	if (so == NULL)
		return UKEY_PIN_INPUT;
	r = init_apart(s->tool, i, so);
	if (r != UKEY_OK)
		return r;
	how.so_pin = so->data;
	how.so_len = so->len;
	if (present != NULL) {
		how.present_so_pin = present->data;
		how.present_so_len = present->len;
	}
	how.user_pin = i->user.data;
	how.user_len = i->user.len;
	return ukey_initialize(s->token, &how);
}

static enum ukey_status init_blank(struct session *s, struct init *i)
{
	enum ukey_status r = session_protect(s);

	return r == UKEY_OK ? init_with(s, NULL, i) : r;
}

/* The codes are made, or read, before anything is erased. */
static enum ukey_status init_piv(struct tool *t, struct ukey_piv_setup *setup, struct piv_codes **codes)
{
	bool made = false;
	enum ukey_status r = piv_codes_open(t, t->opt[OPT_WITH_PIV], codes, &made);

	if (r != UKEY_OK)
		return r;
	if (made)
		ui_note(t,
			_("Codes for the PIV application were made, and are in %s: the token takes them, now or when "
			  "you repeat the command. Keep the file where nobody else reads it."),
			t->opt[OPT_WITH_PIV]);
	json_object_set_new(t->result, "piv_codes_made", json_boolean(made));
	piv_codes_setup(*codes, setup);
	setup->yubico = tool_has(t, OPT_PIV_YUBICO);
	return UKEY_OK;
}

static enum ukey_status init_token(struct session *s)
{
	struct tool *t = s->tool;
	struct ukey_piv_setup piv = {.yubico = false};
	const char *label = tool_has(t, OPT_LABEL) ? t->opt[OPT_LABEL] : s->info.label;
	struct init i = {.how = {.label = label}};
	enum ukey_status r = init_policy(s, &i.how);

	if (r == UKEY_OK && strlen(label) > 32)
		r = tool_fail(t, UKEY_USAGE, _("the label is longer than 32 bytes"));
	if (r == UKEY_OK && tool_has(t, OPT_PIV_YUBICO) && !tool_has(t, OPT_WITH_PIV))
		r = tool_fail(t, UKEY_USAGE, _("--piv-yubico needs --with-piv"));
	if (r == UKEY_OK && s->info.life_cycle != UKEY_BLANK)
		r = ui_confirm(t, s->info.serial, _("This ERASES all keys and certificates on the token %s \"%s\"."),
			s->info.serial, s->info.label);
	if (r == UKEY_OK && tool_has(t, OPT_WITH_PIV)) {
		r = init_piv(t, &piv, &i.codes);
		i.how.piv = &piv;
	}
	if (r == UKEY_OK && s->info.life_cycle != UKEY_BLANK)
		r = session_use_pin(s, UKEY_SO, init_with, &i, NULL);
	else if (r == UKEY_OK)
		r = init_blank(s, &i);
	piv_codes_free(i.codes);
	pin_clear(&i.so);
	pin_clear(&i.user);
	return r;
}

enum ukey_status cmd_init(struct tool *t)
{
	struct session s;
	char name[64];
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK && s.info.life_cycle == UKEY_TERMINATED)
		r = UKEY_TOKEN_TERMINATED;
	if (r == UKEY_OK)
		r = init_token(&s);
	if (r == UKEY_OK) {
		ukey_token_info(s.token, &s.info);
		session_name(&s, name, sizeof(name));
		ui_note(t, _("Token %s is initialised: %s."), name, name_life_cycle(s.info.life_cycle));
		json_object_set_new(t->result, "token", token_json(&s.info));
	}
	session_close(&s);
	return r;
}

/* ---- reset ---- */

enum ukey_status cmd_reset(struct tool *t)
{
	struct session s;
	enum ukey_status r = session_open(t, &s);
	bool so_blocked = s.info.so_pin.exists && s.info.so_pin.tries_left == 0;

	if (r == UKEY_OK && s.info.life_cycle == UKEY_BLANK)
		r = tool_fail(t, UKEY_TOKEN_BLANK, _("there is nothing to erase"));
	else if (r == UKEY_OK && s.info.life_cycle == UKEY_TERMINATED)
		r = UKEY_TOKEN_TERMINATED;
	if (r == UKEY_OK)
		r = ui_confirm(t, s.info.serial, _("This ERASES the token %s \"%s\": keys, certificates, PINs, label."),
			s.info.serial, s.info.label);
	if (r == UKEY_OK && !so_blocked)
		r = session_login(&s, UKEY_SO, false);
	if (r == UKEY_OK)
		r = ukey_factory_reset(s.token);
	if (r == UKEY_OK) {
		ukey_token_info(s.token, &s.info);
		ui_note(t, _("Token %s is blank now."), s.info.serial);
		json_object_set_new(t->result, "token", token_json(&s.info));
	}
	session_close(&s);
	return r;
}
