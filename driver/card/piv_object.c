/* SPDX-License-Identifier: Apache-2.0 */
/* What a PIV card tells before a key is used: who it is, and its data objects. */
#include "driver/card/piv_object.h"

#include "common/tlv.h"
#include "driver/card/piv_inflate.h"

#include <stdlib.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ANY_LENGTH   SIZE_MAX

static bool starts_with(struct bytes b, struct bytes with)
{
	struct cursor c = cursor_of(b);
	return bytes_equal(cursor_take(&c, with.len), with);
}

/* ---- the ATR (ISO 7816-3 8.2) ------------------------------------------------------------------------------------ */

/* T0 and each TD say which of TA, TB, TC, TD follow. */
static struct bytes historical_bytes(struct bytes atr)
{
	struct cursor c = cursor_of(atr);

	cursor_u8(&c); /* TS */
	uint8_t follow = cursor_u8(&c);
	const size_t k = follow & 0x0F;
	while (follow & 0xF0 && !c.failed) {
		cursor_take(&c, (size_t)(follow >> 4 & 1) + (follow >> 5 & 1) + (follow >> 6 & 1));
		follow = follow & 0x80 ? cursor_u8(&c) : 0;
	}
	struct bytes historical = cursor_take(&c, k);
	return c.failed || c.left > 1 /* TCK */ ? BYTES_NONE : historical;
}

/* COMPACT-TLV (ISO 7816-4 8.1.1): tag and length share a byte. An element that claims more than there is ends the
 * reading: with CVE-2025-66038 it was read to where it claimed to end. */
static enum piv_family family_of_compact(struct cursor c)
{
	static const uint8_t yubikey[] = {'Y', 'u', 'b', 'i', 'K', 'e', 'y'};
	static const uint8_t ours[] = {'U', 'K', 'E', 'Y'};
	enum piv_family family = PIV_PLAIN;

	while (!c.failed && c.left > 0) {
		const uint8_t head = cursor_u8(&c);
		const struct bytes value = cursor_take(&c, head & 0x0F);
		if (head >> 4 == 5 && starts_with(value, BYTES_OF(yubikey)))
			family = PIV_YUBICO;
		if (head >> 4 == 6 && value.len == sizeof ours + 1 && starts_with(value, BYTES_OF(ours)))
			family = PIV_OWN_TOKEN;
	}
	return c.failed ? PIV_PLAIN : family;
}

enum piv_family piv_family_of(struct bytes atr)
{
	static const uint8_t older[] = {'Y', 'u', 'b', 'i', 'k', 'e', 'y'}; /* YubikeyNEOr3, Yubikey4: no TLV */
	const struct bytes historical = historical_bytes(atr);
	struct cursor c = cursor_of(historical);

	if (starts_with(historical, BYTES_OF(older)))
		return PIV_YUBICO;
	return cursor_u8(&c) == 0x80 ? family_of_compact(c) : PIV_PLAIN;
}

/* ---- SELECT ------------------------------------------------------------------------------------------------------ */

static const uint8_t aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};
#define AID_MIN sizeof aid
#define AID_MAX 16u

/* The standard's AID, with or without its version; what most cards say: the part of it behind the RID; and what a card
 * of G&D says, which lost the first byte of that (OpenSC issue 3072). */
static bool names_piv(struct bytes b)
{
	static const uint8_t pix[] = {0x00, 0x00, 0x10, 0x00};
	static const uint8_t shifted[] = {0x00, 0x10, 0x00, 0x01, 0x00, 0x00};

	return starts_with(b, BYTES_OF(aid)) || (b.len <= 6 && starts_with(b, BYTES_OF(pix))) ||
	       bytes_equal(b, BYTES_OF(shifted));
}

/* SP 800-78-4 table 6-2, and Yubico's number for RSA-4096, as bits of doc/token-protocol.md 2.1 8D. */
static const struct {
	uint8_t id;
	uint16_t bit;
} algorithm_bits[] = {
	{0x07, 0x0001}, /* RSA-2048 */
	{0x05, 0x0002}, /* RSA-3072 */
	{0x16, 0x0004}, /* RSA-4096 */
	{0x11, 0x0008}, /* P-256 */
	{0x14, 0x0010}, /* P-384 */
};

static bool algorithms(struct bytes template, uint16_t *out)
{
	struct cursor c = cursor_of(template);
	struct bytes value;
	uint32_t tag;

	*out = 0;
	while (tlv_next_any(&c, &tag, &value)) {
		if (tag != 0x80)
			continue;
		if (value.len != 1)
			return false;
		for (size_t i = 0; i < COUNT(algorithm_bits); i++)
			if (algorithm_bits[i].id == value.data[0])
				*out |= algorithm_bits[i].bit;
	}
	return cursor_done(&c);
}

/* The one object that the range is, and nothing but filler around it. */
static bool unwrap(struct bytes in, uint32_t want, struct bytes *value)
{
	struct cursor c = cursor_of(in);
	struct bytes more;
	uint32_t tag;

	if (!tlv_next_any(&c, &tag, value) || tag != want)
		return false;
	return !tlv_next_any(&c, &tag, &more) && cursor_done(&c);
}

bool piv_application_parse(struct bytes answer, struct piv_application *out)
{
	struct bytes template, name, authority, ac;
	const struct tlv_field fields[] = {
		{0x4F, TLV_REQUIRED, 1, AID_MAX,    &name      },
 /* Mandatory, says the standard; but nothing depends on it, and some cards put something else there. */
		{0x79, TLV_OPTIONAL, 0, ANY_LENGTH, &authority },
		{0x50, TLV_OPTIONAL, 0, ANY_LENGTH, &out->label},
		{0xAC, TLV_OPTIONAL, 0, ANY_LENGTH, &ac        },
	};

	*out = (struct piv_application){0};
	return unwrap(answer, 0x61, &template) && tlv_parse_any(template, fields, COUNT(fields)) && names_piv(name) &&
	       algorithms(ac, &out->algorithms);
}

/* ---- data objects ------------------------------------------------------------------------------------------------ */

/*
 * Behind the object there is nothing, or filler: ISO 7816-4 allows 00 there, cards that keep an object in a file of
 * fixed size send it, and it can mean nothing else. Anything else means that a length is wrong somewhere, and that
 * cannot be mended by a guess.
 */
bool piv_unwrap(struct bytes answer, uint32_t tag, struct bytes *content)
{
	return unwrap(answer, tag, content);
}

static bool absent_or(size_t len, struct bytes *b)
{
	if (b->len == 0) /* cards without a GUID (before SP 800-73-3) may say so by an empty element */
		*b = BYTES_NONE;
	return b->len == 0 || b->len == len;
}

bool piv_chuid_parse(struct bytes content, struct piv_chuid *out)
{
	struct bytes signature;
	const struct tlv_field fields[] = {
		{0x30, TLV_OPTIONAL, 0, 25,         &out->fasc_n},
		{0x34, TLV_OPTIONAL, 0, 16,         &out->guid  },
		{0x3E, TLV_OPTIONAL, 0, ANY_LENGTH, &signature  },
	};

	*out = (struct piv_chuid){0};
	return tlv_parse_any(content, fields, COUNT(fields)) && absent_or(25, &out->fasc_n) &&
	       absent_or(16, &out->guid);
}

/* Bits of the first byte of the PIN usage policy (part 1, 3.3.2). */
#define POLICY_APPLICATION_PIN 0x40
#define POLICY_GLOBAL_PIN      0x20
/* Its second byte: which of the two a person is asked for first. */
#define PRIMARY_NOT_SAID    0x00
#define PRIMARY_APPLICATION 0x10
#define PRIMARY_GLOBAL      0x20

bool piv_discovery_parse(struct bytes content, uint8_t *pin_reference)
{
	struct bytes name, policy;
	const struct tlv_field fields[] = {
		{0x4F,   TLV_REQUIRED, AID_MIN, AID_MAX, &name  },
		{0x5F2F, TLV_REQUIRED, 2,       2,       &policy},
	};

	if (!tlv_parse_any(content, fields, COUNT(fields)) || !starts_with(name, BYTES_OF(aid)))
		return false;
	struct cursor c = cursor_of(policy);
	const uint8_t pins = cursor_u8(&c), primary = cursor_u8(&c);
	*pin_reference = pins & POLICY_GLOBAL_PIN && primary == PRIMARY_GLOBAL ? 0x00 : 0x80;
	return pins & POLICY_APPLICATION_PIN &&
	       (primary == PRIMARY_NOT_SAID || primary == PRIMARY_APPLICATION || primary == PRIMARY_GLOBAL);
}

#define RETIRED_MAX 20u
#define URL_MAX     118u

bool piv_history_parse(struct bytes content, struct piv_history *out)
{
	struct bytes with, without, url;
	const struct tlv_field fields[] = {
		{0xC1, TLV_REQUIRED, 1, 1,       &with   },
		{0xC2, TLV_REQUIRED, 1, 1,       &without},
 /* Nothing is ever fetched from there, nor is a file named after it (CVE-2026-40510): so only its bound.
  */
		{0xF3, TLV_OPTIONAL, 0, URL_MAX, &url    },
	};
	struct cursor c = cursor_of(content);
	struct bytes first;
	uint32_t tag;

	*out = (struct piv_history){0};
	if (!tlv_next_any(&c, &tag, &first))
		return cursor_done(&c);
	if (!tlv_parse_any(content, fields, COUNT(fields)))
		return false;
	out->with_certificate = with.data[0];
	out->without = without.data[0];
	return (size_t)out->with_certificate + out->without <= RETIRED_MAX;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

static enum ukey_status copy(struct bytes in, uint8_t **out, size_t *len)
{
	if (in.len > PIV_CERTIFICATE_MAX)
		return UKEY_TOO_LARGE;
	*out = malloc(in.len);
	if (!*out)
		return UKEY_MEMORY;
	bytes_copy(*out, in);
	*len = in.len;
	return UKEY_OK;
}

static bool is_sequence(struct bytes der)
{
	struct bytes inside;
	return tlv_unwrap(der, 0x30, &inside);
}

/*
 * 71 says whether the certificate is compressed: 01 since SP 800-73-3, 80 before it was said clearly, and there are
 * cards without it, or with 00 before a compressed one. But the certificate says so itself: DER begins with 30, nothing
 * else does.
 */
enum ukey_status piv_certificate_parse(struct bytes content, uint8_t **der, size_t *len)
{
	struct bytes certificate, info;
	const struct tlv_field fields[] = {
		{0x70, TLV_OPTIONAL, 0, ANY_LENGTH, &certificate},
		{0x71, TLV_OPTIONAL, 0, 1,          &info       },
	};

	if (!tlv_parse_any(content, fields, COUNT(fields)))
		return UKEY_TOKEN_PROTOCOL;
	if (certificate.len == 0) {
		/* Nothing at all, or its place kept free. */
		struct cursor c = cursor_of(content);
		uint32_t tag;
		return certificate.data || !tlv_next_any(&c, &tag, &info) ? UKEY_NOT_FOUND : UKEY_TOKEN_PROTOCOL;
	}
	const enum ukey_status s = piv_is_compressed(certificate)
					   ? piv_inflate(certificate, PIV_CERTIFICATE_MAX, der, len)
					   : copy(certificate, der, len);
	if (s != UKEY_OK)
		return s;
	if (is_sequence(BYTES(*der, *len)))
		return UKEY_OK;
	free(*der);
	*der = NULL;
	return UKEY_TOKEN_PROTOCOL;
}

/* So much of a certificate shows its serial number whole: two headers of 4 bytes, version 5, serial number 22 at most.
 */
#define LOOK_LEAST 35u

static enum piv_look look_at(struct bytes shown, size_t whole, struct bytes der)
{
	if (whole == 0 || der.len == 0)
		return whole == der.len ? PIV_SAME : PIV_CHANGED;
	if (shown.len < 2 || piv_is_compressed(shown))
		return PIV_UNSURE;
	if (whole != der.len)
		return PIV_CHANGED;
	struct cursor known = cursor_of(der);
	if (!bytes_equal(shown, cursor_take(&known, shown.len)))
		return PIV_CHANGED;
	return shown.len < whole && shown.len < LOOK_LEAST ? PIV_UNSURE : PIV_SAME;
}

enum piv_look piv_certificate_look(struct bytes beginning, struct bytes der)
{
	struct cursor c = cursor_of(beginning);
	size_t object, certificate;
	uint32_t tag;

	if (!tlv_header_any(&c, &tag, &object) || tag != 0x53)
		return PIV_UNSURE;
	if (object == 0)
		return look_at(BYTES_NONE, 0, der);
	if (!tlv_header_any(&c, &tag, &certificate) || tag != 0x70 || certificate >= object)
		return PIV_UNSURE;
	return look_at(cursor_take(&c, certificate < c.left ? certificate : c.left), certificate, der);
}
