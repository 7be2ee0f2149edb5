/* SPDX-License-Identifier: Apache-2.0 */
/* driver/directory.c: what is good, and that a good one damaged anywhere is refused or still makes sense. */
#include "driver/directory.h"

#include "common/tlv.h"
#include "driver/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- building one ------------------------------------------------------------------------------------------------ */

static struct bytes text(const char *s)
{
	return BYTES((const uint8_t *)s, strlen(s));
}

static void put_certificate(struct builder *b)
{
	uint8_t digest[32];
	size_t mark = tlv_begin(b, 0xA8);

	memset(digest, 0xC0, sizeof digest);
	tlv_put_u16(b, 0x80, 700);
	tlv_put(b, 0x81, BYTES_OF(digest));
	tlv_put(b, 0x82, text("cert"));
	tlv_end(b, mark);
}

static void put_rsa(struct builder *b)
{
	uint8_t modulus[256];
	size_t mark = tlv_begin(b, 0x87);

	memset(modulus, 0xFF, sizeof modulus);
	tlv_put(b, 0x81, BYTES_OF(modulus));
	tlv_put(b, 0x82, BYTES((const uint8_t *)"\x01\x00\x01", 3));
	tlv_end(b, mark);
}

static void put_point(struct builder *b, size_t field)
{
	uint8_t point[133];
	size_t mark = tlv_begin(b, 0x87);

	memset(point, 0x22, sizeof point);
	point[0] = 0x04;
	tlv_put(b, 0x86, BYTES(point, 1 + 2 * field));
	tlv_end(b, mark);
}

static void put_key(struct builder *b, uint32_t tag, uint8_t algorithm, uint16_t usage, size_t field, bool certificate)
{
	size_t mark = tlv_begin(b, tag);

	tlv_put_u8(b, 0x80, algorithm);
	tlv_put(b, 0x81, text("id"));
	tlv_put(b, 0x82, text("label"));
	tlv_put_u16(b, 0x83, usage);
	tlv_put_u8(b, 0x84, 0);
	tlv_put_u8(b, 0x85, 1);
	tlv_put_u8(b, 0x86, 0);
	if (field)
		put_point(b, field);
	else
		put_rsa(b);
	if (certificate)
		put_certificate(b);
	tlv_end(b, mark);
}

static void put_container(struct builder *b, uint8_t number, const char *name)
{
	size_t mark = tlv_begin(b, 0xE0);

	tlv_put_u8(b, 0x80, number);
	tlv_put(b, 0x81, text(name));
	put_key(b, 0xA0, UKEY_RSA_2048, UKEY_USE_SIGN, 0, true);
	put_key(b, 0xA1, UKEY_P384, UKEY_USE_SIGN | UKEY_USE_DERIVE, 48, false);
	tlv_end(b, mark);
}

static void put_other(struct builder *b, uint8_t number)
{
	uint8_t digest[32] = {1};
	size_t mark = tlv_begin(b, 0xE1);

	tlv_put_u8(b, 0x80, number);
	tlv_put(b, 0x81, BYTES_NONE);
	tlv_put(b, 0x82, text("CA"));
	tlv_put_u8(b, 0x83, 2);
	tlv_put_u16(b, 0x84, 900);
	tlv_put(b, 0x85, BYTES_OF(digest));
	tlv_end(b, mark);
}

static void put_data(struct builder *b, uint8_t number, bool is_private)
{
	uint8_t digest[32] = {2};
	size_t mark = tlv_begin(b, 0xE2);

	tlv_put_u8(b, 0x80, number);
	tlv_put_u8(b, 0x84, is_private);
	tlv_put_u16(b, 0x85, 5);
	if (!is_private) {
		tlv_put(b, 0x81, text("note"));
		tlv_put(b, 0x82, text("app"));
		tlv_put(b, 0x83, BYTES((const uint8_t *)"\x06\x01\x2A", 3));
		tlv_put(b, 0x86, BYTES_OF(digest));
	}
	tlv_end(b, mark);
}

static uint8_t memory[8192];

static struct bytes good(void)
{
	struct builder b = builder_of(memory, sizeof memory);

	put_container(&b, 0, "one");
	put_container(&b, 31, "zwölf");
	put_other(&b, 0);
	put_other(&b, 31);
	put_data(&b, 3, false);
	put_data(&b, 63, true);
	assert_false(b.failed);
	return builder_bytes(&b);
}

static enum ukey_status parse(struct bytes raw)
{
	const struct ukey_directory *d;
	enum ukey_status s = directory_parse(raw, 7, &d);

	if (s == UKEY_OK)
		ukey_directory_unref(d);
	return s;
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_good_one_is_understood(void **state)
{
	const struct ukey_directory *d;
	uint8_t digest[32];
	struct bytes raw = good();

	(void)state;
	assert_int_equal(directory_parse(raw, 7, &d), UKEY_OK);
	assert_true(crypto_digest(CRYPTO_SHA256, raw, digest));
	assert_memory_equal(directory_digest(d), digest, 32);
	/* Nothing of it lies in the caller's memory. */
	memset(memory, 0, sizeof memory);
	assert_int_equal(d->generation, 7);
	assert_int_equal(d->key_count, 4);
	assert_int_equal(d->container_count, 2);
	assert_int_equal(d->certificate_count, 2);
	assert_int_equal(d->data_count, 2);
	const struct ukey_key *k = ukey_directory_key(d, UKEY_KEY_REF(31, UKEY_SIGNATURE));
	assert_ptr_equal(k, directory_container(d, 31)->pair[UKEY_SIGNATURE]);
	assert_int_equal(k->modulus_len, 256);
	assert_int_equal(k->modulus[255], 0xFF);
	assert_int_equal(k->exponent_len, 3);
	assert_true(k->always_authenticate && k->generated && !k->touch);
	assert_true(k->certificate.exists);
	assert_int_equal(k->certificate.length, 700);
	assert_string_equal(k->certificate.label, "cert");
	k = ukey_directory_key(d, UKEY_KEY_REF(0, UKEY_EXCHANGE));
	assert_int_equal(k->point_len, 97);
	assert_false(k->certificate.exists);
	assert_string_equal(directory_container(d, 31)->name, "zwölf");
	assert_int_equal(directory_certificate(d, 31)->category, 2);
	assert_string_equal(directory_data(d, 3)->application, "app");
	assert_true(directory_data(d, 63)->is_private);
	assert_null(directory_data(d, 4));
	assert_null(directory_container(d, 4));
	assert_null(directory_certificate(d, 4));
	const struct ukey_directory *e = directory_ref(d);
	ukey_directory_unref(d);
	assert_int_equal(e->key_count, 4);
	ukey_directory_unref(e);
	ukey_directory_unref(NULL);
}

static void an_empty_one_is_one(void **state)
{
	(void)state;
	assert_int_equal(parse(BYTES_NONE), UKEY_OK);
}

/* In its own memory, so that a read beyond its end is seen. */
static enum ukey_status parse_copy(struct bytes raw, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	memcpy(copy, raw.data, len);
	enum ukey_status s = parse(BYTES(copy, len));
	free(copy);
	return s;
}

static void cut_anywhere_but_between_entries_it_is_refused(void **state)
{
	struct bytes raw = good();
	unsigned whole = 0;

	(void)state;
	for (size_t n = 0; n < raw.len; n++)
		whole += parse_copy(raw, n) == UKEY_OK;
	assert_int_equal(whole, 6);
}

static void a_byte_more_is_refused(void **state)
{
	struct bytes raw = good();
	const uint8_t last = memory[raw.len];

	(void)state;
	for (unsigned v = 0; v < 256; v++) {
		memory[raw.len] = (uint8_t)v;
		assert_int_equal(parse_copy(raw, raw.len + 1), UKEY_TOKEN_PROTOCOL);
	}
	memory[raw.len] = last;
}

/* Whatever a flipped bit leaves must obey the bounds that callers rely on. */
static void check_sane(const struct ukey_directory *d)
{
	assert_true(
		d->key_count <= 64 && d->container_count <= 32 && d->certificate_count <= 32 && d->data_count <= 64);
	for (size_t i = 0; i < d->key_count; i++) {
		const struct ukey_key *k = &d->keys[i];
		const struct crypto_pubkey key = key_public(k);
		assert_non_null(algorithm_of(k->algorithm));
		assert_true(k->ref < 64 && k->id_len <= UKEY_ID_MAX);
		assert_true(text_valid(text(k->label)));
		assert_true(algorithm_fits(algorithm_of(k->algorithm), &key));
	}
	for (size_t i = 0; i < d->data_count; i++)
		assert_true(d->data[i].number < 64 && d->data[i].oid_len <= UKEY_ID_MAX);
}

static void every_flipped_bit_is_survived(void **state)
{
	struct bytes raw = good();
	unsigned refused = 0;

	(void)state;
	for (size_t bit = 0; bit < 8 * raw.len; bit++) {
		const struct ukey_directory *d;
		memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (directory_parse(raw, 7, &d) == UKEY_OK) {
			check_sane(d);
			ukey_directory_unref(d);
		} else {
			refused++;
		}
		memory[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(parse(raw), UKEY_OK);
	assert_true(refused > 500);
}

/* ---- what a token must not say ----------------------------------------------------------------------------------- */

static void order_and_numbers(void **state)
{
	struct builder b;

	(void)state;
#define REFUSED(...)                                                                                                   \
	b = builder_of(memory, sizeof memory);                                                                         \
	__VA_ARGS__;                                                                                                   \
	assert_int_equal(parse(builder_bytes(&b)), UKEY_TOKEN_PROTOCOL)
	REFUSED(put_container(&b, 1, ""), put_container(&b, 1, ""));
	REFUSED(put_container(&b, 1, ""), put_container(&b, 0, ""));
	REFUSED(put_container(&b, 32, ""));
	REFUSED(put_container(&b, 0, "\x01"));
	REFUSED(put_container(&b, 0, "\xC3"));
	REFUSED(put_other(&b, 0), put_container(&b, 0, ""));
	REFUSED(put_other(&b, 32));
	REFUSED(put_other(&b, 5), put_other(&b, 5));
	REFUSED(put_data(&b, 0, false), put_other(&b, 0));
	REFUSED(put_data(&b, 64, false));
	REFUSED(put_data(&b, 2, true), put_data(&b, 1, true));
	REFUSED(tlv_put(&b, 0xE3, BYTES_NONE));
	REFUSED(tlv_put(&b, 0xE0, BYTES_NONE));
#undef REFUSED
}

static enum ukey_status parse_key(uint8_t algorithm, uint16_t usage, size_t field)
{
	struct builder b = builder_of(memory, sizeof memory);
	size_t mark = tlv_begin(&b, 0xE0);

	tlv_put_u8(&b, 0x80, 0);
	tlv_put(&b, 0x81, BYTES_NONE);
	put_key(&b, 0xA0, algorithm, usage, field, false);
	tlv_end(&b, mark);
	return parse(builder_bytes(&b));
}

static void keys_that_do_not_fit_their_algorithm(void **state)
{
	(void)state;
	assert_int_equal(parse_key(UKEY_RSA_2048, UKEY_USE_SIGN, 0), UKEY_OK);
	assert_int_equal(parse_key(UKEY_RSA_3072, UKEY_USE_SIGN, 0), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_P256, UKEY_USE_SIGN, 0), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_RSA_2048, UKEY_USE_SIGN, 32), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_P256, UKEY_USE_SIGN, 32), UKEY_OK);
	assert_int_equal(parse_key(UKEY_P256, UKEY_USE_SIGN, 48), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_P521, UKEY_USE_DERIVE, 66), UKEY_OK);
	assert_int_equal(parse_key(UKEY_P256, UKEY_USE_DECRYPT, 32), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_RSA_2048, UKEY_USE_DERIVE, 0), UKEY_TOKEN_PROTOCOL);
	assert_int_equal(parse_key(UKEY_P256, 0, 32), UKEY_TOKEN_PROTOCOL);
}

static void a_key_of_an_unknown_algorithm_hides_nothing_else(void **state)
{
	struct builder b = builder_of(memory, sizeof memory);
	const struct ukey_directory *d;
	size_t mark = tlv_begin(&b, 0xE0);

	(void)state;
	tlv_put_u8(&b, 0x80, 4);
	tlv_put(&b, 0x81, BYTES_NONE);
	put_key(&b, 0xA0, 0x17, 0x0001, 32, true);
	put_key(&b, 0xA1, UKEY_P256, UKEY_USE_DERIVE, 32, false);
	tlv_end(&b, mark);
	assert_int_equal(directory_parse(builder_bytes(&b), 1, &d), UKEY_OK);
	assert_int_equal(d->key_count, 1);
	assert_null(d->containers[0].pair[UKEY_SIGNATURE]);
	assert_int_equal(d->containers[0].pair[UKEY_EXCHANGE]->ref, 9);
	ukey_directory_unref(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_one_is_understood),
		cmocka_unit_test(an_empty_one_is_one),
		cmocka_unit_test(cut_anywhere_but_between_entries_it_is_refused),
		cmocka_unit_test(a_byte_more_is_refused),
		cmocka_unit_test(every_flipped_bit_is_survived),
		cmocka_unit_test(order_and_numbers),
		cmocka_unit_test(keys_that_do_not_fit_their_algorithm),
		cmocka_unit_test(a_key_of_an_unknown_algorithm_hides_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
