/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/i18n.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

/* The locale that the environment asks for, as setlocale(3) reads it for messages. */
static const char *wanted_locale(void)
{
	static const char *const variables[] = {"LC_ALL", "LC_MESSAGES", "LANG"};

	for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
		const char *value = getenv(variables[i]);
		if (value != NULL && value[0] != '\0')
			return value;
	}
	return "C";
}

void i18n_program(void)
{
	const char *wanted = wanted_locale(), *already = getenv("LANGUAGE");
	char language[32];
	size_t len = strcspn(wanted, ".@");

	/* Debian generates no locale by itself: LANG=zh_CN.UTF-8 alone would be English, in ASCII. gettext needs any
	 * locale but "C", and LANGUAGE. */
	if (setlocale(LC_ALL, "") == NULL && setlocale(LC_ALL, "C.UTF-8") != NULL && len < sizeof(language)) {
		memcpy(language, wanted, len);
		language[len] = '\0';
		/* An empty one is to gettext as none. */
		setenv("LANGUAGE", language, already == NULL || already[0] == '\0');
	}
	i18n_init();
}

void i18n_init(void)
{
	bindtextdomain(I18N_DOMAIN, LOCALEDIR);
}
