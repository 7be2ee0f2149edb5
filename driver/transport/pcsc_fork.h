/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libpcsclite has a lock for all its contexts, and no thought of fork: a child that was made while another thread held
 * it could never speak to pcscd. So every call of it goes through here, and who is about to fork waits for the right
 * moment.
 */
#ifndef UKEY_DRIVER_PCSC_FORK_H
#define UKEY_DRIVER_PCSC_FORK_H

#include <stdbool.h>

enum pcsc_call {
	PCSC_BRIEF, /* may hold the lock at any moment, and soon returns */
	PCSC_LONG,  /* waits for a card or for events; holds the lock at its beginning only */
};

/* From now on forks wait. Called before the first call; false: no memory. */
bool pcsc_watch_fork(void);

void pcsc_call_in(enum pcsc_call kind);
long pcsc_call_out(enum pcsc_call kind, long rv);
/* A call, with its value. */
#define PCSC(kind, call) (pcsc_call_in(kind), pcsc_call_out((kind), (call)))

#endif
