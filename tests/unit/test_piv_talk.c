/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conversations with PIV cards, byte by byte: what card/piv.c sends is what SP 800-73-4 part 2 has (and what other
 * people's drivers were seen to send), and what cards answer, old ones too, is understood.
 */
#include "driver/card/card.h"

#include "common/exchange.h"
#include "driver/card/piv_slot.h"
#include "tests/unit/piv_text.h"

/* Command and answer in turn, as hex with braces (piv_text.h). */
struct turn {
	const char *command, *answer;
};

static const struct turn *next_turn, *past;
static unsigned held;

static int say(void *ctx, struct bytes command, struct builder *answer)
{
	(void)ctx;
	assert_true(held > 0);
	if (next_turn == past) {
		test_print("nobody expected", command);
		fail();
	}
	struct bytes want = spell(next_turn->command), reply = spell(next_turn->answer);
	assert_bytes_equal(command, want);
	builder_put(answer, reply);
	test_drop(want);
	test_drop(reply);
	next_turn++;
	return 0;
}

static enum ukey_status send_it(void *ctx, const struct apdu *command, struct builder *answer, uint16_t *sw)
{
	return exchange(ctx, command, answer, sw) == EXCHANGE_OK ? UKEY_OK : UKEY_TOKEN_PROTOCOL;
}

static enum ukey_status hold(void *ctx)
{
	(void)ctx;
	held++;
	return UKEY_OK;
}

static void let_go(void *ctx)
{
	(void)ctx;
	held--;
}

struct talk {
	struct exchange x;
	struct card_memory memory;
	struct card_port port;
};

static void talk_begin(struct talk *t, bool extended)
{
	*t = (struct talk){
		.x = {.transceive = say, .extended = extended},
                  .memory = {.reader = "here"                }
        };
	t->port =
		(struct card_port){.send = send_it, .hold = hold, .let_go = let_go, .ctx = &t->x, .memory = &t->memory};
}

#define EXPECT(turns)                                                                                                  \
	do {                                                                                                           \
		next_turn = (turns);                                                                                   \
		past = (turns) + COUNT(turns);                                                                         \
		held = 0;                                                                                              \
	} while (0)
/* All was said, and the reader is free again. */
#define SAID()                                                                                                         \
	do {                                                                                                           \
		assert_ptr_equal(next_turn, past);                                                                     \
		assert_int_equal(held, 0);                                                                             \
	} while (0)

#define CHUID   "00 CB 3F FF 05 5C 03 5F C1 02 00"
#define YUBIKEY "61 11 4F 06 000010000100 79 07 4F 05 A000000308 9000"
#define NAMED   "53 {30 {" FASC "} 34 {" X16 "} 35 {3230333030313031} 3E {} FE {}} 9000"

static void selected(struct talk *t)
{
	static const struct turn turns[] = {
		{"00 A4 04 00 09 A00000030800001000 00", YUBIKEY},
		{CHUID,				  NAMED  },
	};
	struct card_info info;

	EXPECT(turns);
	assert_int_equal(card_piv.select(&t->port, &info), UKEY_OK);
	SAID();
	assert_string_equal(info.token.serial, "99AABBCCDDEEFF00");
}

/* SP 800-73-4 part 2, 3.1.1; the answer in pieces, as T=0 has it. */
static void a_card_is_selected(void **state)
{
	static const struct turn pieces[] = {
		{"00 A4 04 00 09 A00000030800001000 00", "61 13"},
		{"00 C0 00 00 13",                       YUBIKEY},
		{CHUID,				  "6C 3D"},
		{"00 CB 3F FF 05 5C 03 5F C1 02 3D",     NAMED  },
	};
	/* CVE-2025-49010: 61xx, and then nothing but a status word. */
	static const struct turn nothing[] = {
		{"00 A4 04 00 09 A00000030800001000 00", "61 13"},
		{"00 C0 00 00 13",                       "90 00"},
	};
	static const struct turn foreign[] = {
		{"00 A4 04 00 09 A00000030800001000 00", "6A 82"},
	};
	struct card_info info;
	struct talk t;

	(void)state;
	talk_begin(&t, true);
	selected(&t);
	talk_begin(&t, false);
	EXPECT(pieces);
	assert_int_equal(card_piv.select(&t.port, &info), UKEY_OK);
	SAID();
	EXPECT(nothing);
	assert_int_equal(card_piv.select(&t.port, &info), UKEY_FOREIGN_CARD);
	SAID();
	EXPECT(foreign);
	assert_int_equal(card_piv.select(&t.port, &info), UKEY_FOREIGN_CARD);
	SAID();
}

#define DISCOVERY "00 CB 3F FF 03 5C 01 7E 00"

static enum ukey_status verify(struct talk *t, const char *pin)
{
	uint32_t generation;
	return card_piv.verify(&t->port, UKEY_USER, BYTES((const uint8_t *)pin, strlen(pin)), &generation);
}

/* 3.2.1: padded with FF, to the reference that the discovery object names. */
static void the_pin_is_sent_as_cards_want_it(void **state)
{
	static const struct turn plain[] = {
		{DISCOVERY,                         "7E {4F {A000000308000010000100} 5F2F {40 00}} 9000"},
		{"00 20 00 80 08 313233343536FFFF", "9000"                                              },
		{"00 20 FF 80",                     "9000"					      },
	};
	static const struct turn global[] = {
		{DISCOVERY,                         "7E {4F {A000000308000010000100} 5F2F {60 20}} 9000"},
		{"00 20 00 00 08 3132333435363738", "9000"                                              },
		{"00 20 FF 00",                     "9000"					      },
	};
	static const struct turn none[] = {
		{DISCOVERY,                         "6A82"},
		{CHUID,			     NAMED }, /* it is PIV that says so */
		{"00 20 00 80 08 31323334353637FF", "63C2"},
		{"00 20 00 80 08 31323334353637FF", "6983"},
	};
	static const struct turn first_yubikeys[] = {
		{DISCOVERY,                         "6A80"},
		{CHUID,			     NAMED },
		{"00 20 00 80 08 31323334353637FF", "6302"},
	};
	struct talk t;

	(void)state;
	talk_begin(&t, true);
	selected(&t);
	EXPECT(plain);
	assert_int_equal(verify(&t, "123456"), UKEY_OK);
	assert_int_equal(card_piv.logout(&t.port, UKEY_USER), UKEY_OK);
	SAID();
	talk_begin(&t, true);
	selected(&t);
	EXPECT(global);
	assert_int_equal(verify(&t, "12345678"), UKEY_OK);
	assert_int_equal(card_piv.logout(&t.port, UKEY_USER), UKEY_OK);
	SAID();
	talk_begin(&t, true);
	selected(&t);
	EXPECT(none);
	assert_int_equal(verify(&t, "1234567"), UKEY_PIN_INCORRECT);
	assert_int_equal(card_tries(t.port.sw), 2);
	assert_int_equal(verify(&t, "1234567"), UKEY_PIN_BLOCKED);
	SAID();
	/* CVE-2023-40660: nothing is no PIN, whoever may be logged in, and is not sent. */
	assert_int_equal(verify(&t, ""), UKEY_PIN_LENGTH);
	assert_int_equal(verify(&t, "12345"), UKEY_PIN_LENGTH);
	assert_int_equal(verify(&t, "123456789"), UKEY_PIN_LENGTH);
	talk_begin(&t, false);
	selected(&t);
	EXPECT(first_yubikeys);
	assert_int_equal(verify(&t, "1234567"), UKEY_PIN_INCORRECT);
	assert_int_equal(card_tries(t.port.sw), 2);
	SAID();
}

/* 3.2.2, 3.2.3 */
static void the_puk_is_sent_as_cards_want_it(void **state)
{
	static const struct turn turns[] = {
		{"00 24 00 81 10 3837363534333231 3132333435363738", "9000"},
		{"00 2C 00 80 10 3837363534333231 363534333231FFFF", "63C1"},
	};
	const struct bytes puk = BYTES((const uint8_t *)"87654321", 8);
	struct talk t;

	(void)state;
	talk_begin(&t, true);
	selected(&t);
	EXPECT(turns);
	assert_int_equal(card_piv.change_pin(&t.port, UKEY_SO, puk, BYTES((const uint8_t *)"12345678", 8)), UKEY_OK);
	assert_int_equal(card_piv.unlock_pin(&t.port, puk, BYTES((const uint8_t *)"654321", 6)), UKEY_SO_PIN_INCORRECT);
	SAID();
}

#define B16 "00000000000000000000000000000000"
#define B64 B16 B16 B16 B16
#define B32 B16 B16

/* 3.2.4 and A.4: one extended command; or a chain of short ones, and GET RESPONSE. */
static void a_key_is_used_as_cards_want_it(void **state)
{
	static const struct turn extended[] = {
		{"00 87 07 9A 00010A 7C 82 0106 82 00 81 82 0100" B64 B64 B64 B64 "013E",
                 "7C 82 0104 82 82 0100" X64 X64 X64 X64 "9000"},
	};
	static const struct turn chained[] = {
		{"10 87 07 9A FF 7C 82 0106 82 00 81 82 0100" B64 B64 B64 B32 B16 "0000000000", "9000"                                                                           },
		{"00 87 07 9A 0B 0000000000000000000000 00",                                    "7C 82 0104 82 82 0100" X64 X64 X64 X32
							     "112233445566778899AABBCCDDEEFF00 1122334455667788 6108"},
		{"00 C0 00 00 08",							      "99AABBCCDDEEFF00 9000"							  },
	};
	static const struct turn curve[] = {
		{"00 87 11 9C 26 7C 24 82 00 81 20 000000000000000000000000" B16 "00000000 00",
                 "7C {82 {30 {02 {01} 02 {7F}}}} 9000"								      },
		{"00 87 14 9D 67 7C 65 82 00 85 61" B64 B32 "00 00",                            "7C {82 {" X32 X16 "}} 9000"},
	};
	uint8_t in[256] = {0}, out[256];
	struct talk t;

	(void)state;
	for (int i = 0; i < 2; i++) {
		talk_begin(&t, i == 0);
		selected(&t);
		if (i == 0)
			EXPECT(extended);
		else
			EXPECT(chained);
		assert_int_equal(card_piv.operate(&t.port, CARD_SIGN, UKEY_RSA_2048, UKEY_KEY_REF(0, UKEY_SIGNATURE),
					 BYTES_OF(in), out, 256),
			UKEY_OK);
		SAID();
		assert_bytes_hex(BYTES_OF(out), X64 X64 X64 X64);
	}
	talk_begin(&t, false);
	selected(&t);
	EXPECT(curve);
	assert_int_equal(card_piv.operate(&t.port, CARD_SIGN, UKEY_P256, UKEY_KEY_REF(1, UKEY_SIGNATURE), BYTES(in, 20),
				 out, 64),
		UKEY_OK);
	assert_bytes_hex(BYTES(out, 64), B16 "00000000000000000000000000000001" B16 "0000000000000000000000000000007F");
	assert_int_equal(card_piv.operate(&t.port, CARD_DERIVE, UKEY_P384, UKEY_KEY_REF(2, UKEY_EXCHANGE),
				 BYTES(in, 97), out, 48),
		UKEY_OK);
	assert_bytes_hex(BYTES(out, 48), X32 X16);
	SAID();
}

/* Answers to a signature that are none. */
static void what_is_no_signature_is_refused(void **state)
{
	static const char *const answers[] = {
		"9000",
		"7C {} 9000",
		"7C {82 {}} 9000",
		"7C {82 {" X64 "}} 9000", /* r || s: PIV has DER */
		"7C {82 {30 {02 {00} 02 {7F}}}} 9000",
		"7C {82 {30 {02 {80} 02 {7F}}}} 9000",
		"7C {82 {30 {02 {01" X32 "} 02 {7F}}}} 9000",
		"7C {81 {30 {02 {01} 02 {7F}}}} 9000",
		"30 {02 {01} 02 {7F}} 9000",
		"7C {82 09 30 06 02 01 01 02 01 7F} 9000",
		"7C {82 {30 {02 {01} 02 {7F}}}} 01 9000",
	};
	uint8_t in[32] = {0}, out[64];
	struct talk t;

	(void)state;
	for (size_t i = 0; i < COUNT(answers); i++) {
		const struct turn turns[] = {
			{"00 87 11 9A 26 7C 24 82 00 81 20" B32 "00", answers[i]},
		};
		talk_begin(&t, true);
		selected(&t);
		EXPECT(turns);
		assert_int_equal(card_piv.operate(&t.port, CARD_SIGN, UKEY_P256, UKEY_KEY_REF(0, UKEY_SIGNATURE),
					 BYTES_OF(in), out, 64),
			UKEY_TOKEN_PROTOCOL);
		SAID();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_card_is_selected),
		cmocka_unit_test(the_pin_is_sent_as_cards_want_it),
		cmocka_unit_test(the_puk_is_sent_as_cards_want_it),
		cmocka_unit_test(a_key_is_used_as_cards_want_it),
		cmocka_unit_test(what_is_no_signature_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
