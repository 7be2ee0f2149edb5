/* SPDX-License-Identifier: Apache-2.0 */
/* Issued certificates in the database. */
#include "config.h"

#include "ra/store_private.h"

#include <stdlib.h>
#include <string.h>

#define SELECT                                                                                                         \
	"SELECT id, serial, profile, subject, email, state, not_before, not_after, issued_at, replaces, spki_sha256,"  \
	" der FROM certificate "

static const char *const state_names[] = {"valid", "held", "revoked"};

const char *ra_cert_state_name(enum ra_cert_state state)
{
	return state_names[state];
}

void ra_cert_record_clear(struct ra_cert_record *record)
{
	free(record->serial);
	free(record->profile);
	free(record->subject);
	free(record->email);
	free(record->der);
	*record = (struct ra_cert_record){0};
}

/* Anything that is not one of ours counts as revoked: the safe side. */
static enum ra_cert_state state_of(const char *name)
{
	for (size_t i = 0; name != NULL && i < sizeof state_names / sizeof state_names[0]; i++)
		if (strcmp(name, state_names[i]) == 0)
			return (enum ra_cert_state)i;
	return RA_CERT_REVOKED;
}

static enum ra_status read_row(sqlite3_stmt *s, struct ra_cert_record *out)
{
	enum ra_status status = RA_OK;
	struct bytes spki = {sqlite3_column_blob(s, 10), (size_t)sqlite3_column_bytes(s, 10)};
	struct bytes der = {sqlite3_column_blob(s, 11), (size_t)sqlite3_column_bytes(s, 11)};

	*out = (struct ra_cert_record){
		.id = sqlite3_column_int64(s, 0),
		.serial = ra_store_text(s, 1, &status),
		.profile = ra_store_text(s, 2, &status),
		.subject = ra_store_text(s, 3, &status),
		.email = ra_store_text(s, 4, &status),
		.state = state_of((const char *)sqlite3_column_text(s, 5)),
		.not_before = sqlite3_column_int64(s, 6),
		.not_after = sqlite3_column_int64(s, 7),
		.issued_at = sqlite3_column_int64(s, 8),
		.replaces = sqlite3_column_int64(s, 9),
		.der = malloc(der.len + 1),
		.der_len = der.len,
	};
	if (out->der == NULL)
		status = RA_MEMORY;
	else
		bytes_copy(out->der, der);
	if (spki.len == RA_SPKI_DIGEST)
		bytes_copy(out->spki_sha256, spki);
	if (status != RA_OK)
		ra_cert_record_clear(out);
	return status;
}

enum ra_status ra_store_cert_add(struct ra_store *store, struct ra_cert_record *record)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store,
		"INSERT INTO certificate (serial, profile, subject, email, state, not_before, not_after, issued_at,"
		" replaces, spki_sha256, der) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
		&s);

	if (status != RA_OK)
		return status;
	ra_store_bind_text(s, 1, record->serial);
	ra_store_bind_text(s, 2, record->profile);
	ra_store_bind_text(s, 3, record->subject);
	ra_store_bind_text(s, 4, record->email);
	ra_store_bind_text(s, 5, state_names[record->state]);
	sqlite3_bind_int64(s, 6, record->not_before);
	sqlite3_bind_int64(s, 7, record->not_after);
	sqlite3_bind_int64(s, 8, record->issued_at);
	ra_store_bind_id(s, 9, record->replaces);
	ra_store_bind_bytes(s, 10, BYTES_OF(record->spki_sha256));
	ra_store_bind_bytes(s, 11, BYTES(record->der, record->der_len));
	status = ra_store_run(store, s);
	if (status == RA_OK)
		record->id = sqlite3_last_insert_rowid(store->db);
	return status;
}

/* The one row of a bound statement, which is finalised. */
static enum ra_status read_one(struct ra_store *store, sqlite3_stmt *s, struct ra_cert_record *out)
{
	int step = sqlite3_step(s);
	enum ra_status status = step == SQLITE_ROW    ? read_row(s, out)
				: step == SQLITE_DONE ? RA_NOT_FOUND
						      : ra_store_failed(store);

	sqlite3_finalize(s);
	return status;
}

enum ra_status ra_store_cert_by_serial(struct ra_store *store, const char *serial, struct ra_cert_record *out)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store, SELECT "WHERE serial = upper(?1)", &s);

	if (status != RA_OK)
		return status;
	ra_store_bind_text(s, 1, serial);
	return read_one(store, s, out);
}

enum ra_status ra_store_cert_by_id(struct ra_store *store, int64_t id, struct ra_cert_record *out)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store, SELECT "WHERE id = ?1", &s);

	if (status != RA_OK)
		return status;
	sqlite3_bind_int64(s, 1, id);
	return read_one(store, s, out);
}

enum ra_status ra_store_cert_renewal(
	struct ra_store *store, int64_t replaces, const uint8_t spki[RA_SPKI_DIGEST], struct ra_cert_record *out)
{
	sqlite3_stmt *s;
	enum ra_status status =
		ra_store_prepare(store, SELECT "WHERE replaces = ?1 AND spki_sha256 = ?2 ORDER BY id DESC LIMIT 1", &s);

	if (status != RA_OK)
		return status;
	sqlite3_bind_int64(s, 1, replaces);
	ra_store_bind_bytes(s, 2, BYTES(spki, RA_SPKI_DIGEST));
	return read_one(store, s, out);
}

enum ra_status ra_store_cert_each(struct ra_store *store, ra_cert_visitor visit, void *arg)
{
	sqlite3_stmt *s;
	enum ra_status status = ra_store_prepare(store, SELECT "ORDER BY id", &s);
	int step = SQLITE_DONE;

	while (status == RA_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		struct ra_cert_record record;
		status = read_row(s, &record);
		if (status != RA_OK)
			break;
		status = visit(arg, &record);
		ra_cert_record_clear(&record);
	}
	if (status == RA_OK && step != SQLITE_DONE)
		status = ra_store_failed(store);
	sqlite3_finalize(s);
	return status;
}
