/* SPDX-License-Identifier: Apache-2.0 */
/* setup: give the user's programs the PKCS#11 module, take it away again, and show which have it; and pcscd our tokens.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/doctor.h"
#include "tools/setup.h"
#include "tools/ui.h"

static const struct program {
	const char *name;
	void (*run)(struct setup *s);
	const char *afterwards; /* once it is set up; for the machine's, once it has changed */
	bool machine;
} programs[] = {
	{"firefox",  setup_firefox,  N_("Firefox sees the token from its next start on."),                                false},
	{"chromium", setup_chromium, N_("Chromium sees the token from its next start on."),                               false},
	{"ssh",      setup_ssh,      N_("ssh offers the token's keys now; ssh-keygen -D MODULE prints the public ones."), false},
	{"java",     setup_java,     NULL,										false},
	{"p11-kit",  setup_p11kit,   N_("Every program that asks p11-kit for modules sees the token now."),               false},
	{"libccid",  setup_libccid,  N_("Restart pcscd now: systemctl restart pcscd.socket pcscd.service"),               true },
};
#define PROGRAM_COUNT (sizeof(programs) / sizeof(programs[0]))

/* ---- one line a place ---- */

static const struct {
	const char *name, *state; /* for --json; for people, in the list */
} founds[] = {
	[SETUP_NONE] = {"not-set-up",     N_("not set up")                            },
	[SETUP_OURS] = {"set-up",         N_("set up")                                },
	[SETUP_STALE] = {"other-path",     N_("set up with another path of the module")},
	[SETUP_THEIRS] = {"set-up-by-hand", N_("set up, by an entry of your own")       },
	[SETUP_GIVEN] = {"given",          N_("has it through p11-kit")                },
	[SETUP_UNUSED] = {"not-used-yet",   N_("not used yet")                          },
	[SETUP_CLOSED] = {"unreachable",    N_("cannot be set up from here")            },
	[SETUP_PROBLEM] = {"problem",        N_("problem")                               },
};

static void add_place(
	struct setup *s, enum setup_found found, const char *path, bool changed, const char *text, const char *mend)
{
	json_array_append_new(s->places, json_pack("{s:s, s:o, s:s, s:b, s:o, s:o}", "program", s->program, "place",
						 ui_json_text(path), "state", founds[found].name, "changed", changed,
						 "text", ui_json_text(text), "mend", ui_json_text(mend)));
}

/* A problem is told with --quiet too: nobody can do anything about one that he is not told of. */
static void tell_problem(struct setup *s, enum setup_found found, const char *path, const char *why, const char *mend)
{
	char text[1024], todo[600];

	snprintf(text, sizeof(text), "%s", why);
	snprintf(todo, sizeof(todo), "%s", mend);
	ui_clean(text);
	ui_clean(todo);
	add_place(s, found, path, false, text, todo);
	if (found == SETUP_PROBLEM && s->mode != SETUP_LIST)
		s->worst = UKEY_PROBLEMS_FOUND;
	if (tool_has(s->t, OPT_JSON) || (s->mode == SETUP_LIST && found != SETUP_PROBLEM))
		return;
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", s->program, text);
	if (todo[0] != '\0')
		fprintf(stderr, "  -> %s\n", todo);
}

void setup_say(struct setup *s, enum setup_found found, const char *path, const char *mend, const char *why, ...)
{
	char text[1024];
	va_list list;

	va_start(list, why);
	vsnprintf(text, sizeof(text), why, list);
	va_end(list);
	if (found == SETUP_PROBLEM || found == SETUP_CLOSED) {
		tell_problem(s, found, path, text, mend);
		return;
	}
	ui_clean(text);
	add_place(s, found, path, false, text, mend);
	if (s->mode != SETUP_LIST)
		ui_note(s->t, "%s: %s", s->program, text);
}

/* The one line that says what was done. */
static void sentence(
	const struct setup *s, const struct setup_edit *e, bool changed, const char *path, char *out, size_t cap)
{
	if (changed && s->mode == SETUP_ADD && s->dry_run)
		snprintf(out, cap, _("would register the module in %s"), path);
	else if (changed && s->mode == SETUP_ADD && e->found == SETUP_STALE)
		snprintf(out, cap, _("the path of the module corrected in %s"), path);
	else if (changed && s->mode == SETUP_ADD)
		snprintf(out, cap, _("the module registered in %s"), path);
	else if (changed && s->dry_run)
		snprintf(out, cap, _("would remove the module from %s"), path);
	else if (changed)
		snprintf(out, cap, _("the module removed from %s"), path);
	else if (e->found == SETUP_NONE)
		snprintf(out, cap, _("nothing to do: the module is not in %s"), path);
	else if (e->found == SETUP_THEIRS)
		snprintf(out, cap, _("nothing to do: an entry of your own gives it the module, in %s"), path);
	else if (e->found == SETUP_GIVEN)
		snprintf(out, cap, _("nothing to do: p11-kit gives it the module (%s)"), e->why);
	else
		snprintf(out, cap, _("nothing to do: the module is registered in %s"), path);
}

/* The same of our tokens in a list of the machine's. */
static void sentence_of_machine(
	const struct setup *s, const struct setup_edit *e, bool changed, const char *path, char *out, size_t cap)
{
	if (changed && s->mode == SETUP_ADD)
		snprintf(out, cap, s->dry_run ? _("would add our tokens to %s") : _("our tokens added to %s"), path);
	else if (changed)
		snprintf(out, cap, s->dry_run ? _("would remove our tokens from %s") : _("our tokens removed from %s"),
			path);
	else if (e->found == SETUP_NONE)
		snprintf(out, cap, _("nothing to do: our tokens are not in %s"), path);
	else
		snprintf(out, cap, _("nothing to do: our tokens are in %s"), path);
}

/* The lines that differ, "-" for those that go and "+" for those that come: an edit has one place only. */
static void print_difference(const struct setup *s, const char *before, const char *after)
{
	size_t start = 0, same = 0, tail = 0;
	const size_t a = strlen(before), b = strlen(after);

	while (same < a && same < b && before[same] == after[same])
		if (before[same++] == '\n')
			start = same;
	if (same == a && a > start && b > a && after[a] == '\n')
		start = a; /* only the end of its last line was missing */
	for (size_t n = 0; n < a - start && n < b - start && before[a - 1 - n] == after[b - 1 - n]; n++)
		if ((n + 1 == a - start || before[a - 2 - n] == '\n') &&
			(n + 1 == b - start || after[b - 2 - n] == '\n'))
			tail = n + 1;
	for (int side = 0; side < 2; side++) {
		const char *text = side == 0 ? before : after;
		const char *end = text + (side == 0 ? a : b) - tail;
		for (const char *line = text + start; line < end;) {
			const size_t len = strcspn(line, "\n");
			if (len > 0)
				ui_note(s->t, "    %c %.*s", side == 0 ? '-' : '+', (int)len, line);
			line += len + (line[len] == '\n');
		}
	}
}

/* The same for a list, where whole lines come or go in several places. */
static void print_rows(const struct setup *s, const char *before, const char *after)
{
	const bool more = strlen(after) > strlen(before);
	const char *longer = more ? after : before, *shorter = more ? before : after;

	while (*longer != '\0') {
		const size_t len = strcspn(longer, "\n");
		const bool same = strncmp(longer, shorter, len + 1) == 0;
		if (!same)
			ui_note(s->t, "    %c %.*s", more ? '+' : '-', (int)(len - strspn(longer, "\t")),
				longer + strspn(longer, "\t"));
		else
			shorter += len + (shorter[len] == '\n');
		longer += len + (longer[len] == '\n');
	}
}

void setup_report(struct setup *s, const char *path, const struct setup_edit *e, bool changed, const char *before)
{
	char text[SETUP_PATH + 200];

	if (e->found == SETUP_PROBLEM || (e->found == SETUP_THEIRS && s->mode == SETUP_REMOVE)) {
		tell_problem(s, SETUP_PROBLEM, path, e->why, e->mend);
		return;
	}
	(s->machine ? sentence_of_machine : sentence)(s, e, changed, path, text, sizeof(text));
	add_place(s, e->found, path, changed && !s->dry_run, text, "");
	if (s->mode == SETUP_LIST)
		return;
	ui_note(s->t, "%s: %s", s->program, text);
	if (changed && s->dry_run && before != NULL && s->machine)
		print_rows(s, before, e->text);
	else if (changed && s->dry_run && before != NULL)
		print_difference(s, before, e->text);
}

void setup_place(struct setup *s, const char *path, setup_editor *editor)
{
	struct setup_edit e = {.found = SETUP_PROBLEM};
	struct setup_file file = {.data = NULL};
	bool change = false;

	if (setup_file_load(s, path, &file, &e)) {
		s->usable++;
		editor(s, &file, &e);
		change = e.text != NULL && e.found != SETUP_PROBLEM && strcmp(e.text, file.data) != 0;
		if (change && !s->dry_run && (!setup_file_mine(s, &file, &e) || !setup_file_store(&file, e.text, &e)))
			change = false;
	}
	setup_report(s, path, &e, change, file.data);
	free(e.text);
	setup_file_clear(&file);
}

/* ---- what p11-kit knows ---- */

static bool config_names_us(const char *path)
{
	char name[DOCTOR_PATH], module[DOCTOR_PATH];
	const char *base;

	if (!doctor_module_line(path, name))
		return false;
	base = strrchr(name, '/') != NULL ? strrchr(name, '/') + 1 : name;
	return strcmp(base, SETUP_MODULE) == 0 && doctor_module_find(name, module);
}

bool setup_p11kit_has(const struct setup *s, bool everybody, char path[SETUP_PATH])
{
	/* p11-kit 0.24 reads the user's files for everybody but root */
	static const char *const folders[] = {"/etc/pkcs11/modules", "/usr/share/p11-kit/modules"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		snprintf(path, SETUP_PATH, "%s/ukey.module", folders[i]);
		if (config_names_us(path))
			return true;
	}
	return !everybody && getuid() != 0 &&
	       snprintf(path, SETUP_PATH, "%s/pkcs11/modules/ukey.module", s->config) < SETUP_PATH &&
	       config_names_us(path);
}

/* ---- the user's folders, the module ---- */

static enum ukey_status find_home(struct setup *s)
{
	const char *home = getenv("HOME"), *config = getenv("XDG_CONFIG_HOME");
	char *real = home != NULL && home[0] == '/' ? realpath(home, NULL) : NULL;
	int n;

	if (real == NULL || strlen(real) >= sizeof(s->home)) {
		free(real);
		return tool_fail(s->t, UKEY_FILE, _("there is no home folder; set HOME"));
	}
	snprintf(s->home, sizeof(s->home), "%s", real);
	free(real);
	if (config != NULL && config[0] == '/')
		n = snprintf(s->config, sizeof(s->config), "%s", config);
	else
		n = snprintf(s->config, sizeof(s->config), "%s/.config", s->home);
	return n < (int)sizeof(s->config) ? UKEY_OK : tool_fail(s->t, UKEY_FILE, "%s", s->home);
}

/* Characters that mean nothing in any of the files that the path goes into. */
static bool plain(const char *path)
{
	for (; *path != '\0'; path++)
		if ((unsigned char)*path < 0x80 &&
			strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+@:,", *path) == NULL)
			return false;
	return true;
}

static enum ukey_status find_module(struct setup *s)
{
	const char *wanted = s->t->opt[OPT_MODULE];
	char why[512], *folder = NULL;
	int n;

	if (wanted == NULL) {
		if (!doctor_module_find(SETUP_MODULE, s->module))
			s->module[0] = '\0';
	} else if (wanted[0] == '/') {
		n = snprintf(s->module, sizeof(s->module), "%s", wanted);
		if (n >= (int)sizeof(s->module))
			return tool_fail(s->t, UKEY_ARGUMENT, "%s", wanted);
	} else {
		folder = realpath(".", NULL);
		n = folder != NULL ? snprintf(s->module, sizeof(s->module), "%s/%s", folder, wanted) : -1;
		free(folder);
		if (n < 0 || n >= (int)sizeof(s->module))
			return tool_fail_file(s->t, wanted);
	}
	if (s->mode != SETUP_ADD)
		return UKEY_OK; /* to list and to remove, the name is enough */
	if (s->module[0] == '\0') {
		tool_fail(s->t, UKEY_FILE, _("the module %s is not installed"), SETUP_MODULE);
		tool_hint(s->t, _("install OpenUKey completely (make install), or name the module with --module"));
		return UKEY_FILE;
	}
	if (access(s->module, R_OK) != 0)
		return tool_fail_file(s->t, s->module);
	if (!plain(s->module)) {
		tool_fail(s->t, UKEY_ARGUMENT, "%s", s->module);
		tool_hint(s->t, _("put the module where the path has letters, digits and / . _ - + only"));
		return UKEY_ARGUMENT;
	}
	if (doctor_module_loads(s->module, why, sizeof(why)))
		return UKEY_OK;
	tool_fail(s->t, UKEY_FILE, _("the module %s does not load: %s"), s->module, why);
	tool_hint(s->t, _("install OpenUKey and the libraries it needs again"));
	return UKEY_FILE;
}

/* ---- the command ---- */

static void list_all(struct setup *s)
{
	const char *const headings[] = {_("Program"), _("State"), _("Where")};
	struct ui_table *table;
	const json_t *place;
	size_t i;

	for (i = 0; i < PROGRAM_COUNT; i++) {
		s->program = programs[i].name;
		s->machine = programs[i].machine;
		programs[i].run(s);
	}
	if (tool_has(s->t, OPT_JSON) || tool_has(s->t, OPT_QUIET))
		return;
	table = ui_table_new(headings, 3);
	json_array_foreach(s->places, i, place)
	{
		const char *state = json_string_value(json_object_get(place, "state"));
		ui_table_cell(table, "%s", json_string_value(json_object_get(place, "program")));
		for (size_t k = 0; k < sizeof(founds) / sizeof(founds[0]); k++)
			if (state != NULL && strcmp(founds[k].name, state) == 0)
				ui_table_cell(table, "%s", _(founds[k].state));
		ui_table_cell(table, "%s", json_string_value(json_object_get(place, "place")));
	}
	ui_table_print(table, stdout);
	ui_note(s->t, _("To set one up: ukey setup PROGRAM; to see before what changes: --dry-run."));
}

static bool changed_any(const struct setup *s)
{
	const json_t *place;
	size_t i;

	json_array_foreach(s->places, i, place)
	{
		if (json_is_true(json_object_get(place, "changed")))
			return true;
	}
	return false;
}

static enum ukey_status one(struct setup *s, const struct program *p)
{
	s->program = p->name;
	s->machine = p->machine;
	p->run(s);
	if (s->worst != UKEY_OK)
		return tool_fail(s->t, s->worst, "%s", p->name);
	if ((s->mode == SETUP_ADD || p->machine) && p->afterwards != NULL && changed_any(s))
		ui_note(s->t, "%s", _(p->afterwards));
	return UKEY_OK;
}

enum ukey_status cmd_setup(struct tool *t)
{
	struct setup *s = calloc(1, sizeof(*s));
	const struct program *p = NULL;
	enum ukey_status r;

	if (s == NULL)
		return UKEY_MEMORY;
	s->t = t;
	s->dry_run = tool_has(t, OPT_DRY_RUN);
	s->mode = t->arg_count == 0 ? SETUP_LIST : tool_has(t, OPT_REMOVE) ? SETUP_REMOVE : SETUP_ADD;
	s->places = json_array();
	for (size_t i = 0; t->arg_count > 0 && i < PROGRAM_COUNT; i++)
		if (strcmp(t->args[0], programs[i].name) == 0)
			p = &programs[i];
	if (t->arg_count > 0 && p == NULL)
		r = tool_fail(t, UKEY_USAGE, _("\"%s\" is none of firefox, chromium, ssh, java, p11-kit, libccid"),
			t->args[0]);
	else if (p == NULL && (tool_has(t, OPT_REMOVE) || s->dry_run))
		r = tool_fail(t, UKEY_USAGE, _("of which program: firefox, chromium, ssh, java, p11-kit or libccid?"));
	else
		r = p != NULL && p->machine ? UKEY_OK : find_home(s);
	if (r == UKEY_OK && (p == NULL || !p->machine))
		r = find_module(s);
	if (r == UKEY_OK && p == NULL)
		list_all(s);
	else if (r == UKEY_OK)
		r = one(s, p);
	json_object_set_new(t->result, "module", ui_json_text(s->module));
	json_object_set_new(t->result, "dry_run", json_boolean(s->dry_run));
	json_object_set_new(t->result, "places", s->places);
	free(s);
	return r;
}
