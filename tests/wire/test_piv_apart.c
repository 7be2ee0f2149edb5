/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was opened in the PIV application (protocol 9) stays where it was opened: on its logical channel, in its secure
 * session, with the codes and the application of its time. And a token of older firmware gets the application, too.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "firmware-emu/core/state.h"
#include "tests/wire/personal.h"
#include "tests/wire/piv.h"

#define ALL  (PIV_FLAGS | PIV_YUBICO)
#define SIGN "7C05820081010A"

static void select_on(struct ramtoken *t, uint8_t channel)
{
	wire_apdu(t, 0x00, 0x70, 0, channel, BYTES_NONE, 0, SW_OK);
	wire_apdu(t, channel, 0xA4, 0x04, 0, wire_hex("A000000308"), APDU_LE_MAX, SW_OK);
}

/* ---- logical channels ---- */

static void a_channel_opens_nothing_on_another(void **state)
{
	struct ramtoken *t = piv_token(ALL);
	uint8_t raw[32], challenge[8];

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	select_on(t, 1);
	piv_log_in(t);
	wire_apdu(t, 1, 0x20, 0, 0x80, BYTES_NONE, 0, 0x63C3);
	wire_apdu(t, 1, 0x87, 0x11, 0x9A, wire_hex(SIGN), APDU_LE_MAX, SW_SECURITY_STATUS);
	wire_apdu(t, 1, 0xDB, 0x3F, 0xFF, wire_hex("5C035FC10A530101"), 0, SW_SECURITY_STATUS);
	/* "the command before" is the one before on this channel */
	wire_apdu(t, 0, 0x87, 0x11, 0x9C, wire_hex(SIGN), APDU_LE_MAX, SW_OK);
	wire_apdu(t, 1, 0x20, 0, 0x80, wire_hex(PIN_246813), 0, SW_OK);
	wire_apdu(t, 0, 0x87, 0x11, 0x9C, wire_hex(SIGN), APDU_LE_MAX, SW_SECURITY_STATUS);
	wire_apdu(t, 1, 0x87, 0x11, 0x9C, wire_hex(SIGN), APDU_LE_MAX, SW_OK);
	/* nor is a challenge of one answered on the other */
	memcpy(challenge, wire(t, "0087039B047C02810000", SW_OK).data + 4, 8);
	struct builder b = builder_of(raw, sizeof(raw));
	size_t body = tlv_begin(&b, 0x7C);
	tlv_put(&b, 0x82, piv_encrypt(0x03, KEY_OURS, BYTES_OF(challenge), 0));
	tlv_end(&b, body);
	wire_apdu(t, 1, 0x87, 0x03, 0x9B, builder_bytes(&b), 0, SW_SECURITY_STATUS);
	wire_apdu(t, 0, 0x87, 0x03, 0x9B, builder_bytes(&b), 0, SW_OK);
	/* a wrong PIN ends the state where it was given; a new PIN, everywhere else */
	wire_apdu(t, 1, 0x20, 0, 0x80, wire_hex(PIN_WRONG), 0, 0x63C2);
	wire(t, "00200080", SW_OK);
	wire_apdu(t, 1, 0x24, 0, 0x80, wire_hex(PIN_246813 PIN_998877), 0, SW_OK);
	wire(t, "00200080", 0x63C3);
	wire_apdu(t, 1, 0x20, 0, 0x80, BYTES_NONE, 0, SW_OK);
	wire_apdu(t, 0, 0x2C, 0, 0x80, wire_hex(PUK_OURS PIN_246813), 0, SW_OK);
	wire_apdu(t, 1, 0x20, 0, 0x80, BYTES_NONE, 0, 0x63C3);
	wire(t, "00200080", 0x63C3);
	/* a new management key, too; who set it stays in */
	wire(t, "00FFFFFF1B039B18" KEY_KNOWN, SW_OK);
	wire(t, "00DB3FFF085C035FC10A530101", SW_OK);
	ramtoken_free(t);
}

/* A PIV program that leaves a chain unfinished costs nobody on another channel a command. */
static void a_chain_left_unfinished_is_nobodys_loss(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	wire(t, "00700001", SW_OK);
	wire(t, "1087119A04 7C058200", SW_OK);
	wire_apdu(t, 1, 0xCB, 0x3F, 0xFF, wire_hex("5C020001"), APDU_LE_MAX, SW_OK);
	wire(t, "1087119A04 7C058200", SW_OK);
	wire_apdu(t, 1, 0x20, 0, 0x81, BYTES_NONE, 0, 0x63C6);
	/* one of ours is missed, as always */
	wire(t, "11200081 02 3132", SW_OK);
	wire_apdu(t, 1, 0xCB, 0x3F, 0xFF, wire_hex("5C020001"), APDU_LE_MAX, SW_LAST_OF_CHAIN_EXPECTED);
	ramtoken_free(t);
}

/* Everything that is open when PIV is taken away, made anew or made another. */
static void a_new_life_finds_nothing_open(void **state)
{
	static const struct {
		const char *what;
		uint8_t flags;
		bool stays; /* the same application is selected then */
	} lives[] = {
		{PIV_TEMPLATE, ALL,       true },
		{PIV_TEMPLATE, PIV_FLAGS, false},
		{NULL,         0,         false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
		struct ramtoken *t = piv_token(ALL);
		wire(t, SELECT_UKEY, SW_OK);
		select_on(t, 1);
		wire_apdu(t, 1, 0x20, 0, 0x80, wire_hex(PIN_246813), 0, SW_OK);
		assert_int_equal(piv_initialize(t, lives[i].flags, lives[i].what), SW_OK);
		wire_apdu(t, 1, 0x20, 0, 0x80, BYTES_NONE, 0, lives[i].stays ? 0x63C3 : SW_WRONG_P1P2);
		wire_apdu(t, 1, 0x84, 0, 0, BYTES_NONE, 8, lives[i].stays ? SW_INS_NOT_SUPPORTED : SW_OK);
		assert_int_equal(wire_info(t, 0x90).data[0], 0);
		ramtoken_free(t);
	}
}

/* ---- secure channel ---- */

static struct ramtoken *personalised(struct personal *p)
{
	struct ramtoken *t = ramtoken_new(NULL);
	uint8_t setup[256];
	struct builder b = builder_of(setup, sizeof(setup));

	/* the longest transaction that INITIALIZE has: user PIN, its history, PIV */
	t->hal.fresh_keys = true;
	personal_make(t, NULL, p);
	builder_put(&b, wire_hex("8000 8108 3837363534333231 8306 313233343536 8A05 062000080F"));
	tlv_put(&b, 0xA9, wire_hex(PIV_TEMPLATE));
	assert_int_equal(personal_initialize(t, builder_bytes(&b)), SW_OK);
	piv_select(t);
	return t;
}

static uint16_t send(struct ramtoken *t, struct scp_session *s, uint8_t ins, uint8_t p1, uint8_t p2, struct bytes data,
	struct bytes *answer)
{
	return personal_send(t, 0, s, &(struct apdu){0x00, ins, p1, p2, data, APDU_LE_MAX, true, false}, answer);
}

static void it_works_inside_a_session_and_ends_with_it(void **state)
{
	struct personal p;
	struct ramtoken *t = personalised(&p);
	struct scp_session s;
	struct bytes answer;

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9C, 0x11, 0, 0);
	piv_log_in(t);
	/* a session begins with nothing open */
	personal_open(t, 0, p.device_point, &s);
	assert_int_equal(send(t, &s, 0x20, 0, 0x80, BYTES_NONE, NULL), 0x63C3);
	assert_int_equal(send(t, &s, 0xDB, 0x3F, 0xFF, wire_hex("5C035FC10A530101"), NULL), SW_SECURITY_STATUS);
	assert_int_equal(send(t, &s, 0x20, 0, 0x80, wire_hex(PIN_246813), NULL), SW_OK);
	assert_int_equal(send(t, &s, 0x87, 0x11, 0x9C, wire_hex(SIGN), &answer), SW_OK);
	assert_int_equal(answer.data[0], 0x7C);
	assert_int_equal(send(t, &s, 0x87, 0x11, 0x9C, wire_hex(SIGN), NULL), SW_SECURITY_STATUS);
	assert_int_equal(send(t, &s, 0xCB, 0x3F, 0xFF, wire_hex("5C035FC102"), &answer), SW_OK);
	assert_int_equal(answer.len, 61);
	/* what comes beside the session kills it, and what it opened */
	wire(t, "00200080", SW_SECURITY_STATUS);
	wire(t, "00CB3FFF055C035FC10200", SW_SECURITY_STATUS);
	piv_select(t);
	wire(t, "00200080", 0x63C3);
	/* so does SELECT of the same application */
	personal_open(t, 0, p.device_point, &s);
	assert_int_equal(send(t, &s, 0x20, 0, 0x80, wire_hex(PIN_246813), NULL), SW_OK);
	piv_select(t);
	wire(t, "00200080", 0x63C3);
	ramtoken_free(t);
}

/* ---- traces ---- */

/* After any command, right or wrong, no code, no management key and no object read with the PIN is in the memory. */
static void no_code_and_no_key_stays_in_memory(void **state)
{
	static const char *const commands[] = {
		"0020008008" PIN_246813,
		"0020008008" PIN_WRONG,
		"0024008010" PIN_246813 PIN_998877,
		"0024008010" PIN_246813 PIN_998877,
		"0024008110" PUK_OURS PUK_OTHER,
		"002C008010" PUK_OURS PIN_WRONG,
		"002C008010" PUK_OTHER PIN_246813,
		"00FFFFFF1B0A9B18" KEY_OURS,
		"00FFFFFF1B119B18" KEY_OURS,
		"00DB3FFF215C035FC109531C881A8918" KEY_OURS,
		"0020008008" PIN_246813,
		"00CB3FFF055C035FC10900",
		"00CB3FFF055C035FC10904",
		"00F7009B00",
		"00FD000000",
	};
	static const char *const secrets[] = {PIN_246813, PIN_WRONG, PIN_998877, PUK_OURS, PUK_OTHER, KEY_OURS};
	struct ramtoken *t = piv_token(ALL);
	bool read = false;

	(void)state;
	piv_admin(t);
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		(void)ramtoken_transceive(t, wire_hex(commands[i]));
		for (size_t s = 0; s < sizeof(secrets) / sizeof(secrets[0]); s++) {
			/* the answer is what was asked for: it goes with the next command */
			read = strncmp(commands[i], "00CB", 4) == 0 && s == 5;
			struct bytes secret = wire_hex(secrets[s]);
			if (!read && memmem(t->memory, fw_size(), secret.data, secret.len))
				fail_msg("after %s: %s", commands[i], secrets[s]);
		}
	}
	ramtoken_free(t);
}

/* ---- room ---- */

static uint32_t total_bytes(struct ramtoken *t)
{
	struct cursor c = cursor_of(wire_info(t, 0x8B));

	cursor_u32(&c);
	return cursor_u32(&c);
}

/* Objects of this value in the places of retired certificates from the n-th, until it is full; the first left free. */
static uint32_t fill(struct ramtoken *t, uint32_t n, struct bytes value)
{
	while (n < 20 && wire_any(t, 0, 0xDB, 0x3F, 0xFF, piv_put_data(0x5FC10D + n, value), 0, NULL) == SW_OK)
		n++;
	assert_true(n < 20);
	return n;
}

/* Who has PIV's codes, which may be anybody after a RESET, gets half of the memory: ours is never full of his things.
 */
static void it_takes_half_of_the_memory_at_most(void **state)
{
	static const uint8_t big[3000] = {1}, bigger[4000] = {2};
	const struct ramtoken_options small = {.flash_size = 128 * 1024, .sector = 2048};
	struct ramtoken *t = ramtoken_new(&small);

	(void)state;
	assert_int_equal(piv_initialize(t, ALL, PIV_TEMPLATE), SW_OK);
	const uint32_t half = total_bytes(t) / 2;
	piv_select(t);
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	const uint32_t n = fill(t, 0, BYTES_OF(big));
	assert_in_range(n, half / 3100 - 1, half / 3000);
	/* what does not fit changes nothing, and an answer says so */
	piv_put(t, 0x5FC10D, BYTES_OF(bigger), SW_FULL);
	piv_put(t, 0x5FC105, BYTES_OF(big), SW_FULL);
	fill(t, fill(t, n, BYTES(big, 1000)), BYTES(big, 400));
	struct bytes m = wire(t, "00F7009A00", SW_OK);
	uint8_t before[100];
	memcpy(before, m.data, m.len);
	const size_t before_len = m.len;
	wire(t, "0047009A05AC03800107", SW_FULL);
	wire(t, "0047009505AC03800107", SW_FULL);
	assert_true(bytes_equal(wire(t, "00F7009A00", SW_OK), BYTES(before, before_len)));
	wire(t, "00F70095", SW_REFERENCE_NOT_FOUND);
	/* codes, the key in its place, what is no longer than before: they need no room */
	wire(t, "0020008008" PIN_WRONG, 0x63C2);
	wire(t, "0024008010" PIN_246813 PIN_998877, SW_OK);
	wire(t, "0024008110" PUK_OURS PUK_OTHER, SW_OK);
	wire(t, "00FFFFFF1B039B18" KEY_KNOWN, SW_OK);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	piv_put(t, 0x5FC10D, BYTES_OF(big), SW_OK);
	/* a token of older firmware that has more keeps it, and gets smaller */
	t->fw->journal.bank_size -= 4096;
	piv_put(t, 0x5FC10D, BYTES_OF(big), SW_OK);
	piv_put(t, 0x5FC10D, BYTES_OF(bigger), SW_FULL);
	piv_put(t, 0x5FC10D, BYTES(big, 2999), SW_OK);
	t->fw->journal.bank_size += 4096;
	/* ours has the other half */
	wire(t, SELECT_UKEY, SW_OK);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	uint32_t ours = 0;
	for (uint16_t object = 0x0300; object < 0x0340; object++, ours += 1000)
		if (wire_any(t, 0, 0xDB, 0x3F, 0xFF, piv_put_data(object, wire_data_object(1000, 0, 1)), 0, NULL) !=
			SW_OK)
			break;
	assert_in_range(ours, half - 4000, half);
	/* and when that is full, so is PIV: what it deletes, either may have */
	piv_select(t);
	piv_admin_with(t, 0x03, KEY_KNOWN, SW_OK);
	piv_put(t, 0x5FC10E, BYTES_NONE, SW_OK);
	piv_put(t, 0x5FC10E, BYTES_OF(big), SW_OK);
	/* RESET needs no room */
	for (uint16_t left = 3; left-- > 0;)
		wire(t, "0020008008" PIN_WRONG, (uint16_t)(0x63C0 | left));
	for (uint16_t left = 3; left-- > 0;)
		wire(t, "002C008010" PUK_12345678 PIN_WRONG, (uint16_t)(0x63C0 | left));
	wire(t, "00FB0000", SW_OK);
	piv_admin_with(t, 0x03, KEY_KNOWN, SW_OK);
	assert_in_range(fill(t, 0, BYTES_OF(big)), n - 1, n + 1);
	ramtoken_free(t);
}

/* ---- a card that is PIV and nothing else ---- */

static void nothing_of_ours_is_on_it(struct ramtoken *t)
{
	static const struct {
		const char *command;
		uint16_t sw;
	} rows[] = {
		{SELECT_UKEY,            SW_NOT_FOUND            },
		{"00A4040005F04F70656E", SW_NOT_FOUND            },
		{"0070000001",           SW_INS_NOT_SUPPORTED    },
		{"00700001",             SW_INS_NOT_SUPPORTED    },
		{"01A4040005A000000308", SW_CHANNEL_NOT_SUPPORTED},
		{"40A4040005A000000308", SW_CHANNEL_NOT_SUPPORTED},
		{"0CCB3FFF055C035FC102", SW_SM_NOT_SUPPORTED     },
		{"8088011300",           SW_CLA_NOT_SUPPORTED    },
		{"80E0000002A900",       SW_CLA_NOT_SUPPORTED    },
		{"80EE0000",             SW_CLA_NOT_SUPPORTED    },
		{"80F0000000",           SW_CLA_NOT_SUPPORTED    },
		{"80E4000000",           SW_CLA_NOT_SUPPORTED    },
		{"90DA070001FF",         SW_CLA_NOT_SUPPORTED    },
		{"0084000008",           SW_INS_NOT_SUPPORTED    },
		{"00200081",             SW_REFERENCE_NOT_FOUND  },
		{"00200082",             SW_REFERENCE_NOT_FOUND  },
		{"00C0000000",           SW_CONDITIONS           },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wire(t, rows[i].command, rows[i].sw);
}

static void piv_only_shows_piv_and_nothing_else(void **state)
{
	struct ramtoken *t = piv_token(ALL);

	(void)state;
	piv_admin(t);
	piv_generate(t, 0x9A, 0x11, 0, 0);
	t->piv_only = true;
	wire(t, SELECT_UKEY, SW_OK); /* not before power is gone */
	ramtoken_power_cycle(t);
	/* T=1 is offered; the historical bytes are no compact TLV, nor ours */
	assert_string_equal(wire_text(t->atr), "3B888001544553542050495670");
	nothing_of_ours_is_on_it(t);
	/* PIV is selected from the start */
	piv_get(t, 0x5FC102, SW_OK);
	piv_log_in(t);
	piv_use(t, 0x9A, 0x11, 0x81, wire_hex("0A"), SW_OK);
	/* what is not there neither takes its place nor ends its state */
	wire(t, SELECT_UKEY, SW_NOT_FOUND);
	wire(t, "00200080", SW_OK);
	/* the application beside it does, as another one of other people's cards does */
	wire(t, "00A4040005 F054455354", SW_OK);
	wire(t, "00200080", SW_INS_NOT_SUPPORTED);
	wire(t, "00CB3FFF055C035FC102", SW_INS_NOT_SUPPORTED);
	piv_select(t);
	wire(t, "00200080", 0x63C3);
	piv_admin(t);
	nothing_of_ours_is_on_it(t);
	/* PIV's own RESET works and changes nothing of it */
	for (int i = 0; i < 3; i++)
		wire(t, "0020008008" PIN_WRONG, (uint16_t)(0x63C2 - i));
	for (int i = 0; i < 3; i++)
		wire(t, "002C008010" PUK_OTHER PIN_WRONG, (uint16_t)(0x63C2 - i));
	wire(t, "00FB0000", SW_OK);
	nothing_of_ours_is_on_it(t);
	/* it was never more than a face */
	t->piv_only = false;
	ramtoken_power_cycle(t);
	assert_string_equal(wire_text(t->atr), "3B8B800180738001D765554B455901C9");
	wire(t, "00A4040005 F054455354", SW_NOT_FOUND);
	wire(t, SELECT_UKEY, SW_OK);
	wire_verify(t, 0x81, USER_PIN, SW_OK);
	ramtoken_free(t);
}

/* On a token without PIV such a card is empty. */
static void piv_only_without_piv_is_empty(void **state)
{
	struct ramtoken *t = ramtoken_new(NULL);

	(void)state;
	for (int initialized = 0; initialized < 2; initialized++) {
		t->piv_only = true;
		ramtoken_power_cycle(t);
		wire(t, PIV_SELECT, SW_NOT_FOUND);
		wire(t, SELECT_UKEY, SW_NOT_FOUND);
		wire(t, "00CB3FFF055C035FC102", SW_INS_NOT_SUPPORTED);
		wire(t, "00200080", SW_INS_NOT_SUPPORTED);
		wire(t, "8088011300", SW_CLA_NOT_SUPPORTED);
		t->piv_only = false;
		ramtoken_power_cycle(t);
		if (!initialized)
			wire_initialize(t);
	}
	ramtoken_free(t);
}

/* ---- older firmware ---- */

/* Its counters are two or three; the application comes with INITIALIZE as to a new token. */
static void an_older_token_gets_it(void **state)
{
	static const uint8_t old[] = {5, 9, 0};

	(void)state;
	for (size_t len = 2; len <= 3; len++) {
		struct ramtoken *t = ramtoken_new(NULL);
		const struct fw_change shorter = {.object = FW_OBJECT_TRIES, .part = {BYTES(old, len)}};
		wire_initialize(t);
		assert_int_equal(fw_journal_commit(t->fw, &shorter, 1), FW_JOURNAL_OK);
		ramtoken_power_cycle(t);
		assert_int_equal(wire_info(t, 0x85).data[0], 5);
		wire(t, PIV_SELECT, SW_NOT_FOUND);
		wire_verify(t, 0x81, "no such PIN", 0x63C4);
		ramtoken_power_cycle(t);
		assert_int_equal(wire_info(t, 0x85).data[0], 4);
		assert_int_equal(piv_initialize(t, ALL, PIV_TEMPLATE), SW_OK);
		ramtoken_power_cycle(t);
		piv_select(t);
		wire(t, "00200080", 0x63C3);
		assert_string_equal(wire_text(wire(t, "00F7008100", SW_OK)), "0101FF05010006020303");
		ramtoken_free(t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_channel_opens_nothing_on_another),
		cmocka_unit_test(a_chain_left_unfinished_is_nobodys_loss),
		cmocka_unit_test(a_new_life_finds_nothing_open),
		cmocka_unit_test(it_works_inside_a_session_and_ends_with_it),
		cmocka_unit_test(no_code_and_no_key_stays_in_memory),
		cmocka_unit_test(it_takes_half_of_the_memory_at_most),
		cmocka_unit_test(piv_only_shows_piv_and_nothing_else),
		cmocka_unit_test(piv_only_without_piv_is_empty),
		cmocka_unit_test(an_older_token_gets_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
