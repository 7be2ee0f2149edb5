/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this certificate chain one of a token's, by a maker that we trust? (doc/token-protocol.md 6.1, 8)
 *
 * The time of this machine plays no part: a token must not lock its holder out because a clock is wrong, and a device
 * certificate has no end. What is checked instead: an issuer was not past its end when it issued.
 */
#ifndef UKEY_DRIVER_TRUST_H
#define UKEY_DRIVER_TRUST_H

#include "common/bytes.h"
#include "driver/settings.h"

#define TRUST_CHAIN_MAX    8192
#define TRUST_CHAIN_LENGTH 5
#define TRUST_POINT_SIZE   65 /* P-256: 04 X Y */

struct trust_roots;

/* The configured roots, read now. UKEY_NO_ROOTS: trust_problem() says why. */
enum ukey_status trust_open(const struct settings *s, struct trust_roots **out);
/* A PEM file, or a folder of *.pem and *.crt. */
enum ukey_status trust_open_path(const char *path, struct trust_roots **out);
void trust_close(struct trust_roots *r);

enum trust_kind {
	TRUST_DEVICE,      /* the leaf is a device key's: key agreement and nothing else */
	TRUST_ATTESTATION, /* the leaf is an attestation key's: a CA of path length 0 */
};

struct trust_leaf {
	struct bytes der; /* in the chain that was given */
	char serial[17];  /* the token's serial number in the subject */
	uint8_t point[TRUST_POINT_SIZE];
};

/*
 * The chain is glued together, issuer first, leaf last; every byte of it is accounted for. serial: the token's; NULL:
 * any. UKEY_NOT_GENUINE: trust_problem() says why; UKEY_MEMORY: nothing is known. Nothing of `out` is set then.
 */
enum ukey_status trust_check(const struct trust_roots *r, enum trust_kind kind, struct bytes chain, const char *serial,
	struct trust_leaf *out);

/* Of the last call in this thread that failed: in English, for the log and for who asks why. */
const char *trust_problem(void);

#endif
