/* SPDX-License-Identifier: Apache-2.0 */
/* setup: reading and replacing other programs' files so that nothing of theirs is lost. */
#include "config.h"

#include "tools/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1024 * 1024)

void setup_problem(struct setup_edit *e, const char *mend, const char *why, ...)
{
	va_list list;

	e->found = SETUP_PROBLEM;
	va_start(list, why);
	vsnprintf(e->why, sizeof(e->why), why, list);
	va_end(list);
	snprintf(e->mend, sizeof(e->mend), "%s", mend);
}

static bool system_problem(struct setup_edit *e, const char *path)
{
	setup_problem(e, _("check the permissions and the space on the disk"), "%s: %s", path, strerror(errno));
	return false;
}

/* path without symlinks. What of it does not exist yet is kept as it is; ".." there could lead anywhere. */
static bool resolve(const char *path, char out[SETUP_PATH], struct setup_edit *e)
{
	char head[SETUP_PATH];
	const char *rest;
	size_t len = strlen(path);
	struct stat st;
	char *real;
	int n;

	for (;;) {
		snprintf(head, sizeof(head), "%.*s", (int)len, path);
		real = realpath(head, NULL);
		if (real != NULL)
			break;
		if (errno != ENOENT)
			return system_problem(e, head);
		if (lstat(head, &st) == 0) {
			setup_problem(e, _("mend or remove the link"), _("%s is a link that leads nowhere"), head);
			return false;
		}
		while (len > 1 && path[len - 1] != '/')
			len--;
		while (len > 1 && path[len - 1] == '/')
			len--;
	}
	rest = path + len;
	n = snprintf(out, SETUP_PATH, "%s%s", strcmp(real, "/") == 0 ? "" : real, rest);
	free(real);
	if (n < 0 || n >= SETUP_PATH || strstr(rest, "/../") != NULL) {
		setup_problem(e, _("see where it comes from"), _("%s is not a path to be followed"), path);
		return false;
	}
	return true;
}

static bool inside(const char *path, const char *folder)
{
	const size_t len = strlen(folder);

	return strncmp(path, folder, len) == 0 && path[len] == '/';
}

/* The folder that the file is in, or the nearest one above it that exists, has to be the user's. */
static bool folder_is_ours(const char *path, struct setup_edit *e)
{
	char folder[SETUP_PATH];
	struct stat st;

	snprintf(folder, sizeof(folder), "%s", path);
	do
		*strrchr(folder, '/') = '\0';
	while (stat(folder, &st) != 0 && errno == ENOENT && strchr(folder + 1, '/') != NULL);
	if (stat(folder, &st) != 0)
		return system_problem(e, folder);
	if (st.st_uid != geteuid())
		setup_problem(e, _("run this as the user whose programs are meant, without sudo"),
			_("%s belongs to another user"), folder);
	else if ((st.st_mode & (S_IWOTH | S_ISVTX)) == S_IWOTH)
		setup_problem(e, _("take that right away: chmod o-w"), _("everybody can write to %s"), folder);
	else
		return true;
	return false;
}

static bool read_all(int fd, struct setup_file *f, struct setup_edit *e)
{
	size_t room = (size_t)f->st.st_size, used = 0;
	ssize_t n;

	f->data = malloc(room + 1);
	if (f->data == NULL)
		return system_problem(e, f->path);
	while (used < room && (n = read(fd, f->data + used, room - used)) != 0) {
		if (n < 0 && errno != EINTR)
			return system_problem(e, f->path);
		used += n > 0 ? (size_t)n : 0;
	}
	f->data[used] = '\0';
	f->len = used;
	if (strlen(f->data) != used) {
		setup_problem(e, _("mend the file, or move it away, and repeat"), _("%s is damaged: it is not a text"),
			f->path);
		return false;
	}
	return true;
}

static bool load(const struct setup *s, struct setup_file *f, struct setup_edit *e)
{
	int fd = open(f->path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	bool good = false;

	if (fd < 0 && errno == ENOENT) {
		f->data = strdup("");
		return f->data != NULL || system_problem(e, f->path);
	}
	if (fd < 0 || fstat(fd, &f->st) != 0) {
		system_problem(e, f->path);
	} else if (!S_ISREG(f->st.st_mode)) {
		setup_problem(e, _("move it away and repeat"), _("%s is not a file"), f->path);
	} else if (!s->machine && f->st.st_uid != geteuid()) {
		setup_problem(e,
			_("run this as the user whose programs are meant, without sudo; or give the file back with "
			  "chown"),
			_("%s belongs to another user"), f->path);
	} else if ((size_t)f->st.st_size > FILE_MAX) {
		setup_problem(
			e, _("see what it is; a file of its kind has a few lines"), _("%s is too large"), f->path);
	} else {
		f->exists = true;
		good = read_all(fd, f, e);
	}
	if (fd >= 0)
		close(fd);
	return good;
}

bool setup_file_load(const struct setup *s, const char *path, struct setup_file *out, struct setup_edit *e)
{
	memset(out, 0, sizeof(*out));
	if (!resolve(path, out->path, e))
		return false;
	if (s->machine)
		return load(s, out, e); /* anybody may look; writing it is setup_file_mine's */
	if (!inside(out->path, s->home)) {
		setup_problem(e, _("it may be meant so: then change that file by hand"),
			_("%s is %s, outside of the home folder"), path, out->path);
		return false;
	}
	return folder_is_ours(out->path, e) && load(s, out, e);
}

void setup_file_clear(struct setup_file *file)
{
	free(file->data);
	file->data = NULL;
}

bool setup_file_mine(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	char mend[200];

	if (!s->machine || (f->st.st_uid == geteuid() && (geteuid() == 0 || access(f->path, W_OK) == 0)))
		return true;
	snprintf(mend, sizeof(mend), _("run it as root: sudo ukey setup %s%s"), s->program,
		s->mode == SETUP_REMOVE ? " --remove" : "");
	setup_problem(e, mend, _("%s is the machine's: this user may not change it"), f->path);
	return false;
}

bool setup_make_folders(const char *path, struct setup_edit *e)
{
	char folder[SETUP_PATH];

	snprintf(folder, sizeof(folder), "%s", path);
	for (char *slash = strchr(folder + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(folder, 0700) != 0 && errno != EEXIST)
			return system_problem(e, folder);
		*slash = '/';
	}
	return true;
}

/* Still the file that was read? What the program itself has written in between must not be lost. */
static bool unchanged(const struct setup_file *f, struct setup_edit *e)
{
	struct stat st;
	const bool here = lstat(f->path, &st) == 0;

	if (here == f->exists &&
		(!here || (st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino && st.st_size == f->st.st_size &&
				  st.st_mtim.tv_sec == f->st.st_mtim.tv_sec &&
				  st.st_mtim.tv_nsec == f->st.st_mtim.tv_nsec)))
		return true;
	setup_problem(e, _("close that program and repeat"), _("%s was changed by another program just now"), f->path);
	return false;
}

/* A rename lasts when its folder has been written too. */
static void sync_folder(const char *path)
{
	char folder[SETUP_PATH];
	int fd;

	snprintf(folder, sizeof(folder), "%s", path);
	*strrchr(folder, '/') = '\0';
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd >= 0) {
		fsync(fd);
		close(fd);
	}
}

static bool write_temporary(int fd, const struct setup_file *f, const char *text)
{
	const size_t len = strlen(text);
	size_t done = 0;
	ssize_t n;

	while (done < len) {
		n = write(fd, text + done, len - done);
		if (n < 0 && errno != EINTR)
			return false;
		done += n > 0 ? (size_t)n : 0;
	}
	/* the group can only be kept by who is in it; without it the file is still the user's */
	if (f->exists && fchown(fd, (uid_t)-1, f->st.st_gid) != 0 && errno != EPERM)
		return false;
	return fchmod(fd, f->exists ? f->st.st_mode & 07777 : 0600) == 0 && fsync(fd) == 0;
}

bool setup_file_store(const struct setup_file *f, const char *text, struct setup_edit *e)
{
	char temporary[SETUP_PATH + 8];
	bool good;
	int fd;

	if (text[0] == '\0') {
		if (!unchanged(f, e))
			return false;
		if (unlink(f->path) != 0)
			return system_problem(e, f->path);
		sync_folder(f->path);
		return true;
	}
	if (!setup_make_folders(f->path, e))
		return false;
	snprintf(temporary, sizeof(temporary), "%s.XXXXXX", f->path);
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return system_problem(e, f->path);
	good = write_temporary(fd, f, text) || system_problem(e, f->path);
	if (close(fd) != 0 && good)
		good = system_problem(e, f->path);
	good = good && unchanged(f, e) && (rename(temporary, f->path) == 0 || system_problem(e, f->path));
	if (good)
		sync_folder(f->path);
	else
		unlink(temporary);
	return good;
}

char *setup_read(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text = f != NULL ? calloc(1, FILE_MAX + 1) : NULL;

	if (text != NULL)
		text[fread(text, 1, FILE_MAX, f)] = '\0';
	if (f != NULL)
		fclose(f);
	return text;
}
