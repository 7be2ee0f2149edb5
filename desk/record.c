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
#include "common/i18n.h"

#define CANONICAL (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII)

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

static bool next_hash(const uint8_t before[DESK_HASH_SIZE], const char *entry, uint8_t out[DESK_HASH_SIZE])
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
		entry = json_dumps(fields, CANONICAL);
	if (entry != NULL)
		status = next_hash(desk->head.hash, entry, next.hash) ? DESK_OK : DESK_CRYPTO;
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

/* ---- verifying ---- */

static enum desk_status wrong(struct desk_verdict *verdict, int64_t seq, const char *why)
{
	verdict->wrong = seq;
	snprintf(verdict->why, sizeof(verdict->why), "%s", why);
	return DESK_RECORD_WRONG;
}

/* The next entry, told by whoever holds it, follows on those before. */
static enum desk_status check_entry(struct desk_verdict *verdict, int64_t seq, const char *entry, struct bytes hash)
{
	int64_t expected = verdict->head.count + 1;
	uint8_t want[DESK_HASH_SIZE];
	json_t *parsed;
	char *again;
	bool canonical;

	if (seq != expected && seq > expected)
		return wrong(verdict, expected, _("the entry is missing"));
	if (seq != expected)
		return wrong(verdict, expected, _("the entry stands in the wrong place"));
	if (!next_hash(verdict->head.hash, entry, want))
		return DESK_CRYPTO;
	if (!bytes_equal(hash, BYTES_OF(want)))
		return wrong(verdict, seq, _("the entry or one before it was changed: its hash does not fit"));
	parsed = json_loads(entry, JSON_REJECT_DUPLICATES, NULL);
	again = parsed != NULL ? json_dumps(parsed, CANONICAL) : NULL;
	canonical = again != NULL && strcmp(again, entry) == 0 &&
		    json_integer_value(json_object_get(parsed, "seq")) == (json_int_t)seq;
	free(again);
	json_decref(parsed);
	if (!canonical)
		return wrong(verdict, seq, _("the entry is not written as this program writes it"));
	verdict->head.count = seq;
	bytes_copy(verdict->head.hash, BYTES_OF(want));
	return DESK_OK;
}

/* Heads that were kept apart, in any order; each is compared when the chain is as long. */
struct heads {
	struct desk_head *list;
	size_t count, next;
};

static int by_count(const void *a, const void *b)
{
	const struct desk_head *x = a, *y = b;

	return x->count < y->count ? -1 : x->count > y->count;
}

static enum desk_status heads_add(struct heads *heads, const struct desk_head *head)
{
	struct desk_head *list = realloc(heads->list, (heads->count + 1) * sizeof(*list));

	if (list == NULL)
		return DESK_MEMORY;
	heads->list = list;
	list[heads->count++] = *head;
	return DESK_OK;
}

/* A last line that a crash cut short says nothing; any other line that is no head does. */
static enum desk_status heads_read(struct heads *heads, const char *path, struct desk_verdict *verdict)
{
	FILE *file = fopen(path, "re");
	char line[DESK_HEAD_TEXT + 2];
	enum desk_status status = DESK_OK;

	if (file == NULL)
		return wrong(verdict, 1, _("the file of heads is missing"));
	while (status == DESK_OK && fgets(line, sizeof(line), file) != NULL) {
		struct desk_head head;
		char *end = strchr(line, '\n');
		if (end == NULL && feof(file))
			break;
		if (end != NULL)
			*end = '\0';
		if (end == NULL || !desk_head_parse(line, &head))
			status = wrong(verdict, 1, _("the file of heads is damaged"));
		else
			status = heads_add(heads, &head);
	}
	fclose(file);
	return status;
}

static enum desk_status heads_compare(struct heads *heads, struct desk_verdict *verdict)
{
	for (; heads->next < heads->count && heads->list[heads->next].count <= verdict->head.count; heads->next++) {
		const struct desk_head *head = &heads->list[heads->next];
		if (head->count == verdict->head.count &&
			!bytes_equal(BYTES_OF(head->hash), BYTES_OF(verdict->head.hash)))
			return wrong(verdict, head->count,
				_("the record was rewritten: a head that was kept apart differs"));
	}
	return DESK_OK;
}

static enum desk_status heads_end(struct heads *heads, struct desk_verdict *verdict)
{
	if (heads->next < heads->count)
		return wrong(verdict, verdict->head.count + 1,
			_("the entries from here on are missing: a head that was kept apart knows more"));
	return DESK_OK;
}

/* The states of the tables are those that the record tells: nobody wrote past the rules. */
static enum desk_status check_states(struct desk *desk, struct desk_verdict *verdict)
{
	static const struct {
		const char *sql, *why;
	} checks[] = {
  /* a bare column beside max() is that row's */
		{"WITH last AS (SELECT json_extract(entry, '$.request') AS id, json_extract(entry, '$.state') AS state,"
		 " max(seq) AS seq FROM record WHERE json_extract(entry, '$.state') IS NOT NULL GROUP BY 1)"
		 " SELECT coalesce(l.seq, 1) FROM request r LEFT JOIN last l ON l.id = r.id"
		 " WHERE l.state IS NOT r.state LIMIT 1",             N_("a request is in another state than this entry left it in")},
		{"WITH last AS (SELECT json_extract(entry, '$.token') AS serial,"
		 " json_extract(entry, '$.token-state') AS state, max(seq) AS seq FROM record"
		 " WHERE json_extract(entry, '$.token-state') IS NOT NULL GROUP BY 1)"
		 " SELECT coalesce(l.seq, 1) FROM token t LEFT JOIN last l ON l.serial = t.serial"
		 " WHERE l.state IS NOT t.state LIMIT 1",             N_("a token is in another state than this entry left it in")  },
		{"SELECT coalesce(max(seq), 1) FROM record WHERE json_extract(entry, '$.what') = 'answered'"
		 " HAVING count(*) <> (SELECT count(*) FROM answer)", N_("there are more or fewer answers than the record tells")   },
	};

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
		int64_t seq = 0;
		enum desk_status status = desk_number(desk, &seq, checks[i].sql, "");
		if (status == DESK_OK)
			return wrong(verdict, seq, _(checks[i].why));
		if (status != DESK_NOT_FOUND)
			return status;
	}
	return DESK_OK;
}

static enum desk_status check_table(struct desk *desk, struct heads *heads, struct desk_verdict *verdict)
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(desk, &s, "SELECT seq, entry, hash FROM record ORDER BY seq", "");
	int step = SQLITE_DONE;

	while (status == DESK_OK && (step = sqlite3_step(s)) == SQLITE_ROW) {
		struct bytes hash = BYTES(sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2));
		status =
			check_entry(verdict, sqlite3_column_int64(s, 0), (const char *)sqlite3_column_text(s, 1), hash);
		if (status == DESK_OK)
			status = heads_compare(heads, verdict);
	}
	if (status == DESK_OK && step != SQLITE_DONE)
		status = desk_sql_failed(desk);
	sqlite3_finalize(s);
	return status;
}

enum desk_status desk_record_verify(struct desk *desk, const struct desk_head *head, struct desk_verdict *verdict)
{
	struct heads heads = {0};
	enum desk_status status;

	*verdict = (struct desk_verdict){0};
	/* heads first: what is written while we read may be in the chain already, but never the other way round */
	status = heads_read(&heads, desk->head_file, verdict);
	if (status == DESK_OK && head != NULL)
		status = heads_add(&heads, head);
	if (status == DESK_OK && heads.count > 0)
		qsort(heads.list, heads.count, sizeof(*heads.list), by_count);
	if (status == DESK_OK)
		status = desk_run(desk, "BEGIN", "");
	if (status == DESK_OK)
		status = check_table(desk, &heads, verdict);
	if (status == DESK_OK)
		status = heads_end(&heads, verdict);
	if (status == DESK_OK)
		status = check_states(desk, verdict);
	if (!sqlite3_get_autocommit(desk->db))
		sqlite3_exec(desk->db, "ROLLBACK", NULL, NULL, NULL);
	free(heads.list);
	return status;
}

/* "n hash entry": false when it has not that shape. */
static bool split_line(char *line, int64_t *seq, uint8_t hash[DESK_HASH_SIZE], const char **entry)
{
	struct builder b = builder_of(hash, DESK_HASH_SIZE);
	char *at = NULL, *space;

	if (*line < '1' || *line > '9')
		return false;
	errno = 0;
	*seq = strtoll(line, &at, 10);
	if (errno != 0 || *at != ' ')
		return false;
	space = strchr(++at, ' ');
	if (space == NULL)
		return false;
	*space = '\0';
	*entry = space + 1;
	return hex_decode(at, &b) && b.len == DESK_HASH_SIZE;
}

enum desk_status desk_export_verify(FILE *from, const struct desk_head *head, struct desk_verdict *verdict)
{
	struct heads heads = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	enum desk_status status = head != NULL ? heads_add(&heads, head) : DESK_OK;

	*verdict = (struct desk_verdict){0};
	while (status == DESK_OK && (n = getline(&line, &cap, from)) > 0) {
		uint8_t hash[DESK_HASH_SIZE];
		const char *entry;
		int64_t seq = 0;
		bool whole = line[n - 1] == '\n' && strlen(line) == (size_t)n;
		if (whole)
			line[n - 1] = '\0';
		if (!whole || !split_line(line, &seq, hash, &entry))
			status = wrong(verdict, verdict->head.count + 1, _("the line is no entry of a record"));
		else
			status = check_entry(verdict, seq, entry, BYTES_OF(hash));
		if (status == DESK_OK)
			status = heads_compare(&heads, verdict);
	}
	if (status == DESK_OK && ferror(from))
		status = desk_fail(DESK_IO, "%s", strerror(errno));
	if (status == DESK_OK)
		status = heads_end(&heads, verdict);
	free(line);
	free(heads.list);
	return status;
}
