/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables that callers get, all from the one list in pkcs11.h.
 *
 * C_GetFunctionList gives the 2.40 table, and says 2.40 (callers jump through the slots that a version promises). Each
 * table has a C_GetInfo of its own: some callers choose by its answer what they ask next.
 *
 * CKF_INTERFACE_FORK_SAFE is not set: it promises (3.2, 5.4) that the child of a fork goes on with the parent's
 * sessions and log-in. Here the child begins anew with its own C_Initialize, and disturbs nothing of the parent's.
 */
#include "pkcs11/p11.h"

#include <stdio.h>
#include <string.h>

static CK_RV give_info(CK_INFO *info, CK_VERSION version)
{
	unsigned major = 0, minor = 0;
	CK_RV rv = p11_enter();

	if (rv != CKR_OK)
		return rv;
	if (!info)
		return p11_leave(CKR_ARGUMENTS_BAD);
	memset(info, 0, sizeof(*info));
	info->cryptokiVersion = version;
	p11_pad(info->manufacturerID, sizeof(info->manufacturerID), "OpenUKey");
	p11_pad(info->libraryDescription, sizeof(info->libraryDescription), "OpenUKey PKCS#11 module");
	sscanf(PACKAGE_VERSION, "%u.%u", &major, &minor);
	info->libraryVersion = (CK_VERSION){(CK_BYTE)major, (CK_BYTE)minor};
	return p11_leave(CKR_OK);
}

CK_RV C_GetInfo(CK_INFO_PTR pInfo)
{
	return give_info(pInfo, (CK_VERSION){2, 40});
}

static CK_RV get_info_3_0(CK_INFO_PTR pInfo)
{
	return give_info(pInfo, (CK_VERSION){3, 0});
}

static CK_RV get_info_3_2(CK_INFO_PTR pInfo)
{
	return give_info(pInfo, (CK_VERSION){3, 2});
}

/* clang-format off */
#define ENTRY(name, args)    .name = name,
#define INFO_3_0(name, args) .name = get_info_3_0,
#define INFO_3_2(name, args) .name = get_info_3_2,

static const CK_FUNCTION_LIST list_2_40 = {
	.version = {2, 40},
	CK_FUNCTIONS_2_40(ENTRY, ENTRY)
};

static const CK_FUNCTION_LIST_3_0 list_3_0 = {
	.version = {3, 0},
	CK_FUNCTIONS_2_40(ENTRY, INFO_3_0)
	CK_FUNCTIONS_3_0(ENTRY)
};

static const CK_FUNCTION_LIST_3_2 list_3_2 = {
	.version = {3, 2},
	CK_FUNCTIONS_2_40(ENTRY, INFO_3_2)
	CK_FUNCTIONS_3_0(ENTRY)
	CK_FUNCTIONS_3_2(ENTRY)
};
/* clang-format on */

static const CK_UTF8CHAR standard[] = "PKCS 11";

/* Newest first: the first one is the default. Nobody may write to any of this, whatever the types allow. */
static const CK_INTERFACE interfaces[] = {
	{(CK_UTF8CHAR_PTR)standard, (CK_VOID_PTR)&list_3_2,  0},
	{(CK_UTF8CHAR_PTR)standard, (CK_VOID_PTR)&list_3_0,  0},
	{(CK_UTF8CHAR_PTR)standard, (CK_VOID_PTR)&list_2_40, 0},
};
#define INTERFACES (sizeof(interfaces) / sizeof(*interfaces))

CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR ppFunctionList)
{
	if (!ppFunctionList)
		return CKR_ARGUMENTS_BAD;
	*ppFunctionList = (CK_FUNCTION_LIST_PTR)&list_2_40;
	return CKR_OK;
}

CK_RV C_GetInterfaceList(CK_INTERFACE_PTR pInterfacesList, CK_ULONG_PTR pulCount)
{
	CK_ULONG room;

	if (!pulCount)
		return CKR_ARGUMENTS_BAD;
	room = *pulCount;
	*pulCount = INTERFACES;
	if (!pInterfacesList)
		return CKR_OK;
	if (room < INTERFACES)
		return CKR_BUFFER_TOO_SMALL;
	memcpy(pInterfacesList, interfaces, sizeof(interfaces));
	return CKR_OK;
}

CK_RV C_GetInterface(
	CK_UTF8CHAR_PTR pInterfaceName, CK_VERSION_PTR pVersion, CK_INTERFACE_PTR_PTR ppInterface, CK_FLAGS flags)
{
	if (!ppInterface)
		return CKR_ARGUMENTS_BAD;
	for (size_t i = 0; i < INTERFACES; i++) {
		/* Each table begins with its version. */
		const CK_VERSION *version = interfaces[i].pFunctionList;

		if (pInterfaceName && strcmp((const char *)pInterfaceName, (const char *)standard) != 0)
			continue;
		if (pVersion && (pVersion->major != version->major || pVersion->minor != version->minor))
			continue;
		if ((flags & interfaces[i].flags) != flags)
			continue;
		*ppInterface = (CK_INTERFACE_PTR)&interfaces[i];
		return CKR_OK;
	}
	return CKR_FUNCTION_FAILED;
}
