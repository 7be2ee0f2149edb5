/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/piv_card.h"

#include <string.h>

#include "tools/names.h"
#include "tools/ui.h"

bool session_is_piv(const struct session *s)
{
	return s->info.application == UKEY_APPLICATION_PIV;
}

/* ---- what there is not ------------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct {
	const char *verb, *sub;  /* sub NULL: every one */
	enum tool_option option; /* OPT_COUNT: the command itself */
	const char *why, *instead;
} refused[] = {
	{"init", NULL, OPT_COUNT, N_("a PIV card comes from its issuer with its codes set, and has no label"),
		N_("change the PIN: ukey pin change; the PUK: ukey so-pin change")},
	{"reset", NULL, OPT_COUNT, N_("PIV has no command that makes a card blank"),
		N_("its maker's tool may have one (YubiKey: ykman piv reset)")},
	{"key", "import", OPT_COUNT, N_("PIV has no command that brings a key to the card"),
		N_("make it there: ukey key generate --slot")},
	{"key", "delete", OPT_COUNT, N_("PIV has no command that deletes a key"),
		N_("replace it: ukey key generate --replace --slot; or delete its certificate: ukey cert delete")},
	{"key", "attest", OPT_COUNT, N_("PIV has no statement about keys"),
		N_("its maker's tool may have one (YubiKey: yubico-piv-tool -a attest)")},
	{"enroll", NULL, OPT_COUNT, N_("PIV has no place to mark a key that waits for its certificate"),
		N_("in steps: ukey key generate --slot, ukey request, ukey cert import")},
	{"pin", "unlock", OPT_REMOTE, N_("PIV has no unlock by phone"), N_("unlock it with the PUK: ukey pin unlock")},
	{"pin", "unlock", OPT_CONFIRM, N_("PIV has no unlock by phone"), N_("unlock it with the PUK: ukey pin unlock")},
	{"key", "generate", OPT_CONTAINER, N_("a PIV card has slots"), N_("name one with --slot: 9a, 9c, 9d, 9e, 82 to 95")},
	{"key", "generate", OPT_PAIR, N_("a PIV card has slots"), N_("name one with --slot: 9a, 9c, 9d, 9e, 82 to 95")},
	{"key", "generate", OPT_NAME, N_("on a PIV card the slot gives name, label and CKA_ID"), N_("leave it out")},
	{"key", "generate", OPT_LABEL, N_("on a PIV card the slot gives name, label and CKA_ID"), N_("leave it out")},
	{"key", "generate", OPT_ID, N_("on a PIV card the slot gives name, label and CKA_ID"), N_("leave it out")},
	{"cert", "import", OPT_LABEL, N_("on a PIV card the slot gives name, label and CKA_ID"), N_("leave it out")},
	{"cert", "import", OPT_AUTHORITY, N_("PIV has no place for certificates without a key"),
		N_("keep CA certificates on this machine")},
	{"cert", NULL, OPT_OTHER, N_("PIV has no place for certificates without a key"), N_("name a key: --key-ref 9a")},
};

/* And what there is on no other card. */
static const enum tool_option piv_only[] = {
	OPT_SLOT, OPT_REPLACE, OPT_MANAGEMENT_KEY_FILE, OPT_MANAGEMENT_KEY_FD};
/* clang-format on */

static bool is_for(const struct command *c, size_t row)
{
	if (strcmp(c->verb, refused[row].verb) != 0)
		return false;
	return refused[row].sub == NULL || (c->sub != NULL && strcmp(c->sub, refused[row].sub) == 0);
}

enum ukey_status piv_card_allows(struct session *s)
{
	struct tool *t = s->tool;

	if (t->command == NULL)
		return UKEY_OK;
	for (size_t i = 0; !session_is_piv(s) && i < sizeof(piv_only) / sizeof(piv_only[0]); i++)
		if (tool_has(t, piv_only[i]))
			return tool_fail(t, UKEY_USAGE, _("--%s is for PIV cards"), tool_option_name(piv_only[i]));
	for (size_t i = 0; session_is_piv(s) && i < sizeof(refused) / sizeof(refused[0]); i++) {
		const enum tool_option o = refused[i].option;
		if (!is_for(t->command, i) || (o != OPT_COUNT && !tool_has(t, o)))
			continue;
		if (o == OPT_COUNT)
			tool_fail(t, UKEY_NOT_SUPPORTED, "%s", _(refused[i].why));
		else
			tool_fail(t, UKEY_NOT_SUPPORTED, "--%s: %s", tool_option_name(o), _(refused[i].why));
		tool_hint(t, "%s", _(refused[i].instead));
		return UKEY_NOT_SUPPORTED;
	}
	return UKEY_OK;
}

/* ---- who may write ----------------------------------------------------------------------------------------------- */

/* By what was given: the key, or the PIN; else whichever is typed. */
static enum pin_kind writer_kind(const struct tool *t)
{
	return !pin_is_given(t, PIN_MANAGEMENT_KEY) && pin_is_given(t, PIN_USER) ? PIN_USER : PIN_MANAGEMENT_KEY;
}

static enum ukey_status writer_once(struct session *s, enum pin_kind kind)
{
	struct pin secret = {0};
	enum ukey_status r = session_ask_pin(s, kind, &secret);

	if (r == UKEY_OK)
		r = ukey_login(s->token, UKEY_SO, secret.data, secret.len);
	pin_clear(&secret);
	return session_pin_failed(s, UKEY_USER, r);
}

enum ukey_status session_login_writer(struct session *s)
{
	const enum pin_kind kind = writer_kind(s->tool);
	bool again;
	enum ukey_status r;

	if (!session_is_piv(s))
		return session_login(s, UKEY_USER, false);
	do {
		r = writer_once(s, kind);
		again = (r == UKEY_MANAGEMENT_KEY_INCORRECT || r == UKEY_MANAGEMENT_KEY_NEEDED ||
				(r == UKEY_PIN_INCORRECT && s->info.user_pin.tries_left > 1)) &&
			!pin_is_given(s->tool, kind) && !tool_cancelled();
		if (again)
			session_tell(s, r);
	} while (again);
	ukey_token_info(s->token, &s->info);
	return r;
}

enum ukey_status session_login_for(struct session *s, const struct ukey_key *key)
{
	return key->no_pin ? UKEY_OK : session_login(s, UKEY_USER, key->always_authenticate);
}
