/* SPDX-License-Identifier: Apache-2.0 */
/* Yubico's public extensions to PIV: what a slot holds without a certificate, and where the management key is kept. */
#include "driver/card/piv_object.h"

#include "common/tlv.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANY_LENGTH   SIZE_MAX

#define ORIGIN_GENERATED 0x01
#define ORIGIN_IMPORTED  0x02

static uint8_t number(struct bytes b, uint8_t when_absent)
{
	return b.len > 0 ? b.data[0] : when_absent;
}

bool piv_metadata_parse(struct bytes answer, struct piv_metadata *out)
{
	struct bytes algorithm, policies, origin, key, is_default, tries;
	const struct tlv_field fields[] = {
		{0x01, TLV_OPTIONAL, 1, 1,          &algorithm },
		{0x02, TLV_OPTIONAL, 2, 2,          &policies  },
		{0x03, TLV_OPTIONAL, 1, 1,          &origin    },
		{0x04, TLV_OPTIONAL, 0, ANY_LENGTH, &key       },
		{0x05, TLV_OPTIONAL, 1, 1,          &is_default},
		{0x06, TLV_OPTIONAL, 2, 2,          &tries     },
	};

	*out = (struct piv_metadata){0};
	if (answer.len == 0 || !tlv_parse_any(answer, fields, COUNT(fields)))
		return false;
	struct cursor p = cursor_of(policies), t = cursor_of(tries);
	out->algorithm = number(algorithm, 0);
	out->pin_policy = cursor_u8(&p);
	out->touch_policy = cursor_u8(&p);
	out->generated = number(origin, ORIGIN_IMPORTED) == ORIGIN_GENERATED;
	out->is_default = number(is_default, 0) == 1;
	out->tries_max = cursor_u8(&t);
	out->tries_left = cursor_u8(&t);
	return number(origin, ORIGIN_IMPORTED) - 1u < 2 && number(is_default, 0) < 2 &&
	       out->tries_left <= out->tries_max &&
	       /* A key of a kind that we don't know can't be used, but the rest means something. */
	       (!key.data || !piv_algorithm_known(out->algorithm) || piv_public_parse(key, out->algorithm, &out->key));
}

/* ---- the management key behind the PIN --------------------------------------------------------------------------- */

#define ADMIN_PUK_BLOCKED   0x01
#define ADMIN_KEY_PROTECTED 0x02
#define SALT_SIZE           16u

bool piv_admin_parse(struct bytes content, struct piv_admin *out)
{
	struct bytes inside, flags;
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 1, 1,         &flags    },
		{0x82, TLV_OPTIONAL, 0, SALT_SIZE, &out->salt},
	};

	*out = (struct piv_admin){0};
	if (content.len == 0)
		return true;
	if (!piv_unwrap(content, 0x80, &inside) || !tlv_parse_any(inside, fields, COUNT(fields)))
		return false;
	out->puk_blocked = number(flags, 0) & ADMIN_PUK_BLOCKED;
	out->key_protected = number(flags, 0) & ADMIN_KEY_PROTECTED;
	if (out->salt.len == 0)
		out->salt = BYTES_NONE;
	return out->salt.len == 0 || out->salt.len == SALT_SIZE;
}

bool piv_protected_parse(struct bytes content, struct bytes *key)
{
	struct bytes inside;
	const struct tlv_field fields[] = {
		{0x89, TLV_REQUIRED, 16, 32, key},
	};

	return piv_unwrap(content, 0x88, &inside) && tlv_parse_any(inside, fields, COUNT(fields)) && key->len % 8 == 0;
}
