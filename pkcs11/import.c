/* SPDX-License-Identifier: Apache-2.0 */
/*
 * C_CreateObject of a private key.
 *
 * Keys are born on the token; who signs with one can be sure that nobody else ever had it. One kind comes from outside:
 * a key that opens letters and was made by a CA, which keeps it for the day the token is lost. So a template is taken
 * when it asks for decryption, unwrapping or key agreement on the token, and not for signatures. One that names no use
 * is refused too: who copies a key here to sign with it (keytool does, and names none) shall hear it now, and not when
 * the key turns out to open letters only. It becomes an exchange pair, and its attributes tell where it came from.
 */
#include "pkcs11/p11.h"

#include "common/secmem.h"

struct request {
	const CK_ATTRIBUTE *list;
	CK_ULONG count;
	CK_KEY_TYPE type;
	struct crypto_pubkey public;
	struct ukey_generate how;
	struct p11_id_store id_store;
	uint8_t id[UKEY_ID_MAX];
	char label[UKEY_LABEL_MAX + 1];
	uint8_t point[CRYPTO_POINT_MAX], spki[CRYPTO_SPKI_MAX];
	struct builder value; /* the private value as libukey wants it; secure memory */
};

#define VALUE_MAX 512

enum { OF_RSA = 1, OF_EC = 2, OF_BOTH = 3 };

/* clang-format off */
static const struct p11_known known[] = {
	{CKA_CLASS,               OF_BOTH, P11_FREE},
	{CKA_KEY_TYPE,            OF_BOTH, P11_FREE},
	{CKA_LABEL,               OF_BOTH, P11_FREE},
	{CKA_ID,                  OF_BOTH, P11_FREE},
	{CKA_SUBJECT,             OF_BOTH, P11_FREE},
	{CKA_START_DATE,          OF_BOTH, P11_FREE},
	{CKA_END_DATE,            OF_BOTH, P11_FREE},
	{CKA_DERIVE,              OF_BOTH, P11_FREE},
	{CKA_DECRYPT,             OF_BOTH, P11_FREE},
	{CKA_UNWRAP,              OF_BOTH, P11_FREE},
	{CKA_SIGN,                OF_BOTH, P11_FREE},
	{CKA_SIGN_RECOVER,        OF_BOTH, P11_FREE},
	{CKA_COPYABLE,            OF_BOTH, P11_FREE},
	{CKA_WRAP_WITH_TRUSTED,   OF_BOTH, P11_FREE},
	{CKA_ALWAYS_AUTHENTICATE, OF_BOTH, P11_FREE},
	{CKA_PUBLIC_KEY_INFO,     OF_BOTH, P11_FREE},
	{CKA_TOKEN,               OF_BOTH, P11_TRUE},
	{CKA_PRIVATE,             OF_BOTH, P11_TRUE},
	{CKA_MODIFIABLE,          OF_BOTH, P11_TRUE},
	{CKA_DESTROYABLE,         OF_BOTH, P11_TRUE},
	{CKA_SENSITIVE,           OF_BOTH, P11_TRUE},
	{CKA_EXTRACTABLE,         OF_BOTH, P11_FALSE},
	{CKA_LOCAL,               OF_BOTH, P11_READ_ONLY},
	{CKA_UNIQUE_ID,           OF_BOTH, P11_READ_ONLY},
	{CKA_KEY_GEN_MECHANISM,   OF_BOTH, P11_READ_ONLY},
	{CKA_ALWAYS_SENSITIVE,    OF_BOTH, P11_READ_ONLY},
	{CKA_NEVER_EXTRACTABLE,   OF_BOTH, P11_READ_ONLY},
	{CKA_MODULUS,             OF_RSA,  P11_FREE},
	{CKA_PUBLIC_EXPONENT,     OF_RSA,  P11_FREE},
	{CKA_PRIVATE_EXPONENT,    OF_RSA,  P11_FREE},
	{CKA_PRIME_1,             OF_RSA,  P11_FREE},
	{CKA_PRIME_2,             OF_RSA,  P11_FREE},
	{CKA_EXPONENT_1,          OF_RSA,  P11_FREE},
	{CKA_EXPONENT_2,          OF_RSA,  P11_FREE},
	{CKA_COEFFICIENT,         OF_RSA,  P11_FREE},
	{CKA_EC_PARAMS,           OF_EC,   P11_FREE},
	{CKA_EC_POINT,            OF_EC,   P11_FREE},
	{CKA_VALUE,               OF_EC,   P11_FREE},
};
/* clang-format on */

static CK_RV check_template(const struct request *r)
{
	const unsigned in = r->type == CKK_RSA ? OF_RSA : OF_EC;

	return p11_known_check(known, sizeof(known) / sizeof(*known), in, r->list, r->count);
}

/* ---- what it is for ---- */

static const struct {
	CK_ATTRIBUTE_TYPE type;
	unsigned use;
} uses[] = {
	{CKA_SIGN,         UKEY_USE_SIGN   },
	{CKA_SIGN_RECOVER, UKEY_USE_SIGN   },
	{CKA_DECRYPT,      UKEY_USE_DECRYPT},
	{CKA_UNWRAP,       UKEY_USE_DECRYPT},
	{CKA_DERIVE,       UKEY_USE_DERIVE },
};

static CK_RV read_usage(struct request *r)
{
	const unsigned can = r->type == CKK_RSA ? UKEY_USE_DECRYPT : UKEY_USE_DERIVE;
	unsigned wanted = 0, refused = 0;
	bool token = false;
	CK_RV rv = p11_take_bool(r->list, r->count, CKA_TOKEN, &token, NULL);

	for (size_t i = 0; rv == CKR_OK && i < sizeof(uses) / sizeof(*uses); i++) {
		bool value = false, present;

		rv = p11_take_bool(r->list, r->count, uses[i].type, &value, &present);
		wanted |= value ? uses[i].use : 0;
		refused |= present && !value ? uses[i].use : 0;
	}
	if (rv != CKR_OK)
		return rv;
	if (wanted & UKEY_USE_SIGN) {
		p11_log("a key that signs is made on the token and never brought to it: use C_GenerateKeyPair");
		return CKR_TEMPLATE_INCONSISTENT;
	}
	if (!token) {
		p11_log("a private key is a token object here: CKA_TOKEN has to be true");
		return CKR_TEMPLATE_INCONSISTENT;
	}
	if (!wanted) {
		p11_log("a private key from outside is for decryption or key agreement only: say so with CKA_DECRYPT, "
			"CKA_UNWRAP or CKA_DERIVE");
		return CKR_TEMPLATE_INCOMPLETE;
	}
	/* As for C_GenerateKeyPair: a template for both algorithms asks for what this one cannot do. */
	if (!(wanted & can) && (refused & can))
		return CKR_TEMPLATE_INCONSISTENT;
	r->how.usage = can;
	return CKR_OK;
}

/* ---- the key ---- */

static struct bytes big_integer(const struct request *r, CK_ATTRIBUTE_TYPE type)
{
	struct bytes b = p11_take_bytes(r->list, r->count, type);

	while (b.len && b.data[0] == 0)
		b = BYTES(b.data + 1, b.len - 1);
	return b;
}

/* A number at its fixed length. */
static bool put_number(struct builder *b, struct bytes n, size_t size)
{
	uint8_t *room = n.len && n.len <= size ? builder_room(b, size) : NULL;

	if (!room)
		return false;
	bytes_fill(room, 0, size - n.len);
	bytes_copy(room + size - n.len, n);
	return true;
}

static CK_RV read_rsa(struct request *r)
{
	static const uint8_t f4[] = {1, 0, 1};
	struct bytes p = big_integer(r, CKA_PRIME_1), q = big_integer(r, CKA_PRIME_2);

	r->public = (struct crypto_pubkey){.type = CRYPTO_RSA,
		.modulus = big_integer(r, CKA_MODULUS),
		.exponent = big_integer(r, CKA_PUBLIC_EXPONENT)};
	if (!p11_find(r->list, r->count, CKA_PUBLIC_EXPONENT))
		r->public.exponent = BYTES_OF(f4);
	if (!r->public.modulus.len || !p.len || !q.len) {
		p11_log("an RSA key needs CKA_MODULUS, CKA_PRIME_1 and CKA_PRIME_2");
		return CKR_TEMPLATE_INCOMPLETE;
	}
	const size_t half = r->public.modulus.len / 2;
	return put_number(&r->value, p, half) && put_number(&r->value, q, half) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* The point follows from the private value; where it is named, too, the token sees whether it is the same. */
static CK_RV read_ec(struct request *r)
{
	struct bytes params = p11_take_bytes(r->list, r->count, CKA_EC_PARAMS), d = big_integer(r, CKA_VALUE);
	struct builder point = builder_of(r->point, sizeof(r->point));

	if (!params.len || !d.len) {
		p11_log("an EC key needs CKA_EC_PARAMS and CKA_VALUE");
		return CKR_TEMPLATE_INCOMPLETE;
	}
	if (!crypto_curve_type(params, &r->public.type) || r->public.type == CRYPTO_RSA)
		return CKR_CURVE_NOT_SUPPORTED;
	const size_t field = crypto_field_size(r->public.type);
	r->public.point = p11_point(p11_take_bytes(r->list, r->count, CKA_EC_POINT), field);
	if (!p11_find(r->list, r->count, CKA_EC_POINT)) {
		if (!crypto_point_of(r->public.type, d, &point))
			return CKR_ATTRIBUTE_VALUE_INVALID;
		r->public.point = builder_bytes(&point);
	}
	return put_number(&r->value, d, field) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
}

static CK_RV read_names(struct p11_session *s, struct request *r)
{
	struct bytes id = p11_id(p11_take_bytes(r->list, r->count, CKA_ID), &r->id_store);
	CK_RV rv = p11_take_text(r->list, r->count, CKA_LABEL, r->label, UKEY_LABEL_MAX);

	if (rv == CKR_OK && id.len > sizeof(r->id))
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	if (rv != CKR_OK)
		return rv;
	bytes_copy(r->id, id);
	r->how.id = r->id;
	r->how.id_len = id.len;
	r->how.label = r->label;
	return id.len ? CKR_OK : p11_free_id(s, r->id, &r->how.id_len);
}

static CK_RV read_request(struct request *r)
{
	bool present = false;
	CK_RV rv = p11_template_check(r->list, r->count);

	if (rv == CKR_OK)
		rv = p11_take_ulong(r->list, r->count, CKA_KEY_TYPE, &r->type, &present);
	if (rv == CKR_OK && !present)
		rv = CKR_TEMPLATE_INCOMPLETE;
	if (rv == CKR_OK && r->type != CKK_RSA && r->type != CKK_EC)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	/* Why such a key is not taken at all is said before what else is wrong with its template. */
	if (rv == CKR_OK)
		rv = read_usage(r);
	if (rv == CKR_OK)
		rv = check_template(r);
	if (rv == CKR_OK)
		rv = p11_take_bool(r->list, r->count, CKA_ALWAYS_AUTHENTICATE, &r->how.always_authenticate, NULL);
	if (rv == CKR_OK)
		rv = r->type == CKK_RSA ? read_rsa(r) : read_ec(r);
	return rv;
}

/* What libukey says of the key, in the words that C_CreateObject has. */
static CK_RV import_rv(const struct request *r, enum ukey_status status)
{
	CK_RV rv = p11_rv(status);

	if (status == UKEY_ALGORITHM)
		rv = r->type == CKK_RSA ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_CURVE_NOT_SUPPORTED;
	else if (status == UKEY_NOT_SUPPORTED)
		rv = CKR_TEMPLATE_INCONSISTENT;
	else if (status == UKEY_ARGUMENT)
		rv = CKR_ATTRIBUTE_VALUE_INVALID;
	return rv;
}

static CK_RV import(struct p11_session *s, struct request *r, CK_OBJECT_HANDLE *handle)
{
	struct builder spki = builder_of(r->spki, sizeof(r->spki));
	struct ukey_outside key = {.spki = r->spki};
	ukey_key_ref ref = 0;
	CK_RV rv = read_request(r);

	if (rv != CKR_OK)
		return rv;
	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	if (p11_role(s) != UKEY_USER)
		return CKR_USER_NOT_LOGGED_IN;
	if (!crypto_pubkey_to_spki(&r->public, &spki))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	key.spki_len = spki.len;
	key.value = r->value.data;
	key.value_len = r->value.len;
	rv = read_names(s, r);
	if (rv == CKR_OK)
		rv = import_rv(r, ukey_import_key(s->token, &r->how, &key, &ref));
	return rv == CKR_OK ? p11_object_handle(s, P11_PRIVATE_KEY, ref, handle) : rv;
}

CK_RV p11_import(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle)
{
	struct request r = {.list = list, .count = count, .how = {.ref = -1}};
	uint8_t *memory = secmem_alloc(VALUE_MAX);
	CK_RV rv = CKR_HOST_MEMORY;

	r.value = builder_of(memory, VALUE_MAX);
	if (memory)
		rv = import(s, &r, handle);
	secmem_free(memory);
	return rv;
}
