/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each function may return, from the lists of the standard (3.1, sections 5.4 to 5.21; 3.2 for its own), written
 * down here once more and apart from pkcs11/returned.c.
 */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <string.h>

/* clang-format off */
#define LIST(...)                                                                                                      \
	(const CK_RV[])                                                                                                \
	{                                                                                                              \
		__VA_ARGS__, CKR_OK                                                                                    \
	}

/* Groups of values. */
enum {
	SLOT = 1,       /* a slot, and what the token in it may have */
	SESSION = 2,    /* a session's handle */
	TOKEN = 4,      /* the token is asked */
	OUT = 8,        /* a buffer is filled */
	CREATE = 16,    /* a template makes an object */
	INIT = 32,      /* an operation is started: mechanism and key */
	WORK = 64,      /* an operation goes on */
	USER = 128,     /* somebody must be logged in */
	MECHANISM = 256 /* there is a mechanism */
};

static const struct {
	unsigned group;
	const CK_RV *values;
} groups[] = {
	{SLOT, LIST(CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY,
		CKR_DEVICE_REMOVED)},
	{SESSION, LIST(CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED)},
	{TOKEN, LIST(CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_CANCELED,
		CKR_FUNCTION_REJECTED, CKR_PIN_EXPIRED)},
	{OUT, LIST(CKR_BUFFER_TOO_SMALL)},
	{CREATE, LIST(CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
		CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT, CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED,
		CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID)},
	{INIT, LIST(CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED,
		CKR_OPERATION_CANCEL_FAILED)},
	{MECHANISM, LIST(CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE)},
	{WORK, LIST(CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE, CKR_DATA_INVALID, CKR_DATA_LEN_RANGE,
		CKR_TOKEN_RESOURCE_EXCEEDED)},
	{USER, LIST(CKR_USER_NOT_LOGGED_IN)},
};

#define CRYPT  SESSION | TOKEN | OUT | WORK | USER
#define START  SESSION | TOKEN | INIT | MECHANISM | USER
#define NO     LIST(CKR_OK)
#define CIPHER LIST(CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_AEAD_DECRYPT_FAILED)
#define BROKEN LIST(CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE)
#define PINS   LIST(CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED, CKR_SESSION_READ_ONLY, \
		CKR_TOKEN_WRITE_PROTECTED)
#define LOGIN  LIST(CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_READ_ONLY_EXISTS, \
		CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED, \
		CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID, CKR_OPERATION_ACTIVE)
#define UNWRAP LIST(CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_SIZE_RANGE, \
		CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE, \
		CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_BUFFER_TOO_SMALL, CKR_AEAD_DECRYPT_FAILED)
#define WRAP   LIST(CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE, CKR_KEY_SIZE_RANGE, CKR_KEY_UNEXTRACTABLE, \
		CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT, \
		CKR_KEY_FUNCTION_NOT_PERMITTED)

/* The longest beginning of a name that fits counts. */
static const struct {
	const char *name;
	unsigned groups;
	const CK_RV *values;
} functions[] = {
	{"C_Initialize", 0, LIST(CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_NEED_TO_CREATE_THREADS)},
	{"C_Finalize", 0, NO},
	{"C_GetInfo", 0, NO},
	{"C_GetFunctionList", 0, NO},
	{"C_GetInterface", 0, NO},
	{"C_GetInterfaceList", OUT, NO},
	{"C_GetSlotList", OUT, NO},
	{"C_GetSlotInfo", SLOT, NO},
	{"C_GetTokenInfo", SLOT, NO},
	{"C_GetMechanismList", SLOT | OUT, NO},
	{"C_GetMechanismInfo", SLOT, LIST(CKR_MECHANISM_INVALID)},
	{"C_WaitForSlotEvent", 0, LIST(CKR_NO_EVENT)},
	{"C_InitToken", SLOT, LIST(CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_EXISTS, CKR_TOKEN_WRITE_PROTECTED)},
	{"C_InitPIN", SESSION | TOKEN | USER, LIST(CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_SESSION_READ_ONLY,
		CKR_TOKEN_WRITE_PROTECTED)},
	{"C_SetPIN", SESSION | TOKEN, PINS},
	{"C_OpenSession", SLOT, LIST(CKR_SESSION_COUNT, CKR_SESSION_PARALLEL_NOT_SUPPORTED,
		CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_TOKEN_WRITE_PROTECTED, CKR_SESSION_ASYNC_NOT_SUPPORTED)},
	{"C_CloseSession", SESSION, NO},
	{"C_CloseAllSessions", SLOT, NO},
	{"C_GetSessionInfo", SESSION | TOKEN, NO},
	{"C_GetSessionValidationFlags", SESSION | TOKEN, NO},
	{"C_SessionCancel", SESSION | TOKEN, LIST(CKR_OPERATION_CANCEL_FAILED)},
	{"C_GetOperationState", SESSION | TOKEN | OUT, LIST(CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE)},
	{"C_SetOperationState", SESSION | TOKEN, LIST(CKR_KEY_CHANGED, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED,
		CKR_SAVED_STATE_INVALID)},
	{"C_Login", SESSION | TOKEN, LOGIN},
	{"C_Logout", SESSION | TOKEN | USER, NO},
	{"C_CreateObject", SESSION | TOKEN | CREATE | USER, NO},
	{"C_CopyObject", SESSION | TOKEN | CREATE | USER, LIST(CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID)},
	/* CKR_USER_NOT_LOGGED_IN is not in its list; but who may not write may not destroy (3.1, 5.1.6 describes it). */
	{"C_DestroyObject", SESSION | TOKEN | USER, LIST(CKR_ACTION_PROHIBITED, CKR_OBJECT_HANDLE_INVALID,
		CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED)},
	{"C_GetObjectSize", SESSION | TOKEN, LIST(CKR_INFORMATION_SENSITIVE, CKR_OBJECT_HANDLE_INVALID)},
	{"C_GetAttributeValue", SESSION | TOKEN | OUT, LIST(CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
		CKR_OBJECT_HANDLE_INVALID)},
	{"C_SetAttributeValue", SESSION | TOKEN | USER, LIST(CKR_ACTION_PROHIBITED, CKR_ATTRIBUTE_READ_ONLY,
		CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_OBJECT_HANDLE_INVALID,
		CKR_SESSION_READ_ONLY, CKR_TEMPLATE_INCONSISTENT, CKR_TOKEN_WRITE_PROTECTED)},
	{"C_FindObjectsInit", SESSION | TOKEN, LIST(CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
		CKR_OPERATION_ACTIVE)},
	{"C_FindObjects", SESSION | TOKEN, LIST(CKR_OPERATION_NOT_INITIALIZED)},
	{"C_EncryptInit", START, NO},
	{"C_DecryptInit", START, NO},
	{"C_DigestInit", START, NO},
	{"C_SignInit", START, NO},
	{"C_SignRecoverInit", START, NO},
	{"C_VerifyInit", START, NO},
	{"C_VerifyRecoverInit", START, NO},
	{"C_VerifySignatureInit", START, BROKEN},
	{"C_MessageEncryptInit", START, NO},
	{"C_MessageDecryptInit", START, NO},
	{"C_MessageSignInit", START, NO},
	{"C_MessageVerifyInit", START, NO},
	{"C_Message", SESSION | TOKEN, LIST(CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE)},
	{"C_EncryptMessage", CRYPT | MECHANISM, NO},
	{"C_DecryptMessage", CRYPT | MECHANISM, CIPHER},
	{"C_Encrypt", CRYPT, NO},
	{"C_Decrypt", CRYPT, CIPHER},
	{"C_DecryptVerifyUpdate", CRYPT, CIPHER},
	{"C_Digest", SESSION | TOKEN | OUT | WORK, NO},
	{"C_DigestKey", SESSION | TOKEN | WORK, LIST(CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_KEY_SIZE_RANGE)},
	{"C_DigestEncryptUpdate", CRYPT, NO},
	{"C_Sign", CRYPT, NO},
	{"C_SignMessage", CRYPT | MECHANISM, NO},
	{"C_Verify", SESSION | TOKEN | WORK | USER, BROKEN},
	{"C_VerifyRecover", CRYPT, BROKEN},
	{"C_VerifyMessage", CRYPT | MECHANISM, BROKEN},
	/* A size that the token cannot make: in no list, but all that tells it from a template that contradicts itself. */
	{"C_GenerateKey", SESSION | TOKEN | CREATE | MECHANISM | USER, LIST(CKR_KEY_SIZE_RANGE)},
	{"C_WrapKey", SESSION | TOKEN | OUT | MECHANISM | USER, WRAP},
	{"C_UnwrapKey", SESSION | TOKEN | CREATE | MECHANISM | USER, UNWRAP},
	/* Data of the mechanism's parameter that do not fit the mechanism. */
	{"C_DeriveKey", START | CREATE, LIST(CKR_DATA_LEN_RANGE)},
	{"C_EncapsulateKey", START | CREATE | OUT, NO},
	{"C_DecapsulateKey", START | CREATE, LIST(CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE)},
	{"C_SeedRandom", SESSION | TOKEN | USER, LIST(CKR_OPERATION_ACTIVE, CKR_RANDOM_SEED_NOT_SUPPORTED,
		CKR_RANDOM_NO_RNG)},
	{"C_GenerateRandom", SESSION | TOKEN | USER, LIST(CKR_OPERATION_ACTIVE, CKR_RANDOM_NO_RNG)},
	{"C_GetFunctionStatus", SESSION, LIST(CKR_FUNCTION_NOT_PARALLEL)},
	{"C_CancelFunction", SESSION, LIST(CKR_FUNCTION_NOT_PARALLEL)},
	{"C_Async", SESSION | TOKEN, LIST(CKR_OPERATION_NOT_INITIALIZED, CKR_PENDING, CKR_STATE_UNSAVEABLE)},
};

/* clang-format on */

static bool in(const CK_RV *list, CK_RV rv)
{
	while (*list != CKR_OK && *list != rv)
		list++;
	return *list == rv && rv != CKR_OK;
}

bool returns_allowed(const char *function, CK_RV rv)
{
	static const CK_RV anywhere[] = {CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_FUNCTION_FAILED,
		CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_FUNCTION_NOT_SUPPORTED, CKR_OK};
	size_t best = 0, length = 0;

	if (rv == CKR_OK || in(anywhere, rv))
		return true;
	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
		size_t n = strlen(functions[i].name);
		if (n > length && strncmp(functions[i].name, function, n) == 0) {
			best = i;
			length = n;
		}
	}
	if (!length || in(functions[best].values, rv))
		return length != 0;
	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if ((functions[best].groups & groups[i].group) && in(groups[i].values, rv))
			return true;
	return false;
}
