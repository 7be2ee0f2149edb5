/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lines of the Assuan protocol, as far as a client of a pinentry needs them (libassuan's manual, "Server
 * responses"). No input or output here, and no memory of its own: what holds a PIN belongs to the caller.
 *
 * Why not libassuan: it forks (an application's atfork handlers run in a browser), it waits without a limit, so that
 * C_Finalize could not end it, and a PIN passes through its line buffers, which are neither locked nor wiped.
 */
#ifndef PKCS11_ASSUAN_H
#define PKCS11_ASSUAN_H

#include "common/bytes.h"

/* Without the line feed. */
#define ASSUAN_LINE_MAX 1000

enum assuan_kind {
	ASSUAN_OK,
	ASSUAN_ERR,
	ASSUAN_DATA,
	ASSUAN_STATUS,
	ASSUAN_INQUIRE,
	ASSUAN_COMMENT,
	ASSUAN_BAD,
};

/* libgpg-error's codes: the low 16 bits of an error's number; above them stands who said it. */
enum assuan_error {
	ASSUAN_TIMEOUT = 62,
	ASSUAN_CANCELLED = 99,
	ASSUAN_FULLY_CANCELLED = 198,
};

struct assuan_line {
	enum assuan_kind kind;
	unsigned error;    /* ASSUAN_ERR */
	struct bytes rest; /* after the keyword and one blank; ASSUAN_DATA: still escaped */
};

/* A line of the server, without its line feed (a carriage return before it is dropped). */
struct assuan_line assuan_parse(struct bytes line);
/* The first word of the rest of a status or an inquiry. */
bool assuan_names(const struct assuan_line *line, const char *word);
/* %XX undone. False: a percent sign without two hexadecimal digits, or no room. */
bool assuan_unescape(struct bytes text, struct builder *out);
/* A command and its text, escaped, with the line feed; a text that is too long is cut between characters. */
void assuan_command(struct builder *out, const char *command, const char *text);

#endif
