/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A session with the one token that a PKCS#11 URI (RFC 7512) names, in whichever module. Never with a PIN in the URI.
 *
 * For programs of the host side that use keys in others' modules (libukeyp11uri.la; it needs p11-kit). One thread at a
 * time.
 */
#ifndef UKEY_COMMON_P11_URI_H
#define UKEY_COMMON_P11_URI_H

#include <p11-kit/pkcs11.h>

#include "common/bytes.h"

struct p11_uri;

enum p11_uri_result {
	P11_URI_OK,
	P11_URI_MEMORY,
	P11_URI_TOKEN,  /* the URI, the module, the token or the key; p11_uri_message() says more */
	P11_URI_PIN,    /* the PIN is wrong or blocked, or nobody can be asked for it; so here */
	P11_URI_NO_PIN, /* the callback gave none, and has said why */
};

/* One line about this thread's last failure with TOKEN or PIN. */
const char *p11_uri_message(void);

/* A PIN for the token that `label` names, NUL-terminated in secure memory; the callee's secmem_free(). False: none. */
typedef bool (*p11_uri_pin)(void *arg, const char *label, char **out);

/*
 * Logs in when the token wants it: with the PIN that pin-source=file:... holds, on the token's own pad, or by `pin`
 * (may be NULL). A URI with module-path loads that module, else the modules of p11-kit's configuration are searched.
 */
enum p11_uri_result p11_uri_open(const char *uri, p11_uri_pin pin, void *pin_arg, struct p11_uri **out);
/* NULL is allowed. */
void p11_uri_close(struct p11_uri *p);

/* The one object of a class that has the URI's attributes (by_uri) and those given. */
enum p11_uri_result p11_uri_find(struct p11_uri *p, CK_OBJECT_CLASS class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out);
/* Up to cap bytes of an attribute; false when it can't be had. */
bool p11_uri_attribute(
	struct p11_uri *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *len);
/* C_SignInit and C_Sign. */
enum p11_uri_result p11_uri_sign(
	struct p11_uri *p, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, struct bytes in, struct builder *out);

/* The AES key that the URI names, and CKM_AES_CMAC with it: 16 bytes. */
enum p11_uri_result p11_uri_aes(struct p11_uri *p, CK_OBJECT_HANDLE *out);
enum p11_uri_result p11_uri_cmac(struct p11_uri *p, CK_OBJECT_HANDLE key, struct bytes in, uint8_t mac[16]);

#endif
