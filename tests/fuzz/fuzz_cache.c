/* SPDX-License-Identifier: Apache-2.0 */
/* A file of the cache: what is accepted is of the wanted kind and token, lies inside the file, and has the digest. */
#include "common/crypto.h"
#include "driver/cache_file.h"
#include "driver/directory.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

#define SERIAL "00554B4559000001"

/* The digest that the token would have told of whatever stands behind the header: else nothing would come through. */
static bool accepted(struct bytes file, enum cache_kind kind, struct bytes *content)
{
	struct cursor c = cursor_of(file);
	uint8_t digest[32] = {0};

	cursor_take(&c, CACHE_HEADER);
	FUZZ_REQUIRE(crypto_digest(CRYPTO_SHA256, cursor_rest(&c), digest));
	const struct cache_key k = {kind, SERIAL, digest};
	const bool good = cache_content(file, &k, content);
	digest[31] ^= 1;
	struct bytes nothing;
	FUZZ_REQUIRE(!cache_content(file, &k, &nothing));
	return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bytes file = BYTES(data, size);
	const struct ukey_directory *d;
	struct bytes content;

	const bool certificate = accepted(file, CACHE_CERTIFICATE, &content);
	const bool directory = accepted(file, CACHE_DIRECTORY, &content);
	FUZZ_REQUIRE(!(certificate && directory));
	if (!directory)
		return 0;
	FUZZ_REQUIRE(content.len == size - CACHE_HEADER && fuzz_inside(content, file) && data[5] == CACHE_DIRECTORY);
	FUZZ_REQUIRE(memcmp(data, "OUKC\x01", 5) == 0 && memcmp(data + 6, SERIAL, 16) == 0);
	if (directory_parse(content, 1, &d) == UKEY_OK) {
		FUZZ_REQUIRE(bytes_equal(directory_raw(d), content));
		ukey_directory_unref(d);
	}
	return 0;
}
