/* SPDX-License-Identifier: Apache-2.0 */
#include "common/scp.h"
#include "common/tlv.h"

/* Bytes that CMAC gives the engine at once: a few blocks, for engines whose start costs more than a block. */
#define CHUNK (8 * SCP_BLOCK)

#define COMMAND_ICV  0x00
#define RESPONSE_ICV 0x80 /* AmdD 6.2.7: first byte of the counter block */

/* ---- CMAC ---- */

struct cmac {
	const struct scp_crypto *crypto;
	struct bytes key;
	uint8_t state[SCP_BLOCK];
	uint8_t chunk[CHUNK];
	size_t n;
};

/* Multiply by x in GF(2^128) (RFC 4493 2.3), without a branch on the secret. */
static void cmac_double(uint8_t block[SCP_BLOCK])
{
	uint8_t carry = block[0] >> 7;

	for (size_t i = 0; i + 1 < SCP_BLOCK; i++)
		block[i] = (uint8_t)(block[i] << 1 | block[i + 1] >> 7);
	block[SCP_BLOCK - 1] = (uint8_t)(block[SCP_BLOCK - 1] << 1 ^ (0x87 & -carry));
}

/* The chunk is emptied only when more comes, so that the last block is in it at the end. */
static bool cmac_update(struct cmac *c, struct bytes in)
{
	bool ok = true;

	for (size_t i = 0; i < in.len && ok; i++) {
		if (c->n == CHUNK) {
			ok = c->crypto->aes_cbc_encrypt(c->crypto->ctx, c->key, c->state, c->chunk, CHUNK);
			c->n = 0;
		}
		c->chunk[c->n++] = in.data[i];
	}
	return ok;
}

static bool cmac_final(struct cmac *c)
{
	uint8_t iv[SCP_BLOCK] = {0}, subkey[SCP_BLOCK] = {0};
	bool ok = c->crypto->aes_cbc_encrypt(c->crypto->ctx, c->key, iv, subkey, SCP_BLOCK);

	cmac_double(subkey);
	if (c->n == 0 || c->n % SCP_BLOCK != 0) {
		cmac_double(subkey);
		c->chunk[c->n++] = 0x80;
		while (c->n % SCP_BLOCK != 0)
			c->chunk[c->n++] = 0;
	}
	for (size_t i = 0; i < SCP_BLOCK; i++)
		c->chunk[c->n - SCP_BLOCK + i] ^= subkey[i];
	ok = ok && c->crypto->aes_cbc_encrypt(c->crypto->ctx, c->key, c->state, c->chunk, c->n);
	bytes_wipe(subkey, sizeof(subkey));
	bytes_wipe(iv, sizeof(iv));
	return ok;
}

bool scp_cmac(const struct scp_crypto *crypto, struct bytes key, const struct bytes *part, size_t parts,
	uint8_t mac[SCP_BLOCK])
{
	struct cmac c = {.crypto = crypto, .key = key};
	bool ok = true;

	for (size_t i = 0; i < parts && ok; i++)
		ok = cmac_update(&c, part[i]);
	ok = ok && cmac_final(&c);
	bytes_fill(mac, 0, SCP_BLOCK);
	if (ok)
		bytes_copy(mac, BYTES_OF(c.state));
	bytes_wipe(&c, sizeof(c));
	return ok;
}

/* ---- key agreement ---- */

enum agreement {
	TAG_CONTROL_REFERENCE = 0xA6, /* for key agreement */
	TAG_SCP_ID = 0x90,
	TAG_USAGE = 0x95,
	TAG_KEY_TYPE = 0x80,
	TAG_KEY_LENGTH = 0x81,
	TAG_EPHEMERAL_KEY = 0x5F49,
	TAG_RECEIPT = 0x86,
	SCP11 = 0x11,
	VARIANT_B = 0x00,
	KEY_TYPE_AES = 0x88,
};

static bool params_known(const struct scp_params *p)
{
	return (p->usage == SCP_USAGE_MAC || p->usage == SCP_USAGE_MAC_ENC) &&
	       (p->key_len == 16 || p->key_len == 24 || p->key_len == 32);
}

static bool is_point(struct bytes point)
{
	return point.len == SCP_POINT_SIZE && point.data[0] == 0x04;
}

bool scp_derive(const struct scp_crypto *crypto, const struct scp_params *p, struct bytes z, struct scp_keys *out)
{
	enum { DIGEST = 32, BLOCKS = SCP_KEYS * SCP_KEY_MAX / DIGEST };
	uint8_t input[SCP_SECRET_SIZE + 4 + 3], stream[BLOCKS * DIGEST] = {0};
	bool ok = params_known(p) && z.len == SCP_SECRET_SIZE;

	bytes_fill((uint8_t *)out, 0, sizeof(*out));
	for (uint32_t i = 1; ok && (i - 1) * DIGEST < SCP_KEYS * (size_t)p->key_len; i++) {
		struct builder b = builder_of(input, sizeof(input));
		builder_put(&b, z);
		builder_u32(&b, i);
		builder_u8(&b, p->usage); /* SharedInfo: the values of 95, 80, 81 */
		builder_u8(&b, KEY_TYPE_AES);
		builder_u8(&b, p->key_len);
		ok = crypto->sha256(crypto->ctx, builder_bytes(&b), stream + (i - 1) * DIGEST);
	}
	for (size_t i = 0; ok && i < SCP_KEYS; i++)
		bytes_copy(out->key[i], BYTES(stream + i * p->key_len, p->key_len));
	if (ok)
		out->len = p->key_len;
	bytes_wipe(input, sizeof(input));
	bytes_wipe(stream, sizeof(stream));
	return ok;
}

bool scp_receipt(const struct scp_crypto *crypto, const struct scp_keys *keys, struct bytes command_data,
	struct bytes point_tlv, uint8_t receipt[SCP_BLOCK])
{
	const struct bytes part[] = {command_data, point_tlv};

	return scp_cmac(crypto, BYTES(keys->key[SCP_KEY_RECEIPT], keys->len), part, 2, receipt);
}

void scp_put_authenticate(struct builder *b, const struct scp_params *p, struct bytes point)
{
	if (!params_known(p) || !is_point(point))
		b->failed = true;
	size_t mark = tlv_begin(b, TAG_CONTROL_REFERENCE);
	tlv_put_u16(b, TAG_SCP_ID, SCP11 << 8 | VARIANT_B);
	tlv_put_u8(b, TAG_USAGE, p->usage);
	tlv_put_u8(b, TAG_KEY_TYPE, KEY_TYPE_AES);
	tlv_put_u8(b, TAG_KEY_LENGTH, p->key_len);
	tlv_end(b, mark);
	tlv_put(b, TAG_EPHEMERAL_KEY, point);
}

bool scp_parse_authenticate(struct bytes data, struct scp_params *p, struct bytes *point)
{
	struct bytes id, usage, key_type, key_length;
	const struct tlv_field fields[] = {
		{TAG_SCP_ID,     TLV_REQUIRED, 2, 2, &id        },
		{TAG_USAGE,      TLV_REQUIRED, 1, 1, &usage     },
		{TAG_KEY_TYPE,   TLV_REQUIRED, 1, 1, &key_type  },
		{TAG_KEY_LENGTH, TLV_REQUIRED, 1, 1, &key_length},
	};
	struct cursor c = cursor_of(data);
	struct bytes control = tlv_take(&c, TAG_CONTROL_REFERENCE);

	*point = tlv_take(&c, TAG_EPHEMERAL_KEY);
	if (!cursor_done(&c) || !tlv_parse(control, fields, sizeof(fields) / sizeof(fields[0])))
		return false;
	*p = (struct scp_params){usage.data[0], key_length.data[0]};
	return id.data[0] == SCP11 && id.data[1] == VARIANT_B && key_type.data[0] == KEY_TYPE_AES && params_known(p) &&
	       is_point(*point);
}

bool scp_parse_answer(struct bytes data, struct scp_answer *out)
{
	struct cursor c = cursor_of(data);

	out->point_tlv = tlv_take_whole(&c, TAG_EPHEMERAL_KEY);
	out->receipt = tlv_take(&c, TAG_RECEIPT);
	return cursor_done(&c) && tlv_unwrap(out->point_tlv, TAG_EPHEMERAL_KEY, &out->point) && is_point(out->point) &&
	       out->receipt.len == SCP_BLOCK;
}

/* ---- sessions ---- */

static void wipe(struct scp_session *s, enum scp_state state)
{
	bytes_wipe(s, sizeof(*s));
	s->state = state;
}

void scp_session_close(struct scp_session *s)
{
	wipe(s, SCP_CLOSED);
}

void scp_session_abort(struct scp_session *s)
{
	wipe(s, s->state == SCP_CLOSED ? SCP_CLOSED : SCP_DEAD);
}

/* What both ends do: the chain starts at the receipt, not at zero; the first command has number 1. */
static bool open_session(struct scp_session *s, const struct scp_crypto *crypto, const struct scp_params *p,
	uint8_t z[SCP_SECRET_SIZE], struct bytes command_data, struct bytes point_tlv)
{
	struct scp_keys keys;

	wipe(s, SCP_CLOSED);
	bool ok = scp_derive(crypto, p, BYTES(z, SCP_SECRET_SIZE), &keys) &&
		  scp_receipt(crypto, &keys, command_data, point_tlv, s->chain);
	if (ok) {
		s->crypto = crypto;
		s->usage = p->usage;
		s->key_len = p->key_len;
		bytes_copy(s->enc, BYTES(keys.key[SCP_KEY_ENC], SCP_KEY_MAX));
		bytes_copy(s->mac, BYTES(keys.key[SCP_KEY_MAC], SCP_KEY_MAX));
		bytes_copy(s->rmac, BYTES(keys.key[SCP_KEY_RMAC], SCP_KEY_MAX));
		s->state = SCP_READY;
	}
	bytes_wipe(&keys, sizeof(keys));
	bytes_wipe(z, SCP_SECRET_SIZE);
	return ok;
}

bool scp_open_token(struct scp_session *s, const struct scp_crypto *crypto, const struct scp_params *p,
	uint8_t z[SCP_SECRET_SIZE], struct bytes command_data, struct bytes point, struct builder *answer)
{
	const size_t from = answer->len;

	tlv_put(answer, TAG_EPHEMERAL_KEY, point);
	struct bytes tlv = answer->failed ? BYTES_NONE : BYTES(answer->data + from, answer->len - from);
	bool ok = open_session(s, crypto, p, z, command_data, tlv);
	if (ok)
		tlv_put(answer, TAG_RECEIPT, BYTES_OF(s->chain));
	if (!ok || answer->failed) {
		scp_session_close(s);
		answer->failed = true;
		return false;
	}
	return true;
}

bool scp_open_host(struct scp_session *s, const struct scp_crypto *crypto, const struct scp_params *p,
	uint8_t z[SCP_SECRET_SIZE], struct bytes command_data, const struct scp_answer *answer)
{
	bool ok = open_session(s, crypto, p, z, command_data, answer->point_tlv) &&
		  bytes_equal_secret(BYTES_OF(s->chain), answer->receipt);

	if (!ok)
		scp_session_close(s);
	return ok;
}

/* ---- messages ---- */

bool scp_class_secured(uint8_t cla)
{
	struct apdu_class class;

	return apdu_class_parse(cla, &class) && class.secure && (cla & 0x40 || (cla & 0x0C) == 0x04);
}

/* AmdD 6.2.4: in the MAC stands the class of channel 0, unchained, whatever travels. */
static uint8_t mac_class(uint8_t cla)
{
	return (uint8_t)(0x04 | (cla & 0x80));
}

static bool encrypts(const struct scp_session *s)
{
	return s->usage == SCP_USAGE_MAC_ENC;
}

/* AmdD 6.2.5: only these status words are protected. */
static bool sw_protected(uint16_t sw)
{
	return sw == SW_OK || sw >> 8 == 0x62 || sw >> 8 == 0x63;
}

size_t scp_wrapped_size(const struct scp_session *s, size_t n)
{
	if (encrypts(s) && n > 0)
		n += SCP_BLOCK - n % SCP_BLOCK;
	return n + SCP_MAC_SIZE;
}

/* The one exit of every message: false ends the session, and nothing of the data stays. */
static bool finish(struct scp_session *s, bool ok, enum scp_state next, struct builder *data)
{
	if (ok) {
		s->state = next;
		return true;
	}
	scp_session_abort(s);
	bytes_wipe(data->data, data->len);
	data->len = 0;
	data->failed = true;
	return false;
}

/* A number for the next command, if there is one left. */
static bool count(struct scp_session *s)
{
	if (s->counter == UINT32_MAX)
		return false;
	s->counter++;
	return true;
}

/* The counter block, encrypted (AmdD 6.2.6, 6.2.7). */
static bool make_icv(const struct scp_session *s, uint8_t direction, uint8_t icv[SCP_BLOCK])
{
	uint8_t iv[SCP_BLOCK] = {0};

	bytes_fill(icv, 0, SCP_BLOCK);
	icv[0] = direction;
	for (size_t i = 0; i < sizeof(s->counter); i++)
		icv[SCP_BLOCK - 1 - i] = (uint8_t)(s->counter >> (8 * i));
	return s->crypto->aes_cbc_encrypt(s->crypto->ctx, BYTES(s->enc, s->key_len), iv, icv, SCP_BLOCK);
}

/* Without data there is no block either: AmdD 6.2.6, 6.2.7. */
static bool encrypt(const struct scp_session *s, uint8_t direction, struct builder *data)
{
	uint8_t icv[SCP_BLOCK];

	if (!encrypts(s) || data->len == 0)
		return true;
	size_t n = SCP_BLOCK - data->len % SCP_BLOCK;
	uint8_t *padding = builder_room(data, n);
	if (!padding)
		return false;
	bytes_fill(padding, 0, n);
	padding[0] = 0x80;
	return make_icv(s, direction, icv) &&
	       s->crypto->aes_cbc_encrypt(s->crypto->ctx, BYTES(s->enc, s->key_len), icv, data->data, data->len);
}

/* 80 00*, all of it inside the last block. */
static bool unpad(struct builder *data)
{
	size_t n = data->len;

	while (n > 0 && data->data[n - 1] == 0)
		n--;
	if (n == 0 || data->data[n - 1] != 0x80 || data->len - n >= SCP_BLOCK)
		return false;
	data->len = n - 1;
	return true;
}

static bool decrypt(const struct scp_session *s, uint8_t direction, struct builder *data)
{
	uint8_t icv[SCP_BLOCK];

	if (!encrypts(s) || data->len == 0)
		return true;
	return data->len % SCP_BLOCK == 0 && make_icv(s, direction, icv) &&
	       s->crypto->aes_cbc_decrypt(s->crypto->ctx, BYTES(s->enc, s->key_len), icv, data->data, data->len) &&
	       unpad(data);
}

/* C-MAC over chaining value, header, Lc as it travels, and data. The result is the next chaining value. */
static bool command_mac(const struct scp_session *s, const struct apdu *a, struct bytes data, uint8_t mac[SCP_BLOCK])
{
	const size_t lc = data.len + SCP_MAC_SIZE;
	uint8_t header[7];
	struct builder b = builder_of(header, sizeof(header));

	if (lc > APDU_DATA_MAX)
		return false;
	builder_u8(&b, mac_class(a->cla));
	builder_u8(&b, a->ins);
	builder_u8(&b, a->p1);
	builder_u8(&b, a->p2);
	if (a->extended || lc > 255) {
		builder_u8(&b, 0);
		builder_u16(&b, (uint16_t)lc);
	} else {
		builder_u8(&b, (uint8_t)lc);
	}
	const struct bytes part[] = {BYTES_OF(s->chain), builder_bytes(&b), data};
	return scp_cmac(s->crypto, BYTES(s->mac, s->key_len), part, 3, mac);
}

static bool response_mac(const struct scp_session *s, uint16_t sw, struct bytes data, uint8_t mac[SCP_BLOCK])
{
	const uint8_t status[2] = {(uint8_t)(sw >> 8), (uint8_t)sw};
	const struct bytes part[] = {BYTES_OF(s->chain), data, BYTES_OF(status)};

	return scp_cmac(s->crypto, BYTES(s->rmac, s->key_len), part, 3, mac);
}

/* Cut the MAC off; what it should be is compared later. */
static bool take_mac(struct builder *data, struct bytes *mac)
{
	if (data->failed || data->len < SCP_MAC_SIZE)
		return false;
	data->len -= SCP_MAC_SIZE;
	*mac = BYTES(data->data + data->len, SCP_MAC_SIZE);
	return true;
}

/* The class as it will travel, or false: reserved, in a chain, already secured; or it would have to be chained on
 * channel 19 with bit 8, where that spells FF, which is no class. */
static bool secure_class(const struct apdu *a, size_t wrapped, uint8_t *cla)
{
	struct apdu_class class;

	if (!apdu_class_parse(a->cla, &class) || class.secure || class.chained)
		return false;
	class.secure = true;
	*cla = apdu_class_encode(&class);
	return a->extended || wrapped <= 255 || *cla != 0xEF;
}

bool scp_wrap_command(struct scp_session *s, struct apdu *a, struct builder *data)
{
	uint8_t mac[SCP_BLOCK], cla = 0;
	bool ok = s->state == SCP_READY && !data->failed && (a->extended || a->le <= APDU_LE_SHORT_MAX) &&
		  secure_class(a, scp_wrapped_size(s, data->len), &cla) && count(s) && encrypt(s, COMMAND_ICV, data) &&
		  command_mac(s, a, builder_bytes(data), mac);

	if (ok) {
		bytes_copy(s->chain, BYTES_OF(mac));
		builder_put(data, BYTES(mac, SCP_MAC_SIZE));
		ok = !data->failed;
	}
	ok = finish(s, ok, SCP_BUSY, data);
	if (ok)
		a->cla = cla;
	a->data = builder_bytes(data);
	return ok;
}

bool scp_unwrap_command(struct scp_session *s, const struct apdu *a, struct builder *data)
{
	uint8_t mac[SCP_BLOCK];
	struct apdu_class class;
	struct bytes got;
	bool ok = s->state == SCP_READY && scp_class_secured(a->cla) && apdu_class_parse(a->cla, &class) &&
		  !class.chained && take_mac(data, &got) && count(s) && command_mac(s, a, builder_bytes(data), mac) &&
		  bytes_equal_secret(BYTES(mac, SCP_MAC_SIZE), got);

	if (ok) {
		bytes_copy(s->chain, BYTES_OF(mac));
		ok = decrypt(s, COMMAND_ICV, data);
	}
	/* The MAC that should have been is nobody's business. */
	bytes_wipe(mac, sizeof(mac));
	return finish(s, ok, SCP_BUSY, data);
}

bool scp_wrap_response(struct scp_session *s, uint16_t sw, struct builder *data)
{
	uint8_t mac[SCP_BLOCK];
	bool ok = s->state == SCP_BUSY;

	if (ok && !sw_protected(sw)) {
		bytes_wipe(data->data, data->len);
		*data = builder_of(data->data, data->cap);
		return finish(s, true, SCP_READY, data);
	}
	ok = ok && !data->failed && encrypt(s, RESPONSE_ICV, data) && response_mac(s, sw, builder_bytes(data), mac);
	if (ok) {
		builder_put(data, BYTES(mac, SCP_MAC_SIZE));
		ok = !data->failed;
	}
	return finish(s, ok, SCP_READY, data);
}

bool scp_unwrap_response(struct scp_session *s, uint16_t sw, struct builder *data)
{
	uint8_t mac[SCP_BLOCK] = {0};
	struct bytes got;
	bool ok = s->state == SCP_BUSY;

	if (ok && !sw_protected(sw))
		return finish(s, !data->failed && data->len == 0, SCP_READY, data);
	ok = ok && take_mac(data, &got);
	const bool empty = ok && data->len == 0;
	ok = ok && response_mac(s, sw, builder_bytes(data), mac) && bytes_equal_secret(BYTES(mac, SCP_MAC_SIZE), got) &&
	     decrypt(s, RESPONSE_ICV, data);
	/* A block that holds nothing is no answer without data: that one has no block. */
	ok = ok && (empty || data->len > 0);
	bytes_wipe(mac, sizeof(mac));
	return finish(s, ok, SCP_READY, data);
}
