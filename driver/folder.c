/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/folder.h"

#include "driver/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct {
	const char *variable;
	const char *home[2]; /* without the variable: from the home, step by step */
} bases[] = {
	[FOLDER_STATE] = {"XDG_STATE_HOME", {".local", "state"}},
	[FOLDER_CACHE] = {"XDG_CACHE_HOME", {".cache", NULL}   },
};

static const char *absolute(const char *variable)
{
	const char *value = secure_getenv(variable);
	/* The XDG base directory specification: a relative path is to be ignored. */
	return value && value[0] == '/' ? value : NULL;
}

/* What root made in another user's home (sudo) would be of no use to that user any more. */
static bool may_make(int at)
{
	struct stat st;
	return geteuid() != 0 || (fstat(at, &st) == 0 && st.st_uid == 0);
}

/* The folder `name` in `at`, which is closed. */
static int step(int at, const char *name, bool make, int flags)
{
	int fd = -1;

	if (at < 0)
		return -1;
	if (make && may_make(at))
		mkdirat(at, name, 0700);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	int why = errno;
	close(at);
	errno = why;
	return fd;
}

static void make_named(const char *path)
{
	char *parent = strdup(path), *slash = parent ? strrchr(parent, '/') : NULL;
	int at = -1;

	if (slash) {
		*slash = '\0';
		at = open(slash == parent ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (at >= 0) {
		if (may_make(at))
			mkdirat(at, slash + 1, 0700);
		close(at);
	}
	free(parent);
}

static int open_base(enum folder_kind kind, bool make)
{
	const char *base = absolute(bases[kind].variable), *home = absolute("HOME");

	if (base && make)
		make_named(base);
	int fd = open(base ? base : home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (size_t i = 0; !base && i < 2 && bases[kind].home[i]; i++)
		fd = step(fd, bases[kind].home[i], make, 0);
	return fd;
}

static enum folder_state judge(int fd)
{
	struct stat st;

	if (fd < 0)
		return errno == ELOOP || errno == ENOTDIR ? FOLDER_IN_PLACE : FOLDER_MISSING;
	if (fstat(fd, &st) != 0)
		return FOLDER_MISSING;
	if (st.st_uid != geteuid())
		return FOLDER_FOREIGN;
	return st.st_mode & (S_IWGRP | S_IWOTH) ? FOLDER_WRITABLE : FOLDER_GOOD;
}

int folder_open(enum folder_kind kind, const char *inside, bool make, enum folder_state *state)
{
	const char *names[] = {"openukey", inside};
	enum folder_state found = FOLDER_NOWHERE;
	int fd = -1;

	if (absolute(bases[kind].variable) || absolute("HOME")) {
		fd = open_base(kind, make);
		found = fd < 0 ? FOLDER_MISSING : FOLDER_GOOD;
	}
	for (size_t i = 0; found == FOLDER_GOOD && i < 2 && names[i]; i++) {
		fd = step(fd, names[i], make, O_NOFOLLOW);
		found = judge(fd);
	}
	if (found > FOLDER_MISSING)
		log_text("the folder openukey%s%s of %s is not ours alone, and not used", inside ? "/" : "",
			inside ? inside : "", bases[kind].variable);
	if (found != FOLDER_GOOD && fd >= 0) {
		close(fd);
		fd = -1;
	}
	if (state)
		*state = found;
	return fd;
}

void folder_path(enum folder_kind kind, char *out, size_t cap)
{
	const char *base = absolute(bases[kind].variable), *home = absolute("HOME");
	const char *const *in = bases[kind].home;

	out[0] = '\0';
	if (base)
		snprintf(out, cap, "%s/openukey", base);
	else if (home)
		snprintf(out, cap, "%s/%s%s%s/openukey", home, in[0], in[1] ? "/" : "", in[1] ? in[1] : "");
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static bool ours(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

int folder_file(int folder, const char *name)
{
	/* O_NONBLOCK: a pipe in its place must not hold us up. */
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0 && !ours(fd)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

uint8_t *folder_read(int folder, const char *name, size_t max, size_t *len)
{
	int fd = folder_file(folder, name);
	uint8_t *content = NULL;
	struct stat st;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &st) == 0 && st.st_size > 0 && (uintmax_t)st.st_size <= max)
		content = malloc((size_t)st.st_size);
	if (content && pread(fd, content, (size_t)st.st_size, 0) != st.st_size) {
		free(content);
		content = NULL;
	}
	close(fd);
	if (content)
		*len = (size_t)st.st_size;
	return content;
}

static bool write_all(int fd, struct bytes b)
{
	struct cursor c = cursor_of(b);

	while (c.left > 0) {
		ssize_t n = write(fd, c.at, c.left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		cursor_take(&c, (size_t)n);
	}
	return true;
}

bool folder_write(int folder, const char *name, const struct bytes *parts, size_t count)
{
	static atomic_uint number;
	char unique[160];
	struct timespec now;
	bool good = true;

	/* Processes that cannot see each other, in containers with one home, may have one number. */
	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(unique, sizeof unique, ".%s.%ld.%lx.%u", name, (long)getpid(), (unsigned long)now.tv_nsec,
		atomic_fetch_add(&number, 1));
	int fd = openat(folder, unique, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	for (size_t i = 0; good && i < count; i++)
		good = write_all(fd, parts[i]);
	good = close(fd) == 0 && good;
	good = good && renameat(folder, unique, folder, name) == 0;
	if (!good)
		unlinkat(folder, unique, 0);
	return good;
}
