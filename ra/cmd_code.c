/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-ra code new, list, cancel: registrations and their one-time codes. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/i18n.h"
#include "ra/cadir.h"
#include "ra/cli.h"

#define DEFAULT_VALID "24h"

static json_t *code_json(const struct ra_code_record *record, const char *code)
{
	json_t *object = json_object();

	json_object_set_new(object, "id", json_integer(record->id));
	if (code != NULL)
		json_object_set_new(object, "code", json_string(code));
	json_object_set_new(object, "state", json_string(ra_code_state_name(record->state)));
	json_object_set_new(object, "subject", cli_json_text(record->subject));
	json_object_set_new(object, "email", cli_json_text(record->email));
	json_object_set_new(object, "profile", cli_json_text(record->profile));
	json_object_set_new(object, "created", cli_json_time(record->created_at));
	json_object_set_new(object, "expires", cli_json_time(record->expires_at));
	json_object_set_new(object, "used", cli_json_time(record->used_at));
	return object;
}

static enum ra_status print_code(const struct cli *cli, const struct ra_code_record *record, const char *code)
{
	char expires[32];

	if (cli->json)
		return cli_print_json(code_json(record, code));
	cli_time(record->expires_at, expires);
	/* The code stands alone on the first line, for scripts; what it is for goes to the person. */
	printf("%s\n", code);
	fprintf(stderr, _("Code %lld: %s, profile %s, good until %s. It is shown only now.\n"), (long long)record->id,
		record->subject, record->profile, expires);
	return RA_OK;
}

enum ra_status cmd_code_new(const struct cli *cli)
{
	struct ra ra = {0};
	struct ra_code_record record = {0};
	char code[RA_CODE_TEXT_SIZE];
	int64_t valid = 0, now = cli_now();
	enum ra_status status = cli_duration(cli->valid != NULL ? cli->valid : DEFAULT_VALID, &valid);

	if (status == RA_OK && (cli->subject == NULL || cli->profile == NULL))
		status = ra_fail(RA_USAGE, _("give --subject \"CN=...\" and --profile NAME"));
	if (status == RA_OK)
		status = ra_cadir_open_records(cli->dir, &ra);
	if (status == RA_OK)
		status = ra_register(&ra, cli->subject, cli->email, cli->profile, now, now + valid, &record, code);
	if (status == RA_OK)
		status = print_code(cli, &record, code);
	bytes_wipe(code, sizeof code);
	ra_code_record_clear(&record);
	ra_cadir_close(&ra);
	return status;
}

struct listing {
	json_t *array; /* NULL: print lines */
	int64_t now;
};

static enum ra_status list_one(void *arg, const struct ra_code_record *record)
{
	struct listing *listing = arg;
	char expires[32];

	if (listing->array != NULL)
		return json_array_append_new(listing->array, code_json(record, NULL)) == 0 ? RA_OK : RA_MEMORY;
	cli_time(record->expires_at, expires);
	printf("%lld\t%s\t%s\t%s\t%s%s%s%s\n", (long long)record->id,
		record->state == RA_CODE_OPEN && record->expires_at <= listing->now ? "expired"
										    : ra_code_state_name(record->state),
		expires, record->profile, record->subject, record->email != NULL ? " <" : "",
		record->email != NULL ? record->email : "", record->email != NULL ? ">" : "");
	return RA_OK;
}

enum ra_status cmd_code_list(const struct cli *cli)
{
	struct ra ra = {0};
	struct listing listing = {.array = cli->json ? json_array() : NULL, .now = cli_now()};
	enum ra_status status = ra_cadir_open_records(cli->dir, &ra);

	if (status == RA_OK)
		status = ra_store_code_each(ra.store, list_one, &listing);
	if (cli->json && status == RA_OK)
		status = cli_print_json(listing.array);
	else
		json_decref(listing.array);
	ra_cadir_close(&ra);
	return status;
}

enum ra_status cmd_code_cancel(const struct cli *cli)
{
	struct ra ra = {0};
	char *end = NULL;
	long long id = cli->argc == 1 ? strtoll(cli->argv[0], &end, 10) : 0;
	enum ra_status status;

	if (id <= 0 || *end != '\0')
		return ra_fail(RA_USAGE, _("give the number of the code that ukey-ra code list shows"));
	status = ra_cadir_open_records(cli->dir, &ra);
	if (status == RA_OK)
		status = ra_store_code_cancel(ra.store, id, cli_now());
	if (status == RA_NOT_FOUND)
		status = ra_fail(RA_NOT_FOUND, _("there is no open code %lld"), id);
	ra_cadir_close(&ra);
	return status;
}
