/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hal of a PC: what firmware-emu/core/hal.h asks for, over OpenSSL, a file and a few switches.
 *
 *	hal_open() .. hal_power_up() .. [core runs] .. hal_power_cut() .. hal_power_up() .. hal_close()
 *
 * One thread, the token's, runs the core and with it the functions of core/hal.h. The functions here, but hal_open,
 * hal_close and the trap's, may be called from any thread at any time, also while the core works.
 */
#ifndef UKEY_HAL_HOST_H
#define UKEY_HAL_HOST_H

#include <setjmp.h>

#include "firmware-emu/core/hal.h"
#include "firmware-emu/hal/latency.h"

#define HAL_FLASH_SECTOR       4096u
#define HAL_FLASH_SIZE_DEFAULT (1024u * 1024u)
#define HAL_FLASH_SIZE_MIN     (16u * HAL_FLASH_SECTOR)
#define HAL_FLASH_SIZE_MAX     (64u * 1024u * 1024u)

struct hal_options {
	const char *flash;     /* the file that is the token's flash */
	bool create;           /* make it when it is not there */
	uint32_t size;         /* of a new flash; 0: the default. An existing one must have it, unless 0 */
	const uint8_t *serial; /* 8 bytes for a new flash; NULL: chance. An existing one must have it, unless NULL */
	bool sync;             /* fdatasync after every flash operation: survives a crash of this computer too */
};

/* NULL on failure; `error` then says in one line what is wrong and what to do. The caller closes what it got. */
struct hal *hal_open(const struct hal_options *options, char *error, size_t error_size);
void hal_close(struct hal *hal);

/*
 * Power. When it goes, by hal_power_cut() or by a planned cut, the core's present or next call of a hal function leaves
 * the core by longjmp() to the trap, if that is armed (core/fw.h allows it); if not, the hal function fails.
 *
 *	if (setjmp(*hal_power_trap(hal)) == 0) {
 *		hal_power_trap_arm(hal, true);
 *		... core ...
 *	}
 *	hal_power_trap_arm(hal, false);
 */
jmp_buf *hal_power_trap(struct hal *hal);
void hal_power_trap_arm(struct hal *hal, bool armed);
void hal_power_up(struct hal *hal);
void hal_power_cut(struct hal *hal);
bool hal_powered(struct hal *hal);

/* What a flash operation leaves behind when power goes in its middle. */
enum hal_tear {
	HAL_TEAR_NONE,    /* nothing: power went just before */
	HAL_TEAR_PREFIX,  /* the first bytes are written (erased), the rest is as before */
	HAL_TEAR_GARBAGE, /* the first bytes are written, then come arbitrary ones; an erased sector reads as anything
			   */
};

/*
 * Power goes at the n-th flash operation (write or erase) from now; 0 cancels. The same seed tears the same bytes.
 * A plan is used up by the cut it makes.
 */
void hal_plan_cut(struct hal *hal, uint64_t n, enum hal_tear tear, uint64_t seed);

/* Of the planned cut: operations until it happens, 0 when nothing is planned. */
uint64_t hal_cut_left(struct hal *hal);

enum hal_touch_mode {
	HAL_TOUCH_AUTO,  /* whoever waits for the button finds it pressed */
	HAL_TOUCH_NEVER, /* nobody presses it but hal_touch_press() */
};

void hal_touch_set(struct hal *hal, enum hal_touch_mode mode);
/* Press the button once. False: the token does not wait for it, so the press meant nothing. */
bool hal_touch_press(struct hal *hal);
bool hal_touch_waiting(struct hal *hal);

/* How long things take; see latency.h. The table must outlive the hal. */
void hal_latency_set(struct hal *hal, const struct latency *latency);
const struct latency *hal_latency(struct hal *hal);
/* Let `nanoseconds` go by, as the token. False at once when power goes. */
bool hal_spend(struct hal *hal, uint64_t nanoseconds);

struct hal_counters {
	uint64_t flash_writes, flash_bytes, flash_erases;
	uint64_t cuts;             /* planned ones that happened */
	uint64_t flash_violations; /* operations refused because they break the NOR rules of core/hal.h */
};

/* Since hal_open(). */
struct hal_counters hal_counters(struct hal *hal);

#endif
