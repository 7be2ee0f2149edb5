/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's end of SCP11b, with OpenSSL: a fresh key for every attempt, and the agreement with the token's two keys.
 *
 *	struct scp_host *h = scp_host_begin(&params, &data);	// data: of INTERNAL AUTHENTICATE
 *	... send, get `answer` ...
 *	result = scp_host_finish(h, token_key, answer, &session);
 *	scp_host_free(h);
 */
#ifndef UKEY_COMMON_SCP_HOST_H
#define UKEY_COMMON_SCP_HOST_H

#include "common/scp.h"

/* Any thread may use it at any time. */
extern const struct scp_crypto scp_openssl;

struct scp_host;

enum scp_host_result {
	SCP_HOST_OK,
	SCP_HOST_MALFORMED,   /* the answer is not one, or one of the token's points is not on the curve */
	SCP_HOST_NOT_GENUINE, /* the receipt is wrong: the token does not own this key, or a message was changed */
	SCP_HOST_FAILED,      /* no memory, or this attempt was finished before */
};

/* A new ephemeral key, and the command's data appended. NULL when there is no randomness, memory or room. */
struct scp_host *scp_host_begin(const struct scp_params *p, struct builder *data);
/*
 * `token_key` is PK.SD.ECKA, from a certificate that the caller has verified; `answer` the data of the answer. The
 * ephemeral key is gone afterwards, whatever came out, and anything but SCP_HOST_OK leaves `s` closed.
 */
enum scp_host_result scp_host_finish(
	struct scp_host *h, struct bytes token_key, struct bytes answer, struct scp_session *s);
void scp_host_free(struct scp_host *h);

#endif
