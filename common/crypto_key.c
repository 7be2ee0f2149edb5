/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto.h"

#include "common/crypto_evp.h"
#include "common/tlv.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/objects.h>

enum der_tag {
	DER_INTEGER = 0x02,
	DER_BIT_STRING = 0x03,
	DER_NULL = 0x05,
	DER_OID = 0x06,
	DER_SEQUENCE = 0x30,
};

static const uint8_t rsa_encryption[] = {0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01};
static const uint8_t ec_public_key[] = {0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01};

/* Each OID with its tag and length: CKA_EC_PARAMS wants it so. */
static const uint8_t p256_oid[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
static const uint8_t p384_oid[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22};
static const uint8_t p521_oid[] = {0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23};

static const struct {
	struct bytes oid;
	size_t bits;
} curves[CRYPTO_KEY_TYPES] = {
	[CRYPTO_EC_P256] = {{p256_oid, sizeof p256_oid}, 256},
	[CRYPTO_EC_P384] = {{p384_oid, sizeof p384_oid}, 384},
	[CRYPTO_EC_P521] = {{p521_oid, sizeof p521_oid}, 521},
};

static bool is_curve(enum crypto_key_type type)
{
	return type > CRYPTO_RSA && type < CRYPTO_KEY_TYPES;
}

struct bytes crypto_curve_oid(enum crypto_key_type type)
{
	return is_curve(type) ? curves[type].oid : BYTES_NONE;
}

bool crypto_curve_type(struct bytes oid_der, enum crypto_key_type *type)
{
	for (int t = CRYPTO_RSA + 1; t < CRYPTO_KEY_TYPES; t++) {
		if (bytes_equal(curves[t].oid, oid_der)) {
			*type = (enum crypto_key_type)t;
			return true;
		}
	}
	return false;
}

size_t crypto_field_size(enum crypto_key_type type)
{
	return is_curve(type) ? (curves[type].bits + 7) / 8 : 0;
}

size_t crypto_pubkey_bits(const struct crypto_pubkey *key)
{
	if (is_curve(key->type))
		return curves[key->type].bits;
	if (key->modulus.len == 0)
		return 0;
	size_t bits = 8 * key->modulus.len;
	for (uint8_t top = key->modulus.data[0]; top < 0x80 && bits > 0; top = (uint8_t)(top << 1 | 1))
		bits--;
	return bits;
}

/* Positive, odd, no leading zero. */
static bool odd_number(struct bytes n)
{
	return n.len > 0 && n.data[0] != 0 && (n.data[n.len - 1] & 1);
}

bool crypto_pubkey_check(const struct crypto_pubkey *key)
{
	if (key->type == CRYPTO_RSA) {
		struct bytes n = key->modulus, e = key->exponent;
		bool e_is_one = e.len == 1 && e.data[0] == 1;
		return odd_number(n) && n.len <= CRYPTO_RSA_BYTES_MAX && odd_number(e) &&
		       e.len <= CRYPTO_RSA_EXPONENT_MAX && e.len <= n.len && !e_is_one;
	}
	return is_curve(key->type) && key->point.len == 1 + 2 * crypto_field_size(key->type) &&
	       key->point.data[0] == 0x04;
}

/* A positive INTEGER (X.690 8.3): a zero in front keeps the top bit from being the sign. */
static void put_positive(struct builder *b, struct bytes n)
{
	size_t mark = tlv_begin(b, DER_INTEGER);
	if (n.data[0] & 0x80)
		builder_u8(b, 0);
	builder_put(b, n);
	tlv_end(b, mark);
}

static void put_algorithm(struct builder *b, const struct crypto_pubkey *key)
{
	size_t mark = tlv_begin(b, DER_SEQUENCE);
	if (key->type == CRYPTO_RSA) {
		tlv_put(b, DER_OID, BYTES_OF(rsa_encryption));
		tlv_put(b, DER_NULL, BYTES_NONE);
	} else {
		tlv_put(b, DER_OID, BYTES_OF(ec_public_key));
		builder_put(b, crypto_curve_oid(key->type));
	}
	tlv_end(b, mark);
}

static void put_key_bits(struct builder *b, const struct crypto_pubkey *key)
{
	size_t bits = tlv_begin(b, DER_BIT_STRING);
	builder_u8(b, 0); /* no unused bits */
	if (key->type == CRYPTO_RSA) {
		size_t rsa = tlv_begin(b, DER_SEQUENCE);
		put_positive(b, key->modulus);
		put_positive(b, key->exponent);
		tlv_end(b, rsa);
	} else {
		builder_put(b, key->point);
	}
	tlv_end(b, bits);
}

bool crypto_pubkey_to_spki(const struct crypto_pubkey *key, struct builder *out)
{
	struct builder b = *out;

	if (!crypto_pubkey_check(key))
		return false;
	size_t mark = tlv_begin(&b, DER_SEQUENCE);
	put_algorithm(&b, key);
	put_key_bits(&b, key);
	tlv_end(&b, mark);
	if (b.failed)
		return false;
	*out = b;
	return true;
}

/* The magnitude of a positive INTEGER; anything else fails the cursor. */
static struct bytes take_positive(struct cursor *c)
{
	struct cursor v = cursor_of(tlv_take(c, DER_INTEGER));

	if (v.left > 1 && v.at[0] == 0) {
		cursor_u8(&v);
		if (!(v.at[0] & 0x80)) /* X.690 8.3.2: not the shortest */
			cursor_fail(c);
	} else if (v.left == 0 || (v.at[0] & 0x80)) {
		cursor_fail(c);
	}
	return c->failed ? BYTES_NONE : cursor_rest(&v);
}

static bool parse_rsa(struct cursor *params, struct bytes key_bits, struct crypto_pubkey *out)
{
	struct cursor c = cursor_of(key_bits);
	struct cursor numbers = cursor_of(tlv_take(&c, DER_SEQUENCE));

	out->type = CRYPTO_RSA;
	out->modulus = take_positive(&numbers);
	out->exponent = take_positive(&numbers);
	return tlv_take(params, DER_NULL).len == 0 && cursor_done(params) && cursor_done(&numbers) && cursor_done(&c);
}

static bool parse_ec(struct cursor *params, struct bytes key_bits, struct crypto_pubkey *out)
{
	out->point = key_bits;
	return crypto_curve_type(cursor_rest(params), &out->type);
}

bool crypto_pubkey_from_spki(struct bytes spki, struct crypto_pubkey *out)
{
	struct cursor c = cursor_of(spki);
	struct cursor info = cursor_of(tlv_take(&c, DER_SEQUENCE));
	struct cursor algorithm = cursor_of(tlv_take(&info, DER_SEQUENCE));
	struct bytes oid = tlv_take(&algorithm, DER_OID);
	struct cursor bits = cursor_of(tlv_take(&info, DER_BIT_STRING));
	uint8_t unused = cursor_u8(&bits);
	struct bytes key_bits = cursor_rest(&bits);
	bool ok = false;

	*out = (struct crypto_pubkey){0};
	if (!cursor_done(&c) || !cursor_done(&info) || !cursor_done(&bits) || algorithm.failed || unused != 0)
		return false;
	if (bytes_equal(oid, BYTES_OF(rsa_encryption)))
		ok = parse_rsa(&algorithm, key_bits, out);
	else if (bytes_equal(oid, BYTES_OF(ec_public_key)))
		ok = parse_ec(&algorithm, key_bits, out);
	return ok && crypto_pubkey_check(out);
}

bool crypto_pubkey_equal(const struct crypto_pubkey *a, const struct crypto_pubkey *b)
{
	if (a->type != b->type)
		return false;
	if (a->type == CRYPTO_RSA)
		return bytes_equal(a->modulus, b->modulus) && bytes_equal(a->exponent, b->exponent);
	return bytes_equal(a->point, b->point);
}

EVP_PKEY *crypto_pubkey_evp(const struct crypto_pubkey *key)
{
	uint8_t der[CRYPTO_SPKI_MAX];
	struct builder b = builder_of(der, sizeof der);

	if (!crypto_pubkey_to_spki(key, &b))
		return NULL;
	const uint8_t *at = der;
	return d2i_PUBKEY(NULL, &at, (long)b.len);
}

bool crypto_point_valid(const struct crypto_pubkey *key)
{
	EVP_PKEY *evp = is_curve(key->type) ? crypto_pubkey_evp(key) : NULL;
	EVP_PKEY_CTX *ctx = evp ? EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL) : NULL;
	bool ok = ctx && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(evp);
	crypto_clear_errors();
	return ok;
}

static EC_GROUP *group_of(enum crypto_key_type type)
{
	static const int nids[CRYPTO_KEY_TYPES] = {
		[CRYPTO_EC_P256] = NID_X9_62_prime256v1,
		[CRYPTO_EC_P384] = NID_secp384r1,
		[CRYPTO_EC_P521] = NID_secp521r1,
	};
	return is_curve(type) ? EC_GROUP_new_by_curve_name(nids[type]) : NULL;
}

bool crypto_point_of(enum crypto_key_type type, struct bytes d, struct builder *point)
{
	EC_GROUP *group = group_of(type);
	EC_POINT *q = group ? EC_POINT_new(group) : NULL;
	BN_CTX *ctx = BN_CTX_secure_new();
	BIGNUM *n = BN_secure_new();
	size_t size = 1 + 2 * crypto_field_size(type);
	bool ok = q && ctx && n && d.len <= CRYPTO_POINT_MAX && BN_bin2bn(d.data, (int)d.len, n) && !BN_is_zero(n) &&
		  BN_cmp(n, EC_GROUP_get0_order(group)) < 0 && EC_POINT_mul(group, q, n, NULL, NULL, ctx) == 1;

	if (ok) {
		uint8_t *room = builder_room(point, size);
		ok = room && EC_POINT_point2oct(group, q, POINT_CONVERSION_UNCOMPRESSED, room, size, ctx) == size;
	}
	BN_clear_free(n);
	BN_CTX_free(ctx);
	EC_POINT_free(q);
	EC_GROUP_free(group);
	crypto_clear_errors();
	return ok;
}
