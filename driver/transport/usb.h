/* SPDX-License-Identifier: Apache-2.0 */
/* What the two roads together (roads.c) need of the one over USB beyond transport_ops. */
#ifndef UKEY_DRIVER_TRANSPORT_USB_H
#define UKEY_DRIVER_TRANSPORT_USB_H

#include "driver/transport/transport.h"

extern const struct transport_ops transport_usb;

/* Whether a reader of this name would be transport_usb's. */
bool usb_is_reader(const char *name);
/* pcscd runs: leave it the first moment with a device that was just plugged in (it is not listed yet then). */
void usb_after_you(struct transport *t, bool yes);

#endif
