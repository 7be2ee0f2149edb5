/* SPDX-License-Identifier: Apache-2.0 */
/* Token information (doc/token-protocol.md 2.1). */
#include "driver/card/card.h"

#include "common/hex.h"
#include "common/tlv.h"
#include "driver/directory.h"
#include "driver/text.h"

static const uint8_t aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

#define PROTOCOL_MAJOR 1

static bool unwrap(struct bytes answer, struct bytes *name, struct bytes *proprietary)
{
	struct bytes inside;
	const struct tlv_field fields[] = {
		{0x84, TLV_REQUIRED, 1, 16,    name       },
		{0xA5, TLV_REQUIRED, 0, 65535, proprietary},
	};

	return tlv_unwrap(answer, 0x6F, &inside) && tlv_parse(inside, fields, sizeof fields / sizeof fields[0]);
}

bool card_is_ours(struct bytes answer)
{
	struct bytes name, proprietary, version;
	uint32_t tag;

	if (!unwrap(answer, &name, &proprietary) || !bytes_equal(name, BYTES_OF(aid)))
		return false;
	/* A later major version may have another table below; its number stays where it is. */
	struct cursor c = cursor_of(proprietary);
	return tlv_next(&c, &tag, &version) && tag == 0x80 && version.len == 2 && version.data[0] == PROTOCOL_MAJOR;
}

static bool pin_info(struct bytes b, struct ukey_pin_info *out)
{
	struct cursor c = cursor_of(b);

	out->tries_left = cursor_u8(&c);
	out->tries_max = cursor_u8(&c);
	const uint8_t flags = cursor_u8(&c);
	out->exists = flags & 0x01;
	out->must_change = flags & 0x02;
	return cursor_done(&c) && out->tries_left <= out->tries_max;
}

static bool pin_policy(struct bytes b, struct ukey_token_info *out)
{
	struct cursor c = cursor_of(b);

	out->pin_min = cursor_u8(&c);
	out->pin_max = cursor_u8(&c);
	out->pin_classes = cursor_u8(&c);
	out->pin_history = cursor_u8(&c);
	const uint8_t flags = cursor_u8(&c);
	out->pin_in_channel = flags & 0x01;
	out->pin_change_first = flags & 0x02;
	out->piv = flags & 0x04;
	out->piv_yubico = flags & 0x08;
	return cursor_done(&c) && out->pin_min >= 1 && out->pin_min <= out->pin_max && out->pin_max <= 32;
}

/* Tag 91, which tokens before version 1.1 do not have: then the factory gave nothing. */
static void factory(struct bytes b, struct ukey_token_info *out)
{
	const uint8_t gave = b.len ? b.data[0] : 0;

	out->device_key = gave & 0x01;
	out->attestation_key = gave & 0x02;
	out->genuine = out->device_key ? UKEY_GENUINE_UNKNOWN : UKEY_GENUINE_NONE;
}

static bool life_cycle(uint8_t v, enum ukey_life_cycle *out)
{
	*out = (enum ukey_life_cycle)v;
	return v == UKEY_BLANK || v == UKEY_INITIALISED || v == UKEY_OPERATIONAL || v == UKEY_TERMINATED;
}

/* ISO 7816-4 needs at least this much to carry anything; more than an extended APDU holds is a lie. */
#define LENGTH_LEAST 255u
#define LENGTH_MOST  65536u

static bool limits(struct bytes lengths, struct bytes counts, struct bytes largest, struct card_info *out)
{
	struct cursor l = cursor_of(lengths), n = cursor_of(counts), o = cursor_of(largest);

	out->max_command = cursor_u32(&l);
	out->max_answer = cursor_u32(&l);
	out->token.max_containers = cursor_u8(&n);
	out->token.max_certificates = cursor_u8(&n);
	out->token.max_data_objects = cursor_u8(&n);
	cursor_u8(&n); /* logical channels */
	out->token.max_object = cursor_u16(&o);
	return cursor_done(&l) && cursor_done(&n) && cursor_done(&o) && out->max_command >= LENGTH_LEAST &&
	       out->max_answer >= LENGTH_LEAST && out->max_command <= LENGTH_MOST && out->max_answer <= LENGTH_MOST &&
	       out->token.max_containers <= DIRECTORY_CONTAINERS_MAX &&
	       out->token.max_certificates <= DIRECTORY_CERTIFICATES_MAX &&
	       out->token.max_data_objects <= DIRECTORY_DATA_MAX;
}

static void serial_text(struct bytes serial, char out[17])
{
	hex_encode(serial, out, 17);
	for (size_t i = 0; i < 16; i++)
		if (out[i] >= 'a')
			out[i] = (char)(out[i] - 'a' + 'A');
}

bool card_info_parse(struct bytes answer, struct card_info *out)
{
	struct bytes name, proprietary, version, firmware, serial, label, state, user, so, unlock, generation, digest,
		policy, space, lengths, algorithms, counts, largest, security, gave;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 2,  2,  &version   },
		{0x81, TLV_REQUIRED, 3,  3,  &firmware  },
		{0x82, TLV_REQUIRED, 8,  8,  &serial    },
		{0x83, TLV_REQUIRED, 0,  32, &label     },
		{0x84, TLV_REQUIRED, 1,  1,  &state     },
		{0x85, TLV_REQUIRED, 3,  3,  &user      },
		{0x86, TLV_REQUIRED, 3,  3,  &so        },
		{0x87, TLV_REQUIRED, 3,  3,  &unlock    },
		{0x88, TLV_REQUIRED, 4,  4,  &generation},
		{0x89, TLV_REQUIRED, 32, 32, &digest    },
		{0x8A, TLV_REQUIRED, 5,  5,  &policy    },
		{0x8B, TLV_REQUIRED, 8,  8,  &space     },
		{0x8C, TLV_REQUIRED, 8,  8,  &lengths   },
		{0x8D, TLV_REQUIRED, 2,  2,  &algorithms},
		{0x8E, TLV_REQUIRED, 4,  4,  &counts    },
		{0x8F, TLV_REQUIRED, 2,  2,  &largest   },
		{0x90, TLV_REQUIRED, 1,  1,  &security  },
		{0x91, TLV_OPTIONAL, 1,  1,  &gave      },
	};
	struct ukey_token_info *t = &out->token;

	*out = (struct card_info){0};
	if (!unwrap(answer, &name, &proprietary) || !bytes_equal(name, BYTES_OF(aid)) ||
		!tlv_parse(proprietary, fields, sizeof fields / sizeof fields[0]))
		return false;
	t->protocol_major = version.data[0];
	t->protocol_minor = version.data[1];
	bytes_copy(t->firmware, firmware);
	serial_text(serial, t->serial);
	text_copy(text_bytes("OpenUKey"), t->manufacturer, sizeof t->manufacturer);
	text_copy(text_bytes("OpenUKey 1"), t->model, sizeof t->model);
	bytes_copy(t->digest, digest);
	struct cursor g = cursor_of(generation), f = cursor_of(space), a = cursor_of(algorithms);
	t->generation = cursor_u32(&g);
	t->free_bytes = cursor_u32(&f);
	t->total_bytes = cursor_u32(&f);
	t->algorithms = cursor_u16(&a);
	out->user_verified = security.data[0] & 0x01;
	out->so_verified = security.data[0] & 0x02;
	factory(gave, t);
	return t->protocol_major == PROTOCOL_MAJOR && text_copy(label, t->label, sizeof t->label) &&
	       life_cycle(state.data[0], &t->life_cycle) && pin_info(user, &t->user_pin) && pin_info(so, &t->so_pin) &&
	       pin_info(unlock, &t->unlock_key) && pin_policy(policy, t) && t->free_bytes <= t->total_bytes &&
	       limits(lengths, counts, largest, out);
}
