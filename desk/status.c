/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "desk/private.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/i18n.h"

static const struct {
	const char *name;
	int exit_code;
	bool recorded;
	const char *text;
} statuses[] = {
#define DESK_STATUS(name, exit_code, recorded, text) {#name, exit_code, recorded, text},
#include "desk/status.def"
#undef DESK_STATUS
};

static _Thread_local char detail[512];

const char *desk_status_name(enum desk_status status)
{
	return statuses[status].name;
}

const char *desk_status_text(enum desk_status status)
{
	return _(statuses[status].text);
}

int desk_status_exit(enum desk_status status)
{
	return statuses[status].exit_code;
}

bool desk_status_recorded(enum desk_status status)
{
	return statuses[status].recorded;
}

enum desk_status desk_fail(enum desk_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(detail, sizeof(detail), format, args);
	va_end(args);
	return status;
}

const char *desk_detail(void)
{
	return detail;
}

void desk_detail_clear(void)
{
	detail[0] = '\0';
}
