/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any PIV card: NIST SP 800-73-4, part 2, whose section numbers these are; for keys without certificate also what
 * Yubico publishes.
 *
 * Such a card belongs to all programs at once: none has a log-in of its own, each may select another application beside
 * PIV at any moment, or reset the card. So all commands of one operation are one transaction of the reader, and
 * an answer that no PIV application gives is followed by a look at who is selected.
 */
#include "driver/card/piv.h"

#include "common/crypto.h"
#include "common/hex.h"
#include "common/secmem.h"
#include "common/tlv.h"
#include "driver/card/piv_cannot.h"
#include "driver/card/piv_manage.h"
#include "driver/log.h"
#include "driver/text.h"

enum instruction {
	INS_SELECT = 0xA4,
	INS_GET_DATA = 0xCB,
	INS_VERIFY = 0x20,
	INS_CHANGE_REFERENCE_DATA = 0x24,
	INS_RESET_RETRY_COUNTER = 0x2C,
	INS_GENERAL_AUTHENTICATE = 0x87,
	INS_GET_VERSION = 0xFD, /* Yubico */
};

#define REFERENCE_PUK 0x81
#define PIN_LEAST     6
#define PIN_MOST      8
/* A signed CHUID: SP 800-73-4 part 1, table 8, generously. */
#define CHUID_MAX 4096

/* 2.1 without the version: any version of it. */
static const uint8_t aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};

/* The card said something to this command, though perhaps nonsense: it is not the link, nor this machine, that failed.
 */
static bool is_answer(const struct card_port *p, enum ukey_status status)
{
	return p->sw != 0 || status == UKEY_TOKEN_PROTOCOL;
}

/* ---- commands ---------------------------------------------------------------------------------------------------- */

static enum ukey_status send_once(
	struct card_port *p, enum card_command command, const struct apdu *a, struct builder *answer)
{
	return card_transact(p, piv_status, command, a, answer);
}

static struct apdu get_data(uint32_t object, uint8_t list[5], uint32_t le)
{
	struct builder b = builder_of(list, 5);

	builder_u8(&b, 0x5C);
	if (object > 0xFF) {
		builder_u8(&b, 3);
		builder_u8(&b, (uint8_t)(object >> 16));
		builder_u16(&b, (uint16_t)object);
	} else {
		builder_u8(&b, 1);
		builder_u8(&b, (uint8_t)object);
	}
	return (struct apdu){.ins = INS_GET_DATA, .p1 = 0x3F, .p2 = 0xFF, .data = builder_bytes(&b), .le = le};
}

static enum ukey_status select_application(struct card_port *p, struct builder *answer)
{
	const struct apdu a = {.ins = INS_SELECT, .p1 = 0x04, .data = BYTES_OF(aid), .le = APDU_LE_SHORT_MAX};

	return send_once(p, CARD_CMD_SELECT, &a, answer);
}

/* What only this card has where PIV is selected: its name. */
static enum ukey_status look_for_name(struct card_port *p, bool *there)
{
	uint8_t buffer[CHUID_MAX + 2], list[5];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct bytes content;
	const struct apdu a = get_data(PIV_CHUID, list, APDU_LE_SHORT_MAX);

	enum ukey_status status = send_once(p, CARD_CMD_READ, &a, &answer);
	*there = status == UKEY_OK && piv_unwrap(builder_bytes(&answer), 0x53, &content);
	return is_answer(p, status) ? UKEY_OK : status;
}

/* What a card without a name (a new YubiKey) has there: the PIV card application's PIN, whose state it tells. */
static enum ukey_status look_for_pin(struct card_port *p, bool *there)
{
	const struct apdu a = {.ins = INS_VERIFY, .p2 = 0x80};
	enum ukey_status status = send_once(p, CARD_CMD_VERIFY_USER, &a, NULL);

	*there = status == UKEY_OK || card_tries(p->sw) >= 0;
	return is_answer(p, status) ? UKEY_OK : status;
}

/*
 * A selection comes last: it ends all log-ins on some cards, that of the management key too, though PIV was selected.
 */
enum ukey_status piv_confirm(struct card_port *p, uint16_t sw, bool *again)
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct piv_application application;
	enum ukey_status status = UKEY_OK;
	bool there = false;

	*again = false;
	/* The link is the same: it is the same card, and what is not known is only who is selected on it. */
	if (sw != SW_INS_NOT_SUPPORTED && sw != SW_CLA_NOT_SUPPORTED)
		status = p->memory->named ? look_for_name(p, &there) : look_for_pin(p, &there);
	if (status != UKEY_OK || there)
		return status;
	status = select_application(p, &answer);
	if (status == UKEY_FOREIGN_CARD)
		return UKEY_OK;
	if (status != UKEY_OK)
		return status;
	if (!piv_application_parse(builder_bytes(&answer), &application))
		return UKEY_TOKEN_PROTOCOL;
	log_text("%s: another application was selected; PIV is again", p->memory->reader);
	p->memory->deselected = true;
	/* It may have been the other one that was asked. */
	p->memory->version_asked = false;
	*again = true;
	return UKEY_OK;
}

static enum ukey_status send_selected(
	struct card_port *p, enum card_command command, const struct apdu *a, struct builder *answer)
{
	bool again;
	enum ukey_status status = send_once(p, command, a, answer), confirmed;
	const uint16_t sw = p->sw;

	if (sw == 0 || !piv_is_strange(command, sw))
		return status;
	confirmed = piv_confirm(p, sw, &again);
	if (confirmed != UKEY_OK)
		return confirmed;
	if (again)
		return send_once(p, command, a, answer);
	p->sw = sw;
	return status;
}

enum ukey_status piv_transact(
	struct card_port *p, enum card_command command, const struct apdu *a, struct builder *answer)
{
	enum ukey_status status = p->hold(p->ctx);

	p->sw = 0;
	if (status != UKEY_OK)
		return status;
	status = send_selected(p, command, a, answer);
	p->let_go(p->ctx);
	return status;
}

enum ukey_status piv_get_data(struct card_port *p, uint32_t object, uint32_t le, struct builder *answer)
{
	uint8_t list[5];
	const struct apdu a = get_data(object, list, le);

	return piv_transact(p, CARD_CMD_READ, &a, answer);
}

enum ukey_status piv_get_beginning(struct card_port *p, uint32_t object, struct builder *answer)
{
	uint8_t list[5];
	struct apdu a = get_data(object, list, PIV_BEGINNING);

	a.part = true;
	return piv_transact(p, CARD_CMD_READ, &a, answer);
}

/* ---- 3.1.1 SELECT, and who it is --------------------------------------------------------------------------------- */

static bool is_zero(struct bytes b)
{
	for (size_t i = 0; i < b.len; i++)
		if (b.data[i] != 0)
			return false;
	return true;
}

/* SP 800-73-4 part 1, 3.1.2: a FASC-N of agency 9999 is no number of its own; many cards have the same. */
static bool is_nobodys(struct bytes fasc_n)
{
	static const uint8_t agency_9999[] = {0xD4, 0xE7, 0x39};

	return fasc_n.len < sizeof agency_9999 || bytes_equal(BYTES(fasc_n.data, 3), BYTES_OF(agency_9999)) ||
	       is_zero(fasc_n);
}

static bool digest_of(struct bytes a, struct bytes b, uint8_t digest[CRYPTO_DIGEST_MAX])
{
	struct crypto_digest_ctx *ctx = crypto_digest_new(CRYPTO_SHA256);
	const bool good =
		ctx && crypto_digest_update(ctx, a) && crypto_digest_update(ctx, b) && crypto_digest_final(ctx, digest);

	crypto_digest_free(ctx);
	return good;
}

static bool has_guid(const struct piv_chuid *chuid)
{
	return chuid->guid.data && !is_zero(chuid->guid);
}

static bool has_number(const struct piv_chuid *chuid)
{
	return chuid->fasc_n.data && !is_nobodys(chuid->fasc_n);
}

/* Eight bytes that are this card's, as far as it can be told from others. */
static bool identity(const struct card_memory *m, const struct piv_chuid *chuid, uint8_t out[8])
{
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct cursor guid = cursor_of(chuid->guid);

	if (has_guid(chuid)) {
		cursor_take(&guid, chuid->guid.len - 8);
		bytes_copy(out, cursor_take(&guid, 8));
		return true;
	}
	if (has_number(chuid)) {
		if (!digest_of(chuid->fasc_n, BYTES_NONE, digest))
			return false;
	} else if (!digest_of(text_bytes("PIV without CHUID"),
			   m->atr_len ? BYTES(m->atr, m->atr_len) : text_bytes(m->reader), digest)) {
		return false;
	}
	bytes_copy(out, BYTES(digest, 8));
	return true;
}

/* All of the object counts: whoever makes a new one says by it that what was known is over. */
static bool identify(const struct piv_chuid *chuid, struct bytes object, struct card_info *info)
{
	uint8_t digest[CRYPTO_DIGEST_MAX];

	info->named = has_guid(chuid) || has_number(chuid);
	if (!info->named)
		return true;
	if (!crypto_digest(CRYPTO_SHA256, object, digest))
		return false;
	bytes_copy(info->identity, BYTES(digest, sizeof info->identity));
	return true;
}

static void serial_text(const uint8_t serial[8], char out[17])
{
	hex_encode(BYTES(serial, 8), out, 17);
	for (size_t i = 0; i < 16; i++)
		if (out[i] >= 'a')
			out[i] = (char)(out[i] - 'a' + 'A');
}

/* doc/token-protocol.md 2.1, 8D: what every PIV card of today knows; and what only some do. */
#define ALGORITHMS_ALWAYS (0x0001 | 0x0008 | 0x0010)
#define ALGORITHMS_SOME   (0x0002 | 0x0004)

static void describe(const struct card_memory *m, const struct piv_application *a, struct card_info *out)
{
	static const struct ukey_pin_info unknown = {.exists = true, .tries_left = UKEY_TRIES_UNKNOWN};
	const bool yubico = piv_family_of(BYTES(m->atr, m->atr_len)) == PIV_YUBICO;
	struct ukey_token_info *t = &out->token;

	*out = (struct card_info){.max_answer = APDU_LE_MAX};
	t->application = UKEY_APPLICATION_PIV;
	if (!a->label.data || a->label.len == 0 || !text_copy(a->label, t->label, sizeof t->label))
		text_copy(text_bytes("PIV"), t->label, sizeof t->label);
	text_copy(text_bytes(yubico ? "Yubico" : t->label), t->manufacturer, sizeof t->manufacturer);
	text_copy(text_bytes(yubico ? "YubiKey PIV" : "PIV SP 800-73"), t->model, sizeof t->model);
	t->life_cycle = UKEY_OPERATIONAL;
	t->user_pin = t->so_pin = unknown;
	t->pin_min = PIN_LEAST;
	t->pin_max = PIN_MOST;
	t->genuine = UKEY_GENUINE_NONE;
	t->max_containers = PIV_SLOTS;
	t->max_object = PIV_CERTIFICATE_MAX;
	t->algorithms = ALGORITHMS_ALWAYS | (a->algorithms & ALGORITHMS_SOME);
}

/* The object may be missing, or say nothing: then the card has no name of its own. */
static enum ukey_status read_name(struct card_port *p, struct builder *answer, struct piv_chuid *out)
{
	uint8_t list[5];
	struct bytes content;
	const struct apdu a = get_data(PIV_CHUID, list, APDU_LE_SHORT_MAX);
	enum ukey_status status = send_once(p, CARD_CMD_READ, &a, answer);

	*out = (struct piv_chuid){0};
	p->memory->named = false;
	if (status != UKEY_OK)
		return is_answer(p, status) ? UKEY_OK : status;
	p->memory->named = piv_unwrap(builder_bytes(answer), 0x53, &content);
	if (!p->memory->named || !piv_chuid_parse(content, out))
		*out = (struct piv_chuid){0};
	return UKEY_OK;
}

static enum ukey_status select_and_name(struct card_port *p, struct card_info *info)
{
	uint8_t buffer[CARD_SMALL_MAX], name[CHUID_MAX + 2], serial[8];
	struct builder answer = builder_of(buffer, sizeof buffer), chuid_answer = builder_of(name, sizeof name);
	struct card_memory *m = p->memory;
	struct piv_application application;
	struct piv_chuid chuid;
	enum ukey_status status = select_application(p, &answer);

	if (status != UKEY_OK)
		return status;
	/* Cards that say yes to every name are not PIV by that. */
	if (!piv_application_parse(builder_bytes(&answer), &application))
		return UKEY_FOREIGN_CARD;
	status = read_name(p, &chuid_answer, &chuid);
	if (status != UKEY_OK)
		return status;
	describe(m, &application, info);
	if (!identity(m, &chuid, serial))
		return UKEY_MEMORY;
	serial_text(serial, info->token.serial);
	if (!identify(&chuid, builder_bytes(&chuid_answer), info))
		return UKEY_MEMORY;
	m->info = *info;
	m->deselected = false;
	return UKEY_OK;
}

static enum ukey_status select_card(struct card_port *p, struct card_info *info)
{
	enum ukey_status status = p->hold(p->ctx);

	if (status != UKEY_OK)
		return status;
	status = select_and_name(p, info);
	p->let_go(p->ctx);
	return status;
}

static enum ukey_status read_discovery(struct card_port *p, uint8_t *reference, bool *found)
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct bytes content;
	enum ukey_status status = piv_get_data(p, PIV_DISCOVERY, APDU_LE_SHORT_MAX, &answer);

	*found = status == UKEY_OK;
	if (status != UKEY_OK)
		return is_answer(p, status) ? UKEY_OK : status;
	if (!piv_unwrap(builder_bytes(&answer), PIV_DISCOVERY, &content) || !piv_discovery_parse(content, reference))
		*reference = 0x80;
	return UKEY_OK;
}

/* SP 800-73-4 part 1, 3.3.2: without the object there is the application's PIN only. That is to be PIV's own word. */
static enum ukey_status learn_reference(struct card_port *p)
{
	struct card_memory *m = p->memory;
	bool found, again = false;
	enum ukey_status status = read_discovery(p, &m->pin_reference, &found);

	if (status == UKEY_OK && !found)
		status = piv_confirm(p, p->sw, &again);
	if (status == UKEY_OK && again)
		status = read_discovery(p, &m->pin_reference, &found);
	if (status == UKEY_OK && !found)
		m->pin_reference = 0x80;
	m->reference_known = status == UKEY_OK;
	return status;
}

enum ukey_status piv_pin_reference(struct card_port *p, uint8_t *reference)
{
	struct card_memory *m = p->memory;
	enum ukey_status status = UKEY_OK;

	/* Notes may come out of a file: they name no other than these two. */
	if (!m->reference_known && m->notes_len > 0 && (m->notes[0] == 0x00 || m->notes[0] == 0x80)) {
		m->pin_reference = m->notes[0];
		m->reference_known = true;
	}
	if (!m->reference_known) {
		status = p->hold(p->ctx);
		if (status != UKEY_OK)
			return status;
		status = learn_reference(p);
		p->let_go(p->ctx);
	}
	*reference = m->pin_reference;
	return status;
}

/* 3.2.1 without data: is it verified, and how many tries are left? Cards that answer in another way tell nothing. */
static enum ukey_status ask_about_pin(struct card_port *p, struct card_info *info)
{
	uint8_t reference = 0;
	enum ukey_status status = piv_pin_reference(p, &reference);
	const struct apdu a = {.ins = INS_VERIFY, .p2 = reference};

	if (status != UKEY_OK)
		return status;
	status = piv_transact(p, CARD_CMD_VERIFY_USER, &a, NULL);
	if (p->sw == 0)
		return status;
	const int tries = card_tries(p->sw);
	info->user_verified = tries < 0;
	if (tries >= 0) {
		info->token.user_pin.tries_left = (unsigned)tries;
		info->token.user_pin.tries_max = (unsigned)tries > 3 ? (unsigned)tries : 3;
	}
	return UKEY_OK;
}

static enum ukey_status read_information(struct card_port *p, struct card_info *info)
{
	enum ukey_status status = p->hold(p->ctx);

	if (status != UKEY_OK)
		return status;
	*info = p->memory->info;
	/* Whether the management key was proved cannot be asked. */
	info->so_verified = true;
	status = ask_about_pin(p, info);
	p->let_go(p->ctx);
	return status;
}

enum ukey_status piv_version(struct card_port *p, uint8_t version[3])
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct card_memory *m = p->memory;
	const struct apdu a = {.ins = INS_GET_VERSION, .le = APDU_LE_SHORT_MAX};

	if (!m->version_asked) {
		enum ukey_status status = send_once(p, CARD_CMD_READ, &a, &answer);
		if (!is_answer(p, status))
			return status;
		bytes_fill(m->version, 0, sizeof m->version);
		if (status == UKEY_OK && answer.len == sizeof m->version)
			bytes_copy(m->version, builder_bytes(&answer));
		m->version_asked = true;
	}
	bytes_copy(version, BYTES_OF(m->version));
	return UKEY_OK;
}

/* ---- 3.2.1 to 3.2.3 PINs ----------------------------------------------------------------------------------------- */

/* One PIN, or two: the old or the PUK, and the new one. */
static enum ukey_status send_pins(
	struct card_port *p, enum card_command command, struct apdu a, struct bytes first, struct bytes second)
{
	const size_t count = second.data ? 2 : 1;
	uint8_t *memory = secmem_alloc(2 * PIV_PIN_SIZE);
	enum ukey_status status = UKEY_PIN_LENGTH;

	if (!memory)
		return UKEY_MEMORY;
	if (piv_pin_pad(first, memory) && (count == 1 || piv_pin_pad(second, memory + PIV_PIN_SIZE))) {
		a.data = BYTES(memory, count * PIV_PIN_SIZE);
		status = piv_transact(p, command, &a, NULL);
	} else {
		p->sw = 0;
	}
	secmem_free(memory);
	/* 630x of old cards, for whoever counts tries. */
	if ((p->sw & 0xFFF0) == 0x6300)
		p->sw |= SW_TRIES_LEFT & 0x00F0;
	return status;
}

static enum ukey_status verify_user(struct card_port *p, struct bytes pin)
{
	struct apdu a = {.ins = INS_VERIFY};
	enum ukey_status status = p->hold(p->ctx);

	p->sw = 0;
	if (status != UKEY_OK)
		return status;
	status = piv_pin_reference(p, &a.p2);
	if (status == UKEY_OK)
		status = send_pins(p, CARD_CMD_VERIFY_USER, a, pin, BYTES_NONE);
	p->let_go(p->ctx);
	/* What another program undid is done again. */
	if (status == UKEY_OK)
		p->memory->deselected = false;
	return status;
}

static enum ukey_status verify(struct card_port *p, enum ukey_role role, struct bytes pin, uint32_t *generation)
{
	*generation = 0;
	p->sw = 0;
	return role == UKEY_USER ? verify_user(p, pin) : piv_manage_login(p, pin);
}

static enum ukey_status logout(struct card_port *p, enum ukey_role role)
{
	struct apdu a = {.ins = INS_VERIFY, .p1 = 0xFF};
	/* No command ends the log-in of the manager. */
	enum ukey_status status = role == UKEY_USER && !p->memory->manager ? p->hold(p->ctx) : UKEY_NOT_SUPPORTED;

	p->sw = 0;
	if (status != UKEY_OK)
		return status;
	status = piv_pin_reference(p, &a.p2);
	if (status == UKEY_OK)
		status = piv_transact(p, CARD_CMD_LOGOUT, &a, NULL);
	p->let_go(p->ctx);
	return status;
}

static enum ukey_status change_pin(struct card_port *p, enum ukey_role role, struct bytes old, struct bytes new)
{
	struct apdu a = {.ins = INS_CHANGE_REFERENCE_DATA, .p2 = REFERENCE_PUK};
	enum ukey_status status = p->hold(p->ctx);

	p->sw = 0;
	if (status != UKEY_OK)
		return status;
	if (role == UKEY_USER)
		status = piv_pin_reference(p, &a.p2);
	if (status == UKEY_OK)
		status = send_pins(p, role == UKEY_USER ? CARD_CMD_CHANGE_USER : CARD_CMD_CHANGE_SO, a, old, new);
	p->let_go(p->ctx);
	/* Which is a log-in. */
	if (status == UKEY_OK && role == UKEY_USER)
		p->memory->deselected = false;
	return status;
}

/* The PUK resets the application's PIN, no other. */
static enum ukey_status unlock_pin(struct card_port *p, struct bytes puk, struct bytes new)
{
	return send_pins(p, CARD_CMD_UNLOCK, (struct apdu){.ins = INS_RESET_RETRY_COUNTER, .p2 = 0x80}, puk, new);
}

/* ---- 3.2.4 keys -------------------------------------------------------------------------------------------------- */

static const struct {
	enum card_command command;
	uint8_t tag;
} operations[] = {
	[CARD_SIGN] = {CARD_CMD_SIGN,    0x81},
	[CARD_DECRYPT] = {CARD_CMD_DECRYPT, 0x81},
	[CARD_DERIVE] = {CARD_CMD_DERIVE,  0x85},
};

/* Bytes of a coordinate; 0 for RSA. */
static size_t field_of(enum ukey_algorithm a)
{
	return a == UKEY_P256 ? 32 : a == UKEY_P384 ? 48 : 0;
}

/* A digest shorter than the order is the same number with zeros before it, and cards differ in whether they know. */
static void put_input(
	struct builder *b, enum card_operation operation, enum ukey_algorithm algorithm, struct bytes input)
{
	const size_t field = operation == CARD_SIGN ? field_of(algorithm) : 0;
	size_t inside = tlv_begin(b, operations[operation].tag);

	for (size_t i = input.len; i < field; i++)
		builder_u8(b, 0);
	builder_put(b, input);
	tlv_end(b, inside);
}

static bool take_result(
	struct bytes answer, enum card_operation operation, enum ukey_algorithm algorithm, uint8_t *result, size_t len)
{
	struct bytes value;
	const size_t field = operation == CARD_SIGN ? field_of(algorithm) : 0;

	if (!piv_dynamic_parse(answer, 0x82, &value))
		return false;
	if (field > 0)
		return len == 2 * field && piv_ecdsa_parse(value, field, result);
	if (value.len != len)
		return false;
	bytes_copy(result, value);
	return true;
}

static enum ukey_status operate(struct card_port *p, enum card_operation operation, enum ukey_algorithm algorithm,
	ukey_key_ref ref, struct bytes input, uint8_t *result, size_t len)
{
	const struct piv_slot *slot = piv_slot_of(ref);
	const size_t in_room = input.len + 64, out_room = len + 64;
	uint8_t *memory = slot ? secmem_alloc(in_room + out_room) : NULL;
	struct builder b = builder_of(memory, in_room), answer;
	struct apdu a = {.ins = INS_GENERAL_AUTHENTICATE, .p1 = (uint8_t)algorithm, .le = APDU_LE_SHORT_MAX};

	p->sw = 0;
	if (!slot)
		return UKEY_NOT_FOUND;
	if (!memory)
		return UKEY_MEMORY;
	a.p2 = slot->reference;
	answer = builder_of(memory + in_room, out_room);
	if (out_room - 2 > APDU_LE_SHORT_MAX)
		a.le = (uint32_t)out_room - 2;
	size_t template = tlv_begin(&b, 0x7C);
	tlv_put(&b, 0x82, BYTES_NONE);
	put_input(&b, operation, algorithm, input);
	tlv_end(&b, template);
	a.data = builder_bytes(&b);
	enum ukey_status status =
		b.failed ? UKEY_DATA_LENGTH : piv_transact(p, operations[operation].command, &a, &answer);
	if (status == UKEY_OK && !take_result(builder_bytes(&answer), operation, algorithm, result, len))
		status = UKEY_TOKEN_PROTOCOL;
	secmem_free(memory);
	return status;
}

const struct card_ops card_piv = {
	.name = "PIV",
	.tells_nothing = true,
	.keys_without_pin = true,
	.puk = true,
	.authorize = piv_manage_authorize,
	.key_of_pin = piv_manage_key_of_pin,
	.place = piv_manage_place,
	.select = select_card,
	.info = read_information,
	.verify = verify,
	.logout = logout,
	.change_pin = change_pin,
	.unlock_pin = unlock_pin,
	.set_pin = piv_cannot_set_pin,
	.initialize = piv_cannot_initialize,
	.factory_reset = piv_cannot_factory_reset,
	.read_directory = piv_read_directory,
	.look = piv_look,
	.look_at = piv_look_at,
	.read_certificate = piv_read_certificate,
	.read_data = piv_cannot_read_data,
	.write = piv_manage_write,
	.erase = piv_manage_erase,
	.generate = piv_manage_generate,
	.delete_key = piv_cannot_delete_key,
	.operate = operate,
	.random = piv_cannot_random,
	.unlock_challenge = piv_cannot_unlock_challenge,
	.unlock_respond = piv_cannot_unlock_respond,
	.unlock_proof = piv_cannot_unlock_proof,
	.attest = piv_cannot_attest,
	.read_chain = piv_cannot_read_chain,
	.open_channel = piv_cannot_open_channel,
	.close_channel = piv_cannot_close_channel,
	.authenticate = piv_cannot_authenticate,
};
