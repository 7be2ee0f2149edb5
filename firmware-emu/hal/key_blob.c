/* SPDX-License-Identifier: Apache-2.0 */
#include "firmware-emu/hal/key_blob.h"

#include <openssl/evp.h>

#define CHECK_SIZE 8

static const struct key_kind kinds[] = {
	{.algorithm = 0x07, .rsa = true,     .bytes = 256, .bits = 2048},
	{.algorithm = 0x05,                 .rsa = true,                .bytes = 384, .bits = 3072},
	{.algorithm = 0x16,     .rsa = true,                    .bytes = 512,                .bits = 4096},
	{.algorithm = 0x11,     .bytes = 32,.group = "P-256"},
	{.algorithm = 0x14,  .bytes = 48,             .group = "P-384"                                       },
	{.algorithm = 0x15,     .bytes = 66,.group = "P-521"},
};

const struct key_kind *key_kind_find(uint8_t algorithm)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].algorithm == algorithm)
			return &kinds[i];
	return NULL;
}

size_t key_field_count(const struct key_kind *kind)
{
	return kind->rsa ? KEY_RSA_QINV + 1 : KEY_EC_POINT + 1;
}

size_t key_field_size(const struct key_kind *kind, size_t field)
{
	if (!kind->rsa)
		return field == KEY_EC_D ? kind->bytes : 1u + 2u * kind->bytes;
	if (field == KEY_RSA_E)
		return 4;
	return field < KEY_RSA_P ? kind->bytes : kind->bytes / 2u;
}

static bool check_of(struct bytes body, uint8_t check[CHECK_SIZE])
{
	uint8_t digest[EVP_MAX_MD_SIZE];

	if (EVP_Digest(body.data, body.len, digest, NULL, EVP_sha256(), NULL) != 1)
		return false;
	bytes_copy(check, BYTES(digest, CHECK_SIZE));
	bytes_wipe(digest, sizeof(digest));
	return true;
}

bool key_blob_build(struct builder *b, const struct key_kind *kind, const struct bytes fields[KEY_BLOB_FIELDS])
{
	uint8_t check[CHECK_SIZE];
	size_t start = b->len;

	builder_u8(b, KEY_BLOB_VERSION);
	builder_u8(b, kind->algorithm);
	for (size_t i = 0; i < key_field_count(kind); i++) {
		if (fields[i].len != key_field_size(kind, i))
			b->failed = true;
		builder_put(b, fields[i]);
	}
	if (b->failed || !check_of(BYTES(b->data + start, b->len - start), check)) {
		b->failed = true;
		return false;
	}
	builder_put(b, BYTES_OF(check));
	return !b->failed;
}

bool key_blob_parse(struct bytes blob, const struct key_kind *kind, struct bytes fields[KEY_BLOB_FIELDS])
{
	uint8_t check[CHECK_SIZE];
	struct cursor c = cursor_of(blob);

	if (cursor_u8(&c) != KEY_BLOB_VERSION || cursor_u8(&c) != kind->algorithm)
		return false;
	for (size_t i = 0; i < key_field_count(kind); i++)
		fields[i] = cursor_take(&c, key_field_size(kind, i));
	struct bytes body = {blob.data, blob.len - c.left};
	struct bytes given = cursor_take(&c, CHECK_SIZE);
	return cursor_done(&c) && check_of(body, check) && bytes_equal_secret(given, BYTES_OF(check));
}
