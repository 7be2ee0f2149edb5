/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which tokens proved a device key to this user, and with which certificates: $XDG_STATE_HOME (or ~/.local/state)
 * /openukey/devices/SERIAL holds the chain. Who finds a token here that denies its key knows that something is wrong;
 * and the chain need not be read again. It is checked at every use: a foreign file costs time, never trust. A folder or
 * file that is not ours alone is not used.
 */
#ifndef UKEY_DRIVER_DEVICES_H
#define UKEY_DRIVER_DEVICES_H

#include "common/bytes.h"

#include <stdbool.h>

/* False: this machine is too short of memory or descriptors to tell. */
bool devices_known(const char *serial, bool *known);
/* NULL, or the chain: malloc'd. */
uint8_t *devices_load(const char *serial, size_t *len);
/* As good as it goes: without a place for it tokens are read anew by every process. */
void devices_keep(const char *serial, struct bytes chain);

#endif
