/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include "tests/wire/trusted.h"

#include <openssl/evp.h>
#include <openssl/x509.h>

CK_FUNCTION_LIST_3_2_PTR f;
struct loop *loop;
struct ramtoken *chip[2];

void bench_rv(CK_RV got, CK_RV want, const char *file, int line)
{
	if (got != want)
		fprintf(stderr, "%s:%d: CKR 0x%lx instead of 0x%lx\n", file, line, got, want);
	_assert_int_equal(got, want, file, line);
}

int bench_setup(void **state)
{
	CK_INTERFACE_PTR interface = NULL;

	(void)state;
	trusted_configure(NULL);
	trusted_forget();
	ok(C_GetInterface(NULL, NULL, &interface, 0));
	f = interface->pFunctionList;
	loop = loop_new(2);
	chip[0] = trusted_token(ramtoken_new(NULL));
	chip[1] = ramtoken_new(NULL);
	chip[1]->hal.serial[7] = 0x02;
	trusted_token(chip[1]);
	loop_plug(loop, 0, chip[0]);
	return 0;
}

int bench_teardown(void **state)
{
	(void)state;
	f->C_Finalize(NULL);
	/* Every connection that was opened was closed. */
	for (unsigned i = 0; i < LOOP_READERS; i++)
		assert_int_equal(loop->readers[i].connections, 0);
	loop_free(loop);
	ramtoken_free(chip[0]);
	ramtoken_free(chip[1]);
	return 0;
}

int bench_setup_operational(void **state)
{
	CK_SESSION_HANDLE s;
	CK_ULONG n = 0;

	bench_setup(state);
	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	assert_int_equal(n, 1);
	ok(f->C_InitToken(0, PIN(SO_PIN), (CK_UTF8CHAR_PTR) "Bench                           "));
	s = bench_session(CKF_RW_SESSION, CKU_SO);
	ok(f->C_InitPIN(s, PIN(USER_PIN)));
	ok(f->C_CloseSession(s));
	return 0;
}

CK_SESSION_HANDLE bench_session(CK_FLAGS flags, int user)
{
	CK_SESSION_HANDLE s = 0;

	ok(f->C_OpenSession(0, CKF_SERIAL_SESSION | flags, NULL, NULL, &s));
	if (user == CKU_SO)
		ok(f->C_Login(s, CKU_SO, PIN(SO_PIN)));
	else if (user == CKU_USER)
		ok(f->C_Login(s, CKU_USER, PIN(USER_PIN)));
	return s;
}

unsigned long bench_apdus(void)
{
	return loop->readers[0].apdus + loop->readers[1].apdus;
}

void bench_generate(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE m, CK_ULONG size, CK_ULONG uses, CK_BYTE id,
	CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *prv)
{
	static CK_BYTE oids[][10] = {
		{6,  8,    0x2A, 0x86, 0x48, 0xCE,    0x3D,                   3, 1, 7},
                {6, 5,    0x2B,        0x81,            4,               0,               0x22                         },
		{6, 5, 0x2B,     0x81,         4,0,0x23}
        };
	CK_BYTE *oid = oids[size == 256 ? 0 : size == 384 ? 1 : 2];
	CK_BBOOL yes = CK_TRUE, sign = !!(uses & USE_SIGN), decrypt = !!(uses & USE_DECRYPT),
		 derive = !!(uses & USE_DERIVE), always = !!(uses & USE_ALWAYS);
	CK_MECHANISM mechanism = {m, NULL, 0};
	CK_ATTRIBUTE public[] = {
		{CKA_MODULUS_BITS, &size, sizeof(size)},
		{CKA_ID,           &id,   1           },
	};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN,               &yes,     1},
		{CKA_ID,                  &id,      1},
		{CKA_SIGN,                &sign,    1},
		{CKA_DECRYPT,             &decrypt, 1},
		{CKA_DERIVE,              &derive,  1},
		{CKA_ALWAYS_AUTHENTICATE, &always,  1},
		{CKA_LABEL,               &"key",   3},
	};

	if (m == CKM_EC_KEY_PAIR_GEN)
	public[0] = (CK_ATTRIBUTE){CKA_EC_PARAMS, oid, oid[1] + 2u};
	ok(f->C_GenerateKeyPair(s, &mechanism, public, COUNT(public), private, COUNT(private), pub, prv));
}

static CK_ULONG search(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG n, CK_OBJECT_HANDLE *first)
{
	CK_OBJECT_HANDLE found[128];
	CK_ULONG count = 0;

	ok(f->C_FindObjectsInit(s, list, n));
	ok(f->C_FindObjects(s, found, 128, &count));
	ok(f->C_FindObjectsFinal(s));
	*first = count ? found[0] : CK_INVALID_HANDLE;
	return count;
}

CK_OBJECT_HANDLE bench_find(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_BYTE id)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_ID,    &id,    1            },
	};
	CK_OBJECT_HANDLE first;

	search(s, list, 2, &first);
	return first;
}

CK_ULONG bench_count(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG n)
{
	CK_OBJECT_HANDLE first;

	return search(s, list, n, &first);
}

CK_ULONG bench_get(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG room)
{
	CK_ATTRIBUTE a = {type, value, room};

	return f->C_GetAttributeValue(s, o, &a, 1) == CKR_OK ? a.ulValueLen : CK_UNAVAILABLE_INFORMATION;
}

CK_BBOOL bench_bool(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type)
{
	CK_BBOOL value = 77;

	assert_int_equal(bench_get(s, o, type, &value, 1), 1);
	return value;
}

uint8_t *bench_certificate(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pub, long serial, size_t *len)
{
	uint8_t spki[1024], *der = NULL, *copy;
	const uint8_t *at = spki;
	CK_ULONG n = bench_get(s, pub, CKA_PUBLIC_KEY_INFO, spki, sizeof(spki));
	EVP_PKEY *subject = d2i_PUBKEY(NULL, &at, (long)n), *ca = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();

	assert_non_null(subject);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Bench", -1, -1, 0);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, subject);
	assert_true(X509_sign(x, ca, EVP_sha256()) > 0);
	n = (CK_ULONG)i2d_X509(x, &der);
	copy = malloc(n);
	memcpy(copy, der, n);
	*len = n;
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_free(x);
	EVP_PKEY_free(subject);
	EVP_PKEY_free(ca);
	return copy;
}
