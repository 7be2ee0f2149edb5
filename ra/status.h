/* SPDX-License-Identifier: Apache-2.0 */
/* Outcomes of the RA: status.def is the only table. */
#ifndef RA_STATUS_H
#define RA_STATUS_H

enum ra_status {
#define RA_STATUS(name, http, exit_code, text) RA_##name,
#include "ra/status.def"
#undef RA_STATUS
};

/* The name in the table ("BAD_POP"), for logs and tests. */
const char *ra_status_name(enum ra_status status);
/* Translated, one line without a full stop. */
const char *ra_status_text(enum ra_status status);
unsigned ra_status_http(enum ra_status status);
int ra_status_exit(enum ra_status status);

/*
 * Keeps a detail for the operator ("profiles.json: person-sign: unknown key usage") and returns the status, so that
 * a function can end with `return ra_fail(RA_BAD_PROFILE, ...)`. One detail a thread; it never goes to an EST client.
 */
enum ra_status ra_fail(enum ra_status status, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with OpenSSL's first error as the detail, its queue emptied. */
enum ra_status ra_fail_crypto(const char *what);
/* The last detail, "" when there is none. */
const char *ra_detail(void);
void ra_detail_clear(void);

#endif
