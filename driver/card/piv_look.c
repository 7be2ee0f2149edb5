/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has anything changed on a card that does not say? One place is looked at, and held against what was noted of it when
 * the directory was read: 16 bytes of SHA-256 over the beginning of the object, which has the lengths and the
 * certificate's serial number, or over all of it where the beginning shows less (a compressed certificate).
 *
 *	notes = reference of the PIN, { place, kind, digest[16] }, ...
 */
#include "driver/card/piv.h"

#include "common/crypto.h"

#include <stdlib.h>

#define INS_GET_METADATA 0xF7
#define DIGEST_SIZE      16

enum kind {
	NOTHING, /* there was no such object, or it is for nobody to read */
	BEGINNING,
	WHOLE,
};

struct note {
	uint8_t place, kind;
	struct bytes digest;
};

/* ---- making notes ------------------------------------------------------------------------------------------------ */

static struct bytes beginning_of(struct bytes object)
{
	return BYTES(object.data, object.len < PIV_BEGINNING ? object.len : PIV_BEGINNING);
}

static bool digest_of(enum kind kind, struct bytes object, uint8_t out[CRYPTO_DIGEST_MAX])
{
	return crypto_digest(CRYPTO_SHA256, kind == BEGINNING ? beginning_of(object) : object, out);
}

static void note(struct builder *notes, uint8_t place, enum kind kind, struct bytes object)
{
	uint8_t digest[CRYPTO_DIGEST_MAX] = {0};

	/* Without memory for the digest it is one that nothing fits, and the next look reads all anew. */
	if (kind != NOTHING && !digest_of(kind, object, digest))
		bytes_fill(digest, 0, sizeof digest);
	builder_u8(notes, place);
	builder_u8(notes, (uint8_t)kind);
	builder_put(notes, BYTES(digest, DIGEST_SIZE));
}

void piv_note_certificate(struct builder *notes, uint8_t slot, struct bytes object, struct bytes der)
{
	note(notes, slot,
		object.len == 0                                               ? NOTHING
		: piv_certificate_look(beginning_of(object), der) == PIV_SAME ? BEGINNING
									      : WHOLE,
		object);
}

void piv_note_other(struct builder *notes, uint8_t place, struct bytes object)
{
	note(notes, place, object.len > 0 ? WHOLE : NOTHING, object);
}

/* ---- looking ----------------------------------------------------------------------------------------------------- */

enum ukey_status piv_get_metadata(struct card_port *p, const struct piv_slot *slot, struct builder *answer)
{
	const struct apdu a = {.ins = INS_GET_METADATA, .p2 = slot->reference, .le = PIV_METADATA_MAX};
	const size_t before = answer->len;

	p->sw = 0;
	enum ukey_status status = p->send(p->ctx, &a, answer, &p->sw);
	if (status != UKEY_OK || p->sw != SW_OK)
		answer->len = before;
	return status;
}

static enum ukey_status read_place(struct card_port *p, uint8_t place, bool whole, struct builder *answer)
{
	if (place >= PIV_PLACE_HISTORY)
		return piv_get_data(p, PIV_HISTORY, APDU_LE_SHORT_MAX, answer);
	if (place >= PIV_PLACE_METADATA)
		return piv_get_metadata(p, &piv_slots[place - PIV_PLACE_METADATA], answer);
	return whole ? piv_get_data(p, piv_slots[place].object, APDU_LE_MAX, answer)
		     : piv_get_beginning(p, piv_slots[place].object, answer);
}

static bool fits(const struct note *n, struct bytes object)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	if (n->kind == NOTHING || object.len == 0)
		return n->kind == NOTHING && object.len == 0;
	return digest_of((enum kind)n->kind, object, digest) && bytes_equal(BYTES(digest, DIGEST_SIZE), n->digest);
}

static enum ukey_status look(struct card_port *p, const struct note *n, bool whole, struct builder *answer, bool *same)
{
	enum ukey_status status = read_place(p, n->place, whole, answer);

	*same = false;
	/* Whatever the card says instead of an object: there is none. */
	if (status != UKEY_OK && p->sw == 0 && status != UKEY_TOKEN_PROTOCOL)
		return status;
	*same = (status == UKEY_OK || p->sw != 0) && fits(n, builder_bytes(answer));
	return UKEY_OK;
}

static enum ukey_status look_with(struct card_port *p, const struct note *n, uint8_t *memory, bool *same)
{
	struct builder answer = builder_of(memory, PIV_OBJECT_MAX + 2);
	const bool whole = n->kind == WHOLE || p->memory->look_whole;
	enum ukey_status status = look(p, n, whole, &answer, same);

	/* Less than was asked for says nothing. */
	if (status == UKEY_OK && !*same && !whole && n->kind == BEGINNING && answer.len > 0 &&
		answer.len < PIV_BEGINNING) {
		answer.len = 0;
		status = look(p, n, true, &answer, same);
	}
	return status;
}

static enum ukey_status look_at(struct card_port *p, const struct note *n, bool *same)
{
	uint8_t *memory = malloc(PIV_OBJECT_MAX + 2);
	enum ukey_status status = memory ? p->hold(p->ctx) : UKEY_MEMORY;

	if (status == UKEY_OK) {
		status = look_with(p, n, memory, same);
		p->let_go(p->ctx);
	}
	free(memory);
	return status;
}

static bool note_next(struct cursor *c, struct note *n)
{
	n->place = cursor_u8(c);
	n->kind = cursor_u8(c);
	n->digest = cursor_take(c, DIGEST_SIZE);
	return !c->failed && n->place <= PIV_PLACE_HISTORY;
}

static struct cursor notes_of(struct bytes notes)
{
	struct cursor c = cursor_of(notes);

	cursor_u8(&c);
	return c;
}

enum ukey_status piv_look(struct card_port *p, struct bytes notes, unsigned turn, bool *same)
{
	struct cursor c = notes_of(notes);
	const size_t count = c.left / PIV_NOTE_SIZE;
	struct note n;

	*same = false;
	p->sw = 0;
	if (count == 0)
		return UKEY_OK;
	cursor_take(&c, turn % count * PIV_NOTE_SIZE);
	return note_next(&c, &n) ? look_at(p, &n, same) : UKEY_OK;
}

enum ukey_status piv_look_at(struct card_port *p, struct bytes notes, ukey_key_ref ref, bool *same)
{
	struct cursor c = notes_of(notes);
	const struct piv_slot *slot = piv_slot_of(ref);
	struct note n;

	*same = false;
	p->sw = 0;
	while (slot && note_next(&c, &n))
		/* What tells of the key: its certificate, or else what the card says of it. */
		if ((n.place == piv_slot_number(slot) && n.kind != NOTHING) ||
			n.place == PIV_PLACE_METADATA + piv_slot_number(slot))
			return look_at(p, &n, same);
	return UKEY_OK;
}
