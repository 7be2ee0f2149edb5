/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/hal/latency.h"

#include <string.h>

#define US 1000ull
#define MS 1000000ull

const struct latency latency_none = {.name = "none", .what = "as fast as this computer"};

static const struct latency latency_chip = {
	.name = "chip",
	.what = "imitates a smart card chip on USB full speed",
	.apdu_us = 3000,
	.byte_ns = 20000,
	.flash_write_us = 2000,
	.flash_erase_us = 5000,
	.pin_hash_ms = 60,
	.keys =
		{
                       {0x07, 4000, 150},
                       {0x05, 9000, 350},
                       {0x16, 20000, 700},
                       {0x11, 120, 40},
                       {0x14, 200, 70},
                       {0x15, 320, 110},
		       },
};

static const struct latency *const profiles[] = {&latency_none, &latency_chip};

const struct latency *latency_at(size_t index)
{
	return index < sizeof(profiles) / sizeof(profiles[0]) ? profiles[index] : NULL;
}

const struct latency *latency_find(const char *name)
{
	const struct latency *l;

	for (size_t i = 0; (l = latency_at(i)) != NULL; i++)
		if (strcmp(l->name, name) == 0)
			return l;
	return NULL;
}

uint64_t latency_command(const struct latency *l, size_t bytes)
{
	return l->apdu_us * US + (uint64_t)l->byte_ns * bytes;
}

static const struct latency_key *key_row(const struct latency *l, uint8_t algorithm)
{
	static const struct latency_key none;

	for (size_t i = 0; i < LATENCY_ALGORITHMS; i++)
		if (l->keys[i].algorithm == algorithm)
			return &l->keys[i];
	return &none;
}

uint64_t latency_generate(const struct latency *l, uint8_t algorithm)
{
	return key_row(l, algorithm)->generate_ms * MS;
}

uint64_t latency_operate(const struct latency *l, uint8_t algorithm)
{
	return key_row(l, algorithm)->operate_ms * MS;
}
