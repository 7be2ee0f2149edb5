/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each function may return (2.40, 3.0 to 3.2: "Return values"). libukey's outcomes are one table for all of them;
 * a value that the standard does not list for a function is turned into the nearest one that it does, because programs
 * take what they do not expect for whatever they like. The log has the outcome itself.
 *
 * The lists are put together from groups that go with what a function takes or gives. Where a description says a value
 * that its own list has forgotten, it stands in the row, with the reason.
 */
#include "pkcs11/p11.h"

#include <string.h>

enum group {
	ON_TOKEN = 0x00001,
	SESSION = 0x00002 | ON_TOKEN,
	SLOT = 0x00004 | ON_TOKEN,
	CANCELS = 0x00008,
	LOGGED_IN = 0x00010,         /* only for who is logged in */
	LOGIN = 0x40000 | LOGGED_IN, /* who may have to change the PIN before */
	WRITES = 0x00020,
	SETS = 0x00040,
	MAKES = 0x00080 | SETS | WRITES | LOGIN,
	OBJECT = 0x00100,
	MECHANISM = 0x00200 | CANCELS,
	KEY = 0x00400 | LOGIN,
	ONGOING = 0x00800,          /* goes on with an operation */
	ACTIVE = 0x80000 | ONGOING, /* or meets one that is in its way */
	OUTPUT = 0x01000,
	LENGTH = 0x02000,
	PLAIN = 0x100000 | LENGTH,
	CIPHER = 0x04000,
	SIGNATURE = 0x08000,
	PIN = 0x10000 | CANCELS,
	NEW_PIN = 0x20000,
	WEARS_OUT = 0x200000, /* what can be done so often only */
};

#define VALUES_MAX 10

/* clang-format off */
static const CK_RV everywhere[] = {CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_FUNCTION_FAILED,
	CKR_GENERAL_ERROR, CKR_HOST_MEMORY};

static const struct {
	unsigned bit;
	CK_RV values[VALUES_MAX]; /* ends with CKR_OK */
} groups[] = {
	{0x00001, {CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED}},
	{0x00002, {CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID}},
	{0x00004, {CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED}},
	{0x00008, {CKR_FUNCTION_CANCELED}},
	{0x00010, {CKR_USER_NOT_LOGGED_IN}},
	{0x00020, {CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED}},
	{0x00040, {CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID,
		CKR_TEMPLATE_INCONSISTENT}},
	{0x00080, {CKR_TEMPLATE_INCOMPLETE, CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID}},
	{0x00100, {CKR_OBJECT_HANDLE_INVALID}},
	{0x00200, {CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_OPERATION_ACTIVE}},
	{0x00400, {CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED}},
	{0x00800, {CKR_OPERATION_NOT_INITIALIZED, CKR_FUNCTION_CANCELED}},
	{0x01000, {CKR_BUFFER_TOO_SMALL}},
	{0x02000, {CKR_DATA_LEN_RANGE}},
	{0x04000, {CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE}},
	{0x08000, {CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE}},
	{0x10000, {CKR_PIN_INCORRECT, CKR_PIN_LOCKED}},
	{0x20000, {CKR_PIN_INVALID, CKR_PIN_LEN_RANGE}},
	{0x40000, {CKR_PIN_EXPIRED}},
	/* 3.2's: C_Sign after C_SignUpdate. */
	{0x80000, {CKR_OPERATION_ACTIVE}},
	{0x100000, {CKR_DATA_INVALID}},
	{0x200000, {CKR_TOKEN_RESOURCE_EXCEEDED}},
};

/* CKR_OPERATION_CANCEL_FAILED: 3.0's way to end an operation is an Init without a mechanism. */
#define INIT       SESSION | MECHANISM | KEY
#define ENCRYPTS   SESSION | ACTIVE | OUTPUT | LENGTH
/* The log-in of an always-authenticating key is asked for here, after the Init. */
#define DECRYPTS   SESSION | ACTIVE | OUTPUT | CIPHER | LOGGED_IN
#define SIGNS      SESSION | ACTIVE | OUTPUT | LENGTH | LOGGED_IN | WEARS_OUT
#define VERIFIES   SESSION | ACTIVE | LENGTH | SIGNATURE | WEARS_OUT
#define VERIFIES_3 SESSION | ONGOING | LENGTH | SIGNATURE | WEARS_OUT
#define LOGS_IN    CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY_EXISTS, \
	CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN, CKR_USER_PIN_NOT_INITIALIZED, \
	CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID
/* Their lists have no value for a key without CKA_WRAP, CKA_UNWRAP, CKA_DERIVE; 5.1.6 has one for just that. */
#define WRAPS      CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_FUNCTION_NOT_PERMITTED, \
	CKR_KEY_NOT_WRAPPABLE, CKR_KEY_UNEXTRACTABLE, CKR_WRAPPING_KEY_HANDLE_INVALID, \
	CKR_WRAPPING_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT
#define UNWRAPS    CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_SIZE_RANGE, \
	CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT, CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_LEN_RANGE, \
	CKR_KEY_FUNCTION_NOT_PERMITTED

static const struct {
	const char *function;
	unsigned groups;
	CK_RV values[VALUES_MAX]; /* ends with CKR_OK */
} rows[] = {
	{"C_Initialize", 0, {CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_NEED_TO_CREATE_THREADS}},
	{"C_Finalize", 0, {0}},
	{"C_GetInfo", 0, {0}},
	{"C_GetFunctionList", 0, {0}},
	{"C_GetInterfaceList", OUTPUT, {0}},
	{"C_GetInterface", 0, {0}},

	{"C_GetSlotList", OUTPUT, {0}},
	{"C_GetSlotInfo", 0, {CKR_DEVICE_ERROR, CKR_SLOT_ID_INVALID}},
	{"C_GetTokenInfo", SLOT, {0}},
	{"C_WaitForSlotEvent", 0, {CKR_NO_EVENT}},
	{"C_GetMechanismList", SLOT | OUTPUT, {0}},
	{"C_GetMechanismInfo", SLOT, {CKR_MECHANISM_INVALID}},
	{"C_InitToken", SLOT | PIN, {CKR_SESSION_EXISTS, CKR_TOKEN_WRITE_PROTECTED}},
	{"C_InitPIN", SESSION | CANCELS | NEW_PIN | WRITES, {CKR_USER_NOT_LOGGED_IN}},
	{"C_SetPIN", SESSION | PIN | NEW_PIN | WRITES, {0}},

	{"C_OpenSession", SLOT, {CKR_SESSION_ASYNC_NOT_SUPPORTED, CKR_SESSION_COUNT, CKR_SESSION_PARALLEL_NOT_SUPPORTED,
		CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_TOKEN_WRITE_PROTECTED}},
	{"C_CloseSession", SESSION, {0}},
	{"C_CloseAllSessions", ON_TOKEN, {CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT}},
	{"C_GetSessionInfo", SESSION, {0}},
	{"C_SessionCancel", SESSION, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_GetOperationState", SESSION | OUTPUT, {CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE}},
	{"C_SetOperationState", SESSION, {CKR_KEY_CHANGED, CKR_KEY_NEEDED, CKR_KEY_NOT_NEEDED, CKR_SAVED_STATE_INVALID}},
	/* CKR_PIN_EXPIRED is not in its list; but its description says it: nothing goes before C_SetPIN. */
	{"C_Login", SESSION | PIN, {LOGS_IN}},
	{"C_LoginUser", SESSION | PIN, {LOGS_IN}},
	{"C_Logout", SESSION, {CKR_USER_NOT_LOGGED_IN}},
	{"C_GetSessionValidationFlags", SESSION, {0}},

	{"C_CreateObject", SESSION | MAKES, {0}},
	{"C_CopyObject", SESSION | SETS | WRITES | LOGIN | OBJECT, {CKR_ACTION_PROHIBITED}},
	/* CKR_USER_NOT_LOGGED_IN is missing in its list: whoever may destroy is asked for as everywhere. */
	{"C_DestroyObject", SESSION | WRITES | LOGIN | OBJECT, {CKR_ACTION_PROHIBITED}},
	{"C_GetObjectSize", SESSION | OBJECT, {CKR_INFORMATION_SENSITIVE}},
	{"C_GetAttributeValue", SESSION | OBJECT | OUTPUT, {CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID}},
	{"C_SetAttributeValue", SESSION | SETS | WRITES | LOGIN | OBJECT, {CKR_ACTION_PROHIBITED}},
	{"C_FindObjectsInit", SESSION, {CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_OPERATION_ACTIVE,
		CKR_PIN_EXPIRED}},
	{"C_FindObjects", SESSION, {CKR_OPERATION_NOT_INITIALIZED}},
	{"C_FindObjectsFinal", SESSION, {CKR_OPERATION_NOT_INITIALIZED}},

	{"C_EncryptInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_Encrypt", ENCRYPTS | PLAIN, {0}},
	{"C_EncryptUpdate", ENCRYPTS, {0}},
	{"C_EncryptFinal", ENCRYPTS, {0}},
	{"C_DecryptInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_Decrypt", DECRYPTS, {0}},
	{"C_DecryptUpdate", DECRYPTS, {0}},
	{"C_DecryptFinal", DECRYPTS, {0}},
	{"C_DigestInit", SESSION | MECHANISM | LOGIN, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_Digest", SESSION | ACTIVE | OUTPUT, {0}},
	{"C_DigestUpdate", SESSION | ACTIVE, {0}},
	{"C_DigestKey", SESSION | ACTIVE, {CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_KEY_SIZE_RANGE}},
	{"C_DigestFinal", SESSION | ACTIVE | OUTPUT, {0}},
	{"C_SignInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_Sign", SIGNS | PLAIN, {CKR_FUNCTION_REJECTED}},
	{"C_SignUpdate", SESSION | ACTIVE | LENGTH | LOGGED_IN | WEARS_OUT, {0}},
	{"C_SignFinal", SIGNS, {CKR_FUNCTION_REJECTED}},
	{"C_SignRecoverInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_SignRecover", SIGNS | PLAIN, {0}},
	{"C_VerifyInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_Verify", VERIFIES | PLAIN, {0}},
	{"C_VerifyUpdate", SESSION | ACTIVE | LENGTH | WEARS_OUT, {0}},
	{"C_VerifyFinal", VERIFIES, {0}},
	{"C_VerifyRecoverInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_VerifyRecover", VERIFIES | PLAIN | OUTPUT, {0}},
	{"C_DigestEncryptUpdate", ENCRYPTS, {0}},
	{"C_DecryptDigestUpdate", SESSION | ACTIVE | OUTPUT | CIPHER, {0}},
	{"C_SignEncryptUpdate", ENCRYPTS | LOGGED_IN, {0}},
	{"C_DecryptVerifyUpdate", SESSION | ACTIVE | OUTPUT | CIPHER | LENGTH, {0}},

	/* The size that is asked for; 5.1.6 has no other word for that. */
	{"C_GenerateKey", SESSION | MECHANISM | MAKES, {CKR_KEY_SIZE_RANGE}},
	{"C_GenerateKeyPair", SESSION | MECHANISM | MAKES, {CKR_KEY_SIZE_RANGE}},
	{"C_WrapKey", SESSION | MECHANISM | LOGIN | OUTPUT, {WRAPS}},
	{"C_UnwrapKey", SESSION | MECHANISM | MAKES | OUTPUT, {UNWRAPS}},
	{"C_DeriveKey", SESSION | MECHANISM | MAKES | KEY, {0}},
	{"C_SeedRandom", SESSION | CANCELS, {CKR_OPERATION_ACTIVE, CKR_RANDOM_SEED_NOT_SUPPORTED, CKR_RANDOM_NO_RNG,
		CKR_USER_NOT_LOGGED_IN}},
	{"C_GenerateRandom", SESSION | CANCELS, {CKR_OPERATION_ACTIVE, CKR_RANDOM_NO_RNG, CKR_SEED_RANDOM_REQUIRED,
		CKR_USER_NOT_LOGGED_IN}},
	{"C_GetFunctionStatus", SESSION, {CKR_FUNCTION_NOT_PARALLEL}},
	{"C_CancelFunction", SESSION, {CKR_FUNCTION_NOT_PARALLEL}},

	/* The count of a key's IVs came to its end: no list has a value for that, and an error of the device it is not. */
	{"C_MessageEncryptInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_EncryptMessage", ENCRYPTS | PLAIN | WEARS_OUT, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_EncryptMessageBegin", SESSION | ACTIVE | LOGIN | WEARS_OUT, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_EncryptMessageNext", ENCRYPTS, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_MessageEncryptFinal", SESSION | ACTIVE, {0}},
	{"C_MessageDecryptInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_DecryptMessage", DECRYPTS, {CKR_MECHANISM_PARAM_INVALID, CKR_AEAD_DECRYPT_FAILED,
		CKR_OPERATION_CANCEL_FAILED}},
	{"C_DecryptMessageBegin", SESSION | ACTIVE | LOGIN, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_DecryptMessageNext", DECRYPTS, {CKR_MECHANISM_PARAM_INVALID, CKR_AEAD_DECRYPT_FAILED}},
	{"C_MessageDecryptFinal", SESSION | ACTIVE | LOGGED_IN, {0}},
	{"C_MessageSignInit", INIT, {0}},
	{"C_SignMessage", SIGNS | PLAIN, {CKR_MECHANISM_PARAM_INVALID, CKR_FUNCTION_REJECTED}},
	{"C_SignMessageBegin", SESSION | ACTIVE | LOGIN | WEARS_OUT, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_SignMessageNext", SIGNS, {CKR_MECHANISM_PARAM_INVALID, CKR_FUNCTION_REJECTED}},
	{"C_MessageSignFinal", SESSION | ACTIVE | LOGGED_IN | WEARS_OUT, {CKR_FUNCTION_REJECTED}},
	{"C_MessageVerifyInit", INIT, {0}},
	{"C_VerifyMessage", VERIFIES | PLAIN, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_VerifyMessageBegin", SESSION | ACTIVE | LOGIN, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_VerifyMessageNext", VERIFIES, {CKR_MECHANISM_PARAM_INVALID}},
	{"C_MessageVerifyFinal", SESSION | ACTIVE | LENGTH | WEARS_OUT, {0}},

	{"C_EncapsulateKey", SESSION | MECHANISM | MAKES | KEY | OUTPUT, {0}},
	{"C_DecapsulateKey", SESSION | MECHANISM | MAKES | OUTPUT, {UNWRAPS}},
	{"C_VerifySignatureInit", INIT, {CKR_OPERATION_CANCEL_FAILED}},
	{"C_VerifySignature", VERIFIES_3 | PLAIN, {0}},
	{"C_VerifySignatureUpdate", SESSION | ONGOING | LENGTH | WEARS_OUT, {0}},
	{"C_VerifySignatureFinal", VERIFIES_3, {0}},
	/* The first returns what the function returns that it is asked about. */
	{"C_AsyncComplete", SESSION, {CKR_OPERATION_NOT_INITIALIZED, CKR_PENDING}},
	{"C_AsyncGetID", SESSION, {CKR_OPERATION_NOT_INITIALIZED, CKR_STATE_UNSAVEABLE, CKR_TOKEN_NOT_PRESENT}},
	{"C_AsyncJoin", SESSION | OUTPUT, {CKR_SAVED_STATE_INVALID, CKR_TOKEN_NOT_PRESENT}},
	{"C_WrapKeyAuthenticated", SESSION | MECHANISM | LOGIN | OUTPUT, {WRAPS}},
	{"C_UnwrapKeyAuthenticated", SESSION | MECHANISM | MAKES | OUTPUT, {UNWRAPS}},
};

/* The nearest value, where it is listed: the first that is. CKR_DEVICE_ERROR for the others, or CKR_FUNCTION_FAILED. */
static const struct {
	CK_RV from, to;
} nearest[] = {
	/* C_InitToken: the PIN is refused, whatever is wrong with it. */
	{CKR_PIN_LEN_RANGE, CKR_PIN_INCORRECT},
	{CKR_PIN_INVALID, CKR_PIN_INCORRECT},
	/* C_SetPIN: where there is no PIN no old one is right. */
	{CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_INCORRECT},
	/* Nothing can be done for a user who has no PIN, or may only change it. */
	{CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_NOT_LOGGED_IN},
	{CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN},
	/* Who is logged out sees no private object. */
	{CKR_USER_NOT_LOGGED_IN, CKR_OBJECT_HANDLE_INVALID},
	/* And the operations with them ended with the log-in. */
	{CKR_USER_NOT_LOGGED_IN, CKR_OPERATION_NOT_INITIALIZED},
	/* The token has no room for one more channel; a session it is not. */
	{CKR_SESSION_COUNT, CKR_DEVICE_MEMORY},
	/* A session is with a token: one that is not there now has gone. */
	{CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED},
	{CKR_DEVICE_REMOVED, CKR_TOKEN_NOT_PRESENT},
	/* Between the Init and its end the key was destroyed: the operation went with it. */
	{CKR_KEY_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED},
	{CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID},
	{CKR_OBJECT_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID},
	{CKR_OBJECT_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED},
	/* What a decryption takes is no data but encrypted data. */
	{CKR_DATA_INVALID, CKR_ENCRYPTED_DATA_INVALID},
	{CKR_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_LEN_RANGE},
	{CKR_DATA_INVALID, CKR_WRAPPED_KEY_INVALID},
	{CKR_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE},
	{CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID},
	{CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE},
	{CKR_DATA_INVALID, CKR_ATTRIBUTE_VALUE_INVALID},
	{CKR_DATA_LEN_RANGE, CKR_ATTRIBUTE_VALUE_INVALID},
	/* Of parts only the length is judged. */
	{CKR_DATA_INVALID, CKR_DATA_LEN_RANGE},
	{CKR_ATTRIBUTE_VALUE_INVALID, CKR_MECHANISM_PARAM_INVALID},
	{CKR_ENCRYPTED_DATA_INVALID, CKR_DATA_INVALID},
	{CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_DATA_LEN_RANGE},
	{CKR_MECHANISM_INVALID, CKR_TEMPLATE_INCONSISTENT},
	/* The button was not pressed. */
	{CKR_FUNCTION_CANCELED, CKR_FUNCTION_REJECTED},
	/* A function that is there, and the token cannot do it. */
	{CKR_FUNCTION_NOT_SUPPORTED, CKR_FUNCTION_FAILED},
};
/* clang-format on */

static bool in(const CK_RV *list, size_t n, CK_RV rv)
{
	for (size_t i = 0; i < n && list[i] != CKR_OK; i++)
		if (list[i] == rv)
			return true;
	return false;
}

static bool listed(size_t row, CK_RV rv)
{
	if (in(everywhere, sizeof(everywhere) / sizeof(*everywhere), rv) || in(rows[row].values, VALUES_MAX, rv))
		return true;
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
		if ((rows[row].groups & groups[i].bit) && in(groups[i].values, VALUES_MAX, rv))
			return true;
	return false;
}

static CK_RV turn(size_t row, CK_RV rv)
{
	for (size_t i = 0; i < sizeof(nearest) / sizeof(*nearest); i++)
		if (nearest[i].from == rv && listed(row, nearest[i].to))
			return nearest[i].to;
	return listed(row, CKR_DEVICE_ERROR) ? CKR_DEVICE_ERROR : CKR_FUNCTION_FAILED;
}

bool p11_returned_known(const char *function)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (strcmp(rows[i].function, function) == 0)
			return true;
	return false;
}

CK_RV p11_returned(const char *function, CK_RV rv)
{
	size_t row = 0;

	if (rv == CKR_OK)
		return rv;
	while (row < sizeof(rows) / sizeof(*rows) && strcmp(rows[row].function, function) != 0)
		row++;
	if (row == sizeof(rows) / sizeof(*rows) || listed(row, rv))
		return rv;
	p11_log("%s: 0x%lx is not for it", function, rv);
	return turn(row, rv);
}
