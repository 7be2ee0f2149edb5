/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/cache_file.h"

#include "common/crypto.h"
#include "common/hex.h"
#include "driver/directory.h"
#include "driver/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MAGIC         0x4F554B43u /* "OUKC" */
#define FORMAT        1
#define SERIAL_LEN    16
#define NAME_SIZE     (SERIAL_LEN + 1 + sizeof DIRECTORY_EXT + HEX_SIZE(32))
#define CHECK_LEN     32
#define REMOVED_MAX   64    /* at one time: a folder that others filled is emptied bit by bit */
#define UNUSED_AFTER  86400 /* seconds after which a use is noted again */
#define DIRECTORY_EXT ".directory"

/* ---- one file ---------------------------------------------------------------------------------------------------- */

static struct bytes serial_bytes(const char *serial)
{
	return BYTES((const uint8_t *)serial, strlen(serial));
}

/* What ties the content to the name of a card that tells no digest. */
static bool check_of(const struct cache_key *k, struct bytes content, uint8_t check[CRYPTO_DIGEST_MAX])
{
	struct crypto_digest_ctx *ctx = crypto_digest_new(CRYPTO_SHA256);
	const bool good = ctx && crypto_digest_update(ctx, BYTES(k->sha256, 32)) &&
			  crypto_digest_update(ctx, content) && crypto_digest_final(ctx, check);

	crypto_digest_free(ctx);
	return good;
}

/* Of a named directory the content is what stands behind the check. */
static bool is_what_it_was(const struct cache_key *k, struct bytes *content)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	if (k->kind != CACHE_NAMED_DIRECTORY)
		return crypto_digest(CRYPTO_SHA256, *content, digest) && memcmp(digest, k->sha256, 32) == 0;
	struct cursor c = cursor_of(*content);
	const struct bytes check = cursor_take(&c, CHECK_LEN);
	*content = cursor_rest(&c);
	return check.len == CHECK_LEN && check_of(k, *content, digest) && bytes_equal(check, BYTES(digest, CHECK_LEN));
}

bool cache_content(struct bytes file, const struct cache_key *k, struct bytes *content)
{
	struct cursor c = cursor_of(file);
	bool ours = cursor_u32(&c) == MAGIC;

	ours = cursor_u8(&c) == FORMAT && ours;
	ours = cursor_u8(&c) == k->kind && ours;
	ours = bytes_equal(cursor_take(&c, SERIAL_LEN), serial_bytes(k->serial)) && ours;
	*content = cursor_take(&c, cursor_u32(&c));
	return cursor_done(&c) && ours && is_what_it_was(k, content);
}

static void name_of(const struct cache_key *k, char name[NAME_SIZE])
{
	char digest[HEX_SIZE(32)];

	hex_encode(BYTES(k->sha256, 32), digest, sizeof digest);
	snprintf(name, NAME_SIZE, "%.16s%s%s%s", k->serial, k->kind == CACHE_DIRECTORY ? "" : ".",
		k->kind == CACHE_DIRECTORY ? "" : digest, k->kind == CACHE_CERTIFICATE ? "" : DIRECTORY_EXT);
}

/* The time of the file is that of its last use, to a day. */
static void note_use(int folder, const char *name)
{
	struct stat st;

	if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && time(NULL) - st.st_mtime > UNUSED_AFTER)
		utimensat(folder, name, NULL, AT_SYMLINK_NOFOLLOW);
}

uint8_t *cache_load(const struct cache_key *k, size_t *len)
{
	char name[NAME_SIZE];
	struct bytes content;
	uint8_t *file = NULL;
	size_t file_len = 0;
	int folder = folder_open(FOLDER_CACHE, NULL, false, NULL);

	if (folder < 0)
		return NULL;
	name_of(k, name);
	file = folder_read(folder, name, CACHE_HEADER + CACHE_CONTENT_MAX, &file_len);
	if (file && cache_content(BYTES(file, file_len), k, &content)) {
		bytes_move(file, content.data, content.len);
		*len = content.len;
		note_use(folder, name);
	} else {
		free(file);
		file = NULL;
	}
	close(folder);
	return file;
}

/* ---- the folder -------------------------------------------------------------------------------------------------- */

/* Ours, as the names go: SERIAL.something, or what an interrupted process left of writing it. */
static bool name_is_ours(const char *name)
{
	const char *serial = name[0] == '.' ? name + 1 : name;
	return strspn(serial, "0123456789ABCDEF") == SERIAL_LEN && serial[SERIAL_LEN] == '.';
}

struct census {
	size_t files;
	uintmax_t bytes;
	char oldest[NAME_MAX + 1];
	struct timespec when;
};

static bool older(struct timespec a, struct timespec b)
{
	return a.tv_sec < b.tv_sec || (a.tv_sec == b.tv_sec && a.tv_nsec < b.tv_nsec);
}

static void count_file(struct census *all, int folder, const char *name)
{
	struct stat st;

	if (!name_is_ours(name) || fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	if (all->files == 0 || older(st.st_mtim, all->when)) {
		all->when = st.st_mtim;
		snprintf(all->oldest, sizeof all->oldest, "%s", name);
	}
	all->files++;
	all->bytes += (uintmax_t)st.st_size;
}

/* fdopendir takes the descriptor over, and a second one of the same open folder would share its place. */
static DIR *open_list(int folder)
{
	int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

	if (!list && fd >= 0)
		close(fd);
	return list;
}

static void prune(int folder)
{
	for (int i = 0; i < REMOVED_MAX; i++) {
		struct census all = {0};
		struct dirent *e;
		DIR *list = open_list(folder);

		while (list && (e = readdir(list)))
			count_file(&all, folder, e->d_name);
		if (list)
			closedir(list);
		if ((all.files <= CACHE_FILES_MAX && all.bytes <= CACHE_SIZE_MAX) ||
			unlinkat(folder, all.oldest, 0) != 0)
			return;
	}
}

static void save(int folder, const struct cache_key *k, struct bytes content)
{
	uint8_t header[CACHE_HEADER], check[CRYPTO_DIGEST_MAX];
	struct builder b = builder_of(header, sizeof header);
	const size_t check_len = k->kind == CACHE_NAMED_DIRECTORY ? CHECK_LEN : 0;
	char name[NAME_SIZE];

	builder_u32(&b, MAGIC);
	builder_u8(&b, FORMAT);
	builder_u8(&b, (uint8_t)k->kind);
	builder_put(&b, serial_bytes(k->serial));
	builder_u32(&b, (uint32_t)(check_len + content.len));
	const struct bytes parts[] = {builder_bytes(&b), BYTES(check, check_len), content};
	name_of(k, name);
	if (b.len == sizeof header && check_len + content.len <= CACHE_CONTENT_MAX &&
		(check_len == 0 || check_of(k, content, check)) && folder_write(folder, name, parts, 3))
		prune(folder);
}

void cache_save(const struct cache_key *k, struct bytes content)
{
	int folder = folder_open(FOLDER_CACHE, NULL, true, NULL);

	if (folder >= 0) {
		save(folder, k, content);
		close(folder);
	}
}

static bool named(const struct ukey_directory *d, const char *digest)
{
	char text[HEX_SIZE(32)];

	for (size_t i = 0; i < d->key_count; i++) {
		hex_encode(BYTES_OF(d->keys[i].certificate.sha256), text, sizeof text);
		if (d->keys[i].certificate.exists && strcmp(text, digest) == 0)
			return true;
	}
	for (size_t i = 0; i < d->certificate_count; i++) {
		hex_encode(BYTES_OF(d->certificates[i].certificate.sha256), text, sizeof text);
		if (strcmp(text, digest) == 0)
			return true;
	}
	return false;
}

/* Files of this token: those that d, whose own name is `own`, does not name; or all. */
static void remove_of(int folder, const char *serial, const struct ukey_directory *d, const char *own)
{
	DIR *list = open_list(folder);
	struct dirent *e;

	while (list && (e = readdir(list))) {
		const char *name = e->d_name;
		if (strncmp(name, serial, SERIAL_LEN) != 0 || !name_is_ours(name))
			continue;
		if (!d || (strcmp(name, own) != 0 && !named(d, name + SERIAL_LEN + 1)))
			unlinkat(folder, name, 0);
	}
	if (list)
		closedir(list);
}

void cache_save_directory(const struct cache_key *k, const struct ukey_directory *d, struct bytes content)
{
	int folder = folder_open(FOLDER_CACHE, NULL, true, NULL);
	char own[NAME_SIZE];

	if (folder < 0)
		return;
	name_of(k, own);
	remove_of(folder, k->serial, d, own);
	save(folder, k, content);
	close(folder);
}

void cache_remove(const struct cache_key *k)
{
	int folder = folder_open(FOLDER_CACHE, NULL, false, NULL);
	char name[NAME_SIZE];

	if (folder < 0)
		return;
	name_of(k, name);
	unlinkat(folder, name, 0);
	close(folder);
}

void cache_forget(const char *serial)
{
	int folder = folder_open(FOLDER_CACHE, NULL, false, NULL);

	if (folder >= 0) {
		remove_of(folder, serial, NULL, NULL);
		close(folder);
	}
}
