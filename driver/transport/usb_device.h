/* SPDX-License-Identifier: Apache-2.0 */
/* One USB device, claimed through libusb, as the pipes that ccid.h wants. */
#ifndef UKEY_DRIVER_TRANSPORT_USB_DEVICE_H
#define UKEY_DRIVER_TRANSPORT_USB_DEVICE_H

#include "driver/transport/ccid.h"

struct usb_claim;

/*
 * The device at this place, ours alone until usb_claim_free(). UKEY_TOKEN_REMOVED; UKEY_TOKEN_BUSY: another program has
 * it; UKEY_NO_PERMISSION; UKEY_NOT_SUPPORTED, UKEY_TOKEN_PROTOCOL: as ccid_describe; UKEY_COMMUNICATION, UKEY_MEMORY.
 */
enum ukey_status usb_claim_new(unsigned bus, unsigned address, struct usb_claim **out, const char **why);
/* The interface and what had it before are given back. NULL is allowed. */
void usb_claim_free(struct usb_claim *c);
const struct ccid_pipes *usb_claim_pipes(const struct usb_claim *c);
const struct ccid_description *usb_claim_description(const struct usb_claim *c);
/* What came through the interrupt pipe meanwhile; waits a moment for it. Any thread. */
enum ccid_notice usb_claim_notice(struct usb_claim *c, unsigned ms);

#endif
