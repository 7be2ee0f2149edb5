/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates come from outside: they are read with our own cursors, byte by byte, and only then shown to anybody. */
#include "common/crypto.h"

#include "common/crypto_evp.h"
#include "common/tlv.h"

#include <limits.h>
#include <stdlib.h>
#include <openssl/bio.h>

enum der_tag {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_OCTET_STRING = 0x04,
	DER_OID = 0x06,
	DER_UTC_TIME = 0x17,
	DER_GENERALIZED_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_VERSION = 0xA0,           /* TBSCertificate [0] EXPLICIT */
	DER_ISSUER_UNIQUE_ID = 0x81,  /* [1] IMPLICIT */
	DER_SUBJECT_UNIQUE_ID = 0x82, /* [2] IMPLICIT */
	DER_EXTENSIONS = 0xA3,        /* [3] EXPLICIT */
};

/* X.690 8.3.2: at least one byte; nine equal bits in front are one byte too many. */
static void check_integer(struct cursor *c, struct bytes v)
{
	if (v.len == 0 || (v.len > 1 && v.data[0] == 0x00 && !(v.data[1] & 0x80)) ||
		(v.len > 1 && v.data[0] == 0xFF && (v.data[1] & 0x80)))
		cursor_fail(c);
}

/* Version ::= INTEGER { v1(0), v2(1), v3(2) }, absent for v1. */
static unsigned take_version(struct cursor *c)
{
	if (tlv_peek(c) != DER_VERSION)
		return 0;
	struct cursor explicit = cursor_of(tlv_take(c, DER_VERSION));
	struct bytes v = tlv_take(&explicit, DER_INTEGER);
	if (!cursor_done(&explicit) || v.len != 1 || v.data[0] > 2) {
		cursor_fail(c);
		return 0;
	}
	return v.data[0];
}

/* Negative and zero serial numbers exist (RFC 5280 4.1.2.2) and are let through. */
static struct bytes take_serial(struct cursor *c)
{
	struct bytes whole = tlv_take_whole(c, DER_INTEGER), value;

	if (!tlv_unwrap(whole, DER_INTEGER, &value))
		cursor_fail(c);
	else
		check_integer(c, value);
	return whole;
}

/* AlgorithmIdentifier ::= SEQUENCE { OID, parameters ANY OPTIONAL } */
static struct bytes take_algorithm(struct cursor *c)
{
	struct bytes whole = tlv_take_whole(c, DER_SEQUENCE), value, inside;
	uint32_t tag;

	if (!tlv_unwrap(whole, DER_SEQUENCE, &inside)) {
		cursor_fail(c);
		return BYTES_NONE;
	}
	struct cursor in = cursor_of(inside);
	if (tlv_take(&in, DER_OID).len == 0 || (in.left > 0 && !tlv_next(&in, &tag, &value)) || !cursor_done(&in))
		cursor_fail(c);
	return whole;
}

/* Name ::= SEQUENCE OF SET SIZE (1..MAX) OF SEQUENCE { OID, value ANY } */
static bool name_valid(struct bytes name)
{
	struct bytes inside, value;
	uint32_t tag;

	if (!tlv_unwrap(name, DER_SEQUENCE, &inside))
		return false;
	struct cursor rdns = cursor_of(inside);
	while (rdns.left > 0) {
		struct cursor rdn = cursor_of(tlv_take(&rdns, DER_SET));
		do {
			struct cursor pair = cursor_of(tlv_take(&rdn, DER_SEQUENCE));
			if (tlv_take(&pair, DER_OID).len == 0 || !tlv_next(&pair, &tag, &value) || !cursor_done(&pair))
				return false;
		} while (rdn.left > 0);
		if (rdn.failed)
			return false;
	}
	return cursor_done(&rdns);
}

static struct bytes take_name(struct cursor *c)
{
	struct bytes whole = tlv_take_whole(c, DER_SEQUENCE);
	if (!name_valid(whole))
		cursor_fail(c);
	return whole;
}

/* Two digits of an RFC 5280 time; more than 99 when they aren't. */
static unsigned two_digits(struct cursor *c)
{
	unsigned tens = (unsigned)cursor_u8(c) - '0', ones = (unsigned)cursor_u8(c) - '0';
	return tens > 9 || ones > 9 ? 100 : 10 * tens + ones;
}

static unsigned days_in_month(unsigned year, unsigned month)
{
	static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	return days[month - 1] + (month == 2 && leap);
}

/* RFC 5280 4.1.2.5: always with seconds, always Z, never a fraction; years of UTCTime are 1950 to 2049. */
static void take_time(struct cursor *c, char out[15])
{
	bool generalized = tlv_peek(c) == DER_GENERALIZED_TIME;
	struct cursor t = cursor_of(tlv_take(c, generalized ? DER_GENERALIZED_TIME : DER_UTC_TIME));
	unsigned century = generalized ? two_digits(&t) : 0;
	unsigned part[6]; /* year in its century, month, day, hours, minutes, seconds */

	for (size_t i = 0; i < 6; i++)
		part[i] = two_digits(&t);
	if (!generalized)
		century = part[0] < 50 ? 20 : 19;
	if (cursor_u8(&t) != 'Z' || !cursor_done(&t) || century > 99 || part[0] > 99 || part[1] < 1 || part[1] > 12 ||
		part[2] < 1 || part[2] > days_in_month(100 * century + part[0], part[1]) || part[3] > 23 ||
		part[4] > 59 || part[5] > 59) {
		cursor_fail(c);
		return;
	}
	out[0] = (char)('0' + century / 10);
	out[1] = (char)('0' + century % 10);
	for (size_t i = 0; i < 6; i++) {
		out[2 + 2 * i] = (char)('0' + part[i] / 10);
		out[3 + 2 * i] = (char)('0' + part[i] % 10);
	}
	out[14] = '\0';
}

static void take_validity(struct cursor *c, struct crypto_cert *out)
{
	struct cursor v = cursor_of(tlv_take(c, DER_SEQUENCE));

	take_time(&v, out->not_before);
	take_time(&v, out->not_after);
	if (!cursor_done(&v))
		cursor_fail(c);
}

/* The kind of key doesn't matter here: crypto_pubkey_from_spki() looks at it when somebody asks. */
static struct bytes take_spki(struct cursor *c)
{
	struct bytes whole = tlv_take_whole(c, DER_SEQUENCE), inside;

	if (!tlv_unwrap(whole, DER_SEQUENCE, &inside)) {
		cursor_fail(c);
		return BYTES_NONE;
	}
	struct cursor in = cursor_of(inside);
	take_algorithm(&in);
	struct cursor bits = cursor_of(tlv_take(&in, DER_BIT_STRING));
	if (cursor_u8(&bits) > 7 || bits.failed || !cursor_done(&in))
		cursor_fail(c);
	return whole;
}

/* DER has FF for TRUE only, and no default FALSE; but certificates with a written FALSE are many. */
static bool take_boolean(struct cursor *c)
{
	struct bytes v = tlv_take(c, DER_BOOLEAN);
	if (v.len != 1 || (v.data[0] != 0x00 && v.data[0] != 0xFF))
		cursor_fail(c);
	return !c->failed && v.data[0] == 0xFF;
}

/* BasicConstraints ::= SEQUENCE { cA BOOLEAN DEFAULT FALSE, pathLenConstraint INTEGER OPTIONAL } */
static bool parse_basic_constraints(struct bytes value, bool *is_ca)
{
	struct bytes inside;

	if (!tlv_unwrap(value, DER_SEQUENCE, &inside))
		return false;
	struct cursor c = cursor_of(inside);
	*is_ca = tlv_peek(&c) == DER_BOOLEAN && take_boolean(&c);
	if (tlv_peek(&c) == DER_INTEGER)
		check_integer(&c, tlv_take(&c, DER_INTEGER));
	return cursor_done(&c);
}

/* Extensions ::= SEQUENCE SIZE (1..MAX) OF SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING } */
static bool parse_extensions(struct bytes explicit, struct crypto_cert *out)
{
	static const uint8_t basic_constraints[] = {0x55, 0x1D, 0x13};
	struct bytes inside;
	bool seen = false;

	if (!tlv_unwrap(explicit, DER_SEQUENCE, &inside) || inside.len == 0)
		return false;
	struct cursor all = cursor_of(inside);
	while (all.left > 0) {
		struct cursor one = cursor_of(tlv_take(&all, DER_SEQUENCE));
		struct bytes oid = tlv_take(&one, DER_OID);
		if (tlv_peek(&one) == DER_BOOLEAN)
			take_boolean(&one);
		struct bytes value = tlv_take(&one, DER_OCTET_STRING);
		if (!cursor_done(&one) || oid.len == 0)
			return false;
		if (!bytes_equal(oid, BYTES_OF(basic_constraints)))
			continue;
		if (seen || !parse_basic_constraints(value, &out->is_ca)) /* RFC 5280 4.2: each at most once */
			return false;
		seen = true;
	}
	return cursor_done(&all);
}

/* The optional tail, each part with the version that brought it (RFC 5280 4.1.2.8, 4.1.2.9). */
static void take_tail(struct cursor *c, unsigned version, struct crypto_cert *out)
{
	if (version >= 1 && tlv_peek(c) == DER_ISSUER_UNIQUE_ID)
		tlv_take(c, DER_ISSUER_UNIQUE_ID);
	if (version >= 1 && tlv_peek(c) == DER_SUBJECT_UNIQUE_ID)
		tlv_take(c, DER_SUBJECT_UNIQUE_ID);
	if (version >= 2 && tlv_peek(c) == DER_EXTENSIONS && !parse_extensions(tlv_take(c, DER_EXTENSIONS), out))
		cursor_fail(c);
}

bool crypto_cert_parse(struct bytes der, struct crypto_cert *out)
{
	struct cursor c = cursor_of(der);
	struct cursor cert = cursor_of(tlv_take(&c, DER_SEQUENCE));
	struct cursor tbs = cursor_of(tlv_take(&cert, DER_SEQUENCE));
	struct bytes outer_algorithm = take_algorithm(&cert);
	struct cursor signature = cursor_of(tlv_take(&cert, DER_BIT_STRING));

	*out = (struct crypto_cert){0};
	unsigned version = take_version(&tbs);
	out->serial = take_serial(&tbs);
	struct bytes algorithm = take_algorithm(&tbs);
	out->issuer = take_name(&tbs);
	take_validity(&tbs, out);
	out->subject = take_name(&tbs);
	out->spki = take_spki(&tbs);
	take_tail(&tbs, version, out);
	if (cursor_u8(&signature) > 7)
		cursor_fail(&signature);
	return cursor_done(&c) && cursor_done(&cert) && cursor_done(&tbs) && !signature.failed &&
	       bytes_equal(algorithm, outer_algorithm); /* RFC 5280 4.1.1.2 */
}

char *crypto_name_text(struct bytes name)
{
	if (!name_valid(name) || name.len > LONG_MAX)
		return NULL;
	const uint8_t *at = name.data;
	X509_NAME *parsed = d2i_X509_NAME(NULL, &at, (long)name.len);
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL, *written;

	/* RFC 2253 with the letters as they are: the text is UTF-8, not a row of escapes. */
	if (parsed && bio && X509_NAME_print_ex(bio, parsed, 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		long n = BIO_get_mem_data(bio, &written);
		if (n >= 0 && (text = malloc((size_t)n + 1))) {
			bytes_copy((uint8_t *)text, BYTES((const uint8_t *)written, (size_t)n));
			text[n] = '\0';
		}
	}
	BIO_free(bio);
	X509_NAME_free(parsed);
	crypto_clear_errors();
	return text;
}
