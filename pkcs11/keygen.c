/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key pairs, made on the token.
 *
 * Which of a container's two places a pair takes follows from what the private key is for: signatures only, the
 * signature pair; anything that decrypts or agrees on keys, the exchange pair. A template that names no use asks for
 * all that the algorithm can do.
 *
 * On a PIV card a CKA_ID (01 to 18) or a CKA_LABEL that is a slot's own chooses that slot; else it is the first free
 * one of 9A, 9C, 9D, 82 to 95 whose keys are for this use. Its id and label are the slot's.
 */
#include "pkcs11/p11.h"

#include <string.h>

struct request {
	const struct p11_mechanism *mechanism;
	const CK_ATTRIBUTE *public, *private;
	CK_ULONG public_count, private_count;
	struct ukey_generate how;
	uint8_t id[UKEY_ID_MAX];
	char label[UKEY_LABEL_MAX + 1];
};

enum { IN_PUBLIC = 1, IN_PRIVATE = 2, IN_BOTH = 3 };

/* clang-format off */
static const struct p11_known known[] = {
	{CKA_CLASS,               IN_BOTH,    P11_FREE},
	{CKA_KEY_TYPE,            IN_BOTH,    P11_FREE},
	{CKA_LABEL,               IN_BOTH,    P11_FREE},
	{CKA_ID,                  IN_BOTH,    P11_FREE},
	{CKA_SUBJECT,             IN_BOTH,    P11_FREE},
	{CKA_START_DATE,          IN_BOTH,    P11_FREE},
	{CKA_END_DATE,            IN_BOTH,    P11_FREE},
	{CKA_DERIVE,              IN_BOTH,    P11_FREE},
	{CKA_MODIFIABLE,          IN_BOTH,    P11_TRUE},
	{CKA_COPYABLE,            IN_BOTH,    P11_FREE},
	{CKA_DESTROYABLE,         IN_PUBLIC,  P11_FREE},
	{CKA_DESTROYABLE,         IN_PRIVATE, P11_TRUE},
	{CKA_TOKEN,               IN_PUBLIC,  P11_FREE},
	{CKA_TOKEN,               IN_PRIVATE, P11_TRUE},
	{CKA_PRIVATE,             IN_PUBLIC,  P11_FALSE},
	{CKA_PRIVATE,             IN_PRIVATE, P11_TRUE},
	{CKA_ENCRYPT,             IN_PUBLIC,  P11_FREE},
	{CKA_VERIFY,              IN_PUBLIC,  P11_FREE},
	{CKA_VERIFY_RECOVER,      IN_PUBLIC,  P11_FREE},
	{CKA_WRAP,                IN_PUBLIC,  P11_FREE},
	{CKA_TRUSTED,             IN_PUBLIC,  P11_FALSE},
	{CKA_MODULUS_BITS,        IN_PUBLIC,  P11_FREE},
	{CKA_PUBLIC_EXPONENT,     IN_PUBLIC,  P11_FREE},
	{CKA_EC_PARAMS,           IN_PUBLIC,  P11_FREE},
	{CKA_SIGN,                IN_PRIVATE, P11_FREE},
	{CKA_DECRYPT,             IN_PRIVATE, P11_FREE},
	{CKA_SIGN_RECOVER,        IN_PRIVATE, P11_FREE},
	{CKA_UNWRAP,              IN_PRIVATE, P11_FREE},
	{CKA_SENSITIVE,           IN_PRIVATE, P11_TRUE},
	{CKA_EXTRACTABLE,         IN_PRIVATE, P11_FALSE},
	{CKA_WRAP_WITH_TRUSTED,   IN_PRIVATE, P11_FREE},
	{CKA_ALWAYS_AUTHENTICATE, IN_PRIVATE, P11_FREE},
	{CKA_LOCAL,               IN_BOTH,    P11_READ_ONLY},
	{CKA_UNIQUE_ID,           IN_BOTH,    P11_READ_ONLY},
	{CKA_KEY_GEN_MECHANISM,   IN_BOTH,    P11_READ_ONLY},
	{CKA_ALWAYS_SENSITIVE,    IN_PRIVATE, P11_READ_ONLY},
	{CKA_NEVER_EXTRACTABLE,   IN_PRIVATE, P11_READ_ONLY},
	/* Values of the key to be made, and limits that the token has no place for. */
	{CKA_MODULUS,             IN_BOTH,    P11_ABSENT},
	{CKA_EC_POINT,            IN_BOTH,    P11_ABSENT},
	{CKA_MODULUS_BITS,        IN_PRIVATE, P11_ABSENT},
	{CKA_PUBLIC_EXPONENT,     IN_PRIVATE, P11_ABSENT},
	{CKA_EC_PARAMS,           IN_PRIVATE, P11_ABSENT},
	{CKA_ALLOWED_MECHANISMS,  IN_BOTH,    P11_ABSENT},
};
/* clang-format on */

static CK_RV check_template(const CK_ATTRIBUTE *list, CK_ULONG count, unsigned in)
{
	CK_RV rv = p11_template_check(list, count);

	return rv == CKR_OK ? p11_known_check(known, sizeof(known) / sizeof(*known), in, list, count) : rv;
}

/* CKA_CLASS and CKA_KEY_TYPE may be said, but only as they are. */
static CK_RV check_identity(const struct request *r, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_CLASS class)
{
	CK_ULONG value = class, type = r->mechanism->key_type;
	CK_RV rv = p11_take_ulong(list, count, CKA_CLASS, &value, NULL);

	if (rv == CKR_OK)
		rv = p11_take_ulong(list, count, CKA_KEY_TYPE, &type, NULL);
	if (rv == CKR_OK && (value != class || type != r->mechanism->key_type))
		rv = CKR_TEMPLATE_INCONSISTENT;
	return rv;
}

static CK_RV rsa_algorithm(struct request *r)
{
	static const uint8_t f4[] = {1, 0, 1};
	struct bytes exponent = p11_take_bytes(r->public, r->public_count, CKA_PUBLIC_EXPONENT);
	CK_ULONG bits = 0;
	bool present;
	CK_RV rv = p11_take_ulong(r->public, r->public_count, CKA_MODULUS_BITS, &bits, &present);

	if (rv != CKR_OK)
		return rv;
	if (!present)
		return CKR_TEMPLATE_INCOMPLETE;
	if (p11_find(r->public, r->public_count, CKA_EC_PARAMS))
		return CKR_TEMPLATE_INCONSISTENT;
	while (exponent.len && exponent.data[0] == 0)
		exponent = BYTES(exponent.data + 1, exponent.len - 1);
	if (p11_find(r->public, r->public_count, CKA_PUBLIC_EXPONENT) && !bytes_equal(exponent, BYTES_OF(f4)))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (bits != 2048 && bits != 3072 && bits != 4096)
		return CKR_KEY_SIZE_RANGE;
	r->how.algorithm = bits == 2048 ? UKEY_RSA_2048 : bits == 3072 ? UKEY_RSA_3072 : UKEY_RSA_4096;
	return CKR_OK;
}

/* Named curves by OID; the name as a PrintableString (2.40: curveName) is not spoken here. */
static CK_RV ec_algorithm(struct request *r)
{
	static const enum ukey_algorithm algorithms[] = {
		[CRYPTO_EC_P256] = UKEY_P256,
		[CRYPTO_EC_P384] = UKEY_P384,
		[CRYPTO_EC_P521] = UKEY_P521,
	};
	struct bytes oid = p11_take_bytes(r->public, r->public_count, CKA_EC_PARAMS);
	enum crypto_key_type type;

	if (!p11_find(r->public, r->public_count, CKA_EC_PARAMS))
		return CKR_TEMPLATE_INCOMPLETE;
	if (p11_find(r->public, r->public_count, CKA_MODULUS_BITS) ||
		p11_find(r->public, r->public_count, CKA_PUBLIC_EXPONENT))
		return CKR_TEMPLATE_INCONSISTENT;
	if (!crypto_curve_type(oid, &type) || type == CRYPTO_RSA)
		return CKR_CURVE_NOT_SUPPORTED;
	r->how.algorithm = algorithms[type];
	return CKR_OK;
}

static CK_RV read_usage(struct request *r)
{
	const unsigned can =
		r->mechanism->key_type == CKK_RSA ? UKEY_USE_SIGN | UKEY_USE_DECRYPT : UKEY_USE_SIGN | UKEY_USE_DERIVE;
	static const struct {
		CK_ATTRIBUTE_TYPE type;
		unsigned use;
	} uses[] = {
		{CKA_SIGN,    UKEY_USE_SIGN   },
                {CKA_DECRYPT, UKEY_USE_DECRYPT},
                {CKA_DERIVE,  UKEY_USE_DERIVE }
        };
	unsigned wanted = 0, refused = 0;

	for (size_t i = 0; i < sizeof(uses) / sizeof(*uses); i++) {
		bool value = false, present;
		CK_RV rv = p11_take_bool(r->private, r->private_count, uses[i].type, &value, &present);

		if (rv != CKR_OK)
			return rv;
		wanted |= value ? uses[i].use : 0;
		refused |= present && !value ? uses[i].use : 0;
	}
	/* An EC key that is asked to decrypt, too, is a template written for RSA: what cannot be is left out. */
	wanted &= can;
	if (!wanted)
		wanted = can & ~refused;
	if (!wanted)
		return CKR_TEMPLATE_INCONSISTENT;
	r->how.usage = wanted;
	r->how.pair = wanted == UKEY_USE_SIGN ? UKEY_SIGNATURE : UKEY_EXCHANGE;
	return CKR_OK;
}

CK_RV p11_free_id(struct p11_session *s, uint8_t *id, size_t *len)
{
	const struct ukey_directory *d = NULL;
	bool taken[256] = {false};
	CK_RV rv = p11_rv(ukey_directory(s->token, &d));

	if (rv != CKR_OK)
		return rv;
	for (size_t i = 0; i < d->key_count; i++)
		if (d->keys[i].id_len == 1)
			taken[d->keys[i].id[0]] = true;
	for (size_t i = 0; i < d->certificate_count; i++)
		if (d->certificates[i].id_len == 1)
			taken[d->certificates[i].id[0]] = true;
	ukey_directory_unref(d);
	*len = 0;
	for (unsigned n = 1; n < 256 && !*len; n++)
		if (!taken[n]) {
			*id = (uint8_t)n;
			*len = 1;
		}
	return CKR_OK;
}

static CK_RV read_names(struct p11_session *s, struct request *r)
{
	struct p11_id_store store, other_store;
	struct bytes id = p11_id(p11_take_bytes(r->private, r->private_count, CKA_ID), &store);
	struct bytes other = p11_id(p11_take_bytes(r->public, r->public_count, CKA_ID), &other_store);
	CK_RV rv;

	if (id.len && other.len && !bytes_equal(id, other))
		return CKR_TEMPLATE_INCONSISTENT;
	if (!id.len)
		id = other;
	if (id.len > sizeof(r->id))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	if (id.len)
		bytes_copy(r->id, id);
	r->how.id = r->id;
	r->how.id_len = id.len;
	r->how.label = r->label;
	rv = p11_take_text(r->private, r->private_count, CKA_LABEL, r->label, UKEY_LABEL_MAX);
	if (rv == CKR_OK && !r->label[0])
		rv = p11_take_text(r->public, r->public_count, CKA_LABEL, r->label, UKEY_LABEL_MAX);
	/* On a PIV card an id names a slot, and who names none gets the first that is free. */
	if (rv == CKR_OK && !id.len && !p11_is_piv(s->token))
		rv = p11_free_id(s, r->id, &r->how.id_len);
	return rv;
}

static CK_RV read_request(struct request *r)
{
	bool token = false;
	CK_RV rv = check_template(r->public, r->public_count, IN_PUBLIC);

	if (rv == CKR_OK)
		rv = check_template(r->private, r->private_count, IN_PRIVATE);
	if (rv == CKR_OK)
		rv = check_identity(r, r->public, r->public_count, CKO_PUBLIC_KEY);
	if (rv == CKR_OK)
		rv = check_identity(r, r->private, r->private_count, CKO_PRIVATE_KEY);
	if (rv == CKR_OK)
		rv = p11_take_bool(r->private, r->private_count, CKA_TOKEN, &token, NULL);
	if (rv == CKR_OK && !token) {
		p11_log("a private key is a token object here: CKA_TOKEN has to be true");
		rv = CKR_TEMPLATE_INCONSISTENT;
	}
	if (rv == CKR_OK)
		rv = p11_take_bool(
			r->private, r->private_count, CKA_ALWAYS_AUTHENTICATE, &r->how.always_authenticate, NULL);
	if (rv == CKR_OK)
		rv = r->mechanism->key_type == CKK_RSA ? rsa_algorithm(r) : ec_algorithm(r);
	if (rv == CKR_OK)
		rv = read_usage(r);
	return rv;
}

/* A PIV card's keys are made by whoever has its management key, the SO; libukey knows which users have it, too. */
static bool may_generate(struct p11_session *s)
{
	const enum ukey_role role = p11_role(s);

	return role == UKEY_USER || (role == UKEY_SO && p11_is_piv(s->token));
}

static CK_RV generate(struct p11_session *s, struct request *r, CK_OBJECT_HANDLE *public, CK_OBJECT_HANDLE *private)
{
	ukey_key_ref ref = 0;
	CK_RV rv = read_request(r);

	if (rv != CKR_OK)
		return rv;
	if (!p11_session_rw(s))
		return CKR_SESSION_READ_ONLY;
	if (!may_generate(s))
		return CKR_USER_NOT_LOGGED_IN;
	if (!ukey_token_supports(s->token, r->how.algorithm))
		return r->mechanism->key_type == CKK_RSA ? CKR_KEY_SIZE_RANGE : CKR_CURVE_NOT_SUPPORTED;
	rv = read_names(s, r);
	r->how.ref = -1;
	if (rv == CKR_OK)
		rv = p11_rv(ukey_generate(s->token, &r->how, &ref));
	if (rv == CKR_OK)
		rv = p11_object_handle(s, P11_PUBLIC_KEY, ref, public);
	if (rv == CKR_OK)
		rv = p11_object_handle(s, P11_PRIVATE_KEY, ref, private);
	return rv;
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE hSession, CK_MECHANISM_PTR pMechanism, CK_ATTRIBUTE_PTR pPublicKeyTemplate,
	CK_ULONG ulPublicKeyAttributeCount, CK_ATTRIBUTE_PTR pPrivateKeyTemplate, CK_ULONG ulPrivateKeyAttributeCount,
	CK_OBJECT_HANDLE_PTR phPublicKey, CK_OBJECT_HANDLE_PTR phPrivateKey)
{
	struct request r = {.public = pPublicKeyTemplate,
		.private = pPrivateKeyTemplate,
		.public_count = ulPublicKeyAttributeCount,
		.private_count = ulPrivateKeyAttributeCount};
	CK_OBJECT_HANDLE public = CK_INVALID_HANDLE, private = CK_INVALID_HANDLE;
	struct p11_session *s;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pMechanism || !phPublicKey || !phPrivateKey || p11_bad_input(r.public, r.public_count) ||
		p11_bad_input(r.private, r.private_count))
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	r.mechanism = p11_mechanism(pMechanism->mechanism);
	if (!r.mechanism || !(r.mechanism->flags & CKF_GENERATE_KEY_PAIR))
		return p11_session_leave(s, CKR_MECHANISM_INVALID);
	if (pMechanism->ulParameterLen)
		return p11_session_leave(s, CKR_MECHANISM_PARAM_INVALID);
	rv = generate(s, &r, &public, &private);
	if (rv == CKR_OK) {
		*phPublicKey = public;
		*phPrivateKey = private;
	}
	return p11_session_leave(s, rv);
}
