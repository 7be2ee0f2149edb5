/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/status.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <openssl/err.h>

#include "common/i18n.h"

static const struct {
	const char *name;
	unsigned http;
	int exit_code;
	const char *text;
} statuses[] = {
#define RA_STATUS(name, http, exit_code, text) {#name, http, exit_code, text},
#include "ra/status.def"
#undef RA_STATUS
};

static _Thread_local char detail[512];

const char *ra_status_name(enum ra_status status)
{
	return statuses[status].name;
}

const char *ra_status_text(enum ra_status status)
{
	return _(statuses[status].text);
}

unsigned ra_status_http(enum ra_status status)
{
	return statuses[status].http;
}

int ra_status_exit(enum ra_status status)
{
	return statuses[status].exit_code;
}

enum ra_status ra_fail(enum ra_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof detail, format, args);
	va_end(args);
	return status;
}

enum ra_status ra_fail_crypto(const char *what)
{
	char reason[256] = "";
	unsigned long error = ERR_peek_error();

	if (error != 0)
		ERR_error_string_n(error, reason, sizeof reason);
	ERR_clear_error();
	return ra_fail(RA_CRYPTO, "%s: %s", what, reason);
}

const char *ra_detail(void)
{
	return detail;
}

void ra_detail_clear(void)
{
	detail[0] = '\0';
}
