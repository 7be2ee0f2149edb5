/* SPDX-License-Identifier: Apache-2.0 */
/* The two keys that the desk uses behind PKCS#11: the master key, and the key of a member of the staff. */
#include "config.h"

#include <stdlib.h>

#include "common/crypto.h"
#include "desk/p11.h"
#include "desk/private.h"

#define ID_MAX          64
#define DIGEST_INFO_MAX 96

/* ---- the master key ---- */

/* One version at a time is open: desks work with one, and with two while they change over. */
struct master {
	struct desk *desk;
	uint8_t version; /* 0: none is open */
	struct p11 *p11;
	CK_OBJECT_HANDLE key;
};

static enum desk_status open_version(struct master *m, uint8_t version)
{
	static const struct p11_names names = {.token = DESK_MASTER, .pin = DESK_MASTER};
	sqlite3_stmt *s;
	enum desk_status status;

	p11_close(m->p11);
	m->p11 = NULL;
	m->version = 0;
	status = desk_query(m->desk, &s, "SELECT uri FROM master WHERE version = ?1", "i", (int64_t)version);
	if (status == DESK_OK && sqlite3_step(s) != SQLITE_ROW)
		status = DESK_KEY_VERSION;
	if (status == DESK_OK)
		status = p11_open(
			(const char *)sqlite3_column_text(s, 0), names, m->desk->pin, m->desk->pin_arg, &m->p11);
	sqlite3_finalize(s);
	if (status == DESK_OK)
		status = p11_aes(m->p11, &m->key);
	if (status == DESK_OK)
		m->version = version;
	return status;
}

static enum desk_status master_cmac(void *arg, uint8_t version, struct bytes in, uint8_t mac[16])
{
	struct master *m = arg;
	enum desk_status status = m->version == version ? DESK_OK : open_version(m, version);

	return status == DESK_OK ? p11_cmac(m->p11, m->key, in, mac) : status;
}

static void master_close(void *arg)
{
	struct master *m = arg;

	p11_close(m->p11);
	free(m);
}

enum desk_status desk_master_p11(struct desk *desk, struct desk_master *out)
{
	struct master *m = calloc(1, sizeof(*m));

	if (m == NULL)
		return DESK_MEMORY;
	m->desk = desk;
	*out = (struct desk_master){.cmac = master_cmac, .close = master_close, .arg = m};
	return DESK_OK;
}

/* ---- a person's key ---- */

/* The private key that belongs to the certificate, by the CKA_ID that both have. */
static enum desk_status key_of(struct p11 *p11, struct bytes certificate, CK_OBJECT_HANDLE *out)
{
	CK_ATTRIBUTE value = {CKA_VALUE, (void *)(uintptr_t)certificate.data, (CK_ULONG)certificate.len};
	uint8_t id[ID_MAX];
	size_t len = 0;
	CK_OBJECT_HANDLE object = 0;
	enum desk_status status = p11_find(p11, CKO_CERTIFICATE, false, &value, 1, &object);

	if (status == DESK_OK && !p11_attribute(p11, object, CKA_ID, id, sizeof(id), &len))
		status = DESK_LOGIN_TOKEN;
	CK_ATTRIBUTE by_id = {CKA_ID, id, (CK_ULONG)len};
	return status == DESK_OK ? p11_find(p11, CKO_PRIVATE_KEY, false, &by_id, 1, out) : status;
}

/* Digests are made here, with the mechanisms that every module has. */
static enum desk_status sign(void *arg, struct bytes certificate, struct bytes message, struct builder *signature)
{
	uint8_t digest[CRYPTO_DIGEST_MAX], input[DIGEST_INFO_MAX];
	struct builder b = builder_of(input, sizeof(input));
	struct crypto_cert cert;
	struct crypto_pubkey key;
	CK_OBJECT_HANDLE private = 0;
	enum desk_status status = key_of(arg, certificate, &private);

	if (status != DESK_OK)
		return status;
	if (!crypto_cert_parse(certificate, &cert) || !crypto_pubkey_from_spki(cert.spki, &key) ||
		!crypto_digest(CRYPTO_SHA256, message, digest))
		return DESK_CRYPTO;
	if (key.type == CRYPTO_RSA)
		builder_put(&b, crypto_hash_info(CRYPTO_SHA256)->digest_info);
	builder_put(&b, BYTES(digest, crypto_hash_size(CRYPTO_SHA256)));
	return p11_sign(arg, key.type == CRYPTO_RSA ? CKM_RSA_PKCS : CKM_ECDSA, private, builder_bytes(&b), signature);
}

enum desk_status desk_signer_p11(const char *uri, desk_pin_source pin, void *pin_arg, struct desk_signer *out)
{
	static const struct p11_names names = {.token = DESK_LOGIN_TOKEN, .pin = DESK_LOGIN_PIN};
	struct p11 *p11 = NULL;
	enum desk_status status = p11_open(uri, names, pin, pin_arg, &p11);

	if (status == DESK_OK)
		*out = (struct desk_signer){.sign = sign, .arg = p11};
	return status;
}

void desk_signer_p11_free(struct desk_signer *signer)
{
	p11_close(signer->arg);
	signer->arg = NULL;
}
