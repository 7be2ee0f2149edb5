/* SPDX-License-Identifier: Apache-2.0 */
/* Enrolment codes in the database: only their hashes. */
#include "config.h"

#include "ra/store_private.h"

#include <stdlib.h>
#include <string.h>

/* A look-up goes by the first bytes; the whole hash is compared in constant time. */
#define SELECTOR_SIZE 4

#define COLUMNS "id, hash, subject, email, profile, state, created_at, expires_at, used_at, certificate"

static const char *const state_names[] = {"open", "used", "cancelled"};

const char *ra_code_state_name(enum ra_code_state state)
{
	return state_names[state];
}

void ra_code_record_clear(struct ra_code_record *record)
{
	free(record->subject);
	free(record->email);
	free(record->profile);
	*record = (struct ra_code_record){0};
}

static enum ra_status read_row(sqlite3_stmt *s, struct ra_code_record *out)
{
	enum ra_status status = RA_OK;
	char *state = ra_store_text(s, 5, &status);

	*out = (struct ra_code_record){
		.id = sqlite3_column_int64(s, 0),
		.subject = ra_store_text(s, 2, &status),
		.email = ra_store_text(s, 3, &status),
		.profile = ra_store_text(s, 4, &status),
		.state = RA_CODE_VOID,
		.created_at = sqlite3_column_int64(s, 6),
		.expires_at = sqlite3_column_int64(s, 7),
		.used_at = sqlite3_column_int64(s, 8),
		.certificate_id = sqlite3_column_int64(s, 9),
	};
	for (size_t i = 0; state != NULL && i < sizeof state_names / sizeof state_names[0]; i++)
		if (strcmp(state, state_names[i]) == 0)
			out->state = (enum ra_code_state)i;
	free(state);
	if (status != RA_OK)
		ra_code_record_clear(out);
	return status;
}

enum ra_status ra_store_code_add(
	struct ra_store *store, struct ra_code_record *record, const uint8_t hash[RA_CODE_HASH_SIZE])
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store,
		"INSERT INTO code (hash, subject, email, profile, state, created_at, expires_at)"
		" VALUES (?1, ?2, ?3, ?4, 'open', ?5, ?6)",
		&s);

	if (status != RA_OK)
		return status;
	ra_store_bind_bytes(s, 1, BYTES(hash, RA_CODE_HASH_SIZE));
	ra_store_bind_text(s, 2, record->subject);
	ra_store_bind_text(s, 3, record->email);
	ra_store_bind_text(s, 4, record->profile);
	sqlite3_bind_int64(s, 5, record->created_at);
	sqlite3_bind_int64(s, 6, record->expires_at);
	status = ra_store_run(store, s);
	if (status == RA_OK)
		record->id = sqlite3_last_insert_rowid(store->db);
	return status;
}

enum ra_status ra_store_code_find(
	struct ra_store *store, const uint8_t hash[RA_CODE_HASH_SIZE], struct ra_code_record *out)
{
	sqlite3_stmt *s;
	uint8_t last[RA_CODE_HASH_SIZE];
	enum ra_status status =
		ra_store_prepare(store, "SELECT " COLUMNS " FROM code WHERE hash BETWEEN ?1 AND ?2", &s);
	bool found = false;
	int step = SQLITE_DONE;

	if (status != RA_OK)
		return status;
	/* The rows that begin with the selector, and by the index no others: anybody may ask. */
	bytes_fill(last, 0xFF, sizeof last);
	bytes_copy(last, BYTES(hash, SELECTOR_SIZE));
	ra_store_bind_bytes(s, 1, BYTES(hash, SELECTOR_SIZE));
	ra_store_bind_bytes(s, 2, BYTES_OF(last));
	while (status == RA_OK && !found && (step = sqlite3_step(s)) == SQLITE_ROW) {
		struct bytes kept = {sqlite3_column_blob(s, 1), (size_t)sqlite3_column_bytes(s, 1)};
		found = bytes_equal_secret(kept, BYTES(hash, RA_CODE_HASH_SIZE));
		if (found)
			status = read_row(s, out);
	}
	if (!found && step != SQLITE_DONE)
		status = ra_store_failed(store);
	else if (!found)
		status = RA_CODE_UNKNOWN;
	sqlite3_finalize(s);
	return status;
}

enum ra_status ra_store_code_spend(struct ra_store *store, int64_t id, int64_t certificate_id, int64_t now)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store,
		"UPDATE code SET state = 'used', used_at = ?1, certificate = ?2 WHERE id = ?3 AND state = 'open'", &s);

	if (status != RA_OK)
		return status;
	sqlite3_bind_int64(s, 1, now);
	sqlite3_bind_int64(s, 2, certificate_id);
	sqlite3_bind_int64(s, 3, id);
	status = ra_store_run(store, s);
	return status == RA_OK && sqlite3_changes(store->db) != 1 ? RA_CODE_USED : status;
}

enum ra_status ra_store_code_cancel(struct ra_store *store, int64_t id, int64_t now)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_begin(store);

	if (status != RA_OK)
		return status;
	status = ra_store_prepare(store, "UPDATE code SET state = 'cancelled' WHERE id = ?1 AND state = 'open'", &s);
	if (status == RA_OK) {
		sqlite3_bind_int64(s, 1, id);
		status = ra_store_run(store, s);
	}
	if (status == RA_OK && sqlite3_changes(store->db) != 1)
		status = RA_NOT_FOUND;
	if (status == RA_OK)
		status = ra_store_event(store, now, "code-cancelled", id, 0);
	return ra_store_end(store, status);
}

enum ra_status ra_store_code_each(struct ra_store *store, ra_code_visitor visit, void *arg)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store, "SELECT " COLUMNS " FROM code ORDER BY id", &s);
	int step = SQLITE_DONE;

	while (status == RA_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		struct ra_code_record record;
		status = read_row(s, &record);
		if (status != RA_OK)
			break;
		status = visit(arg, &record);
		ra_code_record_clear(&record);
	}
	if (status == RA_OK && step != SQLITE_DONE)
		status = ra_store_failed(store);
	sqlite3_finalize(s);
	return status;
}
