/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The four functions that a compiler may call by itself even in a freestanding build (GCC manual, 2.1). Only for links
 * without a C library; where there is one, its own are used and this file is not.
 */
#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int v, size_t n);
int memcmp(const void *a, const void *b, size_t n);

/* Or the loops below would be recognised, and become calls of themselves. */
#pragma GCC optimize("no-tree-loop-distribute-patterns")

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	for (size_t i = 0; i < n; i++)
		t[i] = f[i];
	return to;
}

void *memmove(void *to, const void *from, size_t n)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (t < f) {
		for (size_t i = 0; i < n; i++)
			t[i] = f[i];
	} else {
		for (size_t i = n; i > 0; i--)
			t[i - 1] = f[i - 1];
	}
	return to;
}

void *memset(void *to, int v, size_t n)
{
	unsigned char *t = to;

	for (size_t i = 0; i < n; i++)
		t[i] = (unsigned char)v;
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const unsigned char *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] - y[i];
	return 0;
}
