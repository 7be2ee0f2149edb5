/* SPDX-License-Identifier: Apache-2.0 */
/* doctor: what is wrong with this machine and its tokens, and how to mend it. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tools/doctor.h"
#include "tools/names.h"
#include "tools/token_session.h"
#include "tools/ui.h"

#define FEW_TRIES     2
#define EXPIRING_DAYS 30 /* LC-12 */
#define PCSCD_SOCKET  "/run/pcscd/pcscd.comm"

void doctor_add(struct doctor *d, enum doctor_level level, const char *id, const char *mend, const char *found, ...)
{
	static const char *const names[] = {"ok", "warning", "problem"};
	static const char *const plain[] = {"[ ok ]", "[warn]", "[FAIL]"};
	static const char *const coloured[] = {
		"\033[32m[ ok ]\033[0m", "\033[33m[warn]\033[0m", "\033[31m[FAIL]\033[0m"};
	const char *const *marks = isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL ? coloured : plain;
	char text[1024];
	va_list list;

	va_start(list, found);
	vsnprintf(text, sizeof(text), found, list);
	va_end(list);
	ui_clean(text);
	d->problems += level == DOCTOR_PROBLEM;
	d->warnings += level == DOCTOR_WARNING;
	json_array_append_new(d->checks, json_pack("{s:s, s:s, s:o, s:o}", "check", id, "result", names[level], "found",
						 ui_json_text(text), "mend", ui_json_text(mend)));
	if (tool_has(d->t, OPT_JSON) || (tool_has(d->t, OPT_QUIET) && level == DOCTOR_OK))
		return;
	printf("%s %s\n", marks[level], text);
	if (mend[0] != '\0')
		printf("       -> %s\n", mend);
}

/* ---- the service ---- */

static bool pcscd_installed(void)
{
	static const char *const places[] = {
		"/usr/sbin/pcscd", "/usr/bin/pcscd", "/usr/local/sbin/pcscd", "/sbin/pcscd"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], X_OK) == 0)
			return true;
	return false;
}

/* True when readers can be looked at. */
static bool check_service(struct doctor *d)
{
	const char *name = getenv("PCSCLITE_CSOCK_NAME");
	const char *path = name != NULL ? name : PCSCD_SOCKET;
	struct stat st;
	bool here = stat(path, &st) == 0;
	enum ukey_status s = tool_open_library(d->t);

	if (s == UKEY_OK)
		s = ukey_refresh(d->t->library);
	if (s == UKEY_OK) {
		doctor_add(d, DOCTOR_OK, "service", "", "%s",
			here ? _("the smart card service (pcscd) answers")
			     : _("the smart card service (pcscd) is not running; USB tokens are reached without it"));
		return true;
	}
	if (s == UKEY_CONFIG)
		doctor_add(d, DOCTOR_PROBLEM, "configuration", ukey_status_hint(s), "%s: %s", ukey_status_message(s),
			ukey_config_problem());
	else if (s == UKEY_NO_SERVICE && !here && !pcscd_installed())
		doctor_add(d, DOCTOR_PROBLEM, "service", _("install it: apt install pcscd"),
			_("the smart card service (pcscd) is not installed"));
	else if (s == UKEY_NO_SERVICE && here)
		doctor_add(d, DOCTOR_PROBLEM, "service", _("start it again: systemctl restart pcscd.socket pcscd"),
			_("the smart card service (pcscd) has a socket, %s, but does not answer"), path);
	else
		doctor_add(d, DOCTOR_PROBLEM, "service", ukey_status_hint(s), "%s", ukey_status_message(s));
	return false;
}

/* ---- readers ---- */

static void check_reader(struct doctor *d, const struct ukey_reader_info *r)
{
	switch (r->state) {
	case UKEY_READER_TOKEN:
		doctor_add(d, DOCTOR_OK, "reader", "", _("reader %s: token %s"), r->name, r->serial);
		break;
	case UKEY_READER_EMPTY:
		doctor_add(d, DOCTOR_OK, "reader", "", _("reader %s: empty"), r->name);
		break;
	case UKEY_READER_FOREIGN:
		doctor_add(d, DOCTOR_PROBLEM, "reader", ukey_status_hint(UKEY_FOREIGN_CARD), _("reader %s: %s"),
			r->name, ukey_status_message(UKEY_FOREIGN_CARD));
		break;
	case UKEY_READER_MUTE:
		doctor_add(d, DOCTOR_PROBLEM, "reader", _("take it out, clean it, put it in again the right way round"),
			_("reader %s: the card does not answer"), r->name);
		break;
	case UKEY_READER_BUSY:
		doctor_add(d, DOCTOR_PROBLEM, "reader", ukey_status_hint(UKEY_TOKEN_BUSY), _("reader %s: %s"), r->name,
			ukey_status_message(UKEY_TOKEN_BUSY));
		break;
	case UKEY_READER_DENIED:
		break; /* doctor_usb says why */
	}
}

static void check_readers(struct doctor *d)
{
	struct ukey_reader_info *list = NULL;
	size_t count = 0, tokens = 0, cards = 0, ours;
	char usb[200];

	if (ukey_readers(d->t->library, &list, &count) != UKEY_OK)
		return;
	for (size_t i = 0; i < count; i++) {
		check_reader(d, &list[i]);
		tokens += list[i].state == UKEY_READER_TOKEN;
		cards += list[i].state != UKEY_READER_EMPTY;
	}
	ours = doctor_usb(d, list, count);
	free(list);
	if (count == 0 && ours == 0) {
		doctor_usb_ccid(usb, sizeof(usb));
		if (usb[0] != '\0')
			doctor_add(d, DOCTOR_PROBLEM, "reader",
				_("install the driver: apt install libccid; then unplug the device and plug it in "
				  "again"),
				_("\"%s\" is plugged in, but no driver takes care of it"), usb);
		else
			doctor_add(d, DOCTOR_PROBLEM, "reader", _("plug the token in; try another port or cable"), "%s",
				ukey_status_message(UKEY_NO_READER));
	} else if (tokens == 0 && cards == 0 && ours == 0) {
		doctor_add(d, DOCTOR_PROBLEM, "token", ukey_status_hint(UKEY_NO_TOKEN), "%s",
			ukey_status_message(UKEY_NO_TOKEN));
	}
}

/* ---- tokens ---- */

/* The proof of the device key. What it needs of this machine, the roots, is told once. */
static void check_genuine(struct doctor *d, struct ukey_token *token, struct ukey_token_info *info)
{
	const enum ukey_status s = ukey_protect(token);

	ukey_token_info(token, info);
	if (s == UKEY_NO_ROOTS)
		doctor_add(d, DOCTOR_PROBLEM, "genuine", ukey_status_hint(s), _("token %s: %s (%s)"), info->serial,
			_("nobody can tell whether it is genuine"), ukey_protect_problem());
	else if (s == UKEY_NOT_GENUINE)
		doctor_add(d, DOCTOR_PROBLEM, "genuine", ukey_status_hint(s), _("token %s: %s (%s)"), info->serial,
			ukey_status_message(s), ukey_protect_problem());
	else if (s != UKEY_OK)
		doctor_add(d, DOCTOR_PROBLEM, "genuine", ukey_status_hint(s), _("token %s: %s"), info->serial,
			ukey_status_message(s));
	else if (info->application == UKEY_APPLICATION_PIV)
		doctor_add(d, DOCTOR_OK, "genuine", "",
			_("token %s: a PIV card; its PIN goes over the bus in the clear, and while anyone is logged in "
			  "other programs can use its keys"),
			info->serial);
	else if (info->genuine == UKEY_GENUINE_YES)
		doctor_add(d, DOCTOR_OK, "genuine", "", _("token %s: it is genuine"), info->serial);
	else
		doctor_add(d, DOCTOR_WARNING, "genuine", _("use it for tests, or have one with a device key issued"),
			_("token %s: it has no device key, cannot prove that it is genuine, and gets its PIN in the "
			  "clear"),
			info->serial);
}

static void check_pins(struct doctor *d, const struct ukey_token_info *info)
{
	const struct ukey_pin_info *pin = &info->user_pin;

	if (!pin->exists)
		doctor_add(d, DOCTOR_PROBLEM, "user-pin", ukey_status_hint(UKEY_PIN_NOT_SET), _("token %s: %s"),
			info->serial, ukey_status_message(UKEY_PIN_NOT_SET));
	else if (pin->tries_left == 0)
		doctor_add(d, DOCTOR_PROBLEM, "user-pin",
			session_by_phone(info) ? session_unlock_hint() : ukey_status_hint(UKEY_PIN_BLOCKED),
			_("token %s: %s"), info->serial, ukey_status_message(UKEY_PIN_BLOCKED));
	else if (pin->tries_left <= FEW_TRIES && pin->tries_left < pin->tries_max)
		doctor_add(d, DOCTOR_PROBLEM, "user-pin",
			_("the right PIN gives all tries back (ukey pin verify); who forgot it sets a new one, with "
			  "the "
			  "helpdesk (ukey pin unlock --remote) or with the SO PIN (ukey pin unlock)"),
			ngettext_("token %s: only %u try of the PIN is left",
				"token %s: only %u tries of the PIN are left", pin->tries_left),
			info->serial, pin->tries_left);
	else if (pin->tries_left == UKEY_TRIES_UNKNOWN)
		doctor_add(d, DOCTOR_OK, "user-pin", "", _("token %s: it has a PIN"), info->serial);
	else
		doctor_add(d, DOCTOR_OK, "user-pin", "", _("token %s: PIN with %u of %u tries"), info->serial,
			pin->tries_left, pin->tries_max);
	if (pin->exists && pin->must_change && pin->tries_left > 0)
		doctor_add(d, DOCTOR_PROBLEM, "user-pin", ukey_status_hint(UKEY_PIN_EXPIRED), _("token %s: %s"),
			info->serial, ukey_status_message(UKEY_PIN_EXPIRED));
	if (info->unlock_key.exists && info->unlock_key.tries_left == 0)
		doctor_add(d, DOCTOR_PROBLEM, "unlock-key", ukey_status_hint(UKEY_UNLOCK_BLOCKED), _("token %s: %s"),
			info->serial, ukey_status_message(UKEY_UNLOCK_BLOCKED));
	if (info->application == UKEY_APPLICATION_PIV)
		return; /* the PUK is for a blocked PIN alone, and tells of its tries only when it is used */
	if (info->so_pin.exists && info->so_pin.tries_left == 0)
		doctor_add(d, DOCTOR_PROBLEM, "so-pin", ukey_status_hint(UKEY_SO_PIN_BLOCKED), _("token %s: %s"),
			info->serial, ukey_status_message(UKEY_SO_PIN_BLOCKED));
	else if (info->so_pin.exists && info->so_pin.tries_left <= FEW_TRIES)
		doctor_add(d, DOCTOR_WARNING, "so-pin", _("the right SO PIN gives all tries back: ukey so-pin change"),
			_("token %s: only %u tries of the SO PIN are left"), info->serial, info->so_pin.tries_left);
}

/* A key that signs nothing signs no request: its certificate comes from where the key came from. */
static const char *renewal(bool signs, const char *ours)
{
	return signs ? ours : _("get a new one from the CA that has the key, then: ukey cert import --force");
}

static void check_certificate(struct doctor *d, const char *serial, const char *ref, X509 *cert, bool signs)
{
	int64_t until = certificate_until(cert), now = (int64_t)time(NULL);
	char when[UI_TIME_SIZE];
	long days = (long)((until - now) / 86400);

	ui_time(until, when);
	if (until < now)
		doctor_add(d, DOCTOR_PROBLEM, "certificate", renewal(signs, _("get a new one: ukey enroll")),
			_("token %s, key %s: the certificate expired on %.10s"), serial, ref, when);
	else if (certificate_from(cert) > now)
		doctor_add(d, DOCTOR_PROBLEM, "certificate", _("check this machine's date and time"),
			_("token %s, key %s: the certificate is not valid yet"), serial, ref);
	else if (days < EXPIRING_DAYS)
		doctor_add(d, DOCTOR_PROBLEM, "certificate", renewal(signs, _("renew it now: ukey enroll --renew")),
			ngettext_("token %s, key %s: the certificate expires in %ld day, on %.10s",
				"token %s, key %s: the certificate expires in %ld days, on %.10s", (unsigned long)days),
			serial, ref, days, when);
	else
		doctor_add(d, DOCTOR_OK, "certificate", "", _("token %s, key %s: certificate valid until %.10s"),
			serial, ref, when);
}

static void check_objects(struct doctor *d, struct ukey_token *token, const struct ukey_token_info *info)
{
	struct session s = {.tool = d->t, .token = token, .info = *info};
	const struct ukey_directory *dir = NULL;
	char ref[NAME_REF_SIZE];
	X509 *cert = NULL;
	enum ukey_status r = ukey_directory(token, &dir);

	for (size_t i = 0; r == UKEY_OK && i < dir->key_count; i++) {
		const struct ukey_key *key = &dir->keys[i];
		const bool signs = key->usage & UKEY_USE_SIGN, piv = info->application == UKEY_APPLICATION_PIV;
		name_key_ref(key->ref, ref);
		if (!key->certificate.exists) {
			doctor_add(d, DOCTOR_WARNING, "certificate",
				piv     ? _("get one: ukey request, then ukey cert import")
				: signs ? _("get one: ukey enroll, or ukey request and ukey cert import; or delete the "
					    "key")
					: _("get it from the CA that has the key, then: ukey cert import"),
				_("token %s, key %s: no certificate"), info->serial, ref);
			continue;
		}
		r = key_certificate(&s, key->ref, &cert);
		if (r == UKEY_CERT_INVALID) {
			doctor_add(d, DOCTOR_PROBLEM, "certificate",
				_("delete it: ukey cert delete; then get a new one"),
				_("token %s, key %s: the certificate is damaged"), info->serial, ref);
			r = UKEY_OK;
		} else if (r == UKEY_OK) {
			check_certificate(d, info->serial, ref, cert, signs);
			X509_free(cert);
			cert = NULL;
		}
	}
	if (r != UKEY_OK)
		doctor_add(d, DOCTOR_PROBLEM, "token", ukey_status_hint(r), _("token %s: %s"), info->serial,
			ukey_status_message(r));
	ukey_directory_unref(dir);
}

static void check_token(struct doctor *d, struct ukey_token *token)
{
	struct ukey_token_info info;

	ukey_token_info(token, &info);
	if (!info.present)
		return;
	name_by_slots(info.application == UKEY_APPLICATION_PIV);
	/* Such a card tells of its tries only when it is asked. */
	if (info.application == UKEY_APPLICATION_PIV && ukey_token_reload(token) == UKEY_OK)
		ukey_token_info(token, &info);
	if (info.life_cycle != UKEY_TERMINATED)
		check_genuine(d, token, &info);
	if (info.life_cycle == UKEY_BLANK || info.life_cycle == UKEY_TERMINATED) {
		enum ukey_status s = info.life_cycle == UKEY_BLANK ? UKEY_TOKEN_BLANK : UKEY_TOKEN_TERMINATED;
		doctor_add(d, DOCTOR_PROBLEM, "token", ukey_status_hint(s), _("token %s: %s"), info.serial,
			ukey_status_message(s));
		return;
	}
	check_pins(d, &info);
	check_objects(d, token, &info);
	if (info.total_bytes > 0 && info.free_bytes < info.total_bytes / 20)
		doctor_add(d, DOCTOR_WARNING, "memory",
			_("delete what is no longer needed: ukey key list, ukey cert list"),
			_("token %s: its memory is nearly full"), info.serial);
}

static void check_tokens(struct doctor *d)
{
	struct token_spec spec = {0};
	struct ukey_token **list = NULL;
	struct ukey_token_info info;
	size_t count = 0;

	if (token_spec_parse(d->t, d->t->opt[OPT_TOKEN], &spec) == UKEY_OK &&
		ukey_tokens(d->t->library, &list, &count) == UKEY_OK) {
		for (size_t i = 0; i < count; i++) {
			ukey_token_info(list[i], &info);
			if (token_spec_fits(&spec, &info) > 0)
				check_token(d, list[i]);
		}
		ukey_tokens_free(list, count);
	}
	token_spec_clear(&spec);
}

enum ukey_status cmd_doctor(struct tool *t)
{
	struct doctor d = {.t = t, .checks = json_array()};

	if (check_service(&d)) {
		check_readers(&d);
		check_tokens(&d);
	} else if (d.t->library != NULL) {
		doctor_usb(&d, NULL, 0);
	}
	doctor_roots(&d);
	doctor_module(&d);
	doctor_pinentry(&d);
	doctor_cache(&d);
	doctor_locked_memory(&d);
	doctor_language(&d);
	json_object_set_new(t->result, "checks", d.checks);
	json_object_set_new(t->result, "problems", json_integer(d.problems));
	json_object_set_new(t->result, "warnings", json_integer(d.warnings));
	if (d.problems > 0)
		return tool_fail(t, UKEY_PROBLEMS_FOUND, "%u", d.problems);
	ui_note(t, d.warnings > 0 ? _("Nothing is broken; see the warnings.") : _("Everything is in order."));
	return UKEY_OK;
}
