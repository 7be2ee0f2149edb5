/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of the PC's struct hal; for the files of this folder and their tests. */
#ifndef UKEY_HAL_STATE_H
#define UKEY_HAL_STATE_H

#include <pthread.h>

#include "firmware-emu/hal/flash_file.h"
#include "firmware-emu/hal/host.h"

struct hal {
	struct flash_file flash; /* the token's thread only */
	bool sync;

	jmp_buf trap; /* the token's thread only, as is `armed` */
	bool armed;

	/* The rest is under the lock; `changed` tells those who wait inside it. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool powered;
	uint64_t cut_left, cut_seed;
	enum hal_tear cut_tear;
	enum hal_touch_mode touch;
	bool touch_waiting, touch_pressed;
	const struct latency *latency;
	struct hal_counters counters;
};

/* Leave the core when power is gone: does not return if the trap is armed; otherwise whether there is power. */
bool hal_still_powered(struct hal *hal);

/* The moment, for hal_spend_until. Nanoseconds of the monotonic clock. */
uint64_t hal_now(void);
/* Wait until the clock shows `until`. False when power goes before; never leaves the core. */
bool hal_spend_until(struct hal *hal, uint64_t until);

#endif
