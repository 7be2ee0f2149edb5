/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/settings.h"

#include "driver/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local char problem[512];

const char *ukey_config_problem(void)
{
	return problem;
}

/* A relative path would be a file in whatever folder each program stands. */
static bool set_debug(struct settings *s, const char *value)
{
	const char *where = strcmp(value, "off") == 0 ? "" : value;

	if (where == value && value[0] != '/' && strcmp(value, "stderr") != 0)
		return false;
	return text_copy(text_bytes(where), s->debug, sizeof s->debug);
}

/* As the setting, and 1 and 0 for those who type it. */
static bool debug_wanted(struct settings *s, const char *value)
{
	if (!value[0] || strcmp(value, "0") == 0)
		value = "off";
	return set_debug(s, strcmp(value, "1") == 0 ? "stderr" : value);
}

static bool set_ignored(struct settings *s, const char *value)
{
	if (!value[0] || s->ignored_count == SETTINGS_IGNORED_MAX ||
		!text_copy(text_bytes(value), s->ignored[s->ignored_count], sizeof s->ignored[0]))
		return false;
	s->ignored_count++;
	return true;
}

static bool set_extended(struct settings *s, const char *value)
{
	s->no_extended = strcmp(value, "no") == 0;
	return s->no_extended || strcmp(value, "auto") == 0;
}

static bool set_root(struct settings *s, const char *value)
{
	if (value[0] != '/' || s->roots_count == SETTINGS_ROOTS_MAX ||
		!text_copy(text_bytes(value), s->roots[s->roots_count], sizeof s->roots[0]))
		return false;
	s->roots_count++;
	return true;
}

/* What the administrator requires no user's file takes back. */
static bool set_channel(struct settings *s, const char *value)
{
	const bool required = strcmp(value, "required") == 0;

	s->channel_required = s->channel_required || required;
	return required || strcmp(value, "auto") == 0;
}

static bool set_usb(struct settings *s, const char *value)
{
	s->no_usb = strcmp(value, "no") == 0;
	return s->no_usb || strcmp(value, "auto") == 0;
}

static bool set_pinentry(struct settings *s, const char *value)
{
	const char *program = strcmp(value, "no") == 0 ? "" : strcmp(value, "yes") == 0 ? "pinentry" : value;

	if (program == value && value[0] != '/')
		return false;
	return text_copy(text_bytes(program), s->pinentry, sizeof s->pinentry);
}

static bool set_cache(struct settings *s, const char *value)
{
	s->no_cache = strcmp(value, "no") == 0;
	return s->no_cache || strcmp(value, "yes") == 0;
}

static bool set_piv_all_slots(struct settings *s, const char *value)
{
	s->piv_all_slots = strcmp(value, "yes") == 0;
	return s->piv_all_slots || strcmp(value, "no") == 0;
}

static const struct {
	const char *key;
	bool (*set)(struct settings *s, const char *value);
} keys[] = {
	{"debug",          set_debug        },
	{"ignore-reader",  set_ignored      },
	{"extended-apdu",  set_extended     },
	{"trusted-roots",  set_root         },
	{"secure-channel", set_channel      },
	{"pinentry",       set_pinentry     },
	{"cache",          set_cache        },
	{"usb",            set_usb          },
	{"piv-all-slots",  set_piv_all_slots},
};

static char *trim(char *text)
{
	text += strspn(text, " \t");
	size_t n = strlen(text);
	while (n > 0 && strchr(" \t\r\n", text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

/* NULL, or what is wrong. */
static const char *read_line(struct settings *s, char *line)
{
	char *text = trim(line), *equals;

	if (!text[0] || text[0] == '#' || text[0] == ';')
		return NULL;
	equals = strchr(text, '=');
	if (!equals)
		return "not of the form \"key = value\"";
	*equals = '\0';
	char *key = trim(text), *value = trim(equals + 1);
	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
		if (strcmp(keys[i].key, key) == 0)
			return keys[i].set(s, value) ? NULL : "a value that this key does not take";
	return "an unknown key";
}

enum ukey_status settings_read(struct settings *s, const char *path)
{
	char line[SETTINGS_PATH_MAX + 64];
	const char *wrong = NULL;
	unsigned number = 0;
	FILE *f = fopen(path, "re");

	if (!f && (errno == ENOENT || errno == ENOTDIR))
		return UKEY_OK;
	if (!f) {
		snprintf(problem, sizeof problem, "%s: %s", path, strerror(errno));
		return UKEY_CONFIG;
	}
	while (!wrong && fgets(line, sizeof line, f)) {
		number++;
		if (strlen(line) == sizeof line - 1 && line[sizeof line - 2] != '\n')
			wrong = "a line that is too long";
		else
			wrong = read_line(s, line);
	}
	if (!wrong && ferror(f))
		wrong = strerror(errno);
	fclose(f);
	if (wrong)
		snprintf(problem, sizeof problem, "%s:%u: %s", path, number, wrong);
	return wrong ? UKEY_CONFIG : UKEY_OK;
}

static enum ukey_status read_user_file(struct settings *s)
{
	const char *base = secure_getenv("XDG_CONFIG_HOME"), *inside = "";
	char path[4096];

	/* The XDG base directory specification: a relative path is to be ignored. */
	if (!base || base[0] != '/') {
		base = secure_getenv("HOME");
		inside = "/.config";
	}
	if (!base || base[0] != '/')
		return UKEY_OK;
	int n = snprintf(path, sizeof path, "%s%s/openukey/openukey.conf", base, inside);
	return n > 0 && (size_t)n < sizeof path ? settings_read(s, path) : UKEY_OK;
}

enum ukey_status settings_load(struct settings *s)
{
	const char *debug = secure_getenv("OPENUKEY_DEBUG"), *pinentry = secure_getenv("OPENUKEY_PINENTRY");

	*s = (struct settings){0};
	problem[0] = '\0';
	enum ukey_status status = settings_read(s, SYSCONFDIR "/openukey/openukey.conf");
	if (status == UKEY_OK)
		status = read_user_file(s);
	if (debug && !debug_wanted(s, debug) && status == UKEY_OK) {
		snprintf(problem, sizeof problem, "OPENUKEY_DEBUG: neither 1, 0 nor a path that begins with /");
		status = UKEY_CONFIG;
	}
	if (pinentry && !set_pinentry(s, pinentry) && status == UKEY_OK) {
		snprintf(problem, sizeof problem, "OPENUKEY_PINENTRY: neither yes, no nor a path");
		status = UKEY_CONFIG;
	}
	return status;
}

bool settings_ignores(const struct settings *s, const char *reader)
{
	for (size_t i = 0; i < s->ignored_count; i++)
		if (strstr(reader, s->ignored[i]))
			return true;
	return false;
}
