/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tests/wire/piv_card.h"

#include "common/crypto.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

const struct piv_key_wish piv_usual[PIV_USUAL] = {
	{0x9A, 0x07, 0x5FC105},
	{0x9C, 0x11, 0x5FC10A},
	{0x9D, 0x14, 0x5FC10B},
	{0x9E, 0x11, 0x5FC101},
	{0x82, 0x07, 0x5FC10D},
};

uint8_t *piv_certificate(struct bytes spki, long serial, size_t *len)
{
	const uint8_t *at = spki.data;
	EVP_PKEY *subject = d2i_PUBKEY(NULL, &at, (long)spki.len), *ca = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	X509_NAME *name = X509_NAME_new();
	uint8_t *der = NULL, *copy;

	assert_non_null(subject);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const uint8_t *)"Holder of a PIV card", -1, -1, 0);
	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_set_subject_name(x, name);
	X509_set_issuer_name(x, name);
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 86400);
	X509_set_pubkey(x, subject);
	assert_true(X509_sign(x, ca, EVP_sha256()) > 0);
	int n = i2d_X509(x, &der);
	assert_true(n > 0);
	copy = malloc((size_t)n);
	assert_non_null(copy);
	memcpy(copy, der, (size_t)n);
	*len = (size_t)n;
	OPENSSL_free(der);
	X509_NAME_free(name);
	X509_free(x);
	EVP_PKEY_free(subject);
	EVP_PKEY_free(ca);
	return copy;
}

void piv_put_certificate(struct ramtoken *t, uint32_t object, struct bytes der, uint8_t info)
{
	uint8_t *raw = malloc(der.len + 16);
	struct builder b = builder_of(raw, der.len + 16);

	tlv_put(&b, 0x70, der);
	tlv_put_u8(&b, 0x71, info);
	tlv_put(&b, 0xFE, BYTES_NONE);
	assert_false(b.failed);
	piv_put(t, object, builder_bytes(&b), SW_OK);
	free(raw);
}

void piv_put_history(struct ramtoken *t, uint8_t with, uint8_t without)
{
	uint8_t raw[160];
	struct builder b = builder_of(raw, sizeof raw);

	tlv_put_u8(&b, 0xC1, with);
	tlv_put_u8(&b, 0xC2, without);
	if (without)
		tlv_put(&b, 0xF3,
			wire_string("http://a/000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F"));
	tlv_put(&b, 0xFE, BYTES_NONE);
	piv_put(t, 0x5FC10C, builder_bytes(&b), SW_OK);
}

uint8_t *piv_make_key(struct ramtoken *t, const struct piv_key_wish *wish, size_t *len)
{
	uint8_t raw[CRYPTO_SPKI_MAX];
	struct builder spki = builder_of(raw, sizeof raw);
	struct crypto_pubkey key = {.type = wish->algorithm == 0x11   ? CRYPTO_EC_P256
					    : wish->algorithm == 0x14 ? CRYPTO_EC_P384
								      : CRYPTO_RSA};
	struct bytes made = piv_generate(t, wish->slot, wish->algorithm, 0, 0);
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 1, 512, &key.modulus },
		{0x82, TLV_OPTIONAL, 1, 4,   &key.exponent},
		{0x86, TLV_OPTIONAL, 1, 97,  &key.point   },
	};

	assert_true(tlv_parse(made, fields, 3));
	assert_true(crypto_pubkey_to_spki(&key, &spki));
	return piv_certificate(builder_bytes(&spki), wish->slot, len);
}

struct ramtoken *piv_card(uint8_t flags, const struct piv_key_wish *keys, size_t count)
{
	struct ramtoken *t = piv_token(PIV_FLAGS | flags);
	uint8_t retired = 0;

	piv_admin(t);
	for (size_t i = 0; i < count; i++) {
		size_t len;
		uint8_t *der = piv_make_key(t, &keys[i], &len);
		if (keys[i].object) {
			piv_put_certificate(t, keys[i].object, BYTES(der, len), 0);
			retired += keys[i].slot < 0x9A;
		}
		free(der);
	}
	if (retired)
		piv_put_history(t, retired, 0);
	t->piv_only = true;
	ramtoken_power_cycle(t);
	return t;
}

/* The card is made once; each test gets one with its flash. */
struct ramtoken *piv_usual_card(uint8_t flags)
{
	static uint8_t *images[2];
	uint8_t **image = &images[flags != 0];
	struct ramtoken *t;

	if (!*image) {
		t = piv_card(flags, piv_usual, PIV_USUAL);
		*image = ramtoken_snapshot(t);
		return t;
	}
	t = ramtoken_new(NULL);
	t->piv_only = true;
	ramtoken_restore(t, *image);
	return t;
}
