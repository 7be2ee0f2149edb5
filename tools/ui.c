/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/ui.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

void ui_note(const struct tool *t, const char *format, ...)
{
	va_list list;
	char text[2048];

	if (tool_has(t, OPT_JSON) || tool_has(t, OPT_QUIET))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(t->data_on_stdout ? stderr : stdout, "%s\n", ui_clean(text));
}

void ui_warn(const struct tool *t, const char *format, ...)
{
	va_list list;
	char text[2048];

	if (tool_has(t, OPT_QUIET))
		return;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fflush(stdout);
	fprintf(stderr, _("ukey: warning: %s\n"), ui_clean(text));
}

void ui_tell(const char *format, ...)
{
	va_list list;
	char text[2048];

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fflush(stdout);
	fprintf(stderr, "%s\n", ui_clean(text));
}

/* Length of the well-formed UTF-8 character at s (RFC 3629), 0 when there is none. */
static size_t utf8_length(const unsigned char *s)
{
	uint32_t c;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] >= 0xC2 && s[0] <= 0xDF)
		n = 2, c = s[0] & 0x1F;
	else if (s[0] >= 0xE0 && s[0] <= 0xEF)
		n = 3, c = s[0] & 0x0F;
	else if (s[0] >= 0xF0 && s[0] <= 0xF4)
		n = 4, c = s[0] & 0x07;
	else
		return 0;
	for (size_t i = 1; i < n; i++) {
		if ((s[i] & 0xC0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3F);
	}
	if ((n == 3 && c < 0x800) || (n == 4 && (c < 0x10000 || c > 0x10FFFF)) || (c >= 0xD800 && c <= 0xDFFF))
		return 0;
	return n;
}

char *ui_clean(char *text)
{
	unsigned char *s = (unsigned char *)text;

	while (*s != '\0') {
		size_t n = utf8_length(s);
		bool control = *s < 0x20 || *s == 0x7F || (*s == 0xC2 && n == 2 && s[1] < 0xA0);
		if (control && n == 2)
			s[1] = ' ';
		if (n == 0 || control)
			*s = '?';
		s += n == 0 ? 1 : n;
	}
	return text;
}

size_t ui_width(const char *text)
{
	mbstate_t state = {0};
	size_t width = 0;
	size_t left = strlen(text);

	while (left > 0) {
		wchar_t c;
		size_t n = mbrtowc(&c, text, left, &state);
		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			n = 1;
			width++;
		} else {
			int w = wcwidth(c);
			width += w > 0 ? (size_t)w : 0;
		}
		text += n;
		left -= n;
	}
	return width;
}

json_t *ui_json_text(const char *text)
{
	json_t *j = json_string(text);

	if (j == NULL) {
		char *copy = strdup(text);
		if (copy == NULL)
			return NULL;
		j = json_string(ui_clean(copy));
		free(copy);
	}
	return j;
}

void ui_time(int64_t seconds, char out[UI_TIME_SIZE])
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL || strftime(out, UI_TIME_SIZE, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		out[0] = '\0';
}

void ui_time_asn1(const char digits[15], char out[UI_TIME_SIZE])
{
	if (strlen(digits) != 14)
		out[0] = '\0';
	else
		snprintf(out, UI_TIME_SIZE, "%.4s-%.2s-%.2sT%.2s:%.2s:%.2sZ", digits, digits + 4, digits + 6,
			digits + 8, digits + 10, digits + 12);
}

/* ---- tables ---- */

struct ui_table {
	size_t columns, count, room;
	char **cells;
	bool failed;
};

struct ui_table *ui_table_new(const char *const *headings, size_t columns)
{
	struct ui_table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	table->columns = columns;
	for (size_t i = 0; i < columns; i++)
		ui_table_cell(table, "%s", headings[i]);
	return table;
}

void ui_table_cell(struct ui_table *table, const char *format, ...)
{
	va_list list;
	char text[512];

	if (table == NULL || table->failed)
		return;
	if (table->count == table->room) {
		size_t room = table->room ? 2 * table->room : 32;
		char **cells = realloc(table->cells, room * sizeof(*cells));
		if (cells == NULL) {
			table->failed = true;
			return;
		}
		table->cells = cells;
		table->room = room;
	}
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	table->cells[table->count] = strdup(ui_clean(text));
	if (table->cells[table->count] == NULL)
		table->failed = true;
	else
		table->count++;
}

/* As much of text as fits into so many columns. */
static void put_cut(FILE *out, const char *text, size_t columns)
{
	mbstate_t state = {0};

	while (*text != '\0') {
		wchar_t c;
		size_t n = mbrtowc(&c, text, strlen(text), &state);
		int w = 1;
		if (n == (size_t)-1 || n == (size_t)-2) {
			memset(&state, 0, sizeof(state));
			n = 1;
		} else {
			w = wcwidth(c);
		}
		if (w > 0 && (size_t)w > columns)
			return;
		columns -= w > 0 ? (size_t)w : 0;
		fwrite(text, 1, n, out);
		text += n;
	}
}

/* Columns of the terminal, 0 when it is none: then nothing is cut. */
static size_t terminal_columns(FILE *out)
{
	struct winsize size;

	if (!isatty(fileno(out)))
		return 0;
	return ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

static void print_row(const struct ui_table *table, size_t row, const size_t *widths, size_t terminal, FILE *out)
{
	size_t at = 0;

	for (size_t c = 0; c < table->columns; c++) {
		const char *cell = table->cells[row * table->columns + c];
		bool last = c + 1 == table->columns;
		if (last && terminal > at)
			put_cut(out, cell, terminal - at);
		else
			fputs(cell, out);
		for (size_t n = ui_width(cell); !last && n < widths[c] + 2; n++)
			fputc(' ', out);
		at += widths[c] + 2;
	}
	fputc('\n', out);
}

void ui_table_print(struct ui_table *table, FILE *out)
{
	size_t widths[16] = {0};
	size_t terminal = out != NULL ? terminal_columns(out) : 0;

	if (table == NULL)
		return;
	for (size_t i = 0; i < table->count; i++) {
		size_t w = ui_width(table->cells[i]);
		if (w > widths[i % table->columns])
			widths[i % table->columns] = w;
	}
	for (size_t row = 0; out != NULL && (row + 1) * table->columns <= table->count; row++)
		print_row(table, row, widths, terminal, out);
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	free(table->cells);
	free(table);
}

void ui_pairs(FILE *out, ...)
{
	va_list list;
	const char *name;
	size_t widest = 0;

	va_start(list, out);
	while ((name = va_arg(list, const char *)) != NULL) {
		widest = ui_width(name) > widest ? ui_width(name) : widest;
		(void)va_arg(list, const char *);
	}
	va_end(list);
	va_start(list, out);
	while ((name = va_arg(list, const char *)) != NULL) {
		char value[512];
		snprintf(value, sizeof(value), "%s", va_arg(list, const char *));
		fprintf(out, "%s:%*s %s\n", name, (int)(widest - ui_width(name)), "", ui_clean(value));
	}
	va_end(list);
}

/* ---- questions ---- */

enum ukey_status ui_confirm(struct tool *t, const char *expected, const char *format, ...)
{
	enum ukey_status s = UKEY_CANCELLED;
	va_list list;
	char text[512];
	char answer[256] = "";
	FILE *tty;

	if (tool_has(t, OPT_YES))
		return UKEY_OK;
	tty = fopen("/dev/tty", "r+");
	if (tty == NULL) {
		tool_fail(t, UKEY_USAGE, _("this needs a confirmation, and there is no terminal to ask"));
		tool_hint(t, _("add --yes if you are sure"));
		return UKEY_USAGE;
	}
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(tty, "%s\n", ui_clean(text));
	fprintf(tty, _("To go on, type %s: "), expected);
	fflush(tty);
	if (fgets(answer, sizeof(answer), tty) != NULL && !tool_cancelled()) {
		answer[strcspn(answer, "\r\n")] = '\0';
		if (strcmp(answer, expected) == 0)
			s = UKEY_OK;
	}
	fclose(tty);
	return s == UKEY_OK ? s : tool_fail(t, s, _("nothing was changed"));
}

bool ui_ask_yes(const char *format, ...)
{
	char text[512], answer[64] = "";
	FILE *tty = fopen("/dev/tty", "r+");
	bool yes = false;
	va_list list;

	if (tty == NULL)
		return false;
	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	fprintf(tty, "%s ", ui_clean(text));
	fflush(tty);
	if (fgets(answer, sizeof(answer), tty) != NULL && !tool_cancelled()) {
		answer[strcspn(answer, "\r\n")] = '\0';
		yes = strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0 || strcmp(answer, _("yes")) == 0;
	}
	fclose(tty);
	return yes;
}

/* ---- files ---- */

static enum ukey_status write_all(struct tool *t, int fd, const char *path, const uint8_t *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR && !tool_cancelled())
			continue;
		if (n < 0)
			return errno == EINTR ? UKEY_CANCELLED : tool_fail_file(t, path);
		data += n;
		len -= (size_t)n;
	}
	return UKEY_OK;
}

enum ukey_status ui_write_file(struct tool *t, const char *path, const void *data, size_t len, unsigned mode)
{
	enum ukey_status s;
	char *temporary = NULL;
	int fd;

	if (strcmp(path, "-") == 0) {
		fflush(stdout);
		return write_all(t, STDOUT_FILENO, path, data, len);
	}
	if (strncmp(path, "/dev/", 5) == 0) { /* a device or a descriptor can't be replaced */
		FILE *f = fopen(path, "w");
		s = f != NULL && fwrite(data, 1, len, f) == len ? UKEY_OK : tool_fail_file(t, path);
		if (f != NULL && fclose(f) != 0 && s == UKEY_OK)
			s = tool_fail_file(t, path);
		return s;
	}
	if (asprintf(&temporary, "%s.XXXXXX", path) < 0)
		return UKEY_MEMORY;
	fd = mkstemp(temporary);
	if (fd < 0) {
		s = tool_fail_file(t, path);
		free(temporary);
		return s;
	}
	s = write_all(t, fd, path, data, len);
	if (s == UKEY_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		s = tool_fail_file(t, path);
	if (close(fd) != 0 && s == UKEY_OK)
		s = tool_fail_file(t, path);
	if (s == UKEY_OK && rename(temporary, path) != 0)
		s = tool_fail_file(t, path);
	if (s != UKEY_OK)
		unlink(temporary);
	free(temporary);
	return s;
}

enum ukey_status ui_read_file(struct tool *t, const char *path, size_t max, uint8_t **data, size_t *len)
{
	bool standard = strcmp(path, "-") == 0;
	FILE *f = standard ? stdin : fopen(path, "rb");
	uint8_t *buffer = NULL;
	size_t used = 0, room = 0;
	enum ukey_status s = UKEY_OK;

	if (f == NULL)
		return tool_fail_file(t, path);
	while (s == UKEY_OK) {
		if (used + 1 >= room) {
			uint8_t *more = realloc(buffer, room = room ? 2 * room : 16384);
			if (more == NULL) {
				s = UKEY_MEMORY;
				break;
			}
			buffer = more;
		}
		size_t n = fread(buffer + used, 1, room - used - 1, f);
		used += n;
		if (used > max)
			s = tool_fail(t, UKEY_TOO_LARGE, _("%s: more than %zu bytes"), path, max);
		else if (ferror(f))
			s = tool_fail_file(t, path);
		else if (n == 0)
			break;
	}
	if (!standard)
		fclose(f);
	if (s != UKEY_OK) {
		free(buffer);
		return s;
	}
	buffer[used] = 0;
	*data = buffer;
	*len = used;
	return UKEY_OK;
}
