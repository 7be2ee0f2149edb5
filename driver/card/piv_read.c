/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a card that has none: made up of its certificates, in the form of doc/token-protocol.md 2.2. What is
 * wrong with one slot hides that slot, and no other.
 */
#include "driver/card/piv.h"
#include "driver/card/piv_placeholder.h"

#include "common/crypto.h"
#include "common/tlv.h"
#include "driver/directory.h"
#include "driver/log.h"
#include "driver/text.h"

#include <stdlib.h>

#define OBJECT_MAX PIV_OBJECT_MAX
/* A container with an RSA-4096 key and everything else, generously. */
#define ENTRY_MAX     1024u
#define DIRECTORY_MAX (PIV_SLOTS * ENTRY_MAX + PIV_NOTES_MAX + 64u)

/* Reading the directory. */
struct reading {
	struct card_port *p;
	struct piv_history history;
	bool answered;   /* by an object of PIV's: that is who is selected */
	uint8_t *object; /* OBJECT_MAX + 2 */
	struct builder out;
	struct builder notes; /* what was read */
};

/* What stands in the slot. */
struct found {
	struct crypto_pubkey key;
	struct bytes certificate; /* DER; data NULL: the key has none */
	enum piv_policy policy;
	bool generated, touch;
};

/* Not a word about one slot, but the end of all reading. */
static bool is_over(const struct card_port *p, enum ukey_status status)
{
	return status == UKEY_MEMORY || (status != UKEY_OK && status != UKEY_TOKEN_PROTOCOL && p->sw == 0);
}

static void hide(const struct reading *r, const struct piv_slot *slot, const char *why)
{
	log_text("%s: slot %02X is left out: %s", r->p->memory->reader, slot->reference, why);
	r->p->memory->doubtful = true;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

static const struct algorithm *algorithm_for(const struct crypto_pubkey *key)
{
	static const enum ukey_algorithm known[] = {UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (algorithm_fits(algorithm_of(known[i]), key))
			return algorithm_of(known[i]);
	return NULL;
}

static void put_public(struct builder *b, const struct crypto_pubkey *key)
{
	size_t inside = tlv_begin(b, 0x87);

	if (key->type == CRYPTO_RSA) {
		tlv_put(b, 0x81, key->modulus);
		tlv_put(b, 0x82, key->exponent);
	} else {
		tlv_put(b, 0x86, key->point);
	}
	tlv_end(b, inside);
}

static bool put_certificate(struct builder *b, const struct piv_slot *slot, struct bytes der)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	size_t inside = tlv_begin(b, 0xA8);

	if (!crypto_digest(CRYPTO_SHA256, der, digest))
		return false;
	tlv_put_u16(b, 0x80, (uint16_t)der.len);
	tlv_put(b, 0x81, BYTES(digest, 32));
	tlv_put(b, 0x82, text_bytes(slot->label));
	tlv_end(b, inside);
	return true;
}

static enum ukey_status put_entry(struct reading *r, const struct piv_slot *slot, const struct found *f)
{
	const struct algorithm *a = algorithm_for(&f->key);
	struct builder *b = &r->out;
	bool good = true;

	if (!a) {
		hide(r, slot, "a kind of key that is not known");
		return UKEY_OK;
	}
	size_t container = tlv_begin(b, 0xE0);
	tlv_put_u8(b, 0x80, piv_slot_number(slot));
	tlv_put(b, 0x81, text_bytes(slot->label));
	size_t key = tlv_begin(b, slot->pair == UKEY_SIGNATURE ? 0xA0 : 0xA1);
	tlv_put_u8(b, 0x80, (uint8_t)a->algorithm);
	tlv_put_u8(b, 0x81, (uint8_t)(piv_slot_number(slot) + 1));
	tlv_put(b, 0x82, text_bytes(slot->label));
	tlv_put_u16(b, 0x83, (uint16_t)piv_slot_usage(slot, a->algorithm));
	/* Of a key that nobody vouches for it is not said that it was made on the card. */
	tlv_put_u8(b, 0x84, f->generated ? 0x00 : 0x01);
	tlv_put_u8(b, 0x85, f->policy);
	tlv_put_u8(b, 0x86, f->touch);
	put_public(b, &f->key);
	if (f->certificate.data)
		good = put_certificate(b, slot, f->certificate);
	tlv_end(b, key);
	tlv_end(b, container);
	return !good ? UKEY_MEMORY : b->failed ? UKEY_INTERNAL : UKEY_OK;
}

/* ---- slots ------------------------------------------------------------------------------------------------------- */

/* UKEY_NOT_FOUND: there is none. *raw: what came, in `object`. *der is malloc'd. */
static enum ukey_status read_der(struct card_port *p, const struct piv_slot *slot, uint8_t *object, struct bytes *raw,
	uint8_t **der, size_t *len)
{
	struct builder answer = builder_of(object, OBJECT_MAX + 2);
	struct bytes content;
	enum ukey_status status = piv_get_data(p, slot->object, APDU_LE_MAX, &answer);

	*raw = status == UKEY_OK ? builder_bytes(&answer) : BYTES_NONE;
	if (status != UKEY_OK)
		return status;
	if (!piv_unwrap(builder_bytes(&answer), 0x53, &content))
		return UKEY_TOKEN_PROTOCOL;
	return piv_certificate_parse(content, der, len);
}

static enum ukey_status put_certified(struct reading *r, const struct piv_slot *slot, struct bytes der)
{
	const enum piv_placeholder placeholder = piv_placeholder_kind(der);
	struct found f = {.certificate = placeholder ? BYTES_NONE : der,
		.policy = slot->policy,
		.generated = placeholder == PIV_PLACEHOLDER_MADE};
	struct crypto_cert cert;

	if (!crypto_cert_parse(der, &cert) || !crypto_pubkey_from_spki(cert.spki, &f.key)) {
		hide(r, slot, "its certificate cannot be read, or its key is of a kind that is not known");
		return UKEY_OK;
	}
	const size_t before = r->out.len;
	enum ukey_status status = put_entry(r, slot, &f);
	if (status == UKEY_OK && r->out.len > before && !placeholder && r->p->keep)
		r->p->keep(r->p->ctx, der);
	return status;
}

static enum piv_policy policy_of(const struct piv_slot *slot, uint8_t told)
{
	switch (told) {
	case 1:
		return PIV_PIN_NEVER;
	case 2:
	case 4:
		return PIV_PIN_ONCE;
	case 3:
	case 5:
		return PIV_PIN_ALWAYS;
	default:
		return slot->policy;
	}
}

static enum crypto_key_type type_of(const struct card_public *key)
{
	return key->modulus.data ? CRYPTO_RSA : key->point.len == 65 ? CRYPTO_EC_P256 : CRYPTO_EC_P384;
}

static enum ukey_status put_told(struct reading *r, const struct piv_slot *slot, struct bytes answer)
{
	struct piv_metadata m;

	if (!piv_metadata_parse(answer, &m) || (!m.key.modulus.data && !m.key.point.data)) {
		hide(r, slot, "what the card tells of its key cannot be read");
		return UKEY_OK;
	}
	const struct found f = {
		.key = {.type = type_of(&m.key),
			.modulus = m.key.modulus,
			.exponent = m.key.exponent,
			.point = m.key.point},
		.policy = policy_of(slot, m.pin_policy),
		.generated = m.generated,
		.touch = m.touch_policy >= 2
        };
	return put_entry(r, slot, &f);
}

/* A key without certificate: of a card that tells what it has. */
static enum ukey_status read_metadata(struct reading *r, const struct piv_slot *slot)
{
	uint8_t buffer[PIV_METADATA_MAX + 2], version[3];
	struct builder answer = builder_of(buffer, sizeof buffer);
	enum ukey_status status = piv_version(r->p, version);

	if (status != UKEY_OK || version[0] < 5 || (version[0] == 5 && version[1] < 3))
		return status;
	status = piv_get_metadata(r->p, slot, &answer);
	if (status != UKEY_OK)
		return is_over(r->p, status) ? status : UKEY_OK;
	piv_note_other(&r->notes, PIV_PLACE_METADATA + piv_slot_number(slot), builder_bytes(&answer));
	r->answered = r->answered || r->p->sw == SW_OK;
	return r->p->sw == SW_OK ? put_told(r, slot, builder_bytes(&answer)) : UKEY_OK;
}

static enum ukey_status read_slot(struct reading *r, const struct piv_slot *slot, bool certified)
{
	uint8_t *der = NULL;
	size_t len = 0;
	struct bytes raw = BYTES_NONE;
	enum ukey_status status = certified ? read_der(r->p, slot, r->object, &raw, &der, &len) : UKEY_NOT_FOUND;

	if (certified && r->p->sw != 0)
		piv_note_certificate(
			&r->notes, piv_slot_number(slot), raw, status == UKEY_OK ? BYTES(der, len) : BYTES_NONE);
	if (certified && r->p->sw == SW_OK)
		r->answered = true;
	if (status == UKEY_NOT_FOUND)
		return read_metadata(r, slot);
	if (is_over(r->p, status))
		return status;
	if (status != UKEY_OK) {
		hide(r, slot, ukey_status_name(status));
		return UKEY_OK;
	}
	status = put_certified(r, slot, BYTES(der, len));
	free(der);
	return status;
}

static enum ukey_status read_history(struct reading *r)
{
	uint8_t buffer[512 + 2];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct bytes content;
	enum ukey_status status = piv_get_data(r->p, PIV_HISTORY, APDU_LE_SHORT_MAX, &answer);

	r->history = (struct piv_history){0};
	if (is_over(r->p, status))
		return status;
	if (r->p->sw != 0)
		piv_note_other(&r->notes, PIV_PLACE_HISTORY, builder_bytes(&answer));
	if (status == UKEY_OK) {
		r->answered = true;
		if (!piv_unwrap(builder_bytes(&answer), 0x53, &content) || !piv_history_parse(content, &r->history)) {
			r->history = (struct piv_history){0};
			log_text("%s: the key history cannot be read", r->p->memory->reader);
			r->p->memory->doubtful = true;
		}
	}
	return UKEY_OK;
}

static enum ukey_status read_slots(struct reading *r)
{
	enum ukey_status status = UKEY_OK;

	for (size_t i = 0; i < PIV_SLOTS && status == UKEY_OK; i++) {
		const size_t retired = i < PIV_SLOT_RETIRED1 ? 0 : i - PIV_SLOT_RETIRED1 + 1;
		const bool certified = retired <= r->history.with_certificate || r->p->memory->all_slots;
		if (certified || retired > 20u - r->history.without)
			status = read_slot(r, &piv_slots[i], certified);
	}
	return status;
}

static enum ukey_status read_all(struct reading *r)
{
	uint8_t reference;
	enum ukey_status status;

	r->answered = r->p->memory->doubtful = false;
	r->out.len = r->notes.len = 0;
	status = piv_pin_reference(r->p, &reference);
	if (status == UKEY_OK)
		status = read_history(r);
	if (status == UKEY_OK)
		status = read_slots(r);
	if (status == UKEY_OK) {
		size_t inside = tlv_begin(&r->out, 0xEF);
		builder_u8(&r->out, reference);
		builder_put(&r->out, builder_bytes(&r->notes));
		tlv_end(&r->out, inside);
	}
	return status;
}

/* A card that has nothing at all: or another application, that has none of it. */
static enum ukey_status read_certainly(struct reading *r)
{
	bool again = false;
	enum ukey_status status = read_all(r);

	if (status == UKEY_OK && !r->answered)
		status = piv_confirm(r->p, SW_NOT_FOUND, &again);
	if (status == UKEY_OK && again)
		status = read_all(r);
	return status;
}

enum ukey_status piv_read_directory(struct card_port *p, uint8_t **out, size_t *len)
{
	struct reading r = {.p = p, .object = malloc(OBJECT_MAX + 2)};
	uint8_t *memory = malloc(DIRECTORY_MAX), notes[PIV_NOTES_MAX];
	enum ukey_status status = r.object && memory ? p->hold(p->ctx) : UKEY_MEMORY;

	r.out = builder_of(memory, DIRECTORY_MAX);
	r.notes = builder_of(notes, sizeof notes);
	if (status == UKEY_OK) {
		status = read_certainly(&r);
		p->let_go(p->ctx);
	}
	if (status == UKEY_OK && (r.out.failed || r.notes.failed))
		status = UKEY_INTERNAL;
	free(r.object);
	if (status != UKEY_OK) {
		free(memory);
		return status;
	}
	*out = memory;
	*len = r.out.len;
	return UKEY_OK;
}

enum ukey_status piv_read_certificate(
	struct card_port *p, enum card_object kind, uint8_t number, uint8_t **out, size_t *len)
{
	const struct piv_slot *slot = kind == CARD_CERTIFICATE ? piv_slot_of(number) : NULL;
	struct bytes raw;
	bool again;
	uint8_t *object;
	enum ukey_status status;

	p->sw = 0;
	if (!slot)
		return UKEY_NOT_FOUND;
	object = malloc(OBJECT_MAX + 2);
	status = object ? p->hold(p->ctx) : UKEY_MEMORY;
	if (status == UKEY_OK) {
		status = read_der(p, slot, object, &raw, out, len);
		/* It was there. */
		if (status == UKEY_NOT_FOUND && p->sw == SW_NOT_FOUND &&
			piv_confirm(p, SW_NOT_FOUND, &again) == UKEY_OK && again)
			status = read_der(p, slot, object, &raw, out, len);
		p->let_go(p->ctx);
	}
	free(object);
	return status;
}
