/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chip for tests: hal.h in RAM, with OpenSSL's keys. Its flash enforces the NOR rules (abort() on a byte programmed
 * twice, or a bit set without an erase), counts, fails and loses power on command.
 */
#ifndef UKEY_TESTS_RAMHAL_H
#define UKEY_TESTS_RAMHAL_H

#include <setjmp.h>

#include "firmware-emu/core/hal.h"

/* What is left of the flash operation at which power goes. */
enum ramhal_torn {
	RAMHAL_TORN_NOTHING, /* it had not begun */
	RAMHAL_TORN_PREFIX,  /* a write: its first half; an erase: only the first half of the sector */
	RAMHAL_TORN_GARBAGE, /* a write: a prefix, then arbitrary bytes to its end; an erase: arbitrary bytes */
	RAMHAL_TORN_DENTED,  /* a write: all of it but one byte, whose bits are not all cleared; an erase: as GARBAGE */
	RAMHAL_TORN_WHOLE,   /* it was done, but nobody was told */
	RAMHAL_TORN_MODES,
};

struct hal {
	uint8_t *flash;
	uint8_t *programmed; /* one byte for each of the flash: written since the last erase */
	uint32_t size, sector;
	uint8_t serial[8];
	bool button;     /* is the button pressed when it is asked for? */
	bool no_keys;    /* key generation fails */
	bool fresh_keys; /* make every key; otherwise a few of each algorithm are made once and served in turn */

	/* Counters, for the tests to read and to reset. */
	unsigned long writes, erases, bytes_written, touches, pin_hashes;

	/* Power goes at the n-th flash operation from now (1: the next); 0: it stays. The jump buffer is then used. */
	unsigned long cut_at;
	enum ramhal_torn torn;
	jmp_buf *cut;
	/* The n-th flash operation from now answers false, having done nothing (1: the next); 0: never. */
	unsigned long fail_at;
	bool fail_reads;
	bool no_chance; /* the random generator is broken */

	uint64_t chance; /* state of the generator: tests are repeatable */
	unsigned served;
};

void ramhal_init(struct hal *hal, uint32_t size, uint32_t sector);
void ramhal_free(struct hal *hal);
/* Replace the whole flash; erased bytes (FF) count as not programmed. */
void ramhal_load(struct hal *hal, const uint8_t *image);

/* The n-th key of an algorithm among those that are served in turn; NULL before it was made. Borrowed. */
struct evp_pkey_st *ramhal_key(uint8_t algorithm, unsigned n);
/* Parts of private keys that were made, for tests that look for them where they must not be; returns their number. */
struct ramhal_secret {
	uint8_t bytes[16];
};
size_t ramhal_secrets(struct ramhal_secret *to, size_t max);

#endif
