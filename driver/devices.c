/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/devices.h"

#include "driver/log.h"
#include "driver/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool ours(int fd, mode_t kind)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (st.st_mode & S_IFMT) == kind && st.st_uid == geteuid() &&
	       (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* The folder `name` in `at`, ours alone. Closes `at`. */
static int enter(int at, const char *name, bool make)
{
	int fd = -1;

	if (at < 0)
		return -1;
	if (make)
		mkdirat(at, name, 0700);
	fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	close(at);
	if (fd >= 0 && !ours(fd, S_IFDIR)) {
		log_text("the folder %s of openukey's state is not ours alone, and not used", name);
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The XDG base directory specification: a relative path is to be ignored, a missing folder made with mode 0700. */
static int open_state(bool make)
{
	const char *base = secure_getenv("XDG_STATE_HOME"), *home = secure_getenv("HOME");
	char path[4096];

	if (base && base[0] == '/') {
		if (make)
			mkdir(base, 0700);
		return open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (!home || home[0] != '/')
		return -1;
	int n = snprintf(path, sizeof path, "%s/.local/state", home);
	if (n < 0 || (size_t)n >= sizeof path)
		return -1;
	if (make) {
		path[strlen(path) - strlen("/state")] = '\0';
		mkdir(path, 0700);
		path[strlen(path)] = '/';
		mkdir(path, 0700);
	}
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int open_folder(bool make)
{
	return enter(enter(open_state(make), "openukey", make), "devices", make);
}

static int open_file(const char *serial)
{
	int folder = open_folder(false), fd = -1;

	if (folder < 0)
		return -1;
	fd = openat(folder, serial, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	close(folder);
	if (fd >= 0 && !ours(fd, S_IFREG)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

bool devices_known(const char *serial, bool *known)
{
	errno = 0;
	int fd = open_file(serial);
	const int why = errno;

	*known = fd >= 0;
	if (fd >= 0)
		close(fd);
	return fd >= 0 || (why != EMFILE && why != ENFILE && why != ENOMEM);
}

uint8_t *devices_load(const char *serial, size_t *len)
{
	int fd = open_file(serial);
	uint8_t *chain = fd >= 0 ? malloc(TRUST_CHAIN_MAX + 1) : NULL;
	ssize_t n = chain ? read(fd, chain, TRUST_CHAIN_MAX + 1) : -1;

	if (fd >= 0)
		close(fd);
	if (n <= 0 || n > TRUST_CHAIN_MAX) {
		free(chain);
		return NULL;
	}
	*len = (size_t)n;
	return chain;
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

/* Whole or not at all: many processes may do this at once. */
void devices_keep(const char *serial, struct bytes chain)
{
	int folder = open_folder(true), fd;
	char name[80];
	bool written;

	if (folder < 0)
		return;
	snprintf(name, sizeof name, ".%s.%ld.%p", serial, (long)getpid(), (const void *)chain.data);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		written = write_all(fd, chain);
		written = close(fd) == 0 && written;
		if (!written || renameat(folder, name, folder, serial) != 0)
			unlinkat(folder, name, 0);
	}
	close(folder);
}
