/* SPDX-License-Identifier: Apache-2.0 */
/* common/p11_uri.h with the outcomes of the desk. */
#ifndef DESK_P11_H
#define DESK_P11_H

#include "common/p11_uri.h"
#include "desk/desk.h"

struct p11;

/* How failures are called: by the master key's side, or by a person's. */
struct p11_names {
	enum desk_status token, pin;
};

enum desk_status p11_open(
	const char *uri, struct p11_names names, desk_pin_source pin, void *pin_arg, struct p11 **out);
void p11_close(struct p11 *p);
enum desk_status p11_find(struct p11 *p, CK_OBJECT_CLASS class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out);
bool p11_attribute(
	struct p11 *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *len);
enum desk_status p11_sign(
	struct p11 *p, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, struct bytes in, struct builder *out);
enum desk_status p11_aes(struct p11 *p, CK_OBJECT_HANDLE *out);
enum desk_status p11_cmac(struct p11 *p, CK_OBJECT_HANDLE key, struct bytes in, uint8_t mac[16]);

#endif
