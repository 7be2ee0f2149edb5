/* SPDX-License-Identifier: Apache-2.0 */
/* What a translation unit that sees only one of the two PKCS#11 headers says about it. */
#ifndef UKEY_TESTS_P11_THEIRS_H
#define UKEY_TESTS_P11_THEIRS_H

#include <stddef.h>

struct p11_fact {
	const char *name;
	unsigned long value;
};

/* Ends with a NULL name. */
extern const struct p11_fact p11_ours_constants[], p11_ours_layout[];
extern const struct p11_fact p11_theirs_constants[], p11_theirs_layout[];

#define SIZE(type)          {"sizeof " #type, sizeof(type)},
#define FIELD(type, member) {#type "." #member, offsetof(type, member)},

/* clang-format off */
#define P11_LAYOUT \
	SIZE(CK_BYTE) SIZE(CK_BBOOL) SIZE(CK_ULONG) SIZE(CK_VERSION) SIZE(CK_INFO) SIZE(CK_SLOT_INFO) \
	SIZE(CK_TOKEN_INFO) SIZE(CK_SESSION_INFO) SIZE(CK_ATTRIBUTE) SIZE(CK_DATE) SIZE(CK_MECHANISM) \
	SIZE(CK_MECHANISM_INFO) SIZE(CK_C_INITIALIZE_ARGS) SIZE(CK_RSA_PKCS_PSS_PARAMS) SIZE(CK_RSA_PKCS_OAEP_PARAMS) \
	SIZE(CK_ECDH1_DERIVE_PARAMS) SIZE(CK_AES_CTR_PARAMS) FIELD(CK_AES_CTR_PARAMS, cb) SIZE(CK_GCM_PARAMS) \
	SIZE(CK_FUNCTION_LIST) \
	FIELD(CK_INFO, manufacturerID) FIELD(CK_INFO, flags) FIELD(CK_INFO, libraryDescription) \
	FIELD(CK_INFO, libraryVersion) FIELD(CK_SLOT_INFO, manufacturerID) FIELD(CK_SLOT_INFO, flags) \
	FIELD(CK_SLOT_INFO, hardwareVersion) FIELD(CK_SLOT_INFO, firmwareVersion) FIELD(CK_TOKEN_INFO, manufacturerID) \
	FIELD(CK_TOKEN_INFO, model) FIELD(CK_TOKEN_INFO, serialNumber) FIELD(CK_TOKEN_INFO, flags) \
	FIELD(CK_TOKEN_INFO, ulMaxSessionCount) FIELD(CK_TOKEN_INFO, ulRwSessionCount) \
	FIELD(CK_TOKEN_INFO, ulMaxPinLen) FIELD(CK_TOKEN_INFO, ulMinPinLen) FIELD(CK_TOKEN_INFO, ulTotalPublicMemory) \
	FIELD(CK_TOKEN_INFO, ulFreePrivateMemory) FIELD(CK_TOKEN_INFO, hardwareVersion) FIELD(CK_TOKEN_INFO, utcTime) \
	FIELD(CK_SESSION_INFO, state) FIELD(CK_SESSION_INFO, ulDeviceError) FIELD(CK_ATTRIBUTE, pValue) \
	FIELD(CK_ATTRIBUTE, ulValueLen) FIELD(CK_MECHANISM, pParameter) FIELD(CK_MECHANISM, ulParameterLen) \
	FIELD(CK_MECHANISM_INFO, ulMaxKeySize) FIELD(CK_MECHANISM_INFO, flags) \
	FIELD(CK_C_INITIALIZE_ARGS, UnlockMutex) FIELD(CK_C_INITIALIZE_ARGS, flags) \
	FIELD(CK_C_INITIALIZE_ARGS, pReserved) FIELD(CK_RSA_PKCS_PSS_PARAMS, sLen) \
	FIELD(CK_RSA_PKCS_OAEP_PARAMS, source) FIELD(CK_RSA_PKCS_OAEP_PARAMS, ulSourceDataLen) \
	FIELD(CK_ECDH1_DERIVE_PARAMS, pSharedData) FIELD(CK_ECDH1_DERIVE_PARAMS, pPublicData) \
	FIELD(CK_FUNCTION_LIST, C_Initialize) FIELD(CK_FUNCTION_LIST, C_GetFunctionList) \
	FIELD(CK_FUNCTION_LIST, C_Login) FIELD(CK_FUNCTION_LIST, C_GetAttributeValue) FIELD(CK_FUNCTION_LIST, C_Decrypt) \
	FIELD(CK_FUNCTION_LIST, C_SignFinal) FIELD(CK_FUNCTION_LIST, C_GenerateKeyPair) \
	FIELD(CK_FUNCTION_LIST, C_GenerateRandom) FIELD(CK_FUNCTION_LIST, C_CancelFunction) \
	FIELD(CK_FUNCTION_LIST, C_WaitForSlotEvent)
/* clang-format on */

#endif
