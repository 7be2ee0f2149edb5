/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a factory's folder. */
#include "config.h"

#include "firmware-emu/factory/ca.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "common/i18n.h"
#include "common/secmem.h"
#include "firmware-emu/factory/cert.h"

char *ca_path(const char *dir, const char *name)
{
	size_t n = strlen(dir) + strlen(name) + 2;
	char *path = malloc(n);

	if (path != NULL)
		snprintf(path, n, "%s/%s", dir, name);
	return path;
}

enum factory_status ca_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum factory_status status = fd >= 0 && fsync(fd) == 0 ? FACTORY_OK : factory_io(path);

	if (fd >= 0)
		close(fd);
	return status;
}

static enum factory_status open_file(const char *path, bool secret, FILE **out)
{
	FILE *f = fopen(path, "re");
	struct stat st;

	if (f == NULL) {
		factory_io(path);
		return FACTORY_FOLDER;
	}
	if (secret &&
		(fstat(fileno(f), &st) != 0 || st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0)) {
		fclose(f);
		return factory_fail(FACTORY_FOLDER,
			_("%s: others may read this key, or own it; make it yours alone (chmod 600)"), path);
	}
	*out = f;
	return FACTORY_OK;
}

static enum factory_status read_cert(const char *dir, const char *name, X509 **out)
{
	char *path = ca_path(dir, name);
	FILE *f = NULL;
	enum factory_status status = path != NULL ? open_file(path, false, &f) : factory_memory();

	if (status == FACTORY_OK && (*out = PEM_read_X509(f, NULL, NULL, NULL)) == NULL) {
		ERR_clear_error();
		status = factory_fail(FACTORY_FOLDER, _("%s: damaged; restore it from a backup"), path);
	}
	if (f != NULL)
		fclose(f);
	free(path);
	return status;
}

/* The passphrase is asked for once, when the first key wants it. */
struct asking {
	const struct secret_source *source;
	char *passphrase;
	enum factory_status said;
	bool asked;
};

static int give_passphrase(char *buffer, int size, int writing, void *arg)
{
	struct asking *a = arg;
	size_t n;

	(void)writing;
	a->asked = true;
	if (a->passphrase == NULL)
		a->said = secret_read(a->source, _("Passphrase of the factory's keys: "), false, &a->passphrase);
	if (a->said != FACTORY_OK)
		return -1;
	n = strlen(a->passphrase);
	if (n > (size_t)size)
		return -1;
	memcpy(buffer, a->passphrase, n);
	return (int)n;
}

static enum factory_status read_key(const char *dir, const char *name, struct asking *a, X509 *cert, EVP_PKEY **out)
{
	char *path = ca_path(dir, name);
	FILE *f = NULL;
	enum factory_status status = path != NULL ? open_file(path, true, &f) : factory_memory();

	a->asked = false;
	if (status == FACTORY_OK && (*out = PEM_read_PrivateKey(f, NULL, give_passphrase, a)) == NULL) {
		if (a->said != FACTORY_OK)
			status = a->said;
		else if (a->asked)
			status = factory_fail(FACTORY_SECRET, _("%s: the passphrase is wrong"), path);
		else
			status = factory_fail(FACTORY_FOLDER, _("%s: damaged; restore it from a backup"), path);
	}
	if (status == FACTORY_OK && X509_check_private_key(cert, *out) != 1)
		status = factory_fail(
			FACTORY_FOLDER, _("%s: not the key of its certificate; restore both from one backup"), path);
	ERR_clear_error();
	if (f != NULL)
		fclose(f);
	free(path);
	return status;
}

static bool certified(X509 *root, X509 *ca)
{
	return cert_verify(root, ca, ca);
}

enum factory_status ca_open(const char *dir, const struct secret_source *passphrase, struct factory_ca *ca)
{
	struct asking a = {.source = passphrase};
	enum factory_status status;

	*ca = (struct factory_ca){.root = NULL};
	status = read_cert(dir, "root.pem", &ca->root);
	if (status == FACTORY_OK)
		status = read_cert(dir, "device-ca.pem", &ca->device);
	if (status == FACTORY_OK)
		status = read_cert(dir, "attestation-ca.pem", &ca->attestation);
	if (status == FACTORY_OK && (!certified(ca->root, ca->device) || !certified(ca->root, ca->attestation)))
		status = factory_fail(FACTORY_FOLDER,
			_("%s: root.pem does not certify the two CAs; restore the files from one backup"), dir);
	if (status == FACTORY_OK)
		status = read_key(dir, "device-ca.key", &a, ca->device, &ca->device_key);
	if (status == FACTORY_OK)
		status = read_key(dir, "attestation-ca.key", &a, ca->attestation, &ca->attestation_key);
	secmem_free(a.passphrase);
	return status;
}

void ca_close(struct factory_ca *ca)
{
	X509_free(ca->root);
	X509_free(ca->device);
	X509_free(ca->attestation);
	EVP_PKEY_free(ca->device_key);
	EVP_PKEY_free(ca->attestation_key);
	*ca = (struct factory_ca){.root = NULL};
}
