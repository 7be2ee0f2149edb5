/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates, SubjectPublicKeyInfo and ECDSA-Sig-Value: everything given out lies inside the input, and a key or a
 * signature that was read is written again as the same bytes.
 */
#include "common/crypto.h"
#include "common/tlv.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void spki(struct bytes in)
{
	struct crypto_pubkey key, again;
	uint8_t out[CRYPTO_SPKI_MAX];
	struct builder b = builder_of(out, sizeof out);

	if (!crypto_pubkey_from_spki(in, &key))
		return;
	FUZZ_REQUIRE(crypto_pubkey_check(&key));
	FUZZ_REQUIRE(fuzz_inside(key.modulus, in) && fuzz_inside(key.exponent, in) && fuzz_inside(key.point, in));
	FUZZ_REQUIRE(crypto_pubkey_to_spki(&key, &b));
	FUZZ_REQUIRE(bytes_equal(builder_bytes(&b), in));
	FUZZ_REQUIRE(crypto_pubkey_from_spki(builder_bytes(&b), &again) && crypto_pubkey_equal(&key, &again));
	FUZZ_REQUIRE(crypto_pubkey_bits(&key) <= 8 * CRYPTO_RSA_BYTES_MAX);
}

static void signature(struct bytes in)
{
	static const size_t fields[] = {32, 48, 66};

	for (size_t i = 0; i < 3; i++) {
		uint8_t rs[2 * 66], der[2 * 66 + 16];
		struct builder r = builder_of(rs, sizeof rs), d = builder_of(der, sizeof der);
		if (crypto_ecdsa_from_der(in, fields[i], &r)) {
			FUZZ_REQUIRE(r.len == 2 * fields[i]);
			FUZZ_REQUIRE(crypto_ecdsa_to_der(builder_bytes(&r), &d));
			FUZZ_REQUIRE(bytes_equal(builder_bytes(&d), in));
		}
		r = builder_of(rs, sizeof rs);
		d = builder_of(der, sizeof der);
		if (in.len == 2 * fields[i] && crypto_ecdsa_to_der(in, &d)) {
			FUZZ_REQUIRE(crypto_ecdsa_from_der(builder_bytes(&d), fields[i], &r));
			FUZZ_REQUIRE(bytes_equal(builder_bytes(&r), in));
		}
	}
}

static void time_text(const char *text)
{
	FUZZ_REQUIRE(strlen(text) == 14);
	for (size_t i = 0; i < 14; i++)
		FUZZ_REQUIRE(text[i] >= '0' && text[i] <= '9');
}

static void name(struct bytes in)
{
	free(crypto_name_text(in));
}

static void cert(struct bytes in)
{
	struct crypto_cert c;
	struct bytes value;

	if (!crypto_cert_parse(in, &c))
		return;
	FUZZ_REQUIRE(fuzz_inside(c.serial, in) && tlv_unwrap(c.serial, 0x02, &value) && value.len > 0);
	FUZZ_REQUIRE(fuzz_inside(c.issuer, in) && tlv_unwrap(c.issuer, 0x30, &value));
	FUZZ_REQUIRE(fuzz_inside(c.subject, in) && tlv_unwrap(c.subject, 0x30, &value));
	FUZZ_REQUIRE(fuzz_inside(c.spki, in) && tlv_unwrap(c.spki, 0x30, &value));
	time_text(c.not_before);
	time_text(c.not_after);
	/* a byte less is no certificate any more */
	FUZZ_REQUIRE(!crypto_cert_parse(BYTES(in.data, in.len - 1), &(struct crypto_cert){0}));
	spki(c.spki);
	name(c.subject);
	name(c.issuer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes in = BYTES(data, size);

	cert(in);
	spki(in);
	signature(in);
	name(in);
	return 0;
}
