/* SPDX-License-Identifier: Apache-2.0 */
#include "config.h"

#include "firmware-emu/factory/chip.h"

#include <ctype.h>
#include <string.h>

#include "common/apdu.h"
#include "common/hex.h"
#include "common/i18n.h"
#include "common/secmem.h"
#include "common/tlv.h"
#include "common/unlock.h"
#include "firmware-emu/factory/cert.h"

#define CLA_PROPRIETARY 0x80
#define INS_KEYS        0xF0
#define INS_CLOSE       0xF2
#define INS_SELECT      0xA4
#define INS_GET_DATA    0xCB
#define COMMAND_MAX     (2 * CERT_CHAIN_MAX + 128)

static const uint8_t aid[] = {0xF0, 0x4F, 0x70, 0x65, 0x6E, 0x55, 0x4B, 0x65, 0x79, 0x01};

/* The commands carry the unlock key: in secure memory. The answer is the firmware's, good until the next command. */
static enum factory_status transceive(
	struct chip *c, const struct apdu *command, const char *name, struct bytes *answer)
{
	uint8_t *raw = secmem_alloc(COMMAND_MAX);
	struct builder b = builder_of(raw, COMMAND_MAX);
	struct bytes got = BYTES_NONE;
	struct rapdu r;
	enum factory_status status = FACTORY_OK;

	if (raw == NULL)
		return factory_memory();
	apdu_encode(&b, command);
	if (b.failed || !c->link.transceive(c->link.self, builder_bytes(&b), &got) || !rapdu_parse(got, &r))
		status = factory_fail(FACTORY_FAILED, _("%s: no answer from the token"), name);
	else if (r.sw == SW_INS_NOT_SUPPORTED || r.sw == SW_CLA_NOT_SUPPORTED)
		status = factory_fail(
			FACTORY_REFUSED, _("%s: the token's firmware does not know it; use a newer one"), name);
	else if (r.sw != SW_OK)
		status = factory_fail(FACTORY_FAILED, _("%s: the token answers %04X"), name, r.sw);
	else
		*answer = r.data;
	secmem_free(raw);
	return status;
}

static enum factory_status strange(const char *name)
{
	return factory_fail(FACTORY_FAILED, _("%s: the token's answer is not understood"), name);
}

/* Only what the factory needs of 2.1; other tags may come and go. */
static bool take_info(struct chip *c, struct bytes answer)
{
	struct bytes all, info = BYTES_NONE, value;
	struct cursor in;
	uint32_t tag;

	if (!tlv_unwrap(answer, 0x6F, &all))
		return false;
	in = cursor_of(all);
	while (tlv_next(&in, &tag, &value))
		if (tag == 0xA5)
			info = value;
	if (!cursor_done(&in))
		return false;
	in = cursor_of(info);
	c->given = c->life_cycle = 0;
	c->unlock_key = false;
	while (tlv_next(&in, &tag, &value)) {
		if (tag == 0x82 && value.len == sizeof(c->serial))
			bytes_copy(c->serial, value);
		else if (tag == 0x84 && value.len == 1)
			c->life_cycle = value.data[0];
		else if (tag == 0x87 && value.len == 3)
			c->unlock_key = value.data[2] & 1;
		else if (tag == 0x91 && value.len == 1)
			c->given = value.data[0];
	}
	return cursor_done(&in) && c->life_cycle != 0;
}

enum factory_status chip_look(struct chip *c)
{
	struct apdu select = {.ins = INS_SELECT, .p1 = 4, .data = BYTES_OF(aid), .le = APDU_LE_MAX};
	struct bytes answer = BYTES_NONE;
	enum factory_status status = transceive(c, &select, "SELECT", &answer);

	if (status == FACTORY_OK && !take_info(c, answer))
		status = strange("SELECT");
	if (status == FACTORY_OK && !hex_encode(BYTES_OF(c->serial), c->serial_text, sizeof(c->serial_text)))
		status = factory_memory();
	for (char *p = c->serial_text; *p != '\0'; p++)
		*p = (char)toupper((unsigned char)*p);
	return status;
}

enum factory_status chip_open(const char *path, const struct chip_options *o, struct chip *c)
{
	struct hal_options options = {.flash = path, .create = o->create, .serial = o->serial, .sync = true};
	size_t n = strlen(path);
	char error[512] = "";

	*c = (struct chip){.hal = NULL};
	c->hal = hal_open(&options, error, sizeof(error));
	if (c->hal == NULL)
		/* who reads this has seen the path */
		return factory_fail(
			FACTORY_REFUSED, "%s", strncmp(error, path, n) == 0 && error[n] == ':' ? error + n + 2 : error);
	c->token = token_new(c->hal);
	if (c->token == NULL)
		return factory_memory();
	c->link = token_for_link(c->token);
	c->link.power_up(c->link.self);
	return chip_look(c);
}

void chip_close(struct chip *c)
{
	if (c->token != NULL)
		c->link.power_cut(c->link.self);
	token_free(c->token);
	hal_close(c->hal);
	*c = (struct chip){.hal = NULL};
}

enum factory_status chip_make_keys(
	struct chip *c, uint8_t device[CHIP_POINT_SIZE], uint8_t attestation[CHIP_POINT_SIZE])
{
	struct apdu keys = {.cla = CLA_PROPRIETARY, .ins = INS_KEYS, .le = APDU_LE_MAX};
	struct bytes answer = BYTES_NONE, points[2];
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, CHIP_POINT_SIZE, CHIP_POINT_SIZE, &points[0]},
		{0x81, TLV_REQUIRED, CHIP_POINT_SIZE, CHIP_POINT_SIZE, &points[1]},
	};
	enum factory_status status = transceive(c, &keys, "FACTORY KEYS", &answer);

	if (status != FACTORY_OK)
		return status;
	if (!tlv_parse(answer, fields, sizeof(fields) / sizeof(fields[0])))
		return strange("FACTORY KEYS");
	bytes_copy(device, points[0]);
	bytes_copy(attestation, points[1]);
	return FACTORY_OK;
}

enum factory_status chip_finish(struct chip *c, struct bytes device_chain, struct bytes attestation_chain,
	const uint8_t *unlock_key, uint8_t version)
{
	uint8_t *data = secmem_alloc(COMMAND_MAX);
	struct builder b = builder_of(data, COMMAND_MAX);
	struct apdu close = {.cla = CLA_PROPRIETARY, .ins = INS_CLOSE};
	struct bytes answer = BYTES_NONE;
	enum factory_status status;

	if (data == NULL)
		return factory_memory();
	tlv_put(&b, 0xA0, device_chain);
	tlv_put(&b, 0xA1, attestation_chain);
	if (unlock_key != NULL) {
		tlv_put(&b, 0x82, BYTES(unlock_key, UNLOCK_KEY_SIZE));
		tlv_put_u8(&b, 0x83, version);
	}
	close.data = builder_bytes(&b);
	status = b.failed ? strange("FACTORY CLOSE") : transceive(c, &close, "FACTORY CLOSE", &answer);
	secmem_free(data);
	return status;
}

enum factory_status chip_read(struct chip *c, uint16_t object, struct builder *out)
{
	uint8_t tag[4];
	struct builder b = builder_of(tag, sizeof(tag));
	struct apdu get = {.ins = INS_GET_DATA, .p1 = 0x3F, .p2 = 0xFF, .le = APDU_LE_MAX};
	struct bytes answer = BYTES_NONE;
	enum factory_status status;

	tlv_put_u16(&b, 0x5C, object);
	get.data = builder_bytes(&b);
	status = transceive(c, &get, "GET DATA", &answer);
	if (status == FACTORY_OK)
		builder_put(out, answer);
	return status == FACTORY_OK && out->failed ? strange("GET DATA") : status;
}
