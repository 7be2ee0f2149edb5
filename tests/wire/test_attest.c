/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ATTEST (protocol 8): what the token says of a key is a certificate that OpenSSL reads and checks up to the maker's
 * root, the statement in it is the one that the document spells, and of a key from outside nothing is said.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define STATEMENT_OID "2.25.182004042108879870736905472222074128224.1"
#define SERIAL        "0102030405060708"

/* A token from the factory, with the user logged in. */
static struct ramtoken *operational(struct personal *p)
{
	struct ramtoken *t = ramtoken_new(NULL);

	bytes_copy(t->hal.serial, wire_hex(SERIAL));
	personal_make(t, NULL, p);
	struct bytes setup = wire_hex("8000 8108 3837363534333231 8306 313233343536 8A05 0620000000");
	assert_int_equal(personal_initialize(t, setup), SW_OK);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	return t;
}

static struct bytes attest(struct ramtoken *t, uint8_t key, struct bytes nonce, uint16_t sw)
{
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, nonce);
	return wire_apdu(t, 0x80, 0xCC, 0, key, builder_bytes(&b), APDU_LE_MAX, sw);
}

/* Every byte belongs to the certificate, and OpenSSL would write it the same way. */
static X509 *parse(struct bytes der)
{
	const uint8_t *at = der.data;
	X509 *cert = d2i_X509(NULL, &at, (long)der.len);
	uint8_t *again = NULL;

	if (!cert || at != der.data + der.len)
		fail_msg("not a certificate: %s", wire_text(der));
	int len = i2d_X509(cert, &again);
	assert_true(bytes_equal(BYTES(again, (size_t)len), der));
	OPENSSL_free(again);
	return cert;
}

/* The chain up to the root, as a host that trusts the maker checks it; and the leaf. */
static X509 *check_chain(X509 *cert, const struct personal *p, enum personal_maker maker, int good)
{
	struct bytes root = personal_root(maker);
	X509 *trusted = parse(root), *leaf = NULL;
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *chain = sk_X509_new_null();
	struct cursor c = cursor_of(BYTES(p->attestation_chain, p->attestation_chain_len));

	while (c.left > 0) {
		leaf = parse(tlv_take_whole(&c, 0x30));
		sk_X509_push(chain, leaf);
	}
	assert_non_null(leaf);
	X509_STORE_add_cert(store, trusted);
	assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, chain), 1);
	int result = X509_verify_cert(ctx);
	if (result != good)
		fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
	X509_up_ref(leaf);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	sk_X509_pop_free(chain, X509_free);
	X509_free(trusted);
	return leaf;
}

static void assert_names(X509 *cert, X509 *leaf, const char *common_name)
{
	uint8_t *theirs = NULL, *ours = NULL;
	char text[64];

	int n = i2d_X509_NAME(X509_get_subject_name(leaf), &theirs);
	int m = i2d_X509_NAME(X509_get_issuer_name(cert), &ours);
	assert_true(bytes_equal(BYTES(ours, (size_t)m), BYTES(theirs, (size_t)n)));
	OPENSSL_free(theirs);
	OPENSSL_free(ours);
	X509_NAME *subject = X509_get_subject_name(cert);
	assert_int_equal(X509_NAME_entry_count(subject), 1);
	assert_true(X509_NAME_get_text_by_NID(subject, NID_commonName, text, sizeof(text)) > 0);
	assert_string_equal(text, common_name);
}

static void assert_time(const ASN1_TIME *time, int year, int month, int day, int second)
{
	struct tm tm;

	assert_int_equal(ASN1_TIME_to_tm(time, &tm), 1);
	assert_int_equal(tm.tm_year + 1900, year);
	assert_int_equal(tm.tm_mon + 1, month);
	assert_int_equal(tm.tm_mday, day);
	assert_int_equal(tm.tm_sec, second);
}

static void assert_statement(X509 *cert, struct bytes expected)
{
	ASN1_OBJECT *oid = OBJ_txt2obj(STATEMENT_OID, 1);

	assert_int_equal(X509_get_ext_count(cert), 1);
	X509_EXTENSION *extension = X509_get_ext(cert, 0);
	assert_int_equal(OBJ_cmp(X509_EXTENSION_get_object(extension), oid), 0);
	assert_int_equal(X509_EXTENSION_get_critical(extension), 0);
	ASN1_OCTET_STRING *value = X509_EXTENSION_get_data(extension);
	struct bytes got = {ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value)};
	if (!bytes_equal(got, expected))
		fail_msg("the statement is %s instead of %s", wire_text(got), wire_text(expected));
	ASN1_OBJECT_free(oid);
}

/* The key in the certificate is the one that GENERATE answered. */
static void assert_key(X509 *cert, struct bytes public_key)
{
	EVP_PKEY *key = X509_get0_pubkey(cert);
	struct bytes point, modulus, exponent;
	const struct tlv_field rsa[] = {
		{0x81, TLV_REQUIRED, 1, 600, &modulus },
                {0x82, TLV_REQUIRED, 1, 8,   &exponent}
        };
	uint8_t raw[600];
	size_t len = 0;

	assert_non_null(key);
	if (tlv_unwrap(public_key, 0x86, &point)) {
		assert_int_equal(
			EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, raw, sizeof(raw), &len), 1);
		assert_true(bytes_equal(BYTES(raw, len), point));
		return;
	}
	BIGNUM *n = NULL, *e = NULL;
	assert_true(tlv_parse(public_key, rsa, 2));
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n), 1);
	assert_int_equal(EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e), 1);
	assert_true(bytes_equal(BYTES(raw, (size_t)BN_bn2bin(n, raw)), modulus));
	assert_true(bytes_equal(BYTES(raw, (size_t)BN_bn2bin(e, raw)), exponent));
	BN_free(n);
	BN_free(e);
}

static const struct {
	uint8_t key;
	const char *generate, *name, *statement; /* but the nonce */
} cases[] = {
	{0x00, "00470700 06 AC04 83020003",               "key 00 of " SERIAL,
         "020101 0408" SERIAL "0403000200 020100 020107 0101FF 010100 020103 020100 020100"},
	{0x01, "00471101 09 AC07 83020001 850101",        "key 01 of " SERIAL,
         "020101 0408" SERIAL "0403000200 020101 020111 0101FF 010100 020101 020101 020100"},
	{0x1F, "0047141F 09 AC07 83020004 860101",        "key 1F of " SERIAL,
         "020101 0408" SERIAL "0403000200 02011F 020114 0101FF 010100 020104 020100 020101"},
	{0x3F, "0047153F 0C AC0A 83020005 850101 860101", "key 3F of " SERIAL,
         "020101 0408" SERIAL "0403000200 02013F 020115 0101FF 010100 020105 020101 020101"},
	{0x20, "00470520 06 AC04 83020001",               "key 20 of " SERIAL,
         "020101 0408" SERIAL "0403000200 020120 020105 0101FF 010100 020101 020100 020100"},
	{0x21, "00471621 06 AC04 83020002",               "key 21 of " SERIAL,
         "020101 0408" SERIAL "0403000200 020121 020116 0101FF 010100 020102 020100 020100"},
};

/* GENERATE in extended form; the value of 7F49. */
static struct bytes generate(struct ramtoken *t, const char *hex)
{
	static uint8_t kept[HAL_PUBLIC_MAX];
	struct bytes command = wire_hex(hex), public_key;
	struct cursor c = cursor_of(command);
	uint8_t cla = cursor_u8(&c), ins = cursor_u8(&c), p1 = cursor_u8(&c), p2 = cursor_u8(&c);

	cursor_u8(&c);
	struct bytes answer = wire_apdu(t, cla, ins, p1, p2, cursor_rest(&c), APDU_LE_MAX, SW_OK);
	c = cursor_of(answer);
	public_key = tlv_take(&c, 0x7F49);
	assert_true(public_key.len > 0 && public_key.len <= sizeof(kept));
	bytes_copy(kept, public_key);
	return BYTES(kept, public_key.len);
}

static struct bytes statement_of(const char *fields, struct bytes nonce)
{
	static uint8_t raw[256];
	struct builder b = builder_of(raw, sizeof(raw));
	size_t mark = tlv_begin(&b, 0x30);

	builder_put(&b, wire_hex(fields));
	tlv_put(&b, 0x04, nonce);
	tlv_end(&b, mark);
	return builder_bytes(&b);
}

static void every_kind_of_key_is_attested(void **state)
{
	struct personal p;
	struct ramtoken *t = operational(&p);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct bytes nonce = wire_hex("0001020304050607 1011121314151617"),
			     key = generate(t, cases[i].generate);
		wire(t, "0020FF81", SW_OK); /* nobody needs to be logged in */
		X509 *cert = parse(attest(t, cases[i].key, nonce, SW_OK));
		X509 *leaf = check_chain(cert, &p, PERSONAL_MAKER, 1);
		X509_free(check_chain(cert, &p, PERSONAL_STRANGER, 0));
		assert_int_equal(X509_verify(cert, X509_get0_pubkey(leaf)), 1);
		assert_int_equal(X509_get_version(cert), 2);
		assert_int_equal(X509_get_signature_nid(cert), NID_ecdsa_with_SHA256);
		assert_names(cert, leaf, cases[i].name);
		assert_time(X509_get0_notBefore(cert), 2000, 1, 1, 0);
		assert_time(X509_get0_notAfter(cert), 9999, 12, 31, 59);
		assert_key(cert, key);
		assert_statement(cert, statement_of(cases[i].statement, nonce));
		X509_free(leaf);
		X509_free(cert);
		wire_verify(t, 0x81, USER_PIN, SW_OK);
	}
	ramtoken_free(t);
}

/* Fresh each time: serial number and signature; bound to the nonce, of 8 to 32 bytes. */
static void a_statement_is_fresh(void **state)
{
	static const uint8_t nonce[40] = {0xA5, 1, 2, 3, 4, 5, 6, 7, 8};
	struct personal p;
	struct ramtoken *t = operational(&p);
	ASN1_INTEGER *seen[33] = {NULL};

	(void)state;
	generate(t, cases[1].generate);
	for (size_t n = 0; n <= 33; n++) {
		bool good = n >= 8 && n <= 32;
		struct bytes der = attest(t, 0x01, BYTES(nonce, n), good ? SW_OK : SW_WRONG_DATA);
		if (!good)
			continue;
		X509 *cert = parse(der), *leaf = check_chain(cert, &p, PERSONAL_MAKER, 1);
		assert_statement(cert, statement_of(cases[1].statement, BYTES(nonce, n)));
		seen[n] = ASN1_INTEGER_dup(X509_get0_serialNumber(cert));
		assert_int_equal(ASN1_STRING_length(seen[n]), 16);
		assert_int_equal(ASN1_STRING_type(seen[n]), V_ASN1_INTEGER); /* not negative */
		for (size_t i = 8; i < n; i++)
			assert_int_not_equal(ASN1_INTEGER_cmp(seen[i], seen[n]), 0);
		X509_free(leaf);
		X509_free(cert);
	}
	for (size_t n = 0; n <= 32; n++)
		ASN1_INTEGER_free(seen[n]);
	wire(t, "80CC0001 0D 8008 0102030405060708 810100 00", SW_WRONG_DATA);
	wire(t, "80CC0001", SW_WRONG_LENGTH);
	wire(t, "80CC0101 0A 8008 0102030405060708", SW_WRONG_P1P2);
	/* In short form it comes piece by piece. */
	struct rapdu r;
	assert_true(rapdu_parse(ramtoken_transceive(t, wire_hex("80CC0001 0A 8008 0102030405060708 00")), &r));
	assert_int_equal(r.data.len, 256);
	assert_int_equal(r.sw >> 8, 0x61);
	/* Inside a channel too. */
	struct scp_session session = {0};
	struct bytes inside;
	const struct apdu command = {
		.cla = 0x80, .ins = 0xCC, .p2 = 1, .data = wire_hex("8008 0102030405060708"), .le = APDU_LE_MAX};
	personal_open(t, 0, p.device_point, &session);
	assert_int_equal(personal_send(t, 0, &session, &command, &inside), SW_OK);
	X509_free(parse(inside));
	ramtoken_free(t);
}

static void what_is_not_attested(void **state)
{
	const struct bytes nonce = wire_hex("0102030405060708");
	struct ramtoken *t = ramtoken_new(NULL);
	struct personal p;

	(void)state;
	/* No attestation key. */
	wire_initialize(t);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	wire_generate(t, 0x11, 0, 1, SW_OK);
	attest(t, 0, nonce, SW_CONDITIONS);
	attest(t, 1, nonce, SW_CONDITIONS);
	ramtoken_free(t);

	t = operational(&p);
	wire_generate(t, 0x11, 0, 1, SW_OK);
	for (unsigned key = 1; key < 256; key++)
		attest(t, (uint8_t)key, nonce, SW_REFERENCE_NOT_FOUND);
	t->hal.no_chance = true;
	attest(t, 0, nonce, SW_INTERNAL);
	t->hal.no_chance = false;
	X509_free(parse(attest(t, 0, nonce, SW_OK)));
	/* A key that somebody else may have. */
	uint8_t head[FW_HEAD_MAX];
	size_t len = fw_object_len(t->fw, FW_OBJECT(FW_TYPE_KEY, 0)), found = 0;
	assert_true(fw_object_read(t->fw, FW_OBJECT(FW_TYPE_KEY, 0), 0, head, len));
	for (size_t i = 0; i + 2 < len; i++) {
		if (head[i] == 0x84 && head[i + 1] == 1 && head[i + 2] == 0 && found++ == 0)
			head[i + 2] = 1;
	}
	assert_int_equal(found, 1);
	const struct fw_change change = {.object = FW_OBJECT(FW_TYPE_KEY, 0), .part = {BYTES(head, len)}};
	assert_int_equal(fw_journal_commit(t->fw, &change, 1), FW_JOURNAL_OK);
	attest(t, 0, nonce, SW_CONDITIONS);
	ramtoken_free(t);
}

static void put_chain(struct ramtoken *t, struct bytes chain)
{
	const struct fw_change change = {.object = FW_OBJECT_ATTESTATION_CHAIN, .part = {chain}};

	assert_int_equal(fw_journal_commit(t->fw, &change, 1), FW_JOURNAL_OK);
}

/* The factory stored what it liked. Whatever it is, the token says 6985, or makes a certificate that can be read. */
static void a_chain_that_is_none(void **state)
{
	static const char *const bad[] = {"00", "30", "3000", "3081", "30820100", "3003020101", "0500", "3080",
		"30063004A0003000", "3013 300B 020101 3000 3000 3000 3000 3000 0300 0500",
		"3009 3002 3000 3000 030100"};
	const struct bytes nonce = wire_hex("0102030405060708");
	struct personal p;
	struct ramtoken *t = operational(&p);
	unsigned refused = 0;

	(void)state;
	wire_generate(t, 0x11, 0, 1, SW_OK);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		put_chain(t, wire_hex(bad[i]));
		attest(t, 0, nonce, SW_CONDITIONS);
	}
	for (size_t len = 1; len < p.attestation_chain_len; len++) {
		uint8_t raw[64];
		struct builder b = builder_of(raw, sizeof(raw));
		struct bytes answer;
		put_chain(t, BYTES(p.attestation_chain, len));
		tlv_put(&b, 0x80, nonce);
		uint16_t sw = wire_any(t, 0x80, 0xCC, 0, 0, builder_bytes(&b), APDU_LE_MAX, &answer);
		if (sw == SW_OK) /* cut between two certificates */
			X509_free(parse(answer));
		else
			assert_int_equal(sw, SW_CONDITIONS);
		refused += sw != SW_OK;
	}
	assert_int_equal(refused, p.attestation_chain_len - 2);
	for (size_t at = 0; at < p.attestation_chain_len; at++) {
		uint8_t raw[64];
		struct builder b = builder_of(raw, sizeof(raw));
		uint8_t saved = p.attestation_chain[at];
		for (unsigned n = 0; n < 3; n++) {
			p.attestation_chain[at] = n == 0 ? 0xFF : n == 1 ? 0x00 : saved ^ 1;
			put_chain(t, BYTES(p.attestation_chain, p.attestation_chain_len));
			b = builder_of(raw, sizeof(raw));
			tlv_put(&b, 0x80, nonce);
			uint16_t sw = wire_any(t, 0x80, 0xCC, 0, 0, builder_bytes(&b), APDU_LE_MAX, NULL);
			assert_true(sw == SW_OK || sw == SW_CONDITIONS);
		}
		p.attestation_chain[at] = saved;
	}
	ramtoken_free(t);
}

/* r and s of every shape: half of them with a first bit that would make them negative, a few with zeros in front. */
static void a_thousand_signatures_are_good(void **state)
{
	const struct bytes nonce = wire_hex("0102030405060708");
	struct personal p;
	struct ramtoken *t = operational(&p);
	size_t shortest = SIZE_MAX, longest = 0;

	(void)state;
	wire_generate(t, 0x11, 0, 1, SW_OK);
	X509 *first = parse(attest(t, 0, nonce, SW_OK)), *leaf = check_chain(first, &p, PERSONAL_MAKER, 1);
	for (int i = 0; i < 1000; i++) {
		struct bytes der = attest(t, 0, nonce, SW_OK);
		X509 *cert = parse(der);
		assert_int_equal(X509_verify(cert, X509_get0_pubkey(leaf)), 1);
		const ASN1_INTEGER *serial = X509_get0_serialNumber(cert);
		assert_int_equal(ASN1_STRING_length(serial), 16);
		assert_int_equal(ASN1_STRING_get0_data(serial)[0] & 0x80, 0);
		shortest = der.len < shortest ? der.len : shortest;
		longest = der.len > longest ? der.len : longest;
		X509_free(cert);
	}
	assert_true(longest - shortest >= 2);
	X509_free(first);
	X509_free(leaf);
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_is_attested),
		cmocka_unit_test(a_statement_is_fresh),
		cmocka_unit_test(what_is_not_attested),
		cmocka_unit_test(a_chain_that_is_none),
		cmocka_unit_test(a_thousand_signatures_are_good),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
