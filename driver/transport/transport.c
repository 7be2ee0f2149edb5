/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/transport/transport.h"

static const struct transport_ops *chosen; /* NULL: the usual */
static void *chosen_arg;

void transport_use(const struct transport_ops *ops, void *arg)
{
	chosen = ops;
	chosen_arg = arg;
}

const struct transport_ops *transport_chosen(bool usb, void **arg)
{
	*arg = chosen_arg;
	if (chosen)
		return chosen;
#ifdef HAVE_LIBUSB
	if (usb)
		return &transport_roads;
#else
	(void)usb;
#endif
	return &transport_pcsc;
}
