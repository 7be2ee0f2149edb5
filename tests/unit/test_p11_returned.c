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
	const char *arguments[4], *names[9];
} rules[] = {
	{CKR_SLOT_ID_INVALID, {"CK_SLOT_ID slotID"}, {0}},
	{CKR_TOKEN_NOT_PRESENT, {"CK_SLOT_ID slotID"}, {"Async"}},
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
	{CKR_BUFFER_TOO_SMALL, {"CK_ULONG_PTR pul", "CK_ATTRIBUTE_PTR"}, {"=C_AsyncJoin"}},
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
	{CKR_USER_NOT_LOGGED_IN, {0}, {"Object", "SetAttribute", "Init", "Decrypt", "Sign", "Key", "Random", "Logout",
		"MessageBegin"}},
	{CKR_FUNCTION_NOT_PARALLEL, {0}, {"=C_GetFunctionStatus", "=C_CancelFunction"}},
	/* Of C_Login: see returned.c. */
	{CKR_PIN_EXPIRED, {0}, {"Login", "Object", "SetAttribute", "Init", "Begin", "Key"}},
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
		for (size_t j = 0; j < 9 && rules[i].names[j]; j++) {
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

/*
 * The lists of 3.2, 5.8 to 5.18, word for word but for what all of them have, and for two values that nothing here can
 * mean: CKR_PENDING (no session is asynchronous) and CKR_PARAMETER_SET_NOT_SUPPORTED (no key has such a set).
 */
/* clang-format off */
#define ON        CKR_FUNCTION_CANCELED, CKR_OPERATION_ACTIVE, CKR_OPERATION_NOT_INITIALIZED
#define KEYED     CKR_FUNCTION_CANCELED, CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, \
	CKR_KEY_TYPE_INCONSISTENT, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE, \
	CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN
#define MADE      CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, \
	CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID, CKR_FUNCTION_CANCELED, CKR_MECHANISM_INVALID, \
	CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY, \
	CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN
#define BAD_DATA  CKR_DATA_INVALID, CKR_DATA_LEN_RANGE
#define BAD_BOX   CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE
#define BAD_SIGN  CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE
#define WRAPPED   CKR_BUFFER_TOO_SMALL, CKR_FUNCTION_CANCELED, CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE, \
	CKR_KEY_SIZE_RANGE, CKR_KEY_UNEXTRACTABLE, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, \
	CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_WRAPPING_KEY_HANDLE_INVALID, \
	CKR_WRAPPING_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT
#define UNWRAPPED MADE, CKR_BUFFER_TOO_SMALL, CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_SIZE_RANGE, \
	CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE
/* Ours beside the list, and why: returned.c. */
#define BESIDE
static const CK_RV in_all_lists[] = {CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR,
	CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR, CKR_HOST_MEMORY,
	CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID};
static const struct {
	const char *function;
	CK_RV values[24];
} lists[] = {
	{"C_EncryptInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_Encrypt", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA}},
	{"C_EncryptUpdate", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE}},
	{"C_EncryptFinal", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE}},
	{"C_MessageEncryptInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_EncryptMessage", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA, CKR_MECHANISM_PARAM_INVALID,
		BESIDE CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_EncryptMessageBegin", {ON, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN,
		BESIDE CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_EncryptMessageNext", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_MECHANISM_PARAM_INVALID}},
	{"C_MessageEncryptFinal", {ON}},
	{"C_DecryptInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_Decrypt", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX, CKR_USER_NOT_LOGGED_IN}},
	{"C_DecryptUpdate", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX, CKR_USER_NOT_LOGGED_IN}},
	{"C_DecryptFinal", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX, CKR_USER_NOT_LOGGED_IN}},
	{"C_MessageDecryptInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_DecryptMessage", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX, CKR_AEAD_DECRYPT_FAILED, CKR_MECHANISM_PARAM_INVALID,
		CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_CANCEL_FAILED}},
	{"C_DecryptMessageBegin", {ON, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN}},
	{"C_DecryptMessageNext", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX, CKR_AEAD_DECRYPT_FAILED,
		CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN}},
	{"C_MessageDecryptFinal", {ON, CKR_USER_NOT_LOGGED_IN}},
	{"C_DigestInit", {CKR_FUNCTION_CANCELED, CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
		CKR_OPERATION_ACTIVE, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_CANCEL_FAILED}},
	{"C_Digest", {ON, CKR_BUFFER_TOO_SMALL}},
	{"C_DigestUpdate", {ON}},
	{"C_DigestKey", {ON, CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_KEY_SIZE_RANGE}},
	{"C_DigestFinal", {ON, CKR_BUFFER_TOO_SMALL}},
	{"C_SignInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_Sign", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_SignUpdate", {ON, CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_SignFinal", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_SignRecoverInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_SignRecover", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_MessageSignInit", {KEYED}},
	{"C_SignMessage", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA, CKR_MECHANISM_PARAM_INVALID, CKR_USER_NOT_LOGGED_IN,
		CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_SignMessageBegin", {ON, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_SignMessageNext", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_MECHANISM_PARAM_INVALID,
		CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_MessageSignFinal", {ON, CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifyInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_Verify", {ON, BAD_DATA, BAD_SIGN, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifyUpdate", {ON, CKR_DATA_LEN_RANGE, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifyFinal", {ON, CKR_DATA_LEN_RANGE, BAD_SIGN, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifyRecoverInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_VerifyRecover", {ON, CKR_BUFFER_TOO_SMALL, BAD_DATA, BAD_SIGN, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifySignatureInit", {KEYED, CKR_OPERATION_CANCEL_FAILED}},
	{"C_VerifySignature", {CKR_FUNCTION_CANCELED, CKR_OPERATION_NOT_INITIALIZED, BAD_DATA, BAD_SIGN,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifySignatureUpdate", {CKR_FUNCTION_CANCELED, CKR_OPERATION_NOT_INITIALIZED, CKR_DATA_LEN_RANGE,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifySignatureFinal", {CKR_FUNCTION_CANCELED, CKR_OPERATION_NOT_INITIALIZED, CKR_DATA_LEN_RANGE, BAD_SIGN,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_MessageVerifyInit", {KEYED}},
	{"C_VerifyMessage", {ON, BAD_DATA, BAD_SIGN, CKR_MECHANISM_PARAM_INVALID, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_VerifyMessageBegin", {ON, CKR_MECHANISM_PARAM_INVALID, CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN}},
	{"C_VerifyMessageNext", {ON, CKR_DATA_LEN_RANGE, BAD_SIGN, CKR_MECHANISM_PARAM_INVALID,
		CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_MessageVerifyFinal", {ON, CKR_DATA_LEN_RANGE, CKR_TOKEN_RESOURCE_EXCEEDED}},
	{"C_DigestEncryptUpdate", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE}},
	{"C_DecryptDigestUpdate", {ON, CKR_BUFFER_TOO_SMALL, BAD_BOX}},
	{"C_SignEncryptUpdate", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, CKR_USER_NOT_LOGGED_IN}},
	{"C_DecryptVerifyUpdate", {ON, CKR_BUFFER_TOO_SMALL, CKR_DATA_LEN_RANGE, BAD_BOX}},
	{"C_WrapKey", {WRAPPED, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{"C_UnwrapKey", {UNWRAPPED, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{"C_DeriveKey", {MADE, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT,
		BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{"C_WrapKeyAuthenticated", {WRAPPED, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{"C_UnwrapKeyAuthenticated", {UNWRAPPED, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	/* Its list has no CKR_BUFFER_TOO_SMALL, its description does. */
	{"C_EncapsulateKey", {MADE, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT,
		CKR_BUFFER_TOO_SMALL, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{"C_DecapsulateKey", {UNWRAPPED, BESIDE CKR_KEY_FUNCTION_NOT_PERMITTED}},
};
/* clang-format on */

static bool has(const CK_RV *list, size_t n, CK_RV rv)
{
	for (size_t i = 0; i < n && list[i]; i++)
		if (list[i] == rv)
			return true;
	return false;
}

static void lists_are_the_standards(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(lists); i++)
		for (CK_RV rv = 1; rv < 0x300; rv++) {
			bool theirs = has(in_all_lists, COUNT(in_all_lists), rv) ||
				      has(lists[i].values, COUNT(lists[i].values), rv);
			bool ours = p11_returned(lists[i].function, rv) == rv;

			assert_true(p11_returned_known(lists[i].function));
			if (ours != theirs)
				fprintf(stderr, "%s: 0x%lx: listed %d\n", lists[i].function, rv, theirs);
			assert_int_equal(ours, theirs);
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
		cmocka_unit_test(lists_are_the_standards),
		cmocka_unit_test(what_is_listed_stays),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
