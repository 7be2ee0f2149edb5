/* SPDX-License-Identifier: Apache-2.0 */
/* Making a factory's folder: beside its place, then renamed into it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "common/bytes.h"
#include "common/i18n.h"
#include "firmware-emu/factory/ca.h"
#include "firmware-emu/factory/cert.h"
#include "firmware-emu/factory/ledger.h"

#define NAME_MAX_BYTES 40

/* RFC 7914: 16 MiB a guess, four times over. */
#define SCRYPT_N 16384
#define SCRYPT_R 8
#define SCRYPT_P 4

#define SECRET (S_IRUSR | S_IWUSR)
#define PUBLIC (SECRET | S_IRGRP | S_IROTH)

static enum factory_status write_file(const char *dir, const char *name, mode_t mode, const char *data, size_t len)
{
	char *path = ca_path(dir, name);
	int fd = path != NULL ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, SECRET) : -1;
	enum factory_status status = path == NULL ? factory_memory() : fd < 0 ? factory_io(path) : FACTORY_OK;

	while (status == FACTORY_OK && len > 0) {
		ssize_t n = write(fd, data, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			status = factory_io(path);
			break;
		}
		data += n;
		len -= (size_t)n;
	}
	if (status == FACTORY_OK && (fchmod(fd, mode) != 0 || fsync(fd) != 0))
		status = factory_io(path);
	if (fd >= 0 && close(fd) != 0 && status == FACTORY_OK)
		status = factory_io(path);
	free(path);
	return status;
}

static enum factory_status write_bio(const char *dir, const char *name, mode_t mode, BIO *bio)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	return len > 0 ? write_file(dir, name, mode, data, (size_t)len) : factory_crypto(name);
}

static enum factory_status write_cert(const char *dir, const char *name, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	enum factory_status status = bio != NULL && PEM_write_bio_X509(bio, cert) == 1
					     ? write_bio(dir, name, PUBLIC, bio)
					     : factory_crypto(name);

	BIO_free(bio);
	return status;
}

static X509_SIG *seal(EVP_PKEY *key, const char *passphrase)
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

static enum factory_status write_key(const char *dir, const char *name, EVP_PKEY *key, const char *passphrase)
{
	BIO *bio = BIO_new(BIO_s_secmem());
	X509_SIG *sealed = passphrase != NULL ? seal(key, passphrase) : NULL;
	bool written = bio != NULL &&
		       (passphrase != NULL ? sealed != NULL && PEM_write_bio_PKCS8(bio, sealed) == 1
					   : PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1);
	enum factory_status status = written ? write_bio(dir, name, SECRET, bio) : factory_crypto(name);

	X509_SIG_free(sealed);
	BIO_free(bio);
	return status;
}

/* One authority of three, with its two files. */
static enum factory_status make_one(const char *dir, const char *file, enum cert_kind kind, const char *name,
	const char *passphrase, X509 *issuer, EVP_PKEY *issuer_key, X509 **cert, EVP_PKEY **key)
{
	static const char *const titles[] = {
		[CERT_ROOT] = "token root", [CERT_DEVICE_CA] = "device CA", [CERT_ATTESTATION_CA] = "attestation CA"};
	char common_name[NAME_MAX_BYTES + 32], key_file[32], cert_file[32];
	enum factory_status status;

	snprintf(common_name, sizeof(common_name), "%s %s", name, titles[kind]);
	snprintf(key_file, sizeof(key_file), "%s.key", file);
	snprintf(cert_file, sizeof(cert_file), "%s.pem", file);
	*key = EVP_EC_gen(kind == CERT_ROOT ? "P-384" : "P-256");
	if (*key == NULL)
		return factory_crypto(key_file);
	status = cert_make(kind, common_name, NULL, *key, issuer, issuer_key != NULL ? issuer_key : *key, cert);
	if (status == FACTORY_OK)
		status = write_key(dir, key_file, *key, passphrase);
	return status == FACTORY_OK ? write_cert(dir, cert_file, *cert) : status;
}

static enum factory_status fill(const char *dir, const char *name, const char *passphrase)
{
	struct factory_ca ca = {.root = NULL};
	EVP_PKEY *root_key = NULL;
	enum factory_status status =
		make_one(dir, "root", CERT_ROOT, name, passphrase, NULL, NULL, &ca.root, &root_key);

	if (status == FACTORY_OK)
		status = make_one(dir, "device-ca", CERT_DEVICE_CA, name, passphrase, ca.root, root_key, &ca.device,
			&ca.device_key);
	if (status == FACTORY_OK)
		status = make_one(dir, "attestation-ca", CERT_ATTESTATION_CA, name, passphrase, ca.root, root_key,
			&ca.attestation, &ca.attestation_key);
	if (status == FACTORY_OK)
		status = write_file(dir, LEDGER_FILE, SECRET, "", 0);
	if (status == FACTORY_OK)
		status = ca_sync(dir);
	EVP_PKEY_free(root_key);
	ca_close(&ca);
	return status;
}

static void discard(const char *dir)
{
	static const char *const files[] = {"root.key", "root.pem", "device-ca.key", "device-ca.pem",
		"attestation-ca.key", "attestation-ca.pem", LEDGER_FILE};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *path = ca_path(dir, files[i]);
		if (path != NULL)
			unlink(path);
		free(path);
	}
	rmdir(dir);
}

/* rename() puts a folder over an empty one and over nothing else: this is what never overwrites. */
static enum factory_status take_place(const char *beside, char *dir)
{
	enum factory_status status = FACTORY_OK;

	if (rename(beside, dir) != 0) {
		if (errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR)
			return factory_fail(FACTORY_REFUSED,
				_("%s: there is something already; a factory is made in a new folder, and none is "
				  "overwritten"),
				dir);
		status = factory_io(dir);
	}
	return status == FACTORY_OK ? ca_sync(dirname(dir)) : status;
}

enum factory_status ca_init(const char *dir, const char *name, const char *passphrase)
{
	static const char suffix[] = ".new-XXXXXX";
	size_t n = strlen(dir);
	char *place = strdup(dir), *beside = malloc(n + sizeof(suffix));
	mode_t mask = umask(S_IRWXG | S_IRWXO);
	enum factory_status status = place != NULL && beside != NULL ? FACTORY_OK : factory_memory();

	if (status == FACTORY_OK && strlen(name) > NAME_MAX_BYTES)
		status = factory_fail(FACTORY_USAGE, _("--name: at most %d bytes"), NAME_MAX_BYTES);
	if (status == FACTORY_OK) {
		while (n > 1 && place[n - 1] == '/')
			place[--n] = '\0';
		memcpy(beside, place, n);
		memcpy(beside + n, suffix, sizeof(suffix));
		if (mkdtemp(beside) == NULL)
			status = factory_io(beside);
		else {
			status = fill(beside, name, passphrase);
			if (status == FACTORY_OK)
				status = take_place(beside, place);
			if (status != FACTORY_OK)
				discard(beside);
		}
	}
	umask(mask);
	free(place);
	free(beside);
	return status;
}
