/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-emu factory init */
#include "config.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "firmware-emu/command.h"
#include "firmware-emu/factory/ca.h"
#include "firmware-emu/factory/factory.h"

static const char usage[] =
	N_("Usage: ukey-emu factory init [OPTION]... DIR\n"
	   "Make a factory for tokens in the new folder DIR: a root, a CA for device keys, a CA for attestation keys.\n"
	   "DIR/root.pem is what the drivers trust (their setting \"trusted-roots\").\n"
	   "\n"
	   "      --name NAME              begins the names in the certificates [OpenUKey factory]\n"
	   "      --passphrase-file FILE   the keys' passphrase, 8 characters or more, is FILE's first line\n"
	   "      --passphrase-fd N        or comes from descriptor N; else it is asked for\n"
	   "      --no-passphrase          leave the keys open: for tests only\n"
	   "      --json                   results and errors as JSON\n"
	   "      --help\n");

enum option_code {
	OPT_NAME = 256,
	OPT_PASSPHRASE_FILE,
	OPT_PASSPHRASE_FD,
	OPT_NO_PASSPHRASE,
	OPT_JSON,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"name",               required_argument, NULL, OPT_NAME},
	{"passphrase-file",                required_argument, NULL, OPT_PASSPHRASE_FILE},
	{"passphrase-fd",                    required_argument, NULL, OPT_PASSPHRASE_FD},
	{"no-passphrase",no_argument, NULL, OPT_NO_PASSPHRASE},
	{"json", no_argument, NULL, OPT_JSON},
	{"help",      no_argument, NULL, OPT_HELP},
	{0	       },
};

struct init_options {
	const char *dir, *name;
	struct secret_source passphrase;
	bool no_passphrase, json, help;
};

static enum factory_status wrong_usage(void)
{
	return factory_fail(FACTORY_USAGE, "%s", _("wrong usage; see ukey-emu factory --help"));
}

static enum factory_status parse(int argc, char **argv, struct init_options *o)
{
	uint64_t n;
	int option;

	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		switch (option) {
		case OPT_NAME:
			o->name = optarg;
			break;
		case OPT_PASSPHRASE_FILE:
			o->passphrase.file = optarg;
			break;
		case OPT_PASSPHRASE_FD:
			if (!command_number(optarg, &n) || n > 65535)
				return factory_fail(FACTORY_USAGE, "%s",
					_("--passphrase-fd takes the number of an open descriptor"));
			o->passphrase.fd = (int)n;
			break;
		case OPT_NO_PASSPHRASE:
			o->no_passphrase = true;
			break;
		case OPT_JSON:
			o->json = true;
			break;
		case OPT_HELP:
			o->help = true;
			return FACTORY_OK;
		default:
			return wrong_usage();
		}
	}
	if (argc - optind != 2 || strcmp(argv[optind], "init") != 0)
		return wrong_usage();
	o->dir = argv[optind + 1];
	return FACTORY_OK;
}

static enum factory_status get_passphrase(const struct init_options *o, char **out)
{
	enum factory_status status;

	if (o->no_passphrase)
		return o->passphrase.file == NULL && o->passphrase.fd < 0
			       ? FACTORY_OK
			       : factory_fail(FACTORY_USAGE, "%s", _("a passphrase or --no-passphrase, not both"));
	status = secret_read(&o->passphrase, _("New passphrase of the factory's keys: "), true, out);
	if (status == FACTORY_OK && strlen(*out) < CA_PASSPHRASE_MIN)
		status = factory_fail(FACTORY_SECRET, _("the passphrase is too short; take %d characters or more"),
			CA_PASSPHRASE_MIN);
	return status;
}

static void tell(const struct init_options *o)
{
	json_t *said;

	if (!o->json) {
		printf(_("The factory is in %s. The drivers' trusted-roots: %s/root.pem\n"), o->dir, o->dir);
		if (o->no_passphrase)
			printf("%s\n", _("Its keys are not encrypted: for tests only."));
		else
			printf(_("Take %s/root.key away to a safe place: personalising does not need it.\n"), o->dir);
		return;
	}
	said = json_pack("{s:b, s:s, s:b}", "ok", 1, "dir", o->dir, "encrypted", !o->no_passphrase);
	if (said != NULL) {
		json_dumpf(said, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_decref(said);
}

int factory_main(int argc, char **argv)
{
	struct init_options o = {
		.name = "OpenUKey factory",
		.passphrase = {.fd = -1, .options = N_("give --passphrase-file, --passphrase-fd or --no-passphrase")},
	};
	char *passphrase = NULL;
	enum factory_status status;

	i18n_program();
	o.passphrase.options = _(o.passphrase.options);
	status = parse(argc, argv, &o);
	if (status == FACTORY_OK && o.help) {
		fputs(_(usage), stdout);
		return EXIT_SUCCESS;
	}
	if (status == FACTORY_OK)
		status = get_passphrase(&o, &passphrase);
	if (status == FACTORY_OK)
		status = ca_init(o.dir, o.name, passphrase);
	secmem_free(passphrase);
	if (status == FACTORY_OK)
		tell(&o);
	else
		factory_complain(status, o.json);
	return (int)status;
}
