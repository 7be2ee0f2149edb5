/* SPDX-License-Identifier: Apache-2.0 */
/* How things end in the factory: exit statuses, and one line about what went wrong. */
#ifndef UKEY_EMU_FACTORY_OUTCOME_H
#define UKEY_EMU_FACTORY_OUTCOME_H

#include <stdbool.h>

#include "common/i18n.h"

enum factory_status {
	FACTORY_OK = 0,
	FACTORY_USAGE = 2,
	FACTORY_FOLDER = 3,  /* the factory's folder, or the master key, is not as it must be */
	FACTORY_SECRET = 4,  /* a passphrase or PIN */
	FACTORY_REFUSED = 5, /* this token is not to be personalised */
	FACTORY_FAILED = 7,  /* files, memory, cryptography; the token */
};

/* Says what is wrong and what to do next; gives back the status. */
enum factory_status factory_fail(enum factory_status status, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static inline enum factory_status factory_memory(void)
{
	(void)factory_fail(FACTORY_FAILED, "%s", _("out of memory"));
	return FACTORY_FAILED;
}
/* With the system's reason (errno). */
enum factory_status factory_io(const char *path);
/* What OpenSSL would not do; empties its queue of errors. */
enum factory_status factory_crypto(const char *what);
/* The last failure's line. */
const char *factory_message(void);
/* Print it on standard error, or as an object of JSON on standard output. */
void factory_complain(enum factory_status status, bool json);

#endif
