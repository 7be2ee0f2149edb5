/* SPDX-License-Identifier: Apache-2.0 */
/* The schemes of MACs with secret keys, here on the host: HMAC (2.40 mechanisms, 2.20) and AES-CMAC (2.14). */
#include "pkcs11/p11.h"

#include <string.h>

#define MAC_MAX CRYPTO_DIGEST_MAX

/* How many bytes of it are wanted. */
static CK_RV general_parameters(struct p11_operation *op, const CK_MECHANISM *m)
{
	CK_ULONG len;

	if (!m->pParameter || m->ulParameterLen != sizeof(len))
		return CKR_MECHANISM_PARAM_INVALID;
	memcpy(&len, m->pParameter, sizeof(len));
	if (!len || len > MAC_MAX)
		return CKR_MECHANISM_PARAM_INVALID;
	op->mac_len = len;
	return CKR_OK;
}

static CK_RV begin(struct p11_operation *op, struct crypto_mac *mac)
{
	p11_key_close(&op->key);
	op->mac = mac;
	if (!mac)
		return CKR_HOST_MEMORY;
	if (!op->mac_len)
		op->mac_len = crypto_mac_size(mac);
	return op->mac_len <= crypto_mac_size(mac) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV hmac_start(struct p11_operation *op)
{
	return begin(op, crypto_hmac_new(op->mechanism->hash, BYTES(op->key.secret, op->key.secret_len)));
}

static CK_RV cmac_start(struct p11_operation *op)
{
	return begin(op, crypto_cmac_new(BYTES(op->key.secret, op->key.secret_len)));
}

static size_t size(const struct p11_operation *op)
{
	return op->mac_len;
}

static CK_RV update(struct p11_operation *op, struct bytes part)
{
	return crypto_mac_update(op->mac, part) ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV make(struct p11_session *s, struct p11_operation *op, uint8_t *out)
{
	uint8_t mac[MAC_MAX];
	bool ok = crypto_mac_final(op->mac, mac);

	(void)s;
	if (ok)
		bytes_copy(out, BYTES(mac, op->mac_len));
	bytes_wipe(mac, sizeof(mac));
	return ok ? CKR_OK : CKR_HOST_MEMORY;
}

static CK_RV check(struct p11_operation *op, struct bytes signature)
{
	uint8_t mac[MAC_MAX];
	CK_RV rv = CKR_HOST_MEMORY;

	if (crypto_mac_final(op->mac, mac))
		rv = bytes_equal_secret(BYTES(mac, op->mac_len), signature) ? CKR_OK : CKR_SIGNATURE_INVALID;
	bytes_wipe(mac, sizeof(mac));
	return rv;
}

/* clang-format off */
#define MAC .size = size, .update = update, .make = make, .check = check

const struct p11_scheme p11_hmac         = {MAC, .start = hmac_start};
const struct p11_scheme p11_hmac_general = {MAC, .start = hmac_start, .parameters = general_parameters};
const struct p11_scheme p11_cmac         = {MAC, .start = cmac_start};
const struct p11_scheme p11_cmac_general = {MAC, .start = cmac_start, .parameters = general_parameters};
/* clang-format on */
