/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ukey setup: giving programs the PKCS#11 module, one file of theirs at a time.
 *
 *	cmd_setup --> the program's function --> setup_place(s, path, editor)
 *	                                            | reads the file, refuses what is not safely the user's own
 *	                                            | editor: what is there, and what the file would be afterwards
 *	                                            ` reports one line; writes where something changes
 *
 * An editor never touches the disk: it turns one text into another. Whatever it does not know it leaves byte for byte.
 */
#ifndef UKEY_TOOLS_SETUP_H
#define UKEY_TOOLS_SETUP_H

#include <sys/stat.h>

#include "tools/tool.h"

#define SETUP_PATH   4096
#define SETUP_NAME   "ukey" /* the module's name in programs that want one */
#define SETUP_MODULE "ukey-pkcs11.so"

enum setup_mode {
	SETUP_LIST,
	SETUP_ADD,
	SETUP_REMOVE,
};

/* What a place says about the module. */
enum setup_found {
	SETUP_NONE,    /* nothing */
	SETUP_OURS,    /* it is registered, by us */
	SETUP_STALE,   /* registered by us, with another path */
	SETUP_THEIRS,  /* registered by an entry that somebody else wrote */
	SETUP_GIVEN,   /* the program has it without this place: p11-kit */
	SETUP_UNUSED,  /* the program has not made this place yet */
	SETUP_CLOSED,  /* the program cannot reach the module from where it runs */
	SETUP_PROBLEM, /* cannot be told, or must not be touched; see why and mend */
};

struct setup {
	struct tool *t;
	enum setup_mode mode;
	bool dry_run;
	const char *program; /* whose places come now */
	bool machine;        /* they are the machine's, not a user's: no home, no module */
	char home[SETUP_PATH],
		config[SETUP_PATH]; /* the user's, without a symlink; and XDG_CONFIG_HOME or its default */
	char module[SETUP_PATH];
	json_t *places;
	unsigned usable;        /* places of the program that were there to be looked at */
	enum ukey_status worst; /* UKEY_OK as long as all went well */
};

/* A file as it is on the disk. data is zero-terminated and free of other zeros. */
struct setup_file {
	char path[SETUP_PATH]; /* without symlinks */
	bool exists;
	struct stat st;
	char *data;
	size_t len;
};

/* What an editor found. With SETUP_NONE and SETUP_STALE (to add), SETUP_OURS and SETUP_STALE (to remove): the new text
 * for s->mode, to be freed; an empty one stands for no file. */
struct setup_edit {
	enum setup_found found;
	char *text;
	char why[512], mend[512];
};

typedef void setup_editor(const struct setup *s, const struct setup_file *file, struct setup_edit *e);

/* cmd_setup.c. One place's outcome in one line. */
void setup_report(struct setup *s, const char *path, const struct setup_edit *e, bool changed, const char *before);
/* SETUP_PROBLEM, SETUP_CLOSED and the like, without a file. */
void setup_say(struct setup *s, enum setup_found found, const char *path, const char *mend, const char *why, ...)
	__attribute__((format(printf, 5, 6)));
void setup_place(struct setup *s, const char *path, setup_editor *editor);
/* True when p11-kit has the module for this user; path: the file that says so. `everybody`: the system's files only. */
bool setup_p11kit_has(const struct setup *s, bool everybody, char path[SETUP_PATH]);

/* setup_file.c. On failure false, with why and mend. */
bool setup_file_load(const struct setup *s, const char *path, struct setup_file *out, struct setup_edit *e);
/* Whether it is this user's to change. */
bool setup_file_mine(const struct setup *s, const struct setup_file *file, struct setup_edit *e);
bool setup_file_store(const struct setup_file *file, const char *text, struct setup_edit *e);
void setup_file_clear(struct setup_file *file);
/* The folders above path, each made for its user alone. */
bool setup_make_folders(const char *path, struct setup_edit *e);
void setup_problem(struct setup_edit *e, const char *mend, const char *why, ...) __attribute__((format(printf, 3, 4)));
/* What a small file of the system says, or NULL; to be freed. */
char *setup_read(const char *path);

/* setup_nss.c */
void setup_firefox(struct setup *s);
void setup_chromium(struct setup *s);
/* setup_text.c */
void setup_ssh(struct setup *s);
void setup_java(struct setup *s);
void setup_p11kit(struct setup *s);
/* setup_libccid.c */
void setup_libccid(struct setup *s);
/* Where libccid's list of readers is; NULL: nowhere. */
const char *setup_libccid_list(void);
bool setup_libccid_knows(const char *path, unsigned vendor, unsigned product);

#endif
