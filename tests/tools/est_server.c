/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An EST server that says what a test wants: each request is answered with the whole of the file DIR/OPERATION.http
 * (status line, headers, body), 404 when there is none. One connection, one request at a time; the requests are listed
 * in DIR/log.
 *
 *	est_server CERT.pem KEY.pem DIR		the port goes to DIR/port
 */
#include "config.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/ssl.h>

static char request[200000];

/* Head and, by its Content-Length, body. */
static int read_request(SSL *ssl)
{
	size_t len = 0, wanted = 0;

	while (len + 1 < sizeof(request)) {
		char *end, *length;
		int n = SSL_read(ssl, request + len, (int)(sizeof(request) - 1 - len));
		if (n <= 0)
			return 0;
		len += (size_t)n;
		request[len] = '\0';
		end = strstr(request, "\r\n\r\n");
		if (end == NULL)
			continue;
		length = strcasestr(request, "\r\nContent-Length:");
		wanted = (size_t)(end - request) + 4 +
			 (length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0);
		if (len >= wanted)
			return 1;
	}
	return 0;
}

static void answer(SSL *ssl, const char *folder)
{
	static const char missing[] = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
	static char data[1 << 20];
	char path[1024], operation[64] = "";
	const char *slash, *space = strchr(request, ' ');
	size_t len;
	FILE *f;

	space = space != NULL ? strchr(space + 1, ' ') : NULL;
	for (slash = space; slash != NULL && slash > request && slash[-1] != '/'; slash--)
		;
	if (slash != NULL)
		snprintf(operation, sizeof(operation), "%.*s", (int)(space - slash), slash);
	snprintf(path, sizeof(path), "%s/log", folder);
	f = fopen(path, "a");
	if (f != NULL) {
		fprintf(f, "%s\n", operation);
		fclose(f);
	}
	snprintf(path, sizeof(path), "%s/%s.http", folder, operation);
	f = fopen(path, "r");
	len = f != NULL ? fread(data, 1, sizeof(data), f) : 0;
	if (f != NULL)
		fclose(f);
	if (f != NULL)
		SSL_write(ssl, data, (int)len);
	else
		SSL_write(ssl, missing, sizeof(missing) - 1);
}

static int listen_on_loopback(const char *folder)
{
	struct sockaddr_in at = {.sin_family = AF_INET};
	socklen_t size = sizeof(at);
	char path[1024];
	FILE *f;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 4) != 0 ||
		getsockname(fd, (struct sockaddr *)&at, &size) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/port", folder);
	f = fopen(path, "w");
	if (f == NULL)
		return -1;
	fprintf(f, "%u\n", ntohs(at.sin_port));
	fclose(f);
	return fd;
}

int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	int fd;

	if (argc != 4 || SSL_CTX_use_certificate_chain_file(ctx, argv[1]) != 1 ||
		SSL_CTX_use_PrivateKey_file(ctx, argv[2], SSL_FILETYPE_PEM) != 1)
		return 2;
	fd = listen_on_loopback(argv[3]);
	if (fd < 0)
		return 1;
	for (;;) {
		int peer = accept(fd, NULL, NULL);
		SSL *ssl = peer >= 0 ? SSL_new(ctx) : NULL;
		if (ssl == NULL)
			continue;
		SSL_set_fd(ssl, peer);
		if (SSL_accept(ssl) == 1 && read_request(ssl)) {
			answer(ssl, argv[3]);
			SSL_shutdown(ssl);
		}
		SSL_free(ssl);
		close(peer);
	}
}
