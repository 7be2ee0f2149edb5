/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both people of an unlock by phone (protocol 5): the desk, written from the document on OpenSSL's CMAC and not from
 * common/unlock.c, and the holder with the token.
 */
#ifndef UKEY_TESTS_PHONE_H
#define UKEY_TESTS_PHONE_H

#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define PHONE_CHALLENGE "80 84 00 83 00"
#define PHONE_PROOF     "80 84 01 83 00"
#define PHONE_KEY       "8D745B60240AAA6278C9BFCB54B487D1" /* 5.6 */
#define NEW_PIN         "meine-pin-7"

struct phone_challenge {
	uint8_t serial[8], version, counter[2], random[8];
};

struct phone_response {
	uint8_t byte[9];
};

/* From the factory, with PHONE_KEY as its unlock key. */
struct ramtoken *phone_token(const char *serial, const struct ramtoken_options *options);
/* PINs may travel in clear from then on, so that commands are seen bare. */
void phone_initialize(struct ramtoken *t, uint8_t history, uint8_t flags);
struct ramtoken *phone_operational(void);

/* The desk. */
struct phone_challenge phone_challenge(struct bytes answer);
struct phone_challenge phone_ask_on(struct ramtoken *t, uint8_t channel);
struct phone_challenge phone_ask(struct ramtoken *t);
struct phone_response phone_answer_with(const char *key, const struct phone_challenge *c, uint8_t purpose);
struct phone_response phone_answer(const struct phone_challenge *c);
struct bytes phone_proof(uint8_t version, struct bytes serial, uint16_t counter);

/* The holder. */
uint16_t phone_unlock_any(struct ramtoken *t, uint8_t channel, const struct phone_response *r, const char *pin);
void phone_unlock(struct ramtoken *t, const struct phone_response *r, const char *pin, uint16_t sw);
/* Of the unlock key, that are left. */
uint8_t phone_tries(struct ramtoken *t);
uint16_t phone_counter(const struct phone_challenge *c);

#endif
