/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlock by phone: the bytes that token, holder's tool and desk must agree on (doc/token-protocol.md, "Unlock by
 * phone"). Only the inputs of the MACs and the cutting of their results are here; each side brings its own CMAC.
 *
 *	master key --kdf_input--> K_u          in the factory and at the desk
 *	token:   challenge  -------------------------------------> desk
 *	token:   response   <-- CMAC(K_u, response_input(challenge)) -- desk
 *	token:   CMAC(K_u, proof_input(counter + 1)) -- proof ----> desk
 *
 * Freestanding: no libc, no cryptography.
 */
#ifndef UKEY_COMMON_UNLOCK_H
#define UKEY_COMMON_UNLOCK_H

#include "common/bytes.h"

#define UNLOCK_KEY_SIZE       16 /* K_u, AES-128 */
#define UNLOCK_MAC_SIZE       16 /* CMAC-AES, before it is cut */
#define UNLOCK_SERIAL_SIZE    8
#define UNLOCK_RANDOM_SIZE    8
#define UNLOCK_CHALLENGE_SIZE 19 /* version, serial, counter, random */
#define UNLOCK_RESPONSE_BITS  65
#define UNLOCK_RESPONSE_SIZE  9 /* the low 7 bits are zero */
#define UNLOCK_PROOF_SIZE     5

/* Longest input that any of the functions below writes. */
#define UNLOCK_INPUT_MAX 64

/* What an accepted response does (the last byte of its input): one purpose in this version. */
#define UNLOCK_SET_USER_PIN 0x01

/* Labels of the keys that are derived from a master key for one token. */
#define UNLOCK_LABEL_PIN    "PIN-UNLOCK" /* K_u */
#define UNLOCK_LABEL_ESCROW "PUK-ESCROW" /* seals a PUK at the desk; no token knows it */

struct unlock_challenge {
	uint8_t version; /* of the master key that K_u was derived from */
	uint8_t serial[UNLOCK_SERIAL_SIZE];
	uint16_t counter; /* responses that the token has accepted so far */
	uint8_t random[UNLOCK_RANDOM_SIZE];
};

/* The 19 bytes that are read out to the desk, and back; false unless there are exactly 19. */
void unlock_challenge_put(struct builder *out, const struct unlock_challenge *c);
bool unlock_challenge_parse(struct bytes in, struct unlock_challenge *out);

/*
 * NIST SP 800-108 (2022) 4.1, counter mode, PRF CMAC-AES with the master key: the input of block i (from 1) of a key of
 * `bits` bits: i (4) || label || 00 || version || "OpenUKey" || serial || AID || bits (4). A 16-byte key is the one
 * block 1.
 */
void unlock_kdf_input(struct builder *out, uint32_t i, const char *label, uint8_t version,
	const uint8_t serial[UNLOCK_SERIAL_SIZE], uint32_t bits);

/* What CMAC(K_u) is taken over for a response, and for the proof of a token whose counter is now `counter`. */
void unlock_response_input(struct builder *out, const struct unlock_challenge *c, uint8_t purpose);
void unlock_proof_input(
	struct builder *out, uint8_t version, const uint8_t serial[UNLOCK_SERIAL_SIZE], uint16_t counter);

/* The first 65 bits of the MAC; the first 40 bits of the MAC. */
void unlock_response_cut(const uint8_t mac[UNLOCK_MAC_SIZE], uint8_t out[UNLOCK_RESPONSE_SIZE]);
void unlock_proof_cut(const uint8_t mac[UNLOCK_MAC_SIZE], uint8_t out[UNLOCK_PROOF_SIZE]);
/* The low 7 bits are zero. Anything else is no response, whatever its MAC. */
bool unlock_response_shape(const uint8_t response[UNLOCK_RESPONSE_SIZE]);

#endif
