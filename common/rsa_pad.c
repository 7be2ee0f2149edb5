/* SPDX-License-Identifier: Apache-2.0 */
#include "common/rsa_pad.h"

#include <limits.h>

/* ---- values that secrets decide, without branches: a mask is all ones (true) or zero (false) ---- */

typedef size_t mask;

/* A compiler that knows what a value can be makes branches, or addresses, of it again: it may not know. */
static size_t opaque(size_t v)
{
	volatile size_t hidden = v;
	return hidden;
}

static mask mask_if_zero(size_t v)
{
	return opaque((mask)0 - ((~v & (v - 1)) >> (sizeof v * CHAR_BIT - 1)));
}

static mask mask_if_equal(size_t a, size_t b)
{
	return mask_if_zero(a ^ b);
}

/* For values below half of SIZE_MAX, as lengths of blocks are. */
static mask mask_if_below(size_t a, size_t b)
{
	return opaque((mask)0 - ((opaque(a) - b) >> (sizeof a * CHAR_BIT - 1)));
}

static size_t select_size(mask m, size_t if_true, size_t if_false)
{
	return (if_true & m) | (if_false & ~m);
}

static uint8_t select_byte(mask m, uint8_t if_true, uint8_t if_false)
{
	return (uint8_t)((if_true & m) | (if_false & ~m));
}

/*
 * Bring the message, which begins at a secret place, to the front, and zero everything behind it (all of it when
 * !good). Each power of two is one pass that moves everything or nothing; the memory touched is always the same.
 */
static void bring_to_front(uint8_t *block, size_t n, size_t start, mask good)
{
	for (size_t step = 1; step < n; step <<= 1) {
		mask move = ~mask_if_zero(start & step);
		for (size_t i = 0; i < n; i++)
			block[i] = select_byte(move, i + step < n ? block[i + step] : 0, block[i]);
	}
	for (size_t i = 0; i < n; i++)
		block[i] &= (uint8_t)(mask_if_below(i, n - start) & good);
}

/* ---- MGF1 (RFC 8017 B.2.1), XORed over `out` ---- */

static bool mgf1_block(struct crypto_digest_ctx *seeded, uint32_t counter, uint8_t *digest)
{
	const uint8_t be[4] = {
		(uint8_t)(counter >> 24), (uint8_t)(counter >> 16), (uint8_t)(counter >> 8), (uint8_t)counter};
	struct crypto_digest_ctx *d = crypto_digest_copy(seeded);
	bool ok = d && crypto_digest_update(d, BYTES_OF(be)) && crypto_digest_final(d, digest);
	crypto_digest_free(d);
	return ok;
}

static bool mgf1_xor(enum crypto_hash hash, struct bytes seed, uint8_t *out, size_t n)
{
	const size_t size = crypto_hash_size(hash);
	uint8_t digest[CRYPTO_DIGEST_MAX];
	struct crypto_digest_ctx *seeded = crypto_digest_new(hash);
	bool ok = seeded && crypto_digest_update(seeded, seed);

	for (size_t done = 0; ok && done < n; done += size) {
		ok = mgf1_block(seeded, (uint32_t)(done / size), digest);
		for (size_t i = 0; ok && i < size && done + i < n; i++)
			out[done + i] ^= digest[i];
	}
	crypto_digest_free(seeded);
	bytes_wipe(digest, sizeof digest);
	return ok;
}

/* ---- PKCS #1 v1.5 ---- */

bool rsa_pad_pkcs1_sign(struct bytes t, uint8_t *block, size_t k)
{
	if (k < RSA_PAD_PKCS1_OVERHEAD || t.len > k - RSA_PAD_PKCS1_OVERHEAD)
		return false;
	size_t ps = k - 3 - t.len;
	block[0] = 0x00;
	block[1] = 0x01;
	bytes_fill(block + 2, 0xFF, ps);
	block[2 + ps] = 0x00;
	bytes_copy(block + 3 + ps, t);
	return true;
}

bool rsa_pad_pkcs1_recover(struct bytes block, struct bytes *t)
{
	struct cursor c = cursor_of(block);
	size_t ps = 0;

	if (cursor_u16(&c) != 0x0001)
		return false;
	while (c.left && c.at[0] == 0xFF) {
		cursor_u8(&c);
		ps++;
	}
	if (ps < RSA_PAD_PKCS1_OVERHEAD - 3 || cursor_u8(&c) != 0x00 || c.failed)
		return false;
	*t = cursor_rest(&c);
	return true;
}

bool rsa_pad_pkcs1_sign_digest(enum crypto_hash hash, struct bytes digest, uint8_t *block, size_t k)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);
	uint8_t t[32 + CRYPTO_DIGEST_MAX];
	struct builder b = builder_of(t, sizeof t);

	if (!info || digest.len != info->size)
		return false;
	builder_put(&b, info->digest_info);
	builder_put(&b, digest);
	return !b.failed && rsa_pad_pkcs1_sign(builder_bytes(&b), block, k);
}

static bool random_nonzero(uint8_t *out, size_t n)
{
	if (!crypto_random(out, n))
		return false;
	for (size_t i = 0; i < n; i++)
		while (out[i] == 0)
			if (!crypto_random(out + i, 1))
				return false;
	return true;
}

bool rsa_pad_pkcs1_encrypt(struct bytes message, uint8_t *block, size_t k)
{
	if (k < RSA_PAD_PKCS1_OVERHEAD || message.len > k - RSA_PAD_PKCS1_OVERHEAD)
		return false;
	size_t ps = k - 3 - message.len;
	if (!random_nonzero(block + 2, ps))
		return false;
	block[0] = 0x00;
	block[1] = 0x02;
	block[2 + ps] = 0x00;
	bytes_copy(block + 3 + ps, message);
	return true;
}

bool rsa_pad_pkcs1_decrypt(struct bytes block, uint8_t *out, size_t *len)
{
	const size_t k = block.len;
	mask found = 0;
	size_t zero_at = 0;

	*len = 0;
	if (k < RSA_PAD_PKCS1_OVERHEAD || k > CRYPTO_RSA_BYTES_MAX)
		return false;
	mask good = mask_if_zero(block.data[0]) & mask_if_equal(block.data[1], 0x02);
	for (size_t i = 2; i < k; i++) {
		mask here = mask_if_zero(block.data[i]) & ~found;
		zero_at = select_size(here, i, zero_at);
		found |= here;
	}
	good &= found & ~mask_if_below(zero_at, 2 + 8);
	bytes_copy(out, block);
	bring_to_front(out, k, zero_at + 1, good);
	*len = (k - zero_at - 1) & good;
	return good != 0;
}

/* ---- OAEP ---- */

bool rsa_pad_oaep_message_max(enum crypto_hash hash, size_t k, size_t *max)
{
	size_t h = crypto_hash_size(hash);
	if (h == 0 || k > CRYPTO_RSA_BYTES_MAX || k < 2 * h + 2)
		return false;
	*max = k - 2 * h - 2;
	return true;
}

bool rsa_pad_oaep_encrypt(
	const struct rsa_pad_params *p, struct bytes label, struct bytes message, uint8_t *block, size_t k)
{
	const size_t h = crypto_hash_size(p->hash);
	size_t max;

	if (!rsa_pad_oaep_message_max(p->hash, k, &max) || message.len > max)
		return false;
	uint8_t *seed = block + 1, *db = seed + h;
	const size_t db_len = k - h - 1;
	block[0] = 0x00;
	bytes_fill(db, 0, db_len);
	db[db_len - message.len - 1] = 0x01;
	bytes_copy(db + (db_len - message.len), message);
	bool ok = crypto_digest(p->hash, label, db) && crypto_random(seed, h) &&
		  mgf1_xor(p->mgf_hash, BYTES(seed, h), db, db_len) &&
		  mgf1_xor(p->mgf_hash, BYTES(db, db_len), seed, h);
	if (!ok)
		bytes_wipe(block, k);
	return ok;
}

bool rsa_pad_oaep_decrypt(
	const struct rsa_pad_params *p, struct bytes label, struct bytes block, uint8_t *out, size_t *len)
{
	const size_t h = crypto_hash_size(p->hash), k = block.len, db_len = k - h - 1;
	uint8_t em[CRYPTO_RSA_BYTES_MAX], label_hash[CRYPTO_DIGEST_MAX];
	size_t max, one_at = 0;
	mask found = 0;

	*len = 0;
	if (!rsa_pad_oaep_message_max(p->hash, k, &max))
		return false;
	bytes_copy(em, block);
	uint8_t *seed = em + 1, *db = seed + h;
	bool done = crypto_digest(p->hash, label, label_hash) && mgf1_xor(p->mgf_hash, BYTES(db, db_len), seed, h) &&
		    mgf1_xor(p->mgf_hash, BYTES(seed, h), db, db_len);
	mask good = ~mask_if_zero(done) & mask_if_zero(em[0]);
	for (size_t i = 0; i < h; i++)
		good &= mask_if_equal(db[i], label_hash[i]);
	for (size_t i = h; i < db_len; i++) {
		mask one = mask_if_equal(db[i], 0x01) & ~found;
		one_at = select_size(one, i, one_at);
		found |= one;
		good &= found | mask_if_zero(db[i]); /* only zeros before the 01 */
	}
	good &= found;
	bring_to_front(db, db_len, one_at + 1, good);
	bytes_fill(out, 0, k);
	bytes_copy(out, BYTES(db, db_len));
	bytes_wipe(em, sizeof em);
	*len = (db_len - one_at - 1) & good;
	return good != 0;
}

/* ---- PSS ---- */

/* Where the parts of EM lie in the block: DB, H, then BC at the end. */
struct pss_shape {
	size_t lead; /* zero byte in front of EM: 0 or 1 */
	size_t db_len;
	size_t h;
	uint8_t top; /* the bits of DB's first byte that exist */
};

static bool pss_shape(enum crypto_hash hash, size_t bits, struct pss_shape *s)
{
	size_t h = crypto_hash_size(hash), em_bits = bits - 1, em_len = (em_bits + 7) / 8;

	if (h == 0 || bits == 0 || bits > 8 * (size_t)CRYPTO_RSA_BYTES_MAX || em_len < h + 2)
		return false;
	*s = (struct pss_shape){
		.lead = (bits + 7) / 8 - em_len,
		.db_len = em_len - h - 1,
		.h = h,
		.top = (uint8_t)(0xFF >> (8 * em_len - em_bits)),
	};
	return true;
}

bool rsa_pad_pss_salt_max(enum crypto_hash hash, size_t bits, size_t *max)
{
	struct pss_shape s;
	if (!pss_shape(hash, bits, &s))
		return false;
	*max = s.db_len - 1;
	return true;
}

/* H = Hash(eight zeros || digest || salt) */
static bool pss_hash(enum crypto_hash hash, struct bytes digest, struct bytes salt, uint8_t *out)
{
	static const uint8_t zeros[8];
	struct crypto_digest_ctx *d = crypto_digest_new(hash);
	bool ok = d && crypto_digest_update(d, BYTES_OF(zeros)) && crypto_digest_update(d, digest) &&
		  crypto_digest_update(d, salt) && crypto_digest_final(d, out);
	crypto_digest_free(d);
	return ok;
}

bool rsa_pad_pss_encode(
	const struct rsa_pad_params *p, struct bytes digest, struct bytes salt, size_t bits, uint8_t *block)
{
	struct pss_shape s;

	if (!pss_shape(p->hash, bits, &s) || digest.len != s.h || p->salt_len > s.db_len - 1)
		return false;
	if (salt.data && salt.len != p->salt_len)
		return false;
	uint8_t *db = block + s.lead, *h = db + s.db_len, *salt_at = h - p->salt_len;
	bytes_fill(block, 0, s.lead + s.db_len);
	if (salt.data)
		bytes_copy(salt_at, salt);
	else if (!crypto_random(salt_at, p->salt_len))
		return false;
	salt_at[-1] = 0x01;
	h[s.h] = 0xBC;
	if (!pss_hash(p->hash, digest, BYTES(salt_at, p->salt_len), h) ||
		!mgf1_xor(p->mgf_hash, BYTES(h, s.h), db, s.db_len))
		return false;
	db[0] &= s.top;
	return true;
}

bool rsa_pad_pss_verify(const struct rsa_pad_params *p, struct bytes digest, size_t bits, struct bytes block)
{
	uint8_t db[CRYPTO_RSA_BYTES_MAX], want[CRYPTO_DIGEST_MAX];
	struct pss_shape s;

	if (!pss_shape(p->hash, bits, &s) || digest.len != s.h || p->salt_len > s.db_len - 1)
		return false;
	struct cursor c = cursor_of(block);
	struct bytes lead = cursor_take(&c, s.lead), masked = cursor_take(&c, s.db_len), h = cursor_take(&c, s.h);
	if (cursor_u8(&c) != 0xBC || !cursor_done(&c) || (s.lead && lead.data[0] != 0) || (masked.data[0] & ~s.top))
		return false;
	bytes_copy(db, masked);
	if (!mgf1_xor(p->mgf_hash, h, db, s.db_len))
		return false;
	db[0] &= s.top;
	size_t zeros = s.db_len - p->salt_len - 1;
	for (size_t i = 0; i < zeros; i++)
		if (db[i] != 0)
			return false;
	return db[zeros] == 0x01 && pss_hash(p->hash, digest, BYTES(db + zeros + 1, p->salt_len), want) &&
	       bytes_equal(BYTES(want, s.h), h);
}
