/* SPDX-License-Identifier: Apache-2.0 */
/* The directory: whatever is accepted keeps the bounds that every caller relies on. */
#include "common/tlv.h"
#include "driver/directory.h"
#include "driver/text.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void check_text(const char *text, size_t max)
{
	struct bytes b = text_bytes(text);
	FUZZ_REQUIRE(b.len <= max && text_valid(b));
}

static void check_key(const struct ukey_directory *d, const struct ukey_key *k)
{
	const struct crypto_pubkey key = key_public(k);
	uint8_t *der;
	size_t len;

	FUZZ_REQUIRE(k->ref < 64 && k->id_len <= UKEY_ID_MAX && algorithm_of(k->algorithm));
	FUZZ_REQUIRE(algorithm_fits(algorithm_of(k->algorithm), &key));
	FUZZ_REQUIRE(ukey_directory_key(d, k->ref) == k);
	FUZZ_REQUIRE((k->usage & ~algorithm_of(k->algorithm)->usage) == 0 && k->usage != 0);
	check_text(k->label, UKEY_LABEL_MAX);
	check_text(k->certificate.label, UKEY_LABEL_MAX);
	FUZZ_REQUIRE(ukey_key_spki(k, &der, &len) == UKEY_OK);
	free(der);
}

static void check(const struct ukey_directory *d)
{
	FUZZ_REQUIRE(
		d->container_count <= 32 && d->key_count <= 64 && d->certificate_count <= 32 && d->data_count <= 64);
	for (size_t i = 0; i < d->key_count; i++)
		check_key(d, &d->keys[i]);
	for (size_t i = 0; i < d->container_count; i++) {
		check_text(d->containers[i].name, UKEY_LABEL_MAX);
		FUZZ_REQUIRE(d->containers[i].number < 32 &&
			     (i == 0 || d->containers[i - 1].number < d->containers[i].number));
	}
	for (size_t i = 0; i < d->certificate_count; i++)
		check_text(d->certificates[i].certificate.label, UKEY_LABEL_MAX);
	for (size_t i = 0; i < d->data_count; i++) {
		FUZZ_REQUIRE(d->data[i].oid_len <= UKEY_ID_MAX);
		check_text(d->data[i].label, UKEY_LABEL_MAX);
		check_text(d->data[i].application, UKEY_LABEL_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ukey_directory *d;
	uint8_t *copy = malloc(size ? size : 1);

	FUZZ_REQUIRE(copy);
	bytes_copy(copy, BYTES(data, size));
	enum ukey_status s = directory_parse(BYTES(copy, size), 1, &d);
	free(copy);
	FUZZ_REQUIRE(s == UKEY_OK || s == UKEY_TOKEN_PROTOCOL);
	if (s == UKEY_OK) {
		check(d);
		ukey_directory_unref(d);
	}
	return 0;
}
