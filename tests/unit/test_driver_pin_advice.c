/* SPDX-License-Identifier: Apache-2.0 */
/* driver/pin_advice.c: each class of advice, and its words in both languages. */
#include "config.h"

#include "driver/ukey.h"

#include <libintl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/i18n.h"

static const struct ukey_token_info plain = {
	.serial = "0A1B2C3D4E5F6071", .label = "Zhang San", .pin_min = 6, .pin_max = 32};
static const struct ukey_token_info strict = {
	.serial = "0A1B2C3D4E5F6071", .pin_min = 8, .pin_max = 12, .pin_classes = 3};

struct row {
	const char *pin;
	enum ukey_pin_advice advice;
};

static void check(const struct ukey_token_info *info, const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		enum ukey_pin_advice a = ukey_pin_advise(info, (const uint8_t *)rows[i].pin, strlen(rows[i].pin));
		if (a != rows[i].advice)
			fail_msg("\"%s\": %d, wanted %d", rows[i].pin, a, rows[i].advice);
	}
}

static void what_the_token_refuses(void **state)
{
	static const struct row by_plain[] = {
		{"",				  UKEY_PIN_TOO_SHORT },
		{"12345",			     UKEY_PIN_TOO_SHORT },
		{"k7mx2q9wk7mx2q9wk7mx2q9wk7mx2q9w1", UKEY_PIN_TOO_LONG  },
		{"k7mx\x01q9",                        UKEY_PIN_CHARACTERS},
		{"k7mx\x7Fq9",                        UKEY_PIN_CHARACTERS},
		{"k7mx\xFFq9",                        UKEY_PIN_CHARACTERS},
		{"k7mx\xC0\xAFq9",                    UKEY_PIN_CHARACTERS},
	};
	static const struct row by_strict[] = {
		{"k7Mx2q9",       UKEY_PIN_TOO_SHORT},
		{"k7Mx2q9wr8z3L", UKEY_PIN_TOO_LONG },
		{"k7mx2q9w",      UKEY_PIN_CLASSES  },
		{"k7Mx2q9w",      UKEY_PIN_GOOD     },
		{"k-mX?q+w",      UKEY_PIN_GOOD     },
		{"口令k7mx",    UKEY_PIN_GOOD     },
	};

	(void)state;
	check(&plain, by_plain, sizeof by_plain / sizeof by_plain[0]);
	check(&strict, by_strict, sizeof by_strict / sizeof by_strict[0]);
	/* a zero is a character of its own, not the end */
	assert_int_equal(ukey_pin_advise(&plain, (const uint8_t *)"k7m\0x2q9", 8), UKEY_PIN_CHARACTERS);
}

static void what_others_guess_first(void **state)
{
	static const struct row rows[] = {
		{"111111",       UKEY_PIN_REPEATED },
		{"abcabc",       UKEY_PIN_REPEATED },
		{"AbcaBC",       UKEY_PIN_REPEATED },
		{"1212121",      UKEY_PIN_REPEATED },
		{"112211",       UKEY_PIN_REPEATED },
		{"口令口令", UKEY_PIN_REPEATED },
		{"123456",       UKEY_PIN_SEQUENCE },
		{"67890",        UKEY_PIN_TOO_SHORT},
		{"567890",       UKEY_PIN_SEQUENCE },
		{"fedcba",       UKEY_PIN_SEQUENCE },
		{"QWERTY",       UKEY_PIN_SEQUENCE },
		{"qwertyuiop",   UKEY_PIN_SEQUENCE },
		{"lkjhgf",       UKEY_PIN_SEQUENCE },
		{"abc123",       UKEY_PIN_SEQUENCE },
		{"123321",       UKEY_PIN_SEQUENCE },
		{"111222",       UKEY_PIN_REPEATED },
		{"111222333",    UKEY_PIN_SEQUENCE },
		{"1qaz2wsx",     UKEY_PIN_SEQUENCE },
		{"!@#$%^",       UKEY_PIN_SEQUENCE },
		{"19881224",     UKEY_PIN_DATE     },
		{"1988-12-24",   UKEY_PIN_DATE     },
		{"24121988",     UKEY_PIN_DATE     },
		{"12241988",     UKEY_PIN_DATE     },
		{"881224",       UKEY_PIN_DATE     },
		{"241288",       UKEY_PIN_DATE     },
		{"198812",       UKEY_PIN_DATE     },
		{"20000229",     UKEY_PIN_DATE     },
		{"password",     UKEY_PIN_COMMON   },
		{"PassWord",     UKEY_PIN_COMMON   },
		{"5201314",      UKEY_PIN_COMMON   },
		{"woaini",       UKEY_PIN_COMMON   },
		{"0a1b2c3d",     UKEY_PIN_SERIAL   },
		{"4E5F6071",     UKEY_PIN_SERIAL   },
		{"zhang san1",   UKEY_PIN_SERIAL   },
		{"ang San",      UKEY_PIN_SERIAL   },
	};

	(void)state;
	check(&plain, rows, sizeof rows / sizeof rows[0]);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].advice != UKEY_PIN_TOO_SHORT)
			assert_false(ukey_pin_refused(rows[i].advice));
}

static void a_good_one_is_left_alone(void **state)
{
	static const struct row rows[] = {
		{"739164",             UKEY_PIN_GOOD},
		{"90417738",           UKEY_PIN_GOOD},
		{"k7mx2q",             UKEY_PIN_GOOD},
		{"99991332",           UKEY_PIN_GOOD},
		{"horse-battery-9",    UKEY_PIN_GOOD},
		{"abc7391",            UKEY_PIN_GOOD},
		{"口令七三九一", UKEY_PIN_GOOD},
		{"qwepmz",             UKEY_PIN_GOOD},
	};
	const struct ukey_token_info bare = {.pin_min = 6, .pin_max = 32};

	(void)state;
	check(&plain, rows, sizeof rows / sizeof rows[0]);
	check(&bare, rows, sizeof rows / sizeof rows[0]);
	assert_false(ukey_pin_refused(UKEY_PIN_GOOD));
	assert_true(ukey_pin_refused(UKEY_PIN_TOO_SHORT));
	assert_true(ukey_pin_refused(UKEY_PIN_TOO_LONG));
	assert_true(ukey_pin_refused(UKEY_PIN_CHARACTERS));
	assert_true(ukey_pin_refused(UKEY_PIN_CLASSES));
}

/* The library's own limit, should a token ever name a larger one. */
static void no_length_runs_over(void **state)
{
	const struct ukey_token_info lying = {.pin_min = 0, .pin_max = 1000};
	uint8_t pin[1000];

	(void)state;
	memset(pin, 'x', sizeof pin);
	for (size_t n = 33; n <= sizeof pin; n++)
		assert_int_equal(ukey_pin_advise(&lying, pin, n), UKEY_PIN_TOO_LONG);
	assert_int_equal(ukey_pin_advise(&lying, pin, 0), UKEY_PIN_TOO_SHORT);
	assert_int_equal(ukey_pin_advise(&lying, pin, 1), UKEY_PIN_REPEATED);
}

static void words(bool chinese)
{
	assert_string_equal(ukey_pin_advice_text(UKEY_PIN_GOOD), "");
	assert_string_equal(ukey_pin_advice_text((enum ukey_pin_advice)99), "");
	for (int a = UKEY_PIN_TOO_SHORT; a <= UKEY_PIN_SERIAL; a++) {
		const char *text = ukey_pin_advice_text((enum ukey_pin_advice)a);
		assert_true(strlen(text) > 10);
		assert_int_equal(strstr(text, "口令") != NULL, chinese);
		for (int b = UKEY_PIN_TOO_SHORT; b < a; b++)
			assert_string_not_equal(text, ukey_pin_advice_text((enum ukey_pin_advice)b));
	}
}

static void in_both_languages(void **state)
{
	(void)state;
	words(false);
	if (setlocale(LC_ALL, "C.UTF-8") == NULL || access(CATALOGUES "/zh_CN/LC_MESSAGES/openukey.mo", R_OK) != 0)
		skip();
	bindtextdomain(I18N_DOMAIN, CATALOGUES);
	setenv("LANGUAGE", "zh_CN", 1);
	words(true);
	unsetenv("LANGUAGE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_token_refuses),
		cmocka_unit_test(what_others_guess_first),
		cmocka_unit_test(a_good_one_is_left_alone),
		cmocka_unit_test(no_length_runs_over),
		cmocka_unit_test(in_both_languages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
