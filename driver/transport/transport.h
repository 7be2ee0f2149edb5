/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How tokens are reached: one struct of functions for each way. All outcomes are those of ukey.h; the ones named here
 * are the only ones that the rest of libukey expects.
 *
 *	create --> enumerate --> open --> transceive ... --> close        (destroy at the end)
 *	           wait, cancel           UKEY_TOKEN_RESET: reopen
 *
 * A connection is used by one thread at a time. Connections do not disturb each other: while a card works for minutes,
 * every other connection, enumerate and wait go on.
 */
#ifndef UKEY_DRIVER_TRANSPORT_H
#define UKEY_DRIVER_TRANSPORT_H

#include "common/bytes.h"
#include "driver/ukey.h"

#define READER_NAME_MAX 128 /* with the closing zero */
#define ATR_MAX         33  /* ISO 7816-3 8.2.1 */

struct transport;
struct connection;

struct transport_reader {
	char name[READER_NAME_MAX];
	uint64_t events; /* another number after each card in, card out, and restart of the service */
	bool present;
	bool mute;       /* a card that does not answer to power */
	bool exclusive;  /* some program holds it for itself; a USB device: it may not be opened */
	bool usb;        /* a USB device that is reached without a service */
	char serial[17]; /* of the USB device, as it says, or "" */
	uint8_t atr[ATR_MAX];
	size_t atr_len; /* 0: not known */
};

struct transport_ops {
	/* No I/O. `arg` is what transport_use() was given. */
	enum ukey_status (*create)(void *arg, struct transport **out);
	/* All connections are closed and no wait runs. */
	void (*destroy)(struct transport *t);
	/* In the child of a fork: nothing may be sent any more; memory is given up. */
	void (*forked)(struct transport *t);

	/*
	 * All readers; *list is malloc'd. One thread at a time. UKEY_NO_SERVICE, UKEY_NO_PERMISSION,
	 * UKEY_COMMUNICATION, UKEY_MEMORY. After a failure the next call begins anew.
	 */
	enum ukey_status (*enumerate)(struct transport *t, struct transport_reader **list, size_t *count);

	/*
	 * Until the readers differ from `known` (the outcome and the list of an enumerate): UKEY_OK. UKEY_TIMEOUT,
	 * UKEY_CANCELLED, UKEY_MEMORY. Many threads may wait. cancel ends all waits that run now, and returns when they
	 * have ended.
	 */
	enum ukey_status (*wait)(struct transport *t, enum ukey_status outcome, const struct transport_reader *known,
		size_t count, int milliseconds);
	void (*cancel)(struct transport *t);

	/*
	 * UKEY_TOKEN_REMOVED: no card, or no such reader. UKEY_TOKEN_BUSY: somebody else's. UKEY_COMMUNICATION: mute.
	 * UKEY_NO_SERVICE, UKEY_NO_PERMISSION, UKEY_MEMORY. Of a USB device: UKEY_NOT_SUPPORTED, UKEY_TOKEN_PROTOCOL
	 * when it cannot be driven as a token.
	 */
	enum ukey_status (*open)(struct transport *t, const char *reader, struct connection **out);
	/* After UKEY_TOKEN_RESET: be connected again. */
	enum ukey_status (*reopen)(struct connection *c);
	/*
	 * Reset the card if nobody else is connected to it. UKEY_TOKEN_BUSY: somebody is, and all is as it was; any
	 * other failure is one of open's, and the connection is good for nothing but close. NULL: not on this way.
	 */
	enum ukey_status (*reset_alone)(struct connection *c);
	/* Leaves the card as it is, or resets it (which ends every log-in). Never fails. */
	void (*close)(struct connection *c, bool reset);
	/* Most data bytes of one APDU: 0 when unknown, below 257 when there are no extended lengths. */
	size_t (*max_apdu)(struct connection *c);
	/* Nobody else's command comes in between begin and end. */
	enum ukey_status (*begin)(struct connection *c);
	void (*end)(struct connection *c);
	/*
	 * One APDU. UKEY_TOKEN_RESET: another program reset the card; nothing was sent. UKEY_TOKEN_REMOVED;
	 * UKEY_NO_SERVICE; UKEY_COMMUNICATION: none of these, and unknown whether the card got it. An answer that does
	 * not fit fails the builder.
	 */
	enum ukey_status (*transceive)(struct connection *c, struct bytes command, struct builder *answer);

	/* As ukey_reader_holder. NULL: that cannot be seen on this way. */
	bool (*holder)(struct transport *t, const char *reader, struct ukey_holder *out);
};

extern const struct transport_ops transport_pcsc;
/* PC/SC, and USB behind one set of functions: what of USB can be had without pcscd. */
extern const struct transport_ops transport_roads;

/*
 * For tests: what the following ukey_open()s of this process use instead. NULL: the usual again. Not exported from the
 * shared library.
 */
void transport_use(const struct transport_ops *ops, void *arg);
/* The usual is PC/SC; with `usb`, where libusb was there when this was built, both roads. */
const struct transport_ops *transport_chosen(bool usb, void **arg);

#endif
