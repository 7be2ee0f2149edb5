/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, as `ukey-helpdesk init` makes them. PRAGMA user_version counts their versions. */
#ifndef DESK_SCHEMA_H
#define DESK_SCHEMA_H

#define DESK_SCHEMA_VERSION 2

/* clang-format off */
static const char desk_schema[] =
	"PRAGMA user_version = 2;"
	"CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
	"CREATE TABLE master (version INTEGER PRIMARY KEY CHECK (version BETWEEN 1 AND 255), uri TEXT NOT NULL,"
	" active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))) STRICT;"
	"CREATE TABLE staff ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" roles INTEGER NOT NULL CHECK (roles BETWEEN 1 AND 7),"
	" certificate BLOB NOT NULL,"
	" key BLOB NOT NULL UNIQUE CHECK (length(key) = 32)," /* SHA-256 of its SubjectPublicKeyInfo */
	" active INTEGER NOT NULL DEFAULT 1 CHECK (active IN (0, 1))"
	") STRICT;"
	"CREATE TABLE profile (name TEXT PRIMARY KEY, items TEXT NOT NULL) STRICT;"
	"CREATE TABLE token ("
	" serial TEXT PRIMARY KEY CHECK (length(serial) = 16),"
	" holder TEXT NOT NULL,"
	" unit TEXT,"
	" contact TEXT,"
	" profile TEXT NOT NULL REFERENCES profile (name),"
	" version INTEGER REFERENCES master (version)," /* of its unlock key, or a later one; NULL: none */
	" counter INTEGER,"                              /* its unlock counter is at least this; NULL: never seen */
	" state TEXT NOT NULL CHECK (state IN ('active', 'suspended', 'lost', 'terminated'))"
	") STRICT;"
	"CREATE TABLE certificate ("
	" serial TEXT NOT NULL, token TEXT NOT NULL REFERENCES token (serial), PRIMARY KEY (serial, token)) STRICT;"
	"CREATE TABLE request ("
	" id INTEGER PRIMARY KEY,"
	" token TEXT NOT NULL REFERENCES token (serial),"
	" reason TEXT NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('requested', 'identified', 'approved', 'answered', 'confirmed',"
	"  'unconfirmed', 'expired', 'rejected')),"
	" created INTEGER NOT NULL,"
	" expires INTEGER NOT NULL," /* when its present state ends by itself; 0: never */
	" requested_by INTEGER NOT NULL REFERENCES staff (id),"
	" identified_by INTEGER REFERENCES staff (id),"
	" approved_by INTEGER REFERENCES staff (id) CHECK (approved_by NOT IN (requested_by, identified_by)),"
	" answered_by INTEGER REFERENCES staff (id) CHECK (answered_by <> approved_by),"
	" evidence TEXT,"
	" challenge BLOB CHECK (length(challenge) = 32)," /* SHA-256 of it: the desk keeps no code */
	" version INTEGER, counter INTEGER"              /* that it named */
	") STRICT;"
	"CREATE UNIQUE INDEX request_open ON request (token)"
	" WHERE state IN ('requested', 'identified', 'approved', 'answered');"
	"CREATE TABLE answer ("
	" id INTEGER PRIMARY KEY,"
	" request INTEGER NOT NULL REFERENCES request (id),"
	" token TEXT NOT NULL,"
	" staff INTEGER NOT NULL,"
	" at INTEGER NOT NULL"
	") STRICT;"
	"CREATE INDEX answer_token ON answer (token, at);"
	"CREATE INDEX answer_staff ON answer (staff, at);"
	"CREATE TABLE escrow ("
	" id INTEGER PRIMARY KEY,"
	" token TEXT NOT NULL REFERENCES token (serial),"
	" version INTEGER NOT NULL REFERENCES master (version),"
	" nonce BLOB NOT NULL CHECK (length(nonce) = 12),"
	" sealed BLOB," /* erased when the token has another */
	" at INTEGER NOT NULL,"
	" state TEXT NOT NULL CHECK (state IN ('held', 'pending', 'over')),"
	" shown INTEGER NOT NULL DEFAULT 0," /* how often two people were shown it */
	" CHECK ((state <> 'over') = (sealed IS NOT NULL))"
	") STRICT;"
	"CREATE UNIQUE INDEX escrow_held ON escrow (token) WHERE state = 'held';"
	"CREATE UNIQUE INDEX escrow_pending ON escrow (token) WHERE state = 'pending';"
	"CREATE TABLE record ("
	" seq INTEGER PRIMARY KEY,"
	" entry TEXT NOT NULL,"
	" hash BLOB NOT NULL CHECK (length(hash) = 32)"
	") STRICT;"
	"CREATE TRIGGER record_stays BEFORE DELETE ON record"
	" BEGIN SELECT RAISE(ABORT, 'the record is only appended to'); END;"
	"CREATE TRIGGER record_same BEFORE UPDATE ON record"
	" BEGIN SELECT RAISE(ABORT, 'the record is only appended to'); END;"
	"CREATE TRIGGER record_next BEFORE INSERT ON record"
	" WHEN NEW.seq IS NOT (SELECT coalesce(max(seq), 0) + 1 FROM record)"
	" BEGIN SELECT RAISE(ABORT, 'the record is only appended to'); END;"
	"CREATE TRIGGER answer_stays BEFORE DELETE ON answer"
	" BEGIN SELECT RAISE(ABORT, 'answers are only appended'); END;"
	"CREATE TRIGGER answer_same BEFORE UPDATE ON answer"
	" BEGIN SELECT RAISE(ABORT, 'answers are only appended'); END;"
	"CREATE TRIGGER request_stays BEFORE DELETE ON request"
	" BEGIN SELECT RAISE(ABORT, 'requests are never deleted'); END;";
/* clang-format on */

#endif
