/* SPDX-License-Identifier: Apache-2.0 */
/*
 * setup: our tokens in libccid's list of readers, for the whole machine. pcscd and libccid serve a USB device only when
 * that list names it. The list is three arrays that belong together line by line: vendors, products, names. What is
 * added stands first in each and goes without a trace; a list that does not look as we know it is left alone.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/setup.h"

enum array { VENDOR, PRODUCT, NAME, ARRAYS, NO_ARRAY = ARRAYS };

static const char *const keys[ARRAYS] = {
	"<key>ifdVendorID</key>", "<key>ifdProductID</key>", "<key>ifdFriendlyName</key>"};

#define ROWS_MAX 4096u

/* A line of the file, with its end. */
struct line {
	const char *start;
	size_t len;
};

struct list {
	const char *begin[ARRAYS]; /* of the first row */
	size_t rows[ARRAYS];
	struct line row[ARRAYS][ROWS_MAX];
};

static bool next_line(const char **at, struct line *out)
{
	out->start = *at;
	out->len = strcspn(*at, "\n");
	out->len += (*at)[out->len] == '\n';
	*at += out->len;
	return out->len > 0;
}

static bool line_has(struct line l, const char *text)
{
	return memmem(l.start, l.len, text, strlen(text)) != NULL;
}

/* What stands between <string> and </string>, when nothing else stands in the line. */
static bool line_string(struct line l, char *out, size_t cap)
{
	static const char open[] = "<string>", close[] = "</string>";
	const char *start = memmem(l.start, l.len, open, strlen(open)), *end;

	if (start == NULL || strspn(l.start, " \t") < (size_t)(start - l.start))
		return false;
	start += strlen(open);
	end = memchr(start, '<', l.len - (size_t)(start - l.start));
	if (end == NULL || strncmp(end, close, strlen(close)) != 0 ||
		strcspn(end + strlen(close), "\n") != strspn(end + strlen(close), " \t\r"))
		return false;
	return snprintf(out, cap, "%.*s", (int)(end - start), start) < (int)cap;
}

/* A key's line. False: twice, or inside of an array. */
static bool take_key(struct list *list, struct line l, bool inside, enum array *now)
{
	*now = NO_ARRAY;
	for (enum array a = VENDOR; a < ARRAYS; a++)
		if (line_has(l, keys[a]))
			*now = a;
	return !inside && (*now == NO_ARRAY || list->begin[*now] == NULL);
}

static bool parse(const char *text, struct list *list)
{
	enum array now = NO_ARRAY;
	bool inside = false;
	struct line l;
	char value[256];

	memset(list, 0, sizeof(*list));
	while (next_line(&text, &l)) {
		if (line_has(l, "<key>")) {
			if (!take_key(list, l, inside, &now))
				return false;
		} else if (now != NO_ARRAY && line_has(l, "<array>")) {
			if (inside)
				return false;
			inside = true;
			list->begin[now] = text;
		} else if (line_has(l, "</array>")) {
			inside = false;
			now = NO_ARRAY;
		} else if (inside && line_has(l, "<string>")) {
			if (!line_string(l, value, sizeof(value)) || list->rows[now] == ROWS_MAX)
				return false;
			list->row[now][list->rows[now]++] = l;
		}
	}
	return !inside && list->begin[VENDOR] != NULL && list->begin[PRODUCT] != NULL && list->begin[NAME] != NULL &&
	       list->rows[VENDOR] == list->rows[PRODUCT] && list->rows[VENDOR] == list->rows[NAME];
}

/* The row of this device, or rows[] when there is none. */
static size_t find_row(const struct list *list, const struct ukey_usb_id *id, bool *by_us)
{
	char vendor[256], product[256], name[256];
	size_t i;

	for (i = 0; i < list->rows[VENDOR]; i++)
		if (line_string(list->row[VENDOR][i], vendor, sizeof(vendor)) &&
			line_string(list->row[PRODUCT][i], product, sizeof(product)) &&
			strtoul(vendor, NULL, 0) == id->vendor && strtoul(product, NULL, 0) == id->product) {
			*by_us = line_string(list->row[NAME][i], name, sizeof(name)) && strcmp(name, id->name) == 0;
			break;
		}
	return i;
}

static void print_row(FILE *out, enum array a, const struct ukey_usb_id *id)
{
	if (a == NAME)
		fprintf(out, "\t\t<string>%s</string>\n", id->name);
	else
		fprintf(out, "\t\t<string>0x%04X</string>\n", a == VENDOR ? id->vendor : id->product);
}

/* The rows that are missing, or NULL: where an array begins. */
static void print_missing(FILE *out, const struct list *list, enum array a)
{
	const struct ukey_usb_id *ids;
	const size_t count = ukey_usb_ids(&ids);
	bool by_us;

	for (size_t i = 0; i < count; i++)
		if (find_row(list, &ids[i], &by_us) == list->rows[VENDOR])
			print_row(out, a, &ids[i]);
}

/* Whether this line of the file is one that we wrote. */
static bool is_ours(const struct list *list, const char *start)
{
	const struct ukey_usb_id *ids;
	const size_t count = ukey_usb_ids(&ids);
	bool by_us = false;

	for (size_t i = 0; i < count; i++) {
		const size_t row = find_row(list, &ids[i], &by_us);
		for (enum array a = VENDOR; row < list->rows[VENDOR] && by_us && a < ARRAYS; a++)
			if (list->row[a][row].start == start)
				return true;
	}
	return false;
}

static char *compose(const struct list *list, const char *text, enum setup_mode mode)
{
	char *out = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&out, &size);
	struct line l;

	if (f == NULL)
		return NULL;
	while (next_line(&text, &l)) {
		if (mode != SETUP_REMOVE || !is_ours(list, l.start))
			fwrite(l.start, 1, l.len, f);
		for (enum array a = VENDOR; mode == SETUP_ADD && a < ARRAYS; a++)
			if (list->begin[a] == text)
				print_missing(f, list, a);
	}
	if (fclose(f) != 0) {
		free(out);
		out = NULL;
	}
	return out;
}

static enum setup_found state(const struct list *list)
{
	const struct ukey_usb_id *ids;
	const size_t count = ukey_usb_ids(&ids);
	size_t ours = 0, theirs = 0;

	for (size_t i = 0; i < count; i++) {
		bool by_us = false;
		if (find_row(list, &ids[i], &by_us) == list->rows[VENDOR])
			continue;
		ours += by_us;
		theirs += !by_us;
	}
	if (ours + theirs == 0)
		return SETUP_NONE;
	if (ours + theirs < count)
		return SETUP_STALE;
	return ours > 0 ? SETUP_OURS : SETUP_THEIRS;
}

static void edit_libccid(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	struct list *list = malloc(sizeof(*list));

	if (list == NULL) {
		setup_problem(e, "", "%s", ukey_status_message(UKEY_MEMORY));
	} else if (!parse(f->data, list)) {
		setup_problem(e,
			_("install libccid again: apt install --reinstall -o Dpkg::Options::=--force-confnew libccid"),
			_("%s is not a list of readers as libccid has it"), f->path);
	} else {
		e->found = state(list);
		if (e->found == SETUP_THEIRS) {
			snprintf(e->why, sizeof(e->why),
				_("the entry in %s has another name: ukey setup did not write it"), f->path);
			snprintf(e->mend, sizeof(e->mend), _("remove it by hand, in all three arrays"));
		} else if (s->mode != SETUP_LIST) {
			e->text = compose(list, f->data, s->mode);
			if (e->text == NULL)
				setup_problem(e, "", "%s", ukey_status_message(UKEY_MEMORY));
		}
	}
	free(list);
}

const char *setup_libccid_list(void)
{
	static const char *const places[] = {"/etc/libccid_Info.plist",
		"/usr/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
		"/usr/lib64/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist",
		"/usr/local/lib/pcsc/drivers/ifd-ccid.bundle/Contents/Info.plist"};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		if (access(places[i], F_OK) == 0)
			return places[i];
	return NULL;
}

bool setup_libccid_knows(const char *path, unsigned vendor, unsigned product)
{
	const struct ukey_usb_id id = {.vendor = (uint16_t)vendor, .product = (uint16_t)product, .name = ""};
	struct list *list = malloc(sizeof(*list));
	char *text = setup_read(path);
	bool by_us, known = false;

	if (list != NULL && text != NULL && parse(text, list))
		known = find_row(list, &id, &by_us) < list->rows[VENDOR];
	free(text);
	free(list);
	return known;
}

static bool is_folder(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

void setup_libccid(struct setup *s)
{
	const char *wanted = s->t->opt[OPT_LIST];
	const char *path = wanted != NULL ? wanted : setup_libccid_list();
	char *real = path != NULL ? realpath(path, NULL) : NULL;

	if (path == NULL)
		setup_say(s, s->mode == SETUP_ADD ? SETUP_PROBLEM : SETUP_UNUSED, "",
			_("install it: apt install libccid"), _("libccid is not installed"));
	else if (real == NULL)
		setup_say(s, SETUP_PROBLEM, path,
			wanted != NULL ? _("give --list the name of libccid's list, or leave it away")
				       : _("install it: apt install libccid"),
			"%s: %s", path, strerror(errno));
	else if (wanted != NULL && is_folder(real))
		setup_say(s, SETUP_PROBLEM, path, _("give --list the name of libccid's list, or leave it away"),
			_("%s is not a file"), path);
	else
		setup_place(s, wanted != NULL ? real : path, edit_libccid);
	free(real);
}
