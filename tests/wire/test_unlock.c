/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unlock by phone on the token (protocol 5): the desk's answer sets the user PIN, once, on this token only, and
 * guessing it ends after ten. The desk's side is written here from the document, on OpenSSL's CMAC, not from
 * common/unlock.c.
 */
#include <stdlib.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/wire.h"

#define CHALLENGE "80 84 00 83 00"
#define PROOF     "80 84 01 83 00"
#define KEY       "8D745B60240AAA6278C9BFCB54B487D1" /* 5.6 */
#define NEW_PIN   "meine-pin-7"
#define FACTORY   "80F20000 1B A001AA A101BB 8210 " KEY " 830101"
#define MILLION   1000000

/* From the factory, with an unlock key. */
static struct ramtoken *made(const char *serial, const struct ramtoken_options *options)
{
	struct ramtoken *t = ramtoken_new(options);

	bytes_copy(t->hal.serial, wire_hex(serial));
	struct bytes keys = wire(t, "80F00000 000000", SW_OK);
	bytes_copy(t->device_point, BYTES(keys.data + 2, sizeof(t->device_point)));
	wire(t, FACTORY, SW_OK);
	return t;
}

/* PINs may travel in clear from then on, so that the commands below are seen bare. */
static void initialize(struct ramtoken *t, uint8_t history, uint8_t flags)
{
	const uint8_t policy[5] = {6, 32, 0, history, flags};
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x80, BYTES_NONE);
	tlv_put(&b, 0x81, wire_string(SO_PIN));
	tlv_put(&b, 0x82, wire_string(SO_PIN));
	tlv_put(&b, 0x83, wire_string(USER_PIN));
	tlv_put(&b, 0x8A, BYTES_OF(policy));
	assert_int_equal(personal_initialize(t, builder_bytes(&b)), SW_OK);
}

static struct ramtoken *operational(void)
{
	struct ramtoken *t = made("0102030405060708", NULL);

	initialize(t, 0, 0);
	return t;
}

/* ---- the desk ---- */

struct challenge {
	uint8_t serial[8], version, counter[2], random[8];
};

static struct challenge parse_challenge(struct bytes answer)
{
	struct bytes serial, version, counter, random;
	const struct tlv_field fields[] = {
		{0x80, TLV_REQUIRED, 8, 8, &serial },
		{0x81, TLV_REQUIRED, 1, 1, &version},
		{0x82, TLV_REQUIRED, 2, 2, &counter},
		{0x83, TLV_REQUIRED, 8, 8, &random },
	};
	struct challenge c;

	assert_true(tlv_parse(answer, fields, 4));
	bytes_copy(c.serial, serial);
	bytes_copy(&c.version, version);
	bytes_copy(c.counter, counter);
	bytes_copy(c.random, random);
	return c;
}

/* On a channel. */
static struct challenge ask_on(struct ramtoken *t, uint8_t channel)
{
	return parse_challenge(wire_apdu(t, 0x80 | channel, 0x84, 0, 0x83, BYTES_NONE, APDU_LE_MAX, SW_OK));
}

static struct challenge ask(struct ramtoken *t)
{
	return ask_on(t, 0);
}

static void cmac(struct bytes key, const struct bytes *parts, size_t count, uint8_t mac[16])
{
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_CIPHER, (char *)(uintptr_t) "AES-128-CBC", 0),
		OSSL_PARAM_construct_end()};
	EVP_MAC *algorithm = EVP_MAC_fetch(NULL, "CMAC", NULL);
	EVP_MAC_CTX *ctx = EVP_MAC_CTX_new(algorithm);
	size_t len = 0;

	assert_int_equal(EVP_MAC_init(ctx, key.data, key.len, params), 1);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(EVP_MAC_update(ctx, parts[i].data, parts[i].len), 1);
	assert_int_equal(EVP_MAC_final(ctx, mac, &len, 16), 1);
	assert_int_equal(len, 16);
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(algorithm);
}

struct response {
	uint8_t byte[9];
};

static struct response answer_with(const char *key, const struct challenge *c, uint8_t purpose)
{
	const struct bytes parts[] = {wire_string("UNLOCK"), BYTES(&c->version, 1), BYTES_OF(c->serial),
		BYTES_OF(c->counter), BYTES_OF(c->random), BYTES(&purpose, 1)};
	struct response r;
	uint8_t mac[16];

	cmac(wire_hex(key), parts, 6, mac);
	memcpy(r.byte, mac, 9);
	r.byte[8] &= 0x80;
	return r;
}

static struct response answer(const struct challenge *c)
{
	return answer_with(KEY, c, 1);
}

static struct bytes proof_of(uint8_t version, struct bytes serial, uint16_t counter)
{
	static uint8_t mac[16];
	const uint8_t be[2] = {(uint8_t)(counter >> 8), (uint8_t)counter};
	const struct bytes parts[] = {wire_string("DONE"), BYTES(&version, 1), serial, BYTES_OF(be)};

	cmac(wire_hex(KEY), parts, 4, mac);
	return BYTES(mac, 5);
}

/* ---- the holder ---- */

static uint16_t unlock_any(struct ramtoken *t, uint8_t channel, const struct response *r, const char *pin)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x82, BYTES_OF(r->byte));
	tlv_put(&b, 0x81, wire_string(pin));
	return wire_any(t, channel, 0x2C, 1, 0x81, builder_bytes(&b), APDU_LE_MAX, NULL);
}

static void unlock(struct ramtoken *t, const struct response *r, const char *pin, uint16_t sw)
{
	assert_int_equal(unlock_any(t, 0, r, pin), sw);
}

static uint8_t tries(struct ramtoken *t)
{
	struct bytes state = wire_info(t, 0x87);

	assert_int_equal(state.data[1], 10);
	assert_int_equal(state.data[2], 1);
	return state.data[0];
}

static uint16_t counter_of(const struct challenge *c)
{
	return (uint16_t)(c->counter[0] << 8 | c->counter[1]);
}

/* ---- tests ---- */

static void the_example_of_the_document(void **state)
{
	struct ramtoken *t = operational();

	(void)state;
	for (uint16_t n = 0; n < 5; n++) {
		struct challenge c = ask(t);
		assert_int_equal(counter_of(&c), n);
		struct response r = answer(&c);
		unlock(t, &r, NEW_PIN, SW_OK);
	}
	wire(t, CHALLENGE, SW_OK);
	bytes_copy(t->fw->channel[0].unlock.random, wire_hex("A1A2A3A4A5A6A7A8"));
	struct bytes done = wire(t, "002C0181 15 8209 B41ADC33ECD94D4880 8108 383736353433326F 00", SW_OK);
	assert_true(bytes_equal(done, wire_hex("8905A8D9D8A8C0 880400000001")));
	assert_true(
		bytes_equal(wire(t, PROOF, SW_OK), wire_hex("80080102030405060708 810101 82020006 8905A8D9D8A8C0")));
	wire_verify(t, 0x81, "8765432o", SW_OK);
	ramtoken_free(t);
}

/* Blocked user PIN, other channels logged in: what is as after any RESET RETRY COUNTER, and what the answer says. */
static void a_right_answer_sets_the_pin_once(void **state)
{
	struct ramtoken *t = operational();

	(void)state;
	wire(t, "00700001", SW_OK);
	wire(t, "00700002", SW_OK);
	wire_apdu(t, 1, 0x20, 0, 0x81, wire_string(USER_PIN), 0, SW_OK);
	wire_apdu(t, 2, 0x20, 0, 0x82, wire_string(SO_PIN), 0, SW_OK);
	for (int i = 0; i < 6; i++)
		wire_any(t, 0, 0x20, 0, 0x81, wire_string("wrong PIN"), 0, NULL);
	wire_verify(t, 0x81, USER_PIN, SW_PIN_BLOCKED);
	struct challenge c = ask(t);
	assert_memory_equal(c.serial, t->hal.serial, 8);
	assert_int_equal(c.version, 1);
	struct response r = answer(&c), wrong = r;
	wrong.byte[3] ^= 1;
	unlock(t, &wrong, NEW_PIN, 0x63C9);
	wire(t, "01200081", SW_OK); /* a wrong one logs nobody out */
	unlock(t, &r, NEW_PIN, SW_OK);
	assert_int_equal(tries(t), 10);
	assert_int_equal(wire_info(t, 0x85).data[0], 6);
	wire(t, "01200081", 0x63C6);
	wire(t, "02200082", SW_OK);
	wire(t, "00200081", 0x63C6); /* whoever unlocks is not logged in */
	wire_verify(t, 0x81, USER_PIN, 0x63C5);
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	unlock(t, &r, "zweite-pin", SW_CONDITIONS);
	/* On the channel that unlocks, what was verified stays. */
	c = ask(t);
	assert_int_equal(counter_of(&c), 1);
	unlock(t, &r, "zweite-pin", 0x63C9);
	r = answer(&c);
	unlock(t, &r, "zweite-pin", SW_OK);
	wire(t, "00200081", SW_OK);
	struct bytes told = wire(t, PROOF, SW_OK);
	assert_true(bytes_equal(
		BYTES(told.data + told.len - 5, 5), proof_of(1, BYTES_OF(c.serial), (uint16_t)(counter_of(&c) + 1))));
	/* Without Le there is no answer data, as with the other commands. */
	c = ask(t);
	r = answer(&c);
	uint8_t raw[64];
	struct builder b = builder_of(raw, sizeof(raw));
	tlv_put(&b, 0x81, wire_string("dritte-pin"));
	tlv_put(&b, 0x82, BYTES_OF(r.byte));
	assert_int_equal(wire_apdu(t, 0, 0x2C, 1, 0x81, builder_bytes(&b), APDU_LE_NONE, SW_OK).len, 0);
	wire_verify(t, 0x81, "dritte-pin", SW_OK);
	ramtoken_free(t);
}

#define NOTHING "002C0181 0D 8209 000000000000000000 8100"

static void what_is_checked_first(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	wire(t, CHALLENGE, SW_CONDITIONS); /* life cycle */
	wire_initialize(t);
	wire(t, CHALLENGE, SW_REFERENCE_NOT_FOUND);
	wire(t, PROOF, SW_REFERENCE_NOT_FOUND);
	wire(t, NOTHING, SW_REFERENCE_NOT_FOUND);
	assert_true(bytes_equal(wire_info(t, 0x87), wire_hex("000000")));
	ramtoken_free(t);

	t = operational();
	unsigned long writes = t->hal.writes;
	wire(t, PROOF, SW_CONDITIONS); /* nothing was unlocked yet */
	wire(t, NOTHING, SW_CONDITIONS);
	wire(t, "002C0181 0D 8209 00000000000000007F 8100", SW_CONDITIONS);
	wire(t, CHALLENGE, SW_OK);
	for (unsigned low = 1; low < 0x80; low++) {
		struct response r = {
			.byte = {1, 2, 3, 4, 5, 6, 7, 8, (uint8_t)low}
                };
		unlock(t, &r, NEW_PIN, SW_WRONG_DATA);
	}
	wire(t, "002C0181 0C 8208 0000000000000000 8100", SW_WRONG_DATA);
	wire(t, "002C0181 0B 8209 000000000000000000", SW_WRONG_DATA);
	wire(t, "002C0181 10 8209 000000000000000000 8100 830100", SW_WRONG_DATA);
	wire(t, "002C0181", SW_WRONG_LENGTH);
	assert_int_equal(t->hal.writes, writes); /* none of this took a try */
	assert_int_equal(tries(t), 10);
	wire(t, NOTHING, 0x63C9); /* a wrong answer is told first, whatever the new PIN is */
	ramtoken_free(t);
}

/* Three wrong answers end a challenge, ten the unlock key, across power cycles. */
static void wrong_answers_are_counted(void **state)
{
	struct ramtoken *t = operational();
	struct response wrong = {.byte = {1}}, r;
	struct challenge c;

	(void)state;
	c = ask(t);
	r = answer(&c);
	unlock(t, &r, NEW_PIN, SW_OK);
	for (uint16_t left = 10; left > 0; left--) {
		if (left % 3 == 1)
			unlock(t, &wrong, NEW_PIN, SW_CONDITIONS);
		if (left % 3 == 1)
			c = ask(t);
		assert_int_equal(tries(t), left);
		unlock(t, &wrong, NEW_PIN, (uint16_t)(SW_TRIES_LEFT | (left - 1)));
	}
	/* Blocked, for the right one too, and before anything is compared or written. */
	unsigned long writes = t->hal.writes;
	for (int i = 0; i < 2; i++) {
		r = answer(&c);
		unlock(t, &r, NEW_PIN, SW_PIN_BLOCKED);
		wire(t, CHALLENGE, SW_PIN_BLOCKED);
		wire(t, PROOF, SW_OK); /* what was done can still be proved */
		assert_int_equal(tries(t), 0);
		ramtoken_power_cycle(t);
	}
	assert_int_equal(t->hal.writes, writes);
	wire_verify(t, 0x81, NEW_PIN, SW_OK); /* the user PIN has nothing to do with it */
	/* INITIALIZE and FACTORY RESET give the tries back; the counter they never set back. */
	initialize(t, 0, 0);
	assert_int_equal(tries(t), 10);
	c = ask(t);
	assert_int_equal(counter_of(&c), 1);
	unlock(t, &wrong, NEW_PIN, 0x63C9);
	wire_verify(t, 0x82, SO_PIN, SW_OK);
	wire(t, "80EE0000", SW_OK);
	assert_int_equal(tries(t), 10);
	wire(t, CHALLENGE, SW_CONDITIONS);
	initialize(t, 0, 0);
	assert_int_equal(tries(t), 10);
	c = ask(t);
	assert_int_equal(counter_of(&c), 1);
	ramtoken_free(t);
}

/* The holder may send the same answer with a better PIN. */
static void a_refused_pin_gives_the_try_back(void **state)
{
	static const char *const bad[] = {
		"short", "", "123456789012345678901234567890123", "tab\tbed", "first-pin", "second-pin", USER_PIN};
	struct ramtoken *t = made("0102030405060708", NULL);
	struct response wrong = {.byte = {1}};

	(void)state;
	initialize(t, 3, 2);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8006313233343536 8109 66697273742D70696E"), 0, SW_OK);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8009 66697273742D70696E 810A 7365636F6E642D70696E"), 0, SW_OK);
	struct challenge c = ask(t);
	struct response r = answer(&c);
	unlock(t, &wrong, NEW_PIN, 0x63C9);
	for (int i = 0; i < 5; i++) {
		for (size_t n = 0; n < sizeof(bad) / sizeof(bad[0]); n++) {
			unlock(t, &r, bad[n], SW_WRONG_DATA);
			assert_int_equal(tries(t), 9); /* this one, but not the one that was lost */
		}
	}
	unlock(t, &wrong, "short", 0x63C8);
	wire_verify(t, 0x81, "second-pin", SW_OK);
	unlock(t, &r, NEW_PIN, SW_OK);
	assert_int_equal(tries(t), 10);
	assert_int_equal(wire_info(t, 0x85).data[2], 1); /* the holder chose it: nothing must be changed */
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	/* A PIN of the SO's must be changed; the desk's answer does that too. */
	wire_apdu(t, 0, 0x2C, 0, 0x81, wire_hex("8008 3837363534333231 8106 313131313131"), 0, SW_OK);
	assert_int_equal(wire_info(t, 0x85).data[2], 3);
	c = ask(t);
	r = answer(&c);
	unlock(t, &r, "111111", SW_WRONG_DATA);
	unlock(t, &r, "222222", SW_OK);
	assert_int_equal(wire_info(t, 0x85).data[2], 1);
	ramtoken_free(t);
}

/* The answer is for this token, this challenge, this counter, this purpose, and this key. */
static void another_answer_is_none(void **state)
{
	struct ramtoken *a = operational(), *b = made("0102030405060709", NULL);
	uint8_t *image = ramtoken_snapshot(a);

	(void)state;
	initialize(b, 0, 0);
	const struct challenge c = ask(a);
	for (int i = 0; i < 8; i++) {
		struct challenge other = c;
		ramtoken_restore(a, image);
		wire(a, CHALLENGE, SW_OK);
		bytes_copy(a->fw->channel[0].unlock.random, BYTES_OF(c.random));
		struct response r = answer(&c);
		switch (i) {
		case 0:
			other.serial[7]++;
			break;
		case 1:
			other.version++;
			break;
		case 2:
			other.counter[1]++;
			break;
		case 3:
			other.random[7]++;
			break;
		case 4:
			r = answer_with(KEY, &c, 0);
			break;
		case 5:
			r = answer_with(KEY, &c, 2);
			break;
		case 6:
			r = answer_with("8D745B60240AAA6278C9BFCB54B487D0", &c, 1);
			break;
		default:
			break;
		}
		if (i < 4)
			r = answer(&other);
		unlock(a, &r, NEW_PIN, i < 7 ? 0x63C9 : SW_OK);
	}
	/* Token b has the same key here, the same counter and is given the same challenge. */
	ramtoken_restore(a, image);
	struct challenge ours = ask(a), theirs = ask(b);
	bytes_copy(b->fw->channel[0].unlock.random, BYTES_OF(ours.random));
	bytes_copy(theirs.random, BYTES_OF(ours.random));
	struct response r = answer(&ours), s = answer(&theirs);
	unlock(b, &r, NEW_PIN, 0x63C9);
	unlock(a, &s, NEW_PIN, 0x63C9);
	unlock(b, &s, NEW_PIN, SW_OK);
	unlock(a, &r, NEW_PIN, SW_OK);
	/* At another counter: the desk answered before the token was unlocked on another channel. */
	wire(a, "00700001", SW_OK);
	struct challenge first = ask(a), second = ask_on(a, 1);
	assert_memory_not_equal(first.random, second.random, 8);
	r = answer(&first);
	s = answer(&second);
	assert_int_equal(unlock_any(a, 1, &r, NEW_PIN), 0x63C9); /* R is the channel's own */
	assert_int_equal(unlock_any(a, 1, &s, NEW_PIN), SW_OK);
	unlock(a, &r, "andere-pin", 0x63C9);
	wire_verify(a, 0x81, NEW_PIN, SW_OK);
	free(image);
	ramtoken_free(a);
	ramtoken_free(b);
}

/* Every one of the 65 bits counts. */
static void every_bit_of_the_answer_counts(void **state)
{
	struct ramtoken *t = operational();
	struct challenge c = ask(t);
	struct response r = answer(&c);

	(void)state;
	for (unsigned bit = 0; bit < 72; bit++) {
		struct response flipped = r;
		flipped.byte[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
		t->fw->tries[FW_PIN_UNLOCK] = 10;
		t->fw->channel[0].unlock.guesses = 3;
		unlock(t, &flipped, NEW_PIN, bit < 65 ? 0x63C9 : SW_WRONG_DATA);
	}
	t->fw->channel[0].unlock.guesses = 3;
	unlock(t, &r, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* What ends R, and what does not. */
static void how_long_a_challenge_lasts(void **state)
{
	static const struct {
		const char *command;
		uint16_t sw;
		bool lasts;
	} between[] = {
		{SELECT_UKEY,										      SW_OK,                true },
		{"00200081 06 313233343536",								       SW_OK,                true },
		{"00200081 06 363636363636",								       0x63C5,               true },
		{"00840000 08",										    SW_OK,                true },
		{"002C0281 08 8106 363636363636",								  SW_SECURITY_STATUS,   true },
		{PROOF,											    SW_CONDITIONS,        true },
		{"00FF0000",										       SW_INS_NOT_SUPPORTED, true },
		{CHALLENGE,											SW_OK,                false},
		{"80E00000 25 8000 8108 3837363534333231 8208 3837363534333231 8306 313233343536 8A05 0620000000",
                 SW_OK,														  false},
	};
	struct ramtoken *t = operational();
	struct challenge c;
	struct response r;

	(void)state;
	for (size_t i = 0; i < sizeof(between) / sizeof(between[0]); i++) {
		ramtoken_free(t);
		t = operational();
		c = ask(t);
		r = answer(&c);
		wire(t, between[i].command, between[i].sw);
		uint16_t sw = unlock_any(t, 0, &r, NEW_PIN);
		if (between[i].lasts ? sw != SW_OK : sw != SW_CONDITIONS && sw != 0x63C9)
			fail_msg("after %s the answer gives %04X", between[i].command, sw);
	}
	ramtoken_free(t);
	t = operational();
	c = ask(t);
	r = answer(&c);
	ramtoken_power_cycle(t);
	unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	wire(t, "00700001", SW_OK);
	c = ask_on(t, 1);
	r = answer(&c);
	wire(t, "00708001", SW_OK);
	wire(t, "00700001", SW_OK);
	assert_int_equal(unlock_any(t, 1, &r, NEW_PIN), SW_CONDITIONS);
	unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	/* A chip without chance gives no challenge, and the one before is gone. */
	c = ask(t);
	r = answer(&c);
	t->hal.no_chance = true;
	wire(t, CHALLENGE, SW_INTERNAL);
	t->hal.no_chance = false;
	unlock(t, &r, NEW_PIN, SW_CONDITIONS);
	assert_int_equal(tries(t), 10);
	ramtoken_free(t);
}

static uint16_t unlock_inside(
	struct ramtoken *t, struct scp_session *session, const struct response *r, const char *pin)
{
	uint8_t raw[128];
	struct builder b = builder_of(raw, sizeof(raw));

	tlv_put(&b, 0x82, BYTES_OF(r->byte));
	tlv_put(&b, 0x81, wire_string(pin));
	const struct apdu a = {.ins = 0x2C, .p1 = 1, .p2 = 0x81, .data = builder_bytes(&b), .le = APDU_LE_MAX};
	return personal_send(t, 0, session, &a, NULL);
}

/* The challenge comes in clear, days before perhaps; the new PIN travels inside a channel that is opened for it. */
static void the_new_pin_travels_inside_the_channel(void **state)
{
	struct ramtoken *t = made("0102030405060708", NULL);
	struct scp_session session = {0};
	struct response wrong = {.byte = {1}};

	(void)state;
	initialize(t, 0, 1);
	struct challenge c = ask(t);
	struct response r = answer(&c);
	unsigned long writes = t->hal.writes;
	unlock(t, &r, NEW_PIN, SW_SECURITY_STATUS);
	unlock(t, &wrong, NEW_PIN, SW_SECURITY_STATUS);
	assert_int_equal(t->hal.writes, writes);
	assert_int_equal(tries(t), 10);
	personal_open(t, 0, t->device_point, &session);
	assert_int_equal(unlock_inside(t, &session, &wrong, NEW_PIN), 0x63C9);
	assert_int_equal(unlock_inside(t, &session, &r, "short"), SW_WRONG_DATA);
	/* Another session, the same challenge. */
	wire(t, SELECT_UKEY, SW_OK);
	personal_open(t, 0, t->device_point, &session);
	assert_int_equal(unlock_inside(t, &session, &r, NEW_PIN), SW_OK);
	assert_int_equal(unlock_inside(t, &session, &r, NEW_PIN), SW_CONDITIONS);
	const struct apdu verify = {.ins = 0x20, .p2 = 0x81, .data = wire_string(NEW_PIN)};
	assert_int_equal(personal_send(t, 0, &session, &verify, NULL), SW_OK);
	wire(t, SELECT_UKEY, SW_OK);
	assert_int_equal(tries(t), 10);
	wire(t, PROOF, SW_OK);
	ramtoken_free(t);
}

/* The counter's end is the end of unlocking: it does not begin again. */
static void the_last_unlock(void **state)
{
	const uint8_t nearly[2] = {0xFF, 0xFE};
	const struct fw_change change = {.object = FW_OBJECT_UNLOCK_COUNTER, .part = {BYTES_OF(nearly)}};
	struct ramtoken *t = operational();

	(void)state;
	assert_int_equal(fw_journal_commit(t->fw, &change, 1), FW_JOURNAL_OK);
	ramtoken_power_cycle(t);
	wire(t, "00700001", SW_OK);
	struct challenge c = ask(t), other = ask_on(t, 1);
	struct response r = answer(&c);
	assert_int_equal(counter_of(&c), 0xFFFE);
	unlock(t, &r, NEW_PIN, SW_OK);
	wire(t, CHALLENGE, SW_CONDITIONS);
	other.counter[1] = 0xFF;
	r = answer(&other);
	assert_int_equal(unlock_any(t, 1, &r, "andere-pin"), SW_CONDITIONS);
	struct bytes told = wire(t, PROOF, SW_OK);
	assert_true(bytes_equal(BYTES(told.data + told.len - 5, 5), proof_of(1, BYTES_OF(c.serial), 0xFFFF)));
	wire_verify(t, 0x81, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* ---- guessing ---- */

static struct response random_response(uint64_t *x)
{
	struct response r;

	for (size_t i = 0; i < sizeof(r.byte); i++) {
		*x = *x * 6364136223846793005u + 1442695040888963407u;
		r.byte[i] = (uint8_t)(*x >> 56);
	}
	r.byte[8] &= 0x80;
	return r;
}

/*
 * A token takes ten guesses, whatever happens in between. So that a million tell anything, their counters are put back
 * behind the token's back each time: then each of them is compared, and none is right.
 */
static void a_million_answers_at_random(void **state)
{
	struct ramtoken *t = operational();
	struct challenge c = ask(t);
	uint64_t x = 20260101;
	unsigned long accepted = 0, compared = 0;

	(void)state;
	for (unsigned n = 0; n < 100; n++) {
		struct response r = random_response(&x);
		uint16_t sw = unlock_any(t, 0, &r, NEW_PIN);
		compared += (sw & 0xFFF0) == SW_TRIES_LEFT;
		accepted += sw == SW_OK;
		if (n % 7 == 6)
			ramtoken_power_cycle(t);
		if (n % 2 == 1)
			wire_any(t, 0x80, 0x84, 0, 0x83, BYTES_NONE, APDU_LE_MAX, NULL);
	}
	assert_in_range(compared, 1, 10);
	assert_int_equal(accepted, 0);
	assert_int_equal(tries(t), 0);
	ramtoken_free(t);

	t = operational();
	c = ask(t);
	struct response right = answer(&c);
	for (unsigned n = 0; n < MILLION; n++) {
		struct response r = random_response(&x);
		t->fw->tries[FW_PIN_UNLOCK] = 10;
		t->fw->channel[0].unlock.guesses = 3;
		uint16_t sw = unlock_any(t, 0, &r, NEW_PIN);
		if (sw != 0x63C9)
			fail_msg("%04X", sw);
	}
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	unlock(t, &right, NEW_PIN, SW_OK);
	ramtoken_free(t);
}

/* ---- power and flash ---- */

struct seen {
	uint8_t tries;
	uint16_t counter;
	bool old_pin, new_pin;
};

static struct seen look(struct ramtoken *t)
{
	struct seen s = {.tries = tries(t)};

	if (s.tries > 0) {
		struct challenge c = ask(t);
		s.counter = counter_of(&c);
	}
	s.old_pin = wire_any(t, 0, 0x20, 0, 0x81, wire_string(USER_PIN), 0, NULL) == SW_OK;
	s.new_pin = wire_any(t, 0, 0x20, 0, 0x81, wire_string(NEW_PIN), 0, NULL) == SW_OK;
	return s;
}

/* A right and a wrong answer, and a right one with a bad PIN, with the power cut at every flash operation. */
static void power_goes_while_it_is_unlocked(void **state)
{
	struct ramtoken *t = operational();
	struct response wrong = {.byte = {1}};
	unsigned long before = 0, after = 0;

	(void)state;
	struct challenge c = ask(t);
	struct response r = answer(&c);
	unlock(t, &r, USER_PIN, SW_OK);
	unlock(t, &wrong, NEW_PIN, SW_CONDITIONS);
	ask(t);
	unlock(t, &wrong, NEW_PIN, 0x63C9);
	uint8_t *image = ramtoken_snapshot(t);
	for (int what = 0; what < 3; what++) {
		for (int torn = 0; torn < RAMHAL_TORN_MODES; torn++) {
			for (unsigned long k = 1;; k++) {
				ramtoken_restore(t, image);
				c = ask(t);
				r = what == 1 ? wrong : answer(&c);
				const char *pin = what == 2 ? "short" : NEW_PIN;
				t->hal.cut_at = k;
				t->hal.torn = (enum ramhal_torn)torn;
				uint16_t sw = unlock_any(t, 0, &r, pin);
				t->hal.cut_at = 0;
				if (sw != 0)
					break;
				ramtoken_power_cycle(t);
				unlock(t, &r, NEW_PIN, SW_CONDITIONS); /* R went with the power */
				struct seen s = look(t);
				assert_true(s.old_pin != s.new_pin);
				if (s.new_pin) {
					assert_int_equal(what, 0);
					assert_int_equal(s.counter, 2);
					assert_int_equal(s.tries, 10);
					after++;
				} else {
					assert_int_equal(s.counter, 1);
					assert_in_range(s.tries, 8, 9);
					before++;
				}
				unlock(t, &r, "andere-pin", (uint16_t)(SW_TRIES_LEFT | (s.tries - 1)));
			}
		}
	}
	assert_true(before > 0 && after > 0);
	free(image);
	ramtoken_free(t);
}

/* The flash fails once, and the token goes on: never done by half, and no guess is free. */
static void the_flash_fails_while_it_is_unlocked(void **state)
{
	struct ramtoken *t = operational();
	uint8_t *image = ramtoken_snapshot(t);
	unsigned failures = 0;

	(void)state;
	for (unsigned long k = 1;; k++) {
		ramtoken_restore(t, image);
		struct challenge c = ask(t);
		struct response r = answer(&c);
		t->hal.fail_at = k;
		uint16_t sw = unlock_any(t, 0, &r, NEW_PIN);
		if (t->hal.fail_at > 0)
			break;
		failures++;
		struct seen s = look(t);
		assert_true(s.old_pin != s.new_pin);
		assert_int_equal(sw, s.new_pin ? SW_OK : SW_MEMORY_FAILURE);
		assert_int_equal(s.counter, s.new_pin ? 1 : 0);
		assert_in_range(s.tries, 9, 10);
	}
	assert_true(failures >= 2);
	/* Where the try cannot be taken, right and wrong look the same. */
	for (int right = 0; right < 2; right++) {
		ramtoken_restore(t, image);
		struct challenge c = ask(t);
		struct response r = right ? answer(&c) : (struct response){.byte = {1}};
		t->hal.fail_at = 1;
		unlock(t, &r, NEW_PIN, SW_MEMORY_FAILURE);
		t->hal.fail_at = 1;
		unlock(t, &r, "short", SW_MEMORY_FAILURE);
		assert_int_equal(tries(t), 10);
	}
	free(image);
	ramtoken_free(t);
}

/* No byte left for objects: the holder gets in all the same. */
static void a_full_token_can_be_unlocked(void **state)
{
	const struct ramtoken_options small = {.flash_size = 32 * 1024, .sector = 2048};
	struct ramtoken *t = made("0102030405060708", &small);

	(void)state;
	initialize(t, 8, 2);
	wire_apdu(t, 0, 0x24, 0, 0x81, wire_hex("8006313233343536 8106 363636363636"), 0, SW_OK);
	wire_verify(t, 0x81, "666666", SW_OK);
	for (uint16_t n = 0, size = 2048; size > 0; n++) {
		uint8_t raw[3000];
		struct builder b = builder_of(raw, sizeof(raw));
		tlv_put_u16(&b, 0x5C, (uint16_t)(0x0300 + n));
		tlv_put(&b, 0x53, wire_data_object(size, 0, 1));
		if (wire_any(t, 0, 0xDB, 0x3F, 0xFF, builder_bytes(&b), 0, NULL) != SW_OK)
			size = (uint16_t)(size / 2);
	}
	for (unsigned n = 0; n < 20; n++) {
		struct challenge c = ask(t);
		struct response r = answer(&c);
		char pin[16];
		snprintf(pin, sizeof(pin), "new-pin-%u", n);
		unlock(t, &r, pin, SW_OK);
	}
	ramtoken_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_of_the_document),
		cmocka_unit_test(a_right_answer_sets_the_pin_once),
		cmocka_unit_test(what_is_checked_first),
		cmocka_unit_test(wrong_answers_are_counted),
		cmocka_unit_test(a_refused_pin_gives_the_try_back),
		cmocka_unit_test(another_answer_is_none),
		cmocka_unit_test(every_bit_of_the_answer_counts),
		cmocka_unit_test(how_long_a_challenge_lasts),
		cmocka_unit_test(the_new_pin_travels_inside_the_channel),
		cmocka_unit_test(the_last_unlock),
		cmocka_unit_test(a_million_answers_at_random),
		cmocka_unit_test(power_goes_while_it_is_unlocked),
		cmocka_unit_test(the_flash_fails_while_it_is_unlocked),
		cmocka_unit_test(a_full_token_can_be_unlocked),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
