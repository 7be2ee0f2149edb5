/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench for libukey's PIV driver: driver_bench.h's, with a card in the first reader that is PIV and nothing else.
 *
 *	struct bench *b = *state;		// piv_bench_setup: the four usual slots and one retired key
 *	piv_bench_refresh(b);			// b->t is the card
 *	ok(ukey_login(b->t, UKEY_USER, PIN(PIV_PIN)));
 *
 * What piv.h sends to the card (piv_put and so on) works on the chip behind the reader, as another program would.
 */
#ifndef UKEY_TESTS_PIV_BENCH_H
#define UKEY_TESTS_PIV_BENCH_H

#include "tests/wire/driver_bench.h"
#include "tests/wire/piv.h"

#define PIV_PIN       "246813"
#define PIV_WRONG_PIN "111111"
#define PIV_PUK       "87654321"

/* A key of the card, in the algorithm's PIV number; 0: none. */
struct piv_key_wish {
	uint8_t slot, algorithm;
	uint32_t object; /* of its certificate; 0: it has none */
};

/* 9A RSA-2048, 9C P-256, 9D P-384, 9E P-256, 82 RSA-2048, with certificates and the key history. */
extern const struct piv_key_wish piv_usual[];
#define PIV_USUAL 5
/* Their references. */
#define REF_9A UKEY_KEY_REF(0, UKEY_SIGNATURE)
#define REF_9C UKEY_KEY_REF(1, UKEY_SIGNATURE)
#define REF_9D UKEY_KEY_REF(2, UKEY_EXCHANGE)
#define REF_9E UKEY_KEY_REF(3, UKEY_SIGNATURE)
#define REF_82 UKEY_KEY_REF(4, UKEY_EXCHANGE)

/* A card with these keys; `flags` as piv_token(). The management key is KEY_OURS. */
struct ramtoken *piv_card(uint8_t flags, const struct piv_key_wish *keys, size_t count);
/* PUT DATA of the key's certificate, and of any content that a certificate object may have. */
void piv_put_certificate(struct ramtoken *t, uint32_t object, struct bytes der, uint8_t info);
/* Makes a key and its certificate; the card is administered (piv_admin). DER of it, malloc'd. */
uint8_t *piv_make_key(struct ramtoken *t, const struct piv_key_wish *wish, size_t *len);
void piv_put_history(struct ramtoken *t, uint8_t with, uint8_t without);

/* A bench with this card in the first reader; nothing refreshed. */
struct bench *piv_bench_with(struct ramtoken *card);
int piv_bench_setup(void **state);
int piv_bench_setup_yubico(void **state);
/* Refresh; b->t is the token in the first reader. */
void piv_bench_refresh(struct bench *b);
/* Another process, which knows nothing. */
void piv_bench_restart(struct bench *b);

/* Sign with PKCS#1 v1.5 and SHA-256, or ECDSA, and verify with the key of the directory. */
enum ukey_status piv_bench_sign(struct bench *b, ukey_key_ref ref);

#endif
