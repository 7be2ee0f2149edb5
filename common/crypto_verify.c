/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto.h"

#include "common/crypto_evp.h"
#include "common/rsa_pad.h"
#include "common/tlv.h"

#include <openssl/rsa.h>

enum der_tag {
	DER_INTEGER = 0x02,
	DER_SEQUENCE = 0x30,
};

/* ---- ECDSA-Sig-Value ---- */

#define ECDSA_FIELD_MAX 66

static struct bytes strip_zeros(struct bytes n)
{
	struct cursor c = cursor_of(n);
	while (c.left > 0 && c.at[0] == 0)
		cursor_u8(&c);
	return cursor_rest(&c);
}

static void put_half(struct builder *b, struct bytes half)
{
	struct bytes n = strip_zeros(half);
	if (n.len == 0) {
		b->failed = true;
		return;
	}
	size_t mark = tlv_begin(b, DER_INTEGER);
	if (n.data[0] & 0x80)
		builder_u8(b, 0);
	builder_put(b, n);
	tlv_end(b, mark);
}

bool crypto_ecdsa_to_der(struct bytes rs, struct builder *out)
{
	struct builder b = *out;
	struct cursor c = cursor_of(rs);

	if (rs.len % 2 != 0 || rs.len > 2 * ECDSA_FIELD_MAX)
		return false;
	size_t mark = tlv_begin(&b, DER_SEQUENCE);
	put_half(&b, cursor_take(&c, rs.len / 2));
	put_half(&b, cursor_take(&c, rs.len / 2));
	tlv_end(&b, mark);
	if (b.failed)
		return false;
	*out = b;
	return true;
}

static bool take_half(struct cursor *c, size_t field, struct builder *b)
{
	struct bytes v = tlv_take(c, DER_INTEGER);

	if (v.len == 0 || (v.data[0] & 0x80)) /* absent or negative */
		return false;
	struct bytes n = strip_zeros(v);
	if (n.len == 0 || n.len > field) /* zero, or too large */
		return false;
	if (v.len - n.len > 1 || (v.len > n.len && !(n.data[0] & 0x80))) /* zeros that DER does not have */
		return false;
	uint8_t *room = builder_room(b, field - n.len);
	if (room)
		bytes_fill(room, 0, field - n.len);
	builder_put(b, n);
	return true;
}

bool crypto_ecdsa_from_der(struct bytes der, size_t field, struct builder *out)
{
	struct builder b = *out;
	struct bytes inside;

	if (field == 0 || field > ECDSA_FIELD_MAX || !tlv_unwrap(der, DER_SEQUENCE, &inside))
		return false;
	struct cursor c = cursor_of(inside);
	if (!take_half(&c, field, &b) || !take_half(&c, field, &b) || !cursor_done(&c) || b.failed)
		return false;
	*out = b;
	return true;
}

/* ---- RSA ---- */

/* For big-endian numbers of the same length. */
static bool below(struct bytes a, struct bytes b)
{
	for (size_t i = 0; i < a.len; i++)
		if (a.data[i] != b.data[i])
			return a.data[i] < b.data[i];
	return false;
}

bool crypto_rsa_public(const struct crypto_pubkey *key, struct bytes in, uint8_t *out)
{
	if (key->type != CRYPTO_RSA || in.len != key->modulus.len || !below(in, key->modulus))
		return false;
	EVP_PKEY *evp = crypto_pubkey_evp(key);
	EVP_PKEY_CTX *ctx = evp ? EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL) : NULL;
	size_t len = in.len;
	bool ok = ctx && EVP_PKEY_encrypt_init(ctx) > 0 && EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING) > 0 &&
		  EVP_PKEY_encrypt(ctx, out, &len, in.data, in.len) > 0 && len == in.len;

	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(evp);
	crypto_clear_errors();
	return ok;
}

static enum crypto_verdict verdict(bool good)
{
	return good ? CRYPTO_GOOD : CRYPTO_BAD;
}

static enum crypto_verdict verify_rsa(
	const struct crypto_pubkey *key, const struct crypto_scheme *s, struct bytes input, struct bytes signature)
{
	const size_t k = key->modulus.len;
	const struct rsa_pad_params pss = {s->hash, s->mgf_hash, s->salt_len};
	uint8_t got[CRYPTO_RSA_BYTES_MAX], want[CRYPTO_RSA_BYTES_MAX] = {0};

	if (s->kind != CRYPTO_RSA_RAW && s->hash != CRYPTO_NO_HASH && input.len != crypto_hash_size(s->hash))
		return CRYPTO_ERROR;
	if (s->kind == CRYPTO_RSA_PSS && (!crypto_hash_info(s->hash) || !crypto_hash_info(s->mgf_hash)))
		return CRYPTO_ERROR;
	if (signature.len != k || !below(signature, key->modulus))
		return CRYPTO_BAD;
	if (!crypto_rsa_public(key, signature, got))
		return CRYPTO_ERROR;
	switch (s->kind) {
	case CRYPTO_RSA_RAW:
		if (input.len > k)
			return CRYPTO_ERROR;
		bytes_copy(want + (k - input.len), input);
		break;
	case CRYPTO_RSA_PKCS1: {
		bool fits = s->hash == CRYPTO_NO_HASH ? rsa_pad_pkcs1_sign(input, want, k)
						      : rsa_pad_pkcs1_sign_digest(s->hash, input, want, k);
		if (!fits)
			return CRYPTO_ERROR;
		break;
	}
	case CRYPTO_RSA_PSS:
		return verdict(rsa_pad_pss_verify(&pss, input, crypto_pubkey_bits(key), BYTES(got, k)));
	default:
		return CRYPTO_ERROR;
	}
	return verdict(bytes_equal(BYTES(want, k), BYTES(got, k)));
}

static enum crypto_verdict verify_ecdsa(const struct crypto_pubkey *key, struct bytes digest, struct bytes signature)
{
	uint8_t der[2 * ECDSA_FIELD_MAX + 16];
	struct builder b = builder_of(der, sizeof der);

	if (digest.len == 0)
		return CRYPTO_ERROR;
	if (signature.len != 2 * crypto_field_size(key->type) || !crypto_ecdsa_to_der(signature, &b))
		return CRYPTO_BAD;
	EVP_PKEY *evp = crypto_pubkey_evp(key);
	EVP_PKEY_CTX *ctx = evp ? EVP_PKEY_CTX_new_from_pkey(NULL, evp, NULL) : NULL;
	enum crypto_verdict v = CRYPTO_ERROR;
	if (ctx && EVP_PKEY_verify_init(ctx) > 0) {
		int got = EVP_PKEY_verify(ctx, der, b.len, digest.data, digest.len);

		/* Below zero it did not come to a verdict. */
		v = got < 0 ? CRYPTO_ERROR : verdict(got == 1);
	}
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(evp);
	crypto_clear_errors();
	return v;
}

enum crypto_verdict crypto_verify(
	const struct crypto_pubkey *key, const struct crypto_scheme *scheme, struct bytes input, struct bytes signature)
{
	if (!crypto_pubkey_check(key) || (key->type == CRYPTO_RSA) == (scheme->kind == CRYPTO_ECDSA))
		return CRYPTO_ERROR;
	return key->type == CRYPTO_RSA ? verify_rsa(key, scheme, input, signature)
				       : verify_ecdsa(key, input, signature);
}
