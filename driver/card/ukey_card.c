/* SPDX-License-Identifier: Apache-2.0 */
/* Our token application, doc/token-protocol.md; the section numbers are its. */
#include "driver/card/card.h"

#include "common/secmem.h"
#include "common/tlv.h"
#include "driver/text.h"

#include <stdlib.h>

enum instruction {
	INS_SELECT = 0xA4,
	INS_GET_DATA = 0xCB,
	INS_PUT_DATA = 0xDB,
	INS_VERIFY = 0x20,
	INS_CHANGE_REFERENCE_DATA = 0x24,
	INS_RESET_RETRY_COUNTER = 0x2C,
	INS_GENERATE = 0x47,
	INS_IMPORT = 0xDA,
	INS_GENERAL_AUTHENTICATE = 0x87,
	INS_GET_CHALLENGE = 0x84,
	INS_INITIALIZE = 0xE0,
	INS_DELETE = 0xE4,
	INS_FACTORY_RESET = 0xEE,
	INS_UNLOCK_CHALLENGE = 0x84, /* and the proof; class 80 */
	INS_ATTEST = 0xCC,
	INS_MANAGE_CHANNEL = 0x70,
	INS_INTERNAL_AUTHENTICATE = 0x88,
};

#define CLA_ISO 0x00
#define CLA_OWN 0x80

#define OBJECT_INFORMATION 0x0001
#define OBJECT_DIRECTORY   0x0002
#define REFERENCE_USER     0x81
#define REFERENCE_SO       0x82
#define REFERENCE_UNLOCK   0x83
#define DEVICE_KEY_VERSION 0x01 /* P1 and P2 of INTERNAL AUTHENTICATE */
#define DEVICE_KEY_ID      0x13
/* The user's PIN at most, twice, with tags; policy, label and tries beside them. */
#define PIN_DATA_MAX  256
#define RSA_MAX       512
#define CHAIN_MAX     8192 /* 6.1 */
#define STATEMENT_MAX 4096
/* Names, a modulus, transport and wrapped value, each with its tag. */
#define IMPORT_MAX 2048
/* SELECT's answer fits a short APDU (2.1: at most 238 bytes). */
#define INFORMATION_MAX 256

static const uint8_t aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

static enum ukey_status transact(
	struct card_port *p, enum card_command command, const struct apdu *a, struct builder *answer)
{
	return card_transact(p, card_status, command, a, answer);
}

/* 4.5: the generation after a command that may change public data. */
static bool take_generation(struct cursor *c, uint32_t *generation)
{
	struct cursor value = cursor_of(tlv_take(c, 0x88));
	uint32_t v = cursor_u32(&value);

	if (c->failed || !cursor_done(&value))
		return false;
	*generation = v;
	return true;
}

static enum ukey_status transact_generation(
	struct card_port *p, enum card_command command, const struct apdu *a, uint32_t *generation)
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	enum ukey_status status = transact(p, command, a, &answer);

	if (status != UKEY_OK)
		return status;
	struct cursor c = cursor_of(builder_bytes(&answer));
	return take_generation(&c, generation) && cursor_done(&c) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

/* ---- 4.1 SELECT, token information ------------------------------------------------------------------------------- */

static enum ukey_status select_application(struct card_port *p, struct card_info *info)
{
	uint8_t buffer[INFORMATION_MAX + 2];
	struct builder answer = builder_of(buffer, sizeof buffer);
	const struct apdu a = {
		.cla = CLA_ISO, .ins = INS_SELECT, .p1 = 0x04, .data = BYTES_OF(aid), .le = APDU_LE_SHORT_MAX};
	enum ukey_status status = transact(p, CARD_CMD_SELECT, &a, &answer);

	if (status != UKEY_OK)
		return status;
	if (!card_is_ours(builder_bytes(&answer)))
		return UKEY_FOREIGN_CARD;
	return card_info_parse(builder_bytes(&answer), info) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

/* `object` and a command to get it; the data lives in `list`. */
static struct apdu get_data(uint16_t object, uint8_t list[4], uint32_t le)
{
	list[0] = 0x5C;
	list[1] = 2;
	list[2] = (uint8_t)(object >> 8);
	list[3] = (uint8_t)object;
	return (struct apdu){
		.cla = CLA_ISO, .ins = INS_GET_DATA, .p1 = 0x3F, .p2 = 0xFF, .data = BYTES(list, 4), .le = le};
}

static enum ukey_status read_information(struct card_port *p, struct card_info *info)
{
	uint8_t buffer[INFORMATION_MAX + 2], list[4];
	struct builder answer = builder_of(buffer, sizeof buffer);
	const struct apdu a = get_data(OBJECT_INFORMATION, list, APDU_LE_SHORT_MAX);
	enum ukey_status status = transact(p, CARD_CMD_READ, &a, &answer);

	if (status != UKEY_OK)
		return status;
	return card_info_parse(builder_bytes(&answer), info) ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

/* ---- 4.8 PINs ---------------------------------------------------------------------------------------------------- */

static uint8_t reference(enum ukey_role role)
{
	return role == UKEY_SO ? REFERENCE_SO : REFERENCE_USER;
}

static enum ukey_status verify(struct card_port *p, enum ukey_role role, struct bytes pin, uint32_t *generation)
{
	const struct apdu a = {
		.cla = CLA_ISO, .ins = INS_VERIFY, .p2 = reference(role), .data = pin, .le = APDU_LE_SHORT_MAX};
	return transact_generation(p, role == UKEY_SO ? CARD_CMD_VERIFY_SO : CARD_CMD_VERIFY_USER, &a, generation);
}

static enum ukey_status logout(struct card_port *p, enum ukey_role role)
{
	const struct apdu a = {.cla = CLA_ISO, .ins = INS_VERIFY, .p1 = 0xFF, .p2 = reference(role)};
	return transact(p, CARD_CMD_LOGOUT, &a, NULL);
}

/* Tags 80 (left out when it has no data) and 81: the old, or the SO's PIN, and the new one. */
static enum ukey_status two_pins(
	struct card_port *p, enum card_command command, struct apdu a, struct bytes first, struct bytes second)
{
	uint8_t *memory = secmem_alloc(PIN_DATA_MAX);
	struct builder b = builder_of(memory, PIN_DATA_MAX);

	if (!memory)
		return UKEY_MEMORY;
	if (first.data)
		tlv_put(&b, 0x80, first);
	tlv_put(&b, 0x81, second);
	a.cla = CLA_ISO;
	a.data = builder_bytes(&b);
	enum ukey_status status = b.failed ? UKEY_PIN_LENGTH : transact(p, command, &a, NULL);
	secmem_free(memory);
	return status;
}

static enum ukey_status change_pin(struct card_port *p, enum ukey_role role, struct bytes old, struct bytes new)
{
	return two_pins(p, role == UKEY_SO ? CARD_CMD_CHANGE_SO : CARD_CMD_CHANGE_USER,
		(struct apdu){.ins = INS_CHANGE_REFERENCE_DATA, .p2 = reference(role)}, old, new);
}

static enum ukey_status unlock_pin(struct card_port *p, struct bytes so_pin, struct bytes new)
{
	return two_pins(
		p, CARD_CMD_UNLOCK, (struct apdu){.ins = INS_RESET_RETRY_COUNTER, .p2 = REFERENCE_USER}, so_pin, new);
}

static enum ukey_status set_pin(struct card_port *p, struct bytes new)
{
	return two_pins(p, CARD_CMD_SET_PIN,
		(struct apdu){.ins = INS_RESET_RETRY_COUNTER, .p1 = 0x02, .p2 = REFERENCE_USER}, BYTES_NONE, new);
}

/* ---- 4.10, 4.11 life cycle --------------------------------------------------------------------------------------- */

/* Left out when nothing is asked: the token's default is then the same. */
static uint8_t policy_flags(const struct ukey_initialize *how, bool device_key)
{
	uint8_t flags = device_key && !how->pin_in_clear ? 0x01 : 0x00;

	if (how->pin_change_first)
		flags |= 0x02;
	if (how->piv)
		flags |= how->piv->yubico ? 0x0C : 0x04;
	return flags;
}

static void put_policy(struct builder *b, const struct ukey_initialize *how, bool device_key)
{
	const uint8_t flags = policy_flags(how, device_key);
	const uint8_t policy[5] = {how->pin_min ? how->pin_min : 6, how->pin_max ? how->pin_max : 32, how->pin_classes,
		how->pin_history, flags};

	if (how->pin_min || how->pin_max || how->pin_classes || how->pin_history || flags != (device_key ? 0x01 : 0x00))
		tlv_put(b, 0x8A, BYTES_OF(policy));
}

static void put_piv(struct builder *b, const struct ukey_piv_setup *piv)
{
	size_t body = tlv_begin(b, 0xA9), key;

	tlv_put(b, 0x80, text_bytes(piv->pin));
	tlv_put(b, 0x81, text_bytes(piv->puk));
	key = tlv_begin(b, 0x82);
	builder_u8(b, piv->algorithm);
	builder_put(b, BYTES(piv->key, piv->key_len));
	tlv_end(b, key);
	tlv_end(b, body);
}

static enum ukey_status initialize(
	struct card_port *p, const struct ukey_initialize *how, bool device_key, uint32_t *generation)
{
	uint8_t *memory = secmem_alloc(PIN_DATA_MAX);
	struct builder b = builder_of(memory, PIN_DATA_MAX);
	struct apdu a = {.cla = CLA_OWN, .ins = INS_INITIALIZE, .le = APDU_LE_SHORT_MAX};

	if (!memory)
		return UKEY_MEMORY;
	tlv_put(&b, 0x80, text_bytes(how->label));
	tlv_put(&b, 0x81, BYTES(how->so_pin, how->so_len));
	if (how->present_so_pin)
		tlv_put(&b, 0x82, BYTES(how->present_so_pin, how->present_so_len));
	if (how->user_pin)
		tlv_put(&b, 0x83, BYTES(how->user_pin, how->user_len));
	put_policy(&b, how, device_key);
	if (how->user_tries)
		tlv_put_u8(&b, 0x8B, how->user_tries);
	if (how->piv)
		put_piv(&b, how->piv);
	a.data = builder_bytes(&b);
	enum ukey_status status =
		b.failed ? UKEY_ARGUMENT : transact_generation(p, CARD_CMD_INITIALIZE, &a, generation);
	secmem_free(memory);
	return status;
}

static enum ukey_status factory_reset(struct card_port *p)
{
	const struct apdu a = {.cla = CLA_OWN, .ins = INS_FACTORY_RESET};
	return transact(p, CARD_CMD_FACTORY_RESET, &a, NULL);
}

/* ---- 4.5 GET DATA, PUT DATA -------------------------------------------------------------------------------------- */

/* The answer, `most` bytes or fewer, in memory that is the caller's to free, and not NULL when the answer is empty. */
static enum ukey_status transact_alloc(
	struct card_port *p, enum card_command command, struct apdu a, size_t most, uint8_t **out, size_t *len)
{
	const size_t room = most < p->max_answer ? most : p->max_answer;
	uint8_t *memory = malloc(room + 2);
	struct builder answer = builder_of(memory, room + 2);

	if (!memory)
		return UKEY_MEMORY;
	a.le = (uint32_t)room;
	enum ukey_status status = transact(p, command, &a, &answer);
	if (status == UKEY_OK && answer.len > room)
		status = UKEY_TOKEN_PROTOCOL;
	if (status != UKEY_OK) {
		bytes_wipe(memory, room);
		free(memory);
		return status;
	}
	*out = memory;
	*len = answer.len;
	return UKEY_OK;
}

static enum ukey_status read_object(struct card_port *p, uint16_t object, size_t most, uint8_t **out, size_t *len)
{
	uint8_t list[4];

	return transact_alloc(p, CARD_CMD_READ, get_data(object, list, 0), most, out, len);
}

static uint16_t object_of(enum card_object kind, uint8_t number)
{
	return (uint16_t)(kind << 8 | number);
}

static enum ukey_status read_directory(struct card_port *p, uint8_t **out, size_t *len)
{
	return read_object(p, OBJECT_DIRECTORY, APDU_LE_MAX, out, len);
}

static enum ukey_status read_certificate(
	struct card_port *p, enum card_object kind, uint8_t number, uint8_t **out, size_t *len)
{
	return read_object(p, object_of(kind, number), APDU_LE_MAX, out, len);
}

static bool parse_data(struct bytes raw, struct ukey_data *out)
{
	struct bytes label, application, oid, flags, value;
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 0, UKEY_LABEL_MAX, &label      },
		{0x82, TLV_OPTIONAL, 0, UKEY_LABEL_MAX, &application},
		{0x83, TLV_OPTIONAL, 0, UKEY_ID_MAX,    &oid        },
		{0x84, TLV_REQUIRED, 1, 1,              &flags      },
		{0x85, TLV_REQUIRED, 0, 65535,          &value      },
	};

	if (!tlv_parse(raw, fields, sizeof fields / sizeof fields[0]) || flags.data[0] > 0x01 ||
		!text_copy(label, out->label, sizeof out->label) ||
		!text_copy(application, out->application, sizeof out->application))
		return false;
	bytes_copy(out->oid, oid);
	out->oid_len = oid.len;
	out->is_private = flags.data[0] & 0x01;
	out->length = value.len;
	out->value = malloc(value.len ? value.len : 1);
	if (out->value)
		bytes_copy(out->value, value);
	return true;
}

static enum ukey_status read_data(struct card_port *p, uint8_t number, struct ukey_data *out)
{
	struct ukey_data d = {0};
	uint8_t *raw;
	size_t len;
	enum ukey_status status = read_object(p, object_of(CARD_DATA, number), APDU_LE_MAX, &raw, &len);

	if (status != UKEY_OK)
		return status;
	if (!parse_data(BYTES(raw, len), &d))
		status = UKEY_TOKEN_PROTOCOL;
	else if (!d.value)
		status = UKEY_MEMORY;
	else
		*out = d;
	bytes_wipe(raw, len);
	free(raw);
	return status;
}

/* The tags of the values, by kind of object. */
struct body_tags {
	enum card_object kind;
	uint8_t certificate, value, label, id, name, application, oid, certificate_label, number;
};

static const struct body_tags body_tags[] = {
	{CARD_CERTIFICATE,     .certificate = 0x70, .label = 0x82},
	{CARD_OTHER_CERTIFICATE,                    .certificate = 0x70,                  .id = 0x81, .label = 0x82, .number = 0x83},
	{CARD_DATA,          .label = 0x81,.application = 0x82, .oid = 0x83, .number = 0x84, .value = 0x85},
	{CARD_KEY_ATTRIBUTES,                    .id = 0x81,                               .label = 0x82, .certificate_label = 0x88},
	{CARD_CONTAINER_ATTRIBUTES, .name = 0x81          },
	{CARD_LABEL,       .label = 0x83                         },
};

static void put_field(struct builder *b, uint8_t tag, struct bytes value)
{
	if (tag && value.data)
		tlv_put(b, tag, value);
}

static void put_body(struct builder *b, const struct body_tags *t, const struct card_body *body)
{
	put_field(b, t->certificate, body->certificate);
	put_field(b, t->label, body->label);
	put_field(b, t->id, body->id);
	put_field(b, t->name, body->name);
	put_field(b, t->application, body->application);
	put_field(b, t->oid, body->oid);
	put_field(b, t->certificate_label, body->certificate_label);
	if (t->number && body->number >= 0)
		tlv_put_u8(b, t->number, (uint8_t)body->number);
	put_field(b, t->value, body->value);
}

/* Labels, names, CKA_ID, tags and lengths, generously. */
#define BODY_BESIDE 512

static enum ukey_status put_data(struct card_port *p, enum card_command command, uint16_t object,
	const struct body_tags *t, const struct card_body *body, uint32_t *generation)
{
	const size_t room = body ? body->certificate.len + body->value.len + BODY_BESIDE : BODY_BESIDE;
	const uint8_t list[4] = {0x5C, 2, (uint8_t)(object >> 8), (uint8_t)object};
	uint8_t *memory = secmem_alloc(room);
	struct builder b = builder_of(memory, room);
	struct apdu a = {.cla = CLA_ISO, .ins = INS_PUT_DATA, .p1 = 0x3F, .p2 = 0xFF, .le = APDU_LE_SHORT_MAX};

	if (!memory)
		return UKEY_MEMORY;
	builder_put(&b, BYTES_OF(list));
	size_t mark = tlv_begin(&b, 0x53);
	if (body)
		put_body(&b, t, body);
	tlv_end(&b, mark);
	a.data = builder_bytes(&b);
	enum ukey_status status = b.failed || a.data.len > APDU_DATA_MAX
					  ? UKEY_TOO_LARGE
					  : transact_generation(p, command, &a, generation);
	secmem_free(memory);
	return status;
}

static enum ukey_status write_object(
	struct card_port *p, enum card_object kind, uint8_t number, const struct card_body *body, uint32_t *generation)
{
	size_t i = 0;

	while (body_tags[i].kind != kind)
		i++;
	return put_data(p, CARD_CMD_WRITE, object_of(kind, number), &body_tags[i], body, generation);
}

static enum ukey_status erase_object(struct card_port *p, enum card_object kind, uint8_t number, uint32_t *generation)
{
	return put_data(p, CARD_CMD_ERASE, object_of(kind, number), NULL, NULL, generation);
}

/* ---- 4.6, 4.7, 4.9 keys ------------------------------------------------------------------------------------------ */

/* What every new key is told, inside AC. */
static void put_wishes(struct builder *b, const struct ukey_generate *how)
{
	tlv_put(b, 0x81, BYTES(how->id, how->id_len));
	tlv_put(b, 0x82, text_bytes(how->label));
	tlv_put_u16(b, 0x83, (uint16_t)how->usage);
	tlv_put_u8(b, 0x85, how->always_authenticate);
	tlv_put_u8(b, 0x86, how->touch);
	if (how->container_name)
		tlv_put(b, 0x8A, text_bytes(how->container_name));
}

static bool parse_generated(struct bytes raw, struct card_public *out, uint32_t *generation)
{
	struct cursor c = cursor_of(raw);
	struct bytes key = tlv_take(&c, 0x7F49);
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 1, RSA_MAX, &out->modulus },
		{0x82, TLV_OPTIONAL, 1, RSA_MAX, &out->exponent},
		{0x86, TLV_OPTIONAL, 1, RSA_MAX, &out->point   },
	};

	return !c.failed && tlv_parse(key, fields, sizeof fields / sizeof fields[0]) &&
	       take_generation(&c, generation) && cursor_done(&c);
}

static enum ukey_status generate(struct card_port *p, const struct ukey_generate *how, struct builder *answer,
	struct card_public *out, uint32_t *generation)
{
	uint8_t data[256];
	struct builder b = builder_of(data, sizeof data);
	struct apdu a = {.cla = CLA_ISO,
		.ins = INS_GENERATE,
		.p1 = (uint8_t)how->algorithm,
		.p2 = (uint8_t)how->ref,
		.le = (uint32_t)answer->cap - 2};

	size_t mark = tlv_begin(&b, 0xAC);
	put_wishes(&b, how);
	tlv_end(&b, mark);
	if (b.failed)
		return UKEY_ARGUMENT;
	a.data = builder_bytes(&b);
	enum ukey_status status = transact(p, CARD_CMD_GENERATE, &a, answer);
	if (status == UKEY_OK && !parse_generated(builder_bytes(answer), out, generation))
		status = UKEY_TOKEN_PROTOCOL;
	return status;
}

/* 4.12 */
static void put_pair(struct builder *b, const struct card_public *public_key, const struct card_private *private_key)
{
	size_t mark = tlv_begin(b, 0x87);

	if (public_key->modulus.data) {
		tlv_put(b, 0x81, public_key->modulus);
		tlv_put(b, 0x82, public_key->exponent);
	} else {
		tlv_put(b, 0x86, public_key->point);
	}
	tlv_end(b, mark);
	if (private_key->value.data) {
		tlv_put(b, 0x88, private_key->value);
	} else {
		tlv_put(b, 0x89, private_key->transport);
		tlv_put(b, 0x8B, private_key->wrapped);
	}
}

static enum ukey_status import(struct card_port *p, const struct ukey_generate *how,
	const struct card_public *public_key, const struct card_private *private_key, uint32_t *generation)
{
	uint8_t *memory = secmem_alloc(IMPORT_MAX);
	struct builder b = builder_of(memory, IMPORT_MAX);
	struct apdu a = {.cla = CLA_OWN,
		.ins = INS_IMPORT,
		.p1 = (uint8_t)how->algorithm,
		.p2 = (uint8_t)how->ref,
		.le = APDU_LE_SHORT_MAX};

	if (!memory)
		return UKEY_MEMORY;
	size_t mark = tlv_begin(&b, 0xAC);
	put_wishes(&b, how);
	put_pair(&b, public_key, private_key);
	tlv_end(&b, mark);
	a.data = builder_bytes(&b);
	enum ukey_status status = b.failed ? UKEY_KEY_INVALID : transact_generation(p, CARD_CMD_IMPORT, &a, generation);
	secmem_free(memory);
	return status;
}

static enum ukey_status delete_key(struct card_port *p, bool container, uint8_t number, uint32_t *generation)
{
	const struct apdu a = {
		.cla = CLA_OWN, .ins = INS_DELETE, .p1 = container, .p2 = number, .le = APDU_LE_SHORT_MAX};
	return transact_generation(p, CARD_CMD_DELETE, &a, generation);
}

static const struct {
	enum card_command command;
	uint8_t tag;
} operations[] = {
	[CARD_SIGN] = {CARD_CMD_SIGN,    0x81},
	[CARD_DECRYPT] = {CARD_CMD_DECRYPT, 0x85},
	[CARD_DERIVE] = {CARD_CMD_DERIVE,  0x85},
};

/* 7C len 82 len result, and the result of exactly this length. */
static bool parse_result(struct bytes raw, uint8_t *result, size_t len)
{
	struct bytes inside, value;

	if (!tlv_unwrap(raw, 0x7C, &inside) || !tlv_unwrap(inside, 0x82, &value) || value.len != len)
		return false;
	bytes_copy(result, value);
	return true;
}

static enum ukey_status operate(struct card_port *p, enum card_operation operation, enum ukey_algorithm algorithm,
	ukey_key_ref ref, struct bytes input, uint8_t *result, size_t len)
{
	const size_t in_room = input.len + 16, out_room = len + 16;
	uint8_t *memory = secmem_alloc(in_room + out_room);
	struct builder b = builder_of(memory, in_room), answer;
	struct apdu a = {.cla = CLA_ISO,
		.ins = INS_GENERAL_AUTHENTICATE,
		.p1 = (uint8_t)algorithm,
		.p2 = ref,
		.le = (uint32_t)out_room - 2};

	if (!memory)
		return UKEY_MEMORY;
	answer = builder_of(memory + in_room, out_room);
	size_t mark = tlv_begin(&b, 0x7C);
	tlv_put(&b, 0x82, BYTES_NONE);
	tlv_put(&b, operations[operation].tag, input);
	tlv_end(&b, mark);
	a.data = builder_bytes(&b);
	enum ukey_status status = b.failed ? UKEY_DATA_LENGTH : transact(p, operations[operation].command, &a, &answer);
	if (status == UKEY_OK && !parse_result(builder_bytes(&answer), result, len))
		status = UKEY_TOKEN_PROTOCOL;
	secmem_free(memory);
	return status;
}

/* ---- 4.4 ----------------------------------------------------------------------------------------------------------
 */

static enum ukey_status get_challenge(struct card_port *p, uint8_t *out, size_t *len)
{
	const size_t wanted = *len < p->max_answer ? *len : p->max_answer;
	uint8_t *memory = secmem_alloc(wanted + 2);
	struct builder answer = builder_of(memory, wanted + 2);
	const struct apdu a = {.cla = CLA_ISO, .ins = INS_GET_CHALLENGE, .le = (uint32_t)wanted};

	if (!memory)
		return UKEY_MEMORY;
	enum ukey_status status = transact(p, CARD_CMD_RANDOM, &a, &answer);
	if (status == UKEY_OK && (answer.len == 0 || answer.len > wanted))
		status = UKEY_TOKEN_PROTOCOL;
	if (status == UKEY_OK) {
		bytes_copy(out, builder_bytes(&answer));
		*len = answer.len;
	}
	secmem_free(memory);
	return status;
}

/* ---- 5 unlock by phone ------------------------------------------------------------------------------------------- */

static enum ukey_status unlock_challenge(struct card_port *p, uint8_t challenge[UKEY_CHALLENGE_SIZE])
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer), out = builder_of(challenge, UKEY_CHALLENGE_SIZE);
	const struct apdu a = {
		.cla = CLA_OWN, .ins = INS_UNLOCK_CHALLENGE, .p2 = REFERENCE_UNLOCK, .le = APDU_LE_SHORT_MAX};
	struct bytes serial, version, counter, random;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 8, 8, &serial },
		{0x81, TLV_REQUIRED, 1, 1, &version},
		{0x82, TLV_REQUIRED, 2, 2, &counter},
		{0x83, TLV_REQUIRED, 8, 8, &random },
	};
	enum ukey_status status = transact(p, CARD_CMD_UNLOCK_CHALLENGE, &a, &answer);

	if (status != UKEY_OK)
		return status;
	if (!tlv_parse(builder_bytes(&answer), fields, sizeof fields / sizeof fields[0]))
		return UKEY_TOKEN_PROTOCOL;
	builder_put(&out, version);
	builder_put(&out, serial);
	builder_put(&out, counter);
	builder_put(&out, random);
	return UKEY_OK;
}

static enum ukey_status unlock_respond(struct card_port *p, const uint8_t response[UKEY_RESPONSE_SIZE],
	struct bytes new, uint8_t proof[UKEY_PROOF_SIZE], uint32_t *generation)
{
	uint8_t buffer[CARD_SMALL_MAX], *memory = secmem_alloc(PIN_DATA_MAX);
	struct builder answer = builder_of(buffer, sizeof buffer), b = builder_of(memory, PIN_DATA_MAX);
	struct apdu a = {.cla = CLA_ISO,
		.ins = INS_RESET_RETRY_COUNTER,
		.p1 = 0x01,
		.p2 = REFERENCE_USER,
		.le = APDU_LE_SHORT_MAX};

	if (!memory)
		return UKEY_MEMORY;
	tlv_put(&b, 0x82, BYTES(response, UKEY_RESPONSE_SIZE));
	tlv_put(&b, 0x81, new);
	a.data = builder_bytes(&b);
	enum ukey_status status = b.failed ? UKEY_PIN_LENGTH : transact(p, CARD_CMD_UNLOCK_RESPOND, &a, &answer);
	secmem_free(memory);
	if (status != UKEY_OK)
		return status;
	struct cursor c = cursor_of(builder_bytes(&answer));
	struct bytes value = tlv_take(&c, 0x89);
	if (!take_generation(&c, generation) || !cursor_done(&c) || value.len != UKEY_PROOF_SIZE)
		return UKEY_TOKEN_PROTOCOL;
	bytes_copy(proof, value);
	return UKEY_OK;
}

static enum ukey_status unlock_proof(struct card_port *p, uint8_t proof[UKEY_PROOF_SIZE])
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	const struct apdu a = {.cla = CLA_OWN,
		.ins = INS_UNLOCK_CHALLENGE,
		.p1 = 0x01,
		.p2 = REFERENCE_UNLOCK,
		.le = APDU_LE_SHORT_MAX};
	struct bytes serial, version, counter, value;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 8,               8,               &serial },
		{0x81, TLV_REQUIRED, 1,               1,               &version},
		{0x82, TLV_REQUIRED, 2,               2,               &counter},
		{0x89, TLV_REQUIRED, UKEY_PROOF_SIZE, UKEY_PROOF_SIZE, &value  },
	};
	enum ukey_status status = transact(p, CARD_CMD_UNLOCK_PROOF, &a, &answer);

	if (status != UKEY_OK)
		return status;
	if (!tlv_parse(builder_bytes(&answer), fields, sizeof fields / sizeof fields[0]))
		return UKEY_TOKEN_PROTOCOL;
	bytes_copy(proof, value);
	return UKEY_OK;
}

/* ---- 6, 8 what the factory gave ---------------------------------------------------------------------------------- */

static enum ukey_status attest(struct card_port *p, ukey_key_ref ref, struct bytes nonce, uint8_t **out, size_t *len)
{
	uint8_t data[64];
	struct builder b = builder_of(data, sizeof data);
	struct apdu a = {.cla = CLA_OWN, .ins = INS_ATTEST, .p2 = ref};

	tlv_put(&b, 0x80, nonce);
	if (b.failed)
		return UKEY_ARGUMENT;
	a.data = builder_bytes(&b);
	return transact_alloc(p, CARD_CMD_ATTEST, a, STATEMENT_MAX, out, len);
}

static enum ukey_status read_chain(struct card_port *p, enum card_chain which, uint8_t **out, size_t *len)
{
	return read_object(p, (uint16_t)which, CHAIN_MAX, out, len);
}

static enum ukey_status open_channel(struct card_port *p, uint8_t *number)
{
	uint8_t buffer[CARD_SMALL_MAX];
	struct builder answer = builder_of(buffer, sizeof buffer);
	const struct apdu a = {.cla = CLA_ISO, .ins = INS_MANAGE_CHANNEL, .le = 1};
	enum ukey_status status = transact(p, CARD_CMD_OPEN_CHANNEL, &a, &answer);

	if (status != UKEY_OK)
		return status;
	struct cursor c = cursor_of(builder_bytes(&answer));
	*number = cursor_u8(&c);
	return cursor_done(&c) && *number > 0 && *number < APDU_CHANNELS ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

static enum ukey_status close_channel(struct card_port *p, uint8_t number)
{
	const struct apdu a = {.cla = CLA_ISO, .ins = INS_MANAGE_CHANNEL, .p1 = 0x80, .p2 = number};
	enum ukey_status status = transact(p, CARD_CMD_CLOSE_CHANNEL, &a, NULL);

	/* A chain that broke off in the middle is dropped by this, and the channel still open. */
	return p->sw == SW_LAST_OF_CHAIN_EXPECTED ? transact(p, CARD_CMD_CLOSE_CHANNEL, &a, NULL) : status;
}

/* In extended form where the reader can: what follows on this channel goes so, and here a reader's no is mended. */
static enum ukey_status authenticate(struct card_port *p, uint8_t channel, struct bytes data, struct builder *answer)
{
	const struct apdu_class class = {.proprietary = true, .channel = channel};
	const struct apdu a = {.cla = apdu_class_encode(&class),
		.ins = INS_INTERNAL_AUTHENTICATE,
		.p1 = DEVICE_KEY_VERSION,
		.p2 = DEVICE_KEY_ID,
		.data = data,
		.le = APDU_LE_SHORT_MAX,
		.extended = true};
	return transact(p, CARD_CMD_AUTHENTICATE, &a, answer);
}

const struct card_ops card_ukey = {
	.name = "OpenUKey",
	.select = select_application,
	.info = read_information,
	.verify = verify,
	.logout = logout,
	.change_pin = change_pin,
	.unlock_pin = unlock_pin,
	.set_pin = set_pin,
	.initialize = initialize,
	.factory_reset = factory_reset,
	.read_directory = read_directory,
	.read_certificate = read_certificate,
	.read_data = read_data,
	.write = write_object,
	.erase = erase_object,
	.generate = generate,
	.import = import,
	.delete_key = delete_key,
	.operate = operate,
	.random = get_challenge,
	.unlock_challenge = unlock_challenge,
	.unlock_respond = unlock_respond,
	.unlock_proof = unlock_proof,
	.attest = attest,
	.read_chain = read_chain,
	.open_channel = open_channel,
	.close_channel = close_channel,
	.authenticate = authenticate,
};
