/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record: entry n is canonical JSON (keys sorted, no blanks, ASCII only), its hash is SHA-256 over the hash of
 * entry n-1 (zeros for n = 1) and the entry. An exported line is "n hash entry".
 */
#include "config.h"

#include "desk/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/crypto.h"
#include "common/hex.h"

/* ---- heads ---- */

void desk_head_text(const struct desk_head *head, char out[DESK_HEAD_TEXT])
{
	char hash[HEX_SIZE(DESK_HASH_SIZE)];

	hex_encode(BYTES_OF(head->hash), hash, sizeof(hash));
	snprintf(out, DESK_HEAD_TEXT, "%lld:%s", (long long)head->count, hash);
}

bool desk_head_parse(const char *text, struct desk_head *out)
{
	struct builder hash = builder_of(out->hash, sizeof(out->hash));
	char *end = NULL;
	long long count;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	count = strtoll(text, &end, 10);
	if (errno != 0 || *end != ':' || strlen(end + 1) != HEX_SIZE(DESK_HASH_SIZE) - 1 || !hex_decode(end + 1, &hash))
		return false;
	out->count = count;
	return hash.len == DESK_HASH_SIZE;
}

void desk_head(const struct desk *desk, struct desk_head *out)
{
	*out = desk->head;
}

/* ---- writing ---- */

bool desk_next_hash(const uint8_t before[DESK_HASH_SIZE], const char *entry, uint8_t out[DESK_HASH_SIZE])
{
	struct crypto_digest_ctx *d = crypto_digest_new(CRYPTO_SHA256);
	bool ok = d != NULL && crypto_digest_update(d, BYTES(before, DESK_HASH_SIZE)) &&
		  crypto_digest_update(d, BYTES((const uint8_t *)entry, strlen(entry))) && crypto_digest_final(d, out);

	crypto_digest_free(d);
	return ok;
}

enum desk_status desk_record_head(struct desk *desk, struct desk_head *out, int64_t *at)
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(
		desk, &s, "SELECT seq, hash, json_extract(entry, '$.at') FROM record ORDER BY seq DESC LIMIT 1", "");
	int step;

	*out = (struct desk_head){0};
	if (status != DESK_OK)
		return status;
	step = sqlite3_step(s);
	if (step == SQLITE_ROW && sqlite3_column_bytes(s, 1) == DESK_HASH_SIZE) {
		out->count = sqlite3_column_int64(s, 0);
		bytes_copy(out->hash, BYTES(sqlite3_column_blob(s, 1), DESK_HASH_SIZE));
		if (at != NULL)
			*at = sqlite3_column_int64(s, 2);
	} else if (step != SQLITE_DONE) {
		status = desk_sql_failed(desk);
	}
	sqlite3_finalize(s);
	return status;
}

enum desk_status desk_record(struct desk *desk, const char *what, const struct desk_person *by, json_t *fields)
{
	struct desk_head next = {.count = desk->head.count + 1};
	char *entry = NULL;
	enum desk_status status = DESK_MEMORY;

	if (json_object_set_new(fields, "seq", json_integer(next.count)) == 0 &&
		json_object_set_new(fields, "at", json_integer(desk->at)) == 0 &&
		json_object_set_new(fields, "what", json_string(what)) == 0 &&
		json_object_set_new(fields, "by", by != NULL ? json_string(by->name) : json_null()) == 0)
		entry = json_dumps(fields, DESK_CANONICAL);
	if (entry != NULL)
		status = desk_next_hash(desk->head.hash, entry, next.hash) ? DESK_OK : DESK_CRYPTO;
	if (status == DESK_OK)
		status = desk_run(
			desk, "INSERT INTO record VALUES (?1, ?2, ?3)", "itb", next.count, entry, BYTES_OF(next.hash));
	if (status == DESK_STORE || status == DESK_EXISTS)
		status = DESK_RECORD;
	if (status == DESK_OK)
		desk->head = next;
	free(entry);
	json_decref(fields);
	return status;
}

/* ---- reading ---- */

enum desk_status desk_record_list(struct desk *desk, int64_t from, json_t **out)
{
	json_t *rows = NULL, *row;
	size_t i;
	enum desk_status status =
		desk_rows(desk, &rows, "SELECT entry FROM record WHERE seq >= ?1 ORDER BY seq", "i", from);

	if (status != DESK_OK)
		return status;
	json_array_foreach(rows, i, row)
	{
		json_t *entry = json_loads(json_string_value(json_object_get(row, "entry")), 0, NULL);
		if (entry == NULL || json_array_set_new(rows, i, entry) != 0)
			status = DESK_RECORD_WRONG;
	}
	if (status == DESK_OK)
		*out = rows;
	else
		json_decref(rows);
	return status;
}

enum desk_status desk_record_export(struct desk *desk, FILE *to)
{
	sqlite3_stmt *s;
	enum desk_status status =
		desk_query(desk, &s, "SELECT seq, lower(hex(hash)), entry FROM record ORDER BY seq", "");
	int step = SQLITE_DONE;

	while (status == DESK_OK && (step = sqlite3_step(s)) == SQLITE_ROW)
		if (fprintf(to, "%lld %s %s\n", (long long)sqlite3_column_int64(s, 0), sqlite3_column_text(s, 1),
			    sqlite3_column_text(s, 2)) < 0)
			status = desk_fail(DESK_IO, "%s", strerror(errno));
	if (status == DESK_OK && step != SQLITE_DONE)
		status = desk_sql_failed(desk);
	if (status == DESK_OK && fflush(to) != 0)
		status = desk_fail(DESK_IO, "%s", strerror(errno));
	sqlite3_finalize(s);
	return status;
}
