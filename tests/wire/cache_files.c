/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/unit/test.h"
#include "tests/wire/cache_files.h"
#include "tests/wire/trusted.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FILE_MAX (1 << 20)

const char *cache_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof path, "%s/cache/openukey%s%s", trusted_home(), name ? "/" : "", name ? name : "");
	return path;
}

size_t cache_names(char names[][NAME_MAX + 1], size_t cap)
{
	DIR *list = opendir(cache_path(NULL));
	struct dirent *e;
	size_t n = 0;

	while (list && (e = readdir(list)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			assert_true(n < cap);
			snprintf(names[n++], NAME_MAX + 1, "%s", e->d_name);
		}
	if (list)
		closedir(list);
	return n;
}

uint8_t *cache_read(const char *name, size_t *len)
{
	FILE *f = fopen(cache_path(name), "r");
	uint8_t *content = malloc(FILE_MAX);

	assert_non_null(f);
	assert_non_null(content);
	*len = fread(content, 1, FILE_MAX, f);
	assert_true(*len < FILE_MAX);
	fclose(f);
	return content;
}

void cache_write(const char *name, const uint8_t *content, size_t len)
{
	int fd = open(cache_path(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content, len), len);
	assert_int_equal(close(fd), 0);
}
