/* SPDX-License-Identifier: Apache-2.0 */
/* GENERATE ASYMMETRIC KEY PAIR, IMPORT KEY, GENERAL AUTHENTICATE with a slot's key (protocol 9.7; SP 800-73-4 part
 * 2, 3.2.4, 3.3.2). */
#include "common/tlv.h"
#include "firmware-emu/core/der.h"
#include "firmware-emu/core/key.h"
#include "firmware-emu/core/piv.h"

#define TOUCH_MS 15000

/* ---- GENERATE ---- */

static bool yubico(const struct fw *fw)
{
	return fw->policy.flags & FW_POLICY_YUBICO;
}

/* Yubico's policies, which stand in the template; 0 or absent: the slot's own. */
static bool take_policies(const struct fw *fw, uint8_t slot, struct bytes pin, struct bytes touch, struct fw_key *key)
{
	struct cursor p = cursor_of(pin), t = cursor_of(touch);

	if ((pin.data || touch.data) && !yubico(fw))
		return false;
	key->pin_policy = pin.data ? cursor_u8(&p) : FW_PIV_PIN_DEFAULT;
	key->touch = touch.data ? cursor_u8(&t) : FW_PIV_TOUCH_DEFAULT;
	if (key->pin_policy == FW_PIV_PIN_DEFAULT)
		key->pin_policy = (uint8_t)fw_piv_slot_policy(slot);
	if (key->touch == FW_PIV_TOUCH_DEFAULT)
		key->touch = FW_PIV_TOUCH_NEVER;
	return key->pin_policy <= FW_PIV_PIN_ALWAYS && key->touch <= FW_PIV_TOUCH_CACHED;
}

/* What every key of a slot has, however it came there. */
static bool describe(const struct fw *fw, const struct fw_algorithm *a, uint8_t slot, struct bytes pin,
	struct bytes touch, struct fw_key *key)
{
	key->algorithm = a->number;
	key->usage = (uint16_t)(FW_USAGE_SIGN | (a->rsa ? FW_USAGE_DECRYPT : FW_USAGE_DERIVE));
	return take_policies(fw, slot, pin, touch, key);
}

/* In place of what the slot had; its certificate stays. */
static uint16_t store(struct fw *fw, uint8_t number, const struct fw_key *key, struct bytes blob)
{
	struct builder head = builder_of(fw->head, sizeof(fw->head));
	struct fw_transaction t = {.count = 0};

	fw_key_head(&head, key);
	fw_transaction_put(&t, FW_OBJECT(FW_TYPE_PIV_KEY, number), builder_bytes(&head), BYTES_NONE);
	fw_transaction_put(&t, FW_OBJECT(FW_TYPE_PIV_KEY_BLOB, number), blob, BYTES_NONE);
	return head.failed ? SW_INTERNAL : fw_commit(fw, &t);
}

static bool parse_generate(const struct fw *fw, const struct fw_command *command, struct fw_key *key)
{
	static const uint8_t only_exponent[] = {0x01, 0x00, 0x01};
	struct bytes body, number, exponent, pin, touch;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1, &number  },
		{0x81, TLV_OPTIONAL, 1, 8, &exponent},
		{0xAA, TLV_OPTIONAL, 1, 1, &pin     },
		{0xAB, TLV_OPTIONAL, 1, 1, &touch   },
	};

	if (!tlv_unwrap(command->data, 0xAC, &body) || !tlv_parse(body, fields, sizeof(fields) / sizeof(fields[0])))
		return false;
	struct cursor c = cursor_of(number);
	const struct fw_algorithm *a = fw_piv_algorithm(fw, cursor_u8(&c));
	if (!a || (exponent.data && (!a->rsa || !bytes_equal(exponent, BYTES_OF(only_exponent)))))
		return false;
	key->origin = FW_KEY_GENERATED;
	return describe(fw, a, command->p2, pin, touch, key);
}

uint16_t fw_piv_generate(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_key key = {.id = BYTES_NONE, .label = BYTES_NONE};
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob));
	uint8_t raw[HAL_PUBLIC_MAX], number;
	struct builder public_key = builder_of(raw, sizeof(raw));
	uint16_t sw = SW_NVM_UNCHANGED;

	if (!fw_piv_slot(command->p2, &number))
		return SW_WRONG_P1P2;
	if (!parse_generate(fw, command, &key))
		return SW_WRONG_DATA;
	if (hal_key_generate(fw->hal, key.algorithm, &blob, &public_key) && !blob.failed && !public_key.failed) {
		key.public_key = builder_bytes(&public_key);
		sw = store(fw, number, &key, builder_bytes(&blob));
	}
	bytes_wipe(fw->blob, sizeof(fw->blob));
	if (sw == SW_OK)
		tlv_put(answer, 0x7F49, builder_bytes(&public_key));
	return sw;
}

/* ---- IMPORT KEY ---- */

#define RSA_PARTS 5 /* p, q, dP, dQ, qInv */

/* The private value as the hal takes it: its parts joined, each of its exact length. */
static bool take_private(const struct fw_algorithm *a, const struct bytes *rsa, struct bytes d, struct builder *value)
{
	for (size_t i = 0; i < RSA_PARTS; i++)
		if (a->rsa ? rsa[i].len != a->size / 2u : rsa[i].data != NULL)
			return false;
	if (a->rsa ? d.data != NULL : d.len != a->size)
		return false;
	for (size_t i = 0; a->rsa && i < RSA_PARTS; i++)
		builder_put(value, rsa[i]);
	builder_put(value, d); /* nothing, for RSA */
	return !value->failed;
}

static bool parse_import(const struct fw *fw, const struct fw_command *command, const struct fw_algorithm *a,
	struct fw_key *key, struct builder *value)
{
	struct bytes rsa[RSA_PARTS], d, pin, touch;
	const struct tlv_field fields[] = {
		{0x01, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &rsa[0]},
		{0x02, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &rsa[1]},
		{0x03, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &rsa[2]},
		{0x04, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &rsa[3]},
		{0x05, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &rsa[4]},
		{0x06, TLV_OPTIONAL, 1, HAL_RESULT_MAX / 2, &d     },
		{0xAA, TLV_OPTIONAL, 1, 1,                  &pin   },
		{0xAB, TLV_OPTIONAL, 1, 1,                  &touch },
	};

	key->origin = FW_KEY_IMPORTED;
	return tlv_parse(command->data, fields, sizeof(fields) / sizeof(fields[0])) && take_private(a, rsa, d, value) &&
	       describe(fw, a, command->p2, pin, touch, key);
}

/* Yubico: the private numbers only; what is public is computed here, and what was computed elsewhere is checked. */
uint16_t fw_piv_import(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_algorithm *a = fw_piv_algorithm(fw, command->p1);
	struct fw_key key = {.id = BYTES_NONE, .label = BYTES_NONE};
	uint8_t private[RSA_PARTS * HAL_RESULT_MAX / 2], raw[HAL_PUBLIC_MAX], number;
	struct builder value = builder_of(private, sizeof(private)), public_key = builder_of(raw, sizeof(raw));
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob));
	uint16_t sw = SW_WRONG_DATA;

	(void)answer;
	if (!a || !fw_piv_slot(command->p2, &number))
		return SW_WRONG_P1P2;
	if (parse_import(fw, command, a, &key, &value)) {
		enum hal_result done = hal_key_public(fw->hal, a->number, builder_bytes(&value), &public_key);
		key.public_key = builder_bytes(&public_key);
		if (done == HAL_OK)
			done = hal_key_import(fw->hal, a->number, builder_bytes(&value), key.public_key, &blob);
		if (done == HAL_OK && !blob.failed)
			sw = store(fw, number, &key, builder_bytes(&blob));
		else if (done != HAL_BAD_INPUT)
			sw = SW_INTERNAL;
	}
	bytes_wipe(private, sizeof(private));
	bytes_wipe(fw->blob, sizeof(fw->blob));
	return sw;
}

/* ---- GENERAL AUTHENTICATE ---- */

struct use {
	struct bytes input;
	enum hal_operation operation;
};

/* Where keys agree, or decrypt: key management, now and in the past. */
static bool manages_keys(uint8_t slot)
{
	return slot == 0x9D || slot < 0x9A;
}

static bool parse_use(const struct fw_command *command, const struct fw_algorithm *a, struct use *u)
{
	struct bytes body, response, challenge, exponentiation;
	const struct tlv_field fields[] = {
		{0x82, TLV_OPTIONAL, 0, 0,              &response      },
		{0x81, TLV_OPTIONAL, 1, HAL_RESULT_MAX, &challenge     },
		{0x85, TLV_OPTIONAL, 1, HAL_RESULT_MAX, &exponentiation},
	};

	if (!tlv_unwrap(command->data, 0x7C, &body) || !tlv_parse(body, fields, 3))
		return false;
	if (!challenge.data == !exponentiation.data)
		return false;
	if (challenge.data)
		*u = (struct use){challenge, HAL_SIGN};
	else
		*u = (struct use){exponentiation, HAL_DERIVE};
	/* The raw RSA operation is the same for both; only an EC key agrees. */
	if (u->operation == HAL_DERIVE && (a->rsa || !manages_keys(command->p2)))
		return false;
	return fw_algorithm_input(a, u->operation, u->input.len);
}

/* The result, an ECDSA one as ECDSA-Sig-Value (RFC 3279 2.2.3). */
static void put_result(struct builder *answer, const struct fw_algorithm *a, const struct use *u, struct bytes result)
{
	size_t whole = tlv_begin(answer, 0x7C), value = tlv_begin(answer, 0x82);

	if (a->rsa || u->operation != HAL_SIGN) {
		builder_put(answer, result);
	} else {
		struct cursor c = cursor_of(result);
		size_t pair = tlv_begin(answer, DER_SEQUENCE);
		der_put_unsigned(answer, cursor_take(&c, result.len / 2));
		der_put_unsigned(answer, cursor_rest(&c));
		tlv_end(answer, pair);
	}
	tlv_end(answer, value);
	tlv_end(answer, whole);
}

uint16_t fw_piv_use_key(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_algorithm *a = fw_algorithm(command->p1);
	struct fw_key key;
	struct use use;
	uint8_t raw[HAL_RESULT_MAX], number;
	struct builder result = builder_of(raw, sizeof(raw));

	if (!a || !fw_piv_slot(command->p2, &number))
		return SW_WRONG_P1P2;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load_from(fw, FW_OBJECT(FW_TYPE_PIV_KEY, number), &key))
		return SW_INTERNAL;
	if (key.algorithm != a->number)
		return SW_WRONG_P1P2;
	if (!parse_use(command, a, &use))
		return SW_WRONG_DATA;
	if (key.touch != FW_PIV_TOUCH_NEVER && !hal_touch(fw->hal, TOUCH_MS))
		return SW_SECURITY_STATUS;
	uint16_t sw = fw_key_operate(
		fw, FW_OBJECT(FW_TYPE_PIV_KEY_BLOB, number), a->number, use.operation, use.input, &result);
	if (sw == SW_OK)
		put_result(answer, a, &use, builder_bytes(&result));
	bytes_wipe(raw, sizeof(raw));
	return sw;
}
