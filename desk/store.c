/* SPDX-License-Identifier: Apache-2.0 */
/* The database: opening it, and transactions that leave state and record together or not at all. */
#include "config.h"

#include "desk/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/i18n.h"
#include "desk/schema.h"

/* People at several desks wait for each other this long. */
#define BUSY_MS 5000
/* A clock may be set back by this much without anybody noticing. */
#define CLOCK_SLACK 120

/* ---- statements ---- */

enum desk_status desk_sql_failed(struct desk *desk)
{
	int code = sqlite3_extended_errcode(desk->db);

	if ((code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED)
		return DESK_BUSY;
	if ((code & 0xFF) == SQLITE_NOMEM)
		return DESK_MEMORY;
	if (code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY)
		return DESK_EXISTS;
	if ((code & 0xFF) == SQLITE_FULL || (code & 0xFF) == SQLITE_IOERR || (code & 0xFF) == SQLITE_READONLY)
		return desk_fail(DESK_RECORD, "sqlite: %s", sqlite3_errmsg(desk->db));
	return desk_fail(DESK_STORE, "sqlite: %s", sqlite3_errmsg(desk->db));
}

static void bind(sqlite3_stmt *s, const char *types, va_list args)
{
	for (int i = 0; types[i] != '\0'; i++) {
		if (types[i] == 'i') {
			sqlite3_bind_int64(s, i + 1, va_arg(args, int64_t));
		} else if (types[i] == 't') {
			const char *text = va_arg(args, const char *);
			if (text != NULL)
				sqlite3_bind_text(s, i + 1, text, -1, SQLITE_TRANSIENT);
		} else {
			struct bytes b = va_arg(args, struct bytes);
			sqlite3_bind_blob64(s, i + 1, b.data, b.len, SQLITE_TRANSIENT);
		}
	}
}

static enum desk_status prepare(struct desk *desk, sqlite3_stmt **out, const char *sql, const char *types, va_list args)
{
	*out = NULL;
	if (sqlite3_prepare_v2(desk->db, sql, -1, out, NULL) != SQLITE_OK)
		return desk_sql_failed(desk);
	bind(*out, types, args);
	return DESK_OK;
}

enum desk_status desk_query(struct desk *desk, sqlite3_stmt **out, const char *sql, const char *types, ...)
{
	enum desk_status status;
	va_list args;

	va_start(args, types);
	status = prepare(desk, out, sql, types, args);
	va_end(args);
	return status;
}

enum desk_status desk_run(struct desk *desk, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	enum desk_status status;
	va_list args;

	va_start(args, types);
	status = prepare(desk, &s, sql, types, args);
	va_end(args);
	if (status == DESK_OK && sqlite3_step(s) != SQLITE_DONE)
		status = desk_sql_failed(desk);
	sqlite3_finalize(s);
	return status;
}

enum desk_status desk_number(struct desk *desk, int64_t *out, const char *sql, const char *types, ...)
{
	sqlite3_stmt *s;
	enum desk_status status;
	va_list args;
	int step;

	va_start(args, types);
	status = prepare(desk, &s, sql, types, args);
	va_end(args);
	if (status == DESK_OK) {
		step = sqlite3_step(s);
		if (step != SQLITE_ROW && step != SQLITE_DONE)
			status = desk_sql_failed(desk);
		else if (step == SQLITE_DONE || sqlite3_column_type(s, 0) == SQLITE_NULL)
			status = DESK_NOT_FOUND;
		else
			*out = sqlite3_column_int64(s, 0);
	}
	sqlite3_finalize(s);
	return status;
}

static json_t *cell(sqlite3_stmt *s, int column)
{
	switch (sqlite3_column_type(s, column)) {
	case SQLITE_INTEGER:
		return json_integer(sqlite3_column_int64(s, column));
	case SQLITE_TEXT:
		return json_string((const char *)sqlite3_column_text(s, column));
	default:
		return json_null();
	}
}

enum desk_status desk_rows(struct desk *desk, json_t **out, const char *sql, const char *types, ...)
{
	json_t *array = json_array();
	sqlite3_stmt *s;
	enum desk_status status;
	va_list args;
	int step = SQLITE_DONE;

	va_start(args, types);
	status = prepare(desk, &s, sql, types, args);
	va_end(args);
	while (status == DESK_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		json_t *row = json_object();
		for (int i = 0; i < sqlite3_column_count(s); i++)
			if (json_object_set_new(row, sqlite3_column_name(s, i), cell(s, i)) != 0)
				status = DESK_MEMORY;
		if (json_array_append_new(array, row) != 0)
			status = DESK_MEMORY;
	}
	if (status == DESK_OK && step != SQLITE_DONE)
		status = desk_sql_failed(desk);
	sqlite3_finalize(s);
	if (status == DESK_OK)
		*out = array;
	else
		json_decref(array);
	return status;
}

/* ---- transactions ---- */

/* Before anything is decided: the head's place must be writable, or the desk stands still. */
enum desk_status desk_open_heads(struct desk *desk)
{
	/* Made with the desk, and never again: where the place is not mounted an empty one would take the heads. */
	const int create = desk->head.count == 0 ? O_CREAT : 0;

	desk->head_fd = open(desk->head_file, O_WRONLY | O_APPEND | create | O_CLOEXEC | O_NOCTTY, 0600);
	if (desk->head_fd < 0)
		return desk_fail(DESK_RECORD, "%s: %s", desk->head_file, strerror(errno));
	return DESK_OK;
}

/* After the commit: a head that came first would accuse an honest record of truncation after a crash between the two.
 */
enum desk_status desk_write_head(struct desk *desk)
{
	char line[DESK_HEAD_TEXT + 1];
	size_t n;

	desk_head_text(&desk->head, line);
	n = strlen(line);
	line[n++] = '\n';
	if (write(desk->head_fd, line, n) != (ssize_t)n || fdatasync(desk->head_fd) != 0)
		return desk_fail(DESK_RECORD, "%s: %s", desk->head_file, strerror(errno));
	return DESK_OK;
}

void desk_leave(struct desk *desk)
{
	if (!sqlite3_get_autocommit(desk->db))
		sqlite3_exec(desk->db, "ROLLBACK", NULL, NULL, NULL);
	if (desk->head_fd >= 0)
		close(desk->head_fd);
	desk->head_fd = -1;
}

enum desk_status desk_begin(struct desk *desk)
{
	int64_t last = 0;
	enum desk_status status;

	desk_detail_clear();
	status = desk_open_heads(desk);
	if (status == DESK_OK)
		status = desk_run(desk, "BEGIN IMMEDIATE", "");
	if (status == DESK_OK)
		status = desk_record_head(desk, &desk->head, &last);
	desk->at = desk->now(desk->now_arg);
	if (status == DESK_OK && desk->at + CLOCK_SLACK < last)
		status = DESK_CLOCK;
	if (status == DESK_OK && desk->at < last)
		desk->at = last;
	if (status == DESK_OK)
		status = desk_sweep(desk);
	if (status != DESK_OK)
		desk_leave(desk);
	return status;
}

static enum desk_status commit(struct desk *desk)
{
	enum desk_status status = desk_run(desk, "COMMIT", "");

	if (status == DESK_STORE) /* a full disk shows here */
		status = DESK_RECORD;
	if (status == DESK_OK)
		status = desk_write_head(desk);
	desk_leave(desk);
	return status;
}

/* What was refused, in a transaction of its own. */
static enum desk_status record_refusal(
	struct desk *desk, enum desk_status why, const char *what, const struct desk_person *by)
{
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = desk_record(desk, "refused", by, json_pack("{s:s, s:s}", "step", what, "why", desk_status_name(why)));
	if (status == DESK_OK)
		return commit(desk);
	desk_leave(desk);
	return status;
}

enum desk_status desk_end(struct desk *desk, enum desk_status status, const char *what, const struct desk_person *by)
{
	char said[512];
	enum desk_status recorded;

	if (status == DESK_OK)
		return commit(desk);
	desk_leave(desk);
	if (!desk_status_recorded(status))
		return status;
	snprintf(said, sizeof(said), "%s", desk_detail());
	recorded = record_refusal(desk, status, what, by);
	return recorded == DESK_OK ? desk_fail(status, "%s", said) : recorded;
}

/* ---- opening ---- */

int64_t desk_system_clock(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

enum desk_status desk_open_file(const char *path, int flags, struct desk *desk)
{
	if ((flags & SQLITE_OPEN_CREATE) == 0 && access(path, F_OK) != 0)
		return desk_fail(DESK_NO_DESK, "%s: %s", path, strerror(errno));
	if (sqlite3_open_v2(path, &desk->db, flags | SQLITE_OPEN_FULLMUTEX, NULL) != SQLITE_OK)
		return desk->db != NULL ? desk_sql_failed(desk) : DESK_MEMORY;
	sqlite3_extended_result_codes(desk->db, 1);
	sqlite3_busy_timeout(desk->db, BUSY_MS);
	if (sqlite3_exec(desk->db,
		    "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		    "PRAGMA trusted_schema = OFF; PRAGMA secure_delete = ON;",
		    NULL, NULL, NULL) != SQLITE_OK)
		return desk_sql_failed(desk);
	return DESK_OK;
}

static enum desk_status read_text(struct desk *desk, const char *name, char **out)
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(desk, &s, "SELECT value FROM meta WHERE name = ?1", "t", name);

	if (status == DESK_OK && sqlite3_step(s) == SQLITE_ROW)
		*out = strdup((const char *)sqlite3_column_text(s, 0));
	if (status == DESK_OK && *out == NULL)
		status = DESK_DAMAGED;
	sqlite3_finalize(s);
	return status;
}

static enum desk_status read_settings(struct desk *desk)
{
	char *id = NULL;
	int64_t version = 0;
	enum desk_status status = desk_number(desk, &version, "PRAGMA user_version", "");

	if (status == DESK_OK && version != DESK_SCHEMA_VERSION)
		status = DESK_DAMAGED;
	if (status == DESK_OK)
		status = read_text(desk, "head-file", &desk->head_file);
	if (status == DESK_OK)
		status = read_text(desk, "id", &id);
	if (status == DESK_OK)
		snprintf(desk->id, sizeof(desk->id), "%s", id);
	if (status == DESK_OK)
		status = desk_number(desk, &desk->operator_hourly,
			"SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'operator-hourly'", "");
	if (status == DESK_OK)
		status = desk_record_head(desk, &desk->head, NULL);
	free(id);
	return status;
}

enum desk_status desk_open(const struct desk_options *options, struct desk **out)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	enum desk_status status = DESK_OK;
	char path[4096];

	desk_detail_clear();
	if (desk == NULL)
		return DESK_MEMORY;
	desk->head_fd = -1;
	desk->now = options->now != NULL ? options->now : desk_system_clock;
	desk->now_arg = options->now_arg;
	desk->master = options->master;
	desk->pin = options->pin;
	desk->pin_arg = options->pin_arg;
	if ((size_t)snprintf(path, sizeof(path), "%s/desk.db", options->dir) >= sizeof(path))
		status = DESK_IO;
	if (status == DESK_OK)
		status = desk_open_file(path, SQLITE_OPEN_READWRITE, desk);
	if (status == DESK_OK)
		status = read_settings(desk);
	if (status == DESK_OK)
		*out = desk;
	else
		desk_close(desk);
	return status;
}

void desk_close(struct desk *desk)
{
	if (desk == NULL)
		return;
	if (desk->own_master.close != NULL)
		desk->own_master.close(desk->own_master.arg);
	sqlite3_close(desk->db);
	free(desk->head_file);
	free(desk);
}
