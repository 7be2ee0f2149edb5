/* SPDX-License-Identifier: Apache-2.0 */
#include "driver/devices.h"

#include "driver/folder.h"
#include "driver/trust.h"

#include <errno.h>
#include <unistd.h>

static int open_devices(bool make)
{
	return folder_open(FOLDER_STATE, "devices", make, NULL);
}

bool devices_known(const char *serial, bool *known)
{
	int folder, fd = -1;

	errno = 0;
	folder = open_devices(false);
	if (folder >= 0)
		fd = folder_file(folder, serial);
	const int why = errno;
	*known = fd >= 0;
	if (fd >= 0)
		close(fd);
	if (folder >= 0)
		close(folder);
	return *known || (why != EMFILE && why != ENFILE && why != ENOMEM);
}

uint8_t *devices_load(const char *serial, size_t *len)
{
	int folder = open_devices(false);
	uint8_t *chain = NULL;

	if (folder >= 0) {
		chain = folder_read(folder, serial, TRUST_CHAIN_MAX, len);
		close(folder);
	}
	return chain;
}

void devices_keep(const char *serial, struct bytes chain)
{
	int folder = open_devices(true);

	if (folder >= 0) {
		folder_write(folder, serial, &chain, 1);
		close(folder);
	}
}
