/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs of PKCS#11 calls (p11_program.h) on the module, with two tokens in the same process: one operational, with
 * an RSA and a P-256 key, a certificate and data, and one more of the same that is put into the second reader now and
 * then. The first byte of the input says how the program begins; steps follow. Whatever comes: nothing is written
 * behind a buffer, values are those of the standard, and what the model in p11_sessions.c knows holds.
 *
 * In the environment, FUZZ_P11_STATISTICS=1: how many calls of each function went well, at the end; FUZZ_P11_TRACE=1:
 * each call, for a program that broke something.
 */
#include "config.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/p11_program.h"
#include "tests/fuzz/p11_seeds.h"
#include "tests/wire/loop_transport.h"
#include "tests/wire/trusted.h"

#define FLASH (64 * 1024)
#define RSA   1 /* CKA_ID of the keys */
#define EC    2

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct loop *loop;
static struct ramtoken *chip[2];
static struct ramtoken_moment *moment[2];
static CK_FUNCTION_LIST_3_2_PTR f;
static struct program model; /* what a program begins with */
static CK_BYTE modulus[512], point[200];

static void ok(CK_RV rv)
{
	if (rv != CKR_OK) {
		fprintf(stderr, "the token could not be prepared: 0x%lx\n", rv);
		abort();
	}
}

/* ---- the tokens, once -------------------------------------------------------------------------------------------- */

static CK_OBJECT_HANDLE make_key(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE type, CK_BYTE id, CK_OBJECT_HANDLE *pub)
{
	static CK_BYTE p256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG bits = 2048;
	CK_MECHANISM m = {type, NULL, 0};
	CK_ATTRIBUTE public = {CKA_MODULUS_BITS, &bits, sizeof bits};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN,					      &yes,                1},
		{CKA_ID,						 &id,                 1},
		{CKA_SIGN,					       &yes,                1},
		{type == CKM_EC_KEY_PAIR_GEN ? CKA_DERIVE : CKA_DECRYPT, &yes,                1},
		{CKA_LABEL,					      (CK_VOID_PTR) "key", 3},
	};
	CK_OBJECT_HANDLE prv;

	if (type == CKM_EC_KEY_PAIR_GEN)
	public = (CK_ATTRIBUTE){CKA_EC_PARAMS, p256, sizeof p256};
	ok(f->C_GenerateKeyPair(s, &m, &public, 1, private, sizeof private / sizeof *private, pub, &prv));
	return prv;
}

static struct bytes attribute(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, CK_BYTE *to, CK_ULONG room)
{
	CK_ATTRIBUTE a = {type, to, room};

	ok(f->C_GetAttributeValue(s, o, &a, 1));
	return BYTES(to, a.ulValueLen);
}

/* For the P-256 key, so that it finds its place beside it. */
static struct bytes certificate_for(struct bytes spki)
{
	static uint8_t *der;
	const uint8_t *at = spki.data;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)spki.len), *ca = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	int len;

	FUZZ_REQUIRE(key && ca && x && name);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Fuzz", -1, -1, 0);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 4711);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	ASN1_TIME_set_string(X509_getm_notBefore(x), "20260101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(x), "20360101000000Z");
	X509_set_pubkey(x, key);
	FUZZ_REQUIRE(X509_sign(x, ca, EVP_sha256()) > 0);
	len = i2d_X509(x, &der);
	FUZZ_REQUIRE(len > 0);
	X509_NAME_free(name);
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca);
	return BYTES(der, (size_t)len);
}

static void furnish(CK_SLOT_ID slot)
{
	static CK_UTF8CHAR label[] = "Fuzz                            ";
	CK_BBOOL yes = CK_TRUE;
	CK_OBJECT_CLASS data = CKO_DATA;
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE pub, o;

	ok(f->C_InitToken(slot, (CK_UTF8CHAR *)model.pins[1], strlen(model.pins[1]), label));
	ok(f->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &s));
	ok(f->C_Login(s, CKU_SO, (CK_UTF8CHAR *)model.pins[1], strlen(model.pins[1])));
	ok(f->C_InitPIN(s, (CK_UTF8CHAR *)model.pins[0], strlen(model.pins[0])));
	ok(f->C_Logout(s));
	ok(f->C_Login(s, CKU_USER, (CK_UTF8CHAR *)model.pins[0], strlen(model.pins[0])));
	make_key(s, CKM_RSA_PKCS_KEY_PAIR_GEN, RSA, &pub);
	model.modulus = attribute(s, pub, CKA_MODULUS, modulus, sizeof modulus);
	make_key(s, CKM_EC_KEY_PAIR_GEN, EC, &pub);
	model.point = attribute(s, pub, CKA_EC_POINT, point, sizeof point);
	if (!model.certificate.len) {
		CK_BYTE spki[256];
		model.certificate = certificate_for(attribute(s, pub, CKA_PUBLIC_KEY_INFO, spki, sizeof spki));
	}
	CK_ATTRIBUTE private_data[] = {
		{CKA_CLASS,   &data,                   sizeof data},
		{CKA_TOKEN,   &yes,                    1          },
		{CKA_PRIVATE, &yes,                    1          },
		{CKA_LABEL,   (CK_VOID_PTR) "private", 7          },
		{CKA_VALUE,   (CK_VOID_PTR) "value",   5          },
	};
	ok(f->C_CreateObject(s, private_data, 5, &o));
	ok(f->C_CloseSession(s));
}

/* The private parts of the keys, as the chip has them: none of them may ever come out. */
static void learn_secrets(void)
{
	static struct ramhal_secret found[SECRETS_MAX];
	const size_t n = ramhal_secrets(found, SECRETS_MAX - 2);

	for (size_t i = 0; i < n; i++)
		model.secrets[model.secret_count++] = BYTES(found[i].bytes, sizeof found[i].bytes);
	for (size_t i = 0; i < 2; i++)
		model.secrets[model.secret_count++] = BYTES((const uint8_t *)model.pins[i], strlen(model.pins[i]));
}

/* ---- what is wrong ----------------------------------------------------------------------------------------------- */

static void complain(void *arg, struct program *p, const char *what, const struct seen *seen)
{
	(void)arg;
	(void)p;
	fprintf(stderr, "%s: %s (0x%lx, mechanism 0x%lx)\n", seen->function, what, seen->rv, seen->mechanism);
	abort();
}

static struct {
	const char *function;
	unsigned long calls, well;
} statistics[128];

static void count(void *arg, struct program *p, const struct step *s, const struct seen *seen)
{
	size_t i = 0;

	(void)arg;
	(void)p;
	(void)s;
	while (i < 127 && statistics[i].function && strcmp(statistics[i].function, seen->function) != 0)
		i++;
	statistics[i].function = seen->function;
	statistics[i].calls++;
	statistics[i].well += seen->rv == CKR_OK;
}

static void trace(void *arg, struct program *p, const struct step *s, const struct seen *seen)
{
	(void)arg;
	fprintf(stderr, "%s: 0x%lx (session %u of %zu, object %u of %zu, mechanism 0x%lx, in %zu, out %zu)\n",
		seen->function, seen->rv, s->session, p->session_count, s->object, p->object_count, seen->mechanism,
		seen->in_len, seen->out.len);
}

static void print_statistics(void)
{
	for (size_t i = 0; i < 128 && statistics[i].function; i++)
		fprintf(stderr, "%-32s %8lu %8lu\n", statistics[i].function, statistics[i].calls, statistics[i].well);
}

static void world(void *arg, struct program *p, unsigned what)
{
	(void)arg;
	if (getenv("FUZZ_P11_TRACE"))
		fprintf(stderr, "world: %u\n", what);
	switch (what) {
	case WORLD_PLUG:
	case WORLD_PLUG_SECOND:
		if (!loop->readers[what == WORLD_PLUG_SECOND].present)
			loop_plug(loop, what == WORLD_PLUG_SECOND, chip[what == WORLD_PLUG_SECOND]);
		break;
	case WORLD_UNPLUG:
	case WORLD_UNPLUG_SECOND:
		loop_unplug(loop, what == WORLD_UNPLUG_SECOND);
		slot_pulled(p, what == WORLD_UNPLUG_SECOND);
		break;
	default:
		loop_reset(loop, 0);
		slot_reset(p, 0);
	}
}

/* ---- libFuzzer --------------------------------------------------------------------------------------------------- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	CK_INTERFACE_PTR interface;
	CK_ULONG n;

	(void)argc;
	(void)argv;
	trusted_configure("cache = no\n");
	ok(C_GetInterface(NULL, NULL, &interface, 0));
	f = interface->pFunctionList;
	loop = loop_new(2);
	program_start(&model, f, NULL);
	model.at_home = true;
	model.complain = complain;
	model.world = world;
	if (getenv("FUZZ_P11_STATISTICS")) {
		model.notice = count;
		atexit(print_statistics);
	}
	if (getenv("FUZZ_P11_TRACE"))
		model.notice = trace;
	for (unsigned i = 0; i < 2; i++) {
		chip[i] = ramtoken_new(&(struct ramtoken_options){.flash_size = FLASH});
		chip[i]->hal.serial[7] = (uint8_t)(1 + i);
		loop_plug(loop, i, chip[i]);
	}
	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	for (unsigned i = 0; i < 2; i++)
		furnish(i);
	program_look(&model);
	ok(f->C_Finalize(NULL));
	for (unsigned i = 0; i < 2; i++) {
		loop_unplug(loop, i);
		ramtoken_power_cycle(chip[i]);
		moment[i] = ramtoken_moment_take(chip[i]);
	}
	learn_secrets();
	if (getenv("FUZZ_P11_SEEDS")) {
		seeds_write(getenv("FUZZ_P11_SEEDS"), (unsigned)model.mechanism_count);
		exit(0);
	}
	return 0;
}

/* Bits of the first byte. */
enum { OPEN = 1, LOG_IN = 2, FIND = 4, SECOND_THERE = 8, OPEN_SECOND = 16 };

static void run(struct program *p, const char *function, uint8_t variant, uint8_t template)
{
	const uint8_t step[STEP_SIZE] = {program_function(function), 0, 0, 0, 0, 0, 0, 0, template, variant};

	program_step(p, step);
}

static void begin(struct program *p, uint8_t how)
{
	if (how & OPEN)
		run(p, "C_OpenSession", 1, 0);
	if (how & OPEN_SECOND)
		run(p, "C_OpenSession", 0, 0);
	if (how & LOG_IN)
		run(p, "C_Login", 0, 0);
	if (how & FIND) {
		run(p, "C_FindObjectsInit", 0, 0);
		run(p, "C_FindObjects", OBJECTS_MAX, 0);
		run(p, "C_FindObjectsFinal", 0, 0);
	}
}

/* Put in or pulled out while nobody looks; the chip has its power already, which takes longer than all the rest. */
static void there(unsigned reader, bool present)
{
	loop->readers[reader].token = chip[reader];
	loop->readers[reader].present = present;
	loop->readers[reader].events++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct program p;
	struct cursor c = cursor_of(BYTES(data, size));
	const uint8_t how = cursor_u8(&c);
	CK_ULONG n;

	p = model;
	for (unsigned i = 0; i < 2; i++)
		ramtoken_moment_return(moment[i], chip[i]);
	there(0, true);
	there(1, how & SECOND_THERE);
	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_FALSE, NULL, &n));
	begin(&p, how);
	while (c.left >= STEP_SIZE)
		program_step(&p, cursor_take(&c, STEP_SIZE).data);
	f->C_Finalize(NULL);
	for (unsigned i = 0; i < LOOP_READERS; i++)
		FUZZ_REQUIRE(loop->readers[i].connections == 0);
	return 0;
}

/* Whole steps: taken out, put in, copied; or a few bytes of one. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
	const size_t steps = size ? (size - 1) / STEP_SIZE : 0;
	uint8_t *const at = data + 1 + (steps ? seed / 8 % steps : 0) * STEP_SIZE;
	const size_t behind = size > (size_t)(at - data) ? size - (size_t)(at - data) : 0;

	if (size < 1 + STEP_SIZE || seed % 8 < 2)
		return LLVMFuzzerMutate(data, size, max);
	if (seed % 8 == 2 && steps > 1) { /* out */
		memmove(at, at + STEP_SIZE, behind - STEP_SIZE);
		return size - STEP_SIZE;
	}
	if (seed % 8 <= 5 && size + STEP_SIZE <= max) { /* in, by chance or another one of the program */
		memmove(at + STEP_SIZE, at, behind);
		srand(seed);
		const uint8_t *from = data + 1 + (size_t)rand() % steps * STEP_SIZE;
		for (size_t i = 0; i < STEP_SIZE; i++)
			at[i] = seed % 8 == 3 ? from[i] : (uint8_t)(rand() >> 7);
		return size + STEP_SIZE;
	}
	LLVMFuzzerMutate(at, STEP_SIZE, STEP_SIZE);
	return size;
}
