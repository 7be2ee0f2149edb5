/* SPDX-License-Identifier: Apache-2.0 */
/* Cards that are PIV and nothing else (ramtoken.h, piv_only), with keys and certificates in their slots. */
#ifndef UKEY_TESTS_PIV_CARD_H
#define UKEY_TESTS_PIV_CARD_H

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
/* A card with these keys; `flags` as piv_token(). The management key is KEY_OURS. */
struct ramtoken *piv_card(uint8_t flags, const struct piv_key_wish *keys, size_t count);
/* PUT DATA of the key's certificate, and of any content that a certificate object may have. */
void piv_put_certificate(struct ramtoken *t, uint32_t object, struct bytes der, uint8_t info);
/* X.509 for this key, DER, malloc'd. */
uint8_t *piv_certificate(struct bytes spki, long serial, size_t *len);
/* Makes a key and its certificate; the card is administered (piv_admin). DER of it, malloc'd. */
uint8_t *piv_make_key(struct ramtoken *t, const struct piv_key_wish *wish, size_t *len);
void piv_put_history(struct ramtoken *t, uint8_t with, uint8_t without);

/* One with piv_usual. It is made once; everybody gets a card with its flash. */
struct ramtoken *piv_usual_card(uint8_t flags);

#endif
