/* SPDX-License-Identifier: Apache-2.0 */
/* Data and templates: what a step chooses. */
#include "config.h"

#include "tests/fuzz/p11_program.h"

#include <stdlib.h>
#include <string.h>

/* ---- data ---- */

struct bytes choose_data(struct program *p, const struct step *s)
{
	static const size_t lengths[] = {32, 20, 16, 0, 1, 15, 31, 48, 64, 28, 35, 51, 100, 128, 245, 246, 255, 256,
		257, 8, 24, 40, 600, 2000, 12, 33, 17, 66, 132, 96};
	const size_t choices = sizeof lengths / sizeof *lengths;
	const bool again = s->length >= 0x80; /* what came out last goes in */
	size_t n = again ? p->last_len : lengths[s->length % choices];
	uint8_t *data = malloc(n ? n : 1);

	if (!data)
		abort();
	for (size_t i = 0; i < n; i++)
		data[i] = again ? p->last[i] : (uint8_t)(s->variant * i + (i ? 3 : 0));
	if (again && n && s->length >= 0xF0)
		data[s->variant % n] ^= 1u << s->variant % 8;
	return BYTES(data, n);
}

void choose_data_free(struct bytes data)
{
	free((void *)data.data);
}

/* ---- attributes ---- */

static const CK_ATTRIBUTE_TYPE attributes[] = {CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_APPLICATION, CKA_VALUE,
	CKA_OBJECT_ID, CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_TRUSTED, CKA_CERTIFICATE_CATEGORY,
	CKA_URL, CKA_CHECK_VALUE, CKA_KEY_TYPE, CKA_SUBJECT, CKA_ID, CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP,
	CKA_UNWRAP, CKA_SIGN, CKA_SIGN_RECOVER, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_DERIVE, CKA_START_DATE,
	CKA_END_DATE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
	CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT, CKA_PUBLIC_KEY_INFO, CKA_VALUE_BITS,
	CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE, CKA_KEY_GEN_MECHANISM,
	CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_EC_PARAMS, CKA_EC_POINT, CKA_ALWAYS_AUTHENTICATE,
	CKA_WRAP_WITH_TRUSTED, CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE, CKA_ALLOWED_MECHANISMS,
	CKA_UNIQUE_ID, CKA_PROFILE_ID, CKA_MECHANISM_TYPE, CKA_HW_FEATURE_TYPE, CKA_VENDOR_DEFINED,
	CKA_NAME_HASH_ALGORITHM, CKA_HASH_OF_SUBJECT_PUBLIC_KEY};
#define ATTRIBUTES (sizeof attributes / sizeof *attributes)

bool attribute_is_secret(CK_ATTRIBUTE_TYPE type)
{
	return type == CKA_VALUE || type == CKA_PRIVATE_EXPONENT || type == CKA_PRIME_1 || type == CKA_PRIME_2 ||
	       type == CKA_EXPONENT_1 || type == CKA_EXPONENT_2 || type == CKA_COEFFICIENT;
}

static void *keep(struct arguments *a, const void *from, size_t n)
{
	void *to = malloc(n ? n : 1);

	if (!to || a->heaps == sizeof a->heap / sizeof *a->heap)
		abort();
	if (n && from)
		memcpy(to, from, n);
	return a->heap[a->heaps++] = to;
}

static void put(struct arguments *a, CK_ATTRIBUTE_TYPE type, const void *value, size_t len)
{
	if (a->count < LIST_MAX)
		a->list[a->count++] = (CK_ATTRIBUTE){type, keep(a, value, len), len};
}

static void put_number(struct arguments *a, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
	put(a, type, &value, sizeof value);
}

static void put_bool(struct arguments *a, CK_ATTRIBUTE_TYPE type, bool value)
{
	const CK_BBOOL v = value;

	put(a, type, &v, 1);
}

static void put_text(struct arguments *a, CK_ATTRIBUTE_TYPE type, const char *text)
{
	put(a, type, text, strlen(text));
}

/* ---- templates ---- */

static void curve(struct arguments *a, unsigned n)
{
	static const uint8_t oids[][10] = {
		{6,  8,    0x2A, 0x86, 0x48, 0xCE,    0x3D,                   3, 1, 7},
		{6, 5,    0x2B,        0x81,            4,               0,               0x22                         },
		{6, 5, 0x2B,     0x81,         4,0,0x23},
	};
	const uint8_t *oid = oids[n % 8 < 6 ? 0 : n % 8 - 5];

	put(a, CKA_EC_PARAMS, oid, 2u + oid[1]);
}

static void data_object(struct program *p, const struct step *s, struct arguments *a)
{
	put_number(a, CKA_CLASS, CKO_DATA);
	put_bool(a, CKA_TOKEN, !p->tame && s->template & 8);
	put_bool(a, CKA_PRIVATE, s->template & 16);
	put_text(a, CKA_LABEL, "data");
	put_text(a, CKA_APPLICATION, "program");
	put(a, CKA_VALUE, "0123456789abcdef0123456789abcdef", s->variant % 33);
}

static void certificate_object(struct program *p, const struct step *s, struct arguments *a)
{
	put_number(a, CKA_CLASS, CKO_CERTIFICATE);
	put_number(a, CKA_CERTIFICATE_TYPE, CKC_X_509);
	put_bool(a, CKA_TOKEN, !p->tame && s->template & 8);
	put(a, CKA_ID, &s->variant, 1);
	put_text(a, CKA_LABEL, "certificate");
	put(a, CKA_VALUE, p->certificate.data, p->certificate.len);
}

static void public_key(struct program *p, const struct step *s, struct arguments *a)
{
	const bool rsa = s->template & 8;

	put_number(a, CKA_CLASS, CKO_PUBLIC_KEY);
	put_number(a, CKA_KEY_TYPE, rsa ? CKK_RSA : CKK_EC);
	put_bool(a, CKA_TOKEN, false);
	put(a, CKA_ID, &s->variant, 1);
	put_bool(a, CKA_VERIFY, true);
	if (rsa) {
		put(a, CKA_MODULUS, p->modulus.data, p->modulus.len);
		put(a, CKA_PUBLIC_EXPONENT, "\x01\x00\x01", 3);
		put_bool(a, CKA_ENCRYPT, true);
	} else {
		curve(a, 0);
		put(a, CKA_EC_POINT, p->point.data, p->point.len);
	}
}

static void secret_attributes(struct program *p, const struct step *s, struct arguments *a, bool aes)
{
	put_number(a, CKA_CLASS, CKO_SECRET_KEY);
	put_number(a, CKA_KEY_TYPE, aes ? CKK_AES : CKK_GENERIC_SECRET);
	put_bool(a, CKA_TOKEN, false);
	put_bool(a, CKA_PRIVATE, !p->tame && s->template & 64);
	put_bool(a, CKA_SENSITIVE, !p->tame && s->template & 16);
	put_bool(a, CKA_EXTRACTABLE, p->tame || !(s->template & 32));
	if (aes) {
		put_bool(a, CKA_ENCRYPT, true);
		put_bool(a, CKA_DECRYPT, true);
		put_bool(a, CKA_WRAP, true);
		put_bool(a, CKA_UNWRAP, true);
	}
	put_bool(a, CKA_SIGN, true);
	put_bool(a, CKA_VERIFY, true);
	put_bool(a, CKA_DERIVE, !aes);
}

static void secret_key(struct program *p, const struct step *s, struct arguments *a)
{
	static const size_t sizes[] = {16, 32, 24, 16};
	const bool aes = s->template & 8;

	secret_attributes(p, s, a, aes);
	put(a, CKA_VALUE,
		"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81"
		"\x1f\x35\x2c\x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4",
		sizes[s->variant % 4]);
}

/* A private key that somebody wants to bring along: never taken. */
static void private_key(struct arguments *a)
{
	put_number(a, CKA_CLASS, CKO_PRIVATE_KEY);
	put_number(a, CKA_KEY_TYPE, CKK_EC);
	curve(a, 0);
	put(a, CKA_VALUE, "0123456789abcdef0123456789abcdef", 32);
}

static void created(struct program *p, const struct step *s, struct arguments *a)
{
	switch (s->template % 8) {
	case 0:
	case 5:
		data_object(p, s, a);
		break;
	case 1:
		if (!p->tame)
			certificate_object(p, s, a);
		else
			secret_key(p, s, a);
		break;
	case 2:
	case 6:
		public_key(p, s, a);
		break;
	case 3:
		if (!p->tame && s->variant % 8 == 0)
			private_key(a);
		else
			secret_key(p, s, a);
		break;
	default:
		secret_key(p, s, a);
	}
}

static void searched(struct program *p, const struct step *s, struct arguments *a)
{
	static const CK_OBJECT_CLASS classes[] = {
		CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_DATA, CKO_SECRET_KEY};
	const unsigned what = s->template % 8;
	const uint8_t id = 1 + s->variant % 4;

	if (p->tame || what & 1)
		put_number(a, CKA_CLASS, classes[s->template / 8 % 5]);
	if (what & 2)
		put(a, CKA_ID, &id, 1);
	if (what & 4)
		put_bool(a, CKA_TOKEN, s->variant & 1);
	if (!p->tame && what == 7)
		put_text(a, CKA_LABEL, "key");
	if (!p->tame && s->template >= 0xF0)
		put(a, CKA_VALUE, p->certificate.data, p->certificate.len);
}

static void changed(const struct step *s, struct arguments *a)
{
	for (unsigned i = 0; i <= s->template % 3u; i++)
		switch ((s->template / 4 + i * 5) % 12) {
		case 0:
		case 1:
			put_text(a, CKA_LABEL, "other");
			break;
		case 2:
			put(a, CKA_ID, &s->variant, 1);
			break;
		case 3:
			put_bool(a, CKA_SENSITIVE, s->variant & 1);
			break;
		case 4:
			put_bool(a, CKA_EXTRACTABLE, s->variant & 1);
			break;
		case 5:
			put_bool(a, CKA_TOKEN, s->variant & 1);
			break;
		case 6:
			put_bool(a, CKA_PRIVATE, s->variant & 1);
			break;
		case 7:
			put(a, CKA_VALUE, "other value", s->variant % 12);
			break;
		case 8:
			put_bool(a, CKA_MODIFIABLE, s->variant & 1);
			break;
		case 9:
			put_bool(a, CKA_SIGN, s->variant & 1);
			break;
		default:
			put_number(a, attributes[s->variant % ATTRIBUTES], s->template);
		}
}

static void pair(const struct step *s, unsigned which, struct arguments *a)
{
	static const CK_ULONG sizes[] = {2048, 2048, 2048, 1024, 0, 2047, 2048, 2048};
	const uint8_t id = 1 + s->variant % 4;

	if (!which) {
		/* The mechanism is not known here; both curves and sizes would be inconsistent. */
		if (s->mechanism & 1)
			curve(a, s->variant);
		else
			put_number(a, CKA_MODULUS_BITS, sizes[s->variant % 8]);
		put_bool(a, CKA_VERIFY, true);
		return;
	}
	put_bool(a, CKA_TOKEN, s->template % 8 != 1);
	put(a, CKA_ID, &id, 1);
	put_bool(a, CKA_SIGN, true);
	put_bool(a, CKA_SENSITIVE, s->template % 8 != 2);
	put_bool(a, CKA_ALWAYS_AUTHENTICATE, s->template % 8 == 3);
	put_text(a, CKA_LABEL, "key");
}

static void fill(struct program *p, const struct step *s, const char *function, unsigned which, struct arguments *a)
{
	static const CK_ULONG lengths[] = {16, 32, 24, 20, 16, 32, 0, 1000};

	if (strstr(function, "FindObjects"))
		searched(p, s, a);
	else if (strstr(function, "CreateObject"))
		created(p, s, a);
	else if (strstr(function, "GenerateKeyPair"))
		pair(s, which, a);
	else if (strstr(function, "CopyObject") || strstr(function, "SetAttribute"))
		changed(s, a);
	else {
		/* C_GenerateKey, C_DeriveKey, C_UnwrapKey, C_EncapsulateKey and their like */
		secret_attributes(p, s, a, s->template & 8);
		if (s->template % 4 && !strstr(function, "nwrap"))
			put_number(a, CKA_VALUE_LEN, lengths[s->variant % (p->tame ? 3 : 8)]);
	}
}

static void bend(const struct step *s, struct arguments *a)
{
	CK_ATTRIBUTE *one = &a->list[a->count ? s->variant % a->count : 0];

	switch (s->variant >> 4 & 7) {
	case 0:
		if (a->count)
			*one = a->list[--a->count];
		break;
	case 1:
		if (a->count && a->count < LIST_MAX)
			a->list[a->count++] = *one;
		break;
	case 2:
		one->ulValueLen = 0;
		break;
	case 3:
		one->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		break;
	case 4:
		one->pValue = NULL;
		break;
	case 5:
		one->ulValueLen -= one->ulValueLen && one->ulValueLen != CK_UNAVAILABLE_INFORMATION;
		break;
	case 6:
		one->type = attributes[s->other % ATTRIBUTES];
		break;
	default:
		a->list = NULL;
		a->count = s->other;
	}
}

void choose_template(
	struct program *p, const struct step *s, const char *function, unsigned which, struct arguments *store)
{
	*store = (struct arguments){0};
	store->list = keep(store, NULL, LIST_MAX * sizeof *store->list);
	memset(store->list, 0, LIST_MAX * sizeof *store->list);
	fill(p, s, function, which, store);
	if (!p->tame && s->parameter >= 0xB0 && (s->parameter & 1) == which)
		bend(s, store);
	if (store->list) { /* of its exact size */
		void *exact = keep(store, store->list, store->count * sizeof *store->list);
		store->list = exact;
	}
}

void choose_attributes(const struct step *s, struct arguments *store)
{
	static const size_t rooms[] = {0, 1, 8, 64, 2048, 2048, 300, 7};
	const unsigned n = 1 + s->length % 6, from = s->template;

	*store = (struct arguments){0};
	store->list = keep(store, NULL, n * sizeof *store->list);
	for (unsigned i = 0; i < n; i++) {
		const size_t room = rooms[(s->out + i * s->variant) % 8];
		CK_ATTRIBUTE a = {attributes[(from + i * (1 + s->variant % 7u)) % ATTRIBUTES], NULL, room};
		if (room)
			a.pValue = keep(store, NULL, room);
		store->list[store->count++] = a;
	}
}

void choose_template_free(struct arguments *store)
{
	while (store->heaps)
		free(store->heap[--store->heaps]);
}
