/* SPDX-License-Identifier: Apache-2.0 */
/* pin verify, change, unlock; so-pin change. */
#include "config.h"

#include "tools/token_session.h"
#include "tools/ui.h"

static void done(struct session *s, const char *text)
{
	ukey_token_info(s->token, &s->info);
	ui_note(s->tool, "%s", text);
	json_object_set_new(s->tool->result, "token", token_json(&s->info));
}

enum ukey_status cmd_pin_verify(struct tool *t)
{
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = session_login(&s, UKEY_USER, false);
	if (r == UKEY_OK)
		done(&s, _("The PIN is right."));
	session_close(&s);
	return r;
}

static enum ukey_status change(struct session *s, enum ukey_role role, enum pin_kind old_kind, enum pin_kind new_kind)
{
	struct pin old_pin = {0}, new_pin = {0};
	enum ukey_status r = session_pin_usable(s, role);

	if (r == UKEY_OK)
		r = session_ask_pin(s, old_kind, &old_pin);
	if (r == UKEY_OK)
		r = session_ask_pin(s, new_kind, &new_pin);
	if (r == UKEY_OK)
		r = pin_check_policy(s->tool, &s->info, &new_pin, &old_pin);
	if (r == UKEY_OK) {
		r = ukey_change_pin(s->token, role, old_pin.data, old_pin.len, new_pin.data, new_pin.len);
		if (r != UKEY_OK)
			r = session_pin_failed(s, role, r);
	}
	pin_clear(&old_pin);
	pin_clear(&new_pin);
	return r;
}

enum ukey_status cmd_pin_change(struct tool *t)
{
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = change(&s, UKEY_USER, PIN_USER, PIN_NEW_USER);
	if (r == UKEY_OK)
		done(&s, _("The PIN is changed."));
	session_close(&s);
	return r;
}

enum ukey_status cmd_so_pin_change(struct tool *t)
{
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = change(&s, UKEY_SO, PIN_SO, PIN_NEW_SO);
	if (r == UKEY_OK)
		done(&s, _("The SO PIN is changed."));
	session_close(&s);
	return r;
}

enum ukey_status cmd_pin_unlock(struct tool *t)
{
	struct pin so = {0}, new_pin = {0};
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = session_pin_usable(&s, UKEY_SO);
	if (r == UKEY_OK)
		r = session_ask_pin(&s, PIN_SO, &so);
	if (r == UKEY_OK)
		r = session_ask_pin(&s, PIN_NEW_USER, &new_pin);
	if (r == UKEY_OK)
		r = pin_check_policy(t, &s.info, &new_pin, NULL);
	if (r == UKEY_OK) {
		r = ukey_unlock_pin(s.token, so.data, so.len, new_pin.data, new_pin.len);
		if (r != UKEY_OK)
			r = session_pin_failed(&s, UKEY_SO, r);
	}
	if (r == UKEY_OK)
		done(&s, _("The new PIN is set, with all its tries."));
	pin_clear(&so);
	pin_clear(&new_pin);
	session_close(&s);
	return r;
}
