/* SPDX-License-Identifier: Apache-2.0 */
/*
 * USB/IP's messages, version 1.1.1 (Documentation/usb/usbip_protocol.rst of the Linux kernel). Pure: bytes to structs
 * and back.
 */
#ifndef UKEY_LINK_USBIP_WIRE_H
#define UKEY_LINK_USBIP_WIRE_H

#include "common/bytes.h"

#define USBIP_VERSION      0x0111
#define USBIP_OP_SIZE      8u
#define USBIP_BUSID_SIZE   32u
#define USBIP_RECORD_SIZE  312u
#define USBIP_HEADER_SIZE  48u
#define USBIP_TRANSFER_MAX (1u << 17) /* longest data of one request that we take */

enum usbip_op {
	USBIP_REQ_DEVLIST = 0x8005,
	USBIP_REP_DEVLIST = 0x0005,
	USBIP_REQ_IMPORT = 0x8003,
	USBIP_REP_IMPORT = 0x0003,
};

enum usbip_command {
	USBIP_CMD_SUBMIT = 1,
	USBIP_CMD_UNLINK = 2,
	USBIP_RET_SUBMIT = 3,
	USBIP_RET_UNLINK = 4,
};

/* Statuses are negative errno values of Linux, whatever the system here. */
#define USBIP_EPIPE      (-32)
#define USBIP_ECONNRESET (-104)

struct usbip_op_header {
	uint16_t version, code;
	uint32_t status;
};

struct usbip_device {
	uint16_t vendor, product;
	uint8_t configuration;
};

struct usbip_request {
	uint32_t command, seqnum;
	bool in;
	uint32_t endpoint;
	uint32_t length;  /* SUBMIT: of the transfer */
	uint8_t setup[8]; /* SUBMIT */
	uint32_t victim;  /* UNLINK: seqnum */
};

/* False: another length, or a number that the protocol does not have. */
bool usbip_op_parse(struct bytes in, struct usbip_op_header *out);
bool usbip_request_parse(struct bytes in, struct usbip_request *out);

/* The reply to DEVLIST; to IMPORT (device NULL: refused). */
void usbip_put_devlist(struct builder *b, const struct usbip_device *device);
void usbip_put_import(struct builder *b, const struct usbip_device *device);
/* What "usbip attach -b" calls the device. */
extern const char usbip_busid[];

void usbip_put_ret_submit(struct builder *b, uint32_t seqnum, int32_t status, uint32_t actual, struct bytes in);
void usbip_put_ret_unlink(struct builder *b, uint32_t seqnum, int32_t status);

#endif
