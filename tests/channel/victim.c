/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An application of the PKCS#11 module that works while others disturb it: logs in, signs, checks the signature with
 * the public key, reads its private object and compares. When it hears that its log-in is lost, it logs in again and
 * goes on.
 *
 *	victim MODULE PIN-FILE [--keep]
 *
 * The token has a P-256 signature key (CKA_ID 01), and a private data object that says "nobody else's business".
 * Commands on standard input, one a line, each answered with a line:
 *	work N		N rounds, undisturbed: "ok", or what went wrong
 *	until		rounds until the next line comes:
 *			"SIGNATURES signatures, LOGINS log-ins, LOST lost, WRONG wrong, OTHER other"
 *	login, logout	"ok" or the return value
 * PIN-FILE "-": the module asks for the PIN itself (protected authentication path).
 * --keep: does not wipe its own copy of the PIN, which is what every careful application does.
 */
#include "config.h"

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/bytes.h"
#include "pkcs11/pkcs11.h"

static CK_FUNCTION_LIST *p11;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session;
static const char *pin_file;
static bool keep;
static char kept[64];
static EVP_PKEY *public_key;
static unsigned long signatures, logins, lost, wrong, other;
static CK_RV last_other;

static const char secret[] = "nobody else's business";

/* read(2), so that no stream keeps a copy. */
static CK_RV log_in(void)
{
	char pin[64];
	CK_RV rv = CKR_PIN_INCORRECT;

	if (strcmp(pin_file, "-") == 0) {
		rv = p11->C_Login(session, CKU_USER, NULL, 0);
		logins += rv == CKR_OK;
		return rv;
	}
	FILE *f = fopen(pin_file, "r");
	ssize_t n = f ? read(fileno(f), pin, sizeof pin) : -1;

	if (f)
		fclose(f);
	while (n > 0 && pin[n - 1] == '\n')
		n--;
	if (n > 0)
		rv = p11->C_Login(session, CKU_USER, (CK_BYTE *)pin, (CK_ULONG)n);
	if (keep && n > 0)
		memcpy(kept, pin, (size_t)n);
	bytes_wipe(pin, sizeof pin);
	logins += rv == CKR_OK;
	return rv;
}

static CK_RV open_session(void)
{
	return p11->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session);
}

static CK_OBJECT_HANDLE find(CK_OBJECT_CLASS class, CK_RV *rv)
{
	CK_OBJECT_HANDLE found = CK_INVALID_HANDLE;
	CK_ATTRIBUTE which = {CKA_CLASS, &class, sizeof class};
	CK_ULONG n = 0;

	*rv = p11->C_FindObjectsInit(session, &which, 1);
	if (*rv != CKR_OK)
		return found;
	*rv = p11->C_FindObjects(session, &found, 1, &n);
	p11->C_FindObjectsFinal(session);
	if (*rv == CKR_OK && n == 0)
		*rv = CKR_USER_NOT_LOGGED_IN; /* private objects are not shown */
	return found;
}

static bool take_public(void)
{
	CK_RV rv;
	CK_BYTE point[80];
	char group[] = "P-256";
	CK_ATTRIBUTE value = {CKA_EC_POINT, point, sizeof point};
	CK_OBJECT_HANDLE o = find(CKO_PUBLIC_KEY, &rv);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);

	if (rv == CKR_OK)
		rv = p11->C_GetAttributeValue(session, o, &value, 1);
	if (rv == CKR_OK && value.ulValueLen == 67) {
		OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
			OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point + 2, 65),
			OSSL_PARAM_construct_end()};
		EVP_PKEY_fromdata_init(ctx);
		EVP_PKEY_fromdata(ctx, &public_key, EVP_PKEY_PUBLIC_KEY, params);
	}
	EVP_PKEY_CTX_free(ctx);
	return public_key != NULL;
}

static bool verifies(const CK_BYTE *digest, const CK_BYTE *rs)
{
	ECDSA_SIG *sig = ECDSA_SIG_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public_key, NULL);
	unsigned char *der = NULL;
	bool ok = ECDSA_SIG_set0(sig, BN_bin2bn(rs, 32, NULL), BN_bin2bn(rs + 32, 32, NULL)) == 1;
	int len = i2d_ECDSA_SIG(sig, &der);

	ok = ok && len > 0 && EVP_PKEY_verify_init(ctx) == 1 && EVP_PKEY_verify(ctx, der, (size_t)len, digest, 32) == 1;
	OPENSSL_free(der);
	ECDSA_SIG_free(sig);
	EVP_PKEY_CTX_free(ctx);
	return ok;
}

static CK_RV sign(void)
{
	CK_MECHANISM mechanism = {CKM_ECDSA, NULL, 0};
	CK_BYTE digest[32], rs[64];
	CK_ULONG len = sizeof rs;
	CK_RV rv;
	CK_OBJECT_HANDLE key = find(CKO_PRIVATE_KEY, &rv);

	for (size_t i = 0; i < sizeof digest; i++)
		digest[i] = (CK_BYTE)(signatures * 31 + i);
	if (rv == CKR_OK)
		rv = p11->C_SignInit(session, &mechanism, key);
	if (rv == CKR_OK)
		rv = p11->C_Sign(session, digest, sizeof digest, rs, &len);
	if (rv == CKR_OK) {
		signatures++;
		wrong += len != sizeof rs || !verifies(digest, rs);
	}
	return rv;
}

static CK_RV read_private(void)
{
	CK_BYTE data[64];
	CK_ATTRIBUTE value = {CKA_VALUE, data, sizeof data};
	CK_RV rv;
	CK_OBJECT_HANDLE o = find(CKO_DATA, &rv);

	if (rv == CKR_OK)
		rv = p11->C_GetAttributeValue(session, o, &value, 1);
	if (rv == CKR_OK)
		wrong += value.ulValueLen != sizeof secret - 1 || memcmp(data, secret, sizeof secret - 1) != 0;
	return rv;
}

/* The log-in that the module told us is lost; CKR_USER_ALREADY_LOGGED_IN: it was not. */
static void again(CK_RV rv)
{
	/*
	 * CKR_SESSION_COUNT, and CKR_DEVICE_MEMORY where that is not for a function to return: the other program holds
	 * all channels just now. CKR_OBJECT_HANDLE_INVALID: what is private is not to be seen any more;
	 * C_GetAttributeValue has no other word for it.
	 */
	if (rv == CKR_USER_NOT_LOGGED_IN || rv == CKR_OBJECT_HANDLE_INVALID || rv == CKR_DEVICE_ERROR ||
		rv == CKR_SESSION_COUNT || rv == CKR_DEVICE_MEMORY)
		lost++;
	else {
		other++;
		last_other = rv;
	}
	if (rv == CKR_SESSION_HANDLE_INVALID || rv == CKR_SESSION_CLOSED)
		open_session();
	log_in();
}

static CK_RV round_of_work(void)
{
	CK_RV rv = sign();

	return rv == CKR_OK ? read_private() : rv;
}

static void work(unsigned long rounds)
{
	CK_RV rv = CKR_OK;

	for (unsigned long i = 0; rv == CKR_OK && i < rounds; i++)
		rv = round_of_work();
	if (rv == CKR_OK && wrong == 0)
		puts("ok");
	else
		printf("%08lX, %lu wrong\n", rv, wrong);
}

static void until(void)
{
	struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};

	signatures = logins = lost = wrong = other = 0;
	while (poll(&in, 1, 0) == 0) {
		CK_RV rv = round_of_work();
		if (rv != CKR_OK)
			again(rv);
	}
	printf("%lu signatures, %lu log-ins, %lu lost, %lu wrong, %lu other (%lX)\n", signatures, logins, lost, wrong,
		other, last_other);
}

static CK_RV start(const char *module)
{
	CK_SLOT_ID slots[8];
	CK_ULONG count = sizeof slots / sizeof slots[0];
	void *lib = dlopen(module, RTLD_NOW);
	CK_C_GetFunctionList get = lib ? (CK_C_GetFunctionList)dlsym(lib, "C_GetFunctionList") : NULL;
	CK_RV rv = get ? get(&p11) : CKR_GENERAL_ERROR;

	if (rv == CKR_OK)
		rv = p11->C_Initialize(NULL);
	if (rv == CKR_OK)
		rv = p11->C_GetSlotList(CK_TRUE, slots, &count);
	if (rv == CKR_OK && count == 0)
		rv = CKR_TOKEN_NOT_PRESENT;
	slot = slots[0];
	if (rv == CKR_OK)
		rv = open_session();
	if (rv == CKR_OK)
		rv = log_in();
	return rv == CKR_OK && !take_public() ? CKR_DATA_INVALID : rv;
}

static void said(CK_RV rv)
{
	if (rv == CKR_OK)
		puts("ok");
	else
		printf("%08lX\n", rv);
}

int main(int argc, char **argv)
{
	char line[128];

	if (argc < 3)
		return 2;
	pin_file = argv[2];
	keep = argc > 3 && strcmp(argv[3], "--keep") == 0;
	setvbuf(stdout, NULL, _IOLBF, 0);
	setvbuf(stdin, NULL, _IONBF, 0); /* poll() must see what fgets() has not read */
	CK_RV rv = start(argv[1]);
	said(rv);
	while (rv == CKR_OK && fgets(line, sizeof line, stdin)) {
		if (strncmp(line, "work ", 5) == 0)
			work(strtoul(line + 5, NULL, 10));
		else if (strncmp(line, "until", 5) == 0)
			until();
		else if (strncmp(line, "login", 5) == 0)
			said(log_in());
		else if (strncmp(line, "logout", 6) == 0)
			said(p11->C_Logout(session));
	}
	if (rv == CKR_OK)
		p11->C_Finalize(NULL);
	EVP_PKEY_free(public_key);
	return rv != CKR_OK;
}
