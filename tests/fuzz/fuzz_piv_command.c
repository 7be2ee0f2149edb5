/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any sequence of commands against the PIV application. Input: one byte that chooses the state (01: the PIN is
 * verified, 02: the management key, 04: Yubico's extensions, 08: no button, 30: how a torn write looks), then commands,
 * each after its length in two bytes. A length of FFFF cuts the power at the flash operation that the next byte names,
 * in the command after; FFFE authenticates with the right management key, FFFD verifies the right PIN.
 *
 * Whatever comes: a status word of the protocol; nothing is answered that a PIN guards while none was verified; our own
 * application's directory, tries and log-ins stay as they are; the flash rules are kept (ramhal aborts) and the flash
 * mounts at the next power-on.
 */
#include <string.h>

#include <openssl/evp.h>

#include "common/tlv.h"
#include "tests/fuzz/fuzz.h"
#include "tests/wire/personal.h"

#define FLASH  (96 * 1024)
#define SECTOR 4096
#define CUT    0xFFFF
#define ADMIN  0xFFFE
#define LOG_IN 0xFFFD

static struct ramtoken *token;
static struct ramtoken_moment *moments[2][4]; /* plain, with the extensions; by the state's first two bits */
static uint8_t ours[64];                      /* digest of our directory */

static const uint8_t select_piv[] = {0x00, 0xA4, 0x04, 0x00, 5, 0xA0, 0x00, 0x00, 0x03, 0x08};
static const uint8_t select_ours[] = {0x00, 0xA4, 0x04, 0x00, 5, 0xF0, 0x4F, 0x70, 0x65, 0x6E, 0};
static const uint8_t verify[] = {0x00, 0x20, 0x00, 0x80, 8, '2', '4', '6', '8', '1', '3', 0xFF, 0xFF};
static const uint8_t key[24] = {0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7, 0xA8, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6,
	0xB7, 0xB8, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7, 0xC8};

static uint16_t send(struct bytes raw, struct bytes *data)
{
	struct rapdu r;
	struct bytes answer = ramtoken_transceive(token, raw);

	if (token->off)
		return 0;
	FUZZ_REQUIRE(rapdu_parse(answer, &r));
	if (data)
		*data = r.data;
	return r.sw;
}

/* External authentication, as a host that knows the key; on a token whose key the input changed it fails. */
static void authenticate(void)
{
	static const uint8_t ask[] = {0x00, 0x87, 0x03, 0x9B, 4, 0x7C, 0x02, 0x81, 0x00, 0x00};
	uint8_t answer[] = {0x00, 0x87, 0x03, 0x9B, 12, 0x7C, 0x0A, 0x82, 0x08, 0, 0, 0, 0, 0, 0, 0, 0};
	struct bytes data;
	int n = 0;

	if (send(BYTES_OF(ask), &data) != SW_OK || data.len != 12)
		return;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, "DES-EDE3", NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	FUZZ_REQUIRE(EVP_EncryptInit_ex2(ctx, cipher, key, NULL, NULL) == 1);
	EVP_CIPHER_CTX_set_padding(ctx, 0);
	FUZZ_REQUIRE(EVP_EncryptUpdate(ctx, answer + 9, &n, data.data + 4, 8) == 1 && n == 8);
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	(void)send(BYTES_OF(answer), NULL);
}

/* The digest of our directory (tag 89), and that nobody is logged in there. */
static void look_at_ours(uint8_t digest[32])
{
	struct bytes data, body, value;
	uint32_t tag;

	FUZZ_REQUIRE(send(BYTES_OF(select_ours), &data) == SW_OK && tlv_unwrap(data, 0x6F, &body));
	struct cursor c = cursor_of(body);
	(void)tlv_take(&c, 0x84);
	c = cursor_of(tlv_take(&c, 0xA5));
	while (tlv_next(&c, &tag, &value)) {
		if (tag == 0x89)
			memcpy(digest, value.data, 32);
		FUZZ_REQUIRE(tag != 0x90 || value.data[0] == 0);
		FUZZ_REQUIRE(tag != 0x85 || value.data[0] == 6);
	}
}

/* INITIALIZE with an application of these flags. */
static uint16_t initialize(uint8_t flags)
{
	static const uint8_t so_pin[] = {'8', '7', '6', '5', '4', '3', '2', '1'},
			     user_pin[] = {'1', '2', '3', '4', '5', '6'}, pin[] = {'2', '4', '6', '8', '1', '3'};
	const uint8_t policy[] = {6, 32, 0, 0, flags};
	uint8_t raw[256];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, BYTES_NONE);
	tlv_put(&b, 0x81, BYTES_OF(so_pin));
	tlv_put(&b, 0x83, BYTES_OF(user_pin));
	tlv_put(&b, 0x8A, BYTES_OF(policy));
	size_t piv = tlv_begin(&b, 0xA9);
	tlv_put(&b, 0x80, BYTES_OF(pin));
	tlv_put(&b, 0x81, BYTES_OF(so_pin));
	size_t admin = tlv_begin(&b, 0x82);
	builder_u8(&b, 0x03);
	builder_put(&b, BYTES_OF(key));
	tlv_end(&b, admin);
	tlv_end(&b, piv);
	uint8_t command[300];
	struct builder c = builder_of(command, sizeof(command));
	apdu_encode(&c, &(struct apdu){.cla = 0x80, .ins = 0xE0, .data = builder_bytes(&b)});
	return send(builder_bytes(&c), NULL);
}

static void prepare(void)
{
	static const uint8_t made[][10] = {
		{0x00, 0x47, 0x00, 0x9A, 5, 0xAC, 3, 0x80, 1, 0x11},
		{0x00, 0x47, 0x00, 0x9C, 5, 0xAC, 3, 0x80, 1, 0x11},
		{0x00, 0x47, 0x00, 0x9D, 5, 0xAC, 3, 0x80, 1, 0x07},
		{0x00, 0x47, 0x00, 0x82, 5, 0xAC, 3, 0x80, 1, 0x14}
        };
	static const uint8_t printed[] = {0x00, 0xDB, 0x3F, 0xFF, 9, 0x5C, 3, 0x5F, 0xC1, 0x09, 0x53, 2, 0x5A, 0x5A};
	const struct ramtoken_options o = {.flash_size = FLASH, .sector = SECTOR};

	token = ramtoken_new(&o);
	for (int i = 0; i < 2; i++) {
		uint8_t *blank = ramtoken_snapshot(token);
		FUZZ_REQUIRE(initialize(i ? 0x0C : 0x04) == SW_OK);
		FUZZ_REQUIRE(send(BYTES_OF(select_piv), NULL) == SW_OK);
		authenticate();
		for (size_t k = 0; k < sizeof(made) / sizeof(made[0]); k++) {
			uint16_t sw = send(BYTES(made[k], 10), NULL); /* a long answer comes in pieces */
			FUZZ_REQUIRE(sw == SW_OK || (sw >> 8) == 0x61);
		}
		FUZZ_REQUIRE(send(BYTES_OF(printed), NULL) == SW_OK);
		for (int state = 0; state < 4; state++) {
			ramtoken_power_cycle(token);
			FUZZ_REQUIRE(send(BYTES_OF(select_piv), NULL) == SW_OK);
			FUZZ_REQUIRE(!(state & 0x01) || send(BYTES_OF(verify), NULL) == SW_OK);
			if (state & 0x02)
				authenticate();
			moments[i][state] = ramtoken_moment_take(token);
		}
		look_at_ours(ours);
		ramtoken_restore(token, blank);
		free(blank);
	}
}

static bool known(uint16_t sw)
{
	static const uint16_t words[] = {0x9000, 0x6400, 0x6401, 0x6581, 0x6700, 0x6881, 0x6882, 0x6883, 0x6982, 0x6983,
		0x6985, 0x6A80, 0x6A81, 0x6A82, 0x6A84, 0x6A86, 0x6A88, 0x6A89, 0x6D00, 0x6E00};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sw == words[i])
			return true;
	return (sw >> 8) == 0x61 || (sw >> 4) == 0x63C;
}

static void begin(uint8_t state)
{
	ramtoken_moment_return(moments[state & 0x04 ? 1 : 0][state & 0x03], token);
	token->hal.cut_at = 0;
	token->hal.torn = (enum ramhal_torn)((state >> 4) % RAMHAL_TORN_MODES);
	token->hal.button = !(state & 0x08);
}

static void end(void)
{
	uint8_t digest[32];

	token->hal.cut_at = 0;
	ramtoken_power_cycle(token);
	look_at_ours(digest);
	FUZZ_REQUIRE(memcmp(digest, ours, 32) == 0);
	FUZZ_REQUIRE(send(BYTES_OF(select_piv), NULL) == SW_OK);
}

/* The value of the printed information, which wants the PIN: never in an answer to who has not given it. */
static bool shows_printed(struct bytes data)
{
	return data.len == 4 && data.data[0] == 0x53 && data.data[2] == 0x5A && data.data[3] == 0x5A;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cursor c = cursor_of(BYTES(data, size));
	bool given;

	if (!token)
		prepare();
	uint8_t state = cursor_u8(&c);
	begin(state);
	given = state & 0x01;
	while (c.left > 0 && !c.failed) {
		size_t len = cursor_u16(&c);
		struct bytes out = BYTES_NONE;
		if (len == CUT) {
			token->hal.cut_at = cursor_u8(&c);
			continue;
		}
		if (len == ADMIN) {
			authenticate();
		} else if (len == LOG_IN) {
			given |= send(BYTES_OF(verify), NULL) == SW_OK;
		} else {
			struct bytes raw = cursor_take(&c, len < c.left ? len : c.left);
			/* INITIALIZE and what logs in over there are another target's. */
			if (raw.len > 1 &&
				(raw.data[0] & 0x80 || (raw.len > 5 && raw.data[1] == 0xA4 && raw.data[5] == 0xF0)))
				continue;
			uint16_t sw = send(raw, &out);
			FUZZ_REQUIRE(token->off || known(sw));
			/* VERIFY, CHANGE and RESET of the input's own may have it right. */
			given |= sw == SW_OK && raw.len > 5 && (raw.data[1] == 0x20 || raw.data[1] == 0x24);
			FUZZ_REQUIRE(given || !shows_printed(out));
		}
		if (token->off) {
			end();
			given = false;
		}
	}
	end();
	return 0;
}
