/* SPDX-License-Identifier: Apache-2.0 */
/* Secret keys for the tests that use some: bytes from hex, and an object with those bytes. */
#ifndef UKEY_TESTS_SECRET_BENCH_H
#define UKEY_TESTS_SECRET_BENCH_H

#include "tests/wire/p11_bench.h"

struct hex {
	CK_BYTE data[256];
	CK_ULONG len;
};

static inline struct hex hex(const char *text)
{
	struct hex h = {.len = strlen(text) / 2};

	assert_true(h.len <= sizeof(h.data));
	for (CK_ULONG i = 0; i < h.len; i++) {
		unsigned v = 0;

		assert_int_equal(sscanf(text + 2 * i, "%2x", &v), 1);
		h.data[i] = (CK_BYTE)v;
	}
	return h;
}

static inline void is_hex(const CK_BYTE *got, CK_ULONG len, const char *want)
{
	struct hex h = hex(want);

	assert_int_equal(len, h.len);
	assert_memory_equal(got, h.data, h.len);
}

/* A session object whose value may be read; `more`: what differs from the defaults. */
static inline CK_OBJECT_HANDLE secret_key(
	CK_SESSION_HANDLE s, CK_KEY_TYPE type, const char *value, const CK_ATTRIBUTE *more, CK_ULONG more_count)
{
	CK_OBJECT_CLASS class = CKO_SECRET_KEY;
	CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
	struct hex h = hex(value);
	CK_ATTRIBUTE list[16] = {
		{CKA_CLASS,       &class, sizeof(class)},
		{CKA_KEY_TYPE,    &type,  sizeof(type) },
		{CKA_VALUE,       h.data, h.len        },
		{CKA_SENSITIVE,   &no,    1            },
		{CKA_EXTRACTABLE, &yes,   1            },
	};
	CK_OBJECT_HANDLE o = 0;

	for (CK_ULONG i = 0; i < more_count; i++)
		list[5 + i] = more[i];
	ok(f->C_CreateObject(s, list, 5 + more_count, &o));
	return o;
}

#endif
