/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by store*.c only: statements bound and stepped with one error mapping. */
#ifndef RA_STORE_PRIVATE_H
#define RA_STORE_PRIVATE_H

#include <sqlite3.h>

#include "ra/store.h"

struct ra_store {
	sqlite3 *db;
};

/* BUSY, SERIAL_TAKEN (a UNIQUE broken), MEMORY or STORE with SQLite's text as the detail. */
enum ra_status ra_store_failed(struct ra_store *store);
enum ra_status ra_store_prepare(struct ra_store *store, const char *sql, sqlite3_stmt **out);
/* Steps a statement that gives no rows, and finalises it. */
enum ra_status ra_store_run(struct ra_store *store, sqlite3_stmt *statement);
/* Ids: 0 is kept as NULL. */
void ra_store_bind_id(sqlite3_stmt *statement, int index, int64_t id);
void ra_store_bind_bytes(sqlite3_stmt *statement, int index, struct bytes value);
void ra_store_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* A copy; NULL stays NULL, and *status becomes MEMORY when there is none. */
char *ra_store_text(sqlite3_stmt *statement, int column, enum ra_status *status);

#endif
