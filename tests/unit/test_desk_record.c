/* SPDX-License-Identifier: Apache-2.0 */
/* The record of 10,000 entries: delete, change, reorder, truncate; the place is named (RL-03, RL-04). */
#include "config.h"

#include "tests/unit/desk_help.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#else
#define RUNNING_ON_VALGRIND 0
#endif

#define ENTRIES 10000

static void fill(struct bench *b)
{
	assert_int_equal(desk_begin(b->desk), DESK_OK);
	while (b->desk->head.count < ENTRIES)
		assert_int_equal(
			desk_record(b->desk, "note", NULL, json_pack("{s:s}", "text", "张三 \"1\"\n")), DESK_OK);
	assert_int_equal(desk_end(b->desk, DESK_OK, "note", NULL), DESK_OK);
}

/* The filled desk, made once: each test gets a copy of its files in the same place. */
static struct {
	struct bench bench;
	uint8_t *files[2];
	size_t sizes[2];
} model;

static const char *const model_files[] = {"desk.db", "heads"};

static void copy_files(const struct bench *b, bool save)
{
	for (size_t i = 0; i < COUNT(model_files); i++) {
		char path[128];
		bench_path(b, model_files[i], path);
		FILE *f = fopen(path, save ? "re" : "we");
		assert_non_null(f);
		if (save) {
			assert_int_equal(fseek(f, 0, SEEK_END), 0);
			model.sizes[i] = (size_t)ftell(f);
			model.files[i] = malloc(model.sizes[i]);
			rewind(f);
			assert_int_equal(fread(model.files[i], 1, model.sizes[i], f), model.sizes[i]);
		} else {
			assert_int_equal(fwrite(model.files[i], 1, model.sizes[i], f), model.sizes[i]);
		}
		assert_int_equal(fclose(f), 0);
	}
}

static int make_model(void **state)
{
	struct bench *b;

	bench_new(state);
	b = *state;
	fill(b);
	desk_close(b->desk); /* all is in desk.db then */
	copy_files(b, true);
	b->desk = bench_open(b);
	model.bench.now = b->now;
	memcpy(model.bench.dir, b->dir, sizeof(b->dir));
	return bench_end(state);
}

static int drop_model(void **state)
{
	(void)state;
	free(model.files[0]);
	free(model.files[1]);
	return 0;
}

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	*b = model.bench;
	assert_int_equal(mkdir(b->dir, 0700), 0);
	copy_files(b, false);
	b->desk = bench_open(b);
	*state = b;
	return 0;
}

/* As somebody would who can write to the file: another program, without the triggers. */
static void tamper(struct bench *b, const char *sql)
{
	char *error = NULL, path[128];
	sqlite3 *other = NULL;

	bench_path(b, "desk.db", path);
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	if (sqlite3_exec(other,
		    "PRAGMA synchronous = OFF; DROP TRIGGER IF EXISTS record_stays; DROP TRIGGER IF EXISTS record_same;"
		    "DROP TRIGGER IF EXISTS record_next;",
		    NULL, NULL, &error) != SQLITE_OK ||
		sqlite3_exec(other, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
}

static void verify(struct bench *b, const struct desk_head *head, int64_t wrong)
{
	struct desk_verdict verdict;
	enum desk_status status = desk_record_verify(b->desk, head, &verdict);

	assert_int_equal(status, wrong == 0 ? DESK_OK : DESK_RECORD_WRONG);
	assert_int_equal(verdict.wrong, wrong);
	assert_int_equal(verdict.why[0] != '\0', wrong != 0);
}

static void the_honest_record_is_right(void **state)
{
	struct bench *b = *state;
	struct desk_head head, again;
	char text[DESK_HEAD_TEXT];

	desk_head(b->desk, &head);
	assert_int_equal(head.count, ENTRIES);
	verify(b, &head, 0);
	desk_head_text(&head, text);
	assert_true(desk_head_parse(text, &again));
	assert_memory_equal(again.hash, head.hash, DESK_HASH_SIZE);
	assert_false(desk_head_parse("10000", &again));
	assert_false(desk_head_parse("x:00", &again));
	text[strlen(text) - 1] = '\0';
	assert_false(desk_head_parse(text, &again));
}

/* The database itself refuses what is not appending. */
static void the_table_is_only_appended_to(void **state)
{
	static const char *const attempts[] = {
		"DELETE FROM record WHERE seq = 5",
		"UPDATE record SET entry = '{}' WHERE seq = 5",
		"INSERT INTO record VALUES (3, '{}', zeroblob(32))",
		"INSERT OR REPLACE INTO record VALUES (5, '{}', zeroblob(32))",
		"INSERT INTO record VALUES (99999, '{}', zeroblob(32))",
		"DELETE FROM answer",
		"DELETE FROM request",
	};
	struct bench *b = *state;

	for (size_t i = 0; i < COUNT(attempts); i++) {
		int code = sqlite3_exec(b->desk->db, attempts[i], NULL, NULL, NULL);
		if (i < 5) /* the other tables are empty here */
			assert_int_not_equal(code, SQLITE_OK);
	}
	verify(b, NULL, 0);
}

#define TAMPER(name, sql, place)                                                                                       \
	static void name(void **state)                                                                                 \
	{                                                                                                              \
		struct bench *b = *state;                                                                              \
		tamper(b, sql);                                                                                        \
		verify(b, NULL, place);                                                                                \
	}

TAMPER(deleted_first, "DELETE FROM record WHERE seq = 1", 1)
TAMPER(deleted_in_the_middle, "DELETE FROM record WHERE seq = 5000", 5000)
TAMPER(deleted_and_renumbered,
	"DELETE FROM record WHERE seq = 5000; UPDATE record SET seq = -seq + 1 WHERE seq > 5000;"
	"UPDATE record SET seq = -seq WHERE seq < 0",
	5000)
TAMPER(changed_text, "UPDATE record SET entry = replace(entry, 'note', 'nota') WHERE seq = 7777", 7777)
TAMPER(changed_hash, "UPDATE record SET hash = zeroblob(32) WHERE seq = 42", 42)
TAMPER(reordered,
	"UPDATE record SET seq = -1 WHERE seq = 300; UPDATE record SET seq = 300 WHERE seq = 301;"
	"UPDATE record SET seq = 301 WHERE seq = -1",
	300)
TAMPER(truncated, "DELETE FROM record WHERE seq > 9000", 9001)
TAMPER(truncated_by_one, "DELETE FROM record WHERE seq = 10000", 10000)
TAMPER(emptied, "DELETE FROM record", 1)
TAMPER(inserted_in_front, "INSERT INTO record VALUES (0, '{}', zeroblob(32))", 1)
TAMPER(a_token_set_free, "UPDATE token SET state = 'active'", 0)

/* The tail is cut, and the file of heads with it: the head that a person noted down tells. */
static void truncated_with_its_heads(void **state)
{
	struct bench *b = *state;
	struct desk_head noted;
	char path[128];

	desk_head(b->desk, &noted);
	tamper(b, "DELETE FROM record WHERE seq > 9000");
	bench_path(b, "heads", path);
	assert_int_equal(truncate(path, 0), 0);
	verify(b, NULL, 0);
	verify(b, &noted, 9001);
}

/* The tail is written anew, with hashes that fit: heads that were kept apart differ. */
static void rewritten(void **state)
{
	struct bench *b = *state;

	tamper(b, "DELETE FROM record WHERE seq >= 9990");
	assert_int_equal(desk_record_head(b->desk, &b->desk->head, NULL), DESK_OK);
	b->now++;
	fill(b);
	verify(b, NULL, ENTRIES);
}

static void a_request_changed_past_the_rules(void **state)
{
	struct bench *b = *state;
	struct desk_verdict verdict;

	bench_register(b, SERIAL);
	int64_t id = bench_request(b, SERIAL, "identified");
	assert_int_equal(
		desk_run(b->desk, "UPDATE request SET state = 'approved', approved_by = 4 WHERE id = ?1", "i", id),
		DESK_OK);
	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_RECORD_WRONG);
	assert_int_equal(desk_run(b->desk, "UPDATE request SET state = 'identified' WHERE id = ?1", "i", id), DESK_OK);
	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_OK);
	struct desk_person olga = bench_login(b, OLGA);
	assert_int_equal(desk_token_state(b->desk, &olga, SERIAL, "lost", "x"), DESK_OK);
	assert_int_equal(desk_run(b->desk, "UPDATE token SET state = 'active'", ""), DESK_OK);
	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_RECORD_WRONG);
}

/* ---- the exported text, line by line ---- */

struct text {
	char **lines;
	size_t count;
};

static struct text exported(struct bench *b)
{
	struct text t = {calloc(ENTRIES + 10, sizeof(char *)), 0};
	char path[128];
	size_t cap;

	bench_path(b, "export", path);
	FILE *f = fopen(path, "w+e");
	assert_non_null(f);
	assert_int_equal(desk_record_export(b->desk, f), DESK_OK);
	rewind(f);
	for (cap = 0; getline(&t.lines[t.count], &cap, f) > 0; cap = 0)
		t.count++;
	fclose(f);
	return t;
}

static void check_export(struct bench *b, const struct text *t, const struct desk_head *head, int64_t wrong)
{
	struct desk_verdict verdict;
	char path[128];

	bench_path(b, "export", path);
	FILE *f = fopen(path, "w+e");
	assert_non_null(f);
	for (size_t i = 0; i < t->count; i++)
		if (t->lines[i] != NULL)
			fputs(t->lines[i], f);
	rewind(f);
	assert_int_equal(desk_export_verify(f, head, NULL, &verdict), wrong == 0 ? DESK_OK : DESK_RECORD_WRONG);
	assert_int_equal(verdict.wrong, wrong);
	fclose(f);
}

static void free_text(struct text *t)
{
	for (size_t i = 0; i < ENTRIES + 10; i++)
		free(t->lines[i]);
	free(t->lines);
}

/* Whole files, from the first line to the last. */
static void every_tampering_with_an_export(void **state)
{
	static const size_t places[] = {0, 1, 2, 10, 99, 1000, 2500, 4999, 7500, 9000, 9997, 9998, 9999};
	struct bench *b = *state;
	struct text t = exported(b);
	struct desk_head head;

	desk_head(b->desk, &head);
	assert_int_equal(t.count, ENTRIES);
	check_export(b, &t, &head, 0);
	for (size_t i = RUNNING_ON_VALGRIND ? 11 : 0; i < COUNT(places); i++) { /* a sample is enough there */
		size_t p = places[i];
		char *line = t.lines[p], *digit = strstr(line, "\"at\":") + 5, before = *digit;
		t.lines[p] = NULL;
		check_export(b, &t, &head, (int64_t)p + 1);
		t.lines[p] = line;
		*digit = *digit == '9' ? '8' : '9';
		check_export(b, &t, &head, (int64_t)p + 1);
		*digit = before;
		if (p + 1 < t.count) {
			t.lines[p] = t.lines[p + 1];
			t.lines[p + 1] = line;
			check_export(b, &t, &head, (int64_t)p + 1);
			t.lines[p + 1] = t.lines[p];
			t.lines[p] = line;
		}
		size_t count = t.count;
		t.count = p;
		check_export(b, &t, &head, (int64_t)p + 1);
		t.count = count;
	}
	check_export(b, &t, &head, 0);
	free_text(&t);
}

/* The next line after those that *verdict has seen; `line` is copied first, for the library cuts it up. */
static enum desk_status next(struct desk_verdict *verdict, const char *line, size_t len)
{
	char copy[2048];

	assert_true(len < sizeof(copy));
	memcpy(copy, line, len);
	copy[len] = '\0';
	return desk_verify_line(verdict, copy);
}

static void named(const struct desk_verdict *before, const char *line, size_t len, int64_t place)
{
	struct desk_verdict verdict = *before;

	assert_int_equal(next(&verdict, line, len), DESK_RECORD_WRONG);
	assert_int_equal(verdict.wrong, place);
	assert_true(verdict.why[0] != '\0');
}

/*
 * At each of the 10,000 places, with the check as it stands there after all lines before: the line is gone, or
 * another's; one character of it is another, each time somewhere else; it is cut short, doubled, or exchanged with a
 * later one.
 */
static void each_of_10000_lines(void **state)
{
	struct bench *b = *state;
	struct text t = exported(b);
	struct desk_verdict verdict = {0};
	size_t stride = RUNNING_ON_VALGRIND ? 500 : 1;
	uint32_t random = 1;

	assert_int_equal(t.count, ENTRIES);
	for (size_t p = 0; p < t.count; p++) {
		char *line = t.lines[p];
		size_t len = strlen(line) - 1;
		int64_t place = (int64_t)p + 1;
		for (int i = 0; i < (p % stride == 0 ? 4 : 0); i++) {
			random = random * 1664525 + 1013904223;
			size_t at = i == 0 ? p % len : random % len, other = (p + 1 + random % 97) % t.count;
			char before = line[at];
			line[at] = (char)(before ^ (1 + random / 65536 % 15));
			if (line[at] == '\0' || line[at] == before)
				line[at] = before == '~' ? '!' : '~';
			named(&verdict, line, len, place);
			line[at] = before;
			named(&verdict, line, random % len, place);
			if (other != p)
				named(&verdict, t.lines[other], strlen(t.lines[other]) - 1, place);
		}
		if (p + 1 < t.count && p % stride == 0) /* deleted, exchanged with the next */
			named(&verdict, t.lines[p + 1], strlen(t.lines[p + 1]) - 1, place);
		assert_int_equal(next(&verdict, line, len), DESK_OK);
		if (p % stride == 0) /* doubled */
			named(&verdict, line, len, place + 1);
	}
	/* a cut is the heads' to tell: the tests beside this one */
	assert_int_equal(verdict.head.count, ENTRIES);
	free_text(&t);
}

/* Every byte of one line, with every other value: nothing in it can be changed. */
static void each_byte_of_a_line(void **state)
{
	struct bench *b = *state;
	struct text t = exported(b);
	struct desk_verdict verdict = {0};
	char *line = t.lines[3];
	size_t len = strlen(line) - 1;

	for (size_t p = 0; p < 3; p++)
		assert_int_equal(next(&verdict, t.lines[p], strlen(t.lines[p]) - 1), DESK_OK);
	for (size_t at = 0; at < len; at++) {
		char before = line[at];
		for (int value = 1; value < 256; value += RUNNING_ON_VALGRIND ? 50 : 1) {
			if ((char)value == before || value == '\n')
				continue;
			line[at] = (char)value;
			named(&verdict, line, len, 4);
		}
		line[at] = before;
	}
	assert_int_equal(next(&verdict, line, len), DESK_OK);
	free_text(&t);
}

/* Against the file of heads: an export that ends early, or begins anew at the end. */
static void an_export_and_its_heads(void **state)
{
	struct bench *b = *state;
	struct text t = exported(b);
	struct desk_verdict verdict;
	char heads[128], path[128];

	bench_path(b, "heads", heads);
	bench_path(b, "export", path);
	for (size_t count = ENTRIES - 1; count <= ENTRIES; count++) {
		FILE *f = fopen(path, "w+e");
		assert_non_null(f);
		for (size_t i = 0; i < count; i++)
			fputs(t.lines[i], f);
		rewind(f);
		assert_int_equal(desk_export_verify(f, NULL, NULL, &verdict), DESK_OK);
		rewind(f);
		assert_int_equal(
			desk_export_verify(f, NULL, heads, &verdict), count == ENTRIES ? DESK_OK : DESK_RECORD_WRONG);
		assert_int_equal(verdict.wrong, count == ENTRIES ? 0 : ENTRIES);
		fclose(f);
	}
	free_text(&t);
}

/* ---- the database, by another program ---- */

/* Delete, change, exchange, at many places: each is named, and put back the record is right again. */
static void many_places_of_the_table(void **state)
{
	struct bench *b = *state;
	int step = RUNNING_ON_VALGRIND ? 5000 : 1111;

	for (int seq = 1; seq <= ENTRIES; seq += step) {
		char sql[400];
		snprintf(sql, sizeof(sql),
			"CREATE TABLE aside AS SELECT * FROM record WHERE seq = %d; DELETE FROM record WHERE seq = %d",
			seq, seq);
		tamper(b, sql);
		verify(b, NULL, seq);
		tamper(b, "INSERT INTO record SELECT * FROM aside; DROP TABLE aside");
		tamper(b, "CREATE TABLE aside AS SELECT * FROM record");
		snprintf(sql, sizeof(sql),
			"UPDATE record SET entry = replace(entry, '\"what\":\"', '\"what\":\"x') WHERE seq = %d", seq);
		tamper(b, sql);
		verify(b, NULL, seq);
		tamper(b, "DELETE FROM record; INSERT INTO record SELECT * FROM aside");
		if (seq < ENTRIES) {
			snprintf(sql, sizeof(sql),
				"UPDATE record SET seq = 0 WHERE seq = %d; UPDATE record SET seq = %d WHERE seq = %d;"
				"UPDATE record SET seq = %d WHERE seq = 0",
				seq, seq, seq + 1, seq + 1);
			tamper(b, sql);
			verify(b, NULL, seq);
		}
		tamper(b, "DROP TABLE record; ALTER TABLE aside RENAME TO record");
		verify(b, NULL, 0);
	}
}

/* The tables beside the record: people, keys and their certificates. */
static void what_the_record_does_not_know(void **state)
{
	static const char *const changes[][2] = {
		{"UPDATE staff SET roles = 7 WHERE name = 'olga'",                                             "UPDATE staff SET roles = 1 WHERE name = 'olga'" },
		{"UPDATE staff SET active = 0 WHERE name = 'aude'",                                            "UPDATE staff SET active = 1 WHERE name = 'aude'"},
		{"UPDATE staff SET key = zeroblob(32) WHERE name = 'anna'",
                 "UPDATE staff SET key = (SELECT key FROM aside)"
			" WHERE name = 'anna'"														  },
		{"UPDATE staff SET name = 'eve' WHERE name = 'anna'",
                 "UPDATE staff SET name = 'anna' WHERE name = 'eve'"											    },
		{"INSERT INTO staff (name, roles, certificate, key) VALUES ('eve', 7, x'00', randomblob(32))",
                 "DELETE FROM staff WHERE name = 'eve'"													 },
		{"UPDATE master SET uri = 'pkcs11:object=other'",                                              "UPDATE master SET uri = ''"                     },
		{"UPDATE master SET active = 0",							       "UPDATE master SET active = 1"                   },
		{"INSERT INTO master VALUES (9, 'pkcs11:object=mine', 1)",                                     "DELETE FROM master WHERE version = 9"           },
	};
	struct bench *b = *state;
	struct desk_verdict verdict;
	struct desk_person person;

	tamper(b, "CREATE TABLE aside AS SELECT * FROM staff WHERE name = 'anna'");
	for (size_t i = 0; i < COUNT(changes); i++) {
		tamper(b, changes[i][0]);
		if (desk_record_verify(b->desk, NULL, &verdict) != DESK_RECORD_WRONG)
			fail_msg("not seen: %s", changes[i][0]);
		tamper(b, changes[i][1]);
		verify(b, NULL, 0);
	}
	/* a certificate put in another's place lets nobody in */
	tamper(b, "UPDATE staff SET certificate = (SELECT certificate FROM staff WHERE name = 'olga') WHERE name = "
		  "'anna'");
	struct desk_signer olga = bench_signer(b, OLGA);
	assert_int_equal(desk_login(b->desk, "anna", &olga, &person), DESK_DAMAGED);
	/* founders that come back are seen */
	tamper(b, "UPDATE meta SET value = '1' WHERE name = 'founding'");
	struct bytes der = BYTES(b->staff[OLGA].der, b->staff[OLGA].len);
	assert_int_equal(desk_staff_remove(b->desk, NULL, NULL, "olga"), DESK_OK);
	tamper(b, "UPDATE staff SET key = randomblob(32) WHERE name = 'olga'");
	assert_int_equal(desk_staff_add(b->desk, NULL, NULL, "eve", DESK_APPROVER, der), DESK_OK);
	assert_int_equal(desk_record_verify(b->desk, NULL, &verdict), DESK_RECORD_WRONG);
}

/* Killed at any moment: state and record are together, or neither is there; the next one goes on. */
static void killed_at_any_moment(void **state)
{
	struct bench *b = *state;
	uint32_t delay = 200;

	bench_register(b, SERIAL);
	desk_close(b->desk);
	for (int round = 0; round < 25; round++, delay = delay * 5 / 4 % 40000) {
		pid_t pid = fork();
		if (pid == 0) {
			b->desk = bench_open(b);
			for (;;) {
				int64_t id = bench_request(b, SERIAL, "approved");
				struct desk_person arno = bench_login(b, ARNO);
				if (desk_reject(b->desk, &arno, id, "x") != DESK_OK)
					_exit(1);
			}
		}
		assert_true(pid > 0);
		usleep(20000 + delay);
		kill(pid, SIGKILL);
		int status = 0;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		b->desk = bench_open(b);
		struct desk_verdict verdict;
		enum desk_status s = desk_record_verify(b->desk, NULL, &verdict);
		if (s != DESK_OK)
			fail_msg("round %d: entry %lld: %s", round, (long long)verdict.wrong, verdict.why);
		/* the way is free for the next one */
		json_t *rows = NULL;
		assert_int_equal(desk_requests(b->desk, 0, true, &rows), DESK_OK);
		struct desk_person arno = bench_login(b, ARNO);
		for (size_t i = 0; i < json_array_size(rows); i++)
			assert_int_equal(
				desk_reject(b->desk, &arno,
					json_integer_value(json_object_get(json_array_get(rows, i), "id")), "x"),
				DESK_OK);
		json_decref(rows);
		desk_close(b->desk);
	}
	b->desk = bench_open(b);
}

/* ---- a desk that is killed while it is made ---- */

static int64_t moment(void *arg)
{
	return *(int64_t *)arg;
}

static enum desk_status make(const char *dir, int64_t *now)
{
	struct desk_master master;
	bench_master(&master);
	struct desk_new new = {.dir = dir, .key_version = 1, .master = &master, .now = moment, .now_arg = now};

	return desk_create(&new);
}

static void remove_desk(const char *dir)
{
	static const char *const names[] = {
		"desk.db", "desk.db-wal", "desk.db-shm", "desk.db.new", "desk.db.new-wal", "desk.db.new-shm", "heads"};
	char path[128];

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* Either there is no desk, and the next one makes it; or there is a whole one. */
static void killed_while_it_is_made(void **state)
{
	struct bench *b = *state;
	int64_t now = b->now;
	char dir[64], half[160];
	int whole = 0, none = 0;

	snprintf(dir, sizeof(dir), "%.57s.made", b->dir);
	snprintf(half, sizeof(half), "%s/desk.db", dir);
	for (useconds_t delay = 300; delay < 60000 || (whole == 0 && delay < 5000000); delay += delay / 6) {
		pid_t pid = fork();
		if (pid == 0)
			_exit(make(dir, &now) == DESK_OK ? 0 : 1);
		assert_true(pid > 0);
		usleep(delay);
		kill(pid, SIGKILL);
		int status = 0;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		bool there = access(half, F_OK) == 0;
		whole += there, none += !there;
		if (!there) {
			enum desk_status s = make(dir, &now);
			if (s != DESK_OK)
				fail_msg("after %u us: %s: %s", (unsigned)delay, desk_status_name(s), desk_detail());
		}
		struct bench again = {.now = now};
		snprintf(again.dir, sizeof(again.dir), "%s", dir);
		struct desk_verdict verdict;
		again.desk = bench_open(&again);
		assert_int_equal(desk_record_verify(again.desk, NULL, &verdict), DESK_OK);
		assert_int_equal(verdict.head.count, 1);
		desk_close(again.desk);
		assert_int_equal(make(dir, &now), DESK_EXISTS);
		remove_desk(dir);
	}
	assert_true(whole > 0 && none > 0);
	/* the heads of another record */
	assert_int_equal(mkdir(dir, 0700), 0);
	snprintf(half, sizeof(half), "%s/heads", dir);
	FILE *f = fopen(half, "we");
	assert_non_null(f);
	fputs("1:00\n", f);
	fclose(f);
	assert_int_equal(make(dir, &now), DESK_EXISTS);
	assert_int_equal(access(half, F_OK), 0); /* and they stay */
	remove_desk(dir);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, bench_end)
	const struct CMUnitTest tests[] = {
		TEST(the_honest_record_is_right),
		TEST(the_table_is_only_appended_to),
		TEST(deleted_first),
		TEST(deleted_in_the_middle),
		TEST(deleted_and_renumbered),
		TEST(changed_text),
		TEST(changed_hash),
		TEST(reordered),
		TEST(truncated),
		TEST(truncated_by_one),
		TEST(emptied),
		TEST(inserted_in_front),
		TEST(a_token_set_free),
		TEST(truncated_with_its_heads),
		TEST(rewritten),
		cmocka_unit_test_setup_teardown(a_request_changed_past_the_rules, bench_new, bench_end),
		TEST(every_tampering_with_an_export),
		TEST(each_of_10000_lines),
		TEST(each_byte_of_a_line),
		TEST(an_export_and_its_heads),
		TEST(many_places_of_the_table),
		cmocka_unit_test_setup_teardown(what_the_record_does_not_know, bench_new, bench_end),
		cmocka_unit_test_setup_teardown(killed_at_any_moment, bench_new, bench_end),
		cmocka_unit_test_setup_teardown(killed_while_it_is_made, bench_new, bench_end),
	};
	return cmocka_run_group_tests(tests, make_model, drop_model);
}
