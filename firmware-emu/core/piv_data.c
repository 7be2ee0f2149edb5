/* SPDX-License-Identifier: Apache-2.0 */
/* The data objects of PIV (protocol 9.6; SP 800-73-4 part 1, 3 and appendix A): GET DATA, PUT DATA. */
#include "common/tlv.h"
#include "firmware-emu/core/piv.h"
#include "firmware-emu/core/x509.h"

#define DISCOVERY        0x7E
#define BIT_GROUP        0x7F61
#define ATTESTATION      0x5FFF01
#define CHUID            0x5FC102
#define CCC              0x5FC107
#define TAG_TAG          0x5C
#define TAG_VALUE        0x53
#define TAG_CERTIFICATE  0x70
#define TAG_INFO         0x71
#define TAG_ERROR_DETECT 0xFE
#define OBJECTS          (sizeof(objects) / sizeof(objects[0]))

/* The place in this table is the object's number in the journal. Writing is the management key's, always. */
/* clang-format off */
static const struct fw_piv_object objects[] = {
	{CCC,       FW_ACCESS_ALWAYS},
	{CHUID,     FW_ACCESS_ALWAYS},
	{0x5FC105,  FW_ACCESS_ALWAYS},  /* certificate 9A */
	{0x5FC103,  FW_ACCESS_PIV_PIN}, /* fingerprints */
	{0x5FC106,  FW_ACCESS_ALWAYS},  /* security object */
	{0x5FC108,  FW_ACCESS_PIV_PIN}, /* facial image */
	{0x5FC101,  FW_ACCESS_ALWAYS},  /* certificate 9E */
	{0x5FC10A,  FW_ACCESS_ALWAYS},  /* certificate 9C */
	{0x5FC10B,  FW_ACCESS_ALWAYS},  /* certificate 9D */
	{0x5FC109,  FW_ACCESS_PIV_PIN}, /* printed information */
	{DISCOVERY, FW_ACCESS_ALWAYS},
	{0x5FC10C,  FW_ACCESS_ALWAYS},  /* key history */
	{0x5FC10D,  FW_ACCESS_ALWAYS},  {0x5FC10E, FW_ACCESS_ALWAYS}, {0x5FC10F, FW_ACCESS_ALWAYS}, {0x5FC110, FW_ACCESS_ALWAYS},
	{0x5FC111,  FW_ACCESS_ALWAYS},  {0x5FC112, FW_ACCESS_ALWAYS}, {0x5FC113, FW_ACCESS_ALWAYS}, {0x5FC114, FW_ACCESS_ALWAYS},
	{0x5FC115,  FW_ACCESS_ALWAYS},  {0x5FC116, FW_ACCESS_ALWAYS}, {0x5FC117, FW_ACCESS_ALWAYS}, {0x5FC118, FW_ACCESS_ALWAYS},
	{0x5FC119,  FW_ACCESS_ALWAYS},  {0x5FC11A, FW_ACCESS_ALWAYS}, {0x5FC11B, FW_ACCESS_ALWAYS}, {0x5FC11C, FW_ACCESS_ALWAYS},
	{0x5FC11D,  FW_ACCESS_ALWAYS},  {0x5FC11E, FW_ACCESS_ALWAYS}, {0x5FC11F, FW_ACCESS_ALWAYS}, {0x5FC120, FW_ACCESS_ALWAYS},
	{0x5FC121,  FW_ACCESS_PIV_PIN}, /* iris images */
	{BIT_GROUP, FW_ACCESS_ALWAYS},  /* biometric information templates */
	{0x5FC122,  FW_ACCESS_ALWAYS},  /* secure messaging certificate signer */
	{0x5FC123,  FW_ACCESS_PIV_PIN}, /* pairing code */
	/* Yubico's: administrative data, attestation certificate, container map, root certificates */
	{0x5FFF00,  FW_ACCESS_ALWAYS},  {ATTESTATION, FW_ACCESS_ALWAYS}, {0x5FFF10, FW_ACCESS_ALWAYS}, {0x5FFF11, FW_ACCESS_ALWAYS},
	{0x5FFF12,  FW_ACCESS_ALWAYS},  {0x5FFF13, FW_ACCESS_ALWAYS}, {0x5FFF14, FW_ACCESS_ALWAYS}, {0x5FFF15, FW_ACCESS_ALWAYS},
};
/* clang-format on */

_Static_assert(OBJECTS == FW_PIV_DATA, "the journal has a place for each");

static const struct fw_piv_object *object_of(uint32_t tag)
{
	for (size_t i = 0; i < OBJECTS; i++)
		if (objects[i].tag == tag)
			return &objects[i];
	return NULL;
}

/* Its number, in the journal. */
static uint16_t place_of(const struct fw_piv_object *object)
{
	return FW_OBJECT(FW_TYPE_PIV_DATA, (uint16_t)(object - objects));
}

/* The value of tag 5C: one tag, whole. No tag begins with zero: that is the name of nothing. */
static bool take_name(struct bytes name, uint32_t *tag)
{
	struct cursor c = cursor_of(name);

	*tag = 0;
	if (name.len < 1 || name.len > 3)
		return false;
	while (c.left > 0)
		*tag = *tag << 8 | cursor_u8(&c);
	if (name.data[0] == 0)
		*tag = 0;
	return true;
}

bool fw_piv_object_named(struct bytes data, const struct fw_piv_object **object)
{
	struct bytes name;
	uint32_t tag;

	if (!tlv_unwrap(data, TAG_TAG, &name) || !take_name(name, &tag))
		return false;
	*object = object_of(tag);
	return true;
}

/* ---- objects that are made when somebody asks ---- */

/* This application, its own PIN and no other (SP 800-73-4 part 1, 3.3.2). */
static const uint8_t discovery[] = {
	0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F, 0x02, 0x40, 0x00};

static uint16_t put_attestation_certificate(struct fw *fw, struct builder *answer)
{
	struct bytes leaf;
	uint16_t sw = fw_x509_attestation_leaf(fw, &leaf);

	if (sw != SW_OK)
		return SW_NOT_FOUND;
	size_t value = tlv_begin(answer, TAG_VALUE);
	tlv_put(answer, TAG_CERTIFICATE, leaf);
	tlv_put_u8(answer, TAG_INFO, 0);
	tlv_put(answer, TAG_ERROR_DETECT, BYTES_NONE);
	tlv_end(answer, value);
	return SW_OK;
}

/* ---- the commands ---- */

/* Two objects bring a tag of their own, all others come in 53. */
static uint32_t outer_tag(const struct fw_piv_object *object)
{
	return object->tag == DISCOVERY || object->tag == BIT_GROUP ? object->tag : TAG_VALUE;
}

uint16_t fw_piv_get_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	const struct fw_piv_object *object = NULL;

	if (!fw_piv_object_named(command->data, &object) || !object)
		return SW_NOT_FOUND;
	if (object->tag == DISCOVERY) {
		tlv_put(answer, DISCOVERY, BYTES_OF(discovery));
		return SW_OK;
	}
	if (object->tag == ATTESTATION)
		return put_attestation_certificate(fw, answer);
	if (!fw_object_exists(fw, place_of(object)))
		return SW_NOT_FOUND;
	size_t value = tlv_begin(answer, outer_tag(object));
	bool ok = fw_object_append(fw, place_of(object), answer);
	tlv_end(answer, value);
	return ok ? SW_OK : SW_MEMORY_FAILURE;
}

/* `5C L tag 53 L value`, or one of the two that bring their own tag. */
static bool parse_put(struct bytes data, uint32_t *tag, struct bytes *value)
{
	struct cursor c = cursor_of(data);
	uint32_t outer, inner;
	struct bytes name;

	if (!tlv_next(&c, &outer, &name))
		return false;
	if (outer == DISCOVERY || outer == BIT_GROUP) {
		*tag = outer;
		*value = name;
		return cursor_done(&c);
	}
	return outer == TAG_TAG && take_name(name, tag) && *tag != DISCOVERY && *tag != BIT_GROUP &&
	       tlv_next(&c, &inner, value) && inner == TAG_VALUE && cursor_done(&c);
}

uint16_t fw_piv_put_data(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	struct fw_transaction t = {.count = 0};
	struct bytes value;
	uint32_t tag;

	(void)answer;
	if (!parse_put(command->data, &tag, &value))
		return SW_WRONG_DATA;
	const struct fw_piv_object *object = object_of(tag);
	if (!object || tag == ATTESTATION)
		return SW_FUNCTION_NOT_SUPPORTED;
	/* It says what the application can, which nobody changes by writing. */
	if (tag == DISCOVERY)
		return bytes_equal(value, BYTES_OF(discovery)) ? SW_OK : SW_WRONG_DATA;
	if (value.len > FW_OBJECT_MAX)
		return SW_FULL;
	if (value.len == 0)
		fw_transaction_remove(fw, &t, place_of(object));
	else
		fw_transaction_put(&t, place_of(object), value, BYTES_NONE);
	return t.count > 0 ? fw_commit(fw, &t) : SW_OK;
}

/* ---- identity ---- */

/* A FASC-N that names no agency: whoever reads it takes the GUID instead (SP 800-73-4 part 1, 3.1.2). */
static const uint8_t fasc_n[] = {0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68, 0x58,
	0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB};
static const uint8_t expiry[] = {'2', '0', '9', '9', '1', '2', '3', '1'};
static const uint8_t card_type[] = {0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};

static bool build_chuid(struct fw *fw, struct builder *b)
{
	uint8_t guid[16];

	if (!hal_random(fw->hal, guid, sizeof(guid)))
		return false;
	guid[6] = (uint8_t)((guid[6] & 0x0F) | 0x40); /* RFC 4122 4.4: version 4 */
	guid[8] = (uint8_t)((guid[8] & 0x3F) | 0x80);
	tlv_put(b, 0x30, BYTES_OF(fasc_n));
	tlv_put(b, 0x34, BYTES_OF(guid));
	tlv_put(b, 0x35, BYTES_OF(expiry));
	tlv_put(b, 0x3E, BYTES_NONE); /* nobody signed it */
	tlv_put(b, TAG_ERROR_DETECT, BYTES_NONE);
	return !b->failed;
}

static bool build_ccc(struct fw *fw, struct builder *b)
{
	static const uint8_t nothing[] = {0xFA, 0xFB, 0xFC, 0xFD, TAG_ERROR_DETECT};
	uint8_t card[21];
	struct builder id = builder_of(card, sizeof(card));

	builder_put(&id, BYTES_OF(card_type));
	uint8_t *random = builder_room(&id, sizeof(card) - sizeof(card_type));
	if (!random || !hal_random(fw->hal, random, sizeof(card) - sizeof(card_type)))
		return false;
	tlv_put(b, 0xF0, builder_bytes(&id));
	tlv_put_u8(b, 0xF1, 0x21); /* versions of container and grammar */
	tlv_put_u8(b, 0xF2, 0x21);
	tlv_put(b, 0xF3, BYTES_NONE);
	tlv_put_u8(b, 0xF4, 0x00);
	tlv_put_u8(b, 0xF5, 0x10); /* data model: SP 800-73 */
	tlv_put(b, 0xF6, BYTES_NONE);
	tlv_put(b, 0xF7, BYTES_NONE);
	for (size_t i = 0; i < sizeof(nothing); i++)
		tlv_put(b, nothing[i], BYTES_NONE);
	return !b->failed;
}

bool fw_piv_put_identity(
	struct fw *fw, struct fw_transaction *t, uint8_t chuid[FW_PIV_CHUID_SIZE], uint8_t ccc[FW_PIV_CCC_SIZE])
{
	struct builder one = builder_of(chuid, FW_PIV_CHUID_SIZE), two = builder_of(ccc, FW_PIV_CCC_SIZE);

	if (!build_chuid(fw, &one) || !build_ccc(fw, &two))
		return false;
	fw_transaction_put(t, place_of(object_of(CHUID)), builder_bytes(&one), BYTES_NONE);
	fw_transaction_put(t, place_of(object_of(CCC)), builder_bytes(&two), BYTES_NONE);
	return true;
}
