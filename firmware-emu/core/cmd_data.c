/* SPDX-License-Identifier: Apache-2.0 */
/* GET DATA and PUT DATA (protocol 4.5). */
#include "common/tlv.h"
#include "firmware-emu/core/access.h"
#include "firmware-emu/core/directory.h"
#include "firmware-emu/core/text.h"

#define LENGTH_ANY   FW_COMMAND_DATA_MAX
#define CATEGORY_MAX 3

/* ---- reading ---- */

static uint16_t append(struct fw *fw, uint16_t object, struct builder *answer)
{
	if (!fw_object_exists(fw, object))
		return SW_NOT_FOUND;
	return fw_object_append(fw, object, answer) ? SW_OK : SW_MEMORY_FAILURE;
}

static uint16_t get_information(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)number;
	return fw_token_information(fw, command, answer);
}

static uint16_t get_directory(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)command;
	(void)number;
	return fw_directory_build(fw, answer);
}

static uint16_t get_key_certificate(
	struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)command;
	return append(fw, FW_OBJECT(FW_TYPE_KEY_CERT_DER, number), answer);
}

static uint16_t get_certificate(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	(void)command;
	return append(fw, FW_OBJECT(FW_TYPE_CERT_DER, number), answer);
}

static uint16_t get_data_object(struct fw *fw, const struct fw_command *command, uint8_t number, struct builder *answer)
{
	struct fw_data_head head;

	(void)command;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_DATA, number)))
		return SW_NOT_FOUND;
	if (!fw_data_head_load(fw, number, &head))
		return SW_MEMORY_FAILURE;
	tlv_put(answer, 0x81, head.label);
	tlv_put(answer, 0x82, head.application);
	tlv_put(answer, 0x83, head.oid);
	tlv_put_u8(answer, 0x84, head.flags);
	size_t value = tlv_begin(answer, 0x85);
	uint16_t sw = append(fw, FW_OBJECT(FW_TYPE_DATA_VALUE, number), answer);
	tlv_end(answer, value);
	bytes_wipe(fw->head, sizeof(fw->head)); /* a private object's label is private */
	return sw;
}

/* ---- writing ---- */

/* Remove an object's two halves; a body of nothing asks for it. */
static uint16_t remove_object(struct fw *fw, uint16_t head, uint16_t value)
{
	struct fw_transaction t = {.count = 0};

	if (!fw_object_exists(fw, head))
		return SW_NOT_FOUND;
	fw_transaction_remove(fw, &t, head);
	fw_transaction_remove(fw, &t, value);
	return fw_commit_public(fw, &t);
}

static uint16_t put_object(
	struct fw *fw, uint16_t head, const struct builder *built, uint16_t object, struct bytes value)
{
	struct fw_transaction t = {.count = 0};

	fw_transaction_put(&t, head, builder_bytes(built), BYTES_NONE);
	fw_transaction_put(&t, object, value, BYTES_NONE);
	return fw_commit_public(fw, &t);
}

static uint16_t put_key_certificate(struct fw *fw, uint8_t number, struct bytes body)
{
	const uint16_t head = FW_OBJECT(FW_TYPE_KEY_CERT, number), object = FW_OBJECT(FW_TYPE_KEY_CERT_DER, number);
	struct builder b = builder_of(fw->head, sizeof(fw->head));
	struct bytes der, label;
	const struct tlv_field fields[] = {
		{0x70, TLV_REQUIRED, 1, LENGTH_ANY,  &der  },
		{0x82, TLV_OPTIONAL, 0, FW_NAME_MAX, &label},
	};

	if (body.len == 0)
		return remove_object(fw, head, object);
	if (!tlv_parse(body, fields, 2) || !fw_text_valid(label))
		return SW_WRONG_DATA;
	if (der.len > FW_OBJECT_MAX)
		return SW_WRONG_LENGTH;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (!fw_key_cert_head(fw, &b, der, label))
		return SW_INTERNAL;
	return put_object(fw, head, &b, object, der);
}

static uint16_t put_certificate(struct fw *fw, uint8_t number, struct bytes body)
{
	const uint16_t head = FW_OBJECT(FW_TYPE_CERT, number), object = FW_OBJECT(FW_TYPE_CERT_DER, number);
	struct builder b = builder_of(fw->head, sizeof(fw->head));
	struct bytes der, id, label, category;
	const struct tlv_field fields[] = {
		{0x70, TLV_REQUIRED, 1, LENGTH_ANY,  &der     },
		{0x81, TLV_OPTIONAL, 0, FW_ID_MAX,   &id      },
		{0x82, TLV_OPTIONAL, 0, FW_NAME_MAX, &label   },
		{0x83, TLV_OPTIONAL, 1, 1,           &category},
	};

	if (body.len == 0)
		return remove_object(fw, head, object);
	if (!tlv_parse(body, fields, 4) || !fw_text_valid(label))
		return SW_WRONG_DATA;
	struct cursor c = cursor_of(category);
	uint8_t kind = category.len > 0 ? cursor_u8(&c) : 0;
	if (kind > CATEGORY_MAX)
		return SW_WRONG_DATA;
	if (der.len > FW_OBJECT_MAX)
		return SW_WRONG_LENGTH;
	if (!fw_cert_head(fw, &b, number, id, label, kind, der))
		return SW_INTERNAL;
	return put_object(fw, head, &b, object, der);
}

static uint16_t put_data_object(struct fw *fw, uint8_t number, struct bytes body)
{
	const uint16_t head = FW_OBJECT(FW_TYPE_DATA, number), object = FW_OBJECT(FW_TYPE_DATA_VALUE, number);
	struct builder b = builder_of(fw->head, sizeof(fw->head));
	struct fw_data_head data = {0};
	struct bytes flags, value;
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 0, FW_NAME_MAX, &data.label      },
		{0x82, TLV_OPTIONAL, 0, FW_NAME_MAX, &data.application},
		{0x83, TLV_OPTIONAL, 0, FW_ID_MAX,   &data.oid        },
		{0x84, TLV_REQUIRED, 1, 1,           &flags           },
		{0x85, TLV_REQUIRED, 0, LENGTH_ANY,  &value           },
	};

	if (body.len == 0)
		return remove_object(fw, head, object);
	if (!tlv_parse(body, fields, 5) || !fw_text_valid(data.label) || !fw_text_valid(data.application))
		return SW_WRONG_DATA;
	struct cursor c = cursor_of(flags);
	data.flags = cursor_u8(&c);
	if (data.flags & ~FW_DATA_PRIVATE)
		return SW_WRONG_DATA;
	if (value.len > FW_OBJECT_MAX)
		return SW_WRONG_LENGTH;
	uint16_t sw = SW_INTERNAL;
	if (fw_data_head(fw, &b, number, &data, value))
		sw = put_object(fw, head, &b, object, value);
	bytes_wipe(fw->head, sizeof(fw->head));
	return sw;
}

/* The label of a key's certificate: its head is 80 length, 81 SHA-256, 82 label, and only the label changes. */
#define CERT_HEAD_FIXED (4 + 34)

static uint16_t change_cert_label(
	struct fw *fw, struct fw_transaction *t, uint8_t number, struct builder *b, struct bytes label)
{
	const uint16_t object = FW_OBJECT(FW_TYPE_KEY_CERT, number);
	uint8_t *room = builder_room(b, CERT_HEAD_FIXED);

	if (!fw_object_exists(fw, object))
		return SW_NOT_FOUND;
	if (!room || !fw_object_read(fw, object, 0, room, CERT_HEAD_FIXED))
		return SW_MEMORY_FAILURE;
	tlv_put(b, 0x82, label);
	fw_transaction_put(t, object, builder_bytes(b), BYTES_NONE);
	return SW_OK;
}

static uint16_t put_key_attributes(struct fw *fw, uint8_t number, struct bytes body)
{
	struct fw_transaction t = {.count = 0};
	struct fw_key key;
	uint8_t head[FW_HEAD_MAX], cert_head[CERT_HEAD_FIXED + 2 + FW_NAME_MAX];
	struct builder b = builder_of(head, sizeof(head)), cert = builder_of(cert_head, sizeof(cert_head));
	struct bytes id, label, cert_label;
	const struct tlv_field fields[] = {
		{0x81, TLV_OPTIONAL, 0, FW_ID_MAX,   &id        },
		{0x82, TLV_OPTIONAL, 0, FW_NAME_MAX, &label     },
		{0x88, TLV_OPTIONAL, 0, FW_NAME_MAX, &cert_label},
	};

	if (body.len == 0 || !tlv_parse(body, fields, 3) || !fw_text_valid(label) || !fw_text_valid(cert_label))
		return SW_WRONG_DATA;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_KEY, number)))
		return SW_REFERENCE_NOT_FOUND;
	if (cert_label.data) {
		uint16_t sw = change_cert_label(fw, &t, number, &cert, cert_label);
		if (sw != SW_OK)
			return sw;
	}
	if (!fw_key_load(fw, number, &key))
		return SW_MEMORY_FAILURE;
	if (id.data)
		key.id = id;
	if (label.data)
		key.label = label;
	fw_key_head(&b, &key);
	if (b.failed)
		return SW_INTERNAL;
	if (id.data || label.data)
		fw_transaction_put(&t, FW_OBJECT(FW_TYPE_KEY, number), builder_bytes(&b), BYTES_NONE);
	return fw_commit_public(fw, &t);
}

static uint16_t put_container_attributes(struct fw *fw, uint8_t number, struct bytes body)
{
	struct fw_transaction t = {.count = 0};
	struct builder b = builder_of(fw->head, sizeof(fw->head));
	struct bytes name;
	const struct tlv_field fields[] = {
		{0x81, TLV_REQUIRED, 0, FW_NAME_MAX, &name}
        };

	if (!tlv_parse(body, fields, 1) || !fw_text_valid(name))
		return SW_WRONG_DATA;
	if (!fw_object_exists(fw, FW_OBJECT(FW_TYPE_CONTAINER, number)))
		return SW_REFERENCE_NOT_FOUND;
	fw_container_head(&b, number, name);
	fw_transaction_put(&t, FW_OBJECT(FW_TYPE_CONTAINER, number), builder_bytes(&b), BYTES_NONE);
	return fw_commit_public(fw, &t);
}

static uint16_t put_label(struct fw *fw, uint8_t number, struct bytes body)
{
	struct fw_transaction t = {.count = 0};
	const struct fw_policy *p = &fw->policy;
	const uint8_t fixed[6] = {p->min, p->max, p->classes, p->history, p->flags, fw->tries_max[FW_PIN_USER]};
	struct bytes label;
	const struct tlv_field fields[] = {
		{0x83, TLV_REQUIRED, 0, FW_LABEL_MAX, &label}
        };

	(void)number;
	if (!tlv_parse(body, fields, 1) || !fw_text_valid(label))
		return SW_WRONG_DATA;
	fw_transaction_put(&t, FW_OBJECT_TOKEN, BYTES_OF(fixed), label);
	return fw_commit_public(fw, &t);
}

/* ---- the table: protocol 2 ---- */

#define READ  FW_IN_ANY
#define WRITE (FW_IN_I | FW_IN_O)

/* One object, one line. */
/* clang-format off */
static const struct fw_object_row objects[] = {
/*	 type  numbers                    read                       write                 read, write in */
	{0x00, 0x01, 0x01,                FW_ACCESS_ALWAYS,          FW_ACCESS_NEVER,      READ | FW_IN_T, WRITE, get_information, NULL},
	{0x00, 0x02, 0x02,                FW_ACCESS_ALWAYS,          FW_ACCESS_NEVER,      READ, WRITE, get_directory, NULL},
	{0x00, 0x03, 0x03,                FW_ACCESS_ALWAYS,          FW_ACCESS_NEVER,      READ, WRITE, fw_get_device_chain, NULL},
	{0x00, 0x04, 0x04,                FW_ACCESS_ALWAYS,          FW_ACCESS_NEVER,      READ, WRITE, fw_get_attestation_chain, NULL},
	{0x01, 0x00, 0xFF,                FW_ACCESS_ALWAYS,          FW_ACCESS_USER_OR_SO, READ, WRITE, get_key_certificate, put_key_certificate},
	{0x02, 0x00, FW_CERTIFICATES - 1, FW_ACCESS_ALWAYS,          FW_ACCESS_USER_OR_SO, READ, WRITE, get_certificate, put_certificate},
	{0x03, 0x00, FW_DATA_OBJECTS - 1, FW_ACCESS_USER_IF_PRIVATE, FW_ACCESS_USER,       READ, WRITE, get_data_object, put_data_object},
	{0x04, 0x00, 0xFF,                FW_ACCESS_NEVER,           FW_ACCESS_USER,       READ, WRITE, NULL, put_key_attributes},
	{0x06, 0x00, 0xFF,                FW_ACCESS_NEVER,           FW_ACCESS_USER,       READ, WRITE, NULL, put_container_attributes},
	{0x07, 0x00, 0x00,                FW_ACCESS_NEVER,           FW_ACCESS_SO,         READ, WRITE, NULL, put_label},
};
/* clang-format on */

const struct fw_object_row *fw_object_row(uint16_t object)
{
	uint8_t type = (uint8_t)(object >> 8), number = (uint8_t)object;

	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++)
		if (objects[i].type == type && number >= objects[i].first && number <= objects[i].last)
			return &objects[i];
	return NULL;
}

uint16_t fw_get_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	uint16_t object;

	/* The access check found the row; to it the object was well-formed. */
	if (!fw_object_command(command->data, &object, NULL))
		return SW_WRONG_DATA;
	return fw_object_row(object)->get(fw, command, (uint8_t)object, answer);
}

uint16_t fw_put_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct bytes body;
	uint16_t object;

	if (!fw_object_command(command->data, &object, &body))
		return SW_WRONG_DATA;
	uint16_t sw = fw_object_row(object)->put(fw, (uint8_t)object, body);
	return fw_answer_generation(fw, command, answer, sw);
}
