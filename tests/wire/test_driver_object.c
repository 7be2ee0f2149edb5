/* SPDX-License-Identifier: Apache-2.0 */
/* Directory, certificates and data objects through libukey. */
#include "tests/wire/driver_bench.h"

#include <stdlib.h>
#include <string.h>

static void the_directory_tells_what_was_made(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d, *e;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN);
	bench_generate(b, 7, UKEY_P384, UKEY_USE_SIGN | UKEY_USE_DERIVE);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 2);
	assert_int_equal(d->container_count, 2);
	assert_int_equal(d->containers[0].number, 0);
	assert_int_equal(d->containers[1].number, 3);
	assert_string_equal(d->containers[1].name, "container");
	assert_null(d->containers[1].pair[UKEY_SIGNATURE]);
	const struct ukey_key *k = ukey_directory_key(d, 7);
	assert_ptr_equal(k, d->containers[1].pair[UKEY_EXCHANGE]);
	assert_int_equal(k->algorithm, UKEY_P384);
	assert_int_equal(k->usage, UKEY_USE_SIGN | UKEY_USE_DERIVE);
	assert_true(k->generated);
	assert_false(k->always_authenticate || k->touch || k->certificate.exists);
	assert_int_equal(k->point_len, 97);
	assert_string_equal(k->label, "key");
	assert_int_equal(k->id_len, 2);
	assert_null(ukey_directory_key(d, 1));
	/* A directory stays what it was while somebody holds it. */
	ok(ukey_delete_key(b->t, 0));
	ok(ukey_directory(b->t, &e));
	assert_ptr_not_equal(d, e);
	assert_int_equal(d->key_count, 2);
	assert_int_equal(e->key_count, 1);
	ok(ukey_delete_container(b->t, 3));
	is(ukey_delete_container(b->t, 3), UKEY_NOT_FOUND);
	is(ukey_delete_key(b->t, 0), UKEY_NOT_FOUND);
	is(ukey_delete_key(b->t, 64), UKEY_ARGUMENT);
	is(ukey_delete_container(b->t, 32), UKEY_ARGUMENT);
	ukey_directory_unref(d);
	ukey_directory_unref(e);
}

static void attributes_change(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	bench_certify(b, 0, 0);
	ok(ukey_set_key_attributes(b->t, 0, (const uint8_t *)"\x09\x08\x07", 3, "neu", NULL));
	ok(ukey_set_key_attributes(b->t, 0, NULL, 0, NULL, "Zertifikat"));
	ok(ukey_set_container_name(b->t, 0, "Schrank"));
	is(ukey_set_key_attributes(b->t, 0, NULL, 0, NULL, NULL), UKEY_ARGUMENT);
	is(ukey_set_key_attributes(b->t, 2, NULL, 0, "x", NULL), UKEY_NOT_FOUND);
	is(ukey_set_container_name(b->t, 1, "x"), UKEY_NOT_FOUND);
	is(ukey_set_container_name(b->t, 0, NULL), UKEY_ARGUMENT);
	is(ukey_set_container_name(b->t, 0, "\x7F"), UKEY_ARGUMENT);
	ok(ukey_directory(b->t, &d));
	assert_string_equal(d->keys[0].label, "neu");
	assert_int_equal(d->keys[0].id_len, 3);
	assert_string_equal(d->keys[0].certificate.label, "Zertifikat");
	assert_string_equal(d->containers[0].name, "Schrank");
	ukey_directory_unref(d);
	ok(ukey_logout(b->t));
	is(ukey_set_key_attributes(b->t, 0, NULL, 0, "x", NULL), UKEY_NOT_LOGGED_IN);
	is(ukey_set_container_name(b->t, 0, "x"), UKEY_NOT_LOGGED_IN);
}

static void certificates_of_keys(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t *der, *other, *read;
	size_t len, other_len, read_len;
	unsigned long before;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	bench_generate(b, 2, UKEY_P256, 0);
	der = bench_certificate_for(b, 0, 0, &len);
	other = bench_certificate_for(b, 2, 0, &other_len);
	is(ukey_read_certificate(b->t, 0, &read, &read_len), UKEY_NOT_FOUND);

	before = b->chip[0]->apdus;
	is(ukey_write_certificate(b->t, 0, other, other_len, NULL), UKEY_CERT_MISMATCH);
	is(ukey_write_certificate(b->t, 0, der, len - 1, NULL), UKEY_CERT_INVALID);
	is(ukey_write_certificate(b->t, 0, (const uint8_t *)"garbage", 7, NULL), UKEY_CERT_INVALID);
	is(ukey_write_certificate(b->t, 0, der, 0, NULL), UKEY_CERT_INVALID);
	is(ukey_write_certificate(b->t, 4, der, len, NULL), UKEY_NOT_FOUND);
	is(ukey_write_certificate(b->t, 0, der, len, "\xC0\x80"), UKEY_ARGUMENT);
	assert_int_equal(b->chip[0]->apdus, before);

	ok(ukey_write_certificate(b->t, 0, der, len, NULL));
	ok(ukey_directory(b->t, &d));
	assert_true(d->keys[0].certificate.exists);
	assert_string_equal(d->keys[0].certificate.label, "key");
	assert_int_equal(d->keys[0].certificate.length, len);
	ukey_directory_unref(d);
	ok(ukey_read_certificate(b->t, 0, &read, &read_len));
	assert_int_equal(read_len, len);
	assert_memory_equal(read, der, len);
	free(read);
	ok(ukey_delete_certificate(b->t, 0));
	is(ukey_read_certificate(b->t, 0, &read, &read_len), UKEY_NOT_FOUND);
	is(ukey_delete_certificate(b->t, 0), UKEY_NOT_FOUND);
	ok(ukey_logout(b->t));
	is(ukey_write_certificate(b->t, 0, der, len, NULL), UKEY_NOT_LOGGED_IN);
	is(ukey_delete_certificate(b->t, 0), UKEY_NOT_LOGGED_IN);
	/* The SO may as well. */
	bench_login(b, UKEY_SO);
	ok(ukey_write_certificate(b->t, 0, der, len, "SO"));
	free(der);
	free(other);
}

static void a_certificate_as_large_as_allowed_goes_and_a_larger_one_never_leaves(void **state)
{
	struct bench *b = *state;
	uint8_t *der, *read;
	size_t len, read_len;
	unsigned long before;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	der = bench_certificate_for(b, 0, 15900, &len);
	assert_in_range(len, 16200, 16384);
	ok(ukey_write_certificate(b->t, 0, der, len, NULL));
	free(der);
	/* Read by a process that did not write it. */
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
	ok(ukey_read_certificate(b->t, 0, &read, &read_len));
	assert_int_equal(read_len, len);
	free(read);
	bench_login(b, UKEY_USER);
	der = bench_certificate_for(b, 0, 17000, &len);
	before = b->chip[0]->apdus;
	is(ukey_write_certificate(b->t, 0, der, len, NULL), UKEY_TOO_LARGE);
	is(ukey_write_other_certificate(b->t, -1, der, len, NULL, 0, NULL, 0, NULL), UKEY_TOO_LARGE);
	assert_int_equal(b->chip[0]->apdus, before);
	free(der);
}

static void other_certificates(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t *der, *read, number = 99;
	size_t len, read_len;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	der = bench_certificate_for(b, 0, 0, &len);
	ok(ukey_write_other_certificate(b->t, -1, der, len, (const uint8_t *)"id", 2, "CA", 2, &number));
	assert_int_equal(number, 0);
	ok(ukey_write_other_certificate(b->t, 5, der, len, NULL, 0, NULL, 0, &number));
	assert_int_equal(number, 5);
	ok(ukey_write_other_certificate(b->t, -1, der, len, NULL, 0, NULL, 0, &number));
	assert_int_equal(number, 1);
	is(ukey_write_other_certificate(b->t, 32, der, len, NULL, 0, NULL, 0, NULL), UKEY_ARGUMENT);
	is(ukey_write_other_certificate(b->t, -2, der, len, NULL, 0, NULL, 0, NULL), UKEY_ARGUMENT);
	is(ukey_write_other_certificate(b->t, 0, der, len, NULL, 0, NULL, 4, NULL), UKEY_ARGUMENT);
	is(ukey_write_other_certificate(b->t, 0, der, 3, NULL, 0, NULL, 0, NULL), UKEY_CERT_INVALID);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->certificate_count, 3);
	assert_int_equal(d->certificates[0].category, 2);
	assert_string_equal(d->certificates[0].certificate.label, "CA");
	assert_int_equal(d->certificates[0].id_len, 2);
	assert_int_equal(d->certificates[2].number, 5);
	ukey_directory_unref(d);
	ok(ukey_read_other_certificate(b->t, 5, &read, &read_len));
	assert_int_equal(read_len, len);
	free(read);
	ok(ukey_delete_other_certificate(b->t, 5));
	is(ukey_delete_other_certificate(b->t, 5), UKEY_NOT_FOUND);
	is(ukey_read_other_certificate(b->t, 5, &read, &read_len), UKEY_NOT_FOUND);
	free(der);
}

static void data_objects(void **state)
{
	struct bench *b = *state;
	struct ukey_data in =
				 {
					 .label = "Notiz",
					 .application = "Test",
					 .oid = {0x06, 0x01, 0x2A},
					 .oid_len = 3
        },
			 out;
	const struct ukey_directory *d;
	uint8_t value[300], number;

	memset(value, 0x5A, sizeof value);
	in.value = value;
	in.length = sizeof value;
	is(ukey_write_data(b->t, -1, &in, NULL), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_USER);
	ok(ukey_write_data(b->t, -1, &in, &number));
	assert_int_equal(number, 0);
	in.is_private = true;
	strcpy(in.label, "geheim");
	ok(ukey_write_data(b->t, -1, &in, &number));
	assert_int_equal(number, 1);
	in.length = 0;
	in.value = NULL;
	ok(ukey_write_data(b->t, 63, &in, &number));
	in.length = 16384;
	is(ukey_write_data(b->t, 0, &in, NULL), UKEY_ARGUMENT);
	in.value = calloc(1, 16385);
	ok(ukey_write_data(b->t, 2, &in, NULL));
	in.length++;
	is(ukey_write_data(b->t, 2, &in, NULL), UKEY_TOO_LARGE);
	free(in.value);
	is(ukey_write_data(b->t, 64, &(struct ukey_data){.value = value, .length = 1}, NULL), UKEY_ARGUMENT);

	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->data_count, 4);
	assert_string_equal(d->data[0].label, "Notiz");
	assert_int_equal(d->data[0].oid_len, 3);
	assert_true(d->data[1].is_private);
	assert_string_equal(d->data[1].label, "");
	assert_int_equal(d->data[1].length, sizeof value);
	ukey_directory_unref(d);

	ok(ukey_read_data(b->t, 1, &out));
	assert_string_equal(out.label, "geheim");
	assert_true(out.is_private);
	assert_int_equal(out.length, sizeof value);
	assert_memory_equal(out.value, value, sizeof value);
	ukey_data_clear(&out);
	assert_null(out.value);
	ukey_data_clear(&out);
	ok(ukey_read_data(b->t, 63, &out));
	assert_int_equal(out.length, 0);
	ukey_data_clear(&out);
	ok(ukey_logout(b->t));
	ok(ukey_read_data(b->t, 0, &out));
	ukey_data_clear(&out);
	is(ukey_read_data(b->t, 1, &out), UKEY_NOT_LOGGED_IN);
	is(ukey_read_data(b->t, 3, &out), UKEY_NOT_FOUND);
	is(ukey_delete_data(b->t, 0), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_USER);
	ok(ukey_delete_data(b->t, 0));
	is(ukey_delete_data(b->t, 0), UKEY_NOT_FOUND);
}

static void a_full_token_says_so(void **state)
{
	struct bench *b = *state;
	uint8_t *value = calloc(1, 16384);
	const struct ukey_data in = {.label = "x", .value = value, .length = 16384};
	enum ukey_status status = UKEY_OK;

	bench_login(b, UKEY_USER);
	for (int n = 0; n < 64 && status == UKEY_OK; n++)
		status = ukey_write_data(b->t, n, &in, NULL);
	is(status, UKEY_TOKEN_FULL);
	ok(ukey_delete_data(b->t, 0));
	ok(ukey_write_data(b->t, 0, &in, NULL));
	free(value);
}

/* A second process writes; the first one finds out with its next log-in, and needs no more for it. */
static void another_process_writes(void **state)
{
	struct bench *b = *state;
	struct ukey *other;
	struct ukey_token **list;
	const struct ukey_directory *d;
	size_t count;

	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 0);
	ukey_directory_unref(d);
	ok(ukey_open(&other));
	ok(ukey_refresh(other));
	ok(ukey_tokens(other, &list, &count));
	assert_int_equal(count, 1);
	const struct ukey_generate how = {.ref = -1, .algorithm = UKEY_P256};
	ok(ukey_login(list[0], UKEY_USER, PIN(USER_PIN)));
	ok(ukey_generate(list[0], &how, NULL));
	ok(ukey_logout(list[0]));
	ukey_tokens_free(list, count);
	ukey_close(other);
	bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->key_count, 1);
	ukey_directory_unref(d);
}

#define ROW(name) cmocka_unit_test_setup_teardown(name, bench_setup_operational, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(the_directory_tells_what_was_made),
		ROW(attributes_change),
		ROW(certificates_of_keys),
		ROW(a_certificate_as_large_as_allowed_goes_and_a_larger_one_never_leaves),
		ROW(other_certificates),
		ROW(data_objects),
		ROW(a_full_token_says_so),
		ROW(another_process_writes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
