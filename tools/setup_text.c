/* SPDX-License-Identifier: Apache-2.0 */
/* setup: OpenSSH's configuration, of which a marked block is ours, and the files that are ours as a whole. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "tools/setup.h"
#include "tools/ui.h"

/* ---- ssh: ssh_config(5), where the first value wins: a block at the end overrides nothing ---- */

#define SSH_BEGIN  "# BEGIN ukey setup"
#define SSH_JOINED SSH_BEGIN ", no line end before" /* the file did not end with one: neither it will afterwards */
#define SSH_END    "# END ukey setup"

/* The line that begins with `text`, from `from` on; NULL: none. */
static const char *find_line(const char *from, const char *text)
{
	for (const char *line = from; *line != '\0';) {
		if (strncmp(line, text, strlen(text)) == 0)
			return line;
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	return NULL;
}

/* The first line in [text, end) with PKCS11Provider and our module, counted from 1; 0: none. */
static unsigned provider_line(const char *text, const char *end)
{
	static const char keyword[] = "pkcs11provider";
	unsigned number = 0;

	while (text < end) {
		const size_t len = strcspn(text, "\n");
		const char *word = text + strspn(text, " \t");
		number++;
		if (strncasecmp(word, keyword, sizeof(keyword) - 1) == 0 &&
			memmem(text, len, SETUP_MODULE, strlen(SETUP_MODULE)))
			return number;
		text += len + (text[len] == '\n');
	}
	return 0;
}

static char *ssh_block(const struct setup *s, bool joined)
{
	char *text = NULL;

	return asprintf(&text,
		       "%s\n# Written by \"ukey setup ssh\"; \"ukey setup ssh --remove\" takes it away.\nHost *\n"
		       "    PKCS11Provider %s\n" SSH_END "\n",
		       joined ? SSH_JOINED : SSH_BEGIN, s->module) >= 0
		       ? text
		       : NULL;
}

/* before + middle + after, with a line end before the middle when `joined`. */
static void compose(
	struct setup_edit *e, const char *before, size_t before_len, bool joined, const char *middle, const char *after)
{
	if (asprintf(&e->text, "%.*s%s%s%s", (int)before_len, before, joined ? "\n" : "", middle, after) < 0) {
		e->text = NULL;
		setup_problem(e, "", "%s", ukey_status_message(UKEY_MEMORY));
	}
}

static void edit_ssh(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	const char *begin = find_line(f->data, SSH_BEGIN), *end = begin != NULL ? find_line(begin, SSH_END) : NULL;
	const bool joined = begin != NULL ? strncmp(begin, SSH_JOINED, strlen(SSH_JOINED)) == 0 && begin > f->data
					  : f->len > 0 && f->data[f->len - 1] != '\n';
	size_t before = begin != NULL ? (size_t)(begin - f->data) - (joined ? 1 : 0) : f->len;
	const char *after = "";
	char *block;
	unsigned line;

	if ((begin == NULL) != (end == NULL) || (begin == NULL && find_line(f->data, SSH_END) != NULL) ||
		(end != NULL && (find_line(end + 1, SSH_BEGIN) != NULL || find_line(begin + 1, SSH_BEGIN) != NULL))) {
		setup_problem(e, _("make it one block that begins and ends with its two marks, or remove the marks"),
			_("the marks of ukey setup in %s are not a pair"), f->path);
		return;
	}
	if (end != NULL)
		after = end + strcspn(end, "\n");
	after += *after == '\n';
	line = provider_line(f->data, begin != NULL ? begin : f->data + f->len);
	block = ssh_block(s, joined);
	if (block == NULL) {
		setup_problem(e, "", "%s", ukey_status_message(UKEY_MEMORY));
	} else if (begin != NULL) {
		const size_t len = (size_t)(after - begin);
		e->found = len == strlen(block) && memcmp(begin, block, len) == 0 ? SETUP_OURS : SETUP_STALE;
		compose(e, f->data, before, joined && s->mode != SETUP_REMOVE, s->mode == SETUP_REMOVE ? "" : block,
			after);
	} else if (line > 0) {
		e->found = SETUP_THEIRS;
		snprintf(e->why, sizeof(e->why), _("ukey setup did not write line %u of %s"), line, f->path);
		snprintf(e->mend, sizeof(e->mend), _("remove the line by hand"));
	} else {
		e->found = SETUP_NONE;
		if (s->mode == SETUP_ADD)
			compose(e, f->data, before, joined, block, "");
	}
	free(block);
}

void setup_ssh(struct setup *s)
{
	char path[SETUP_PATH + 32];

	snprintf(path, sizeof(path), "%s/.ssh/config", s->home);
	setup_place(s, path, edit_ssh);
}

/* ---- files of ours ---- */

#define OURS_BEGIN "# Written by ukey setup"

/* Ours is what begins with the mark and has no line besides ours: then nobody's work is lost. */
static void edit_whole(
	const struct setup *s, const struct setup_file *f, struct setup_edit *e, const char *text, const char *key)
{
	char line[SETUP_PATH];
	const char *old, *now = strstr(text, key), *rest, *rest_now;

	e->found = !f->exists ? SETUP_NONE : strcmp(f->data, text) == 0 ? SETUP_OURS : SETUP_PROBLEM;
	if (e->found == SETUP_PROBLEM) {
		snprintf(line, sizeof(line), "%.*s", (int)strcspn(now, "\n"), now);
		old = find_line(f->data, key);
		rest = old != NULL ? old + strcspn(old, "\n") : "";
		rest_now = now + strcspn(now, "\n");
		if (old != NULL && strcmp(rest, rest_now) == 0 && old - f->data == now - text &&
			memcmp(f->data, text, (size_t)(now - text)) == 0)
			e->found = SETUP_STALE;
		else if (old != NULL && find_line(f->data, line) != NULL)
			e->found = SETUP_THEIRS;
	}
	if (e->found == SETUP_PROBLEM && s->mode == SETUP_REMOVE)
		e->found = SETUP_NONE;
	if (e->found == SETUP_PROBLEM)
		setup_problem(e, _("look into it; move it away and repeat, or put the module's line in by hand"),
			_("%s was written by somebody else, and does not name the module"), f->path);
	if (e->found == SETUP_THEIRS) {
		snprintf(e->why, sizeof(e->why), _("%s was written or changed by hand"), f->path);
		snprintf(e->mend, sizeof(e->mend), _("remove it by hand"));
	}
	if (s->mode == SETUP_REMOVE && (e->found == SETUP_OURS || e->found == SETUP_STALE))
		e->text = strdup("");
	else if (s->mode == SETUP_ADD && (e->found == SETUP_NONE || e->found == SETUP_STALE))
		e->text = strdup(text);
}

static void edit_java(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	char text[SETUP_PATH + 200];

	snprintf(text, sizeof(text),
		OURS_BEGIN " java; for SunPKCS11\nname=" SETUP_NAME "\nlibrary=%s\nslotListIndex=0\n", s->module);
	edit_whole(s, f, e, text, "library=");
}

void setup_java(struct setup *s)
{
	char path[SETUP_PATH + 32];

	snprintf(path, sizeof(path), "%s/openukey/ukey.cfg", s->config);
	setup_place(s, path, edit_java);
	if (s->mode == SETUP_ADD && s->worst == UKEY_OK) {
		ui_note(s->t, _("Java programs have to be told of it; for example:"));
		ui_note(s->t,
			"    keytool -list -keystore NONE -storetype PKCS11 -addprovider SunPKCS11 -providerArg %s",
			path);
	}
}

static void edit_p11kit(const struct setup *s, const struct setup_file *f, struct setup_edit *e)
{
	char text[SETUP_PATH + 200], everybody[SETUP_PATH];

	if (!f->exists && setup_p11kit_has(s, true, everybody)) {
		e->found = SETUP_GIVEN;
		snprintf(e->why, sizeof(e->why), "%.500s", everybody);
		return;
	}
	snprintf(text, sizeof(text), OURS_BEGIN " p11-kit\nmodule: %s\n", s->module);
	edit_whole(s, f, e, text, "module:");
}

/* pkcs11.conf(5): the administrator can switch the users' own modules off. */
static bool users_have_modules(void)
{
	char *text = setup_read("/etc/pkcs11/pkcs11.conf");
	const char *line = text != NULL ? find_line(text, "user-config:") : NULL;
	const bool off = line != NULL && strncmp(line + 12 + strspn(line + 12, " \t"), "none", 4) == 0;

	free(text);
	return !off;
}

void setup_p11kit(struct setup *s)
{
	char path[SETUP_PATH + 64], everybody[SETUP_PATH];

	snprintf(path, sizeof(path), "%s/pkcs11/modules/ukey.module", s->config);
	if (s->mode != SETUP_REMOVE && (getuid() == 0 || !users_have_modules()) &&
		!setup_p11kit_has(s, true, everybody)) {
		setup_say(s, s->mode == SETUP_LIST ? SETUP_CLOSED : SETUP_PROBLEM, path,
			_("install the module for everybody: a line \"module: /path/to/ukey-pkcs11.so\" in "
			  "/etc/pkcs11/modules/ukey.module"),
			getuid() == 0
				? _("p11-kit does not read the files of root's home")
				: _("p11-kit is configured not to read the users' files (/etc/pkcs11/pkcs11.conf)"));
		return;
	}
	setup_place(s, path, edit_p11kit);
}
