/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a token takes. A PC is far faster than a chip, which hides what a slow token shows: time-outs, impatient
 * dialogs, a token pulled in mid-work. A profile slows the emulator down; it is an imitation, the numbers are rounded
 * from what the makers of such chips publish, and nothing about the speed of a real token follows from them.
 */
#ifndef UKEY_HAL_LATENCY_H
#define UKEY_HAL_LATENCY_H

#include <stddef.h>
#include <stdint.h>

#define LATENCY_ALGORITHMS 6

struct latency_key {
	uint8_t algorithm;    /* doc/token-protocol.md 2.3 */
	uint32_t generate_ms; /* at least; work that takes longer by itself is not made longer */
	uint32_t operate_ms;  /* sign, decrypt, derive */
};

struct latency {
	const char *name;
	const char *what;                        /* for the user, one line */
	uint32_t apdu_us, byte_ns;               /* each command, and each byte of command and answer */
	uint32_t flash_write_us, flash_erase_us; /* each operation */
	uint32_t pin_hash_ms;
	struct latency_key keys[LATENCY_ALGORITHMS];
};

/* The profile without delays; where a token starts. */
extern const struct latency latency_none;

/* NULL: no such profile. */
const struct latency *latency_find(const char *name);
/* All of them, one by one from 0; NULL after the last. */
const struct latency *latency_at(size_t index);

/* Nanoseconds of a command with so many bytes in and out, without what the work itself takes. */
uint64_t latency_command(const struct latency *l, size_t bytes);
/* Nanoseconds; 0 for an algorithm that the profile does not name. */
uint64_t latency_generate(const struct latency *l, uint8_t algorithm);
uint64_t latency_operate(const struct latency *l, uint8_t algorithm);

#endif
