/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token that is nothing but doc/token-protocol.md section 5, in a file: for tests of the desk without a reader.
 *	soft_token MASTER-HEX SERIAL FILE challenge | answer CODE | proof
 * The file holds counter, tries and the pending R, as text. SOFT_TOKEN_VERSION: of the master key, else 1.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/code_text.h"
#include "common/crypto.h"
#include "common/hex.h"
#include "common/unlock.h"

struct token {
	struct unlock_challenge c;
	unsigned tries, wrong; /* of the unlock key; of this R */
	bool pending;
	uint8_t key[UNLOCK_KEY_SIZE];
};

static bool cmac(const uint8_t *key, struct bytes in, uint8_t out[UNLOCK_MAC_SIZE])
{
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
	size_t n = 0;

	return EVP_Q_mac(NULL, "CMAC", NULL, NULL, params, key, UNLOCK_KEY_SIZE, in.data, in.len, out, UNLOCK_MAC_SIZE,
		       &n) != NULL;
}

static bool from_hex(const char *text, uint8_t *out, size_t n)
{
	struct builder b = builder_of(out, n);

	return hex_decode(text, &b) && b.len == n;
}

static bool load(struct token *t, const char *master, const char *serial, const char *path)
{
	uint8_t key[UNLOCK_KEY_SIZE], input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(input, sizeof(input));
	char random[HEX_SIZE(UNLOCK_RANDOM_SIZE)] = "";
	const char *version = getenv("SOFT_TOKEN_VERSION");
	unsigned counter = 0, pending = 0;
	FILE *f = fopen(path, "re");

	t->tries = 10;
	if (f != NULL) {
		if (fscanf(f, "%u %u %u %u %16s", &counter, &t->tries, &t->wrong, &pending, random) != 5)
			return false;
		fclose(f);
	}
	t->c.version = version != NULL ? (uint8_t)atoi(version) : 1;
	t->c.counter = (uint16_t)counter;
	t->pending = pending != 0;
	if (random[0] != '\0' && !from_hex(random, t->c.random, sizeof(t->c.random)))
		return false;
	if (!from_hex(master, key, sizeof(key)) || !from_hex(serial, t->c.serial, sizeof(t->c.serial)))
		return false;
	unlock_kdf_input(&b, 1, UNLOCK_LABEL_PIN, t->c.version, t->c.serial, 128);
	return cmac(key, builder_bytes(&b), t->key);
}

static bool save(const struct token *t, const char *path)
{
	char random[HEX_SIZE(UNLOCK_RANDOM_SIZE)];
	FILE *f = fopen(path, "we");

	if (f == NULL || !hex_encode(BYTES_OF(t->c.random), random, sizeof(random)))
		return false;
	fprintf(f, "%u %u %u %u %s\n", t->c.counter, t->tries, t->wrong, t->pending, random);
	return fclose(f) == 0;
}

static int say(enum code_kind kind, struct bytes b)
{
	char text[CODE_TEXT_SIZE];

	return code_text_encode(kind, b, text, sizeof(text)) && puts(text) != EOF ? 0 : 1;
}

static int challenge(struct token *t, const char *path)
{
	uint8_t bytes[UNLOCK_CHALLENGE_SIZE];
	struct builder b = builder_of(bytes, sizeof(bytes));

	if (t->tries == 0 || !crypto_random(t->c.random, sizeof(t->c.random)))
		return 1;
	t->pending = true;
	t->wrong = 0;
	unlock_challenge_put(&b, &t->c);
	return save(t, path) ? say(CODE_CHALLENGE, builder_bytes(&b)) : 1;
}

static int proof(const struct token *t)
{
	uint8_t input[UNLOCK_INPUT_MAX], mac[UNLOCK_MAC_SIZE], cut[UNLOCK_PROOF_SIZE];
	struct builder b = builder_of(input, sizeof(input));

	unlock_proof_input(&b, t->c.version, t->c.serial, t->c.counter);
	if (t->c.counter == 0 || !cmac(t->key, builder_bytes(&b), mac))
		return 1;
	unlock_proof_cut(mac, cut);
	return say(CODE_PROOF, BYTES_OF(cut));
}

static int answer(struct token *t, const char *path, const char *code)
{
	uint8_t given[UNLOCK_RESPONSE_SIZE], want[UNLOCK_RESPONSE_SIZE], mac[UNLOCK_MAC_SIZE], input[UNLOCK_INPUT_MAX];
	struct builder b = builder_of(given, sizeof(given)), in = builder_of(input, sizeof(input));
	struct code_fault fault;

	if (!t->pending || t->tries == 0 || !code_text_decode(CODE_ANSWER, code, &b, &fault))
		return 1;
	t->tries--;
	unlock_response_input(&in, &t->c, UNLOCK_SET_USER_PIN);
	if (!cmac(t->key, builder_bytes(&in), mac))
		return 1;
	unlock_response_cut(mac, want);
	if (!bytes_equal_secret(BYTES_OF(given), BYTES_OF(want))) {
		t->pending = ++t->wrong < 3;
		save(t, path);
		return 1;
	}
	t->tries = 10;
	t->pending = false;
	t->c.counter++;
	return save(t, path) ? proof(t) : 1;
}

int main(int argc, char **argv)
{
	struct token t = {0};

	if (argc < 5 || !load(&t, argv[1], argv[2], argv[3]))
		return 2;
	if (strcmp(argv[4], "challenge") == 0)
		return challenge(&t, argv[3]);
	if (strcmp(argv[4], "proof") == 0)
		return proof(&t);
	return strcmp(argv[4], "answer") == 0 && argc == 6 ? answer(&t, argv[3], argv[5]) : 2;
}
