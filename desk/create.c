/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a desk: under another name, which becomes desk.db when all is in it. Whoever is killed meanwhile leaves a file
 * that the next one throws away.
 */
#include "config.h"

#include "desk/private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "common/i18n.h"
#include "desk/schema.h"

#define OPERATOR_HOURLY  20
#define STANDARD_PROFILE "{\"standard\": [\"letter\", \"form\", \"identity-document\", \"call-back\"]}"

static enum desk_status write_settings(struct desk *desk, const struct desk_new *new)
{
	int64_t hourly = new->operator_hourly > 0 ? new->operator_hourly : OPERATOR_HOURLY;
	char number[24], path[4096];
	uint8_t id[16];
	enum desk_status status = DESK_OK;

	if (!crypto_random(id, sizeof(id)) || !hex_encode(BYTES_OF(id), desk->id, sizeof(desk->id)))
		return DESK_CRYPTO;
	snprintf(number, sizeof(number), "%lld", (long long)hourly);
	if ((size_t)snprintf(path, sizeof(path), "%s%s", new->head_file != NULL ? new->head_file : new->dir,
		    new->head_file != NULL ? "" : "/heads") >= sizeof(path))
		return DESK_IO;
	desk->head_file = path[0] == '/' ? strdup(path) : NULL;
	if (desk->head_file == NULL)
		return desk_fail(DESK_USAGE, _("give the directory and the head file with full paths"));
	status = desk_run(desk,
		"INSERT INTO meta VALUES ('id', ?1), ('operator-hourly', ?2), ('head-file', ?3),"
		" ('founding', '1')",
		"ttt", desk->id, number, desk->head_file);
	if (status == DESK_OK)
		status = desk_run(desk, "INSERT INTO master (version, uri) VALUES (?1, ?2)", "it",
			(int64_t) new->key_version, new->master_uri != NULL ? new->master_uri : "");
	if (status == DESK_OK)
		status = desk_profiles_write(desk, new->profiles != NULL ? new->profiles : STANDARD_PROFILE);
	return status;
}

/* The record's first entry stays until its head is written too: a head of a desk that never came to be is nobody's. */
static enum desk_status heads_are_new(struct desk *desk)
{
	struct stat st;
	enum desk_status status = desk_open_heads(desk);

	if (status == DESK_OK && fstat(desk->head_fd, &st) != 0)
		status = desk_fail(DESK_IO, "%s: %s", desk->head_file, strerror(errno));
	if (status == DESK_OK && st.st_size != 0)
		status = desk_fail(DESK_EXISTS, _("%s has the heads of another record"), desk->head_file);
	return status;
}

/* The schema, the settings and the record's first entry; the key is tried with a MAC over nothing that matters. */
static enum desk_status fill(struct desk *desk, const struct desk_new *new)
{
	enum desk_status status = DESK_OK;

	if (sqlite3_exec(desk->db, desk_schema, NULL, NULL, NULL) != SQLITE_OK)
		return desk_sql_failed(desk);
	desk->at = desk->now(desk->now_arg);
	status = desk_run(desk, "BEGIN IMMEDIATE", "");
	if (status == DESK_OK)
		status = write_settings(desk, new);
	if (status == DESK_OK)
		status = desk_master_try(desk, new->key_version);
	if (status == DESK_OK)
		status = heads_are_new(desk);
	if (status == DESK_OK)
		status = desk_record(desk, "desk-made", NULL,
			json_pack("{s:s, s:i, s:s}", "desk", desk->id, "version", (int)new->key_version, "key",
				new->master_uri != NULL ? new->master_uri : ""));
	if (status == DESK_OK)
		status = desk_run(desk, "COMMIT", "");
	return status;
}

struct place {
	char final[4096], temporary[4096];
	int dir; /* locked: one at a time makes a desk here */
	bool made;
};

static void throw_away(const struct place *p)
{
	static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
	char path[sizeof(p->temporary) + 16];

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", p->temporary, tails[i]);
		unlink(path);
	}
}

/* SQLite would make it readable for all; its log has the mode of the file. */
static enum desk_status make_private(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return desk_fail(DESK_IO, "%s: %s", path, strerror(errno));
	close(fd);
	return DESK_OK;
}

static enum desk_status take_place(struct place *p, const char *dir)
{
	if ((size_t)snprintf(p->final, sizeof(p->final), "%s/desk.db", dir) >= sizeof(p->final) ||
		(size_t)snprintf(p->temporary, sizeof(p->temporary), "%s/desk.db.new", dir) >= sizeof(p->temporary))
		return DESK_IO;
	p->made = mkdir(dir, 0700) == 0;
	if (!p->made && errno != EEXIST)
		return desk_fail(DESK_IO, "%s: %s", dir, strerror(errno));
	p->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->dir < 0)
		return desk_fail(DESK_IO, "%s: %s", dir, strerror(errno));
	if (flock(p->dir, LOCK_EX | LOCK_NB) != 0)
		return desk_fail(DESK_BUSY, "%s", dir);
	if (access(p->final, F_OK) == 0)
		return desk_fail(DESK_EXISTS, "%s", p->final);
	throw_away(p);
	return DESK_OK;
}

/* All is in one file, closed: it gets its name, and the first head is written. */
static enum desk_status put_in_place(struct desk *desk, const struct place *p)
{
	enum desk_status status;

	/* closing would hide that the disk is full, and leave the half of it in a log that is not renamed */
	if (sqlite3_wal_checkpoint_v2(desk->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) != SQLITE_OK)
		return desk_sql_failed(desk);
	if (sqlite3_close(desk->db) != SQLITE_OK)
		return DESK_STORE;
	desk->db = NULL;
	if (rename(p->temporary, p->final) != 0 || fsync(p->dir) != 0)
		return desk_fail(DESK_IO, "%s: %s", p->final, strerror(errno));
	status = desk_write_head(desk);
	if (status != DESK_OK)
		unlink(p->final); /* no desk: nobody could work with it, and init would refuse to make one */
	return status;
}

enum desk_status desk_create(const struct desk_new *new)
{
	struct desk desk = {.head_fd = -1, .master = new->master, .pin = new->pin, .pin_arg = new->pin_arg};
	struct place place = {.dir = -1};
	enum desk_status status;

	desk_detail_clear();
	desk.now = new->now != NULL ? new->now : desk_system_clock;
	desk.now_arg = new->now_arg;
	if (new->key_version == 0)
		return DESK_USAGE;
	status = take_place(&place, new->dir);
	if (status == DESK_OK) {
		status = make_private(place.temporary);
		if (status == DESK_OK)
			status = desk_open_file(place.temporary, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, &desk);
		if (status == DESK_OK)
			status = fill(&desk, new);
		if (status == DESK_OK)
			status = put_in_place(&desk, &place);
		if (desk.own_master.close != NULL)
			desk.own_master.close(desk.own_master.arg);
		sqlite3_close(desk.db);
		throw_away(&place);
	}
	if (desk.head_fd >= 0)
		close(desk.head_fd);
	free(desk.head_file);
	if (place.made && status != DESK_OK) {
		unlinkat(place.dir, "heads", 0);
		rmdir(new->dir);
	}
	if (place.dir >= 0)
		close(place.dir);
	return status;
}
