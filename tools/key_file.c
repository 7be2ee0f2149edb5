/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "tools/key_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/provider.h>

#include "common/bytes.h"
#include "common/secmem.h"
#include "tools/pin_source.h"
#include "tools/token_session.h"

/* A key with a long chain of certificates takes a few thousand. */
#define FILE_MAX 65536

/* A file under way, in locked memory. */
struct reading {
	struct tool *tool;
	const char *path;
	uint8_t *data; /* secmem */
	size_t len;
	struct pin password; /* asked for once */
	enum ukey_status asked;
};

static enum ukey_status read_whole(struct reading *r)
{
	const bool standard = strcmp(r->path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(r->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	enum ukey_status s = UKEY_OK;
	ssize_t n = 1;

	if (fd < 0)
		return tool_fail_file(r->tool, r->path);
	r->data = secmem_alloc(FILE_MAX + 1);
	if (r->data == NULL)
		s = UKEY_MEMORY;
	while (s == UKEY_OK && n > 0 && r->len <= FILE_MAX) {
		n = read(fd, r->data + r->len, FILE_MAX + 1 - r->len);
		if (n < 0 && errno != EINTR)
			s = tool_fail_file(r->tool, r->path);
		else if (n < 0)
			n = tool_cancelled() ? 0 : 1;
		else
			r->len += (size_t)n;
	}
	if (s == UKEY_OK && r->len > FILE_MAX)
		s = tool_fail(r->tool, UKEY_TOO_LARGE, _("%s: more than %d bytes"), r->path, FILE_MAX);
	if (!standard)
		close(fd);
	return tool_cancelled() ? UKEY_CANCELLED : s;
}

/* ---- the password ---- */

static bool ask_password(struct reading *r)
{
	char what[300];

	if (r->password.data != NULL)
		return true;
	if (r->asked == UKEY_OK) {
		snprintf(what, sizeof(what), _("Password of %s"), r->path);
		r->asked = pin_get(r->tool, PIN_PASSWORD, what, &r->password);
	}
	return r->asked == UKEY_OK;
}

/* OpenSSL's pem_password_cb. */
static int give_password(char *to, int room, int writing, void *arg)
{
	struct reading *r = arg;

	(void)writing;
	if (!ask_password(r) || r->password.len > (size_t)room)
		return -1;
	bytes_copy((uint8_t *)to, BYTES(r->password.data, r->password.len));
	return (int)r->password.len;
}

static enum ukey_status wrong_password(struct reading *r)
{
	ERR_clear_error();
	tool_fail(r->tool, UKEY_DECRYPT_FAILED, _("%s: the password is wrong"), r->path);
	tool_hint(r->tool, _("repeat with the right one; nothing was changed"));
	return UKEY_DECRYPT_FAILED;
}

/* After the reason. */
static enum ukey_status no_key(struct reading *r)
{
	tool_hint(r->tool,
		_("ask whoever made the file for one with the private key; a certificate alone goes to its key with: "
		  "ukey cert import"));
	return UKEY_DATA_INVALID;
}

/* ---- PKCS#12 ---- */

/* Files of the past are encrypted with RC2, which OpenSSL keeps apart. */
static void allow_old_ciphers(void)
{
	static OSSL_PROVIDER *legacy;

	if (legacy == NULL)
		legacy = OSSL_PROVIDER_try_load(NULL, "legacy", 1);
	ERR_clear_error();
}

static enum ukey_status read_pkcs12(struct reading *r, PKCS12 *p12, struct key_file *out)
{
	STACK_OF(X509) *others = NULL;
	const char *password = NULL;
	enum ukey_status s = UKEY_OK;

	allow_old_ciphers();
	if (PKCS12_verify_mac(p12, "", 0) == 1)
		password = "";
	else if (PKCS12_verify_mac(p12, NULL, 0) != 1) {
		if (!ask_password(r))
			return r->asked;
		password = (const char *)r->password.data;
		if (PKCS12_verify_mac(p12, password, (int)r->password.len) != 1)
			return wrong_password(r);
	}
	ERR_clear_error();
	if (PKCS12_parse(p12, password, &out->key, &out->cert, &others) != 1)
		s = tool_fail_openssl(r->tool, UKEY_DATA_INVALID);
	else if (out->key == NULL) {
		tool_fail(r->tool, UKEY_DATA_INVALID, _("%s: there is no private key in it"), r->path);
		s = no_key(r);
	}
	out->others = others != NULL ? (unsigned)sk_X509_num(others) : 0;
	sk_X509_pop_free(others, X509_free);
	return s;
}

/* ---- keys ---- */

/* A certificate in the same PEM file, when it is the key's. */
static void find_certificate(struct reading *r, struct key_file *out)
{
	BIO *bio = BIO_new_mem_buf(r->data, (int)r->len);
	X509 *cert = NULL;

	while (bio != NULL && (cert = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		if (out->cert == NULL && X509_check_private_key(cert, out->key) == 1) {
			out->cert = cert;
		} else {
			out->others++;
			X509_free(cert);
		}
	}
	BIO_free(bio);
	ERR_clear_error();
}

static enum ukey_status read_key(struct reading *r, struct key_file *out)
{
	const bool der = r->len > 0 && r->data[0] == 0x30;
	const unsigned char *at = r->data;
	BIO *bio = BIO_new_mem_buf(r->data, (int)r->len);

	if (bio == NULL)
		return UKEY_MEMORY;
	if (der) {
		out->key = d2i_AutoPrivateKey(NULL, &at, (long)r->len);
		if (out->key == NULL)
			out->key = d2i_PKCS8PrivateKey_bio(bio, NULL, give_password, r);
	} else {
		out->key = PEM_read_bio_PrivateKey(bio, NULL, give_password, r);
	}
	BIO_free(bio);
	if (out->key == NULL && r->asked != UKEY_OK)
		return r->asked;
	if (out->key == NULL && r->password.data != NULL)
		return wrong_password(r);
	ERR_clear_error();
	if (out->key == NULL) {
		tool_fail(
			r->tool, UKEY_DATA_INVALID, _("%s: neither PKCS#12 nor a private key in PEM or DER"), r->path);
		return no_key(r);
	}
	if (!der)
		find_certificate(r, out);
	return UKEY_OK;
}

enum ukey_status key_file_read(struct tool *t, const char *path, struct key_file *out)
{
	struct reading r = {.tool = t, .path = path};
	const unsigned char *at;
	PKCS12 *p12 = NULL;
	enum ukey_status s = read_whole(&r);

	*out = (struct key_file){0};
	if (s == UKEY_OK) {
		at = r.data;
		p12 = d2i_PKCS12(NULL, &at, (long)r.len);
		ERR_clear_error();
		s = p12 != NULL ? read_pkcs12(&r, p12, out) : read_key(&r, out);
	}
	PKCS12_free(p12);
	pin_clear(&r.password);
	secmem_free(r.data);
	return s;
}

void key_file_clear(struct key_file *f)
{
	EVP_PKEY_free(f->key);
	X509_free(f->cert);
	*f = (struct key_file){0};
}

/* ---- its halves ---- */

static bool put_number(EVP_PKEY *key, const char *name, struct builder *to, size_t size)
{
	BIGNUM *n = NULL;
	uint8_t *room = builder_room(to, size);
	bool ok = room != NULL && EVP_PKEY_get_bn_param(key, name, &n) && BN_bn2binpad(n, room, (int)size) == (int)size;

	BN_clear_free(n);
	return ok;
}

/* The uncompressed form is what everybody reads; the key may have come with another. */
static bool ec_value(EVP_PKEY *key, struct builder *value)
{
	const size_t size = ((size_t)EVP_PKEY_get_bits(key) + 7) / 8;

	return EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "uncompressed") &&
	       put_number(key, OSSL_PKEY_PARAM_PRIV_KEY, value, size);
}

static bool rsa_value(EVP_PKEY *key, struct builder *value)
{
	const size_t half = (size_t)EVP_PKEY_get_bits(key) / 16;

	return put_number(key, OSSL_PKEY_PARAM_RSA_FACTOR1, value, half) &&
	       put_number(key, OSSL_PKEY_PARAM_RSA_FACTOR2, value, half);
}

enum ukey_status key_file_halves(struct tool *t, EVP_PKEY *key, uint8_t **spki, size_t *spki_len,
	uint8_t value[KEY_FILE_VALUE_MAX], size_t *value_len)
{
	struct builder b = builder_of(value, KEY_FILE_VALUE_MAX);
	const bool rsa = EVP_PKEY_is_a(key, "RSA");
	unsigned char *der = NULL;
	int n;

	if (!rsa && !EVP_PKEY_is_a(key, "EC"))
		return tool_fail(t, UKEY_ALGORITHM, "%s", EVP_PKEY_get0_type_name(key));
	if (rsa ? !rsa_value(key, &b) : !ec_value(key, &b)) {
		ERR_clear_error();
		return UKEY_KEY_INVALID;
	}
	n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return tool_fail_openssl(t, UKEY_MEMORY);
	*spki = der;
	*spki_len = (size_t)n;
	*value_len = b.len;
	return UKEY_OK;
}
