/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a factory (mode 0700): root.pem, device-ca.pem, attestation-ca.pem and their keys (mode 0600),
 * issued.jsonl. Personalising needs all of it but root.key.
 */
#ifndef UKEY_EMU_FACTORY_CA_H
#define UKEY_EMU_FACTORY_CA_H

#include <openssl/x509.h>

#include "firmware-emu/factory/secret.h"

#define CA_PASSPHRASE_MIN 8

struct factory_ca {
	X509 *root, *device, *attestation;
	EVP_PKEY *device_key, *attestation_key;
};

/* Makes it whole or not at all, where nothing is or an empty folder. `passphrase` NULL: the keys lie open. */
enum factory_status ca_init(const char *dir, const char *name, const char *passphrase);

/* `passphrase` is read when a key wants it. Keys and certificates fit each other. ca_close() also after a failure. */
enum factory_status ca_open(const char *dir, const struct secret_source *passphrase, struct factory_ca *ca);
void ca_close(struct factory_ca *ca);

/* DIR/NAME, the caller's free(); NULL: no memory. */
char *ca_path(const char *dir, const char *name);
/* Flushes a folder's entries. */
enum factory_status ca_sync(const char *path);

#endif
