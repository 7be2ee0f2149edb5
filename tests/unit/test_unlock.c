/* SPDX-License-Identifier: Apache-2.0 */
/* The MAC inputs of unlock by phone (LC-18), against OpenSSL's SP 800-108 and with the vectors of the protocol. */
#include "common/unlock.h"
#include "tests/unit/test.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

static const uint8_t serial[UNLOCK_SERIAL_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};
static const struct unlock_challenge challenge = {
	.version = 1,
	.serial = {1,    2,    3,    4,    5,    6,    7,    8   },
	.counter = 5,
	.random = {0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8},
};

static void master_key(uint8_t key[UNLOCK_KEY_SIZE])
{
	for (uint8_t i = 0; i < UNLOCK_KEY_SIZE; i++)
		key[i] = (uint8_t)(0xC0 + i);
}

static void cmac(const uint8_t key[UNLOCK_KEY_SIZE], struct bytes in, uint8_t out[UNLOCK_MAC_SIZE])
{
	size_t n = 0;
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};

	assert_non_null(EVP_Q_mac(
		NULL, "CMAC", NULL, NULL, params, key, UNLOCK_KEY_SIZE, in.data, in.len, out, UNLOCK_MAC_SIZE, &n));
	assert_int_equal(n, UNLOCK_MAC_SIZE);
}

/* Another's SP 800-108, given label and context only. */
static void kbkdf(const char *label, struct bytes context, uint8_t *out, size_t len)
{
	uint8_t key[UNLOCK_KEY_SIZE];
	char mac[] = "CMAC", cipher[] = "AES-128-CBC", mode[] = "counter";
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "KBKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MAC, mac, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_CIPHER, cipher, 0),
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_MODE, mode, 0),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, key, sizeof(key)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SALT, (void *)(uintptr_t)label, strlen(label)),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)(uintptr_t)context.data, context.len),
		OSSL_PARAM_construct_end(),
	};

	master_key(key);
	assert_non_null(ctx);
	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void derive(const char *label, uint8_t version, uint8_t *out, size_t len)
{
	uint8_t key[UNLOCK_KEY_SIZE], input[UNLOCK_INPUT_MAX];

	master_key(key);
	for (uint32_t i = 0; i * UNLOCK_MAC_SIZE < len; i++) {
		struct builder b = builder_of(input, sizeof(input));
		unlock_kdf_input(&b, i + 1, label, version, serial, (uint32_t)(8 * len));
		assert_false(b.failed);
		cmac(key, builder_bytes(&b), out + i * UNLOCK_MAC_SIZE);
	}
}

static void keys_are_those_of_sp_800_108(void **state)
{
	struct bytes context = test_hex("01 4F70656E554B6579 0102030405060708 F04F70656E554B657901");
	uint8_t want[32], got[32];

	(void)state;
	kbkdf(UNLOCK_LABEL_PIN, context, want, UNLOCK_KEY_SIZE);
	derive(UNLOCK_LABEL_PIN, 1, got, UNLOCK_KEY_SIZE);
	assert_bytes_equal(BYTES(got, UNLOCK_KEY_SIZE), BYTES(want, UNLOCK_KEY_SIZE));
	assert_bytes_hex(BYTES(got, UNLOCK_KEY_SIZE), "8D745B60240AAA6278C9BFCB54B487D1");
	kbkdf(UNLOCK_LABEL_ESCROW, context, want, sizeof(want));
	derive(UNLOCK_LABEL_ESCROW, 1, got, sizeof(got));
	assert_bytes_equal(BYTES_OF(got), BYTES_OF(want));
	derive(UNLOCK_LABEL_PIN, 2, want, UNLOCK_KEY_SIZE);
	derive(UNLOCK_LABEL_PIN, 1, got, UNLOCK_KEY_SIZE);
	assert_memory_not_equal(want, got, UNLOCK_KEY_SIZE);
	test_drop(context);
}

static void writes_the_inputs_of_the_protocol(void **state)
{
	uint8_t out[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(out, sizeof(out));

	(void)state;
	unlock_kdf_input(&b, 1, UNLOCK_LABEL_PIN, 1, serial, 128);
	assert_bytes_hex(builder_bytes(&b), "00000001 50494E2D554E4C4F434B 00 01 4F70656E554B6579 0102030405060708"
					    " F04F70656E554B657901 00000080");
	b = builder_of(out, sizeof(out));
	unlock_response_input(&b, &challenge, UNLOCK_SET_USER_PIN);
	assert_bytes_hex(builder_bytes(&b), "554E4C4F434B 01 0102030405060708 0005 A1A2A3A4A5A6A7A8 01");
	b = builder_of(out, sizeof(out));
	unlock_proof_input(&b, 1, serial, 6);
	assert_bytes_hex(builder_bytes(&b), "444F4E45 01 0102030405060708 0006");
}

/* The worked example of doc/token-protocol.md. */
static void response_and_proof_of_the_example(void **state)
{
	uint8_t key[UNLOCK_KEY_SIZE], mac[UNLOCK_MAC_SIZE], input[UNLOCK_INPUT_MAX];
	uint8_t response[UNLOCK_RESPONSE_SIZE], proof[UNLOCK_PROOF_SIZE];
	struct builder b = builder_of(input, sizeof(input));

	(void)state;
	derive(UNLOCK_LABEL_PIN, 1, key, sizeof(key));
	unlock_response_input(&b, &challenge, UNLOCK_SET_USER_PIN);
	cmac(key, builder_bytes(&b), mac);
	unlock_response_cut(mac, response);
	assert_bytes_hex(BYTES_OF(response), "B41ADC33ECD94D48 80");
	assert_true(unlock_response_shape(response));
	response[8] |= 1;
	assert_false(unlock_response_shape(response));
	b = builder_of(input, sizeof(input));
	unlock_proof_input(&b, 1, serial, 6);
	cmac(key, builder_bytes(&b), mac);
	unlock_proof_cut(mac, proof);
	assert_bytes_hex(BYTES_OF(proof), "A8D9D8A8C0");
}

static void challenge_of_exactly_19_bytes(void **state)
{
	uint8_t out[UNLOCK_CHALLENGE_SIZE];
	struct builder b = builder_of(out, sizeof(out));
	struct unlock_challenge again;

	(void)state;
	unlock_challenge_put(&b, &challenge);
	assert_bytes_hex(builder_bytes(&b), "01 0102030405060708 0005 A1A2A3A4A5A6A7A8");
	assert_true(unlock_challenge_parse(builder_bytes(&b), &again));
	assert_int_equal(again.version, 1);
	assert_int_equal(again.counter, 5);
	assert_memory_equal(again.serial, challenge.serial, UNLOCK_SERIAL_SIZE);
	assert_memory_equal(again.random, challenge.random, UNLOCK_RANDOM_SIZE);
	for (size_t n = 0; n < 32; n++) {
		uint8_t bytes[32] = {0};
		struct bytes exact = test_copy(BYTES(bytes, n));
		assert_int_equal(unlock_challenge_parse(exact, &again), n == UNLOCK_CHALLENGE_SIZE);
		test_drop(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_are_those_of_sp_800_108),
		cmocka_unit_test(writes_the_inputs_of_the_protocol),
		cmocka_unit_test(response_and_proof_of_the_example),
		cmocka_unit_test(challenge_of_exactly_19_bytes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
