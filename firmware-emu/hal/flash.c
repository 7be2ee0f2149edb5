/* SPDX-License-Identifier: Apache-2.0 */
/* The flash functions of core/hal.h: the file, and what a loss of power does to it. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "firmware-emu/hal/state.h"

#define US 1000ull

uint32_t hal_flash_size(struct hal *hal)
{
	return hal->flash.size;
}

uint32_t hal_flash_sector(struct hal *hal)
{
	(void)hal;
	return HAL_FLASH_SECTOR;
}

bool hal_flash_read(struct hal *hal, uint32_t at, uint8_t *to, size_t n)
{
	return hal_still_powered(hal) && flash_file_read(&hal->flash, at, to, n);
}

/* xorshift64*: the same seed tears the same bytes, so that a failing test can be run again. */
static uint64_t chance(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545F4914F6CDD1Dull;
}

/*
 * Make what is left behind in `bytes` (n of them, as they are before the operation): the first of `done`, then old or
 * arbitrary ones. Says how many bytes were touched.
 */
static size_t tear(enum hal_tear how, uint64_t seed, uint8_t *bytes, const uint8_t *done, size_t n)
{
	uint64_t state = seed * 2 + 1; /* never zero */
	size_t prefix = (size_t)(chance(&state) % (n + 1));

	if (how == HAL_TEAR_NONE)
		return 0;
	bytes_move(bytes, done, prefix);
	if (how == HAL_TEAR_PREFIX)
		return prefix;
	for (size_t i = prefix; i < n; i++)
		bytes[i] = (uint8_t)(chance(&state) >> 32);
	return n;
}

static void tear_write(struct hal *hal, uint32_t at, struct bytes data, enum hal_tear how, uint64_t seed)
{
	uint8_t *torn = malloc(data.len);

	if (!torn)
		return;
	size_t n = tear(how, seed, torn, data.data, data.len);
	(void)flash_file_scribble(&hal->flash, at, BYTES(torn, n));
	bytes_wipe(torn, data.len);
	free(torn);
}

static void tear_erase(struct hal *hal, uint32_t at, enum hal_tear how, uint64_t seed)
{
	uint8_t torn[HAL_FLASH_SECTOR], blank[HAL_FLASH_SECTOR];

	bytes_fill(blank, 0xFF, sizeof(blank));
	if (how == HAL_TEAR_NONE || !flash_file_read(&hal->flash, at, torn, sizeof(torn)))
		return;
	(void)tear(how, seed, torn, blank, sizeof(torn));
	/* All of it counts as programmed: a half-erased cell may read FF and be none. */
	(void)flash_file_scribble(&hal->flash, at, BYTES_OF(torn));
	bytes_wipe(torn, sizeof(torn));
}

struct operation {
	uint64_t started;
	bool cut; /* power goes in its middle */
	enum hal_tear tear;
	uint64_t seed;
};

/* Count the operation, and see whether the plan says that power goes here. */
static struct operation operation_begin(struct hal *hal, size_t bytes, bool erase)
{
	struct operation o = {.started = hal_now()};

	pthread_mutex_lock(&hal->lock);
	hal->counters.flash_erases += erase;
	hal->counters.flash_writes += !erase;
	hal->counters.flash_bytes += bytes;
	if (hal->cut_left > 0 && --hal->cut_left == 0) {
		o.cut = true;
		hal->counters.cuts++;
		o.tear = hal->cut_tear;
		o.seed = hal->cut_seed;
	}
	pthread_mutex_unlock(&hal->lock);
	return o;
}

static bool operation_end(struct hal *hal, const struct operation *o, bool ok, bool erase)
{
	const struct latency *l = hal_latency(hal);

	if (o->cut)
		hal_power_cut(hal);
	else if (ok && hal->sync)
		ok = flash_file_sync(&hal->flash);
	(void)hal_spend_until(hal, o->started + (erase ? l->flash_erase_us : l->flash_write_us) * US);
	return hal_still_powered(hal) && ok;
}

/* The core broke a rule that real flash would punish with wrong bytes: loud, since it is a bug of ours. */
static bool violation(struct hal *hal, const char *what, uint32_t at, size_t n)
{
	pthread_mutex_lock(&hal->lock);
	hal->counters.flash_violations++;
	pthread_mutex_unlock(&hal->lock);
	fprintf(stderr, "ukey-emu: the firmware broke a flash rule: %s of %zu bytes at %08x\n", what, n, (unsigned)at);
	return false;
}

bool hal_flash_write(struct hal *hal, uint32_t at, struct bytes data)
{
	if (!hal_still_powered(hal))
		return false;
	if (!flash_file_may_write(&hal->flash, at, data))
		return violation(hal, "write", at, data.len);
	if (data.len == 0)
		return true;
	struct operation o = operation_begin(hal, data.len, false);
	bool ok = true;
	if (o.cut)
		tear_write(hal, at, data, o.tear, o.seed);
	else
		ok = flash_file_write(&hal->flash, at, data);
	return operation_end(hal, &o, ok, false);
}

bool hal_flash_erase(struct hal *hal, uint32_t at)
{
	if (!hal_still_powered(hal))
		return false;
	if (!flash_file_may_erase(&hal->flash, at))
		return violation(hal, "erase", at, HAL_FLASH_SECTOR);
	struct operation o = operation_begin(hal, 0, true);
	bool ok = true;
	if (o.cut)
		tear_erase(hal, at, o.tear, o.seed);
	else
		ok = flash_file_erase(&hal->flash, at);
	return operation_end(hal, &o, ok, true);
}
