/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that has the PKCS#11 module loaded for a long time, as a browser has it: for shell tests that plug, unplug,
 * start and stop things meanwhile. A line from standard input is a call; the answer is one line, beginning with the
 * return value in hexadecimal digits. It never loads the module anew.
 *
 *	p11_talk MODULE
 *
 *	slots		0 TOTAL WITH-TOKEN ID,ID,...	slots; those with a token
 *	open [ID]	a session on this slot, or on the first one with a token; it is used from now on
 *	login PIN	keygen		objects (0 COUNT)	info (of the session)		close
 *	sign [ID [PIN]]	with the first private key, or with that of this CKA_ID (a byte); PIN: for this signature alone
 *	quit
 */
#include "config.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pkcs11/pkcs11.h"

#define SLOTS   32
#define OBJECTS 64

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;

static CK_RV slots_with_token(CK_SLOT_ID *list, CK_ULONG *count)
{
	*count = SLOTS;
	return p11->C_GetSlotList(CK_TRUE, list, count);
}

static void say_slots(void)
{
	CK_SLOT_ID list[SLOTS];
	CK_ULONG total = 0, count = 0;
	CK_RV rv = p11->C_GetSlotList(CK_FALSE, NULL, &total);

	if (rv == CKR_OK)
		rv = slots_with_token(list, &count);
	printf("%lX %lu %lu ", rv, total, count);
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
		printf("%s%lu", i ? "," : "", list[i]);
}

static CK_RV open_session(const char *word)
{
	CK_SLOT_ID list[SLOTS];
	CK_ULONG count = 0;
	CK_RV rv = slots_with_token(list, &count);

	if (rv != CKR_OK)
		return rv;
	if (!word && count == 0)
		return CKR_TOKEN_NOT_PRESENT;
	return p11->C_OpenSession(
		word ? strtoul(word, NULL, 10) : list[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
}

/* `id` below zero: any. */
static CK_RV find(CK_OBJECT_CLASS class, long id, CK_OBJECT_HANDLE *list, CK_ULONG *count)
{
	CK_BYTE byte = (CK_BYTE)id;
	CK_ATTRIBUTE which[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID,    &byte,  sizeof byte },
	};
	CK_RV rv = p11->C_FindObjectsInit(session, which, id < 0 ? 1 : 2);

	*count = 0;
	if (rv == CKR_OK)
		rv = p11->C_FindObjects(session, list, OBJECTS, count);
	p11->C_FindObjectsFinal(session);
	return rv;
}

/* With a private key of any kind. */
static CK_RV sign(const char *word)
{
	const char *pin = word ? strchr(word, ' ') : NULL;
	CK_BYTE digest[32] = {0xD1}, out[512];
	CK_OBJECT_HANDLE keys[OBJECTS];
	CK_ULONG count = 0, len = sizeof out;
	CK_KEY_TYPE type = CKK_RSA;
	CK_ATTRIBUTE value = {CKA_KEY_TYPE, &type, sizeof type};
	CK_RV rv = find(CKO_PRIVATE_KEY, word ? strtol(word, NULL, 16) : -1, keys, &count);

	if (rv == CKR_OK && count == 0)
		rv = CKR_KEY_HANDLE_INVALID;
	if (rv == CKR_OK)
		rv = p11->C_GetAttributeValue(session, keys[0], &value, 1);
	if (rv != CKR_OK)
		return rv;
	CK_MECHANISM mechanism = {type == CKK_RSA ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	rv = p11->C_SignInit(session, &mechanism, keys[0]);
	if (rv == CKR_OK && pin)
		rv = p11->C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_UTF8CHAR *)(uintptr_t)(pin + 1), strlen(pin + 1));
	return rv == CKR_OK ? p11->C_Sign(session, digest, sizeof digest, out, &len) : rv;
}

static CK_RV generate(void)
{
	CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
	CK_ULONG bits = 2048;
	CK_BBOOL yes = CK_TRUE;
	CK_ATTRIBUTE public[] = {
		{CKA_MODULUS_BITS, &bits, sizeof bits},
		{CKA_TOKEN,        &yes,  sizeof yes },
		{CKA_VERIFY,       &yes,  sizeof yes },
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN, &yes, sizeof yes},
		{CKA_SIGN,  &yes, sizeof yes},
	};
	CK_OBJECT_HANDLE a, b;

	return p11->C_GenerateKeyPair(session, &mechanism, public, 3, private, 2, &a, &b);
}

static void answer(const char *call, char *word)
{
	CK_OBJECT_HANDLE list[OBJECTS];
	CK_SESSION_INFO info = {0};
	CK_ULONG count = 0;
	CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;

	if (strcmp(call, "slots") == 0) {
		say_slots();
		return;
	}
	if (strcmp(call, "open") == 0)
		rv = open_session(word);
	else if (strcmp(call, "close") == 0)
		rv = p11->C_CloseSession(session);
	else if (strcmp(call, "login") == 0 && word)
		rv = p11->C_Login(session, CKU_USER, (CK_UTF8CHAR *)word, strlen(word));
	else if (strcmp(call, "sign") == 0)
		rv = sign(word);
	else if (strcmp(call, "keygen") == 0)
		rv = generate();
	else if (strcmp(call, "info") == 0)
		rv = p11->C_GetSessionInfo(session, &info);
	else if (strcmp(call, "objects") == 0)
		rv = find(CKO_PRIVATE_KEY, -1, list, &count);
	printf("%lX", rv);
	if (strcmp(call, "objects") == 0)
		printf(" %lu", count);
}

int main(int argc, char **argv)
{
	void *lib = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
	CK_C_GetFunctionList get = lib ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : NULL;
	char line[256];

	if (!get || get(&p11) != CKR_OK || p11->C_Initialize(NULL) != CKR_OK) {
		fprintf(stderr, "p11_talk: no module: %s\n", argc == 2 ? dlerror() : "usage");
		return 1;
	}
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		char *word = strchr(line, ' ');
		if (word)
			*word++ = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		alarm(60); /* no call may hang */
		answer(line, word);
		alarm(0);
		printf("\n");
		fflush(stdout);
	}
	return p11->C_Finalize(NULL) != CKR_OK;
}
