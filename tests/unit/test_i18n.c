/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "common/i18n.h"
#include "tests/unit/test.h"

#include <locale.h>
#include <stdlib.h>

static const char *const later[] = {N_("signature"), N_("exchange")};

static void gives_the_text_itself_without_a_catalogue(void **state)
{
	(void)state;
	setlocale(LC_ALL, "C");
	i18n_init();
	i18n_init();
	assert_string_equal(_("PIN"), "PIN");
	assert_string_equal(_(later[1]), "exchange");
	for (unsigned long n = 0; n < 3; n++)
		assert_string_equal(
			ngettext_("%lu try left", "%lu tries left", n), n == 1 ? "%lu try left" : "%lu tries left");
}

/* A library must not change the domain that the program's own gettext() looks into. */
static void leaves_the_domain_of_the_program_alone(void **state)
{
	(void)state;
	textdomain("somebody-else");
	i18n_init();
	(void)_("PIN");
	assert_string_equal(textdomain(NULL), "somebody-else");
	assert_string_equal(bindtextdomain(I18N_DOMAIN, NULL), LOCALEDIR);
}

static void speaks_the_language_of_a_locale_that_is_not_generated(void **state)
{
	(void)state;
	unsetenv("LANGUAGE");
	setenv("LC_ALL", "xx_YY.UTF-8", 1);
	i18n_program();
	assert_string_equal(getenv("LANGUAGE"), "xx_YY");
	assert_string_equal(setlocale(LC_CTYPE, NULL), "C.UTF-8");
	setenv("LANGUAGE", "de", 1);
	i18n_program();
	assert_string_equal(getenv("LANGUAGE"), "de");
	unsetenv("LANGUAGE");
	setenv("LC_ALL", "C", 1);
	i18n_program();
	assert_null(getenv("LANGUAGE"));
	assert_string_equal(setlocale(LC_CTYPE, NULL), "C");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_the_text_itself_without_a_catalogue),
		cmocka_unit_test(leaves_the_domain_of_the_program_alone),
		cmocka_unit_test(speaks_the_language_of_a_locale_that_is_not_generated),
	};
	return cmocka_run_group_tests_name("i18n", tests, NULL, NULL);
}
