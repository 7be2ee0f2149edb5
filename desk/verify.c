/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The auditor's look at the record: entry by entry the number, the shape and the chain of hashes; the heads that were
 * kept apart; and that the tables are as the record tells.
 */
#include "config.h"

#include "desk/private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"
#include "common/i18n.h"

/* ---- one entry ---- */

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
	if (!desk_next_hash(verdict->head.hash, entry, want))
		return DESK_CRYPTO;
	if (!bytes_equal(hash, BYTES_OF(want)))
		return wrong(verdict, seq, _("the entry or one before it was changed: its hash does not fit"));
	parsed = json_loads(entry, JSON_REJECT_DUPLICATES, NULL);
	again = parsed != NULL ? json_dumps(parsed, DESK_CANONICAL) : NULL;
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

static enum desk_status heads_gather(
	struct heads *heads, const struct desk_head *head, const char *path, struct desk_verdict *verdict)
{
	enum desk_status status = path != NULL ? heads_read(heads, path, verdict) : DESK_OK;

	if (status == DESK_OK && head != NULL)
		status = heads_add(heads, head);
	if (status == DESK_OK && heads->count > 0)
		qsort(heads->list, heads->count, sizeof(*heads->list), by_count);
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
		 " WHERE l.state IS NOT r.state LIMIT 1",				 N_("a request is in another state than this entry left it in")           },
		{"WITH last AS (SELECT json_extract(entry, '$.token') AS serial,"
		 " json_extract(entry, '$.token-state') AS state, max(seq) AS seq FROM record"
		 " WHERE json_extract(entry, '$.token-state') IS NOT NULL GROUP BY 1)"
		 " SELECT coalesce(l.seq, 1) FROM token t LEFT JOIN last l ON l.serial = t.serial"
		 " WHERE l.state IS NOT t.state LIMIT 1",				 N_("a token is in another state than this entry left it in")             },
		{"SELECT coalesce(max(seq), 1) FROM record WHERE json_extract(entry, '$.what') = 'answered'"
		 " HAVING count(*) <> (SELECT count(*) FROM answer)",                     N_("there are more or fewer answers than the record tells")              },
 /* people: name, roles and key as they were registered, and removed when the record says so */
		{"WITH last AS (SELECT json_extract(entry, '$.staff') AS name, json_extract(entry, '$.roles') AS roles,"
		 " json_extract(entry, '$.key') AS key, seq FROM record WHERE json_extract(entry, '$.what') = "
		 "'staff-added'),"
		 " gone AS (SELECT json_extract(entry, '$.staff') AS name FROM record"
		 " WHERE json_extract(entry, '$.what') = 'staff-removed')"
		 " SELECT coalesce(l.seq, 1) FROM staff s LEFT JOIN last l ON l.name = s.name WHERE l.key IS NOT "
		 "lower(hex(s.key))"
		 " OR (s.roles & 1 <> 0) <> (instr(l.roles, '\"operator\"') > 0)"
		 " OR (s.roles & 2 <> 0) <> (instr(l.roles, '\"approver\"') > 0)"
		 " OR (s.roles & 4 <> 0) <> (instr(l.roles, '\"auditor\"') > 0)"
		 " OR s.active <> (s.name NOT IN (SELECT name FROM gone)) LIMIT 1",       N_("somebody's roles, key or removal are not as this entry tells")       },
		{"SELECT coalesce(max(seq), 1) FROM record WHERE json_extract(entry, '$.what') = 'staff-added'"
		 " HAVING count(*) <> (SELECT count(*) FROM staff)",                      N_("there are more or fewer people than the record tells")               },
		{"SELECT min(r.seq) FROM record r WHERE json_extract(r.entry, '$.founding') = 1 AND EXISTS (SELECT 1 "
		 "FROM record o"
		 " WHERE o.seq < r.seq AND json_extract(o.entry, '$.founding') = 0)",     N_("somebody was registered by the founders after the founding was over")},
		{"WITH made AS (SELECT json_extract(entry, '$.version') AS version, json_extract(entry, '$.key') AS "
		 "uri, seq"
		 " FROM record WHERE json_extract(entry, '$.what') IN ('desk-made', 'key-added')),"
		 " gone AS (SELECT json_extract(entry, '$.version') AS version FROM record"
		 " WHERE json_extract(entry, '$.what') = 'key-retired')"
		 " SELECT coalesce(d.seq, 1) FROM master m LEFT JOIN made d ON d.version = m.version WHERE d.uri IS "
		 "NOT m.uri"
		 " OR m.active <> (m.version NOT IN (SELECT version FROM gone)) LIMIT 1", N_("a version of the master key is not as this entry tells")             },
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
	status = heads_gather(&heads, head, desk->head_file, verdict);
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
	if (strspn(at, "0123456789abcdef") != HEX_SIZE(DESK_HASH_SIZE) - 1) /* as the export writes it, to the letter */
		return false;
	return hex_decode(at, &b) && b.len == DESK_HASH_SIZE;
}

/* A line of an export, its end taken off, after those before. */
enum desk_status desk_verify_line(struct desk_verdict *verdict, char *line)
{
	uint8_t hash[DESK_HASH_SIZE];
	const char *entry;
	int64_t seq = 0;

	if (!split_line(line, &seq, hash, &entry))
		return wrong(verdict, verdict->head.count + 1, _("the line is no entry of a record"));
	return check_entry(verdict, seq, entry, BYTES_OF(hash));
}

enum desk_status desk_export_verify(
	FILE *from, const struct desk_head *head, const char *head_file, struct desk_verdict *verdict)
{
	struct heads heads = {0};
	char *line = NULL;
	size_t cap = 0;
	ssize_t n;
	enum desk_status status;

	*verdict = (struct desk_verdict){0};
	status = heads_gather(&heads, head, head_file, verdict);
	while (status == DESK_OK && (n = getline(&line, &cap, from)) > 0) {
		bool whole = line[n - 1] == '\n' && strlen(line) == (size_t)n;
		line[whole ? n - 1 : 0] = '\0';
		status = desk_verify_line(verdict, line);
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
