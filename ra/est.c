/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/est.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/asn1t.h>
#include <openssl/err.h>
#include <openssl/pkcs7.h>

#include "ra/base64.h"
#include "ra/certbuild.h"

#define PREFIX          "/.well-known/est/"
#define PASSWORD_MAX    128
#define CERTS_ONLY      "application/pkcs7-mime; smime-type=certs-only"
#define CSRATTRS        "application/csrattrs"
#define PLAIN           "text/plain; charset=utf-8"
#define PKCS10          "application/pkcs10"
#define BASIC           "Basic "
#define HTTP_NO_CONTENT 204

static const struct {
	const char *name;
	const char *method;
} operations[] = {
	[EST_CACERTS] = {"cacerts",        "GET" },
	[EST_CSRATTRS] = {"csrattrs",       "GET" },
	[EST_SIMPLEENROLL] = {"simpleenroll",   "POST"},
	[EST_SIMPLEREENROLL] = {"simplereenroll", "POST"},
};

static bool split_path(const char *path, struct est_route *out)
{
	if (strncmp(path, PREFIX, strlen(PREFIX)) != 0)
		return false;
	path += strlen(PREFIX);
	const char *slash = strchr(path, '/');
	size_t label = slash == NULL ? 0 : (size_t)(slash - path);
	if (label >= sizeof out->label || (slash != NULL && label == 0))
		return false;
	memcpy(out->label, path, label);
	out->label[label] = '\0';
	const char *name = slash == NULL ? path : slash + 1;
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
		if (strcmp(name, operations[i].name) == 0) {
			out->operation = (enum est_operation)i;
			return true;
		}
	}
	return false;
}

enum ra_status est_route(const char *method, const char *path, struct est_route *out)
{
	if (!split_path(path, out))
		return RA_NO_RESOURCE;
	return strcmp(method, operations[out->operation].method) == 0 ? RA_OK : RA_METHOD;
}

const char *est_allowed(const char *path)
{
	struct est_route route;

	return split_path(path, &route) ? operations[route.operation].method : "";
}

bool est_takes_body(const struct est_route *route)
{
	return route->operation == EST_SIMPLEENROLL || route->operation == EST_SIMPLEREENROLL;
}

void est_refuse(enum ra_status status, struct est_answer *out)
{
	const char *text = ra_status_text(status);
	size_t len = strlen(text);

	*out = (struct est_answer){.status = status, .http = ra_status_http(status), .content_type = PLAIN};
	out->body = malloc(len + 2);
	if (out->body == NULL)
		return;
	memcpy(out->body, text, len);
	out->body[len] = '\n';
	out->body_len = len + 1;
}

static enum ra_status answer_der(const char *content_type, struct bytes der, struct est_answer *out)
{
	size_t cap = BASE64_ENCODED_MAX(der.len);
	uint8_t *text = malloc(cap);

	if (text == NULL)
		return RA_MEMORY;
	struct builder b = builder_of(text, cap);
	if (!base64_encode(der, &b)) {
		free(text);
		return RA_MEMORY;
	}
	*out = (struct est_answer){.status = RA_OK,
		.http = ra_status_http(RA_OK),
		.content_type = content_type,
		.body = text,
		.body_len = b.len};
	return RA_OK;
}

/* A CMS SignedData that only carries certificates (RFC 5272 4.1): here exactly one. */
static enum ra_status answer_certificate(X509 *cert, struct est_answer *out)
{
	PKCS7 *message = PKCS7_new();
	unsigned char *der = NULL;
	int len = -1;
	enum ra_status status;

	if (message != NULL && PKCS7_set_type(message, NID_pkcs7_signed) == 1 &&
		PKCS7_add_certificate(message, cert) == 1) {
		message->d.sign->contents->type = OBJ_nid2obj(NID_pkcs7_data);
		len = i2d_PKCS7(message, &der);
	}
	status = len > 0 ? answer_der(CERTS_ONLY, BYTES(der, (size_t)len), out) : ra_fail_crypto("certs-only");
	OPENSSL_free(der);
	PKCS7_free(message);
	return status;
}

/* ---- csrattrs (RFC 7030 4.5.2, RFC 8951 3.3): SEQUENCE OF (OID or attribute) ---- */

/* Attribute { type, SET { value } }: id-ecPublicKey with the curve, or rsaEncryption with the size. */
static X509_ATTRIBUTE *key_attribute(const struct ra_key *key)
{
	X509_ATTRIBUTE *attribute = NULL;

	if (key->type == RA_KEY_EC) {
		attribute = X509_ATTRIBUTE_new();
		if (attribute != NULL &&
			(X509_ATTRIBUTE_set1_object(attribute, OBJ_nid2obj(NID_X9_62_id_ecPublicKey)) != 1 ||
				X509_ATTRIBUTE_set1_data(attribute, V_ASN1_OBJECT, OBJ_nid2obj(key->curve_nid), -1) !=
					1)) {
			X509_ATTRIBUTE_free(attribute);
			attribute = NULL;
		}
	} else {
		ASN1_INTEGER *bits = ASN1_INTEGER_new();
		if (bits != NULL && ASN1_INTEGER_set(bits, key->bits) == 1)
			attribute = X509_ATTRIBUTE_create(NID_rsaEncryption, V_ASN1_INTEGER, bits);
		if (attribute == NULL)
			ASN1_INTEGER_free(bits);
	}
	return attribute;
}

/* The profile's preferred key is its first; a client that has another of the allowed ones may still use it. */
static enum ra_status answer_csrattrs(struct ra *ra, const char *label, struct est_answer *out)
{
	const struct ra_profile *profile = ra_profile_find(ra->profiles, label);
	X509_ATTRIBUTE *attribute = NULL;
	unsigned char *inner = NULL, *der = NULL, *at;
	int inner_len, len;
	enum ra_status status = RA_OK;

	if (*label == '\0') { /* which profile it will be, only the code knows */
		*out = (struct est_answer){.status = RA_OK, .http = HTTP_NO_CONTENT};
		return RA_OK;
	}
	if (profile == NULL)
		return RA_PROFILE_UNKNOWN;
	attribute = key_attribute(&profile->keys[0]);
	inner_len = attribute == NULL ? -1 : i2d_X509_ATTRIBUTE(attribute, &inner);
	len = inner_len < 0 ? -1 : ASN1_object_size(1, inner_len, V_ASN1_SEQUENCE);
	der = at = len < 0 ? NULL : malloc((size_t)len);
	if (der == NULL) {
		status = ra_fail_crypto("csrattrs");
	} else {
		ASN1_put_object(&at, 1, inner_len, V_ASN1_SEQUENCE, V_ASN1_UNIVERSAL);
		memcpy(at, inner, (size_t)inner_len);
		status = answer_der(CSRATTRS, BYTES(der, (size_t)len), out);
	}
	free(der);
	OPENSSL_free(inner);
	X509_ATTRIBUTE_free(attribute);
	return status;
}

/* ---- enrolment ---- */

/* "application/pkcs10", perhaps with parameters. */
static bool is_pkcs10(const char *content_type)
{
	size_t n = strlen(PKCS10);

	return content_type != NULL && strncasecmp(content_type, PKCS10, n) == 0 &&
	       (content_type[n] == '\0' || content_type[n] == ';' || content_type[n] == ' ');
}

/* The password of "Basic base64(user:password)"; the user's name does not matter. Points into `room`. */
static bool basic_password(const char *authorization, uint8_t room[PASSWORD_MAX], struct bytes *out)
{
	struct builder b = builder_of(room, PASSWORD_MAX);

	if (authorization == NULL || strncasecmp(authorization, BASIC, strlen(BASIC)) != 0)
		return false;
	const char *text = authorization + strlen(BASIC);
	if (!base64_decode(BYTES((const uint8_t *)text, strlen(text)), &b))
		return false;
	struct cursor c = cursor_of(builder_bytes(&b));
	while (c.left > 0 && cursor_u8(&c) != ':')
		;
	*out = cursor_rest(&c);
	return out->len > 0;
}

static enum ra_status enroll(struct ra *ra, const struct est_request *request, const char *label, X509 **cert)
{
	uint8_t room[PASSWORD_MAX];
	struct bytes password = BYTES_NONE;
	enum ra_status status = RA_CODE_MISSING;

	if (basic_password(request->authorization, room, &password))
		status = ra_enroll(ra, label, password, request->body, request->now, cert);
	bytes_wipe(room, sizeof room);
	return status;
}

static enum ra_status answer_enroll(struct ra *ra, const struct est_request *request, struct est_answer *out)
{
	const char *label = request->route.label[0] == '\0' ? NULL : request->route.label;
	X509 *cert = NULL;
	enum ra_status status = RA_MEDIA_TYPE;

	if (is_pkcs10(request->content_type)) {
		if (request->route.operation == EST_SIMPLEENROLL)
			status = enroll(ra, request, label, &cert);
		else
			status = ra_reenroll(ra, label, request->client, request->body, request->now, &cert);
	}
	if (status == RA_OK)
		status = answer_certificate(cert, out);
	if (status == RA_OK) {
		char *serial = ra_cert_serial(cert);
		snprintf(out->serial, sizeof out->serial, "%s", serial == NULL ? "?" : serial);
		OPENSSL_free(serial);
	}
	X509_free(cert);
	return status;
}

void est_answer(struct ra *ra, const struct est_request *request, struct est_answer *out)
{
	enum ra_status status = RA_NO_RESOURCE;

	ra_detail_clear();
	*out = (struct est_answer){0};
	switch (request->route.operation) {
	case EST_CACERTS:
		status = answer_certificate(ra->backend.ops->issuer(ra->backend.self), out);
		break;
	case EST_CSRATTRS:
		status = answer_csrattrs(ra, request->route.label, out);
		break;
	case EST_SIMPLEENROLL:
	case EST_SIMPLEREENROLL:
		status = answer_enroll(ra, request, out);
		break;
	}
	if (status != RA_OK)
		est_refuse(status, out);
}
