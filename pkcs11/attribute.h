/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the attribute files: one table of rows for each family of objects, and the getters that many rows share.
 *
 *	attribute.c		what every object has, the lookup, and the calls
 *	attribute_key.c		key pairs on the token
 *	attribute_stored.c	certificates and data on the token: what may have to be read
 *	attribute_session.c	session objects: their own list, and defaults for what it does not say
 */
#ifndef PKCS11_ATTRIBUTE_H
#define PKCS11_ATTRIBUTE_H

#include "pkcs11/p11.h"

/* Whose attribute a row is. */
enum p11_who {
	P11_PRV_RSA = 0x01,
	P11_PRV_EC = 0x02,
	P11_PUB_RSA = 0x04,
	P11_PUB_EC = 0x08,
	P11_CERT = 0x10,
	P11_DATUM = 0x20,
	P11_PROFILED = 0x40,
	P11_MECHANISED = 0x80,

	P11_PRV = P11_PRV_RSA | P11_PRV_EC,
	P11_PUB = P11_PUB_RSA | P11_PUB_EC,
	P11_RSA = P11_PRV_RSA | P11_PUB_RSA,
	P11_EC = P11_PRV_EC | P11_PUB_EC,
	P11_KEYS = P11_PRV | P11_PUB,
	P11_STORED = P11_KEYS | P11_CERT | P11_DATUM,
	P11_BUILT_IN = P11_PROFILED | P11_MECHANISED, /* what the module and the token can do */
	P11_ALL = P11_STORED | P11_BUILT_IN,
};

/* What an answer costs. */
enum p11_cost {
	P11_KNOWN,        /* the directory has it */
	P11_READ,         /* the object is read */
	P11_READ_PRIVATE, /* the directory has it, unless the object is private data */
};

typedef CK_RV p11_getter(struct p11_view *view, CK_ULONG argument, struct p11_value *value);

struct p11_row {
	CK_ATTRIBUTE_TYPE type;
	unsigned who;
	p11_getter *get;
	CK_ULONG argument;
	enum p11_cost cost;
};

struct p11_rows {
	const struct p11_row *rows;
	size_t count;
};
#define P11_ROWS(array)                                                                                                \
	{                                                                                                              \
		(array), sizeof(array) / sizeof(*(array))                                                              \
	}

extern const struct p11_rows p11_key_rows, p11_stored_rows;

/* The value is the caller's memory, or that of the view. */
static inline CK_RV p11_give(struct p11_value *value, const void *data, size_t len)
{
	value->data = data;
	value->len = len;
	return CKR_OK;
}
static inline CK_RV p11_give_bytes(struct p11_value *value, struct bytes b)
{
	return p11_give(value, b.data, b.len);
}
CK_RV p11_give_text(struct p11_value *value, const char *text);

/* ---- getters: the argument is the value ---- */

CK_RV p11_get_truth(struct p11_view *view, CK_ULONG argument, struct p11_value *value);
CK_RV p11_get_number(struct p11_view *view, CK_ULONG argument, struct p11_value *value);
CK_RV p11_get_empty(struct p11_view *view, CK_ULONG argument, struct p11_value *value);
CK_RV p11_get_sensitive(struct p11_view *view, CK_ULONG argument, struct p11_value *value);

/* ---- attribute_key.c ---- */

/* CKA_ALLOWED_MECHANISMS of a key of this type that may be used so (CKF_SIGN ...). */
CK_RV p11_give_mechanisms(struct p11_value *value, CK_KEY_TYPE type, CK_FLAGS flags);

/* ---- attribute_stored.c ---- */

enum p11_part {
	P11_PART_WHOLE,
	P11_PART_SUBJECT,
	P11_PART_ISSUER,
	P11_PART_SERIAL,
	P11_PART_START,
	P11_PART_END,
	P11_PART_SPKI,
	P11_PART_CHECK,
};
/* Borrowed from the DER; `cert` is NULL when that is no certificate: then it has a value and nothing more. */
CK_RV p11_give_part(struct p11_value *value, enum p11_part part, struct bytes der, const struct crypto_cert *cert);

const struct ukey_certificate_entry *p11_certificate_entry(const struct p11_view *v);
/* The label of a private data object stands in its content. */
CK_RV p11_data_label(struct p11_view *v, struct p11_value *value);

/* ---- attribute_session.c ---- */

CK_RV p11_session_attribute(struct p11_view *v, CK_ATTRIBUTE_TYPE type, struct p11_value *value);

#endif
