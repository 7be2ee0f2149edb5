/* SPDX-License-Identifier: Apache-2.0 */
/* Between cmd_doctor.c (service, readers, tokens) and doctor_machine.c (module, limits, language). */
#ifndef UKEY_TOOLS_DOCTOR_H
#define UKEY_TOOLS_DOCTOR_H

#include "tools/tool.h"

enum doctor_level {
	DOCTOR_OK,
	DOCTOR_WARNING, /* works, but look at it */
	DOCTOR_PROBLEM,
};

struct doctor {
	struct tool *t;
	json_t *checks;
	unsigned problems, warnings;
};

/* id: for --json, stable; found: one line; mend: what to do, "" for DOCTOR_OK. */
void doctor_add(struct doctor *d, enum doctor_level level, const char *id, const char *mend, const char *found, ...)
	__attribute__((format(printf, 5, 6)));

void doctor_roots(struct doctor *d);
void doctor_module(struct doctor *d);
void doctor_pinentry(struct doctor *d);
void doctor_cache(struct doctor *d);
void doctor_locked_memory(struct doctor *d);
void doctor_language(struct doctor *d);
/* A USB device of the smart card class (0B) that no PC/SC reader stands for; "" when there is none. */
void doctor_usb_ccid(char *out, size_t cap);

#endif
