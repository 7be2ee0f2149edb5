/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of key pairs on the token: all of them from the directory. */
#include "pkcs11/attribute.h"

#include <stdlib.h>

static const struct {
	enum ukey_algorithm algorithm;
	enum crypto_key_type type;
} types[] = {
	{UKEY_RSA_2048, CRYPTO_RSA    },
	{UKEY_RSA_3072, CRYPTO_RSA    },
	{UKEY_RSA_4096, CRYPTO_RSA    },
	{UKEY_P256,     CRYPTO_EC_P256},
	{UKEY_P384,     CRYPTO_EC_P384},
	{UKEY_P521,     CRYPTO_EC_P521},
};

bool p11_key_public(const struct ukey_key *key, struct crypto_pubkey *out)
{
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (types[i].algorithm == key->algorithm) {
			*out = (struct crypto_pubkey){.type = types[i].type};
			if (out->type == CRYPTO_RSA) {
				out->modulus = BYTES(key->modulus, key->modulus_len);
				out->exponent = BYTES(key->exponent, key->exponent_len);
			} else {
				out->point = BYTES(key->point, key->point_len);
			}
			return true;
		}
	return false;
}

static CK_RV id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_give(value, v->key->id, v->key->id_len);
}

/* The use that the public half names is what the private half was made for. */
static CK_RV usage(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, v->key->usage & argument, value);
}

static CK_RV generated(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, argument && v->key->generated, value);
}

static CK_RV always_authenticate(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_truth(v, argument && v->key->always_authenticate, value);
}

static CK_RV key_gen_mechanism(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_number(v, v->key->generated ? argument : CK_UNAVAILABLE_INFORMATION, value);
}

static CK_RV modulus(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_give(value, v->key->modulus, v->key->modulus_len);
}

static CK_RV modulus_bits(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_get_number(v, 8 * v->key->modulus_len, value);
}

static CK_RV exponent(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return p11_give(value, v->key->exponent, v->key->exponent_len);
}

static CK_RV ec_params(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct crypto_pubkey key;

	(void)argument;
	if (!p11_key_public(v->key, &key))
		return CKR_ATTRIBUTE_TYPE_INVALID;
	return p11_give_bytes(value, crypto_curve_oid(key.type));
}

/* DER of an OCTET STRING (3.2, 6.3.3): the bare point is a mistake that many made. */
static CK_RV ec_point(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct builder b = builder_of(value->store, sizeof(value->store));

	(void)argument;
	tlv_put(&b, 0x04, BYTES(v->key->point, v->key->point_len));
	return b.failed ? CKR_GENERAL_ERROR : p11_give_bytes(value, builder_bytes(&b));
}

static CK_RV public_key_info(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	size_t len = 0;
	CK_RV rv;

	(void)argument;
	rv = p11_rv(ukey_key_spki(v->key, &value->heap, &len));
	return rv == CKR_OK ? p11_give(value, value->heap, len) : rv;
}

CK_RV p11_give_mechanisms(struct p11_value *value, CK_KEY_TYPE type, CK_FLAGS flags)
{
	size_t n = p11_mechanisms_of(type, flags, NULL, 0);

	value->heap = calloc(n + 1, sizeof(CK_MECHANISM_TYPE));
	if (!value->heap)
		return CKR_HOST_MEMORY;
	p11_mechanisms_of(type, flags, (CK_MECHANISM_TYPE *)value->heap, n);
	return p11_give(value, value->heap, n * sizeof(CK_MECHANISM_TYPE));
}

static CK_RV allowed_mechanisms(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_FLAGS flags = 0;

	if (v->key->usage & UKEY_USE_SIGN)
		flags |= argument ? CKF_SIGN : CKF_VERIFY;
	if (v->key->usage & UKEY_USE_DECRYPT)
		flags |= argument ? CKF_DECRYPT : CKF_ENCRYPT;
	if ((v->key->usage & UKEY_USE_DERIVE) && argument)
		flags |= CKF_DERIVE;
	return p11_give_mechanisms(value, v->key->modulus ? CKK_RSA : CKK_EC, flags);
}

/* clang-format off */
static const struct p11_row rows[] = {
	{CKA_KEY_TYPE,            P11_RSA,     p11_get_number,      CKK_RSA,                   P11_KNOWN},
	{CKA_KEY_TYPE,            P11_EC,      p11_get_number,      CKK_EC,                    P11_KNOWN},
	{CKA_ID,                  P11_KEYS,    id,                  0,                         P11_KNOWN},
	{CKA_START_DATE,          P11_KEYS,    p11_get_empty,       0,                         P11_KNOWN},
	{CKA_END_DATE,            P11_KEYS,    p11_get_empty,       0,                         P11_KNOWN},
	{CKA_SUBJECT,             P11_KEYS,    p11_get_empty,       0,                         P11_KNOWN},
	{CKA_LOCAL,               P11_KEYS,    generated,           true,                      P11_KNOWN},
	{CKA_KEY_GEN_MECHANISM,   P11_RSA,     key_gen_mechanism,   CKM_RSA_PKCS_KEY_PAIR_GEN, P11_KNOWN},
	{CKA_KEY_GEN_MECHANISM,   P11_EC,      key_gen_mechanism,   CKM_EC_KEY_PAIR_GEN,       P11_KNOWN},
	{CKA_ALLOWED_MECHANISMS,  P11_PRV,     allowed_mechanisms,  true,                      P11_KNOWN},
	{CKA_ALLOWED_MECHANISMS,  P11_PUB,     allowed_mechanisms,  false,                     P11_KNOWN},
	{CKA_PUBLIC_KEY_INFO,     P11_KEYS,    public_key_info,     0,                         P11_KNOWN},
	{CKA_MODULUS,             P11_RSA,     modulus,             0,                         P11_KNOWN},
	{CKA_MODULUS_BITS,        P11_RSA,     modulus_bits,        0,                         P11_KNOWN},
	{CKA_PUBLIC_EXPONENT,     P11_RSA,     exponent,            0,                         P11_KNOWN},
	{CKA_EC_PARAMS,           P11_EC,      ec_params,           0,                         P11_KNOWN},
	{CKA_EC_POINT,            P11_EC,      ec_point,            0,                         P11_KNOWN},
	{CKA_DERIVE,              P11_PRV,     usage,               UKEY_USE_DERIVE,           P11_KNOWN},
	{CKA_DERIVE,              P11_PUB,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_VERIFY,              P11_PUB,     usage,               UKEY_USE_SIGN,             P11_KNOWN},
	{CKA_ENCRYPT,             P11_PUB,     usage,               UKEY_USE_DECRYPT,          P11_KNOWN},
	{CKA_VERIFY_RECOVER,      P11_PUB_RSA, usage,               UKEY_USE_SIGN,             P11_KNOWN},
	{CKA_VERIFY_RECOVER,      P11_PUB_EC,  p11_get_truth,       false,                     P11_KNOWN},
	{CKA_WRAP,                P11_PUB,     usage,               UKEY_USE_DECRYPT,          P11_KNOWN},
	{CKA_ENCAPSULATE,         P11_PUB,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_TRUSTED,             P11_PUB,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_WRAP_TEMPLATE,       P11_PUB,     p11_get_empty,       0,                         P11_KNOWN},
	{CKA_SIGN,                P11_PRV,     usage,               UKEY_USE_SIGN,             P11_KNOWN},
	{CKA_DECRYPT,             P11_PRV,     usage,               UKEY_USE_DECRYPT,          P11_KNOWN},
	{CKA_SIGN_RECOVER,        P11_PRV_RSA, usage,               UKEY_USE_SIGN,             P11_KNOWN},
	{CKA_SIGN_RECOVER,        P11_PRV_EC,  p11_get_truth,       false,                     P11_KNOWN},
	{CKA_UNWRAP,              P11_PRV,     usage,               UKEY_USE_DECRYPT,          P11_KNOWN},
	{CKA_DECAPSULATE,         P11_PRV,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_SENSITIVE,           P11_PRV,     p11_get_truth,       true,                      P11_KNOWN},
	{CKA_ALWAYS_SENSITIVE,    P11_PRV,     generated,           true,                      P11_KNOWN},
	{CKA_EXTRACTABLE,         P11_PRV,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_NEVER_EXTRACTABLE,   P11_PRV,     generated,           true,                      P11_KNOWN},
	{CKA_WRAP_WITH_TRUSTED,   P11_PRV,     p11_get_truth,       false,                     P11_KNOWN},
	{CKA_UNWRAP_TEMPLATE,     P11_PRV,     p11_get_empty,       0,                         P11_KNOWN},
	{CKA_DERIVE_TEMPLATE,     P11_PRV,     p11_get_empty,       0,                         P11_KNOWN},
	{CKA_ALWAYS_AUTHENTICATE, P11_PRV,     always_authenticate, true,                      P11_KNOWN},
	{CKA_PRIVATE_EXPONENT,    P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_PRIME_1,             P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_PRIME_2,             P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_EXPONENT_1,          P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_EXPONENT_2,          P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_COEFFICIENT,         P11_PRV_RSA, p11_get_sensitive,   0,                         P11_KNOWN},
	{CKA_VALUE,               P11_PRV_EC,  p11_get_sensitive,   0,                         P11_KNOWN},
};
/* clang-format on */

const struct p11_rows p11_key_rows = P11_ROWS(rows);
