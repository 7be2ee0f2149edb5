/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, as `ukey-ra init` makes them. PRAGMA user_version counts their versions. */
#ifndef RA_STORE_SCHEMA_H
#define RA_STORE_SCHEMA_H

#define RA_SCHEMA_VERSION 1

static const char ra_schema[] = "PRAGMA user_version = 1;"
				"CREATE TABLE certificate ("
				" id INTEGER PRIMARY KEY,"
				" serial TEXT NOT NULL UNIQUE,"
				" profile TEXT NOT NULL,"
				" subject TEXT NOT NULL,"
				" email TEXT,"
				" state TEXT NOT NULL CHECK (state IN ('valid', 'held', 'revoked')),"
				" not_before INTEGER NOT NULL,"
				" not_after INTEGER NOT NULL CHECK (not_after > not_before),"
				" issued_at INTEGER NOT NULL,"
				" replaces INTEGER REFERENCES certificate (id),"
				" spki_sha256 BLOB NOT NULL CHECK (length(spki_sha256) = 32),"
				" der BLOB NOT NULL"
				") STRICT;"
				"CREATE INDEX certificate_replaces ON certificate (replaces, spki_sha256);"
				"CREATE TABLE code ("
				" id INTEGER PRIMARY KEY,"
				" hash BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),"
				" subject TEXT NOT NULL,"
				" email TEXT,"
				" profile TEXT NOT NULL,"
				" state TEXT NOT NULL CHECK (state IN ('open', 'used', 'cancelled')),"
				" created_at INTEGER NOT NULL,"
				" expires_at INTEGER NOT NULL,"
				" used_at INTEGER,"
				" certificate INTEGER REFERENCES certificate (id),"
				" CHECK ((state = 'used') = (certificate IS NOT NULL AND used_at IS NOT NULL))"
				") STRICT;"
				"CREATE TABLE event ("
				" id INTEGER PRIMARY KEY,"
				" at INTEGER NOT NULL,"
				" what TEXT NOT NULL,"
				" code INTEGER REFERENCES code (id),"
				" certificate INTEGER REFERENCES certificate (id)"
				") STRICT;"
				"CREATE TRIGGER certificate_stays BEFORE DELETE ON certificate"
				" BEGIN SELECT RAISE(ABORT, 'certificates are never deleted'); END;"
				"CREATE TRIGGER certificate_same BEFORE UPDATE OF id, serial, der, spki_sha256, "
				"not_before, not_after, issued_at"
				" ON certificate BEGIN SELECT RAISE(ABORT, 'an issued certificate never changes'); END;"
				"CREATE TRIGGER event_stays BEFORE DELETE ON event"
				" BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;"
				"CREATE TRIGGER event_same BEFORE UPDATE ON event"
				" BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;";

#endif
