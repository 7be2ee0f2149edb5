/* SPDX-License-Identifier: Apache-2.0 */
/* Exchange pairs from outside through libukey: they work, they say where they come from, and nothing else gets in. */
#include "common/tlv.h"
#include "tests/wire/driver_bench.h"
#include "tests/wire/outside.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static const enum ukey_algorithm algorithms[] = {
	UKEY_RSA_2048, UKEY_RSA_3072, UKEY_RSA_4096, UKEY_P256, UKEY_P384, UKEY_P521};

/* The public half for ukey_import_key; OPENSSL_free(). */
static uint8_t *spki_of(EVP_PKEY *key, size_t *len)
{
	uint8_t *der = NULL;
	int n = i2d_PUBKEY(key, &der);

	assert_true(n > 0);
	*len = (size_t)n;
	return der;
}

static enum ukey_status import(struct bench *b, int ref, const struct outside *o, unsigned usage, ukey_key_ref *out)
{
	const struct ukey_generate how = {.ref = ref, .usage = usage, .label = "from the CA", .container_name = "box"};
	struct ukey_outside key = {.value = o->value, .value_len = o->value_len};
	uint8_t *spki = spki_of(o->key, &key.spki_len);

	key.spki = spki;
	enum ukey_status status = ukey_import_key(b->t, &how, &key, out);
	OPENSSL_free(spki);
	return status;
}

/* What libukey knows is what the token has, without having been read. */
static void known_and_right(struct bench *b)
{
	const struct ukey_directory *d;
	uint64_t before = ukey_token_commands(b->t);

	ok(ukey_directory(b->t, &d));
	assert_int_equal(ukey_token_commands(b->t), before);
	ok(ukey_token_reload(b->t));
	assert_int_equal(bench_info(b).generation, d->generation);
	ukey_directory_unref(d);
	before = ukey_token_commands(b->t);
	ok(ukey_directory(b->t, &d)); /* would be read again if its digest were another */
	assert_int_equal(ukey_token_commands(b->t), before);
	ukey_directory_unref(d);
}

/* Encrypted, or agreed on, outside with the public half; opened by the token. */
static void assert_opens(struct bench *b, ukey_key_ref ref, const struct outside *o)
{
	static const struct ukey_scheme oaep = {.padding = UKEY_OAEP, .hash = UKEY_SHA256, .mgf = UKEY_SHA256};
	uint8_t in[512], out[512], expected[66];
	size_t in_len = sizeof in, len = sizeof out, expected_len = sizeof expected;
	const struct outside *peer = outside_key(o->algorithm, 1);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(o->key, NULL);

	if (EVP_PKEY_is_a(o->key, "RSA")) {
		assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING), 1);
		assert_int_equal(EVP_PKEY_CTX_set_rsa_oaep_md(ctx, EVP_sha256()), 1);
		assert_int_equal(EVP_PKEY_encrypt(ctx, in, &in_len, (const uint8_t *)"letter", 6), 1);
		ok(ukey_decrypt(b->t, ref, &oaep, in, in_len, out, &len));
		assert_true(bytes_equal(BYTES(out, len), BYTES((const uint8_t *)"letter", 6)));
	} else {
		assert_int_equal(
			EVP_PKEY_get_octet_string_param(peer->key, OSSL_PKEY_PARAM_PUB_KEY, in, sizeof in, &in_len), 1);
		assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
		assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer->key), 1);
		assert_int_equal(EVP_PKEY_derive(ctx, expected, &expected_len), 1);
		ok(ukey_derive(b->t, ref, in, in_len, out, &len));
		assert_true(bytes_equal(BYTES(out, len), BYTES(expected, expected_len)));
	}
	EVP_PKEY_CTX_free(ctx);
}

/* The directory is read once, by whoever needs it first. */
static void look(struct bench *b)
{
	const struct ukey_directory *d;

	ok(ukey_directory(b->t, &d));
	ukey_directory_unref(d);
}

static void every_algorithm_comes_in(void **state)
{
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	look(b);
	for (size_t i = 0; i < 6; i++) {
		const struct outside *o = outside_key((uint8_t)algorithms[i], 0);
		const struct ukey_directory *d;
		ukey_key_ref ref = 0;
		uint64_t before = ukey_token_commands(b->t);

		ok(import(b, -1, o, 0, &ref));
		assert_int_equal(ukey_token_commands(b->t), before + 1);
		assert_int_equal(ref, 2 * i + 1);
		known_and_right(b);
		ok(ukey_directory(b->t, &d));
		const struct ukey_key *key = ukey_directory_key(d, ref);
		assert_non_null(key);
		assert_false(key->generated);
		assert_int_equal(key->algorithm, algorithms[i]);
		assert_int_equal(key->usage, i < 3 ? UKEY_USE_DECRYPT : UKEY_USE_DERIVE);
		assert_string_equal(key->label, "from the CA");
		assert_string_equal(d->containers[i].name, "box");
		assert_opens(b, ref, o);
		ukey_directory_unref(d);
	}
	/* To be found again by a process that has only the cache or the token. */
	ok(ukey_logout(b->t));
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
	bench_login(b, UKEY_USER);
	assert_opens(b, 1, outside_key(0x07, 0));
	assert_opens(b, 7, outside_key(0x11, 0));
}

static void it_joins_the_signature_pair(void **state)
{
	struct bench *b = *state;
	const struct ukey_directory *d;
	ukey_key_ref ref;

	bench_login(b, UKEY_USER);
	bench_generate(b, 4, UKEY_RSA_2048, UKEY_USE_SIGN);
	ok(import(b, 5, outside_key(0x07, 0), 0, &ref));
	assert_int_equal(ref, 5);
	known_and_right(b);
	ok(ukey_directory(b->t, &d));
	assert_int_equal(d->container_count, 1);
	assert_true(d->containers[0].pair[0]->generated);
	assert_false(d->containers[0].pair[1]->generated);
	ukey_directory_unref(d);
	is(import(b, 5, outside_key(0x11, 0), 0, &ref), UKEY_EXISTS);
	ok(ukey_delete_key(b->t, 5));
	ok(import(b, 5, outside_key(0x11, 0), 0, &ref));
}

/* Wrapped by whoever made it: this process never sees it. */
static void it_comes_wrapped(void **state)
{
	static const enum ukey_algorithm signatures[] = {UKEY_P256, UKEY_RSA_2048};
	struct bench *b = *state;

	bench_login(b, UKEY_USER);
	for (int i = 0; i < 2; i++) {
		const struct outside *o = outside_key(0x14, 0);
		const struct ukey_generate how = {.ref = 2 * i + 1};
		uint8_t transport_raw[512], wrapped_raw[600], half_raw[600], *spki;
		struct builder transport = builder_of(transport_raw, sizeof transport_raw);
		struct builder wrapped = builder_of(wrapped_raw, sizeof wrapped_raw);
		struct builder half = builder_of(half_raw, sizeof half_raw);
		const struct ukey_directory *d;

		bench_generate(b, 2 * i, signatures[i], UKEY_USE_SIGN);
		struct crypto_pubkey signature = bench_public(b, (ukey_key_ref)(2 * i), &d);
		if (signature.type == CRYPTO_RSA) {
			tlv_put(&half, 0x81, signature.modulus);
			tlv_put(&half, 0x82, signature.exponent);
		} else {
			tlv_put(&half, 0x86, signature.point);
		}
		outside_wrap(o, b->chip[0]->hal.serial, builder_bytes(&half), &transport, &wrapped);
		ukey_directory_unref(d);
		struct ukey_outside key = {.transport = transport_raw,
			.transport_len = transport.len,
			.wrapped = wrapped_raw,
			.wrapped_len = wrapped.len};
		spki = spki_of(o->key, &key.spki_len);
		key.spki = spki;
		wrapped_raw[9] ^= 1;
		is(ukey_import_key(b->t, &how, &key, NULL), UKEY_KEY_INVALID);
		wrapped_raw[9] ^= 1;
		ok(ukey_import_key(b->t, &how, &key, NULL));
		known_and_right(b);
		assert_opens(b, (ukey_key_ref)(2 * i + 1), o);
		OPENSSL_free(spki);
	}
}

static void what_does_not_get_in(void **state)
{
	struct bench *b = *state;
	struct outside o = *outside_key(0x11, 0);
	uint64_t before;

	is(import(b, -1, &o, 0, NULL), UKEY_NOT_LOGGED_IN);
	bench_login(b, UKEY_SO);
	is(import(b, -1, &o, 0, NULL), UKEY_NOT_LOGGED_IN);
	ok(ukey_logout(b->t));
	bench_login(b, UKEY_USER);
	look(b);
	before = ukey_token_commands(b->t);
	is(import(b, 0, &o, 0, NULL), UKEY_KEY_ORIGIN);
	is(import(b, -1, &o, UKEY_USE_SIGN, NULL), UKEY_KEY_ORIGIN);
	is(import(b, -1, &o, UKEY_USE_SIGN | UKEY_USE_DERIVE, NULL), UKEY_KEY_ORIGIN);
	is(import(b, -1, &o, UKEY_USE_DECRYPT, NULL), UKEY_KEY_USAGE);
	is(import(b, 65, &o, 0, NULL), UKEY_ARGUMENT);
	o.value_len--;
	is(import(b, -1, &o, 0, NULL), UKEY_KEY_INVALID);
	o.value_len++;
	assert_int_equal(ukey_token_commands(b->t), before); /* nothing was sent for any of these */
	o.value[31] ^= 1;
	is(import(b, -1, &o, 0, NULL), UKEY_KEY_INVALID);
	assert_int_equal(ukey_token_commands(b->t), before + 1);

	struct ukey_generate how = {.ref = -1};
	struct ukey_outside key = {.spki = o.public_key, .spki_len = o.public_len, .value = o.value, .value_len = 32};
	is(ukey_import_key(b->t, &how, &key, NULL), UKEY_KEY_INVALID); /* no SubjectPublicKeyInfo */
	EVP_PKEY *small = EVP_RSA_gen(1024);
	uint8_t *spki = spki_of(small, &key.spki_len);
	key.spki = spki;
	is(ukey_import_key(b->t, &how, &key, NULL), UKEY_ALGORITHM);
	OPENSSL_free(spki);
	EVP_PKEY_free(small);
	spki = spki_of(o.key, &key.spki_len);
	key = (struct ukey_outside){.spki = spki, .spki_len = key.spki_len};
	is(ukey_import_key(b->t, &how, &key, NULL), UKEY_KEY_INVALID); /* no value at all */
	key.wrapped = o.value;
	key.wrapped_len = 40;
	is(ukey_import_key(b->t, &how, &key, NULL), UKEY_KEY_INVALID); /* wrapped for nobody */
	key.transport = o.public_key + 2;
	key.transport_len = 65;
	how.ref = 1;
	is(ukey_import_key(b->t, &how, &key, NULL), UKEY_NOT_FOUND); /* there is no signature key to unwrap it */
	OPENSSL_free(spki);
}

/* Firmware of protocol 1.1. */
static void is_older(void *arg, struct bytes command, struct builder *answer)
{
	static const uint8_t version[] = {0x80, 0x02, 0x01, 0x02};

	(void)arg;
	if (command.len < 2 || command.data[1] != 0xA4)
		return;
	for (size_t i = 0; i + sizeof version <= answer->len; i++)
		if (bytes_equal(BYTES(answer->data + i, sizeof version), BYTES_OF(version))) {
			answer->data[i + 3] = 1;
			return;
		}
}

static void an_older_token_is_sent_nothing(void **state)
{
	struct bench *b = *state;

	b->loop->readers[0].falsify = is_older;
	ukey_token_unref(b->t);
	b->t = NULL;
	ukey_close(b->u);
	ok(ukey_open(&b->u));
	bench_refresh(b);
	assert_int_equal(bench_info(b).protocol_minor, 1);
	bench_login(b, UKEY_USER);
	uint64_t before = ukey_token_commands(b->t);
	is(import(b, -1, outside_key(0x11, 0), 0, NULL), UKEY_NOT_SUPPORTED);
	assert_int_equal(ukey_token_commands(b->t), before);
}

/* The log shows that there was such a command, and not one octet of the key. */
static void hear(void *arg, const char *text)
{
	struct builder *heard = arg;
	builder_put(heard, BYTES((const uint8_t *)text, strlen(text)));
	builder_u8(heard, '\n');
}

static void the_log_shows_no_key(void **state)
{
	struct bench *b = *state;
	static char memory[65536];
	struct builder heard = builder_of((uint8_t *)memory, sizeof memory - 1);
	const struct outside *o = outside_key(0x11, 0);
	char digits[17];

	bench_login(b, UKEY_USER);
	ukey_set_log(hear, &heard);
	ok(import(b, -1, o, 0, NULL));
	ukey_set_log(NULL, NULL);
	assert_false(heard.failed);
	memory[heard.len] = '\0';
	assert_non_null(strstr(memory, "DA11"));
	for (int i = 0; i < 8; i++)
		snprintf(digits + 2 * i, 3, "%02X", o->value[8 + i]);
	assert_null(strstr(memory, digits));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_setup_operational, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(every_algorithm_comes_in),
		T(it_joins_the_signature_pair),
		T(it_comes_wrapped),
		T(what_does_not_get_in),
		T(an_older_token_is_sent_nothing),
		T(the_log_shows_no_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
