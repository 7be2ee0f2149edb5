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
#include "tests/wire/piv_card.h"

/* References of the usual keys. */
#define REF_9A UKEY_KEY_REF(0, UKEY_SIGNATURE)
#define REF_9C UKEY_KEY_REF(1, UKEY_SIGNATURE)
#define REF_9D UKEY_KEY_REF(2, UKEY_EXCHANGE)
#define REF_9E UKEY_KEY_REF(3, UKEY_SIGNATURE)
#define REF_82 UKEY_KEY_REF(4, UKEY_EXCHANGE)

/* A bench with this card in the first reader; nothing refreshed. */
struct bench *piv_bench_with(struct ramtoken *card);
int piv_bench_setup(void **state);
int piv_bench_setup_yubico(void **state);
/* Refresh; b->t is the token in the first reader. */
void piv_bench_refresh(struct bench *b);
/* Another process, which knows nothing. */
void piv_bench_restart(struct bench *b);

/* A new card, PIV and nothing else, without a key; with Yubico's extensions; with an AES management key. */
int piv_bench_new(void **state);
int piv_bench_new_yubico(void **state);
int piv_bench_new_aes(void **state);
/* The manager logs in, with KEY_OURS. */
void piv_bench_manage(struct bench *b);
enum ukey_status piv_bench_generate(struct bench *b, int ref, enum ukey_algorithm a, ukey_key_ref *made);
/* The key as the directory shows it now; *has: with a certificate. */
bool piv_bench_shown(struct bench *b, ukey_key_ref ref, bool *has);
void piv_bench_is_shown(struct bench *b, ukey_key_ref ref, bool certificate);

/* Sign with PKCS#1 v1.5 and SHA-256, or ECDSA, and verify with the key of the directory. */
enum ukey_status piv_bench_sign(struct bench *b, ukey_key_ref ref);

#endif
