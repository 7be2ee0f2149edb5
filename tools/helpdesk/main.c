/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-helpdesk: a table of commands over the desk's rules. */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/secmem.h"
#include "tools/helpdesk/cli.h"

/* clang-format off */
static const struct command {
	const char *noun, *verb; /* verb NULL when the command is one word */
	enum desk_status (*run)(struct cli *cli);
	int args_min, args_max;
	bool changes; /* ends by telling the record's head */
	const char *arguments, *help;
} commands[] = {
	{"init",     NULL,       cmd_init,           0, 0, true,  "--master URI [--key-version N] [--head-file FILE] [--profiles FILE] [--operator-hourly N]", N_("make a desk")},
	{"key",      "add",      cmd_key_add,        0, 0, true,  "--key-version N --master URI --second NAME --second-login URI", N_("use the next version of the master key too")},
	{"key",      "retire",   cmd_key_retire,     1, 1, true,  "VERSION --second NAME --second-login URI", N_("answer no token of this key version any more")},
	{"key",      "list",     cmd_key_list,       0, 0, false, "", N_("versions of the master key, and how many tokens have them")},
	{"profile",  "list",     cmd_profile_list,   0, 0, false, "", N_("the checklists, by profile")},
	{"profile",  "set",      cmd_profile_set,    1, 1, true,  "FILE --second NAME --second-login URI", N_("add checklists, or change them (JSON)")},
	{"staff",    "add",      cmd_staff_add,      1, 1, true,  "NAME --roles LIST --certificate FILE [--second NAME --second-login URI]", N_("register a member of the staff")},
	{"staff",    "remove",   cmd_staff_remove,   1, 1, true,  "NAME --second NAME --second-login URI", N_("end somebody's work here")},
	{"staff",    "list",     cmd_staff_list,     0, 0, false, "", N_("who works here")},
	{"token",    "register", cmd_token_register, 1, 1, true,  "SERIAL --holder NAME [--unit NAME] [--contact TEXT] [--profile NAME] [--certificate FILE] [--certificate-serial HEX]... [--no-unlock | --key-version N]", N_("register a token")},
	{"token",    "update",   cmd_token_update,   1, 1, true,  "SERIAL [--holder NAME] [--unit NAME] [--contact TEXT] [--certificate FILE] [--certificate-serial HEX]...", N_("what has changed of a token's holder; a renewed certificate")},
	{"token",    "find",     cmd_token_find,     0, 1, false, "SERIAL|HOLDER|CERTIFICATE-SERIAL | --certificate FILE", N_("find tokens")},
	{"token",    "list",     cmd_token_find,     0, 0, false, "", N_("all tokens")},
	{"token",    "state",    cmd_token_state,    2, 2, true,  "SERIAL suspended|lost|active|terminated --reason TEXT", N_("suspend a token, report it lost, or take that back")},
	{"request",  NULL,       cmd_request,        1, 1, true,  "SERIAL --reason TEXT", N_("somebody asks for an unlock")},
	{"list",     NULL,       cmd_list,           0, 1, false, "[NUMBER] [--open]", N_("requests")},
	{"checklist", NULL,      cmd_checklist,      1, 1, false, "NUMBER", N_("what must be checked before the decision")},
	{"identify", NULL,       cmd_identify,       1, 1, true,  "NUMBER --evidence ITEM=TEXT...", N_("note what proves the caller's identity")},
	{"approve",  NULL,       cmd_approve,        1, 1, true,  "NUMBER", N_("allow it (a second person)")},
	{"reject",   NULL,       cmd_reject,         1, 1, true,  "NUMBER --reason TEXT", N_("refuse it (a second person)")},
	{"respond",  NULL,       cmd_respond,        2, LIST_MAX, true, "NUMBER CHALLENGE", N_("answer the token's challenge")},
	{"confirm",  NULL,       cmd_confirm,        2, LIST_MAX, true, "NUMBER PROOF", N_("record the token's proof of completion")},
	{"escrow",   "put",      cmd_escrow_put,     1, 1, true,  "SERIAL [--so-pin-file FILE | --so-pin-fd N]", N_("seal the SO PIN of a token without an unlock key")},
	{"escrow",   "show",     cmd_escrow_show,    1, 1, true,  "SERIAL --second NAME --second-login URI [--by-hand]", N_("show it once, to two people, and replace it on the token")},
	{"audit",    "list",     cmd_audit_list,     0, 0, false, "[--from N]", N_("the record")},
	{"audit",    "verify",   cmd_audit_verify,   0, 0, false, "[--head COUNT:HASH] [--file FILE [--head-file FILE]]", N_("check the record, or an export of it")},
	{"audit",    "export",   cmd_audit_export,   0, 0, false, "[--output FILE]", N_("write the record as text")},
};
/* clang-format on */

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum option_id {
	OPT_DESK = 256,
	OPT_AS,
	OPT_LOGIN,
	OPT_PIN_FILE,
	OPT_PIN_FD,
	OPT_SECOND,
	OPT_SECOND_LOGIN,
	OPT_SECOND_PIN_FILE,
	OPT_SECOND_PIN_FD,
	OPT_SO_PIN_FILE,
	OPT_SO_PIN_FD,
	OPT_MASTER,
	OPT_KEY_VERSION,
	OPT_HEAD_FILE,
	OPT_PROFILES,
	OPT_OPERATOR_HOURLY,
	OPT_ROLES,
	OPT_CERTIFICATE,
	OPT_HOLDER,
	OPT_UNIT,
	OPT_CONTACT,
	OPT_PROFILE,
	OPT_CERTIFICATE_SERIAL,
	OPT_NO_UNLOCK,
	OPT_REASON,
	OPT_EVIDENCE,
	OPT_OPEN,
	OPT_BY_HAND,
	OPT_HEAD,
	OPT_FILE,
	OPT_OUTPUT,
	OPT_FROM,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION,
};

#define TEXT(name, id)                                                                                                 \
	{                                                                                                              \
		name, required_argument, NULL, id                                                                      \
	}
#define FLAG(name, id)                                                                                                 \
	{                                                                                                              \
		name, no_argument, NULL, id                                                                            \
	}

static const struct option options[] = {
	TEXT("desk", OPT_DESK),
	TEXT("as", OPT_AS),
	TEXT("login", OPT_LOGIN),
	TEXT("pin-file", OPT_PIN_FILE),
	TEXT("pin-fd", OPT_PIN_FD),
	TEXT("second", OPT_SECOND),
	TEXT("second-login", OPT_SECOND_LOGIN),
	TEXT("second-pin-file", OPT_SECOND_PIN_FILE),
	TEXT("second-pin-fd", OPT_SECOND_PIN_FD),
	TEXT("so-pin-file", OPT_SO_PIN_FILE),
	TEXT("so-pin-fd", OPT_SO_PIN_FD),
	TEXT("master", OPT_MASTER),
	TEXT("key-version", OPT_KEY_VERSION),
	TEXT("head-file", OPT_HEAD_FILE),
	TEXT("profiles", OPT_PROFILES),
	TEXT("operator-hourly", OPT_OPERATOR_HOURLY),
	TEXT("roles", OPT_ROLES),
	TEXT("certificate", OPT_CERTIFICATE),
	TEXT("holder", OPT_HOLDER),
	TEXT("unit", OPT_UNIT),
	TEXT("contact", OPT_CONTACT),
	TEXT("profile", OPT_PROFILE),
	TEXT("certificate-serial", OPT_CERTIFICATE_SERIAL),
	FLAG("no-unlock", OPT_NO_UNLOCK),
	TEXT("reason", OPT_REASON),
	TEXT("evidence", OPT_EVIDENCE),
	FLAG("open", OPT_OPEN),
	FLAG("by-hand", OPT_BY_HAND),
	TEXT("head", OPT_HEAD),
	TEXT("file", OPT_FILE),
	TEXT("output", OPT_OUTPUT),
	TEXT("from", OPT_FROM),
	FLAG("json", OPT_JSON),
	FLAG("help", OPT_HELP),
	FLAG("version", OPT_VERSION),
	{0},
};

static void print_command(const struct command *c)
{
	printf("  %s%s%s %s\n      %s\n", c->noun, c->verb != NULL ? " " : "", c->verb != NULL ? c->verb : "",
		c->arguments, _(c->help));
}

static void print_help(void)
{
	printf(_("Usage: ukey-helpdesk COMMAND [OPTION]...\nUnlocking tokens by phone, by the rules and for the "
		 "record.\n\n"));
	for (size_t i = 0; i < COMMANDS; i++)
		print_command(&commands[i]);
	printf(_("\nEvery command: --desk DIR (or UKEY_HELPDESK_DIR), --json.\n"
		 "Who works: --as NAME (UKEY_HELPDESK_STAFF) with the token --login URI (UKEY_HELPDESK_LOGIN), a "
		 "PKCS#11 URI.\n"
		 "Its PIN is asked for, or comes by --pin-file FILE or --pin-fd N; a second person's by "
		 "--second-pin-file or\n"
		 "--second-pin-fd. PINs are never given on the command line. See ukey-helpdesk(1).\n"));
}

static enum desk_status add(const char *list[LIST_MAX + 1], size_t *count, const char *value)
{
	if (*count == LIST_MAX)
		return cli_fail(DESK_USAGE, _("too many of one option"));
	list[(*count)++] = value;
	return DESK_OK;
}

static enum desk_status take_fd(struct pin_source *source)
{
	int64_t fd = 0;
	enum desk_status status = cli_number(optarg, 0, 65535, &fd);

	source->fd = (int)fd;
	return status;
}

/* Options that are kept as they are. */
static const char **text_of(struct cli *cli, int id)
{
	switch (id) {
	case OPT_DESK:
		return &cli->dir;
	case OPT_AS:
		return &cli->as;
	case OPT_LOGIN:
		return &cli->login;
	case OPT_PIN_FILE:
		return &cli->pin.file;
	case OPT_SECOND:
		return &cli->second;
	case OPT_SECOND_LOGIN:
		return &cli->second_login;
	case OPT_SECOND_PIN_FILE:
		return &cli->second_pin.file;
	case OPT_SO_PIN_FILE:
		return &cli->so_pin.file;
	case OPT_MASTER:
		return &cli->master;
	case OPT_HEAD_FILE:
		return &cli->head_file;
	case OPT_PROFILES:
		return &cli->profiles;
	case OPT_ROLES:
		return &cli->roles;
	case OPT_CERTIFICATE:
		return &cli->certificate;
	case OPT_HOLDER:
		return &cli->holder;
	case OPT_UNIT:
		return &cli->unit;
	case OPT_CONTACT:
		return &cli->contact;
	case OPT_PROFILE:
		return &cli->profile;
	case OPT_REASON:
		return &cli->reason;
	case OPT_HEAD:
		return &cli->head;
	case OPT_FILE:
		return &cli->file;
	case OPT_OUTPUT:
		return &cli->output;
	default:
		return NULL;
	}
}

static enum desk_status take_option(struct cli *cli, int id)
{
	const char **text = text_of(cli, id);

	if (text != NULL) {
		*text = optarg;
		return DESK_OK;
	}
	switch (id) {
	case OPT_PIN_FD:
		return take_fd(&cli->pin);
	case OPT_SECOND_PIN_FD:
		return take_fd(&cli->second_pin);
	case OPT_SO_PIN_FD:
		return take_fd(&cli->so_pin);
	case OPT_KEY_VERSION:
		return cli_number(optarg, 1, 255, &cli->key_version);
	case OPT_OPERATOR_HOURLY:
		return cli_number(optarg, 1, 1000, &cli->operator_hourly);
	case OPT_FROM:
		return cli_number(optarg, 1, INT64_MAX, &cli->from);
	case OPT_CERTIFICATE_SERIAL:
		return add(cli->certificate_serials, &cli->certificate_count, optarg);
	case OPT_EVIDENCE:
		return add(cli->evidence, &cli->evidence_count, optarg);
	case OPT_NO_UNLOCK:
		cli->no_unlock = true;
		return DESK_OK;
	case OPT_OPEN:
		cli->open = true;
		return DESK_OK;
	case OPT_BY_HAND:
		cli->by_hand = true;
		return DESK_OK;
	case OPT_JSON:
		cli->json = true;
		return DESK_OK;
	default:
		return cli_fail(DESK_USAGE, _("an option is unknown or lacks its value"));
	}
}

/* The command whose words stand first; they are consumed. */
static enum desk_status find_command(struct cli *cli, const struct command **out)
{
	for (size_t i = 0; i < COMMANDS && cli->argc > 0; i++) {
		int words = commands[i].verb != NULL ? 2 : 1;
		if (cli->argc < words || strcmp(cli->argv[0], commands[i].noun) != 0 ||
			(words == 2 && strcmp(cli->argv[1], commands[i].verb) != 0))
			continue;
		cli->argc -= words;
		cli->argv += words;
		*out = &commands[i];
		return DESK_OK;
	}
	return cli_fail(DESK_USAGE, _("no such command"));
}

static enum desk_status tell_head(struct cli *cli)
{
	struct desk_head head;
	char text[DESK_HEAD_TEXT];

	desk_head(cli->desk, &head);
	desk_head_text(&head, text);
	cli_say(cli, _("Record: %s"), text);
	return json_object_set_new(cli->result, "head", json_string(text)) == 0 ? DESK_OK : DESK_MEMORY;
}

static enum desk_status run(struct cli *cli, int argc, char **argv)
{
	const struct command *command = NULL;
	enum desk_status status = DESK_OK;
	bool help = false;
	int id;

	opterr = 0;
	while (status == DESK_OK && (id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == OPT_VERSION) {
			printf("ukey-helpdesk (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
			cli->json = false;
			return DESK_OK;
		}
		if (id == OPT_HELP)
			help = true;
		else
			status = take_option(cli, id);
	}
	cli->argc = argc - optind;
	cli->argv = argv + optind;
	if (status == DESK_OK && (cli->argc > 0 || !help))
		status = find_command(cli, &command);
	if (help && status == DESK_OK) {
		if (command != NULL)
			print_command(command);
		else
			print_help();
		cli->json = false;
		return DESK_OK;
	}
	if (status != DESK_OK || command == NULL)
		return status;
	if (cli->argc < command->args_min || cli->argc > command->args_max)
		return cli_fail(DESK_USAGE, "ukey-helpdesk %s%s%s %s", command->noun, command->verb != NULL ? " " : "",
			command->verb != NULL ? command->verb : "", command->arguments);
	if (cli->dir == NULL)
		return cli_fail(DESK_USAGE, _("give the desk's directory: --desk DIR"));
	status = command->run(cli);
	return status == DESK_OK && command->changes ? tell_head(cli) : status;
}

static void report(struct cli *cli, enum desk_status status)
{
	const char *detail = cli_detail();

	if (cli->json) {
		json_object_set_new(cli->result, "status", json_string(desk_status_name(status)));
		if (status != DESK_OK) {
			json_object_set_new(cli->result, "message", json_string(desk_status_text(status)));
			json_object_set_new(cli->result, "detail", json_string(detail));
		}
		json_dumpf(cli->result, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (status != DESK_OK) {
		fprintf(stderr, "ukey-helpdesk: %s%s%s\n", desk_status_text(status), detail[0] != '\0' ? ": " : "",
			detail);
	}
}

int main(int argc, char **argv)
{
	struct cli cli = {
		.dir = getenv("UKEY_HELPDESK_DIR"),
		.as = getenv("UKEY_HELPDESK_STAFF"),
		.login = getenv("UKEY_HELPDESK_LOGIN"),
		.pin = {.fd = -1},
		.second_pin = {.fd = -1},
		.so_pin = {.fd = -1},
		.from = 1,
		.result = json_object(),
	};
	enum desk_status status;

	i18n_program();
	secmem_disable_core();
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		cli.json = cli.json || strcmp(argv[i], "--json") == 0; /* for errors of the command line too */
	status = cli.result != NULL ? run(&cli, argc, argv) : DESK_MEMORY;
	desk_close(cli.desk);
	report(&cli, status);
	json_decref(cli.result);
	if (fflush(stdout) != 0 && status == DESK_OK)
		status = DESK_IO;
	return desk_status_exit(status);
}
