/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "desk/p11.h"

#include <stdlib.h>

#include "desk/private.h"

struct p11 {
	struct p11_uri *uri;
	struct p11_names names;
};

/* While a token is opened: what the desk's source of PINs said. */
struct asking {
	desk_pin_source pin;
	void *arg;
	enum desk_status said;
};

static bool ask(void *arg, const char *label, char **out)
{
	struct asking *a = arg;

	a->said = a->pin(a->arg, label, out);
	return a->said == DESK_OK;
}

static enum desk_status outcome(struct p11_names names, enum p11_uri_result result)
{
	switch (result) {
	case P11_URI_OK:
		return DESK_OK;
	case P11_URI_MEMORY:
		return DESK_MEMORY;
	case P11_URI_PIN:
		return desk_fail(names.pin, "%s", p11_uri_message());
	default:
		return desk_fail(names.token, "%s", p11_uri_message());
	}
}

enum desk_status p11_open(const char *uri, struct p11_names names, desk_pin_source pin, void *pin_arg, struct p11 **out)
{
	struct asking asking = {.pin = pin, .arg = pin_arg};
	struct p11 *p = calloc(1, sizeof(*p));
	enum p11_uri_result result;

	if (p == NULL)
		return DESK_MEMORY;
	p->names = names;
	result = p11_uri_open(uri, pin != NULL ? ask : NULL, &asking, &p->uri);
	if (result == P11_URI_OK)
		*out = p;
	else
		free(p);
	return result == P11_URI_NO_PIN ? asking.said : outcome(names, result);
}

void p11_close(struct p11 *p)
{
	if (p == NULL)
		return;
	p11_uri_close(p->uri);
	free(p);
}

enum desk_status p11_find(struct p11 *p, CK_OBJECT_CLASS class, bool by_uri, const CK_ATTRIBUTE *attributes,
	size_t count, CK_OBJECT_HANDLE *out)
{
	return outcome(p->names, p11_uri_find(p->uri, class, by_uri, attributes, count, out));
}

bool p11_attribute(
	struct p11 *p, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, uint8_t *out, size_t cap, size_t *len)
{
	return p11_uri_attribute(p->uri, object, type, out, cap, len);
}

enum desk_status p11_sign(
	struct p11 *p, CK_MECHANISM_TYPE mechanism, CK_OBJECT_HANDLE key, struct bytes in, struct builder *out)
{
	return outcome(p->names, p11_uri_sign(p->uri, mechanism, key, in, out));
}

enum desk_status p11_aes(struct p11 *p, CK_OBJECT_HANDLE *out)
{
	return outcome(p->names, p11_uri_aes(p->uri, out));
}

enum desk_status p11_cmac(struct p11 *p, CK_OBJECT_HANDLE key, struct bytes in, uint8_t mac[16])
{
	return outcome(p->names, p11_uri_cmac(p->uri, key, in, mac));
}
