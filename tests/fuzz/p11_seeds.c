/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seeds of fuzz_p11: programs that make sense. They stand in corpus/p11, and are written anew where the table of
 * functions or the mechanisms changed:
 *
 *	rm -r tests/fuzz/corpus/p11; mkdir tests/fuzz/corpus/p11
 *	FUZZ_P11_SEEDS=tests/fuzz/corpus/p11 build/tests/fuzz/fuzz_p11
 */
#include "config.h"

#include "tests/fuzz/p11_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN 0x07 /* a session, the user logged in, the token's objects found */
#define AGAIN 0x80 /* as a length: what came out last goes in */
#define AES   0x09 /* as a template of C_CreateObject: an AES key, a generic secret */
#define PLAIN 0x01

static struct {
	const char *folder;
	unsigned files;
	uint8_t data[4096];
	size_t len;
} seed;

static void begin(uint8_t how)
{
	seed.data[0] = how;
	seed.len = 1;
}

static void step(const char *function, struct step s)
{
	const uint8_t bytes[STEP_SIZE] = {program_function(function), s.session, s.object, s.other, s.mechanism,
		s.parameter, s.out, s.length, s.template, s.variant};

	if (seed.len + STEP_SIZE <= sizeof seed.data)
		memcpy(seed.data + seed.len, bytes, STEP_SIZE);
	seed.len += STEP_SIZE;
}

static void world(unsigned what)
{
	step("no function: beside calls", (struct step){.variant = (uint8_t)what});
}

static void done(const char *name, unsigned n)
{
	char path[512];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s-%02u", seed.folder, name, n);
	f = fopen(path, "w");
	if (!f || fwrite(seed.data, 1, seed.len, f) != seed.len || fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

#define STEP(function, ...) step(function, (struct step){__VA_ARGS__})

static void secret_keys(void)
{
	STEP("C_CreateObject", .template = AES);
	STEP("C_CreateObject", .template = PLAIN, .variant = 1);
}

static void signatures(unsigned m)
{
	static const uint8_t lengths[] = {0 /* 32 */, 1 /* 20 */, 7, 8, 17, 2};

	begin(BEGIN);
	secret_keys();
	for (uint8_t i = 0; i < sizeof lengths; i++) {
		const uint8_t n = lengths[i];
		STEP("C_SignInit", .mechanism = (uint8_t)m);
		STEP("C_Sign", .length = n, .out = i);
		STEP("C_VerifyInit", .mechanism = (uint8_t)m);
		STEP("C_Verify", .length = n);
	}
	STEP("C_SignInit", .mechanism = (uint8_t)m);
	STEP("C_SignUpdate", .length = 2);
	STEP("C_SignUpdate", .length = 2);
	STEP("C_SignFinal", .out = 4);
	STEP("C_VerifyInit", .mechanism = (uint8_t)m);
	STEP("C_VerifyUpdate", .length = 2);
	STEP("C_VerifyUpdate", .length = 2);
	STEP("C_VerifyFinal", .length = AGAIN);
	STEP("C_MessageSignInit", .mechanism = (uint8_t)m);
	STEP("C_SignMessage", .length = 2);
	STEP("C_MessageSignFinal", 0);
	STEP("C_VerifySignatureInit", .mechanism = (uint8_t)m, .length = AGAIN);
	STEP("C_VerifySignature", .length = 2);
	done("sign", m);
}

static void ciphers(unsigned m)
{
	begin(BEGIN);
	secret_keys();
	for (uint8_t out = 0; out < 7; out += 2) {
		STEP("C_EncryptInit", .mechanism = (uint8_t)m);
		STEP("C_Encrypt", .length = 2 + out, .out = out);
		STEP("C_DecryptInit", .mechanism = (uint8_t)m);
		STEP("C_Decrypt", .length = AGAIN, .out = out);
	}
	STEP("C_EncryptInit", .mechanism = (uint8_t)m);
	STEP("C_EncryptUpdate", .length = 4, .out = 6);
	STEP("C_EncryptUpdate", .length = 7, .out = 4);
	STEP("C_EncryptFinal", .out = 4);
	STEP("C_DecryptInit", .mechanism = (uint8_t)m);
	STEP("C_DecryptUpdate", .length = AGAIN, .out = 4);
	STEP("C_DecryptFinal", .out = 1);
	STEP("C_MessageEncryptInit", .mechanism = (uint8_t)m);
	STEP("C_EncryptMessage", .length = 2, .out = 4);
	STEP("C_EncryptMessageBegin", 0);
	STEP("C_EncryptMessageNext", .length = 2, .out = 6);
	STEP("C_EncryptMessageNext", .length = 2, .out = 6, .variant = 1);
	STEP("C_MessageEncryptFinal", 0);
	STEP("C_MessageDecryptInit", .mechanism = (uint8_t)m);
	STEP("C_DecryptMessage", .length = AGAIN, .out = 4);
	STEP("C_MessageDecryptFinal", 0);
	STEP("C_GetOperationState", .out = 1);
	STEP("C_SetOperationState", .length = AGAIN);
	done("cipher", m);
}

static void digests(unsigned m)
{
	begin(BEGIN);
	STEP("C_DigestInit", .mechanism = (uint8_t)m);
	STEP("C_Digest", .length = 27, .out = 4);
	STEP("C_DigestInit", .mechanism = (uint8_t)m);
	STEP("C_DigestUpdate", .length = 5);
	STEP("C_GetOperationState", .out = 4);
	STEP("C_DigestUpdate", .length = 5);
	STEP("C_DigestFinal", .out = 4);
	done("digest", m);
}

static void keys(unsigned m)
{
	begin(BEGIN);
	secret_keys();
	STEP("C_GenerateKey", .mechanism = (uint8_t)m, .template = 9);
	STEP("C_DeriveKey", .mechanism = (uint8_t)m, .template = 1);
	STEP("C_DeriveKey", .mechanism = (uint8_t)m, .template = 9 + 16);
	STEP("C_WrapKey", .mechanism = (uint8_t)m, .other = 5, .out = 4);
	STEP("C_UnwrapKey", .mechanism = (uint8_t)m, .length = AGAIN, .template = 1);
	STEP("C_WrapKeyAuthenticated", .mechanism = (uint8_t)m, .other = 6, .out = 4);
	STEP("C_UnwrapKeyAuthenticated", .mechanism = (uint8_t)m, .length = AGAIN, .template = 1);
	for (uint8_t i = 3; i < 10; i++)
		STEP("C_GetAttributeValue", .object = i, .template = 5, .out = 4);
	STEP("C_GenerateKeyPair", .mechanism = (uint8_t)m, .template = 3);
	STEP("C_SignInit", .mechanism = 0, .object = 1);
	STEP("C_Login", .variant = 4);
	STEP("C_Sign", .out = 1);
	done("keys", m);
}

static void objects(unsigned n)
{
	begin(BEGIN);
	for (uint8_t i = 0; i < 7; i++) {
		STEP("C_CreateObject", .template = (uint8_t)(i + 8 * n), .variant = i);
		STEP("C_CopyObject", .object = (uint8_t)(i + n), .template = (uint8_t)(4 * i));
		STEP("C_SetAttributeValue", .object = (uint8_t)(i + n), .template = (uint8_t)(4 * i + n));
	}
	STEP("C_FindObjectsInit", .template = (uint8_t)(n * 37));
	STEP("C_FindObjects", .variant = (uint8_t)(1 + n % 3));
	STEP("C_FindObjects", .variant = 20);
	STEP("C_FindObjectsFinal", 0);
	for (uint8_t i = 0; i < 10; i++) {
		STEP("C_GetAttributeValue", .object = i, .template = (uint8_t)(6 * i + n), .length = 5,
			.out = (uint8_t)n, .variant = i);
		STEP("C_GetObjectSize", .object = i);
	}
	for (uint8_t i = 0; i < 4; i++)
		STEP("C_DestroyObject", .object = (uint8_t)(n + i));
	STEP("C_GetAttributeValue", .object = 0xE9);
	STEP("C_Logout", 0);
	STEP("C_FindObjectsInit", 0);
	STEP("C_FindObjects", .variant = 20);
	done("objects", n);
}

/* type: as in C_Login's table: 0 the user, 3 the SO. */
static void pins(unsigned n)
{
	begin(0x01);
	for (unsigned i = 0; i < n; i++)
		STEP("C_Login", .other = 0xC2, .variant = i & 1 ? 0 : (uint8_t)(n % 2 * 3));
	STEP("C_Login", .variant = 3);
	STEP("C_GetSessionInfo", 0);
	STEP("C_OpenSession", .variant = 0);
	STEP("C_InitPIN", .other = 0xC3);
	STEP("C_SetPIN", .parameter = 0xC2);
	STEP("C_Logout", 0);
	STEP("C_Login", .variant = 0);
	STEP("C_SetPIN", .parameter = (uint8_t)(0xF0 + n % 6));
	STEP("C_SetPIN", .parameter = 0xC0);
	STEP("C_GetSessionInfo", 0);
	STEP("C_CloseAllSessions", 0);
	STEP("C_InitToken", .other = (uint8_t)(n % 4 ? 0 : 0xC0));
	STEP("C_OpenSession", .variant = 1);
	STEP("C_Login", .variant = 0);
	STEP("C_Login", .variant = 3);
	STEP("C_InitPIN", 0);
	done("pins", n);
}

static void sessions(unsigned n)
{
	begin((uint8_t)(n * 5));
	STEP("C_OpenSession", .variant = (uint8_t)n);
	STEP("C_OpenSession", .variant = (uint8_t)(n / 2), .object = 1);
	STEP("C_Login", .session = 0, .variant = (uint8_t)(n % 4));
	STEP("C_Login", .session = 1, .variant = (uint8_t)(n / 4 * 3));
	STEP("C_SignInit", .mechanism = (uint8_t)n);
	world(n % WORLD_EVENTS);
	STEP("C_Sign", .out = 4);
	STEP("C_GetSessionInfo", .session = 0);
	STEP("C_GetSessionInfo", .session = 1);
	world((n + 2) % WORLD_EVENTS);
	STEP("C_GetSlotList", .out = 1);
	STEP("C_WaitForSlotEvent", 0);
	STEP("C_GetTokenInfo", .object = 1);
	STEP("C_OpenSession", .variant = 1, .object = 1);
	STEP("C_CloseSession", .session = (uint8_t)n);
	STEP("C_SessionCancel", 0);
	STEP("C_Finalize", .parameter = (uint8_t)n);
	STEP("C_OpenSession", .variant = 1);
	STEP("C_GetSessionInfo", .session = 0xF5);
	done("sessions", n);
}

void seeds_write(const char *folder, unsigned mechanisms)
{
	seed.folder = folder;
	/* A mechanism's number counts among those that fit the function; what is too much comes round again. */
	for (unsigned m = 0; m < mechanisms && m < 50; m++)
		signatures(m);
	for (unsigned m = 0; m < 16; m++) {
		ciphers(m);
		keys(m);
		objects(m);
		pins(m);
		sessions(m);
	}
	for (unsigned m = 0; m < 10; m++)
		digests(m);
}
