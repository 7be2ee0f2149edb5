/* SPDX-License-Identifier: Apache-2.0 */
/* What making a key and taking one from outside share (key.c). */
#ifndef UKEY_DRIVER_KEY_H
#define UKEY_DRIVER_KEY_H

#include "driver/directory.h"
#include "driver/token.h"

#define REF_COUNT (2 * DIRECTORY_CONTAINERS_MAX)

/* Values that no token takes, and what this one does not know. */
enum ukey_status key_check(struct ukey_token *t, const struct ukey_generate *how);
/* Which place, and whether its container is new (container_name is NULL when not); the directory tells. */
enum ukey_status key_choose_place(struct ukey_token *t, struct ukey_generate *how);

#endif
