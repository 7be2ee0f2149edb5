/* SPDX-License-Identifier: Apache-2.0 */
/* A key pair that was made elsewhere (core/hal.h: hal_key_import), put together and checked. */
#ifndef UKEY_HAL_KEY_IMPORT_H
#define UKEY_HAL_KEY_IMPORT_H

#include <openssl/evp.h>

#include "firmware-emu/hal/key_blob.h"

/* Owned by the caller. NULL: the halves do not belong together, or are no good key. */
EVP_PKEY *key_import(const struct key_kind *kind, struct bytes value, struct bytes public_key);
/* The public half of such a value, as core/hal.h codes it. False: there is none. */
bool key_public_of(const struct key_kind *kind, struct bytes value, struct builder *public_key);

#endif
