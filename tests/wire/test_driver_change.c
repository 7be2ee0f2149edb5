/* SPDX-License-Identifier: Apache-2.0 */
/* After a write of its own libukey knows the directory without reading it; the token's digest says whether it is right.
 */
#include "tests/wire/driver_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint8_t *some_certificate;
static size_t some_len;

/* Nothing was read, and what is known is what the token has. */
static void known_and_right(struct bench *b, const char *after)
{
	const uint64_t before = ukey_token_commands(b->t);
	const struct ukey_directory *d;
	uint64_t cost[2];

	ok(ukey_directory(b->t, &d));
	cost[0] = ukey_token_commands(b->t) - before;
	ukey_directory_unref(d);
	ok(ukey_token_reload(b->t));
	ok(ukey_directory(b->t, &d));
	cost[1] = ukey_token_commands(b->t) - before;
	assert_int_equal(d->generation, bench_info(b).generation);
	ukey_directory_unref(d);
	if (cost[0] != 0 || cost[1] != 1)
		fprintf(stderr, "after %s: %u commands, then %u\n", after, (unsigned)cost[0], (unsigned)cost[1]);
	assert_int_equal(cost[0], 0);
	assert_int_equal(cost[1], 1);
}

static void write_data(struct bench *b, int number, const char *label, bool is_private, size_t length)
{
	struct ukey_data d = {.is_private = is_private, .value = calloc(1, length + 1), .length = length, .oid_len = 3};

	snprintf(d.label, sizeof d.label, "%s", label);
	snprintf(d.application, sizeof d.application, "app");
	memcpy(d.oid, "\x06\x01\x2A", 3);
	ok(ukey_write_data(b->t, number, &d, NULL));
	free(d.value);
	known_and_right(b, "data");
}

static void write_other(
	struct bench *b, int number, const uint8_t *id, size_t id_len, const char *label, uint8_t category)
{
	ok(ukey_write_other_certificate(b->t, number, some_certificate, some_len, id, id_len, label, category, NULL));
	known_and_right(b, "other certificate");
}

static void write_for(struct bench *b, ukey_key_ref ref, const char *label)
{
	size_t len;
	uint8_t *der = bench_certificate_for(b, ref, ref * 100u, &len);

	ok(ukey_write_certificate(b->t, ref, der, len, label));
	known_and_right(b, "certificate");
	if (!some_certificate) {
		some_certificate = der;
		some_len = len;
		return;
	}
	free(der);
}

static void every_write_is_followed(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;

	bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
	/* The first and the last place, in between, at the end; every kind among all others. */
	bench_generate(b, 20, UKEY_P256, 0);
	known_and_right(b, "generate");
	bench_generate(b, 63, UKEY_P384, UKEY_USE_DERIVE);
	known_and_right(b, "generate");
	bench_generate(b, 0, UKEY_RSA_2048, UKEY_USE_SIGN | UKEY_USE_DECRYPT);
	known_and_right(b, "generate");
	bench_generate(b, 21, UKEY_P521, 0);
	known_and_right(b, "generate");
	const struct ukey_generate bare = {
		.ref = 31, .algorithm = UKEY_P256, .always_authenticate = true, .touch = false};
	ok(ukey_generate(b->t, &bare, NULL));
	known_and_right(b, "generate");
	write_for(b, 20, "first");
	write_for(b, 0, NULL);
	write_for(b, 63, "");
	write_for(b, 20, "\xE8\xAF\x81\xE4\xB9\xA6");
	write_other(b, 31, NULL, 0, NULL, 0);
	write_other(b, 3, (const uint8_t *)"\x01\x02", 2, "a CA", 2);
	write_other(b, 3, NULL, 0, "another", 3);
	write_other(b, -1, NULL, 0, NULL, 1);
	write_data(b, 63, "last", false, 10);
	write_data(b, 5, "secret", true, 100);
	write_data(b, 0, "", false, 0);
	write_data(b, 63, "now private", true, 3000);
	write_data(b, 5, "now public", false, 300);
	write_other(b, 0, NULL, 0, "", 0);
	bench_generate(b, 1, UKEY_P256, UKEY_USE_SIGN | UKEY_USE_DERIVE);
	known_and_right(b, "generate");
	/* Attributes. */
	ok(ukey_set_key_attributes(b->t, 20, (const uint8_t *)"\x09", 1, "new label", "new label of it"));
	known_and_right(b, "attributes");
	ok(ukey_set_key_attributes(b->t, 21, NULL, 0, "only the label", NULL));
	known_and_right(b, "attributes");
	ok(ukey_set_key_attributes(b->t, 0, NULL, 0, NULL, ""));
	known_and_right(b, "attributes");
	ok(ukey_set_key_attributes(b->t, 1, (const uint8_t *)"", 0, NULL, NULL));
	known_and_right(b, "attributes");
	ok(ukey_set_container_name(b->t, 10, "another name"));
	known_and_right(b, "name");
	ok(ukey_set_container_name(b->t, 0, ""));
	known_and_right(b, "name");
	/* Away with it. */
	ok(ukey_delete_certificate(b->t, 20));
	known_and_right(b, "certificate deleted");
	ok(ukey_delete_key(b->t, 0));
	known_and_right(b, "key deleted");
	ok(ukey_delete_key(b->t, 1));
	known_and_right(b, "last key deleted");
	ok(ukey_delete_container(b->t, 10));
	known_and_right(b, "container deleted");
	ok(ukey_delete_other_certificate(b->t, 31));
	known_and_right(b, "other certificate deleted");
	ok(ukey_delete_data(b->t, 5));
	known_and_right(b, "data deleted");
	is(ukey_delete_data(b->t, 5), UKEY_NOT_FOUND);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->container_count, 2);
	assert_int_equal(d->certificate_count, 2);
	assert_int_equal(d->data_count, 2);
	ukey_directory_unref(d);
	free(some_certificate);
	some_certificate = NULL;
}

/* Another program wrote in between: the answer's generation tells, and the directory is read. */
static void what_others_wrote_in_between_is_read(void **state)
{
	struct bench *b = *state;
	struct bench other = {.loop = b->loop};
	const struct ukey_directory *d;
	const struct ukey_data data = {.label = "theirs", .value = (uint8_t *)(uintptr_t) "v", .length = 1};

	bench_login(b, UKEY_USER);
	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
	ok(ukey_open(&other.u));
	bench_refresh(&other);
	bench_login(&other, UKEY_USER);
	ok(ukey_write_data(other.t, 7, &data, NULL));
	ok(ukey_write_data(b->t, 8, &data, NULL));
	const uint64_t before = ukey_token_commands(b->t);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(ukey_token_commands(b->t) - before, 1);
	assert_int_equal(d->data_count, 2);
	ukey_directory_unref(d);
	ok(ukey_write_data(b->t, 9, &data, NULL));
	known_and_right(b, "data");
	ukey_token_unref(other.t);
	ukey_close(other.u);
}

/* A new process needs nothing of what this one wrote. */
static void the_next_process_knows_it_too(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	uint8_t *der;
	size_t len;

	bench_login(b, UKEY_USER);
	bench_generate(b, 0, UKEY_P256, 0);
	bench_certify(b, 0, 0);
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
	ok(ukey_directory(b->t, &d));
	assert_true(d->keys[0].certificate.exists);
	ukey_directory_unref(d);
	ok(ukey_read_certificate(b->t, 0, &der, &len));
	free(der);
	assert_int_equal(ukey_token_commands(b->t), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_write_is_followed, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(
			what_others_wrote_in_between_is_read, bench_setup_operational, bench_teardown),
		cmocka_unit_test_setup_teardown(the_next_process_knows_it_too, bench_setup_operational, bench_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
