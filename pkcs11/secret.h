/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Secret keys: session objects that live and work here on the host, their bytes in secure memory. The token keeps none.
 *
 *	template --> p11_secret_read --> value (created, generated, unwrapped, derived) --> p11_secret_add --> object
 *
 * An object says of itself everything that it has: no default is looked up later.
 */
#ifndef PKCS11_SECRET_H
#define PKCS11_SECRET_H

#include "pkcs11/p11.h"

/* Where a key comes from decides what its template may say. */
enum p11_origin {
	P11_CREATED = 1,
	P11_GENERATED = 2,
	P11_UNWRAPPED = 4,
	P11_DERIVED = 8,
};

struct p11_secret {
	const CK_ATTRIBUTE *list;
	CK_ULONG count;
	enum p11_origin origin;
	CK_KEY_TYPE type;
	CK_ULONG len; /* CKA_VALUE_LEN; 0: not said */
	/* of the caller, before p11_secret_add */
	CK_MECHANISM_TYPE mechanism;              /* that generated it */
	bool always_sensitive, never_extractable; /* so was what it comes from */
};

/* `type`: unless the template names one; CK_UNAVAILABLE_INFORMATION when it has to. */
CK_RV p11_secret_read(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, enum p11_origin origin,
	CK_KEY_TYPE type, struct p11_secret *out);
/* A key of that type may have so many bytes. */
bool p11_secret_size(CK_KEY_TYPE type, size_t len);
CK_RV p11_secret_add(struct p11_session *s, const struct p11_secret *k, struct bytes value, CK_OBJECT_HANDLE *handle);
/* C_CreateObject */
CK_RV p11_secret_create(struct p11_session *s, const CK_ATTRIBUTE *list, CK_ULONG count, CK_OBJECT_HANDLE *handle);
/* May this attribute become so in a copy, or (TOKEN and PRIVATE apart) in the object itself? */
CK_RV p11_secret_change(struct p11_session *s, const struct p11_attributes *old, const CK_ATTRIBUTE *a);

#endif
