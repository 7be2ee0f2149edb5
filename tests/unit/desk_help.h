/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A desk in a folder of its own, with a clock that stands where the test puts it, a master key in memory, people with
 * software keys, and a token that follows doc/token-protocol.md section 5.
 */
#ifndef UKEY_TESTS_UNIT_DESK_HELP_H
#define UKEY_TESTS_UNIT_DESK_HELP_H

#include <openssl/evp.h>

#include "common/unlock.h"
#include "desk/desk.h"
#include "desk/private.h"
#include "tests/unit/test.h"

#define SERIAL "0102030405060708"

enum who { OLGA, OTTO, ANNA, ARNO, AUDE, PEOPLE }; /* two operators, two approvers, an auditor */

struct bench {
	char dir[64];
	struct desk *desk;
	int64_t now;
	struct {
		EVP_PKEY *key;
		uint8_t *der;
		size_t len;
	} staff[PEOPLE];
};

struct soft_token {
	struct unlock_challenge challenge;
	unsigned tries;
	bool unlocked;
};

/* Setup and teardown of a test: *state is the bench, with everybody registered. */
int bench_new(void **state);
int bench_end(void **state);
/* Another handle on the same desk; desk_close() it. */
struct desk *bench_open(struct bench *b);
/* Logs in; asserts. */
struct desk_person bench_login(struct bench *b, enum who who);
struct desk_signer bench_signer(struct bench *b, enum who who);
const char *bench_name(enum who who);
/* A desk's file: dir/name. */
void bench_path(const struct bench *b, const char *name, char out[128]);
void bench_master(struct desk_master *out);

void bench_register(struct bench *b, const char *serial);
/* A request up to a state: "requested", "identified" or "approved", by Olga and Anna. */
int64_t bench_request(struct bench *b, const char *serial, const char *until);
json_t *bench_evidence(void);
void bench_state(struct bench *b, int64_t id, char out[16]);

struct soft_token token_new(const char *serial);
void token_challenge(struct soft_token *t, char out[CODE_TEXT_SIZE]);
/* True: accepted, and the proof. */
bool token_answer(struct soft_token *t, const char *answer, char proof[CODE_TEXT_SIZE]);

#endif
