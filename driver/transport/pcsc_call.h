/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What libpcsclite 1.9.9 does not expect of a process.
 *
 * Forks. It has a lock for all its contexts: a child that was made while another thread held it could never speak to
 * pcscd. So every call of it goes through here, and who is about to fork waits for the right moment.
 *
 * Threads that come while others are there. It looks for a card in the lists of all contexts, oldest first, under that
 * lock; SCardConnect and SCardDisconnect change the list of their own context without it. A list that has never held
 * anything is the dangerous one: its first element is in it before the element's own end is set. No thread gets as far
 * as that list unless its card is in a context younger than the list's. So a context is made for one card alone, right
 * before SCardConnect; nobody makes another in between; and a card is left by giving up its context. A list that has
 * held a card before uses its element again, whose end is right.
 */
#ifndef UKEY_DRIVER_PCSC_CALL_H
#define UKEY_DRIVER_PCSC_CALL_H

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

/*
 * Around making a context and its SCardConnect. Others wait, but not for ever: pcscd may let SCardConnect wait for
 * another program's transaction, and no card shall wait for another one's owner.
 */
void pcsc_arrive(void);
void pcsc_arrived(void);

#endif
