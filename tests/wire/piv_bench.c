/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

const struct piv_key_wish piv_usual[PIV_USUAL] = {
	{0x9A, 0x07, 0x5FC105},
	{0x9C, 0x11, 0x5FC10A},
	{0x9D, 0x14, 0x5FC10B},
	{0x9E, 0x11, 0x5FC101},
	{0x82, 0x07, 0x5FC10D},
};

/* ---- the card ---------------------------------------------------------------------------------------------------- */

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
	return bench_certificate(builder_bytes(&spki), 0, len);
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

/* ---- the bench --------------------------------------------------------------------------------------------------- */

struct bench *piv_bench_with(struct ramtoken *card)
{
	struct bench *b = calloc(1, sizeof *b);

	trusted_configure(NULL);
	trusted_forget();
	b->loop = loop_new(2);
	b->chip[0] = card;
	b->chip[1] = ramtoken_new(NULL);
	b->chip[1]->hal.serial[7] = 0x02;
	loop_plug(b->loop, 0, b->chip[0]);
	ok(ukey_open(&b->u));
	return b;
}

/* The card is made once; each test gets one with its flash. */
static struct ramtoken *usual(uint8_t flags)
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

int piv_bench_setup(void **state)
{
	*state = piv_bench_with(usual(0));
	return 0;
}

int piv_bench_setup_yubico(void **state)
{
	*state = piv_bench_with(usual(PIV_YUBICO));
	return 0;
}

void piv_bench_refresh(struct bench *b)
{
	struct ukey_token **list;
	size_t count;

	ok(ukey_refresh(b->u));
	ok(ukey_tokens(b->u, &list, &count));
	for (size_t i = 0; i < count && !b->t; i++) {
		struct ukey_token_info info;
		ukey_token_info(list[i], &info);
		if (strcmp(info.reader, "Loop 00") == 0)
			b->t = ukey_token_ref(list[i]);
	}
	ukey_tokens_free(list, count);
	assert_non_null(b->t);
}

void piv_bench_restart(struct bench *b)
{
	trusted_forget_cache();
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
}

enum ukey_status piv_bench_sign(struct bench *b, ukey_key_ref ref)
{
	static const uint8_t digest[32] = "a digest of something important";
	const struct ukey_directory *d;
	struct ukey_scheme scheme = {.padding = UKEY_PKCS1, .hash = UKEY_SHA256};
	struct crypto_scheme check = {.kind = CRYPTO_RSA_PKCS1, .hash = CRYPTO_SHA256};
	uint8_t signature[512];
	size_t len = sizeof signature;

	ok(ukey_directory(b->t, &d));
	const struct ukey_key *k = ukey_directory_key(d, ref);
	assert_non_null(k);
	const bool rsa = k->modulus != NULL;
	ukey_directory_unref(d);
	if (!rsa) {
		scheme.padding = UKEY_ECDSA;
		check.kind = CRYPTO_ECDSA;
	}
	enum ukey_status status = ukey_sign(b->t, ref, &scheme, digest, sizeof digest, signature, &len);
	if (status == UKEY_OK) {
		struct crypto_pubkey key = bench_public(b, ref, &d);
		assert_int_equal(crypto_verify(&key, &check, BYTES_OF(digest), BYTES(signature, len)), CRYPTO_GOOD);
		ukey_directory_unref(d);
	}
	return status;
}
