/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots of a PIV card as containers: SP 800-73-4 part 1, table 4b, and what each may be used for. Containers are
 * numbered in the order of this table, and the CKA_ID of a slot's key is that number plus 1, as other modules have it.
 */
#ifndef UKEY_DRIVER_CARD_PIV_SLOT_H
#define UKEY_DRIVER_CARD_PIV_SLOT_H

#include "driver/card/card.h"

#define PIV_SLOTS         24
#define PIV_SLOT_RETIRED1 4 /* the first of 20 */

/* Tag 85 of a key in the directory (doc/token-protocol.md 2.2). */
enum piv_policy {
	PIV_PIN_ONCE = 0x00,
	PIV_PIN_ALWAYS = 0x01,
	PIV_PIN_NEVER = 0x02,
};

struct piv_slot {
	uint8_t reference; /* of the key */
	uint32_t object;   /* its certificate */
	enum ukey_pair pair;
	unsigned rsa, ec; /* enum ukey_usage of a key of this kind */
	enum piv_policy policy;
	const char *label;
};

extern const struct piv_slot piv_slots[PIV_SLOTS];

/* The slot behind a reference of ours; NULL: there is none. */
const struct piv_slot *piv_slot_of(ukey_key_ref ref);
/* Its place in the table, which is its container's number. */
uint8_t piv_slot_number(const struct piv_slot *s);
unsigned piv_slot_usage(const struct piv_slot *s, enum ukey_algorithm a);

#endif
