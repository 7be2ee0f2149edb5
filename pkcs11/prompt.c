/* SPDX-License-Identifier: Apache-2.0 */
#include "pkcs11/prompt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "pkcs11/pinentry.h"

/* Room for more than a PIN may have: too long is the token's word. */
#define PIN_ROOM 255
/* A pinentry that answers by itself, always the same, is not asked for ever. */
#define WINDOWS_MAX 20
#define LEAST_MS    100
#define TURN_MS     20
#define LOOK_MS     500

struct pin {
	uint8_t data[PIN_ROOM];
	size_t len;
};

struct p11_prompt {
	struct p11_slot *slot;
	struct ukey_token *token;    /* borrowed */
	struct p11_session *session; /* may be NULL */
	bool turn;                   /* ours */
	CK_RV ended;                 /* why the window may not stay */
	long begun, looked;          /* ms */
	unsigned windows;
	enum ukey_role role; /* whose present PIN was asked for last */
	char program[64];
	char error[512];
	struct pin present, new, again;
	struct pin wrong; /* the token has refused it already */
	struct pin weak;  /* the person was told so already */
};

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000L + t.tv_nsec / 1000000;
}

static void sleep_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

bool p11_prompt_on(void)
{
	return pinentry_allowed() && ukey_setting_pinentry(p11.ukey) != NULL;
}

/* ---- may it stay? ------------------------------------------------------------------------------------------------ */

/* The library lock is held. */
static CK_RV reason_to_end(const struct p11_prompt *p)
{
	if (p11.ending)
		return CKR_CRYPTOKI_NOT_INITIALIZED;
	if (p->slot->token != p->token)
		return CKR_DEVICE_REMOVED;
	return p->session && p->session->closed ? CKR_SESSION_CLOSED : CKR_OK;
}

/* Is the token still there? No card is spoken to for that. */
static bool watch(void *arg)
{
	struct p11_prompt *p = arg;

	if (now_ms() - p->looked >= LOOK_MS) {
		p11_slots_refresh();
		p->looked = now_ms();
	}
	p11_lock();
	p->ended = reason_to_end(p);
	p11_unlock();
	return p->ended == CKR_OK;
}

/* ---- what the window says ---------------------------------------------------------------------------------------- */

/* Who asks for it. /proc/self/exe is the file that runs; nobody but its maker can choose the name. */
static void find_program(char *name, size_t room)
{
	char path[1024];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	const char *base = path;
	char *deleted;

	path[n > 0 ? n : 0] = '\0';
	deleted = strstr(path, " (deleted)");
	if (deleted)
		*deleted = '\0';
	if (strrchr(path, '/'))
		base = strrchr(path, '/') + 1;
	snprintf(name, room, "%.*s", (int)room - 1, base[0] ? base : "?");
}

static const struct {
	enum ukey_role role;
	bool is_new;
	const char *prompt, *why;
} asks[P11_ASKS] = {
	[P11_ASK_USER] = {UKEY_USER, false, N_("PIN:"),            N_("It wants to log in. Give the PIN of this token.")   },
	[P11_ASK_SO] = {UKEY_SO,   false, N_("SO PIN:"),
			  N_("It wants to log in as the administrator (security officer). Give the SO PIN of this token.") },
	[P11_ASK_MANAGEMENT_KEY] = {UKEY_SO,   false, N_("Management key:"),
			  N_("It wants to manage the card. Give its management key in hexadecimal digits, or the PIN where the "
		   "card keeps the key behind it.")									},
	[P11_ASK_USE] = {UKEY_USER, false, N_("PIN:"),
			  N_("It wants to use a key that asks for the PIN each time. Give the PIN if you want this now.")  },
	[P11_ASK_ERASE] = {UKEY_SO,   false, N_("SO PIN:"),
			  N_("It wants to initialise the token: ALL keys and certificates on it will be erased. Give the SO PIN "
		   "if you want this.")										    },
	[P11_ASK_OLD_USER] = {UKEY_USER, false, N_("Present PIN:"),
			  N_("The PIN is to be changed. Give the present one first.")                                      },
	[P11_ASK_OLD_SO] = {UKEY_SO,   false, N_("Present SO PIN:"),
			  N_("The SO PIN is to be changed. Give the present one first.")                                   },
	[P11_ASK_NEW_USER] = {UKEY_USER, true,  N_("New PIN:"),        N_("Choose a new PIN.")                                 },
	[P11_ASK_NEW_SO] = {UKEY_SO,   true,  N_("New SO PIN:"),     N_("Choose a new SO PIN.")                              },
	[P11_ASK_OWN] = {UKEY_USER, true,  N_("New PIN:"),
			  N_("The PIN is right, but somebody else chose it: choose one of your own before it can be used.")},
};

static void describe(const struct p11_prompt *p, const char *why, char *text, size_t room)
{
	struct ukey_token_info info;
	int n;

	ukey_token_info(p->token, &info);
	n = snprintf(text, room, _("Program: %s\nToken: %s\nSerial number: %s"), p->program,
		info.label[0] ? info.label : "-", info.serial);
	if (n > 0 && (size_t)n < room)
		snprintf(text + n, room - (size_t)n, "\n\n%s", why);
}

/* What a new PIN must be like. */
static void add_rules(const struct p11_prompt *p, char *text, size_t room)
{
	struct ukey_token_info info;
	size_t n = strlen(text);

	ukey_token_info(p->token, &info);
	n += (size_t)snprintf(text + n, room - n, "\n");
	n += (size_t)snprintf(text + n, room - n, _("It must have %u to %u characters."),
		info.pin_min ? info.pin_min : 6, info.pin_max ? info.pin_max : 32);
	if (info.pin_classes > 1 && n < room)
		snprintf(text + n, room - n,
			_(" At least %u of these kinds must be in it: lower case, upper case, digits, others."),
			info.pin_classes);
}

static const struct ukey_pin_info *pin_of(const struct ukey_token_info *info, enum ukey_role role)
{
	return role == UKEY_SO ? &info->so_pin : &info->user_pin;
}

/* Tries that are lost already are told before the first one of ours, too. */
static void say_tries(struct p11_prompt *p, bool wrong)
{
	struct ukey_token_info info;
	unsigned left;

	ukey_token_info(p->token, &info);
	left = pin_of(&info, p->role)->tries_left;
	if (!wrong && left >= pin_of(&info, p->role)->tries_max)
		return;
	if (left == UKEY_TRIES_UNKNOWN) {
		snprintf(p->error, sizeof(p->error), "%s", ukey_status_message(UKEY_PIN_INCORRECT));
		return;
	}
	if (left == 1)
		snprintf(p->error, sizeof(p->error), "%s",
			wrong ? _("The PIN was wrong. LAST TRY: one more wrong PIN blocks it.")
			      : _("LAST TRY: one more wrong PIN blocks it."));
	else if (wrong)
		snprintf(p->error, sizeof(p->error),
			ngettext_("The PIN was wrong: %u try left.", "The PIN was wrong: %u tries left.", left), left);
	else
		snprintf(p->error, sizeof(p->error), ngettext_("%u try left.", "%u tries left.", left), left);
}

/* ---- how good is a new PIN? -------------------------------------------------------------------------------------- */

static enum ukey_pin_advice advise(const struct p11_prompt *p, struct bytes pin)
{
	struct ukey_token_info info;

	ukey_token_info(p->token, &info);
	return ukey_pin_advise(&info, pin.data, pin.len);
}

/* For the bar that pinentries have, while it is typed: red what will be refused, the better the longer. */
static int quality(void *arg, struct bytes pin)
{
	const enum ukey_pin_advice advice = advise(arg, pin);

	if (ukey_pin_refused(advice))
		return pin.len ? -10 - (int)pin.len : 0;
	return advice != UKEY_PIN_GOOD ? 25 : pin.len >= 14 ? 100 : 30 + 5 * (int)pin.len;
}

/* ---- one window -------------------------------------------------------------------------------------------------- */

static struct pinentry_window window_of(struct p11_prompt *p, const char *text)
{
	return (struct pinentry_window){
		.program = ukey_setting_pinentry(p11.ukey),
		.watch = watch,
		.arg = p,
		.title = "OpenUKey",
		.text = text,
		.ok = _("_OK"),
		.cancel = _("_Cancel"),
	};
}

static CK_RV rv_of(struct p11_prompt *p, enum pinentry_result result)
{
	switch (result) {
	case PINENTRY_DONE:
		return CKR_OK;
	case PINENTRY_ENDED:
		return p->ended;
	case PINENTRY_FAILED:
		p11_log("pinentry (%s) gave no PIN", ukey_setting_pinentry(p11.ukey));
		return p11_rv(UKEY_PIN_PROMPT);
	case PINENTRY_TIMEOUT:
		p11_log("nobody answered the window of pinentry in time");
		return p11_rv(UKEY_CANCELLED);
	default:
		return p11_rv(UKEY_CANCELLED);
	}
}

static CK_RV one_window(struct p11_prompt *p, enum p11_ask what, const char *repeat, struct pin *pin, bool *repeated)
{
	struct builder b = builder_of(pin->data, sizeof(pin->data));
	char text[2048] = "";
	struct pinentry_window w = window_of(p, text);
	enum pinentry_result result;

	if (++p->windows > WINDOWS_MAX)
		return rv_of(p, PINENTRY_FAILED);
	describe(p, _(asks[what].why), text, sizeof(text));
	if (asks[what].is_new)
		add_rules(p, text, sizeof(text));
	w.prompt = _(asks[what].prompt);
	w.error = p->error[0] ? p->error : NULL;
	if (asks[what].is_new && !repeat) {
		w.repeat = _("Once more:");
		w.repeat_error = ukey_status_message(UKEY_PIN_MISMATCH);
		w.quality = quality;
		w.quality_label = _("Quality:");
	} else if (repeat) {
		w.prompt = repeat;
	}
	result = pinentry_pin(&w, &b, repeated);
	pin->len = result == PINENTRY_DONE ? b.len : 0;
	p->error[0] = '\0';
	return rv_of(p, result);
}

static struct bytes bytes_of(const struct pin *pin)
{
	return BYTES(pin->data, pin->len);
}

static void forget(struct pin *pin)
{
	bytes_wipe(pin, sizeof(*pin));
}

/* Twice the same: in one window where the program can, in two where it cannot. *good: it was. */
static CK_RV new_pin_twice(struct p11_prompt *p, enum p11_ask what, bool *good)
{
	bool ignored;
	CK_RV rv;

	forget(&p->new);
	rv = one_window(p, what, NULL, &p->new, good);
	if (rv != CKR_OK || *good)
		return rv;
	if (!p->new.len) {
		snprintf(p->error, sizeof(p->error), "%s", ukey_status_message(UKEY_PIN_INPUT));
		return CKR_OK;
	}
	rv = one_window(p, what, _("Once more:"), &p->again, &ignored);
	*good = bytes_equal_secret(bytes_of(&p->new), bytes_of(&p->again));
	forget(&p->again);
	if (!*good)
		snprintf(p->error, sizeof(p->error), "%s", ukey_status_message(UKEY_PIN_MISMATCH));
	return rv;
}

/* What the token would refuse it need not see; what is only weak may be insisted on. */
static bool advised(struct p11_prompt *p)
{
	const enum ukey_pin_advice advice = advise(p, bytes_of(&p->new));

	if (advice == UKEY_PIN_GOOD ||
		(!ukey_pin_refused(advice) && bytes_equal_secret(bytes_of(&p->new), bytes_of(&p->weak))))
		return true;
	p->weak = p->new;
	snprintf(p->error, sizeof(p->error), "%s%s%s", ukey_pin_advice_text(advice),
		ukey_pin_refused(advice) ? "" : "\n",
		ukey_pin_refused(advice) ? "" : _("To take it all the same, give it again."));
	return false;
}

static CK_RV new_pin(struct p11_prompt *p, enum p11_ask what)
{
	bool good;
	CK_RV rv;

	do {
		good = false;
		rv = new_pin_twice(p, what, &good);
	} while (rv == CKR_OK && (!good || !advised(p)));
	return rv;
}

/* A PIN that the token called wrong a moment ago costs no second try. */
static CK_RV present_pin(struct p11_prompt *p, enum p11_ask what)
{
	if (!p->error[0])
		say_tries(p, false);
	for (;;) {
		bool ignored;
		CK_RV rv;

		forget(&p->present);
		rv = one_window(p, what, NULL, &p->present, &ignored);
		if (rv != CKR_OK)
			return rv;
		if (!p->present.len)
			snprintf(p->error, sizeof(p->error), "%s", ukey_status_message(UKEY_PIN_INPUT));
		else if (p->wrong.len && bytes_equal_secret(bytes_of(&p->present), bytes_of(&p->wrong)))
			snprintf(p->error, sizeof(p->error), "%s",
				_("This is the same wrong PIN again; the token was not asked, and no try is lost."));
		else
			return CKR_OK;
	}
}

CK_RV p11_prompt_pin(struct p11_prompt *p, enum p11_ask what, struct bytes *pin)
{
	CK_RV rv;

	if (!asks[what].is_new)
		p->role = asks[what].role;
	rv = asks[what].is_new ? new_pin(p, what) : present_pin(p, what);
	*pin = bytes_of(asks[what].is_new ? &p->new : &p->present);
	return rv;
}

/* ---- what came of it --------------------------------------------------------------------------------------------- */

/* The application has a number and a word at best; the person shall read what happened and what to do. */
static void tell(struct p11_prompt *p, enum ukey_status status)
{
	char text[2048] = "", why[1024];
	struct pinentry_window w = window_of(p, text);

	snprintf(why, sizeof(why), "%s\n%s", ukey_status_message(status), ukey_status_hint(status));
	describe(p, why, text, sizeof(text));
	w.cancel = NULL;
	pinentry_message(&w);
}

static enum ukey_status after_wrong(struct p11_prompt *p)
{
	struct ukey_token_info info;

	ukey_token_info(p->token, &info);
	if (pin_of(&info, p->role)->tries_left)
		return UKEY_OK;
	return p->role == UKEY_SO ? UKEY_SO_PIN_BLOCKED : UKEY_PIN_BLOCKED;
}

bool p11_prompt_again(struct p11_prompt *p, enum ukey_status status, bool *present, CK_RV *rv)
{
	switch (status) {
	case UKEY_OK:
		return false;
	case UKEY_PIN_LENGTH:
	case UKEY_PIN_POLICY:
	case UKEY_DATA_INVALID:
		/* With a new one in the game it is that one: a present PIN that cannot be one was never sent with it.
		 */
		*present = !p->new.len;
		snprintf(p->error, sizeof(p->error), "%s: %s", ukey_status_message(status), ukey_status_hint(status));
		return true;
	case UKEY_MANAGEMENT_KEY_INCORRECT:
		/* It has no tries. */
		*present = true;
		p->wrong = p->present;
		snprintf(p->error, sizeof(p->error), "%s: %s", ukey_status_message(status), ukey_status_hint(status));
		return true;
	case UKEY_PIN_INCORRECT:
	case UKEY_SO_PIN_INCORRECT:
	case UKEY_PUK_INCORRECT:
		status = after_wrong(p);
		if (status == UKEY_OK) {
			*present = true;
			p->wrong = p->present;
			say_tries(p, true);
			return true;
		}
		*rv = p11_rv(status);
		break;
	default:
		break;
	}
	if (status != UKEY_TOKEN_REMOVED)
		tell(p, status);
	return false;
}

/* ---- begin, end -------------------------------------------------------------------------------------------------- */

static CK_RV take_turn(struct p11_prompt *p)
{
	for (;;) {
		CK_RV rv;

		p11_lock();
		rv = reason_to_end(p);
		if (rv == CKR_OK && !p11.prompting)
			p11.prompting = p->turn = true;
		p11_unlock();
		if (rv != CKR_OK || p->turn)
			return rv;
		sleep_ms(TURN_MS);
	}
}

CK_RV p11_prompt_begin(struct p11_prompt **out, struct p11_slot *slot, struct ukey_token *token, struct p11_session *s)
{
	struct p11_prompt *p = secmem_alloc(sizeof(*p));

	*out = p;
	if (!p)
		return CKR_HOST_MEMORY;
	p->slot = slot;
	p->token = token;
	p->session = s;
	p->begun = p->looked = now_ms();
	i18n_init();
	find_program(p->program, sizeof(p->program));
	if (s)
		pthread_mutex_unlock(&s->lock);
	return take_turn(p);
}

CK_RV p11_prompt_end(struct p11_prompt *p, CK_RV rv)
{
	long left;

	if (!p)
		return rv;
	left = p->begun + LEAST_MS - now_ms();
	if (left > 0)
		sleep_ms(left);
	p11_lock();
	if (p->turn)
		p11.prompting = false;
	p11_unlock();
	if (p->session)
		pthread_mutex_lock(&p->session->lock);
	secmem_free(p);
	return rv;
}
