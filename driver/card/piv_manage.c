/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/card/piv_manage.h"

#include "common/crypto_secret.h"
#include "common/hex.h"
#include "common/secmem.h"
#include "common/tlv.h"
#include "driver/card/piv.h"
#include "driver/card/piv_placeholder.h"
#include "driver/directory.h"
#include "driver/text.h"

#include <stdlib.h>

enum instruction {
	INS_GENERATE = 0x47,
	INS_GENERAL_AUTHENTICATE = 0x87,
	INS_PUT_DATA = 0xDB,
	INS_GET_METADATA = 0xF7, /* Yubico */
};

#define OBJECT_PRINTED   0x5FC109u
#define OBJECT_ADMIN     0x5FFF00u
#define REFERENCE_MANAGE 0x9B
#define KEY_MAX          32u
#define SMALL_MAX        256u
#define METADATA_MAX     1024u
/* Yubico's derived keys */
#define DERIVED_ROUNDS 10000u
#define DERIVED_SIZE   24u
#define PIN_LEAST      6u
#define PIN_MOST       8u
#define POLICY_ALWAYS  3u
#define TOUCH_ALWAYS   2u
/* 5C 03 tag 53 L, 70 L, 71 01 00 FE 00; generously */
#define BODY_BESIDE 64

/* What a card may call a key of this length. 3DES is the older one of the two of 24 bytes; 00 is its other name. */
static const struct kind {
	size_t length;
	uint8_t algorithm;
	size_t block;
} kinds[] = {
	{16, 0x08, CRYPTO_AES_BLOCK },
	{24, 0x03, CRYPTO_TDES_BLOCK},
	{24, 0x0A, CRYPTO_AES_BLOCK },
	{24, 0x00, CRYPTO_TDES_BLOCK},
	{32, 0x0C, CRYPTO_AES_BLOCK },
};

static enum ukey_status hold(struct card_port *p)
{
	return p->hold ? p->hold(p->ctx) : UKEY_OK;
}

static void let_go(struct card_port *p)
{
	if (p->let_go)
		p->let_go(p->ctx);
}

/* ---- objects ----------------------------------------------------------------------------------------------------- */

static void put_tag_list(struct builder *b, uint32_t object)
{
	const uint8_t list[5] = {0x5C, 3, (uint8_t)(object >> 16), (uint8_t)(object >> 8), (uint8_t)object};

	builder_put(b, BYTES_OF(list));
}

/* A short object; `content` lies in `answer`. */
static enum ukey_status read_small(struct card_port *p, uint32_t object, struct builder *answer, struct bytes *content)
{
	enum ukey_status status = piv_get_data(p, object, APDU_LE_SHORT_MAX, answer);

	if (status != UKEY_OK)
		return status;
	return piv_unwrap(builder_bytes(answer), 0x53, content) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

/* `content` empty: what was there is erased. */
static enum ukey_status write_object(struct card_port *p, uint32_t object, struct bytes content)
{
	const size_t room = content.len + BODY_BESIDE;
	uint8_t *memory = malloc(room);
	struct builder b = builder_of(memory, room);
	struct apdu a = {.ins = INS_PUT_DATA, .p1 = 0x3F, .p2 = 0xFF};

	if (!memory)
		return UKEY_MEMORY;
	put_tag_list(&b, object);
	tlv_put(&b, 0x53, content);
	a.data = builder_bytes(&b);
	enum ukey_status status =
		b.failed || b.len > APDU_DATA_MAX ? UKEY_TOO_LARGE : piv_transact(p, CARD_CMD_WRITE, &a, NULL);
	free(memory);
	return status;
}

/* The slot is empty from now on. */
static enum ukey_status write_nothing(struct card_port *p, const struct piv_slot *slot)
{
	static const uint8_t nothing;

	return write_object(p, slot->object, BYTES(&nothing, 0));
}

/* ---- the management key ------------------------------------------------------------------------------------------ */

/* 7C { ... } to 9B; the answer's 7C { wanted }, in `answer`. */
static enum ukey_status exchange_9b(struct card_port *p, uint8_t algorithm, struct bytes template, uint8_t wanted,
	struct builder *answer, struct bytes *value)
{
	uint8_t data[64];
	struct builder b = builder_of(data, sizeof data);
	struct apdu a = {
		.ins = INS_GENERAL_AUTHENTICATE, .p1 = algorithm, .p2 = REFERENCE_MANAGE, .le = APDU_LE_SHORT_MAX};

	tlv_put(&b, 0x7C, template);
	a.data = builder_bytes(&b);
	enum ukey_status status = card_transact(p, piv_status, CARD_CMD_AUTHENTICATE, &a, answer);
	if (status == UKEY_OK && !piv_dynamic_parse(builder_bytes(answer), wanted, value))
		status = UKEY_TOKEN_PROTOCOL;
	bytes_wipe(data, sizeof data);
	return status;
}

/*
 * Both halves of the mutual authentication: its witness, decrypted, shows the card that we have the key; our challenge,
 * encrypted, shows us that it has. *asked: it has a key of this kind, so there is no other to try.
 */
static enum ukey_status authenticate_as(struct card_port *p, const struct kind *k, struct bytes key, bool *asked)
{
	static const uint8_t ask[] = {0x80, 0x00};
	uint8_t buffer[SMALL_MAX + 2], plain[CRYPTO_AES_BLOCK], ours[CRYPTO_AES_BLOCK], want[CRYPTO_AES_BLOCK], out[48];
	struct builder answer = builder_of(buffer, sizeof buffer), b = builder_of(out, sizeof out);
	struct bytes value;
	enum ukey_status status = exchange_9b(p, k->algorithm, BYTES_OF(ask), 0x80, &answer, &value);

	*asked = status == UKEY_OK && value.len == k->block;
	if (!*asked)
		return status == UKEY_OK ? UKEY_MANAGEMENT_KEY_INCORRECT : status;
	if (crypto_one_block(k->block, false, key, value.data, plain) && crypto_random(ours, k->block) &&
		crypto_one_block(k->block, true, key, ours, want)) {
		tlv_put(&b, 0x80, BYTES(plain, k->block));
		tlv_put(&b, 0x81, BYTES(ours, k->block));
		answer.len = 0;
		status = exchange_9b(p, k->algorithm, builder_bytes(&b), 0x82, &answer, &value);
		if (status == UKEY_OK && !bytes_equal_secret(value, BYTES(want, k->block)))
			status = UKEY_TOKEN_PROTOCOL;
	} else {
		status = UKEY_MEMORY;
	}
	bytes_wipe(plain, sizeof plain);
	bytes_wipe(out, sizeof out);
	return status;
}

/*
 * GET METADATA, of cards that have Yubico's extensions. A no of whatever kind is an answer. Nothing is made of it: what
 * looks who is selected may select PIV anew, and that ends all log-ins on some cards.
 */
static enum ukey_status metadata(struct card_port *p, uint8_t reference, struct piv_metadata *out, bool *told)
{
	uint8_t buffer[METADATA_MAX + 2], version[3];
	struct builder answer = builder_of(buffer, sizeof buffer);
	const struct apdu a = {.ins = INS_GET_METADATA, .p2 = reference, .le = APDU_LE_SHORT_MAX};
	enum ukey_status status = piv_version(p, version);

	*told = false;
	if (status != UKEY_OK || version[0] < 5 || (version[0] == 5 && version[1] < 3))
		return status;
	p->sw = 0;
	status = p->send(p->ctx, &a, &answer, &p->sw);
	*told = status == UKEY_OK && p->sw == SW_OK;
	if (*told && !piv_metadata_parse(builder_bytes(&answer), out))
		*out = (struct piv_metadata){.algorithm = 0};
	return p->sw != 0 ? UKEY_OK : status;
}

/*
 * Each kind that a key of this length can be of, or the one that the card tells. Whether it tells any is not asked
 * here: another application may be selected, and its no would be taken for the card's.
 */
static enum ukey_status authenticate_kinds(struct card_port *p, struct bytes key, bool *asked)
{
	struct piv_metadata m = {.algorithm = 0};
	bool told = false;
	enum ukey_status status = p->memory->version_asked ? metadata(p, REFERENCE_MANAGE, &m, &told) : UKEY_OK;

	*asked = false;
	if (status != UKEY_OK)
		return status;
	status = UKEY_MANAGEMENT_KEY_INCORRECT;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (!*asked && status == UKEY_MANAGEMENT_KEY_INCORRECT && kinds[i].length == key.len &&
			(m.algorithm == 0 || kinds[i].algorithm == m.algorithm))
			status = authenticate_as(p, &kinds[i], key, asked);
	return status;
}

/* Nobody's command may come in between: it would take the witness away, and the right key would seem wrong. */
static enum ukey_status authenticate(struct card_port *p, struct bytes key)
{
	enum ukey_status status = hold(p), confirmed;
	bool asked = false, again = false;

	if (status != UKEY_OK)
		return status;
	status = authenticate_kinds(p, key, &asked);
	/* None was known: or it was another application that was asked. */
	if (!asked && (status == UKEY_MANAGEMENT_KEY_INCORRECT || status == UKEY_NOT_SUPPORTED)) {
		confirmed = piv_confirm(p, p->sw, &again);
		if (confirmed != UKEY_OK)
			status = confirmed;
		else if (again)
			status = authenticate_kinds(p, key, &asked);
	}
	/* It took our half, whatever its own is worth. */
	if (asked && p->sw == SW_OK)
		p->memory->manager = true;
	let_go(p);
	return status;
}

/* What the card says of how its management key is kept; `salt` has room for 16 bytes. */
struct custody {
	bool behind_pin;
	uint8_t salt[16];
	size_t salt_len;
};

static enum ukey_status read_custody(struct card_port *p, struct custody *out)
{
	uint8_t buffer[SMALL_MAX + 2];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct piv_admin admin;
	struct bytes content;
	enum ukey_status status = read_small(p, OBJECT_ADMIN, &answer, &content);

	*out = (struct custody){.behind_pin = false};
	/* Only a card that has this object knows of such a thing. */
	if (status != UKEY_OK && p->sw != 0)
		return UKEY_MANAGEMENT_KEY_NEEDED;
	if (status != UKEY_OK)
		return status;
	if (!piv_admin_parse(content, &admin) || (!admin.key_protected && !admin.salt.data))
		return UKEY_MANAGEMENT_KEY_NEEDED;
	out->behind_pin = admin.key_protected;
	if (admin.salt.data && admin.salt.len <= sizeof out->salt) {
		bytes_copy(out->salt, admin.salt);
		out->salt_len = admin.salt.len;
	}
	return UKEY_OK;
}

/* The PIN is verified. */
static enum ukey_status authenticate_protected(struct card_port *p)
{
	uint8_t *memory = secmem_alloc(SMALL_MAX + 2);
	struct builder answer = builder_of(memory, SMALL_MAX + 2);
	struct bytes content, key;

	if (!memory)
		return UKEY_MEMORY;
	enum ukey_status status = read_small(p, OBJECT_PRINTED, &answer, &content);
	if (status == UKEY_OK)
		status = piv_protected_parse(content, &key) ? authenticate(p, key) : UKEY_TOKEN_PROTOCOL;
	else if (status == UKEY_NOT_FOUND)
		status = UKEY_MANAGEMENT_KEY_NEEDED;
	secmem_free(memory);
	return status;
}

enum ukey_status piv_manage_authorize(struct card_port *p)
{
	struct custody c;
	enum ukey_status status = hold(p);

	if (status != UKEY_OK)
		return status;
	status = read_custody(p, &c);
	if (status == UKEY_OK)
		status = c.behind_pin ? authenticate_protected(p) : UKEY_MANAGEMENT_KEY_NEEDED;
	let_go(p);
	return status;
}

enum ukey_status piv_manage_key_of_pin(struct card_port *p, bool *yes)
{
	struct custody c;
	enum ukey_status status = hold(p);

	*yes = false;
	if (status != UKEY_OK)
		return status;
	status = read_custody(p, &c);
	let_go(p);
	if (status == UKEY_OK)
		*yes = !c.behind_pin;
	/* What makes no sense there says nothing of the kind. */
	return status == UKEY_MANAGEMENT_KEY_NEEDED || status == UKEY_TOKEN_PROTOCOL ? UKEY_OK : status;
}

static enum ukey_status authenticate_derived(struct card_port *p, const struct custody *c, struct bytes pin)
{
	uint8_t *key = secmem_alloc(DERIVED_SIZE);
	enum ukey_status status = UKEY_MEMORY;

	if (key && crypto_pbkdf2(CRYPTO_SHA1, pin, BYTES(c->salt, c->salt_len), DERIVED_ROUNDS, key, DERIVED_SIZE))
		status = authenticate(p, BYTES(key, DERIVED_SIZE));
	secmem_free(key);
	return status;
}

/* A PIN that opens nothing is not tried: that could cost a try. */
static enum ukey_status login_by_pin(struct card_port *p, struct bytes pin)
{
	struct custody c;
	uint32_t generation;
	enum ukey_status status = read_custody(p, &c);

	if (status == UKEY_OK)
		status = card_piv.verify(p, UKEY_USER, pin, &generation);
	if (status != UKEY_OK)
		return status;
	status = c.behind_pin ? authenticate_protected(p) : authenticate_derived(p, &c, pin);
	/* Where no command ends the log-in by the PIN, a reset has to, as it does with the manager's. */
	if (status != UKEY_OK && card_piv.logout(p, UKEY_USER) != UKEY_OK)
		p->memory->manager = true;
	return status;
}

static bool key_from_text(struct bytes text, struct builder *key)
{
	char *copy = secmem_alloc(text.len + 1);
	bool good = false;

	if (copy && (text.len == 32 || text.len == 48 || text.len == 64)) {
		bytes_copy((uint8_t *)copy, text);
		good = hex_decode(copy, key);
	}
	secmem_free(copy);
	return good && key->len == text.len / 2;
}

enum ukey_status piv_manage_login(struct card_port *p, struct bytes text)
{
	uint8_t *memory = secmem_alloc(KEY_MAX);
	struct builder key = builder_of(memory, KEY_MAX);
	enum ukey_status status = memory ? hold(p) : UKEY_MEMORY;

	if (status == UKEY_OK) {
		p->sw = 0;
		if (key_from_text(text, &key))
			status = authenticate(p, builder_bytes(&key));
		else if (text.len >= PIN_LEAST && text.len <= PIN_MOST)
			status = login_by_pin(p, text);
		else
			status = UKEY_MANAGEMENT_KEY_INCORRECT;
		/* What another program undid is done again. */
		if (status == UKEY_OK)
			p->memory->deselected = false;
		let_go(p);
	}
	secmem_free(memory);
	return status;
}

/* ---- certificates ------------------------------------------------------------------------------------------------ */

/* Any program looks for the certificates of retired keys only as far as the key history says that there are some. */
static enum ukey_status count_retired(struct card_port *p, const struct piv_slot *slot)
{
	uint8_t buffer[SMALL_MAX + 2], out[SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer), b = builder_of(out, sizeof out);
	const unsigned retired =
		piv_slot_number(slot) < PIV_SLOT_RETIRED1 ? 0 : 1u + piv_slot_number(slot) - PIV_SLOT_RETIRED1;
	struct piv_history now = {0, 0};
	struct bytes content = BYTES_NONE, value;
	uint32_t tag;

	if (retired == 0)
		return UKEY_OK;
	enum ukey_status status = read_small(p, PIV_HISTORY, &answer, &content);
	if (status != UKEY_OK && status != UKEY_NOT_FOUND)
		return status;
	if (status == UKEY_OK && !piv_history_parse(content, &now))
		return UKEY_OK;
	if (now.with_certificate >= retired)
		return UKEY_OK;
	if (now.without > 20 - retired)
		return UKEY_TOKEN_FULL;
	tlv_put_u8(&b, 0xC1, (uint8_t)retired);
	tlv_put_u8(&b, 0xC2, now.without);
	/* Where the certificates of the others are. */
	for (struct cursor c = cursor_of(content); now.without > 0 && tlv_next_any(&c, &tag, &value);)
		if (tag == 0xF3)
			tlv_put(&b, 0xF3, value);
	tlv_put(&b, 0xFE, BYTES_NONE);
	return b.failed ? UKEY_TOKEN_PROTOCOL : write_object(p, PIV_HISTORY, builder_bytes(&b));
}

static enum ukey_status write_certificate(struct card_port *p, const struct piv_slot *slot, struct bytes der)
{
	static const uint8_t behind[] = {0x71, 0x01, 0x00, 0xFE, 0x00};
	const size_t room = der.len + BODY_BESIDE;
	uint8_t *memory = malloc(room);
	struct builder b = builder_of(memory, room);

	if (!memory)
		return UKEY_MEMORY;
	tlv_put(&b, 0x70, der);
	builder_put(&b, BYTES_OF(behind));
	enum ukey_status status = count_retired(p, slot);
	if (status == UKEY_OK)
		status = b.failed ? UKEY_TOO_LARGE : write_object(p, slot->object, builder_bytes(&b));
	free(memory);
	return status;
}

enum ukey_status piv_manage_write(
	struct card_port *p, enum card_object kind, uint8_t number, const struct card_body *body, uint32_t *generation)
{
	const struct piv_slot *slot = kind == CARD_CERTIFICATE ? piv_slot_of(number) : NULL;

	p->sw = 0;
	*generation = 0;
	return slot ? write_certificate(p, slot, body->certificate) : UKEY_NOT_SUPPORTED;
}

/* ---- keys -------------------------------------------------------------------------------------------------------- */

static void put_wishes(struct builder *b, const struct piv_slot *slot, const struct ukey_generate *how)
{
	size_t mark = tlv_begin(b, 0xAC);

	tlv_put_u8(b, 0x80, (uint8_t)how->algorithm);
	if (how->always_authenticate && slot->policy != PIV_PIN_ALWAYS)
		tlv_put_u8(b, 0xAA, POLICY_ALWAYS);
	if (how->touch)
		tlv_put_u8(b, 0xAB, TOUCH_ALWAYS);
	tlv_end(b, mark);
}

static enum ukey_status generate(struct card_port *p, const struct piv_slot *slot, const struct ukey_generate *how,
	struct builder *answer, struct card_public *out)
{
	uint8_t data[16];
	struct builder b = builder_of(data, sizeof data);
	struct apdu a = {.ins = INS_GENERATE, .p2 = slot->reference, .le = (uint32_t)answer->cap - 2};

	put_wishes(&b, slot, how);
	a.data = builder_bytes(&b);
	enum ukey_status status = piv_transact(p, CARD_CMD_GENERATE, &a, answer);
	if (status == UKEY_OK && !piv_generated_parse(builder_bytes(answer), (uint8_t)how->algorithm, out))
		status = UKEY_TOKEN_PROTOCOL;
	return status;
}

/* For cards on which a key is found by its certificate alone. *left: this is one, and now there is a placeholder. */
static enum ukey_status leave_placeholder(struct card_port *p, const struct piv_slot *slot, enum piv_placeholder kind,
	const struct crypto_pubkey *key, bool *left)
{
	uint8_t *memory;
	struct piv_metadata m;
	bool told = false;
	enum ukey_status status = metadata(p, slot->reference, &m, &told);

	*left = false;
	/* Of the retired ones, programs look as far as the key history counts, and that counts certificates. */
	if (status != UKEY_OK || (told && piv_slot_number(slot) < PIV_SLOT_RETIRED1))
		return status;
	memory = malloc(PIV_PLACEHOLDER_MAX);
	struct builder der = builder_of(memory, PIV_PLACEHOLDER_MAX);
	if (!memory)
		return UKEY_MEMORY;
	status = piv_placeholder_make(kind, key, &der) ? write_certificate(p, slot, builder_bytes(&der))
						       : UKEY_TOKEN_PROTOCOL;
	free(memory);
	*left = status == UKEY_OK;
	return status;
}

/*
 * The old certificate goes first: at no moment does a certificate belong to another key than the one in its slot, and
 * who pulls the card out in between finds a slot without one.
 */
static enum ukey_status replace(struct card_port *p, const struct piv_slot *slot, const struct ukey_generate *how,
	struct builder *answer, struct card_public *out)
{
	bool left;
	enum ukey_status status = write_nothing(p, slot);

	if (status == UKEY_OK)
		status = generate(p, slot, how, answer, out);
	if (status == UKEY_OK) {
		const struct crypto_pubkey key = {.type = algorithm_of(how->algorithm)->type,
			.modulus = out->modulus,
			.exponent = out->exponent,
			.point = out->point};
		status = leave_placeholder(p, slot, PIV_PLACEHOLDER_MADE, &key, &left);
	}
	return status;
}

/*
 * What libukey cannot show may be there all the same: a key of a kind that it does not know (Ed25519), a certificate
 * that it cannot read, a retired key that the key history does not count. None of them is overwritten because nobody
 * saw it. A key that neither has a certificate nor is told of by the card is nobody's to know.
 */
static enum ukey_status slot_is_free(struct card_port *p, const struct piv_slot *slot)
{
	uint8_t buffer[SMALL_MAX + 2], *der = NULL;
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct piv_metadata m;
	struct bytes content;
	size_t len;
	bool told = false;
	enum ukey_status status = read_small(p, slot->object, &answer, &content);

	if (status == UKEY_OK)
		status = piv_certificate_parse(content, &der, &len);
	free(der);
	/* More than a small object, for which there is no room here, is there, too. */
	if (status == UKEY_OK || status == UKEY_TOKEN_PROTOCOL || status == UKEY_TOO_LARGE)
		return UKEY_EXISTS;
	if (status == UKEY_NOT_FOUND)
		status = metadata(p, slot->reference, &m, &told);
	return told ? UKEY_EXISTS : status;
}

enum ukey_status piv_manage_generate(struct card_port *p, const struct ukey_generate *how, struct builder *answer,
	struct card_public *out, uint32_t *generation)
{
	const struct piv_slot *slot = piv_slot_of((uint8_t)how->ref);
	const bool policies = slot && (how->touch || (how->always_authenticate && slot->policy != PIV_PIN_ALWAYS));
	struct piv_metadata m;
	bool told = true;
	enum ukey_status status;

	*generation = 0;
	p->sw = 0;
	if (!slot)
		return UKEY_NOT_SUPPORTED;
	if (how->usage & ~piv_slot_usage(slot, how->algorithm))
		return UKEY_KEY_USAGE;
	status = hold(p);
	if (status != UKEY_OK)
		return status;
	if (!how->replace)
		status = slot_is_free(p, slot);
	/* A card that knows no policies might make the key all the same, and not keep them. */
	if (status == UKEY_OK && policies)
		status = metadata(p, REFERENCE_MANAGE, &m, &told);
	if (status == UKEY_OK)
		status = told ? replace(p, slot, how, answer, out) : UKEY_NOT_SUPPORTED;
	let_go(p);
	return status;
}

/* ---- deleting ---------------------------------------------------------------------------------------------------- */

/* A certificate that cannot be read shows no key, and goes as it is. */
static enum ukey_status erase_certificate(struct card_port *p, uint8_t ref)
{
	const struct piv_slot *slot = piv_slot_of(ref);
	struct crypto_cert cert;
	struct crypto_pubkey key;
	uint8_t *der = NULL;
	size_t len = 0;
	bool left = false;
	enum ukey_status status = piv_read_certificate(p, CARD_CERTIFICATE, ref, &der, &len);

	if (status == UKEY_OK && piv_placeholder_kind(BYTES(der, len)))
		status = UKEY_NOT_FOUND;
	else if (status == UKEY_OK && crypto_cert_parse(BYTES(der, len), &cert) &&
		 crypto_pubkey_from_spki(cert.spki, &key))
		status = leave_placeholder(p, slot, PIV_PLACEHOLDER_LEFT, &key, &left);
	else if (status == UKEY_TOKEN_PROTOCOL)
		status = UKEY_OK;
	free(der);
	return status == UKEY_OK && !left ? write_nothing(p, slot) : status;
}

/* The key stays, and is still seen. */
enum ukey_status piv_manage_erase(struct card_port *p, enum card_object kind, uint8_t number, uint32_t *generation)
{
	enum ukey_status status;

	p->sw = 0;
	*generation = 0;
	if (kind != CARD_CERTIFICATE || !piv_slot_of(number))
		return UKEY_NOT_SUPPORTED;
	status = hold(p);
	if (status != UKEY_OK)
		return status;
	status = erase_certificate(p, number);
	let_go(p);
	return status;
}

/* ---- where a new key goes ---------------------------------------------------------------------------------------- */

static bool named(const struct piv_slot *slot, const struct ukey_generate *how)
{
	return (how->id_len == 1 && how->id[0] == piv_slot_number(slot) + 1) ||
	       (how->label && bytes_equal(text_bytes(how->label), text_bytes(slot->label)));
}

/* Without a name: for what it is asked for. Never 9E, whose keys anybody uses who has the card: that has to be said. */
static bool fit(const struct piv_slot *slot, const struct ukey_generate *how)
{
	if (slot->policy == PIV_PIN_NEVER)
		return false;
	return how->usage ? !(how->usage & ~piv_slot_usage(slot, how->algorithm)) : slot->pair == how->pair;
}

int piv_manage_place(const struct ukey_generate *how, unsigned turn)
{
	for (unsigned i = 0; i < PIV_SLOTS; i++)
		if (named(&piv_slots[i], how))
			return turn == 0 ? UKEY_KEY_REF(i, piv_slots[i].pair) : -1;
	for (unsigned i = 0; i < PIV_SLOTS; i++)
		if (fit(&piv_slots[i], how) && turn-- == 0)
			return UKEY_KEY_REF(i, piv_slots[i].pair);
	return -1;
}
