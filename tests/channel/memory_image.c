/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memory_image PID FILE: all memory of a process that can be read. More than a core image: what is
 * locked and kept out of those is in it too.
 */
#include "config.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void copy(int memory, FILE *out, uint64_t from, uint64_t to)
{
	static char page[65536];

	while (from < to) {
		size_t want = to - from < sizeof page ? (size_t)(to - from) : sizeof page;
		ssize_t n = pread(memory, page, want, (off_t)from);
		if (n <= 0) /* a guard page */
			return;
		fwrite(page, 1, (size_t)n, out);
		from += (uint64_t)n;
	}
}

int main(int argc, char **argv)
{
	char name[64], line[512], access[8];
	uint64_t from, to;
	FILE *maps, *out;
	int memory;

	if (argc != 3)
		return 2;
	snprintf(name, sizeof name, "/proc/%d/maps", atoi(argv[1]));
	maps = fopen(name, "r");
	snprintf(name, sizeof name, "/proc/%d/mem", atoi(argv[1]));
	memory = open(name, O_RDONLY);
	out = fopen(argv[2], "wb");
	if (!maps || memory < 0 || !out) {
		perror("memory_image");
		return 1;
	}
	while (fgets(line, sizeof line, maps))
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s", &from, &to, access) == 3 && access[0] == 'r' &&
			!strstr(line, "[vvar") && !strstr(line, "[vsyscall"))
			copy(memory, out, from, to);
	fclose(maps);
	close(memory);
	return fclose(out) != 0;
}
