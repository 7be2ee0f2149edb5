/* SPDX-License-Identifier: Apache-2.0 */
/* driver/settings.c: the configuration file. */
#include "config.h"

#include "driver/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/ukey-settings.XXXXXX", path[128];

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/openukey", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/openukey/openukey.conf", folder);
	setenv("XDG_CONFIG_HOME", folder, 1);
	unsetenv("OPENUKEY_DEBUG");
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(path);
	snprintf(path, sizeof path, "%s/openukey", folder);
	rmdir(path);
	return rmdir(folder);
}

static enum ukey_status load(struct settings *s, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	return settings_load(s);
}

static void good_files(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load(&s, ""), UKEY_OK);
	assert_string_equal(s.debug, "");
	assert_int_equal(s.ignored_count, 0);
	assert_false(s.no_extended);
	assert_int_equal(load(&s, "# comment\n; another\n\n  debug = /var/log/x \r\nignore-reader=Virtual\n"
				  "ignore-reader = Yubico YubiKey\nextended-apdu = no"),
		UKEY_OK);
	assert_string_equal(s.debug, "/var/log/x");
	assert_true(s.no_extended);
	assert_true(settings_ignores(&s, "Virtual PCD 00 00"));
	assert_true(settings_ignores(&s, "Yubico YubiKey OTP+FIDO+CCID 01 00"));
	assert_false(settings_ignores(&s, "Other reader"));
	assert_false(s.no_cache);
	assert_int_equal(load(&s, "cache = no"), UKEY_OK);
	assert_true(s.no_cache);
	assert_int_equal(load(&s, "cache = no\ncache = yes\n"), UKEY_OK);
	assert_false(s.no_cache);
	assert_int_equal(load(&s, "debug = stderr\ndebug = off\nextended-apdu = auto\n"), UKEY_OK);
	assert_string_equal(s.debug, "");
}

static void usb(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load(&s, ""), UKEY_OK);
	assert_false(s.no_usb);
	assert_int_equal(load(&s, "usb = no\n"), UKEY_OK);
	assert_true(s.no_usb);
	assert_int_equal(load(&s, "usb = no\nusb = auto\n"), UKEY_OK);
	assert_false(s.no_usb);
	assert_int_equal(load(&s, "usb = yes\n"), UKEY_CONFIG);
}

static void bad_files_name_the_line(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"debug\n",                        ":1: not of the form"},
		{"\n\nnonsense = 1\n",             ":3: an unknown key" },
		{"[section]\n",                    ":1: not of the form"},
		{"extended-apdu = perhaps\n",      ":1: a value"        },
		{"cache = perhaps\n",              ":1: a value"        },
		{"debug = on\n",                   ":1: a value"        },
		{"debug = off\nignore-reader =\n", ":2: a value"        },
		{"= 1\n",			  ":1: an unknown key" },
	};
	struct settings s;
	char longest[2000] = "debug = ";

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_int_equal(load(&s, bad[i].text), UKEY_CONFIG);
		assert_non_null(strstr(ukey_config_problem(), "openukey.conf"));
		assert_non_null(strstr(ukey_config_problem(), bad[i].says));
	}
	memset(longest + 8, 'x', sizeof longest - 9);
	assert_int_equal(load(&s, longest), UKEY_CONFIG);
	assert_non_null(strstr(ukey_config_problem(), ":1: a line that is too long"));
	longest[300] = '\0';
	assert_int_equal(load(&s, longest), UKEY_CONFIG);
	char many[2000] = "";
	for (int i = 0; i < SETTINGS_IGNORED_MAX + 1; i++)
		strcat(many, "ignore-reader = x\n");
	assert_int_equal(load(&s, many), UKEY_CONFIG);
	/* And a library with such a file does not open. */
	struct ukey *u;
	assert_int_equal(ukey_open(&u), UKEY_CONFIG);
	assert_non_null(strstr(ukey_config_problem(), ":17: a value"));
}

/* The administrator's file is read first. */
static void what_is_required_stays_required(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load(&s, "secure-channel = auto\n"), UKEY_OK);
	assert_false(s.channel_required);
	assert_int_equal(load(&s, "secure-channel = required\nsecure-channel = auto\n"), UKEY_OK);
	assert_true(s.channel_required);
	assert_int_equal(load(&s, "secure-channel = never\n"), UKEY_CONFIG);
}

static void the_environment_wins(void **state)
{
	struct settings s;

	(void)state;
	setenv("OPENUKEY_DEBUG", "/elsewhere", 1);
	assert_int_equal(load(&s, "debug = /var/log/x\n"), UKEY_OK);
	assert_string_equal(s.debug, "/elsewhere");
	setenv("OPENUKEY_DEBUG", "0", 1);
	assert_int_equal(settings_load(&s), UKEY_OK);
	assert_string_equal(s.debug, "");
	setenv("OPENUKEY_DEBUG", "1", 1);
	assert_int_equal(settings_load(&s), UKEY_OK);
	assert_string_equal(s.debug, "stderr");
	setenv("OPENUKEY_DEBUG", "", 1);
	assert_int_equal(settings_load(&s), UKEY_OK);
	assert_string_equal(s.debug, "");
	/* Not a file "yes" in whatever folder the program stands. */
	setenv("OPENUKEY_DEBUG", "yes", 1);
	assert_int_equal(settings_load(&s), UKEY_CONFIG);
	assert_non_null(strstr(ukey_config_problem(), "OPENUKEY_DEBUG"));
	assert_string_equal(s.debug, "/var/log/x");
	unsetenv("OPENUKEY_DEBUG");
	setenv("OPENUKEY_PINENTRY", "no", 1);
	assert_int_equal(load(&s, "pinentry = yes\n"), UKEY_OK);
	assert_string_equal(s.pinentry, "");
	setenv("OPENUKEY_PINENTRY", "/usr/bin/pinentry-tty", 1);
	assert_int_equal(settings_load(&s), UKEY_OK);
	assert_string_equal(s.pinentry, "/usr/bin/pinentry-tty");
	/* What the module asks for. */
	struct ukey *u;
	assert_int_equal(ukey_open(&u), UKEY_OK);
	assert_string_equal(ukey_setting_pinentry(u), "/usr/bin/pinentry-tty");
	ukey_close(u);
	setenv("OPENUKEY_PINENTRY", "relative", 1);
	assert_int_equal(settings_load(&s), UKEY_CONFIG);
	assert_non_null(strstr(ukey_config_problem(), "OPENUKEY_PINENTRY"));
	unsetenv("OPENUKEY_PINENTRY");
	assert_int_equal(load(&s, "pinentry = no\n"), UKEY_OK);
	assert_int_equal(ukey_open(&u), UKEY_OK);
	assert_null(ukey_setting_pinentry(u));
	ukey_close(u);
}

static void no_home_and_no_file_are_fine(void **state)
{
	struct settings s;
	char *home = getenv("HOME") ? strdup(getenv("HOME")) : NULL;

	(void)state;
	setenv("XDG_CONFIG_HOME", "relative", 1);
	unsetenv("HOME");
	assert_int_equal(settings_load(&s), UKEY_OK);
	setenv("HOME", "/nonexistent", 1);
	assert_int_equal(settings_load(&s), UKEY_OK);
	if (home)
		setenv("HOME", home, 1);
	free(home);
	setenv("XDG_CONFIG_HOME", folder, 1);
	/* A folder where the file should be. */
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(settings_load(&s), UKEY_CONFIG);
	rmdir(path);
}

static void piv_all_slots(void **state)
{
	struct settings s;

	(void)state;
	assert_int_equal(load(&s, ""), UKEY_OK);
	assert_false(s.piv_all_slots);
	assert_int_equal(load(&s, "piv-all-slots = yes\n"), UKEY_OK);
	assert_true(s.piv_all_slots);
	assert_int_equal(load(&s, "piv-all-slots = yes\npiv-all-slots = no\n"), UKEY_OK);
	assert_false(s.piv_all_slots);
	assert_int_equal(load(&s, "piv-all-slots = all\n"), UKEY_CONFIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_files),
		cmocka_unit_test(usb),
		cmocka_unit_test(piv_all_slots),
		cmocka_unit_test(bad_files_name_the_line),
		cmocka_unit_test(what_is_required_stays_required),
		cmocka_unit_test(the_environment_wins),
		cmocka_unit_test(no_home_and_no_file_are_fine),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
