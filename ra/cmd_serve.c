/* SPDX-License-Identifier: Apache-2.0 */
/* ukey-ra serve: EST over HTTPS until SIGTERM or SIGINT. */
#include "config.h"

#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "ra/cadir.h"
#include "ra/certbuild.h"
#include "ra/cli.h"
#include "ra/file.h"
#include "ra/http.h"
#include "ra/keyfile.h"

#define DEFAULT_LISTEN "127.0.0.1:8443"
#define WARN_SECONDS   (30 * 24 * 3600)

/* "127.0.0.1:8443", "[::1]:8443", "localhost:0". The caller frees with freeaddrinfo(). */
static enum ra_status parse_listen(const char *text, char host[256], struct addrinfo **out)
{
	const char *colon = strrchr(text, ':');
	size_t n = colon == NULL ? 0 : (size_t)(colon - text);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	int error;

	if (n == 0 || n >= 256) {
		ra_fail(RA_USAGE, _("\"%s\" is no address such as 127.0.0.1:8443"), text);
		return RA_USAGE;
	}
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	memcpy(host, text, n);
	host[n] = '\0';
	error = getaddrinfo(host, colon + 1, &hints, out);
	if (error == 0 && *out != NULL)
		return RA_OK;
	ra_fail(RA_USAGE, "%s: %s", host, gai_strerror(error));
	return RA_USAGE;
}

static enum ra_status write_port_file(const char *path, uint16_t port)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%u\n", port);

	return ra_file_replace(path, BYTES((const uint8_t *)text, (size_t)n));
}

/* A server whose own certificate ends soon works until one morning it does not. */
static void warn_of_end(const char *dir, const char *name)
{
	X509 *cert = NULL;
	int64_t end = 0;
	char when[32];

	if (ra_cadir_certificate(dir, name, &cert) == RA_OK && ra_cert_time(X509_get0_notAfter(cert), &end) &&
		end < cli_now() + WARN_SECONDS) {
		cli_time(end, when);
		fprintf(stderr, _("ukey-ra: warning: %s/%s is good only until %s\n"), dir, name, when);
	}
	X509_free(cert);
}

static void announce(const char *host, uint16_t port)
{
	bool v6 = strchr(host, ':') != NULL;

	/* Programs wait for this line; it is the same in every language. */
	printf("listening on https://%s%s%s:%u/.well-known/est\n", v6 ? "[" : "", host, v6 ? "]" : "", port);
	fflush(stdout);
}

static enum ra_status serve(
	const struct cli *cli, struct ra *ra, const struct addrinfo *address, const char *host, unsigned patience)
{
	struct ra_http_config config = {.address = address->ai_addr, .patience = patience};
	char *key = NULL, *cert = NULL, *ca = NULL;
	struct ra_http *http = NULL;
	sigset_t ends;
	enum ra_status status = ra_cadir_read(cli->dir, "tls.key", &key);

	if (status == RA_OK)
		status = ra_cadir_read(cli->dir, "tls.crt", &cert);
	if (status == RA_OK)
		status = ra_cadir_read(cli->dir, "ca.crt", &ca);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (status == RA_OK) {
		config.tls_key = key;
		config.tls_cert = cert;
		config.client_ca = ca;
		status = ra_http_start(ra, &config, &http);
	}
	if (status == RA_OK && cli->port_file != NULL)
		status = write_port_file(cli->port_file, ra_http_port(http));
	if (status == RA_OK) {
		announce(host, ra_http_port(http));
		while (sigtimedwait(&ends, NULL, &(struct timespec){.tv_sec = 1}) <
			0) /* EAGAIN: another second is over */
			ra_http_tick(http);
	}
	ra_http_stop(http);
	ra_pem_free(key);
	ra_pem_free(cert);
	ra_pem_free(ca);
	return status;
}

enum ra_status cmd_serve(const struct cli *cli)
{
	struct ra ra = {0};
	struct addrinfo *address = NULL;
	char *passphrase = NULL, host[256];
	int64_t patience = 0;
	enum ra_status status = parse_listen(cli->listen != NULL ? cli->listen : DEFAULT_LISTEN, host, &address);

	if (status == RA_OK && cli->patience != NULL)
		status = cli_duration(cli->patience, &patience);
	secmem_disable_core(); /* the CA's key will be in memory */
	setvbuf(stderr, NULL, _IOLBF, 0);
	if (status == RA_OK)
		status = cli_passphrase(cli, false, &passphrase);
	if (status == RA_OK)
		status = ra_cadir_open(cli->dir, passphrase, &ra);
	secmem_free(passphrase);
	if (status == RA_OK) {
		warn_of_end(cli->dir, "ca.crt");
		warn_of_end(cli->dir, "tls.crt");
		status = serve(cli, &ra, address, host, (unsigned)patience);
	}
	ra_cadir_close(&ra);
	if (address != NULL)
		freeaddrinfo(address);
	return status;
}
