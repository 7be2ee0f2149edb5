/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto_secret.h"

#include "common/crypto_evp.h"

#include <stdio.h>
#include <stdlib.h>

/* What OpenSSL takes at once. */
#define PIECE_MAX (1u << 30)

static const struct {
	const char *name; /* after "AES-256-" */
	size_t iv;        /* 0: none, or any */
	bool blocks;      /* works on whole blocks */
	bool pads;
} modes[CRYPTO_CIPHERS] = {
	[CRYPTO_AES_ECB] = {"ECB", 0,                true,  false},
	[CRYPTO_AES_CBC] = {"CBC", CRYPTO_AES_BLOCK, true,  false},
	[CRYPTO_AES_CBC_PAD] = {"CBC", CRYPTO_AES_BLOCK, true,  true },
	[CRYPTO_AES_CTR] = {"CTR", CRYPTO_AES_BLOCK, false, false},
	[CRYPTO_AES_GCM] = {"GCM", 0,                false, false},
};

struct crypto_cipher_ctx {
	EVP_CIPHER_CTX *evp;
	enum crypto_cipher cipher;
	bool encrypt;
	size_t held;
};

bool crypto_aes_key_size(size_t n)
{
	return n == 16 || n == 24 || n == 32;
}

static EVP_CIPHER *fetch(size_t key_size, const char *mode)
{
	char name[24];

	snprintf(name, sizeof name, "AES-%u-%s", (unsigned)(8 * key_size), mode);
	return EVP_CIPHER_fetch(NULL, name, NULL);
}

static bool good_iv(enum crypto_cipher cipher, struct bytes iv)
{
	if (cipher == CRYPTO_AES_GCM)
		return iv.len >= 1 && iv.len <= CRYPTO_GCM_IV_MAX;
	return iv.len == modes[cipher].iv;
}

static bool begin(struct crypto_cipher_ctx *c, struct bytes key, struct bytes iv)
{
	EVP_CIPHER *cipher = fetch(key.len, modes[c->cipher].name);
	bool ok = cipher && EVP_CipherInit_ex2(c->evp, cipher, NULL, NULL, c->encrypt, NULL);

	if (ok && c->cipher == CRYPTO_AES_GCM)
		ok = EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.len, NULL) > 0;
	ok = ok && EVP_CipherInit_ex2(c->evp, NULL, key.data, iv.len ? iv.data : NULL, c->encrypt, NULL) &&
	     EVP_CIPHER_CTX_set_padding(c->evp, modes[c->cipher].pads);
	EVP_CIPHER_free(cipher);
	return ok;
}

struct crypto_cipher_ctx *crypto_cipher_new(enum crypto_cipher cipher, bool encrypt, struct bytes key, struct bytes iv)
{
	struct crypto_cipher_ctx *c;

	if (cipher >= CRYPTO_CIPHERS || !crypto_aes_key_size(key.len) || !good_iv(cipher, iv))
		return NULL;
	c = calloc(1, sizeof *c);
	if (!c)
		return NULL;
	c->cipher = cipher;
	c->encrypt = encrypt;
	c->evp = EVP_CIPHER_CTX_new();
	if (!c->evp || !begin(c, key, iv)) {
		crypto_cipher_free(c);
		c = NULL;
	}
	crypto_clear_errors();
	return c;
}

void crypto_cipher_free(struct crypto_cipher_ctx *c)
{
	if (!c)
		return;
	EVP_CIPHER_CTX_free(c->evp);
	free(c);
}

bool crypto_cipher_restart(struct crypto_cipher_ctx *c, struct bytes iv)
{
	bool ok = c->cipher == CRYPTO_AES_GCM && good_iv(c->cipher, iv) &&
		  EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_IVLEN, (int)iv.len, NULL) > 0 &&
		  EVP_CipherInit_ex2(c->evp, NULL, NULL, iv.data, c->encrypt, NULL);

	crypto_clear_errors();
	return ok;
}

size_t crypto_cipher_held(const struct crypto_cipher_ctx *c)
{
	return c->held;
}

size_t crypto_cipher_room(const struct crypto_cipher_ctx *c, size_t in)
{
	size_t all = c->held + in;

	if (!modes[c->cipher].blocks)
		return in;
	/* The padding may be in the last block: that one waits. */
	if (modes[c->cipher].pads && !c->encrypt && all)
		all--;
	return all - all % CRYPTO_AES_BLOCK;
}

bool crypto_cipher_update(struct crypto_cipher_ctx *c, struct bytes in, uint8_t *out, size_t *len)
{
	struct cursor rest = cursor_of(in);
	struct builder b = builder_of(out, crypto_cipher_room(c, in.len));
	size_t held = c->held + in.len - b.cap;

	while (rest.left && !b.failed) {
		struct bytes piece = cursor_take(&rest, rest.left < PIECE_MAX ? rest.left : PIECE_MAX);
		int n = 0;

		if (!EVP_CipherUpdate(c->evp, b.data + b.len, &n, piece.data, (int)piece.len)) {
			crypto_clear_errors();
			return false;
		}
		builder_room(&b, (size_t)n);
	}
	c->held = modes[c->cipher].blocks ? held : 0;
	*len = b.len;
	return !b.failed && b.len == b.cap;
}

bool crypto_cipher_aad(struct crypto_cipher_ctx *c, struct bytes aad)
{
	struct cursor rest = cursor_of(aad);
	bool ok = true;

	while (rest.left && ok) {
		struct bytes piece = cursor_take(&rest, rest.left < PIECE_MAX ? rest.left : PIECE_MAX);
		int n = 0;

		ok = EVP_CipherUpdate(c->evp, NULL, &n, piece.data, (int)piece.len);
	}
	crypto_clear_errors();
	return ok;
}

bool crypto_cipher_final(struct crypto_cipher_ctx *c, uint8_t *out, size_t *len)
{
	uint8_t block[2 * CRYPTO_AES_BLOCK];
	int n = 0;
	bool ok = EVP_CipherFinal_ex(c->evp, block, &n);

	if (ok && n)
		bytes_copy(out, BYTES(block, (size_t)n));
	*len = ok ? (size_t)n : 0;
	c->held = 0;
	bytes_wipe(block, sizeof block);
	crypto_clear_errors();
	return ok;
}

bool crypto_cipher_tag(struct crypto_cipher_ctx *c, uint8_t *tag, size_t n)
{
	return EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_GET_TAG, (int)n, tag) > 0;
}

bool crypto_cipher_expect(struct crypto_cipher_ctx *c, struct bytes tag)
{
	return tag.len <= CRYPTO_GCM_TAG_MAX &&
	       EVP_CIPHER_CTX_ctrl(c->evp, EVP_CTRL_AEAD_SET_TAG, (int)tag.len, (void *)tag.data) > 0;
}

bool crypto_one_block(size_t block, bool encrypt, struct bytes key, const uint8_t *in, uint8_t *out)
{
	const bool tdes = block == CRYPTO_TDES_BLOCK && key.len == CRYPTO_TDES_KEY;
	EVP_CIPHER_CTX *evp = NULL;
	EVP_CIPHER *cipher = NULL;
	int n = 0;

	if (!tdes && !(block == CRYPTO_AES_BLOCK && crypto_aes_key_size(key.len)))
		return false;
	cipher = tdes ? EVP_CIPHER_fetch(NULL, "DES-EDE3-ECB", NULL) : fetch(key.len, "ECB");
	evp = EVP_CIPHER_CTX_new();
	bool ok = cipher && evp && EVP_CipherInit_ex2(evp, cipher, key.data, NULL, encrypt, NULL) &&
		  EVP_CIPHER_CTX_set_padding(evp, 0) && EVP_CipherUpdate(evp, out, &n, in, (int)block) &&
		  (size_t)n == block;
	EVP_CIPHER_CTX_free(evp);
	EVP_CIPHER_free(cipher);
	crypto_clear_errors();
	return ok;
}

/* ---- key wrapping ---- */

#define HALF (CRYPTO_AES_BLOCK / 2)

/* RFC 5649 can say 2^32; a key is shorter. */
#define WRAP_MAX (1u << 20)

static const struct {
	const char *name;
	size_t iv;
} wraps[] = {
	[CRYPTO_AES_KW] = {"WRAP",     HALF    },
	[CRYPTO_AES_KWP] = {"WRAP-PAD", HALF / 2},
};

size_t crypto_wrapped_size(enum crypto_wrap wrap, size_t in)
{
	if (in == 0 || in > WRAP_MAX || (wrap == CRYPTO_AES_KW && (in < 2 * HALF || in % HALF != 0)))
		return 0;
	return (in + HALF - 1) / HALF * HALF + HALF;
}

/* CRYPTO_BAD: OpenSSL came as far as the data, and did not like it. */
static enum crypto_verdict run(enum crypto_wrap wrap, bool encrypt, struct bytes key, struct bytes iv, struct bytes in,
	uint8_t *out, size_t *len)
{
	EVP_CIPHER *cipher = NULL;
	EVP_CIPHER_CTX *evp = NULL;
	enum crypto_verdict verdict = CRYPTO_ERROR;
	int n = 0, rest = 0;

	if (!crypto_aes_key_size(key.len) || (iv.len && iv.len != wraps[wrap].iv))
		return CRYPTO_ERROR;
	cipher = fetch(key.len, wraps[wrap].name);
	evp = EVP_CIPHER_CTX_new();
	if (evp)
		EVP_CIPHER_CTX_set_flags(evp, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (cipher && evp && EVP_CipherInit_ex2(evp, cipher, key.data, iv.len ? iv.data : NULL, encrypt, NULL) > 0)
		verdict = EVP_CipherUpdate(evp, out, &n, in.data, (int)in.len) > 0 && n > 0 &&
					  EVP_CipherFinal_ex(evp, out + n, &rest) > 0
				  ? CRYPTO_GOOD
				  : CRYPTO_BAD;
	*len = verdict == CRYPTO_GOOD ? (size_t)n + (size_t)rest : 0;
	EVP_CIPHER_CTX_free(evp);
	EVP_CIPHER_free(cipher);
	crypto_clear_errors();
	return verdict;
}

bool crypto_key_wrap(
	enum crypto_wrap wrap, struct bytes key, struct bytes iv, struct bytes in, uint8_t *out, size_t *len)
{
	return crypto_wrapped_size(wrap, in.len) && run(wrap, true, key, iv, in, out, len) == CRYPTO_GOOD;
}

enum crypto_verdict crypto_key_unwrap(
	enum crypto_wrap wrap, struct bytes key, struct bytes iv, struct bytes in, uint8_t *out, size_t *len)
{
	const size_t least = wrap == CRYPTO_AES_KW ? 3 * HALF : 2 * HALF;
	enum crypto_verdict verdict = CRYPTO_BAD;

	if (in.len >= least && in.len % HALF == 0 && in.len <= WRAP_MAX)
		verdict = run(wrap, false, key, iv, in, out, len);
	if (verdict != CRYPTO_GOOD) {
		bytes_wipe(out, in.len);
		*len = 0;
	}
	return verdict;
}
