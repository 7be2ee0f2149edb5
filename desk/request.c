/* SPDX-License-Identifier: Apache-2.0 */
/* A request from its first call to the decision (RO-01 to RO-03, MA-09). */
#include "config.h"

#include "desk/private.h"

#include <stdlib.h>
#include <string.h>

#include "common/i18n.h"

/* How long a request waits for its identification and decision, and a decision for the holder's call. */
#define REQUEST_LIFE  (24 * 3600)
#define APPROVED_LIFE (4 * 3600)

#define EVIDENCE_MAX 500

/* ---- reading and stepping ---- */

static void take_text(sqlite3_stmt *s, int column, char *out, size_t cap)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	snprintf(out, cap, "%s", text != NULL ? (const char *)text : "");
}

enum desk_status desk_request_read(struct desk *desk, int64_t id, struct request *out)
{
	sqlite3_stmt *s;
	enum desk_status status = desk_query(desk, &s,
		"SELECT state, token, requested_by, identified_by, approved_by, answered_by, expires, challenge,"
		" version, counter"
		" FROM request WHERE id = ?1",
		"i", id);
	int step = status == DESK_OK ? sqlite3_step(s) : SQLITE_DONE;

	*out = (struct request){0};
	if (step == SQLITE_ROW) {
		take_text(s, 0, out->state, sizeof(out->state));
		take_text(s, 1, out->token, sizeof(out->token));
		out->requested_by = sqlite3_column_int64(s, 2);
		out->identified_by = sqlite3_column_int64(s, 3);
		out->approved_by = sqlite3_column_int64(s, 4);
		out->answered_by = sqlite3_column_int64(s, 5);
		out->expires = sqlite3_column_int64(s, 6);
		if (sqlite3_column_bytes(s, 7) == DESK_HASH_SIZE)
			bytes_copy(out->challenge, BYTES(sqlite3_column_blob(s, 7), DESK_HASH_SIZE));
		out->version = (uint8_t)sqlite3_column_int64(s, 8);
		out->counter = (uint16_t)sqlite3_column_int64(s, 9);
	} else if (status == DESK_OK) {
		status = step == SQLITE_DONE ? desk_fail(DESK_NOT_FOUND, _("there is no request %lld"), (long long)id)
					     : desk_sql_failed(desk);
	}
	sqlite3_finalize(s);
	return status;
}

/* What was tried is not what comes next; so say what does. */
static enum desk_status out_of_turn(int64_t id, const char *state)
{
	static const struct {
		const char *state, *next;
	} turns[] = {
		{"requested",  N_("request %lld waits for its evidence: ukey-helpdesk checklist, then identify")},
		{"identified",
                 N_("request %lld waits for the decision of somebody else: ukey-helpdesk approve, or reject")   },
		{"approved",   N_("request %lld waits for the holder's challenge: ukey-helpdesk respond")       },
		{"answered",   N_("request %lld waits for the holder's proof: ukey-helpdesk confirm")           },
		{"confirmed",  N_("request %lld is done; for another unlock make a new request")                },
		{"rejected",   N_("request %lld was rejected; for another try make a new request")              },
	};

	for (size_t i = 0; i < sizeof(turns) / sizeof(turns[0]); i++)
		if (strcmp(turns[i].state, state) == 0) {
/* the format is one of those above */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			return desk_fail(DESK_TRANSITION, _(turns[i].next), (long long)id);
#pragma GCC diagnostic pop
		}
	return desk_fail(DESK_TRANSITION, _("request %lld is %s"), (long long)id, state);
}

enum desk_status desk_request_step(struct desk *desk, int64_t id, const struct request *r, const char *verb,
	const struct desk_person *by, int64_t expires, json_t *fields)
{
	const char *next = desk_request_next(r->state, verb);
	enum desk_status status;

	if (next == NULL) {
		json_decref(fields);
		if (strcmp(r->state, "expired") == 0 || strcmp(r->state, "unconfirmed") == 0)
			return DESK_EXPIRED;
		return out_of_turn(id, r->state);
	}
	status = desk_run(desk, "UPDATE request SET state = ?2, expires = ?3 WHERE id = ?1", "iti", id, next, expires);
	if (status != DESK_OK) {
		json_decref(fields);
		return status;
	}
	json_object_set_new(fields, "request", json_integer(id));
	json_object_set_new(fields, "token", json_string(r->token));
	json_object_set_new(fields, "state", json_string(next));
	return desk_record(desk, next, by, fields);
}

/* One expired request; NOT_FOUND when there is none. */
static enum desk_status sweep_one(struct desk *desk)
{
	struct request r;
	int64_t id = 0;
	enum desk_status status = desk_number(desk, &id,
		"SELECT id FROM request WHERE expires <> 0 AND expires <= ?1 ORDER BY id LIMIT 1", "i", desk->at);

	if (status == DESK_OK)
		status = desk_request_read(desk, id, &r);
	return status == DESK_OK ? desk_request_step(desk, id, &r, "expire", NULL, 0, json_object()) : status;
}

enum desk_status desk_sweep(struct desk *desk)
{
	enum desk_status status;

	do
		status = sweep_one(desk);
	while (status == DESK_OK);
	return status == DESK_NOT_FOUND ? DESK_OK : status;
}

/* ---- the request ---- */

static enum desk_status check_token(struct desk *desk, const char *serial)
{
	int64_t open = 0;
	bool unlock = false;
	enum desk_status status = desk_token_active(desk, serial, &unlock);

	if (status != DESK_OK)
		return status;
	if (!unlock)
		return DESK_NO_UNLOCK;
	status = desk_number(desk, &open,
		"SELECT id FROM request WHERE token = ?1 AND state IN ('requested', 'identified', 'approved', "
		"'answered')",
		"t", serial);
	if (status == DESK_OK)
		return desk_fail(DESK_OPEN_REQUEST, _("request %lld"), (long long)open);
	return status == DESK_NOT_FOUND ? DESK_OK : status;
}

enum desk_status desk_request(
	struct desk *desk, const struct desk_person *by, const char *serial_text, const char *reason, int64_t *id)
{
	int64_t number = 0;
	char serial[17];
	uint8_t bytes[8];
	enum desk_status status;

	if (!desk_serial(serial_text, serial, bytes))
		return DESK_SERIAL;
	if (reason == NULL || *reason == '\0')
		return desk_fail(DESK_USAGE, _("give the reason"));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = desk_not_own(desk, by, serial);
	if (status == DESK_OK)
		status = check_token(desk, serial);
	if (status == DESK_OK)
		status = desk_run(desk,
			"INSERT INTO request (token, reason, state, created, expires, requested_by)"
			" VALUES (?1, ?2, 'requested', ?3, ?4, ?5)",
			"ttiii", serial, reason, desk->at, desk->at + REQUEST_LIFE, by->id);
	if (status == DESK_OK) {
		number = sqlite3_last_insert_rowid(desk->db);
		status = desk_record(desk, "requested", by,
			json_pack("{s:I, s:s, s:s, s:s}", "request", (json_int_t)number, "token", serial, "state",
				"requested", "reason", reason));
	}
	status = desk_end(desk, status, "request", by);
	if (status == DESK_OK)
		*id = number;
	return status;
}

/* ---- who is calling ---- */

enum desk_status desk_checklist(struct desk *desk, int64_t id, json_t **items)
{
	json_t *rows = NULL, *list = NULL;
	enum desk_status status = desk_rows(desk, &rows,
		"SELECT p.items FROM request r JOIN token t ON t.serial = r.token JOIN profile p ON p.name = t.profile"
		" WHERE r.id = ?1",
		"i", id);

	if (status == DESK_OK && json_array_size(rows) == 0)
		status = desk_fail(DESK_NOT_FOUND, _("there is no request %lld"), (long long)id);
	if (status == DESK_OK) {
		list = json_loads(json_string_value(json_object_get(json_array_get(rows, 0), "items")), 0, NULL);
		status = json_is_array(list) ? DESK_OK : DESK_DAMAGED;
	}
	json_decref(rows);
	if (status == DESK_OK)
		*items = list;
	else
		json_decref(list);
	return status;
}

static enum desk_status check_evidence(struct desk *desk, int64_t id, const json_t *evidence)
{
	json_t *items = NULL, *item;
	size_t i;
	enum desk_status status = desk_checklist(desk, id, &items);

	json_array_foreach(items, i, item)
	{
		const char *name = json_string_value(item);
		size_t n = json_string_length(json_object_get(evidence, name));
		if (status == DESK_OK && (n == 0 || n > EVIDENCE_MAX))
			status = desk_fail(DESK_CHECKLIST, _("evidence for \"%s\" is missing, or too long"), name);
	}
	if (status == DESK_OK && json_object_size(evidence) != json_array_size(items))
		status = desk_fail(DESK_CHECKLIST, _("there is evidence for something that is not on the list"));
	json_decref(items);
	return status;
}

enum desk_status desk_identify(struct desk *desk, const struct desk_person *by, int64_t id, const json_t *evidence)
{
	struct request r;
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = desk_allowed(desk, by, DESK_OPERATOR);
	if (status == DESK_OK)
		status = desk_request_read(desk, id, &r);
	if (status == DESK_OK)
		status = desk_not_own(desk, by, r.token);
	if (status == DESK_OK)
		status = check_evidence(desk, id, evidence);
	if (status == DESK_OK)
		status = desk_request_step(
			desk, id, &r, "identify", by, r.expires, json_pack("{s:O}", "evidence", evidence));
	if (status == DESK_OK) {
		char *text = json_dumps(evidence, JSON_COMPACT | JSON_SORT_KEYS);
		status = text == NULL
				 ? DESK_MEMORY
				 : desk_run(desk, "UPDATE request SET identified_by = ?2, evidence = ?3 WHERE id = ?1",
					   "iit", id, by->id, text);
		free(text);
	}
	return desk_end(desk, status, "identify", by);
}

/* ---- the decision of a second person ---- */

static enum desk_status decide(
	struct desk *desk, const struct desk_person *by, int64_t id, const char *verb, int64_t life, json_t *fields)
{
	struct request r;
	enum desk_status status = desk_allowed(desk, by, DESK_APPROVER);

	if (status == DESK_OK)
		status = desk_request_read(desk, id, &r);
	if (status == DESK_OK && (r.requested_by == by->id || r.identified_by == by->id))
		status = DESK_SAME_PERSON;
	if (status == DESK_OK)
		status = desk_not_own(desk, by, r.token);
	if (status != DESK_OK) {
		json_decref(fields);
		return status;
	}
	return desk_request_step(desk, id, &r, verb, by, life != 0 ? desk->at + life : 0, fields);
}

enum desk_status desk_approve(struct desk *desk, const struct desk_person *by, int64_t id)
{
	enum desk_status status = desk_begin(desk);

	if (status != DESK_OK)
		return status;
	status = decide(desk, by, id, "approve", APPROVED_LIFE, json_object());
	if (status == DESK_OK)
		status = desk_run(desk, "UPDATE request SET approved_by = ?2 WHERE id = ?1", "ii", id, by->id);
	return desk_end(desk, status, "approve", by);
}

enum desk_status desk_reject(struct desk *desk, const struct desk_person *by, int64_t id, const char *reason)
{
	enum desk_status status;

	if (reason == NULL || *reason == '\0')
		return desk_fail(DESK_USAGE, _("give the reason"));
	status = desk_begin(desk);
	if (status != DESK_OK)
		return status;
	status = decide(desk, by, id, "reject", 0, json_pack("{s:s}", "reason", reason));
	return desk_end(desk, status, "reject", by);
}

enum desk_status desk_requests(struct desk *desk, int64_t id, bool open, json_t **out)
{
	return desk_rows(desk, out,
		"SELECT r.id, r.token, t.holder, r.state, r.reason, r.created, r.expires, a.name AS requested_by,"
		" b.name AS identified_by, c.name AS approved_by, d.name AS answered_by,"
		" r.evidence, (SELECT count(*) FROM answer w WHERE w.request = r.id) AS answers"
		" FROM request r JOIN token t ON t.serial = r.token JOIN staff a ON a.id = r.requested_by"
		" LEFT JOIN staff b ON b.id = r.identified_by LEFT JOIN staff c ON c.id = r.approved_by"
		" LEFT JOIN staff d ON d.id = r.answered_by WHERE (?1 = 0 OR r.id = ?1) AND (?2 = 0 OR r.state IN"
		" ('requested', 'identified', 'approved', 'answered')) ORDER BY r.id",
		"ii", id, (int64_t)open);
}
