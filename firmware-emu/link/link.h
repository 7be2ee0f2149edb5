/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a token is reached. A link stands between a carrier (vpcd's socket, later USB, an AT modem, an SD card) and the
 * token behind it, which it knows by five functions only.
 *
 *	control thread:  plug()  unplug()  stop()           any thread, any time
 *	token's thread:  run(): carrier <-> power_up, reset, transceive
 *
 * Plugged means that the token sits in its socket; connected that a host is there too. Without a host, run() waits
 * for one, and takes the next one when it goes.
 */
#ifndef UKEY_LINK_LINK_H
#define UKEY_LINK_LINK_H

#include "common/bytes.h"

/* The token as its link sees it. */
struct link_token {
	void *self;
	/* Power: from any thread, quick, never waiting for a command in work. power_cut() ends one. */
	void (*power_up)(void *self);
	void (*power_cut)(void *self);
	/* The host resets the card, or takes and gives it power: the next command begins a new session. */
	void (*reset)(void *self);
	/* False when the token lost power in the middle: there is no answer, and the link unplugs. */
	bool (*transceive)(void *self, struct bytes command, struct bytes *answer);
	struct bytes (*atr)(void *self);
};

struct link_options {
	struct link_token token;
	const char *host; /* vpcd's, or the one to listen on */
	const char *port; /* NULL: the link's default */
	bool plugged;     /* from the start */

	/* USB only */
	uint16_t usb_vendor, usb_product; /* 0: the default */
	size_t usb_message_max;           /* longest CCID message; 0: the most */
	const char *serial;               /* what the device says its serial number is */
};

struct link;

struct link_ops {
	const char *name;
	/* NULL on failure, `error` says why in one line. */
	struct link *(*open)(const struct link_options *options, char *error, size_t error_size);
	/* Serve until stop(). */
	void (*run)(struct link *link);
	void (*plug)(struct link *link);
	/* The host sees the token gone before this returns; a command in work is lost. */
	void (*unplug)(struct link *link);
	void (*stop)(struct link *link);
	bool (*plugged)(struct link *link);
	bool (*connected)(struct link *link);
	/* After run() returned. */
	void (*close)(struct link *link);
};

/* Every struct of a link begins with it. */
struct link {
	const struct link_ops *ops;
};

extern const struct link_ops link_vpcd;
extern const struct link_ops link_usbip; /* a USB device, for hosts that fetch it by TCP */
extern const struct link_ops link_vhci;  /* a USB device in this machine's kernel; port: of its controller */

#endif
