/* SPDX-License-Identifier: Apache-2.0 */
/* A session's PINs: asked for, judged, tried, and tried again where a person sits. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "tools/piv_card.h"
#include "tools/ui.h"

static const struct ukey_pin_info *pin_of(const struct session *s, enum ukey_role role)
{
	return role == UKEY_SO ? &s->info.so_pin : &s->info.user_pin;
}

bool session_by_phone(const struct ukey_token_info *info)
{
	return info->unlock_key.exists && info->unlock_key.tries_left > 0;
}

const char *session_unlock_hint(void)
{
	return _("call the helpdesk and run: ukey pin unlock --remote; with the SO PIN: ukey pin unlock");
}

/* A PIV card has a PUK where our tokens have the SO PIN, and nobody knows how many tries before the first wrong one. */
static enum ukey_status puk_failed(struct session *s, enum ukey_status failed, unsigned left)
{
	if (left == 0)
		return tool_fail(s->tool, UKEY_PUK_BLOCKED, _("that was the last try"));
	if (left == UKEY_TRIES_UNKNOWN)
		return failed;
	tool_fail(s->tool, failed, ngettext_("%u try left", "%u tries left", left), left);
	tool_hint(s->tool, "%s",
		left == 1 ? _("one more wrong PUK blocks it for ever; then a blocked PIN stays blocked")
			  : _("try again, with care"));
	return failed;
}

/* Somebody who has no SO PIN, but a token that the helpdesk can unlock, should hear of that. */
static void hint_unlock(struct session *s)
{
	if (session_by_phone(&s->info))
		tool_hint(s->tool, "%s", session_unlock_hint());
}

enum ukey_status session_pin_failed(struct session *s, enum ukey_role role, enum ukey_status failed)
{
	unsigned left;

	ukey_token_info(s->token, &s->info);
	left = pin_of(s, role)->tries_left;
	if (failed == UKEY_PUK_INCORRECT)
		return puk_failed(s, failed, left);
	if (failed == UKEY_PIN_INCORRECT && left == 0) {
		tool_fail(s->tool, UKEY_PIN_BLOCKED, _("that was the last try"));
		hint_unlock(s);
		return UKEY_PIN_BLOCKED;
	}
	if (failed == UKEY_SO_PIN_INCORRECT && left == 0)
		return tool_fail(s->tool, UKEY_SO_PIN_BLOCKED, _("that was the last try"));
	if (failed != UKEY_PIN_INCORRECT && failed != UKEY_SO_PIN_INCORRECT)
		return failed;
	if (left == UKEY_TRIES_UNKNOWN)
		return failed;
	tool_fail(s->tool, failed, ngettext_("%u try left", "%u tries left", left), left);
	if (left == 1 && role == UKEY_USER && session_is_piv(s))
		tool_hint(s->tool,
			_("one more wrong PIN blocks it; if unsure, set a new one with the PUK: ukey pin unlock"));
	else if (left == 1 && role == UKEY_USER && session_by_phone(&s->info))
		tool_hint(s->tool, _("one more wrong PIN blocks it; if unsure, set a new one with the helpdesk on the "
				     "phone: ukey pin unlock --remote"));
	else if (left == 1 && role == UKEY_USER)
		tool_hint(s->tool,
			_("one more wrong PIN blocks it; if unsure, set a new one with the SO PIN: ukey pin unlock"));
	else if (left == 1)
		tool_hint(s->tool, _("one more wrong SO PIN blocks it for ever; then the token can only be erased"));
	else
		tool_hint(s->tool, _("try again, with care"));
	return failed;
}

enum ukey_status session_pin_usable(struct session *s, enum ukey_role role)
{
	const struct ukey_pin_info *pin = pin_of(s, role);
	enum ukey_status r;

	if (s->info.life_cycle == UKEY_TERMINATED)
		return UKEY_TOKEN_TERMINATED;
	if (s->info.life_cycle == UKEY_BLANK)
		return UKEY_TOKEN_BLANK;
	if (!pin->exists)
		return UKEY_PIN_NOT_SET;
	r = pin->tries_left == 0 ? session_told(s) : session_protect(s);
	if (r != UKEY_OK)
		return r;
	if (pin->tries_left == 0 && role == UKEY_SO)
		return session_is_piv(s) ? UKEY_PUK_BLOCKED : UKEY_SO_PIN_BLOCKED;
	if (pin->tries_left == 0) {
		tool_fail(s->tool, UKEY_PIN_BLOCKED, NULL);
		hint_unlock(s);
		return UKEY_PIN_BLOCKED;
	}
	if (pin->tries_left == 1)
		ui_warn(s->tool, "%s",
			role == UKEY_USER   ? _("this is the last try: another wrong PIN blocks it")
			: session_is_piv(s) ? _("this is the last try: another wrong PUK blocks it for ever")
					    : _("this is the last try: another wrong SO PIN blocks it for ever"));
	return UKEY_OK;
}

enum ukey_status session_protect(struct session *s)
{
	enum ukey_status r = ukey_protect(s->token);

	ukey_token_info(s->token, &s->info);
	return r == UKEY_NOT_GENUINE || r == UKEY_NO_ROOTS ? tool_fail(s->tool, r, "%s", ukey_protect_problem()) : r;
}

enum ukey_status session_told(struct session *s)
{
	enum ukey_status r = session_protect(s);

	if (r == UKEY_OK && s->info.channel)
		r = ukey_token_reload(s->token);
	ukey_token_info(s->token, &s->info);
	return r;
}

/* ---- asking ---- */

enum ukey_status session_ask_pin(struct session *s, enum pin_kind kind, struct pin *out)
{
	static const char *const prompts[] = {
		[PIN_USER] = N_("PIN of %s"),
		[PIN_NEW_USER] = N_("New PIN for %s"),
		[PIN_SO] = N_("SO PIN of %s"),
		[PIN_NEW_SO] = N_("New SO PIN for %s"),
		[PIN_ANSWER] = N_("Answer of the helpdesk for %s"),
		[PIN_MANAGEMENT_KEY] =
			N_("Management key of %s in hexadecimal, or its PIN where the card keeps the key"),
	};
	static const char *const puk_prompts[] = {
		[PIN_SO] = N_("PUK of %s"),
		[PIN_NEW_SO] = N_("New PUK for %s"),
	};
	const bool puk = session_is_piv(s) && (kind == PIN_SO || kind == PIN_NEW_SO);
	char name[64], text[256];

	session_name(s, name, sizeof(name));
	if (kind == PIN_USER && !pin_is_given(s->tool, kind) && s->spec.uri != NULL) {
		const char *source = p11_kit_uri_get_pin_source(s->spec.uri);
		if (source != NULL && strncmp(source, "file:", 5) == 0)
			s->tool->opt[OPT_PIN_FILE] = source + 5;
		else if (source != NULL)
			s->tool->opt[OPT_PIN_FILE] = source;
	}
/* the format is one of those above */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(text, sizeof(text), puk ? _(puk_prompts[kind]) : _(prompts[kind]), name);
#pragma GCC diagnostic pop
	return pin_get(s->tool, kind, text, out);
}

static void tell_and_forget(struct tool *t, enum ukey_status failed)
{
	if (t->failed == failed && t->context[0] != '\0')
		ui_tell("%s (%s)", ukey_status_message(failed), t->context);
	else
		ui_tell("%s", ukey_status_message(failed));
	t->failed = UKEY_OK;
}

void session_tell(struct session *s, enum ukey_status failed)
{
	tell_and_forget(s->tool, failed);
}

static bool take_weak(struct session *s, enum pin_kind kind, const struct pin *pin)
{
	const enum ukey_pin_advice advice = ukey_pin_advise(&s->info, pin->data, pin->len);

	if (advice == UKEY_PIN_GOOD)
		return true;
	if (pin_is_given(s->tool, kind)) {
		ui_warn(s->tool, "%s: %s",
			kind == PIN_NEW_USER ? _("the new PIN")
			: session_is_piv(s)  ? _("the new PUK")
					     : _("the new SO PIN"),
			ukey_pin_advice_text(advice));
		return true;
	}
	ui_tell("%s", ukey_pin_advice_text(advice));
	return ui_ask_yes(_("Take it all the same? [y/N]"));
}

/* UKEY_TIMEOUT: at the prompt something was wrong with it, and has been told; ask again. */
static enum ukey_status new_pin_once(struct session *s, enum pin_kind kind, const struct pin *old, struct pin *out)
{
	const bool prompt = !pin_is_given(s->tool, kind);
	enum ukey_status r = session_ask_pin(s, kind, out);

	if (r == UKEY_OK)
		r = pin_check_policy(s->tool, &s->info, out, old);
	if (r == UKEY_OK && !take_weak(s, kind, out))
		r = UKEY_TIMEOUT;
	else if (prompt && (r == UKEY_PIN_MISMATCH || r == UKEY_PIN_LENGTH || r == UKEY_PIN_POLICY)) {
		tell_and_forget(s->tool, r);
		r = UKEY_TIMEOUT;
	}
	if (r != UKEY_OK)
		pin_clear(out);
	return tool_cancelled() ? UKEY_CANCELLED : r;
}

enum ukey_status session_ask_new_pin(struct session *s, enum pin_kind kind, const struct pin *old, struct pin *out)
{
	char text[200];
	enum ukey_status r;

	if (!pin_is_given(s->tool, kind)) {
		pin_policy_text(&s->info, text, sizeof(text));
		ui_note(s->tool, _("The token wants a PIN of %s."), text);
	}
	do
		r = new_pin_once(s, kind, old, out);
	while (r == UKEY_TIMEOUT);
	return r;
}

bool session_new_pin_again(struct session *s, enum pin_kind kind, struct pin *pin)
{
	if (s->info.pin_history > 0 && kind == PIN_NEW_USER)
		tool_fail(s->tool, UKEY_PIN_POLICY,
			ngettext_("it must differ from the last %u PIN, the present one included",
				"it must differ from the last %u PINs, the present one included", s->info.pin_history),
			s->info.pin_history);
	else
		tool_fail(s->tool, UKEY_PIN_POLICY, NULL);
	if (pin_is_given(s->tool, kind) || tool_cancelled())
		return false;
	pin_clear(pin);
	tell_and_forget(s->tool, UKEY_PIN_POLICY);
	return true;
}

enum ukey_status session_pin_set(struct session *s, enum ukey_status r, const char *hint)
{
	switch (r) {
	case UKEY_CHANNEL_LOST:
	case UKEY_COMMUNICATION:
	case UKEY_NO_SERVICE:
	case UKEY_TOKEN_FAILURE:
	case UKEY_TOKEN_PROTOCOL:
	case UKEY_TOKEN_REMOVED:
		tool_fail(s->tool, r, "%s", _("it is not known whether the PIN was set"));
		tool_hint(s->tool, "%s", hint);
		return r;
	default:
		return r;
	}
}

/* ---- trying ---- */

static bool wrong(enum ukey_status r)
{
	return r == UKEY_PIN_INCORRECT || r == UKEY_SO_PIN_INCORRECT || r == UKEY_PUK_INCORRECT;
}

enum ukey_status session_use_pin(
	struct session *s, enum ukey_role role, session_pin_use *use, void *arg, struct pin *out)
{
	const enum pin_kind kind = role == UKEY_SO ? PIN_SO : PIN_USER;
	enum ukey_status r = session_pin_usable(s, role), before = UKEY_OK;
	struct pin pin = {0};

	while (r == UKEY_OK) {
		r = session_ask_pin(s, kind, &pin);
		/* who gives up after a wrong one hears of that */
		if (r == UKEY_PIN_INPUT && before != UKEY_OK)
			r = session_pin_failed(s, role, before);
		if (r != UKEY_OK)
			break;
		r = use(s, &pin, arg);
		if (r == UKEY_OK)
			break;
		pin_clear(&pin);
		if (r == UKEY_PIN_LENGTH && out != NULL && !pin_is_given(s->tool, kind) && !tool_cancelled()) {
			tool_fail(s->tool, r, _("it was not tried"));
			tell_and_forget(s->tool, r);
			r = UKEY_OK;
			continue;
		}
		r = session_pin_failed(s, role, r);
		if (!wrong(r) || pin_is_given(s->tool, kind) || pin_of(s, role)->tries_left <= 1 || tool_cancelled())
			break;
		tell_and_forget(s->tool, r);
		before = r;
		r = UKEY_OK;
	}
	if (r == UKEY_OK) {
		ukey_token_info(s->token, &s->info);
		if (out != NULL)
			*out = pin;
		else
			pin_clear(&pin);
	}
	return r;
}

/* ---- logging in ---- */

/* The PIN is right and good for nothing but to be changed. The old one serves as the log-in. */
static enum ukey_status change_first(struct session *s, const struct pin *old, struct pin *new_pin)
{
	enum ukey_status r;

	if (pin_is_given(s->tool, PIN_USER))
		return UKEY_PIN_EXPIRED;
	ui_tell("%s", ukey_status_message(UKEY_PIN_EXPIRED));
	do {
		r = session_ask_new_pin(s, PIN_NEW_USER, old, new_pin);
		if (r == UKEY_PIN_INPUT)
			return UKEY_PIN_EXPIRED;
		if (r == UKEY_OK)
			r = session_pin_set(s,
				ukey_change_pin(s->token, UKEY_USER, old->data, old->len, new_pin->data, new_pin->len),
				_("try the new PIN first, then the old one; a wrong one costs a try"));
	} while (r == UKEY_PIN_POLICY && session_new_pin_again(s, PIN_NEW_USER, new_pin));
	if (r == UKEY_OK)
		ui_note(s->tool, "%s", _("The PIN is changed."));
	return r;
}

struct login {
	enum ukey_role role;
	struct pin changed;
};

static enum ukey_status login_with(struct session *s, const struct pin *pin, void *arg)
{
	struct login *l = arg;
	enum ukey_status r = ukey_login(s->token, l->role, pin->data, pin->len);

	return r == UKEY_PIN_EXPIRED && l->role == UKEY_USER ? change_first(s, pin, &l->changed) : r;
}

enum ukey_status session_login(struct session *s, enum ukey_role role, bool keep)
{
	struct login l = {.role = role};
	struct pin pin = {0};
	enum ukey_status r = session_use_pin(s, role, login_with, &l, &pin);

	if (l.changed.data != NULL) {
		pin_clear(&pin);
		pin = l.changed;
	}
	if (r == UKEY_OK && keep)
		s->pin = pin;
	else
		pin_clear(&pin);
	return r;
}
