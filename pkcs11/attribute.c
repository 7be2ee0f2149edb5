/* SPDX-License-Identifier: Apache-2.0 */
/* What attributes an object has: one table for what is on the token, and the lists of session objects. */
#include "pkcs11/p11.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hex.h"

enum who {
	PRV_RSA = 0x01,
	PRV_EC = 0x02,
	PUB_RSA = 0x04,
	PUB_EC = 0x08,
	CERT = 0x10,
	DATA = 0x20,
	PROFILE = 0x40,

	PRV = PRV_RSA | PRV_EC,
	PUB = PUB_RSA | PUB_EC,
	RSA = PRV_RSA | PUB_RSA,
	EC = PRV_EC | PUB_EC,
	KEY = PRV | PUB,
	STORED = KEY | CERT | DATA,
	ALL = STORED | PROFILE,
};

typedef CK_RV getter(struct p11_view *view, CK_ULONG argument, struct p11_value *value);

struct row {
	CK_ATTRIBUTE_TYPE type;
	unsigned who;
	getter *get;
	CK_ULONG argument;
};

/* ---- values ---- */

static CK_RV give(struct p11_value *value, const void *data, size_t len)
{
	value->data = data;
	value->len = len;
	return CKR_OK;
}

static CK_RV give_bytes(struct p11_value *value, struct bytes b)
{
	return give(value, b.data, b.len);
}

static CK_RV give_text(struct p11_value *value, const char *text)
{
	return give(value, text, strlen(text));
}

static CK_RV truth(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	static const CK_BBOOL values[2] = {CK_FALSE, CK_TRUE};

	(void)view;
	return give(value, &values[argument != 0], sizeof(CK_BBOOL));
}

static CK_RV number(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	memcpy(value->store, &argument, sizeof(argument));
	return give(value, value->store, sizeof(argument));
}

static CK_RV empty(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	(void)argument;
	return give(value, "", 0);
}

static CK_RV sensitive(struct p11_view *view, CK_ULONG argument, struct p11_value *value)
{
	(void)view;
	(void)argument;
	(void)value;
	return CKR_ATTRIBUTE_SENSITIVE;
}

/* ---- what has to be read ---- */

static CK_RV read_certificate(struct p11_view *v)
{
	enum ukey_status status;

	if (v->certificate)
		return CKR_OK;
	if (v->key)
		status = ukey_read_certificate(v->token, v->key->ref, &v->certificate, &v->certificate_len);
	else
		status = ukey_read_other_certificate(v->token, v->other->number, &v->certificate, &v->certificate_len);
	if (status != UKEY_OK) {
		v->certificate = NULL;
		return p11_rv(status);
	}
	v->is_parsed = crypto_cert_parse(BYTES(v->certificate, v->certificate_len), &v->parsed);
	return CKR_OK;
}

static CK_RV read_content(struct p11_view *v)
{
	CK_RV rv;

	if (v->has_content)
		return CKR_OK;
	rv = p11_rv(ukey_read_data(v->token, v->data->number, &v->content));
	v->has_content = rv == CKR_OK;
	return rv;
}

/* ---- of every object ---- */

static const struct ukey_certificate_entry *certificate_entry(const struct p11_view *v)
{
	return v->key ? &v->key->certificate : &v->other->certificate;
}

static CK_RV label(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv;

	(void)argument;
	if (v->object.kind == P11_CERTIFICATE || v->object.kind == P11_OTHER_CERTIFICATE)
		return give_text(value, certificate_entry(v)->label);
	if (v->object.kind != P11_DATA)
		return give_text(value, v->key->label);
	if (!v->data->is_private)
		return give_text(value, v->data->label);
	rv = read_content(v);
	return rv == CKR_OK ? give_text(value, v->content.label) : rv;
}

static CK_RV is_private(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return truth(v, argument || (v->data && v->data->is_private), value);
}

/* Kind, place and print: another object in the same place later is another one. */
static CK_RV unique_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	static const char *const kinds[] = {"profile", "prv", "pub", "cert", "cert2", "data"};
	char print[HEX_SIZE(sizeof(v->object.print))];
	char *text = (char *)value->store;

	(void)argument;
	hex_encode(BYTES_OF(v->object.print), print, sizeof(print));
	snprintf(text, sizeof(value->store), "%s/%s/%02x/%s", v->slot->serial, kinds[v->object.kind], v->object.number,
		print);
	return give_text(value, text);
}

static CK_RV profile_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return number(v, v->object.number, value);
}

/* ---- of keys ---- */

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
	if (v->other)
		return give(value, v->other->id, v->other->id_len);
	return give(value, v->key->id, v->key->id_len);
}

/* The use that the public half names is what the private half was made for. */
static CK_RV usage(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return truth(v, v->key->usage & argument, value);
}

static CK_RV generated(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return truth(v, argument && v->key->generated, value);
}

static CK_RV always_authenticate(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return truth(v, argument && v->key->always_authenticate, value);
}

static CK_RV key_gen_mechanism(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return number(v, v->key->generated ? argument : CK_UNAVAILABLE_INFORMATION, value);
}

static CK_RV modulus(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return give(value, v->key->modulus, v->key->modulus_len);
}

static CK_RV modulus_bits(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return number(v, 8 * v->key->modulus_len, value);
}

static CK_RV exponent(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	return give(value, v->key->exponent, v->key->exponent_len);
}

static CK_RV ec_params(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct crypto_pubkey key;

	(void)argument;
	if (!p11_key_public(v->key, &key))
		return CKR_ATTRIBUTE_TYPE_INVALID;
	return give_bytes(value, crypto_curve_oid(key.type));
}

/* DER of an OCTET STRING (3.2, 6.3.3): the bare point is a mistake that many made. */
static CK_RV ec_point(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	struct builder b = builder_of(value->store, sizeof(value->store));

	(void)argument;
	tlv_put(&b, 0x04, BYTES(v->key->point, v->key->point_len));
	return b.failed ? CKR_GENERAL_ERROR : give_bytes(value, builder_bytes(&b));
}

static CK_RV public_key_info(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	size_t len = 0;
	CK_RV rv;

	(void)argument;
	rv = p11_rv(ukey_key_spki(v->key, &value->heap, &len));
	return rv == CKR_OK ? give(value, value->heap, len) : rv;
}

static CK_RV allowed_mechanisms(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_KEY_TYPE type = v->key->modulus ? CKK_RSA : CKK_EC;
	CK_FLAGS flags = 0;
	size_t n;

	if (v->key->usage & UKEY_USE_SIGN)
		flags |= argument ? CKF_SIGN : CKF_VERIFY;
	if (v->key->usage & UKEY_USE_DECRYPT)
		flags |= argument ? CKF_DECRYPT : CKF_ENCRYPT;
	if ((v->key->usage & UKEY_USE_DERIVE) && argument)
		flags |= CKF_DERIVE;
	n = p11_mechanisms_of(type, flags, NULL, 0);
	value->heap = calloc(n + 1, sizeof(CK_MECHANISM_TYPE));
	if (!value->heap)
		return CKR_HOST_MEMORY;
	p11_mechanisms_of(type, flags, (CK_MECHANISM_TYPE *)value->heap, n);
	return give(value, value->heap, n * sizeof(CK_MECHANISM_TYPE));
}

/* ---- of certificates ---- */

enum part {
	PART_WHOLE,
	PART_SUBJECT,
	PART_ISSUER,
	PART_SERIAL,
	PART_START,
	PART_END,
	PART_SPKI,
	PART_CHECK,
};

static CK_RV certificate(struct p11_view *v, CK_ULONG part, struct p11_value *value)
{
	CK_RV rv = read_certificate(v);

	if (rv != CKR_OK)
		return rv;
	if (part == PART_WHOLE)
		return give(value, v->certificate, v->certificate_len);
	if (part == PART_CHECK) {
		if (!crypto_digest(CRYPTO_SHA1, BYTES(v->certificate, v->certificate_len), value->store))
			return CKR_HOST_MEMORY;
		return give(value, value->store, 3);
	}
	/* Somebody wrote what is no certificate: it has a value and nothing more. */
	if (!v->is_parsed)
		return empty(v, 0, value);
	switch (part) {
	case PART_SUBJECT:
		return give_bytes(value, v->parsed.subject);
	case PART_ISSUER:
		return give_bytes(value, v->parsed.issuer);
	case PART_SERIAL:
		return give_bytes(value, v->parsed.serial);
	case PART_SPKI:
		return give_bytes(value, v->parsed.spki);
	case PART_START:
		return give(value, v->parsed.not_before, sizeof(CK_DATE));
	default:
		return give(value, v->parsed.not_after, sizeof(CK_DATE));
	}
}

static CK_RV category(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return number(v, v->key ? argument : v->other->category, value);
}

/* ---- of data ---- */

static CK_RV application(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv;

	(void)argument;
	if (!v->data->is_private)
		return give_text(value, v->data->application);
	rv = read_content(v);
	return rv == CKR_OK ? give_text(value, v->content.application) : rv;
}

static CK_RV object_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv;

	(void)argument;
	if (!v->data->is_private)
		return give(value, v->data->oid, v->data->oid_len);
	rv = read_content(v);
	return rv == CKR_OK ? give(value, v->content.oid, v->content.oid_len) : rv;
}

static CK_RV data_value(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv = read_content(v);

	(void)argument;
	return rv == CKR_OK ? give(value, v->content.value, v->content.length) : rv;
}

/* ---- the table ---- */

/* clang-format off */
static const struct row rows[] = {
	{CKA_CLASS,                      PRV,     number,              CKO_PRIVATE_KEY},
	{CKA_CLASS,                      PUB,     number,              CKO_PUBLIC_KEY},
	{CKA_CLASS,                      CERT,    number,              CKO_CERTIFICATE},
	{CKA_CLASS,                      DATA,    number,              CKO_DATA},
	{CKA_CLASS,                      PROFILE, number,              CKO_PROFILE},
	{CKA_TOKEN,                      ALL,     truth,               true},
	{CKA_PRIVATE,                    PRV,     truth,               true},
	{CKA_PRIVATE,                    PUB | CERT | PROFILE, truth,  false},
	{CKA_PRIVATE,                    DATA,    is_private,          false},
	{CKA_MODIFIABLE,                 STORED,  truth,               true},
	{CKA_MODIFIABLE,                 PROFILE, truth,               false},
	{CKA_COPYABLE,                   ALL,     truth,               false},
	/* A public key is the other face of its private key, and goes with it. */
	{CKA_DESTROYABLE,                PRV | CERT | DATA, truth,     true},
	{CKA_DESTROYABLE,                PUB | PROFILE, truth,         false},
	{CKA_LABEL,                      STORED,  label,               0},
	{CKA_LABEL,                      PROFILE, empty,               0},
	{CKA_UNIQUE_ID,                  ALL,     unique_id,           0},
	{CKA_PROFILE_ID,                 PROFILE, profile_id,          0},

	{CKA_KEY_TYPE,                   RSA,     number,              CKK_RSA},
	{CKA_KEY_TYPE,                   EC,      number,              CKK_EC},
	{CKA_ID,                         KEY | CERT, id,               0},
	{CKA_START_DATE,                 KEY,     empty,               0},
	{CKA_END_DATE,                   KEY,     empty,               0},
	{CKA_SUBJECT,                    KEY,     empty,               0},
	{CKA_LOCAL,                      KEY,     generated,           true},
	{CKA_KEY_GEN_MECHANISM,          RSA,     key_gen_mechanism,   CKM_RSA_PKCS_KEY_PAIR_GEN},
	{CKA_KEY_GEN_MECHANISM,          EC,      key_gen_mechanism,   CKM_EC_KEY_PAIR_GEN},
	{CKA_ALLOWED_MECHANISMS,         PRV,     allowed_mechanisms,  true},
	{CKA_ALLOWED_MECHANISMS,         PUB,     allowed_mechanisms,  false},
	{CKA_PUBLIC_KEY_INFO,            KEY,     public_key_info,     0},
	{CKA_MODULUS,                    RSA,     modulus,             0},
	{CKA_MODULUS_BITS,               RSA,     modulus_bits,        0},
	{CKA_PUBLIC_EXPONENT,            RSA,     exponent,            0},
	{CKA_EC_PARAMS,                  EC,      ec_params,           0},
	{CKA_EC_POINT,                   EC,      ec_point,            0},
	{CKA_DERIVE,                     PRV,     usage,               UKEY_USE_DERIVE},
	{CKA_DERIVE,                     PUB,     truth,               false},

	{CKA_VERIFY,                     PUB,     usage,               UKEY_USE_SIGN},
	{CKA_ENCRYPT,                    PUB,     usage,               UKEY_USE_DECRYPT},
	{CKA_VERIFY_RECOVER,             PUB,     truth,               false},
	{CKA_WRAP,                       PUB,     truth,               false},
	{CKA_ENCAPSULATE,                PUB,     truth,               false},
	{CKA_TRUSTED,                    PUB | CERT, truth,            false},
	{CKA_WRAP_TEMPLATE,              PUB,     empty,               0},

	{CKA_SIGN,                       PRV,     usage,               UKEY_USE_SIGN},
	{CKA_DECRYPT,                    PRV,     usage,               UKEY_USE_DECRYPT},
	{CKA_SIGN_RECOVER,               PRV,     truth,               false},
	{CKA_UNWRAP,                     PRV,     truth,               false},
	{CKA_DECAPSULATE,                PRV,     truth,               false},
	{CKA_SENSITIVE,                  PRV,     truth,               true},
	{CKA_ALWAYS_SENSITIVE,           PRV,     generated,           true},
	{CKA_EXTRACTABLE,                PRV,     truth,               false},
	{CKA_NEVER_EXTRACTABLE,          PRV,     generated,           true},
	{CKA_WRAP_WITH_TRUSTED,          PRV,     truth,               false},
	{CKA_UNWRAP_TEMPLATE,            PRV,     empty,               0},
	{CKA_DERIVE_TEMPLATE,            PRV,     empty,               0},
	{CKA_ALWAYS_AUTHENTICATE,        PRV,     always_authenticate, true},
	{CKA_PRIVATE_EXPONENT,           PRV_RSA, sensitive,           0},
	{CKA_PRIME_1,                    PRV_RSA, sensitive,           0},
	{CKA_PRIME_2,                    PRV_RSA, sensitive,           0},
	{CKA_EXPONENT_1,                 PRV_RSA, sensitive,           0},
	{CKA_EXPONENT_2,                 PRV_RSA, sensitive,           0},
	{CKA_COEFFICIENT,                PRV_RSA, sensitive,           0},
	{CKA_VALUE,                      PRV_EC,  sensitive,           0},

	{CKA_CERTIFICATE_TYPE,           CERT,    number,              CKC_X_509},
	{CKA_CERTIFICATE_CATEGORY,       CERT,    category,            CK_CERTIFICATE_CATEGORY_TOKEN_USER},
	{CKA_VALUE,                      CERT,    certificate,         PART_WHOLE},
	{CKA_SUBJECT,                    CERT,    certificate,         PART_SUBJECT},
	{CKA_ISSUER,                     CERT,    certificate,         PART_ISSUER},
	{CKA_SERIAL_NUMBER,              CERT,    certificate,         PART_SERIAL},
	{CKA_START_DATE,                 CERT,    certificate,         PART_START},
	{CKA_END_DATE,                   CERT,    certificate,         PART_END},
	{CKA_PUBLIC_KEY_INFO,            CERT,    certificate,         PART_SPKI},
	{CKA_CHECK_VALUE,                CERT,    certificate,         PART_CHECK},
	{CKA_URL,                        CERT,    empty,               0},
	{CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CERT,    empty,               0},
	{CKA_HASH_OF_ISSUER_PUBLIC_KEY,  CERT,    empty,               0},
	{CKA_NAME_HASH_ALGORITHM,        CERT,    number,              CKM_SHA_1},
	{CKA_JAVA_MIDP_SECURITY_DOMAIN,  CERT,    number,              CK_SECURITY_DOMAIN_UNSPECIFIED},

	{CKA_APPLICATION,                DATA,    application,         0},
	{CKA_OBJECT_ID,                  DATA,    object_id,           0},
	{CKA_VALUE,                      DATA,    data_value,          0},
};
/* clang-format on */

static unsigned who(const struct p11_view *v)
{
	bool rsa = v->key && v->key->modulus;

	switch (v->object.kind) {
	case P11_PRIVATE_KEY:
		return rsa ? PRV_RSA : PRV_EC;
	case P11_PUBLIC_KEY:
		return rsa ? PUB_RSA : PUB_EC;
	case P11_CERTIFICATE:
	case P11_OTHER_CERTIFICATE:
		return CERT;
	case P11_DATA:
		return DATA;
	case P11_PROFILE:
		return PROFILE;
	default:
		return 0;
	}
}

static const struct row *row_of(const struct p11_view *v, CK_ATTRIBUTE_TYPE type)
{
	unsigned me = who(v);

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].type == type && (rows[i].who & me))
			return &rows[i];
	return NULL;
}

/* ---- session objects ---- */

/* What the list of a session object does not say. */
/* clang-format off */
static const struct {
	CK_ATTRIBUTE_TYPE type;
	CK_OBJECT_CLASS class;
	getter *get;
	CK_ULONG argument;
} defaults[] = {
	{CKA_LABEL,              CKO_DATA,        empty,  0},
	{CKA_APPLICATION,        CKO_DATA,        empty,  0},
	{CKA_OBJECT_ID,          CKO_DATA,        empty,  0},
	{CKA_VALUE,              CKO_DATA,        empty,  0},
	{CKA_LABEL,              CKO_CERTIFICATE, empty,  0},
	{CKA_ID,                 CKO_CERTIFICATE, empty,  0},
	{CKA_TRUSTED,            CKO_CERTIFICATE, truth,  false},
	{CKA_CERTIFICATE_CATEGORY, CKO_CERTIFICATE, number, CK_CERTIFICATE_CATEGORY_UNSPECIFIED},
	{CKA_LABEL,              CKO_PUBLIC_KEY,  empty,  0},
	{CKA_ID,                 CKO_PUBLIC_KEY,  empty,  0},
	{CKA_SUBJECT,            CKO_PUBLIC_KEY,  empty,  0},
	{CKA_START_DATE,         CKO_PUBLIC_KEY,  empty,  0},
	{CKA_END_DATE,           CKO_PUBLIC_KEY,  empty,  0},
	{CKA_ENCRYPT,            CKO_PUBLIC_KEY,  truth,  true},
	{CKA_VERIFY,             CKO_PUBLIC_KEY,  truth,  true},
	{CKA_VERIFY_RECOVER,     CKO_PUBLIC_KEY,  truth,  false},
	{CKA_WRAP,               CKO_PUBLIC_KEY,  truth,  false},
	{CKA_DERIVE,             CKO_PUBLIC_KEY,  truth,  false},
	{CKA_TRUSTED,            CKO_PUBLIC_KEY,  truth,  false},
	{CKA_LOCAL,              CKO_PUBLIC_KEY,  truth,  false},
	{CKA_KEY_GEN_MECHANISM,  CKO_PUBLIC_KEY,  number, CK_UNAVAILABLE_INFORMATION},
	{CKA_LABEL,              CKO_SECRET_KEY,  empty,  0},
	{CKA_ID,                 CKO_SECRET_KEY,  empty,  0},
	{CKA_START_DATE,         CKO_SECRET_KEY,  empty,  0},
	{CKA_END_DATE,           CKO_SECRET_KEY,  empty,  0},
	{CKA_SENSITIVE,          CKO_SECRET_KEY,  truth,  true},
	{CKA_EXTRACTABLE,        CKO_SECRET_KEY,  truth,  false},
	{CKA_ENCRYPT,            CKO_SECRET_KEY,  truth,  false},
	{CKA_DECRYPT,            CKO_SECRET_KEY,  truth,  false},
	{CKA_SIGN,               CKO_SECRET_KEY,  truth,  false},
	{CKA_VERIFY,             CKO_SECRET_KEY,  truth,  false},
	{CKA_WRAP,               CKO_SECRET_KEY,  truth,  false},
	{CKA_UNWRAP,             CKO_SECRET_KEY,  truth,  false},
	{CKA_DERIVE,             CKO_SECRET_KEY,  truth,  false},
	{CKA_TRUSTED,            CKO_SECRET_KEY,  truth,  false},
	{CKA_WRAP_WITH_TRUSTED,  CKO_SECRET_KEY,  truth,  false},
	{CKA_LOCAL,              CKO_SECRET_KEY,  truth,  false},
	{CKA_ALWAYS_SENSITIVE,   CKO_SECRET_KEY,  truth,  false},
	{CKA_NEVER_EXTRACTABLE,  CKO_SECRET_KEY,  truth,  false},
	{CKA_KEY_GEN_MECHANISM,  CKO_SECRET_KEY,  number, CK_UNAVAILABLE_INFORMATION},
};

/* Of session objects of every class. */
static const struct row common[] = {
	{CKA_TOKEN,       0, truth, false},
	{CKA_PRIVATE,     0, truth, false},
	{CKA_MODIFIABLE,  0, truth, true},
	{CKA_COPYABLE,    0, truth, true},
	{CKA_DESTROYABLE, 0, truth, true},
};
/* clang-format on */

static CK_RV session_unique_id(const struct p11_view *v, struct p11_value *value)
{
	char *text = (char *)value->store;

	snprintf(text, sizeof(value->store), "session/%lu/%lu", v->object.owner, v->object.handle);
	return give_text(value, text);
}

static bool is_secret(const struct p11_view *v)
{
	const struct p11_attributes *a = v->object.attributes;
	bool is_sensitive = true, extractable = false;

	if (p11_class(v) != CKO_SECRET_KEY)
		return false;
	p11_take_bool(a->list, a->count, CKA_SENSITIVE, &is_sensitive, NULL);
	p11_take_bool(a->list, a->count, CKA_EXTRACTABLE, &extractable, NULL);
	return is_sensitive || !extractable;
}

static CK_RV session_attribute(struct p11_view *v, CK_ATTRIBUTE_TYPE type, struct p11_value *value)
{
	const struct p11_attributes *a = v->object.attributes;
	const CK_ATTRIBUTE *attribute = p11_find(a->list, a->count, type);
	CK_OBJECT_CLASS class = p11_class(v);

	if (type == CKA_VALUE && is_secret(v))
		return CKR_ATTRIBUTE_SENSITIVE;
	if (attribute)
		return give(value, attribute->pValue, attribute->ulValueLen);
	if (type == CKA_UNIQUE_ID)
		return session_unique_id(v, value);
	for (size_t i = 0; i < sizeof(defaults) / sizeof(*defaults); i++)
		if (defaults[i].type == type && defaults[i].class == class)
			return defaults[i].get(v, defaults[i].argument, value);
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		if (common[i].type == type)
			return common[i].get(v, common[i].argument, value);
	return CKR_ATTRIBUTE_TYPE_INVALID;
}

/* ---- for the others ---- */

CK_OBJECT_CLASS p11_class(const struct p11_view *v)
{
	static const CK_OBJECT_CLASS classes[] = {
		CKO_PROFILE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_CERTIFICATE, CKO_CERTIFICATE, CKO_DATA};
	CK_ULONG class = CK_UNAVAILABLE_INFORMATION;

	if (v->object.kind != P11_SESSION_OBJECT)
		return classes[v->object.kind];
	p11_take_ulong(v->object.attributes->list, v->object.attributes->count, CKA_CLASS, &class, NULL);
	return class;
}

CK_RV p11_attribute(struct p11_view *view, CK_ATTRIBUTE_TYPE type, struct p11_value *value)
{
	const struct row *row;
	CK_RV rv;

	value->data = NULL;
	value->len = 0;
	value->heap = NULL;
	if (view->object.kind == P11_SESSION_OBJECT)
		return session_attribute(view, type, value);
	row = row_of(view, type);
	if (!row)
		return CKR_ATTRIBUTE_TYPE_INVALID;
	rv = row->get(view, row->argument, value);
	if (rv != CKR_OK)
		p11_value_clear(value);
	return rv;
}

void p11_value_clear(struct p11_value *value)
{
	free(value->heap);
	value->heap = NULL;
}

CK_RV p11_attribute_length(struct p11_view *view, CK_ATTRIBUTE_TYPE type, size_t *len)
{
	struct p11_value value;
	CK_RV rv;

	if (type == CKA_VALUE && who(view) == CERT) {
		*len = certificate_entry(view)->length;
		return CKR_OK;
	}
	if (type == CKA_VALUE && who(view) == DATA) {
		*len = view->data->length;
		return CKR_OK;
	}
	rv = p11_attribute(view, type, &value);
	if (rv == CKR_OK) {
		*len = value.len;
		p11_value_clear(&value);
	}
	return rv;
}

/* Known from the directory alone. */
static bool is_cheap(const struct p11_view *view, CK_ATTRIBUTE_TYPE type)
{
	const struct row *row;

	if (view->object.kind == P11_SESSION_OBJECT)
		return true;
	row = row_of(view, type);
	if (!row || row->get == certificate || row->get == data_value)
		return !row;
	return !(view->data && view->data->is_private &&
		 (row->get == label || row->get == application || row->get == object_id));
}

static CK_RV matches_one(struct p11_view *view, const CK_ATTRIBUTE *a, bool *matches)
{
	struct p11_value value;
	size_t len = 0;
	CK_RV rv = p11_attribute_length(view, a->type, &len);

	if (rv == CKR_OK && len == a->ulValueLen)
		rv = p11_attribute(view, a->type, &value);
	else
		*matches = false;
	/* The last one: the object went just now, by another program's hand. */
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE || rv == CKR_OBJECT_HANDLE_INVALID) {
		*matches = false;
		return CKR_OK;
	}
	if (rv != CKR_OK || !*matches)
		return rv;
	*matches = bytes_equal(BYTES(value.data, value.len), BYTES(a->pValue, a->ulValueLen));
	p11_value_clear(&value);
	return CKR_OK;
}

CK_RV p11_matches(struct p11_view *view, const CK_ATTRIBUTE *list, CK_ULONG count, bool *matches)
{
	CK_RV rv = CKR_OK;

	*matches = true;
	for (int costly = 0; costly <= 1; costly++)
		for (CK_ULONG i = 0; rv == CKR_OK && *matches && i < count; i++)
			if (is_cheap(view, list[i].type) == !costly)
				rv = matches_one(view, &list[i], matches);
	return rv;
}

/* ---- calls ---- */

/* What is read may be longer than the directory said: another program wrote meanwhile, or the token lies. */
static CK_RV give_out(struct p11_view *view, const CK_ATTRIBUTE *a, size_t *len)
{
	struct p11_value value;
	CK_RV rv = p11_attribute(view, a->type, &value);

	if (rv != CKR_OK)
		return rv;
	*len = value.len;
	if (value.len > a->ulValueLen)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (value.len)
		memcpy(a->pValue, value.data, value.len);
	p11_value_clear(&value);
	return rv;
}

static CK_RV get_one(struct p11_view *view, CK_ATTRIBUTE *a)
{
	size_t len = 0;
	CK_RV rv = p11_attribute_length(view, a->type, &len);

	if (rv == CKR_OK && a->pValue && a->ulValueLen < len)
		rv = CKR_BUFFER_TOO_SMALL;
	else if (rv == CKR_OK && a->pValue)
		rv = give_out(view, a, &len);
	a->ulValueLen = rv == CKR_OK ? len : CK_UNAVAILABLE_INFORMATION;
	return rv;
}

/* Each attribute has an outcome of its own; the caller gets all that can be had, and hears of one failure (5.7). */
CK_RV C_GetAttributeValue(
	CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ATTRIBUTE_PTR pTemplate, CK_ULONG ulCount)
{
	struct p11_session *s;
	struct p11_view view;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (p11_bad_input(pTemplate, ulCount) || !ulCount)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	for (CK_ULONG i = 0; i < ulCount; i++) {
		CK_RV one = get_one(&view, &pTemplate[i]);

		if (rv == CKR_OK || (one != CKR_OK && one != CKR_ATTRIBUTE_TYPE_INVALID &&
					    one != CKR_ATTRIBUTE_SENSITIVE && one != CKR_BUFFER_TOO_SMALL))
			rv = one;
	}
	p11_view_close(&view);
	return p11_session_leave(s, rv);
}

/* What the object takes on the token as far as we know; the token's own bookkeeping is not in it. */
CK_RV C_GetObjectSize(CK_SESSION_HANDLE hSession, CK_OBJECT_HANDLE hObject, CK_ULONG_PTR pulSize)
{
	static const CK_ATTRIBUTE_TYPE parts[] = {
		CKA_LABEL, CKA_ID, CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE, CKA_MODULUS, CKA_EC_POINT};
	struct p11_session *s;
	struct p11_view view;
	CK_ULONG size = 0;
	CK_RV rv = p11_session_enter(hSession, &s);

	if (rv != CKR_OK)
		return rv;
	if (!pulSize)
		return p11_session_leave(s, CKR_ARGUMENTS_BAD);
	rv = p11_view_open(s, hObject, &view);
	if (rv != CKR_OK)
		return p11_session_leave(s, rv);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		size_t len = 0;

		if (is_cheap(&view, parts[i]) || parts[i] == CKA_VALUE)
			if (p11_attribute_length(&view, parts[i], &len) == CKR_OK)
				size += len;
	}
	p11_view_close(&view);
	*pulSize = size;
	return p11_session_leave(s, CKR_OK);
}
