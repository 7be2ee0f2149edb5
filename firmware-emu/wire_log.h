/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every byte of the wire with its time, one message a line, for tests and for people who look for a fault:
 *	2026-01-31T12:00:00.123456Z > 00A4040005F04F70656E00
 * It shows everything, PINs too: it is off until somebody asks for it, and its file is for its owner only.
 */
#ifndef UKEY_EMU_WIRE_LOG_H
#define UKEY_EMU_WIRE_LOG_H

#include <stdio.h>

#include "common/bytes.h"

struct wire_log {
	FILE *to; /* NULL: off */
};

/* To standard error, to a file (appended to, made when it is not there), off. False: the file can't be opened, and
 * the log is as before; errno says why. */
void wire_log_stderr(struct wire_log *log);
bool wire_log_file(struct wire_log *log, const char *path);
void wire_log_off(struct wire_log *log);

/* direction: '>' to the token, '<' from it. */
void wire_log_bytes(struct wire_log *log, char direction, struct bytes data);
void wire_log_event(struct wire_log *log, const char *event);

#endif
