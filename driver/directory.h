/* SPDX-License-Identifier: Apache-2.0 */
/* The directory (doc/token-protocol.md 2.2), parsed strictly into one immutable counted snapshot. */
#ifndef UKEY_DRIVER_DIRECTORY_H
#define UKEY_DRIVER_DIRECTORY_H

#include "common/bytes.h"
#include "common/crypto.h"
#include "driver/ukey.h"

/* The most of each that a token may have (doc/token-protocol.md 2). tests/bench builds itself a larger token. */
#ifndef DIRECTORY_CONTAINERS_MAX
#define DIRECTORY_CONTAINERS_MAX 32
#endif
#ifndef DIRECTORY_CERTIFICATES_MAX
#define DIRECTORY_CERTIFICATES_MAX 32
#endif
#ifndef DIRECTORY_DATA_MAX
#define DIRECTORY_DATA_MAX 64
#endif

/* UKEY_TOKEN_PROTOCOL for anything that the protocol does not allow. `raw` is copied. */
enum ukey_status directory_parse(struct bytes raw, uint32_t generation, const struct ukey_directory **out);
const struct ukey_directory *directory_ref(const struct ukey_directory *d);
/* The octets it was parsed from, and their SHA-256. */
struct bytes directory_raw(const struct ukey_directory *d);
const uint8_t *directory_digest(const struct ukey_directory *d);
/*
 * A directory that a card driver made up may end in EF: what the driver wants to know again when this directory is
 * believed and not read. BYTES_NONE: nothing. Tokens of ours have no such entry.
 */
struct bytes directory_notes(const struct ukey_directory *d);
const struct ukey_container *directory_container(const struct ukey_directory *d, uint8_t number);
const struct ukey_other_certificate *directory_certificate(const struct ukey_directory *d, uint8_t number);
const struct ukey_data_entry *directory_data(const struct ukey_directory *d, uint8_t number);

/* What an algorithm is. NULL when there is no such algorithm. */
struct algorithm {
	enum ukey_algorithm algorithm;
	uint16_t bit; /* doc/token-protocol.md 2.1, tag 8D */
	enum crypto_key_type type;
	size_t size;   /* bytes of the modulus, or of the field */
	size_t result; /* bytes of the largest result */
	unsigned usage;
};
const struct algorithm *algorithm_of(enum ukey_algorithm a);

/* The public key has the algorithm's shape. */
bool algorithm_fits(const struct algorithm *a, const struct crypto_pubkey *key);
struct crypto_pubkey key_public(const struct ukey_key *k);

#endif
