/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/http.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <gnutls/gnutls.h>
#include <microhttpd.h>
#include <openssl/err.h>

#include "ra/est.h"
#include "ra/patience.h"

/* Our own headers' worst case and a certificate chain fit; the request bodies are kept outside of it. */
#define CONNECTION_MEMORY  (32 * 1024)
#define CONNECTIONS        256U
#define CONNECTIONS_PER_IP 64U
#define IDLE_SECONDS       20U
#define REQUEST_SECONDS    60U
/* A body above the limit is read to its end and thrown away, so that the client sees the answer instead of a reset
 * connection; but not endlessly. */
#define DISCARD_MAX (1024 * 1024)
#define STOP_STEPS  20 /* of 100 ms */

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

struct ra_http {
	struct MHD_Daemon *daemon;
	struct ra *ra;
	struct patience *patience;
};

/* One request while it is being received. */
struct exchange {
	struct est_route route;
	enum ra_status refused; /* RA_OK as long as nothing is wrong */
	uint8_t *body;
	struct builder received;
	size_t discarded;
};

static int64_t now_seconds(void)
{
	return (int64_t)time(NULL);
}

/* time, peer, what was asked, outcome: never a header's or a body's content. */
static void log_line(struct MHD_Connection *connection, const struct exchange *x, const struct est_answer *answer)
{
	static const char *const names[] = {"cacerts", "csrattrs", "simpleenroll", "simplereenroll"};
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	char peer[INET6_ADDRSTRLEN] = "-", when[32] = "-";
	time_t now = time(NULL);
	struct tm date;
	bool routed = x->refused != RA_NO_RESOURCE && x->refused != RA_METHOD;

	if (gmtime_r(&now, &date) != NULL)
		strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &date);
	if (info != NULL && info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((struct sockaddr_in *)info->client_addr)->sin_addr, peer, sizeof peer);
	else if (info != NULL && info->client_addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((struct sockaddr_in6 *)info->client_addr)->sin6_addr, peer, sizeof peer);
	fprintf(stderr, "%s %s %s %u %s%s%s%s%s\n", when, peer, routed ? names[x->route.operation] : "-", answer->http,
		ra_status_name(answer->status), answer->serial[0] != '\0' ? " serial " : "", answer->serial,
		answer->http >= 500 && ra_detail()[0] != '\0' ? ": " : "", answer->http >= 500 ? ra_detail() : "");
}

static const char *header(struct MHD_Connection *connection, const char *name)
{
	return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static enum MHD_Result send_answer(
	struct MHD_Connection *connection, const char *url, const struct exchange *x, struct est_answer *answer)
{
	struct MHD_Response *response;
	enum MHD_Result result;

	log_line(connection, x, answer);
	response = MHD_create_response_from_buffer(
		answer->body == NULL ? 0 : answer->body_len, answer->body, MHD_RESPMEM_MUST_FREE);
	if (response == NULL) {
		free(answer->body);
		return MHD_NO;
	}
	if (answer->content_type != NULL)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	/* RFC 7030 leaves 4xx open: our client tells a bad code from a refused request by the name */
	MHD_add_response_header(response, "OpenUKey-Status", ra_status_name(answer->status));
	if (answer->http == MHD_HTTP_UNAUTHORIZED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE,
			"Basic realm=\"enrolment code\", charset=\"UTF-8\"");
	if (answer->http == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, est_allowed(url));
	if (answer->http == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
	result = MHD_queue_response(connection, answer->http, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, const char *url, const struct exchange *x)
{
	struct est_answer answer;

	ra_detail_clear();
	est_refuse(x->refused, &answer);
	return send_answer(connection, url, x, &answer);
}

/* The TLS client's certificate; its key was proved in the handshake. Whether we trust it is decided in enroll.c. */
static X509 *client_certificate(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	const gnutls_datum_t *peers;
	unsigned count = 0;
	X509 *cert = NULL;

	if (info == NULL || gnutls_certificate_type_get(info->tls_session) != GNUTLS_CRT_X509)
		return NULL;
	peers = gnutls_certificate_get_peers(info->tls_session, &count);
	if (peers != NULL && count > 0) {
		const unsigned char *at = peers[0].data;
		cert = d2i_X509(NULL, &at, (long)peers[0].size);
		ERR_clear_error();
	}
	return cert;
}

static enum MHD_Result answer(
	struct ra_http *http, struct MHD_Connection *connection, const char *url, const struct exchange *x)
{
	struct est_answer reply;
	struct est_request request = {
		.route = x->route,
		.authorization = header(connection, MHD_HTTP_HEADER_AUTHORIZATION),
		.content_type = header(connection, MHD_HTTP_HEADER_CONTENT_TYPE),
		.body = builder_bytes(&x->received),
		.client = x->route.operation == EST_SIMPLEREENROLL ? client_certificate(connection) : NULL,
		.now = now_seconds(),
	};

	if (x->refused != RA_OK)
		return refuse(connection, url, x);
	est_answer(http->ra, &request, &reply);
	X509_free(request.client);
	return send_answer(connection, url, x, &reply);
}

static struct exchange *start_exchange(const char *method, const char *url)
{
	struct exchange *x = calloc(1, sizeof *x);

	if (x == NULL)
		return NULL;
	/* HEAD is a GET whose body libmicrohttpd leaves out. */
	x->refused =
		est_route(strcmp(method, MHD_HTTP_METHOD_HEAD) == 0 ? MHD_HTTP_METHOD_GET : method, url, &x->route);
	if (x->refused == RA_OK && est_takes_body(&x->route)) {
		x->body = malloc(RA_BODY_MAX);
		if (x->body == NULL)
			x->refused = RA_MEMORY;
		else
			x->received = builder_of(x->body, RA_BODY_MAX);
	}
	return x;
}

/* False: the connection is not worth keeping. */
static bool receive(struct exchange *x, const char *data, size_t size)
{
	if (x->refused == RA_OK && x->body != NULL) {
		builder_put(&x->received, BYTES((const uint8_t *)data, size));
		if (!x->received.failed)
			return true;
	}
	if (x->refused == RA_OK)
		x->refused = RA_TOO_LARGE;
	x->discarded += size;
	return x->discarded <= DISCARD_MAX;
}

static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *data, size_t *size, void **state)
{
	struct exchange *x = *state;

	(void)version;
	if (x == NULL) {
		*state = start_exchange(method, url);
		return *state != NULL ? MHD_YES : MHD_NO;
	}
	if (*size > 0) {
		bool keep = receive(x, data, *size);
		*size = 0;
		return keep ? MHD_YES : MHD_NO;
	}
	return answer(self, connection, url, x);
}

static struct patience_entry *watched(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

static void on_connection(
	void *self, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
	struct ra_http *http = self;

	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
			MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
		*context = info != NULL ? patience_came(http->patience, info->connect_fd) : NULL;
	} else {
		patience_gone(http->patience, *context);
		*context = NULL;
	}
}

static void on_completed(
	void *self, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode why)
{
	struct exchange *x = *state;

	(void)why;
	patience_renew(((struct ra_http *)self)->patience, watched(connection));
	if (x != NULL)
		free(x->body);
	free(x);
	*state = NULL;
}

enum ra_status ra_http_start(struct ra *ra, const struct ra_http_config *config, struct ra_http **out)
{
	struct ra_http *http = calloc(1, sizeof *http);
	unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_TLS | MHD_USE_ITC;

	if (http == NULL)
		return RA_MEMORY;
	http->ra = ra;
	http->patience = patience_new(config->patience != 0 ? config->patience : REQUEST_SECONDS);
	if (http->patience == NULL) {
		free(http);
		return RA_MEMORY;
	}
	if (config->address->sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	http->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, http, MHD_OPTION_SOCK_ADDR, config->address,
		MHD_OPTION_HTTPS_MEM_KEY, config->tls_key, MHD_OPTION_HTTPS_MEM_CERT, config->tls_cert,
		MHD_OPTION_HTTPS_MEM_TRUST, config->client_ca, MHD_OPTION_HTTPS_PRIORITIES, TLS_PRIORITIES,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
		MHD_OPTION_PER_IP_CONNECTION_LIMIT, CONNECTIONS_PER_IP, MHD_OPTION_CONNECTION_TIMEOUT, IDLE_SECONDS,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
		MHD_OPTION_END);
	if (http->daemon == NULL) {
		patience_free(http->patience);
		free(http);
		return RA_LISTEN;
	}
	*out = http;
	return RA_OK;
}

uint16_t ra_http_port(const struct ra_http *http)
{
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info == NULL ? 0 : info->port;
}

void ra_http_tick(struct ra_http *http)
{
	patience_end(http->patience);
}

void ra_http_stop(struct ra_http *http)
{
	if (http == NULL)
		return;
	/* The listening socket is ours again after this, and libmicrohttpd does not close it. */
	MHD_socket listening = MHD_quiesce_daemon(http->daemon);
	for (int i = 0; i < STOP_STEPS; i++) {
		const union MHD_DaemonInfo *info =
			MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
		if (info == NULL || info->num_connections == 0)
			break;
		nanosleep(&(struct timespec){.tv_nsec = 100 * 1000 * 1000}, NULL);
	}
	MHD_stop_daemon(http->daemon);
	if (listening != MHD_INVALID_SOCKET)
		close(listening);
	patience_free(http->patience);
	free(http);
}
