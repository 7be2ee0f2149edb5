/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/card/piv_slot.h"

#define SIGN    UKEY_USE_SIGN
#define DECRYPT UKEY_USE_DECRYPT
#define DERIVE  UKEY_USE_DERIVE

#define RETIRED(n)                                                                                                     \
	{                                                                                                              \
		0x81 + (n), 0x5FC10C + (n), UKEY_EXCHANGE, SIGN | DECRYPT, SIGN | DERIVE, PIV_PIN_ONCE,                \
			"Retired Key " #n                                                                              \
	}

const struct piv_slot piv_slots[PIV_SLOTS] = {
	{0x9A, 0x5FC105, UKEY_SIGNATURE, SIGN | DECRYPT, SIGN,          PIV_PIN_ONCE,   "PIV Authentication" },
	{0x9C, 0x5FC10A, UKEY_SIGNATURE, SIGN,           SIGN,          PIV_PIN_ALWAYS, "Digital Signature"  },
	{0x9D, 0x5FC10B, UKEY_EXCHANGE,  SIGN | DECRYPT, SIGN | DERIVE, PIV_PIN_ONCE,   "Key Management"     },
	{0x9E, 0x5FC101, UKEY_SIGNATURE, SIGN,           SIGN,          PIV_PIN_NEVER,  "Card Authentication"},
	RETIRED(1),
	RETIRED(2),
	RETIRED(3),
	RETIRED(4),
	RETIRED(5),
	RETIRED(6),
	RETIRED(7),
	RETIRED(8),
	RETIRED(9),
	RETIRED(10),
	RETIRED(11),
	RETIRED(12),
	RETIRED(13),
	RETIRED(14),
	RETIRED(15),
	RETIRED(16),
	RETIRED(17),
	RETIRED(18),
	RETIRED(19),
	RETIRED(20),
};

const struct piv_slot *piv_slot_of(ukey_key_ref ref)
{
	const size_t number = ref / 2u;

	return number < PIV_SLOTS && (enum ukey_pair)(ref % 2u) == piv_slots[number].pair ? &piv_slots[number] : NULL;
}

uint8_t piv_slot_number(const struct piv_slot *s)
{
	return (uint8_t)(s - piv_slots);
}

unsigned piv_slot_usage(const struct piv_slot *s, enum ukey_algorithm a)
{
	return a == UKEY_P256 || a == UKEY_P384 ? s->ec : s->rsa;
}
