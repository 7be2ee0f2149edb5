/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PKCS#11 module on tokens in the test's own process. Return values are compared by name-like numbers with the
 * line they were asked for; `f` is the newest table.
 */
#ifndef UKEY_TESTS_P11_BENCH_H
#define UKEY_TESTS_P11_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/crypto.h"
#include "pkcs11/pkcs11.h"
#include "tests/wire/loop_transport.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SO_PIN       "87654321"
#define USER_PIN     "123456"
#define PIN(text)    (CK_UTF8CHAR_PTR)(text), sizeof(text) - 1

extern CK_FUNCTION_LIST_3_2_PTR f;
extern struct loop *loop;
extern struct ramtoken *chip[2];

void bench_rv(CK_RV got, CK_RV want, const char *file, int line);
#define is(got, want) bench_rv((got), (want), __FILE__, __LINE__)
#define ok(got)       bench_rv((got), CKR_OK, __FILE__, __LINE__)

/* Two readers, a blank token in the first; not initialised. */
int bench_setup(void **state);
int bench_teardown(void **state);
/* The same, C_Initialize done, the token operational with both PINs, no session. */
int bench_setup_operational(void **state);

/* A session on slot 0: flags are CKF_RW_SESSION or 0; user: CKU_* or -1. */
CK_SESSION_HANDLE bench_session(CK_FLAGS flags, int user);
unsigned long bench_apdus(void);

void bench_generate(CK_SESSION_HANDLE s, CK_MECHANISM_TYPE m, CK_ULONG size, CK_ULONG uses, CK_BYTE id,
	CK_OBJECT_HANDLE *pub, CK_OBJECT_HANDLE *prv);
#define USE_SIGN    1u
#define USE_DECRYPT 2u
#define USE_DERIVE  4u
#define USE_ALWAYS  8u

CK_OBJECT_HANDLE bench_find(CK_SESSION_HANDLE s, CK_OBJECT_CLASS class, CK_BYTE id);
CK_ULONG bench_count(CK_SESSION_HANDLE s, CK_ATTRIBUTE *list, CK_ULONG n);
/* One attribute; returns its length, CK_UNAVAILABLE_INFORMATION when it can't be had. */
CK_ULONG bench_get(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG room);
CK_BBOOL bench_bool(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type);
/* A certificate for a public key object, DER; free(). */
uint8_t *bench_certificate(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE pub, long serial, size_t *len);

#endif
