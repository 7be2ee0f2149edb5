/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command and its whole answer over a transport that may carry short APDUs only (ISO 7816-4 5.3.3, 5.3.4).
 *
 *	command --+-- fits ---------------------------> one APDU --+
 *	          +-- too long: chain, CLA bit 5 set,  ------------+--> 61xx: GET RESPONSE until no more
 *	              pieces of 255, Le in the last                +--> 6Cxx: the same once more with Le = xx
 *	                                                           +--> anything else: the answer's status
 *
 * A card can't keep the loop busy: each GET RESPONSE has to bring data, the data has to fit into the caller's buffer,
 * and EXCHANGE_ROUNDS_MAX bounds the rounds.
 */
#ifndef UKEY_COMMON_EXCHANGE_H
#define UKEY_COMMON_EXCHANGE_H

#include "common/apdu.h"

/* Enough for 64 KiB in short answers, with as many repeated because of 6Cxx. */
#define EXCHANGE_ROUNDS_MAX 1024u

/*
 * Carry one encoded command and append the encoded answer (data and status word). Returns 0, or the transport's own
 * error code, which exchange() hands through. An answer that does not fit leaves `answer` failed and returns 0.
 */
typedef int exchange_transceive(void *ctx, struct bytes command, struct builder *answer);

struct exchange {
	exchange_transceive *transceive;
	void *ctx;
	bool extended;           /* extended lengths allowed */
	bool once;               /* for SCP03: nothing is sent again as it is after 6Cxx; data with an error is one */
	size_t max_command_data; /* most data in one extended command; 0: APDU_DATA_MAX */
	size_t max_answer;       /* largest Le of one extended command; 0: APDU_LE_MAX */
	uint64_t count;          /* command APDUs sent since the caller zeroed it */
	int transport_error;     /* of the last EXCHANGE_TRANSPORT */
};

enum exchange_result {
	EXCHANGE_OK,        /* the card answered: `sw` says what */
	EXCHANGE_TRANSPORT, /* the transport failed: transport_error */
	EXCHANGE_PROTOCOL,  /* no status word, data with 6Cxx, a second 6Cxx, 61xx without end */
	EXCHANGE_TOO_LONG,  /* the answer does not fit into the buffer */
	EXCHANGE_INVALID,   /* the command can't be encoded */
	EXCHANGE_NO_MEMORY,
};

/*
 * Send `command`; append the answer's data to `answer`, whose buffer needs two bytes more than the longest data (the
 * status word passes through it), and set *sw. After anything but EXCHANGE_OK `answer` holds nothing new and *sw is 0.
 *
 * A chain that the card refuses in the middle ends there with that status. GET RESPONSE goes out in the interindustry
 * class of the command's logical channel, without secure messaging: it belongs to the transport. The copies of the
 * command are kept in secure memory.
 */
enum exchange_result exchange(struct exchange *x, const struct apdu *command, struct builder *answer, uint16_t *sw);

#endif
