/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the token in a file of ukey-emu, with the firmware in this process, as a host that trusts nothing would.
 *	file_token FILE info                  token information, hexadecimal
 *	file_token FILE certs OBJECT PREFIX   the chain of object 0003 or 0004 as PREFIX0.der, PREFIX1.der, ...
 *	file_token FILE init                  INITIALIZE inside the secure channel, with the key of the last certificate
 *of 0003 file_token FILE unlock MASTER-HEX     unlocks by phone with the key that this master key (version 1) gives
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "common/apdu.h"
#include "common/crypto.h"
#include "common/hex.h"
#include "common/scp_host.h"
#include "common/tlv.h"
#include "common/unlock.h"
#include "firmware-emu/factory/cert.h"
#include "firmware-emu/factory/chip.h"

#define MUST(condition) must(condition, #condition, __LINE__)

static void must(bool condition, const char *what, int line)
{
	if (condition)
		return;
	fprintf(stderr, "file_token: line %d: not so: %s\n", line, what);
	exit(1);
}

static struct bytes text(const char *s)
{
	return BYTES((const uint8_t *)s, strlen(s));
}

static struct bytes last_certificate(struct chip *c, uint16_t object, const char *prefix)
{
	static uint8_t chain[CERT_CHAIN_MAX];
	struct builder b = builder_of(chain, sizeof(chain));
	struct cursor in;
	struct bytes one = BYTES_NONE;

	MUST(chip_read(c, object, &b) == FACTORY_OK);
	in = cursor_of(builder_bytes(&b));
	for (int i = 0; in.left > 0; i++) {
		char path[1024];
		FILE *f;

		one = tlv_take_whole(&in, 0x30);
		MUST(!in.failed);
		if (prefix == NULL)
			continue;
		snprintf(path, sizeof(path), "%s%d.der", prefix, i);
		MUST((f = fopen(path, "wbe")) != NULL);
		MUST(fwrite(one.data, 1, one.len, f) == one.len);
		MUST(fclose(f) == 0);
	}
	return one;
}

/* ---- the channel ---- */

static struct rapdu clear_command(struct chip *c, const struct apdu *a)
{
	static uint8_t raw[APDU_COMMAND_MAX];
	struct builder b = builder_of(raw, sizeof(raw));
	struct bytes answer;
	struct rapdu r = {.sw = 0};

	apdu_encode(&b, a);
	MUST(!b.failed && c->link.transceive(c->link.self, builder_bytes(&b), &answer) && rapdu_parse(answer, &r));
	return r;
}

static void open_channel(struct chip *c, struct scp_session *s)
{
	static const struct scp_params params = {SCP_USAGE_MAC_ENC, 16};
	uint8_t data[SCP_AUTHENTICATE_SIZE];
	struct builder d = builder_of(data, sizeof(data));
	struct crypto_cert cert;
	struct crypto_pubkey key;
	struct scp_host *h = scp_host_begin(&params, &d);
	struct rapdu r;

	MUST(h != NULL);
	MUST(crypto_cert_parse(last_certificate(c, CHIP_DEVICE_CHAIN, NULL), &cert));
	MUST(crypto_pubkey_from_spki(cert.spki, &key));
	r = clear_command(c, &(struct apdu){.cla = 0x80,
				     .ins = SCP_INS_INTERNAL_AUTHENTICATE,
				     .p1 = 0x01,
				     .p2 = SCP_KID_SCP11B,
				     .data = builder_bytes(&d),
				     .le = APDU_LE_SHORT_MAX});
	MUST(r.sw == SW_OK);
	MUST(scp_host_finish(h, key.point, r.data, s) == SCP_HOST_OK);
	scp_host_free(h);
}

static struct bytes protected_command(struct chip *c, struct scp_session *s, struct apdu a)
{
	static uint8_t data[1024], plain[1024];
	struct builder d = builder_of(data, sizeof(data)), p = builder_of(plain, sizeof(plain));
	struct rapdu r;

	builder_put(&d, a.data);
	a.extended = true;
	MUST(scp_wrap_command(s, &a, &d));
	r = clear_command(c, &a);
	builder_put(&p, r.data);
	MUST(scp_unwrap_response(s, r.sw, &p));
	MUST(r.sw == SW_OK);
	return builder_bytes(&p);
}

static void initialize(struct chip *c)
{
	uint8_t data[128];
	struct builder b = builder_of(data, sizeof(data));
	struct scp_session s;

	open_channel(c, &s);
	tlv_put(&b, 0x80, text("factory test"));
	tlv_put(&b, 0x81, text("87654321"));
	tlv_put(&b, 0x83, text("123456"));
	protected_command(c, &s, (struct apdu){.cla = 0x80, .ins = 0xE0, .data = builder_bytes(&b), .le = APDU_LE_MAX});
	scp_session_abort(&s);
}

/* ---- unlocking ---- */

static void cmac(const uint8_t key[16], const struct builder *in, uint8_t out[16])
{
	char cipher[] = "AES-128-CBC";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, cipher, 0), OSSL_PARAM_construct_end()};
	size_t n = 0;

	MUST(!in->failed);
	MUST(EVP_Q_mac(NULL, "CMAC", NULL, NULL, params, key, 16, in->data, in->len, out, 16, &n) != NULL && n == 16);
}

static void unlock(struct chip *c, const char *master_hex)
{
	uint8_t master[16], key[16], mac[16], input[UNLOCK_INPUT_MAX], raw[UNLOCK_CHALLENGE_SIZE], data[64],
		response[UNLOCK_RESPONSE_SIZE], wanted[UNLOCK_PROOF_SIZE];
	struct builder m = builder_of(master, sizeof(master)), in = builder_of(input, sizeof(input)),
		       ch = builder_of(raw, sizeof(raw)), d = builder_of(data, sizeof(data));
	struct bytes serial, version, counter, random, proof, generation, answer;
	struct unlock_challenge challenge;
	struct scp_session s;

	MUST(hex_decode(master_hex, &m) && m.len == 16);
	unlock_kdf_input(&in, 1, UNLOCK_LABEL_PIN, 1, c->serial, 128);
	cmac(master, &in, key);
	open_channel(c, &s);
	answer = protected_command(c, &s, (struct apdu){.cla = 0x80, .ins = 0x84, .p2 = 0x83, .le = APDU_LE_MAX});
	const struct tlv_field challenge_fields[] = {
		{0x80, TLV_REQUIRED, 8, 8, &serial },
		{0x81, TLV_REQUIRED, 1, 1, &version},
		{0x82, TLV_REQUIRED, 2, 2, &counter},
		{0x83, TLV_REQUIRED, 8, 8, &random },
	};
	MUST(tlv_parse(answer, challenge_fields, 4));
	builder_put(&ch, version);
	builder_put(&ch, serial);
	builder_put(&ch, counter);
	builder_put(&ch, random);
	MUST(unlock_challenge_parse(builder_bytes(&ch), &challenge) && challenge.version == 1);
	in = builder_of(input, sizeof(input));
	unlock_response_input(&in, &challenge, UNLOCK_SET_USER_PIN);
	cmac(key, &in, mac);
	unlock_response_cut(mac, response);
	tlv_put(&d, 0x82, BYTES_OF(response));
	tlv_put(&d, 0x81, text("765432"));
	answer = protected_command(
		c, &s, (struct apdu){.ins = 0x2C, .p1 = 1, .p2 = 0x81, .data = builder_bytes(&d), .le = APDU_LE_MAX});
	const struct tlv_field done_fields[] = {
		{0x89, TLV_REQUIRED, 5, 5, &proof     },
		{0x88, TLV_REQUIRED, 4, 4, &generation},
	};
	MUST(tlv_parse(answer, done_fields, 2));
	in = builder_of(input, sizeof(input));
	unlock_proof_input(&in, 1, challenge.serial, (uint16_t)(challenge.counter + 1));
	cmac(key, &in, mac);
	unlock_proof_cut(mac, wanted);
	MUST(bytes_equal(proof, BYTES_OF(wanted)));
	scp_session_abort(&s);
}

static void info(struct chip *c)
{
	static const uint8_t tag[] = {0x5C, 2, 0, 1};
	char hex[HEX_SIZE(512)];
	struct rapdu r = clear_command(
		c, &(struct apdu){.ins = 0xCB, .p1 = 0x3F, .p2 = 0xFF, .data = BYTES_OF(tag), .le = APDU_LE_MAX});

	MUST(hex_encode(r.data, hex, sizeof(hex)));
	puts(hex);
}

int main(int argc, char **argv)
{
	const struct chip_options any = {.create = false};
	struct chip c;

	MUST(argc > 2);
	if (chip_open(argv[1], &any, &c) != FACTORY_OK) {
		factory_complain(FACTORY_FAILED, false);
		return 1;
	}
	if (strcmp(argv[2], "info") == 0)
		info(&c);
	else if (strcmp(argv[2], "certs") == 0 && argc == 5)
		last_certificate(&c, (uint16_t)strtoul(argv[3], NULL, 16), argv[4]);
	else if (strcmp(argv[2], "init") == 0)
		initialize(&c);
	else if (strcmp(argv[2], "unlock") == 0 && argc == 4)
		unlock(&c, argv[3]);
	else
		MUST(!"a known command");
	chip_close(&c);
	return 0;
}
