/* SPDX-License-Identifier: Apache-2.0 */
/* init, key, staff, audit: the desk itself. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/helpdesk/cli.h"

#define FILE_MAX CLI_FILE_MAX

static struct pin_source init_pin = {.fd = -1};

/* A full path: the desk is used from other places than where it was made. */
static bool full_path(const char *path, char out[PATH_MAX])
{
	char here[PATH_MAX] = "";

	if (path[0] != '/' && getcwd(here, sizeof(here)) == NULL)
		return false;
	return (size_t)snprintf(out, PATH_MAX, "%s%s%s", here, here[0] != '\0' ? "/" : "", path) < PATH_MAX;
}

enum desk_status cmd_init(struct cli *cli)
{
	char dir[PATH_MAX], head_file[PATH_MAX];
	struct desk_new new = {
		.master_uri = cli->master,
		.key_version = cli->key_version != 0 ? (uint8_t)cli->key_version : 1,
		.operator_hourly = cli->operator_hourly,
		.pin = cli_pin_callback,
		.pin_arg = &init_pin,
	};
	uint8_t *profiles = NULL;
	size_t len = 0;
	enum desk_status status = DESK_OK;

	if (cli->master == NULL)
		return cli_fail(DESK_USAGE, _("give the master key: --master URI"));
	if (!full_path(cli->dir, dir) || (cli->head_file != NULL && !full_path(cli->head_file, head_file)))
		return DESK_IO;
	new.dir = dir;
	new.head_file = cli->head_file != NULL ? head_file : NULL;
	if (cli->profiles != NULL)
		status = cli_read_file(cli->profiles, FILE_MAX, &profiles, &len);
	if (status == DESK_OK)
		new.profiles = (const char *)profiles;
	if (status == DESK_OK)
		status = desk_create(&new);
	if (status == DESK_OK)
		status = cli_open(cli);
	if (status == DESK_OK)
		cli_say(cli,
			_("The desk is in %s. Register an operator and two approvers next: ukey-helpdesk staff add"),
			cli->dir);
	free(profiles);
	return status;
}

/* ---- versions of the master key ---- */

enum desk_status cmd_key_add(struct cli *cli)
{
	enum desk_status status = DESK_OK;

	if (cli->master == NULL || cli->key_version == 0)
		return cli_fail(DESK_USAGE, _("give the key and its version: --master URI --key-version N"));
	status = cli_log_in(cli, true);
	if (status == DESK_OK)
		status = desk_master_add(cli->desk, &cli->by, &cli->second_by, (uint8_t)cli->key_version, cli->master);
	if (status == DESK_OK)
		cli_say(cli, _("Key version %lld is in use, beside the others."), (long long)cli->key_version);
	return status;
}

/* How many tokens have this version, as far as the desk knows. */
static long long tokens_of(struct cli *cli, int64_t version)
{
	json_t *rows = NULL, *row;
	long long count = 0;
	size_t i;

	if (desk_master_list(cli->desk, &rows) != DESK_OK)
		return 0;
	json_array_foreach(rows, i, row)
	{
		if (json_integer_value(json_object_get(row, "version")) == version)
			count = (long long)json_integer_value(json_object_get(row, "tokens"));
	}
	json_decref(rows);
	return count;
}

enum desk_status cmd_key_retire(struct cli *cli)
{
	int64_t version = 0;
	enum desk_status status = cli_number(cli->argv[0], 1, 255, &version);

	if (status == DESK_OK)
		status = cli_log_in(cli, true);
	if (status == DESK_OK)
		status = desk_master_retire(cli->desk, &cli->by, &cli->second_by, (uint8_t)version);
	if (status == DESK_OK)
		cli_say(cli, _("Key version %lld answers nothing any more."), (long long)version);
	if (status == DESK_OK && tokens_of(cli, version) > 0)
		cli_say(cli,
			_("Tokens that have it, as far as is known: %lld. They cannot be unlocked by phone any more."),
			tokens_of(cli, version));
	return status;
}

enum desk_status cmd_key_list(struct cli *cli)
{
	json_t *rows = NULL, *row;
	size_t i;
	enum desk_status status = cli_open(cli);

	if (status == DESK_OK)
		status = desk_master_list(cli->desk, &rows);
	json_array_foreach(rows, i, row)
	{
		cli_say(cli, "%lld\t%s\t%lld\t%s", (long long)json_integer_value(json_object_get(row, "version")),
			json_string_value(json_object_get(row, "state")),
			(long long)json_integer_value(json_object_get(row, "tokens")),
			json_string_value(json_object_get(row, "uri")));
	}
	if (status == DESK_OK)
		json_object_set_new(cli->result, "keys", rows);
	return status;
}

/* ---- profiles ---- */

enum desk_status cmd_profile_list(struct cli *cli)
{
	json_t *rows = NULL, *row, *item;
	size_t i, j;
	enum desk_status status = cli_open(cli);

	if (status == DESK_OK)
		status = desk_profiles_list(cli->desk, &rows);
	json_array_foreach(rows, i, row)
	{
		cli_say(cli, "%s:", json_string_value(json_object_get(row, "name")));
		json_array_foreach(json_object_get(row, "items"), j, item)
		{
			cli_say(cli, "  %s", json_string_value(item));
		}
	}
	if (status == DESK_OK)
		json_object_set_new(cli->result, "profiles", rows);
	return status;
}

enum desk_status cmd_profile_set(struct cli *cli)
{
	uint8_t *profiles = NULL;
	size_t len = 0;
	enum desk_status status = cli_read_file(cli->argv[0], FILE_MAX, &profiles, &len);

	if (status == DESK_OK)
		status = cli_log_in(cli, true);
	if (status == DESK_OK)
		status = desk_profiles_set(cli->desk, &cli->by, &cli->second_by, (const char *)profiles);
	free(profiles);
	if (status == DESK_OK)
		cli_say(cli, "%s", _("The checklists of these profiles are in use."));
	return status;
}

/* ---- staff ---- */

enum desk_status cmd_staff_add(struct cli *cli)
{
	uint8_t *certificate = NULL;
	size_t len = 0;
	unsigned roles = 0;
	bool founding = cli->as == NULL;
	enum desk_status status = DESK_OK;

	if (cli->certificate == NULL)
		return cli_fail(DESK_USAGE, _("give the certificate of the person's token: --certificate FILE"));
	if (cli->roles == NULL || !desk_roles_parse(cli->roles, &roles))
		return cli_fail(
			DESK_USAGE, _("give the roles: --roles with operator, approver, auditor, and commas between"));
	status = cli_read_certificate(cli->certificate, &certificate, &len);
	if (status == DESK_OK)
		status = founding ? cli_open(cli) : cli_log_in(cli, true);
	if (status == DESK_OK)
		status = desk_staff_add(cli->desk, founding ? NULL : &cli->by, founding ? NULL : &cli->second_by,
			cli->argv[0], roles, BYTES(certificate, len));
	free(certificate);
	if (status == DESK_ROLE && founding)
		return cli_fail(
			status, _("this desk is founded: an approver (--as, --login) and a second person (--second, "
				  "--second-login) let new people in"));
	if (status == DESK_OK)
		cli_say(cli, _("%s is registered."), cli->argv[0]);
	return status;
}

enum desk_status cmd_staff_remove(struct cli *cli)
{
	enum desk_status status = cli_log_in(cli, true);

	if (status == DESK_OK)
		status = desk_staff_remove(cli->desk, &cli->by, &cli->second_by, cli->argv[0]);
	if (status == DESK_OK)
		cli_say(cli, _("%s does not work here any more."), cli->argv[0]);
	return status;
}

static const char *text(const json_t *row, const char *name)
{
	const char *value = json_string_value(json_object_get(row, name));

	return value != NULL ? value : "-";
}

enum desk_status cmd_staff_list(struct cli *cli)
{
	json_t *rows = NULL, *row;
	size_t i;
	enum desk_status status = cli_open(cli);

	if (status == DESK_OK)
		status = desk_staff_list(cli->desk, &rows);
	json_array_foreach(rows, i, row)
	{
		cli_say(cli, "%s\t%s\t%s", text(row, "name"), text(row, "roles"), text(row, "state"));
	}
	if (status == DESK_OK)
		json_object_set_new(cli->result, "staff", rows);
	return status;
}

/* ---- audit ---- */

enum desk_status cmd_audit_list(struct cli *cli)
{
	json_t *rows = NULL, *row;
	size_t i;
	enum desk_status status = cli_open(cli);

	if (status == DESK_OK)
		status = desk_record_list(cli->desk, cli->from, &rows);
	json_array_foreach(rows, i, row)
	{
		char at[32], *rest;
		json_t *fields = json_copy(row);
		cli_time(json_integer_value(json_object_get(row, "at")), at);
		json_object_del(fields, "seq");
		json_object_del(fields, "at");
		json_object_del(fields, "what");
		json_object_del(fields, "by");
		json_object_del(fields, "signature");
		rest = json_dumps(fields, JSON_COMPACT | JSON_SORT_KEYS);
		cli_say(cli, "%lld\t%s\t%s\t%s\t%s", (long long)json_integer_value(json_object_get(row, "seq")), at,
			text(row, "by"), text(row, "what"), rest != NULL ? rest : "");
		free(rest);
		json_decref(fields);
	}
	if (status == DESK_OK)
		json_object_set_new(cli->result, "entries", rows);
	return status;
}

static enum desk_status verify_file(const struct cli *cli, const struct desk_head *head, struct desk_verdict *verdict)
{
	FILE *file = fopen(cli->file, "re");
	enum desk_status status;

	if (file == NULL)
		return cli_fail(DESK_IO, "%s: %s", cli->file, strerror(errno));
	status = desk_export_verify(file, head, cli->head_file, verdict);
	fclose(file);
	return status;
}

enum desk_status cmd_audit_verify(struct cli *cli)
{
	struct desk_verdict verdict = {0};
	struct desk_head head;
	char good[DESK_HEAD_TEXT];
	enum desk_status status = DESK_OK;

	if (cli->head != NULL && !desk_head_parse(cli->head, &head))
		return cli_fail(
			DESK_USAGE, _("a head is COUNT:HASH, as every command that changes something tells it"));
	if (cli->file != NULL)
		status = verify_file(cli, cli->head != NULL ? &head : NULL, &verdict);
	else
		status = cli_open(cli);
	if (cli->file == NULL && status == DESK_OK)
		status = desk_record_verify(cli->desk, cli->head != NULL ? &head : NULL, &verdict);
	if (status != DESK_OK && status != DESK_RECORD_WRONG)
		return status;
	desk_head_text(&verdict.head, good);
	json_object_set_new(cli->result, "entries", json_integer(verdict.head.count));
	json_object_set_new(cli->result, "head", json_string(good));
	if (status == DESK_OK) {
		cli_say(cli, _("%lld entries, all as they were written."), (long long)verdict.head.count);
		cli_say(cli, _("Record: %s"), good);
		return status;
	}
	json_object_set_new(cli->result, "wrong", json_integer(verdict.wrong));
	return cli_fail(status, _("entry %lld: %s"), (long long)verdict.wrong, verdict.why);
}

enum desk_status cmd_audit_export(struct cli *cli)
{
	FILE *file = stdout;
	enum desk_status status = cli_open(cli);

	if (status == DESK_OK && cli->output != NULL)
		file = fopen(cli->output, "we");
	if (status == DESK_OK && file == NULL)
		return cli_fail(DESK_IO, "%s: %s", cli->output, strerror(errno));
	if (status == DESK_OK)
		status = desk_record_export(cli->desk, file);
	if (file != NULL && file != stdout && fclose(file) != 0 && status == DESK_OK)
		status = cli_fail(DESK_IO, "%s: %s", cli->output, strerror(errno));
	if (cli->output == NULL)
		cli->json = false; /* standard output carries the record */
	return status;
}
