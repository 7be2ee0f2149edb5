/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changes a PIV card: the management key (SP 800-73-4 part 2, 3.2.4 and appendix A.1), GENERATE ASYMMETRIC KEY
 * PAIR (3.3.2), PUT DATA (3.3.1), and what Yubico's public extensions add. No key and no PIN is ever kept.
 *
 *	piv_manage_login(text)		whoever has the management key, or the PIN of a card that keeps it behind that
 *	piv_manage_authorize()		the user is in, and the card keeps the key behind the PIN
 *	    |
 *	    v
 *	piv_manage_generate(), piv_manage_write(), piv_manage_erase()
 *
 * A card has no command that ends the manager's log-in; only a reset does. memory->manager says that one is due.
 */
#ifndef UKEY_DRIVER_CARD_PIV_MANAGE_H
#define UKEY_DRIVER_CARD_PIV_MANAGE_H

#include "driver/card/card.h"

/*
 * The management key as hexadecimal text (16, 24 or 32 bytes), or the PIN. UKEY_MANAGEMENT_KEY_INCORRECT;
 * UKEY_MANAGEMENT_KEY_NEEDED: a PIN, and the card does not keep its key behind it (nothing was tried);
 * UKEY_TOKEN_PROTOCOL: the card itself does not know the key.
 */
enum ukey_status piv_manage_login(struct card_port *p, struct bytes text);
/* UKEY_MANAGEMENT_KEY_NEEDED: this card's users do not have it. */
enum ukey_status piv_manage_authorize(struct card_port *p);
/* *yes: the key is derived from the PIN, and kept nowhere. */
enum ukey_status piv_manage_key_of_pin(struct card_port *p, bool *yes);

/* card_ops.generate, .write, .erase; *generation is 0, as everywhere on such cards. */
enum ukey_status piv_manage_generate(struct card_port *p, const struct ukey_generate *how, struct builder *answer,
	struct card_public *out, uint32_t *generation);
enum ukey_status piv_manage_write(
	struct card_port *p, enum card_object kind, uint8_t number, const struct card_body *body, uint32_t *generation);
enum ukey_status piv_manage_erase(struct card_port *p, enum card_object kind, uint8_t number, uint32_t *generation);

/* card_ops.place: by the name of a slot (CKA_ID, label), or the first that is for this. 9E only by name. */
int piv_manage_place(const struct ukey_generate *how, unsigned turn);

#endif
