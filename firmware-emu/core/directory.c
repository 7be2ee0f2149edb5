/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/directory.h"
#include "common/tlv.h"

#define PAIRS 2

static bool put_key(struct fw *fw, struct builder *to, uint8_t container, uint8_t pair)
{
	uint8_t key = (uint8_t)(PAIRS * container + pair);
	bool ok = true;

	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, key)))
		return true;
	size_t entry = tlv_begin(to, 0xA0u + pair);
	ok = fw_object_append(fw, FW_OBJECT(FW_TYPE_KEY, key), to);
	if (ok && fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY_CERT, key))) {
		size_t cert = tlv_begin(to, 0xA8);
		ok = fw_object_append(fw, FW_OBJECT(FW_TYPE_KEY_CERT, key), to);
		tlv_end(to, cert);
	}
	tlv_end(to, entry);
	return ok;
}

static bool put_container(struct fw *fw, struct builder *to, uint8_t container)
{
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_CONTAINER, container)))
		return true;
	size_t entry = tlv_begin(to, 0xE0);
	bool ok = fw_object_append(fw, FW_OBJECT(FW_TYPE_CONTAINER, container), to);
	for (uint8_t pair = 0; ok && pair < PAIRS; pair++)
		ok = put_key(fw, to, container, pair);
	tlv_end(to, entry);
	return ok;
}

static bool put_certificate(struct fw *fw, struct builder *to, uint8_t number)
{
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_CERT, number)))
		return true;
	size_t entry = tlv_begin(to, 0xE1);
	bool ok = fw_object_append(fw, FW_OBJECT(FW_TYPE_CERT, number), to);
	tlv_end(to, entry);
	return ok;
}

/* The public part of a data object's head stands first, and has one length. */
#define DATA_PUBLIC_LEN 10
#define DATA_FLAGS_AT   5

bool fw_data_private(struct fw *fw, uint8_t number)
{
	uint16_t object = FW_OBJECT(FW_TYPE_DATA, number);
	uint8_t flags;

	if (!fw_object_exists(fw, object))
		return false;
	return !fw_object_read(fw, object, DATA_FLAGS_AT, &flags, 1) || (flags & FW_DATA_PRIVATE);
}

static bool put_data(struct fw *fw, struct builder *to, uint8_t number)
{
	uint16_t object = FW_OBJECT(FW_TYPE_DATA, number);

	if (!fw_object_exists(fw, object))
		return true;
	size_t len = fw_data_private(fw, number) ? DATA_PUBLIC_LEN : fw_object_len(fw, object);
	size_t entry = tlv_begin(to, 0xE2);
	uint8_t *room = builder_room(to, len);
	bool ok = room && fw_object_read(fw, object, 0, room, len);
	tlv_end(to, entry);
	return ok;
}

uint16_t fw_directory_build(struct fw *fw, struct builder *to)
{
	bool ok = true;

	for (uint8_t i = 0; ok && i < FW_CONTAINERS; i++)
		ok = put_container(fw, to, i);
	for (uint8_t i = 0; ok && i < FW_CERTIFICATES; i++)
		ok = put_certificate(fw, to, i);
	for (uint8_t i = 0; ok && i < FW_DATA_OBJECTS; i++)
		ok = put_data(fw, to, i);
	if (to->failed)
		return SW_FULL;
	return ok ? SW_OK : SW_MEMORY_FAILURE;
}

uint16_t fw_directory_digest(struct fw *fw, uint8_t digest[32])
{
	struct builder b = builder_of(fw->answer, FW_ANSWER_DATA_MAX);
	uint16_t sw = fw_directory_build(fw, &b);

	if (sw == SW_OK && !hal_sha256(fw->hal, builder_bytes(&b), digest))
		sw = SW_INTERNAL;
	return sw;
}

/* ---- heads ---- */

static bool load_head(struct fw *fw, uint16_t object, struct bytes *head)
{
	struct builder b = builder_of(fw->head, sizeof(fw->head));

	if (!fw_object_exists(fw, object) || !fw_object_append(fw, object, &b))
		return false;
	*head = builder_bytes(&b);
	return true;
}

static uint8_t byte_of(struct bytes b)
{
	struct cursor c = cursor_of(b);
	return cursor_u8(&c);
}

static uint16_t word_of(struct bytes b)
{
	struct cursor c = cursor_of(b);
	return cursor_u16(&c);
}

bool fw_key_load(struct fw *fw, uint8_t key, struct fw_key *out)
{
	return fw_key_load_from(fw, FW_OBJECT(FW_TYPE_KEY, key), out);
}

bool fw_key_load_from(struct fw *fw, uint16_t object, struct fw_key *out)
{
	struct bytes head, algorithm, usage, origin, pin_policy, touch;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1,              &algorithm      },
		{0x81, TLV_REQUIRED, 0, FW_ID_MAX,      &out->id        },
		{0x82, TLV_REQUIRED, 0, FW_NAME_MAX,    &out->label     },
		{0x83, TLV_REQUIRED, 2, 2,              &usage          },
		{0x84, TLV_REQUIRED, 1, 1,              &origin         },
		{0x85, TLV_REQUIRED, 1, 1,              &pin_policy     },
		{0x86, TLV_REQUIRED, 1, 1,              &touch          },
		{0x87, TLV_REQUIRED, 0, HAL_PUBLIC_MAX, &out->public_key},
	};

	if (!load_head(fw, object, &head) || !tlv_parse(head, fields, sizeof(fields) / sizeof(fields[0])))
		return false;
	out->algorithm = byte_of(algorithm);
	out->usage = word_of(usage);
	out->origin = byte_of(origin);
	out->pin_policy = byte_of(pin_policy);
	out->touch = byte_of(touch);
	return true;
}

void fw_key_head(struct builder *b, const struct fw_key *key)
{
	tlv_put_u8(b, 0x80, key->algorithm);
	tlv_put(b, 0x81, key->id);
	tlv_put(b, 0x82, key->label);
	tlv_put_u16(b, 0x83, key->usage);
	tlv_put_u8(b, 0x84, key->origin);
	tlv_put_u8(b, 0x85, key->pin_policy);
	tlv_put_u8(b, 0x86, key->touch);
	tlv_put(b, 0x87, key->public_key);
}

void fw_container_head(struct builder *b, uint8_t container, struct bytes name)
{
	tlv_put_u8(b, 0x80, container);
	tlv_put(b, 0x81, name);
}

static bool put_sha256(struct fw *fw, struct builder *b, uint32_t tag, struct bytes value)
{
	uint8_t digest[32];

	if (!hal_sha256(fw->hal, value, digest))
		return false;
	tlv_put(b, tag, BYTES_OF(digest));
	return true;
}

bool fw_key_cert_head(struct fw *fw, struct builder *b, struct bytes der, struct bytes label)
{
	tlv_put_u16(b, 0x80, (uint16_t)der.len);
	if (!put_sha256(fw, b, 0x81, der))
		return false;
	tlv_put(b, 0x82, label);
	return true;
}

bool fw_cert_head(struct fw *fw, struct builder *b, uint8_t number, struct bytes id, struct bytes label,
	uint8_t category, struct bytes der)
{
	tlv_put_u8(b, 0x80, number);
	tlv_put(b, 0x81, id);
	tlv_put(b, 0x82, label);
	tlv_put_u8(b, 0x83, category);
	tlv_put_u16(b, 0x84, (uint16_t)der.len);
	return put_sha256(fw, b, 0x85, der);
}

bool fw_data_head_load(struct fw *fw, uint8_t number, struct fw_data_head *out)
{
	struct bytes head, stored, flags, len, digest;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1,  1,           &stored          },
		{0x84, TLV_REQUIRED, 1,  1,           &flags           },
		{0x85, TLV_REQUIRED, 2,  2,           &len             },
		{0x81, TLV_REQUIRED, 0,  FW_NAME_MAX, &out->label      },
		{0x82, TLV_REQUIRED, 0,  FW_NAME_MAX, &out->application},
		{0x83, TLV_REQUIRED, 0,  FW_ID_MAX,   &out->oid        },
		{0x86, TLV_REQUIRED, 32, 32,          &digest          },
	};

	if (!load_head(fw, FW_OBJECT(FW_TYPE_DATA, number), &head) ||
		!tlv_parse(head, fields, sizeof(fields) / sizeof(fields[0])))
		return false;
	out->flags = byte_of(flags);
	return true;
}

bool fw_data_head(struct fw *fw, struct builder *b, uint8_t number, const struct fw_data_head *head, struct bytes value)
{
	tlv_put_u8(b, 0x80, number);
	tlv_put_u8(b, 0x84, head->flags);
	tlv_put_u16(b, 0x85, (uint16_t)value.len);
	tlv_put(b, 0x81, head->label);
	tlv_put(b, 0x82, head->application);
	tlv_put(b, 0x83, head->oid);
	return put_sha256(fw, b, 0x86, value);
}
