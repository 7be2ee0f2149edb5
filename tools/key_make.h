/* SPDX-License-Identifier: Apache-2.0 */
/* Making a key on the token: what `key generate` and `enroll` share. */
#ifndef UKEY_TOOLS_KEY_MAKE_H
#define UKEY_TOOLS_KEY_MAKE_H

#include "tools/pick_token.h"

/* With progress. The user has to be logged in. */
enum ukey_status key_make(struct session *s, struct ukey_generate *how, ukey_key_ref *ref);
/* What the options say of a key to be; `id` is the bytes of --id, possibly none, and how->id points there. */
enum ukey_status key_options(struct tool *t, struct ukey_generate *how, struct builder *id);
/* The CKA_ID that everybody derives from a public key: SHA-1 of its bits (RFC 5280 4.2.1.2). */
enum ukey_status key_default_id(const struct ukey_key *key, uint8_t id[20]);
enum ukey_status key_id_of(struct bytes spki, uint8_t id[20]);

#endif
