/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-emu personalize */
#include "config.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/hex.h"
#include "common/i18n.h"
#include "common/secmem.h"
#include "firmware-emu/command.h"
#include "firmware-emu/factory/factory.h"
#include "firmware-emu/factory/line.h"

static const char usage[] =
	N_("Usage: ukey-emu personalize --factory DIR --master URI --key-version N [OPTION]... FILE...\n"
	   "Give the blank tokens in FILE... their device key, attestation key and unlock key, and close the factory "
	   "on them.\n"
	   "\n"
	   "      --factory DIR            the factory, made with \"ukey-emu factory init\"\n"
	   "      --master URI             PKCS#11 URI of the AES master key of unlocking; its PIN comes from the file "
	   "that\n"
	   "                               pin-source=file:... in the URI names, or is asked for\n"
	   "      --key-version N          the master key's version, 1 to 255, as the desk knows it\n"
	   "      --no-unlock              tokens that can never be unlocked by phone; instead of --master\n"
	   "      --create                 make the files that are not there, as tokens with random serial numbers\n"
	   "      --serial HEX             the serial number, 16 digits, of the one token\n"
	   "      --passphrase-file FILE   the factory's passphrase is FILE's first line\n"
	   "      --passphrase-fd N        or comes from descriptor N; else it is asked for\n"
	   "      --json                   a line of JSON for each token\n"
	   "      --help\n"
	   "\n"
	   "An interrupted run is finished by running it again. A token that was personalised before is left alone.\n");

enum option_code {
	OPT_FACTORY = 256,
	OPT_MASTER,
	OPT_KEY_VERSION,
	OPT_NO_UNLOCK,
	OPT_CREATE,
	OPT_SERIAL,
	OPT_PASSPHRASE_FILE,
	OPT_PASSPHRASE_FD,
	OPT_JSON,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"factory",          required_argument, NULL, OPT_FACTORY},
	{"master",              required_argument, NULL, OPT_MASTER},
	{"key-version",                  required_argument, NULL, OPT_KEY_VERSION},
	{"no-unlock",no_argument, NULL, OPT_NO_UNLOCK},
	{"create",        no_argument, NULL, OPT_CREATE},
	{"serial",      required_argument, NULL, OPT_SERIAL},
	{"passphrase-file",              required_argument, NULL, OPT_PASSPHRASE_FILE},
	{"passphrase-fd",                  required_argument, NULL, OPT_PASSPHRASE_FD},
	{"json",		    no_argument, NULL, OPT_JSON},
	{"help",     no_argument, NULL, OPT_HELP},
	{0	  },
};

struct options {
	const char *factory, *master;
	uint8_t key_version; /* 0: not given */
	struct secret_source passphrase;
	uint8_t serial_bytes[8];
	struct chip_options tokens;
	bool no_unlock, json, help;
	char **files;
	int count;
};

static enum factory_status take_serial(struct options *o, const char *text)
{
	struct builder b = builder_of(o->serial_bytes, sizeof(o->serial_bytes));

	if (!hex_decode(text, &b) || b.len != sizeof(o->serial_bytes))
		return factory_fail(FACTORY_USAGE, "%s", _("--serial takes 16 hexadecimal digits"));
	o->tokens.serial = o->serial_bytes;
	return FACTORY_OK;
}

static enum factory_status take_option(struct options *o, int option)
{
	uint64_t n;

	switch (option) {
	case OPT_FACTORY:
		o->factory = optarg;
		return FACTORY_OK;
	case OPT_MASTER:
		o->master = optarg;
		return FACTORY_OK;
	case OPT_KEY_VERSION:
		if (!command_number(optarg, &n) || n < 1 || n > 255)
			return factory_fail(FACTORY_USAGE, "%s", _("--key-version takes a number from 1 to 255"));
		o->key_version = (uint8_t)n;
		return FACTORY_OK;
	case OPT_NO_UNLOCK:
		o->no_unlock = true;
		return FACTORY_OK;
	case OPT_CREATE:
		o->tokens.create = true;
		return FACTORY_OK;
	case OPT_SERIAL:
		return take_serial(o, optarg);
	case OPT_PASSPHRASE_FILE:
		o->passphrase.file = optarg;
		return FACTORY_OK;
	case OPT_PASSPHRASE_FD:
		if (!command_number(optarg, &n) || n > 65535)
			return factory_fail(
				FACTORY_USAGE, "%s", _("--passphrase-fd takes the number of an open descriptor"));
		o->passphrase.fd = (int)n;
		return FACTORY_OK;
	case OPT_JSON:
		o->json = true;
		return FACTORY_OK;
	case OPT_HELP:
		o->help = true;
		return FACTORY_OK;
	default:
		return factory_fail(FACTORY_USAGE, "%s", _("wrong usage; see ukey-emu personalize --help"));
	}
}

static enum factory_status parse(int argc, char **argv, struct options *o)
{
	enum factory_status status = FACTORY_OK;
	int option;

	while (status == FACTORY_OK && !o->help && (option = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		status = take_option(o, option);
	if (status != FACTORY_OK || o->help)
		return status;
	o->files = argv + optind;
	o->count = argc - optind;
	if (o->factory == NULL)
		return factory_fail(FACTORY_USAGE, "%s",
			_("which factory? --factory DIR says it; \"ukey-emu factory init\" makes one"));
	if (o->count == 0)
		return factory_fail(FACTORY_USAGE, "%s", _("which tokens? Name their files"));
	if (o->tokens.serial != NULL && o->count != 1)
		return factory_fail(FACTORY_USAGE, "%s", _("--serial is of one token; name one file"));
	if (o->no_unlock && (o->master != NULL || o->key_version != 0))
		return factory_fail(FACTORY_USAGE, "%s", _("--no-unlock, or --master and --key-version, not both"));
	if (!o->no_unlock && (o->master == NULL || o->key_version == 0))
		return factory_fail(FACTORY_USAGE, "%s",
			_("unlocking by phone needs --master and --key-version; --no-unlock makes tokens without it"));
	return FACTORY_OK;
}

/* ---- the master key ---- */

static bool ask_pin(void *arg, const char *label, char **out)
{
	const struct secret_source terminal = {.fd = -1, .options = _("add pin-source=file:... to the URI")};
	char prompt[128];
	(void)arg;

	snprintf(prompt, sizeof(prompt), _("PIN of \"%s\", which holds the master key: "), label);
	return secret_read(&terminal, prompt, false, out) == FACTORY_OK;
}

static enum factory_status open_master(const struct options *o, struct line *line)
{
	uint8_t *mac = secmem_alloc(16);
	enum p11_uri_result result = mac != NULL ? P11_URI_OK : P11_URI_MEMORY;

	line->key_version = o->key_version;
	if (o->no_unlock)
		goto out;
	if (result == P11_URI_OK)
		result = p11_uri_open(o->master, ask_pin, NULL, &line->master);
	if (result == P11_URI_OK)
		result = p11_uri_aes(line->master, &line->master_key);
	/* a try before a token is touched */
	if (result == P11_URI_OK)
		result = p11_uri_cmac(line->master, line->master_key, BYTES((const uint8_t *)"try", 3), mac);
out:
	secmem_free(mac);
	switch (result) {
	case P11_URI_OK:
		return FACTORY_OK;
	case P11_URI_MEMORY:
		return factory_memory();
	case P11_URI_NO_PIN:
		return FACTORY_SECRET;
	case P11_URI_PIN:
		return factory_fail(FACTORY_SECRET, _("the master key: %s"), p11_uri_message());
	default:
		return factory_fail(FACTORY_FOLDER, _("the master key: %s"), p11_uri_message());
	}
}

/* ---- the tokens ---- */

static volatile sig_atomic_t stopped;

static void on_stop(int number)
{
	stopped = number;
}

/* The token in work is finished; a second Ctrl-C ends at once, which the next run can live with. */
static void catch_stop(void)
{
	struct sigaction action = {.sa_handler = on_stop, .sa_flags = SA_RESTART | (int)SA_RESETHAND};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
}

static const char *const outcome_names[] = {
	[LINE_FAILED] = "failed",
	[LINE_MADE] = "personalised",
	[LINE_FINISHED] = "finished",
	[LINE_ALREADY] = "already",
	[LINE_FOREIGN] = "foreign",
};

static void tell_json(
	const char *file, enum factory_status status, enum line_outcome outcome, const struct ledger_entry *e)
{
	bool ok = status == FACTORY_OK;
	json_t *o = json_pack("{s:b, s:s, s:s, s:s?}", "ok", ok, "file", file, "outcome", outcome_names[outcome],
		"serial", e->serial[0] != '\0' ? e->serial : NULL);

	if (o == NULL)
		return;
	if (ok || outcome == LINE_ALREADY) {
		json_object_set_new(o, "key_version", e->key_version != 0 ? json_integer(e->key_version) : json_null());
		json_object_set_new(o, "device_certificate", json_string(e->device));
		json_object_set_new(o, "attestation_certificate", json_string(e->attestation));
	}
	if (!ok) {
		json_object_set_new(o, "status", json_integer((int)status));
		json_object_set_new(o, "error", json_string(factory_message()));
	}
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

static void tell(const struct options *o, int i, enum factory_status status, enum line_outcome outcome,
	const struct ledger_entry *e)
{
	if (o->json) {
		tell_json(o->files[i], status, outcome, e);
	} else if (status != FACTORY_OK) {
		fprintf(stderr, "[%d/%d] %s: %s\n", i + 1, o->count, o->files[i], factory_message());
	} else {
		printf("[%d/%d] %s: %s %s, ", i + 1, o->count, o->files[i], e->serial,
			outcome == LINE_FINISHED ? _("finished what an earlier run began") : _("personalised"));
		if (e->key_version != 0)
			printf(_("key version %u\n"), e->key_version);
		else
			printf("%s\n", _("without an unlock key"));
	}
	fflush(stdout);
}

static enum factory_status work(const struct options *o, struct line *line)
{
	enum factory_status worst = FACTORY_OK;
	int i;

	catch_stop();
	for (i = 0; i < o->count && stopped == 0; i++) {
		struct ledger_entry entry;
		enum line_outcome outcome;
		enum factory_status status = line_work(line, o->files[i], &outcome, &entry);

		tell(o, i, status, outcome, &entry);
		if (status > worst)
			worst = status;
	}
	if (stopped != 0 && i < o->count) {
		fprintf(stderr, _("ukey-emu: stopped before %s; run the same command again to go on\n"), o->files[i]);
		signal(stopped, SIG_DFL);
		raise(stopped);
	}
	return worst;
}

static enum factory_status run(const struct options *o)
{
	struct line line = {.tokens = o->tokens};
	enum factory_status status = ledger_open(o->factory, &line.ledger), worst = FACTORY_OK;

	if (status == FACTORY_OK)
		status = ca_open(o->factory, &o->passphrase, &line.ca);
	if (status == FACTORY_OK)
		status = open_master(o, &line);
	if (status == FACTORY_OK)
		worst = work(o, &line);
	else
		factory_complain(status, o->json);
	p11_uri_close(line.master);
	ca_close(&line.ca);
	ledger_close(line.ledger);
	return status == FACTORY_OK ? worst : status;
}

int personalize_main(int argc, char **argv)
{
	struct options o = {.passphrase = {.fd = -1}};
	enum factory_status status;

	i18n_program();
	o.passphrase.options = _("give --passphrase-file or --passphrase-fd");
	status = parse(argc, argv, &o);
	if (status == FACTORY_OK && o.help) {
		fputs(_(usage), stdout);
		return EXIT_SUCCESS;
	}
	if (status == FACTORY_OK)
		return (int)run(&o);
	factory_complain(status, o.json);
	return (int)status;
}
