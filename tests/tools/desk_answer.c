/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The desk's end of unlock by phone and nothing else: desk_answer MASTER-HEX CHALLENGE prints the answer's text, by
 * OpenSSL's CMAC (doc/token-protocol.md 5). For tests of the holder's end without a desk.
 */
#include "config.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/code_text.h"
#include "common/hex.h"
#include "common/unlock.h"

static bool cmac(const uint8_t *key, const struct builder *in, uint8_t out[UNLOCK_MAC_SIZE])
{
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
	size_t n = 0;

	return !in->failed && EVP_Q_mac(NULL, "CMAC", NULL, NULL, params, key, UNLOCK_KEY_SIZE, in->data, in->len, out,
				      UNLOCK_MAC_SIZE, &n) != NULL;
}

int main(int argc, char **argv)
{
	uint8_t master[UNLOCK_KEY_SIZE], key[UNLOCK_MAC_SIZE], mac[UNLOCK_MAC_SIZE], raw[UNLOCK_CHALLENGE_SIZE];
	uint8_t input[UNLOCK_INPUT_MAX], response[UNLOCK_RESPONSE_SIZE];
	struct builder m = builder_of(master, sizeof master), c = builder_of(raw, sizeof raw);
	struct builder b = builder_of(input, sizeof input);
	struct unlock_challenge challenge;
	struct code_fault fault;
	char text[CODE_TEXT_SIZE];

	if (argc != 3 || !hex_decode(argv[1], &m) || m.len != sizeof master ||
		!code_text_decode(CODE_CHALLENGE, argv[2], &c, &fault) ||
		!unlock_challenge_parse(builder_bytes(&c), &challenge))
		return 1;
	unlock_kdf_input(&b, 1, UNLOCK_LABEL_PIN, challenge.version, challenge.serial, 8 * UNLOCK_KEY_SIZE);
	if (!cmac(master, &b, key))
		return 1;
	b = builder_of(input, sizeof input);
	unlock_response_input(&b, &challenge, UNLOCK_SET_USER_PIN);
	if (!cmac(key, &b, mac))
		return 1;
	unlock_response_cut(mac, response);
	if (!code_text_encode(CODE_ANSWER, BYTES_OF(response), text, sizeof text))
		return 1;
	return puts(text) < 0;
}
