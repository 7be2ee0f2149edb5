/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of commands. What may be shown is a table of public commands in log.c; the data of every other command is
 * replaced by its length, in the command and in the answer: PINs, keys, what is signed and decrypted, random bytes,
 * data objects.
 */
#ifndef UKEY_DRIVER_LOG_H
#define UKEY_DRIVER_LOG_H

#include "common/apdu.h"
#include "driver/ukey.h"

/* Where lines go when no ukey_set_log() is in force: NULL none, "1" or "stderr", else a file's name. */
void log_open(const char *where);
bool log_wanted(void);
/* In the child of a fork: a thread that is not here may have been writing a line. */
void log_forked(void);

void log_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_command(const char *reader, const struct apdu *a);
void log_answer(const char *reader, const struct apdu *a, struct bytes data, uint16_t sw);
void log_failure(const char *reader, const struct apdu *a, enum ukey_status s);

#endif
