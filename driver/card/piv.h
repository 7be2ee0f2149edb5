/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of the PIV card driver. Sections are SP 800-73-4 part 2's. */
#ifndef UKEY_DRIVER_CARD_PIV_H
#define UKEY_DRIVER_CARD_PIV_H

#include "driver/card/card.h"
#include "driver/card/piv_object.h"
#include "driver/card/piv_slot.h"

#define PIV_CHUID     0x5FC102
#define PIV_DISCOVERY 0x7E
#define PIV_HISTORY   0x5FC10C

/* What a status word of a PIV card means (piv_sw.c). */
enum ukey_status piv_status(enum card_command command, uint16_t sw);
/* Such a status word as no PIV application gives to this command; another application may be selected. */
bool piv_is_strange(enum card_command command, uint16_t sw);

/*
 * One command and its meaning, `answer` NULL when the card must send no data. When another program has selected another
 * application in between, PIV is selected again and the command sent once more: what needs the PIN then says so, and
 * memory->deselected is set.
 */
enum ukey_status piv_transact(
	struct card_port *p, enum card_command command, const struct apdu *a, struct builder *answer);
/* Is PIV still selected, after an answer that may be another application's? *again: it was not, and is now. */
enum ukey_status piv_confirm(struct card_port *p, uint16_t sw, bool *again);

/* GET DATA (3.1.2): the whole answer. UKEY_NOT_FOUND. `le` up to 256 is short in any case. */
enum ukey_status piv_get_data(struct card_port *p, uint32_t object, uint32_t le, struct builder *answer);
/* Which PIN VERIFY names; asks the card when it was not asked yet. */
enum ukey_status piv_pin_reference(struct card_port *p, uint8_t *reference);
/* Version of Yubico's extensions, 0.0.0 when there are none; asks the card when it was not asked yet. */
enum ukey_status piv_version(struct card_port *p, uint8_t version[3]);

/* The same of its first PIV_BEGINNING bytes, or some more. */
#define PIV_BEGINNING 0x60u
enum ukey_status piv_get_beginning(struct card_port *p, uint32_t object, struct builder *answer);

/* A certificate of the greatest length with its tags; a compressed one is shorter. */
#define PIV_OBJECT_MAX (PIV_CERTIFICATE_MAX + 128u)

/*
 * What was read for the directory, noted so that a look tells whether it is still there (piv_look.c). Places are the
 * slots' certificates, by the slots' numbers, what a card tells of the slots' keys, and the key history.
 */
#define PIV_PLACE_METADATA PIV_SLOTS
#define PIV_PLACE_HISTORY  (2 * PIV_SLOTS)
#define PIV_NOTE_SIZE      18u
/* After the PIN's reference. */
#define PIV_NOTES_MAX (1u + (2u * PIV_SLOTS + 1u) * PIV_NOTE_SIZE)
/* `object`: the whole answer, or none; `der`: the certificate in it, or none. */
void piv_note_certificate(struct builder *notes, uint8_t slot, struct bytes object, struct bytes der);
void piv_note_other(struct builder *notes, uint8_t place, struct bytes object);
enum ukey_status piv_look(struct card_port *p, struct bytes notes, unsigned turn, bool *same);
enum ukey_status piv_look_at(struct card_port *p, struct bytes notes, ukey_key_ref ref, bool *same);
/* GET METADATA (Yubico, from 5.3 on); only the port's `sw` says what the card said. */
#define PIV_METADATA_MAX 1024u
enum ukey_status piv_get_metadata(struct card_port *p, const struct piv_slot *slot, struct builder *answer);

/* piv_read.c */
enum ukey_status piv_read_directory(struct card_port *p, uint8_t **out, size_t *len);
enum ukey_status piv_read_certificate(
	struct card_port *p, enum card_object kind, uint8_t number, uint8_t **out, size_t *len);

#endif
