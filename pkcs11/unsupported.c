/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions that are there and do nothing. No mechanism announces what they would be for. Operation states: what
 * OpenSSL has of a digest or a cipher it gives to nobody, and the token has none.
 *
 * Their names stand here once; prototypes and arguments come from the list in pkcs11.h. A name that is marked as not
 * built gets a body, every other one nothing.
 */
#include "pkcs11/p11.h"

/* Arguments that nobody uses are what this file is about. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

static CK_RV after_the_session(CK_SESSION_HANDLE handle, CK_RV answer)
{
	struct p11_session *s;
	CK_RV rv = p11_session_enter(handle, &s);

	return rv == CKR_OK ? p11_session_leave(s, answer) : rv;
}

/* clang-format off */
/* Expands to two arguments, and so makes SECOND find BODY. */
#define NOT_BUILT ~,

#define NOT_BUILT_C_GetOperationState         NOT_BUILT
#define NOT_BUILT_C_SetOperationState         NOT_BUILT
#define NOT_BUILT_C_MessageSignInit           NOT_BUILT
#define NOT_BUILT_C_SignMessage               NOT_BUILT
#define NOT_BUILT_C_SignMessageBegin          NOT_BUILT
#define NOT_BUILT_C_SignMessageNext           NOT_BUILT
#define NOT_BUILT_C_MessageSignFinal          NOT_BUILT
#define NOT_BUILT_C_MessageVerifyInit         NOT_BUILT
#define NOT_BUILT_C_VerifyMessage             NOT_BUILT
#define NOT_BUILT_C_VerifyMessageBegin        NOT_BUILT
#define NOT_BUILT_C_VerifyMessageNext         NOT_BUILT
#define NOT_BUILT_C_MessageVerifyFinal        NOT_BUILT
#define NOT_BUILT_C_EncapsulateKey            NOT_BUILT
#define NOT_BUILT_C_DecapsulateKey            NOT_BUILT
#define NOT_BUILT_C_VerifySignatureInit       NOT_BUILT
#define NOT_BUILT_C_VerifySignature           NOT_BUILT
#define NOT_BUILT_C_VerifySignatureUpdate     NOT_BUILT
#define NOT_BUILT_C_VerifySignatureFinal      NOT_BUILT
#define NOT_BUILT_C_GetSessionValidationFlags NOT_BUILT
#define NOT_BUILT_C_AsyncComplete             NOT_BUILT
#define NOT_BUILT_C_AsyncGetID                NOT_BUILT
#define NOT_BUILT_C_AsyncJoin                 NOT_BUILT
#define NOT_BUILT_C_WrapKeyAuthenticated      NOT_BUILT
#define NOT_BUILT_C_UnwrapKeyAuthenticated    NOT_BUILT

#define BODY(name, args) \
	CK_RV name args { return after_the_session(hSession, CKR_FUNCTION_NOT_SUPPORTED); }
#define NOTHING(name, args)

#define SECOND_OF(first, second, ...) second
#define SECOND(...)                   SECOND_OF(__VA_ARGS__)
#define FUNCTION(name, args)          SECOND(NOT_BUILT_##name BODY, NOTHING, ~)(name, args)

CK_FUNCTIONS_2_40(FUNCTION, FUNCTION)
CK_FUNCTIONS_3_0(FUNCTION)
CK_FUNCTIONS_3_2(FUNCTION)
/* clang-format on */

/* Nothing has ever run in parallel (2.40, 5.16). */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE hSession)
{
	return after_the_session(hSession, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE hSession)
{
	return after_the_session(hSession, CKR_FUNCTION_NOT_PARALLEL);
}
