/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from a server: parsed strictly, without a network (est.h). */
#include "config.h"

#include "tools/est.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/evp.h>

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool est_base64_decode(struct bytes text, struct builder *out)
{
	struct cursor c = cursor_of(text);
	uint32_t group = 0;
	unsigned digits = 0, padding = 0;

	while (c.left > 0) {
		uint8_t ch = cursor_u8(&c);
		int value = base64_value(ch);
		if (ch == ' ' || ch == '\t' || ch == '\r' || ch == '\n')
			continue;
		if (ch == '=') {
			/* only as the third and fourth, or the fourth, of the last group */
			if (digits + padding < 2 || ++padding + digits > 4)
				return false;
			continue;
		}
		if (value < 0 || padding > 0)
			return false;
		group = group << 6 | (uint32_t)value;
		if (++digits == 4) {
			builder_u8(out, (uint8_t)(group >> 16));
			builder_u16(out, (uint16_t)group);
			group = 0;
			digits = 0;
		}
	}
	if (padding > 0) {
		if (digits + padding != 4 || (padding == 1 ? (group & 0x3) : (group & 0xF)) != 0)
			return false;
		if (padding == 1)
			builder_u16(out, (uint16_t)(group >> 2));
		else
			builder_u8(out, (uint8_t)(group >> 4));
		digits = 0;
	}
	return digits == 0 && !out->failed;
}

char *est_base64_encode(struct bytes in)
{
	char *out = in.len <= EST_ANSWER_MAX ? malloc((in.len + 2) / 3 * 4 + 1) : NULL;

	if (out != NULL)
		EVP_EncodeBlock((unsigned char *)out, in.data, (int)in.len);
	return out;
}

STACK_OF(X509) * est_parse_certs(struct bytes der)
{
	const unsigned char *at = der.data;
	CMS_ContentInfo *cms = der.len <= EST_ANSWER_MAX ? d2i_CMS_ContentInfo(NULL, &at, (long)der.len) : NULL;
	STACK_OF(X509) *list = NULL;
	STACK_OF(CMS_SignerInfo) * signers;

	if (cms != NULL && at == der.data + der.len && OBJ_obj2nid(CMS_get0_type(cms)) == NID_pkcs7_signed) {
		signers = CMS_get0_SignerInfos(cms);
		if (signers == NULL || sk_CMS_SignerInfo_num(signers) == 0)
			list = CMS_get1_certs(cms);
	}
	if (list != NULL && (sk_X509_num(list) < 1 || sk_X509_num(list) > EST_CERTS_MAX)) {
		sk_X509_pop_free(list, X509_free);
		list = NULL;
	}
	CMS_ContentInfo_free(cms);
	ERR_clear_error();
	return list;
}

/*
 * 401 and 403 are both used for codes (RFC 7030 3.2.3 leaves it open). Our RA names its outcome in a header; of others
 * only the text can tell whether the code or the request was refused.
 */
enum ukey_status est_http_outcome(long http, bool with_code, const char *status_header, const char *text)
{
	if (http == 200)
		return UKEY_OK;
	if (http == 202)
		return UKEY_CA_PENDING;
	if (with_code && strncmp(status_header, "CODE_", 5) == 0)
		return UKEY_CA_CODE;
	if (with_code && http == 401)
		return UKEY_CA_CODE;
	if (with_code && http == 403 && status_header[0] == '\0' && strcasestr(text, "code") != NULL)
		return UKEY_CA_CODE;
	if (http == 404 || http == 405 || http == 501 || (http >= 300 && http < 400) || (http > 200 && http < 300))
		return UKEY_CA_PROTOCOL;
	if (http >= 400 && http < 500)
		return UKEY_CA_REFUSED;
	return http >= 500 && http < 600 ? UKEY_CA_UNREACHABLE : UKEY_CA_PROTOCOL;
}

#define WELL_KNOWN "/.well-known/est"

bool est_address(const char *url, const char *label, char *out, size_t cap)
{
	size_t len = strlen(url);
	const char *host, *slash;
	int n;

	if (strncasecmp(url, "https://", 8) != 0)
		return false;
	host = url + 8;
	while (len > 0 && url[len - 1] == '/')
		len--;
	slash = strchr(host, '/');
	if (slash != NULL && slash < url + len) {
		/* the only path that may be there is the one we would add */
		if (len - (size_t)(slash - url) != strlen(WELL_KNOWN) ||
			memcmp(slash, WELL_KNOWN, strlen(WELL_KNOWN)) != 0)
			return false;
		len = (size_t)(slash - url);
	}
	/* no user, password, query or blanks: the address is kept in a file and shown */
	if (url + len == host || strcspn(host, "@?# \t\r\n\\") < (size_t)(url + len - host))
		return false;
	if (label != NULL &&
		(label[0] == '\0' || label[strspn(label, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
							 "0123456789-._")] != '\0'))
		return false;
	n = snprintf(out, cap, "%.*s" WELL_KNOWN "%s%s", (int)len, url, label != NULL ? "/" : "",
		label != NULL ? label : "");
	return n > 0 && (size_t)n < cap;
}
