/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/messaging.h"

/* ---- the engine ---- */

static bool sha256(void *hal, struct bytes in, uint8_t digest[32])
{
	return hal_sha256(hal, in, digest);
}

static bool encrypt(void *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return hal_aes_cbc_encrypt(hal, key, iv, data, n);
}

static bool decrypt(void *hal, struct bytes key, uint8_t *iv, uint8_t *data, size_t n)
{
	return hal_aes_cbc_decrypt(hal, key, iv, data, n);
}

struct scp_crypto fw_crypto(struct hal *hal)
{
	return (struct scp_crypto){
		.ctx = hal, .sha256 = sha256, .aes_cbc_encrypt = encrypt, .aes_cbc_decrypt = decrypt};
}
