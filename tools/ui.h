/* SPDX-License-Identifier: Apache-2.0 */
/* What a person sees: notes, tables, progress, questions. Text from tokens and servers is cleaned of control
 * characters. */
#ifndef UKEY_TOOLS_UI_H
#define UKEY_TOOLS_UI_H

#include <stdio.h>

#include "tools/tool.h"

/* A result line on stdout; nothing with --json or --quiet. Goes to stderr when stdout carries data. */
void ui_note(const struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A warning on stderr, not with --quiet. */
void ui_warn(const struct tool *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* On stderr in any case: what a person at a prompt has to know. */
void ui_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Replaces what a terminal would obey (C0, C1, DEL) and broken UTF-8 by '?'; in place. Returns text. */
char *ui_clean(char *text);
/* Columns that the text takes on a terminal. */
size_t ui_width(const char *text);

/* A JSON string of text that may be broken UTF-8. */
json_t *ui_json_text(const char *text);
/* "2026-01-31T12:00:00Z", from seconds since 1970 or from "YYYYMMDDHHMMSS". */
#define UI_TIME_SIZE 24
void ui_time(int64_t seconds, char out[UI_TIME_SIZE]);
void ui_time_asn1(const char digits[15], char out[UI_TIME_SIZE]);

/* A table with a heading, columns aligned by display width, cut at the terminal's width in the last column only. */
struct ui_table;
struct ui_table *ui_table_new(const char *const *headings, size_t columns);
void ui_table_cell(struct ui_table *table, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints (unless out is NULL) and frees. */
void ui_table_print(struct ui_table *table, FILE *out);

/* "Serial:    00AB" with the values aligned: pairs of name and value, ended by NULL. */
void ui_pairs(FILE *out, ...);

/* A step that takes time: a spinner with seconds on a terminal, a line else; nothing with --json or --quiet. */
struct ui_progress;
struct ui_progress *ui_progress_start(const struct tool *t, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Ends it with "done" or not; frees. NULL is allowed. */
void ui_progress_end(struct ui_progress *p, bool done);

/* The person has to type `expected`. UKEY_CANCELLED when something else came; UKEY_USAGE when nobody can be asked. */
enum ukey_status ui_confirm(struct tool *t, const char *expected, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* A question on the terminal, to be answered with y or yes; anything else, and no terminal, is no. */
bool ui_ask_yes(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Write to a file atomically (new file beside it, then rename), or to stdout for "-". mode is the file's permission. */
enum ukey_status ui_write_file(struct tool *t, const char *path, const void *data, size_t len, unsigned mode);
/* All of a file up to max bytes, zero-terminated behind; free with free(). */
enum ukey_status ui_read_file(struct tool *t, const char *path, size_t max, uint8_t **data, size_t *len);

#endif
