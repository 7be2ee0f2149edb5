/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "firmware-emu/wire_log.h"

void wire_log_off(struct wire_log *log)
{
	if (log->to && log->to != stderr)
		fclose(log->to);
	log->to = NULL;
}

void wire_log_stderr(struct wire_log *log)
{
	wire_log_off(log);
	log->to = stderr;
}

bool wire_log_file(struct wire_log *log, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	FILE *to = fd >= 0 ? fdopen(fd, "a") : NULL;

	if (!to) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	wire_log_off(log);
	log->to = to;
	return true;
}

static void put_time(FILE *to)
{
	struct timespec t;
	struct tm tm;
	char text[32];

	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	fprintf(to, "%s.%06ldZ ", text, t.tv_nsec / 1000);
}

void wire_log_bytes(struct wire_log *log, char direction, struct bytes data)
{
	static const char digits[] = "0123456789ABCDEF";

	if (!log->to)
		return;
	put_time(log->to);
	putc(direction, log->to);
	putc(' ', log->to);
	for (size_t i = 0; i < data.len; i++) {
		putc(digits[data.data[i] >> 4], log->to);
		putc(digits[data.data[i] & 0x0F], log->to);
	}
	putc('\n', log->to);
	fflush(log->to);
}

void wire_log_event(struct wire_log *log, const char *event)
{
	if (!log->to)
		return;
	put_time(log->to);
	fprintf(log->to, "! %s\n", event);
	fflush(log->to);
}
