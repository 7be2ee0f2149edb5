/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/directory_change.h"

#include "common/tlv.h"
#include "driver/text.h"

#include <stdlib.h>

/* More than one command can add: a container with one key of RSA-4096. */
#define GROWTH_MAX 2048
#define KEY_FIELDS 9

enum {
	TAG_CONTAINER = 0xE0,
	TAG_CERTIFICATE = 0xE1,
	TAG_DATA = 0xE2,
};

/* Fields of an entry in their order; `present` ones have non-NULL data. */
static const uint8_t key_tags[KEY_FIELDS] = {0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0xA8};
enum key_field {
	KEY_ALGORITHM,
	KEY_ID,
	KEY_LABEL,
	KEY_USAGE,
	KEY_ORIGIN,
	KEY_PIN_POLICY,
	KEY_TOUCH,
	KEY_PUBLIC,
	KEY_CERTIFICATE,
};

static bool put_digest(struct builder *b, uint32_t tag, struct bytes value)
{
	uint8_t digest[32];

	if (!crypto_digest(CRYPTO_SHA256, value, digest))
		return false;
	tlv_put(b, tag, BYTES_OF(digest));
	return true;
}

/* ---- a key ------------------------------------------------------------------------------------------------------- */

static void put_public(struct builder *b, const struct card_public *made)
{
	if (made->modulus.data)
		tlv_put(b, 0x81, made->modulus);
	if (made->exponent.data)
		tlv_put(b, 0x82, made->exponent);
	if (made->point.data)
		tlv_put(b, 0x86, made->point);
}

static bool makes_key(const struct directory_change *c)
{
	return c->verb == DIRECTORY_GENERATE || c->verb == DIRECTORY_IMPORT;
}

static bool make_key(struct builder *b, const struct directory_change *c)
{
	tlv_put_u8(b, 0x80, (uint8_t)c->how->algorithm);
	tlv_put(b, 0x81, BYTES(c->how->id, c->how->id_len));
	tlv_put(b, 0x82, text_bytes(c->how->label));
	tlv_put_u16(b, 0x83, (uint16_t)c->how->usage);
	tlv_put_u8(b, 0x84, c->verb == DIRECTORY_IMPORT);
	tlv_put_u8(b, 0x85, c->how->always_authenticate);
	tlv_put_u8(b, 0x86, c->how->touch);
	size_t mark = tlv_begin(b, 0x87);
	put_public(b, c->made);
	tlv_end(b, mark);
	return !b->failed;
}

static bool certificate_fields(struct bytes in, struct bytes *length, struct bytes *digest, struct bytes *label)
{
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 2,  2,              length},
		{0x81, TLV_REQUIRED, 32, 32,             digest},
		{0x82, TLV_OPTIONAL, 0,  UKEY_LABEL_MAX, label },
	};
	return tlv_parse(in, fields, sizeof fields / sizeof fields[0]);
}

/* The value of A8 as it will be. */
static bool make_certificate(struct builder *b, struct bytes old, const struct directory_change *c)
{
	struct bytes length = BYTES_NONE, digest = BYTES_NONE, label = BYTES_NONE;

	if (c->kind == CARD_CERTIFICATE) {
		tlv_put_u16(b, 0x80, (uint16_t)c->body->certificate.len);
		if (!put_digest(b, 0x81, c->body->certificate))
			return false;
		tlv_put(b, 0x82, c->body->label);
	} else {
		if (!old.data || !certificate_fields(old, &length, &digest, &label))
			return false;
		tlv_put(b, 0x80, length);
		tlv_put(b, 0x81, digest);
		tlv_put(b, 0x82, c->body->certificate_label);
	}
	return !b->failed;
}

/* A key that is there, changed: its certificate, or its attributes. */
static bool change_key(struct builder *b, struct bytes old, const struct directory_change *c)
{
	uint8_t memory[256];
	struct builder certificate = builder_of(memory, sizeof memory);
	struct bytes values[KEY_FIELDS];
	struct tlv_field fields[KEY_FIELDS];

	for (size_t i = 0; i < KEY_FIELDS; i++)
		fields[i] = (struct tlv_field){
			key_tags[i], i == KEY_CERTIFICATE ? TLV_OPTIONAL : TLV_REQUIRED, 0, 65535, &values[i]};
	if (!tlv_parse(old, fields, KEY_FIELDS))
		return false;
	if (c->verb == DIRECTORY_ERASE) {
		values[KEY_CERTIFICATE] = BYTES_NONE;
	} else {
		if (c->kind == CARD_CERTIFICATE || c->body->certificate_label.data) {
			if (!make_certificate(&certificate, values[KEY_CERTIFICATE], c))
				return false;
			values[KEY_CERTIFICATE] = builder_bytes(&certificate);
		}
		if (c->kind == CARD_KEY_ATTRIBUTES && c->body->id.data)
			values[KEY_ID] = c->body->id;
		if (c->kind == CARD_KEY_ATTRIBUTES && c->body->label.data)
			values[KEY_LABEL] = c->body->label;
	}
	for (size_t i = 0; i < KEY_FIELDS; i++)
		if (values[i].data)
			tlv_put(b, key_tags[i], values[i]);
	return !b->failed;
}

/* ---- a container ------------------------------------------------------------------------------------------------- */

struct container {
	struct bytes name, pair[2];
};

static bool take_container(struct bytes in, struct container *out)
{
	struct bytes number;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 1, 1,              &number      },
		{0x81, TLV_REQUIRED, 0, UKEY_LABEL_MAX, &out->name   },
		{0xA0, TLV_OPTIONAL, 1, 65535,          &out->pair[0]},
		{0xA1, TLV_OPTIONAL, 1, 65535,          &out->pair[1]},
	};
	return tlv_parse(in, fields, sizeof fields / sizeof fields[0]);
}

/* One key of it, into `b`. */
static bool change_pair(struct builder *b, struct bytes *pair, const struct directory_change *c)
{
	if (makes_key(c) ? pair->data != NULL : !pair->data)
		return false;
	if (c->verb == DIRECTORY_DELETE_KEY) {
		*pair = BYTES_NONE;
		return true;
	}
	if (!(makes_key(c) ? make_key(b, c) : change_key(b, *pair, c)))
		return false;
	*pair = builder_bytes(b);
	return true;
}

static bool put_container(struct builder *b, struct bytes old, uint8_t number, const struct directory_change *c)
{
	uint8_t memory[GROWTH_MAX];
	struct builder key = builder_of(memory, sizeof memory);
	struct container now = {makes_key(c) ? text_bytes(c->how->container_name) : BYTES_NONE, {BYTES_NONE}};

	if (old.data ? !take_container(old, &now) : !makes_key(c))
		return false;
	if (c->verb == DIRECTORY_DELETE_CONTAINER)
		return true;
	if (c->verb == DIRECTORY_WRITE && c->kind == CARD_CONTAINER_ATTRIBUTES)
		now.name = c->body->name;
	else if (!change_pair(&key, &now.pair[c->number % 2], c))
		return false;
	/* The last key of a container ends the container. */
	if (!now.pair[0].data && !now.pair[1].data)
		return true;
	size_t mark = tlv_begin(b, TAG_CONTAINER);
	tlv_put_u8(b, 0x80, number);
	tlv_put(b, 0x81, now.name);
	for (unsigned i = 0; i < 2; i++)
		if (now.pair[i].data)
			tlv_put(b, 0xA0 + i, now.pair[i]);
	tlv_end(b, mark);
	return true;
}

/* ---- the other entries ------------------------------------------------------------------------------------------- */

static bool put_certificate(struct builder *b, const struct directory_change *c)
{
	size_t mark = tlv_begin(b, TAG_CERTIFICATE);

	tlv_put_u8(b, 0x80, c->number);
	tlv_put(b, 0x81, c->body->id);
	tlv_put(b, 0x82, c->body->label);
	tlv_put_u8(b, 0x83, (uint8_t)c->body->number);
	tlv_put_u16(b, 0x84, (uint16_t)c->body->certificate.len);
	bool good = put_digest(b, 0x85, c->body->certificate);
	tlv_end(b, mark);
	return good;
}

static bool put_data(struct builder *b, const struct directory_change *c)
{
	size_t mark = tlv_begin(b, TAG_DATA);
	bool good = true;

	tlv_put_u8(b, 0x80, c->number);
	tlv_put_u8(b, 0x84, (uint8_t)c->body->number);
	tlv_put_u16(b, 0x85, (uint16_t)c->body->value.len);
	if (c->body->number == 0) {
		tlv_put(b, 0x81, c->body->label);
		tlv_put(b, 0x82, c->body->application);
		tlv_put(b, 0x83, c->body->oid);
		good = put_digest(b, 0x86, c->body->value);
	}
	tlv_end(b, mark);
	return good;
}

/* ---- the whole --------------------------------------------------------------------------------------------------- */

struct place {
	uint32_t tag;
	uint8_t number;
};

static struct place place_of(const struct directory_change *c)
{
	if (c->verb == DIRECTORY_DELETE_CONTAINER || c->kind == CARD_CONTAINER_ATTRIBUTES)
		return (struct place){TAG_CONTAINER, c->number};
	if (makes_key(c) || c->verb == DIRECTORY_DELETE_KEY || c->kind == CARD_CERTIFICATE ||
		c->kind == CARD_KEY_ATTRIBUTES)
		return (struct place){TAG_CONTAINER, c->number / 2};
	return (struct place){c->kind == CARD_DATA ? TAG_DATA : TAG_CERTIFICATE, c->number};
}

static int order(struct place a, struct place b)
{
	return a.tag != b.tag ? (a.tag > b.tag) - (a.tag < b.tag) : (a.number > b.number) - (a.number < b.number);
}

/* What stands at the place from now on; `old` has no data when nothing does yet. */
static bool put_entry(struct builder *b, struct bytes old, struct place at, const struct directory_change *c)
{
	if (at.tag == TAG_CONTAINER)
		return put_container(b, old, at.number, c);
	if (c->verb == DIRECTORY_ERASE)
		return old.data != NULL;
	return at.tag == TAG_DATA ? put_data(b, c) : put_certificate(b, c);
}

static bool rewrite(struct bytes raw, const struct directory_change *change, struct builder *out)
{
	const struct place at = place_of(change);
	struct cursor c = cursor_of(raw);
	struct bytes value;
	bool done = false, good = true;
	uint32_t tag;

	while (good && tlv_next(&c, &tag, &value)) {
		struct cursor inside = cursor_of(value), number = cursor_of(tlv_take(&inside, 0x80));
		const struct place here = {tag, cursor_u8(&number)};
		const int before = order(here, at);

		good = !number.failed;
		if (good && !done && before >= 0) {
			good = put_entry(out, before == 0 ? value : BYTES_NONE, at, change);
			done = true;
		}
		if (before != 0)
			tlv_put(out, tag, value);
	}
	if (good && !done)
		good = put_entry(out, BYTES_NONE, at, change);
	return good && cursor_done(&c) && !out->failed;
}

enum ukey_status directory_change(const struct ukey_directory *d, const struct directory_change *change,
	uint32_t generation, const struct ukey_directory **out)
{
	const struct bytes raw = directory_raw(d);
	uint8_t *memory = malloc(raw.len + GROWTH_MAX);
	struct builder b = builder_of(memory, raw.len + GROWTH_MAX);
	enum ukey_status status = UKEY_MEMORY;

	if (memory)
		status = rewrite(raw, change, &b) ? directory_parse(builder_bytes(&b), generation, out)
						  : UKEY_TOKEN_PROTOCOL;
	free(memory);
	return status;
}
