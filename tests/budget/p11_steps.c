/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One application of the PKCS#11 module, step by step: each line on standard input names a step, each line on standard
 * output says how it went. In between, the script that drives it reads the emulator's counters.
 *
 *	p11_steps MODULE PIN-FILE
 *
 * The token has an RSA (01) and a P-256 (02) signature key, an RSA (03) and a P-256 (04) exchange key, named by CKA_ID.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pkcs11/pkcs11.h"

static CK_FUNCTION_LIST *p11;
static CK_SESSION_HANDLE session;
static char pin[64];
static CK_OBJECT_HANDLE private_key[5], certificate; /* by CKA_ID */
static CK_BYTE point[256], der[16384];
static CK_ULONG point_len, der_len;
static CK_ULONG certificates;

static CK_RV look(void)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = sizeof slots / sizeof slots[0];
	CK_TOKEN_INFO info;
	CK_RV rv = p11->C_Initialize(NULL);

	if (rv == CKR_OK)
		rv = p11->C_GetSlotList(CK_TRUE, slots, &count);
	if (rv == CKR_OK && count != 1)
		rv = CKR_TOKEN_NOT_PRESENT;
	if (rv == CKR_OK)
		rv = p11->C_GetTokenInfo(slots[0], &info);
	if (rv == CKR_OK)
		rv = p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
	return rv;
}

static CK_RV log_in(void)
{
	return p11->C_Login(session, CKU_USER, (CK_BYTE *)pin, strlen(pin));
}

/* All objects, and of each what a browser asks: class, label, identifier, and a certificate's value. */
static CK_RV list(void)
{
	CK_OBJECT_HANDLE all[64];
	CK_ULONG count = 0;
	CK_RV rv = p11->C_FindObjectsInit(session, NULL, 0);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(session, all, sizeof all / sizeof all[0], &count);
	p11->C_FindObjectsFinal(session);
	certificates = 0;
	for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
		CK_OBJECT_CLASS class = 0;
		CK_BYTE id[32], label[64];
		CK_ATTRIBUTE what[] = {
			{CKA_CLASS, &class, sizeof class},
			{CKA_ID,    id,     sizeof id   },
			{CKA_LABEL, label,  sizeof label},
		};
		rv = p11->C_GetAttributeValue(session, all[i], what, 3);
		if (rv == CKR_ATTRIBUTE_TYPE_INVALID) { /* a profile has no label */
			rv = CKR_OK;
			continue;
		}
		bool known = rv == CKR_OK && what[1].ulValueLen == 1 && id[0] >= 1 && id[0] <= 4;
		if (known && class == CKO_PRIVATE_KEY)
			private_key[id[0]] = all[i];
		if (known && class == CKO_PUBLIC_KEY && id[0] == 4) {
			CK_ATTRIBUTE value = {CKA_EC_POINT, point, sizeof point};
			rv = p11->C_GetAttributeValue(session, all[i], &value, 1);
			point_len = value.ulValueLen;
		}
		if (rv == CKR_OK && class == CKO_CERTIFICATE) {
			CK_ATTRIBUTE value = {CKA_VALUE, der, sizeof der};
			rv = p11->C_GetAttributeValue(session, all[i], &value, 1);
			der_len = value.ulValueLen;
			certificate = all[i];
			certificates++;
		}
	}
	return rv;
}

static CK_RV sign(CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
	CK_BYTE data[] = "what is signed", out[512];
	CK_ULONG len = sizeof out;
	CK_RV rv = p11->C_SignInit(session, mechanism, key);

	return rv == CKR_OK ? p11->C_Sign(session, data, sizeof data - 1, out, &len) : rv;
}

static CK_RV sign_rsa(void)
{
	return sign(&(CK_MECHANISM){CKM_SHA256_RSA_PKCS, NULL, 0}, private_key[1]);
}

static CK_RV sign_pss(void)
{
	CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA256, CKG_MGF1_SHA256, 32};

	return sign(&(CK_MECHANISM){CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss}, private_key[1]);
}

static CK_RV sign_ec(void)
{
	return sign(&(CK_MECHANISM){CKM_ECDSA_SHA256, NULL, 0}, private_key[2]);
}

/* The public half encrypts on the host. */
static CK_RV decrypt(void)
{
	CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
	CK_OBJECT_CLASS class = CKO_PUBLIC_KEY;
	CK_BYTE id = 3, data[] = "secret", sealed[512], open[512];
	CK_ATTRIBUTE which[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID,    &id,    sizeof id   },
	};
	CK_OBJECT_HANDLE key = 0;
	CK_ULONG count = 0, sealed_len = sizeof sealed, open_len = sizeof open;
	CK_RV rv = p11->C_FindObjectsInit(session, which, 2);

	if (rv == CKR_OK)
		rv = p11->C_FindObjects(session, &key, 1, &count);
	p11->C_FindObjectsFinal(session);
	if (rv == CKR_OK)
		rv = p11->C_EncryptInit(session, &mechanism, key);
	if (rv == CKR_OK)
		rv = p11->C_Encrypt(session, data, sizeof data, sealed, &sealed_len);
	if (rv == CKR_OK)
		rv = p11->C_DecryptInit(session, &mechanism, private_key[3]);
	if (rv == CKR_OK)
		rv = p11->C_Decrypt(session, sealed, sealed_len, open, &open_len);
	if (rv == CKR_OK && (open_len != sizeof data || memcmp(open, data, sizeof data) != 0))
		rv = CKR_ENCRYPTED_DATA_INVALID;
	return rv;
}

/* With the token's own public key as the peer's. */
static CK_RV derive(void)
{
	CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, point_len, point};
	CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_GENERIC_SECRET;
	CK_ATTRIBUTE made[] = {
		{CKA_CLASS,    &class, sizeof class},
		{CKA_KEY_TYPE, &type,  sizeof type },
	};
	CK_OBJECT_HANDLE key;

	return p11->C_DeriveKey(session, &mechanism, private_key[4], made, 2, &key);
}

static CK_RV digest(void)
{
	CK_MECHANISM mechanism = {CKM_SHA256, NULL, 0};
	CK_BYTE data[] = "what is digested", out[32];
	CK_ULONG len = sizeof out;
	CK_RV rv = p11->C_DigestInit(session, &mechanism);

	return rv == CKR_OK ? p11->C_Digest(session, data, sizeof data, out, &len) : rv;
}

/*
 * The same one again, as a renewal does, and all objects after it: one command writes, one reads the directory that it
 * changed (the module reads it at once, to name the new object).
 */
static CK_RV write_and_list(void)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_BBOOL yes = CK_TRUE;
	CK_BYTE id = 1;
	CK_ATTRIBUTE made[] = {
		{CKA_CLASS,            &class, sizeof class},
		{CKA_CERTIFICATE_TYPE, &type,  sizeof type },
		{CKA_TOKEN,            &yes,   sizeof yes  },
		{CKA_ID,               &id,    sizeof id   },
		{CKA_VALUE,            der,    der_len     },
	};

	CK_RV rv = p11->C_CreateObject(session, made, 5, &certificate);

	return rv == CKR_OK ? list() : rv;
}

static CK_RV log_out(void)
{
	return p11->C_Logout(session);
}

static CK_RV finish(void)
{
	return p11->C_Finalize(NULL);
}

static const struct {
	const char *name;
	CK_RV (*run)(void);
} steps[] = {
	{"look",              look          },
	{"login",             log_in        },
	{"list",              list          },
	{"sign-rsa",          sign_rsa      },
	{"sign-pss",          sign_pss      },
	{"sign-ec",           sign_ec       },
	{"decrypt",           decrypt       },
	{"derive",            derive        },
	{"digest",            digest        },
	{"write-certificate", write_and_list},
	{"logout",            log_out       },
	{"finish",            finish        },
};

static void run(const char *name)
{
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		if (strcmp(steps[i].name, name) == 0) {
			CK_RV rv = steps[i].run();
			printf("%s 0x%lx %lu\n", rv == CKR_OK ? "ok" : "failed", rv, certificates);
			fflush(stdout);
			return;
		}
	printf("failed: no step %s\n", name);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	CK_RV (*get)(CK_FUNCTION_LIST_PTR_PTR list);
	char line[64];
	FILE *file = argc == 3 ? fopen(argv[2], "re") : NULL;
	void *module = argc == 3 ? dlopen(argv[1], RTLD_NOW) : NULL;

	if (!file || !fgets(pin, sizeof pin, file) || !module) {
		fprintf(stderr, "usage: p11_steps MODULE PIN-FILE (%s)\n", module ? "no PIN" : dlerror());
		return 2;
	}
	pin[strcspn(pin, "\n")] = '\0';
	fclose(file);
	*(void **)&get = dlsym(module, "C_GetFunctionList");
	if (!get || get(&p11) != CKR_OK)
		return 2;
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = '\0';
		run(line);
	}
	return 0;
}
