/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an enrolment that was broken off needs to go on: a small file per token in $XDG_STATE_HOME/openukey, without
 * secrets. Written atomically with mode 0600, removed when the certificate is on the token.
 */
#ifndef UKEY_TOOLS_ENROLL_STATE_H
#define UKEY_TOOLS_ENROLL_STATE_H

#include "tools/tool.h"

#define ENROLL_ID_SIZE 20

struct enroll_state {
	char serial[17];
	char url[512];
	char profile[64]; /* "" when none */
	char algorithm[16];
	enum ukey_pair pair;
	bool renew;
	ukey_key_ref ref;
	char ca_sha256[65]; /* of the CA certificate that a person accepted; "" when --ca was given */
	char *certificate;  /* PEM, once the CA gave it; malloc'd, NULL before */
};

/* False, and an empty state, when there is none or it can't be read: it is a convenience, not a need. */
bool enroll_state_load(const char *serial, struct enroll_state *out);
enum ukey_status enroll_state_save(struct tool *t, const struct enroll_state *state);
void enroll_state_remove(const char *serial);
void enroll_state_clear(struct enroll_state *state);

/* Is the kept enrolment the one that is asked for again? `wanted` has "" as algorithm when none was named. */
bool enroll_state_same(const struct enroll_state *kept, const struct enroll_state *wanted);

/*
 * The CKA_ID that marks a key as made for this enrolment, until it has its certificate: the same command finds it again
 * even without the file.
 */
bool enroll_id(const struct enroll_state *state, uint8_t id[ENROLL_ID_SIZE]);

#endif
