/* SPDX-License-Identifier: Apache-2.0 */
/* The cache in files: what it spares, and that nothing in it can make libukey say what the token does not. */
#include "config.h"

#include "driver/cache_file.h"
#include "driver/folder.h"
#include "tests/wire/cache_files.h"
#include "tests/wire/driver_bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERIAL "00554B4559000001"
#define KEYS   2

/* The token as the test made it. */
static uint8_t *certificate[KEYS];
static size_t certificate_len[KEYS];

/* Everything is forgotten but the files: another process. */
static void another_process(struct bench *b)
{
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
}

static unsigned list_everything(struct bench *b)
{
	const uint64_t before = ukey_token_commands(b->t);
	const struct ukey_directory *d;
	uint8_t *der;
	size_t len;

	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, KEYS);
	assert_string_equal(d->keys[0].label, "key");
	for (size_t i = 0; i < KEYS; i++) {
		ok(ukey_read_certificate(b->t, d->keys[i].ref, &der, &len));
		assert_int_equal(len, certificate_len[i]);
		assert_memory_equal(der, certificate[i], len);
		free(der);
	}
	ukey_directory_unref(d);
	return (unsigned)(ukey_token_commands(b->t) - before);
}

static int setup(void **state)
{
	bench_setup_operational(state);
	struct bench *b = *state;
	bench_login(b, UKEY_USER);
	for (int i = 0; i < KEYS; i++) {
		bench_generate(b, 2 * i, i ? UKEY_RSA_2048 : UKEY_P256, 0);
		certificate[i] = bench_certificate_for(b, (ukey_key_ref)(2 * i), 0, &certificate_len[i]);
		ok(ukey_write_certificate(b->t, (ukey_key_ref)(2 * i), certificate[i], certificate_len[i], NULL));
	}
	list_everything(b);
	another_process(b);
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < KEYS; i++)
		free(certificate[i]);
	trusted_configure(NULL);
	return bench_teardown(state);
}

/* ---- what it spares ---------------------------------------------------------------------------------------------- */

/* Design section 4: first look 1, everything 0, log-in 1 (and 2 for the channel of a known token), each signature 1. */
static void a_known_token_costs_what_the_budget_says(void **state)
{
	struct bench *b = *state;
	const struct ukey_scheme pkcs1 = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	uint8_t digest[32] = {1}, out[512];
	size_t len = sizeof out;

	const unsigned long apdus = b->chip[0]->apdus;
	another_process(b);
	assert_int_equal(b->chip[0]->apdus - apdus, 1);
	assert_int_equal(ukey_token_commands(b->t), 1);
	assert_int_equal(list_everything(b), 0);
	bench_login(b, UKEY_USER);
	for (int i = 0; i < 2; i++) {
		len = sizeof out;
		ok(ukey_sign(b->t, 2, &pkcs1, digest, sizeof digest, out, &len));
		assert_int_equal(ukey_token_commands(b->t), (trusted_personal() ? 5 : 3) + i);
		assert_int_equal(b->chip[0]->apdus - apdus, (trusted_personal() ? 5 : 3) + i);
	}
	assert_int_equal(list_everything(b), 0);
}

static void files_are_their_owners_alone(void **state)
{
	char names[8][NAME_MAX + 1];
	struct stat st;

	(void)state;
	const size_t n = cache_names(names, 8);
	assert_int_equal(n, 1 + KEYS);
	assert_int_equal(stat(cache_path(NULL), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < n; i++) {
		assert_int_equal(strncmp(names[i], SERIAL ".", 17), 0);
		assert_int_equal(stat(cache_path(names[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
}

static void it_can_be_switched_off(void **state)
{
	struct bench *b = *state;
	char names[8][NAME_MAX + 1];

	trusted_configure("cache = no\n");
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	trusted_forget_cache();
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(cache_names(names, 8), 0);
}

/* ---- damage ------------------------------------------------------------------------------------------------------ */

/* The answers are right whatever the file says; it costs 1 command at most, and is as good as new afterwards. */
static void look_at_damage(struct bench *b, const char *name, const uint8_t *bad, size_t bad_len)
{
	cache_write(name, bad, bad_len);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
}

static void a_file_is_damaged(struct bench *b, const char *name)
{
	size_t len, mended_len;
	uint8_t *good = cache_read(name, &len), *bad = malloc(len + 1), *mended;

	/* Every bit of the header, every byte of the content. */
	for (size_t i = 0; i < len; i++) {
		memcpy(bad, good, len);
		for (unsigned bit = 0; bit < (i < CACHE_HEADER ? 8u : 1u); bit++) {
			bad[i] = good[i] ^ (uint8_t)(1u << (i < CACHE_HEADER ? bit : i % 8));
			look_at_damage(b, name, bad, len);
		}
	}
	memcpy(bad, good, len);
	bad[len] = 0;
	for (size_t i = 0; i < len; i += i < 64 ? 1 : 37)
		look_at_damage(b, name, bad, i);
	look_at_damage(b, name, bad, len + 1);
	mended = cache_read(name, &mended_len);
	assert_int_equal(mended_len, len);
	assert_memory_equal(mended, good, len);
	free(mended);
	free(good);
	free(bad);
}

static void damage_costs_time_never_correctness(void **state)
{
	char names[8][NAME_MAX + 1];
	const size_t n = cache_names(names, 8);

	for (size_t i = 0; i < n; i++)
		a_file_is_damaged(*state, names[i]);
}

/* One file's content under another's name; another token's directory; the same with the header made to fit. */
static void a_foreign_file_is_not_believed(void **state)
{
	struct bench *b = *state;
	char names[8][NAME_MAX + 1];
	const size_t n = cache_names(names, 8);
	size_t len;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
			if (i != j) {
				uint8_t *other = cache_read(names[i], &len);
				look_at_damage(b, names[j], other, len);
				other[5] = names[j][17] == 'd' ? CACHE_DIRECTORY : CACHE_CERTIFICATE;
				look_at_damage(b, names[j], other, len);
				free(other);
			}
	/* An empty directory, well made: what a token of the same serial number would leave after a reset. */
	uint8_t *empty = cache_read(SERIAL ".directory", &len);
	memset(empty + 22, 0, 4);
	look_at_damage(b, SERIAL ".directory", empty, CACHE_HEADER);
	free(empty);
}

static void a_huge_file_is_not_read(void **state)
{
	struct bench *b = *state;

	another_process(b);
	assert_int_equal(truncate(cache_path(SERIAL ".directory"), (off_t)1 << 40), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
	another_process(b);
	assert_int_equal(list_everything(b), 0);
}

/* ---- places ------------------------------------------------------------------------------------------------------ */

static void what_is_no_file_is_replaced(void **state)
{
	struct bench *b = *state;
	char copy[512];
	size_t len;
	uint8_t *good = cache_read(SERIAL ".directory", &len);

	/* A link, though to good content. */
	snprintf(copy, sizeof copy, "%s/copy", trusted_home());
	FILE *f = fopen(copy, "w");
	assert_int_equal(fwrite(good, 1, len, f), len);
	fclose(f);
	assert_int_equal(unlink(cache_path(SERIAL ".directory")), 0);
	assert_int_equal(symlink(copy, cache_path(SERIAL ".directory")), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
	another_process(b);
	assert_int_equal(list_everything(b), 0);
	/* A pipe: nobody waits for a writer. */
	assert_int_equal(unlink(cache_path(SERIAL ".directory")), 0);
	assert_int_equal(mkfifo(cache_path(SERIAL ".directory"), 0600), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
	/* Others can write it. */
	assert_int_equal(chmod(cache_path(SERIAL ".directory"), 0602), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
	another_process(b);
	assert_int_equal(list_everything(b), 0);
	unlink(copy);
	free(good);
}

static enum folder_state folder_state(void)
{
	enum folder_state state;
	int fd = folder_open(FOLDER_CACHE, NULL, false, &state);

	assert_int_equal(fd >= 0, state == FOLDER_GOOD);
	if (fd >= 0)
		close(fd);
	return state;
}

static void a_folder_that_is_not_ours_alone_is_not_used(void **state)
{
	struct bench *b = *state;
	char aside[512];

	assert_int_equal(folder_state(), FOLDER_GOOD);
	assert_int_equal(chmod(cache_path(NULL), 0777), 0);
	assert_int_equal(folder_state(), FOLDER_WRITABLE);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(chmod(cache_path(NULL), 0700), 0);
	/* A link to it. */
	snprintf(aside, sizeof aside, "%s/cache/aside", trusted_home());
	assert_int_equal(rename(cache_path(NULL), aside), 0);
	assert_int_equal(symlink(aside, cache_path(NULL)), 0);
	assert_int_equal(folder_state(), FOLDER_IN_PLACE);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(unlink(cache_path(NULL)), 0);
	/* No folder can be made where a file is. */
	FILE *f = fopen(cache_path(NULL), "w");
	fclose(f);
	assert_int_equal(folder_state(), FOLDER_IN_PLACE);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(unlink(cache_path(NULL)), 0);
	assert_int_equal(rename(aside, cache_path(NULL)), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 0);
	/* Another user's, as far as root can make it so. */
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(cache_path(NULL), 65534, 65534), 0);
	assert_int_equal(folder_state(), FOLDER_FOREIGN);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(chown(cache_path(NULL), 0, 0), 0);
	assert_int_equal(chown(cache_path(SERIAL ".directory"), 65534, 65534), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1);
}

/* Root in another's home (sudo) would leave a folder there that its owner cannot use. */
static void nothing_is_made_in_a_foreign_home(void **state)
{
	struct bench *b = *state;
	char base[512];

	if (geteuid() != 0)
		skip();
	trusted_forget_cache();
	snprintf(base, sizeof base, "%s/cache", trusted_home());
	assert_int_equal(mkdir(base, 0700), 0);
	assert_int_equal(chown(base, 65534, 65534), 0);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(access(cache_path(NULL), F_OK), -1);
	assert_int_equal(folder_state(), FOLDER_MISSING);
	/* Neither where the variable names a folder there. */
	char inner[600];
	snprintf(inner, sizeof inner, "%s/inner", base);
	setenv("XDG_CACHE_HOME", inner, 1);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	assert_int_equal(access(inner, F_OK), -1);
	setenv("XDG_CACHE_HOME", base, 1);
}

static void without_a_home_it_works_too(void **state)
{
	struct bench *b = *state;
	const char *const cache = getenv("XDG_CACHE_HOME"), *const home = getenv("HOME");
	char *kept = strdup(cache), *kept_home = home ? strdup(home) : NULL;

	unsetenv("HOME");
	setenv("XDG_CACHE_HOME", "relative", 1);
	assert_int_equal(folder_state(), FOLDER_NOWHERE);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	/* A file system that takes nothing. */
	setenv("XDG_CACHE_HOME", "/proc", 1);
	assert_int_equal(folder_state(), FOLDER_MISSING);
	another_process(b);
	assert_int_equal(list_everything(b), 1 + KEYS);
	setenv("XDG_CACHE_HOME", kept, 1);
	if (kept_home)
		setenv("HOME", kept_home, 1);
	free(kept);
	free(kept_home);
}

/* ---- change ------------------------------------------------------------------------------------------------------ */

/* pain 12: a renewed certificate is seen at once, and nobody deletes files by hand. */
static void what_another_program_changed_is_seen(void **state)
{
	struct bench *b = *state;
	struct bench other = {.loop = b->loop};

	/* Known from the file alone; then another process writes, and its file is ours no more. */
	assert_int_equal(list_everything(b), 0);
	ok(ukey_open(&other.u));
	bench_refresh(&other);
	bench_login(&other, UKEY_USER);
	ok(ukey_delete_certificate(other.t, 0));
	const struct ukey_directory *d;
	ok(ukey_directory(other.t, &d));
	assert_false(d->keys[0].certificate.exists);
	ukey_directory_unref(d);
	ukey_token_unref(other.t);
	ukey_close(other.u);
	another_process(b);
	ok(ukey_directory(b->t, &d));
	assert_false(d->keys[0].certificate.exists);
	assert_true(d->keys[1].certificate.exists);
	ukey_directory_unref(d);
	/* The certificate that is no more has left no file. */
	char names[8][NAME_MAX + 1];
	assert_int_equal(cache_names(names, 8), 2);
}

static void a_reset_leaves_nothing(void **state)
{
	struct bench *b = *state;
	char names[8][NAME_MAX + 1];
	const struct ukey_directory *d;

	bench_login(b, UKEY_SO);
	ok(ukey_factory_reset(b->t));
	assert_int_equal(cache_names(names, 8), 0);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 0);
	ukey_directory_unref(d);
	bench_initialize(b->t);
	another_process(b);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 0);
	ukey_directory_unref(d);
}

/* ---- bounds ------------------------------------------------------------------------------------------------------ */

static void the_longest_unused_files_go(void **state)
{
	static char names[CACHE_FILES_MAX + 64][NAME_MAX + 1];
	const struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
	char name[64];

	(void)state;
	for (int i = 0; i < CACHE_FILES_MAX + 10; i++) {
		snprintf(name, sizeof name, "%016X.directory", i + 1);
		cache_write(name, (const uint8_t *)"x", 1);
		assert_int_equal(utimensat(AT_FDCWD, cache_path(name), old, 0), 0);
	}
	/* Not ours to remove, whatever it is. */
	cache_write("README", (const uint8_t *)"x", 1);
	const uint8_t digest[32] = {0};
	cache_save(&(struct cache_key){CACHE_CERTIFICATE, SERIAL, digest}, BYTES_OF(digest));
	assert_int_equal(cache_names(names, CACHE_FILES_MAX + 64), CACHE_FILES_MAX + 1);
	assert_int_equal(access(cache_path("README"), F_OK), 0);
	assert_int_equal(access(cache_path(SERIAL ".directory"), F_OK), 0);
	/* By size too. */
	snprintf(name, sizeof name, "%016X.directory", 77777);
	cache_write(name, (const uint8_t *)"x", 1);
	assert_int_equal(truncate(cache_path(name), (off_t)2 * CACHE_SIZE_MAX), 0);
	assert_int_equal(utimensat(AT_FDCWD, cache_path(name), old, 0), 0);
	for (int i = 0; i < 12; i++)
		cache_save(&(struct cache_key){CACHE_CERTIFICATE, SERIAL, digest}, BYTES_OF(digest));
	assert_int_equal(access(cache_path(name), F_OK), -1);
}

/* ---- many processes ---------------------------------------------------------------------------------------------- */

static void read_and_write(unsigned round, const struct cache_key *k, struct bytes content)
{
	uint8_t *read;
	size_t len;

	for (unsigned i = 0; i < 500; i++) {
		if ((i + round) % 3 == 0)
			cache_save(k, content);
		read = cache_load(k, &len);
		/* Never half a file; and nobody takes one away. */
		if (!read || len != content.len || memcmp(read, content.data, len) != 0)
			_exit(1);
		free(read);
	}
	_exit(0);
}

static void processes_do_not_disturb_each_other(void **state)
{
	static uint8_t content[20000];
	uint8_t digest[32];
	char names[16][NAME_MAX + 1];
	int status;

	(void)state;
	memset(content, 0x5A, sizeof content);
	assert_true(crypto_digest(CRYPTO_SHA256, BYTES_OF(content), digest));
	const struct cache_key k = {CACHE_CERTIFICATE, SERIAL, digest};
	cache_save(&k, BYTES_OF(content));
	for (unsigned i = 0; i < 4; i++)
		if (fork() == 0)
			read_and_write(i, &k, BYTES_OF(content));
	for (unsigned i = 0; i < 4; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_int_equal(cache_names(names, 16), 1 + KEYS + 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_known_token_costs_what_the_budget_says),
		test(files_are_their_owners_alone),
		test(it_can_be_switched_off),
		test(damage_costs_time_never_correctness),
		test(a_foreign_file_is_not_believed),
		test(a_huge_file_is_not_read),
		test(what_is_no_file_is_replaced),
		test(a_folder_that_is_not_ours_alone_is_not_used),
		test(nothing_is_made_in_a_foreign_home),
		test(without_a_home_it_works_too),
		test(what_another_program_changed_is_seen),
		test(a_reset_leaves_nothing),
		test(the_longest_unused_files_go),
		test(processes_do_not_disturb_each_other),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
