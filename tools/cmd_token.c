/* SPDX-License-Identifier: Apache-2.0 */
/* list, info, init, reset: the token as a whole. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "tools/names.h"
#include "tools/token_session.h"
#include "tools/ui.h"

/* ---- list ---- */

static void pin_text(const struct ukey_pin_info *pin, char *out, size_t cap)
{
	if (!pin->exists)
		snprintf(out, cap, "%s", _("not set"));
	else if (pin->tries_left == 0)
		snprintf(out, cap, "%s", _("BLOCKED"));
	else
		snprintf(out, cap, _("%u of %u tries"), pin->tries_left, pin->tries_max);
}

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
		pin_text(&info.user_pin, pin, sizeof(pin));
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

static enum ukey_status list_readers(struct tool *t, json_t *readers, size_t *seen, size_t *count)
{
	struct ukey_reader_info *list = NULL;
	enum ukey_status s = ukey_readers(t->library, &list, count);

	for (size_t i = 0; s == UKEY_OK && i < *count; i++) {
		if (list[i].state == UKEY_READER_TOKEN)
			(*seen)++;
		else
			ui_note(t, _("Reader %s: %s"), list[i].name, name_reader_state(list[i].state));
		json_array_append_new(readers, json_pack("{s:o, s:s, s:s}", "name", ui_json_text(list[i].name), "state",
						       name_reader_state_id(list[i].state), "serial", list[i].serial));
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
	s = ukey_open(&t->library);
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

/* ---- info ---- */

static void algorithms_text(const struct ukey_token_info *info, char *out, size_t cap, json_t *array)
{
	static const enum ukey_algorithm all[] = {
		UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384, UKEY_P521};
	size_t at = 0;

	out[0] = '\0';
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		const struct algorithm_name *a = name_algorithm(all[i]);
		if ((info->algorithms & a->bit) == 0)
			continue;
		if (at < cap)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at > 0 ? ", " : "", a->shown);
		json_array_append_new(array, json_string(a->option));
	}
}

static void print_info(
	const struct ukey_token_info *info, const char *algorithms, size_t keys, size_t certificates, size_t data)
{
	char user[64], so[64], policy[200], space[64], version[64], objects[160];

	pin_text(&info->user_pin, user, sizeof(user));
	pin_text(&info->so_pin, so, sizeof(so));
	pin_policy_text(info, policy, sizeof(policy));
	snprintf(space, sizeof(space), _("%u of %u bytes free"), info->free_bytes, info->total_bytes);
	snprintf(version, sizeof(version), "%u.%u.%u, %s %u.%u", info->firmware[0], info->firmware[1],
		info->firmware[2], _("protocol"), info->protocol_major, info->protocol_minor);
	snprintf(objects, sizeof(objects), _("%zu keys, %zu certificates, %zu data objects"), keys, certificates, data);
	ui_pairs(stdout, _("Serial"), info->serial, _("Label"), info->label, _("State"),
		name_life_cycle(info->life_cycle), _("Reader"), info->reader, _("Model"), info->model,
		_("Manufacturer"), info->manufacturer, _("Firmware"), version, _("User PIN"), user, _("SO PIN"), so,
		_("PIN policy"), policy, _("Memory"), space, _("Holds"), objects, _("Keys it makes"), algorithms,
		(const char *)NULL);
	printf(_("Largest certificate: %zu bytes. At most %u containers, %u other certificates, %u data objects.\n"),
		info->max_object, info->max_containers, info->max_certificates, info->max_data_objects);
}

static json_t *info_json(const struct ukey_token_info *info, json_t *algorithms)
{
	json_t *j = token_json(info);
	char firmware[16], protocol[16];

	snprintf(firmware, sizeof(firmware), "%u.%u.%u", info->firmware[0], info->firmware[1], info->firmware[2]);
	snprintf(protocol, sizeof(protocol), "%u.%u", info->protocol_major, info->protocol_minor);
	json_object_update_new(
		j, json_pack("{s:s, s:s, s:{s:i, s:i, s:i}, s:I, s:I, s:I, s:O, s:{s:i, s:i, s:i, s:I}}", "firmware",
			   firmware, "protocol", protocol, "pin_policy", "min", (int)info->pin_min, "max",
			   (int)info->pin_max, "classes", (int)info->pin_classes, "generation",
			   (json_int_t)info->generation, "free_bytes", (json_int_t)info->free_bytes, "total_bytes",
			   (json_int_t)info->total_bytes, "algorithms", algorithms, "limits", "containers",
			   (int)info->max_containers, "certificates", (int)info->max_certificates, "data_objects",
			   (int)info->max_data_objects, "object_bytes", (json_int_t)info->max_object));
	return j;
}

enum ukey_status cmd_info(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	json_t *algorithms = json_array(), *j;
	struct session s;
	char text[128];
	size_t certificates;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK) {
		ukey_token_info(s.token, &s.info);
		algorithms_text(&s.info, text, sizeof(text), algorithms);
		certificates = d->certificate_count;
		for (size_t i = 0; i < d->key_count; i++)
			certificates += d->keys[i].certificate.exists;
		if (!tool_has(t, OPT_JSON))
			print_info(&s.info, text, d->key_count, certificates, d->data_count);
		j = info_json(&s.info, algorithms);
		json_object_set_new(j, "keys", json_integer((json_int_t)d->key_count));
		json_object_set_new(j, "certificates", json_integer((json_int_t)certificates));
		json_object_set_new(j, "data_objects", json_integer((json_int_t)d->data_count));
		json_object_set_new(t->result, "token", j);
		ukey_directory_unref(d);
	}
	json_decref(algorithms);
	session_close(&s);
	return r;
}

/* ---- init ---- */

static enum ukey_status init_numbers(struct session *s, struct ukey_initialize *how)
{
	long min = 0, max = 0, classes = 0, tries = 0;
	enum ukey_status r = tool_number(s->tool, OPT_PIN_MIN, 6, 32, &min);

	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_PIN_MAX, 6, 32, &max);
	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_PIN_CLASSES, 0, 4, &classes);
	if (r == UKEY_OK)
		r = tool_number(s->tool, OPT_TRIES, 3, 15, &tries);
	if (r == UKEY_OK && min > 0 && max > 0 && min > max)
		r = tool_fail(s->tool, UKEY_USAGE, _("--pin-min is above --pin-max"));
	if (r != UKEY_OK)
		return r;
	how->pin_min = (uint8_t)min;
	how->pin_max = (uint8_t)max;
	how->pin_classes = (uint8_t)classes;
	how->user_tries = (uint8_t)tries;
	/* the policy that the new PINs will meet: the given one, else the default of doc/token-protocol.md 4.10 */
	s->info.pin_min = min > 0 ? (unsigned)min : 6;
	s->info.pin_max = max > 0 ? (unsigned)max : 32;
	s->info.pin_classes = (unsigned)classes;
	return UKEY_OK;
}

struct init_pins {
	struct pin present_so, so, user;
};

/*
 * A blank token takes --so-pin-* as its SO PIN. One that has a SO PIN wants it, and keeps it unless --new-so-pin-*
 * names another.
 */
static enum ukey_status init_ask(struct session *s, struct init_pins *p)
{
	struct tool *t = s->tool;
	bool blank = s->info.life_cycle == UKEY_BLANK;
	enum ukey_status r = UKEY_OK;

	if (!blank)
		r = session_pin_usable(s, UKEY_SO);
	if (r == UKEY_OK && !blank)
		r = session_ask_pin(s, PIN_SO, &p->present_so);
	if (r == UKEY_OK && (pin_is_given(t, PIN_NEW_SO) || (blank && !pin_is_given(t, PIN_SO))))
		r = session_ask_pin(s, PIN_NEW_SO, &p->so);
	else if (r == UKEY_OK && blank)
		r = session_ask_pin(s, PIN_SO, &p->so);
	if (r == UKEY_OK && p->so.data != NULL)
		r = pin_check_policy(t, &s->info, &p->so, NULL);
	if (r == UKEY_OK && !tool_has(t, OPT_NO_USER_PIN))
		r = session_ask_pin(s, PIN_NEW_USER, &p->user);
	if (r == UKEY_OK && p->user.data != NULL)
		r = pin_check_policy(t, &s->info, &p->user, NULL);
	return r;
}

static enum ukey_status init_token(struct session *s)
{
	struct tool *t = s->tool;
	const char *label = tool_has(t, OPT_LABEL) ? t->opt[OPT_LABEL] : s->info.label;
	struct ukey_initialize how = {.label = label};
	struct init_pins p = {0};
	struct pin *so;
	enum ukey_status r = init_numbers(s, &how);

	if (r == UKEY_OK && strlen(label) > 32)
		r = tool_fail(t, UKEY_USAGE, _("the label is longer than 32 bytes"));
	if (r == UKEY_OK && s->info.life_cycle != UKEY_BLANK)
		r = ui_confirm(t, s->info.serial, _("This ERASES all keys and certificates on the token %s \"%s\"."),
			s->info.serial, s->info.label);
	if (r == UKEY_OK)
		r = init_ask(s, &p);
	if (r == UKEY_OK) {
		so = p.so.data != NULL ? &p.so : &p.present_so;
		how.so_pin = so->data;
		how.so_len = so->len;
		how.present_so_pin = p.present_so.data;
		how.present_so_len = p.present_so.len;
		how.user_pin = p.user.data;
		how.user_len = p.user.len;
		r = ukey_initialize(s->token, &how);
		if (r != UKEY_OK)
			r = session_pin_failed(s, UKEY_SO, r);
	}
	pin_clear(&p.present_so);
	pin_clear(&p.so);
	pin_clear(&p.user);
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
