/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A factory for ramtokens, and the host's end of their secure channel. The certificates are made as protocol 6.1 and 8
 * want them, by a maker's CAs that live in this process:
 *
 *	root -> device CA (path length 0)      -> device leaf        object 0003: device CA, leaf
 *	root -> attestation CA (path length 1) -> attestation leaf   object 0004: attestation CA, leaf
 *
 *	struct ramtoken *t = ramtoken_new(NULL);
 *	struct personal p;
 *	personal_make(t, NULL, &p);			// FACTORY KEYS, FACTORY CLOSE; the token stays blank
 *	struct scp_session s;
 *	personal_open(t, 0, p.device_point, &s);	// INTERNAL AUTHENTICATE on channel 0
 *	uint16_t sw = personal_send(t, 0, &s, &(struct apdu){.ins = 0x20, .p2 = 0x81, .data = pin}, NULL);
 *
 * Aborts when something fails that never should. Link: $(ramtoken_ldadd).
 */
#ifndef UKEY_TESTS_PERSONAL_H
#define UKEY_TESTS_PERSONAL_H

#include "common/scp_host.h"
#include "tests/wire/ramtoken.h"

#define PERSONAL_CHAIN_MAX      2048
#define PERSONAL_POINT_SIZE     65
#define PERSONAL_UNLOCK_VERSION 0x01

/* Two makers: the one that the tests' hosts trust, and somebody else. */
enum personal_maker {
	PERSONAL_MAKER,
	PERSONAL_STRANGER,
	PERSONAL_MAKERS,
};

/* DER of a maker's root certificate. It stays until the process ends. */
struct bytes personal_root(enum personal_maker maker);

struct personal_options {
	enum personal_maker maker;
	const char *serial;          /* in the certificates' subjects; NULL: the token's */
	const uint8_t *device_point; /* what the device leaf certifies; NULL: the token's key */
	bool no_unlock_key;
	const uint8_t *unlock_key; /* NULL: 16 bytes that depend on the serial number */
};

struct personal {
	uint8_t device_point[PERSONAL_POINT_SIZE], attestation_point[PERSONAL_POINT_SIZE];
	uint8_t device_chain[PERSONAL_CHAIN_MAX], attestation_chain[PERSONAL_CHAIN_MAX]; /* as stored */
	size_t device_chain_len, attestation_chain_len;
	uint8_t unlock_key[16]; /* of version PERSONAL_UNLOCK_VERSION */
};

/* What FACTORY CLOSE would carry for a token with these keys; for tests that speak to the factory themselves. */
void personal_certify(const struct ramtoken *t, const struct personal_options *o, const uint8_t *device_point,
	const uint8_t *attestation_point, struct personal *out);
/* The data of FACTORY CLOSE, appended. */
void personal_put_close(struct builder *b, const struct personal *p, bool with_unlock_key);

/* Personalise a blank token. Options NULL: the maker's, all right. */
void personal_make(struct ramtoken *t, const struct personal_options *o, struct personal *out);

/* Open a session on a channel of the token that is open; `device_point` is PK.SD.ECKA. */
void personal_open(struct ramtoken *t, uint8_t channel, const uint8_t *device_point, struct scp_session *s);
/* The same, and what came out: SCP_HOST_MALFORMED also for a token that answered with an error (`sw`, if not NULL). */
enum scp_host_result personal_try_open(
	struct ramtoken *t, uint8_t channel, const uint8_t *device_point, struct scp_session *s, uint16_t *sw);

/*
 * INITIALIZE with this data, inside a session on channel 0 that SELECT ends, as a token whose PINs may not travel in
 * clear needs it. The key is t->device_point. A status word.
 */
uint16_t personal_initialize(struct ramtoken *t, struct bytes data);

/*
 * One command inside a session: wrapped, sent with extended lengths, and the answer unwrapped. The class of `a` needs
 * no channel. The status word is returned; 0 when the session did not accept the answer, or power was cut. `answer`,
 * if not NULL, is the plain data and valid until the next call.
 */
uint16_t personal_send(
	struct ramtoken *t, uint8_t channel, struct scp_session *s, const struct apdu *a, struct bytes *answer);

/* The wire form of a command that is wrapped in `s`, for tests that change it on its way. Valid until the next call. */
struct bytes personal_wrap(uint8_t channel, struct scp_session *s, const struct apdu *a);
/* The class byte of a channel, with bit 8 and the secure messaging bit. */
uint8_t personal_class(uint8_t channel, bool proprietary, bool secure);

#endif
