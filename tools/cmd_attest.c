/* SPDX-License-Identifier: Apache-2.0 */
/* key attest: the token's statement about a key (doc/token-protocol.md 8), written as PEM, and checked. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/crypto.h"
#include "common/hex.h"
#include "tools/names.h"
#include "tools/token_session.h"
#include "tools/ui.h"

#define NONCE_LEAST     8u
#define NONCE_MOST      32u
#define NONCE_OWN       16u /* when nobody named one */
#define STATEMENT_FILE  (256u << 10)
#define CERTIFICATES_IN 8u /* of a statement's file: itself and at most five above it */

/* ---- the nonce ---- */

/* len 0: none was named. */
static enum ukey_status nonce_option(struct tool *t, uint8_t nonce[NONCE_MOST], size_t *len)
{
	struct builder b = builder_of(nonce, NONCE_MOST);
	uint8_t *data = NULL;
	enum ukey_status r = UKEY_OK;

	*len = 0;
	if (tool_has(t, OPT_NONCE) && tool_has(t, OPT_NONCE_FILE))
		return tool_fail(t, UKEY_USAGE, _("--nonce and --nonce-file do not go together"));
	if (tool_has(t, OPT_NONCE_FILE)) {
		r = ui_read_file(t, t->opt[OPT_NONCE_FILE], NONCE_MOST, &data, len);
		if (r == UKEY_OK)
			memcpy(nonce, data, *len);
		free(data);
	} else if (tool_has(t, OPT_NONCE)) {
		if (hex_decode(t->opt[OPT_NONCE], &b))
			*len = b.len;
	} else {
		return UKEY_OK;
	}
	if (r == UKEY_OK && *len < NONCE_LEAST)
		r = tool_fail(t, UKEY_USAGE, _("a nonce has 8 to 32 bytes"));
	return r;
}

/* ---- writing ---- */

static bool put_pem(BIO *out, const uint8_t *der, size_t len)
{
	return len <= STATEMENT_FILE && PEM_write_bio(out, PEM_STRING_X509, "", der, (long)len) > 0;
}

/* The chain is glued together, issuer first: here the other way round, as PEM files have it. */
static bool put_chain(BIO *out, const uint8_t *der, size_t len)
{
	const unsigned char *at = der, *end = der + len;
	STACK_OF(X509) *certificates = sk_X509_new_null();
	bool good = certificates != NULL;

	while (good && at < end) {
		X509 *x = d2i_X509(NULL, &at, end - at);
		good = x != NULL && sk_X509_push(certificates, x) > 0;
		if (!good)
			X509_free(x);
	}
	for (int i = sk_X509_num(certificates) - 1; good && i >= 0; i--)
		good = PEM_write_bio_X509(out, sk_X509_value(certificates, i)) == 1;
	sk_X509_pop_free(certificates, X509_free);
	return good;
}

static enum ukey_status write_statement(
	struct tool *t, const uint8_t *statement, size_t len, const uint8_t *chain, size_t chain_len)
{
	BIO *pem = BIO_new(BIO_s_mem());
	enum ukey_status r;
	char *text;
	long text_len;

	if (pem == NULL || !put_pem(pem, statement, len) || !put_chain(pem, chain, chain_len)) {
		r = tool_fail_openssl(t, UKEY_TOKEN_PROTOCOL);
	} else {
		text_len = BIO_get_mem_data(pem, &text);
		json_object_set_new(t->result, "statement", json_stringn(text, (size_t)text_len));
		if (tool_has(t, OPT_OUTPUT) || !tool_has(t, OPT_JSON))
			r = ui_write_file(
				t, tool_has(t, OPT_OUTPUT) ? t->opt[OPT_OUTPUT] : "-", text, (size_t)text_len, 0644);
		else
			r = UKEY_OK;
	}
	BIO_free(pem);
	return r;
}

static enum ukey_status attest(struct session *s, const struct ukey_key *key, const uint8_t *nonce, size_t nonce_len)
{
	uint8_t *statement = NULL, *chain = NULL;
	size_t len = 0, chain_len = 0;
	char hex[HEX_SIZE(NONCE_MOST)], ref[NAME_REF_SIZE];
	enum ukey_status r = ukey_attest(s->token, key->ref, nonce, nonce_len, &statement, &len);

	if (r == UKEY_OK)
		r = ukey_attestation_chain(s->token, &chain, &chain_len);
	if (r == UKEY_OK)
		r = write_statement(s->tool, statement, len, chain, chain_len);
	free(statement);
	free(chain);
	if (r != UKEY_OK)
		return r;
	name_key_ref(key->ref, ref);
	hex_encode(BYTES(nonce, nonce_len), hex, sizeof(hex));
	json_object_set_new(s->tool->result, "key", json_string(ref));
	json_object_set_new(s->tool->result, "nonce", json_string(hex));
	ui_note(s->tool, _("Statement about key %s, with the nonce %s."), ref, hex);
	return UKEY_OK;
}

static enum ukey_status attest_key(struct tool *t)
{
	const struct ukey_directory *d = NULL;
	const struct ukey_key *key = NULL;
	uint8_t nonce[NONCE_MOST];
	size_t len = 0;
	struct session s = {0};
	enum ukey_status r = nonce_option(t, nonce, &len);

	if (r == UKEY_OK && len == 0) {
		len = NONCE_OWN;
		r = crypto_random(nonce, len) ? UKEY_OK : UKEY_INTERNAL;
	}
	if (r != UKEY_OK)
		return r;
	t->data_on_stdout = !tool_has(t, OPT_OUTPUT) || strcmp(t->opt[OPT_OUTPUT], "-") == 0;
	r = session_open(t, &s);
	if (r == UKEY_OK)
		r = ukey_directory(s.token, &d);
	if (r == UKEY_OK)
		r = pick_key(&s, d, key_fits_any, &key);
	if (r == UKEY_OK)
		r = attest(&s, key, nonce, len);
	ukey_directory_unref(d);
	session_close(&s);
	return r;
}

/* ---- checking ---- */

struct given {
	uint8_t *statement, *chain, *spki; /* of OpenSSL's memory, but the chain */
	size_t statement_len, chain_len, spki_len;
};

static void given_clear(struct given *g)
{
	OPENSSL_free(g->statement);
	free(g->chain);
	OPENSSL_free(g->spki);
}

/* In the file the statement comes first and the root's neighbour last; the library wants it as the token has it. */
static enum ukey_status take_certificates(struct tool *t, BIO *in, struct given *g)
{
	struct {
		unsigned char *der;
		long len;
	} certificates[CERTIFICATES_IN];
	size_t count = 0, room = 0;
	char *name = NULL, *header = NULL;
	bool good = true;

	while (good && count < CERTIFICATES_IN &&
		PEM_read_bio(in, &name, &header, &certificates[count].der, &certificates[count].len) == 1) {
		good = strcmp(name, PEM_STRING_X509) == 0;
		room += (size_t)certificates[count++].len;
		OPENSSL_free(name);
		OPENSSL_free(header);
	}
	ERR_clear_error();
	good = good && count >= 2;
	if (good) {
		g->statement = certificates[0].der;
		g->statement_len = (size_t)certificates[0].len;
		g->chain = malloc(room);
	}
	struct builder b = builder_of(g->chain, g->chain != NULL ? room : 0);
	for (size_t i = count; i-- > 0;) {
		if (good && i > 0)
			builder_put(&b, BYTES(certificates[i].der, (size_t)certificates[i].len));
		if (!good || i > 0)
			OPENSSL_free(certificates[i].der);
	}
	g->chain_len = b.len;
	if (!good)
		return tool_fail(t, UKEY_ATTEST_INVALID,
			_("a statement's file has certificates in PEM: the statement, then those above it"));
	return g->chain != NULL ? UKEY_OK : UKEY_MEMORY;
}

static enum ukey_status read_statement(struct tool *t, struct given *g)
{
	uint8_t *data = NULL;
	size_t len = 0;
	enum ukey_status r = ui_read_file(t, t->opt[OPT_VERIFY], STATEMENT_FILE, &data, &len);

	if (r == UKEY_OK) {
		BIO *in = BIO_new_mem_buf(data, (int)len);
		r = in != NULL ? take_certificates(t, in, g) : UKEY_MEMORY;
		BIO_free(in);
	}
	free(data);
	return r;
}

static EVP_PKEY *key_of_request(BIO *in, bool pem)
{
	X509_REQ *request = pem ? PEM_read_bio_X509_REQ(in, NULL, NULL, NULL) : d2i_X509_REQ_bio(in, NULL);
	EVP_PKEY *key = request != NULL ? X509_REQ_get_pubkey(request) : NULL;

	X509_REQ_free(request);
	return key;
}

static EVP_PKEY *key_of_certificate(BIO *in, bool pem)
{
	X509 *x = pem ? PEM_read_bio_X509(in, NULL, NULL, NULL) : d2i_X509_bio(in, NULL);
	EVP_PKEY *key = x != NULL ? X509_get_pubkey(x) : NULL;

	X509_free(x);
	return key;
}

static EVP_PKEY *bare_key(BIO *in, bool pem)
{
	return pem ? PEM_read_bio_PUBKEY(in, NULL, NULL, NULL) : d2i_PUBKEY_bio(in, NULL);
}

static const struct {
	enum tool_option option;
	EVP_PKEY *(*read)(BIO *in, bool pem);
} key_sources[] = {
	{OPT_CSR,      key_of_request    },
	{OPT_CERT,     key_of_certificate},
	{OPT_KEY_FILE, bare_key          },
};

static enum ukey_status read_key(
	struct tool *t, const char *path, EVP_PKEY *(*read)(BIO *in, bool pem), struct given *g)
{
	uint8_t *data = NULL;
	size_t len = 0;
	EVP_PKEY *key = NULL;
	int n = -1;
	enum ukey_status r = ui_read_file(t, path, STATEMENT_FILE, &data, &len);

	if (r != UKEY_OK)
		return r;
	BIO *in = BIO_new_mem_buf(data, (int)len);
	if (in != NULL)
		key = read(in, len > 0 && data[0] == '-');
	if (key != NULL)
		n = i2d_PUBKEY(key, &g->spki);
	g->spki_len = n > 0 ? (size_t)n : 0;
	EVP_PKEY_free(key);
	BIO_free(in);
	free(data);
	ERR_clear_error();
	return n > 0 ? UKEY_OK : tool_fail(t, UKEY_DATA_INVALID, _("%s holds no such key"), path);
}

static enum ukey_status read_wanted_key(struct tool *t, struct given *g)
{
	enum ukey_status r = UKEY_OK;

	for (size_t i = 0; r == UKEY_OK && i < sizeof(key_sources) / sizeof(key_sources[0]); i++) {
		if (!tool_has(t, key_sources[i].option))
			continue;
		if (g->spki != NULL)
			return tool_fail(t, UKEY_USAGE, _("--csr, --cert and --key-file do not go together"));
		r = read_key(t, t->opt[key_sources[i].option], key_sources[i].read, g);
	}
	return r;
}

static void show(struct tool *t, const struct ukey_attestation *a)
{
	const struct algorithm_name *name = name_algorithm(a->algorithm);
	char ref[NAME_REF_SIZE], usage[32], shown[96], nonce[HEX_SIZE(NONCE_MOST)], digest[HEX_SIZE(32)], firmware[16];

	name_key_ref(a->ref, ref);
	name_usage(a->usage, usage);
	hex_encode(BYTES(a->nonce, a->nonce_len), nonce, sizeof(nonce));
	hex_encode(BYTES_OF(a->spki_sha256), digest, sizeof(digest));
	snprintf(firmware, sizeof(firmware), "%u.%u.%u", a->firmware[0], a->firmware[1], a->firmware[2]);
	json_object_set_new(t->result, "attestation",
		json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:s, s:b, s:b, s:s, s:s}", "serial", a->serial, "firmware",
			firmware, "key", ref, "algorithm", name != NULL ? name->option : "unknown", "generated",
			a->generated, "exportable", a->exportable, "usage", usage, "always_authenticate",
			a->always_authenticate, "touch", a->touch, "nonce", nonce, "spki_sha256", digest));
	if (tool_has(t, OPT_JSON) || tool_has(t, OPT_QUIET))
		return;
	name_usage_text(a->usage, shown, sizeof(shown));
	printf("%s\n", _("The statement is true: the key was made on this token and cannot leave it."));
	ui_pairs(stdout, _("Token"), a->serial, _("Firmware"), firmware, _("Key"), ref, _("Kind"),
		name != NULL ? name->shown : "?", _("Use"), shown, _("PIN"),
		a->always_authenticate ? _("before each use") : _("once"), _("Button"),
		a->touch ? _("before each use") : _("no"), _("Nonce"), nonce, _("SHA-256 of the key"), digest,
		(const char *)NULL);
}

/* A true statement may still be an old one, or about a key that nobody asked about: only the caller can tell. */
static void show_left_open(struct tool *t, const struct given *g, size_t nonce_len)
{
	json_object_set_new(t->result, "nonce_compared", json_boolean(nonce_len > 0));
	json_object_set_new(t->result, "key_compared", json_boolean(g->spki != NULL));
	if (nonce_len == 0)
		ui_note(t, "%s",
			_("The nonce was compared with none: the statement may be an old one (--nonce compares)."));
	if (g->spki == NULL)
		ui_note(t, "%s", _("The key was compared with none (--csr, --cert and --key-file compare)."));
}

static enum ukey_status verify(struct tool *t)
{
	uint8_t nonce[NONCE_MOST];
	size_t nonce_len = 0;
	struct ukey_attestation a;
	struct given g = {0};
	enum ukey_status r = nonce_option(t, nonce, &nonce_len);

	if (r == UKEY_OK)
		r = read_statement(t, &g);
	if (r == UKEY_OK)
		r = read_wanted_key(t, &g);
	if (r == UKEY_OK) {
		r = ukey_attestation_verify(t->opt[OPT_ROOTS], g.chain, g.chain_len, g.statement, g.statement_len,
			g.spki, g.spki_len, nonce_len > 0 ? nonce : NULL, nonce_len, &a);
		if (r == UKEY_OK) {
			show(t, &a);
			show_left_open(t, &g, nonce_len);
		} else {
			tool_fail(t, r, "%s", r == UKEY_CONFIG ? ukey_config_problem() : ukey_attestation_problem());
		}
		if (r == UKEY_NO_ROOTS)
			tool_hint(t, _("name the maker's root certificate (PEM) with --roots, or install it where "
				       "trusted-roots in openukey.conf says"));
	}
	given_clear(&g);
	return r;
}

enum ukey_status cmd_key_attest(struct tool *t)
{
	static const enum tool_option checking[] = {OPT_ROOTS, OPT_CSR, OPT_CERT, OPT_KEY_FILE};

	if (t->arg_count == 1 && (tool_has(t, OPT_KEY_REF) || tool_has(t, OPT_VERIFY)))
		return tool_fail(t, UKEY_USAGE, _("\"%s\" is too much"), t->args[0]);
	if (tool_has(t, OPT_VERIFY))
		return verify(t);
	for (size_t i = 0; i < sizeof(checking) / sizeof(checking[0]); i++)
		if (tool_has(t, checking[i]))
			return tool_fail(
				t, UKEY_USAGE, _("--%s goes with --verify only"), tool_option_name(checking[i]));
	if (t->arg_count == 1)
		t->opt[OPT_KEY_REF] = t->args[0];
	return attest_key(t);
}
