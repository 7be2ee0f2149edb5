/* SPDX-License-Identifier: Apache-2.0 */
/* The token's statement about a key, doc/token-protocol.md 8: the parts of ukey_attestation_verify, for tests. */
#ifndef UKEY_DRIVER_ATTEST_H
#define UKEY_DRIVER_ATTEST_H

#include "driver/trust.h"
#include "driver/ukey.h"

/*
 * Is it a statement by this attestation key (whose own certificate was checked before), about the key `spki`, with this
 * nonce? BYTES_NONE for any. NULL when it is true, and *out is filled; else why not, for _().
 */
const char *attest_check(const struct trust_leaf *signer, struct bytes statement, struct bytes spki, struct bytes nonce,
	struct ukey_attestation *out);

#endif
