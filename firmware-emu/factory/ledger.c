/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/factory/ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "common/i18n.h"
#include "firmware-emu/factory/ca.h"

struct ledger {
	FILE *file;
	char *path;
	json_t *last; /* serial number -> the last line about it */
	bool broken;  /* half a line may stand at its end: nothing may follow before the next open */
};

static const char *const names[] = {[LEDGER_BEGUN] = "begun", [LEDGER_DONE] = "done", [LEDGER_VOID] = "void"};

static enum ledger_state state_of(const json_t *line)
{
	const char *name = json_string_value(json_object_get(line, "state"));

	for (int i = LEDGER_BEGUN; name != NULL && i <= LEDGER_VOID; i++)
		if (strcmp(name, names[i]) == 0)
			return (enum ledger_state)i;
	return LEDGER_NOTHING;
}

static enum factory_status take_line(struct ledger *l, const char *text, size_t len)
{
	json_error_t ignored;
	json_t *line = json_loadb(text, len, JSON_REJECT_DUPLICATES, &ignored);
	const char *serial = json_string_value(json_object_get(line, "serial"));
	bool good = serial != NULL && state_of(line) != LEDGER_NOTHING && json_object_set(l->last, serial, line) == 0;

	json_decref(line);
	return good ? FACTORY_OK : factory_fail(FACTORY_FOLDER, _("%s: damaged; restore it from a backup"), l->path);
}

static enum factory_status load(struct ledger *l)
{
	enum factory_status status = FACTORY_OK;
	char *line = NULL;
	size_t size = 0;
	off_t whole = 0;
	ssize_t n;

	while (status == FACTORY_OK && (n = getline(&line, &size, l->file)) > 0) {
		/* not ended: power went before it was on the disk, so nothing was done that it speaks of */
		if (line[n - 1] != '\n')
			break;
		status = take_line(l, line, (size_t)n);
		whole += n;
	}
	free(line);
	if (status == FACTORY_OK &&
		(ferror(l->file) || ftruncate(fileno(l->file), whole) != 0 || fseeko(l->file, whole, SEEK_SET) != 0))
		status = factory_io(l->path);
	return status;
}

enum factory_status ledger_open(const char *dir, struct ledger **out)
{
	struct ledger *l = calloc(1, sizeof(*l));
	enum factory_status status = FACTORY_OK;

	if (l == NULL)
		return factory_memory();
	l->last = json_object();
	l->path = ca_path(dir, LEDGER_FILE);
	if (l->last == NULL || l->path == NULL)
		status = factory_memory();
	else if ((l->file = fopen(l->path, "r+e")) == NULL) {
		factory_io(l->path);
		status = FACTORY_FOLDER;
	} else if (flock(fileno(l->file), LOCK_EX | LOCK_NB) != 0)
		status = factory_fail(
			FACTORY_FOLDER, _("%s: another run is using this factory; wait until it has ended"), l->path);
	if (status == FACTORY_OK)
		status = load(l);
	if (status == FACTORY_OK)
		*out = l;
	else
		ledger_close(l);
	return status;
}

void ledger_close(struct ledger *l)
{
	if (l == NULL)
		return;
	if (l->file != NULL)
		fclose(l->file);
	json_decref(l->last);
	free(l->path);
	free(l);
}

static void take_text(const json_t *line, const char *name, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(line, name));

	snprintf(to, size, "%s", text != NULL ? text : "");
}

enum ledger_state ledger_find(const struct ledger *l, const char *serial, struct ledger_entry *out)
{
	const json_t *line = json_object_get(l->last, serial);

	if (line == NULL)
		return LEDGER_NOTHING;
	take_text(line, "serial", out->serial, sizeof(out->serial));
	take_text(line, "device_certificate", out->device, sizeof(out->device));
	take_text(line, "attestation_certificate", out->attestation, sizeof(out->attestation));
	out->key_version = (unsigned)json_integer_value(json_object_get(line, "key_version"));
	return state_of(line);
}

static json_t *line_of(enum ledger_state state, const struct ledger_entry *e)
{
	char at[32];
	time_t now = time(NULL);
	struct tm date;

	gmtime_r(&now, &date);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &date);
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:s}", "state", names[state], "serial", e->serial,
		"device_certificate", e->device, "attestation_certificate", e->attestation, "key_version",
		e->key_version != 0 ? json_integer((json_int_t)e->key_version) : json_null(), "time", at);
}

enum factory_status ledger_append(struct ledger *l, enum ledger_state state, const struct ledger_entry *entry)
{
	json_t *line = line_of(state, entry);
	enum factory_status status = FACTORY_OK;

	if (line == NULL || json_object_set(l->last, entry->serial, line) != 0)
		status = factory_memory();
	else if (l->broken)
		status =
			factory_fail(FACTORY_FAILED, _("%s: cannot be written any more; see the first error"), l->path);
	else if (json_dumpf(line, l->file, JSON_COMPACT) != 0 || fputc('\n', l->file) == EOF || fflush(l->file) != 0 ||
		 fsync(fileno(l->file)) != 0) {
		status = factory_io(l->path);
		l->broken = true;
	}
	json_decref(line);
	return status;
}
