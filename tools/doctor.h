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

/* doctor_usb.c. Our tokens on USB, and how they are reached; how many there are. */
size_t doctor_usb(struct doctor *d, const struct ukey_reader_info *list, size_t count);
/* doctor_machine.c */
void doctor_roots(struct doctor *d);
void doctor_module(struct doctor *d);
void doctor_pinentry(struct doctor *d);
void doctor_cache(struct doctor *d);
void doctor_locked_memory(struct doctor *d);
void doctor_language(struct doctor *d);
/* Of use to setup too. The value of "module:" in a p11-kit module file (pkcs11.conf(5)). */
#define DOCTOR_PATH 1024
bool doctor_module_line(const char *path, char out[DOCTOR_PATH]);
/* Where the module is; a name without folder is looked for where p11-kit keeps modules. */
bool doctor_module_find(const char *name, char out[DOCTOR_PATH]);
/* Tried in a child; why: what the loader said. */
bool doctor_module_loads(const char *path, char *why, size_t cap);
/* A USB device of the smart card class (0B) that no PC/SC reader stands for; "" when there is none. */
void doctor_usb_ccid(char *out, size_t cap);

#endif
