/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pain 25: whatever libukey says, every function returns a value that PKCS#11 lists for it. What a function may return
 * is judged here by its arguments, in the words of 5.1: no handle of a key, no CKR_KEY_HANDLE_INVALID.
 */
#include "config.h"

#include "pkcs11/p11.h"
#include "tests/unit/test.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* clang-format off */
static const struct function {
	const char *name, *args;
} functions[] = {
#define ROW(name, args) {#name, #args},
	CK_FUNCTIONS_2_40(ROW, ROW) CK_FUNCTIONS_3_0(ROW) CK_FUNCTIONS_3_2(ROW)
#undef ROW
};

/* A value is for functions with one of these arguments, or with one of these in their name ("=": the whole name). */
static const struct {
	CK_RV rv;
	const char *arguments[4], *names[8];
} rules[] = {
	{CKR_SLOT_ID_INVALID, {"CK_SLOT_ID slotID"}, {0}},
	{CKR_TOKEN_NOT_PRESENT, {"CK_SLOT_ID slotID"}, {0}},
	{CKR_TOKEN_NOT_RECOGNIZED, {"CK_SLOT_ID slotID"}, {0}},
	{CKR_SESSION_HANDLE_INVALID, {"hSession"}, {0}},
	{CKR_SESSION_CLOSED, {"hSession"}, {0}},
	{CKR_DEVICE_ERROR, {"hSession", "CK_SLOT_ID slotID"}, {0}},
	{CKR_DEVICE_MEMORY, {"hSession", "CK_SLOT_ID slotID"}, {0}},
	{CKR_DEVICE_REMOVED, {"hSession", "CK_SLOT_ID slotID"}, {0}},
	{CKR_OBJECT_HANDLE_INVALID, {"hObject"}, {0}},
	{CKR_KEY_HANDLE_INVALID, {"hKey", "hBaseKey", "hPublicKey"}, {0}},
	{CKR_KEY_FUNCTION_NOT_PERMITTED, {"hKey", "hBaseKey", "WrappingKey", "hPublicKey"}, {"unwrap", "Unwrap", "Decapsulate"}},
	{CKR_KEY_TYPE_INCONSISTENT, {"hKey", "hBaseKey", "hPublicKey"}, {0}},
	{CKR_MECHANISM_INVALID, {"pMechanism", "CK_MECHANISM_TYPE type"}, {0}},
	{CKR_ATTRIBUTE_VALUE_INVALID, {"CK_ATTRIBUTE_PTR"}, {0}},
	{CKR_ATTRIBUTE_TYPE_INVALID, {"CK_ATTRIBUTE_PTR"}, {0}},
	{CKR_ATTRIBUTE_READ_ONLY, {"CK_ATTRIBUTE_PTR"}, {0}},
	{CKR_TEMPLATE_INCONSISTENT, {"CK_ATTRIBUTE_PTR"}, {0}},
	{CKR_BUFFER_TOO_SMALL, {"CK_ULONG_PTR pul", "CK_ATTRIBUTE_PTR"}, {0}},
	{CKR_PIN_INCORRECT, {"Pin"}, {0}},
	{CKR_PIN_LOCKED, {"Pin"}, {0}},
	{CKR_PIN_INVALID, {0}, {"=C_InitPIN", "=C_SetPIN"}},
	{CKR_PIN_LEN_RANGE, {0}, {"=C_InitPIN", "=C_SetPIN"}},
	{CKR_USER_ALREADY_LOGGED_IN, {"userType"}, {0}},
	{CKR_USER_ANOTHER_ALREADY_LOGGED_IN, {"userType"}, {0}},
	{CKR_USER_PIN_NOT_INITIALIZED, {"userType"}, {0}},
	{CKR_SESSION_COUNT, {0}, {"=C_OpenSession"}},
	{CKR_SIGNATURE_INVALID, {0}, {"Verify"}},
	{CKR_DATA_INVALID, {0}, {"Encrypt", "Sign", "Verify"}},
	{CKR_DATA_LEN_RANGE, {0}, {"Encrypt", "Sign", "Verify", "Derive"}},
	{CKR_ENCRYPTED_DATA_INVALID, {0}, {"Decrypt", "UnwrapKeyAuth"}},
	{CKR_FUNCTION_CANCELED, {"Pin"}, {"crypt", "Sign", "Verify", "Digest", "Random", "Key", "Message"}},
	{CKR_USER_NOT_LOGGED_IN, {0}, {"Object", "SetAttribute", "Init", "Decrypt", "Sign", "Key", "Random", "Logout"}},
	{CKR_FUNCTION_NOT_PARALLEL, {0}, {"=C_GetFunctionStatus", "=C_CancelFunction"}},
	/* Of C_Login: see returned.c. */
	{CKR_PIN_EXPIRED, {0}, {"Login", "Object", "SetAttribute", "Init", "Decrypt", "Sign", "Key"}},
	{CKR_OK, {0}, {0}},
	{CKR_ARGUMENTS_BAD, {""}, {0}},
	{CKR_FUNCTION_FAILED, {""}, {0}},
	{CKR_GENERAL_ERROR, {""}, {0}},
	{CKR_HOST_MEMORY, {""}, {0}},
};
/* clang-format on */

static bool fits(const struct function *f, CK_RV rv)
{
	for (size_t i = 0; i < COUNT(rules); i++) {
		if (rules[i].rv != rv)
			continue;
		for (size_t j = 0; j < 4 && rules[i].arguments[j]; j++)
			if (strstr(f->args, rules[i].arguments[j]))
				return true;
		for (size_t j = 0; j < 8 && rules[i].names[j]; j++) {
			const char *name = rules[i].names[j];

			if (name[0] == '=' ? strcmp(f->name, name + 1) == 0 : strstr(f->name, name) != NULL)
				return true;
		}
		return false;
	}
	/* A value that this test has never heard of. */
	return rv == CKR_OPERATION_NOT_INITIALIZED || rv == CKR_MECHANISM_PARAM_INVALID ||
	       rv == CKR_UNWRAPPING_KEY_HANDLE_INVALID || rv == CKR_WRAPPED_KEY_INVALID ||
	       rv == CKR_WRAPPED_KEY_LEN_RANGE || rv == CKR_ENCRYPTED_DATA_LEN_RANGE;
}

static void every_function_has_a_list(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(functions); i++) {
		if (!p11_returned_known(functions[i].name))
			fprintf(stderr, "%s\n", functions[i].name);
		assert_true(p11_returned_known(functions[i].name));
	}
	assert_false(p11_returned_known("some_helper"));
}

/* All functions x all outcomes. */
static void no_outcome_gets_out_unlisted(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(functions); i++)
		for (int s = 0; s < UKEY_STATUS_COUNT; s++) {
			CK_RV from = ukey_status_ckr((enum ukey_status)s);
			CK_RV rv = p11_returned(functions[i].name, from);

			if (s == UKEY_OK) {
				assert_int_equal(rv, CKR_OK);
				continue;
			}
			if (rv == CKR_OK || !fits(&functions[i], rv))
				fprintf(stderr, "%s: %s: 0x%lx\n", functions[i].name,
					ukey_status_name((enum ukey_status)s), rv);
			assert_true(rv != CKR_OK && fits(&functions[i], rv));
			/* What turned is listed: it does not turn again. */
			assert_int_equal(p11_returned(functions[i].name, rv), rv);
			/* pain 25: this one only when something of ours is broken. */
			if (rv == CKR_GENERAL_ERROR)
				assert_true(s == UKEY_INTERNAL || s == UKEY_PROBLEMS_FOUND);
		}
}

/* All values there are: nothing turns into success, and what turned stays. */
static void every_value_turns_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(functions); i++)
		for (CK_RV rv = 1; rv < 0x300; rv++) {
			CK_RV to = p11_returned(functions[i].name, rv);

			assert_true(to != CKR_OK);
			assert_int_equal(p11_returned(functions[i].name, to), to);
		}
}

static void what_is_listed_stays(void **state)
{
	static const struct {
		const char *function;
		CK_RV from, to;
	} rows[] = {
		{"C_Login",             CKR_PIN_INCORRECT,              CKR_PIN_INCORRECT             },
		{"C_Login",             CKR_PIN_EXPIRED,                CKR_PIN_EXPIRED               },
		{"C_Login",             CKR_OPERATION_NOT_INITIALIZED,  CKR_OPERATION_NOT_INITIALIZED },
		{"C_Login",             CKR_SESSION_CLOSED,             CKR_SESSION_CLOSED            },
		{"C_SetPIN",            CKR_PIN_LEN_RANGE,              CKR_PIN_LEN_RANGE             },
		{"C_Sign",              CKR_USER_NOT_LOGGED_IN,         CKR_USER_NOT_LOGGED_IN        },
		{"C_Sign",              CKR_DATA_LEN_RANGE,             CKR_DATA_LEN_RANGE            },
		{"C_SignInit",          CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_FUNCTION_NOT_PERMITTED},
		{"C_DestroyObject",     CKR_USER_NOT_LOGGED_IN,         CKR_USER_NOT_LOGGED_IN        },
 /* The nearest one. */
		{"C_InitToken",         CKR_PIN_LEN_RANGE,              CKR_PIN_INCORRECT             },
		{"C_SetPIN",            CKR_USER_PIN_NOT_INITIALIZED,   CKR_PIN_INCORRECT             },
		{"C_Login",             CKR_SESSION_COUNT,              CKR_DEVICE_MEMORY             },
		{"C_Login",             CKR_TOKEN_NOT_RECOGNIZED,       CKR_DEVICE_ERROR              },
		{"C_Sign",              CKR_TOKEN_NOT_PRESENT,          CKR_DEVICE_REMOVED            },
		{"C_Sign",              CKR_KEY_HANDLE_INVALID,         CKR_OPERATION_NOT_INITIALIZED },
		{"C_Decrypt",           CKR_DATA_LEN_RANGE,             CKR_ENCRYPTED_DATA_LEN_RANGE  },
		{"C_GetAttributeValue", CKR_USER_NOT_LOGGED_IN,         CKR_OBJECT_HANDLE_INVALID     },
		{"C_GetAttributeValue", CKR_TOKEN_NOT_RECOGNIZED,       CKR_DEVICE_ERROR              },
		{"C_Initialize",        CKR_DEVICE_ERROR,               CKR_FUNCTION_FAILED           },
		{"C_GetSlotList",       CKR_DEVICE_ERROR,               CKR_FUNCTION_FAILED           },
		{"C_CloseSession",      CKR_USER_NOT_LOGGED_IN,         CKR_DEVICE_ERROR              },
 /* A function without a row says what it likes. */
		{"some_helper",         CKR_NEXT_OTP,                   CKR_NEXT_OTP                  },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		if (p11_returned(rows[i].function, rows[i].from) != rows[i].to)
			fprintf(stderr, "%s: 0x%lx\n", rows[i].function, rows[i].from);
		assert_int_equal(p11_returned(rows[i].function, rows[i].from), rows[i].to);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_function_has_a_list),
		cmocka_unit_test(no_outcome_gets_out_unlisted),
		cmocka_unit_test(every_value_turns_once),
		cmocka_unit_test(what_is_listed_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
