/* SPDX-License-Identifier: Apache-2.0 */
/* The PIV application of a ramtoken: its codes in these tests, and its everyday commands as clients send them. */
#ifndef UKEY_TESTS_PIV_H
#define UKEY_TESTS_PIV_H

#include "tests/wire/wire.h"

#define PIV_SELECT "00A4040009A00000030800001000"
#define PIV_FLAGS  0x04
#define PIV_YUBICO 0x08

/* Everything as hexadecimal text. */
#define PIN_246813   "323436383133FFFF"
#define PIN_998877   "393938383737FFFF"
#define PIN_WRONG    "313131313131FFFF"
#define PIN_123456   "313233343536FFFF"
#define PUK_OURS     "3837363534333231"
#define PUK_OTHER    "3131323233333434"
#define PUK_12345678 "3132333435363738"
#define KEY_OURS     "A1A2A3A4A5A6A7A8B1B2B3B4B5B6B7B8C1C2C3C4C5C6C7C8"
#define KEY_KNOWN    "010203040506070801020304050607080102030405060708"

/* A new token, operational, with PIN_246813, PUK_OURS, KEY_OURS (Triple DES, or `aes`: AES-192); flags of the policy.
 */
struct ramtoken *piv_token(uint8_t flags);
struct ramtoken *piv_token_aes(uint8_t flags);
/* The template that INITIALIZE takes for it, and INITIALIZE itself on a token that is there; returns the status. */
uint16_t piv_initialize(struct ramtoken *t, uint8_t flags, const char *template);
#define PIV_TEMPLATE                                                                                                   \
	"8006323436383133"                                                                                             \
	"8108" PUK_OURS "821903" KEY_OURS
#define PIV_TEMPLATE_AES                                                                                               \
	"8006323436383133"                                                                                             \
	"8108" PUK_OURS "82190A" KEY_OURS

void piv_select(struct ramtoken *t);
/* VERIFY of PIN_246813; the management key, by external authentication, with its own algorithm. */
void piv_log_in(struct ramtoken *t);
void piv_admin(struct ramtoken *t);
void piv_admin_with(struct ramtoken *t, uint8_t algorithm, const char *key, uint16_t sw);
/* E_k of one block, as the holder of the key computes it. */
struct bytes piv_encrypt(uint8_t algorithm, const char *key, struct bytes block, int decrypt);

/* GENERATE; the answer's public key template value. With policies when not 0. */
struct bytes piv_generate(struct ramtoken *t, uint8_t slot, uint8_t algorithm, uint8_t pin, uint8_t touch);
/* GENERAL AUTHENTICATE with 82 00 and `tag` input; the value of 82. */
struct bytes piv_use(struct ramtoken *t, uint8_t slot, uint8_t algorithm, uint8_t tag, struct bytes input, uint16_t sw);
/* GET DATA, PUT DATA by tag; the latter's data, valid until the next of them. */
struct bytes piv_put_data(uint32_t tag, struct bytes value);
struct bytes piv_get(struct ramtoken *t, uint32_t tag, uint16_t sw);
void piv_put(struct ramtoken *t, uint32_t tag, struct bytes value, uint16_t sw);

/* ---- tables: what is sent, and what comes ---- */

struct piv_step {
	const char *command; /* NULL: the end */
	uint16_t sw;         /* 6100: any 61xx */
};
#define PIV_STEPS 6

/* Who has proved what when a row of a table begins; the PIN by the very command before. */
enum piv_open {
	PIV_CLOSED = 0,
	PIV_WITH_PIN = 1,
	PIV_WITH_KEY = 2, /* the management key */
	PIV_OPEN = 3,
};

/*
 * A token with Yubico's extensions or without; P-256 keys in 9A, 9C and 9D, RSA-2048 in 9E, nothing in the other slots;
 * 5FC105 and 5FC109 are written.
 */
struct piv_bench {
	struct ramtoken *t;
	struct ramtoken_moment *moment[4];
};
void piv_bench_make(struct piv_bench *b, uint8_t flags);
void piv_bench_free(struct piv_bench *b);
/* Begin at that moment, and play. False, and said, when a step answers otherwise than its row. */
bool piv_play(struct piv_bench *b, enum piv_open open, const char *name, const struct piv_step steps[PIV_STEPS]);
/* What a client can see of objects, keys, codes and the PIN's state, joined. Needs Yubico's extensions. */
struct bytes piv_view(struct piv_bench *b);

#endif
