/* SPDX-License-Identifier: Apache-2.0 */
/* pin verify, change, unlock (with the SO PIN); so-pin change. */
#include "config.h"

#include "tools/piv_card.h"
#include "tools/token_session.h"
#include "tools/ui.h"
#include "tools/unlock.h"

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

struct change {
	enum ukey_role role;
	enum pin_kind kind;
	struct pin new_pin; /* kept while the old one is asked for again */
};

static enum ukey_status change_with(struct session *s, const struct pin *old, void *arg)
{
	struct change *c = arg;
	enum ukey_status r = UKEY_OK;

	do {
		if (c->new_pin.data == NULL)
			r = session_ask_new_pin(s, c->kind, old, &c->new_pin);
		if (r == UKEY_OK)
			r = session_pin_set(s,
				ukey_change_pin(
					s->token, c->role, old->data, old->len, c->new_pin.data, c->new_pin.len),
				_("try the new PIN first, then the old one; a wrong one costs a try"));
		else
			break;
	} while (r == UKEY_PIN_POLICY && session_new_pin_again(s, c->kind, &c->new_pin));
	return r;
}

static enum ukey_status change(struct session *s, enum ukey_role role, enum pin_kind kind)
{
	struct change c = {.role = role, .kind = kind};
	enum ukey_status r = session_use_pin(s, role, change_with, &c, NULL);

	pin_clear(&c.new_pin);
	return r;
}

/* What the new PIN would not open any more: said before any PIN is asked for. */
static enum ukey_status confirm_manager(struct session *s)
{
	struct tool *t = s->tool;
	bool makes_manager = false;
	enum ukey_status r = ukey_pin_makes_manager(s->token, &makes_manager);

	if (r != UKEY_OK || !makes_manager)
		return r;
	r = ui_confirm(t, "yes", "%s",
		_("The management key of this card is made of its PIN, and stays as it is: the new PIN will not open "
		  "it, "
		  "and only who knows the old PIN or the key can make keys and write certificates."));
	if (r == UKEY_OK)
		json_object_set_new(t->result, "management_key_by_pin", json_false());
	if (r != UKEY_USAGE)
		return r;
	tool_fail(
		t, r, "%s", _("the management key of this card is made of its PIN, and the new PIN would not open it"));
	tool_hint(t, "%s",
		_("ykman piv access change-pin changes both; or add --yes, if you have the management key or do not "
		  "need it"));
	return r;
}

enum ukey_status cmd_pin_change(struct tool *t)
{
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = confirm_manager(&s);
	if (r == UKEY_OK)
		r = change(&s, UKEY_USER, PIN_NEW_USER);
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
		r = change(&s, UKEY_SO, PIN_NEW_SO);
	if (r == UKEY_OK)
		done(&s, session_is_piv(&s) ? _("The PUK is changed.") : _("The SO PIN is changed."));
	session_close(&s);
	return r;
}

static enum ukey_status unlock_with(struct session *s, const struct pin *so, void *arg)
{
	struct pin *new_pin = arg;
	enum ukey_status r = UKEY_OK;

	do {
		if (new_pin->data == NULL)
			r = session_ask_new_pin(s, PIN_NEW_USER, NULL, new_pin);
		if (r == UKEY_OK)
			r = session_pin_set(s,
				ukey_unlock_pin(s->token, so->data, so->len, new_pin->data, new_pin->len),
				_("see with the new PIN: ukey pin verify; if it is not right, unlock again"));
		else
			break;
	} while (r == UKEY_PIN_POLICY && session_new_pin_again(s, PIN_NEW_USER, new_pin));
	return r;
}

static enum ukey_status unlock_by_so(struct tool *t)
{
	struct pin new_pin = {0};
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = session_use_pin(&s, UKEY_SO, unlock_with, &new_pin, NULL);
	if (r == UKEY_OK && s.info.pin_change_first)
		done(&s, _("The new PIN is set. The holder must change it before using it: ukey pin change"));
	else if (r == UKEY_OK)
		done(&s, _("The new PIN is set, with all its tries."));
	pin_clear(&new_pin);
	session_close(&s);
	return r;
}

enum ukey_status cmd_pin_unlock(struct tool *t)
{
	static const enum tool_option remote_only[] = {OPT_ANSWER_FILE, OPT_ANSWER_FD, OPT_QR, OPT_NO_QR};

	if (tool_has(t, OPT_REMOTE) && tool_has(t, OPT_CONFIRM))
		return tool_fail(t, UKEY_USAGE, _("--remote and --confirm do not go together"));
	for (size_t i = 0; i < sizeof(remote_only) / sizeof(remote_only[0]); i++)
		if (!tool_has(t, OPT_REMOTE) && tool_has(t, remote_only[i]))
			return tool_fail(
				t, UKEY_USAGE, _("--%s goes with --remote only"), tool_option_name(remote_only[i]));
	if (tool_has(t, OPT_REMOTE))
		return unlock_remote(t);
	return tool_has(t, OPT_CONFIRM) ? unlock_confirm(t) : unlock_by_so(t);
}
