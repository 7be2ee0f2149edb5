/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every command of ukey shares: the table of commands and options, one run's state, and how a run fails.
 *
 *	main --> parse by the command's row --> row.run(t) --> status --> message, hint or JSON, exit code
 *
 * A command returns enum ukey_status. Where it knows more than the status says, it returns tool_fail(t, status, ...),
 * whose text stands in parentheses behind the status' own sentence.
 */
#ifndef UKEY_TOOLS_TOOL_H
#define UKEY_TOOLS_TOOL_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "common/i18n.h"
#include "driver/ukey.h"

/* Every option there is; tools/options.def gives its name, its argument and its line of help. */
enum tool_option {
#define OPTION(id, name, argument, help) OPT_##id,
#include "tools/options.def"
#undef OPTION
	OPT_COUNT
};

struct tool;

struct command {
	const char *verb, *sub; /* "pin", "change"; sub is NULL for one-word commands */
	const char *operands;   /* for the usage line: "FILE" */
	const char *summary;    /* one line */
	int args_min, args_max;
	enum ukey_status (*run)(struct tool *t);
	enum tool_option options[24]; /* besides the common ones; ended by OPT_COUNT */
};

extern const struct command tool_commands[];
extern const size_t tool_command_count;

struct tool {
	const struct command *command;
	const char *opt[OPT_COUNT]; /* the argument, "" for one without, NULL: not given */
	char **args;
	int arg_count;
	json_t *result;          /* the document of --json; filled in any case */
	bool data_on_stdout;     /* stdout carries a file: notes go to stderr */
	enum ukey_status failed; /* what `context` and `hint` belong to */
	char context[768];
	char hint[256];
	struct ukey *library;
};

/* ukey_open, once; what is wrong with the configuration is told. */
enum ukey_status tool_open_library(struct tool *t);

static inline bool tool_has(const struct tool *t, enum tool_option o)
{
	return t->opt[o] != NULL;
}

/* Keep what is known beyond the status, and return the status. format may be NULL. */
enum ukey_status tool_fail(struct tool *t, enum ukey_status s, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* What to do next, where the table's own hint does not fit. */
void tool_hint(struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* UKEY_FILE with the name and the system's reason (errno). */
enum ukey_status tool_fail_file(struct tool *t, const char *path);

/* The long name, without the hyphens. */
const char *tool_option_name(enum tool_option o);

/* A whole number in [min, max], or UKEY_USAGE. An absent option leaves *value. */
enum ukey_status tool_number(struct tool *t, enum tool_option o, long min, long max, long *value);

/* Prints the failure (stderr, or the document's "error") and what --json collected; returns the exit code. */
int tool_report(struct tool *t, enum ukey_status s);

/* SIGINT, SIGTERM or SIGHUP came. A second one ends the program at once. */
bool tool_cancelled(void);
/* From now on, or no longer, the user waits for a step that nothing breaks off, and is told so when a signal comes. */
void tool_waits(bool waits);
void tool_catch_signals(void);
/* To be called by the handler before it ends the program: restores the terminal. */
void pin_restore_terminal(void);

enum ukey_status cmd_list(struct tool *t);
enum ukey_status cmd_info(struct tool *t);
enum ukey_status cmd_init(struct tool *t);
enum ukey_status cmd_reset(struct tool *t);
enum ukey_status cmd_pin_verify(struct tool *t);
enum ukey_status cmd_pin_change(struct tool *t);
enum ukey_status cmd_pin_unlock(struct tool *t);
enum ukey_status cmd_so_pin_change(struct tool *t);
enum ukey_status cmd_key_generate(struct tool *t);
enum ukey_status cmd_key_import(struct tool *t);
enum ukey_status cmd_key_list(struct tool *t);
enum ukey_status cmd_key_delete(struct tool *t);
enum ukey_status cmd_key_attest(struct tool *t);
enum ukey_status cmd_cert_import(struct tool *t);
enum ukey_status cmd_cert_export(struct tool *t);
enum ukey_status cmd_cert_list(struct tool *t);
enum ukey_status cmd_cert_delete(struct tool *t);
enum ukey_status cmd_request(struct tool *t);
enum ukey_status cmd_enroll(struct tool *t);
enum ukey_status cmd_sign(struct tool *t);
enum ukey_status cmd_verify(struct tool *t);
enum ukey_status cmd_decrypt(struct tool *t);
enum ukey_status cmd_encrypt(struct tool *t);
enum ukey_status cmd_setup(struct tool *t);
enum ukey_status cmd_doctor(struct tool *t);

#endif
