/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/store_private.h"

#include <stdlib.h>
#include <string.h>

#include "common/i18n.h"
#include "ra/store_schema.h"

/* An operator's command and the server wait for each other this long. */
#define BUSY_MS 5000

enum ra_status ra_store_failed(struct ra_store *store)
{
	int code = sqlite3_extended_errcode(store->db);

	if (code == SQLITE_CONSTRAINT_UNIQUE)
		return RA_SERIAL_TAKEN;
	if ((code & 0xFF) == SQLITE_BUSY || (code & 0xFF) == SQLITE_LOCKED)
		return RA_BUSY;
	if ((code & 0xFF) == SQLITE_NOMEM)
		return RA_MEMORY;
	return ra_fail(RA_STORE, "sqlite: %s", sqlite3_errmsg(store->db));
}

enum ra_status ra_store_prepare(struct ra_store *store, const char *sql, sqlite3_stmt **out)
{
	*out = NULL;
	return sqlite3_prepare_v2(store->db, sql, -1, out, NULL) == SQLITE_OK ? RA_OK : ra_store_failed(store);
}

enum ra_status ra_store_run(struct ra_store *store, sqlite3_stmt *statement)
{
	enum ra_status status = sqlite3_step(statement) == SQLITE_DONE ? RA_OK : ra_store_failed(store);

	sqlite3_finalize(statement);
	return status;
}

void ra_store_bind_id(sqlite3_stmt *statement, int index, int64_t id)
{
	if (id != 0)
		sqlite3_bind_int64(statement, index, id);
}

void ra_store_bind_bytes(sqlite3_stmt *statement, int index, struct bytes value)
{
	sqlite3_bind_blob64(statement, index, value.data, value.len, SQLITE_STATIC);
}

void ra_store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	if (text != NULL)
		sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

char *ra_store_text(sqlite3_stmt *statement, int column, enum ra_status *status)
{
	const unsigned char *text = sqlite3_column_text(statement, column);
	char *copy = text == NULL ? NULL : strdup((const char *)text);

	if (copy == NULL && sqlite3_column_type(statement, column) != SQLITE_NULL)
		*status = RA_MEMORY;
	return copy;
}

static enum ra_status execute(struct ra_store *store, const char *sql)
{
	return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? RA_OK : ra_store_failed(store);
}

static enum ra_status open_database(const char *path, int flags, struct ra_store **out)
{
	struct ra_store *store = calloc(1, sizeof *store);
	enum ra_status status = RA_MEMORY;

	if (store == NULL)
		return status;
	if (sqlite3_open_v2(path, &store->db, flags | SQLITE_OPEN_FULLMUTEX, NULL) == SQLITE_OK) {
		sqlite3_extended_result_codes(store->db, 1);
		sqlite3_busy_timeout(store->db, BUSY_MS);
		status =
			execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
				       "PRAGMA trusted_schema = OFF;");
	} else if (store->db != NULL) {
		status = ra_store_failed(store);
	}
	if (status == RA_OK)
		*out = store;
	else
		ra_store_close(store);
	return status;
}

enum ra_status ra_store_create(const char *path)
{
	struct ra_store *store = NULL;
	enum ra_status status = open_database(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &store);

	if (status == RA_OK)
		status = execute(store, ra_schema);
	ra_store_close(store);
	return status;
}

static enum ra_status check_version(struct ra_store *store)
{
	sqlite3_stmt *statement;
	enum ra_status status = ra_store_prepare(store, "PRAGMA user_version", &statement);

	if (status == RA_OK && sqlite3_step(statement) != SQLITE_ROW)
		status = ra_store_failed(store);
	if (status == RA_OK && sqlite3_column_int(statement, 0) != RA_SCHEMA_VERSION)
		status = ra_fail(RA_DAMAGED, _("the database is of version %d, this program knows version %d"),
			sqlite3_column_int(statement, 0), RA_SCHEMA_VERSION);
	sqlite3_finalize(statement);
	return status;
}

enum ra_status ra_store_open(const char *path, struct ra_store **out)
{
	enum ra_status status = open_database(path, SQLITE_OPEN_READWRITE, out);

	if (status != RA_OK)
		return status;
	status = check_version(*out);
	if (status != RA_OK) {
		ra_store_close(*out);
		*out = NULL;
	}
	return status;
}

void ra_store_close(struct ra_store *store)
{
	if (store == NULL)
		return;
	sqlite3_close(store->db);
	free(store);
}

enum ra_status ra_store_begin(struct ra_store *store)
{
	return execute(store, "BEGIN IMMEDIATE");
}

enum ra_status ra_store_end(struct ra_store *store, enum ra_status status)
{
	if (status == RA_OK)
		status = execute(store, "COMMIT");
	if (status != RA_OK && !sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return status;
}

enum ra_status ra_store_event(
	struct ra_store *store, int64_t now, const char *what, int64_t code_id, int64_t certificate_id)
{
	sqlite3_stmt *s;
	enum ra_status status =
		ra_store_prepare(store, "INSERT INTO event (at, what, code, certificate) VALUES (?1, ?2, ?3, ?4)", &s);

	if (status != RA_OK)
		return status;
	sqlite3_bind_int64(s, 1, now);
	ra_store_bind_text(s, 2, what);
	ra_store_bind_id(s, 3, code_id);
	ra_store_bind_id(s, 4, certificate_id);
	return ra_store_run(store, s);
}
