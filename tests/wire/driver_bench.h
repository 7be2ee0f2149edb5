/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bench for libukey: two readers, a token or two, and what every test does with them. Statuses are compared by name,
 * so that a failing test says "TOKEN_REMOVED", not 16.
 */
#ifndef UKEY_TESTS_DRIVER_BENCH_H
#define UKEY_TESTS_DRIVER_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/crypto.h"
#include "tests/wire/loop_transport.h"
#include "tests/wire/trusted.h"

#define SO_PIN    "87654321"
#define USER_PIN  "123456"
#define PIN(text) (const uint8_t *)(text), sizeof(text) - 1

struct bench {
	struct loop *loop;
	struct ramtoken *chip[2];
	struct ukey *u;
	struct ukey_token *t; /* of chip[0], after bench_refresh() */
};

/* Loop with two readers, a blank token in the first, ukey_open(); no refresh yet. The second chip is made, not put in.
 */
int bench_setup(void **state);
int bench_teardown(void **state);
/* The same, refreshed, initialised with SO_PIN and USER_PIN and the label "Bench", nobody logged in. */
int bench_setup_operational(void **state);

/* ukey_refresh(), and t is the first chip's token. */
void bench_refresh(struct bench *b);
void bench_initialize(struct ukey_token *t);
void bench_login(struct bench *b, enum ukey_role role);
ukey_key_ref bench_generate(struct bench *b, int ref, enum ukey_algorithm a, unsigned usage);

void bench_status(enum ukey_status got, enum ukey_status want, const char *file, int line);
#define is(got, want) bench_status((got), (want), __FILE__, __LINE__)
#define ok(got)       bench_status((got), UKEY_OK, __FILE__, __LINE__)

struct ukey_token_info bench_info(struct bench *b);

/* A certificate for this key by some CA, DER; free(). `filler` bytes make it longer. */
uint8_t *bench_certificate(struct bytes spki, size_t filler, size_t *len);
/* For the token's key. */
uint8_t *bench_certificate_for(struct bench *b, ukey_key_ref ref, size_t filler, size_t *len);
/* The same, written to the key. */
void bench_certify(struct bench *b, ukey_key_ref ref, size_t filler);
/* The public key of a key on the token, for checking; *d must be unreferenced after. */
struct crypto_pubkey bench_public(struct bench *b, ukey_key_ref ref, const struct ukey_directory **d);

/* What may happen to anybody while tokens are pulled and reset and other threads log in and out. */
bool bench_may_happen(enum ukey_status s);

#endif
