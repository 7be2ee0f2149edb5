/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this room share. */
#ifndef DESK_PRIVATE_H
#define DESK_PRIVATE_H

#include <sqlite3.h>

#include "desk/desk.h"

struct desk {
	sqlite3 *db;
	int64_t (*now)(void *arg);
	void *now_arg;
	const struct desk_master *master; /* given, or NULL: opened when it is first needed */
	struct desk_master own_master;
	desk_pin_source pin;
	void *pin_arg;
	char id[33]; /* of this desk, hexadecimal: part of what staff sign */
	char *head_file;
	int head_fd; /* open during a transaction, else -1 */
	int64_t operator_hourly;
	struct desk_head head; /* the record's, as this transaction leaves it */
	int64_t at;            /* this transaction's time */
};

/* ---- status.c ---- */

bool desk_status_recorded(enum desk_status status);
enum desk_status desk_fail(enum desk_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
void desk_detail_clear(void);

/* ---- store.c ---- */

enum desk_status desk_sql_failed(struct desk *desk);
/*
 * `types` tells the parameters ?1, ?2, ... : t const char * (NULL is NULL), i int64_t, b struct bytes.
 * run executes; query leaves a statement for stepping (finalise it); number is the first column of the first row,
 * NOT_FOUND when there is none or it is NULL; rows are all rows as objects.
 */
enum desk_status desk_run(struct desk *desk, const char *sql, const char *types, ...);
enum desk_status desk_query(struct desk *desk, sqlite3_stmt **out, const char *sql, const char *types, ...);
enum desk_status desk_number(struct desk *desk, int64_t *out, const char *sql, const char *types, ...);
enum desk_status desk_rows(struct desk *desk, json_t **out, const char *sql, const char *types, ...);

/*
 * A transaction of `what`, begun by `by` (NULL: nobody). Begin takes the write lock, opens the head file, fixes the
 * time, and lets what has expired expire. End commits with OK and writes the head; otherwise it rolls back, and records
 * that `by` was refused when the status says so.
 */
enum desk_status desk_begin(struct desk *desk);
enum desk_status desk_end(struct desk *desk, enum desk_status status, const char *what, const struct desk_person *by);

/* Parts of the above, for who makes a desk. Leave: out of the transaction, whatever became of it. */
int64_t desk_system_clock(void *arg);
enum desk_status desk_open_file(const char *path, int flags, struct desk *desk);
enum desk_status desk_open_heads(struct desk *desk);
enum desk_status desk_write_head(struct desk *desk);
void desk_leave(struct desk *desk);

/* ---- record.c ---- */

/* Canonical JSON: keys sorted, no blanks, ASCII only. */
#define DESK_CANONICAL (JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII)

/* Of the entry that follows one with the hash `before`. */
bool desk_next_hash(const uint8_t before[DESK_HASH_SIZE], const char *entry, uint8_t out[DESK_HASH_SIZE]);

/* Append an entry to this transaction. Takes `fields` over (NULL: MEMORY); adds seq, at, what, by. */
enum desk_status desk_record(struct desk *desk, const char *what, const struct desk_person *by, json_t *fields);
enum desk_status desk_record_head(struct desk *desk, struct desk_head *out, int64_t *at);

/* ---- verify.c ---- */

/* One line of an export (its end taken off; it is cut up) after those that *verdict has seen. */
enum desk_status desk_verify_line(struct desk_verdict *verdict, char *line);

/* ---- staff.c ---- */

/* Inside a transaction: still with us, logged in lately, and one of the roles. */
enum desk_status desk_allowed(struct desk *desk, const struct desk_person *who, unsigned needed);
/* Inside a transaction: OWN_TOKEN when it is this person's own, by certificate or name of the holder. */
enum desk_status desk_not_own(struct desk *desk, const struct desk_person *who, const char *serial);
/* Two different people, the second an approver or auditor. */
enum desk_status desk_allowed_two(
	struct desk *desk, const struct desk_person *by, unsigned needed, const struct desk_person *second);

/* ---- machine.c ---- */

/* The state that `verb` leads to from `state`; NULL when it does not follow. */
const char *desk_request_next(const char *state, const char *verb);
/* Whether a token may go from one state to the other, and the roles that may do it. */
bool desk_token_may(const char *from, const char *to, unsigned *roles);

/* ---- request.c ---- */

enum desk_status desk_sweep(struct desk *desk);

struct request {
	char state[16];
	char token[17];
	int64_t requested_by, identified_by, approved_by, answered_by; /* 0: nobody yet */
	int64_t expires;
	uint8_t challenge[DESK_HASH_SIZE]; /* SHA-256 of it, and what it named: when somebody answered */
	uint8_t version;
	uint16_t counter;
};
enum desk_status desk_request_read(struct desk *desk, int64_t id, struct request *out);
/* TRANSITION when the verb does not follow. Sets the state, until when it stands (0: for good), and records. */
enum desk_status desk_request_step(struct desk *desk, int64_t id, const struct request *r, const char *verb,
	const struct desk_person *by, int64_t expires, json_t *fields);

/* ---- token.c ---- */

/* Upper case; false unless it has 16 digits. */
bool desk_serial(const char *text, char out[17], uint8_t bytes[8]);
/* NOT_FOUND for a token that nobody registered, TOKEN_STATE for one that is not in use; may it be unlocked by phone? */
enum desk_status desk_token_active(struct desk *desk, const char *serial, bool *unlock);

/* ---- profile.c ---- */

/* Inside a transaction: PROFILE when the text is no profiles. */
enum desk_status desk_profiles_write(struct desk *desk, const char *text);

/* ---- master.c ---- */

/* A MAC over nothing that matters: the key is there, and its PIN was asked for while nobody waits for the lock. */
enum desk_status desk_master_try(struct desk *desk, uint8_t version);

/* ---- key.c: what is made of the master key; all of it secure memory, wiped ---- */

enum desk_status desk_master_open(struct desk *desk, const struct desk_master **out);
enum desk_status desk_key_answer(struct desk *desk, struct bytes challenge, uint8_t response[9]);
/* Of a token that has accepted `counter` answers. */
enum desk_status desk_key_proof(
	struct desk *desk, uint8_t version, const uint8_t serial[8], uint16_t counter, uint8_t proof[5]);
/* AES-256-GCM with the escrow key of the token; sealed: 16 bytes longer than plain. */
enum desk_status desk_key_seal(struct desk *desk, uint8_t version, const uint8_t serial[8], const uint8_t nonce[12],
	struct bytes plain, uint8_t *sealed);
enum desk_status desk_key_open(struct desk *desk, uint8_t version, const uint8_t serial[8], const uint8_t nonce[12],
	struct bytes sealed, uint8_t *plain);

/* ---- p11_keys.c ---- */

/* uris: pairs of version and URI are read from the desk's table when they are first needed. */
enum desk_status desk_master_p11(struct desk *desk, struct desk_master *out);

#endif
