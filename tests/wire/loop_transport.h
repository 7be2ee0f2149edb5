/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers in the test's own process, with ramtokens in them: libukey's transport without PC/SC.
 *
 *	struct loop *l = loop_new(2);			// from here on ukey_open() uses these two readers
 *	loop_plug(l, 0, ramtoken_new(NULL));		// "Loop 00", now with a card
 *	ukey_open(&u); ukey_refresh(u); ...
 *	loop_unplug(l, 0); loop_reset(l, 0);		// as a person, as another program
 *	l->readers[0].unplug_at = 3;			// pulled at the third APDU from now
 *	ukey_close(u); loop_free(l);			// the ramtokens are the test's to free
 *
 * All calls may come from any thread. The fields marked "test" are set while nothing runs.
 * Link: libloop.la, libukeycore.la, $(ramtoken_ldadd).
 */
#ifndef UKEY_TESTS_LOOP_TRANSPORT_H
#define UKEY_TESTS_LOOP_TRANSPORT_H

#include "driver/ukey.h"
#include "tests/wire/ramtoken.h"

#include <pthread.h>

#define LOOP_READERS 6

/* What happens at the APDU at which the card is pulled. */
enum loop_pull {
	LOOP_BEFORE, /* it never arrives */
	LOOP_AFTER,  /* it is carried out, but its answer never arrives */
};

struct loop_reader {
	pthread_mutex_t working; /* held while the card works */

	/* Under struct loop's lock. */
	bool there;             /* the reader itself */
	struct ramtoken *token; /* NULL: nothing in it, or a foreign card */
	bool present;
	uint32_t events, resets;
	unsigned connections;

	/* test: faults and habits */
	bool foreign;                 /* the card answers 6A82 to everything */
	bool mute;                    /* the card does not answer to power */
	bool exclusive;               /* another program holds it */
	bool short_only;              /* extended APDUs fail as a reader without them does */
	size_t max_apdu;              /* what the reader says of itself; 0: nothing */
	unsigned unplug_at, reset_at; /* at the n-th APDU from now (1: the next); 0: never */
	unsigned busy_at;             /* the same: another program's transaction keeps it from being sent */
	enum loop_pull pull;
	unsigned delay_ms; /* that each APDU takes */
	/* Sees each command before the card does, and may change it. NULL: nobody. */
	void (*alter)(void *arg, struct builder *command);
	/* Sees each answer before libukey does, and may change it. NULL: nobody. Both get falsify_arg. */
	void (*falsify)(void *arg, struct bytes command, struct builder *answer);
	void *falsify_arg;

	/* test: counted */
	unsigned long apdus, opens, closes, closing_resets, begins;
};

struct loop {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct loop_reader readers[LOOP_READERS];
	enum ukey_status service; /* test: UKEY_OK, or why there is none */
	uint32_t epoch;
	unsigned waiting;
	unsigned cancels;
};

/* `readers` of them, empty; ukey_open() uses them until loop_free(). Aborts when memory is short. */
struct loop *loop_new(unsigned readers);
void loop_free(struct loop *l);

/* Put a card in: it gets power. NULL: a foreign one. */
void loop_plug(struct loop *l, unsigned reader, struct ramtoken *t);
void loop_unplug(struct loop *l, unsigned reader);
/* Another program resets the card. */
void loop_reset(struct loop *l, unsigned reader);
void loop_reader_there(struct loop *l, unsigned reader, bool there);
/* The service stops (every connection breaks), or is back. */
void loop_service(struct loop *l, enum ukey_status status);

#endif
