/* SPDX-License-Identifier: Apache-2.0 */
/* Templates of secret keys, and the objects made from them (2.40, 4.10). */
#include "pkcs11/secret.h"

#include <string.h>

enum kind {
	TRUTH,
	NUMBER,
	DATE,
	NUMBERS,
	ANYTHING,
};

/* What C_SetAttributeValue and C_CopyObject may do with it. */
enum change {
	NEVER,
	FREELY,
	TO_TRUE,
	TO_FALSE,
	BY_SO, /* and then freely */
};

#define EVERYWHERE (P11_CREATED | P11_GENERATED | P11_UNWRAPPED | P11_DERIVED)
#define NOWHERE    0 /* our own bookkeeping */

/* clang-format off */
static const struct attribute {
	CK_ATTRIBUTE_TYPE type;
	enum kind kind;
	unsigned origins;
	enum change change;
} known[] = {
	{CKA_CLASS,              NUMBER,   EVERYWHERE,                NEVER},
	{CKA_TOKEN,              TRUTH,    EVERYWHERE,                FREELY},
	{CKA_PRIVATE,            TRUTH,    EVERYWHERE,                TO_TRUE},
	{CKA_MODIFIABLE,         TRUTH,    EVERYWHERE,                FREELY},
	{CKA_COPYABLE,           TRUTH,    EVERYWHERE,                TO_FALSE},
	{CKA_DESTROYABLE,        TRUTH,    EVERYWHERE,                FREELY},
	{CKA_LABEL,              ANYTHING, EVERYWHERE,                FREELY},
	{CKA_KEY_TYPE,           NUMBER,   EVERYWHERE,                NEVER},
	{CKA_ID,                 ANYTHING, EVERYWHERE,                FREELY},
	{CKA_START_DATE,         DATE,     EVERYWHERE,                FREELY},
	{CKA_END_DATE,           DATE,     EVERYWHERE,                FREELY},
	{CKA_SENSITIVE,          TRUTH,    EVERYWHERE,                TO_TRUE},
	{CKA_EXTRACTABLE,        TRUTH,    EVERYWHERE,                TO_FALSE},
	{CKA_ENCRYPT,            TRUTH,    EVERYWHERE,                FREELY},
	{CKA_DECRYPT,            TRUTH,    EVERYWHERE,                FREELY},
	{CKA_SIGN,               TRUTH,    EVERYWHERE,                FREELY},
	{CKA_VERIFY,             TRUTH,    EVERYWHERE,                FREELY},
	{CKA_WRAP,               TRUTH,    EVERYWHERE,                FREELY},
	{CKA_UNWRAP,             TRUTH,    EVERYWHERE,                FREELY},
	{CKA_DERIVE,             TRUTH,    EVERYWHERE,                FREELY},
	{CKA_TRUSTED,            TRUTH,    EVERYWHERE,                BY_SO},
	{CKA_WRAP_WITH_TRUSTED,  TRUTH,    EVERYWHERE,                TO_TRUE},
	{CKA_ALLOWED_MECHANISMS, NUMBERS,  EVERYWHERE,                NEVER},
	{CKA_CHECK_VALUE,        ANYTHING, EVERYWHERE,                NEVER},
	{CKA_VALUE,              ANYTHING, P11_CREATED,               NEVER},
	{CKA_VALUE_LEN,          NUMBER,   EVERYWHERE & ~P11_CREATED, NEVER},
	{CKA_LOCAL,              TRUTH,    NOWHERE,                   NEVER},
	{CKA_ALWAYS_SENSITIVE,   TRUTH,    NOWHERE,                   NEVER},
	{CKA_NEVER_EXTRACTABLE,  TRUTH,    NOWHERE,                   NEVER},
	{CKA_KEY_GEN_MECHANISM,  NUMBER,   NOWHERE,                   NEVER},
	{CKA_UNIQUE_ID,          ANYTHING, NOWHERE,                   NEVER},
};

/* What a key is for when its template does not say: all that its type is good for, but the making of other keys. */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	bool aes, other;
} uses[] = {
	{CKA_ENCRYPT, true,  false},
	{CKA_DECRYPT, true,  false},
	{CKA_SIGN,    true,  true},
	{CKA_VERIFY,  true,  true},
	{CKA_WRAP,    true,  false},
	{CKA_UNWRAP,  true,  false},
	{CKA_DERIVE,  false, false},
};
#define USES (sizeof(uses) / sizeof(*uses))
/* clang-format on */

static const struct attribute *attribute_of(CK_ATTRIBUTE_TYPE type)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].type == type)
			return &known[i];
	return NULL;
}

static bool good_value(enum kind kind, CK_ULONG len)
{
	switch (kind) {
	case TRUTH:
		return len == sizeof(CK_BBOOL);
	case NUMBER:
		return len == sizeof(CK_ULONG);
	case DATE:
		return len == 0 || len == sizeof(CK_DATE);
	case NUMBERS:
		return len % sizeof(CK_ULONG) == 0;
	default:
		return true;
	}
}

/* ---- reading a template ---- */

static CK_RV check_list(const struct p11_secret *k)
{
	for (CK_ULONG i = 0; i < k->count; i++) {
		const struct attribute *known_one = attribute_of(k->list[i].type);

		if (!known_one)
			return CKR_ATTRIBUTE_TYPE_INVALID;
		if (!(known_one->origins & k->origin))
			return CKR_ATTRIBUTE_READ_ONLY;
		if (!good_value(known_one->kind, k->list[i].ulValueLen))
			return CKR_ATTRIBUTE_VALUE_INVALID;
	}
	return CKR_OK;
}

static bool truth(const CK_ATTRIBUTE *list, CK_ULONG count, CK_ATTRIBUTE_TYPE type, bool value)
{
	p11_take_bool(list, count, type, &value, NULL);
	return value;
}

/* Before anything else: what the token can't keep, and what nobody may make now. */
static CK_RV check_place(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count)
{
	if (truth(list, count, CKA_TOKEN, false)) {
		if (!p11_session_rw(s))
			return CKR_SESSION_READ_ONLY;
		p11_log("the token keeps no secret keys: CKA_TOKEN has to be false");
		return CKR_TEMPLATE_INCONSISTENT;
	}
	if (truth(list, count, CKA_PRIVATE, false) && p11_role(s) != UKEY_USER)
		return CKR_USER_NOT_LOGGED_IN;
	if (truth(list, count, CKA_TRUSTED, false) && p11_role(s) != UKEY_SO)
		return CKR_ATTRIBUTE_READ_ONLY;
	return CKR_OK;
}

static bool known_type(CK_KEY_TYPE type)
{
	return type == CKK_AES || type == CKK_GENERIC_SECRET || type == CKK_HKDF || p11_hmac_hash(type);
}

CK_RV p11_secret_read(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, enum p11_origin origin,
	CK_KEY_TYPE type, struct p11_secret *out)
{
	CK_ULONG class = CKO_SECRET_KEY;
	bool has_len = false;
	CK_RV rv = p11_template_check(list, count);

	*out = (struct p11_secret){.list = list, .count = count, .origin = origin, .type = type};
	if (rv == CKR_OK)
		rv = check_place(s, list, count);
	if (rv == CKR_OK)
		rv = check_list(out);
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_CLASS, &class, NULL);
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_KEY_TYPE, &out->type, NULL);
	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_VALUE_LEN, &out->len, &has_len);
	if (rv != CKR_OK)
		return rv;
	if (class != CKO_SECRET_KEY)
		return CKR_TEMPLATE_INCONSISTENT;
	if (out->type == CK_UNAVAILABLE_INFORMATION)
		return CKR_TEMPLATE_INCOMPLETE;
	if (!known_type(out->type))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (!has_len || p11_secret_size(out->type, out->len))
		return CKR_OK;
	/* C_UnwrapKey has no word for that but this. */
	return origin == P11_UNWRAPPED ? CKR_TEMPLATE_INCONSISTENT : CKR_KEY_SIZE_RANGE;
}

bool p11_secret_size(CK_KEY_TYPE type, size_t len)
{
	return type == CKK_AES ? crypto_aes_key_size(len) : len >= 1 && len <= P11_SECRET_MAX;
}

/* ---- the object ---- */

#define CHECK_LEN 3

/* AES: a block of zeros, encrypted (2.40, 4.10.2); what is no cipher's key: its SHA-1. */
static bool check_value(CK_KEY_TYPE type, struct bytes value, uint8_t check[CHECK_LEN])
{
	static const uint8_t zeros[CRYPTO_AES_BLOCK];
	struct crypto_cipher_ctx *c;
	uint8_t out[CRYPTO_DIGEST_MAX];
	size_t n = 0;
	bool ok;

	if (type == CKK_AES) {
		c = crypto_cipher_new(CRYPTO_AES_ECB, true, value, BYTES_NONE);
		ok = c && crypto_cipher_update(c, BYTES_OF(zeros), out, &n);
		crypto_cipher_free(c);
	} else {
		ok = crypto_digest(CRYPTO_SHA1, value, out);
	}
	if (ok)
		bytes_copy(check, BYTES(out, CHECK_LEN));
	bytes_wipe(out, sizeof(out));
	return ok;
}

/* An empty one in the template: none is wanted. */
static CK_RV check_check_value(const struct p11_secret *k, const uint8_t check[CHECK_LEN])
{
	struct bytes wanted = p11_take_bytes(k->list, k->count, CKA_CHECK_VALUE);

	return !wanted.len || bytes_equal(wanted, BYTES(check, CHECK_LEN)) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV p11_secret_add(struct p11_session *s, const struct p11_secret *k, struct bytes value, CK_OBJECT_HANDLE *handle)
{
	static CK_BBOOL truths[] = {CK_FALSE, CK_TRUE};
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_KEY_TYPE type = k->type;
	CK_MECHANISM_TYPE mechanism = k->origin == P11_GENERATED ? k->mechanism : CK_UNAVAILABLE_INFORMATION;
	CK_ULONG len = value.len, n;
	uint8_t check[CHECK_LEN];
	bool sensitive = truth(k->list, k->count, CKA_SENSITIVE, true);
	bool extractable = truth(k->list, k->count, CKA_EXTRACTABLE, false);
	struct p11_attributes *a;
	CK_ATTRIBUTE rest[21 + USES] = {
		{CKA_CLASS,              &class,					sizeof(class)    },
		{CKA_KEY_TYPE,           &type,					 sizeof(type)     },
		{CKA_VALUE,              (void *)value.data,                            len              },
		{CKA_VALUE_LEN,          &len,					  sizeof(len)      },
		{CKA_CHECK_VALUE,        check,					 sizeof(check)    },
		{CKA_LABEL,              NULL,					  0                },
		{CKA_ID,                 NULL,					  0                },
		{CKA_START_DATE,         NULL,					  0                },
		{CKA_END_DATE,           NULL,					  0                },
		{CKA_SENSITIVE,          &truths[sensitive],                            sizeof(CK_BBOOL) },
		{CKA_EXTRACTABLE,        &truths[extractable],                          sizeof(CK_BBOOL) },
		{CKA_ALWAYS_SENSITIVE,   &truths[k->always_sensitive && sensitive],     sizeof(CK_BBOOL) },
		{CKA_NEVER_EXTRACTABLE,  &truths[k->never_extractable && !extractable], sizeof(CK_BBOOL) },
		{CKA_LOCAL,              &truths[k->origin == P11_GENERATED],           sizeof(CK_BBOOL) },
		{CKA_KEY_GEN_MECHANISM,  &mechanism,                                    sizeof(mechanism)},
		{CKA_TRUSTED,            &truths[false],                                sizeof(CK_BBOOL) },
		{CKA_WRAP_WITH_TRUSTED,  &truths[false],                                sizeof(CK_BBOOL) },
		{CKA_ALLOWED_MECHANISMS, NULL,                                          0                },
		{CKA_WRAP_TEMPLATE,      NULL,					  0                },
		{CKA_UNWRAP_TEMPLATE,    NULL,                                          0                },
		{CKA_DERIVE_TEMPLATE,    NULL,                                          0                },
	};
	CK_RV rv;

	if (!check_value(k->type, value, check))
		return CKR_HOST_MEMORY;
	rv = check_check_value(k, check);
	if (rv != CKR_OK)
		return rv;
	n = sizeof(rest) / sizeof(*rest) - USES;
	for (size_t i = 0; i < USES; i++)
		rest[n + i] = (CK_ATTRIBUTE){
			uses[i].type, &truths[k->type == CKK_AES ? uses[i].aes : uses[i].other], sizeof(CK_BBOOL)};
	a = p11_attributes_new(k->list, k->count, rest, n + USES);
	return a ? p11_object_add(s, a, handle) : CKR_HOST_MEMORY;
}

CK_RV p11_secret_create(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	struct p11_secret k;
	struct bytes value;
	CK_RV rv = p11_secret_read(s, list, count, P11_CREATED, CK_UNAVAILABLE_INFORMATION, &k);

	if (rv != CKR_OK)
		return rv;
	if (!p11_find(list, count, CKA_VALUE))
		return CKR_TEMPLATE_INCOMPLETE;
	value = p11_take_bytes(list, count, CKA_VALUE);
	return p11_secret_size(k.type, value.len) ? p11_secret_add(s, &k, value, handle) : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* ---- changes ---- */

CK_RV p11_secret_change(struct p11_session *s, const struct p11_attributes *old, const CK_ATTRIBUTE *a)
{
	const struct attribute *known_one = attribute_of(a->type);
	bool now, then;

	if (!known_one)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	if (known_one->change == NEVER)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (!good_value(known_one->kind, a->ulValueLen))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (known_one->change == FREELY)
		return CKR_OK;
	now = truth(old->list, old->count, a->type, a->type == CKA_COPYABLE);
	then = truth(a, 1, a->type, now);
	if (a->type == CKA_PRIVATE && then && p11_role(s) != UKEY_USER)
		return CKR_USER_NOT_LOGGED_IN;
	if (known_one->change == BY_SO)
		return p11_role(s) == UKEY_SO || !then ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY;
	return then == now || then == (known_one->change == TO_TRUE) ? CKR_OK : CKR_ATTRIBUTE_READ_ONLY;
}
