/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/i18n.h"

#define VALID_MAX (90 * 24 * 3600)

enum ra_status cli_duration(const char *text, int64_t *out)
{
	static const struct {
		char unit;
		int64_t seconds;
	} units[] = {
		{'s', 1        },
                {'m', 60       },
                {'h', 3600     },
                {'d', 24 * 3600}
        };
	char *end = NULL;
	long number = strtol(text, &end, 10);

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (end == text || end[0] != units[i].unit || end[1] != '\0' || number <= 0 ||
			number > VALID_MAX / units[i].seconds)
			continue;
		*out = number * units[i].seconds;
		return RA_OK;
	}
	return ra_fail(RA_USAGE, _("\"%s\" is no duration such as 30m, 24h or 7d (90 days at most)"), text);
}

void cli_time(int64_t seconds, char out[32])
{
	time_t time = (time_t)seconds;
	struct tm date;

	if (gmtime_r(&time, &date) == NULL || strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &date) == 0)
		out[0] = '\0';
}

int64_t cli_now(void)
{
	return (int64_t)time(NULL);
}

enum ra_status cli_print_json(json_t *value)
{
	if (value == NULL)
		return RA_MEMORY;
	int written = json_dumpf(value, stdout, JSON_INDENT(2));
	json_decref(value);
	return written == 0 && putchar('\n') != EOF && fflush(stdout) == 0 ? RA_OK : RA_IO;
}

json_t *cli_json_time(int64_t seconds)
{
	char text[32];

	if (seconds == 0)
		return json_null();
	cli_time(seconds, text);
	return json_string(text);
}

json_t *cli_json_text(const char *text)
{
	return text == NULL ? json_null() : json_string(text);
}
