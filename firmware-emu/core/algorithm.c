/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/algorithm.h"

static const struct fw_algorithm algorithms[] = {
	{0x07, 0x0001, true,  256},
	{0x05, 0x0002, true,  384},
	{0x16, 0x0004, true,  512},
	{0x11, 0x0008, false, 32 },
	{0x14, 0x0010, false, 48 },
	{0x15, 0x0020, false, 66 },
};

#define ALGORITHMS (sizeof(algorithms) / sizeof(algorithms[0]))

const struct fw_algorithm *fw_algorithm(uint8_t number)
{
	for (size_t i = 0; i < ALGORITHMS; i++)
		if (algorithms[i].number == number)
			return &algorithms[i];
	return NULL;
}

uint16_t fw_algorithms(struct fw *fw)
{
	uint16_t bits = 0;

	for (size_t i = 0; i < ALGORITHMS; i++)
		if (hal_key_supported(fw->hal, algorithms[i].number))
			bits = (uint16_t)(bits | algorithms[i].bit);
	return bits;
}

bool fw_algorithm_usage(const struct fw_algorithm *a, uint16_t usage)
{
	uint16_t possible = FW_USAGE_SIGN | (a->rsa ? FW_USAGE_DECRYPT : FW_USAGE_DERIVE);

	return usage != 0 && (usage & ~possible) == 0;
}

bool fw_algorithm_input(const struct fw_algorithm *a, enum hal_operation operation, size_t len)
{
	if (a->rsa)
		return len == a->size;
	if (operation == HAL_DERIVE)
		return len == 1 + 2 * (size_t)a->size;
	return len >= 1 && len <= a->size;
}
