/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding among 1,000 objects: the whole PKCS#11 module in this process, on a token in RAM whose limits are raised as
 *far as the wire carries them (a byte for each number; local.mk). No reader, no daemon.
 *
 *	objects COUNT	a table, each line the median of COUNT
 *
 * The token: 85 containers with two P-256 key pairs each, a certificate for each of them, 245 other certificates and
 *245 data objects: 1,000. The session objects: 1,000 data objects and public keys.
 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver/ukey.h"
#include "pkcs11/pkcs11.h"
#include "tests/bench/rate.h"
#include "tests/wire/loop_transport.h"
#include "tests/wire/trusted.h"

#define KEYS    170
#define OTHERS  245
#define DATA    245
#define SESSION 1000

#define PIN     ((const uint8_t *)"24816326")
#define PIN_LEN 8

static CK_FUNCTION_LIST *f;
static CK_SESSION_HANDLE s;

static void must(int line, unsigned long outcome)
{
	if (outcome != 0) {
		fprintf(stderr, "objects.c:%d: %lx\n", line, outcome);
		exit(1);
	}
}
#define ok(call) must(__LINE__, (unsigned long)(call))

/* ---- a token with 1,000 objects ---------------------------------------------------------------------------------- */

/* Names nothing in particular, and is signed by nobody whom anybody would ask. */
static uint8_t *certificate(const uint8_t *spki, size_t spki_len, long serial, EVP_PKEY *ca, size_t *len)
{
	EVP_PKEY *subject = d2i_PUBKEY(NULL, &spki, (long)spki_len);
	X509_NAME *name = X509_NAME_new();
	X509 *x = X509_new();
	uint8_t *der = NULL;

	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Bench", -1, -1, 0);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, subject);
	ok(X509_sign(x, ca, EVP_sha256()) == 0);
	*len = (size_t)i2d_X509(x, &der);
	X509_NAME_free(name);
	X509_free(x);
	EVP_PKEY_free(subject);
	return der;
}

static void add_key(struct ukey_token *t, unsigned n, EVP_PKEY *ca)
{
	const uint8_t id[2] = {(uint8_t)(n >> 8), (uint8_t)n};
	const struct ukey_generate how = {.ref = (int)n,
		.algorithm = UKEY_P256,
		.pair = n % 2 ? UKEY_EXCHANGE : UKEY_SIGNATURE,
		.id = id,
		.id_len = sizeof id,
		.label = "key"};
	const struct ukey_directory *d;
	uint8_t *spki, *der;
	size_t spki_len, len;
	ukey_key_ref ref;

	ok(ukey_generate(t, &how, &ref));
	ok(ukey_directory(t, &d));
	ok(ukey_key_spki(ukey_directory_key(d, ref), &spki, &spki_len));
	ukey_directory_unref(d);
	der = certificate(spki, spki_len, n + 1, ca, &len);
	ok(ukey_write_certificate(t, ref, der, len, "key"));
	OPENSSL_free(der);
	free(spki);
}

static void add_others(struct ukey_token *t, EVP_PKEY *ca)
{
	uint8_t *spki = NULL;
	const int spki_len = i2d_PUBKEY(ca, &spki);

	for (unsigned n = 0; n < OTHERS; n++) {
		const uint8_t id[2] = {0x80, (uint8_t)n};
		size_t len;
		uint8_t *der = certificate(spki, (size_t)spki_len, 1000 + n, ca, &len);

		ok(ukey_write_other_certificate(t, (int)n, der, len, id, sizeof id, "ca", 2, NULL));
		OPENSSL_free(der);
	}
	OPENSSL_free(spki);
}

static void add_data(struct ukey_token *t)
{
	for (unsigned n = 0; n < DATA; n++) {
		struct ukey_data data = {.label = "data", .value = (uint8_t *)&n, .length = sizeof n};

		ok(ukey_write_data(t, (int)n, &data, NULL));
	}
}

/* By libukey: the module comes to a token that others have filled. */
static void fill(void)
{
	const struct ukey_initialize how = {
		.label = "many", .so_pin = PIN, .so_len = PIN_LEN, .user_pin = PIN, .user_len = PIN_LEN};
	EVP_PKEY *ca = EVP_EC_gen("P-256");
	struct ukey_token **tokens;
	struct ukey *u;
	size_t count;

	ok(ukey_open(&u));
	ok(ukey_refresh(u));
	ok(ukey_tokens(u, &tokens, &count));
	ok(count != 1);
	ok(ukey_initialize(tokens[0], &how));
	ok(ukey_login(tokens[0], UKEY_USER, PIN, PIN_LEN));
	for (unsigned n = 0; n < KEYS; n++)
		add_key(tokens[0], n, ca);
	add_others(tokens[0], ca);
	add_data(tokens[0]);
	ukey_tokens_free(tokens, count);
	ukey_close(u);
	EVP_PKEY_free(ca);
}

static void open_module(void)
{
	CK_SLOT_ID slot;
	CK_ULONG count = 1;

	ok(C_GetFunctionList(&f));
	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, &slot, &count));
	ok(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	ok(f->C_Login(s, CKU_USER, (CK_BYTE *)PIN, PIN_LEN));
}

static void add_session_objects(void)
{
	static CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	CK_OBJECT_CLASS data = CKO_DATA, public = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BYTE point[80];
	CK_ATTRIBUTE value = {CKA_EC_POINT, point, sizeof point};
	CK_ATTRIBUTE which = {CKA_CLASS, &public, sizeof public};
	CK_OBJECT_HANDLE o;
	CK_ULONG n;

	ok(f->C_FindObjectsInit(s, &which, 1));
	ok(f->C_FindObjects(s, &o, 1, &n));
	ok(f->C_FindObjectsFinal(s));
	ok(f->C_GetAttributeValue(s, o, &value, 1));
	for (unsigned i = 0; i < SESSION; i++) {
		CK_BYTE id[2] = {0xC0 | (CK_BYTE)(i >> 8), (CK_BYTE)i};
		CK_ATTRIBUTE key[] = {
			{CKA_CLASS,     &public, sizeof public   },
			{CKA_KEY_TYPE,  &type,   sizeof type     },
			{CKA_EC_PARAMS, oid,     sizeof oid      },
			{CKA_EC_POINT,  point,   value.ulValueLen},
			{CKA_ID,        id,      sizeof id       },
			{CKA_LABEL,     "own",   3               },
		};
		CK_ATTRIBUTE object[] = {
			{CKA_CLASS, &data, sizeof data},
                        {CKA_LABEL, "own", 3          },
                        {CKA_VALUE, id,    sizeof id  }
                };

		ok(i % 2 ? f->C_CreateObject(s, object, 3, &o) : f->C_CreateObject(s, key, 6, &o));
	}
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static CK_ULONG find(CK_ATTRIBUTE *list, CK_ULONG count)
{
	static CK_OBJECT_HANDLE found[4096];
	CK_ULONG n;

	ok(f->C_FindObjectsInit(s, list, count));
	ok(f->C_FindObjects(s, found, 4096, &n));
	ok(f->C_FindObjectsFinal(s));
	return n;
}

static void row(const char *name, size_t repeat, CK_ATTRIBUTE *list, CK_ULONG count, CK_ULONG expected)
{
	double *took = calloc(repeat, sizeof *took);

	ok(took == NULL || find(list, count) != expected);
	for (size_t i = 0; i < repeat; i++) {
		const double begin = rate_now();

		find(list, count);
		took[i] = rate_now() - begin;
	}
	printf("| %s | %lu | %.1f µs |\n", name, expected, rate_median(took, repeat));
	free(took);
}

static void rows(const char *where, size_t repeat, CK_ULONG more)
{
	CK_OBJECT_CLASS private = CKO_PRIVATE_KEY, public = CKO_PUBLIC_KEY;
	CK_KEY_TYPE type = CKK_EC;
	CK_BBOOL yes = CK_TRUE;
	/* The last key. */
	CK_BYTE id[2] = {0, KEYS - 1}, nobodys[2] = {0xEE, 0xEE},
		own[2] = {0xC0 | (SESSION - 2) >> 8, (SESSION - 2) & 0xFF};
	CK_ATTRIBUTE by_id[] = {
		{CKA_CLASS, &private, sizeof private},
                {CKA_ID,    id,       sizeof id     }
        };
	CK_ATTRIBUTE by_own_id[] = {
		{CKA_CLASS, &public, sizeof public},
                {CKA_ID,    own,     sizeof own   }
        };
	CK_ATTRIBUTE by_no_id = {CKA_ID, nobodys, sizeof nobodys}, by_label = {CKA_LABEL, "own", 3};
	CK_ATTRIBUTE by_class[] = {
		{CKA_CLASS, &private, sizeof private},
                {CKA_TOKEN, &yes,     1             }
        };
	CK_ATTRIBUTE by_type = {CKA_KEY_TYPE, &type, sizeof type};
	char name[160];

#define ROW(text, list, count, expected)                                                                               \
	snprintf(name, sizeof name, "%s: %s", where, text);                                                            \
	row(name, repeat, list, count, expected)
	ROW("a private key by CKA_ID", by_id, 2, 1);
	ROW("CKA_ID alone, not there", &by_no_id, 1, 0);
	if (more) {
		ROW("one of the session's public keys by CKA_ID", by_own_id, 2, 1);
		ROW("CKA_LABEL of the session's objects", &by_label, 1, SESSION);
	}
	ROW("all private keys on the token", by_class, 2, KEYS);
	ROW("CKA_KEY_TYPE alone (looked at one by one)", &by_type, 1, 2 * KEYS + more);
#undef ROW
}

int main(int argc, char **argv)
{
	const size_t repeat = argc == 2 && atoi(argv[1]) > 0 ? (size_t)atoi(argv[1]) : 101;
	const struct ramtoken_options options = {.flash_size = 8u << 20};
	struct loop *loop;
	struct ramtoken *chip;

	trusted_configure(NULL);
	trusted_forget();
	loop = loop_new(1);
	chip = trusted_token(ramtoken_new(&options));
	loop_plug(loop, 0, chip);
	fill();
	open_module();
	puts("| finding | found | median |");
	puts("|---|--:|--:|");
	/* Profiles are objects too, and nobody's concern here. */
	rows("1,000 objects on the token", repeat, 0);
	add_session_objects();
	rows("and 1,000 of the session", repeat, SESSION / 2);
	ok(f->C_Finalize(NULL));
	loop_free(loop);
	ramtoken_free(chip);
	return 0;
}
