/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 road with every allocation failing, one after another: our own calls of malloc, calloc, realloc, strdup
 * posix_memalign and mmap (through the linker's --wrap) and OpenSSL's (through its allocation hooks).
 *
 * The road goes from C_Initialize to C_Finalize over log-in, a key pair, a certificate, data, searches, signatures, a
 * decryption, a derivation, secret keys at work, and changes of PIN. At each failure: no crash; the call says
 * CKR_HOST_MEMORY (or did not need the memory); what the call should have changed is as it was, or done; and afterwards
 * the road can be walked to its end. Leaks are for ASan and valgrind to see.
 *
 * Each failure starts from the same token, so that the roads are the same. MALLOC_STEP=n lets every n-th allocation
 * fail only (under valgrind), MALLOC_FROM=n begins at the n-th.
 */
#include "config.h"

#include "tests/wire/p11_bench.h"

#include <openssl/crypto.h>
#include <sys/mman.h>

/* ---- allocations ---- */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
int __real_posix_memalign(void **p, size_t align, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);
int __wrap_posix_memalign(void **p, size_t align, size_t n);
void *__real_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset);
struct bytes __real_ramtoken_transceive(struct ramtoken *t, struct bytes command);
struct bytes __wrap_ramtoken_transceive(struct ramtoken *t, struct bytes command);
void __real_ramtoken_power_cycle(struct ramtoken *t);
void __wrap_ramtoken_power_cycle(struct ramtoken *t);

static _Thread_local bool counting; /* inside a call of the module */
static unsigned long allocations, fail_at, failed;

static bool fails(void)
{
	if (!counting || ++allocations != fail_at)
		return false;
	failed++;
	return true;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *text)
{
	return fails() ? NULL : __real_strdup(text);
}

int __wrap_posix_memalign(void **p, size_t align, size_t n)
{
	return fails() ? 12 : __real_posix_memalign(p, align, n);
}

static void *crypto_malloc(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : __real_malloc(n);
}

static void *crypto_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return fails() ? NULL : __real_realloc(p, n);
}

static void crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

/* Secure memory comes in pages. */
void *__wrap_mmap(void *at, size_t n, int protection, int flags, int fd, off_t offset)
{
	return fails() ? MAP_FAILED : __real_mmap(at, n, protection, flags, fd, offset);
}

/* What the chip allocates inside its emulation is not the module's. */
struct bytes __wrap_ramtoken_transceive(struct ramtoken *t, struct bytes command)
{
	bool was = counting;
	struct bytes answer;

	counting = false;
	answer = __real_ramtoken_transceive(t, command);
	counting = was;
	return answer;
}

void __wrap_ramtoken_power_cycle(struct ramtoken *t)
{
	bool was = counting;

	counting = false;
	__real_ramtoken_power_cycle(t);
	counting = was;
}

/* ---- the road ---- */

struct road {
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE pub, prv, ec_pub, ec_prv, cert, data, secret, aes, copy, unwrapped;
	CK_BYTE box[256], out[512], digest[32];
	CK_ULONG len;
};

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static uint8_t *der;
static size_t der_len;

static CK_RV step_slots(struct road *r)
{
	CK_SLOT_ID list[4];
	CK_ULONG n = 0;
	CK_RV rv = f->C_GetSlotList(CK_TRUE, NULL, &n);

	(void)r;
	n = 4;
	return rv == CKR_OK ? f->C_GetSlotList(CK_TRUE, list, &n) : rv;
}

static CK_RV step_token(struct road *r)
{
	CK_TOKEN_INFO info;

	(void)r;
	return f->C_GetTokenInfo(0, &info);
}

static CK_RV step_open(struct road *r)
{
	return f->C_OpenSession(0, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &r->s);
}

static CK_RV step_login(struct road *r)
{
	return f->C_Login(r->s, CKU_USER, PIN(USER_PIN));
}

static CK_RV search(struct road *r, CK_OBJECT_CLASS class, CK_BYTE id, CK_OBJECT_HANDLE *found)
{
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS, &class, sizeof(class)},
		{CKA_ID,    &id,    1            },
	};
	CK_ULONG n = 0;
	CK_RV rv = f->C_FindObjectsInit(r->s, list, 2);

	if (rv != CKR_OK)
		return rv;
	rv = f->C_FindObjects(r->s, found, 1, &n);
	f->C_FindObjectsFinal(r->s);
	if (rv == CKR_OK && n != 1)
		*found = CK_INVALID_HANDLE;
	return rv;
}

static CK_RV step_find(struct road *r)
{
	CK_RV rv = search(r, CKO_PRIVATE_KEY, 1, &r->prv);

	if (rv == CKR_OK)
		rv = search(r, CKO_PUBLIC_KEY, 1, &r->pub);
	if (rv == CKR_OK)
		rv = search(r, CKO_PRIVATE_KEY, 2, &r->ec_prv);
	if (rv == CKR_OK)
		rv = search(r, CKO_PUBLIC_KEY, 2, &r->ec_pub);
	return rv;
}

static CK_RV step_generate(struct road *r)
{
	static CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7};
	CK_ATTRIBUTE pub =
			     {
				     CKA_EC_PARAMS, oid, sizeof(oid)
        },
		     prv[] = {{CKA_TOKEN, &yes, 1}, {CKA_ID, "\x09", 1}};
	CK_MECHANISM m = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
	CK_OBJECT_HANDLE a, b;

	return f->C_GenerateKeyPair(r->s, &m, &pub, 1, prv, 2, &a, &b);
}

static CK_RV step_import(struct road *r)
{
	static CK_BYTE oid[] = {6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7}, d[32] = {[31] = 2};
	CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
	CK_KEY_TYPE ec = CKK_EC;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,     &class, sizeof(class)},
		{CKA_KEY_TYPE,  &ec,    sizeof(ec)   },
		{CKA_TOKEN,     &yes,   1            },
		{CKA_ID,        "\x09", 1            },
		{CKA_DERIVE,    &yes,   1            },
		{CKA_EC_PARAMS, oid,    sizeof(oid)  },
		{CKA_VALUE,     d,      sizeof(d)    },
	};
	CK_OBJECT_HANDLE o;

	return f->C_CreateObject(r->s, list, COUNT(list), &o);
}

static CK_RV step_certificate(struct road *r)
{
	CK_OBJECT_CLASS class = CKO_CERTIFICATE;
	CK_CERTIFICATE_TYPE type = CKC_X_509;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,            &class, sizeof(class)},
		{CKA_CERTIFICATE_TYPE, &type,  sizeof(type) },
		{CKA_TOKEN,            &yes,   1            },
		{CKA_ID,               "\x02", 1            },
		{CKA_VALUE,            der,    der_len      },
	};

	return f->C_CreateObject(r->s, list, COUNT(list), &r->cert);
}

static CK_RV step_read_certificate(struct road *r)
{
	CK_BYTE value[1024], subject[256];
	CK_ATTRIBUTE list[] = {
		{CKA_SUBJECT, subject, sizeof(subject)},
		{CKA_VALUE,   value,   sizeof(value)  },
	};
	CK_RV rv = search(r, CKO_CERTIFICATE, 2, &r->cert);

	return rv == CKR_OK ? f->C_GetAttributeValue(r->s, r->cert, list, 2) : rv;
}

static CK_RV step_data(struct road *r)
{
	CK_OBJECT_CLASS class = CKO_DATA;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,   &class, sizeof(class)},
		{CKA_TOKEN,   &yes,   1            },
		{CKA_PRIVATE, &yes,   1            },
		{CKA_LABEL,   "note", 4            },
		{CKA_VALUE,   "text", 4            },
	};

	return f->C_CreateObject(r->s, list, COUNT(list), &r->data);
}

static CK_RV step_find_data(struct road *r)
{
	CK_ATTRIBUTE list = {CKA_LABEL, "note", 4};
	CK_ULONG n;
	CK_RV rv = f->C_FindObjectsInit(r->s, &list, 1);

	if (rv == CKR_OK) {
		rv = f->C_FindObjects(r->s, &r->data, 1, &n);
		f->C_FindObjectsFinal(r->s);
	}
	return rv;
}

static CK_RV step_change_data(struct road *r)
{
	return f->C_SetAttributeValue(r->s, r->data, &(CK_ATTRIBUTE){CKA_VALUE, "other", 5}, 1);
}

static CK_RV step_destroy_data(struct road *r)
{
	return f->C_DestroyObject(r->s, r->data);
}

static CK_RV sign(struct road *r, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE prv, CK_OBJECT_HANDLE pub)
{
	CK_MECHANISM m = {type, NULL, 0};
	CK_RV rv = f->C_SignInit(r->s, &m, prv);

	r->len = sizeof(r->out);
	if (rv == CKR_OK)
		rv = f->C_SignUpdate(r->s, (CK_BYTE_PTR) "some data", 9);
	if (rv == CKR_OK)
		rv = f->C_SignFinal(r->s, r->out, &r->len);
	if (rv == CKR_OK)
		rv = f->C_VerifyInit(r->s, &m, pub);
	if (rv == CKR_OK)
		rv = f->C_Verify(r->s, (CK_BYTE_PTR) "some data", 9, r->out, r->len);
	f->C_SessionCancel(r->s, CKF_SIGN | CKF_VERIFY);
	return rv;
}

static CK_RV step_sign_rsa(struct road *r)
{
	return sign(r, CKM_SHA256_RSA_PKCS, r->prv, r->pub);
}

static CK_RV step_sign_ec(struct road *r)
{
	return sign(r, CKM_ECDSA_SHA384, r->ec_prv, r->ec_pub);
}

static CK_RV step_decrypt(struct road *r)
{
	CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, "l", 1};
	CK_MECHANISM m = {CKM_RSA_PKCS_OAEP, &oaep, sizeof(oaep)};
	CK_ULONG n = sizeof(r->box);
	CK_RV rv = f->C_EncryptInit(r->s, &m, r->pub);

	r->len = sizeof(r->out);
	if (rv == CKR_OK)
		rv = f->C_Encrypt(r->s, (CK_BYTE_PTR) "secret", 6, r->box, &n);
	if (rv == CKR_OK)
		rv = f->C_DecryptInit(r->s, &m, r->prv);
	if (rv == CKR_OK)
		rv = f->C_Decrypt(r->s, r->box, n, r->out, &r->len);
	f->C_SessionCancel(r->s, CKF_ENCRYPT | CKF_DECRYPT);
	if (rv == CKR_OK)
		assert_memory_equal(r->out, "secret", 6);
	return rv;
}

static CK_RV step_derive(struct road *r)
{
	CK_BYTE point[80], value[32];
	CK_ATTRIBUTE get = {CKA_EC_POINT, point, sizeof(point)};
	CK_ATTRIBUTE list[] = {
		{CKA_SENSITIVE,   &no,  1},
		{CKA_EXTRACTABLE, &yes, 1},
	};
	CK_ECDH1_DERIVE_PARAMS p = {CKD_SHA256_KDF, 0, NULL, 0, point};
	CK_MECHANISM m = {CKM_ECDH1_DERIVE, &p, sizeof(p)};
	CK_RV rv = f->C_GetAttributeValue(r->s, r->ec_pub, &get, 1);

	p.ulPublicDataLen = get.ulValueLen;
	if (rv == CKR_OK)
		rv = f->C_DeriveKey(r->s, &m, r->ec_prv, list, 2, &r->secret);
	if (rv == CKR_OK)
		rv = f->C_GetAttributeValue(r->s, r->secret, &(CK_ATTRIBUTE){CKA_VALUE, value, sizeof(value)}, 1);
	return rv;
}

/* ---- secret keys, on the host ---- */

static CK_RV step_generate_secret(struct road *r)
{
	CK_ULONG len = 32;
	CK_ATTRIBUTE list[] = {
		{CKA_VALUE_LEN,   &len, sizeof(len)},
		{CKA_EXTRACTABLE, &yes, 1          },
	};
	CK_MECHANISM m = {CKM_AES_KEY_GEN, NULL, 0};
	CK_RV rv = f->C_GenerateKey(r->s, &m, list, 2, &r->aes);

	return rv == CKR_OK ? f->C_CopyObject(r->s, r->aes, NULL, 0, &r->copy) : rv;
}

/* In both directions, in parts, with a digest beside. */
static CK_RV step_seal(struct road *r)
{
	CK_BYTE iv[12] = {0}, text[40] = "not for everybody", back[64];
	CK_GCM_PARAMS p = {iv, sizeof(iv), 96, text, 5, 128};
	CK_MECHANISM m = {CKM_AES_GCM, &p, sizeof(p)}, sha = {CKM_SHA256, NULL, 0};
	CK_ULONG n = sizeof(r->box), rest = 16, len = sizeof(r->digest);
	CK_RV rv = f->C_SessionCancel(r->s, ~0UL);

	if (rv == CKR_OK)
		rv = f->C_EncryptInit(r->s, &m, r->aes);
	if (rv == CKR_OK)
		rv = f->C_DigestInit(r->s, &sha);
	if (rv == CKR_OK)
		rv = f->C_DigestEncryptUpdate(r->s, text, sizeof(text), r->box, &n);
	if (rv == CKR_OK)
		rv = f->C_EncryptFinal(r->s, r->box + 40, &rest);
	if (rv == CKR_OK)
		rv = f->C_DigestFinal(r->s, r->digest, &len);
	if (rv == CKR_OK)
		rv = f->C_DecryptInit(r->s, &m, r->copy);
	n = sizeof(back);
	if (rv == CKR_OK)
		rv = f->C_DecryptUpdate(r->s, r->box, 30, back, &n);
	n = sizeof(back);
	if (rv == CKR_OK)
		rv = f->C_DecryptUpdate(r->s, r->box + 30, 26, back, &n);
	n = sizeof(back);
	if (rv == CKR_OK)
		rv = f->C_DecryptFinal(r->s, back, &n);
	if (rv == CKR_OK)
		assert_memory_equal(back, text, sizeof(text));
	return rv;
}

static CK_RV step_mac(struct road *r)
{
	CK_MECHANISM m = {CKM_AES_CMAC, NULL, 0};
	CK_RV rv = f->C_SessionCancel(r->s, ~0UL);

	r->len = sizeof(r->out);
	if (rv == CKR_OK)
		rv = f->C_SignInit(r->s, &m, r->aes);
	if (rv == CKR_OK)
		rv = f->C_Sign(r->s, r->digest, sizeof(r->digest), r->out, &r->len);
	if (rv == CKR_OK)
		rv = f->C_VerifyInit(r->s, &m, r->copy);
	if (rv == CKR_OK)
		rv = f->C_Verify(r->s, r->digest, sizeof(r->digest), r->out, r->len);
	return rv;
}

static CK_RV step_wrap(struct road *r)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = CKK_AES;
	CK_ATTRIBUTE list[] = {
		{CKA_CLASS,    &class, sizeof(class)},
		{CKA_KEY_TYPE, &type,  sizeof(type) },
	};
	CK_MECHANISM m = {CKM_AES_KEY_WRAP_KWP, NULL, 0};
	CK_ULONG n = sizeof(r->out);
	CK_RV rv = f->C_WrapKey(r->s, &m, r->aes, r->copy, r->out, &n);

	return rv == CKR_OK ? f->C_UnwrapKey(r->s, &m, r->aes, r->out, n, list, 2, &r->unwrapped) : rv;
}

static CK_RV step_messages(struct road *r)
{
	CK_BYTE iv[12] = {0}, tag[16], text[] = "one of many";
	CK_GCM_MESSAGE_PARAMS p = {iv, sizeof(iv), 32, CKG_GENERATE_COUNTER, tag, 128};
	CK_MECHANISM m = {CKM_AES_GCM, NULL, 0};
	CK_RV rv = f->C_SessionCancel(r->s, ~0UL);

	if (rv == CKR_OK)
		rv = f->C_MessageEncryptInit(r->s, &m, r->aes);
	for (int i = 0; i < 2 && rv == CKR_OK; i++) {
		r->len = sizeof(r->out);
		rv = f->C_EncryptMessage(r->s, &p, sizeof(p), text, 3, text, sizeof(text), r->out, &r->len);
	}
	return rv == CKR_OK ? f->C_MessageEncryptFinal(r->s) : rv;
}

static CK_RV step_attributes(struct road *r)
{
	CK_BYTE info[600], allowed[600], id[100];
	CK_ATTRIBUTE list[] = {
		{CKA_PUBLIC_KEY_INFO,    info,    sizeof(info)   },
		{CKA_ALLOWED_MECHANISMS, allowed, sizeof(allowed)},
		{CKA_UNIQUE_ID,          id,      sizeof(id)     },
	};

	return f->C_GetAttributeValue(r->s, r->prv, list, COUNT(list));
}

static CK_RV step_random(struct road *r)
{
	return f->C_GenerateRandom(r->s, r->out, 32);
}

static CK_RV step_set_pin(struct road *r)
{
	return f->C_SetPIN(r->s, PIN(USER_PIN), PIN("654321"));
}

/* The next road finds the same PIN. */
static CK_RV step_set_pin_back(struct road *r)
{
	return f->C_SetPIN(r->s, PIN("654321"), PIN(USER_PIN));
}

static CK_RV step_wait(struct road *r)
{
	CK_SLOT_ID id;
	CK_RV rv = f->C_WaitForSlotEvent(CKF_DONT_BLOCK, &id, NULL);

	(void)r;
	return rv == CKR_NO_EVENT ? CKR_OK : rv;
}

static CK_RV step_logout(struct road *r)
{
	return f->C_Logout(r->s);
}

static CK_RV step_close(struct road *r)
{
	return f->C_CloseSession(r->s);
}

static CK_RV step_initialize(struct road *r)
{
	(void)r;
	return f->C_Initialize(NULL);
}

static CK_RV step_finalize(struct road *r)
{
	(void)r;
	return f->C_Finalize(NULL);
}

/* clang-format off */
static const struct step {
	const char *name;
	CK_RV (*walk)(struct road *r);
	/* What a step that changed the token before it failed may say when it is taken again: that it is done. */
	CK_RV again;
	/* What it may say instead of CKR_HOST_MEMORY. */
	CK_RV may;
} steps[] = {
	{"C_Initialize",     step_initialize,       CKR_OK, CKR_OK},
	{"slots",            step_slots,            CKR_OK, CKR_OK},
	{"token",            step_token,            CKR_OK, CKR_OK},
	{"wait",             step_wait,             CKR_OK, CKR_OK},
	{"open",             step_open,             CKR_OK, CKR_OK},
	{"login",            step_login,            CKR_USER_ALREADY_LOGGED_IN, CKR_OK},
	{"find",             step_find,             CKR_OK, CKR_OK},
	{"attributes",       step_attributes,       CKR_OK, CKR_OK},
	{"generate",         step_generate,         CKR_OK, CKR_OK},
	/* Its point is OpenSSL's to compute, and there is one or there is none. */
	{"import",           step_import,           CKR_OK, CKR_ATTRIBUTE_VALUE_INVALID},
	{"certificate",      step_certificate,      CKR_OK, CKR_OK},
	{"read certificate", step_read_certificate, CKR_OK, CKR_OK},
	{"data",             step_data,             CKR_OK, CKR_OK},
	{"find data",        step_find_data,        CKR_OK, CKR_OK},
	{"change data",      step_change_data,      CKR_OK, CKR_OK},
	{"destroy data",     step_destroy_data,     CKR_OBJECT_HANDLE_INVALID, CKR_OK},
	{"sign with RSA",    step_sign_rsa,         CKR_OK, CKR_OK},
	{"sign with EC",     step_sign_ec,          CKR_OK, CKR_OK},
	/* Unpadding tells that it failed and no more (RFC 8017 7.1.2), whatever the reason. */
	{"decrypt",          step_decrypt,          CKR_OK, CKR_ENCRYPTED_DATA_INVALID},
	/* libukey's look at the peer's point knows yes and no. */
	{"derive",           step_derive,           CKR_OK, CKR_MECHANISM_PARAM_INVALID},
	{"generate secret",  step_generate_secret,  CKR_OK, CKR_OK},
	{"seal",             step_seal,             CKR_OK, CKR_OK},
	{"mac",              step_mac,              CKR_OK, CKR_OK},
	{"wrap",             step_wrap,             CKR_OK, CKR_OK},
	{"messages",         step_messages,         CKR_OK, CKR_OK},
	{"random",           step_random,           CKR_OK, CKR_OK},
	{"set PIN",          step_set_pin,          CKR_OK, CKR_OK},
	{"set PIN back",     step_set_pin_back,     CKR_OK, CKR_OK},
	{"logout",           step_logout,           CKR_USER_NOT_LOGGED_IN, CKR_OK},
	{"close",            step_close,            CKR_OK, CKR_OK},
	{"C_Finalize",       step_finalize,         CKR_OK, CKR_OK},
};
/* clang-format on */

/* Each step until it works; a step that failed says why, and its second try goes through. */
static unsigned long walk(unsigned long n)
{
	struct road r = {0};
	unsigned retried = 0;

	allocations = failed = 0;
	fail_at = n;
	for (size_t i = 0; i < COUNT(steps); i++) {
		unsigned long had_failed = failed;
		CK_RV rv;

		counting = true;
		rv = steps[i].walk(&r);
		counting = false;
		if (rv == CKR_OK)
			continue;
		if (failed == had_failed || (rv != CKR_HOST_MEMORY && (!steps[i].may || rv != steps[i].may))) {
			fprintf(stderr, "allocation %lu: %s: CKR 0x%lx\n", n, steps[i].name, rv);
			is(rv, CKR_HOST_MEMORY);
		}
		retried++;
		rv = steps[i].walk(&r);
		if (rv != steps[i].again && rv != CKR_OK)
			fprintf(stderr, "allocation %lu: %s again: CKR 0x%lx\n", n, steps[i].name, rv);
		assert_true(rv == CKR_OK || rv == steps[i].again);
	}
	assert_true(retried <= 1);
	fail_at = 0;
	return allocations;
}

/* What a road left on the token goes, so that the next one finds what the first one found. */
static void tidy(void)
{
	static CK_OBJECT_CLASS classes[] = {CKO_CERTIFICATE, CKO_DATA};
	CK_OBJECT_HANDLE o[16];
	CK_SESSION_HANDLE s;
	CK_ULONG n = 0;

	ok(f->C_Initialize(NULL));
	ok(f->C_GetSlotList(CK_TRUE, NULL, &n));
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	for (o[0] = bench_find(s, CKO_PRIVATE_KEY, 9); o[0]; o[0] = bench_find(s, CKO_PRIVATE_KEY, 9))
		ok(f->C_DestroyObject(s, o[0]));
	for (size_t i = 0; i < COUNT(classes); i++) {
		ok(f->C_FindObjectsInit(s, &(CK_ATTRIBUTE){CKA_CLASS, &classes[i], sizeof(classes[i])}, 1));
		ok(f->C_FindObjects(s, o, 16, &n));
		ok(f->C_FindObjectsFinal(s));
		while (n--)
			ok(f->C_DestroyObject(s, o[n]));
	}
	/* Two keys and the profiles, and nothing half made. */
	assert_int_equal(bench_count(s, NULL, 0), 4 + 4);
	ok(f->C_Finalize(NULL));
}

static int setup(void **state)
{
	CK_SESSION_HANDLE s;
	CK_OBJECT_HANDLE pub, prv;

	bench_setup_operational(state);
	s = bench_session(CKF_RW_SESSION, CKU_USER);
	bench_generate(s, CKM_RSA_PKCS_KEY_PAIR_GEN, 2048, USE_SIGN | USE_DECRYPT, 1, &pub, &prv);
	bench_generate(s, CKM_EC_KEY_PAIR_GEN, 256, USE_SIGN | USE_DERIVE, 2, &pub, &prv);
	der = bench_certificate(s, pub, 1, &der_len);
	ok(f->C_Finalize(NULL));
	return 0;
}

static int teardown(void **state)
{
	free(der);
	return bench_teardown(state);
}

static void test_every_allocation(void **state)
{
	unsigned long total, step = 1;
	const char *every = getenv("MALLOC_STEP"), *from = getenv("MALLOC_FROM");
	unsigned long first = from ? strtoul(from, NULL, 10) : 1;

	(void)state;
	/* Twice, so that what OpenSSL allocates once for ever is there. */
	walk(0);
	tidy();
	total = walk(0);
	tidy();
	if (every)
		step = strtoul(every, NULL, 10);
	print_message("%lu allocations on the road, every %lu. fails\n", total, step);
	assert_true(total > 500);
	for (unsigned long n = first; n <= total; n += step) {
		walk(n);
		tidy();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_every_allocation, setup, teardown),
	};

	if (!CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free))
		return 99;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
