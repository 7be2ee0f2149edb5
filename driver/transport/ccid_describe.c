/* SPDX-License-Identifier: Apache-2.0 */
/* What a CCID says of itself, before a word was spoken with it. */
#include "driver/transport/ccid.h"

#define DESCRIPTOR_LENGTH 54u
#define DESCRIPTOR_TYPE   0x21

/* dwFeatures (5.1) */
#define AUTO_VOLTAGE     0x00000008u
#define AUTO_NEGOTIATION 0x00000040u
#define AUTO_PPS         0x00000080u
#define LEVEL_MASK       0x00070000u
#define LEVEL_TPDU       0x00010000u
#define LEVEL_SHORT      0x00020000u
#define LEVEL_EXTENDED   0x00040000u

/* Less does not hold the longest short APDU. */
#define MESSAGE_LEAST (CCID_SLOT_HEADER + 261u)

/* The descriptor's numbers are little-endian. */
static uint32_t take_le32(struct cursor *c)
{
	uint32_t v = 0;

	for (unsigned shift = 0; shift < 32; shift += 8)
		v |= (uint32_t)cursor_u8(c) << shift;
	return v;
}

/* The one of our class, wherever it stands. */
static struct bytes functional_of(struct bytes all)
{
	struct cursor c = cursor_of(all);

	while (c.left >= 2) {
		struct cursor ahead = c;
		uint8_t length = cursor_u8(&ahead), type = cursor_u8(&ahead);
		if (length < 2 || length > c.left)
			break;
		struct bytes one = cursor_take(&c, length);
		if (type == DESCRIPTOR_TYPE && length == DESCRIPTOR_LENGTH)
			return one;
	}
	return BYTES_NONE;
}

/* bPowerSelect (6.1.1): the device decides, or else the first voltage that it has. */
static uint8_t power_of(uint8_t voltages, uint32_t features)
{
	if (features & AUTO_VOLTAGE)
		return 0;
	for (uint8_t i = 0; i < 3; i++)
		if (voltages & 1u << i)
			return (uint8_t)(i + 1);
	return 0;
}

static enum ukey_status read_functional(struct bytes d, struct ccid_description *out, const char **why)
{
	struct cursor c = cursor_of(d);

	(void)cursor_take(&c, 5); /* length, type, version, slots */
	uint8_t voltages = cursor_u8(&c);
	(void)cursor_take(&c, 34);
	uint32_t features = take_le32(&c), longest = take_le32(&c);
	(void)cursor_rest(&c);
	if (c.failed) {
		*why = "it has no CCID descriptor";
		return UKEY_TOKEN_PROTOCOL;
	}
	switch (features & LEVEL_MASK) {
	case LEVEL_SHORT:
		out->extended = false;
		break;
	case LEVEL_EXTENDED:
		out->extended = true;
		break;
	case LEVEL_TPDU:
		*why = "it works at TPDU level, which only PC/SC's driver can";
		return UKEY_NOT_SUPPORTED;
	case 0:
		*why = "it works at character level, which only PC/SC's driver can";
		return UKEY_NOT_SUPPORTED;
	default:
		*why = "it says that it works at two levels at once";
		return UKEY_TOKEN_PROTOCOL;
	}
	if (!(features & (AUTO_NEGOTIATION | AUTO_PPS))) {
		*why = "it wants parameters negotiated, which only PC/SC's driver can";
		return UKEY_NOT_SUPPORTED;
	}
	if (longest < MESSAGE_LEAST) {
		*why = "its longest message is too short for an APDU";
		return UKEY_TOKEN_PROTOCOL;
	}
	out->message_max = longest < CCID_SLOT_MESSAGE_MAX ? longest : CCID_SLOT_MESSAGE_MAX;
	out->power = power_of(voltages, features);
	return UKEY_OK;
}

#define TYPE_MASK      0x03
#define TYPE_BULK      0x02
#define TYPE_INTERRUPT 0x03
#define TO_HOST        0x80
#define PACKET_MASK    0x07FF /* above it: transactions a microframe */

static bool read_endpoint(const struct ccid_endpoint *e, struct ccid_description *out)
{
	size_t packet = e->packet & PACKET_MASK;
	uint8_t *at = NULL;

	if ((e->attributes & TYPE_MASK) == TYPE_BULK)
		at = e->address & TO_HOST ? &out->in : &out->out;
	else if ((e->attributes & TYPE_MASK) == TYPE_INTERRUPT && e->address & TO_HOST)
		at = &out->interrupt;
	if (!at)
		return true; /* not for us */
	if (*at || (e->address & 0x0F) == 0 || packet == 0 || packet > CCID_SLOT_PACKET_MAX)
		return false;
	*at = e->address;
	if (at == &out->in)
		out->packet = packet;
	if (at == &out->interrupt)
		out->interrupt_packet = packet;
	return true;
}

enum ukey_status ccid_describe(struct bytes functional, const struct ccid_endpoint *endpoints, size_t count,
	struct ccid_description *out, const char **why)
{
	struct ccid_description d = {0};

	for (size_t i = 0; i < count; i++) {
		if (!read_endpoint(&endpoints[i], &d)) {
			*why = "its endpoints cannot be";
			return UKEY_TOKEN_PROTOCOL;
		}
	}
	if (!d.out || !d.in) {
		*why = "it has no pair of bulk endpoints";
		return UKEY_TOKEN_PROTOCOL;
	}
	/* Shorter packets than a header: no such device was ever built. */
	if (d.packet < CCID_SLOT_HEADER) {
		*why = "its packets are too short";
		return UKEY_TOKEN_PROTOCOL;
	}
	enum ukey_status status = read_functional(functional_of(functional), &d, why);
	if (status == UKEY_OK)
		*out = d;
	return status;
}

#define NOTIFY_SLOT_CHANGE 0x50
#define HARDWARE_ERROR     0x51

enum ccid_notice ccid_notice(struct bytes message)
{
	struct cursor c = cursor_of(message);
	uint8_t type = cursor_u8(&c), first = cursor_u8(&c);

	if (c.failed)
		return CCID_NOTICE_NONE;
	if (type == HARDWARE_ERROR)
		return CCID_NOTICE_HARDWARE;
	/* Two bits for each slot: it is there; it has changed. Ours is the first. */
	if (type != NOTIFY_SLOT_CHANGE || !(first & 0x02))
		return CCID_NOTICE_NONE;
	return first & 0x01 ? CCID_NOTICE_IN : CCID_NOTICE_OUT;
}
