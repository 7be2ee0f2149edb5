/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/i18n.h"

#define FILE_MAX (256 * 1024)

static enum ra_status failed(const char *path)
{
	return ra_fail(errno == ENOENT ? RA_NO_CA : RA_IO, "%s: %s", path, strerror(errno));
}

static char *joined(const char *a, const char *separator, const char *b)
{
	size_t size = strlen(a) + strlen(separator) + strlen(b) + 1;
	char *text = malloc(size);

	if (text != NULL)
		snprintf(text, size, "%s%s%s", a, separator, b);
	return text;
}

char *ra_path(const char *dir, const char *name)
{
	return joined(dir, "/", name);
}

static enum ra_status read_all(int fd, const char *path, char *text)
{
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < FILE_MAX) {
		n = read(fd, text + len, FILE_MAX - len);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			len += (size_t)n;
	}
	text[len] = '\0';
	return n < 0 ? failed(path) : RA_OK;
}

static enum ra_status check_private(int fd, const char *path)
{
	struct stat info;

	if (fstat(fd, &info) != 0)
		return failed(path);
	if (info.st_mode & (S_IRWXG | S_IRWXO))
		return ra_fail(RA_IO, _("%s: others may open it, and a private key is in it; chmod 600 it"), path);
	return RA_OK;
}

static enum ra_status read_file(const char *path, bool private, char **out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *text = NULL;
	enum ra_status status = RA_OK;

	if (fd < 0)
		return failed(path);
	if (private)
		status = check_private(fd, path);
	if (status == RA_OK) {
		text = malloc(FILE_MAX + 1);
		status = text == NULL ? RA_MEMORY : read_all(fd, path, text);
	}
	close(fd);
	if (status == RA_OK)
		*out = text;
	else
		free(text);
	return status;
}

enum ra_status ra_file_read(const char *path, char **out)
{
	return read_file(path, false, out);
}

enum ra_status ra_file_read_key(const char *path, char **out)
{
	return read_file(path, true, out);
}

enum ra_status ra_file_create(const char *path, struct bytes content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct cursor c = cursor_of(content);
	enum ra_status status = fd < 0 ? failed(path) : RA_OK;

	while (status == RA_OK && c.left > 0) {
		ssize_t n = write(fd, c.at, c.left);
		if (n > 0)
			cursor_take(&c, (size_t)n);
		else if (n < 0 && errno != EINTR)
			status = failed(path);
	}
	if (status == RA_OK && fsync(fd) != 0)
		status = failed(path);
	if (fd >= 0 && close(fd) != 0 && status == RA_OK)
		status = failed(path);
	return status;
}

enum ra_status ra_file_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum ra_status status = fd < 0 || fsync(fd) != 0 ? failed(path) : RA_OK;

	if (fd >= 0)
		close(fd);
	return status;
}

enum ra_status ra_file_replace(const char *path, struct bytes content)
{
	char *beside = joined(path, "", ".new"), *copy = strdup(path);
	enum ra_status status = RA_MEMORY;

	if (beside != NULL && copy != NULL) {
		unlink(beside); /* left over by a crash */
		status = ra_file_create(beside, content);
		if (status == RA_OK && rename(beside, path) != 0)
			status = failed(path);
		if (status == RA_OK)
			status = ra_file_sync(dirname(copy));
		else
			unlink(beside);
	}
	free(beside);
	free(copy);
	return status;
}
