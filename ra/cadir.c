/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "ra/cadir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/i18n.h"
#include "ra/file.h"
#include "ra/keyfile.h"

enum ra_status ra_cadir_read(const char *dir, const char *name, char **out)
{
	const char *suffix = strrchr(name, '.');
	char *path = ra_path(dir, name);
	enum ra_status status = RA_MEMORY;

	if (path != NULL)
		status = suffix != NULL && strcmp(suffix, ".key") == 0 ? ra_file_read_key(path, out)
								       : ra_file_read(path, out);
	free(path);
	return status;
}

enum ra_status ra_cadir_certificate(const char *dir, const char *name, X509 **out)
{
	char *pem = NULL;
	enum ra_status status = ra_cadir_read(dir, name, &pem);
	BIO *bio = pem == NULL ? NULL : BIO_new_mem_buf(pem, -1);

	if (status == RA_OK) {
		*out = bio == NULL ? NULL : PEM_read_bio_X509(bio, NULL, NULL, NULL);
		if (*out == NULL)
			status = ra_fail(RA_DAMAGED, _("%s/%s is no certificate"), dir, name);
	}
	ERR_clear_error();
	BIO_free(bio);
	ra_pem_free(pem);
	return status;
}

enum ra_status ra_cadir_open_records(const char *dir, struct ra *out)
{
	char *profiles = ra_path(dir, "profiles.json"), *database = ra_path(dir, "ra.db");
	enum ra_status status = profiles == NULL || database == NULL ? RA_MEMORY : RA_OK;

	*out = (struct ra){0};
	if (status == RA_OK && access(database, F_OK) != 0)
		status = ra_fail(RA_NO_CA, "%s: %s", dir, strerror(errno));
	if (status == RA_OK)
		status = ra_profiles_load(profiles, &out->profiles);
	if (status == RA_OK)
		status = ra_store_open(database, &out->store);
	free(profiles);
	free(database);
	if (status != RA_OK)
		ra_cadir_close(out);
	return status;
}

static enum ra_status open_backend(const char *dir, const char *passphrase, struct ra_backend *out)
{
	char *pem = NULL;
	EVP_PKEY *key = NULL;
	X509 *cert = NULL;
	enum ra_status status = ra_cadir_read(dir, "ca.key", &pem);

	if (status == RA_OK)
		status = ra_key_from_pem(pem, passphrase, &key);
	if (status == RA_OK)
		status = ra_cadir_certificate(dir, "ca.crt", &cert);
	if (status == RA_OK)
		status = ra_local_ca_open(cert, key, out);
	if (status != RA_OK) {
		EVP_PKEY_free(key);
		X509_free(cert);
	}
	ra_pem_free(pem);
	return status;
}

enum ra_status ra_cadir_open(const char *dir, const char *passphrase, struct ra *out)
{
	enum ra_status status = ra_cadir_open_records(dir, out);

	if (status == RA_OK)
		status = open_backend(dir, passphrase, &out->backend);
	if (status != RA_OK)
		ra_cadir_close(out);
	return status;
}

void ra_cadir_close(struct ra *ra)
{
	ra_store_close(ra->store);
	ra_profiles_free(ra->profiles);
	if (ra->backend.ops != NULL)
		ra->backend.ops->close(ra->backend.self);
	*ra = (struct ra){0};
}
