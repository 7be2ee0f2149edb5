/* SPDX-License-Identifier: Apache-2.0 */
/* Whatever libukey says, the functions around PINs return what PKCS#11 lists for them (3.1, 5.5.7 to 5.6.9). */
#include "config.h"

#include "pkcs11/p11.h"
#include "tests/unit/test.h"

static bool listed(const char *function, CK_RV rv)
{
	switch (rv) {
	case CKR_OK:
	case CKR_ARGUMENTS_BAD:
	case CKR_CRYPTOKI_NOT_INITIALIZED:
	case CKR_DEVICE_ERROR:
	case CKR_DEVICE_MEMORY:
	case CKR_DEVICE_REMOVED:
	case CKR_FUNCTION_CANCELED:
	case CKR_FUNCTION_FAILED:
	case CKR_GENERAL_ERROR:
	case CKR_HOST_MEMORY:
		return true;
	case CKR_PIN_INCORRECT:
	case CKR_PIN_LOCKED:
		return strcmp(function, "C_InitPIN") != 0;
	case CKR_PIN_INVALID:
	case CKR_PIN_LEN_RANGE:
		return strcmp(function, "C_InitPIN") == 0 || strcmp(function, "C_SetPIN") == 0;
	case CKR_TOKEN_NOT_PRESENT:
	case CKR_TOKEN_NOT_RECOGNIZED:
		return strcmp(function, "C_InitToken") == 0;
	case CKR_USER_NOT_LOGGED_IN:
		return strcmp(function, "C_InitPIN") == 0;
	case CKR_PIN_EXPIRED: /* see returned.c */
	case CKR_USER_ALREADY_LOGGED_IN:
	case CKR_USER_ANOTHER_ALREADY_LOGGED_IN:
	case CKR_USER_PIN_NOT_INITIALIZED:
		return strcmp(function, "C_Login") == 0;
	default:
		return false;
	}
}

static void no_outcome_gets_out_unlisted(void **state)
{
	static const char *const functions[] = {"C_InitToken", "C_InitPIN", "C_SetPIN", "C_Login"};

	(void)state;
	for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++)
		for (int s = 0; s < UKEY_STATUS_COUNT; s++) {
			CK_RV rv = p11_returned(functions[i], ukey_status_ckr((enum ukey_status)s));

			if (!listed(functions[i], rv))
				fprintf(stderr, "%s: %s: 0x%lx\n", functions[i], ukey_status_name((enum ukey_status)s),
					rv);
			assert_true(listed(functions[i], rv));
			assert_true((rv == CKR_OK) == (s == UKEY_OK));
		}
}

static void what_is_listed_stays(void **state)
{
	(void)state;
	assert_int_equal(p11_returned("C_Login", CKR_PIN_INCORRECT), CKR_PIN_INCORRECT);
	assert_int_equal(p11_returned("C_Login", CKR_PIN_EXPIRED), CKR_PIN_EXPIRED);
	assert_int_equal(p11_returned("C_Login", CKR_OPERATION_NOT_INITIALIZED), CKR_OPERATION_NOT_INITIALIZED);
	assert_int_equal(p11_returned("C_Login", CKR_SESSION_CLOSED), CKR_SESSION_CLOSED);
	assert_int_equal(p11_returned("C_SetPIN", CKR_PIN_LEN_RANGE), CKR_PIN_LEN_RANGE);
	/* The nearest one. */
	assert_int_equal(p11_returned("C_InitToken", CKR_PIN_LEN_RANGE), CKR_PIN_INCORRECT);
	assert_int_equal(p11_returned("C_SetPIN", CKR_USER_PIN_NOT_INITIALIZED), CKR_PIN_INCORRECT);
	assert_int_equal(p11_returned("C_Login", CKR_SESSION_COUNT), CKR_DEVICE_MEMORY);
	assert_int_equal(p11_returned("C_Login", CKR_TOKEN_NOT_RECOGNIZED), CKR_DEVICE_ERROR);
	/* A function without a row says what it likes. */
	assert_int_equal(p11_returned("C_Sign", CKR_USER_NOT_LOGGED_IN), CKR_USER_NOT_LOGGED_IN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_outcome_gets_out_unlisted),
		cmocka_unit_test(what_is_listed_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
