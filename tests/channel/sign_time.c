/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a signature takes through the PKCS#11 module, in microseconds: the median of so many. The tokens take turns,
 * so that what disturbs the machine disturbs all of them.
 *
 *	sign_time MODULE PIN-FILE ID COUNT TOKEN-LABEL...	ID: CKA_ID of a P-256 or an RSA key, one byte
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pkcs11/pkcs11.h"

static CK_FUNCTION_LIST *p11;

#define TOKENS 4

struct token {
	CK_SESSION_HANDLE session;
	CK_OBJECT_HANDLE key;
	CK_KEY_TYPE type;
	double *took;
};

static int by_size(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static CK_RV open_token(const char *label, struct token *t)
{
	CK_SLOT_ID slots[16];
	CK_ULONG count = sizeof slots / sizeof slots[0];
	CK_TOKEN_INFO info;
	CK_RV rv = p11->C_GetSlotList(CK_TRUE, slots, &count);

	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
		if (p11->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
			strncmp((const char *)info.label, label, strlen(label)) == 0)
			return p11->C_OpenSession(slots[i], CKF_SERIAL_SESSION, NULL, NULL, &t->session);
	return rv == CKR_OK ? CKR_TOKEN_NOT_PRESENT : rv;
}

static CK_RV log_in(const char *path, const struct token *t)
{
	char pin[64];
	FILE *f = fopen(path, "r");
	size_t n = f ? fread(pin, 1, sizeof pin, f) : 0;

	if (f)
		fclose(f);
	return p11->C_Login(t->session, CKU_USER, (CK_BYTE *)pin, n);
}

static CK_RV find(CK_BYTE id, struct token *t)
{
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_ATTRIBUTE which[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID,    &id,    sizeof id   },
	};
	CK_ATTRIBUTE value = {CKA_KEY_TYPE, &t->type, sizeof t->type};
	CK_ULONG n = 0;
	CK_RV rv = p11->C_FindObjectsInit(t->session, which, 2);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(t->session, &t->key, 1, &n);
	p11->C_FindObjectsFinal(t->session);
	if (rv == CKR_OK && n == 0)
		rv = CKR_KEY_HANDLE_INVALID;
	return rv == CKR_OK ? p11->C_GetAttributeValue(t->session, t->key, &value, 1) : rv;
}

static CK_RV sign(const struct token *t, double *took)
{
	CK_BYTE digest[32] = {0xD1}, out[512];
	CK_MECHANISM mechanism = {t->type == CKK_RSA ? CKM_RSA_PKCS : CKM_ECDSA, NULL, 0};
	CK_ULONG len = sizeof out;
	const double begin = now_us();
	CK_RV rv = p11->C_SignInit(t->session, &mechanism, t->key);

	if (rv == CKR_OK)
		rv = p11->C_Sign(t->session, digest, sizeof digest, out, &len);
	*took = now_us() - begin;
	return rv;
}

int main(int argc, char **argv)
{
	void *lib = argc > 5 && argc <= 5 + TOKENS ? dlopen(argv[1], RTLD_NOW) : NULL;
	CK_C_GetFunctionList get = lib ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : NULL;
	CK_RV rv = get ? get(&p11) : CKR_ARGUMENTS_BAD;
	struct token tokens[TOKENS];
	const size_t count = rv == CKR_OK && atoi(argv[4]) > 0 ? (size_t)atoi(argv[4]) : 1;
	const int n = argc - 5;

	if (rv == CKR_OK)
		rv = p11->C_Initialize(NULL);
	for (int i = 0; rv == CKR_OK && i < n; i++) {
		tokens[i].took = calloc(count, sizeof(double));
		rv = tokens[i].took ? open_token(argv[5 + i], &tokens[i]) : CKR_HOST_MEMORY;
		if (rv == CKR_OK)
			rv = log_in(argv[2], &tokens[i]);
		if (rv == CKR_OK)
			rv = find((CK_BYTE)atoi(argv[3]), &tokens[i]);
	}
	for (size_t round = 0; rv == CKR_OK && round < count; round++)
		for (int i = 0; rv == CKR_OK && i < n; i++)
			rv = sign(&tokens[i], &tokens[i].took[round]);
	for (int i = 0; rv == CKR_OK && i < n; i++) {
		qsort(tokens[i].took, count, sizeof(double), by_size);
		printf("%.0f%c", tokens[i].took[count / 2], i + 1 < n ? ' ' : '\n');
		free(tokens[i].took);
	}
	if (rv != CKR_OK)
		fprintf(stderr, "sign_time: %08lX\n", rv);
	return rv != CKR_OK;
}
