/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The token as a USB device: full speed, one interface, the CCID class (ccid.h). What carries its packets (USB/IP, a
 * mocked usbfs) is not its business.
 *
 *	carrier's thread                                     token's thread
 *	usb_control, usb_out, usb_in, usb_tick  <-- lock -->  usb_work: power-on, transceive, for as long as they take
 *
 * Any function may be called from any thread. `wake` (struct usb_options) is called, with no lock held, when something
 * became ready for the host that usb_in() had not had before.
 */
#ifndef UKEY_LINK_USB_DEVICE_H
#define UKEY_LINK_USB_DEVICE_H

#include "firmware-emu/link/ccid.h"
#include "firmware-emu/link/link.h"

#define USB_PACKET       64u /* of the bulk endpoints, at full speed */
#define USB_BULK_OUT     0x01
#define USB_BULK_IN      0x82
#define USB_INTERRUPT_IN 0x83
#define USB_DEVICE_SIZE  18u /* of the descriptors */
#define USB_CONFIG_SIZE  (9u + 9u + CCID_DESCRIPTOR_SIZE + 3u * 7u)
#define USB_CONTROL_MAX  256u /* most data of an answer on endpoint 0 */

/* The test numbers of pid.codes, for devices that never leave the workshop. A maker has its own. */
#define USB_DEFAULT_VENDOR  0x1209
#define USB_DEFAULT_PRODUCT 0x0001

struct usb_options {
	uint16_t vendor, product;
	size_t message_max; /* of CCID; 0: the most */
	char serial[17];    /* string descriptor 3 */
	struct link_token token;
	void (*wake)(void *arg);
	void *wake_arg;
};

struct usb_setup { /* USB 2.0, 9.3 */
	uint8_t request_type, request;
	uint16_t value, index, length;
};

enum usb_outcome {
	USB_DONE,
	USB_STALLED,
	USB_NOTHING, /* IN: nothing to send yet, the host is to ask again (NAK) */
};

struct usb_device;

/* NULL: out of memory, or a message_max that cannot be. */
struct usb_device *usb_device_new(const struct usb_options *o);
void usb_device_free(struct usb_device *d);

/* The host's port has power and a reset: unconfigured. And the end of it. */
void usb_attach(struct usb_device *d);
void usb_detach(struct usb_device *d);
/* The chip in its slot, while the device stays where it is. */
void usb_card(struct usb_device *d, bool present);

/* Endpoint 0. `out`: the data stage of a host-to-device request; `in`: that of the other, at most setup->length. */
enum usb_outcome usb_control(struct usb_device *d, const struct usb_setup *setup, struct bytes out, struct builder *in);
/* One transfer; it ended with a short packet unless its length is a multiple of USB_PACKET. */
enum usb_outcome usb_out(struct usb_device *d, uint8_t endpoint, struct bytes data);
enum usb_outcome usb_in(struct usb_device *d, uint8_t endpoint, struct builder *to);
/* Milliseconds until it wants to be called again; 0: no need. `now` is of any clock that only goes forward. */
unsigned usb_tick(struct usb_device *d, uint64_t now);

/* The token's thread: do the chip's work as it comes. Returns after usb_stop(), or when the token lost its power in
 * mid-command: false then. */
bool usb_work(struct usb_device *d);
void usb_stop(struct usb_device *d);

/* For whoever shows the device to a host without asking it: descriptors as GET_DESCRIPTOR gives them. */
void usb_device_descriptor(const struct usb_device *d, struct builder *b);
void usb_config_descriptor(const struct usb_device *d, struct builder *b);

#endif
