/* SPDX-License-Identifier: Apache-2.0 */
#include "common/crypto_secret.h"

#include "common/crypto_evp.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

struct crypto_mac {
	EVP_MAC_CTX *evp;
	size_t size;
};

/* `option` is the one parameter that the algorithm wants by name: a digest, or a cipher. */
static struct crypto_mac *mac_new(const char *algorithm, const char *option, const char *name, struct bytes key)
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(option, (char *)name, 0),
		OSSL_PARAM_construct_end(),
	};
	struct crypto_mac *m = calloc(1, sizeof *m);
	EVP_MAC *mac = m ? EVP_MAC_fetch(NULL, algorithm, NULL) : NULL;

	if (mac)
		m->evp = EVP_MAC_CTX_new(mac);
	if (!m || !m->evp || !EVP_MAC_init(m->evp, key.data, key.len, params)) {
		crypto_mac_free(m);
		m = NULL;
	}
	EVP_MAC_free(mac);
	crypto_clear_errors();
	return m;
}

struct crypto_mac *crypto_hmac_new(enum crypto_hash hash, struct bytes key)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);
	struct crypto_mac *m = info ? mac_new("HMAC", OSSL_MAC_PARAM_DIGEST, info->name, key) : NULL;

	if (m)
		m->size = info->size;
	return m;
}

struct crypto_mac *crypto_cmac_new(struct bytes key)
{
	struct crypto_mac *m;
	char name[24];

	if (!crypto_aes_key_size(key.len))
		return NULL;
	snprintf(name, sizeof name, "AES-%u-CBC", (unsigned)(8 * key.len));
	m = mac_new("CMAC", OSSL_MAC_PARAM_CIPHER, name, key);
	if (m)
		m->size = CRYPTO_AES_BLOCK;
	return m;
}

size_t crypto_mac_size(const struct crypto_mac *m)
{
	return m->size;
}

bool crypto_mac_update(struct crypto_mac *m, struct bytes in)
{
	return in.len == 0 || EVP_MAC_update(m->evp, in.data, in.len);
}

bool crypto_mac_final(struct crypto_mac *m, uint8_t *out)
{
	size_t n = 0;

	return EVP_MAC_final(m->evp, out, &n, m->size) && n == m->size;
}

void crypto_mac_free(struct crypto_mac *m)
{
	if (!m)
		return;
	EVP_MAC_CTX_free(m->evp);
	free(m);
}

/* ---- RFC 5869 ---- */

bool crypto_hkdf_extract(enum crypto_hash hash, struct bytes salt, struct bytes secret, uint8_t *prk)
{
	static const uint8_t zeros[CRYPTO_DIGEST_MAX];
	struct crypto_mac *m = crypto_hmac_new(hash, salt.len ? salt : BYTES(zeros, crypto_hash_size(hash)));
	bool ok = m && crypto_mac_update(m, secret) && crypto_mac_final(m, prk);

	crypto_mac_free(m);
	return ok;
}

bool crypto_hkdf_expand(enum crypto_hash hash, struct bytes prk, struct bytes info, uint8_t *out, size_t len)
{
	const size_t step = crypto_hash_size(hash);
	uint8_t t[CRYPTO_DIGEST_MAX];
	bool ok = step != 0 && len <= 255 * step;

	for (size_t done = 0, n = 1; ok && done < len; n++) {
		const uint8_t counter = (uint8_t)n;
		const size_t part = len - done < step ? len - done : step;
		struct crypto_mac *m = crypto_hmac_new(hash, prk);

		ok = m && crypto_mac_update(m, BYTES(t, n > 1 ? step : 0)) && crypto_mac_update(m, info) &&
		     crypto_mac_update(m, BYTES(&counter, 1)) && crypto_mac_final(m, t);
		crypto_mac_free(m);
		if (ok)
			bytes_copy(out + done, BYTES(t, part));
		done += part;
	}
	bytes_wipe(t, sizeof t);
	return ok;
}

/* ---- RFC 8018 ---- */

bool crypto_pbkdf2(
	enum crypto_hash hash, struct bytes password, struct bytes salt, unsigned rounds, uint8_t *out, size_t len)
{
	const struct crypto_hash_info *info = crypto_hash_info(hash);
	EVP_MD *md = info ? EVP_MD_fetch(NULL, info->name, NULL) : NULL;
	bool ok = md && rounds >= 1 && rounds <= INT_MAX && password.len <= INT_MAX && salt.len <= INT_MAX &&
		  len <= INT_MAX &&
		  PKCS5_PBKDF2_HMAC((const char *)password.data, (int)password.len, salt.data, (int)salt.len,
			  (int)rounds, md, (int)len, out);

	EVP_MD_free(md);
	crypto_clear_errors();
	return ok;
}
