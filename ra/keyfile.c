/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/keyfile.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

#include "common/bytes.h"
#include "common/i18n.h"

/* RFC 7914: 16 MiB a guess (128 * N * r), four times over. OpenSSL refuses to read more than 32 MiB. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 4

static const struct {
	const char *name, *type, *curve;
	size_t bits;
} kinds[] = {
	{"p256",    "EC",  "P-256", 0   },
	{"p384",    "EC",  "P-384", 0   },
	{"p521",    "EC",  "P-521", 0   },
	{"rsa2048", "RSA", NULL,    2048},
	{"rsa3072", "RSA", NULL,    3072},
	{"rsa4096", "RSA", NULL,    4096},
};

enum ra_status ra_key_generate(const char *kind, EVP_PKEY **out)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(kinds[i].name, kind) != 0)
			continue;
		*out = kinds[i].curve != NULL ? EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type, kinds[i].curve)
					      : EVP_PKEY_Q_keygen(NULL, NULL, kinds[i].type, kinds[i].bits);
		return *out != NULL ? RA_OK : ra_fail_crypto("key pair");
	}
	return ra_fail(RA_USAGE, _("unknown kind of key \"%s\": p256, p384, p521, rsa2048, rsa3072 or rsa4096"), kind);
}

/* A BIO's bytes as a NUL-ended text. */
static char *text_of(BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);
	char *text = len <= 0 ? NULL : malloc((size_t)len + 1);

	if (text != NULL) {
		memcpy(text, data, (size_t)len);
		text[len] = '\0';
	}
	return text;
}

static X509_SIG *encrypt(EVP_PKEY *key, const char *passphrase)
{
	PKCS8_PRIV_KEY_INFO *plain = EVP_PKEY2PKCS8(key);
	X509_ALGOR *algorithm = PKCS5_pbe2_set_scrypt(EVP_aes_256_cbc(), NULL, 0, NULL, SCRYPT_N, SCRYPT_R, SCRYPT_P);
	X509_SIG *sealed = NULL;

	if (plain != NULL && algorithm != NULL)
		sealed = PKCS8_set0_pbe(passphrase, (int)strlen(passphrase), plain, algorithm);
	if (sealed == NULL)
		X509_ALGOR_free(algorithm); /* otherwise it belongs to `sealed` */
	PKCS8_PRIV_KEY_INFO_free(plain);
	return sealed;
}

enum ra_status ra_key_to_pem(EVP_PKEY *key, const char *passphrase, char **out)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	X509_SIG *sealed = NULL;
	bool written = false;

	if (bio != NULL && passphrase != NULL) {
		sealed = encrypt(key, passphrase);
		written = sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1;
	} else if (bio != NULL) {
		written = PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;
	}
	*out = written ? text_of(bio) : NULL;
	X509_SIG_free(sealed);
	BIO_free(bio);
	return *out != NULL ? RA_OK : ra_fail_crypto("private key");
}

void ra_pem_free(char *pem)
{
	if (pem != NULL)
		bytes_wipe(pem, strlen(pem));
	free(pem);
}

enum ra_status ra_key_from_pem(const char *pem, const char *passphrase, EVP_PKEY **out)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509_SIG *sealed = bio == NULL ? NULL : PEM_read_bio_PKCS8(bio, NULL, NULL, NULL);
	PKCS8_PRIV_KEY_INFO *plain = NULL;
	enum ra_status status = RA_DAMAGED;

	*out = NULL;
	if (sealed != NULL) {
		plain = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
		*out = plain == NULL ? NULL : EVP_PKCS82PKEY(plain);
		status = *out != NULL ? RA_OK : RA_PASSPHRASE;
	}
	ERR_clear_error();
	PKCS8_PRIV_KEY_INFO_free(plain);
	X509_SIG_free(sealed);
	BIO_free(bio);
	return status;
}
