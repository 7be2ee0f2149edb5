/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token inside libukey.
 *
 * Locks. There are two kinds, struct ukey's and each token's. Neither is held while a card works, and no thread ever
 * holds two of them (so there is no order to keep). Who works with a card owns the token, from token_begin() to
 * token_end(), in turns with the others (turn.h). What the owner alone touches is marked; the rest is read and written
 * under the lock.
 *
 *	token_begin(t)	  the token is here, ours alone, and has a link (1 command when it was idle)
 *	t->port ... 	  card operations; a reset by another program is mended inside
 *	token_end(t)
 */
#ifndef UKEY_DRIVER_TOKEN_H
#define UKEY_DRIVER_TOKEN_H

#include "driver/card/card.h"
#include "driver/link.h"
#include "driver/turn.h"
#include "driver/ukey.h"

#include <pthread.h>
#include <stdatomic.h>

struct cached_certificate;
struct channel;
struct directory_change;

/* Who answered, and what. */
struct answer {
	const struct card_ops *card;
	struct card_info info;
	struct card_memory memory;
};

/* Of a card that tells nothing: how far its directory is to be believed (fresh.c). All under the token's lock. */
struct freshness {
	bool named; /* info.identity is what card_info.identity says */
	uint8_t identity[32];
	bool doubted;    /* it was out of our sight since the last look */
	bool doubtful;   /* it was read with something in it that made no sense */
	bool asked_file; /* what another process left was tried */
	bool turn_saved; /* the next process goes on where this one is */
	uint64_t looked; /* when a look last showed nothing new; 0: never */
	unsigned turn;   /* whose it is at the next look */
	int soonest;     /* the key whose certificate is about to end, or has: every other turn is its; -1: none */
	bool soonest_next;
	uint32_t certain; /* containers that were looked at since it came */
};

struct ukey_token {
	/* Never changes. */
	struct ukey *ukey; /* counted: the memory stays as long as its tokens */
	char serial[17];
	const struct card_ops *card;
	atomic_uint references;
	/* Under none. */
	atomic_uint_fast64_t commands;

	/* The owner's alone. */
	struct link *link; /* NULL: idle */
	struct card_port port;
	struct card_memory memory; /* the port's */
	bool uncertain;            /* the card may be logged in though we cannot tell: reset it on closing */
	struct channel *channel;
	bool channel_wanted; /* nothing goes in clear: without a channel the next command opens one first */
	bool proved;         /* this serial number proved a device key to this process */
	uint8_t *chain;      /* device certificates as they were last found good; NULL: not known */
	size_t chain_len;

	/* The refreshing thread's alone: the refresh that saw it last. */
	unsigned long seen;
	/* Under struct ukey's lock: it was here at the last refresh. */
	bool listed;

	/* Under the lock. */
	pthread_mutex_t lock;
	struct turn turn;                   /* its owner */
	struct link *incoming;              /* a new link that the next owner takes over, */
	struct card_memory incoming_memory; /* with what was said on it */
	struct ukey_token_info info;
	uint64_t events; /* of its reader, when it came */
	size_t max_command, max_answer;
	const struct ukey_directory *directory; /* NULL: never read */
	bool stale;                             /* the directory is not what the token has now */
	bool told;                              /* info.digest is: nothing was written since it came */
	struct freshness fresh;
	struct cached_certificate *certificates;
	size_t certificates_size;
	uint8_t *attestation_chain; /* NULL: not read yet */
	size_t attestation_chain_len;
};

enum ukey_status token_new(struct ukey *u, const struct answer *a, const char *reader, struct ukey_token **out);
void token_gone(struct ukey_token *t);

/*
 * A link on which SELECT was just answered: the token is here (again), in a reader as it was `seen`. Takes the link
 * over.
 */
void token_adopt(struct ukey_token *t, struct link *l, const struct answer *a, const struct transport_reader *seen);

/* It was last reached through its USB device, which this process has given back. */
bool token_rests_on_usb(struct ukey_token *t);

/* UKEY_OK, or why nothing can be done with the token: then it is not owned. */
enum ukey_status token_begin(struct ukey_token *t);
/* ukey_protect's inside, for the owner: before everything that carries a PIN. */
enum ukey_status token_protect(struct ukey_token *t);
/* Both. */
enum ukey_status token_begin_protected(struct ukey_token *t);
/* token_outcome and token_end. */
enum ukey_status token_finish(struct ukey_token *t, enum ukey_status s);
void token_end(struct ukey_token *t);
/* Waits for the owner, and owns the token whatever its state. For closing. */
void token_seize(struct ukey_token *t);
/* The same, unless somebody else has it. */
bool token_try_seize(struct ukey_token *t);
/* The owner: log out if logged in, close the link. `remove`: the token counts as gone. */
void token_release(struct ukey_token *t, bool remove);

/* Somebody (or exactly this role) is logged in; else the status that says so. */
enum ukey_status token_require(struct ukey_token *t, enum ukey_role role);
enum ukey_status token_require_any(struct ukey_token *t);

/*
 * The token is owned, and whoever is logged in may change keys and certificates: the user, and where `so_too` the SO.
 * On a card whose writer is a manager with a key of his own (card_ops.authorize), that one; or the user of a card that
 * keeps that key behind his PIN. UKEY_MANAGEMENT_KEY_NEEDED. To be ended with token_finish_writing(); until then nobody
 * else's command reaches such a card.
 */
enum ukey_status token_begin_writing(struct ukey_token *t, bool so_too);
enum ukey_status token_finish_writing(struct ukey_token *t, enum ukey_status s);

/* ---- what answers told; the owner calls these ---- */

/* The public data has this generation now; `ours`: our own command made it so. */
void token_generation(struct ukey_token *t, uint32_t generation, bool ours);
/* A command of ours changed public data, and this is what it did. */
void token_wrote(struct ukey_token *t, uint32_t generation, const struct directory_change *change);
void token_set_info(struct ukey_token *t, const struct card_info *info);
void token_set_role(struct ukey_token *t, enum ukey_role role);
/* After a status: a lost log-in is forgotten. Returns the status. */
enum ukey_status token_outcome(struct ukey_token *t, enum ukey_status s);

/* ---- below the channel: for protect.c ---- */

/*
 * The owner: nobody else's command, of this or another program, between these two. A reset that came before is mended,
 * as for every command.
 */
enum ukey_status token_hold(struct ukey_token *t);
void token_let_go(struct ukey_token *t);
/* The owner, before a PIN goes out: the port's memory has the notes of the directory that is known. */
void token_recall(struct ukey_token *t);

/* card_port.send on the link itself, `ctx` the token. It recovers from nothing. */
enum ukey_status token_send_bare(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw);
void token_count_commands(struct ukey_token *t);
/*
 * What token_send_bare leaves to its caller. After UKEY_TOKEN_RESET: UKEY_OK when everything is as it was, and what was
 * not sent may be; still UKEY_TOKEN_RESET when a log-in was lost. After any failure: what it leaves behind; returns it.
 */
enum ukey_status token_recover(struct ukey_token *t);
/*
 * The card is reset and selected again, if no other program is connected to it: all logical channels are free then.
 * UKEY_TOKEN_BUSY: nothing was done.
 */
enum ukey_status token_reset_alone(struct ukey_token *t);
enum ukey_status token_failed(struct ukey_token *t, enum ukey_status s);

/* ---- directory and certificates (cache.c) ---- */

/* The owner: read it unless it is known. */
enum ukey_status token_directory(struct ukey_token *t, const struct ukey_directory **out);
/* Any thread: a reference when it is known and the token is here, else NULL. */
const struct ukey_directory *token_known_directory(struct ukey_token *t);
/* The owner: the same, from the files too. */
const struct ukey_directory *token_kept_directory(struct ukey_token *t);
/* The owner: read it from the token. */
enum ukey_status token_read_directory(struct ukey_token *t, const struct ukey_directory **out);
/* This process uses the cache's files. */
bool token_uses_files(struct ukey_token *t);
/* The directory turned out to be another one than we know. */
void token_stale(struct ukey_token *t);
void token_stale_locked(struct ukey_token *t);
bool token_is_stale(struct ukey_token *t);
/* Any thread: a copy of the certificate with this digest. UKEY_NOT_FOUND: not kept. */
enum ukey_status token_cached(struct ukey_token *t, const uint8_t sha256[32], uint8_t **der, size_t *len);
void token_keep(struct ukey_token *t, const uint8_t sha256[32], struct bytes der);
void token_forget_certificates(struct ukey_token *t);
/* ---- cards that tell nothing (fresh.c) ---- */

/* Under the lock: SELECT was answered; and, `came`, after a time in which anything may have been written. */
void fresh_selected_locked(struct ukey_token *t, const struct card_info *info);
void fresh_came_locked(struct ukey_token *t);
/* Under the lock: the directory needs no look now. Of a card that tells what it has that is always so. */
bool fresh_believed_locked(const struct ukey_token *t);
/* The owner: as it is on the card now, as far as a look shows. */
enum ukey_status fresh_directory(struct ukey_token *t, const struct ukey_directory **out);
/* The owner: it was just read. */
void fresh_read(struct ukey_token *t, const struct ukey_directory *d);
/* The owner: what another process has left, unless that was tried before; NULL. */
const struct ukey_directory *fresh_from_file(struct ukey_token *t);
/* It was not as the card is: what is kept of it is of no use to the next process either. */
void fresh_disproved(struct ukey_token *t);
/* A PIN was right: no look for a while. */
void fresh_verified(struct ukey_token *t);
/*
 * The owner, before a use of this key whose result nobody can check: *d (a reference) is the directory with the key as
 * it is now. UKEY_KEY_CHANGED: there is another one.
 */
enum ukey_status fresh_confirm_key(struct ukey_token *t, ukey_key_ref ref, const struct ukey_directory **d);

/* Made anew: what was kept of it for other processes is of no more use. */
void token_forget_files(struct ukey_token *t);

#endif
