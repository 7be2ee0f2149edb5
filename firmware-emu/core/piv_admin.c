/* SPDX-License-Identifier: Apache-2.0 */
/* The management key (reference 9B), the settings, RESET (protocol 9.5; SP 800-73-4 part 2, 3.2.4). */
#include "common/tlv.h"
#include "firmware-emu/core/piv.h"

#define REFERENCE_KEY 0x9B
#define BLOCK_MAX     16
#define TOUCH_MS      15000

/* ---- its algorithms ---- */

struct algorithm {
	uint8_t number;
	uint8_t key, block; /* bytes */
};

static const struct algorithm algorithms[] = {
	{0x03, 24, 8 }, /* three-key Triple DES */
	{0x08, 16, 16}, /* AES */
	{0x0A, 24, 16},
	{0x0C, 32, 16},
};
#define TDES 0x03

/* 00 names Triple DES, too (SP 800-78-4, table 6-2). */
static const struct algorithm *algorithm_of(uint8_t number)
{
	for (size_t i = 0; i < sizeof(algorithms) / sizeof(algorithms[0]); i++)
		if (algorithms[i].number == (number == 0x00 ? TDES : number))
			return &algorithms[i];
	return NULL;
}

/* ---- settings ---- */

#define RECORD_FIXED 5

bool fw_piv_record_read(struct fw *fw, struct fw_piv_record *r)
{
	uint8_t raw[RECORD_FIXED + FW_PIV_KEY_MAX];
	size_t len = fw_object_len(fw, FW_OBJECT_PIV);
	bool ok = len > RECORD_FIXED && len <= sizeof(raw) && fw_object_read(fw, FW_OBJECT_PIV, 0, raw, len);
	struct cursor c = cursor_of(BYTES(raw, ok ? len : 0));

	*r = (struct fw_piv_record){.defaults = cursor_u8(&c), .pin_tries = cursor_u8(&c)};
	r->puk_tries = cursor_u8(&c);
	r->algorithm = cursor_u8(&c);
	r->touch = cursor_u8(&c);
	struct bytes key = cursor_rest(&c);
	bytes_copy(r->key, key);
	r->key_len = key.len;
	bytes_wipe(raw, sizeof(raw));
	const struct algorithm *a = algorithm_of(r->algorithm);
	return ok && a && a->key == r->key_len;
}

void fw_piv_record_put(struct fw_transaction *t, const struct fw_piv_record *r, struct fw_piv_new *new)
{
	struct builder b = builder_of(new->record, sizeof(new->record));

	builder_u8(&b, r->defaults);
	builder_u8(&b, r->pin_tries);
	builder_u8(&b, r->puk_tries);
	builder_u8(&b, r->algorithm);
	builder_u8(&b, r->touch);
	builder_put(&b, BYTES(r->key, r->key_len));
	fw_transaction_put(t, FW_OBJECT_PIV, builder_bytes(&b), BYTES_NONE);
}

bool fw_piv_load(struct fw *fw)
{
	struct fw_piv_record r;

	if (!(fw->policy.flags & FW_POLICY_PIV))
		return true;
	bool ok = fw_piv_record_read(fw, &r);
	fw->piv = (struct fw_piv_settings){r.defaults, r.algorithm, r.touch};
	fw->tries_max[FW_PIN_PIV] = r.pin_tries;
	fw->tries_max[FW_PIN_PUK] = r.puk_tries;
	bytes_wipe(&r, sizeof(r));
	return ok;
}

/* ---- the beginning ---- */

static const uint8_t known_key[] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

static bool set_key(struct fw_piv_record *r, uint8_t number, struct bytes key)
{
	const struct algorithm *a = algorithm_of(number);

	if (!a || a->number != number || a->key != key.len)
		return false;
	r->algorithm = number;
	bytes_copy(r->key, key);
	r->key_len = key.len;
	r->defaults = (uint8_t)(r->defaults & ~FW_PIV_DEFAULT_KEY);
	if (bytes_equal_secret(key, BYTES_OF(known_key)))
		r->defaults |= FW_PIV_DEFAULT_KEY;
	return true;
}

static void set_defaults(struct fw_piv_setup *s)
{
	if (bytes_equal_secret(BYTES_OF(s->pin), BYTES_OF(fw_piv_pin_default)))
		s->record.defaults |= FW_PIV_DEFAULT_PIN;
	if (bytes_equal_secret(BYTES_OF(s->puk), BYTES_OF(fw_piv_puk_default)))
		s->record.defaults |= FW_PIV_DEFAULT_PUK;
	s->record.pin_tries = s->record.puk_tries = FW_PIV_TRIES;
	s->record.touch = FW_PIV_TOUCH_NEVER;
}

bool fw_piv_setup_parse(struct bytes template, struct fw_piv_setup *s)
{
	struct bytes pin, puk, key;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1,  FW_PIV_CODE_SIZE,   &pin},
		{0x81, TLV_REQUIRED, 1,  FW_PIV_CODE_SIZE,   &puk},
		{0x82, TLV_REQUIRED, 17, 1 + FW_PIV_KEY_MAX, &key},
	};

	*s = (struct fw_piv_setup){.record = {0}};
	if (!tlv_parse(template, fields, 3) || !fw_piv_pad(pin, s->pin) || !fw_piv_pad(puk, s->puk))
		return false;
	struct cursor c = cursor_of(key);
	uint8_t number = cursor_u8(&c);
	if (!fw_piv_pin_valid(BYTES_OF(s->pin)) || !fw_piv_puk_valid(BYTES_OF(s->puk)) ||
		!set_key(&s->record, number, cursor_rest(&c)))
		return false;
	set_defaults(s);
	return true;
}

bool fw_piv_put_setup(struct fw *fw, struct fw_transaction *t, const struct fw_piv_setup *s, struct fw_piv_new *new)
{
	fw_piv_record_put(t, &s->record, new);
	fw_transaction_tries(fw, t, FW_PIN_PIV, s->record.pin_tries);
	fw_transaction_tries(fw, t, FW_PIN_PUK, s->record.puk_tries);
	return fw_pin_put(fw, t, &fw->policy, FW_PIN_PIV, FW_PIN_AT_INITIALIZE, BYTES_OF(s->pin), &new->pin) &&
	       fw_pin_put(fw, t, &fw->policy, FW_PIN_PUK, FW_PIN_AT_INITIALIZE, BYTES_OF(s->puk), &new->puk) &&
	       fw_piv_put_identity(fw, t, new->chuid, new->ccc);
}

/* Yubico: as if it were new, and everybody knows its codes. Access asks that both are blocked. */
uint16_t fw_piv_reset(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	struct fw_piv_setup s = {.record = {0}};
	struct fw_piv_new new;
	uint16_t sw = SW_INTERNAL;

	(void)command;
	(void)answer;
	bytes_copy(s.pin, BYTES_OF(fw_piv_pin_default));
	bytes_copy(s.puk, BYTES_OF(fw_piv_puk_default));
	if (set_key(&s.record, TDES, BYTES_OF(known_key))) {
		set_defaults(&s);
		if (fw_piv_put_setup(fw, &t, &s, &new))
			sw = fw_commit_piv_reset(fw, &t);
	}
	if (sw == SW_OK)
		fw_state_revoke(fw, FW_PIV_PIN | FW_PIV_FRESH | FW_PIV_ADMIN, FW_CHANNELS);
	bytes_wipe(&new, sizeof(new));
	return sw;
}

/* ---- authentication ---- */

/* One block, in place. */
static bool encrypt(struct fw *fw, uint8_t *block)
{
	struct fw_piv_record r;
	uint8_t iv[BLOCK_MAX] = {0};
	bool ok = fw_piv_record_read(fw, &r);

	if (ok && r.algorithm == TDES)
		ok = hal_tdes_encrypt(fw->hal, r.key, block);
	else if (ok)
		ok = hal_aes_cbc_encrypt(fw->hal, BYTES(r.key, r.key_len), iv, block, BLOCK_MAX);
	bytes_wipe(&r, sizeof(r));
	return ok;
}

static void answer_block(struct builder *answer, uint8_t tag, struct bytes block)
{
	size_t whole = tlv_begin(answer, 0x7C);

	tlv_put(answer, tag, block);
	tlv_end(answer, whole);
}

/* What the next command has to answer: a challenge as it is, a witness encrypted. */
static uint16_t begin(
	struct fw *fw, struct fw_channel *channel, const struct algorithm *a, uint8_t tag, struct builder *answer)
{
	struct fw_piv_step step = {.tag = tag, .algorithm = a->number, .len = a->block};
	uint8_t block[BLOCK_MAX];

	if (!hal_random(fw->hal, step.value, step.len))
		return SW_INTERNAL;
	bytes_copy(block, BYTES(step.value, step.len));
	if (tag == 0x80 && !encrypt(fw, block))
		return SW_INTERNAL;
	answer_block(answer, tag, BYTES(block, step.len));
	/* Some take a challenge of any algorithm for a source of chance: it opens nothing then. */
	if (a->number == fw->piv.algorithm)
		channel->piv_next = step;
	bytes_wipe(&step, sizeof(step));
	return SW_OK;
}

static bool touched(struct fw *fw)
{
	return fw->piv.touch == FW_PIV_TOUCH_NEVER || hal_touch(fw->hal, TOUCH_MS);
}

static uint16_t let_in(struct fw *fw, struct fw_channel *channel, bool right)
{
	channel->security = (uint8_t)(channel->security & ~FW_PIV_ADMIN);
	if (!right || !touched(fw))
		return SW_SECURITY_STATUS;
	channel->security |= FW_PIV_ADMIN;
	return SW_OK;
}

/* The host encrypted our challenge. */
static uint16_t external(struct fw *fw, struct fw_channel *channel, struct bytes response)
{
	struct fw_piv_step *step = &channel->piv_step;

	if (step->tag != 0x81 || response.len != step->len)
		return let_in(fw, channel, false);
	if (!encrypt(fw, step->value))
		return SW_INTERNAL;
	return let_in(fw, channel, bytes_equal_secret(response, BYTES(step->value, step->len)));
}

/* The host decrypted our witness, and has a challenge of its own. */
static uint16_t mutual(
	struct fw *fw, struct fw_channel *channel, struct bytes witness, struct bytes challenge, struct builder *answer)
{
	struct fw_piv_step *step = &channel->piv_step;
	uint8_t block[BLOCK_MAX];

	if (step->tag != 0x80 || witness.len != step->len || challenge.len != step->len)
		return let_in(fw, channel, false);
	uint16_t sw = let_in(fw, channel, bytes_equal_secret(witness, BYTES(step->value, step->len)));
	if (sw != SW_OK)
		return sw;
	bytes_copy(block, challenge);
	if (!encrypt(fw, block))
		return SW_INTERNAL;
	answer_block(answer, 0x82, BYTES(block, step->len));
	return SW_OK;
}

uint16_t fw_piv_authenticate(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct algorithm *a = algorithm_of(command->p1);
	struct bytes body, witness, challenge, response;
	const struct tlv_field fields[] = {
		{0x80, TLV_OPTIONAL, 0, BLOCK_MAX, &witness  },
		{0x81, TLV_OPTIONAL, 0, BLOCK_MAX, &challenge},
		{0x82, TLV_OPTIONAL, 0, BLOCK_MAX, &response },
	};

	if (!tlv_unwrap(command->data, 0x7C, &body) || !tlv_parse(body, fields, 3))
		return SW_WRONG_DATA;
	bool random = challenge.data && challenge.len == 0 && !witness.data && !response.data;
	if (!a || (a->number != fw->piv.algorithm && !(random && command->p1 == 0x00)))
		return SW_WRONG_P1P2;
	if (random)
		return begin(fw, command->channel, a, 0x81, answer);
	if (witness.data && witness.len == 0 && !challenge.data && !response.data)
		return begin(fw, command->channel, a, 0x80, answer);
	if (response.len > 0 && !witness.data && !challenge.data)
		return external(fw, command->channel, response);
	if (witness.len > 0 && challenge.len > 0 && response.len == 0)
		return mutual(fw, command->channel, witness, challenge, answer);
	return SW_WRONG_DATA;
}

/* Yubico: algorithm, 9B, length, key; P2 FE, FD: its use wants the button, always or "cached". */
uint16_t fw_piv_set_management_key(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct cursor c = cursor_of(command->data);
	uint8_t number = cursor_u8(&c), reference = cursor_u8(&c), len = cursor_u8(&c);
	struct bytes key = cursor_take(&c, len);
	struct fw_transaction t = {.count = 0};
	struct fw_piv_record r = {0};
	struct fw_piv_new new;
	uint16_t sw = SW_INTERNAL;

	(void)answer;
	if (!cursor_done(&c) || reference != REFERENCE_KEY)
		return SW_WRONG_DATA;
	if (fw_piv_record_read(fw, &r)) {
		sw = SW_WRONG_DATA;
		if (set_key(&r, number, key)) {
			r.touch = (uint8_t)(FW_PIV_TOUCH_NEVER + (0xFF - command->p2));
			fw_piv_record_put(&t, &r, &new);
			sw = fw_commit(fw, &t);
		}
	}
	bytes_wipe(&r, sizeof(r));
	bytes_wipe(&new, sizeof(new));
	if (sw == SW_OK)
		fw_state_revoke(fw, FW_PIV_ADMIN, command->number);
	return sw;
}
