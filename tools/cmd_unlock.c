/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pin unlock --remote, --confirm: the holder's end of unlock by phone (doc/token-protocol.md 5).
 *
 *	challenge --> shown --> answer typed --> new PIN --> both sent at once --> proof shown
 *	    ^                    ^   mistyped: told here      ^  refused: another PIN, the same answer
 *	    |                    +-- wrong: tries left -------+
 *	    +-- the challenge is over (three wrong answers, a lost channel)
 *
 * Until the one command that sends answer and PIN nothing is changed, so breaking it off costs nothing.
 */
#include "config.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/code_text.h"
#include "tools/token_session.h"
#include "tools/ui.h"
#include "tools/unlock.h"

#define CHALLENGE_ANSWERS 3 /* wrong ones end a challenge */
#define EMPTY_LINES       3 /* mean it */

struct unlock {
	struct session s;
	uint8_t challenge[UKEY_CHALLENGE_SIZE];
	unsigned wrong; /* answers to this challenge */
	unsigned empty; /* lines at the prompts */
	uint8_t response[UKEY_RESPONSE_SIZE];
	struct pin new_pin; /* kept while the answer is asked for again */
	uint8_t proof[UKEY_PROOF_SIZE];
};

/* With --json each step is a document of its own, on one line, at once: a script reads the challenge and answers it. */
static void event(struct tool *t, json_t *document)
{
	if (tool_has(t, OPT_JSON)) {
		json_dumpf(document, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		fflush(stdout);
	}
	json_decref(document);
}

/* ---- the challenge ---- */

static void show_qr(struct tool *t, const char *text)
{
	const bool wanted = tool_has(t, OPT_QR);
	char *qr;

	if (tool_has(t, OPT_NO_QR) || tool_has(t, OPT_JSON) || (!wanted && !isatty(STDOUT_FILENO)))
		return;
	if (!wanted && strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		return;
	qr = qr_text(text);
	if (qr != NULL)
		fputs(qr, stdout);
	free(qr);
}

static void show_challenge(struct unlock *u)
{
	struct tool *t = u->s.tool;
	char text[CODE_TEXT_SIZE], name[64];

	code_text_encode(CODE_CHALLENGE, BYTES_OF(u->challenge), text, sizeof(text));
	session_name(&u->s, name, sizeof(name));
	event(t, json_pack("{s:s, s:s, s:s, s:i}", "event", "challenge", "serial", u->s.info.serial, "challenge", text,
			 "tries_left", (int)u->s.info.unlock_key.tries_left));
	if (tool_has(t, OPT_JSON))
		return;
	printf(_("Call the helpdesk and read this challenge of the token %s to them:\n\n"), name);
	printf("    %s\n\n", text);
	show_qr(t, text);
	ui_note(t, "%s",
		_("Keep the token plugged in and this program running: when either ends, so does the challenge."));
	ui_note(t, "%s", "");
	fflush(stdout);
}

static enum ukey_status take_challenge(struct unlock *u)
{
	enum ukey_status r = ukey_unlock_challenge(u->s.token, u->challenge);

	ukey_token_info(u->s.token, &u->s.info);
	u->wrong = 0;
	if (r == UKEY_OK)
		show_challenge(u);
	return r;
}

/*
 * An Enter too many would cost a challenge, and with it the call: a new one needs a new request at the desk. Whoever
 * insists gives up; the end of the terminal looks the same.
 */
static bool only_enter(struct unlock *u, enum ukey_status r)
{
	struct tool *t = u->s.tool;

	if (r != UKEY_PIN_INPUT || t->failed != r || t->context[0] != '\0' || ++u->empty >= EMPTY_LINES)
		return false;
	ui_tell("%s", _("Nothing was typed. Ctrl-C gives up, and with it this challenge."));
	t->failed = UKEY_OK;
	return true;
}

/* ---- the answer ---- */

/* What is wrong with it, in words: which group, if the check characters tell. */
static void describe(const struct code_fault *f, char *out, size_t cap)
{
	unsigned group = 0, groups = 0;

	for (unsigned n = 1; n < 16; n++)
		if ((f->groups & 1u << n) != 0) {
			group = n;
			groups++;
		}
	switch (f->error) {
	case CODE_LENGTH:
		snprintf(out, cap, _("an answer has %zu characters, this has %zu"), f->want, f->have);
		break;
	case CODE_CHARACTER:
		snprintf(out, cap, _("there is a character in group %u that no answer has"), f->group);
		break;
	case CODE_OTHER:
		snprintf(out, cap, "%s",
			f->other == CODE_CHALLENGE ? _("this is a challenge, not the helpdesk's answer")
						   : _("this is a proof, not the helpdesk's answer"));
		break;
	default:
		if (groups == 1)
			snprintf(out, cap, _("it is mistyped or misheard, probably in group %u"), group);
		else
			snprintf(out, cap, "%s", _("it is mistyped or misheard"));
		break;
	}
}

/* UKEY_DATA_INVALID: no answer at all, the token was not asked. */
static enum ukey_status read_answer(struct unlock *u)
{
	struct builder out = builder_of(u->response, sizeof(u->response));
	struct tool *t = u->s.tool;
	struct code_fault fault;
	struct pin line = {0};
	char why[200];
	enum ukey_status r = session_ask_pin(&u->s, PIN_ANSWER, &line);

	if (r != UKEY_OK)
		return r;
	/* a zero follows the line's last byte; one inside makes it too short */
	if (!code_text_decode(CODE_ANSWER, (const char *)line.data, &out, &fault)) {
		describe(&fault, why, sizeof(why));
		r = tool_fail(t, UKEY_DATA_INVALID, "%s", why);
		tool_hint(t, _("ask the helpdesk to read the answer again; no try was used"));
	}
	pin_clear(&line);
	return r;
}

/* Mistyped ones are told at once and asked for again, without bothering the token. */
static enum ukey_status get_answer(struct unlock *u)
{
	struct tool *t = u->s.tool;
	bool mistyped = false;
	char why[sizeof(t->context)] = "";

	for (;;) {
		enum ukey_status r = read_answer(u);
		if (only_enter(u, r))
			continue;
		if (r == UKEY_PIN_INPUT && mistyped) { /* nobody gave another */
			r = tool_fail(t, UKEY_DATA_INVALID, "%s", why);
			tool_hint(t, _("ask the helpdesk to read the answer again; no try was used"));
			return r;
		}
		if (r != UKEY_DATA_INVALID || !pin_can_repeat(t, PIN_ANSWER))
			return r;
		mistyped = true;
		snprintf(why, sizeof(why), "%s", t->context);
		event(t, json_pack("{s:s, s:o}", "event", "mistyped", "message", ui_json_text(why)));
		ui_tell(_("This is no answer: %s. Nothing was sent; type it again."), why);
	}
}

/* ---- answer and PIN ---- */

static enum ukey_status over(struct unlock *u)
{
	event(u->s.tool, json_pack("{s:s}", "event", "over"));
	ui_tell("%s", _("This challenge is no longer valid; here is another one."));
	return take_challenge(u);
}

/* The token compared the answer and did not like it. UKEY_OK: ask for another. */
static enum ukey_status wrong_answer(struct unlock *u)
{
	struct tool *t = u->s.tool;
	unsigned left;

	ukey_token_info(u->s.token, &u->s.info);
	left = u->s.info.unlock_key.tries_left;
	u->wrong++;
	if (left == 0)
		return tool_fail(t, UKEY_UNLOCK_BLOCKED, _("that was the last try"));
	tool_fail(t, UKEY_UNLOCK_WRONG, ngettext_("%u try left", "%u tries left", left), left);
	if (!pin_can_repeat(t, PIN_ANSWER) || tool_cancelled())
		return UKEY_UNLOCK_WRONG;
	event(t, json_pack("{s:s, s:i}", "event", "wrong", "tries_left", (int)left));
	ui_tell("%s (%s)", ukey_status_message(UKEY_UNLOCK_WRONG), t->context);
	if (left == 1)
		ui_tell("%s", _("The next wrong answer blocks unlocking by phone until the SO PIN is used. Compare "
				"serial number and "
				"challenge with the helpdesk before you go on."));
	return u->wrong >= CHALLENGE_ANSWERS ? over(u) : UKEY_OK;
}

/* Whoever has no other answer after a wrong one hears of the wrong one. */
static enum ukey_status no_more(struct unlock *u, bool after_wrong)
{
	const unsigned left = u->s.info.unlock_key.tries_left;

	if (!after_wrong && u->s.tool->context[0] == '\0') {
		tool_fail(u->s.tool, UKEY_PIN_INPUT, _("the helpdesk's answer is missing; nothing was changed"));
		tool_hint(u->s.tool, _("begin again, with another challenge: ukey pin unlock --remote"));
	}
	if (!after_wrong)
		return UKEY_PIN_INPUT;
	return tool_fail(u->s.tool, UKEY_UNLOCK_WRONG, ngettext_("%u try left", "%u tries left", left), left);
}

/* The same answer with another PIN, until the token takes the PIN or refuses the answer. */
static enum ukey_status send(struct unlock *u)
{
	enum ukey_status r = UKEY_OK;

	do {
		do
			r = u->new_pin.data == NULL ? session_ask_new_pin(&u->s, PIN_NEW_USER, NULL, &u->new_pin)
						    : UKEY_OK;
		while (only_enter(u, r));
		if (r == UKEY_OK && tool_cancelled())
			r = UKEY_CANCELLED;
		if (r != UKEY_OK)
			return r;
		r = session_pin_set(&u->s,
			ukey_unlock_respond(u->s.token, u->response, u->new_pin.data, u->new_pin.len, u->proof),
			_("see with the new PIN: ukey pin verify; if it is right, ukey pin unlock --confirm shows the "
			  "proof; else begin again"));
	} while (r == UKEY_PIN_POLICY && session_new_pin_again(&u->s, PIN_NEW_USER, &u->new_pin));
	return r;
}

static enum ukey_status answer(struct unlock *u)
{
	bool after_wrong = false;

	for (;;) {
		enum ukey_status r = get_answer(u);
		if (r == UKEY_PIN_INPUT)
			return no_more(u, after_wrong);
		if (r == UKEY_OK)
			r = send(u);
		if (r == UKEY_UNLOCK_WRONG) {
			after_wrong = true;
			r = wrong_answer(u);
		} else if (r == UKEY_UNLOCK_OVER && pin_can_repeat(u->s.tool, PIN_ANSWER)) {
			r = over(u);
		} else {
			return r;
		}
		if (r != UKEY_OK)
			return r;
	}
}

/* ---- the commands ---- */

static void show_proof(struct session *s, const uint8_t proof[UKEY_PROOF_SIZE], const char *before)
{
	char text[CODE_TEXT_SIZE];

	code_text_encode(CODE_PROOF, BYTES(proof, UKEY_PROOF_SIZE), text, sizeof(text));
	json_object_set_new(s->tool->result, "proof", json_string(text));
	json_object_set_new(s->tool->result, "token", token_json(&s->info));
	ui_note(s->tool, "%s", before);
	if (!tool_has(s->tool, OPT_JSON))
		printf("\n    %s\n", text);
}

static enum ukey_status usable(struct session *s)
{
	const struct ukey_pin_info *key = &s->info.unlock_key;

	if (s->info.life_cycle == UKEY_TERMINATED)
		return UKEY_TOKEN_TERMINATED;
	if (s->info.life_cycle == UKEY_BLANK)
		return UKEY_TOKEN_BLANK;
	if (!s->info.user_pin.exists)
		return UKEY_PIN_NOT_SET;
	return key->exists ? UKEY_OK : UKEY_UNLOCK_NONE;
}

static enum ukey_status usable_remote(struct session *s)
{
	enum ukey_status r = usable(s);

	return r == UKEY_OK && s->info.unlock_key.tries_left == 0 ? UKEY_UNLOCK_BLOCKED : r;
}

enum ukey_status unlock_remote(struct tool *t)
{
	struct unlock u = {0};
	enum ukey_status r;

	if (tool_has(t, OPT_QR) && tool_has(t, OPT_NO_QR))
		return tool_fail(t, UKEY_USAGE, _("--qr and --no-qr do not go together"));
	r = session_open(t, &u.s);
	if (r == UKEY_OK) {
		r = usable_remote(&u.s);
		/* Nobody is sent to the window on the word of somebody on the bus. */
		if (r == UKEY_UNLOCK_BLOCKED || r == UKEY_UNLOCK_NONE) {
			r = session_told(&u.s);
			if (r == UKEY_OK)
				r = usable_remote(&u.s);
		}
	}
	if (r == UKEY_OK)
		r = session_protect(&u.s);
	if (r == UKEY_OK)
		r = take_challenge(&u);
	if (r == UKEY_OK)
		r = answer(&u);
	if (r == UKEY_OK) {
		ukey_token_info(u.s.token, &u.s.info);
		show_proof(
			&u.s, u.proof, _("The new PIN is set, with all its tries. Read this proof to the helpdesk:"));
	}
	if (r == UKEY_CANCELLED) {
		tool_fail(t, r, _("nothing was changed, and the challenge is over"));
	} else if (r == UKEY_TOKEN_REMOVED) {
		tool_fail(t, r, _("the challenge is over"));
		tool_hint(t, _("plug it in and begin again: ukey pin unlock --remote; an answer to the old challenge "
			       "is of no "
			       "use"));
	}
	pin_clear(&u.new_pin);
	bytes_wipe(&u.response, sizeof(u.response));
	session_close(&u.s);
	return r;
}

enum ukey_status unlock_confirm(struct tool *t)
{
	uint8_t proof[UKEY_PROOF_SIZE];
	struct session s;
	enum ukey_status r = session_open(t, &s);

	if (r == UKEY_OK)
		r = usable(&s);
	if (r == UKEY_OK)
		r = ukey_unlock_proof(s.token, proof);
	if (r == UKEY_NOT_FOUND) {
		tool_fail(t, r, _("this token was never unlocked by phone"));
		tool_hint(t, _("there is nothing to confirm; to unlock it now: ukey pin unlock --remote"));
	}
	if (r == UKEY_OK)
		show_proof(&s, proof, _("The proof of the last unlock by phone:"));
	session_close(&s);
	return r;
}
