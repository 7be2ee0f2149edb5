/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/token_session.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/hex.h"
#include "tools/names.h"
#include "tools/ui.h"

/* ---- the signer: the token itself ---- */

/* A key with PIN policy "always" wants it again, each time. */
static enum ukey_status again(struct token_key_handle *h)
{
	enum ukey_status s;

	if (!h->always)
		return UKEY_OK;
	s = ukey_login_again(h->session->token, h->session->pin.data, h->session->pin.len);
	return s == UKEY_OK ? s : session_pin_failed(h->session, UKEY_USER, s);
}

/* The token waits for its button inside the call that uses the key: the person must know before. */
static enum ukey_status begin_use(struct token_key_handle *h, struct ui_progress **waiting)
{
	enum ukey_status s = again(h);

	*waiting = s == UKEY_OK && h->touch
			   ? ui_progress_start(h->session->tool, _("Press the button on the token when it blinks."))
			   : NULL;
	return s;
}

static enum ukey_status signer_sign(
	void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	struct token_key_handle *h = arg;
	struct ui_progress *waiting;
	enum ukey_status s = begin_use(h, &waiting);

	if (s == UKEY_OK)
		s = ukey_sign(h->session->token, h->ref, scheme, in, in_len, out, len);
	ui_progress_end(waiting, s == UKEY_OK);
	return s;
}

static enum ukey_status signer_decrypt(
	void *arg, const struct ukey_scheme *scheme, const uint8_t *in, size_t in_len, uint8_t *out, size_t *len)
{
	struct token_key_handle *h = arg;
	struct ui_progress *waiting;
	enum ukey_status s = begin_use(h, &waiting);

	if (s == UKEY_OK)
		s = ukey_decrypt(h->session->token, h->ref, scheme, in, in_len, out, len);
	ui_progress_end(waiting, s == UKEY_OK);
	return s;
}

static enum ukey_status signer_derive(void *arg, const uint8_t *peer, size_t peer_len, uint8_t *out, size_t *len)
{
	struct token_key_handle *h = arg;
	struct ui_progress *waiting;
	enum ukey_status s = begin_use(h, &waiting);

	if (s == UKEY_OK)
		s = ukey_derive(h->session->token, h->ref, peer, peer_len, out, len);
	ui_progress_end(waiting, s == UKEY_OK);
	return s;
}

enum ukey_status key_handle_open(struct session *s, const struct ukey_key *key, struct token_key_handle *out)
{
	struct crypto_pubkey pub;
	uint8_t *spki = NULL;
	size_t len = 0;
	enum ukey_status r;

	*out = (struct token_key_handle){
		.session = s, .ref = key->ref, .always = key->always_authenticate, .touch = key->touch};
	out->signer = (struct token_signer){
		.sign = signer_sign, .decrypt = signer_decrypt, .derive = signer_derive, .arg = out};
	if (!token_provider_load())
		return tool_fail_openssl(s->tool, UKEY_INTERNAL);
	r = ukey_key_spki(key, &spki, &len);
	if (r != UKEY_OK)
		return r;
	if (crypto_pubkey_from_spki(BYTES(spki, len), &pub))
		out->pkey = token_key_new(&pub, &out->signer);
	free(spki);
	return out->pkey != NULL ? UKEY_OK : tool_fail_openssl(s->tool, UKEY_TOKEN_PROTOCOL);
}

void key_handle_close(struct token_key_handle *h)
{
	EVP_PKEY_free(h->pkey);
	h->pkey = NULL;
}

enum ukey_status key_handle_failed(struct token_key_handle *h, enum ukey_status otherwise)
{
	if (h->signer.failed != UKEY_OK) {
		ERR_clear_error();
		return h->signer.failed;
	}
	return tool_fail_openssl(h->session->tool, otherwise);
}

enum ukey_status tool_fail_openssl(struct tool *t, enum ukey_status s)
{
	unsigned long code = ERR_peek_error();
	const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;

	if (reason != NULL)
		tool_fail(t, s, "OpenSSL: %s", reason);
	else
		tool_fail(t, s, NULL);
	ERR_clear_error();
	return s;
}

/* ---- certificates ---- */

EVP_PKEY *key_public(const struct ukey_key *key)
{
	EVP_PKEY *pkey = NULL;
	uint8_t *spki = NULL;
	size_t len = 0;

	if (ukey_key_spki(key, &spki, &len) == UKEY_OK) {
		const unsigned char *at = spki;
		pkey = d2i_PUBKEY(NULL, &at, (long)len);
	}
	free(spki);
	return pkey;
}

static X509 *from_der(const uint8_t *der, size_t len)
{
	const unsigned char *at = der;
	X509 *cert = len <= 1 << 20 ? d2i_X509(NULL, &at, (long)len) : NULL;

	if (cert != NULL && at != der + len) {
		X509_free(cert);
		cert = NULL;
	}
	return cert;
}

enum ukey_status certificate_parse(struct tool *t, const uint8_t *data, size_t len, X509 **out)
{
	X509 *cert = NULL;

	if (len > 0 && data[0] == 0x30) {
		cert = from_der(data, len);
	} else if (len < 1 << 20) {
		BIO *bio = BIO_new_mem_buf(data, (int)len);
		cert = bio != NULL ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
		BIO_free(bio);
	}
	if (cert == NULL)
		return tool_fail_openssl(t, UKEY_CERT_INVALID);
	ERR_clear_error();
	*out = cert;
	return UKEY_OK;
}

enum ukey_status certificate_read(struct tool *t, const char *path, X509 **out)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ukey_status s = ui_read_file(t, path, 1 << 20, &data, &len);

	if (s == UKEY_OK)
		s = certificate_parse(t, data, len, out);
	free(data);
	return s;
}

enum ukey_status key_certificate(struct session *s, ukey_key_ref ref, X509 **out)
{
	uint8_t *der = NULL;
	size_t len = 0;
	enum ukey_status r = ukey_read_certificate(s->token, ref, &der, &len);

	if (r == UKEY_OK)
		r = certificate_parse(s->tool, der, len, out);
	free(der);
	return r;
}

static int64_t seconds(const ASN1_TIME *time)
{
	ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
	int days = 0, rest = 0;
	int64_t n = 0;

	if (epoch != NULL && time != NULL && ASN1_TIME_diff(&days, &rest, epoch, time))
		n = (int64_t)days * 86400 + rest;
	ASN1_TIME_free(epoch);
	return n;
}

int64_t certificate_until(const X509 *cert)
{
	return seconds(X509_get0_notAfter(cert));
}

int64_t certificate_from(const X509 *cert)
{
	return seconds(X509_get0_notBefore(cert));
}

json_t *certificate_json(X509 *cert)
{
	char *subject = name_text(X509_get_subject_name(cert)), *issuer = name_text(X509_get_issuer_name(cert));
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *serial_text = serial != NULL ? BN_bn2hex(serial) : NULL;
	char from[UI_TIME_SIZE], until[UI_TIME_SIZE], digest_text[HEX_SIZE(32)] = "";
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	json_t *j;

	ui_time(certificate_from(cert), from);
	ui_time(certificate_until(cert), until);
	if (X509_digest(cert, EVP_sha256(), digest, &len))
		hex_encode(BYTES(digest, len), digest_text, sizeof(digest_text));
	j = json_pack("{s:o, s:o, s:s, s:s, s:s, s:s}", "subject", ui_json_text(subject != NULL ? subject : ""),
		"issuer", ui_json_text(issuer != NULL ? issuer : ""), "serial", serial_text != NULL ? serial_text : "",
		"not_before", from, "not_after", until, "sha256", digest_text);
	free(subject);
	free(issuer);
	BN_free(serial);
	OPENSSL_free(serial_text);
	return j;
}

char *certificate_pem(X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *data;
	long len;

	if (bio != NULL && PEM_write_bio_X509(bio, cert)) {
		len = BIO_get_mem_data(bio, &data);
		text = strndup(data, (size_t)len);
	}
	BIO_free(bio);
	return text;
}

/* ---- JSON of what is on a token ---- */

static json_t *public_key_json(const struct ukey_key *key)
{
	EVP_PKEY *pub = key_public(key);
	BIO *bio = BIO_new(BIO_s_mem());
	json_t *j = NULL;
	char *data;
	long len;

	if (pub != NULL && bio != NULL && PEM_write_bio_PUBKEY(bio, pub)) {
		len = BIO_get_mem_data(bio, &data);
		j = json_stringn(data, (size_t)len);
	}
	BIO_free(bio);
	EVP_PKEY_free(pub);
	return j != NULL ? j : json_null();
}

json_t *key_json(const struct ukey_key *key)
{
	const struct algorithm_name *a = name_algorithm(key->algorithm);
	char ref[NAME_REF_SIZE], id[HEX_SIZE(UKEY_ID_MAX)], usage[32];

	name_key_ref(key->ref, ref);
	hex_encode(BYTES(key->id, key->id_len), id, sizeof(id));
	name_usage(key->usage, usage);
	return json_pack("{s:s, s:i, s:s, s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:o}", "ref", ref, "container",
		(int)key->ref / 2, "pair", key->ref % 2 == UKEY_SIGNATURE ? "signature" : "exchange", "algorithm",
		a != NULL ? a->option : "unknown", "id", id, "label", ui_json_text(key->label), "usage", usage,
		"generated", key->generated, "always_authenticate", key->always_authenticate, "no_pin", key->no_pin,
		"touch", key->touch, "certificate", key->certificate.exists, "public_key", public_key_json(key));
}

static json_t *pin_json(const struct ukey_pin_info *pin)
{
	const bool known = pin->tries_left != UKEY_TRIES_UNKNOWN;

	return json_pack("{s:b, s:o, s:o, s:b, s:b}", "exists", pin->exists, "tries_left",
		known ? json_integer(pin->tries_left) : json_null(), "tries_max",
		known ? json_integer(pin->tries_max) : json_null(), "blocked", pin->exists && pin->tries_left == 0,
		"must_change", pin->must_change);
}

json_t *token_json(const struct ukey_token_info *info)
{
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o}", "serial", info->serial, "label",
		ui_json_text(info->label), "manufacturer", ui_json_text(info->manufacturer), "model",
		ui_json_text(info->model), "reader", ui_json_text(info->reader), "road", name_road(info->road), "state",
		name_life_cycle_id(info->life_cycle), "user_pin", pin_json(&info->user_pin), "so_pin",
		pin_json(&info->so_pin), "unlock_key", pin_json(&info->unlock_key));
}
