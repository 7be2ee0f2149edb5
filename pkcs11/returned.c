/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the functions around PINs may return (3.1, 5.5 and 5.6: "Return values"). libukey's outcomes are one table for
 * all of them; a value that the standard does not list for a function is turned into one that it does, because programs
 * take what they do not expect for whatever they like. The log has the outcome itself.
 */
#include "pkcs11/p11.h"

#include <string.h>

/* What every function on a session or a token may say. */
static const CK_RV anywhere[] = {CKR_OK, CKR_ARGUMENTS_BAD, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_DEVICE_ERROR,
	CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED, CKR_FUNCTION_CANCELED, CKR_FUNCTION_FAILED, CKR_GENERAL_ERROR,
	CKR_HOST_MEMORY, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID};

#define VALUES_MAX 12

/* clang-format off */
static const struct {
	const char *function;
	CK_RV values[VALUES_MAX]; /* ends with CKR_OK */
} rows[] = {
	{"C_InitToken", {CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_SESSION_EXISTS, CKR_SLOT_ID_INVALID,
		CKR_TOKEN_NOT_PRESENT, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_WRITE_PROTECTED}},
	{"C_InitPIN", {CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED,
		CKR_USER_NOT_LOGGED_IN}},
	{"C_SetPIN", {CKR_PIN_INCORRECT, CKR_PIN_INVALID, CKR_PIN_LEN_RANGE, CKR_PIN_LOCKED, CKR_SESSION_READ_ONLY,
		CKR_TOKEN_WRITE_PROTECTED}},
	/* CKR_PIN_EXPIRED is not in its list; but its description says it: nothing goes before C_SetPIN. */
	{"C_Login", {CKR_OPERATION_NOT_INITIALIZED, CKR_PIN_EXPIRED, CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
		CKR_SESSION_READ_ONLY_EXISTS, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
		CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_TOO_MANY_TYPES, CKR_USER_TYPE_INVALID}},
	{"C_Logout", {CKR_USER_NOT_LOGGED_IN}},
};

/* The nearest value, where it is listed; CKR_DEVICE_ERROR for the others. */
static const struct {
	CK_RV from, to;
} nearest[] = {
	/* C_InitToken: the PIN is refused, whatever is wrong with it. */
	{CKR_PIN_LEN_RANGE, CKR_PIN_INCORRECT},
	{CKR_PIN_INVALID, CKR_PIN_INCORRECT},
	/* C_SetPIN: where there is no PIN no old one is right. */
	{CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_INCORRECT},
	/* The token has no room for one more channel; a session it is not. */
	{CKR_SESSION_COUNT, CKR_DEVICE_MEMORY},
	{CKR_FUNCTION_NOT_SUPPORTED, CKR_FUNCTION_FAILED},
};
/* clang-format on */

static bool in(const CK_RV *list, size_t n, CK_RV rv)
{
	for (size_t i = 0; i < n && (i == 0 || list[i] != CKR_OK); i++)
		if (list[i] == rv)
			return true;
	return false;
}

static bool listed(size_t row, CK_RV rv)
{
	return in(anywhere, sizeof(anywhere) / sizeof(*anywhere), rv) || in(rows[row].values, VALUES_MAX, rv);
}

CK_RV p11_returned(const char *function, CK_RV rv)
{
	size_t row = 0;

	while (row < sizeof(rows) / sizeof(*rows) && strcmp(rows[row].function, function) != 0)
		row++;
	if (row == sizeof(rows) / sizeof(*rows) || listed(row, rv))
		return rv;
	p11_log("%s: 0x%lx is not for it", function, rv);
	for (size_t i = 0; i < sizeof(nearest) / sizeof(*nearest); i++)
		if (nearest[i].from == rv && listed(row, nearest[i].to))
			return nearest[i].to;
	return CKR_DEVICE_ERROR;
}
