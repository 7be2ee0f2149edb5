/* SPDX-License-Identifier: Apache-2.0 */
/* driver/status.def: complete, unambiguous, and with the standards' numbers. */
#include "driver/ukey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>
#include <p11-kit/pkcs11.h>
#include <winscard.h>

static void every_outcome_has_a_name_and_a_message(void **state)
{
	(void)state;
	for (int s = 0; s < UKEY_STATUS_COUNT; s++) {
		assert_true(strlen(ukey_status_name((enum ukey_status)s)) > 1);
		assert_true(strlen(ukey_status_message((enum ukey_status)s)) > 3);
		assert_non_null(ukey_status_hint((enum ukey_status)s));
		for (int t = 0; t < s; t++) {
			assert_string_not_equal(
				ukey_status_name((enum ukey_status)s), ukey_status_name((enum ukey_status)t));
			assert_string_not_equal(
				ukey_status_message((enum ukey_status)s), ukey_status_message((enum ukey_status)t));
		}
	}
}

static void exit_codes_are_unique_and_fit_a_shell(void **state)
{
	bool used[126] = {false};

	(void)state;
	for (int s = 0; s < UKEY_STATUS_COUNT; s++) {
		int code = ukey_status_exit((enum ukey_status)s);
		/* 126 and above belong to the shell. */
		assert_in_range(code, 0, 125);
		assert_false(used[code]);
		used[code] = true;
	}
	assert_int_equal(ukey_status_exit(UKEY_OK), 0);
}

static void failures_look_like_failures_to_everybody(void **state)
{
	(void)state;
	assert_int_equal(ukey_status_ckr(UKEY_OK), 0);
	assert_int_equal(ukey_status_sar(UKEY_OK), 0);
	assert_int_equal(ukey_status_scard(UKEY_OK), 0);
	for (int s = UKEY_OK + 1; s < UKEY_STATUS_COUNT; s++) {
		assert_int_not_equal(ukey_status_ckr((enum ukey_status)s), 0);
		/* GM/T 0016 Annex A: 0A000001 to 0A000032; PC/SC: facility 10, errors. */
		assert_in_range(ukey_status_sar((enum ukey_status)s), 0x0A000001, 0x0A000032);
		assert_in_range(ukey_status_scard((enum ukey_status)s), 0x80100001, 0x80100072);
	}
}

static void a_number_that_is_none_is_an_internal_error(void **state)
{
	(void)state;
	assert_string_equal(ukey_status_name(UKEY_STATUS_COUNT), "INTERNAL");
	assert_string_equal(ukey_status_name((enum ukey_status) - 1), "INTERNAL");
}

/* Against the published headers, not against our memory. */
static const struct {
	enum ukey_status status;
	unsigned long ckr;
	LONG scard;
} known[] = {
	{UKEY_INTERNAL,          CKR_GENERAL_ERROR,                  SCARD_F_INTERNAL_ERROR      },
	{UKEY_ARGUMENT,          CKR_ARGUMENTS_BAD,                  SCARD_E_INVALID_PARAMETER   },
	{UKEY_MEMORY,            CKR_HOST_MEMORY,                    SCARD_E_NO_MEMORY           },
	{UKEY_BUFFER_TOO_SMALL,  CKR_BUFFER_TOO_SMALL,               SCARD_E_INSUFFICIENT_BUFFER },
	{UKEY_CANCELLED,         CKR_FUNCTION_CANCELED,              SCARD_E_CANCELLED           },
	{UKEY_TIMEOUT,           CKR_DEVICE_ERROR,                   SCARD_E_TIMEOUT             },
	{UKEY_NO_SERVICE,        CKR_DEVICE_ERROR,                   SCARD_E_NO_SERVICE          },
	{UKEY_NO_PERMISSION,     CKR_DEVICE_ERROR,                   SCARD_W_SECURITY_VIOLATION  },
	{UKEY_NO_READER,         CKR_TOKEN_NOT_PRESENT,              SCARD_E_NO_READERS_AVAILABLE},
	{UKEY_NO_TOKEN,          CKR_TOKEN_NOT_PRESENT,              SCARD_E_NO_SMARTCARD        },
	{UKEY_FOREIGN_CARD,      CKR_TOKEN_NOT_RECOGNIZED,           SCARD_E_CARD_UNSUPPORTED    },
	{UKEY_TOKEN_REMOVED,     CKR_DEVICE_REMOVED,                 SCARD_W_REMOVED_CARD        },
	{UKEY_TOKEN_RESET,       CKR_USER_NOT_LOGGED_IN,             SCARD_W_RESET_CARD          },
	{UKEY_TOKEN_BUSY,        CKR_DEVICE_ERROR,                   SCARD_E_SHARING_VIOLATION   },
	{UKEY_COMMUNICATION,     CKR_DEVICE_ERROR,                   SCARD_F_COMM_ERROR          },
	{UKEY_TOKEN_PROTOCOL,    CKR_DEVICE_ERROR,                   SCARD_E_UNEXPECTED          },
	{UKEY_PIN_INCORRECT,     CKR_PIN_INCORRECT,                  SCARD_W_WRONG_CHV           },
	{UKEY_PIN_BLOCKED,       CKR_PIN_LOCKED,                     SCARD_W_CHV_BLOCKED         },
	{UKEY_SO_PIN_INCORRECT,  CKR_PIN_INCORRECT,                  SCARD_W_WRONG_CHV           },
	{UKEY_SO_PIN_BLOCKED,    CKR_PIN_LOCKED,                     SCARD_W_CHV_BLOCKED         },
	{UKEY_PIN_LENGTH,        CKR_PIN_LEN_RANGE,                  SCARD_E_INVALID_CHV         },
	{UKEY_PIN_POLICY,        CKR_PIN_INVALID,                    SCARD_E_INVALID_CHV         },
	{UKEY_PIN_NOT_SET,       CKR_USER_PIN_NOT_INITIALIZED,       SCARD_W_SECURITY_VIOLATION  },
	{UKEY_NOT_LOGGED_IN,     CKR_USER_NOT_LOGGED_IN,             SCARD_W_SECURITY_VIOLATION  },
	{UKEY_ALREADY_LOGGED_IN, CKR_USER_ALREADY_LOGGED_IN,         SCARD_E_INVALID_PARAMETER   },
	{UKEY_OTHER_ROLE,        CKR_USER_ANOTHER_ALREADY_LOGGED_IN, SCARD_E_INVALID_PARAMETER   },
	{UKEY_NOT_FOUND,         CKR_OBJECT_HANDLE_INVALID,          SCARD_E_FILE_NOT_FOUND      },
	{UKEY_TOKEN_FULL,        CKR_DEVICE_MEMORY,                  SCARD_E_WRITE_TOO_MANY      },
	{UKEY_KEY_USAGE,         CKR_KEY_FUNCTION_NOT_PERMITTED,     (LONG)0x80100022            },
	{UKEY_ALGORITHM,         CKR_MECHANISM_INVALID,              (LONG)0x80100022            },
	{UKEY_DATA_INVALID,      CKR_DATA_INVALID,                   SCARD_E_INVALID_PARAMETER   },
	{UKEY_DATA_LENGTH,       CKR_DATA_LEN_RANGE,                 SCARD_E_INVALID_PARAMETER   },
	{UKEY_DECRYPT_FAILED,    CKR_ENCRYPTED_DATA_INVALID,         SCARD_E_INVALID_PARAMETER   },
	{UKEY_SIGNATURE_INVALID, CKR_SIGNATURE_INVALID,              SCARD_E_INVALID_PARAMETER   },
	{UKEY_CERT_MISMATCH,     CKR_TEMPLATE_INCONSISTENT,          SCARD_E_INVALID_PARAMETER   },
};

static void numbers_are_the_standards(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		assert_int_equal(ukey_status_ckr(known[i].status), known[i].ckr);
		assert_int_equal(ukey_status_scard(known[i].status), (uint32_t)known[i].scard);
	}
}

/* GM/T 0016-2012 Annex A. */
static const struct {
	enum ukey_status status;
	uint32_t sar;
} skf[] = {
	{UKEY_INTERNAL,          0x0A000001}, /* SAR_FAIL */
	{UKEY_NOT_SUPPORTED,     0x0A000003}, /* SAR_NOTSUPPORTYETERR */
	{UKEY_ARGUMENT,          0x0A000006}, /* SAR_INVALIDPARAMERR */
	{UKEY_KEY_USAGE,         0x0A00000A}, /* SAR_KEYUSAGEERR */
	{UKEY_TOKEN_BLANK,       0x0A00000C}, /* SAR_NOTINITIALIZEERR */
	{UKEY_MEMORY,            0x0A00000E}, /* SAR_MEMORYERR */
	{UKEY_TIMEOUT,           0x0A00000F}, /* SAR_TIMEOUTERR */
	{UKEY_DATA_LENGTH,       0x0A000010}, /* SAR_INDATALENERR */
	{UKEY_DATA_INVALID,      0x0A000011}, /* SAR_INDATAERR */
	{UKEY_KEYGEN_FAILED,     0x0A000015}, /* SAR_GENRSAKEYERR */
	{UKEY_NOT_FOUND,         0x0A00001B}, /* SAR_KEYNOTFOUNTERR */
	{UKEY_DECRYPT_FAILED,    0x0A00001E}, /* SAR_DECRYPTPADERR */
	{UKEY_BUFFER_TOO_SMALL,  0x0A000020}, /* SAR_BUFFER_TOO_SMALL */
	{UKEY_TOKEN_REMOVED,     0x0A000023}, /* SAR_DEVICE_REMOVED */
	{UKEY_PIN_INCORRECT,     0x0A000024}, /* SAR_PIN_INCORRECT */
	{UKEY_PIN_BLOCKED,       0x0A000025}, /* SAR_PIN_LOCKED */
	{UKEY_PIN_POLICY,        0x0A000026}, /* SAR_PIN_INVALID */
	{UKEY_PIN_LENGTH,        0x0A000027}, /* SAR_PIN_LEN_RANGE */
	{UKEY_ALREADY_LOGGED_IN, 0x0A000028}, /* SAR_USER_ALREADY_LOGGED_IN */
	{UKEY_PIN_NOT_SET,       0x0A000029}, /* SAR_USER_PIN_NOT_INITIALIZED */
	{UKEY_NOT_LOGGED_IN,     0x0A00002D}, /* SAR_USER_NOT_LOGGED_IN */
	{UKEY_TOKEN_FULL,        0x0A000030}, /* SAR_NO_ROOM */
};

static void skf_numbers_are_the_standards(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof skf / sizeof skf[0]; i++)
		assert_int_equal(ukey_status_sar(skf[i].status), skf[i].sar);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_outcome_has_a_name_and_a_message),
		cmocka_unit_test(exit_codes_are_unique_and_fit_a_shell),
		cmocka_unit_test(failures_look_like_failures_to_everybody),
		cmocka_unit_test(a_number_that_is_none_is_an_internal_error),
		cmocka_unit_test(numbers_are_the_standards),
		cmocka_unit_test(skf_numbers_are_the_standards),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
