/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/core/messaging.h"
#include "firmware-emu/core/factory.h"

#define KEY_LEN 16 /* AES-128 */

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

/* ---- sessions ---- */

bool fw_session_exists(const struct fw_channel *channel)
{
	return channel->session.state != SCP_CLOSED;
}

void fw_session_end(struct fw_channel *channel)
{
	if (!fw_session_exists(channel))
		return;
	scp_session_close(&channel->session);
	channel->security = 0;
}

static void kill_session(struct fw_channel *channel)
{
	scp_session_abort(&channel->session);
	channel->security = 0;
}

bool fw_session_admits(struct fw_channel *channel, bool protected, bool always_clear)
{
	if (!fw_session_exists(channel) || always_clear)
		return true;
	if (protected && channel->session.state == SCP_READY)
		return true;
	kill_session(channel);
	return false;
}

bool fw_session_unwrap(struct fw_channel *channel, const struct apdu *a, struct builder *data)
{
	if (scp_unwrap_command(&channel->session, a, data))
		return true;
	kill_session(channel);
	return false;
}

bool fw_session_wrap(struct fw_channel *channel, uint16_t sw, struct builder *data)
{
	if (scp_wrap_response(&channel->session, sw, data))
		return true;
	kill_session(channel);
	return false;
}

/* ---- INTERNAL AUTHENTICATE ---- */

/* Z: the X of the new key and of the device key, each with the host's point. */
static uint16_t agree(
	struct fw *fw, struct bytes host, uint8_t point[FW_FACTORY_POINT_SIZE], uint8_t z[SCP_SECRET_SIZE])
{
	struct builder ephemeral = builder_of(fw->blob, FW_FACTORY_BLOB_MAX);
	struct builder device = builder_of(fw->blob + FW_FACTORY_BLOB_MAX, FW_FACTORY_BLOB_MAX);
	struct builder secret = builder_of(z, SCP_SECRET_SIZE);
	enum hal_result result = HAL_FAILED;

	if (fw_factory_device_key(fw, &device) && fw_factory_generate(fw, &ephemeral, point))
		result = hal_key_operate(
			fw->hal, FW_FACTORY_ALGORITHM, HAL_DERIVE, builder_bytes(&ephemeral), host, &secret);
	if (result == HAL_OK)
		result = hal_key_operate(
			fw->hal, FW_FACTORY_ALGORITHM, HAL_DERIVE, builder_bytes(&device), host, &secret);
	bytes_wipe(fw->blob, sizeof(fw->blob));
	if (result == HAL_BAD_INPUT)
		return SW_WRONG_DATA;
	return result == HAL_OK && secret.len == SCP_SECRET_SIZE ? SW_OK : SW_INTERNAL;
}

uint16_t fw_internal_authenticate(struct fw *fw, const struct fw_command *command, struct builder *answer)
{
	uint8_t point[FW_FACTORY_POINT_SIZE], z[SCP_SECRET_SIZE];
	struct fw_channel *channel = command->channel;
	struct scp_params p;
	struct bytes host;

	if (!fw_factory_has(fw, FW_GAVE_DEVICE_KEY))
		return SW_REFERENCE_NOT_FOUND;
	if (!scp_parse_authenticate(command->data, &p, &host) || p.usage != SCP_USAGE_MAC_ENC || p.key_len != KEY_LEN)
		return SW_WRONG_DATA;
	uint16_t sw = agree(fw, host, point, z);
	if (sw == SW_OK &&
		!scp_open_token(&channel->session, &fw->crypto, &p, z, command->data, BYTES_OF(point), answer))
		sw = SW_INTERNAL;
	if (sw == SW_OK)
		channel->security = 0;
	bytes_wipe(z, sizeof(z));
	return sw;
}
