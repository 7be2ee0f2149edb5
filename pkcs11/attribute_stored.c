/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of certificates and data on the token. The directory has what searches ask for; the rest is read once. */
#include "pkcs11/attribute.h"

#include <string.h>

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

const struct ukey_certificate_entry *p11_certificate_entry(const struct p11_view *v)
{
	return v->key ? &v->key->certificate : &v->other->certificate;
}

/* ---- of certificates ---- */

static CK_RV id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	(void)argument;
	if (v->other)
		return p11_give(value, v->other->id, v->other->id_len);
	return p11_give(value, v->key->id, v->key->id_len);
}

CK_RV p11_give_part(struct p11_value *value, enum p11_part part, struct bytes der, const struct crypto_cert *cert)
{
	if (part == P11_PART_WHOLE)
		return p11_give_bytes(value, der);
	if (part == P11_PART_CHECK) {
		if (!crypto_digest(CRYPTO_SHA1, der, value->store))
			return CKR_HOST_MEMORY;
		return p11_give(value, value->store, 3);
	}
	if (!cert)
		return p11_give(value, "", 0);
	switch (part) {
	case P11_PART_SUBJECT:
		return p11_give_bytes(value, cert->subject);
	case P11_PART_ISSUER:
		return p11_give_bytes(value, cert->issuer);
	case P11_PART_SERIAL:
		return p11_give_bytes(value, cert->serial);
	case P11_PART_SPKI:
		return p11_give_bytes(value, cert->spki);
	default:
		memcpy(value->store, part == P11_PART_START ? cert->not_before : cert->not_after, sizeof(CK_DATE));
		return p11_give(value, value->store, sizeof(CK_DATE));
	}
}

static CK_RV certificate(struct p11_view *v, CK_ULONG part, struct p11_value *value)
{
	CK_RV rv = read_certificate(v);

	if (rv != CKR_OK)
		return rv;
	return p11_give_part(value, (enum p11_part)part, BYTES(v->certificate, v->certificate_len),
		v->is_parsed ? &v->parsed : NULL);
}

static CK_RV category(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	return p11_get_number(v, v->key ? argument : v->other->category, value);
}

/* ---- of data ---- */

CK_RV p11_data_label(struct p11_view *v, struct p11_value *value)
{
	CK_RV rv;

	if (!v->data->is_private)
		return p11_give_text(value, v->data->label);
	rv = read_content(v);
	return rv == CKR_OK ? p11_give_text(value, v->content.label) : rv;
}

static CK_RV application(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv;

	(void)argument;
	if (!v->data->is_private)
		return p11_give_text(value, v->data->application);
	rv = read_content(v);
	return rv == CKR_OK ? p11_give_text(value, v->content.application) : rv;
}

static CK_RV object_id(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv;

	(void)argument;
	if (!v->data->is_private)
		return p11_give(value, v->data->oid, v->data->oid_len);
	rv = read_content(v);
	return rv == CKR_OK ? p11_give(value, v->content.oid, v->content.oid_len) : rv;
}

static CK_RV data_value(struct p11_view *v, CK_ULONG argument, struct p11_value *value)
{
	CK_RV rv = read_content(v);

	(void)argument;
	return rv == CKR_OK ? p11_give(value, v->content.value, v->content.length) : rv;
}

/* ---- the table ---- */

/* clang-format off */
static const struct p11_row rows[] = {
	{CKA_ID,                         P11_CERT,  id,             0,                                  P11_KNOWN},
	{CKA_TRUSTED,                    P11_CERT,  p11_get_truth,  false,                              P11_KNOWN},
	{CKA_CERTIFICATE_TYPE,           P11_CERT,  p11_get_number, CKC_X_509,                          P11_KNOWN},
	{CKA_CERTIFICATE_CATEGORY,       P11_CERT,  category,       CK_CERTIFICATE_CATEGORY_TOKEN_USER, P11_KNOWN},
	{CKA_VALUE,                      P11_CERT,  certificate,    P11_PART_WHOLE,                         P11_READ},
	{CKA_SUBJECT,                    P11_CERT,  certificate,    P11_PART_SUBJECT,                       P11_READ},
	{CKA_ISSUER,                     P11_CERT,  certificate,    P11_PART_ISSUER,                        P11_READ},
	{CKA_SERIAL_NUMBER,              P11_CERT,  certificate,    P11_PART_SERIAL,                        P11_READ},
	{CKA_START_DATE,                 P11_CERT,  certificate,    P11_PART_START,                         P11_READ},
	{CKA_END_DATE,                   P11_CERT,  certificate,    P11_PART_END,                           P11_READ},
	{CKA_PUBLIC_KEY_INFO,            P11_CERT,  certificate,    P11_PART_SPKI,                          P11_READ},
	{CKA_CHECK_VALUE,                P11_CERT,  certificate,    P11_PART_CHECK,                         P11_READ},
	{CKA_URL,                        P11_CERT,  p11_get_empty,  0,                                  P11_KNOWN},
	{CKA_HASH_OF_SUBJECT_PUBLIC_KEY, P11_CERT,  p11_get_empty,  0,                                  P11_KNOWN},
	{CKA_HASH_OF_ISSUER_PUBLIC_KEY,  P11_CERT,  p11_get_empty,  0,                                  P11_KNOWN},
	{CKA_NAME_HASH_ALGORITHM,        P11_CERT,  p11_get_number, CKM_SHA_1,                          P11_KNOWN},
	{CKA_JAVA_MIDP_SECURITY_DOMAIN,  P11_CERT,  p11_get_number, CK_SECURITY_DOMAIN_UNSPECIFIED,     P11_KNOWN},
	{CKA_APPLICATION,                P11_DATUM, application,    0,                                  P11_READ_PRIVATE},
	{CKA_OBJECT_ID,                  P11_DATUM, object_id,      0,                                  P11_READ_PRIVATE},
	{CKA_VALUE,                      P11_DATUM, data_value,     0,                                  P11_READ},
};
/* clang-format on */

const struct p11_rows p11_stored_rows = P11_ROWS(rows);
