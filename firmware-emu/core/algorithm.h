/* SPDX-License-Identifier: Apache-2.0 */
/* The key algorithms of protocol 2.3. */
#ifndef UKEY_FW_ALGORITHM_H
#define UKEY_FW_ALGORITHM_H

#include "firmware-emu/core/state.h"

#define FW_USAGE_SIGN    0x0001
#define FW_USAGE_DECRYPT 0x0002
#define FW_USAGE_DERIVE  0x0004

struct fw_algorithm {
	uint8_t number; /* P1 */
	uint16_t bit;   /* in tag 8D of the token information */
	bool rsa;
	uint16_t size; /* of the modulus, or of one coordinate */
};

/* NULL when there is no such algorithm. */
const struct fw_algorithm *fw_algorithm(uint8_t number);
/* Those that the chip can do, as tag 8D says it. */
uint16_t fw_algorithms(struct fw *fw);
/* Is this usage (any of the bits, at least one) possible with such a key? */
bool fw_algorithm_usage(const struct fw_algorithm *a, uint16_t usage);
/* Has the input of an operation a possible length? */
bool fw_algorithm_input(const struct fw_algorithm *a, enum hal_operation operation, size_t len);

#endif
