/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS by libmicrohttpd and GnuTLS: TLS 1.2 or 1.3, a client certificate asked for but not required. One thread
 * serves all connections, and with it uses `struct ra`: leave that alone between start and stop.
 */
#ifndef RA_HTTP_H
#define RA_HTTP_H

#include <sys/socket.h>

#include "ra/enroll.h"

struct ra_http;

struct ra_http_config {
	const struct sockaddr *address;
	const char *tls_key, *tls_cert; /* PEM */
	const char *client_ca;          /* PEM: named to clients that choose a certificate */
	unsigned patience;              /* seconds until a request must be there; 0: 60 */
};

/* LISTEN when the address cannot be had. Block the signals that end the program before: the server's thread inherits.
 */
enum ra_status ra_http_start(struct ra *ra, const struct ra_http_config *config, struct ra_http **out);
/* What it listens on, also when port 0 was asked for. */
uint16_t ra_http_port(const struct ra_http *http);
/* To be called every second or so: ends connections whose request is not there in time. */
void ra_http_tick(struct ra_http *http);
/* No new connections; those that are open get a moment to finish. */
void ra_http_stop(struct ra_http *http);

#endif
