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

/* As somebody would who can write to the file: without the triggers. */
static void tamper(struct bench *b, const char *sql)
{
	char *error = NULL;

	assert_int_equal(desk_run(b->desk, "DROP TRIGGER record_stays", ""), DESK_OK);
	assert_int_equal(desk_run(b->desk, "DROP TRIGGER record_same", ""), DESK_OK);
	assert_int_equal(desk_run(b->desk, "DROP TRIGGER record_next", ""), DESK_OK);
	if (sqlite3_exec(b->desk->db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s", error);
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

static void every_tampering_with_an_export(void **state)
{
	static const size_t places[] = {0, 1, 4999, 9998, 9999};
	struct bench *b = *state;
	struct text t = exported(b);
	struct desk_head head;

	desk_head(b->desk, &head);
	assert_int_equal(t.count, ENTRIES);
	check_export(b, &t, &head, 0);
	for (size_t i = RUNNING_ON_VALGRIND ? 3 : 0; i < COUNT(places); i++) { /* a sample is enough there */
		size_t p = places[i];
		char *line = t.lines[p], *digit = strstr(line, "\"at\":") + 5;
		t.lines[p] = NULL;
		check_export(b, &t, &head, (int64_t)p + 1);
		t.lines[p] = line;
		*digit = *digit == '9' ? '8' : '9';
		check_export(b, &t, &head, (int64_t)p + 1);
		*digit = '1';
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
	for (size_t i = 0; i < ENTRIES + 10; i++)
		free(t.lines[i]);
	free(t.lines);
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
	for (useconds_t delay = 300; delay < 60000; delay += delay / 6) {
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
		cmocka_unit_test_setup_teardown(killed_at_any_moment, bench_new, bench_end),
		cmocka_unit_test_setup_teardown(killed_while_it_is_made, bench_new, bench_end),
	};
	return cmocka_run_group_tests(tests, make_model, drop_model);
}
