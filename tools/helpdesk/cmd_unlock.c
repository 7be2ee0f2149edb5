/* SPDX-License-Identifier: Apache-2.0 */
/* token, request ... confirm: the daily work. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/helpdesk/cli.h"

static const char *text(const json_t *row, const char *name)
{
	const char *value = json_string_value(json_object_get(row, name));

	return value != NULL ? value : "-";
}

/* ---- tokens ---- */

/* The serial number of --certificate joins those that are given as text; `serial` is its memory. */
static enum desk_status take_certificate(struct cli *cli, char serial[CLI_SERIAL_SIZE])
{
	enum desk_status status = DESK_OK;

	if (cli->certificate != NULL)
		status = cli_certificate_serial(cli->certificate, serial);
	if (status == DESK_OK && cli->certificate != NULL) {
		if (cli->certificate_count == LIST_MAX)
			return cli_fail(DESK_USAGE, _("too many of one option"));
		cli->certificate_serials[cli->certificate_count++] = serial;
	}
	return status;
}

enum desk_status cmd_token_register(struct cli *cli)
{
	struct desk_token token = {
		.serial = cli->argv[0],
		.holder = cli->holder,
		.unit = cli->unit,
		.contact = cli->contact,
		.profile = cli->profile,
		.certificates = cli->certificate_serials,
		.no_unlock = cli->no_unlock,
		.key_version = (uint8_t)cli->key_version,
	};
	char serial[CLI_SERIAL_SIZE];
	enum desk_status status =
		cli->holder != NULL ? DESK_OK : cli_fail(DESK_USAGE, _("give the holder: --holder NAME"));

	if (status == DESK_OK)
		status = take_certificate(cli, serial);
	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_token_register(cli->desk, &cli->by, &token);
	if (status == DESK_OK)
		cli_say(cli, _("Token %s of %s is registered."), cli->argv[0], cli->holder);
	return status;
}

enum desk_status cmd_token_update(struct cli *cli)
{
	struct desk_token token = {
		.serial = cli->argv[0],
		.holder = cli->holder,
		.unit = cli->unit,
		.contact = cli->contact,
		.certificates = cli->certificate_serials,
	};
	char serial[CLI_SERIAL_SIZE];
	enum desk_status status = take_certificate(cli, serial);

	if (status == DESK_OK && token.holder == NULL && token.unit == NULL && token.contact == NULL &&
		cli->certificate_count == 0)
		status = cli_fail(DESK_USAGE, _("say what has changed: --holder, --unit, --contact, --certificate"));
	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_token_update(cli->desk, &cli->by, &token);
	if (status == DESK_OK)
		cli_say(cli, _("Token %s is brought up to date."), cli->argv[0]);
	return status;
}

enum desk_status cmd_token_find(struct cli *cli)
{
	json_t *rows = NULL, *row;
	const char *what = cli->argc > 0 ? cli->argv[0] : NULL;
	char serial[CLI_SERIAL_SIZE];
	size_t i;
	enum desk_status status = DESK_OK;

	if (cli->certificate != NULL) {
		status = cli_certificate_serial(cli->certificate, serial);
		what = serial;
	}
	if (status == DESK_OK)
		status = cli_open(cli);
	if (status == DESK_OK)
		status = desk_token_find(cli->desk, what, &rows);
	json_array_foreach(rows, i, row)
	{
		cli_say(cli, "%s\t%s\t%s\t%s\t%s\t%s", text(row, "serial"), text(row, "state"), text(row, "holder"),
			text(row, "unit"), text(row, "contact"), text(row, "certificates"));
	}
	if (status == DESK_OK && what != NULL && json_array_size(rows) == 0)
		status = cli_fail(DESK_NOT_FOUND, "%s", what);
	json_object_set_new(cli->result, "tokens", rows);
	return status;
}

enum desk_status cmd_token_state(struct cli *cli)
{
	enum desk_status status = cli_log_in(cli, false);

	if (status == DESK_OK)
		status = desk_token_state(cli->desk, &cli->by, cli->argv[0], cli->argv[1], cli->reason);
	if (status == DESK_OK)
		cli_say(cli, _("Token %s is %s."), cli->argv[0], cli->argv[1]);
	return status;
}

/* ---- requests ---- */

enum desk_status cmd_request(struct cli *cli)
{
	int64_t id = 0;
	enum desk_status status = cli_log_in(cli, false);

	if (status == DESK_OK)
		status = desk_request(cli->desk, &cli->by, cli->argv[0], cli->reason, &id);
	if (status == DESK_OK) {
		cli_say(cli, _("Request %lld. Check who is calling: ukey-helpdesk checklist %lld"), (long long)id,
			(long long)id);
		json_object_set_new(cli->result, "request", json_integer(id));
	}
	return status;
}

/* What an approver looks at: who did what, and the evidence. */
static void tell_more(const struct cli *cli, const json_t *row)
{
	static const char *const people[] = {"requested_by", "identified_by", "approved_by", "answered_by"};
	json_t *evidence = json_loads(text(row, "evidence"), 0, NULL), *value;
	const char *item;

	for (size_t i = 0; i < sizeof(people) / sizeof(people[0]); i++)
		if (json_is_string(json_object_get(row, people[i])))
			cli_say(cli, "  %s: %s", people[i], text(row, people[i]));
	json_object_foreach(evidence, item, value)
	{
		cli_say(cli, "  %s: %s", item, json_string_value(value));
	}
	json_decref(evidence);
}

enum desk_status cmd_list(struct cli *cli)
{
	json_t *rows = NULL, *row;
	size_t i;
	int64_t id = 0;
	enum desk_status status = cli->argc > 0 ? cli_number(cli->argv[0], 1, INT64_MAX, &id) : DESK_OK;

	if (status == DESK_OK)
		status = cli_open(cli);
	if (status == DESK_OK)
		status = desk_requests(cli->desk, id, cli->open, &rows);
	json_array_foreach(rows, i, row)
	{
		char made[32], until[32];
		cli_time(json_integer_value(json_object_get(row, "created")), made);
		cli_time(json_integer_value(json_object_get(row, "expires")), until);
		cli_say(cli, "%lld\t%s\t%s\t%s\t%s\t%s\t%s", (long long)json_integer_value(json_object_get(row, "id")),
			text(row, "state"), text(row, "token"), text(row, "holder"), made, until, text(row, "reason"));
		if (id != 0)
			tell_more(cli, row);
	}
	if (status == DESK_OK && id != 0 && json_array_size(rows) == 0)
		status = cli_fail(DESK_NOT_FOUND, _("there is no request %lld"), (long long)id);
	json_object_set_new(cli->result, "requests", rows);
	return status;
}

static enum desk_status number(const struct cli *cli, int64_t *id)
{
	return cli_number(cli->argv[0], 1, INT64_MAX, id);
}

enum desk_status cmd_checklist(struct cli *cli)
{
	json_t *items = NULL, *item;
	size_t i;
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = cli_open(cli);
	if (status == DESK_OK)
		status = desk_checklist(cli->desk, id, &items);
	json_array_foreach(items, i, item)
	{
		cli_say(cli, "%s", json_string_value(item));
	}
	if (status == DESK_OK)
		cli_say(cli, _("Note each with: ukey-helpdesk identify %lld --evidence ITEM=TEXT ..."), (long long)id);
	json_object_set_new(cli->result, "checklist", items);
	return status;
}

/* ITEM=TEXT, each item once. */
static enum desk_status collect_evidence(const struct cli *cli, json_t *evidence)
{
	for (size_t i = 0; i < cli->evidence_count; i++) {
		const char *equals = strchr(cli->evidence[i], '=');
		char item[128];
		if (equals == NULL || (size_t)(equals - cli->evidence[i]) >= sizeof(item))
			return cli_fail(DESK_USAGE, _("evidence is --evidence ITEM=TEXT"));
		snprintf(item, sizeof(item), "%.*s", (int)(equals - cli->evidence[i]), cli->evidence[i]);
		if (json_object_get(evidence, item) != NULL)
			return cli_fail(DESK_USAGE, _("evidence for \"%s\" is given twice"), item);
		if (json_object_set_new(evidence, item, json_string(equals + 1)) != 0)
			return cli_fail(DESK_USAGE, _("evidence for \"%s\" is no UTF-8 text"), item);
	}
	return DESK_OK;
}

enum desk_status cmd_identify(struct cli *cli)
{
	json_t *evidence = json_object();
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = collect_evidence(cli, evidence);
	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_identify(cli->desk, &cli->by, id, evidence);
	json_decref(evidence);
	if (status == DESK_OK)
		cli_say(cli, _("The identity is noted. Somebody else decides: ukey-helpdesk approve %lld"),
			(long long)id);
	return status;
}

enum desk_status cmd_approve(struct cli *cli)
{
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_approve(cli->desk, &cli->by, id);
	if (status == DESK_OK)
		cli_say(cli, _("Request %lld may be answered, once and within 4 hours."), (long long)id);
	return status;
}

enum desk_status cmd_reject(struct cli *cli)
{
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_reject(cli->desk, &cli->by, id, cli->reason);
	if (status == DESK_OK)
		cli_say(cli, _("Request %lld is rejected."), (long long)id);
	return status;
}

/* A code may come as one operand or group by group. */
static enum desk_status join(const struct cli *cli, char *out, size_t cap)
{
	size_t n = 0;

	for (int i = 1; i < cli->argc; i++) {
		n += (size_t)snprintf(out + n, cap - n, "%s%s", i > 1 ? " " : "", cli->argv[i]);
		if (n >= cap)
			return cli_fail(DESK_CODE, _("it is too long"));
	}
	return DESK_OK;
}

enum desk_status cmd_respond(struct cli *cli)
{
	char challenge[256], answer[CODE_TEXT_SIZE];
	struct code_fault fault = {0};
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = join(cli, challenge, sizeof(challenge));
	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_respond(cli->desk, &cli->by, id, challenge, &fault, answer);
	if (status == DESK_CODE && fault.error != CODE_OK)
		return cli_code_fault(&fault);
	if (status == DESK_OK) {
		cli_say(cli, _("Answer: %s"), answer);
		cli_say(cli,
			_("It is good for 15 minutes, for this challenge. Ask for the proof: ukey-helpdesk confirm "
			  "%lld"),
			(long long)id);
		json_object_set_new(cli->result, "answer", json_string(answer));
	}
	bytes_wipe(answer, sizeof(answer));
	return status;
}

enum desk_status cmd_confirm(struct cli *cli)
{
	struct code_fault fault = {0};
	char proof[256];
	int64_t id = 0;
	enum desk_status status = number(cli, &id);

	if (status == DESK_OK)
		status = join(cli, proof, sizeof(proof));
	if (status == DESK_OK)
		status = cli_log_in(cli, false);
	if (status == DESK_OK)
		status = desk_confirm(cli->desk, &cli->by, id, proof, &fault);
	if (status == DESK_CODE && fault.error != CODE_OK)
		return cli_code_fault(&fault);
	if (status == DESK_OK)
		cli_say(cli, _("Request %lld is done: the holder set a new PIN."), (long long)id);
	return status;
}
