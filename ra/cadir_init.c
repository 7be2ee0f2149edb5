/* SPDX-License-Identifier: Apache-2.0 */
/* Making a new CA. */
#include "config.h"

#include "ra/cadir.h"

#include <dirent.h>
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/i18n.h"
#include "ra/certbuild.h"
#include "ra/file.h"
#include "ra/keyfile.h"
#include "ra/name.h"

#define CA_YEARS  10
#define TLS_YEARS 2
#define BACKDATE  300

static const char *const files[] = {
	"ca.key", "ca.crt", "tls.key", "tls.crt", "profiles.json", "ra.db", "ra.db-wal", "ra.db-shm"};

/* Missing, or a directory with nothing in it. */
static enum ra_status check_vacant(const char *dir)
{
	DIR *entries = opendir(dir);
	enum ra_status status = RA_OK;
	struct dirent *entry;

	if (entries == NULL)
		return errno == ENOENT ? RA_OK : ra_fail(RA_IO, "%s: %s", dir, strerror(errno));
	while (status == RA_OK && (entry = readdir(entries)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			status = ra_fail(RA_EXISTS, "%s", dir);
	closedir(entries);
	return status;
}

static enum ra_status write_text(const char *dir, const char *name, const char *text)
{
	char *path = ra_path(dir, name);
	enum ra_status status =
		path == NULL ? RA_MEMORY : ra_file_create(path, BYTES((const uint8_t *)text, strlen(text)));

	free(path);
	return status;
}

static enum ra_status write_key(const char *dir, const char *name, EVP_PKEY *key, const char *passphrase)
{
	char *pem = NULL;
	enum ra_status status = ra_key_to_pem(key, passphrase, &pem);

	if (status == RA_OK)
		status = write_text(dir, name, pem);
	ra_pem_free(pem);
	return status;
}

static enum ra_status write_certificate(const char *dir, const char *name, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *path = ra_path(dir, name), *text = NULL;
	enum ra_status status = RA_MEMORY;

	if (bio != NULL && path != NULL && PEM_write_bio_X509(bio, cert) == 1) {
		long len = BIO_get_mem_data(bio, &text);
		status = ra_file_create(path, BYTES((const uint8_t *)text, (size_t)len));
	}
	free(path);
	BIO_free(bio);
	return status;
}

static enum ra_status make_ca(const struct ra_init_plan *plan, const X509_NAME *subject, EVP_PKEY **key, X509 **cert)
{
	enum ra_status status = ra_key_generate(plan->key, key);
	struct ra_cert_plan certificate = {
		.subject = subject,
		.public_key = *key,
		.not_before = plan->now - BACKDATE,
		.not_after = ra_years_later(plan->now, CA_YEARS),
		.ca = true,
		.key_usage = KU_KEY_CERT_SIGN | KU_CRL_SIGN,
	};

	return status == RA_OK ? ra_cert_build(&certificate, NULL, *key, cert) : status;
}

/* The HTTPS server's key is P-256 always: it only has to please today's clients. */
static enum ra_status make_tls(const struct ra_init_plan *plan, EVP_PKEY *ca_key, X509 *ca, EVP_PKEY **key, X509 **cert)
{
	static const int usage[] = {NID_server_auth};
	X509_NAME *subject = X509_NAME_new();
	enum ra_status status = subject == NULL ? RA_MEMORY : ra_key_generate("p256", key);

	if (status == RA_OK && X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8,
				       (const unsigned char *)plan->hosts[0], -1, -1, 0) != 1)
		status = ra_fail(RA_USAGE, _("\"%s\" is no host name"), plan->hosts[0]);
	if (status == RA_OK) {
		struct ra_cert_plan certificate = {
			.subject = subject,
			.public_key = *key,
			.not_before = plan->now - BACKDATE,
			.not_after = ra_years_later(plan->now, TLS_YEARS),
			.key_usage = KU_DIGITAL_SIGNATURE,
			.extended_nids = usage,
			.extended_count = 1,
			.hosts = plan->hosts,
		};
		status = ra_cert_build(&certificate, ca, ca_key, cert);
	}
	X509_NAME_free(subject);
	return status;
}

static enum ra_status make_database(const char *dir, X509 *ca, X509 *tls, int64_t now)
{
	char *path = ra_path(dir, "ra.db");
	struct ra_store *store = NULL;
	int64_t id = 0;
	enum ra_status status = path == NULL ? RA_MEMORY : ra_store_create(path);

	if (status == RA_OK)
		status = ra_store_open(path, &store);
	if (status == RA_OK)
		status = ra_store_begin(store);
	if (status == RA_OK) {
		status = ra_record_certificate(store, ca, "ca", NULL, 0, now, &id);
		if (status == RA_OK)
			status = ra_store_event(store, now, "ca-created", 0, id);
		if (status == RA_OK)
			status = ra_record_certificate(store, tls, "tls", NULL, 0, now, &id);
		if (status == RA_OK)
			status = ra_store_event(store, now, "issued", 0, id);
		status = ra_store_end(store, status);
	}
	ra_store_close(store);
	if (status == RA_OK)
		status = ra_file_sync(path);
	free(path);
	return status;
}

/* All files of the new CA into `dir`. */
static enum ra_status fill(const struct ra_init_plan *plan, const char *dir)
{
	X509_NAME *subject = NULL;
	EVP_PKEY *ca_key = NULL, *tls_key = NULL;
	X509 *ca = NULL, *tls = NULL;
	enum ra_status status = ra_name_parse(plan->subject, &subject);

	if (status == RA_OK)
		status = make_ca(plan, subject, &ca_key, &ca);
	if (status == RA_OK)
		status = make_tls(plan, ca_key, ca, &tls_key, &tls);
	if (status == RA_OK)
		status = write_key(dir, "ca.key", ca_key, plan->passphrase);
	if (status == RA_OK)
		status = write_certificate(dir, "ca.crt", ca);
	if (status == RA_OK)
		status = write_key(dir, "tls.key", tls_key, NULL);
	if (status == RA_OK)
		status = write_certificate(dir, "tls.crt", tls);
	if (status == RA_OK)
		status = write_text(dir, "profiles.json", ra_profiles_default());
	if (status == RA_OK)
		status = make_database(dir, ca, tls, plan->now);
	if (status == RA_OK)
		status = ra_file_sync(dir);
	X509_NAME_free(subject);
	EVP_PKEY_free(ca_key);
	EVP_PKEY_free(tls_key);
	X509_free(ca);
	X509_free(tls);
	return status;
}

static void discard(const char *dir)
{
	for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
		char *path = ra_path(dir, files[i]);
		if (path != NULL)
			unlink(path);
		free(path);
	}
	rmdir(dir);
}

/* rename() puts a directory over an empty one, and over nothing else: this is the step that refuses to overwrite. */
static enum ra_status take_place(const char *beside, const char *dir)
{
	char *copy = strdup(dir);
	enum ra_status status = copy == NULL ? RA_MEMORY : RA_OK;

	if (status == RA_OK && rename(beside, dir) != 0)
		status = errno == ENOTEMPTY || errno == EEXIST || errno == ENOTDIR
				 ? ra_fail(RA_EXISTS, "%s", dir)
				 : ra_fail(RA_IO, "%s: %s", dir, strerror(errno));
	if (status == RA_OK)
		status = ra_file_sync(dirname(copy));
	free(copy);
	return status;
}

enum ra_status ra_cadir_init(const struct ra_init_plan *plan)
{
	static const char suffix[] = ".init-XXXXXX";
	size_t n = strlen(plan->dir);
	char *dir = calloc(1, n + 1), *beside = calloc(1, n + sizeof suffix);
	mode_t mask = umask(077);
	enum ra_status status = dir == NULL || beside == NULL ? RA_MEMORY : RA_OK;

	if (status == RA_OK) {
		while (n > 1 && plan->dir[n - 1] == '/')
			n--;
		memcpy(dir, plan->dir, n);
		memcpy(beside, dir, n);
		memcpy(beside + n, suffix, sizeof suffix);
		status = check_vacant(dir);
	}
	if (status == RA_OK && mkdtemp(beside) == NULL)
		status = ra_fail(RA_IO, "%s: %s", beside, strerror(errno));
	else if (status == RA_OK) {
		status = fill(plan, beside);
		if (status == RA_OK)
			status = take_place(beside, dir);
		if (status != RA_OK)
			discard(beside);
	}
	umask(mask);
	free(beside);
	free(dir);
	return status;
}
