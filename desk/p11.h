/* SPDX-License-Identifier: Apache-2.0 */
/* A session with the one token that a PKCS#11 URI (RFC 7512) names, in whichever module. Never with a PIN in the URI.
 */
#ifndef DESK_P11_H
#define DESK_P11_H

#include <p11-kit/pkcs11.h>

#include "desk/desk.h"

struct p11;

/* How failures are called: by the master key's side, or by a person's. */
struct p11_names {
	enum desk_status token, pin;
};

/*
 * Logs in when the token wants it: with the PIN that pin-source=file:... holds, on the token's own pad, or by `pin`. A
 * URI with module-path loads that module, else the modules of p11-kit's configuration are searched.
 */
enum desk_status p11_open(
	const char *uri, struct p11_names names, desk_pin_source pin, void *pin_arg, struct p11 **out);
void p11_close(struct p11 *p);

/* The one object of a class that has the URI's attributes (by_uri) and those given. */
enum desk_status p11_find(struct p11 *p, CK_OBJECT_CLASS class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out);
/* Up to cap bytes of an attribute; false when it can't be had. */
bool p11_attribute(
	struct p11 *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *len);
/* C_SignInit and C_Sign. */
enum desk_status p11_sign(
	struct p11 *p, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, struct bytes in, struct builder *out);

#endif
