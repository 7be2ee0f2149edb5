/* SPDX-License-Identifier: Apache-2.0 */
/* struct ukey inside libukey. */
#ifndef UKEY_DRIVER_CONTEXT_H
#define UKEY_DRIVER_CONTEXT_H

#include "driver/settings.h"
#include "driver/token.h"
#include "driver/transport/transport.h"

struct reader {
	struct transport_reader seen;
	enum ukey_reader_state state;
	bool looked; /* state says who is in it; false: ask (again) */
	bool ignored;
	bool twin;                /* the USB device of a token that was found in another reader */
	struct ukey_token *token; /* borrowed from struct ukey's list */
};

struct ukey {
	/* Never changes. */
	const struct transport_ops *ops;
	struct transport *transport;
	struct settings settings;

	atomic_uint references; /* the opener's and each token's */
	atomic_bool forked;

	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool refreshing;
	bool refreshed;           /* there was a refresh, and nothing has shown since that it is void */
	enum ukey_status outcome; /* of its enumerate */
	unsigned long refreshes;
	unsigned waits;
	struct reader *readers;
	size_t reader_count;
	struct ukey_token **tokens; /* all that were ever seen, in that order; a reference each */
	size_t token_count;
};

struct ukey *context_ref(struct ukey *u);
void context_unref(struct ukey *u);
/* The service went away under a token: the next wait returns at once, the next refresh asks everybody. */
void context_lost(struct ukey *u);

#endif
