/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our tokens among the USB devices of this machine, from what the kernel shows of them (sysfs). Nothing is opened and
 * nothing is sent; no library is set up, no thread made. A machine without such a token pays for reading two small
 * files a device.
 */
#ifndef UKEY_DRIVER_TRANSPORT_USB_LIST_H
#define UKEY_DRIVER_TRANSPORT_USB_LIST_H

#include "driver/ukey.h"

#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

#define USB_LIST_MAX 32u

struct usb_found {
	const char *maker; /* and model: ours, from the table */
	char path[32];     /* where it is plugged in, as the kernel calls it: 1-1.4 */
	unsigned bus, address;
	char serial[17]; /* as it says, or "" */
	bool denied;     /* this user may not open it */
	bool fresh;      /* plugged in less than USB_LIST_FRESH ago */
};

#define USB_LIST_FRESH 2000 /* milliseconds */

/* How many were written to `list`. */
size_t usb_list(struct usb_found list[USB_LIST_MAX]);
/* The one at this place of the bus is still there. */
bool usb_list_has(unsigned bus, unsigned address);
/* The device's file. */
void usb_list_node(unsigned bus, unsigned address, char *out, size_t size);
/* A program that has it open; false when none can be seen. */
bool usb_list_holder(unsigned bus, unsigned address, struct ukey_holder *out);

#endif
