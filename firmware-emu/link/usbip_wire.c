/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/link/usbip_wire.h"

#define PATH_SIZE  256u
#define SPEED_FULL 2u
#define BUS        1u
#define DEVICE     2u
#define NOT_ISO    0xFFFFFFFFu /* number_of_packets */

const char usbip_busid[] = "1-1";

bool usbip_op_parse(struct bytes in, struct usbip_op_header *out)
{
	struct cursor c = cursor_of(in);

	out->version = cursor_u16(&c);
	out->code = cursor_u16(&c);
	out->status = cursor_u32(&c);
	return cursor_done(&c) && (out->code == USBIP_REQ_DEVLIST || out->code == USBIP_REQ_IMPORT);
}

bool usbip_request_parse(struct bytes in, struct usbip_request *out)
{
	struct cursor c = cursor_of(in);

	out->command = cursor_u32(&c);
	out->seqnum = cursor_u32(&c);
	(void)cursor_u32(&c); /* devid */
	uint32_t direction = cursor_u32(&c);
	out->endpoint = cursor_u32(&c);
	out->in = direction == 1;
	if (out->command == USBIP_CMD_UNLINK) {
		out->victim = cursor_u32(&c);
		out->length = 0;
		(void)cursor_rest(&c);
		return cursor_done(&c) && in.len == USBIP_HEADER_SIZE;
	}
	(void)cursor_u32(&c); /* flags */
	out->length = cursor_u32(&c);
	(void)cursor_take(&c, 12); /* start frame, packets, interval: of isochronous transfers */
	bytes_copy(out->setup, cursor_take(&c, sizeof(out->setup)));
	return cursor_done(&c) && out->command == USBIP_CMD_SUBMIT && direction <= 1 && out->endpoint <= 15 &&
	       out->length <= USBIP_TRANSFER_MAX;
}

static void put_text(struct builder *b, const char *text, size_t room)
{
	size_t n = 0;

	for (; text[n] && n + 1 < room; n++)
		builder_u8(b, (uint8_t)text[n]);
	for (; n < room; n++)
		builder_u8(b, 0);
}

static void put_op(struct builder *b, uint16_t code, uint32_t status)
{
	builder_u16(b, USBIP_VERSION);
	builder_u16(b, code);
	builder_u32(b, status);
}

static void put_record(struct builder *b, const struct usbip_device *d)
{
	put_text(b, "/openukey/1-1", PATH_SIZE);
	put_text(b, usbip_busid, USBIP_BUSID_SIZE);
	builder_u32(b, BUS);
	builder_u32(b, DEVICE);
	builder_u32(b, SPEED_FULL);
	builder_u16(b, d->vendor);
	builder_u16(b, d->product);
	builder_u16(b, 0x0100); /* bcdDevice */
	builder_u8(b, 0);       /* class, subclass, protocol */
	builder_u8(b, 0);
	builder_u8(b, 0);
	builder_u8(b, d->configuration);
	builder_u8(b, 1); /* configurations, interfaces */
	builder_u8(b, 1);
}

void usbip_put_devlist(struct builder *b, const struct usbip_device *d)
{
	put_op(b, USBIP_REP_DEVLIST, 0);
	builder_u32(b, d ? 1 : 0);
	if (!d)
		return;
	put_record(b, d);
	builder_u8(b, 0x0B); /* its interface: CCID */
	builder_u8(b, 0);
	builder_u8(b, 0);
	builder_u8(b, 0);
}

void usbip_put_import(struct builder *b, const struct usbip_device *d)
{
	put_op(b, USBIP_REP_IMPORT, d ? 0 : 1);
	if (d)
		put_record(b, d);
}

static void put_header(struct builder *b, uint32_t command, uint32_t seqnum)
{
	builder_u32(b, command);
	builder_u32(b, seqnum);
	builder_u32(b, 0); /* devid, direction, endpoint: nothing in a reply */
	builder_u32(b, 0);
	builder_u32(b, 0);
}

static void pad(struct builder *b, size_t begin)
{
	while (!b->failed && b->len - begin < USBIP_HEADER_SIZE)
		builder_u8(b, 0);
}

void usbip_put_ret_submit(struct builder *b, uint32_t seqnum, int32_t status, uint32_t actual, struct bytes in)
{
	size_t begin = b->len;

	put_header(b, USBIP_RET_SUBMIT, seqnum);
	builder_u32(b, (uint32_t)status);
	builder_u32(b, actual);
	builder_u32(b, 0); /* start frame */
	builder_u32(b, NOT_ISO);
	pad(b, begin);
	builder_put(b, in);
}

void usbip_put_ret_unlink(struct builder *b, uint32_t seqnum, int32_t status)
{
	size_t begin = b->len;

	put_header(b, USBIP_RET_UNLINK, seqnum);
	builder_u32(b, (uint32_t)status);
	pad(b, begin);
}
