/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a PIV card answers. The first byte chooses the parser; some take another byte (algorithm, tag, size of a
 * coordinate). What a parser gives lies inside of what it was given, and keeps its promises.
 */
#include "driver/card/piv_inflate.h"
#include "driver/card/piv_object.h"
#include "tests/fuzz/fuzz.h"

static void key_inside(const struct card_public *key, struct bytes in)
{
	FUZZ_REQUIRE(fuzz_inside(key->modulus, in) && fuzz_inside(key->exponent, in) && fuzz_inside(key->point, in));
	FUZZ_REQUIRE((key->modulus.len > 0) == (key->exponent.len > 0));
	FUZZ_REQUIRE((key->modulus.len > 0) != (key->point.len > 0));
}

static void application(struct bytes in)
{
	struct piv_application a;
	if (piv_application_parse(in, &a))
		FUZZ_REQUIRE(fuzz_inside(a.label, in) && a.algorithms <= 0x1F);
}

static void chuid(struct bytes in)
{
	struct bytes content;
	struct piv_chuid c;
	if (!piv_unwrap(in, 0x53, &content) || !piv_chuid_parse(content, &c))
		return;
	FUZZ_REQUIRE(fuzz_inside(content, in) && fuzz_inside(c.fasc_n, content) && fuzz_inside(c.guid, content));
	FUZZ_REQUIRE(c.fasc_n.len == (c.fasc_n.data ? 25 : 0) && c.guid.len == (c.guid.data ? 16 : 0));
}

static void discovery(struct bytes in)
{
	struct bytes content;
	uint8_t reference = 0x55;
	if (piv_unwrap(in, 0x7E, &content) && piv_discovery_parse(content, &reference))
		FUZZ_REQUIRE(reference == 0x00 || reference == 0x80);
}

static void history(struct bytes in)
{
	struct bytes content;
	struct piv_history h;
	if (piv_unwrap(in, 0x53, &content) && piv_history_parse(content, &h))
		FUZZ_REQUIRE(h.with_certificate + h.without <= 20);
}

/* What was read whole is never taken for another, however little of it is shown. */
static void certificate(struct bytes in)
{
	struct bytes content;
	uint8_t *der = NULL;
	size_t len = 0;

	if (!piv_unwrap(in, 0x53, &content) || piv_certificate_parse(content, &der, &len) != UKEY_OK)
		return;
	FUZZ_REQUIRE(len >= 2 && len <= PIV_CERTIFICATE_MAX && der[0] == 0x30);
	for (size_t n = 0; n <= in.len && n < 128; n++)
		FUZZ_REQUIRE(piv_certificate_look(BYTES(in.data, n), BYTES(der, len)) != PIV_CHANGED);
	FUZZ_REQUIRE(piv_certificate_look(in, BYTES_NONE) != PIV_SAME);
	free(der);
}

static void look(struct bytes in)
{
	static const uint8_t known[300] = {0x30, 0x82, 0x01, 0x28, 0x30, 0x82};
	piv_certificate_look(in, BYTES_OF(known));
	piv_certificate_look(in, BYTES_NONE);
}

static void metadata(struct bytes in)
{
	struct piv_metadata m;
	if (!piv_metadata_parse(in, &m))
		return;
	FUZZ_REQUIRE(m.tries_left <= m.tries_max);
	if (m.key.modulus.data || m.key.exponent.data || m.key.point.data)
		key_inside(&m.key, in);
}

static void generated(struct bytes in)
{
	struct cursor c = cursor_of(in);
	uint8_t algorithm = cursor_u8(&c);
	struct bytes answer = cursor_rest(&c);
	struct card_public key;
	if (piv_generated_parse(answer, algorithm, &key))
		key_inside(&key, answer);
}

static void dynamic(struct bytes in)
{
	struct cursor c = cursor_of(in);
	uint8_t tag = cursor_u8(&c);
	struct bytes answer = cursor_rest(&c), value;
	if (piv_dynamic_parse(answer, tag, &value))
		FUZZ_REQUIRE(value.len > 0 && fuzz_inside(value, answer));
}

static void ecdsa(struct bytes in)
{
	struct cursor c = cursor_of(in);
	size_t field = cursor_u8(&c);
	uint8_t *rs = malloc(2 * field + 1);
	FUZZ_REQUIRE(rs);
	if (piv_ecdsa_parse(cursor_rest(&c), field, rs)) {
		uint8_t r = 0, s = 0;
		for (size_t i = 0; i < field; i++) {
			r |= rs[i];
			s |= rs[field + i];
		}
		FUZZ_REQUIRE(r && s);
	}
	free(rs);
}

static void administration(struct bytes in)
{
	struct bytes content, key;
	struct piv_admin a;
	if (!piv_unwrap(in, 0x53, &content))
		return;
	if (piv_admin_parse(content, &a))
		FUZZ_REQUIRE(fuzz_inside(a.salt, content) && a.salt.len == (a.salt.data ? 16 : 0));
	if (piv_protected_parse(content, &key))
		FUZZ_REQUIRE(fuzz_inside(key, content) && (key.len == 16 || key.len == 24 || key.len == 32));
}

static void atr(struct bytes in)
{
	FUZZ_REQUIRE(piv_family_of(in) <= PIV_OWN_TOKEN);
}

static void gzip(struct bytes in)
{
	struct cursor c = cursor_of(in);
	size_t max = 1 + (size_t)cursor_u8(&c) * 64, len = 0;
	uint8_t *out = NULL;
	if (piv_inflate(cursor_rest(&c), max, &out, &len) == UKEY_OK)
		FUZZ_REQUIRE(len > 0 && len <= max);
	free(out);
}

static void pin(struct bytes in)
{
	uint8_t padded[PIV_PIN_SIZE];
	if (piv_pin_pad(in, padded))
		FUZZ_REQUIRE(in.len >= 6 && in.len <= 8);
}

static void (*const parsers[])(struct bytes in) = {application, chuid, discovery, history, certificate, look, metadata,
	generated, dynamic, ecdsa, administration, atr, gzip, pin};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		parsers[data[0] % (sizeof parsers / sizeof parsers[0])](BYTES(data + 1, size - 1));
	return 0;
}
