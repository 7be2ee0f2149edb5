/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PIV card that answers whatever the input says, to every operation of the card driver, over the link's own exchange
 * (61xx, 6Cxx, chains). The input is a byte of flags, a byte that chooses the ATR, and a row of answers, each a length
 * (2 bytes) and as many bytes; FFFF is a pulled card, FFFE a reset by another program, FFFD a failure of the reader,
 * FFFC the right answer to the challenge of the management key. After the last one the card is pulled, or (flag) says
 * the last one for ever.
 */
#include "common/crypto_secret.h"
#include "common/exchange.h"
#include "common/tlv.h"
#include "driver/card/card.h"
#include "driver/card/piv_object.h"
#include "driver/card/piv_slot.h"
#include "driver/directory.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

enum flags {
	FLAG_EXTENDED = 0x01,
	FLAG_ALL_SLOTS = 0x02,
	FLAG_FOR_EVER = 0x04,
	FLAG_MANAGE = 0x08,
};

#define PIN "246813"
static const uint8_t padded[] = {'2', '4', '6', '8', '1', '3', 0xFF, 0xFF};

/*
 * The most that an operation may send: reading the directory is some 50 commands with a look at who is selected (2) and
 * the command again, each of no more than EXCHANGE_ROUNDS_MAX pieces; and all that once more.
 */
#define MOST_APDUS (2u * 50u * 4u * EXCHANGE_ROUNDS_MAX)

static struct cursor answers;
static struct bytes last;
static bool for_ever;
static unsigned held, transactions, apdus, pins_sent;
static bool pin_accepted, key_proved;

/* ---- the card ---------------------------------------------------------------------------------------------------- */

/* 7C { 80 witness, 81 challenge }: what a card answers that has the management key, which is all zero here. */
static bool prove(struct bytes command, struct builder *answer)
{
	static const uint8_t key[24];
	struct cursor c = cursor_of(command);
	struct bytes template, witness, challenge;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 8, 16, &witness  },
		{0x81, TLV_REQUIRED, 8, 16, &challenge},
	};
	uint8_t encrypted[16];

	cursor_take(&c, 4);
	if (!tlv_unwrap(cursor_take(&c, cursor_u8(&c)), 0x7C, &template) || !tlv_parse(template, fields, 2) ||
		!crypto_one_block(challenge.len, true, BYTES_OF(key), challenge.data, encrypted))
		return false;
	size_t mark = tlv_begin(answer, 0x7C);
	tlv_put(answer, 0x82, BYTES(encrypted, challenge.len));
	tlv_end(answer, mark);
	builder_u16(answer, SW_OK);
	key_proved = true;
	return true;
}

static int scripted(void *ctx, struct bytes command, struct builder *answer)
{
	(void)ctx;
	FUZZ_REQUIRE(++apdus < MOST_APDUS && held > 0 && command.len >= 4);
	if (command.data[1] == 0x20 && command.len >= 13) {
		FUZZ_REQUIRE(bytes_equal(BYTES(command.data + 5, 8), BYTES_OF(padded)));
		pins_sent++;
	}
	if (answers.left > 0) {
		uint16_t n = cursor_u16(&answers);
		if (answers.failed || n == 0xFFFF)
			return UKEY_TOKEN_REMOVED;
		if (n == 0xFFFE)
			return UKEY_TOKEN_RESET;
		if (n == 0xFFFD)
			return UKEY_COMMUNICATION;
		if (n == 0xFFFC)
			return prove(command, answer) ? 0 : (int)UKEY_TOKEN_REMOVED;
		last = n <= answers.left ? cursor_take(&answers, n) : cursor_rest(&answers);
	} else if (!for_ever) {
		return UKEY_TOKEN_REMOVED;
	}
	builder_put(answer, last);
	return 0;
}

static enum ukey_status send_command(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	struct exchange *x = ctx;

	switch (exchange(x, command, answer, sw)) {
	case EXCHANGE_OK:
		if (command->ins == 0x20 && command->data.len > 0)
			pin_accepted = *sw == SW_OK;
		return UKEY_OK;
	case EXCHANGE_TRANSPORT:
		return (enum ukey_status)x->transport_error;
	case EXCHANGE_NO_MEMORY:
		return UKEY_MEMORY;
	case EXCHANGE_INVALID:
		return UKEY_INTERNAL;
	default:
		return UKEY_TOKEN_PROTOCOL;
	}
}

static enum ukey_status hold(void *ctx)
{
	(void)ctx;
	transactions += held++ == 0;
	return UKEY_OK;
}

static void let_go(void *ctx)
{
	(void)ctx;
	FUZZ_REQUIRE(held-- > 0);
}

static void keep(void *ctx, struct bytes certificate)
{
	(void)ctx;
	FUZZ_REQUIRE(certificate.len > 0 && certificate.len <= PIV_CERTIFICATE_MAX && certificate.data[0] == 0x30);
}

/* ---- the operations ---------------------------------------------------------------------------------------------- */

static void begin(struct card_port *p)
{
	apdus = transactions = pins_sent = 0;
	pin_accepted = key_proved = false;
	p->sw = 0x5555;
}

/* What holds behind every operation: all of it was one transaction, and that is over; no status word but the card's. */
static enum ukey_status end(const struct card_port *p, enum ukey_status status)
{
	FUZZ_REQUIRE(held == 0 && transactions <= 1);
	FUZZ_REQUIRE(apdus > 0 || p->sw == 0);
	return status;
}

static bool selected(struct card_port *p)
{
	struct card_info info;

	begin(p);
	if (end(p, card_piv.select(p, &info)) != UKEY_OK)
		return false;
	FUZZ_REQUIRE(strlen(info.token.serial) == 16 && strspn(info.token.serial, "0123456789ABCDEF") == 16);
	FUZZ_REQUIRE(memchr(info.token.label, 0, sizeof info.token.label));
	FUZZ_REQUIRE(memchr(info.token.manufacturer, 0, sizeof info.token.manufacturer));
	FUZZ_REQUIRE(info.token.application == UKEY_APPLICATION_PIV && info.token.life_cycle == UKEY_OPERATIONAL);
	return true;
}

/* A log-in is one only when the card said so of this PIN (CVE-2023-40660), and no PIN is tried again and again. */
static void verify(struct card_port *p)
{
	uint32_t generation;

	begin(p);
	enum ukey_status status = end(p, card_piv.verify(p, UKEY_USER, BYTES((const uint8_t *)PIN, 6), &generation));
	FUZZ_REQUIRE(status != UKEY_OK || pin_accepted);
	FUZZ_REQUIRE(pins_sent <= 2);
	begin(p);
	FUZZ_REQUIRE(end(p, card_piv.verify(p, UKEY_USER, BYTES((const uint8_t *)"", 0), &generation)) != UKEY_OK);
	FUZZ_REQUIRE(pins_sent == 0);
}

static void use(struct card_port *p, const struct ukey_key *k)
{
	const size_t size = k->modulus ? k->modulus_len : (k->point_len - 1) / 2;
	uint8_t *in = calloc(1, 1 + 2 * size), *out = malloc(2 * size), *der;
	size_t len;

	FUZZ_REQUIRE(in && out);
	begin(p);
	if (end(p, card_piv.read_certificate(p, CARD_CERTIFICATE, k->ref, &der, &len)) == UKEY_OK) {
		FUZZ_REQUIRE(len > 0 && len <= PIV_CERTIFICATE_MAX);
		free(der);
	}
	begin(p);
	end(p, card_piv.operate(p, CARD_SIGN, k->algorithm, k->ref, BYTES(in, k->modulus ? size : 20), out,
		       k->modulus ? size : 2 * size));
	begin(p);
	if (k->modulus)
		end(p, card_piv.operate(p, CARD_DECRYPT, k->algorithm, k->ref, BYTES(in, size), out, size));
	else
		end(p, card_piv.operate(p, CARD_DERIVE, k->algorithm, k->ref, BYTES(in, 1 + 2 * size), out, size));
	free(in);
	free(out);
}

/* Notes are of the card's own making, or somebody's who wrote into the cache: any bytes. */
static void look(struct card_port *p, struct bytes notes, const struct ukey_directory *d)
{
	bool same;

	for (unsigned turn = 0; turn < 3; turn++) {
		begin(p);
		end(p, card_piv.look(p, notes, turn, &same));
	}
	for (size_t i = 0; d && i < d->key_count; i++) {
		begin(p);
		end(p, card_piv.look_at(p, notes, d->keys[i].ref, &same));
	}
	begin(p);
	end(p, card_piv.look_at(p, notes, UKEY_KEY_REF(0, UKEY_SIGNATURE), &same));
}

/* What is made up of such a card's answers is always a directory. */
static void read_and_use(struct card_port *p)
{
	const struct ukey_directory *d;
	uint8_t *raw;
	size_t len;

	begin(p);
	if (end(p, card_piv.read_directory(p, &raw, &len)) != UKEY_OK)
		return;
	FUZZ_REQUIRE(directory_parse(BYTES(raw, len), 0, &d) == UKEY_OK);
	free(raw);
	look(p, directory_notes(d), d);
	verify(p);
	FUZZ_REQUIRE(d->certificate_count == 0 && d->data_count == 0 && d->key_count <= PIV_SLOTS);
	for (size_t i = 0; i < d->key_count; i++)
		use(p, &d->keys[i]);
	ukey_directory_unref(d);
}

/* ---- writing, which the caller holds together -------------------------------------------------------------------- */

/* The manager, or the user of a card that keeps the key behind the PIN: the card has proved that it has the key. */
static void log_in_as_manager(struct card_port *p, const char *text)
{
	const struct bytes pin = BYTES((const uint8_t *)text, strlen(text));
	uint32_t generation;

	begin(p);
	enum ukey_status status = end(p, card_piv.verify(p, UKEY_SO, pin, &generation));
	FUZZ_REQUIRE(status != UKEY_OK || key_proved);
	FUZZ_REQUIRE(pins_sent <= 2);
	begin(p);
	hold(NULL);
	status = card_piv.authorize(p);
	let_go(NULL);
	FUZZ_REQUIRE(end(p, status) != UKEY_OK || key_proved);
}

static void generate(struct card_port *p, ukey_key_ref ref, enum ukey_algorithm algorithm, bool policies)
{
	const struct ukey_generate how = {
		.ref = ref, .algorithm = algorithm, .touch = policies, .always_authenticate = policies};
	uint8_t buffer[1024];
	struct builder answer = builder_of(buffer, sizeof buffer);
	struct card_public key;
	uint32_t generation;

	begin(p);
	hold(NULL);
	enum ukey_status status = card_piv.generate(p, &how, &answer, &key, &generation);
	let_go(NULL);
	if (end(p, status) != UKEY_OK)
		return;
	FUZZ_REQUIRE(fuzz_inside(key.modulus, BYTES_OF(buffer)) && fuzz_inside(key.exponent, BYTES_OF(buffer)) &&
		     fuzz_inside(key.point, BYTES_OF(buffer)));
	FUZZ_REQUIRE(algorithm == UKEY_P256 ? key.point.len == 65 : key.modulus.len == 256 && key.exponent.len > 0);
}

static void write_and_erase(struct card_port *p, uint8_t number)
{
	static const uint8_t der[300] = {0x30, 0x82, 0x01, 0x28};
	const struct card_body body = {.certificate = BYTES_OF(der), .number = -1};
	uint32_t generation;

	begin(p);
	hold(NULL);
	enum ukey_status status = card_piv.write(p, CARD_CERTIFICATE, number, &body, &generation);
	let_go(NULL);
	end(p, status);
	begin(p);
	hold(NULL);
	status = card_piv.erase(p, CARD_CERTIFICATE, number, &generation);
	let_go(NULL);
	end(p, status);
}

static void manage(struct card_port *p)
{
	log_in_as_manager(p, "000000000000000000000000000000000000000000000000");
	generate(p, UKEY_KEY_REF(0, UKEY_SIGNATURE), UKEY_P256, true);
	generate(p, UKEY_KEY_REF(6, UKEY_EXCHANGE), UKEY_RSA_2048, false);
	write_and_erase(p, UKEY_KEY_REF(1, UKEY_SIGNATURE));
	write_and_erase(p, UKEY_KEY_REF(6, UKEY_EXCHANGE));
	log_in_as_manager(p, PIN);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

static void change_codes(struct card_port *p)
{
	const struct bytes code = BYTES((const uint8_t *)"13572468", 8);

	begin(p);
	end(p, card_piv.change_pin(p, UKEY_USER, code, code));
	begin(p);
	end(p, card_piv.change_pin(p, UKEY_SO, code, code));
	begin(p);
	end(p, card_piv.unlock_pin(p, code, code));
	begin(p);
	end(p, card_piv.logout(p, UKEY_USER));
}

static void session(struct card_port *p, bool managing)
{
	struct card_info info;

	if (!selected(p))
		return;
	begin(p);
	if (end(p, card_piv.info(p, &info)) == UKEY_OK)
		FUZZ_REQUIRE(info.token.user_pin.tries_max >= info.token.user_pin.tries_left ||
			     info.token.user_pin.tries_left == UKEY_TRIES_UNKNOWN);
	if (managing)
		manage(p);
	read_and_use(p);
	change_codes(p);
	look(p, BYTES(answers.at, answers.left), NULL);
	selected(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t yubikey[] = {0x3B, 0xFD, 0x13, 0x00, 0x00, 0x81, 0x31, 0xFE, 0x15, 0x80, 0x73, 0xC0, 0x21,
		0xC0, 0x57, 'Y', 'u', 'b', 'i', 'K', 'e', 'y', 0x40};
	struct card_memory memory = {.reader = "fuzz"};
	struct exchange x = {.transceive = scripted};
	struct card_port port = {
		.send = send_command, .hold = hold, .let_go = let_go, .keep = keep, .ctx = &x, .memory = &memory};

	answers = cursor_of(BYTES(data, size));
	const uint8_t flags = cursor_u8(&answers), atr = cursor_u8(&answers);
	x.extended = flags & FLAG_EXTENDED;
	memory.all_slots = flags & FLAG_ALL_SLOTS;
	for_ever = flags & FLAG_FOR_EVER;
	last = BYTES((const uint8_t *)"\x6A\x82", 2);
	held = 0;
	if (atr & 1) {
		bytes_copy(memory.atr, BYTES_OF(yubikey));
		memory.atr_len = sizeof yubikey;
	}
	if (!answers.failed)
		session(&port, flags & FLAG_MANAGE);
	return 0;
}
