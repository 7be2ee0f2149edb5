/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/log.h"

#include "common/hex.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int file = -1;
static atomic_bool wanted; /* whether there is anywhere to write to; for who would only make lines */
static void (*line_function)(void *arg, const char *text);
static void *line_arg;

void ukey_set_log(void (*line)(void *arg, const char *text), void *arg)
{
	pthread_mutex_lock(&lock);
	line_function = line;
	line_arg = arg;
	atomic_store(&wanted, line_function || file >= 0);
	pthread_mutex_unlock(&lock);
}

void log_open(const char *where)
{
	int opened = -1;

	if (where && where[0])
		opened = strcmp(where, "stderr") == 0
				 ? fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3)
				 : open(where, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	pthread_mutex_lock(&lock);
	int old = file;
	file = opened;
	atomic_store(&wanted, line_function || file >= 0);
	pthread_mutex_unlock(&lock);
	if (old >= 0)
		close(old);
}

void log_forked(void)
{
	pthread_mutex_init(&lock, NULL);
}

bool log_wanted(void)
{
	return atomic_load_explicit(&wanted, memory_order_relaxed);
}

/* A line that could not be written is lost: a log must not stop the work. */
static void write_line(const char *text)
{
	struct timespec now;
	struct tm utc;
	char stamp[40] = "", ms[24];

	if (clock_gettime(CLOCK_REALTIME, &now) == 0 && gmtime_r(&now.tv_sec, &utc)) {
		strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", &utc);
		snprintf(ms, sizeof ms, ".%03ldZ", now.tv_nsec / 1000000);
	} else {
		ms[0] = '\0';
	}
	dprintf(file, "%s%s libukey[%ld] %s\n", stamp, ms, (long)getpid(), text);
}

static void emit(const char *text)
{
	pthread_mutex_lock(&lock);
	if (line_function)
		line_function(line_arg, text);
	else if (file >= 0)
		write_line(text);
	pthread_mutex_unlock(&lock);
}

void ukey_log(const char *text)
{
	emit(text);
}

void log_text(const char *format, ...)
{
	char line[512];
	va_list args;

	if (!log_wanted())
		return;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	emit(line);
}

/*
 * The commands whose data is public in both directions (doc/token-protocol.md 2, 4). GET DATA and PUT DATA are told
 * apart by the first byte of the object they name: 03, data objects, is not here.
 */
static const struct {
	uint8_t cla, ins;
	bool by_object;
	uint8_t object;
} public_commands[] = {
	{0x00, 0xA4, false, 0x00}, /* SELECT */
	{0x00, 0x70, false, 0x00}, /* MANAGE CHANNEL */
	{0x00, 0x47, false, 0x00}, /* GENERATE ASYMMETRIC KEY PAIR */
	{0x80, 0xE4, false, 0x00}, /* DELETE */
	{0x80, 0xEE, false, 0x00}, /* FACTORY RESET */
	{0x00, 0xCB, true,  0x00}, /* token information, directory */
	{0x00, 0xCB, true,  0x01}, /* certificates */
	{0x00, 0xCB, true,  0x02},
	{0x00, 0xDB, true,  0x01},
	{0x00, 0xDB, true,  0x02},
	{0x00, 0xDB, true,  0x04}, /* attributes, names, label */
	{0x00, 0xDB, true,  0x06},
	{0x00, 0xDB, true,  0x07},
};

static bool is_public(const struct apdu *a)
{
	struct cursor c = cursor_of(a->data);
	uint8_t tag = cursor_u8(&c), len = cursor_u8(&c), object = cursor_u8(&c);
	bool names_object = !c.failed && tag == 0x5C && len == 2;

	for (size_t i = 0; i < sizeof public_commands / sizeof public_commands[0]; i++) {
		if (public_commands[i].cla != a->cla || public_commands[i].ins != a->ins)
			continue;
		if (!public_commands[i].by_object || (names_object && public_commands[i].object == object))
			return true;
	}
	return false;
}

/* "00 CB 3F FF  5C020002", or "(6 bytes)" for the data. */
static void emit_bytes(const char *reader, const char *head, struct bytes data, bool show)
{
	size_t cap = strlen(reader) + strlen(head) + HEX_SIZE(show ? data.len : 0) + 48;
	char *line = malloc(cap);

	if (!line)
		return;
	int n = snprintf(line, cap, "%s: %s ", reader, head);
	if (data.len > 0 && show)
		hex_encode(data, line + n, cap - (size_t)n);
	else if (data.len > 0)
		snprintf(line + n, cap - (size_t)n, "(%zu bytes)", data.len);
	emit(line);
	free(line);
}

void log_command(const char *reader, const struct apdu *a)
{
	char head[64];

	if (!log_wanted())
		return;
	snprintf(head, sizeof head, "> %02X%02X%02X%02X Lc=%zu Le=%lu", a->cla, a->ins, a->p1, a->p2, a->data.len,
		(unsigned long)a->le);
	emit_bytes(reader, head, a->data, is_public(a));
}

void log_answer(const char *reader, const struct apdu *a, struct bytes data, uint16_t sw)
{
	char head[32];

	if (!log_wanted())
		return;
	snprintf(head, sizeof head, "< %04X", sw);
	emit_bytes(reader, head, data, is_public(a));
}

void log_failure(const char *reader, const struct apdu *a, enum ukey_status s)
{
	log_text("%s: ! %02X%02X: %s", reader, a->cla, a->ins, ukey_status_name(s));
}
