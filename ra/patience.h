/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a connection may keep us waiting for a whole request, its handshake and headers included. The idle time-out
 * of the HTTPS library never ends for a client that sends a byte now and then, and no callback sees a request before
 * its headers are complete.
 *
 * Connections come and go in the server's thread, patience_end is called by another.
 */
#ifndef RA_PATIENCE_H
#define RA_PATIENCE_H

struct patience;

/* NULL: no memory. Free when no connection is left. */
struct patience *patience_new(unsigned seconds);
void patience_free(struct patience *p);

struct patience_entry;

/* A connection is there, by its socket (borrowed until patience_gone); NULL: no memory, it is not watched. */
struct patience_entry *patience_came(struct patience *p, int socket);
/* It owes us the next request from now on. */
void patience_renew(struct patience *p, struct patience_entry *entry);
/* Before its socket is closed. NULL is allowed. */
void patience_gone(struct patience *p, struct patience_entry *entry);

/* Shuts down the sockets of those that took too long; the server sees them end. */
void patience_end(struct patience *p);

#endif
