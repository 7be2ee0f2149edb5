/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-ra: a table of commands. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/i18n.h"
#include "ra/cli.h"

static const struct {
	const char *noun, *verb; /* "code new"; verb NULL when the command is one word */
	enum ra_status (*run)(const struct cli *cli);
	const char *arguments, *help;
} commands[] = {
	{"init",   NULL,     cmd_init,        "--name DN [--key KIND] [--host NAME]...",                              N_("make a new CA")              },
	{"serve",  NULL,     cmd_serve,       "[--listen ADDRESS:PORT] [--port-file FILE] [--patience 60s]",
         N_("serve EST over HTTPS")														    },
	{"code",   "new",    cmd_code_new,    "--subject DN --profile NAME [--email ADDRESS] [--valid 24h] [--json]",
         N_("register somebody, print the enrolment code")											     },
	{"code",   "list",   cmd_code_list,   "[--json]",							     N_("list the registrations")     },
	{"code",   "cancel", cmd_code_cancel, "NUMBER",							       N_("make an open code worthless")},
	{"list",   NULL,     cmd_list,        "[--json]",							     N_("list the certificates")      },
	{"show",   NULL,     cmd_show,        "SERIAL [--json]",						      N_("show a certificate")         },
	{"cacert", NULL,     cmd_cacert,      "",								     N_("print the CA's certificate") },
};

#define COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(void)
{
	printf(_("Usage: ukey-ra COMMAND --dir DIR [OPTION]...\n"
		 "The registration authority of OpenUKey, with its own CA.\n\n"));
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %s%s%s %s\n      %s\n", commands[i].noun, commands[i].verb != NULL ? " " : "",
			commands[i].verb != NULL ? commands[i].verb : "", commands[i].arguments, _(commands[i].help));
	printf(_("\nThe CA's passphrase (init, serve): --passphrase-file FILE or --passphrase-fd N, else it is asked "
		 "for.\n"
		 "Without --dir the variable UKEY_RA_DIR names the directory. See ukey-ra(8).\n"));
}

enum option_id {
	OPT_DIR = 256,
	OPT_NAME,
	OPT_KEY,
	OPT_HOST,
	OPT_LISTEN,
	OPT_PORT_FILE,
	OPT_PATIENCE,
	OPT_SUBJECT,
	OPT_EMAIL,
	OPT_PROFILE,
	OPT_VALID,
	OPT_PASSPHRASE_FILE,
	OPT_PASSPHRASE_FD,
	OPT_JSON,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{"dir",             required_argument, NULL, OPT_DIR            },
	{"name",            required_argument, NULL, OPT_NAME           },
	{"key",             required_argument, NULL, OPT_KEY            },
	{"host",            required_argument, NULL, OPT_HOST           },
	{"listen",          required_argument, NULL, OPT_LISTEN         },
	{"port-file",       required_argument, NULL, OPT_PORT_FILE      },
	{"patience",        required_argument, NULL, OPT_PATIENCE       },
	{"subject",         required_argument, NULL, OPT_SUBJECT        },
	{"email",           required_argument, NULL, OPT_EMAIL          },
	{"profile",         required_argument, NULL, OPT_PROFILE        },
	{"valid",           required_argument, NULL, OPT_VALID          },
	{"passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE},
	{"passphrase-fd",   required_argument, NULL, OPT_PASSPHRASE_FD  },
	{"json",            no_argument,       NULL, OPT_JSON           },
	{"help",            no_argument,       NULL, OPT_HELP           },
	{"version",         no_argument,       NULL, OPT_VERSION        },
	{NULL,              0,                 NULL, 0                  },
};

static enum ra_status add_host(struct cli *cli, const char *host)
{
	size_t n = 0;

	while (cli->hosts[n] != NULL)
		n++;
	if (n == sizeof cli->hosts / sizeof cli->hosts[0] - 1)
		return ra_fail(RA_USAGE, _("too many --host"));
	cli->hosts[n] = host;
	return RA_OK;
}

static enum ra_status parse_fd(const char *text, int *out)
{
	char *end = NULL;
	long fd = strtol(text, &end, 10);

	if (end == text || *end != '\0' || fd < 0 || fd > 65535)
		return ra_fail(RA_USAGE, _("\"%s\" is no file descriptor"), text);
	*out = (int)fd;
	return RA_OK;
}

static enum ra_status take_option(struct cli *cli, int id)
{
	switch (id) {
	case OPT_DIR:
		cli->dir = optarg;
		return RA_OK;
	case OPT_NAME:
		cli->name = optarg;
		return RA_OK;
	case OPT_KEY:
		cli->key = optarg;
		return RA_OK;
	case OPT_HOST:
		return add_host(cli, optarg);
	case OPT_LISTEN:
		cli->listen = optarg;
		return RA_OK;
	case OPT_PORT_FILE:
		cli->port_file = optarg;
		return RA_OK;
	case OPT_PATIENCE:
		cli->patience = optarg;
		return RA_OK;
	case OPT_SUBJECT:
		cli->subject = optarg;
		return RA_OK;
	case OPT_EMAIL:
		cli->email = optarg;
		return RA_OK;
	case OPT_PROFILE:
		cli->profile = optarg;
		return RA_OK;
	case OPT_VALID:
		cli->valid = optarg;
		return RA_OK;
	case OPT_PASSPHRASE_FILE:
		cli->passphrase_file = optarg;
		return RA_OK;
	case OPT_PASSPHRASE_FD:
		return parse_fd(optarg, &cli->passphrase_fd);
	case OPT_JSON:
		cli->json = true;
		return RA_OK;
	default: /* getopt has said what is wrong */
		return RA_USAGE;
	}
}

/* The command whose words stand first in argv; they are consumed. */
static enum ra_status find_command(struct cli *cli, size_t *out)
{
	for (size_t i = 0; i < COMMANDS && cli->argc > 0; i++) {
		int words = commands[i].verb != NULL ? 2 : 1;
		if (cli->argc < words || strcmp(cli->argv[0], commands[i].noun) != 0 ||
			(words == 2 && strcmp(cli->argv[1], commands[i].verb) != 0))
			continue;
		cli->argc -= words;
		cli->argv += words;
		*out = i;
		return RA_OK;
	}
	return ra_fail(RA_USAGE, _("no such command"));
}

static enum ra_status run(int argc, char **argv)
{
	struct cli cli = {.dir = getenv("UKEY_RA_DIR"), .passphrase_fd = -1};
	enum ra_status status = RA_OK;
	size_t command = 0;
	int id;

	while (status == RA_OK && (id = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (id == OPT_HELP) {
			print_help();
			return RA_OK;
		}
		if (id == OPT_VERSION) {
			printf("ukey-ra (%s) %s\n", PACKAGE_NAME, PACKAGE_VERSION);
			return RA_OK;
		}
		status = take_option(&cli, id);
	}
	cli.argc = argc - optind;
	cli.argv = argv + optind;
	if (status == RA_OK)
		status = find_command(&cli, &command);
	if (status == RA_OK && cli.dir == NULL)
		status = ra_fail(RA_USAGE, _("give the CA's directory: --dir DIR"));
	return status == RA_OK ? commands[command].run(&cli) : status;
}

int main(int argc, char **argv)
{
	enum ra_status status;

	i18n_program();
	status = run(argc, argv);
	if (status != RA_OK)
		fprintf(stderr, "ukey-ra: %s%s%s\n", ra_status_text(status), ra_detail()[0] != '\0' ? ": " : "",
			ra_detail());
	return ra_status_exit(status);
}
