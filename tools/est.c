/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/est.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tools/ui.h"

#define CONNECT_SECONDS 15L
#define TOTAL_SECONDS   90L

struct est {
	struct tool *tool;
	CURL *curl;
	char address[600];
	STACK_OF(X509) * anchors;
	const char *user;
	const struct pin *code;
	X509 *client_cert;
	EVP_PKEY *client_key;
	long retry_after;
	/* of the request that runs */
	uint8_t *body;
	size_t body_len;
	bool too_large;
	char status_header[40];
	char error[CURL_ERROR_SIZE];
};

enum ukey_status est_open(struct tool *t, const char *url, const char *label, struct est **out)
{
	struct est *e = calloc(1, sizeof(*e));

	if (e == NULL)
		return UKEY_MEMORY;
	e->tool = t;
	if (!est_address(url, label, e->address, sizeof(e->address))) {
		free(e);
		tool_fail(t, UKEY_USAGE, _("\"%s\" with the profile \"%s\" is not the address of an EST server"), url,
			label != NULL ? label : "");
		tool_hint(t, _("give it as https://host or https://host:port"));
		return UKEY_USAGE;
	}
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || (e->curl = curl_easy_init()) == NULL) {
		free(e);
		return UKEY_MEMORY;
	}
	*out = e;
	return UKEY_OK;
}

void est_close(struct est *e)
{
	if (e == NULL)
		return;
	curl_easy_cleanup(e->curl);
	free(e->body);
	free(e);
}

void est_trust(struct est *e, STACK_OF(X509) * anchors)
{
	e->anchors = anchors;
}

void est_code(struct est *e, const char *user, const struct pin *code)
{
	e->user = user;
	e->code = code;
}

void est_client(struct est *e, X509 *cert, EVP_PKEY *key)
{
	e->client_cert = cert;
	e->client_key = key;
}

long est_retry_after(const struct est *e)
{
	return e->retry_after;
}

/* ---- libcurl's callbacks ---- */

static size_t on_body(char *data, size_t one, size_t len, void *arg)
{
	struct est *e = arg;
	uint8_t *more;

	(void)one;
	if (len > EST_ANSWER_MAX - e->body_len) {
		e->too_large = true;
		return 0;
	}
	more = realloc(e->body, e->body_len + len + 1);
	if (more == NULL)
		return 0;
	e->body = more;
	memcpy(e->body + e->body_len, data, len);
	e->body_len += len;
	e->body[e->body_len] = 0;
	return len;
}

static size_t on_header(char *data, size_t one, size_t len, void *arg)
{
	static const char name[] = "OpenUKey-Status:";
	struct est *e = arg;
	size_t at = sizeof(name) - 1, n = 0;

	(void)one;
	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && data[at] == ' ')
		at++;
	while (at < len && n + 1 < sizeof(e->status_header) &&
		((data[at] >= 'A' && data[at] <= 'Z') || data[at] == '_'))
		e->status_header[n++] = data[at++];
	e->status_header[n] = '\0';
	return len;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	(void)arg;
	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return tool_cancelled();
}

/* Our own anchors instead of the system's, and the token's key: neither can be given to libcurl as a file. */
static CURLcode on_ssl(CURL *curl, void *context, void *arg)
{
	struct est *e = arg;
	SSL_CTX *ctx = context;
	X509_STORE *store;

	(void)curl;
	if (e->anchors != NULL) {
		store = X509_STORE_new();
		if (store == NULL)
			return CURLE_OUT_OF_MEMORY;
		for (int i = 0; i < sk_X509_num(e->anchors); i++)
			X509_STORE_add_cert(store, sk_X509_value(e->anchors, i));
		X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
		SSL_CTX_set_cert_store(ctx, store);
	}
	if (e->client_key != NULL &&
		(SSL_CTX_use_certificate(ctx, e->client_cert) != 1 || SSL_CTX_use_PrivateKey(ctx, e->client_key) != 1))
		return CURLE_SSL_CERTPROBLEM;
	return CURLE_OK;
}

/* ---- one request ---- */

static void set_common(struct est *e, const char *url)
{
	CURL *c = e->curl;
	bool verify = e->anchors != NULL;

	curl_easy_reset(c);
	curl_easy_setopt(c, CURLOPT_URL, url);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "https");
#else
	curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
	curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
	curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_FUNCTION, on_ssl);
	curl_easy_setopt(c, CURLOPT_SSL_CTX_DATA, e);
	curl_easy_setopt(c, CURLOPT_SSL_SESSIONID_CACHE, 0L);
	/* a connection that was made before the server was trusted must not serve afterwards */
	curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L);
	curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_SECONDS);
	curl_easy_setopt(c, CURLOPT_TIMEOUT, TOTAL_SECONDS);
	curl_easy_setopt(c, CURLOPT_ERRORBUFFER, e->error);
	curl_easy_setopt(c, CURLOPT_USERAGENT, "ukey/" PACKAGE_VERSION);
	curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(c, CURLOPT_WRITEDATA, e);
	curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(c, CURLOPT_HEADERDATA, e);
	curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_progress);
}

static enum ukey_status network_failure(struct est *e, CURLcode code)
{
	const char *text = e->error[0] != '\0' ? e->error : curl_easy_strerror(code);
	enum ukey_status s;

	ERR_clear_error();
	switch (code) {
	case CURLE_ABORTED_BY_CALLBACK:
		return UKEY_CANCELLED;
	case CURLE_OUT_OF_MEMORY:
		return UKEY_MEMORY;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
	case CURLE_SSL_CACERT_BADFILE:
		s = UKEY_CA_IDENTITY;
		break;
	case CURLE_WRITE_ERROR:
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_HTTP2:
	case CURLE_BAD_CONTENT_ENCODING:
		s = UKEY_CA_PROTOCOL;
		break;
	case CURLE_SSL_CERTPROBLEM:
		s = UKEY_CA_REFUSED;
		break;
	default:
		s = UKEY_CA_UNREACHABLE;
		break;
	}
	return tool_fail(e->tool, s, "%s: %s", e->address, e->too_large ? _("the answer is too large") : text);
}

/* The server's own words, first line only; they are cleaned when they are shown. */
static void first_line(const struct est *e, char *out, size_t cap)
{
	size_t n = e->body != NULL ? strcspn((const char *)e->body, "\r\n") : 0;

	n = n < cap ? n : cap - 1;
	memcpy(out, e->body != NULL ? (const char *)e->body : "", n);
	out[n] = '\0';
}

static enum ukey_status http_failure(struct est *e, long http)
{
	char *type = NULL;
	char text[240] = "";
	enum ukey_status s;

	curl_easy_getinfo(e->curl, CURLINFO_CONTENT_TYPE, &type);
	if (type != NULL && strncasecmp(type, "text/plain", 10) == 0)
		first_line(e, text, sizeof(text));
	s = est_http_outcome(http, e->code != NULL, e->status_header, text);
	if (s == UKEY_CA_PENDING) {
		curl_off_t after = 0;
		curl_easy_getinfo(e->curl, CURLINFO_RETRY_AFTER, &after);
		e->retry_after = after < 1 ? 5 : after > 86400 ? 86400 : (long)after;
		return tool_fail(e->tool, s, NULL);
	}
	if (text[0] != '\0')
		tool_fail(e->tool, s, _("it says: %s"), text);
	else
		tool_fail(e->tool, s, _("HTTP status %ld from %s"), http, e->address);
	if (s == UKEY_CA_UNREACHABLE)
		tool_hint(e->tool, _("the server has a problem of its own; run the same command again later"));
	return s;
}

static enum ukey_status perform(struct est *e)
{
	CURLcode code;
	long http = 0;

	free(e->body);
	e->body = NULL;
	e->body_len = 0;
	e->too_large = false;
	e->status_header[0] = '\0';
	e->error[0] = '\0';
	code = curl_easy_perform(e->curl);
	if (code != CURLE_OK)
		return network_failure(e, code);
	curl_easy_getinfo(e->curl, CURLINFO_RESPONSE_CODE, &http);
	return http == 200 ? UKEY_OK : http_failure(e, http);
}

/* 200 with certificates, and nothing else. */
static enum ukey_status take_certs(struct est *e, STACK_OF(X509) * *list)
{
	char *type = NULL;
	uint8_t *der = malloc(e->body_len + 1);
	struct builder b = builder_of(der, der != NULL ? e->body_len : 0);
	enum ukey_status s = UKEY_OK;

	curl_easy_getinfo(e->curl, CURLINFO_CONTENT_TYPE, &type);
	if (der == NULL)
		return UKEY_MEMORY;
	if (type == NULL || strncasecmp(type, "application/pkcs7-mime", 22) != 0)
		s = tool_fail(e->tool, UKEY_CA_PROTOCOL, _("the answer's type is \"%s\""), type != NULL ? type : "");
	else if (!est_base64_decode(BYTES(e->body, e->body_len), &b))
		s = tool_fail(e->tool, UKEY_CA_PROTOCOL, _("the answer is not base64"));
	else if ((*list = est_parse_certs(builder_bytes(&b))) == NULL)
		s = tool_fail(e->tool, UKEY_CA_PROTOCOL, _("the answer holds no list of certificates"));
	free(der);
	return s;
}

enum ukey_status est_cacerts(struct est *e, STACK_OF(X509) * *list)
{
	char url[640];
	enum ukey_status s;

	snprintf(url, sizeof(url), "%s/cacerts", e->address);
	set_common(e, url);
	s = perform(e);
	return s == UKEY_OK ? take_certs(e, list) : s;
}

enum ukey_status est_enroll(struct est *e, bool renew, struct bytes request, STACK_OF(X509) * *list)
{
	char url[640];
	char *body = est_base64_encode(request);
	struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/pkcs10");
	enum ukey_status s = UKEY_MEMORY;

	snprintf(url, sizeof(url), "%s/%s", e->address, renew ? "simplereenroll" : "simpleenroll");
	if (headers != NULL) {
		struct curl_slist *more = curl_slist_append(headers, "Content-Transfer-Encoding: base64");
		headers = more != NULL ? more : headers;
	}
	if (body != NULL && headers != NULL && e->anchors != NULL) {
		set_common(e, url);
		curl_easy_setopt(e->curl, CURLOPT_POSTFIELDS, body);
		curl_easy_setopt(e->curl, CURLOPT_POSTFIELDSIZE, (long)strlen(body));
		curl_easy_setopt(e->curl, CURLOPT_HTTPHEADER, headers);
		if (e->code != NULL) {
			curl_easy_setopt(e->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
			curl_easy_setopt(e->curl, CURLOPT_USERNAME, e->user);
			curl_easy_setopt(e->curl, CURLOPT_PASSWORD, (const char *)e->code->data);
		}
		s = perform(e);
	}
	if (s == UKEY_OK)
		s = take_certs(e, list);
	curl_slist_free_all(headers);
	free(body);
	return s;
}
