/* SPDX-License-Identifier: Apache-2.0 */
/* How a run fails and how it is told. */
#include "config.h"

#include "tools/tool.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/ui.h"

enum ukey_status tool_fail(struct tool *t, enum ukey_status s, const char *format, ...)
{
	va_list list;

	t->failed = s;
	t->context[0] = '\0';
	t->hint[0] = '\0';
	if (format != NULL) {
		va_start(list, format);
		vsnprintf(t->context, sizeof(t->context), format, list);
		va_end(list);
		ui_clean(t->context);
	}
	return s;
}

void tool_hint(struct tool *t, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(t->hint, sizeof(t->hint), format, list);
	va_end(list);
	ui_clean(t->hint);
}

enum ukey_status tool_fail_file(struct tool *t, const char *path)
{
	return tool_fail(t, UKEY_FILE, "%s: %s", path, strerror(errno));
}

enum ukey_status tool_open_library(struct tool *t)
{
	const enum ukey_status s = t->library == NULL ? ukey_open(&t->library) : UKEY_OK;

	return s == UKEY_CONFIG ? tool_fail(t, s, "%s", ukey_config_problem()) : s;
}

const char *tool_option_name(enum tool_option o)
{
	static const char *const names[] = {
#define OPTION(id, name, argument, help) name,
#include "tools/options.def"
#undef OPTION
	};

	return names[o];
}

enum ukey_status tool_number(struct tool *t, enum tool_option o, long min, long max, long *value)
{
	char *end;
	long n;

	if (!tool_has(t, o))
		return UKEY_OK;
	errno = 0;
	n = strtol(t->opt[o], &end, 10);
	if (errno != 0 || end == t->opt[o] || *end != '\0' || n < min || n > max)
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is not a number from %ld to %ld"), t->opt[o], min, max);
	*value = n;
	return UKEY_OK;
}

static json_t *error_document(const char *message, const char *hint, enum ukey_status s)
{
	return json_pack("{s:s, s:o, s:o, s:i}", "name", ukey_status_name(s), "message", ui_json_text(message), "hint",
		ui_json_text(hint), "exit", ukey_status_exit(s));
}

int tool_report(struct tool *t, enum ukey_status s)
{
	bool more = s != UKEY_OK && t->failed == s;
	const char *what = ukey_status_message(s);
	const char *hint = more && t->hint[0] != '\0' ? t->hint : ukey_status_hint(s);
	char message[1024];

	if (more && t->context[0] != '\0')
		snprintf(message, sizeof(message), "%s (%s)", what, t->context);
	else
		snprintf(message, sizeof(message), "%s", what);
	if (tool_has(t, OPT_JSON)) {
		if (s != UKEY_OK)
			json_object_set_new(t->result, "error", error_document(message, hint, s));
		json_dumpf(t->result, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
		putchar('\n');
	} else if (s != UKEY_OK) {
		fflush(stdout);
		fprintf(stderr, "ukey: %s\n", message);
		if (hint[0] != '\0')
			fprintf(stderr, "  %s\n", hint);
	}
	if ((fflush(stdout) != 0 || ferror(stdout)) && s == UKEY_OK) {
		fprintf(stderr, "ukey: %s\n", ukey_status_message(UKEY_FILE));
		s = UKEY_FILE;
	}
	return ukey_status_exit(s);
}

static volatile sig_atomic_t cancelled, waiting;
/* Made before a signal can come: a handler may not ask gettext. */
static char once[320], twice[320];

static void on_signal(int number)
{
	const int before = errno;
	const char *text = cancelled ? twice : waiting ? once : "";

	(void)number;
	/* Whether somebody was there to read it is no matter. */
	ssize_t told = text[0] != '\0' ? write(STDERR_FILENO, text, strlen(text)) : 0;
	(void)told;
	if (cancelled) {
		pin_restore_terminal();
		_exit(9); /* UKEY_CANCELLED; a call into the library is no place to run anything more */
	}
	cancelled = 1;
	errno = before;
}

void tool_waits(bool waits)
{
	waiting = waits;
}

bool tool_cancelled(void)
{
	return cancelled != 0;
}

void tool_catch_signals(void)
{
	struct sigaction a = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN}, before;

	snprintf(once, sizeof(once), "\n%s\n",
		_("This step is finished first. Ctrl-C again leaves at once, and the token may finish it all the "
		  "same."));
	snprintf(twice, sizeof(twice), "\nukey: %s (%s)\n  %s\n", ukey_status_message(UKEY_CANCELLED),
		_("what the token was doing is perhaps done all the same"), _("see: ukey info, ukey key list"));
	sigemptyset(&a.sa_mask);
	sigaction(SIGINT, &a, NULL);
	sigaction(SIGTERM, &a, NULL);
	/* nohup(1) */
	if (sigaction(SIGHUP, NULL, &before) != 0 || before.sa_handler != SIG_IGN)
		sigaction(SIGHUP, &a, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}
