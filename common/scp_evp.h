/* SPDX-License-Identifier: Apache-2.0 */
/* Inside of scp_host.c, for its test: the same with a key pair that is known. No program includes this. */
#ifndef UKEY_COMMON_SCP_EVP_H
#define UKEY_COMMON_SCP_EVP_H

#include "common/scp_host.h"

#include <openssl/evp.h>

/* Takes over `ephemeral`, also when it fails. */
struct scp_host *scp_host_begin_with(EVP_PKEY *ephemeral, const struct scp_params *p, struct builder *data);
/* X of own * point, 32 bytes. False, and zeros, for a point that is malformed or not on P-256. */
bool scp_evp_agree(EVP_PKEY *own, struct bytes point, uint8_t x[32]);

#endif
