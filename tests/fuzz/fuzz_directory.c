/* SPDX-License-Identifier: Apache-2.0 */
/* The directory: whatever is accepted keeps the bounds that every caller relies on. */
#include "common/tlv.h"
#include "driver/directory_change.h"
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

/* Whatever a command of ours makes of it is a directory too, with the same bounds. */
static void change(const struct ukey_directory *d)
{
	/* The generator of P-256. */
	static const uint8_t point[65] = {0x04, 0x6B, 0x17, 0xD1, 0xF2, 0xE1, 0x2C, 0x42, 0x47, 0xF8, 0xBC, 0xE6, 0xE5,
		0x63, 0xA4, 0x40, 0xF2, 0x77, 0x03, 0x7D, 0x81, 0x2D, 0xEB, 0x33, 0xA0, 0xF4, 0xA1, 0x39, 0x45, 0xD8,
		0x98, 0xC2, 0x96, 0x4F, 0xE3, 0x42, 0xE2, 0xFE, 0x1A, 0x7F, 0x9B, 0x8E, 0xE7, 0xEB, 0x4A, 0x7C, 0x0F,
		0x9E, 0x16, 0x2B, 0xCE, 0x33, 0x57, 0x6B, 0x31, 0x5E, 0xCE, 0xCB, 0xB6, 0x40, 0x68, 0x37, 0xBF, 0x51,
		0xF5};
	const struct card_body body = {.certificate = BYTES_OF(point), .value = BYTES_OF(point), .number = 1};
	const struct ukey_generate how = {.algorithm = UKEY_P256, .usage = UKEY_USE_SIGN};
	const struct card_public made = {.point = BYTES_OF(point)};
	static const enum card_object kinds[] = {
		CARD_CERTIFICATE, CARD_OTHER_CERTIFICATE, CARD_DATA, CARD_KEY_ATTRIBUTES, CARD_CONTAINER_ATTRIBUTES};
	const struct ukey_directory *now;

	for (int verb = DIRECTORY_WRITE; verb <= DIRECTORY_DELETE_CONTAINER; verb++)
		for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
			for (uint8_t number = 0; number < 3; number++) {
				const struct directory_change c = {.verb = (enum directory_verb)verb,
					.kind = kinds[i],
					.number = number,
					.body = &body,
					.how = &how,
					.made = &made};
				if (directory_change(d, &c, 2, &now) == UKEY_OK) {
					check(now);
					ukey_directory_unref(now);
				}
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
		change(d);
		ukey_directory_unref(d);
	}
	return 0;
}
