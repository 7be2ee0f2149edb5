/* SPDX-License-Identifier: Apache-2.0 */
/* ukey: the holder's and administrator's tool. Parses the command line by the tables and runs one command. */
#include "config.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/secmem.h"
#include "tools/tool.h"
#include "tools/ui.h"

static const struct {
	const char *name, *argument, *help;
} options[] = {
#define OPTION(id, name, argument, help) [OPT_##id] = {name, argument, help},
#include "tools/options.def"
#undef OPTION
};

static const enum tool_option common_options[] = {OPT_TOKEN, OPT_JSON, OPT_QUIET, OPT_HELP};
#define COMMON_COUNT (sizeof(common_options) / sizeof(common_options[0]))

static bool takes(const struct command *c, enum tool_option o)
{
	for (size_t i = 0; i < COMMON_COUNT; i++)
		if (common_options[i] == o)
			return true;
	for (size_t i = 0; c->options[i] != OPT_COUNT; i++)
		if (c->options[i] == o)
			return true;
	return false;
}

static void help_command(const struct command *c)
{
	printf(_("Usage: ukey %s%s%s [OPTION]... %s\n"), c->verb, c->sub != NULL ? " " : "",
		c->sub != NULL ? c->sub : "", c->operands[0] != '\0' ? _(c->operands) : "");
	printf("\n  %s\n\n", _(c->summary));
	for (int o = 0; o < OPT_COUNT; o++) {
		char left[64];
		if (!takes(c, (enum tool_option)o))
			continue;
		snprintf(left, sizeof(left), "--%s%s%s", options[o].name, options[o].argument[0] != '\0' ? " " : "",
			options[o].argument[0] != '\0' ? _(options[o].argument) : "");
		printf("  %s%*s %s\n", left, ui_width(left) < 24 ? (int)(24 - ui_width(left)) : 1, "",
			_(options[o].help));
	}
	printf(_("\nSee ukey(1) for more.\n"));
}

static void help_all(void)
{
	printf(_("Usage: ukey COMMAND [OPTION]...\n\nCommands:\n"));
	for (size_t i = 0; i < tool_command_count; i++) {
		const struct command *c = &tool_commands[i];
		char name[64];
		snprintf(
			name, sizeof(name), "%s%s%s", c->verb, c->sub != NULL ? " " : "", c->sub != NULL ? c->sub : "");
		printf("  %-15s %s\n", name, _(c->summary));
	}
	printf(_("\nukey COMMAND --help tells a command's options; ukey(1) tells all.\n"));
}

/* The row that the words name; *used says how many words. */
static const struct command *find_command(int argc, char **argv, int *used, bool *verb_known)
{
	*verb_known = false;
	for (size_t i = 0; i < tool_command_count; i++) {
		const struct command *c = &tool_commands[i];
		if (argc < 2 || strcmp(argv[1], c->verb) != 0)
			continue;
		*verb_known = true;
		if (c->sub == NULL) {
			*used = 2;
			return c;
		}
		if (argc > 2 && strcmp(argv[2], c->sub) == 0) {
			*used = 3;
			return c;
		}
	}
	return NULL;
}

/* Where options begin among getopt's results: the characters that it gives too are below. */
#define OPTION_BASE 256

/* getopt_long's table: only what this command takes, so that abbreviations mean what it has. */
static void getopt_rows(const struct command *c, struct option *rows)
{
	size_t n = 0;

	for (int o = 0; o < OPT_COUNT; o++)
		if (takes(c, (enum tool_option)o))
			rows[n++] = (struct option){options[o].name,
				options[o].argument[0] != '\0' ? required_argument : no_argument, NULL,
				OPTION_BASE + o};
	rows[n] = (struct option){0};
}

/* argv[0] is the last word of the command's name. */
static enum ukey_status parse_options(struct tool *t, int argc, char **argv)
{
	struct option rows[OPT_COUNT + 1];
	int o;

	getopt_rows(t->command, rows);
	opterr = 0;
	optind = 0;
	while ((o = getopt_long(argc, argv, ":o:hqy", rows, NULL)) != -1) {
		if (o == 'o' && takes(t->command, OPT_OUTPUT))
			o = OPTION_BASE + OPT_OUTPUT;
		else if (o == 'h')
			o = OPTION_BASE + OPT_HELP;
		else if (o == 'q')
			o = OPTION_BASE + OPT_QUIET;
		else if (o == 'y' && takes(t->command, OPT_YES))
			o = OPTION_BASE + OPT_YES;
		if (o == ':')
			return tool_fail(t, UKEY_USAGE, _("%s needs a value"), argv[optind - 1]);
		o -= OPTION_BASE;
		if (o < 0 || o >= OPT_COUNT)
			return tool_fail(t, UKEY_USAGE, _("this command does not take %s"), argv[optind - 1]);
		if (t->opt[o] != NULL && optarg != NULL)
			return tool_fail(t, UKEY_USAGE, _("--%s is given twice"), options[o].name);
		t->opt[o] = optarg != NULL ? optarg : "";
	}
	t->args = argv + optind;
	t->arg_count = argc - optind;
	if (t->arg_count < t->command->args_min && !tool_has(t, OPT_HELP))
		return tool_fail(t, UKEY_USAGE, _("%s is missing"), _(t->command->operands));
	if (t->arg_count > t->command->args_max)
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is too much"), t->args[t->command->args_max]);
	return UKEY_OK;
}

/* --json has to be obeyed for the errors of the command line too. */
static void look_for_json(struct tool *t, int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--json") == 0)
			t->opt[OPT_JSON] = "";
}

static enum ukey_status run(struct tool *t, int argc, char **argv)
{
	enum ukey_status s;
	bool verb_known;
	int used = 0;

	if (argc < 2)
		return tool_fail(t, UKEY_USAGE, _("no command; ukey --help shows them"));
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
		help_all();
		return UKEY_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("ukey %s\n", PACKAGE_VERSION);
		return UKEY_OK;
	}
	look_for_json(t, argc, argv);
	t->command = find_command(argc, argv, &used, &verb_known);
	if (t->command == NULL && verb_known && argc > 2 && strcmp(argv[2], "--help") == 0) {
		help_all();
		return UKEY_OK;
	}
	if (t->command == NULL && verb_known)
		return tool_fail(t, UKEY_USAGE, _("\"ukey %s\" needs a second word; ukey --help shows which"), argv[1]);
	if (t->command == NULL)
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is no command; ukey --help shows them"), argv[1]);
	s = parse_options(t, argc - used + 1, argv + used - 1);
	if (s != UKEY_OK)
		return s;
	if (tool_has(t, OPT_HELP)) {
		help_command(t->command);
		return UKEY_OK;
	}
	s = t->command->run(t);
	return s != UKEY_OK && tool_cancelled() ? UKEY_CANCELLED : s;
}

static bool asks_for_text(const struct tool *t, int argc, char **argv)
{
	return argc < 2 || tool_has(t, OPT_HELP) || (t->command == NULL && argv[1][0] == '-') ||
	       (t->command == NULL && t->failed == UKEY_OK);
}

int main(int argc, char **argv)
{
	struct tool t = {.result = json_object()};
	enum ukey_status s;
	int exit_code, fd;

	/* a missing stdin, stdout or stderr must not become the connection to a token or a key file */
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd >= 0)
		close(fd);
	i18n_program();
	tool_catch_signals();
	secmem_disable_core();
	if (t.result == NULL)
		return ukey_status_exit(UKEY_MEMORY);
	s = run(&t, argc, argv);
	if (s == UKEY_OK && asks_for_text(&t, argc, argv))
		t.opt[OPT_JSON] = NULL; /* help and version are text, whatever else was asked */
	exit_code = tool_report(&t, s);
	ukey_close(t.library);
	json_decref(t.result);
	return exit_code;
}
