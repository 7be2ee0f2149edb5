/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IMPORT KEY PAIR (protocol 4.12): an exchange pair that was made elsewhere, so that who made it can give it back when
 * the token is lost. Its private value comes bare, or wrapped for the signature key of the same container.
 */
#include "common/tlv.h"
#include "firmware-emu/core/dispatch.h"
#include "firmware-emu/core/key.h"

#define EXPONENT_SIZE 3
#define BLOCK         16 /* of AES */
#define HALF          8  /* of it: what RFC 5649 counts in */
#define WRAPPED_MAX   (HAL_RESULT_MAX + HALF)
#define ROUNDS        6
#define KEK_SIZE      32

struct import {
	struct fw_key key;
	struct fw_key_wishes wishes;
	const struct fw_algorithm *algorithm;
	struct bytes value, transport, wrapped; /* the first, or the other two */
	uint8_t raw[HAL_PUBLIC_MAX];            /* the public half, coded as the directory has it */
};

/* Octets of the private value. */
static size_t value_size(const struct fw_algorithm *a)
{
	return a->size; /* p and q, half each; or d */
}

static size_t wrapped_size(const struct fw_algorithm *a)
{
	return HALF + (value_size(a) + HALF - 1) / HALF * HALF;
}

static bool take_rsa_public(struct bytes in, const struct fw_algorithm *a, struct builder *to)
{
	static const uint8_t exponent[EXPONENT_SIZE] = {0x01, 0x00, 0x01};
	struct bytes n, e;
	const struct tlv_field fields[] = {
		{0x81, TLV_REQUIRED, a->size,       a->size,       &n},
                {0x82, TLV_REQUIRED, EXPONENT_SIZE, EXPONENT_SIZE, &e}
        };

	if (!tlv_parse(in, fields, sizeof(fields) / sizeof(fields[0])) || !bytes_equal(e, BYTES_OF(exponent)))
		return false;
	struct cursor c = cursor_of(n);
	tlv_put(to, 0x81, n);
	tlv_put(to, 0x82, e);
	return cursor_u8(&c) & 0x80;
}

static bool take_ec_public(struct bytes in, const struct fw_algorithm *a, struct builder *to)
{
	struct bytes point;
	struct cursor c;

	if (!tlv_unwrap(in, 0x86, &point) || point.len != 1 + 2 * (size_t)a->size)
		return false;
	tlv_put(to, 0x86, point);
	c = cursor_of(point);
	return cursor_u8(&c) == 0x04;
}

static bool parse(struct bytes data, struct import *r)
{
	const struct fw_algorithm *a = r->algorithm;
	struct builder public_key = builder_of(r->raw, sizeof(r->raw));
	struct bytes body, given;
	const struct tlv_field fields[] = {
		FW_KEY_FIELDS(&r->key, &r->wishes),
		{0x87, TLV_REQUIRED, 1,               HAL_PUBLIC_MAX,  &given       },
		{0x88, TLV_OPTIONAL, value_size(a),   value_size(a),   &r->value    },
		{0x89, TLV_OPTIONAL, 1,               HAL_RESULT_MAX,  &r->transport},
		{0x8B, TLV_OPTIONAL, wrapped_size(a), wrapped_size(a), &r->wrapped  },
	};

	if (!tlv_unwrap(data, 0xAC, &body) || !tlv_parse(body, fields, sizeof(fields) / sizeof(fields[0])) ||
		!fw_key_terms(a, &r->wishes, &r->key))
		return false;
	if (!r->value.data == !r->wrapped.data || !r->transport.data != !r->wrapped.data)
		return false;
	if (a->rsa ? !take_rsa_public(given, a, &public_key) : !take_ec_public(given, a, &public_key))
		return false;
	r->key.public_key = builder_bytes(&public_key);
	r->key.origin = FW_KEY_IMPORTED;
	return !public_key.failed && !(r->key.usage & FW_USAGE_SIGN);
}

/* ---- the wrapped form ---- */

/* KEK = SHA-256(Z || 00000001 || what it is for): the derivation of X9.63, one block of it. */
static bool derive_kek(struct fw *fw, uint8_t algorithm, struct builder *z, uint8_t kek[KEK_SIZE])
{
	static const uint8_t purpose[] = {'O', 'p', 'e', 'n', 'U', 'K', 'e', 'y', ' ', 'i', 'm', 'p', 'o', 'r', 't'};
	uint8_t serial[8];

	hal_serial(fw->hal, serial);
	builder_u32(z, 1);
	builder_put(z, BYTES_OF(purpose));
	builder_put(z, BYTES_OF(serial));
	builder_u8(z, algorithm);
	return !z->failed && hal_sha256(fw->hal, builder_bytes(z), kek);
}

static bool decrypt_block(struct fw *fw, const uint8_t kek[KEK_SIZE], uint8_t block[BLOCK])
{
	uint8_t iv[BLOCK] = {0};

	return hal_aes_cbc_decrypt(fw->hal, BYTES(kek, KEK_SIZE), iv, block, BLOCK);
}

/* RFC 3394 2.2.2: `w` in place; the check value comes to its first half block. */
static bool unwrap_halves(struct fw *fw, const uint8_t kek[KEK_SIZE], uint8_t *w, size_t len)
{
	const size_t n = len / HALF - 1;
	uint8_t block[BLOCK];
	bool ok = true;

	for (size_t t = ROUNDS * n; ok && t > 0; t--) {
		const size_t i = (t - 1) % n + 1;
		bytes_copy(block, BYTES(w, HALF));
		bytes_copy(block + HALF, BYTES(w + i * HALF, HALF));
		block[HALF - 2] = (uint8_t)(block[HALF - 2] ^ (t >> 8));
		block[HALF - 1] = (uint8_t)(block[HALF - 1] ^ t);
		ok = decrypt_block(fw, kek, block);
		bytes_copy(w, BYTES(block, HALF));
		bytes_copy(w + i * HALF, BYTES(block + HALF, HALF));
	}
	bytes_wipe(block, sizeof(block));
	return ok;
}

/* RFC 5649: check value A65959A6, length, zeros behind the value. Where the value is in `w` then. */
static bool unwrap(struct fw *fw, const uint8_t kek[KEK_SIZE], struct builder *w, size_t size, struct bytes *value)
{
	uint8_t expected[HALF], zeros[HALF] = {0};
	struct builder e = builder_of(expected, sizeof(expected));

	builder_u32(&e, 0xA65959A6);
	builder_u32(&e, (uint32_t)size);
	if (!unwrap_halves(fw, kek, w->data, w->len))
		return false;
	struct cursor c = cursor_of(builder_bytes(w));
	bool ok = bytes_equal_secret(cursor_take(&c, HALF), BYTES_OF(expected));
	*value = cursor_take(&c, size);
	size_t pad = c.left;
	return bytes_equal_secret(cursor_take(&c, pad), BYTES(zeros, pad)) && ok;
}

/* The secret that the signature key agrees on with the maker of the transport value, as long as its result is. */
static uint16_t agree(struct fw *fw, const struct fw_command *command, struct bytes transport, struct builder *z)
{
	const uint8_t number = command->p2 ^ 1;
	struct fw_key key;

	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_load(fw, number, &key))
		return SW_INTERNAL;
	const struct fw_algorithm *a = fw_algorithm(key.algorithm);
	const enum hal_operation operation = a->rsa ? HAL_DECRYPT : HAL_DERIVE;
	if (!fw_algorithm_input(a, operation, transport.len))
		return SW_WRONG_DATA;
	uint16_t sw = fw_key_policies(fw, command->channel, &key);
	return sw == SW_OK ? fw_key_operate(fw, FW_OBJECT(FW_TYPE_KEY_BLOB, number), a->number, operation, transport, z)
			   : sw;
}

static uint16_t open_wrapped(
	struct fw *fw, const struct fw_command *command, const struct import *r, struct builder *w, struct bytes *value)
{
	uint8_t raw[HAL_RESULT_MAX + 32], kek[KEK_SIZE];
	struct builder z = builder_of(raw, sizeof(raw));
	uint16_t sw = agree(fw, command, r->transport, &z);

	builder_put(w, r->wrapped);
	if (sw == SW_OK && !derive_kek(fw, r->algorithm->number, &z, kek))
		sw = SW_INTERNAL;
	if (sw == SW_OK && !unwrap(fw, kek, w, value_size(r->algorithm), value))
		sw = SW_WRONG_DATA;
	bytes_wipe(raw, sizeof(raw));
	bytes_wipe(kek, sizeof(kek));
	return sw;
}

/* ---- the command ---- */

static uint16_t store(struct fw *fw, uint8_t number, const struct import *r, struct bytes value)
{
	struct builder blob = builder_of(fw->blob, sizeof(fw->blob));
	enum hal_result done = hal_key_import(fw->hal, r->key.algorithm, value, r->key.public_key, &blob);
	uint16_t sw = done == HAL_BAD_INPUT ? SW_WRONG_DATA : SW_INTERNAL;

	if (done == HAL_OK && !blob.failed)
		sw = fw_key_store(fw, number, &r->key, builder_bytes(&blob), r->wishes.name);
	bytes_wipe(fw->blob, sizeof(fw->blob));
	return sw;
}

uint16_t fw_import(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct import r = {.algorithm = fw_algorithm(command->p1)};
	uint8_t raw[WRAPPED_MAX];
	struct builder w = builder_of(raw, sizeof(raw));

	if (!parse(command->data, &r))
		return SW_WRONG_DATA;
	if (!hal_key_supported(fw->hal, r.algorithm->number))
		return SW_WRONG_P1P2;
	if (command->p2 >= FW_KEYS)
		return SW_REFERENCE_NOT_FOUND;
	if (command->p2 % 2 == 0)
		return SW_CONDITIONS; /* signature keys are born on the token */
	uint16_t sw = fw_key_place(fw, command->p2, r.wishes.name);
	if (sw == SW_OK && r.wrapped.data)
		sw = open_wrapped(fw, command, &r, &w, &r.value);
	if (sw == SW_OK)
		sw = store(fw, command->p2, &r, r.value);
	bytes_wipe(raw, sizeof(raw));
	return fw_answer_generation(fw, command, answer, sw);
}
