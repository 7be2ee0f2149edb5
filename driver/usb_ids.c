/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "driver/ukey.h"

size_t ukey_usb_ids(const struct ukey_usb_id **list)
{
	static const struct ukey_usb_id ids[] = {
#define USB_ID(vendor, product, name) {vendor, product, name},
#include "driver/usb_ids.def"
#undef USB_ID
	};

	*list = ids;
	return sizeof(ids) / sizeof(ids[0]);
}
