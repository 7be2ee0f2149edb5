/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The RA's records in SQLite (STRICT tables, write-ahead log, every commit flushed): codes, certificates, events.
 * Several processes may have the database open (the server, and an operator's `code new`); one handle belongs to one
 * thread. Times are seconds since 1970, UTC. Certificates are never deleted and their bytes never change; events are
 * only ever appended: triggers see to both.
 */
#ifndef RA_STORE_H
#define RA_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "ra/code.h"
#include "ra/request.h"
#include "ra/status.h"

struct ra_store;

/* A new database; IO or STORE when it cannot be made (it must not exist). */
enum ra_status ra_store_create(const char *path);
enum ra_status ra_store_open(const char *path, struct ra_store **out);
void ra_store_close(struct ra_store *store);

/* Begin takes the write lock at once, so that what is read stays true until the commit. */
enum ra_status ra_store_begin(struct ra_store *store);
/* Commits when `status` is RA_OK and rolls back otherwise; gives `status`, or why the commit failed. */
enum ra_status ra_store_end(struct ra_store *store, enum ra_status status);

/* ---- enrolment codes ---- */

enum ra_code_state { RA_CODE_OPEN, RA_CODE_SPENT, RA_CODE_VOID };

struct ra_code_record {
	int64_t id;
	char *subject; /* RFC 4514 text */
	char *email;   /* NULL when none */
	char *profile;
	enum ra_code_state state;
	int64_t created_at, expires_at;
	int64_t used_at;        /* 0 when not used */
	int64_t certificate_id; /* 0 when not used */
};

void ra_code_record_clear(struct ra_code_record *record);

/* Fills record->id. */
enum ra_status ra_store_code_add(
	struct ra_store *store, struct ra_code_record *record, const uint8_t hash[RA_CODE_HASH_SIZE]);
/* CODE_UNKNOWN when there is none. The hash is compared in constant time. */
enum ra_status ra_store_code_find(
	struct ra_store *store, const uint8_t hash[RA_CODE_HASH_SIZE], struct ra_code_record *out);
enum ra_status ra_store_code_spend(struct ra_store *store, int64_t id, int64_t certificate_id, int64_t now);
/* NOT_FOUND when there is no open code of this id. */
enum ra_status ra_store_code_cancel(struct ra_store *store, int64_t id, int64_t now);
typedef enum ra_status (*ra_code_visitor)(void *arg, const struct ra_code_record *record);
enum ra_status ra_store_code_each(struct ra_store *store, ra_code_visitor visit, void *arg);

/* ---- certificates ---- */

/* The life of a certificate as far as this version leads it; expiry is told by the times, not by a state. */
enum ra_cert_state { RA_CERT_VALID, RA_CERT_HELD, RA_CERT_REVOKED };

struct ra_cert_record {
	int64_t id;
	char *serial;  /* upper-case hexadecimal */
	char *profile; /* "ca" and "tls" for the CA's own */
	char *subject, *email;
	enum ra_cert_state state;
	int64_t not_before, not_after, issued_at;
	int64_t replaces; /* id of the certificate that this one renews, 0 when none */
	uint8_t spki_sha256[RA_SPKI_DIGEST];
	uint8_t *der;
	size_t der_len;
};

void ra_cert_record_clear(struct ra_cert_record *record);
const char *ra_cert_state_name(enum ra_cert_state state);
const char *ra_code_state_name(enum ra_code_state state);

/* Fills record->id. SERIAL_TAKEN when there is one of this serial. */
enum ra_status ra_store_cert_add(struct ra_store *store, struct ra_cert_record *record);
/* NOT_FOUND when there is none. */
enum ra_status ra_store_cert_by_serial(struct ra_store *store, const char *serial, struct ra_cert_record *out);
enum ra_status ra_store_cert_by_id(struct ra_store *store, int64_t id, struct ra_cert_record *out);
/* The newest one that renews certificate `replaces` for this key. */
enum ra_status ra_store_cert_renewal(
	struct ra_store *store, int64_t replaces, const uint8_t spki[RA_SPKI_DIGEST], struct ra_cert_record *out);
typedef enum ra_status (*ra_cert_visitor)(void *arg, const struct ra_cert_record *record);
enum ra_status ra_store_cert_each(struct ra_store *store, ra_cert_visitor visit, void *arg);

/* ---- events ---- */

/* What happened, for the record: "code-created", "issued", "answered-again", "renewed", ... ids 0 when none. */
enum ra_status ra_store_event(
	struct ra_store *store, int64_t now, const char *what, int64_t code_id, int64_t certificate_id);

#endif
