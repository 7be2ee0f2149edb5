/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/factory/outcome.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>
#include <openssl/err.h>

#include "common/i18n.h"

static char message[1024];

enum factory_status factory_fail(enum factory_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	return status;
}

enum factory_status factory_io(const char *path)
{
	return factory_fail(FACTORY_FAILED, "%s: %s", path, strerror(errno));
}

enum factory_status factory_crypto(const char *what)
{
	unsigned long code = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(code);

	factory_fail(
		FACTORY_FAILED, "%s: %s", what, reason != NULL ? reason : _("OpenSSL refuses, for no reason it tells"));
	ERR_clear_error();
	return FACTORY_FAILED;
}

const char *factory_message(void)
{
	return message;
}

void factory_complain(enum factory_status status, bool json)
{
	json_t *o;

	if (!json) {
		fprintf(stderr, "ukey-emu: %s\n", message);
		return;
	}
	o = json_pack("{s:b, s:i, s:s}", "ok", 0, "status", (int)status, "error", message);
	if (o != NULL) {
		json_dumpf(o, stdout, JSON_COMPACT);
		putchar('\n');
	}
	json_decref(o);
}
