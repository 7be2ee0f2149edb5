/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/wire/piv_bench.h"

#include <stdlib.h>
#include <string.h>

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

int piv_bench_setup(void **state)
{
	*state = piv_bench_with(piv_usual_card(0));
	return 0;
}

int piv_bench_setup_yubico(void **state)
{
	*state = piv_bench_with(piv_usual_card(PIV_YUBICO));
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

static struct bench *bench_of(uint8_t flags, bool aes)
{
	struct ramtoken *t = aes ? piv_token_aes(PIV_FLAGS | flags) : piv_token(PIV_FLAGS | flags);

	t->piv_only = true;
	ramtoken_power_cycle(t);
	struct bench *b = piv_bench_with(t);
	piv_bench_refresh(b);
	return b;
}

int piv_bench_new(void **state)
{
	*state = bench_of(0, false);
	return 0;
}

int piv_bench_new_yubico(void **state)
{
	*state = bench_of(PIV_YUBICO, false);
	return 0;
}

int piv_bench_new_aes(void **state)
{
	*state = bench_of(0, true);
	return 0;
}

void piv_bench_manage(struct bench *b)
{
	ok(ukey_login(b->t, UKEY_SO, (const uint8_t *)KEY_OURS, strlen(KEY_OURS)));
}

enum ukey_status piv_bench_generate(struct bench *b, int ref, enum ukey_algorithm a, ukey_key_ref *made)
{
	const struct ukey_generate how = {.ref = ref, .algorithm = a};

	return ukey_generate(b->t, &how, made);
}

bool piv_bench_shown(struct bench *b, ukey_key_ref ref, bool *has)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	const struct ukey_key *k = ukey_directory_key(d, ref);
	const bool there = k != NULL;
	*has = k && k->certificate.exists;
	ukey_directory_unref(d);
	return there;
}

void piv_bench_is_shown(struct bench *b, ukey_key_ref ref, bool certificate)
{
	bool has;

	assert_true(piv_bench_shown(b, ref, &has));
	assert_int_equal(has, certificate);
}
