/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a token's statement about a key true? For a CA, which has no token: the certificates come from whoever asks for a
 * certificate, so every byte of them is read with our own cursors, and what is not exactly as the protocol says is no
 * statement (doc/token-protocol.md 8).
 */
#include "driver/attest.h"

#include "common/crypto.h"
#include "common/hex.h"
#include "common/i18n.h"
#include "common/tlv.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTF8_STRING = 0x0C,
	DER_PRINTABLE_STRING = 0x13,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_EXTENSIONS = 0xA3,
};

#define NOT_BEFORE "20000101000000"
#define NOT_AFTER  "99991231235959"

#define STATEMENT_VERSION 1
#define NONCE_LEAST       8u
#define NONCE_MOST        32u
#define KEYS              64u
#define USAGES            7u
#define P256_BYTES        32u

/* 2.25.182004042108879870736905472222074128224.1 */
static const uint8_t statement_oid[] = {0x69, 0x82, 0x91, 0xEC, 0xDA, 0x85, 0xD2, 0xF1, 0xF2, 0xAD, 0xB3, 0x8F, 0x80,
	0xFF, 0x97, 0x84, 0xC7, 0xD9, 0x8E, 0x60, 0x01};
/* AlgorithmIdentifier of ecdsa-with-SHA256 (RFC 5758 3.2: no parameters), CN (2.5.4.3). */
static const uint8_t ecdsa_sha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};
static const uint8_t common_name[] = {0x55, 0x04, 0x03};

/* ---- values ---- */

/* INTEGER from 0 to `most`, in its shortest form. */
static unsigned take_number(struct cursor *c, unsigned most)
{
	struct cursor v = cursor_of(tlv_take(c, DER_INTEGER));
	const size_t len = v.left;
	const unsigned high = len == 2 ? cursor_u8(&v) : 0, low = cursor_u8(&v), n = high << 8 | low;

	/* two bytes only where one would be negative, or the number is above 255 */
	if (!cursor_done(&v) || (len == 1 && low > 127) || (len == 2 && (high > 127 || n < 128)) || n > most)
		cursor_fail(c);
	return n;
}

static bool take_flag(struct cursor *c)
{
	struct cursor v = cursor_of(tlv_take(c, DER_BOOLEAN));
	const uint8_t b = cursor_u8(&v);

	if (!cursor_done(&v) || (b != 0x00 && b != 0xFF))
		cursor_fail(c);
	return b == 0xFF;
}

static struct bytes take_octets(struct cursor *c, size_t least, size_t most)
{
	struct bytes v = tlv_take(c, DER_OCTET_STRING);

	if (v.len < least || v.len > most)
		cursor_fail(c);
	return c->failed ? BYTES_NONE : v;
}

/* ---- the extension ---- */

/* 16 upper-case hexadecimal digits, as everywhere (doc/token-protocol.md 2.1). */
static bool serial_text(struct bytes serial, char out[17])
{
	if (!hex_encode(serial, out, 17))
		return false;
	for (size_t i = 0; i < 16; i++)
		out[i] = (char)toupper((unsigned char)out[i]);
	return true;
}

static bool parse_statement(struct bytes der, struct ukey_attestation *out)
{
	struct bytes inside;

	if (!tlv_unwrap(der, DER_SEQUENCE, &inside))
		return false;
	struct cursor c = cursor_of(inside);
	const unsigned version = take_number(&c, 0xFFFF);
	const struct bytes serial = take_octets(&c, 8, 8);
	const struct bytes firmware = take_octets(&c, sizeof out->firmware, sizeof out->firmware);
	out->ref = (ukey_key_ref)take_number(&c, KEYS - 1);
	out->algorithm = (enum ukey_algorithm)take_number(&c, 0xFF);
	out->generated = take_flag(&c);
	out->exportable = take_flag(&c);
	out->usage = take_number(&c, USAGES);
	out->always_authenticate = take_number(&c, 1) == 1;
	out->touch = take_number(&c, 1) == 1;
	const struct bytes nonce = take_octets(&c, NONCE_LEAST, NONCE_MOST);
	if (!cursor_done(&c) || version != STATEMENT_VERSION || out->usage == 0)
		return false;
	bytes_copy(out->firmware, firmware);
	bytes_copy(out->nonce, nonce);
	out->nonce_len = nonce.len;
	return serial_text(serial, out->serial);
}

/* The one extension there is: the statement, not critical (which DER shows by leaving the flag out). */
static bool find_statement(struct bytes extensions, struct bytes *value)
{
	struct bytes list;

	if (!tlv_unwrap(extensions, DER_SEQUENCE, &list))
		return false;
	struct cursor all = cursor_of(list);
	struct cursor one = cursor_of(tlv_take(&all, DER_SEQUENCE));
	const struct bytes oid = tlv_take(&one, DER_OID);
	*value = tlv_take(&one, DER_OCTET_STRING);
	return cursor_done(&one) && cursor_done(&all) && bytes_equal(oid, BYTES_OF(statement_oid));
}

/* ---- the certificate around it ---- */

struct signed_part {
	struct bytes tbs; /* with tag and length */
	struct bytes extensions;
	struct bytes signature;
};

/* crypto_cert_parse() found it well-formed; this takes what it does not show. */
static bool take_apart(struct bytes der, struct signed_part *out)
{
	struct bytes whole, inside, value;
	uint32_t tag = 0;

	if (!tlv_unwrap(der, DER_SEQUENCE, &whole))
		return false;
	struct cursor c = cursor_of(whole);
	out->tbs = tlv_take_whole(&c, DER_SEQUENCE);
	const struct bytes algorithm = tlv_take_whole(&c, DER_SEQUENCE);
	struct cursor bits = cursor_of(tlv_take(&c, DER_BIT_STRING));
	if (cursor_u8(&bits) != 0)
		cursor_fail(&bits);
	out->signature = cursor_rest(&bits);
	if (!cursor_done(&c) || !cursor_done(&bits) || !bytes_equal(algorithm, BYTES_OF(ecdsa_sha256)) ||
		!tlv_unwrap(out->tbs, DER_SEQUENCE, &inside))
		return false;
	struct cursor t = cursor_of(inside);
	out->extensions = BYTES_NONE;
	while (tlv_next(&t, &tag, &value))
		if (tag == DER_EXTENSIONS)
			out->extensions = value;
	return cursor_done(&t) && tag == DER_EXTENSIONS;
}

static bool signed_by(const struct trust_leaf *signer, const struct signed_part *part)
{
	const struct crypto_pubkey key = {.type = CRYPTO_EC_P256, .point = BYTES_OF(signer->point)};
	const struct crypto_scheme scheme = {.kind = CRYPTO_ECDSA, .hash = CRYPTO_SHA256};
	uint8_t digest[32], rs[2 * P256_BYTES];
	struct builder b = builder_of(rs, sizeof rs);

	return crypto_ecdsa_from_der(part->signature, P256_BYTES, &b) &&
	       crypto_digest(CRYPTO_SHA256, part->tbs, digest) &&
	       crypto_verify(&key, &scheme, BYTES_OF(digest), builder_bytes(&b)) == CRYPTO_GOOD;
}

/* CN = "key kk of SERIAL", and nothing else. */
static bool subject_is(struct bytes name, const struct ukey_attestation *a)
{
	struct bytes rdns, rdn, pair;
	char wanted[40];
	const int len = snprintf(wanted, sizeof wanted, "key %02X of %s", a->ref, a->serial);

	if (!tlv_unwrap(name, DER_SEQUENCE, &rdns) || !tlv_unwrap(rdns, DER_SET, &rdn) ||
		!tlv_unwrap(rdn, DER_SEQUENCE, &pair))
		return false;
	struct cursor c = cursor_of(pair);
	const struct bytes oid = tlv_take(&c, DER_OID);
	const uint32_t tag = tlv_peek(&c);
	const struct bytes text = tlv_take(&c, tag == DER_PRINTABLE_STRING ? DER_PRINTABLE_STRING : DER_UTF8_STRING);
	return cursor_done(&c) && bytes_equal(oid, BYTES_OF(common_name)) && len > 0 &&
	       bytes_equal(text, BYTES((const uint8_t *)wanted, (size_t)len));
}

/* ---- the key ---- */

static bool algorithm_fits(enum ukey_algorithm a, const struct crypto_pubkey *key)
{
	static const struct {
		enum ukey_algorithm algorithm;
		enum crypto_key_type type;
		size_t bits;
	} rows[] = {
		{UKEY_RSA_2048, CRYPTO_RSA,     2048},
		{UKEY_RSA_3072, CRYPTO_RSA,     3072},
		{UKEY_RSA_4096, CRYPTO_RSA,     4096},
		{UKEY_P256,     CRYPTO_EC_P256, 256 },
		{UKEY_P384,     CRYPTO_EC_P384, 384 },
		{UKEY_P521,     CRYPTO_EC_P521, 521 },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (rows[i].algorithm == a)
			return rows[i].type == key->type && rows[i].bits == crypto_pubkey_bits(key);
	return false;
}

static const char *check_key(struct bytes spki, struct bytes wanted, struct ukey_attestation *a)
{
	struct crypto_pubkey key, other;

	if (!crypto_pubkey_from_spki(spki, &key) || !algorithm_fits(a->algorithm, &key))
		return N_("the key in the statement is not of the kind that it names");
	if (key.type != CRYPTO_RSA && !crypto_point_valid(&key))
		return N_("the key in the statement is no key");
	if (wanted.data && (!crypto_pubkey_from_spki(wanted, &other) || !crypto_pubkey_equal(&key, &other)))
		return N_("the statement is about another key");
	return crypto_digest(CRYPTO_SHA256, spki, a->spki_sha256) ? NULL : N_("out of memory");
}

/* ---- all of it ---- */

static const char *check_claims(
	const struct trust_leaf *signer, const struct crypto_cert *cert, const struct ukey_attestation *a)
{
	if (strcmp(a->serial, signer->serial) != 0)
		return N_("the statement names another token than the one that made it");
	if (!subject_is(cert->subject, a))
		return N_("the statement's subject does not name its key");
	if (!a->generated)
		return N_("the statement says that the key was not made on the token");
	if (a->exportable)
		return N_("the statement says that the key can leave the token");
	return NULL;
}

const char *attest_check(const struct trust_leaf *signer, struct bytes statement, struct bytes spki, struct bytes nonce,
	struct ukey_attestation *out)
{
	struct ukey_attestation a = {0};
	struct crypto_cert cert, leaf;
	struct signed_part part;
	struct bytes value;
	const char *wrong;

	if (!crypto_cert_parse(statement, &cert) || !take_apart(statement, &part))
		return N_("the statement is no certificate of the form that tokens make");
	if (!crypto_cert_parse(signer->der, &leaf) || !bytes_equal(cert.issuer, leaf.subject))
		return N_("the statement was made by another token's attestation key");
	if (!signed_by(signer, &part))
		return N_("the signature of the statement is wrong");
	if (strcmp(cert.not_before, NOT_BEFORE) != 0 || strcmp(cert.not_after, NOT_AFTER) != 0)
		return N_("the statement's times are not those that tokens write");
	if (!find_statement(part.extensions, &value) || !parse_statement(value, &a))
		return N_("what the statement says is malformed");
	wrong = check_claims(signer, &cert, &a);
	if (!wrong)
		wrong = check_key(cert.spki, spki, &a);
	if (!wrong && nonce.data && !bytes_equal(nonce, BYTES(a.nonce, a.nonce_len)))
		wrong = N_("the statement was made for another question: its nonce is not the one that was asked with");
	if (!wrong)
		*out = a;
	return wrong;
}

/* ---- the public calls ---- */

static _Thread_local char problem[512];

const char *ukey_attestation_problem(void)
{
	return problem;
}

static enum ukey_status open_roots(const char *path, struct trust_roots **out)
{
	struct settings settings;
	enum ukey_status status;

	if (path)
		return trust_open_path(path, out);
	status = settings_load(&settings);
	return status == UKEY_OK ? trust_open(&settings, out) : status;
}

static void say(const char *text)
{
	snprintf(problem, sizeof problem, "%s", text);
}

enum ukey_status ukey_attestation_verify(const char *roots, const uint8_t *chain, size_t chain_len,
	const uint8_t *statement, size_t statement_len, const uint8_t *spki, size_t spki_len, const uint8_t *nonce,
	size_t nonce_len, struct ukey_attestation *out)
{
	struct trust_roots *r = NULL;
	struct trust_leaf signer;
	const char *wrong;
	enum ukey_status status = open_roots(roots, &r);

	say("");
	if (status != UKEY_OK) {
		if (status == UKEY_NO_ROOTS)
			say(trust_problem());
		return status;
	}
	if (trust_check(r, TRUST_ATTESTATION, BYTES(chain, chain_len), NULL, &signer) != UKEY_OK) {
		say(trust_problem());
		status = UKEY_ATTEST_INVALID;
	} else {
		wrong = attest_check(
			&signer, BYTES(statement, statement_len), BYTES(spki, spki_len), BYTES(nonce, nonce_len), out);
		if (wrong) {
			say(_(wrong));
			status = UKEY_ATTEST_INVALID;
		}
	}
	trust_close(r);
	return status;
}
