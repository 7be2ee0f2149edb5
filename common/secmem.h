/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for secrets: locked (never swapped), left out of core dumps, zeroed when given back.
 *
 * Whole pages are used for each piece, so that locking and unlocking never touches a neighbour: for PINs, keys and
 * commands, not for bulk. A few pages that were given back are kept, wiped and locked, for the next. When the limit of
 * locked memory is reached the memory is used unlocked: a user with a small limit can still log in. Any thread may
 * allocate and free.
 */
#ifndef UKEY_COMMON_SECMEM_H
#define UKEY_COMMON_SECMEM_H

#include "common/bytes.h"

/* Zeroed and aligned for every type; at least one byte. NULL when there is no memory. secmem_free() gives it back. */
void *secmem_alloc(size_t n);
/* Wipes it all. NULL is allowed. */
void secmem_free(void *p);

/* Copies in secure memory; NULL when there is no memory (or text is NULL). */
char *secmem_strdup(const char *text);
uint8_t *secmem_dup(struct bytes b);

/* For programs (not libraries): no core file of this process, no debugger of the same user. False when refused. */
bool secmem_disable_core(void);

#endif
