/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same programs of PKCS#11 calls on SoftHSM and on our module, call by call: what they return, how long they say
 * the answer is, and the answer, where it is not one of chance. Both have the same keys, so that a signature of chance
 * made by one is verified by both, and a ciphertext decrypted by both.
 *
 *	softhsm_oracle MODULE TABLE PROGRAMS [SEED]
 *
 * A difference must stand in the table: function, what (mechanism or attribute), our value, theirs, and why. One that
 * does not ends in exit code 1, with the program that led to it. Our module works on a token in this process.
 */
#include "config.h"

#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/fuzz/p11_program.h"
#include "tests/wire/loop_transport.h"
#include "tests/wire/trusted.h"

#define EVENTS   8 /* of one step */
#define STEPS    40
#define ROWS     200
#define RSA_2048 0x07
#define P_256    0x11
#define FOUND    60 /* unexplained differences that are told */

struct event {
	struct seen seen;
	uint8_t out[ROOM];
};

struct side {
	const char *name;
	CK_FUNCTION_LIST_3_2 f;
	CK_SLOT_ID slot;
	struct program p;
	struct event events[EVENTS];
	size_t count;
};

static struct side ours = {.name = "ours"}, theirs = {.name = "theirs"};
static uint64_t chance;
static unsigned long compared, explained, outputs, unexplained;
static uint8_t steps[STEPS][STEP_SIZE];
static size_t step_count;

static uint8_t next(void)
{
	uint64_t z = chance += 0x9E3779B97F4A7C15u;

	z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
	z = (z ^ z >> 27) * 0x94D049BB133111EBu;
	return (uint8_t)(z ^ z >> 31);
}

static void must(CK_RV rv, const struct side *s, const char *what)
{
	if (rv == CKR_OK)
		return;
	fprintf(stderr, "%s could not be prepared: %s, 0x%lx\n", s->name, what, rv);
	exit(2);
}

/* ---- the table of differences ------------------------------------------------------------------------------------ */

static struct row {
	char function[40], what[24], ours[24], theirs[24];
	unsigned long used;
} rows[ROWS];
static size_t row_count;

static void read_table(const char *path)
{
	FILE *f = fopen(path, "r");
	char line[512], why[8];

	if (!f) {
		perror(path);
		exit(2);
	}
	while (fgets(line, sizeof line, f)) {
		struct row *r = &rows[row_count];
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (row_count == ROWS ||
			sscanf(line, "%39s %23s %23s %23s %7s", r->function, r->what, r->ours, r->theirs, why) != 5) {
			fprintf(stderr, "%s: not a row with a reason: %s", path, line);
			exit(2);
		}
		row_count++;
	}
	fclose(f);
}

/* A pattern may end with a star. */
static bool fits(const char *pattern, const char *text)
{
	const size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return strncmp(pattern, text, n - 1) == 0;
	return strcmp(pattern, text) == 0;
}

static bool is_explained(const char *function, CK_ULONG what, const char *a, const char *b)
{
	char number[24];

	snprintf(number, sizeof number, "0x%lx", what);
	for (size_t i = 0; i < row_count; i++)
		if (fits(rows[i].function, function) && fits(rows[i].what, number) && fits(rows[i].ours, a) &&
			fits(rows[i].theirs, b)) {
			rows[i].used++;
			explained++;
			return true;
		}
	return false;
}

static struct row differences[FOUND];
static size_t difference_count;

static void print_program(void)
{
	for (size_t i = 0; i < step_count; i++) {
		printf("   ");
		for (size_t k = 0; k < STEP_SIZE; k++)
			printf(" %02x", steps[i][k]);
		printf("  %s%s\n", program_function_name(steps[i][0]), i + 1 == step_count ? " <" : "");
	}
}

static void differ(const char *function, CK_ULONG what, const char *a, const char *b)
{
	struct row r = {.used = 1};

	if (is_explained(function, what, a, b))
		return;
	unexplained++;
	snprintf(r.function, sizeof r.function, "%s", function);
	snprintf(r.what, sizeof r.what, "0x%lx", what);
	snprintf(r.ours, sizeof r.ours, "%s", a);
	snprintf(r.theirs, sizeof r.theirs, "%s", b);
	for (size_t i = 0; i < difference_count; i++)
		if (memcmp(&differences[i], &r, offsetof(struct row, used)) == 0) {
			differences[i].used++;
			return;
		}
	if (difference_count == FOUND)
		return;
	differences[difference_count++] = r;
	printf("unexplained: %s %s %s %s; the program:\n", r.function, r.what, a, b);
	print_program();
}

/* ---- comparing --------------------------------------------------------------------------------------------------- */

static void notice(void *arg, struct program *p, const struct step *s, const struct seen *seen)
{
	struct side *const side = arg;
	struct event *const e = &side->events[side->count];

	(void)p;
	(void)s;
	if (side->count == EVENTS)
		return;
	side->count++;
	e->seen = *seen;
	e->seen.out = BYTES(e->out, seen->out.len < ROOM ? seen->out.len : ROOM);
	if (e->seen.out.len)
		memcpy(e->out, seen->out.data, e->seen.out.len);
}

/* Two signatures, or ciphertexts, of one thing differ. */
static bool is_of_chance(const struct seen *s)
{
	const bool signs = strstr(s->function, "Sign") != NULL,
		   encrypts = strstr(s->function, "Encrypt") || strstr(s->function, "Wrap");
	const CK_KEY_TYPE type = mechanism_key_type(s->mechanism);
	const bool pss = s->mechanism == CKM_RSA_PKCS_PSS ||
			 (s->mechanism >= CKM_SHA256_RSA_PKCS_PSS && s->mechanism <= CKM_SHA512_RSA_PKCS_PSS) ||
			 s->mechanism == CKM_SHA1_RSA_PKCS_PSS || s->mechanism == CKM_SHA224_RSA_PKCS_PSS;

	return (signs && (pss || type == CKK_EC)) || (encrypts && type == CKK_RSA && s->mechanism != CKM_RSA_X_509);
}

static void compare_attributes(const struct seen *a, const struct seen *b)
{
	struct cursor ca = cursor_of(a->out), cb = cursor_of(b->out);
	CK_ULONG type, la, lb;

	/* Each is asked for by itself (see `asked`): one attribute an answer: type, length, value. */
	const struct bytes ha = cursor_take(&ca, 2 * sizeof(CK_ULONG)), hb = cursor_take(&cb, 2 * sizeof(CK_ULONG));
	if (ca.failed || cb.failed)
		return;
	memcpy(&type, ha.data, sizeof type);
	memcpy(&la, ha.data + sizeof type, sizeof la);
	memcpy(&lb, hb.data + sizeof type, sizeof lb);
	if (la != lb) {
		char x[24], y[24];
		snprintf(x, sizeof x, la == CK_UNAVAILABLE_INFORMATION ? "none" : "len:%lu", la);
		snprintf(y, sizeof y, lb == CK_UNAVAILABLE_INFORMATION ? "none" : "len:%lu", lb);
		differ(a->function, type, x, y);
		return;
	}
	const struct bytes va = cursor_take(&ca, ca.left), vb = cursor_take(&cb, cb.left);
	outputs++;
	if (!bytes_equal(va, vb)) {
		char x[24], y[24];
		snprintf(x, sizeof x, va.len ? "0x%02x.." : "-", va.len ? va.data[0] : 0);
		snprintf(y, sizeof y, vb.len ? "0x%02x.." : "-", vb.len ? vb.data[0] : 0);
		differ(a->function, type, x, y);
	}
}

/* False: the two went different ways, and nothing that follows can be compared. */
static bool compare_event(const struct seen *a, const struct seen *b)
{
	char x[24], y[24];
	const bool attributes = strcmp(a->function, "C_GetAttributeValue") == 0;

	compared++;
	if (a->rv != b->rv) {
		CK_ULONG what = a->mechanism;
		if (attributes && a->out.len >= sizeof what)
			memcpy(&what, a->out.data, sizeof what);
		else if (attributes && b->out.len >= sizeof what)
			memcpy(&what, b->out.data, sizeof what);
		snprintf(x, sizeof x, "0x%lx", a->rv);
		snprintf(y, sizeof y, "0x%lx", b->rv);
		differ(a->function, what, x, y);
		return attributes; /* asking leads nowhere else */
	}
	if (attributes) {
		compare_attributes(a, b);
		return true;
	}
	if (a->asked_length && a->out_len != b->out_len) {
		snprintf(x, sizeof x, "length:%lu", a->out_len);
		snprintf(y, sizeof y, "length:%lu", b->out_len);
		differ(a->function, a->mechanism, x, y);
		return true;
	}
	if (a->rv != CKR_OK || a->asked_length)
		return true;
	if (a->out.len != b->out.len) {
		snprintf(x, sizeof x, "%zu", a->out.len);
		snprintf(y, sizeof y, "%zu", b->out.len);
		differ(a->function, a->mechanism, x, y);
		return false;
	}
	outputs += a->out.len != 0;
	if (!bytes_equal(a->out, b->out) && !is_of_chance(a)) {
		differ(a->function, a->mechanism, "output", "output");
		return false;
	}
	return true;
}

static bool compare(void)
{
	const size_t n = ours.count < theirs.count ? ours.count : theirs.count;

	for (size_t i = 0; i < n; i++)
		if (!compare_event(&ours.events[i].seen, &theirs.events[i].seen))
			return false;
	if (ours.count != theirs.count) {
		const struct side *more = ours.count > theirs.count ? &ours : &theirs;
		/* One needed a call more for its answer: only where that begins with a difference that is known. */
		return more->events[n].seen.rv == CKR_OK;
	}
	return true;
}

/* Both go on with the same bytes, the one's or the other's: so each checks what the other one made. */
static void exchange(void)
{
	struct program *const from = next() & 1 ? &ours.p : &theirs.p, *const to =
									       from == &ours.p ? &theirs.p : &ours.p;

	memcpy(to->last, from->last, from->last_len);
	to->last_len = from->last_len;
}

static bool both(const char *function, struct step s)
{
	const uint8_t bytes[STEP_SIZE] = {program_function(function), s.session, s.object, s.other, s.mechanism,
		s.parameter, s.out, s.length, s.template, s.variant};

	if (step_count == STEPS)
		return false;
	memcpy(steps[step_count++], bytes, STEP_SIZE);
	ours.count = theirs.count = 0;
	program_step(&ours.p, bytes);
	program_step(&theirs.p, bytes);
	if (!compare())
		return false;
	exchange();
	return true;
}

/* ---- what is tried ----------------------------------------------------------------------------------------------- */

#define LAST 0x80 /* as a length: what came out last */

/* Raw RSA ends SoftHSM's process (exit) when the data are longer than the key: no lengths above it. */
static uint8_t short_length(void)
{
	static const uint8_t lengths[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17, 19, 21, 25, 29};

	return lengths[next() % sizeof lengths];
}

static bool signatures(void)
{
	const uint8_t m = next(), key = next(), length = short_length(), variant = next(), parameter = next() % 3;
	const struct step start = {.mechanism = m, .object = key, .parameter = parameter, .variant = variant};
	struct step data = start;
	bool good;

	data.length = length;
	data.out = next();
	if (next() & 1)
		good = both("C_SignInit", start) && both("C_Sign", data) && both("C_VerifyInit", start) &&
		       both("C_Verify", data);
	else
		good = both("C_SignInit", start) && both("C_SignUpdate", data) && both("C_SignUpdate", data) &&
		       both("C_SignFinal", data) && both("C_VerifyInit", start) && both("C_VerifyUpdate", data) &&
		       both("C_VerifyUpdate", data) && both("C_VerifyFinal", (struct step){.length = LAST});
	/* A signature of something else. */
	data.variant++;
	return good && both("C_SignInit", start) && both("C_Sign", data) && both("C_VerifyInit", start) &&
	       both("C_Verify", (struct step){.length = 0, .variant = variant});
}

static bool ciphers(void)
{
	const struct step start = {.mechanism = next(), .object = next(), .parameter = next() % 3, .variant = next()};
	struct step data = start;
	bool good;

	data.length = short_length();
	data.out = next();
	if (next() & 1)
		good = both("C_EncryptInit", start) && both("C_Encrypt", data);
	else
		good = both("C_EncryptInit", start) && both("C_EncryptUpdate", data) && both("C_EncryptFinal", data);
	data.length = LAST | (next() % 8 ? 0 : 0x70);
	if (next() & 1)
		return good && both("C_DecryptInit", start) && both("C_Decrypt", data);
	return good && both("C_DecryptInit", start) && both("C_DecryptUpdate", data) && both("C_DecryptFinal", data);
}

static bool digests(void)
{
	const struct step start = {.mechanism = next()};
	const struct step data = {.length = next() % 30, .variant = next(), .out = next()};

	if (next() & 1)
		return both("C_DigestInit", start) && both("C_Digest", data);
	return both("C_DigestInit", start) && both("C_DigestUpdate", data) && both("C_DigestUpdate", data) &&
	       both("C_DigestFinal", data);
}

static bool asked(void)
{
	bool good = true;

	for (uint8_t i = 0; i < 8 && good; i++)
		good = both("C_GetAttributeValue", (struct step){.object = next(), .template = next(), .out = 4});
	return good;
}

static bool objects(void)
{
	static const uint8_t templates[] = {0, 0, 2, 10, 4, 12}; /* data, public keys, secret keys */
	const struct step made = {.template = templates[next() % 6], .variant = next() % 33};

	if (!both("C_CreateObject", made))
		return false;
	const uint8_t last = (uint8_t)(ours.p.object_count - 1);
	for (uint8_t t = 0; t < 16; t += 3)
		if (!both("C_GetAttributeValue",
			    (struct step){.object = last, .template = (uint8_t)(t * 4 + next() % 16), .out = 4}))
			return false;
	switch (next() % 4) {
	case 0:
		/* One attribute: of several, SoftHSM keeps those that stand before the one it refuses. */
		return both("C_SetAttributeValue", (struct step){.object = last, .template = 3 * (next() % 20)});
	case 1:
		return both("C_CopyObject", (struct step){.object = last, .template = 0}) && asked();
	case 2:
		return both("C_DestroyObject", (struct step){.object = last}) && asked();
	default:
		return both("C_GetAttributeValue", (struct step){.object = last, .template = 5, .out = 4});
	}
}

static bool searches(void)
{
	const struct step s = {.template = next(), .variant = next()};

	return both("C_FindObjectsInit", s) && both("C_FindObjects", s) && both("C_FindObjects", s) &&
	       both("C_FindObjectsFinal", s);
}

static bool keys(void)
{
	const struct step s = {.mechanism = next(),
		.object = next(),
		.other = next(),
		.parameter = 0,
		.template = (uint8_t)(1 + 8 * (next() & 1)),
		.variant = next()};
	const struct step ask = {.object = (uint8_t)(ours.p.object_count), .template = 5, .out = 4};
	struct step data = s;

	data.length = LAST;
	data.out = next();
	switch (next() % 3) {
	case 0:
		return both("C_DeriveKey", s) && both("C_GetAttributeValue", ask);
	case 1:
		return both("C_WrapKey", data) && both("C_UnwrapKey", data) && both("C_GetAttributeValue", ask);
	default:
		/* The two are not the same key: nothing more can be compared. */
		both("C_GenerateKey", s);
		return false;
	}
}

/* Sessions, who is logged in, and what one operation says to another; without keys, which end with the log-in. */
static bool sessions(void)
{
	static const char *const calls[] = {"C_OpenSession", "C_OpenSession", "C_CloseSession", "C_Login", "C_Login",
		"C_Logout", "C_GetSessionInfo", "C_GetSessionInfo", "C_DigestInit", "C_Digest", "C_DigestUpdate",
		"C_DigestFinal", "C_FindObjectsInit", "C_FindObjectsFinal", "C_SignUpdate", "C_Verify",
		"C_EncryptFinal", "C_CloseAllSessions"};
	bool good = true;

	for (unsigned i = 0; i < 14 && good; i++) {
		const struct step s = {
			.session = next(), .variant = next(), .length = next() % 30, .mechanism = next()};
		good = both(calls[next() % (sizeof calls / sizeof *calls)], s);
	}
	return good;
}

/* ---- both modules ------------------------------------------------------------------------------------------------ */

/* A function that 2.40 does not have is not called. */
static void take_list(struct side *s, const CK_FUNCTION_LIST *list)
{
	memset(&s->f, 0, sizeof s->f);
	memcpy(&s->f, list, sizeof *list);
}

static void log_in(struct side *s, CK_SESSION_HANDLE h, CK_USER_TYPE type)
{
	const char *pin = s->p.pins[type == CKU_SO];

	must(s->f.C_Login(h, type, (CK_UTF8CHAR *)pin, strlen(pin)), s, "C_Login");
}

static CK_SESSION_HANDLE open_session(struct side *s)
{
	CK_SESSION_HANDLE h;

	must(s->f.C_OpenSession(s->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &h), s, "C_OpenSession");
	return h;
}

static void initialise(struct side *s)
{
	static CK_UTF8CHAR label[] = "Oracle                          ";
	CK_SLOT_ID slots[8];
	CK_ULONG n = 8;
	CK_TOKEN_INFO info;

	program_start(&s->p, &s->f, s);
	must(s->f.C_Initialize(NULL), s, "C_Initialize");
	must(s->f.C_GetSlotList(CK_TRUE, slots, &n), s, "C_GetSlotList");
	must(s->f.C_InitToken(slots[0], (CK_UTF8CHAR *)s->p.pins[1], strlen(s->p.pins[1]), label), s, "C_InitToken");
	/* SoftHSM gives the new token another slot, at the next look. */
	n = 8;
	must(s->f.C_GetSlotList(CK_TRUE, NULL, &n), s, "C_GetSlotList");
	must(s->f.C_GetSlotList(CK_TRUE, slots, &n), s, "C_GetSlotList");
	for (CK_ULONG i = 0; i < n; i++)
		if (s->f.C_GetTokenInfo(slots[i], &info) == CKR_OK && (info.flags & CKF_TOKEN_INITIALIZED))
			s->slot = slots[i];
	CK_SESSION_HANDLE h = open_session(s);
	log_in(s, h, CKU_SO);
	must(s->f.C_InitPIN(h, (CK_UTF8CHAR *)s->p.pins[0], strlen(s->p.pins[0])), s, "C_InitPIN");
	must(s->f.C_CloseAllSessions(s->slot), s, "C_CloseAllSessions");
}

static void our_key(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE type, CK_BYTE id)
{
	static CK_BYTE p256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	const bool ec = type == CKM_EC_KEY_PAIR_GEN;
	CK_BBOOL yes = CK_TRUE;
	CK_ULONG bits = 2048;
	CK_MECHANISM m = {type, NULL, 0};
	CK_ATTRIBUTE public = {
		ec ? CKA_EC_PARAMS : CKA_MODULUS_BITS, ec ? (CK_VOID_PTR)p256 : &bits, ec ? sizeof p256 : sizeof bits};
	CK_ATTRIBUTE private[] = {
		{CKA_TOKEN,                     &yes, 1},
		{CKA_ID,                        &id,  1},
		{CKA_SIGN,                      &yes, 1},
		{ec ? CKA_DERIVE : CKA_DECRYPT, &yes, 1},
	};
	CK_OBJECT_HANDLE a, b;

	must(ours.f.C_GenerateKeyPair(s, &m, &public, 1, private, sizeof private / sizeof *private, &a, &b), &ours,
		"C_GenerateKeyPair");
}

/* Room for the parts of a key. */
struct parts {
	uint8_t bytes[10][520];
	CK_ATTRIBUTE list[24];
	CK_ULONG count;
	size_t used;
};

static void part(struct parts *p, EVP_PKEY *key, CK_ATTRIBUTE_TYPE type, const char *name)
{
	BIGNUM *n = NULL;
	uint8_t *to = p->bytes[p->used++];

	if (EVP_PKEY_get_bn_param(key, name, &n) != 1)
		exit(2);
	p->list[p->count++] = (CK_ATTRIBUTE){type, to, (CK_ULONG)BN_bn2bin(n, to)};
	BN_clear_free(n);
}

static void give(
	struct side *s, CK_SESSION_HANDLE h, struct parts *p, CK_OBJECT_CLASS class, CK_KEY_TYPE type, CK_BYTE id)
{
	static CK_BYTE p256[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	const bool ec = type == CKK_EC, prv = class == CKO_PRIVATE_KEY;
	CK_OBJECT_HANDLE o;
	const CK_ATTRIBUTE more[] = {
		{CKA_CLASS,				   &class,           sizeof class},
		{CKA_KEY_TYPE,				&type,            sizeof type },
		{CKA_TOKEN,				   &yes,             1           },
		{CKA_ID,				      &id,              1           },
		{CKA_PRIVATE,				 prv ? &yes : &no, 1           },
		{prv ? CKA_SIGN : CKA_VERIFY,                 &yes,             1           },
		{ec           ? CKA_DERIVE
			: prv ? CKA_DECRYPT
			      : CKA_ENCRYPT,
                 ec && !prv ? &no : &yes,                                       1           },
		{CKA_EC_PARAMS,                               p256,             sizeof p256 },
	};
	const CK_ULONG n = sizeof more / sizeof *more - !ec;

	memcpy(p->list + p->count, more, n * sizeof *more);
	p->count += n;
	must(s->f.C_CreateObject(h, p->list, p->count, &o), s, "C_CreateObject");
}

/* The keys that our chip made, given to the other module. */
static void their_keys(CK_SESSION_HANDLE h)
{
	EVP_PKEY *const rsa = ramhal_key(RSA_2048, 0), *const ec = ramhal_key(P_256, 1);
	struct parts p;

	memset(&p, 0, sizeof p);
	part(&p, rsa, CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N);
	part(&p, rsa, CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E);
	give(&theirs, h, &p, CKO_PUBLIC_KEY, CKK_RSA, 1);
	memset(&p, 0, sizeof p);
	part(&p, rsa, CKA_MODULUS, OSSL_PKEY_PARAM_RSA_N);
	part(&p, rsa, CKA_PUBLIC_EXPONENT, OSSL_PKEY_PARAM_RSA_E);
	part(&p, rsa, CKA_PRIVATE_EXPONENT, OSSL_PKEY_PARAM_RSA_D);
	part(&p, rsa, CKA_PRIME_1, OSSL_PKEY_PARAM_RSA_FACTOR1);
	part(&p, rsa, CKA_PRIME_2, OSSL_PKEY_PARAM_RSA_FACTOR2);
	part(&p, rsa, CKA_EXPONENT_1, OSSL_PKEY_PARAM_RSA_EXPONENT1);
	part(&p, rsa, CKA_EXPONENT_2, OSSL_PKEY_PARAM_RSA_EXPONENT2);
	part(&p, rsa, CKA_COEFFICIENT, OSSL_PKEY_PARAM_RSA_COEFFICIENT1);
	give(&theirs, h, &p, CKO_PRIVATE_KEY, CKK_RSA, 1);
	memset(&p, 0, sizeof p);
	p.list[p.count++] = (CK_ATTRIBUTE){CKA_EC_POINT, (CK_VOID_PTR)ours.p.point.data, ours.p.point.len};
	give(&theirs, h, &p, CKO_PUBLIC_KEY, CKK_EC, 2);
	memset(&p, 0, sizeof p);
	part(&p, ec, CKA_VALUE, OSSL_PKEY_PARAM_PRIV_KEY);
	give(&theirs, h, &p, CKO_PRIVATE_KEY, CKK_EC, 2);
}

static CK_OBJECT_HANDLE key_of(struct side *s, CK_SESSION_HANDLE h, CK_OBJECT_CLASS class, CK_BYTE id)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &class, sizeof class},
		{CKA_ID,    &id,    1           },
	};
	CK_OBJECT_HANDLE found = 0;
	CK_ULONG n = 0;

	must(s->f.C_FindObjectsInit(h, list, 2), s, "C_FindObjectsInit");
	must(s->f.C_FindObjects(h, &found, 1, &n), s, "C_FindObjects");
	must(s->f.C_FindObjectsFinal(h), s, "C_FindObjectsFinal");
	if (n != 1)
		must(CKR_KEY_HANDLE_INVALID, s, "no key");
	return found;
}

static void learn_public(void)
{
	static uint8_t modulus[512], point[200];
	CK_ATTRIBUTE a = {CKA_MODULUS, modulus, sizeof modulus};
	CK_SESSION_HANDLE h = open_session(&ours);

	must(ours.f.C_GetAttributeValue(h, key_of(&ours, h, CKO_PUBLIC_KEY, 1), &a, 1), &ours, "CKA_MODULUS");
	ours.p.modulus = BYTES(modulus, a.ulValueLen);
	a = (CK_ATTRIBUTE){CKA_EC_POINT, point, sizeof point};
	must(ours.f.C_GetAttributeValue(h, key_of(&ours, h, CKO_PUBLIC_KEY, 2), &a, 1), &ours, "CKA_EC_POINT");
	ours.p.point = BYTES(point, a.ulValueLen);
	theirs.p.modulus = ours.p.modulus;
	theirs.p.point = ours.p.point;
	ours.f.C_CloseSession(h);
}

/* What both can; flags: for what both can use it. */
static void common_mechanisms(void)
{
	CK_MECHANISM_TYPE list[160];
	CK_MECHANISM_INFO a, b;
	CK_ULONG n = 160;
	struct program *const p = &ours.p;

	must(ours.f.C_GetMechanismList(ours.slot, list, &n), &ours, "C_GetMechanismList");
	for (CK_ULONG i = 0; i < n; i++) {
		if (ours.f.C_GetMechanismInfo(ours.slot, list[i], &a) != CKR_OK ||
			theirs.f.C_GetMechanismInfo(theirs.slot, list[i], &b) != CKR_OK ||
			(a.flags & CKF_GENERATE_KEY_PAIR))
			continue;
		p->mechanisms[p->mechanism_count].type = list[i];
		p->mechanisms[p->mechanism_count++].flags = a.flags & b.flags;
	}
	memcpy(theirs.p.mechanisms, p->mechanisms, sizeof p->mechanisms);
	theirs.p.mechanism_count = p->mechanism_count;
}

static void prepare(const char *module)
{
	CK_FUNCTION_LIST_PTR list;
	void *library = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	CK_C_GetFunctionList get = NULL;
	void *symbol = library ? dlsym(library, "C_GetFunctionList") : NULL;
	struct loop *loop;

	if (!symbol) {
		fprintf(stderr, "%s: %s\n", module, dlerror());
		exit(2);
	}
	memcpy(&get, &symbol, sizeof get);
	trusted_configure("cache = no\n");
	loop = loop_new(1);
	loop_plug(loop, 0, ramtoken_new(NULL));
	must(get(&list), &theirs, "C_GetFunctionList");
	take_list(&theirs, list);
	must(C_GetFunctionList(&list), &ours, "C_GetFunctionList");
	take_list(&ours, list);
	initialise(&ours);
	initialise(&theirs);
	CK_SESSION_HANDLE h = open_session(&ours);
	log_in(&ours, h, CKU_USER);
	our_key(h, CKM_RSA_PKCS_KEY_PAIR_GEN, 1);
	our_key(h, CKM_EC_KEY_PAIR_GEN, 2);
	must(ours.f.C_CloseSession(h), &ours, "C_CloseSession");
	learn_public();
	h = open_session(&theirs);
	log_in(&theirs, h, CKU_USER);
	their_keys(h);
	must(theirs.f.C_CloseSession(h), &theirs, "C_CloseSession");
	common_mechanisms();
}

/* ---- one program ------------------------------------------------------------------------------------------------- */

static void begin(struct side *s, bool logged_in)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_PRIVATE_KEY};
	const CK_SESSION_HANDLE h = open_session(s);

	program_forget(&s->p);
	s->p.tame = true;
	s->p.notice = notice;
	s->p.slots[0] = s->slot;
	s->p.slot_count = 1;
	s->p.state[0] = (struct met_slot){.roles = ROLE_NOBODY, .user_pin = s->p.pins[0], .so_pin = s->p.pins[1]};
	s->p.last_len = 0;
	s->p.sessions[0] =
		(struct met_session){.handle = h, .slot = s->slot, .flags = CKF_RW_SESSION | CKF_SERIAL_SESSION};
	s->p.session_count = 1;
	if (!logged_in)
		return;
	log_in(s, h, CKU_USER);
	const struct call c = {.function = "begin", .session = h};
	for (CK_BYTE id = 1; id <= 2; id++)
		for (size_t i = 0; i < 2; i++)
			object_met(&s->p, &c, key_of(s, h, classes[i], id), false);
}

static void end(struct side *s)
{
	if (s->p.session_count)
		s->f.C_Logout(s->p.sessions[0].handle);
	must(s->f.C_CloseAllSessions(s->slot), s, "C_CloseAllSessions");
}

static void run_one(void)
{
	static bool (*const kinds[])(void) = {
		signatures, signatures, ciphers, ciphers, digests, objects, objects, searches, keys, keys, asked};
	const bool with_keys = next() % 6 != 0;

	step_count = 0;
	begin(&ours, with_keys);
	begin(&theirs, with_keys);
	if (!with_keys)
		sessions();
	else
		while (step_count < STEPS - 12 && kinds[next() % (sizeof kinds / sizeof *kinds)]())
			;
	end(&ours);
	end(&theirs);
}

int main(int argc, char **argv)
{
	if (argc < 4) {
		fprintf(stderr, "usage: softhsm_oracle MODULE TABLE PROGRAMS [SEED]\n");
		return 2;
	}
	read_table(argv[2]);
	chance = argc > 4 ? strtoul(argv[4], NULL, 0) : 1;
	prepare(argv[1]);
	const unsigned long programs = strtoul(argv[3], NULL, 0);
	for (unsigned long i = 0; i < programs; i++)
		run_one();
	printf("%lu programs, %zu mechanisms, %lu calls compared, %lu answers; %lu differences explained, %lu not\n",
		programs, ours.p.mechanism_count, compared, outputs, explained, unexplained);
	for (size_t i = 0; i < row_count; i++)
		printf("%6lu  %s %s %s %s\n", rows[i].used, rows[i].function, rows[i].what, rows[i].ours,
			rows[i].theirs);
	fflush(stdout);
	/* SoftHSM's exit handlers meet an OpenSSL that has gone before them. */
	_exit(unexplained != 0);
}
