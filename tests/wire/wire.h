/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speaking to a ramtoken in a test: commands as hexadecimal text, or by their parts; status words checked with the
 * bytes shown when they are wrong. The common states of a token, and its PINs.
 */
#ifndef UKEY_TESTS_WIRE_H
#define UKEY_TESTS_WIRE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/tlv.h"
#include "tests/wire/ramtoken.h"

#define SO_PIN   "87654321"
#define USER_PIN "123456"

#define SELECT_UKEY "00A404000AF04F70656E554B65790100"

/* Bytes of a hexadecimal text (spaces ignored); fails the test when it is none. Valid until the 8th call after. */
struct bytes wire_hex(const char *hex);
/* Hexadecimal text of bytes, upper case. Valid until the 8th call after. */
const char *wire_text(struct bytes b);
struct bytes wire_string(const char *s);

/* One command, by its bytes. The answer's data; its status word must be `sw`. */
struct bytes wire_send(struct ramtoken *t, struct bytes command, uint16_t sw);
/* The same, as text. */
struct bytes wire(struct ramtoken *t, const char *hex, uint16_t sw);
/* By its parts, with extended lengths and Le where `le` is set. */
struct bytes wire_apdu(struct ramtoken *t, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data,
	uint32_t le, uint16_t sw);
/* As before, but whatever the status word is; it is returned. Data: NULL, or where to put the answer's. */
uint16_t wire_any(struct ramtoken *t, uint8_t cla, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data, uint32_t le,
	struct bytes *answer);

/* Everyday commands on the basic channel; each checks the status word. */
void wire_initialize(struct ramtoken *t); /* operational, label "Test", SO_PIN, USER_PIN, default policy */
void wire_verify(struct ramtoken *t, uint8_t reference, const char *pin, uint16_t sw);
void wire_generate(struct ramtoken *t, uint8_t algorithm, uint8_t key, uint16_t usage, uint16_t sw);
void wire_put(struct ramtoken *t, uint16_t object, struct bytes body, uint16_t sw);
struct bytes wire_get(struct ramtoken *t, uint16_t object, uint16_t sw);
/* PUT DATA's body of a certificate of n bytes (first byte `seed`), of a data object. Valid until the next of them. */
struct bytes wire_certificate(size_t n, uint8_t seed);
struct bytes wire_data_object(size_t n, uint8_t flags, uint8_t seed);
/* A field of the token information. */
struct bytes wire_info(struct ramtoken *t, uint32_t tag);
struct bytes wire_info_of(struct bytes whole, uint32_t tag); /* of an answer that is here */
uint32_t wire_generation(struct ramtoken *t);

#endif
