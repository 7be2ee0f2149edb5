/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole token in the test's own process: the firmware core on a ramhal. No reader, no daemon, no file.
 *
 *	struct ramtoken *t = ramtoken_new(NULL);
 *	struct bytes answer = ramtoken_transceive(t, BYTES_OF(select_apdu));	// data and status word
 *	ramtoken_free(t);
 *
 * Link: $(ramtoken_ldadd). Nothing else may define hal.h's functions in the same program.
 */
#ifndef UKEY_TESTS_RAMTOKEN_H
#define UKEY_TESTS_RAMTOKEN_H

#include "common/apdu.h"
#include "firmware-emu/core/fw.h"
#include "tests/wire/ramhal.h"

struct ramtoken {
	struct hal hal; /* counters, button, serial, faults: ramhal.h */
	struct fw *fw;
	void *memory;
	unsigned long apdus, bytes_in, bytes_out; /* for the test to read and reset */
	bool off;                                 /* power was cut: ramtoken_power_cycle() brings it back */
	bool piv_only;            /* from the next power cycle on, a card that shows PIV and nothing else (fw.h) */
	struct bytes atr;         /* of the card that it is now */
	uint8_t device_point[65]; /* PK.SD.ECKA, noted by whoever personalised it (personal.h) */
};

struct ramtoken_options {
	uint32_t flash_size, sector; /* 0: 1 MiB, 4096 */
	const uint8_t *image;        /* flash contents to begin with; NULL: erased */
};

/* Options NULL: all defaults. Aborts when memory is short. */
struct ramtoken *ramtoken_new(const struct ramtoken_options *options);
void ramtoken_free(struct ramtoken *t);

/* The answer stays valid until the next call. BYTES_NONE when power was cut (hal.cut_at) or is off. */
struct bytes ramtoken_transceive(struct ramtoken *t, struct bytes command);
/* Power off and on, or reset. */
void ramtoken_power_cycle(struct ramtoken *t);

/* A copy of the flash; the caller frees it. */
uint8_t *ramtoken_snapshot(const struct ramtoken *t);
/* Put a copy back, and power-cycle. */
void ramtoken_restore(struct ramtoken *t, const uint8_t *image);

/*
 * A moment of the whole token, RAM, chip and flash, to which it can be taken back as often as wanted: sessions go on
 * where they were. Only the token that it was taken of.
 */
struct ramtoken_moment;
struct ramtoken_moment *ramtoken_moment_take(const struct ramtoken *t);
void ramtoken_moment_return(const struct ramtoken_moment *m, struct ramtoken *t);
void ramtoken_moment_free(struct ramtoken_moment *m);

#endif
