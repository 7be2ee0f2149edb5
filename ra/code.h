/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One-time enrolment codes: 19 random characters of Crockford's Base32 (95 bits; no I, L, O, U) and a check character,
 * in four groups of five: "7K3QX-9M2PA-...". A person reads them out on the phone, so upper and lower case, spaces and
 * hyphens do not matter, O is read as 0 and I and L as 1.
 *
 * The check is a weighted sum over GF(32) with a different weight for each place: it finds every single wrong
 * character and every exchange of two.
 */
#ifndef RA_CODE_H
#define RA_CODE_H

#include "common/bytes.h"

#define RA_CODE_CHARS     20
#define RA_CODE_TEXT_SIZE (RA_CODE_CHARS + 3 + 1)
#define RA_CODE_HASH_SIZE 32

/* A fresh code, as it is shown. False when there is no randomness. */
bool ra_code_make(char text[RA_CODE_TEXT_SIZE]);

/* What a person typed, as the 20 characters without separators. False when it is no code (length, characters, check).
 */
bool ra_code_normalise(struct bytes typed, char canonical[RA_CODE_CHARS + 1]);

/* What the database keeps instead of the code. With 95 random bits a plain digest can't be searched. */
bool ra_code_hash(const char canonical[RA_CODE_CHARS + 1], uint8_t hash[RA_CODE_HASH_SIZE]);

#endif
